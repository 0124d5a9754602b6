"""Notes of copies: which file is to be in which folder, and how far that is. They outlive program and computer."""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Final

from h5saver_widget.backends.remote_options import state_folder
from h5saver_widget.format.locks import take_lock
from h5saver_widget.format.whole_file import written_whole
from h5saver_widget.recovery.lock_owners import stamp_of

__all__ = ["CopyNote", "folder_named", "notes_folder", "on_server", "only_one"]

_WAITING: Final = "waiting"
_DONE: Final = "done"


def notes_folder() -> Path:
    """Return the folder of this user for notes of copies; it need not exist."""
    return state_folder() / "copies"


def on_server(folder: str) -> bool:
    """Tell whether a folder for copies is one of an HSDS server: ``hdf5://home/me/copies``."""
    return folder.startswith("hdf5://")


def folder_named(text: str) -> str:
    """Return a folder for copies that people have named, as notes have it: an absolute path, or one of a server.

    >>> folder_named(' ~/copies ') == str(Path.home() / 'copies'), folder_named('hdf5://home/me/')
    (True, 'hdf5://home/me')
    """
    name = text.strip()
    return name.rstrip("/") if on_server(name) else str(Path(name).expanduser().absolute())


@dataclass(frozen=True)
class CopyNote:
    """A file that is to be in another folder.

    Attributes
    ----------
    file
        The local file.
    folder
        The folder that it is to be in; one of an HSDS server as ``hdf5://home/me``.
    name
        The wanted path below that folder, with ``/``.
    token
        Random: the unfinished copy has it in its name.
    place
        Identity of the folder, ``''`` before the first attempt.
    copy
        Path of the copy; ``''`` before there is one.
    sha256, size, modified
        Checksum of the copy's bytes, and size and time of change (ns) of the local file that it was made of.
    is_safe
        Whether the copy was read back and compared, and the local file has not changed since.
    is_freed
        Whether the local file was deleted because enough copies are safe.
    problem
        Why the last attempt failed; ``''`` if it did not.

    Examples
    --------
    >>> import tempfile
    >>> from dataclasses import replace
    >>> folder = Path(tempfile.mkdtemp())
    >>> note = CopyNote('/data/a.h5', '/mnt/share', 'a.h5')
    >>> note.write(folder)
    >>> list(CopyNote.waiting(folder)) == [note], note.state
    (True, 'local')
    >>> replace(note, is_safe=True).write(folder)
    >>> list(CopyNote.waiting(folder)), [known.state for known in CopyNote.read_all(folder)]
    ([], ['safe'])
    """

    file: str
    folder: str
    name: str
    token: str = field(default_factory=lambda: secrets.token_hex(4))
    place: str = ""
    copy: str = ""
    sha256: str = ""
    size: int = 0
    modified: int = 0
    is_safe: bool = False
    is_freed: bool = False
    problem: str = ""

    @property
    def path(self) -> Path:
        """The local file."""
        return Path(self.file)

    @property
    def wanted(self) -> Path:
        """The wanted path of the copy."""
        return Path(self.folder, *PurePosixPath(self.name).parts)

    @property
    def is_on_server(self) -> bool:
        """Whether the folder is one of an HSDS server."""
        return on_server(self.folder)

    @property
    def state(self) -> str:
        """``'local'``, ``'safe'``, ``'freed'`` or ``'trouble'``; of a local file that has changed since: local."""
        if self.is_safe and (self.is_current or not self.path.exists()):
            return "freed" if self.is_freed else "safe"
        return "trouble" if self.problem else "local"

    @property
    def is_current(self) -> bool:
        """Whether the local file is as it was when it was copied."""
        try:
            return stamp_of(self.path) == (self.modified, self.size)
        except OSError:
            return False

    def _place(self, notes: Path, kind: str) -> Path:
        name = hashlib.sha256(f"{self.file}\0{self.folder}".encode("utf-8", "surrogateescape")).hexdigest()
        return notes / kind / f"{name[:32]}.json"

    def write(self, notes: Path) -> None:
        """Write the note, whole or not at all, in the place of an earlier one about the same copy."""
        place = self._place(notes, _DONE if self.is_safe else _WAITING)
        other = self._place(notes, _WAITING if self.is_safe else _DONE)
        with written_whole(place) as written:
            written.write(json.dumps(asdict(self)).encode())
        other.unlink(missing_ok=True)

    def known(self, notes: Path) -> CopyNote | None:
        """Return the note about the same copy that was written last; None without one.

        A program that was killed between two steps leaves both: the one that waits counts.
        """
        for kind in (_WAITING, _DONE):
            if (found := _read(self._place(notes, kind))) is not None:
                return found
        return None

    def remove(self, notes: Path) -> None:
        """Remove the note."""
        for kind in (_WAITING, _DONE):
            self._place(notes, kind).unlink(missing_ok=True)

    @classmethod
    def waiting(cls, notes: Path, folder: str | None = None) -> Iterator[CopyNote]:
        """Iterate over the notes of copies that are not safe yet, those of one folder or all; oldest first."""
        yield from (note for note in _all(notes / _WAITING) if folder is None or note.folder == folder)

    @classmethod
    def read_all(cls, notes: Path) -> Iterator[CopyNote]:
        """Iterate over all notes, those that wait first."""
        waiting = list(_all(notes / _WAITING))
        yield from waiting
        about = {(note.file, note.folder) for note in waiting}
        yield from (note for note in _all(notes / _DONE) if (note.file, note.folder) not in about)

    @classmethod
    def of_file(cls, notes: Path, file: str) -> list[CopyNote]:
        """Return all notes about one file."""
        return [note for note in cls.read_all(notes) if note.file == file]


def _all(folder: Path) -> Iterator[CopyNote]:
    found = []
    for place in folder.glob("*.json") if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            found.append((place.stat().st_mtime_ns, place))
    yield from filter(None, (_read(place) for _, place in sorted(found)))


def _read(place: Path) -> CopyNote | None:
    """Return the note in a file; None for anything else."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        said = json.loads(place.read_text(encoding="utf-8", errors="surrogateescape"))
        if isinstance(said, dict):
            known = {one.name: one for one in fields(CopyNote)}
            note = CopyNote(**said)
            if all(type(getattr(note, name)).__name__ == one.type for name, one in known.items()):
                return note
    return None


@contextlib.contextmanager
def only_one(lock: Path) -> Iterator[bool]:
    """Tell whether this is the only program in such a block, by a lock that ends with the program."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("ab") as file:
        yield take_lock(file.fileno())
