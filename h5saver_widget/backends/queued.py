"""Backends whose rows go through a queue (``rows.py``): it is emptied before anything else looks at the arrays.

It is emptied, and not used any more, as soon as the host asks for the library's own objects: what the host reads
through them is what was saved.
"""

from __future__ import annotations

import atexit
import functools
import os
import re
import time
import weakref
from abc import abstractmethod
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.array_writer import ArrayWriter
from h5saver_widget.backends.base import primitive
from h5saver_widget.backends.chunks import FAST_ROWS, fast_chunks
from h5saver_widget.backends.compression import Packing
from h5saver_widget.backends.ledger import FrameLedger
from h5saver_widget.backends.reading_size import require_memory
from h5saver_widget.backends.row_layout import RowLayout
from h5saver_widget.backends.rows import COLLECT_BYTES, LARGE_FRAME, LARGE_ROW, RowQueue
from h5saver_widget.backends.terms import ArrayInfo, Handle, NodeKind, OpenMode, Queue, Selection
from h5saver_widget.backends.tree import TreeBackend, TreeNode, is_point, reports_damage
from h5saver_widget.errors import (
    FileGoneError,
    FileIncompleteError,
    H5SaverError,
    RowsLostError,
    incomplete,
    raise_again,
)
from h5saver_widget.format.superblock import read_superblock

__all__ = ["QueuedBackend"]

#: Before a file is closed that can't be flushed, it is tried again after so long, in s.
_PAUSES = (0.05, 0.2, 0.5)

#: So much may be missing at the end of a file that the disk did not take, bytes.
_LONGEST_END = 1 << 32

#: Queues of the files that are open, by library.
_open_queues: weakref.WeakKeyDictionary[RowQueue, str] = weakref.WeakKeyDictionary()


@functools.cache
def _drain_at_exit(library: str) -> None:
    """Have rows written at exit before a library closes its files: what was registered last goes first."""

    def drain_all() -> None:
        for queue in [queue for queue, name in _open_queues.items() if name == library]:
            queue.drain()

    atexit.register(drain_all)


def _reason(error: BaseException) -> str:
    """Return what the operating system said, out of the page that HDF5 makes of it."""
    found = re.search(r"error message = '([^']+)'", str(error))
    return found[1] if found else str(error)


def _drain_forgotten(queue: RowQueue, lock: Any) -> None:
    with lock:
        queue.drain_and_flush()


