"""Unfinished copies on a server: notes of local files, which outlive the program, and the rests of closed files."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from h5saver_widget.backends.remote_options import RemoteOptions, state_folder
from h5saver_widget.backends.remote_rest import Rest, keep_folder
from h5saver_widget.errors import CodecError, FileOpenError, RemoteRefusedError
from h5saver_widget.format.whole_file import written_whole
from h5saver_widget.remote.identity import same_server

__all__ = ["Rests", "Unfinished", "left_behind", "notes_folder"]

_LOG = logging.getLogger("h5saver_widget.remote")


def notes_folder() -> Path:
    """Return the folder of this user for notes; it need not exist."""
    return state_folder() / "unfinished"


@dataclass(frozen=True)
class Unfinished:
    """A file that is to be on a server, and is not, or not all of it.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> note = Unfinished('/data/a.h5', '/home/me/a.h5', 'http://server:5101', 'me')
    >>> note.write(folder)
    >>> list(Unfinished.read_all(folder)) == [note]
    True
    >>> note.remove(folder)
    >>> list(Unfinished.read_all(folder))
    []
    """

    #: The local file.
    file: str
    #: Its path on the server.
    domain: str
    #: Which server, and whose; never a password.
    endpoint: str
    username: str
    #: The identity in the file, ``''`` if it has none or was not looked at yet.
    recording: str = ""

    @property
    def path(self) -> Path:
        """The local file."""
        return Path(self.file)

    @property
    def remote_path(self) -> Path:
        """Its path on the server."""
        return Path(PurePosixPath(self.domain))

    def _place(self, folder: Path) -> Path:
        return folder / f"{hashlib.sha256((self.recording or self.file).encode()).hexdigest()[:24]}.json"

    def write(self, folder: Path) -> None:
        """Write the note, whole or not at all; one about the same recording is replaced."""
        with written_whole(self._place(folder)) as written:
            written.write(json.dumps(asdict(self)).encode())

    def remove(self, folder: Path) -> None:
        """Remove the note: the file is complete on the server."""
        self._place(folder).unlink(missing_ok=True)

    @classmethod
    def read_all(cls, folder: Path) -> Iterator[Unfinished]:
        """Iterate over the notes, oldest first; malformed notes are skipped."""
        places = sorted(folder.glob("*.json"), key=lambda place: place.stat().st_mtime) if folder.is_dir() else []
        for place in places:
            with suppress(OSError, ValueError, TypeError):
                found = json.loads(place.read_text(encoding="utf-8"))
                if isinstance(found, dict) and all(isinstance(value, str) for value in found.values()):
                    yield cls(**found)


def left_behind(
    options: RemoteOptions, folder: Path, formerly: str = ""
) -> tuple[list[Unfinished], list[Path], set[str]]:
    """Return the data that a server does not have yet; looking up names of servers may take time.

    These are the notes of files, files with unsent data (`.unsent`), and the addresses of other servers that do not
    have everything either. `formerly` is an address that the server had before.
    """
    known = options.completed(secret=False)
    others = set[str]()

    def is_meant(endpoint: str, username: str) -> bool:
        names = [known.endpoint, formerly] if formerly else [known.endpoint]
        meant = username == known.username and any(same_server(endpoint, name) for name in names)
        if not meant:
            others.add(endpoint)
        return meant

    notes = [note for note in Unfinished.read_all(folder) if is_meant(note.endpoint, note.username)]
    rests = []
    for path in Rest.files(keep_folder(options.keep_folder)):
        with suppress(CodecError, OSError, KeyError):  # no such file, or sent meanwhile
            head = Rest.head_of(path)
            if is_meant(head["endpoint"], head["username"]):
                rests.append(path)
    return notes, rests, others


class Rests:
    """Sends the rest that a server had not taken when files of a user on it were closed."""

    def __init__(self, options: RemoteOptions) -> None:
        self._options = options
        #: Files that are to be sent.
        self.waiting: list[Path] = []
        #: Files of other servers, and those that were refused: nobody looks at them again.
        self._others: set[Path] = set()

    def send(self) -> None:
        """Send all of them, up to the first error of :func:`~h5saver_widget.backends.remote_journal.send_rest`."""
        found = set(Rest.files(keep_folder(self._options.keep_folder))) - self._others
        ours = left_behind(self._options, notes_folder())[1] if found else []
        self.waiting = [path for path in ours if path in found]
        self._others |= found - set(self.waiting)
        for path in list(self.waiting):
            from h5saver_widget.backends.remote_journal import send_rest  # needs the library for servers

            try:
                _LOG.warning("%s is complete: %s was sent", send_rest(path, self._options), path.name)
            except (CodecError, FileOpenError, RemoteRefusedError):
                self._others.add(path)  # it would be refused again
                raise
            self.waiting.remove(path)
