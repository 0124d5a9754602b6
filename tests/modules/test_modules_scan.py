"""Savers of modules with sub-modules: scans, loggers, optimisations."""

import subprocess
import sys
import types

import numpy as np
import pytest

from h5saver_widget import (
    Axis,
    DataActuator,
    DataLoader,
    DataMismatchError,
    DataRaw,
    DataToExport,
    FileNotOpenError,
    H5SaverLowLevel,
    LoggerSaver,
    OptimizerSaver,
    ScanSaver,
    TimeModuleSaver,
)
from h5saver_widget.backends.registry import local_backends

BACKENDS = tuple(local_backends())


def module(title, **more):
    return types.SimpleNamespace(title=title, **more)


def extension(title="DAQScan", detectors=("Camera", "Spectro"), actuators=("Stage",)):
    manager = module(
        "manager", detectors_all=[module(t) for t in detectors], actuators_all=[module(t) for t in actuators]
    )
    return module(title, modules_manager=manager)


def point(i, *origins):
    made = {
        "Camera": lambda: DataRaw("image", data=[np.full((2, 3), i, np.uint16)], origin="Camera"),
        "Spectro": lambda: DataRaw(
            "line", data=[np.arange(4.0) + i], origin="Spectro", axes=[Axis("w", "nm", np.array([1.0, 2, 4, 8]))]
        ),
        "Stage": lambda: DataActuator("Stage", data=float(i), origin="Stage", units="mm"),
    }
    return DataToExport(
        "Scan", data=[made[origin]() for origin in origins or ("Camera", "Spectro")], timestamp=10.0 + i
    )


def bundle(dte, indexes=(), axis_values=(), distribution="uniform"):
    """Return what a host hands over: an object of its own class."""
    return types.SimpleNamespace(
        dte=dte,
        node=None,
        settings="",
        indexes=indexes,
        axis_values=axis_values,
        distribution=module(distribution, name=distribution),
        save_index=0,
    )


def axes(shape):
    return [Axis(f"axis {i}", "mm", np.arange(n) * 0.5, index=i) for i, n in enumerate(shape)]


def start_scan(scan, h5saver, shape):
    """Make the calls in the order that was traced in a running DAQ_Scan."""
    scan.h5saver = h5saver
    node = scan.get_set_node(new=True)
    node.attrs["scan_name"] = node.name
    scan.set_scan_shape(shape)
    scan.h5saver = h5saver
    scan.initialize_time_array(shape)
    if h5saver.swmr_mode:
        h5saver.set_swmr_flush_interval(1)
    scan.add_nav_axes(axes(shape))
    return node


@pytest.mark.parametrize("shape", [(5,), (3, 2)])
def test_scan_in_any_order_with_the_saver_assigned_again_and_again(saver, reopened, shape):
    scan = ScanSaver(extension())
    node = start_scan(scan, saver, shape)
    points = list(np.ndindex(shape))[::-1][:-1]
    for i, at in enumerate(points):
        scan.h5saver = saver
        scan.set_scan_shape(shape)
        scan.add_data_bundle(bundle(point(i), at))
    scan.flush()
    assert node.path == "/RawData/Scan000"
    assert set(node.children_name()) == {"Detector000", "Detector001", "Actuator000", "NavAxes", "Timestamps"}
    assert node.attrs["description"] == ""
    assert saver.frames_saved == len(points)

    for reader in BACKENDS:
        loader = DataLoader(reopened(reader))
        line = loader.load_data("/RawData/Scan000/Detector001/Data1D/CH00/Data00")
        for i, at in enumerate(points):
            np.testing.assert_array_equal(line.data[0][at], np.arange(4.0) + i)
        assert np.isnan(line.data[0][(0,) * len(shape)]).all()
        assert line.get_nav_axes() == axes(shape)
        assert [axis.label for axis in line.get_signal_axes()] == ["w"]
        elapsed = loader.load_data("/RawData/Scan000/Timestamps/Data0D/CH00/Data00")
        assert (elapsed.dtype, elapsed.units, elapsed.shape) == (np.float32, "s", shape)
        assert elapsed.data[0][points[0]] == 0
        assert np.nansum(elapsed.data[0] < 0) == 0
        assert np.isnan(elapsed.data[0]).sum() == 1
        assert len(loader.load_all("/RawData/Scan000")) == 3


