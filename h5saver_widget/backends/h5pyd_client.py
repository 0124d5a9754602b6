"""Requests to an HSDS server through h5pyd's connection: bounded in time, tried again, errors in words.

h5pyd 1.0.0 has two layers. Its ``File`` keeps writes and attributes in memory and loses rows (docs/hsds.md), so it is
not used. Its ``HttpConn`` signs and sends requests, and that is all that is needed here: every request below may be
sent twice with the same result, because the caller names new objects, rows and shapes itself.
"""

from __future__ import annotations

import json
import logging
import math
import ssl
import threading
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from h5pyd.httpconn import HttpConn
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as LostError, InvalidURL, MissingSchema, SSLError, Timeout

from h5saver_widget.backends.remote_blocks import MAX_REQUEST
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.errors import FileOpenError, RemoteError, RemoteRefusedError

__all__ = ["Client", "domain_of", "test_connection"]

#: A lost connection may be a proxy that refuses the size: no piece is cut smaller than this for it.
_SMALL = 256 << 10
#: Busy, broken, full, or not there: the data are kept, and sent again.
_AGAIN = (408, 425, 429, 500, 502, 503, 504, 507)
_MISSING = (404, 410)
_TOO_LARGE = 413
_WHO = 401
_NOT_TRUSTED = 495  # nginx' number for a certificate that is not right
_LONGEST_NAME = 255  # a node that was given a longer one tries for ever to store it
_LONGEST_PAUSE = 60.0  # with any Retry-After
_WORDS = {
    400: "the request is not valid",
    401: "user name or password are wrong",
    403: "this user may not do that",
    404: "there is no such file or folder",
    409: "the name is taken",
    410: "it was deleted",
    413: "the request is too large",
    429: "there are too many requests",
    500: "the server has an error; see its log",
    503: "the server is busy or still starting",
    507: "the server's storage is full",
}

_LOG = logging.getLogger("h5saver_widget.remote")
_LOG.addHandler(logging.NullHandler())
_HTTP_LOG = logging.getLogger("h5saver_widget.remote.http")
_HTTP_LOG.setLevel(logging.CRITICAL)  # each attempt of a retry would be an error there


class _Adapter(HTTPAdapter):  # type: ignore[misc]
    """Sends each request once, answers with every status, and trusts a certificate of one's own."""

    def __init__(self, certificate: str) -> None:
        super().__init__(pool_maxsize=16)
        self._certificate = certificate

    def send(self, request: Any, *args: Any, **options: Any) -> Any:
        """Send a request."""
        if self._certificate and options.get("verify"):
            options["verify"] = self._certificate
        return super().send(request, *args, **options)


def domain_of(path: Path, new: bool = False) -> str:
    """Return the domain that a path names; FileOpenError if a server can't have it, or, of a `new` one, not list it.

    >>> domain_of(Path('/home/me/scan.h5'))
    '/home/me/scan.h5'
    """
    domain = path.as_posix()
    if not domain.startswith("/") or domain == "/":
        raise FileOpenError(f"{domain!r} is not the path of a remote file; expected something like '/home/me/scan.h5'")
    long = next((part for part in path.parts if len(part.encode()) > _LONGEST_NAME), "")
    if long:
        raise FileOpenError(f"{long[:40]}... is too long a name for a server: {_LONGEST_NAME} bytes; choose another")
    if new and "\\" in domain:
        raise FileOpenError(f"{domain} can't be created: a server never lists a name with a backslash; choose another")
    return domain


def _check_certificate(path: str) -> None:
    try:
        if path:
            ssl.create_default_context(cafile=path)
    except FileNotFoundError:
        raise FileOpenError(f"there is no certificate {path}; name the file of the server's") from None
    except OSError as error:
        raise FileOpenError(f"{path} is no certificate: name a file (PEM) with the server's") from error


