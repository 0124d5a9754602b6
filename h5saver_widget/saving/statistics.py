"""Statistics: the counts of a saver, as one immutable value that threads may share."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

__all__ = ["RATE_SECONDS", "RateMeter", "Statistics"]

#: Rates that people read are smoothed over so many seconds.
RATE_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Statistics:
    """Counts since saving started; zero and None where nothing is known.

    Attributes
    ----------
    frames_received
        Frames that came to be saved.
    frames_written
        Those of them that a reader of the file finds: they were there at the last flush that succeeded.
    frames_waiting
        Those that were accepted and are not in the file yet.
    frames_dropped
        Those that could not be saved: lost. ``received = written + waiting + dropped``, at every instant.
    frames_left_out
        Frames that were skipped on purpose, during a pause.
    queue_bytes
        Bytes that were accepted and have not reached the library yet.
    bytes_in
        Bytes accepted, before compression.
    bytes_on_disk
        Bytes that they took in the file, after compression.
    waited_seconds
        How long programs had to wait for the file in all, in s.
    last_flush
        When the file was last brought up to date, in s since the epoch.
    file_size
        Size of the current file, in bytes.
    free_bytes
        Free space on its disk, in bytes.
    seconds_left
        How long the disk lasts at the present rate, down to the reserve that is kept free, in s.

    Examples
    --------
    >>> Statistics(bytes_in=4_000_000, bytes_on_disk=1_000_000).compression_ratio
    4.0
    """

    frames_received: int = 0
    frames_written: int = 0
    frames_dropped: int = 0
    frames_left_out: int = 0
    frames_waiting: int = 0
    queue_bytes: int = 0
    bytes_in: int = 0
    bytes_on_disk: int = 0
    waited_seconds: float = 0.0
    last_flush: float | None = None
    file_size: int | None = None
    free_bytes: int | None = None
    seconds_left: float | None = None

    @property
    def frames_flushed(self) -> int:
        """The same as `frames_written`, by its name of before."""
        return self.frames_written

    @property
    def compression_ratio(self) -> float | None:
        """How many times smaller the data became in the file; None before anything is known."""
        return self.bytes_in / self.bytes_on_disk if self.bytes_in and self.bytes_on_disk else None


class RateMeter:
    """How fast a count grows, smoothed over so many seconds.

    >>> meter = RateMeter()
    >>> for second in range(20):
    ...     meter.add(second, 60 * second)
    >>> meter.rate(19)
    60.0
    """

    def __init__(self, seconds: float = RATE_SECONDS) -> None:
        self._seconds = seconds
        self._points: deque[tuple[float, float]] = deque()

    def clear(self) -> None:
        """Forget everything: something else is counted from now on."""
        self._points.clear()

    def add(self, now: float, count: float) -> None:
        """Note a count; one that is smaller than the last begins anew."""
        if self._points and count < self._points[-1][1]:
            self._points.clear()
        self._points.append((now, count))
        self._forget(now)

    def _forget(self, now: float) -> None:
        # The oldest point kept is the last one before the window, and two are: else a slow source would show no rate.
        while len(self._points) > 2 and self._points[1][0] <= now - self._seconds:
            self._points.popleft()

    def rate(self, now: float) -> float:
        """Return the growth per second."""
        self._forget(now)
        if not self._points or now <= self._points[0][0]:
            return 0.0
        since, count = self._points[0]
        return (self._points[-1][1] - count) / max(now - since, 0.5)
