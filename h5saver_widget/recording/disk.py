"""The disk while it fills: measured in a thread, because a share that hangs must not hang a window.

:class:`DiskWatch` measures, :class:`MinimumFreeSpace` decides, :class:`FreeSpace` does both for a recorder. Between two
measurements, accepted data count as written to the disk: 1 GB/s may use up the minimum free space before the next
measurement.
"""

from __future__ import annotations

import shutil
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from h5saver_widget.errors import FileOpenError
from h5saver_widget.saving.statistics import RateMeter, Statistics

__all__ = [
    "DEFAULT_MINIMUM_FREE",
    "DiskSpace",
    "DiskWatch",
    "FreeSpace",
    "MinimumFreeSpace",
    "measure_disk",
    "measure_within",
]

#: Kept free unless somebody chooses otherwise, in bytes.
DEFAULT_MINIMUM_FREE: Final = 500_000_000
#: On a small disk the minimum is no more than this part of it: a stick must not be full when it is empty.
LARGEST_SHARE: Final = 0.05
#: How long a measurement may take before nobody waits for it any longer, in s.
PATIENCE: Final = 2.0
#: The time left follows from the growth of the file over so long, in s: a slow file grows by a chunk at times.
GROWTH_SECONDS: Final = 30.0


@dataclass(frozen=True)
class DiskSpace:
    """Free and total space of a disk, in bytes."""

    free: int
    total: int
    #: Size of the file in question in bytes, None if there is none yet.
    file_size: int | None = None
    #: How many bytes had been accepted for saving when it was measured.
    accepted: int = 0


Measure = Callable[[Path], DiskSpace | None]


def measure_disk(path: Path) -> DiskSpace | None:
    """Return the space of the disk of a file, or of the folder that it will be made in; None if it is unknown.

    May take as long as a network share takes to answer.
    """
    try:
        size = path.stat().st_size if path.is_file() else None
        folder = next(parent for parent in path.absolute().parents if parent.is_dir())
        usage = shutil.disk_usage(folder)
    except (OSError, StopIteration):
        return None
    return DiskSpace(usage.free, usage.total, size)


