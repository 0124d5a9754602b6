"""Rows and points on their way into a file: small ones are collected, compressed chunks deflated by other threads.

Accepted rows that the library has not received are bounded (``PENDING_BYTES``), are written before any access to the
arrays (read, copy, flush, close) and, if they can't be written, reported with their number by the next call.
"""

from __future__ import annotations

from collections import deque
from itertools import product

import numpy as np

from h5saver_widget.backends.array_writer import ArrayWriter, Rows
from h5saver_widget.backends.handles import is_below
from h5saver_widget.backends.row_layout import RowLayout
from h5saver_widget.backends.write_buffers import ChunkTask, DeflateBuffer, Memory, PointBuffer, RowBuffer, WriteBuffer
from h5saver_widget.errors import RowsLostError, without_trace

__all__ = ["COLLECT_BYTES", "PENDING_BYTES", "RowQueue"]

#: So much of an uncompressed array is collected: with 64 kB the calls into the library cost next to nothing per row.
COLLECT_BYTES = 1 << 16
#: Rows larger than this are not collected: copying them takes longer than the call that is saved.
LARGE_ROW = 1 << 14
#: Frames up to this are kept in one piece, so much of them before they are shared out to their arrays.
LARGE_FRAME, FRAMES_BYTES = 1 << 16, 1 << 20
#: So much may wait in memory for the threads that deflate, and as much again in chunks that are not full.
PENDING_BYTES = 32 << 20
_ADVICE = "Look whether the disk is full, and start a new file"


