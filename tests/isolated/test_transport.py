"""The transport to the worker: stopped, interrupted, copied, spoilt, refused; nobody hangs, and counts are facts."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import psutil
import pytest
from hypothesis import given, settings, strategies as st

from h5saver_widget import DataRaw, DataToExport, DetectorTimeSaver, H5SaverLowLevel
from h5saver_widget.backends.isolated import ring as ring_module
from h5saver_widget.backends.isolated.client import IsolatedBackend
from h5saver_widget.backends.isolated.connection import FrameLock
from h5saver_widget.backends.isolated.ring import Ring
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.errors import (
    FileGoneError,
    FileIncompleteError,
    ForkedCopyError,
    H5SaverError,
    NotAnsweringError,
    RowsLostError,
    SavingProcessError,
)
from h5saver_widget.testing.making import make_group, make_growing

F8 = np.dtype("f8")
VALUES = "/RawData/Detector000/Data1D/CH00/EnlData00"


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for something that another process or thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def rows_in(path: Path, name: str = "A") -> list[float]:
    with h5py.File(path, "r", locking=False) as file:
        values = file[name][...]
    return values.reshape(len(values), -1)[:, 0].tolist()


def frame(number: float, size: int = 100) -> DataToExport:
    return DataToExport("grab", data=[DataRaw("values", data=[np.full(size, float(number))], units="V")])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file.h5"


@pytest.fixture
def io(backend: str, path: Path) -> Iterator[IsolatedBackend]:
    io = create_backend(backend, isolated=True)
    assert isinstance(io, IsolatedBackend)
    io.open(path, "x")
    yield io
    with contextlib.suppress(SavingProcessError, FileIncompleteError, RowsLostError):
        io.close()


@pytest.fixture
def saver(backend: str, isolated: bool, path: Path) -> Iterator[H5SaverLowLevel]:
    saver = H5SaverLowLevel("detector", backend, isolated=isolated)
    saver.init_file(path)
    yield saver
    with contextlib.suppress(OSError):
        saver.close_file()


def camera(saver: H5SaverLowLevel, title: str = "Camera") -> Callable[[DataToExport], None]:
    module = DetectorTimeSaver(SimpleNamespace(title=title))
    module.h5saver = saver
    node = module.get_set_node()
    return lambda data: module.add_data(node, data)


@contextlib.contextmanager
def stopped(io: IsolatedBackend) -> Iterator[None]:
    """Have the worker stand still, as with a disk or a share that does not answer."""
    pid = io.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


# ------------------------------------------------------------------------------------------ the ring
@settings(max_examples=60)
@given(lengths=st.lists(st.integers(0, 4096 // 2 - 32), max_size=60), pauses=st.sets(st.integers(0, 60)))
def test_an_empty_ring_takes_every_record(lengths: list[int], pauses: set[int]) -> None:
    """Of whatever size the records before were, and wherever they have left it."""
    warm, ring_module._WARM = ring_module._WARM, 512
    ring, waiting, position = Ring(4096), deque[bytes](), 0
    try:
        for number, length in enumerate(lengths):
            content = bytes([number % 251]) * length
            while not ring.put(1, [content]):
                assert waiting, f"an empty ring refuses {length} bytes"
                position = take(ring, position, waiting)
            waiting.append(content)
            while number in pauses and waiting:
                position = take(ring, position, waiting)
        while waiting:
            position = take(ring, position, waiting)
        assert ring.take(position) is None
    finally:
        ring_module._WARM = warm
        ring.close()


def take(ring: Ring, position: int, waiting: deque[bytes]) -> int:
    """Take one record out, and return the position behind it."""
    while True:
        found = ring.take(position)
        assert found is not None
        kind, content, position = found
        whole = bytes(content)
        content.release()
        ring.release(position)
        if kind:
            assert whole == waiting.popleft()
            return position


def test_frames_of_any_sizes_in_turn(backend: str, path: Path) -> None:
    """Two cameras, flushed between: frames that fill more than half of what is left of the ring, and longer ones."""
    io = IsolatedBackend(backend, type(create_backend(backend)).capabilities, queue_bytes=1 << 20)
    io.open(path, "x")
    sizes = (18_000, 24_000, 60_000, 200_000)
    arrays = [make_growing(io, "/", f"A{n}", row_shape=(n,), dtype=F8) for n in sizes]
    for number in range(8):
        for array, size in zip(arrays, sizes, strict=True):
            io.append(array, np.full((1, size), float(number)))
        if number % 3 == 0:
            io.flush()
    io.close()
    for size in sizes:
        assert rows_in(path, f"A{size}") == list(range(8))


# ----------------------------------------------------------------------------- a disk that does not answer
def test_while_the_disk_stands_still(io: IsolatedBackend, path: Path) -> None:
    """A thread saves until the ring is full; all others get answers, or are told that the time is over."""
    array = make_growing(io, "/", "A", row_shape=(250_000,), dtype=F8)
    io.flush()
    saved: list[int] = []

    def save() -> None:
        for number in range(60):  # 2 MB each: the ring takes half of them
            io.append(array, np.full((1, 250_000), float(number)))
            saved.append(number)

    with stopped(io):
        thread = threading.Thread(target=save)
        thread.start()
        until(lambda: not io.queue.has_room() and io.queue.activity().seconds > 0.3)
        assert io.queue.activity().waiting_bytes > 40 << 20
        with io.lock:  # nobody waits with it
            assert io.is_open
        io.flush_soon()
        for call in (io.flush, io.checkpoint):
            with pytest.raises(NotAnsweringError, match="does not answer"):
                call(timeout=0.05)
        counted = io.queue.counts()
        assert counted.frames_waiting == 0 and io.queue.failure is None
    thread.join(60)
    io.flush()
    assert io.queue.activity().seconds < 5 and len(saved) == 60
    io.close()
    assert rows_in(path) == list(range(60))


def test_the_next_file_does_not_wait_for_the_last(io: IsolatedBackend, path: Path) -> None:
    """A file whose disk does not answer is left to its worker, which completes it when the disk is back."""
    array = make_growing(io, "/", "A", dtype=F8)
    io.append(array, np.arange(5.0))
    worker = psutil.Process(io.pid)
    with stopped(io):
        with pytest.raises(NotAnsweringError):
            io.close(timeout=0.05)
        assert not io.is_open
        other = path.with_name("other.h5")
        io.open(other, "x")
        make_group(io, "/", "G")
        io.close()
        assert h5py.File(other, "r").keys() == {"G"}
    until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    assert rows_in(path) == list(range(5))


def test_opening_has_a_timeout(backend: str, path: Path) -> None:
    io = create_backend(backend, isolated=True)
    assert isinstance(io, IsolatedBackend)
    io.prepare()
    with stopped(io), pytest.raises(NotAnsweringError):
        io.open(path, "x", timeout=0.05)
    assert not io.is_open
    io.open(path.with_name("other.h5"), "x", timeout=60.0)
    io.close()


def test_closing_is_no_wait_for_others(backend: str, path: Path) -> None:
    """While one thread waits for the end of a file, others are not held up by it, and what they save is in the file."""
    saver = H5SaverLowLevel("detector", backend, isolated=True)
    saver.init_file(path)
    save = camera(saver)
    save(frame(0))
    saver.flush()
    closing = threading.Thread(target=saver.close_file)
    with stopped(saver.io):
        closing.start()
        for number in range(1, 6):
            save(frame(number))
        assert saver.isopen() and saver.statistics().frames_waiting == 5
    closing.join(60)
    assert not saver.isopen()
    assert rows_in(path, VALUES) == list(range(6)) and saver.statistics().frames_written == 6


# -------------------------------------------------------------------------------------------- interrupted
INTERRUPTED = """
import os, signal, sys, threading, time, numpy as np
from pathlib import Path
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.terms import NodeKind, NodeSpec
signal.signal(signal.SIGINT, signal.default_int_handler)  # what is started in the background ignores it
io = create_backend(sys.argv[1], isolated=True)
io.open(Path(sys.argv[2]), "x")
array = io.create(io.root(), "A", NodeSpec(NodeKind.GROWING, (250_000,), dtype="f8"))
io.append(array, np.zeros((10, 250_000)))
io.flush()
def interrupt(after):
    threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT)).start()
