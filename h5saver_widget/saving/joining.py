"""Segments of one stream, joined again where that loses nothing: an ``int``, then fractions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.data import Axis, DataWithAxes
from h5saver_widget.data.checks import same_axes
from h5saver_widget.data.lazy import LazyArray
from h5saver_widget.data.plain import holds
from h5saver_widget.saving.value_types import type_of

__all__ = ["joined", "joined_scan"]

Rows = npt.NDArray[np.intp]


def joined(segments: Sequence[DataWithAxes]) -> list[DataWithAxes]:
    """Return segments in their order; those next to each other that differ in nothing but number types are one.

    They are data objects along a growing axis of dimension 0, each with its own rows.
    """
    found: list[list[DataWithAxes]] = []
    for data in segments:
        if found and _agree(found[-1][0], data) and _dtypes([*found[-1], data]) is not None:
            found[-1].append(data)
        else:
            found.append([data])
    return [_one_after_the_other(group) for group in found]


def joined_scan(
    segments: Sequence[DataWithAxes], whole: Callable[[int], DataWithAxes], numbers: npt.NDArray[Any]
) -> list[DataWithAxes]:
    """Return the segments of a scan, those that differ in nothing but number types as one; each with its own points.

    `whole` returns one of them in the shape of the whole scan; `numbers` has, for every point of the scan, the number
    of the segment that it is in.
    """
    groups: list[list[int]] = []
    for number, data in enumerate(segments):
        for group in groups:
            if _agree(segments[group[0]], data) and _dtypes([segments[i] for i in (*group, number)]) is not None:
                group.append(number)
                break
        else:
            groups.append([number])
    found = []
    for group in groups:
        if len(group) == 1:
            found.append(segments[group[0]])
            continue
        mine = np.isin(numbers, group).reshape(len(numbers), -1).any(axis=1)
        found.append(
            _with_rows(_put_together([whole(number) for number in group], group, numbers), np.flatnonzero(mine))
        )
    return [data for data in found if data.shape[0]]


def _agree(first: DataWithAxes, second: DataWithAxes) -> bool:
    """Tell whether nothing but number types and rows is other."""
    return (
        _facts(first) == _facts(second)
        and same_axes(_axes(first, False), _axes(second, False))
        and _axis_types(first) == _axis_types(second)
        and [(a.label, a.units) for a in _axes(first, True)] == [(a.label, a.units) for a in _axes(second, True)]
    )


def _facts(data: DataWithAxes) -> tuple[Any, ...]:
    described = data.name, data.origin, data.units, data.labels, data.source, data.distribution
    values = {name: getattr(data, name) for name in data.extra_attributes}
    constant = not any(isinstance(value, (np.ndarray, list)) for value in values.values())
    # what has a value for each row stays with its segment
    return (*described, data.nav_indexes, data.shape[1:], data.errors is None, repr(values) if constant else object())


def _axes(data: DataWithAxes, along: bool) -> list[Axis]:
    return [axis for axis in data.axes if (axis.index == 0) is along]


def _axis_types(data: DataWithAxes) -> list[tuple[int, np.dtype[Any]]]:
    """Return the number types of signal axes: True is no 1 there either."""
    return sorted(((axis.index, type_of(axis.get_data())) for axis in _axes(data, False)), key=str)


def _arrays(data: DataWithAxes) -> list[Any]:
    return [*data.data, *(data.errors or ())]


def _dtypes(group: Sequence[DataWithAxes]) -> list[np.dtype[Any]] | None:
    """Return number types that hold the arrays of all, None where there are none."""
    found = []
    for arrays in zip(*map(_arrays, group), strict=True):
        kinds = {array.dtype.kind for array in arrays}
        if len(kinds) > 1 and not kinds.isdisjoint("bmMUS"):
            return None  # True, times and text are no numbers
        dtype = np.result_type(*(array.dtype for array in arrays))
        for array in arrays:
            # only of large integers the values have to be looked at
            wide = array.dtype.kind in "iu" and array.dtype.itemsize == 8 and array.dtype != dtype
            if not holds(dtype, np.asarray(array) if wide else np.zeros(0, array.dtype)):
                return None
        found.append(dtype)
    return found


def _with_arrays(data: DataWithAxes, arrays: Sequence[LazyArray], axes: list[Axis]) -> DataWithAxes:
    lazy, whole = isinstance(data.data[0], LazyArray), data._twin()
    finished: list[Any] = [array if lazy else array[...] for array in arrays]
    whole._data = finished[: len(data.data)]
    whole._say(errors=None if data.errors is None else finished[len(data.data) :])
    whole._axes = axes
    return whole


def _unread(array: Any) -> LazyArray:
    return array if isinstance(array, LazyArray) else LazyArray.of(array)


def _one_after_the_other(group: Sequence[DataWithAxes]) -> DataWithAxes:
    first, dtypes = group[0], _dtypes(group)
    if len(group) == 1 or dtypes is None:
        return first
    columns = zip(*map(_arrays, group), strict=True)
    arrays = [LazyArray.joined([*map(_unread, arrays)], t) for arrays, t in zip(columns, dtypes, strict=True)]
    along = [
        Axis(a[0].label, a[0].units, np.concatenate([axis.get_data() for axis in a]), 0, spread_order=a[0].spread_order)
        for a in zip(*(_axes(data, True) for data in group), strict=True)
    ]
    return _with_arrays(first, arrays, [*_axes(first, False), *along])


def _put_together(members: Sequence[DataWithAxes], group: list[int], numbers: npt.NDArray[Any]) -> DataWithAxes:
    first, dtypes = members[0], _dtypes(members)
    assert dtypes is not None
    columns = zip(*map(_arrays, members), strict=True)
    arrays = [
        LazyArray.chosen([*map(_unread, column)], numbers, group, dtype)
        for column, dtype in zip(columns, dtypes, strict=True)
    ]
    return _with_arrays(first, arrays, first.axes)


def _with_rows(data: DataWithAxes, rows: Rows) -> DataWithAxes:
    if len(rows) == data.shape[0]:
        return data
    axes = [
        Axis(a.label, a.units, a.get_data()[rows], 0, spread_order=a.spread_order) if a.index == 0 else a
        for a in data.axes
    ]
    return _with_arrays(data, [_unread(array).take(rows) for array in _arrays(data)], axes)
