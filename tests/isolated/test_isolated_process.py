"""A file in a worker process: who dies, what is left, who is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest
from circles import write_circle
from transport_shared import F8, until

from h5saver_widget import H5SaverLowLevel
from h5saver_widget.backends import own_process
from h5saver_widget.backends.isolated.client import IsolatedBackend
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.terms import Compression
from h5saver_widget.errors import (
    FileIncompleteError,
    FileOpenError,
    ReadingStuckError,
    RowsLostError,
    SavingProcessError,
)
from h5saver_widget.format import codec
from h5saver_widget.testing.making import make_array, make_group, make_growing


def rows_in(path: Path, name: str = "A") -> np.ndarray:
    with h5py.File(path, "r") as file:
        return file[name][...]


# ------------------------------------------------------------------- order, coalescing, back-pressure
def test_rows_keep_their_order_whatever_their_size(io: IsolatedBackend, path: Path) -> None:
    array = make_growing(io, "/", "A", row_shape=(1000,), dtype=F8)
    start = 0
    for count in (1, 3, 700, 1, 2000, 40, 1):
        io.append(array, np.repeat(np.arange(start, start + count, dtype=float)[:, None], 1000, axis=1))
        start += count
    assert io.info(array).shape == (start, 1000)
    assert io.read(array, (slice(None), -1)).tolist() == list(range(start))
    io.close()
    assert rows_in(path)[:, 0].tolist() == list(range(start))


def test_rows_that_wait_become_one_write(io: IsolatedBackend) -> None:
    """While the child is held, 500 rows come in; it needs far fewer appends than that to write them."""
    array = make_growing(io, "/", "A", dtype=F8)
    io.flush()
    os.kill(io.pid, signal.SIGSTOP)
    for number in range(500):
        io.append(array, np.full(1, float(number)))
    os.kill(io.pid, signal.SIGCONT)
    assert io.read(array).tolist() == list(range(500))


def test_what_is_written_into_an_array_comes_after_the_rows_before(io: IsolatedBackend) -> None:
    array = make_growing(io, "/", "A", row_shape=(2,), dtype=F8)
    io.append(array, np.zeros((3, 2)))
    io.write(array, (1, slice(None)), np.full(2, 7.0))
    io.append(array, np.ones((1, 2)))
    io.write(array, (slice(2, 4), 0), np.full(2, 9.0))
    assert io.read(array).tolist() == [[0, 0], [7, 7], [9, 0], [9, 1]]


def test_the_caller_may_use_its_buffer_again(io: IsolatedBackend) -> None:
    for name, compression in (("A", None), ("B", Compression("gzip", 4))):
        array = make_growing(io, "/", name, row_shape=(512, 512), dtype="u2", compression=compression)
        frame = np.zeros((1, 512, 512), "u2")
        for number in range(20):
            frame[:] = number
            io.append(array, frame)
        assert io.read(array, (slice(None), 5, 5)).tolist() == list(range(20))


def test_a_full_queue_makes_the_caller_wait(backend: str, path: Path) -> None:
    cls = type(create_backend(backend))
    io = IsolatedBackend(backend, cls.capabilities, queue_bytes=1 << 20)
    io.open(path, "x")
    array = make_growing(io, "/", "A", row_shape=(25_000,), dtype=F8)
    io.flush()
    os.kill(io.pid, signal.SIGSTOP)
    ready = threading.Event()

    def record() -> None:
        for number in range(30):  # 200 kB each
            if number == 3:
                ready.set()
            io.append(array, np.full((1, 25_000), float(number)))

    thread = threading.Thread(target=record)
    thread.start()
    assert ready.wait(10)
    until(lambda: not io.queue.has_room())
    os.kill(io.pid, signal.SIGCONT)
    thread.join(60)
    assert io.read(array, (slice(None), 0)).tolist() == list(range(30)) and io.queue.counts().waited_seconds > 0
    io.close()


def test_a_record_longer_than_the_queue(backend: str, path: Path) -> None:
    io = IsolatedBackend(backend, type(create_backend(backend)).capabilities, queue_bytes=1 << 20)
    io.open(path, "x")
    values = np.arange(1_000_000, dtype="i8")
    array = make_array(io, "/", "A", data=values)
    row = make_growing(io, "/", "B", row_shape=(1_000_000,), dtype="i8")
    io.append(row, values[None])
    assert np.array_equal(io.read(array), values) and np.array_equal(io.read(row)[0], values)
    io.close()


def test_frames_are_dropped_and_counted_when_told_to(backend: str, tmp_path: Path) -> None:
    from h5saver_widget.data import DataToExport, DataWithAxes
    from h5saver_widget.saving.exports import DataToExportTimedSaver

    with H5SaverLowLevel("detector", backend, isolated=True) as saver:
        saver.io._connection._capacity = 1 << 20
        saver.when_full = "drop"
        saver.init_file(tmp_path / "file.h5")
        group = saver.add_det_group(saver.raw_group, "Camera")
        timed = DataToExportTimedSaver(saver)
        dwa = DataWithAxes("Frame", source="raw", distribution="uniform", data=[np.zeros((100, 100))])
        timed.add_data(group, DataToExport("Camera", data=[dwa]), axis_value=0.0)
        saver.flush()
        os.kill(saver.io.pid, signal.SIGSTOP)
        for _ in range(40):
            timed.add_data(group, DataToExport("Camera", data=[dwa]), axis_value=0.0)
        dropped = saver.frames_lost
        os.kill(saver.io.pid, signal.SIGCONT)
        saver.flush()
        counted = saver.statistics()
        assert 0 < dropped < 40
        assert (counted.frames_received, counted.frames_dropped) == (41, dropped)
        assert counted.frames_written == 41 - dropped and counted.frames_waiting == 0
        assert counted.waited_seconds == 0
        path = saver.file_path
    with h5py.File(path, "r") as file:
        attrs = file["RawData"].attrs
        found = {name: codec.decode(attrs[name]) for name in attrs if name.startswith("frames")}
        assert found == {"frames_received": 41, "frames_written": 41 - dropped, "frames_dropped": dropped}
        lengths: list[int] = []
        file.visititems(lambda name, node: lengths.append(len(node)) if name.endswith("EnlData00") else None)
        assert lengths == [41 - dropped]


# ------------------------------------------------------------------------------------ who dies
def test_a_killed_child_is_told_and_a_new_file_goes_on(io: IsolatedBackend, path: Path) -> None:
    array = make_growing(io, "/", "Counts", dtype=F8)
    io.append(array, np.arange(10.0))
    io.flush()
    os.kill(io.pid, signal.SIGKILL)
    until(lambda: io.queue.failure is not None)
    with pytest.raises(SavingProcessError, match=r"signal 9.*open a file again"):
        io.append(array, np.zeros(1))
    assert io.is_open
    with pytest.raises(SavingProcessError):
        make_group(io, "/", "G")
    with pytest.raises(SavingProcessError):
        io.close()
    assert not io.is_open
    assert rows_in(path, "Counts").tolist() == list(range(10))
    io.open(path.with_name("next.h5"), "x")
    make_group(io, "/", "G")
    assert io.children(io.root()) == ["G"]


def test_what_can_not_be_written_is_told_with_its_path(io: IsolatedBackend, path: Path) -> None:
    """The child's file may not grow beyond a limit, as on a full disk."""
    import resource

    array = make_growing(io, "/", "Frames", row_shape=(1000, 1000), dtype="u2")
    io.append(array, np.zeros((1, 1000, 1000), "u2"))
    io.flush()
    psutil.Process(io.pid).rlimit(psutil.RLIMIT_FSIZE, (6_000_000, resource.RLIM_INFINITY))
    with pytest.raises((FileIncompleteError, RowsLostError, SavingProcessError), match=r"/Frames|file\.h5 can't be"):
        for _ in range(100):
            io.append(array, np.ones((1, 1000, 1000), "u2"))
            io.flush()
    if io.name == "tables":  # without a journal nothing can be tried again
        until(lambda: io.queue.failure is not None)
        for call in (
            lambda: io.append(array, np.ones((1, 1000, 1000), "u2")),
            lambda: make_group(io, "/", "G"),
            lambda: io.set_attributes(io.root(), {"a": 1}),
            io.flush,
        ):
            with pytest.raises(SavingProcessError, match="start a new file; nothing more is saved into this file"):
                call()
    with pytest.raises((SavingProcessError, OSError)):
        io.close()
    assert not io.is_open


