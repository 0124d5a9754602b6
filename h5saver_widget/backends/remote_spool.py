"""Values that wait for a server on the local disk, because there are too many for the memory."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import weakref
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Spool", "Spooled", "keep_folder"]


def keep_folder(named: str = "") -> Path:
    """Return the folder of this user for unsent changes; it need not exist."""
    if named:
        return Path(named)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "h5saver_widget" / "unsent"


class Spool:
    """A file for values, gone with its last reference, or with the program.

    Parameters
    ----------
    folder
        Where it is made; OSError if it can't be.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._file = tempfile.TemporaryFile(dir=folder, prefix="h5saver-")  # noqa: SIM115 - closed with this object
        weakref.finalize(self, self._file.close)
        self._guard = threading.Lock()

    def keep(self, values: Any) -> Spooled:
        """Write values, an array or a list of rows of bytes, to the file; OSError if the disk is full."""
        rows = isinstance(values, list)
        content = b"".join(row.tobytes() for row in values) if rows else values.tobytes()
        with self._guard:
            offset = self._file.seek(0, os.SEEK_END)
            self._file.write(content)
            self._file.flush()
        shape = tuple(len(row) for row in values) if rows else values.shape
        return Spooled(self, offset, len(content), shape, None if rows else values.dtype)

    def read(self, offset: int, size: int) -> bytes:
        """Return part of the file."""
        with self._guard:
            self._file.seek(offset)
            return self._file.read(size)


@dataclass(frozen=True)
class Spooled:
    """Values in a spool: shape and dtype of an array, or, with no dtype, lengths of rows of bytes."""

    spool: Spool
    offset: int
    size: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any] | None

    @property
    def count(self) -> int:
        """How many rows there are."""
        return len(self.shape) if self.dtype is None else self.shape[0]

    def load(self) -> Any:
        """Read them."""
        return values_of(self.spool.read(self.offset, self.size), self.shape, self.dtype)


def values_of(content: bytes, shape: tuple[int, ...], dtype: np.dtype[Any] | None) -> Any:
    """Return an array, or, without a dtype, rows of bytes of the lengths `shape`."""
    if dtype is not None:
        return np.frombuffer(content, dtype).reshape(shape)
    ends = np.cumsum((0, *shape))
    flat = np.frombuffer(content, np.uint8)
    return [flat[start:end] for start, end in pairwise(ends)]
