"""Steps: changes of the open file that are one for other threads. No Qt.

Every frame is one. They are classes with two methods each, because a generator costs a frame 2 us more.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from h5saver_widget.errors import raise_again

if TYPE_CHECKING:
    from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = ["FrameStep", "Step"]


class Step(AbstractContextManager[None]):
    """Makes the block one step for other threads; new nodes are on disk when the outermost one ends.

    A file killed while groups were made, between two flushes, was lost whole (2 of 80): so structure is flushed at
    once, at the end of the outermost block or of a call outside of any. That costs 0.15 ms.
    """

    __slots__ = ("_changes_structure", "_lock", "_saver")

    def __init__(self, saver: H5SaverLowLevel, changes_structure: bool = False) -> None:
        self._saver, self._changes_structure = saver, changes_structure
        self._lock: Any = None

    def __enter__(self) -> None:
        """Take the lock of the file."""
        saver = self._saver
        if saver._begun is not None:
            saver._arrive()
        self._lock = saver.io.lock
        self._lock.__enter__()
        try:
            if saver._depth == 0:
                saver._step_begins()
        except BaseException:
            self._lock.__exit__(*sys.exc_info())
            raise
        saver._depth += 1
        if self._changes_structure:
            saver._structure_changed = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Flush new structure, and give the lock back."""
        saver = self._saver
        saver._depth -= 1
        try:
            if saver._depth == 0 and saver._structure_changed and saver.io.is_open:
                saver._flush_soon()
        except BaseException:
            self._lock.__exit__(*sys.exc_info())
            raise
        self._lock.__exit__(kind, error, trace)
        if kind is None and saver._depth == 0:
            saver._step_ended()


class FrameStep(Step):
    """Saves one frame in the block: one step for other threads, counted as lost, with its source, if it raises."""

    __slots__ = ("_name",)

    def __init__(self, saver: H5SaverLowLevel, name: str) -> None:
        super().__init__(saver)
        self._name = name

    def __enter__(self) -> None:
        """Wait for room if that is wanted, and take the lock of the file."""
        saver = self._saver
        if saver.when_full == "wait":
            saver.io.queue.wait_for_room()
        try:
            if (failure := saver.io.queue.failure) is not None and saver.io.is_open:
                raise_again(failure)  # before anything is looked for in a file that is lost
            super().__enter__()
        except Exception as error:
            saver.frame_lost(self._name, error)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Count a frame whose error passes through as lost."""
        try:
            if kind is not None:
                self._saver.io.queue.frame_refused()
            super().__exit__(kind, error, trace)
        except Exception as later:
            self._saver.frame_lost(self._name, later)
            raise
        if isinstance(error, Exception):
            self._saver.frame_lost(self._name, error)