PROGRAM = """
import sys, os, signal, numpy as np
from pathlib import Path
from h5saver_widget import H5SaverLowLevel
from h5saver_widget.format import codec
saver = H5SaverLowLevel('custom', sys.argv[1], isolated=True)
saver.init_file(sys.argv[2])
array = saver.create_earray(saver.raw_group, 'Counts', 'f8', ())
print(saver.io.pid, flush=True)
for number in range(int(sys.argv[3])):
    array.append(np.full(1, float(number)))
{end}
"""


@pytest.mark.parametrize(
    ("end", "code"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
        ("os._exit(3)", 3),
        ("raise ValueError('a bug of the program')", 1),
        ("del saver, array", 0),
        ("saver.close_file()", 0),
        ("pass", 0),
    ],
    ids=["killed", "exit without farewell", "exception", "forgotten", "closed", "end"],
)
def test_whatever_becomes_of_the_program(backend: str, path: Path, end: str, code: int) -> None:
    """Every row that append() took is in the file, the file is closed properly, and no process is left."""
    program = [sys.executable, "-W", "ignore", "-c", PROGRAM.format(end=end), backend, str(path), "2000"]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    pid = int(done.stdout)
    until(lambda: not psutil.pid_exists(pid))
    assert rows_in(path, "RawData/Counts").tolist() == list(range(2000))
    with H5SaverLowLevel("custom", backend) as again:
        again.init_file(path, mode="r")
        assert again.get_node("/RawData/Counts").attrs["shape"] == (2000,)