def measure_within(path: Path, seconds: float = PATIENCE, measure: Measure | None = None) -> DiskSpace | None:
    """Return :func:`measure_disk`'s result, None if it does not answer in time."""
    found: list[DiskSpace | None] = []
    how = measure or measure_disk
    thread = threading.Thread(target=lambda: found.append(how(path)), name="h5saver: disk", daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else None


@dataclass(frozen=True)
class MinimumFreeSpace:
    """How much of a disk is kept free, in bytes: at most a twentieth of the disk; 0 keeps nothing.

    >>> minimum = MinimumFreeSpace(500_000_000)
    >>> minimum.problem(DiskSpace(free=2_000_000_000, total=100_000_000_000))
    ''
    >>> minimum.problem(DiskSpace(free=2_000_000_000, total=100_000_000_000), coming=1_600_000_000)
    'only 400 MB are free on the disk, and 500 MB are kept free: move files away or choose another disk'
    """

    size: int = DEFAULT_MINIMUM_FREE

    def kept(self, total: int) -> int:
        """Return how many bytes of a disk of that size are kept free."""
        return min(self.size, int(total * LARGEST_SHARE))

    def left(self, room: DiskSpace, coming: int = 0) -> int:
        """Return how many bytes can still be written, `coming` more having been accepted already; below 0: too many."""
        return room.free - max(coming, 0) - self.kept(room.total)

    def problem(self, room: DiskSpace, coming: int = 0) -> str:
        """Return why nothing more may be written, in words; ``''`` if all is well."""
        if not self.size or self.left(room, coming) >= 0:
            return ""
        free, kept = (f"{count / 1e6:,.0f} MB" for count in (max(room.free - coming, 0), self.kept(room.total)))
        return f"only {free} are free on the disk, and {kept} are kept free: move files away or choose another disk"


class DiskWatch:
    """Measures the disk of one file again and again, in a thread, every so many seconds.

    `accepted` returns how many bytes were accepted for saving so far; `measure` is :func:`measure_disk` by default.
    """

    def __init__(self, accepted: Callable[[], int], measure: Measure | None = None, seconds: float = 1.0) -> None:
        self._accepted = accepted
        self._measure = measure
        self._seconds = seconds
        self._path: Path | None = None
        self._done = threading.Event()
        self._growth = RateMeter(GROWTH_SECONDS)
        #: The last measurement, None before there is one.
        self.latest: DiskSpace | None = None

    @property
    def running(self) -> bool:
        """Whether a file is watched."""
        return self._path is not None

    def start(self, path: Path) -> None:
        """Watch the disk of this file, and no other any more."""
        self.stop()
        self._path, self._done, self.latest = path, threading.Event(), None
        self._growth.clear()
        threading.Thread(target=self._run, args=(path, self._done), name="h5saver: disk watch", daemon=True).start()

    def stop(self) -> None:
        """Measure no more; the last measurement stays."""
        self._done.set()
        self._path = None

    def look(self, seconds: float = PATIENCE) -> DiskSpace | None:
        """Measure now, and return the result; None if the disk does not answer in time."""
        path = self._path
        if path is None:
            return None
        accepted = self._accepted()
        room = measure_within(path, seconds, self._measure)
        return None if room is None else self._keep(room, accepted)

    def bytes_per_second(self) -> float:
        """Return how fast the file grows on the disk."""
        return self._growth.rate(time.monotonic())

    def _run(self, path: Path, done: threading.Event) -> None:
        while True:
            accepted = self._accepted()
            room = (self._measure or measure_disk)(path)
            if done.is_set():
                return
            if room is not None:
                self._keep(room, accepted)
            if done.wait(self._seconds):
                return

    def _keep(self, room: DiskSpace, accepted: int) -> DiskSpace:
        kept = DiskSpace(room.free, room.total, room.file_size, accepted)
        if room.file_size is not None:
            self._growth.add(time.monotonic(), room.file_size)
        self.latest = kept
        return kept


class FreeSpace:
    """Keeps the minimum of a disk free: says when nothing more may be written into a file.

    `watch` measures the disk of the open file. `enough_for` is up to how many accepted bytes there was surely room when
    :meth:`problem` was asked last.
    """

    def __init__(self) -> None:
        self._minimum = MinimumFreeSpace()
        self._flushing = self.enough_for = 0
        counts = self._counts = [0]  # a thread that watches a disk must not keep a forgotten recorder alive
        self.watch = DiskWatch(lambda: counts[0])
        weakref.finalize(self, self.watch.stop)

    def keep(self, size: int) -> None:
        """Keep so many bytes free; 0 keeps nothing."""
        self._minimum, self.enough_for = MinimumFreeSpace(size), 0

    def file_opened(self, path: Path | None) -> None:
        """Watch the disk of this file; None: a file that is on no disk of ours."""
        self._counts[0] = self._flushing = self.enough_for = 0
        if path is not None:
            self.watch.start(path)

    def flushed(self, accepted: int) -> None:
        """Take note that everything up to so many accepted bytes is on the disk."""
        self._counts[0] = self._flushing = accepted

    def flush_begun(self, accepted: int) -> None:
        """Take note that a flush was begun which nobody waits for.

        The library keeps written data for a while, and a flush may be done later: data from before the previous flush
        are on the disk, and are part of the measured free space.
        """
        self._counts[0], self._flushing = self._flushing, accepted

    def problem(self, accepted: int) -> str:
        """Return why nothing more may be written, as far as is known without asking the disk; ``''`` if all is well."""
        room = self.watch.latest
        if room is None:
            return ""
        coming = accepted - room.accepted
        found = self._minimum.problem(room, coming)
        self.enough_for = 0 if found else accepted + max(self._minimum.left(room, coming), 0)
        return found

    def problem_now(self, accepted: int) -> str:
        """Return the same after another look at the disk: to be asked when everything was flushed."""
        self.watch.look()
        return self.problem(accepted)

    def check(self, folder: Path) -> None:
        """Refuse to begin a file where the disk is nearly full; waits for a slow disk for some seconds.

        The FileOpenError says how much is free and how much is kept free.
        """
        room = measure_within(folder / "file.h5") if self._minimum.size else None
        if room is not None and (problem := self._minimum.problem(room)):
            raise FileOpenError(problem)

    def added_to(self, found: Statistics, is_first: bool, is_open: bool) -> Statistics:
        """Return statistics with the measurements of the disk; `is_first`: this is the first file of a recording."""
        room = self.watch.latest
        if room is None:
            return found
        size = found.file_size if found.file_size is not None else room.file_size
        rate, left = self.watch.bytes_per_second(), max(self._minimum.left(room), 0)
        return replace(
            found,
            file_size=size,
            free_bytes=room.free,
            seconds_left=left / rate if rate > 0 and is_open else None,
            bytes_on_disk=found.bytes_on_disk or (size or 0 if is_first else 0),
        )
