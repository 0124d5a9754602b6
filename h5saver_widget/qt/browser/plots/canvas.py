"""The common base of all drawings: the view and when it is fitted, the value under the mouse, a region, the menu."""

from __future__ import annotations

from html import escape
from typing import Any

import pyqtgraph as pg
from pyqtgraph.Qt import QtCore, QtGui

from h5saver_widget.browsing.drawings import AxisValues
from h5saver_widget.qt.browser.plots.ticks import Ticks, axis_text, days_of, start_of
from h5saver_widget.qt.plot_style import paint_axes
from h5saver_widget.saving.conventions import EPOCH

__all__ = ["Canvas", "wrapped"]


class Canvas(pg.GraphicsLayoutWidget):
    """A plot of one kind of drawing.

    Its view is fitted when another thing is drawn. Where the same thing is drawn again (more of it, another point of a
    scan), it is fitted too if it was fitted, and stays if somebody has zoomed or moved it.
    """

    hovered = QtCore.Signal(str)
    """What is under the mouse, ``''`` if nothing is."""

    region_changed = QtCore.Signal()
    """The region was moved, shown or hidden; read :meth:`statistics` and :meth:`region_slices`."""

    picked = QtCore.Signal(object)
    """A position was picked: a tuple of indexes, one for each dimension that is drawn."""

    zoomed = QtCore.Signal(object)
    """Another part of the axis is seen, in units of the axis: from, to; None if all of it is wanted."""

    menu_wanted = QtCore.Signal(object)
    """The menu is wanted; where on the screen."""

    def __init__(self) -> None:
        super().__init__()
        self.ci.setContentsMargins(4, 6, 10, 4)
        self.ci.layout.setRowStretchFactor(0, 1000)  # names and bars get what they need, the plot has the rest
        self.ci.layout.setColumnStretchFactor(0, 1000)
        ticks = {side: Ticks(side) for side in ("left", "bottom")}
        self.plot: pg.PlotItem = self.addPlot(row=0, col=0, axisItems=ticks, enableMenu=False)
        for side in ("left", "bottom"):
            # "kMB/s" and "mms" are what SI prefixes make of units like ours
            self.plot.getAxis(side).enableAutoSIPrefix(False)
        self.plot.hideButtons()
        self.plot.disableAutoRange()
        self.setMinimumSize(160, 120)
        self._labels: dict[Any, str] = {}
        self._written: dict[Any, tuple[str, str]] = {}
        self._note = ""
        self.region: Any = None
        self.cross: list[Any] = []
        self.log = (False, False)
        #: Whether colours stand for round values.
        self.steady = False
        self._drawn: Any = None
        self._thing: Any = None
        self._key: Any = None
        self._fitted: Any = None
        self._moves = pg.SignalProxy(self.scene().sigMouseMoved, rateLimit=30, slot=self._mouse_moved)
        self.scene().sigMouseClicked.connect(self._mouse_clicked)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.paint_colours()
        self.plot.vb.sigResized.connect(self._fit_labels)

    # --------------------------------------------------------------- drawing
    @property
    def drawn(self) -> Any:
        """The present drawing."""
        return self._drawn

    @property
    def thing(self) -> Any:
        """Identity of the drawn data."""
        return self._thing

    @property
    def is_fitted(self) -> bool:
        """Whether all of it is seen: nobody has zoomed or moved the view since it was fitted."""
        return self._fitted is None or self._fitted == self.plot.vb.targetRange()

    def draw(self, drawing: Any, thing: Any = None) -> None:
        """Show a drawing of this canvas' kind; the user's view is kept only for the same thing: the same data."""
        key = (thing, self.log)  # another scale makes another thing of it
        fits = self.is_fitted or key != self._key
        if key != self._key:
            self.forget_choices()
        self._drawn, self._thing, self._key = drawing, thing, key
        self.show_drawing(drawing)
        self.plot.disableAutoRange()  # to change a scale enables it
        if fits:
            self._fit()
        if self.region is not None:
            self.region_changed.emit()

    def show_drawing(self, drawing: Any) -> None:
        """Show a drawing, wherever the view is."""
        raise NotImplementedError

    def forget_choices(self) -> None:
        """Forget the choices made for other data."""

    def bounds(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the extent of the data along x and y, on the scales of the plot."""
        raise NotImplementedError

    def _fit(self) -> None:
        x, y = self.bounds()
        self.plot.setRange(xRange=x, yRange=y, padding=0)
        self._fitted = [list(part) for part in self.plot.vb.targetRange()]

    def reset_view(self) -> None:
        """Show all of it."""
        if self._drawn is not None:
            self._fit()
            self.zoomed.emit(None)

    def set_log(self, x: bool, y: bool) -> None:
        """Show positions or values on a logarithmic scale; numbers that are not above 0 are omitted."""
        if (x, y) != self.log:
            self.log = (x, y)
            if self._drawn is not None:
                self.draw(self._drawn, self._thing)

    def set_note(self, text: str) -> None:
        """Show a note above the plot about values that it can't show."""
        if text != self._note:
            self._note = text
            self._fit_labels()

    @property
    def note(self) -> str:
        """The note above the plot."""
        return self._note

    # ---------------------------------------------------------------- region
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
        """Return a region over the middle of the drawing."""
        raise NotImplementedError

    def region_slices(self) -> tuple[slice, ...]:
        """Return the part of each drawn dimension that the region covers; everything without a region."""
        raise NotImplementedError

    def statistics(self) -> str | None:
        """Return statistics of the values in the region, ``''`` without one, None if not all values are here."""
        return ""

    def set_cross(self, position: tuple[int, ...] | None) -> None:
        """Show a cross at a position, or none."""

    # ----------------------------------------------------------------- mouse
    def _mouse_moved(self, event: tuple[Any]) -> None:
        view = self.plot.vb
        inside = self._drawn is not None and view.sceneBoundingRect().contains(event[0])
        self.hovered.emit(self.text_at(self._place(event[0])) if inside else "")

    def _place(self, scene_position: QtCore.QPointF) -> QtCore.QPointF:
        """Return a place in units of the axes."""
        found = self.plot.vb.mapSceneToView(scene_position)
        x, y = (10.0**v if log else v for v, log in zip((found.x(), found.y()), self.plot_log(), strict=True))
        return QtCore.QPointF(x, y)

    def plot_log(self) -> tuple[bool, bool]:
        """Return along which axes of the plot places are logarithms."""
        return self.log

    def text_at(self, point: QtCore.QPointF) -> str:
        """Return the value at a place, for people."""
        return ""

    def _mouse_clicked(self, event: Any) -> None:
        if not self.plot.vb.sceneBoundingRect().contains(event.scenePos()):
            return
        if event.button() == QtCore.Qt.MouseButton.RightButton:
            event.accept()
            self.menu_wanted.emit(event.screenPos().toQPoint())
        elif event.double():
            self.reset_view()
        elif self._drawn is not None and event.button() == QtCore.Qt.MouseButton.LeftButton:
            position = self.position_at(self._place(event.scenePos()))
            if position is not None:
                self.picked.emit(position)

    def position_at(self, point: QtCore.QPointF) -> tuple[int, ...] | None:
        """Return the indexes at a place, None if nothing is there."""
        return None

    def leaveEvent(self, event: QtCore.QEvent) -> None:
        """Forget the value under the mouse."""
        self.hovered.emit("")
        super().leaveEvent(event)

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        """Home shows all of it."""
        if event.key() == QtCore.Qt.Key.Key_Home:
            self.reset_view()
        else:
            super().keyPressEvent(event)

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
        """Follow the host's colours and font."""
        super().changeEvent(event)
        Type = QtCore.QEvent.Type
        if event.type() in (Type.PaletteChange, Type.FontChange) and "cross" in self.__dict__:
            self.paint_colours()

    def set_label(self, side: str, text: str) -> None:
        """Label an axis of the plot with a text."""
        self._label_axis(self.plot.getAxis(side), text)

    def set_axis(self, side: str, axis: AxisValues) -> None:
        """Label an axis of the plot with its quantity; its numbers are kept short."""
        days = days_of(axis)
        start = 0.0 if days else start_of(axis.values, axis.units)
        numbers = self.plot.getAxis(side)
        numbers.set_offset(start)
        numbers.set_clock(bool(days))
        numbers.set_dates(axis.units == EPOCH)
        self.set_label(side, days or axis_text(axis.label, axis.units, start))

    def _label_axis(self, axis: Any, text: str) -> None:
        if text != self._labels.get(axis):
            self._labels[axis] = text
            self._fit_labels()

    def _fit_labels(self, *_: object) -> None:
        """Show the labels, shortened where there is no room; nothing that came from a file is taken for HTML."""
        colour = self.palette().color(QtGui.QPalette.ColorRole.Text).name()
        view = self.plot.vb
        room = {"bottom": max(self.width() - 90, view.width()), "left": min(self.height() - 40, view.height())}
        elide, middle = self.fontMetrics().elidedText, QtCore.Qt.TextElideMode.ElideMiddle
        for axis, text in self._labels.items():
            shown = elide(text, middle, int(max(40, room[axis.orientation])))
            if (shown, colour) != self._written.get(axis):
                self._written[axis] = (shown, colour)
                axis.setLabel(escape(shown, quote=False), color=colour)
        lines = wrapped(self._note, self.fontMetrics(), max(80, int(self.plot.vb.width())))
        text = "<br>".join(escape(line, quote=False) for line in lines)
        self.plot.setTitle(text or None, color=colour, size=f"{self.font().pointSizeF():g}pt")
        if lines:  # pyqtgraph has room for one
            height = len(lines) * (self.fontMetrics().height() + 2) + 8
            self.plot.titleLabel.setMaximumHeight(height)
            self.plot.layout.setRowFixedHeight(0, height)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """Let the labels fit."""
        super().resizeEvent(event)
        if "_labels" in self.__dict__:
            self._fit_labels()


def wrapped(text: str, metrics: QtGui.QFontMetrics, width: int) -> list[str]:
    """Return the lines of a text that has to fit into a width in pixels; a single word may be wider."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else ""
        if longer and metrics.horizontalAdvance(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
