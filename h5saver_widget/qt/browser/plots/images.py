"""Images over true axes, and points of a plane; a bar says which colour is which value.

Axes that are not uniform are drawn as they are: every value covers the area that is nearer to it than to any other.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyqtgraph as pg
from pyqtgraph.Qt import QtCore, QtGui

from h5saver_widget.browsing.drawings import AxisValues, Picture, Points
from h5saver_widget.qt.browser.plots.canvas import Canvas, statistics_text
from h5saver_widget.qt.browser.plots.ticks import number_text, position_text
from h5saver_widget.qt.plot_style import with_units

__all__ = ["Grid", "ImageCanvas", "PointCanvas", "grid_of"]

#: Points of a side of the uniform grid that an image over axes that are not uniform is drawn with.
_FINEST: Final = 2048
_MAP: Final = "viridis"
_MARK: Final = "#ff5a36"


class Grid:
    """Where the points of an axis lie: their order, the middles between them, and a uniform grid to draw on.

    Attributes
    ----------
    middles
        Where the points lie, ascending.
    edges
        Where the area of each point ends, ascending; one more than points.
    order
        Which point each area belongs to.
    drawn
        Which point is drawn at each place of the uniform grid.
    is_true
        False if the axis can't be used (not a number, all equal): points are counted then.
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


def grid_of(axis: AxisValues) -> Grid:
    """Return the grid of an axis.

    >>> grid_of(AxisValues('x', 'mm', np.array([0.0, 1.0, 4.0]))).edges.tolist()
    [-0.5, 0.5, 2.5, 5.5]
    """
    return Grid(axis.values)


class _ColourCanvas(Canvas):
    """What images and points have in common: the bar."""

    def __init__(self) -> None:
        self.bar: Any = None
        self._levels = (0.0, 1.0)
        super().__init__()
        self.bar = pg.ColorBarItem(colorMap=pg.colormap.get(_MAP), interactive=False, width=12)
        self.bar.axis.setWidth(62)  # five figures and the label; pyqtgraph leaves out figures that do not fit
        self.addItem(self.bar, row=0, col=1)
        self.paint_colours()

    def _show_levels(self, values: np.ndarray, label: str, units: str) -> None:
        known = values if values.dtype.kind != "f" else values[np.isfinite(values)]
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
        if low == high:
            high = low + (abs(low) or 1.0) * 1e-6 + 1e-30
        self._levels = (low, high)
        self.bar.axis.setLogMode(y=self.is_log)
        self.bar.setLevels((low, high))
        self._label_axis(self.bar.getAxis("left"), with_units(label, units))  # where pyqtgraph labels a bar

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        if not self.is_log:
            return values
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(values > 0, np.log10(values.astype(np.float64)), np.nan)

    def paint_colours(self) -> None:
        """Take the colours of the palette."""
        super().paint_colours()
        if self.bar is not None:
            text = self.palette().color(QtGui.QPalette.ColorRole.Text)
            self.bar.axis.setPen(pg.mkPen(text))
            self.bar.axis.setTextPen(text)
        if self.region is not None:
            self.region.setPen(pg.mkPen("#ffffff", width=2))
        for line in self.cross:  # seen on every colour of the map
            line.setPen(pg.mkPen(_MARK, width=1.5))


