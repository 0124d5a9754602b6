"""Worker processes that serve one test after the other: to start one takes longer than most tests.

A worker is made for many files, one after the other. Here it also outlives the backend that has started it: the next
backend with the same library, environment and folder gets it. What a worker keeps is what the worker is about: which
folders it may read from is taken back, and one that has a file open, or is in any trouble, is ended as always.
"""

from __future__ import annotations

import itertools
import os
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
#: So many wait at most; a test that starts more at once ends them.
_MOST = 4
_is_on = False
_idle: dict[tuple[Any, ...], list[KeptTransport]] = {}
#: Calls of a backend are counted from 1.
_numbers = itertools.count(1 << 40)


def _surroundings(hosted: str, capacity: int) -> tuple[Any, ...]:
    """Return all that a worker takes over from the program that starts it."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    return hosted, capacity, os.getcwd(), tuple(sorted(environment.items()))


class KeptTransport(Transport):
    """A transport that waits for another backend when the one that it was made for is done with it."""

    def __init__(self, hosted: str, capacity: int, told: Callable[..., None], held: HeldMemory | None = None) -> None:
        self._surroundings = _surroundings(hosted, capacity)
        super().__init__(hosted, capacity, told, held)

    def close(self) -> None:
        """Keep the worker, or have it end."""
        waiting = _idle.setdefault(self._surroundings, [])
        if _is_on and len(waiting) < _MOST and self._is_as_new():
            waiting.append(self)
        else:
            super().close()

    def serve(self, told: Callable[..., None]) -> None:
        """Tell another backend what the worker says."""
        self._told = told

    def _is_as_new(self) -> bool:
        """Tell whether the worker is well and has no file; what it may read is forgotten."""
        if not self.is_alive or self._is_copy or self.has_backlog or self.process.held is not None:
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
    waiting = _idle.get(_surroundings(hosted, capacity), []) if held is None else []
    while waiting:
        transport = waiting.pop()
        if transport.is_alive:
            transport.serve(told)
            return transport
    return KeptTransport(hosted, capacity, told, held)


connection.Transport = _kept_or_new  # type: ignore[assignment, misc]


@contextmanager
def kept(wanted: bool) -> Iterator[None]:
    """Keep, or don't keep, the workers that backends are done with in the block."""
    global _is_on
    before, _is_on = _is_on, wanted
    try:
        yield
    finally:
        _is_on = before


def end_kept() -> None:
    """End all workers that wait."""
    with kept(False):
        for transport in itertools.chain.from_iterable(_idle.values()):
            transport.close()
    _idle.clear()
