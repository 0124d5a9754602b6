"""One copy: written under a temporary name, read back, compared, and only then given its name."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Final

from h5saver_widget.backends.in_child import run_in_child
from h5saver_widget.backends.journal import sync_folder
from h5saver_widget.backends.registry import READS_ALL, create_backend
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.copies.notes import CopyNote, only_one
from h5saver_widget.copies.places import place_of
from h5saver_widget.errors import CopyError, H5SaverError
from h5saver_widget.format.journal import NO_FOLLOW
from h5saver_widget.format.renaming import rename_exclusive
from h5saver_widget.format.whole_file import written_whole
from h5saver_widget.recovery.lock_owners import require_closed, stamp_of
from h5saver_widget.remote.identity import names_beside
from h5saver_widget.saving.provenance import recording_id
from h5saver_widget.sealing.records import seal_path

__all__ = ["Pace", "attempt", "hash_of", "send"]

_PIECE: Final = 1 << 20
#: Other names that are tried where files of other recordings have the wanted one.
_MOST_NAMES: Final = 100
#: Errors of a disk on which there is no room.
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Pace:
    """How fast may be copied, and whether to stop.

    Parameters
    ----------
    rate
        Bytes in a second; 0: no limit.
    told
        Called with the bytes that are done, and all of them.
    """

    def __init__(self, rate: float = 0.0, told: Callable[[int, int], None] = lambda done, total: None) -> None:
        self.rate, self.told = rate, told
        self.ends = threading.Event()
        self._free_at = 0.0

    def wait(self, size: int, done: int, total: int) -> None:
        """Wait until so many more bytes may go; CopyError if it is to stop."""
        self.told(done, total)
        now = monotonic()
        self._free_at = max(now, self._free_at) + (size / self.rate if self.rate > 0 else 0.0)
        if self.ends.wait(max(0.0, self._free_at - now)):
            raise CopyError("it was stopped, and goes on later")


def attempt(note: CopyNote, notes: Path, pace: Pace, server: RemoteOptions | None = None) -> CopyNote:
    """Try to make the copy that a note is about; return the note as it is afterwards, and was written.

    Of one user, one program at a time copies to a folder.

    Parameters
    ----------
    note, notes, pace
        As :func:`send`.
    server
        The server that folders of servers are on; that of the environment by default.
    """
    try:
        with only_one(notes / f"{hashlib.sha256(os.fsencode(note.folder)).hexdigest()[:16]}.lock") as is_one:
            if not is_one:
                return replace(note, problem=f"another program of yours is copying to {note.folder}")
            if note.is_on_server:
                from h5saver_widget.copies.on_server import send_to_server  # most copies go to disks

                done = send_to_server(note, notes, pace, server)
            else:
                done = send(note, notes, pace)
    except (H5SaverError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        done = replace(note, is_safe=False, problem=why)
    if done != note:
        done.write(notes)
    return done


def send(note: CopyNote, notes: Path, pace: Pace) -> CopyNote:
    """Make the copy that a note is about, and return the note of a safe one.

    An unfinished copy is continued. An existing file is never written over, except for the copy of an earlier state
    of the same recording that nobody has changed since.

    Parameters
    ----------
    note
        The note; it is not written.
    notes
        The folder of the notes.
    pace
        How fast.

    Raises
    ------
    CopyError, FileOpenError, OSError
        If that does not work now. Nothing is lost by it.
    """
    folder, source = Path(note.folder), note.path
    require_closed(source)
    place = place_of(folder, notes)
    before = stamp_of(source)
    if note.copy and note.is_current and _holds(Path(note.copy), note, pace):
        return replace(note, is_safe=True, place=place, problem="")
    if place != note.place:
        note = replace(note, copy="")  # the earlier copy is elsewhere
    if os.path.samefile(source.parent, folder):
        raise CopyError(f"{folder} is the folder of the file itself; choose another one for copies")
    target = note.wanted
    target.parent.mkdir(parents=True, exist_ok=True)
    hidden = target.with_name(f".~{target.stem[:80]}-{note.token}.tmp")  # sync programs leave such names alone
    try:
        digest = _written(source, hidden, pace)
    except OSError as error:
        if error.errno in _FULL:  # what was begun would keep others from it
            hidden.unlink(missing_ok=True)
        raise
    if stamp_of(source) != before:
        raise CopyError(f"{source.name} was changed while it was copied; it is copied again")
    if hash_of(hidden, pace) != digest:
        hidden.unlink(missing_ok=True)
        raise CopyError(f"{folder} gave back something else than was written: look at that disk; it is tried again")
    made = _named(hidden, target, digest, note, pace)
    _with_seal(source, made)
    for above in [made.parent, *made.parent.parents][: len(made.relative_to(folder).parts)]:
        sync_folder(above)
    if place_of(folder, notes) != place or made.stat().st_size != before[1]:
        raise CopyError(f"{folder} was disconnected while it was written")
    note = replace(note, sha256=digest, size=before[1], modified=before[0])
    return replace(note, is_safe=True, is_freed=False, place=place, copy=str(made), problem="")


def _holds(copy: Path, note: CopyNote, pace: Pace) -> bool:
    """Tell whether a copy is there, and as it was made."""
    try:
        return copy.stat().st_size == note.size and hash_of(copy, pace) == note.sha256
    except FileNotFoundError:
        return False


def _written(source: Path, hidden: Path, pace: Pace) -> str:
    """Write the bytes of a file under a temporary name, after those that are there; return their checksum."""
    digest = hashlib.sha256()
    number = os.open(hidden, os.O_RDWR | os.O_CREAT | NO_FOLLOW, 0o666)
    with source.open("rb") as read, open(number, "r+b", buffering=0) as written:
        total = os.fstat(read.fileno()).st_size
        at, there = 0, min(os.fstat(number).st_size, total) // _PIECE * _PIECE
        written.seek(there)
        while piece := read.read(_PIECE):
            digest.update(piece)
            if at >= there:
                pace.wait(len(piece), at, 2 * total)
                rest = memoryview(piece)
                while rest:
                    rest = rest[written.write(rest) :]
            at += len(piece)
        written.truncate(at)
        os.fsync(number)
        _out_of_cache(number)
    return digest.hexdigest()


def hash_of(path: Path, pace: Pace | None = None) -> str:
    """Return the checksum of the bytes of a file, from the disk itself as far as the system can do that."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        _out_of_cache(file.fileno())
        total, at = os.fstat(file.fileno()).st_size, 0
        while piece := file.read(_PIECE):
            digest.update(piece)
            at += len(piece)
            if pace is not None:
                pace.wait(0, total + at, 2 * total)
    return digest.hexdigest()


