"""H5SaverLowLevel: files, groups, arrays and the log of the common layout."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from h5saver_widget import H5Backend, H5SaverLowLevel, SaveType
from h5saver_widget.errors import (
    CodecError,
    FileNotOpenError,
    FileOpenError,
    NodeError,
    NodeExistsError,
    StreamingError,
)
from h5saver_widget.format.layout import DataType, GroupType
from h5saver_widget.nodes.typed import CARRAY, EARRAY
from h5saver_widget.saving.provenance import recording_id


# -------------------------------------------------------------------- files
def test_a_new_file(backend: str, tmp_path: Path) -> None:
    with H5SaverLowLevel(SaveType.scan, backend) as saver:
        assert saver.raw_group == "/RawData" and not saver.isopen()
        metadata = {"author": "Jürgen", "number": 3}
        assert saver.init_file(tmp_path / "new" / "folders" / "a.txt", metadata=metadata) is True
        path = tmp_path / "new" / "folders" / "a.h5"
        assert saver.file_path == path and path.is_file() and saver.filename == "a.h5"
        attrs = saver.raw_group.attrs
        assert (attrs["type"], attrs["author"], attrs["number"]) == ("scan", "Jürgen", 3)
        assert saver.root().attrs["file"] == "a.h5" and saver.root().title == "Laboratory data"
        assert [n.path for n in saver.walk_nodes()] == ["/", "/RawData", "/RawData/Logger"]
    assert not saver.isopen()
    with saver:
        assert saver.init_file(str(path)) is False
        assert saver.raw_group.attrs["type"] == "scan"


def test_appending_keeps_what_is_there(saver: H5SaverLowLevel, path: Path) -> None:
    saver.add_det_group("/RawData", "first")
    assert saver.init_file(path) is False
    saver.add_det_group("/RawData", "second")
    assert [g.title for g in saver.get_groups("/RawData", "detector")] == ["first", "second"]


def test_a_new_file_over_an_old_one(saver: H5SaverLowLevel, path: Path) -> None:
    for number in range(1, 4):
        saver.add_det_group("/RawData", f"of file {number}")
        assert saver.init_file(path, new_file=True) is True
    assert sorted(p.name for p in path.parent.glob("*.h5")) == [
        "file.h5",
        "file_old1.h5",
        "file_old2.h5",
        "file_old3.h5",
    ]
    saver.init_file(path.with_name("file_old2.h5"), mode="r")
    assert saver.get_node("/RawData/Detector000").title == "of file 2"


def test_looking_only(saver: H5SaverLowLevel, path: Path) -> None:
    saver.close_file()
    before = path.read_bytes()
    assert saver.init_file(path, mode="r") is False
    with pytest.raises(FileNotOpenError, match="reading only"):
        saver.add_det_group("/RawData", "x")
    assert saver.raw_group.attrs["type"] == "detector"
    saver.close_file()
    assert path.read_bytes() == before
    with pytest.raises(FileNotFoundError):
        saver.init_file(path.with_name("missing.h5"), mode="r")
    assert not path.with_name("missing.h5").exists()


def test_what_goes_wrong_leaves_no_file_open(saver: H5SaverLowLevel, path: Path) -> None:
    target = path.with_name("bad.h5")
    with pytest.raises(CodecError):
        saver.init_file(target, metadata={"bad": object()})
    assert not target.exists()
    (path.parent / "taken").write_text("a file")
    with pytest.raises(FileOpenError, match="choose another base path"):
        saver.init_file(path.parent / "taken" / "a.h5")
    (path.parent / "text.h5").write_text("not HDF5")
    with pytest.raises(FileOpenError):
        saver.init_file(path.parent / "text.h5")
    saver.init_file(path)
    saver.create_carray("/", "Other", np.zeros(1))
    with pytest.raises(NodeError, match="not a group"):
        saver.init_file(path, raw_group_name="Other")
    assert not saver.isopen()
    saver.init_file(path)


def test_a_file_opened_as_it_is(saver: H5SaverLowLevel, path: Path) -> None:
    """Scripts and hosts open files with no raw data group, and save into them all the same."""
    saver.close_file()
    saver.open_file(path.with_name("bare.h5"), "a")
    assert list(saver.walk_nodes()) == [saver.root()]
    group = saver.add_det_group("/", "Detector")
    array = saver.add_array(group, "rows", DataType.data_enlargeable, data_shape=(2,), enlargeable=True)
    array.append(np.zeros((3, 2)))
    saver.close_file()
    saver.open_file(path.with_name("bare.h5"))
    assert saver.get_node("/Detector000/Rows").attrs["shape"] == (3, 2)


def test_from_file(backend: str, path: Path) -> None:
    with H5SaverLowLevel.from_file(path, "actuator", backend=backend, metadata={"a": 1}) as saver:
        assert saver.backend == backend and saver.raw_group.attrs.to_dict()["type"] == "actuator"


# ------------------------------------------------------------------- groups
def test_twelve_hundred_scans(saver: H5SaverLowLevel, path: Path) -> None:
    assert saver.get_last_scan() is None and saver.get_scan_index() == 0
    with saver.saving():
        names = [saver.add_scan_group(title=f"scan {n}").name for n in range(1200)]
    assert names == [f"Scan{n:03d}" for n in range(1200)] and len(set(names)) == 1200
    assert saver.get_scan_index() == 1199 and saver.get_last_scan().title == "scan 1199"
    assert [g.name for g in saver.get_scan_groups()] == names
    saver.init_file(path)
    assert saver.add_scan_group().name == "Scan1200" and saver.get_scan_index() == 1200
    saver.create_group("/RawData", "Scan1201")
    assert saver.add_scan_group().name == "Scan1202"


def test_numbering_by_kind(saver: H5SaverLowLevel) -> None:
    saver.create_group("/RawData", "Detector999")
    assert saver.add_det_group("/RawData").name == "Detector1000"
    assert saver.add_det_group("/RawData").name == "Detector1001"
    assert saver.add_act_group("/RawData").name == "Actuator000"
    assert saver.add_ch_group("/RawData").name == "Ch000" and saver.get_attr("/RawData/Ch000", "type") == ""
    assert saver.add_generic_group("/RawData", group_type="RAMP").name == "Ramp000"
    assert saver.add_incremental_group(GroupType.scan, "/RawData", "t").name == "Scan000"
    inner = saver.add_det_group("/RawData/Scan000", "Größe µ", b"<xml/>", {"extra": (1, 2)})
    assert inner.path == "/RawData/Scan000/Detector000" and inner.title == "Größe µ"
    assert inner.attrs["settings"] == b"<xml/>" and inner.attrs["extra"] == (1, 2)
    assert inner.attrs["type"] == "detector"
    assert saver.find_group("/RawData/Scan000", GroupType.detector, "Größe µ") == inner
    assert saver.find_group("/RawData", "detector", "nobody") is None
    saver.remove_node(inner)
    assert saver.find_group("/RawData/Scan000", "detector", "Größe µ") is None
    assert saver.get_last_group("/RawData", "detector").name == "Detector1001"


def test_groups_by_name(saver: H5SaverLowLevel) -> None:
    group = saver.add_group("external_data", GroupType.external_h5, "/RawData", "files", {"a": 1})
    assert group.path == "/RawData/External_data" and group.attrs["type"] == "external_h5" and group.attrs["a"] == 1
    assert saver.add_group("external_data", "other", "/RawData") == group
    data = saver.add_data_group(group, "data1D", settings_as_xml="<x/>")
    assert data.name == "Data1D" and data.attrs["type"] == "data" and data.attrs["settings"] == "<x/>"
    plain = saver.get_set_group(data, "CH00", "temp", origin="Det 00")
    assert plain.attrs["origin"] == "Det 00" and saver.get_set_group(data, "CH00", "other") == plain
    assert plain.title == "temp"
    for name, there in (("CH00", True), ("ch01", False), ("cH00", True), ("CH", False)):
        assert saver.is_node_in_group(data, name) is there
    assert saver.get_node_from_title("/", "temp") == plain
    assert saver.get_node_from_attribute_match("/RawData", "a", 1) == group
    assert saver.get_node_from_title("/", "nobody") is None


# ------------------------------------------------------------------- arrays
def test_arrays(saver: H5SaverLowLevel) -> None:
    add = saver.add_array
    plain = add("/RawData", "carr", DataType.data, "t", np.arange(3, dtype="int16"), data_dimension="Data1D")
    assert plain.path == "/RawData/Carr" and plain.read().tolist() == [0, 1, 2] and plain.dtype == np.int16
    assert plain.attrs["data_type"] == "data" and plain.attrs["data_dimension"] == "Data1D"
    assert plain.attrs["shape"] == (3,) and plain.attrs["dtype"] == "int16"
    assert add("/RawData", "scalar", "data", array_to_save=np.float64(2)).read().tolist() == [2]
    assert add("/RawData", "zeros", "data", data_shape=(2,), array_type="uint8").read().tolist() == [0, 0]
    scan = add("/RawData", "scan", "data", array_to_save=np.zeros(5), scan_shape=(2, 3), add_scan_dim=True)
    assert isinstance(scan, CARRAY) and scan.shape == (2, 3, 5) and np.isnan(scan.read()).all()
    assert add("/RawData", "point", "data", data_shape=(1,), scan_shape=(4,), fill_value=1).read().tolist() == [1] * 4
    integers = add("/RawData", "ints", "data", data_shape=(2,), scan_shape=(2,), array_type="int32")
    assert not integers.read().any()
    growing = add("/RawData", "rows", "data_enlargeable", data_shape=(2,), array_type="uint16", enlargeable=True)
    assert isinstance(growing, EARRAY) and growing.shape == (0, 2)
    with pytest.raises(NodeExistsError):
        add("/RawData", "carr", DataType.data, array_to_save=np.zeros(1))
    with pytest.raises(ValueError, match="expected one of"):
        add("/RawData", "x", "nonsense")


def test_shape_is_true_after_closing(saver: H5SaverLowLevel, path: Path) -> None:
    growing = saver.create_earray("/RawData", "Rows", "int32", (2,), attributes={"size": 0})
    gone = saver.create_earray("/RawData", "Gone")
    rows = saver.create_vlarray("/RawData", "Bytes")
    growing.append(np.zeros((5, 2), "int32"))
    rows.append(b"abc")
    saver.add_log("one")
    saver.remove_node(gone)
    saver.close_file()
    with h5py.File(path, "r") as file:
        assert {"Rows", "Bytes", "Logger"} == set(file["RawData"])
    saver.init_file(path)
    described = saver.get_attr("/RawData/Rows")
    assert described["shape"] == (5, 2) and described["size"] == 5
    assert saver.get_attr("/RawData/Bytes", "shape") == saver.get_attr("/RawData/Logger", "shape") == (1,)


# ---------------------------------------------------------------------- log
def test_the_log(saver: H5SaverLowLevel, path: Path) -> None:
    lines = ["started", "", "Größe · µ\nsecond line", "x" * 10_000]
    for line in lines:
        saver.add_log(line)
    assert saver.get_set_logger().read() == lines
    saver.init_file(path)
    saver.add_log("again")
    assert saver.get_set_logger()[1:3] == lines[1:3] and saver.get_set_logger().read() == [*lines, "again"]
    saver.close_file()
    with pytest.raises(FileNotOpenError):
        saver.add_log("late")


# --------------------------------------------------------- state and caches
def test_caches_end_with_the_file(saver: H5SaverLowLevel, path: Path, backend: str) -> None:
    saver.add_det_group("/RawData", "a")
    generation = saver.generation
    saver.init_file(path.with_name("second.h5"))
    assert saver.generation > generation and saver.find_group("/RawData", "detector", "a") is None
    assert saver.add_det_group("/RawData", "b").name == "Detector000"
    generation = saver.generation
    saver.set_backend(backend)
    assert saver.isopen() and saver.generation == generation
    saver.set_backend("tables" if backend == "h5py" else "h5py")
    assert not saver.isopen() and saver.generation > generation and saver.backend != backend
    saver.init_file(path)
    assert saver.add_det_group("/RawData", "c").name == "Detector001"


def test_two_savers_side_by_side(backend: str, tmp_path: Path) -> None:
    with H5SaverLowLevel(backend=backend) as one, H5SaverLowLevel(backend=backend) as two:
        one.init_file(tmp_path / "1.h5")
        two.init_file(tmp_path / "2.h5")
        for number in range(3):
            one.add_det_group("/RawData", f"one {number}")
        two.add_det_group("/RawData", "two")
        one.close_file()
        assert two.get_node("/RawData/Detector000").title == "two"


def test_nodes_of_the_library_itself(saver: H5SaverLowLevel) -> None:
    group = saver.add_det_group("/RawData", "a")
    assert saver.get_node(group.node) == group
    assert saver.get_node(saver.h5file["/RawData"] if saver.backend == "h5py" else "/RawData") == saver.raw_group
    assert saver.add_array(group.node, "x", "data", array_to_save=np.zeros(2)).path == f"{group.path}/X"


def test_commands(backend: str, path: Path) -> None:
    told: list[tuple[str, dict]] = []

    class Saver(H5SaverLowLevel):
        def _notify(self, command: str, **args: object) -> None:
            told.append((command, args))

    with Saver(backend=backend) as saver:
        saver.init_file(path)
        saver.frame_saved(100)
        saver.init_file(path, new_file=True)
    assert [command for command, _ in told] == ["opened", "saved", "closed", "opened", "closed"]
    assert told[0][1] == {"path": path, "created": True, "moved_aside": None}
    assert told[2][1] == {"path": path, "frames": 1, "bytes": 100}
    assert told[3][1]["moved_aside"] == path.with_name("file_old1.h5")


def test_an_error_while_closing_is_raised_and_told(backend: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, dict]] = []

    class Saver(H5SaverLowLevel):
        def _notify(self, command: str, **args: object) -> None:
            told.append((command, args))

    saver = Saver(backend=backend)
    saver.init_file(path)
    saver.create_earray("/RawData", "Rows")

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(saver.io, "set_attributes", full)
    with pytest.raises(OSError, match="no space left"):
        saver.close_file()
    assert [command for command, _ in told] == ["opened", "error", "closed"]
    assert "was not closed properly: no space left on device" in told[1][1]["message"]
    assert not saver.isopen()
    monkeypatch.undo()
    saver.init_file(path)
    saver.close_file()


# --------------------------------------------------------------------- SWMR
def test_flushes_take_half_of_the_time_at_most(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With thousands of arrays a flush takes long; then it is not done with every step, as soon as it has ended."""
    flushes: list[float] = []
    with H5SaverLowLevel(backend="h5py") as saver:
        saver.init_file(path, swmr=True)
        saver.enable_swmr()
        saver.set_swmr_flush_interval(1)
        real = saver.io.flush
        monkeypatch.setattr(saver.io, "flush", lambda *a: (flushes.append(0), real(*a)))
        for _ in range(2):
            saver._flush_took = 0.0
            saver.tick_flush()
        assert len(flushes) == 2
        saver._flush_took = 3600.0
        saver.tick_flush()
        saver.flush_seconds = -1.0
        saver.flush_if_due()
        assert len(flushes) == 2 and saver.flushes_too_often()
        saver._flushed_at -= 3601
        saver.tick_flush()
        assert len(flushes) == 3 and saver._flush_took < 3600


