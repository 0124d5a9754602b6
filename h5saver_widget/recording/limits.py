"""Limits: after how much a recording continues in a new file, or ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from h5saver_widget.recording.settings import Settings

__all__ = ["Limit", "Limits"]

#: After a next file could not be made, the next try comes after so long, in s.
RETRY_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Limit:
    """How much is enough: the size of the file in bytes, a time in s, and a number of frames; 0 is no limit.

    >>> limit = Limit(seconds=3600, frames=1000)
    >>> limit.reached(seconds=12.0, frames=1000)
    '1,000 frames'
    >>> limit.reached(seconds=12.0, frames=999)
    ''
    """

    size: int = 0
    seconds: float = 0.0
    frames: int = 0

    def reached(self, size: int = 0, seconds: float = 0.0, frames: int = 0) -> str:
        """Return which limit was reached, in words; ``''`` for none."""
        if self.frames and frames >= self.frames:
            return f"{self.frames:,} frames"
        if self.seconds and seconds >= self.seconds:
            return f"{self.seconds / 60:g} min" if self.seconds >= 60 else f"{self.seconds:g} s"
        if self.size and size >= self.size:
            return f"{self.size / 1e6:,g} MB"
        return ""


class Limits:
    """Says when a recording ends (`stop`), and when it continues in a new file (`roll`); any thread may ask.

    >>> limits = Limits()
    >>> limits.follow(Settings(roll_over_frames=10))
    >>> limits.roll_reason(frames=10, accepted=80, file_size=lambda: 0)
    '10 frames'
    """

    def __init__(self) -> None:
        self.roll = self.stop = Limit()
        #: Whether there is any limit at all.
        self.any = False
        self._wanted_size, self._began, self._retry_at = 0, monotonic(), 0.0

    def follow(self, settings: Settings) -> None:
        """Take the limits that the settings say."""
        self.roll = Limit(
            int(settings.roll_over_size * 1e6), settings.roll_over_time * 60, int(settings.roll_over_frames)
        )
        self.stop = Limit(0, settings.stop_after_time * 60, int(settings.stop_after_frames))
        self.any = self.roll != Limit() or self.stop != Limit()
        self._wanted_size = 0

    def file_opened(self) -> None:
        """Count the size and the time of a file from now on."""
        self._wanted_size, self._began = 0, monotonic()

    def try_later(self) -> None:
        """Take note that no next file could be made: it is tried again after a while."""
        self._retry_at = monotonic() + RETRY_SECONDS

    def stop_reason(self, seconds: float, frames: int) -> str:
        """Return why a recording of that length ends, ``''`` if it continues."""
        return self.stop.reached(seconds=seconds, frames=frames)

    def roll_reason(self, frames: int, accepted: int, file_size: Callable[[], int]) -> str:
        """Return why the recording continues in a new file, ``''`` if it does not.

        So many frames and bytes were accepted for this file. `file_size` returns the size of the file in bytes; it may
        look at the disk, and is asked rarely.
        """
        if self.roll == Limit() or not frames or monotonic() < self._retry_at:
            return ""
        size = 0
        if self.roll.size and accepted >= self._wanted_size:
            # So many bytes as are missing have to come before it can be reached.
            size = file_size()
            self._wanted_size = accepted + max(self.roll.size - size, 1)
        return self.roll.reached(size, monotonic() - self._began, frames)
