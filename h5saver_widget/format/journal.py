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
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from h5saver_widget.errors import FileOpenError

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
#: The last byte is the version of the format.
_SIGNATURE = b"H5SJRNL2"
_DIGEST_BYTES = 32
_MOST_NAMES = 9
#: A virus scanner, a backup, a share that comes back: a refused call is repeated after so many seconds.
_PAUSES = (0.01, 0.05, 0.2)

Found = TypeVar("Found")


def journal_path(path: Path) -> Path:
    """Return where the journal of a file is, unless something else has that name: beside the file, not a link to it."""
    path = Path(os.path.realpath(path))
    return path.with_name(f"{path.name}.journal")


def journal_names(path: Path) -> Iterator[Path]:
    """Iterate over the possible paths of a file's journal; journals of other files are not overwritten."""
    first = journal_path(path)
    yield first
    for number in range(2, _MOST_NAMES + 1):
        yield first.with_name(f"{first.name}{number}")


def tried_again(work: Callable[[], Found], pauses: Sequence[float] | None = None) -> Found:
    """Do something that the system may refuse for a moment; OSError if it refuses several times."""
    for pause in _PAUSES if pauses is None else pauses:
        try:
            return work()
        except FileOpenError:  # that is no whim of the system
            raise
        except OSError:
            time.sleep(pause)
    return work()


@dataclass(frozen=True)
class Journal:
    """A complete journal."""

    #: Of the recording, 16 bytes.
    identity: bytes
    #: Of the commit, in its session.
    number: int
    #: Size in bytes that the file has at least while the journal is of any use.
    grown: int
    #: Size of the file with the pages in it.
    size: int
    #: Old and new bytes, by offset; both of one length, at most 4096 bytes.
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

    def fits(self, file: Path | int) -> bool | None:
        """Tell whether a file, or an open one by its number, is in the state that the journal was made for.

        None stands for a file that has all of it.
        """
        with open(file, "rb", closefd=not isinstance(file, int)) as content:
            size = os.fstat(content.fileno()).st_size
            if size < self.grown and size != self.size:
                return False
            needed = size != self.size
            for at, (old, new) in self.pages.items():
                content.seek(at)
                found = content.read(len(old))
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


class Beside(NamedTuple):
    """A file with a journal's name beside a file, and the journal in it if it is a complete one."""

    where: Path
    journal: Journal | None
    #: Whether the file needs it. None stands for a journal of which all is in the file; False for anything that is
    #: none of this file in the state that it is in.
    needed: bool | None
    #: Why it can't be told whether the file needs it; ``''`` if it can.
    unknown: str = ""


def _load(where: Path, most: int | None = None) -> Journal | str | None:
    """Return the journal in a file; None if it is none, or not all of it; why that can't be told.

    A folder, a pipe or 20 GB of zeros are no journals, and are not read; `most` is how many pages it may have.
    """
    try:
        whole = tried_again(lambda: _content(where, most))
    except OSError as error:
        return f"can't be read ({error.strerror})"
    if whole[: len(_SIGNATURE)] != _SIGNATURE:
        return "was written by another version of this package" if whole.startswith(_SIGNATURE[:-1]) else None
    body, digest = whole[:-_DIGEST_BYTES], whole[-_DIGEST_BYTES:]
    with suppress(struct.error):
        _, identity, number, grown, size, count, length = _HEAD.unpack_from(whole)
        if len(whole) == length and hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest() == digest:
            return Journal(identity, number, grown, size, dict(_entries(body, count)))
    return None


def _content(where: Path, most: int | None) -> bytes:
    """Return the bytes of a journal, as many as its head says; the head alone if no journal says this."""
    if not os.path.lexists(where) or not stat.S_ISREG(where.lstat().st_mode):
        return b""
    with open(os.open(where, os.O_RDONLY | NO_FOLLOW), "rb") as file:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size or not head.startswith(_SIGNATURE):
            return head
        *_, count, length = _HEAD.unpack(head)
        largest = _HEAD.size + count * (_ENTRY.size + 2 * PAGE) + _DIGEST_BYTES
        if not _HEAD.size + _DIGEST_BYTES <= length <= largest or (most is not None and count > most):
            return head
        return head + file.read(length - len(head))


def _entries(body: bytes, count: int) -> Iterator[tuple[int, tuple[bytes, bytes]]]:
    at = _HEAD.size
    for _ in range(count):
        offset, length = _ENTRY.unpack_from(body, at)
        at += _ENTRY.size
        yield offset, (body[at : at + length], body[at + length : at + 2 * length])
        at += 2 * length


def is_left_over(where: Path, identity: bytes) -> bool:
    """Tell whether a file is empty, or a journal of this recording that was not completed: nobody can use it."""
    with suppress(OSError):
        about, head = where.lstat(), _content(where, 0)
        length = _HEAD.unpack(head)[-1] if len(head) == _HEAD.size else _HEAD.size
        mine = head[:24] == (_SIGNATURE + identity)[: len(head)] and about.st_size <= length
        return mine and stat.S_ISREG(about.st_mode) and _load(where) is None
    return False


def journals_beside(path: Path, file: int | None = None) -> Iterator[Beside]:
    """Iterate over files with a journal's name beside a file, which may be open under a number."""
    about = path.stat()
    names = list(journal_names(path))
    if about.st_nlink > 1:  # a program may have had it open by another name
        for other in os.scandir(path.parent):
            if other.inode() == about.st_ino and other.name != path.name:
                names += journal_names(path.with_name(other.name))
    for where in filter(os.path.lexists, names):
        found = _load(where, about.st_size // PAGE + 1)
        if isinstance(found, str):
            yield Beside(where, None, False, found)
        else:
            yield Beside(where, found, found is not None and found.fits(path if file is None else file))


def read_journal(path: Path) -> Journal | None:
    """Return the journal that a file needs to be whole; None if it needs none, or its journal is not there."""
    with suppress(FileNotFoundError):
        return next((beside.journal for beside in journals_beside(path) if beside.needed), None)
    return None


def strange_journals(path: Path) -> dict[Path, str]:
    """Return files with a journal's name that are not empty and not known to belong to the file; and why."""
    if not path.exists():
        left = {where: "" for where in journal_names(path) if os.path.lexists(where)}
    else:
        left = {where: unknown for where, _, needed, unknown in journals_beside(path) if needed is False}
    alien = f"was not completed, or is not of {path.name} as it is now: it is left alone"
    return {where: unknown or alien for where, unknown in left.items() if not _is_empty(where)}


def _is_empty(where: Path) -> bool:
    about = where.lstat()
    return stat.S_ISREG(about.st_mode) and about.st_size == 0


def carried_along(path: Path, target: Path) -> list[Path]:
    """Give the journal that a file needs the name that it has to have beside `target`, too; return both names' paths.

    The file can then be renamed: at no instant it is without. The first path is the old name, to be removed afterwards.
    A link that is renamed leaves the file, and its journal, where they are.
    """
    for where, _, needed, _ in () if path.is_symlink() else journals_beside(path):
        if needed:
            beside = next(name for name in journal_names(target) if not os.path.lexists(name))
            try:
                os.link(where, beside)
            except OSError:  # a file system without links
                beside.write_bytes(where.read_bytes())
            return [where, beside]
    return []