for what in (lambda: io.read(array), io.flush, lambda: [io.append(array, np.ones((8, 250_000))) for _ in range(9)]):
    os.kill(io.pid, signal.SIGSTOP)
    interrupt(0.2)
    try:
        what()
        print("not interrupted")
    except KeyboardInterrupt:
        print("interrupted")
    os.kill(io.pid, signal.SIGCONT)
    print(io.read(array, (0, 5)), io.info(array).shape[0] >= 10)
rows = io.info(array).shape[0]
io.close()
print(rows)
"""


def test_ctrl_c_ends_the_wait_and_nothing_is_out_of_step(backend: str, path: Path) -> None:
    """While an array is read, a flush is waited for, or frames find no room: the next call gets its own answer."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, backend, str(path)], capture_output=True, text=True, timeout=120
    )
    lines = done.stdout.splitlines()
    assert lines[:-1] == ["interrupted", "0.0 True"] * 3, done.stdout + done.stderr
    assert len(rows_in(path)) == int(lines[-1])


# -------------------------------------------------------------------------------- copies of the program
def make_own(saver: H5SaverLowLevel, save: Callable[[DataToExport], None]) -> None:
    assert saver.io.path is not None
    own = H5SaverLowLevel("detector", saver.backend, isolated=saver.isolated)
    own.init_file(saver.io.path.with_name("own.h5"))
    camera(own)(frame(99))
    own.close_file()
    os._exit(0)


