"""Curves over an axis, with errors as bars or bands; points where the positions of a scan are not in a row."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, Final

import numpy as np
import pyqtgraph as pg
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.browsing.drawings import Curve, Curves
from h5saver_widget.browsing.pieces import statistics_of
from h5saver_widget.qt.browser.making import unheard
from h5saver_widget.qt.browser.plots.canvas import Canvas
from h5saver_widget.qt.browser.plots.ticks import axis_text, is_time, position_text, start_of
from h5saver_widget.qt.browser.plots.values import (
    beam,
    in_a_row,
    known_range,
    missing_text,
    moved,
    nearest,
    offset_of,
    opened,
    statistics_text,
)
from h5saver_widget.qt.numbers import number_text
from h5saver_widget.qt.plot_style import curve_colour, shifted

__all__ = ["CurveCanvas", "range_text"]

#: Up to so many points errors are bars and points are marked; more would be one dark area.
_FEW: Final = 400
_MARKED: Final = 60
_REFINE_MS: Final = 120


class CurveCanvas(Canvas):
    """Curves, their names below them; a single point is a number in large type."""

    #: Whether few points are marked.
    marks = True

    def __init__(self) -> None:
        self._lines: list[tuple[int, pg.PlotDataItem]] = []
        self._names: list[str] = []
        self._markers: list[pg.InfiniteLine] = []
        self._errors: list[tuple[int, Any]] = []
        self._offset: float | int = 0
        self._drawn_log = (False, False)
        self.legend: pg.LegendItem | None = None
        super().__init__()
        self.legend = self.plot.legend = pg.LegendItem(frame=False)
        self.number = QtWidgets.QLabel(self)
        self.number.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        self.number.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        self.number.setBackgroundRole(QtGui.QPalette.ColorRole.Base)
        self.number.setAutoFillBackground(True)
        self.number.hide()
        self.plot.showGrid(x=True, y=True, alpha=0.15)
        self._refine = QtCore.QTimer(self, singleShot=True, interval=_REFINE_MS, timeout=self._tell_what_is_seen)
        self.plot.vb.sigXRangeChanged.connect(self._view_moved)

    # --------------------------------------------------------------- drawing
    def show_drawing(self, drawing: Curves) -> None:
        """Show curves; those that are there already are given their new points."""
        self._offset = 0 if self.log[1] else offset_of([curve.values for curve in drawing.curves])
        if self._drawn_log != self.log:
            for _, line in self._lines:
                line.setData(x=[], y=[])  # there may be nothing to see of the old points on the other scale
            self._drawn_log = self.log
            self.plot.setLogMode(x=self.log[0], y=self.log[1])
        names = [curve.label for curve in drawing.curves]
        lines = [line for number, curve in enumerate(drawing.curves) for line in self._lines_of(number, curve, drawing)]
        is_new = names != self._names or bool(self._errors) or [n for n, _ in lines] != [n for n, _ in self._lines]
        if is_new:
            for _, item in (*self._lines, *self._errors):
                self.plot.removeItem(item)
            self._names, self._lines, self._errors = names, [(n, pg.PlotDataItem()) for n, _ in lines], []
            for _, line in self._lines:
                self.plot.addItem(line)
        for (_, line), (_, points) in zip(self._lines, lines, strict=True):
            if points["connect"] is None:
                points = {**points, "connect": "all", "pen": None}
            line.setData(**points)
            many = len(points["x"]) > 5000 and in_a_row(drawing.axis)
            line.setDownsampling(auto=many, method="peak")
            line.setClipToView(many)
        for number, curve in enumerate(drawing.curves):
            is_new = self._draw_errors(number, curve, drawing) or is_new
        # one curve has no legend: the axis says what it is
        name = drawing.curves[0].label if len(drawing.curves) == 1 else drawing.label
        ends = np.array([known_range(self._plain(curve.values)) for curve in drawing.curves])
        start = 0.0 if self.log[1] or self._offset else start_of(ends, "")
        self.plot.getAxis("left").set_offset(start)
        self.set_label("left", axis_text(name or "value", drawing.units, self._offset or start))
        if self.log[0]:
            self.plot.getAxis("bottom").set_offset(0.0)
            self.plot.getAxis("bottom").set_clock(False)
            self.set_label("bottom", axis_text(drawing.axis.label, drawing.axis.units, 0.0))
        else:
            self.set_axis("bottom", drawing.axis)
        values = [curve.values for curve in drawing.curves]
        note = missing_text(values, self.log[1], drawing.units, some=any(curve.step > 1 for curve in drawing.curves))
        if self.log[0] and not note:
            note = missing_text([drawing.axis_of(c).values for c in drawing.curves], True, drawing.axis.units)
        self.set_note(note)
        was_number = self.is_number
        self._show_number(drawing)
        if is_new or was_number or self.is_number or drawing.as_points:
            self.paint_colours()

    def _plain(self, values: np.ndarray) -> np.ndarray:
        """Return values as floats, less their common offset where floats are too coarse."""
        return shifted(values, self._offset)

    def _lines_of(self, number: int, curve: Curve, drawing: Curves) -> list[tuple[int, dict[str, Any]]]:
        """Return the parts of a drawn curve: a line with or without marks, and the points that stand alone."""
        axis, y = drawing.axis_of(curve), self._plain(curve.values)
        x = axis.values
        known = np.isfinite(y) & np.isfinite(x)
        for values, is_log in ((x, self.log[0]), (y, self.log[1])):
            if is_log:
                known &= values > 0
        x, y = (np.where(known, values, np.nan) if any(self.log) else values for values in (x, y))
        if not known.any():
            x, y, known = x[:0], y[:0], known[:0]  # pyqtgraph can't find the range of nothing but gaps
        few = len(x) <= _FEW
        scattered = drawing.as_points and not in_a_row(axis)
        marked = scattered or (self.marks and few and 0 < known.sum() <= _MARKED)
        found = [
            {
                "x": x,
                "y": y,
                "connect": "all" if known.all() else "finite",
                "symbol": "o" if marked else None,
                "symbolSize": 6 if drawing.as_points and few else 4,
                "antialias": few,
                "dynamicRangeLimit": None,
            }
        ]
        # between points without a value there is no line: what stands alone is seen as a point
        step = 2 if curve.step > 1 else 1
        alone = known & ~moved(known, step) & ~moved(known, -step)
        if alone.any() and not marked:
            found.append({"x": x[alone], "y": y[alone], "connect": None, "symbol": "o", "symbolSize": 4})
        return [(number, points) for points in found]

    def _draw_errors(self, number: int, curve: Curve, drawing: Curves) -> bool:
        """Draw the errors of a curve, as bars or as a band; return whether there are any."""
        if curve.errors is None or any(self.log):
            return False
        x, y, errors = drawing.axis_of(curve).values, self._plain(curve.values), curve.errors.astype(np.float64)
        if len(x) <= _FEW:
            item = pg.ErrorBarItem(x=x, y=y, height=2 * errors, beam=beam(x))
        else:
            item = pg.FillBetweenItem(pg.PlotDataItem(x, y - errors), pg.PlotDataItem(x, y + errors))
        self.plot.addItem(item)
        self._errors.append((number, item))
        return True

    def _show_number(self, drawing: Curves) -> None:
        """Show a single point in large type, in the place of a plot that would say nothing."""
        single = drawing.window.total == 1 and all(curve.values.size == 1 for curve in drawing.curves)
        self.number.setVisible(single)

    @property
    def is_number(self) -> bool:
        """Whether a number is shown, and no plot."""
        return not self.number.isHidden()

    def _number_text(self) -> str:
        drawing, lines = self._drawn, []
        largest = max(12, min(34, self.width() // 16, self.height() // (3 * max(1, len(drawing.curves)))))
        for curve in drawing.curves[:12]:
            value = escape(number_text(curve.values[0].item(), drawing.units))
            error = f" ± {number_text(float(curve.errors[0]))}" if curve.errors is not None else ""
            lines.append(f"{escape(curve.label)}<br><span style='font-size:{largest}pt'>{value}</span>{escape(error)}")
        return "<br>".join(lines)

    # ------------------------------------------------------------------ look
    def paint_colours(self) -> None:
        """Take the colours of the palette."""
        super().paint_colours()
        drawing = self._drawn
        if drawing is None or self.legend is None:
            return
        count, palette = len(drawing.curves), self.palette()
        text = palette.color(QtGui.QPalette.ColorRole.Text)
        for number, line in self._lines:
            colour, style = curve_colour(number, count, palette)
            hidden = drawing.as_points and not in_a_row(drawing.axis_of(drawing.curves[number]))
            if line.opts["pen"] is not None:
                line.setPen(pg.mkPen(None) if hidden else pg.mkPen(colour, width=1, style=style))
            line.setSymbolBrush(colour)
            line.setSymbolPen(None)
        for number, item in self._errors:
            colour = QtGui.QColor(curve_colour(number, count, palette)[0])
            if isinstance(item, pg.ErrorBarItem):
                item.setData(pen=pg.mkPen(colour, width=1))
            else:
                colour.setAlpha(70)
                item.setBrush(pg.mkBrush(colour))
        if self.region is not None:
            colour = palette.color(QtGui.QPalette.ColorRole.Highlight)
            colour.setAlpha(50)
            self.region.setBrush(colour)
        if self.is_number:
            self.number.resize(self.size())
            self.number.setText(self._number_text())
        self._fill_legend(text)

    def _fill_legend(self, text: QtGui.QColor) -> None:
        """Name the curves below the plot, in as many columns as fit; where there are too many, say how many more."""
        legend, drawing = self.legend, self._drawn
        assert legend is not None
        legend.clear()
        if legend.scene() is not None and self.ci.getItem(1, 0) is legend:
            self.ci.removeItem(legend)
        if len(drawing.curves) < 2 or self.is_number:
            return
        metrics = self.fontMetrics()
        elide = QtCore.Qt.TextElideMode.ElideMiddle
        names = [metrics.elidedText(curve.label, elide, max(60, self.width() // 2 - 60)) for curve in drawing.curves]
        columns = max(1, (self.width() - 40) // (max(map(metrics.horizontalAdvance, names)) + 44))
        rows = max(1, self.height() // 4 // (metrics.height() + 4))
        most = columns * rows
        lines = dict(reversed(self._lines))
        legend.setColumnCount(columns)
        size = f"{self.font().pointSizeF():g}pt"
        for number, name in enumerate(names if len(names) <= most else names[: most - 1]):
            legend.addItem(lines[number], escape(name))
        if len(names) > most:
            legend.addItem(pg.PlotDataItem(pen=None), f"… {len(names) - most + 1:,} more")
        for _, label in legend.items:
            label.setText(label.text, color=text, size=size)
        self.ci.addItem(legend, 1, 0)
        self.ci.layout.setAlignment(legend, QtCore.Qt.AlignmentFlag.AlignCenter)
        legend.setMaximumSize(legend.layout.effectiveSizeHint(QtCore.Qt.SizeHint.MinimumSize))

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """Let the names fit."""
        super().resizeEvent(event)
        if "_refine" in self.__dict__:
            self.paint_colours()

    # ------------------------------------------------------------------ view
    def bounds(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the extent of the data; pyqtgraph's own way omits data far outside of the present view."""
        drawing = self._drawn
        xs = [drawing.axis_of(curve).values for curve in drawing.curves]
        ys = [part for curve in drawing.curves for part in self._seen(curve)]
        # counted from a number on, as dates are: a part of that number would be years
        margin = 1.0 if start_of(drawing.axis.values, drawing.axis.units) else None
        return opened(xs, self.log[0], margin), opened(ys, self.log[1])

    def _seen(self, curve: Curve) -> list[np.ndarray]:
        values = self._plain(curve.values)
        if curve.errors is None or any(self.log):
            return [values]
        return [values - curve.errors, values + curve.errors]

    def _view_moved(self, *_: object) -> None:
        self._refine.start()

    def _tell_what_is_seen(self) -> None:
        if self._drawn is not None and not self.is_fitted:
            low, high = self.plot.viewRange()[0]
            self.zoomed.emit((10.0**low, 10.0**high) if self.log[0] else (low, high))

    def set_markers(self, times: Sequence[float]) -> None:
        """Show moments as dashed lines, if the curves are drawn along time; in s since 1970."""
        axis = self._drawn.axis if self._drawn is not None else None
        for line in self._markers:
            self.plot.removeItem(line)
        low, high = known_range(axis.values) if axis is not None and is_time(axis) and not self.log[0] else (1.0, 0.0)
        colour = self.palette().color(QtGui.QPalette.ColorRole.Highlight)
        self._markers = [
            pg.InfiniteLine(time, angle=90, pen=pg.mkPen(colour, width=1.5, style=QtCore.Qt.PenStyle.DashLine))
            for time in times
            if low <= time <= high
        ]
        for line in self._markers:
            self.plot.addItem(line, ignoreBounds=True)

    # ---------------------------------------------------------------- region
    def make_region(self) -> pg.LinearRegionItem:
        """Return a region over the middle third of the view."""
        (low, high), _ = self.plot.viewRange()
        region = pg.LinearRegionItem((low + (high - low) / 3, high - (high - low) / 3))
        region.sigRegionChanged.connect(self.region_changed)
        return region

    def region_range(self) -> tuple[float, float]:
        """Return where the region begins and ends, in units of the axis."""
        low, high = (10.0**v if self.log[0] else v for v in self.region.getRegion())
        return low, high

    def _inside(self, x: np.ndarray) -> np.ndarray:
        low, high = self.region_range()
        return (x >= low) & (x <= high)

    def region_slices(self) -> tuple[slice, ...]:
        """Return the points that the region covers."""
        if self._drawn is None:
            return (slice(0, 0),)
        window, x = self._drawn.window, self._drawn.axis.values
        found = np.flatnonzero(self._inside(x)) if self.region is not None else np.arange(len(x))
        if not found.size:
            return (slice(window.start, window.start + 1),)
        return (slice(window.point(int(found[0])), min(window.point(int(found[-1])) + window.step, window.stop)),)

    def statistics(self) -> str | None:
        """Return statistics of every curve in the region."""
        if self.region is None or self._drawn is None:
            return ""
        drawn = self._drawn
        if any(curve.step > 1 for curve in drawn.curves):
            return None
        where = range_text(self.region_range(), drawn.axis.units)
        known = [(c.label, statistics_of([c.values[self._inside(drawn.axis_of(c).values)]])) for c in drawn.curves[:6]]
        return "\n".join(statistics_text(label, found, drawn.units) + where for label, found in known)

    # ------------------------------------------------------------- positions
    def set_cross(self, position: tuple[int, ...] | None) -> None:
        """Show a line at a point."""
        if position is not None and self._drawn is not None and not self.cross:
            line = pg.InfiniteLine(angle=90, movable=True)
            line.sigDragged.connect(lambda: self._picked_near(line.value()))
            self.cross = [line]
            self.plot.addItem(line, ignoreBounds=True)
            self.paint_colours()
        for line in self.cross:
            line.setVisible(position is not None)
            if position is not None and self._drawn is not None and len(self._drawn.axis.values):
                value = float(self._drawn.axis.values[self._drawn.window.drawn(position[0])])
                with unheard(line):
                    line.setValue(np.log10(max(value, 1e-300)) if self.log[0] else value)

    def _picked_near(self, value: float) -> None:
        found = self.position_at(QtCore.QPointF(10.0**value if self.log[0] else value, 0))
        if found is not None:
            self.picked.emit(found)

    def position_at(self, point: QtCore.QPointF) -> tuple[int, ...] | None:
        """Return the point nearest to a place."""
        near = nearest(self._drawn.axis.values, point.x())
        return None if near is None else (self._drawn.window.point(near),)

    def text_at(self, point: QtCore.QPointF) -> str:
        """Return the point nearest to a place and its values."""
        drawn, parts = self._drawn, []
        at = nearest(drawn.axis.values, point.x())
        if at is None:
            return ""
        for curve in drawn.curves[:4]:
            near = at if curve.axis is None else nearest(curve.axis.values, point.x())
            if near is not None:
                parts.append(f"{curve.label} {self._value_text(curve, near)}")
        more = f",  … {len(drawn.curves) - 4:,} more" if len(drawn.curves) > 4 else ""
        where = position_text(float(drawn.axis.values[at]), drawn.axis.units)
        return f"{drawn.axis.label} {where}:  {',  '.join(parts)}{more}"

    def _value_text(self, curve: Curve, at: int) -> str:
        units = self._drawn.units
        if curve.step > 1:
            low, high = curve.values[at // 2 * 2 : at // 2 * 2 + 2].tolist()
            return f"{number_text(low)} … {number_text(high, units)}"
        error = f" ± {number_text(float(f'{curve.errors[at]:.3g}'))}" if curve.errors is not None else ""
        return number_text(curve.values[at].item(), units) + error


def range_text(ends: tuple[float, float], units: str) -> str:
    """Return where a region lies, as the end of a sentence.

    >>> range_text((1.0, 2.5), 'nm')
    ', from 1 nm to 2.5 nm'
    """
    low, high = (position_text(end, units) for end in ends)
    return f", from {low} to {high}"
