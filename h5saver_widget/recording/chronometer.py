"""Chronometer: times something, upwards or down to zero, on the clock that no date change or late timer disturbs."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from h5saver_widget.errors import ClockError

__all__ = ["Chronometer", "Lap", "format_clock", "parse_clock"]


def format_clock(seconds: float, decimals: int = 1) -> str:
    """Return a time in s as hours, minutes, seconds and parts of a second (0 to 3 digits), cut off, never rounded up.

    A time below zero gets a sign.

    >>> format_clock(751.49), format_clock(-5.2), format_clock(3599.99, 0)
    ('00:12:31.4', '-00:00:05.2', '00:59:59')
    """
    # A hair more than the last digit, far below it: 0.3 is a float below three tenths.
    parts = math.floor(abs(seconds) * 10**decimals + 1e-6)
    whole, rest = divmod(parts, 10**decimals)
    sign = "-" if seconds < 0 and parts else ""
    text = f"{sign}{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{text}.{rest:0{decimals}d}" if decimals else text


def parse_clock(text: str) -> float:
    """Return the seconds that a text means: ``90``, ``1:30`` or ``0:01:30``; ClockError if it is no time above zero.

    >>> parse_clock('1:30'), parse_clock('0:00:02.5')
    (90.0, 2.5)
    """
    parts = text.strip().split(":")
    try:
        numbers = [float(part) for part in parts]
    except ValueError:
        numbers = []
    small = all(0 <= number < 60 for number in numbers[1:]) and all(number.is_integer() for number in numbers[:-1])
    if not 1 <= len(numbers) <= 3 or not small or not 0 < sum(numbers) < math.inf or numbers[0] < 0:
        raise ClockError(f"{text!r} is not a time above zero: write seconds, 1:30 or 0:01:30")
    total = 0.0
    for number in numbers:
        total = total * 60 + number
    return total


@dataclass(frozen=True)
class Lap:
    """A lap; its number counts from 1."""

    number: int
    #: Time since the lap before (or the start), in s.
    seconds: float
    #: Time since the start, in s.
    total: float

    def __str__(self) -> str:
        """Return the lap as a line for a log."""
        return f"Lap {self.number}: {format_clock(self.seconds)}, total {format_clock(self.total)}"


class Chronometer:
    """Measures how long something takes, without pauses.

    Time is always the difference of two readings of the clock: nothing is added up by a timer, so nothing drifts. Any
    thread may read or change it.

    Parameters
    ----------
    countdown
        Time to count down from, in s; None counts upwards.
    clock
        Returns seconds; never goes backwards.

    Attributes
    ----------
    laps
        The laps so far, as a tuple.

    Examples
    --------
    >>> readings = iter([10.0, 12.5, 14.0, 20.0])
    >>> chronometer = Chronometer(clock=lambda: next(readings))
    >>> chronometer.start()
    >>> print(chronometer.lap())
    Lap 1: 00:00:02.5, total 00:00:02.5
    >>> chronometer.pause()
    >>> chronometer.elapsed
    4.0
    """

    def __init__(self, countdown: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._countdown: float | None = None
        #: When time was started, None while it stands; and what was measured before, None if nothing was. Always
        #: replaced as a pair: a window reads while another thread starts and pauses.
        self._state: tuple[float | None, float | None] = (None, None)
        self._changing = threading.RLock()
        self.laps: tuple[Lap, ...] = ()
        self.countdown = countdown

    @property
    def countdown(self) -> float | None:
        """Time to count down from, in s; None counts upwards. It may be changed at any time."""
        return self._countdown

    @countdown.setter
    def countdown(self, seconds: float | None) -> None:
        if seconds is not None and not 0 < seconds < math.inf:
            raise ClockError(f"a countdown starts above zero, got {seconds!r} s: give a number of seconds")
        self._countdown = seconds

    @property
    def running(self) -> bool:
        """Whether time is being measured now."""
        return self._state[0] is not None

    @property
    def started(self) -> bool:
        """Whether there is anything to reset."""
        return self._state != (None, None)

    @property
    def elapsed(self) -> float:
        """Time measured so far, in s, without pauses."""
        since, before = self._state
        return (before or 0.0) + (0.0 if since is None else self._clock() - since)

    @property
    def shown(self) -> float:
        """The displayed time in s: elapsed, or remaining (below zero once it is over)."""
        return self.elapsed if self._countdown is None else self._countdown - self.elapsed

    @property
    def is_over(self) -> bool:
        """Whether a countdown has reached zero."""
        return self._countdown is not None and self.elapsed >= self._countdown

    def start(self) -> None:
        """Start, or go on after a pause; does nothing while running."""
        with self._changing:
            if not self.running:
                self._state = (self._clock(), self._state[1])

    def pause(self) -> None:
        """Stop the time; does nothing while it stands."""
        with self._changing:
            if self.running:
                self._state = (None, self.elapsed)

    def reset(self) -> None:
        """Go back to the beginning and forget the laps. A running clock stops."""
        with self._changing:
            self._state, self.laps = (None, None), ()

    def lap(self) -> Lap:
        """Note the time, and go on.

        Raises
        ------
        ClockError
            If nothing was started.
        """
        with self._changing:
            if not self.started:
                raise ClockError("a lap needs a running clock: start it first")
            total = self.elapsed
            lap = Lap(len(self.laps) + 1, total - (self.laps[-1].total if self.laps else 0.0), total)
            self.laps = (*self.laps, lap)
            return lap
