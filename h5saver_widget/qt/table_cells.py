"""Rows of a table that go: their cells are taken out first, as PySide6 6.11 ends the program where Qt deletes them."""

from __future__ import annotations

from pyqtgraph.Qt import QtWidgets

__all__ = ["cut_rows"]


def cut_rows(table: QtWidgets.QTableWidget, count: int = 0) -> None:
    """Leave so many rows at most.

    Examples
    --------
    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> table = QtWidgets.QTableWidget(3, 2)
    >>> cut_rows(table, 1)
    >>> table.rowCount()
    1
    """
    for row in range(count, table.rowCount()):
        for column in range(table.columnCount()):
            table.takeItem(row, column)
    table.setRowCount(min(count, table.rowCount()))