def test_streaming(path: Path) -> None:
    with H5SaverLowLevel(backend="h5py") as saver:
        saver.init_file(path, swmr=True)
        assert saver.swmr_mode and saver.is_swmr_capable and saver.is_swmr_compatible and not saver.is_swmr_active
        array = saver.create_earray("/RawData", "Rows", shape=(2,))
        saver.add_log("before")
        saver.enable_swmr()
        saver.enable_swmr()
        array.append(np.zeros((3, 2)))
        saver.add_log("while streaming")
        saver.set_swmr_flush_interval(2)
        saver.tick_flush()
        saver.tick_flush()
        with pytest.raises(StreamingError):
            saver.add_det_group("/RawData", "x")
        assert saver.is_swmr_active and saver.root().attrs["swmr_active"] is True
        generation = saver.generation
        saver.end_streaming()
        assert not saver.is_swmr_active and saver.generation > generation
        saver.add_det_group("/RawData", "after")
        saver.enable_swmr()
        saver.add_log("again")
    for backend in ("h5py", "tables"):
        with H5SaverLowLevel(backend=backend) as saver:
            saver.init_file(path, mode="r")
            assert saver.get_set_logger().read() == ["before", "while streaming", "again"]
            assert saver.get_attr("/RawData/Rows", "shape") == (3, 2)
            assert saver.get_attr("/", "swmr_active") is False and saver.swmr_mode
            assert saver.get_attr("/RawData/Logger", "shape") == (3,)


def test_streaming_where_it_cannot_be(saver: H5SaverLowLevel) -> None:
    assert not saver.swmr_mode
    with pytest.raises(StreamingError, match="SWMR"):
        saver.enable_swmr()
    assert "swmr_active" not in saver.root().attrs and not saver.is_swmr_active


def test_a_recording_has_an_identity_of_its_own(backend: str, isolated: bool, tmp_path: Path) -> None:
    seen = []
    for name in ("a.h5", "b.h5", "a.h5"):
        with H5SaverLowLevel(backend=backend, isolated=isolated) as saver:
            saver.init_file(tmp_path / name)
            seen.append(recording_id(saver.io))
    assert len(seen[0]) == 32 and seen[0] == seen[2] != seen[1]
    with H5Backend(backend) as h5:
        h5.open_file(tmp_path / "c.h5", "x")
    with H5SaverLowLevel(backend=backend, isolated=isolated) as saver:
        saver.init_file(tmp_path / "c.h5", mode="r")
        assert recording_id(saver.io) == ""
        saver.init_file(tmp_path / "c.h5")
        assert len(recording_id(saver.io)) == 32
