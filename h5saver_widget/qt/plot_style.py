"""How plots look in every window: in the host's palette, light or dark, with units on their axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyqtgraph as pg
from pyqtgraph.Qt import QtCore, QtGui

from h5saver_widget.qt.numbers import localized

__all__ = ["LocalTicks", "curve_colour", "curve_colours", "paint_axes", "shifted", "with_units"]

# Colours of Okabe and Ito that colour-blind people tell apart; the second list is for dark backgrounds.
ON_LIGHT = ("#0072b2", "#d55e00", "#009e73", "#b0558a")
ON_DARK = ("#56b4e9", "#f0a830", "#2fc8a0", "#e79bc6")

_STYLES: Final = (
    QtCore.Qt.PenStyle.SolidLine,
    QtCore.Qt.PenStyle.DashLine,
    QtCore.Qt.PenStyle.DotLine,
    QtCore.Qt.PenStyle.DashDotLine,
)


class LocalTicks(pg.AxisItem):
    """An axis whose numbers are written as the locale has it, and stand apart; they count from an offset."""

    offset = 0.0

    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:
        """Return the distances of ticks; pyqtgraph writes the numbers of the widest, whether there is room or not."""
        levels: list[tuple[float, float]] = super().tickSpacing(minVal, maxVal, size)
        if self.orientation in ("left", "right") or not levels or not maxVal > minVal:
            return levels
        metrics = QtGui.QFontMetricsF(self.style["tickFont"] or self.font())
        step = levels[0][0]
        places = range(math.ceil(minVal / step), math.floor(maxVal / step) + 1)
        numbers = [step * place / self.scale + self.offset for place in places]
        texts = self.tickStrings(numbers, self.autoSIPrefixScale * self.scale, step)
        widest = max((metrics.horizontalAdvance(text) for text in texts), default=0.0) + metrics.averageCharWidth()
        every = math.ceil(widest / (size * step / (maxVal - minVal)))
        return [(every * step, 0.0), *levels] if every > 1 else levels

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        """Return the numbers."""
        return [localized(text) for text in super().tickStrings(values, scale, spacing)]


def curve_colours(palette: QtGui.QPalette) -> tuple[str, ...]:
    """Return colours for curves that can be seen on this palette's background."""
    return ON_DARK if palette.color(QtGui.QPalette.ColorRole.Base).lightness() < 128 else ON_LIGHT


def curve_colour(number: int, count: int, palette: QtGui.QPalette) -> tuple[QtGui.QColor, QtCore.Qt.PenStyle]:
    """Return colour and style of one of several curves: a fifth has the first colour, dashed; many go round the hues.

    They are seen on the background of the palette.
    """
    colours = curve_colours(palette)
    if count <= len(colours) * len(_STYLES):
        return QtGui.QColor(colours[number % len(colours)]), _STYLES[number // len(colours)]
    value = 230 if colours is ON_DARK else 170
    return pg.intColor(number, hues=count, values=1, maxValue=value), QtCore.Qt.PenStyle.SolidLine


def shifted(values: np.ndarray[Any, Any], offset: float) -> np.ndarray[Any, Any]:
    """Return values as floats, less an offset; whole numbers are subtracted before they lose their last figures.

    >>> shifted(np.array([2**60, 2**60 + 1]), 2**60).tolist()
    [0.0, 1.0]
    """
    return (values - values.dtype.type(offset) if offset else values).astype(np.float64)


def with_units(label: str, units: str) -> str:
    """Return a label with its units.

    >>> with_units("wavelength", "nm"), with_units("count", "")
    ('wavelength (nm)', 'count')
    """
    return f"{label} ({units})" if units else label


def paint_axes(plot: pg.PlotItem, text: QtGui.QColor) -> None:
    """Draw the axes of a plot and their labels in a colour."""
    for side in ("left", "bottom", "top", "right"):
        axis = plot.getAxis(side)
        axis.setPen(pg.mkPen(text, width=1))
        axis.setTextPen(text)
