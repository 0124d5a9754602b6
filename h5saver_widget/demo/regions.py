"""Regions of interest on a live plot: drawn and moved with the mouse, measured in every frame, saved with the data.

A plot has one :class:`Regions` as ``roi_manager``: the module savers take its ``settings`` and write them with those of
the detector. A region's measurement is calculated data like any other: a mean, in the units of the data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from pyqtgraph.parametertree import Parameter
from pyqtgraph.Qt import QtCore, QtGui

from h5saver_widget.data import DataCalculated
from h5saver_widget.qt.plot_style import curve_colours

if TYPE_CHECKING:
    from h5saver_widget.data import Axis, DataWithAxes

__all__ = ["Regions"]

_NAMES = {1: ("from", "to"), 2: ("x", "y", "width", "height")}


class Regions(QtCore.QObject):
    """The regions of one plot: spans on a curve's axis (`dim` 1), or rectangles on an image (2).

    ``settings`` has a group for each region: its name, and its place in units of the axes.
    """

    changed = QtCore.Signal()
    """A region was added, moved or removed."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.settings = Parameter.create(name="ROIs", title="Regions", type="group")
        self._items: dict[str, pg.GraphicsObject] = {}
        self._places: dict[str, tuple[float, ...]] = {}  # read by measuring threads

    def __len__(self) -> int:
        return len(self._items)

    def add(self, plot: pg.PlotItem, extent: QtCore.QRectF, palette: QtGui.QPalette) -> str:
        """Put another region into the middle of a plot that shows so much; return its name."""
        number = next(n for n in range(len(self) + 1) if f"ROI_{n:02d}" not in self._items)
        name = f"ROI_{number:02d}"
        left, top, width, height = extent.getRect()
        item: Any
        if self.dim == 1:
            item = pg.LinearRegionItem((left + 0.4 * width, left + 0.6 * width))
            item.sigRegionChanged.connect(lambda: self._moved(name))
            text = pg.InfLineLabel(item.lines[0], name, position=0.95 - 0.07 * number, anchors=[(0, 0), (0, 0)])
        else:
            at = (left + 0.4 * width, top + 0.4 * height)
            item = pg.RectROI(at, (0.2 * width, 0.2 * height), sideScalers=True)
            item.sigRegionChanged.connect(lambda: self._moved(name))
            text = pg.TextItem(name, anchor=(0, 1))
            text.setParentItem(item)
        item.label = text
        plot.addItem(item)
        self._items[name] = item
        children = [{"name": word, "type": "float", "value": 0.0} for word in _NAMES[self.dim]]
        self.settings.addChild({"name": name, "type": "group", "children": children})
        self.paint(palette)
        self._moved(name)
        return name

    def clear(self) -> None:
        """Take all regions away."""
        for item in self._items.values():
            item.getViewBox().removeItem(item)
        self._items.clear()
        self._places.clear()
        self.settings.clearChildren()
        self.changed.emit()

    def place(self, name: str, *values: float) -> None:
        """Move a region: ``from, to`` on a curve's axis, ``x, y, width, height`` on an image, in units of the axes."""
        item = self._items[name]
        if self.dim == 1:
            item.setRegion(values)
        else:
            item.setPos(values[:2], update=False)
            item.setSize(values[2:])

    def paint(self, palette: QtGui.QPalette) -> None:
        """Take the colours of a palette."""
        colours = curve_colours(palette)[1:]
        for number, item in enumerate(self._items.values()):
            colour = colours[number % len(colours)]
            if self.dim == 1:
                item.setBrush(pg.mkBrush(colour + "40"))
                for line in item.lines:
                    line.setPen(pg.mkPen(colour, width=2))
            else:
                item.setPen(pg.mkPen(colour, width=2))
            item.label.setColor(colour)

    def measure(self, dwa: DataWithAxes) -> DataCalculated | None:
        """Return the mean of the first channel in every region, NaN where one holds no point; None without regions.

        The data have one signal axis for spans, two (y, x) for rectangles.
        """
        places = list(self._places.items())
        if not places:
            return None
        means = [_mean(dwa, place) for _, place in places]
        return DataCalculated(
            "regions",
            data=[np.array([mean]) for mean in means],
            labels=[name for name, _ in places],
            units=dwa.units,
            origin=dwa.origin,
            timestamp=dwa.timestamp,
            do_save=True,  # who draws a region wants it, also with 'Save raw only'
        )

    def _moved(self, name: str) -> None:
        item = self._items[name]
        values = tuple(item.getRegion()) if self.dim == 1 else (*item.pos(), *item.size())
        self._places[name] = tuple(float(value) for value in values)
        group = self.settings.child(name)
        for word, value in zip(_NAMES[self.dim], self._places[name], strict=True):
            group[word] = value
        self.changed.emit()


def _mean(dwa: DataWithAxes, place: tuple[float, ...]) -> float:
    if len(place) == 2:
        spans = [place]
    else:
        x, y, width, height = place
        spans = [(y, y + height), (x, x + width)]
    part = dwa.data[0][
        tuple(
            _slice(dwa.get_axis_from_index(index)[0], size, span)
            for index, (size, span) in enumerate(zip(dwa.shape, spans, strict=True))
        )
    ]
    return float(part.mean()) if part.size else float("nan")


def _slice(axis: Axis | None, size: int, span: tuple[float, ...]) -> slice:
    """Return the points of an axis that lie in a span; the axis runs up or down in equal steps, or is counted."""
    low, high = min(span), max(span)
    if axis is None:
        return slice(max(0, int(np.ceil(low))), max(0, int(np.floor(high)) + 1))
    inside = np.flatnonzero((axis.get_data() >= low) & (axis.get_data() <= high))
    return slice(int(inside[0]), int(inside[-1]) + 1) if inside.size else slice(0, 0)
