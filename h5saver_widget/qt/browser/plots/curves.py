"""Curves over an axis, with errors as bars or bands; points where the positions of a scan are not in a row."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyqtgraph as pg
from pyqtgraph.Qt import QtCore, QtGui

from h5saver_widget.browsing.drawings import AxisValues, Curve, Curves
from h5saver_widget.qt.browser.plots.canvas import Canvas, escaped, statistics_text
from h5saver_widget.qt.browser.plots.ticks import number_text, position_text, start_of
from h5saver_widget.qt.plot_style import curve_colours, with_units

__all__ = ["CurveCanvas"]

#: Up to so many points errors are bars and points are marked; more would be one dark area.
_FEW: Final = 400
_STYLES: Final = (
    QtCore.Qt.PenStyle.SolidLine,
    QtCore.Qt.PenStyle.DashLine,
    QtCore.Qt.PenStyle.DotLine,
    QtCore.Qt.PenStyle.DashDotLine,
)


class CurveCanvas(Canvas):
    """Curves."""

    def __init__(self) -> None:
        self._lines: list[pg.PlotDataItem] = []
        self._errors: list[tuple[int, Any]] = []
        self._key: Any = None
        super().__init__()
        self.plot.addLegend(offset=(-8, 8), labelTextSize="9pt")
        self.plot.showGrid(x=True, y=True, alpha=0.15)

    def draw(self, drawing: Curves) -> None:
        """Show curves."""
        x = drawing.axis.values
        key = (
            drawing.axis.label,
            drawing.axis.units,
            drawing.label,
            drawing.units,
            len(x),
            x[:1].tolist(),
            self.is_log,
        )
        fresh = key != self._key or not self._lines
        self._drawn, self._key = drawing, key
        for item in (*self._lines, *(item for _, item in self._errors)):
            self.plot.removeItem(item)
        self.plot.legend.clear()
        self._lines, self._errors = [], []
        for number, curve in enumerate(drawing.curves):
            self._draw_one(number, x, curve, drawing)
        self.plot.legend.setVisible(len(drawing.curves) > 1)
        # one curve has no legend: the axis says what it is
        name = drawing.curves[0].label if len(drawing.curves) == 1 else drawing.label
        self.set_label("left", with_units(name or "value", drawing.units))
        self.set_axis("bottom", drawing.axis)
        self.plot.setLogMode(x=False, y=self.is_log)
        self.paint_colours()
        if fresh:
            self.reset_view()
        if self.region is not None:
            self.region_changed.emit()

    def _draw_one(self, number: int, x: np.ndarray, curve: Curve, drawing: Curves) -> None:
        y = curve.values
        if y.dtype.kind != "f":
            y = y.astype(np.float64)
        few = len(x) <= _FEW
        marks = drawing.as_points or (few and 0 < np.isfinite(y).sum() <= 60)
        line = pg.PlotDataItem(
            x,
            y,
            connect="all" if np.isfinite(y).all() else "finite",
            symbol="o" if marks else None,
            symbolSize=6 if drawing.as_points else 4,
            antialias=few,
        )
        self.plot.addItem(line)
        if len(x) > 5000:  # asks for the plot that it is in
            line.setDownsampling(auto=True, method="peak")
        self.plot.legend.addItem(line, escaped(curve.label))
        self._lines.append(line)
        if curve.errors is not None and not self.is_log:
            errors = curve.errors.astype(np.float64)
            if few:
                top = pg.ErrorBarItem(x=x, y=y, height=2 * errors, beam=_beam(x))
                self.plot.addItem(top)
                self._errors.append((number, top))
            else:
                band = pg.FillBetweenItem(pg.PlotDataItem(x, y - errors), pg.PlotDataItem(x, y + errors))
                self.plot.addItem(band)
                self._errors.append((number, band))

    def paint_colours(self) -> None:
        """Take the colours of the palette; a fifth curve has the first colour and is dashed."""
        super().paint_colours()
        colours = curve_colours(self.palette())
        drawing = self._drawn
        for number, line in enumerate(self._lines):
            colour = colours[number % len(colours)]
            style = _STYLES[number // len(colours) % len(_STYLES)]
            as_points = drawing is not None and drawing.as_points and not _in_a_row(drawing.axis)
            line.setPen(None if as_points else pg.mkPen(colour, width=1, style=style))
            line.setSymbolBrush(colour)
            line.setSymbolPen(None)
        for number, item in self._errors:
            colour = QtGui.QColor(colours[number % len(colours)])
            if isinstance(item, pg.ErrorBarItem):
                item.setData(pen=pg.mkPen(colour, width=1))
            else:
                colour.setAlpha(70)
                item.setBrush(pg.mkBrush(colour))
        legend = self.plot.legend
        if legend is not None:
            text = self.palette().color(QtGui.QPalette.ColorRole.Text)
            behind = self.palette().color(QtGui.QPalette.ColorRole.Base)
            behind.setAlpha(210)  # curves shine through, names stay readable
            legend.setBrush(behind)
            for _, label in legend.items:  # setLabelTextColor forgets to draw what is there already
                label.setText(label.text, color=text, size="9pt")
        if self.region is not None:
            colour = self.palette().color(QtGui.QPalette.ColorRole.Highlight)
            colour.setAlpha(50)
            self.region.setBrush(colour)

    def reset_view(self) -> None:
        """Show all of it that is a number; pyqtgraph's own way leaves out what is far outside of what was seen."""
        x = self._drawn.axis.values
        low, high = _extent(x)
        values = [_extent(part) for curve in self._drawn.curves for part in self._seen(curve)]
        bottom = min((v[0] for v in values if v[1] >= v[0]), default=0.0)
        top = max((v[1] for v in values if v[1] >= v[0]), default=1.0)
        self.plot.vb.disableAutoRange()
        # counted from a number on, as dates are: a part of that number would be years
        margin = 1.0 if start_of(x, self._drawn.axis.units) else None
        self.plot.setRange(xRange=_opened(low, high, margin), yRange=_opened(bottom, top), padding=0.04)

    def _seen(self, curve: Curve) -> list[np.ndarray]:
        values = curve.values.astype(np.float64)
        if self.is_log:
            return [np.log10(values[values > 0])]
        return [values] if curve.errors is None else [values - curve.errors, values + curve.errors]

    # ---------------------------------------------------------------- region
    def make_region(self) -> pg.LinearRegionItem:
        """Return a region over the middle third of what is seen."""
        (low, high), _ = self.plot.viewRange()
        region = pg.LinearRegionItem((low + (high - low) / 3, high - (high - low) / 3))
        region.sigRegionChanged.connect(self.region_changed)
        return region

    def _inside(self) -> np.ndarray:
        low, high = self.region.getRegion()
        x = self._drawn.axis.values
        return (x >= low) & (x <= high)

    def region_slices(self) -> tuple[slice, ...]:
        """Return the points that the region covers."""
        if self._drawn is None:
            return (slice(0, 0),)
        start = self._drawn.window.start
        found = np.flatnonzero(self._inside()) if self.region is not None else np.arange(len(self._drawn.axis.values))
        return (slice(start + int(found[0]), start + int(found[-1]) + 1) if found.size else slice(start, start + 1),)

    def statistics(self) -> str:
        """Return what is known of every curve in the region."""
        if self.region is None or self._drawn is None:
            return ""
        inside, drawn = self._inside(), self._drawn
        return "\n".join(statistics_text(c.label, c.values[inside], drawn.units) for c in drawn.curves[:6])

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
            if position is not None and self._drawn is not None:
                at = min(max(position[0] - self._drawn.window.start, 0), len(self._drawn.axis.values) - 1)
                line.blockSignals(True)
                line.setValue(float(self._drawn.axis.values[at]))
                line.blockSignals(False)

    def _picked_near(self, value: float) -> None:
        found = self.position_at(QtCore.QPointF(value, 0))
        if found is not None:
            self.picked.emit(found)

    def position_at(self, point: QtCore.QPointF) -> tuple[int, ...] | None:
        """Return the point nearest to a place."""
        x = self._drawn.axis.values
        if not np.isfinite(x).any():
            return None
        return (self._drawn.window.start + int(np.nanargmin(np.abs(x - point.x()))),)

    def text_at(self, point: QtCore.QPointF) -> str:
        """Return the point nearest to a place and its values."""
        found = self.position_at(point)
        if found is None:
            return ""
        at = found[0] - self._drawn.window.start
        axis, units = self._drawn.axis, self._drawn.units
        values = [
            f"{curve.label} {number_text(float(curve.values[at]), units)}"
            + (f" ± {curve.errors[at]:.3g}" if curve.errors is not None else "")
            for curve in self._drawn.curves[:4]
        ]
        return f"{axis.label} {position_text(float(axis.values[at]), axis.units)}:  {',  '.join(values)}"