class RowQueue:
    """The accepted rows of one file's arrays that the library has not received yet.

    Not thread-safe: the backend calls it under its lock. The threads that deflate touch nothing of it.
    """

    def __init__(self) -> None:
        #: False as soon as the host has the library's own objects: it may look at the arrays without asking here.
        self.collects = True
        self._open: dict[ArrayWriter, None] = {}
        self._jobs: deque[ChunkTask] = deque()
        self._job_bytes = 0
        self._memory = Memory(PENDING_BYTES)
        self._failures: list[tuple[ArrayWriter, int, str]] = []
        #: What was lost and told, since somebody asked for a flush: paths of arrays, and sentences.
        self.told: list[tuple[str, str]] = []
        #: Frames of scalars and small arrays, which are not shared out to the arrays yet.
        self._frames: dict[RowLayout, list[bytes]] = {}
        self._frame_bytes = 0
        #: Whether an array takes nothing more.
        self.has_broken = False
        #: Growing arrays that rows came to since the last flush, and how many they had then.
        self.unsafe: dict[ArrayWriter, int] = {}

    # ------------------------------------------------------------------- rows
    def append(self, array: ArrayWriter, rows: Rows) -> None:
        """Accept rows: C-contiguous, of the array's dtype, at least one."""
        if self._frames:
            self.spread()
        if array.broken:
            raise RowsLostError(array.broken)
        if not self._take(array, rows):
            self.report()

    def append_frame(self, layout: RowLayout, frame: bytes) -> None:
        """Accept a row of each array of a layout."""
        pieces = self._frames.get(layout)
        if pieces is None:
            if not all(layout.members.isdisjoint(other.members) for other in self._frames):
                self.spread()  # the rows of an array keep their order
            pieces = self._frames[layout] = []
        pieces.append(frame)
        self._frame_bytes += len(frame)
        if self._frame_bytes > FRAMES_BYTES:
            self.spread()

    def spread(self) -> None:
        """Distribute frames to their arrays; `report` names losses."""
        frames, self._frames, self._frame_bytes = self._frames, {}, 0
        for layout, pieces in frames.items():
            for node, rows in layout.rows_of(pieces):
                array: ArrayWriter = node.writer  # type: ignore[attr-defined]
                if array.broken:
                    self._failures.append((array, len(rows), array.broken))
                else:
                    self._take(array, rows)

    def _take(self, array: ArrayWriter, rows: Rows) -> bool:
        """Accept rows, and tell whether the array still takes some."""
        if array.accepted < 0:
            array.accepted = array.count()
        if array not in self.unsafe:
            self.unsafe[array] = array.accepted
        array.accepted += len(rows)
        buffer = array.buffer
        if buffer is None:
            buffer = array.buffer = self._buffer_for(array)
            if buffer is None:
                try:
                    array.append(rows)
                except Exception as error:
                    self._lose(array, error)
                    return False
                return True
        return self._add(array, buffer, rows)

    def _add(self, array: ArrayWriter, buffer: WriteBuffer, values: Rows, at: tuple[int, ...] = ()) -> bool:
        self._open[array] = None
        try:
            buffer.add(array, values, self.submit, at)
        except Exception as error:
            self._lose(array, error)
        return array.buffer is buffer

    def _buffer_for(self, array: ArrayWriter) -> WriteBuffer | None:
        if not self.collects:
            return None
        packing, size = array.packing, COLLECT_BYTES
        deflates = packing is not None and packing.level > 0 and array.chunks[1:] == array.row_shape
        if deflates:
            size = array.chunks[0] * array.row_bytes
        elif array.row_is_chunk or not 0 < array.row_bytes <= LARGE_ROW:
            return None
        if not self._has_room(size):
            return None  # too many arrays at once: this one is left to the library
        return (DeflateBuffer if deflates else RowBuffer)(array, size, self._memory)

    def _has_room(self, size: int) -> bool:
        """Tell whether one more array may be kept; if need be, forget those that got nothing since the last flush."""
        if not self._memory.has(size):
            for array in [array for array in self._open if not self.pending(array)]:
                self.forget(array)
        return self._memory.has(size)

    def pending(self, array: ArrayWriter | None) -> int:
        """Return how many rows of an array wait."""
        if self._frames:
            self.spread()
        buffer = None if array is None else array.buffer
        return 0 if buffer is None else buffer.pending + sum(job.rows for job in self._jobs if job.array is array)

    @property
    def is_busy(self) -> bool:
        """Whether anything may wait."""
        return bool(self._open or self._jobs or self._frames)

    # ----------------------------------------------------------------- chunks
    def write_whole(self, array: ArrayWriter, values: Rows) -> None:
        """Write all chunks of a fixed array."""
        for at in product(*(range(0, n, step) for n, step in zip(values.shape, array.chunks, strict=True))):
            part = values[tuple(slice(i, i + n) for i, n in zip(at, array.chunks, strict=True))]
            block = np.zeros(array.chunks, array.dtype)
            block[tuple(slice(n) for n in part.shape)] = part
            self.submit(ChunkTask(array, at, block))
        self.drain()

    def write_point(self, array: ArrayWriter, at: tuple[int, ...], values: Rows) -> None:
        """Fill one place of a fixed array; values are C-contiguous and of the array's dtype."""
        self.report()
        packing, count = array.packing, (*(1,) * len(at), *values.shape)
        start = (*at, *(0,) * values.ndim)
        is_chunk = packing is not None and array.chunks == count
        if self._jobs and not is_chunk and any(job.array is array for job in self._jobs):
            self.drain()
        if not is_chunk and 0 < values.nbytes <= LARGE_ROW:
            buffer = array.buffer = array.buffer or self._point_buffer(array)
            if buffer is not None:
                if not self._add(array, buffer, values, at):
                    self.report()
                return
        elif array.buffer is not None:
            self.drain(array)
        if packing is None or not is_chunk:
            array.write(start, count, values)
        elif self.collects and packing.level:
            self.submit(ChunkTask(array, start, values.reshape(count).copy()))
        else:
            array.put(start, packing.pack(values) if packing.level else values)

    def _point_buffer(self, array: ArrayWriter) -> WriteBuffer | None:
        if not self.collects or not self._has_room(COLLECT_BYTES):
            return None
        return PointBuffer(array, COLLECT_BYTES, self._memory)

    def submit(self, job: ChunkTask) -> None:
        """Have a chunk packed; write those that are ready, and as many as it takes to stay within the bound."""
        self._jobs.append(job)
        self._job_bytes += job.size
        while self._jobs and (self._job_bytes > PENDING_BYTES or self._jobs[0].packed.done()):
            self._write_first()

    def _write_first(self) -> None:
        job = self._jobs[0]
        try:
            job.write()
        except Exception as error:
            self._lose(job.array, error)
        else:
            self._jobs.popleft()
            self._job_bytes -= job.size

    # ------------------------------------------------------------ handing over
    def drain(self, only: ArrayWriter | None = None) -> None:
        """Pass everything (or the rows of one array) to the library; RowsLostError if that fails, but all are tried."""
        if self._frames:
            self.spread()
        for array in list(self._open) if only is None else [only]:
            buffer = array.buffer
            if buffer is None:
                continue
            try:
                buffer.drain(array, self.submit)
            except Exception as error:
                self._lose(array, error)
            if not buffer.holds:
                self.forget(array)
        while self._jobs:
            self._write_first()
        self.report()

    def drain_and_flush(self) -> None:
        """Hand everything to the library and flush the file, if there was anything."""
        self.spread()
        last = next(reversed(self._open), None)
        self.drain()
        if last is not None:
            last.flush_file()

    def stop_collecting(self) -> None:
        """Hand everything to the library, now and from now on."""
        self.collects = False
        try:
            self.drain()
        finally:
            self.forget_below("/")

    def replace(self, array: ArrayWriter, by: ArrayWriter) -> None:
        """Give the accepted rows of an array to another writer; the library has none of them."""
        by.buffer, by.accepted = array.buffer, array.accepted
        array.buffer = None
        if array in self._open:
            self._open[by] = self._open.pop(array)
        if array in self.unsafe:
            self.unsafe[by] = self.unsafe.pop(array)

    def forget(self, array: ArrayWriter) -> None:
        """Look into the file again before the next row of an array is taken; there must be none that wait."""
        array.buffer = None
        array.accepted = -1
        self._open.pop(array, None)

    def forget_below(self, path: str) -> None:
        """Forget the array of this path, and those below it."""
        for array in [array for array in self._open if is_below(array.path, path)]:
            self.forget(array)
        self.told = [(lost, message) for lost, message in self.told if not is_below(lost, path)]

    # ----------------------------------------------------------------- errors
    def _lose(self, array: ArrayWriter, error: Exception) -> None:
        """Drop the waiting rows of an array; `report` says so."""
        pending, accepted = self.pending(array), array.accepted
        self.forget(array)
        self._jobs = deque(job for job in self._jobs if job.array is not array)
        self._job_bytes = sum(job.size for job in self._jobs)
        if array.fixed_shape:
            lost, what = pending, f"the last {pending} points" if pending else "a chunk"
        else:
            try:
                first = min(array.count(), accepted)
            except Exception:  # the library can't tell: it has what it was given
                first = accepted - pending
            lost, what = accepted - first, f"rows {first:,} to {accepted - 1:,}"
        message = f"{array.path}: {what} could not be written and are lost: {without_trace(str(error))}"
        if not array.fixed_shape:
            self.has_broken = True
            array.broken = f"{message}. Nothing more is added to this array: start a new file"
        self._failures.append((array, max(lost, 0), message))

    def drop_all(self) -> None:
        """Forget everything that waits: it has nowhere to go any more."""
        self._jobs.clear()
        self._frames, self._frame_bytes = {}, 0
        self._job_bytes = 0
        self._failures, self.told = [], []
        for array in list(self._open):
            self.forget(array)

    def report(self) -> None:
        """Raise RowsLostError if something was lost since the last time."""
        if self._failures:
            failures, self._failures = self._failures, []
            messages = [message for _, _, message in failures]
            self.told += [(array.path, message) for array, _, message in failures]
            losses = [(array.path, lost) for array, lost, _ in failures]
            raise RowsLostError(f"{'; '.join(messages)}. {_ADVICE}", losses)

    def tell_again(self) -> None:
        """Raise RowsLostError, once, for losses that other calls have raised since this was last asked."""
        if self.told:
            told, self.told = self.told, []
            raise RowsLostError(f"{'; '.join(message for _, message in told)}. {_ADVICE}")
