"""Would this file crash the library that is to open it? Tried in a child process, where a crash harms nobody.

PyMoDAQ's SWMR files are written by the HDF5 2.0 inside h5py in its latest format; on their boolean attribute, the HDF5
1.14 inside PyTables ends the whole process (8 of 8 files). Nothing but trying tells such a file from a harmless one. It
is tried only on files of the newer superblock that such files have: 0.4 s once per opening.

In files of the older superblock, damaged attributes of the root were the reason of most crashes: PyTables takes the
error of HDF5 for the attribute that it looks for. h5py reports the same error, within a millisecond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.copying import walk
from h5saver_widget.backends.in_child import ChildEnd, run_in_child
from h5saver_widget.backends.own_process import why_not
from h5saver_widget.backends.registry import READS_ALL, create_backend
from h5saver_widget.backends.terms import Handle, NodeKind
from h5saver_widget.errors import FileOpenError, H5SaverError, NodeError
from h5saver_widget.format.superblock import superblock_version

__all__ = ["refuse_if_deadly", "unknown_to_tables"]

_NEWER = 3
#: So many nodes are looked at, in 0.7 ms each; fewer of a file that PyTables or this package has made.
_FIRST_NODES = 1000
_FIRST_OF_OWN = 50
_FILTERS_OF_OTHERS = ("lzf", "szip", "bitshuffle")


def refuse_if_deadly(path: Path, look_through: Callable[[str], Iterator[str]]) -> None:
    """Raise FileOpenError, with advice, if PyTables can't look through a file without crashing.

    Files that merely give errors are left to the library, whose message is better. `look_through` looks at every node
    of a file with PyTables; it is called in a child process.
    """
    version = superblock_version(path)
    if version is None:
        return
    if version < _NEWER:
        _refuse_if_root_is_damaged(path)
    elif not why_not() and run_in_child(look_through, str(path)).ending is ChildEnd.DIED:
        raise FileOpenError(
            f"{path} is in a format that PyTables can't read (opening it would end the program); "
            "open it with the h5py backend"
        )


def _refuse_if_root_is_damaged(path: Path) -> None:
    other = create_backend(READS_ALL)
    try:
        other.open(path, "r", locking=False)
    except (OSError, H5SaverError):
        return  # h5py has it open, or the file is no better for PyTables
    try:
        other.get_attributes(other.root())
    except NodeError as error:
        raise FileOpenError(
            f"{path} is damaged, and opening it with PyTables would end the program: {error}; open it with the h5py "
            "backend, or save what can be saved with `h5saver repair`"
        ) from error
    finally:
        other.close()


def unknown_to_tables(path: Path) -> str:
    """Return the first nodes of a file that PyTables can't read, in words; ``''`` if there are none.

    On references it ends the process, null data spaces it reads as random memory, of enumerations it drops the names,
    and text of any length, lists and filters of h5py it does not know.
    """
    other = create_backend(READS_ALL)
    try:
        other.open(path, "r", locking=False)
    except (OSError, H5SaverError):
        return ""  # said when it is opened
    try:
        about = other.get_attributes(other.root(), ["PYTABLES_FORMAT_VERSION", "creator"])
        is_own = "PYTABLES_FORMAT_VERSION" in about or about.get("creator") == "h5saver_widget"
        for where, node, _ in islice(walk(other), _FIRST_OF_OWN if is_own else _FIRST_NODES):
            if reason := _unknown(other, node):
                return f"{where}: {reason}"
    except (H5SaverError, OSError, RuntimeError):
        return ""
    finally:
        other.close()
    return ""


def _unknown(io: Backend, node: Handle) -> str:
    kind = io.kind(node)
    if kind in (NodeKind.LINK, NodeKind.TEXT):
        return ""
    details = io.inspection.details(node)
    if details.references:
        return "references"
    if kind is NodeKind.GROUP:
        return ""
    if any(file != "." for file, _ in details.sources):  # which stands for the file itself
        return "values that stand elsewhere"
    if kind is NodeKind.OTHER:
        return details.holds
    info = io.info(node)
    if info.dtype.names and _has_gaps(info.dtype):  # PyTables 3.11.1 reads beyond the end of what it has, and dies
        return "a table with gaps between its columns"
    if info.dtype.hasobject or info.holds.startswith("arrays") or (info.holds and info.dtype.kind not in "Su"):
        return info.holds or "values of any length"
    return f"values packed by {info.compression}" if info.compression in _FILTERS_OF_OTHERS else ""


def _has_gaps(dtype: np.dtype[Any]) -> bool:
    kinds = [dtype[name] for name in dtype.names or ()]
    return sum(kind.itemsize for kind in kinds) != dtype.itemsize or any(
        _has_gaps(kind.base) for kind in kinds if kind.base.names
    )