def test_a_reader_that_comes_to_no_end_is_ended(backend: str, path: Path, tmp_path: Path) -> None:
    """Damage may have HDF5 go in circles, where no thread of Python runs and no end of a pipe is seen."""
    io = create_backend(backend, isolated=True)
    io.reading_seconds = 0.2
    # what PyTables opens it reads; of h5py's files the attributes are read when somebody asks
    with pytest.raises(ReadingStuckError, match="came to no end"):
        io.open(write_circle(path), "r")
        io.get_attributes(io.node("/Group"))
    io.close()
    with H5SaverLowLevel(backend=backend) as saver:
        saver.init_file(tmp_path / "whole.h5")
    io.open(tmp_path / "whole.h5", "r")
    assert "RawData" in io.children(io.root())
    io.close()


def test_ctrl_c_is_not_for_the_child(io: IsolatedBackend) -> None:
    os.kill(io.pid, signal.SIGINT)
    make_group(io, "/", "G")
    assert io.children(io.root()) == ["G"]


def test_a_program_without_guard_may_use_it(backend: str, path: Path, tmp_path: Path) -> None:
    """The program's main module is not imported again by the child."""
    script = tmp_path / "program.py"
    script.write_text(PROGRAM.format(end="print('end')"))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", script, backend, path, "3"], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("end") == 1


def test_modules_in_the_current_folder_are_not_imported(backend: str, path: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "numpy.py").write_text("raise RuntimeError('imported by accident')")
    monkeypatch.chdir(tmp_path)
    io = create_backend(backend, isolated=True)
    io.open(path, "x")
    io.close()


def test_errors_of_opening_leave_the_process_usable(io: IsolatedBackend, path: Path) -> None:
    other = path.with_name("other.h5")
    other.write_bytes(b"no HDF5 file")
    pid = io.pid
    io.close()
    with pytest.raises(FileOpenError, match=r"other\.h5 could not be opened"):
        io.open(other, "r")
    io.open(path, "r")
    assert io.pid == pid and io.children(io.root()) == []


@pytest.mark.parametrize("frozen", [False, True])
def test_no_interpreter_means_staying_here(backend: str, frozen: bool, monkeypatch) -> None:
    monkeypatch.setattr(sys, "frozen", frozen, raising=False)
    monkeypatch.setattr(own_process, "_interpreter", lambda: None)
    monkeypatch.setattr(own_process, "_looks", [])
    lacking = r"does not call h5saver_widget\.freeze_support\(\)" if frozen else "no Python interpreter was found"
    with pytest.warns(RuntimeWarning, match=f"files stay in this process: .*{lacking}"):
        assert not create_backend(backend, isolated=True).queue.is_isolated
