"""Who writes a remote file: a mark at its root, so that a second program is refused, and a dead one is known."""

from __future__ import annotations

import os
import socket
import time
import uuid
from pathlib import Path
from typing import Any

from h5saver_widget.backends.h5pyd_client import Client
from h5saver_widget.backends.remote_objects import WRITER
from h5saver_widget.backends.remote_types import attribute_json
from h5saver_widget.errors import FileOpenError, RemoteRefusedError

__all__ = ["WriterMark"]

_WRITER_SECONDS = 30.0
#: Marks of this process that are in use. One that is not was left when a file was closed while its server was away.
_IN_USE: set[str] = set()


class WriterMark:
    """The mark of one open file.

    Parameters
    ----------
    client
        The connection.
    root_id
        The server's name of the root group.
    """

    def __init__(self, client: Client, root_id: str) -> None:
        self._client = client
        self._where = f"/groups/{root_id}/attributes"
        self._name = ""
        #: When the server last heard that the writer lives, on this machine's monotonic clock.
        self.told_at = 0.0

    def take(self, by_force: bool) -> None:
        """Mark the file as being written by us; FileOpenError if another one writes it."""
        client = self._client
        known = client.ask("GET", f"{self._where}/{WRITER}", missing=True)
        if known is not None and not by_force and _is_alive(str(known["value"])):
            raise FileOpenError(
                f"{client.domain} is being written by {known['value']}; only one program can write a file: "
                "wait until it has closed it (or half a minute, if it is gone)"
            )
        self._name = f"{socket.gethostname()} process {os.getpid()} {uuid.uuid4().hex[:12]}"
        try:
            # without `replace` the server refuses the second of two
            again: dict[str, Any] = {} if known is None else {"replace": 1}
            client.ask("PUT", self._where, self._mark(), **again)
            if not self.is_ours():
                raise RemoteRefusedError("another was faster", 409)
        except RemoteRefusedError as error:
            raise FileOpenError(f"{client.domain} was opened by another writer at the same moment: {error}") from error
        self.told_at = time.monotonic()
        _IN_USE.add(self._name)

    def _mark(self) -> dict[str, Any]:
        return {"attributes": {WRITER: attribute_json(WRITER, f"{self._name} at {time.time():.0f}", "/")}}

    def is_ours(self) -> bool:
        """Tell whether the mark on the server is this one."""
        found = self._client.ask("GET", f"{self._where}/{WRITER}", missing=True)
        return found is not None and str(found["value"]).startswith(self._name)

    def keep_alive(self) -> None:
        """Renew the mark if it is time to; RemoteRefusedError if another program has taken the file over."""
        if not self._name or time.monotonic() - self.told_at < _WRITER_SECONDS / 3:
            return
        if not self.is_ours():
            raise RemoteRefusedError(f"another program writes {self._client.domain} now; close it here", 409)
        self._client.ask("PUT", self._where, self._mark(), replace=1)
        self.told_at = time.monotonic()

    def remove(self) -> None:
        """Take the mark away, if it is this one."""
        if self._name and self.is_ours():
            self._client.ask("DELETE", f"{self._where}/{WRITER}", missing=True)

    def let_go(self) -> None:
        """Write no more, whether the server knows it or not."""
        _IN_USE.discard(self._name)
        self._name = ""


def _is_alive(mark: str) -> bool:
    """Tell whether the writer of a mark is still there, as far as this machine can tell."""
    who, _, at = mark.rpartition(" at ")
    host, _, rest = who.partition(" process ")
    pid = rest.partition(" ")[0]
    if host == socket.gethostname() and pid.isdigit():
        if int(pid) == os.getpid():
            return who in _IN_USE
        if not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            return False
    return at.isdigit() and abs(time.time() - int(at)) < _WRITER_SECONDS
