"""What a frame costs is what the backend is asked for: nothing is looked up, whatever the file holds already."""

import types
from collections import Counter

import numpy as np
import pytest

from h5saver_widget import (
    ActuatorTimeSaver,
    Axis,
    AxisSaverLoader,
    BkgSaver,
    DataEnlargeableSaver,
    DataExtendedSaver,
    DataRaw,
    DataSaverLoader,
    DataToExport,
    DataToExportEnlargeableSaver,
    DataToExportExtendedSaver,
    DataToExportSaver,
    DataToExportTimedSaver,
    DetectorEnlargeableSaver,
    DetectorExtendedSaver,
    DetectorSaver,
    DetectorTimeSaver,
    LoggerSaver,
    OptimizerSaver,
    ScanSaver,
)

#: Questions to the file; in another process each is a wait for the answer.
READS = {"attribute_names", "children", "get_attributes", "has_child", "identity", "info", "node", "read", "root"}


class Spy:
    """Counts the primitives that a backend is asked for."""

    def __init__(self, backend, monkeypatch):
        self.calls = Counter()
        for name in dir(type(backend)):
            if not name.startswith("_") and callable(getattr(type(backend), name)):
                monkeypatch.setattr(backend, name, self._counting(name, getattr(backend, name)))

    def _counting(self, name, method):
        def counted(*args, **options):
            self.calls[name] += 1
            before = self.calls.copy()
            try:
                return method(*args, **options)
            finally:
                if name == "add_plain":  # for the first channels alone, counted in tests/nexus/test_entry.py
                    self.calls = before

        return counted

    def during(self, action):
        """Return what an action asks for, but for what a handle knows and what only keeps account."""
        self.calls.clear()
        action()
        quiet = ("path_of", "kind", "flush", "flush_soon", "end_idle", "add_plain")
        return {name: count for name, count in self.calls.items() if name not in quiet}


def scalars(origin="Det"):
    return DataRaw("scalars", data=[np.array([float(i)]) for i in range(4)], origin=origin)


def spectrum(origin="Det"):
    axis = Axis("x", "nm", np.array([0.0, 1.0, 3.0, 9.0]))
    return DataRaw("spectrum", data=[np.arange(4.0)], errors=[np.ones(4)], axes=[axis], origin=origin)


def grab():
    return DataToExport("grab", data=[scalars(), spectrum()])


def block():
    data = [np.zeros((3, 4))]
    return DataToExport("grab", data=[DataRaw("block", data=data, nav_indexes=(0,), axes=[Axis("t", "s", np.ones(3))])])


def module(title, **more):
    return types.SimpleNamespace(title=title, **more)


def extension():
    return module("Extension", modules_manager=module("", detectors_all=[module("Det")], actuators_all=[module("Pos")]))


def ready(kind, saver, *args):
    """Return a module saver and its group."""
    made = kind(extension(), *args)
    made.h5saver = saver
    return made, made.get_set_node(new=True)


POINTS = 60
APPENDING = {
    "timed": lambda s, g: lambda i: s.add_data(g, grab()),
    "enlargeable": lambda s, g: lambda i: s.add_data(g, grab(), axis_values=[i]),
    "blocks": lambda s, g: lambda i: s.add_data(g, block()),
    "one": lambda s, g: lambda i: s.add_data(g, spectrum(), [i]),
    "one, blocks": lambda s, g: lambda i: s.add_data(g, block()[0], [i]),
}


@pytest.mark.parametrize(("kind", "args", "how"), [
    (DataToExportTimedSaver, (), "timed"), (DataToExportEnlargeableSaver, (["p"], ["mm"]), "enlargeable"),
    (DataToExportTimedSaver, (), "blocks"), (DataEnlargeableSaver, (), "one"),
    (DataEnlargeableSaver, (), "one, blocks"),
])  # fmt: skip
def test_appending_a_point_is_one_call(saver, monkeypatch, kind, args, how):
    group = saver.add_det_group("/RawData", "Det")
    save = APPENDING[how](kind(saver, *args), group)
    save(0)
    spy = Spy(saver.io, monkeypatch)

    assert all(spy.during(lambda i=i: save(i)) == {"append_many": 1} for i in range(1, POINTS))


