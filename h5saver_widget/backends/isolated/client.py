"""The backend in the program: it forwards every primitive to the process that has the file.

What is read is asked for and waited for. What surely works (rows and values that were checked here, new nodes in groups
whose content is known, plain attributes) is sent and not waited for; anything that the library might refuse is waited
for, so that its error arrives where it belongs. What fails all the same, on a full disk say, makes every later change
of the file fail with the reason, until a file is opened again.
"""

from __future__ import annotations

import itertools
import struct
from collections import OrderedDict, deque
from collections.abc import Hashable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.base import (
    ArrayInfo,
    Capabilities,
    Compression,
    Durability,
    Handle,
    NodeKind,
    OpenMode,
    Queue,
    RawAttribute,
    Selection,
    primitive,
)
from h5saver_widget.backends.isolated.link import Link
from h5saver_widget.backends.isolated.messages import Kind, pack
from h5saver_widget.backends.isolated.ring import Counter
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.backends.tree import TreeBackend, TreeNode, check_selection
from h5saver_widget.errors import CodecError, DataMismatchError, FileNotOpenError, SavingProcessError
from h5saver_widget.naming import natural_key

__all__ = ["QUEUE_BYTES", "IsolatedBackend"]

QUEUE_BYTES = 64 << 20
"""Size of the queue: how much may wait to be written before the caller has to wait."""

_KNOWN_GROUPS = 512
_LONG_BLOCK = 8 << 20
_SHORT_ROW = 4096
_SHORT_TEXT = 16000
#: Number types (numpy's characters) and texts that every library stores: nobody waits for these.
_STORABLE = frozenset("?bhilqBHILQfdFD")


class _Remote:
    """What the child knows under a number: an object of its library. The child is told when nobody holds it."""

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


class FileElsewhere:
    """Stands for the file of a library that is in another process: hosts ask for its name, and close it."""

    def __init__(self, backend: IsolatedBackend) -> None:
        self._backend = backend
        self.filename = str(backend.path)

    @property
    def isopen(self) -> int:
        """1 while the file is open, 0 afterwards."""
        return int(self._backend.is_open and str(self._backend.path) == self.filename)

    def flush(self) -> None:
        """Wait until everything is in the file."""
        self._backend.flush()

    def close(self) -> None:
        """Close the file."""
        if self.isopen:
            self._backend.close()

    def __repr__(self) -> str:
        """Return the name, and where the file is."""
        return f"<{self.filename}, open in another process>"


