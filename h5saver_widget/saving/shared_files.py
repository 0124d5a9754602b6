"""Files that are handed around: one window gives another its open file, and that one works on it too.

Hosts do so with the library's own file object. An isolated file has none in this process, so an :class:`FileProxy`
stands for it; where there is one, it is recognised. No Qt.
"""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h5saver_widget.errors import FileOpenError
from h5saver_widget.format import naming
from h5saver_widget.format.renaming import move_aside

if TYPE_CHECKING:
    from h5saver_widget.saving.h5_backend import H5Backend
    from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = ["FileProxy", "known_savers", "library_file", "work_on"]

#: Every saver that may own a file object which somebody hands to another one.
known_savers: weakref.WeakSet[H5SaverLowLevel] = weakref.WeakSet()


class FileProxy:
    """Stands for an open file, wherever it is open."""

    def __init__(self, saver: H5Backend) -> None:
        self.saver = saver
        self.filename = str(saver.file_path or "")

    @property
    def isopen(self) -> int:
        """1 while the file is open, 0 afterwards."""
        return int(self.saver.isopen() and str(self.saver.file_path) == self.filename)

    def flush(self) -> None:
        """Wait until everything is in the file."""
        self.saver.flush()

    def close(self) -> None:
        """Close the file."""
        if self.isopen:
            self.saver.close_file()

    def __repr__(self) -> str:
        """Return the name, and whether the file is open."""
        return f"<{self.filename}, {'open' if self.isopen else 'closed'}>"

    def copy_file(self, target: str, overwrite: bool = False) -> None:
        """Copy the file, as it is now.

        `overwrite` renames a file that is there to ``name_old1.h5`` first; without, FileExistsError is raised.
        """
        path = naming.with_h5_suffix(Path(target))
        if overwrite and path.exists():
            move_aside(path)
        with self.saver.io.lock:
            self.saver.flush()
            naming.create_exclusive(path, lambda free: free.touch(exist_ok=False))
            shutil.copyfile(self.filename, path)

    def visititems(self, visit: Callable[[str, Any], Any]) -> None:
        """Do nothing: windows visit a file to refresh it, and here every read returns the present content."""


def library_file(file: H5SaverLowLevel) -> Any:
    """Return the library's own file object, or the :class:`FileProxy` that stands for it; None when closed."""
    if not file.isopen():
        return None
    return FileProxy(file) if file.isolated else file.io.raw_file


def work_on(file: H5SaverLowLevel, other: Any) -> None:
    """Have `file` work on the file that another saver has open: both then do.

    The one that opened the file keeps it; this one lets go of it when it is closed or opens a file of its own.

    Parameters
    ----------
    file
        The saver that gets the file.
    other
        The file object of a saver, of h5py or PyTables; None closes.

    Raises
    ------
    FileOpenError
        If `other` is no open file.
    """
    owner = _owner_of(other)
    if owner is file:
        return
    file.close_file()
    if owner is not None:
        file.borrow(owner)
    elif other is not None:
        # somebody else's: this process has it open already, and may read it again without a lock
        path = getattr(other, "filename", None)
        if not isinstance(path, str):
            raise FileOpenError(f"{other!r} is no open file; give the file object of a saver, of h5py or PyTables")
        file.open_file(path, "r", locking=False)


def _owner_of(file: Any) -> H5SaverLowLevel | None:
    """Return the saver that opened a file object, None if none of ours did."""
    for saver in list(known_savers):
        if isinstance(file, FileProxy):
            if file.saver is saver:
                return saver
        elif file is not None and not saver.is_borrowing and not saver.isolated and saver.io.is_raw_file(file):
            return saver
    return None
