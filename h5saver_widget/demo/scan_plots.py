"""Live plots of a scan: points along a line, or a map that fills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyqtgraph as pg

from h5saver_widget.demo.plots import CurvePlot, ImagePlot
from h5saver_widget.qt.plot_style import curve_colours

if TYPE_CHECKING:
    from h5saver_widget.data import DataWithAxes
    from h5saver_widget.demo.plots import LivePlot

__all__ = ["scan_plot"]


def scan_plot(dimensions: int) -> LivePlot:
    """Return an empty plot for a scan along one axis or two."""
    return _Line() if dimensions == 1 else _Map()


class _Line(CurvePlot):
    """Points as they come, with a line between them."""

    _region_dim = 0
    _style: ClassVar[dict[str, Any]] = {"symbol": "o", "symbolSize": 5}

    def _draw(self, data: list[DataWithAxes]) -> None:
        positions = data[0].axes[0].get_data()
        for channel, curve in zip(data[0].data, self._plots[0].listDataItems(), strict=True):
            there = np.isfinite(channel)
            curve.setData(positions[there], channel[there])
            many = there.sum() > 300  # circles side by side are a thick line
            if (curve.opts["symbol"] is None) != many:
                curve.setSymbol(None if many else "o")

    def _paint_colours(self) -> None:
        super()._paint_colours()
        for plot in self._plots:
            for curve, colour in zip(plot.listDataItems(), curve_colours(self.palette()), strict=False):
                curve.setSymbolBrush(pg.mkBrush(colour))
                curve.setSymbolPen(None)


class _Map(ImagePlot):
    """A map whose axes are positions: up is up, and a millimetre need not be as wide as high."""

    _region_dim = 0

    def _build(self, data: list[DataWithAxes]) -> None:
        super()._build(data)
        self._plots[0].invertY(False)
        self._plots[0].setAspectLocked(False)
