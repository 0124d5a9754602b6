"""A bound on the size of a read: a file of 2 kB may claim to hold more than there is memory."""

from __future__ import annotations

import functools
import os
from typing import Any

import numpy as np

from h5saver_widget.backends.terms import Selection
from h5saver_widget.errors import TooLargeError

__all__ = ["require_memory"]

#: A text, or another object of Python, takes at least so many bytes of memory.
_OBJECT_BYTES = 64
_UNKNOWN_MEMORY = 8 << 30


@functools.cache
def _most_bytes() -> int:
    """Return half of the memory of this computer, bytes."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, OSError, ValueError):
        return _UNKNOWN_MEMORY


def require_memory(path: str, shape: tuple[int, ...], dtype: np.dtype[Any], selection: Selection) -> None:
    """Refuse to read an array that would not fit into memory.

    Raises
    ------
    TooLargeError
        If the part of the array takes more than half of the computer's memory.
    """
    item = _OBJECT_BYTES if dtype.hasobject else dtype.itemsize
    whole = item
    for length in shape:
        whole *= length
    if whole <= _most_bytes():
        return
    try:
        values = np.broadcast_to(np.uint8(0), shape)[selection].size
    except (IndexError, TypeError, ValueError):
        if selection is not ... and selection != ():
            return  # what is wrong with it is said by the library
        values = whole // item
    if values * item > _most_bytes():
        raise TooLargeError(
            f"{path} says that it holds {shape} values of {dtype}: to read {values:,} of them at once takes "
            f"{values * item / 1e9:,.0f} GB, more than half of this computer's memory. Read it in parts"
        )
