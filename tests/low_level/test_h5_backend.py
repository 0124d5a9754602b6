"""H5Backend: a script opens, walks, reads and writes any HDF5 file."""

from __future__ import annotations

import hashlib
from pathlib import Path

import h5py
import numpy as np
import pytest

from h5saver_widget import H5Backend
from h5saver_widget.errors import FileNotOpenError, FileOpenError, NodeError, NodeExistsError, UnknownBackendError
from h5saver_widget.nodes.typed import CARRAY, EARRAY, GROUP, LINK, VLARRAY, StringARRAY


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """Make a file of another program, with links and a group that holds itself."""
    path = tmp_path / "foreign.h5"
    with h5py.File(path, "x") as file:
        entry = file.create_group("entry")
        entry.attrs["NX_class"] = "NXentry"
        entry["data"] = np.arange(12.0).reshape(3, 4)
        entry["data"].attrs["units"] = "mV"
        entry.create_dataset("log", shape=(2, 3), maxshape=(None, 3), dtype="i2", chunks=(8, 3), fillvalue=7)
        entry["itself"] = entry
        entry["again"] = entry
        file["soft"] = h5py.SoftLink("/entry/data")
        file["outside"] = h5py.ExternalLink("/etc/passwd", "/")
        file["scan10"], file["scan9"] = 1.5, 2.5
    return path


def test_walk_a_foreign_file(backend: str, foreign: Path) -> None:
    before = hashlib.sha256(foreign.read_bytes()).hexdigest()
    with H5Backend(backend) as h5:
        assert not h5.isopen() and h5.h5file is None and h5.filename == ""
        opened = h5.open_file(foreign, "r")
        assert (opened.filename, opened.isopen) == (str(foreign), 1) and h5.h5file is h5.h5_file is not None
        assert (h5.isopen(), h5.filename, h5.file_path, h5.backend) == (True, "foreign.h5", foreign, backend)
        assert list(h5.get_children("/")) == ["entry", "outside", "scan9", "scan10", "soft"]
        nodes = list(h5.walk_nodes("/", depth=2))
        kinds = {node.path: type(node) for node in nodes}
        assert kinds["/"] is kinds["/entry"] is kinds["/entry/itself"] is GROUP
        assert kinds["/entry/data"] is CARRAY and kinds["/entry/log"] is EARRAY
        assert kinds["/soft"] is kinds["/outside"] is LINK
        data = h5.get_node("/entry", "data")
        np.testing.assert_array_equal(data.read(), np.arange(12.0).reshape(3, 4))
        assert data[1, 2:].tolist() == [6, 7] and data.attrs["units"] == "mV" and len(data) == 3
        assert h5.get_attr("/entry", "NX_class") == "NXentry" and not h5.has_attr("/entry", "units")
        assert h5.get_node("/scan9").read() == 2.5
    assert hashlib.sha256(foreign.read_bytes()).hexdigest() == before


def test_a_walk_ends(backend: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "loop.h5", "x") as file:
        group = file.create_group("a").create_group("b")
        group["up"] = file["a"]
    with H5Backend(backend) as h5:
        h5.open_file(tmp_path / "loop.h5")
        paths = [node.path for node in h5.walk_nodes("/")]
    assert paths[:4] == ["/", "/a", "/a/b", "/a/b/up"] and len(paths) < 1000


def test_a_walk_enters_each_group_once(foreign: Path) -> None:
    """With fan-out, a walk that went in again would take 2 ** 200 steps."""
    with H5Backend("h5py") as h5:
        h5.open_file(foreign)
        paths = [node.path for node in h5.walk_nodes("/entry")]
    assert paths == ["/entry", "/entry/again", "/entry/data", "/entry/itself", "/entry/log"]


def test_walk_order_depth_and_groups(backend: str, path: Path) -> None:
    with H5Backend(backend) as h5:
        h5.open_file(path, "a")
        for name in ("Scan1000", "Scan999", "Scan2"):
            h5.create_carray(h5.create_group("/", name), "Data", np.zeros(1))
        walked = [node.path for node in h5.walk_nodes("/")]
        assert walked == ["/", "/Scan2", "/Scan2/Data", "/Scan999", "/Scan999/Data", "/Scan1000", "/Scan1000/Data"]
        assert [node.path for node in h5.walk_nodes("/", depth=0)] == ["/"]
        assert [g.path for g in h5.walk_groups("/")] == ["/", "/Scan2", "/Scan999", "/Scan1000"]
        assert [node.path for node in h5.walk_nodes("/", depth=1, only_groups=True)] == [
            "/",
            "/Scan2",
            "/Scan999",
            "/Scan1000",
        ]
        assert [node.path for node in h5.walk_nodes("/Scan2/Data")] == ["/Scan2/Data"]


