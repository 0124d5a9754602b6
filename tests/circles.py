"""A damaged file in which HDF5 goes in circles."""

from __future__ import annotations

from pathlib import Path

import h5py

__all__ = ["write_circle"]


def write_circle(path: Path) -> Path:
    """Write a file whose attribute ``text`` of ``/Group`` is never read to its end.

    Texts lie in a heap, one after the other, each with its size in front (HDF5 File Format Specification, III.E). The
    last entry is the room that is left. With a size of 0, the next entry begins where this one does.
    """
    with h5py.File(path, "x") as file:
        file.create_group("Group").attrs["text"] = "some words"
    content = bytearray(path.read_bytes())
    entry = content.index(b"GCOL") + 16
    while number := int.from_bytes(content[entry : entry + 2], "little"):
        assert number < 100
        entry += 16 + -(-int.from_bytes(content[entry + 8 : entry + 16], "little") // 8) * 8
    content[entry + 8 : entry + 16] = bytes(8)
    path.write_bytes(content)
    return path
