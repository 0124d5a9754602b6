"""The durability of a file: the faults of its writer, or of the power, that it survives."""

from __future__ import annotations

import logging
from pathlib import Path

from h5saver_widget.backends.journal import finish_journal, read_journal
from h5saver_widget.backends.terms import Capabilities, Durability, OpenMode
from h5saver_widget.errors import FileOpenError
from h5saver_widget.format.journal import strange_journals

__all__ = ["DurabilityPolicy"]

logger = logging.getLogger(__name__)


class DurabilityPolicy:
    """The durability of the files that one backend opens."""

    def __init__(self, name: str, capabilities: Capabilities) -> None:
        self._name, self._capabilities = name, capabilities
        self._level = Durability.FLUSH

    @property
    def level(self) -> Durability:
        """The level of files opened from now on; a streaming file (SWMR) is never written through a journal.

        FileOpenError when set to one that the backend does not have.
        """
        return self._level

    @level.setter
    def level(self, level: Durability | str) -> None:
        wanted = Durability(level)
        if wanted is not Durability.FLUSH and not self._capabilities.journal:
            raise FileOpenError(f"{self._name} can't write by way of a journal; choose another backend, or 'flush'")
        self._level = wanted

    def check_streaming(self, path: Path) -> None:
        """Refuse to stream (SWMR) into a file that has to survive a loss of power."""
        if self._level is Durability.POWER:
            raise FileOpenError(f"{path}: a file that streams (SWMR) can't survive a loss of power; switch one off")

    def complete_last_flush(self, path: Path, mode: OpenMode) -> None:
        """Complete a flush that was cut short when its program was killed, where the file may be changed."""
        for left, why in strange_journals(path).items():
            logger.warning("%s %s", left, why)
        if mode == "r":
            if not self._capabilities.journal and read_journal(path) is not None:
                raise FileOpenError(
                    f"{path} was being flushed when its program was killed, and {self._name} can't read the journal "
                    f"beside it: read it with h5py, or run `h5saver repair {path.name}`, which works on a copy"
                )
        elif mode == "r+" and finish_journal(path):
            logger.warning("%s: the last flush, cut short when its program was killed, was finished", path)
