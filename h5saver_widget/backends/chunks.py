"""How arrays are cut into chunks, the unit in which HDF5 stores, compresses and caches them.

A frame of 64 kB and more is a chunk: with h5py's own guess, frames of 1024 x 1024 were written 17 to 22 times slower.
Of smaller rows a chunk holds those of some seconds. An array begins with small chunks (128 numbers): a short log of
many channels stays small, and a flush writes little. Where rows come fast the array gets larger chunks before any row
is in the file, see docs/decisions/037-chunks-follow-the-rate.md. Chunks of a scan, which is written point by point,
have 64 kB.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

__all__ = ["CACHED_CHUNKS", "FAST_ROWS", "TEXT_ROWS", "fast_chunks", "fixed_chunks", "growing_chunks", "is_large"]

TARGET_BYTES = 1 << 20
#: Of a scan: its points come slowly, and each flush writes the last chunk again.
POINTS_BYTES = 1 << 16
#: Of an array that begins to grow: so many bytes, or so many rows that are longer, but not more than `POINTS_BYTES`.
FIRST_BYTES, FIRST_ROWS = 1 << 10, 8
#: Of a compressed one: an empty part takes no room, and smaller chunks would not be compressed well.
PACKED_BYTES = 1 << 13
#: More rows than these before the first flush are many: they get chunks of `MAX_ROWS`.
FAST_ROWS = 1024
MAX_ROWS = 8192
#: Of rows of bytes, of which a chunk holds the places: PyTables' own choice makes each file 1 MB larger.
TEXT_ROWS = 128
MAX_CHUNK_BYTES = 64 << 20
#: Chunks of one array that a library caches in a file that is written. HDF5's 521 are 0.5 MB for each of 1,000 logged
#: channels: rows come in order, so those before are not needed again.
CACHED_CHUNKS = 13


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


def growing_chunks(row_shape: tuple[int, ...], dtype: np.dtype[Any], *, packed: bool = False) -> tuple[int, ...]:
    """Return the chunk shape of an array that begins to grow by rows; `packed`: a compressed one.

    >>> growing_chunks((1024, 1024), np.dtype('uint16'))
    (1, 1024, 1024)
    >>> growing_chunks((1,), np.dtype('float64')), growing_chunks((1024,), np.dtype('float64'))
    ((128, 1), (8, 1024))
    """
    row = _within(row_shape, dtype.itemsize, MAX_CHUNK_BYTES)
    size = max(1, prod(row) * dtype.itemsize)
    target = min(max(PACKED_BYTES if packed else FIRST_BYTES, FIRST_ROWS * size), POINTS_BYTES)
    return (min(max(target // size, 1), MAX_ROWS), *row)


def fast_chunks(row_shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, ...]:
    """Return the chunk shape of an array to which many rows come in a second.

    >>> fast_chunks((1,), np.dtype('float64')), fast_chunks((1024,), np.dtype('float64'))
    ((8192, 1), (128, 1024))
    """
    row = _within(row_shape, dtype.itemsize, MAX_CHUNK_BYTES)
    rows = TARGET_BYTES // max(1, prod(row) * dtype.itemsize)
    return (min(max(rows, 1), MAX_ROWS), *row)


def fixed_chunks(
    shape: tuple[int, ...], dtype: np.dtype[Any], frame_axes: int | None = None, points_bytes: int = POINTS_BYTES
) -> tuple[int, ...]:
    """Return the chunk shape of an array of fixed shape.

    So many of its last axes (`frame_axes`) are written at a time: a chunk is one such frame, or several small ones, of
    about `points_bytes`. None for an array that is written whole: its last two axes are whole as long as they fit.

    >>> fixed_chunks((10, 10, 512, 512), np.dtype('float64'))
    (1, 1, 512, 512)
    >>> fixed_chunks((1000, 1024), np.dtype('float64'), frame_axes=1)
    (8, 1024)
    """
    target = TARGET_BYTES if frame_axes is None else points_bytes
    kept = shape[-2:] if frame_axes is None else shape[len(shape) - frame_axes :]
    frame = prod([max(1, n) for n in kept]) * dtype.itemsize
    return _within(shape, dtype.itemsize, min(max(target, frame), MAX_CHUNK_BYTES))


def is_large(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    """Tell whether an array is more than one chunk of the usual size.

    >>> is_large((1000, 1024), np.dtype('float64')), is_large((1000,), np.dtype('float64'))
    (True, False)
    """
    return prod(shape) * dtype.itemsize > TARGET_BYTES
