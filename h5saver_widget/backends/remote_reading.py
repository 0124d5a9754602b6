"""Parts of remote arrays: the meaning of a numpy selection, and reading it in requests that a server accepts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from h5saver_widget.backends.h5pyd_client import MAX_REQUEST, Client
from h5saver_widget.backends.remote_blocks import Block
from h5saver_widget.backends.remote_objects import RemoteObject
from h5saver_widget.backends.remote_types import rows_from, texts_from
from h5saver_widget.backends.terms import NodeKind, Selection

__all__ = ["Part", "part_of", "read_part"]


@dataclass(frozen=True)
class Part:
    """A block of an array.

    Attributes
    ----------
    start, counts, steps
        First index, number of elements and step along every axis of the array.
    shape
        Shape of the values as numpy gives them: without the axes that were indexed by a number.
    """

    start: tuple[int, ...]
    counts: tuple[int, ...]
    steps: tuple[int, ...]
    shape: tuple[int, ...]


def part_of(selection: Selection, shape: tuple[int, ...]) -> Part:
    """Return the block that numbers, slices and ``...`` select.

    >>> part_of((slice(1, 3), 0), (4, 5))
    Part(start=(1, 0), counts=(2, 1), steps=(1, 1), shape=(2,))
    """
    parts = list(selection) if isinstance(selection, tuple) else [selection]
    dots = [i for i, part in enumerate(parts) if part is ...]
    if len(dots) > 1:
        raise IndexError("an index can only have one '...'")
    given = len(parts) - len(dots)
    if given > len(shape):
        raise IndexError(f"{given} indexes for an array of {len(shape)} axes")
    at = dots[0] if dots else len(parts)
    parts[at : at + 1] = [slice(None)] * (len(shape) - given)
    start, counts, steps, kept = [], [], [], []
    for part, size in zip(parts, shape, strict=True):
        if isinstance(part, slice):
            first, stop, step = part.indices(size)
            if step < 1:
                raise IndexError("a step must be positive")
            count = len(range(first, stop, step))
            kept.append(count)
        elif isinstance(part, (int, np.integer)) and not isinstance(part, bool):
            if not -size <= part < size:
                raise IndexError(f"{part} is outside of an axis of {size}")
            first, count, step = int(part) % size, 1, 1
        else:
            raise TypeError(f"{part!r} selects nothing: use numbers, slices and '...'")
        start.append(first)
        counts.append(count)
        steps.append(step)
    return Part(tuple(start), tuple(counts), tuple(steps), tuple(kept))


def _parts(start: tuple[int, ...], counts: tuple[int, ...], steps: tuple[int, ...], size: int) -> Iterator[Part]:
    """Cut a block until each piece fits into an answer."""
    if prod(counts) * size <= MAX_REQUEST or prod(counts) <= 1:
        yield Part(start, counts, steps, counts)
        return
    axis = next(i for i, n in enumerate(counts) if n > 1)
    half = counts[axis] // 2
    for first, count in ((start[axis], half), (start[axis] + half * steps[axis], counts[axis] - half)):
        at = (*start[:axis], first, *start[axis + 1 :])
        yield from _parts(at, (*counts[:axis], count, *counts[axis + 1 :]), steps, size)


def _ask(client: Client, obj: RemoteObject, part: Part) -> Any:
    ranges = (f"{a}:{a + (n - 1) * s + 1}:{s}" for a, n, s in zip(part.start, part.counts, part.steps, strict=True))
    params: dict[str, Any] = {"select": f"[{','.join(ranges)}]"} if part.start else {}
    content = client.ask("GET", f"{obj.address}/value", **params)
    if obj.kind is NodeKind.TEXT:
        return rows_from(content, part.counts[0])
    if obj.is_text:
        return texts_from(content, part.counts)
    return np.frombuffer(content, obj.dtype).reshape(part.counts).copy()


def read_part(client: Client, obj: RemoteObject, part: Part, *, blocks: bool = False) -> Any:
    """Read part of an array.

    Parameters
    ----------
    client, obj, part
        The part.
    blocks
        Return an iterator of blocks as they can be written again, not an array.
    """
    if blocks:
        return (
            Block(piece.start, _ask(client, obj, piece), piece.steps)
            for piece in _parts(part.start, part.counts, part.steps, max(obj.dtype.itemsize, 1))
            if prod(piece.counts)
        )
    if obj.kind is NodeKind.TEXT:
        rows = _ask(client, obj, part) if prod(part.counts) else []
        return rows if part.shape else rows[0]
    if 0 in part.counts:
        return np.zeros(part.shape, object if obj.is_text else obj.dtype)
    found = list(_parts(part.start, part.counts, part.steps, max(obj.dtype.itemsize, 1)))
    if len(found) == 1:
        values = _ask(client, obj, found[0])
    else:
        values = np.empty(part.counts, obj.dtype)
        for piece in found:
            at = tuple(
                slice((a - b) // s, (a - b) // s + n)
                for a, b, s, n in zip(piece.start, part.start, part.steps, piece.counts, strict=True)
            )
            values[at] = _ask(client, obj, piece)
    return values.reshape(part.shape)[()]
