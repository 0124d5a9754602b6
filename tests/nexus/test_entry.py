"""The entry of a file: what archives and readers of NeXus find there, for every kind of recording."""

from __future__ import annotations

import getpass
from datetime import datetime

import h5py
import numpy as np
import pytest
from kinds_of_file import (
    groups_of,
    made_kinds,
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
    DataRaw,
    DataToExport,
    DetectorTimeSaver,
    H5Backend,
    H5SaverLowLevel,
)
from h5saver_widget.backends.shown_again import PLACES
from h5saver_widget.version import __version__

#: Kind of file: the group of the entry that is plotted first, how many groups are plotted, and its axes.
FILES = made_kinds(
    {
        "snapshot": ("det_image", 3, ["y", None]),
        "continuous": ("det_image", 3, ["time", "y", None]),
        "scan 1D": ("scan000_det_image", 5, ["a0", "y", None]),
        "scan 2D": ("scan000_det_image", 5, ["a0", "a1", "y", None]),
        "spread": ("scan000_det_image", 5, ["a", "y", None]),
        "logger": ("datalogger000_det_image", 4, ["time", "y", None]),
        "optimizer": ("optimizer000_det_image", 3, ["p", "y", None]),
        "actuator": ("stage", 1, ["time", None]),
        "blocks": ("det_block", 1, ["t", "x"]),
        "plain": ("det", 2, ["x"]),
    }
)


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
            assert f"{PLACES[entry][1]}/0/det_image/CH00" in shown
            assert h5.get_node(f"{PLACES[entry][0]}/det_image").class_name == "LINK"
    with h5py.File(path) as file:
        assert nxdata.get_default(file).group.name == f"{PLACES[entry][0]}/det_image"


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
