"""One export while it runs: how far it is, whether it shall stop, and arrays read in blocks that fit into memory."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.data.lazy import LazyArray
from h5saver_widget.progress import Progress

__all__ = ["BLOCK_BYTES", "Job", "Part", "block_parts"]

BLOCK_BYTES = 8 << 20
"""Size of the blocks that are in memory at a time."""

Part = tuple[slice, ...]


def block_parts(shape: tuple[int, ...], itemsize: int, limit: int = BLOCK_BYTES) -> Iterator[Part]:
    """Iterate over slices that cover an array in C order: each block follows the one before it in the flat array.

    >>> list(block_parts((2, 3), 1, limit=2))[:2]
    [(slice(0, 1, 1), slice(0, 2, 1)), (slice(0, 1, 1), slice(2, 3, 1))]
    """
    if 0 in shape:
        return
    cut = 0  # the first axis whose rows fit
    while cut < len(shape) - 1 and math.prod(shape[cut + 1 :]) * itemsize > limit:
        cut += 1
    if not shape:
        yield ()
        return
    step = max(1, limit // max(1, math.prod(shape[cut + 1 :]) * itemsize))
    whole = tuple(slice(0, n, 1) for n in shape[cut + 1 :])
    for at in product(*(range(n) for n in shape[:cut])):
        for start in range(0, shape[cut], step):
            yield (*(slice(i, i + 1, 1) for i in at), slice(start, min(start + step, shape[cut]), 1), *whole)


class Job:
    """An export that runs, maybe in a worker thread.

    Parameters
    ----------
    progress
        Told how far it is; asked to stop, it ends the export between two blocks.
    file_name
        The name that the file will have in the end.

    Attributes
    ----------
    notes
        Sentences for the user about data that the format can't hold.
    """

    def __init__(self, progress: Progress | None = None, file_name: str = "") -> None:
        self.file_name = file_name
        self._progress = progress or Progress()
        self._total = 0
        self._done = 0
        self._counting = threading.Lock()
        self.notes: list[str] = []

    def begin(self, total_bytes: int) -> None:
        """Say how many bytes are to be read in all."""
        self._total, self._done = total_bytes, 0
        self.advance(0)

    def advance(self, size: int) -> None:
        """Count bytes that were exported.

        Raises
        ------
        WorkStoppedError
            If the export is to stop.
        """
        with self._counting:  # dask reads in several threads
            self._done += size
        self._progress.report(self._done, max(self._total, self._done), "exporting")

    def note(self, sentence: str) -> None:
        """Tell the user something, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def blocks(
        self, array: LazyArray | npt.NDArray[Any], limit: int = BLOCK_BYTES
    ) -> Iterator[tuple[Part, npt.NDArray[Any]]]:
        """Iterate over an array in blocks of C order: where each is, and its values.

        Examples
        --------
        >>> [block.tolist() for _, block in Job().blocks(np.arange(5, dtype=np.uint8), limit=2)]
        [[0, 1], [2, 3], [4]]
        """
        for part in block_parts(array.shape, array.dtype.itemsize, limit):
            values = np.asarray(array[part])
            yield part, values
            self.advance(values.nbytes)

    def watched(self, array: LazyArray | npt.NDArray[Any]) -> LazyArray:
        """Return an array that counts the bytes read from it, and stops: for libraries that cut blocks themselves."""

        def read(part: tuple[int | slice, ...]) -> npt.NDArray[Any]:
            self.advance(0)
            values = np.asarray(array[part])
            self.advance(values.nbytes)
            return values

        return LazyArray(read, array.shape, array.dtype, getattr(array, "chunks", None))
