"""Rows on their way into a file: small ones are collected, those of compressed arrays deflated by other threads.

What was accepted and is not with the library yet is bounded (``PENDING_BYTES``), is handed over before anything looks
at it (read, copy, flush, close) and, if it can't be written, reported with its number by the next call.
"""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections import deque
from itertools import product
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.compression import Packing, pack_in_background
from h5saver_widget.errors import RowsLostError

__all__ = ["COLLECT_BYTES", "ArrayWriter", "RowQueue"]

Rows = npt.NDArray[Any]

#: So much of an uncompressed array is collected: with 64 kB the calls into the library cost next to nothing per row.
COLLECT_BYTES = 1 << 16
#: Rows larger than this are not collected: copying them takes longer than the call that is saved.
LARGE_ROW = 1 << 14
#: So much may wait in memory for the threads that deflate, and as much again in chunks that are not full.
PENDING_BYTES = 32 << 20


class ArrayWriter(ABC):
    """How a library writes into one array: what it needs for that is looked up once for an array, not once a row.

    Parameters
    ----------
    path
        Of the array, for messages.
    dtype
        Number type on disk.
    row_shape
        Shape of a row; of a fixed array the shape without its first axis.
    chunks
        Shape of a chunk, None if the array is not chunked.
    packing
        How the numbers of a chunk become its bytes in the file; None where only the library knows.
    fixed_shape
        Shape of an array that can't change it, else ``()``.
    """

    def __init__(
        self,
        path: str,
        dtype: np.dtype[Any],
        row_shape: tuple[int, ...],
        chunks: tuple[int, ...] | None,
        packing: Packing | None,
        fixed_shape: tuple[int, ...] = (),
    ) -> None:
        self.path = path
        self.fixed_shape = fixed_shape
        self.dtype = dtype
        self.row_shape = row_shape
        self.chunks = chunks or ()
        self.packing = packing
        self.row_bytes = prod(row_shape) * dtype.itemsize
        #: Whether a row is a chunk. Such rows go round HDF5's chunk cache: frames of 2 MB take 0.5 ms instead of 0.7.
        self.row_is_chunk = packing is not None and self.chunks == (1, *row_shape) != (1,)
        self._no_row = (0,) * len(row_shape)
        #: Rows that the library has not got yet.
        self.tail: _Tail | None = None

    # ------------------------------------------------ what a library provides
    @abstractmethod
    def count(self) -> int:
        """Return the number of rows in the file."""

    @abstractmethod
    def resize(self, count: int) -> None:
        """Change the number of rows in the file."""

    @abstractmethod
    def put(self, at: tuple[int, ...], data: Any) -> None:
        """Write the bytes of the chunk that begins at `at`, as they stand in the file."""

    @abstractmethod
    def flush_file(self) -> None:
        """Flush the file."""

    @abstractmethod
    def add(self, rows: Rows) -> None:
        """Append rows by the library's own way."""

    @abstractmethod
    def write(self, start: tuple[int, ...], count: tuple[int, ...], values: Rows) -> None:
        """Write C-contiguous values into the block that begins at `start` and has `count` elements along every axis."""

    @abstractmethod
    def rows_from(self, start: int) -> Rows:
        """Read the rows from `start` on."""

    # ---------------------------------------------------------------- at once
    def append(self, rows: Rows) -> None:
        """Append rows; afterwards the library has them. If it refuses, the array is as it was."""
        if not self.row_is_chunk or self.packing is None:
            self.add(rows)
            return
        before = self.count()
        try:
            for number, row in enumerate(rows, before):
                self.put_rows(number, number + 1, self.packing.pack(row) if self.packing.level else row)
        except BaseException:
            self.resize(before)
            raise

    def put_rows(self, start: int, stop: int, data: Any) -> None:
        """Write the chunk that begins with row `start`; the array ends with row `stop` now, or is as it was."""
        before = self.count()
        self.resize(stop)
        try:
            self.put((start, *self._no_row), data)
        except BaseException:
            self.resize(before)
            raise


