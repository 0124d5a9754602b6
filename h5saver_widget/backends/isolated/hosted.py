"""The file of a worker: opened, flushed, given up or closed; and the counts of its frames."""

from __future__ import annotations

import sys
from collections import deque
from contextlib import suppress
from pathlib import Path
from time import monotonic, time
from typing import Any

import numpy as np

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.derived import update_shapes
from h5saver_widget.backends.isolated.messages import Notice, error_of
from h5saver_widget.backends.isolated.orders import Orders
from h5saver_widget.backends.isolated.pipes import AnswerPipe
from h5saver_widget.backends.isolated.ring import Counter, Doing, Ring
from h5saver_widget.backends.ledger import FrameLedger
from h5saver_widget.backends.local_file import not_opened, reason_of
from h5saver_widget.backends.terms import Durability
from h5saver_widget.backends.watchdog import Watchdog
from h5saver_widget.errors import (
    FileGoneError,
    FileIncompleteError,
    H5SaverError,
    RemoteError,
    RemoteRefusedError,
    RowsLostError,
    incomplete,
    without_trace,
)

__all__ = ["HostedFile", "message_of"]

FLUSH_SECONDS = 0.8
"""When unwritten data are flushed: with the time that this takes, nothing gets older than 1 s."""

PATIENCE_SECONDS = 10.0
"""How long a flush that is refused is tried again before the file is given up."""

_SOON_SECONDS = 0.1
#: So long it is waited for the rest of a frame, in s: what is flushed is whole frames, as they are counted.
_FRAME_SECONDS = 0.1
_LOOK_SECONDS = 1.0


