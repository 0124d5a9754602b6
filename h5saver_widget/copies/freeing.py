"""Freeing a local file: deleted once so many copies of it were read again, right before, and found good."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from h5saver_widget.backends.journal import sync_folder
from h5saver_widget.copies.notes import CopyNote
from h5saver_widget.copies.places import place_of
from h5saver_widget.copies.sending import Pace, hash_of
from h5saver_widget.errors import CopyError, H5SaverError
from h5saver_widget.recovery.lock_owners import require_closed, stamp_of

__all__ = ["free"]


def free(file: str, wanted: int, notes: Path, pace: Pace) -> bool:
    """Delete a local file if so many copies of it are good; return whether it was.

    Parameters
    ----------
    file
        The local file.
    wanted
        How many copies have to be good, on different places.
    notes
        The folder of the notes.
    pace
        How fast the copies may be read.

    Raises
    ------
    CopyError, FileOpenError, OSError
        If a copy is not as it was made, or something can't be read: nothing is deleted.
    """
    path, known = Path(file), CopyNote.of_file(notes, file)
    # what a server has is compared, too, but it keeps no bytes of the file: it does not count
    good = [note for note in known if note.is_safe and not note.is_freed and not note.is_on_server]
    if wanted < 1 or len({note.place for note in good}) < wanted or not all(note.is_safe for note in known):
        return False
    require_closed(path)
    stamp, digest, before = stamp_of(path), hash_of(path, pace), path.stat()
    found: dict[tuple[int, int], CopyNote] = {}
    for note in good:
        with suppress(H5SaverError, OSError):
            if place_of(Path(note.folder), notes) == note.place and hash_of(Path(note.copy), pace) == digest:
                about = os.stat(note.copy)
                found[about.st_dev, about.st_ino] = note
    found.pop((before.st_dev, before.st_ino), None)
    if len({note.place for note in found.values()}) < wanted:
        raise CopyError(f"{path.name} is kept: only {len(found)} of its copies can be read, and are as they were made")
    require_closed(path)
    if stamp_of(path) != stamp:
        raise CopyError(f"{path.name} is kept: it was changed while its copies were compared")
    path.unlink()
    for note in good:
        replace(note, is_freed=True).write(notes)
    sync_folder(path.parent)
    return True
