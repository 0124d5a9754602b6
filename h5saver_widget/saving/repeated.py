"""Frames like the one before: they take the same path, without a new check of their meaning.

The comparison covers the meaning of a frame: names, units, labels, source, axes, shapes and number types. Nothing is
looked up and no array is made, so a frame of 50 channels takes a tenth of the time. A frame with any difference takes
the long path (`recording.py`), which decides its meaning.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from h5saver_widget.backends.row_layout import RowLayout
from h5saver_widget.data.protocols import DataToExportLike
from h5saver_widget.saving.growing import GrowingArrays
from h5saver_widget.saving.growing_axes import GrowingAxes
from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = ["Repeated"]

_Array = np.ndarray
_AXIS_TYPE = np.dtype(np.float64)
_as_bytes = struct.Struct("=d").pack


class Repeated:
    """An appended frame, and the properties that later ones need to be appended the same way.

    Parameters
    ----------
    saver
        The saver.
    dte
        The frame.
    channels
        Arrays of each of its data objects, in this order: all that the recording has.
    axes
        The axes of the recording.
    """

    def __init__(
        self, saver: H5SaverLowLevel, dte: DataToExportLike, channels: Sequence[GrowingArrays], axes: GrowingAxes
    ) -> None:
        self._saver, self._channels, self._axes = saver, channels, axes
        self._name = dte.name
        self._members: list[tuple[Any, ...]] = []
        handles = []
        for dwa, arrays in zip(dte.data, channels, strict=True):
            kinds = [(array.dtype, array.shape) for array in dwa.data]
            said = (dwa.dim, dwa.name, dwa.origin, dwa.units, dwa.source, list(dwa.labels))
            self._members.append((*said, arrays.axes_change, kinds))
            handles += arrays.handles
        self._axis_handles = axes.handles
        self._layout: RowLayout = saver.io.row_layout([*handles, *self._axis_handles])
        #: Bytes of the channels of a frame.
        self.size = self._layout.size - 8 * len(axes)

    @classmethod
    def of(
        cls, saver: H5SaverLowLevel, dte: DataToExportLike, channels: Sequence[GrowingArrays], axes: GrowingAxes
    ) -> Repeated | None:
        """Return the repeater of a frame, None if each has to be checked: blocks, errors, attributes that change."""
        plain = saver.dynamic is None and all(dtype == _AXIS_TYPE for dtype in axes.dtypes)
        if not plain or not len(axes) or any(not arrays.is_plain for arrays in channels):
            return None
        for dwa, arrays in zip(dte.data, channels, strict=True):
            if dwa.extra_attributes or dwa.errors is not None or list(dwa.labels) != arrays.labels:
                return None
            if [(array.dtype, array.shape) for array in dwa.data] != [
                (dtype, arrays.row_shape) for dtype in arrays.dtypes
            ]:
                return None
        return cls(saver, dte, channels, axes)

    def is_valid(self, axes: GrowingAxes) -> bool:
        """Tell whether frames still have to go into these arrays alone."""
        return axes.handles == self._axis_handles and all(arrays.is_plain for arrays in self._channels)

    def append(self, dte: DataToExportLike, values: Sequence[Any]) -> bool:
        """Append a frame that is like this one; False, and nothing done, if it is not."""
        data = dte.data
        if len(data) != len(self._members) or dte.name != self._name or self._saver.dynamic is not None:
            return False
        rows: list[Any] = []
        for dwa, (dim, name, origin, units, source, labels, axes_change, kinds) in zip(
            data, self._members, strict=True
        ):
            if (
                dwa.dim is not dim
                or dwa.source is not source
                or dwa.name != name
                or dwa.origin != origin
                or dwa.units != units
                or dwa.labels != labels
                or dwa.extra_attributes
                or dwa.errors is not None
                or dwa.nav_indexes
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
            rows.append(_as_bytes(value))
        self._saver.io.append_row(self._layout, rows)
        for channel in self._channels:
            channel.rows += 1
        self._axes.rows += 1
        return True
