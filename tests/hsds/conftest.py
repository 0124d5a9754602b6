"""One server for all tests of remote files; every test has a folder of its own on it."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "backends"))  # the contract that every backend keeps

from hsds_server import FAST, PASSWORD, USER, HsdsServer
from slow_proxy import Proxy

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def hsds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HsdsServer]:
    """Return a server that runs until the tests end."""
    server = HsdsServer(tmp_path_factory.mktemp("hsds"))
    try:
        server.start()
        server.make_folder("/home")
        server.make_folder(f"/home/{USER}")
        yield server
    finally:
        server.stop()


@pytest.fixture(autouse=True)
def remote_environment(hsds: HsdsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let everything find the server as users do: by the environment."""
    monkeypatch.setenv("HOME", str(tmp_path))  # an .hscfg of whoever runs the tests stays out
    monkeypatch.setenv("HS_ENDPOINT", hsds.endpoint)
    monkeypatch.setenv("HS_USERNAME", USER)
    monkeypatch.setenv("HS_PASSWORD", PASSWORD)


@pytest.fixture
def folder(hsds: HsdsServer) -> Path:
    """Return a folder on the server that is empty."""
    path = f"/home/{USER}/t{next(_NUMBERS):04d}"
    hsds.make_folder(path)
    return Path(path)


@pytest.fixture
def domain(folder: Path) -> Path:
    return folder / "file.h5"


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[HsdsServer]:
    """Return a server that may be killed."""
    # it writes to storage what is older than a second: killed, it forgets the rest. (One that is killed in the middle
    # of writing a description has lost that array: docs/hsds.md.)
    server = HsdsServer(tmp_path / "own", {**FAST, "s3_age_time": "1"})
    try:
        server.start()
        server.make_folder(f"/home/{USER}")
        yield server
    finally:
        server.stop()


@pytest.fixture
def proxy(hsds: HsdsServer) -> Iterator[Proxy]:
    proxy = Proxy(hsds.sn_port)
    yield proxy
    proxy.close()
