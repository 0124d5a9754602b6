"""Plots of stored data: curves, images, maps over navigation."""

from h5saver_widget.qt.browser.plots.panel import PlotPanel

__all__ = ["PlotPanel"]
