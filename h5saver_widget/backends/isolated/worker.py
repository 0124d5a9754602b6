"""The process that has the file: it takes records from the program, in order, and passes them to a real backend.

Rows of one array that arrived meanwhile become one write. When the program is gone, for any reason, its records are
written and the file is closed properly; Ctrl-C, which reaches every process of a terminal, is ignored. The worker
notices by itself that its program is gone, and checks every record; at one that makes no sense it writes all good ones,
closes the file, says why, and ends.

An error belongs to the smallest thing that failed: rows that can't be written end their array, and all others go on;
a flush that is refused is tried again for a while, since nothing is lost by it; only then the file is given up.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any

import numpy as np

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.isolated.held import memory_of
from h5saver_widget.backends.isolated.hosted import HostedFile, message_of
from h5saver_widget.backends.isolated.messages import ROWS, Kind, Notice, error_of, pack, unpack
from h5saver_widget.backends.isolated.orders import Orders
from h5saver_widget.backends.isolated.pipes import AnswerPipe, WakePipe
from h5saver_widget.backends.isolated.ring import PADDING, Counter, Doing, Ring, RingError
from h5saver_widget.errors import FileGoneError, FileIncompleteError, FileNotOpenError, RowsLostError

__all__ = ["Worker", "main"]

_GATHERED_BYTES = 4 << 20
_LARGE_BYTES = 256 << 10
_RAW_ANSWER = 64 << 10
_LINGER_SECONDS = 0.002
_BEAT_SECONDS = 0.1
_DOING = {"open": Doing.opening, "close": Doing.closing, "flush": Doing.flushing, "checkpoint": Doing.flushing}


class Worker:
    """One backend, driven by the records of a ring."""

    def __init__(self, io: Backend, ring: Ring, wake: WakePipe, answers: int) -> None:
        self._io = io
        self._ring, self._wake = ring, wake
        self._answers = AnswerPipe(answers, wake, self._beat)
        io.beat = self._beat
        self._orders = Orders(self._io)
        self.file = HostedFile(self._io, self._orders, ring, self._answers)
        self._position = ring[Counter.tail]
        self._rows: dict[int, list[tuple[int, Any]]] = {}
        self._gathered = 0
        self._parts: list[bytes] = []
        self._beat_at = 0.0
        self._operations: dict[str, Callable[..., Any]] = {
            **self._orders.by_name,
            "open": self.file.open,
            "close": self.file.close,
            "cannot_read": self.file.cannot_read,
            "flush": self.file.flush_asked,
            "checkpoint": lambda: self.file.flush_asked(checkpoint=True),
            "keep_row": self.file.keep_row,
            "current_path": lambda: self._io.current_path().as_posix(),
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
                        self._release_room()
                    self._look_at_clock()
                    continue
                self._write_rows()
                self._release_room()
                self._look_at_clock()
                if self._wake.is_program_gone and self._ring.take(self._position) is None:
                    return
                self._wait()
        except RingError as error:
            print(f"the records of the program make no sense, the file is closed: {error}", file=sys.stderr)
            self._write_rows()
            self.file.flush()
            self.file.give_up(error)
        finally:
            self.file.close_after_all()

    def _wait(self) -> None:
        """Wait to be woken; after work only for a moment, in which small records may come in without that."""
        self.file.does(Doing.nothing)
        self._wake.wait(min(_LINGER_SECONDS, self.file.patience))
        if self._wake.is_program_gone or self._ring.take(self._position) is not None:
            return
        self._ring[Counter.waiting] = 1
        if self._ring.take(self._position) is None:
            self._wake.wait(self.file.patience)
        self._ring[Counter.waiting] = 0

    def _beat(self) -> None:
        self._ring[Counter.beat] = int(monotonic() * 1e6)

    def _look_at_clock(self) -> None:
        """Show the progress of this process, and flush if that is due."""
        now = monotonic()
        if now - self._beat_at > _BEAT_SECONDS:
            self._beat_at = now
            self._beat()
            self.file.show()
        if self.file.is_due(now):
            self._write_rows()
            self._release_room()
            self.file.flush()

    def _release_room(self) -> None:
        """Release the memory of taken records in the ring; a program that waits for room is woken."""
        ring = self._ring
        ring.release(self._position)
        if ring[Counter.starved] and ring.used <= ring.capacity // 2:
            ring[Counter.starved] = 0
            self._answers.notice(Notice.room)

    def _handle(self, kind: int, content: memoryview) -> None:
        if kind == PADDING:
            return
        if kind == Kind.part:
            self._parts.append(bytes(content))
            return
        if self._parts:
            content = memoryview(b"".join([*self._parts, content]))
            self._parts = []
        if kind == Kind.rows:
            self._gather(content)
        elif kind == Kind.row:
            self._append_row(content)
        elif kind == Kind.frame:
            self.file.ledger.frame_done()
            if not self._rows:
                self.file.count()
        elif kind == Kind.spoilt:
            self.file.ledger.drop_frame()
        elif kind == Kind.values:
            self._write_rows()
            self._write_values(content)
        elif kind == Kind.post:
            self._write_rows()
            self._carry_out(*unpack(content))
        elif kind == Kind.call:
            self._write_rows()
            self._answer(*unpack(content))
        else:
            raise RingError(f"there is no record of kind {kind}")

    def _carry_out(self, operation: str, arguments: tuple[Any, ...]) -> None:
        """Carry out an order that nobody waits for. A failure ends its node: later orders for that node fail, too."""
        if self.file.failed and operation != "release":
            return
        self.file.changes()
        self.file.does(Doing.writing)
        try:
            self._operations[operation](*arguments)
        except Exception as error:  # any error goes to the program
            number = arguments[0] if arguments and isinstance(arguments[0], int) else 0
            where = self._orders.paths([number]) or operation
            self.file.break_off([number] if operation == "create" else [], f"{where}: {message_of(error)}")

    def _answer(self, number: int, operation: str, arguments: tuple[Any, ...]) -> None:
        self.file.does(_DOING.get(operation, Doing.reading))
        try:
            with self.file.limit:
                value = self._operations[operation](*arguments)
            if isinstance(value, np.ndarray) and value.dtype.isbuiltin and value.nbytes > _RAW_ANSWER:
                value = np.ascontiguousarray(value)
                head = pack((number, True, (value.dtype.str, value.shape), True))
                self._answers.answer(head, value.reshape(-1).view(np.uint8).data)
                return
            answer = pack((number, True, value, False))
        except Exception as error:  # it goes to the caller
            answer = pack((number, False, error_of(error), False))
        self._answers.answer(answer)

    # ----------------------------------------------------------------- arrays
    def _gather(self, content: memoryview) -> None:
        """Take rows out of a record; they are written with others of the same arrays.

        Those of one record belong to one frame: where one array can't take them, none does, so that rows of one number
        stay together.
        """
        count = int.from_bytes(content[:8], "little")
        heads = [ROWS.unpack_from(content, 8 + entry * ROWS.size) for entry in range(count)]
        if self.file.failed or (self.file.broken and any(number in self.file.broken for number, _, _ in heads)):
            self.file.ledger.spoil()
            return
        self.file.changes()
        at = 8 + count * ROWS.size
        is_large = False
        for number, rows, size in heads:
            values = content[at : at + size]
            at += size
            is_large = is_large or size >= _LARGE_BYTES
            self._keep(number, rows, values if size >= _LARGE_BYTES else memoryview(bytes(values)))
        self._write_rows_if_many(is_large)

    def _keep(self, number: int, rows: int, values: Any) -> None:
        self._rows.setdefault(number, []).append((rows, values))
        self.file.ledger.rows_added(number, rows)
        self._gathered += values.nbytes

    def _write_rows_if_many(self, is_large: bool = False) -> None:
        if is_large or self._gathered >= _GATHERED_BYTES:
            self._write_rows()

    def _append_row(self, content: memoryview) -> None:
        """Take a row of each array of a layout."""
        file = self.file
        found = self._orders.layouts.get(int.from_bytes(content[:8], "little"))
        if file.failed or found is None or not file.broken.isdisjoint(found[1]):
            file.ledger.spoil()
            return
        layout, counts = found
        file.changes()
        if not self._io.collects_frames:
            for number, (_, rows) in zip(counts, layout.rows_of([bytes(content[8:])]), strict=True):
                self._keep(number, 1, rows)
            self._write_rows_if_many()
            return
        self._write_rows()
        file.does(Doing.writing)
        try:
            self._hand_over(counts, self._io.append_packed, layout, content[8:])
            file.ledger.row_added(counts)
            self._ring[Counter.bytes_written] += layout.size
        except Exception as error:
            file.ledger.spoil()
            self._rows_refused(list(counts), "a row could not be written and is lost", error)

    def _hand_over(self, numbers: Iterable[int], call: Callable[..., None], *arguments: Any) -> None:
        """Hand something to the library; again, if that first tells that rows which it had accepted are lost."""
        try:
            call(*arguments)
        except RowsLostError as error:
            self.file.lost(error)
            if not self.file.broken.isdisjoint(numbers):
                raise
            call(*arguments)

    def _write_rows(self) -> None:
        """Append the gathered rows, array by array: an error of one is not an error of the others."""
        if self._rows:
            self.file.does(Doing.writing)
            gathered, self._rows, self._gathered = self._rows, {}, 0
            for number, pieces in gathered.items():
                self._append(number, pieces)
        self.file.count()

    def _append(self, number: int, pieces: list[tuple[int, Any]]) -> None:
        try:
            self._hand_over([number], self._io.append_many, self._orders.rows_of(number, pieces))
            self._ring[Counter.bytes_written] += sum(values.nbytes for _, values in pieces)
        except Exception as error:
            rows = sum(rows for rows, _ in pieces)
            self.file.ledger.rows_lost(number, rows)
            self._rows_refused([number], f"the last {rows} rows could not be written and are lost", error)

    def _rows_refused(self, numbers: list[int], what: str, error: Exception) -> None:
        """Take nothing more for arrays whose rows could not be written, unless that is said already."""
        if isinstance(error, (FileGoneError, FileIncompleteError)):
            self.file.give_up(error)
        elif self.file.broken.isdisjoint(numbers):
            where = self._orders.paths(numbers) or "an array"
            self.file.break_off(numbers, f"{where}: {what}: {message_of(error)}")

    def _write_values(self, content: memoryview) -> None:
        end = 8 + int.from_bytes(content[:8], "little")
        selection, arrays = unpack(content[8:end])
        if self.file.failed or any(number in self.file.broken for number, _, _ in arrays):
            self.file.ledger.spoil()
            return
        self.file.changes()
        self.file.does(Doing.writing)
        for number, dtype, shape in arrays:
            values = np.ndarray(shape, dtype, buffer=content[end:])
            end += values.nbytes
            self.file.ledger.rows_added(number, 1)
            try:
                self._hand_over((), self._io.write, self._orders.node(number), selection, values)
                self._ring[Counter.bytes_written] += values.nbytes
            except Exception as error:
                self.file.ledger.rows_lost(number, 1)
                where = self._orders.paths([number])
                self.file.break_off([], f"{where}: values could not be written and are lost: {message_of(error)}")


def main(
    create_backend: Callable[[str], Backend],
    hosted: str,
    capacity: str,
    token: str,
    program: str,
    _log: str,
    held: str = "",
) -> None:
    """Work for the program that started this process, until it is gone.

    `hosted` is the name of the backend, `capacity` and `token` are those of the ring, `program` is the number of the
    program's process, `held` names the memory with frames that this process looks after; ``''`` for none.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    answers = os.dup(1)
    if sys.platform != "win32":
        os.set_blocking(answers, False)
    os.dup2(2, 1)  # prints of a library go into the log, not between the answers
    ring, memory = Ring(int(capacity), token), memory_of(held)
    try:
        worker = Worker(create_backend(hosted), ring, WakePipe(0, int(program)), answers)
        worker.run()
        if memory is not None and not ring[Counter.left]:
            memory.write_rest(worker.file.opened)
    except FileNotOpenError as error:
        sys.exit(str(error))
