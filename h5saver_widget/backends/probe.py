"""Would this file crash the library that is to open it? Tried in a child process, where a crash harms nobody.

PyMoDAQ's SWMR files are written by the HDF5 2.0 inside h5py in its latest format; on their boolean attribute, the HDF5
1.14 inside PyTables ends the whole process (8 of 8 files). Nothing but trying tells such a file from a harmless one. It
is tried only on files of the newer superblock that such files have: 0.4 s once per opening, none for all others.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from h5saver_widget.backends.base import NodeKind
from h5saver_widget.errors import FileOpenError

__all__ = ["refuse_if_deadly", "superblock_version"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_NEWER = 3
_MOST_NODES = 5000
_SECONDS = 60


def superblock_version(path: Path) -> int | None:
    """Return the version of a file's HDF5 superblock, None if none is found.

    The signature stands at byte 0, 512, 1024, 2048... (HDF5 File Format Specification, section II.A).
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        offset = 0
        while offset < size:
            file.seek(offset)
            head = file.read(9)
            if head.startswith(_SIGNATURE) and len(head) == 9:
                return head[8]
            offset = 512 if offset == 0 else 2 * offset
    return None


def refuse_if_deadly(path: Path) -> None:
    """Raise FileOpenError if PyTables can't look through a file without crashing.

    Raises
    ------
    FileOpenError
        With what to do instead. Files that merely give errors are left to the library, which says more.
    """
    version = superblock_version(path)
    if version is None or version < _NEWER or getattr(sys, "frozen", False):
        return  # a frozen program has no interpreter that could be started
    command = [sys.executable, "-m", "h5saver_widget.backends.probe", str(path)]
    try:
        code = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False).returncode
    except subprocess.TimeoutExpired:
        return
    if code < 0 or code > 0xC0000000:  # ended by a signal; on Windows by an exception code
        raise FileOpenError(
            f"{path} is in a format that PyTables can't read (opening it would end the program); "
            "open it with the h5py backend"
        )


def main(path: str) -> None:
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


if __name__ == "__main__":
    main(sys.argv[1])
