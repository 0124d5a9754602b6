"""What is seen of what a recorder does by itself: pauses, full disks, notes, comments, the light."""

from __future__ import annotations

import shutil
import sys
import threading
from pathlib import Path

import psutil
import pytest
from pyqtgraph.Qt import QtGui, QtWidgets
from recording_helpers import detector, files_in, frame, log_of, numbers_in, settle, start, stop

from h5saver_widget import DataLoader
from h5saver_widget.errors import FileNotOpenError, H5SaverError
from h5saver_widget.qt.alarm import ALARM
from h5saver_widget.recording import disk
from h5saver_widget.recording.disk import DiskSpace
from h5saver_widget.recording.notes import Note
from h5saver_widget.recording.status import RecorderState

GB = 10**9


@pytest.fixture
def saver(shown):
    return shown.saver


# -------------------------------------------------------------------- pause
def test_a_pause_leaves_out_and_counts(shown, saver, base, qtbot):
    start(saver)
    module, node = detector(saver)
    module.add_data(node, frame(0))
    qtbot.waitUntil(lambda: shown.tree.button_of("pause").isEnabled())
    shown.press("pause")
    assert saver.is_paused and saver.status().state is RecorderState.PAUSED
    qtbot.waitUntil(lambda: shown.tree.button_of("pause").text() == "Resume")
    elapsed = saver.status().seconds
    for _ in range(3):
        module.add_data(node, frame(99))
    assert saver.status().seconds == elapsed, "time stands"
    shown.press("pause")
    module.add_data(node, frame(1))
    qtbot.waitUntil(lambda: shown.tree.button_of("pause").text() == "Pause")
    counts = saver.status().statistics
    assert (counts.frames_received, counts.frames_left_out, counts.frames_dropped) == (2, 3, 0)
    assert shown.commands("paused", "resumed") == ["paused", "resumed"]
    path = saver.file_path
    stop(saver)
    assert numbers_in(path) == [0, 1]
    qtbot.waitUntil(lambda: not shown.tree.button_of("pause").isEnabled())


# ------------------------------------------------------------ seconds before
def test_a_button_saves_what_just_happened(shown, saver, base, qtbot):
    button = shown.tree.button_of("save_before")
    assert not button.isVisible()
    saver.settings["recording", "keep_before"] = 10.0
    qtbot.waitUntil(lambda: button.isVisible() and button.isEnabled())
    saver.record("meter", 1.0)
    assert saver.status().state is RecorderState.ARMED and not saver.isopen()
    shown.press("save_before")
    assert saver.record("meter", 2.0)
    qtbot.waitUntil(lambda: not button.isEnabled())
    path = saver.file_path or Path(saver.settings["current_h5_file"])
    assert saver.settings["do_save"]
    stop(saver)
    with DataLoader(path) as loader:
        assert loader.load_data("/RawData/Detector000/Data0D/CH00/EnlData00").data[0].ravel().tolist() == [1.0, 2.0]
    qtbot.waitUntil(lambda: button.isEnabled())
    saver.settings["recording", "keep_before"] = 0.0
    qtbot.waitUntil(lambda: not button.isVisible())
    assert saver.status().state is RecorderState.CLOSED


# ---------------------------------------------------------------- full disk
@pytest.fixture
def room(monkeypatch):
    """Say what the disk has left, in bytes."""
    free = [50 * GB]
    monkeypatch.setattr(disk, "measure_disk", lambda path: DiskSpace(free[0], 100 * GB, 1000))
    return free


def test_saving_stops_before_the_disk_is_full(shown, saver, base, room, qtbot):
    start(saver)
    module, node = detector(saver)
    for number in range(5):
        module.add_data(node, frame(number))
    qtbot.waitUntil(lambda: saver.status().statistics.free_bytes == 50 * GB)
    room[0] = GB // 2 - 1
    qtbot.waitUntil(lambda: bool(shown.commands("error")), timeout=20_000)
    settle(saver)
    assert not saver.isopen()
    message = shown.last("error").message
    assert message.startswith("Saving was stopped: only 500 MB are free") and "5 frames are in it" in message
    assert saver.status().state is RecorderState.ERROR
    qtbot.waitUntil(lambda: not saver.settings["do_save"])
    with pytest.raises(FileNotOpenError, match="saving was stopped, only 500 MB are free"):
        module.add_data(node, frame(6))
    assert saver.frames_lost == 1
    (path,) = files_in(base)
    assert numbers_in(path) == list(range(5))
    shown.press("new_file")
    assert not saver.isopen() and "only 500 MB are free" in shown.last("error").message
    assert len(files_in(base)) == 1, "nothing is begun on a full disk"
    room[0] = 50 * GB
    shown.check("do_save")
    assert saver.isopen() and saver.status().state is RecorderState.OPEN


