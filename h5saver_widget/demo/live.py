"""Live plots of the last frames, on the canvases of the browser: `add` is cheap, `redraw` draws the last frame.

They look and behave as in the browser: a zoomed plot stays as it is, a new one is fitted, a right click opens the
menu. Data of 0 dimensions are drawn over the last minute, one canvas for each unit.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.browsing.drawings import AxisValues, Curve, Curves, Picture, Window
from h5saver_widget.demo.regions import Regions
from h5saver_widget.qt.browser.plots.canvas import Canvas
from h5saver_widget.qt.browser.plots.curves import CurveCanvas
from h5saver_widget.qt.browser.plots.menu import PlotMenu
from h5saver_widget.qt.browser.plots.view import PlotView

if TYPE_CHECKING:
    from h5saver_widget.data import Axis, DataToExport, DataWithAxes

__all__ = ["Hint", "LivePlot"]

#: How far back curves of numbers go, and how far at least, in s.
_SECONDS: Final = 60.0
_SHORTEST: Final = 10.0


class LivePlot(QtWidgets.QWidget):
    """A plot of ``"Data0D"``, ``"Data1D"`` or ``"Data2D"`` that keeps its last frame until it is drawn.

    1D data that are counts in equal bins, a `histogram`, are drawn as steps. ``roi_manager`` has the regions of
    interest, None where there can be none. ``background`` is subtracted from the shown data, never from the saved ones;
    None for nothing.
    """

    def __init__(self, dim: str = "Data1D", histogram: bool = False) -> None:
        super().__init__()
        self.background: DataToExport | None = None
        self._histogram = histogram
        self._latest: DataToExport | None = None
        self._fresh = False
        self._history: deque[tuple[float, list[list[float]]]] | None = deque(maxlen=6000) if dim == "Data0D" else None
        regions = {"Data1D": 1, "Data2D": 2}.get(dim, 0)
        self.roi_manager = Regions(regions) if regions else None
        self._views: list[PlotView] = []
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        if self._history is None:
            self._add_view(PlotView(steady=True))

    @property
    def canvases(self) -> list[Canvas]:
        """The canvases that were drawn on so far."""
        return [view.canvas for view in self._views if view.canvas is not None]

    def add(self, data: DataToExport) -> None:
        """Take a frame; it is shown by the next :meth:`redraw`."""
        self._latest, self._fresh = data, True
        if self._history is not None:
            values = [[float(channel.flat[0]) for channel in dwa.data] for dwa in data]
            self._history.append((data.timestamp, values))
            while data.timestamp - self._history[0][0] > _SECONDS:
                self._history.popleft()

    def redraw(self, force: bool = False) -> bool:
        """Draw the last frame, if it is new; return whether something was drawn."""
        if self._latest is None or not (self._fresh or force):
            return False
        shown = [dwa for dwa in self._latest if dwa.source.name == "raw"]
        if self._history is not None:
            self._draw_history(shown)
        else:
            self._views[0].draw(self._drawing(shown[0]), _thing(shown[0]))
        self._fresh = False
        return True

    def fit(self) -> None:
        """Show all of it, now and as it changes, until somebody zooms."""
        for canvas in self.canvases:
            canvas.reset_view()

    def add_region(self) -> str:
        """Put a region of interest into the plot, to which a frame was added; return its name."""
        assert self.roi_manager is not None
        self.redraw()
        canvas = self.canvases[0]
        (left, right), (low, high) = canvas.bounds()
        extent = QtCore.QRectF(left, low, right - left, high - low)
        return self.roi_manager.add(canvas.plot, extent, self.palette())

    # --------------------------------------------------------------- drawing
    def _add_view(self, view: PlotView) -> None:
        view.menu_wanted.connect(lambda place, view=view: self._show_menu(view, place))
        self._views.append(view)
        self.layout().addWidget(view)

    def _show_menu(self, view: PlotView, place: QtCore.QPoint) -> None:
        if view.canvas is not None:
            PlotMenu(self, view.canvas, view.set_log).popup(place)

    def _drawing(self, dwa: DataWithAxes) -> Curves | Picture:
        axes = [_values(dwa.get_axis_from_index(index)[0], size) for index, size in enumerate(dwa.shape)]
        axis, channels = axes[0], self._subtracted(dwa)
        if len(axes) == 2:
            rows, columns = (Window(0, size, size) for size in dwa.shape)
            return Picture(channels[0], axis, axes[1], dwa.labels[0], dwa.units, rows, columns)
        if self._histogram:
            axis, channels = _steps(axis, channels)
        labels = dwa.labels if len(channels) > 1 else [dwa.name]
        curves = tuple(Curve(label, channel) for label, channel in zip(labels, channels, strict=True))
        size = len(axis.values)
        return Curves(axis, curves, dwa.name, dwa.units, Window(0, size, size))

    def _subtracted(self, dwa: DataWithAxes) -> list[np.ndarray]:
        """Return the channels less the background of the same name, as floats if there is one."""
        background = self.background.get_data_from_name(dwa.name) if self.background is not None else None
        if background is None or background.shape != dwa.shape:
            return list(dwa.data)
        return [channel - dark.astype(float) for channel, dark in zip(dwa.data, background.data, strict=False)]

    def _draw_history(self, data: list[DataWithAxes]) -> None:
        assert self._history is not None
        times = np.array([when for when, _ in self._history])
        times = times - times[-1]
        axes = [AxisValues("", "", times)] * (len(data) - 1) + [AxisValues("time before now", "s", times)]
        window = Window(0, len(times), len(times))
        while len(self._views) < len(data):
            self._add_view(PlotView(curves=_HistoryCanvas))
        for number, (dwa, view, axis) in enumerate(zip(data, self._views, axes, strict=True)):
            values = np.array([frame[number] for _, frame in self._history])
            curves = tuple(Curve(label, values[:, channel]) for channel, label in enumerate(dwa.labels))
            view.draw(Curves(axis, curves, dwa.name, dwa.units, window), dwa.name)

    def changeEvent(self, event: QtCore.QEvent) -> None:
        """Draw the regions in the colours of the host."""
        super().changeEvent(event)
        regions = self.__dict__.get("roi_manager")
        if event.type() == QtCore.QEvent.Type.PaletteChange and regions is not None:
            regions.paint(self.palette())


class _HistoryCanvas(CurveCanvas):
    """Curves that grow to the left: a minute's width for the first second would show nothing."""

    marks = False

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumHeight(70)
        self.plot.setMouseEnabled(x=False, y=False)
        metrics = self.fontMetrics()  # as wide for all: the times are below each other
        self.plot.getAxis("left").setWidth(metrics.horizontalAdvance("00000") + metrics.height() + 14)

    def bounds(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return the time that is shown, and values from 0 on; of percents, all there can be."""
        _, (low, high) = super().bounds()
        begin = min(-_SHORTEST, float(self.drawn.axis.values[0]))
        return (begin * 1.01, 0.0), (-3.0, 103.0) if self.drawn.units == "%" else (min(low, 0.0), high)


def _values(axis: Axis | None, size: int) -> AxisValues:
    if axis is None:
        return AxisValues("point", "", np.arange(float(size)), True)
    return AxisValues(axis.label, axis.units, np.asarray(axis.get_data(), float))


def _steps(axis: AxisValues, channels: list[np.ndarray]) -> tuple[AxisValues, list[np.ndarray]]:
    """Return the counts of equal bins, whose middles are on the axis, as outlines."""
    half = (axis.values[1] - axis.values[0]) / 2
    edges = np.repeat(np.append(axis.values - half, axis.values[-1] + half), 2)
    outlines = [np.concatenate(([0], np.repeat(channel, 2), [0])) for channel in channels]
    return AxisValues(axis.label, axis.units, edges), outlines


def _thing(dwa: DataWithAxes) -> tuple[Any, ...]:
    """Return the identity of data: name, units and size, labels and ends of the axes."""
    found: list[Any] = [dwa.name, dwa.units, dwa.shape]
    for axis in dwa.axes:
        values = axis.get_data()
        found += [axis.label, axis.units, *values[:1].tolist(), *values[-1:].tolist()]
    return tuple(found)


class Hint(QtWidgets.QLabel):
    """A sentence in the place of a plot that is still empty."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        self.setWordWrap(True)
        self.setMargin(24)
        self.setTextFormat(QtCore.Qt.TextFormat.RichText)
        self.setBackgroundRole(QtGui.QPalette.ColorRole.Base)
        self.setAutoFillBackground(True)
