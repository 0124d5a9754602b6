"""The file part of the backend whose file is in a worker process: opening, flushing and closing it.

`client` has the rest of that backend: the nodes in the file.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.isolated.connection import WorkerConnection, call_if_there
from h5saver_widget.backends.isolated.held import HeldMemory
from h5saver_widget.backends.isolated.parts import ServerOfWorker, WorkerQueue
from h5saver_widget.backends.primitive import require_open
from h5saver_widget.backends.terms import Capabilities, Durability, OpenMode
from h5saver_widget.errors import NotAnsweringError, RowsLostError, raise_again

__all__ = ["QUEUE_BYTES", "IsolatedFile"]

QUEUE_BYTES = 64 << 20
"""Size of the ring: the bytes that may wait to be written before the caller has to wait."""

IDLE_SECONDS = 30.0
"""So long a worker without a file is kept, in s: opening a file costs a start otherwise."""


class FileElsewhere:
    """Stands for the file of a library that is in another process: hosts ask for its name, and close it."""

    def __init__(self, backend: IsolatedFile) -> None:
        self._backend = backend
        self.filename = str(backend.path)

    @property
    def isopen(self) -> int:
        """1 while the file is open, 0 afterwards."""
        return int(self._backend.is_open and str(self._backend.path) == self.filename)

    def flush(self) -> None:
        """Wait until everything is in the file."""
        self._backend.flush()

    def close(self) -> None:
        """Close the file."""
        if self.isopen:
            self._backend.close()

    def __repr__(self) -> str:
        """Return the name, and where the file is."""
        return f"<{self.filename}, open in another process>"


class IsolatedFile(Backend):
    """A backend that knows the worker with its file."""

    locks_reading = False
    queue: WorkerQueue

    def __init__(self, hosted: str, capabilities: Capabilities, queue_bytes: int = QUEUE_BYTES) -> None:
        self.name = hosted  # type: ignore[misc]
        self.capabilities = capabilities  # type: ignore[misc]
        super().__init__()
        if capabilities.journal:
            self.durability.level = Durability.JOURNAL
        self._connection = WorkerConnection(hosted, queue_bytes)
        self.lock = self._connection.lock
        self.queue = WorkerQueue(self._connection)
        if capabilities.remote:
            self.location = ServerOfWorker(self._connection, self.queue)
        self._is_changing = False
        self._uses = 0
        self._timeout: float | None = None
        self._changed = threading.Condition(self.lock)  # type: ignore[arg-type]

    # ------------------------------------------------------------------- file
    @property
    def is_open(self) -> bool:
        """Whether a file is open. After its worker has died, too: saving fails with the reason until it is closed."""
        return self.queue.is_open

    @property
    def raw_file(self) -> FileElsewhere | None:
        """The file proxy of the library's object, which is in the worker; None when closed."""
        return FileElsewhere(self) if self.is_open else None

    @property
    def pid(self) -> int | None:
        """Number of the worker process, None if it was not started yet."""
        running = self._connection.running
        return None if running is None else running.process.pid

    def prepare(self) -> None:
        self._uses += 1
        self._connection.start(renew=not self.is_open)

    def look_after(self, held: HeldMemory | None) -> bool:
        """Have the worker look after frames; it runs as long as it does, and :meth:`prepare` starts it again."""
        self._connection.held = None if self.capabilities.remote else held
        return not self.capabilities.remote

    @property
    def looks_after(self) -> bool:
        return self._connection.is_alive

    def _open(self, path: Path, mode: OpenMode, swmr: bool, locking: bool | None) -> None:
        """Have the worker open the file. The lock is not held while this waits."""
        self._forget("/")
        self.prepare()
        self.queue.begin()
        server = self.location.server
        if server is not None:
            self._change_file("use_server", asdict(server))
        limit = self.reading_seconds if mode == "r" else None
        where = path.as_posix() if self.capabilities.remote else str(path)
        self._change_file("open", where, mode, swmr, locking, self.durability.level.value, limit, self.before_closing)
        self.queue.is_open = True
        if self._allowed or self._connection.was_allowed:
            self._send_allowed()

    def current_path(self) -> Path:
        return Path(self._connection.ask("current_path"))

    def _close(self) -> None:
        """Have the worker close the file. The lock is not held while this waits."""
        failure = self.queue.failure if self._mode != "r" else None  # of a file that was only read, nothing is lost
        self.queue.is_closing, self.queue.is_open = True, False
        self._forget("/")
        try:
            if self._connection.is_alive:
                self._change_file("close", self.before_closing)
                self._end_later()
            else:
                self.queue.end()
                self._connection.end()
        finally:
            self.queue.end()
            if failure is not None:  # it tells more than the error of closing what could not be written
                raise_again(failure)

    def _finish(self) -> None:
        """Do nothing: the worker does the work that comes before closing."""

    def _end_later(self) -> None:
        """End the worker after a while without a file: it takes memory, and is started ahead where a window is used."""
        self._uses += 1
        timer = threading.Timer(IDLE_SECONDS, call_if_there, (weakref.WeakMethod(self._end_if_idle), self._uses))
        timer.name, timer.daemon = "h5saver: an idle worker", True
        timer.start()

    def _end_if_idle(self, uses: int) -> None:
        """End the worker if it was not used since its use of this number."""
        with self.lock:
            is_idle = not self.is_open and not self._is_changing and self._connection.held is None
            if self.is_owned and uses == self._uses and is_idle:
                self._connection.leave()

    def allow(self, folders: Sequence[Path]) -> None:
        super().allow(folders)
        if self.is_open:
            self._send_allowed()

    def _send_allowed(self) -> None:
        self._connection.ask("allow", [str(folder.absolute()) for folder in self._allowed])
        self._connection.was_allowed = bool(self._allowed)

    def switching(self) -> AbstractContextManager[None]:
        return self._connection.lock.switching()

    @contextmanager
    def _changing_file(self, timeout: float | None) -> Iterator[None]:
        """Open or close in the block, one thread at a time, waiting at most `timeout` s."""
        with self.lock:
            while self._is_changing:
                self._changed.wait()
            self._is_changing, self._timeout = True, timeout
            try:
                yield
            finally:
                self._is_changing = False
                self._changed.notify_all()

    def _change_file(self, *order: Any) -> None:
        """Have the worker open or close, and wait for it without the lock, be it the caller's."""
        try:
            answer = self._connection.begin(*order)
            with self._connection.lock.released():
                answer.wait(self._timeout)
        except (NotAnsweringError, KeyboardInterrupt):
            self._connection.leave()  # its answer comes too late: the next file is another process' business
            raise

    def disown(self) -> None:
        super().disown()
        self._connection.disown()
        self.lock = self._connection.lock
        self._changed = threading.Condition(self.lock)  # type: ignore[arg-type]
        self._is_changing = False

    def flush(self, timeout: float | None = None) -> None:
        """Wait until all rows sent so far are in the file, and handed to the operating system."""
        self._flush_by("flush", timeout)

    def checkpoint(self, timeout: float | None = None) -> None:
        self._flush_by("checkpoint", timeout)

    def _flush(self) -> None:
        self._flush_by("flush", None)

    def _flush_by(self, operation: str, timeout: float | None) -> None:
        require_open(self, operation)
        try:
            self._connection.change(operation, timeout=timeout)
        finally:  # an earlier failure tells more than the error of the flush itself
            self._connection.require_success()
        if problems := self._connection.take_problems():  # of single arrays, since this was last asked
            raise RowsLostError("; ".join(problems))

    def flush_soon(self) -> None:
        """Have the worker flush when it has caught up. Never waits, takes no lock."""
        require_open(self, "flush_soon")
        self._connection.flush_soon()
