"""Gaps: which numbers of a device's frames are missing, and where they were lost. No Qt.

A device counts its frames, and the saver is called with every number. Numbers that are missing between two calls were
lost before the saver: in the device, unless the program says that its driver lost them. A frame that the saver was
called with is saved, or the saver knows where it was lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from h5saver_widget.errors import DataMismatchError, FileNotOpenError, QueueFullError
from h5saver_widget.saving.stamps import Stamp

__all__ = [
    "AGAIN",
    "DEVICE",
    "DISK",
    "DRIVER",
    "LATE",
    "LOST",
    "PLACES",
    "QUEUE",
    "REFUSED",
    "RESTARTED",
    "SKIPPED",
    "Gap",
    "Numbers",
    "checked_numbers",
    "lost_at",
    "place_of",
]

#: Where frames are lost.
DEVICE: Final = "device"
DRIVER: Final = "driver"
QUEUE: Final = "queue"
DISK: Final = "disk"
REFUSED: Final = "refused"
LOST: Final = (DEVICE, DRIVER, QUEUE, DISK, REFUSED)
#: Left out on purpose: during a pause, by a setting or a limit.
SKIPPED: Final = "skipped"
#: Where a program may say that frames were lost.
PLACES: Final = (*LOST, SKIPPED)
#: No gaps: frames that came again, that came after later ones, and a device whose counter began anew.
AGAIN: Final = "again"
LATE: Final = "late"
RESTARTED: Final = "restarted"

#: Numbers after which counters of so many bits begin anew.
_LARGEST: Final = frozenset((1 << bits) - 1 for bits in (16, 24, 31, 32, 63))
#: So many frames, one after the other, show that a counter has begun anew; fewer are frames that came again.
_RUN: Final = 3
#: The most rows of one source: further ones are added up, one for each place.
MOST: Final = 10_000


@dataclass(frozen=True, slots=True)
class Gap:
    """Frames of which numbers are missing, or something else that happened to the numbers of a source.

    Attributes
    ----------
    source
        Where the frames come from.
    first, last
        The first and the last number; -1 where they are not known.
    count
        How many frames.
    place
        Where they were lost: one of :data:`LOST`; or ``'skipped'`` (on purpose), ``'again'``, ``'late'`` (they came
        after later ones), ``'restarted'`` (`first` is the number that the device went on with).
    time
        When it was noticed, in s since 1970.

    Examples
    --------
    >>> Gap('camera', 7, 9, 3, 'device', 0.0).text
    'camera: 3 frames lost in the device, numbers 7 to 9'
    """

    source: str
    first: int
    last: int
    count: int
    place: str
    time: float

    def after(self, before: Gap) -> Gap:
        """Return this gap and one before it, of the same source and place, as one."""
        goes_on = 0 <= before.last == self.first - 1
        first, last = (before.first, self.last) if goes_on else (-1, -1)
        return replace(self, first=first, last=last, count=before.count + self.count)

    @property
    def is_lost(self) -> bool:
        """Whether frames are missing that nobody left out on purpose."""
        return self.place in LOST

    @property
    def text(self) -> str:
        """It in words."""
        frames = "1 frame" if self.count == 1 else f"{self.count:,} frames"
        known = f", number {self.first}" if self.first == self.last else f", numbers {self.first} to {self.last}"
        if self.first < 0:
            known = ""
        if self.place == RESTARTED:
            return f"{self.source}: the device has begun to count anew, at {self.first}"
        what = {
            DEVICE: f"{frames} lost in the device",
            DRIVER: f"{frames} lost in the driver",
            QUEUE: f"{frames} lost because the queue was full",
            DISK: f"{frames} lost because they could not be written",
            REFUSED: f"{frames} refused: they could not be saved as they were",
            SKIPPED: f"{frames} left out on purpose",
            AGAIN: f"{frames} came again",
            LATE: f"{frames} came after later ones",
        }
        return f"{self.source or 'unknown sources'}: {what[self.place]}{known}"


def place_of(error: BaseException) -> str:
    """Return where a frame was lost, from the error that it met.

    >>> place_of(QueueFullError('full')), place_of(OSError(28, 'No space left')), place_of(ValueError('no number'))
    ('queue', 'disk', 'refused')
    """
    if isinstance(error, QueueFullError):
        return QUEUE
    return DISK if isinstance(error, (OSError, FileNotOpenError)) else REFUSED


def lost_at(stamp: Stamp | None, place: str) -> None:
    """Note where a frame was lost, if it has a stamp."""
    if stamp is not None and stamp.lost is not None:
        stamp.lost(stamp.number, place)


class Numbers:
    """The numbers of the frames of one source. Not thread-safe: its owner has a lock.

    Parameters
    ----------
    source
        Its name.
    noticed
        Called with every new gap or event, and with every frame that a gap grows by.

    Attributes
    ----------
    rows
        Gaps and events in the order in which they were noticed.
    version
        Another one after every change of the rows.
    last
        The number that came last; None before the first.

    Examples
    --------
    >>> numbers = Numbers('camera')
    >>> for number in (0, 1, 4, 5):
    ...     numbers.came(number, 0, 10.0)
    >>> numbers.lost(5, 'queue', 10.0)
    >>> [(gap.first, gap.last, gap.place) for gap in numbers.rows]
    [(2, 3, 'device'), (5, 5, 'queue')]
    """

    def __init__(self, source: str, noticed: Callable[[Gap], object] = lambda gap: None) -> None:
        self.source, self._noticed = source, noticed
        self.rows: list[Gap] = []
        self.version = 0
        self._came_and_lost = 0
        self.last: int | None = None
        self._pauses = 0
        self._run: tuple[int, int] | None = None
        self._open: dict[str, int] = {}  # row that is continued, by place
        self._rest: dict[str, int] = {}  # row that adds up what comes after the most rows, by place
        self._credit: list[tuple[str, int]] = []  # frames that were lost elsewhere, of which no number is known
        self._told: dict[int, str] = {}

    def begin_file(self) -> None:
        """Begin the rows of another file; the numbers go on."""
        self.rows, self._came_and_lost, self._open, self._rest = [], 0, {}, {}

    @property
    def never_came(self) -> int:
        """How many frames are missing that the saver was never called with."""
        return sum(row.count for row in self.rows if row.is_lost) - self._came_and_lost

    # ---------------------------------------------------------------- arrival
    def came(self, number: int, pauses: int, now: float) -> None:
        """Take note of a frame that the saver is called with.

        Parameters
        ----------
        number
            Its number.
        pauses
            How often a pause has begun or ended so far.
        now
            The time, in s since 1970.
        """
        last, passed = self.last, pauses - self._pauses
        self._pauses = pauses
        if self._run is None and (last is None or number == last + 1):
            self.last = number
        elif last is not None:
            self._came_otherwise(number, last, passed, now)
        if self._credit:
            self._without_numbers(now)

    def _came_otherwise(self, number: int, last: int, passed: int, now: float) -> None:
        run = self._run
        if run is not None and number == run[1] + 1 != last + 1:
            self._run = run[0], number
            if number - run[0] + 1 >= _RUN:
                self._end_run(now, is_restart=True)
            return
        if run is not None:  # the numbers go on where they were, or somewhere else
            gone_on = run[1] < number <= last
            self._end_run(now, is_restart=gone_on)
            last = self.last if self.last is not None else last
        if number > last:
            self.last = number
            if number > last + 1:
                self._missing(last + 1, number - 1, passed >= 2, now)
        elif number == 0 and last in _LARGEST:
            self.last = number
        elif not self._recovered(number, now):
            self._run = number, number

    def _end_run(self, now: float, is_restart: bool) -> None:
        assert self._run is not None
        first, end = self._run
        self._run = None
        if is_restart:
            self.last = end
            self._told.clear()
            self._add(Gap(self.source, first, first, 0, RESTARTED, now))
        else:
            self._add(Gap(self.source, first, end, end - first + 1, AGAIN, now))

    def end(self, now: float) -> None:
        """Decide on everything that is still open: the recording ends."""
        if self._run is not None:
            self._end_run(now, is_restart=self._run[1] > self._run[0])
        self._without_numbers(now)

    def _without_numbers(self, now: float) -> None:
        """Note frames that the program said were lost, and that the device has not counted."""
        for place, count in self._credit:
            self._add(Gap(self.source, -1, -1, count, place, now))
        self._credit = []

    # ---------------------------------------------------------------- missing
    def _missing(self, first: int, end: int, is_paused: bool, now: float) -> None:
        """Note numbers that never came: each belongs to the place that was named, the rest to the device."""
        if is_paused:
            self._add(Gap(self.source, first, end, end - first + 1, SKIPPED, now))
            return
        told = sorted(number for number in self._told if first <= number <= end)
        for number in told:
            if number > first:
                self._uncounted(first, number - 1, now)
            self._join(number, self._told.pop(number), now)
            first = number + 1
        if first <= end:
            self._uncounted(first, end, now)

    def _uncounted(self, first: int, end: int, now: float) -> None:
        while self._credit and first <= end:
            place, count = self._credit.pop(0)
            taken = min(count, end - first + 1)
            self._add(Gap(self.source, first, first + taken - 1, taken, place, now))
            first += taken
            if taken < count:
                self._credit.insert(0, (place, count - taken))
        if first <= end:
            self._add(Gap(self.source, first, end, end - first + 1, DEVICE, now))

    def _join(self, number: int, place: str, now: float) -> None:
        """Add a frame to the row of the place that ends right before it, or to a new row."""
        at = self._open.get(place)
        if at is not None and self.rows[at].last + 1 == number:
            row = self.rows[at]
            self.rows[at] = replace(row, last=number, count=row.count + 1)
            self.version += 1
            if place != SKIPPED:
                self._noticed(Gap(self.source, number, number, 1, place, now))
        else:
            self._add(Gap(self.source, number, number, 1, place, now))

    def lost(self, number: int, place: str, now: float) -> None:
        """Note a frame that the saver was called with, and that is not saved."""
        self._came_and_lost += place in LOST
        if number < 0:
            self._add(Gap(self.source, -1, -1, 1, place, now))
        else:
            self._join(number, place, now)

    def told(self, frames: int | Iterable[int], place: str) -> None:
        """Take the word of the program for frames that never came to the saver.

        Parameters
        ----------
        frames
            Their numbers; or how many they are, between the frame that came last and the next one.
        place
            Where they were lost.
        """
        if isinstance(frames, int):
            self._credit += [(place, frames)] if frames else []
            return
        for number in frames:
            at = self._row_with(number)
            if at >= 0:
                self._give(at, number, number, place)
            else:
                self._told[number] = place

    def _row_with(self, number: int) -> int:
        for at in range(len(self.rows) - 1, -1, -1):
            row = self.rows[at]
            if row.place == RESTARTED:
                break
            if row.place == DEVICE and row.first <= number <= row.last:
                return at
        return -1

    def _recovered(self, number: int, now: float) -> bool:
        """Tell whether a frame is one that was taken for missing, which it is not any more."""
        at = self._row_with(number)
        if at < 0:
            return False
        self._give(at, number, number, LATE)
        return True

    def _give(self, at: int, first: int, end: int, place: str) -> None:
        """Say of part of a row that it belongs to another place; the rest of it stays, in one row or two."""
        row = self.rows[at]
        parts = [replace(row, first=first, last=end, count=end - first + 1, place=place)]
        if row.first < first:
            parts.insert(0, replace(row, last=first - 1, count=first - row.first))
        if end < row.last:
            parts.append(replace(row, first=end + 1, count=row.last - end))
        self.rows[at : at + 1] = parts
        self._rest = {what: n + len(parts) - 1 if n > at else n for what, n in self._rest.items()}
        self._open = {}
        self.version += 1

    def _add(self, gap: Gap) -> None:
        self._noticed(gap)
        self.version += 1
        if len(self.rows) < MOST:
            self._open[gap.place] = len(self.rows)
        elif gap.place in self._rest:
            at = self._rest[gap.place]
            self.rows[at] = replace(self.rows[at], count=self.rows[at].count + gap.count, time=gap.time)
            return
        else:
            self._rest[gap.place] = len(self.rows)
            gap = replace(gap, first=-1, last=-1)
        self.rows.append(gap)


def checked_numbers(source: str, frames: object) -> int | list[int]:
    """Return how many frames were lost, or their numbers; DataMismatchError for anything else.

    >>> checked_numbers('camera', range(3, 5)), checked_numbers('camera', 2)
    ([3, 4], 2)
    """
    is_list = isinstance(frames, Iterable) and not isinstance(frames, str)
    given: list[Any] = list(frames) if isinstance(frames, Iterable) and is_list else [frames]
    for number in given:
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < 0:
            raise DataMismatchError(
                f"{source}: what was lost is how many frames, or a list of their numbers from 0; got {number!r}"
            )
    numbers = [int(number) for number in given]
    return numbers if is_list else numbers[0]
