"""A byte ring in shared memory: the one way from a program to the process that writes its file.

One side puts records in, the other takes them out, in order; nothing is ever waited for while there is room. A record
counts only once the *head* was moved behind it, so a program killed in the middle of one leaves none. The memory
outlives the program that filled it: what was put in is written, whatever becomes of the program.

The memory has no name where that is possible: on POSIX an unlinked file whose descriptor the child inherits (a memfd on
Linux, where /dev/shm may be small), on Windows a mapping that vanishes with its last user. Nothing is left behind.

Layout: 4096 bytes of counters (64 bit, native), 4096 bytes for the text of an error, then the records. A record is
``u32 length, u32 kind``, then `length` bytes; it starts at a multiple of 8 and never wraps: a record that doesn't fit
before the end is preceded by padding.

Processors other than x86 may show another process the head before the record. A lock that is taken and given back twice
keeps the two apart: what was stored before the first is seen before what is stored after the second.
"""

from __future__ import annotations

import mmap
import os
import platform
import secrets
import struct
import sys
import tempfile
import threading
from collections.abc import Sequence
from enum import IntEnum

__all__ = ["PADDING", "Counter", "Ring"]

_COUNTERS = 4096
_ERROR = 4096
_START = _COUNTERS + _ERROR
_HEAD = struct.Struct("=II")
_WARM = 8 << 20
_ORDERED = platform.machine().lower() in ("x86_64", "amd64", "i686", "i386", "x86")
PADDING = 0
"""Kind of a record without meaning."""


class Counter(IntEnum):
    """What the counters at the begin of the memory count; all but the first are written by the child."""

    head = 0
    """Bytes put in so far."""
    tail = 1
    """Bytes taken out so far."""
    error_length = 2
    """Length of the error's text, 0 while all is well."""
    frames_written = 3
    """Frames handed to the library."""
    frames_flushed = 4
    """Frames that were written before the last flush."""
    frames_refused = 5
    """Frames thrown away after an error."""
    bytes_written = 6
    """Bytes of array values handed to the library."""
    file_size = 7
    """Size of the file at the last flush, bytes."""
    last_flush = 8
    """Time of the last flush, microseconds since 1970."""
    calls_done = 9
    """Records worked off."""
    waiting = 10
    """1 while the child waits to be woken; at other times it finds by itself what is put in."""


class Ring:
    """The memory, seen from one of its two ends.

    Parameters
    ----------
    capacity
        Bytes for records.
    token
        What the other end gave to its child (see `token`); None makes a new ring.
    """

    def __init__(self, capacity: int, token: str | None = None) -> None:
        self.capacity = capacity
        size = _START + capacity
        self._descriptor = -1
        if sys.platform == "win32":
            self.token = token or f"h5saver-{os.getpid()}-{secrets.token_hex(8)}"
            self._memory = mmap.mmap(-1, size, tagname=self.token)
        else:
            self._descriptor = int(token) if token else _unnamed_file(size)
            self.token = str(self._descriptor)
            self._memory = mmap.mmap(self._descriptor, size)
        self._all = memoryview(self._memory)
        self._counters = self._all[:_COUNTERS].cast("Q")
        self._records = self._all[_START:]
        self._head = self._counters[Counter.head]

    @property
    def inherited(self) -> tuple[int, ...]:
        """File descriptors that the child has to inherit."""
        return () if self._descriptor < 0 else (self._descriptor,)

    def close(self) -> None:
        """Let the memory go; it vanishes when both ends have."""
        self._counters.release()
        self._records.release()
        self._all.release()
        self._memory.close()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    # --------------------------------------------------------------- counters
    def __getitem__(self, counter: Counter) -> int:
        """Return a counter."""
        return self._counters[counter]

    def __setitem__(self, counter: Counter, value: int) -> None:
        """Set a counter."""
        self._counters[counter] = value

    @property
    def used(self) -> int:
        """Bytes that wait to be taken out."""
        return self._counters[Counter.head] - self._counters[Counter.tail]

    @property
    def error(self) -> bytes:
        """The error, as the child wrote it; empty while all is well."""
        return bytes(self._all[_COUNTERS : _COUNTERS + self._counters[Counter.error_length]])

    @error.setter
    def error(self, text: bytes) -> None:
        text = text[:_ERROR]
        self._all[_COUNTERS : _COUNTERS + len(text)] = text
        self._counters[Counter.error_length] = len(text)

    # ---------------------------------------------------------------- writing
    @property
    def longest(self) -> int:
        """Length of the longest record that is sure to fit once the ring is empty."""
        return self.capacity // 2 - 16

    def put(self, kind: int, parts: Sequence[bytes | memoryview]) -> bool:
        """Put a record in, made of parts one after the other; False (and nothing done) if there is no room now."""
        length = sum(map(len, parts))
        size = (length + 15) & ~7  # header and padding to a multiple of 8
        head, tail = self._head, self._counters[Counter.tail]
        at = head % self.capacity
        left = self.capacity - at
        # an empty ring starts over: the same few pages stay in the processor's cache and in memory
        skip = left if size > left or (head == tail and at > _WARM) else 0
        if head + skip + size - tail > self.capacity:
            return False
        records = self._records
        if skip:
            _HEAD.pack_into(records, at, left - 8, PADDING)
            at = 0
        _HEAD.pack_into(records, at, length, kind)
        position = at + 8
        for part in parts:
            end = position + len(part)
            records[position:end] = part
            position = end
        _fence()
        self._head = head + skip + size
        self._counters[Counter.head] = self._head
        return True

    # ---------------------------------------------------------------- reading
    def take(self, position: int) -> tuple[int, memoryview, int] | None:
        """Return kind and content of the record at a position and the position behind it; None if there is none yet.

        The content is valid until :meth:`release` is called with a later position.
        """
        if position == self._counters[Counter.head]:
            return None
        _fence()
        at = position % self.capacity
        length, kind = _HEAD.unpack_from(self._records, at)
        return kind, self._records[at + 8 : at + 8 + length], position + ((length + 15) & ~7)

    def release(self, position: int) -> None:
        """Give the room before a position back."""
        _fence()
        self._counters[Counter.tail] = position


_lock = threading.Lock()


def _fence() -> None:
    """Keep what is read and written before apart from what comes after, where the processor does not."""
    if _ORDERED:
        return
    with _lock:
        pass
    with _lock:
        pass


def _unnamed_file(size: int) -> int:
    """Return the descriptor of a file in memory that has no name, on POSIX."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("h5saver-ring")
    else:
        descriptor, name = tempfile.mkstemp(prefix="h5saver-ring-")
        os.unlink(name)
    os.truncate(descriptor, size)
    return descriptor
