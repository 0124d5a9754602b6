"""Rows of variable length claim a number of elements: HDF5 takes memory for it before it looks whether they are there.

In a damaged file of 45 kB, 16 such rows had HDF5 clear 4 GB of memory sixteen times. A row is stored as the number of
its elements (4 bytes) and their place; its elements are never packed, so no row is larger than its file:
https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html (IV.A.2.d, "Variable-length").
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from h5py import h5d, h5i, h5t

from h5saver_widget.backends.h5py_unpacking import filters_of, undone

__all__ = ["require_possible_lengths"]


def require_possible_lengths(dataset: h5d.DatasetID, rows: Any = ...) -> None:
    """Refuse to read texts, or lists, that claim to be larger than the file; where it can't be told, they pass.

    `rows` are those that are to be read, or a selection of which they are the first part. OSError if one of them does.
    """
    kind = dataset.get_type()
    if isinstance(kind, h5t.TypeVlenID):
        item = max(1, kind.get_super().get_size())
    elif isinstance(kind, h5t.TypeStringID) and kind.is_variable_str():
        item = 1
    else:
        return
    most = h5i.get_file_id(dataset).get_filesize() // item
    for row, lengths in _lengths(dataset, rows[0] if isinstance(rows, tuple) and rows else rows):
        if lengths.size and lengths.max() > most:
            place = row + int(np.argmax(lengths.max(1)))
            raise OSError(f"row {place} claims to have {lengths.max():,} elements, more than the file can hold")


def _lengths(dataset: h5d.DatasetID, rows: Any) -> Iterator[tuple[int, Any]]:
    """Iterate over chunks: their first row, and the number of elements of each value, a line for each row."""
    plist, shape = dataset.get_create_plist(), dataset.shape
    if plist.get_layout() != h5d.CHUNKED:
        return
    start, stop = 0, shape[0]
    if isinstance(rows, slice):
        start, stop, _ = slice(rows.start, rows.stop).indices(stop)
    elif isinstance(rows, int):
        start, stop = rows % max(1, stop), rows % max(1, stop) + 1
    chunk = plist.get_chunk()
    address = h5i.get_file_id(dataset).get_create_plist().get_sizes()[0]
    filters, size = filters_of(dataset), prod(chunk) * (4 + address + 4)
    offsets: list[tuple[int, ...]] = []  # asking for one by its number takes as long as this list
    dataset.chunk_iter(lambda found: offsets.append(tuple(found.chunk_offset)))
    for offset in offsets:
        if not start - chunk[0] < offset[0] < stop:
            continue
        first, last = max(start, offset[0]), min(stop, offset[0] + chunk[0])
        mask, raw = dataset.read_direct_chunk(offset)
        plain = undone(raw, [each for place, each in enumerate(filters) if not mask >> place & 1], size)
        if plain is not None:
            lengths = plain.reshape(prod(chunk), -1)[:, :4].copy().view("<u4").reshape(chunk[0], -1)
            yield first, lengths[first - offset[0] : last - offset[0]]
