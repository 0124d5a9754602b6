"""Limit: after how much a recording goes on in a new file, or ends."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limit"]


@dataclass(frozen=True)
class Limit:
    """How much is enough; 0 is no limit.

    Attributes
    ----------
    size
        Size of the file, in bytes.
    seconds
        Time, in s.
    frames
        Number of frames.

    Examples
    --------
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
