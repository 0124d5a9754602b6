"""The common base of the savers of scan, logger and optimizer: sub-modules, each with its own saver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from h5saver_widget.data.protocols import DataToExportLike
from h5saver_widget.errors import DataMismatchError
from h5saver_widget.modules.base import ModuleSaver
from h5saver_widget.nodes.typed import GROUP
from h5saver_widget.saving.bundle import Bundle, frame_bytes, origin_of
from h5saver_widget.saving.given import as_bundle
from h5saver_widget.saving.h5_backend import Where

__all__ = ["ExtensionSaver"]


class ExtensionSaver(ModuleSaver):
    """Base of the savers of modules that have sub-modules (``module.modules_manager``)."""

    #: Classes of the savers of detectors and of actuators.
    child_savers: ClassVar[tuple[Callable[..., Any], Callable[..., Any]]]

    def __init__(self, module: Any) -> None:
        super().__init__(module)
        self._members: list[tuple[str, Any, Any]] = []  # title, module, its saver
        self._children: dict[str, Any] = {}
        self._child_paths: dict[str, str] = {}
        self._paths_of = -1

    def _child_arguments(self) -> tuple[Any, ...]:
        """Return the arguments of these savers beside the module."""
        return ()

    def update_after_h5changed(self) -> None:
        """Give the file saver on to the savers of the sub-modules; these are made anew only if there are others.

        Hosts set the file saver often, also in the middle of a scan.
        """
        manager = getattr(self._module, "modules_manager", None)
        detectors = [] if manager is None else list(manager.detectors_all)
        actuators = [] if manager is None else list(manager.actuators_all)
        known = [(id(module), title) for title, module, _ in self._members]
        if known != [(id(module), str(module.title)) for module in (*detectors, *actuators)]:
            self._make_children(detectors, actuators)
        for _, _, child in self._members:
            if child.h5saver is not self._h5saver:
                child.h5saver = self._h5saver

    def _make_children(self, detectors: Sequence[Any], actuators: Sequence[Any]) -> None:
        kept = {(id(module), title): child for title, module, child in self._members}

        self._members = []
        for modules, make in zip((detectors, actuators), self.child_savers, strict=True):
            for module in modules:
                title = str(module.title)
                child = kept.get((id(module), title)) or make(module, *self._child_arguments())
                self._members.append((title, module, child))
        self._children, self._child_paths = {}, {}
        for title, _, child in self._members:
            child.main_module = False
            self._children.setdefault(title, child)  # data of a title that two have: the detector's

    def metadata(self) -> dict[str, Any]:
        """Return more attributes of the module's group."""
        return {"description": ""}

    def get_set_node(self, where: Where | None = None, name: str | None = None, new: bool = False) -> GROUP:
        """Return the module's group with a group for every sub-module, made if they are not there."""
        saver = self.saver
        with saver.saving():
            node = super().get_set_node(where, name, new)
            if not saver.is_swmr_active:
                self.create_module_group(node, new)
            return node

    def create_module_group(self, node: GROUP, new: bool = False) -> None:
        """Make the groups of all sub-modules in the module's group, which is empty if it is new."""
        self._set_current(node)
        self._paths_of = self.saver.generation
        paths = [(title, child.get_set_node(node, new=new).path) for title, _, child in self._members]
        self._child_paths = dict(reversed(paths))  # of two of one title the first, as in _children

    def _by_child(self, dte: DataToExportLike, *, by_name: bool) -> list[tuple[str, DataToExportLike]]:
        """Split a bundle by the sub-modules that its data come from.

        Raises
        ------
        DataMismatchError
            If data come from a module that is not one of the sub-modules.
        """
        dte = as_bundle(dte)
        if by_name and dte.name in self._children:
            return [(str(dte.name), dte)]
        split: dict[str, list[Any]] = {}
        for dwa in dte.data:
            split.setdefault(origin_of(dwa, dte), []).append(dwa)
        for origin in split:
            if origin not in self._children:
                raise DataMismatchError(
                    f"data {[str(dwa.name) for dwa in split[origin]]} come from {origin!r}, which is no module of "
                    f"{self.title!r}; its modules are: {', '.join(self._children) or 'none'}"
                )
        return [(origin, Bundle(origin, dte.timestamp, data)) for origin, data in split.items()]

    def _child_path(self, title: str) -> str:
        saver = self.saver
        if self._paths_of != saver.generation or title not in self._child_paths:
            node = self.current_node()
            self._paths_of = saver.generation
            if title not in self._child_paths or not self._child_paths[title].startswith(f"{node.path}/"):
                self._child_paths[title] = self._children[title].get_set_node(node).path
        return self._child_paths[title]

    def _prepared(
        self, parts: Sequence[tuple[str, DataToExportLike]], *args: Any
    ) -> list[tuple[DataToExportLike, Callable[[], None] | None]]:
        """Check the bundles of all sub-modules."""
        saver = self.saver
        while True:
            generation = saver.generation
            found = [
                (part, self._children[title].prepare(self._child_path(title), part, *args)) for title, part in parts
            ]
            if generation == saver.generation:
                return found  # else streaming had to be ended for a new array: what was looked up before is void

    def _commit(
        self, prepared: Sequence[tuple[DataToExportLike, Callable[[], None] | None]], *more: Callable[[], None] | None
    ) -> bool:
        """Write the prepared data of all sub-modules: if one of them refuses a frame, none writes it."""
        saved = [bundle for bundle, write in prepared if write is not None]
        self._write([write for write in (*(write for _, write in prepared), *more) if write is not None])
        for bundle in saved if self.saver.wants_sources else ():
            self.saver.source_saved(str(bundle.name))
        if saved:
            self.saver.frame_saved(sum(frame_bytes(bundle.data) for bundle in saved))
        return bool(saved)

    def _write(self, writes: Sequence[Callable[[], None]]) -> None:
        """Write the prepared point."""
        for write in writes:
            write()
