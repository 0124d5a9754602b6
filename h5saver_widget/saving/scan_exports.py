"""Saver of bundles at the points of a scan: arrays of the whole scan's shape, written in any order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from h5saver_widget.data.enums import DataDim
from h5saver_widget.data.protocols import AxisLike, DataLike, DataToExportLike
from h5saver_widget.format.layout import DataType
from h5saver_widget.saving.arrays import AxisSaverLoader
from h5saver_widget.saving.bundle import with_occurrence
from h5saver_widget.saving.extended import ExtendedArrays, Point, RepeatedPoint, ScanStream, checked_indexes
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
from h5saver_widget.saving.repeated import is_time_to_look

__all__ = ["DataToExportExtendedSaver"]


class _Below:
    """The streams below a group."""

    __slots__ = ("repeated", "streams", "tries")

    def __init__(self) -> None:
        #: By the key of their data.
        self.streams: dict[Key, ScanStream] = {}
        #: How points like the last one are written; None if each is checked.
        self.repeated: RepeatedPoint | None = None
        #: How many were checked since points were written like the ones before.
        self.tries = 0

    def look_for_repetition(self, dte: DataToExportLike, used: Sequence[ScanStream]) -> None:
        """Get ready for points like this one."""
        if self.repeated is not None and self.repeated.is_valid:
            return
        self.repeated = None
        self.tries += 1
        if is_time_to_look(self.tries):
            can = RepeatedPoint.can_repeat(dte, [stream.arrays for stream in used])
            self.repeated = RepeatedPoint(dte, used) if can else None


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
        #: Streams below the groups of modules, by path; the group of the last point.
        self._groups: dict[str, _Below] = {}
        self._last: tuple[Where, _Below] | None = None
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
            point = self.prepare(where, dte, indexes, distribution)
            point()
            saver.frame_saved(point.size)
            if streamed:
                saver.enable_swmr()  # should new arrays have ended it
                saver.tick_flush()

    def prepare(
        self, where: Where, dte: DataToExportLike, indexes: Sequence[int], distribution: Any = "uniform"
    ) -> Point:
        """Check a point, and return a function that writes it; see :meth:`add_data` for errors.

        Data that come for the first time need new arrays. If the file streams (SWMR) this ends streaming: readers have
        to open the file again, which is less than losing the data.
        """
        saver = self.h5saver
        at = checked_indexes(indexes, self.extended_shape)
        dynamic, converts = saver.frame_format()
        dynamic = None if self._as_acquired else dynamic
        point, below = Point(saver, at), self._known(where)
        if below.repeated is not None and dynamic is None and below.repeated.add_to(point, dte):
            below.tries = 0
            return point
        frames = [(key, Frame(dwa, dynamic, converts)) for key, dwa in self._keyed(dte)]
        if saver.is_swmr_active:
            known = [(below.streams.get(key), frame) for key, frame in frames]
            if not all(stream is not None and stream.is_ready_for(frame) for stream, frame in known):
                saver.end_streaming()
                below = self._known(where)
        used: list[ScanStream] = []
        for key, frame in frames:
            stream = below.streams.get(key)
            if stream is None or stream in used:
                kind = str(getattr(distribution, "name", distribution))
                stream = below.streams[key] = self._new(where, key, frame, kind, [other for other, _ in frames])
            used.append(stream)
            stream.add_to(point, frame, at)
        below.look_for_repetition(dte, used)
        return point

    #: Data objects with their keys.
    _keyed: Callable[[DataToExportLike], Iterable[tuple[Key, DataLike]]] = staticmethod(with_occurrence)

    def _known(self, where: Where) -> _Below:
        """Return the streams below a group."""
        if self._generation != self.h5saver.generation:
            self._groups, self._last, self._generation = {}, None, self.h5saver.generation
        if self._last is None or self._last[0] is not where:
            self._last = where, self._groups.setdefault(self.h5saver.path_of(where), _Below())
        return self._last[1]

    def _new(self, where: Where, key: Key, frame: Frame, distribution: str, beside: Sequence[Key]) -> ScanStream:
        """Return the stream of data that were not there before; it may have had another number of dimensions."""
        dim, origin, name, occurrence = key
        saver, first = self.h5saver, None
        for other in (member.name for member in DataDim if member.name != dim):
            if first is None and (other, *key[1:]) not in beside:
                known = self._known(where).streams.get((other, *key[1:]))
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
