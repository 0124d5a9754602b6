"""Starts nodes of HSDS as copies of one process that has loaded its libraries: they are most of a node's start.

The copies are made before any thread or event loop is. They end with that process, and it ends with the tests.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

__all__ = ["Node", "can_copy", "template"]

_NODE = Path(__file__).with_name("hsds_node.py")


def can_copy() -> bool:
    """Tell whether this system has copies of processes that are safe to wait for and to end."""
    return sys.platform == "linux" and hasattr(os, "pidfd_open")


class Node:
    """A running node, with the methods of a `subprocess.Popen` that are needed.

    Parameters
    ----------
    pid
        Number of its process, which is no child of this one.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        try:
            self._process = os.pidfd_open(pid)
        except ProcessLookupError:
            self._process = -1

    def poll(self) -> int | None:
        """Return None while it runs."""
        return None if self._process >= 0 and not select.select([self._process], [], [], 0)[0] else 0

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""
        if self._process >= 0:
            if not select.select([self._process], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("a node of HSDS", timeout or 0.0)
            os.close(self._process)
            self._process = -1
        return 0

    def kill(self) -> None:
        """End it as a power cut would."""
        self._send(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self._send(signal.SIGTERM)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            signal.pidfd_send_signal(self._process, number)


class Template:
    """The process that has loaded the libraries.

    Parameters
    ----------
    environment
        That of all nodes.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, _NODE, "--template"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def start(self, options: list[str], folder: Path, log: Path) -> Node:
        """Start a node in a folder; what it says is added to a log."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([options, str(folder), str(log)]) + "\n")
        self._process.stdin.flush()
        return Node(int(self._process.stdout.readline()))


@cache
def template() -> Template:
    """Return the one process of these tests, which ends when they do: its input is over then."""
    kept = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
    return Template({name: os.environ[name] for name in kept if name in os.environ})
