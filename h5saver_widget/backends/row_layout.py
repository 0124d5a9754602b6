"""RowLayout: several growing arrays that get a row each, again and again, and their rows in one piece of memory.

A frame of 1,000 scalars is 8 kB in one message, not 1,000 arrays with a head each. Its arrays are declared once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.terms import Handle

__all__ = ["RowLayout"]


class RowLayout:
    """Which growing arrays, each once, get a row each, in which order, number type and row shape.

    >>> layout = RowLayout(['a', 'b'], [(np.dtype('f8'), (1,)), (np.dtype('u2'), (2,))])
    >>> pieces = [layout.joined([np.array([n / 2]), np.array([n, 7], 'u2')]) for n in range(3)]
    >>> [(array, rows.tolist()) for array, rows in layout.rows_of(pieces)]
    [('a', [[0.0], [0.5], [1.0]]), ('b', [[0, 7], [1, 7], [2, 7]])]
    """

    def __init__(self, arrays: Sequence[Handle], kinds: Sequence[tuple[np.dtype[Any], tuple[int, ...]]]) -> None:
        self.arrays = list(arrays)
        self.kinds = list(kinds)
        self.members = frozenset(map(id, self.arrays))
        self._names = [f"f{number}" for number in range(len(self.arrays))]
        self._dtype = np.dtype([(name, *kind) for name, kind in zip(self._names, self.kinds, strict=True)])
        #: Bytes of a row of all arrays; frames so far.
        self.size, self.rows = self._dtype.itemsize, 0
        #: Notes of backends: a number, how often nodes were forgotten when it was last looked at, rows by array.
        self.number = 0
        self.state: Any = None
        self.counts: dict[object, int] = {}
        self.head = b""

    def joined(self, values: Iterable[Any]) -> bytes:
        """Return a row of all arrays in one piece; `values` are C-contiguous, of the number types of the arrays."""
        return b"".join(values)

    def rows_of(self, pieces: Sequence[bytes | memoryview]) -> Iterator[tuple[Handle, npt.NDArray[Any]]]:
        """Iterate over the arrays, each with its rows out of so many frames."""
        whole = np.frombuffer(pieces[0] if len(pieces) == 1 else b"".join(pieces), self._dtype)
        for array, name in zip(self.arrays, self._names, strict=True):
            rows = whole[name]
            yield array, np.ascontiguousarray(rows) if rows.flags.aligned else rows.copy()
