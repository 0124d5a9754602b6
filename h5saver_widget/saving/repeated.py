"""Frames like the one before: they take the same path, without a new check of their meaning.

The comparison covers the meaning of a frame: names, units, labels, source, axes, shapes and number types. Nothing is
looked up and no array is made, so a frame of 50 channels takes a tenth of the time. A frame with any difference takes
the long path (`recording.py`), which decides its meaning.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from itertools import chain
from operator import attrgetter, is_
from typing import TYPE_CHECKING, Any

import numpy as np

from h5saver_widget.backends.row_layout import RowLayout
from h5saver_widget.data.data_with_axes import DataWithAxes, Said, arrays_of, axes_of, said_of
from h5saver_widget.data.protocols import DataLike, DataToExportLike
from h5saver_widget.saving.channel_arrays import ChannelArrays
from h5saver_widget.saving.growing import GrowingArrays
from h5saver_widget.saving.growing_axes import GrowingAxes
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.stamps import Stamp

if TYPE_CHECKING:
    from h5saver_widget.saving.recording import Recording

__all__ = ["SCALARS", "FramePattern", "Repeated", "is_time_to_look"]

#: Types of extra attributes that can be compared: equal values are the same, but for nan, which is no trouble.
SCALARS = (float, int, str, bool, type(None))

#: What `said_of`, `arrays_of` and `axes_of` return, of data objects of other classes.
_OF_OTHERS = attrgetter(*Said._fields), attrgetter("data"), attrgetter("axes")

_dtype_of, _size_of = attrgetter("dtype"), attrgetter("size")

_AXIS_TYPE = np.dtype(np.float64)
_as_bytes = struct.Struct("=d").pack


def is_time_to_look(tries: int) -> bool:
    """Tell whether to look if frames can be repeated, after so many that could not: less and less often.

    >>> [tries for tries in range(20) if is_time_to_look(tries)]
    [2, 4, 8, 16]
    """
    return tries > 1 and tries & (tries - 1) == 0


class FramePattern:
    """The meaning of a frame, and the arrays in which frames of the same meaning are saved, by data object."""

    def __init__(self, dte: DataToExportLike, channels: Sequence[ChannelArrays]) -> None:
        self._name, data = dte.name, [*dte.data]
        self._types = [*map(type, data)]
        ours = all(isinstance(dwa, DataWithAxes) for dwa in data)
        parts: tuple[Callable[[Any], Any], ...] = (said_of, arrays_of, axes_of) if ours else _OF_OTHERS
        self._said_of, self._arrays_of, self._axes_of = parts
        self._said = [tuple(map(_own, self._said_of(dwa))) for dwa in data]
        self._extras = [(number, _extras(dwa)) for number, dwa in enumerate(data) if dwa.extra_attributes]
        self._axes_changes = [arrays.axes_change for arrays in channels]
        rows = [array for dwa in data for array in dwa.data]
        self._row_types, self._sizes = [np.ndarray] * len(rows), [array.size for array in rows]
        self._dtypes = [array.dtype for array in rows]
        self._shapes = [(number, array.shape) for number, array in enumerate(rows) if array.size > 1]
        #: The arrays, in the order of the values of a frame.
        self.handles = [handle for arrays in channels for handle in arrays.handles]

    @staticmethod
    def can_repeat(dte: DataToExportLike, channels: Sequence[ChannelArrays]) -> bool:
        """Tell whether frames like one need no check of their own, as those with errors or changing attributes do."""
        for dwa, arrays in zip(dte.data, channels, strict=True):
            given = [(array.dtype, array.shape) for array in dwa.data]
            if (
                not arrays.is_plain
                or dwa.errors is not None
                or list(dwa.labels) != arrays.labels
                or any(kind not in SCALARS for _, kind, _ in _extras(dwa))
                or given != [(dtype, arrays.frame_shape) for dtype in arrays.dtypes]
            ):
                return False
        return True

    def values_of(self, dte: DataToExportLike) -> list[Any] | None:
        """Return the arrays of a frame with the same meaning, one for each handle; None for any other frame."""
        data = dte.data
        if dte.name != self._name or [*map(type, data)] != self._types:
            return None
        # lists are compared as wholes, in C: a data object of a frame costs 1 us instead of 1.6
        if [*map(self._said_of, data)] != self._said:
            return None
        for number, extras in self._extras:
            if _extras(data[number]) != extras:
                return None
        given = [*map(self._axes_of, data)]
        if any(given):
            for axes, axes_change in zip(given, self._axes_changes, strict=True):
                if axes and axes_change(axes):
                    return None
        values = [*chain.from_iterable(map(self._arrays_of, data))]
        if [*map(type, values)] != self._row_types or [*map(_size_of, values)] != self._sizes:
            return None
        if not all(map(is_, map(_dtype_of, values), self._dtypes)):
            return None
        for number, shape in self._shapes:  # of single values, the dimensionality tells it
            if values[number].shape != shape or not values[number].flags.c_contiguous:
                return None
        return values


class Repeated(FramePattern):
    """An appended frame, and how later ones of the same meaning are appended.

    The recording is broken while a frame is appended. The channels, in the order of the data objects of the frame, are
    all that it has.
    """

    def __init__(
        self,
        recording: Recording,
        saver: H5SaverLowLevel,
        dte: DataToExportLike,
        channels: Sequence[GrowingArrays],
        axes: GrowingAxes,
    ) -> None:
        super().__init__(dte, channels)
        self._recording, self._saver, self._channels, self._axes = recording, saver, channels, axes
        self._axis_handles, self._stamps = axes.handles, axes.stamps
        beside = [*self._axis_handles, *(axes.stamps.handles if axes.stamps is not None else ())]
        self._layout: RowLayout = saver.io.row_layout([*self.handles, *beside])
        #: Bytes of the channels of a frame.
        self.size = self._layout.size - 8 * len(beside)
        first = channels[0]
        #: Labels of the channels of the first data object, their shape, and number type of each.
        self.labels, self.shape, self.dtypes = first.labels, first.frame_shape, first.dtypes

    @classmethod
    def of(
        cls,
        recording: Recording,
        saver: H5SaverLowLevel,
        dte: DataToExportLike,
        channels: Sequence[GrowingArrays],
        axes: GrowingAxes,
    ) -> Repeated | None:
        """Return the repeater of a frame, None if each has to be checked: blocks, errors, attributes that change."""
        plain = saver.dynamic is None and len(axes) > 0 and all(dtype == _AXIS_TYPE for dtype in axes.dtypes)
        return cls(recording, saver, dte, channels, axes) if plain and cls.can_repeat(dte, channels) else None

    @property
    def is_valid(self) -> bool:
        """Whether frames still go into these arrays alone: others may append to the group, and begin a segment."""
        recording = self._recording
        if recording.repeated is not self or recording.broken or self._axes.handles != self._axis_handles:
            return False
        if self._axes.stamps is not self._stamps:
            return False
        return all(arrays.is_plain for arrays in self._channels)

    def takes(self, stamp: Stamp | None) -> bool:
        """Tell whether the arrays for the stamp of a frame are there."""
        return stamp is None or self._stamps is not None

    def append(self, dte: DataToExportLike, values: Sequence[Any], stamp: Stamp | None = None) -> bool:
        """Append a frame that is like this one; False, and nothing done, if it is not."""
        if self._saver.dynamic is not None or len(values) != len(self._axes) or not self.takes(stamp):
            return False
        for value in values:
            if type(value) is not float:
                return False
        rows = self.values_of(dte)
        if rows is None:
            return False
        self.append_rows(rows, values, stamp)
        return True

    def append_rows(self, rows: list[Any], values: Sequence[float], stamp: Stamp | None = None) -> None:
        """Append a frame of which only the numbers are given: a buffer for each channel, a value for each axis."""
        self._recording.broken = True
        rows += [_as_bytes(value) for value in values]
        if self._stamps is not None:
            rows += self._stamps.packed(stamp)
        self._saver.io.append_row(self._layout, rows)
        for channel in self._channels:
            channel.rows += 1
        self._axes.rows += 1
        self._recording.broken = False


def _own(value: Any) -> Any:
    """Return a list as one that nobody else changes."""
    return [*value] if isinstance(value, list) else value


def _extras(dwa: DataLike) -> list[tuple[Any, type, Any]]:
    """Return the extra attributes of a data object, with the types of their values: 1 is not True."""
    found = []
    for name in dwa.extra_attributes:
        value = getattr(dwa, name, None)
        found.append((name, type(value), value if type(value) in SCALARS else None))
    return found
