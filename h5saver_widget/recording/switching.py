"""Switching: how *Do Save* begins and ends a recording, and how a file that somebody has picked is opened. No Qt.

Some of these functions are methods of :class:`~h5saver_widget.recording.saver.H5SaverBase`, which lists them.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from h5saver_widget.errors import NotAnsweringError
from h5saver_widget.format.naming import with_h5_suffix
from h5saver_widget.recording import opening
from h5saver_widget.recording.picking import SwmrAnswer

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["ask_later", "before_closing", "do_save_changed", "open_looked_at", "pick", "start", "stop"]

#: Whether a call waits by itself for its task; of each thread.
_asking = threading.local()


def start(
    saver: H5SaverBase,
    path: Path | str | None = None,
    wait: bool | float = True,
    *,
    before: float = 0.0,
    reason: str = "start",
    source: str = "",
) -> None:
    """Start recording (*Do Save*), or go on after a pause; from any thread.

    Parameters
    ----------
    path
        Exactly this file; one that is there is renamed to ``name_old1.h5`` first. None: named as the settings say.
    wait
        Return once the file is open; a number of seconds waits no longer than that. False begins it: frames are taken
        from now on, and wait for the file. Where a window waits, it does so for ten seconds at most.
    before
        Begin with the frames of so many seconds before this call, as far as they are held (*Keep before*).
    reason, source
        What is noted in the file for that: why it begins so, and the source whose last frame is the reason.

    Raises
    ------
    FileOpenError, NamingError, OSError
        If the file could not be opened.
    NotAnsweringError
        If it takes longer than `wait`; it continues in the background.
    """
    if path is None and saver.watcher.is_paused:
        saver.resume()
        return
    saver.asked_path = None if path is None else Path(path)
    kept, begun = saver.kept_before, saver.switched
    fires = kept is not None and before > 0 and kept.fire(before, reason, source, str(path or ""))
    with _begins_only():
        if not saver.store.current.do_save:
            saver.store.change(do_save=True)
        elif path is not None:
            _begin_saving(saver, saver.naming_time())
    if kept is not None and fires and saver.switched is begun:
        kept.give_up()
    _wait_for(saver, wait)
    if not saver.isopen() and wait and saver.switched is not None and saver.switched.error is not None:
        raise saver.switched.error


def stop(saver: H5SaverBase, wait: bool | float = True) -> None:
    """Complete and close the file, and switch *Do Save* off; an error that was shown counts as seen. From any thread.

    Parameters
    ----------
    wait
        As of :func:`start`: until the file is complete and closed.

    Raises
    ------
    NotAnsweringError
        If it takes longer than `wait`; it continues in the background.
    """
    with _begins_only():
        if saver.store.current.do_save:
            saver.store.change(do_save=False)
        elif saver.isopen():
            saver.do_save_changed(False)
    saver.clear_problem()
    _wait_for(saver, wait)


@contextmanager
def _begins_only() -> Iterator[None]:
    """Have *Do Save* begin in the block without waiting for it, in this thread."""
    _asking.begins_only = True
    try:
        yield
    finally:
        _asking.begins_only = False


def do_save_switched(saver: H5SaverBase, do_save: bool) -> None:
    """Apply *Do Save*; without a window that shows the progress, wait until it is done."""
    saver.do_save_changed(do_save)
    if saver.waits_for_switch and not getattr(_asking, "begins_only", False):
        _wait_for(saver, True)


def _wait_for(saver: H5SaverBase, wait: bool | float) -> None:
    task = saver.switched
    if task is None or not wait or saver.background.worker.is_this_thread or saver.io.holds_lock():
        return
    seconds = saver.patience(wait)
    if seconds is None and saver.background.worker.is_lent:
        return  # the end waits for the frames of the host, perhaps for those of this thread
    if not task.wait(seconds):
        raise NotAnsweringError(f"the disk has not answered for {seconds:g} s; it continues in the background")
    saver.has_switched()


def do_save_changed(saver: H5SaverBase, do_save: bool) -> None:
    """Begin to save, or complete and close the file; a task that has not started is cancelled."""
    path = None
    asks = do_save and saver.asked_path is None and saver.store.current.custom_name and not _goes_on(saver)
    if asks and saver.may_ask():
        path = saver.choose_new_path()
        if path is None:
            saver.update_status("no file name was chosen, no file was made")
            saver.switch_off()
            return
    with saver.may_switch:  # threads that switch at once: what counts is how the switch stands in the end
        if saver.store.current.do_save != do_save:
            return
        if do_save:
            if saver.asked_path is None and saver.background.take_back("closing"):
                return  # the file that was about to be closed stays open
            _begin_saving(saver, saver.naming_time(), path)
            return
        saver.chosen = None
        if not saver.isopen():
            return
        if saver.intake.is_empty() and not _has_fired(saver):
            saver.background.take_back("opening")
        saver.is_stopping()
        if not saver.isopen():
            return
        saver.switched = saver.background.begin("closing", partial(_stop_saving, saver), "The file could not be closed")


def _begin_saving(saver: H5SaverBase, now: datetime, path: Path | None = None) -> None:
    asked, saver.asked_path = saver.asked_path, None
    saver.promised = now
    work = partial(_start_saving, saver, path or asked, asked is not None)
    saver.switched = saver.background.begin("opening", work, "Saving could not start")


def _has_fired(saver: H5SaverBase) -> bool:
    return saver.kept_before is not None and saver.kept_before.has_fired


def _goes_on(saver: H5SaverBase) -> bool:
    """Tell whether the open file is the one to add to: the user has just picked it, or the host has just made it."""
    is_made = saver.made_by_host == (saver.generation, saver.recipe())
    return saver.io.writable and (is_made or saver.file_path == saver.chosen)


def _start_saving(saver: H5SaverBase, path: Path | None, is_asked: bool) -> None:
    if is_asked or not _goes_on(saver):
        saver.init_file(update_h5=True, addhoc_file_path=path)
    saver._notify("saving", path=saver.file_path)
    if saver.kept_before is not None and saver.kept_before.has_fired:
        saver.kept_before.hand_over()


def _stop_saving(saver: H5SaverBase) -> None:
    with saver.background.worker.lent():
        for known in saver.drains:
            drain = known()
            if drain is not None:
                drain()
    saver.close_file()


def before_closing(saver: H5SaverBase, drain: Callable[[], None]) -> None:
    """Have a method called before the file is closed because *Do Save* was switched off.

    A host that saves in its own thread waits here until its frames are saved. Meanwhile that thread may call anything
    of the saver: nothing waits for the end, which waits for it.

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
    saver.intake.by_hand = True
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
    saver.chosen, saver.intake.by_hand = path, True
    saver.user_changed_file(path)
