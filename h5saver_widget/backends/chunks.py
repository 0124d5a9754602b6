"""How arrays are cut into chunks, the unit in which HDF5 stores, compresses and caches them.

One frame is one chunk, or about 1 MB of rows for small ones: with h5py's own guess, frames of 1024 x 1024 were written
17 to 22 times slower. Scalars are limited to 8192 rows (64 kB of float64), so that a short log of many channels stays
small.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

__all__ = ["fixed_chunks", "growing_chunks", "is_large"]

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


def fixed_chunks(shape: tuple[int, ...], dtype: np.dtype[Any], frame_axes: int = 2) -> tuple[int, ...]:
    """Return the chunk shape of an array of fixed shape: its last axes, those of a frame, are kept whole if they fit.

    >>> fixed_chunks((10, 10, 512, 512), np.dtype('float64'))
    (1, 1, 512, 512)
    >>> fixed_chunks((1000, 1024), np.dtype('float64'), frame_axes=1)
    (125, 1024)
    """
    frame = prod(max(1, n) for n in shape[len(shape) - frame_axes :]) * dtype.itemsize
    return _within(shape, dtype.itemsize, min(max(TARGET_BYTES, frame), MAX_CHUNK_BYTES))


def is_large(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Tell whether an array is more than one chunk of the usual size.

    >>> is_large((1000, 1024), np.dtype('float64')), is_large((1000,), np.dtype('float64'))
    (True, False)
    """
    return prod(shape) * dtype.itemsize > TARGET_BYTES
