"""What all drawings have in common: the palette, the value under the mouse, a region with its statistics, pictures."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyqtgraph as pg
from pyqtgraph.Qt import QtCore, QtGui

from h5saver_widget.browsing.drawings import AxisValues
from h5saver_widget.qt.browser.plots.ticks import Ticks, axis_text, number_text, start_of
from h5saver_widget.qt.plot_style import paint_axes
from h5saver_widget.saving.conventions import EPOCH

__all__ = ["Canvas", "statistics_text"]

_NO_VALUES: Final = "no values in the region"


def statistics_text(label: str, values: np.ndarray, units: str) -> str:
    """Return mean, deviation, extremes and sum of what is in a region, as one line.

    >>> statistics_text('CH00', np.array([1.0, 3.0]), 'V')
    'CH00: mean 2 V, σ 1 V, min 1 V, max 3 V, sum 4 V, 2 points'
    """
    known = values[np.isfinite(values)].astype(np.float64)
    if not known.size:
        return f"{label}: {_NO_VALUES}"
    numbers = (
        ("mean", known.mean()),
        ("σ", known.std()),
        ("min", known.min()),
        ("max", known.max()),
        ("sum", known.sum()),
    )
    parts = [f"{name} {number_text(float(value), units)}" for name, value in numbers]
    return f"{label}: {', '.join(parts)}, {known.size:,} points"


class Canvas(pg.GraphicsLayoutWidget):
    """A plot of one kind of drawing."""

    hovered = QtCore.Signal(str)
    """What is under the mouse, ``''`` if nothing is."""

    region_changed = QtCore.Signal()
    """The region was moved, shown or hidden; read :meth:`statistics` and :meth:`region_slices`."""

    picked = QtCore.Signal(object)
    """A position was picked: a tuple of indexes, one for each dimension that is drawn."""

    def __init__(self) -> None:
        super().__init__()
        self.ci.setContentsMargins(4, 6, 10, 4)
        ticks = {side: Ticks(side) for side in ("left", "bottom")}
        self.plot: pg.PlotItem = self.addPlot(row=0, col=0, axisItems=ticks, enableMenu=False)
        for side in ("left", "bottom"):
            # "kMB/s" and "mms" are what SI prefixes make of units like ours
            self.plot.getAxis(side).enableAutoSIPrefix(False)
        self.plot.hideButtons()
        self.setMinimumSize(160, 120)
        self._labels: dict[Any, str] = {}
        self.region: Any = None
        self.cross: list[Any] = []
        self.is_log = False
        self._drawn: Any = None
        self._moves = pg.SignalProxy(self.scene().sigMouseMoved, rateLimit=30, slot=self._mouse_moved)
        self.scene().sigMouseClicked.connect(self._mouse_clicked)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.paint_colours()

    # --------------------------------------------------------------- drawing
    @property
    def drawn(self) -> Any:
        """What is shown now."""
        return self._drawn

    def draw(self, drawing: Any) -> None:
        """Show a drawing of this canvas' kind; the view stays if its axes are the same."""
        raise NotImplementedError

    def set_log(self, on: bool) -> None:
        """Show values on a logarithmic scale; what is not above 0 is left out."""
        self.is_log = on
        if self._drawn is not None:
            self.draw(self._drawn)

    def set_region(self, on: bool) -> None:
        """Show or hide the region."""
        if on == (self.region is not None):
            return
        if on:
            self.region = self.make_region()
            self.plot.addItem(self.region, ignoreBounds=True)
        else:
            self.plot.removeItem(self.region)
            self.region = None
        self.paint_colours()
        self.region_changed.emit()

    def make_region(self) -> Any:
        """Return a region over the middle of what is drawn."""
        raise NotImplementedError

    def region_slices(self) -> tuple[slice, ...]:
        """Return the part of each drawn dimension that the region covers; everything without a region."""
        raise NotImplementedError

    def statistics(self) -> str:
        """Return what is known of the values in the region, ``''`` without one."""
        return ""

    def set_cross(self, position: tuple[int, ...] | None) -> None:
        """Show a cross at a position, or none."""

    def reset_view(self) -> None:
        """Show all of it."""
        self.plot.autoRange()

    # ----------------------------------------------------------------- mouse
    def _mouse_moved(self, event: tuple[Any]) -> None:
        view = self.plot.vb
        inside = self._drawn is not None and view.sceneBoundingRect().contains(event[0])
        self.hovered.emit(self.text_at(view.mapSceneToView(event[0])) if inside else "")

    def text_at(self, point: QtCore.QPointF) -> str:
        """Return what is at a place, for people."""
        return ""

    def _mouse_clicked(self, event: Any) -> None:
        view = self.plot.vb
        if event.double():
            self.reset_view()
        elif (
            self._drawn is not None
            and event.button() == QtCore.Qt.MouseButton.LeftButton
            and view.sceneBoundingRect().contains(event.scenePos())
        ):
            position = self.position_at(view.mapSceneToView(event.scenePos()))
            if position is not None:
                self.picked.emit(position)

    def position_at(self, point: QtCore.QPointF) -> tuple[int, ...] | None:
        """Return the indexes at a place, None if nothing is there."""
        return None

    def leaveEvent(self, event: QtCore.QEvent) -> None:
        """Forget the value under the mouse."""
        self.hovered.emit("")
        super().leaveEvent(event)

    # ------------------------------------------------------------------ look
    def paint_colours(self) -> None:
        """Take the colours of the palette."""
        palette = self.palette()
        self.setBackground(palette.color(QtGui.QPalette.ColorRole.Base))
        text = palette.color(QtGui.QPalette.ColorRole.Text)
        paint_axes(self.plot, text)
        self._fit_labels()
        mark = palette.color(QtGui.QPalette.ColorRole.Highlight)
        for line in self.cross:
            line.setPen(pg.mkPen(mark, width=1, style=QtCore.Qt.PenStyle.DashLine))

    def changeEvent(self, event: QtCore.QEvent) -> None:
        """Follow the host's colours."""
        super().changeEvent(event)
        if event.type() == QtCore.QEvent.Type.PaletteChange and "cross" in self.__dict__:
            self.paint_colours()

    def set_label(self, side: str, text: str) -> None:
        """Label an axis of the plot with a text."""
        self._label_axis(self.plot.getAxis(side), text)

    def set_axis(self, side: str, axis: AxisValues) -> None:
        """Label an axis of the plot with what is drawn along it; its numbers are kept short."""
        start = start_of(axis.values, axis.units)
        self.plot.getAxis(side).set_offset(start)
        self.plot.getAxis(side).set_dates(axis.units == EPOCH)
        self.set_label(side, axis_text(axis.label, axis.units, start))

    def _label_axis(self, axis: Any, text: str) -> None:
        self._labels[axis] = text
        self._fit_labels()

    def _fit_labels(self) -> None:
        """Show the labels, shortened where there is no room; nothing that came from a file is taken for HTML."""
        colour = self.palette().color(QtGui.QPalette.ColorRole.Text).name()
        room = {"bottom": self.width() - 90, "left": self.height() - 70}
        for axis, text in self._labels.items():
            most = max(40, room[axis.orientation])
            short = self.fontMetrics().elidedText(text, QtCore.Qt.TextElideMode.ElideMiddle, int(most))
            axis.setLabel(escaped(short), color=colour)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """Let the labels fit."""
        super().resizeEvent(event)
        if "_labels" in self.__dict__:
            self._fit_labels()


def escaped(text: str) -> str:
    """Return a text that a widget shows as it is, where it would take it for HTML.

    >>> escaped('<b>x</b>')
    '&lt;b&gt;x&lt;/b&gt;'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
