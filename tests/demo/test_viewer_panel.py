"""The viewer panel as its user sees it: clicks, files, regions, and a disk that can't keep up."""

from __future__ import annotations

import threading

import h5py
import numpy as np
import pytest
from pyqtgraph.Qt import QtCore, QtGui
from recording_helpers import settle, stop

from h5saver_widget import DataLoader, H5Saver
from h5saver_widget.demo.sources import SimulatedCamera, SimulatedSpectrometer
from h5saver_widget.demo.viewer import ViewerPanel


@pytest.fixture
def viewer(qtbot, tmp_path, backend, in_kept_process):
    h5saver = H5Saver("detector", backend)
    in_kept_process(h5saver)
    h5saver.settings["base_path"] = str(tmp_path)
    viewer = ViewerPanel(SimulatedSpectrometer(seed=1), h5saver)
    qtbot.addWidget(viewer)
    viewer.resize(1000, 640)
    viewer.show()
    yield viewer
    viewer.finish()


def press(qtbot, viewer, action) -> None:
    qtbot.mouseClick(viewer.toolbar.widgetForAction(action), QtCore.Qt.MouseButton.LeftButton)


def test_every_frame_that_is_recorded_is_in_the_file(qtbot, viewer, tmp_path) -> None:
    taken = []
    press(qtbot, viewer, viewer._grab_action)
    qtbot.waitUntil(lambda: viewer.panel.frames >= 2)
    press(qtbot, viewer, viewer._record_action)
    viewer.panel.grabbed.connect(taken.append)
    qtbot.waitUntil(lambda: len(taken) >= 5 and viewer._record_action.isChecked())
    press(qtbot, viewer, viewer._record_action)
    count = len(taken)
    settle(viewer.h5saver)
    assert not viewer.h5saver.isopen() and viewer.panel.grabbing
    (path,) = tmp_path.rglob("*.h5")
    recording = viewer.recorder.recording
    assert (recording.path, recording.frames, recording.lost) == (path, count, 0)
    with DataLoader(path) as loader:
        saved = loader.load_data("/RawData/Detector000/Data1D/CH00/EnlData00")
        np.testing.assert_array_equal(saved.data[0], [dte[0].data[0] for dte in taken[:count]])


def test_frames_wait_for_a_slow_disk_and_the_window_does_not(qtbot, viewer, monkeypatch) -> None:
    viewer.record()
    settle(viewer.h5saver)
    hold, saving = threading.Event(), threading.Event()
    real = viewer.recorder._record

    def slow(*args):
        saving.set()
        hold.wait()
        real(*args)

    monkeypatch.setattr(viewer.recorder, "_record", slow)
    for _ in range(20):
        viewer.snap()  # returns, though nothing can be saved
    assert saving.wait(10) and viewer.recorder.recording.frames == 0
    assert viewer.panel.frames == 20
    threading.Timer(0.05, hold.set).start()
    stop(viewer.h5saver)  # waits for those that are on their way
    recording = viewer.recorder.recording
    assert (recording.frames, recording.lost) == (20, 0)
    with h5py.File(recording.path, "r") as file:
        assert len(file["RawData/Detector000/NavAxes/Axis00"]) == 20


@pytest.mark.parametrize("backend", ["h5py"], indirect=True)
def test_when_memory_would_fill_frames_are_lost_and_it_is_said(qtbot, viewer, monkeypatch) -> None:
    hold = threading.Event()
    viewer.recorder.most = 20_000
    real = viewer.recorder._record
    monkeypatch.setattr(viewer.recorder, "_record", lambda *args: (hold.wait(), real(*args)))
    viewer.record()
    settle(viewer.h5saver)
    for _ in range(6):
        viewer.snap()  # of 8 kB: two may wait
    hold.set()
    viewer.finish()
    recording = viewer.recorder.recording
    assert (recording.frames, recording.lost) == (2, 4)
    qtbot.waitUntil(lambda: "4 frames of this recording could not be saved" in viewer.last_error)
    with h5py.File(recording.path, "r") as file:
        assert len(file["RawData/Detector000/NavAxes/Axis00"]) == 2


