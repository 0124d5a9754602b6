"""What a server has been sent since it last wrote everything to its storage, so that nothing is lost with its memory.

Rows are kept with absolute offsets and sent in batches: for every array one resize and one slice, then, for all arrays
in one request, the counts. A reader takes as many rows as the count says and never sees a torn tail. A server that was
away, or was killed and started again, gets everything since the last checkpoint a second time: every request means the
same when it comes twice.
"""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from h5saver_widget.backends.h5pyd_client import Client
from h5saver_widget.backends.remote_blocks import Block, merged, pieces
from h5saver_widget.backends.remote_changes import Changes
from h5saver_widget.backends.remote_rows import COUNT, SHORT_PATIENCE, ArrayRows, count_json
from h5saver_widget.errors import RemoteError, RemoteRefusedError

__all__ = ["Journal"]

_COUNTS_PER_REQUEST = 2000
_THREADS = 6
_RETRY_SECONDS = 0.1
_GONE = (404, 410)
_LOG = logging.getLogger("h5saver_widget.remote")


class Journal:
    """Sends to one domain, and remembers what the server may still forget.

    Parameters
    ----------
    client
        The connection.
    root_id
        The server's name of the root group.
    keep_alive
        Called at every checkpoint; raises if the file is not ours any more.
    """

    def __init__(self, client: Client, root_id: str, keep_alive: Callable[[], None]) -> None:
        self._client, self._root_id, self._keep_alive = client, root_id, keep_alive
        self._wire = threading.RLock()  # one batch at a time, in order
        self._guard = threading.Lock()  # the lists: never held while waiting for the server
        self._arrays: dict[str, ArrayRows] = {}  # those of which something is on its way
        self._known: weakref.WeakValueDictionary[str, ArrayRows] = weakref.WeakValueDictionary()
        self._changes = Changes(client)
        self._suspect, self._replays = False, 0
        self._fatal: BaseException | None = None
        self._nodes: list[str] | None = None
        self._away_since: float | None = None
        self._waiting_bytes = self._sent_bytes = 0
        self._last_checkpoint = time.monotonic()
        self._wake, self._ended = threading.Event(), threading.Event()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="h5saver-remote")
        self._thread = threading.Thread(target=self._run, name="h5saver-remote", daemon=True)
        self._thread.start()

    # ------------------------------------------------------------- accepting
    @property
    def waiting_bytes(self) -> int:
        """How much was accepted and not sent yet."""
        return self._waiting_bytes

    def rows_of(self, array_id: str, shape: tuple[int, ...], grows: bool, room: int | None = None) -> ArrayRows:
        """Return what is on its way of an array, the same for all its handles; `shape` and `room` are the server's."""
        with self._guard:
            found = self._known.get(array_id)
            if found is None:
                found = self._known[array_id] = ArrayRows(array_id, shape, grows, room)
            return found

    def accept(self, rows: ArrayRows, block: Block, shape: tuple[int, ...]) -> None:
        """Take values over; RemoteError if they can't be kept because the server has been away for too long."""
        options = self._client.options
        if self._fatal is not None:
            raise self._fatal
        size = block.nbytes
        if self._waiting_bytes + self._sent_bytes + size > options.queue_bytes:
            self._make_room(size)
        with self._guard:
            rows.shape = shape
            rows.waiting.append(block)
            if not rows.held:
                rows.held, self._arrays[rows.array_id] = True, rows
            self._waiting_bytes += size
            full = self._waiting_bytes >= options.flush_bytes
        if full:
            self._wake.set()

    def _make_room(self, size: int) -> None:
        try:
            self.deliver()
            self.checkpoint()
        except (RemoteError, RemoteRefusedError) as error:
            waits = (self._waiting_bytes + self._sent_bytes) >> 20
            raise RemoteError(
                f"{waits} MB wait for a server that can't take them, no more fit into memory "
                f"(option queue_bytes); the new values were refused: {error}"
            ) from error
        if size > self._client.options.queue_bytes:
            raise RemoteError(f"{size} bytes at once are more than the option queue_bytes allows; send smaller parts")

    # --------------------------------------------------------------- sending
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
            self._ended.wait(_RETRY_SECONDS)  # without the wire: the thread may be the first who finds the server back

    def _execute(self, method: str, path: str, body: Any, params: dict[str, Any]) -> Any:
        with self._wire:
            if self._fatal is not None:
                raise self._fatal
            self._replay_if_suspect()
            try:
                answer = self._client.ask(method, path, body, patience=SHORT_PATIENCE, **params)
            except RemoteError:
                self._suspect = True
                raise
            except RemoteRefusedError as error:
                if error.status not in _GONE or not self._changes:
                    raise
                self._suspect = True  # started again before anybody noticed, it may have forgotten the group
                self._replay_if_suspect()
                answer = self._client.ask(method, path, body, patience=SHORT_PATIENCE, **params)
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
        """Send what waits: sizes, values, then counts.

        Raises
        ------
        RemoteError
            If the server is away; everything is kept and sent later.
        RemoteRefusedError
            If the server refuses; nothing can be written any more.
        """
        with self._wire:
            if self._fatal is not None:
                raise self._fatal
            self._replay_if_suspect()
            self._deliver(only)

    def _deliver(self, only: ArrayRows | None = None, again: bool = False) -> None:
        with self._guard:
            chosen = [only] if only is not None else list(self._arrays.values())
            batch = [(rows, rows.waiting, rows.shape) for rows in chosen if rows.waiting]
            for rows, _, _ in batch:
                rows.waiting, rows.sending = [], True
        if not batch:
            return
        ready = [(rows, merged(blocks), shape) for rows, blocks, shape in batch]
        try:
            grown = [(rows, shape) for rows, _, shape in ready if rows.grows]
            there = self._pool.map(self._resize, grown)
            grown = [entry for entry, found in zip(grown, there, strict=True) if found]
            list(self._pool.map(lambda entry: self._write(entry[0], entry[1]), ready))
            for at in range(0, len(grown), _COUNTS_PER_REQUEST):
                some = grown[at : at + _COUNTS_PER_REQUEST]
                counts = {r.array_id: {"attributes": {COUNT: count_json(s[0])}} for r, s in some}
                self._send("PUT", f"/groups/{self._root_id}/attributes", {"obj_ids": counts}, replace=1)
        except BaseException as error:
            with self._guard:
                for rows, blocks, _ in batch:
                    rows.waiting[:0], rows.sending = blocks, False
            self._suspect = True
            if isinstance(error, RemoteRefusedError) and error.status < 500:
                if again:
                    self._fatal = error
                    raise
                # started again before anybody noticed, it has forgotten the array, or how long it is
                raise RemoteError(f"what was sent since the last checkpoint is sent again: {error}") from error
            raise
        with self._guard:
            for rows, blocks, _ in ready:
                rows.sent.extend(blocks)
                rows.sending = False
                size = sum(block.nbytes for block in blocks)
                self._waiting_bytes -= size
                self._sent_bytes += size

    def _resize(self, entry: tuple[ArrayRows, tuple[int, ...]]) -> bool:
        """Make room for rows; False if the array was deleted meanwhile, which only our own program can do."""
        rows, shape = entry
        there = rows.make_room(self._client, shape[0])
        return (there and not rows.deleted) or self._is_gone(rows)

    def _write(self, rows: ArrayRows, blocks: list[Block]) -> None:
        """Send blocks of one array in order: a later one may overwrite part of an earlier one."""
        for block in blocks:
            for part in pieces(block):
                if self._send("PUT", f"{rows.address}/value", part.content(), **part.params) is None:
                    self._is_gone(rows)

    def _is_gone(self, rows: ArrayRows) -> bool:
        """Return False if it was us who deleted an array that is not there.

        A server that was killed while it wrote the description of one has lost it.
        """
        if rows.deleted:
            return False
        raise RemoteRefusedError(
            f"{self._client.options.endpoint} has lost {rows.path} of {self._client.domain}: "
            "was it killed while it wrote to its disk, or the array deleted by another program? Record to a new file",
            410,
        )

    def deleted(self, path: str) -> None:
        """Take note that what is at a path, and below it, is not there any more."""
        with self._guard:
            for rows in list(self._known.values()):
                if rows.path == path or rows.path.startswith(f"{path}/"):
                    rows.deleted = True

    def _send(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        return self._client.ask(method, path, body, missing=True, patience=SHORT_PATIENCE, **params)

    def _replay_if_suspect(self) -> None:
        """After the server was away: send everything since the last checkpoint again, it may have lost its memory."""
        if not self._suspect:
            return
        self._client.ask("GET", "/about", patience=SHORT_PATIENCE)
        _LOG.info("everything since the last checkpoint is sent again")
        self._changes.replay()
        with self._guard:
            for rows in self._arrays.values():
                rows.waiting[:0] = rows.sent
                self._waiting_bytes += (size := sum(block.nbytes for block in rows.sent))
                self._sent_bytes -= size
                rows.sent, rows.room = [], None
        self._suspect = False
        self._replays += 1
        self._deliver(again=True)

    # ----------------------------------------------------------- checkpoints
    def checkpoint(self) -> None:
        """Have the server write everything to its storage, and forget what is safe there; errors as deliver."""
        with self._wire:
            if self._fatal is not None:
                raise self._fatal
            self._replay_if_suspect()
            with self._guard:
                safe = [(rows, len(rows.sent)) for rows in self._arrays.values()]
            changes, replays = len(self._changes), self._replays
        nodes = self._written_by()
        with self._wire:
            held = [rows for rows, count in safe if count]
            forgotten = self._suspect or replays != self._replays  # by another thread, meanwhile
            if forgotten or not self._still_there(held, changes, nodes):
                self._suspect = True
                raise RemoteError(f"{self._client.options.endpoint} was started again; what it forgot is sent again")
            with self._guard:
                for rows, count in safe:
                    self._sent_bytes -= sum(block.nbytes for block in rows.sent[:count])
                    del rows.sent[:count]
                    if not rows.sent and not rows.waiting and rows.held:
                        rows.held = False
                        self._arrays.pop(rows.array_id, None)
            self._changes.forget(changes)
            self._last_checkpoint = time.monotonic()
            try:
                self._keep_alive()
            except RemoteRefusedError as error:
                self._fatal = error
                raise

    def _written_by(self) -> list[str] | None:
        """Have the server write everything to its storage; return which nodes did: a new one has a new name."""
        answer = self._client.ask("PUT", "/", None, flush=1, getdnids=1)
        nodes: list[str] | None = answer.get("dn_ids") if isinstance(answer, dict) else None
        return nodes

    def _still_there(self, arrays: list[ArrayRows], changes: int, nodes: list[str] | None) -> bool:
        """Tell whether the server remembers: a node that was started again has nothing to write, and says yes to it."""
        known, self._nodes = self._nodes, nodes
        if known is not None and known != nodes:
            return False
        kept = (rows.are_known(self._client) for rows in arrays if rows.grows)
        return self._changes.are_known(changes) and all(kept)

    # ---------------------------------------------------------------- thread
    def _run(self) -> None:
        options = self._client.options
        while not self._ended.is_set():
            self._wake.wait(options.flush_seconds)
            self._wake.clear()
            if self._ended.is_set():
                return
            try:
                if self._nodes is None:
                    self._nodes = self._written_by()
                self.deliver()
                if time.monotonic() - self._last_checkpoint > options.checkpoint_seconds:
                    self.checkpoint()
                self._tell(None)
            except (RemoteError, RemoteRefusedError) as error:
                self._tell(error)
            except Exception as error:  # whoever writes next is told
                self._fatal = error

    def _tell(self, error: BaseException | None) -> None:
        if error is not None and self._away_since is None:
            self._away_since = time.monotonic()
            _LOG.warning("values are kept in memory and sent when the server is back: %s", error)
        elif error is None and self._away_since is not None:
            _LOG.warning("the server is back after %.0f s; nothing was lost", time.monotonic() - self._away_since)
            self._away_since = None

    def flush(self) -> None:
        """Send what waits. While the server is away it goes on waiting: nothing is lost, so nothing is raised."""
        if self._away_since is not None and self._fatal is None:
            return  # the thread keeps trying
        try:
            self.deliver()
            self._tell(None)
        except RemoteError as error:
            self._tell(error)

    def deliver_all(self) -> None:
        """Send everything before the file is let go; errors as `close`."""
        self._insist(self.deliver)
        self._insist(self._fit)

    def _fit(self) -> None:
        """Give back room that no row needed; there is some only after requests that were carried out twice."""
        with self._guard:
            growing = [rows for rows in self._known.values() if rows.grows and not rows.deleted]
        for rows in growing:
            rows.give_back(self._client)

    def close(self) -> None:
        """Have everything written to the server's storage, and stop.

        Raises
        ------
        RemoteError
            If that is not possible, with how much is lost.
        """
        try:
            self._insist(self.checkpoint)
        finally:
            self.end()

    def _insist(self, step: Callable[[], None]) -> None:
        deadline = time.monotonic() + self._client.options.patience_seconds
        while True:
            try:
                step()
                return
            except RemoteError as error:
                if time.monotonic() > deadline:
                    raise RemoteError(
                        f"{self._waiting_bytes + self._sent_bytes} bytes of {len(self._arrays)} arrays were "
                        f"accepted and are not safe on the server: {error}"
                    ) from error
                time.sleep(_RETRY_SECONDS)

    def end(self) -> None:
        """Stop the thread; what waits is dropped."""
        self._ended.set()
        self._wake.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        self._pool.shutdown()
