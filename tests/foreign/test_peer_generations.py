"""PyMoDAQ's files of all years, and ours in its hands: names in order, axes once, its words taken."""

from __future__ import annotations

import datetime
import json
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import tables

from h5saver_widget import (
    Axis,
    DataLoader,
    DataMismatchError,
    DataRaw,
    DataSaverLoader,
    DataToExport,
    H5SaverLowLevel,
    ScanSaver,
)
from h5saver_widget.browsing import H5BrowserUtil
from h5saver_widget.format.codec import decode


def wrapped(value):
    return json.dumps({"module": "builtins", "type": type(value).__name__, "data": repr(value)})


@pytest.mark.parametrize(
    ("ndim", "dim", "points"), [(1, "1D", 0), (2, "1D", 1), (1, "0D", 1), (2, "2D", 0), (3, "2D", 1)]
)
def test_the_default_type_of_a_scan_makes_no_scan(tmp_path, backend, ndim, dim, points):
    shape = (4, 5, 6)[:ndim]
    with h5py.File(tmp_path / "a.h5", "w") as file:
        node = file.create_dataset("Raw_datas/Det000/Data", data=np.zeros(shape))
        for name, value in {"type": "data", "data_dimension": dim, "scan_type": "scan1D"}.items():
            node.attrs[name] = wrapped(value)
    with DataLoader(tmp_path / "a.h5", backend=backend) as loader:
        data = loader.load_data("/Raw_datas/Det000/Data")
    assert (data.shape, len(data.nav_indexes)) == (shape, points)


@pytest.mark.parametrize("ndim", [1, 2])
def test_maps_of_2018_have_the_axes_that_stand_beside_them(tmp_path, backend, ndim):
    shape = (3, 3)[:ndim]
    with tables.open_file(str(tmp_path / "a.h5"), "w") as file:
        group = file.create_group("/Raw_datas/Scan000", f"scan_{ndim}D", createparents=True)
        for number, letter in enumerate("xy"[:ndim]):
            axis = file.create_carray(group, f"scan_{letter}_axis", obj=np.arange(3.0) + 10 * number)
            axis.attrs.type, axis.attrs.data_type = "navigation_axis", "1D"
        for number in range(2):
            data = file.create_carray(group, f"Scan_Data_{number:03d}", obj=np.zeros(shape))
            data.attrs.type, data.attrs.data_type = "data", f"{ndim}D"
    with DataLoader(tmp_path / "a.h5", backend=backend) as loader:
        data = loader.load_data(f"/Raw_datas/Scan000/scan_{ndim}D/Scan_Data_001")
    assert (data.shape, data.nav_indexes) == (shape, tuple(range(ndim)))
    found = {axis.index: axis.get_data()[0] for axis in data.axes}
    assert found == ({0: 0.0} if ndim == 1 else {0: 10.0, 1: 0.0})


def test_scans_and_log_of_the_older_group(tmp_path, backend):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number in (10, 2):
            file.create_group(f"Raw_datas/Scan{number:03d}").attrs["type"] = wrapped("scan")
    with H5BrowserUtil(backend=backend) as browser:
        browser.open_file(tmp_path / "a.h5")
        assert [scan.group.name for scan in browser.scans()] == ["Scan002", "Scan010"] and browser.log_lines() == []


@pytest.mark.parametrize("module", ["PyQt5", "PySide2", "PyQt6"])
def test_dates_that_qt_wrote(module):
    def read(text):
        return decode(json.dumps({"module": f"{module}.QtCore", "type": "QDate", "data": f"{module}.QtCore.{text}"}))

    assert read("QDate(2019, 7, 1)") == datetime.date(2019, 7, 1)
    assert read("QTime(9, 8, 7, 65)") == datetime.time(9, 8, 7, 65000)
    assert read("QDateTime(2019, 7, 1, 9, 8)") == datetime.datetime(2019, 7, 1, 9, 8)
    assert isinstance(read("QDate(__import__('os'))"), str)


def test_names_are_in_order_however_the_file_is_read(tmp_path, backend, isolated):
    with H5SaverLowLevel("detector", backend=backend, isolated=isolated) as saver:
        saver.init_file(tmp_path / "a.h5")
        for number in range(2):
            group = saver.add_det_group("/RawData", f"Det {number}")
            DataSaverLoader(saver).add_data(group, DataRaw("s", data=[np.arange(5.0) + i for i in range(11)]))
    with tables.open_file(str(tmp_path / "a.h5")) as file:
        groups = [list(group._v_children) for group in file.walk_groups("/RawData")]
    assert groups == [sorted(names) for names in groups] and len(groups[-1]) == 11


def scan_of(saver, shape, axes):
    manager = SimpleNamespace(detectors_all=[SimpleNamespace(title="Det")], actuators_all=[])
    scan = ScanSaver(SimpleNamespace(title="Scan", modules_manager=manager))
    scan.h5saver = saver
    scan.set_scan_shape(shape)
    node = scan.get_set_node(new=True)
    scan.initialize_time_array()
    for _ in range(3):  # a host says them for every average
        scan.add_nav_axes(axes)
    return scan, node


def points_of(scan, shape, distribution):
    for i, at in enumerate(np.ndindex(shape)):
        part = DataRaw("v", data=[np.array([float(i)])], origin="Det")
        scan.add_data(DataToExport("p", data=[part]), at, distribution=distribution)


def test_navigation_axes_stand_once(saver):
    axes = [Axis("X", "mm", np.arange(2.0), 0), Axis("Average", "", np.arange(3.0), 1)]
    scan, node = scan_of(saver, (2, 3), axes)
    points_of(scan, (2, 3), "uniform")
    assert saver.get_node(node, "NavAxes").children_name() == ["Axis00", "Axis01"]
    scan.add_nav_axes([Axis("X", "mm", np.arange(2.0) + 0.5, 0)])  # another one is no repetition
    assert saver.get_node(node, "NavAxes").children_name() == ["Axis00", "Axis01", "Axis02"]


def test_the_times_of_a_spread_scan_have_both_axes(saver):
    axes = [Axis(name, "mm", np.arange(4.0) + i, 0, spread_order=i) for i, name in enumerate("xy")]
    scan, node = scan_of(saver, (4,), axes)
    points_of(scan, (4,), "spread")
    path = f"{node.path}/Timestamps"
    times = next(n.path for n in saver.walk_nodes(path) if n.name == "Data00")
    saver.get_node(times).attrs["distribution"] = "uniform"  # as PyMoDAQ says of them
    loaded = DataLoader(saver).load_data(times)
    assert [(axis.label, axis.spread_order) for axis in loaded.axes] == [("x", 0), ("y", 1)]


def test_words_of_the_peer(tmp_path, backend):
    with H5SaverLowLevel("detector", backend=backend) as saver:
        saver.init_file(tmp_path / "a.h5", swmr_mode=True)
        assert saver.swmr_mode is saver.capabilities.swmr
        saver.create_vlarray("/RawData", "lines", dtype="string").append("one")
        saver.create_vlarray("/RawData", "rows", dtype=np.uint8, title="bytes").append(b"\x01")
        with pytest.raises(DataMismatchError, match="rows of any length hold bytes"):
            saver.create_vlarray("/RawData", "bad", dtype="float64")
        assert saver.get_node("/RawData/lines").read() == ["one"]
