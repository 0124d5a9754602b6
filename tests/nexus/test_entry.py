"""The entry of a file: what archives and readers of NeXus find there, for every kind of recording."""

from __future__ import annotations

import getpass
from contextlib import closing
from datetime import datetime
from time import monotonic

import h5py
import numpy as np
import pytest
from kinds_of_file import (
    actuator,
    blocks,
    bundle,
    continuous,
    groups_of,
    logger,
    optimizer,
    plain,
    ready,
    scan,
    snapshot,
    text,
    written,
)
from nexusformat.nexus import nxload
from nexusformat.nexus.validate import validate_application
from silx.io import nxdata

from h5saver_widget import (
    DataLoader,
    DataRaw,
    DataSaverLoader,
    DataToExport,
    DetectorSaver,
    DetectorTimeSaver,
    H5Backend,
    H5SaverBase,
    H5SaverLowLevel,
)
from h5saver_widget.archiving.missing import missing_in
from h5saver_widget.archiving.template import find_template
from h5saver_widget.backends.h5py_rescue import rescue
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.shown_again import PLACES
from h5saver_widget.cli import main
from h5saver_widget.exporters import export
from h5saver_widget.recovery import Condition, check_file, repair_file
from h5saver_widget.remote.transfer import copy_all
from h5saver_widget.saving.entry_of_copies import add_entry
from h5saver_widget.version import __version__

#: Kind of file: how it is made, the group of the entry that is plotted first, how many there are, its shape and axes.
FILES = {
    "snapshot": (snapshot, "det_image", 3, (2, 3), ["y", None]),
    "continuous": (continuous, "det_image", 3, (4, 2, 3), ["time", "y", None]),
    "scan 1D": (scan, "scan000_det_image", 5, (4, 2, 3), ["a0", "y", None]),
    "scan 2D": (lambda s: scan(s, (3, 2)), "scan000_det_image", 5, (3, 2, 2, 3), ["a0", "a1", "y", None]),
    "spread": (lambda s: scan(s, (4,), True), "scan000_det_image", 5, (4, 2, 3), ["a", "y", None]),
    "logger": (logger, "datalogger000_det_image", 4, (3, 2, 3), ["time", "y", None]),
    "optimizer": (optimizer, "optimizer000_det_image", 3, (3, 2, 3), ["p", "y", None]),
    "actuator": (actuator, "stage", 1, (3, 1), ["time", None]),
    "blocks": (blocks, "det_block", 1, (4, 3), ["t", "x"]),
    "plain": (plain, "det", 2, (3,), ["x"]),
}  # fmt: skip


@pytest.mark.parametrize(("backend", "swmr"), [("h5py", False), ("h5py", True), ("tables", False)])
@pytest.mark.parametrize("kind", FILES)
def test_silx_plots_every_file(backend, swmr, tmp_path, kind):
    make, first, count, shape, axes = FILES[kind]
    with h5py.File(written(tmp_path / "a.h5", backend, make, swmr=swmr, entry="always")) as file:
        plotted = nxdata.get_default(file)
        assert plotted.group.name == f"/_i_entry/{first}"
        assert plotted.signal.shape == shape
        assert [axis and axis.name.rpartition("/")[2] for axis in plotted.axes] == axes
        groups = groups_of(file)
        data = {path for path, group in groups.items() if text(group.attrs.get("NX_class")) == "NXdata"}
        assert len([path for path in data if path.startswith("/_i_nexus/")]) == count
        for path in data:
            group, found = groups[path], nxdata.NXdata(groups[path])
            assert not found.issues, path
            # h5web takes names of children alone, one for every dimension
            listed = np.atleast_1d(group.attrs["axes"])
            assert len(listed) == found.signal.ndim
            assert all(text(name) == "." or text(name) in group for name in listed)
        for path, group in groups.items():
            assert "NX_class" in group.attrs or path == "/RawData", path
            if "default" in group.attrs:
                assert text(group.attrs["default"]) in group
                assert nxdata.get_default(group) is not None, path


