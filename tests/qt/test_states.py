"""Every state of the recorder is reached, and left again by each button and each call: all pairs are walked."""

from __future__ import annotations

import threading

import pytest
from pyqtgraph.Qt import QtWidgets
from recording_helpers import detector, frame, settle, stop

from h5saver_widget.recording.status import RecorderState as State
from h5saver_widget.saving.h5_backend import H5Backend

#: States that last until somebody does something; test_not_waiting.py has the others.
LASTING = (State.CLOSED, State.OPEN, State.RECORDING, State.PAUSED, State.ERROR)

BUTTONS = ("do_save", "new_file", "browse", "pause", "stop", "show_file")

#: What each button makes of each state. None: the button is grey and does nothing.
NEXT = {
    State.CLOSED: {"do_save": State.OPEN, "new_file": State.OPEN, "browse": State.OPEN, "pause": None, "stop": None},
    State.OPEN: {"do_save": State.CLOSED, "new_file": State.OPEN, "browse": State.OPEN, "pause": State.PAUSED},
    State.RECORDING: {"do_save": State.CLOSED, "new_file": State.OPEN, "browse": State.OPEN, "pause": State.PAUSED},
    State.PAUSED: {"do_save": State.CLOSED, "new_file": State.OPEN, "browse": State.OPEN, "pause": State.RECORDING},
    State.ERROR: {"do_save": State.OPEN, "new_file": State.OPEN, "browse": State.OPEN, "pause": None, "stop": None},
}
for _state in (State.OPEN, State.RECORDING, State.PAUSED):
    NEXT[_state]["stop"] = State.CLOSED


#: The same for what programs call; nothing of it fails in any state.
CALLS = ("start", "stop", "pause", "resume")
AFTER_CALL = {
    State.CLOSED: {"start": State.OPEN},
    State.OPEN: {"start": State.OPEN, "stop": State.CLOSED, "pause": State.PAUSED},
    State.RECORDING: {"stop": State.CLOSED, "pause": State.PAUSED},
    State.PAUSED: {"start": State.RECORDING, "stop": State.CLOSED, "resume": State.RECORDING},
    State.ERROR: {"start": State.OPEN, "stop": State.CLOSED},
}


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    """Return an existing file to be chosen."""
    path = tmp_path_factory.mktemp("older") / "older.h5"
    with H5Backend("h5py") as h5:
        h5.open_file(path, "x")
        h5.create_group("/", "RawData")
    return path


def enter(shown, state: State) -> None:
    """Bring a fresh saver into a state, by its buttons and by frames."""
    saver, qtbot = shown.saver, shown.qtbot
    if state is State.ERROR:
        good, saver.settings["base_name"] = saver.settings["base_name"], "a/b"
        shown.check("do_save")
        saver.settings["base_name"] = good
    elif state is not State.CLOSED:
        shown.check("do_save")
        if state is not State.OPEN:
            module, node = detector(saver)
            module.add_data(node, frame(1))
            saver.flush()
        if state is State.PAUSED:
            qtbot.waitUntil(lambda: shown.tree.button_of("pause").isEnabled())
            shown.press("pause")
    qtbot.waitUntil(lambda: saver.status().state is state)
    qtbot.waitUntil(lambda: shown.tree.button_of("pause").isEnabled() == saver.isopen())


@pytest.mark.parametrize("state", LASTING, ids=lambda state: state.value)
@pytest.mark.parametrize("button", BUTTONS)
def test_each_button_in_each_state(make, state, button, monkeypatch, older, qtbot):
    monkeypatch.setattr(QtWidgets.QFileDialog, "getOpenFileName", lambda *a, **k: (str(older), ""))
    shown = make("detector", "h5py")
    saver = shown.saver
    saver.settings["backend", "isolated"] = False  # the states are the same; a process for each pair takes its time
    enter(shown, state)
    saver.show_status()
    assert saver.strip.state == state.value, "the strip says so"
    errors = len(shown.commands("error"))
    before = saver.file_path
    if button == "do_save":
        shown.check("do_save")
    else:
        shown.press(button)
    if button == "show_file":
        expected = state
    else:
        expected = NEXT[state][button] or state
    qtbot.waitUntil(lambda: saver.status().state is expected)
    assert len(shown.commands("error")) == errors
    if button in ("new_file", "browse"):
        assert saver.file_path != before and (button == "new_file" or saver.file_path == older)
    # whatever the state is now, Stop ends it, and recording can begin again
    stop(saver)
    qtbot.waitUntil(lambda: not saver.settings["do_save"] and not shown.tree.button_of("pause").isEnabled())
    assert saver.status().state is State.CLOSED
    shown.check("do_save")
    assert saver.status().state is State.OPEN


@pytest.mark.parametrize("state", LASTING, ids=lambda state: state.value)
@pytest.mark.parametrize("call", CALLS)
def test_each_call_from_another_thread_in_each_state(make, state, call, qtbot):
    shown = make("detector", "h5py")
    saver = shown.saver
    saver.settings["backend", "isolated"] = False
    enter(shown, state)
    errors, before = len(shown.commands("error")), saver.file_path
    remote = threading.Thread(target=getattr(saver, call))
    remote.start()
    remote.join(20)
    expected = AFTER_CALL[state].get(call, state)
    done = threading.Event()
    saver._call.emit(done.set)  # comes after what the other thread has asked for
    qtbot.waitUntil(done.is_set)
    settle(saver)
    assert saver.status().state is expected
    saver.show_status()
    assert saver.strip.state == expected.value
    assert len(shown.commands("error")) == errors, "no call fails"
    if expected is not State.CLOSED and before is not None:
        assert saver.file_path == before, "the file goes on"