class HostedFile:
    """The one open file of a worker, whose state the program reads in the counters of the ring."""

    def __init__(self, io: Backend, orders: Orders, ring: Ring, answers: AnswerPipe) -> None:
        self._io, self._orders, self._ring, self._answers = io, orders, ring, answers
        self._begin()
        self.limit = Watchdog()
        self._flush_took = 0.0
        #: The files that were opened last: when (monotonic), which, and how.
        self.opened: deque[tuple[float, str, str]] = deque(maxlen=64)
        #: Rows that are written when the program is gone, and the file that they belong to.
        self._kept: tuple[Path | None, list[tuple[str, bytes]]] = (None, [])

    def _begin(self) -> None:
        """Count from now on, with nothing refused or lost."""
        #: The counts of the frames; arrays, by number, that take nothing more; whether the whole file does not.
        self.ledger = FrameLedger()
        self.broken: set[int] = set()
        self.failed = False
        self._refusal = self._told = ""
        self._refused_since: float | None = None
        self._changed_at: float | None = None

    def does(self, doing: Doing) -> None:
        """Publish the present work, and that this process is alive."""
        self._ring[Counter.beat] = int(monotonic() * 1e6)
        self._ring[Counter.doing] = doing

    def break_off(self, numbers: list[int], message: str) -> None:
        """Take nothing more for some arrays, and say why; all others go on."""
        self.broken.update(numbers)
        self.count()
        print(message, file=sys.stderr, flush=True)
        self._answers.notice(Notice.problem, numbers, message)

    def lost(self, error: RowsLostError) -> None:
        """Count rows that the library accepted and could not write."""
        for path, rows in error.losses:
            numbers = self._orders.numbers_at(path)
            for number in numbers:
                self.ledger.rows_lost(number, rows)
            self.break_off(numbers, str(error))
        if not error.losses:
            self.break_off([], str(error))

    def give_up(self, error: Exception) -> None:
        """Write nothing more into this file, and say why; the first reason stays."""
        if isinstance(error, FileGoneError):
            self.ledger.lose_all()
        elif not (isinstance(error, (RemoteError, RemoteRefusedError)) and error.kept):
            self.ledger.lose_rest()
        self.count()
        if self.failed:
            return
        self.failed = True
        self._answers.notice(Notice.failed, message_of(error))

    # --------------------------------------------------------------- flushing
    def changes(self) -> None:
        """Note that something is changed, which has to be flushed some time."""
        if self._changed_at is None:
            self._changed_at = monotonic()

    @property
    def patience(self) -> float:
        """How long one may wait for something to do, in s."""
        if self._changed_at is None:
            return _LOOK_SECONDS
        return max(0.0, min(_LOOK_SECONDS, self._changed_at + self._flush_seconds - monotonic()))

    @property
    def _flush_seconds(self) -> float:
        wanted = _SOON_SECONDS if self._ring[Counter.flush_wanted] else FLUSH_SECONDS
        rest = _FRAME_SECONDS if self.ledger.is_in_frame else 0.0
        return max(wanted, self._flush_took) + rest  # with thousands of arrays, flushes take at most half of the time

    def is_due(self, now: float) -> bool:
        """Tell whether changes have to be flushed."""
        return self._changed_at is not None and now - self._changed_at >= self._flush_seconds

    def flush(self) -> None:
        """Flush as far as the disk allows; a refused write is repeated for a while."""
        if self.failed:
            return
        self.does(Doing.flushing)
        try:
            self._flush_file()
        except FileGoneError as error:
            self.give_up(error)
        except Exception as error:
            self._refused(error)

    def flush_asked(self, checkpoint: bool = False) -> None:
        """Flush for a caller that waits: it gets the error if that fails."""
        if self.failed:
            return
        try:
            self._flush_file(checkpoint)
        except FileGoneError as error:
            self.give_up(error)
            raise
        except Exception as error:
            self._refused(error, is_told=True)
            raise

    def _flush_file(self, checkpoint: bool = False) -> None:
        self._changed_at, began = None, monotonic()
        self._ring[Counter.flush_wanted] = 0
        try:
            if checkpoint:
                self._io.checkpoint()
            else:
                self._io.flush()
        except RowsLostError as error:  # the file was flushed all the same
            if error.losses:  # else it was told when it was noticed
                self.lost(error)
        self._flush_took = monotonic() - began
        self._refused_since, self._refusal = None, ""
        if self._io.queue.activity().is_safe:
            self.ledger.flushed()
            self._ring[Counter.last_flush] = int(time() * 1e6)
        else:  # it waits for a server
            self.changes()
        self.count()
        self.show()
        self._note_size()

    def _refused(self, error: Exception, is_told: bool = False) -> None:
        """Note that a flush was refused: nothing is lost by that, and it is tried again, but not for ever."""
        if isinstance(error.__context__, RowsLostError):
            self.lost(error.__context__)
        if isinstance(error, FileIncompleteError) and error.is_lost:
            self.ledger.lose_rest()
            self.count()
            if not is_told:
                self.break_off([], str(error))
            if error.is_final:
                self.give_up(error)
                return
        if isinstance(error, RemoteRefusedError):
            self.give_up(error)
            return
        now = monotonic()
        self._changed_at = now
        if self._refused_since is None:
            self._refused_since = now
        if now - self._refused_since > PATIENCE_SECONDS:
            reason = message_of(error) if error.__cause__ is None else reason_of(error.__cause__)
            what = f"{reason} (tried for {PATIENCE_SECONDS:.0f} s). What waited for it is lost"
            self.give_up(incomplete(self._io.path, what))
        else:
            self._refusal = message_of(error)
            self.show()

    def _note_size(self) -> None:
        counts = self._io.queue.counts()
        if counts is not None:
            self._ring[Counter.file_size] = counts.file_size

    def show(self) -> None:
        """Let the program see whether something is refused, and how far the server of the file is."""
        ring, now = self._ring, self._io.queue.activity()
        ring[Counter.unsafe_bytes], ring[Counter.spilled_bytes] = now.unsafe_bytes, now.spilled_bytes
        ring[Counter.replays] = now.replays
        trouble = self._refusal or now.problem
        if trouble != self._told:
            self._told = trouble
            self._answers.notice(Notice.trouble, trouble)

    def count(self) -> None:
        """Publish the counts of the frames to the program."""
        ring, ledger = self._ring, self.ledger
        ring[Counter.frames_refused] = ledger.dropped
        ring[Counter.frames_flushed] = ledger.written
        if self._io.capabilities.remote:
            self.show()

    # ------------------------------------------------------------------- file
    def open(
        self,
        path: str,
        mode: Any,
        swmr: bool,
        locking: bool | None,
        durability: str,
        limit: float | None,
        before_closing: str,
    ) -> None:
        """Open or make a file; see :meth:`Backend.open`. `limit` is how long a call may take, in s.

        `before_closing` counts if the program ends and leaves the file open.
        """
        if self._io.is_open:  # whoever had it open gave up waiting for its end
            self.close()
        self._orders.forget_all()
        self._begin()
        self.count()
        for counter in (Counter.bytes_written, Counter.file_size, Counter.last_flush, Counter.flush_wanted):
            self._ring[counter] = 0
        self._io.durability.level = Durability(durability)
        self._io.before_closing = before_closing
        self.limit.seconds = limit
        if limit is not None:  # what is imported takes no time off that for reading
            self._io.prepare()
        with self.limit:
            self._io.open(Path(path), mode, swmr=swmr, locking=locking)
        self.opened.append((monotonic(), path, mode))
        if mode == "x":
            try:
                self._io.flush()  # whatever happens from now on, there is a file that opens
            except FileIncompleteError as error:
                with suppress(H5SaverError, OSError):
                    self._io.close()
                raise not_opened(Path(path), mode, error.__cause__ or error) from error
        self._note_size()

    def cannot_read(self, path: str, limit: float | None) -> str:
        """Return the content of a file that the library can't read, in words; it reads damaged files first."""
        self._io.prepare()
        self.limit.seconds = limit
        with self.limit:
            return self._io.inspection.cannot_read(Path(path))

    def close(self, before_closing: str | None = None) -> None:
        """Close the file: complete, or as it was at its last flush if it was given up.

        `before_closing` is the work on it before; None: the one named when it was opened.
        """
        if before_closing is not None:
            self._io.before_closing = before_closing
        writable = self._io.writable
        self._orders.forget_all()
        self._changed_at = None
        if self.failed:
            self._io.abandon()
        opened, path = self._io.path, self._present_path()
        if path is not None and self._kept[0] == opened:
            self._kept = path, self._kept[1]
        try:
            self._io.close()
        except RowsLostError as error:  # of single arrays; all else is in the file
            if error.losses:
                self.lost(error)
            self.ledger.flushed()
            raise
        except Exception as error:
            if writable:
                self.give_up(error)
            raise
        finally:
            self.count()
            self.show()
            for problem in self._io.queue.take_problems():
                self.break_off([], problem)
            if path is not None:
                with suppress(OSError):
                    self._ring[Counter.file_size] = path.stat().st_size
        if writable and not self.failed:
            self.ledger.flushed()
            self.count()

    def _present_path(self) -> Path | None:
        """Return the path of the open file, None without one: it may have been renamed."""
        with suppress(FileGoneError):
            return self._io.current_path() if self._io.is_open else None
        return None

    def close_after_all(self) -> None:
        """Close a file that the program left open, and complete one that it was streaming into."""
        opened, path, grown, streamed = self._io.path, self._present_path(), [], self._io.swmr_active
        if self._io.is_open:
            self.does(Doing.closing)
            if self._io.writable and not streamed and not self.failed:
                self._orders.bring_up_to_date()
            grown = [self._io.path_of(handle) for handle in self._orders.grown.values()]
            with suppress(BrokenPipeError):
                self.close()
        kept_for, rows = self._kept
        if opened is None:  # ended between closing the file and opening it again
            path, streamed = kept_for, bool(rows)
        if path is not None and streamed and not self.failed:
            self._complete(path, grown, rows if path == kept_for else [])

    def _complete(self, path: Path, grown: list[str], rows: list[tuple[str, bytes]]) -> None:
        """Write the changes that had to wait while the file streamed."""
        io = self._io
        io.open(path, "r+", swmr=True, locking=False)  # a reader must not keep us from it
        for where, row in rows:
            io.append(io.node(where), np.frombuffer(row, np.uint8))
        if "swmr_active" in io.attribute_names(io.root()):
            io.set_attributes(io.root(), {"swmr_active": np.bool_(False)})
        update_shapes(io, [io.node(name) for name in {*grown, *(where for where, _ in rows)}])
        io.close()

    def keep_row(self, where: str, row: bytes | None) -> None:
        """Keep a row that is written when the program is gone; None: forget all of them."""
        path = self._io.path
        if row is None or self._kept[0] != path:
            self._kept = (path, [])
        if row is not None:
            self._kept[1].append((where, row))


def message_of(error: Exception) -> str:
    """Return the message of an error for people, of a bounded length."""
    return without_trace(error_of(error)[1])[:900]
