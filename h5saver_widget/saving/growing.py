"""Arrays whose end is not known: logs and continuous saving.

What is looked up is looked up once: a :class:`Recording` keeps the handles of a group's growing arrays, so that saving
point 100,000 costs what saving point 2 costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.terms import Handle
from h5saver_widget.data import Axis
from h5saver_widget.data.checks import dim_of
from h5saver_widget.data.protocols import AxisLike, DataLike, DataToExportLike
from h5saver_widget.errors import DataMismatchError
from h5saver_widget.format.layout import DataType, channel_name
from h5saver_widget.nodes.typed import EARRAY
from h5saver_widget.saving.arrays import AxisSaverLoader
from h5saver_widget.saving.bundle import with_occurrence
from h5saver_widget.saving.content import storable_fill
from h5saver_widget.saving.describe import data_attributes, fit_dynamic
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.places import Contents, channel_group, nav_axes_group

__all__ = ["GrowingArrays", "GrowingAxes", "Recording", "is_block"]

Rows = npt.NDArray[Any]


class GrowingAxes:
    """Axes along which data grow: one value each per point.

    Parameters
    ----------
    saver, place
        The saver, and the group that holds the axes (they are found again, or made).
    axes
        Label, units and number type of every axis; their values don't count.
    """

    def __init__(self, saver: H5SaverLowLevel, place: Contents, axes: Sequence[AxisLike]) -> None:
        self._saver = saver
        nodes = [place.group.get_child(name) for _, name in place.numbered(DataType.axis.value)]
        known = [(node.attrs.get("label"), node) for node in nodes if isinstance(node, EARRAY)]
        self._arrays: list[tuple[Handle, np.dtype[Any]]] = []
        counts = []
        for order, axis in enumerate(axes):
            found = next((item for item in known if item[0] == axis.label), None)
            if found is not None:
                known.remove(found)  # two axes may have one name
                node, info = found[1], found[1].info
                saver.has_grown(node.path, node.handle)
                self._arrays.append((node.handle, info.dtype))
                counts.append(info.shape[0])
            else:
                dtype = np.asarray(axis.get_data()).dtype
                empty = Axis(axis.label, axis.units, data=np.zeros(0, dtype), index=0, spread_order=order)
                made = AxisSaverLoader(saver).add_to(place, empty, 0, enlargeable=True)
                self._arrays.append((made.handle, dtype))
                counts.append(0)
        #: Points saved so far.
        self.rows = max(counts, default=0)
        for (handle, dtype), count in zip(self._arrays, counts, strict=True):
            self._fill(handle, dtype, self.rows - count)  # a program killed between two arrays leaves one row more

    def _fill(self, handle: Handle, dtype: np.dtype[Any], count: int) -> None:
        if count > 0:
            self._saver.io.append(handle, np.full(count, storable_fill(np.nan, dtype), dtype))

    def fill(self, count: int) -> None:
        """Add points whose values are not known."""
        for handle, dtype in self._arrays:
            self._fill(handle, dtype, count)
        self.rows += count

    def checked(self, values: Iterable[Rows], what: str) -> list[tuple[Handle, Rows]]:
        """Return what is to be appended, in the number types of the axes; nothing is written yet."""
        if not self._arrays:
            return []  # axes of blocks alone: these have their own
        found = []
        for (handle, dtype), row in zip(self._arrays, values, strict=True):
            found.append((handle, fit_dynamic(row, dtype, f"axis of {what}")))
        return found


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

    The arrays are made by the first data, or found again in a file that is continued. Data that have a navigation axis
    of their own (a block of points) are appended as that many rows. Their axis grows along, and so do the axes of the
    recording, of which all rows of a block have one value.

    Parameters
    ----------
    saver, place
        The saver, and the group of the arrays.
    dwa
        The first data; shape and number type come from it.
    axes
        The axes of the recording.
    rows_before
        Points that were saved before these data appeared.
    """

    def __init__(
        self, saver: H5SaverLowLevel, place: Contents, dwa: DataLike, axes: Sequence[AxisLike], rows_before: int = 0
    ) -> None:
        self._saver = saver
        self._place = place
        self.is_block = is_block(dwa)
        self._row_shape = self._row_shape_of(np.shape(dwa.data[0]) or (1,))
        self._dtypes: dict[Handle, np.dtype[Any]] = {}
        self._block_axes: GrowingAxes | None = None
        if self.is_block:  # first, as the peer expects: Axis00 is the one that grows
            own = [*_own_axes(dwa)] or [Axis(data=np.zeros(0, int))]
            self._own = len(own)
            self._block_axes = GrowingAxes(saver, place, [*own, *axes])
        counts: dict[Handle, int] = {}
        self._handles = self._open(DataType.data_enlargeable, dwa, dwa.data, counts)
        held = channel_name(DataType.error, 0) in place.names
        errors = dwa.data if dwa.errors is None and held else dwa.errors or ()
        self._error_handles = self._open(DataType.error, dwa, errors, counts)
        #: Rows of every array.
        self.rows = max(*counts.values(), self._block_axes.rows if self._block_axes else rows_before)
        for handle, count in counts.items():
            self._fill(handle, self.rows - count)
        if self._block_axes:
            self._block_axes.fill(self.rows - self._block_axes.rows)

    def _row_shape_of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[1:] or (1,)) if self.is_block else shape

    def _open(
        self, data_type: DataType, dwa: DataLike, arrays: Iterable[Any], counts: dict[Handle, int]
    ) -> list[Handle]:
        """Return the arrays of a role, found or made; number types and rows that are there are noted."""
        found: list[Handle] = []
        for channel, array in enumerate(arrays):
            name = channel_name(data_type, channel)
            if name in self._place.names:
                node = self._place.group.get_child(name)
                info = node.info if isinstance(node, EARRAY) else None
                if info is None or info.shape[1:] != self._row_shape:
                    raise DataMismatchError(
                        f"{node.path} can't take rows of shape {self._row_shape}; save into a new file or a new group"
                    )
                handle, dtype, rows = node.handle, info.dtype, info.shape[0]
                self._saver.has_grown(node.path, handle)
            else:
                dtype, rows = np.asarray(array).dtype, 0
                if data_type is not DataType.error:
                    dtype = self._saver.dynamic or dtype
                handle = self._create(data_type, name, dwa, channel, dtype)
            self._dtypes[handle], counts[handle] = dtype, rows
            found.append(handle)
        return found

    def _create(self, data_type: DataType, name: str, dwa: DataLike, channel: int, dtype: np.dtype[Any]) -> Handle:
        saver = self._saver
        is_error = data_type is DataType.error
        own = tuple(int(i) for i in dwa.nav_indexes)
        nav_indexes = (0,) if self.is_block else (0, *(i + 1 for i in own))
        more: dict[str, Any] = {"source": "calculated"} if is_error else {}
        if self.is_block:
            more["data_dimension"] = dim_of(self._row_shape).name
        described = data_attributes(dwa, channel, data_type, nav_indexes, "spread", more)
        if channel == 0 and not is_error:
            for axis in dwa.axes:
                if not self.is_block:
                    AxisSaverLoader(saver).add_to(self._place, axis, axis.index + 1)
                elif axis.index > 0:
                    AxisSaverLoader(saver).add_to(self._place, axis, axis.index)
        title = f"{dwa.name}_errors" if is_error else str(dwa.name)
        return saver.create_earray(self._place.group, name, dtype, self._row_shape, title, attributes=described).handle

    def checked(self, dwa: DataLike, axis_values: Sequence[Rows]) -> list[tuple[Handle, Rows]]:
        """Return what is to be appended for a data object, its rows first; nothing is written yet.

        `axis_values` are those of the axes of the recording.

        Raises
        ------
        DataMismatchError
            If the number of channels or the shape is another than the file's arrays have.
        DynamicRangeError
            If values don't fit the number type of the file's arrays.
        """
        data = dwa.data
        shape = np.shape(data[0]) or (1,)
        same = len(data) == 1 or all((np.shape(array) or (1,)) == shape for array in data)
        if not same or len(data) != len(self._handles) or self._row_shape_of(shape) != self._row_shape:
            raise DataMismatchError(
                f"{dwa.name}: {len(data)} channels of shape {shape} don't fit {self._place.group.path}, which "
                f"takes {len(self._handles)} channels of shape {self._row_shape}; start a new file for the new shape"
            )
        if self.is_block != is_block(dwa):
            raise DataMismatchError(f"{dwa.name}: blocks of points and single points don't go into one array")
        count = shape[0] if self.is_block else 1
        rows = []
        for handle, array in self._pairs(dwa):
            rows.append((handle, self._row(handle, array, count, dwa)))
        if self._block_axes is not None:
            own = [np.asarray(axis.get_data()) for axis in _own_axes(dwa)] or [np.arange(self.rows, self.rows + count)]
            if len(own) != self._own:
                raise DataMismatchError(f"{dwa.name}: a block with {len(own)} axes, the first one had {self._own}")
            values = [*own, *(np.repeat(value, count) for value in axis_values)]
            rows += self._block_axes.checked(values, str(dwa.name))
        return rows

    def grown(self, count: int) -> None:
        """Count rows that were appended."""
        self.rows += count
        if self._block_axes is not None:
            self._block_axes.rows += count

    def _pairs(self, dwa: DataLike) -> Iterator[tuple[Handle, Any]]:
        yield from zip(self._handles, dwa.data, strict=True)
        found = dwa.errors
        if found is not None and not self._error_handles:  # errors that come later than the data
            self._error_handles = self._open(DataType.error, dwa, found, {})
            for handle in self._error_handles:
                self._fill(handle, self.rows)
        errors = [None] * len(self._error_handles) if found is None else found
        yield from zip(self._error_handles, errors, strict=True)

    def _row(self, handle: Handle, array: Any, count: int, dwa: DataLike) -> Rows:
        dtype = self._dtypes[handle]
        if array is None:
            return np.full((count, *self._row_shape), storable_fill(self._saver.fill_value, dtype), dtype)
        values = np.asarray(array)
        if values.dtype != dtype:
            values = fit_dynamic(values, dtype, str(dwa.name))
        return values.reshape((count, *self._row_shape))

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


