"""The entry of a file that goes on: what is shown when, and what is shown no more."""

from __future__ import annotations

import shutil
from datetime import datetime
from time import monotonic

import h5py
import numpy as np
import pytest
from kinds_of_file import (
    bundle,
    continuous,
    ready,
    scan,
    snapshot,
    text,
    written,
)
from silx.io import nxdata

from h5saver_widget import (
    BkgSaver,
    DataLoader,
    DataSaverLoader,
    DetectorSaver,
    DetectorTimeSaver,
    H5SaverBase,
    H5SaverLowLevel,
)
from h5saver_widget.backends.shown_again import PLACES


@pytest.fixture
def room_for_more(monkeypatch):
    """Have the entry show more channels than it does by default."""
    monkeypatch.setattr("h5saver_widget.saving.entry._MOST", 40)


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
        (nodes,) = written_to  # by one call, for one message to a worker
        entry, shown = nodes["/_i_entry"].members, nodes["/_i_nexus"].members["0"].members
        assert entry.keys() == shown.keys() - {"end_time"} and [*entry][-3:] == names
        assert list(shown["instrument"].members) == ["Det"]


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
        assert list(file["_i_nexus"]) == ["0", "1", "2"]
        assert "det_number_6" in file["_i_entry"] and "end_time" in file["_i_entry"]


def test_a_file_has_an_end_when_it_has_ended(backend, tmp_path):
    path = tmp_path / "a.h5"
    ends = []
    for _ in range(2):
        with H5SaverLowLevel(backend=backend) as saver:
            saver.init_file(path)
            saver.flush()
            assert ("end_time" in saver.get_group("/_i_entry").children_name()) == bool(ends)
        with h5py.File(path) as file:
            assert file["_i_entry"].get("end_time", getlink=True).path == "/_i_nexus/0/end_time"
            ends.append(file["_i_entry/end_time"].asstr()[()])
            assert datetime.fromisoformat(file["_i_entry/start_time"].asstr()[()]) < datetime.fromisoformat(ends[-1])
    assert ends[0] < ends[1]


def test_a_file_without_data_has_an_entry_soon(backend, tmp_path, in_kept_process):
    saver = H5SaverBase("detector", backend)
    in_kept_process(saver)
    saver.init_file(addhoc_file_path=tmp_path / "a.h5")
    give_up = monotonic() + 30
    while not saver.io.has_child(saver.io.root(), "_i_entry") and monotonic() < give_up:
        saver.look_after()
        saver.wait()
    assert "process" in saver.get_group("/_i_entry").children_name()
    saver.close_file()


@pytest.mark.parametrize("entry", ["always", "plain"])
def test_a_file_that_was_cut_short_before_its_data_gets_an_entry_later(backend, tmp_path, entry):
    with H5SaverLowLevel(backend=backend) as saver:
        saver.nexus_entry = entry
        saver.init_file(tmp_path / "a.h5")
        saver.io.flush()
        shutil.copy(tmp_path / "a.h5", tmp_path / "b.h5")
    with h5py.File(tmp_path / "b.h5") as file:
        assert list(file) == ["RawData"]
    with h5py.File(written(tmp_path / "b.h5", backend, snapshot)) as file:
        assert nxdata.get_default(file).group.name == f"{PLACES[entry][0]}/det_image"
        assert {"process", "end_time", "instrument"} < set(file[PLACES[entry][0]])


def test_an_entry_begins_without_what_can_not_be_shown(backend, tmp_path, caplog):
    """Its first data were deleted before they were shown, by a program that works on the same file."""
    with H5SaverLowLevel(backend=backend) as saver:
        saver.init_file(tmp_path / "a.h5")
        made, node = ready(DetectorTimeSaver, saver)
        with saver.saving():
            made.add_data(node, bundle())
            saver.io.delete(saver.io.node("/RawData/Detector000/Data1D"))
        assert "does not show all of" in caplog.text
    with h5py.File(tmp_path / "a.h5") as file:
        assert {"process", "end_time", "det_number", "det_image"} < set(file["_i_entry"])
        assert nxdata.get_default(file).group.name == "/_i_entry/det_image"
        assert "det_curve" not in file["_i_entry"] and "Det" in file["_i_entry/instrument"]


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


def test_data_that_share_a_group_have_axes_of_their_own(backend, tmp_path):
    """Those of others may be as many, and of another length."""
    with H5SaverLowLevel(backend=backend) as saver:
        saver.init_file(tmp_path / "a.h5")
        with saver.saving():
            group = saver.add_det_group("/RawData", "Det")
            for dwa in bundle()[1:]:
                DataSaverLoader(saver).add_data(group, dwa)
            BkgSaver(saver).add_data(group, bundle()[1])
    with h5py.File(tmp_path / "a.h5") as file:
        entry = file["_i_entry"]
        shown = {name: [text(axis) for axis in np.atleast_1d(entry[name].attrs["axes"])] for name in ("det", "det_2")}
        assert shown == {"det": ["x"], "det_2": ["y", "."]}
        assert entry["det/x"].shape == entry["det/CH00"].shape == (3,)
        assert (entry["det_2/y"].shape, entry["det_2/CH00"].shape) == ((2,), (2, 3))
        assert "CH00_errors" in entry["det"] and "CH00_errors" not in entry["det_2"]
