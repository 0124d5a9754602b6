"""Questions about a node or a file beyond its content: links, types of other programs, damage, missing filters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from h5saver_widget.backends.handles import TreeNode
from h5saver_widget.backends.terms import Details, Handle

if TYPE_CHECKING:
    from h5saver_widget.backends.base import Backend

__all__ = ["Inspection"]


class Inspection:
    """The answers of a library that can't tell."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def link_target(self, node: Handle) -> tuple[str, str]:
        """Return the target of a link: the file, ``''`` for the one it is in, and the path as the link has it.

        ``('', '')`` for other nodes, and where the library can't tell.
        """
        return self._backend.ask_about(node, self._target_of)

    def _target_of(self, node: TreeNode) -> tuple[str, str]:
        return "", ""

    def members(self, group: Handle) -> list[str]:
        """Return the names of the nodes in a group, in the order in which they were made; else by name."""
        return self._backend.children(group)

    def details(self, node: Handle) -> Details:
        """Return details of a node beyond shape and number type; none, where the library can't tell."""
        return Details()

    def cannot_read(self, path: Path) -> str:
        """Return, in words, the part of a file that another library can read and this one can't; ``''`` if none."""
        return ""

    def needs(self, node: Handle) -> list[str]:
        """Return the missing parts without which an array can't be read, in words: filters, other files."""
        return []

    def stored_rows(self, array: Handle) -> list[tuple[int, int]] | None:
        """Return the ranges of rows that have a place in the file (first, last + 1); None: all."""
        return None

    def is_odd(self, array: Handle) -> bool:
        """Tell whether an array that can't be read is whole: Python has no numbers for its bytes."""
        return False

    def damaged_attributes(self, node: Handle, names: list[str]) -> list[str]:
        """Return those of some unreadable attributes that are damaged; the others are odd."""
        return names
