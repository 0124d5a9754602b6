"""Reading an array of a damaged file in parts: an unreadable part is divided, down to the damaged chunks."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from h5saver_widget.backends.base import Backend
    from h5saver_widget.backends.terms import Handle

__all__ = ["Box", "PartReader", "rows_in_words"]

Box = tuple[tuple[int, int], ...]
"""Part of an array: first element and the one after the last, along every axis."""

_BYTES = 8 << 20
_LEAST_BYTES = 64 << 10
_MOST_FAILURES = 2000
#: deflate makes things at most 1032 times smaller
_MOST_DENSE = 1032
_ROOM = 64 << 20


class PartReader:
    """Reads an array slab by slab, and divides the slabs that can't be read.

    Boxes to `avoid` are not read as a whole: doing so ended the process.
    """

    def __init__(self, backend: Backend, handle: Handle, avoid: Container[Box] = ()) -> None:
        self.info = backend.info(handle)
        self._backend, self._handle, self._avoid = backend, handle, avoid
        self._failures = 0
        #: The boxes that can't be read, and how many others could be.
        self.lost: list[Box] = []
        self.good = 0
        #: Chunks without a place in the file hold the fill value, and are not read.
        self._stored = backend.inspection.stored_rows(handle)
        shape = self.info.shape
        row = max(prod(shape[1:]) * max(self.info.dtype.itemsize, 1), 1)
        self._grain = self.info.chunks or (max(1, _LEAST_BYTES // row), *shape[1:])
        first = self._grain[0] if self._grain else 1
        self._rows = max(first, _BYTES // row // first * first)

    def fits_into(self, file_size: int) -> bool:
        """Tell whether a file of that size can hold the array, be it compressed as far as anything can be."""
        claimed = prod(self.info.shape) * max(self.info.dtype.itemsize, 1)
        return self._stored is not None or claimed <= _MOST_DENSE * file_size + _ROOM

    def read(self) -> Iterator[Box]:
        """Read the array, and iterate over the boxes before each is read; `lost` and `good` have the result."""
        for slab in self._slabs():
            yield from self._read(slab)

    def _slabs(self) -> Iterator[Box]:
        """Iterate over boxes of whole rows that make up the array."""
        shape = self.info.shape
        if not shape:
            yield ()
            return
        if 0 in shape:
            return
        rest = tuple((0, n) for n in shape[1:])
        for first, last in [(0, shape[0])] if self._stored is None else self._stored:
            for start in range(first, last, self._rows):
                yield ((start, min(start + self._rows, last)), *rest)

    def _read(self, box: Box) -> Iterator[Box]:
        if box not in self._avoid:
            yield box
            try:
                self._backend.read(self._handle, tuple(slice(*ends) for ends in box))
            except Exception:
                # damaged bytes reach every kind of error; what it is about is told by the box, which is reported
                self._failures += 1
            else:
                self.good += 1
                return
        halves = self._halves(box) if self._failures < _MOST_FAILURES else ()
        if not halves:
            self.lost.append(box)
        for half in halves:
            yield from self._read(half)

    def _halves(self, box: Box) -> tuple[Box, ...]:
        """Return a box cut in two between chunks; nothing if it is one chunk."""
        for axis, ((start, stop), grain) in enumerate(zip(box, self._grain, strict=True)):
            first, last = start // grain, -(-stop // grain)
            if last - first > 1:
                middle = (first + last) // 2 * grain
                before, after = box[:axis], box[axis + 1 :]
                return (*before, (start, middle), *after), (*before, (middle, stop), *after)
        return ()


def rows_in_words(boxes: Sequence[Sequence[Sequence[int]]], shape: Sequence[int]) -> str:
    """Say which rows of an array are not whole.

    >>> rows_in_words([((0, 4), (0, 2)), ((4, 5), (0, 2)), ((7, 9), (0, 1))], (10, 2))
    '7 of 10 rows (0 to 4, 7 to 8)'
    """
    if not shape:
        return "its value"
    merged: list[list[int]] = []
    for start, stop in sorted((box[0][0], box[0][1]) for box in boxes):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(stop, merged[-1][1])
        else:
            merged.append([start, stop])
    count = sum(stop - start for start, stop in merged)
    ranges = [str(start) if stop == start + 1 else f"{start} to {stop - 1}" for start, stop in merged]
    shown = ", ".join(ranges[:6]) + (", ..." if len(ranges) > 6 else "")
    return f"{count} of {shape[0]} rows ({shown})"