class Client:
    """One domain of a server; its options are completed from the environment."""

    #: The server's name of the root group, once it is known.
    root_id = ""

    def __init__(self, domain: str, options: RemoteOptions) -> None:
        self.domain = domain
        self.options = options.completed()
        self._addresses = self.options.addresses
        self.endpoint = self._addresses[0]
        _check_certificate(self.options.certificate)
        #: How many bytes a request may carry; less than at first where a proxy refused more.
        self.largest = MAX_REQUEST
        #: Instant (monotonic) after which nothing is tried again: a file is being closed.
        self.until = math.inf
        self._given, self._was_let_in = options, False
        self._lock = threading.Lock()
        self._conn = self._connect(self.options.timeout_seconds)

    def __enter__(self) -> Client:
        """Return this object; the connection ends with the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the connection."""
        self.close()

    def _connect(self, timeout: float) -> Any:
        options = self.options
        conn = HttpConn(
            self.domain,
            endpoint=self.endpoint,
            username=("" if options.api_key else options.username) or "none",
            password=options.password or "none",
            bucket=options.bucket or None,
            api_key="none" if options.api_key else None,  # it would put the key into addresses, which proxies log
            logger=_HTTP_LOG,
            retries=0,
            timeout=(min(options.connect_seconds, timeout), timeout),
        )
        conn.open()
        if options.api_key:
            conn._s.headers["Authorization"] = b"Bearer " + options.api_key.encode()
        if not self.endpoint.startswith("http+unix://"):
            for scheme in ("http://", "https://"):
                conn._s.mount(scheme, _Adapter(options.certificate))
        return conn

    def close(self) -> None:
        """End the connection."""
        self._conn.close()

    def hurry(self, seconds: float) -> None:
        """Try nothing again after so many seconds from now; a request that is answered may take a little longer."""
        self.until = time.monotonic() + seconds
        connect = self.options.connect_seconds
        self._conn._timeout = (connect, max(seconds, connect))

    def probe(self) -> tuple[int, Any]:
        """Ask for the domain within ``connect_seconds``; return status and answer. RemoteError if nobody answers."""
        usual, quick = self._conn._timeout, self.options.connect_seconds / 2
        self._conn._timeout = (quick, quick)
        try:
            return self._tried("GET", "/", None, {}, quick)
        finally:
            self._conn._timeout = usual

    def use(self, options: RemoteOptions) -> None:
        """Go on with another password, key or certificate, if they are for the same user of the same server."""
        known = options.completed(secret=False)
        if (known.endpoint, known.username) == (self.options.endpoint, self.options.username):
            self._given = options
            self._ask_again_who()

    def _ask_again_who(self) -> None:
        """Take the password or key that the environment or the keyring has now: one may have been renewed."""
        found = self._given.completed()
        if found != self.options:
            self.options = found
            self._reconnect(self._conn)

    def _said(self, error: BaseException, what: str) -> RemoteError:
        """Say why there was no answer."""
        causes = [error, error.__context__, error.__cause__]
        endpoint, reason = self.endpoint, str(error.__context__ or error).lower()
        if any(isinstance(cause, SSLError) for cause in causes):
            why = "its certificate does not belong to that address"
            if "hostname mismatch" not in reason and "doesn't match" not in reason:
                why = "its certificate can't be checked here"
                if "self-signed" in reason or "unable to get local issuer" in reason:
                    why = "no authority that is known here has signed its certificate"
            return RemoteError(
                f"{endpoint} is not trusted: {why}. Write its name as the certificate has it, or name the file of the "
                "certificate (Certificate in the settings, or REQUESTS_CA_BUNDLE in the environment)",
                _NOT_TRUSTED,
            )
        if any(isinstance(cause, (MissingSchema, InvalidURL)) for cause in causes):
            return RemoteError(f"{endpoint!r} is not the address of a server")
        if any(isinstance(cause, Timeout) for cause in causes):
            why = "it took too long"
        elif any(isinstance(cause, LostError) for cause in causes):
            lost = "reset" in reason or "aborted" in reason
            why = "the connection was lost" if lost else "there is no connection"
        else:
            why = "what came was not a whole answer"
        return RemoteError(f"no answer from {endpoint} to {what}: is the address right and the server running? ({why})")

    def _finished(self, answer: Any) -> tuple[int, Any, float]:
        """Read an answer to its end, so that the connection can be used again; the last is its Retry-After."""
        raw = answer._rsp
        content, kind = raw.content, raw.headers.get("Content-Type", "")
        if kind.startswith("application/json") and content:
            content = json.loads(content)
        elif kind.startswith("text/html") and raw.status_code < 300:
            raise RemoteError(f"{self.endpoint} shows a page, as a web site does: is it the address of an HSDS server?")
        if raw.status_code < 300:
            self._was_let_in = True
        return raw.status_code, content, _seconds(raw.headers)

    def send(self, method: str, path: str, body: Any = None, **params: Any) -> tuple[int, Any, float]:
        """Send a request once; return status, answer and how long to wait. RemoteError if there was none."""
        conn = self._conn
        try:
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
        except RemoteError:
            raise
        except (OSError, ValueError) as error:
            self._reconnect(conn, elsewhere=True)
            raise self._said(error, f"{method} {path}") from error

    def _reconnect(self, broken: Any, elsewhere: bool = False) -> None:
        """Have another connection; `elsewhere`: to the next address of the server, if it has several."""
        with self._lock:
            if self._conn is broken:
                if elsewhere:
                    self.endpoint = self._addresses[(self._addresses.index(self.endpoint) + 1) % len(self._addresses)]
                self._conn = self._connect(self.options.timeout_seconds)
                self._conn._timeout = broken._timeout
                broken.close()

    def _tried(self, method: str, path: str, body: Any, params: dict[str, Any], patience: float) -> tuple[int, Any]:
        """Send a request until its answer is not "try again"; RemoteError when there is no time left."""
        deadline = min(time.monotonic() + patience, self.until)
        wait = 0.05
        while True:
            try:
                status, answer, after = self.send(method, path, body, **params)
                expired = status == _WHO and self._was_let_in
                if status not in _AGAIN and not expired:
                    return status, answer
                error = RemoteError(self.in_words(status, f"{method} {path} of"), status, after)
                if expired:
                    self._ask_again_who()
            except RemoteError as lost:
                error = lost
                if lost.status == _NOT_TRUSTED:
                    raise
            if time.monotonic() + max(wait, error.retry_after) > deadline:
                raise error
            time.sleep(max(wait, error.retry_after))
            wait = min(2 * wait, 1.0)

    def exchange(self, method: str, path: str, body: Any = None, **params: Any) -> tuple[int, Any]:
        """Send a request until it is answered, as `ask` does; return its status, even of a refusal, and the answer."""
        return self._tried(method, path, body, params, self.options.patience_seconds)

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

        The request may be carried out twice. With `missing` return None if the thing is not there. RemoteError if the
        server is away, busy, broken or full: the same request may succeed later; RemoteRefusedError if it refuses, and
        will do so again.
        """
        patience = self.options.patience_seconds if patience is None else patience
        status, answer = self._tried(method, path, body, params, patience)
        if status < 300:
            return answer
        if missing and status in _MISSING:
            return None
        raise RemoteRefusedError(self.in_words(status, f"{method} {path} of"), status)

    def may_be_smaller(self, error: RemoteError | RemoteRefusedError, size: int) -> bool:
        """Send less at once from now on, if it was the size that a proxy refused; False if it was something else."""
        refused = error.status == _TOO_LARGE
        lost = error.status == 0 and isinstance(error, RemoteError) and size > _SMALL
        if not (refused or lost):
            return False
        self.largest = min(self.largest, max(size // 2, 1 if refused else _SMALL))
        return refused

    def in_words(self, status: int, what: str) -> str:
        """Return the meaning of a status."""
        why = _WORDS.get(status, "refused")
        if status == _WHO:
            why = "the API key is not accepted" if self.options.api_key else why
            why += "; it was accepted before: give the new one, waiting rows are sent then" if self._was_let_in else ""
        return f"{self.endpoint} refused {what} {self.domain}: {why} ({status})"


def _seconds(headers: Any) -> float:
    """Return how long a server wants to be left alone; no clock of ours is needed for it."""
    said = headers.get("Retry-After", "").strip()
    try:
        if said.isdigit():
            wait = float(said)
        else:
            wait = (parsedate_to_datetime(said) - parsedate_to_datetime(headers["Date"])).total_seconds()
    except (KeyError, TypeError, ValueError):
        return 0.0
    return min(max(wait, 0.0), _LONGEST_PAUSE)


def test_connection(options: RemoteOptions, folder: str = "") -> str:
    """Try to reach a server, and return the result as one sentence; never raises.

    `folder` is a folder or file on the server that should be there, ``/home/me``; the user's own by default.
    """
    options = options.completed()
    where = folder or f"/home/{options.username}".rstrip("/")
    try:
        with Client(where.rstrip("/") or "/home", options) as client:
            status, answer = client.probe()
            refused = client.in_words(status, "access to")
    except OSError as error:
        return str(error)
    who = f"{client.endpoint} as {options.username or ('the owner of the API key' if options.api_key else 'nobody')}"
    if status in _MISSING:
        return f"Connected to {who}, but there is no {where} on the server: make that folder, or name another."
    if status >= 300:
        return f"{refused}."
    kind = "file" if isinstance(answer, dict) and "root" in answer else "folder"
    return f"Connected to {who}: the {kind} {where} is there."
