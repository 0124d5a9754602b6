"""What modules hold from one file to the next: groups, scans, and the time along which they save."""

import time
import types

import numpy as np
import pytest

from h5saver_widget import (
    Axis,
    DataLoader,
    DataMismatchError,
    DataRaw,
    DataToExport,
    DataToExportTimedSaver,
    DetectorEnlargeableSaver,
    DetectorSaver,
    DetectorTimeSaver,
    ScanSaver,
)


def ready(kind, saver, title, *args):
    made = kind(types.SimpleNamespace(title=title), *args)
    made.h5saver = saver
    return made, made.get_set_node()


def grab(value, units, name="value", **more):
    return DataToExport("grab", data=[DataRaw(name, data=[np.array([value])], units=units, **more)], timestamp=value)


def values(saver):
    """Return what a file holds: by the title of the module, units and values."""
    loader = DataLoader(saver)
    groups = [node for node in loader.get_node("/RawData").children().values() if node.name.startswith("Det")]
    return {group.title: [(d.units, d.data[0].tolist()) for d in loader.load_all(group)] for group in groups}


def test_a_group_of_an_earlier_file_means_the_group_of_its_module(saver, tmp_path):
    thermometer, its = ready(DetectorTimeSaver, saver, "Thermometer")
    meter, meters = ready(DetectorTimeSaver, saver, "Power meter")
    plain = saver.add_det_group("/RawData", "Script")
    script = DataToExportTimedSaver(saver)
    thermometer.add_data(its, grab(300.0, "K"))
    meter.add_data(meters, grab(1.0, "mW"))
    script.add_data(plain, grab(5.0, "V"))
    assert values(saver) == {"Thermometer": [("K", [300])], "Power meter": [("mW", [1])], "Script": [("V", [5])]}

    saver.init_file(tmp_path / "next.h5")
    script.add_data(plain, grab(6.0, "V"))
    meter.add_data(meter.get_set_node(), grab(2.0, "mW"))
    thermometer.add_data(its, grab(301.0, "K"))
    meter.add_data(meters, grab(3.0, "mW"))
    assert values(saver) == {"Script": [("V", [6])], "Power meter": [("mW", [2, 3])], "Thermometer": [("K", [301])]}
    assert its.path == "/RawData/Detector002" and its.attrs["settings"]

    saver.init_file(tmp_path / "afile.h5")  # the first one goes on
    meter.add_data(meters, grab(4.0, "mW"))
    assert values(saver)["Power meter"] == [("mW", [1, 4])]


def test_a_scan_is_complete_with_its_last_point_and_goes_on_in_another_file(saver, tmp_path):
    manager = types.SimpleNamespace(detectors_all=[types.SimpleNamespace(title="Det")], actuators_all=[])
    scan = ScanSaver(types.SimpleNamespace(title="Scan", modules_manager=manager))
    scan.h5saver = saver
    scan.set_scan_shape((4,))
    assert not saver.scan_runs
    scan.get_set_node(new=True)
    scan.initialize_time_array()
    scan.add_nav_axes([Axis("X", "mm", np.arange(4.0))])
    for i in (0, 1, 1):
        scan.add_data(grab(float(i), "V", origin="Det"), (i,))
    assert saver.scan_runs  # a new file waits for its end; a host may begin one all the same
    saver.init_file(tmp_path / "next.h5")
    for i in (2, 3, 0, 1):
        scan.add_data(grab(float(i), "V", origin="Det"), (i,))

    assert not saver.scan_runs
    data, elapsed = (DataLoader(saver).load_data_from_name_origin(name) for name in ("value", "ElapsedTime"))
    assert data.data[0].tolist() == [0, 1, 2, 3]
    assert [axis.label for axis in data.axes] == [axis.label for axis in elapsed.axes] == ["X"]
    assert np.isfinite(elapsed.data[0]).all()


def test_time_goes_on_evenly_when_the_wall_clock_is_set(saver, monkeypatch):
    step, wall = [0.0], time.time
    monkeypatch.setattr(time, "time", lambda: wall() + step[0])
    timed, node = ready(DetectorTimeSaver, saver, "Det")
    for i in range(6):
        data = [DataRaw("v", data=[np.array([float(i)])])]
        waited = DataToExport("grab", data=data)  # acquired before the clock is set, saved after it
        step[0] = (0.0, -5.0, -5.0, 3600.0, 3600.0, 0.0)[i]
        timed.add_data(node, waited)

    (loaded,) = DataLoader(saver).load_all("/")
    along = loaded.axes[0].get_data()
    assert np.all(np.diff(along) > 0) and along[-1] - along[0] < 4
    lines = saver.get_node("/RawData/Logger").read()
    assert [line.split("wall clock was ")[1][:14] for line in lines] == [
        "set back by 5.",
        "set forward by",
        "set back by 36",
    ]
    steps = [size for _, size in saver.get_node("/RawData").attrs["clock_steps"]]
    np.testing.assert_allclose(steps, [-5, 3605, -3600], atol=0.5)


def test_axes_of_integers_stay_integers_until_a_fraction_comes(saver):
    growing, node = ready(DetectorEnlargeableSaver, saver, "Det", ("ns", "count", "position"), ("ns", "", "mm"))
    start = 1_790_000_000_123_456_789
    for i, position in enumerate((0, 1, 1.5)):
        growing.add_data(node, grab(0.5, "V"), axis_values=[start + i, np.uint64(2**63 + i), position])
    with pytest.raises(DataMismatchError, match="whole numbers beyond"):
        growing.add_data(node, grab(0.5, "V"), axis_values=[0.5, 1, 1])

    (loaded,) = DataLoader(saver).load_all("/")
    ns, count, position = (axis.get_data() for axis in loaded.axes)
    assert [int(v) for v in ns] == [start, start + 1, start + 2]
    assert [int(v) for v in count] == [2**63, 2**63 + 1, 2**63 + 2]
    assert (position.tolist(), position.dtype) == ([0, 1, 1.5], float)


class Broken:
    """Settings of a host that raise whatever is asked of them."""

    opts = None

    def name(self):
        raise RuntimeError("no settings for you")

    children = name


def test_settings_that_can_not_be_written_cost_no_data(saver):
    detector = DetectorSaver(types.SimpleNamespace(title="Det", settings=Broken()))
    detector.h5saver = saver
    detector.add_data(detector.get_set_node(), grab(1.0, "V", mode={1, 2}))

    assert values(saver) == {"Det": [("V", [1])]}
    lines = saver.get_node("/RawData/Logger").read()
    assert "Det: its settings can't be written and are skipped: no settings for you" in lines[0]
    assert "value: the extra attribute 'mode' is kept as text, not as it is" in lines[1]
