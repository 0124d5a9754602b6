"""``h5saver demo`` as a program of its own: offscreen runs, what it prints, exit codes, Ctrl-C and termination."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest

from h5saver_widget.saving.loading import DataLoader

DEMO = [sys.executable, "-W", "error", "-m", "h5saver_widget", "demo"]


def environment(**more: str) -> dict[str, str]:
    """Return an environment without a display."""
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "DEMO_SECONDS")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[2]), **more}


def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*DEMO, *arguments], env=environment(**more), capture_output=True, text=True, timeout=120, check=False
    )


def time_rows(path: Path) -> int:
    with h5py.File(path, "r") as file:
        groups = [group for name, group in file["RawData"].items() if "Detector" in name]
        # A slow source may have its group and no frame yet.
        return sum(len(group["NavAxes/Axis00"]) for group in groups if "NavAxes" in group)


def test_without_a_display_it_records_and_reports_what_is_in_the_file(tmp_path: Path, backend: str) -> None:
    done = run("--out", str(tmp_path), "--backend", backend, DEMO_SECONDS="2")
    assert done.returncode == 0, done.stderr
    text = done.stdout
    path = Path(re.search(r"^File: +(\S+\.h5) \(.+ on disk\)$", text, re.MULTILINE)[1])
    frames = int(re.search(r"^Saved: +(\d+) frames, [\d.]+ MB of data in [0-3]\.\d s$", text, re.MULTILINE)[1])
    assert re.search(r"^Rate: +[\d,.]+ frames/s, [\d,.]+ MB/s$", text, re.MULTILINE)
    assert re.search(r"^Dropped: +0 frames$", text, re.MULTILINE)
    screenshot = Path(re.search(r"^Screenshot: (\S+\.png)$", text, re.MULTILINE)[1])
    assert screenshot.read_bytes().startswith(b"\x89PNG")
    assert path.is_relative_to(tmp_path)
    assert frames > 0
    assert time_rows(path) == frames
    loader = DataLoader(path)
    try:
        loaded = {
            str(node.path): loader.load_data(node)
            for node in loader.walk_nodes("/RawData")
            if "EnlData00" in node.path and "/CH00/" in node.path
        }
    finally:
        loader.close_file()
    assert sum(len(data.data[0]) for data in loaded.values()) == frames


def test_seconds_win_over_the_environment(tmp_path: Path) -> None:
    started = time.monotonic()
    done = run("--out", str(tmp_path), "--seconds", "0.5", DEMO_SECONDS="600")
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started < 60


def test_a_folder_that_cannot_be_written_ends_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "afile").write_text("in the way")
    done = run("--out", str(tmp_path / "afile" / "below"), "--seconds", "1", "--offscreen")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Saving could not start" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_nonsense_in_the_environment_is_said(tmp_path: Path) -> None:
    done = run("--out", str(tmp_path / "out"), "--seconds", "0.3", DEMO_SECONDS="soon")
    assert done.returncode == 0  # not asked for
    (tmp_path / "afile").write_text("in the way")
    done = run("--out", str(tmp_path / "afile" / "x"), DEMO_SECONDS="soon")
    assert "DEMO_SECONDS is 'soon'" in done.stderr


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_recording_saves_and_closes_the_file(tmp_path: Path, number: int, backend: str) -> None:
    command = [*DEMO, "--out", str(tmp_path), "--seconds", "100", "--offscreen", "--backend", backend]
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        first = child.stdout.readline()  # said once the file is open
        assert first.startswith("Recording 5 sources")
        end = time.monotonic() + 60
        while not any(file.stat().st_size > 2_000_000 for file in tmp_path.rglob("*.h5")):
            assert time.monotonic() < end
            assert child.poll() is None
        child.send_signal(number)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 0, err
    frames = int(re.search(r"^Saved: +([\d,]+) frames", out, re.MULTILINE)[1].replace(",", ""))
    (path,) = tmp_path.rglob("*.h5")
    assert time_rows(path) == frames > 0


def test_missing_system_libraries_are_named_in_one_line(monkeypatch, capsys) -> None:
    from h5saver_widget.demo.run import run_demo

    monkeypatch.setattr(
        "h5saver_widget.qt.syscheck.missing_qt_libraries",
        lambda: "Missing system library libGL.so.1: sudo apt-get install libgl1",
    )
    assert run_demo(offscreen=True) == 1
    assert capsys.readouterr().err == "Missing system library libGL.so.1: sudo apt-get install libgl1\n"