@pytest.mark.parametrize("fill", [0.0, np.nan])
def test_a_scan_that_was_stopped_holds_the_fill_value(saver, reopened, fill):
    saver.fill_value = fill
    scan = ScanSaver(extension())
    start_scan(scan, saver, (2, 2))
    scan.add_data(point(3, "Camera", "Spectro", "Stage"), (1, 0))

    for reader in BACKENDS:
        found = {data.name: data for data in DataLoader(reopened(reader)).load_all("/")}
        np.testing.assert_array_equal(found["Stage"].data[0], [[fill, fill], [3, fill]])
        np.testing.assert_array_equal(found["line"].data[0][..., 0], [[fill, fill], [3, fill]])
        np.testing.assert_array_equal(found["image"].data[0][..., 0, 0], [[0, 0], [3, 0]])  # integers have no nan
        np.testing.assert_array_equal(np.isnan(found["ElapsedTime"].data[0]), [[True, True], [False, True]])
        assert found["line"].get_nav_axes() == axes((2, 2))


@pytest.mark.parametrize("kind", ["RAMP", types.SimpleNamespace(name="RAMP")], ids=["text", "foreign enum"])
def test_a_host_s_own_kind_of_group(saver, kind):
    class RampSaver(LoggerSaver):
        group_type = kind

    ramp = RampSaver(extension("Ramp"))
    ramp.h5saver = saver
    node = ramp.get_set_node(new=True)
    ramp.add_data(point(0, "Stage"))

    assert (node.path, node.attrs["type"]) == ("/RawData/Ramp000", "ramp")
    assert ramp.get_next_node_name() == "Ramp001"
    assert DataLoader(saver).load_data_from_name_origin("Stage", where=node).data[0].tolist() == [0]


def test_spread_scan(saver):
    scan = ScanSaver(extension())
    scan.h5saver = saver
    scan.get_set_node(new=True)
    scan.set_scan_shape((3,))
    spread = [Axis(name, "mm", np.array([0.0, 4.0, 1.0]) + i, 0, spread_order=i) for i, name in enumerate("xy")]
    scan.add_nav_axes(spread)
    for i in range(3):
        scan.add_data_bundle(bundle(point(i), [i], distribution="spread"))

    for data in DataLoader(saver).load_all("/"):
        assert data.get_nav_axes() == spread
        assert data.distribution.name == "spread"


def test_many_scans_and_their_names(saver):
    scan = ScanSaver(extension())
    for number in range(3):
        node = start_scan(scan, saver, (2 + number,))
        for i in range(2 + number):
            scan.add_data(point(i), (i,))
        assert node.path == f"/RawData/Scan{number:03d}"
        assert scan.get_last_node() == node
        assert scan.get_next_node_name() == f"Scan{number + 1:03d}"
    loader = DataLoader(saver)
    assert [data.shape[0] for data in loader.load_all("/") if data.name == "line"] == [2, 3, 4]
    assert [group.name for group in saver.get_scan_groups()] == ["Scan000", "Scan001", "Scan002"]


def test_second_scan_in_a_file_that_was_closed_in_between(saver):
    scan = ScanSaver(extension())
    for _ in range(2):
        start_scan(scan, saver, (2,))
        for i in range(2):
            scan.add_data(point(i), (i,))
        path = saver.file_path
        saver.close_file()
        saver.init_file(path)

    assert [data.data[0].shape for data in DataLoader(saver).load_all("/") if data.name == "line"] == [(2, 4)] * 2


def test_a_scan_goes_on_after_its_file_was_closed_and_opened(saver):
    scan = ScanSaver(extension())
    start_scan(scan, saver, (2,))
    scan.add_data(point(0), (0,))
    path = saver.file_path
    saver.close_file()
    saver.init_file(path)
    scan.h5saver = saver
    scan.add_data(point(1), (1,))

    assert len(saver.get_scan_groups()) == 1
    line = DataLoader(saver).load_data("/RawData/Scan000/Detector001/Data1D/CH00/Data00")
    assert line.data[0][:, 0].tolist() == [0, 1]
    elapsed = saver.get_node("/RawData/Scan000/Timestamps/Data0D/CH00/Data00").read()
    assert not np.isnan(elapsed).any()


