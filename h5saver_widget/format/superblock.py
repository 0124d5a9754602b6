"""The first bytes of an HDF5 file: was it closed, how long has it to be; read and put right without any HDF5 library.

Source: HDF5 File Format Specification, version 3.0, section II.A (superblock versions 0 to 3). The status flags are
those that HDF5 1.10 and newer set while a file is open for writing; only versions 2 and 3 carry a checksum.
"""

from __future__ import annotations

import os
import struct
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from h5saver_widget.errors import FileOpenError

__all__ = [
    "INNER_K",
    "ROOT",
    "SIGNATURE",
    "Superblock",
    "checksum",
    "corrected",
    "guess_superblock",
    "older_superblock",
    "read_superblock",
    "superblock_version",
]

SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"

_WRITING: Final = 1
_STREAMING: Final = 4
_MASK: Final = 0xFFFFFFFF
_SIZES: Final = (2, 4, 8)
_NOWHERE: Final = 0xFFFFFFFFFFFFFFFF
#: Where the root group stands in files of the common libraries, and in new ones of this package: right behind the
#: superblock.
ROOT: Final = {0: 96, 1: 104, 3: 48}
#: Half of what the parts of a group's list of members hold, and in files of this package those of a list of chunks.
LEAF_K, INNER_K, CHUNKS_K = 4, 16, 8


@dataclass(frozen=True)
class Superblock:
    """The content of a superblock."""

    #: Where it stands: 0, or the size of the user block in front.
    offset: int
    version: int
    #: Status flags: bit 0 while the file is open for writing, bit 2 while it streams (SWMR).
    flags: int
    #: Address that all others are counted from.
    base: int
    #: Where the file ends, as of the last time this was written.
    stored_end: int
    #: The bytes of the superblock; of version 0 and 1 without the root group's entry.
    raw: bytes
    #: Whether the checksum is right (versions 2 and 3; the others have none).
    is_valid: bool = True

    @property
    def is_writing(self) -> bool:
        """Whether somebody has the file open for writing, or was killed while he had.

        In versions 0 and 1 the flags have no meaning of their own: HDF5 1.4 and 1.6 put a 3 there, HDF5 1.10 and newer
        a 1 while it writes.
        """
        return bool(self.flags & _WRITING) if self.version >= 2 else self.flags == _WRITING

    @property
    def is_streaming(self) -> bool:
        """Whether somebody streams into the file (SWMR), or was killed while he did."""
        return self.version >= 2 and bool(self.flags & _STREAMING)

    @property
    def has_driver(self) -> bool:
        """Whether a file of version 0 or 1 says that its data are in several files."""
        width, _, first = _layout(self.raw)
        return self.version < 2 and self.raw[first + 3 * width : first + 4 * width] != b"\xff" * width

    @property
    def size_needed(self) -> int:
        """Size in bytes that the file must have at least, or HDF5 refuses it."""
        return self.stored_end + self.offset - self.base

    def closed(self, size: int) -> Superblock:
        """Return the superblock of a closed file of this size."""
        raw = bytearray(self.raw)
        width, flags_at, first = _layout(raw)
        raw[flags_at] &= ~(_WRITING | _STREAMING) & 0xFF
        end = size + self.base - self.offset
        end_at = first + 2 * width
        raw[end_at : end_at + width] = end.to_bytes(width, "little")
        if self.version >= 2:
            raw[-4:] = struct.pack("<I", checksum(bytes(raw[:-4])))
        return Superblock.parse(self.offset, bytes(raw))

    @classmethod
    def parse(cls, offset: int, raw: bytes) -> Superblock:
        """Return the content of a superblock; ValueError or IndexError if the bytes are none."""
        version = raw[8]
        width, flags_at, first = _layout(raw)
        if version > 3 or width not in _SIZES:
            raise ValueError(f"version {version}, addresses of {width} bytes")
        raw = raw[: first + 4 * width + (4 if version >= 2 else 0)]
        if len(raw) < first + 4 * width:
            raise ValueError("cut off")
        base, _, end, _ = (
            int.from_bytes(raw[at : at + width], "little") for at in range(first, first + 4 * width, width)
        )
        valid = version < 2 or raw[-4:] == struct.pack("<I", checksum(raw[:-4]))
        return cls(offset, version, raw[flags_at], base, end, raw, valid)

    def write(self, path: Path) -> None:
        """Put it into a file."""
        with path.open("r+b") as file:
            file.seek(self.offset)
            file.write(self.raw)


def _layout(raw: bytes | bytearray) -> tuple[int, int, int]:
    """Return the width of addresses, and where the flags and the base address stand."""
    if raw[8] >= 2:
        return raw[9], 11, 12
    return raw[13], 20, 24 if raw[8] == 0 else 28


def _find_signature(path: Path) -> tuple[int, bytes] | None:
    """Return the offset of the signature (0, 512, 1024, 2048...), and the bytes after it; None if there is none."""
    if path.exists() and not path.is_file():
        return None  # to open a pipe waits for its other end
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        offset = 0
        while offset < size:
            file.seek(offset)
            head = file.read(160)
            if head.startswith(SIGNATURE) and len(head) > len(SIGNATURE):
                return offset, head
            offset = 512 if offset == 0 else 2 * offset
    return None


def superblock_version(path: Path) -> int | None:
    """Return the version of a file's superblock, None if none is found."""
    found = _find_signature(path)
    return None if found is None else found[1][8]


