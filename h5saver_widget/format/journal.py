"""The journal beside a file: its content, and whether it belongs to the present state of the file.

It holds pages of 4 kB of a file, each as it was before a commit and as it is after it. So it belongs to one state of
one file: a page in the file is the one, or the other, or (cut short) a mixture of the two; a file of which any page is
something else is another file, or was changed by somebody since, and the journal is left alone. No name, no time and
no folder decides. Among the pages is always the one with the superblock, and the one with the mark that each commit
changes (`layout.COMMIT_MARK`): random for each program that writes, with the number of the commit.

On the disk: a head (signature, identity of the recording, number of the commit, size of the file before and after,
number of pages, length of all of it), the pages, each with its offset and length, and a digest of everything.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

__all__ = [
    "PAGE",
    "Journal",
    "carried_along",
    "is_left_over",
    "journal_names",
    "journal_path",
    "journals_beside",
    "read_journal",
    "strange_journals",
]

PAGE = 4096
NO_FOLLOW = getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
_HEAD = struct.Struct("<8s16s5Q")
_ENTRY = struct.Struct("<QQ")
_SIGNATURE = b"H5SJRNL2"
_DIGEST_BYTES = 32
_MOST_NAMES = 9


def journal_path(path: Path) -> Path:
    """Return where the journal of a file is, unless something else has that name."""
    return path.with_name(f"{path.name}.journal")


def journal_names(path: Path) -> Iterator[Path]:
    """Iterate over the possible paths of a file's journal; journals of other files are not overwritten."""
    yield journal_path(path)
    for number in range(2, _MOST_NAMES + 1):
        yield path.with_name(f"{path.name}.journal{number}")


@dataclass(frozen=True)
class Journal:
    """A complete journal.

    Attributes
    ----------
    identity
        Of the recording, 16 bytes.
    number
        Of the commit, in its session.
    grown
        Size in bytes that the file has at least while the journal is of any use.
    size
        Size of the file with the pages in it.
    pages
        Old and new bytes, by offset; both of one length, at most 4096 bytes.
    """

    identity: bytes
    number: int
    grown: int
    size: int
    pages: dict[int, tuple[bytes, bytes]]

    def packed(self) -> bytes:
        """Return the bytes of the journal."""
        parts = [b""]
        for offset, (old, new) in sorted(self.pages.items()):
            parts += (_ENTRY.pack(offset, len(old)), old, new)
        length = _HEAD.size + sum(map(len, parts)) + _DIGEST_BYTES
        parts[0] = _HEAD.pack(_SIGNATURE, self.identity, self.number, self.grown, self.size, len(self.pages), length)
        whole = b"".join(parts)
        return whole + hashlib.blake2b(whole, digest_size=_DIGEST_BYTES).digest()

    @property
    def changes(self) -> dict[int, bytes]:
        """The pages that a file gets."""
        return {at: new for at, (old, new) in self.pages.items() if old != new}

    def fits(self, path: Path) -> bool | None:
        """Tell whether a file is in the state that the journal was made for: True; None if all of it is in the file."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < self.grown and size != self.size:
                return False
            needed = size != self.size
            for at, (old, new) in self.pages.items():
                file.seek(at)
                found = file.read(len(old))
                length = min(len(old), size - at)
                if found == new[:length]:
                    continue
                needed = True
                if found != old[:length] and not _is_mixed(found, old, new):
                    return False
        return True if needed else None


def _is_mixed(found: bytes, old: bytes, new: bytes) -> bool:
    """Tell whether a page is partly written: each of its bytes is the old or the new one."""
    return all(byte in pair for byte, *pair in zip(found, old, new, strict=False))


def load(where: Path, most: int | None = None) -> Journal | None:
    """Return the journal in a file, None if there is none, or not all of it.

    Parameters
    ----------
    where
        Anything: a folder, a pipe or 20 GB of zeros are no journals, and are not read.
    most
        How many pages it may have.
    """
    with suppress(OSError, struct.error), _opened(where) as file:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size or not head.startswith(_SIGNATURE):
            return None
        _, identity, number, grown, size, count, length = _HEAD.unpack(head)
        largest = _HEAD.size + count * (_ENTRY.size + 2 * PAGE) + _DIGEST_BYTES
        if not _HEAD.size + _DIGEST_BYTES <= length <= largest or (most is not None and count > most):
            return None
        whole = head + file.read(length - len(head))
        body, digest = whole[:-_DIGEST_BYTES], whole[-_DIGEST_BYTES:]
        if len(whole) < length or hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest() != digest:
            return None
        return Journal(identity, number, grown, size, dict(_entries(body, count)))
    return None


@contextmanager
def _opened(where: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading; OSError for anything else, without waiting for it."""
    with open(os.open(where, os.O_RDONLY | NO_FOLLOW | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{where} is no file")
        yield file


def _entries(body: bytes, count: int) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
    at = _HEAD.size
    for _ in range(count):
        offset, length = _ENTRY.unpack_from(body, at)
        at += _ENTRY.size
        yield offset, (body[at : at + length], body[at + length : at + 2 * length])
        at += 2 * length


def is_left_over(where: Path, identity: bytes) -> bool:
    """Tell whether a file is empty, or a journal of this recording that was not completed: nobody can use it."""
    with suppress(OSError), _opened(where) as file:
        head = file.read(_HEAD.size)
        mine = head[:24] == (_SIGNATURE + identity)[: len(head)]
        length = _HEAD.unpack(head)[-1] if len(head) == _HEAD.size else _HEAD.size
        return mine and os.fstat(file.fileno()).st_size <= length and load(where) is None
    return False


def journals_beside(path: Path) -> Iterator[tuple[Path, Journal | None, bool | None]]:
    """Iterate over the files with a journal's name: the path, the journal if it is one, and whether the file needs it.

    None, for whether it is needed, stands for a journal of which all is in the file; False for anything that is none of
    this file in the state that it is in.
    """
    most: Any = None
    for where in journal_names(path):
        if os.path.lexists(where):
            most = path.stat().st_size // PAGE + 1 if most is None else most
            found = load(where, most)
            yield where, found, found is not None and found.fits(path)


def read_journal(path: Path) -> Journal | None:
    """Return the journal that a file needs to be whole; None if it needs none, or its journal is not there."""
    with suppress(FileNotFoundError):
        return next((found for _, found, needed in journals_beside(path) if needed), None)
    return None


def strange_journals(path: Path) -> list[Path]:
    """Return files with a journal's name that don't belong to the file in its present state; not empty ones."""
    if not path.exists():
        return [where for where in journal_names(path) if os.path.lexists(where) and not _is_empty(where)]
    return [where for where, _, needed in journals_beside(path) if needed is False and not _is_empty(where)]


def _is_empty(where: Path) -> bool:
    about = where.lstat()
    return stat.S_ISREG(about.st_mode) and about.st_size == 0


def carried_along(path: Path, target: Path) -> list[Path]:
    """Give the journal that a file needs the name that it has to have beside `target`, too; return both names' paths.

    The file can then be renamed: at no instant it is without. The first path is the old name, to be removed afterwards.
    """
    for where, _, needed in journals_beside(path):
        if needed:
            beside = next(name for name in journal_names(target) if not os.path.lexists(name))
            try:
                os.link(where, beside)
            except OSError:  # a file system without links
                beside.write_bytes(where.read_bytes())
            return [where, beside]
    return []