def test_h5py_alone_finds_the_default_plot_with_units(backend, tmp_path, kind_of_file):
    """By the rules of NeXus: ``default`` leads to a signal whose first axis is a time or a position."""
    make, first, _, shape, axes = FILES[kind_of_file]
    path = tmp_path / "a.h5"
    with H5SaverLowLevel(backend=backend) as saver:
        saver.init_file(path)
        make(saver)
    with h5py.File(path) as group:
        while "default" in group.attrs:
            group = group[group.attrs["default"]]
        assert group.name == f"/_i_entry/{first}" and group[group.attrs["signal"]].shape == shape
        (name, *_) = np.atleast_1d(group.attrs["axes"])
        axis = group[text(name)]
        assert (text(name), len(axis), group.attrs[f"{text(name)}_indices"]) == (axes[0], shape[0], 0)
        units = {"time": "s", "t": "s", "x": "µm", "y": "1"}
        assert text(axis.attrs["units"]) == units.get(axes[0], "mm")


def values_in(group):
    """Return the values of the arrays in a group that are no axes, in order of their names."""
    names = [name for name in group if name.startswith(("Data", "EnlData", "ErrorBar"))]
    return [np.squeeze(group[name][()]) for name in names if isinstance(group[name], h5py.Dataset)]


def test_the_entry_shows_every_value_with_its_units(backend, tmp_path, kind_of_file):
    make, *_ = FILES[kind_of_file]
    with h5py.File(written(tmp_path / "a.h5", backend, make, entry="always")) as file:
        saved = [values for path, group in groups_of(file).items() if path.startswith("/RawData")
                 for values in values_in(group)]  # fmt: skip
        shown = []
        for group in file["_i_entry"].values():
            if isinstance(group, h5py.Group) and group.attrs["NX_class"] == "NXdata":
                axes = {name.removesuffix("_indices") for name in group.attrs if name.endswith("_indices")}
                shown += [np.squeeze(group[name][()]) for name in group if name not in axes]
        key = [sorted(repr(values.tolist()) for values in found) for found in (saved, shown)]
        assert key[0] == key[1]
        assert {array.is_virtual for array in file[f"_i_entry/{FILES[kind_of_file][1]}"].values()} == {True}


@pytest.fixture(params=FILES)
def kind_of_file(request):
    return request.param


def test_the_entry_says_who_measured_with_what_and_when(backend, tmp_path):
    path = written(tmp_path / "a.h5", backend, scan, entry="always")
    with h5py.File(path) as file:
        entry = file["_i_entry"]
        assert entry["definition"][()] == b"NXsensor_scan"
        assert entry["process/program"].attrs["version"] == __version__
        assert text(entry["user/name"][()]) == getpass.getuser()
        assert entry["instrument/Det"].attrs["NX_class"] == "NXdetector"
        assert entry["instrument/Stage/name"][()] == b"Stage"
        times = [datetime.fromisoformat(text(entry[name][()])) for name in ("start_time", "end_time")]
        assert times[0] <= times[1] and times[0].utcoffset() is not None
        assert text(entry["scan000_stage/CH00"].attrs["units"]) == "mm"
        # PyMoDAQ needs a class of each node, which strict validators allow behind a link alone
        assert {type(entry.get(name, getlink=True)) for name in entry} == {h5py.SoftLink}
        assert all("CLASS" in group.attrs for group in groups_of(file).values())


def test_an_entry_is_no_larger_than_thirty_kilobytes(backend, tmp_path):
    sizes = [written(tmp_path / f"{on}.h5", backend, scan, entry=on).stat().st_size for on in ("always", "never")]
    assert sizes[0] - sizes[1] < 30_000


