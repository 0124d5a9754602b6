"""Flow: whether frames come into a recording now, and for how long they did. No Qt."""

from __future__ import annotations

import threading
from typing import Final

__all__ = ["Flow"]

#: A source is silent after so many times its usual interval, and not before so many seconds.
INTERVALS: Final = 5.0
PATIENCE: Final = 3.0
#: A point of a scan may take so long, in s.
SCAN_PATIENCE: Final = 60.0


class Flow:
    """The flow of frames, which a clock and a light show: it is on while frames come from any source.

    Any thread may look, as often as it likes.

    >>> flow = Flow()
    >>> flow.look(100.0, frames=1), flow.look(101.0, frames=2), flow.is_on, flow.seconds(101.5)
    (None, None, True, 1.5)
    >>> flow.look(120.0, frames=2), flow.is_on, flow.seconds(130.0)
    (None, False, 6.0)
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self.begin()

    def begin(self) -> None:
        """Begin another recording, into which nothing has come yet."""
        self._seconds, self._frames = 0.0, 0
        self._since: float | None = None
        self._last, self._in_run = 0.0, 0

    @property
    def is_on(self) -> bool:
        """Whether frames come."""
        return self._since is not None

    def seconds(self, now: float) -> float:
        """Return for how long frames have come, in s: pauses and gaps are left out."""
        since = self._since
        return self._seconds if since is None else self._seconds + max(now - since, 0.0)

    def look(self, now: float, frames: int, patience: float = PATIENCE) -> None:
        """Take note of how many frames have come since the recording began.

        The flow has ended when none has come for `patience`, in s, and for some of the usual intervals.
        """
        with self._guard:
            if frames != self._frames:
                if self._since is None:
                    self._since, self._in_run = now, 0
                self._in_run += frames - self._frames
                self._frames, self._last = frames, now
            elif self._since is not None:
                interval = (self._last - self._since) / max(self._in_run - 1, 1)
                longest = max(patience, INTERVALS * interval)
                if now - self._last > longest:
                    self._stop(self._last + longest)

    def end(self, now: float, frames: int) -> None:
        """Take note that no more comes for now: a pause, the end of a scan or of the file."""
        self.look(now, frames)
        with self._guard:
            self._stop(now)

    def resume(self, now: float) -> None:
        """Expect frames again after a pause, if any have come before it."""
        with self._guard:
            if self._frames and self._since is None:
                self._since = self._last = now
                self._in_run = 0

    def _stop(self, at: float) -> None:
        if self._since is not None:
            self._seconds += max(at - self._since, 0.0)
            self._since = None
