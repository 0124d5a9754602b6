"""The strip alone, fed by hand: what it says, that it fits, that it says it without colour."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.qt import status_strip
from h5saver_widget.qt.status_strip import StatusStrip
from h5saver_widget.recording.status import RecorderState, RecorderStatus
from h5saver_widget.saving.statistics import RateMeter, Statistics


@pytest.fixture
def now(monkeypatch) -> list[float]:
    moment = [100.0]
    monkeypatch.setattr(status_strip.time, "monotonic", lambda: moment[0])
    return moment


@pytest.fixture
def strip(qtbot) -> StatusStrip:
    widget = StatusStrip()
    qtbot.addWidget(widget)
    widget.resize(300, 140)
    widget.show()
    return widget


def test_numbers_for_people(strip, now):
    for _ in range(20):
        now[0] += 0.5
        size = int((now[0] - 100) * 61e6)
        counts = Statistics(
            size // 1000,
            size // 1000,
            2,
            bytes_in=size,
            file_size=1_440_000_000,
            free_bytes=10**12,
            seconds_left=11_400,
        )
        strip.show_status(RecorderStatus(RecorderState.RECORDING, counts, Path("a.h5"), now[0] - 100, is_open=True))
    shown = (strip.state, strip.clock.text(), strip.frames.text(), strip.lost.text())
    assert shown == ("recording", "00:00:10", "610,000 frames", "2 lost")
    assert (strip.rate.text(), strip.size.text()) == ("61.0 MB/s", "1.4 GB file")
    assert strip.left.text() == "disk: 3 h 10 min left" and strip.lost.font().bold() and not strip.left.font().bold()
    now[0] += 20
    strip.show_status(RecorderStatus(RecorderState.RECORDING, counts, Path("a.h5"), 30, is_open=True))
    assert strip.rate.text() == "0 B/s"
    slow = Statistics(seconds_left=580_000, free_bytes=47_000_000_000)
    strip.show_status(RecorderStatus(RecorderState.RECORDING, slow, Path("b.h5"), 1, is_open=True))
    assert strip.left.text() == "disk: 47.0 GB free", "of 82 B/s nobody knows how many days they last"
    short = Statistics(seconds_left=59, free_bytes=1)
    strip.show_status(RecorderStatus(RecorderState.RECORDING, short, Path("b.h5"), 1, is_open=True))
    assert strip.left.text() == "disk: 59 s left" and strip.left.font().bold()
    strip.show_status(RecorderStatus(RecorderState.ARMED, held_seconds=9.84))
    assert (strip.state, strip.clock.text()) == ("armed", "9.8 s held")
    strip.show_status(RecorderStatus(RecorderState.CLOSED, short, Path("b.h5"), 1))
    assert (strip.rate.text(), strip.left.text(), strip.lost.font().bold()) == ("", "disk: 1 B free", False)


def test_a_click_shows_the_details(now, strip, qtbot):
    now[0] += 1
    counts = Statistics(110, 100, 1, 9, 10, 2_000_000, 4_000_000, 1_000_000, 0.25, last_flush=1.0, free_bytes=3_000_000)
    strip.show_status(RecorderStatus(RecorderState.RECORDING, counts, Path("/data/a.h5"), 5, part=3))
    assert strip._rows["Compression"].text() == "–", "what was just accepted may be on its way"
    now[0] += 20
    strip.show_status(RecorderStatus(RecorderState.RECORDING, counts, Path("/data/a.h5"), 5, part=3))
    assert strip.details.isHidden()
    qtbot.mouseClick(strip, QtCore.Qt.MouseButton.LeftButton)
    assert not strip.details.isHidden()
    shown = {name: label.text() for name, label in strip._rows.items()}
    assert shown["File"] == "a.h5" and shown["Part"] == "3"
    assert shown["Waiting"] == "10 frames, 2.0 MB" and shown["Skipped"] == "9 frames"
    assert shown["Compression"] == "4.0 times smaller" and shown["Disk free"] == "3.0 MB"
    qtbot.mouseClick(strip.more, QtCore.Qt.MouseButton.LeftButton)
    assert strip.details.isHidden()


def test_each_state_has_a_form_of_its_own(strip, qtbot):
    """In grey on grey the light still says what it says."""
    forms = set()
    for state in RecorderState:
        strip.show_status(RecorderStatus(state))
        assert strip.word.text() == state.value
        image = strip.light.grab().toImage().convertToFormat(QtGui.QImage.Format.Format_RGB32)
        background = image.pixelColor(0, 0).rgb()
        points = ((x, y) for x in range(image.width()) for y in range(image.height()))
        forms.add(tuple(image.pixelColor(x, y).rgb() == background for x, y in points))
    assert len(forms) == len(RecorderState)


@pytest.mark.parametrize("points", [8, 12])
def test_nothing_is_cut_off_at_300_pixels(strip, qtbot, points):
    font = QtGui.QFont(strip.font())
    font.setPointSize(points)
    again = StatusStrip()
    qtbot.addWidget(again)
    again.setFont(font)
    again.more.setChecked(True)
    name = "a_very_long_name_of_a_file_that_nobody_can_read_in_a_narrow_strip.h5"
    counts = Statistics(10**8, 10**8, 12345, bytes_in=10**13, file_size=10**12, seconds_left=4e6, free_bytes=10**12)
    problem = "/a/path/without/any/space/that/is/much/longer/than/the/strip/is/wide.h5: no such folder"
    again.show_status(
        RecorderStatus(
            RecorderState.RECORDING, counts, Path(name), 360_000, missing=("Camera: nothing",), problem=problem
        )
    )
    again.resize(300, 400)
    again.show()
    assert again.width() == 300
    for label in (again.word, again.clock, again.frames, again.lost, again.rate, again.size, again.left):
        assert label.width() >= label.sizeHint().width(), label.text()
        assert label.mapTo(again, QtCore.QPoint(label.width(), 0)).x() <= 300
    assert again.problem.text() == f"{problem}\nCamera: nothing"


def test_it_watches_anything_with_a_status_while_it_is_seen(strip, qtbot):
    class Source:
        asked = 0

        def status(self) -> RecorderStatus:
            self.asked += 1
            return RecorderStatus(RecorderState.PAUSED)

    source = Source()
    strip.watch(source)
    assert strip.state == "paused"
    qtbot.waitUntil(lambda: source.asked > 2)
    strip.hide()
    assert not strip._timer.isActive()
    strip.show()
    assert strip._timer.isActive()
    strip.watch(None)
    assert not strip._timer.isActive()


def test_it_can_be_used_without_a_saver(qtbot):
    host = QtWidgets.QMainWindow()
    qtbot.addWidget(host)
    strip = StatusStrip()
    host.statusBar().addPermanentWidget(strip)
    strip.show_status(RecorderStatus(RecorderState.ERROR, problem="no disk"))
    assert strip.state == "error" and strip.problem.text() == "no disk"


def test_a_rate_of_something_slow_or_begun_anew():
    meter = RateMeter()
    assert meter.rate(1.0) == 0.0
    for second in range(0, 100, 10):
        meter.add(second, second)
    assert meter.rate(95) == pytest.approx(10 / 15)
    meter.add(96, 0)
    assert meter.rate(97) == 0.0
    meter.add(97, 50)
    assert meter.rate(97) == 50.0
