"""Windows open where they were when they were closed, and never larger than the screen."""

from __future__ import annotations

from typing import Final

from pyqtgraph.Qt import QtCore, QtWidgets

__all__ = ["keep_geometry", "user_settings"]

#: What a frame and a title take of the screen, in pixels.
_FRAME: Final = QtCore.QSize(16, 48)


def user_settings() -> QtCore.QSettings:
    """Return the store in which windows of this package remember their user's choices."""
    return QtCore.QSettings(
        QtCore.QSettings.Format.IniFormat, QtCore.QSettings.Scope.UserScope, "h5saver_widget", "h5saver"
    )


class _Keeper(QtCore.QObject):
    """Writes the geometry of a window down when it is closed."""

    def __init__(self, window: QtWidgets.QWidget, key: str) -> None:
        super().__init__(window)
        self._key = key

    def eventFilter(self, window: QtCore.QObject, event: QtCore.QEvent) -> bool:
        """Look for the end."""
        if event.type() == QtCore.QEvent.Type.Close and isinstance(window, QtWidgets.QWidget):
            user_settings().setValue(self._key, window.saveGeometry())
        return False


def keep_geometry(window: QtWidgets.QWidget, name: str) -> None:
    """Put a window where it was, or make it fit onto the screen, and remember its place when it is closed.

    Parameters
    ----------
    window
        A window that is not shown yet.
    name
        Under which it is remembered.
    """
    key = f"geometry/{name}"
    room = window.screen().availableGeometry()
    window.resize(window.size().boundedTo(room.size() - _FRAME))
    saved = user_settings().value(key)
    if isinstance(saved, QtCore.QByteArray):
        window.restoreGeometry(saved)  # Qt moves it onto a screen that is there
    window.installEventFilter(_Keeper(window, key))
