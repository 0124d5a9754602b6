"""Programs frozen by PyInstaller, by its plain command: one folder, one file (``make frozen``; takes some minutes).

No test of every run: two builds take as long as a quarter of all others. The file is written by a process of its own,
and a program that is killed loses no frame that was taken.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from h5saver_widget import DataLoader

LAB = Path(__file__).with_name("lab.py")


@pytest.fixture(scope="module", params=["--onedir", "--onefile"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("frozen")
    command = [sys.executable, "-m", "PyInstaller", request.param, "--log-level=ERROR", str(LAB)]
    subprocess.run(command, cwd=folder, check=True, timeout=900)
    return folder / "dist" / ("lab/lab" if request.param == "--onedir" else "lab")


@pytest.mark.parametrize("backend", ["h5py", "tables"])
@pytest.mark.parametrize("ending", ["closed", "killed"])
def test_every_frame_that_was_taken_is_in_the_file(program: Path, tmp_path: Path, backend: str, ending: str) -> None:
    path = tmp_path / "run.h5"
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}
    ran = subprocess.run([program, path, backend, ending], capture_output=True, text=True, timeout=120, env=bare)
    lines = ran.stdout.splitlines()
    assert lines[:3] == ["the program begins", "isolated True True ()", "taken 1000"], ran.stderr[-3000:]
    assert lines[3:] == ([] if ending == "killed" else ["good GOOD"]), ran.stderr[-3000:]
    for _ in range(600):  # the other process completes the file when the program is gone
        try:
            with DataLoader(path) as loader:
                values = loader.load_data("/RawData/Detector000/Data0D/CH00/EnlData00").data[0].ravel()
            break
        except Exception:
            subprocess.run([sys.executable, "-c", "import time; time.sleep(0.1)"], check=True)
    assert values.tolist() == list(range(1000))
