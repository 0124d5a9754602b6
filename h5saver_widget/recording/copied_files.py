"""Copying the files of a recorder into other folders, when they are closed. It never stops a recording. No Qt."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from h5saver_widget.copies.courier import want_copy
from h5saver_widget.copies.notes import folder_named, notes_folder

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["closed", "folders_of", "follow", "in_words", "opened", "sealed"]


def folders_of(text: str) -> list[str]:
    """Return the folders that a setting names, with ``;`` between.

    >>> folders_of('/mnt/share; ~/copies;') == ['/mnt/share', str(Path.home() / 'copies')]
    True
    """
    return [folder_named(name) for name in text.split(";") if name.strip()]


def follow(saver: H5SaverBase) -> None:
    """Take folders, rate and freeing from the settings, and go on with copies that were left unfinished."""
    now = saver.store.current
    saver.copies.rate, saver.copies.free_at = now.copy_rate, now.free_at
    saver.copies.server = saver.server_options()
    of = weakref.ref(saver)
    saver.copies.keeps = lambda: _last_file(of())
    saver.copies.begin(folders_of(now.copy_to))


def _last_file(saver: H5SaverBase | None) -> Path | None:
    """Return the file that was open last, which hosts open again; None without one."""
    path = "" if saver is None else saver.store.current.current_h5_file
    return Path(path) if path else None


def opened(saver: H5SaverBase, path: Path) -> None:
    """Note that a file is to be copied: should the program end, the next one does it."""
    if saver.io.writable and not saver.capabilities.remote:
        _note(saver, path)


def _note(saver: H5SaverBase, path: Path) -> None:
    now = saver.store.current
    try:
        for folder in folders_of(now.copy_to):
            want_copy(path.absolute(), folder, Path(now.base_path).expanduser().absolute(), notes_folder())
    except OSError as error:
        saver.report(f"{path.name} could not be noted for copying; it is recorded", error)


def closed(saver: H5SaverBase) -> None:
    """Begin to make the noted copies; a part that is sealed afterwards is copied after that."""
    now = saver.store.current
    if now.copy_to and not (now.seal and saver.watcher.is_rolling):
        follow(saver)


def sealed(saver: H5SaverBase, path: Path) -> None:
    """Copy a part that was sealed after it was closed; anew, if it was copied before."""
    _note(saver, path)
    follow(saver)


def in_words(problem: str) -> str:
    """Return the sentence for people about trouble with copies."""
    return f"copies: {problem}. The file on the disk is not affected."
