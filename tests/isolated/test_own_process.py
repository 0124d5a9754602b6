"""Which process has the file: found under any name of the interpreter, said where there is none, ended when idle."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import psutil
import pytest
from recording_helpers import wait_until

from h5saver_widget import DataLoader, H5Saver, Recorder, freeze_support
from h5saver_widget.backends import own_process
from h5saver_widget.backends.isolated import file as isolated_file

#: Records ten frames and is killed, and says whether another process has the file.
PROGRAM = """
import os, sys
{first}
from h5saver_widget import Recorder
recorder = Recorder(sys.argv[1])
recorder.start()
taken = sum(recorder.record("meter", float(number)) for number in range(10))
print(taken, recorder.isolated, recorder.status().missing, flush=True)
os.kill(os.getpid(), 9)
"""


def rows(path: Path) -> int:
    """Return how many frames a file holds, once the process that has it is done."""
    with DataLoader(path) as loader:
        return len(loader.load_data("/RawData/Detector000/Data0D/CH00/EnlData00").data[0])


def test_an_interpreter_of_another_name_and_a_program_with_python_in_it(tmp_path):
    copied = tmp_path / "labprog"
    shutil.copy(Path(sys.executable).resolve(), copied)
    linked = tmp_path / "lablink"
    linked.symlink_to(Path(sys.executable).resolve())
    elsewhere = f"sys.path += {sys.path!r}; sys.executable = {str(tmp_path / 'a program')!r}"
    library = {"LD_LIBRARY_PATH": sysconfig.get_config_var("LIBDIR") or "", "PYTHONHOME": sys.base_prefix}
    for name, python, first in (
        ("copied", copied, f"sys.path += {sys.path!r}"),
        ("linked", linked, f"sys.path += {sys.path!r}"),
        ("embedded", sys.executable, elsewhere),
    ):
        path = tmp_path / f"{name}.h5"
        environment = {**os.environ, **(library if python is not sys.executable else {})}
        command = [python, "-c", PROGRAM.format(first=first), path]
        ran = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
        assert ran.stdout.split() == ["10", "True", "()"], (name, ran.stdout, ran.stderr)
        wait_until(lambda path=path: _is_complete(path))
        assert rows(path) == 10


def _is_complete(path: Path) -> bool:
    try:
        return rows(path) == 10
    except (OSError, ValueError, KeyError):
        return False


@pytest.fixture
def no_interpreter(monkeypatch):
    monkeypatch.setattr(own_process, "_interpreter", lambda: None)


def test_where_there_is_no_interpreter_it_is_said(no_interpreter, qapp):
    with pytest.warns(RuntimeWarning, match="no Python interpreter was found"):
        saver = H5Saver("detector")
    row = saver.settings.child("backend", "isolated")
    assert "not possible here" in row.title() and not row.opts["enabled"]
    assert any("no Python interpreter was found" in line for line in saver.status().missing)


def test_a_frozen_program_says_what_it_lacks_and_starts_itself(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(own_process, "_looks", [])
    assert "freeze_support" in own_process.why_not()
    freeze_support()
    assert not own_process.why_not()
    assert own_process.start_command("file", "h5py")[:3] == [sys.executable, own_process.SWITCH, "file"]
    monkeypatch.setattr(sys, "argv", ["lab", own_process.SWITCH, "child", "os", "system", "1"])
    ended: list[int] = []
    monkeypatch.setattr("h5saver_widget.backends.in_child.os._exit", ended.append)
    with pytest.raises(SystemExit):
        freeze_support()
    assert ended == [2]  # what is not of this package is not run


def test_a_process_without_a_file_ends_and_the_next_file_has_a_new_one(tmp_path, monkeypatch):
    monkeypatch.setattr(isolated_file, "IDLE_SECONDS", 0.05)
    recorder = Recorder()
    for number in range(2):
        recorder.start(tmp_path / f"{number}.h5")
        process = psutil.Process(recorder.io.pid)
        assert recorder.record("a", 1.0)
        recorder.stop()
        wait_until(lambda process=process: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
        assert recorder.io.pid is None
    recorder.start_ahead()
    recorder.wait()
    assert recorder.io.pid is not None
