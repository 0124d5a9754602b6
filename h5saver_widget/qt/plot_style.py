"""How plots look in every window: in the host's palette, light or dark, with units on their axes."""

from __future__ import annotations

import pyqtgraph as pg
from pyqtgraph.Qt import QtGui

__all__ = ["curve_colours", "paint_axes", "with_units"]

# Colours of Okabe and Ito that colour-blind people tell apart; the second list is for dark backgrounds.
ON_LIGHT = ("#0072b2", "#d55e00", "#009e73", "#b0558a")
ON_DARK = ("#56b4e9", "#f0a830", "#2fc8a0", "#e79bc6")


def curve_colours(palette: QtGui.QPalette) -> tuple[str, ...]:
    """Return colours for curves that can be seen on this palette's background."""
    return ON_DARK if palette.color(QtGui.QPalette.ColorRole.Base).lightness() < 128 else ON_LIGHT


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
