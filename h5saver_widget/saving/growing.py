"""Arrays whose end is not known (logs, continuous saving) and arrays filled point by point (scans).

What is looked up is looked up once: a :class:`Recording` keeps the handles of a group's growing arrays, so that saving
point 100,000 costs what saving point 2 costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget import naming
from h5saver_widget.backends.base import Handle
from h5saver_widget.data import Axis
from h5saver_widget.data.checks import dim_of
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
    saver: H5SaverLowLevel,
    dim_group: GROUP,
    dwa: DataLike,
    origin: str,
    *,
    without: Iterable[DataType] = (),
    skip: int = 0,
) -> GROUP:
    """Return the channel group of a data object: one of its name and origin, or a new ``CH00``, ``CH01``...

    Parameters
    ----------
    without
        Pass over groups that hold arrays of one of these roles.
    skip
        Pass over that many groups that would do: the second data of one name in a bundle have the second group.
    """
    names = dim_group.children_name()
    prefixes = [data_type.value for data_type in without]
    for name in names:
        if naming.number_of(name, "CH") is None:
            continue
        group = dim_group.get_child(name)
        if isinstance(group, GROUP) and group.title == dwa.name and group.attrs.get("origin", origin) in (origin, ""):
            held = group.children_name() if prefixes else []
            if any(naming.number_of(child, prefix) is not None for child in held for prefix in prefixes):
                continue
            if skip == 0:
                return group
            skip -= 1
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
        known = [node for node in axis_saver.nodes_of_type(where) if isinstance(node, EARRAY)]
        self._arrays: list[EARRAY] = []
        for order, (name, unit) in enumerate(zip(names, units, strict=True)):
            node = next((n for n in known if n.attrs.get("label") == name), None)
            if node is not None:
                known.remove(node)  # two axes may have one name
            else:
                axis = Axis(name, unit, data=np.zeros(0), index=0, spread_order=order)
                made = axis_saver.add_axis(where, axis, enlargeable=True)
                assert isinstance(made, EARRAY)
                node = made
            saver.has_grown(node.path, node.handle)
            self._arrays.append(node)
        #: Points saved so far.
        self.rows = max((len(array) for array in self._arrays), default=0)
        for array in self._arrays:  # a program killed between two arrays leaves one row more in some
            self._fill(array, self.rows - len(array))

    def _fill(self, array: EARRAY, count: int) -> None:
        if count > 0:
            self._saver.io.append(array.handle, np.full(count, storable_fill(np.nan, array.dtype), array.dtype))

    def fill(self, count: int) -> None:
        """Add points whose values are not known."""
        for array in self._arrays:
            self._fill(array, count)
        self.rows += count

    def checked(self, values: Sequence[float | AxisLike]) -> list[tuple[Handle, Rows]]:
        """Return what is to be appended, one row per axis; nothing is written yet.

        DataMismatchError if their number is wrong, or one is no single number.
        """
        if len(values) != len(self._names):
            raise DataMismatchError(
                f"got {len(values)} axis values for {len(self._names)} axes ({', '.join(self._names)}); give one each"
            )
        return [
            (array.handle, _single(value, name))
            for array, value, name in zip(self._arrays, values, self._names, strict=True)
        ]


def _single(value: Any, name: str) -> Rows:
    """Return an axis value as one row: a number, an array or axis of one value, or a position (a data object)."""
    if not isinstance(value, (np.ndarray, np.generic)):
        value = getattr(value, "data", value)
    try:
        row = np.asarray(() if value is None else value, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        row = np.zeros(0)
    if row.size != 1:
        raise DataMismatchError(f"the value {value!r} of the axis {name!r} is not one number; give one number per axis")
    return row


class GrowingArrays:
    """The growing arrays of one data object: its channels and errors, and its signal axes beside them.

    The arrays are made by the first data, or found again in a file that is continued. Data that have one navigation
    axis of their own (a block of points) are appended as that many rows, their axis grows along.
    """

    def __init__(self, saver: H5SaverLowLevel, group: GROUP, dwa: DataLike, rows_before: int = 0) -> None:
        self._saver = saver
        self._group = group
        self.is_block = tuple(dwa.nav_indexes) == (0,)
        self._row_shape = self._row_shape_of(dwa)
        self._block_axis: EARRAY | None = None
        self._dtypes: dict[Handle, np.dtype[Any]] = {}
        self._handles = self._open(DataType.data_enlargeable, dwa, dwa.data)
        held = channel_name(DataType.error, 0) in group.children_name()
        errors = dwa.data if dwa.errors is None and held else dwa.errors or ()
        self._error_handles = self._open(DataType.error, dwa, errors)
        if self.is_block:
            self._block_axis = self._open_block_axis(dwa)
        counts = {handle: saver.io.info(handle).shape[0] for handle in (*self._handles, *self._error_handles)}
        #: Rows of every array.
        self.rows = max(*counts.values(), 0 if self.is_block else rows_before)
        for handle, count in counts.items():
            self._fill(handle, self.rows - count)

    def _row_shape_of(self, dwa: DataLike) -> tuple[int, ...]:
        shape = np.shape(dwa.data[0]) or (1,)
        return (shape[1:] or (1,)) if self.is_block else shape

    def _open(self, data_type: DataType, dwa: DataLike, arrays: Iterable[Any]) -> list[Handle]:
        saver = self._saver
        names = self._group.children_name()
        found: list[Handle] = []
        for channel, array in enumerate(arrays):
            name = channel_name(data_type, channel)
            if name in names:
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
        more: dict[str, Any] = {"source": "calculated"} if is_error else {}
        if self.is_block:
            more["data_dimension"] = dim_of(self._row_shape).name
        described = data_attributes(dwa, channel, data_type, nav_indexes, "spread", more)
        if not is_error:
            dtype = saver.dynamic or dtype
            if channel == 0:
                axis_saver = AxisSaverLoader(saver)
                for axis in dwa.axes:
                    if not (self.is_block and axis.index == 0):
                        axis_saver.add_axis(self._group, axis, index=axis.index if self.is_block else axis.index + 1)
        title = f"{dwa.name}_errors" if is_error else str(dwa.name)
        return saver.create_earray(self._group, name, dtype, self._row_shape, title, attributes=described)

    def _open_block_axis(self, dwa: DataLike) -> EARRAY:
        axis_saver = AxisSaverLoader(self._saver)
        for node in axis_saver.nodes_of_type(self._group):
            if isinstance(node, EARRAY) and node.attrs.get("index") == 0:
                self._saver.has_grown(node.path, node.handle)
                return node
        own = next((axis for axis in dwa.axes if axis.index == 0), None)
        made = axis_saver.add_axis(self._group, own or Axis(data=np.zeros(0)), enlargeable=True)
        assert isinstance(made, EARRAY)
        return made

    def checked(self, dwa: DataLike) -> list[tuple[Handle, Rows]]:
        """Return what is to be appended for a data object; nothing is written yet.

        Raises
        ------
        DataMismatchError
            If the number of channels or the shape is another than the file's arrays have.
        DynamicRangeError
            If values don't fit the number type of the file's arrays.
        """
        shapes = {np.shape(array) or (1,) for array in dwa.data}
        shape = np.shape(dwa.data[0]) or (1,)
        if len(shapes) != 1 or len(dwa.data) != len(self._handles) or self._row_shape_of(dwa) != self._row_shape:
            raise DataMismatchError(
                f"{dwa.name}: {len(dwa.data)} channels of shape {shape} don't fit {self._group.path}, which takes "
                f"{len(self._handles)} channels of shape {self._row_shape}; start a new file for the new shape"
            )
        if self.is_block != (tuple(dwa.nav_indexes) == (0,)):
            raise DataMismatchError(f"{dwa.name}: blocks of points and single points don't go into one array")
        count = shape[0] if self.is_block else 1
        rows = [(handle, self._row(handle, array, count, dwa)) for handle, array in self._pairs(dwa)]
        if self._block_axis is not None:
            own = next((axis for axis in dwa.axes if axis.index == 0), None)
            values = np.arange(self.rows, self.rows + count) if own is None else np.asarray(own.get_data())
            dtype = self._block_axis.dtype
            rows.append((self._block_axis.handle, fit_dynamic(values, dtype, f"axis of {dwa.name}")))
        return rows

    def _pairs(self, dwa: DataLike) -> Iterator[tuple[Handle, Any]]:
        yield from zip(self._handles, dwa.data, strict=True)
        if dwa.errors is not None and not self._error_handles:  # errors that come later than the data
            self._error_handles = self._open(DataType.error, dwa, dwa.errors)
            for handle in self._error_handles:
                self._fill(handle, self.rows)
        errors = [None] * len(self._error_handles) if dwa.errors is None else dwa.errors
        yield from zip(self._error_handles, errors, strict=True)

    def _row(self, handle: Handle, array: Any, count: int, dwa: DataLike) -> Rows:
        dtype = self._dtypes[handle]
        if array is None:
            return np.full((count, *self._row_shape), storable_fill(self._saver.fill_value, dtype), dtype)
        return fit_dynamic(np.asarray(array), dtype, str(dwa.name)).reshape((count, *self._row_shape))

    def fill(self, count: int = 1) -> None:
        """Add rows of the fill value, so that rows of one number belong to one point in all arrays of a group."""
        if not self.is_block:
            for handle in (*self._handles, *self._error_handles):
                self._fill(handle, count)
            self.rows += count

    def _fill(self, handle: Handle, count: int) -> None:
        dtype = self._dtypes[handle]
        fill = storable_fill(self._saver.fill_value, dtype)
        step = max(1, (1 << 24) // max(1, int(np.prod(self._row_shape)) * dtype.itemsize))
        for start in range(0, count, step):
            self._saver.io.append(handle, np.full((min(step, count - start), *self._row_shape), fill, dtype))


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
        #: An append failed half way: open the arrays again, which brings them in step.
        self.broken = False

    def prepare(self, dte: DataToExportLike, values: Sequence[Any]) -> Callable[[], None]:
        """Check all of a point, and return what appends it: nothing is written before everything was checked.

        Errors as GrowingArrays.checked.
        """
        axis_rows = self.axes.checked(values)
        found: list[tuple[GrowingArrays, list[tuple[Handle, Rows]]]] = []
        for key, dwa in with_occurrence(dte):
            if not self._in_group:
                key = ("", "", "", 0)  # one data object, whatever it is called
            channel = self._channels.get(key)
            if channel is None:
                channel = self._channels[key] = self._new(key, dwa)
            found.append((channel, channel.checked(dwa)))

        def append() -> None:
            self.broken = True
            if len(found) != len(self._channels):
                present = {id(channel) for channel, _ in found}
                for channel in self._channels.values():
                    if id(channel) not in present:
                        channel.fill()
            # one call for all: with one per array, a log of 4 channels took 40 us a point instead of 35
            self._saver.io.append_many([row for _, rows in found for row in rows] + axis_rows)
            for channel, rows in found:
                channel.rows += len(rows[0][1])
            self.axes.rows += 1
            self.broken = False

        return append

    def _new(self, key: tuple[str, str, str, int], dwa: DataLike) -> GrowingArrays:
        dim, origin, _, occurrence = key
        group = self._where
        if self._in_group:
            dim_group = self._saver.get_set_group(self._where, dim)
            group = find_channel_group(self._saver, dim_group, dwa, origin, without=(DataType.data,), skip=occurrence)
        arrays = GrowingArrays(self._saver, group, dwa, self.axes.rows)
        surplus = 0 if arrays.is_block else arrays.rows - self.axes.rows
        if surplus > 0:  # a program was killed before it had written the axes
            self.axes.fill(surplus)
            for other in self._channels.values():
                other.fill(surplus)
        return arrays


def nav_axes_group(saver: H5SaverLowLevel, where: GROUP) -> GROUP:
    """Return the group of navigation axes in a group, made if it is not there."""
    return saver.get_set_group(where, NAV_GROUP)
