"""One open file of a saver: the updates before it is closed, and closing it.

Kept apart from the saver so that a file whose saver was forgotten can still be closed properly: a finalizer may hold
the session, never the saver itself.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import warnings
import weakref
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.derived import update_shapes
from h5saver_widget.backends.terms import Handle, Queue
from h5saver_widget.errors import FileOpenError, H5SaverError, NotAnsweringError
from h5saver_widget.format import codec
from h5saver_widget.format.layout import LOGGER_NAME
from h5saver_widget.saving.entry import Entry
from h5saver_widget.saving.group_cache import GroupCache
from h5saver_widget.saving.nexus import Plots

__all__ = ["Session", "close_forgotten"]

logger = logging.getLogger(__name__)

#: How long a program that ends waits for a disk that does not answer, in s.
EXIT_SECONDS: Final = 3.0

_open_sessions: weakref.WeakSet[Session] = weakref.WeakSet()


def _close_all_at_exit() -> None:
    close_forgotten([session for session in _open_sessions if _answers(session.io)])


def _answers(io: Backend) -> bool:
    """Tell whether a file can be closed: a program ends although a disk does not answer.

    Nothing is lost then: the process that has the file completes it when the disk is back.
    """
    if not io.queue.is_isolated:
        return True
    pause = threading.Event()
    while (activity := io.queue.activity()).doing and activity.seconds < EXIT_SECONDS:
        pause.wait(0.05)
    try:
        if activity.doing:
            return False
        io.flush(timeout=EXIT_SECONDS)
    except NotAnsweringError:
        return False
    except (H5SaverError, OSError):  # told when it is closed
        pass
    return True


def _go_first_at_exit() -> None:
    """Have files closed at exit before a library does it: PyTables would close all of its own.

    Exit handlers run in reverse order, so this one is registered anew with every file: its library is certainly loaded
    then.
    """
    atexit.unregister(_close_all_at_exit)
    atexit.register(_close_all_at_exit)


@dataclass(eq=False)
class Session:
    """An open file, and the work that closing it has to do."""

    io: Backend
    raw_path: str
    #: Whether the file is in a format in which streaming can be started.
    swmr: bool = False
    #: Handle of the raw data group. Held for its sake: PyTables closes groups that nobody holds, and lists all their
    #: nodes again when they are opened again.
    raw: Handle | None = None
    #: Growing arrays written in this session, by path: their ``shape`` attribute is brought up to date at the end.
    #: Rewriting it with every row would cost three times as much as the row itself.
    growing: dict[str, Handle] = field(default_factory=dict)
    #: Handle of the log, once a line was written.
    logger: Handle | None = None
    #: Counts of the frames before the file was closed and opened again, which ends streaming.
    counted: Queue | None = None
    #: Attributes of the raw data group that are written before the file is closed: how many frames came and went.
    counts: dict[str, Any] = field(default_factory=dict)
    #: Log lines that came while the file was streaming: rows of any length are broken under SWMR, so they wait.
    late_lines: list[str] = field(default_factory=list)
    #: Groups that were used recently: group 10,000 costs as much as group 10.
    group_cache: GroupCache = field(default_factory=GroupCache)
    #: Name of the last group of a title, by path of the parent and type, for the same reason.
    titles: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    #: New arrays that NeXus readers don't know yet.
    plots: Plots = field(default_factory=Plots)
    #: How many numbered groups were made.
    groups_made: int = 0
    #: Path of a local file that is written, and its identity on the disk.
    written: tuple[Path, os.stat_result] | None = None
    #: The ``/entry`` of the file, which shows the data to NeXus readers.
    entry: Entry = field(init=False)
    #: The recordings below groups that savers have begun: two that append to one group share one.
    recordings: weakref.WeakValueDictionary[Any, Any] = field(default_factory=weakref.WeakValueDictionary)

    def __post_init__(self) -> None:
        """Have the file closed when the interpreter ends, even if nobody closes it before."""
        self.entry = Entry(self.io)
        _open_sessions.add(self)
        _go_first_at_exit()

    def hold_raw(self) -> None:
        """Hold the raw data group, if there is one."""
        self.raw = self.io.node(self.raw_path) if self._has_raw() else None

    def _has_raw(self) -> bool:
        return "/" not in self.raw_path.strip("/") and self.io.has_child(self.io.root(), self.raw_path.strip("/"))

    def written_at(self, path: Path) -> None:
        """Remember which file is written."""
        with suppress(OSError):
            self.written = path, path.stat()

    def moved(self) -> Path | None:
        """Return the present path of a file that was renamed while it was written; None if it was not."""
        if self.written is None:
            return None
        path, about = self.written
        try:
            if os.path.samestat(about, path.stat()):
                return None
        except FileNotFoundError:
            pass
        except OSError:
            return None
        with suppress(H5SaverError, OSError):  # said when it is closed
            return self.io.current_path()
        return None

    def close(self) -> None:
        """Bring the derived attributes up to date and close the file."""
        if not self.io.is_owned:
            return  # in a copy of the program: the file is the program's
        with self.io.lock:
            if not self.io.is_open:
                return
            try:
                self.end_streaming()
                if self.io.writable:
                    self._bring_up_to_date()
            finally:
                self.raw, self.logger, self.growing = None, None, {}
                self.group_cache.clear()
                self.io.close()

    def end_streaming(self) -> None:
        """Reopen a streaming file: streaming can't be switched off on an open one."""
        if not self.io.swmr_active:
            return
        with self.io.switching():
            self._reopen()

    def _reopen(self) -> None:
        path = self.io.current_path()
        grown = list(self.growing)
        self.group_cache.clear()
        self.recordings.clear()
        self.io.close()
        self.counted = self.queue_counts()
        try:
            self.io.open(path, "r+", swmr=True)
        except FileOpenError:
            # A reader still holds its lock, and the log lines that waited must not be lost for that. Another *writer*
            # is refused all the same: files made for streaming carry a flag while somebody writes.
            self.io.open(path, "r+", swmr=True, locking=False)
        self.growing = {name: self.io.node(name) for name in grown}
        self.hold_raw()
        self.logger = None
        root = self.io.root()
        self.io.set_attributes(root, {"swmr_active": np.bool_(False)})
        if self.late_lines:
            logger = self.io.node(self.logger_path)
            for line in self.late_lines:
                self.io.append(logger, codec.encode_log_line(line))
            self.growing[self.io.path_of(logger)] = logger
            self.late_lines = []
            self.io.queue.keep_row(self.logger_path, None)

    def queue_counts(self) -> Queue | None:
        """Return the counts of frames since the file was opened for the first time; None where they are not counted."""
        now, before = self.io.queue.counts(), self.counted
        if now is None or before is None:
            return now
        return replace(
            now,
            frames_received=now.frames_received + before.frames_received,
            frames_written=now.frames_written + before.frames_written,
            frames_dropped=now.frames_dropped + before.frames_dropped,
            bytes_written=now.bytes_written + before.bytes_written,
            waited_seconds=now.waited_seconds + before.waited_seconds,
        )

    @property
    def logger_path(self) -> str:
        """Path of the log."""
        return f"{self.raw_path}/{LOGGER_NAME}"

    def _bring_up_to_date(self) -> None:
        update_shapes(self.io, self.growing.values())
        self.entry.end(datetime.now().astimezone())
        if self.counts and self.raw is not None:
            self.io.set_attributes(self.raw, self.counts)
        self.growing = {}


def close_forgotten(holder: list[Session]) -> None:
    """Close the file of a saver that is gone, and say so."""
    for session in list(holder):
        if not session.io.is_owned:
            continue
        path: Path | None = session.io.path
        if path is not None:
            try:
                session.close()
            except (H5SaverError, OSError) as error:  # its process has ended before
                logger.warning("%s could not be completed: %s", path, error)
            holder.clear()
            warnings.warn(
                f"{path} was still open when its saver was forgotten; it was closed now. "
                "Call close_file(), or use the saver in a with block",
                ResourceWarning,
                stacklevel=2,
            )
