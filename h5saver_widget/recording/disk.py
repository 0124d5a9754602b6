"""The disk while it fills: measured in a thread, because a share that hangs must not hang a window.

:class:`DiskWatch` measures, :class:`Reserve` decides. Between two measurements, what was accepted for saving counts as
taken from the disk: 1 GB/s fills a reserve in less time than lies between two looks.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from h5saver_widget.saving.statistics import RateMeter

__all__ = ["DEFAULT_RESERVE", "DiskWatch", "Reserve", "Room", "measure_room", "measure_within"]

#: Kept free unless somebody chooses otherwise, in bytes.
DEFAULT_RESERVE: Final = 500_000_000
#: On a small disk the reserve is no more than this part of it: a stick must not be full when it is empty.
LARGEST_SHARE: Final = 0.05
#: How long a measurement may take before nobody waits for it any longer, in s.
PATIENCE: Final = 2.0


@dataclass(frozen=True)
class Room:
    """What a disk has left.

    Attributes
    ----------
    free, total
        Bytes.
    file_size
        Size of the file in question in bytes, None if there is none yet.
    accepted
        How many bytes had been accepted for saving when it was measured.
    """

    free: int
    total: int
    file_size: int | None = None
    accepted: int = 0


Measure = Callable[[Path], Room | None]


def measure_room(path: Path) -> Room | None:
    """Return what the disk of a file, or of the folder that it will be made in, has left; None if nobody knows.

    May take as long as a network share takes to answer.
    """
    try:
        size = path.stat().st_size if path.is_file() else None
        folder = next(parent for parent in path.absolute().parents if parent.is_dir())
        usage = shutil.disk_usage(folder)
    except (OSError, StopIteration):
        return None
    return Room(usage.free, usage.total, size)


def measure_within(path: Path, seconds: float = PATIENCE, measure: Measure | None = None) -> Room | None:
    """Return what :func:`measure_room` does, None if it does not answer in time."""
    found: list[Room | None] = []
    how = measure or measure_room
    thread = threading.Thread(target=lambda: found.append(how(path)), name="h5saver: disk", daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else None


@dataclass(frozen=True)
class Reserve:
    """How much of a disk is kept free.

    Attributes
    ----------
    size
        Bytes; at most a twentieth of the disk is kept. 0 keeps nothing.

    Examples
    --------
    >>> reserve = Reserve(500_000_000)
    >>> reserve.problem(Room(free=2_000_000_000, total=100_000_000_000))
    ''
    >>> reserve.problem(Room(free=2_000_000_000, total=100_000_000_000), coming=1_600_000_000)
    'only 400 MB are free on the disk, and 500 MB are kept free: move files away or choose another disk'
    """

    size: int = DEFAULT_RESERVE

    def kept(self, total: int) -> int:
        """Return how many bytes of a disk of that size are kept free."""
        return min(self.size, int(total * LARGEST_SHARE))

    def left(self, room: Room, coming: int = 0) -> int:
        """Return how many bytes can still be written, `coming` more having been accepted already; below 0: too many."""
        return room.free - max(coming, 0) - self.kept(room.total)

    def problem(self, room: Room, coming: int = 0) -> str:
        """Return why nothing more may be written, in words; ``''`` if all is well."""
        if not self.size or self.left(room, coming) >= 0:
            return ""
        free, kept = (f"{count / 1e6:,.0f} MB" for count in (max(room.free - coming, 0), self.kept(room.total)))
        return f"only {free} are free on the disk, and {kept} are kept free: move files away or choose another disk"


class DiskWatch:
    """Measures the disk of one file again and again, in a thread of its own.

    Parameters
    ----------
    accepted
        Returns how many bytes were accepted for saving so far.
    measure
        Measures; None for :func:`measure_room`.
    seconds
        Time between two measurements.
    """

    def __init__(self, accepted: Callable[[], int], measure: Measure | None = None, seconds: float = 1.0) -> None:
        self._accepted = accepted
        self._measure = measure
        self._seconds = seconds
        self._path: Path | None = None
        self._done = threading.Event()
        self._growth = RateMeter()
        #: The last measurement, None before there is one.
        self.latest: Room | None = None

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

    def look(self, seconds: float = PATIENCE) -> Room | None:
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
            room = (self._measure or measure_room)(path)
            if done.is_set():
                return
            if room is not None:
                self._keep(room, accepted)
            if done.wait(self._seconds):
                return

    def _keep(self, room: Room, accepted: int) -> Room:
        kept = Room(room.free, room.total, room.file_size, accepted)
        if room.file_size is not None:
            self._growth.add(time.monotonic(), room.file_size)
        self.latest = kept
        return kept