@pytest.mark.parametrize("objects", [60, 1])
@pytest.mark.parametrize("most", [1000, 50])
def test_of_many_channels_all_are_shown_or_it_is_told(backend, tmp_path, objects, most, monkeypatch, caplog):
    monkeypatch.setattr("h5saver_widget.saving.entry._MOST", most)
    path = tmp_path / "a.h5"
    with H5SaverLowLevel(backend=backend) as saver:
        saver.init_file(path)
        made, node = ready(DetectorTimeSaver, saver)
        channels = [np.array([float(i)]) for i in range(60)]
        per_object = 60 // objects
        many = [
            DataRaw(f"n{i}", data=channels[i * per_object :][:per_object], units="V", origin="Det")
            for i in range(objects)
        ]
        for _ in range(2):
            made.add_data(node, DataToExport("Det", data=many))
    with h5py.File(path) as file:
        shown = [
            array[:].tolist()
            for path, group in groups_of(file["_i_nexus"]).items()
            for name, array in group.items()
            if isinstance(array, h5py.Dataset) and array.is_virtual and name != "time"
        ]
        assert sorted(shown) == [[[float(i)]] * 2 for i in range(min(60, most))]
    assert [record.levelname for record in caplog.records] == (["WARNING"] if most < 60 else [])
    assert most > 60 or "the first 50 channels" in caplog.text


@pytest.mark.parametrize("kind", FILES)
def test_nexusformat_plots_every_file(backend, tmp_path, kind):
    make, first, _, shape, axes = FILES[kind]
    root = nxload(written(tmp_path / "a.h5", backend, make, entry="always"))
    assert [entry.nxname for entry in root.NXentry] == ["_i_entry"]
    plotted = root.get_default()
    assert plotted.nxpath == f"/_i_entry/{first}"
    if (
        kind != "actuator"
    ):  # of numbers that grow it sees the first row alone: it takes a virtual array for a file a row
        assert plotted.nxsignal.shape == shape
    assert len(plotted.nxaxes) == len(shape)
    for axis, name in zip(plotted.nxaxes, axes, strict=True):
        if name is not None:
            assert axis.nxname == name


@pytest.mark.parametrize("isolated", [False, True])
def test_nexus_finds_no_mistake(backend, tmp_path, kind_of_file, isolated):
    path = written(tmp_path / "a.h5", backend, FILES[kind_of_file][0], entry="always", isolated=isolated)
    _, errors = validate_application(path)
    assert errors == 0


@pytest.fixture
def room_for_more(monkeypatch):
    """Have the entry show more channels than it does by default."""
    monkeypatch.setattr("h5saver_widget.saving.entry._MOST", 40)


@pytest.mark.parametrize("entry", PLACES)
@pytest.mark.parametrize("isolated", [False, True])
def test_lists_of_the_root_leave_it_out(backend, tmp_path, entry, isolated):
    path = written(tmp_path / "a.h5", backend, snapshot, entry=entry)
    for mode in ("r", "r+"):
        with H5Backend(backend, isolated=isolated) as h5:
            h5.open_file(path, mode)
            assert h5.root().children_name() == [*h5.root().children()] == ["RawData"]
            assert {node.path.split("/")[1] for node in h5.walk_nodes()} == {"", "RawData"}
            shown = [node.path for node in h5.walk_nodes(PLACES[entry][1])]
            assert f"{PLACES[entry][1]}/1/det_image/CH00" in shown
            assert h5.get_node(f"{PLACES[entry][0]}/det_image").class_name == "LINK"
    with h5py.File(path) as file:
        assert nxdata.get_default(file).group.name == f"{PLACES[entry][0]}/det_image"


@pytest.mark.parametrize("entry", PLACES)
def test_it_goes_on_in_a_file_that_is_opened_again(backend, tmp_path, room_for_more, entry):
    path = written(tmp_path / "a.h5", backend, continuous, entry=entry)
    written(path, backend, scan)
    with h5py.File(path) as file:
        assert nxdata.get_default(file).group.name == f"{PLACES[entry][0]}/det_image"  # a default does not move
        assert file[f"{PLACES[entry][0]}/scan000_det_image/CH00"].shape == (4, 2, 3)
    with DataLoader(path, backend=backend) as loader:  # which shows nothing twice
        assert [dwa.name for dwa in loader.load_all()].count("image") == 2


