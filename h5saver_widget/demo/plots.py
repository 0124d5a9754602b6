"""Live plots for data of 0, 1 and 2 dimensions, in the colours of the host's palette.

`add` takes a frame and is cheap, so that every frame can be handed over; `redraw` draws the last one, as often as eyes
need it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyqtgraph as pg
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.demo.regions import Regions
from h5saver_widget.qt.plot_style import LocalTicks, curve_colours, paint_axes, with_units

if TYPE_CHECKING:
    from h5saver_widget.data import DataToExport, DataWithAxes

__all__ = [
    "CurvePlot",
    "Hint",
    "HistogramPlot",
    "HistoryPlot",
    "ImagePlot",
    "LivePlot",
    "curve_colours",
    "plot_for",
    "with_units",
]


def plot_for(dim: str, histogram: bool = False) -> LivePlot:
    """Return an empty plot for data of ``"Data0D"``, ``"Data1D"`` or ``"Data2D"``; 1D data may be a histogram."""
    kinds: dict[str, type[LivePlot]] = {"Data0D": HistoryPlot, "Data1D": CurvePlot, "Data2D": ImagePlot}
    return HistogramPlot() if histogram else kinds[dim]()


class LivePlot(pg.GraphicsLayoutWidget):
    """A plot that follows the palette and keeps its last frame until it is drawn.

    Attributes
    ----------
    roi_manager
        The regions of interest; None where there can be none.
    """

    _region_dim = 0

    def __init__(self) -> None:
        """Make an empty plot."""
        super().__init__()
        self.background: DataToExport | None = None
        """Subtracted from what is shown, never from what is saved."""
        self._plots: list[pg.PlotItem] = []
        self._latest: DataToExport | None = None
        self._fresh = False
        self._thing: Any = None
        self.roi_manager = Regions(self._region_dim) if self._region_dim else None
        self.ci.setContentsMargins(6, 6, 10, 4)
        self._paint_colours()

    def add(self, data: DataToExport) -> None:
        """Take a frame; it is shown by the next :meth:`redraw`."""
        self._latest, self._fresh = data, True

    def clear_frames(self) -> None:
        """Forget all frames."""
        self._latest, self._fresh = None, False

    def add_region(self) -> str:
        """Put a region of interest into the plot, which must have been drawn; return its name."""
        assert self.roi_manager is not None
        return self.roi_manager.add(self._plots[0], self._extent(), self.palette())

    def redraw(self, force: bool = False) -> bool:
        """Draw the last frame, if it is new; return whether something was drawn."""
        if self._latest is None or not (self._fresh or force):
            return False
        shown = [dwa for dwa in self._latest if dwa.source.name == "raw"]
        if not self._plots:
            self._build(shown)
            self._paint_colours()
        self._draw(shown)
        self._fresh = False
        thing = [(dwa.name, dwa.units, *_ends(dwa)) for dwa in shown]
        if thing != self._thing:  # of another thing all is seen; else a zoom stays
            self._thing = thing
            self.fit()
        for plot in self._plots:  # now: while the axes are painted, their numbers would lag behind their grid
            plot.vb.updateAutoRange()
        return True

    def fit(self) -> None:
        """Show all of it, now and as it changes, until somebody zooms."""
        for plot in self._plots:
            plot.enableAutoRange()

    def mouseDoubleClickEvent(self, event: QtGui.QMouseEvent) -> None:
        """Show all of it."""
        super().mouseDoubleClickEvent(event)
        self.fit()

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        """Home shows all of it."""
        if event.key() == QtCore.Qt.Key.Key_Home:
            self.fit()
        else:
            super().keyPressEvent(event)

    def changeEvent(self, event: QtCore.QEvent) -> None:
        """Take the new colours when the host changes between light and dark."""
        super().changeEvent(event)
        if event.type() == QtCore.QEvent.Type.PaletteChange and hasattr(self, "_plots"):
            self._paint_colours()

    def _build(self, data: list[DataWithAxes]) -> None:
        """Make the plot items for data like these."""
        raise NotImplementedError

    def _draw(self, data: list[DataWithAxes]) -> None:
        """Show these data."""
        raise NotImplementedError

    def _paint_colours(self) -> None:
        palette = self.palette()
        self.setBackground(palette.color(QtGui.QPalette.ColorRole.Base))
        if self.roi_manager is not None:
            self.roi_manager.paint(palette)
        text = palette.color(QtGui.QPalette.ColorRole.Text)
        for plot in self._plots:
            paint_axes(plot, text)
            plot.showGrid(x=True, y=True, alpha=0.15)
            for curve, colour in zip(plot.listDataItems(), curve_colours(palette), strict=False):
                curve.setPen(pg.mkPen(colour, width=2 if self._few_points() else 1))
            if plot.legend is not None:
                for _, label in plot.legend.items:  # setLabelTextColor forgets to draw what is there already
                    label.setText(label.text, color=text, size=f"{self.font().pointSizeF():g}pt")
                smallest = plot.legend.layout.effectiveSizeHint(QtCore.Qt.SizeHint.MinimumSize)
                plot.legend.setMaximumSize(smallest)
                self.ci.layout.invalidate()  # to fill a legend puts it into the corner

    def _extent(self) -> QtCore.QRectF:
        """Return the extent of the first plot, in units of its axes."""
        (left, right), (low, high) = self._plots[0].vb.viewRange()
        return QtCore.QRectF(left, low, right - left, high - low)

    def _few_points(self) -> bool:
        """Tell whether thick lines are affordable: Qt draws lines wider than 1 pixel ten times slower."""
        return False

    def _subtracted(self, dwa: DataWithAxes) -> list[np.ndarray]:
        """Return the channels less the background of the same name, as floats if there is one."""
        background = self.background.get_data_from_name(dwa.name) if self.background is not None else None
        if background is None or background.shape != dwa.shape:
            return list(dwa.data)
        return [channel - dark.astype(float) for channel, dark in zip(dwa.data, background.data, strict=False)]

    def _add_plot(self, row: int, left: str, bottom: str) -> pg.PlotItem:
        ticks = {side: LocalTicks(side) for side in ("left", "bottom")}
        plot = self.addPlot(row=2 * row + 1, col=0, axisItems=ticks)
        plot.setLabel("left", left)
        plot.setLabel("bottom", bottom)
        # "kMB/s" and "mms" are what SI prefixes make of units like ours.
        plot.getAxis("left").enableAutoSIPrefix(False)
        plot.getAxis("bottom").enableAutoSIPrefix(False)
        plot.hideButtons()
        self._plots.append(plot)
        return plot

    def _add_legend(self, plot: pg.PlotItem, row: int) -> None:
        """Name the curves above a plot, where no data are."""
        plot.legend = pg.LegendItem(frame=False, colCount=5)
        self.addItem(plot.legend, row=2 * row, col=0)
        self.ci.layout.setAlignment(plot.legend, QtCore.Qt.AlignmentFlag.AlignCenter)


class HistoryPlot(LivePlot):
    """Numbers over the last minute, one plot for each unit, newest at the right.

    Attributes
    ----------
    seconds
        How far back the curves go.
    """

    seconds = 60.0

    def __init__(self) -> None:
        """Make an empty plot."""
        super().__init__()
        self._span = -10.0
        self._history: deque[tuple[float, list[list[float]]]] = deque(maxlen=6000)

    def add(self, data: DataToExport) -> None:
        """Remember the values of a frame."""
        super().add(data)
        self._history.append((data.timestamp, [[float(channel.flat[0]) for channel in dwa.data] for dwa in data]))
        while data.timestamp - self._history[0][0] > self.seconds:
            self._history.popleft()

    def clear_frames(self) -> None:
        """Forget all frames."""
        super().clear_frames()
        self._history.clear()

    def _few_points(self) -> bool:
        return True

    def _build(self, data: list[DataWithAxes]) -> None:
        for row, dwa in enumerate(data):
            last = row == len(data) - 1
            plot = self._add_plot(row, with_units(dwa.name, dwa.units), "time before now (s)" if last else "")
            self._add_legend(plot, row)
            plot.setMouseEnabled(x=False, y=False)
            if dwa.units == "%":
                plot.setYRange(0, 100, padding=0.03)
            else:
                plot.setLimits(yMin=0)
            for label in dwa.labels:
                plot.plot(name=label, antialias=True)
            if self._plots[0] is not plot:
                plot.setXLink(self._plots[0])
            letter = self.fontMetrics()  # as wide for all: the times are below each other
            plot.getAxis("left").setWidth(letter.horizontalAdvance("0000") + letter.height() + 12)

    def _draw(self, data: list[DataWithAxes]) -> None:
        times = np.array([when for when, _ in self._history])
        times -= times[-1]
        for number, plot in enumerate(self._plots):
            values = np.array([frame[number] for _, frame in self._history])
            for channel, curve in enumerate(plot.listDataItems()):
                curve.setData(times, values[:, channel])
        self._span = -min(self.seconds, max(10.0, -times[0]))
        self.fit()

    def fit(self) -> None:
        """Grow with the curves: a minute's width for the first second would show nothing."""
        self._plots[0].setXRange(self._span, 0, padding=0.01)


