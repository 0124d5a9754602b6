"""A file whose changes wait in memory, in pages; a library reads and writes them there until they are committed.

Bytes behind the end of the file as it was at the last commit are written as soon as there are many: nothing on the disk
points there yet. All others wait for the commit, see `journal.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from h5saver_widget.format.journal import PAGE

__all__ = ["PagedFile", "runs", "write_at"]

#: Writes of so many bytes behind the last commit are made at once.
_LARGE = 64 << 10
#: So many bytes of smaller ones are collected.
_COLLECTED = 1 << 20
#: Bytes that are kept in memory while the disk refuses them.
_MOST_REFUSED = 256 << 20


class PagedFile:
    """The part of a journaled file that a library sees.

    `descriptor` is the operating system's number of the open file; the caller that opened it closes it.
    """

    def __init__(self, descriptor: int) -> None:
        self._file = descriptor
        self._position = 0
        self._pages: dict[int, bytearray] = {}
        self._collected = 0
        #: Whether anything was written since the last commit.
        self.is_changed = False
        #: Pages of a commit that are not all in the file; nothing else reaches it while there is one.
        self._unfinished: Mapping[int, bytes] | None = None
        #: Why the disk refused something last; why nothing is taken any more.
        self._failed: OSError | None = None
        self._refused: OSError | None = None
        #: Whether written bytes are discarded.
        self.is_abandoned = False
        self._measure()

    def _measure(self) -> None:
        #: Where the file ends on the disk; bytes behind `_end` count as zeros, and is cut off when it can be.
        self._size = self._end = self._real_size = os.fstat(self._file).st_size
        #: Where the file ended at the last commit: bytes before it are changed by way of the journal.
        self._committed = self._size

    @property
    def waiting(self) -> int:
        """Bytes that are kept in memory until the next commit."""
        return len(self._pages) * PAGE

    def fileno(self) -> int:
        """Return the operating system's number of the file."""
        return self._file

    # ------------------------------------------------------ called by a library
    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        """Return the present place."""
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Read the file as it will be after the next commit."""
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
        """Read the file without the pages that wait for the next commit."""
        done, count = 0, max(0, min(len(target), self._end - start))
        while done < count:
            got = self._pread(target[done:count], start + done)
            if not got:
                break
            done += got
        if done < len(target):  # behind what is on the disk there are zeros
            target[done:] = bytes(len(target) - done)
        if self._unfinished is not None:
            _overlay(target, start, self._unfinished.items())

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
        at = start - start % PAGE
        if stop <= self._size and stop <= at + PAGE and (page := self._pages.get(at)) is not None:
            # most writes are of a few bytes in a page that is in memory
            page[start - at : stop - at] = source
            self.is_changed, self._position = True, stop
            return len(source)
        if not self.is_abandoned:
            self.is_changed = True
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
        if self._unfinished is not None:  # the disk refuses things: first that commit
            return False
        try:
            self._cut()
            self._real_size = max(self._real_size, at + len(data))  # also if it is refused half way
            write_at(self._file, at, data)
        except OSError as error:
            self._failed = error
            return False
        self._end = max(self._end, at + len(data))
        return True

    def _cut(self) -> None:
        """Cut off the bytes behind the end, so that there are zeros when the file grows."""
        if self._real_size > self._end:
            os.ftruncate(self._file, self._end)
            self._real_size = self._end

    def _keep(self, start: int, source: memoryview) -> None:
        """Keep written bytes in memory."""
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
        for at, run in runs(pages):
            if self._write_at_once(at, run):
                for number in range(at, at + len(run), PAGE):
                    del self._pages[number]
        self._collected = 0

    def truncate(self, size: int | None = None) -> int:
        """Change the size; the file gets shorter than it was at the last commit at the next one only."""
        size = self._position if size is None else size
        if size < self._size and not self.is_abandoned:
            for at in [at for at in self._pages if at >= size]:
                if at < self._committed:
                    self._pages[at][:] = bytes(PAGE)
                else:
                    del self._pages[at]
            self._end = min(self._end, max(size, self._committed))
            # should it grow again, there are zeros
            zeros_to = min(self._size, max(self._committed, size - size % PAGE + PAGE))
            self._keep(size, memoryview(bytes(max(0, zeros_to - size))))
        self.is_changed |= size != self._size
        self._size = size
        return size

    def flush(self) -> None:
        """Do nothing: the library calls this in the middle of a flush, too; :meth:`commit` makes things lasting."""

    def abandon(self) -> None:
        """Accept and discard all further writes: the file stays as at the last commit."""
        self.is_abandoned = True
        self._pages, self._collected = {}, 0


def _overlay(target: memoryview, start: int, pages: Iterable[tuple[int, bytes | bytearray]]) -> None:
    """Put pages over the bytes that were read from `start` on."""
    stop = start + len(target)
    for at, page in pages:
        first, last = max(at, start), min(at + len(page), stop)
        if first < last:
            target[first - start : last - start] = page[first - at : last - at]


def runs(pages: Mapping[int, bytes | bytearray | memoryview]) -> Iterator[tuple[int, bytes]]:
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


def write_at(descriptor: int, offset: int, data: bytes | memoryview) -> None:
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
