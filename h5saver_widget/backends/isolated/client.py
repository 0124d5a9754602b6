"""The backend in the program: it forwards every primitive to the process that has the file.

A read waits for its answer. A change that surely works (rows and values that were checked here, new nodes in groups
whose content is known, plain attributes) is sent without waiting; a change that the library might refuse is waited for,
so that its error arrives where it belongs. If a change fails all the same, on a full disk say, every later change of
the file fails with the reason, until a file is opened again.
"""

from __future__ import annotations

import itertools
import struct
import weakref
from collections import OrderedDict, deque
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.handles import TreeNode, is_below, parent_and_name
from h5saver_widget.backends.isolated.connection import WorkerConnection
from h5saver_widget.backends.isolated.file import QUEUE_BYTES, IsolatedFile
from h5saver_widget.backends.isolated.messages import Kind, pack
from h5saver_widget.backends.isolated.parts import ObjectCopiesOfWorker, QuestionsToWorker
from h5saver_widget.backends.primitive import changing, looking, require_open
from h5saver_widget.backends.row_layout import RowLayout
from h5saver_widget.backends.selections import fitting, is_point, region_of
from h5saver_widget.backends.terms import (
    ArrayInfo,
    Capabilities,
    Handle,
    NodeKind,
    NodeSpec,
    ObjectCopies,
    Plain,
    RawAttribute,
    Selection,
)
from h5saver_widget.errors import CodecError, DataMismatchError

__all__ = ["IsolatedBackend"]

_KNOWN_GROUPS = 512
_LONG_BLOCK = 8 << 20
_SHORT_ROW = 4096
_SHORT_FRAME = 1 << 16
_MOST_DIMENSIONS = 32
_SHORT_TEXT = 16000
#: Number types (numpy's characters) and texts that every library stores: nobody waits for these.
_STORABLE = frozenset("?bhilqBHILQfdFD")


class _Remote:
    """An object of the worker's library, known here by a number. The worker is informed when it is released."""

    __slots__ = ("_released", "dtype", "number", "path", "shape")

    def __init__(
        self, number: int, path: str, released: deque[int], shape: tuple[int, ...] = (), dtype: Any = None
    ) -> None:
        self.number = number
        self.path = path
        self.shape = shape
        self.dtype = dtype
        self._released = released

    def __del__(self) -> None:
        """Remember that the number is free."""
        self._released.append(self.number)


