"""A thread that does jobs one after the other, and tells the window when they are done: windows never read files.

Results come back as data, and so do errors.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from pyqtgraph.Qt import QtCore

from h5saver_widget.qt.keeper import Keeper

__all__ = ["ReadTask", "Worker"]

logger = logging.getLogger(__name__)

Work = Callable[[], Any]
Told = Callable[[Any], None]


class ReadTask:
    """Something to be done; nobody waits for the result of a cancelled one.

    A new job with the same key takes the place of this one.
    """

    def __init__(self, work: Work, done: Told | None, failed: Told | None, part: Told | None, key: str) -> None:
        self._work = work
        self._steps: Iterator[Any] | None = None
        self.tell: dict[str, Told | None] = {"done": done, "failed": failed, "part": part}
        self.in_steps = part is not None
        self.key = key
        self.cancelled = False

    def drop(self) -> None:
        """Let nobody be told any more; in the thread of the window.

        The reading thread may hold the task for long. Widgets that it would tell are not kept alive by that, and not
        deleted there: with PySide6 their timers would go off a moment later and end the program.
        """
        self.cancelled = True
        self.tell.clear()

    def step(self) -> tuple[str, Any]:
        """Do some or all of the work; return ``'part'``, ``'done'`` or ``'failed'``, and the result."""
        try:
            if not self.in_steps:
                return "done", self._work()
            if self._steps is None:
                self._steps = iter(self._work())
            return "part", next(self._steps)
        except StopIteration:
            return "done", None
        except Exception as error:  # travels to the window as data
            return "failed", error


class Worker(QtCore.QObject):
    """A thread and its queue.

    Long jobs are iterators and are done in steps, between which others get their turn.

    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> worker = Worker('adding')
    >>> _ = worker.ask(lambda: 1 + 1, print)
    >>> while worker.busy:
    ...     app.processEvents()
    2
    >>> worker.stop()
    """

    busy_changed = QtCore.Signal(bool)
    """Whether there is something to do."""

    _told = QtCore.Signal(object)

    def __init__(self, name: str) -> None:
        super().__init__()
        self._keeper = Keeper(self)  # the thread may be the last to hold it
        self._waiting: deque[ReadTask] = deque()
        #: Jobs whose end has not been told; touched in the thread of the window alone.
        self._untold: set[ReadTask] = set()
        self._ended = False
        self._change = threading.Condition()
        self._told.connect(self._deliver, QtCore.Qt.ConnectionType.QueuedConnection)
        self._thread = threading.Thread(target=self._run, name=f"h5saver browser: {name}", daemon=True)
        self._thread.start()

    @property
    def busy(self) -> bool:
        """Whether anything is waiting, being done, or not told yet."""
        return bool(self._untold)

    def ask(
        self,
        work: Work,
        done: Told | None = None,
        failed: Told | None = None,
        *,
        part: Told | None = None,
        key: str = "",
    ) -> ReadTask:
        """Have something done in the thread.

        `done` and `failed` are called in the thread of the window, with the result or the exception. If there is a
        `part`, the work returns an iterator: `part` is called with each of its items, and `done` with None at its end.
        A job with this key that has not been told yet is cancelled.
        """
        job = ReadTask(work, done, failed, part, key)
        if self._ended:
            job.cancelled = True
            return job
        if key:
            self.cancel(key)
        was_busy = self.busy
        self._untold.add(job)
        with self._change:
            self._waiting.append(job)
            self._change.notify()
        if not was_busy:
            self.busy_changed.emit(True)
        return job

    def is_doing(self, key: str) -> bool:
        """Tell whether something that has this key was asked for, and is neither told nor cancelled yet."""
        return any(job.key == key and not job.cancelled for job in self._untold)

    def cancel(self, key: str) -> None:
        """Cancel the task with this key."""
        for job in self._untold:
            if job.key == key:
                job.cancelled = True

    def stop(self, last: Work | None = None, seconds: float = 2.0) -> None:
        """Cancel everything, do one last thing, and end; wait for it, but not for ever.

        A file must be closed when its window is: a program that opens it again to write would be refused.
        """
        with self._change:
            if self._ended:
                return
            for job in self._untold:
                job.drop()
            self._untold.clear()
            self._waiting.clear()
            if last is not None:
                self._waiting.append(ReadTask(last, None, None, None, ""))
            self._ended = True
            self._change.notify()
        self._thread.join(seconds)

    # ---------------------------------------------------------------- thread
    def _run(self) -> None:
        while True:
            with self._change:
                while not self._waiting:
                    if self._ended:
                        return
                    self._change.wait()
                job = self._waiting.popleft()
            what, result = ("cancelled", None) if job.cancelled else job.step()
            with self._change:
                if self._ended:
                    continue  # nobody listens any more
                if what == "part":
                    self._waiting.append(job)
            try:
                self._told.emit((job, what, result))
            except RuntimeError:  # Qt has taken the window apart meanwhile
                return

    def _deliver(self, told: tuple[ReadTask, str, Any]) -> None:
        job, what, result = told
        if self._ended:
            return
        if what != "part":
            self._untold.discard(job)
        if not job.cancelled:
            self._tell(job, what, result)
        if what != "part":
            job.drop()
            if not self.busy:
                self.busy_changed.emit(False)

    def _tell(self, job: ReadTask, what: str, result: Any) -> None:
        """Deliver the result of a task.

        One that can't be shown counts as failed: an error that leaves a slot ends the program.
        """
        tell = job.tell.get(what)
        if tell is None:
            return
        try:
            tell(result)
        except Exception as error:
            logger.exception("the content of a file could not be shown")
            failed = job.tell.get("failed")
            if what != "failed" and failed is not None:
                failed(error)
