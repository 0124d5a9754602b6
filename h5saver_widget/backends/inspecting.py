"""A backend's findings about an object that can't be read in full: damaged, or lacking a filter or a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from h5saver_widget.backends.terms import Handle

__all__ = ["Inspecting"]


class Inspecting:
    """The answers of a backend that doesn't know; checking a file asks for them."""

    def needs(self, node: Handle) -> list[str]:
        """Return missing filters and files that are needed to read an array, in words."""
        return []

    def stored_rows(self, array: Handle) -> list[tuple[int, int]] | None:
        """Return which rows of an array have a place in the file (first, last + 1); None: all."""
        return None

    def is_odd(self, array: Handle) -> bool:
        """Tell whether an array that can't be read is whole: there are no numbers in Python for its bytes."""
        return False

    def damaged_attributes(self, node: Handle, names: list[str]) -> list[str]:
        """Return which attributes are damaged of those that can't be read; the others are odd."""
        return names
