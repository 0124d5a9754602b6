"""Counts: adds up the counts of the files of one recording."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

from h5saver_widget.saving.statistics import Statistics

__all__ = ["Counts"]

_SUMMED = (
    *(f"frames_{name}" for name in ("received", "written", "waiting", "dropped", "left_out")),
    *("bytes_in", "bytes_on_disk"),
)


class Counts:
    """The counts of earlier files of the recording, and of the frames that were skipped on purpose.

    >>> counts = Counts()
    >>> counts.add(Statistics(frames_received=7))
    >>> counts.total(Statistics(frames_received=3)).frames_received
    10
    """

    def __init__(self) -> None:
        self._adding = threading.Lock()
        self.begin()

    def begin(self) -> None:
        """Begin another recording."""
        self.part, self._left_out, self.before = 1, 0, Statistics()

    def leave_out(self) -> None:
        """Count a frame that is skipped."""
        with self._adding:
            self._left_out += 1

    def total(self, now: Statistics) -> Statistics:
        """Return the counts over all files, those of the open one added."""
        found = self._sum(now)
        return replace(found, frames_left_out=found.frames_left_out + self._left_out)

    def add(self, now: Statistics) -> None:
        """Add the counts of a file that has ended."""
        self.before = self._sum(now)

    def _sum(self, now: Statistics) -> Statistics:
        before = self.before
        counts: dict[str, Any] = {name: getattr(before, name) + getattr(now, name) for name in _SUMMED}
        return replace(now, **counts, waited_seconds=before.waited_seconds + now.waited_seconds)
