"""SaverView: the widget that a host embeds. Settings, and below them how saving goes."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets, isQObjectAlive

from h5saver_widget.qt.settings_view import SettingsTree
from h5saver_widget.qt.status_strip import StatusStrip

if TYPE_CHECKING:
    from h5saver_widget.qt.h5saver import H5Saver

__all__ = ["SaverView"]


class SaverView(QtWidgets.QWidget):
    """The settings of a saver, and the strip that says how it is.

    The saver goes on when a host deletes this widget.
    """

    def __init__(self, saver: H5Saver) -> None:
        super().__init__()
        self._saver = weakref.ref(saver)
        self.setObjectName("h5saver")
        self.setWindowTitle("H5Saver")
        self.tree = SettingsTree(saver.settings, saver.next_file_finder, comment=saver.add_comment)
        self.strip = StatusStrip()
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.tree, 1)
        layout.addWidget(self.strip)
        #: A host in whose window this is the only saver that is seen may let the whole window listen to the key.
        self.marker_key = QtGui.QShortcut(QtGui.QKeySequence("Ctrl+M"), self)
        self.marker_key.setContext(QtCore.Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.marker_key.activated.connect(saver.settings.child("recording", "marker").activate)
        saver.status_changed.connect(self.strip.show_status)
        self.strip.show_status(saver.status())
        self.strip.offer.clicked.connect(saver.settings.child("new_file").activate)
        self._end = _End(saver, self.tree)
        self.destroyed.connect(self._end.told)

    def enterEvent(self, event: QtCore.QEvent) -> None:
        """Have the process for the file started: whoever points here may want a file soon."""
        self._start_ahead()
        super().enterEvent(event)

    def showEvent(self, event: QtGui.QShowEvent) -> None:
        """Have the process for the file started, the first time by the event that shows it."""
        self._start_ahead()
        super().showEvent(event)

    def _start_ahead(self) -> None:
        saver = self._saver()
        if saver is not None and isQObjectAlive(saver):
            saver.start_ahead()


class _End:
    """Lets a saver go on without its widget, which its host has deleted; asked for again, it is made again.

    A plain object and its method: Qt's signals refer to them weakly. Forgotten together with the window, the saver may
    be half deleted when the window goes; PySide6 then complained about a method of its own, and PyQt ended the program
    in a function.
    """

    def __init__(self, saver: H5Saver, tree: SettingsTree) -> None:
        self._saver, self._tree = weakref.ref(saver), tree

    def told(self, *_: Any) -> None:
        saver = self._saver()
        if saver is not None and isQObjectAlive(saver):
            saver.view = None
            self._tree.let_go()
