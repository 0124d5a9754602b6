"""Tells whether a data node of a server was restarted, and so has forgotten changes that were not on its storage.

Names do not tell: in a cluster a restarted node has another one, but as processes of one machine they are numbered. Its
memory tells. HSDS remembers deleted objects, in memory alone: of a group that was made and deleted on a node it says
"410 gone", and "404 not found" after a restart. So each node has one such grave of ours.
"""

from __future__ import annotations

import hashlib

from h5json.objid import createObjId

from h5saver_widget.backends.h5pyd_client import Client
from h5saver_widget.errors import RemoteError, RemoteRefusedError

__all__ = ["Nodes"]

_GONE = 410


def _number(object_id: str, count: int) -> int:
    """Return which of `count` nodes has an object, as HSDS finds it."""
    return int(hashlib.md5(object_id.encode(), usedforsecurity=False).hexdigest()[:5], 16) % count


class Nodes:
    """The data nodes, as they were when they were remembered.

    Parameters
    ----------
    client
        The connection.
    root_id
        The server's name of the root group.
    """

    def __init__(self, client: Client, root_id: str) -> None:
        self._client, self._root_id = client, root_id
        self._names: frozenset[str] = frozenset()
        self._graves: list[str] = []

    def remember(self) -> None:
        """Take the nodes for known, before they are told anything; errors as `Client.ask`."""
        self._names, self._graves = self._flushed(), []
        graves: list[str] = []
        for number in range(len(self._names)):
            object_id = createObjId("groups", root_id=self._root_id)
            while _number(object_id, len(self._names)) != number:
                object_id = createObjId("groups", root_id=self._root_id)
            status, _ = self._client.settle("POST", "/groups", {"id": object_id})
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
            status, _ = self._client.settle("GET", f"/groups/{object_id}")
            if status != _GONE:
                return False
        return True

    def _flushed(self) -> frozenset[str]:
        answer = self._client.ask("PUT", "/", None, flush=1, getdnids=1)
        names = frozenset(answer.get("dn_ids") or ()) if isinstance(answer, dict) else frozenset()
        if not names:
            raise RemoteError(f"{self._client.options.endpoint} does not say which nodes it has")
        return names
