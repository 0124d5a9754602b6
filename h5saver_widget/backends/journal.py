"""A file of which every state on the disk is a good one: changes in place wait, and are made by way of a journal.

HDF5 changes its own bookkeeping in place, block by block, when it flushes. A program that is killed between two of
these blocks, or a computer that loses its power, can leave a file that nobody opens any more. Here the library writes
through :class:`JournaledFile`:

- what lies behind the end of the file as it was at the last :meth:`~JournaledFile.commit` is written at once: nothing
  on the disk points there yet;
- what lies before it is kept in memory, in pages;
- a commit writes these pages into the journal beside the file, then into the file, then removes the journal. Where a
  loss of power is to be survived, each step is on the disk (fsync) before the next begins; the death of the process
  needs no more than this order.

So at every instant either the journal is incomplete, and the file is as it was at the last commit, or the journal is
complete, and the file with the journal's pages is as it is at this commit. `finish_journal` puts them in; a file that
is only read is shown with them, and stays as it is.

The journal is ``name.h5.journal``: a head (signature, size that the file gets, number of pages), the pages, each with
its offset and length, and a digest of all that.
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from h5saver_widget.errors import FileOpenError

__all__ = ["Journal", "JournaledFile", "finish_journal", "journal_path", "read_journal"]

PAGE = 4096
_HEAD = struct.Struct("<8sQQ")
_ENTRY = struct.Struct("<QQ")
_SIGNATURE = b"H5SJRNL1"
_DIGEST_BYTES = 32
_BINARY = getattr(os, "O_BINARY", 0)


def journal_path(path: Path) -> Path:
    """Return where the journal of a file is."""
    return path.with_name(f"{path.name}.journal")


#: A journal that is so much older than its file is not of this file any more: it was changed by others since, seconds.
_OLD = 60.0


@dataclass(frozen=True)
class Journal:
    """A complete journal.

    Attributes
    ----------
    size
        Size of the file when the pages are in it, bytes.
    pages
        Content by offset.
    """

    size: int
    pages: dict[int, bytes]

    def packed(self) -> bytes:
        """Return the bytes of the journal."""
        parts = [_HEAD.pack(_SIGNATURE, self.size, len(self.pages))]
        for offset, page in sorted(self.pages.items()):
            parts += (_ENTRY.pack(offset, len(page)), page)
        whole = b"".join(parts)
        return whole + hashlib.blake2b(whole, digest_size=_DIGEST_BYTES).digest()

    def apply(self, descriptor: int) -> None:
        """Put the pages into a file, and give it its size; done twice it does no harm."""
        for offset, page in self.pages.items():
            _write(descriptor, offset, page)
        os.ftruncate(descriptor, self.size)


def read_journal(path: Path) -> Journal | None:
    """Return the complete journal of a file; None if there is none, or one that counts nothing.

    That is one that was not completed, and one of a file that somebody has changed since.
    """
    where = journal_path(path)
    try:
        whole = where.read_bytes()
        if path.stat().st_mtime > where.stat().st_mtime + _OLD:
            return None
    except FileNotFoundError:
        return None
    body, digest = whole[:-_DIGEST_BYTES], whole[-_DIGEST_BYTES:]
    if len(body) < _HEAD.size or hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest() != digest:
        return None
    signature, size, count = _HEAD.unpack_from(body)
    if signature != _SIGNATURE:
        return None
    pages, at = {}, _HEAD.size
    for _ in range(count):
        offset, length = _ENTRY.unpack_from(body, at)
        at += _ENTRY.size
        pages[offset] = body[at : at + length]
        at += length
    return Journal(size, pages)


def finish_journal(path: Path) -> bool:
    """Bring a file to its last commit, remove the journal, and tell whether the file was changed for that.

    Raises
    ------
    FileOpenError
        If another program holds the file: the journal is that program's.
    OSError
        If the file can't be written.
    """
    if not journal_path(path).exists():
        return False
    descriptor = os.open(path, os.O_RDWR | _BINARY)
    try:
        _lock(descriptor, path, False)
        journal = read_journal(path)
        if journal is not None:
            journal.apply(descriptor)
            os.fsync(descriptor)
        with suppress(FileNotFoundError):
            journal_path(path).unlink()
    finally:
        os.close(descriptor)
    return journal is not None


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
        self._pages: dict[int, bytearray] = {}
        self._journal = -1
        #: A journal that is on the disk, and not all in the file.
        self._unfinished: Journal | None = None
        #: Why the disk refused something: the library can't bear an error in the middle of a flush, a commit tells it.
        self._refused: OSError | None = None
        self._abandoned = False
        flags = {"x": os.O_RDWR | os.O_CREAT | os.O_EXCL, "r+": os.O_RDWR, "r": os.O_RDONLY}[mode]
        self._file = os.open(path, flags | _BINARY, 0o666)
        try:
            if mode == "x":
                journal_path(path).unlink(missing_ok=True)  # of a file of that name that is gone
            if locking:
                _lock(self._file, path, mode == "r")
            self._size = self._real_size = os.fstat(self._file).st_size
            left = read_journal(path) if mode == "r" else None
            if left is not None:
                self._pages = {at: bytearray(page) for at, page in left.pages.items()}
                self._size = left.size
            #: Where the file ended at the last commit: what lies before is changed by way of the journal.
            self._committed = self._size
            if power and mode != "r":
                self._open_journal()
                _sync_folder(path.parent)  # both names are on the disk
        except BaseException:
            self._close_all()
            raise

    def _open_journal(self) -> None:
        if self._journal < 0:
            self._journal = os.open(journal_path(self._path), os.O_RDWR | os.O_CREAT | os.O_TRUNC | _BINARY, 0o666)

    @property
    def waiting(self) -> int:
        """Bytes that are kept in memory until the next commit."""
        return len(self._pages) * PAGE

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
        done = 0
        while done < count:
            got = self._pread(target[done:], start + done)
            if not got:
                target[done:] = bytes(count - done)  # behind what is on the disk there are zeros
                break
            done += got
        if self._pages:
            for at, page in self._touched(start, start + count):
                first, last = max(at, start), min(at + len(page), start + count)
                target[first - start : last - start] = page[first - at : last - at]
        self._position = start + count
        return count

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
        kept = max(0, min(len(source), self._committed - start))
        if not self._abandoned:
            try:
                if kept:
                    self._keep(start, source[:kept])
                if kept < len(source):
                    _write(self._file, start + kept, source[kept:])
                    self._real_size = max(self._real_size, stop)
            except OSError as error:
                self._refuse(error)
        self._size = max(self._size, stop)
        self._position = stop
        return len(source)

    def _keep(self, start: int, source: memoryview) -> None:
        """Keep what was written before the end of the last commit."""
        stop = start + len(source)
        for at in range(start - start % PAGE, stop, PAGE):
            first, last = max(at, start), min(at + PAGE, stop)
            page = self._pages.get(at)
            if page is None:
                page = self._pages[at] = bytearray(min(PAGE, self._committed - at))
                if last - first < len(page):
                    self._pread(memoryview(page), at)
            page[first - at : last - at] = source[first - start : last - start]

    def truncate(self, size: int | None = None) -> int:
        """Change the size; the file gets shorter than it was at the last commit at the next one only."""
        size = self._position if size is None else size
        on_disk = max(size, self._committed)
        if not self._abandoned:
            try:
                if on_disk != self._real_size and (size >= self._committed or on_disk < self._real_size):
                    os.ftruncate(self._file, on_disk)
                    self._real_size = on_disk
                cut = min(self._size, self._committed)
                if size < cut:  # should it grow again, there are zeros
                    self._keep(size, memoryview(bytes(cut - size)))
            except OSError as error:
                self._refuse(error)
        self._size = size
        return size

    def flush(self) -> None:
        """Do nothing: the library calls this in the middle of a flush, too; :meth:`commit` makes things lasting."""

    # ----------------------------------------------------------------- commits
    def commit(self) -> None:
        """Make everything written so far lasting: all of it, or, should this be cut short, nothing.

        Raises
        ------
        OSError
            If the disk is full, say; the file then is as it was at the last commit.
        """
        if self._refused is not None:
            raise self._refused
        self._finish()
        self._sync(self._file)
        if self._pages or self._size < self._committed:
            pages = {at: bytes(page) for at, page in self._pages.items() if at < self._size}
            journal = Journal(self._size, pages)
            self._open_journal()
            _write(self._journal, 0, journal.packed())
            self._sync(self._journal)
            self._unfinished = journal
            self._finish()
        self._pages = {}
        self._committed = self._size

    def abandon(self) -> None:
        """Take whatever is written from now on, and keep nothing of it: the file stays as at the last commit."""
        self._abandoned = True
        self._pages = {}

    def _refuse(self, error: OSError) -> None:
        self._refused = error
        self.abandon()

    def _finish(self) -> None:
        """Put a complete journal into the file. Should that fail, it is tried again before another one is written."""
        journal = self._unfinished
        if journal is None:
            return
        journal.apply(self._file)
        self._sync(self._file)
        if self._power:
            os.ftruncate(self._journal, 0)
        else:
            os.close(self._journal)
            self._journal = -1
            with suppress(FileNotFoundError):
                os.unlink(journal_path(self._path))
        self._real_size, self._unfinished = journal.size, None

    def _sync(self, descriptor: int) -> None:
        if self._power:
            os.fsync(descriptor)

    def close(self) -> None:
        """Close the file as it was at the last commit; the journal is removed."""
        self._close_all()
        if self._writes:
            finish_journal(self._path)

    def _close_all(self) -> None:
        for descriptor in (self._journal, self._file):
            if descriptor >= 0:
                os.close(descriptor)
        self._journal = self._file = -1


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
