"""Worker processes that serve one test after the other: to start one takes longer than most tests.

A worker is made for many files, one after the other. Here it also outlives the backend that has started it: the next
backend with the same library, environment and folder gets it. What a worker keeps is what the worker is about: which
folders it may read from is taken back, and one that has a file open, or is in any trouble, is ended as always.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from h5saver_widget.backends.isolated import connection
from h5saver_widget.backends.isolated.held import HeldMemory
from h5saver_widget.backends.isolated.messages import Kind, Notice, pack
from h5saver_widget.backends.isolated.transport import Transport
from h5saver_widget.errors import FileNotOpenError, H5SaverError

__all__ = ["end_kept", "kept"]

_SECONDS = 5.0
#: So many wait at most: the one that waits for longest is ended.
_MOST = 6
_is_on = False
_idle: list[KeptTransport] = []
_lock = threading.RLock()  # the collector of garbage may close one in the middle of anything
#: Calls of a backend are counted from 1.
_numbers = itertools.count(1 << 40)


def _surroundings(hosted: str, capacity: int) -> tuple[Any, ...]:
    """Return all that a worker takes over from the program that starts it."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    return hosted, capacity, os.getcwd(), tuple(sorted(environment.items()))


class KeptTransport(Transport):
    """A transport that waits for another backend when the one that it was made for is done with it."""

    def __init__(self, hosted: str, capacity: int, told: Callable[..., None], held: HeldMemory | None = None) -> None:
        self.surroundings = _surroundings(hosted, capacity)
        super().__init__(hosted, capacity, told, held)

    def close(self) -> None:
        """Keep the worker, or have it end."""
        if not (_is_on and self._is_as_new()):
            super().close()
            return
        with _lock:
            _idle.append(self)
            oldest = _idle.pop(0) if len(_idle) > _MOST else None
        if oldest is not None:
            oldest.end_worker()

    def end_worker(self) -> None:
        """Have the worker end."""
        super().close()

    def serve(self, told: Callable[..., None]) -> None:
        """Tell another backend what the worker says."""
        self._told = told

    def _is_as_new(self) -> bool:
        """Tell whether the worker is well and has no file; what it may read is forgotten."""
        if not self.is_alive or self._is_copy or self.process.held is not None:
            return False
        self._told = _nobody
        try:
            self._ask("allow", [])
            self._ask("node", 0, "/")
        except FileNotOpenError:
            return self.is_alive
        except H5SaverError:
            pass
        return False

    def _ask(self, operation: str, *arguments: Any) -> None:
        number = next(_numbers)
        answer = self.expect(number)
        self.put(Kind.call, [pack([number, operation, [*arguments]])])
        answer.wait(_SECONDS)


def _nobody(notice: Notice, said: tuple[Any, ...]) -> None:
    """Take a notice of a worker that no backend has."""


def _kept_or_new(
    hosted: str, capacity: int, told: Callable[..., None], held: HeldMemory | None = None
) -> KeptTransport:
    if _is_on and held is None and (transport := _taken(_surroundings(hosted, capacity))) is not None:
        transport.serve(told)
        return transport
    return KeptTransport(hosted, capacity, told, held)


def _taken(wanted: tuple[Any, ...]) -> KeptTransport | None:
    """Take a worker with these surroundings, the last one that was used."""
    with _lock:
        found = next((known for known in reversed(_idle) if known.surroundings == wanted and known.is_alive), None)
        if found is not None:
            _idle.remove(found)
        return found


connection.Transport = _kept_or_new  # type: ignore[assignment, misc]


@contextmanager
def kept(wanted: bool) -> Iterator[None]:
    """Let backends have the workers of others in the block, and keep theirs; or have each start and end its own."""
    global _is_on
    before, _is_on = _is_on, wanted
    try:
        yield
    finally:
        _is_on = before


def end_kept() -> None:
    """End all workers that wait."""
    while _idle:
        _idle.pop().end_worker()
