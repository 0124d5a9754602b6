"""One line of the tree, for a node of a file: name and kind are known at first, the rest when it is seen."""

from __future__ import annotations

from collections.abc import Iterator

from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.browsing.rows import TreeRow
from h5saver_widget.qt.browser.files import OpenFile

__all__ = ["Entry", "numbered"]


class Entry:
    """A line of the tree: a name and a kind at first, the rest when it is looked at."""

    __slots__ = (
        "asked", "children", "file", "key", "kind", "listing", "name", "named", "parent", "problem", "row", "shown"
    )  # fmt: skip

    def __init__(self, key: int, file: OpenFile, name: str, kind: NodeKind, parent: Entry | None, row: int) -> None:
        self.key = key
        self.file = file
        self.name = name
        self.kind = kind
        self.parent = parent
        self.row = row
        self.children: list[Entry] | None = None
        #: The children by name: to look for each among all of them would take N steps, N times.
        self.named: dict[str, Entry] = {}
        self.shown: TreeRow | None = None
        self.asked = False
        self.listing = False
        self.problem = ""

    @property
    def path(self) -> str:
        """Absolute path of the node in its file."""
        if self.parent is None:
            return "/"
        return f"{self.parent.path.rstrip('/')}/{self.name}"

    def below(self) -> Iterator[Entry]:
        """Iterate over this line and all that are known below it."""
        waiting = [self]
        while waiting:
            entry = waiting.pop()
            yield entry
            waiting.extend(entry.children or ())


def numbered(entries: list[Entry], first: int = 0) -> None:
    """Let lines know their places, from one of them on."""
    for row in range(first, len(entries)):
        entries[row].row = row
