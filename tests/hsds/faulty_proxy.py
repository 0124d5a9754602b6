"""A loopback proxy before a server: slow, with errors of its own, a limit on sizes, connections that break."""

from __future__ import annotations

import base64
import gzip
import http.client
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from hsds_server import PASSWORD, USER

NOTHING: Mapping[str, str] = {}
_PAGE = b"<html><body>Something is wrong.</body></html>"


def writes_values(method: str, path: str) -> bool:
    """Tell whether a request writes values of an array."""
    return method == "PUT" and "/value" in path


def anything(method: str, path: str) -> bool:
    """Tell that every request is meant."""
    return True


class Proxy:
    """Forwards requests to a port.

    Attributes
    ----------
    delay
        Seconds that every answer waits.
    refuse, retry_after
        A status that requests are answered with instead of being forwarded, 0 for none, and the header that goes along.
    late
        Seconds that an answer waits after its request was carried out.
    coding
        ``'gzip'`` or ``'chunked'``: how answers come, as companies' proxies change them.
    halved
        How many answers lose their second half.
    login
        Whether everything is answered by a page that asks who one is.
    resets
        How many requests lose their connection; those that change something are forwarded before.
    faulty
        Which requests meet `refuse` and `resets`: those that write values by default.
    largest
        How large a body may be, in bytes: larger ones are refused with 413, as nginx does; 0: any.
    requests, refused
        How many requests came, and how many met a fault.
    key
        An API key for which a name and password are put: what companies have before HSDS does that.
    sizes
        Requests that changed the size of an array, to be carried out once more, late.
    """

    def __init__(self, port: int, certificate: Path | None = None) -> None:
        self.delay, self.refuse, self.retry_after, self.resets, self.largest = 0.0, 0, "", 0, 0
        self.late, self.coding, self.halved, self.login = 0.0, "", 0, False
        self.faulty: Callable[[str, str], bool] = writes_values
        self.requests = self.refused = 0
        self.key = ""
        self.port, self.sizes = port, list[tuple[str, bytes, dict[str, str]]]()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def forward(self) -> None:
                proxy.requests += 1
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if proxy.delay:
                    time.sleep(proxy.delay)
                meant = proxy.faulty(self.command, self.path)
                if proxy.login:
                    self.send(200, "text/html; charset=utf-8", _PAGE)
                elif proxy.largest and len(body) > proxy.largest:
                    self.answer(413)
                elif proxy.refuse and meant:
                    self.answer(proxy.refuse, proxy.retry_after)
                elif proxy.resets > 0 and meant:
                    proxy.resets -= 1
                    proxy.refused += 1
                    if self.command != "GET":
                        self.ask(body)
                    gone = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, gone)
                    self.close_connection = True
                    self.connection.close()
                else:
                    self.pass_on(body)

            def answer(self, status: int, retry_after: str = "") -> None:
                proxy.refused += 1
                extra = {"Retry-After": retry_after} if retry_after else {}
                self.send(status, "text/html", _PAGE, extra)

            def send(self, status: int, kind: str, content: bytes, extra: Mapping[str, str] = NOTHING) -> None:
                self.send_response(status)
                chunked = proxy.coding == "chunked" and content
                if proxy.coding == "gzip" and content:
                    content = gzip.compress(content)
                    self.send_header("Content-Encoding", "gzip")
                size = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(content)))
                for name, value in (("Content-Type", kind), size, *extra.items()):
                    self.send_header(name, value)
                self.end_headers()
                if chunked:
                    for at in range(0, len(content), 1000):
                        part = content[at : at + 1000]
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                    self.wfile.write(b"0\r\n\r\n")
                else:
                    self.wfile.write(content)

            def ask(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                if proxy.key and self.headers["Authorization"] == f"Bearer {proxy.key}":
                    secret = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
                    self.headers.replace_header("Authorization", f"Basic {secret}")
                try:
                    headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
                    connection.request(self.command, self.path, body or None, headers)
                    if self.command == "PUT" and "/shape" in self.path:
                        proxy.sizes.append((self.path, body, headers))
                    answer = connection.getresponse()
                    return answer, answer.read()
                finally:
                    connection.close()

            def pass_on(self, body: bytes) -> None:
                try:
                    answer, content = self.ask(body)
                    if proxy.late and proxy.faulty(self.command, self.path):
                        proxy.refused += 1
                        time.sleep(proxy.late)
                    if proxy.halved and content:
                        proxy.halved -= 1
                        content = content[: len(content) // 2]
                    self.send(answer.status, answer.headers.get("Content-Type", "application/json"), content)
                except OSError:
                    self.close_connection = True

            do_GET = do_PUT = do_POST = do_DELETE = forward

            def finish(self) -> None:
                try:
                    super().finish()
                except OSError:  # its connection was broken on purpose
                    pass

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "http" if certificate is None else "https"
        self.endpoint = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def resize_again(self) -> None:
        """Carry the first change of a size out once more, as a network does that had held it back."""
        path, body, headers = self.sizes[0]
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("PUT", path, body, headers)
        assert connection.getresponse().status == 201
        connection.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
