"""A dataset: many scans, what a logger saved, parameters, pictures, log lines and a foreign file, all in one file."""

import types

import h5py
import numpy as np
import pytest
import tables

from h5saver_widget import (
    Axis,
    DataActuator,
    DataLoader,
    DataRaw,
    DataToExport,
    DetectorSaver,
    H5Backend,
    H5BrowserUtil,
    H5SaverLowLevel,
    LoggerSaver,
    ScanSaver,
)
from h5saver_widget.backends.registry import local_backends
from h5saver_widget.errors import (
    CodecError,
    DataMismatchError,
    FileNotOpenError,
    FileOpenError,
    StreamingError,
)
from h5saver_widget.saving.external import add_external_h5, add_png

BACKENDS = tuple(local_backends())
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
SETTINGS = {"exposure": 0.25, "gain": 3}


def module(title, **more):
    return types.SimpleNamespace(title=title, **more)


def points(i, title="Camera"):
    axis = Axis("wavelength", "nm", np.array([400.0, 500.0, 700.0]), 0)
    return DataToExport(
        title,
        data=[
            DataRaw("power", data=[np.array([float(i)])], origin=title, units="W"),
            DataRaw("spectrum", data=[np.arange(3.0) * i], axes=[axis], origin=title, units="µV"),
        ],
        timestamp=100.0 + i,
    )


def extension(title, *detectors, actuators=()):
    manager = types.SimpleNamespace(detectors_all=list(detectors), actuators_all=list(actuators))
    return module(title, modules_manager=manager)


# ------------------------------------------------------------------------------------------------------------- dataset
@pytest.mark.parametrize("reader", BACKENDS)
def test_a_dataset_holds_everything_and_everything_is_found_again(tmp_path, backend, reader):
    camera, stage = module("Camera"), module("Stage")
    path = tmp_path / "Dataset_20261121_000.h5"
    settings = "<All_settings><gain type='int'>3</gain></All_settings>"
    with H5SaverLowLevel("scan", backend=backend) as saver:
        saver.init_file(path, metadata={"sample": "SiO₂", "settings": settings})
        scan = ScanSaver(extension("DAQScan", camera, actuators=[stage]))
        scan.h5saver = saver
        for number, shape in enumerate([(4,), (2, 3), (3,)]):
            node = scan.get_set_node(new=True)
            node.attrs["scan_settings"] = f"<scan>{number}</scan>"
            scan.set_scan_shape(shape)
            scan.initialize_time_array()
            scan.add_nav_axes(Axis(f"axis {i}", "mm", np.arange(n) * 2.0, i) for i, n in enumerate(shape))
            for i, at in enumerate(np.ndindex(shape)):
                scan.add_data(points(i + 10 * number), at)
            assert scan.add_png(PNG + bytes([number])) == "pixmap2D"
            saver.add_log(f"scan {number} has finished")
        assert scan.add_png(PNG, "camera panel") == "pixmap_camera panel"
        log = LoggerSaver(extension("DAQ_Logger", camera, actuators=[stage]))
        log.h5saver = saver
        log.get_set_node(new=True)
        for i in range(5):
            log.add_data(points(i))
            position = DataActuator("Stage", data=[np.array([i / 2])], units="mm", origin="Stage")
            log.add_data(DataToExport("Stage", data=[position], timestamp=100.5 + i))
        snapshot = DetectorSaver(camera)
        snapshot.h5saver = saver
        snapshot.add_data(snapshot.get_set_node(), points(7))
        foreign = tmp_path / "foreign.h5"
        with h5py.File(foreign, "w") as other:
            other["frames"] = np.arange(6).reshape(2, 3)
        snapshot.add_external_h5(snapshot.get_set_node(), foreign)

    with H5BrowserUtil(backend=reader) as browser:
        browser.open_file(path)
        raw = browser.get_h5_attributes("/RawData")
        assert raw.attributes["sample"] == "SiO₂"
        assert raw.settings == [settings]
        assert [group.name for group in browser.get_scan_groups()] == ["Scan000", "Scan001", "Scan002"]
        for number, group in enumerate(browser.get_scan_groups()):
            found = browser.get_h5_attributes(group)
            assert found.scan_settings == f"<scan>{number}</scan>"
            assert found.pixmaps[0] == PNG + bytes([number])
            assert len(found.pixmaps) == (2 if number == 2 else 1)
        assert browser.log_lines() == [f"scan {number} has finished" for number in range(3)]
        assert browser.get_node("/RawData/Detector000/External_data/frames").read().tolist() == [[0, 1, 2], [3, 4, 5]]
    with DataLoader(path, backend=reader) as loader:
        for number, shape in enumerate([(4,), (2, 3), (3,)]):
            power = loader.load_data_from_name_origin("power", "Camera", where=f"/RawData/Scan{number:03d}")
            assert power.data[0].tolist() == (np.arange(np.prod(shape)) + 10 * number).reshape(shape).tolist()
            assert [axis.label for axis in power.get_nav_axes()] == [f"axis {i}" for i in range(len(shape))]
            spectrum = loader.load_data_from_name_origin("spectrum", where=f"/RawData/Scan{number:03d}")
            assert (spectrum.units, spectrum.shape) == ("µV", (*shape, 3))
        logged = loader.load_all("/RawData/Datalogger000")
        assert logged.get_data_from_name("power").data[0].tolist() == [0, 1, 2, 3, 4]
        stage_log = logged.get_data_from_name("Stage")
        assert (stage_log.data[0].tolist(), stage_log.units) == ([0, 0.5, 1, 1.5, 2], "mm")
        assert stage_log.get_nav_axes()[0].get_data().tolist() == [100.5, 101.5, 102.5, 103.5, 104.5]
        taken = loader.load_data_from_name_origin("spectrum", where="/RawData/Detector000")
        assert taken.data[0].tolist() == [0, 7, 14]
        names = [data.name for data in loader.load_all("/RawData")]
        assert names.count("power") == 5
        assert names.count("ElapsedTime") == 3


