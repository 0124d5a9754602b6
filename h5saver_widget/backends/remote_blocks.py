"""Values of remote arrays on their way: where they belong, joined where they touch, cut to size, put on the disk."""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.selections import Region

__all__ = ["MAX_REQUEST", "Block", "Spool", "Spooled", "as_block", "merged", "pieces", "plain_of", "values_of"]

#: HSDS 1.0 refuses 100 MiB and more in one request.
MAX_REQUEST = 32 << 20


class Spool:
    """A file for values, gone with its last reference, or with the program; OSError if it can't be made."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder, prefix="h5saver-")  # noqa: SIM115 - closed with this object
        weakref.finalize(self, self._file.close)
        self._guard = threading.Lock()

    def keep(self, values: Any) -> Spooled:
        """Write values, an array or a list of rows of bytes, to the file; OSError if the disk is full."""
        shape, dtype, content = plain_of(values)
        with self._guard:
            offset = self._file.seek(0, os.SEEK_END)
            self._file.write(content)
            self._file.flush()
        return Spooled(self, offset, len(content), shape, dtype)

    def read(self, offset: int, size: int) -> bytes:
        """Return part of the file."""
        with self._guard:
            self._file.seek(offset)
            return self._file.read(size)


@dataclass(frozen=True)
class Spooled:
    """Values in a spool: shape and number type of an array; with no type, lengths of rows of bytes."""

    spool: Spool
    offset: int
    size: int
    shape: tuple[int, ...]
    dtype: str

    def load(self) -> Any:
        """Read them."""
        return values_of(self.spool.read(self.offset, self.size), self.shape, self.dtype)


def plain_of(values: Any) -> tuple[tuple[int, ...], str, bytes]:
    """Return shape, number type and bytes of an array, or the lengths, no type and the bytes of rows of bytes."""
    if isinstance(values, list):
        return tuple(len(row) for row in values), "", b"".join(row.tobytes() for row in values)
    return values.shape, values.dtype.str, values.tobytes()


def values_of(content: bytes, shape: tuple[int, ...], dtype: str) -> Any:
    """Return the values that :func:`plain_of` has taken apart."""
    if dtype:
        return np.frombuffer(content, np.dtype(dtype)).reshape(shape)
    flat = np.frombuffer(content, np.uint8)
    return [flat[start:end] for start, end in pairwise(np.cumsum((0, *shape)))]


@dataclass
class Block:
    """Values and where they belong; they are an array or a list of rows of bytes, in memory or on the local disk."""

    region: Region
    held: Any

    @property
    def values(self) -> Any:
        """The values; read from the disk if they are there."""
        return self.held.load() if isinstance(self.held, Spooled) else self.held

    @property
    def nbytes(self) -> int:
        """Size in memory."""
        if isinstance(self.held, Spooled):
            return 0
        return sum(row.nbytes + 32 for row in self.held) if isinstance(self.held, list) else self.held.nbytes

    def content(self) -> bytes:
        """Return the values as they are sent."""
        values = self.values
        if isinstance(values, list):
            return b"".join(len(row).to_bytes(4, "little") + row.tobytes() for row in values)
        return bytes(values.tobytes())


def as_block(region: Region, values: npt.NDArray[Any]) -> Block:
    """Return a block that owns its values: the caller may change its array at once."""
    return Block(region, np.array(values, order="C", copy=True))


def pieces(block: Block, largest: int = MAX_REQUEST) -> Iterable[Block]:
    """Cut a block until each piece fits into a request of `largest` bytes."""
    region, values = block.region, block.values
    if not isinstance(values, list):
        for part in region.cut(values.itemsize, largest):
            yield Block(part, values[part.within(region)])
        return
    first = size = 0
    for number, row in enumerate(values):
        if number > first and size + row.nbytes > largest:
            yield _rows(region, values, first, number)
            first, size = number, 0
        size += row.nbytes + 4
    yield _rows(region, values, first, len(values))


def _rows(region: Region, values: list[Any], first: int, stop: int) -> Block:
    return Block(Region((region.start[0] + first,), (stop - first,), (1,)), values[first:stop])


def merged(blocks: list[Block]) -> list[Block]:
    """Put blocks together that continue each other along one axis: rows of a log, points of a line of a scan."""
    groups: list[tuple[list[Block], int]] = []
    for block in blocks:
        group, known = groups[-1] if groups else ([], 0)
        axis = _follows(group[-1], block) if group else None
        if axis is not None and (len(group) == 1 or axis == known):
            group.append(block)
            groups[-1] = (group, axis)
        else:
            groups.append(([block], 0))
    return [_joined(group, axis) for group, axis in groups]


def _follows(one: Block, other: Block) -> int | None:
    """Return the axis along which a block begins where another one ends."""
    a, b = one.region, other.region
    if isinstance(one.held, Spooled) or isinstance(other.held, Spooled) or len(a.start) != len(b.start):
        return None
    differing = [i for i, (p, q) in enumerate(zip(a.start, b.start, strict=True)) if p != q]
    if len(differing) != 1 or any(step != 1 for step in (*a.steps, *b.steps)):
        return None
    (axis,) = differing
    alike = all(i == axis or n == m for i, (n, m) in enumerate(zip(a.counts, b.counts, strict=True)))
    return axis if alike and b.start[axis] == a.start[axis] + a.counts[axis] else None


def _joined(group: list[Block], axis: int) -> Block:
    if len(group) == 1:
        return group[0]
    first = group[0].region
    counts = list(first.counts)
    counts[axis] = sum(block.region.counts[axis] for block in group)
    if isinstance(group[0].held, list):
        values: Any = [row for block in group for row in block.held]
    else:
        values = np.concatenate([block.held for block in group], axis=axis)
    return Block(Region(first.start, tuple(counts), first.steps), values)
