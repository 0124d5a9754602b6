"""The saver follows its host: moved, docked, closed in any order, other languages and styles, many at once."""

from __future__ import annotations

import gc
import weakref

import pytest
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets
from qt_helpers import files_in
from recording_helpers import detector, frame, numbers_in, start, stop

from h5saver_widget import H5Saver


@pytest.fixture
def recording(make, qtbot):
    shown = make("detector", "h5py")
    shown.check("do_save")
    module, node = detector(shown.saver)
    module.add_data(node, frame(0))
    shown.more = lambda number: module.add_data(node, frame(number))
    return shown


def test_moved_from_window_to_dock_and_back_while_recording(recording, qtbot, base):
    saver, tree = recording.saver, recording.widget
    first, second = QtWidgets.QMainWindow(), QtWidgets.QMainWindow()
    for window in (first, second):
        qtbot.addWidget(window)
        window.show()
    first.setCentralWidget(tree)
    recording.more(1)
    dock = QtWidgets.QDockWidget("Saver", second)
    dock.setWidget(tree)
    second.addDockWidget(QtCore.Qt.DockWidgetArea.RightDockWidgetArea, dock)
    dock.setFloating(True)
    recording.more(2)
    first.close()
    dock.setFloating(False)
    tree.show()
    recording.more(3)
    qtbot.waitUntil(lambda: saver.strip.state == "recording")  # said once the file is flushed, some time later
    assert saver.isopen()
    shown_in = dock.widget()
    assert shown_in is tree
    recording.check("do_save")
    assert numbers_in(files_in(base)[0]) == [0, 1, 2, 3]
    tree.setParent(None)


def test_the_window_is_closed_first_and_saving_goes_on(tmp_path, qtbot):
    saver = H5Saver("detector", "h5py")
    saver.settings["base_path"] = str(tmp_path)
    host = QtWidgets.QWidget()
    layout = QtWidgets.QVBoxLayout(host)
    layout.addWidget(saver.settings_tree)
    host.show()
    start(saver)
    module, node = detector(saver)
    module.add_data(node, frame(0))
    host.close()
    host.deleteLater()
    QtWidgets.QApplication.sendPostedEvents(host, QtCore.QEvent.Type.DeferredDelete)
    module.add_data(node, frame(1))
    saver.pause()
    saver.resume()
    saver.settings["base_name"] = "Other"
    saver.settings["save_2D"] = False
    QtWidgets.QApplication.processEvents()
    assert saver.isopen()
    stop(saver)
    assert numbers_in(files_in(tmp_path)[0]) == [0, 1]
    again = saver.settings_tree
    qtbot.addWidget(again)
    assert saver.strip.state == "closed", "asked for again, it is made again"


def test_the_saver_is_forgotten_first_and_the_window_stands(make, qtbot, tmp_path):
    saver = H5Saver("detector", "h5py")
    saver.settings["base_path"] = str(tmp_path)
    tree = saver.settings_tree
    qtbot.addWidget(tree)
    tree.show()
    known = weakref.ref(saver)
    stop(saver)
    saver.deleteLater()
    del saver
    QtWidgets.QApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)
    gc.collect()
    tree.resize(350, 500)
    QtWidgets.QApplication.processEvents()
    assert not tree.grab().isNull()
    del known


def test_language_and_style_of_the_program(recording, qtbot, base):
    before = QtWidgets.QApplication.style().objectName()
    german = QtCore.QLocale(QtCore.QLocale.Language.German)
    usual = QtCore.QLocale()
    try:
        QtCore.QLocale.setDefault(german)
        QtWidgets.QApplication.setStyle("Windows")
        QtWidgets.QApplication.setLayoutDirection(QtCore.Qt.LayoutDirection.RightToLeft)
        QtWidgets.QApplication.processEvents()
        recording.more(1)
        level = recording.editor("recording", "roll_over_time")
        recording.type_into(level.lineEdit(), "2.5")  # it was made before the program changed its language
        assert recording.saver.settings["recording", "roll_over_time"] == 2.5
        assert not recording.widget.grab().isNull()
        recording.saver.flush()
        recording.saver.show_status()
        assert recording.saver.strip.frames.text() == "2 frames"
    finally:
        QtCore.QLocale.setDefault(usual)
        QtWidgets.QApplication.setStyle(before)
        QtWidgets.QApplication.setLayoutDirection(QtCore.Qt.LayoutDirection.LeftToRight)


def test_many_at_once(make, base):
    several = [make("detector", ("h5py", "tables")[n % 2]) for n in range(6)]
    recorders = []
    for number, shown in enumerate(several):
        shown.saver.settings["backend", "isolated"] = number < 2
        shown.saver.settings["base_name"] = f"Saver {number}"
        shown.check("do_save")
        recorders.append(detector(shown.saver))
    for value in range(5):
        for module, node in recorders:
            module.add_data(node, frame(value))
    several[0].saver.pause()
    stop(several[1].saver)
    assert [shown.saver.isopen() for shown in several] == [True, False, *[True] * 4]
    for shown in several:
        stop(shown.saver)
    assert [numbers_in(path) for path in files_in(base)] == [list(range(5))] * 6


def test_signals_of_parameters_survive_a_rebuilt_tree(recording):
    """A host saves and restores the state of the whole tree; what is connected stays connected."""
    seen = []
    settings = recording.saver.settings
    settings.child("base_name").sigValueChanged.connect(lambda param, value: seen.append(value))
    state = settings.saveState("user")
    settings["base_name"] = "Other"
    settings.restoreState(state, recursive=True, addChildren=False, removeChildren=False)
    assert seen == ["Other", "Data"] and recording.saver.isopen()
    assert recording.editor("base_name").text() == "Data"


def test_a_dark_host_is_followed_while_recording(recording):
    before = QtWidgets.QApplication.palette()
    try:
        QtWidgets.QApplication.setPalette(QtGui.QPalette(QtGui.QColor("#333333"), QtGui.QColor("#2b2b2b")))
        QtWidgets.QApplication.processEvents()
        recording.saver.show_status()
        image = recording.saver.strip.frames.grab().toImage()
        points = [(x, y) for x in range(image.width()) for y in range(image.height())]
        assert max(image.pixelColor(x, y).lightness() for x, y in points) > 150
    finally:
        QtWidgets.QApplication.setPalette(before)
