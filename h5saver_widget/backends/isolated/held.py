"""Frames that wait in shared memory before anything is recorded, and that a worker process looks after.

The program puts them in and takes them out, as long as it lives. The worker only has the memory, too: it outlives the
program. A program that is killed after it has begun to write them (the memory has *fired*) leaves that to the worker,
which calls the function that the program has named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module

from h5saver_widget.backends.isolated.ring import Counter, Ring

__all__ = ["HeldMemory", "memory_of", "named"]


@dataclass(frozen=True, eq=False)
class HeldMemory:
    """The memory with held frames, and what is done with them when the program is gone."""

    memory: Ring
    #: Name ``module:function`` of the function of this package that writes the frames. It is given the memory, and the
    #: files that were opened last: when (monotonic), which, and how.
    work: str

    def write_rest(self, opened: Iterable[tuple[float, str, str]]) -> None:
        """Write the frames if the program was about to; in the worker, after it has closed its file."""
        if self.memory[Counter.fired]:
            module, _, name = self.work.partition(":")
            write: Callable[..., None] = getattr(import_module(module), name)
            write(self.memory, opened)


def named(held: HeldMemory | None) -> str:
    """Return the words by which a worker finds the memory of its program; ``''`` for none."""
    return "" if held is None else f"{held.memory.capacity} {held.memory.token} {held.work}"


def memory_of(name: str) -> HeldMemory | None:
    """Return the memory of a name that :func:`named` has given."""
    if not name:
        return None
    capacity, token, work = name.split(" ")
    return HeldMemory(Ring(int(capacity), token), work)
