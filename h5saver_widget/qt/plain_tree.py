"""PlainTree: pyqtgraph's tree of parameters, which with PySide6 ended the program some time after it was gone.

Every tree has an invisible root item. Qt makes and deletes it, and PySide6 6.11 is not told: a wrapper that is kept, as
pyqtgraph does, stands for whichever object lies at that address later. If Qt deletes that object, as it does with cells
of a table and widgets in a menu, Shiboken releases a wrapper that it has just freed.
"""

from __future__ import annotations

from typing import Any

from pyqtgraph.parametertree import ParameterTree
from pyqtgraph.Qt import QtWidgets
from pyqtgraph.widgets.TreeWidget import InvisibleRootItem

__all__ = ["PlainTree"]


class PlainTree(ParameterTree):
    """A tree of parameters that keeps no wrapper of items that it did not make.

    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> tree = PlainTree()
    >>> tree.invisibleRootItem().addChild(QtWidgets.QTreeWidgetItem(["gain"]))
    >>> tree.topLevelItem(0).text(0)
    'gain'
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if hasattr(self, "_invRootItem"):
            del self._invRootItem

    def invisibleRootItem(self) -> InvisibleRootItem:
        """Return the line above all others; not to be kept."""
        return InvisibleRootItem(QtWidgets.QTreeWidget.invisibleRootItem(self))
