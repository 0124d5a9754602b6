"""Nodes for other programs: texts, groups, and views, arrays without values of their own that show another one.

An entry has some 40 such nodes with 150 attributes: making them takes milliseconds. Files of the same instruments get
the same ones, so each tree is made once in a process, in a file in memory, and copied from there by one call of HDF5.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Final, Generic, NamedTuple, TypeVar

import numpy as np

from h5saver_widget.backends.terms import Plain

__all__ = ["FIXED", "MOST_ATTRIBUTES", "MadeAs", "PlainNodes", "Shown", "room_of"]

#: So many trees are kept, those used last.
_MOST: Final = 64
#: Attributes that need not be texts of variable length: of fixed length they take a third of the room. Validators ask
#: for the variable ones.
FIXED: Final = frozenset({"CLASS", "TITLE", "target"})
#: Longer texts, in bytes, are of variable length: what is in a node itself may be of 64 kB.
_LONGEST_FIXED: Final = 4096
#: Values that are their own part of an identity.
_AS_IT_IS: Final = (str, int)
#: So many attributes are held by a node itself: HDF5 would make an index of more than 8, of 1 kB.
MOST_ATTRIBUTES: Final = 1000

_Group = TypeVar("_Group")
#: What `Handles.made_as` is: a path to a key of how its array is stored, None where the file has to tell.
MadeAs = Callable[[str], Hashable | None]


class Shown(NamedTuple):
    """An array that is shown by a view: its type and its space as the library has them, and a key of both."""

    kind: Any
    space: Any
    about: Hashable


def room_of(node: Plain) -> int:
    """Return with how many bytes a text is stored; 0 if it is one of variable length."""
    length = len(node.text.encode())
    return 0 if node.varies or length > _LONGEST_FIXED else max(1, length)


class _Tree:
    """A tree of nodes: its identity, the arrays that it shows, and its parts that differ from file to file."""

    def __init__(self, key: bytes, path: str, node: Plain) -> None:
        self._path = path
        self.views: list[str] = []
        #: Texts that vary, in order.
        self.varying: list[str] = []
        #: Links that lead out of the tree, by path.
        self.links_out: list[tuple[bytes, Plain]] = []
        self.identity = self._of(key, node)

    def leads_out(self, node: Plain) -> bool:
        """Tell whether a node is a second name of one that is not in the tree."""
        return node.kind == "link" and not node.text.startswith(f"{self._path}/")

    def within(self, key: bytes, node: Plain) -> Plain:
        """Return a link in the tree as one of a tree that stands elsewhere."""
        return node._replace(text=f"{key.decode()}{node.text.removeprefix(self._path)}")

    def _of(self, where: bytes, node: Plain) -> Hashable:
        text = node.text
        if node.varies:
            self.varying.append(text)
            text = ""
        elif self.leads_out(node):
            self.links_out.append((where, node))
            text = ""
        elif node.kind == "view":
            self.views.append(text)
        attributes = [v if v.__class__ in _AS_IT_IS else _frozen(v) for v in node.attributes.values()]
        members = [self._of(b"%b/%b" % (where, name.encode()), member) for name, member in node.members.items()]
        return node.kind, node.varies, text, *node.attributes, *attributes, *node.members, *members


def _completed(node: Plain) -> Plain:
    """Return a node with the attributes by which PyMoDAQ and NeXus know what each is.

    nexusformat takes every virtual array for one of a file per row; by the ``target`` that linked arrays have
    (https://manual.nexusformat.org/design.html) it finds the array itself.
    """
    known = {"CLASS": "GROUP" if node.kind == "group" else "CARRAY", "TITLE": ""}
    if node.kind == "view":
        known["target"] = node.text
    return node._replace(attributes={**known, **node.attributes})


def _frozen(value: Any) -> Hashable:
    array = np.asarray(value)
    return array.dtype.str, array.shape, array.tobytes()


class _Kept(NamedTuple):
    """A tree in memory: its name there, and its texts that vary, open."""

    key: bytes
    varying: list[Any]


class PlainNodes(ABC, Generic[_Group]):
    """Makes such nodes by one library, with groups as its low-level calls take them.

    The methods of a library raise its own errors, or NodeError.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._memory: _Group | None = None
        self._kept: dict[Hashable, _Kept] = {}
        self._count = 0

    # ------------------------------------------------------------------ the library
    @abstractmethod
    def memory(self) -> _Group:
        """Return the root of a new file in memory, of the newest kind that HDF5 1.10 reads: its nodes are smaller."""

    @abstractmethod
    def has(self, group: _Group, key: bytes) -> bool:
        """Tell whether a group has a member."""

    @abstractmethod
    def shown(self, group: _Group, path: bytes) -> Shown:
        """Look at an array."""

    @abstractmethod
    def make(self, group: _Group, key: bytes, node: Plain, shown: Shown | None) -> Any:
        """Make a group, an empty text, a number or a view, without attributes and members; return it open."""

    @abstractmethod
    def open_group(self, group: _Group, key: bytes) -> _Group:
        """Open a group."""

    @abstractmethod
    def set_attributes(self, made: Any, path: str, node: Plain, *, fresh: bool) -> None:
        """Write the attributes of an open node."""

    @abstractmethod
    def write(self, made: Any, text: str, room: int) -> None:
        """Write an open text; see :func:`room_of`."""

    @abstractmethod
    def open_varying(self, group: _Group, key: bytes) -> Any | None:
        """Open a text; None if it is not of variable length."""

    @abstractmethod
    def link(self, group: _Group, path: bytes, node: Plain) -> None:
        """Make a soft or hard link."""

    @abstractmethod
    def copy(self, group: _Group, key: bytes, target: _Group, name: bytes) -> None:
        """Copy a node, perhaps of another file."""

    @abstractmethod
    def unlink(self, group: _Group, key: bytes) -> None:
        """Delete a node."""

    def close(self, made: Any) -> None:
        """Close an object that was opened."""

    # ------------------------------------------------------------------------ nodes
    def add(self, group: _Group, key: bytes, path: str, node: Plain, made_as: MadeAs) -> None:
        """Make a node, or add to it; see ``Backend.add_plain``."""
        if node.kind in ("soft", "link"):
            self._link_anew(group, key, node)
            return
        is_there = self.has(group, key)
        if is_there and node.kind == "group":
            self._add_to(group, key, path, node, made_as)
        elif is_there and node.varies and (made := self.open_varying(group, key)) is not None:
            self.write(made, node.text, 0)
            self.close(made)
        elif is_there and node.kind in ("text", "number"):
            self.unlink(group, key)
            self._add_new(group, key, path, node, made_as)
        elif not is_there:
            self._add_new(group, key, path, node, made_as)

    def _link_anew(self, group: _Group, key: bytes, node: Plain) -> None:
        try:
            self.link(group, key, node)
        except Exception:  # each library has its own; a link that is there stays as it is
            if not self.has(group, key):
                raise

    def _add_to(self, group: _Group, key: bytes, path: str, node: Plain, made_as: MadeAs) -> None:
        there = self.open_group(group, key)
        try:
            for name, member in node.members.items():
                self.add(there, name.encode(), f"{path}/{name}", member, made_as)
            self.set_attributes(there, path, node, fresh=False)
        finally:
            self.close(there)

    def _add_new(self, group: _Group, key: bytes, path: str, node: Plain, made_as: MadeAs) -> None:
        tree = _Tree(key, path, node)
        shown = [made_as(text) or self.shown(group, text.encode()).about for text in tree.views]
        identity = path, tree.identity, tuple(shown)
        with self._lock:
            kept = self._kept.pop(identity, None) or self._keep(group, path, node, tree)
            self._kept[identity] = kept  # those used last are at the end
            assert self._memory is not None
            for made, text in zip(kept.varying, tree.varying, strict=True):
                self.write(made, text, 0)
            self.copy(self._memory, kept.key, group, key)
        for where, link in tree.links_out:
            self.link(group, where, link)

    def _keep(self, file: _Group, path: str, node: Plain, tree: _Tree) -> _Kept:
        shown = {text: self.shown(file, text.encode()) for text in tree.views}
        if self._memory is None:
            self._memory = self.memory()
        if len(self._kept) >= _MOST:
            oldest = self._kept.pop(next(iter(self._kept)))
            for text in oldest.varying:
                self.close(text)
            self.unlink(self._memory, oldest.key)
        self._count += 1
        key = b"%d" % self._count  # what was made in part, before an error, is in nobody's way
        memory, kept = self._memory, _Kept(key, [])

        def make(group: _Group, name: bytes, where: str, node: Plain) -> None:
            made = self.make(group, name, node, shown.get(node.text))
            try:
                if node.varies:
                    kept.varying.append(made)
                elif node.kind == "text":
                    self.write(made, node.text, room_of(node))
                self.set_attributes(made, where, _completed(node), fresh=True)
                for below, member in node.members.items():
                    if member.kind == "soft":
                        self.link(made, below.encode(), member)
                    elif member.kind != "link":
                        make(made, below.encode(), f"{where}/{below}", member)
                    elif not tree.leads_out(member):
                        there = f"{where}/{below}".removeprefix(path).encode()
                        self.link(memory, key + there, tree.within(key, member))
            finally:
                if not node.varies:
                    self.close(made)

        make(memory, key, path, node)
        return kept
