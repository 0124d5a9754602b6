"""One place for a drawing of any kind: the canvas that fits it is shown, and all of them are asked in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget.browsing.drawings import Curves, Picture, Points
from h5saver_widget.qt.browser.plots.canvas import Canvas
from h5saver_widget.qt.browser.plots.curves import CurveCanvas
from h5saver_widget.qt.browser.plots.images import ImageCanvas, PointCanvas

__all__ = ["PlotView"]


class PlotView(QtWidgets.QStackedWidget):
    """Shows drawings; canvases are made when they are first needed.

    If it is `steady`, colours stand for round values, which rest while a live picture flickers. Curves may have another
    canvas.
    """

    hovered = QtCore.Signal(str)
    """What is under the mouse."""

    region_changed = QtCore.Signal()
    """The region was moved, shown or hidden."""

    picked = QtCore.Signal(object)
    """A position was picked, as a tuple of indexes."""

    zoomed = QtCore.Signal(object)
    """Another part of a curve is seen, see :attr:`Canvas.zoomed`."""

    menu_wanted = QtCore.Signal(object)
    """The menu is wanted; where on the screen."""

    def __init__(self, steady: bool = False, curves: type[CurveCanvas] = CurveCanvas) -> None:
        super().__init__()
        self._steady = steady
        self._kinds: dict[type, type[Canvas]] = {Curves: curves, Picture: ImageCanvas, Points: PointCanvas}
        self._canvases: dict[type, Canvas] = {}
        self._has_region = False
        self._log = (False, False)

    @property
    def canvas(self) -> Canvas | None:
        """The canvas that is shown, None if nothing was drawn yet."""
        found = self.currentWidget()
        return found if isinstance(found, Canvas) else None

    def draw(self, drawing: Any, thing: Any = None) -> None:
        """Show a drawing of a thing, see :meth:`Canvas.draw`."""
        kind = type(drawing)
        if kind not in self._canvases:
            canvas = self._kinds[kind]()
            canvas.steady = self._steady
            canvas.hovered.connect(self.hovered)
            canvas.region_changed.connect(self.region_changed)
            canvas.picked.connect(self.picked)
            canvas.zoomed.connect(self.zoomed)
            canvas.menu_wanted.connect(self.menu_wanted)
            self._canvases[kind] = canvas
            self.addWidget(canvas)
        canvas = self._canvases[kind]
        before = self.canvas
        self.setCurrentWidget(canvas)
        canvas.log = self._log
        canvas.draw(drawing, thing)
        if before is not None and before is not canvas:
            before.set_region(False)
        canvas.set_region(self._has_region)

    def set_log(self, x: bool, y: bool) -> None:
        """Show positions or values on a logarithmic scale."""
        self._log = (x, y)
        if self.canvas is not None:
            self.canvas.set_log(x, y)

    def set_region(self, on: bool) -> None:
        """Show or hide the region."""
        self._has_region = on
        if self.canvas is not None:
            self.canvas.set_region(on)

    def set_cross(self, position: tuple[int, ...] | None) -> None:
        """Show a cross at a position, or none."""
        if self.canvas is not None:
            self.canvas.set_cross(position)

    def set_markers(self, times: Sequence[float]) -> None:
        """Show moments that were marked while recording, on curves along time."""
        if isinstance(self.canvas, CurveCanvas):
            self.canvas.set_markers(times)

    def statistics(self) -> str | None:
        """Return statistics of the values in the region, see :meth:`Canvas.statistics`."""
        return self.canvas.statistics() if self.canvas is not None else ""
