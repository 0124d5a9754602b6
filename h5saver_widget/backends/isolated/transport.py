"""The transport to one worker process, seen from the program: records go there through the ring, answers come back.

No thread waits here with a lock. A record that finds no room in the ring is kept in a short queue of this program (the
*backlog*), and put into the ring as soon as the worker has made room; a thread that saves frames waits for that
afterwards, without a lock. Later records go behind it, so the order is kept, and data never block a call.

Answers have one reader, a thread that completes them. A caller who is interrupted, or whose time is over, drops it, and
nothing is out of step.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from time import monotonic
from typing import Any, NoReturn

import numpy as np

from h5saver_widget.backends.isolated.held import HeldMemory
from h5saver_widget.backends.isolated.messages import LENGTH, Kind, Notice, error_from, unpack
from h5saver_widget.backends.isolated.process import WorkerProcess
from h5saver_widget.backends.isolated.ring import Counter
from h5saver_widget.backends.ownership import refuse_copy, register_owned
from h5saver_widget.errors import NotAnsweringError, SavingProcessError, raise_again

__all__ = ["Reply", "Transport"]

#: A wait is cut into pieces of this length, so that Ctrl-C ends it on every system, in s.
_PIECE_SECONDS = 0.5
#: So many times the ring's size may lie in the backlog before even somebody with a lock has to wait.
_MOST_RINGS = 4
_WAKE_SECONDS = 0.02


class Reply:
    """A pending answer; the reading thread completes it and never waits, whether or not the caller still does.

    It is among the pending answers by number of the call until it is completed, or nobody waits.
    """

    __slots__ = ("_answers", "_arrived", "_error", "_number", "_value")

    def __init__(self, answers: dict[int, Reply], number: int) -> None:
        self._answers, self._number = answers, number
        self._arrived = threading.Lock()
        self._arrived.acquire()
        self._value: Any = None
        self._error: BaseException | None = None
        answers[number] = self

    def complete(self, value: Any, error: BaseException | None = None) -> None:
        """Give the value, or the error; once."""
        self._value, self._error = value, error
        self._arrived.release()

    def wait(self, timeout: float | None = None) -> Any:
        """Return the result of the call, or raise its error. An interrupted wait puts nothing out of step.

        NotAnsweringError if the time is over; the call is carried out all the same, as soon as the worker gets to it.
        """
        end = inf if timeout is None else monotonic() + timeout
        try:
            while not self._arrived.acquire(timeout=min(_PIECE_SECONDS, max(0.0, end - monotonic()))):
                if monotonic() >= end:
                    raise NotAnsweringError(
                        f"there was no answer within {timeout:.1f} s: the disk, or the share, does not answer. "
                        "What was accepted waits, and is written when it does"
                    )
        finally:
            self._answers.pop(self._number, None)
        if self._error is not None:
            raise self._error
        return self._value


class Transport:
    """A running worker process, and everything that is said to it and by it.

    `told` is called by the reading thread with every notice of the worker: its kind and its values.
    """

    def __init__(
        self,
        hosted: str,
        capacity: int,
        told: Callable[[Notice, tuple[Any, ...]], None],
        held: HeldMemory | None = None,
    ) -> None:
        self.process = WorkerProcess(hosted, capacity, held)
        self.ring = self.process.ring
        self._told = told
        self._sending = threading.Lock()
        #: Tells threads that more was sent, or that the worker has ended.
        self._progress = threading.Condition(self._sending)
        self._backlog: deque[tuple[int, Sequence[bytes | memoryview]]] = deque()
        self._backlog_bytes = 0
        self._kept = self._sent = 0
        self._answers: dict[int, Reply] = {}
        self._woke_at = 0.0
        self._is_copy = self._is_closed = False
        #: Why the worker is gone; None while it runs.
        self.end: SavingProcessError | None = None
        register_owned(self)
        self._reader = threading.Thread(target=self._read_answers, name="h5saver: answers", daemon=True)
        self._reader.start()

    @property
    def is_alive(self) -> bool:
        """Whether the worker can be given something. Never waits."""
        return self.end is None and not self._is_closed

    @property
    def waiting_bytes(self) -> int:
        """Bytes that the worker has not taken yet."""
        return 0 if self._is_closed else self.ring.used + self._backlog_bytes

    # ---------------------------------------------------------------- records
    def put(self, kind: int, parts: Sequence[bytes | memoryview]) -> int:
        """Hand a record over, made of parts one after the other; never waits while one frame fits into memory.

        Return 0 if it is in the ring, else a ticket for :meth:`wait_sent`. SavingProcessError if the worker is gone.
        """
        if self._is_copy:
            refuse_copy()
        if self._backlog_bytes > _MOST_RINGS * self.ring.capacity:
            self.wait_sent(self._kept)
        with self._sending:
            if self.end is not None or self._is_closed:
                self._refuse()
            ticket = 0
            if self._backlog or not self.ring.put(kind, parts):
                ticket = self._keep(kind, parts)
        if kind == Kind.call or ticket or self.ring[Counter.waiting] or monotonic() - self._woke_at > _WAKE_SECONDS:
            # a worker that has just had something to do looks by itself: no system call for each small record
            self._woke_at = monotonic()
            self.ring[Counter.waiting] = 0  # woken once: more would end the next moment in which it looks by itself
            self.process.wake()
        return ticket

    def _refuse(self) -> NoReturn:
        raise_again(self.end or SavingProcessError("the process with the file was ended; open a file again"))

    def _keep(self, kind: int, parts: Sequence[bytes | memoryview]) -> int:
        """Copy a record into the backlog, cut into pieces if it is too long for the ring."""
        whole = b"".join(parts)
        pieces: list[tuple[int, Sequence[bytes | memoryview]]] = []
        if len(whole) > self.ring.longest:
            step, left = self.ring.longest // 2, memoryview(whole)
            while len(left) > step:
                pieces.append((Kind.part, [left[:step]]))
                left = left[step:]
            pieces.append((kind, [left]))
        else:
            pieces.append((kind, [whole]))
        self._backlog.extend(pieces)
        self._backlog_bytes += len(whole)
        self._kept += len(pieces)
        ticket = self._kept
        self._drain()
        return ticket

    def _drain(self) -> None:
        """Move records from the backlog into the ring, as many as fit. `_sending` is held."""
        while self._backlog:
            kind, parts = self._backlog[0]
            if not self.ring.put(kind, parts):
                self.ring[Counter.starved] = 1
                break
            self._backlog.popleft()
            self._backlog_bytes -= sum(map(len, parts))
            self._sent += 1
        self._progress.notify_all()

    def wait_sent(self, ticket: int, timeout: float | None = None) -> float:
        """Wait until a record is in the ring, and return how long that took, in s. To be called without a lock.

        SavingProcessError if the worker ends before, NotAnsweringError if the time is over; the record is still on its
        way.
        """
        began = monotonic()
        with self._progress:
            while self._sent < ticket:
                if self.end is not None or self._is_closed:
                    self._refuse()
                left = _PIECE_SECONDS if timeout is None else min(_PIECE_SECONDS, began + timeout - monotonic())
                if left <= 0:
                    raise NotAnsweringError(f"the disk has not taken anything for {timeout:.1f} s; it is still tried")
                self._progress.wait(left)
        return monotonic() - began

    def wait_room(self, size: int) -> float:
        """Wait, without a lock, until so much fits into the ring, or it is empty; return how long that took, in s."""
        if self.has_room(size):
            return 0.0
        began = monotonic()
        with self._progress:
            while not self.has_room(size):
                self.ring[Counter.starved] = 1
                if self.end is not None or self._is_closed or self.has_room(size):
                    break
                self.process.wake()
                self._progress.wait(_PIECE_SECONDS)
        return monotonic() - began

    def has_room(self, size: int) -> bool:
        """Tell whether so much can be taken without waiting. Never waits."""
        capacity, used = self.ring.capacity, self.ring.used
        return not self._backlog and (used == 0 or capacity - used > min(capacity // 2, size))

    # ---------------------------------------------------------------- answers
    def expect(self, number: int) -> Reply:
        """Return the answer of a call that is about to be put."""
        return Reply(self._answers, number)

    def _read_answers(self) -> None:
        stream = self.process.answers
        try:
            while True:
                length = LENGTH.unpack(_read(stream, LENGTH.size))[0]
                number, good, value, raw = unpack(_read(stream, length))
                if raw:
                    found = np.empty(value[1], np.dtype(value[0]))
                    _read_into(stream, found.reshape(-1).view(np.uint8).data)
                    value = found
                if not number:
                    self._noticed(*value)
                elif (reply := self._answers.pop(number, None)) is not None:  # None: nobody waits for it any more
                    reply.complete(value if good else None, None if good else error_from(*value))
        except (OSError, EOFError, ValueError):
            if not self._is_copy:
                self._ended()
        except Exception:  # nothing that a worker says may leave callers waiting for ever
            self.process.kill()
            self._ended()
            raise
        finally:
            self.process.close_answers()

    def _noticed(self, notice: int, *said: Any) -> None:
        if notice == Notice.room:
            with self._sending:
                self._drain()
            self.process.wake()
        else:
            self._told(Notice(notice), said)

    def _ended(self) -> None:
        """Tell everybody who waits that the worker is gone."""
        if self._is_closed:  # as it was told
            reason = SavingProcessError("the process with the file was ended; open a file again")
        else:
            reason = self.process.end_of_it()
        with self._sending:
            self.end = reason
            self._progress.notify_all()
        for number in list(self._answers):
            answer = self._answers.pop(number, None)
            if answer is not None:
                answer.complete(None, reason)

    # -------------------------------------------------------------------- end
    def close(self) -> None:
        """Have the worker write its queue, close its file and end; one without a queue ends at once."""
        if self._is_copy or self._is_closed:
            return
        if self._backlog and self.end is None:
            # the rest is lost with the program: its saver still waits, or got an error
            with suppress(SavingProcessError, NotAnsweringError):
                while not self.process.is_stuck:
                    with suppress(NotAnsweringError):
                        self.wait_sent(self._kept, _PIECE_SECONDS)
                        break
        self.process.end_input()
        with self._sending:
            self._is_closed = True
            self._progress.notify_all()
        self.process.close()

    def leave(self) -> None:
        """Let the worker finish by itself, without waiting for it: it writes its queue, closes the file and ends."""
        if self._is_copy or self._is_closed:
            return
        with self._sending:
            self._is_closed = True
            self._progress.notify_all()
        self.ring[Counter.left] = 1
        self.process.end_input()
        threading.Thread(target=self.process.reap, name="h5saver: a worker ends", daemon=True).start()

    def disown(self) -> None:
        """Let go of it in a copy of the program: descriptors are closed, every call is refused."""
        self._is_copy = True
        self._sending = threading.Lock()
        self._progress = threading.Condition(self._sending)
        self._answers = {}
        self.process.disown()


def _read(stream: int, count: int) -> bytes:
    """Read exactly so many bytes; EOFError if the stream ends before."""
    pieces: list[bytes] = []
    while count:
        piece = os.read(stream, min(count, 1 << 20))
        if not piece:
            raise EOFError
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _read_into(stream: int, target: memoryview) -> None:
    while target:
        if hasattr(os, "readv"):
            count = os.readv(stream, [target])
        else:
            piece = os.read(stream, min(len(target), 1 << 24))
            count = len(piece)
            target[:count] = piece
        if not count:
            raise EOFError
        target = target[count:]
