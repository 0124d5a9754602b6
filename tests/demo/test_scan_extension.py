"""The scan extension: lines and maps into one file, pause, stop and go on, and what goes wrong."""

from __future__ import annotations

import threading

import h5py
import numpy as np
import pytest
from pyqtgraph.Qt import QtCore
from recording_helpers import settle, stop

from h5saver_widget import DataLoader, H5Saver
from h5saver_widget.demo.actuators import MockActuator, MoveError, ScannedSample
from h5saver_widget.demo.scan_extension import ScanExtension
from h5saver_widget.demo.scan_run import ScanPlan, ScanState


class Gate:
    """A detector that measures so many points, and then waits until it is told to go on, or fails."""

    title = "Gate"

    def __init__(self, stages):
        self.sample, self.stages = ScannedSample(stages, seed=1), stages
        self.turns = threading.Semaphore(0)
        self.fails, self.seen = False, []

    def read(self):
        self.turns.acquire()
        if self.fails:
            raise OSError("the shutter is stuck")
        data = self.sample.read()
        self.seen.append(float(data[0].data[0][0]))
        for dwa in data:
            dwa.origin = self.title
        return data

    def let(self, points=100_000):
        self.turns.release(points)


@pytest.fixture
def extension(qtbot, tmp_path, backend, in_kept_process):
    h5saver = H5Saver("scan", backend)
    in_kept_process(h5saver)
    h5saver.settings["base_path"] = str(tmp_path)
    stages = [MockActuator("X", "mm", speed=1e6, seed=1), MockActuator("Y", "mm", speed=1e6, seed=2)]
    made = ScanExtension(stages, [Gate(stages)], h5saver)
    qtbot.addWidget(made)
    made.show()
    made.gate = made.detectors[0]
    yield made
    made.gate.let()
    made.finish()


def run(qtbot, extension, begin) -> None:
    with qtbot.waitSignal(extension.scan_done, timeout=20_000):
        begin()


def press(qtbot, extension, action) -> None:
    qtbot.mouseClick(extension.toolbar.widgetForAction(action), QtCore.Qt.MouseButton.LeftButton)


def signal(loader, name):
    return loader.load_data(f"/RawData/{name}/Detector000/Data0D/CH00/Data00")


def test_a_line_and_a_map_in_one_file(qtbot, extension, tmp_path) -> None:
    extension.gate.let()
    extension.set_axis(0, 0.0, 4.0, 5)
    extension.set_axis(1, -1.0, 1.0, 3)
    run(qtbot, extension, lambda: press(qtbot, extension, extension._start_action))
    line = extension.gate.seen[:]
    extension.set_kind("Scan2D")
    run(qtbot, extension, lambda: press(qtbot, extension, extension._start_action))
    there_and_back = np.reshape(extension.gate.seen[5:], (3, 5)).copy()
    there_and_back[1] = there_and_back[1][::-1]
    texts = [extension._list.item(row).text() for row in range(extension._list.count())]
    assert texts == ["Scan000  5  complete", "Scan001  3 × 5  complete"]
    extension._show_listed(extension._list.item(0))
    assert extension._plot.canvases[0].plot.getAxis("bottom").labelText == "X (mm)"
    extension.finish()
    (path,) = tmp_path.rglob("*.h5")
    assert path.name.startswith("Dataset_")
    with DataLoader(path) as loader:
        assert signal(loader, "Scan000").data[0].tolist() == line
        found = signal(loader, "Scan001")
        assert found.data[0].tolist() == there_and_back.tolist()
        assert [(axis.label, axis.units) for axis in found.get_nav_axes()] == [("Y", "mm"), ("X", "mm")]
        spectra = loader.load_data("/RawData/Scan001/Detector000/Data1D/CH00/Data00")
        assert spectra.shape == (3, 5, 200)
        positions = loader.load_data("/RawData/Scan001/Actuator000/Data0D/CH00/Data00")
        assert np.abs(positions.data[0] - np.linspace(0, 4, 5)).max() < 0.1
        assert loader.get_node("/RawData/Scan001/Actuator001").title == "Y"
        times = loader.load_data("/RawData/Scan001/Timestamps/Data0D/CH00/Data00")
        assert np.all(times.data[0] >= 0)
        assert b"axis1" in loader.get_node("/RawData/Scan001").attrs["settings"]


