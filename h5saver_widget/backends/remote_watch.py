"""A writer's checks of its server: no other program writes its file, and no node has forgotten anything.

A lease at the root of the file names its writer. A writer lives as long as its lease changes under observation: no
clock is compared, and no name of a machine.

The memory of a node tells whether it was restarted, and so has forgotten changes that were not on its storage; its name
does not: in a cluster a restarted node has another one, but as processes of one machine nodes are numbered. HSDS
remembers deleted objects, in memory alone: of a group that was made and deleted on a node it says "410 gone", and "404
not found" after a restart. So each node has one such grave of ours.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
import uuid
from typing import Any

from h5json.objid import createObjId

from h5saver_widget.backends.h5pyd_client import Client
from h5saver_widget.backends.remote_objects import CLAIM, WRITER, attribute_json
from h5saver_widget.errors import FileOpenError, RemoteError, RemoteRefusedError

__all__ = ["Nodes", "WriterMark"]

_GONE = 410
_LOOK_SECONDS = 0.1
_FREE = "-"
_EARLIER_SECONDS, _LONGEST_SECONDS = 30.0, 120.0
#: Names of the leases of this process, for open files.
_OURS: set[str] = set()
_IN_USE: set[str] = set()


def _number(object_id: str, count: int) -> int:
    """Return which of `count` nodes has an object, as HSDS finds it."""
    return int(hashlib.md5(object_id.encode(), usedforsecurity=False).hexdigest()[:5], 16) % count


class Nodes:
    """The data nodes, as they were when they were remembered."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._names: frozenset[str] = frozenset()
        self._graves: list[str] = []

    def remember(self) -> None:
        """Take the nodes for known, before they are told anything; errors as `Client.ask`."""
        self._names, self._graves = self._flushed(), []
        graves: list[str] = []
        for number in range(len(self._names)):
            object_id = createObjId("groups", root_id=self._client.root_id)
            while _number(object_id, len(self._names)) != number:
                object_id = createObjId("groups", root_id=self._client.root_id)
            status, _ = self._client.exchange("POST", "/groups", {"id": object_id})
            if status not in (200, 201, 400, 409):  # 400: it was made by a request whose answer was lost
                raise RemoteRefusedError(self._client.in_words(status, "changing"), status)
            self._client.ask("DELETE", f"/groups/{object_id}", missing=True)
            graves.append(object_id)
        self._graves = graves

    def flushed(self) -> bool:
        """Have everything written to the server's storage; False if a node may have forgotten something before."""
        if self._flushed() != self._names or not self._graves:
            return False
        for object_id in self._graves:
            status, _ = self._client.exchange("GET", f"/groups/{object_id}")
            if status != _GONE:
                return False
        return True

    def _flushed(self) -> frozenset[str]:
        answer = self._client.ask("PUT", "/", None, flush=1, getdnids=1)
        names = frozenset(answer.get("dn_ids") or ()) if isinstance(answer, dict) else frozenset()
        if not names:
            raise RemoteError(f"{self._client.options.endpoint} does not say which nodes it has")
        return names


