"""Savers of one data object, point by point: growing arrays or arrays of a scan, right below a group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from h5saver_widget.data.protocols import AxisLike, DataLike, DataToExportLike
from h5saver_widget.format.layout import DataType
from h5saver_widget.saving.bundle import Bundle, frame_bytes
from h5saver_widget.saving.extended import ExtendedArrays, checked_indexes
from h5saver_widget.saving.growing import GrowingAxes, Recording, is_block
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.management import DataManagement
from h5saver_widget.saving.places import Contents, contents_of

__all__ = ["DataEnlargeableSaver", "DataExtendedSaver"]


class _SingleRecording(Recording):
    """A recording of one data object, whatever it is called: arrays and axes stand side by side in the group."""

    def __init__(
        self, saver: H5SaverLowLevel, where: Where, names: Sequence[str], units: Sequence[str], blocks: bool
    ) -> None:
        self._blocks = blocks
        super().__init__(saver, where, names, units)

    def _open_axes(self) -> GrowingAxes:
        # a block of points has axes with one value per row, not per block: GrowingArrays makes them
        return GrowingAxes(self._saver, contents_of(self._saver, self._where), [] if self._blocks else self._templates)

    def _keyed(self, dte: DataToExportLike) -> Iterator[tuple[tuple[str, str, str, int], DataLike]]:
        return ((("", "", "", 0), dwa) for dwa in dte.data)

    def _place_of(self, key: tuple[str, str, str, int], dwa: DataLike) -> Contents:
        return contents_of(self._saver, self._where)


class DataEnlargeableSaver(DataManagement):
    """Saves one data object point by point into growing arrays right below a group, its axes beside it.

    Parameters
    ----------
    h5saver
        A saver with an open file, or the path of a file.
    enl_axis_names, enl_axis_units
        Label and units of the axes along which the data grow.
    """

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
        self._recordings: dict[str, _SingleRecording] = {}
        self._generation = -1

    def add_data(
        self, where: Where, dwa: DataLike, axis_values: Sequence[float | AxisLike] | None = None, **_: Any
    ) -> None:
        """Append a data object.

        Parameters
        ----------
        where
            Group.
        dwa
            The data object. One that has a navigation axis of its own is a block of points: a row for each.
        axis_values
            One value per axis; None, from the first call on, to save without these axes.

        Raises
        ------
        DataMismatchError
            If the shape changed, or the number of axis values is wrong; nothing is written then.
        DynamicRangeError
            If values don't fit the number type on disk; nothing is written then.
        """
        saver = self.h5saver
        if saver.leaves_out_frame():
            return
        with saver.saving_frame(str(dwa.name)):
            if self._generation != saver.generation:
                self._recordings, self._generation = {}, saver.generation
            path = saver.path_of(where)
            found = self._recordings.get(path)
            if found is None or found.broken:
                names, units = ([], []) if axis_values is None else (self._names, self._units)
                found = self._recordings[path] = _SingleRecording(saver, path, names, units, is_block(dwa))
            found.prepare(Bundle(str(dwa.name), float(dwa.timestamp), [dwa]), axis_values or ())()
            saver.frame_saved(frame_bytes([dwa]))


class DataExtendedSaver(DataManagement):
    """Saves one data object point by point into an array of the whole scan's shape, right below a group.

    Parameters
    ----------
    h5saver
        A saver with an open file, or the path of a file.
    extended_shape
        Number of points along every scan dimension; ``(n,)`` for a spread scan of n points.
    fill_value
        What points hold before they are measured; None for the saver's.
    """

    def __init__(
        self,
        h5saver: H5SaverLowLevel | Path | str,
        extended_shape: Iterable[int],
        fill_value: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(h5saver, **options)
        self.extended_shape = tuple(int(n) for n in extended_shape)
        self._fill_value = fill_value
        self._arrays: dict[str, ExtendedArrays] = {}
        self._generation = -1

    def add_data(
        self, where: Where, dwa: DataLike, indexes: Sequence[int], distribution: Any = "uniform", **_: Any
    ) -> None:
        """Write the point at `indexes`. Errors as DataToExportExtendedSaver.add_data."""
        saver = self.h5saver
        with saver.saving_frame(str(dwa.name)):
            at = checked_indexes(indexes, self.extended_shape)
            if self._generation != saver.generation:
                self._arrays, self._generation = {}, saver.generation
            path = saver.path_of(where)
            if path not in self._arrays:
                kind = str(getattr(distribution, "name", distribution))
                fill = saver.fill_value if self._fill_value is None else self._fill_value
                place = contents_of(saver, path)
                self._arrays[path] = ExtendedArrays(saver, place, dwa, self.extended_shape, kind, fill)
            for handle, values in self._arrays[path].checked(dwa):
                saver.io.write(handle, at, values)
            saver.frame_saved(frame_bytes([dwa]))
