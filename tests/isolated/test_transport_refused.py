"""The transport to the worker: records that make no sense, refused writes, odd surroundings."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest
from transport_shared import F8, VALUES, camera, frame, rows_in, stopped, until

from h5saver_widget import DataRaw, DataToExport, H5SaverLowLevel
from h5saver_widget.backends.isolated.client import IsolatedBackend
from h5saver_widget.backends.isolated.connection import FrameLock
from h5saver_widget.errors import (
    FileGoneError,
    H5SaverError,
    RowsLostError,
    SavingProcessError,
)
from h5saver_widget.testing.making import make_growing


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
    """What can't be stored raises at once, and is counted; the recording of all other modules goes on.

    A frame without values can be stored.
    """
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
    assert raised == counted.frames_dropped == (20 if odd.size else 0)
    assert counted.frames_written == 40 - raised
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
    script = "import os, signal, sys, threading, time\nfrom transport_shared import *\n" + textwrap.dedent(code)
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
