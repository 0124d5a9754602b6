"""Alarms: each kind is noticed once, told to those who listen and to a command, and the command can do no harm."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import threading
from pathlib import Path

import pytest
from recording_helpers import wait_until

from h5saver_widget import H5SaverBase, H5SaverLowLevel, SettingError
from h5saver_widget.recording import alarms as module, sources

WRITES = "import pathlib, sys; pathlib.Path(sys.argv[1]).open('a').write(sys.stdin.read())"


def command(*words: str) -> str:
    return shlex.join([sys.executable, *words])


@pytest.fixture
def saver(tmp_path):
    saver = H5SaverBase("detector", "h5py")
    saver.settings["base_path"] = str(tmp_path)
    saver.settings["backend", "isolated"] = False
    saver.heard = []
    saver.alarms.listeners.append(lambda alarm: saver.heard.append((alarm.kind, alarm.source)))
    yield saver
    saver.stop()


def told(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_gap_is_told_to_the_command_as_json(saver, tmp_path):
    said = tmp_path / "said"
    saver.settings["recording", "alarm_command"] = command("-c", WRITES, str(said))
    saver.start()
    saver.record("camera", 1.0, number=1)
    saver.record("camera", 1.0, number=4)
    wait_until(lambda: bool(told(said)))
    (event,) = told(said)
    assert event["kind"] == "gap" and event["source"] == "camera" and event["times"] == 1
    assert event["text"] == "camera: 2 frames lost in the device, numbers 2 to 3"
    assert event["file"] == str(saver.file_path) and event["time"][10] == "T" and event["host"]
    assert saver.heard == [("gap", "camera")]


def test_a_second_one_waits_and_counts(saver, tmp_path, monkeypatch):
    said = tmp_path / "said"
    saver.settings["recording", "alarm_command"] = command("-c", WRITES, str(said))
    saver.start()
    for number in range(3):
        saver._notify("error", message=f"problem {number}", exception=None)
    wait_until(lambda: bool(told(said)))
    assert [(event["text"], event["times"]) for event in told(said)] == [("problem 0", 1)]
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.0)
    wait_until(lambda: len(told(said)) == 2)
    assert [(event["text"], event["times"]) for event in told(said)][1:] == [("problem 2", 2)]
    assert saver.heard == [("error", "")] * 3


def test_a_needed_source_that_is_silent_is_told_once(saver, monkeypatch):
    monkeypatch.setattr(sources, "PATIENCE", 0.2)
    saver.settings["recording", "sources"] = "camera, laser"
    saver.start()
    saver.record("camera", 1.0)
    wait_until(lambda: len(saver.heard) == 2)
    assert sorted(saver.heard) == [("silent", "camera"), ("silent", "laser")]
    saver.pause()
    saver.alarms._looked_at = 0.0
    saver.alarms.look()
    assert len(saver.heard) == 2


def test_a_disk_that_does_not_answer_is_told(saver):
    saver.settings["backend", "isolated"] = True
    saver.start()
    saver.record("camera", 1.0)
    os.kill(saver.io.pid, signal.SIGSTOP)
    try:
        saver.record("camera", 2.0)
        wait_until(lambda: ("stalled", "") in saver.heard, 5.0)
    finally:
        os.kill(saver.io.pid, signal.SIGCONT)


def test_little_room_is_told(saver, monkeypatch):
    monkeypatch.setattr(module, "ROOM_SECONDS", 1e12)
    saver.start()
    for _ in range(20):
        saver.record("camera", [0.0] * 1000)
    wait_until(lambda: ("room", "") in saver.heard)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["-c", "import sys; sys.exit('no connection')"], "has failed with exit code 1: no connection"),
        (["-c", "import time; time.sleep(60)"], "was ended because it took longer than"),
        (None, "can't be run: No such file or directory"),
    ],
)
def test_a_command_that_fails_is_told_once_and_raises_no_alarm(saver, monkeypatch, words, problem):
    monkeypatch.setattr(module, "LIMIT_SECONDS", 0.3 if words and "sleep" in words[1] else 30)
    monkeypatch.setattr(module, "EVERY_SECONDS", 0.0)
    errors = []
    notify = saver._notify
    monkeypatch.setattr(saver, "_notify", lambda what, **args: (errors.append(args["message"]), notify(what, **args)))
    saver.settings["recording", "alarm_command"] = "/no/such/program" if words is None else command(*words)
    saver.alarms.happened("gap", "first")
    wait_until(lambda: bool(errors))
    saver.alarms.happened("gap", "second")
    wait_until(lambda: not [t for t in threading.enumerate() if t.name == "h5saver: alarm"])
    assert len(errors) == 1 and f"The alarm command {problem}" in errors[0]
    assert saver.heard == [("gap", ""), ("gap", "")]


def test_it_can_be_tried(saver, tmp_path, caplog):
    caplog.set_level("INFO")
    saver.alarms.try_out()
    assert "There is no alarm command to be tried" in caplog.text
    said = tmp_path / "said"
    saver.settings["recording", "alarm_command"] = command("-c", WRITES, str(said))
    saver.alarms.try_out()
    wait_until(lambda: "The alarm command works" in caplog.text)
    assert told(said)[0]["kind"] == "test"


def test_the_command_needs_its_quotation_marks_and_stays_out_of_files(saver):
    with pytest.raises(SettingError, match="quotation"):
        saver.store.change(alarm_command='run "me')
    saver.settings["recording", "alarm_command"] = "run my-token"
    saver.start()
    saver.record("camera", 1.0)
    path = saver.file_path
    saver.stop()
    with H5SaverLowLevel(backend="h5py") as h5:
        h5.open_file(path, "r")
        assert "my-token" not in str([node.attrs.to_dict() for node in h5.walk_nodes("/")])
    assert b"my-token" not in path.read_bytes()
