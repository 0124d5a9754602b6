"""How a library writes into one array: the interface between the queue of rows and the libraries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.compression import Packing
from h5saver_widget.backends.handles import TreeNode

if TYPE_CHECKING:
    from h5saver_widget.backends.write_buffers import WriteBuffer

__all__ = ["ArrayWriter", "Rows"]

Rows = npt.NDArray[Any]


class ArrayWriter(ABC):
    """Writes into one array through a library; everything it needs is looked up once per array, not once per row."""

    def __init__(
        self,
        node: TreeNode,
        dtype: np.dtype[Any],
        row_shape: tuple[int, ...],
        chunks: tuple[int, ...] | None,
        packing: Packing | None,
        fixed_shape: tuple[int, ...] = (),
    ) -> None:
        self.path, self.obj = node.path, node.obj
        #: Shape of an array that can't change it, else ``()``; number type on disk.
        self.fixed_shape, self.dtype = fixed_shape, dtype
        #: Shape of a row (of a fixed array the shape without its first axis), and of a chunk: ``()`` if there are none.
        self.row_shape, self.chunks = row_shape, chunks or ()
        #: How the numbers of a chunk become its bytes in the file; None where only the library knows.
        self.packing = packing
        self.row_bytes = prod(row_shape) * dtype.itemsize
        #: Whether a row is a chunk. Such rows go round HDF5's chunk cache: frames of 2 MB take 0.5 ms instead of 0.7.
        self.row_is_chunk = packing is not None and self.chunks == (1, *row_shape) != (1,)
        self._no_row = (0,) * len(row_shape)
        #: Rows that the library has not got yet.
        self.buffer: WriteBuffer | None = None
        #: How many rows the array has, those among them that the library has not got yet; -1 before it was asked.
        self.accepted = -1
        #: The value of unwritten elements, and the bytes of a row of these where that is to be used.
        self.fill: Any = None
        self.blank = b""
        #: Whether its chunks are made larger if many rows come before the first of them is in the file.
        self.is_young = False
        #: Why nothing more is appended: rows before could not be written, and those of one number belong together.
        self.broken = ""

    # ------------------------------------------------ implemented by a library
    @abstractmethod
    def count(self) -> int:
        """Return the number of rows in the file."""

    @abstractmethod
    def resize(self, count: int) -> None:
        """Change the number of rows in the file."""

    @abstractmethod
    def put(self, at: tuple[int, ...], data: Any) -> None:
        """Write the bytes of the chunk that begins at `at`, as they are stored in the file."""

    @abstractmethod
    def flush_file(self) -> None:
        """Flush the file."""

    @abstractmethod
    def add(self, rows: Rows) -> None:
        """Append rows by the library's own way."""

    @abstractmethod
    def write(self, start: tuple[int, ...], count: tuple[int, ...], values: Rows) -> None:
        """Write C-contiguous values into the block that begins at `start` and has `count` elements along every axis."""

    def rows_from(self, start: int) -> Rows:
        """Read the rows from `start` on."""
        found: Rows = self.obj[start:]
        return found

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
