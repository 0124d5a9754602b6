"""Typed nodes, with which a program walks a file.

A node is a thin pair of a backend and a handle: it stores nothing, so any number of them may name the same place in a
file. ``str(node)`` is the line that a listing shows, ``repr(node)`` adds shape or children.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.format import codec
from h5saver_widget.nodes.attributes import Attributes

if TYPE_CHECKING:
    import numpy.typing as npt

    from h5saver_widget.backends.base import Backend
    from h5saver_widget.backends.terms import ArrayInfo, Handle, Selection

__all__ = [
    "CARRAY",
    "EARRAY",
    "GROUP",
    "LINK",
    "VLARRAY",
    "Array",
    "ListedGroup",
    "Node",
    "StringARRAY",
    "node_of",
]


class Node:
    """A place in an open file.

    Two nodes are equal if they name the same path through the same backend.
    """

    class_name = "NODE"
    #: The path when it was last asked for, also after the file was closed; ``''`` if it never was.
    last_path = ""
    _within: GROUP | None = None

    def __init__(self, backend: Backend, handle: Handle) -> None:
        self._backend = backend
        self._handle = handle

    @property
    def backend(self) -> Backend:
        """The backend that this node is reached through."""
        return self._backend

    @property
    def handle(self) -> Handle:
        """The backend's handle."""
        return self._handle

    @property
    def node(self) -> Any:
        """The library's own object, None if there is none in this process."""
        return self._backend.raw_node(self._handle)

    @property
    def h5file(self) -> Any:
        """The library's own file object."""
        return self._backend.raw_file

    @property
    def path(self) -> str:
        """Absolute path in the file."""
        self.last_path = self._backend.path_of(self._handle)
        return self.last_path

    @property
    def name(self) -> str:
        """Last part of the path; ``'/'`` for the root."""
        return self.path.rpartition("/")[2] or "/"

    @property
    def title(self) -> str:
        """Title of the node, for people."""
        return str(self.attrs.get("TITLE", ""))

    @property
    def parent_node(self) -> Node | None:
        """The group that holds this node, None for the root."""
        path = self.path
        if self._within is not None:
            return self._within
        return None if path == "/" else node_of(self._backend, path.rpartition("/")[0] or "/")

    @property
    def attrs(self) -> Attributes:
        """The attributes."""
        return Attributes(self._backend, self._handle)

    def get_attr(self, name: str) -> Any:
        """Return the value of an attribute; NodeError if there is none of that name."""
        return self.attrs[name]

    def set_attr(self, name: str, value: Any) -> None:
        """Write an attribute."""
        self.attrs[name] = value

    def __eq__(self, other: object) -> bool:
        """Tell whether both name the same place."""
        return isinstance(other, Node) and self._backend is other._backend and self.path == other.path

    def __hash__(self) -> int:
        """Return a hash that fits equality."""
        return hash((id(self._backend), self.path))

    def __str__(self) -> str:
        """Return path, class and title."""
        return f"{self.path} ({self.class_name}) {self.title!r}"

    def __repr__(self) -> str:
        """Return path, class, title and size or shape."""
        return str(self)


class LINK(Node):
    """A soft or external link, or something that can't be read: shown, and not followed."""

    class_name = "LINK"


class GROUP(Node):
    """A group of nodes."""

    class_name = "GROUP"
    #: Of the group of a module: its identity in other files (see :mod:`h5saver_widget.saving.handles`).
    known_as: Any = None

    def become(self, other: GROUP) -> None:
        """Name the same place as another group from now on."""
        self._backend, self._handle = other.backend, other.handle
        assert self.path

    def children_name(self) -> list[str]:
        """Return the names of the nodes in this group, 2 before 10."""
        return self._backend.children(self._handle)

    def children(self) -> dict[str, Node]:
        """Return the nodes in this group by name."""
        return {name: self.get_child(name) for name in self.children_name()}

    def get_child(self, name: str) -> Node:
        """Return the node of that name in this group; NodeError if there is none."""
        path = self.path
        return node_of(self._backend, f"/{name}" if path == "/" else f"{path}/{name}")

    def remove_children(self) -> None:
        """Delete everything in this group."""
        with self._backend.lock:
            for child in self.children().values():
                self._backend.delete(child.handle)

    def __repr__(self) -> str:
        """Return path, title and the children's names."""
        return f"{self} children := {self.children_name()}"


