"""Packed chunks are unpacked outside of the HDF5 library: by other threads, and each five times as fast as by zlib.

The library reads the bytes of chunks alone. All unusual chunks (with other filters, or some left out, with numbers that
have to be converted, damaged ones) are left to it, and so are the errors.

Rows of variable length are looked at in the same way before the library reads them: it takes memory for the number of
elements that they claim to have, without a look whether they are there. In a damaged file of 45 kB, 16 such rows had
HDF5 clear 4 GB of memory sixteen times. A row is stored as the number of its elements (4 bytes) and their place; its
elements are never packed, so no row is larger than its file:
https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html (IV.A.2.d, "Variable-length").
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from itertools import product
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from h5py import h5d, h5i, h5t, h5z

from h5saver_widget.backends.compression import in_background, inflated, unshuffled
from h5saver_widget.backends.selections import region_of
from h5saver_widget.backends.terms import Selection

__all__ = ["require_possible_lengths", "unpacked"]

#: The filters that are undone here: number and parameters of each, in the order in which a chunk was packed.
Filters = Sequence[tuple[int, tuple[int, ...]]]

#: Chunks of less are as fast in the library.
_SMALLEST = 32 << 10
#: So many chunks are unpacked while more are read.
_WAITING = 16


def _filters_of(dataset: h5d.DatasetID) -> Filters:
    """Return number and parameters of each filter that the chunks of an array go through when they are packed."""
    plist = dataset.get_create_plist()
    found = (plist.get_filter(number) for number in range(plist.get_nfilters()))
    return [(each[0], tuple(each[2])) for each in found]


def _undone(raw: bytes, filters: Filters, size: int) -> npt.NDArray[np.uint8] | None:
    """Return the `size` bytes of a chunk before its filters; None if they are others than HDF5's own, or damaged.

    The checksum of *fletcher32* is taken off, and not compared.
    """
    found: npt.NDArray[np.uint8] | None = np.frombuffer(raw, np.uint8)
    for which, parameters in reversed(filters):
        if found is None:
            return None
        if which == h5z.FILTER_FLETCHER32:
            found = found[:-4]
        elif which == h5z.FILTER_DEFLATE:
            found = inflated(found, size)
        elif which == h5z.FILTER_SHUFFLE and parameters and not size % parameters[0]:
            found = unshuffled(found, parameters[0])
        else:
            return None
    return found if found is not None and found.size == size else None


def unpacked(obj: Any, selection: Selection) -> npt.NDArray[Any] | None:
    """Return part of an array that is packed with deflate, with or without shuffle; None if HDF5 has to read it.

    It takes the short way if most of each chunk in the selection is wanted.
    """
    dataset, chunk = obj.id, obj.chunks
    if chunk is None or prod(chunk) * dataset.get_type().get_size() < _SMALLEST:
        return None
    filters = _filters_of(dataset)
    if [which for which, _ in filters] not in ([h5z.FILTER_DEFLATE], [h5z.FILTER_SHUFFLE, h5z.FILTER_DEFLATE]):
        return None
    try:
        region, lengths = region_of(selection, obj.shape)
    except (IndexError, TypeError):  # told by the library
        return None
    if any(step != 1 for step in region.steps):
        return None
    box = [(start, start + count) for start, count in zip(region.start, region.counts, strict=True)]
    grid = [range(start // size * size, stop, size) for (start, stop), size in zip(box, chunk, strict=True)]
    wanted = prod(region.counts)
    held = prod(min(len(at) * size, length - at.start) for at, size, length in zip(grid, chunk, obj.shape, strict=True))
    if not 0 < held <= 2 * wanted:
        return None  # the library keeps a chunk of which only some rows are wanted
    dtype = obj.dtype
    if dtype.kind not in "biufc" or h5t.py_create(dtype, logical=True) != dataset.get_type():
        return None
    found = np.empty(region.counts, dtype)
    size = prod(chunk) * dtype.itemsize
    waiting: deque[Future[bool]] = deque()
    try:
        for offset in product(*grid):
            place, part = zip(*_overlap(offset, chunk, box), strict=True)
            stored = dataset.get_chunk_info_by_coord(offset)
            if stored.byte_offset is None:
                found[place] = obj.fillvalue
                continue
            if stored.filter_mask:
                return None
            raw = dataset.read_direct_chunk(offset)[1]
            waiting.append(in_background(_put, found[place], part, chunk, raw, filters, size))
            if len(waiting) > _WAITING and not waiting.popleft().result():
                return None
        if not all(each.result() for each in waiting):
            return None
    except (OSError, RuntimeError, ValueError):  # told by the library, when it reads the same
        return None
    return found.reshape(lengths)


def _put(
    target: npt.NDArray[Any], part: tuple[slice, ...], chunk: tuple[int, ...], raw: bytes, filters: Filters, size: int
) -> bool:
    """Unpack a chunk, and put part of it where it belongs; False if that can't be done."""
    plain = _undone(raw, filters, size)
    if plain is not None:
        target[...] = plain.view(target.dtype).reshape(chunk)[part]
    return plain is not None


def _overlap(
    offset: tuple[int, ...], chunk: tuple[int, ...], box: Sequence[tuple[int, int]]
) -> Iterator[tuple[slice, slice]]:
    """Return where in the box a chunk goes, and which part of it, by dimension."""
    for at, size, (start, stop) in zip(offset, chunk, box, strict=True):
        first, last = max(at, start), min(at + size, stop)
        yield slice(first - start, last - start), slice(first - at, last - at)


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
    filters, size = _filters_of(dataset), prod(chunk) * (4 + address + 4)
    offsets: list[tuple[int, ...]] = []  # asking for one by its number takes as long as this list
    dataset.chunk_iter(lambda found: offsets.append(tuple(found.chunk_offset)))
    for offset in offsets:
        if not start - chunk[0] < offset[0] < stop:
            continue
        first, last = max(start, offset[0]), min(stop, offset[0] + chunk[0])
        mask, raw = dataset.read_direct_chunk(offset)
        plain = _undone(raw, [each for place, each in enumerate(filters) if not mask >> place & 1], size)
        if plain is not None:
            lengths = plain.reshape(prod(chunk), -1)[:, :4].copy().view("<u4").reshape(chunk[0], -1)
            yield first, lengths[first - offset[0] : last - offset[0]]