class ImageCanvas(_ColourCanvas):
    """An image."""

    def __init__(self) -> None:
        self._grids: tuple[Grid, Grid] | None = None
        self._key: Any = None
        super().__init__()
        # axisOrder and no autoDownsample: it would make means of what are counts
        self.image = pg.ImageItem(axisOrder="row-major")
        self.plot.addItem(self.image)
        self.plot.setDefaultPadding(0)
        self.bar.setImageItem(self.image)

    def draw(self, drawing: Picture) -> None:
        """Show an image."""
        rows, columns = drawing.rows, drawing.columns
        key = tuple(
            (a.label, a.units, len(a.values), a.values[:1].tolist(), a.values[-1:].tolist()) for a in (rows, columns)
        )
        fresh = key != self._key
        if fresh or self._grids is None:
            self._grids = grid_of(rows), grid_of(columns)
        self._drawn, self._key = drawing, key
        y, x = self._grids
        values = self._scaled(drawing.values)
        self._show_levels(values, drawing.label, drawing.units)
        self.image.setImage(
            values[np.ix_(y.drawn, x.drawn)] if not _plain(y, x) else values,
            autoLevels=False,
            levels=self._levels,
            rect=QtCore.QRectF(x.start, y.start, x.span, y.span),
        )
        alike = rows.units == columns.units and 0.1 < y.span / x.span < 10
        self.plot.setAspectLocked(alike)
        # cameras count rows from the top
        self.plot.invertY(alike and (rows.is_counted or rows.units in ("", "px", "pixel", "pixels")))
        for side, axis, grid in (("left", rows, y), ("bottom", columns, x)):
            if grid.is_true:
                self.set_axis(side, axis)
            else:
                self.plot.getAxis(side).set_offset(0.0)
                self.set_label(side, f"{with_units(axis.label, axis.units)}, points counted")
        if fresh:
            self.reset_view()
        if self.region is not None:
            self.region_changed.emit()

    # ---------------------------------------------------------------- region
    def make_region(self) -> pg.RectROI:
        """Return a rectangle over the middle of the image."""
        assert self._grids is not None
        y, x = self._grids
        region = pg.RectROI((x.start + x.span / 3, y.start + y.span / 3), (x.span / 3, y.span / 3))
        region.sigRegionChanged.connect(self.region_changed)
        return region

    def region_slices(self) -> tuple[slice, ...]:
        """Return the rows and columns that the region covers."""
        if self._drawn is None or self._grids is None:
            return slice(0, 0), slice(0, 0)
        windows = (self._drawn.row_window, self._drawn.column_window)
        if self.region is None:
            return tuple(slice(w.start, w.stop) for w in windows)
        at, size = self.region.pos(), self.region.size()
        bounds = ((at.y(), at.y() + size.y()), (at.x(), at.x() + size.x()))
        found = [grid.between(min(b), max(b)) for grid, b in zip(self._grids, bounds, strict=True)]
        return tuple(
            slice(w.start + int(f[0]), w.start + int(f[-1]) + 1) if f.size else slice(w.start, w.start)
            for f, w in zip(found, windows, strict=True)
        )

    def statistics(self) -> str:
        """Return what is known of the values in the rectangle."""
        if self.region is None or self._drawn is None:
            return ""
        rows, columns = self.region_slices()
        top, left = self._drawn.row_window.start, self._drawn.column_window.start
        part = self._drawn.values[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        return statistics_text(self._drawn.label, part, self._drawn.units)

    # ------------------------------------------------------------- positions
    def set_cross(self, position: tuple[int, ...] | None) -> None:
        """Show a cross at a pixel."""
        if position is not None and not self.cross and self._grids is not None:
            self.cross = [pg.InfiniteLine(angle=0, movable=True), pg.InfiniteLine(angle=90, movable=True)]
            for line in self.cross:
                line.sigDragged.connect(self._cross_dragged)
                self.plot.addItem(line, ignoreBounds=True)
            self.paint_colours()
        for line, index, grid in zip(self.cross, position or (0, 0), self._grids or (), strict=False):
            line.setVisible(position is not None)
            if position is not None and index < len(grid.order):
                line.blockSignals(True)
                line.setValue(grid.place(index))
                line.blockSignals(False)

    def _cross_dragged(self, *_: Any) -> None:
        found = self.position_at(QtCore.QPointF(self.cross[1].value(), self.cross[0].value()))
        if found is not None:
            self.picked.emit(found)

    def position_at(self, point: QtCore.QPointF) -> tuple[int, ...] | None:
        """Return row and column at a place."""
        if self._grids is None:
            return None
        row, column = self._grids[0].at(point.y()), self._grids[1].at(point.x())
        if row is None or column is None:
            return None
        return self._drawn.row_window.start + row, self._drawn.column_window.start + column

    def text_at(self, point: QtCore.QPointF) -> str:
        """Return position and value at a place."""
        found = self.position_at(point)
        if found is None:
            return ""
        row, column = found[0] - self._drawn.row_window.start, found[1] - self._drawn.column_window.start
        x, y = self._drawn.columns, self._drawn.rows
        value = float(self._drawn.values[row, column])
        return (
            f"{x.label} {position_text(float(x.values[column]), x.units)},  "
            f"{y.label} {position_text(float(y.values[row]), y.units)}:  {number_text(value, self._drawn.units)}"
        )


class PointCanvas(_ColourCanvas):
    """Values at points of a plane."""

    def __init__(self) -> None:
        super().__init__()
        self.points = pg.ScatterPlotItem(size=9, pen=None)
        self.plot.addItem(self.points)

    def draw(self, drawing: Points) -> None:
        """Show points."""
        fresh = self._drawn is None or len(self._drawn.values) != len(drawing.values)
        self._drawn = drawing
        values = self._scaled(drawing.values.astype(np.float64))
        self._show_levels(values, drawing.label, drawing.units)
        low, high = self._levels
        known = np.isfinite(values) & np.isfinite(drawing.x.values) & np.isfinite(drawing.y.values)
        colours = pg.colormap.get(_MAP).map((values[known] - low) / (high - low), mode="qcolor")
        self.points.setData(
            drawing.x.values[known], drawing.y.values[known], brush=[pg.mkBrush(colour) for colour in colours]
        )
        self.set_axis("left", drawing.y)
        self.set_axis("bottom", drawing.x)
        if fresh:
            self.reset_view()

    def set_region(self, on: bool) -> None:
        """Do nothing: points that are spread have no region."""

    def region_slices(self) -> tuple[slice, ...]:
        """Return all points."""
        return (slice(0, len(self._drawn.values) if self._drawn is not None else 0),)

    def set_cross(self, position: tuple[int, ...] | None) -> None:
        """Show a ring round a point."""
        if not self.cross and position is not None:
            ring = pg.ScatterPlotItem(size=15, brush=None)
            self.cross = [ring]
            self.plot.addItem(ring, ignoreBounds=True)
            self.paint_colours()
        for ring in self.cross:
            ring.setVisible(position is not None)
            if position is not None and self._drawn is not None and position[0] < len(self._drawn.values):
                ring.setData([self._drawn.x.values[position[0]]], [self._drawn.y.values[position[0]]])

    def position_at(self, point: QtCore.QPointF) -> tuple[int, ...] | None:
        """Return the point nearest to a place on the screen."""
        size = self.plot.vb.viewPixelSize()
        away = np.hypot(
            (self._drawn.x.values - point.x()) / (size[0] or 1), (self._drawn.y.values - point.y()) / (size[1] or 1)
        )
        return (int(np.nanargmin(away)),) if np.isfinite(away).any() else None

    def text_at(self, point: QtCore.QPointF) -> str:
        """Return the point nearest to a place and its value."""
        found = self.position_at(point)
        if found is None:
            return ""
        x, y = self._drawn.x, self._drawn.y
        value = number_text(float(self._drawn.values[found[0]]), self._drawn.units)
        return (
            f"{x.label} {position_text(float(x.values[found[0]]), x.units)},  "
            f"{y.label} {position_text(float(y.values[found[0]]), y.units)}:  {value}"
        )


def _plain(y: Grid, x: Grid) -> bool:
    """Tell whether an image can be drawn as it is."""
    return all(len(g.drawn) == len(g.order) and bool(np.all(g.drawn == np.arange(len(g.order)))) for g in (y, x))