def test_deleted_data_are_not_shown(saver, tmp_path):
    saver.init_file(tmp_path / "b.h5")
    with saver.saving():
        group = saver.add_det_group("/RawData", "Det")
        DataSaverLoader(saver).add_data(group, bundle()[1])
        saver.remove_node(group)
    snapshot(saver)
    assert saver.get_node("/_i_entry").attrs["default"] == "det_image"
    assert "det" not in saver.get_group("/_i_entry").children_name()


def test_data_that_are_deleted_are_shown_no_more(backend, tmp_path, room_for_more):
    path = written(tmp_path / "a.h5", backend, scan, entry="always")
    written(path, backend, snapshot)
    with H5SaverLowLevel(backend=backend) as saver:
        saver.init_file(path)
        saver.remove_node("/RawData/Scan000")
        entry = saver.get_group("/_i_entry")
        assert [name for name in entry.children_name() if "scan" in name] == []
        assert entry.attrs["default"] == "det_image"
        saver.remove_node("/RawData/Detector000")
        assert "default" not in entry.attrs
        snapshot(saver)
        assert entry.attrs["default"] == "det_image"


@pytest.mark.parametrize("isolated", [False, True])
def test_it_is_written_with_the_first_frame_alone(backend, tmp_path, isolated, monkeypatch):
    with H5SaverLowLevel(backend=backend, isolated=isolated) as saver:
        saver.init_file(tmp_path / "a.h5")
        made, node = ready(DetectorTimeSaver, saver)
        written_to = []
        monkeypatch.setattr(saver.io, "add_plain", written_to.append)
        for i in range(3):
            made.add_data(node, bundle(float(i)))
        names = ["det_number", "det_curve", "det_image"]
        told = [{path: list(node.members) for path, node in nodes.items()} for nodes in written_to]
        # by one call, for one message to a worker
        assert told == [{"/_i_nexus/0/instrument": ["Det"], "/_i_nexus/1": names, "/_i_entry": names}]


def test_what_is_made_within_a_second_is_shown_at_once(backend, tmp_path):
    """By the next flush, or by itself when none follows; a hundred snapshots cost as one."""
    with H5SaverLowLevel(backend=backend) as saver:
        saver.init_file(tmp_path / "a.h5")
        made, node = ready(DetectorSaver, saver)
        for i in range(5):
            made.add_data(node, bundle(float(i)))
        shown = [name for name in saver.get_group("/_i_entry").children_name() if name.startswith("det_number")]
        assert shown == ["det_number"]
        saver.flush()
        shown = [name for name in saver.get_group("/_i_entry").children_name() if name.startswith("det_number")]
        assert shown == ["det_number", *(f"det_number_{i}" for i in range(2, 6))]
        made.add_data(node, bundle(9.0))
    with h5py.File(tmp_path / "a.h5") as file:
        assert list(file["_i_nexus"]) == ["0", "1", "2", "3"]
        assert "det_number_6" in file["_i_entry"] and "end_time" in file["_i_nexus/3"]


def test_a_recorder_shows_what_came_last(backend, tmp_path, in_kept_process):
    saver = H5SaverBase("detector", backend)
    in_kept_process(saver)
    saver.init_file(addhoc_file_path=tmp_path / "a.h5")
    made, node = ready(DetectorSaver, saver)
    for i in range(3):
        made.add_data(node, bundle(float(i)))
    give_up = monotonic() + 30
    while saver.is_undescribed and monotonic() < give_up:
        saver.look_after()
        saver.wait()
    assert "det_number_3" in saver.get_group("/_i_entry").children_name()
    saver.close_file()


@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize("odd", ["V\0x", "\udc80", "\0", "a/b", "\u202e" * 9])
def test_texts_that_hdf5_can_not_hold_cost_neither_data_nor_entry(backend, tmp_path, isolated, odd, caplog):
    with H5SaverLowLevel(backend=backend, isolated=isolated) as saver:
        saver.init_file(tmp_path / "a.h5")
        made, node = ready(DetectorTimeSaver, saver)
        for i in range(2):
            made.add_data(
                node, DataToExport("grab", data=[DataRaw("x", data=[np.full(3, i)], units=odd, labels=[odd])])
            )
        saver.flush()
    with h5py.File(tmp_path / "a.h5") as file:
        assert nxdata.get_default(file).signal.shape == (2, 3)
    assert not caplog.records


