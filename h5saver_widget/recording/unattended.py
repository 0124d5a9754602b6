"""Unattended: the answers of a recorder without a screen, where nobody can be asked. No Qt.

The functions of this module are methods of :class:`~h5saver_widget.recording.saver.H5SaverBase`; a saver with a screen
has others in their place.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from h5saver_widget.recording.picking import SwmrAnswer

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = [
    "choose_existing_path",
    "choose_new_path",
    "choose_swmr",
    "has_switched",
    "is_stopping",
    "may_ask",
    "patience",
    "user_changed_file",
]


def patience(saver: H5SaverBase, wait: bool | float) -> float | None:
    """Return how long a call of this thread waits for the disk, in s; None: until it is done."""
    return None if wait is True else float(wait)


def is_stopping(saver: H5SaverBase) -> None:
    """Be told that *Do Save* was switched off, and the file is about to be closed."""


def has_switched(saver: H5SaverBase) -> None:
    """Be told by a thread that has waited for it that a file was opened or closed."""


def may_ask(saver: H5SaverBase) -> bool:
    """Tell whether a person can be asked by this thread."""
    return True


def choose_swmr(saver: H5SaverBase, path: Path, file_is_swmr: bool) -> SwmrAnswer:
    """Decide about a file whose SWMR state differs from the settings."""
    return SwmrAnswer.ADAPT


def choose_new_path(saver: H5SaverBase) -> Path | None:
    """Return the path of a file to be made; None if nobody can be asked."""
    return None


def choose_existing_path(saver: H5SaverBase, folder: Path | str | None = None) -> Path | None:
    """Return the path of a file to be opened; None if nobody can be asked."""
    return None


def user_changed_file(saver: H5SaverBase, path: Path) -> None:
    """Be told that the user has picked another file."""
