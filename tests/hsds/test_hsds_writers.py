"""Who writes a file on a server: told by a lease that is renewed, by no clock and no name."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from faults import backend_with
from faulty_proxy import Proxy

from h5saver_widget.backends.h5pyd_backend import H5pydBackend
from h5saver_widget.backends.remote_journal import send_rest
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.backends.remote_rest import Rest
from h5saver_widget.errors import FileOpenError, RemoteError, RemoteRefusedError
from h5saver_widget.testing.making import make_group, make_growing


def test_two_writers(domain: Path) -> None:
    first, second = backend_with(), backend_with()
    first.open(domain, "x")
    rows = make_growing(first, "/", "Rows", dtype="i8")
    with pytest.raises(FileOpenError, match="only one program can write"):
        second.open(domain, "r+")
    first.append(rows, np.arange(4))
    second.open(domain, "r")  # readers are welcome
    second.close()
    first.close()
    second.open(domain, "r+")
    second.append(second.node("/Rows"), np.arange(4, 7))
    second.close()
    first.open(domain, "r+")
    first.append(first.node("/Rows"), np.arange(7, 8))
    assert first.read(first.node("/Rows")).tolist() == list(range(8))
    first.close()


def test_a_mark_that_could_not_be_removed_keeps_nobody_out(domain: Path) -> None:
    """It was left by a file of this process that was closed while the server was away."""
    first, second = backend_with(), backend_with()
    first.open(domain, "x")
    assert first._mark is not None and first.queue.journal is not None
    first._mark.let_go()
    first.queue.journal.end()
    second.open(domain, "r+")
    make_group(second, "/", "Group")
    second.close()


def test_a_writer_that_lost_its_file_is_told(domain: Path) -> None:
    first, second = backend_with(), backend_with()
    first.open(domain, "x")
    rows = make_growing(first, "/", "Rows", dtype="i8")
    first.append(rows, np.arange(4))
    first.checkpoint()
    second.open(domain, "r+", locking=False)  # taken by force
    assert first._mark is not None
    first._mark.told_at = 0.0
    with pytest.raises(RemoteRefusedError, match="another program writes"):
        first.checkpoint()
    with pytest.raises(RemoteRefusedError, match="another program writes"):
        first.append(rows, np.arange(1))
    with pytest.raises(RemoteRefusedError):
        first.close()
    assert second.read(second.node("/Rows")).tolist() == [0, 1, 2, 3]
    second.close()


def test_neither_clocks_nor_names_decide(domain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer's clock is an hour off, and both machines have one name, as containers do."""
    script = """
import socket, sys, time
import numpy as np
from h5saver_widget.backends.h5pyd_backend import H5pydBackend
from h5saver_widget.backends.terms import NodeKind, NodeSpec
time.time, socket.gethostname = (lambda: 1.0), (lambda: 'node')
backend = H5pydBackend({'flush_seconds': 0.02, 'checkpoint_seconds': 0.1, 'lease_seconds': 1.0})
backend.open(__import__('pathlib').Path(sys.argv[1]), 'x')
rows = backend.create(backend.root(), 'Rows', NodeSpec(NodeKind.GROWING, dtype='i8'))
backend.append(rows, np.arange(4))
backend.flush()
print('ready', flush=True)
sys.stdin.readline()
"""
    monkeypatch.setattr("socket.gethostname", lambda: "node")
    second = backend_with()
    command = [sys.executable, "-c", script, domain.as_posix()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == "ready\n"
        with pytest.raises(FileOpenError, match="is being written by node process"):
            second.open(domain, "r+")
        writer.kill()
        writer.communicate()
    second.open(domain, "r+")  # it does not say any more that it lives
    assert second.read(second.node("/Rows")).tolist() == [0, 1, 2, 3]
    second.close()


def test_of_many_who_take_over_one_has_the_file(domain: Path) -> None:
    first = backend_with()
    first.open(domain, "x")
    first.close()
    others = [backend_with() for _ in range(6)]

    def take(backend: H5pydBackend) -> bool:
        try:
            backend.open(domain, "r+")
        except FileOpenError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        taken = list(pool.map(take, others))
    assert taken.count(True) == 1
    others[taken.index(True)].close()


def test_what_was_left_does_not_go_into_a_file_that_was_written_since(
    domain: Path, proxy: Proxy, tmp_path: Path
) -> None:
    backend = backend_with(endpoint=proxy.endpoint, patience_seconds=0.2, keep_folder=str(tmp_path))
    backend.open(domain, "x")
    rows = make_growing(backend, "/", "Rows", dtype="i8")
    backend.flush()
    proxy.refuse = 500
    backend.append(rows, np.arange(4))
    with pytest.raises(RemoteError, match="are kept in"):
        backend.close()
    proxy.refuse = 0
    other = backend_with()
    other.open(domain, "r+")
    other.append(other.node("/Rows"), np.arange(10, 12))
    other.close()
    (left,) = Rest.files(tmp_path)
    with pytest.raises(FileOpenError, match="was written by another program since"):
        send_rest(left, RemoteOptions())
    other.open(domain, "r")
    assert other.read(other.node("/Rows")).tolist() == [10, 11] and left.exists()
    other.close()
