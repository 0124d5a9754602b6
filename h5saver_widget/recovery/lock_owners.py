"""Which programs have a file open for writing, as far as the system tells."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from h5saver_widget.errors import FileOpenError
from h5saver_widget.format.journal import read_journal
from h5saver_widget.format.locks import take_lock
from h5saver_widget.format.superblock import read_superblock

__all__ = ["is_locked", "programs_writing", "require_closed", "stamp_of"]

_WRITE_MODES = os.O_WRONLY | os.O_RDWR


def is_locked(path: Path) -> bool:
    """Tell whether a program holds the lock that HDF5 takes on a file it writes; the file itself is left alone.

    HDF5 locks with flock(). A program that streams (SWMR) gives its lock back, and so is not seen here.
    """
    if sys.platform == "win32":
        try:
            with path.open("rb") as file:
                file.read(1)
        except PermissionError:
            return True
        return False
    with path.open("rb") as file:
        return not take_lock(file.fileno(), shared=True)


def require_closed(path: Path) -> None:
    """Raise FileNotFoundError or FileOpenError for a file that can't be looked at as a whole."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; check the path")
    block = read_superblock(path)
    if is_locked(path) or (block is not None and block.is_writing):
        raise FileOpenError(f"{path} is being written, or was not closed properly: close it, or run `h5saver check`")
    if read_journal(path) is not None:
        raise FileOpenError(f"{path} was not closed properly: open it to add something, or run `h5saver repair`")


def stamp_of(path: Path) -> tuple[int, int]:
    """Return when a file was changed last (ns), and its size."""
    about = path.stat()
    return about.st_mtime_ns, about.st_size


def programs_writing(path: Path) -> list[str]:
    """Return the programs that have a file open for writing; empty if there are none, or none can be seen."""
    found = [f"process {number} ({name})" for number, name in _seen_in_proc(path)]
    return found or (["another program"] if is_locked(path) else [])


def _seen_in_proc(path: Path) -> Iterator[tuple[int, str]]:
    """Iterate over the processes that /proc of Linux shows with the file open for writing."""
    wanted = path.stat()
    for process in Path("/proc").glob("[0-9]*") if sys.platform == "linux" else ():
        try:
            for handle in (process / "fd").iterdir():
                about = handle.stat()
                if (about.st_dev, about.st_ino) == (wanted.st_dev, wanted.st_ino) and _is_writing(process, handle):
                    yield int(process.name), (process / "comm").read_text().strip()
                    break
        except OSError:  # ended meanwhile, or of another user
            continue


def _is_writing(process: Path, handle: Path) -> bool:
    for line in (process / "fdinfo" / handle.name).read_text().splitlines():
        if line.startswith("flags:"):
            return bool(int(line.split()[1], 8) & _WRITE_MODES)
    return False