def test_a_point_is_written_as_a_whole_or_not_at_all(saver):
    scan = ScanSaver(extension())
    start_scan(scan, saver, (2,))
    scan.add_data(point(0), (0,))
    bad = point(1)
    bad[1].data = [np.zeros(4, [("a", int)])]  # records
    with pytest.raises(DataMismatchError, match="line"):
        scan.add_data(bad, (1,))
    with pytest.raises(DataMismatchError, match=r"\(2,\) is not in a scan of shape \(2,\)"):
        scan.add_data(point(1), (2,))

    image = saver.get_node("/RawData/Scan000/Detector000/Data2D/CH00/Data00").read()
    assert image[1].tolist() == np.zeros((2, 3)).tolist()
    assert np.isnan(saver.get_node("/RawData/Scan000/Timestamps/Data0D/CH00/Data00").read()[1])


@pytest.mark.parametrize("kind", [ScanSaver, LoggerSaver, OptimizerSaver])
def test_unknown_origin(saver, kind):
    host = kind(extension())
    host.h5saver = saver
    host.get_set_node(new=True)
    stranger = DataToExport("grab", data=[DataRaw("a", data=[np.ones(1)], origin="Nobody")])
    with pytest.raises(DataMismatchError, match=r"'Nobody'.*Camera, Spectro, Stage"):
        host.add_data_bundle(bundle(stranger, (0,), (0,)))


def test_every_module_gets_a_group_and_modules_may_come_later(saver):
    host = extension()
    scan = ScanSaver(host)
    node = start_scan(scan, saver, (2,))
    titles = [child.title for child in node.children().values()]
    assert {"Camera", "Spectro", "Stage"} <= set(titles)
    host.modules_manager.detectors_all.append(module("Late"))
    scan.h5saver = saver
    late = DataRaw("late", data=[np.ones(1)], origin="Late")
    scan.add_data(DataToExport("Scan", data=[late]), (1,))

    np.testing.assert_array_equal(saver.get_node("/RawData/Scan000/Detector002/Data0D/CH00/Data00").read(), [np.nan, 1])


def test_a_host_without_modules(saver):
    scan = ScanSaver(module("Bare"))
    scan.h5saver = saver
    assert scan.get_set_node(new=True).children_name() == []


def test_dynamic_does_not_touch_times(saver):
    saver.dynamic = np.dtype("uint16")
    scan = ScanSaver(extension())
    start_scan(scan, saver, (2,))
    scan.add_data(point(1), (0,))

    assert saver.dynamic == np.dtype("uint16")
    assert saver.get_node("/RawData/Scan000/Timestamps/Data0D/CH00/Data00").read().dtype == np.float32
    assert saver.get_node("/RawData/Scan000/Detector001/Data1D/CH00/Data00").read().dtype == np.uint16


def test_a_scan_without_times_leaves_those_of_the_last_scan_alone(saver):
    scan = ScanSaver(extension())
    start_scan(scan, saver, (2,))
    scan.add_data(point(0), (0,))
    scan.get_set_node(new=True)
    scan.set_scan_shape((2, 2))
    scan.add_data(point(1), (1, 1))

    assert np.isnan(saver.get_node("/RawData/Scan000/Timestamps/Data0D/CH00/Data00").read()[1])
    assert "Timestamps" not in saver.get_node("/RawData/Scan001").children_name()


def test_time_module_alone(saver):
    times = TimeModuleSaver()
    times.h5saver = saver
    group = saver.add_scan_group(title="scan")
    assert times.prepare(times.elapsed(1.0, 0.0), (0,), "uniform") is None  # not initialised: nothing to write to
    times.initialize(group, (2,))
    times.initialize(group, (2,))
    times.prepare(times.elapsed(1.5, 0.0), (1,), "uniform")()

    np.testing.assert_array_equal(saver.get_node(group, "Timestamps/Data0D/CH00/Data00").read(), [np.nan, 1.5])


def test_point_of_a_scan_looks_nothing_up(saver, monkeypatch):
    scan = ScanSaver(extension())
    start_scan(scan, saver, (40,))
    scan.add_data(point(0), (0,))
    saver.flush_seconds = float("inf")
    calls = []
    for name in ("children", "node", "kind", "get_attributes", "attribute_names", "info", "flush"):
        monkeypatch.setattr(saver.io, name, lambda *a, name=name, **k: calls.append(name))
    for i in range(1, 40):
        scan.h5saver = saver
        scan.add_data(point(i), (i,))

    assert calls == []


# ------------------------------------------------------------------------------------------------------ SWMR
READ = """
import sys
from h5saver_widget import H5SaverLowLevel
with H5SaverLowLevel(backend="h5py") as reader:
    reader.open_file(sys.argv[1], "r", swmr_mode=True, locking=False)
    print(reader.get_node(sys.argv[2]).read()[:, 0].tolist())
"""


