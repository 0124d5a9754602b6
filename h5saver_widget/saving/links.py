"""Where links in a file lead."""

from __future__ import annotations

from collections import deque
from typing import Final

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.errors import NodeError
from h5saver_widget.nodes.typed import LINK, Node, node_of

__all__ = ["followed", "resolved"]

#: How often a link may lead to a link.
_MOST_STEPS: Final = 20


def resolved(io: Backend, path: str) -> str:
    """Return the path at the end of all soft links on a path.

    NodeError if a link leads nowhere, round in circles, or into another file.
    """
    here, steps = "", 0
    names = deque(path.split("/"))
    with io.lock:
        while names:
            name = names.popleft()
            if name in ("", "."):
                continue
            if name == "..":
                here = here.rpartition("/")[0]
                continue
            there = f"{here}/{name}"
            node = io.node(there)
            if io.kind(node) is not NodeKind.LINK:
                here = there
                continue
            file, target = io.inspection.link_target(node)
            steps += 1
            if file or not target or steps > _MOST_STEPS:
                raise NodeError(f"{there} leads to {f'{file}, ' if file else ''}{target or 'nowhere'}: not followed")
            if target.startswith("/"):
                here = ""
            names.extendleft(reversed(target.split("/")))
    return here or "/"


def followed(node: Node) -> Node:
    """Return the target of a link in this file, any other node as it is; NodeError as `resolved`."""
    return node_of(node.backend, resolved(node.backend, node.path)) if isinstance(node, LINK) else node
