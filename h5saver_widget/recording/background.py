"""Background: starts work that may wait for a disk, and knows whether a file is being opened or closed. No Qt."""

from __future__ import annotations

import threading
from collections.abc import Callable

from h5saver_widget.errors import NotAnsweringError
from h5saver_widget.recording.worker import FileWorker, Task

__all__ = ["Background"]


class Background:
    """The worker of one file, and the openings and closings that are not done yet.

    `failed` is called in the worker's thread with the kind of work, a sentence for people, and the error; `changed`
    when an opening or closing starts or ends, in any thread, with the latest task, or None. `gate` and `let_in` are
    called before an opening is begun, and when it is over: frames wait in between.

    >>> background = Background(failed=print, changed=lambda task: None)
    >>> background.done_within(10.0, 'opening', lambda: 1 + 1, 'could not be opened')
    2
    """

    def __init__(
        self,
        failed: Callable[[str, str, Exception], None],
        changed: Callable[[Task | None], None],
        gate: Callable[[], None] = lambda: None,
        let_in: Callable[[], None] = lambda: None,
    ) -> None:
        self._failed, self._changed, self._gate, self._let_in = failed, changed, gate, let_in
        self._pending: list[Task] = []
        self._changing = threading.RLock()
        self.worker = FileWorker()

    def begin(self, doing: str, work: Callable[[], object], failed: str) -> Task:
        """Queue work behind earlier work; returns at once.

        It is ``'opening'``, ``'closing'``, or ``''`` for other work; `failed` is the sentence for people if it fails.
        """

        def tried() -> object:
            try:
                return work()
            except Exception as error:
                self._failed(doing, failed, error)
                raise
            finally:
                self._settled(task)

        task = Task(doing, tried)
        if doing == "opening":
            self._gate()
        if doing:
            with self._changing:
                self._pending.append(task)
                self._changed(task)
        self.worker.add(task)
        return task

    def done_within(self, timeout: float | None, doing: str, work: Callable[[], object], failed: str) -> object:
        """Have something done, and return its result; parameters as :meth:`begin`.

        NotAnsweringError if it takes longer than `timeout` seconds (None: for ever). It continues in the background.
        """
        if timeout is None and self.worker.is_lent:
            return work()  # behind the task that waits, perhaps for this thread, it would never be done
        task = self.begin(doing, work, failed)
        if not task.wait(timeout):
            raise NotAnsweringError(f"the disk has not answered for {timeout:g} s; it continues in the background")
        if task.error is not None:
            raise task.error
        return task.result

    def take_back(self, doing: str) -> bool:
        """Cancel tasks of a kind that have not started; return whether there were any."""
        taken = [task for task in [*self._pending] if task.doing == doing and self.worker.cancel(task)]
        for task in taken:
            self._settled(task)
        return bool(taken)

    def _settled(self, task: Task) -> None:
        if task.doing == "opening":
            self._let_in()
        if task.doing:
            with self._changing:
                self._pending.remove(task)
                self._changed(self._pending[-1] if self._pending else None)
