"""The canonical form of nodes, attributes and rows, and SHA-256 over it: version 1 of docs/sealing.md.

It depends on values, number types and shapes alone: not on chunks, filters, byte order, the order of links, or the
library that reads.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import deque
from collections.abc import Hashable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.shown_again import shown_again
from h5saver_widget.backends.terms import ArrayInfo, Handle, NodeKind
from h5saver_widget.errors import DataMismatchError, H5SaverError
from h5saver_widget.format.layout import COMMIT_MARK

__all__ = ["FILE_LINE", "Content", "block_rows", "contents", "hash_attribute", "hashed_blocks", "number_type"]

#: Attribute of the root with the latest seal in one line.
FILE_LINE: Final = "seal"
#: Attributes that people add afterwards, those that libraries write for themselves, counts that change whenever
#: something is added, and the line of the seal.
_NOT_SEALED: Final = frozenset(
    {
        *("author", "comments", FILE_LINE, COMMIT_MARK),
        *("swmr_active", "FLAVOR", "PYTABLES_FORMAT_VERSION", "VERSION"),
        *("frames_received", "frames_written", "frames_dropped", "completeness"),
    }
)
#: Attributes of arrays of this package, PyMoDAQ and PyTables (they have a ``CLASS``) that follow from the shape.
_DERIVED: Final = frozenset({"shape", "size"})

#: A block has about so many bytes, and an array at most so many blocks.
_BLOCK: Final = 256 << 10
_MOST_BLOCKS: Final = 1 << 16
#: So much is read at once, and at most so much where chunks hold many rows.
_PIECE: Final = 16 << 20
_LARGEST_PIECE: Final = 256 << 20
#: An element of variable length counts as so many bytes.
_VARIABLE: Final = 64
#: deflate makes things at most 1032 times smaller; nothing of more than 16 TiB is sealed.
_MOST_DENSE: Final = 1032
_LARGEST: Final = 1 << 44
#: What damaged bytes have libraries raise.
_DAMAGE: Final = (H5SaverError, OSError, RuntimeError, ValueError, TypeError, KeyError, MemoryError, OverflowError)
_VALUES: Final = (NodeKind.FIXED, NodeKind.GROWING, NodeKind.TEXT)


@dataclass
class Content:
    """A node as a seal sees it."""

    #: Path of the node.
    path: str
    #: ``'group'``, ``'array'``, ``'link'``.
    kind: str = "group"
    #: Hash of each attribute that is sealed.
    attributes: dict[str, str] = field(default_factory=dict)
    #: Of an array: number type, as :func:`number_type` names it, and shape.
    dtype: str = ""
    shape: tuple[int, ...] = ()
    #: About how many bytes an element has.
    itemsize: int = _VARIABLE
    #: Reasons why parts of the node can't be sealed: by the name of an attribute, ``''`` for the values.
    left_out: dict[str, str] = field(default_factory=dict)
    #: Why it can't be read; ``''`` if it can.
    problem: str = ""

    @property
    def rows(self) -> int:
        """How many rows there are to be sealed; a single value is one."""
        return 0 if self.kind != "array" or "" in self.left_out else self.shape[0] if self.shape else 1


def contents(io: Backend) -> Iterator[Content]:
    """Iterate over all nodes of the open file, without those that show data once more; damaged ones have a problem."""
    waiting, seen = ["/"], set[Hashable]()
    passed_over = shown_again(io)
    size = 0 if io.path is None else io.path.stat().st_size
    while waiting:
        path = waiting.pop()
        if path in passed_over:
            continue
        found = Content(path)
        try:
            node = io.node(path)
            kind = io.kind(node)
            _look(io, node, kind, found, size)
            if kind is NodeKind.GROUP and (identity := io.identity(node)) not in seen:
                seen.add(identity)
                waiting.extend(f"{path.rstrip('/')}/{name}" for name in reversed(io.children(node)))
        except _DAMAGE as error:
            found.problem = _in_words(error)
        yield found


def _look(io: Backend, node: Handle, kind: NodeKind, found: Content, file_size: int) -> None:
    """Fill in everything about a node but its values."""
    if kind is NodeKind.LINK:
        found.kind = "link"
        found.attributes["target"] = hash_attribute(np.array(io.inspection.link_target(node)))
        return
    names = set(io.attribute_names(node)) - _NOT_SEALED
    if kind in _VALUES and "CLASS" in names:
        names -= _DERIVED
    values = io.get_attributes(node)
    found.attributes = {name: hash_attribute(values[name]) for name in names if name in values}
    found.left_out = dict.fromkeys(sorted(names - set(values)), "of a kind that has no plain value")
    if kind not in _VALUES:
        if kind is NodeKind.OTHER:
            found.kind, found.left_out[""] = "array", "of a kind that can't be read here"
        return
    info = io.info(node)
    found.kind, found.shape = "array", tuple(info.shape)
    found.dtype = "variable" if kind is NodeKind.TEXT else number_type(info.dtype)
    if found.dtype != "variable":
        found.itemsize = max(1, info.dtype.itemsize)
    if why := _why_not(io, node, info, found.dtype, file_size):
        found.left_out[""] = why


def _why_not(io: Backend, node: Handle, info: ArrayInfo, dtype: str, file_size: int) -> str:
    """Return why the values of an array can't be sealed; ``''`` if they can."""
    claimed = prod(info.shape) * max(info.dtype.itemsize, 1)
    if any(file not in ("", ".") for file, _ in io.inspection.details(node).sources):
        return "its values stand in other files"
    if not dtype or "references" in info.holds:  # a node of several names has no certain one
        return f"holds {info.holds or info.dtype}"
    if claimed > _LARGEST or (claimed > _MOST_DENSE * file_size + _PIECE and io.inspection.stored_rows(node) is None):
        return f"its shape is {info.shape}, more than the file can hold"
    return ""


