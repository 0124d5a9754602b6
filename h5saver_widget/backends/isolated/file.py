"""The file of a backend that is in another process: opening and closing it, its server, and the queue to it.

`client` has the rest of that backend: the nodes in the file.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.base import primitive
from h5saver_widget.backends.isolated.link import Link
from h5saver_widget.backends.isolated.messages import Kind
from h5saver_widget.backends.isolated.ring import Counter
from h5saver_widget.backends.ownership import refuse_copy
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.backends.terms import Activity, Capabilities, Durability, OpenMode, Queue
from h5saver_widget.backends.tree import TreeBackend
from h5saver_widget.errors import FileNotOpenError, ForkedCopyError, NotAnsweringError, SavingProcessError, raise_again

__all__ = ["QUEUE_BYTES", "IsolatedFile"]

QUEUE_BYTES = 64 << 20
"""Size of the queue: how much may wait to be written before the caller has to wait."""


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


class IsolatedFile(TreeBackend):
    """A backend that knows the process with its file.

    Parameters
    ----------
    hosted
        Name of the backend that the child process uses.
    capabilities
        What that one can do.
    queue_bytes
        How much may wait to be written.
    """

    def __init__(self, hosted: str, capabilities: Capabilities, queue_bytes: int = QUEUE_BYTES) -> None:
        super().__init__()
        self.name = hosted  # type: ignore[misc]
        self.capabilities = capabilities  # type: ignore[misc]
        if capabilities.journal:
            self.durability = Durability.JOURNAL
        self._link = Link(hosted, queue_bytes)
        self.lock = self._link.lock
        self._opened = self._is_changing = False
        self._changed = threading.Condition(self.lock)  # type: ignore[arg-type]
        self._largest_frame = self._handed = 0
        #: What became of the frames of a file that is closed.
        self._last = Queue(0, 0, 0)
        self._server: dict[str, Any] | None = None

    # ------------------------------------------------------------------- file
    @property
    def is_isolated(self) -> bool:
        """Whether the file is in another process."""
        return True

    @property
    def is_open(self) -> bool:
        """Whether a file is open. After its process has died, too: saving fails with the reason until it is closed."""
        return self._opened

    @property
    def raw_file(self) -> FileElsewhere | None:
        """What stands for the library's object, which is in the other process; None when closed."""
        return FileElsewhere(self) if self._opened else None

    @property
    def pid(self) -> int | None:
        """Number of the process, None if it was not started yet."""
        return self._link.pid

    @property
    def failure(self) -> SavingProcessError | None:
        """Why nothing can be written any more; None while all is well. Never waits."""
        return self._link.failure if self._opened else None

    def take_problems(self) -> list[str]:
        """Return what could not be written of single arrays and was not told yet."""
        return self._link.take_problems()

    def prepare(self) -> None:
        """Start the process now, without waiting for it, so that the first file opens at once."""
        self._link.start()

    def _mind_journal(self, path: Path, mode: OpenMode) -> None:
        """Leave it to the child, which has the file."""

    def open(
        self,
        path: Path,
        mode: OpenMode = "r",
        *,
        swmr: bool = False,
        locking: bool | None = None,
        timeout: float | None = None,
    ) -> None:
        """Open an existing file or create a new one; see :meth:`Backend.open`. Nobody has the lock while this waits."""
        with self._changing_file():
            self._may_open(path, mode, swmr)
            path = path if self.capabilities.remote else path.absolute()
            self._check_path(path, mode)
            self._reset()
            self._largest_frame = self._handed = 0
            self.prepare()
            self._link.opened()
            if self._server is not None:
                self._change_file("use_server", self._server, timeout=timeout)
            limit = self.reading_seconds if mode == "r" else None
            where = path.as_posix() if self.capabilities.remote else str(path)
            self._change_file("open", where, mode, swmr, locking, self.durability.value, limit, timeout=timeout)
            self._path, self._mode, self._swmr = path, mode, False
            self._opened = True
            self._send_allowed()

    def _open(self, path: Path, mode: OpenMode, swmr: bool, locking: bool | None) -> None:
        raise NotImplementedError("the process with the file opens it")

    def close(self, timeout: float | None = None) -> None:
        """Close the file; see :meth:`Backend.close`. Nobody has the lock while this waits."""
        if not self.is_owned:
            refuse_copy()
        with self._changing_file():
            if not self._opened:
                return
            failure = self._link.failure if self._mode != "r" else None  # of a file that was only read, nothing is lost
            self._opened = False
            self._reset()
            try:
                if self._link.is_alive:
                    self._change_file("close", timeout=timeout)
                else:
                    self._link.end()
            finally:
                self._last = self._count()
                self._path, self._swmr = None, False
                if failure is not None:  # it tells more than the error of closing what could not be written
                    raise_again(failure)

    def allow(self, folders: Sequence[Path]) -> None:
        """Allow to read the values of arrays from other files in these folders."""
        super().allow(folders)
        if self._opened:
            self._send_allowed()

    def _send_allowed(self) -> None:
        if self._allowed:
            self._link.ask("allow", [str(folder.absolute()) for folder in self._allowed])

    def cannot_read(self, path: Path) -> str:
        """Return what in a file the library of the child can't read, in words."""
        if self.capabilities.copies_objects or self.capabilities.remote:
            return ""
        self.prepare()
        return str(self._link.ask("cannot_read", str(path.absolute()), self.reading_seconds))

    def _close(self) -> None:
        raise NotImplementedError("the process with the file closes it")

    def switching(self) -> AbstractContextManager[None]:
        """Close a file and open the next one in the block, as one step for other threads."""
        return self._link.lock.switching()

    @contextmanager
    def _changing_file(self) -> Iterator[None]:
        """Open or close in the block, one thread at a time."""
        with self.lock:
            while self._is_changing:
                self._changed.wait()
            self._is_changing = True
            try:
                yield
            finally:
                self._is_changing = False
                self._changed.notify_all()

    def _change_file(self, *order: Any, timeout: float | None) -> None:
        """Have the worker open or close, and wait for it without the lock, be it the caller's."""
        try:
            answer = self._link.begin(*order)
            with self._link.lock.released():
                answer.wait(timeout)
        except (NotAnsweringError, KeyboardInterrupt):
            self._link.leave()  # what comes of it comes too late: the next file is another process' business
            raise

    def _reset(self) -> None:
        self._forget("/")

    def disown(self) -> None:
        """Let go of the file in a copy of the program."""
        super().disown()
        self._link.disown()
        self.lock = self._link.lock
        self._changed = threading.Condition(self.lock)  # type: ignore[arg-type]
        self._is_changing = False

    def flush(self, timeout: float | None = None) -> None:
        """Wait until everything sent so far is in the file, and handed to the operating system."""
        self._flush("flush", timeout)

    def checkpoint(self, timeout: float | None = None) -> None:
        """Wait until everything sent so far is kept where the file is; an error says that it is not."""
        self._flush("checkpoint", timeout)

    def _flush(self, how: str, timeout: float | None) -> None:
        self._require_open(how)
        try:
            self._link.change(how, timeout=timeout)
        finally:  # what was found out on the way tells more than the error of the flush itself
            self._link.require_success()
        self._link.raise_problems()

    def flush_soon(self) -> None:
        """Have the worker flush when it has caught up. Never waits, takes no lock."""
        self._require_open("flush_soon")
        self._link.flush_soon()

    def activity(self) -> Activity:
        """Return what the worker does, and how long it has not got on. Never waits."""
        return self._link.activity()

    @primitive
    def keep_row(self, path: str, row: npt.NDArray[np.uint8] | None) -> None:
        """Have the child append a row of bytes when this program has ended; None: forget all of them."""
        self._link.post("keep_row", path, None if row is None else row.tobytes())

    def _require_open(self, what: str) -> None:
        if not self.is_owned:
            refuse_copy()
        if not self._opened:
            raise FileNotOpenError(f"{what}: no file is open; open or create one first")

    # ----------------------------------------------------------------- server
    def use_server(self, options: RemoteOptions | Mapping[str, Any]) -> None:
        """Say on which server files are opened from now on; kept in memory, and told to every child process."""
        if not self.capabilities.remote:
            super().use_server(options)
        self._server = asdict(RemoteOptions.of(options))
        if self._opened and self.is_owned and self.failure is None:
            with self.lock:
                self._link.post("use_server", self._server)  # the open file goes on with another password

    @property
    def server(self) -> RemoteOptions | None:
        """The server that was said."""
        return None if self._server is None else RemoteOptions(**self._server)

    def _elsewhere(self, operation: str, path: Path | None) -> Any:
        """Have the child, which knows the server, look there."""
        if not self._opened:
            self.prepare()
        if self._server is not None:
            self._link.ask("use_server", self._server)
        return self._link.ask(operation, None if path is None else path.as_posix())

    def _check_path(self, path: Path, mode: OpenMode) -> None:
        if not self.capabilities.remote:
            super()._check_path(path, mode)

    def exists(self, path: Path) -> bool:
        """Tell whether there is a file (or folder) at a path."""
        return bool(self._elsewhere("exists", path)) if self.capabilities.remote else super().exists(path)

    def make_folder(self, folder: Path) -> None:
        """Make a folder and those above it, where they are missing."""
        if self.capabilities.remote:
            self._elsewhere("make_folder", folder)
        else:
            super().make_folder(folder)

    def move_aside(self, path: Path) -> Path:
        """Rename a file to its first free backup name; return the new path."""
        return Path(self._elsewhere("move_aside", path)) if self.capabilities.remote else super().move_aside(path)

    def list_folder(self, folder: Path) -> list[str]:
        """Return the names of files and folders in a folder."""
        return list(self._elsewhere("list_folder", folder)) if self.capabilities.remote else super().list_folder(folder)

    def connection_in_words(self, folder: Path | None = None) -> str:
        """Try to reach the server, and say in a sentence what was found."""
        if not self.capabilities.remote:
            return super().connection_in_words(folder)
        return str(self._elsewhere("connection_in_words", folder))

    # ----------------------------------------------------------------- frames
    def has_room(self) -> bool:
        """Tell whether another frame as large as the largest so far fits into the queue now."""
        return self._link.has_room(2 * self._largest_frame + 65536)

    def wait_for_room(self) -> None:
        """Wait until another frame as large as the largest so far fits into the queue."""
        if self._opened and self.is_owned:
            self._link.wait_room(self._largest_frame + 65536)

    @primitive
    def frame_done(self, size: int) -> None:
        """Mark that a frame of `size` bytes is complete: the child counts it once all of it is written."""
        self._largest_frame = max(self._largest_frame, size)
        self._link.put(Kind.frame, [size.to_bytes(8, "little")], is_data=True)
        self._handed += 1

    def frame_refused(self) -> None:
        """Mark that the frame whose rows were sent last was given up half-way."""
        with self.lock, suppress(SavingProcessError, ForkedCopyError):
            self._link.put(Kind.spoilt, [b""])

    def queue(self) -> Queue:
        """Return what became of the frames since the file was opened; never waits."""
        return self._count() if self._opened else self._last

    def _count(self) -> Queue:
        link = self._link
        received, written = self._handed, link.counter(Counter.frames_flushed)
        dropped = link.counter(Counter.frames_refused)
        if link.is_gone:  # what the worker had not counted yet is lost with it
            dropped = received - written
        return Queue(
            received,
            written,
            min(dropped, received - written),
            link.waiting_bytes,
            link.counter(Counter.bytes_written),
            link.counter(Counter.file_size),
            link.counter(Counter.last_flush) / 1e6 or None,
            link.lock.waited,
        )
