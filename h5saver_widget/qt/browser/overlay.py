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
        self._found: dict[int, Curves] = {}
        self._problems: dict[int, str] = {}

    def select(self, nodes: Sequence[tuple[OpenFile, str]], again: bool = False) -> None:
        """Draw these nodes, too; `again` reads them anew."""
        nodes = list(nodes)[:_MOST]
        if nodes == self._nodes and not (again and nodes):
            return
        self._nodes, self._found, self._problems = nodes, {}, {}
        for number, (file, path) in enumerate(nodes):
            file.worker.ask(
                partial(file.view.curve, path), partial(self._came, nodes, number), partial(self._failed, nodes, number)
            )
        if not nodes:
            self._plots.show_others([])

    def _came(self, nodes: list[tuple[OpenFile, str]], number: int, curves: Curves) -> None:
        self._found[number] = curves
        self._look(nodes)

    def _failed(self, nodes: list[tuple[OpenFile, str]], number: int, error: Exception) -> None:
        self._problems[number] = explain(error)
        self._look(nodes)

    def _look(self, nodes: list[tuple[OpenFile, str]]) -> None:
        """Draw when the last one has come."""
        if nodes is not self._nodes or len(self._found) + len(self._problems) < len(nodes):
            return
        summary = self._plots.summary
        units = summary.units if summary is not None else ""
        problems = list(self._problems.values())
        for number, curves in self._found.items():
            if curves.units != units:
                problems.append(f"{nodes[number][1]} is in {curves.units or 'no unit'}, not in {units or 'no unit'}")
        self._plots.show_others([self._found[number] for number in sorted(self._found)])
        more = f", and {len(problems) - 1:,} more" if len(problems) > 1 else ""
        self.said.emit(f"Not drawn with the others: {problems[0]}{more}." if problems else "")
