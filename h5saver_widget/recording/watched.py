"""What the watcher of a recording needs of its file. No Qt."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from h5saver_widget.backends.base import Backend
from h5saver_widget.saving.statistics import Statistics

__all__ = ["WatchedFile"]


class WatchedFile(Protocol):
    """The methods of a file that its watcher needs."""

    io: Backend
    frames_saved: int
    bytes_saved: int
    #: Whether a scan has begun of which points are still to come.
    scan_runs: bool

    @property
    def file_path(self) -> Path | None:
        """Path of the open file."""

    def isopen(self) -> bool:
        """Tell whether a file is open; never waits."""

    def file_statistics(self) -> Statistics:
        """Return the counts of this file; never waits."""

    def pending(self) -> tuple[str, float]:
        """Return the running background work (``'opening'``, ``'closing'``), and for how many seconds it has run."""

    def is_within_step(self) -> bool:
        """Tell whether a thread is in the middle of a frame; to be asked with the file's lock."""

    def flush(self) -> None:
        """Hand everything to the operating system."""

    def _close_now(self) -> None: ...

    def next_part(self, number: int, reason: str) -> Path:
        """Go on in the next file of the recording, which has the same groups, and return its path."""

    def switch_off(self) -> None:
        """Switch *Do Save* off."""

    def update_status(self, text: str) -> None:
        """Say something worth knowing."""

    def report(self, what: str, error: BaseException) -> None:
        """Report a failure with its reason."""

    def _notify(self, command: str, **args: Any) -> None: ...
