"""How arrays are cut into chunks, the unit in which HDF5 stores, compresses and caches them.

One frame is one chunk, or about 1 MB of rows for small ones: with h5py's own guess, frames of 1024 x 1024 were written
17 to 22 times slower. Scalars are limited to 8192 rows (64 kB of float64), so that a short log of many channels stays
small.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

__all__ = ["fixed_chunks", "growing_chunks"]

TARGET_BYTES = 1 << 20
MAX_ROWS = 8192
MAX_CHUNK_BYTES = 64 << 20


def _within(shape: tuple[int, ...], itemsize: int, limit: int) -> tuple[int, ...]:
    """Halve the leading axes of a chunk shape until it holds at most `limit` bytes."""
    chunk = [max(1, n) for n in shape]
    axis = 0
    while axis < len(chunk) and prod(chunk) * itemsize > limit:
        if chunk[axis] == 1:
            axis += 1
        else:
            chunk[axis] = (chunk[axis] + 1) // 2
    return tuple(chunk)


def growing_chunks(row_shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, ...]:
    """Return the chunk shape of an array that grows by rows.

    >>> growing_chunks((1024, 1024), np.dtype('uint16'))
    (1, 1024, 1024)
    >>> growing_chunks((1,), np.dtype('float64'))
    (8192, 1)
    """
    row = _within(row_shape, dtype.itemsize, MAX_CHUNK_BYTES)
    rows = TARGET_BYTES // max(1, prod(row) * dtype.itemsize)
    return (min(max(rows, 1), MAX_ROWS), *row)


def fixed_chunks(shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, ...]:
    """Return the chunk shape of an array of fixed shape: its last two axes are kept whole as long as they fit.

    >>> fixed_chunks((10, 10, 512, 512), np.dtype('float64'))
    (1, 1, 512, 512)
    """
    frame = max(TARGET_BYTES, prod(max(1, n) for n in shape[-2:]) * dtype.itemsize)
    return _within(shape, dtype.itemsize, min(frame, MAX_CHUNK_BYTES))
