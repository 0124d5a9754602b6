"""Backends whose rows go through a queue (``rows.py``): it is drained before anything else looks at the arrays.

It is drained, and not used any more, as soon as the host asks for the library's own objects: through them the host
reads all saved data.
"""

from __future__ import annotations

import atexit
import functools
import weakref
from abc import abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.array_writer import ArrayWriter
from h5saver_widget.backends.chunks import FAST_ROWS, fast_chunks
from h5saver_widget.backends.compression import Packing
from h5saver_widget.backends.handles import TreeNode, is_below
from h5saver_widget.backends.local_file import LocalFile
from h5saver_widget.backends.primitive import changing
from h5saver_widget.backends.row_layout import RowLayout
from h5saver_widget.backends.rows import COLLECT_BYTES, LARGE_FRAME, LARGE_ROW, RowQueue
from h5saver_widget.backends.selections import is_point, require_memory
from h5saver_widget.backends.terms import ArrayInfo, Handle, NodeKind, NodeSpec, RawAttribute, Selection
from h5saver_widget.errors import NodeError, RowsLostError

__all__ = ["QueuedBackend"]

#: Queues of the files that are open, by library.
_open_queues: weakref.WeakKeyDictionary[RowQueue, str] = weakref.WeakKeyDictionary()


@functools.cache
def _drain_at_exit(library: str) -> None:
    """Write rows at exit before a library closes its files: exit handlers run in reverse order."""

    def drain_all() -> None:
        for queue in [queue for queue, name in _open_queues.items() if name == library]:
            queue.drain()

    atexit.register(drain_all)


def _drain_forgotten(queue: RowQueue, lock: Any) -> None:
    with lock:
        queue.drain_and_flush()


class AttributeCalls(Protocol):
    """How a library reads and writes the attributes of its objects: a module with these functions."""

    def attribute_names(self, obj: Any) -> list[str]:
        """Return the sorted names of all attributes."""

    def read_attributes(self, obj: Any, names: list[str] | None) -> dict[str, RawAttribute]:
        """Return attributes, None for all; those that are missing or unreadable are skipped."""

    def write_attributes(
        self, obj: Any, path: str, attributes: Mapping[str, RawAttribute], fresh: bool = False
    ) -> None:
        """Write attributes; an object that was just made (`fresh`) has none of these names."""

    def delete_attribute(self, obj: Any, name: str) -> None:
        """Remove an attribute that is there."""


