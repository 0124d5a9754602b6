"""The questions that a saver asks: which file, and how to open one whose SWMR state differs from the settings.

Only the GUI thread can be asked; for another one there is no answer. The functions are methods of
:class:`~h5saver_widget.qt.h5saver.H5Saver`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget.errors import NamingError
from h5saver_widget.qt.server_dialog import ask_existing, ask_new
from h5saver_widget.recording.picking import SwmrAnswer

if TYPE_CHECKING:
    from h5saver_widget.qt.h5saver import H5Saver

__all__ = ["choose_existing_path", "choose_new_path", "choose_swmr", "folder_to_open", "may_ask", "naming_time"]

#: A name on screen is a promise for so long; later (the window was busy) a file is named by the clock.
_SHOWN_FOR = timedelta(seconds=2)
_FILTER = "HDF5 files (*.h5 *.hdf5 *.nxs);;All files (*)"


def may_ask() -> bool:
    """Whether this is the GUI thread of a program with windows: only there a question can be asked."""
    application = QtWidgets.QApplication.instance()
    return isinstance(application, QtWidgets.QApplication) and QtCore.QThread.currentThread() == application.thread()


def choose_swmr(saver: H5Saver, path: Path, file_is_swmr: bool) -> SwmrAnswer:
    """Ask how to open a file that is made for SWMR while the settings are not, or the other way round.

    In other threads, SWMR is switched as the file is.
    """
    if not may_ask():
        return SwmrAnswer.ADAPT
    made, wanted, switched = ("with", "off", "on") if file_is_swmr else ("without", "on", "off")
    box = QtWidgets.QMessageBox(saver.view)
    box.setIcon(QtWidgets.QMessageBox.Icon.Question)
    box.setWindowTitle("SWMR settings differ")
    box.setTextFormat(QtCore.Qt.TextFormat.PlainText)
    box.setText(
        f"{path.name} was made {made} SWMR (single writer, multiple readers), but SWMR is {wanted} in the settings.\n\n"
        f"If you keep it, it is renamed to {path.stem}_old1{path.suffix} (or the next free number)."
    )
    roles = QtWidgets.QMessageBox.ButtonRole
    append = box.addButton(f"Append with SWMR {switched}", roles.AcceptRole)
    keep = box.addButton("Keep it and start a new file", roles.DestructiveRole)
    box.addButton("Open nothing", roles.RejectRole)
    box.setDefaultButton(append)
    box.exec()
    return {append: SwmrAnswer.ADAPT, keep: SwmrAnswer.NEW}.get(box.clickedButton(), SwmrAnswer.CANCEL)


def choose_new_path(saver: H5Saver) -> Path | None:
    """Ask for the path of a file to be made."""
    if not may_ask():
        return None
    if saver.capabilities.remote:
        return ask_new(saver.view, saver.server_folder())
    folder = str(saver.settings["base_path"])
    name, _ = QtWidgets.QFileDialog.getSaveFileName(saver.view, "Name of the new file", folder, _FILTER)
    return Path(name) if name else None


def choose_existing_path(saver: H5Saver, folder: Path | str | None = None) -> Path | None:
    """Ask for an existing file."""
    if not may_ask():
        return None
    if saver.capabilities.remote:
        return _choose_on_server(saver, Path(folder) if folder else None)
    start = str(folder or saver.h5_file_path or saver.settings["base_path"])
    name, _ = QtWidgets.QFileDialog.getOpenFileName(saver.view, "File to add to", start, _FILTER)
    return Path(name) if name else None


def _choose_on_server(saver: H5Saver, folder: Path | None) -> Path | None:
    """Ask for a file on the server."""
    try:
        where = folder or (saver.h5_file_path if saver.file_path else None) or saver.server_folder()
    except NamingError as error:
        saver.report("The server can't be looked into", error)
        return None
    return ask_existing(saver.view, saver.server_asker(), where)


def folder_to_open(saver: H5Saver) -> Path:
    """Return the folder of the current file; where there is none, the nearest one above those that files will go to."""
    wanted = saver.h5_file_path or saver.base_folder()
    return next((folder for folder in (wanted, *wanted.absolute().parents) if folder.is_dir()), Path.home())


def naming_time(saver: H5Saver) -> datetime:
    """Return the time for the name of a file made now: that of the name on screen, or the clock's.

    A user who sees a name and presses the button gets a file of this name, even if a second begins in between.
    """
    now = datetime.now()
    shows = may_ask() and saver.view is not None and saver.view.isVisible()
    shown = saver.view.tree.shown_for if shows and saver.view is not None else None
    return shown if shown is not None and shown <= now < shown + _SHOWN_FOR else now
