"""The file of the h5py backend: opened plain, through a journal, or as another than it is; flushed and closed.

Files are written within the bounds ``earliest``/``v110`` (``v110`` throughout for SWMR): with ``latest``, the HDF5 2.0
inside h5py 3.16 writes files that show up empty in readers that carry HDF5 1.14.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy.typing as npt

from h5saver_widget.backends.chunks import CACHED_CHUNKS
from h5saver_widget.backends.h5py_attributes import CommitMarks
from h5saver_widget.backends.h5py_filters import learn_plugins
from h5saver_widget.backends.handles import TreeNode
from h5saver_widget.backends.journal import JournaledFile, read_journal
from h5saver_widget.backends.local_file import not_opened
from h5saver_widget.backends.queued import QueuedBackend
from h5saver_widget.backends.rows import PENDING_BYTES
from h5saver_widget.backends.terms import Durability, OpenMode, Selection
from h5saver_widget.errors import FileIncompleteError, FileOpenError, StreamingError, raise_again, taken
from h5saver_widget.format.empty_file import empty_file, make_empty
from h5saver_widget.format.journal import tried_again
from h5saver_widget.format.superblock import read_superblock

if TYPE_CHECKING:
    from h5saver_widget.backends.h5py_copying import Copier

__all__ = ["H5pyFile"]

logger = logging.getLogger(__name__)

#: So many bytes may wait for a disk that refuses them; then the file is given up.
_MOST_WAITING = 4 * PENDING_BYTES


class H5pyFile(QueuedBackend):
    """The open file of h5py."""

    library_errors = (OSError, KeyError, RuntimeError, ValueError, TypeError)

    def __init__(self) -> None:
        super().__init__()
        #: The file object that a journaled file is written through, or that shows a damaged file as another.
        self._disk: JournaledFile | None = None
        #: The marks of the commits of a file that is journaled.
        self._marks: CommitMarks | None = None
        #: A file that nodes are being copied into; it is closed with this one.
        self._copier: Copier | None = None
        self._locking: bool | None = None
        #: Whether the file was opened to be streamed into: its groups are of the newer kind.
        self._may_stream = False

    @property
    def is_open(self) -> bool:
        """Whether a file is open. A host may have closed the library's own object: its number is 0 then."""
        file = self._file
        return file is not None and file.id.id != 0

    @property
    def raw_file(self) -> h5py.File | None:
        """h5py's own file object, None when closed. From now on rows are written at once."""
        learn_plugins()  # nobody looks for missing filters where h5py is used directly
        return super().raw_file

    def _open_file(self, path: Path, mode: OpenMode, swmr: bool, locking: bool | None) -> None:
        self._locking, self._may_stream = locking, swmr and mode != "r"
        if mode == "r+":  # a chunk that can't be packed is missed much later, when the library writes it
            learn_plugins()
        is_made = False
        try:
            if self._takes_journal(path, mode, swmr):
                self._open_journaled(path, mode, locking is not False)
                return
            if mode == "x" and not swmr:
                make_empty(path)
                is_made = True
            self._file = h5py.File(
                path,
                "r+" if is_made else mode,
                libver=("v110" if swmr and mode != "r" else "earliest", "v110"),
                swmr=swmr and mode == "r",
                locking=locking,
                rdcc_nslots=None if mode == "r" else CACHED_CHUNKS,
            )
        except (OSError, ValueError, RuntimeError) as error:
            if getattr(error, "errno", None) == errno.EEXIST:  # another program was faster
                raise taken(path) from error
            if is_made:
                path.unlink(missing_ok=True)
            raise not_opened(path, mode, error) from error

    def open_shown(self, path: Path, offset: int, beginning: bytes, size: int) -> None:
        """Open a file for reading as if it had another superblock and size, to look at a damaged one without a copy.

        At `offset` it seems to have the bytes `beginning`, the superblock. Up to `size` bytes, which may be more than
        there are, there are zeros. FileOpenError if it can't be opened all the same.
        """
        self._begin()
        learn_plugins()
        disk = JournaledFile(path, "r", False)
        disk.show(offset, beginning, size)
        try:
            self._file = h5py.File(path, "r", driver="fileobj", fileobj=disk)
        except (OSError, ValueError, RuntimeError) as error:
            disk.close()
            raise FileOpenError(f"{path} could not be opened: {error}") from error
        self._disk = disk
        self._path, self._mode, self._swmr = path, "r", False

    def _takes_journal(self, path: Path, mode: OpenMode, swmr: bool) -> bool:
        if mode == "r":  # a journal that a killed program left is shown in its file, and both stay as they are
            return read_journal(path) is not None
        if self.durability.level is Durability.FLUSH or swmr:
            return False
        if os.access(os.path.dirname(os.path.realpath(path)), os.W_OK):
            return True
        if self.durability.level is Durability.POWER:
            raise PermissionError(
                "to survive a loss of power it needs a journal, and nothing can be made in its folder"
            )
        logger.warning("%s: no journal can be made in its folder: a kill in the middle of a flush may damage it", path)
        return False

    def _open_journaled(self, path: Path, mode: OpenMode, locking: bool) -> None:
        block = read_superblock(path) if mode == "r+" else None
        if block is not None and block.version >= 3 and block.is_writing:
            # with a file of ours the library does not look, and who streams holds no lock: two would write
            raise OSError("it is open for writing in another program, or was when that program was killed")
        disk = JournaledFile(path, mode, locking, self.durability.level is Durability.POWER)
        try:
            if mode == "x":
                disk.write(empty_file())
            self._file = h5py.File(
                path,
                "r" if mode == "r" else "r+",
                driver="fileobj",
                fileobj=disk,
                libver=("earliest", "v110"),
                rdcc_nslots=CACHED_CHUNKS,
            )
        except BaseException:
            disk.close()
            raise
        self._disk, self._marks = disk, CommitMarks()

    def _close_file(self) -> None:
        if self._copier is not None:
            self._copier.abandon()
            self._copier = None
        file, self._file = self._file, None
        disk, self._disk = self._disk, None
        try:
            if file is not None:
                file.close()
                if disk is not None and self._mode != "r" and not disk.is_abandoned:
                    tried_again(disk.commit, (0, 0))  # the lock is held: no pause
        finally:
            if disk is not None:
                disk.close()

    @property
    def _keeps_journal(self) -> bool:
        return self._disk is not None

    def _flush_file(self) -> None:
        self._h5().flush()
        if self._disk is None or self._marks is None or self._mode == "r":
            return
        mark = b""
        if self._disk.is_changed:
            self._disk.identity, mark = self._marks.next(self._h5())
            self._h5().flush()
        self._disk.commit(mark)

    def _append_checked(self, ready: list[tuple[TreeNode, npt.NDArray[Any]]]) -> None:
        super()._append_checked(ready)
        self._bound_waiting()

    def _write_checked(self, selection: Selection, ready: Sequence[tuple[TreeNode, npt.NDArray[Any]]]) -> None:
        super()._write_checked(selection, ready)
        self._bound_waiting()

    def _bound_waiting(self) -> None:
        if self._disk is None or self._disk.waiting <= PENDING_BYTES:
            return
        try:
            self._flush()
        except FileIncompleteError as error:  # the next flush tells, unless too much waits for it
            if self._disk.waiting > _MOST_WAITING:
                self.queue.failure = FileIncompleteError(str(error), is_lost=True, is_final=True)
                raise_again(self.queue.failure)

    def _disconnect(self) -> None:
        if self._disk is None:
            super()._disconnect()
        else:
            self._disk.abandon()

    def descriptor(self) -> int:
        return int(self._h5().id.get_vfd_handle()) if self._disk is None else self._disk.fileno()

    def _size_wanted(self) -> int:
        return int(self._h5().id.get_filesize())

    def _start_swmr(self) -> None:
        file = self._h5()
        self.flush()
        try:
            file.swmr_mode = True
        except (ValueError, OSError, RuntimeError) as error:
            raise StreamingError(
                f"{self._path} was not made for SWMR; create the file with SWMR on: {error}"
            ) from error
        self.queue.file_size = self._stat().st_size  # the library has cut off what it had taken in advance
