"""Arrays whose end is not known (logs, continuous saving) and arrays filled point by point (scans).

What is looked up is looked up once: a :class:`Recording` keeps the handles of a group's growing arrays, so that saving
point 100,000 costs what saving point 2 costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget import naming
from h5saver_widget.backends.base import Handle
from h5saver_widget.data import Axis
from h5saver_widget.data.protocols import AxisLike, DataLike, DataToExportLike
from h5saver_widget.errors import DataMismatchError
from h5saver_widget.layout import NAV_GROUP, DataType, channel_name
from h5saver_widget.nodes import EARRAY, GROUP
from h5saver_widget.saving.arrays import AxisSaverLoader
from h5saver_widget.saving.bundle import with_occurrence
from h5saver_widget.saving.content import storable_fill
from h5saver_widget.saving.describe import data_attributes, fit_dynamic
from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = [
    "GrowingArrays",
    "GrowingAxes",
    "Recording",
    "find_channel_group",
    "nav_axes_group",
]

Rows = npt.NDArray[Any]


def find_channel_group(
    saver: H5SaverLowLevel, dim_group: GROUP, dwa: DataLike, origin: str, without: str = ""
) -> GROUP:
    """Return the channel group of a data object: the first of its name and origin, or a new ``CH00``, ``CH01``...

    Parameters
    ----------
    without
        Pass over groups that already hold arrays of this prefix.
    """
    names = dim_group.children_name()
    for name in names:
        if naming.number_of(name, "CH") is None:
            continue
        group = dim_group.get_child(name)
        if isinstance(group, GROUP) and group.title == dwa.name and group.attrs.get("origin", origin) in (origin, ""):
            taken = without and any(naming.number_of(child, without) is not None for child in group.children_name())
            if not taken:
                return group
    return saver.get_set_group(dim_group, f"CH{naming.next_number(names, 'CH'):02d}", str(dwa.name), origin=origin)


class GrowingAxes:
    """The navigation axes of growing data: one value each per point.

    Parameters
    ----------
    saver, where
        The saver, and the group that holds the axes (they are found again, or made).
    names, units
        Label and units of every axis.
    """

    def __init__(self, saver: H5SaverLowLevel, where: GROUP, names: Sequence[str], units: Sequence[str]) -> None:
        self._saver = saver
        self._names = list(names)
        axis_saver = AxisSaverLoader(saver)
        known = {node.attrs.get("label"): node for node in axis_saver.nodes_of_type(where) if isinstance(node, EARRAY)}
        self._arrays: list[EARRAY] = []
        for order, (name, unit) in enumerate(zip(names, units, strict=True)):
            node = known.get(name)
            if node is None:
                axis = Axis(name, unit, data=np.zeros(0), index=0, spread_order=order)
                made = axis_saver.add_axis(where, axis, enlargeable=True)
                assert isinstance(made, EARRAY)
                node = made
            saver.has_grown(node.path, node.handle)
            self._arrays.append(node)
        #: Points saved so far.
        self.rows = min((len(array) for array in self._arrays), default=0)

    def checked(self, values: Sequence[float | AxisLike]) -> list[Rows]:
        """Return one row per axis; DataMismatchError if their number is wrong."""
        if len(values) != len(self._names):
            raise DataMismatchError(
                f"got {len(values)} axis values for {len(self._names)} axes ({', '.join(self._names)}); give one each"
            )
        return [np.atleast_1d(np.asarray(getattr(value, "data", value), dtype=np.float64))[:1] for value in values]

    def append(self, rows: list[Rows]) -> None:
        """Add one point."""
        for array, row in zip(self._arrays, rows, strict=True):
            self._saver.io.append(array.handle, row)
        self.rows += 1


class GrowingArrays:
    """The growing arrays of one data object: its channels and errors, and its signal axes beside them.

    The arrays are made by the first data, or found again in a file that is continued. Data that have one navigation
    axis of their own (a block of points) are appended as that many rows, their axis grows along.
    """

    def __init__(self, saver: H5SaverLowLevel, group: GROUP, dwa: DataLike, rows_before: int = 0) -> None:
        self._saver = saver
        self._group = group
        self._shape = np.shape(dwa.data[0]) or (1,)
        self.is_block = tuple(dwa.nav_indexes) == (0,) and len(self._shape) > 1
        self._row_shape = self._shape[1:] if self.is_block else self._shape
        self._block_axes: list[EARRAY] = []
        self._dtypes: dict[Handle, np.dtype[Any]] = {}
        self._handles = self._open(DataType.data_enlargeable, dwa, dwa.data)
        self._error_handles = [] if dwa.errors is None else self._open(DataType.error, dwa, dwa.errors)
        missing = 0 if self.is_block else rows_before - self._saver.io.info(self._handles[0]).shape[0]
        if missing > 0:
            self.fill(missing)

    def _open(self, data_type: DataType, dwa: DataLike, arrays: Iterable[Any]) -> list[Handle]:
        saver = self._saver
        found: list[Handle] = []
        for channel, array in enumerate(arrays):
            name = channel_name(data_type, channel)
            if name in self._group.children_name():
                node = self._group.get_child(name)
                if not isinstance(node, EARRAY) or node.shape[1:] != self._row_shape:
                    raise DataMismatchError(
                        f"{node.path} can't take rows of shape {self._row_shape}; save into a new file or a new group"
                    )
            else:
                node = self._create(data_type, name, dwa, channel, np.asarray(array).dtype)
            saver.has_grown(node.path, node.handle)
            self._dtypes[node.handle] = node.info.dtype
            found.append(node.handle)
        return found

    def _create(self, data_type: DataType, name: str, dwa: DataLike, channel: int, dtype: np.dtype[Any]) -> EARRAY:
        saver = self._saver
        is_error = data_type is DataType.error
        own = tuple(int(i) for i in dwa.nav_indexes)
        nav_indexes = (0,) if self.is_block else (0, *(i + 1 for i in own))
        more = {"source": "calculated"} if is_error else None
        described = data_attributes(dwa, channel, data_type, nav_indexes, "spread", more)
        if not is_error:
            dtype = saver.dynamic or dtype
            if channel == 0:
                self._save_axes(dwa)
        title = f"{dwa.name}_errors" if is_error else str(dwa.name)
        return saver.create_earray(self._group, name, dtype, self._row_shape, title, attributes=described)

    def _save_axes(self, dwa: DataLike) -> None:
        axis_saver = AxisSaverLoader(self._saver)
        for axis in dwa.axes:
            if self.is_block and axis.index == 0:
                made = axis_saver.add_axis(self._group, axis, enlargeable=True)
                assert isinstance(made, EARRAY)
                self._block_axes.append(made)
            else:
                axis_saver.add_axis(self._group, axis, index=axis.index if self.is_block else axis.index + 1)

    def checked(self, dwa: DataLike) -> list[tuple[Handle, Rows]]:
        """Return what is to be appended for a data object; nothing is written yet.

        Raises
        ------
        DataMismatchError
            If the number of channels or the shape is another than the file's arrays have.
        DynamicRangeError
            If values don't fit the number type of the file's arrays.
        """
        rows: list[tuple[Handle, Rows]] = []
        shape = np.shape(dwa.data[0]) or (1,)
        if len(dwa.data) != len(self._handles) or (shape[1:] if self.is_block else shape) != self._row_shape:
            raise DataMismatchError(
                f"{dwa.name}: {len(dwa.data)} channels of shape {shape} don't fit {self._group.path}, which takes "
                f"{len(self._handles)} channels of shape {self._row_shape}; start a new file for the new shape"
            )
        for handles, arrays in ((self._handles, dwa.data), (self._error_handles, dwa.errors or ())):
            for handle, array in zip(handles, arrays, strict=False):
                values = np.asarray(array)
                values = fit_dynamic(values, self._dtypes[handle], str(dwa.name))
                rows.append((handle, values if self.is_block else values.reshape((1, *self._row_shape))))
        for node, axis in zip(self._block_axes, [a for a in dwa.axes if a.index == 0], strict=False):
            rows.append((node.handle, np.asarray(axis.get_data()).astype(node.dtype, copy=False)))
        return rows

    def fill(self, count: int = 1) -> None:
        """Add rows of the fill value, so that rows of one number belong to one point in all arrays of a group."""
        if self.is_block:
            return
        for handle in (*self._handles, *self._error_handles):
            dtype = self._dtypes[handle]
            fill = storable_fill(self._saver.fill_value, dtype)
            step = max(1, (1 << 24) // max(1, int(np.prod(self._row_shape)) * dtype.itemsize))
            for start in range(0, count, step):
                rows = min(step, count - start)
                self._saver.io.append(handle, np.full((rows, *self._row_shape), fill, dtype))


class Recording:
    """The growing arrays below one group: navigation axes, and one GrowingArrays per data object."""

    def __init__(
        self, saver: H5SaverLowLevel, where: GROUP, names: Sequence[str], units: Sequence[str], *, in_group: bool = True
    ) -> None:
        self._saver = saver
        self._where = where
        self._in_group = in_group
        self.axes = GrowingAxes(saver, nav_axes_group(saver, where) if in_group else where, names, units)
        self._channels: dict[tuple[str, str, str, int], GrowingArrays] = {}

    def add(self, dte: DataToExportLike, values: Sequence[Any]) -> None:
        """Append one point. All of it is checked before anything is written, so that arrays stay in step."""
        axis_rows = self.axes.checked(values)
        found = []
        for key, dwa in with_occurrence(dte):
            channel = self._channels.get(key)
            if channel is None:
                channel = self._channels[key] = self._new(key, dwa)
            found.append((channel, channel.checked(dwa)))
        append = self._saver.io.append
        for _, rows in found:
            for handle, row in rows:
                append(handle, row)
        if len(found) != len(self._channels):
            present = {id(channel) for channel, _ in found}
            for channel in self._channels.values():
                if id(channel) not in present:
                    channel.fill()
        self.axes.append(axis_rows)

    def _new(self, key: tuple[str, str, str, int], dwa: DataLike) -> GrowingArrays:
        dim, origin, _, occurrence = key
        group = self._where
        if self._in_group:
            dim_group = self._saver.get_set_group(self._where, dim)
            group = find_channel_group(
                self._saver, dim_group, dwa, origin, without=DataType.data_enlargeable.value if occurrence else ""
            )
        return GrowingArrays(self._saver, group, dwa, self.axes.rows)


def nav_axes_group(saver: H5SaverLowLevel, where: GROUP) -> GROUP:
    """Return the group of navigation axes in a group, made if it is not there."""
    return saver.get_set_group(where, NAV_GROUP)
