"""Would this file crash the library that is to open it? Tried in a child process, where a crash harms nobody.

PyMoDAQ's SWMR files are written by the HDF5 2.0 inside h5py in its latest format; on their boolean attribute, the HDF5
1.14 inside PyTables ends the whole process (8 of 8 files). Nothing but trying tells such a file from a harmless one. It
is tried only on files of the newer superblock that such files have: 0.4 s once per opening.

In files of the older superblock, damaged attributes of the root were the reason of most crashes: PyTables takes the
error of HDF5 for the attribute that it looks for. h5py reports the same error, within a millisecond.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from h5saver_widget.backends.in_child import Ending, can_start, run_in_child
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.errors import FileOpenError, H5SaverError, NodeError
from h5saver_widget.format.superblock import superblock_version

__all__ = ["look_through", "refuse_if_deadly", "superblock_version"]

_NEWER = 3
_MOST_NODES = 5000


def refuse_if_deadly(path: Path) -> None:
    """Raise FileOpenError if PyTables can't look through a file without crashing.

    Raises
    ------
    FileOpenError
        With what to do instead. Files that merely give errors are left to the library, which says more.
    """
    version = superblock_version(path)
    if version is None:
        return
    if version < _NEWER:
        _refuse_if_root_is_damaged(path)
    elif can_start() and run_in_child(look_through, str(path)).ending is Ending.DIED:
        raise FileOpenError(
            f"{path} is in a format that PyTables can't read (opening it would end the program); "
            "open it with the h5py backend"
        )


def _refuse_if_root_is_damaged(path: Path) -> None:
    other = create_backend("h5py")
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


def look_through(path: str) -> Iterator[str]:
    """Look at every node and its attributes with PyTables; whether the process survives is the answer."""
    from h5saver_widget.backends.tables_backend import TablesBackend

    TablesBackend.probes = False
    backend = TablesBackend()
    backend.open(Path(path), "r")
    waiting, seen = ["/"], 0
    while waiting and seen < _MOST_NODES:
        node = backend.node(where := waiting.pop())
        backend.get_attributes(node)
        seen += 1
        if backend.kind(node) is NodeKind.GROUP:
            waiting.extend(f"{where.rstrip('/')}/{name}" for name in backend.children(node))
        yield where
