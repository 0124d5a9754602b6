"""The common base of module savers: the group of a module, found or made, with the module's settings.

A module is any object with a ``title`` and, if it has them, ``settings`` (a parameter tree), ``viewers`` with regions
of interest, or a ``modules_manager`` of sub-modules. Nothing else is asked of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Protocol, runtime_checkable

from h5saver_widget.data.protocols import DataToExportLike
from h5saver_widget.errors import FileNotOpenError
from h5saver_widget.format import naming
from h5saver_widget.format.layout import GroupModuleType, numbered_name
from h5saver_widget.format.settings_xml import all_settings_xml
from h5saver_widget.nodes.typed import GROUP
from h5saver_widget.saving.external import add_png
from h5saver_widget.saving.groups import type_name
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.handles import bring_up_to_date
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.notices import tell

__all__ = ["DataBundle", "Module", "ModuleSaver", "roi_settings"]

_MAX_NODES = 64


@runtime_checkable
class Module(Protocol):
    """The attributes of a module that a module saver reads."""

    title: str


@dataclass
class DataBundle:
    """Data that a host passes from its acquiring thread to its saving thread.

    Any object with these attributes is taken by ``add_data_bundle``.
    """

    dte: DataToExportLike
    node: Any = None
    settings: str | bytes = ""
    indexes: Sequence[int] = ()
    axis_values: Sequence[float] = ()
    distribution: Any = "uniform"
    save_index: int = 0


def roi_settings(module: Any) -> list[tuple[str, Any]]:
    """Return the settings of the regions of interest of every viewer, with the tags they go under."""
    viewers = getattr(module, "viewers", None) or () if getattr(module, "ui", True) is not None else ()
    found = []
    for number, viewer in enumerate(viewers):
        settings = getattr(getattr(viewer, "roi_manager", None), "settings", None)
        if settings is not None:
            found.append((f"ROI_Viewer_{number:02d}", settings))
    return found


class ModuleSaver:
    """Base of the module savers.

    Parameters
    ----------
    module
        The module whose data are saved; where it is nothing but a name, its name.
    """

    group_type: ClassVar[Any] = GroupModuleType.DETECTOR
    main_module = True

    def __init__(self, module: Any) -> None:
        self._module = SimpleNamespace(title=module) if isinstance(module, str) else module
        self._h5saver: H5SaverLowLevel | None = None
        self._node: GROUP | None = None
        self._nodes: dict[tuple[int, str], GROUP] = {}

    @property
    def module(self) -> Any:
        """The module whose data are saved."""
        return self._module

    @property
    def module_group(self) -> GROUP | None:
        """The group that was found or made last."""
        return self._node

    @property
    def h5saver(self) -> H5SaverLowLevel | None:
        """The saver whose file is used; setting it is cheap, hosts do it often."""
        return self._h5saver

    @h5saver.setter
    def h5saver(self, h5saver: H5SaverLowLevel | Path | str | None) -> None:
        if isinstance(h5saver, (str, Path)):
            h5saver = H5SaverLowLevel.from_file(h5saver)
        if h5saver is not self._h5saver:
            self._nodes, self._node = {}, None
        self._h5saver = h5saver
        self.update_after_h5changed()

    def _set_current(self, node: GROUP) -> None:
        self._node = node

    def current_node(self) -> GROUP:
        """Return the group in use: the one found or made last, or that of this module in the file that is open now."""
        if self._node is None:
            return self.get_set_node()
        self.present(self._node)
        return self._node

    def present(self, where: Where) -> Where:
        """Return a place in the open file: for the module's group of an earlier file, its group in this one.

        It is made, with the settings, if the module has none yet.
        """
        saver = self.saver
        if bring_up_to_date(saver, where, make=False) or not isinstance(where, GROUP):
            return where
        if where is self._node or where.known_as.title == self.title:  # of others, the saver knows whose they are
            with saver.saving():
                where.become(self.get_set_node())
                where.known_as.generation = saver.generation
        return where

    def update_after_h5changed(self) -> None:
        """React to another saver; sub-classes make their data savers here."""

    @property
    def saver(self) -> H5SaverLowLevel:
        """The saver; FileNotOpenError if none was given."""
        if self._h5saver is None:
            raise FileNotOpenError(f"{self.title}: no saver was given; set the attribute h5saver first")
        return self._h5saver

    @property
    def title(self) -> str:
        """Title of the module."""
        return str(getattr(self._module, "title", "") or type(self._module).__name__)

    def flush(self) -> None:
        """Hand everything written so far to the operating system."""
        if self._h5saver is not None:
            self._h5saver.flush()

    def add_png(self, png: bytes, name: str = "pixmap2D") -> str:
        """Store a PNG picture with the module's group, and return the name of the attribute.

        A streaming file (SWMR) is reopened for it. Errors as :func:`h5saver_widget.saving.external.add_png`.
        """
        saver = self.saver
        with saver.saving():
            saver.end_streaming()
            return add_png(self.current_node(), png, name)

    # ------------------------------------------------------------------ nodes
    def get_set_node(self, where: Where | None = None, name: str | None = None, new: bool = False) -> GROUP:
        """Return the module's group, made if it is not there.

        Parameters
        ----------
        where
            Group that holds it; None for the raw data group.
        name
            Title to look for; None for the module's.
        new
            Make a new group in any case.
        """
        saver = self.saver
        title = self.title if name is None else name
        with saver.saving():
            if new:
                saver.end_streaming()
            path = saver.path_of(saver.raw_group if where is None else where)
            key = (saver.generation, f"{path}\0{title}")
            if new or key not in self._nodes:
                if len(self._nodes) >= _MAX_NODES:
                    self._nodes.clear()  # a handle for each of ten thousand scans would stay open
                found = None if new else saver.find_group(path, self.group_type, title)
                self._nodes[key] = found or self._add_module(path, title)
            self._set_current(self._nodes[key])
            return self._nodes[key]

    def _add_module(self, where: Where, title: str) -> GROUP:
        """Make the module's group, with all settings.

        Settings that can't be written are skipped, and reported: they must not cost the data.
        """
        try:
            settings = self.settings_xml()
        except Exception as error:  # of the host's parameters, whatever they raise
            settings = b'<All_settings type="group" />'
            tell(self.saver, f"{title}: its settings can't be written and are skipped: {error}")
        return self.saver.add_generic_group(where, title, settings, self.metadata(), self.group_type)

    def metadata(self) -> dict[str, Any]:
        """Return more attributes of the module's group."""
        return {}

    def settings_xml(self) -> bytes:
        """Return the settings of module, saver and regions of interest as XML."""
        parts: list[tuple[str | None, Any]] = []
        settings = getattr(self._module, "settings", None)
        if settings is not None:
            parts.append((None, settings))
        saver_settings = getattr(self._h5saver, "settings", None)
        if saver_settings is not None:
            parts.append(("H5Saver", saver_settings))
        return all_settings_xml(*parts, *roi_settings(self._module))

    def get_last_node(self, where: Where | None = None) -> GROUP | None:
        """Return the last group of this kind, None if there is none."""
        saver = self.saver
        return saver.get_last_group(saver.raw_group if where is None else where, self.group_type)

    def get_last_node_index(self, where: Where | None = None) -> int | None:
        """Return the number of the last group of this kind, None if there is none."""
        last = self.get_last_node(where)
        return None if last is None else naming.number_of(last.name, type_name(self.group_type).capitalize())

    def get_next_node_name(self, where: Where | None = None) -> str:
        """Return the name that the next group of this kind gets, for example ``Scan001``."""
        saver = self.saver
        prefix = type_name(self.group_type).capitalize()
        names = saver.get_group(saver.raw_group if where is None else where).children_name()
        return numbered_name(prefix, naming.next_number(names, prefix))
