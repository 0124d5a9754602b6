"""A file of which every state on the disk is a good one: changes in place wait, and are made by way of a journal.

HDF5 changes its own bookkeeping in place, block by block, when it flushes. A program that is killed between two of
these blocks, or a computer that loses its power, can leave a file that nobody opens any more. Here the library writes
through :class:`JournaledFile`:

- what it writes is kept in memory, in pages; what lies behind the end of the file as it was at the last
  :meth:`~JournaledFile.commit` is written as soon as there is much of it: nothing on the disk points there yet;
- a commit writes the rest of that, then the pages before that end into the journal beside the file, then into the
  file, then removes the journal. Where a loss of power is to be survived, each step is on the disk (fsync) before the
  next begins; the death of the process needs no more than this order.

So at every instant either the journal is incomplete, and the file is as it was at the last commit, or the journal is
complete, and the file with the journal's pages is as it is at this commit. `finish_journal` puts them in; a file that
is only read is shown with them, and stays as it is. What the journal is, and how it knows its file, is described in
`format/journal.py`.

Whatever the disk refuses is done again, at once and at the next commit: a commit is *frozen* when its journal is to be
written; from then on it is finished, from the journal on, before anything else reaches the disk.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from h5saver_widget.errors import FileOpenError
from h5saver_widget.format.journal import (
    NO_FOLLOW,
    PAGE,
    Journal,
    is_left_over,
    journal_names,
    journal_path,
    journals_beside,
    read_journal,
)
from h5saver_widget.format.superblock import read_superblock

__all__ = ["Journal", "JournaledFile", "finish_journal", "journal_path", "read_journal"]

_BINARY = getattr(os, "O_BINARY", 0)
#: Writes of so many bytes behind the last commit are made at once.
_LARGE = 64 << 10
#: So many bytes of smaller ones are collected.
_COLLECTED = 1 << 20
#: So much is kept in memory of what the disk refuses to take.
_MOST_REFUSED = 256 << 20
#: A virus scanner, a backup, a share that comes back: what is refused is tried again after so many seconds.
_PAUSES = (0.01, 0.05, 0.2)


def finish_journal(path: Path) -> bool:
    """Bring a file to its last commit, remove the journal, and tell whether the file was changed for that.

    What only has a journal's name is left alone.

    Raises
    ------
    FileOpenError
        If another program holds the file: the journal is that program's.
    OSError
        If the file can't be written.
    """
    changed = False
    for where, journal, needed in journals_beside(path):
        if journal is None or needed is False:
            continue
        descriptor = os.open(path, os.O_RDWR | _BINARY)
        try:
            _lock(descriptor, path, False)
            if needed:
                _put(descriptor, journal.changes)
                os.ftruncate(descriptor, journal.size)
                os.fsync(descriptor)
                changed = True
            with suppress(OSError):  # all of it is in the file: it does no harm, and is removed another time
                where.unlink()
        finally:
            os.close(descriptor)
    return changed


class JournaledFile:
    """What a library takes for a file: it can be positioned, read, written and truncated.

    Parameters
    ----------
    path
        The file.
    mode
        ``x`` makes it, ``r+`` changes it (finish an old journal first), ``r`` shows it with the pages of a journal
        that a killed program left.
    locking
        Whether the file is locked as HDF5 does it, so that other programs keep away.
    power
        Whether a commit lasts even if the power fails right after it, or in the middle of it: it takes longer.

    Attributes
    ----------
    identity
        Of the recording, 16 bytes; to be set before the first commit.

    Raises
    ------
    FileExistsError, OSError
        As :func:`os.open`; FileOpenError if another program has locked the file.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / 'a'
    >>> file = JournaledFile(path, 'x')
    >>> file.write(b'first'), file.commit(), file.seek(0), file.write(b'F')
    (5, None, 0, 1)
    >>> path.read_bytes(), file.commit(), path.read_bytes()
    (b'first', None, b'First')
    >>> file.close()
    """

    def __init__(self, path: Path, mode: str, locking: bool = True, power: bool = False) -> None:
        self._path = path
        self._power = power
        self._writes = mode != "r"
        self._position = 0
        self.identity = secrets.token_bytes(16)
        self._number = 0
        self._pages: dict[int, bytearray] = {}
        self._collected = 0
        self._changed = False
        #: A commit that is not all in the file, and whether its journal is on the disk.
        self._frozen: Journal | None = None
        self._is_logged = False
        self._journal = -1
        self._journal_at: Path | None = None
        #: Offsets of pages by which a journal knows this file, see `format/journal.py`.
        self._witnesses: set[int] = set()
        #: Why the disk refused something last; why nothing is taken any more.
        self._failed: OSError | None = None
        self._refused: OSError | None = None
        self._abandoned = False
        flags = {"x": os.O_RDWR | os.O_CREAT | os.O_EXCL, "r+": os.O_RDWR, "r": os.O_RDONLY}[mode]
        self._file = os.open(path, flags | _BINARY, 0o666)
        try:
            if locking:
                _lock(self._file, path, mode == "r")
            self._size = os.fstat(self._file).st_size
            left = read_journal(path) if mode == "r" else None
            #: Where the file ends on the disk; what is behind `_end` counts as zeros, and is cut off when it can be.
            self._end = self._real_size = self._size
            if left is not None:
                self._pages = {at: bytearray(page) for at, page in left.changes.items()}
                self._size = left.size
            #: Where the file ended at the last commit: what lies before is changed by way of the journal.
            self._committed = self._size
            if mode == "r+":
                block = read_superblock(path)
                self._first_page = 0 if block is None else block.offset // PAGE * PAGE
                self._spent = {where for where, _, needed in journals_beside(path) if needed is None}
            else:
                self._first_page, self._spent = 0, set()
            if power and self._writes:
                _sync_folder(path.parent)  # its name is on the disk
        except BaseException:
            self._close_all()
            raise

    def show(self, offset: int, beginning: bytes, size: int) -> None:
        """Show the file, which is only read, as if it had another superblock and size."""
        self._size = max(size, offset + len(beginning))
        self._keep(offset, memoryview(beginning))
        self._size = size

    @property
    def waiting(self) -> int:
        """Bytes that are kept in memory until the next commit."""
        return len(self._pages) * PAGE

    @property
    def is_changed(self) -> bool:
        """Whether anything was written since the last commit."""
        return self._changed

    @property
    def is_abandoned(self) -> bool:
        """Whether nothing is kept any more of what is written."""
        return self._abandoned

    def fileno(self) -> int:
        """Return the operating system's number of the file."""
        return self._file

    # ------------------------------------------------------ what a library asks
    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """Return the present place."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read what the file will be after the next commit."""
        target = memoryview(buffer).cast("B")
        start = self._position
        count = max(0, min(len(target), self._size - start))
        target = target[:count]
        self._read_base(target, start)
        if self._pages:
            _overlay(target, start, self._touched(start, start + count))
        self._position = start + count
        return count

    def _read_base(self, target: memoryview, start: int) -> None:
        """Read what the file is without the pages that wait for the next commit."""
        done, count = 0, max(0, min(len(target), self._end - start))
        while done < count:
            got = self._pread(target[done:count], start + done)
            if not got:
                break
            done += got
        if done < len(target):  # behind what is on the disk there are zeros
            target[done:] = bytes(len(target) - done)
        if self._frozen is not None:
            _overlay(target, start, self._frozen.changes.items())

    def _pread(self, target: memoryview, at: int) -> int:
        """Read from the disk, and return how many bytes there were."""
        if hasattr(os, "preadv"):
            return os.preadv(self._file, [target], at)
        os.lseek(self._file, at, os.SEEK_SET)
        found = os.read(self._file, len(target))
        target[: len(found)] = found
        return len(found)

    def _touched(self, start: int, stop: int) -> Iterator[tuple[int, bytearray]]:
        """Iterate over the pages in memory that a range touches."""
        first = start - start % PAGE
        if (stop - first) // PAGE > len(self._pages):
            yield from [(at, page) for at, page in self._pages.items() if at < stop and at + PAGE > start]
            return
        for at in range(first, stop, PAGE):
            page = self._pages.get(at)
            if page is not None:
                yield at, page

    def write(self, data: Any) -> int:
        """Write at the present place; on the disk it is at the next commit."""
        source = memoryview(data).cast("B")
        start, stop = self._position, self._position + len(source)
        if not self._abandoned:
            self._changed = True
            kept = stop
            free = max(start, self._committed)
            if stop - free >= _LARGE and self._write_at_once(free, source[free - start :]):
                kept = free
                for at, page in self._touched(free, stop):
                    first, last = max(at, free), min(at + PAGE, stop)
                    page[first - at : last - at] = source[first - start : last - start]
            if kept > start:
                self._keep(start, source[: kept - start])
        self._size = max(self._size, stop)
        self._position = stop
        if self._collected > _COLLECTED:
            self._hand_over()
        if self._failed is not None and self.waiting > _MOST_REFUSED:
            self._refused = self._failed
            self.abandon()
        return len(source)

    def _write_at_once(self, at: int, data: bytes | memoryview) -> bool:
        """Write behind the last commit, and tell whether the disk has taken it: it is kept in memory if not."""
        if self._frozen is not None:  # the disk refuses things: first that commit
            return False
        try:
            self._cut()
            self._real_size = max(self._real_size, at + len(data))  # also if it is refused half way
            _write(self._file, at, data)
        except OSError as error:
            self._failed = error
            return False
        self._end = max(self._end, at + len(data))
        return True

    def _cut(self) -> None:
        """Cut off what is behind the end, so that there are zeros when the file grows."""
        if self._real_size > self._end:
            os.ftruncate(self._file, self._end)
            self._real_size = self._end

    def _keep(self, start: int, source: memoryview) -> None:
        """Keep in memory what was written."""
        stop = start + len(source)
        for at in range(start - start % PAGE, stop, PAGE):
            first, last = max(at, start), min(at + PAGE, stop)
            page = self._pages.get(at)
            if page is None:
                page = self._pages[at] = bytearray(PAGE)
                if last - first < PAGE:
                    self._read_base(memoryview(page), at)
                self._collected += PAGE if at >= self._committed else 0
            page[first - at : last - at] = source[first - start : last - start]

    def _hand_over(self) -> None:
        """Write the pages that are all behind the last commit."""
        pages = {at: page for at, page in self._pages.items() if self._committed <= at and at + PAGE <= self._size}
        for at, run in _runs(pages):
            if self._write_at_once(at, run):
                for number in range(at, at + len(run), PAGE):
                    del self._pages[number]
        self._collected = 0

    def truncate(self, size: int | None = None) -> int:
        """Change the size; the file gets shorter than it was at the last commit at the next one only."""
        size = self._position if size is None else size
        if size < self._size and not self._abandoned:
            for at in [at for at in self._pages if at >= size]:
                if at < self._committed:
                    self._pages[at][:] = bytes(PAGE)
                else:
                    del self._pages[at]
            self._end = min(self._end, max(size, self._committed))
            # should it grow again, there are zeros
            zeros_to = min(self._size, max(self._committed, size - size % PAGE + PAGE))
            self._keep(size, memoryview(bytes(max(0, zeros_to - size))))
        self._changed |= size != self._size
        self._size = size
        return size

    def flush(self) -> None:
        """Do nothing: the library calls this in the middle of a flush, too; :meth:`commit` makes things lasting."""

    # ----------------------------------------------------------------- commits
    def commit(self, mark: bytes = b"") -> None:
        """Make everything written so far lasting: all of it, or, should this be cut short, nothing.

        Parameters
        ----------
        mark
            What was written for this commit alone: the page with it is looked at before a journal is put into a file.

        Raises
        ------
        OSError
            If the disk refuses it several times. Everything is kept, and written by the next commit.
        """
        if self._refused is not None:
            raise self._refused
        for pause in (*_PAUSES, None):
            try:
                self._commit(mark)
                self._failed = None
                return
            except OSError as error:
                self._failed = error
                if pause is None:
                    raise
                time.sleep(pause)

    def _commit(self, mark: bytes) -> None:
        self._finish()
        if not self._changed:
            return
        size, committed = self._size, self._committed
        if mark:
            found = {at for at, run in _runs(self._pages) for at in _pages_with(mark, at, run)}
            self._witnesses = found or self._witnesses
        behind: dict[int, memoryview] = {}
        before: dict[int, bytes] = {}
        for at, page in self._pages.items():
            split, stop = max(0, min(PAGE, committed - at)), min(PAGE, size - at)
            if split and stop > 0:
                before[at] = bytes(page[: min(split, stop)])
            if split < stop:
                behind[at + split] = memoryview(page)[split:stop]
        self._cut()
        self._put_behind(behind, size)
        pages = self._with_old(before, min(committed, size))
        if size < committed or any(old != new for old, new in pages.values()):
            self._number += 1
            self._frozen = Journal(self.identity, self._number, max(committed, size), size, pages)
        self._committed, self._end = size, min(self._end, size)
        self._pages, self._collected, self._changed = {}, 0, False
        self._finish()

    def _put_behind(self, pages: Mapping[int, memoryview], size: int) -> None:
        """Write what is behind the last commit."""
        for at, run in _runs(pages):
            self._real_size = max(self._real_size, at + len(run))
            _write(self._file, at, run)
            self._end = max(self._end, at + len(run))
        if self._real_size < size:
            os.ftruncate(self._file, size)
            self._real_size = size
        self._end = max(self._end, size)
        self._sync(self._file)

    def _with_old(self, pages: dict[int, bytes], end: int) -> dict[int, tuple[bytes, bytes]]:
        """Return pages with what is on the disk in their places; without those that are the same, but for witnesses."""
        found: dict[int, tuple[bytes, bytes]] = {}
        watched = {at for at in (self._first_page, *self._witnesses) if at < end}
        wanted = {at: bytes(min(PAGE, end - at)) for at in watched} | pages
        for at, run in _runs(wanted):
            old = bytearray(len(run))
            self._read_base(memoryview(old), at)
            for start in range(0, len(run), PAGE):
                before = bytes(old[start : start + PAGE])
                found[at + start] = before, pages.get(at + start, before)
        return {at: pair for at, pair in found.items() if pair[0] != pair[1] or at in watched}

    def abandon(self) -> None:
        """Take whatever is written from now on, and keep nothing of it: the file stays as at the last commit."""
        self._abandoned = True
        self._pages, self._collected = {}, 0

    def _finish(self) -> None:
        """Put a frozen commit into the file; should that fail, it is tried again before anything else is written."""
        frozen = self._frozen
        if frozen is None:
            return
        if not self._is_logged:
            self._open_journal()
            _write(self._journal, 0, frozen.packed())
            self._sync(self._journal)
            self._is_logged = True
        _put(self._file, frozen.changes)
        self._cut()
        self._sync(self._file)
        self._frozen, self._is_logged = None, False
        with suppress(OSError):  # all of it is in the file: it does no harm, and the next one takes its place
            self._drop_journal()

    def _open_journal(self) -> None:
        """Open a journal to be written: a new file, or one that is known to be of no use; never what others left."""
        if self._journal >= 0:
            return
        names = journal_names(self._path) if self._journal_at is None else [self._journal_at]
        for where in names:
            flags = os.O_RDWR | os.O_CREAT | NO_FOLLOW
            is_ours = where in (self._journal_at, *self._spent) or is_left_over(where, self.identity)
            try:
                self._journal = os.open(where, flags if is_ours else flags | os.O_EXCL, 0o666)
            except FileExistsError:
                continue
            self._journal_at = where
            if self._power:
                _sync_folder(self._path.parent)
            return
        name = journal_path(self._path).name
        raise FileOpenError(f"no journal can be made beside {self._path}: move away what is called {name}, {name}2...")

    def _drop_journal(self) -> None:
        if self._power:
            os.ftruncate(self._journal, 0)
            return
        number, self._journal = self._journal, -1
        os.close(number)
        self._remove_journal()

    def _remove_journal(self) -> None:
        if self._journal_at is not None:
            os.unlink(self._journal_at)
            self._journal_at = None

    def _sync(self, descriptor: int) -> None:
        if self._power:
            os.fsync(descriptor)

    def close(self) -> None:
        """Close the file as it was at the last commit; the journal is removed, unless the file still needs it."""
        with suppress(OSError):  # the journal stays, and is put in by whoever opens the file
            self._finish()
        needed = self._frozen is not None
        self._close_all()
        if self._writes and not needed:
            with suppress(OSError):
                self._remove_journal()

    def _close_all(self) -> None:
        for descriptor in (self._journal, self._file):
            if descriptor >= 0:
                os.close(descriptor)
        self._journal = self._file = -1