class ListedGroup(GROUP):
    """A group whose names were looked up once, and so are those of the groups in it, where a walk reads all of them.

    Later changes are not seen: every object of a group asks for the other names in the group.
    """

    _names: list[str] | None = None

    def children_name(self) -> list[str]:
        """Return the names as they were when they were first asked for."""
        if self._names is None:
            self._names = super().children_name()
        return self._names

    def get_child(self, name: str) -> Node:
        """Return the node of that name, which knows that it is in this group."""
        child = super().get_child(name)
        if isinstance(child, GROUP):
            child = ListedGroup(child.backend, child.handle)
        child._within = self
        return child


class Array(Node):
    """The common base of arrays of every kind: reading slices."""

    _bool: bool | None = None

    @property
    def info(self) -> ArrayInfo:
        """Shape, dtype and storage."""
        return self._backend.info(self._handle)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape, as it is in the file now."""
        return self.info.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Number type of the values as they are read."""
        return np.dtype(bool) if self._holds_bool() else self.info.dtype

    @property
    def array(self) -> Any:
        """The library's own object."""
        return self.node

    def _holds_bool(self) -> bool:
        """Tell whether small integers stand for booleans: each library stores these in a way the other can't name."""
        if self._bool is None:
            small = self.info.dtype in (np.dtype(np.uint8), np.dtype(np.int8))
            self._bool = small and self.attrs.get("dtype") == "bool"
        return self._bool

    def read(self) -> Any:
        """Return everything, as an array."""
        return self[...]

    def __getitem__(self, selection: Selection) -> Any:
        """Return part of the array; only that part is read from the file."""
        values = self._backend.read(self._handle, selection)
        return np.asarray(values).astype(bool)[()] if self._holds_bool() else values

    def __len__(self) -> int:
        """Return the number of rows."""
        shape = self.shape
        return shape[0] if shape else 1

    def __repr__(self) -> str:
        """Return path, title, shape and dtype."""
        return f"{self} shape := {self.shape} dtype := {self.dtype}"


class CARRAY(Array):
    """An array of fixed shape."""

    class_name = "CARRAY"

    def __setitem__(self, selection: Selection, values: Any) -> None:
        """Overwrite part of the array; the values must be of its number type, or convert to it without loss."""
        self._backend.write(self._handle, selection, np.asarray(values))


class EARRAY(CARRAY):
    """An array that grows along its first axis."""

    class_name = "EARRAY"

    def append(self, data: npt.ArrayLike, expand: bool = True) -> None:
        """Add one row (data of the row's shape) or several (one more axis in front).

        Parameters
        ----------
        data
            Values of the array's number type.
        expand
            Take a 1D array as rows of one value each where rows have shape ``(1,)``.
        """
        rows = np.asarray(data)
        row_shape = self.shape[1:]
        if rows.shape == row_shape:
            rows = rows[np.newaxis]
        elif expand and rows.ndim == 1 and row_shape == (1,):
            rows = rows[:, np.newaxis]
        self._backend.append(self._handle, rows)


class VLARRAY(Array):
    """A growing list of byte rows of any length."""

    class_name = "VLARRAY"

    def append(self, data: Any) -> None:
        """Add one row: uint8 values, or bytes."""
        row = np.frombuffer(data, np.uint8) if isinstance(data, (bytes, bytearray)) else np.asarray(data, np.uint8)
        self._backend.append(self._handle, row)

    def _holds_bool(self) -> bool:
        return False


class StringARRAY(VLARRAY):
    """A growing list of text lines: the log of a file."""

    def append(self, data: Any) -> None:
        """Add one line."""
        self._backend.append(self._handle, codec.encode_log_line(str(data)))

    def read(self) -> list[str]:
        """Return all lines."""
        return self[:]  # type: ignore[no-any-return]

    def __getitem__(self, selection: Selection) -> Any:
        """Return one line, or a list of lines for a slice. Bytes that are no text are shown as such, never run."""
        rows = self._backend.read(self._handle, selection)
        if isinstance(selection, (int, np.integer)):
            return codec.decode_log_line(rows, errors="replace")
        return [codec.decode_log_line(row, errors="replace") for row in rows]


def node_of(backend: Backend, where: str | Handle) -> Node:
    """Return the typed node at a path, or of a handle.

    Raises
    ------
    NodeError
        If there is none.
    """
    handle = backend.node(where) if isinstance(where, str) else where
    kind = backend.kind(handle)
    if kind is NodeKind.TEXT:
        log = codec.decode(backend.get_attributes(handle, ["subdtype"]).get("subdtype")) == "string"
        return (StringARRAY if log else VLARRAY)(backend, handle)
    return _CLASSES.get(kind, LINK)(backend, handle)


_CLASSES: dict[NodeKind, type[Node]] = {NodeKind.GROUP: GROUP, NodeKind.FIXED: CARRAY, NodeKind.GROWING: EARRAY}
