"""Frames on their way into a file: the room for them, their counts, and the reasons why they are dropped."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.ledger import FrameLedger
from h5saver_widget.backends.terms import Activity, Queue
from h5saver_widget.errors import FileGoneError, FileIncompleteError, H5SaverError

__all__ = ["FrameQueue", "LocalQueue"]


class FrameQueue:
    """Frames that are written at once; a backend that writes later overrides the methods."""

    #: Whether another process writes the file, a little later.
    is_isolated = False

    def __init__(self) -> None:
        self._problems: list[str] = []

    @property
    def failure(self) -> H5SaverError | None:
        """The reason why nothing can be written any more; None while all is well. Never waits."""
        return None

    @property
    def loses_arrays(self) -> bool:
        """Whether single arrays take nothing more, while all others go on."""
        return False

    def note_problem(self, problem: str) -> None:
        """Keep a sentence for :meth:`take_problems`."""
        self._problems.append(problem)

    def take_problems(self) -> list[str]:
        """Return sentences on arrays that could not be written, each once."""
        problems, self._problems[:] = list(self._problems), []
        return problems

    def counts(self) -> Queue | None:
        """Return the counts of frames since the file was opened; None where they are not counted. Never waits."""
        return None

    def activity(self) -> Activity:
        """Return the current activity, and for how long it has made no progress. Takes no lock."""
        return Activity()

    def has_room(self) -> bool:
        """Tell whether another frame can be taken without waiting."""
        return True

    def wait_for_room(self) -> None:
        """Wait until another frame can be taken; to be called without the lock."""

    def frame_done(self, size: int) -> None:
        """Count a frame of `size` bytes: all of its rows were appended."""

    def frame_refused(self) -> None:
        """Forget the rows of a frame that was given up half-way, and whose error was raised."""

    def keep_row(self, path: str, row: npt.NDArray[np.uint8] | None) -> None:
        """Have another process append a row of bytes to the text array at `path`, should this program end.

        Rows of the log wait in this program until the file does not stream any more. None: they are not needed any
        more. Without another process nobody could write them, and nothing is done.
        """


class LocalQueue(FrameQueue):
    """Counts frames by the flushes that put them into the file."""

    failure: FileGoneError | FileIncompleteError | None = None

    def __init__(self) -> None:
        super().__init__()
        self.ledger = FrameLedger()
        #: Bytes that the file had at the last flush, or when it was opened.
        self.file_size = 0
        self._bytes_written = 0
        self._last_flush: float | None = None
        self.failure = None

    def begin(self) -> None:
        """Count from now on: another file is being opened."""
        self.__init__()  # type: ignore[misc]

    def flushed(self, file_size: int) -> None:
        """Count all complete frames as written."""
        self.ledger.flushed()
        self._last_flush = time.time()
        self.file_size = file_size

    def counts(self) -> Queue:
        ledger = self.ledger
        # in this order no frame is counted twice: the thread that writes may change them in between
        dropped, written, received = ledger.dropped, ledger.written, ledger.received
        return Queue(
            received,
            written,
            dropped,
            bytes_written=self._bytes_written,
            file_size=self.file_size,
            last_flush=self._last_flush,
        )

    def frame_done(self, size: int) -> None:
        self.ledger.frame_done()
        self._bytes_written += size

    def frame_refused(self) -> None:
        self.ledger.drop_frame()
