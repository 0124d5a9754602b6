"""One line of the tree, for a node of a file: name and kind are known at first, the rest when it is seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.browsing.rows import NodeIcon, TreeRow
from h5saver_widget.qt.browser.files import OpenFile
from h5saver_widget.qt.editors import plain_tip

__all__ = ["Entry", "numbered"]

_ICONS: Final = {
    NodeKind.GROUP: NodeIcon.GROUP,
    NodeKind.FIXED: NodeIcon.CURVE,
    NodeKind.GROWING: NodeIcon.CURVE,
    NodeKind.TEXT: NodeIcon.TEXT,
    NodeKind.LINK: NodeIcon.LINK,
    NodeKind.OTHER: NodeIcon.UNREADABLE,
}
#: Of numbers, the shape says enough where there is little room.
_NUMBERS: Final = (NodeIcon.VALUE, NodeIcon.CURVE, NodeIcon.IMAGE, NodeIcon.STACK, NodeIcon.AXIS)


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

    # ------------------------------------------------------------------ shown
    @property
    def _row(self) -> TreeRow:
        return self.shown or TreeRow(_ICONS[self.kind])

    @property
    def _wrong(self) -> str:
        return self.problem or (self.file.problem if self.parent is None else "") or self._row.problem

    @property
    def icon(self) -> NodeIcon:
        """The sign of its kind, or of a node that can't be read."""
        return NodeIcon.UNREADABLE if self._wrong else self._row.icon

    @property
    def text(self) -> str:
        """The name that is shown."""
        printable = "".join(c if c.isprintable() else "\ufffd" for c in self.name[:300])
        return self.file.name if self.parent is None else printable

    @property
    def content(self) -> str:
        """The text beside the name: title, shape, kind; or why it can't be read."""
        row = self._row
        title = row.title if row.title != self.name else ""
        about = row.content if row.icon in _NUMBERS else "  ".join(filter(None, (row.content, row.kind)))
        return self._wrong.partition("\n")[0] or "   ".join(filter(None, (title, about)))

    @property
    def tip(self) -> str:
        """The tooltip."""
        row, where = self._row, self.path if self.parent is not None else f"{self.file.path or self.file.name}"
        return plain_tip(self._wrong or "\n".join(filter(None, (where, row.title, row.content, row.kind))))

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
