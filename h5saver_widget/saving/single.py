"""Savers of one data object, point by point: growing arrays or arrays of a scan, right below a group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from h5saver_widget.data.protocols import AxisLike, DataLike
from h5saver_widget.layout import DataType
from h5saver_widget.saving.bundle import Bundle, frame_bytes
from h5saver_widget.saving.extended import ExtendedArrays, checked_indexes
from h5saver_widget.saving.growing import Recording
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.management import DataManagement

__all__ = ["DataEnlargeableSaver", "DataExtendedSaver"]


class DataEnlargeableSaver(DataManagement):
    """Saves one data object point by point into growing arrays right below a group, its axes beside it."""

    data_type = DataType.data_enlargeable

    def __init__(
        self,
        h5saver: H5SaverLowLevel | Path | str,
        enl_axis_names: Iterable[str] = ("nav axis",),
        enl_axis_units: Iterable[str] = ("",),
        **options: Any,
    ) -> None:
        super().__init__(h5saver, **options)
        self._names, self._units = list(enl_axis_names), list(enl_axis_units)
        self._recordings: dict[tuple[int, str], Recording] = {}

    def add_data(self, where: Where, dwa: DataLike, axis_values: Sequence[float | AxisLike] = (), **_: Any) -> None:
        """Append a data object, with one value per axis. Errors as DataToExportEnlargeableSaver.add_data."""
        saver = self.h5saver
        with saver.saving_frame(str(dwa.name)):
            key = (saver.generation, saver.path_of(where))
            found = self._recordings.get(key)
            if found is None or found.broken:
                group = self.group_at(where)
                self._recordings = {key: Recording(saver, group, self._names, self._units, in_group=False)}
            self._recordings[key].prepare(Bundle(str(dwa.name), float(dwa.timestamp), [dwa]), axis_values)()
            saver.frame_saved(frame_bytes([dwa]))


class DataExtendedSaver(DataManagement):
    """Saves one data object point by point into an array of the whole scan's shape, right below a group."""

    def __init__(self, h5saver: H5SaverLowLevel | Path | str, extended_shape: Iterable[int], **options: Any) -> None:
        super().__init__(h5saver, **options)
        self.extended_shape = tuple(int(n) for n in extended_shape)
        self._arrays: dict[tuple[int, str], ExtendedArrays] = {}

    def add_data(self, where: Where, dwa: DataLike, indexes: Sequence[int], distribution: Any = "uniform") -> None:
        """Write the point at `indexes`. Errors as DataToExportExtendedSaver.add_data."""
        saver = self.h5saver
        at = checked_indexes(indexes, self.extended_shape)
        with saver.saving_frame(str(dwa.name)):
            key = (saver.generation, saver.path_of(where))
            if key not in self._arrays:
                kind = str(getattr(distribution, "name", distribution))
                group = self.group_at(where)
                self._arrays = {key: ExtendedArrays(saver, group, dwa, self.extended_shape, kind, saver.fill_value)}
            for handle, values in self._arrays[key].checked(dwa):
                saver.io.write(handle, at, values)
            saver.frame_saved(frame_bytes([dwa]))
