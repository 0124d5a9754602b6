"""RecorderStatus: how a recorder is, as one value that a strip shows and a remote program asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from h5saver_widget.saving.statistics import Statistics

__all__ = ["RecorderState", "RecorderStatus"]


class RecorderState(Enum):
    """What a recorder is doing; the value is the word for people."""

    CLOSED = "closed"
    OPEN = "open"
    RECORDING = "recording"
    PAUSED = "paused"
    ERROR = "error"


@dataclass(frozen=True)
class RecorderStatus:
    """How a recorder is.

    Attributes
    ----------
    state
        ``RECORDING`` is said once the first frame is known to be in the file, not before.
    statistics
        What was counted, over all files of the recording.
    path
        The file that is open, or was last; None before there is one.
    seconds
        How long the recording lasts, in s, pauses left out.
    part
        Number of the file of this recording, from 1.
    missing
        What should come and does not, one sentence each.
    problem
        What went wrong last; ``''`` for nothing.
    mirror
        How the copy on a server is, in words; ``''`` without one.
    """

    state: RecorderState = RecorderState.CLOSED
    statistics: Statistics = field(default_factory=Statistics)
    path: Path | None = None
    seconds: float = 0.0
    part: int = 1
    missing: tuple[str, ...] = ()
    problem: str = ""
    mirror: str = ""
