"""Looking after an open file: it is flushed although no frame arrives, ended when that is due, and closed. No Qt.

The functions of this module are methods of :class:`~h5saver_widget.recording.saver.H5SaverBase`, which lists them.
"""

from __future__ import annotations

import threading
import weakref
from contextlib import suppress
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Final

from h5saver_widget.recording import sealed_files
from h5saver_widget.saving.low_level import H5SaverLowLevel

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["begin_looking", "close_file", "close_now", "flush", "flush_now_and_then", "flush_soon", "look_after"]

#: How often a script's file is looked after, in s.
_LOOK_SECONDS: Final = 0.2
#: Errors of closing, which the status ``error`` tells.
_TOLD: Final = (OSError, RuntimeError, ValueError, KeyError)


def flush(saver: H5SaverBase, timeout: float | None = None) -> None:
    """Hand everything written so far to the operating system; does nothing when no file is open.

    Parameters
    ----------
    timeout
        How long to wait, in s; None waits until it is done.

    Raises
    ------
    NotAnsweringError
        If it takes longer. It continues in the background.
    """
    if timeout is not None:
        saver.background.done_within(timeout, "", saver.flush, "The file could not be flushed")
        return
    if saver.intake.is_gated and not saver.background.worker.is_this_thread:
        saver.wait()  # for the frames that wait
    before = saver.bytes_saved
    H5SaverLowLevel.flush(saver)
    saver.watcher.space.flushed(before)


def flush_soon(saver: H5SaverBase) -> None:
    """Have the file flushed, without waiting for it where another process does it."""
    saver.watcher.space.flush_begun(saver.bytes_saved)
    H5SaverLowLevel._flush_soon(saver)


def close_file(saver: H5SaverBase, timeout: float | None = None) -> None:
    """Complete the file and close it; never raises: the status ``error`` reports a failure.

    Parameters
    ----------
    timeout
        How long to wait, in s; None waits until it is done.

    Raises
    ------
    NotAnsweringError
        If it takes longer than `timeout`. It continues in the background.
    """
    if timeout is not None:
        saver.background.done_within(timeout, "closing", saver.close_file, "The file could not be closed")
        return
    saver.wait()
    saver._close_now()


def close_now(saver: H5SaverBase) -> None:
    """Close the file now; the log tells which needed sources have never come."""
    with suppress(*_TOLD):  # told by _notify
        never = saver.watcher.never_came()
        if never and saver.io.writable and not saver.watcher.is_rolling:
            saver.add_log(f"{datetime.now():%Y-%m-%d %H:%M:%S} {never}")
    sealed_files.follow(saver)
    with suppress(*_TOLD):
        H5SaverLowLevel._close_now(saver)


def flush_now_and_then(saver: H5SaverBase) -> None:
    """Flush, because the last flush was long ago; an error is that of the disk, and not of the frame that came."""
    try:
        saver._flush_soon()
    except OSError as error:  # no error of this frame: what it has cost is counted, and the next ones tell
        saver._did_not_work("", "What was saved last could not be flushed", error)


def begin_looking(saver: H5SaverBase) -> None:
    """Have :meth:`look_after` called while a file is open; where there is a window, its timer does it."""
    threading.Thread(target=_look, args=(weakref.ref(saver),), name="h5saver: look", daemon=True).start()


def look_after(saver: H5SaverBase) -> None:
    """Do the work that is due although no frame arrives: to be called often, never waits.

    The last frame must be flushed even if no frame follows; a recording ends after its time even if nothing
    arrives.
    """
    for problem in saver.io.queue.take_problems():
        saver._notify("error", message=problem, exception=None)
    saver.alarms.look()
    saver.timing.look()
    if not saver.io.writable or not saver.background.worker.is_idle:
        return
    stale = saver.frames_saved > saver._frames_flushed and monotonic() - saver._flushed_at > saver.flush_seconds
    if stale or saver.is_undescribed:
        saver.background.begin("", saver.flush_if_due, "What was saved last could not be flushed")
    if saver.watcher.is_due():
        saver.background.begin("", saver.watcher.end_file_if_due, "The recording could not go on")


def _look(saver_of: weakref.ref[H5SaverBase]) -> None:
    """Look after a file while it is open; a saver that is forgotten must not be kept by that."""
    pause = threading.Event()
    while not pause.wait(_LOOK_SECONDS):
        saver = saver_of()
        if saver is None or not saver.isopen():
            return
        saver.look_after()
        del saver