class IsolatedBackend(IsolatedFile):
    """A file in another process.

    Parameters
    ----------
    hosted, capabilities
        Name and capabilities of the backend that the worker uses.
    queue_bytes
        The bytes that may wait to be written.
    """

    inspector = QuestionsToWorker

    def __init__(self, hosted: str, capabilities: Capabilities, queue_bytes: int = QUEUE_BYTES) -> None:
        self._numbers = itertools.count(1)
        #: Names in a group, by its path: no other program changes a file that is open for writing here.
        self._known: OrderedDict[str, set[str]] = OrderedDict()
        super().__init__(hosted, capabilities, queue_bytes)

    @property
    def connection(self) -> WorkerConnection:
        """The link to the worker that has the open file; FileNotOpenError if there is none."""
        require_open(self, "connection")
        return self._connection

    def cannot_read(self, path: Path) -> str:
        """Return, in words, the part of a file that the worker's library can't read; no file has to be open."""
        self.prepare()
        return str(self._connection.ask("cannot_read", str(path.absolute()), self.reading_seconds))

    # ------------------------------------------------------------------- tree
    @looking
    def ask_worker(self, node: Handle, operation: str, *arguments: Any) -> Any:
        """Return the worker's answer to a question about a node."""
        return self._connection.ask(operation, self._nodes.get(node).obj.number, *arguments)

    def _look_up(self, path: str) -> tuple[_Remote, NodeKind]:
        number = next(self._numbers)
        kind, shape, dtype = self._connection.ask("node", number, path)
        return _Remote(number, path, self._connection.released, shape, dtype), NodeKind(kind)

    def _root_object(self) -> _Remote:
        return self._look_up("/")[0]

    def _child(self, group: _Remote, name: str) -> tuple[_Remote, NodeKind]:
        return self._look_up(f"{group.path.rstrip('/')}/{name}")

    def _sorted_names(self, group: _Remote) -> list[str]:
        # names that come from the worker are sorted
        return super()._sorted_names(group) if self.writable else list(self._connection.ask("children", group.number))

    def _names(self, group: _Remote) -> set[str]:
        if self._mode == "r":
            return set(self._connection.ask("children", group.number))
        with self.lock:
            known = self._known.get(group.path)
            if known is None:
                known = set(self._connection.ask("children", group.number))
                self._know(group.path, known)
            else:
                self._known.move_to_end(group.path)
            return known

    def _know(self, path: str, names: set[str]) -> None:
        self._known[path] = names
        if len(self._known) > _KNOWN_GROUPS:
            self._known.popitem(last=False)

    def _has(self, group: _Remote, name: str) -> bool:
        if self._mode == "r":  # another program may be writing
            return bool(self._connection.ask("has_child", group.number, name))
        return name in self._names(group)

    @looking
    def children_kinds(self, group: Handle) -> dict[str, NodeKind]:
        kinds = self._connection.ask("children_kinds", self._nodes.group(group).obj.number)
        return {name: NodeKind(kind) for name, kind in kinds.items()}

    def object_copies(self, path: Path) -> ObjectCopies:
        return ObjectCopiesOfWorker(self.connection, path)

    def _identity(self, node: TreeNode) -> Hashable:
        found: Hashable = self._connection.ask("identity", node.obj.number)
        return found

    def _forget(self, path: str) -> None:
        super()._forget(path)
        for known in [known for known in self._known if is_below(known, path)]:
            del self._known[known]

    def _remove(self, node: TreeNode) -> None:
        self._connection.change("delete", node.obj.number)
        parent, _, name = node.path.rpartition("/")
        self._known.get(parent or "/", set()).discard(name)

    def _copy(self, source: TreeNode, group: TreeNode, name: str) -> None:
        self._connection.change("copy", source.obj.number, group.obj.number, name)
        self._known.get(group.path, set()).add(name)

    # --------------------------------------------------------------- creation
    def _create(self, group: _Remote, name: str, spec: NodeSpec) -> _Remote:
        """Make a node: sent, if nothing can come in between, else waited for."""
        path, dtype = f"{group.path.rstrip('/')}/{name}", spec.dtype if spec.is_array else None
        self._library(spec.compression)
        if dtype is not None and dtype.hasobject:
            raise DataMismatchError(f"{path} could not be made: it can't hold {dtype}, but numbers and short text")
        attributes = _sendable(path, spec.attributes)
        packed = None if spec.compression is None else [spec.compression.library, spec.compression.level]
        number = next(self._numbers)
        # lists are sent as they are, tuples by a call each
        shape, fill = [*spec.shape], spec.fill_value
        what = [spec.kind.value, shape, dtype, spec.data, fill, spec.frame_axes, packed, attributes]
        is_plain = dtype is None or (
            dtype.char in _STORABLE and 0 not in spec.shape and len(spec.shape) < _MOST_DIMENSIONS
        )
        send = self._connection.post if is_plain and _surely_storable(attributes.values()) else self._connection.change
        send("create", number, group.number, name, what)
        self._known.setdefault(group.path, set()).add(name)
        if spec.kind is NodeKind.GROUP:
            self._know(path, set())
        grown = (0, *spec.shape) if spec.kind is NodeKind.GROWING else ()
        return _Remote(number, path, self._connection.released, grown, dtype)

    def _complete_new(self, node: TreeNode, spec: NodeSpec) -> None:
        """Do nothing: attributes and data went with the order to make the node."""

    @changing
    def add_plain(self, nodes: Mapping[str, Plain]) -> None:
        self._may_change(f"make {', '.join(nodes)}")
        self._connection.post("add_plain", {path: node.packed() for path, node in nodes.items()})
        for path in nodes:
            parent, name = parent_and_name(path)
            self._known.get(parent, set()).add(name)
            self._known.pop(path, None)

    # ----------------------------------------------------------------- arrays
    def _info(self, node: TreeNode) -> ArrayInfo:
        return ArrayInfo(*self._connection.ask("info", node.obj.number))

    def _held(self, node: TreeNode) -> np.dtype[Any]:
        if node.kind is NodeKind.FIXED and not node.obj.shape:
            node.obj.shape, node.obj.dtype = self._connection.ask("info", node.obj.number)[:2]
        return node.obj.dtype  # type: ignore[no-any-return]

    def _append_checked(self, ready: list[tuple[TreeNode, npt.NDArray[Any]]]) -> None:
        self._connection.require_success(node.obj.number for node, _ in ready)
        head: list[int] = [0]
        parts: list[bytes | memoryview] = [b""]
        for node, values in ready:
            rows, size = 1 if node.kind is NodeKind.TEXT else len(values), values.nbytes
            if size > _LONG_BLOCK and rows > 1:
                step = max(1, rows * _LONG_BLOCK // size)
                for start in range(0, rows, step):
                    self._append_checked([(node, values[start : start + step])])
            elif rows:
                head += (node.obj.number, rows, size)
                parts.append(values.tobytes() if size < _SHORT_ROW else _bytes_of(values))
        if len(head) > 1:
            head[0] = len(head) // 3
            parts[0] = struct.pack(f"={len(head)}Q", *head)
            is_short = len(parts[0]) + sum(head[3::3]) < _SHORT_ROW
            is_data = ready[0][0].kind is not NodeKind.TEXT  # a line of the log is no reason to wait
            self._connection.put(Kind.rows, [b"".join(parts)] if is_short else parts, is_data)

    @changing
    def row_layout(self, arrays: Sequence[Handle]) -> RowLayout:
        layout = super().row_layout(arrays)
        numbers = [self._nodes.get(array).obj.number for array in arrays]
        layout.number, layout.counts = next(self._numbers), dict.fromkeys(numbers, 1)
        layout.head = layout.number.to_bytes(8, "little")
        self._connection.post("declare", layout.number, numbers, [(dtype.str, shape) for dtype, shape in layout.kinds])
        weakref.finalize(layout, self._connection.released.append, layout.number).atexit = False
        return layout

    @changing
    def append_row(self, layout: RowLayout, values: Sequence[Any]) -> None:
        self._require_valid(layout)
        connection = self._connection
        connection.require_success(layout.counts)
        if layout.size <= _SHORT_FRAME:
            connection.put(Kind.row, [b"".join((layout.head, *values))], is_data=True)
        else:
            connection.put(Kind.row, [layout.head, *(memoryview(value).cast("B") for value in values)], is_data=True)

    def _append(self, node: TreeNode, rows: npt.NDArray[Any]) -> None:
        self._append_checked([(node, rows)])

    @changing
    def extend(self, array: Handle, count: int, fill: Any) -> None:
        node = self._nodes.array(array)
        self.append(array, np.zeros((0, *node.row_shape), self._held(node)))  # refused where rows would be
        self._connection.post("extend", node.obj.number, count, fill)

    def _write_checked(self, selection: Selection, ready: Sequence[tuple[TreeNode, npt.NDArray[Any]]]) -> None:
        for node, _ in ready:
            if node.kind is not NodeKind.FIXED:
                node.obj.shape, node.obj.dtype = self._connection.ask("info", node.obj.number)[:2]
        if all(is_point(selection, node.obj.shape, values) for node, values in ready):
            self._send_values(selection, [(node.obj, values) for node, values in ready])
        else:
            super()._write_checked(selection, ready)

    def _write(self, node: TreeNode, selection: Selection, values: npt.NDArray[Any]) -> None:
        remote = node.obj
        part: tuple[int, ...] | None = None
        with fitting(node.path, remote.shape, selection, values), suppress(TypeError):
            _, part = region_of(selection, remote.shape)
            while values.ndim > len(part) and values.shape[0] == 1:
                values = values[0]  # numpy and the libraries take an array of one value for a number, too
            np.broadcast_to(values, part)
        if part is None:  # only the library knows whether it fits
            self._connection.change("write", remote.number, selection, values)
        else:
            self._send_values(selection, [(remote, values)])

    def _send_values(self, selection: Selection, ready: Sequence[tuple[_Remote, npt.NDArray[Any]]]) -> None:
        """Send the parts of some arrays at a selection: one record."""
        self._connection.require_success()
        about, parts = [], []
        for remote, values in ready:
            dtype = remote.dtype
            if values.dtype != dtype or not values.flags.c_contiguous:
                values = values.astype(dtype, "C")
            about.append([remote.number, dtype if dtype.names else dtype.str, list(values.shape)])
            parts.append(values.tobytes() if values.nbytes < _SHORT_ROW else _bytes_of(values))
        # as plain types of msgpack where there is one: a point of a scan is sent in 10 us instead of 25
        head = pack([list(selection) if type(selection) is tuple else selection, about])
        length = len(head).to_bytes(8, "little")
        is_short = sum(map(len, parts)) < _SHORT_ROW
        record = [b"".join((length, head, *parts))] if is_short else [length, head, *parts]
        self._connection.put(Kind.values, record, is_data=True)

    def _read(self, node: TreeNode, selection: Selection) -> Any:
        found = self._connection.ask("read", node.obj.number, selection)
        return list(found) if isinstance(found, tuple) else found

    # ------------------------------------------------------------- attributes
    def _attribute_names(self, node: TreeNode) -> list[str]:
        return list(self._connection.ask("attribute_names", node.obj.number))

    def _get_attributes(self, node: TreeNode, names: list[str] | None) -> dict[str, RawAttribute]:
        found: dict[str, RawAttribute] = self._connection.ask("get_attributes", node.obj.number, names)
        return found

    def _set_attributes(self, node: TreeNode, attributes: Mapping[str, RawAttribute], fresh: bool = False) -> None:
        plain = _sendable(node.path, attributes)
        send = self._connection.post if _surely_storable(plain.values()) else self._connection.change
        send("set_attributes", node.obj.number, plain)

    def _delete_attribute(self, node: TreeNode, name: str) -> None:
        self._connection.change("delete_attribute", node.obj.number, name)

    # ------------------------------------------------------------------- SWMR
    def _start_swmr(self) -> None:
        self._connection.change("start_swmr")

    def _refresh(self, node: TreeNode) -> None:
        self._connection.ask("refresh", node.obj.number)


def _bytes_of(values: npt.NDArray[Any]) -> memoryview:
    return values.reshape(-1).view(np.uint8).data if values.size else memoryview(b"")


def _sendable(path: str, attributes: Mapping[str, RawAttribute]) -> dict[str, RawAttribute]:
    """Return attributes as they are sent; CodecError for values that no backend can hold."""
    for name, value in attributes.items():
        known = isinstance(value, (str, bytes, bool, int, float, complex, np.generic, np.ndarray))
        if not known or (isinstance(value, (np.generic, np.ndarray)) and value.dtype.hasobject):
            raise CodecError(f"attribute {name!r} of {path}: a {type(value).__name__} of objects can't be stored raw")
    return dict(attributes)


def _surely_storable(values: Iterable[Any]) -> bool:
    """Tell whether attributes are of kinds that every library stores under any name."""
    for value in values:
        if isinstance(value, str):
            fits = len(value) < _SHORT_TEXT
        elif isinstance(value, (bool, np.bool_, float)):
            fits = True
        elif isinstance(value, int):
            fits = -(2**63) <= value < 2**63
        elif isinstance(value, (np.generic, np.ndarray)):
            fits = (value.dtype.char in _STORABLE or value.dtype.char == "S") and 0 < value.size < 1000
        else:
            fits = False
        if not fits:
            return False
    return True
