"""Files that are handed around: one window gives another its open file, and that one works on it too.

Hosts do so with the library's own file object. An isolated file has none in this process, so an :class:`OpenFile`
stands for it; where there is one, it is recognised. No Qt.
"""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from h5saver_widget.backends.base import Backend
from h5saver_widget.errors import FileOpenError
from h5saver_widget.format import naming
from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = ["OpenFile", "SharedFile"]

_savers: weakref.WeakSet[SharedFile] = weakref.WeakSet()


class OpenFile:
    """Stands for the library's file object of a file that is open in another process.

    Parameters
    ----------
    saver
        The saver that has the file open.

    Attributes
    ----------
    filename
        Path of the file.
    """

    def __init__(self, saver: SharedFile) -> None:
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
        """Return the name, and where the file is."""
        return f"<{self.filename}, open in another process>"

    def copy_file(self, target: str, overwrite: bool = False) -> None:
        """Copy the file, as it is now.

        Parameters
        ----------
        target
            Where to.
        overwrite
            A file that is there is renamed to ``name_old1.h5`` first; without, FileExistsError is raised.
        """
        path = naming.with_h5_suffix(Path(target))
        if overwrite and path.exists():
            naming.move_aside(path)
        with self.saver.io.lock:
            self.saver.flush()
            naming.create_exclusive(path, lambda free: free.touch(exist_ok=False))
            shutil.copyfile(self.filename, path)

    def visititems(self, visit: Callable[[str, Any], Any]) -> None:
        """Visit nothing: windows go through a file to refresh it, and here every read sees what is in it now."""


class SharedFile(H5SaverLowLevel):
    """Adds to a saver that the file of another one can be assigned to it: both then work on the same open file.

    The one that opened the file keeps it: the other lets go of it when it is closed or opens a file of its own.
    """

    _lent: Backend | None = None  # its own backend, while it works on another's file

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        _savers.add(self)

    @property
    def h5file(self) -> Any:
        """The library's own file object, or what stands for it; None when closed. Assign one to work on that file."""
        if not self.isopen():
            return None
        return OpenFile(self) if self.isolated else self.io.raw_file

    @h5file.setter
    def h5file(self, file: Any) -> None:
        owner = _owner_of(file)
        if owner is self:
            return
        self.close_file()
        if owner is not None:
            self._lent, self._io = self._io, owner.io
            self.generation += 1
        elif file is not None:
            # somebody else's: this process has it open already, and may read it again without a lock
            path = getattr(file, "filename", None)
            if not isinstance(path, str):
                raise FileOpenError(f"{file!r} is no open file; give the file object of a saver, of h5py or PyTables")
            self.open_file(path, "r", locking=False)

    @property
    def h5_file(self) -> Any:
        """The same as `h5file`, under the other name that hosts use."""
        return self.h5file

    @h5_file.setter
    def h5_file(self, file: Any) -> None:
        self.h5file = file

    def open_file(
        self,
        path: Path | str,
        mode: str = "r",
        *,
        swmr_mode: bool = False,
        locking: bool | None = None,
        allow: Path | str | Sequence[Path | str] = (),
    ) -> Any:
        """Open a file as it is; one that is open is let go first. See :meth:`H5SaverLowLevel.open_file`."""
        self.close_file()
        streams = swmr_mode and self.capabilities.swmr
        super().open_file(path, mode, swmr_mode=streams, locking=locking, allow=allow)
        return self.h5file

    def close_file(self) -> None:
        """Close the file; one that belongs to another saver stays open there."""
        if self._lent is None:
            super().close_file()
        else:
            self._io, self._lent = self._lent, None
            self._sessions.clear()
            self.generation += 1


def _owner_of(file: Any) -> SharedFile | None:
    """Return the saver that opened a file object, None if none of ours did."""
    if isinstance(file, OpenFile):
        return file.saver
    if file is not None:
        for saver in list(_savers):
            if saver._lent is None and not saver.isolated and saver.io.raw_file is file:
                return saver
    return None
