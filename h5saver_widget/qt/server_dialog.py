"""Two questions about files on a server: which of these, and what is the new one to be called."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pyqtgraph.Qt import QtWidgets

__all__ = ["ask_existing", "ask_new"]


def ask_existing(parent: QtWidgets.QWidget | None, folder: Path, names: Sequence[str]) -> Path | None:
    """Ask for one of the files in a folder of a server, or any other path there; None if nothing was chosen."""
    paths = [(folder / name).as_posix() for name in names] or [f"{folder.as_posix()}/"]
    label = "File on the server, chosen or typed:"
    text, good = QtWidgets.QInputDialog.getItem(parent, "File to add to", label, paths, len(paths) - 1, True)
    return Path(PurePosixPath(text.strip())) if good and text.strip() else None


def ask_new(parent: QtWidgets.QWidget | None, folder: Path) -> Path | None:
    """Ask for the path of a new file on a server; None if none was given."""
    start = f"{folder.as_posix().rstrip('/')}/"
    line = QtWidgets.QLineEdit.EchoMode.Normal
    text, good = QtWidgets.QInputDialog.getText(parent, "Name of the new file", "Path on the server:", line, start)
    return Path(PurePosixPath(text.strip())) if good and text.strip() not in ("", start) else None
