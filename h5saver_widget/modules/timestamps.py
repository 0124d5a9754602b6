"""The time at which every point of a scan was measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from h5saver_widget.data import DataRaw
from h5saver_widget.format.layout import GroupModuleType
from h5saver_widget.modules.base import ModuleSaver
from h5saver_widget.saving.bundle import Bundle
from h5saver_widget.saving.extended import Point
from h5saver_widget.saving.group_cache import cached_group
from h5saver_widget.saving.scan_exports import DataToExportExtendedSaver

__all__ = ["TimeModuleSaver"]


class TimeModuleSaver(ModuleSaver):
    """Saves the seconds since the start of a scan at every point, in the group ``Timestamps``.

    Single precision as in the common layout; its steps are 8 ms after a day.
    """

    group_type = GroupModuleType.TIME
    main_module = False

    def __init__(self) -> None:
        super().__init__(SimpleNamespace(title="Timestamps"))
        self._data_saver: DataToExportExtendedSaver | None = None
        #: The time of a point: one object for all of them, of which the number is another one.
        self._elapsed = DataRaw(
            "ElapsedTime",
            data=[np.zeros(1, np.float32)],
            labels=["Elapsed time since scan start"],
            origin=self.title,
            units="s",
        )

    def initialize(self, scan_node: Any, scan_shape: Iterable[int]) -> None:
        """Make the group of a scan."""
        saver = self.saver
        self._data_saver = DataToExportExtendedSaver(
            saver, scan_shape, fill_value=np.nan, as_acquired=True
        )  # times keep fractions
        described: dict[str, Any] = {
            "type": "time",
            "settings": self.settings_xml(),
            "description": "Seconds since the start of the scan at which each point was saved",
        }
        with saver.saving():
            scan = cached_group(saver, scan_node)
            if self.title in scan.names:
                self._set_current(saver.get_group(saver.path_of(scan.group, self.title)))
            else:
                self._set_current(saver.create_group(scan.group, self.title, self.title, **described))

    def forget(self) -> None:
        """Let go of the array of the last scan: the next one may have none, and must not write into it."""
        self._data_saver = None

    def settings_xml(self) -> bytes:
        """Return settings without content."""
        return b'<All_settings type="group" />'

    def elapsed(self, seconds: float, timestamp: float) -> Bundle:
        """Return the time of a point as data, which is that of the next point after the next call."""
        self._elapsed.data[0][0], self._elapsed.timestamp = seconds, timestamp
        return Bundle(self.title, timestamp, [self._elapsed])

    def prepare(self, elapsed: Bundle, indexes: Sequence[int], distribution: Any) -> Point | None:
        """Return a function that writes the time of a point; None if the time array was not initialised."""
        if self._data_saver is None or self._node is None:
            return None
        return self._data_saver.prepare(self._node.path, elapsed, indexes, distribution)