def test_a_recorder_shows_its_first_frame(backend, tmp_path):
    recorder = H5SaverBase("detector", backend)
    recorder.settings["base_path"] = str(tmp_path)
    recorder.start()
    for i in range(2):
        recorder.record("camera", np.full((2, 3), i))  # the first one is flushed at once, within its step
    path = recorder.file_path
    recorder.stop()
    with h5py.File(path) as file:
        assert file["_i_entry"].attrs["default"] == "camera" and nxdata.get_default(file).signal.shape == (2, 2, 3)
        assert "signal" in file["RawData/Detector000/Data2D/CH00"].attrs


def test_what_an_archive_would_miss_is_told(tmp_path, capsys):
    good = written(tmp_path / "good.h5", "h5py", scan, entry="always")
    assert main(["validate", str(good), "--pynx", "true"]) == 1  # which does not call it valid
    assert main(["validate", str(good), "--pynx", "no-such-program"]) == 0
    said = capsys.readouterr().out
    assert "what was measured" in said and "error" not in said and "could not be started" in said
    bare = written(tmp_path / "bare.h5", "tables", snapshot, nexus=False)
    with h5py.File(good, "r+") as file:
        file["_i_entry"].attrs["default"] = "nothing"
        del file["_i_entry/start_time"]
        file["_i_entry/scan000_det_image"].attrs["signal"] = "gone"
        file["_i_entry/scan000_det_curve/CH00"].attrs["units"] = "three"
    with H5Backend("h5py") as h5:
        h5.open_file(good)
        found = [str(one) for one in missing_in(h5) if one.is_error or "unit" in one.what]
    assert [line.partition(":")[0] for line in found] == ["/_i_entry", "/_i_entry", "/_i_entry/scan000_det_image",
                                                         "/_i_entry/scan000_det_curve/CH00"]  # fmt: skip
    assert main(["validate", str(good)]) == 1 and main(["validate", str(bare)]) == 1
    assert "there is no NXentry" in capsys.readouterr().out
    (tmp_path / "no.h5").write_bytes(b"nothing")
    assert main(["validate", str(tmp_path / "no.h5")]) == 3


def test_a_view_of_an_array_that_another_program_has_deleted_is_named(backend, tmp_path):
    path = tmp_path / "a.h5"
    written(path, backend, snapshot, entry="always")
    with h5py.File(path, "r+") as file:
        gone = text(file["_i_entry/det_curve/CH00"].attrs["target"])
        del file[gone]
        assert not file["_i_entry/det_curve/CH00"][()].any()  # HDF5 shows zeros, and no error
    with H5Backend("h5py") as h5:
        h5.open_file(path)
        (found,) = [one for one in missing_in(h5) if one.is_error]
    assert (found.where, gone in found.what) == ("/_i_entry/det_curve/CH00", True)


def test_a_copy_by_values_has_an_entry_with_what_a_person_told(backend, tmp_path):
    told = find_template("optics").shown({"Sample": "Si µ", "Power": "3", "User": "Ada", "Wavelength": "red"})
    with H5SaverLowLevel(backend=backend) as saver:
        saver.init_file(tmp_path / "a.h5")
        scan(saver)
        saver.session.entry.describe(told)
    with closing(create_backend(backend)) as source, closing(create_backend(backend)) as target:
        source.open(tmp_path / "a.h5", "r")
        target.open(tmp_path / "b.h5", "x")
        copy_all(source, target)
        assert add_entry(target) and not add_entry(target)
    with h5py.File(tmp_path / "a.h5") as one, h5py.File(tmp_path / "b.h5") as other:
        assert {*one["_i_entry"]} - {*other["_i_entry"]} == {"end_time"}
        assert text(other["_i_entry/sample/name"][()]) == "Si µ" and text(other["_i_entry/user/name"][()]) == "Ada"
        assert other["_i_entry/instrument/source/power"].attrs["units"] == "mW"
        shown, copied = nxdata.get_default(one), nxdata.get_default(other)
        assert shown.group.name == copied.group.name and shown.axes_names == copied.axes_names
        np.testing.assert_array_equal(shown.signal, copied.signal)
    assert validate_application(tmp_path / "b.h5")[1] == 0


