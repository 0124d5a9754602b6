"""The peer as client: PyMoDAQ reads what is saved here, its browser opens it, and what it writes is loaded here."""

import struct
import types
import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from nexusformat.nexus.validate import validate_application
from silx.io import nxdata

from h5saver_widget import (
    ActuatorEnlargeableSaver,
    ActuatorExtendedSaver,
    ActuatorSaver,
    ActuatorTimeSaver,
    Axis,
    DataActuator,
    DataLoader,
    DataRaw,
    DataToExport,
    DetectorEnlargeableSaver,
    DetectorExtendedSaver,
    DetectorSaver,
    DetectorTimeSaver,
    H5Backend,
    H5SaverBase,
    H5SaverLowLevel,
    LoggerSaver,
    OptimizerSaver,
    ScanSaver,
)
from h5saver_widget.backends.registry import local_backends

BACKENDS = tuple(local_backends())


# ------------------------------------------------------------------------------------------- written here, read there
def bundle(i=0.0, errors=True):
    x, y = Axis("x", "µm", np.array([1.0, 2.0, 4.0]), 0), Axis("y", "s", np.array([0.5, 7.0]), 0)
    return DataToExport(
        "Det",
        data=[
            DataRaw("zero", data=[np.array([1.5 + i]), np.array([2.5 - i])], labels=["a", "b"], units="V"),
            DataRaw("one", data=[np.arange(3.0) + i] * 2, axes=[x], units="nm", origin="Det",
                    errors=[np.full(3, 0.5 + i), np.full(3, 0.25)] if errors else None, gain=3, note="µ"),
            DataRaw("two", data=[np.arange(6, dtype=np.uint16).reshape(2, 3) + 1], axes=[y], origin="Det"),
        ],
        timestamp=100.0 + i,
    )  # fmt: skip


def cloud():
    axes = [Axis("n", "s", np.array([0.0, 1.0, 3.0, 4.0]), 0), Axis("x", "m", np.array([1.0, 2.0, 4.0]), 1)]
    return DataRaw("cloud", data=[np.arange(12.0).reshape(4, 3) * 1j], axes=axes, nav_indexes=(0,), origin="Det")


def data_paths(paths):
    """Return the paths that the peer lists but for those that show the data once more, which h5py does not hide."""
    return [path for path in paths if not path.startswith("/_i_")]


def write_files(folder, backend, swmr):
    module = types.SimpleNamespace(title="Det")
    paths = [str(folder / f"{kind}.h5") for kind in ("snapshot", "continuous", "scan")]
    with H5SaverLowLevel("detector", backend=backend) as saver:
        saver.init_file(Path(paths[0]), swmr=swmr)
        snapshot = DetectorSaver(module)
        snapshot.h5saver = saver
        dte = bundle()
        dte.append(cloud())
        node = snapshot.get_set_node()
        snapshot.add_data(node, dte)
        snapshot.add_bkg(node, bundle(0.5, errors=False))
        saver.add_log("a line µ")

        saver.init_file(Path(paths[1]), swmr=swmr)
        continuous = DetectorTimeSaver(module)
        continuous.h5saver = saver
        for i in range(4):
            dte = bundle(float(i))
            dte.append(cloud())
            dte.append(DataRaw("burst", data=[np.arange(3.0) + i], nav_indexes=(0,), origin="Det"))
            continuous.add_data(continuous.get_set_node(), dte)

        saver.init_file(Path(paths[2]), swmr=swmr)
        manager = types.SimpleNamespace(detectors_all=[module], actuators_all=[types.SimpleNamespace(title="Stage")])
        scan = ScanSaver(types.SimpleNamespace(title="DAQScan", modules_manager=manager))
        for shape in ((4,), (3, 2)):
            scan.h5saver = saver
            scan.get_set_node(new=True)
            scan.set_scan_shape(shape)
            scan.initialize_time_array()
            scan.add_nav_axes(Axis(f"a{i}", "mm", np.array([0.0, 1, 4, 5])[:n], i) for i, n in enumerate(shape))
            for i, at in enumerate(np.ndindex(shape)):
                scan.add_data(bundle(float(i)), at)
        scan.get_set_node(new=True)
        scan.set_scan_shape((3,))
        scan.add_nav_axes(Axis(c, "mm", np.array([0.0, 5, 2]) + k, 0, spread_order=k) for k, c in enumerate("ab"))
        for i in range(3):
            scan.add_data(bundle(float(i)), (i,), distribution="spread")
        scan.add_png(png())
        scan.add_png(png(), "panel")
    return [*paths, *write_more(folder, backend, swmr)]


