"""Overlay: curves of several nodes that are selected together, drawn in one plot where they are in the same units."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from pyqtgraph.Qt import QtCore

from h5saver_widget.browsing.drawings import Curves
from h5saver_widget.qt.browser.files import OpenFile
from h5saver_widget.qt.browser.plots import PlotPanel
from h5saver_widget.qt.status import explain

__all__ = ["Overlay"]

_MOST: Final = 64


class Overlay(QtCore.QObject):
    """Reads the curves of the nodes that are selected beside the shown one, each in the worker of its file."""

    said = QtCore.Signal(str)
    """Which nodes are not drawn, and why."""

    def __init__(self, plots: PlotPanel) -> None:
        super().__init__(plots)
        self._plots = plots
        self._nodes: list[tuple[OpenFile, str]] = []
        self._found: dict[int, Curves | Exception] = {}

    def select(self, nodes: Sequence[tuple[OpenFile, str]], again: bool = False) -> None:
        """Draw these nodes, too; `again` reads them anew."""
        nodes = list(nodes)[:_MOST]
        if nodes == self._nodes and not (again and nodes):
            return
        self._nodes, self._found = nodes, {}
        for number, (file, path) in enumerate(nodes):
            came = partial(self._came, nodes, number)
            file.worker.ask(partial(file.view.curve, path), came, came)
        if not nodes:
            self._plots.show_others([])

    def _came(self, nodes: list[tuple[OpenFile, str]], number: int, found: Curves | Exception) -> None:
        """Draw when the last one has come."""
        if nodes is not self._nodes:
            return
        self._found[number] = found
        if len(self._found) < len(nodes):
            return
        summary = self._plots.summary
        units = summary.units if summary is not None else ""
        problems = [explain(found) for found in self._found.values() if isinstance(found, Exception)]
        curves = {number: found for number, found in sorted(self._found.items()) if isinstance(found, Curves)}
        for number, drawn in curves.items():
            if drawn.units != units:
                problems.append(f"{nodes[number][1]} is in {drawn.units or 'no unit'}, not in {units or 'no unit'}")
        self._plots.show_others(list(curves.values()))
        more = f", and {len(problems) - 1:,} more" if len(problems) > 1 else ""
        self.said.emit(f"Not drawn with the others: {problems[0]}{more}." if problems else "")
