"""What the savers of scan, logger and optimizer share: they have sub-modules, each with a saver of its own."""

from __future__ import annotations

from typing import Any

from h5saver_widget.data.protocols import DataToExportLike
from h5saver_widget.errors import DataMismatchError
from h5saver_widget.modules.base import ModuleSaver
from h5saver_widget.nodes import GROUP
from h5saver_widget.saving.bundle import Bundle, origin_of
from h5saver_widget.saving.h5_backend import Where

__all__ = ["ExtensionSaver"]


class ExtensionSaver(ModuleSaver):
    """Base of the savers of modules that have sub-modules (``module.modules_manager``)."""

    def __init__(self, module: Any) -> None:
        super().__init__(module)
        self._children: dict[str, Any] = {}
        self._child_nodes: dict[str, GROUP] = {}

    def _make_detector_saver(self, module: Any) -> Any:
        raise NotImplementedError

    def _make_actuator_saver(self, module: Any) -> Any:
        raise NotImplementedError

    def update_after_h5changed(self) -> None:
        """Make a saver for every sub-module, and give the file saver on."""
        manager = getattr(self._module, "modules_manager", None)
        modules: list[tuple[Any, Any]] = []
        if manager is not None:
            modules += [(module, self._make_detector_saver) for module in manager.detectors_all]
            modules += [(module, self._make_actuator_saver) for module in manager.actuators_all]
        self._children = {str(module.title): make(module) for module, make in modules}
        for child in self._children.values():
            child.main_module = False
            child.h5saver = self._h5saver

    def metadata(self) -> dict[str, Any]:
        """Return more attributes of the module's group."""
        return {"description": ""}

    def get_set_node(self, where: Where | None = None, name: str | None = None, new: bool = False) -> GROUP:
        """Return the module's group with a group for every sub-module, made if they are not there."""
        saver = self.saver
        with saver.saving():
            node = super().get_set_node(where, name, new)
            if not saver.is_swmr_active:
                self.create_module_group(node)
            return node

    def create_module_group(self, node: GROUP) -> None:
        """Make the groups of all sub-modules in the module's group."""
        self._node = node
        self._child_nodes = {title: child.get_set_node(node) for title, child in self._children.items()}

    def _by_child(self, dte: DataToExportLike, *, by_name: bool) -> list[tuple[str, DataToExportLike]]:
        """Split a bundle by the sub-modules that its data come from.

        Raises
        ------
        DataMismatchError
            If data come from a module that is not one of the sub-modules.
        """
        if by_name and dte.name in self._children:
            return [(str(dte.name), dte)]
        split: dict[str, list[Any]] = {}
        for dwa in dte:
            split.setdefault(origin_of(dwa, dte), []).append(dwa)
        for origin in split:
            if origin not in self._children:
                raise DataMismatchError(
                    f"data {[str(dwa.name) for dwa in split[origin]]} come from {origin!r}, which is no module of "
                    f"{self.title!r}; its modules are: {', '.join(self._children) or 'none'}"
                )
        return [(origin, Bundle(origin, dte.timestamp, data)) for origin, data in split.items()]

    def _child_node(self, title: str) -> GROUP:
        if title not in self._child_nodes:
            self._child_nodes[title] = self._children[title].get_set_node(self._node)
        return self._child_nodes[title]
