"""Cutting data along navigation or signal dimensions, with their axes and errors.

Kept apart from the data class because the rules (Ellipsis, dimensions that vanish, axes that move down) can be read
and tested alone.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from h5saver_widget.errors import DataMismatchError

if TYPE_CHECKING:
    from h5saver_widget.data.axis import Axis

__all__ = ["Slicer", "SlicingError", "cut_axes", "expand_key", "moved_down"]

T = TypeVar("T")


class SlicingError(DataMismatchError, IndexError):
    """A key does not fit the dimensions it is applied to.

    Examples
    --------
    >>> expand_key(5, (0,), (3,), "navigation")
    Traceback (most recent call last):
    h5saver_widget.data.slicing.SlicingError: index 5 is out of range for navigation dimension 0 with 3 points
    """


class Slicer(Generic[T]):
    """Square brackets as an attribute (``dwa.inav[...]``): hands the key to a function.

    >>> Slicer(lambda key: key)[2:4, ...]
    (slice(2, 4, None), Ellipsis)
    """

    __slots__ = ("_cut",)

    def __init__(self, cut: Callable[[Any], T]) -> None:
        self._cut = cut

    def __getitem__(self, key: Any) -> T:
        return self._cut(key)


def expand_key(key: Any, dims: Sequence[int], shape: Sequence[int], what: str) -> tuple[int | slice, ...]:
    """Return one int or slice per dimension of `shape`, from a key that speaks of `dims` only.

    The key between the brackets has ints, slices and at most one Ellipsis. The dimensions that it cuts are ascending;
    all others are kept whole. `what` is the word for them in error messages ('navigation' or 'signal').

    SlicingError if the key has too many parts, is out of range, or is not made of ints and slices.

    >>> expand_key((..., -1), (0, 2), (3, 4, 5), "navigation")
    (slice(None, None, None), slice(None, None, None), 4)
    """
    parts = list(key) if isinstance(key, tuple) else [key]
    ellipses = [i for i, part in enumerate(parts) if part is Ellipsis]
    if len(parts) - len(ellipses) > len(dims) or len(ellipses) > 1:
        raise SlicingError(f"the key has {len(parts)} parts, but there are {len(dims)} {what} dimensions")
    if ellipses:
        at = ellipses[0]
        parts[at : at + 1] = [slice(None)] * (len(dims) - len(parts) + 1)
    full: list[int | slice] = [slice(None)] * len(shape)
    for dim, part in zip(dims, parts, strict=False):
        full[dim] = part if isinstance(part, slice) else _position(part, shape[dim], dim, what)
    return tuple(full)


def _position(part: Any, size: int, dim: int, what: str) -> int:
    """Return the non negative index that `part` means in a dimension of `size` points."""
    try:
        position = operator.index(part)
    except TypeError:
        position = None
    if position is None or isinstance(part, bool):
        raise SlicingError(f"{what} keys are ints, slices or Ellipsis, got {type(part).__name__}")
    if not -size <= position < size:
        raise SlicingError(f"index {position} is out of range for {what} dimension {dim} with {size} points")
    return position % size


def cut_axes(axes: Sequence[Axis], full: Sequence[int | slice]) -> list[Axis]:
    """Return new axes cut by `full` (one part per dimension); those at an int vanish, the others move down."""
    kept = []
    for axis in axes:
        part = full[axis.index]
        if isinstance(part, slice):
            cut = axis[part]
            cut.index = axis.index - _vanished(full, axis.index)
            kept.append(cut)
    return kept


def moved_down(dims: Sequence[int], full: Sequence[int | slice]) -> tuple[int, ...]:
    """Return where those of `dims` that survive the cut `full` are afterwards.

    >>> moved_down((0, 2), (3, slice(None), slice(None)))
    (1,)
    """
    return tuple(dim - _vanished(full, dim) for dim in dims if isinstance(full[dim], slice))


def _vanished(full: Sequence[int | slice], before: int) -> int:
    """Return how many dimensions vanish before dimension `before`."""
    return sum(not isinstance(part, slice) for part in full[:before])
