"""The parts of a backend whose file is in a worker: its frame queue, the server it knows, its answers about nodes."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.frame_queue import FrameQueue
from h5saver_widget.backends.inspecting import Inspection
from h5saver_widget.backends.isolated.connection import WorkerConnection
from h5saver_widget.backends.isolated.messages import Kind
from h5saver_widget.backends.isolated.ring import Counter, Doing
from h5saver_widget.backends.location import Location
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.backends.terms import Activity, Details, Handle, OpenMode, Queue
from h5saver_widget.errors import FileNotOpenError, ForkedCopyError, SavingProcessError

if TYPE_CHECKING:
    from h5saver_widget.backends.isolated.client import IsolatedBackend

__all__ = ["ObjectCopiesOfWorker", "QuestionsToWorker", "ServerOfWorker", "WorkerQueue"]


class WorkerQueue(FrameQueue):
    """Frames on their way to a worker."""

    is_isolated = True

    def __init__(self, connection: WorkerConnection) -> None:
        self._connection = connection
        #: Whether the worker has a file open, or is about to close it.
        self.is_open = self.is_closing = False
        self._largest_frame = self._handed = 0
        #: Counts of the last file that was closed.
        self._last = Queue(0, 0, 0)

    def begin(self) -> None:
        """Count from now on: another file is being opened."""
        self._largest_frame = self._handed = 0
        self._connection.opened()

    def end(self) -> None:
        """Keep the counts of a file that was closed; of a worker that has ended, before its counters go with it."""
        if self.is_closing:
            self._last = self._count()
            self.is_closing = False

    @property
    def failure(self) -> SavingProcessError | None:
        return self._connection.failure if self.is_open else None

    @property
    def loses_arrays(self) -> bool:
        return bool(self._connection.broken)

    def take_problems(self) -> list[str]:
        return self._connection.take_problems()

    def activity(self) -> Activity:
        transport, trouble = self._connection.running, self._connection.trouble
        if transport is None or not transport.is_alive:
            return Activity(problem=trouble)
        ring, waiting = transport.ring, transport.waiting_bytes
        doing = Doing(ring[Counter.doing])
        late = monotonic() - ring[Counter.beat] / 1e6  # it beats once a second when there is nothing to do
        seconds = max(0.0, late) if doing or waiting else 0.0
        server = ring[Counter.unsafe_bytes], ring[Counter.spilled_bytes], ring[Counter.replays]
        return Activity(doing.name if doing else "", seconds, waiting, trouble, *server)

    def has_room(self) -> bool:
        """Tell whether another frame as large as the largest so far fits into the ring now."""
        transport = self._connection.running
        return transport is None or transport.has_room(2 * self._largest_frame + 65536)

    def wait_for_room(self) -> None:
        """Wait until another frame as large as the largest so far fits into the ring."""
        transport, lock = self._connection.running, self._connection.lock
        # not for a thread with the lock: others would wait for that, too
        if self.is_open and not self._connection.is_copy and transport is not None and not lock._is_owned():
            lock.waited += transport.wait_room(self._largest_frame + 65536)

    def frame_done(self, size: int) -> None:
        """Mark that a frame of `size` bytes is complete: the worker counts it once all of it is written."""
        with self._connection.lock:
            self._require_open("frame_done")
            self._largest_frame = max(self._largest_frame, size)
            self._connection.put(Kind.frame, [b""], is_data=True)
            self._handed += 1

    def frame_refused(self) -> None:
        """Mark that the frame whose rows were sent last was given up half-way."""
        with self._connection.lock, suppress(SavingProcessError, ForkedCopyError):
            self._connection.put(Kind.spoilt, [b""])

    def keep_row(self, path: str, row: npt.NDArray[np.uint8] | None) -> None:
        """Have the worker append a row of bytes when this program has ended; None: forget all of them."""
        with self._connection.lock:
            self._require_open("keep_row")
            self._connection.post("keep_row", path, None if row is None else row.tobytes())

    def _require_open(self, call: str) -> None:
        if not self.is_open:
            raise FileNotOpenError(f"{call}: no file is open; open or create one first")

    def counts(self) -> Queue:
        return self._count() if self.is_open or self.is_closing else self._last

    def _count(self) -> Queue:
        received, transport, waited = self._handed, self._connection.running, self._connection.lock.waited
        if transport is None:
            return Queue(received, 0, 0, waited_seconds=waited)
        ring = transport.ring
        written, dropped = ring[Counter.frames_flushed], ring[Counter.frames_refused]
        if transport.end is not None:  # frames that the worker had not counted yet are lost with it
            dropped = received - written
        sizes = transport.waiting_bytes, ring[Counter.bytes_written], ring[Counter.file_size]
        return Queue(
            received, written, min(dropped, received - written), *sizes, ring[Counter.last_flush] / 1e6 or None, waited
        )


class ServerOfWorker(Location):
    """The server that the library of a worker knows. The choice is kept here, and told to every worker process."""

    def __init__(self, connection: WorkerConnection, queue: WorkerQueue) -> None:
        self._connection, self._queue = connection, queue

    def absolute(self, path: Path) -> Path:
        return path

    def check(self, path: Path, mode: OpenMode) -> None:
        """Refuse nothing: the worker does."""

    def use_server(self, options: RemoteOptions | Mapping[str, Any]) -> None:
        self.server = RemoteOptions.of(options)
        if self._queue.is_open and not self._connection.is_copy and self._queue.failure is None:
            with self._connection.lock:
                self._connection.post("use_server", asdict(self.server))  # the open file gets another password

    def _ask(self, operation: str, path: Path | None) -> Any:
        if not self._queue.is_open:
            self._connection.start()
        if self.server is not None:
            self._connection.ask("use_server", asdict(self.server))
        return self._connection.ask(operation, None if path is None else path.as_posix())

    def exists(self, path: Path) -> bool:
        return bool(self._ask("exists", path))

    def make_folder(self, folder: Path) -> None:
        self._ask("make_folder", folder)

    def move_aside(self, path: Path) -> Path:
        return Path(self._ask("move_aside", path))

    def list_folder(self, folder: Path) -> list[str]:
        return list(self._ask("list_folder", folder))

    def connection_in_words(self, folder: Path | None = None) -> str:
        return str(self._ask("connection_in_words", folder))


class QuestionsToWorker(Inspection):
    """The answers of the library in a worker."""

    _backend: IsolatedBackend

    def link_target(self, node: Handle) -> tuple[str, str]:
        file, path = self._backend.ask_worker(node, "link_target")
        return file, path

    def members(self, group: Handle) -> list[str]:
        return list(self._backend.ask_worker(group, "members"))

    def details(self, node: Handle) -> Details:
        return Details(*self._backend.ask_worker(node, "details"))

    def cannot_read(self, path: Path) -> str:
        backend = self._backend
        if backend.capabilities.copies_objects or backend.capabilities.remote:
            return ""
        return backend.cannot_read(path)


class ObjectCopiesOfWorker:
    """A file that the worker copies nodes into, see :class:`~h5saver_widget.backends.terms.ObjectCopies`."""

    def __init__(self, connection: WorkerConnection, path: Path) -> None:
        self._connection = connection
        connection.ask("begin_copies", str(path.absolute()))

    def copy(self, path: str, start: int = 0) -> int | None:
        """Copy the node at a path to the same path; return the `start` of the next call, None when it is complete."""
        found: int | None = self._connection.ask("copy_object", path, start)
        return found

    def close(self) -> list[str]:
        """Complete the file; return sentences on nodes that could not be copied."""
        return list(self._connection.ask("end_copies"))
