"""Long work: shown, stopped, failed, and never in the way of the window."""

from __future__ import annotations

import threading

import pytest
from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget.errors import WorkStoppedError
from h5saver_widget.progress import Progress, Step
from h5saver_widget.qt.long_work import LongWork

LEFT = QtCore.Qt.MouseButton.LeftButton


@pytest.fixture
def line(qtbot) -> LongWork:
    host = QtWidgets.QWidget()
    layout = QtWidgets.QVBoxLayout(host)
    line = LongWork()
    line.host = host
    layout.addWidget(line)
    qtbot.addWidget(host)
    host.show()
    return line


@pytest.fixture
def gate() -> threading.Event:
    """Let work go on when it is set; set at the end in any case, so that no thread is left."""
    event = threading.Event()
    yield event
    event.set()


def test_progress_is_shown_and_the_result_comes_in_the_thread_of_the_window(line, gate, qtbot):
    assert line.isHidden() and not line.busy
    results = []
    line.finished.connect(lambda result: results.append((result, threading.current_thread())))

    def work(progress):
        progress.report(3, 12, "copying frames")
        gate.wait(20)
        return threading.current_thread()

    assert line.start("Export", work) is True
    qtbot.waitUntil(lambda: line.bar.value() == 250)
    assert line.label.text() == "Export: copying frames" and line.isVisible()
    assert line.start("Another", work) is False, "one at a time"
    with qtbot.waitSignal(line.ended):
        gate.set()
    (result, thread), *_ = results
    assert thread is threading.main_thread() and result is not thread
    assert line.isHidden() and not line.busy


def test_an_unknown_end_is_shown_as_busy(line, gate, qtbot):
    line.start("Scan", lambda progress: gate.wait(20))
    assert (line.bar.minimum(), line.bar.maximum()) == (0, 0)


def test_the_stop_button_stops_between_pieces(line, qtbot):
    done, left = [], []

    def work(progress):
        try:
            for piece in progress.over(range(10**6), "counting"):
                done.append(piece)
        finally:
            left.append("tidy")

    line.start("Count", work)
    qtbot.waitUntil(lambda: len(done) > 3)
    with qtbot.waitSignal(line.stopped):
        qtbot.mouseClick(line.button, LEFT)
        assert not line.button.isEnabled()
    assert left == ["tidy"] and len(done) < 10**6
    assert line.start("Again", lambda progress: 1) is True, "it is usable afterwards"
    assert line.wait(20)


def test_an_error_is_shown_until_it_is_dismissed(line, qtbot):
    def work(progress):
        raise OSError("the disk is full")

    with qtbot.waitSignal(line.failed) as failed:
        line.start("Repair", work)
    assert isinstance(failed.args[0], OSError)
    assert line.label.text() == "Repair did not work: the disk is full" and line.isVisible()
    qtbot.mouseClick(line.button, LEFT)
    assert line.isHidden()


def test_work_that_ends_while_it_is_being_stopped_is_finished(line, gate, qtbot):
    line.start("Copy", lambda progress: gate.wait(20))
    line.stop()
    with qtbot.waitSignal(line.finished):
        gate.set()


def test_a_program_that_ends_stops_the_work(line, qapp):
    seen = []

    def work(progress):
        try:
            while True:
                progress.report(text="waiting")
        finally:
            seen.append(True)

    line.start("Endless", work)
    qapp.aboutToQuit.emit()
    assert seen == [True] and line.wait(20)


def test_the_window_may_go_while_work_goes_on(qtbot, gate):
    line, ends = LongWork(), []
    line.start("Copy", lambda progress: ends.append(gate.wait(20)))
    thread = line._thread
    line.deleteLater()
    QtWidgets.QApplication.sendPostedEvents(line, QtCore.QEvent.Type.DeferredDelete)
    gate.set()
    thread.join(20)
    assert ends == [True]


def test_progress_without_a_window():
    progress = Progress()
    assert Step().share is None and Step(3, 2).share == 1.0
    progress.stop()
    assert progress.stop_wanted
    with pytest.raises(WorkStoppedError, match="stopped while reading"):
        progress.report(1, 2, "reading")
