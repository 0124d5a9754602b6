"""Nodes of one open file made again in another, through any two backends: groups, arrays of numbers and text, lists.

The common part of copies to servers, exports of a part, and files that are taken into another one. Where the library
copies objects as they are, that comes first: see ``Backend.copy_out``.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from math import prod
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.shown_again import left_of_it
from h5saver_widget.backends.terms import ArrayInfo, Compression, Handle, NodeKind, NodeSpec, RawAttribute
from h5saver_widget.errors import DataMismatchError, NodeError

__all__ = ["as_text", "blocks_of", "copy_values", "is_numbers", "made_like", "walk"]

#: How much is read and written at once.
_BLOCK_BYTES: Final = 16 << 20
_LEVEL: Final = 4


def walk(io: Backend, top: str = "/", *, views: bool = False) -> Iterator[tuple[str, Handle, NodeKind]]:
    """Iterate over a node and all below it, a group before its members; a group is entered once.

    Members come in the order in which they were made, as copies are to have them; by name if a group does not know it.
    From the root on, the NeXus entry of a recording comes with it if `views` are wanted.
    """
    waiting, seen = [top], set[Hashable]()
    while waiting:
        path = waiting.pop()
        node = io.node(path)
        kind = io.kind(node)
        yield path, node, kind
        if kind is NodeKind.GROUP and (identity := io.identity(node)) not in seen:
            seen.add(identity)
            waiting.extend(f"{path.rstrip('/')}/{name}" for name in reversed(io.inspection.members(node)))
            waiting.extend(left_of_it(io) if views and path == "/" else ())


def is_numbers(info: ArrayInfo) -> bool:
    """Tell whether an array holds numbers that every library writes."""
    return info.dtype.kind in "biufc"


def blocks_of(info: ArrayInfo, first: int = 0) -> Iterator[tuple[slice, int]]:
    """Iterate over slices of rows of about 16 MB, and their sizes in bytes."""
    row = max(1, prod(info.shape[1:]) * info.dtype.itemsize)
    step = max(1, _BLOCK_BYTES // row)
    for start in range(first, info.shape[0], step):
        stop = min(start + step, info.shape[0])
        yield slice(start, stop), (stop - start) * row


def made_like(
    source: Backend, node: Handle, target: Backend, parent: Handle, name: str, attributes: Mapping[str, RawAttribute]
) -> Handle:
    """Make a node like that of another file; arrays are empty, but for text and single values.

    NodeError if it is a link, or can't be read; DataMismatchError if it holds something that not every library can
    write.
    """
    kind = source.kind(node)
    if kind in (NodeKind.LINK, NodeKind.OTHER):
        raise NodeError("a link, which is not followed" if kind is NodeKind.LINK else "it can't be read here")
    if kind in (NodeKind.GROUP, NodeKind.TEXT):
        return target.create(parent, name, NodeSpec(kind, attributes=attributes))
    info = source.info(node)
    if not is_numbers(info):
        values: npt.NDArray[Any] = as_text(source.read(node), info)
        return target.create(parent, name, NodeSpec(NodeKind.FIXED, data=values, attributes=attributes))
    if kind is NodeKind.FIXED and (not info.shape or 0 in info.shape):
        values = np.asarray(source.read(node), info.dtype)
        return target.create(parent, name, NodeSpec(kind, data=values, attributes=attributes))
    packed = None
    if info.compression:
        known = info.compression in target.capabilities.compression
        packed = Compression(info.compression if known else "zlib", _LEVEL)
    shape = info.shape[1:] if kind is NodeKind.GROWING else info.shape
    return target.create(parent, name, NodeSpec(kind, shape, info.dtype, compression=packed, attributes=attributes))


def copy_values(source: Backend, path: str, target: Backend, made: Handle, first: int = 0) -> Iterator[int]:
    """Copy the rows that :func:`made_like` has left out, from a row on; iterate over the bytes that were copied.

    The array is looked up for each block: a file that stops streaming (SWMR) is opened again, and handles are void.
    """
    node = source.node(path)
    kind = source.kind(node)
    if kind is NodeKind.TEXT:
        for row in source.read(node, slice(first, None)):
            values = np.asarray(row, np.uint8)
            target.append(made, values)
            yield values.nbytes
        return
    info = source.info(node) if kind in (NodeKind.FIXED, NodeKind.GROWING) else None
    if info is None or not is_numbers(info) or not info.shape or 0 in info.shape[1:]:
        return
    kept = target.info(made).dtype  # of booleans it may be another one
    for rows, size in blocks_of(info, first):
        values = np.asarray(source.read(source.node(path), rows), kept)
        if kind is NodeKind.GROWING:
            target.append(made, values)
        else:
            target.write(made, rows, values)
        yield size


def as_text(values: Any, info: ArrayInfo) -> npt.NDArray[np.bytes_]:
    """Return an array of texts as UTF-8 of fixed length, the one form that every library writes."""
    texts = np.asarray(values)
    if texts.dtype.kind == "S":
        return texts
    if texts.dtype.kind not in "OUT" or any(not isinstance(text, (str, bytes)) for text in texts.flat):
        what = "rows of any length" if texts.dtype.kind == "O" else info.holds or str(info.dtype)
        raise DataMismatchError(f"an array of {what}, which not every library can write")
    items = [text if isinstance(text, bytes) else text.encode("utf-8", "replace") for text in texts.flat]
    return np.array(items, dtype=f"S{max([1, *map(len, items)])}").reshape(texts.shape)
