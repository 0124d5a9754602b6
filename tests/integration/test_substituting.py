"""Our saver in the place of a host's own: made, sub-classed, shown and used in all the ways that hosts have."""

from __future__ import annotations

import enum
import threading
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import tables
from pyqtgraph.dockarea import Dock, DockArea
from pyqtgraph.parametertree import Parameter, ParameterTree
from pyqtgraph.Qt import QtCore, QtWidgets
from recording_helpers import settle

from h5saver_widget import DataRaw, DataToExport, DetectorSaver, DetectorTimeSaver, H5Saver, SaveType
from h5saver_widget.qt.parameters import saver_params


class Counting:
    """A class of a host that comes before ours."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.closed = 0


class HostSaver(Counting, H5Saver):
    """A host's saver: signals, calls and settings of its own."""

    opened_sig = QtCore.Signal(str)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.settings.addChild({"name": "operator", "type": "str", "value": "somebody"})

    def init_file(self, *args, **kwargs):
        made = super().init_file(*args, **kwargs)
        self.opened_sig.emit(str(self.file_path))
        return made

    def close_file(self):
        self.closed += self.isopen()
        super().close_file()


Theirs = enum.Enum("Theirs", ["scan", "detector", "actuator", "logger", "optimizer"])


@pytest.fixture(params=["h5py", "tables"])
def backend(request):
    return request.param


@pytest.fixture
def saver(qapp, tmp_path, backend):
    made = HostSaver(Theirs.detector, backend)
    made.settings["base_path"] = str(tmp_path)
    yield made
    H5Saver.close_file(made)


def frame(value):
    return DataToExport("grab", data=[DataRaw("trace", data=[np.full(4, float(value))], origin="Scope")])


@pytest.mark.parametrize(("args", "kwargs", "save_type"), [
    ((), {}, "scan"), (("detector",), {}, "detector"), ((), {"save_type": "optimizer"}, "optimizer"),
    ((Theirs.actuator, "tables"), {}, "actuator"), ((), {"save_type": SaveType.logger, "backend": "h5py"}, "logger"),
    ((), {"backend": None}, "scan"),
])  # fmt: skip
def test_every_way_to_make_one(qapp, args, kwargs, save_type):
    for cls in (H5Saver, HostSaver):
        saver = cls(*args, **kwargs)
        assert saver.save_type.name == saver.settings["save_type"] == save_type
        assert (saver.isopen(), saver.h5_file, saver.raw_group) == (False, None, "/RawData")
        assert isinstance(saver, QtCore.QObject) and saver.parent() is None


def test_a_sub_class_with_signals_calls_and_settings_of_its_own(saver, qtbot):
    with qtbot.waitSignal(saver.opened_sig) as opened:
        saver.settings.child("do_save").setValue(True)
    settle(saver)
    assert opened.args == [str(saver.file_path)] == [saver.settings["current_h5_file"]]
    module = DetectorSaver(SimpleNamespace(title="Scope"))
    module.h5saver = saver
    assert b"operator" in module.get_set_node().attrs["settings"]
    saver.settings["do_save"] = False
    settle(saver)
    assert saver.closed == 1


def test_in_docks_and_trees_of_the_host(saver, qtbot):
    area, dock, window = DockArea(), Dock("Saving"), QtWidgets.QMainWindow()
    qtbot.addWidget(window)
    window.setCentralWidget(area)
    area.addDock(dock)
    dock.addWidget(saver.settings_tree)
    window.show()
    widget = saver.settings_tree
    while not isinstance(widget, Dock):  # as hosts look for the dock to hide
        widget = widget.parent()
    widget.closeEvent = lambda event: None
    widget.setVisible(False)
    assert not saver.settings_tree.isVisible()
    widget.setVisible(True)
    assert saver.settings_tree.isVisible()

    tree = ParameterTree()
    qtbot.addWidget(tree)
    tree.addParameters(saver.settings)
    saver.settings.setOpts(title="Save")
    saver.settings.child("do_save").hide()
    saver.settings.child("custom_name").hide()
    tree.show()
    saver.settings.child("new_file").activate()
    assert saver.isopen()
    saver.settings.child("base_name").setValue("Other")
    assert saver.tree.row_of("base_name").widget.text() == "Other"