def test_change_a_foreign_file(backend: str, foreign: Path) -> None:
    with H5Backend(backend) as h5:
        h5.open_file(foreign, "r+")
        h5.set_attr("/entry/data", "units", "V")
        h5.get_node("/entry/data")[0, 0] = -1.0
        h5.remove_node("/scan9")
        copied = h5.copy_node("/entry/data", "/", "Copy")
        assert copied.path == "/Copy"
        h5.flush()
    with H5Backend(backend) as h5:
        h5.open_file(foreign)
        assert h5.get_attr("/entry/data", "units") == "V" and h5.get_node("/entry/data")[0, 0] == -1
        assert h5.get_node("/Copy").read()[0, 0] == -1 and not h5.is_node_in_group("/", "scan9")


def test_create_everything(backend: str, path: Path) -> None:
    with H5Backend(backend) as h5:
        h5.open_file(path, "x")
        group = h5.create_group("/", "Run", "first run", number=5)
        fixed = h5.create_carray(group, "Fixed", np.arange(3), "counts", attributes={"units": "1"})
        filled = h5.create_carray(group, "Filled", shape=(2, 2), dtype="f4", fill_value=np.nan)
        growing = h5.create_earray(group, "Growing", "int16", (2,), "rows")
        rows = h5.create_vlarray(group, "Rows")
        lines = h5.create_vlarray(group, "Lines", "log", text=True)
        growing.append(np.ones((2, 2), "int16"))
        growing.append(np.zeros(2, "int16"))
        rows.append(b"abc")
        rows.append([1, 2])
        lines.append("first Größe")
        assert np.isnan(filled.read()).all() and fixed.attrs["units"] == "1" and group.attrs["number"] == 5
        assert h5.get_set_group("/", "Run") == group
        with pytest.raises(NodeExistsError):
            h5.create_group("/", "Run")
    with H5Backend(backend) as h5:
        h5.open_file(path)
        assert [str(node) for node in h5.walk_nodes("/Run")] == [
            "/Run (GROUP) 'first run'",
            "/Run/Filled (CARRAY) ''",
            "/Run/Fixed (CARRAY) 'counts'",
            "/Run/Growing (EARRAY) 'rows'",
            "/Run/Lines (VLARRAY) 'log'",
            "/Run/Rows (VLARRAY) ''",
        ]
        assert h5.get_node("/Run/Growing").read().tolist() == [[1, 1], [1, 1], [0, 0]]
        lines, rows = h5.get_node("/Run/Lines"), h5.get_node("/Run/Rows")
        assert isinstance(lines, StringARRAY) and isinstance(rows, VLARRAY) and not isinstance(rows, StringARRAY)
        assert lines.read() == ["first Größe"] and lines[0] == "first Größe" and lines[0:1] == ["first Größe"]
        assert [row.tolist() for row in rows.read()] == [[97, 98, 99], [1, 2]]


def test_modes(backend: str, path: Path) -> None:
    h5 = H5Backend(backend)
    with pytest.raises(FileNotFoundError):
        h5.open_file(path, "r")
    with pytest.raises(FileOpenError, match="mode 'z' is unknown"):
        h5.open_file(path, "z")
    h5.open_file(str(path), "a")
    h5.create_group("/", "G")
    h5.close()
    for mode in ("w", "x"):
        with pytest.raises(FileExistsError, match="nothing is overwritten"):
            h5.open_file(path, mode)
    h5.open_file(path, "a")
    assert list(h5.get_children("/")) == ["G"]
    h5.close_file()
    h5.close_file()
    h5.flush()
    with pytest.raises(FileNotOpenError):
        h5.root()
    with pytest.raises(FileNotOpenError, match="can't save: no file is open"):
        h5.require_open("save")
    with pytest.raises(UnknownBackendError):
        H5Backend("hdf4")


def test_places(backend: str, path: Path) -> None:
    with H5Backend(backend) as h5, H5Backend(backend) as other:
        h5.open_file(path, "a")
        group = h5.create_group("/", "Run")
        array = h5.create_carray(group, "A", np.zeros(1))
        for where in ("/Run", "Run", "/Run/", group, group.node):
            assert h5.get_node(where) == group and h5.get_node(where, "A") == array
        assert h5.get_node("/") == h5.root()
        for bad in (None, 3, object()):
            with pytest.raises(NodeError, match="is not a place in a file"):
                h5.get_node(bad)
        with pytest.raises(NodeError, match="not a group"):
            h5.get_group(array)
        # a node of another file stands for its path
        other.open_file(path.with_name("other.h5"), "a")
        with pytest.raises(NodeError, match="no node '/Run'"):
            other.create_group(group, "G")
        other.create_group("/", "Run")
        assert other.create_group(group, "G").path == "/Run/G" and not h5.is_node_in_group(group, "G")
