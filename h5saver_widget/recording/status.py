"""RecorderStatus: how a recorder is, as one value that a strip shows and a remote program asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from h5saver_widget.saving.statistics import Statistics

__all__ = ["RecorderState", "RecorderStatus"]


class RecorderState(Enum):
    """The state of a recorder; the value is the word for people."""

    CLOSED = "closed"
    OPENING = "opening..."
    OPEN = "open"
    RECORDING = "recording"
    PAUSED = "paused"
    CLOSING = "closing..."
    NOT_ANSWERING = "disk not answering"
    ERROR = "error"


@dataclass(frozen=True)
class RecorderStatus:
    """How a recorder is.

    Attributes
    ----------
    state
        ``RECORDING`` begins once the first frame is known to be in the file, not before. ``NOT_ANSWERING``: a file is
        open, and its writer has made no progress for some seconds although it has work.
    statistics
        Counts over all files of the recording; `queue_frames` and `queue_bytes` are the size of the queue.
    path
        The file that is open, or was last; None before there is one.
    seconds
        How long the recording lasts, in s, without pauses.
    part
        Number of the file of this recording, from 1.
    missing
        Missing sources, one sentence each.
    problem
        The last problem; ``''`` for none.
    mirror
        How the copy on a server is, in words; ``''`` without one.
    waiting_seconds
        How long the disk has not answered, in s; 0 while it does.
    """

    state: RecorderState = RecorderState.CLOSED
    statistics: Statistics = field(default_factory=Statistics)
    path: Path | None = None
    seconds: float = 0.0
    part: int = 1
    missing: tuple[str, ...] = ()
    problem: str = ""
    mirror: str = ""
    waiting_seconds: float = 0.0