class RowQueue:
    """What one file's arrays have accepted and the library has not got yet.

    Not thread-safe: the backend calls it under its lock. The threads that deflate touch nothing of it.
    """

    def __init__(self) -> None:
        #: False as soon as the host has the library's own objects: it may look at the arrays without asking here.
        self.collects = True
        self._open: dict[ArrayWriter, None] = {}
        self._jobs: deque[_Job] = deque()
        self._job_bytes = 0
        self._tails: weakref.WeakSet[_Tail] = weakref.WeakSet()
        self._failures: list[str] = []

    # ------------------------------------------------------------------- rows
    def append(self, array: ArrayWriter, rows: Rows) -> None:
        """Accept rows: C-contiguous, of the array's dtype, at least one."""
        tail = array.tail
        if tail is None:
            tail = array.tail = self._tail_for(array)
            if tail is None:
                array.append(rows)
                return
        self._open[array] = None
        try:
            tail.add(self, array, rows)
        except Exception as error:
            self._lose(array, error)
        if array.tail is not tail:
            self.report()

    def _tail_for(self, array: ArrayWriter) -> _Tail | None:
        if not self.collects:
            return None
        packing, size = array.packing, COLLECT_BYTES
        deflates = packing is not None and packing.level > 0 and array.chunks[1:] == array.row_shape
        if deflates:
            size = array.chunks[0] * array.row_bytes
        elif array.row_is_chunk or not 0 < array.row_bytes <= LARGE_ROW:
            return None
        if not self._has_room(size):
            return None  # too many arrays at once: this one is left to the library
        tail = _Deflated(array, size) if deflates else _Collected(array, size)
        self._tails.add(tail)
        return tail

    def _has_room(self, size: int) -> bool:
        """Tell whether one more array may be kept; if need be, forget those that got nothing since the last flush."""
        most = PENDING_BYTES - size
        if sum(tail.size for tail in self._tails) > most:
            for array in [array for array in self._open if not self.pending(array)]:
                self.forget(array)
        return sum(tail.size for tail in self._tails) <= most

    def pending(self, array: ArrayWriter | None) -> int:
        """Return how many rows of an array wait."""
        tail = None if array is None else array.tail
        return 0 if tail is None else tail.pending + sum(job.rows for job in self._jobs if job.array is array)

    @property
    def is_busy(self) -> bool:
        """Whether anything may wait."""
        return bool(self._open or self._jobs)

    # ----------------------------------------------------------------- chunks
    def write_whole(self, array: ArrayWriter, values: Rows) -> None:
        """Write all chunks of a fixed array."""
        for at in product(*(range(0, n, step) for n, step in zip(values.shape, array.chunks, strict=True))):
            part = values[tuple(slice(i, i + n) for i, n in zip(at, array.chunks, strict=True))]
            block = np.zeros(array.chunks, array.dtype)
            block[tuple(slice(n) for n in part.shape)] = part
            self.submit(_Job(array, at, block))
        self.settle()

    def write_point(self, array: ArrayWriter, at: tuple[int, ...], values: Rows) -> None:
        """Fill one place of a fixed array; values are C-contiguous and of the array's dtype."""
        packing, count = array.packing, (*(1,) * len(at), *values.shape)
        start = (*at, *(0,) * values.ndim)
        if packing is None or array.chunks != count:
            if self._jobs:
                self.settle()
            array.write(start, count, values)
        elif self.collects and packing.level:
            self.report()
            self.submit(_Job(array, start, values.reshape(count).copy()))
        else:
            array.put(start, packing.pack(values) if packing.level else values)

    def submit(self, job: _Job) -> None:
        """Have a chunk packed; write those that are ready, and as many as it takes to stay within the bound."""
        self._jobs.append(job)
        self._job_bytes += job.size
        while self._jobs and (self._job_bytes > PENDING_BYTES or self._jobs[0].packed.done()):
            self._write_first()

    def _write_first(self) -> None:
        job = self._jobs[0]
        try:
            job.write()
        except Exception as error:
            self._lose(job.array, error)
        else:
            self._jobs.popleft()
            self._job_bytes -= job.size

    # ------------------------------------------------------------ handing over
    def settle(self, only: ArrayWriter | None = None) -> None:
        """Hand everything (or what one array has) to the library; RowsLostError if that fails, but all are tried."""
        for array in list(self._open) if only is None else [only]:
            tail = array.tail
            if tail is None:
                continue
            try:
                tail.settle(self, array)
            except Exception as error:
                self._lose(array, error)
            if not tail.holds:
                self.forget(array)
        while self._jobs:
            self._write_first()
        self.report()

    def settle_and_flush(self) -> None:
        """Hand everything to the library and flush the file, if there was anything."""
        last = next(reversed(self._open), None)
        self.settle()
        if last is not None:
            last.flush_file()

    def stop_collecting(self) -> None:
        """Hand everything to the library, now and from now on."""
        self.collects = False
        try:
            self.settle()
        finally:
            self.forget_below("/")

    def forget(self, array: ArrayWriter) -> None:
        """Look into the file again before the next row of an array is taken; there must be none that wait."""
        array.tail = None
        self._open.pop(array, None)

    def forget_below(self, path: str) -> None:
        """Forget the array of this path, and those below it."""
        below = path.rstrip("/") + "/"
        for array in [array for array in self._open if array.path == path or array.path.startswith(below)]:
            self.forget(array)

    # ----------------------------------------------------------------- errors
    def _lose(self, array: ArrayWriter, error: Exception) -> None:
        """Give up what waits of an array; `report` says so."""
        lost = self.pending(array)
        self.forget(array)
        self._jobs = deque(job for job in self._jobs if job.array is not array)
        self._job_bytes = sum(job.size for job in self._jobs)
        what = f"the last {lost} rows, accepted before," if lost else "a chunk"
        self._failures.append(f"{array.path}: {what} could not be written and are lost: {error}")

    def report(self) -> None:
        """Raise RowsLostError if something was lost since the last time."""
        if self._failures:
            failures, self._failures = self._failures, []
            raise RowsLostError(f"{'; '.join(failures)}. Look whether the disk is full, and go on in a new file")


