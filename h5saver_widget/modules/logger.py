"""LoggerSaver: many modules, each at its own pace, in one group."""

from __future__ import annotations

from typing import Any

from h5saver_widget.data.protocols import DataToExportLike
from h5saver_widget.format.layout import GroupModuleType
from h5saver_widget.modules.actuator import ActuatorTimeSaver
from h5saver_widget.modules.detector import DetectorTimeSaver
from h5saver_widget.modules.extension import ExtensionSaver
from h5saver_widget.saving.given import as_bundle

__all__ = ["LoggerSaver"]


class LoggerSaver(ExtensionSaver):
    """Saves the data of every module as they arrive, along the module's own axis of time."""

    group_type = GroupModuleType.DATALOGGER
    child_savers = (DetectorTimeSaver, ActuatorTimeSaver)

    def add_data(self, dte: DataToExportLike, **_: Any) -> None:
        """Append a bundle to the module it is named after, or else to the modules its data come from.

        Raises
        ------
        DataMismatchError
            If data come from an unknown module, or can't be saved.
        """
        if self.saver.leaves_out_frame():
            return
        dte = as_bundle(dte)
        with self.saver.saving_frame(self.title):
            parts = self._by_child(dte, by_name=True)
            self._commit(self._prepared(parts, [float(dte.timestamp)]))

    def add_data_bundle(self, bundle: Any) -> None:
        """Append the content of a host's bundle object."""
        self.add_data(bundle.dte)