class WriterMark:
    """The lease of one open file.

    Its text is a random word, a number that grows with each renewal (``-`` when the file was closed), how many seconds
    it holds, and, for people, the name of its owner.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._where = f"/groups/{client.root_id}/attributes"
        #: The random word of this lease; ``''`` while there is none.
        self.word = ""
        self._before, self._count = "", 0
        self._renewing = threading.Lock()
        #: When the server last heard that the writer lives, on this machine's monotonic clock.
        self.told_at = 0.0

    def take(self, by_force: bool) -> None:
        """Have the file for ourselves; FileOpenError if another one writes it.

        A lease that nobody has given back is watched for as long as it holds, until it is renewed or is known to be a
        dead writer's.
        """
        before = self._value(WRITER)
        if before and not by_force:
            before = self._watched(before)
        self.word, self._before = uuid.uuid4().hex, before
        try:
            if before:
                self._claim(before, by_force)
            # without `replace` the server refuses the second of two
            self._put(WRITER, self._text(), replace=bool(before))
            if not self.is_ours():
                raise RemoteRefusedError("another was faster", 409)
            if before:
                self._client.ask("DELETE", f"{self._where}/{CLAIM}", missing=True)
        except RemoteRefusedError as error:
            if error.status not in (404, 409, 410):
                raise
            raise FileOpenError(
                f"{self._client.domain} was opened by another writer at the same moment: {error}"
            ) from error
        self.told_at = time.monotonic()
        _OURS.add(self.word)
        _IN_USE.add(self.word)

    def take_over(self, word: str) -> None:
        """Go on with the lease of a file that was closed too early; FileOpenError if it changed hands."""
        found = self._value(WRITER)
        if found.partition(" ")[0] != word:
            raise FileOpenError(f"{self._client.domain} was written by another program since; its rows are not touched")
        self.take(by_force=found.split(" ")[1:2] == [_FREE])

    def _value(self, name: str) -> str:
        found = self._client.ask("GET", f"{self._where}/{name}", missing=True)
        return "" if found is None else str(found["value"])

    def _put(self, name: str, value: str, replace: bool) -> None:
        params: dict[str, Any] = {"replace": 1} if replace else {}
        self._client.ask("PUT", self._where, {"attributes": {name: attribute_json(name, value, "/")}}, **params)

    def _text(self, state: str | None = None) -> str:
        who = f"{socket.gethostname()} process {os.getpid()}"
        return f"{self.word} {self._count if state is None else state} {self._client.options.lease_seconds:g} {who}"

    def _watched(self, lease: str) -> str:
        """Watch a lease until it has certainly no owner; return its last text."""
        word, state, seconds = [*lease.split(" ", 3), "", ""][:3]
        if state == _FREE or (word in _OURS and word not in _IN_USE):
            return lease
        holds = _EARLIER_SECONDS  # of versions before leases
        if state.isdigit() and seconds.replace(".", "", 1).isdigit():
            holds = min(float(seconds), _LONGEST_SECONDS)
        until = time.monotonic() + holds
        while word not in _IN_USE and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
            if (found := self._value(WRITER)) != lease:
                if not found or found.split(" ")[1:2] == [_FREE]:
                    return found
                break
        else:
            if word not in _IN_USE:
                return lease
        who = lease.split(" ", 3)[-1]
        raise FileOpenError(
            f"{self._client.domain} is being written by {who}; only one program can write a file: wait until it has "
            "closed it"
        )

    def _claim(self, before: str, by_force: bool) -> None:
        """Be the only one who replaces a lease."""
        try:
            self._put(CLAIM, self.word, replace=by_force)
        except RemoteRefusedError as error:
            if error.status != 409:
                raise
            claim = self._value(CLAIM)
            until = time.monotonic() + self._client.options.lease_seconds
            while time.monotonic() < until and claim and self._value(CLAIM) == claim:
                time.sleep(_LOOK_SECONDS)  # it is held for some requests, not longer
            self._put(CLAIM, self.word, replace=self._value(CLAIM) == claim)
        if not by_force and self._value(WRITER) != before:
            self._client.ask("DELETE", f"{self._where}/{CLAIM}", missing=True)
            raise RemoteRefusedError("another was faster", 409)

    def is_ours(self) -> bool:
        """Tell whether the lease on the server is this one."""
        return self._value(WRITER).partition(" ")[0] == self.word

    def keep_alive(self) -> None:
        """Renew the lease if it is time to; RemoteRefusedError if another program has taken the file over."""
        due = self._client.options.lease_seconds / 3
        if not self.word or time.monotonic() - self.told_at < due or not self._renewing.acquire(blocking=False):
            return
        try:
            found = self._value(WRITER)
            # a node that was killed may show what was there before
            if found and found != self._before and found.partition(" ")[0] != self.word:
                raise RemoteRefusedError(f"another program writes {self._client.domain} now; close it here", 409)
            self._count += 1
            self._put(WRITER, self._text(), replace=bool(found))
            self.told_at = time.monotonic()
        finally:
            self._renewing.release()

    def remove(self) -> None:
        """Give the lease back, if it is this one."""
        if self.word and self.is_ours():
            self._put(WRITER, self._text(_FREE), replace=True)

    def let_go(self) -> None:
        """Write no more, whether the server knows it or not."""
        _IN_USE.discard(self.word)
        self.word = ""