def test_regions_are_measured_and_saved(qtbot, viewer) -> None:
    viewer.panel._region_button.click()
    viewer.panel.add_region()
    regions = viewer.panel.plot.roi_manager
    regions.place("ROI_00", 530.0, 560.0)
    regions.place("ROI_01", 401.0, 401.9)
    viewer.record()
    settle(viewer.h5saver)
    assert not viewer.panel._region_button.isEnabled()  # a new one would not fit into the file
    frames = [viewer.snap() for _ in range(3)]
    regions.place("ROI_01", 0.0, 1.0)  # moving is possible: here, to where nothing is
    frames.append(viewer.snap())
    viewer.finish()
    assert viewer.panel._region_button.isEnabled()
    with DataLoader(viewer.recorder.recording.path) as loader:
        (means,) = [dwa for dwa in loader.load_all("/RawData") if dwa.name == "regions"]
        assert (means.labels, means.units) == (["ROI_00", "ROI_01"], "counts")
        points = frames[0][0].axes[0].get_data()
        inside = (points >= 530) & (points <= 560)
        np.testing.assert_allclose(means.data[0], [frame[0].data[0][inside].mean() for frame in frames])
        assert np.isfinite(means.data[1][:3]).all() and np.isnan(means.data[1][3])
        settings = loader.get_node("/RawData/Detector000").attrs["settings"]
        assert b"ROI_Viewer_00" in settings and b"530.0" in settings
    viewer.panel.clear_regions()
    assert len(viewer.snap()) == 2


def test_rectangles_on_images(qtbot) -> None:
    viewer = ViewerPanel(SimulatedCamera(seed=1))
    qtbot.addWidget(viewer)
    assert viewer.panel.add_region() == "ROI_00"
    regions = viewer.panel.plot.roi_manager
    x, y, width, height = (regions.settings["ROI_00", word] for word in ("x", "y", "width", "height"))
    assert 0 < x < x + width < 512 and 0 < y < y + height < 512  # in the middle of the picture
    regions.place("ROI_00", 10, 20, 30, 40)
    frame = viewer.snap()
    assert frame[2].data[0][0] == frame[0].data[0][20:61, 10:41].mean()
    viewer.panel.plot.setPalette(QtGui.QPalette(QtGui.QColor("#333333"), QtGui.QColor("#2b2b2b")))


@pytest.mark.parametrize("backend", ["h5py"], indirect=True)
def test_a_pause_and_a_background_while_recording(qtbot, viewer) -> None:
    viewer.record()
    settle(viewer.h5saver)
    viewer.snap()
    viewer.recorder.drain()
    viewer.h5saver.pause()
    viewer.snap()
    viewer.recorder.drain()
    viewer.h5saver.resume()
    viewer.snap()
    viewer.panel.take_background()
    viewer.finish()
    assert viewer.recorder.recording.frames == 2 and viewer.h5saver.statistics().frames_left_out == 1
    with h5py.File(viewer.recorder.recording.path, "r") as file:
        assert "Bkg00" in file["RawData/Detector000/Data1D/CH00"]
        assert len(file["RawData/Detector000/NavAxes/Axis00"]) == 2


@pytest.mark.parametrize("backend", ["h5py"], indirect=True)
def test_snapshots_and_messages(qtbot, viewer, tmp_path) -> None:
    said = []
    viewer.message.connect(said.append)
    path = viewer.save_snapshot()
    assert path is not None and path.exists() and str(path) in said[-1]
    (tmp_path / "afile").write_text("in the way")
    viewer.h5saver.settings["base_path"] = str(tmp_path / "afile" / "below")
    assert viewer.save_snapshot() is None and "No snapshot was saved" in viewer.last_error
    viewer.record()
    settle(viewer.h5saver)
    assert not viewer.recording and not viewer._record_action.isChecked()
    assert "Saving could not start" in viewer.last_error


@pytest.mark.parametrize("backend", ["h5py"], indirect=True)
def test_it_gets_narrow_and_wide_again(qtbot, viewer) -> None:
    tree = viewer.h5saver.settings_tree
    assert viewer.minimumSizeHint().width() <= 320
    for width, beside in ((420, False), (1000, True)):
        viewer.resize(width, 700)
        qtbot.waitUntil(lambda: (tree.x() > 300) is beside)  # noqa: B023
        button = viewer.toolbar.widgetForAction(viewer._record_action)
        assert button.geometry().right() <= viewer.width()
        assert viewer.panel._region_button.mapTo(viewer, QtCore.QPoint()).x() < viewer.width()
