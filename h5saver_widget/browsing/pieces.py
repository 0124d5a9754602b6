"""Parts of arrays: which of them are read, and how they become the numbers that are drawn."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from h5saver_widget.browsing.drawings import Projection, Window

__all__ = ["blocks", "drawable", "merge", "reduced", "turned", "window_of", "windows_of"]

Values = npt.NDArray[Any]


# ------------------------------------------------------------------------------------------------------------ windows
def window_of(total: int, most: int, start: int) -> Window:
    """Return the window of at most so many points that begins at `start`.

    >>> window_of(100, 30, 90), window_of(10, 30, 5)
    (Window(start=70, stop=100, total=100), Window(start=0, stop=10, total=10))
    """
    size = min(total, most)
    first = min(max(0, start), total - size)
    return Window(first, first + size, total)


def windows_of(shape: tuple[int, int], most: int, start: tuple[int, int]) -> tuple[Window, Window]:
    """Return the windows of an image of at most so many points, as square as its shape allows."""
    if shape[0] * shape[1] <= most:
        return window_of(shape[0], shape[0], 0), window_of(shape[1], shape[1], 0)
    side = max(1, math.isqrt(most))
    rows = min(shape[0], max(side, most // max(1, min(shape[1], side))) if shape[1] < side else side)
    columns = min(shape[1], max(1, most // rows))
    return window_of(shape[0], rows, start[0]), window_of(shape[1], columns, start[1])


def blocks(ranges: list[range], most: int) -> Iterator[tuple[slice, ...]]:
    """Cut a region into blocks of at most so many points.

    >>> list(blocks([range(3), range(4)], 8))
    [(slice(0, 2, None), slice(0, 4, None)), (slice(2, 3, None), slice(0, 4, None))]
    """
    sizes = [len(r) for r in ranges]
    steps = list(sizes)
    for i in range(len(sizes)):
        rest = math.prod(sizes[i + 1 :])
        steps[i] = max(1, min(sizes[i], most // max(1, rest)))
        if steps[i] > 1 or rest <= most:
            break
    pieces = [
        [slice(r.start + at, r.start + min(at + step, len(r))) for at in range(0, len(r), step)]
        for r, step in zip(ranges, (max(1, step) for step in steps), strict=True)
    ]
    yield from itertools.product(*pieces)


# -------------------------------------------------------------------------------------------------------------- values
def drawable(values: Any) -> Values:
    """Return values as they can be drawn: booleans as 0 and 1, complex numbers by their magnitude."""
    array = np.asarray(values)
    if array.dtype.kind == "c":
        magnitude: Values = np.abs(array)
        return magnitude
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    return array.astype(np.float32) if array.dtype == np.float16 else array  # half precision is slow in Qt


_MERGED: Final[dict[Projection, Callable[[Values, Values], Values]]] = {
    Projection.MEAN: np.add,
    Projection.SUM: np.add,
    Projection.MAX: np.fmax,
    Projection.MIN: np.fmin,
}


def reduced(block: Values, away: tuple[int, ...], how: Projection) -> tuple[Values, Values]:
    """Return the numbers of a block and how many were counted, leaving out what is not a number."""
    if block.dtype.kind != "f":  # whole numbers are all there
        counts = np.full((), math.prod(block.shape[i] for i in away), np.float64)
        if how in (Projection.MEAN, Projection.SUM):
            numbers = block.sum(axis=away, dtype=np.float64)
        else:
            numbers = (block.max(axis=away) if how is Projection.MAX else block.min(axis=away)).astype(np.float64)
        return numbers, np.broadcast_to(counts, numbers.shape)
    known = ~np.isnan(block)
    counted = known.sum(axis=away, dtype=np.float64)
    if how in (Projection.MEAN, Projection.SUM):
        return np.where(known, block, 0).sum(axis=away, dtype=np.float64), counted
    nothing = -np.inf if how is Projection.MAX else np.inf
    filled = np.where(known, block, nothing)
    return (filled.max(axis=away) if how is Projection.MAX else filled.min(axis=away)), counted


def turned(values: Values, have: list[int], want: tuple[int, ...]) -> Values:
    """Return values whose dimensions are in another order."""
    return values.transpose([have.index(i) for i in want])


def merge(
    total: Values, count: Values, where: tuple[slice, ...], numbers: Values, counted: Values, how: Projection
) -> None:
    """Add the numbers of a block to a map that is being made, and count what was counted."""
    before = total[where]
    fresh = np.where(counted > 0, numbers, np.nan)
    merged = np.where(np.isnan(before), fresh, np.where(np.isnan(fresh), before, _MERGED[how](before, fresh)))
    total[where] = merged
    count[where] += counted