class QueuedBackend(TreeBackend):
    """A backend on a file of this process, with a queue of rows; what the library gives are the underscored methods."""

    def __init__(self) -> None:
        super().__init__()
        self._writers: weakref.WeakValueDictionary[Hashable, ArrayWriter] = weakref.WeakValueDictionary()
        self._rows = RowQueue()
        self._ledger = FrameLedger()
        self._when_forgotten: weakref.finalize[..., Any] | None = None
        #: The operating system's number of the open file: asked once, for in a copy of the program no library is asked.
        self._number = -1
        #: Bytes that the file had at the last flush.
        self._size = 0
        self._gone: FileGoneError | FileIncompleteError | None = None
        #: Of a file that is given up: rows of each array at the last flush.
        self._safe_rows: dict[str, int] = {}
        self._bytes_written = 0
        self._last_flush: float | None = None

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

    @property
    def _keeps_journal(self) -> bool:
        """Whether what a refused flush could not write waits, and is written by the next one."""
        return False

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
    def _with_chunks(self, node: TreeNode, chunks: tuple[int, ...]) -> Any:
        """Put an empty array with other chunks in the place of an empty one, and return the library's object."""

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
    def open(self, path: Path, mode: OpenMode = "r", **options: Any) -> None:
        """Open or create a file; see :meth:`Backend.open`."""
        with self.lock:
            super().open(path, mode, **options)
            self._number = self._descriptor()

    def _begin(self) -> None:
        """Start with an empty queue; to be called before a file is opened."""
        self._forget("/")
        self._rows, self._ledger = RowQueue(), FrameLedger()
        self._size, self._gone, self._bytes_written, self._last_flush = 0, None, 0, None
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

    def _complete(self, failed: bool) -> None:
        """Flush and close a file that was written; if it can't be flushed, cut the library off from it first.

        HDF5 2.0 never closes a file that it can't flush: it stays locked, and the second attempt to close it ends the
        program. With the file's descriptor on the null device what is left goes nowhere, and the library closes.
        """
        try:
            self._flush_patiently()
        except (FileIncompleteError, FileGoneError):
            self._let_go()
            self._ledger.lose_rest()
            failed = True
            raise
        finally:
            self._forget("/")
            try:
                self._close_file()
            except self.library_errors:
                if not failed:  # what went wrong first tells more
                    raise
            self._cut_back()

    def _cut_back(self) -> None:
        """Cut the arrays of a file that was given up to the rows that they had at the last flush, where it opens."""
        safe, self._safe_rows = self._safe_rows, {}
        path = self._path
        if not safe or path is None:
            return
        with suppress(H5SaverError, *self.library_errors):
            self._open(path, "r+", False, None)
            for name, rows in safe.items():
                writer = self._make_writer(self._get(self.node(name)))
                if writer.count() > rows:
                    writer.resize(rows)
            self._forget("/")
            self._close_file()

    def _let_go(self) -> None:
        """Have what the library still writes go nowhere."""
        self._fill_up()
        self._disconnect()

    def _end_that_is_told(self) -> int:
        """Return where the file ends by what its superblock said at the last flush; 0 where nobody can tell."""
        with suppress(OSError):
            block = None if self._path is None else read_superblock(self._path)
            return 0 if block is None else block.base + block.stored_end
        return 0

    def _fill_up(self) -> None:
        """Make the file as long as it says that it is: HDF5 opens no shorter one. A hole at its end takes no room."""
        end = self._end_that_is_told()
        with suppress(OSError):
            if self._path is not None and self._path.stat().st_size < end < self._size + _LONGEST_END:
                os.truncate(self._path, end)

    def _disconnect(self) -> None:
        if os.name == "posix":  # elsewhere the number belongs to the library's own C runtime
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, self._number, inheritable=False)
            os.close(nowhere)

    def _flush_patiently(self) -> None:
        """Flush for the last time: what the disk refuses for a moment is not given up for that."""
        for seconds in _PAUSES:
            try:
                self._flushed()
                return
            except FileIncompleteError as error:
                if error.is_lost:
                    raise
                time.sleep(seconds)  # of this file nothing else can be done now
        try:
            self._flushed()
        except FileIncompleteError as error:
            if error.is_lost:
                raise
            raise incomplete(
                self._path, f"{_reason(error.__cause__ or error)}. What was flushed before is in it"
            ) from error

    def _flushed(self) -> None:
        self._require_place()
        try:
            self._flush_file()
        except self.library_errors as error:
            self._refused(_reason(error), error)
        self._rows.unsafe.clear()

        self._ledger.flushed()
        self._last_flush = time.time()
        self._size = self.file_size() or 0

    def _refused(self, reason: str, error: Exception) -> None:
        """Raise FileIncompleteError for a flush that the disk refused.

        With a journal nothing is lost. Without, the library has forgotten chunks that it could not write, and there are
        zeros in their place even if the next flush succeeds: nothing more is written, and the arrays are cut to what
        was flushed before once the file is closed.
        """
        if self._keeps_journal:
            raise FileIncompleteError(
                f"{self._path} can't be flushed: {reason}. Nothing is lost yet, and it is tried again. "
                "Look whether the disk is full"
            ) from error
        self._ledger.lose_rest()
        self._safe_rows = {array.path: rows for array, rows in self._rows.unsafe.items()}
        told = [f"{path} from row {rows:,} on" for path, rows in self._safe_rows.items()]
        rest = f" and {len(told) - 3} more" if len(told) > 3 else ""
        rows = f": {', '.join(told[:3])}{rest}" if told else ""
        self._gone = incomplete(
            self._path, f"{reason}. What was flushed before is in it; what came after that is lost{rows}"
        )
        raise self._gone from error

    def _require_place(self) -> None:
        """Raise FileGoneError if the file was removed or cut off.

        The system lets a program write on, and drops it at the end. A file that was only renamed is written to its end
        under its new name.
        """
        if self._gone is None and self._mode != "r":
            found = self._stat()
            if not found.st_nlink:
                self._gone = FileGoneError(f"{self._path} was removed while it was written: go on in a new file")
            elif found.st_size < self._size and found.st_size < self._end_that_is_told():
                self._gone = FileGoneError(
                    f"{self._path} was cut off by another program while it was written, to {found.st_size:,} bytes: go "
                    "on in a new file"
                )
            if self._gone is not None:
                self._ledger.lose_all()
        if self._gone is not None:
            raise_again(self._gone)

    @primitive
    def flush(self, timeout: float | None = None) -> None:
        """Hand everything written so far to the operating system; FileIncompleteError if it refuses."""
        try:
            self._drain()
        finally:
            self._flushed()

    def abandon(self) -> None:
        """Have nothing more written into the open file: it stays as it was at its last flush."""
        self._rows.drop_all()
        self._let_go()

    def file_size(self) -> int | None:
        """Return the size of the open file, bytes."""
        try:
            return self._stat().st_size if self.is_open else None
        except OSError:
            return None

    def _stat(self) -> os.stat_result:
        assert self._path is not None or self._number >= 0
        # elsewhere the number belongs to the library's own C runtime, and an open file can't be renamed
        return os.fstat(self._number) if os.name == "posix" else os.stat(self._path or "")

    def disown(self) -> None:
        """Let go of the file in a copy of the program: what the library still writes there goes nowhere."""
        super().disown()
        if self._when_forgotten is not None:
            self._when_forgotten.detach()
        _open_queues.pop(self._rows, None)
        if self.is_open:
            self._disconnect()

    # ----------------------------------------------------------------- frames
    def frame_done(self, size: int) -> None:
        """Count a frame whose rows were all appended."""
        self._ledger.frame_done()
        self._bytes_written += size

    def frame_refused(self) -> None:
        """Forget the rows of a frame that was given up half-way."""
        self._ledger.drop_frame()

    def queue(self) -> Queue:
        """Return what became of the frames; never waits."""
        ledger = self._ledger
        return Queue(
            ledger.received,
            ledger.written,
            ledger.dropped,
            bytes_written=self._bytes_written,
            file_size=self._size,
            last_flush=self._last_flush,
        )

    @property
    def raw_file(self) -> Any:
        """The library's own file object, None when closed. From now on rows are written at once."""
        with self.lock:
            if not self.is_open:
                return None
            self._rows.stop_collecting()
            return self._file_object()

    def is_raw_file(self, file: Any) -> bool:
        """Tell whether this is the library's own object of the open file."""
        with self.lock:
            return self.is_open and self._file_object() is file

    @primitive
    def raw_node(self, node: Handle) -> Any:
        """Return the library's own object. From now on rows are written at once."""
        found = self._get(node)
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
                self._ledger.rows_lost(path, rows)
            raise

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
                if node.is_new and node.kind is NodeKind.GROWING and writer.packing == Packing():
                    if 0 < writer.row_bytes <= LARGE_ROW:
                        writer.blank = np.full(writer.row_shape, writer.fill, writer.dtype).tobytes()
                    writer.is_young = prod(writer.chunks) < prod(fast_chunks(writer.row_shape, writer.dtype))
            node.writer = writer
        return writer

    def _held(self, node: TreeNode) -> np.dtype[Any]:
        return (node.writer or self._writer(node)).dtype

    @primitive
    @reports_damage
    def info(self, array: Handle) -> ArrayInfo:
        """Return shape, dtype and storage of an array."""
        node = self._array(array)
        info, waiting = self._info(node), 0 if node.kind is NodeKind.FIXED else self._rows.pending(node.writer)
        return replace(info, shape=(info.shape[0] + waiting, *info.shape[1:])) if waiting else info

    def _append_checked(self, ready: list[tuple[TreeNode, npt.NDArray[Any]]]) -> None:
        queue, ledger = self._rows, self._ledger
        if self._gone is not None:
            raise_again(self._gone)
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

    @primitive
    def append_row(self, layout: RowLayout, values: Sequence[Any]) -> None:
        """Add a row to each array of a layout."""
        if layout.size > LARGE_FRAME:  # copied once, into the file
            rows = zip(layout.arrays, values, layout.kinds, strict=True)
            self.append_many([(a, np.ndarray((1, *shape), dtype, v)) for a, v, (dtype, shape) in rows])
        else:
            self.append_packed(layout, layout.joined(values))

    @primitive
    def append_packed(self, layout: RowLayout, row: bytes | memoryview) -> None:
        """Add a row to each array of a layout, given in one piece."""
        self._require_valid(layout)
        if layout.size > LARGE_FRAME or not self._rows.collects:
            super().append_packed(layout, row)
            return
        if self._gone is not None:
            raise_again(self._gone)
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
        self._ledger.row_added(layout.counts)
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

    @primitive
    def extend(self, array: Handle, count: int, fill: Any) -> None:
        """Add rows of the fill value: none of them is written, but for those that share a chunk with earlier rows."""
        node = self._array(array)
        writer = self._writer(node)
        is_fill = np.asarray(writer.fill, writer.dtype).tobytes() == np.asarray(fill, writer.dtype).tobytes()
        if (
            node.is_new and writer.chunks and is_fill
        ):  # of others it is not known what they hold where nothing was written
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

    @primitive
    def write(self, array: Handle, selection: Selection, values: npt.NDArray[Any]) -> None:
        """Overwrite part of an array."""
        node = self._writable(array)
        values, writer = np.asarray(values), self._writer(node)
        self._may_write(node, values, writer.dtype)
        if is_point(selection, writer.fixed_shape, values):
            if not values.flags.c_contiguous or values.dtype != writer.dtype:
                values = values.astype(writer.dtype, "C")
            self._ledger.rows_added(writer.path, 1)
            with self._losses_counted():
                self._rows.write_point(writer, selection, values)
            return
        self._drain()
        self._rows.forget(writer)
        self._write(node, selection, values)

    def _fill(self, node: TreeNode, data: npt.NDArray[Any]) -> None:
        writer = self._writer(node)
        if writer.packing is not None and writer.packing.level and data.nbytes >= COLLECT_BYTES:
            self._rows.write_whole(writer, data)
        else:
            self._write(node, ..., data)

    @primitive
    @reports_damage
    def read(self, array: Handle, selection: Selection = ...) -> Any:
        """Read an array or part of it."""
        node = self._array(array)
        if self._rows.is_busy:
            self._rows.drain(None if node.kind is NodeKind.TEXT else self._writer(node))
        found = self._info(node)
        require_memory(node.path, found.shape, found.dtype, selection)
        return self._read(node, selection)
