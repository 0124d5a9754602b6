"""Saver of bundles at the points of a scan: arrays of the whole scan's shape, written in any order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from h5saver_widget.data.enums import DataDim
from h5saver_widget.data.protocols import AxisLike, DataLike, DataToExportLike
from h5saver_widget.format.layout import DataType
from h5saver_widget.saving.arrays import AxisSaverLoader
from h5saver_widget.saving.bundle import frame_bytes, with_occurrence
from h5saver_widget.saving.extended import ExtendedArrays, ScanStream, checked_indexes, write_points
from h5saver_widget.saving.given import as_bundle
from h5saver_widget.saving.group_cache import (
    CachedGroup,
    channel_group,
    find_channel,
    nav_axes_group,
    segment_group,
    segments_of,
)
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.management import DataManagement
from h5saver_widget.saving.meaning import Frame
from h5saver_widget.saving.recording import Key

__all__ = ["DataToExportExtendedSaver"]


class DataToExportExtendedSaver(DataManagement):
    """Saves the points of a scan into arrays of the whole scan's shape, in any order.

    Parameters
    ----------
    h5saver
        A saver with an open file, or the path of a file.
    extended_shape
        Number of points along every scan dimension; ``(n,)`` for a spread scan of n points.
    fill_value
        The value of points before they are measured; None for the saver's.
    as_acquired
        Keep the number types of the data and ignore the saving dynamic.
    """

    def __init__(
        self,
        h5saver: H5SaverLowLevel | Path | str,
        extended_shape: Iterable[int],
        fill_value: float | None = None,
        as_acquired: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(h5saver, **options)
        self.extended_shape = tuple(int(n) for n in extended_shape)
        self._fill_value, self._as_acquired = fill_value, as_acquired
        self._streams: dict[tuple[Any, ...], ScanStream] = {}
        self._generation = -1

    def add_nav_axes(self, where: Where, axes: Iterable[AxisLike]) -> None:
        """Save the axes of the scan, into ``NavAxes`` of a group."""
        with self.h5saver.saving():
            place = nav_axes_group(self.h5saver, where)
            for axis in axes:
                AxisSaverLoader(self.h5saver).add_to(place, axis, axis.index)

    def add_data(
        self, where: Where, dte: DataToExportLike, indexes: Sequence[int], distribution: Any = "uniform", **_: Any
    ) -> None:
        """Write the point at `indexes`.

        Parameters
        ----------
        where
            Group of the module.
        dte
            The data of this point.
        indexes
            Position of the point, one number per scan dimension.
        distribution
            ``'uniform'`` or ``'spread'``, or a member of that name.

        Raises
        ------
        DataMismatchError
            If the indexes are not of the scan, or an array can't be saved; nothing is written then.
        """
        saver, dte = self.h5saver, as_bundle(dte)
        with saver.saving_frame(str(dte.name)):
            streamed = saver.is_swmr_active
            self.prepare(where, dte, indexes, distribution)()
            saver.frame_saved(frame_bytes(dte))
            if streamed:
                saver.enable_swmr()  # should new arrays have ended it
                saver.tick_flush()

    def prepare(
        self, where: Where, dte: DataToExportLike, indexes: Sequence[int], distribution: Any = "uniform"
    ) -> Callable[[], None]:
        """Check a point, and return a function that writes it; see :meth:`add_data` for errors.

        Data that come for the first time need new arrays. If the file streams (SWMR) this ends streaming: readers have
        to open the file again, which is less than losing the data.
        """
        saver = self.h5saver
        at = checked_indexes(indexes, self.extended_shape)
        kind = str(getattr(distribution, "name", distribution))
        path = saver.path_of(where)
        dynamic, converts = saver.frame_format()
        dynamic = None if self._as_acquired else dynamic
        frames = [(key, Frame(dwa, dynamic, converts)) for key, dwa in self._keyed(dte)]
        if saver.is_swmr_active:
            streams = self._known()
            ready = (streams.get((path, *key)) for key, _ in frames)
            if not all(s is not None and s.is_ready_for(f) for s, (_, f) in zip(ready, frames, strict=True)):
                saver.end_streaming()
        streams = self._known()
        found: list[Any] = []
        used: list[ScanStream] = []
        for key, frame in frames:
            stream = streams.get((path, *key))
            if stream is None or stream in used:
                stream = streams[path, *key] = self._new(path, key, frame, kind, [other for other, _ in frames])
            used.append(stream)
            found += stream.checked(frame, at)
        return lambda: write_points(saver, found)

    #: Data objects with their keys.
    _keyed: Callable[[DataToExportLike], Iterable[tuple[Key, DataLike]]] = staticmethod(with_occurrence)

    def _known(self) -> dict[tuple[Any, ...], ScanStream]:
        if self._generation != self.h5saver.generation:
            self._streams, self._generation = {}, self.h5saver.generation
        return self._streams

    def _new(self, where: Where, key: Key, frame: Frame, distribution: str, beside: Sequence[Key]) -> ScanStream:
        """Return the stream of data that were not there before; it may have had another number of dimensions."""
        dim, origin, name, occurrence = key
        saver, first = self.h5saver, None
        for other in (member.name for member in DataDim if member.name != dim):
            if first is None and (other, *key[1:]) not in beside:
                known = self._known().get((where, other, *key[1:]))
                if known is not None:
                    return known
                first = find_channel(saver, where, other, name, origin, occurrence)
                first = first if first is not None and first.has_any([DataType.data]) else None
        if first is None:
            without = (DataType.data_enlargeable,)
            first = channel_group(saver, where, frame.dwa, origin, without=without, skip=occurrence)
        return self._stream(where, first, origin, frame, distribution)

    def _stream(
        self, where: Where, first: CachedGroup, origin: str, frame: Frame, distribution: str, beside: bool = False
    ) -> ScanStream:
        saver, shape = self.h5saver, self.extended_shape
        fill = saver.fill_value if self._fill_value is None else self._fill_value
        return ScanStream(
            saver,
            lambda before, later, number: segment_group(
                saver, where, later.dwa, origin, before, number=number, beside=beside
            ),
            lambda place, later: ExtendedArrays(saver, place, later, shape, distribution, fill),
            segments_of(saver, where, first) if first.has_any([DataType.data]) else [first],
            frame,
            shape,
        )