COPIES: dict[str, Callable[[H5SaverLowLevel, Callable[[DataToExport], None]], object]] = {
    "saves": lambda saver, save: save(frame(99)),
    "flushes": lambda saver, save: saver.flush(),
    "logs": lambda saver, save: saver.add_log("from the copy"),
    "reads": lambda saver, save: saver.get_children("/RawData"),
    "collects garbage": lambda saver, save: sys.exit(gc.collect() and 0),
    "ends": lambda saver, save: sys.exit(0),
    "has a saver of its own": make_own,
}


@pytest.mark.parametrize("what", COPIES)
def test_a_copy_of_the_program_owns_nothing(saver: H5SaverLowLevel, path: Path, what: str) -> None:
    """os.fork, multiprocessing: whatever the copy does, the program's file holds the program's rows."""
    save = camera(saver)
    for number in range(5):
        save(frame(number))
    copy = os.fork()
    if copy == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            COPIES[what](saver, save)
            os._exit(7)  # it was not refused
        except (ForkedCopyError, SystemExit):
            os._exit(0)
        except BaseException:
            os._exit(8)
    assert os.waitstatus_to_exitcode(os.waitpid(copy, 0)[1]) == 0
    for number in range(5, 10):
        save(frame(number))
    saver.flush()
    counted = saver.statistics()
    assert (counted.frames_received, counted.frames_written, counted.frames_dropped) == (10, 10, 0)
    saver.close_file()
    assert rows_in(path, VALUES) == list(range(10))


