"""Axes whose numbers differ in their last figures alone, as times of a recording do: counted from where they begin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from pyqtgraph.Qt import QtGui

from h5saver_widget.browsing.drawings import AxisValues
from h5saver_widget.qt.numbers import number_text
from h5saver_widget.qt.plot_style import LocalTicks, with_units
from h5saver_widget.saving.conventions import EPOCH

__all__ = ["Ticks", "axis_text", "days_of", "is_time", "position_text", "start_of"]

#: Seconds since 1970 that are meant as a date: from 1989 to 2096. Nothing else in a laboratory takes so long.
_DATES: Final = (6e8, 4e9)
#: Longer ago, or later, is no date that Python knows.
_LONGEST: Final = 6e10
#: From here on, the time of the day stands along an axis, in s.
_LONG_SECONDS: Final = 600.0
#: How much of an axis may be text, by the number of texts: pyqtgraph's own.
_FILL_LIMITS: Final = [(0, 0.8), (2, 0.6), (4, 0.4), (6, 0.2)]
_MANY_FIGURES: Final = 1e4
_SMALL_PART: Final = 1e-3


class Ticks(LocalTicks):
    """An axis with numbers from an offset on, which its label names."""

    def __init__(self, side: str) -> None:
        super().__init__(side)
        self._dates = False
        self._clock: pg.DateAxisItem | None = None

    def set_offset(self, offset: float) -> None:
        """Count from a number on."""
        if offset != self.offset:
            self.offset = offset
            self.picture = None
            self.update()

    def set_dates(self, on: bool) -> None:
        """Write seconds since 1970 as dates and times (UTC)."""
        self._dates = on

    def set_clock(self, on: bool) -> None:
        """Write seconds since 1970 as the time of the day, with the days between them (local time)."""
        if on != (self._clock is not None):
            self._clock = pg.DateAxisItem(self.orientation) if on else None
            # times keep a distance by themselves: pyqtgraph would write two of six
            self.setStyle(textFillLimits=[(0, 0.95)] if on else _FILL_LIMITS)
            self.picture = None
            self.update()

    def tickValues(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, list[float]]]:
        """Return where numbers stand: round ones after the offset is taken off."""
        if self._clock is not None:
            self._clock.fontMetrics = QtGui.QFontMetrics(self.style["tickFont"] or QtGui.QFont())
            return self._clock.tickValues(minVal, maxVal, size)
        found = super().tickValues(minVal - self.offset, maxVal - self.offset, size)
        return [(step, [value + self.offset for value in values]) for step, values in found]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        """Return the numbers, as the locale writes them, or dates as exact as they are apart."""
        if self._clock is not None:
            return self._clock.tickStrings(values, scale, spacing)
        if self._dates:
            form = "%Y-%m-%d" if spacing >= 86400 else "%m-%d %H:%M" if spacing >= 60 else "%H:%M:%S"
            return [f"{datetime.fromtimestamp(v, UTC):{form}}" if _is_date(v, EPOCH) else "" for v in values]
        return super().tickStrings([value - self.offset for value in values], scale, spacing)


def _is_date(value: float, units: str) -> bool:
    if units == EPOCH:
        return -_LONGEST < value < _LONGEST
    return units in ("s", "sec", "seconds") and _DATES[0] <= value <= _DATES[1]


def is_time(axis: AxisValues) -> bool:
    """Tell whether the values of an axis are moments, in s since 1970.

    >>> [is_time(AxisValues('Time', 's', np.array([first, first + 1]))) for first in (1.79e9, 0.0)]
    [True, False]
    """
    known = axis.values[np.isfinite(axis.values)]
    return bool(known.size) and all(_is_date(float(value), axis.units) for value in (known.min(), known.max()))


def days_of(axis: AxisValues) -> str:
    """Return the days of an axis of moments that lasts so long that the time of the day says more than seconds; ``''``.

    >>> noon = datetime(2026, 11, 29, 12).timestamp()
    >>> [days_of(AxisValues('Time', 's', noon + np.array([0.0, last]))) for last in (10, 3600, 86400)]
    ['', '2026-11-29', '2026-11-29 to 2026-11-30']
    """
    known = axis.values[np.isfinite(axis.values)]
    if axis.units == EPOCH or not is_time(axis) or known.max() - known.min() < _LONG_SECONDS:
        return ""
    first, last = (f"{datetime.fromtimestamp(float(end)):%Y-%m-%d}" for end in (known.min(), known.max()))
    return first if first == last else f"{first} to {last}"


def start_of(values: npt.NDArray[np.float64], units: str) -> float:
    """Return the number that the numbers along an axis are counted from, 0 if they are short as they are.

    >>> start_of(np.array([632.81, 632.85]), 'nm'), start_of(np.array([63281.1, 63281.9]), 'MHz')
    (0.0, 63281.0)
    """
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0
    if units == EPOCH:
        return 0.0
    low, high = float(known.min()), float(known.max())
    if _is_date(low, units) and _is_date(high, units):
        return float(math.floor(low))
    largest, span = max(abs(low), abs(high)), high - low
    if largest < _MANY_FIGURES or not 0 < span < largest * _SMALL_PART:
        return 0.0
    step = 10.0 ** math.ceil(math.log10(span))
    return math.floor(low / step) * step


def axis_text(label: str, units: str, start: float) -> str:
    """Return the label of an axis that is counted from an offset on.

    >>> axis_text('x', 'nm', 0.0), axis_text('frequency', 'MHz', 63281.0)
    ('x (nm)', 'frequency − 63281 (MHz)')
    """
    if units == EPOCH:
        return f"{label} (UTC)"
    if _is_date(start, units):
        return f"{units} since {datetime.fromtimestamp(start):%H:%M:%S}"  # that this is a time needs no label
    shown = start if isinstance(start, int) else f"{start:.15g}"
    return with_units(f"{label} − {shown}" if start else label, units)


def position_text(value: float, units: str) -> str:
    """Return a position along an axis for people: with its units, or as date and time.

    >>> position_text(1234.5678, 'nm')
    '1234.57 nm'
    """
    if units == EPOCH and _is_date(value, units):
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S}"
    if _is_date(value, units):
        return f"{datetime.fromtimestamp(value):%Y-%m-%d %H:%M:%S.%f}"[:-4]
    return number_text(value, units)
