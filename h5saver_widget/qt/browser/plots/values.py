"""Values before they are drawn: which are missing, where they lie, how they are spread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from h5saver_widget.browsing.drawings import AxisValues
from h5saver_widget.browsing.pieces import ValueStatistics
from h5saver_widget.qt.numbers import number_text

__all__ = [
    "beam",
    "in_a_row",
    "known_range",
    "missing_text",
    "moved",
    "nearest",
    "offset_of",
    "opened",
    "round_ends",
    "statistics_text",
]


def statistics_text(label: str, found: ValueStatistics, units: str) -> str:
    """Return mean, deviation, extremes and sum of the values in a region, as one line.

    >>> statistics_text('CH00', ValueStatistics(2, 0, 2.0, 1.0, 1.0, 3.0, 4.0), 'V')
    'CH00: mean 2 V, σ 1 V, min 1 V, max 3 V, sum 4 V, 2 points'
    """
    if not found.count:
        return f"{label}: no values in the region"
    numbers = (
        ("mean", found.mean),
        ("σ", found.deviation),
        ("min", found.least),
        ("max", found.most),
        ("sum", found.total),
    )
    parts = [f"{name} {number_text(value, units)}" for name, value in numbers]
    missing = f", {found.missing:,} without a value" if found.missing else ""
    return f"{label}: {', '.join(parts)}, {found.count:,} points{missing}"


def known_range(values: np.ndarray) -> tuple[float, float]:
    """Return the smallest and the largest number; (1, 0) if there is none."""
    known = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    return (float(known.min()), float(known.max())) if known.size else (1.0, 0.0)


def offset_of(parts: Sequence[np.ndarray]) -> int:
    """Return the number to subtract before integers become floats, which are too coarse for those beyond 2**53.

    >>> offset_of([np.array([2**60 + 3, 2**60 + 9])]) - 2**60, offset_of([np.array([1, 2])])
    (3, 0)
    """
    if any(part.dtype.kind not in "iu" for part in parts) or not any(part.size for part in parts):
        return 0
    low = min(int(part.min()) for part in parts if part.size)
    high = max(int(part.max()) for part in parts if part.size)
    return low if max(abs(low), abs(high)) > 2**53 and high - low < 2**53 else 0


def missing_text(parts: Sequence[np.ndarray], log: bool, units: str, some: bool = False) -> str:
    """Return in words which values a plot can't show, ``''`` if it shows all of them.

    The parts are the values of each curve, or of the image; `some`, if they are but the smallest and the largest of
    many.

    >>> missing_text([np.array([1.0, np.inf])], False, 'V'), missing_text([np.array([2, 2])], False, 'V')
    ('1 infinite value is not drawn.', 'All values are 2 V.')
    """
    count = sum(part.size for part in parts)
    if not count:
        return "There are no values yet."
    known = [part[np.isfinite(part)] for part in parts]
    if not any(part.size for part in known):
        return f"None of the {count:,} values is a finite number." if count > 1 else "The value is no finite number."
    said = []
    infinite = sum(int(np.isinf(part).sum()) for part in parts)
    if infinite:
        many = "Infinite values are" if some else f"{infinite:,} infinite value{' is' if infinite == 1 else 's are'}"
        said.append(f"{many} not drawn.")
    hidden = sum(int((part <= 0).sum()) for part in known) if log else 0
    if hidden:
        many = "Some values are" if some else f"{hidden:,} of {count:,} value{' is' if count == 1 else 's are'}"
        said.append(f"{many} not drawn: a logarithmic scale begins above 0.")
    found = [end for part in known if part.size for end in (part.min().item(), part.max().item())]
    if sum(part.size for part in known) > 1 and min(found) == max(found):
        finite = "" if all(part.size == whole.size for part, whole in zip(known, parts, strict=True)) else "finite "
        said.append(f"All {finite}values are {number_text(found[0], units)}.")
    return " ".join(said)


def moved(known: np.ndarray, by: int) -> np.ndarray:
    """Return which points have a known neighbour `by` points before."""
    found = np.zeros_like(known)
    if by > 0:
        found[by:] = known[:-by]
    else:
        found[:by] = known[-by:]
    return found


def nearest(x: np.ndarray, place: float) -> int | None:
    """Return the number of the position nearest to a place, None if there is none."""
    return int(np.nanargmin(np.abs(x - place))) if np.isfinite(x).any() else None


def beam(x: np.ndarray) -> float:
    """Return how wide the ends of error bars are."""
    return float(np.ptp(x[np.isfinite(x)]) / max(len(x), 1) * 0.3) if np.isfinite(x).any() else 0.0


def in_a_row(axis: AxisValues) -> bool:
    """Tell whether points follow each other along the axis, as those of a time do."""
    return bool(np.all(np.diff(axis.values) >= 0))


def opened(parts: list[np.ndarray], log: bool, margin: float | None = None) -> tuple[float, float]:
    """Return the range of all values with some room beside them, as logarithms if `log`.

    >>> [round(v, 3) for v in opened([np.array([0.0, 1.0])], False)], opened([np.array([2.0])], False)
    ([-0.04, 1.04], (1.9, 2.1))
    """
    ranges = []
    for values in parts:
        low, high = known_range(values[values > 0] if log else values)
        if low <= high:
            ranges.append((np.log10(low), np.log10(high)) if log else (low, high))
    if not ranges:
        return 0.0, 1.0
    low, high = min(r[0] for r in ranges), max(r[1] for r in ranges)
    if high - low > max(abs(low), abs(high)) * 1e-12:
        room = (high - low) * 0.04
    else:
        room = margin if margin is not None else abs(low) * 0.05 or 0.5
    return float(low - room), float(high + room)


def round_ends(low: float, high: float) -> tuple[float, float]:
    """Return round values below and above two others: those of a live picture must not flicker with its noise.

    >>> round_ends(103.0, 3977.0)
    (0.0, 4000.0)
    """
    step = 10.0 ** np.floor(np.log10(max(high - low, 1e-12)))
    step = step / 2 if (high - low) / step < 2 else step
    return float(np.floor(low / step) * step), float(np.ceil(high / step) * step)
