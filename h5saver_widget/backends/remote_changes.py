"""Groups, arrays, links and attributes that a server was told to make, until it has written them to its storage."""

from __future__ import annotations

from typing import Any

from h5saver_widget.backends.h5pyd_client import Client
from h5saver_widget.errors import RemoteRefusedError

__all__ = ["Changes"]

_Change = tuple[str, str, Any, dict[str, Any]]


class Changes:
    """Requests that mean the same when they come twice, in order.

    Parameters
    ----------
    client
        The connection.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kept: list[_Change] = []

    def __len__(self) -> int:
        return len(self._kept)

    def append(self, change: _Change) -> None:
        """Keep a request that was answered: method, path, body, parameters."""
        self._kept.append(change)

    def forget(self, count: int) -> None:
        """Drop the first of them: the server has them on its storage."""
        del self._kept[:count]

    def replay(self) -> None:
        """Send all of them again; errors as `Client.ask`."""
        for method, path, body, params in self._kept:
            try:
                self._client.ask(method, path, body, missing=True, **params)
            except RemoteRefusedError as error:
                if method != "POST" or error.status not in (400, 409):
                    raise
                # the object is there already; its link may not be
                link = body["link"]
                self._client.ask("PUT", f"/groups/{link['id']}/links/{link['name']}", {"id": body["id"]}, replace=1)

    def are_known(self, count: int) -> bool:
        """Tell whether the server knows the newest object that the first `count` made, if it was not deleted."""
        made = [body["id"] for method, _, body, _ in self._kept[:count] if method == "POST"]
        if not made or any(method == "DELETE" for method, _, _, _ in self._kept):
            return True
        collection = "groups" if made[-1].startswith("g-") else "datasets"
        return self._client.ask("GET", f"/{collection}/{made[-1]}", missing=True) is not None