def test_settings_made_anew_from_state_and_class_level_parameters(saver):
    again = Parameter.create(name="again", type="group")
    again.restoreState(saver.settings.saveState())
    assert again["base_path"] == saver.settings["base_path"] and again["operator"] == "somebody"
    params = HostSaver.get_params_for_save_type(Theirs.detector)
    module = Parameter.create(name="module", type="group", children=[
        {"name": "saver_settings", "type": "group", "children": params}])  # fmt: skip
    module["saver_settings", "N_saved"] = 3
    module.child("saver_settings", "do_save").setValue(True)
    assert not saver.isopen(), "the copy in the host's own tree starts nothing"
    names = [param["name"] for param in saver_params()]
    assert names == [param["name"] for param in HostSaver.params] == [param["name"] for param in params]
    for value in (0.0, float("nan")):
        saver.fill_value = value
    # PyMoDAQ writes another NaN than numpy's object as a text that it can't read
    assert saver.settings["data_format", "fill_value"] is saver.fill_value is np.nan
    saver.settings.child("current_scan_name").setValue("Optimizer000")
    assert saver.settings["current_scan_name"] == "Optimizer000"


@pytest.mark.parametrize("isolated", [False, True], ids=["here", "isolated"])
def test_the_open_file(saver, backend, isolated, tmp_path):
    saver.settings["backend", "isolated"] = isolated
    saver.init_file(update_h5=True)
    handle = saver.h5_file
    assert handle.filename == str(saver.file_path) and saver.filename == saver.file_path.name
    assert saver.h5file is handle or isolated
    if not isolated:
        assert isinstance(handle, {"h5py": h5py.File, "tables": tables.File}[backend])
    if isolated or backend == "tables":
        handle.copy_file(str(tmp_path / "copy.h5"), overwrite=True)
        with h5py.File(tmp_path / "copy.h5", "r", locking=False) as copy:
            assert "RawData" in copy
    other = H5Saver(backend=backend)
    other.h5file = handle  # a window that looks into it
    assert other.raw_group.name == "RawData" and other.file_path == saver.file_path
    saver.set_attr("/RawData", "k", 1)
    assert other.get_attr("/RawData", "k") == 1
    other.close_file()
    assert not other.isopen() and saver.isopen()
    saver.h5file = None
    assert not saver.isopen()


def test_the_window_with_the_content(saver, qtbot):
    assert saver.show_file_content() is None, "there is no file yet"
    saver.init_file(update_h5=True)
    saver.add_scan_group(title="X")
    for _ in range(2):  # again: the window before goes
        window = saver.show_file_content()
        qtbot.addWidget(window)
        assert saver.analysis_prog is window and window.isVisible()
    saver.close_file()
    again = saver.show_file_content()
    qtbot.addWidget(again)
    assert not saver.isopen()
    again.close()


def test_a_worker_of_the_host_saves_while_the_window_does_what_windows_do(saver, qtbot):
    """As PyMoDAQ's workers: a thread of Qt saves, the window flushes, asks, and reads settings meanwhile."""
    saver.init_file(update_h5=True)
    module = DetectorTimeSaver(SimpleNamespace(title="Scope"))
    module.h5saver = saver
    node = module.get_set_node()

    class Worker(QtCore.QObject):
        bundle = QtCore.Signal(object)
        problems: list[Exception]
        done = threading.Event()
        problems, count = [], 0

        def __init__(self):
            super().__init__()
            self.bundle.connect(self.save)

        @QtCore.Slot(object)
        def save(self, dte):
            try:
                module.h5saver = saver
                module.add_data_bundle(SimpleNamespace(dte=dte, node=node))
            except Exception as error:
                self.problems.append(error)
            self.count += 1

    worker, thread = Worker(), QtCore.QThread()
    worker.moveToThread(thread)
    thread.start()
    for number in range(200):
        worker.bundle.emit(frame(number))
        if number % 10 == 0:
            saver.flush()
            assert saver.isopen() and not saver.is_swmr_active and saver.settings["save_2D"]
    qtbot.waitUntil(lambda: worker.count == 200)
    thread.quit()
    assert thread.wait(10_000) and worker.problems == []
    path = saver.file_path
    saver.close_file()
    with h5py.File(path, "r") as file:
        values = file["RawData/Detector000/Data1D/CH00/EnlData00"][:, 0]
    assert values.tolist() == list(range(200))
