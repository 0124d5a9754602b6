"""RecorderStatus: how a recorder is, as one value that a strip shows and a remote program asks for."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from h5saver_widget.saving.statistics import Statistics

__all__ = ["RecorderState", "RecorderStatus"]


class RecorderState(Enum):
    """State of the data flow; the value is the word for people, the same on every surface.

    ``ARMED``: no file is open, and the frames of the last seconds are held.
    ``OPEN``: a file is open, and nothing comes into it. ``RECORDING``: frames come, and a reader finds the first ones.
    ``PAUSED``: frames are left out. ``NOT_ANSWERING``: the disk has not got on for some seconds.
    """

    CLOSED = "closed"
    ARMED = "armed"
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
        State of the data flow.
    statistics
        Counts over all files of the recording; `queue_frames` and `queue_bytes` are the size of the queue.
    path
        The file that is open, or was last; None before there is one.
    seconds
        How long frames have come into the recording, in s: pauses and gaps are left out.
    part
        Number of the file of this recording, from 1.
    missing
        Missing sources, one sentence each.
    problem
        The last problem; ``''`` for none.
    mirror
        The state of the copy on a server, in words, or the data that the server of the recording does not have yet;
        ``''`` for none.
    waiting_seconds
        How long the disk has not answered, in s; 0 while it does.
    is_open
        Whether a file is open, or is being opened: *Stop* closes it.
    ended
        Why the last recording has ended by itself, and which sources never came into it; ``''`` while a file is open.
    is_given_up
        Whether the open file takes nothing any more, because it was removed or its process has ended: the recording
        has to go on in a new file.
    pending
        The action that is put off until a scan has ended; ``''`` for none.
    copies
        The state of the copies in other folders, in words; ``''`` for none.
    held_seconds
        Of how many seconds frames are held while nothing is recorded (state ``ARMED``), in s.

    Examples
    --------
    >>> RecorderStatus(RecorderState.OPEN, path=Path('/data/Laser.h5')).headline
    'Laser.h5: open'
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
    is_open: bool = False
    ended: str = ""
    is_given_up: bool = False
    pending: str = ""
    copies: str = ""
    held_seconds: float = 0.0

    @property
    def headline(self) -> str:
        """The state and the file in one line, for titles."""
        return self.state.value if self.path is None else f"{self.path.name}: {self.state.value}"

    @property
    def can_pause(self) -> bool:
        """Whether *Pause* or *Resume* does something."""
        return self.is_open and self.state not in (RecorderState.OPENING, RecorderState.CLOSING)

    @property
    def remarks(self) -> tuple[str, ...]:
        """The messages for the user, one sentence each."""
        return tuple(line for line in (self.problem, self.ended, self.pending, *self.missing) if line)
