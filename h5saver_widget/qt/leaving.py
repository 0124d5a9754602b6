"""The end of a program with a window: the window goes while Python is whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyqtgraph.Qt import QtCore, QtWidgets

__all__ = ["deleted_at_the_end"]


@contextmanager
def deleted_at_the_end(window: QtWidgets.QWidget) -> Iterator[None]:
    """Close a window and delete it when the block ends.

    Left to the end of the process, Qt calls into deleted objects: one run of 25 crashed after its work was done.

    Examples
    --------
    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> window = QtWidgets.QWidget()
    >>> with deleted_at_the_end(window):
    ...     window.show()
    """
    try:
        yield
    finally:
        window.close()
        window.deleteLater()
        QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)
