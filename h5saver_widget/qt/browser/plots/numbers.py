"""The numbers of an array of any size in a table: visible cells are read, the selection is copied."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.browsing.drawings import StoredAxis
from h5saver_widget.browsing.plotting import DataReader
from h5saver_widget.qt.browser.worker import Worker
from h5saver_widget.qt.numbers import exact_text
from h5saver_widget.qt.plot_style import with_units
from h5saver_widget.qt.status import explain

__all__ = ["NumberTable", "Numbers"]

_ROWS: Final = 256
_COLUMNS: Final = 64
_BLOCKS: Final = 200
#: Qt keeps 8 bytes for each line; those behind are not in the table, which is said.
_MOST_ROWS: Final = 10_000_000
_MOST_COPIED: Final = 1_000_000
_RIGHT = QtCore.Qt.AlignmentFlag.AlignRight | QtCore.Qt.AlignmentFlag.AlignVCenter
_Role = QtCore.Qt.ItemDataRole


@dataclass(frozen=True)
class Numbers:
    """The content of a table: an array along two dimensions, or some channels along one.

    ``reader`` returns a function that reads, in the worker's thread. There are no ``columns`` where each channel is
    one; of an image, the first channel is shown. ``at`` is the position in the other dimensions, ``thing`` the identity
    of the data.
    """

    reader: Callable[[], DataReader]
    thing: Any
    rows: int
    columns: int | None
    row_axis: StoredAxis
    column_axis: StoredAxis | None
    at: dict[int, int]
    channels: tuple[tuple[int, str], ...]
    units: str

    @property
    def first(self) -> int:
        """How many columns stand before the values: one, if there is an axis and no row of axis values above."""
        return int(self.columns is None and not self.row_axis.is_counted)

    @property
    def shape(self) -> tuple[int, int]:
        """Lines and columns of the table."""
        wide = self.column_axis.size if self.column_axis is not None else self.first + len(self.channels)
        return min(self.row_axis.size, _MOST_ROWS), wide

    def heading(self, column: int) -> str:
        """Return the heading of a column."""
        if self.column_axis is not None:
            return exact_text(self.column_axis.at(column)) if not self.column_axis.is_counted else str(column)
        if column < self.first:
            return with_units(self.row_axis.label, self.row_axis.units)
        return with_units(self.channels[column - self.first][1], self.units)

    def read(self, rows: slice, columns: slice) -> list[list[str]]:
        """Return the texts of a part; reads the file."""
        reader = self.reader()
        if self.columns is not None:
            part: dict[int, int | slice] = {**self.at, self.rows: rows, self.columns: columns}
            values = reader.numbers(part, self.channels[0][0])
            values = values if self.rows < self.columns else values.T
            return [[exact_text(v) for v in row] for row in values]
        parts: list[Any] = []
        for column in range(columns.start, columns.stop):
            if column < self.first:
                assert self.row_axis.values is not None
                parts.append(self.row_axis.values[rows])
            else:
                channel = self.channels[column - self.first][0]
                parts.append(np.atleast_1d(reader.numbers({**self.at, self.rows: rows}, channel)))
        return [[exact_text(v) for v in row] for row in zip(*parts, strict=True)]


class _Model(QtCore.QAbstractTableModel):
    """The cells that were read; other cells are requested when they become visible."""

    def __init__(self, parent: QtCore.QObject) -> None:
        super().__init__(parent)
        self.numbers: Numbers | None = None
        self.worker: Worker | None = None
        self._blocks: OrderedDict[tuple[int, int], list[list[str]] | None] = OrderedDict()
        self._stale: set[tuple[int, int]] = set()
        self.shape = (0, 0)

    def show(self, worker: Worker | None, numbers: Numbers | None) -> None:
        """Show other numbers, or the same again at the same scroll position."""
        shape = numbers.shape if numbers is not None else (0, 0)
        same = self.numbers is not None and numbers is not None and self.numbers.thing == numbers.thing
        grows = same and shape[1] == self.shape[1] and shape[0] >= self.shape[0]
        self.worker, self.numbers = worker, numbers
        self._stale = set(self._blocks)  # shown until they are read again
        if not grows:
            self.beginResetModel()
            self._blocks.clear()
            self.shape = shape
            self.endResetModel()
            return
        if shape != self.shape:
            self.beginInsertRows(QtCore.QModelIndex(), self.shape[0], shape[0] - 1)
            self.shape = shape
            self.endInsertRows()
        self.dataChanged.emit(self.index(0, 0), self.index(shape[0] - 1, shape[1] - 1))

    def rowCount(self, parent: QtCore.QModelIndex = QtCore.QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else self.shape[0]

    def columnCount(self, parent: QtCore.QModelIndex = QtCore.QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else self.shape[1]

    def data(self, index: QtCore.QModelIndex, role: int = _Role.DisplayRole) -> Any:
        """Return a number as a text, an ellipsis until it is read."""
        if role == _Role.TextAlignmentRole:
            return int(getattr(_RIGHT, "value", _RIGHT))  # Qt 5 takes no flags here, Qt 6's are no integers
        if role != _Role.DisplayRole or not index.isValid():
            return None
        key = (index.row() // _ROWS, index.column() // _COLUMNS)
        if key not in self._blocks or key in self._stale:
            self._ask(key)
        block, row = self._blocks.get(key), index.row() % _ROWS
        return "…" if block is None or row >= len(block) else block[row][index.column() % _COLUMNS]

    def _ask(self, key: tuple[int, int]) -> None:
        self._stale.discard(key)
        self._blocks.setdefault(key, None)
        if len(self._blocks) > _BLOCKS:
            self._blocks.popitem(last=False)
        numbers, worker = self.numbers, self.worker
        if numbers is None or worker is None:
            return
        rows = slice(key[0] * _ROWS, min((key[0] + 1) * _ROWS, self.shape[0]))
        columns = slice(key[1] * _COLUMNS, min((key[1] + 1) * _COLUMNS, self.shape[1]))
        done, failed = partial(self._came, numbers, key), partial(self._failed, numbers, key, rows, columns)
        worker.ask(lambda: numbers.read(rows, columns), done, failed)

    def _came(self, numbers: Numbers, key: tuple[int, int], texts: list[list[str]]) -> None:
        if numbers is self.numbers and key in self._blocks and texts:
            self._blocks[key] = texts
            top, left = key[0] * _ROWS, key[1] * _COLUMNS
            self.dataChanged.emit(self.index(top, left), self.index(top + len(texts) - 1, left + len(texts[0]) - 1))

    def _failed(self, numbers: Numbers, key: tuple[int, int], rows: slice, columns: slice, _: Exception) -> None:
        self._came(numbers, key, [["can't be read"] * (columns.stop - columns.start)] * (rows.stop - rows.start))

    def headerData(self, section: int, orientation: QtCore.Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        if role != _Role.DisplayRole or self.numbers is None:
            return None
        if orientation == QtCore.Qt.Orientation.Horizontal:
            return self.numbers.heading(section)
        axis = self.numbers.row_axis
        return str(section) if self.numbers.columns is None or axis.is_counted else exact_text(axis.at(section))


class NumberTable(QtWidgets.QTableView):
    """A table of numbers."""

    said = QtCore.Signal(str)
    """What became of copying, in words."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers_model = _Model(self)
        self.setModel(self.numbers_model)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setAlternatingRowColors(True)
        height = self.fontMetrics().height() + 6
        for header, size in (
            (self.verticalHeader(), height),
            (self.horizontalHeader(), self.fontMetrics().horizontalAdvance("-0.00000000000000e-00")),
        ):
            header.setDefaultSectionSize(size)
            header.setSectionResizeMode(QtWidgets.QHeaderView.ResizeMode.Interactive)
        self.horizontalHeader().setDefaultAlignment(_RIGHT)
        self.setCornerButtonEnabled(True)

    def show_numbers(self, worker: Worker | None, numbers: Numbers | None) -> None:
        """Show numbers, read by a worker."""
        self.numbers_model.show(worker, numbers)
        if numbers is not None and numbers.row_axis.size > _MOST_ROWS:
            self.said.emit(f"The first {_MOST_ROWS:,} of {numbers.row_axis.size:,} lines are in the table.")

    def copy(self) -> None:
        """Copy the selection, columns with tabs between them; without one everything, with headings."""
        model = self.numbers_model
        ranges = list(self.selectionModel().selection())
        if model.numbers is None or model.worker is None:
            return
        if not ranges:
            self.copy_all(model.worker, model.numbers)
            return
        rows = slice(min(r.top() for r in ranges), max(r.bottom() for r in ranges) + 1)
        columns = slice(min(r.left() for r in ranges), max(r.right() for r in ranges) + 1)
        self._copy(model.worker, model.numbers, rows, columns)

    def copy_all(self, worker: Worker, numbers: Numbers) -> None:
        """Copy all numbers with headings, also those that were not read yet."""
        self._copy(worker, numbers, slice(0, numbers.shape[0]), slice(0, numbers.shape[1]))

    def _copy(self, worker: Worker, numbers: Numbers, rows: slice, columns: slice) -> None:
        count = (rows.stop - rows.start) * (columns.stop - columns.start)
        if count > _MOST_COPIED:
            self.said.emit(f"{count:,} numbers are too many for the clipboard: select fewer, or export them as CSV.")
            return
        whole = rows.stop - rows.start == numbers.shape[0] > 1
        headings = [[numbers.heading(column) for column in range(columns.start, columns.stop)]] if whole else []

        def put(texts: list[list[str]]) -> None:
            QtWidgets.QApplication.clipboard().setText("\n".join("\t".join(line) for line in (*headings, *texts)))
            self.said.emit(f"Copied {count:,} numbers.")

        worker.ask(
            lambda: numbers.read(rows, columns),
            put,
            lambda error: self.said.emit(f"The numbers were not copied: {explain(error)}"),
        )

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        """Ctrl+C copies."""
        if event.matches(QtGui.QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QtGui.QContextMenuEvent) -> None:
        """Offer to copy."""
        menu = QtWidgets.QMenu(self)
        menu.addAction("Copy\tCtrl+C").triggered.connect(lambda *_: self.copy())
        menu.addAction("Select everything\tCtrl+A").triggered.connect(lambda *_: self.selectAll())
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(event.globalPos())
