"""Arriving: calls that need a file wait for one that is being opened; questions never do. No Qt.

The functions of this module are methods of :class:`~h5saver_widget.recording.saver.H5SaverBase`, which lists them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from h5saver_widget.errors import FileNotOpenError
from h5saver_widget.nodes.typed import GROUP, Node
from h5saver_widget.saving import groups
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.low_level import H5SaverLowLevel

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["arrive", "get_node", "isopen", "pending", "raw_group", "require_open", "root", "wait"]


def pending(saver: H5SaverBase) -> tuple[str, float]:
    """Return the running background work (``'opening'``, ``'closing'``), and for how many seconds it has run."""
    task = saver._begun
    return ("", 0.0) if task is None else (task.doing, saver.background.worker.seconds)


def wait(saver: H5SaverBase, timeout: float | None = None) -> None:
    """Wait until everything that was begun in the background is done.

    Raises
    ------
    NotAnsweringError
        If it takes longer than `timeout` seconds. The work continues.
    """
    if not saver.io.holds_lock():
        saver.background.worker.wait(timeout)


def isopen(saver: H5SaverBase) -> bool:
    """Tell whether a file is open; never waits.

    True from the moment an opening was begun until it has failed, and while a recording is between one file and the
    next; False from the moment a closing was begun.
    """
    task = saver._begun
    if task is not None and not saver.background.worker.is_this_thread:
        return bool(task.doing == "opening")
    return saver.watcher.is_rolling or saver.is_ready


def arrive(saver: H5SaverBase) -> None:
    """Wait for a file that is being opened, unless it is this thread that opens it or holds the file's lock."""
    task = saver._begun
    if task is None or task.doing != "opening" or saver.background.worker.is_this_thread:
        return
    if saver.is_ready and not (saver.kept_before is not None and saver.kept_before.has_fired):
        return
    if saver.io.holds_lock():
        raise FileNotOpenError("the file is still being opened; call this before taking its lock")
    task.wait()


def require_open(saver: H5SaverBase, what: str) -> None:
    """Raise FileNotOpenError when no file is open, with the reason if saving was stopped for one."""
    if saver._begun is not None:
        saver._arrive()
    if saver.is_ready:
        return
    if saver.watcher.stopped_because:
        raise FileNotOpenError(f"can't {what}: saving was stopped, {saver.watcher.stopped_because}")
    H5SaverLowLevel.require_open(saver, what)


def raw_group(saver: H5SaverBase) -> GROUP | str:
    """Return the group that all data go into; its path while no file is open."""
    if saver._begun is not None:
        saver._arrive()
    found: GROUP | str = H5SaverLowLevel.raw_group.__get__(saver)
    return found


def root(saver: H5SaverBase) -> GROUP:
    """Return the root group."""
    saver.require_open("look into the file")
    return H5SaverLowLevel.root(saver)


def get_node(saver: H5SaverBase, where: Where, name: str | None = None) -> Node:
    """Return the node at a place, or of a name in it; waits for a file that is being opened."""
    if saver._begun is not None:
        saver._arrive()
    return groups.get_node(saver, where, name)
