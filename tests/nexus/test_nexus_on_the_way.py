"""Every kind of file is plotted by silx and nexusformat as it is; with the switch off, nothing of it is there."""

from __future__ import annotations

import getpass
import platform
import socket
from datetime import datetime

import h5py
import numpy as np
import pytest
from kinds_of_file import (
    bundle,
    continuous,
    groups_of,
    made_kinds,
    ready,
    scan,
    snapshot,
    text,
    written,
)
from nexusformat.nexus import nxload
from silx.io import nxdata

from h5saver_widget import (
    DataLoader,
    DataSaverLoader,
    DetectorTimeSaver,
)
from h5saver_widget.version import __version__

#: Kind of file: the group that is plotted first, how many groups are plotted, and its axes.
FILES = made_kinds(
    {
        "snapshot": ("Detector000/Data2D/CH00", 3, ["Axis00", None]),
        "continuous": ("Detector000/Data2D/CH00", 3, [None, "Axis00", None]),
        "scan 1D": ("Scan000/Detector000/Data2D/CH00", 5, [None, "Axis00", None]),
        "scan 2D": ("Scan000/Detector000/Data2D/CH00", 5, [None, None, "Axis00", None]),
        "spread": ("Scan000/Detector000/Data2D/CH00", 5, [None, "Axis00", None]),
        "logger": ("Datalogger000/Detector000/Data2D/CH00", 4, [None, "Axis00", None]),
        "optimizer": ("Optimizer000/Detector000/Data2D/CH00", 3, [None, "Axis00", None]),
        "actuator": ("Actuator000/Data0D/CH00", 1, [None, None]),
        "blocks": ("Detector000/DataND/CH00", 1, ["Axis00", None]),
        "plain": ("Detector000", 1, ["Axis00"]),
    }
)


@pytest.mark.parametrize(("backend", "swmr"), [("h5py", False), ("h5py", True), ("tables", False)])
@pytest.mark.parametrize("kind", FILES)
def test_silx_plots_every_file(backend, swmr, tmp_path, kind):
    make, first, count, shape, axes = FILES[kind]
    with h5py.File(written(tmp_path / "a.h5", backend, make, swmr=swmr)) as file:
        plotted = nxdata.get_default(file)
        assert plotted.group.name == f"/RawData/{first}"
        assert plotted.signal.shape == shape
        names = [axes and axes.name.rpartition("/")[2] for axes in plotted.axes]
        assert names == (axes if kind != "blocks" else ["Axis00", names[1]])
        groups = groups_of(file)
        data = [group for group in groups.values() if text(group.attrs.get("NX_class")) == "NXdata"]
        assert len(data) == count
        for group in data:
            found = nxdata.NXdata(group)
            assert not found.issues, group.name
            assert sorted(text(n) for n in found.auxiliary_signals_dataset_names) == sorted(
                name for name in group
                if name.startswith(("Data", "EnlData")) and name != found.signal_dataset_name
                and group[name].shape == found.signal.shape)  # fmt: skip
            # h5web takes names of children alone, one for every dimension
            listed = np.atleast_1d(group.attrs["axes"])
            assert len(listed) == found.signal.ndim
            assert all(text(name) == "." or text(name) in group for name in listed)
        for path, group in groups.items():
            assert "NX_class" in group.attrs, path
            if "default" in group.attrs:
                assert text(group.attrs["default"]) in group
                assert nxdata.get_default(group) is not None, path


@pytest.mark.parametrize("kind", FILES)
def test_nexusformat_plots_every_file(backend, tmp_path, kind):
    make, first, _, shape, axes = FILES[kind]
    root = nxload(written(tmp_path / "a.h5", backend, make))
    assert [entry.nxname for entry in root.NXentry] == ["RawData"]
    plotted = root.get_default()
    assert plotted.nxpath == f"/RawData/{first}"
    assert plotted.nxsignal.shape == shape
    assert len(plotted.nxaxes) == len(shape)
    for axis, name in zip(plotted.nxaxes, axes, strict=True):
        if name is not None:
            assert axis.nxname == name


def test_units_stand_where_nexus_has_them(backend, tmp_path):
    path = written(tmp_path / "a.h5", backend, snapshot)
    with h5py.File(path) as file:
        group = file["/RawData/Detector000/Data1D/CH00"]
        if backend == "h5py":
            assert (text(group["Data00"].attrs["units"]), text(group["Axis00"].attrs["units"])) == ("nm", "µm")
            assert nxdata.NXdata(group).axes_names == ["Axis00 (µm)"]
        else:  # PyMoDAQ reads the bytes that PyTables makes of a plain text with PyTables alone, and ends with h5py
            assert "'nm'" in text(group["Data00"].attrs["units"])
        # PyMoDAQ would read a plain 1 as a number
        assert "'1'" in text(file["/RawData/Detector000/Data2D/CH00/Axis00"].attrs["units"])
    with DataLoader(path, backend=backend) as loader:
        units = [[dwa.units, *(axis.units for axis in dwa.axes)] for dwa in loader.load_all()]
    assert units == [["V"], ["nm", "µm"], ["", "1"]]


