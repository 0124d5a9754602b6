"""What a recorder does by itself, on real files: next files, ends, pauses, full disks, notes."""

from __future__ import annotations

import shutil
import threading
import types
from pathlib import Path

import numpy as np
import pytest
from qt_helpers import files_in
from recording_helpers import attributes_of, detector, frame, log_of, numbers_in

from h5saver_widget import Axis, LoggerSaver, ScanSaver
from h5saver_widget.errors import FileNotOpenError, H5SaverError
from h5saver_widget.recording import disk
from h5saver_widget.recording.disk import Room
from h5saver_widget.recording.notes import Note
from h5saver_widget.recording.status import RecorderState

GB = 10**9


@pytest.fixture
def saver(shown):
    return shown.saver


def start(saver, **limits) -> None:
    for name, value in limits.items():
        saver.settings["recording", name] = value
    saver.start()
    assert saver.isopen()


# --------------------------------------------------------------- next file
def test_rolling_over_loses_no_frame_of_a_worker(shown, saver, base, qtbot):
    start(saver, roll_over_frames=70)
    module, node = detector(saver)
    total = 350

    def record() -> None:
        for number in range(total):
            module.add_data(node, frame(number))  # the node of the first file, all the time

    worker = threading.Thread(target=record)
    worker.start()
    qtbot.waitUntil(lambda: not worker.is_alive(), timeout=30_000)
    saver.flush()
    status = saver.status()
    assert (status.state, status.part, status.statistics.frames_written) == (RecorderState.RECORDING, 6, total)
    qtbot.waitUntil(lambda: saver.settings["current_h5_file"] == str(saver.file_path))
    assert saver.settings["do_save"] and not shown.commands("error")
    saver.stop()
    files = sorted(files_in(base), key=lambda path: attributes_of(path).get("part", 1))
    assert [number for path in files for number in numbers_in(path)] == list(range(total))
    assert [len(numbers_in(path)) for path in files] == [70] * 5 + [0]
    second = attributes_of(files[1])
    assert (second["part"], second["previous_file"], second["type"]) == (2, files[0].name, "detector")
    assert second["frames_written"] == 70, "each file counts its own"
    assert attributes_of(files[5], "/RawData/Detector000")["TITLE"] == "Camera"
    assert "after 70 frames, the recording goes on in the next file" in log_of(files[0])[-1]


def test_rolling_over_with_several_modules_and_settings(saver, base):
    detectors = [types.SimpleNamespace(title=name, settings=None) for name in ("Camera", "Laser")]
    manager = types.SimpleNamespace(detectors_all=detectors, actuators_all=[])
    module = LoggerSaver(types.SimpleNamespace(title="Log", modules_manager=manager))
    saver.init_file(update_h5=True, metadata={"operator": "Ada"})
    saver.settings["recording", "roll_over_frames"] = 10
    module.h5saver = saver
    module.get_set_node(new=True)
    for number in range(35):
        module.add_data(frame(number, "Camera" if number % 2 else "Laser"))
    saver.stop()
    files = sorted(files_in(base), key=lambda path: attributes_of(path).get("part", 1))
    assert [len(numbers_in(p, "Datalogger000/Detector000")) for p in files] == [5, 5, 5, 3 - 1]
    assert sum(len(numbers_in(p, f"Datalogger000/Detector00{n}")) for p in files for n in (0, 1)) == 35
    assert all(attributes_of(path)["operator"] == "Ada" for path in files)


def test_rolling_over_by_size_and_by_time(saver, base):
    start(saver, roll_over_size=4)
    module, node = detector(saver)
    for number in range(40):
        module.add_data(node, frame(number, size=50_000))  # 400 kB each
        saver.flush()
    saver.stop()
    sizes = [path.stat().st_size for path in files_in(base)]
    assert len(sizes) > 2 and max(sizes) < 8_000_000, "files grow by blocks of up to 2 MB"
    assert sorted(n for path in files_in(base) for n in numbers_in(path)) == list(range(40))
    start(saver, roll_over_size=0, roll_over_time=1e-5)
    module, node = detector(saver)
    for number in range(3):
        module.add_data(node, frame(number))
    saver.stop()
    assert len(files_in(base)) > len(sizes) + 2


def test_a_scan_is_never_cut(make, backend, base):
    saver = make("scan", backend).saver
    saver.init_file(update_h5=True)
    saver.settings["recording", "roll_over_frames"] = 4
    manager = types.SimpleNamespace(detectors_all=[types.SimpleNamespace(title="Camera")], actuators_all=[])
    module = ScanSaver(types.SimpleNamespace(title="Scan", modules_manager=manager))
    module.h5saver = saver
    data = frame(1)
    data.data[0].origin = "Camera"
    for _ in range(3):
        module.set_scan_shape((6,))
        module.get_set_node(new=True)
        module.add_nav_axes([Axis("x", "", data=np.arange(6.0))])
        for point in range(6):
            module.add_data(data, (point,))
    saver.stop()
    files = files_in(base)
    assert len(files) == 3, "one scan each: the limit was reached in the middle of every one"
    for path in files:
        assert attributes_of(path, "/RawData/Scan000")["type"] == "scan"


def test_where_no_next_file_can_be_made_it_goes_on_in_the_same(shown, saver, base, tmp_path):
    start(saver, roll_over_frames=5)
    module, node = detector(saver)
    (tmp_path / "file").write_text("in the way")
    saver.settings["base_path"] = str(tmp_path / "file")
    for number in range(12):
        module.add_data(node, frame(number))
    assert "goes on in the same one" in shown.last("error").message
    assert saver.status().statistics.frames_written <= 12 and saver.status().part == 1
    saver.stop()
    (path,) = files_in(base)
    assert numbers_in(path) == list(range(12))


