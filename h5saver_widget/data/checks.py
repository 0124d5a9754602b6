"""The consistency of a data object: arrays of one shape, axes and errors that fit, names that collide with nothing.

Plain functions, used by constructors and setters alike. All are written to cost next to nothing in the usual case,
because twenty thousand 0D objects per second go through them.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h5saver_widget.data.axis import Axis
from h5saver_widget.data.enums import DataDim
from h5saver_widget.data.lazy import LazyArray
from h5saver_widget.errors import AxisError, DataMismatchError

__all__ = [
    "add_extras",
    "checked_arrays",
    "checked_axes",
    "checked_dim",
    "checked_errors",
    "checked_nav_indexes",
    "completed_labels",
    "dim_of",
    "same_arrays",
    "same_axes",
]

_ARRAYS = (np.ndarray, LazyArray)
_LABELS = [f"CH{channel:02d}" for channel in range(100)]


def checked_arrays(data: Any, name: str) -> list[NDArray[Any]]:
    """Return the channels: a list of arrays of one shape, at least 1D; numbers become arrays of shape (1,).

    DataMismatchError if there is no array, if something else than arrays and numbers is given, or if shapes differ.
    """
    if isinstance(data, (np.ndarray, LazyArray, np.generic, int, float, complex)):
        data = [data]
    if not isinstance(data, (list, tuple)) or not data:
        got = "an empty one" if isinstance(data, (list, tuple)) else type(data).__name__
        raise DataMismatchError(f"data {name!r}: expected a list of numpy arrays, one per channel, got {got}")
    # a lazy array counts as an array: it has shape, dtype and slices, and becomes one when it is calculated with
    arrays: list[Any] = [item if isinstance(item, _ARRAYS) and item.ndim else _as_array(item, name) for item in data]
    shape = arrays[0].shape
    for channel, array in enumerate(arrays):
        if array.shape != shape:
            raise DataMismatchError(
                f"data {name!r}: channel {channel} has shape {array.shape}, channel 0 has shape {shape}; "
                f"all channels must have one shape, put others in a data object of their own"
            )
    return arrays


def _as_array(item: Any, name: str) -> NDArray[Any]:
    if isinstance(item, (np.ndarray, np.generic, int, float, complex)):
        return np.reshape(np.asarray(item), (1,))
    raise DataMismatchError(f"data {name!r}: expected numpy arrays as channels, got {type(item).__name__}")


def completed_labels(labels: Iterable[str], length: int, name: str) -> list[str]:
    """Return one label per channel, missing ones being ``CH00``, ``CH01``, ... by channel number.

    DataMismatchError if there are more labels than channels.
    """
    if isinstance(labels, tuple) and not labels and length <= len(_LABELS):
        return _LABELS[:length]
    if isinstance(labels, str):
        raise DataMismatchError(f"labels of data {name!r}: expected a list of str, got the str {labels!r}")
    known = list(labels)
    if len(known) > length:
        raise DataMismatchError(f"data {name!r} has {length} channels but {len(known)} labels: {known}")
    return known + [f"CH{channel:02d}" for channel in range(len(known), length)]


def checked_nav_indexes(nav_indexes: Iterable[int], ndim: int, name: str) -> tuple[int, ...]:
    """Return the navigation dimensions as an ascending tuple of ints.

    DataMismatchError if one is not a dimension of the data, or stands there twice.
    """
    if isinstance(nav_indexes, tuple) and not nav_indexes:
        return ()
    try:
        dims = tuple(sorted(operator.index(dim) for dim in nav_indexes))
    except TypeError:
        raise DataMismatchError(
            f"nav_indexes of data {name!r}: expected a tuple of ints, got {nav_indexes!r}"
        ) from None
    if len(set(dims)) != len(dims) or (dims and not 0 <= dims[0] <= dims[-1] < ndim):
        raise DataMismatchError(
            f"nav_indexes of data {name!r}: got {dims}, expected different dimensions among 0 to {ndim - 1}"
        )
    return dims


def dim_of(shape: tuple[int, ...], nav_indexes: tuple[int, ...] = ()) -> DataDim:
    """Return the dimension of data: ND with navigation or above two dimensions, 0D for shape (1,).

    >>> dim_of((1,)).name, dim_of((4, 1)).name, dim_of((4, 3), (0,)).name
    ('Data0D', 'Data2D', 'DataND')
    """
    if nav_indexes or len(shape) > 2:
        return DataDim.DataND
    if len(shape) == 2:
        return DataDim.Data2D
    return DataDim.Data0D if shape == (1,) else DataDim.Data1D


def checked_dim(dim: Any, shape: tuple[int, ...], nav_indexes: tuple[int, ...], name: str) -> DataDim:
    """Return the dimension of data, computed if `dim` is None, else compared with the shape.

    DataMismatchError if `dim` does not fit the shape; ValueError if `dim` is not a dimension at all.
    """
    computed = dim_of(shape, nav_indexes)
    if dim is None or dim is computed:
        return computed
    wanted = DataDim.of(dim)
    # With navigation the word is DataND whatever was given: scans store the dimension before they were extended.
    if nav_indexes or wanted is computed:
        return computed
    if wanted is DataDim.Data1D and computed is DataDim.Data0D:
        return wanted  # a spectrum of one point
    raise DataMismatchError(
        f"data {name!r}: shape {shape} is {computed.name}, but dim is {wanted.name}; leave dim out or give nav_indexes"
    )


def checked_axes(axes: Iterable[Axis], shape: tuple[int, ...], shared: tuple[int, ...], name: str) -> list[Axis]:
    """Return the axes of data of this shape; those of open size get theirs from the shape (as copies).

    Axes come in any order; dimensions without axis are fine. Several axes may describe those dimensions alone that are
    shared: the navigation dimensions of spread data.

    AxisError if an axis has no dimension, another length than its dimension, or a dimension that is taken.
    """
    checked: list[Axis] = []
    taken: dict[int, Axis] = {}
    for axis in axes:
        if not isinstance(axis, Axis):
            raise AxisError(f"axes of data {name!r}: expected Axis objects, got {type(axis).__name__}")
        index = axis.index
        if index >= len(shape):
            raise AxisError(
                f"axis {axis.label!r} has index {index}, but data {name!r} of shape {shape} has {len(shape)} dimensions"
            )
        if not axis.is_sized:
            axis = axis.sized(shape[index])
        if axis.size != shape[index]:
            raise AxisError(
                f"axis {axis.label!r} has {axis.size} values, but dimension {index} of data {name!r} "
                f"has {shape[index]} points (shape {shape})"
            )
        if index in taken and index not in shared:
            raise AxisError(
                f"axes {taken[index].label!r} and {axis.label!r} of data {name!r} both have index {index}; "
                f"only navigation axes of spread data may share one"
            )
        taken[index] = axis
        checked.append(axis)
    return checked


def checked_errors(
    errors: Iterable[NDArray[Any]] | None, shape: tuple[int, ...], length: int, name: str
) -> list[NDArray[Any]] | None:
    """Return the error bars, one array of the data's shape per channel, or None.

    DataMismatchError if number or shape differ from the data's.
    """
    if errors is None:
        return None
    arrays = checked_arrays(errors if isinstance(errors, np.ndarray) else list(errors), f"{name}_errors")
    if len(arrays) != length or arrays[0].shape != shape:
        raise DataMismatchError(
            f"errors of data {name!r}: got {len(arrays)} arrays of shape {arrays[0].shape}, "
            f"expected {length} of shape {shape}"
        )
    return arrays


def add_extras(target: Any, extras: Mapping[str, Any]) -> None:
    """Set each item of `extras` as attribute of `target` and note its name in ``target.extra_attributes``.

    DataMismatchError if the name belongs to the data object itself; nothing is set then.
    """
    names: list[str] = target.extra_attributes
    for name in extras:
        if name not in names and (hasattr(type(target), name) or name in target.__dict__):
            raise DataMismatchError(
                f"extra attribute {name!r}: the name is used by {type(target).__name__} itself; choose another one"
            )
    for name, value in extras.items():
        setattr(target, name, value)
        if name not in names:
            names.append(name)


def same_axes(left: Iterable[Axis], right: Iterable[Axis]) -> bool:
    """Return whether both hold equal axes, in any order."""

    def ordered(axes: Iterable[Axis]) -> list[Axis]:
        return sorted(axes, key=lambda axis: (axis.index, axis.spread_order, axis.label))

    return ordered(left) == ordered(right)


def same_arrays(left: Sequence[NDArray[Any]], right: Sequence[NDArray[Any]]) -> bool:
    """Return whether both hold arrays of the same shapes and values; NaN equals NaN, dtypes may differ."""
    return len(left) == len(right) and all(
        np.array_equal(a, b, equal_nan=a.dtype.kind in "fc" and b.dtype.kind in "fc")
        for a, b in zip(left, right, strict=True)
    )
