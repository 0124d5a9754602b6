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

    def all(self) -> list[_Change]:
        """Return them in order."""
        return list(self._kept)

    def forget(self, count: int) -> None:
        """Drop the first of them: the server has them on its storage."""
        del self._kept[:count]

    def send(self, method: str, path: str, body: Any, params: dict[str, Any], **how: Any) -> Any:
        """Send a request that may have been carried out already; parameters, result and errors as `Client.ask`."""
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
            self._client.ask("PUT", f"/groups/{link['id']}/links/{link['name']}", {"id": body["id"]}, replace=1)
            return made

    def replay(self) -> None:
        """Send all of them again; errors as `Client.ask`."""
        for method, path, body, params in self._kept:
            self.send(method, path, body, params, missing=True)
