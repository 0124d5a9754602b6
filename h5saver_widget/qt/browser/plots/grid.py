"""Where the points of an axis lie, and how an image over axes that are not uniform is drawn on a uniform grid."""

from __future__ import annotations

from typing import Final

import numpy as np

__all__ = ["Grid"]

#: Points of a side of the uniform grid that an image over axes that are not uniform is drawn with.
_FINEST: Final = 2048


class Grid:
    """Where the points of an axis lie: their order, the middles between them, and a uniform grid to draw on.

    ``middles`` and ``edges`` (one more) ascend; ``order`` is the point that each area belongs to, ``drawn`` the point
    that is drawn at each place of the uniform grid. An axis that can't be used (not a number, all equal) is not
    ``is_true``: points are counted then.

    >>> Grid(np.array([0.0, 1.0, 4.0])).edges.tolist()
    [-0.5, 0.5, 2.5, 5.5]
    """

    def __init__(self, values: np.ndarray) -> None:
        size = len(values)
        order = np.argsort(values, kind="stable")
        middles = values[order]
        self.is_true = bool(np.isfinite(values).all()) and (size == 1 or bool(middles[-1] > middles[0]))
        if not self.is_true:
            order, middles = np.arange(size), np.arange(float(size))
        between = (middles[1:] + middles[:-1]) / 2
        first = middles[1] - middles[0] if size > 1 else 1.0
        last = middles[-1] - middles[-2] if size > 1 else 1.0
        self.edges = np.concatenate(([middles[0] - first / 2], between, [middles[-1] + last / 2]))
        self.order = order
        self.middles = middles
        steps = np.diff(middles)
        if size < 3 or np.allclose(steps, steps.mean(), rtol=1e-3, atol=0):
            self.drawn = order
        else:
            smallest = float(np.diff(self.edges).min())
            span = float(self.edges[-1] - self.edges[0])
            count = _FINEST if smallest <= 0 else int(min(_FINEST, max(size, np.ceil(2 * span / smallest))))
            places = self.edges[0] + (np.arange(count) + 0.5) * span / count
            self.drawn = order[np.clip(np.searchsorted(self.edges, places) - 1, 0, size - 1)]

    @property
    def start(self) -> float:
        """Where the first area begins."""
        return float(self.edges[0])

    @property
    def span(self) -> float:
        """How long all areas are."""
        return float(self.edges[-1] - self.edges[0]) or 1.0

    def at(self, place: float) -> int | None:
        """Return the point whose area a place lies in, None outside."""
        if not self.edges[0] <= place <= self.edges[-1]:
            return None
        return int(self.order[min(max(int(np.searchsorted(self.edges, place)) - 1, 0), len(self.order) - 1)])

    def place(self, index: int) -> float:
        """Return where a point lies."""
        return float(self.middles[np.flatnonzero(self.order == index)[0]])

    def between(self, low: float, high: float) -> np.ndarray:
        """Return the points that lie between two places."""
        return np.sort(self.order[(self.middles >= low) & (self.middles <= high)])
