"""A byte ring in shared memory: the one way from a program to the process that writes its file.

One side puts records in, the other takes them out, in order; nobody waits while there is room. A record counts only
once the *head* was moved behind it, so a program killed in the middle of one leaves none. The memory outlives the
program that filled it: the worker writes its records even if the program is gone.

The memory has no name where that is possible: on POSIX an unlinked file whose descriptor the child inherits (a memfd on
Linux, where /dev/shm may be small), on Windows a mapping that vanishes with its last user. Nothing is left behind.

Layout: 4096 bytes of counters (64 bit, native), then the records. A record is ``u32 length, u32 kind, u64 position``,
then `length` bytes; it starts at a multiple of 8 and never wraps: a record that doesn't fit before the end is preceded
by padding. The position counts all bytes ever put in, so that the reader of a record knows that it is the one due.

Processors other than x86 may show another process the head before the record. A lock that is taken and released twice
keeps the two apart: values stored before the first are seen before values stored after the second.
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

__all__ = ["PADDING", "Counter", "Doing", "Ring", "RingError", "allowed_capacity"]

_COUNTERS = 4096
_START = _COUNTERS
_HEAD = struct.Struct("=IIQ")
#: What a record takes beside its content, with the padding to a multiple of 8.
_AROUND = _HEAD.size + 7
_WARM = 8 << 20
_ORDERED = platform.machine().lower() in ("x86_64", "amd64", "i686", "i386", "x86")
PADDING = 0
"""Kind of a record without meaning."""


class Counter(IntEnum):
    """The counters at the start of the memory; the worker writes all but the first two."""

    head = 0
    """Bytes put in so far."""
    flush_wanted = 1
    """1 while somebody wants the file to be flushed soon."""
    tail = 2
    """Bytes taken out so far."""
    frames_flushed = 3
    """Frames that a reader of the file finds: those before the last flush that succeeded."""
    frames_refused = 4
    """Frames of which something could not be written."""
    bytes_written = 5
    """Bytes of array values handed to the library."""
    file_size = 6
    """Size of the file at the last flush, bytes."""
    last_flush = 7
    """Time of the last flush, microseconds since 1970."""
    waiting = 8
    """1 while the worker waits to be woken, 0 again once it was; at other times it finds by itself what is put in."""
    starved = 9
    """1 while the worker is to say when it has made room."""
    doing = 10
    """What the worker does now: a :class:`Doing`."""
    beat = 11
    """When the worker last made progress, microseconds of the monotonic clock."""
    unsafe_bytes = 12
    """Bytes that the server of the file does not have safely, in memory of the worker."""
    spilled_bytes = 13
    """Bytes that it does not have safely, on the local disk."""
    replays = 14
    """How often nodes of the server were started again, and sent what they had forgotten."""
    left = 15
    """1 once the program has left the worker to itself, and goes on with another one."""
    fired = 16
    """In a memory with held frames: where the order to write them stands, and 1 more; 0 while there is none."""


class Doing(IntEnum):
    """The present work of a worker."""

    nothing = 0
    writing = 1
    flushing = 2
    opening = 3
    closing = 4
    reading = 5


class RingError(Exception):
    """A record in the ring makes no sense: another process wrote into it, or the memory is damaged."""


class Ring:
    """The memory, seen from one of its two ends: `capacity` bytes for records.

    `token` is that of the other end, which gave it to its child; None makes a new ring.
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
        """Give the descriptor back. The memory goes when the last who looks at it has forgotten this object."""
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

    # ---------------------------------------------------------------- writing
    @property
    def longest(self) -> int:
        """Length of the longest record that is sure to fit once the ring is empty."""
        return self.capacity // 2 - _HEAD.size - 8

    @property
    def position(self) -> int:
        """Where the next record goes."""
        return self._head

    def put(self, kind: int, parts: Sequence[bytes | memoryview]) -> bool:
        """Put a record in, made of parts one after the other; False (and nothing done) if there is no room now."""
        length = sum(map(len, parts))
        size = (length + _AROUND) & ~7
        head, tail = self._head, self._counters[Counter.tail]
        at = head % self.capacity
        left = self.capacity - at
        # an empty ring starts over: the same few pages stay in the processor's cache and in memory
        starts_over = head == tail and at > _WARM and left + size <= self.capacity
        skip = left if size > left or starts_over else 0
        if head + skip + size - tail > self.capacity:
            return False
        records = self._records
        if skip:
            if skip >= _HEAD.size:
                _HEAD.pack_into(records, at, skip - _HEAD.size, PADDING, head)
            at = 0
        _HEAD.pack_into(records, at, length, kind, head + skip)
        position = at + _HEAD.size
        for part in parts:
            end = position + len(part)
            records[position:end] = part
            position = end
        if not _ORDERED:
            _fence()
        self._head = head + skip + size
        self._counters[Counter.head] = self._head
        return True

    # ---------------------------------------------------------------- reading
    def take(self, position: int) -> tuple[int, memoryview, int] | None:
        """Return kind and content of the record at a position and the position behind it; None if there is none yet.

        The content is valid until :meth:`release` is called with a later position. RingError if the bytes are no record
        that was put in at this position.
        """
        head = self._counters[Counter.head]
        if position == head:
            return None
        if not _ORDERED:
            _fence()
        at = position % self.capacity
        left = self.capacity - at
        if left < _HEAD.size:  # too little for a record, be it of padding
            return PADDING, self._records[:0], position + left
        length, kind, written_at = _HEAD.unpack_from(self._records, at)
        after = position + ((length + _AROUND) & ~7)
        if written_at != position or length > left - _HEAD.size or not position < after <= head:
            raise RingError(f"at {position} of {head} stands no record: length {length}, kind {kind}, of {written_at}")
        return kind, self._records[at + _HEAD.size : at + _HEAD.size + length], after

    def release(self, position: int) -> None:
        """Give the room before a position back."""
        if not _ORDERED:
            _fence()
        self._counters[Counter.tail] = position


_lock = threading.Lock()


def _fence() -> None:
    """Keep memory accesses before and after this call apart, on a processor that does not."""
    with _lock:
        pass
    with _lock:
        pass


def _unnamed_file(size: int) -> int:
    """Return the descriptor of a file in memory that has no name, on POSIX.

    Its number is above 2: a child gets its own files under the first three, and a program may have closed them.
    """
    import fcntl

    if hasattr(os, "memfd_create"):
        made = os.memfd_create("h5saver-ring")
    else:
        made, name = tempfile.mkstemp(prefix="h5saver-ring-")
        os.unlink(name)
    try:
        descriptor = fcntl.fcntl(made, fcntl.F_DUPFD_CLOEXEC, 3)
    finally:
        os.close(made)
    os.truncate(descriptor, size)
    return descriptor


def allowed_capacity(wanted: int) -> int:
    """Return how many bytes a ring may have: a limit on the size of files (``ulimit -f``) bounds it, too."""
    if sys.platform == "win32":
        return wanted
    import resource

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if limit == resource.RLIM_INFINITY:
        return wanted
    return max(1 << 16, min(wanted, (limit - _START) & ~7))