# ------------------------------------------------------------------------------------------------------------ pictures
def test_a_picture_gets_a_name_that_browsers_show_and_overwrites_none(saver, reopened):
    scan = saver.add_scan_group("/RawData", "DAQScan")
    given = ["pixmap2D", "pixmap2D", "pixmap1D", "pixmap", "", "camera", "camera", "settings"]
    names = [add_png(scan, PNG + bytes([i]), name) for i, name in enumerate(given)]

    assert names == [
        "pixmap2D", "pixmap2D_01", "pixmap1D", "pixmap_01", "pixmap_02", "pixmap_camera", "pixmap_camera_01",
        "pixmap_setting",
    ]  # fmt: skip
    again = reopened("h5py")
    assert [again.get_node(scan.path).attrs[name] for name in names] == [PNG + bytes([i]) for i in range(8)]


def test_a_large_picture_comes_back_whole(saver, tmp_path, backend):
    large = PNG + np.random.default_rng(0).bytes(200_000)
    add_png(saver.get_node("/RawData"), large, "panel")
    path = saver.file_path
    saver.close_file()

    with H5BrowserUtil(backend=backend) as browser:
        browser.open_file(path)
        assert browser.get_h5_attributes("/RawData").pixmaps == [large]


@pytest.mark.parametrize("picture", [b"", b"GIF89a", "text", b"\xff\xd8\xff"])
def test_what_is_no_png_is_refused(saver, picture):
    with pytest.raises(CodecError, match="PNG"):
        add_png(saver.get_node("/RawData"), picture)
    assert not [name for name in saver.get_node("/RawData").attrs if "pixmap" in name]


