"""A layout that puts widgets in rows, as words in a text: what does not fit goes into the next row."""

from __future__ import annotations

from pyqtgraph.Qt import QtCore, QtWidgets

__all__ = ["FlowLayout"]


class FlowLayout(QtWidgets.QLayout):
    """Rows of widgets, as many as the width asks for.

    Parameters
    ----------
    horizontal, vertical
        Space between widgets and between rows, in pixels.
    """

    def __init__(self, horizontal: int = 12, vertical: int = 2) -> None:
        super().__init__()
        self._items: list[QtWidgets.QLayoutItem] = []
        self._spaces = horizontal, vertical

    def addItem(self, item: QtWidgets.QLayoutItem) -> None:
        """Add an item at the end."""
        self._items.append(item)

    def count(self) -> int:
        """Return the number of items."""
        return len(self._items)

    def itemAt(self, index: int) -> QtWidgets.QLayoutItem | None:
        """Return an item, None if there is none."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QtWidgets.QLayoutItem | None:
        """Take an item out."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def hasHeightForWidth(self) -> bool:
        """Tell that a narrow layout is a high one."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return how high the rows are."""
        return self._place(QtCore.QRect(0, 0, width, 0), move=False)

    def sizeHint(self) -> QtCore.QSize:
        """Return the size that it can't be smaller than: one widget in each row."""
        return self.minimumSize()

    def minimumSize(self) -> QtCore.QSize:
        """Return the size of the largest widget."""
        size = QtCore.QSize()
        for item in self._items:
            size = size.expandedTo(item.minimumSize())
        return size

    def setGeometry(self, rect: QtCore.QRect) -> None:
        """Place the widgets."""
        super().setGeometry(rect)
        self._place(rect, move=True)

    def _place(self, rect: QtCore.QRect, *, move: bool) -> int:
        x, y, row = rect.x(), rect.y(), 0
        for item in self._items:
            if item.isEmpty():  # hidden
                continue
            hint = item.sizeHint()
            if x > rect.x() and x + hint.width() > rect.right() + 1:
                x, y, row = rect.x(), y + row + self._spaces[1], 0
            if move:
                item.setGeometry(QtCore.QRect(QtCore.QPoint(x, y), hint))
            x += hint.width() + self._spaces[0]
            row = max(row, hint.height())
        return y + row - rect.y()
