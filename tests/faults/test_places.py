"""A file that is renamed, replaced or cut off while it is recorded: data go where they belong, or it is told."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import psutil
import pytest

from h5saver_widget import (
    DataRaw,
    DataToExport,
    DetectorTimeSaver,
    FileGoneError,
    H5SaverError,
    H5SaverLowLevel,
    SavingProcessError,
)
from h5saver_widget.backends.isolated.hosted import FLUSH_SECONDS, HostedFile
from h5saver_widget.backends.registry import create_backend

pytestmark = pytest.mark.skipif(os.name != "posix", reason="an open file can be neither renamed nor cut off")


class Told(H5SaverLowLevel):
    """Keeps its errors, and the paths of closed files."""

    def __init__(self, *args: Any, **more: Any) -> None:
        self.said: list[str] = []
        super().__init__(*args, **more)

    def _notify(self, command: str, **args: Any) -> None:
        if command in ("error", "closed"):
            self.said.append(str(args.get("message", args.get("path"))))


@pytest.fixture(params=[False, True], ids=["here", "isolated"])
def saver(request: pytest.FixtureRequest, backend: str):
    made = Told("detector", backend, isolated=request.param)
    yield made
    try:
        made.close_file()
    except H5SaverError:
        pass


class Camera:
    def __init__(self, saver: H5SaverLowLevel) -> None:
        self.module = DetectorTimeSaver(SimpleNamespace(title="Camera"))
        self.module.h5saver = saver
        self.group = self.module.get_set_node()
        self.count = 0

    def save(self, frames: int) -> None:
        for _ in range(frames):
            data = [DataRaw("image", data=[np.full(100, float(self.count))])]
            self.module.add_data(self.group, DataToExport("grab", data=data))
            self.count += 1


def rows(path: Path) -> list[float]:
    with h5py.File(path) as file:
        return [float(row[0]) for row in file["RawData/Detector000/Data1D/CH00/EnlData00"][:]]


def replace_by_another(path: Path) -> tuple[Path, bytes]:
    """Move a file away, and put one of the same layout into its place."""
    moved = path.rename(path.with_name("moved.h5"))
    with H5SaverLowLevel("detector", "h5py") as other:
        other.init_file(path, swmr=True)
        other.add_log("another one")
    return moved, path.read_bytes()


def test_the_recording_goes_on_where_the_file_is(saver: Told, backend: str, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    saver.init_file(path)
    camera = Camera(saver)
    camera.save(20)
    saver.flush()
    moved, others = replace_by_another(path)
    camera.save(20)
    saver.close_file()
    assert rows(moved) == list(range(40)) and path.read_bytes() == others
    assert saver.said == [f"{path} was renamed while it was recorded: the recording is {moved}", str(moved)]


def test_what_waits_for_the_end_of_streaming_goes_there_too(saver: Told, backend: str, tmp_path: Path) -> None:
    if backend != "h5py":
        return  # streams no files
    path = tmp_path / "a.h5"
    saver.init_file(path, swmr=True)
    camera = Camera(saver)
    camera.save(5)
    saver.enable_swmr()
    camera.save(5)
    saver.add_log("a late line")
    moved, others = replace_by_another(path)
    camera.save(5)
    saver.close_file()
    assert rows(moved) == list(range(15)) and path.read_bytes() == others
    with H5SaverLowLevel("detector", "h5py") as reader:
        reader.open_file(moved)
        assert "a late line" in str(reader.get_node("/RawData/Logger").read())


def test_a_program_that_is_killed_leaves_them_there_too(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    program = f"""
import os, signal
from pathlib import Path
from h5saver_widget import H5SaverLowLevel
saver = H5SaverLowLevel("detector", "h5py", isolated=True)
saver.init_file({str(path)!r}, swmr=True)
saver.enable_swmr()
saver.add_log("a late line")
saver.flush()
Path({str(path)!r}).rename({str(tmp_path / "moved.h5")!r})
with H5SaverLowLevel("detector", "h5py") as other:
    other.init_file({str(path)!r}, swmr=True)
print(saver.io.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=100)
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(said.stdout)).wait(60)
    for name, is_there in (("moved.h5", True), ("a.h5", False)):
        with H5SaverLowLevel("detector", "h5py") as reader:
            reader.open_file(tmp_path / name)
            assert ("a late line" in str(reader.get_node("/RawData/Logger").read())) is is_there


@pytest.mark.parametrize("left", [1000, 0])
def test_a_file_that_is_cut_off_takes_nothing_more(left: int, saver: Told, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    saver.init_file(path)
    camera = Camera(saver)
    camera.save(300)
    saver.flush()
    os.truncate(path, left)
    with pytest.raises((FileGoneError, SavingProcessError), match=f"cut off by another program.* to {left:,} bytes"):
        for _ in range(100):
            camera.save(50)
            saver.flush()
    with pytest.raises((FileGoneError, SavingProcessError)):
        camera.save(1)
    with pytest.raises(H5SaverError):
        saver.close_file()
    counts = saver.statistics()
    assert counts.frames_written == 0 and counts.frames_dropped == counts.frames_received
    saver.init_file(tmp_path / "b.h5")
    camera = Camera(saver)
    camera.save(10)
    saver.close_file()
    assert rows(tmp_path / "b.h5") == list(range(10))


def test_a_flush_that_is_due_waits_for_the_rest_of_a_frame() -> None:
    ring = [0] * 20
    hosted = HostedFile(create_backend("h5py"), SimpleNamespace(), ring, SimpleNamespace())  # type: ignore[arg-type]
    hosted.changes()
    hosted.ledger.rows_added(1, 1)
    now = hosted._changed_at + FLUSH_SECONDS + 0.01  # type: ignore[operator]
    assert not hosted.is_due(now) and hosted.is_due(now + 0.2)
    hosted.ledger.frame_done()
    assert hosted.is_due(now)