def test_pause_stop_and_go_on_in_the_same_scan(qtbot, extension, tmp_path) -> None:
    extension.set_axis(0, 0.0, 5.0, 6)
    press(qtbot, extension, extension._start_action)
    extension.gate.let(2)
    qtbot.waitUntil(lambda: extension.scan.done == 2)
    press(qtbot, extension, extension._pause_action)
    assert extension.scan.state is ScanState.PAUSED and extension._pause_action.text() == "Resume"
    extension.gate.let(1)  # the point that was begun is measured and saved; then it waits
    qtbot.waitUntil(lambda: extension.scan.done == 3)
    press(qtbot, extension, extension._pause_action)
    extension.gate.let(1)
    qtbot.waitUntil(lambda: extension.scan.done == 4)
    with qtbot.waitSignal(extension.scan_done):
        press(qtbot, extension, extension._stop_action)
        extension.gate.let(1)
    assert extension.scan.state is ScanState.STOPPED
    saved = extension.scan.done
    assert saved < 6 and "stopped" in extension._line.text()

    extension.finish()  # the file is closed, and read by others
    with DataLoader(extension.scan.path) as loader:
        values = signal(loader, "Scan000").data[0]
        assert np.isfinite(values[:saved]).all() and np.isnan(values[saved:]).all()
    extension.gate.let()
    run(qtbot, extension, lambda: press(qtbot, extension, extension._pause_action))
    assert extension.scan.state is ScanState.DONE and not extension.can_resume
    extension.finish()
    (path,) = tmp_path.rglob("*.h5")
    with DataLoader(path) as loader:
        assert signal(loader, "Scan000").data[0].tolist() == extension.gate.seen
        assert [group.name for group in loader.h5saver.get_scan_groups()] == ["Scan000"]


@pytest.mark.parametrize("backend", ["h5py"], indirect=True)
def test_do_save_switched_off_ends_the_scan_first(qtbot, extension) -> None:
    extension.set_axis(0, 0.0, 5.0, 6)
    extension.start()
    extension.gate.let(3)
    qtbot.waitUntil(lambda: extension.scan.done == 3)
    threading.Timer(0.05, extension.gate.let).start()
    stop(extension.h5saver)
    assert not extension.running and not extension.h5saver.isopen()
    assert extension.h5saver.frames_lost == 0
    with h5py.File(extension.scan.path, "r") as file:
        values = file["RawData/Scan000/Detector000/Data0D/CH00/Data00"][()]
    assert np.isfinite(values).sum() == extension.scan.done >= 3


@pytest.mark.parametrize("backend", ["h5py"], indirect=True)
def test_a_detector_that_fails_ends_the_scan_and_it_goes_on_later(qtbot, extension) -> None:
    extension.set_axis(0, 0.0, 3.0, 4)
    extension.start()
    extension.gate.let(2)
    qtbot.waitUntil(lambda: extension.scan.done == 2)
    extension.gate.fails = True
    with qtbot.waitSignal(extension.scan_done):
        extension.gate.let(1)
    assert "2 of 4 points. the shutter is stuck" in extension.last_error
    extension.gate.fails = False
    extension.gate.let()
    run(qtbot, extension, extension.resume)
    assert extension.scan.done == 4 and len(extension.gate.seen) == 4


@pytest.mark.parametrize("backend", ["h5py"], indirect=True)
def test_what_can_not_be_scanned_is_said(qtbot, extension, tmp_path) -> None:
    extension.set_kind("Scan2D")
    extension.set_axis(0, 0.0, 1.0, 1000)
    extension.set_axis(1, 0.0, 1.0, 1000)
    assert not extension.start() and "1,000,000 points" in extension.last_error
    extension.set_kind("Scan1D")
    extension.gate.let()
    extension.actuators[0].settings["maximum"] = 0.5
    extension.set_axis(0, 0.0, 1.0, 3)
    run(qtbot, extension, extension.start)
    assert "X can't go to 1 mm: it reaches -10 to 0.5" in extension.last_error
    extension.finish()
    (tmp_path / "afile").write_text("in the way")
    extension.h5saver.settings["base_path"] = str(tmp_path / "afile" / "below")
    extension.start()
    settle(extension.h5saver)
    qtbot.waitUntil(lambda: not extension.running)
    assert "afile" in extension.last_error or "no file is open" in extension.last_error


@pytest.mark.parametrize("backend", ["h5py"], indirect=True)
def test_it_fits_a_narrow_dock(qtbot, extension) -> None:
    extension.resize(420, 800)
    qtbot.waitUntil(lambda: not extension._list_box.isVisible())
    assert extension._form.geometry().right() < 420
    extension.resize(1100, 700)
    qtbot.waitUntil(extension._list_box.isVisible)


def test_a_stage_needs_time_and_can_be_stopped() -> None:
    stage = MockActuator("X", "mm", speed=10.0, seed=1)
    stage.move_to(5.0)
    assert stage.moving and stage.position < 5
    assert not stage.wait(lambda seconds: True)
    stage.stop()
    assert not stage.moving and stage.position < 5
    with pytest.raises(MoveError, match="reaches -10 to 10"):
        stage.move_to(11)


def test_a_plan_goes_there_and_back() -> None:
    stages = MockActuator("Y", "mm"), MockActuator("X", "mm")
    plan = ScanPlan(stages, (np.arange(3.0), np.arange(2.0)))
    assert plan.indexes == [(0, 0), (0, 1), (1, 1), (1, 0), (2, 0), (2, 1)]
    assert [axis.index for axis in plan.axes()] == [0, 1] and plan.at((2, 1)) == (2.0, 1.0)
