"""Bundles of data objects on their way into a file; their classes may be those of the host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from h5saver_widget.data.protocols import DataLike, DataToExportLike

__all__ = ["Bundle", "frame_bytes", "origin_of", "with_occurrence"]


class Bundle:
    """Data objects under one name and time, without any check: the output of filters and splitters.

    >>> len(Bundle('grab', 0.0, []))
    0
    """

    __slots__ = ("data", "name", "timestamp")

    def __init__(self, name: str, timestamp: float, data: Sequence[DataLike]) -> None:
        self.name = name
        self.timestamp = timestamp
        self.data = data

    def __len__(self) -> int:
        """Return the number of data objects."""
        return len(self.data)

    def __iter__(self) -> Iterator[DataLike]:
        """Iterate over the data objects."""
        return iter(self.data)


def frame_bytes(dte: Iterable[DataLike]) -> int:
    """Return the size of all channels of a bundle in bytes."""
    total = 0
    for dwa in dte:
        for array in dwa.data:
            total += array.nbytes if type(array) is np.ndarray else np.asarray(array).nbytes
    return total


def origin_of(dwa: DataLike, dte: DataToExportLike) -> str:
    """Return the title of the module that data come from: their own origin, or the name of the bundle."""
    return str(dwa.origin or dte.name)


def with_occurrence(dte: DataToExportLike) -> list[tuple[tuple[str, str, str, int], DataLike]]:
    """Return the data of a bundle, each with a key by which the same data are found in the next bundle."""
    seen: dict[tuple[str, str, str], int] = {}
    found = []
    for dwa in dte.data:  # not the bundle itself: the peer's bundles know one iteration at a time only
        key = (dwa.dim.name, str(dwa.origin or dte.name), str(dwa.name))
        seen[key] = seen.get(key, -1) + 1
        found.append(((*key, seen[key]), dwa))
    return found
