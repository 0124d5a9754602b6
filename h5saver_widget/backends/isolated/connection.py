"""A backend's connection to its worker process, and the worker's state: started, well, in trouble, gone."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from h5saver_widget.backends.isolated.held import HeldMemory
from h5saver_widget.backends.isolated.messages import Kind, Notice, pack
from h5saver_widget.backends.isolated.ring import Counter
from h5saver_widget.backends.isolated.transport import Reply, Transport
from h5saver_widget.backends.ownership import refuse_copy, register_owned
from h5saver_widget.errors import RowsLostError, SavingProcessError, raise_again

__all__ = ["FrameLock", "WorkerConnection", "call_if_there"]

_RELEASE_AT = 64


class FrameLock:
    """Makes a frame one step for other threads; a thread whose records don't fit waits after releasing the lock.

    A reentrant lock with the methods of one, also those by which a condition gives it back as a whole.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = self._switches = 0
        #: The records of the owner of the lock that found no room in the ring: on which transport, and its ticket.
        self.owes: tuple[Transport, int] | None = None
        #: Seconds that threads have waited for room so far.
        self.waited = 0.0
        #: Whether a thread that has given the lock back for a while is in the middle of something that is one step.
        self._is_barred = False
        self._bar_lifted = threading.Condition(self)  # type: ignore[arg-type]

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock, as that of `threading`."""
        taken = self._lock.acquire(blocking, timeout)
        self._depth += taken
        if (
            taken
            and self._is_barred
            and not self._bar_lifted.wait_for(
                lambda: not self._is_barred, 0 if not blocking else None if timeout < 0 else timeout
            )
        ):
            self.release()
            return False
        return taken

    def release(self) -> None:
        """Give it back, and wait for the records that found no room in the ring."""
        self.__exit__(None)

    def locked(self) -> bool:
        """Tell whether a thread has the lock; conditions need this since Python 3.14."""
        return self._depth > 0

    @contextmanager
    def switching(self) -> Iterator[None]:
        """Close a file and open the next one in the block: for all others it is one step.

        They wait for the end of it, even while this thread waits for the disk and has given the lock back.
        """
        with self:
            self._switches += 1
            try:
                yield
            finally:
                self._switches -= 1

    @contextmanager
    def released(self) -> Iterator[None]:
        """Give the lock back in the block, however often the thread has it, and take it again as often.

        A thread that has given it back outside of any switch comes back after the switch of another one.
        """
        bars = self._switches > 0
        self._is_barred = bars
        state = self._release_save()
        try:
            yield
        finally:
            self._acquire_restore(state)
            if bars:
                self._is_barred = False
                self._bar_lifted.notify_all()
            elif self._is_barred:
                self._bar_lifted.wait_for(lambda: not self._is_barred)

    def _release_save(self) -> tuple[int, Any]:
        depth, self._depth = self._depth, 0
        return depth, self._lock._release_save()  # type: ignore[attr-defined]

    def _acquire_restore(self, state: tuple[int, Any]) -> None:
        self._lock._acquire_restore(state[1])  # type: ignore[attr-defined]
        self._depth = state[0]

    def _is_owned(self) -> bool:
        return bool(self._lock._is_owned())  # type: ignore[attr-defined]

    def __enter__(self) -> bool:
        self._lock.acquire()
        self._depth += 1
        if self._is_barred:
            self._bar_lifted.wait_for(lambda: not self._is_barred)
        return True

    def __exit__(self, kind: object, *rest: object) -> None:
        self._depth -= 1
        owed = None
        if self.owes is not None and not self._depth:
            owed, self.owes = self.owes, None
        self._lock.release()
        if owed is not None and kind is None:
            transport, ticket = owed
            self.waited += transport.wait_sent(ticket)  # once it is in the ring it outlives this program


class WorkerConnection:
    """The way to one worker process, started when it is first needed and again after it has died."""

    def __init__(self, hosted: str, capacity: int) -> None:
        self._hosted = hosted
        self._capacity = capacity
        #: Held while a record is put into the ring, and for several records that are one step; never while waiting.
        self.lock = FrameLock()
        self._starting = threading.Lock()
        #: The transport to the process, None if there is none.
        self.running: Transport | None = None
        self._finalizer: weakref.finalize[..., Any] | None = None
        self._calls = itertools.count(1)
        #: Frames that a worker which is started from now on looks after.
        self.held: HeldMemory | None = None
        #: Whether the worker was allowed to read other files.
        self.was_allowed = False
        #: Whether this process is a copy of the program that has the worker.
        self.is_copy = False
        #: Numbers of released objects; the worker gets them from time to time.
        self.released: deque[int] = deque()
        self._forget_trouble()
        register_owned(self)

    def _forget_trouble(self) -> None:
        #: Why nothing is appended to these arrays any more, by their number.
        self.broken: dict[int, str] = {}
        self._problems: deque[str] = deque()
        self._failed: SavingProcessError | None = None
        #: Why the disk refuses something that is tried again; ``''`` while all is well.
        self.trouble = ""

    # ---------------------------------------------------------------- process
    def start(self, renew: bool = False) -> None:
        """Start the process if none is running, without waiting for it to be ready.

        To `renew`: one that has no file is ended, and started anew, if it does not look after the frames it should.
        """
        if self.is_copy:
            refuse_copy()
        with self._starting:
            running = self.running if self.is_alive else None
            if running is None or (renew and running.process.held is not self.held):
                self.end()
                tell = partial(call_if_there, weakref.WeakMethod(self._told))  # it must not keep this
                self.running = Transport(self._hosted, self._capacity, tell, self.held)
                self._finalizer = weakref.finalize(self, self.running.close)

    def end(self) -> None:
        """End the process; it writes its queue, and closes its file."""
        if self._finalizer is not None:
            self._finalizer()
        self.running = self._finalizer = None

    def leave(self) -> None:
        """Let the process finish by itself, and have the next file opened by another one."""
        if self._finalizer is not None:
            self._finalizer.detach()
        if self.running is not None:
            self.running.leave()
        self.running = self._finalizer = None

    def disown(self) -> None:
        """Let go of the process in a copy of the program."""
        self.is_copy = True
        self.lock = FrameLock()
        self._starting = threading.Lock()
        if self._finalizer is not None:
            self._finalizer.detach()

    @property
    def transport(self) -> Transport:
        """The transport to the process; SavingProcessError if there is none."""
        if self.is_copy:
            refuse_copy()
        if self.running is None:
            raise SavingProcessError("there is no process that has a file; open a file again")
        return self.running

    @property
    def is_alive(self) -> bool:
        """Whether there is a process that can be given something."""
        return self.running is not None and self.running.is_alive

    # -------------------------------------------------------------- standing
    def _told(self, notice: Notice, said: tuple[Any, ...]) -> None:
        """Take a notice of the worker; in the thread that reads its answers."""
        if notice == Notice.problem:
            numbers, message = said
            self._problems.append(message)
            self.broken = {**self.broken, **dict.fromkeys(numbers, message)}
        elif notice == Notice.trouble:
            (self.trouble,) = said
        elif notice == Notice.failed:
            (message,) = said
            self._failed = SavingProcessError(f"{message}; nothing more is saved into this file")

    @property
    def failure(self) -> SavingProcessError | None:
        """Why nothing can be written any more; None while all is well. Never waits."""
        transport = self.running
        return self._failed or (None if transport is None else transport.end)

    def require_success(self, arrays: Iterable[Any] = ()) -> None:
        """Raise the reason if nothing can be written any more, or nothing more to one of some arrays."""
        failure = self.failure
        if failure is not None:
            raise_again(failure)
        if self.broken:
            for number in arrays:
                if number in self.broken:
                    raise RowsLostError(f"{self.broken[number]}. Nothing more is added: start a new file")

    def take_problems(self) -> list[str]:
        """Return new problems of single arrays, in sentences."""
        found = []
        while self._problems:
            found.append(self._problems.popleft())
        return found

    # ---------------------------------------------------------------- records
    def put(self, kind: Kind, parts: Sequence[bytes | memoryview], is_data: bool = False) -> None:
        """Hand a record to the worker. The lock is held; data are waited for once it is given back."""
        transport = self.transport
        ticket = transport.put(kind, parts)
        if ticket and is_data:
            self.lock.owes = transport, ticket

    def flush_soon(self) -> None:
        """Have the file flushed when the worker has caught up. Never waits, takes no lock."""
        transport = self.transport
        if transport.is_alive:
            transport.ring[Counter.flush_wanted] = 1
            transport.process.wake()

    def post(self, operation: str, *arguments: Any) -> None:
        """Have something done, without waiting for it. The lock is held."""
        self.require_success()
        if len(self.released) > _RELEASE_AT:
            gone = [self.released.popleft() for _ in range(len(self.released))]
            self.put(Kind.post, [pack(("release", (gone,)))])
        self.put(Kind.post, [pack([operation, [*arguments]])])

    def ask(self, operation: str, *arguments: Any, timeout: float | None = None) -> Any:
        """Send an order, and return its result; wait `timeout` s, None: until there is an answer, or the worker ends.

        Raise the error of the worker, as one of the errors of this package or a builtin one; NotAnsweringError if the
        time is over: it is done all the same, later; SavingProcessError if the worker ends instead of answering.
        """
        return self.begin(operation, *arguments).wait(timeout)

    def begin(self, operation: str, *arguments: Any) -> Reply:
        """Send an order, and return the object that waits for its answer."""
        transport, number = self.transport, next(self._calls)
        answer = transport.expect(number)
        transport.put(Kind.call, [pack([number, operation, [*arguments]])])
        return answer

    def change(self, operation: str, *arguments: Any, timeout: float | None = None) -> Any:
        """Change the file, and wait for it. Errors as `ask`, and those of earlier changes."""
        self.require_success()
        return self.ask(operation, *arguments, timeout=timeout)

    def opened(self) -> None:
        """Count from now on: another file is being opened."""
        self._forget_trouble()
        self.lock.waited = 0.0


def call_if_there(method_of: weakref.WeakMethod[Any], *arguments: Any) -> None:
    """Call a method of an object that may be gone: the thread that calls it must not keep it alive."""
    method = method_of()
    if method is not None:
        method(*arguments)
