"""Whose process it is: after ``os.fork`` the copy of a program owns none of the files that the program has open.

A copy has the same descriptors, buffers and finalizers. Were it to save, flush, collect garbage or just end, it would
write into the program's file, or have the program's worker end. So everything that has to do with an open file is
registered here and *disowned* in a copy, before any code of the copy runs: descriptors are closed, finalizers are
detached, and each call raises :class:`~h5saver_widget.errors.ForkedCopyError`.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol

from h5saver_widget.errors import ForkedCopyError

__all__ = ["Owned", "refuse_copy", "register_owned"]


class Owned(Protocol):
    """An object that belongs to one process."""

    def disown(self) -> None:
        """Let go of everything, in a copy of the process; called once, while there is no other thread."""


_owned: weakref.WeakSet[Owned] = weakref.WeakSet()


def register_owned(thing: Owned) -> None:
    """Have something disowned in every copy of this process."""
    _owned.add(thing)


def refuse_copy() -> None:
    """Raise ForkedCopyError, as everything does in a copy of the program."""
    raise ForkedCopyError(
        "this process is a copy (os.fork, multiprocessing) of the program that opened the file, and can't use it. Save "
        "in the program itself and send it the results, or make a separate saver in each process"
    )


def _disown_all() -> None:
    for thing in list(_owned):
        thing.disown()
    _owned.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_disown_all)
