"""Which points of a long curve are read when somebody zooms."""

from __future__ import annotations

import numpy as np

from h5saver_widget.browsing.drawings import StoredAxis, Window

__all__ = ["points_inside", "span_wanted"]

#: Fewer points than this are always read as they are.
_ENOUGH = 50_000


def span_wanted(axis: StoredAxis, window: Window, seen: tuple[float, float] | None) -> tuple[int, int] | None:
    """Return the points to read for the present view, None if the drawn ones will do.

    What is seen goes from a position to another, in units of the axis of the whole curve; None is all of it. The window
    has the drawn points.

    >>> axis = StoredAxis('point', '', 1_000_000)
    >>> span_wanted(axis, Window(0, 1_000_000, 1_000_000, 245), (1000.0, 2000.0))
    (0, 26500)
    >>> span_wanted(axis, Window(0, 26_500, 1_000_000), (1200.0, 1900.0)) is None
    True
    """
    if not window.is_part and window.step == 1:
        return None
    everything = (0, axis.size)
    if seen is None:
        return everything if window.is_part else None
    first, last = points_inside(axis, *seen)
    count = last - first
    if count <= 0:
        return None
    margin = max(count // 2, (_ENOUGH - count) // 2, 1)  # a small step aside needs no reading
    wanted = (max(0, first - margin), min(axis.size, last + margin))
    is_inside = window.start <= first and last <= window.stop
    # once half as many points would become one, it is worth reading
    if is_inside and (window.step == 1 or window.stop - window.start < 2 * (wanted[1] - wanted[0])):
        return None
    return wanted


def points_inside(axis: StoredAxis, low: float, high: float) -> tuple[int, int]:
    """Return the first point between two positions, and the one behind the last.

    >>> points_inside(StoredAxis('point', '', 10), 2.5, 5.0)
    (3, 6)
    """
    if axis.values is None:
        return int(np.ceil(max(0.0, low))), int(np.floor(min(high, axis.size - 1.0))) + 1
    inside = np.flatnonzero((axis.values >= low) & (axis.values <= high))
    return (int(inside[0]), int(inside[-1]) + 1) if inside.size else (0, 0)
