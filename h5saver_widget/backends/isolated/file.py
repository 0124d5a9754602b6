"""The file of a backend that is in another process: opening and closing it, its server, and the queue to it.

`client` has the rest of that backend: the nodes in the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.base import primitive
from h5saver_widget.backends.isolated.link import Link
from h5saver_widget.backends.isolated.messages import Kind
from h5saver_widget.backends.isolated.ring import Counter
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.backends.terms import Capabilities, Durability, OpenMode, Queue
from h5saver_widget.backends.tree import TreeBackend
from h5saver_widget.errors import FileNotOpenError, SavingProcessError

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
        self._link = Link(hosted, queue_bytes, self.lock)
        self._opened = False
        self._largest_frame = 0
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

    def prepare(self) -> None:
        """Start the process now, without waiting for it, so that the first file opens at once."""
        self._link.start()

    @property
    def _keeps_journal(self) -> bool:
        return True

    def _mind_journal(self, path: Path, mode: OpenMode) -> None:
        """Leave it to the child, which has the file."""

    def _open(self, path: Path, mode: OpenMode, swmr: bool, locking: bool | None) -> None:
        self._reset()
        self._largest_frame, self._link.waited = 0, 0.0
        self.prepare()
        if self._server is not None:
            self._link.ask("use_server", self._server)
        where = path.as_posix() if self.capabilities.remote else str(path.absolute())
        limit = self.reading_seconds if mode == "r" else None
        self._link.ask("open", where, mode, swmr, locking, self.durability.value, limit)
        self._send_allowed()
        self._opened = True

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
        failure = self.failure if self.writable else None  # of a file that was only read, nothing is lost
        self._opened = False
        self._reset()
        try:
            if self._link.child.is_alive:
                self._link.ask("close")
            else:
                self._link.end()
        finally:  # it tells more than the error of closing what could not be written
            if failure is not None:
                raise failure

    def _reset(self) -> None:
        self._forget("/")

    def flush(self) -> None:
        """Wait until everything sent so far is in the file, and handed to the operating system."""
        self._require_open("flush")
        try:
            self._link.change("flush")
        finally:  # what was found out on the way tells more than the error of the flush itself
            self._link.require_success()

    def checkpoint(self) -> None:
        """Wait until everything sent so far is kept where the file is; an error says that it is not."""
        self._require_open("checkpoint")
        self._link.change("checkpoint")
        self._link.require_success()

    @primitive
    def flush_soon(self) -> None:
        """Have the child flush when it has caught up."""
        self._link.post("flush_soon")

    @primitive
    def keep_row(self, path: str, row: npt.NDArray[np.uint8] | None) -> None:
        """Have the child append a row of bytes when this program has ended; None: forget all of them."""
        self._link.post("keep_row", path, None if row is None else row.tobytes())

    def _require_open(self, what: str) -> None:
        if not self._opened:
            raise FileNotOpenError(f"{what}: no file is open; open or create one first")

    # ----------------------------------------------------------------- server
    def use_server(self, options: RemoteOptions | Mapping[str, Any]) -> None:
        """Say on which server files are opened from now on; kept in memory, and told to every child process."""
        if not self.capabilities.remote:
            super().use_server(options)
        self._server = asdict(RemoteOptions.of(options))

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
        ring = self._link.ring
        return ring is None or ring.capacity - ring.used > min(ring.capacity // 2, 2 * self._largest_frame + 65536)

    @primitive
    def frame_done(self, size: int) -> None:
        """Mark that a frame of `size` bytes is complete: the child counts it once all of it is written."""
        self._largest_frame = max(self._largest_frame, size)
        self._link.put(Kind.frame, [size.to_bytes(8, "little")])

    def queue(self) -> Queue | None:
        """Return what waits to be written, and what was; None before the first file."""
        ring = self._link.ring
        if ring is None:
            return None
        return Queue(
            ring.used,
            ring[Counter.frames_written],
            ring[Counter.frames_flushed],
            ring[Counter.bytes_written],
            ring[Counter.file_size],
            ring[Counter.last_flush] / 1e6 or None,
            self._link.waited,
        )
