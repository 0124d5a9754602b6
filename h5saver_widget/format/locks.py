"""The lock of an open file, which HDF5 takes as well; it ends with the file."""

from __future__ import annotations

import os
import sys

__all__ = ["take_lock"]


def take_lock(file: int, *, shared: bool = False, waits: bool = False) -> bool:
    """Take the lock of an open file, `file` by its number; False if another program has it.

    On a file system without locks it counts as taken. `shared`: others may have it in this way, too (not on Windows).
    """
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file, 0, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_LOCK if waits else msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        fcntl.flock(file, kind if waits else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # there are none
        pass
    return True
