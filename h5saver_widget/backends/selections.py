"""Parts of arrays: where they begin, how large they are; those outside of an array, or of the memory, are refused."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.terms import Selection
from h5saver_widget.errors import DataMismatchError, TooLargeError

__all__ = ["Region", "check_selection", "fitting", "is_point", "region_of", "require_memory"]

#: A text, or another object of Python, takes at least so many bytes of memory.
_OBJECT_BYTES = 64
_UNKNOWN_MEMORY = 8 << 30


@contextmanager
def fitting(
    path: str, shape: tuple[int, ...] | None, selection: Selection, values: npt.NDArray[Any] | None = None
) -> Iterator[None]:
    """Turn the refusal of a part of an array, or of values for it, into DataMismatchError."""
    try:
        yield
    except (TypeError, ValueError, IndexError) as error:
        what = "can't read" if values is None else f"values of shape {values.shape} don't fit"
        raise DataMismatchError(f"{what} {selection} of {path}, shape {shape}: {error}") from error


def is_point(selection: Selection, shape: tuple[int, ...], values: npt.NDArray[Any]) -> bool:
    """Tell whether values fill the part that numbers from 0 on select, as every step of a scan does.

    >>> is_point((3, 1), (10, 5, 256), np.zeros(256)), is_point((3, 5), (10, 5, 256), np.zeros(256))
    (True, False)
    """
    if type(selection) is not tuple or not selection or values.shape != shape[len(selection) :]:
        return False
    for i, n in zip(selection, shape, strict=False):
        if type(i) is not int or not 0 <= i < n:
            return False
    return len(selection) <= len(shape)


def check_selection(selection: Selection, shape: tuple[int, ...]) -> None:
    """Raise IndexError for a number outside of an array, and for a step backwards; other selections pass.

    Without it PyTables takes another row; no library of HDF5 steps backwards.

    >>> check_selection((0, ..., -3), (5, 4, 3))
    >>> check_selection(-4, (3,))
    Traceback (most recent call last):
        ...
    IndexError: -4 is outside of an axis of 3
    """
    with suppress(TypeError):
        region_of(selection, shape)


@dataclass(frozen=True)
class Region:
    """First index, number of elements, and step along every axis of an array; of a single value, nothing."""

    start: tuple[int, ...]
    counts: tuple[int, ...]
    steps: tuple[int, ...]

    @property
    def params(self) -> dict[str, Any]:
        """The selection as the server reads it."""
        axes = zip(self.start, self.counts, self.steps, strict=True)
        parts = [f"{a}:{a + (n - 1) * s + 1}:{s}" for a, n, s in axes]
        return {"select": f"[{','.join(parts)}]"} if parts else {}

    def cut(self, itemsize: int, largest: int) -> Iterator[Region]:
        """Halve the longest axes until each piece has at most `largest` bytes."""
        size = prod(self.counts)
        if size <= 1 or size * itemsize <= largest:
            yield self
            return
        axis = next(i for i, n in enumerate(self.counts) if n > 1)
        half = self.counts[axis] // 2
        for skipped, count in ((0, half), (half, self.counts[axis] - half)):
            start, counts = list(self.start), list(self.counts)
            start[axis] += skipped * self.steps[axis]
            counts[axis] = count
            yield from Region(tuple(start), tuple(counts), self.steps).cut(itemsize, largest)

    def within(self, whole: Region) -> tuple[slice, ...]:
        """Return where the values of this region are among those of a larger one of the same steps."""
        axes = zip(self.start, whole.start, self.steps, self.counts, strict=True)
        return tuple(slice((a - b) // s, (a - b) // s + n) for a, b, s, n in axes)


def region_of(selection: Selection, shape: tuple[int, ...]) -> tuple[Region, tuple[int, ...]]:
    """Return the region that numbers, slices and ``...`` select, and its shape as numpy has it.

    >>> region_of((slice(1, 3), 0), (4, 5))
    (Region(start=(1, 0), counts=(2, 1), steps=(1, 1)), (2,))
    """
    parts = list(selection) if isinstance(selection, tuple) else [selection]
    dots = [i for i, part in enumerate(parts) if part is ...]
    if len(dots) > 1:
        raise IndexError("an index can only have one '...'")
    given = len(parts) - len(dots)
    if given > len(shape):
        raise IndexError(f"{given} indexes for an array of {len(shape)} axes")
    at = dots[0] if dots else len(parts)
    parts[at : at + 1] = [slice(None)] * (len(shape) - given)
    start, counts, steps, kept = [], [], [], []
    for part, size in zip(parts, shape, strict=True):
        if isinstance(part, slice):
            first, stop, step = part.indices(size)
            if step < 1:
                raise IndexError(f"{part} steps backwards: read forwards, and turn the values round")
            count = len(range(first, stop, step))
            kept.append(count)
        elif isinstance(part, (int, np.integer)) and not isinstance(part, bool):
            if not -size <= part < size:
                raise IndexError(f"{part} is outside of an axis of {size}")
            first, count, step = int(part) % size, 1, 1
        else:
            raise TypeError(f"{part!r} selects nothing: use numbers, slices and '...'")
        start.append(first)
        counts.append(count)
        steps.append(step)
    return Region(tuple(start), tuple(counts), tuple(steps)), tuple(kept)


@functools.cache
def _most_bytes() -> int:
    """Return half of the memory of this computer, bytes."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, OSError, ValueError):
        return _UNKNOWN_MEMORY


def require_memory(path: str, shape: tuple[int, ...], dtype: np.dtype[Any], selection: Selection) -> None:
    """Raise TooLargeError for a part of an array that takes more than half of the computer's memory."""
    item = _OBJECT_BYTES if dtype.hasobject else dtype.itemsize
    if prod(shape) * item <= _most_bytes():
        return
    try:
        values = prod(region_of(selection, shape)[0].counts)
    except (IndexError, TypeError):  # what is wrong with it is said by the library
        return
    if values * item > _most_bytes():
        raise TooLargeError(
            f"{path} says that it holds {shape} values of {dtype}: to read {values:,} of them at once takes "
            f"{values * item / 1e9:,.0f} GB, more than half of this computer's memory. Read it in parts"
        )
