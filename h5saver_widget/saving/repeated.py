"""Frames like the one before: they take the same path, without a new check of their meaning.

The comparison covers the meaning of a frame: names, units, labels, source, axes, shapes and number types. Nothing is
looked up and no array is made, so a frame of 50 channels takes a tenth of the time. A frame with any difference takes
the long path (`recording.py`), which decides its meaning.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from h5saver_widget.backends.row_layout import RowLayout
from h5saver_widget.data.protocols import DataLike, DataToExportLike
from h5saver_widget.saving.growing import GrowingArrays
from h5saver_widget.saving.growing_axes import GrowingAxes
from h5saver_widget.saving.low_level import H5SaverLowLevel

if TYPE_CHECKING:
    from h5saver_widget.saving.recording import Recording

__all__ = ["SCALARS", "Repeated"]

#: Types of extra attributes that can be compared: equal values are the same, but for nan, which is no trouble.
SCALARS = (float, int, str, bool, type(None))

_Array = np.ndarray
_AXIS_TYPE = np.dtype(np.float64)
_as_bytes = struct.Struct("=d").pack


class Repeated:
    """An appended frame, and the properties that later ones need to be appended the same way.

    Parameters
    ----------
    recording
        The recording; it is broken while a frame is appended.
    saver
        The saver.
    dte
        The frame.
    channels
        Arrays of each of its data objects, in this order: all that the recording has.
    axes
        The axes of the recording.

    Attributes
    ----------
    labels, shape, dtypes
        Labels of the channels of the first data object, their shape, and number type of each.
    size
        Bytes of the channels of a frame.
    """

    def __init__(
        self,
        recording: Recording,
        saver: H5SaverLowLevel,
        dte: DataToExportLike,
        channels: Sequence[GrowingArrays],
        axes: GrowingAxes,
    ) -> None:
        self._recording, self._saver, self._channels, self._axes = recording, saver, channels, axes
        self._name = dte.name
        self._members: list[tuple[Any, ...]] = []
        handles = []
        for dwa, arrays in zip(dte.data, channels, strict=True):
            kinds = [(array.dtype, array.shape) for array in dwa.data]
            said = (dwa.dim, dwa.name, dwa.origin, dwa.units, dwa.source, list(dwa.labels), _extras(dwa))
            self._members.append((*said, arrays.axes_change, kinds))
            handles += arrays.handles
        self._axis_handles = axes.handles
        self._layout: RowLayout = saver.io.row_layout([*handles, *self._axis_handles])
        self.size = self._layout.size - 8 * len(axes)
        first = channels[0]
        self.labels, self.shape, self.dtypes = first.labels, first.row_shape, first.dtypes

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
        plain = saver.dynamic is None and all(dtype == _AXIS_TYPE for dtype in axes.dtypes)
        if not plain or not len(axes) or any(not arrays.is_plain for arrays in channels):
            return None
        for dwa, arrays in zip(dte.data, channels, strict=True):
            given = [(array.dtype, array.shape) for array in dwa.data]
            if (
                dwa.errors is not None
                or list(dwa.labels) != arrays.labels
                or any(kind not in SCALARS for _, kind, _ in _extras(dwa))
                or given != [(dtype, arrays.row_shape) for dtype in arrays.dtypes]
            ):
                return None
        return cls(recording, saver, dte, channels, axes)

    @property
    def is_valid(self) -> bool:
        """Whether frames still go into these arrays alone: others may append to the group, and begin a segment."""
        recording = self._recording
        if recording.repeated is not self or recording.broken or self._axes.handles != self._axis_handles:
            return False
        return all(arrays.is_plain for arrays in self._channels)

    def append(self, dte: DataToExportLike, values: Sequence[Any]) -> bool:
        """Append a frame that is like this one; False, and nothing done, if it is not."""
        data = dte.data
        if len(data) != len(self._members) or dte.name != self._name or self._saver.dynamic is not None:
            return False
        rows: list[Any] = []
        for dwa, (dim, name, origin, units, source, labels, extras, axes_change, kinds) in zip(
            data, self._members, strict=True
        ):
            if (
                dwa.dim is not dim
                or dwa.source is not source
                or dwa.name != name
                or dwa.origin != origin
                or dwa.units != units
                or dwa.labels != labels
                or dwa.errors is not None
                or dwa.nav_indexes
                or ((extras or dwa.extra_attributes) and _extras(dwa) != extras)
            ):
                return False
            arrays, axes = dwa.data, dwa.axes
            if len(arrays) != len(kinds) or (axes and axes_change(axes)):
                return False
            for array, (dtype, shape) in zip(arrays, kinds, strict=True):
                if (
                    type(array) is not _Array
                    or array.dtype is not dtype
                    or array.shape != shape
                    or not array.flags.c_contiguous
                ):
                    return False
            rows += arrays
        if len(values) != len(self._axes):
            return False
        for value in values:
            if type(value) is not float:
                return False
        self.append_rows(rows, values)
        return True

    def append_rows(self, rows: list[Any], values: Sequence[float]) -> None:
        """Append a frame of which only the numbers are given: a buffer for each channel, a value for each axis."""
        self._recording.broken = True
        rows += [_as_bytes(value) for value in values]
        self._saver.io.append_row(self._layout, rows)
        for channel in self._channels:
            channel.rows += 1
        self._axes.rows += 1
        self._recording.broken = False


def _extras(dwa: DataLike) -> list[tuple[Any, type, Any]]:
    """Return the extra attributes of a data object, with the types of their values: 1 is not True."""
    found = []
    for name in dwa.extra_attributes:
        value = getattr(dwa, name, None)
        found.append((name, type(value), value if type(value) in SCALARS else None))
    return found
