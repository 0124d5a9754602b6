"""The simple way: what record, snapshot and scan leave in a file, and what they say to data that can't be saved."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from h5saver_widget import (
    Axis,
    AxisError,
    DataLoader,
    DataMismatchError,
    DataRaw,
    DataToExport,
    DetectorSaver,
    DetectorTimeSaver,
    DynamicRangeError,
    FileOpenError,
    H5Saver,
    Recorder,
    RecorderState,
    ScanSaver,
)

TIME = np.linspace(0.0, 1e-3, 4)
RECORDS = np.zeros(2, [("a", int)])
FRAME = np.arange(12.0).reshape(3, 4)


@pytest.fixture(params=["h5py", "tables"])
def backend(request):
    return request.param


def content(path):
    """Return everything in a file that does not depend on when it was made: shapes, values, meaning."""
    found = {}
    with DataLoader(path) as loader:
        for node in loader.walk_nodes("/RawData"):
            attributes = {k: v for k, v in node.attrs.to_dict().items() if k in _MEANING}
            values = getattr(node, "shape", None)
            if values and "Logger" not in node.path and node.title not in ("ElapsedTime",):
                values = str(np.asarray(node.read()).tolist())  # nan is nan
            found[node.path] = node.title, attributes, None if node.title == "ElapsedTime" else values
    return found


_MEANING = {
    "units",
    "label",
    "data_type",
    "data_dimension",
    "distribution",
    "nav_indexes",
    "index",
    "exposure",
}


def test_frames_are_on_disk_as_a_module_saver_writes_them(tmp_path, backend):
    times = [100.0, 101.0, 102.5]
    with Recorder(tmp_path / "simple.h5", backend) as recorder:
        for number, time in enumerate(times):
            v = {"ch1": TIME + number, "ch2": -TIME}
            assert recorder.record("scope", v, units="V", axes={"time": (TIME, "s")}, time=time, exposure=0.1)
            assert recorder.record("meter", number + 0.5, units="mbar", time=time)
            assert recorder.record("camera", FRAME + number, axes={"y": ([0, 1, 2], "mm"), "x": TIME}, time=time)
    with Recorder(tmp_path / "modules.h5", backend) as h5saver:
        savers = {name: DetectorTimeSaver(name) for name in ("scope", "meter", "camera")}
        for number, time in enumerate(times):
            axes = [Axis("y", "mm", data=np.array([0, 1, 2]), index=0), Axis("x", data=TIME, index=1)]
            data = {
                "scope": DataRaw(
                    "scope",
                    data=[TIME + number, -TIME],
                    labels=["ch1", "ch2"],
                    units="V",
                    axes=[Axis("time", "s", data=TIME)],
                    timestamp=time,
                    exposure=0.1,
                ),
                "meter": DataRaw("meter", data=[np.array([number + 0.5])], units="mbar", timestamp=time),
                "camera": DataRaw("camera", data=[FRAME + number], axes=axes, timestamp=time),
            }
            for name, saver in savers.items():
                saver.h5saver = h5saver
                bundle = DataToExport(name, data=[data[name]])
                bundle.timestamp = time
                saver.add_data(saver.get_set_node(), bundle)
    assert content(tmp_path / "simple.h5") == content(tmp_path / "modules.h5")


def test_points_of_a_scan_are_on_disk_as_a_scan_saver_writes_them(tmp_path, backend):
    x, y = np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0])
    points = [(i, j) for i in range(3) for j in range(2) if (i, j) != (2, 1)]
    with Recorder(tmp_path / "simple.h5", backend) as recorder:
        with recorder.scan("map", {"x": (x, "mm"), "y": (y, "mm")}) as scan:
            for i, j in reversed(points):
                assert scan.record((i, j), "detector", TIME + i, units="counts", axes={"wavelength": (TIME, "nm")})
                assert scan.record((i, j), "power", float(j), units="W")
            assert recorder.scan_runs
            with pytest.raises(DataMismatchError, match=r"the point \(3, 0\) is not in a scan of shape \(3, 2\)"):
                scan.record((3, 0), "detector", TIME)
        assert not recorder.scan_runs
    with Recorder(tmp_path / "modules.h5", backend) as h5saver:
        modules = [SimpleNamespace(title="detector"), SimpleNamespace(title="power")]
        manager = SimpleNamespace(detectors_all=modules, actuators_all=[])
        saver = ScanSaver(SimpleNamespace(title="map", modules_manager=manager))
        saver.set_scan_shape((3, 2))
        saver.h5saver = h5saver
        saver.get_set_node(new=True)
        saver.add_nav_axes([Axis("x", "mm", data=x, index=0), Axis("y", "mm", data=y, index=1)])
        saver.initialize_time_array()
        for i, j in reversed(points):
            axes = [Axis("wavelength", "nm", data=TIME)]
            spectrum = DataRaw("detector", data=[TIME + i], units="counts", axes=axes, origin="detector")
            power = DataRaw("power", data=[np.array([float(j)])], units="W", origin="power")
            saver.add_data(DataToExport("point", data=[spectrum, power]), (i, j))
    assert content(tmp_path / "simple.h5") == content(tmp_path / "modules.h5")


def test_a_snapshot_is_in_the_open_file_or_in_one_of_its_own(tmp_path, backend):
    saver = Recorder(backend=backend)
    saver.settings["base_path"] = str(tmp_path)
    own = saver.snapshot("camera", FRAME, units="counts")
    assert own.is_file() and not saver.isopen() and saver.status().state is RecorderState.CLOSED
    assert saver.status().path == own and not saver.record("camera", FRAME)
    saver.start(tmp_path / "run.h5")
    assert saver.snapshot("camera", FRAME, units="counts") == tmp_path / "run.h5"
    assert saver.record("camera", FRAME, units="counts")
    saver.stop()
    with Recorder(tmp_path / "module.h5", backend) as other:
        module = DetectorSaver("camera")
        module.h5saver = other
        module.add_data(
            module.get_set_node(), DataToExport("g", data=[DataRaw("camera", data=[FRAME], units="counts")])
        )
    array = "/RawData/Detector000/Data2D/CH00/Data00"
    wanted = content(tmp_path / "module.h5")[array]
    assert content(own)[array] == content(tmp_path / "run.h5")[array] == wanted
    with DataLoader(tmp_path / "run.h5") as loader:
        assert loader.load_data("/RawData/Detector000/Data2D/CH01/EnlData00").data[0].shape == (1, 3, 4)


def test_both_ways_mix_in_one_file(tmp_path, backend):
    with Recorder(tmp_path / "run.h5", backend) as recorder:
        module = DetectorTimeSaver("meter")
        module.h5saver = recorder
        for number in range(6):
            if number % 2:
                recorder.record("meter", float(number), units="V")
            else:
                module.add_data(module.get_set_node(), DataRaw("meter", data=[np.array([float(number)])], units="V"))
            recorder.record("other", number)
    with DataLoader(tmp_path / "run.h5") as loader:
        data = loader.load_data("/RawData/Detector000/Data0D/CH00/EnlData00")
        assert data.data[0].ravel().tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0] and data.axes[0].size == 6


def rows_of(loader):
    """Return value, units, size, exposure and time of every frame of a file, by the values."""
    found = []
    for node in loader.walk_nodes("/RawData"):
        if node.name == "EnlData00":
            data = loader.load_data(node.path, load_all=False)
            times = next(axis for axis in data.axes if axis.index == 0).get_data()
            exposures = np.broadcast_to(np.ravel(getattr(data, "exposure", np.nan)), len(times))
            for row, time, exposure in zip(data.data[0].reshape(len(times), -1), times, exposures, strict=True):
                found.append((row[0], data.units, row.size, exposure if exposure == exposure else None, time))
    return sorted(found)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_both_ways_mix_in_one_group_whatever_changes_on_the_way(tmp_path, backend, seed):
    choice, wanted = random.Random(seed).choice, []
    with Recorder(tmp_path / "run.h5", backend) as recorder:
        recorder.settings["backend", "isolated"] = False
        module = DetectorTimeSaver("meter")
        module.h5saver = recorder
        for number in range(40):
            if number % choice((1, 2, 4)) == 0:
                units, size, exposure = choice(("V", "mV")), choice((1, 2)), choice((None, 0.1, 0.2))
            value, time = np.full(size, float(number)), 1000.0 + number
            more = {} if exposure is None else {"exposure": exposure}
            if choice((True, False)):
                assert recorder.record("meter", value, units=units, time=time, **more)
            else:
                data = DataRaw("meter", data=[value], labels=["meter"], units=units, timestamp=time, **more)
                module.add_data(module.get_set_node(), DataToExport("meter", data=[data], timestamp=time))
            wanted.append((float(number), units, size, exposure, time))
    with DataLoader(tmp_path / "run.h5") as loader:
        assert rows_of(loader) == wanted


def test_a_change_of_type_alone_is_a_change(tmp_path, backend):
    gains = [1, 1, 1, True, 1.0, "1", 1]
    with Recorder(tmp_path / "a.h5", backend=backend) as recorder:
        for label in (*("1" for _ in range(4)), 1, True):
            recorder.record("scope", {label: 0.5})
        for gain in gains:
            recorder.record("meter", 0.5, gain=gain)
    with DataLoader(tmp_path / "a.h5") as loader:
        *scopes, meter = loader.load_all("/")
    kinds = [np.asarray(gain).dtype.kind for gain in meter.gain]
    assert list(meter.gain) == gains and kinds[3] == "b" and kinds[5] == "U"
    assert [data.labels for data in scopes] == [["1"], ["True"]]


def test_what_changes_on_the_way_goes_on_in_a_segment(tmp_path, backend):
    time = TIME.copy()
    with Recorder(tmp_path / "run.h5", backend) as recorder:
        for units, factor in (("V", 1.0), ("V", 1.0), ("mV", 1.0), ("mV", 1.0), ("mV", 2.0), ("mV", 2.0)):
            time[:] = TIME * factor  # the caller's own array, changed in place
            recorder.record("scope", TIME, units=units, axes={"time": (time, "s")})
        for exposure in (0.1, 0.1, 0.2, 0.2):
            recorder.record("camera", FRAME, exposure=exposure)
        for value in (1.5, 2, 3.5, np.float32(4.5), True):
            recorder.record("number", value)
    with DataLoader(tmp_path / "run.h5") as loader:
        found = [loader.load_data(f"/RawData/Detector000/Data1D/CH{i:02d}/EnlData00") for i in range(3)]
        assert [(part.units, len(part.data[0])) for part in found] == [("V", 2), ("mV", 2), ("mV", 2)]
        signal = next(axis for axis in found[2].axes if axis.index == 1)
        assert signal.get_data().tolist() == (TIME * 2).tolist()
        camera = loader.load_data("/RawData/Detector001/Data2D/CH00/EnlData00")
        assert np.ravel(camera.exposure).tolist() == [0.1, 0.1, 0.2, 0.2]
        numbers = loader.load_data("/RawData/Detector002/Data0D/CH00/EnlData00", load_all=False)
        assert numbers.data[0].ravel().tolist()[:4] == [1.5, 2.0, 3.5, 4.5]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda r: r.record(FRAME, "camera"), DataMismatchError, r"record\('camera', frame\)"),
        (lambda r: r.record("a", RECORDS), DataMismatchError, "a: records .* save each field"),
        (lambda r: r.record("a", None), DataMismatchError, "a: got nothing"),
        (lambda r: r.record("a", {}), DataMismatchError, r"\{'ch1': array\}"),
        (lambda r: r.record("a", [[1], [2, 3]]), DataMismatchError, "give each a name"),
        (lambda r: r.record("a", FRAME, axes={"x": (TIME, "mm")}), AxisError, r"axes=\{'x': \(values, 'unit', 1\)\}"),
        (lambda r: r.record("a", FRAME, axes={"x": (TIME[:2], "mm")}), AxisError, "as many values as the dimension"),
        (lambda r: r.record("a", FRAME, axes={"x": "mm"}), AxisError, r"axes=\{'x': \(values, 's'\)\}"),
        (lambda r: r.record("a", FRAME, axes=[TIME]), AxisError, r"axes=\{'time': \(t, 's'\)\}"),
        (lambda r: r.record("a", FRAME, time="noon"), DataMismatchError, "seconds since 1970"),
        (lambda r: r.record("a", FRAME, errors=TIME), DataMismatchError, "errors of data 'a'"),
        (lambda r: r.record("a", {"b": 1}, errors=1), DataMismatchError, "a dict of error bars for b"),
        (lambda r: r.record("a", FRAME, name="x"), DataMismatchError, "extra attribute 'name'"),
        (lambda r: r.record("a", DataRaw("a", data=[FRAME]), units="V"), DataMismatchError, "of its own"),
        (lambda r: r.snapshot("a", RECORDS), DataMismatchError, "a.*: records .* save each field"),
        (lambda r: r.scan("a", {}), AxisError, r"scan\('a', \{'x': \(positions, 'mm'\)\}\)"),
    ],
)
def test_bad_data_are_refused_at_once_with_the_line_that_works(call, error, said):
    recorder = Recorder()  # also while nothing is recorded
    with pytest.raises(error, match=said):
        call(recorder)


def test_values_that_do_not_fit_are_refused_and_counted(tmp_path):
    with Recorder(tmp_path / "a.h5") as recorder:
        recorder.settings["data_format", "dynamic"] = "uint8"
        assert recorder.record("a", 200)
        with pytest.raises(DynamicRangeError):
            recorder.record("a", 300)
        assert recorder.record("a", 100) and recorder.frames_lost == 1


def test_a_file_that_can_not_be_made_is_an_error_of_start(tmp_path):
    (tmp_path / "file").write_text("no folder")
    recorder = Recorder(tmp_path / "file" / "a.h5")
    with pytest.raises((FileOpenError, OSError)):
        recorder.start()
    assert not recorder.record("a", 1.0)


def test_an_older_file_is_kept(tmp_path):
    for value in (1.0, 2.0):
        with Recorder(tmp_path / "a.h5") as recorder:
            recorder.record("a", value)
    assert sorted(path.name for path in tmp_path.glob("*.h5")) == ["a.h5", "a_old1.h5"]


def test_qt_is_not_imported():
    code = (
        "import sys, tempfile, h5saver_widget as h; r = h.Recorder(tempfile.mkdtemp() + '/a.h5')\n"
        "with r: r.record('a', 1.0)\n"
        "print([m for m in sys.modules if m.startswith(('PyQt', 'PySide', 'pyqtgraph', 'qtpy'))])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", [Recorder, pytest.param(H5Saver, id="window")])
def test_threads_record_while_others_switch_saving_on_and_off(tmp_path, qapp, kind):
    saver = kind()
    saver.settings["base_path"] = str(tmp_path)
    errors, taken, paths, over = [], {"a": 0, "b": 0, "c": 0}, set(), threading.Event()

    def record(name):
        try:
            while not over.wait(0.0005):  # as fast as instruments are
                taken[name] += saver.record(name, float(taken[name]), units="V")
                taken[name] += saver.record(name, float(taken[name]), units="V")
        except Exception as error:
            errors.append(error)

    def switch(count):
        try:
            for number in range(count):
                saver.start(wait=number % 3 == 0)
                paths.add(saver.file_path)
                saver.stop(wait=number % 4 == 0)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=record, args=(name,)) for name in taken]
    switches = [threading.Thread(target=switch, args=(100,)) for _ in range(2)]
    for thread in (*threads, *switches):
        thread.start()
    for thread in switches:
        thread.join()
    over.set()
    for thread in threads:
        thread.join()
    saver.stop()
    assert not errors and not saver.isopen()
    found = dict.fromkeys(taken, 0)
    files = sorted(tmp_path.rglob("*.h5"))
    for path in files:
        with DataLoader(path) as loader:
            for node in loader.walk_nodes("/RawData"):
                if node.name == "EnlData00":
                    values = node.read().ravel()
                    assert np.all(np.diff(values) == 1)  # in order, none missing within a file
                    found[loader.get_node(node.path.rsplit("/", 3)[0]).title] += len(values)
    assert found == taken and len(files) > 1


@pytest.mark.parametrize("kind", [Recorder, pytest.param(H5Saver, id="window")])
@pytest.mark.parametrize("at_path", [False, True])
def test_a_file_that_a_host_has_made_is_recorded_into(tmp_path, qapp, kind, at_path):
    saver = kind()
    saver.settings["base_path"] = str(tmp_path)
    saver.init_file(update_h5=True, addhoc_file_path=tmp_path / "run.h5" if at_path else None)
    assert saver.record("meter", 1.0)
    made = saver.file_path
    saver.settings["do_save"] = True
    saver.wait()
    assert saver.record("meter", 2.0) and saver.file_path == made
    saver.stop()
    saver.start()
    assert saver.file_path != made
    saver.stop()
    with DataLoader(made) as loader:
        assert len(loader.load_data("/RawData/Detector000/Data0D/CH00/EnlData00").data[0]) == 2


def test_a_module_saver_takes_names_arrays_and_single_data_objects(tmp_path):
    with Recorder(tmp_path / "a.h5") as recorder:
        saver = DetectorTimeSaver("meter")
        saver.h5saver = recorder
        node = saver.get_set_node()
        for data in (1.5, np.array([2.5]), DataRaw("meter", data=[np.array([3.5])])):
            saver.add_data(node, data)
        scan = ScanSaver(SimpleNamespace(title="scan"))
        scan.h5saver = recorder
        scan.set_scan_shape((2,))
        scan.get_set_node(new=True)
        with pytest.raises(DataMismatchError, match=r"DataRaw\('spectrum', data=\[array\], units='V'\)"):
            scan.add_data(np.zeros(3), (0,))
    with DataLoader(tmp_path / "a.h5") as loader:
        assert loader.load_data("/RawData/Detector000/Data0D/CH00/EnlData00").data[0].ravel().tolist() == [
            1.5,
            2.5,
            3.5,
        ]


def test_a_sink_takes_what_a_signal_carries_and_never_raises(tmp_path):
    with Recorder(tmp_path / "a.h5") as recorder:
        slot = recorder.sink("camera", units="counts")
        slot(FRAME)
        slot({"left": FRAME, "right": FRAME}, "more that a signal carries")
        slot(object())
        assert recorder.frames_saved == 2 and recorder.frames_lost == 1
        assert "can't be saved" in recorder.status().problem