# ------------------------------------------------------------------ canonical form
def number_type(dtype: np.dtype[Any]) -> str:
    """Return the canonical name of a number type; ``''`` for one that has no canonical bytes.

    >>> number_type(np.dtype('>u2')), number_type(np.dtype([('a', 'f8'), ('b', 'S3', (2,))]))
    ('<u2', '{"a":<f8,"b":|S3(2,)}')
    """
    if dtype.names is not None:
        parts = {name: number_type(dtype[name]) for name in dtype.names}
        known = all(kind and "variable" not in kind for kind in parts.values())
        return "{" + ",".join(f"{json.dumps(name)}:{kind}" for name, kind in parts.items()) + "}" if known else ""
    if dtype.subdtype is not None:
        base = number_type(dtype.subdtype[0])
        return f"{base}{dtype.subdtype[1]}" if base else ""
    if dtype.kind == "O":
        return "variable"
    # some of the bytes of longer floats are never set: those of 80 bits have 10 of 16
    longest = {"f": 8, "c": 16}.get(dtype.kind, 1 << 20)
    if dtype.kind not in "biufcSV" or dtype.itemsize > longest:
        return ""
    return dtype.newbyteorder("<").str


def _packed(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return a number type with little-endian numbers, and nothing between the fields of a record."""
    if dtype.names is not None:
        return np.dtype([(name, _packed(dtype[name])) for name in dtype.names])
    if dtype.subdtype is not None:
        return np.dtype((_packed(dtype.subdtype[0]), dtype.subdtype[1]))
    return dtype.newbyteorder("<")


def hash_attribute(value: Any) -> str:
    """Return the hash of an attribute: of its type, shape and values; text and bytes count as the same.

    >>> hash_attribute('mV') == hash_attribute(np.bytes_(b'mV')) != hash_attribute(np.array(['mV']))
    True
    """
    values = np.asarray(value)
    if isinstance(value, bytes) or values.dtype.kind in "SUO":
        items = [value] if isinstance(value, bytes) else values.ravel().tolist()
        shape = () if isinstance(value, bytes) else values.shape
        return _sha(f"text{shape}\0".encode(), _joined(items))
    kind = number_type(values.dtype)
    return _sha(f"{kind or values.dtype}{values.shape}\0".encode(), values.astype(_packed(values.dtype)).tobytes())


def _joined(items: Any) -> bytes:
    """Return elements of variable length as bytes: each with its length before it."""
    parts: list[bytes] = []
    for item in items:
        if isinstance(item, str):
            item = item.encode("utf-8", "surrogateescape")
        elif isinstance(item, np.ndarray) and (kind := number_type(item.dtype)) and kind != "variable":
            item = f"{kind}\0".encode() + item.astype(_packed(item.dtype)).tobytes()
        elif not isinstance(item, bytes):
            raise DataMismatchError(f"it holds a {type(item).__name__}, which has no canonical bytes")
        parts += (len(item).to_bytes(8, "little"), item)
    return b"".join(parts)


def _sha(*parts: Any) -> str:
    made = hashlib.sha256()
    for part in parts:
        made.update(part)
    return made.hexdigest()


def block_rows(content: Content, rows: int) -> int:
    """Return how many rows a block of an array has, of which so many are sealed."""
    size = max(1, _BLOCK // _row_bytes(content))
    while rows > size * _MOST_BLOCKS:
        size *= 2
    return size


def _row_bytes(content: Content) -> int:
    return max(1, prod(content.shape[1:]) * content.itemsize)


# ------------------------------------------------------------------------- blocks
def hashed_blocks(
    io: Backend, content: Content, first: int, stop: int, block: int
) -> Iterator[tuple[int, list[str], str]]:
    """Hash rows of an array block by block; while some are hashed the next ones are read.

    Yields
    ------
    tuple
        The row after the last one of the piece; the hashes of its blocks, ``''`` for one that can't be read; and why.
    """
    reader = _Rows(io, content)
    step = reader.step(block)
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1), "h5saver: seal") as pool:
        running: deque[tuple[int, Future[list[str]], str]] = deque()
        for start in range(first, stop, step):
            end = min(start + step, stop)
            values, why = reader.read(start, end, block)
            if isinstance(values, list) and not running:  # hashed already
                yield end, values, why
                continue
            running.append((end, pool.submit(reader.hashes, values, end - start, block), why))
            while len(running) > 2:
                done, hashes, said = running.popleft()
                yield done, hashes.result(), said
        for done, hashes, said in running:
            yield done, hashes.result(), said


class _Rows:
    """The rows of one array, as they are hashed."""

    def __init__(self, io: Backend, content: Content) -> None:
        self._io, self._content = io, content
        self._node = io.node(content.path)
        self._is_text = io.kind(self._node) is NodeKind.TEXT
        self._info = io.info(self._node)
        self._row = _row_bytes(content)
        self._is_large = self._row > _PIECE and content.dtype != "variable"
        self._stored = io.inspection.stored_rows(self._node)
        #: Hashes of blocks of the fill value, by their rows.
        self._fill: dict[int, str] = {}

    def step(self, block: int) -> int:
        """Return how many rows are read at once: whole blocks, and whole chunks where these are not too large."""
        chunk = self._info.chunks[0] if self._info.chunks else 1
        rows = max(_PIECE, min(_LARGEST_PIECE, chunk * self._row)) // self._row
        return max(1, rows // block) * block

    def read(self, start: int, end: int, block: int) -> tuple[Any, str]:
        """Return rows, or the list of the hashes of their blocks; and why some of these can't be read."""
        try:
            if self._stored is not None and not any(a < end and start < b for a, b in self._stored):
                return [self._filled(min(block, end - at), start) for at in range(start, end, block)], ""
            if self._is_large:
                return [self._large_row(row) for row in range(start, end)], ""
            return self._rows(start, end), ""
        except _DAMAGE as error:
            if end - start <= block:
                return [""], _in_words(error)
        found, words = [], ""
        for at in range(start, end, block):
            values, why = self.read(at, min(at + block, end), block)
            found += self.hashes(values, min(block, end - at), block)
            words = why or words
        return found, words

    def hashes(self, values: Any, rows: int, block: int) -> list[str]:
        """Return the hashes of the blocks of rows that were read."""
        if isinstance(values, list):
            return values
        return [_of_block(values[at : at + block]) for at in range(0, rows, block)]

    def _rows(self, start: int, end: int) -> npt.NDArray[Any]:
        """Read rows in canonical form; of those without a place in the file the fill value is read once."""
        if self._stored is None or not self._content.shape:
            return self._values(slice(start, end) if self._content.shape else ...)
        parts: list[npt.NDArray[Any]] = []
        at = start
        for first, stop in [*self._stored, (end, end)]:
            first, stop = min(max(first, at), end), min(max(stop, at), end)
            if first > at:
                parts.append(np.repeat(self._values(slice(at, at + 1)), first - at, axis=0))
            if stop > first:
                parts.append(self._values(slice(first, stop)))
            at = stop
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _values(self, selection: Any) -> npt.NDArray[Any]:
        """Read rows in canonical form; of variable length: an array of bytes objects."""
        read = self._io.read(self._node, selection)
        if self._is_text:
            made = np.empty(len(read), object)
            made[:] = [_joined([np.asarray(row, np.uint8)]) for row in read]
            return made
        values = np.asarray(read)
        if not self._content.shape:
            values = values.reshape(1)
        if values.dtype.kind == "O":
            made = np.empty(len(values), object)
            made[:] = [_joined(list(row)) for row in values.reshape(len(values), -1)]
            return made
        return np.ascontiguousarray(values, _packed(values.dtype))

    def _filled(self, rows: int, at: int) -> str:
        """Return the hash of a block of rows that nobody has written."""
        if rows not in self._fill:
            if self._is_large:
                self._fill[rows] = self._large_row(at)
            else:
                self._fill[rows] = _of_block(np.repeat(self._values(slice(at, at + 1)), min(rows, 2), axis=0), rows)
        return self._fill[rows]

    def _large_row(self, row: int) -> str:
        """Return the hash of a block of one row that is read in pieces."""
        made = hashlib.sha256(b"\0")
        for selection in _pieces(self._content.shape[1:], self._row, (row,)):
            values = np.asarray(self._io.read(self._node, selection))
            made.update(np.ascontiguousarray(values, _packed(values.dtype)).reshape(-1).view(np.uint8).data)
        return made.hexdigest()


def _pieces(shape: tuple[int, ...], size: int, before: tuple[int, ...]) -> Iterator[tuple[int | slice, ...]]:
    """Iterate over the parts of a row, in order, none of them larger than is read at once."""
    inner = max(1, size // max(1, shape[0]))
    if inner > _PIECE and len(shape) > 1:
        for index in range(shape[0]):
            yield from _pieces(shape[1:], inner, (*before, index))
        return
    step = max(1, _PIECE // inner)
    for start in range(0, shape[0], step):
        yield (*before, slice(start, min(start + step, shape[0])))


def _of_block(values: npt.NDArray[Any], rows: int | None = None) -> str:
    """Return the hash of some rows; that of equal ones is of the first one and their number, `rows`."""
    count = len(values) if rows is None else rows
    if values.dtype.kind == "O":
        parts = values.tolist()
        same = count > 1 and all(part == parts[0] for part in parts)
        return _sha(b"\1", count.to_bytes(8, "little"), parts[0]) if same else _sha(b"\0", *parts)
    raw = values.reshape(-1).view(np.uint8)
    one = raw.size // max(1, len(values))
    if count > 1 and np.array_equal(raw[:one], raw[one : 2 * one]) and np.array_equal(raw[one:], raw[:-one]):
        return _sha(b"\1", count.to_bytes(8, "little"), raw[:one].data)
    return _sha(b"\0", raw.data)


def _in_words(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
