"""FileWorker: runs tasks that may wait for a disk, one after the other, in one thread. No Qt.

A window begins a task and gets a signal at its end; it never waits. The thread lives as long as there is something to
do. A program that ends, however, waits for it as it waits for threads of its own: frames may wait for a file that is
being opened. A disk that does not answer keeps no program from ending: after some seconds the rest is given up.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401 - of what an opening needs, this can't be imported while a program ends
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final

from h5saver_widget.errors import NotAnsweringError
from h5saver_widget.saving.session import EXIT_SECONDS

__all__ = ["FileWorker", "Task"]

#: How often it is looked whether the program ends, in s.
_LOOK_SECONDS: Final = 0.1


class Task:
    """One thing to do."""

    def __init__(self, doing: str, work: Callable[[], object]) -> None:
        self.doing, self._work = doing, work
        #: The result, or the error, once it is done.
        self.result: object = None
        self.error: BaseException | None = None
        self._done = threading.Event()

    def run(self) -> None:
        """Run the task; a failure is kept in `error`."""
        try:
            self.result = self._work()
        except BaseException as error:  # an error of the work is never one of the thread
            self.error = error
        finally:
            del self._work  # with whatever it holds
            self._done.set()

    def drop(self) -> None:
        """Give it up before it has begun; threads that wait for it continue."""
        del self._work
        self._done.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is over; return whether it is."""
        return self._done.wait(timeout)


class FileWorker:
    """Does tasks in the order they were begun.

    >>> worker = FileWorker()
    >>> task = worker.begin('adding', lambda: 1 + 1)
    >>> worker.wait(10)
    >>> task.result, worker.doing
    (2, '')
    """

    def __init__(self) -> None:
        self._tasks: deque[Task] = deque()
        self._changed = threading.Condition()
        self._current: Task | None = None
        self._thread: threading.Thread | None = None
        self._since = 0.0
        self._is_lent = False

    @property
    def doing(self) -> str:
        """The kind of the running task, ``''`` for none."""
        task = self._current
        return "" if task is None else task.doing

    @property
    def seconds(self) -> float:
        """How long the present task has taken so far, in s."""
        return monotonic() - self._since if self._current is not None else 0.0

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being done, and nothing waits to be done."""
        return self._thread is None

    @property
    def is_this_thread(self) -> bool:
        """Whether it is the worker's own thread that asks."""
        return threading.current_thread() is self._thread

    @property
    def is_lent(self) -> bool:
        """Whether the running task waits for another thread: one that waits for the worker now may be that one."""
        return self._is_lent and not self.is_this_thread

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Have nobody wait for this worker while the task of the block waits for others."""
        self._lend(True)
        try:
            yield
        finally:
            self._lend(False)

    def _lend(self, is_lent: bool) -> None:
        with self._changed:
            self._is_lent = is_lent
            self._changed.notify_all()

    def begin(self, doing: str, work: Callable[[], object]) -> Task:
        """Have something done after everything that was begun before; return at once."""
        task = Task(doing, work)
        self.add(task)
        return task

    def add(self, task: Task) -> None:
        """Have a task done after everything that was begun before; return at once."""
        with self._changed:
            self._tasks.append(task)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="h5saver: file", daemon=True)
                self._thread.start()
                threading.Thread(target=_stay, args=(self._thread,), name="h5saver: stay").start()

    def cancel(self, task: Task) -> bool:
        """Take a task back; return whether it had not begun yet."""
        with self._changed:
            if task not in self._tasks:
                return False
            self._tasks.remove(task)
        task.drop()
        return True

    def wait(self, timeout: float | None = None) -> None:
        """Wait until everything that was begun is done, or the worker is lent; not in the worker's own thread.

        NotAnsweringError if it takes longer than `timeout` seconds. The task continues.
        """
        if self.is_this_thread:
            return
        with self._changed:
            if not self._changed.wait_for(lambda: self._thread is None or self._is_lent, timeout):
                raise NotAnsweringError(
                    f"{self.doing or 'something'} takes longer than {timeout:g} s: the disk does not answer. "
                    "It continues in the background"
                )

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._tasks:
                    self._thread = self._current = None
                    self._changed.notify_all()
                    return
                task = self._current = self._tasks.popleft()
                self._since = monotonic()
            task.run()
            del task  # with what it holds


def _stay(worker: threading.Thread) -> None:
    """Keep a program that ends until the worker is done: an exit handler would come too late to start a thread."""
    left = EXIT_SECONDS
    while worker.is_alive() and left > 0:
        worker.join(_LOOK_SECONDS)
        if not threading.main_thread().is_alive():
            left -= _LOOK_SECONDS