class CurvePlot(LivePlot):
    """Curves over the signal axis of 1D data."""

    _region_dim = 1
    _style: ClassVar[dict[str, Any]] = {}

    def _build(self, data: list[DataWithAxes]) -> None:
        dwa = data[0]
        axis = dwa.get_axis_from_index(0)[0]
        bottom = with_units(axis.label, axis.units) if axis is not None else "point"
        # One channel needs no legend: the axis has its name.
        plot = self._add_plot(0, with_units(dwa.name, dwa.units), bottom)
        if len(dwa.labels) > 1:
            self._add_legend(plot, 0)
        for label in dwa.labels:
            plot.plot(name=label, antialias=True, **self._style)
        plot.setDefaultPadding(0.02)

    def _draw(self, data: list[DataWithAxes]) -> None:
        dwa = data[0]
        axis = dwa.get_axis_from_index(0)[0]
        values = axis.get_data() if axis is not None else np.arange(dwa.shape[0])
        for channel, curve in zip(self._subtracted(dwa), self._plots[0].listDataItems(), strict=False):
            curve.setData(values, channel)


class HistogramPlot(CurvePlot):
    """Steps over the bins of 1D data whose axis holds the centres of equal bins."""

    _style: ClassVar[dict[str, Any]] = {"stepMode": "center", "fillLevel": 0}

    def _draw(self, data: list[DataWithAxes]) -> None:
        dwa = data[0]
        centres = dwa.axes[0].get_data()
        half = (centres[1] - centres[0]) / 2
        edges = np.append(centres - half, centres[-1] + half)
        for channel, curve in zip(self._subtracted(dwa), self._plots[0].listDataItems(), strict=False):
            curve.setData(edges, channel)

    def _paint_colours(self) -> None:
        super()._paint_colours()
        for plot in self._plots:
            for curve, colour in zip(plot.listDataItems(), curve_colours(self.palette()), strict=False):
                curve.setFillBrush(pg.mkBrush(colour + "60"))


