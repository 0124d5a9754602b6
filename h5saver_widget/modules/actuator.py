"""Savers of actuators: they save like detectors, into groups of their own kind, and nothing is filtered."""

from __future__ import annotations

from typing import Any

from h5saver_widget.data.protocols import DataToExportLike
from h5saver_widget.format.layout import GroupModuleType
from h5saver_widget.format.settings_xml import all_settings_xml
from h5saver_widget.modules.detector import (
    DetectorEnlargeableSaver,
    DetectorExtendedSaver,
    DetectorSaver,
    DetectorTimeSaver,
)

__all__ = ["ActuatorEnlargeableSaver", "ActuatorExtendedSaver", "ActuatorSaver", "ActuatorTimeSaver"]


class ActuatorSaver(DetectorSaver):
    """Saves the positions of an actuator, once."""

    group_type = GroupModuleType.ACTUATOR

    def filter_data(self, dte: DataToExportLike) -> DataToExportLike:
        """Return the bundle: positions are always saved."""
        return dte

    def settings_xml(self) -> bytes:
        """Return the settings of the actuator as XML."""
        settings: Any = getattr(self.module, "settings", None)
        return all_settings_xml(*([] if settings is None else [(None, settings)]), group_attr=False)


class ActuatorTimeSaver(ActuatorSaver, DetectorTimeSaver):
    """Saves the positions of an actuator, one after the other, along an axis of time."""


class ActuatorEnlargeableSaver(ActuatorSaver, DetectorEnlargeableSaver):
    """Saves the positions of an actuator, one after the other, along axes of any meaning."""


class ActuatorExtendedSaver(ActuatorSaver, DetectorExtendedSaver):
    """Saves the positions of an actuator at the points of a scan."""
