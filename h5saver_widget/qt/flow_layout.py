"""A row of widgets that wraps into a second row where there is no room: panels stay usable in a narrow dock."""

from __future__ import annotations

from pyqtgraph.Qt import QtCore, QtWidgets

__all__ = ["FlowLayout"]


class FlowLayout(QtWidgets.QLayout):
    """Widgets in rows, as words in a text, so many pixels apart."""

    def __init__(self, horizontal: int = 6, vertical: int = 6) -> None:
        super().__init__()
        self._items: list[QtWidgets.QLayoutItem] = []
        self._between_rows = vertical
        self.setSpacing(horizontal)
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QtWidgets.QLayoutItem) -> None:
        """Take an item; called by ``addWidget``."""
        self._items.append(item)

    def count(self) -> int:
        """Return the number of items."""
        return len(self._items)

    def itemAt(self, index: int) -> QtWidgets.QLayoutItem | None:
        """Return an item, None behind the last."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QtWidgets.QLayoutItem | None:
        """Give an item away, None behind the last."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> QtCore.Qt.Orientation:
        """Return that no room is taken that isn't needed."""
        return QtCore.Qt.Orientation(0)  # none of them

    def hasHeightForWidth(self) -> bool:
        """Return that the number of rows depends on the width."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height of all rows, in pixels."""
        return self._place(QtCore.QRect(0, 0, width, 0), move=False)

    def setGeometry(self, rect: QtCore.QRect) -> None:
        """Place everything in a rectangle."""
        super().setGeometry(rect)
        self._place(rect, move=True)

    def sizeHint(self) -> QtCore.QSize:
        """Return the size of one row with everything."""
        sizes = [item.sizeHint() for item in self._items if not item.isEmpty()]
        width = sum(size.width() + self.spacing() for size in sizes) - self.spacing()
        return QtCore.QSize(max(width, 0), max((size.height() for size in sizes), default=0))

    def minimumSize(self) -> QtCore.QSize:
        """Return the size of the largest widget."""
        size = QtCore.QSize()
        for item in self._items:
            size = size.expandedTo(item.minimumSize())
        return size

    def _place(self, rect: QtCore.QRect, move: bool) -> int:
        """Place the items row by row, or only see how high that is."""
        x, y, gap = rect.x(), rect.y(), self.spacing()
        row: list[tuple[QtWidgets.QLayoutItem, int]] = []
        height = 0
        for item in [*(item for item in self._items if not item.isEmpty()), None]:
            size = QtCore.QSize() if item is None else item.sizeHint()
            if item is None or (row and x + size.width() > rect.x() + rect.width()):
                for other, left in row if move else ():
                    hint = other.sizeHint()
                    top = y + (height - hint.height()) // 2
                    other.setGeometry(QtCore.QRect(QtCore.QPoint(left, top), hint))
                if item is None:
                    break
                row, x, y, height = [], rect.x(), y + height + self._between_rows, 0
            row.append((item, x))
            x += size.width() + gap
            height = max(height, size.height())
        return y + height - rect.y()
