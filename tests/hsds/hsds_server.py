"""A real HSDS server on loopback: a service node and data nodes, each a process that can be killed and restarted."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from hsds_template import Node, can_copy, template

USER, PASSWORD = "tester", "a secret that nobody writes down"
_NODE = Path(__file__).with_name("hsds_node.py")
#: For durable writes, and so that no summary is ever written (it stays stale, see docs/hsds.md).
FAST = {
    "allow_noauth": "false",
    "s3_age_time": "0",
    "s3_sync_interval": "0.01",
    "flush_sleep_interval": "0.005",
    "scan_wait_time": "1000000000",
    "password_file": '""',
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class HsdsServer:
    """Nodes on ports of their own, and their storage in a folder.

    The service node is ``sn``, the data nodes are ``dn0``, ``dn1``, ...; ``dn`` means all of these.
    """

    def __init__(self, folder: Path, settings: dict[str, str] | None = None, data_nodes: int = 2) -> None:
        self.folder = folder
        self.root = folder / "root"
        (self.root / "hsdstest").mkdir(parents=True, exist_ok=True)
        (folder / "work").mkdir(exist_ok=True)
        self.ports = {"sn": free_port(), **{f"dn{number}": free_port() for number in range(data_nodes)}}
        self.sn_port = self.ports["sn"]
        self.endpoint = f"http://127.0.0.1:{self.sn_port}"
        self.nodes: dict[str, subprocess.Popen[bytes] | Node] = {}
        self._configure(FAST if settings is None else settings)

    def _configure(self, settings: dict[str, str]) -> None:
        spec = importlib.util.find_spec("hsds")
        assert spec is not None and spec.origin is not None, "pip install hsds==1.0.2 (extra 'test')"
        text = (Path(spec.origin).parents[1] / "admin" / "config" / "config.yml").read_text()
        for name, value in settings.items():
            text, found = re.subn(rf"(?m)^{name}:.*$", f"{name}: {value}", text)
            assert found == 1, f"HSDS knows no setting {name}"
        config = self.folder / "config"
        config.mkdir(exist_ok=True)
        (config / "config.yml").write_text(text)

    def names(self, *names: str) -> list[str]:
        """Return the nodes that are meant, all by default; data nodes first."""
        wanted = names or ("dn", "sn")
        return [name for name in sorted(self.ports) if name in wanted or (name != "sn" and "dn" in wanted)]

    def options(self, name: str) -> list[str]:
        """Return what a node is started with; examples/hsds_compose.yml says the same."""
        data = ",".join(f"http://127.0.0.1:{self.ports[name]}" for name in self.names("dn"))
        common = [
            "--standalone",
            f"--dn_urls={data}",
            f"--hsds_endpoint={self.endpoint}",
            f"--root_dir={self.root}",
            f"--config_dir={self.folder / 'config'}",
            "--log_level=ERROR",
        ]
        if name != "sn":
            return [*common, "--node_type=dn", f"--node_number={name[2:]}"]
        who = [f"--hs_username={USER}", f"--hs_password={PASSWORD}", f"--admin_user={USER}", "--password_file="]
        return [*common, "--node_type=sn", f"--sn_url={self.endpoint}", *who]

    def start(self, *names: str) -> HsdsServer:
        """Start all nodes, or those named, if they don't run; wait until all are ready."""
        for name in self.names(*names):
            if name not in self.nodes:
                self.nodes[name] = self._started(self.options(name), self.folder / f"{name}.log")
        self.wait_until_ready()
        return self

    def _started(self, options: list[str], log: Path) -> subprocess.Popen[bytes] | Node:
        folder = self.folder / "work"  # a config.yml in the current folder would be taken for its own
        if can_copy():
            return template().start(options, folder, log)
        kept = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV")
        with log.open("ab") as said:
            return subprocess.Popen(
                [sys.executable, _NODE, *options],
                cwd=folder,
                env={name: os.environ[name] for name in kept if name in os.environ},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 60
        waiting = {name: self.ports[name] for name in self.nodes}
        while waiting:
            for name, port in list(waiting.items()):
                if self.nodes[name].poll() is not None:
                    raise RuntimeError(f"the {name} node ended: {(self.folder / f'{name}.log').read_text()[-2000:]}")
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/about", timeout=5) as answer:
                        if json.load(answer).get("state", "READY") == "READY":
                            del waiting[name]
                except (OSError, ValueError):
                    if time.monotonic() > deadline:
                        raise
            if waiting:
                time.sleep(0.02)

    def kill(self, *names: str) -> None:
        """End nodes as a power cut would."""
        for name in self.names(*names):
            if name in self.nodes:
                self.nodes[name].kill()
                self.nodes.pop(name).wait()

    def stop(self) -> None:
        for node in self.nodes.values():
            node.terminate()
        for node in self.nodes.values():
            try:
                node.wait(10)
            except subprocess.TimeoutExpired:
                node.kill()
                node.wait()
        self.nodes.clear()

    def request(self, method: str, path: str, domain: str, body: Any = None, **params: str) -> tuple[int, Any]:
        """Send a request past the package's own client; return status and JSON."""
        query = urllib.parse.urlencode({"domain": domain, **params})
        request = urllib.request.Request(f"{self.endpoint}{path}?{query}", method=method)
        secret = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        request.add_header("Authorization", f"Basic {secret}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            with error:  # it is an open file, too
                return error.code, error.reason

    def make_folder(self, folder: str, above: bool = True) -> None:
        """Make a folder and, if they may be missing, those above it."""
        parts = folder.strip("/").split("/")
        for end in range(1 if above else len(parts), len(parts) + 1):
            status, _ = self.request("PUT", "/", "/" + "/".join(parts[:end]), {"folder": 1})
            assert status in (200, 201, 409), status
