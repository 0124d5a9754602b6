"""Arrays whose end is not known: logs and continuous saving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from h5saver_widget.backends.terms import Handle
from h5saver_widget.data import Axis
from h5saver_widget.data.plain import holds
from h5saver_widget.data.protocols import AxisLike, DataLike
from h5saver_widget.errors import DataMismatchError
from h5saver_widget.format.layout import NAV_GROUP, PER_ROW, DataType, channel_name
from h5saver_widget.nodes.typed import EARRAY, Array
from h5saver_widget.saving.assemble import axis_from
from h5saver_widget.saving.channel_arrays import ChannelArrays
from h5saver_widget.saving.content import storable_fill
from h5saver_widget.saving.group_cache import CachedGroup
from h5saver_widget.saving.growing_axes import GrowingAxes, Rows
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.meaning import AxisMeaning, Frame, Meaning, stored_shape
from h5saver_widget.saving.per_row import MOVING, ExtraRows
from h5saver_widget.saving.value_types import CODED

__all__ = ["GrowingArrays", "is_block"]


class GrowingArrays(ChannelArrays):
    """The growing arrays of one data object, or of a segment of it: channels and errors, signal axes beside them.

    The arrays are made by the first data, from which shape, number types and meaning come, or found again in a file
    that is continued. Data that have a navigation axis of their own (a block of points) are appended as that many rows.
    Their axis grows along, and so do the axes of the recording, of which all rows of a block have one value.

    So many points were saved before these data appeared. Number types of the segment before, `after`, that can hold the
    frame stay as they were. `moving` keeps the values of the signal axes for every row.
    """

    def __init__(
        self,
        saver: H5SaverLowLevel,
        place: CachedGroup,
        frame: Frame,
        axes: Sequence[AxisLike],
        rows_before: int = 0,
        after: GrowingArrays | None = None,
        moving: bool = False,
    ) -> None:
        super().__init__(saver, place, 1, "spread", saver.fill_value)
        self._is_late = rows_before > 0
        #: Whether only the values of axes were other than in the segment before.
        self.has_moved = False
        self._block_axes: GrowingAxes | None = None
        self._counts: dict[Handle, int] = {}
        held = channel_name(DataType.data_enlargeable, 0) in place.names
        own = [axis_from(place.group.get_child(name)) for _, name in place.numbered("Axis")] if held else []
        self.is_block = is_block(frame.dwa)
        if held:
            self.is_block = NAV_GROUP in place.names or (self.is_block and any(a.index == 0 for a in own))
        self._lead = 0 if self.is_block else 1
        given = self._given_shape(frame)
        self.row_shape = stored_shape(given)
        if self.is_block:  # first, as the peer expects: Axis00 is the one that grows
            mine = _without([a for a in own if a.index == 0], axes) if held else _own_axes(frame.dwa)
            mine = mine or [Axis(data=np.zeros(0, int))]
            self._own = len(mine)
            self._block_axes = GrowingAxes(saver, place, [*mine, *axes])
        self._moving: list[tuple[Handle, np.dtype[Any]]] = []
        self._moved: list[Rows] = []
        if held:
            given = self._reopen(frame, own)
        else:
            self._make(frame, after, moving)
        self._complete(given)
        counts = self._counts.values()
        #: Rows of every array.
        self.rows = max(*counts, self._block_axes.rows if self._block_axes else rows_before)
        for handle, count in self._counts.items():
            self._fill(handle, self.rows - count)
        if self._block_axes:
            self._block_axes.fill(self.rows - self._block_axes.rows)
        #: Rows when this segment began.
        self.first_row = self.rows

    def _given_shape(self, frame: Frame) -> tuple[int, ...]:
        return (frame.shape[1:] or (1,)) if self.is_block else frame.shape

    @property
    def is_plain(self) -> bool:
        """Whether a frame is nothing but a row for each channel."""
        return super().is_plain and not self.is_block and not self._moving

    # ------------------------------------------------------------------ making
    def _make(self, frame: Frame, after: GrowingArrays | None, moving: bool) -> None:
        frame.as_given()
        dwa, dtypes = frame.dwa, frame.dtypes
        if after is not None and len(after.handles) == len(dtypes):
            known = zip(frame.data, dtypes, after.dtypes, strict=True)
            dtypes = [was if dtype == was or holds(was, array) else dtype for array, dtype, was in known]
        self._meaning = Meaning.of(dwa, self.is_block)
        self._meaning.moving = moving
        self.handles = []
        for channel, (array, dtype) in enumerate(zip(frame.data, dtypes, strict=True)):
            # a value that never changes takes no room; rows before the first of a late channel hold the fill value
            one = not self._is_late and array.size and prod(self.row_shape) == 1 and dtype.kind not in CODED
            first = array.astype(dtype).flat[0] if one else None
            self.handles.append(self._create(DataType.data_enlargeable, dwa, channel, dtype, first))
        self._error_handles = self._create_errors(frame)
        self._extras = ExtraRows(self._saver, self.place, dwa)
        if moving:
            self._make_moving(dwa)

    def _make_array(
        self, name: str, dtype: np.dtype[Any], fill: Any, title: str, attributes: Mapping[str, Any]
    ) -> EARRAY:
        made = self._saver.create_earray(
            self.place.group, name, dtype, self.row_shape, title, fill_value=fill, attributes=attributes
        )
        self._counts[made.handle] = 0
        return made

    def _make_moving(self, dwa: DataLike) -> None:
        saver = self._saver
        for number, axis in enumerate(_signal_axes(dwa)):
            values = np.asarray(axis.get_data())
            described = {"data_type": PER_ROW, "label": axis.label, "units": axis.units, "index": axis.index + 1}
            fill = storable_fill(np.nan, values.dtype)
            handle = saver.create_earray(
                self.place.group,
                f"{MOVING}{number:02d}",
                values.dtype,
                values.shape,
                str(axis.label),
                fill_value=fill,
                attributes=described,
            ).handle
            self._counts[handle], self._dtypes[handle], self._fills[handle] = 0, values.dtype, fill
            self._moving.append((handle, values.dtype))

    # --------------------------------------------------------------- reopening
    def _reopen(self, frame: Frame, own: list[Axis]) -> tuple[int, ...]:
        """Take arrays as they are in the file; their meaning is written beside them. Return the shape of a row."""
        nodes = self._reopened(DataType.data_enlargeable)
        self.handles = [node.handle for node in nodes]
        self._error_handles = [node.handle for node in self._reopened(DataType.error)]
        self.row_shape = tuple(nodes[0].info.shape[1:])
        axes = [AxisMeaning(a, a.index - self._lead) for a in own if a.index > 0]
        if self.is_block:
            mine = [AxisMeaning(a, 0, False) for a in own if a.index == 0][: self._own]
            # one without a name is that of blocks that bring none: it counts their points
            axes += [a for a in mine if a.label or a.units or _own_axes(frame.dwa)]
        given = self._take_meaning(nodes, axes, str(frame.dwa.units))
        for _, name in self.place.numbered(MOVING):
            node = self.place.group.get_child(name)
            if isinstance(node, EARRAY):
                self._moving.append((node.handle, node.dtype))
                self._counts[node.handle], self._dtypes[node.handle] = node.info.shape[0], node.dtype
        if self._moving:
            known, self._meaning = self._meaning, Meaning.of(frame.dwa)
            self._meaning.units, self._meaning.labels, self._meaning.moving = known.units, known.labels, True
        return given

    def _reopened(self, data_type: DataType) -> list[Array]:
        nodes = self._found(data_type)
        for node in nodes:
            if not isinstance(node, EARRAY):
                raise DataMismatchError(f"{node.path} can't take rows; save into a new file or a new group")
            self._saver.has_grown(node.path, node.handle)
            self._counts[node.handle] = node.info.shape[0]
        return nodes

    # ---------------------------------------------------------------- comparing
    def change(self, frame: Frame, shape: tuple[int, ...] | None = None) -> str:
        """Return why a frame does not belong into these arrays, ``''`` if it does."""
        if (tuple(frame.dwa.nav_indexes) == (0,)) is not self.is_block:  # is_block() without the call
            return "single points instead of blocks" if self.is_block else "blocks of points instead of single ones"
        return super().change(frame, self._given_shape(frame) if self.is_block else None)

    def moves(self, frame: Frame) -> bool:
        """Tell whether only the values of axes are other about a frame."""
        if self.is_block or 0 in frame.shape or frame.shape != self.frame_shape or not self._meaning.has_moved(frame):
            return False
        return all(np.asarray(axis.get_data()).dtype.kind not in CODED for axis in frame.dwa.axes)

    # ----------------------------------------------------------------- appending
    def checked(self, frame: Frame, axis_values: Sequence[Rows]) -> list[tuple[Handle, Rows]]:
        """Return the writes of a frame that belongs here, its rows first; nothing is written yet.

        `axis_values` are those of the axes of the recording.
        """
        count = frame.shape[0] if self.is_block else 1
        shape, data = (count, *self.row_shape), frame.data
        if self._coded or frame.dtypes != self.dtypes:
            data = self._as_stored(frame)
        rows: list[tuple[Handle, Rows]] = []
        for handle, array in zip(self.handles, data, strict=True):
            rows.append((handle, array.reshape(shape)))  # a comprehension costs a call
        if frame.errors is not None or self._error_handles:
            if not self._error_handles:  # errors that come later than the data
                self._error_handles = self._create_errors(frame)
                for handle in self._error_handles:
                    self._fill(handle, self.rows)
            rows += self._errors_as_stored(frame, shape)
        if not self._extras.is_same(frame.dwa):
            rows += self._extras.checked(frame.dwa, self.rows, count)
        if self._moving:
            if frame.dwa.axes:  # copies: drivers use one buffer again and again
                self._moved = [np.array(axis.get_data())[np.newaxis] for axis in _signal_axes(frame.dwa)]
            elif not self._moved:  # a recording that goes on in a file
                last = slice(self.rows - 1, self.rows)
                self._moved = [self._saver.io.read(handle, last) for handle, _ in self._moving]
            for (handle, dtype), moved in zip(self._moving, self._moved, strict=True):
                rows.append((handle, moved.astype(dtype)))
        if self._block_axes is not None:
            own = [np.asarray(axis.get_data()) for axis in _own_axes(frame.dwa)]
            values = [
                *(own or [np.arange(self.rows, self.rows + count)]),
                *(np.repeat(value, count) for value in axis_values),
            ]
            rows += self._block_axes.checked(values, str(frame.dwa.name))
        return rows

    def grown(self, count: int) -> None:
        """Count rows that were appended."""
        self.rows += count
        if self._block_axes is not None:
            self._block_axes.rows += count

    def fill(self, count: int = 1) -> None:
        """Add rows of the fill value, so that rows of one number belong to one point in all arrays of a group."""
        if not self.is_block:
            for handle in (*self.handles, *self._error_handles, *(handle for handle, _ in self._moving)):
                self._fill(handle, count)
            for handle, values in self._extras.fill(count):
                self._saver.io.append(handle, values)
            self.rows += count

    def _fill(self, handle: Handle, count: int) -> None:
        if count > 0:
            self._saver.io.extend(handle, count, self._fill_of(handle))


def is_block(dwa: DataLike) -> bool:
    """Tell whether data are several points, along a navigation axis of their own."""
    return tuple(dwa.nav_indexes) == (0,)


def _own_axes(dwa: DataLike) -> list[AxisLike]:
    """Return the navigation axes that a block of points brings along."""
    return sorted((axis for axis in dwa.axes if axis.index == 0), key=lambda axis: axis.spread_order)


def _without(held: list[Axis], axes: Sequence[AxisLike]) -> list[AxisLike]:
    """Return the axes of blocks without those of the recording behind them, which the peer does not write."""
    own = len(held) - len(axes)
    behind = own > 0 and [axis.label for axis in held[own:]] == [axis.label for axis in axes]
    return [*held[:own]] if behind else [*held]


def _signal_axes(dwa: DataLike) -> list[AxisLike]:
    return sorted(dwa.axes, key=lambda axis: axis.index)
