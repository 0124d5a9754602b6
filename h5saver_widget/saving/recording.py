"""A recording: the growing arrays below one group, point by point, each stream cut into segments where it changes.

Look-ups happen once: a :class:`Recording` keeps the handles of a group's growing arrays, so that saving point 100,000
costs as much as saving point 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from h5saver_widget.backends.terms import Handle
from h5saver_widget.data import Axis
from h5saver_widget.data.enums import DataDim
from h5saver_widget.data.protocols import DataLike, DataToExportLike
from h5saver_widget.errors import DataMismatchError
from h5saver_widget.format.layout import DataType
from h5saver_widget.saving.bundle import with_occurrence
from h5saver_widget.saving.group_cache import CachedGroup, channel_group, find_channel, nav_axes_group, segment_group
from h5saver_widget.saving.growing import GrowingArrays, is_block
from h5saver_widget.saving.growing_axes import GrowingAxes, Rows, one_number
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.meaning import Frame
from h5saver_widget.saving.notices import tell
from h5saver_widget.saving.repeated import Repeated, is_time_to_look
from h5saver_widget.saving.stamps import Stamp

__all__ = ["Key", "Recording"]

#: Dimensionality, origin, name, and which of several of that name.
Key = tuple[str, str, str, int]


class Recording:
    """The growing arrays below one group: the axes along which they grow, and one GrowingArrays per data object."""

    def __init__(self, saver: H5SaverLowLevel, where: Where, names: Sequence[str], units: Sequence[str]) -> None:
        self._saver = saver
        self._where = where
        self._names, self._units = list(names), list(units)
        self._templates: list[Axis] = []
        self._opened: GrowingAxes | None = None
        self._channels: dict[Key, GrowingArrays] = {}
        #: How later frames that are like the last one are appended; how many went the long way since.
        self.repeated: Repeated | None = None
        self._looked_at = 0
        #: An append failed half way: open the arrays again, which brings them in step.
        self.broken = False

    def _open_axes(self) -> GrowingAxes:
        return GrowingAxes(self._saver, nav_axes_group(self._saver, self._where), self._templates)

    def _axes_for(self, values: Sequence[Rows]) -> GrowingAxes:
        if self._opened is None:
            named = zip(self._names, self._units, values, strict=True)
            self._templates = [Axis(name, units, data=np.zeros(0, row.dtype)) for name, units, row in named]
            self._opened = self._open_axes()
        return self._opened

    def prepare(self, dte: DataToExportLike, values: Sequence[Any], stamp: Stamp | None = None) -> Callable[[], None]:
        """Check all of a point, and return a function that appends it; nothing is written before all is checked.

        Data that mean something else than before (units, axes, labels, number type, shape) begin a new segment.

        DataMismatchError if the number of axis values is wrong or one is no single number, or an array can't be saved;
        DynamicRangeError if values don't fit the saving dynamic.
        """
        if len(values) != len(self._names):
            raise DataMismatchError(
                f"got {len(values)} axis values for {len(self._names)} axes ({', '.join(self._names)}); give one each"
            )
        axis_values = list(map(one_number, values, self._names))
        dynamic, converts = self._saver.frame_format()
        frames: dict[Key, Frame] = {}
        for key, dwa in self._keyed(dte):
            frames[key] = Frame(dwa, dynamic, converts)
        axes = self._opened if self._opened is not None else self._axes_for(axis_values)
        axis_rows = axes.checked(axis_values, str(dte.name))
        found: list[tuple[GrowingArrays, list[tuple[Handle, Rows]]]] = []
        for key, frame in frames.items():
            channel = self._channels.get(key)
            if channel is None:
                channel = self._appeared(key, frame, frames)
            changed = channel.change(frame)
            if changed:
                channel = self._next_segment(key, frame, key, changed)
            found.append((channel, channel.checked(frame, axis_values)))
        if self._opened is not axes:  # a segment with its own axes
            axes = self._axes_for(axis_values)
            axis_rows = axes.checked(axis_values, str(dte.name))
        axis_rows += axes.stamped(stamp)

        def append() -> None:
            self.broken = True
            if len(found) != len(self._channels):
                present = {id(channel) for channel, _ in found}
                for channel in self._channels.values():
                    if id(channel) not in present:
                        channel.fill()
            # one call for all: with one per array, a log of 4 channels took 40 us a point instead of 35
            appended = []
            for _, rows in found:
                appended += rows
            self._saver.io.append_many(appended + axis_rows)
            for channel, rows in found:
                channel.grown(len(rows[0][1]))
            axes.rows += 1
            self.broken = False
            self._look_for_repetition(dte, [channel for channel, _ in found], axes)

        return append

    def append_again(self, dte: DataToExportLike, values: Sequence[Any], stamp: Stamp | None = None) -> int:
        """Append a point that is like the one before, and return its size in bytes; 0, and nothing done, if not."""
        repeated = self.repeated
        return repeated.size if repeated is not None and repeated.append(dte, values, stamp) else 0

    def _look_for_repetition(self, dte: DataToExportLike, channels: Sequence[GrowingArrays], axes: GrowingAxes) -> None:
        """Get ready for frames like this one."""
        if self.repeated is not None and self.repeated.is_valid:
            return
        self.repeated = None
        self._looked_at += 1
        if is_time_to_look(self._looked_at) and len(channels) == len(self._channels):
            self.repeated = Repeated.of(self, self._saver, dte, channels, axes)

    def _forget_repetition(self) -> None:
        self.repeated, self._looked_at = None, 0

    def repeat(self) -> Repeated | None:
        """Return an appender of points like the last one, of one data object; None if each has to be checked."""
        repeated = self.repeated
        return repeated if repeated is not None and len(self._channels) == 1 and repeated.is_valid else None

    #: Data objects, each with what it is recognised by.
    _keyed: Callable[[DataToExportLike], Iterable[tuple[Key, DataLike]]] = staticmethod(with_occurrence)

    # ------------------------------------------------------------------ streams
    def _appeared(self, key: Key, frame: Frame, frames: dict[Key, Frame]) -> GrowingArrays:
        """Open the arrays of data that were not there before; they may be others with another number of dimensions."""
        for dim in (member.name for member in DataDim if member.name != key[0]):
            other = (dim, *key[1:])
            if other not in frames and (other in self._channels or self._reopened(other, frame)):
                return self._next_segment(other, frame, key, f"{key[0]} instead of {dim}")
        self._forget_repetition()
        place = self._place_of(key, frame.dwa)
        channel = self._channels[key] = self._new(place, frame)
        return channel

    def _reopened(self, key: Key, frame: Frame) -> bool:
        """Open arrays that the file holds of data, if it does."""
        dim, origin, name, occurrence = key
        place = find_channel(self._saver, self._where, dim, name, origin, occurrence)
        if place is None or not place.has_any([DataType.data_enlargeable]):
            return False
        self._channels[key] = self._new(place, frame)
        return True

    def _new(self, place: CachedGroup, frame: Frame, **options: Any) -> GrowingArrays:
        axes = self._opened
        assert axes is not None
        arrays = GrowingArrays(self._saver, place, frame, self._templates, axes.rows, **options)
        surplus = 0 if arrays.is_block else arrays.rows - axes.rows
        if surplus > 0:  # a program was killed before it had written the axes
            axes.fill(surplus)
            for other in self._channels.values():
                other.fill(surplus)
        return arrays

    def _next_segment(self, old: Key, frame: Frame, key: Key, changed: str) -> GrowingArrays:
        """Close the segment of a stream and begin the next one.

        Axes that move with nearly every frame (a spectrometer that is scanned) are kept for every row instead, once
        two segments in a row have had hardly any rows.
        """
        self._forget_repetition()
        before = self._channels[old]
        has_moved = before.moves(frame)
        moving = has_moved and before.has_moved and before.rows - before.first_row <= 2
        place = self._segment_place(key, frame, before)
        del self._channels[old]
        channel = self._channels[key] = self._new(place, frame, after=before, moving=moving)
        channel.has_moved = has_moved
        kept = ", whose values are kept for every row from here on" if moving else ""
        tell(self._saver, f"{frame.dwa.name}: {changed}{kept}; later data are in {place.group.path}")
        return channel

    def _segment_place(self, key: Key, frame: Frame, before: GrowingArrays) -> CachedGroup:
        first_row = 0 if is_block(frame.dwa) or self._opened is None else self._opened.rows
        place = segment_group(
            self._saver, self._where, frame.dwa, key[1], before.place, first_row=first_row, end_row=before.rows
        )
        return self._for_blocks(place, frame.dwa)

    def _place_of(self, key: Key, dwa: DataLike) -> CachedGroup:
        _, origin, _, occurrence = key
        place = channel_group(self._saver, self._where, dwa, origin, without=(DataType.data,), skip=occurrence)
        return self._for_blocks(place, dwa)

    def _for_blocks(self, place: CachedGroup, dwa: DataLike) -> CachedGroup:
        if is_block(dwa):
            # Loaders look for navigation axes on the way up, and take the first group of that name. Those of the
            # recording have one value per block, which don't fit its rows: an empty group keeps loaders from them.
            nav_axes_group(self._saver, place.group)
        return place
