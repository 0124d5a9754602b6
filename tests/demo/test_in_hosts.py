"""The panels in windows of others: docked, moved, deleted without a word, many at once, another language and style."""

from __future__ import annotations

import gc

import h5py
import numpy as np
import pytest
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets
from recording_helpers import start, stop

from h5saver_widget import H5Saver, demo
from h5saver_widget.demo import ScanExtension, SimulatedSpectrometer, ViewerPanel

TIMES = "RawData/Detector000/NavAxes/Axis00"
SIGNAL = "RawData/Scan000/Detector000/Data0D/CH00/Data00"


def viewer(folder, **options):
    made = ViewerPanel(SimulatedSpectrometer(seed=1), **options)
    made.h5saver.settings["base_path"] = str(folder)
    return made


def saved(folder, name=TIMES):
    (path,) = folder.rglob("*.h5")
    with h5py.File(path, "r") as file:
        return file[name][()]


def delete(window) -> None:
    window.close()
    window.deleteLater()
    QtWidgets.QApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)
    QtWidgets.QApplication.processEvents()


@pytest.mark.parametrize("kept", [False, True], ids=["forgotten", "kept"])
def test_a_host_that_deletes_a_recording_viewer(qtbot, tmp_path, kept) -> None:
    host, panel = QtWidgets.QMainWindow(), viewer(tmp_path)
    host.setCentralWidget(panel)
    host.show()
    panel.record()
    for _ in range(5):
        panel.snap()
    known = [panel] if kept else []
    saver = panel.h5saver
    del panel
    delete(host)
    gc.collect()
    assert not saver.isopen() and len(saved(tmp_path)) == 5
    start(saver)  # the saver lives on, without its panel
    stop(saver)
    del known


@pytest.mark.parametrize("kept", [False, True], ids=["forgotten", "kept"])
def test_a_host_that_deletes_a_running_scan(qtbot, tmp_path, kept) -> None:
    host, extension = QtWidgets.QMainWindow(), ScanExtension()
    extension.h5saver.settings["base_path"] = str(tmp_path)
    host.setCentralWidget(extension)
    host.show()
    extension.set_kind("Scan2D")
    extension.start()
    scan = extension.scan
    qtbot.waitUntil(lambda: scan.done >= 2)
    known = [extension] if kept else []
    del extension
    delete(host)
    assert np.isfinite(saved(tmp_path, SIGNAL)).sum() == scan.done < scan.points
    assert scan.problem == ""
    del known


def test_a_saver_of_the_host_goes_on_when_the_panel_is_deleted(qtbot, tmp_path) -> None:
    saver = H5Saver("detector")
    saver.settings["base_path"] = str(tmp_path)
    host, panel = QtWidgets.QWidget(), viewer(tmp_path, h5saver=saver, saver_beside=False)
    QtWidgets.QVBoxLayout(host).addWidget(panel)
    qtbot.addWidget(saver.settings_tree)
    panel.record()
    panel.snap()
    del panel
    delete(host)
    assert saver.isopen()
    stop(saver)
    assert len(saved(tmp_path)) == 1


def test_docked_floated_and_moved_while_recording(qtbot, tmp_path) -> None:
    first, second = QtWidgets.QMainWindow(), QtWidgets.QMainWindow()
    panel = viewer(tmp_path)
    for window in (first, second):
        qtbot.addWidget(window)
        window.show()
    first.setCentralWidget(panel)
    panel.record()
    panel.snap()
    dock = QtWidgets.QDockWidget("Viewer", second)
    dock.setWidget(panel)
    second.addDockWidget(QtCore.Qt.DockWidgetArea.LeftDockWidgetArea, dock)
    first.close()
    panel.snap()
    dock.setFloating(True)
    panel.snap()
    panel.setParent(None)
    panel.show()
    panel.snap()
    assert panel.h5saver.isopen()
    panel.close()  # a window of its own: it saves and closes its file
    assert not panel.h5saver.isopen() and len(saved(tmp_path)) == 4
    qtbot.addWidget(panel)


def test_many_at_once(qtbot, tmp_path) -> None:
    window = QtWidgets.QTabWidget()
    qtbot.addWidget(window)
    panels = [viewer(tmp_path / str(number)) for number in range(4)]
    for panel in panels:
        window.addTab(panel, panel.title)
        panel.record()
    for number in range(12):
        panels[number % 4].snap()
    panels[1].finish()
    assert [panel.h5saver.isopen() for panel in panels] == [True, False, True, True]
    for panel in panels:
        panel.finish()
    assert [len(saved(tmp_path / str(number))) for number in range(4)] == [3] * 4


def test_language_style_and_palette_of_the_program(qtbot, tmp_path) -> None:
    before, palette = QtWidgets.QApplication.style().objectName(), QtWidgets.QApplication.palette()
    usual = QtCore.QLocale()
    extension = ScanExtension()
    qtbot.addWidget(extension)
    extension.h5saver.settings["base_path"] = str(tmp_path)
    extension.show()
    try:
        QtCore.QLocale.setDefault(QtCore.QLocale(QtCore.QLocale.Language.German))
        QtWidgets.QApplication.setStyle("Windows")
        QtWidgets.QApplication.setPalette(QtGui.QPalette(QtGui.QColor("#333333"), QtGui.QColor("#2b2b2b")))
        QtWidgets.QApplication.setLayoutDirection(QtCore.Qt.LayoutDirection.RightToLeft)
        extension.set_axis(0, 0.0, 1.5, 4)
        with qtbot.waitSignal(extension.scan_done):
            extension.start()
        assert extension._progress_label.text() == "4 of 4 points · complete"
        behind = extension._plot.canvases[0].backgroundBrush().color()
        assert behind == extension._plot.palette().color(QtGui.QPalette.ColorRole.Base)
    finally:
        QtCore.QLocale.setDefault(usual)
        QtWidgets.QApplication.setStyle(before)
        QtWidgets.QApplication.setPalette(palette)
        QtWidgets.QApplication.setLayoutDirection(QtCore.Qt.LayoutDirection.LeftToRight)
    extension.finish()
    assert np.isfinite(saved(tmp_path, SIGNAL)).all()


def test_every_name_of_the_demo_is_there() -> None:
    for name in demo.__all__:
        assert getattr(demo, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        demo.Nothing  # noqa: B018