def _beam(x: np.ndarray) -> float:
    """Return how wide the ends of error bars are."""
    return float(np.ptp(x[np.isfinite(x)]) / max(len(x), 1) * 0.3) if np.isfinite(x).any() else 0.0


def _in_a_row(axis: AxisValues) -> bool:
    """Tell whether points follow each other along the axis, as those of a time do."""
    return bool(np.all(np.diff(axis.values) >= 0))


def _extent(values: np.ndarray) -> tuple[float, float]:
    """Return the smallest and the largest number; (1, 0) if there is none."""
    known = values[np.isfinite(values)]
    return (float(known.min()), float(known.max())) if known.size else (1.0, 0.0)


def _opened(low: float, high: float, margin: float | None = None) -> tuple[float, float]:
    """Return a range that has a width: of one value, a bit above and below it.

    >>> _opened(1795296406.9, 1795296407.1), _opened(2.0, 2.0), _opened(1795296406.0, 1795296406.0, 1.0)
    ((1795296406.9, 1795296407.1), (1.9, 2.1), (1795296405.0, 1795296407.0))
    """
    if high < low:
        return 0.0, 1.0
    least = max(abs(low), abs(high)) * 1e-12
    if high - low > least:
        return low, high
    if margin is None:
        margin = abs(low) * 0.05 or 0.5
    return low - margin, high + margin