@pytest.mark.skipif(sys.platform != "linux", reason="no process can be kept from writing there")
def test_a_disk_that_refuses_what_is_written_is_no_recording(shown, saver, backend, base, qtbot):
    """The disk is full, for a moment or for good: the word is not *recording*, and what is told fits what is in it."""
    start(saver)
    module, node = detector(saver)
    module.add_data(node, frame(0, size=1000))
    saver.flush()
    process, path = psutil.Process(saver.io.pid), saver.file_path
    process.rlimit(psutil.RLIMIT_FSIZE, (path.stat().st_size, psutil.RLIM_INFINITY))
    try:
        for number in range(1, 400):
            try:
                module.add_data(node, frame(number, size=1000))
            except H5SaverError:
                break

        def is_told() -> bool:
            status = saver.status()
            lost = status.statistics.frames_dropped
            return status.state is RecorderState.ERROR and (status.is_given_up or not lost)

        qtbot.waitUntil(is_told, timeout=10_000)
        status = saver.status()
        remarks = " ".join(status.remarks)
        assert "File too large" in remarks and remarks.count(str(path)) <= 1 and "HDF5 error" not in remarks
        assert status.is_given_up or "The data wait" in remarks
        qtbot.waitUntil(lambda: status.is_given_up == (not saver.strip.offer.isHidden()))
    finally:
        process.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
    if not status.is_given_up:  # h5py keeps a journal
        assert backend == "h5py"
        qtbot.waitUntil(lambda: saver.status().state is not RecorderState.ERROR, timeout=10_000)
    shown.press("stop")
    written = saver.status().statistics.frames_written
    assert shown.last("closed").args["frames"] == written == len(numbers_in(path))


def test_a_file_that_can_t_be_begun_leaves_nothing_and_its_reason_stays(shown, saver, base, qtbot):
    start(saver)
    saver.stop()
    settle(saver)
    process = psutil.Process(saver.io.pid)
    process.rlimit(psutil.RLIMIT_FSIZE, (0, psutil.RLIM_INFINITY))
    before = files_in(base)
    try:
        shown.check("do_save")
        with pytest.raises(FileNotOpenError):
            detector(saver)
        saver.frame_lost("Camera", FileNotOpenError("can't save: no file is open. Switch Do Save on"))
    finally:
        process.rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
    assert files_in(base) == before and saver.status().state is RecorderState.ERROR
    assert "could not be made" in saver.strip.problem.text() and "Do Save" not in saver.strip.problem.text()


# -------------------------------------------------------------------- notes


def test_notes_in_the_table(shown, saver, qtbot):
    notes = shown.editor("recording", "notes")
    table = notes.table
    for column, text in enumerate(("Sample", "Si", "")):
        table.item(0, column).setText(text)
    assert saver.notes == (Note("Sample", "Si"),) and table.rowCount() == 2
    table.setItem(1, 0, type(table.item(0, 0))("sample"))
    assert "two notes called 'sample'" in notes.problem.text() and saver.notes == (Note("Sample", "Si"),)
    table.item(1, 0).setText("Power")
    table.setItem(1, 1, type(table.item(0, 0))("3"))
    assert saver.notes[1] == Note("Power", "3") and notes.problem.text() == ""
    table.setCurrentCell(0, 0)
    notes.keyPressEvent(_key_delete())
    assert saver.notes == (Note("Power", "3"),)
    saver.notes = (Note("A", "1", "m"), Note("B", "2"))
    assert [table.item(row, 0).text() for row in range(3)] == ["A", "B", ""]
    saver.settings["recording", "notes"] = "nonsense"
    assert "can't be read" in shown.last("error").message


