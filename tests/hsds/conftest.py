"""One server for all tests of remote files; every test has a folder of its own on it."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "backends"))  # the contract that every backend keeps

from faulty_proxy import Proxy
from hsds_server import FAST, PASSWORD, USER, HsdsServer

_NUMBERS = itertools.count()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep one of the values that a test of a class with `one_value_of_each` is called with."""
    seen: set[str] = set()
    kept, dropped = [], []
    for item in items:
        again = item.nodeid.partition("[")[0]
        few = isinstance(item, pytest.Function) and getattr(item.cls, "one_value_of_each", False)
        (dropped if few and again in seen else kept).append(item)
        seen.add(again)
    items[:] = kept
    config.hook.pytest_deselected(items=dropped)


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
    hsds.make_folder(path, above=False)
    return Path(path)


@pytest.fixture
def domain(folder: Path) -> Path:
    return folder / "file.h5"


@pytest.fixture(scope="session")
def _mortal_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HsdsServer]:
    # it writes to storage what is older than 0.4 s: killed, it forgets the rest
    server = HsdsServer(tmp_path_factory.mktemp("mortal"), {**FAST, "s3_age_time": "0.4"})
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def own_server(_mortal_server: HsdsServer) -> HsdsServer:
    """Return a server that may be killed; what tests before it left there stays."""
    server = _mortal_server
    server.start()
    server.make_folder(f"/home/{USER}")
    return server


@pytest.fixture
def proxy(hsds: HsdsServer) -> Iterator[Proxy]:
    proxy = Proxy(hsds.sn_port)
    yield proxy
    proxy.close()


@pytest.fixture
def window(qtbot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a saver on screen, which knows a server; Qt is imported for the tests that have one."""
    from widget_shared import SERVER, Window

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = Window(qtbot)
    made.saver.settings["base_path"] = str(tmp_path / "local")
    made.saver.settings[(*SERVER, "local_first")] = False  # most of these tests are about the server itself
    yield made
    made.saver.settings["backend", "mirror"] = False
    made.saver.close_file()
