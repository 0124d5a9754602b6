"""The menu of a plot: its view, its scales, its colours and levels; copy and save."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

import pyqtgraph as pg
from pyqtgraph.Qt import QtWidgets

from h5saver_widget.qt.alarm import set_alarm
from h5saver_widget.qt.browser.plots.curves import CurveCanvas
from h5saver_widget.qt.browser.plots.images import COLOUR_MAP, ImageCanvas, PointCanvas
from h5saver_widget.qt.numbers import localized, read_number

if TYPE_CHECKING:
    from h5saver_widget.qt.browser.plots.canvas import Canvas

__all__ = ["PlotMenu", "RangeRow"]

#: Even to the eye, told apart in grey and by colour-blind people; the last one has a middle. All others are below.
_COLOURS: Final = (COLOUR_MAP, "inferno", "cividis", ("CET-L1", None), ("CET-D1", None))


class RangeRow(QtWidgets.QWidget):
    """Two numbers, from and to, that are taken with the return key, the smaller one first.

    Both decimal separators are read.
    """

    def __init__(self, low: float, high: float, take: Callable[[float, float], None]) -> None:
        super().__init__()
        self._take = take
        self.lines = (QtWidgets.QLineEdit(), QtWidgets.QLineEdit())
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(12, 4, 12, 4)
        for word, line, value in zip(("from", "to"), self.lines, (low, high), strict=True):
            line.setText(localized(f"{value:.6g}"))
            line.setAccessibleName(word)
            line.setMinimumWidth(line.fontMetrics().horizontalAdvance("-0.000000e-00"))
            line.returnPressed.connect(self.take)
            layout.addWidget(QtWidgets.QLabel(word))
            layout.addWidget(line)
        button = QtWidgets.QPushButton("Set", autoDefault=False, clicked=self.take)
        layout.addWidget(button)

    def take(self) -> None:
        """Take the numbers; a text that is no number turns red and its tooltip says why."""
        found = []
        for line in self.lines:
            try:
                found.append(read_number(line.text()))
                problem = ""
            except ValueError as error:
                problem = str(error)
            set_alarm(line, bool(problem))
            line.setToolTip(problem)
        if len(found) == 2 and found[0] != found[1]:
            self._take(min(found), max(found))


class PlotMenu(QtWidgets.QMenu):
    """The menu of one plot; `set_log` chooses along which axes it is logarithmic: x, y."""

    def __init__(self, parent: QtWidgets.QWidget, canvas: Canvas, set_log: Callable[[bool, bool], None]) -> None:
        super().__init__(parent)
        self.aboutToHide.connect(self.deleteLater)
        self.add("Show all of it", canvas.reset_view, shortcut="Ctrl+0")
        vb = canvas.plot.vb
        setters = (vb.setXRange, vb.setYRange)
        for name, seen, log, take in zip("xy", vb.viewRange(), canvas.plot_log(), setters, strict=True):
            low, high = (10.0**v if log else v for v in seen)
            self._range(f"Range along {name}", low, high, partial(_set_range, take, log))
        self.addSeparator()
        x, y = canvas.log
        self.add("Logarithmic values", lambda: set_log(canvas.log[0], not canvas.log[1]), checked=y)
        if isinstance(canvas, CurveCanvas):
            self.add("Logarithmic x", lambda: set_log(not canvas.log[0], canvas.log[1]), checked=x)
        if isinstance(canvas, ImageCanvas):
            same = canvas.same_scale
            self.add("Same scale on both axes", lambda: canvas.set_same_scale(not same), checked=same)
        if isinstance(canvas, (ImageCanvas, PointCanvas)):
            colours = pg.ColorMapMenu(userList=list(_COLOURS), showColorMapSubMenus=True)
            colours.setTitle("Colours")
            colours.sigColorMapTriggered.connect(canvas.set_colour_map)
            colours.setParent(self, colours.windowFlags())
            self.addMenu(colours)
            levels = self._range("Levels", *canvas.levels, lambda low, high: canvas.set_levels((low, high)))
            levels.addAction("From the smallest to the largest value").triggered.connect(
                lambda *_: canvas.set_levels(None)
            )
        self.addSeparator()

    def add(self, text: str, slot: Callable[[], object], *, checked: bool | None = None, shortcut: str = "") -> None:
        """Add something that can be done, or switched."""
        action = self.addAction(f"{text}\t{shortcut}" if shortcut else text)
        if checked is not None:
            action.setCheckable(True)
            action.setChecked(checked)
        action.triggered.connect(lambda *_: slot())

    def _range(self, text: str, low: float, high: float, take: Callable[[float, float], None]) -> QtWidgets.QMenu:
        menu = self.addMenu(text)

        def take_and_close(low: float, high: float) -> None:
            take(low, high)
            self.close()

        row = QtWidgets.QWidgetAction(menu)
        row.setDefaultWidget(RangeRow(low, high, take_and_close))
        menu.addAction(row)
        return menu


def _set_range(take: Callable[..., None], log: bool, low: float, high: float) -> None:
    if not log:
        take(low, high, padding=0)
    elif low > 0:
        take(math.log10(low), math.log10(high), padding=0)
