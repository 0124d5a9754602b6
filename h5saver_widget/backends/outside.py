"""Do the numbers of an array are stored in other files? Told by its object header, for libraries that do not tell it.

Source: HDF5 File Format Specification, version 3.0, section IV.A (object headers of version 1 and 2).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from h5saver_widget.format.superblock import read_superblock

__all__ = ["is_outside"]

_EXTERNAL_FILES: Final = 7
_LAYOUT: Final = 8
_CONTINUATION: Final = 16
_VIRTUAL: Final = 3
_SHARED: Final = 2
_MOST_BLOCKS: Final = 1000


def is_outside(path: Path, address: int) -> bool:
    """Tell whether reading an array would read other files: external raw data, or a virtual data set.

    Parameters
    ----------
    path
        The file; the library's changes must be on disk.
    address
        Where the object's header stands, as the library says it.

    Returns
    -------
    bool
        Also True for a header that is not understood: it may say anything.
    """
    block = read_superblock(path)
    if block is None:
        return True
    try:
        with path.open("rb") as file:
            return any(
                kind == _EXTERNAL_FILES or (kind == _LAYOUT and (flags & _SHARED or _is_virtual(body)))
                for kind, flags, body in _messages(file, block.base, address)
            )
    except (struct.error, ValueError, IndexError):
        return True


def _is_virtual(layout: bytes) -> bool:
    return layout[0] >= 3 and layout[1] == _VIRTUAL


def _messages(file: BinaryIO, base: int, address: int) -> Iterator[tuple[int, int, bytes]]:
    """Iterate over type, flags and content of the messages of an object header."""
    head = _bytes(file, base + address, 48)
    if head.startswith(b"OHDR\2"):
        flags = head[5]
        at = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        blocks = [(address + at + width, int.from_bytes(head[at : at + width], "little"))]
        prefix, skip = 4 + (2 if flags & 4 else 0), len(b"OCHK")
    elif head[0] == 1:
        blocks = [(address + 16, struct.unpack_from("<I", head, 8)[0])]
        prefix, skip = 8, 0
    else:
        raise ValueError("no object header")
    for number in range(_MOST_BLOCKS):
        if number >= len(blocks):
            return
        start, size = blocks[number]
        content = _bytes(file, base + start, size)
        at = 0
        while at + prefix <= len(content):
            kind, length, flags = struct.unpack_from("<HHB" if prefix == 8 else "<BHB", content, at)
            body = content[at + prefix : at + prefix + length]
            if kind == _CONTINUATION:
                further, its_size = struct.unpack_from("<QQ", body)
                blocks.append((further + skip, its_size - 2 * skip))  # the signature in front, the checksum behind
            yield kind, flags, body
            at += prefix + length
    raise ValueError("an object header without end")


def _bytes(file: BinaryIO, start: int, size: int) -> bytes:
    if not 0 <= size < 1 << 24:
        raise ValueError(f"a block of {size} bytes")
    file.seek(start)
    found = file.read(size)
    if len(found) < min(size, 16):
        raise ValueError("behind the end of the file")
    return found
