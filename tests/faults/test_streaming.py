"""Files that stream (SWMR): seen while they are written, completed afterwards, whoever ends first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from h5saver_widget import (
    DataRaw,
    DataToExport,
    DetectorTimeSaver,
    H5Backend,
    H5SaverLowLevel,
    StreamingError,
    check_file,
    follow_rows,
    open_for_reading,
)
from h5saver_widget.format.superblock import read_superblock
from h5saver_widget.recovery import Condition

IMAGES = "/RawData/Detector000/Data2D/CH00/EnlData00"

PROGRAM = """
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from h5saver_widget import DataRaw, DataToExport, DetectorTimeSaver, H5SaverLowLevel

saver = H5SaverLowLevel("detector", "h5py", isolated=sys.argv[2] == "isolated")
saver.init_file(Path(sys.argv[1]), swmr=True)
saver.add_log("before")
camera = DetectorTimeSaver(SimpleNamespace(title="Camera"))
camera.h5saver = saver
node = camera.get_set_node()
for number in range(50):
    frame = DataRaw("image", data=[np.full((4, 5), number, "u2")])
    camera.add_data(node, DataToExport("frame", data=[frame]))
    saver.enable_swmr()
    saver.add_log(f"frame {number}")
    saver.flush()
    print(number, saver.io.pid if saver.isolated else 0, flush=True)
    sys.stdin.readline()
saver.close_file()
"""


def start(path: Path, how: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", PROGRAM, str(path), how]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def frames(program: subprocess.Popen[str]) -> Iterator[tuple[int, int]]:
    """Iterate over the frames that the program has flushed, and the process with the file; each step lets it go on."""
    assert program.stdin is not None and program.stdout is not None
    while True:
        number, pid = program.stdout.readline().split()
        yield int(number), int(pid)
        program.stdin.write("go\n")
        program.stdin.flush()


def read_log(path: Path) -> list[str]:
    with open_for_reading(path) as opened:
        return opened.log_lines()


@pytest.mark.parametrize("how", ["here", "isolated"])
def test_a_reader_sees_a_frame_as_soon_as_it_was_flushed(how: str, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with start(path, how) as program:
        flushed = frames(program)
        number, _ = next(flushed)
        rows = follow_rows(path, IMAGES, interval=0.01)
        seen = 0
        while number < 20:
            seen += len(next(rows))
            assert seen >= number + 1
            number, _ = next(flushed)
        rows.close()
        program.kill()


def test_what_a_killed_program_streamed_is_completed_by_the_process_with_the_file(tmp_path: Path) -> None:
    """Log lines can't be written while the file streams: the process with the file does it in the end."""
    path = tmp_path / "a.h5"
    with start(path, "isolated") as program:
        flushed = frames(program)
        for _ in range(5):
            number, pid = next(flushed)
        program.kill()
    wait_for_end_of(pid)
    state = check_file(path)
    assert state.condition is Condition.GOOD and not state.must_repair
    assert read_log(path) == ["before", *(f"frame {i}" for i in range(number + 1))]
    with H5Backend("tables") as h5:  # the other HDF5 reads it
        h5.open_file(path)
        assert len(h5.get_node(IMAGES)) == number + 1
        assert h5.get_node(IMAGES).attrs["shape"] == (number + 1, 4, 5)
        assert not h5.root().attrs["swmr_active"]


def test_lines_that_were_written_at_the_end_are_not_written_twice(tmp_path: Path, isolated: bool) -> None:
    saver = H5SaverLowLevel("detector", "h5py", isolated=isolated)
    saver.init_file(tmp_path / "a.h5", swmr=True)
    for scan in range(2):  # several scans in one file: streaming ends in between
        camera = DetectorTimeSaver(SimpleNamespace(title=f"Camera {scan}"))
        camera.h5saver = saver
        node = camera.get_set_node()
        camera.add_data(node, DataToExport("frame", data=[DataRaw("image", data=[np.zeros((2, 3))])]))
        saver.enable_swmr()
        saver.add_log(f"scan {scan}")
        with pytest.raises(StreamingError):
            saver.add_det_group("/RawData", "too late")
        camera.add_data(node, DataToExport("frame", data=[DataRaw("image", data=[np.ones((2, 3))])]))
        saver.end_streaming()
        assert not saver.is_swmr_active
    saver.close_file()
    saver.io.close()
    assert read_log(tmp_path / "a.h5") == ["scan 0", "scan 1"]
    for reader in ("h5py", "tables"):
        with H5Backend(reader) as h5:
            h5.open_file(tmp_path / "a.h5")
            assert h5.get_node("/RawData/Detector001/Data2D/CH00/EnlData00").read().shape == (2, 2, 3)


def wait_for_end_of(pid: int) -> None:
    """Wait for a process that is not ours: it was started by one that we killed."""
    while True:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except FileNotFoundError:
            return
        os.sched_yield()


@pytest.mark.parametrize("writer", ["killed", "alive"])
def test_the_right_mode_of_reading_is_found(writer: str, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with start(path, "here") as program:
        next(frames(program))
        if writer == "killed":
            os.kill(program.pid, signal.SIGKILL)
            program.wait()
        block = read_superblock(path)
        assert block is not None and block.is_streaming and block.version == 3
        with open_for_reading(path) as opened:
            assert len(opened.get_node(IMAGES)) >= 1
        program.kill()


def test_both_hdf5_libraries_read_what_is_made_for_streaming(tmp_path: Path) -> None:
    """Files within the bounds of HDF5 1.10: h5py carries HDF5 2, PyTables 1.14."""
    with H5SaverLowLevel("detector", "h5py") as saver:
        saver.init_file(tmp_path / "a.h5", swmr=True)
        saver.enable_swmr()
    for reader in ("h5py", "tables"):
        with H5Backend(reader) as h5:
            h5.open_file(tmp_path / "a.h5")
            assert [node.name for node in h5.walk_nodes("/RawData")] == ["RawData", "Logger"]
