"""Faults that cost people weeks, one test for each: names, clocks, large integers, settings, times, a new file."""

import math
import time
import types

import numpy as np
import pytest

from h5saver_widget import (
    Axis,
    DataLoader,
    DataRaw,
    DataToExport,
    DataToExportEnlargeableSaver,
    DetectorSaver,
    DetectorTimeSaver,
    ScanSaver,
)
from h5saver_widget.exporters import export
from h5saver_widget.saving.clock import WallClock

NAMES = ("settings", "path", "label", "TITLE", "CLASS", "VERSION", "FLAVOR", "shape", "value_type", "value_words")
NAMES += ("a/b", "extra__a", "FIELD_0_FILL", "nav_indexes_", "é µ", "_v_name", "segment_of", "x__part0001", "type")


def of_module(saver, kind, **more):
    made = kind(types.SimpleNamespace(title="Det", **more))
    made.h5saver = saver
    return made, made.get_set_node()


@pytest.mark.parametrize("kind", [DetectorSaver, DetectorTimeSaver])
def test_any_name_of_an_attribute_comes_back(saver, kind):
    made, node = of_module(saver, kind)
    frame = DataRaw("v", data=[np.arange(3.0)])
    taken = set(dir(frame))
    for number, name in enumerate(NAMES):
        if name not in taken:
            frame.add_extra_attribute(**{name: number})
    made.add_data(node, DataToExport("g", data=[frame]))
    (loaded,) = DataLoader(saver).load_all("/")
    assert {name: getattr(loaded, name) for name in loaded.extra_attributes} == {
        name: getattr(frame, name) for name in frame.extra_attributes
    }
    assert "TITLE" in loaded.extra_attributes and "settings" in loaded.extra_attributes


@pytest.mark.parametrize("start", [1_700_000_000_000_000_000, 2**53, 2**63 - 5])
def test_integers_one_apart_stay_so_on_axes_and_in_data(saver, start):
    made = DataToExportEnlargeableSaver(saver, ("t",), ("ns",))
    for i in range(4):
        counter = DataRaw("counter", data=[np.array([start + i])], axes=[Axis("n", "", np.array([start + i]), 0)])
        made.add_data("/RawData", DataToExport("g", data=[counter]), axis_values=[start + i])
    found = [data for data in DataLoader(saver).load_all("/") if data.name == "counter"]
    read = [int(value) for data in found for value in data.data[0].ravel()]
    assert sorted(read) == [start + i for i in range(4)]
    along = [int(t) for data in found for t in data.get_axis_from_index(0)[0].get_data()]
    assert sorted(along) == [start + i for i in range(4)]


def test_a_clock_that_is_set_back_leaves_the_axis_even_and_is_told(saver, monkeypatch):
    made, node = of_module(saver, DetectorTimeSaver)
    clock = types.SimpleNamespace(now=time.time())
    monkeypatch.setattr("h5saver_widget.saving.clock.time", types.SimpleNamespace(time=lambda: clock.now))
    monkeypatch.setattr("h5saver_widget.saving.clock._steady", lambda: clock.steady)
    clock.steady = 100.0
    saver.clock.__init__()
    for i in range(6):
        clock.now, clock.steady = clock.now + 1.0 - 3600.0 * (i == 3), clock.steady + 1.0
        made.add_data(node, DataToExport("g", data=[DataRaw("v", data=[np.array([i])])], timestamp=clock.now))
    (loaded,) = DataLoader(saver).load_all("/")
    assert np.diff(loaded.get_nav_axes()[0].get_data()).tolist() == pytest.approx([1.0] * 5)
    assert [step for _, step in saver.get_node("/RawData").attrs["clock_steps"]] == pytest.approx([-3600.0])
    assert sum("wall clock was set back" in line for line in saver.get_node("/RawData/Logger").read()) == 1


def test_an_interruption_between_two_clocks_is_no_step_of_the_clock(monkeypatch):
    clock = types.SimpleNamespace(now=1000.0, pauses=iter([0.5, 0.0, 0.0]))

    def wall() -> float:
        told = clock.now
        clock.now += next(clock.pauses)
        return told

    monkeypatch.setattr("h5saver_widget.saving.clock.time", types.SimpleNamespace(time=wall))
    monkeypatch.setattr("h5saver_widget.saving.clock._steady", lambda: clock.now)
    watched = WallClock()
    assert watched.look() == 0.0 and not watched.steps


class Unset:
    """A parameter of the host that has no value yet."""

    def __init__(self, *children):
        self._children, self.opts = children, {}

    def name(self):
        return "p" if not self._children else "settings"

    def type(self):
        return "group" if self._children else "float"

    def value(self):
        if self._children:
            return None
        raise ValueError("No Value has been set")

    def hasChildren(self):
        return bool(self._children)

    def children(self):
        return list(self._children)


def test_settings_without_a_value_cost_no_data(saver):
    made, node = of_module(saver, DetectorSaver, settings=Unset(Unset()))
    made.add_data(node, DataToExport("g", data=[DataRaw("v", data=[np.arange(3.0)])]))
    (loaded,) = DataLoader(saver).load_all("/")
    assert loaded.data[0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("timestamp", [1.7e12, 1.7e18, math.nan, -1.0, 1e300])
def test_times_of_any_unit_are_exported_and_do_not_split_objects(saver, tmp_path, timestamp):
    made, node = of_module(saver, DetectorSaver)
    channels = DataRaw("v", data=[np.arange(3.0), np.ones(3)], labels=["a", "b"], timestamp=timestamp)
    made.add_data(node, DataToExport("g", data=[channels]))
    (loaded,) = DataLoader(saver).load_all("/")
    assert loaded.labels == ["a", "b"]
    assert export(loaded, tmp_path / "out.nxs").path.is_file()


def test_a_new_file_in_the_middle_of_a_scan_has_the_rest_of_it(saver, tmp_path):
    manager = types.SimpleNamespace(detectors_all=[types.SimpleNamespace(title="Det")], actuators_all=[])
    scan = ScanSaver(types.SimpleNamespace(title="Scan", modules_manager=manager))
    scan.h5saver = saver
    scan.set_scan_shape((8,))
    scan.get_set_node(new=True)
    scan.add_nav_axes([Axis("X", "mm", np.arange(8.0), 0)])
    first = saver.file_path
    for i in range(8):
        if i == 3:
            saver.init_file(tmp_path / "next.h5")
        data = DataRaw("v", data=[np.array([float(i)])], origin="Det")
        scan.add_data(DataToExport("g", data=[data]), (i,))
    assert saver.frames_lost == 0
    saver.close_file()
    found = []
    for path in (first, tmp_path / "next.h5"):
        with DataLoader(path) as loader:
            (data,) = (data for data in loader.load_all("/") if data.name == "v")
            assert data.get_nav_axes()[0].get_data().tolist() == list(range(8))
            found.append(data.data[0])
    assert np.nansum(found, axis=0).tolist() == list(range(8))
