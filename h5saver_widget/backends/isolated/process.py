"""The child process of one backend, seen from the program: how it is started, called, watched and ended.

It is started as a fresh interpreter, not by multiprocessing: that would import the program's main module again, and
programs of laboratories have no guard against it. There is nothing in common with the child but the ring, a pipe that
wakes it (its end tells it that the program is gone), and a pipe with its answers.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO

import numpy as np

from h5saver_widget.backends.isolated.messages import LENGTH, unpack
from h5saver_widget.backends.isolated.ring import Counter, Ring
from h5saver_widget.backends.reading_limit import was_stuck
from h5saver_widget.errors import ReadingStuckError, SavingProcessError

__all__ = ["Child", "can_isolate", "log_folder"]

_PACKAGES = Path(__file__).resolve().parents[3]
#: -P keeps modules out that lie in the current folder; the package is found wherever the program found it.
_START = "import sys; sys.path.append(sys.argv[1]); from h5saver_widget.backends.isolated.host import main; main()"
#: Nothing is multiplied there; to start a thread for each core costs a tenth of the start, and memory.
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}
_END_SECONDS = 30.0
_WAKE_SECONDS = 0.02


def can_isolate() -> bool:
    """Tell whether a child process can be started: a frozen program has no interpreter for it."""
    return bool(sys.executable) and not getattr(sys, "frozen", False) and "python" in Path(sys.executable).name.lower()


def log_folder() -> Path:
    """Return the folder in which child processes write what happened; the log of one that ended well is deleted."""
    return Path(tempfile.gettempdir()) / "h5saver_widget-logs"


class Child:
    """A running child process with its ring.

    Parameters
    ----------
    hosted
        Name of the backend that it is to host.
    capacity
        Bytes of its ring.
    """

    def __init__(self, hosted: str, capacity: int) -> None:
        self.ring = Ring(capacity)
        self._log = self._open_log()
        command = [sys.executable, "-P", "-c", _START, str(_PACKAGES), hosted, str(capacity), self.ring.token]
        separate: dict[str, Any]
        if sys.platform == "win32":
            separate = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
        else:
            separate = {"pass_fds": self.ring.inherited, "start_new_session": True}
        try:
            self._process = subprocess.Popen(
                [*command, self._log.name if self._log else ""],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log or subprocess.DEVNULL,
                bufsize=0,
                env={**_ENVIRONMENT, **os.environ},
                **separate,
            )
        except OSError as error:
            self.ring.close()
            raise SavingProcessError(f"no process could be started to write files in: {error}") from error
        assert self._process.stdin is not None and self._process.stdout is not None
        self._bell = self._process.stdin.fileno()
        if sys.platform != "win32":  # there a thread of the child reads all the time: the bell is never full
            os.set_blocking(self._bell, False)
        self._answers = self._process.stdout.fileno()
        self._rang_at = 0.0
        self._reading = threading.Lock()
        self._arrived: dict[int, tuple[bool, Any]] = {}
        self._given_up: set[int] = set()
        self._buffer = bytearray()

    @staticmethod
    def _open_log() -> BinaryIO | None:
        with contextlib.suppress(OSError):  # without a place for it there is no log, which stops nobody from saving
            log_folder().mkdir(mode=0o700, exist_ok=True)
            return tempfile.NamedTemporaryFile(dir=log_folder(), suffix=".log", delete=False)  # type: ignore[return-value]
        return None

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def wake_if_needed(self) -> bool:
        """Wake the child if it waits for that, or was not woken for a while; False if it is found to be gone.

        A child that has just had something to do looks into the ring again by itself: no call of the operating system
        for each of many small records, and no change of process.
        """
        if self.ring[Counter.waiting] or monotonic() - self._rang_at > _WAKE_SECONDS:
            return self.wake()
        return self._process.returncode is None  # without asking the system: that is done when it is woken

    def wake(self) -> bool:
        """Have the child look into the ring; False if it is gone."""
        self._rang_at = monotonic()
        try:
            os.write(self._bell, b"!")
        except BlockingIOError:
            return True  # it has not even heard the bells before
        except OSError:
            return False
        return True

    # ---------------------------------------------------------------- answers
    def wait_for(self, number: int) -> tuple[bool, Any]:
        """Return whether a call succeeded, and what it gave or its error; SavingProcessError if the child ends."""
        try:
            while True:
                # whoever has the lock reads for all; answers come in the order of the calls
                with self._reading:
                    if number in self._arrived:
                        return self._arrived.pop(number)
                    found, good, value = self._read_answer()
                    if found == number:
                        return good, value
                    if found in self._given_up:
                        self._given_up.discard(found)
                    else:
                        self._arrived[found] = good, value
        except KeyboardInterrupt:
            self._given_up.add(number)
            raise

    def _read_answer(self) -> tuple[int, bool, Any]:
        length = LENGTH.unpack(self._read(LENGTH.size))[0]
        number, good, value, raw = unpack(self._read(length))
        if raw:
            found = np.empty(value[1], np.dtype(value[0]))
            self._read_into(found)
            value = found
        return number, good, value

    def _read(self, count: int) -> bytes:
        while len(self._buffer) < count:
            piece = os.read(self._answers, max(65536, min(count, 1 << 24)))
            if not piece:
                raise self.end_of_it()
            self._buffer += piece
        found = bytes(self._buffer[:count])
        del self._buffer[:count]
        return found

    def _read_into(self, array: np.ndarray[Any, Any]) -> None:
        target = array.reshape(-1).view(np.uint8).data
        ahead = min(len(self._buffer), len(target))
        target[:ahead] = self._buffer[:ahead]
        del self._buffer[:ahead]
        stream = self._process.stdout
        assert stream is not None
        while ahead < len(target):
            count = stream.readinto(target[ahead:])  # type: ignore[attr-defined]
            if not count:
                raise self.end_of_it()
            ahead += count

    # -------------------------------------------------------------------- end
    def end_of_it(self) -> SavingProcessError:
        """Return the error that says how the child ended, with the last lines that it wrote."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5.0)
        code = self._process.returncode
        how = (
            "stopped answering"
            if code is None
            else f"was ended by signal {-code}"
            if code < 0
            else f"ended with {code}"
        )
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

    def close(self, patience: float = _END_SECONDS) -> None:
        """Have the child write what is in the ring, close its file and end; one that was given nothing ends at once."""
        is_used = self.ring[Counter.head] > 0
        if not is_used:
            self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(OSError):
                stream.close()
        try:
            code: int | None = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            code = None  # it goes on by itself: a slow disk is no reason to lose what it has
        self.ring.close()
        if self._log is not None:
            self._log.close()
            if code == 0 or not is_used:
                with contextlib.suppress(OSError):
                    os.unlink(self._log.name)
