"""A file that somebody has picked is read before it is opened for saving: a damaged one must not hang a program."""

from __future__ import annotations

from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Final

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.errors import H5SaverError, ReadingStuckError
from h5saver_widget.format import codec
from h5saver_widget.format.layout import RAW_GROUP

__all__ = ["SwmrAnswer", "made_for_swmr"]

#: A file whose first attributes can't be read in that time is damaged, in s.
_SECONDS: Final = 10.0


class SwmrAnswer(Enum):
    """The user's decision about a file whose SWMR state differs from the settings."""

    ADAPT = "change the settings to fit the file"
    NEW = "make a new file, keep the existing one under another name"
    CANCEL = "open nothing"


def made_for_swmr(path: Path, io: Backend) -> bool | None:
    """Return whether a file was made for SWMR; None if it can't be read, opening it will tell why.

    Everything is read that opening it for saving reads, with a backend that has no file open. In some damaged files
    HDF5 comes to no end: where the file is read in a worker process, that is noticed, and is a ReadingStuckError.
    """
    before, io.reading_seconds = io.reading_seconds, _SECONDS
    try:
        io.open(path, "r")
        try:
            found = io.get_attributes(io.root())
            name = RAW_GROUP.strip("/")
            if io.has_child(io.root(), name):
                raw = io.node(RAW_GROUP)
                if io.kind(raw) is NodeKind.GROUP:
                    io.get_attributes(raw)
                    io.children_kinds(raw)
            return bool(codec.decode(found.get("swmr_compatible", False)))
        finally:
            with suppress(H5SaverError, OSError):  # the process that read it may be gone
                io.close()
    except ReadingStuckError:
        raise
    except (H5SaverError, OSError):
        return None
    finally:
        io.reading_seconds = before