class IsolatedBackend(TreeBackend):
    """A file in another process.

    Parameters
    ----------
    hosted
        Name of the backend that the child process uses.
    capabilities
        What that one can do.
    queue_bytes
        How much may wait to be written.
    """

    def __init__(self, hosted: str, capabilities: Capabilities, queue_bytes: int = QUEUE_BYTES) -> None:
        super().__init__()
        self.name = hosted  # type: ignore[misc]
        self.capabilities = capabilities  # type: ignore[misc]
        if capabilities.journal:
            self.durability = Durability.JOURNAL
        self._link = Link(hosted, queue_bytes, self.lock)
        self._opened = False
        self._numbers = itertools.count(1)
        #: What is in a group, by its path: nobody else changes a file that is open for writing here.
        self._known: OrderedDict[str, set[str]] = OrderedDict()
        self._largest_frame = 0
        self._server: dict[str, Any] | None = None

    # ------------------------------------------------------------------- file
    @property
    def is_isolated(self) -> bool:
        """Whether the file is in another process."""
        return True

    @property
    def is_open(self) -> bool:
        """Whether a file is open. After its process has died, too: saving fails with the reason until it is closed."""
        return self._opened

    @property
    def raw_file(self) -> FileElsewhere | None:
        """What stands for the library's object, which is in the other process; None when closed."""
        return FileElsewhere(self) if self._opened else None

    @property
    def pid(self) -> int | None:
        """Number of the process, None if it was not started yet."""
        return self._link.pid

    @property
    def failure(self) -> SavingProcessError | None:
        """Why nothing can be written any more; None while all is well. Never waits."""
        return self._link.failure if self._opened else None

    def prepare(self) -> None:
        """Start the process now, without waiting for it, so that the first file opens at once."""
        self._link.start()

    @property
    def _keeps_journal(self) -> bool:
        return True

    def _mind_journal(self, path: Path, mode: OpenMode) -> None:
        """Leave it to the child, which has the file."""

    def _open(self, path: Path, mode: OpenMode, swmr: bool, locking: bool | None) -> None:
        self._reset()
        self._largest_frame, self._link.waited = 0, 0.0
        self.prepare()
        if self._server is not None:
            self._link.ask("use_server", self._server)
        where = path.as_posix() if self.capabilities.remote else str(path.absolute())
        self._link.ask("open", where, mode, swmr, locking, self.durability.value)
        self._opened = True

    def _close(self) -> None:
        failure = self.failure
        self._opened = False
        self._reset()
        try:
            if self._link.child.is_alive:
                self._link.ask("close")
            else:
                self._link.end()
        finally:  # it tells more than the error of closing what could not be written
            if failure is not None:
                raise failure

    def _reset(self) -> None:
        self._forget("/")
        self._known.clear()

    def flush(self) -> None:
        """Wait until everything sent so far is in the file, and handed to the operating system."""
        self._require_open("flush")
        try:
            self._link.change("flush")
        finally:  # what was found out on the way tells more than the error of the flush itself
            self._link.require_success()

    def checkpoint(self) -> None:
        """Wait until everything sent so far is kept where the file is; an error says that it is not."""
        self._require_open("checkpoint")
        self._link.change("checkpoint")
        self._link.require_success()

    @primitive
    def flush_soon(self) -> None:
        """Have the child flush when it has caught up."""
        self._link.post("flush_soon")

    @primitive
    def keep_row(self, path: str, row: npt.NDArray[np.uint8] | None) -> None:
        """Have the child append a row of bytes when this program has ended; None: forget all of them."""
        self._link.post("keep_row", path, None if row is None else row.tobytes())

    def _require_open(self, what: str) -> None:
        if not self._opened:
            raise FileNotOpenError(f"{what}: no file is open; open or create one first")

    # ----------------------------------------------------------------- server
    def use_server(self, options: RemoteOptions | Mapping[str, Any]) -> None:
        """Say on which server files are opened from now on; kept in memory, and told to every child process."""
        if not self.capabilities.remote:
            super().use_server(options)
        self._server = asdict(RemoteOptions.of(options))

    @property
    def server(self) -> RemoteOptions | None:
        """The server that was said."""
        return None if self._server is None else RemoteOptions(**self._server)

    def _elsewhere(self, operation: str, path: Path | None) -> Any:
        """Have the child, which knows the server, look there."""
        if not self._opened:
            self.prepare()
        if self._server is not None:
            self._link.ask("use_server", self._server)
        return self._link.ask(operation, None if path is None else path.as_posix())

    def _check_path(self, path: Path, mode: OpenMode) -> None:
        if not self.capabilities.remote:
            super()._check_path(path, mode)

    def exists(self, path: Path) -> bool:
        """Tell whether there is a file (or folder) at a path."""
        return bool(self._elsewhere("exists", path)) if self.capabilities.remote else super().exists(path)

    def make_folder(self, folder: Path) -> None:
        """Make a folder and those above it, where they are missing."""
        if self.capabilities.remote:
            self._elsewhere("make_folder", folder)
        else:
            super().make_folder(folder)

    def move_aside(self, path: Path) -> Path:
        """Rename a file to its first free backup name; return the new path."""
        return Path(self._elsewhere("move_aside", path)) if self.capabilities.remote else super().move_aside(path)

    def list_folder(self, folder: Path) -> list[str]:
        """Return the names of files and folders in a folder."""
        return list(self._elsewhere("list_folder", folder)) if self.capabilities.remote else super().list_folder(folder)

    def connection_in_words(self, folder: Path | None = None) -> str:
        """Try to reach the server, and say in a sentence what was found."""
        if not self.capabilities.remote:
            return super().connection_in_words(folder)
        return str(self._elsewhere("connection_in_words", folder))

    # ----------------------------------------------------------------- frames
    def has_room(self) -> bool:
        """Tell whether another frame as large as the largest so far fits into the queue now."""
        ring = self._link.ring
        return ring is None or ring.capacity - ring.used > min(ring.capacity // 2, 2 * self._largest_frame + 65536)

    @primitive
    def frame_done(self, size: int) -> None:
        """Mark that a frame of `size` bytes is complete: the child counts it once all of it is written."""
        self._largest_frame = max(self._largest_frame, size)
        self._link.put(Kind.frame, [size.to_bytes(8, "little")])

    def queue(self) -> Queue | None:
        """Return what waits to be written, and what was; None before the first file."""
        ring = self._link.ring
        if ring is None:
            return None
        return Queue(
            ring.used,
            ring[Counter.frames_written],
            ring[Counter.frames_flushed],
            ring[Counter.bytes_written],
            ring[Counter.file_size],
            ring[Counter.last_flush] / 1e6 or None,
            self._link.waited,
        )

    # ------------------------------------------------------------------- tree
    def node(self, path: str) -> Handle:
        """Return the node at an absolute path; NodeError if there is none."""
        self._require_open("node")
        known = self._nodes.get(path)
        if known is None:
            obj, kind = self._look_up(path)
            with self.lock:
                known = self._nodes.get(path) or self._remember(path, obj, kind)
        return Handle(known)

    def _look_up(self, path: str) -> tuple[_Remote, NodeKind]:
        number = next(self._numbers)
        kind, shape, dtype = self._link.ask("node", number, path)
        return _Remote(number, path, self._link.released, shape, dtype), NodeKind(kind)

    def _root_object(self) -> _Remote:
        return self._look_up("/")[0]

    def _child(self, group: _Remote, name: str) -> tuple[_Remote, NodeKind]:
        return self._look_up(f"{group.path.rstrip('/')}/{name}")

    def children(self, group: Handle) -> list[str]:
        """Return the names of the nodes in a group, in natural order."""
        self._require_open("children")
        found = self._group(group).obj
        if not self.writable:
            return list(self._link.ask("children", found.number))  # sorted there
        return sorted(self._names(found), key=natural_key)

    def has_child(self, group: Handle, name: str) -> bool:
        """Tell whether a group holds a node of that name."""
        self._require_open("has_child")
        return self._has(self._group(group).obj, name)

    def children_kinds(self, group: Handle) -> dict[str, NodeKind]:
        """Return names and kinds of the nodes in a group, in natural order."""
        self._require_open("children_kinds")
        kinds = self._link.ask("children_kinds", self._group(group).obj.number)
        return {name: NodeKind(kind) for name, kind in kinds.items()}

    def _names(self, group: _Remote) -> set[str]:
        if not self.writable:  # somebody else may be writing
            return set(self._link.ask("children", group.number))
        with self.lock:
            known = self._known.get(group.path)
            if known is None:
                known = set(self._link.ask("children", group.number))
                self._know(group.path, known)
            else:
                self._known.move_to_end(group.path)
            return known

    def _know(self, path: str, names: set[str]) -> None:
        self._known[path] = names
        if len(self._known) > _KNOWN_GROUPS:
            self._known.popitem(last=False)

    def _has(self, group: _Remote, name: str) -> bool:
        return name in self._names(group) if self.writable else bool(self._link.ask("has_child", group.number, name))

    def link_target(self, node: Handle) -> tuple[str, str]:
        """Return where a link points to: file and path."""
        self._require_open("link_target")
        file, path = self._link.ask("link_target", self._get(node).obj.number)
        return file, path

    def identity(self, node: Handle) -> Hashable:
        """Return what two paths to one object have in common."""
        self._require_open("identity")
        found: Hashable = self._link.ask("identity", self._get(node).obj.number)
        return found

    def _forget(self, path: str) -> None:
        super()._forget(path)
        below = path.rstrip("/") + "/"
        for known in [known for known in self._known if known == path or known.startswith(below)]:
            del self._known[known]

    def _remove(self, node: TreeNode) -> None:
        self._link.change("delete", node.obj.number)
        parent, _, name = node.path.rpartition("/")
        self._known.get(parent or "/", set()).discard(name)

    def _copy(self, source: TreeNode, group: TreeNode, name: str) -> None:
        self._link.change("copy", source.obj.number, group.obj.number, name)
        self._known.get(group.path, set()).add(name)

    # --------------------------------------------------------------- creation
    def _create(
        self,
        kind: NodeKind,
        parent: Handle,
        name: str,
        row_shape: tuple[int, ...],
        dtype: np.dtype[Any] | None,
        compression: Compression | None,
        attributes: Mapping[str, RawAttribute] | None,
        **more: Any,
    ) -> Handle:
        """Make a node: sent, if nothing can come in between, else waited for."""
        with self._making(parent, name) as (group, path):
            self._library(compression)
            if dtype is not None and dtype.hasobject:
                raise DataMismatchError(f"{path} could not be made: it can't hold {dtype}, but numbers and short text")
            attributes = _sendable(path, attributes or {})
            packed = None if compression is None else (compression.library, compression.level)
            number = next(self._numbers)
            arguments = (number, kind.value, group.obj.number, name, row_shape, dtype, packed, attributes, more)
            if (dtype is None or dtype.char in _STORABLE) and all(map(_surely_storable, attributes.values())):
                self._link.post("create", *arguments)
            else:
                self._link.change("create", *arguments)
            self._known.setdefault(group.path, set()).add(name)
            shape = (0, *row_shape) if kind is NodeKind.GROWING else ()
            made = self._remember(path, _Remote(number, path, self._link.released, shape, dtype), kind)
            if kind is NodeKind.GROUP:
                self._know(path, set())
            return Handle(made)

    @primitive
    def create_group(self, parent: Handle, name: str, attributes: Mapping[str, RawAttribute] | None = None) -> Handle:
        """Make a group."""
        return self._create(NodeKind.GROUP, parent, name, (), None, None, attributes)

    @primitive
    def create_array(
        self,
        parent: Handle,
        name: str,
        *,
        data: npt.NDArray[Any] | None = None,
        shape: tuple[int, ...] = (),
        dtype: np.dtype[Any] | None = None,
        fill_value: Any = None,
        compression: Compression | None = None,
        attributes: Mapping[str, RawAttribute] | None = None,
    ) -> Handle:
        """Make an array of fixed shape."""
        values = None if data is None else np.asarray(data)
        held = np.dtype(dtype if values is None else values.dtype)
        more = {"shape": shape, "fill_value": fill_value} if values is None else {"data": values}
        return self._create(NodeKind.FIXED, parent, name, (), held, compression, attributes, **more)

    @primitive
    def create_growing(
        self,
        parent: Handle,
        name: str,
        *,
        row_shape: tuple[int, ...],
        dtype: np.dtype[Any],
        compression: Compression | None = None,
        attributes: Mapping[str, RawAttribute] | None = None,
    ) -> Handle:
        """Make an array that grows along its first axis."""
        return self._create(NodeKind.GROWING, parent, name, row_shape, np.dtype(dtype), compression, attributes)

    @primitive
    def create_text(self, parent: Handle, name: str, attributes: Mapping[str, RawAttribute] | None = None) -> Handle:
        """Make a growing list of byte rows."""
        return self._create(NodeKind.TEXT, parent, name, (), None, None, attributes)

    # ----------------------------------------------------------------- arrays
    def info(self, array: Handle) -> ArrayInfo:
        """Return shape, dtype and storage of an array."""
        self._require_open("info")
        return ArrayInfo(*self._link.ask("info", self._array(array).obj.number))

    def _held(self, node: TreeNode) -> np.dtype[Any]:
        return node.obj.dtype  # type: ignore[no-any-return]

    def _append_checked(self, ready: list[tuple[TreeNode, npt.NDArray[Any]]]) -> None:
        self._link.require_success()
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
            self._link.put(Kind.rows, [b"".join(parts)] if len(parts[0]) + sum(head[3::3]) < _SHORT_ROW else parts)

    def _append(self, node: TreeNode, rows: npt.NDArray[Any]) -> None:
        self._append_checked([(node, rows)])

    def _append_bytes(self, node: TreeNode, row: npt.NDArray[np.uint8]) -> None:
        self._append_checked([(node, row)])

    @primitive
    def write(self, array: Handle, selection: Selection, values: npt.NDArray[Any]) -> None:
        """Overwrite part of an array."""
        node = self._writable(array)
        values = np.asarray(values)
        remote = node.obj
        if node.kind is not NodeKind.FIXED or not remote.shape:
            remote.shape, remote.dtype = self._link.ask("info", remote.number)[:2]
        self._may_write(node, values, remote.dtype)
        if not _is_plain(selection):
            self._link.change("write", remote.number, selection, values)
            return
        try:
            check_selection(selection, remote.shape)
            part = np.broadcast_to(np.zeros((), np.uint8), remote.shape)[selection]
            while values.ndim > part.ndim and values.shape[0] == 1:
                values = values[0]  # numpy and the libraries take an array of one value for a number, too
            np.broadcast_to(values, part.shape)
        except (TypeError, ValueError, IndexError) as error:
            raise DataMismatchError(
                f"values of shape {values.shape} don't fit {selection} of {node.path}, shape {remote.shape}: {error}"
            ) from error
        self._link.require_success()
        values = np.ascontiguousarray(values, remote.dtype).reshape(np.shape(values))
        head = pack((remote.number, selection, remote.dtype, values.shape))
        self._link.put(Kind.values, [len(head).to_bytes(8, "little"), head, _bytes_of(values)])

    def read(self, array: Handle, selection: Selection = ...) -> Any:
        """Read an array or part of it."""
        self._require_open("read")
        node = self._array(array)
        found = self._link.ask("read", node.obj.number, selection)
        return list(found) if isinstance(found, tuple) else found

    # ------------------------------------------------------------- attributes
    def attribute_names(self, node: Handle) -> list[str]:
        """Return the sorted names of the attributes of a node."""
        self._require_open("attribute_names")
        found = self._described(node)
        return [] if found is None else list(self._link.ask("attribute_names", found.obj.number))

    def get_attributes(self, node: Handle, names: list[str] | None = None) -> dict[str, RawAttribute]:
        """Return raw attributes; names that are missing or unreadable are left out."""
        self._require_open("get_attributes")
        found = self._described(node)
        return {} if found is None else self._link.ask("get_attributes", found.obj.number, names)

    def _set(self, node: TreeNode, attributes: Mapping[str, RawAttribute], fresh: bool = False) -> None:
        plain = _sendable(node.path, attributes)
        if all(map(_surely_storable, plain.values())):
            self._link.post("set_attributes", node.obj.number, plain)
        else:
            self._link.change("set_attributes", node.obj.number, plain)

    @primitive
    def delete_attribute(self, node: Handle, name: str) -> None:
        """Remove an attribute; NodeError if it is not there."""
        self._link.change("delete_attribute", self._changeable(node, "delete an attribute").obj.number, name)

    # ------------------------------------------------------------------- SWMR
    @primitive
    def start_swmr(self) -> None:
        """Start streaming; it ends when the file is closed."""
        self._link.change("start_swmr")
        self._swmr = True

    def refresh(self, array: Handle) -> None:
        """See what another process has appended since the file was opened for reading."""
        self._require_open("refresh")
        self._link.ask("refresh", self._array(array).obj.number)


def _bytes_of(values: npt.NDArray[Any]) -> memoryview:
    return values.reshape(-1).view(np.uint8).data if values.size else memoryview(b"")


def _is_plain(selection: Selection) -> bool:
    """Tell whether a selection is made of numbers, forward slices and ``...``: whether it fits can be told here."""
    return all(
        part is ... or isinstance(part, (int, np.integer)) or (isinstance(part, slice) and (part.step or 1) > 0)
        for part in (selection if isinstance(selection, tuple) else (selection,))
    )


def _sendable(path: str, attributes: Mapping[str, RawAttribute]) -> dict[str, RawAttribute]:
    """Return attributes as they are sent; CodecError for what none can hold."""
    for name, value in attributes.items():
        known = isinstance(value, (str, bytes, bool, int, float, complex, np.generic, np.ndarray))
        if not known or (isinstance(value, (np.generic, np.ndarray)) and value.dtype.hasobject):
            raise CodecError(f"attribute {name!r} of {path}: a {type(value).__name__} of objects can't be stored raw")
    return dict(attributes)


def _surely_storable(value: Any) -> bool:
    """Tell whether an attribute is of a kind that every library stores, whatever its name."""
    if isinstance(value, str):
        return len(value) < _SHORT_TEXT
    if isinstance(value, (bool, np.bool_, float)):
        return True
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    if isinstance(value, (np.generic, np.ndarray)):
        return (value.dtype.char in _STORABLE or value.dtype.char == "S") and 0 < value.size < 1000
    return False
