"""A file of which every state on the disk is a good one: changes in place wait, and are made by way of a journal.

HDF5 changes its own bookkeeping in place, block by block, when it flushes. A program that is killed between two of
these blocks, or a computer that loses its power, can leave a file that nobody opens any more. Here the library writes
through :class:`JournaledFile`:

- written bytes are kept in memory, in pages; those behind the end of the file as it was at the last
  :meth:`~JournaledFile.commit` is written as soon as there is much of it: nothing on the disk points there yet;
- a commit writes the rest of that, then the pages before that end into the journal beside the file, then into the
  file, then removes the journal. Where a loss of power is to be survived, each step is on the disk (fsync) before the
  next begins; the death of the process needs no more than this order.

So at every instant either the journal is incomplete, and the file is as it was at the last commit, or the journal is
complete, and the file with the journal's pages is as it is at this commit. `finish_journal` puts them in; a file that
is only read is shown with them, and stays as it is. `format/journal.py` describes the journal, and how it recognises
its file.

A write that the disk refuses is repeated at the next commit: a commit is *frozen* when its journal is to
be written; from then on it is finished, from the journal on, before anything else reaches the disk.
"""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

from h5saver_widget.backends.paged_file import PagedFile, runs, write_at
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
    tried_again,
)
from h5saver_widget.format.locks import take_lock
from h5saver_widget.format.superblock import read_superblock

__all__ = ["Journal", "JournaledFile", "finish_journal", "journal_path", "path_of", "read_journal"]

_BINARY = getattr(os, "O_BINARY", 0)


def finish_journal(path: Path) -> bool:
    """Bring a file to its last commit, remove the journal, and tell whether the file needed it.

    Other files with a journal's name are left alone. FileOpenError if another program holds the file: the journal is
    that program's; or if it is unknown whether the file needs its journal: it must not be changed then. OSError if the
    file can't be written.
    """
    for where, _, _, unknown in (beside := list(journals_beside(path))):
        if unknown:
            raise FileOpenError(
                f"{path} can't be changed: it may need the journal {where.name} beside it, which {unknown}. Make it "
                "readable, open the file with that version, or move the journal away if it is of another file"
            )
    if any(found.needed is not False for found in beside):
        tried_again(lambda: _finish(path))
    return any(found.needed for found in beside)


def _finish(path: Path) -> None:
    """Put the journal into its file, which nobody else can open to write meanwhile."""
    descriptor = os.open(path, os.O_RDWR | _BINARY)
    try:
        _lock(descriptor, path, False)
        for where, journal, needed, _ in journals_beside(path, descriptor):  # as it is now: another may have done it
            if journal is not None and needed is not False:
                _put(descriptor, journal.changes)
                os.ftruncate(descriptor, journal.size)
                os.fsync(descriptor)
                with suppress(OSError):  # all of it is in the file: it does no harm, and is removed another time
                    where.unlink()
    finally:
        os.close(descriptor)


