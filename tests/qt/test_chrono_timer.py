"""The chronometer on screen, with real keys and clicks."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget import ChronoTimer, H5SaverLowLevel
from h5saver_widget.recording.chronometer import Chronometer

LEFT = QtCore.Qt.MouseButton.LeftButton
Key = QtCore.Qt.Key


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def timer(qtbot, clock) -> ChronoTimer:
    widget = ChronoTimer(chronometer=Chronometer(clock=clock))
    qtbot.addWidget(widget)
    with qtbot.waitExposed(widget):
        widget.show()
    return widget


def test_by_mouse(timer, clock, qtbot):
    assert (timer.state, timer.digits.text) == ("ready", "00:00:00.0")
    assert not timer.lap_button.isEnabled() and not timer.reset_button.isEnabled()
    with qtbot.waitSignal(timer.started):
        qtbot.mouseClick(timer.start_button, LEFT)
    assert (timer.state, timer.start_button.text()) == ("running", "&Pause")
    clock.now += 751.49
    qtbot.waitUntil(lambda: timer.digits.text == "00:12:31.4")
    qtbot.mouseClick(timer.lap_button, LEFT)
    clock.now += 10
    with qtbot.waitSignal(timer.lapped) as lapped:
        qtbot.mouseClick(timer.lap_button, LEFT)
    assert str(lapped.args[0]) == "Lap 2: 00:00:10.0, total 00:12:41.4"
    shown = [[timer.table.item(row, column).text() for column in range(3)] for row in range(2)]
    assert shown == [["1", "00:12:31.4", "00:12:31.4"], ["2", "00:00:10.0", "00:12:41.4"]]
    with qtbot.waitSignal(timer.paused):
        qtbot.mouseClick(timer.start_button, LEFT)
    clock.now += 1000
    assert (timer.state, timer.chronometer.elapsed) == ("paused", pytest.approx(761.49))
    with qtbot.waitSignal(timer.was_reset):
        qtbot.mouseClick(timer.reset_button, LEFT)
    assert (timer.state, timer.digits.text, timer.table.rowCount()) == ("ready", "00:00:00.0", 0)


def test_by_keyboard(timer, clock, qtbot):
    timer.activateWindow()
    timer.setFocus()
    qtbot.keyClick(timer, Key.Key_Space)
    assert timer.state == "running"
    qtbot.keyClick(timer, Key.Key_L)
    assert timer.table.rowCount() == 1
    qtbot.keyClick(timer, Key.Key_S)
    assert timer.state == "paused"
    qtbot.keyClick(timer, Key.Key_R)
    assert timer.state == "ready"
    timer.lap()
    assert timer.table.rowCount() == 0, "a lap needs a running clock"
    qtbot.keyClick(timer.start_button, Key.Key_Space)  # the focused button takes it, once
    assert timer.state == "running"


def test_a_countdown_ends_when_it_is_over_even_if_nobody_looks(timer, clock, qtbot):
    timer.down.setChecked(True)
    timer.time.setText("1:30")
    timer.time.editingFinished.emit()
    assert timer.digits.text == "00:01:30.0"
    timer.start()
    assert not timer.time.isEnabled() and not timer.up.isEnabled()
    ends = []
    timer.finished.connect(lambda: ends.append(timer.chronometer.elapsed))
    timer.hide()
    timer._look_for_the_end()  # too early
    assert not ends and timer._end_timer.isActive()
    clock.now += 91
    timer._end_timer.start(0)
    qtbot.waitUntil(lambda: len(ends) == 1)
    timer._look_for_the_end()
    assert len(ends) == 1, "told once"
    timer.show()
    qtbot.waitUntil(lambda: timer.digits.text == "-00:00:01.0")
    assert timer.state == "time is up" and timer.digits.alarm
    timer.reset()
    assert timer.digits.text == "00:01:30.0" and not timer.digits.alarm


def test_a_real_countdown(qtbot):
    assert ChronoTimer(countdown=90).time.text() == "00:01:30"
    timer = ChronoTimer(countdown=0.05)
    qtbot.addWidget(timer)
    with qtbot.waitSignal(timer.finished, timeout=20_000):
        timer.start()
    assert timer.chronometer.is_over


def test_a_text_that_is_no_time_is_explained_and_put_back(timer):
    timer.down.setChecked(True)
    timer.time.setText("soon")
    timer.time.editingFinished.emit()
    assert "'soon' is not a time" in timer.message.text() and not timer.message.isHidden()
    assert timer.time.text() == "00:01:00" and timer.chronometer.countdown == 60
    timer.up.setChecked(True)
    assert timer.chronometer.countdown is None


def test_laps_go_into_the_log_of_the_file(timer, clock, qtbot, tmp_path, backend):
    assert timer.log_box.isHidden()
    with H5SaverLowLevel(backend=backend) as saver:
        timer.saver = saver
        assert not timer.log_box.isHidden()
        timer.start()
        timer.lap()
        timer.log_box.setChecked(True)
        timer.lap()
        assert "not in the log" in timer.message.text(), "no file is open yet: said, and the lap is kept"
        saver.init_file(tmp_path / "a.h5")
        clock.now += 2
        timer.lap()
        assert timer.message.isHidden()
        assert saver.get_set_logger().read() == ["Lap 3: 00:00:02.0, total 00:00:02.0"]
    assert timer.table.rowCount() == 3


@pytest.mark.parametrize("width", [300, 600])
def test_nothing_is_cut_off(timer, qtbot, width):
    timer.resize(width, 400)
    assert timer.width() == width
    for widget in timer.findChildren(QtWidgets.QAbstractButton):
        if widget.isVisible() and isinstance(widget, (QtWidgets.QPushButton, QtWidgets.QRadioButton)):
            assert widget.width() >= widget.minimumSizeHint().width(), widget.text()
            assert widget.mapTo(timer, QtCore.QPoint(widget.width(), 0)).x() <= width
    assert timer.time.width() >= timer.fontMetrics().horizontalAdvance(timer.time.text())


def test_it_follows_dark_colours(timer):
    before = QtWidgets.QApplication.palette()
    try:
        QtWidgets.QApplication.setPalette(QtGui.QPalette(QtGui.QColor("#333333"), QtGui.QColor("#2b2b2b")))
        QtWidgets.QApplication.processEvents()
        image = timer.digits.grab().toImage()
        points = [(x, y) for x in range(0, image.width(), 2) for y in range(0, image.height(), 2)]
        assert max(image.pixelColor(x, y).lightness() for x, y in points) > 180
        assert image.pixelColor(1, 1).lightness() < 80
    finally:
        QtWidgets.QApplication.setPalette(before)


def test_the_command_refuses_what_is_no_time():
    done = subprocess.run(
        [sys.executable, "-m", "h5saver_widget", "chrono", "--countdown", "soon"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "'soon' is not a time" in done.stderr