FORKED = """
import os, sys, time, multiprocessing, gc
sys.path.insert(0, sys.argv[4])
from pathlib import Path
from test_transport import H5SaverLowLevel, camera, frame
backend, isolated, path = sys.argv[1], sys.argv[2] == "1", Path(sys.argv[3])
def work(number):
    return number * number
def main():
    saver = H5SaverLowLevel("detector", backend, isolated=isolated)
    saver.init_file(path)
    save = camera(saver)
    save(frame(0))
    print(saver.io.pid if isolated else 0, flush=True)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(work, range(50))[-1] == 49 * 49
    worker = multiprocessing.get_context("fork").Process(target=sys.exit, args=(0,))
    worker.start()
    worker.join()
    save(frame(1))
    if os.fork() == 0:  # a copy that lives on, with the ends of all pipes
        os.setsid()
        os.close(1)
        os.close(2)
        time.sleep(600)
        os._exit(0)
    save(frame(2))
    if sys.argv[5] == "killed":
        os.kill(os.getpid(), 9)
    saver.close_file()
main()
"""


@pytest.mark.parametrize("end", ["killed", "closed"])
def test_a_program_that_is_gone_is_noticed_though_a_copy_lives(
    backend: str, isolated: bool, path: Path, end: str
) -> None:
    if end == "killed" and not isolated:
        return  # what a program has in itself ends with it
    arguments = [backend, str(int(isolated)), str(path), str(Path(__file__).parent), end]
    program = subprocess.Popen(
        [sys.executable, "-c", FORKED, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert program.stdout is not None
    pid = int(program.stdout.readline())
    family = lambda: [p for p in psutil.process_iter(["cmdline"]) if str(path) in (p.info["cmdline"] or ())]  # noqa: E731
    until(lambda: program.poll() is not None)
    try:
        until(lambda: not pid or not psutil.pid_exists(pid))
    finally:
        for copy in family():
            copy.kill()
        program.communicate()
    assert rows_in(path, VALUES) == [0.0, 1.0, 2.0]


# ------------------------------------------------------------------------------------ spoilt, refused
def test_a_ring_that_makes_no_sense_ends_the_worker(io: IsolatedBackend, path: Path) -> None:
    """What came before is written, the file is closed, and the reason is said."""
    array = make_growing(io, "/", "A", dtype=F8)
    io.append(array, np.arange(10.0))
    io.flush()
    worker, ring = psutil.Process(io.pid), io._connection.transport.ring
    with stopped(io):
        io.append(array, np.full(1, 10.0))
        behind = ring.position
        io.append(array, np.full(1, 11.0))
        ring._records[behind % ring.capacity : behind % ring.capacity + 8] = b"\xff" * 8
    until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    until(lambda: io.queue.failure is not None)
    assert "no record" in str(io.queue.failure)
    with pytest.raises(SavingProcessError):
        io.append(array, np.zeros(1))
    assert rows_in(path) == list(range(11))


def refuse(io: IsolatedBackend, size: int | None) -> None:
    """Have the disk refuse to make the file longer than that; None: let it."""
    limit = psutil.RLIM_INFINITY if size is None else size
    psutil.Process(io.pid).rlimit(psutil.RLIMIT_FSIZE, (limit, psutil.RLIM_INFINITY))


def test_a_flush_that_is_refused(backend: str, path: Path) -> None:
    """With a journal it goes on and nothing is lost; without, the file ends there, and what that costs is counted."""
    saver = H5SaverLowLevel("detector", backend, isolated=True)
    saver.init_file(path)
    save = camera(saver)
    for number in range(10):
        save(frame(number, 20_000))
    saver.flush()
    refuse(saver.io, path.stat().st_size)
    worker = psutil.Process(saver.io.pid)
    worker.suspend()  # or it may find out before all of them are given to it, and the next one is refused
    for number in range(10, 20):
        save(frame(number, 20_000))
    worker.resume()
    with pytest.raises(OSError, match="Look whether the disk is full"):
        saver.flush()
    counted = saver.statistics()
    assert counted.frames_received == counted.frames_written + counted.frames_waiting + counted.frames_dropped == 20
    assert counted.frames_written == 10
    refuse(saver.io, None)
    until(lambda: not saver.io.queue.activity().problem)
    raised = 0
    for number in range(20, 30):
        try:
            save(frame(number, 20_000))
        except SavingProcessError:
            raised += 1
    with contextlib.suppress(OSError):
        saver.close_file()
    counted, found = saver.statistics(), rows_in(path, VALUES)
    assert (raised, len(found)) == ((0, 30) if backend == "h5py" else (10, 10))
    assert found == list(range(len(found)))
    assert (counted.frames_written, counted.frames_dropped) == (len(found), 30 - len(found))


def test_an_error_of_one_array_is_not_that_of_the_others(io: IsolatedBackend, path: Path) -> None:
    """What can't be made, or not be written, is told with its name; all others go on."""
    good = make_growing(io, "/", "Good", dtype=F8)
    io.append(good, np.zeros(1))
    bad = make_growing(io, "/", "Bad", row_shape=(2,), dtype=F8)
    io.flush()
    with io.lock:
        io._connection.post("create", 10_000, 1, "X", ("nonsense", (), None, None, None, None, None, {}))
        io._connection.post("set_attributes", 10_000, {"a": 1})
    io._connection.broken = {**io._connection.broken, bad.obj.number: "/Bad: the last 3 rows could not be written"}
    with pytest.raises(RowsLostError, match="nonsense"):
        io.flush()
    io.flush()
    with pytest.raises(RowsLostError, match=r"/Bad.*new file"):
        io.append_many([(good, np.ones(1)), (bad, np.ones((1, 2)))])
    io.append(good, np.full(1, 2.0))
    io.close()
    assert rows_in(path, "Good") == [0.0, 2.0]


@pytest.mark.parametrize(
    "odd", [np.empty((0,)), np.empty((3, 0)), np.zeros((1,) * 32), np.zeros(2, "i4,f8")], ids=lambda a: str(a.shape)
)
def test_odd_arrays_of_one_module_are_not_the_end_of_the_others(
    saver: H5SaverLowLevel, path: Path, odd: np.ndarray
) -> None:
    """What can't be stored raises at once, and is counted; the recording of all other modules goes on."""
    good, strange = camera(saver, "Good"), camera(saver, "Strange")
    raised = 0
    for number in range(20):
        good(frame(number))
        try:
            strange(DataToExport("grab", data=[DataRaw("odd", data=[odd])]))
        except H5SaverError:
            raised += 1
    saver.flush()
    counted = saver.statistics()
    assert raised == counted.frames_dropped == 20 and counted.frames_written == 20
    saver.close_file()
    assert rows_in(path, VALUES) == list(range(20))


@pytest.mark.parametrize("what", ["renamed", "folder renamed", "removed", "cut off", "current folder changed"])
def test_what_others_do_with_the_file(
    backend: str, isolated: bool, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """add_data raises exactly when nothing of the frame will be in the file; counts are what is found there."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.chdir(folder)
    saver = H5SaverLowLevel("detector", backend, isolated=isolated)
    saver.init_file("file.h5")
    found = folder / "file.h5"
    save = camera(saver)
    for number in range(10):
        save(frame(number))
    saver.flush()
    if what == "renamed":
        found = found.rename(folder / "other.h5")
    elif what == "folder renamed":
        found = folder.rename(tmp_path / "moved") / "file.h5"
    elif what == "removed":
        found.unlink()
    elif what == "cut off":
        os.truncate(found, 1000)
    else:
        monkeypatch.chdir(tmp_path)
    raised: list[Exception] = []
    for number in range(10, 40):
        try:
            save(frame(number))
        except OSError as error:
            raised.append(error)
        if number % 10 == 0:
            with contextlib.suppress(OSError):
                saver.flush()
    with contextlib.suppress(OSError):
        saver.close_file()
    counted = saver.statistics()
    assert counted.frames_received == 40 == counted.frames_written + counted.frames_dropped
    if what in ("removed", "cut off"):
        assert raised and isinstance(raised[-1], (FileGoneError, SavingProcessError)) and counted.frames_written == 0
    else:
        assert not raised and counted.frames_written == 40
        assert rows_in(found, VALUES) == list(range(40))


# ------------------------------------------------------------------------------- odd surroundings
def run(code: str, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    script = "from test_transport import *\n" + textwrap.dedent(code)
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
        **options,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("closed", ["0", "0 2", "0 1 2"])
def test_standard_files_that_are_closed(backend: str, path: Path, closed: str) -> None:
    """A service, or what some launchers start, has none of the first three."""
    code = """
        for number in sys.argv[3].split():
            os.close(int(number))
        saver = H5SaverLowLevel("detector", sys.argv[1], isolated=True)
        saver.init_file(sys.argv[2])
        save = camera(saver)
        for number in range(3):
            save(frame(number))
        saver.close_file()
    """
    done = run(code, backend, path, closed)
    assert rows_in(path, VALUES) == [0.0, 1.0, 2.0], done.stderr


def test_a_limit_on_the_size_of_files(backend: str, path: Path) -> None:
    """``ulimit -f`` counts for the shared memory, too: the ring gets smaller then."""
    code = """
        import resource
        resource.setrlimit(resource.RLIMIT_FSIZE, (8 << 20, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        saver = H5SaverLowLevel("detector", sys.argv[1], isolated=True)
        saver.init_file(sys.argv[2])
        save = camera(saver)
        save(frame(0, 300_000))
        saver.close_file()
    """
    done = run(code, backend, path)
    assert done.returncode == 0, done.stderr
    assert rows_in(path, VALUES) == [0.0]


def test_a_forgotten_saver_is_closed_at_exit_whichever_came_first(backend: str, path: Path) -> None:
    code = """
        first = H5SaverLowLevel("detector", sys.argv[1], isolated=True)
        first.init_file(sys.argv[2] + "_first.h5")
        first.close_file()
        keep = H5SaverLowLevel("detector", sys.argv[1], isolated=False)
        keep.init_file(sys.argv[2])
        save = camera(keep)
        for number in range(30):
            save(frame(number))
    """
    done = run(code, backend, path)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert rows_in(path, VALUES) == list(range(30))
    with H5SaverLowLevel("detector", backend) as again:
        again.init_file(path, mode="r")
        assert again.get_node(VALUES).attrs["shape"] == (30, 100)


def test_a_program_ends_although_its_disk_does_not_answer(backend: str, path: Path) -> None:
    """The worker is told, and completes the file when the disk is back."""
    code = """
        saver = H5SaverLowLevel("detector", sys.argv[1], isolated=True)
        saver.init_file(sys.argv[2])
        save = camera(saver)
        for number in range(5):
            save(frame(number))
        print(saver.io.pid, flush=True)
        os.kill(saver.io.pid, signal.SIGSTOP)
    """
    done = run(code, backend, path)
    worker = psutil.Process(int(done.stdout))
    assert done.returncode == 0, done.stderr
    worker.send_signal(signal.SIGCONT)
    until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
    assert rows_in(path, VALUES) == list(range(5))


def test_the_lock_of_frames_has_every_method_that_conditions_of_any_python_call() -> None:
    lock = FrameLock()
    with lock, lock:
        assert lock.locked()
    assert not lock.locked()
    assert {name for name in ("acquire", "release", "locked") if not callable(getattr(lock, name))} == set()


def test_who_comes_back_to_the_lock_of_frames_waits_for_the_switch_of_another_thread() -> None:
    lock, away, switching, order = FrameLock(), threading.Event(), threading.Event(), []

    def wait_for_the_disk() -> None:
        with lock:
            with lock.released():
                away.set()
                switching.wait()
            order.append("back")

    thread = threading.Thread(target=wait_for_the_disk)
    thread.start()
    away.wait()
    with lock.switching():
        with lock.released():
            switching.set()
            until(lambda: bool(order or lock._bar_lifted._waiters))
        order.append("switched")
    thread.join()
    assert order == ["switched", "back"]