def test_data_sets_and_names_are_the_same_without(backend, tmp_path):
    for kind, (make, *_) in FILES.items():
        with (
            h5py.File(written(tmp_path / f"{kind} on.h5", backend, make)) as on,
            h5py.File(written(tmp_path / f"{kind} off.h5", backend, make, nexus=False)) as off,
        ):
            names: list[str] = []
            off.visit(names.append)
            found: list[str] = []
            on.visit(found.append)
            assert found == names
            for name in names:
                extra = set(on[name].attrs) - set(off[name].attrs)
                known = {"NX_class", "default", "signal", "auxiliary_signals", "axes", "interpretation"}
                assert extra <= (known if isinstance(on[name], h5py.Group) else set()), name
                assert not any("NX" in attribute for attribute in off[name].attrs)
            assert set(on.attrs) - set(off.attrs) == {"NX_class", "default"}


def test_a_file_that_goes_on_is_plotted_too(backend, tmp_path):
    path = written(tmp_path / "a.h5", backend, continuous)
    written(path, backend, scan)
    with h5py.File(path) as file:
        # what is there stays first only while nothing says more: a scan does
        assert nxdata.get_default(file).group.name == "/RawData/Scan000/Detector000/Data2D/CH00"
        assert nxdata.get_default(file["/RawData/Detector000"]).group.name == "/RawData/Detector000/Data2D/CH00"
        scan_attributes = dict(file["/RawData/Scan000"].attrs)
    written(path, backend, scan)
    with h5py.File(path) as file:
        assert dict(file["/RawData/Scan000"].attrs) == scan_attributes
        assert nxdata.get_default(file["/RawData/Scan001"]).group.name == "/RawData/Scan001/Detector000/Data2D/CH00"


def test_a_file_of_an_isolated_process_is_the_same(backend, tmp_path):
    here = written(tmp_path / "here.h5", backend, scan)
    there = written(tmp_path / "there.h5", backend, scan, isolated=True)
    with h5py.File(here) as a, h5py.File(there) as b:
        ours, theirs = groups_of(a), groups_of(b)
        assert ours.keys() == theirs.keys()
        for path, group in ours.items():
            for name in ("NX_class", "default", "signal", "axes", "auxiliary_signals"):
                assert np.array_equal(group.attrs.get(name), theirs[path].attrs.get(name)), (path, name)


def test_later_frames_cost_nothing(saver, monkeypatch):
    made, node = ready(DetectorTimeSaver, saver)
    made.add_data(node, bundle())
    calls: list[str] = []
    for name in ("set_attributes", "get_attributes", "node", "info", "read"):
        monkeypatch.setattr(saver.io, name, lambda *_, name=name, **__: calls.append(name))
    for i in range(50):
        made.add_data(node, bundle(float(i)))
    assert calls == []


def test_what_is_deleted_on_the_way_does_no_harm(saver):
    with saver.saving():
        group = saver.add_det_group("/RawData", "Det")
        DataSaverLoader(saver).add_data(group, bundle()[1])
        saver.remove_node(group)
    snapshot(saver)
    assert saver.get_node("/RawData").attrs["default"].startswith("Detector")


# ---------------------------------------------------------------------------------------------------- who wrote a file
def test_a_file_says_who_wrote_it(saver, backend):
    facts = saver.root().attrs.to_dict()
    assert (facts["creator"], facts["creator_version"]) == ("h5saver_widget", __version__)
    assert (facts["hostname"], facts["user_name"]) == (socket.gethostname(), getpass.getuser())
    assert facts["python_version"] == platform.python_version()
    assert facts["numpy_version"] == np.__version__
    assert facts["platform"] == platform.platform()
    assert facts["HDF5_Version"].count(".") == 2
    assert f"{backend}_version" in facts
    assert facts["file_name"] == saver.filename
    written_at = datetime.fromisoformat(facts["file_time"])
    assert abs((datetime.now().astimezone() - written_at).total_seconds()) < 600


def test_a_machine_without_a_user_is_no_obstacle(saver, tmp_path, monkeypatch):
    from h5saver_widget.saving import provenance

    def nobody():
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr(provenance.getpass, "getuser", nobody)
    provenance._machine.cache_clear()
    saver.init_file(tmp_path / "other.h5")
    provenance._machine.cache_clear()
    assert saver.root().attrs["user_name"] == "unknown"
