"""Summary: how many of how many frames are in a file, in one line. No Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from h5saver_widget.recording.gaps import LOST, SKIPPED, Gap

__all__ = ["Summary"]


@dataclass(frozen=True)
class Summary:
    """The counts of the frames of a file, or of a recording.

    Attributes
    ----------
    written, expected
        Frames that a reader finds, and those that should be there.
    gaps
        Number of gaps.
    lost
        Frames that are missing by the place where they were lost, and those that were left out on purpose.
    has_numbers
        Whether frames had numbers: only then it is known that there was no gap.
    steps
        Steps of the wall clock, in s.

    Examples
    --------
    >>> Summary(22_530, 22_530, has_numbers=True, steps=(-0.3,)).text
    '22,530 of 22,530 frames; no gap; clock stepped once by -0.3 s'
    >>> (Summary(7, 9, 1, {'device': 2}, True) + Summary(4, 5, 1, {'disk': 1}, True)).text
    '11 of 14 frames; 2 gaps: 2 frames lost in the device, 1 on the disk'
    """

    written: int = 0
    expected: int = 0
    gaps: int = 0
    lost: Mapping[str, int] = field(default_factory=dict)
    has_numbers: bool = False
    steps: tuple[float, ...] = ()

    @classmethod
    def of(cls, written: int, expected: int, rows: Iterable[Gap], has_numbers: bool, steps: Iterable[float]) -> Summary:
        """Return the summary of a file with these rows in its table."""
        lost: dict[str, int] = {}
        gaps = 0
        for row in rows:
            if row.is_lost or row.place == SKIPPED:
                lost[row.place] = lost.get(row.place, 0) + row.count
                gaps += row.is_lost
        return cls(written, expected, gaps, lost, has_numbers, tuple(steps))

    def __add__(self, other: Summary) -> Summary:
        """Return the summary of both."""
        places = {*self.lost, *other.lost}
        return Summary(
            self.written + other.written,
            self.expected + other.expected,
            self.gaps + other.gaps,
            {place: self.lost.get(place, 0) + other.lost.get(place, 0) for place in places},
            self.has_numbers or other.has_numbers,
            self.steps + other.steps,
        )

    @property
    def tells(self) -> bool:
        """Whether there is more to say than that everything is there."""
        return self.has_numbers or bool(self.steps) or self.written != self.expected

    @property
    def text(self) -> str:
        """It in one line."""
        return "; ".join(filter(None, (self._frames(), self._gaps(), self._skipped(), self._clock())))

    def _frames(self) -> str:
        return f"{self.written:,} of {self.expected:,} frame{'' if self.expected == 1 else 's'}"

    def _gaps(self) -> str:
        if not self.gaps:
            return "no gap" if self.has_numbers else ""
        where = {"device": "in the device", "driver": "in the driver", "queue": "in the queue", "disk": "on the disk"}
        known = [(self.lost[place], where.get(place, place)) for place in LOST if self.lost.get(place)]
        (count, first), *others = known
        parts = [f"{count:,} {'frame' if count == 1 else 'frames'} lost {first}", *(f"{n:,} {at}" for n, at in others)]
        return f"{'1 gap' if self.gaps == 1 else f'{self.gaps:,} gaps'}: {', '.join(parts)}"

    def _skipped(self) -> str:
        count = self.lost.get(SKIPPED, 0)
        return f"{count:,} left out on purpose" if count else ""

    def _clock(self) -> str:
        if not self.steps:
            return ""
        step = sum(self.steps)
        size = f"{step:+,.1f} s" if abs(step) >= 0.1 or not step else f"{step:+.3f} s"
        many = len(self.steps)
        return f"clock stepped once by {size}" if many == 1 else f"clock stepped {many:,} times, by {size} in all"