class ImagePlot(LivePlot):
    """An image over its two axes, with a bar that says which colour is which value."""

    _region_dim = 2

    def _build(self, data: list[DataWithAxes]) -> None:
        dwa = data[0]
        self._axes = [dwa.get_axis_from_index(index)[0] for index in (0, 1)]
        left, bottom = (
            with_units(axis.label, axis.units) if axis is not None else name
            for axis, name in zip(self._axes, ("row", "column"), strict=True)
        )
        plot = self._add_plot(0, left, bottom)
        plot.invertY(True)
        plot.setAspectLocked(True)
        # Ticks outside, so that they do not lie on the picture; no margin around it.
        plot.setDefaultPadding(0)
        self._image = pg.ImageItem(axisOrder="row-major")
        plot.addItem(self._image)
        self._bar = pg.ColorBarItem(
            colorMap=pg.colormap.get("CET-L1" if dwa.dtype == np.uint8 else "viridis"),
            label=with_units(dwa.labels[0], dwa.units),
            interactive=False,
            width=14,
        )
        self._bar.setImageItem(self._image)
        # five figures and the label; pyqtgraph leaves out figures that do not fit
        letter = self.fontMetrics()
        self._bar.axis.setWidth(letter.horizontalAdvance("00000") + letter.height() + 12)
        self.addItem(self._bar, row=1, col=1)

    def _draw(self, data: list[DataWithAxes]) -> None:
        dwa = data[0]
        image = self._subtracted(dwa)[0]
        self._image.setImage(image, autoLevels=False, rect=_rectangle(self._axes, dwa.shape))
        self._bar.setLevels(_levels(image))

    def _extent(self) -> QtCore.QRectF:
        return self._image.mapRectToParent(self._image.boundingRect())

    def _paint_colours(self) -> None:
        super()._paint_colours()
        if self._plots:
            text = self.palette().color(QtGui.QPalette.ColorRole.Text)
            self._bar.axis.setPen(pg.mkPen(text))
            self._bar.axis.setTextPen(text)
            side = self._bar.getAxis("left")  # where pyqtgraph puts the label of a bar
            side.setLabel(side.labelText, color=text.name())
            self._plots[0].showGrid(x=False, y=False)


def _ends(dwa: DataWithAxes) -> tuple[Any, ...]:
    """Return the properties that tell the axes of data from others: labels, units, sizes and ends."""
    ends: list[Any] = [dwa.shape]
    for axis in dwa.axes:
        values = axis.get_data()
        ends += [axis.label, axis.units, *values[:1].tolist(), *values[-1:].tolist()]
    return tuple(ends)


def _rectangle(axes: list[Any], shape: tuple[int, ...]) -> QtCore.QRectF:
    """Return where an image lies, so that the middle of a pixel is at its value on the axis."""
    (y, height), (x, width) = (
        (axis.offset - axis.scaling / 2, axis.scaling * size)
        if axis is not None and axis.scaling
        else (-0.5, float(size))
        for axis, size in zip(axes, shape, strict=True)
    )
    return QtCore.QRectF(x, y, width, height)


def _levels(image: np.ndarray) -> tuple[float, float]:
    """Return the values of the darkest and brightest colour: the range of 8 bits, else that of the data, in steps."""
    if image.dtype == np.uint8:
        return 0.0, 255.0
    known = image[np.isfinite(image)] if image.dtype.kind == "f" else image
    if not known.size:
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    step = 10.0 ** np.floor(np.log10(max(high - low, 1e-12)))  # the bar must not flicker with the noise
    step = step / 2 if (high - low) / step < 2 else step
    return float(np.floor(low / step) * step), float(np.ceil(high / step) * step)


class Hint(QtWidgets.QLabel):
    """A sentence in the place of a plot that is still empty."""

    def __init__(self, text: str) -> None:
        """Show a sentence, centred and wrapped."""
        super().__init__(text)
        self.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        self.setWordWrap(True)
        self.setMargin(24)
        self.setTextFormat(QtCore.Qt.TextFormat.RichText)
        self.setBackgroundRole(QtGui.QPalette.ColorRole.Base)
        self.setAutoFillBackground(True)
