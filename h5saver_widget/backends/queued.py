"""Backends whose rows go through a queue (``rows.py``): it is emptied before anything else looks at the arrays.

It is emptied, and not used any more, as soon as the host asks for the library's own objects: what the host reads
through them is what was saved.
"""

from __future__ import annotations

import atexit
import functools
import os
import re
import weakref
from abc import abstractmethod
from collections.abc import Hashable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.array_writer import ArrayWriter
from h5saver_widget.backends.base import primitive
from h5saver_widget.backends.rows import COLLECT_BYTES, RowQueue
from h5saver_widget.backends.terms import ArrayInfo, Handle, NodeKind, Selection
from h5saver_widget.backends.tree import TreeBackend, TreeNode, careful, is_point
from h5saver_widget.errors import FileIncompleteError

__all__ = ["QueuedBackend"]

#: Queues of the files that are open, by library.
_open_queues: weakref.WeakKeyDictionary[RowQueue, str] = weakref.WeakKeyDictionary()


@functools.cache
def _settle_at_exit(library: str) -> None:
    """Have rows written at exit before a library closes its files: what was registered last goes first."""

    def settle_all() -> None:
        for queue in [queue for queue, name in _open_queues.items() if name == library]:
            queue.settle()

    atexit.register(settle_all)


def _reason(error: Exception) -> str:
    """Return what the operating system said, out of the page that HDF5 makes of it."""
    found = re.search(r"error message = '([^']+)'", str(error))
    return found[1] if found else str(error)


def _settle_forgotten(queue: RowQueue, lock: Any) -> None:
    with lock:
        queue.settle_and_flush()


