"""The transport to the worker: stopped, interrupted, copied, spoilt, refused; nobody hangs, and counts are facts."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest
from hypothesis import given, settings, strategies as st
from transport_shared import F8, VALUES, camera, frame, rows_in, stopped, until

from h5saver_widget import DataToExport, H5SaverLowLevel
from h5saver_widget.backends.isolated import ring as ring_module
from h5saver_widget.backends.isolated.client import IsolatedBackend
from h5saver_widget.backends.isolated.ring import Ring
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.errors import (
    ForkedCopyError,
    NotAnsweringError,
)
from h5saver_widget.testing.making import make_group, make_growing


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
from transport_shared import H5SaverLowLevel, camera, frame
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
