"""A thread that saves, so that a window goes on while a disk is slow: calls in the order they were given, all counted.

The window queues a call and goes on at once. When the queue is so long that memory would fill, the next call is
refused, and the caller counts it: no frame is dropped in silence. No Qt.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

__all__ = ["SavingThread"]

#: As much as the process with the file lets wait, in bytes.
MOST: Final = 64_000_000


class SavingThread:
    """Makes calls one after the other, in a thread that begins with the first of them.

    Parameters
    ----------
    failed
        Called in that thread with an error that a call has not dealt with itself.
    most
        How much may wait, in bytes; one call is always taken when nothing waits.

    Examples
    --------
    >>> done = []
    >>> saving = SavingThread(failed=print)
    >>> saving.give(lambda: done.append(1), size=8)
    True
    >>> saving.drain()
    >>> done, saving.waiting
    ([1], 0)
    >>> saving.close()
    """

    def __init__(self, failed: Callable[[Exception], None], most: int = MOST) -> None:
        self._failed, self._most = failed, most
        self._calls: deque[tuple[Callable[[], None], int]] = deque()
        self._size, self._busy, self._closed = 0, False, False
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Number of calls that are not done yet."""
        return len(self._calls) + self._busy

    def give(self, call: Callable[[], None], size: int = 0) -> bool:
        """Have a call made; return at once whether it was taken.

        Parameters
        ----------
        call
            The call.
        size
            Memory that it holds until it is done, in bytes.

        Returns
        -------
        bool
            False if too much waits already.
        """
        with self._changed:
            if self._closed or (self._size and self._size + size > self._most):
                return False
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="saving", daemon=True)
                self._thread.start()
            self._calls.append((call, size))
            self._size += size
            self._changed.notify_all()
        return True

    def drain(self) -> None:
        """Wait until everything that was given is done; does nothing in the thread itself."""
        if threading.current_thread() is not self._thread:
            with self._changed:
                self._changed.wait_for(lambda: not self.waiting)

    def close(self) -> None:
        """Make the queued calls, then end the thread; the next call begins another one."""
        if self._thread is None or self._thread is threading.current_thread():
            return
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        self._thread, self._closed = None, False

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._calls or self._closed)
                if not self._calls:
                    return
                call, size = self._calls.popleft()
                self._busy = True
            try:
                call()
            except Exception as error:
                self._failed(error)
            del call  # with its frame
            with self._changed:
                self._busy = False
                self._size -= size
                self._changed.notify_all()
