"""FrameLedger: which frames a reader of the file finds, which still wait, and which are lost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["FrameLedger"]


class FrameLedger:
    """Counts frames by the state of their rows: ``received = written + waiting + dropped`` holds at every instant.

    A frame is *written* once a flush has succeeded after all of its rows were handed to the library: a reader of the
    file finds it from then on. It is *dropped* once any of its rows is known to be lost.

    Not thread-safe: the writer of the file has a lock.

    >>> ledger = FrameLedger()
    >>> for number in range(3):
    ...     ledger.rows_added('/A', 1)
    ...     ledger.frame_done()
    >>> ledger.rows_lost('/A', 1)
    >>> ledger.flushed()
    >>> ledger.received, ledger.written, ledger.waiting, ledger.dropped
    (3, 2, 0, 1)
    """

    def __init__(self) -> None:
        self.received = 0
        self.written = 0
        self.dropped = 0
        #: Rows by array, of the frame that is being written.
        self._rows: dict[object, int] = {}
        self._is_spoiled = False
        #: Frames since the last flush: the rows of each by array; None once the frame is counted as dropped.
        self._since_flush: list[dict[object, int] | None] = []

    @property
    def waiting(self) -> int:
        """Frames that are neither written nor lost yet."""
        return self.received - self.written - self.dropped

    @property
    def is_in_frame(self) -> bool:
        """Whether rows have come of a frame that is not complete."""
        return bool(self._rows)

    def rows_added(self, array: object, rows: int) -> None:
        """Note rows of the frame that is being written."""
        self._rows[array] = self._rows.get(array, 0) + rows

    def row_added(self, arrays: Mapping[Any, int]) -> None:
        """Note a row of each of several arrays, of the frame that is being written."""
        if self._rows:
            for array in arrays:
                self.rows_added(array, 1)
        else:
            self._rows = dict(arrays)

    def spoil(self) -> None:
        """Note that something of the frame that is being written was refused."""
        self._is_spoiled = True

    def frame_done(self) -> None:
        """Count the frame that was being written."""
        self.received += 1
        if self._is_spoiled:
            self.dropped += 1
        else:
            self._since_flush.append(self._rows)
        self._rows, self._is_spoiled = {}, False

    def drop_frame(self) -> None:
        """Forget the frame that is being written: its saver got the error, and counts it."""
        self._rows, self._is_spoiled = {}, False

    def rows_lost(self, array: object, rows: int) -> None:
        """Count the frames that the last `rows` rows of an array belong to as dropped."""
        now = self._rows.pop(array, 0)
        if now:
            self._is_spoiled = True
            rows -= now
        for at in range(len(self._since_flush) - 1, -1, -1):
            if rows <= 0:
                break
            frame = self._since_flush[at]
            if frame is not None and array in frame:
                rows -= frame[array]
                self._since_flush[at] = None
                self.dropped += 1

    def flushed(self) -> None:
        """Count waiting frames as written: the file was flushed, and all of them are there."""
        self.written += sum(frame is not None for frame in self._since_flush)
        self._since_flush.clear()

    def lose_rest(self) -> None:
        """Count waiting frames as dropped, and the one that is being written: nothing more will be."""
        self.dropped += self.waiting
        self._since_flush.clear()
        self._is_spoiled = self._is_spoiled or bool(self._rows)

    def lose_all(self) -> None:
        """Count everything as dropped: the file is gone."""
        self.written = 0
        self.lose_rest()