class JournaledFile(PagedFile):
    """The file object that a library uses: it can be positioned, read, written and truncated.

    Mode ``x`` makes it, ``r+`` changes it (finish an old journal first), ``r`` shows it with the pages of a journal
    that a killed program left. With `locking` it is locked as HDF5 does it, so that other programs keep away. With
    `power` a commit lasts even if the power fails right after it, or in the middle of it: it takes longer. Errors as
    `os.open`; FileOpenError if another program has locked the file.

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
        flags = {"x": os.O_RDWR | os.O_CREAT | os.O_EXCL, "r+": os.O_RDWR, "r": os.O_RDONLY}[mode]
        super().__init__(os.open(path, flags | _BINARY, 0o666))
        self._path = Path(os.path.realpath(path))
        self._power = power
        self._writes = mode != "r"
        #: Of the recording, 16 bytes; to be set before the first commit.
        self.identity = secrets.token_bytes(16)
        self._number = 0
        #: A commit that is not all in the file, and whether its journal is on the disk.
        self._frozen: Journal | None = None
        self._is_logged = False
        self._journal = -1
        self._journal_at: Path | None = None
        #: Offsets of pages by which a journal knows this file, see `format/journal.py`; journals that are of no use.
        self._first_page, self._witnesses = 0, set[int]()
        self._spent: set[Path] = set()
        try:
            if locking:
                _lock(self._file, path, mode == "r")
                self._measure()  # nobody changes it any more
            left = read_journal(path) if mode == "r" else None
            if left is not None:
                self._pages = {at: bytearray(page) for at, page in left.changes.items()}
                self._size = self._committed = left.size
            if mode == "r+":
                block = read_superblock(path)
                self._first_page = 0 if block is None else block.offset // PAGE * PAGE
                self._spent = {beside.where for beside in journals_beside(path) if beside.needed is None}
            if power and self._writes:
                sync_folder(self._path.parent)  # its name is on the disk
        except BaseException:
            self._close_all()
            raise

    def show(self, offset: int, beginning: bytes, size: int) -> None:
        """Show the file, which is only read, as if it had another superblock and size."""
        self._size = max(size, offset + len(beginning))
        self._keep(offset, memoryview(beginning))
        self._size = size

    # ----------------------------------------------------------------- commits
    def commit(self, mark: bytes = b"") -> None:
        """Make everything written so far lasting: all of it, or, should this be cut short, nothing.

        `mark` are bytes written for this commit alone: the page with them is compared before a journal is put into a
        file. OSError if the disk refuses it: everything is kept, and written by the next commit.
        """
        if self._refused is not None:
            raise self._refused
        try:
            self._commit(mark)
        except OSError as error:
            self._failed = error
            raise
        self._failed = None

    def _commit(self, mark: bytes) -> None:
        self._finish()
        if not self.is_changed:
            return
        size, committed = self._size, self._committed
        if mark:
            found = {at for at, run in runs(self._pages) for at in _pages_with(mark, at, run)}
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
            self._unfinished = self._frozen.changes
        self._committed, self._end = size, min(self._end, size)
        self._pages, self._collected, self.is_changed = {}, 0, False
        self._finish()

    def _put_behind(self, pages: Mapping[int, memoryview], size: int) -> None:
        """Write the bytes behind the end of the last commit."""
        for at, run in runs(pages):
            self._real_size = max(self._real_size, at + len(run))
            write_at(self._file, at, run)
            self._end = max(self._end, at + len(run))
        if self._real_size < size:
            os.ftruncate(self._file, size)
            self._real_size = size
        self._end = max(self._end, size)
        self._sync(self._file)

    def _with_old(self, pages: dict[int, bytes], end: int) -> dict[int, tuple[bytes, bytes]]:
        """Return pages with the bytes on the disk in their places, less those that are equal, but for witnesses."""
        found: dict[int, tuple[bytes, bytes]] = {}
        watched = {at for at in (self._first_page, *self._witnesses) if at < end}
        wanted = {at: bytes(min(PAGE, end - at)) for at in watched} | pages
        for at, run in runs(wanted):
            old = bytearray(len(run))
            self._read_base(memoryview(old), at)
            for start in range(0, len(run), PAGE):
                before = bytes(old[start : start + PAGE])
                found[at + start] = before, pages.get(at + start, before)
        return {at: pair for at, pair in found.items() if pair[0] != pair[1] or at in watched}

    def _finish(self) -> None:
        """Put a frozen commit into the file; should that fail, it is tried again before anything else is written."""
        frozen = self._frozen
        if frozen is None:
            return
        if not self._is_logged:
            self._open_journal()
            write_at(self._journal, 0, frozen.packed())
            self._sync(self._journal)
            self._is_logged = True
        _put(self._file, frozen.changes)
        self._cut()
        self._sync(self._file)
        self._frozen = self._unfinished = None
        self._is_logged = False
        with suppress(OSError):  # all of it is in the file: it does no harm, and the next one takes its place
            self._drop_journal()

    def _open_journal(self) -> None:
        """Open a journal to be written: a new file, or one that is known to be of no use; never another program's."""
        if self._journal >= 0:
            return
        self._follow()
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
                sync_folder(self._path.parent)
            return
        name = journal_path(self._path).name
        raise FileOpenError(f"no journal can be made beside {self._path}: move the files called {name}, {name}2...")

    def _follow(self) -> None:
        """Find out where the file is now, if it or its folder was renamed: its journal belongs beside it."""
        with suppress(OSError):
            if os.path.samestat(os.stat(self._path), os.fstat(self._file)):
                return
        with suppress(OSError):
            where = path_of(self._file)
            if where is not None and os.path.samestat(os.stat(where), os.fstat(self._file)):
                self._path, self._journal_at, self._spent = where, None, set()

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
        with ExitStack() as closing:  # all of them, whatever one of them says
            for descriptor in (self._journal, self._file):
                if descriptor >= 0:
                    closing.callback(os.close, descriptor)
            self._journal = self._file = -1


def _pages_with(mark: bytes, start: int, run: bytes) -> set[int]:
    """Return the offsets of the pages in which a mark stands."""
    found = run.find(mark)
    if found < 0:
        return set()
    return {start + at - at % PAGE for at in (found, found + len(mark) - 1)}


def _put(descriptor: int, pages: Mapping[int, bytes]) -> None:
    """Put pages into a file; done twice it does no harm."""
    for at, run in runs(pages):
        write_at(descriptor, at, run)


def path_of(descriptor: int) -> Path | None:
    """Return the present path of an open file; None where the system does not tell."""
    if sys.platform == "linux":
        return Path(os.readlink(f"/proc/self/fd/{descriptor}"))
    if sys.platform == "darwin":
        import fcntl

        return Path(os.fsdecode(fcntl.fcntl(descriptor, fcntl.F_GETPATH, bytes(1024)).rstrip(b"\0")))
    return None


def sync_folder(folder: Path) -> None:
    """Have the names of new files on the disk, where a folder can be opened."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            with suppress(OSError):  # some shares refuse it
                os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _lock(descriptor: int, path: Path, shared: bool) -> None:
    """Take the lock that HDF5 takes; it takes none on Windows."""
    if sys.platform != "win32" and not take_lock(descriptor, shared=shared):
        raise FileOpenError(f"{path} is held by another program: close it there first")
