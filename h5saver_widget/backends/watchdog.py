"""A watchdog for calls that never end: in damaged files HDF5 may go in circles, or wait for ever.

Nothing of Python runs then, no thread and no handler of a signal.
"""

from __future__ import annotations

import faulthandler
import signal
import sys

__all__ = ["Watchdog", "was_stuck"]


def was_stuck(code: int | None, said: str) -> bool:
    """Tell from its exit code, and from its standard error, whether the watchdog ended a process."""
    return "Timeout (" in said if sys.platform == "win32" else code == -signal.SIGALRM


class Watchdog:
    """Ends this process when one call takes more than so many seconds; None: for ever."""

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        if self.seconds is None:
            return
        if sys.platform == "win32":
            faulthandler.dump_traceback_later(self.seconds, exit=True)
        else:
            signal.setitimer(signal.ITIMER_REAL, self.seconds)  # SIGALRM ends a process that does not handle it

    def __exit__(self, *error: object) -> None:
        # also where the call has changed the limit: a timer that is left would end the process in the middle of another
        if sys.platform == "win32":
            faulthandler.cancel_dump_traceback_later()
        else:
            signal.setitimer(signal.ITIMER_REAL, 0)
