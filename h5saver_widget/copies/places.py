"""The identity of a folder for copies: a share that is not connected, or another disk, must not be taken for it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from h5saver_widget.errors import CopyError
from h5saver_widget.format.whole_file import written_whole

__all__ = ["MARK", "forget_place", "known_place", "place_of"]

#: Name of the file by which a folder for copies is known.
MARK: Final = ".h5saver-place"


def place_of(folder: Path, notes: Path) -> str:
    """Return the identity of a folder for copies; it gets one when it is used for the first time.

    Parameters
    ----------
    folder
        The folder.
    notes
        The folder of the notes, where known places are kept.

    Raises
    ------
    CopyError
        If there is no such folder, or it is not the one that it was: the share or the disk is not connected, or it is
        another disk.
    """
    if not folder.is_dir():
        raise CopyError(f"there is no folder {folder}: connect the disk or the share; make it if it is new")
    mark = folder / MARK
    return known_place(str(folder), _read(mark), notes, lambda found: _write(mark, found))


def known_place(folder: str, found: str, notes: Path, mark: Callable[[str], None]) -> str:
    """Return the identity that was `found` in a folder, or the new one that it is given by `mark` if there is none.

    CopyError if the folder had another one.
    """
    place = _known(folder, notes)
    known = _read(place)
    if known and found != known:
        raise CopyError(
            f"{folder} is not the folder that it was: the disk or the share is not connected, or it is another one. "
            f"If it is to have the copies from now on: h5saver copies --accept {folder}"
        )
    if not found:
        found = secrets.token_hex(16)
        mark(found)
    if not known:
        _write(place, found)
    return found


def forget_place(folder: str, notes: Path) -> None:
    """Take any folder that is there from now on for the one that is to have the copies."""
    _known(folder, notes).unlink(missing_ok=True)


def _known(folder: str, notes: Path) -> Path:
    name = hashlib.sha256(folder.encode("utf-8", "surrogateescape")).hexdigest()
    return notes / "places" / f"{name[:32]}.json"


def _read(place: Path) -> str:
    with contextlib.suppress(FileNotFoundError, ValueError, TypeError, KeyError):
        return str(json.loads(place.read_text(encoding="utf-8"))["place"])
    return ""


def _write(place: Path, identity: str) -> None:
    said = {"place": identity, "about": "h5saver_widget knows by this file that copies go here"}
    with written_whole(place) as written:
        written.write(json.dumps(said).encode())
