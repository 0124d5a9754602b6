"""Parts of arrays: which of them are read, and how they become the numbers that are drawn."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from h5saver_widget.browsing.drawings import Part, Projection, Window

__all__ = [
    "ValueStatistics",
    "blocks",
    "drawable",
    "extremes",
    "merge",
    "reduced",
    "statistics_of",
    "window_of",
    "windows_of",
]

Values = npt.NDArray[Any]


# ------------------------------------------------------------------------------------------------------------ windows
def window_of(total: int, most: int, start: int) -> Window:
    """Return the window of at most so many points that begins at `start`.

    >>> window_of(100, 30, 90)
    Window(start=70, stop=100, total=100, step=1)
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
_PARTS: Final[dict[Part, Callable[[Values], Values]]] = {
    Part.MODULUS: np.abs,
    Part.PHASE: np.angle,
    Part.REAL: np.real,
    Part.IMAGINARY: np.imag,
}


def drawable(values: Any, part: Part = Part.MODULUS) -> Values:
    """Return values as they can be drawn: booleans as 0 and 1, of complex numbers the part that is wanted."""
    array = np.asarray(values)
    if array.dtype.kind == "c":
        return _PARTS[part](array)
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    return array.astype(np.float32) if array.dtype == np.float16 else array  # half precision is slow in Qt


def extremes(values: Values, step: int) -> Values:
    """Return the smallest and the largest of each `step` values, above each other, NaN where there is none.

    Real values of shape (points,) become (2 * ceil(points / step),) of the same dtype; the last two may be of fewer.

    >>> extremes(np.array([3, 1, 2, 5, 4]), 2).tolist()
    [1, 3, 2, 5, 4, 4]
    """
    whole = len(values) // step
    found = np.empty(2 * -(-len(values) // step), values.dtype)
    for some, into in (
        (values[: whole * step].reshape(-1, step), found[: 2 * whole]),
        (values[None, whole * step :], found[2 * whole :]),
    ):
        if some.size:
            into[0::2] = np.fmin.reduce(some, axis=1)
            into[1::2] = np.fmax.reduce(some, axis=1)
    return found


@dataclass(frozen=True)
class ValueStatistics:
    """Statistics of some values; `count` of them are numbers, `missing` are not, or are infinite."""

    count: int = 0
    missing: int = 0
    mean: float = math.nan
    deviation: float = math.nan
    least: float = math.nan
    most: float = math.nan
    total: float = 0.0


def statistics_of(parts: Iterable[Values]) -> ValueStatistics:
    """Return the statistics of values that come in parts.

    >>> statistics_of([np.array([1.0, np.nan]), np.array([3.0])])
    ValueStatistics(count=2, missing=1, mean=2.0, deviation=1.0, least=1.0, most=3.0, total=4.0)
    """
    known = ValueStatistics()
    squares = 0.0
    for part in parts:
        good = part[np.isfinite(part)].astype(np.float64)
        missing = known.missing + part.size - good.size
        if not good.size:
            known = replace(known, missing=missing)
            continue
        count, total, mean = known.count + good.size, known.total + float(good.sum()), float(good.mean())
        # of Chan, Golub and LeVeque: a sum of squares would lose the figures of values that are far from 0
        between = (mean - known.mean) ** 2 * known.count * good.size / count if known.count else 0.0
        squares += float(((good - mean) ** 2).sum()) + between
        least, most = np.fmin(known.least, good.min()), np.fmax(known.most, good.max())
        known = ValueStatistics(
            count, missing, total / count, math.sqrt(squares / count), float(least), float(most), total
        )
    return known


_MERGED: Final[dict[Projection, np.ufunc]] = {
    Projection.MEAN: np.add,
    Projection.SUM: np.add,
    Projection.MAX: np.fmax,
    Projection.MIN: np.fmin,
}


def reduced(block: Values, away: tuple[int, ...], how: Projection) -> tuple[Values, Values]:
    """Return the numbers of a block and how many were counted, without nan."""
    if how in (Projection.MEAN, Projection.SUM):
        numbers: Values = np.nansum(block, axis=away, dtype=np.float64)  # type: ignore[assignment]
    else:
        numbers = _MERGED[how].reduce(block, axis=away)
    if block.dtype.kind != "f":  # whole numbers are all there
        return numbers, np.full(numbers.shape, math.prod(block.shape[i] for i in away), np.float64)
    return numbers, (~np.isnan(block)).sum(axis=away, dtype=np.float64)


def merge(
    total: Values, count: Values, where: tuple[slice, ...], numbers: Values, counted: Values, how: Projection
) -> None:
    """Add the numbers of a block, and their count, to a map that is being made."""
    before = total[where]
    fresh = np.where(counted > 0, numbers, np.nan)
    merged = np.where(np.isnan(before), fresh, np.where(np.isnan(fresh), before, _MERGED[how](before, fresh)))
    total[where] = merged
    count[where] += counted