def test_swmr_scans_one_after_the_other(tmp_path):
    path = tmp_path / "swmr.h5"
    with H5SaverLowLevel("scan", backend="h5py") as saver:
        saver.init_file(path, swmr=True)
        scan = ScanSaver(extension())
        for number in range(2):
            start_scan(scan, saver, (3,))
            assert not saver.is_swmr_active
            for i in range(3):
                scan.add_data_bundle(bundle(point(i), (i,)))
                assert saver.is_swmr_active
                if (number, i) == (1, 1):
                    node = "/RawData/Scan001/Detector001/Data1D/CH00/Data00"
                    seen = subprocess.run(
                        [sys.executable, "-c", READ, path, node], capture_output=True, text=True, check=True
                    )
                    assert seen.stdout.strip() == "[0.0, 1.0, nan]"

    for backend in BACKENDS:
        with DataLoader(path, backend=backend) as loader:
            assert len(loader.load_all("/")) == 6
            assert not loader.get_node("/").attrs["swmr_active"]


def test_swmr_data_that_come_late_interrupt_streaming(tmp_path):
    with H5SaverLowLevel("scan", backend="h5py") as saver:
        saver.init_file(tmp_path / "late.h5", swmr=True)
        scan = ScanSaver(extension())
        start_scan(scan, saver, (3,))
        scan.add_data(point(0, "Camera"), (0,))
        scan.add_data(point(1, "Camera", "Spectro", "Stage"), (1,))
        scan.add_data(point(2, "Spectro"), (2,))
        assert saver.is_swmr_active
        loader = DataLoader(saver)
        line = loader.load_data("/RawData/Scan000/Detector001/Data1D/CH00/Data00").data[0][:, 0]
        np.testing.assert_array_equal(line, [np.nan, 1, 2])
        image = loader.load_data("/RawData/Scan000/Detector000/Data2D/CH00/Data00").data[0][:, 0, 0]
        assert image.tolist() == [0, 1, 0]
        assert not np.isnan(saver.get_node("/RawData/Scan000/Timestamps/Data0D/CH00/Data00").read()).any()


# -------------------------------------------------------------------------------------------- logger, optimizer
def test_logger_saves_every_module_at_its_own_pace(saver):
    logger = LoggerSaver(extension("DAQLogger"))
    logger.h5saver = saver
    node = logger.get_set_node(new=True)
    assert (node.path, node.attrs["type"]) == ("/RawData/Datalogger000", "datalogger")
    logger.create_module_group(node)
    camera, stage = point(0, "Camera"), point(1, "Stage")
    camera.name = "Camera"
    camera[0].origin = ""
    logger.add_data(camera)
    logger.h5saver = saver
    logger.add_data_bundle(bundle(stage))
    logger.add_data(point(2, "Stage", "Camera"))

    loader = DataLoader(saver)
    image = loader.load_data(f"{node.path}/Detector000/Data2D/CH00/EnlData00")
    assert image.data[0][:, 0, 0].tolist() == [0, 2]
    position = loader.load_data(f"{node.path}/Actuator000/Data0D/CH00/EnlData00")
    assert position.get_nav_axes()[0].get_data().tolist() == [11, 12]


def test_optimizer(saver):
    optimizer = OptimizerSaver(extension("Optimizer"), ["x", "y"], ["mm", "V"])
    optimizer.h5saver = saver
    node = optimizer.get_set_node(new=True)
    for i in range(3):
        optimizer.add_data_bundle(bundle(point(i), axis_values=[i, np.array([2.0 * i])]))
    bad = DataToExport("Scan", data=[point(3)[0], DataRaw("line", data=[np.zeros(7, [("a", int)])], origin="Spectro")])
    with pytest.raises(DataMismatchError):
        optimizer.add_data([3, 3], bad)
    optimizer.add_data([4, 8], point(4))
    optimizer.add_data([5, 5])

    assert node.path == "/RawData/Optimizer000"
    for data in DataLoader(saver).load_all(node):
        assert [axis.get_data().tolist() for axis in data.get_nav_axes()] == [[0, 1, 2, 4], [0, 2, 4, 8]]

    optimizer.forget_h5()
    assert optimizer.h5saver is saver and optimizer.module_group is None  # a host closes the file by it next
    assert optimizer.get_set_node() == node
    with pytest.raises(FileNotOpenError, match="Optimizer: no saver"):
        OptimizerSaver(extension("Optimizer")).add_data([0, 0], point(0))
