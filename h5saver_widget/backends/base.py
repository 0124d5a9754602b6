"""The backend interface: everything that the saver asks of an HDF5 library, and nothing more.

A backend holds at most one open file. Nodes are named by *handles*: opaque objects that only the backend which gave
them can read. Everything above (walking, numbering, get-or-create, attribute encoding) is written once on top of these
calls, so that a library, a server or another process can take the place of a local file without a change above.

A library provides the primitives of :class:`~h5saver_widget.backends.storage.Storage`: read that file to write a
backend. The public calls are written here, once: they take the lock, refuse calls that make no sense, and turn the
library's errors into ours. Four parts beside the calls can be exchanged: ``location`` (a disk, a server), ``queue``
(frames on their way), ``durability`` (journal) and ``inspection`` (links, damage).

Rules that every backend keeps, checked by ``h5saver_widget.testing``:

- every call may be made from any thread; one call is atomic;
- a call on a closed file raises :class:`~h5saver_widget.errors.FileNotOpenError`, a handle of a deleted node or of
  a file that was closed meanwhile raises :class:`~h5saver_widget.errors.NodeError`;
- a link is shown as a node of its own kind and never followed; it has neither attributes nor content;
- reading never writes, opening never creates (mode ``x`` alone does), nothing is ever overwritten;
- attributes are raw: text, bytes, numbers, booleans and arrays of them. Their meaning is decided in
  :mod:`h5saver_widget.format.codec`; nothing found in a file is ever unpickled or evaluated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.backend_file import BackendFile
from h5saver_widget.backends.handles import UNREADABLE, TreeNode, no_such_node, parent_and_name
from h5saver_widget.backends.inspecting import Inspection
from h5saver_widget.backends.primitive import changing, looking
from h5saver_widget.backends.row_layout import RowLayout
from h5saver_widget.backends.shown_again import listed_in_root
from h5saver_widget.backends.terms import (
    ArrayInfo,
    Handle,
    NodeKind,
    NodeSpec,
    ObjectCopies,
    Plain,
    RawAttribute,
    Selection,
)
from h5saver_widget.errors import DataMismatchError, FileNotOpenError, H5SaverError, NodeError

__all__ = ["Backend"]

#: Rows of a fill value are written in blocks of at most so many bytes.
FILL_BYTES = 1 << 24

_R = TypeVar("_R")


class Backend(BackendFile):
    """One HDF5 file through one library.

    Opening, flushing and closing it, and its parts, are those of `BackendFile`.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from h5saver_widget.backends.registry import create_backend
    >>> backend = create_backend('h5py')
    >>> backend.open(pathlib.Path(tempfile.mkdtemp()) / 'a.h5', 'x')
    >>> group = backend.create(backend.root(), 'Run', NodeSpec(NodeKind.GROUP))
    >>> array = backend.create(group, 'Counts', NodeSpec(NodeKind.GROWING, dtype='int64'))
    >>> backend.append(array, np.arange(3))
    >>> backend.read(array).tolist(), backend.path_of(array)
    ([0, 1, 2], '/Run/Counts')
    >>> backend.close()
    """

    #: Answers questions about links, damage and types of other programs.
    inspector: ClassVar[type[Inspection]] = Inspection

    # ------------------------------------------------------------------ tree
    def root(self) -> Handle:
        """Return the root group."""
        return self.node("/")

    @looking
    def node(self, path: str) -> Handle:
        """Return the node at an absolute path; NodeError if there is none."""
        known = self._nodes.known(path)
        if known is None:
            owner = self._nodes.owner
            obj, kind = self._look_up(path)
            with self.lock:
                if owner is not self._nodes.owner:
                    raise NodeError(f"{path} is gone: its file was closed meanwhile")
                known = self._nodes.known(path) or self._nodes.remember(path, obj, kind)
        return Handle(known)

    def _look_up(self, path: str) -> tuple[Any, NodeKind]:
        """Return the object and the kind of a node that has no handle yet."""
        if path == "/":
            return self._root_object(), NodeKind.GROUP
        above, name = parent_and_name(path)
        parent = self._nodes.group(self.node(above))
        if not self._has(parent.obj, name):
            raise no_such_node(path, self.path, above, self._names(parent.obj))
        try:
            return self._child(parent.obj, name)
        except self.library_errors:
            # damaged, or of a type the library doesn't know: shown as such, so that a walk continues
            return UNREADABLE, NodeKind.OTHER

    def path_of(self, node: Handle) -> str:
        """Return the absolute path of a node."""
        return cast(TreeNode, node).path

    @looking
    def kind(self, node: Handle) -> NodeKind:
        """Return the kind of a node."""
        return self._nodes.get(node).kind

    @looking
    def children(self, group: Handle) -> list[str]:
        """Return the names of the nodes in a group, in natural order (2 before 10).

        The NeXus entry of a recording, which shows its data once more, is not listed in the root; its path leads to it.
        """
        return self._listed(self._nodes.group(group))

    def _listed(self, group: TreeNode) -> list[str]:
        names = self._sorted_names(group.obj)
        return listed_in_root(self, names) if group.path == "/" else names

    @looking
    def children_kinds(self, group: Handle) -> dict[str, NodeKind]:
        """Return names and kinds of the nodes in a group, in natural order: one call for a whole group."""
        found = self._nodes.group(group)
        kinds: dict[str, NodeKind] = {}
        for name in self._listed(found):
            try:
                kind = self._kind_of_child(found.obj, name)
            except self.library_errors:
                kind = None
            kinds[name] = self.kind(self.node(f"{found.path.rstrip('/')}/{name}")) if kind is None else kind
        return kinds

    @looking
    def has_child(self, group: Handle, name: str) -> bool:
        """Tell whether a group holds a node of that name, of any kind; costs the same in a group of 10,000."""
        found = self._nodes.group(group)
        return bool(name) and "/" not in name and "\0" not in name and self._has(found.obj, name)

    @looking
    def identity(self, node: Handle) -> Hashable:
        """Return a value that all paths to one object have in common; the path, where the library can't tell."""
        found = self._nodes.described(node)
        return self.path_of(node) if found is None else self._identity(found)

    @changing
    def raw_node(self, node: Handle) -> Any:
        """Return the library's own object for a node, None when there is none in this process."""
        return self._nodes.get(node).obj

    @property
    def inspection(self) -> Inspection:
        """Answers questions about links, damage, and types of other programs."""
        return self.inspector(self)

    @looking
    def ask_about(self, node: Handle, question: Callable[[TreeNode], _R]) -> _R:
        """Return the answer of a function about a node, for parts of a backend; errors as those of reading."""
        return question(self._nodes.get(node))

    # -------------------------------------------------------------- creation
    @changing
    def create(self, parent: Handle, name: str, spec: NodeSpec) -> Handle:
        """Make a node with its attributes and data: all of it, or nothing.

        Raises
        ------
        NodeExistsError
            If there is a node of that name.
        NamingError
            If the name is empty or holds a slash.
        DataMismatchError, CodecError
            If the library can't hold such an array, or such an attribute.
        StreamingError
            While the file streams.
        """
        with self._making(parent, name) as (group, path):
            return Handle(self._make(group, path, spec))

    def _make(self, group: TreeNode, path: str, spec: NodeSpec) -> TreeNode:
        """Make a node whose place and name were checked."""
        node = self._nodes.remember(path, self._create(group.obj, path.rpartition("/")[2], spec), spec.kind)
        node.is_new = True
        try:
            self._complete_new(node, spec)
        except BaseException:
            # all or nothing: half a node would be in the way of the next attempt
            with suppress(H5SaverError, *self.library_errors):
                self._remove(node)
            self._forget(path)
            raise
        self._nodes.note_new(path, spec)
        return node

    @changing
    def add_plain(self, nodes: Mapping[str, Plain]) -> None:
        """Make nodes as programs make them that know nothing of this library; a group that is there is added to.

        Only where ``capabilities.views``.

        Parameters
        ----------
        nodes
            The nodes by path, made in this order; the group above each exists by then. A text or number of that path
            is made anew; a view or link stays as it is; a group is added to.

        Raises
        ------
        NodeError
            If the array that a view shows does not exist, or HDF5 refuses it.
        StreamingError
            While the file streams.
        """
        self._may_change(f"make {', '.join(nodes)}")
        for path, node in nodes.items():
            self._add_plain(path, node)

    @changing
    def delete(self, node: Handle) -> None:
        """Remove a node and everything below it."""
        found = self._nodes.get(node)
        self._may_change(f"delete {found.path}")
        if found.path == "/":
            raise NodeError("the root of a file can't be deleted")
        self._drain()
        self._remove(found)
        self._forget(found.path)

    @changing
    def copy(self, node: Handle, parent: Handle, name: str) -> Handle:
        """Copy a node and everything below it, attributes included, into a group of this file.

        A group can't be copied into itself, nor can a link: NodeError.
        """
        source = self._nodes.get(node)
        with self._making(parent, name) as (group, path):
            self._may_copy(source, path)
            self._drain()
            self._copy(source, group, name)
            return self.node(path)

    def object_copies(self, path: Path) -> ObjectCopies:
        """Make a file that nodes of the open one are copied into as they are; FileExistsError if there is one.

        Only where ``capabilities.copies_objects``.
        """
        raise DataMismatchError(f"{self.name} can't copy nodes into another file as they are")

    # ---------------------------------------------------------------- arrays
    @looking
    def info(self, array: Handle) -> ArrayInfo:
        """Return shape, dtype and storage of an array. The dtype of byte rows is uint8."""
        return self._info(self._nodes.array(array))

    @changing
    def append(self, array: Handle, rows: npt.NDArray[Any]) -> None:
        """Add rows at the end of a growing array: shape ``(n,) + row_shape``; for byte rows one uint8 row.

        DataMismatchError if shape or dtype don't fit (the array stays as it was); StreamingError for byte rows while
        the file streams, because HDF5 breaks rows of any length under SWMR.
        """
        self._append_checked([self._appendable(array, rows)])

    @changing
    def append_many(self, rows: Sequence[tuple[Handle, npt.NDArray[Any]]]) -> None:
        """Add rows to several growing arrays: all are checked before any is written.

        A frame has many channels: one call is one wait for the lock (or one message to another process).
        """
        self._append_checked([self._appendable(array, values) for array, values in rows])

    @changing
    def row_layout(self, arrays: Sequence[Handle]) -> RowLayout:
        """Get ready to add a row to each of several growing arrays, again and again; see :meth:`append_row`."""
        if self._mode == "r":
            raise FileNotOpenError(f"can't append: {self.path} is open for reading only; open it with mode 'r+'")
        nodes = [self._nodes.array(array) for array in arrays]
        layout = RowLayout(arrays, [(self._held(node), node.row_shape) for node in nodes])
        layout.state = self._nodes.changes
        return layout

    def _require_valid(self, layout: RowLayout) -> None:
        """Raise NodeError if an array of a layout is gone."""
        if layout.state != self._nodes.changes:
            for array in layout.arrays:
                self._nodes.get(array)
            layout.state = self._nodes.changes

    def append_row(self, layout: RowLayout, values: Sequence[Any]) -> None:
        """Add a row to each array of a layout, as append_many does.

        `values` are buffers in the order of the arrays: C-contiguous, of their number types, one row each.
        """
        self.append_packed(layout, layout.joined(values))

    def append_packed(self, layout: RowLayout, row: bytes | memoryview) -> None:
        """Add a row to each array of a layout, given in one piece; nothing of it is kept that the caller may change."""
        self.append_many(list(layout.rows_of([row])))

    def extend(self, array: Handle, count: int, fill: Any) -> None:
        """Add `count` rows that hold `fill`, the value that the array was made with.

        Where the library can, they are not written: it knows the value of rows that nobody has written.
        """
        with self.lock:
            info = self.info(array)
            step = max(1, FILL_BYTES // max(1, math.prod(info.shape[1:]) * info.dtype.itemsize))
            for start in range(0, count, step):
                self.append(array, np.full((min(step, count - start), *info.shape[1:]), fill, info.dtype))

    @changing
    def write(self, array: Handle, selection: Selection, values: npt.NDArray[Any]) -> None:
        """Overwrite part of an array."""
        self._write_checked(selection, [self._overwritable(array, values)])

    @changing
    def write_point(self, at: tuple[int, ...], values: Sequence[tuple[Handle, npt.NDArray[Any]]]) -> None:
        """Overwrite the part at a position, in several arrays; number types are checked before any is written.

        A point of a scan has many channels: one call is one wait for the lock (or one message to another process).
        """
        self._write_checked(at, [self._overwritable(array, part) for array, part in values])

    def _write_checked(self, selection: Selection, ready: Sequence[tuple[TreeNode, npt.NDArray[Any]]]) -> None:
        """Overwrite the part at a selection of each array with values that were checked."""
        for node, part in ready:
            self._write(node, selection, part)

    @looking
    def read(self, array: Handle, selection: Selection = ...) -> Any:
        """Read an array or part of it; byte rows come as a list of uint8 arrays."""
        return self._read(self._nodes.array(array), selection)

    def allow(self, folders: Sequence[Path]) -> None:
        """Allow to read the values of arrays from other files in these folders; only those of this call count.

        Without it, such an array shows shape, number type and sources, and reading it raises ValuesElsewhereError.
        """
        self._allowed = tuple(folders)

    # ------------------------------------------------------------ attributes
    @looking
    def attribute_names(self, node: Handle) -> list[str]:
        """Return the sorted names of the attributes of a node."""
        found = self._nodes.described(node)
        return [] if found is None else self._attribute_names(found)

    @looking
    def get_attributes(self, node: Handle, names: list[str] | None = None) -> dict[str, RawAttribute]:
        """Return raw attributes, except for names that are missing or unreadable."""
        found = self._nodes.described(node)
        return {} if found is None else self._get_attributes(found, names)

    @changing
    def set_attributes(self, node: Handle, attributes: Mapping[str, RawAttribute]) -> None:
        """Set attributes, replacing existing ones of the same names."""
        self._set_attributes(self._changeable(node, "set attributes"), attributes)

    @changing
    def delete_attribute(self, node: Handle, name: str) -> None:
        """Remove an attribute; NodeError if it is not there."""
        self._delete_attribute(self._changeable(node, "delete an attribute"), name)

    # ------------------------------------------------------------------ SWMR
    @changing
    def start_swmr(self) -> None:
        """Start streaming; it ends when the file is closed."""
        if not self._swmr:
            self._may_change("start streaming")
            self._start_swmr()
            self._swmr = True

    @looking
    def refresh(self, array: Handle) -> None:
        """See rows that another process has appended since the file was opened for reading."""
        self._refresh(self._nodes.array(array))