def test_a_picture_while_streaming(tmp_path):
    with H5SaverLowLevel("scan", backend="h5py") as saver:
        saver.init_file(tmp_path / "stream.h5", swmr=True)
        scan = ScanSaver(extension("DAQScan", module("Camera")))
        scan.h5saver = saver
        scan.get_set_node(new=True)
        scan.set_scan_shape((3,))
        scan.add_data(points(0), (0,))
        assert saver.is_swmr_active
        with pytest.raises(StreamingError):
            add_png(saver.get_node("/RawData/Scan000"), PNG)
        assert scan.add_png(PNG) == "pixmap2D"
        for i in (1, 2):
            scan.add_data(points(i), (i,))
        assert saver.is_swmr_active
    with DataLoader(tmp_path / "stream.h5") as loader:
        assert loader.load_data_from_name_origin("power").data[0].tolist() == [0, 1, 2]
        assert loader.get_node("/RawData/Scan000").attrs["pixmap2D"] == PNG


# -------------------------------------------------------------------------------------------------------- another file
DTYPES = ["bool", "int8", "uint16", "int64", "uint64", "float16", "float32", "float64", "complex64", "complex128"]


def write_source(path, backend):
    with H5Backend(backend) as other:
        other.open_file(path, "x", swmr_mode=False)
        other.root().attrs["title"] = "Camera file"
        other.root().attrs["operator"] = "Zoë"
        group = other.create_group("/", "run 1", title="first", temperature=4.5, path=("a", 1), nothing=None)
        for dtype in DTYPES:
            other.create_carray(group, dtype, np.arange(6).reshape(2, 3).astype(dtype), title=dtype)
        other.create_carray(group, "empty", np.zeros((0, 4)))
        other.create_carray(group, "scalar", np.array(3.5))
        growing = other.create_earray(group, "growing", "float32", (2,), "rows", attributes={"units": "µm"})
        growing.append(np.array([[1, 2], [3, 4], [5, 6]], np.float32))
        lines = other.create_vlarray(group, "lines", text=True)
        for line in ("one", "two µ", ""):
            lines.append(line)
        deep = other.create_group(group, "deep")
        deep.attrs["settings"] = "<x>" + "é" * 120_000 + "</x>"
        raw = {"plain": "text", "number": np.int16(7), "values": np.arange(3.0), "flag": True}
        other.io.set_attributes(deep.handle, raw)


def content(h5, where):
    found = {}
    skipped = {"backend", "VERSION", "external_file", "EXTDIM", "PYTABLES_FORMAT_VERSION", "FLAVOR", "type"}
    for node in h5.walk_nodes(where):
        attributes = {k: v for k, v in node.attrs.to_dict().items() if k not in skipped}
        values = None
        if hasattr(node, "read"):
            values = node.read()
            attributes["dtype on disk"] = str(node.dtype)
        found[node.path.removeprefix(where) or "/"] = (type(node).__name__, attributes, values)
    return found


@pytest.mark.parametrize("writer", BACKENDS)
@pytest.mark.parametrize(
    ("how", "isolated"),
    # how the source is named says nothing of where the target is: each with one of both
    [("path", True), ("path", False), ("text", False), ("backend", True), ("saver", False), ("library", True)],
)
def test_an_external_file_comes_in_as_it_is(tmp_path, saver, writer, how, reopened, backend):
    source = tmp_path / "source.h5"
    write_source(source, writer)
    before = source.read_bytes()
    detector = DetectorSaver(module("Camera"))
    detector.h5saver = saver
    node = detector.get_set_node()
    other = None
    given = {"path": source, "text": str(source)}.get(how)
    if how in ("backend", "saver"):
        given = other = (H5Backend if how == "backend" else H5SaverLowLevel)(backend=writer)
        other.open_file(source, "r")
    elif how == "library":
        given = other = h5py.File(source, "r") if writer == "h5py" else tables.open_file(str(source), "r")

    group = detector.add_external_h5(node, given)

    if other is not None:
        other.close()
    assert (group.path, group.attrs["type"]) == ("/RawData/Detector000/External_data", "external_h5")
    assert (group.attrs["operator"], group.attrs["external_file"]) == ("Zoë", str(source))
    assert source.read_bytes() == before
    with H5Backend(writer) as original:
        original.open_file(source, "r")
        expected = content(original, "/run 1")
    for reader in BACKENDS:
        again = reopened(reader)
        found = content(again, f"{group.path}/run 1")
        assert list(found) == list(expected)
        for path, (kind, attributes, values) in expected.items():
            assert (found[path][0], path) == (kind if path != "/empty" else found[path][0], path)
            mine = found[path][1]
            assert mine.get("dtype on disk") == attributes.get("dtype on disk"), path
            assert mine.keys() >= attributes.keys() - {"CLASS"}, path
            for name, value in attributes.items():
                if (path, name) in (("/growing", "shape"), ("/empty", "CLASS"), ("/lines", "shape")):
                    continue  # what the source says is out of date, or a workaround of PyTables
                np.testing.assert_array_equal(mine[name], value, err_msg=f"{path} {name}")
            np.testing.assert_array_equal(found[path][2], values, err_msg=path)
        log = again.get_set_logger() if reader == backend else None
        assert log is None or log.read() == []


