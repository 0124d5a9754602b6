"""Savers of one data object, point by point: growing arrays or arrays of a scan, right below a group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from h5saver_widget.data.protocols import AxisLike, DataLike, DataToExportLike
from h5saver_widget.format.layout import BESIDE, SEGMENT_OF, DataType
from h5saver_widget.saving.bundle import Bundle
from h5saver_widget.saving.exports import DataToExportEnlargeableSaver
from h5saver_widget.saving.extended import ScanStream
from h5saver_widget.saving.group_cache import CachedGroup, cached_group, segment_group
from h5saver_widget.saving.growing import GrowingArrays, is_block
from h5saver_widget.saving.growing_axes import GrowingAxes
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.management import DataManagement
from h5saver_widget.saving.meaning import Frame
from h5saver_widget.saving.recording import Key, Recording
from h5saver_widget.saving.scan_exports import DataToExportExtendedSaver

__all__ = ["DataEnlargeableSaver", "DataExtendedSaver"]


class _SingleRecording(Recording):
    """A recording of one data object of any name: arrays and axes stand side by side in the group.

    A segment has a channel group in that group, with its own axes.
    """

    def __init__(
        self, saver: H5SaverLowLevel, where: Where, names: Sequence[str], units: Sequence[str], blocks: bool
    ) -> None:
        super().__init__(saver, where, names, units)
        self._blocks = blocks
        self._place = cached_group(saver, where)
        for _, name in reversed(self._place.numbered("CH")):
            group = self._place.group.get_child(name)
            if group.attrs.get(SEGMENT_OF) == BESIDE:
                self._place = cached_group(saver, group)
                break

    def _open_axes(self) -> GrowingAxes:
        # a block of points has axes with one value per row, not per block: GrowingArrays makes them
        return GrowingAxes(self._saver, self._place, [] if self._blocks else self._templates)

    def _keyed(self, dte: DataToExportLike) -> Iterator[tuple[Key, DataLike]]:
        return ((_ONLY, dwa) for dwa in dte.data)

    def _place_of(self, key: Key, dwa: DataLike) -> CachedGroup:
        return self._place

    def _reopened(self, key: Key, frame: Frame) -> bool:
        return False  # whatever its dimensionality, it is found in one place

    def _segment_place(self, key: Key, frame: Frame, before: GrowingArrays) -> CachedGroup:
        self._place = segment_group(
            self._saver, self._where, frame.dwa, str(frame.dwa.origin), before.place, end_row=before.rows, beside=True
        )
        self._blocks = is_block(frame.dwa)
        self._opened = self._open_axes()
        return self._place


_ONLY: Key = ("", "", "", 0)


class _OneByOne(DataToExportEnlargeableSaver):
    """Appends bundles of one data object."""

    blocks = has_axes = True

    def _begin(self, path: str) -> Recording:
        names, units = (self._names, self._units) if self.has_axes else ([], [])
        return _SingleRecording(self.h5saver, path, names, units, self.blocks)


class _OneInScan(DataToExportExtendedSaver):
    """Writes points of one data object."""

    _keyed = staticmethod(lambda dte: [(_ONLY, dwa) for dwa in dte.data])

    def _new(self, where: Where, key: Key, frame: Frame, distribution: str, beside: Sequence[Key]) -> ScanStream:
        first = cached_group(self.h5saver, where)
        return self._stream(where, first, str(frame.dwa.origin), frame, distribution, beside=True)


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
        self._bundles = _OneByOne(self.h5saver, enl_axis_names, enl_axis_units)

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
            If the number of axis values is wrong, or an array can't be saved; nothing is written then.
        DynamicRangeError
            If values don't fit the saving dynamic; nothing is written then.
        """
        if not self.h5saver.leaves_out_frame():
            bundles = self._bundles
            bundles.blocks, bundles.has_axes = is_block(dwa), axis_values is not None
            bundles.append(where, _bundle(dwa), axis_values or ())


def _bundle(dwa: DataLike) -> Bundle:
    return Bundle(str(dwa.name), float(dwa.timestamp), [dwa])


class DataExtendedSaver(DataManagement):
    """Saves one data object point by point into an array of the whole scan's shape, right below a group.

    Parameters
    ----------
    h5saver
        A saver with an open file, or the path of a file.
    extended_shape
        Number of points along every scan dimension; ``(n,)`` for a spread scan of n points.
    fill_value
        The value of points before they are measured; None for the saver's.
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
        self._bundles = _OneInScan(self.h5saver, self.extended_shape, fill_value)

    def add_data(
        self, where: Where, dwa: DataLike, indexes: Sequence[int], distribution: Any = "uniform", **_: Any
    ) -> None:
        """Write the point at `indexes`. Errors as DataToExportExtendedSaver.add_data."""
        self._bundles.add_data(where, _bundle(dwa), indexes, distribution)
