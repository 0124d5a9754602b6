"""The worker process of one backend: how it is started, woken, watched and ended.

It is started as a fresh interpreter, not by multiprocessing: that would import the program's main module again, and
programs of laboratories have no guard against it. There is nothing in common with the worker but the ring, a pipe that
wakes it (its end tells it that the program is gone), and a pipe with its answers.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import Any

from h5saver_widget.backends.isolated.held import HeldMemory, named
from h5saver_widget.backends.isolated.logs import open_log
from h5saver_widget.backends.isolated.ring import Counter, Ring, allowed_capacity
from h5saver_widget.backends.own_process import ENVIRONMENT, start_command
from h5saver_widget.backends.watchdog import was_stuck
from h5saver_widget.errors import ReadingStuckError, SavingProcessError

__all__ = ["WorkerProcess"]

_END_SECONDS = 30.0
_STUCK_SECONDS = 3.0


class WorkerProcess:
    """A running worker process with its ring; it writes held frames if the program ends in the middle of that."""

    def __init__(self, hosted: str, capacity: int, held: HeldMemory | None = None) -> None:
        capacity = allowed_capacity(capacity)
        self.ring = Ring(capacity)
        self.held = held
        self._log = open_log()
        log = self._log.name if self._log else ""
        command = start_command("file", hosted, str(capacity), self.ring.token, str(os.getpid()), log, named(held))
        separate: dict[str, Any]
        if sys.platform == "win32":
            separate = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
        else:
            separate = {
                "pass_fds": (*self.ring.inherited, *(held.memory.inherited if held else ())),
                "start_new_session": True,
            }
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log or subprocess.DEVNULL,
                bufsize=0,
                env={**ENVIRONMENT, **os.environ},
                **separate,
            )
        except OSError as error:
            self.ring.close()
            raise SavingProcessError(f"no process could be started to write files in: {error}") from error
        self.pid = self._process.pid
        assert self._process.stdin is not None and self._process.stdout is not None
        self._wake = self._process.stdin.fileno()
        if sys.platform != "win32":  # there a thread of the worker reads all the time: the pipe is never full
            os.set_blocking(self._wake, False)
        #: File descriptor of its answers; their reader calls `close_answers` at the end.
        self.answers = self._process.stdout.fileno()

    def wake(self) -> None:
        """Have the worker look into the ring. Should it be gone, the end of its answers tells so."""
        with contextlib.suppress(OSError):  # BlockingIOError: it has not even read the byte before
            os.write(self._wake, b"!")

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def end_of_it(self) -> SavingProcessError:
        """Return the error that says how the worker ended, with the last lines that it wrote."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)
        code = self._process.returncode
        how = "stopped answering"
        if code is not None:
            how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
        said = ""
        if self._log is not None:
            with contextlib.suppress(OSError):
                said = Path(self._log.name).read_text("utf-8", "replace")
        if was_stuck(code, said):
            return ReadingStuckError("reading came to no end, and its process was ended: the file is damaged there")
        lines = said.split("\n")
        last = f"; its last words: {' | '.join(lines[-6:])}" if len(lines) > 1 else ""
        return SavingProcessError(
            f"the process that had the file {how}; nothing more is saved, open a file again{last}"
        )

    def end_input(self) -> None:
        """Tell the worker that the program is done with it; one that was given nothing ends at once."""
        if not self.ring[Counter.head] and not (self.held and self.held.memory[Counter.fired]):
            self._process.kill()
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()

    def close_answers(self) -> None:
        """Close the pipe with the answers."""
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdout.close()

    @property
    def is_stuck(self) -> bool:
        """Whether it has made no progress for a while: its disk does not answer."""
        return monotonic() - self.ring[Counter.beat] / 1e6 > _STUCK_SECONDS

    def close(self) -> None:
        """Wait for the end of a worker that was asked to end, as long as it makes progress; then leave it alone."""
        code, end = None, monotonic() + _END_SECONDS
        while code is None and monotonic() < end:
            try:
                code = self._process.wait(0.1)
            except subprocess.TimeoutExpired:
                if self.is_stuck:
                    break
        self.ring.close()
        if self._log is not None:
            self._log.close()
            if code == 0 or not self.ring[Counter.head]:
                with contextlib.suppress(OSError):
                    os.unlink(self._log.name)

    def reap(self) -> None:
        """Wait for the end of a worker, however long it takes."""
        self._process.wait()
        self.close()

    def disown(self) -> None:
        """Close this object in a copy of the program; the process itself is the program's."""
        for stream in (self._process.stdin, self._process.stdout, self._log):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self.ring.close()
        self._process.returncode = 0  # it is no child of the copy: nothing is waited for, and no warning given