def test_what_cannot_be_copied_is_named_in_the_log(tmp_path, saver):
    source = tmp_path / "foreign.h5"
    with h5py.File(source, "w") as other:
        other["table"] = np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
        other["texts"] = ["one", "two µ"]
        other["fixed"] = np.array([b"ab", b"c"])
        other["fine"] = np.arange(3)
        other["soft"] = h5py.SoftLink("/fine")
        other["out"] = h5py.ExternalLink("elsewhere.h5", "/x")
        other["fine"].attrs["unit"] = "V"
        other["fine"].attrs["reference"] = other["fine"].ref
        other["group/loop"] = other["/"]
        other["ragged"] = np.array([np.arange(2), np.arange(3)], dtype=h5py.vlen_dtype("i4"))
        other.create_dataset("large", data=np.arange(3_000_000, dtype=np.float64).reshape(-1, 10), chunks=(1000, 10))

    group = add_external_h5(saver, "/RawData", source)

    assert group.children_name() == ["fine", "fixed", "group", "large", "texts"]
    assert saver.get_node(f"{group.path}/fine").attrs["unit"] == "V"
    assert saver.get_node(f"{group.path}/fine").title == ""
    assert np.asarray(saver.get_node(f"{group.path}/large").read()).sum() == np.arange(3_000_000.0).sum()
    assert [np.bytes_(x).decode() if isinstance(x, bytes) else x for x in group.get_child("texts").read().tolist()] == [
        "one", "two µ",
    ]  # fmt: skip
    (line,) = saver.get_set_logger().read()
    for name in ("/table", "/soft", "/out", "/ragged", "/group/loop"):
        assert f"{name}:" in line
    assert "/fine, attribute 'reference'" in line
    assert "not followed" in line


def test_several_external_files_stand_side_by_side(tmp_path, saver):
    source = tmp_path / "source.h5"
    write_source(source, "h5py")
    names = [add_external_h5(saver, "/RawData", source).name for _ in range(3)]
    assert names == ["External_data", "External_data_01", "External_data_02"]


def test_sources_that_cannot_be_read(tmp_path, saver):
    (tmp_path / "text.h5").write_text("no file of this kind")
    closed = h5py.File(tmp_path / "closed.h5", "w")
    closed.close()
    for source, error in [
        (tmp_path / "missing.h5", FileNotFoundError),
        (tmp_path / "text.h5", FileOpenError),
        (H5Backend(saver.backend), FileNotOpenError),
        (42, FileOpenError),
        (saver, DataMismatchError),
    ]:
        with pytest.raises(error):
            add_external_h5(saver, "/RawData", source)
    assert saver.get_node("/RawData").children_name() == ["Logger"]


def test_an_external_file_comes_in_while_streaming(tmp_path):
    source = tmp_path / "source.h5"
    write_source(source, "tables")
    with H5SaverLowLevel("scan", backend="h5py") as saver:
        saver.init_file(tmp_path / "stream.h5", swmr=True)
        saver.enable_swmr()
        group = add_external_h5(saver, "/RawData", source)
        assert not saver.is_swmr_active
        assert group.children_name() == ["run 1"]
