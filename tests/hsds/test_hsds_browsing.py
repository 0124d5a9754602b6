"""Looking into a file on a server: the loader, the view without Qt and the browser's window, as with local files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browsing_files import SPECTRA, write_file
from faulty_proxy import Proxy
from hsds_server import PASSWORD, USER, HsdsServer
from pyqtgraph.Qt import QtCore

from h5saver_widget import DataLoader, H5SaverLowLevel, RemoteOptions
from h5saver_widget.browsing import FileView, H5BrowserUtil
from h5saver_widget.errors import FileOpenError, NodeError
from h5saver_widget.qt.browser import H5Browser
from h5saver_widget.qt.geometry import recent_paths


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_file(tmp_path_factory.mktemp("local") / "file.h5", "h5py")


@pytest.fixture(scope="module")
def remote(hsds: HsdsServer) -> Iterator[Path]:
    """Return one file for all tests: a hundred requests make it."""
    hsds.make_folder(f"/home/{USER}/browsing")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"ENDPOINT": hsds.endpoint, "USERNAME": USER, "PASSWORD": PASSWORD}.items():
            patch.setenv(f"HS_{name}", value)
        yield write_file(Path(f"/home/{USER}/browsing/file.h5"), "h5pyd")


def contents(loader: DataLoader) -> list[tuple[str, tuple[int, ...], list[float]]]:
    """Return what can be loaded: name, shape, and the first values."""
    found = []
    for data in loader.load_all("/"):
        values = np.asarray(data.data[0]).ravel()[:5]
        found.append((data.name, data.shape, values.tolist()))
    return found


def test_everything_loads_as_from_a_local_file(local: Path, remote: Path) -> None:
    with DataLoader(local, backend="h5py") as here, DataLoader(remote, backend="h5pyd") as there:
        assert str(contents(there)) == str(contents(here)) != "[]"
        paths = [node.path for node in here.walk_nodes("/RawData")]
        assert [node.path for node in there.walk_nodes("/RawData")] == paths
        for path in paths:
            ours, theirs = there.get_node(path).attrs, here.get_node(path).attrs
            assert set(theirs.attrs_name) - {"backend"} <= set(ours.attrs_name), path


@pytest.mark.parametrize("isolated", [False, True], ids=["here", "isolated"])
def test_the_view_says_the_same(local: Path, remote: Path, isolated: bool) -> None:
    with FileView(local, "h5py") as here, FileView(remote, "h5pyd", isolated=isolated) as there:
        waiting = ["/"]
        while waiting:
            path = waiting.pop()
            # what shows the data once more stays where it is: a server has no views
            known = [child for child in here.children(path) if child[0] not in ("entry", "nexus")]
            assert there.children(path) == known
            assert there.describe(path).title == here.describe(path).title
            waiting += [f"{path.rstrip('/')}/{name}" for name, kind in known if kind.name == "GROUP"]
        assert not there.note


def test_a_script_looks_into_it(remote: Path) -> None:
    with H5BrowserUtil(backend="h5pyd") as util:
        util.open_file(remote)
        assert util.get_h5_attributes("/RawData")[0]["type"]


def test_what_is_not_there_is_not_looked_for_on_the_disk(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is not a file on http"), FileView(folder / "gone.h5", "h5pyd"):
        pass
    damaged = tmp_path / "damaged.h5"
    damaged.write_bytes(b"nothing of HDF5")
    with pytest.raises(FileOpenError) as caught, FileView(damaged, "h5py"):
        pass
    assert "http" not in str(caught.value)


@pytest.mark.parametrize("isolated", [False, True], ids=["here", "isolated"])
def test_the_window_shows_it(qtbot, remote: Path, tmp_path: Path, isolated: bool) -> None:
    QtCore.QSettings.setPath(QtCore.QSettings.Format.IniFormat, QtCore.QSettings.Scope.UserScope, str(tmp_path / "own"))
    browser = H5Browser(h5file=remote, backend="h5pyd", isolated=isolated)
    qtbot.addWidget(browser)
    with qtbot.waitExposed(browser):
        browser.show()
    assert browser.wait(30)
    assert browser.model.names("/RawData") == ["Detector000", "Logger", "Scan000", "Scan001"]
    browser.select(SPECTRA)
    assert browser.wait(30) and browser.panel.report.path == SPECTRA
    table = browser.panel.attributes
    assert "units" in [table.item(row, 0).text() for row in range(table.rowCount())]
    browser.close()


def test_the_file_that_is_being_written(folder: Path) -> None:
    """A reader sees complete rows while the writer goes on."""
    with H5SaverLowLevel("detector", backend="h5pyd") as saver:
        saver.init_file(folder / "live.h5")
        array = saver.create_earray("/RawData", "Counts", "int64", ())
        array.append(np.arange(5))
        saver.flush()
        with FileView(saver) as own, FileView(folder / "live.h5", "h5pyd") as other:
            for view in (own, other):
                assert ("Counts" in [name for name, _ in view.children("/RawData")]) and view.h5.get_node(
                    "/RawData/Counts"
                ).read().tolist() == [0, 1, 2, 3, 4]
            with pytest.raises(NodeError):
                other.describe("/RawData/Nothing")


def test_a_slow_server_is_opened_beside_the_window(
    qtbot, remote: Path, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window is there at once, says that it opens the file, and goes on; the server is that which was named."""
    QtCore.QSettings.setPath(QtCore.QSettings.Format.IniFormat, QtCore.QSettings.Scope.UserScope, str(tmp_path / "own"))
    monkeypatch.setenv("HS_ENDPOINT", "http://127.0.0.1:9")
    proxy.delay = 0.3
    ticks: list[bool] = []
    clock = QtCore.QTimer()
    clock.timeout.connect(lambda: ticks.append("Opening" in browser.panel.message.text()))
    browser = H5Browser(h5file=remote, backend="h5pyd", server=RemoteOptions(endpoint=proxy.endpoint))
    qtbot.addWidget(browser)
    assert not proxy.requests and browser.model.names("/") == []
    browser.show()
    clock.start(20)
    qtbot.waitUntil(lambda: browser.model.names("/") != [], timeout=30_000)
    proxy.delay = 0.0
    assert ticks.count(True) > 5
    assert browser.wait(30) and browser.panel.report.path == "/"
    assert recent_paths("files") == []  # it would be looked for on the disk
    requests = proxy.requests
    browser.refresh()
    assert browser.wait(30) and proxy.requests > requests and not browser.current_file().problem
    target = tmp_path / "spectra.npz"
    browser.select(SPECTRA)
    assert browser.wait(30)
    browser.menu().export(target, "npz")
    qtbot.waitUntil(target.is_file, timeout=30_000)
    assert browser.work.wait(30)
    browser.close()
