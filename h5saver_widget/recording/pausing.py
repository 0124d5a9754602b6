"""Pausing: frames of a continuous recording are skipped for a while; of a scan no point ever is. No Qt.

The functions of this module are methods of :class:`~h5saver_widget.recording.saver.H5SaverBase`, which lists them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from h5saver_widget.saving import frames
from h5saver_widget.saving.low_level import H5SaverLowLevel

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["is_paused", "leaves_out_frame", "let_pause", "pause", "resume", "scan_ended"]


def is_paused(saver: H5SaverBase) -> bool:
    """Whether frames of continuous recordings are skipped now."""
    return saver.watcher.is_paused


def pause(saver: H5SaverBase) -> None:
    """Leave out the frames from now on, until :meth:`resume`. Never waits.

    No point of a scan is left out: a pause is passed on to its program (:meth:`let_pause`), or refused.
    """
    scan = saver.pauses_scan() if saver.scan_runs else None
    if saver.scan_runs and scan is None:
        saver.update_status("A scan is being saved, of which no point is left out: pause it where it was started")
    elif saver.watcher.pause():
        if scan is not None:
            scan(True)
        saver.background.begin("", saver.flush, "What was saved last could not be flushed")
        saver._notify("paused", path=saver.file_path)


def resume(saver: H5SaverBase) -> None:
    """Go on after a pause. Never waits."""
    if saver.watcher.resume():
        scan = saver.pauses_scan()
        if scan is not None:
            scan(False)
        saver._notify("resumed", path=saver.file_path)


def let_pause(saver: H5SaverBase, pause: Callable[[bool], None]) -> None:
    """Have a pause passed on to the program of a scan.

    Parameters
    ----------
    pause
        A bound method; its object is not kept alive by this. Called with True for a pause while a scan runs, with False
        to go on; it must not wait.
    """
    saver.pauses_scan = weakref.WeakMethod(pause)


def scan_ended(saver: H5SaverBase) -> None:
    """Be told that all points of a scan were saved: a new file that has waited for it is made after this frame."""
    H5SaverLowLevel.scan_ended(saver)
    was_paused = saver.is_paused
    saver.watcher.scan_ended()
    if was_paused:
        saver._notify("resumed", path=saver.file_path)
    if not saver.is_within_step():
        saver._step_ended()


def leaves_out_frame(saver: H5SaverBase) -> bool:
    """Tell whether the frame of a continuous recording that comes now is skipped, and count it."""
    if not saver.watcher.is_paused:
        return saver.when_full != "wait" and frames.leaves_out_frame(saver)
    saver.watcher.counts.leave_out()
    return True
