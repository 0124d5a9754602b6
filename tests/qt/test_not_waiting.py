"""The window never waits for the disk: what may take long is begun, and told when it is done."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import numpy as np
import pytest
from pyqtgraph.Qt import QtCore
from recording_helpers import detector, frame, numbers_in, settle, start, stop, wait_until

from h5saver_widget import DataLoader, DataMismatchError, H5Saver, H5SaverLowLevel
from h5saver_widget.backends.base import Backend
from h5saver_widget.errors import FileNotOpenError, NotAnsweringError, WrongThreadError
from h5saver_widget.recording.saver import H5SaverBase
from h5saver_widget.recording.status import RecorderState as State


@pytest.fixture
def shown(make):
    return make("detector", "h5py")


@pytest.fixture
def here(shown):
    """Return the same with its file in this process, where a test can hold it up."""
    shown.saver.settings["backend", "isolated"] = False
    return shown


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch):
    """Return what a file waits for before it is opened or closed, as on a share that hangs; all may go on at first."""
    gate = threading.Event()
    gate.set()
    for name in ("open", "close"):
        real = getattr(Backend, name)

        def waits(self, *args, real=real, **options):
            gate.wait(60)
            return real(self, *args, **options)

        monkeypatch.setattr(Backend, name, waits)
    yield gate
    gate.set()


def test_do_save_is_begun_and_told(here, gate):
    saver = here.saver
    gate.clear()
    saver.settings["do_save"] = True
    assert saver.isopen() and saver.status().state is State.OPENING and saver.file_path is None
    saver.show_status()
    assert saver.strip.state == "opening..."
    wait_until(lambda: here.editor("do_save").text() == "Do Save (opening...)")
    module, frames = None, []

    def record() -> None:  # a host that saves at once waits for the file
        nonlocal module
        module, node = detector(saver)
        module.add_data(node, frame(1))
        frames.append(saver.frames_saved)

    host = threading.Thread(target=record)
    host.start()
    gate.set()
    wait_until(lambda: not host.is_alive())
    settle(saver)
    assert frames == [1] and here.commands("opened", "saving") == ["opened", "saving"]
    path = saver.file_path
    gate.clear()
    saver.settings["do_save"] = False
    assert not saver.isopen() and saver.status().state is State.CLOSING
    wait_until(lambda: here.editor("do_save").text() == "Do Save (closing...)")
    gate.set()
    settle(saver)
    assert saver.status().state is State.CLOSED and here.editor("do_save").text() == "Do Save"
    assert numbers_in(path) == [1]


def test_on_and_off_while_nothing_moves(here, gate, base):
    """What is pressed meanwhile is remembered: the last wish counts, and no file is made in vain."""
    saver = here.saver
    gate.clear()
    for wanted in (True, False, True, False, True):
        saver.settings["do_save"] = wanted
        assert saver.isopen() == wanted
    gate.set()
    settle(saver)
    assert saver.isopen() and saver.settings["do_save"] and len(list(base.rglob("*.h5"))) == 1
    gate.clear()
    saver.settings["do_save"] = False
    saver.settings["do_save"] = True
    saver.settings["do_save"] = False
    gate.set()
    settle(saver)
    assert not saver.isopen() and len(list(base.rglob("*.h5"))) == 1


@pytest.mark.parametrize("press", ["new_file", "browse", "off", "on"])
def test_every_button_returns_at_once(here, gate, tmp_path, monkeypatch, press):
    saver, older = here.saver, tmp_path / "older.h5"
    with H5SaverLowLevel("detector", "h5py") as other:
        other.init_file(older)
    if press != "on":
        start(saver)
    monkeypatch.setattr(saver, "choose_existing_path", lambda *_: older)
    gate.clear()
    lock = threading.Thread(target=lambda: _hold(saver, gate))
    lock.start()
    if press in ("on", "off"):
        saver.settings["do_save"] = press == "on"
    else:
        saver.settings.child(press).activate()
    for call in (saver.isopen, saver.status, saver.statistics, saver.pause, saver.resume, saver._tick):
        call()
    gate.set()
    settle(saver)
    lock.join()
    assert not here.commands("error") and saver.isopen() == (press != "off")


def _hold(saver: H5Saver, gate: threading.Event) -> None:
    with saver.io.lock:
        gate.wait(60)


def test_what_programs_call_waits_no_longer_than_they_say(here, gate, base):
    saver = here.saver
    gate.clear()
    with pytest.raises(NotAnsweringError, match="continues in the background"):
        saver.init_file(update_h5=True, timeout=0.05)
    assert saver.isopen() and saver.status().state is State.OPENING
    gate.set()
    settle(saver)
    assert len(list(base.rglob("*.h5"))) == 1 and saver.status().state is State.OPEN
    saver.flush(timeout=30)
    gate.clear()
    with pytest.raises(NotAnsweringError):
        saver.close_file(timeout=0.05)
    gate.set()
    settle(saver)
    assert not saver.isopen()
    with pytest.raises(FileNotOpenError):
        saver.add_log("too late")


def test_an_opening_that_fails_is_told_once_and_switched_off(here, monkeypatch):
    saver = here.saver
    monkeypatch.setattr(Backend, "open", _refuse)
    here.check("do_save")
    assert not saver.isopen() and not saver.settings["do_save"] and here.commands("error") == ["error"]
    assert saver.status().state is State.ERROR


def _refuse(*_: object, **__: object) -> None:
    raise OSError("the share has gone")


def test_a_timer_catches_and_tells_once(shown, monkeypatch):
    saver = shown.saver
    saver.settings["backend", "isolated"] = False
    start(saver)
    module, node = detector(saver)
    module.add_data(node, frame(1))
    for name in ("flush", "flush_soon"):
        monkeypatch.setattr(type(saver.io), name, _refuse)
    saver._structure_changed = True
    wait_until(lambda: len(shown.commands("error")) > 0)
    begun = monotonic()
    wait_until(lambda: monotonic() > begun + 0.5)  # the timer comes five times
    assert shown.commands("error") == ["error"] and "the share has gone" in shown.last("error").message


def test_the_process_with_the_file_is_stopped_while_a_camera_saves(shown, tmp_path):
    saver = shown.saver
    start(saver)
    module, node = detector(saver)
    module.add_data(node, frame(0, size=10))
    saver.flush()
    path, stop, taken = saver.file_path, threading.Event(), [1]

    def record() -> None:
        while not stop.is_set():
            module.add_data(node, frame(taken[0], size=10))
            taken[0] += 1

    beats = [monotonic()]
    timer = QtCore.QTimer()
    timer.timeout.connect(lambda: beats.append(monotonic()))
    timer.start(10)
    camera = threading.Thread(target=record)
    pid = saver.io.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        camera.start()
        wait_until(lambda: len(beats) > 30)
        saver.pause()
        saver.resume()
        saver.add_comment("while nothing moves")
        saver.settings["recording", "notes"] = '[["Sample", "Si", ""]]'
        saver.settings["do_save"] = False
        assert saver.status().state is State.CLOSING
        count = len(beats)
        wait_until(lambda: len(beats) > count + 30)
    finally:
        stop.set()
        os.kill(pid, signal.SIGCONT)
    wait_until(lambda: not camera.is_alive())
    settle(saver)
    assert not saver.isopen() and not shown.commands("error")
    saved = numbers_in(path)
    gaps = [late for early, late in itertools.pairwise(saved) if late != early + 1]
    left_out = saver.status().statistics.frames_left_out
    assert saved == sorted(saved) and saved[0] == 0 and len(gaps) == bool(left_out), "only the pause has left out some"
    assert saved[-1] + 1 == len(saved) + left_out


def test_a_damaged_file_is_picked(make, tmp_path):
    """Reading it comes to no end: in the program, that would be the end of the program."""
    path = tmp_path / "old.h5"
    with H5SaverLowLevel("detector", "h5py") as other:
        other.init_file(path, swmr=True)
    content = bytearray(path.read_bytes())
    entry = content.index(b"GCOL") + 16
    while number := int.from_bytes(content[entry : entry + 2], "little"):
        entry += 16 + -(-int.from_bytes(content[entry + 8 : entry + 16], "little") // 8) * 8
    content[entry + 8 : entry + 16] = bytes(8)
    assert number == 0
    path.write_bytes(content)
    shown = make("detector", "h5py")
    shown.saver.open_file_dialog_result(path)
    beats = []
    QtCore.QTimer.singleShot(0, lambda: beats.append(1))
    wait_until(lambda: bool(beats) and shown.saver.background.worker.is_idle, 60)
    settle(shown.saver)
    assert path.read_bytes() == content
    assert shown.saver.isopen() or shown.commands("error")


# ------------------------------------------------------------------ threads
def test_the_tree_belongs_to_the_gui_thread(shown):
    errors = []

    def ask() -> None:
        for what in (lambda: shown.saver.settings_tree, lambda: H5Saver("detector").settings_tree):
            try:
                what()
            except WrongThreadError as error:
                errors.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: not thread.is_alive())
    assert len(errors) == 2 and all("GUI thread" in text for text in errors)


def test_a_saver_is_moved_to_another_thread(shown, qapp):
    thread = QtCore.QThread()
    for saver in (shown.saver, H5Saver("detector")):
        with pytest.raises(WrongThreadError, match="can't be moved"):
            saver.moveToThread(thread)
        assert saver.thread() == qapp.thread()


def test_a_frame_sees_one_set_of_settings(tmp_path: Path):
    """Settings that change while a frame is saved count from the next frame on; no window waits for that."""
    saver = H5SaverBase("detector", "h5py")
    saver.init_file(addhoc_file_path=tmp_path / "a.h5")
    with saver.saving():
        changer = threading.Thread(target=lambda: saver.store.change(dynamic="uint16", h5comp_level=4))
        changer.start()
        changer.join(20)
        assert saver.store.current.dynamic == "uint16"
        assert saver.dynamic is None and saver.compression.level == 0
    assert saver.dynamic == "uint16" and saver.compression.level == 4
    saver.close_file()


# ----------------------------------------------------------------- one line
@contextmanager
def stopped(saver: H5Saver) -> Iterator[None]:
    """Have nothing of a file move in the block: its process is stopped, or another thread has its lock."""
    let_go, holds, freed_in_time = threading.Event(), threading.Event(), []

    def hold() -> None:
        with saver.io.lock:
            holds.set()
            freed_in_time.append(let_go.wait(30))

    def stop_process() -> None:
        os.kill(saver.io.pid, signal.SIGSTOP)
        holds.set()
        freed_in_time.append(let_go.wait(30))
        os.kill(saver.io.pid, signal.SIGCONT)

    thread = threading.Thread(target=stop_process if saver.isolated else hold)
    thread.start()
    holds.wait()
    try:
        yield
    finally:
        let_go.set()
        thread.join()
    assert freed_in_time == [True], "the GUI thread has waited"


@pytest.mark.parametrize("isolated", [True, False])
def test_one_line_never_waits_in_the_gui_thread(make, backend, isolated):
    """Frames like the last one, frames that mean something else, new sources, a scan from its start to its end."""
    saver = make("detector", backend).saver
    saver.settings["backend", "isolated"] = isolated
    start(saver)
    path = saver.file_path
    assert saver.record("known", 0.0, units="V")
    saver.flush()
    with stopped(saver):
        for number in range(1, 20):
            assert saver.record("known", float(number), units="V" if number < 10 else "mV")
            assert saver.record("new", np.full((4, 4), number), axes={"y": (np.arange(4.0), "mm"), "x": np.arange(4.0)})
        with saver.scan("line", {"x": (np.arange(5.0), "mm")}) as scan:
            for number in range(5):
                assert scan.record(number, "probe", 10.0 * number)
        with pytest.raises(DataMismatchError):
            saver.record("new", np.ma.masked_all((2, 2), [("a", int)]))
        assert saver.record("known", 20.0, units="mV")
    saver.flush()
    counts = saver.status().statistics
    assert (counts.frames_received, counts.frames_written) == (45, 45)
    stop(saver)
    with DataLoader(path) as loader:
        known = [loader.load_data(f"/RawData/Detector000/Data0D/CH0{number}/EnlData00") for number in range(2)]
        assert [one.units for one in known] == ["V", "mV"]
        assert [one.data[0].ravel().tolist() for one in known] == [[*range(10)], [*range(10, 21)]]
        new = loader.load_data("/RawData/Detector001/Data2D/CH00/EnlData00").data[0]
        assert new[:, 0, 0].tolist() == [*range(1, 20)]
        probe = loader.load_data("/RawData/Scan000/Detector000/Data0D/CH00/Data00").data[0]
        assert probe.ravel().tolist() == [0, 10, 20, 30, 40]


def test_one_line_says_what_the_settings_leave_out(shown):
    saver = shown.saver
    saver.settings["save_2D"] = False
    start(saver)
    with saver.scan("line", {"x": (np.arange(2.0), "mm")}) as scan:
        assert not saver.record("camera", np.zeros((4, 4))) and saver.record("meter", 1.0)
        assert not scan.record(0, "camera", np.zeros((4, 4))) and scan.record(1, "meter", 1.0)
    saver.flush()
    counts = saver.status().statistics
    assert counts.frames_dropped == 0 and counts.frames_received == counts.frames_written
    assert not shown.commands("error")


@pytest.mark.parametrize("isolated", [True, False])
def test_what_waits_behind_the_last_frame_is_left_out(make, backend, isolated):
    """It is no error that a recording ends where it was to end: also of frames that came while the file was opened."""
    shown = make("detector", backend)
    saver = shown.saver
    saver.settings["backend", "isolated"] = isolated
    saver.settings["recording", "stop_after_frames"] = 3
    saver.start(wait=False)
    taken = sum(saver.record("ab"[number % 2], float(number), units="V") for number in range(10))
    settle(saver)
    counts = saver.statistics()
    assert (counts.frames_written, counts.frames_left_out, counts.frames_dropped) == (3, taken - 3, 0)
    assert not saver.isopen() and not shown.commands("error")
