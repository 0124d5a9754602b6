"""The actions of the buttons between the settings; the saver's slot that calls them reports their errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pyqtgraph.Qt import QtCore, QtGui

from h5saver_widget.qt.questions import folder_to_open
from h5saver_widget.qt.telling import show_file_content

if TYPE_CHECKING:
    from h5saver_widget.qt.h5saver import H5Saver

__all__ = ["PRESSED"]

#: What stands in the file as the reason for a recording that was begun by its button.
SAVE_BEFORE: Final = "Save what just happened"


def _pause(saver: H5Saver) -> None:
    if saver.is_paused:
        saver.resume()
    else:
        saver.pause()


def _stop(saver: H5Saver) -> None:
    saver.stop(wait=False)


def _mark(saver: H5Saver) -> None:
    if saver.isopen():
        saver.add_marker()
    else:
        saver.update_status("No marker was set: no file is open")


def _save_before(saver: H5Saver) -> None:
    if not saver.trigger(SAVE_BEFORE):
        saver.update_status("Nothing was held: a file is open, or Keep before is 0")


def _open_folder(saver: H5Saver) -> None:
    folder = folder_to_open(saver)
    if not QtGui.QDesktopServices.openUrl(QtCore.QUrl.fromLocalFile(str(folder))):
        saver.update_status(f"The files are in {folder}")


def _make_file(saver: H5Saver) -> None:
    if saver.isopen() and saver.watcher.wait_for_scan(partial(_make_after_scan, saver, saver.naming_time())):
        return
    before = (saver.generation, saver.pending())
    saver.new_file_sig.emit()
    if (saver.generation, saver.pending()) != before and saver.isopen() and not saver.frames_saved:
        return  # a host has made the file, or has begun to
    saver.do("opening", partial(_make_to_save, saver, saver.naming_time()), "No new file could be made")


def _make_to_save(saver: H5Saver, now: datetime) -> None:
    """Make a file, and save into it: Do Save is on while a file is open, unless the host has hidden it."""
    saver.chosen = saver.new_file(None, now)
    if saver.settings.child("do_save").opts["visible"]:
        saver.store.change(do_save=True)


def _make_after_scan(saver: H5Saver, now: datetime) -> Path:
    path = saver.new_file(None, now)
    saver.new_file_sig.emit()
    return path


def _browse(saver: H5Saver) -> None:
    path = saver.choose_existing_path()
    if path is not None:
        saver.open_file_dialog_result(path)


#: What each button does, by the name of its parameter.
PRESSED: Final[Mapping[str, Callable[[H5Saver], object]]] = {
    "pause": _pause,
    "stop": _stop,
    "marker": _mark,
    "save_before": _save_before,
    "try_alarm": lambda saver: saver.alarms.try_out(),
    "open_folder": _open_folder,
    "presets": lambda saver: None,  # the tree opens its menu
    "new_file": _make_file,
    "browse": _browse,
    "show_file": show_file_content,
    "test": lambda saver: saver.ask_server(),
}
