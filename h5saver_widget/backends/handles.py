"""The handles of one open file: opaque to all callers, looked up by path, checked before a library is asked.

A handle remembers the library's object. Handles are kept weakly by path, so that two look-ups of one node share one
handle, while a walk over 100,000 nodes does not keep 100,000 of them open.
"""

from __future__ import annotations

import weakref
from collections.abc import Hashable, Iterable
from typing import Any, Final, cast

import numpy as np

from h5saver_widget.backends.terms import Handle, NodeKind, NodeSpec
from h5saver_widget.errors import NodeError
from h5saver_widget.format.naming import natural_key

__all__ = ["UNREADABLE", "Handles", "TreeNode", "is_below", "no_such_node", "parent_and_name"]

#: Stands for the object of a damaged node, or of a type that the library does not know.
UNREADABLE = object()
#: So many new arrays are known without a look at the file, those made last.
_MOST_NEW: Final = 1000
_ARRAYS: Final = (NodeKind.FIXED, NodeKind.GROWING)


class TreeNode:
    """A handle, as its backend sees it."""

    __slots__ = ("__weakref__", "held", "is_here", "is_new", "kind", "obj", "owner", "path", "row_shape", "writer")

    def __init__(self, path: str, obj: Any, kind: NodeKind, owner: object) -> None:
        self.path = path
        #: The library's own object; None once the node is deleted or its file is closed.
        self.obj = obj
        self.kind = kind
        #: Tells the handles of two backends apart.
        self.owner = owner
        #: Of a growing array: the shape of one row.
        self.row_shape = tuple(int(n) for n in obj.shape[1:]) if kind is NodeKind.GROWING else ()
        #: For the backend: prepared once for an array, not once a row.
        self.writer: Any = None
        #: Number type of a growing array that rows were appended to.
        self.held: np.dtype[Any] | None = None
        #: Whether the node was made through this handle, so that no other program chose how it is stored; whether it
        #: is known that the values of the array stand in this file.
        self.is_new = self.is_here = False

    @property
    def is_described(self) -> bool:
        """Whether it can have attributes: not a link, nor an object that the library can't open."""
        return self.kind is not NodeKind.LINK and self.obj is not UNREADABLE


class Handles:
    """The handles that are in use, by path."""

    def __init__(self, backend: str) -> None:
        self._backend = backend
        self._nodes: weakref.WeakValueDictionary[str, TreeNode] = weakref.WeakValueDictionary()
        self._new: dict[str, Hashable] = {}
        #: Changes when a file is closed: a node that was looked up meanwhile belongs to no open file.
        self.owner = object()
        #: How often handles became invalid.
        self.changes = 0

    def known(self, path: str) -> TreeNode | None:
        """Return the handle of a path that is in use, None if there is none."""
        return self._nodes.get(path)

    def remember(self, path: str, obj: Any, kind: NodeKind) -> TreeNode:
        """Make the handle of a node."""
        node = self._nodes[path] = TreeNode(path, obj, kind, self.owner)
        return node

    def note_new(self, path: str, spec: NodeSpec) -> None:
        """Remember how an array was made: arrays of one key have the same type and space in every file."""
        # metadata give a number type another meaning, but compare as equal
        if spec.kind in _ARRAYS and spec.dtype.isbuiltin and spec.dtype.metadata is None:
            if len(self._new) >= _MOST_NEW:
                del self._new[next(iter(self._new))]
            self._new[path] = spec.kind, spec.shape, spec.dtype

    def made_as(self, path: str) -> Hashable | None:
        """Return that key of an array, None where a look at the file has to tell."""
        return self._new.get(path)

    def forget(self, path: str) -> None:
        """Make the handles of a node and of everything below it invalid."""
        self.changes += 1
        for made in [made for made in self._new if is_below(made, path)]:
            del self._new[made]
        for known, node in list(self._nodes.items()):
            if is_below(known, path):
                node.obj = node.writer = node.held = None
                self._nodes.pop(known, None)
        if path == "/":
            self.owner = object()

    def get(self, handle: Handle) -> TreeNode:
        """Return a node; NodeError if it is gone."""
        node = cast(TreeNode, handle)
        # the last condition refuses handles of another backend: they would be used without that one's lock
        if not isinstance(node, TreeNode) or node.obj is None or node.owner is not self.owner:
            raise NodeError(f"{getattr(node, 'path', node)} is gone: it was deleted, or its file was closed")
        return node

    def group(self, handle: Handle) -> TreeNode:
        """Return a group; NodeError for any other node."""
        node = self.get(handle)
        if node.kind is not NodeKind.GROUP:
            raise NodeError(f"{node.path} is a {node.kind.value}, not a group")
        return node

    def array(self, handle: Handle) -> TreeNode:
        """Return an array; NodeError for any other node."""
        node = self.get(handle)
        if node.kind in (NodeKind.GROUP, NodeKind.LINK, NodeKind.OTHER):
            raise NodeError(f"{node.path} is a {node.kind.value}, not an array that can be read with {self._backend}")
        return node

    def described(self, handle: Handle) -> TreeNode | None:
        """Return a node that can have attributes, None for a link or an object that the library can't open."""
        node = self.get(handle)
        return node if node.is_described else None


def is_below(path: str, top: str) -> bool:
    """Tell whether a path is that of a node, or of something below it.

    >>> is_below('/A/B', '/A'), is_below('/AB', '/A'), is_below('/A', '/')
    (True, False, True)
    """
    return path == top or path.startswith(f"{top.rstrip('/')}/")


def parent_and_name(path: str) -> tuple[str, str]:
    """Split an absolute path.

    >>> parent_and_name('/RawData/Logger')
    ('/RawData', 'Logger')
    """
    if not path.startswith("/") or path == "/" or path.endswith("/"):
        raise NodeError(f"{path!r} is not the absolute path of a node; expected something like '/RawData/Detector000'")
    parent, _, name = path.rpartition("/")
    return parent or "/", name


def no_such_node(path: str, file: object, parent: str, names: Iterable[str]) -> NodeError:
    """Return the error for a path that leads nowhere, with the names that are there instead."""
    found = sorted(names, key=natural_key)
    some = ", ".join(found[:8]) + (f", ... ({len(found)} nodes)" if len(found) > 8 else "")
    return NodeError(f"there is no node {path!r} in {file}; {parent} holds: {some or 'nothing'}")
