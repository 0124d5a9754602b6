"""Where rows and points wait in memory before one call hands many of them to the library."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from h5saver_widget.backends.array_writer import ArrayWriter, Rows
from h5saver_widget.backends.compression import pack_in_background

__all__ = ["ChunkTask", "DeflateBuffer", "Memory", "PointBuffer", "RowBuffer", "WriteBuffer"]

#: A buffer of rows begins with so much.
_FIRST_BYTES = 512


class ChunkTask:
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


#: Takes a chunk that is being packed.
Submit = Callable[[ChunkTask], None]


class Memory:
    """Bytes that all buffers of a file have together, and how many they may have."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.used = 0

    def has(self, size: int) -> bool:
        """Tell whether there are so many left."""
        return self.used + size <= self.most


class WriteBuffer(ABC):
    """The last accepted rows of an array that the library has not received.

    It doesn't know its array, but is handed it: the two would keep each other alive.
    """

    #: Whether there is something to keep after everything is with the library.
    holds = False
    size = 0

    def __init__(self, size: int, memory: Memory) -> None:
        self._memory = memory
        self._take(size)
        #: Rows that wait here.
        self.pending = 0

    def _take(self, size: int) -> None:
        """Count so many more bytes of memory."""
        self.size += size
        self._memory.used += size

    def __del__(self) -> None:
        """Give the memory back."""
        self._take(-self.size)

    @abstractmethod
    def add(self, array: ArrayWriter, values: Rows, submit: Submit, at: tuple[int, ...]) -> None:
        """Take rows or, of a fixed array, the values of the point `at`."""

    @abstractmethod
    def drain(self, array: ArrayWriter, submit: Submit) -> None:
        """Hand the rows to the library, or to the threads that deflate."""


class RowBuffer(WriteBuffer):
    """Small rows, collected until one call of the library is worth while: memory is taken as they come."""

    def __init__(self, array: ArrayWriter, most: int, memory: Memory) -> None:
        self._most = most // array.row_bytes
        self._capacity = min(self._most, max(1, _FIRST_BYTES // array.row_bytes))
        super().__init__(self._capacity * array.row_bytes, memory)
        self._rows = np.empty((self._capacity, *array.row_shape), array.dtype)

    def _has_grown(self, array: ArrayWriter, wanted: int) -> bool:
        """Take memory for so many rows, and for as many again; False if there is none, or they are too many."""
        rows = min(self._most, 2 * wanted)
        more = (rows - self._capacity) * array.row_bytes
        if wanted > self._most or not self._memory.has(more):
            return False
        larger = np.empty((rows, *array.row_shape), array.dtype)
        larger[: self.pending] = self._rows[: self.pending]
        self._take(more)
        self._rows, self._capacity = larger, rows
        return True

    def add(self, array: ArrayWriter, rows: Rows, submit: Submit, at: tuple[int, ...] = ()) -> None:
        filled = self.pending
        stop = filled + len(rows)
        if stop > self._capacity and not self._has_grown(array, stop):
            self.drain(array, submit)
            filled, stop = 0, len(rows)
            if stop > self._capacity:
                array.append(rows)
                return
        self._rows[filled:stop] = rows
        self.pending = stop

    def drain(self, array: ArrayWriter, submit: Submit) -> None:
        """Append them; of rows with the fill value, only the number: a value that never changes."""
        if self.pending:
            rows = self._rows[: self.pending]
            if rows[-1].tobytes() == array.blank and rows.tobytes() == array.blank * self.pending:
                array.resize(array.count() + self.pending)
            else:
                array.append(rows)
            self.pending = 0


class PointBuffer(WriteBuffer):
    """Neighbouring points of a scan, collected until one call of the library is worth while."""

    def __init__(self, array: ArrayWriter, size: int, memory: Memory) -> None:
        super().__init__(size, memory)
        self._rows = np.empty(0, array.dtype)
        #: Where the first of them is, and where the next one has to be to be written with them.
        self._first: tuple[int, ...] = ()
        self._next: tuple[int, ...] = ()

    def add(self, array: ArrayWriter, values: Rows, submit: Submit, at: tuple[int, ...] = ()) -> None:
        filled = self.pending
        if filled and (at != self._next or filled == len(self._rows)):
            self.drain(array, submit)
            filled = 0
        if not filled:
            self._first = at
            if self._rows.shape[1:] != values.shape or not len(self._rows):
                self._rows = np.empty((self.size // values.nbytes, *values.shape), array.dtype)
        self._rows[filled] = values
        self._next = (*at[:-1], at[-1] + 1)
        self.pending = filled + 1

    def drain(self, array: ArrayWriter, submit: Submit) -> None:
        if self.pending:
            rows, at = self._rows[: self.pending], self._first
            array.write((*at, *(0,) * (rows.ndim - 1)), (*(1,) * (len(at) - 1), *rows.shape), rows)
            self.pending = 0


class DeflateBuffer(WriteBuffer):
    """The last chunk of an array with gzip, filled in memory and deflated when it is full or has to be in the file.

    A chunk that is flushed before it is full is deflated again later, has another size then, and moves to another place
    in the file. HDF5 gives the old place to the next write. So the file is flushed as soon as such a chunk has moved:
    else a program killed before the next flush would leave rows that had been safe pointing at other data.
    """

    holds = True

    def __init__(self, array: ArrayWriter, size: int, memory: Memory) -> None:
        super().__init__(size, memory)
        count = array.count()
        #: Rows of the chunk, those of them that are in the file, and the row it begins with.
        self._filled = self._held = count % array.chunks[0]
        self._start = count - self._held
        self._rows = np.empty(array.chunks, array.dtype)
        if self._held:
            self._rows[: self._held] = array.rows_from(self._start)

    def add(self, array: ArrayWriter, rows: Rows, submit: Submit, at: tuple[int, ...] = ()) -> None:
        """Take rows; every chunk that they fill is deflated."""
        whole = len(self._rows)
        while len(rows):
            part = rows[: whole - self._filled]
            stop = self._filled + len(part)
            self._rows[self._filled : stop] = part
            self._filled = stop
            self.pending += len(part)
            rows = rows[len(part) :]
            if stop == whole:
                self.drain(array, submit)
                if array.buffer is not self:
                    return  # an earlier chunk could not be written; nothing that follows it is
                self._rows = np.empty(array.chunks, array.dtype)
                self._start += whole
                self._filled = self._held = 0

    def drain(self, array: ArrayWriter, submit: Submit) -> None:
        if self.pending:
            self._rows[self._filled :] = 0
            job = ChunkTask(array, (self._start,), self._rows, self._filled, self._held)
            self._held, self.pending = self._filled, 0
            submit(job)
