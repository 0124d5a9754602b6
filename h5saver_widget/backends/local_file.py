"""A file of this process on a disk: flushed as far as the disk allows, closed in any case."""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from abc import abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import Any

from h5saver_widget.backends.array_writer import ArrayWriter
from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.frame_queue import LocalQueue
from h5saver_widget.backends.handles import TreeNode
from h5saver_widget.backends.journal import path_of
from h5saver_widget.backends.primitive import changing, require_open
from h5saver_widget.backends.rows import RowQueue
from h5saver_widget.backends.terms import OpenMode
from h5saver_widget.errors import (
    FileGoneError,
    FileIncompleteError,
    FileNotOpenError,
    FileOpenError,
    H5SaverError,
    RowsLostError,
    incomplete,
    raise_again,
)
from h5saver_widget.format.superblock import read_superblock

__all__ = ["LocalFile", "not_opened", "reason_of"]

#: A flush that the disk refuses is tried again after so long, in s.
_PAUSES = (0.01, 0.05, 0.2, 0.5)

#: What the system says when nothing can be written into a file that was just made.
_NOT_WRITTEN = (errno.ENOSPC, errno.EFBIG, errno.EIO, errno.EDQUOT)

#: So much may be missing at the end of a file that the disk did not take, bytes.
_LONGEST_END = 1 << 32

#: A disk on which less is free is nearly full, bytes.
_LITTLE = 16 << 20


def reason_of(error: BaseException) -> str:
    """Return the operating system's words, out of the page that HDF5 makes of them."""
    if "unable to lock" in str(error):
        return "unable to lock it, another program is writing it"
    found = re.search(r"error message = '([^']+)'", str(error))
    return found[1] if found else getattr(error, "strerror", None) or str(error)


def not_opened(path: Path, mode: OpenMode, error: BaseException) -> FileOpenError:
    """Return the error of a file that a library could not open, or not make, in words; one begun is removed."""
    if mode == "x" and getattr(error, "errno", None) in _NOT_WRITTEN:
        path.unlink(missing_ok=True)
    return FileOpenError(f"{path} could not be {'made' if mode == 'x' else 'opened'}: {reason_of(error)}")


