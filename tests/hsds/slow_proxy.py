"""A loopback proxy before a server: it delays every answer, answers with an error itself, or is not there at all."""

from __future__ import annotations

import http.client
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Proxy:
    """Forwards requests to a port.

    Attributes
    ----------
    delay
        Seconds that every answer waits.
    refuse
        A status that writes of values are answered with instead of being forwarded; 0: none.
    requests
        How many requests came.
    sizes
        Those that changed the size of an array, to be carried out once more, late.
    """

    def __init__(self, port: int, delay: float = 0.0) -> None:
        self.delay, self.refuse, self.requests = delay, 0, 0
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
                if proxy.refuse and self.command == "PUT" and "/value" in self.path:
                    self.send_response(proxy.refuse)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                try:
                    headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
                    connection.request(self.command, self.path, body or None, headers)
                    if self.command == "PUT" and "/shape" in self.path:
                        proxy.sizes.append((self.path, body, headers))
                    answer = connection.getresponse()
                    content = answer.read()
                    self.send_response(answer.status, answer.reason)
                    self.send_header("Content-Type", answer.headers.get("Content-Type", "application/json"))
                    self.send_header("Content-Length", str(len(content)))
                    self.end_headers()
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True
                finally:
                    connection.close()

            do_GET = do_PUT = do_POST = do_DELETE = forward

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
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
