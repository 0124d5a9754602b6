"""Switching: how *Do Save* begins and ends a recording, and how a file that somebody has picked is opened. No Qt.

Some of these functions are methods of :class:`~h5saver_widget.recording.saver.H5SaverBase`, which lists them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from h5saver_widget.format.naming import with_h5_suffix
from h5saver_widget.recording import opening
from h5saver_widget.recording.picking import SwmrAnswer

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["ask_later", "before_closing", "do_save_changed", "open_looked_at", "pick"]


def do_save_changed(saver: H5SaverBase, do_save: bool) -> None:
    """Start saving, or complete and close the file."""
    if not do_save:
        saver.chosen = None
        if not saver.isopen():
            return
        saver.do("closing", partial(_stop_saving, saver), "The file could not be closed")
        return
    path = None
    if saver.store.current.custom_name and not _goes_on(saver):
        path = saver.choose_new_path()
        if path is None:
            saver.update_status("no file name was chosen, no file was made")
            saver.switch_off()
            return
    saver.promised = saver.naming_time()
    saver.do("opening", partial(_start_saving, saver, path), "Saving could not start")


def _goes_on(saver: H5SaverBase) -> bool:
    """Tell whether the open file is the one to add to: the user has just picked it."""
    return saver.io.writable and saver.file_path == saver.chosen


def _start_saving(saver: H5SaverBase, path: Path | None) -> None:
    if not _goes_on(saver):
        saver.init_file(update_h5=True, addhoc_file_path=path)
    saver._notify("saving", path=saver.file_path)


def _stop_saving(saver: H5SaverBase) -> None:
    for known in saver.drains:
        drain = known()
        if drain is not None:
            drain()
    saver.close_file()


def before_closing(saver: H5SaverBase, drain: Callable[[], None]) -> None:
    """Have a method called before the file is closed because *Do Save* was switched off.

    A host that saves in a thread of its own waits here until its frames are saved.

    Parameters
    ----------
    drain
        A bound method; its object is not kept alive by this. Where there is a window it is called by the worker of
        the saver, never by the GUI thread.
    """
    saver.drains = [known for known in saver.drains if known() is not None]
    saver.drains.append(weakref.WeakMethod(drain))


def pick(saver: H5SaverBase, path: Path) -> None:
    """Open a file that a person has chosen, to add to it; problems are reported."""
    saver.do("opening", partial(_open_picked, saver, path), f"{path.name} could not be opened")


def _open_picked(saver: H5SaverBase, path: Path) -> None:
    path = with_h5_suffix(path.expanduser()).absolute()
    if saver.io.writable and path == saver.file_path:
        _picked(saver, path)
        return
    file_is_swmr = opening.swmr_mismatch(saver, path, picked=True)
    if file_is_swmr is None or not saver.ask_later(path, file_is_swmr):
        answer = None if file_is_swmr is None else saver.choose_swmr(path, file_is_swmr)
        saver.open_looked_at(path, file_is_swmr, answer)


def ask_later(saver: H5SaverBase, path: Path, file_is_swmr: bool) -> bool:
    """Have a person asked about the SWMR state of a file that was picked; False: nobody can be asked later."""
    return False


def open_looked_at(saver: H5SaverBase, path: Path, file_is_swmr: bool | None, answer: SwmrAnswer | None) -> None:
    """Open a file that was picked and looked at."""
    opened = opening.open_as_answered(saver, path, "a", None, file_is_swmr, answer)
    if opened is not None:
        _picked(saver, opened)


def _picked(saver: H5SaverBase, path: Path) -> None:
    saver.chosen = path
    saver.user_changed_file(path)