def _overlay(target: memoryview, start: int, pages: Iterable[tuple[int, bytes | bytearray]]) -> None:
    """Put pages over what was read from `start` on."""
    stop = start + len(target)
    for at, page in pages:
        first, last = max(at, start), min(at + len(page), stop)
        if first < last:
            target[first - start : last - start] = page[first - at : last - at]


def _runs(pages: Mapping[int, bytes | bytearray | memoryview]) -> Iterator[tuple[int, bytes]]:
    """Iterate over neighbouring pages in one piece each."""
    parts: list[bytes | bytearray | memoryview] = []
    start, stop = 0, -1
    for at, page in sorted(pages.items()):
        if parts and at == stop:
            parts.append(page)
        else:
            if parts:
                yield start, b"".join(parts)
            start, parts = at, [page]
        stop = at + len(page)
    if parts:
        yield start, b"".join(parts)


def _pages_with(mark: bytes, start: int, run: bytes) -> set[int]:
    """Return the offsets of the pages in which a mark stands."""
    found = run.find(mark)
    if found < 0:
        return set()
    return {start + at - at % PAGE for at in (found, found + len(mark) - 1)}


def _put(descriptor: int, pages: Mapping[int, bytes]) -> None:
    """Put pages into a file; done twice it does no harm."""
    for at, run in _runs(pages):
        _write(descriptor, at, run)


def _write(descriptor: int, offset: int, data: bytes | memoryview) -> None:
    """Write all of something at a place."""
    left = memoryview(data)
    while left:
        if hasattr(os, "pwrite"):
            count = os.pwrite(descriptor, left, offset)
        else:
            os.lseek(descriptor, offset, os.SEEK_SET)
            count = os.write(descriptor, left)
        offset += count
        left = left[count:]


def _sync_folder(folder: Path) -> None:
    """Have the names of new files on the disk, where a folder can be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            with suppress(OSError):  # some shares refuse it
                os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _lock(descriptor: int, path: Path, shared: bool) -> None:
    """Take the lock that HDF5 takes; where the file system has none, HDF5 goes on too."""
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise FileOpenError(f"{path} is held by another program: close it there first") from error
    except OSError:
        return
