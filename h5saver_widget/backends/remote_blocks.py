"""Blocks of values on their way to a server: where they belong, put together where they touch, cut where too large."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.h5pyd_client import MAX_REQUEST
from h5saver_widget.backends.remote_spool import Spooled
from h5saver_widget.backends.remote_types import rows_to

__all__ = ["Block", "as_block", "merged", "pieces"]


@dataclass
class Block:
    """Values and where they belong: the first index along every axis, and how many along each (``step`` apart).

    They are in memory (an array, or a list of rows of bytes) or on the local disk.
    """

    start: tuple[int, ...]
    held: Any
    step: tuple[int, ...] = ()

    @property
    def values(self) -> Any:
        """The values; read from the disk if they are there."""
        return self.held.load() if isinstance(self.held, Spooled) else self.held

    @property
    def end(self) -> int:
        """Number of the row behind the last one."""
        return self.start[0] + (self.held.count if isinstance(self.held, Spooled) else len(self.held))

    @property
    def nbytes(self) -> int:
        """Size in memory."""
        if isinstance(self.held, Spooled):
            return 0
        return sum(row.nbytes + 32 for row in self.values) if isinstance(self.values, list) else self.values.nbytes

    @property
    def params(self) -> dict[str, str]:
        """The selection as the server reads it."""
        if not self.start:
            return {}
        values = self.values
        shape = (len(values),) if isinstance(values, list) else values.shape
        steps = self.step or (1,) * len(self.start)
        parts = (f"{a}:{a + (n - 1) * s + 1}:{s}" for a, n, s in zip(self.start, shape, steps, strict=True))
        return {"select": f"[{','.join(parts)}]"}

    def content(self) -> bytes:
        """Return the values as they are sent."""
        values = self.values
        return rows_to(values) if isinstance(values, list) else values.tobytes()


def as_block(start: tuple[int, ...], values: npt.NDArray[Any], step: tuple[int, ...] = ()) -> Block:
    """Return a block that owns its values: the caller may change its array at once."""
    return Block(start, np.array(values, order="C", copy=True), step if any(n != 1 for n in step) else ())


def pieces(block: Block, largest: int = MAX_REQUEST) -> Iterable[Block]:
    """Cut a block along its axes until each piece fits into a request of `largest` bytes."""
    if isinstance(block.held, Spooled):
        block = Block(block.start, block.values, block.step)
    if isinstance(block.values, list):
        part: list[Any] = []
        first, size = block.start[0], 0
        for number, row in enumerate(block.values):
            if part and size + row.nbytes > largest:
                yield Block((first,), part)
                part, first, size = [], block.start[0] + number, 0
            part.append(row)
            size += row.nbytes + 4
        if part:
            yield Block((first,), part)
        return
    if block.nbytes <= largest or block.values.size <= 1:
        yield block
        return
    axis = next(i for i, n in enumerate(block.values.shape) if n > 1)
    half = block.values.shape[axis] // 2
    step = (block.step or (1,) * len(block.start))[axis]
    second = tuple(n + half * step if i == axis else n for i, n in enumerate(block.start))
    first_half, rest = np.split(block.values, [half], axis=axis)
    yield from pieces(Block(block.start, first_half, block.step), largest)
    yield from pieces(Block(second, rest, block.step), largest)


def merged(blocks: list[Block]) -> list[Block]:
    """Put blocks together that continue each other along one axis: rows of a log, points of a line of a scan."""
    groups: list[tuple[list[Block], int]] = []
    for block in blocks:
        if groups:
            group, known = groups[-1]
            axis = _follows(group[-1], block)
            if axis is not None and (len(group) == 1 or axis == known):
                group.append(block)
                groups[-1] = (group, axis)
                continue
        groups.append(([block], 0))
    return [_joined(group, axis) for group, axis in groups]


def _follows(one: Block, other: Block) -> int | None:
    if isinstance(one.held, Spooled) or isinstance(other.held, Spooled):
        return None
    if isinstance(one.values, list):
        return 0 if other.start[0] == one.start[0] + len(one.values) else None
    a, b = one.values.shape, other.values.shape
    if one.step or other.step or len(a) != len(b):
        return None
    differing = [i for i, (p, q) in enumerate(zip(one.start, other.start, strict=True)) if p != q]
    if len(differing) != 1 or other.start[differing[0]] != one.start[differing[0]] + a[differing[0]]:
        return None
    return differing[0] if all(m == n for i, (m, n) in enumerate(zip(a, b, strict=True)) if i != differing[0]) else None


def _joined(group: list[Block], axis: int) -> Block:
    if len(group) == 1:
        return group[0]
    if isinstance(group[0].values, list):
        return Block(group[0].start, [row for block in group for row in block.values])
    return Block(group[0].start, np.concatenate([block.values for block in group], axis=axis))