def test_a_template_makes_a_form_of_the_notes(shown, saver, qtbot):
    saver.notes = (Note("Laser", "on"),)
    saver.settings["recording", "template"] = "optics"
    notes = shown.editor("recording", "notes")
    form = notes.form
    editor = {box.accessibleName(): box for box in form.findChildren(QtWidgets.QWidget) if box.accessibleName()}
    assert list(editor) and notes.table.item(0, 0).text() == "Laser" and notes.table.rowCount() == 2

    def is_red(name):
        return editor[name].palette().color(QtGui.QPalette.ColorRole.Text).name() == ALARM

    assert is_red("Sample") and not is_red("Affiliation")
    shown.check("do_save")
    assert not saver.isopen() and "Sample is empty" in shown.last("error").message
    shown.type_into(editor["Sample"], "Si")
    shown.type_into(editor["Power"], "strong")
    assert not is_red("Sample") and is_red("Power")
    shown.type_into(editor["Power"], "3.5")
    assert Note("Sample", "Si") in saver.notes and Note("Power", "3.5", "mW") in saver.notes
    assert Note("Laser", "on") in saver.notes
    notes.table.item(0, 2).setText("per three")
    qtbot.waitUntil(lambda: "'per three' is no unit" in notes.problem.text(), timeout=60_000)  # pint is loaded beside
    shown.check("do_save")
    assert saver.isopen()
    stop(saver)
    assert editor["Power"].text() == "" and editor["Sample"].text() == "Si", "what is asked every time is empty again"
    saver.settings["recording", "template"] = ""
    assert form.isHidden() and notes.table.rowCount() > 2
    saver.settings["recording", "template"] = "no such"
    assert "can't be read" in shown.last("error").message and saver.store.current.template == ""


def _key_delete():
    from pyqtgraph.Qt import QtCore, QtGui

    event = QtCore.QEvent.Type.KeyPress
    return QtGui.QKeyEvent(event, QtCore.Qt.Key.Key_Delete, QtCore.Qt.KeyboardModifier.NoModifier)


def test_comments_go_into_the_log(shown, saver, qtbot):
    line = shown.tree.comment_line
    shown.type_into(line.line, "before")
    assert "no file is open" in line.answer.text() and line.line.text() == "before", "what was typed stays"
    shown.check("do_save")
    shown.type_into(line.line, "laser realigned")
    assert line.line.text() == "" and line.answer.text() == "written into the log"
    path = saver.file_path
    stop(saver)
    assert log_of(path)[-1].endswith(" laser realigned")


# ------------------------------------------------------------------ sources
def test_a_source_that_does_not_come_is_told(shown, saver, qtbot, monkeypatch):
    monkeypatch.setattr("h5saver_widget.recording.sources.PATIENCE", 0.05)
    start(saver, sources="Camera, Laser")
    camera, node = detector(saver)
    camera.add_data(node, frame(1))
    qtbot.waitUntil(lambda: "message" in shown.commands(), timeout=20_000)
    assert "Laser: nothing yet" in shown.last("message").message
    saver.show_status()
    assert "Laser: nothing yet" in saver.strip.problem.text()


# -------------------------------------------------------------------- light
@pytest.mark.parametrize("isolated", [False, True], ids=["here", "isolated"])
def test_recording_lights_once_the_first_frame_is_in_the_file(shown, saver, qtbot, isolated, tmp_path):
    saver.settings["backend", "isolated"] = isolated
    start(saver)
    module, node = detector(saver)
    module.add_data(node, frame(7))
    qtbot.waitUntil(lambda: saver.strip.state == "recording")
    copy = shutil.copy(saver.file_path, tmp_path / "copy.h5")  # what somebody finds if everything ends now
    assert numbers_in(copy) == [7.0]


def test_a_frame_that_is_not_safe_lights_nothing(shown, saver, qtbot, monkeypatch):
    saver.settings["backend", "isolated"] = False
    start(saver)
    module, node = detector(saver)
    with monkeypatch.context() as held:
        held.setattr(saver, "_flush_soon", lambda: None)
        module.add_data(node, frame(7))
        qtbot.waitUntil(lambda: bool(shown.commands("saved")))
        saver.show_status()
        assert saver.strip.state == "open" and saver.strip.frames.text() == "0 frames"
    saver.flush()
    saver.show_status()
    assert saver.strip.state == "recording"


# ------------------------------------------------------------------- remote
def test_from_another_thread(shown, saver, qtbot, base):
    def remote(*calls) -> None:
        worker = threading.Thread(target=lambda: [call() for call in calls])
        worker.start()
        worker.join(20)

    remote(saver.start)  # while this thread, that of the window, waits for the caller
    assert saver.isopen() and saver.io.is_open and saver.record("camera", 1.0)
    settle(saver)
    states = []
    remote(saver.pause, lambda: states.append(saver.status()))
    qtbot.waitUntil(lambda: saver.is_paused)
    remote(saver.start)
    qtbot.waitUntil(lambda: not saver.is_paused)
    remote(saver.stop)
    qtbot.waitUntil(lambda: not saver.isopen())
    settle(saver)
    assert not saver.settings["do_save"] and states[0].path == Path(files_in(base)[0])
    for slot in ("start()", "stop()", "pause()", "resume()", "status()"):
        assert saver.metaObject().indexOfSlot(slot) >= 0