def is_block(dwa: DataLike) -> bool:
    """Tell whether data are several points, along a navigation axis of their own."""
    return tuple(dwa.nav_indexes) == (0,)


def _own_axes(dwa: DataLike) -> list[AxisLike]:
    """Return the navigation axes that a block of points brings along."""
    return sorted((axis for axis in dwa.axes if axis.index == 0), key=lambda axis: axis.spread_order)


class Recording:
    """The growing arrays below one group: the axes along which they grow, and one GrowingArrays per data object.

    Parameters
    ----------
    saver, where
        The saver, and the group.
    names, units
        Label and units of the axes.
    """

    def __init__(self, saver: H5SaverLowLevel, where: Where, names: Sequence[str], units: Sequence[str]) -> None:
        self._saver = saver
        self._where = where
        self._names = list(names)
        pairs = zip(names, units, strict=True)
        self._templates = [Axis(name, unit, data=np.zeros(0)) for name, unit in pairs]
        self.axes = self._open_axes()
        self._channels: dict[tuple[str, str, str, int], GrowingArrays] = {}
        #: An append failed half way: open the arrays again, which brings them in step.
        self.broken = False

    def _open_axes(self) -> GrowingAxes:
        return GrowingAxes(self._saver, nav_axes_group(self._saver, self._where), self._templates)

    def prepare(self, dte: DataToExportLike, values: Sequence[Any]) -> Callable[[], None]:
        """Check all of a point, and return what appends it: nothing is written before everything was checked.

        Raises
        ------
        DataMismatchError
            If the number of axis values is wrong or one is no single number, or data don't fit, see
            :meth:`GrowingArrays.checked`.
        DynamicRangeError
            If values don't fit the number type of the file's arrays.
        """
        if len(values) != len(self._names):
            raise DataMismatchError(
                f"got {len(values)} axis values for {len(self._names)} axes ({', '.join(self._names)}); give one each"
            )
        axis_values = list(map(_single, values, self._names))
        found: list[tuple[GrowingArrays, list[tuple[Handle, Rows]]]] = []
        for key, dwa in self._keyed(dte):
            channel = self._channels.get(key)
            if channel is None:
                channel = self._channels[key] = self._new(key, dwa)
            found.append((channel, channel.checked(dwa, axis_values)))
        axis_rows = self.axes.checked(axis_values, str(dte.name))

        def append() -> None:
            self.broken = True
            if len(found) != len(self._channels):
                present = {id(channel) for channel, _ in found}
                for channel in self._channels.values():
                    if id(channel) not in present:
                        channel.fill()
            # one call for all: with one per array, a log of 4 channels took 40 us a point instead of 35
            rows = []
            for _, ready in found:
                rows += ready
            self._saver.io.append_many(rows + axis_rows)
            for channel, rows in found:
                channel.grown(len(rows[0][1]))
            self.axes.rows += 1
            self.broken = False

        return append

    def _keyed(self, dte: DataToExportLike) -> Iterator[tuple[tuple[str, str, str, int], DataLike]]:
        return with_occurrence(dte)

    def _new(self, key: tuple[str, str, str, int], dwa: DataLike) -> GrowingArrays:
        arrays = GrowingArrays(self._saver, self._place_of(key, dwa), dwa, self._templates, self.axes.rows)
        surplus = 0 if arrays.is_block else arrays.rows - self.axes.rows
        if surplus > 0:  # a program was killed before it had written the axes
            self.axes.fill(surplus)
            for other in self._channels.values():
                other.fill(surplus)
        return arrays

    def _place_of(self, key: tuple[str, str, str, int], dwa: DataLike) -> Contents:
        _, origin, _, occurrence = key
        saver = self._saver
        place = channel_group(saver, self._where, dwa, origin, without=(DataType.data,), skip=occurrence)
        if is_block(dwa):
            # Loaders look for navigation axes on the way up, and take the first group of that name. Those of the
            # recording have one value per block, which don't fit its rows: an empty group keeps loaders from them.
            nav_axes_group(saver, place.group)
        return place
