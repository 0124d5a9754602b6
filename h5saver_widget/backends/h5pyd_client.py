"""Requests to an HSDS server through h5pyd's connection: bounded in time, tried again, errors in words.

h5pyd 1.0.0 has two layers. Its ``File`` keeps writes and attributes in memory and loses rows (docs/hsds.md), so it is
not used. Its ``HttpConn`` signs and sends requests, and that is all that is needed here: every request below may be
sent twice with the same result, because the caller names new objects, rows and shapes itself.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from pathlib import Path
from typing import Any

from h5pyd.httpconn import HttpConn

from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.errors import FileOpenError, RemoteError, RemoteRefusedError

__all__ = ["Client", "domain_of", "test_connection"]

#: HSDS 1.0 refuses 100 MiB and more in one request, and attributes above 1 MiB.
MAX_REQUEST = 32 << 20
MAX_JSON = 900_000
#: Not ready, or a service node without its data nodes: h5pyd's session makes no answer of these, except of a POST's.
_AWAY = (500, 502, 503, 504)
_MISSING = (404, 410)
_WORDS = {
    400: "the request is not valid",
    401: "user name or password are wrong",
    403: "this user may not do that",
    404: "there is no such file or folder",
    409: "the name is taken",
    410: "it was deleted",
    413: "the request is too large",
    500: "the server has an error; see its log",
    503: "the server is busy or still starting",
    507: "the server's storage is full",
}

_LOG = logging.getLogger("h5saver_widget.remote")
_LOG.addHandler(logging.NullHandler())
_HTTP_LOG = logging.getLogger("h5saver_widget.remote.http")
_HTTP_LOG.setLevel(logging.CRITICAL)  # each attempt of a retry would be an error there


def domain_of(path: Path) -> str:
    """Return the domain that a path names.

    >>> domain_of(Path('/home/me/scan.h5'))
    '/home/me/scan.h5'
    """
    domain = path.as_posix()
    if not domain.startswith("/") or domain == "/":
        raise FileOpenError(f"{domain!r} is not the path of a remote file; expected something like '/home/me/scan.h5'")
    return domain


class Client:
    """One domain of a server.

    Parameters
    ----------
    domain
        Path of the file on the server.
    options
        Where the server is; completed from the environment.
    """

    def __init__(self, domain: str, options: RemoteOptions) -> None:
        self.domain = domain
        self.options = options.completed()
        if not self.options.endpoint:
            raise FileOpenError(
                "no HSDS server is named: give an endpoint such as http://server:5101, or set HS_ENDPOINT"
            )
        self._lock = threading.Lock()
        self._conn = self._connect(self.options.timeout_seconds)

    def _connect(self, timeout: float) -> Any:
        options = self.options
        conn = HttpConn(
            self.domain,
            endpoint=options.endpoint,
            username=options.username or "none",
            password=options.password or "none",
            bucket=options.bucket or None,
            logger=_HTTP_LOG,
            retries=0,
            timeout=(min(options.connect_seconds, timeout), timeout),
        )
        conn.open()
        return conn

    def close(self) -> None:
        """End the connection."""
        self._conn.close()

    def probe(self) -> tuple[int, Any]:
        """Ask for the domain within ``connect_seconds``; return status and answer. RemoteError if nobody answers."""
        conn = self._connect(self.options.connect_seconds / 2)
        try:
            return self._finished(conn.GET("/", params={"domain": self.domain}))
        except (OSError, ValueError) as error:
            raise RemoteError(
                f"no answer from {self.options.endpoint}: is the address right and the server running? "
                f"({self._reason(error)})"
            ) from error
        finally:
            conn.close()

    @staticmethod
    def _reason(error: BaseException) -> str:
        cause = error.__context__ if isinstance(error.__context__, OSError) else error
        return type(cause).__name__ if cause is not error else str(error)

    @staticmethod
    def _finished(answer: Any) -> tuple[int, Any]:
        """Read an answer to its end, so that the connection can be used again."""
        raw = answer._rsp
        content, kind = raw.content, raw.headers.get("Content-Type", "")
        if kind.startswith("application/json") and content:
            return raw.status_code, json.loads(content)
        return raw.status_code, content

    def send(self, method: str, path: str, body: Any = None, **params: Any) -> tuple[int, Any]:
        """Send a request once; return status and answer. RemoteError if there was none."""
        try:
            conn = self._conn
            if method == "GET":
                answer = conn.GET(path, params=params, format="binary" if path.endswith("/value") else "json")
            elif method == "DELETE":
                answer = conn.DELETE(path, params=params)
            elif method == "POST":
                answer = conn.POST(path, body=body, params=params)
            else:
                binary = isinstance(body, (bytes, memoryview))
                answer = conn.PUT(path, body=body, params=params, format="binary" if binary else "json")
            return self._finished(answer)
        except (OSError, ValueError) as error:
            self._reconnect(conn)
            raise RemoteError(
                f"{self.options.endpoint} did not answer {method} {path}: {self._reason(error)}"
            ) from error

    def _reconnect(self, broken: Any) -> None:
        with self._lock:
            if self._conn is broken:
                self._conn = self._connect(self.options.timeout_seconds)
                broken.close()

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        missing: bool = False,
        patience: float | None = None,
        **params: Any,
    ) -> Any:
        """Send a request until it is answered, at most `patience` seconds (``patience_seconds`` by default).

        Parameters
        ----------
        method, path, body, params
            The request. It may be carried out twice.
        patience
            How long to go on trying.
        missing
            Return None if the thing is not there.

        Raises
        ------
        RemoteError
            If the server is away or busy.
        RemoteRefusedError
            If it refuses.
        """
        deadline = time.monotonic() + (self.options.patience_seconds if patience is None else patience)
        wait = 0.05
        while True:
            try:
                status, answer = self.send(method, path, body, **params)
                if status < 300:
                    return answer
                if missing and status in _MISSING:
                    return None
                if status not in _AWAY:
                    raise RemoteRefusedError(self.in_words(status, f"{method} {path} of"), status)
                error = RemoteError(self.in_words(status, f"{method} {path} of"))
            except RemoteError as lost:
                error = lost
            if time.monotonic() + wait > deadline:
                raise error
            time.sleep(wait)
            wait = min(2 * wait, 0.5)

    def in_words(self, status: int, what: str) -> str:
        """Say what a status means."""
        return f"{self.options.endpoint} refused {what} {self.domain}: {_WORDS.get(status, 'refused')} ({status})"


def test_connection(options: RemoteOptions, folder: str = "") -> str:
    """Try to reach a server, and say in one sentence what was found; never raises.

    Parameters
    ----------
    options
        Where the server is, and who asks.
    folder
        A folder or file on the server that should be there, ``/home/me``; the user's own by default.
    """
    options = options.completed()
    where = folder or f"/home/{options.username}"
    try:
        client = Client(where.rstrip("/") or "/home", options)
    except OSError as error:
        return str(error)
    try:
        status, answer = client.probe()
    except RemoteError as error:
        return str(error)
    finally:
        client.close()
    who = f"{options.endpoint} as {options.username or 'nobody'}"
    if status in _MISSING:
        return f"Connected to {who}, but there is no {where} on the server: make that folder, or name another."
    if status >= 300:
        return f"{options.endpoint} answered, but refused {options.username or 'access without a user name'}: " + (
            _WORDS.get(status, f"status {status}") + "."
        )
    kind = "file" if isinstance(answer, dict) and "root" in answer else "folder"
    return f"Connected to {who}: the {kind} {where} is there."
