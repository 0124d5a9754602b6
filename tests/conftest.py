"""No window is ever shown; savers on every backend, on real files."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import kept_workers
import pytest
from hypothesis import settings
from peer_process import PeerProcess

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # before anything imports Qt
os.environ.setdefault("PYQTGRAPH_QT_LIB", "PyQt5")

from h5saver_widget import H5SaverLowLevel
from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.registry import create_backend, local_backends

pytest.register_assert_rewrite("changing_frames", "surfaces", "walk")  # they say what differs, as tests do

settings.register_profile("unhurried", deadline=None)  # the machine may be shared
settings.load_profile("unhurried")

BACKENDS = tuple(local_backends())
#: The Qt binding of this run; child processes take the same.
QT = os.environ["PYQTGRAPH_QT_LIB"]

#: PyMoDAQ runs with PyQt5: with another binding, what has its windows in it is left out.
collect_ignore = [] if QT == "PyQt5" else ["integration", "peer", "qt/test_with_the_peer.py"]

#: Tiled has many libraries, which must not be those of the tests: `make test` puts it into an environment of its own.
if not (Path(sys.prefix) / "tiled").exists():
    collect_ignore.append("tiled")

#: HSDS can't be installed by pip with Python 3.14, for lack of one of its libraries.
if find_spec("hsds") is None:
    collect_ignore.append("hsds")


def pytest_report_header() -> str:
    """Say what the tests are run with, and what is left out for that."""
    without = ", ".join(f"tests/{path}" for path in collect_ignore)
    missing = "; not collected, as PyMoDAQ runs with PyQt5, and Tiled or HSDS may be missing: "
    return f"Qt: {QT}" + (f"{missing}{without}" if without else "")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "own_workers: the test counts processes, and gets none that served another test")


#: What keeps a test process busy for long is begun first, so that in the end there is work for all of them.
LONG = ("integration", "peer", "hsds", "tiled", "isolated", "faults", "typing", "docs", "sealing", "tests")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long; files stay together."""
    order = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.path.parent.name, len(LONG)))


#: Backends, by their names, whose process has served tests and waits for the next.
_idle: dict[str, list[Backend]] = {}


def pytest_sessionstart() -> None:
    """Collect garbage between tests only, and in their thread.

    When a test returns, its widgets have no owner but are still on the screen; pytest-qt then handles events once more,
    and a collection in the middle of that paint took the widget away below the painter (one run in twelve crashed).
    Windows of the tests have no keeper (h5saver_widget/qt/keeper.py): with PySide6, no other thread may collect them.
    """
    gc.disable()


def pytest_collection_finish() -> None:
    """Keep what there is by now: to look through all modules and tests again takes longer than most tests."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def what_the_last_test_has_left_is_collected(workers_are_kept: None) -> None:
    """Collect it: a window that nobody deletes has its timers and threads until the end."""
    gc.collect()


#: Folders whose tests are about the workers themselves.
OWN_WORKERS = ("isolated", "faults", "frozen")


@pytest.fixture(autouse=True)
def workers_are_kept(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let the next test have the workers of this one, unless one of them is about workers."""
    own = request.path.parent.name in OWN_WORKERS or request.node.get_closest_marker("own_workers") is not None
    with kept_workers.kept(not own):
        yield


def pytest_sessionfinish() -> None:
    kept_workers.end_kept()


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[False, True], ids=["here", "isolated"])
def isolated(request: pytest.FixtureRequest) -> bool:
    """Whether the file is in a worker process."""
    return bool(request.param)


@pytest.fixture
def in_kept_process() -> Iterator[Callable[[H5SaverLowLevel], None]]:
    """Return what gives a saver a process that has served other tests: to start one for each takes most of the time."""
    given: list[Backend] = []

    def give(h5saver: H5SaverLowLevel) -> None:
        idle = _idle.setdefault(h5saver.backend, [])
        kept = idle.pop() if idle else create_backend(h5saver.backend, isolated=True)
        given.append(kept)
        h5saver._exchange(kept)

    yield give
    for kept in given:
        if not kept.is_open:
            _idle[kept.name].append(kept)


@pytest.fixture
def saver(backend: str, isolated: bool, tmp_path: Path, in_kept_process: Callable[[H5SaverLowLevel], None]):
    with H5SaverLowLevel("detector", backend=backend) as h5saver:
        if isolated:
            in_kept_process(h5saver)
        h5saver.init_file(tmp_path / "afile.h5")
        yield h5saver


@pytest.fixture(scope="session")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PeerProcess]:
    """Return a process with PyMoDAQ, for whatever reads and writes files with it."""
    process = PeerProcess(tmp_path_factory.mktemp("peer"))
    yield process
    process.end()


@pytest.fixture
def reopened(saver: H5SaverLowLevel) -> Callable[[str], H5SaverLowLevel]:
    """Close the file, and open it again with a backend: what was in memory alone is gone."""
    opened: list[H5SaverLowLevel] = []

    def reopen(backend: str, mode: str = "r") -> H5SaverLowLevel:
        path = saver.file_path or opened[-1].file_path
        saver.close_file()
        for other in opened:
            other.close_file()
        again = H5SaverLowLevel("detector", backend=backend)
        opened.append(again)
        again.init_file(path, mode=mode)
        return again

    yield reopen
    for other in opened:
        other.close_file()
