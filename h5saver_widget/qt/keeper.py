"""Keeper: Qt objects in reference cycles are deleted in the GUI thread, in whichever thread the collector finds them.

Reference cycles are deleted by Python's collector, which runs in any thread that needs memory just then: one that
compresses, or measures a disk. PyQt leaves the Qt part to the thread that it belongs to. PySide6 6.11 does not: a timer
deleted elsewhere goes off later, a window calls a dead object, the program ends.
"""

from __future__ import annotations

import gc
import threading
from typing import Any

from pyqtgraph.Qt import QtCore

__all__ = ["Keeper"]

#: Objects found by other threads, until the GUI thread deletes them.
_found: list[Any] = []


class _Home(QtCore.QObject):
    """Lives in the GUI thread, and deletes there the objects that other threads have found."""

    found = QtCore.Signal()

    def __init__(self) -> None:
        super().__init__()
        self.found.connect(self._take_apart, QtCore.Qt.ConnectionType.QueuedConnection)
        application = QtCore.QCoreApplication.instance()
        if application is not None:
            self.moveToThread(application.thread())

    def _take_apart(self) -> None:
        # No other thread may come across it in between: the second time, nobody asks the keeper.
        collecting = gc.isenabled()
        gc.disable()
        try:
            _found.clear()
            gc.collect()
        finally:
            if collecting:
                gc.enable()


_home: _Home | None = None


class Keeper:
    """Keeps its owner, and all that it refers to, from being deleted outside of the GUI thread.

    To be held by the owner itself. Both are forgotten together then, and Python asks the keeper before it deletes
    anything: in another thread, the keeper hands the object over.

    >>> class Panel(QtCore.QObject):
    ...     def __init__(self) -> None:
    ...         super().__init__()
    ...         self._keeper = Keeper(self)
    """

    def __init__(self, owner: QtCore.QObject) -> None:
        global _home
        if _home is None:
            _home = _Home()
        self._owner, self._home, self._thread = owner, _home, threading.get_ident()

    def __del__(self) -> None:
        """Hand the object over, unless this is the thread that it was made in."""
        if threading.get_ident() != self._thread:
            _found.append(self._owner)
            self._home.found.emit()
