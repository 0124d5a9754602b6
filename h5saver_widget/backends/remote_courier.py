"""Sends waiting changes to one domain of a server, in batches, and detects changes that the server may have forgotten.

For every array one resize and one slice. Then the server is asked to write everything to its storage, and after that it
gets the counts, for all arrays in one request. A reader takes as many rows as the count says: an array's values, its
length and its count lie on different nodes, and each of them may be killed alone. Changes that restarted nodes may have
forgotten (:mod:`~.remote_watch`) are sent again. Every request means the same when it comes twice.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import inf, prod
from typing import Any
from urllib.parse import quote

import numpy as np

from h5saver_widget.backends.h5pyd_client import Client
from h5saver_widget.backends.remote_blocks import Block, pieces
from h5saver_widget.backends.remote_objects import COUNT, attribute_json
from h5saver_widget.backends.remote_waiting import SHORT_PATIENCE, ArrayRows, Waiting
from h5saver_widget.backends.remote_watch import Nodes, WriterMark
from h5saver_widget.errors import RemoteError, RemoteRefusedError

__all__ = ["Courier"]

_COUNTS_PER_REQUEST = 2000
_THREADS = 4
_LOG = logging.getLogger("h5saver_widget.remote")


class Courier:
    """Sends to one domain, one batch at a time.

    The lease is renewed before anything is sent; the nodes were remembered before anything was changed.
    """

    def __init__(self, client: Client, mark: WriterMark, nodes: Nodes) -> None:
        self._client, self._mark, self._nodes = client, mark, nodes
        self._wire = threading.RLock()  # one batch at a time, in order
        self._waiting = Waiting()
        #: Changes, as requests that mean the same when they come twice, until they are safe.
        self._changes: list[tuple[str, str, Any, dict[str, Any]]] = []
        self._due: dict[str, int] = {}  # counts of safe rows, to be published
        self._told: dict[str, int] = {}  # and those that a node may still forget
        self._suspect = self._again = False
        self._untold = 0  # bytes of rows that are safe, but whose counts were not told yet
        self._replays = self._parts = 0
        self._end = inf  # instant when closing is given up
        self._fatal: BaseException | None = None
        self._last_checkpoint = time.monotonic()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="h5saver-remote")

    def _check(self) -> None:
        if self._fatal is not None:
            raise self._fatal

    @contextmanager
    def _on_the_wire(self) -> Iterator[None]:
        """Be the only sender, to a server that is known to remember earlier requests."""
        left = self._client.until - time.monotonic()
        wait = -1 if left == inf else max(left, self._client.options.connect_seconds)
        if not self._wire.acquire(timeout=wait):
            raise RemoteError(f"no answer from {self._client.options.endpoint} to an earlier request")
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

    def deliver(self, only: ArrayRows | None = None) -> None:
        """Send waiting changes: sizes, then values.

        RemoteError if the server can't take it now; everything is kept and sent later. RemoteRefusedError if it
        refuses; nothing can be written any more.
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
                raise RemoteError(f"changes since the last checkpoint are sent again: {error}") from error
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
                if self._send("PUT", f"{rows.address}/value", content, **part.region.params) is None:
                    self._must_be_deleted(rows)
                self._parts += 1
            except (RemoteError, RemoteRefusedError) as error:
                if prod(part.region.counts) == 1 or not self._client.may_be_smaller(error, len(content)):
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
        """Note that a path, and everything below it, was deleted."""
        for array_id in self._waiting.deleted(path):
            self._due.pop(array_id, None)
            self._told.pop(array_id, None)

    def _send(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        return self._client.ask(method, path, body, missing=True, patience=SHORT_PATIENCE, **params)

    def _send_change(self, method: str, path: str, body: Any, params: dict[str, Any], **how: Any) -> Any:
        """Send a request that may have been carried out already; `how`, result and errors as `Client.ask`."""
        try:
            return self._client.ask(method, path, body, **how, **params)
        except RemoteRefusedError as error:
            if method != "POST" or error.status not in (400, 409):
                raise
            made = self._client.ask("GET", f"{path}/{body['id']}", missing=True)
            if made is None:
                raise
            # the object is there already; its link may not be
            link = body["link"]
            place = f"/groups/{link['id']}/links/{quote(link['name'], safe='')}"
            self._client.ask("PUT", place, {"id": body["id"]}, replace=1)
            return made

    def _recover(self) -> None:
        """Check, after the server was away, whether it is the same; if not, send changes that it may have forgotten."""
        if not self._suspect:
            return
        same = self._nodes.flushed()
        if not same or self._again:
            self._again = True
            if not same:
                self._nodes.remember()  # before the replay: a node may be started again during it
            _LOG.info("everything since the last checkpoint is sent again")
            for change in self._changes:
                self._send_change(*change, missing=True)
            self._waiting.send_again()
            self._due = {**self._told, **self._due}
            self._told = {}
            self._deliver(again=True)
            self._again = False
            self._replays += 1
        self._suspect = False

    def checkpoint(self) -> None:
        """Have the server write everything to its storage, and the counts too; errors as deliver."""
        self.publish()
        if self._told:
            self.publish()

    def publish(self) -> None:
        """Have the server write everything to its storage, forget changes that are safe there, and publish the counts.

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
                self._untold += self._waiting.bytes_sent
                self._changes.clear()
                self._told = {}
                self._due |= self._waiting.forget_sent()
            finally:
                self._waiting.flushing = False
            self._tell_counts()
            self._untold = 0
            self._last_checkpoint = time.monotonic()

    def _tell_counts(self) -> None:
        due = list(self._due.items())
        for at in range(0, len(due), _COUNTS_PER_REQUEST):
            counts = {
                array_id: {"attributes": {COUNT: attribute_json(COUNT, np.int64(count), array_id)}}
                for array_id, count in due[at : at + _COUNTS_PER_REQUEST]
            }
            self._send("PUT", f"/groups/{self._client.root_id}/attributes", {"obj_ids": counts}, replace=1)
        for array_id, count in due:
            if self._due.pop(array_id, None) is not None:  # not deleted meanwhile
                self._told[array_id] = count

    @property
    def _is_safe(self) -> bool:
        """Whether the server has everything on its storage."""
        return not (self._waiting or self._changes or self._due or self._told)

    def _never(self, error: BaseException) -> BaseException:
        """Report the state of accepted data that can't be sent any more."""
        if not isinstance(error, RemoteRefusedError):
            return error
        waits = self._waiting.in_memory + self._waiting.bytes_on_disk
        kept = "and put on the local disk when the file is closed" if self._client.options.keep else "in memory"
        return RemoteRefusedError(
            f"{error}. No more is accepted; {waits} bytes that are not on the server are kept here, {kept}",
            error.status,
            self._client.options.keep,
        )
