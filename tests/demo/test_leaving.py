"""A window is closed while the disk does not answer: it lives on, says why, and closes when its files are complete."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from time import monotonic

import pytest
from pyqtgraph.Qt import QtCore, QtWidgets
from recording_helpers import settle, wait_until

from h5saver_widget.demo.sources import SimulatedSpectrometer
from h5saver_widget.demo.viewer import ViewerPanel
from h5saver_widget.qt import leaving
from h5saver_widget.recording.status import RecorderState

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no process can be stopped there")
LEFT = QtCore.Qt.MouseButton.LeftButton


@pytest.fixture
def viewer(qtbot, tmp_path, backend, in_kept_process, monkeypatch) -> ViewerPanel:
    """Return a window of its own that has recorded a file, and records another one."""
    monkeypatch.setattr(leaving, "PATIENCE", 0.05)
    viewer = ViewerPanel(SimulatedSpectrometer(seed=1))
    in_kept_process(viewer.h5saver)
    viewer.h5saver.settings["base_path"] = str(tmp_path)
    viewer.h5saver.settings["backend", "backend_type"] = backend
    qtbot.addWidget(viewer)
    viewer.show()
    for frames in (5, 2):
        viewer.record()
        settle(viewer.h5saver)
        for _ in range(frames):
            viewer.snap()
        viewer.recorder.drain()
        if frames == 5:
            viewer.record(False)
            settle(viewer.h5saver)
    return viewer


@pytest.fixture
def stuck(viewer) -> Iterator[int]:
    """Stop the process with the file, as a disk does that does not answer; return its number."""
    pid = viewer.h5saver.io.pid
    os.kill(pid, signal.SIGSTOP)
    yield pid
    os.kill(pid, signal.SIGCONT)
    settle(viewer.h5saver)


def test_it_closes_when_its_file_is_complete(qtbot, viewer, stuck):
    saver, beats = viewer.h5saver, [monotonic()]
    timer = QtCore.QTimer()
    timer.timeout.connect(lambda: beats.append(monotonic()))
    timer.start(5)
    viewer.close()
    box = viewer._leaving.box
    assert viewer.isVisible() and box.isVisible() and saver.file_path.name in box.text()
    count = len(beats)
    wait_until(lambda: len(beats) > count + 30)  # the window lives
    counts = saver.status().statistics
    assert saver.status().state is RecorderState.CLOSING
    assert counts.frames_received == 2, "those of this file, while it is being closed"
    viewer.close()
    assert viewer.isVisible() and viewer._leaving.box is box, "asked once"
    os.kill(stuck, signal.SIGCONT)
    qtbot.waitUntil(lambda: not viewer.isVisible())
    assert not saver.isopen() and not QtWidgets.QApplication.activeModalWidget()
    assert saver.statistics().frames_written == 2


@pytest.mark.parametrize("button", ["Keep the window", "Close without waiting"])
def test_it_stays_or_goes_as_somebody_says(qtbot, viewer, stuck, button):
    viewer.close()
    (press,) = (one for one in viewer._leaving.box.buttons() if one.text() == button)
    qtbot.mouseClick(press, LEFT)
    assert viewer.isVisible() == (button == "Keep the window") and viewer._leaving.box is None
    os.kill(stuck, signal.SIGCONT)
    settle(viewer.h5saver)
    assert not viewer.h5saver.isopen()
    if viewer.isVisible():
        viewer.close()
        assert not viewer.isVisible()
