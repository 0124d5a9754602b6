"""Drift: how much faster a device's clock goes than that of the computer, from the times at which frames arrive.

A frame arrives some time after it was stamped: never before, often a little and sometimes a lot later. So of each block
of frames only the one that took least is looked at, and a straight line is fitted to those, without the blocks in
which everything was late.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

__all__ = ["Drift", "DriftFit"]

#: Length of a block at first, in s of the device's clock; doubled whenever there are too many blocks.
BLOCK_SECONDS: Final = 1.0
#: The fewest frames of a block: of fewer, none may be in time.
BLOCK_FRAMES: Final = 10
MOST_BLOCKS: Final = 1024
#: Fewer blocks tell nothing.
FEWEST_BLOCKS: Final = 10
#: A clock that is further ahead of so many blocks before, in s and as a part of the time passed, was set.
_RECENT: Final = 30
_JUMP: Final = 0.5
_FASTEST: Final = 1e-3
#: Blocks that are later than the line by so many times the usual distance are left out.
_OUTSIDE: Final = 3.0


@dataclass(frozen=True)
class DriftFit:
    """The drift of a clock.

    Attributes
    ----------
    ppm
        How much faster than the computer's it goes, in parts per million; negative: slower.
    error
        Standard uncertainty of that.
    seconds
        The time over which it was seen, in s.
    """

    ppm: float
    error: float
    seconds: float

    @property
    def text(self) -> str:
        """It in words.

        >>> DriftFit(49.87, 0.21, 600.0).text
        '+49.9 +- 0.2 ppm in 600 s'
        """
        return f"{self.ppm:+,.1f} +- {self.error:,.1f} ppm in {self.seconds:,.0f} s"


class Drift:
    """Fits the drift of one clock. A clock that is set begins anew, and the longest stretch counts.

    Examples
    --------
    >>> drift = Drift()
    >>> for number in range(1000):
    ...     drift.add(0.1 * number * (1 + 50e-6), 100.0 + 0.1 * number)
    >>> round(drift.fit().ppm, 3)
    50.0
    """

    def __init__(self) -> None:
        self._best: DriftFit | None = None
        self._begin()

    def _begin(self) -> None:
        self._length = BLOCK_SECONDS
        self._first = self._end = self._latest = -math.inf
        self._offset, self._least, self._at, self._frames = 0.0, math.inf, 0.0, 0
        self._blocks: list[tuple[float, float]] = []
        self._recent = -math.inf, 0.0  # the least of the latest blocks, and when they began

    def add(self, clock: float, steady: float) -> None:
        """Take a frame: its device's clock and when it came, on a clock that nobody sets, in s."""
        late = steady - clock - self._offset
        least, since = self._recent
        if clock < self._latest or late < least - _JUMP - _FASTEST * (clock - since):
            self._set_anew()
        if self._first == -math.inf:
            self._first, self._end = clock, clock + self._length
            self._offset = steady - clock
            late = 0.0
        self._latest = clock
        if clock >= self._end and self._frames >= BLOCK_FRAMES:
            self._close_block(clock)
        self._frames += 1
        if late < self._least:
            self._least, self._at = late, clock

    def _set_anew(self) -> None:
        self._best = self.fit()
        self._begin()

    def _close_block(self, clock: float) -> None:
        self._blocks.append((self._at, self._least))
        self._least, self._frames = math.inf, 0
        if len(self._blocks) >= MOST_BLOCKS:
            pairs = zip(self._blocks[::2], self._blocks[1::2], strict=True)
            self._blocks = [min(pair, key=lambda block: block[1]) for pair in pairs]
            self._length *= 2
        self._end = clock + self._length
        recent = self._blocks[-_RECENT:]
        self._recent = min(late for _, late in recent), recent[0][0]

    def fit(self) -> DriftFit | None:
        """Return the drift; None if too little is known."""
        blocks = [*self._blocks, (self._at, self._least)] if self._least < math.inf else self._blocks
        if len(blocks) < FEWEST_BLOCKS:
            return self._best
        at, late = np.array(blocks).T
        kept = np.full(len(at), True)
        for _ in range(20):
            x, y = at[kept] - at[kept].mean(), late[kept]
            spread = float(x @ x)
            slope = float(x @ y) / spread
            away = late - (y.mean() + slope * (at - at[kept].mean()))
            usual = float(np.median(np.abs(away[kept])))
            inside = away <= _OUTSIDE * 1.5 * usual + 1e-9
            if inside.sum() < FEWEST_BLOCKS or bool((inside == kept).all()):
                break
            kept = inside
        scatter = float((away[kept] ** 2).sum()) / max(int(kept.sum()) - 2, 1)
        rate = 1.0 / (1.0 + slope) - 1.0
        found = DriftFit(rate * 1e6, math.sqrt(scatter / spread) * 1e6, float(at[-1] - at[0]))
        return self._best if self._best is not None and self._best.seconds > found.seconds else found
