"""Images over true axes, and points of a plane; a bar says which colour is which value.

Axes that are not uniform are drawn as they are: every value covers the area that is nearer to it than to any other.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyqtgraph as pg
from pyqtgraph.Qt import QtCore, QtGui

from h5saver_widget.browsing.drawings import Picture, Points
from h5saver_widget.browsing.pieces import statistics_of
from h5saver_widget.qt.browser.making import unheard
from h5saver_widget.qt.browser.plots.canvas import Canvas
from h5saver_widget.qt.browser.plots.grid import Grid
from h5saver_widget.qt.browser.plots.ticks import axis_text, position_text
from h5saver_widget.qt.browser.plots.values import known_range, missing_text, offset_of, round_ends, statistics_text
from h5saver_widget.qt.numbers import number_text
from h5saver_widget.qt.plot_style import shifted, with_units

__all__ = ["COLOUR_MAP", "ImageCanvas", "PointCanvas"]

COLOUR_MAP: Final = "viridis"
"""Until somebody chooses another."""

_MARK: Final = "#ff5a36"
#: In pixels: where there is less, the bar has no histogram.
_WIDE: Final = 360


class _ColourCanvas(Canvas):
    """The common base of images and points: the bar with the histogram, in which colours and levels are chosen."""

    def __init__(self) -> None:
        self.bar: Any = None
        #: The user's levels for these data; None for all values.
        self._levels: tuple[float, float] | None = None
        self._extremes = (0.0, 1.0)
        self._offset = 0
        super().__init__()
        self.bar = pg.HistogramLUTItem()
        self._show_bar()
        self.set_colour_map(pg.colormap.get(COLOUR_MAP))
        self.bar.gradient.showTicks(False)
        self.bar.sigLevelsChanged.connect(self._levels_moved)
        self.bar.vb.setMenuEnabled(False)
        self.bar.vb.setMouseEnabled(x=False, y=False)  # a wheel over it would move what it measures
        self.addItem(self.bar, row=0, col=1)
        self.paint_colours()

    def _show_bar(self) -> None:
        """Leave the histogram out where there is no room for it."""
        wide = self.width() > _WIDE
        self.bar.vb.setMinimumWidth(34 if wide else 0)
        self.bar.vb.setMaximumWidth(34 if wide else 0)

    @property
    def levels(self) -> tuple[float, float]:
        """The values of the first and the last colour."""
        return self._levels or (round_ends(*self._extremes) if self.steady else self._extremes)

    def set_levels(self, levels: tuple[float, float] | None) -> None:
        """Set the values of the first and the last colour; None for the smallest and the largest of all."""
        self._levels = levels
        low, high = self.levels
        with unheard(self.bar):
            self.bar.setLevels(low, high)
        self.show_levels()
        room = (max(high, self._extremes[1]) - min(low, self._extremes[0])) * 0.02
        self.bar.setHistogramRange(min(low, self._extremes[0]) - room, max(high, self._extremes[1]) + room, padding=0)

    def _levels_moved(self) -> None:
        found = tuple(self.bar.getLevels())
        if found != self.levels:  # else it follows the picture
            self._levels = found
            self.show_levels()

    def show_levels(self) -> None:
        """Draw with the levels that are set."""

    def set_colour_map(self, colours: pg.ColorMap) -> None:
        """Draw in other colours."""
        self.bar.gradient.setColorMap(colours)
        self.bar.gradient.showTicks(False)

    def forget_choices(self) -> None:
        """Forget the levels of another thing."""
        self._levels = None

    def plot_log(self) -> tuple[bool, bool]:
        """Return that the axes are never logarithmic: values are colours."""
        return False, False

    def _take(self, values: np.ndarray, label: str, units: str) -> np.ndarray:
        """Take values as they are coloured, with their label and the missing ones."""
        self._offset = 0 if self.log[1] else offset_of([values])
        scaled = shifted(values, self._offset) if self._offset else values
        if scaled.dtype.kind == "f":  # pyqtgraph counts a histogram of infinite values
            scaled = np.where(np.isfinite(scaled), scaled, np.nan)
        if self.log[1]:
            with np.errstate(divide="ignore", invalid="ignore"):
                scaled = np.where(scaled > 0, np.log10(scaled.astype(np.float64)), np.nan)
        low, high = known_range(scaled)
        if low >= high:  # nothing, or all the same: the bar has numbers all the same
            low, high = (0.0, 1.0) if low > high else (low - (abs(low) * 0.05 or 0.5), high + (abs(high) * 0.05 or 0.5))
        self.set_note(missing_text([values], self.log[1], units))
        self._extremes = (low, high)
        self.bar.axis.setLogMode(y=self.log[1])
        self._label_axis(self.bar.axis, axis_text(label, units, self._offset))
        return scaled

    def paint_colours(self) -> None:
        """Take the colours of the palette."""
        super().paint_colours()
        palette = self.palette()
        if self.bar is not None:
            text = palette.color(QtGui.QPalette.ColorRole.Text)
            self.bar.axis.setPen(pg.mkPen(text))
            self.bar.axis.setTextPen(text)
            self.bar.plot.setPen(None)
            shade = QtGui.QColor(text)
            shade.setAlpha(90)
            self.bar.plot.setBrush(shade)
            mark = palette.color(QtGui.QPalette.ColorRole.Highlight)
            mark.setAlpha(40)
            self.bar.region.setBrush(mark)
            for line in self.bar.region.lines:
                line.setPen(pg.mkPen(text))
        if self.region is not None:
            self.region.setPen(pg.mkPen("#ffffff", width=2))
        for line in self.cross:  # seen on every colour of the map
            line.setPen(pg.mkPen(_MARK, width=1.5))

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """Leave the histogram out where there is no room for it."""
        super().resizeEvent(event)
        if self.__dict__.get("bar") is not None:
            self._show_bar()


class ImageCanvas(_ColourCanvas):
    """An image."""

    def __init__(self) -> None:
        self._grids: tuple[Grid, Grid] | None = None
        self._axes_key: Any = None
        self._same_scale: bool | None = None
        super().__init__()
        # axisOrder and no autoDownsample: it would make means of what are counts
        self.image = pg.ImageItem(axisOrder="row-major")
        self.plot.addItem(self.image)
        self.bar.setImageItem(self.image)

    @property
    def same_scale(self) -> bool:
        """Whether a step along one axis is as long as along the other, or the plot is filled."""
        if self._same_scale is not None or self._drawn is None or self._grids is None:
            return bool(self._same_scale)
        y, x = self._grids
        alike = self._drawn.rows.units == self._drawn.columns.units and 1 / 3 < y.span / x.span < 3
        return alike and (not self.steady or self._is_of_pixels())  # a map that is being made wants all the room

    def _is_of_pixels(self) -> bool:
        axes = (self._drawn.rows, self._drawn.columns)
        return all(axis.is_counted or axis.units in ("", "px", "pixel", "pixels") for axis in axes)

    def set_same_scale(self, on: bool) -> None:
        """Draw both axes on the same scale, or fill the plot."""
        self._same_scale, self._fitted = on, None
        if self._drawn is not None:
            self.draw(self._drawn, self._thing)

    def forget_choices(self) -> None:
        """Forget the levels and the scale of another thing."""
        self._levels = self._same_scale = None

    def show_drawing(self, drawing: Picture) -> None:
        """Show an image."""
        rows, columns = drawing.rows, drawing.columns
        key = tuple((len(a.values), a.values[:1].tolist(), a.values[-1:].tolist()) for a in (rows, columns))
        if key != self._axes_key or self._grids is None:
            self._grids, self._axes_key = (Grid(rows.values), Grid(columns.values)), key
        y, x = self._grids
        in_colours = drawing.values.ndim == 3
        values = drawing.values if in_colours else self._take(drawing.values, drawing.label, drawing.units)
        if in_colours:
            self.set_note("")
            self._extremes = (0.0, float(np.iinfo(values.dtype).max))
        self.bar.setVisible(not in_colours)
        self.bar.setMaximumWidth(0 if in_colours else 16777215)
        there = in_colours or bool(np.isfinite(values).any())
        values = values if there else np.zeros(values.shape)  # pyqtgraph counts a histogram of them
        self.image.setVisible(there)
        self.image.setImage(
            values[np.ix_(y.drawn, x.drawn)] if not _plain(y, x) else values,
            autoLevels=False,
            levels=self.levels,
            rect=QtCore.QRectF(x.start, y.start, x.span, y.span),
        )
        self.set_levels(self._levels)
        self.plot.setAspectLocked(self.same_scale)
        # cameras count rows from the top
        self.plot.invertY(self._is_of_pixels())
        for side, axis, grid in (("left", rows, y), ("bottom", columns, x)):
            if grid.is_true:
                self.set_axis(side, axis)
            else:
                self.plot.getAxis(side).set_offset(0.0)
                self.set_label(side, f"{with_units(axis.label, axis.units)}, points counted")

    def show_levels(self) -> None:
        """Draw with the levels that are set."""
        self.image.setLevels(self.levels)

    def bounds(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return where the image lies."""
        assert self._grids is not None
        y, x = self._grids
        return (x.start, x.start + x.span), (y.start, y.start + y.span)

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
        """Return statistics of the values in the rectangle."""
        if self.region is None or self._drawn is None:
            return ""
        rows, columns = self.region_slices()
        top, left = self._drawn.row_window.start, self._drawn.column_window.start
        part = self._drawn.values[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        return statistics_text(self._drawn.label, statistics_of([part]), self._drawn.units)

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
                with unheard(line):
                    line.setValue(grid.place(index))

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
        found_values = np.atleast_1d(self._drawn.values[row, column]).tolist()
        names = ("red ", "green ", "blue ", "opacity ") if len(found_values) > 1 else ("",)
        texts = (f"{name}{number_text(v, self._drawn.units)}" for name, v in zip(names, found_values, strict=False))
        return (
            f"{x.label} {position_text(float(x.values[column]), x.units)},  "
            f"{y.label} {position_text(float(y.values[row]), y.units)}:  {', '.join(texts)}"
        )


class PointCanvas(_ColourCanvas):
    """Values at points of a plane."""

    def __init__(self) -> None:
        self._scaled = np.zeros(0)
        self.points: Any = None
        super().__init__()
        self.bar.sigLookupTableChanged.connect(lambda *_: self.show_levels())
        self.points = pg.ScatterPlotItem(size=9, pen=None)
        self.plot.addItem(self.points)

    def show_drawing(self, drawing: Points) -> None:
        """Show points."""
        self._scaled = self._take(drawing.values.astype(np.float64), drawing.label, drawing.units)
        known = self._scaled[np.isfinite(self._scaled)]
        counts, edges = np.histogram(known, bins=min(100, max(1, known.size)))
        self.bar.plot.setData((edges[1:] + edges[:-1]) / 2, counts)
        self.set_levels(self._levels)
        self.set_axis("left", drawing.y)
        self.set_axis("bottom", drawing.x)

    def show_levels(self) -> None:
        """Colour the points with the levels that are set."""
        if self._drawn is None or self.points is None:
            return
        x, y, (low, high) = self._drawn.x.values, self._drawn.y.values, self.levels
        known = np.isfinite(self._scaled) & np.isfinite(x) & np.isfinite(y)
        part = (self._scaled[known] - low) / ((high - low) or 1.0)
        colours = self.bar.gradient.colorMap().map(part, mode="qcolor")
        self.points.setData(x[known], y[known], brush=[pg.mkBrush(colour) for colour in colours])

    def bounds(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return where the points lie, with some room."""
        ranges = [known_range(axis.values) for axis in (self._drawn.x, self._drawn.y)]
        rooms = [(high - low) * 0.04 or abs(low) * 0.05 or 0.5 for low, high in ranges]
        x, y = (
            (low - r, high + r) if low <= high else (0.0, 1.0) for (low, high), r in zip(ranges, rooms, strict=True)
        )
        return x, y

    def paint_colours(self) -> None:
        """Take the colours of the palette; a point of any colour is seen on its background."""
        super().paint_colours()
        if self.__dict__.get("points") is not None:
            self.points.setPen(pg.mkPen(self.palette().color(QtGui.QPalette.ColorRole.Text), width=0.5))

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