class LocalFile(Backend):
    """A backend on a file of this process, whose rows may wait in a row queue."""

    queue: LocalQueue

    def __init__(self) -> None:
        super().__init__()
        self.queue = LocalQueue()
        self._rows = RowQueue()
        #: The library's object of the open file.
        self._file: Any = None
        #: The operating system's number of the open file: asked once, for in a copy of the program no library is asked.
        self._number = -1
        #: Where the file is that nothing more is written into, if the system tells: it may have been renamed.
        self._place: Path | None = None
        #: Bytes of the file when the last frame came.
        self._size_seen = 0
        #: Of a file that is given up: rows of each array at the last flush.
        self._safe_rows: dict[str, int] = {}

    # ------------------------------------------------ implemented by a library
    @abstractmethod
    def _open_file(self, path: Path, mode: OpenMode, swmr: bool, locking: bool | None) -> None:
        """Open or create the library's file."""

    @abstractmethod
    def _close_file(self) -> None:
        """Close the library's file."""

    @abstractmethod
    def _flush_file(self) -> None:
        """Flush the library's file; one of `library_errors` if that fails."""

    @abstractmethod
    def descriptor(self) -> int:
        """Return the operating system's number of the open file."""

    @abstractmethod
    def _size_wanted(self) -> int:
        """Return the bytes that the file will have after the next flush."""

    @abstractmethod
    def _make_writer(self, node: TreeNode) -> ArrayWriter:
        """Return the writer of a growing or fixed array."""

    @property
    def _keeps_journal(self) -> bool:
        """Whether the changes of a refused flush are kept, and written by the next one."""
        return False

    # ------------------------------------------------------------------- file
    def _open(self, path: Path, mode: OpenMode, swmr: bool, locking: bool | None) -> None:
        self.durability.complete_last_flush(path, mode)
        self._begin()
        self._open_file(path, mode, swmr, locking)
        self._number = self.descriptor()
        self.queue.file_size = self._stat().st_size

    @property
    def raw_file(self) -> Any:
        """The library's own file object, None when closed. From now on rows are written at once."""
        with self.lock:
            if not self.is_open:
                return None
            self._rows.stop_collecting()
            return self._file

    def is_raw_file(self, file: Any) -> bool:
        with self.lock:
            return self.is_open and self._file is file

    def _h5(self) -> Any:
        """Return the library's object of the open file; FileNotOpenError without one."""
        if self._file is None:
            raise FileNotOpenError("no file is open; open or create one first")
        return self._file

    def _begin(self) -> None:
        """Start with nothing that waits, before a file is opened."""
        self._forget("/")
        self._rows, self._place, self._size_seen = RowQueue(), None, 0
        self.queue.begin()

    def flush(self, timeout: float | None = None) -> None:
        """Put everything written so far on storage; a write that the disk refuses for a moment is repeated.

        RowsLostError if rows were lost since the last call, also those of which the call of a frame has told already;
        FileIncompleteError or FileGoneError if the disk refuses it, or the file was removed.
        """
        for seconds in () if self.holds_lock() else _PAUSES:
            try:
                self._flush_and_tell()
                return
            except FileIncompleteError as error:
                if error.is_lost or isinstance(error.__context__, RowsLostError):
                    raise
            time.sleep(seconds)  # the lock is free: others go on
        self._flush_and_tell()

    def _flush_and_tell(self) -> None:
        with self.lock:
            require_open(self, "flush")
            try:
                self._flush()
            except RowsLostError:
                self._rows.told.clear()
                raise
            self._rows.tell_again()

    @changing
    def flush_soon(self) -> None:
        """Flush; a refused write is left to the next flush."""
        self._flush()

    def close(self, timeout: float | None = None) -> None:
        """Close the file, after a flush that is repeated if the disk refuses it; see :meth:`BackendFile.close`."""
        if not self.holds_lock():
            self.settle()
        super().close(timeout)

    def _flush(self) -> None:
        try:
            self._drain()
        finally:
            self._flush_drained()

    def _flush_drained(self) -> None:
        self._require_place()
        try:
            self._require_room()
            self._flush_file()
        except self.library_errors as error:
            self._refused(reason_of(error), error)
        self._rows.unsafe.clear()
        self.queue.flushed(self._stat().st_size)

    def _complete(self, failed: bool) -> None:
        """Flush and close a file that was written; if it can't be flushed, cut the library off from it first.

        HDF5 2.0 never closes a file that it can't flush: it stays locked, and the second attempt to close it ends the
        program. With the file's descriptor on the null device the remaining bytes go nowhere, and the library closes.
        """
        try:
            self._flush_for_the_last_time()
        except (FileIncompleteError, FileGoneError):
            self._let_go()
            self.queue.ledger.lose_rest()
            failed = True
            raise
        finally:
            self._forget("/")
            try:
                self._close_file()
            except self.library_errors:
                if not failed:  # what went wrong first tells more
                    raise
            self._cut_back()

    def _flush_for_the_last_time(self) -> None:
        try:
            self._flush_drained()
        except FileIncompleteError as error:
            if error.is_lost:
                raise
            raise incomplete(
                self._path, f"{reason_of(error.__cause__ or error)}. What was flushed before is in it"
            ) from error

    def _refused(self, reason: str, error: Exception) -> None:
        """Raise FileIncompleteError for a flush that the disk refused.

        With a journal nothing is lost. Without, the library has forgotten chunks that it could not write, and there are
        zeros in their place even if the next flush succeeds: nothing more is written, and the arrays are cut to their
        last flushed rows once the file is closed.
        """
        if self._keeps_journal:
            raise FileIncompleteError(
                f"{self._path} can't be flushed: {reason}. The data wait, and it is tried again. "
                "Look whether the disk is full"
            ) from error
        self.queue.ledger.lose_rest()
        self._safe_rows = {array.path: rows for array, rows in self._rows.unsafe.items()}
        told = [f"{path} from row {rows:,} on" for path, rows in self._safe_rows.items()]
        rest = f" and {len(told) - 3} more" if len(told) > 3 else ""
        rows = f": {', '.join(told[:3])}{rest}" if told else ""
        self.queue.failure = incomplete(
            self._path, f"{reason}. Data flushed before are in it; later data are lost{rows}"
        )
        raise self.queue.failure from error

    def _require_room(self) -> None:
        """Raise OSError if a disk that is nearly full does not take the end of the file: nothing is changed then.

        Without a journal HDF5 changes its indices in place before it finds out that the disk refuses the blocks that
        they point at, and rows that were flushed long ago are not found any more.
        """
        if os.name != "posix" or not hasattr(os, "posix_fallocate") or self._keeps_journal or self._mode == "r":
            return
        end, start = self._size_wanted(), self.queue.file_size
        if end <= start:
            return
        disk = os.fstatvfs(self._number)
        # not each time: some file systems write zeros for it
        if self._rows.has_broken or disk.f_bavail * disk.f_frsize < end - start + _LITTLE:
            os.posix_fallocate(self._number, start, end - start)

    def _require_place(self) -> None:
        """Raise FileGoneError if the file was removed or cut off.

        The system lets a program write on, and drops it at the end. A file that was only renamed is written to its end
        under its new name.
        """
        if self.queue.failure is None and self._mode != "r":
            found = self._stat()
            if not found.st_nlink:
                self.queue.failure = FileGoneError(f"{self._path} was removed while it was written: start a new file")
                self.queue.ledger.lose_all()
            else:
                self._compare(found.st_size, self.queue.file_size)
        if self.queue.failure is not None:
            raise_again(self.queue.failure)

    def _require_whole(self) -> None:
        """Raise FileGoneError if the file was removed or cut off; for every frame, before the library writes again.

        Without a journal the library writes frames at once, and would make the file as long again.
        """
        if self.queue.failure is not None:
            raise_again(self.queue.failure)
        if os.name == "posix" and not self._keeps_journal:
            size = os.fstat(self._number).st_size
            if size < self._size_seen:
                self._require_place()
                self._compare(size, self._size_seen)
            self._size_seen = size

    def _compare(self, size: int, before: int) -> None:
        """Find out whether a file that is shorter than before was cut off: the library shortens files itself, too."""
        if size < before and ((end := self._end_that_is_told()) is None or size < end):
            self.queue.failure = FileGoneError(
                f"{self._path} was cut off by another program while it was written, to {size:,} bytes: go on in a new "
                "file"
            )
            self.queue.ledger.lose_all()
            raise self.queue.failure

    def current_path(self) -> Path:
        path = super().current_path()
        if os.name != "posix":  # an open file can't be renamed
            return path
        about = os.fstat(self._number)
        for place in (path, path_of(self._number)):
            with suppress(OSError):
                if place is not None and os.path.samestat(about, place.stat()):
                    return place
        raise FileGoneError(f"{path} was removed or renamed while it was written; where it is now can't be told")

    def abandon(self) -> None:
        self._rows.drop_all()
        self._let_go()

    def _stat(self) -> os.stat_result:
        assert self._path is not None or self._number >= 0
        # elsewhere the number belongs to the library's own C runtime, and an open file can't be renamed
        return os.fstat(self._number) if os.name == "posix" else os.stat(self._path or "")

    def _cut_back(self) -> None:
        """Cut the arrays of a file that was given up to the rows that they had at the last flush, where it opens."""
        safe, self._safe_rows = self._safe_rows, {}
        if not safe or self._path is None:
            return
        with suppress(H5SaverError, *self.library_errors):
            # not `_begin`: the counts are still those of this file
            self._forget("/")
            self._open_file(self._place or self._path, "r+", False, None)
            self._number = self.descriptor()
            try:
                for name, rows in safe.items():
                    writer = self._make_writer(self._nodes.get(self.node(name)))
                    if writer.count() > rows:
                        writer.resize(rows)
                self._flush_file()
            except BaseException:
                self._let_go()
                raise
            finally:
                self._forget("/")
                self._close_file()

    def _let_go(self) -> None:
        """Discard the library's remaining writes."""
        self._follow()
        if not self._keeps_journal:
            self._fill_up()
        self._disconnect()

    def _follow(self) -> None:
        """Find out where the file is now, if it or its folder was renamed; not once it was disconnected."""
        with suppress(OSError):
            if stat.S_ISREG(self._stat().st_mode):
                self._place = path_of(self._number)

    def _end_that_is_told(self) -> int | None:
        """Return the end of the file in its superblock at the last flush: None without one, 0 if it can't be read."""
        # by its number, where the system has that: its name may be another file's
        path = Path(f"/proc/self/fd/{self._number}")
        with suppress(OSError):
            block = read_superblock(path if path.exists() else self._place or self._path or path)
            return None if block is None else block.base + block.stored_end
        return 0

    def _fill_up(self) -> None:
        """Make the file as long as it says that it is: HDF5 opens no shorter one. A hole at its end takes no room."""
        path, end = self._place or self._path, self._end_that_is_told() or 0
        with suppress(OSError):
            if path is not None and path.stat().st_size < end < self.queue.file_size + _LONGEST_END:
                os.truncate(path, end)

    def _disconnect(self) -> None:
        if os.name == "posix":  # elsewhere the number belongs to the library's own C runtime
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, self._number, inheritable=False)
            os.close(nowhere)
