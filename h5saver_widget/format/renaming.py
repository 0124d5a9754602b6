"""Files get other names, never over another file; the journal that one needs goes along."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

from h5saver_widget.format.journal import carried_along

__all__ = ["backup_names", "move_aside", "rename_exclusive"]

# Errors of os.link on FAT, some network file systems, and files of other owners.
_NO_LINK: Final = frozenset(
    (errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)
)


def backup_names(path: Path) -> Iterator[Path]:
    """Iterate over the names for the old version of a file: ``name_old1.h5``, ``name_old2.h5``..."""
    return (path.with_name(f"{path.stem}_old{number}{path.suffix}") for number in count(1))


def rename_exclusive(path: Path, target: Path) -> None:
    """Rename a file, or raise FileExistsError; ``os.rename`` overwrites silently on POSIX."""
    if os.name == "nt":
        path.rename(target)
        return
    if not path.is_symlink():
        try:
            os.link(path, target)
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise
        else:
            path.unlink()
            return
    os.lstat(path)
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))  # the name is ours now, so it may be replaced
    try:
        os.replace(path, target)
    except OSError:
        with suppress(OSError):
            target.unlink()
        raise


def move_aside(path: Path) -> Path:
    """Rename a file to its first free backup name, never over another file, and return the new path.

    A journal that the file needs goes along (`format/journal.py`).

    FileNotFoundError if there is no such file.

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp(), 'scan.h5')
    >>> file.touch()
    >>> move_aside(file).name, file.exists()
    ('scan_old1.h5', False)
    """
    for target in backup_names(path):
        if os.path.lexists(target):
            continue
        journals = carried_along(path, target)
        try:
            rename_exclusive(path, target)
        except BaseException as error:
            for made in journals[1:]:
                made.unlink()
            if isinstance(error, FileExistsError):  # another program was faster: the next name
                continue
            raise
        for old in journals[:1]:
            with suppress(OSError):  # what is there is of no other file
                old.unlink()
        return target
    raise AssertionError("unreachable: the names do not end")