class QueuedBackend(TreeBackend):
    """A backend on a file of this process, with a queue of rows; what the library gives are the underscored methods."""

    def __init__(self) -> None:
        super().__init__()
        self._writers: weakref.WeakValueDictionary[Hashable, ArrayWriter] = weakref.WeakValueDictionary()
        self._rows = RowQueue()
        self._when_forgotten: weakref.finalize[..., Any] | None = None

    # ------------------------------------------------ what a library provides
    @abstractmethod
    def _file_object(self) -> Any:
        """Return the library's object of the open file."""

    @abstractmethod
    def _close_file(self) -> None:
        """Close the library's file."""

    @abstractmethod
    def _flush_file(self) -> None:
        """Flush the library's file; one of `library_errors` if that fails."""

    @abstractmethod
    def _descriptor(self) -> int:
        """Return the operating system's number of the open file."""

    @abstractmethod
    def _identity(self, node: TreeNode) -> Hashable:
        """Return what all paths to one object have in common."""

    @abstractmethod
    def _make_writer(self, node: TreeNode) -> ArrayWriter:
        """Return what writes into a growing or fixed array."""

    @abstractmethod
    def _info(self, node: TreeNode) -> ArrayInfo:
        """Return shape, dtype and storage of an array."""

    @abstractmethod
    def _read(self, node: TreeNode, selection: Selection) -> Any:
        """Read an array or part of it."""

    @abstractmethod
    def _write(self, node: TreeNode, selection: Selection, values: npt.NDArray[Any]) -> None:
        """Overwrite part of an array with values that its number type can hold."""

    # ------------------------------------------------------------------- file
    def _begin(self) -> None:
        """Start with an empty queue; to be called before a file is opened."""
        self._forget("/")
        self._rows = RowQueue()
        _open_queues[self._rows] = self.name
        _settle_at_exit(self.name)
        self._when_forgotten = weakref.finalize(self, _settle_forgotten, self._rows, self.lock)
        self._when_forgotten.atexit = False

    def _close(self) -> None:
        failed = True
        try:
            self._rows.settle()
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

    def _complete(self, failed: bool) -> None:
        """Flush and close a file that was written; if it can't be flushed, cut the library off from it first.

        HDF5 2.0 never closes a file that it can't flush: it stays locked, and the second attempt to close it ends the
        program. With the file's descriptor on the null device what is left goes nowhere, and the library closes.
        """
        try:
            self._flushed()
        except FileIncompleteError:
            self._let_go()
            failed = True
            raise
        finally:
            self._forget("/")
            try:
                self._close_file()
            except self.library_errors:
                if not failed:  # what went wrong first tells more
                    raise

    def _let_go(self) -> None:
        """Have what the library still writes go nowhere."""
        if os.name == "posix":  # elsewhere the number belongs to the library's own C runtime
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, self._descriptor(), inheritable=False)
            os.close(nowhere)

    def _flushed(self) -> None:
        try:
            self._flush_file()
        except self.library_errors as error:
            raise FileIncompleteError(
                f"{self._path} can't be completed: {_reason(error)}. What was flushed before is in it; should it not "
                "open any more, 'h5saver repair' gets it back. Look whether the disk is full, and go on in a new file"
            ) from error

    @primitive
    def flush(self) -> None:
        """Hand everything written so far to the operating system; FileIncompleteError if it refuses."""
        try:
            self._settle()
        finally:
            self._flushed()

    @property
    def raw_file(self) -> Any:
        """The library's own file object, None when closed. From now on rows are written at once."""
        with self.lock:
            if not self.is_open:
                return None
            self._rows.stop_collecting()
            return self._file_object()

    @primitive
    def raw_node(self, node: Handle) -> Any:
        """Return the library's own object. From now on rows are written at once."""
        found = self._get(node)
        self._rows.stop_collecting()
        return found.obj

    def _settle(self) -> None:
        self._rows.settle()

    def _forget(self, path: str) -> None:
        super()._forget(path)
        self._rows.forget_below(path)
        # the library may give the address of what was deleted to the next array
        below = path.rstrip("/") + "/"
        for key, writer in list(self._writers.items()):
            if writer.path == path or writer.path.startswith(below):
                self._writers.pop(key, None)

    # ----------------------------------------------------------------- arrays
    def _writer(self, node: TreeNode) -> ArrayWriter:
        """Return what writes into an array. All paths to one array share it, and so know of each other's rows."""
        writer: ArrayWriter | None = node.writer
        if writer is None:
            key = self._identity(node)
            writer = self._writers.get(key)
            if writer is None:
                writer = self._writers[key] = self._make_writer(node)
            node.writer = writer
        return writer

    def _held(self, node: TreeNode) -> np.dtype[Any]:
        return (node.writer or self._writer(node)).dtype

    @primitive
    @careful
    def info(self, array: Handle) -> ArrayInfo:
        """Return shape, dtype and storage of an array."""
        node = self._array(array)
        info, waiting = self._info(node), 0 if node.kind is NodeKind.FIXED else self._rows.pending(node.writer)
        return replace(info, shape=(info.shape[0] + waiting, *info.shape[1:])) if waiting else info

    def _append_checked(self, ready: list[tuple[TreeNode, npt.NDArray[Any]]]) -> None:
        queue = self._rows
        queue.report()
        for node, values in ready:
            if node.kind is NodeKind.TEXT:
                self._append_bytes(node, values)
            elif len(values):
                queue.append(node.writer, values)

    def _append(self, node: TreeNode, rows: npt.NDArray[Any]) -> None:
        self._append_checked([(node, rows)])

    @primitive
    def extend(self, array: Handle, count: int, fill: Any) -> None:
        """Add rows of the fill value: none of them is written, but for those that share a chunk with earlier rows."""
        node = self._array(array)
        writer = self._writer(node)
        if node.is_new and writer.chunks:  # of others it is not known what they hold where nothing was written
            self._may_append(node)
            self._rows.settle(writer)
            beside = min(count, -writer.count() % writer.chunks[0])
            super().extend(array, beside, fill)
            self._rows.settle(writer)
            self._rows.forget(writer)
            if count > beside:
                writer.resize(writer.count() + count - beside)
        else:
            super().extend(array, count, fill)

    def _may_append(self, node: TreeNode) -> None:
        self._rows_that_fit(node, np.zeros((0, *node.row_shape), self._held(node)))

    @primitive
    def write(self, array: Handle, selection: Selection, values: npt.NDArray[Any]) -> None:
        """Overwrite part of an array."""
        node = self._writable(array)
        values, writer = np.asarray(values), self._writer(node)
        self._may_write(node, values, writer.dtype)
        if is_point(selection, writer.fixed_shape, values):
            if not values.flags.c_contiguous or values.dtype != writer.dtype:
                values = values.astype(writer.dtype, "C")
            self._rows.write_point(writer, selection, values)
            return
        self._settle()
        self._rows.forget(writer)
        self._write(node, selection, values)

    def _fill(self, node: TreeNode, data: npt.NDArray[Any]) -> None:
        writer = self._writer(node)
        if writer.packing is not None and writer.packing.level and data.nbytes >= COLLECT_BYTES:
            self._rows.write_whole(writer, data)
        else:
            self._write(node, ..., data)

    @primitive
    @careful
    def read(self, array: Handle, selection: Selection = ...) -> Any:
        """Read an array or part of it."""
        node = self._array(array)
        if self._rows.is_busy:
            self._rows.settle(None if node.kind is NodeKind.TEXT else self._writer(node))
        return self._read(node, selection)
