"""The queue of accepted changes for a file on a server: a thread sends them, and no other thread waits.

Rows are kept with absolute offsets until they are safe on the server's storage (:mod:`~.remote_courier`): while it is
away, busy or full they wait in memory, then on the local disk. Rows that are not safe when the file is closed are kept
there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from h5saver_widget.backends.h5pyd_client import Client
from h5saver_widget.backends.remote_blocks import Block
from h5saver_widget.backends.remote_courier import Courier
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.backends.remote_rest import Rest, keep_folder
from h5saver_widget.backends.remote_waiting import SHORT_PATIENCE, ArrayRows
from h5saver_widget.backends.remote_watch import Nodes, WriterMark
from h5saver_widget.backends.terms import Activity
from h5saver_widget.errors import FileOpenError, RemoteError, RemoteRefusedError

__all__ = ["SendQueue", "send_rest"]

_RETRY_SECONDS = 0.1
_LONGEST_PAUSE = 5.0
_GONE = (404, 410)
_LOG = logging.getLogger("h5saver_widget.remote")


class SendQueue(Courier):
    """Queues changes and has them sent; parameters as :class:`.Courier`."""

    def __init__(self, client: Client, mark: WriterMark, nodes: Nodes) -> None:
        super().__init__(client, mark, nodes)
        self.rows_of = self._waiting.rows_of
        self._problem = ""
        self._away_since: float | None = None
        self._wake, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="h5saver-remote", daemon=True)
        self._thread.start()

    def activity(self) -> Activity:
        """Return the state of accepted data on the server; never waits."""
        problem = str(self._fatal) if self._fatal is not None else self._problem
        memory, disk = self._waiting.in_memory + self._untold, self._waiting.bytes_on_disk
        return Activity(problem=problem, unsafe_bytes=memory, spilled_bytes=disk, replays=self._replays)

    def accept(self, rows: ArrayRows, block: Block, shape: tuple[int, ...]) -> None:
        """Take values over; RemoteError if neither the memory nor the local disk has room for them."""
        options = self._client.options
        self._check()
        if self._waiting.in_memory + block.nbytes > options.queue_bytes:
            self._make_room(block.nbytes)
        if self._waiting.add(rows, block, shape) >= options.flush_bytes:
            self._wake.set()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Send nothing until everything was accepted."""
        with self._wire:
            yield

    def _make_room(self, size: int) -> None:
        """Move waiting changes to the local disk; without one, wait for the server."""
        options = self._client.options
        try:
            if options.keep:
                folder = keep_folder(options.keep_folder)
                if self._waiting.spill(folder):
                    _LOG.warning("data for %s wait on the local disk, in %s", self._client.domain, folder)
                return
            reason = "the option keep does not allow the local disk"
        except OSError as error:
            reason = f"the local disk takes nothing either: {error}"
        try:
            self.deliver()
            self.checkpoint()
        except (RemoteError, RemoteRefusedError) as error:
            waits = self._waiting.in_memory >> 20
            raise RemoteError(
                f"{waits} MB wait for a server that can't take them, no more fit into memory (option queue_bytes), and "
                f"{reason}; the new values were refused: {error}"
            ) from error
        if size > options.queue_bytes:
            raise RemoteError(f"{size} bytes at once are more than the option queue_bytes allows; send smaller parts")

    def execute(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """Change something, and remember it; it must mean the same when it is sent twice.

        While the server is away this waits, at most ``change_seconds``; rows are accepted meanwhile.
        """
        deadline = time.monotonic() + self._client.options.change_seconds
        while True:
            try:
                return self._execute(method, path, body, params)
            except RemoteError as error:
                self._tell(error)
                if time.monotonic() > deadline:
                    raise RemoteError(
                        f"{self._client.domain} can't be changed, its server is away for too long (option "
                        "change_seconds). Rows that were accepted are kept until the file is closed. A recording to "
                        f"the local disk with a mirror on the server goes on without it. {error}"
                    ) from error
                pause = max(_RETRY_SECONDS, error.retry_after)
            self._ended.wait(pause)  # without the wire: the thread may be the first who finds the server back

    def _execute(self, method: str, path: str, body: Any, params: dict[str, Any]) -> Any:
        with self._on_the_wire():
            try:
                answer = self._send_change(method, path, body, params, patience=SHORT_PATIENCE)
            except RemoteRefusedError as error:
                if error.status not in _GONE or not self._changes:
                    raise
                self._suspect = self._again = True  # a node may have forgotten the group
                self._recover()
                answer = self._send_change(method, path, body, params, patience=SHORT_PATIENCE)
            if method != "GET":
                self._changes.append((method, path, body, params))
            return answer

    def look(self, path: str, **params: Any) -> Any:
        """Return a description, in order to change the object: waits as `execute` does."""
        try:
            found = self._client.ask("GET", path, missing=True, patience=SHORT_PATIENCE, **params)
        except RemoteError:
            found = None
        return self.execute("GET", path, **params) if found is None else found

    def _run(self) -> None:
        options = self._client.options
        pause = 0.0
        while not self._ended.is_set():
            if pause:
                self._ended.wait(pause)
            else:
                self._wake.wait(options.flush_seconds)
            self._wake.clear()
            if self._ended.is_set():
                return
            try:
                self.deliver()
                if not self._is_safe and time.monotonic() - self._last_checkpoint >= options.checkpoint_seconds:
                    self.publish()
                self._tell(None)
                pause = 0.0
            except RemoteError as error:
                self._tell(error)
                pause = max(min(2 * pause or options.flush_seconds, _LONGEST_PAUSE), error.retry_after)
            except Exception as error:  # the next write raises it
                self._fatal = self._fatal or self._never(error)
                self._tell(self._fatal)
                return

    def _tell(self, error: BaseException | None) -> None:
        self._problem = "" if error is None else str(error)
        if error is not None and self._away_since is None:
            self._away_since = time.monotonic()
            _LOG.warning("values are kept and sent when the server takes them: %s", error)
        elif error is None and self._away_since is not None:
            _LOG.warning("the server is back after %.0f s; nothing was lost", time.monotonic() - self._away_since)
            self._away_since = None

    def flush(self) -> None:
        """Make accepted data visible to readers. While the server is away they go on waiting, and nothing is raised."""
        if self._away_since is not None and self._fatal is None:
            return  # the thread keeps trying
        try:
            self.deliver()
            self.publish()
            self._tell(None)
        except RemoteError as error:
            self._tell(error)

    def load(self, rest: Rest) -> None:
        """Take over the unsent changes of a closed file."""
        with self.together():
            self._changes += rest.changes
            for array_id, grows, path, shape, blocks in rest.arrays:
                rows = self.rows_of(array_id, (0,) if grows else (), grows)
                rows.path = path
                for block in blocks:
                    self.accept(rows, block, shape)
            self._due.update(rest.counts)
            self._suspect = self._again = True

    def close(self) -> None:
        """Send everything, have it written to the server's storage, give the lease back, and stop.

        It continues while the server accepts data: at most ``patience_seconds`` without, ``change_seconds`` in all.
        RemoteError or RemoteRefusedError if that is not possible, with how much is not safe, and where it is kept.
        """
        self._end = time.monotonic() + self._client.options.change_seconds
        try:
            for step in (self.deliver, self._fit, self.publish, self._mark.remove, self.publish):
                self._insist(step)
        except (RemoteError, RemoteRefusedError) as error:
            if not self._is_safe:
                raise self._left(error) from error
            if self._fatal is not None:
                raise
            _LOG.warning(
                "%s is complete; the server could not be informed that it is closed: %s", self._client.domain, error
            )
        finally:
            self.end()

    def _fit(self) -> None:
        """Give back room that no row needed; there is some only after requests that were carried out twice."""
        for rows in self._waiting.growing():
            rows.give_back(self._client)

    def _insist(self, step: Callable[[], None]) -> None:
        patience = self._client.options.patience_seconds
        parts, deadline = self._parts, time.monotonic() + patience
        while True:
            self._client.hurry(min(self._end, deadline) - time.monotonic())
            try:
                step()
                return
            except RemoteError as error:
                if self._parts > parts:
                    parts, deadline = self._parts, time.monotonic() + patience
                pause = max(_RETRY_SECONDS, error.retry_after)
                if time.monotonic() + pause > min(self._end, deadline):
                    raise
                time.sleep(pause)

    def _left(self, error: RemoteError | RemoteRefusedError) -> Exception:
        """Move unsafe changes to the local disk, and report that."""
        options = self._client.options
        left = self._waiting.left()
        head = {"endpoint": options.endpoint, "username": options.username, "domain": self._client.domain}
        rest = Rest(
            changes=self._changes,
            arrays=[(rows.array_id, rows.grows, rows.path, rows.shape, rows.unsafe) for rows in left],
            counts={**self._told, **self._due},
            head={**head, "root": self._client.root_id, "lease": self._mark.word},
        )
        size, kept = self._waiting.in_memory + self._waiting.bytes_on_disk, False
        said = f"{size} bytes of {len(left)} arrays were accepted and are not safe on the server: {error}"
        if options.keep:
            try:
                place, kept = rest.write(keep_folder(options.keep_folder)), True
                said += f". They are kept in {place}; 'h5saver push {place}' sends them"
            except OSError as full:
                said += f". They are lost: the local disk does not take them ({full})"
        kind = RemoteRefusedError if isinstance(error, RemoteRefusedError) else RemoteError
        return kind(said, error.status, kept=kept)

    def end(self) -> None:
        """Stop the thread, without waiting for a server that does not answer."""
        self._ended.set()
        self._wake.set()
        self._client.hurry(0.0)
        if threading.current_thread() is not self._thread:
            self._thread.join(1.0)
        self._pool.shutdown(wait=False, cancel_futures=True)


def send_rest(path: Path, options: RemoteOptions) -> Path:
    """Send the changes in a file that was left when one on a server was closed, and delete it; return the path there.

    CodecError if it is no such file; FileOpenError if there is another file of that name on the server, or somebody has
    written it since; RemoteError or RemoteRefusedError if the server can't take it now, or refuses: the file stays.
    """
    rest = Rest.read(path)
    domain = Path(PurePosixPath(rest.head["domain"]))
    # none of it may be sent before all of it was read: counts are published for whole batches
    client = Client(domain.as_posix(), replace(options, keep=False, queue_bytes=1 << 62))
    client.root_id = rest.head["root"]
    mark, nodes, journal = WriterMark(client), Nodes(client), None
    try:
        status, answer = client.probe()
        if status >= 300 or answer.get("root") != client.root_id:
            raise FileOpenError(
                f"{domain} on {client.options.endpoint} is not the file that {path.name} belongs to, or is gone: "
                "nothing was changed there"
            )
        nodes.remember()
        mark.take_over(rest.head["lease"])
        journal = SendQueue(client, mark, nodes)
        journal.load(rest)
        journal.close()
        path.unlink()
        return domain
    finally:
        if journal is not None:
            journal.end()
        mark.let_go()
        client.close()
