"""A file in a worker process, and the program around it: many threads, memory, what is imported and when it starts."""

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
from transport_shared import F8, until

from h5saver_widget import H5SaverLowLevel
from h5saver_widget.backends.isolated.client import IsolatedBackend
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.terms import Compression
from h5saver_widget.testing.making import make_group, make_growing


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
