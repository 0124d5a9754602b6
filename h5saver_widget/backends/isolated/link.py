"""What a backend says to its child process, and in which order: records into the ring, answers out of the pipe."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from time import monotonic, sleep
from typing import Any

from h5saver_widget.backends.isolated.messages import Kind, pack, raise_error, unpack
from h5saver_widget.backends.isolated.process import Child
from h5saver_widget.backends.isolated.ring import Counter, Ring
from h5saver_widget.errors import SavingProcessError

__all__ = ["Link"]

_RELEASE_AT = 64
_ROOM_SECONDS = 0.0005


class Link:
    """The way to one child process, started when it is first needed and again after it has died.

    Parameters
    ----------
    hosted
        Name of the backend in the child.
    capacity
        Bytes of the ring.
    lock
        Held while something is put into the ring, never while an answer is waited for.
    """

    def __init__(self, hosted: str, capacity: int, lock: threading.RLock | Any) -> None:
        self._hosted = hosted
        self._capacity = capacity
        self._lock = lock
        self._child: Child | None = None
        self._finalizer: weakref.finalize[..., Any] | None = None
        self._calls = itertools.count(1)
        #: Numbers of objects that nobody holds any more; the child is told from time to time.
        self.released: deque[int] = deque()
        #: Seconds that callers have waited for room in the ring.
        self.waited = 0.0

    # ---------------------------------------------------------------- process
    def start(self) -> None:
        """Start the process if none is running, without waiting for it to be ready."""
        with self._lock:
            if self._child is None or not self._child.is_alive:
                self.end()
                self._child = Child(self._hosted, self._capacity)
                self._finalizer = weakref.finalize(self, self._child.close)

    def end(self) -> None:
        """End the process; it writes what it was given, and closes its file."""
        if self._finalizer is not None:
            self._finalizer()
        self._child = self._finalizer = None

    @property
    def child(self) -> Child:
        """The process; SavingProcessError if there is none."""
        if self._child is None:
            raise SavingProcessError("there is no process that has a file; open a file again")
        return self._child

    @property
    def pid(self) -> int | None:
        """Number of the process, None if there is none."""
        return None if self._child is None else self._child.pid

    @property
    def ring(self) -> Ring | None:
        """The ring, None if there is no process."""
        return None if self._child is None else self._child.ring

    @property
    def failure(self) -> SavingProcessError | None:
        """Why nothing can be written any more; None while all is well. Never waits for the child."""
        child = self._child
        if child is None:
            return None
        if child.ring[Counter.error_length]:
            name, message = unpack(child.ring.error)
            return SavingProcessError(f"{message} ({name}); nothing more is saved, open a file again")
        if not child.is_alive:
            return child.end_of_it()
        return None

    def require_success(self) -> None:
        """Raise the reason if something that was handed over before could not be written."""
        if self.child.ring[Counter.error_length]:
            raise self.failure or SavingProcessError("nothing more is saved, open a file again")

    # ---------------------------------------------------------------- records
    def put(self, kind: Kind, parts: Sequence[bytes | memoryview]) -> None:
        """Hand a record to the child, in one piece or in several; wait while there is no room. The lock is held."""
        child = self.child
        ring = child.ring
        if not ring.put(kind, parts):
            if sum(map(len, parts)) > ring.longest:
                whole = memoryview(b"".join(parts))
                step = ring.longest // 2
                while len(whole) > step:
                    self.put(Kind.part, [whole[:step]])
                    whole = whole[step:]
                parts = [whole]
            began = monotonic()
            while not ring.put(kind, parts):
                if not child.wake():
                    break
                sleep(_ROOM_SECONDS)
            self.waited += monotonic() - began
        if not (child.wake() if kind == Kind.call else child.wake_if_needed()):
            raise child.end_of_it()

    def post(self, operation: str, *arguments: Any) -> None:
        """Have something done, without waiting for it. The lock is held."""
        self.require_success()
        if len(self.released) > _RELEASE_AT:
            gone = [self.released.popleft() for _ in range(len(self.released))]
            self.put(Kind.post, [pack(("release", (gone,)))])
        self.put(Kind.post, [pack((operation, arguments))])

    def ask(self, operation: str, *arguments: Any) -> Any:
        """Have something done, and return what came of it.

        Raises
        ------
        Exception
            What was raised in the child, as one of the errors of this package or a builtin one.
        SavingProcessError
            If the child ends instead of answering.
        """
        with self._lock:
            child = self.child
            number = next(self._calls)
            self.put(Kind.call, [pack((number, operation, arguments))])
        good, value = child.wait_for(number)
        if not good:
            raise_error(*value)
        return value

    def change(self, operation: str, *arguments: Any) -> Any:
        """Have the file changed, and wait for it. Errors as `ask`, and what could not be written before."""
        self.require_success()
        return self.ask(operation, *arguments)
