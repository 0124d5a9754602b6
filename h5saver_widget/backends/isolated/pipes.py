"""The pipes of a worker process: its program wakes it by one, and reads its answers from the other."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable
from typing import Any

from h5saver_widget.backends.isolated.messages import LENGTH, Notice, pack

__all__ = ["AnswerPipe", "WakePipe"]

_LOOK_SECONDS = 1.0


class WakePipe:
    """The wake-up pipe of this process, which also tells whether the program is still there."""

    def __init__(self, descriptor: int, program: int) -> None:
        self._descriptor = descriptor
        self._program = program
        #: Not so for a frozen program of one file: what unpacks this process stands between the two.
        self._is_child = sys.platform != "win32" and os.getppid() == program
        self._is_at_end = False
        self._rang = threading.Event()
        if sys.platform == "win32":  # select() knows no pipes there
            threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while os.read(self._descriptor, 65536):
            self._rang.set()
        self._is_at_end = True
        self._rang.set()

    @property
    def is_program_gone(self) -> bool:
        """Whether the program is done with this process, or has ended. A copy of it may hold the pipe open for ever."""
        if self._is_at_end or sys.platform == "win32":
            return self._is_at_end
        return os.getppid() != self._program if self._is_child else not _is_running(self._program)

    def wait(self, seconds: float) -> None:
        """Wait until it is written to, the program ends, or the time is over."""
        if sys.platform == "win32":
            self._rang.wait(seconds)
            self._rang.clear()
        elif self._is_at_end:
            return
        elif select.select([self._descriptor], [], [], seconds)[0]:
            self._is_at_end = not os.read(self._descriptor, 65536)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except OSError:
        return False
    return True


class AnswerPipe:
    """The pipe for answers and notices, on POSIX one that is written without waiting.

    `beat` is called while the program does not read: this process is alive.
    """

    def __init__(self, descriptor: int, wake: WakePipe, beat: Callable[[], None]) -> None:
        self._descriptor, self._wake, self._beat = descriptor, wake, beat

    def answer(self, message: bytes, values: memoryview | None = None) -> None:
        """Send an answer, and the values that follow it."""
        self._send(LENGTH.pack(len(message)) + message)
        if values is not None:
            self._send(values)

    def notice(self, notice: Notice, *said: Any) -> None:
        """Say something that was not asked for."""
        self.answer(pack((0, True, (int(notice), *said), False)))

    def _send(self, data: bytes | memoryview) -> None:
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:
                if self._wake.is_program_gone:
                    return  # a copy of the program holds the pipe open, and reads nothing
                self._beat()
                select.select([], [self._descriptor], [], _LOOK_SECONDS)
            except BrokenPipeError:
                return  # the program is gone: nobody waits for the answer
