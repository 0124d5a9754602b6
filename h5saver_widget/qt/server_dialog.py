"""Two questions about files on a server: which of these, and the name of a new one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePosixPath

from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget.backends.base import Backend
from h5saver_widget.format.naming import natural_key
from h5saver_widget.qt.browser.worker import Worker
from h5saver_widget.qt.editors import PlainLabel
from h5saver_widget.qt.icons import icon
from h5saver_widget.qt.status import explain

__all__ = ["ServerFiles", "ask_existing", "ask_new"]


def _is_folder(name: str) -> bool:
    """Guess it from the name: to ask would take a request for each."""
    return not PurePosixPath(name).suffix


class _Asker:
    """Sends requests to the server; made with the first question and ended in the thread that asked."""

    def __init__(self, make: Callable[[], Backend]) -> None:
        self._make = make
        self._io: Backend | None = None

    def names(self, folder: Path) -> list[str]:
        """Return the names in a folder, files last; waits for the server."""
        if self._io is None:
            self._io = self._make()
        return sorted(self._io.location.list_folder(folder), key=lambda name: (not _is_folder(name), natural_key(name)))

    def end(self) -> None:
        self._io = None


class ServerFiles(QtWidgets.QDialog):
    """The files in a folder of a server; a path may also be typed.

    The server is asked in a thread: the window works while it is slow, and says so. `make_asker` is called there; it
    returns a backend that knows the server.
    """

    def __init__(self, parent: QtWidgets.QWidget | None, make_asker: Callable[[], Backend], folder: Path) -> None:
        super().__init__(parent)
        self.setWindowTitle("File to add to")
        self._asker = _Asker(make_asker)
        self._worker = Worker("server")
        self.folder = folder
        self.setSizeGripEnabled(True)
        self.line = QtWidgets.QLineEdit(accessibleName="path on the server")
        self.up = QtWidgets.QPushButton("Up", autoDefault=False, toolTip="Show the folder above")
        self.state = PlainLabel()
        self.state.setWordWrap(True)
        self.names = QtWidgets.QListWidget(accessibleName="files and folders")
        buttons = QtWidgets.QDialogButtonBox.StandardButton
        self.buttons = QtWidgets.QDialogButtonBox(buttons.Open | buttons.Cancel)
        self.open_button = self.buttons.button(buttons.Open)
        layout = QtWidgets.QGridLayout(self)
        layout.addWidget(QtWidgets.QLabel("File on the server, chosen below or typed:"), 0, 0, 1, 2)
        layout.addWidget(self.line, 1, 0)
        layout.addWidget(self.up, 1, 1)
        layout.addWidget(self.names, 2, 0, 1, 2)
        layout.addWidget(self.state, 3, 0, 1, 2)
        layout.addWidget(self.buttons, 4, 0, 1, 2)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.up.clicked.connect(lambda: self.show_folder(self.folder.parent))
        self.names.currentItemChanged.connect(self._item_chosen)
        self.names.itemActivated.connect(self._item_activated)
        self.line.textChanged.connect(self._show_whether_openable)
        worker, asker = self._worker, self._asker
        for signal in (self.finished, self.destroyed):  # who closes the window waits for no server
            signal.connect(lambda *_: worker.stop(asker.end, seconds=0))
        self.resize(480, 360)
        self.show_folder(folder)

    @property
    def path(self) -> Path | None:
        """The path that was chosen or typed, None if it is that of a folder."""
        text = self.line.text().strip()
        return None if not text or text.endswith("/") else Path(PurePosixPath(text))

    def show_folder(self, folder: Path) -> None:
        """Request the content of a folder; until it arrives, a line says that the server is asked."""
        self.folder = folder
        self.names.clear()
        self.line.setText(f"{folder.as_posix().rstrip('/')}/")
        self.up.setEnabled(folder != folder.parent)
        self.state.setText("Asking the server …")
        self._worker.ask(partial(self._asker.names, folder), self._names_came, self._names_failed, key="names")

    def _names_failed(self, error: Exception) -> None:
        self.state.setText(explain(error))

    def _names_came(self, names: Sequence[str]) -> None:
        for name in names:
            is_folder = _is_folder(name)
            item = QtWidgets.QListWidgetItem(icon("node-group" if is_folder else "h5saver"), name)
            item.setData(QtCore.Qt.ItemDataRole.UserRole, is_folder)
            self.names.addItem(item)
        self.state.setText("" if names else "This folder is empty.")
        if names and self.path is None:  # nobody has typed meanwhile
            self.names.setCurrentRow(len(names) - 1)
            self.names.setFocus()

    def _item_chosen(self, item: QtWidgets.QListWidgetItem | None) -> None:
        if item is not None:
            ending = "/" if item.data(QtCore.Qt.ItemDataRole.UserRole) else ""
            self.line.setText(f"{(self.folder / item.text()).as_posix()}{ending}")

    def _item_activated(self, item: QtWidgets.QListWidgetItem) -> None:
        if item.data(QtCore.Qt.ItemDataRole.UserRole):
            self.show_folder(self.folder / item.text())
        else:
            self.accept()

    def _show_whether_openable(self) -> None:
        self.open_button.setEnabled(bool(self.line.text().strip()))

    def accept(self) -> None:
        """Take the file, or show the folder that was chosen or typed."""
        if self.path is not None:
            super().accept()
        elif self.line.text().strip().startswith("/"):
            self.show_folder(Path(PurePosixPath(self.line.text().strip())))


def ask_existing(parent: QtWidgets.QWidget | None, make_asker: Callable[[], Backend], folder: Path) -> Path | None:
    """Ask for a file on a server; None if nothing was chosen."""
    dialog = ServerFiles(parent, make_asker, folder)
    path = dialog.path if dialog.exec() else None
    with suppress(RuntimeError):  # its parent was closed, and has taken it along
        dialog.deleteLater()
    return path


def ask_new(parent: QtWidgets.QWidget | None, folder: Path) -> Path | None:
    """Ask for the path of a new file on a server; None if none was given."""
    start = f"{folder.as_posix().rstrip('/')}/"
    line = QtWidgets.QLineEdit.EchoMode.Normal
    text, good = QtWidgets.QInputDialog.getText(parent, "Name of the new file", "Path on the server:", line, start)
    return Path(PurePosixPath(text.strip())) if good and text.strip() not in ("", start) else None
