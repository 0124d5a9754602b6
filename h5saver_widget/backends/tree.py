"""What all backends share: handles, looking nodes up, and refusing what can't be done before a library is asked.

A handle remembers the library's object. Handles are kept weakly by path, so that two look-ups of one node share one
handle, while a walk over 100,000 nodes does not keep 100,000 of them open.
"""

from __future__ import annotations

import functools
import weakref
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar, cast

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.base import Backend, primitive
from h5saver_widget.backends.row_layout import RowLayout
from h5saver_widget.backends.terms import Compression, Handle, NodeKind, RawAttribute, Selection
from h5saver_widget.errors import (
    DataMismatchError,
    FileNotOpenError,
    H5SaverError,
    NodeError,
    NodeExistsError,
    StreamingError,
)
from h5saver_widget.format.naming import check_node_name, natural_key

__all__ = ["SYSTEM_TEXT", "TreeBackend", "TreeNode", "check_selection", "is_point", "parent_and_name", "reports_damage"]

_UNREADABLE = object()

#: Attributes that PyTables writes as ASCII bytes; they are text all the same.
SYSTEM_TEXT = frozenset({"CLASS", "FLAVOR", "PYTABLES_FORMAT_VERSION", "TITLE", "VERSION"})


class TreeNode:
    """A handle: path, the library's object (None once it is gone), kind; of a growing array the row shape too.

    `owner` tells the handles of two backends apart. In `writer` a backend keeps what it has to know to write, and in
    `held` the number type of a growing array that rows were appended to, so that both are looked up once for an array,
    not per row.
    """

    __slots__ = ("__weakref__", "held", "is_new", "kind", "obj", "owner", "path", "row_shape", "writer")

    def __init__(self, path: str, obj: Any, kind: NodeKind, owner: object) -> None:
        self.path = path
        self.obj = obj
        self.kind = kind
        self.owner = owner
        self.row_shape = tuple(int(n) for n in obj.shape[1:]) if kind is NodeKind.GROWING else ()
        self.writer: Any = None
        self.held: np.dtype[Any] | None = None
        #: Whether the node was made through this handle: no other program had a say in how it is stored.
        self.is_new = False


_P = ParamSpec("_P")
_R = TypeVar("_R")
_W = TypeVar("_W")
_L = TypeVar("_L", bound="TreeBackend")


