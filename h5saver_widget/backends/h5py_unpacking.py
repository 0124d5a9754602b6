"""Packed chunks are unpacked outside of the HDF5 library: by other threads, and each five times as fast as by zlib.

The library reads the bytes of chunks alone. All unusual chunks (with other filters, or some left out, with numbers that
have to be converted, damaged ones) are left to it, and so are the errors.
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
from h5py import h5d, h5t, h5z

from h5saver_widget.backends.compression import in_background, inflated, unshuffled
from h5saver_widget.backends.selections import region_of
from h5saver_widget.backends.terms import Selection

__all__ = ["filters_of", "undone", "unpacked"]

#: The filters that are undone here: number and parameters of each, in the order in which a chunk was packed.
Filters = Sequence[tuple[int, tuple[int, ...]]]

#: Chunks of less are as fast in the library.
_SMALLEST = 32 << 10
#: So many chunks are unpacked while more are read.
_WAITING = 16


def filters_of(dataset: h5d.DatasetID) -> Filters:
    """Return number and parameters of each filter that the chunks of an array go through when they are packed."""
    plist = dataset.get_create_plist()
    found = (plist.get_filter(number) for number in range(plist.get_nfilters()))
    return [(each[0], tuple(each[2])) for each in found]


def undone(raw: bytes, filters: Filters, size: int) -> npt.NDArray[np.uint8] | None:
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
    filters = filters_of(dataset)
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
    plain = undone(raw, filters, size)
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
