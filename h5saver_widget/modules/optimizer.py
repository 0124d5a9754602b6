"""OptimizerSaver: the measurements of every step of an optimisation, along the parameters that were tried."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from h5saver_widget.data.protocols import AxisLike, DataToExportLike
from h5saver_widget.format.layout import GroupModuleType
from h5saver_widget.modules.actuator import ActuatorEnlargeableSaver
from h5saver_widget.modules.detector import DetectorEnlargeableSaver
from h5saver_widget.modules.extension import ExtensionSaver

__all__ = ["OptimizerSaver"]


class OptimizerSaver(ExtensionSaver):
    """Saves the steps of an optimisation as growing arrays, one axis per parameter that is varied.

    Parameters
    ----------
    module
        The optimizer module.
    enl_axis_names, enl_axis_units
        Label and units of the parameters that are varied.
    """

    group_type = GroupModuleType.OPTIMIZER
    child_savers = (DetectorEnlargeableSaver, ActuatorEnlargeableSaver)

    def __init__(
        self, module: Any, enl_axis_names: Iterable[str] = ("step",), enl_axis_units: Iterable[str] = ("",)
    ) -> None:
        self._names, self._units = list(enl_axis_names), list(enl_axis_units)
        super().__init__(module)

    def _child_arguments(self) -> tuple[Any, ...]:
        return self._names, self._units

    def add_data(
        self, axis_values: Sequence[float | AxisLike] = (), dte: DataToExportLike | None = None, **_: Any
    ) -> None:
        """Append a step: the tried parameters, and the data of every module.

        Raises
        ------
        DataMismatchError
            If data come from an unknown module, or values are missing.
        """
        if dte is None:
            return
        with self.saver.saving_frame(self.title):
            self._commit(self._prepared(self._by_child(dte, by_name=False), axis_values))

    def add_data_bundle(self, bundle: Any) -> None:
        """Append the content of a host's bundle object."""
        self.add_data(bundle.axis_values, bundle.dte)

    def forget_h5(self) -> None:
        """Forget the groups in use: later data go into new ones. The saver stays; hosts close it then."""
        self._node, self._nodes = None, {}
        self._child_paths, self._paths_of = {}, -1
