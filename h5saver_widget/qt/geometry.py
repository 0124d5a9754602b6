"""The memory of windows: where they were, and which files and folders were used last."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pyqtgraph.Qt import QtCore, QtWidgets

__all__ = ["fit", "keep_geometry", "recent_paths", "remember_path", "user_settings"]

#: Size of a window's frame and title, in pixels.
_FRAME: Final = QtCore.QSize(16, 48)
#: So many files, and folders, are remembered.
MOST_RECENT: Final = 12


def user_settings() -> QtCore.QSettings:
    """Return the store in which windows of this package remember their user's choices."""
    return QtCore.QSettings(
        QtCore.QSettings.Format.IniFormat, QtCore.QSettings.Scope.UserScope, "h5saver_widget", "h5saver"
    )


def recent_paths(kind: str) -> list[Path]:
    """Return the ``'files'`` or ``'folders'`` that were used last, the last one first; no disk is asked for them."""
    found = user_settings().value(f"recent/{kind}") or []
    return [Path(str(name)) for name in ([found] if isinstance(found, str) else found)]


def remember_path(kind: str, path: Path) -> None:
    """Put a file or a folder at the top of the list."""
    path = path.absolute()
    names = [str(path), *(str(other) for other in recent_paths(kind) if other != path)]
    user_settings().setValue(f"recent/{kind}", names[:MOST_RECENT])


class _Keeper(QtCore.QObject):
    """Writes the geometry of a window down when it is closed."""

    def __init__(self, window: QtWidgets.QWidget, key: str) -> None:
        super().__init__(window)
        self._key = key

    def eventFilter(self, window: QtCore.QObject, event: QtCore.QEvent) -> bool:
        if event.type() == QtCore.QEvent.Type.Close and isinstance(window, QtWidgets.QWidget):
            user_settings().setValue(self._key, window.saveGeometry())
        return False


def fit(window: QtWidgets.QWidget, width: int, height: int) -> None:
    """Give a window a size, as far as the screen has room for it."""
    window.resize(QtCore.QSize(width, height).boundedTo(window.screen().availableGeometry().size() - _FRAME))


def keep_geometry(window: QtWidgets.QWidget, name: str) -> None:
    """Put a window where it was, or make it fit onto the screen, and remember its place when it is closed.

    It is not shown yet; the name is the one under which it is remembered.
    """
    key = f"geometry/{name}"
    fit(window, window.width(), window.height())
    saved = user_settings().value(key)
    if isinstance(saved, QtCore.QByteArray):
        window.restoreGeometry(saved)  # Qt moves it onto a screen that is there
    window.installEventFilter(_Keeper(window, key))