def read_superblock(path: Path) -> Superblock | None:
    """Return the superblock of a file, None if it has none: then it is no HDF5 file, or its beginning is damaged.

    >>> import tempfile
    >>> from h5saver_widget import H5Backend
    >>> path = Path(tempfile.mkdtemp()) / 'a.h5'
    >>> with H5Backend('h5py') as h5:
    ...     _ = h5.open_file(path, 'x')
    ...     h5.flush()
    ...     while_open = read_superblock(path).is_writing
    >>> while_open, read_superblock(path).is_writing, read_superblock(path).size_needed == path.stat().st_size
    (True, False, True)
    """
    found = _find_signature(path)
    if found is None:
        return None
    try:
        return Superblock.parse(*found)
    except (ValueError, IndexError):
        return None


def older_superblock(version: int, size: int, members: tuple[int, int] | None = None) -> bytes:
    """Return a superblock of version 0, or 1 with short lists of chunks, with the entry of the root group behind it.

    `size` is that of the file in bytes; `members` where the tree and the heap of the root group's members stand, None
    if its header is to tell.
    """
    raw = SIGNATURE + bytes((version, 0, 0, 0, 0, 8, 8, 0)) + struct.pack("<HHI", LEAF_K, INNER_K, 0)
    if version:
        raw += struct.pack("<HH", CHUNKS_K, 0)
    raw += struct.pack("<QQQQ", 0, _NOWHERE, size, _NOWHERE)
    return raw + struct.pack("<QQIIQQ", 0, ROOT[version], members is not None, 0, *(members or (0, 0)))


def guess_superblock(path: Path) -> Superblock:
    """Return the superblock that a file with a damaged one must have had, from the objects behind it.

    It can be told for files whose root group follows the superblock at once, as in those of h5py, PyTables and this
    package: version 0 or 1 with an object header of version 1 at byte 96 or 104, or version 2 and 3 with a header at
    byte 48.

    FileOpenError if there is no root group where it would be.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4096)
    if head[ROOT[3] : ROOT[3] + 4] == b"OHDR":
        raw = SIGNATURE + bytes((3, 8, 8, 0)) + struct.pack("<QQQQ", 0, _NOWHERE, size, ROOT[3])
        return Superblock.parse(0, raw + struct.pack("<I", checksum(raw)))
    for version in (0, 1):
        header = head[ROOT[version] : ROOT[version] + 16]
        # version 1, reserved 0, number of messages, one reference
        if len(header) == 16 and header[:2] == b"\1\0" and header[4:8] == b"\1\0\0\0":
            raw = older_superblock(version, size)
            return Superblock(0, version, 0, 0, size, raw)
    raise FileOpenError(
        f"{path.name} has no HDF5 superblock, and no root group where it would be: it is no HDF5 file, or its "
        "beginning is lost"
    )


def corrected(block: Superblock) -> Superblock | None:
    """Return a superblock of version 2 or 3 with the one bit put right that makes its checksum wrong, if it is one."""
    for bit in range(8 * len(block.raw)):
        raw = bytearray(block.raw)
        raw[bit // 8] ^= 1 << bit % 8
        if raw[:8] == SIGNATURE and raw[8] in (2, 3) and raw[-4:] == struct.pack("<I", checksum(bytes(raw[:-4]))):
            with suppress(ValueError):
                return Superblock.parse(block.offset, bytes(raw))
    return None


def checksum(data: bytes) -> int:
    """Return the checksum of HDF5's metadata: lookup3 by Bob Jenkins (public domain, burtleburtle.net/bob/c/lookup3.c).

    >>> hex(checksum(b'Four score and seven years ago'))
    '0x17770551'
    """
    a = b = c = (0xDEADBEEF + len(data)) & _MASK
    if not data:
        return c
    words: tuple[int, ...] = struct.unpack(f"<{-(-len(data) // 12) * 3}I", data.ljust(-(-len(data) // 12) * 12, b"\0"))
    for at in range(0, len(words) - 3, 3):
        a, b, c = (a + words[at]) & _MASK, (b + words[at + 1]) & _MASK, (c + words[at + 2]) & _MASK
        a = ((a - c) & _MASK) ^ _turn(c, 4)
        c = (c + b) & _MASK
        b = ((b - a) & _MASK) ^ _turn(a, 6)
        a = (a + c) & _MASK
        c = ((c - b) & _MASK) ^ _turn(b, 8)
        b = (b + a) & _MASK
        a = ((a - c) & _MASK) ^ _turn(c, 16)
        c = (c + b) & _MASK
        b = ((b - a) & _MASK) ^ _turn(a, 19)
        a = (a + c) & _MASK
        c = ((c - b) & _MASK) ^ _turn(b, 4)
        b = (b + a) & _MASK
    a, b, c = (a + words[-3]) & _MASK, (b + words[-2]) & _MASK, (c + words[-1]) & _MASK
    c = ((c ^ b) - _turn(b, 14)) & _MASK
    a = ((a ^ c) - _turn(c, 11)) & _MASK
    b = ((b ^ a) - _turn(a, 25)) & _MASK
    c = ((c ^ b) - _turn(b, 16)) & _MASK
    a = ((a ^ c) - _turn(c, 4)) & _MASK
    b = ((b ^ a) - _turn(a, 14)) & _MASK
    return ((c ^ b) - _turn(b, 24)) & _MASK


def _turn(value: int, bits: int) -> int:
    return ((value << bits) | (value >> (32 - bits))) & _MASK
