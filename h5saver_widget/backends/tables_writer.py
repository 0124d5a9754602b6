"""How the tables backend writes into arrays: by the calls inside PyTables that do the work."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tables

from h5saver_widget.backends.array_writer import ArrayWriter
from h5saver_widget.backends.compression import Packing
from h5saver_widget.backends.handles import TreeNode
from h5saver_widget.backends.tables_errors import require_flushed
from h5saver_widget.backends.terms import NodeKind

__all__ = ["TablesWriter", "shape_and_dtype"]


class TablesWriter(ArrayWriter):
    """Writes by the calls inside PyTables that do the work.

    The public calls check and convert values a second time: 5 us a row instead of 2, and 10 us a point of a scan
    instead of 4. Chunks are written directly into arrays made here alone: of others PyTables does not tell whether
    their numbers have the same bytes in the file as in memory.
    """

    def __init__(self, node: TreeNode) -> None:
        array = node.obj
        #: Whether the inner calls store numbers as they are; all arrays made here do.
        self._is_plain = (
            isinstance(array, tables.Array)
            and array.atom.kind != "time"  # converted in place, in the caller's memory
            and array.atom.shape == ()
            and array.filters.least_significant_digit is None
        )
        shape, dtype = shape_and_dtype(node)
        fixed = shape if self._is_plain and node.kind is NodeKind.FIXED else ()
        packing = _packing(array.filters, dtype) if node.is_new and self._is_plain and array.chunkshape else None
        chunks = None if array.chunkshape is None else tuple(map(int, array.chunkshape))
        super().__init__(node, dtype, shape[1:], chunks, packing, fixed)
        self.fill = array.atom.dflt if self._is_plain and array.chunkshape else None
        self._blocks: dict[tuple[int, ...], tuple[npt.NDArray[Any], ...]] = {}

    def count(self) -> int:
        return int(self.obj.shape[0])

    def resize(self, count: int) -> None:
        self.obj._g_check_open()
        self.obj._g_truncate(count)

    def put(self, at: tuple[int, ...], data: Any) -> None:
        self.obj._g_check_open()
        raw = np.frombuffer(data, np.uint8) if isinstance(data, bytes) else data.reshape(-1).view(np.uint8)
        self.obj._g_write_chunk(np.array(at, np.uint64), raw, 0)

    def flush_file(self) -> None:
        self.obj._g_flush()
        require_flushed()

    def add(self, rows: npt.NDArray[Any]) -> None:
        before = self.count()
        try:
            if self._is_plain:
                self.obj._g_check_open()
                self.obj._append(rows)
            else:
                self.obj.append(rows)
        except BaseException:
            self.resize(before)  # PyTables has made room already: rows of zeros
            raise

    def write(self, start: tuple[int, ...], count: tuple[int, ...], values: npt.NDArray[Any]) -> None:
        self.obj._g_check_open()
        # made anew, these arrays take half of the time
        block = self._blocks.get(count)
        if block is None:
            self._blocks.clear()
            rank = len(count)
            block = self._blocks[count] = np.zeros(rank, np.int64), np.ones(rank, np.int64), np.array(count, np.int64)
        block[0][:] = start
        self.obj._g_write_slice(*block, values)


def _packing(filters: tables.Filters, dtype: np.dtype[Any]) -> Packing | None:
    """Return the packing that filters do, None if it is not nothing, or shuffle and deflate."""
    if not filters.complevel and not filters.fletcher32:
        return Packing()
    if filters.complib != "zlib" or filters.fletcher32 or not filters.shuffle or filters.bitshuffle:
        return None
    return Packing(filters.complevel, dtype.itemsize)


def shape_and_dtype(node: TreeNode) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and number type of an array."""
    obj = node.obj
    if node.kind is NodeKind.TEXT:
        return (int(obj.nrows),), np.dtype(np.uint8)
    dtype = obj.dtype if isinstance(obj, tables.Table) else obj.atom.dtype.base
    return tuple(map(int, obj.shape)), np.dtype(dtype)