# --------------------------------------------------------------------- ends
@pytest.mark.parametrize("limits", [{"stop_after_frames": 7}, {"stop_after_frames": 7, "roll_over_frames": 3}])
def test_it_stops_after_so_many_frames(shown, saver, base, limits, qtbot):
    start(saver, **limits)
    module, node = detector(saver)
    for number in range(7):
        module.add_data(node, frame(number))
    assert not saver.isopen() and not saver.settings["do_save"]
    assert shown.commands()[-1] == "message" and "7 frames" in shown.last("message").message
    assert saver.status().state is RecorderState.CLOSED and saver.status().statistics.frames_written == 7
    assert sum(len(numbers_in(path)) for path in files_in(base)) == 7


def test_it_stops_after_a_time_also_when_nothing_comes(shown, saver, qtbot):
    start(saver, stop_after_time=0.1 / 60)
    qtbot.waitUntil(lambda: not saver.isopen(), timeout=20_000)
    qtbot.waitUntil(lambda: not saver.settings["do_save"])


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
    saver.stop()
    assert numbers_in(path) == [0, 1]
    qtbot.waitUntil(lambda: not shown.tree.button_of("pause").isEnabled())


# ---------------------------------------------------------------- full disk
@pytest.fixture
def room(monkeypatch):
    """Say what the disk has left, in bytes."""
    free = [50 * GB]
    monkeypatch.setattr(disk, "measure_room", lambda path: Room(free[0], 100 * GB, 1000))
    return free


def test_saving_stops_before_the_disk_is_full(shown, saver, base, room, qtbot):
    start(saver)
    module, node = detector(saver)
    for number in range(5):
        module.add_data(node, frame(number))
    qtbot.waitUntil(lambda: saver.status().statistics.free_bytes == 50 * GB)
    room[0] = GB // 2 - 1
    qtbot.waitUntil(lambda: not saver.isopen(), timeout=20_000)
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


def test_it_stops_between_two_looks_when_much_comes_at_once(shown, saver, room):
    saver.settings["recording", "reserve"] = 1.0
    start(saver)
    module, node = detector(saver)
    room[0] = 2_000_000
    saver._watch.look()
    sent = 0
    with pytest.raises(H5SaverError):
        for number in range(1000):
            module.add_data(node, frame(number, size=10_000))
            sent += 80_000
            room[0] = 2_000_000 - sent
    assert 900_000 < sent < 1_300_000, "the reserve of 1 MB is kept"


def test_without_a_reserve_it_is_not_watched(saver, room):
    room[0] = 1
    start(saver, reserve=0)
    module, node = detector(saver)
    module.add_data(node, frame(1))
    assert saver.isopen()


# -------------------------------------------------------------------- notes
def test_notes_are_saved_with_every_file_and_scan(make, backend, base):
    shown = make("scan", backend)
    saver = shown.saver
    saver.notes = (Note("Sample", "Si"), Note("Power", "3.5", "mW"))
    shown.press("new_file")
    group = saver.add_scan_group(title="first")
    saver.notes = (Note("Sample", "Ge"),)
    saver.add_scan_group(title="second", metadata={"user_Sample": "the caller's own"})
    assert {"user_Sample": "Si", "user_Power": 3.5, "user_Power_units": "mW"}.items() <= group.attrs.to_dict().items()
    path = saver.file_path
    saver.stop()
    assert attributes_of(path)["user_Sample"] == "Ge", "the file has the newest"
    assert attributes_of(path, "/RawData/Scan001")["user_Sample"] == "the caller's own"


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
    saver.stop()
    assert log_of(path)[-1].endswith(" laser realigned")


# ------------------------------------------------------------------ sources
def test_a_source_that_does_not_come_is_told(shown, saver, qtbot, monkeypatch):
    monkeypatch.setattr("h5saver_widget.recording.sources.PATIENCE", 0.05)
    start(saver, sources="Camera, Laser")
    camera, node = detector(saver)
    camera.add_data(node, frame(1))
    qtbot.waitUntil(lambda: "message" in shown.commands(), timeout=20_000)
    assert "Laser: nothing yet" in shown.last("message").message
    saver.strip.refresh()
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
        saver.strip.refresh()
        assert saver.strip.state == "open" and saver.strip.frames.text() == "1 frame"
    saver.flush()
    saver.strip.refresh()
    assert saver.strip.state == "recording"


# ------------------------------------------------------------------- remote
def test_from_another_thread(shown, saver, qtbot, base):
    def remote(*calls) -> None:
        worker = threading.Thread(target=lambda: [call() for call in calls])
        worker.start()
        worker.join(20)

    remote(saver.start)
    assert not saver.isopen(), "it is done in the saver's thread, and the caller does not wait"
    qtbot.waitUntil(saver.isopen)
    states = []
    remote(saver.pause, lambda: states.append(saver.status()))
    qtbot.waitUntil(lambda: saver.is_paused)
    remote(saver.start)
    qtbot.waitUntil(lambda: not saver.is_paused)
    remote(saver.stop)
    qtbot.waitUntil(lambda: not saver.isopen())
    assert not saver.settings["do_save"] and states[0].path == Path(files_in(base)[0])
    for slot in ("start()", "stop()", "pause()", "resume()", "status()"):
        assert saver.metaObject().indexOfSlot(slot) >= 0
