"""The time axis of a recording continues evenly when the wall clock is set (time server, daylight saving, by hand)."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

__all__ = ["Clocks", "WallClock", "both_clocks"]

#: Returns the wall clock and the steady one, in s, read together.
Clocks = Callable[[], tuple[float, float]]

#: What differs by less, in s, is the drift that a time server corrects bit by bit, or the time between two looks.
SMALLEST = 0.02
#: And so much for each second since the last look: faster than any clock is slewed.
SLEW = 1e-3
#: A reading of both clocks that takes longer, in s, is repeated: the program was interrupted in between.
_TOGETHER = 1e-3
#: What was measured longer ago, in s, has not its time from this clock.
OLDEST = 60.0


#: Seconds that no step changes; where the system has such a clock, sleep of the machine counts.
_steady: Callable[[], float] = time.monotonic
if hasattr(time, "CLOCK_BOOTTIME"):
    _steady = partial(time.clock_gettime, time.CLOCK_BOOTTIME)


def both_clocks() -> tuple[float, float]:
    """Return the wall clock and the steady one, read within a millisecond of each other."""
    while True:
        before = _steady()
        wall, after = time.time(), _steady()
        if after - before < _TOGETHER:
            return wall, after


class WallClock:
    """Finds the steps of the wall clock, and takes them out of times.

    >>> clock = WallClock()
    >>> clock.look(), clock.on_axis(1700000000.0)
    (0.0, 1700000000.0)
    """

    def __init__(self, read: Clocks = both_clocks) -> None:
        self._read = read
        self._wall, self._since = read()
        self._before = 0.0
        #: All steps so far, in s: wall time is the time on the axis plus this.
        self.offset = 0.0
        #: Time on the axis and size of every step, in s.
        self.steps: list[tuple[float, float]] = []

    def look(self) -> float:
        """Return the step since the last look in s, 0.0 if there was none; negative if the clock was set back."""
        wall, now = self._read()
        passed = now - self._since
        step = wall - self._wall - passed
        self._wall, self._since = wall, now
        if -SMALLEST < step < SMALLEST or abs(step) < SMALLEST + SLEW * passed:
            return 0.0
        self._before, self.offset = self.offset, self.offset + step
        self.steps.append((wall - self.offset, step))
        return step

    def has_stepped(self) -> bool:
        """Tell whether :meth:`look` would find a step; changes nothing."""
        wall, now = self._read()
        passed = now - self._since
        return abs(wall - self._wall - passed) >= SMALLEST + SLEW * passed

    def on_axis(self, timestamp: float) -> float:
        """Return a time of this clock without its steps; one of another clock as it is.

        A frame may be measured just before a step of the clock and saved after it: of both readings, the later one that
        is not in the future is right.
        """
        if not self.offset and not self._before:
            return timestamp
        now = self._wall - self.offset
        possible = [at for at in (timestamp - self.offset, timestamp - self._before) if at <= now + SMALLEST]
        best = max(possible, default=0.0)
        return best if now - best < OLDEST else timestamp