@pytest.mark.parametrize(("kind", "args", "how"), [
    (DetectorTimeSaver, (), lambda s, i: s.add_data(s.get_set_node(), grab())),
    (ActuatorTimeSaver, (), lambda s, i: s.add_data(s.get_set_node(), grab())),
    (DetectorEnlargeableSaver, (["p"], ["mm"]), lambda s, i: s.add_data(s.get_set_node(), grab(), [i])),
    (LoggerSaver, (), lambda s, i: s.add_data(grab())),
    (OptimizerSaver, (["p"], ["mm"]), lambda s, i: s.add_data([i], grab())),
], ids=lambda p: getattr(p, "__name__", ""))  # fmt: skip
def test_a_module_appends_a_point_in_one_call(saver, monkeypatch, kind, args, how):
    made, _ = ready(kind, saver, *args)
    how(made, 0)
    spy = Spy(saver.io, monkeypatch)

    def save(i):
        made.h5saver = saver  # as hosts do, again and again
        how(made, i)

    assert all(spy.during(lambda i=i: save(i)) == {"append_many": 1} for i in range(1, POINTS))


@pytest.mark.parametrize(("kind", "how"), [
    (DataToExportExtendedSaver, lambda s, g, i: s.add_data(g, grab(), (i,))),
    (DataExtendedSaver, lambda s, g, i: s.add_data(g, spectrum(), (i,))),
])  # fmt: skip
def test_a_point_of_a_scan_is_one_write_for_all_arrays(saver, monkeypatch, kind, how):
    group = saver.add_det_group("/RawData", "Det")
    extended = kind(saver, (POINTS,))
    how(extended, group, 0)
    spy = Spy(saver.io, monkeypatch)

    assert all(spy.during(lambda i=i: how(extended, group, i)) == {"write_point": 1} for i in range(1, POINTS))


@pytest.mark.parametrize("kind", [ScanSaver, DetectorExtendedSaver])
def test_a_module_writes_a_point_of_a_scan_at_once(saver, monkeypatch, kind):
    made, node = ready(kind, saver, *([(POINTS,)] if kind is DetectorExtendedSaver else []))
    scans = kind is ScanSaver
    if scans:
        made.initialize_time_array((POINTS,))

    def save(i):
        made.add_data(grab(), (i,)) if scans else made.add_data(node, grab(), (i,))

    save(0)
    spy = Spy(saver.io, monkeypatch)
    assert all(spy.during(lambda i=i: save(i)) == {"write_point": 1} for i in range(1, POINTS))


MANY = 300  # more groups than are remembered


def test_group_300_is_one_call_as_group_2(saver, monkeypatch):
    saver.add_det_group("/RawData", "Det")
    spy = Spy(saver.io, monkeypatch)
    for i in range(MANY):
        assert spy.during(lambda i=i: saver.add_det_group("/RawData", f"Det {i}")) == {"create": 1}


