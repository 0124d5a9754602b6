"""The bytes of a new HDF5 file: an empty root group, and small lists of chunks.

HDF5 gives each array of chunks a list for 64 of them, 2.6 kB, though most arrays of a short log have one chunk. How
long such a list is stands in the file, in a superblock of version 1, which every HDF5 since 1.6 reads. Neither h5py nor
PyTables has a call for it. Both open this file, and go on.

Source: HDF5 File Format Specification, version 3.0, sections II.A (superblock), III.A (B-trees), III.D (local heaps)
and IV.A (object headers).
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Final

from h5saver_widget.format.superblock import INNER_K, ROOT, older_superblock

__all__ = ["empty_file", "make_empty"]

_NOWHERE: Final = 0xFFFFFFFFFFFFFFFF
_VERSION: Final = 1
_HEAP_BYTES: Final = 88


def empty_file() -> bytes:
    """Return the bytes of an HDF5 file without anything in it.

    >>> import io, h5py
    >>> with h5py.File(io.BytesIO(empty_file()), 'r+') as file:
    ...     file['counts'] = [1, 2, 3]
    ...     sorted(file)
    ['counts']
    """
    header = struct.pack("<BxHIIxxxx", 1, 1, 1, 24)
    tree = b"TREE" + struct.pack("<BBHQQ", 0, 0, 0, _NOWHERE, _NOWHERE) + bytes(8 * (4 * INNER_K + 1))
    tree_at = ROOT[_VERSION] + len(header) + 24
    heap_at = tree_at + len(tree)
    names_at = heap_at + 32
    # the message of a group of the older kind: its tree, and the heap with the names
    header += struct.pack("<HHBxxxQQ", 0x11, 16, 0, tree_at, heap_at)
    heap = b"HEAP" + struct.pack("<BxxxQQQ", 0, _HEAP_BYTES, 8, names_at)
    # the empty name, then free space
    names = bytes(8) + struct.pack("<QQ", 1, _HEAP_BYTES - 8) + bytes(_HEAP_BYTES - 24)
    block = older_superblock(_VERSION, names_at + len(names), (tree_at, heap_at))
    return block.ljust(ROOT[_VERSION], b"\0") + header + tree + heap + names


def make_empty(path: Path, content: bytes = b"") -> None:
    """Make a new file of these bytes, by default those of an empty one; FileExistsError if there is one."""
    with path.open("xb") as file:
        file.write(content or empty_file())