def _out_of_cache(number: int) -> None:
    """Have the system read an open file from the disk again, not from its memory."""
    if hasattr(os, "posix_fadvise"):
        with contextlib.suppress(OSError):
            os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)


def _named(hidden: Path, target: Path, digest: str, note: CopyNote, pace: Pace) -> Path:
    """Give a copy that was compared its name, never that of another file, and return its path."""
    for name in itertools.islice(_names(target, note.path), _MOST_NAMES):
        if not os.path.lexists(name):
            with contextlib.suppress(FileExistsError):  # another one was faster: it is looked at
                rename_exclusive(hidden, name)
                return name
        if name.is_symlink() or not name.is_file():
            continue
        found = hash_of(name, pace)
        if found == digest:  # named before the note could be written
            hidden.unlink(missing_ok=True)
            return name
        is_ours = str(name) == note.copy and found == note.sha256
        if is_ours and (word := _identity(note.path)) and _identity(name) == word:
            os.replace(hidden, name)
            return name
    raise CopyError(f"{note.wanted} and all names beside it belong to other files; copy to another folder")


def _names(target: Path, source: Path) -> Iterator[Path]:
    """Iterate over the wanted name and, should it belong to another file, other ones that are always the same."""
    yield target  # of most files the identity is not asked
    yield from itertools.islice(names_beside(target, _identity(source)), 1, None)


def _identity(source: Path) -> str:
    """Return the identity of the recording in a file; ``''`` if it has none. The file is read in another process."""
    said = run_in_child(_say_identity, str(source)).messages
    return str(said[0]) if said else ""


def _say_identity(source: str) -> Iterator[str]:
    """Yield the identity of the recording in a file; runs in the child."""
    io = create_backend(READS_ALL)
    io.open(Path(source), "r", locking=False)
    yield recording_id(io)
    io.close()


def _with_seal(source: Path, made: Path) -> None:
    """Copy the seal of a file, too; it is small, and verifying compares it."""
    seal = seal_path(source)
    if seal.exists():
        with written_whole(seal_path(made)) as written:
            written.write(seal.read_bytes())
