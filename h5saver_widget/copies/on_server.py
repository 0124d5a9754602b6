"""One copy on a server of HSDS: pushed under a temporary name, read back, compared, and only then named.

A server keeps no bytes of files but nodes: all paths, attributes and values are compared.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.copies.notes import CopyNote
from h5saver_widget.copies.places import MARK, known_place
from h5saver_widget.copies.sending import Pace
from h5saver_widget.errors import CopyError, DataMismatchError
from h5saver_widget.progress import Progress
from h5saver_widget.recovery.lock_owners import require_closed, stamp_of
from h5saver_widget.remote.identity import names_beside
from h5saver_widget.remote.push_pull import local_reader, remote_backend
from h5saver_widget.remote.transfer import copy_all, fingerprint
from h5saver_widget.saving.provenance import recording_id

__all__ = ["place_on_server", "send_to_server"]

_MOST_NAMES: Final = 100
_PLACE: Final = "place"


class _Paced(Progress):
    """Progress that keeps to a pace while bytes are sent, and ends with it."""

    def __init__(self, pace: Pace) -> None:
        super().__init__()
        self._pace, self._done = pace, 0.0
        self.is_sending = True

    def report(self, done: float = 0.0, total: float | None = None, text: str = "") -> None:
        """Wait until the next bytes may go; CopyError if it is to stop."""
        super().report(done, total, text)
        sent, self._done = max(0.0, done - self._done), done
        at = int(done if self.is_sending else (total or 0) + done)
        self._pace.wait(int(sent) if self.is_sending else 0, at, 2 * int(total or 0))


def place_on_server(server: Backend, note_folder: str, notes: Path) -> str:
    """Return the identity of a folder on a server, of which no file is open; see :func:`.places.place_of`."""
    mark, found = _on_server(note_folder) / MARK, ""
    if server.location.exists(mark):
        server.open(mark, "r")
        try:
            found = str(server.get_attributes(server.root(), [_PLACE]).get(_PLACE, ""))
        finally:
            server.close()

    def write(identity: str) -> None:
        server.location.make_folder(mark.parent)
        server.open(mark, "x")
        try:
            server.set_attributes(server.root(), {_PLACE: identity})
        finally:
            server.close()

    return known_place(note_folder, found, notes, write)


def send_to_server(note: CopyNote, notes: Path, pace: Pace, options: RemoteOptions | None = None) -> CopyNote:
    """Make the copy on a server that a note is about, and return the note of a safe one; see :func:`.sending.send`.

    `options` name the server; that of the environment by default. MissingLibraryError without the library for servers.
    """
    require_closed(note.path)
    before, told = stamp_of(note.path), _Paced(pace)
    server, reader = remote_backend(options), local_reader()
    place = place_on_server(server, note.folder, notes)
    if place != note.place:
        note = replace(note, copy="")
    reader.open(note.path, "r", locking=False)
    try:
        if note.copy and note.is_current and _content(server, Path(note.copy))[1] == note.sha256:
            return replace(note, is_safe=True, problem="")
        target = _on_server(note.folder) / PurePosixPath(note.name.replace("\\", "_"))
        hidden = target.with_name(f".~{target.stem[:80]}-{note.token}.tmp")
        server.location.make_folder(target.parent)
        try:
            _push(reader, server, hidden, told)
        except DataMismatchError as error:
            server.location.remove(hidden)
            raise CopyError(f"what was begun does not fit the file any more, and is made anew: {error}") from error
        told.is_sending = False
        digest, word = fingerprint(reader, told), recording_id(reader)
        if stamp_of(note.path) != before:
            raise CopyError(f"{note.path.name} was changed while it was copied; it is copied again")
        if _content(server, hidden, told)[1] != digest:
            server.location.remove(hidden)
            raise CopyError(f"{note.folder} gave back something else than was sent; it is sent again")
        made = _named(server, hidden, target, digest, word, note)
    finally:
        reader.close()
    note = replace(note, sha256=digest, size=before[1], modified=before[0], place=place)
    return replace(note, is_safe=True, is_freed=False, copy=made.as_posix(), problem="")


def _on_server(note_folder: str) -> Path:
    """Return the path on the server of a folder as notes name it: ``hdf5://home/me``."""
    return Path("/", note_folder.partition("://")[2])


def _push(reader: Backend, server: Backend, hidden: Path, told: Progress) -> None:
    """Bring a file on the server to the content of the local one, in its storage."""
    server.open(hidden, "r+" if server.location.exists(hidden) else "x")
    try:
        skipped = copy_all(reader, server, told).skipped
        server.checkpoint()
    finally:
        server.close()
    lost = {path: why for path, why in skipped.items() if "link" not in why}
    if lost:
        path, why = next(iter(lost.items()))
        raise CopyError(
            f"a server can't keep {len(lost)} nodes of {reader.path}, so no copy there is whole: {path}, {why}"
        )


def _content(server: Backend, place: Path, told: Progress | None = None) -> tuple[str, str, object]:
    """Return identity and checksum of a file on the server, and the identity of its nodes."""
    try:
        server.open(place, "r")
    except FileNotFoundError:  # a folder, too
        return "", "", None
    try:
        return recording_id(server), fingerprint(server, told), server.identity(server.root())
    finally:
        server.close()


def _named(server: Backend, hidden: Path, target: Path, digest: str, word: str, note: CopyNote) -> Path:
    """Give a copy that was compared its name, never that of another recording, and return it."""
    for name in itertools.islice(names_beside(target, word), _MOST_NAMES):
        if server.location.rename(hidden, name):
            return name
        owner, found, nodes = _content(server, name)
        if owner == word and found == digest:  # named before the note could be written
            server.location.remove(hidden, keeps_nodes=nodes == _content(server, hidden)[2])
            return name
        if word and owner == word and name.as_posix() == note.copy and found == note.sha256:
            server.location.remove(name)
            if server.location.rename(hidden, name):
                return name
    raise CopyError(f"{target} and all names beside it belong to other recordings; copy to another folder")
