"""The members of a file's groups, and a search for text in names and titles."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from time import monotonic
from typing import Final

from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.errors import NodeError
from h5saver_widget.format import codec
from h5saver_widget.saving.h5_backend import H5Backend

__all__ = ["MOST_FOUND", "Child", "children_of", "groups_below", "search"]

Child = tuple[str, NodeKind]
"""A node in a group: its name, and what it is."""

MOST_FOUND: Final = 2000
"""Where a search ends: nobody reads on."""

#: A group may hold itself; where a library can't tell, no walk goes deeper.
_MAX_DEPTH: Final = 100
#: So many nodes, or the finds of so many seconds, are reported at once.
_TOLD_AT_ONCE: Final = 250
_TOLD_AFTER: Final = 0.1


def children_of(h5: H5Backend, path: str) -> list[Child]:
    """Return the names and kinds of the nodes in a group, 2 before 10; NodeError if it is no group."""
    io = h5.io
    with io.lock:
        group = io.node(path)
        if io.kind(group) is not NodeKind.GROUP:
            raise NodeError(f"{path} is not a group")
        return list(io.children_kinds(group).items())


def groups_below(h5: H5Backend, path: str) -> Iterator[tuple[str, list[Child]]]:
    """Iterate over a group and the groups below it, each once; unreadable ones are skipped."""
    waiting = [path]
    seen: set[Hashable] = set()
    while waiting:
        here = waiting.pop()
        try:
            identity = h5.io.identity(h5.io.node(here))
            if identity in seen:
                continue
            seen.add(identity)
            children = children_of(h5, here)
        except (NodeError, OSError, RuntimeError):
            continue
        yield here, children
        if here.count("/") < _MAX_DEPTH:
            base = here.rstrip("/")
            waiting.extend(f"{base}/{name}" for name, kind in reversed(children) if kind is NodeKind.GROUP)


def search(h5: H5Backend, text: str, most: int = MOST_FOUND) -> Iterator[list[Child]]:
    """Look for nodes whose name or title contains a text; see :meth:`.FileView.search`."""
    count, told = 0, monotonic()
    found: list[Child] = []
    for some in _matching(h5, text.casefold()):
        found += some
        # a window that gets a message per group has no time for anything else
        if len(found) >= _TOLD_AT_ONCE or monotonic() - told > _TOLD_AFTER:
            yield found[: most - count]
            count, told, found = count + len(found), monotonic(), []
        if count + len(found) >= most:
            break
    yield found[: max(0, most - count)]


def _matching(h5: H5Backend, wanted: str) -> Iterator[list[Child]]:
    untold: list[Child] = []
    # names are known as soon as a group is listed; titles have to be read, node by node: they come after all names
    for group, children in groups_below(h5, "/"):
        base = group.rstrip("/")
        yield [(f"{base}/{name}", kind) for name, kind in children if wanted in name.casefold()]
        untold += [(f"{base}/{name}", kind) for name, kind in children if wanted not in name.casefold()]
    for start in range(0, len(untold), 50):
        some = untold[start : start + 50]
        yield [(path, kind) for path, kind in some if kind is not NodeKind.LINK and wanted in _title(h5, path)]


def _title(h5: H5Backend, path: str) -> str:
    io = h5.io
    try:
        raw = io.get_attributes(io.node(path), ["TITLE"]).get("TITLE", "")
        return str(codec.decode(raw)).casefold()
    except (NodeError, OSError):
        return ""