def reports_damage(method: Callable[Concatenate[_L, _W, _P], _R]) -> Callable[Concatenate[_L, _W, _P], _R]:
    """Turn what a library raises where a file is damaged into a NodeError of the node that was looked at."""

    @functools.wraps(method)
    def looks(self: _L, where: _W, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return method(self, where, *args, **kwargs)
        except self.library_errors as error:
            if isinstance(error, H5SaverError):
                raise
            path = where if isinstance(where, str) else self.path_of(Handle(where))
            raise NodeError(f"{path} can't be read, it may be damaged: {error}") from error

    return looks


class TreeBackend(Backend):
    """A backend on a file of this process; what it needs of the library are the underscored methods."""

    #: What the library raises when it refuses something.
    library_errors: ClassVar[tuple[type[Exception], ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        self._nodes: weakref.WeakValueDictionary[str, TreeNode] = weakref.WeakValueDictionary()
        self._owner = object()
        #: How often nodes were forgotten.
        self._forgotten = 0

    # ------------------------------------------------ what a library provides
    @abstractmethod
    def _root_object(self) -> Any:
        """Return the library's object of the root group."""

    @abstractmethod
    def _names(self, group: Any) -> Iterable[str]:
        """Return the names in a group."""

    @abstractmethod
    def _has(self, group: Any, name: str) -> bool:
        """Tell whether a group holds a name, be it a broken link."""

    @abstractmethod
    def _child(self, group: Any, name: str) -> tuple[Any, NodeKind]:
        """Return a child's object and kind; a link is not followed."""

    @abstractmethod
    def _set(self, node: TreeNode, attributes: Mapping[str, RawAttribute], fresh: bool = False) -> None:
        """Write attributes; a fresh node has none of them yet. CodecError for what can't be stored."""

    @abstractmethod
    def _copy(self, source: TreeNode, group: TreeNode, name: str) -> None:
        """Copy a node, with everything below it, into a group."""

    @abstractmethod
    def _remove(self, node: TreeNode) -> None:
        """Remove a node from the file."""

    @abstractmethod
    def _held(self, node: TreeNode) -> np.dtype[Any]:
        """Return the number type of a growing or fixed array."""

    @abstractmethod
    def _append(self, node: TreeNode, rows: npt.NDArray[Any]) -> None:
        """Append what was checked: C-contiguous rows (at least one) of the array's number type."""

    @abstractmethod
    def _append_bytes(self, node: TreeNode, row: npt.NDArray[np.uint8]) -> None:
        """Append one row to a text array."""

    def _drain(self) -> None:
        """Write what was accepted and is not written yet; by default there is nothing of the kind."""

    # ---------------------------------------------------------------- handles
    def _get(self, handle: Handle) -> TreeNode:
        node = cast(TreeNode, handle)
        # the second half refuses handles of another backend: they would be used without that one's lock
        if not isinstance(node, TreeNode) or node.obj is None or node.owner is not self._owner:
            raise NodeError(f"{getattr(node, 'path', node)} is gone: it was deleted, or its file was closed")
        return node

    def _group(self, handle: Handle) -> TreeNode:
        node = self._get(handle)
        if node.kind is not NodeKind.GROUP:
            raise NodeError(f"{node.path} is a {node.kind.value}, not a group")
        return node

    def _array(self, handle: Handle) -> TreeNode:
        node = self._get(handle)
        if node.kind in (NodeKind.GROUP, NodeKind.LINK, NodeKind.OTHER):
            raise NodeError(f"{node.path} is a {node.kind.value}, not an array that can be read with {self.name}")
        return node

    def _writable(self, handle: Handle) -> TreeNode:
        """Return an array of which parts may be overwritten."""
        node = self._array(handle)
        if node.kind is NodeKind.TEXT:
            raise NodeError(f"{node.path} holds rows of bytes: they can be appended, not overwritten")
        return node

    def _described(self, handle: Handle) -> TreeNode | None:
        """Return a node that can have attributes, None for a link or what the library can't open."""
        node = self._get(handle)
        return None if node.kind is NodeKind.LINK or node.obj is _UNREADABLE else node

    def _changeable(self, handle: Handle, what: str) -> TreeNode:
        """Return a node whose attributes may be changed."""
        node = self._get(handle)
        self._may_change(f"{what} of {node.path}")
        if self._described(handle) is None:
            raise NodeError(f"{node.path} is a {node.kind.value}: it has no attributes")
        return node

    def _remember(self, path: str, obj: Any, kind: NodeKind) -> TreeNode:
        node = TreeNode(path, obj, kind, self._owner)
        self._nodes[path] = node
        return node

    def _forget(self, path: str) -> None:
        """Make the handles of a node and of everything below it invalid."""
        self._forgotten += 1
        below = path.rstrip("/") + "/"
        for known, node in list(self._nodes.items()):
            if known == path or known.startswith(below):
                node.obj = node.writer = node.held = None
                self._nodes.pop(known, None)

    # ------------------------------------------------------------------- tree
    @primitive
    def root(self) -> Handle:
        """Return the root group."""
        return self.node("/")

    @primitive
    @reports_damage
    def node(self, path: str) -> Handle:
        """Return the node at an absolute path; NodeError if there is none."""
        known = self._nodes.get(path)
        if known is not None:
            return Handle(known)
        if path == "/":
            return Handle(self._remember("/", self._root_object(), NodeKind.GROUP))
        parent_path, name = parent_and_name(path)
        parent = self._group(self.node(parent_path))
        if not self._has(parent.obj, name):
            names = sorted(self._names(parent.obj), key=natural_key)
            some = ", ".join(names[:8]) + (f", ... ({len(names)} nodes)" if len(names) > 8 else "")
            raise NodeError(f"there is no node {path!r} in {self.path}; {parent_path} holds: {some or 'nothing'}")
        try:
            return Handle(self._remember(path, *self._child(parent.obj, name)))
        except self.library_errors:
            # damaged, or of a type the library doesn't know: shown as such, so that a walk goes on beside it
            return Handle(self._remember(path, _UNREADABLE, NodeKind.OTHER))

    def path_of(self, node: Handle) -> str:
        """Return the absolute path of a node."""
        return cast(TreeNode, node).path

    @primitive
    @reports_damage
    def children(self, group: Handle) -> list[str]:
        """Return the names of the nodes in a group, in natural order."""
        return sorted(self._names(self._group(group).obj), key=natural_key)

    @primitive
    @reports_damage
    def children_kinds(self, group: Handle) -> dict[str, NodeKind]:
        """Return names and kinds of the nodes in a group, in natural order."""
        found = self._group(group)
        base = found.path.rstrip("/")
        kinds: dict[str, NodeKind] = {}
        for name in sorted(self._names(found.obj), key=natural_key):
            try:
                kind = self._kind_of_child(found.obj, name)
            except self.library_errors:
                kind = None
            kinds[name] = self.kind(self.node(f"{base}/{name}")) if kind is None else kind
        return kinds

    def _kind_of_child(self, group: Any, name: str) -> NodeKind | None:
        """Return the kind of a child without making its object, None where that is not possible."""
        return None

    @primitive
    @reports_damage
    def has_child(self, group: Handle, name: str) -> bool:
        """Tell whether a group holds a node of that name."""
        found = self._group(group)
        return bool(name) and "/" not in name and "\0" not in name and self._has(found.obj, name)

    @primitive
    def kind(self, node: Handle) -> NodeKind:
        """Return what the node is."""
        return self._get(node).kind

    @primitive
    def raw_node(self, node: Handle) -> Any:
        """Return the library's own object."""
        return self._get(node).obj

    @primitive
    def delete(self, node: Handle) -> None:
        """Remove a node and everything below it."""
        found = self._get(node)
        self._may_change(f"delete {found.path}")
        if found.path == "/":
            raise NodeError("the root of a file can't be deleted")
        self._drain()
        self._remove(found)
        self._forget(found.path)

    @primitive
    def set_attributes(self, node: Handle, attributes: Mapping[str, RawAttribute]) -> None:
        """Set attributes, replacing existing ones."""
        self._set(self._changeable(node, "set attributes"), attributes)

    @primitive
    def copy(self, node: Handle, parent: Handle, name: str) -> Handle:
        """Copy a node and everything below it into a group of this file."""
        source = self._get(node)
        with self._making(parent, name) as (group, path):
            if self._described(node) is None:
                raise NodeError(f"{source.path} is a {source.kind.value}, it can't be copied")
            if f"{group.path.rstrip('/')}/".startswith(f"{source.path.rstrip('/')}/"):
                raise NodeError(f"{source.path} can't be copied into itself ({path}); choose a group outside of it")
            self._drain()
            self._copy(source, group, name)
            return self.node(path)

    # ----------------------------------------------------------------- arrays
    @primitive
    def append(self, array: Handle, rows: npt.NDArray[Any]) -> None:
        """Add rows at the end of a growing array."""
        self._append_checked([self._appendable(array, rows)])

    @primitive
    def append_many(self, rows: Sequence[tuple[Handle, npt.NDArray[Any]]]) -> None:
        """Add rows to several growing arrays: all are checked before any is written."""
        self._append_checked([self._appendable(array, values) for array, values in rows])

    @primitive
    def row_layout(self, arrays: Sequence[Handle]) -> RowLayout:
        """Get ready to add a row to each of several growing arrays, again and again."""
        self._require_changes()
        nodes = [self._array(array) for array in arrays]
        layout = RowLayout(arrays, [(self._held(node), node.row_shape) for node in nodes])
        layout.state = self._forgotten
        return layout

    def _require_changes(self) -> None:
        if self._mode == "r":
            raise FileNotOpenError(f"can't append: {self.path} is open for reading only; open it with mode 'r+'")

    def _require_valid(self, layout: RowLayout) -> None:
        """Raise NodeError if an array of a layout is gone."""
        if layout.state != self._forgotten:
            for array in layout.arrays:
                self._get(array)
            layout.state = self._forgotten

    def _appendable(self, array: Handle, rows: npt.NDArray[Any]) -> tuple[TreeNode, npt.NDArray[Any]]:
        # what the checks would let pass as it is, at a third of their price: five channels in 5 us instead of 8
        known = cast(TreeNode, array)
        if (
            type(known) is TreeNode
            and type(rows) is np.ndarray
            and known.held is not None  # which numpy would take for float64
            and rows.dtype == known.held
            and known.owner is self._owner
            and rows.ndim == len(known.row_shape) + 1
            and rows.shape[1:] == known.row_shape
            and rows.flags.c_contiguous
            and self._mode != "r"
        ):
            return known, rows
        node = self._array(array)
        is_text = node.kind is NodeKind.TEXT
        return node, self._row_of_bytes(node, rows) if is_text else self._rows_that_fit(node, rows)

    def _append_checked(self, ready: list[tuple[TreeNode, npt.NDArray[Any]]]) -> None:
        for node, values in ready:
            if node.kind is NodeKind.TEXT:
                self._append_bytes(node, values)
            elif values.shape[0]:
                self._append(node, values)

    # ----------------------------------------------------------------- checks
    def _may_change(self, what: str) -> None:
        if not self.writable:
            raise FileNotOpenError(f"can't {what}: {self.path} is open for reading only; open it with mode 'r+'")
        if self.swmr_active:
            raise StreamingError(
                f"can't {what}: the file is streaming (SWMR), only appending is possible now; "
                "make everything before streaming starts, or close and reopen the file"
            )

    def _may_write(self, node: TreeNode, values: npt.NDArray[Any], held: np.dtype[Any]) -> None:
        if self._mode == "r":
            raise FileNotOpenError(
                f"can't write to {node.path}: {self.path} is open for reading only; open it with mode 'r+'"
            )
        if values.dtype != held and not np.can_cast(values.dtype, held, "safe"):
            raise DataMismatchError(f"{node.path} holds {held}, got {values.dtype}: convert the values first")

    def _row_of_bytes(self, node: TreeNode, row: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
        """Return a row of bytes as it may be appended to a text array."""
        values = np.asarray(row)
        self._may_write(node, values, np.dtype(np.uint8))
        if values.ndim != 1:
            raise DataMismatchError(f"{node.path} takes one row of bytes at a time, got shape {values.shape}")
        if self.swmr_active:
            raise StreamingError(f"{node.path} holds rows of any length: HDF5 breaks them under SWMR")
        return values.astype(np.uint8, copy=False)

    def _rows_that_fit(self, node: TreeNode, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return rows C-contiguous, of shape ``(n,) + row_shape`` and of the array's dtype; an error otherwise."""
        if node.kind is not NodeKind.GROWING:
            raise NodeError(f"{node.path} has a fixed shape, it can't grow; write into it with a selection instead")
        values, held = np.asarray(rows), self._held(node)
        self._may_write(node, values, held)
        if values.ndim != len(node.row_shape) + 1 or values.shape[1:] != node.row_shape:
            raise DataMismatchError(f"{node.path} takes rows of shape {node.row_shape}, got shape {values.shape}")
        node.held = held
        if values.dtype == held and values.flags.c_contiguous:
            return values
        return np.ascontiguousarray(values, dtype=held)

    @contextmanager
    def _making(self, parent: Handle, name: str) -> Iterator[tuple[TreeNode, str]]:
        """Check that a node may be made here, and turn the library's refusals into ours."""
        group = self._group(parent)
        path = f"/{name}" if group.path == "/" else f"{group.path}/{name}"
        self._may_change(f"make {path}")
        check_node_name(name)
        if self._has(group.obj, name):
            raise NodeExistsError(f"{group.path} already holds a node {name!r}; choose another name")
        try:
            yield group, path
        except self.library_errors as error:
            if isinstance(error, H5SaverError):
                raise
            raise DataMismatchError(f"{path} could not be made with {self.name}: {error}") from error

    def _made(
        self,
        path: str,
        obj: Any,
        kind: NodeKind,
        attributes: Mapping[str, RawAttribute] | None,
        data: npt.NDArray[Any] | None = None,
    ) -> Handle:
        """Return the handle of a new node, once its attributes and, of an array, its data are written."""
        node = self._remember(path, obj, kind)
        node.is_new = True
        try:
            if attributes:
                self._set(node, attributes, fresh=True)
            if data is not None:
                self._fill(node, data)
        except BaseException:
            # all or nothing: half a node would be in the way of the next attempt
            self._remove(node)
            self._forget(path)
            raise
        return Handle(node)

    def _fill(self, node: TreeNode, data: npt.NDArray[Any]) -> None:
        """Write all of a new array."""
        raise NotImplementedError(f"{self.name} writes the data of an array when it makes it")

    def _library(self, compression: Compression | None) -> str | None:
        """Return the checked name of the compression library, None for no compression."""
        if compression is None or not compression.is_on:
            return None
        if compression.library not in self.capabilities.compression:
            names = ", ".join(self.capabilities.compression)
            raise DataMismatchError(
                f"{self.name} can't compress with {compression.library!r}; choose one of: {names}, or level 0"
            )
        return "zlib" if compression.library == "gzip" else compression.library


def is_point(selection: Selection, shape: tuple[int, ...], values: npt.NDArray[Any]) -> bool:
    """Tell whether values fill all that numbers from 0 on select, as every step of a scan does.

    >>> is_point((3, 1), (10, 5, 256), np.zeros(256)), is_point((3, 5), (10, 5, 256), np.zeros(256))
    (True, False)
    """
    if type(selection) is not tuple or not selection or values.shape != shape[len(selection) :]:
        return False
    for i, n in zip(selection, shape, strict=False):
        if type(i) is not int or not 0 <= i < n:
            return False
    return len(selection) <= len(shape)


def check_selection(selection: Selection, shape: tuple[int, ...]) -> None:
    """Raise IndexError for a number outside of an array: PyTables would take another row instead.

    >>> check_selection((0, ..., -3), (5, 4, 3))
    >>> check_selection(-4, (3,))
    Traceback (most recent call last):
        ...
    IndexError: -4 is outside of an axis of 3
    """
    parts = selection if isinstance(selection, tuple) else (selection,)
    if any(part is ... for part in parts):
        at = next(i for i, part in enumerate(parts) if part is ...)
        parts = (*parts[:at], *(slice(None),) * (len(shape) - len(parts) + 1), *parts[at + 1 :])
    for part, size in zip(parts, shape, strict=False):
        if isinstance(part, (int, np.integer)) and not -size <= part < size:
            raise IndexError(f"{part} is outside of an axis of {size}")


def parent_and_name(path: str) -> tuple[str, str]:
    """Split an absolute path.

    >>> parent_and_name('/RawData/Logger')
    ('/RawData', 'Logger')
    """
    if not path.startswith("/") or path == "/" or path.endswith("/"):
        raise NodeError(f"{path!r} is not the absolute path of a node; expected something like '/RawData/Detector000'")
    parent, _, name = path.rpartition("/")
    return parent or "/", name
