"""An end to calls that come to none: HDF5 goes in circles in some damaged files, and nothing of Python runs then."""

from __future__ import annotations

import faulthandler
import signal
import sys

__all__ = ["Limit", "was_stuck"]


def was_stuck(code: int | None, said: str) -> bool:
    """Tell from its exit code, and from what it said on its standard error, whether a process was ended for that."""
    return "Timeout (" in said if sys.platform == "win32" else code == -signal.SIGPROF


class Limit:
    """Ends this process when one call computes for too long.

    What counts is computing, not waiting for a disk; where the system does not tell them apart (Windows), it is time.

    Parameters
    ----------
    seconds
        How long a call may take; None: for ever.
    """

    def __init__(self, seconds: float | None = None) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        if self.seconds is None:
            return
        if sys.platform == "win32":
            faulthandler.dump_traceback_later(self.seconds, exit=True)
        else:
            signal.setitimer(signal.ITIMER_PROF, self.seconds)  # SIGPROF ends a process that does not handle it

    def __exit__(self, *error: object) -> None:
        if self.seconds is None:
            return
        if sys.platform == "win32":
            faulthandler.cancel_dump_traceback_later()
        else:
            signal.setitimer(signal.ITIMER_PROF, 0)