@pytest.mark.parametrize("lost", PLACES["always"])
def test_half_of_an_entry_is_in_nobodys_way(backend, tmp_path, lost):
    """As in a copy of a damaged file."""
    path = written(tmp_path / "a.h5", backend, scan, entry="always")
    with h5py.File(path, "r+") as file:
        del file[lost]
    with DataLoader(path, backend=backend) as loader:
        assert len(loader.load_all()) > 3
        assert not export(loader.get_node("/"), tmp_path / "b.h5").notes
    with H5Backend("h5py") as h5:
        h5.open_file(path)
        assert missing_in(h5)
    assert check_file(path).condition is Condition.GOOD
    written(path, backend, snapshot)
    with DataLoader(path, backend=backend) as loader:
        assert len(loader.load_all("/RawData/Detector000")) == 3


def test_an_entry_of_another_program_is_left_alone(backend, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["default"] = "entry"
        file.create_group("entry/mine")
    written(tmp_path / "a.h5", backend, snapshot, entry="always")
    with h5py.File(tmp_path / "a.h5") as file:
        assert list(file["entry"]) == ["mine"]


@pytest.mark.parametrize("kind", ["continuous", "scan 1D"])
def test_a_repaired_file_has_no_views_of_lost_arrays(tmp_path, kind):
    """They would show zeros, or end validators."""
    make, first, *_ = FILES[kind]
    path = written(tmp_path / "a.h5", "h5py", make, entry="always")
    with h5py.File(path, "r+") as file:
        lost = file[f"_i_entry/{first}/CH00"].attrs["target"]
        del file[text(lost).rpartition("/CH")[0]]
        told = [*rescue(file, str(tmp_path / "b.h5"), path.stat().st_size, {}, set(), set())]
    assert {said["what"] for said in told if said.get("state") == "lost"} == {"the array that it shows is lost"}
    with h5py.File(tmp_path / "b.h5") as file:
        assert first not in file["_i_entry"] and file[f"_i_entry/{first.replace('image', 'curve')}/CH00"].shape == (
            4,
            3,
        )
    assert validate_application(tmp_path / "b.h5")[1] == 0


@pytest.mark.parametrize("entry", PLACES)
def test_a_repaired_file_has_an_entry_of_all_that_is_left(backend, tmp_path, entry):
    path = written(tmp_path / "a.h5", backend, continuous, entry=entry)
    with h5py.File(path) as file:
        lost = text(file[f"{PLACES[entry][0]}/det_image/CH00"].attrs["target"]).rpartition("/CH")[0]
        of_image = file[f"{PLACES[entry][0]}/det_image"].name
        ended = file[f"{PLACES[entry][0]}/end_time"][()]
        damaged = [h5py.h5o.get_info(file[place].id).addr for place in (lost, of_image)]
    with path.open("r+b") as raw:
        for address in damaged:
            raw.seek(address)
            raw.write(bytes(16))
    report = repair_file(path)
    assert {problem.path for problem in report.lost} == {lost} and set(report.objects.values()) == {"whole", "lost"}
    assert "the NeXus entry, which shows the data once more, was made anew" in report.done
    with h5py.File(report.out) as file:
        shown = file[PLACES[entry][0]]
        assert "det_image" not in shown and shown["det_curve/CH00"].shape == (4, 3)
        assert shown["end_time"][()] == ended
        assert text(file.attrs["default"]) == PLACES[entry][0].strip("/")
    assert validate_application(report.out)[1] == 0