class _Tail(ABC):
    """The end of an array, as far as the library has not got it.

    It doesn't know its array, but is handed it: the two would keep each other alive.
    """

    #: Whether there is something to keep after everything is with the library.
    holds = False

    def __init__(self, size: int) -> None:
        #: Bytes of memory.
        self.size = size
        #: Rows that wait here.
        self.pending = 0

    @abstractmethod
    def add(self, queue: RowQueue, array: ArrayWriter, rows: Rows) -> None:
        """Take rows."""

    @abstractmethod
    def settle(self, queue: RowQueue, array: ArrayWriter) -> None:
        """Hand the rows to the library, or to the threads that deflate."""


class _Collected(_Tail):
    """Small rows, collected until one call of the library is worth while."""

    def __init__(self, array: ArrayWriter, size: int) -> None:
        super().__init__(size)
        self._capacity = size // array.row_bytes
        self._rows = np.empty((self._capacity, *array.row_shape), array.dtype)

    def add(self, queue: RowQueue, array: ArrayWriter, rows: Rows) -> None:
        filled = self.pending
        stop = filled + len(rows)
        if stop > self._capacity:
            self.settle(queue, array)
            filled, stop = 0, len(rows)
            if stop > self._capacity:
                array.append(rows)
                return
        self._rows[filled:stop] = rows
        self.pending = stop

    def settle(self, queue: RowQueue, array: ArrayWriter) -> None:
        if self.pending:
            array.append(self._rows[: self.pending])
            self.pending = 0


class _Deflated(_Tail):
    """The last chunk of an array with gzip, filled in memory and deflated when it is full or has to be in the file.

    A chunk that is flushed before it is full is deflated again later, has another size then, and moves to another
    place in the file. HDF5 gives the old place to whatever is written next. So the file is flushed as soon as such a
    chunk has moved: else a program killed before the next flush would leave rows that had been safe pointing at other
    data.
    """

    holds = True

    def __init__(self, array: ArrayWriter, size: int) -> None:
        super().__init__(size)
        count = array.count()
        #: Rows of the chunk, those of them that are in the file, and the row it begins with.
        self._filled = self._held = count % array.chunks[0]
        self._start = count - self._held
        self._rows = np.empty(array.chunks, array.dtype)
        if self._held:
            self._rows[: self._held] = array.rows_from(self._start)

    def add(self, queue: RowQueue, array: ArrayWriter, rows: Rows) -> None:
        whole = len(self._rows)
        while len(rows):
            part = rows[: whole - self._filled]
            stop = self._filled + len(part)
            self._rows[self._filled : stop] = part
            self._filled = stop
            self.pending += len(part)
            rows = rows[len(part) :]
            if stop == whole:
                self.settle(queue, array)
                if array.tail is not self:
                    return  # an earlier chunk could not be written; nothing that follows it is
                self._rows = np.empty(array.chunks, array.dtype)
                self._start += whole
                self._filled = self._held = 0

    def settle(self, queue: RowQueue, array: ArrayWriter) -> None:
        if self.pending:
            self._rows[self._filled :] = 0
            job = _Job(array, (self._start,), self._rows, self._filled, self._held)
            self._held, self.pending = self._filled, 0
            queue.submit(job)


class _Job:
    """A chunk that is being packed: the first `filled` rows of it belong to the array, `held` are in the file already.

    Of a fixed array, which has no rows to count, both are 0.
    """

    def __init__(self, array: ArrayWriter, at: tuple[int, ...], block: Rows, filled: int = 0, held: int = 0) -> None:
        packing = array.packing
        assert packing is not None
        self.array = array
        self.rows = filled - held
        self.size = block.nbytes
        self._at, self._stop = at, at[0] + filled
        self._moves = held > 0
        #: The bytes of the chunk, as soon as they are known.
        self.packed = pack_in_background(packing, block)

    def write(self) -> None:
        """Write the chunk as soon as it is packed."""
        data = self.packed.result()
        if self.rows:
            self.array.put_rows(self._at[0], self._stop, data)
        else:
            self.array.put(self._at, data)
        if self._moves:
            self.array.flush_file()
