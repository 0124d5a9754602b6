"""Frames on their way into a file: each is written or counted as lost, and none is older than it may be. No Qt.

The functions of this module are methods of :class:`~h5saver_widget.saving.low_level.H5SaverLowLevel`, which lists them.
"""

from __future__ import annotations

from dataclasses import replace
from time import monotonic, time
from typing import TYPE_CHECKING, Final

from h5saver_widget.errors import FileIncompleteError, QueueFullError
from h5saver_widget.saving.statistics import Statistics

if TYPE_CHECKING:
    from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = [
    "flush_if_due",
    "frame_lost",
    "frame_saved",
    "frames_lost",
    "frames_refused",
    "leaves_out_frame",
    "statistics",
]

#: A disk that refuses a flush for no longer than this, in s, has lost nothing, and nobody is told.
_WHIM_SECONDS: Final = 0.5


def flush_if_due(file: H5SaverLowLevel) -> None:
    """Flush if the last flush was longer than `flush_seconds` ago."""
    if monotonic() - file._flushed_at > file.flush_seconds and not file.flushes_too_often():
        file._flush_soon()


def frame_saved(file: H5SaverLowLevel, size: int) -> None:
    """Count a frame of `size` bytes, and flush if the last flush was too long ago."""
    file.io.queue.frame_done(size)
    file.frames_saved += 1
    file.bytes_saved += size
    file._notify("saved", frames=file.frames_saved, bytes=file.bytes_saved)
    try:
        file.flush_if_due()
    except OSError as error:  # no error of this frame: what it has cost is counted, and the next ones tell
        waits = isinstance(error, FileIncompleteError) and not error.is_lost
        if not waits or monotonic() - file._flushed_at > file.flush_seconds + _WHIM_SECONDS:
            file._notify("error", message=str(error), exception=error)


def frame_lost(file: H5SaverLowLevel, name: str, error: BaseException) -> None:
    """Count a frame that could not be saved; the same reason is reported once a second, not with every frame."""
    if getattr(error, "counted_as_lost", False):
        return  # an error on its way up through several savers is one lost frame
    error.counted_as_lost = True  # type: ignore[attr-defined]
    reason, now = f"{name}: {_in_words(error)}", monotonic()
    with file._counting:  # not the lock of the file: it may be busy, or there may be no file
        file._frames_refused += 1
        tell = reason != file._last_reason or now - file._last_told > 1.0
        if tell:
            file._last_reason, file._last_told = reason, now
    if tell:
        file._notify("error", message=f"A frame was not saved. {reason}", exception=error)


def _in_words(error: BaseException) -> str:
    """Return an error without the number that the system gives it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    return str(error)


def frames_lost(file: H5SaverLowLevel) -> int:
    """Return how many frames could not be saved, for any reason: the same number as in :meth:`statistics`."""
    return file.statistics().frames_dropped


def frames_refused(file: H5SaverLowLevel) -> int:
    """Return how many frames were refused when they came; others were accepted, and could not be written."""
    return file._frames_refused


def leaves_out_frame(file: H5SaverLowLevel) -> bool:
    """Tell whether the frame of a continuous recording that comes now is skipped on purpose, and count it.

    With ``when_full = 'drop'`` it is, while the disk can't keep up.
    """
    if file.when_full == "wait" or file.io.queue.has_room():
        return False
    file.frame_lost("the disk can't keep up", QueueFullError("too much is waiting to be written, a frame was dropped"))
    return True


def statistics(file: H5SaverLowLevel) -> Statistics:
    """Return the counts since the file was opened; never waits for the file."""
    if file._kept is not None:
        found, lost = file._kept
        more = file._frames_refused - lost
        return replace(found, frames_received=found.frames_received + more, frames_dropped=found.frames_dropped + more)
    session = file._counting_session
    queue = file.io.queue.counts() if session is None or session.io is not file.io else session.queue_counts()
    if queue is None:
        flushed = time() - (monotonic() - file._flushed_at) if file.is_ready else None
        return Statistics(
            frames_received=file.frames_saved + file._frames_refused,
            frames_written=file._frames_flushed,
            frames_dropped=file._frames_refused,
            frames_waiting=file.frames_saved - file._frames_flushed,
            bytes_in=file.bytes_saved,
            last_flush=flushed,
        )
    return Statistics(
        frames_received=queue.frames_received + file._frames_refused,
        frames_written=queue.frames_written,
        frames_dropped=queue.frames_dropped + file._frames_refused,
        frames_waiting=queue.frames_waiting,
        queue_bytes=queue.bytes_waiting,
        bytes_in=file.bytes_saved,
        bytes_on_disk=max(0, queue.file_size - file._size_before),
        waited_seconds=queue.waited_seconds,
        last_flush=queue.last_flush,
        file_size=None if file.capabilities.remote else queue.file_size,
    )
