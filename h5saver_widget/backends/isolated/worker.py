"""The process that has the file: it takes what the program sends, in order, and hands it to a real backend.

Rows of one array that arrived meanwhile become one write. When the program is gone, however it went, what it had sent
is written and the file is closed properly; Ctrl-C, which reaches every process of a terminal, is not for this one. It
looks after itself: it notices by itself that its program is gone, checks every record that it takes, and where
something makes no sense it writes what is good, closes the file, says why, and ends.

An error belongs to the smallest thing that failed: rows that can't be written end their array, and all others go on;
a flush that is refused is tried again for a while, since nothing is lost by it; only then the file is given up.
"""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, time
from typing import Any

import numpy as np

from h5saver_widget.backends.derived import update_shapes
from h5saver_widget.backends.isolated.messages import LENGTH, ROWS, Kind, Notice, error_of, pack, unpack
from h5saver_widget.backends.isolated.orders import Orders
from h5saver_widget.backends.isolated.ring import PADDING, Counter, Doing, Ring, RingError
from h5saver_widget.backends.ledger import FrameLedger
from h5saver_widget.backends.reading_limit import Limit
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.terms import Durability
from h5saver_widget.errors import FileGoneError, FileNotOpenError, RowsLostError

__all__ = ["Worker", "main"]

FLUSH_SECONDS = 0.8
"""When unwritten data are flushed: with the time that this takes, nothing gets older than 1 s."""

PATIENCE_SECONDS = 10.0
"""How long a flush that is refused is tried again before the file is given up."""

_SOON_SECONDS = 0.1
_GATHERED_BYTES = 4 << 20
_LARGE_BYTES = 256 << 10
_RAW_ANSWER = 64 << 10
_LOOK_SECONDS = 1.0
_LINGER_SECONDS = 0.002
_DOING = {"open": Doing.opening, "close": Doing.closing, "flush": Doing.flushing, "checkpoint": Doing.flushing}


class WakePipe:
    """The pipe by which the program wakes this process, and what tells whether the program is still there."""

    def __init__(self, descriptor: int, program: int) -> None:
        self._descriptor = descriptor
        self._program = program
        self._is_at_end = False
        self._rang = threading.Event()
        if sys.platform == "win32":  # select() knows no pipes there
            threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while os.read(self._descriptor, 65536):
            self._rang.set()
        self._is_at_end = True
        self._rang.set()

    @property
    def is_program_gone(self) -> bool:
        """Whether the program is done with this process, or has ended. A copy of it may hold the pipe open for ever."""
        return self._is_at_end or (sys.platform != "win32" and os.getppid() != self._program)

    def wait(self, seconds: float) -> None:
        """Wait until it is written to, the program ends, or the time is over."""
        if sys.platform == "win32":
            self._rang.wait(seconds)
            self._rang.clear()
        elif self._is_at_end:
            return
        elif select.select([self._descriptor], [], [], seconds)[0]:
            self._is_at_end = not os.read(self._descriptor, 65536)