def test_a_snapshot_into_a_new_group_asks_nothing(saver, monkeypatch):
    detector, _ = ready(DetectorSaver, saver)
    spy = Spy(saver.io, monkeypatch)

    def save():
        detector.add_data(detector.get_set_node(new=True), grab())

    made = {
        "create": 12,
        "set_attributes": 3,
    }  # the detector's, 2 dimensionalities, 2 channels; 5 arrays, axis, error; what NeXus readers plot, and plot first
    save()  # the first one is what NeXus readers plot of this file: one more attribute
    assert [spy.during(save) for _ in range(MANY // 4)] == [made] * (MANY // 4)


def test_a_scan_asks_as_little_as_the_first_one(saver, monkeypatch):
    scan, _ = ready(ScanSaver, saver)
    spy = Spy(saver.io, monkeypatch)

    def save():
        scan.get_set_node(new=True)
        scan.initialize_time_array((2,))
        scan.add_nav_axes([Axis("a", "mm", np.arange(2.0))])
        for i in range(2):
            scan.add_data(grab(), (i,))

    save()
    expected = {"create": 20, "set_attributes": 6, "write_point": 2}
    assert [spy.during(save) for _ in range(20)] == [expected] * 20


@pytest.mark.parametrize(("kind", "how", "made"), [
    (DataToExportSaver, lambda s, g: s.add_data(g, grab()),
     {"create": 9, "set_attributes": 2}),
    (DataSaverLoader, lambda s, g: s.add_data(g, spectrum()), {"create": 3}),
    (AxisSaverLoader, lambda s, g: s.add_axis(g, Axis("a", "mm", np.arange(3.0))), {"create": 1}),
], ids=lambda p: getattr(p, "__name__", ""))  # fmt: skip
def test_saving_again_and_again_into_one_group_asks_nothing(saver, monkeypatch, kind, how, made):
    group = saver.add_det_group("/RawData", "Det")
    data_saver = kind(saver)
    how(data_saver, group)
    spy = Spy(saver.io, monkeypatch)
    assert [spy.during(lambda: how(data_saver, group)) for _ in range(MANY // 4)] == [made] * (MANY // 4)


def test_a_file_with_many_nodes_is_listed_once(saver, backend, reopened, monkeypatch):
    for i in range(30):
        DataToExportSaver(saver).add_data(saver.add_det_group("/RawData", f"Det {i}"), grab())
    again = reopened(backend, "a")
    spy = Spy(again.io, monkeypatch)
    detector, _ = ready(DetectorSaver, again)

    def save():
        detector.add_data(detector.get_set_node(new=True), grab())

    assert detector.module_group.path == "/RawData/Detector030"
    assert not spy.during(save).keys() & READS


# ------------------------------------------------------------------------ what is known may have become wrong meanwhile
def names(saver, where):
    return [node.path.removeprefix(f"{where}/") for node in saver.walk_nodes(where)][1:]


def test_nodes_that_were_deleted_behind_the_saver(saver):
    group = saver.add_det_group("/RawData", "Det")
    exporter, loader = DataToExportSaver(saver), DataSaverLoader(saver)
    exporter.add_data(group, grab())
    loader.add_data(group, spectrum())
    expected = names(saver, group.path)
    group.remove_children()

    exporter.add_data(group, grab())
    loader.add_data(group.path, spectrum())
    assert names(saver, group.path) == expected
    saver.get_group("/RawData/Detector000/Data1D").remove_children()
    exporter.add_data(group, grab())
    found = names(saver, group.path)
    assert "Data1D/CH00/ErrorBar00" in found
    assert "Data0D/CH01/Data03" in found
    assert "Data1D/CH01" not in found

    saver.remove_node("/RawData/Detector000")
    assert saver.add_det_group("/RawData", "Det").path == "/RawData/Detector000"


@pytest.mark.parametrize("isolated", [False], indirect=True)
def test_nodes_that_a_host_made_through_the_library(saver, backend):
    group = saver.add_det_group("/RawData", "Det")
    made = saver.h5_file["/RawData"].create_group if backend == "h5py" else None
    make = made or (lambda path: saver.h5_file.create_group(f"/RawData/{path}".rpartition("/")[0], path.split("/")[-1]))
    exporter = DataToExportSaver(saver)
    make("Detector000/Data1D")
    exporter.add_data(group, grab())
    make("Detector000/Data0D/CH01")
    make("Detector001")
    exporter.add_data(group, grab())

    assert saver.add_det_group("/RawData", "next").path == "/RawData/Detector002"
    found = names(saver, group.path)
    assert {"Data1D/CH01/Data00", "Data0D/CH02/Data03"} <= set(found)


def test_backgrounds_find_their_arrays_whichever_comes_first(saver):
    group = saver.add_det_group("/RawData", "Det")
    exporter, other = DataToExportSaver(saver), DataToExportSaver(saver)
    for _ in range(2):
        exporter.add_data(group, grab())
    other.add_bkg(group, grab())
    for _ in range(2):
        other.add_bkg(group, grab())
        exporter.add_data(group, grab())
    BkgSaver(saver).add_data(f"{group.path}/Data1D/CH03", spectrum(), save_axes=False)

    found = set(names(saver, group.path))
    for channel in range(4):
        assert {f"Data0D/CH0{channel}/Data03", f"Data1D/CH0{channel}/ErrorBar00"} <= found
    assert [f"Data0D/CH0{channel}/Bkg03" in found for channel in range(4)] == [True, True, True, False]
    assert "Data1D/CH03/Bkg00" in found
    assert "Data1D/CH04" not in found