def png():
    """Return a picture of one grey point."""
    parts = ((b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0"), (b"IDAT", zlib.compress(b"\0\x80")), (b"IEND", b""))
    chunks = [struct.pack(">I", len(b)) + a + b + struct.pack(">I", zlib.crc32(a + b)) for a, b in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


DTYPES = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
DTYPES += ["bool", "float16", "float32", "float64", "complex64", "complex128"]


def values_of(dtype):
    if dtype == "bool":
        return np.array([True, False, True])
    if "int" in dtype:
        return np.array([np.iinfo(dtype).min, 1, np.iinfo(dtype).max], dtype)
    return (np.array([-1.5, 0.25, 1000.0]) * (1 + 2j if "complex" in dtype else 1)).astype(dtype)


def position(i, title):
    stage = DataActuator(title, data=[np.array([i / 2])], units="mm", origin=title)
    return DataToExport(title, data=[stage], timestamp=200.0 + i)


def of(title, i):
    dte = bundle(float(i))
    for dwa in dte:
        dwa.origin = title
    return dte


def write_more(folder, backend, swmr):
    """Write a file with every other kind of module, and one with every number type, its names in many scripts."""
    paths = [str(folder / "modules.h5"), str(folder / "types.h5")]
    with H5SaverLowLevel("custom", backend=backend) as saver:
        saver.init_file(Path(paths[0]), swmr=swmr)

        def ready(kind, title, *args):
            made = kind(types.SimpleNamespace(title=title), *args)
            made.h5saver = saver
            return made, made.get_set_node()

        growing, grown = ready(DetectorEnlargeableSaver, "growing", ["p", "q"], ["mm", "µs"])
        extended, extent = ready(DetectorExtendedSaver, "extended", (3,))
        extended.add_nav_axes(extent, [Axis("a", "mm", np.array([0.0, 1.0, 5.0]), 0)])
        moved, moved_node = ready(ActuatorSaver, "moved")
        moved.add_data(moved_node, position(3, "moved"))
        moves, moves_node = ready(ActuatorTimeSaver, "moves")
        steps, steps_node = ready(ActuatorEnlargeableSaver, "steps", ["n"], [""])
        places, places_node = ready(ActuatorExtendedSaver, "places", (3,))
        places.add_nav_axes(places_node, [Axis("a", "mm", np.array([0.0, 1.0, 5.0]), 0)])
        modules = {"detectors_all": [types.SimpleNamespace(title="Logged")],
                   "actuators_all": [types.SimpleNamespace(title="Stage")]}  # fmt: skip
        manager = types.SimpleNamespace(**modules)
        logger = LoggerSaver(types.SimpleNamespace(title="DAQ_Logger", modules_manager=manager))
        optimizer = OptimizerSaver(types.SimpleNamespace(title="Optimizer", modules_manager=manager), ["x"], ["mm"])
        for extension in (logger, optimizer):
            extension.h5saver = saver
            extension.get_set_node(new=True)
        for i in range(3):
            growing.add_data(grown, of("growing", i), axis_values=[i * 1.5, -i])
            extended.add_data(extent, of("extended", i), indexes=(i,))
            moves.add_data(moves_node, position(i, "moves"))
            steps.add_data(steps_node, position(i, "steps"), axis_values=[float(i)])
            places.add_data(places_node, position(i, "places"), indexes=(i,))
            logger.add_data(of("Logged", i))
            logger.add_data(position(i, "Stage"))
            optimizer.add_data([i * 0.25], of("Logged", i))
        foreign = folder / "foreign.h5"
        with H5Backend("tables") as other:
            other.open_file(foreign, "x")
            other.create_earray(other.create_group("/", "run"), "rows", "float32", (2,)).append(
                np.ones((3, 2), np.float32)
            )
            other.create_carray("/", "frame", np.arange(4, dtype=np.int16))
        moved.add_external_h5(moved_node, foreign)
        moved.add_external_h5(moved_node, folder / "snapshot.h5")

        saver.init_file(Path(paths[1]), swmr=swmr)
        detector, node = ready(DetectorSaver, "Détecteur Ω")
        typed = [DataRaw(f"{d} λ", data=[values_of(d)] * 2, labels=["α", "日"], units="µm²") for d in DTYPES]
        detector.add_data(node, DataToExport("types", data=typed, timestamp=5.0))
    return paths


def array_of(facts):
    if "real" in facts:
        return (np.array(facts["real"]) + 1j * np.array(facts["imag"])).astype(facts["dtype"])
    return np.array(facts["values"], dtype=facts["dtype"])


def compare(ours, theirs, where, time=True):
    """Compare a data object of ours with what the peer says of its own."""
    for name in ("name", "units", "labels", "origin"):
        assert getattr(ours, name) == theirs[name], (where, name)
    assert (ours.source.name, ours.distribution.name) == (theirs["source"], theirs["distribution"]), where
    assert list(ours.nav_indexes) == theirs["nav_indexes"], where
    assert ours.dim.name == theirs["dim"], where
    if time:
        assert ours.timestamp == theirs["timestamp"], where
    for mine, its in zip(ours.data, theirs["data"], strict=True):
        np.testing.assert_array_equal(mine, array_of(its), err_msg=where)
    assert (ours.errors is None) == (theirs["errors"] is None), where
    for mine, its in zip(ours.errors or (), theirs["errors"] or (), strict=True):
        np.testing.assert_array_equal(mine, array_of(its), err_msg=where)
    # dimensions without an axis: the peer gives them one without label, and so do growing blocks of points here
    found = sorted([*axis[:4], np.round(axis[4], 9).tolist()] for axis in theirs["axes"] if axis[0])
    axes = [[a.label, a.units, a.index, a.spread_order, np.round(a.get_data(), 9).tolist()] for a in ours.axes]
    assert found == sorted(axis for axis in axes if axis[0]), where


def data_nodes(path):
    with DataLoader(path) as loader:
        roles = {node.path: node.attrs.get("data_type") for node in loader.walk_nodes("/")}
    return {node for node, role in roles.items() if role in ("data", "data_enlargeable", "bkg")}


@pytest.mark.parametrize(("reader", "written"), [
    ("h5py", [("h5py", False), ("tables", False)]), ("tables", [("h5py", True), ("tables", False)]),
])  # fmt: skip
def test_the_peer_reads_and_browses_what_is_saved_here(peer, tmp_path, reader, written):
    sets = []
    for writer, swmr in written:
        folder = tmp_path / writer
        folder.mkdir()
        sets.append(write_files(folder, writer, swmr))
    # a click on each node takes the peer's browser seconds: each kind of file is looked at by both libraries, and
    # written by both, but not in each pair of them; the large ones once
    (snapshot, continuous, scan, *_), (snapshot_too, continuous_too, scan_too, modules, _) = sets
    browsed = [snapshot, continuous_too, scan] if reader == "h5py" else [snapshot_too, continuous, scan_too, modules]

    report = peer.ask("peer_reader", tmp_path, backend=reader, read=[*sets[0], *sets[1]], browse=browsed)

    for paths in sets:
        for path, expected in zip(paths, (4, 5, 4, 18, 14), strict=True):  # the peer keeps one of each name and origin
            check_reading(path, report["read"][path], expected, has_log=path == paths[0])
    for path in browsed:
        with DataLoader(path) as loader:
            nodes = [node.path for node in loader.walk_nodes("/")]
        assert sorted(data_paths(report["browse"][path]["paths"])) == sorted(nodes)
        assert report["browse"][path]["complaints"] == []


@pytest.mark.parametrize("library", BACKENDS)
def test_the_peer_writes_into_files_with_an_entry(peer, tmp_path, library):
    """Its browser has them open for writing, its saver appends: they stay valid, and show what was recorded here."""
    paths = [str(tmp_path / f"{writer}.h5") for writer in BACKENDS]
    for writer, path in zip(BACKENDS, paths, strict=True):
        with H5SaverLowLevel("detector", backend=writer) as saver:
            saver.init_file(path)
            timed = DetectorTimeSaver(types.SimpleNamespace(title="Timed"))
            timed.h5saver = saver
            for i in range(3):
                timed.add_data(timed.get_set_node(), bundle(float(i)))
    report = peer.ask("peer_reader", tmp_path, backend=library, append=paths)
    for path in paths:
        with DataLoader(path) as loader:
            assert len(loader.load_all()) == 6
            nodes = [node.path for node in loader.walk_nodes("/")]
        assert sorted(data_paths(report[path]["paths"])) == sorted(nodes)
        assert report[path]["complaints"] == []
        assert validate_application(path)[1] == 0
        with h5py.File(path) as file:
            assert nxdata.get_default(file).group.name == "/_i_entry/det_two"


@pytest.mark.parametrize("backend", BACKENDS)
def test_numbers_and_clocks_of_devices_are_in_nobodys_way(peer, tmp_path, backend):
    """A file with them, and with a table of gaps, says the same to the peer as one without."""
    told = []
    for name in ("plain", "stamped"):
        saver = H5SaverBase("detector", backend)
        saver.start(tmp_path / f"{name}.h5")
        for n in range(4):
            device = {"number": 2 * n, "clock": 0.5 * n} if name == "stamped" else {}
            saver.record("camera", np.full((2, 3), n), units="V", time=100.0 + n, **device)
        saver.stop()
        path = str(tmp_path / f"{name}.h5")
        read = peer.ask("peer_reader", tmp_path, backend=backend, read=[path], browse=[path])
        assert read["browse"][path]["complaints"] == [] and read["read"][path]["failed"] == {}
        assert validate_application(path)[1] == 0
        nodes = read["read"][path]["nodes"]
        told.append({key: {**facts, "timestamp": 0} for key, facts in nodes.items()})
    assert told[0] == told[1] and len(told[0]) == 1


def test_the_peer_opens_every_segment(peer, tmp_path):
    changes = [{}, {"units": "V"}, {"data": [np.arange(4)]}, {"axes": [Axis("x", "nm", np.arange(4.0))]}, {"gain": 2}]
    changes += [{"axes": [Axis("x", "nm", np.arange(4.0) + i)], "type": "dark", "gain": 2} for i in range(3)]
    changes += [{"data": [np.array(["on", "off", "é", ""])]}, {"data": [np.arange(4).astype("M8[s]")]}]
    frames = [
        DataRaw("v", **{"data": [np.arange(4.0) + i], "origin": "Det", "gain": 1, **new})
        for i, new in enumerate(changes)
    ]
    paths = {}
    for writer in BACKENDS:
        paths[writer] = str(tmp_path / f"{writer}.h5")
        with H5SaverLowLevel("detector", backend=writer) as saver:
            saver.init_file(paths[writer])
            timed = DetectorTimeSaver(types.SimpleNamespace(title="Timed"))
            scan = DetectorExtendedSaver(types.SimpleNamespace(title="Scanned"), (len(frames),))
            for made in (timed, scan):
                made.h5saver = saver
                made.get_set_node()
            scan.add_nav_axes(scan.module_group, [Axis("a", "mm", np.arange(len(frames)) * 1.5, 0)])
            for i, data in enumerate(frames):
                timed.add_data(timed.module_group, DataToExport("grab", data=[data], timestamp=100.0 + i))
                scan.add_data(scan.module_group, DataToExport("grab", data=[data]), indexes=(i,))
    for reader in BACKENDS:
        report = peer.ask("peer_reader", tmp_path, backend=reader, read=[*paths.values()], browse=[paths[reader]])
        assert report["browse"][paths[reader]]["complaints"] == []
        for path in paths.values():
            read = report["read"][path]
            assert read["failed"] == {}
            assert {key.rsplit(" ", 1)[0] for key in read["nodes"]} == data_nodes(path)
            with H5SaverLowLevel(backend=reader) as saver:
                saver.open_file(path)
                for key, theirs in read["nodes"].items():
                    held = saver.get_node(key.rsplit(" ", 1)[0])
                    np.testing.assert_array_equal(array_of(theirs["data"][0]), held.read())
                    along = [axis for axis in theirs["axes"] if axis[2] == 0]
                    start, step = (100, 1) if "EnlData" in held.name else (0, 1.5)
                    assert along[0][4] == [
                        start + step * i for i in range(held.shape[0])
                    ]  # in step, unwritten rows too


def check_reading(path, read, expected, has_log):
    """Compare all data that the peer read in a file with what is loaded here."""
    assert read["failed"] == {}
    assert len(read["all"]) == expected
    assert ("a line µ" in read["log"]) == has_log
    with DataLoader(path) as loader:
        for key, theirs in read["nodes"].items():
            node, with_bkg = key.rsplit(" ", 1)
            if with_bkg == "True" and not node.endswith("00"):
                continue  # the peer subtracts the background of the first channel from all of them
            ours = loader.load_data(node, with_bkg=with_bkg == "True")
            if "/Bkg" in node:
                ours.errors, theirs["errors"] = None, None  # the peer takes the errors of the data for them
            compare(ours, theirs, f"{path} {key}")
    assert {key.rsplit(" ", 1)[0] for key in read["nodes"]} == data_nodes(path)


# ------------------------------------------------------------------------------------------- written there, read here
@pytest.fixture(scope="module")
def peer_files(peer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("written by the peer")
    return peer.ask("peer_reader", folder, write=str(folder), objects=str(folder))


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_the_peer_writes_is_loaded_here(peer_files, backend):
    kinds = set()
    for path, report in peer_files["write"].items():
        if backend == "tables" and "swmr" in path:
            continue  # HDF5 1.14 inside PyTables can't decode what HDF5 2.0 writes with libver 'latest'
        kinds.add(report["kind"])
        with DataLoader(path, backend=backend) as loader:
            assert len(loader.load_all("/")) == len(report["all"])
            for key, theirs in report["nodes"].items():
                node, with_bkg = key.rsplit(" ", 1)
                if with_bkg == "True" and not node.endswith("00"):
                    continue
                ours = loader.load_data(node, with_bkg=with_bkg == "True")
                if "/Bkg" in node:
                    ours.errors, theirs["errors"] = None, None
                compare(ours, theirs, f"{path} {key}")
            if report["kind"] == "snapshot":
                cloud_read = loader.load_data_from_name_origin("cloud", "Det")
                assert (cloud_read.gain, cloud_read.nav_indexes) == (3, (0,))
    assert kinds == {"snapshot", "timed", "scan", "spread"}


@pytest.mark.parametrize("backend", BACKENDS)
def test_objects_of_the_peer_are_saved_as_they_are(peer_files, backend):
    for path, report in peer_files["objects"].items():
        with DataLoader(path, backend=backend) as loader:
            snapshot = loader.load_all("/RawData/Detector000")
            assert len(snapshot) == 5
            for theirs in report["snapshot"]:
                ours = snapshot.get_data_from_name(theirs["name"])
                compare(ours, theirs, f"{path} {ours.name}")
            with_bkg = loader.load_all("/RawData/Detector000", with_bkg=True)
            assert with_bkg.get_data_from_name("two").data[0].tolist() == [[0, 0, 0], [0, 0, 0]]
            for theirs in report["points"][0]:
                single = loader.load_data_from_name_origin(theirs["name"], where="/RawData/Detector001")
                compare(single, theirs, f"{path} single {single.name}", time=False)
            places = ["/RawData/Detector002", "/RawData/Detector003", "/RawData/Detector004", "/RawData/Scan000"]
            for place in places:
                for ours in loader.load_all(place):
                    points = [next(f for f in point if f["name"] == ours.name) for point in report["points"]]
                    expected = [np.stack([array_of(f["data"][c]) for f in points]) for c in range(len(ours))]
                    for mine, its in zip(ours.data, expected, strict=True):
                        np.testing.assert_array_equal(mine, its.reshape(mine.shape), err_msg=f"{path} {place}")
                        assert mine.dtype == its.dtype
                    if points[0]["errors"]:
                        errors = np.stack([array_of(f["errors"][0]) for f in points])
                        np.testing.assert_array_equal(ours.errors[0], errors)
                    assert (ours.units, ours.labels) == (points[0]["units"], points[0]["labels"])
            grown = loader.load_data("/RawData/Detector004/Data0D/CH00/EnlData00")
            assert grown.get_nav_axes()[0].get_data().tolist() == [0, 1, 2]
