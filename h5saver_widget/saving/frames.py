"""Frames on their way into a file: each is written or counted as lost, and none is older than it may be. No Qt."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, time
from typing import Any, Literal

import numpy as np

from h5saver_widget.errors import FileOpenError, QueueFullError
from h5saver_widget.saving.content import H5Content
from h5saver_widget.saving.statistics import Statistics

__all__ = ["H5Frames"]


class H5Frames(H5Content):
    """Counts the frames that go into a file, and flushes them; `H5SaverLowLevel` says what its attributes mean."""

    def __init__(self, backend: str | None = None, *, isolated: bool = False) -> None:
        super().__init__(backend, isolated=isolated)
        self.dynamic: np.dtype[Any] | None = None
        self.flush_seconds = 1.0
        #: Whether a scan has begun of which points are still to come.
        self.scan_runs = False
        self.when_full: Literal["wait", "drop"] = "wait"
        self.frames_saved = 0
        self.bytes_saved = 0
        self.frames_lost = 0
        self._frames_flushed = 0
        self._counting = threading.Lock()
        self._last_reason = ""
        self._last_told = 0.0
        self._last_flush = 0.0
        self._size_before = 0

    def flush(self) -> None:
        """Hand everything written so far to the operating system; does nothing when no file is open."""
        before = self.frames_saved
        super().flush()
        self._last_flush, self._frames_flushed = monotonic(), before

    def flush_if_due(self) -> None:
        """Flush if the last flush was longer than `flush_seconds` ago."""
        if monotonic() - self._last_flush > self.flush_seconds:
            self._flush_soon()

    def _flush_soon(self) -> None:
        before = self.frames_saved
        super()._flush_soon()
        self._last_flush, self._frames_flushed = monotonic(), before

    @contextmanager
    def saving_frame(self, name: str) -> Iterator[None]:
        """Save one frame in the block: one step for other threads, counted as lost if it raises.

        Parameters
        ----------
        name
            What the frame is of, for the message.
        """
        try:
            with self.saving():
                yield
        except Exception as error:
            self.frame_lost(name, error)
            raise

    def frame_saved(self, size: int) -> None:
        """Count a frame of `size` bytes, and flush if the last flush was too long ago."""
        self._require_file()
        self.frames_saved += 1
        self.bytes_saved += size
        self.io.frame_done(size)
        self.flush_if_due()
        self._notify("saved", frames=self.frames_saved, bytes=self.bytes_saved)

    def _require_file(self) -> None:
        """Raise FileOpenError if the file, or its folder, was removed: looked after as often as it is flushed.

        The operating system lets a program write on into a file that has no name any more, and drops it at the end.
        """
        path = self.file_path
        if path is None or self.capabilities.remote or monotonic() - self._last_flush <= self.flush_seconds:
            return
        if not path.exists():
            raise FileOpenError(f"{path} was removed while it was written: start a new file to save on")

    def frame_lost(self, name: str, error: BaseException) -> None:
        """Count a frame that could not be saved; the same reason is told once a second, not with every frame."""
        if getattr(error, "counted_as_lost", False):
            return  # an error on its way up through several savers is one lost frame
        error.counted_as_lost = True  # type: ignore[attr-defined]
        reason, now = f"{name}: {error}", monotonic()
        with self._counting:  # not the lock of the file: it may be busy, or there may be no file
            self.frames_lost += 1
            tell = reason != self._last_reason or now - self._last_told > 1.0
            if tell:
                self._last_reason, self._last_told = reason, now
        if tell:
            self._notify("error", message=f"a frame was not saved. {reason}", exception=error)

    def leaves_out_frame(self) -> bool:
        """Tell whether the frame of a continuous recording that comes now is left out on purpose, and count it.

        With ``when_full = 'drop'`` it is, while the disk can't keep up.
        """
        if self.when_full == "wait" or self.io.has_room():
            return False
        self.frame_lost(
            "the disk can't keep up", QueueFullError("too much is waiting to be written, a frame was dropped")
        )
        return True

    def scan_begun(self) -> None:
        """Be told by a module saver that a scan has begun: a new file has to wait for its end."""
        self.scan_runs = True

    def scan_ended(self) -> None:
        """Be told by a module saver that all points of a scan were saved."""
        self.scan_runs = False

    def source_saved(self, title: str) -> None:
        """Be told by a module saver that a frame of this module was saved."""

    def statistics(self) -> Statistics:
        """Return what was counted since the file was opened; never waits for the file."""
        received, queue = self.frames_saved + self.frames_lost, self.io.queue()
        if queue is None:
            flushed = time() - (monotonic() - self._last_flush) if self.isopen() else None
            return Statistics(
                received,
                self.frames_saved,
                self.frames_lost,
                bytes_in=self.bytes_saved,
                last_flush=flushed,
                frames_flushed=self._frames_flushed,
            )
        failed = self.io.failure is not None
        return Statistics(
            frames_received=received,
            frames_written=queue.frames_written,
            frames_dropped=received - queue.frames_written if failed else self.frames_lost,
            queue_frames=0 if failed else max(0, self.frames_saved - queue.frames_written),
            queue_bytes=0 if failed else queue.bytes_waiting,
            bytes_in=self.bytes_saved,
            bytes_on_disk=max(0, queue.file_size - self._size_before),
            waited_seconds=queue.waited_seconds,
            last_flush=queue.last_flush,
            file_size=None if self.capabilities.remote else queue.file_size,
            frames_flushed=queue.frames_flushed,
        )

    def _notify(self, command: str, **args: Any) -> None:
        """Be told of a change of state, possibly in a worker thread; see the module's users for the commands."""