class Worker:
    """One backend, worked by what comes out of a ring.

    Parameters
    ----------
    hosted
        Name of the backend.
    ring, wake
        Where orders come from.
    answers
        File descriptor for answers.
    """

    def __init__(self, hosted: str, ring: Ring, wake: WakePipe, answers: int) -> None:
        self._io = create_backend(hosted)
        self._ring, self._wake, self._answers = ring, wake, answers
        self._position = ring[Counter.tail]
        self._orders = Orders(self._io)
        self._ledger = FrameLedger()
        self._broken: set[int] = set()
        self._rows: dict[int, list[tuple[int, memoryview]]] = {}
        self._gathered = 0
        #: Rows that are written when the program is gone, and the file that they belong to.
        self._kept: tuple[Path | None, list[tuple[str, bytes]]] = (None, [])
        self._parts: list[bytes] = []
        self._failed = self._is_in_trouble = False
        self._refused_since: float | None = None
        self._limit = Limit()
        self._changed_at: float | None = None
        self._beat_at = 0.0
        self._operations: dict[str, Callable[..., Any]] = {
            **self._orders.by_name,
            "open": self._open,
            "close": self._close,
            "flush": self._flush_asked,
            "checkpoint": lambda: self._flush_asked(checkpoint=True),
            "keep_row": self._keep_row,
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
                    self._flush_if_due()
                    continue
                self._write_rows()
                self._release_room()
                self._flush_if_due(idle=True)
                if self._wake.is_program_gone and self._ring.take(self._position) is None:
                    return
                self._wait()
        except RingError as error:
            print(f"what the program sent makes no sense, the file is closed: {error}", file=sys.stderr)
            self._write_rows()
            self._flush()
            self._give_up(error)
        finally:
            self._close_after_all()

    def _wait(self) -> None:
        """Wait to be woken; after work only for a moment, in which small records may come in without that."""
        self._do(Doing.nothing)
        self._wake.wait(min(_LINGER_SECONDS, self._patience()))
        if self._wake.is_program_gone or self._ring.take(self._position) is not None:
            return
        self._ring[Counter.waiting] = 1
        if self._ring.take(self._position) is None:
            self._wake.wait(self._patience())
        self._ring[Counter.waiting] = 0

    def _do(self, doing: Doing) -> None:
        """Say what is done from now on, and that this process is alive."""
        ring = self._ring
        ring[Counter.beat] = int(monotonic() * 1e6)
        ring[Counter.doing] = doing

    def _release_room(self) -> None:
        """Give back what was taken from the ring; a program that waits for room is told."""
        ring = self._ring
        ring.release(self._position)
        if ring[Counter.starved] and ring.used <= ring.capacity // 2:
            ring[Counter.starved] = 0
            self._notice(Notice.room)

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
        elif kind == Kind.frame:
            self._ledger.frame_done()
            if not self._rows:
                self._count()
        elif kind == Kind.spoilt:
            self._ledger.drop_frame()
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
        """Do what nobody waits for. What fails ends the node that it was for: what is sent to it later fails, too."""
        if self._failed and operation != "release":
            return
        self._changes()
        self._do(Doing.writing)
        try:
            self._operations[operation](*arguments)
        except Exception as error:  # whatever it is, the program is told
            number = arguments[0] if arguments and isinstance(arguments[0], int) else 0
            where = self._orders.paths([number])
            self._break([number] if operation == "create" else [], f"{where or operation}: {_said(error)}")

    def _answer(self, number: int, operation: str, arguments: tuple[Any, ...]) -> None:
        self._do(_DOING.get(operation, Doing.reading))
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

    def _notice(self, notice: Notice, *said: Any) -> None:
        """Say something that was not asked for."""
        message = pack((0, True, (int(notice), *said), False))
        self._send(LENGTH.pack(len(message)) + message)

    def _send(self, data: bytes | memoryview) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._answers, left) :]
            except BlockingIOError:
                if self._wake.is_program_gone:
                    return  # a copy of the program holds the pipe open, and reads nothing
                self._do(Doing(self._ring[Counter.doing]))
                select.select([], [self._answers], [], _LOOK_SECONDS)
            except BrokenPipeError:
                return  # the program is gone: nobody waits for the answer

    # ----------------------------------------------------------------- errors
    def _break(self, numbers: list[int], message: str) -> None:
        """Take nothing more for some arrays, and say why; all others go on."""
        self._broken.update(numbers)
        self._count()
        print(message, file=sys.stderr, flush=True)
        self._notice(Notice.problem, numbers, message)

    def _lost(self, error: RowsLostError) -> None:
        """Count what the library could not write of what it had taken."""
        for path, rows in error.losses:
            numbers = self._orders.numbers_at(path)
            for number in numbers:
                self._ledger.rows_lost(number, rows)
            self._break(numbers, str(error))
        if not error.losses:
            self._break([], str(error))

    def _give_up(self, error: Exception) -> None:
        """Write nothing more into this file, and say why; the first reason stays."""
        if self._failed:
            return
        self._failed = True
        if isinstance(error, FileGoneError):
            self._ledger.lose_all()
        else:
            self._ledger.lose_rest()
        self._count()
        self._notice(Notice.failed, error_of(error)[0], _said(error))

    # --------------------------------------------------------------- flushing
    def _changes(self) -> None:
        """Note that something is changed, which has to be flushed some time."""
        if self._changed_at is None:
            self._changed_at = monotonic()

    def _patience(self) -> float:
        if self._changed_at is None:
            return _LOOK_SECONDS
        return max(0.0, min(_LOOK_SECONDS, self._changed_at + self._flush_seconds - monotonic()))

    @property
    def _flush_seconds(self) -> float:
        return _SOON_SECONDS if self._ring[Counter.flush_wanted] else FLUSH_SECONDS

    def _flush_if_due(self, idle: bool = False) -> None:
        now = monotonic()
        if now - self._beat_at > 0.1:
            self._beat_at = now
            self._ring[Counter.beat] = int(now * 1e6)
        if self._changed_at is not None and now - self._changed_at >= self._flush_seconds:
            self._write_rows()
            self._release_room()
            self._flush()

    def _flush(self) -> None:
        """Flush as far as the disk takes it; what it refuses is tried again for a while."""
        if self._failed:
            return
        self._do(Doing.flushing)
        try:
            self._flush_file()
        except FileGoneError as error:
            self._give_up(error)
        except Exception as error:
            self._refused(error)

    def _flush_asked(self, checkpoint: bool = False) -> None:
        """Flush for somebody who waits for it: he is told if it fails."""
        if self._failed:
            return
        try:
            self._flush_file(checkpoint)
        except FileGoneError as error:
            self._give_up(error)
            raise
        except Exception as error:
            self._refused(error)
            raise

    def _flush_file(self, checkpoint: bool = False) -> None:
        self._changed_at = None
        self._ring[Counter.flush_wanted] = 0
        try:
            if checkpoint:
                self._io.checkpoint()
            else:
                self._io.flush()
        except RowsLostError as error:  # the file was flushed all the same
            self._lost(error)
        self._ledger.flushed()
        self._refused_since = None
        if self._is_in_trouble:
            self._is_in_trouble = False
            self._notice(Notice.trouble, "")
        self._count()
        self._ring[Counter.last_flush] = int(time() * 1e6)
        self._note_size()

    def _refused(self, error: Exception) -> None:
        """Note that a flush was refused: nothing is lost by that, and it is tried again, but not for ever."""
        if isinstance(error.__context__, RowsLostError):
            self._lost(error.__context__)
        now = monotonic()
        self._changed_at = now
        if self._refused_since is None:
            self._refused_since = now
        if now - self._refused_since > PATIENCE_SECONDS:
            self._give_up(error)
        else:
            self._is_in_trouble = True
            self._notice(Notice.trouble, _said(error))

    def _note_size(self) -> None:
        size = self._io.file_size()
        if size is not None:
            self._ring[Counter.file_size] = size

    def _count(self) -> None:
        """Let the program see what became of the frames."""
        ring, ledger = self._ring, self._ledger
        ring[Counter.frames_refused] = ledger.dropped
        ring[Counter.frames_flushed] = ledger.written

    # ------------------------------------------------------------------- file
    def _open(
        self, path: str, mode: Any, swmr: bool, locking: bool | None, durability: str, limit: float | None
    ) -> None:
        if self._io.is_open:  # whoever had it open gave up waiting for its end
            self._close()
        self._orders.forget_all()
        self._failed = self._is_in_trouble = False
        self._refused_since = self._changed_at = None
        self._broken, self._ledger = set(), FrameLedger()
        self._count()
        for counter in (Counter.bytes_written, Counter.file_size, Counter.last_flush, Counter.flush_wanted):
            self._ring[counter] = 0
        self._io.durability = Durability(durability)
        self._limit.seconds = limit
        with self._limit:
            self._io.open(Path(path), mode, swmr=swmr, locking=locking)
        if mode == "x":
            self._io.flush()  # whatever happens from now on, there is a file that opens
        self._note_size()

    def _close(self) -> None:
        writable = self._io.writable
        self._orders.forget_all()
        self._changed_at = None
        if self._failed:
            self._io.abandon()
        path = self._io.path
        try:
            self._io.close()
        except RowsLostError as error:  # of single arrays; all else is in the file
            self._lost(error)
            self._ledger.flushed()
            raise
        except Exception as error:
            if writable:
                self._give_up(error)
            raise
        finally:
            self._count()
            if path is not None:
                with suppress(OSError):
                    self._ring[Counter.file_size] = path.stat().st_size
        if writable and not self._failed:
            self._ledger.flushed()
            self._count()

    def _close_after_all(self) -> None:
        """Close a file that the program left open, and complete one that it was streaming into."""
        path, grown, streamed = self._io.path, [], self._io.swmr_active
        if self._io.is_open:
            self._do(Doing.closing)
            if self._io.writable and not streamed and not self._failed:
                self._orders.bring_up_to_date()
            grown = [self._io.path_of(handle) for handle in self._orders.grown.values()]
            with suppress(BrokenPipeError):
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

    # ----------------------------------------------------------------- arrays
    def _gather(self, content: memoryview) -> None:
        """Take rows out of a record; they are written with others of the same arrays.

        Those of one record belong to one frame: where one array can't take them, none does, so that rows of one number
        stay together.
        """
        count = int.from_bytes(content[:8], "little")
        heads = [ROWS.unpack_from(content, 8 + entry * ROWS.size) for entry in range(count)]
        if self._failed or (self._broken and any(number in self._broken for number, _, _ in heads)):
            self._ledger.spoil()
            return
        self._changes()
        at = 8 + count * ROWS.size
        is_large = False
        for number, rows, size in heads:
            values = content[at : at + size]
            at += size
            is_large = is_large or size >= _LARGE_BYTES
            self._rows.setdefault(number, []).append(
                (rows, values if size >= _LARGE_BYTES else memoryview(bytes(values)))
            )
            self._ledger.rows_added(number, rows)
            self._gathered += size
        if is_large or self._gathered >= _GATHERED_BYTES:
            self._write_rows()

    def _write_rows(self) -> None:
        """Append what was gathered, array by array: an error of one is not an error of the others."""
        if self._rows:
            self._do(Doing.writing)
            gathered, self._rows, self._gathered = self._rows, {}, 0
            for number, pieces in gathered.items():
                self._append(number, pieces)
        self._count()

    def _append(self, number: int, pieces: list[tuple[int, memoryview]]) -> None:
        try:
            ready = self._orders.rows_of(number, pieces)
            try:
                self._io.append_many(ready)
            except RowsLostError as error:
                self._lost(error)  # of what was accepted before
                if number in self._broken:
                    raise
                self._io.append_many(ready)
            self._ring[Counter.bytes_written] += sum(values.nbytes for _, values in pieces)
        except Exception as error:
            rows = sum(rows for rows, _ in pieces)
            self._ledger.rows_lost(number, rows)
            if number not in self._broken:
                where = self._orders.paths([number]) or "an array"
                self._break(
                    [number], f"{where}: the last {rows} rows could not be written and are lost: {_said(error)}"
                )

    def _write_values(self, content: memoryview) -> None:
        end = 8 + int.from_bytes(content[:8], "little")
        number, selection, dtype, shape = unpack(content[8:end])
        if self._failed or number in self._broken:
            self._ledger.spoil()
            return
        self._changes()
        self._do(Doing.writing)
        self._ledger.rows_added(number, 1)
        values = np.ndarray(shape, dtype, buffer=content[end:])
        try:
            try:
                self._io.write(self._orders.node(number), selection, values)
            except RowsLostError as error:
                self._lost(error)  # of what was accepted before
                self._io.write(self._orders.node(number), selection, values)
            self._ring[Counter.bytes_written] += len(content) - end
        except Exception as error:
            self._ledger.rows_lost(number, 1)
            self._break([], f"{self._orders.paths([number])}: values could not be written and are lost: {_said(error)}")


def _said(error: Exception) -> str:
    """Return what an error says; PyTables shows where in HDF5's source it happened, first of all."""
    message = error_of(error)[1]
    return (message.rpartition("End of HDF5 error back trace")[2].strip() or message)[:900]


def main() -> None:
    """Work for the program that started this process, until it is gone."""
    _, _, hosted, capacity, token, program, _log = sys.argv
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    answers = os.dup(1)
    if sys.platform != "win32":
        os.set_blocking(answers, False)
    os.dup2(2, 1)  # what a library prints goes into the log, not between the answers
    try:
        Worker(hosted, Ring(int(capacity), token), WakePipe(0, int(program)), answers).run()
    except FileNotOpenError as error:
        sys.exit(str(error))
