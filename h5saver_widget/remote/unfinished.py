"""Notes of which local files are not complete on a server yet: they outlive the program, and a crash of it."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

__all__ = ["Unfinished", "notes_folder"]


def notes_folder() -> Path:
    """Return the folder of this user for notes; it need not exist."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    else:
        base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "h5saver_widget" / "unfinished"


@dataclass(frozen=True)
class Unfinished:
    """A file that is to be on a server, and is not, or not all of it.

    Attributes
    ----------
    file
        The local file.
    domain
        Its path on the server.
    endpoint, username
        Which server, and whose; never a password.
    recording
        The identity in the file, ``''`` if it has none or was not looked at yet.

    Examples
    --------
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

    file: str
    domain: str
    endpoint: str
    username: str
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
        folder.mkdir(parents=True, exist_ok=True)
        place = self._place(folder)
        part = place.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(asdict(self)), encoding="utf-8")
        part.replace(place)

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
