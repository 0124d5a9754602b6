"""Arrays of a scan: made in the shape of the whole scan, then written point by point in any order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.terms import Handle
from h5saver_widget.data.protocols import DataLike
from h5saver_widget.errors import DataMismatchError
from h5saver_widget.format.layout import DataType, channel_name
from h5saver_widget.saving.arrays import AxisSaverLoader
from h5saver_widget.saving.content import storable_fill
from h5saver_widget.saving.describe import data_attributes, fit_dynamic
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.places import Contents

__all__ = ["ExtendedArrays", "checked_indexes"]


def checked_indexes(indexes: Sequence[int], scan_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the position of a point; DataMismatchError if it is not in a scan of that shape."""
    at = tuple(map(int, indexes if isinstance(indexes, (tuple, list)) else np.atleast_1d(indexes)))
    if len(at) != len(scan_shape) or any(not 0 <= i < n for i, n in zip(at, scan_shape, strict=True)):
        raise DataMismatchError(
            f"the point {at} is not in a scan of shape {scan_shape}; give one index per scan dimension, from 0"
        )
    return at


class ExtendedArrays:
    """The arrays of one data object in a scan: made full of the fill value, then written point by point.

    Parameters
    ----------
    saver, place
        The saver, and the channel group.
    dwa
        The first data; shape and number type come from it.
    scan_shape
        Number of points along every scan dimension; ``(n,)`` for a spread scan of n points.
    distribution
        ``'uniform'`` or ``'spread'``.
    fill_value
        What points hold before they are measured; integers have no nan, theirs is 0.
    as_acquired
        Keep the number type of the data, whatever saving dynamic is chosen.
    """

    def __init__(
        self,
        saver: H5SaverLowLevel,
        place: Contents,
        dwa: DataLike,
        scan_shape: tuple[int, ...],
        distribution: str,
        fill_value: float,
        as_acquired: bool = False,
    ) -> None:
        self._saver, self._as_acquired = saver, as_acquired
        self._place = place
        self._scan_shape = scan_shape
        shape = np.shape(dwa.data[0]) or (1,)
        self._shape = () if shape == (1,) else shape
        self._distribution, self._fill_value = distribution, fill_value
        self._handles = [self._open(DataType.data, dwa, channel) for channel in range(len(dwa.data))]
        self._error_handles = self._open_errors(dwa)

    def _open_errors(self, dwa: DataLike) -> list[tuple[Handle, np.dtype[Any]]]:
        count = 0 if dwa.errors is None else len(dwa.errors)
        return [self._open(DataType.error, dwa, channel) for channel in range(count)]

    def _open(self, data_type: DataType, dwa: DataLike, channel: int) -> tuple[Handle, np.dtype[Any]]:
        saver, place = self._saver, self._place
        shape = (*self._scan_shape, *self._shape)
        name = channel_name(data_type, channel)
        if name in place.names:
            node = saver.get_node(place.group, name)
            held = saver.io.info(node.handle)
            if held.shape != shape:
                raise DataMismatchError(
                    f"{node.path} has shape {held.shape}, this scan needs {shape}; start a new scan"
                )
            return node.handle, held.dtype
        is_error = data_type is DataType.error
        dims = len(self._scan_shape)
        nav_indexes = (*range(dims), *(int(i) + dims for i in dwa.nav_indexes))
        described = data_attributes(
            dwa, channel, data_type, nav_indexes, self._distribution, {"source": "calculated"} if is_error else None
        )
        if channel == 0 and not is_error:
            for axis in dwa.axes:
                AxisSaverLoader(saver).add_to(place, axis, axis.index + dims)
        values = np.asarray((dwa.errors if is_error else dwa.data)[channel])  # type: ignore[index]
        dtype = values.dtype if is_error or self._as_acquired else saver.dynamic or values.dtype
        made = saver.create_carray(
            place.group,
            name,
            title=f"{dwa.name}_errors" if is_error else str(dwa.name),
            shape=shape,
            dtype=dtype,
            fill_value=storable_fill(self._fill_value, dtype),
            frame_axes=len(self._shape),
            attributes=described,
        )
        return made.handle, dtype

    def is_complete_for(self, dwa: DataLike) -> bool:
        """Tell whether no array has to be made for a data object."""
        return dwa.errors is None or bool(self._error_handles)

    def checked(self, dwa: DataLike) -> list[tuple[Handle, npt.NDArray[Any]]]:
        """Return what is to be written for a data object; nothing is written yet. Errors as GrowingArrays.checked."""
        shape = np.shape(dwa.data[0]) or (1,)
        shape = () if shape == (1,) else shape
        if shape != self._shape or len(dwa.data) != len(self._handles):
            raise DataMismatchError(
                f"{dwa.name}: {len(dwa.data)} channels of shape {shape} don't fit the scan in "
                f"{self._place.group.path}, which takes {len(self._handles)} channels of shape {self._shape}; "
                "start a new scan"
            )
        if dwa.errors is not None and not self._error_handles:  # errors that come later than the data
            self._error_handles = self._open_errors(dwa)
        found: list[tuple[Handle, npt.NDArray[Any]]] = []
        for handles, arrays in ((self._handles, dwa.data), (self._error_handles, dwa.errors or ())):
            for (handle, dtype), array in zip(handles, arrays, strict=False):
                values = fit_dynamic(np.asarray(array), dtype, str(dwa.name))
                found.append((handle, values if values.shape == self._shape else values.reshape(self._shape)))
        return found
