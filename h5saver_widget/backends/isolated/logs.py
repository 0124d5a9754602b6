"""The logs of worker processes: a private folder with the logs of the last ones."""

from __future__ import annotations

import functools
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

__all__ = ["MOST_LOGS", "log_folder", "open_log"]

#: So many are kept; those of programs that still run are not counted among the oldest.
MOST_LOGS: Final = 20


@functools.cache
def log_folder() -> Path:
    """Return the folder for logs, which nobody else can read or write; it is made if need be, OSError if it can't be.

    In a temporary folder that is shared, somebody may have put a link or a folder of his own in its place: then it is
    one of a name that nobody can guess.
    """
    user = f"-{os.getuid()}" if hasattr(os, "getuid") else ""
    folder = Path(tempfile.gettempdir()) / f"h5saver_widget-logs{user}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    about = folder.lstat()
    mine = not hasattr(os, "getuid") or (about.st_uid == os.getuid() and not about.st_mode & 0o077)
    if stat.S_ISDIR(about.st_mode) and mine:
        return folder
    return Path(tempfile.mkdtemp(prefix="h5saver_widget-logs-"))


def open_log() -> BinaryIO | None:
    """Open a new log, and remove old ones; None without a place for it, which stops nobody from saving.

    The log of a process that ends well is deleted by its parent.
    """
    with suppress(OSError):
        _tidy(log_folder())
        return tempfile.NamedTemporaryFile(  # type: ignore[return-value]
            dir=log_folder(), prefix=f"{os.getpid()}-", suffix=".log", delete=False
        )
    return None


def _tidy(folder: Path) -> None:
    """Remove the oldest logs of programs that have ended, so that there is room for one more."""
    ages = {}
    for path in folder.glob("*.log"):
        with suppress(OSError):  # another program was faster
            ages[path] = path.lstat().st_mtime_ns
    ended = [path for path in sorted(ages, key=ages.__getitem__) if not _runs(path.name.partition("-")[0])]
    for path in ended[: max(0, len(ages) + 1 - MOST_LOGS)]:
        with suppress(OSError):
            path.unlink()


def _runs(number: str) -> bool:
    """Tell whether a process runs, as far as that is known without harm to it."""
    if os.name != "posix" or not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