class QueuedBackend(LocalFile):
    """A backend on a file of this process, with a queue of rows."""

    collects_frames = True
    #: The library's calls for attributes.
    attribute_calls: AttributeCalls

    def __init__(self) -> None:
        super().__init__()
        self._writers: weakref.WeakValueDictionary[Hashable, ArrayWriter] = weakref.WeakValueDictionary()
        self._when_forgotten: weakref.finalize[..., Any] | None = None

    # ------------------------------------------------ implemented by a library
    @abstractmethod
    def _append_bytes(self, node: TreeNode, row: npt.NDArray[np.uint8]) -> None:
        """Append one row to a text array."""

    @abstractmethod
    def _read_part(self, node: TreeNode, selection: Selection) -> Any:
        """Read an array or part of it."""

    @abstractmethod
    def _write_part(self, node: TreeNode, selection: Selection, values: npt.NDArray[Any]) -> None:
        """Overwrite part of an array with values that its number type can hold."""

    @abstractmethod
    def _with_chunks(self, node: TreeNode, chunks: tuple[int, ...]) -> Any:
        """Put an empty array with other chunks in the place of an empty one, and return the library's object."""

    @abstractmethod
    def _stored_info(self, node: TreeNode) -> ArrayInfo:
        """Return shape, dtype and storage of an array as it is in the file."""

    # ------------------------------------------------------------------- file
    def _begin(self) -> None:
        super()._begin()
        _open_queues[self._rows] = self.name
        _drain_at_exit(self.name)
        self._when_forgotten = weakref.finalize(self, _drain_forgotten, self._rows, self.lock)
        self._when_forgotten.atexit = False

    def _close(self) -> None:
        failed = True
        try:
            self._drain()
            failed = False
        finally:
            _open_queues.pop(self._rows, None)
            if self._when_forgotten is not None:
                self._when_forgotten.detach()
            if self._mode == "r":
                self._forget("/")
                self._close_file()
            else:
                self._complete(failed)

    def disown(self) -> None:
        """Let go of the file in a copy of the program: nothing that the library still writes there arrives."""
        super().disown()
        if self._when_forgotten is not None:
            self._when_forgotten.detach()
        _open_queues.pop(self._rows, None)
        if self.is_open:
            self._disconnect()

    @changing
    def raw_node(self, node: Handle) -> Any:
        """Return the library's own object. From now on rows are written at once."""
        found = self._nodes.get(node)
        self._rows.stop_collecting()
        return found.obj

    def _drain(self) -> None:
        with self._losses_counted():
            self._rows.drain()

    @contextmanager
    def _losses_counted(self) -> Iterator[None]:
        """Count the frames whose rows were accepted and could not be written; the error passes through."""
        try:
            yield
        except RowsLostError as error:
            for path, rows in error.losses:
                self.queue.ledger.rows_lost(path, rows)
            raise

    def _forget(self, path: str) -> None:
        super()._forget(path)
        self._rows.forget_below(path)
        # the library may give the address of what was deleted to the next array
        for key, writer in list(self._writers.items()):
            if is_below(writer.path, path):
                self._writers.pop(key, None)

    # ----------------------------------------------------------------- arrays
    def _writer(self, node: TreeNode) -> ArrayWriter:
        """Return the writer of an array. All paths to one array share it, and so know of each other's rows."""
        writer: ArrayWriter | None = node.writer
        if writer is None:
            key = self._identity(node)
            writer = self._writers.get(key)
            if writer is None:
                writer = self._writers[key] = self._make_writer(node)
                if node.is_new and node.kind is NodeKind.GROWING and writer.packing == Packing():
                    if 0 < writer.row_bytes <= LARGE_ROW:
                        writer.blank = np.full(writer.row_shape, writer.fill, writer.dtype).tobytes()
                    writer.is_young = prod(writer.chunks) < prod(fast_chunks(writer.row_shape, writer.dtype))
            node.writer = writer
        return writer

    def _held(self, node: TreeNode) -> np.dtype[Any]:
        return (node.writer or self._writer(node)).dtype

    def _info(self, node: TreeNode) -> ArrayInfo:
        # first: frames that are shared out now may go to the library at once
        waiting = 0 if node.kind is NodeKind.FIXED else self._rows.pending(node.writer)
        info = self._stored_info(node)
        return replace(info, shape=(info.shape[0] + waiting, *info.shape[1:])) if waiting else info

    def _append_checked(self, ready: list[tuple[TreeNode, npt.NDArray[Any]]]) -> None:
        queue, ledger = self._rows, self.queue.ledger
        self._require_whole()
        with self._losses_counted():
            queue.report()
        for node, _ in ready:
            if node.writer is not None and node.writer.broken:  # before any: rows of one number belong together
                raise RowsLostError(node.writer.broken)
        for node, values in ready:
            if node.kind is NodeKind.TEXT:
                self._append_bytes(node, values)
            elif len(values):
                writer = node.writer
                if writer.is_young and writer.accepted + len(values) > FAST_ROWS:
                    writer = self._with_larger_chunks(node)
                ledger.rows_added(writer.path, len(values))
                with self._losses_counted():
                    queue.append(writer, values)

    @changing
    def append_row(self, layout: RowLayout, values: Sequence[Any]) -> None:
        if layout.size > LARGE_FRAME:  # copied once, into the file
            rows = zip(layout.arrays, values, layout.kinds, strict=True)
            self.append_many([(a, np.ndarray((1, *shape), dtype, v)) for a, v, (dtype, shape) in rows])
        else:
            self.append_packed(layout, layout.joined(values))

    @changing
    def append_packed(self, layout: RowLayout, row: bytes | memoryview) -> None:
        self._require_valid(layout)
        if layout.size > LARGE_FRAME or not self._rows.collects:
            super().append_packed(layout, row)
            return
        self._require_whole()
        queue, nodes = self._rows, cast("list[TreeNode]", layout.arrays)
        with self._losses_counted():
            queue.report()
        if queue.has_broken:
            for node in nodes:
                if node.writer is not None and node.writer.broken:
                    raise RowsLostError(node.writer.broken)
        if not layout.number:
            layout.number = 1
            layout.counts = {self._writer(node).path: 1 for node in nodes}
        layout.rows += 1
        self.queue.ledger.row_added(layout.counts)
        with self._losses_counted():
            queue.append_frame(layout, bytes(row))
            if layout.rows == FAST_ROWS + 1:
                queue.spread()
                for node in nodes:
                    if node.writer.is_young and node.writer.accepted > FAST_ROWS:
                        self._with_larger_chunks(node)

    def _with_larger_chunks(self, node: TreeNode) -> ArrayWriter:
        """Make an array anew to which many rows have come; as long as none is in the file, that costs little."""
        old: ArrayWriter = node.writer
        old.is_young = False
        if self.swmr_active or not self._rows.collects or old.count():
            return old
        key = self._identity(node)
        node.obj = self._with_chunks(node, fast_chunks(old.row_shape, old.dtype))
        self._writers.pop(key, None)
        node.writer = None
        made = self._writer(node)
        self._rows.replace(old, made)
        return made

    def _append(self, node: TreeNode, rows: npt.NDArray[Any]) -> None:
        self._append_checked([(node, rows)])

    @changing
    def extend(self, array: Handle, count: int, fill: Any) -> None:
        """Add rows of the fill value: none of them is written, but for those that share a chunk with earlier rows."""
        node = self._nodes.array(array)
        writer = self._writer(node)
        is_fill = np.asarray(writer.fill, writer.dtype).tobytes() == np.asarray(fill, writer.dtype).tobytes()
        # of other arrays it is not known what they hold where nothing was written
        if node.is_new and writer.chunks and is_fill:
            self.append(array, np.zeros((0, *node.row_shape), self._held(node)))  # refused where rows would be
            self._rows.drain(writer)
            self._rows.unsafe.setdefault(writer, writer.count())
            beside = min(count, -writer.count() % writer.chunks[0])
            super().extend(array, beside, fill)
            self._rows.drain(writer)
            self._rows.forget(writer)
            if count > beside:
                writer.resize(writer.count() + count - beside)
        else:
            super().extend(array, count, fill)

    def _write_checked(self, selection: Selection, ready: Sequence[tuple[TreeNode, npt.NDArray[Any]]]) -> None:
        self._require_whole()
        for node, values in ready:
            if not is_point(selection, (node.writer or self._writer(node)).fixed_shape, values):
                super()._write_checked(selection, ready)
                return
        queue, ledger = self._rows, self.queue.ledger
        with self._losses_counted():
            for node, values in ready:
                writer: ArrayWriter = node.writer
                if not values.flags.c_contiguous or values.dtype != writer.dtype:
                    values = values.astype(writer.dtype, "C")
                ledger.rows_added(writer.path, 1)
                queue.write_point(writer, cast("tuple[int, ...]", selection), values)

    def _write(self, node: TreeNode, selection: Selection, values: npt.NDArray[Any]) -> None:
        self._drain()
        self._rows.forget(self._writer(node))
        self._write_part(node, selection, values)

    def _complete_new(self, node: TreeNode, spec: NodeSpec) -> None:
        if spec.attributes:
            self._set_attributes(node, spec.attributes, fresh=True)
        if spec.data is None or not self._fills_later(spec):
            return
        writer = self._writer(node)
        if writer.packing is not None and writer.packing.level and spec.data.nbytes >= COLLECT_BYTES:
            self._rows.write_whole(writer, spec.data)
        else:
            self._write_part(node, ..., spec.data)

    def _fills_later(self, spec: NodeSpec) -> bool:
        """Tell whether the data of a new array are not written by making it."""
        return bool(spec.shape) and 0 not in spec.shape

    def _read(self, node: TreeNode, selection: Selection) -> Any:
        if self._rows.is_busy:
            self._rows.drain(None if node.kind is NodeKind.TEXT else self._writer(node))
        found = self._stored_info(node)
        require_memory(node.path, found.shape, found.dtype, selection)
        return self._read_part(node, selection)

    # ------------------------------------------------------------- attributes
    def _attribute_names(self, node: TreeNode) -> list[str]:
        return self.attribute_calls.attribute_names(node.obj)

    def _get_attributes(self, node: TreeNode, names: list[str] | None) -> dict[str, RawAttribute]:
        return self.attribute_calls.read_attributes(node.obj, names)

    def _set_attributes(self, node: TreeNode, attributes: Mapping[str, RawAttribute], fresh: bool = False) -> None:
        self.attribute_calls.write_attributes(node.obj, node.path, attributes, fresh)

    def _delete_attribute(self, node: TreeNode, name: str) -> None:
        if name not in self._attribute_names(node):
            raise NodeError(f"{node.path} has no attribute {name!r}")
        self.attribute_calls.delete_attribute(node.obj, name)
