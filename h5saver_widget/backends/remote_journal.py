"""What a server has been sent since it last wrote everything to its storage, so that nothing is lost with its memory.

Rows are kept with absolute offsets and sent in batches: for every array one resize and one slice. Then the server is
asked to write everything to its storage, and after that it is told the counts, for all arrays in one request. A reader
takes as many rows as the count says: an array's values, its length and its count lie on different nodes, and each of
them may be killed alone. What nodes may have forgotten that were started again (:mod:`~.remote_nodes`) is sent again.
Every request means the same when it comes twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from typing import Any

from h5saver_widget.backends.h5pyd_client import Client
from h5saver_widget.backends.remote_blocks import Block, pieces
from h5saver_widget.backends.remote_changes import Changes
from h5saver_widget.backends.remote_nodes import Nodes
from h5saver_widget.backends.remote_rest import Rest
from h5saver_widget.backends.remote_rows import COUNT, SHORT_PATIENCE, ArrayRows, count_json
from h5saver_widget.backends.remote_spool import keep_folder
from h5saver_widget.backends.remote_waiting import Waiting
from h5saver_widget.backends.remote_writer import WriterMark
from h5saver_widget.errors import RemoteError, RemoteRefusedError

__all__ = ["Delivery", "Journal"]

_COUNTS_PER_REQUEST = 2000
_THREADS = 4
_RETRY_SECONDS = 0.1
_LONGEST_PAUSE = 5.0
_GONE = (404, 410)
_LOG = logging.getLogger("h5saver_widget.remote")


@dataclass(frozen=True)
class Delivery:
    """How far a server is with what was accepted.

    Attributes
    ----------
    in_memory, on_disk
        Bytes that the server does not have safely yet, in memory and on the local disk.
    problem
        Why nothing can be sent now, ``''`` if all is well.
    replays
        How often nodes of the server were started again, and were sent what they had forgotten.
    """

    in_memory: int = 0
    on_disk: int = 0
    problem: str = ""
    replays: int = 0


class Journal:
    """Sends to one domain, and remembers what the server may still forget.

    Parameters
    ----------
    client
        The connection.
    root_id
        The server's name of the root group.
    mark
        The lease: renewed before anything is sent, given back in the end.
    nodes
        The nodes, remembered before anything was changed.
    """

    def __init__(self, client: Client, root_id: str, mark: WriterMark, nodes: Nodes) -> None:
        self._client, self._root_id, self._mark, self._nodes = client, root_id, mark, nodes
        self._wire = threading.RLock()  # one batch at a time, in order
        self._waiting = Waiting()
        self.rows_of = self._waiting.rows_of
        self._changes = Changes(client)
        self._due: dict[str, int] = {}  # counts of rows that are safe, to be told
        self._told: dict[str, int] = {}  # and those that a node may still forget
        self._suspect = self._again = False
        self._replays = self._parts = 0
        self._end = inf  # instant when closing is given up
        self._fatal: BaseException | None = None
        self._problem = ""
        self._away_since: float | None = None
        self._last_checkpoint = time.monotonic()
        self._wake, self._ended = threading.Event(), threading.Event()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="h5saver-remote")
        self._thread = threading.Thread(target=self._run, name="h5saver-remote", daemon=True)
        self._thread.start()

    # ------------------------------------------------------------- accepting
    @property
    def delivery(self) -> Delivery:
        """How far the server is; never waits."""
        problem = str(self._fatal) if self._fatal is not None else self._problem
        return Delivery(self._waiting.in_memory, self._waiting.bytes_on_disk, problem, self._replays)

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

    def _check(self) -> None:
        if self._fatal is not None:
            raise self._fatal

    def _make_room(self, size: int) -> None:
        """Put what waits on the local disk; without one, wait for the server."""
        options = self._client.options
        try:
            if options.keep:
                folder = keep_folder(options.keep_folder)
                if self._waiting.spill(folder):
                    _LOG.warning("what waits for %s is put on the local disk, in %s", self._client.domain, folder)
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

    # --------------------------------------------------------------- sending
    @contextmanager
    def _on_the_wire(self) -> Iterator[None]:
        """Be the only one who sends, to a server that is known to remember what it was told."""
        left = self._client.until - time.monotonic()
        wait = -1 if left == inf else max(left, self._client.options.connect_seconds)
        if not self._wire.acquire(timeout=wait):
            raise RemoteError(f"no answer from {self._client.options.endpoint} to what was sent before")
        try:
            self._check()
            self._live()
            self._recover()
            yield
        except RemoteError:
            self._suspect = True
            raise
        finally:
            self._wire.release()

    def _live(self) -> None:
        """Renew the lease."""
        try:
            self._mark.keep_alive()
        except RemoteRefusedError as error:
            self._fatal = self._never(error)
            raise self._fatal from error

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
                answer = self._changes.send(method, path, body, params, patience=SHORT_PATIENCE)
            except RemoteRefusedError as error:
                if error.status not in _GONE or not self._changes:
                    raise
                self._suspect = self._again = True  # a node may have forgotten the group
                self._recover()
                answer = self._changes.send(method, path, body, params, patience=SHORT_PATIENCE)
            if method != "GET":
                self._changes.append((method, path, body, params))
            return answer

    def look(self, path: str, **params: Any) -> Any:
        """Return a description, in order to change what it describes: waits as `execute` does."""
        try:
            found = self._client.ask("GET", path, missing=True, patience=SHORT_PATIENCE, **params)
        except RemoteError:
            found = None
        return self.execute("GET", path, **params) if found is None else found

    def deliver(self, only: ArrayRows | None = None) -> None:
        """Send what waits: sizes, then values.

        Raises
        ------
        RemoteError
            If the server can't take it now; everything is kept and sent later.
        RemoteRefusedError
            If the server refuses; nothing can be written any more.
        """
        with self._on_the_wire():
            self._deliver(only)

    def _deliver(self, only: ArrayRows | None = None, again: bool = False) -> None:
        batch = self._waiting.take(only)
        if not batch:
            return
        try:
            list(self._pool.map(self._resize, [(rows, shape) for rows, shape in batch if rows.grows]))
            list(self._pool.map(self._write, [rows for rows, _ in batch]))
        except BaseException as error:
            self._waiting.put_back(batch)
            self._suspect = True
            if isinstance(error, RemoteRefusedError):
                if again:
                    self._fatal = self._never(error)
                    raise self._fatal from error
                # a node that was started again has forgotten the array, or how long it is
                self._again = True
                raise RemoteError(f"what was sent since the last checkpoint is sent again: {error}") from error
            raise
        self._waiting.was_sent(batch)

    def _resize(self, entry: tuple[ArrayRows, tuple[int, ...]]) -> None:
        """Make room for rows."""
        rows, shape = entry
        if not rows.make_room(self._client, shape[0]):
            self._must_be_deleted(rows)

    def _write(self, rows: ArrayRows) -> None:
        """Send blocks of one array in order: a later one may overwrite part of an earlier one."""
        for block in rows.sending:
            self._put(rows, block)

    def _put(self, rows: ArrayRows, block: Block) -> None:
        for part in pieces(block, self._client.largest):
            if time.monotonic() > self._end:
                raise RemoteError("closing took too long")
            self._live()
            content = part.content()
            try:
                if self._send("PUT", f"{rows.address}/value", content, **part.params) is None:
                    self._must_be_deleted(rows)
                self._parts += 1
            except (RemoteError, RemoteRefusedError) as error:
                whole = len(part.held) == 1 if isinstance(part.held, list) else part.values.size == 1
                if whole or not self._client.may_be_smaller(error, len(content)):
                    raise
                self._put(rows, part)

    def _must_be_deleted(self, rows: ArrayRows) -> None:
        """Raise unless it was us who deleted an array that is not there.

        A server that was killed while it wrote the description of one has lost it.
        """
        if not rows.deleted:
            raise RemoteRefusedError(
                f"{self._client.options.endpoint} has lost {rows.path} of {self._client.domain}: "
                "was it killed while it wrote to its disk, or the array deleted by another program? Record to a new "
                "file",
                410,
            )

    def deleted(self, path: str) -> None:
        """Take note that what is at a path, and below it, is not there any more."""
        for array_id in self._waiting.deleted(path):
            self._due.pop(array_id, None)
            self._told.pop(array_id, None)

    def _send(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        return self._client.ask(method, path, body, missing=True, patience=SHORT_PATIENCE, **params)

    def _recover(self) -> None:
        """After the server was away: look whether it is the same, and if not, send what it may have forgotten."""
        if not self._suspect:
            return
        same = self._nodes.flushed()
        if not same or self._again:
            self._again = True
            if not same:
                self._nodes.remember()  # before the replay: a node may be started again during it
            _LOG.info("everything since the last checkpoint is sent again")
            self._changes.replay()
            self._waiting.send_again()
            self._due = {**self._told, **self._due}
            self._told = {}
            self._deliver(again=True)
            self._again = False
            self._replays += 1
        self._suspect = False

    # ----------------------------------------------------------- checkpoints
    def checkpoint(self) -> None:
        """Have the server write everything to its storage, and the counts too; errors as deliver."""
        self.publish()
        if self._told:
            self.publish()

    def publish(self) -> None:
        """Have the server write everything to its storage, forget what is safe there, and tell readers the counts.

        Nothing is sent meanwhile: HSDS takes an object that is changed during a flush for one that was written.
        """
        with self._on_the_wire():
            self._waiting.flushing = True
            try:
                if not self._nodes.flushed():
                    self._suspect = self._again = True
                    self._recover()
                    if not self._nodes.flushed():
                        self._again = True
                        raise RemoteError(f"{self._client.options.endpoint} was started again, and is sent all again")
                self._changes.forget(len(self._changes))
                self._told = {}
                self._due |= self._waiting.forget_sent()
            finally:
                self._waiting.flushing = False
            self._tell_counts()
            self._last_checkpoint = time.monotonic()

    def _tell_counts(self) -> None:
        due = list(self._due.items())
        for at in range(0, len(due), _COUNTS_PER_REQUEST):
            counts = {
                array_id: {"attributes": {COUNT: count_json(count)}}
                for array_id, count in due[at : at + _COUNTS_PER_REQUEST]
            }
            self._send("PUT", f"/groups/{self._root_id}/attributes", {"obj_ids": counts}, replace=1)
        for array_id, count in due:
            if self._due.pop(array_id, None) is not None:  # not deleted meanwhile
                self._told[array_id] = count

    @property
    def _is_safe(self) -> bool:
        """Whether the server has everything on its storage."""
        return not (self._waiting or self._changes or self._due or self._told)

    # ---------------------------------------------------------------- thread
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
            except Exception as error:  # whoever writes next is told
                self._fatal = self._fatal or self._never(error)
                self._tell(self._fatal)
                return

    def _never(self, error: BaseException) -> BaseException:
        """Say what became of what was accepted, now that it can't be sent."""
        if not isinstance(error, RemoteRefusedError):
            return error
        waits = self._waiting.in_memory + self._waiting.bytes_on_disk
        kept = (
            "is kept here, and put on the local disk when the file is closed" if self._client.options.keep else "waits"
        )
        return RemoteRefusedError(
            f"{error}. No more is accepted; what is not on the server ({waits} bytes) {kept}", error.status
        )

    def _tell(self, error: BaseException | None) -> None:
        self._problem = "" if error is None else str(error)
        if error is not None and self._away_since is None:
            self._away_since = time.monotonic()
            _LOG.warning("values are kept and sent when the server takes them: %s", error)
        elif error is None and self._away_since is not None:
            _LOG.warning("the server is back after %.0f s; nothing was lost", time.monotonic() - self._away_since)
            self._away_since = None

    def flush(self) -> None:
        """Have readers find what was accepted. While the server is away it goes on waiting, and nothing is raised."""
        if self._away_since is not None and self._fatal is None:
            return  # the thread keeps trying
        try:
            self.deliver()
            self.publish()
            self._tell(None)
        except RemoteError as error:
            self._tell(error)

    # --------------------------------------------------------------- closing
    def load(self, rest: Rest) -> None:
        """Take over what was left when the file was closed."""
        for change in rest.changes:
            self._changes.append(change)
        for array_id, grows, path, shape, blocks in rest.arrays:
            rows = self.rows_of(array_id, (0,) if grows else (), grows)
            rows.path = path
            rows.delivered = rows.safe = 0
            for block in blocks:
                self.accept(rows, block, shape)
        self._due.update(rest.counts)
        self._suspect = self._again = True

    def close(self) -> None:
        """Send everything, have it written to the server's storage, give the lease back, and stop.

        It goes on while the server takes something: at most ``patience_seconds`` without, ``change_seconds`` in all.

        Raises
        ------
        RemoteError, RemoteRefusedError
            If that is not possible, with how much is not safe, and where it is kept.
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
                "%s is complete; its server could not be told that nobody writes it: %s", self._client.domain, error
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
        """Put what is not safe on the local disk, and say so."""
        options = self._client.options
        left = self._waiting.left()
        rest = Rest(
            changes=self._changes.all(),
            arrays=[(rows.array_id, rows.grows, rows.path, rows.shape, rows.unsafe) for rows in left],
            counts={**self._told, **self._due},
        )
        size = self._waiting.in_memory + self._waiting.bytes_on_disk
        said = f"{size} bytes of {len(left)} arrays were accepted and are not safe on the server: {error}"
        if options.keep:
            head = {"endpoint": options.endpoint, "username": options.username, "domain": self._client.domain}
            try:
                place = rest.write(
                    keep_folder(options.keep_folder), {**head, "root": self._root_id, "lease": self._mark.word}
                )
                said += f". They are kept in {place}; 'h5saver push --unfinished' or the next mirror sends them"
            except OSError as full:
                said += f". They are lost: the local disk does not take them ({full})"
        kind = RemoteRefusedError if isinstance(error, RemoteRefusedError) else RemoteError
        return kind(said, error.status)

    def end(self) -> None:
        """Stop the thread, without waiting for a server that does not answer."""
        self._ended.set()
        self._wake.set()
        self._client.hurry(0.0)
        if threading.current_thread() is not self._thread:
            self._thread.join(1.0)
        self._pool.shutdown(wait=False, cancel_futures=True)
