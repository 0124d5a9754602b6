"""The process that has the file: it takes what the program sends, in order, and hands it to a real backend.

Rows of one array that arrived meanwhile become one write. When the program is gone, however it went, what it had sent
is written and the file is closed properly; Ctrl-C, which reaches every process of a terminal, is not for this one.
"""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from time import monotonic, time
from typing import Any

import numpy as np

from h5saver_widget.backends.derived import update_shapes
from h5saver_widget.backends.isolated.messages import LENGTH, ROWS, Kind, error_of, pack, unpack
from h5saver_widget.backends.isolated.ring import PADDING, Counter, Ring
from h5saver_widget.backends.reading_limit import Limit
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.terms import Compression, Durability, Handle, NodeKind
from h5saver_widget.errors import FileNotOpenError, H5SaverError

__all__ = ["Host", "main"]

FLUSH_SECONDS = 0.8
"""When unwritten data are flushed: with the time that this takes, nothing gets older than 1 s."""

_SOON_SECONDS = 0.1
_GATHERED_BYTES = 4 << 20
_LARGE_BYTES = 256 << 10
_RAW_ANSWER = 64 << 10
_LOOK_SECONDS = 1.0
_LINGER_SECONDS = 0.002


class Bell:
    """The pipe that the program rings, and that ends with it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._parent = os.getppid()
        self.ended = False
        self._rang = threading.Event()
        if sys.platform == "win32":  # select() knows no pipes there
            threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while os.read(self._descriptor, 65536):
            self._rang.set()
        self.ended = True
        self._rang.set()

    def wait(self, seconds: float) -> None:
        """Wait until it rings, the program ends, or the time is over."""
        if sys.platform == "win32":
            self._rang.wait(seconds)
            self._rang.clear()
        elif select.select([self._descriptor], [], [], seconds)[0]:
            self.ended = self.ended or not os.read(self._descriptor, 65536)
        elif os.getppid() != self._parent:  # another child of the program may hold the pipe open
            self.ended = True


class Host:
    """One backend, worked by what comes out of a ring.

    Parameters
    ----------
    hosted
        Name of the backend.
    ring, bell
        Where orders come from.
    answers
        File descriptor for answers.
    """

    def __init__(self, hosted: str, ring: Ring, bell: Bell, answers: int) -> None:
        self._io = create_backend(hosted)
        self._ring, self._bell, self._answers = ring, bell, answers
        self._position = ring[Counter.tail]
        self._nodes: dict[int, Handle] = {}
        self._dtypes: dict[int, tuple[np.dtype[Any] | None, tuple[int, ...]]] = {}
        self._grown: dict[int, Handle] = {}
        self._rows: dict[int, list[tuple[int, memoryview]]] = {}
        self._gathered = 0
        self._frames: list[int] = []
        #: Rows that are written when the program is gone, and the file that they belong to.
        self._kept: tuple[Path | None, list[tuple[str, bytes]]] = (None, [])
        self._parts: list[bytes] = []
        self._failed = False
        self._limit = Limit()
        self._changed_at: float | None = None
        self._flush_at: float | None = None
        self._operations: dict[str, Callable[..., Any]] = {
            "open": self._open,
            "close": self._close,
            "link_target": lambda number: self._io.link_target(self._nodes[number]),
            "flush": lambda: self._guard(self._flush, what="flush"),
            "checkpoint": self._io.checkpoint,
            "flush_soon": self._flush_soon,
            "keep_row": self._keep_row,
            "release": self._release,
            "use_server": self._io.use_server,
            "connection_in_words": lambda path: self._io.connection_in_words(None if path is None else Path(path)),
            "exists": lambda path: self._io.exists(Path(path)),
            "make_folder": lambda path: self._io.make_folder(Path(path)),
            "move_aside": lambda path: self._io.move_aside(Path(path)).as_posix(),
            "list_folder": lambda path: self._io.list_folder(Path(path)),
            "node": self._node,
            "children": lambda number: self._io.children(self._nodes[number]),
            "children_kinds": self._children_kinds,
            "has_child": lambda number, name: self._io.has_child(self._nodes[number], name),
            "identity": lambda number: self._io.identity(self._nodes[number]),
            "create": self._create,
            "delete": self._delete,
            "copy": self._copy,
            "info": self._info,
            "read": self._read,
            "extend": self._extend,
            "write": lambda number, selection, values: self._io.write(self._nodes[number], selection, values),
            "attribute_names": lambda number: self._io.attribute_names(self._nodes[number]),
            "get_attributes": self._get_attributes,
            "set_attributes": lambda number, values: self._io.set_attributes(self._nodes[number], values),
            "delete_attribute": lambda number, name: self._io.delete_attribute(self._nodes[number], name),
            "start_swmr": self._io.start_swmr,
            "refresh": lambda number: self._io.refresh(self._nodes[number]),
        }

    # ------------------------------------------------------------------- loop
    def run(self) -> None:
        """Work until the program is gone and everything it sent is done; then close the file."""
        try:
            while True:
                record = self._ring.take(self._position)
                if record is not None:
                    kind, content, after = record
                    self._handle(kind, content)
                    content.release()
                    self._position = after
                    if not self._rows:
                        self._ring.release(after)
                    self._flush_if_due()
                    continue
                self._write_rows()
                self._ring.release(self._position)
                self._flush_if_due(idle=True)
                if self._bell.ended and self._ring.take(self._position) is None:
                    return
                self._wait()
        finally:
            self._close_after_all()

    def _wait(self) -> None:
        """Wait for the bell; after work only for a moment, in which small records may come in without ringing."""
        self._bell.wait(min(_LINGER_SECONDS, self._patience()))
        if self._bell.ended or self._ring.take(self._position) is not None:
            return
        self._ring[Counter.waiting] = 1
        if self._ring.take(self._position) is None:
            self._bell.wait(self._patience())
        self._ring[Counter.waiting] = 0

    def _handle(self, kind: int, content: memoryview) -> None:
        if kind == Kind.part:
            self._parts.append(bytes(content))
            return
        if self._parts and kind != PADDING:
            content = memoryview(b"".join([*self._parts, content]))
            self._parts = []
        if kind == Kind.rows:
            self._gather(content)
        elif kind == Kind.frame:
            self._frames.append(int.from_bytes(content, "little"))
            if not self._rows:
                self._count_frames()
        elif kind == Kind.values:
            self._write_rows()
            self._guard(self._write_values, content)
        elif kind == Kind.post:
            self._write_rows()
            operation, arguments = unpack(content)
            if operation == "release":
                self._release(*arguments)
            else:
                self._guard(self._operations[operation], *arguments, what=operation)
        elif kind == Kind.call:
            self._write_rows()
            self._answer(*unpack(content))

    def _guard(self, action: Callable[..., Any], *arguments: Any, what: str = "") -> None:
        """Do what nobody waits for; the first error is kept, and stops all that come after it."""
        if self._failed:
            return
        if self._changed_at is None:
            self._changed_at = monotonic()
        try:
            action(*arguments)
        except Exception as error:  # whatever it is, the program is told
            self._failed = True
            name, message = error_of(error)
            # PyTables shows where in HDF5's source it happened, first of all
            message = (message.rpartition("End of HDF5 error back trace")[2].strip() or message)[:900]
            self._ring.error = pack((name, message if what in message else f"{what}: {message}"))

    def _answer(self, number: int, operation: str, arguments: tuple[Any, ...]) -> None:
        try:
            with self._limit:
                value = self._operations[operation](*arguments)
            if isinstance(value, np.ndarray) and value.dtype.isbuiltin and value.nbytes > _RAW_ANSWER:
                value = np.ascontiguousarray(value)
                head = pack((number, True, (value.dtype.str, value.shape), True))
                self._send(LENGTH.pack(len(head)) + head)
                self._send(value.reshape(-1).view(np.uint8).data)
                return
            answer = pack((number, True, value, False))
        except Exception as error:  # it goes to whoever asked
            answer = pack((number, False, error_of(error), False))
        self._send(LENGTH.pack(len(answer)) + answer)

    def _send(self, data: bytes | memoryview) -> None:
        left = memoryview(data)
        with suppress(BrokenPipeError):  # the program is gone: nobody waits for the answer
            while left:
                left = left[os.write(self._answers, left) :]

    # --------------------------------------------------------------- flushing
    def _patience(self) -> float:
        wanted = [
            at for at in (self._flush_at, self._changed_at and self._changed_at + FLUSH_SECONDS) if at is not None
        ]
        return max(0.0, min([_LOOK_SECONDS, *(at - monotonic() for at in wanted)]))

    def _flush_if_due(self, idle: bool = False) -> None:
        now = monotonic()
        old = self._changed_at is not None and now - self._changed_at >= FLUSH_SECONDS
        if old or (self._flush_at is not None and (idle or now >= self._flush_at)):
            self._write_rows()
            self._ring.release(self._position)
            self._guard(self._flush, what="flush")
            self._changed_at = self._flush_at = None

    def _flush_soon(self) -> None:
        if self._flush_at is None:
            self._flush_at = monotonic() + _SOON_SECONDS

    def _flush(self) -> None:
        self._io.flush()
        self._changed_at = self._flush_at = None
        ring = self._ring
        ring[Counter.frames_flushed] = ring[Counter.frames_written]
        ring[Counter.last_flush] = int(time() * 1e6)
        self._note_size()

    def _note_size(self) -> None:
        path = self._io.path
        if path is not None:
            with suppress(OSError):
                self._ring[Counter.file_size] = path.stat().st_size

    # ------------------------------------------------------------------- file
    def _open(
        self, path: str, mode: Any, swmr: bool, locking: bool | None, durability: str, limit: float | None
    ) -> None:
        self._forget_all()
        self._ring.error = b""
        self._failed = False
        for counter in list(Counter)[Counter.frames_written :]:
            self._ring[counter] = 0
        self._io.durability = Durability(durability)
        self._limit.seconds = limit
        with self._limit:
            self._io.open(Path(path), mode, swmr=swmr, locking=locking)
        if mode == "x":
            self._io.flush()  # whatever happens from now on, there is a file that opens
        self._note_size()

    def _close(self) -> None:
        path = self._io.path
        self._forget_all()
        self._io.close()
        if path is not None:
            self._ring[Counter.frames_flushed] = self._ring[Counter.frames_written]
            with suppress(OSError):
                self._ring[Counter.file_size] = path.stat().st_size

    def _forget_all(self) -> None:
        self._nodes, self._dtypes, self._grown = {}, {}, {}
        self._changed_at = self._flush_at = None

    def _close_after_all(self) -> None:
        """Close a file that the program left open, and complete one that it was streaming into."""
        path, grown, streamed = self._io.path, [], self._io.swmr_active
        if self._io.is_open:
            with suppress(H5SaverError, OSError, RuntimeError, ValueError):
                if self._io.writable and not streamed and not self._failed:
                    update_shapes(self._io, self._grown.values())
            grown = [self._io.path_of(handle) for handle in self._grown.values()]
            self._grown = {}
            self._close()
        kept_for, rows = self._kept
        if path is None:  # ended between closing the file and opening it again
            path, streamed = kept_for, bool(rows)
        if path is not None and streamed and not self._failed:
            self._complete(path, grown, rows if path == kept_for else [])

    def _complete(self, path: Path, grown: list[str], rows: list[tuple[str, bytes]]) -> None:
        """Write what could not be written while the file streamed."""
        io = self._io
        io.open(path, "r+", swmr=True, locking=False)  # a reader must not keep us from it
        for where, row in rows:
            io.append(io.node(where), np.frombuffer(row, np.uint8))
        if "swmr_active" in io.attribute_names(io.root()):
            io.set_attributes(io.root(), {"swmr_active": np.bool_(False)})
        update_shapes(io, [io.node(name) for name in {*grown, *(where for where, _ in rows)}])
        io.close()

    def _keep_row(self, where: str, row: bytes | None) -> None:
        path = self._io.path
        if row is None or self._kept[0] != path:
            self._kept = (path, [])
        if row is not None:
            self._kept[1].append((where, row))

    # ------------------------------------------------------------------- tree
    def _release(self, numbers: tuple[int, ...]) -> None:
        for number in numbers:
            self._nodes.pop(number, None)
            self._dtypes.pop(number, None)

    def _node(self, number: int, path: str) -> tuple[str, tuple[int, ...], np.dtype[Any] | None]:
        handle = self._io.node(path)
        kind = self._io.kind(handle)
        shape: tuple[int, ...] = ()
        dtype: np.dtype[Any] | None = None
        if kind in (NodeKind.FIXED, NodeKind.GROWING, NodeKind.TEXT):
            found = self._io.info(handle)
            shape, dtype = found.shape, None if found.dtype.hasobject else found.dtype
        self._keep(number, handle, kind, dtype, shape[1:])
        return kind.value, shape, dtype

    def _keep(
        self, number: int, handle: Handle, kind: NodeKind, dtype: np.dtype[Any] | None, row_shape: tuple[int, ...]
    ) -> None:
        self._nodes[number] = handle
        if kind is NodeKind.GROWING:
            self._dtypes[number] = dtype, row_shape
        elif kind is NodeKind.TEXT:
            self._dtypes[number] = None, ()

    def _children_kinds(self, number: int) -> dict[str, str]:
        group = self._nodes[number]
        return {name: kind.value for name, kind in self._io.children_kinds(group).items()}

    def _create(
        self,
        number: int,
        kind_name: str,
        parent: int,
        name: str,
        row_shape: tuple[int, ...],
        dtype: np.dtype[Any] | None,
        packed: tuple[str, int] | None,
        attributes: dict[str, Any],
        more: dict[str, Any],
    ) -> None:
        kind, group, io = NodeKind(kind_name), self._nodes[parent], self._io
        compression = None if packed is None else Compression(*packed)
        if kind is NodeKind.GROUP:
            made = io.create_group(group, name, attributes)
        elif kind is NodeKind.TEXT:
            made = io.create_text(group, name, attributes)
        elif kind is NodeKind.GROWING:
            assert dtype is not None
            made = io.create_growing(
                group, name, row_shape=row_shape, dtype=dtype, compression=compression, attributes=attributes, **more
            )
        else:
            made = io.create_array(group, name, dtype=dtype, compression=compression, attributes=attributes, **more)
        self._keep(number, made, kind, dtype, row_shape)

    def _delete(self, number: int) -> None:
        self._io.delete(self._nodes[number])

    def _copy(self, number: int, parent: int, name: str) -> None:
        self._io.copy(self._nodes[number], self._nodes[parent], name)

    # ----------------------------------------------------------------- arrays
    def _info(self, number: int) -> tuple[Any, ...]:
        found = self._io.info(self._nodes[number])
        return found.shape, found.dtype, found.max_shape, found.chunks, found.compression

    def _extend(self, number: int, count: int, fill: Any) -> None:
        self._grown[number] = self._nodes[number]
        self._io.extend(self._nodes[number], count, fill)

    def _read(self, number: int, selection: Any) -> Any:
        return self._io.read(self._nodes[number], selection)

    def _get_attributes(self, number: int, names: tuple[str, ...] | None) -> dict[str, Any]:
        return self._io.get_attributes(self._nodes[number], None if names is None else list(names))

    def _gather(self, content: memoryview) -> None:
        """Take rows out of a record; they are written with others of the same arrays."""
        count = int.from_bytes(content[:8], "little")
        at = 8 + count * ROWS.size
        for entry in range(count):
            number, rows, size = ROWS.unpack_from(content, 8 + entry * ROWS.size)
            values = content[at : at + size]
            at += size
            self._rows.setdefault(number, []).append(
                (rows, values if size >= _LARGE_BYTES else memoryview(bytes(values)))
            )
            self._gathered += size
        if self._gathered >= _GATHERED_BYTES or any(
            values.nbytes >= _LARGE_BYTES for pieces in self._rows.values() for _, values in pieces[-1:]
        ):
            self._write_rows()

    def _write_rows(self) -> None:
        if self._rows:
            gathered, self._rows, self._gathered = self._rows, {}, 0
            self._guard(self._append, gathered, what=self._paths(gathered))
        self._count_frames()

    def _paths(self, numbers: Iterable[int]) -> str:
        """Return which arrays something was meant for; shortened, if they are many."""
        known = [self._io.path_of(self._nodes[number]) for number in numbers if number in self._nodes]
        return ", ".join(known[:3]) + (", ..." if len(known) > 3 else "")

    def _append(self, gathered: dict[int, list[tuple[int, memoryview]]]) -> None:
        ready: list[tuple[Handle, Any]] = []
        size = 0
        for number, pieces in gathered.items():
            handle, (dtype, row_shape) = self._nodes[number], self._dtypes[number]
            self._grown[number] = handle
            size += sum(values.nbytes for _, values in pieces)
            if dtype is None:
                ready.extend((handle, np.frombuffer(values, np.uint8)) for _, values in pieces)
                continue
            rows = sum(rows for rows, _ in pieces)
            whole = pieces[0][1] if len(pieces) == 1 else b"".join([values for _, values in pieces])
            ready.append((handle, np.ndarray((rows, *row_shape), dtype, buffer=whole)))
        self._io.append_many(ready)
        self._ring[Counter.bytes_written] += size

    def _count_frames(self) -> None:
        if self._frames:
            self._ring[Counter.frames_refused if self._failed else Counter.frames_written] += len(self._frames)
            self._frames = []

    def _write_values(self, content: memoryview) -> None:
        end = 8 + int.from_bytes(content[:8], "little")
        number, selection, dtype, shape = unpack(content[8:end])
        self._io.write(self._nodes[number], selection, np.ndarray(shape, dtype, buffer=content[end:]))
        self._ring[Counter.bytes_written] += len(content) - end


def main() -> None:
    """Host the backend that the command line names, until the program is gone."""
    _, _, hosted, capacity, token, _log = sys.argv
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    answers = os.dup(1)
    os.dup2(2, 1)  # what a library prints goes into the log, not between the answers
    try:
        Host(hosted, Ring(int(capacity), token), Bell(0), answers).run()
    except FileNotOpenError as error:
        sys.exit(str(error))
