"""A file in a worker process: who dies, what is left, who is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest
from circles import write_circle

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

F8 = np.dtype("f8")


def until(condition, seconds: float = 30.0) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.h5"


@pytest.fixture
def io(backend: str, path: Path) -> Iterator[IsolatedBackend]:
    io = create_backend(backend, isolated=True)
    assert isinstance(io, IsolatedBackend)
    io.open(path, "x")
    yield io
    if io.queue.failure is None:
        io.close()


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
    assert io.children(io.root()) == ["RawData"]
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


# ------------------------------------------------------------------------------------ threads
def test_everything_at_once(backend: str, isolated: bool, tmp_path: Path) -> None:
    """A worker saves while others flush, look, log, ask and start new files: every row is in one of the files."""
    saver = H5SaverLowLevel("custom", backend, isolated=isolated)
    paths = [tmp_path / f"file{number}.h5" for number in range(4)]
    saver.init_file(paths[0])
    stop, errors, saved = threading.Event(), [], []

    def guarded(action):
        def run() -> None:
            try:
                while not stop.is_set():
                    action()
            except Exception as error:
                errors.append(error)
                stop.set()

        return threading.Thread(target=run)

    def save() -> None:
        with saver.saving():
            name = f"Group{len(saved):06d}"
            group = saver.create_group("/RawData", name)
            array = saver.create_earray(group, "Values", "i8", ())
            array.append(np.arange(3))
            saved.append((saver.file_path, name))

    def look() -> None:
        with saver.io.lock:
            for node in saver.get_children("/RawData").values():
                assert node.attrs.to_dict() is not None

    def ask() -> None:
        assert saver.isopen() in (True, False)
        assert saver.statistics().frames_received >= 0

    threads = [guarded(action) for action in (save, look, ask, saver.flush, lambda: saver.add_log("line"))]
    for thread in threads:
        thread.start()
    for path in paths[1:]:
        count = len(saved)
        until(lambda count=count: len(saved) > count + 20 or bool(errors))
        saver.init_file(path)
    count = len(saved)
    until(lambda: len(saved) > count + 20 or bool(errors))
    stop.set()
    for thread in threads:
        thread.join(60)
    saver.close_file()
    assert not errors, errors
    for path in paths:
        with h5py.File(path, "r") as file:
            names = [name for where, name in saved if where == path]
            assert len(names) >= 20
            assert all(file["RawData"][name]["Values"][...].tolist() == [0, 1, 2] for name in names)


def test_an_hour_of_data_in_flat_memory(backend: str, path: Path) -> None:
    """60,000 points, 17 in a second, each a new node to look at and rows: neither process grows with them."""
    io = IsolatedBackend(backend, type(create_backend(backend)).capabilities, queue_bytes=4 << 20)
    io.open(path, "x")
    array = make_growing(io, "/", "A", row_shape=(64,), dtype=F8)
    group = make_group(io, "/", "Groups")
    child, here = psutil.Process(io.pid), psutil.Process()
    row = np.zeros((1, 64))

    def some(count: int) -> None:
        for number in range(count):
            io.append(array, row)
            if number % 100 == 0:
                made = make_group(io, group, f"G{io.info(array).shape[0]}_{number}", {"title": "one of many"})
                io.get_attributes(io.node(io.path_of(made)))
        io.flush()

    some(36_000)  # what the libraries keep for themselves is full by then
    before = child.memory_info().rss, here.memory_info().rss
    some(24_000)
    grown = [after - rss for after, rss in zip((child.memory_info().rss, here.memory_info().rss), before, strict=True)]
    io.close()
    assert max(grown) < 12 << 20, grown


# ------------------------------------------------------------------------------------------- started, and what for
def modules_after(code: str) -> set[str]:
    """Return the modules of a new process that has run some lines."""
    code += (
        "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules}, 'importlib.metadata' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_process_imports_what_it_needs() -> None:
    host = (
        "import h5saver_widget.backends.isolated.worker; from h5saver_widget.backends.registry import create_backend\n"
    )
    found = modules_after(f"{host}create_backend('h5py')")
    assert "h5py" in found and not found & {
        "hdf5plugin",
        "tables",
        "h5pyd",
        "pyqtgraph",
        "scipy",
        "xarray",
        "importlib.metadata",
    }
    program = "from h5saver_widget import H5SaverLowLevel\nH5SaverLowLevel('detector', 'h5py', isolated=True)"
    assert not modules_after(program) & {"h5py", "tables", "hdf5plugin"}


@pytest.mark.parametrize("library", ["blosc2", "bitshuffle"])
@pytest.mark.parametrize("mode", ["r", "r+"])
def test_filters_are_found_when_they_are_needed(path: Path, library: str, mode: str) -> None:
    compression = Compression(library, 5)
    with_filter = create_backend("h5py", isolated=True)
    with_filter.open(path, "x")
    array = make_growing(with_filter, "/", "A", row_shape=(100,), dtype=F8, compression=compression)
    with_filter.append(array, np.ones((30, 100)))
    with_filter.close()
    reader = create_backend("h5py", isolated=True)
    reader.open(path, mode)
    array = reader.node("/A")
    assert reader.info(array).compression == library
    if mode == "r+":
        reader.append(array, np.ones((1, 100)))
    assert reader.read(array).sum() == 3000 + 100 * (mode == "r+")
    reader.close()


def test_a_process_that_was_given_nothing_ends_at_once(backend: str) -> None:
    io = create_backend(backend, isolated=True)
    io.prepare()
    child, log = psutil.Process(io.pid), Path(io._connection.transport.process._log.name)
    assert log.is_file()
    os.kill(io.pid, signal.SIGSTOP)  # as if it were still starting: nobody waits for that
    del io
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert not log.exists()
