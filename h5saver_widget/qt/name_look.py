"""NameLook: looks for the name of the next file in a thread of its own, as a folder on a share may hang."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from time import monotonic

__all__ = ["NameLook"]


class NameLook(threading.Thread):
    """Finds the name that a file gets.

    It knows no widget and no saver: who lets go of such an object last deletes it, and only the thread of the windows
    may do that. With PySide6, a timer of one deleted elsewhere went off a moment later, and the program crashed.

    Parameters
    ----------
    number
        Which question it is.
    now
        The time in the name.
    find
        Returns the name; raises ValueError or OSError with a sentence when there can't be one.

    Attributes
    ----------
    text, reason
        The name, or why there is none; once the thread has ended.
    seconds
        How long it took.
    """

    def __init__(self, number: int, now: datetime, find: Callable[[datetime], str]) -> None:
        super().__init__(name="h5saver: next file", daemon=True)
        self.number, self.now = number, now
        self._find = find
        self.text = self.reason = ""
        self.seconds = 0.0

    def run(self) -> None:
        """Look, and keep what was found."""
        began = monotonic()
        try:
            self.text = self._find(self.now)
        except (ValueError, OSError) as error:
            self.reason = str(error)
        self.seconds = monotonic() - began
