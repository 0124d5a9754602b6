"""Progress: the state of long work, and how it is stopped; and copying, which many modules need.

No Qt, no thread: a value handed to the worker.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from h5saver_widget.errors import WorkStoppedError

__all__ = ["Progress", "Step", "TerminalProgress", "copy_in_pieces"]

T = TypeVar("T")

#: So much is copied between two looks whether to stop.
_PIECE: Final = 8 << 20
#: Time between two lines on a terminal, in s.
_SHOWN_EVERY: Final = 0.2


@dataclass(frozen=True)
class Step:
    """How far work has come.

    Attributes
    ----------
    done, total
        Pieces done and to be done, in any unit; a total of None is not known.
    text
        The present work, for people.
    """

    done: float = 0.0
    total: float | None = None
    text: str = ""

    @property
    def share(self) -> float | None:
        """The part that is done, 0 to 1; None if the total is not known."""
        return None if not self.total else min(max(self.done / self.total, 0.0), 1.0)


class Progress:
    """The progress of a worker, read by others.

    Functions that take long have a parameter ``progress: Progress | None = None`` and call :meth:`report` between
    pieces, where it is safe to stop.

    Examples
    --------
    >>> progress = Progress()
    >>> for piece in progress.over(['a.h5', 'b.h5'], 'copying'):
    ...     print(progress.step.text, piece)
    copying a.h5
    copying b.h5
    >>> progress.step.share
    1.0
    """

    def __init__(self) -> None:
        self._stop = threading.Event()
        self.step = Step()

    @property
    def stop_wanted(self) -> bool:
        """Whether the work is to be stopped."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Ask the work to stop; called from any thread."""
        self._stop.set()

    def report(self, done: float = 0.0, total: float | None = None, text: str = "") -> None:
        """Say how far the work is.

        Raises
        ------
        WorkStoppedError
            If the work is to stop. Let it pass; clean up in ``finally``.
        """
        self.step = Step(done, total, text or self.step.text)
        if self._stop.is_set():
            raise WorkStoppedError(f"stopped while {self.step.text or 'working'}")

    def over(self, pieces: Iterable[T], text: str = "") -> Iterator[T]:
        """Iterate over pieces, and report before each and after the last."""
        known = list(pieces)
        for done, piece in enumerate(known):
            self.report(done, len(known), text)
            yield piece
        self.report(len(known), len(known), text)


class TerminalProgress(Progress):
    """Progress as one line on standard error, written again five times a second; silent if that is no terminal."""

    _shown_at = 0.0
    _is_over = False

    def report(self, done: float = 0.0, total: float | None = None, text: str = "") -> None:
        """Show percents and the present work."""
        super().report(done, total, text)
        now = time.monotonic()
        if sys.stderr.isatty() and not self._is_over and (done == total or now - self._shown_at > _SHOWN_EVERY):
            self._shown_at, self._is_over = now, done == total
            end = "\n" if self._is_over else ""
            print(f"\r\033[K{100 * (self.step.share or 0.0):3.0f} %  {text}", end=end, file=sys.stderr, flush=True)


def _stored(file: int, size: int) -> Iterator[tuple[int, int]]:
    """Iterate over the parts of a file that are no holes, where the system tells."""
    at = 0
    while at < size:
        try:
            at = os.lseek(file, at, os.SEEK_DATA)
            stop = os.lseek(file, at, os.SEEK_HOLE)
        except AttributeError:
            stop = size
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                return
            stop = size
        yield at, stop
        at = stop


def copy_in_pieces(source: Path, target: Path, progress: Progress | None = None) -> None:
    """Copy a file to a name that is free; nothing is left there if that fails or is stopped.

    Parameters
    ----------
    source, target
        The paths.
    progress
        Is told the bytes that are copied.

    Raises
    ------
    FileExistsError
        If there is something at the target.
    WorkStoppedError
        If the work is to stop.
    OSError
        If the disk is full, say.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / 'a').write_bytes(b'content')
    >>> copy_in_pieces(folder / 'a', folder / 'b')
    >>> (folder / 'b').read_bytes()
    b'content'
    """
    told = progress or Progress()
    with source.open("rb") as read, target.open("xb") as written:
        try:
            total = os.fstat(read.fileno()).st_size
            told.report(0, total, f"copying {source.name}")
            for start, stop in _stored(read.fileno(), total):
                read.seek(start)
                written.seek(start)
                while start < stop and (piece := read.read(min(_PIECE, stop - start))):
                    written.write(piece)
                    start += len(piece)
                    told.report(start, max(total, start))
            written.truncate(total)
        except BaseException:
            with suppress(OSError):
                target.unlink()
            raise
