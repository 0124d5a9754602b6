"""The journal where the system refuses something: folders, full disks, locks, memory; and what writing costs."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from journal_shared import left_behind, rows_in

from h5saver_widget import FileIncompleteError, FileOpenError, H5Backend, H5SaverLowLevel
from h5saver_widget.backends import journal, local_file, paged_file
from h5saver_widget.backends.journal import Journal, journal_path
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.terms import Durability
from h5saver_widget.testing.making import make_array, make_growing

DURABLE = pytest.mark.parametrize("durability", ["journal", "power"])


def test_a_folder_in_which_nothing_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.h5"
    with H5Backend("h5py") as h5:
        h5.open_file(path, "x")
        h5.create_earray("/", "Rows", "f8", ()).append(np.arange(5.0))
    monkeypatch.setattr(os, "access", lambda folder, mode: False)
    with H5Backend("h5py") as h5:
        h5.durability = "journal"
        h5.open_file(path, "r+")
        h5.get_node("/Rows").append(np.arange(5.0, 6.0))
        h5.flush()
    assert rows_in(path) == list(range(6)) and "no journal can be made" in caplog.text
    with H5Backend("h5py") as h5, pytest.raises(FileOpenError, match="survive a loss of power"):
        h5.durability = "power"
        h5.open_file(path, "r+")


def test_a_file_that_was_made_anew_is_not_touched(tmp_path: Path) -> None:
    whole = left_behind(tmp_path / "a.h5")
    (tmp_path / "a.h5").unlink()
    with H5Backend("h5py") as h5:
        h5.durability = "journal"
        h5.open_file(tmp_path / "a.h5", "x")
        h5.create_earray("/", "Rows", "f8", ()).append(np.arange(3.0))
        h5.flush()
        h5.get_node("/Rows").append(np.arange(3.0, 5.0))
    assert rows_in(tmp_path / "a.h5") == list(range(5))
    assert journal_path(tmp_path / "a.h5").read_bytes() == whole


@DURABLE
def test_many_small_rows_take_few_writes(durability: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    real = os.pwrite

    def counted(descriptor: int, data: Any, offset: int) -> int:
        sizes.append(len(data))
        return real(descriptor, data, offset)

    watched = SimpleNamespace(**{name: getattr(os, name) for name in dir(os) if not name.startswith("__")})
    watched.pwrite = counted
    monkeypatch.setattr(journal, "os", watched)
    monkeypatch.setattr(paged_file, "os", watched)
    io = create_backend("h5py")
    io.durability.level = durability
    io.open(tmp_path / "a.h5", "x")
    arrays = [make_growing(io, "/", f"R{n}", dtype="f8") for n in range(4)]
    io.flush()
    sizes.clear()
    for number in range(45_000):
        for array in arrays:
            io.append(array, np.full(1, float(number)))
        if number % 15_000 == 0:
            io.flush()
    io.close()
    assert sum(sizes) > 1_400_000 and len(sizes) < 100, len(sizes)


@DURABLE
def test_a_full_disk_in_a_commit_leaves_the_last_one(
    durability: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    io = create_backend("h5py")
    io.durability.level = durability
    io.open(tmp_path / "a.h5", "x")
    rows = make_growing(io, "/", "Rows", dtype="f8")
    io.append(rows, np.arange(5.0))
    io.flush()
    io.append(rows, np.arange(5.0, 7.0))

    def full(self: Journal) -> bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(local_file, "_PAUSES", ())
        patched.setattr(journal.Journal, "packed", full)
        with pytest.raises(OSError, match="No space left"):
            io.flush()
        with H5Backend("h5py") as h5:
            h5.open_file(tmp_path / "a.h5", "r", locking=False)
            assert h5.get_node("/Rows").read().tolist() == list(range(5))
    io.close()
    with H5Backend("tables") as h5:
        h5.open_file(tmp_path / "a.h5", "r")
        assert h5.get_node("/Rows").read().tolist() == list(range(7))


@DURABLE
@pytest.mark.parametrize("call", ["open", "pwrite", "ftruncate", "unlink"])
@pytest.mark.parametrize("times", [1, 4])
def test_a_refused_flush_loses_nothing(
    durability: str, call: str, times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once is not even an error; refused four times a flush fails, and the next one writes what it could not."""
    watched = SimpleNamespace(**{name: getattr(os, name) for name in dir(os) if not name.startswith("__")})
    left, real, failed = [0], getattr(os, call), 0

    def refused(*arguments: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments)

    setattr(watched, call, refused)
    io = create_backend("h5py")
    io.durability.level = durability
    io.open(tmp_path / "a.h5", "x")
    rows = make_growing(io, "/", "Rows", row_shape=(3000,), dtype="f8")
    io.flush()
    for module in (journal, paged_file):
        monkeypatch.setattr(module, "os", watched)
    monkeypatch.setattr(local_file, "_PAUSES", (0, 0, 0))
    for number in range(60):
        io.append(rows, np.full((1, 3000), float(number)))
        if number % 5 == 0:
            left[0] = times
            try:
                io.flush()
            except FileIncompleteError:
                failed += 1
            left[0] = 0
    assert times == 4 or not failed
    io.close()
    with H5Backend("tables") as h5:
        h5.open_file(tmp_path / "a.h5", "r")
        assert h5.get_node("/Rows").read()[:, 7].tolist() == list(range(60))
    assert not journal_path(tmp_path / "a.h5").exists()


def test_nothing_waits_for_a_disk_with_the_lock_in_its_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saver, free = H5SaverLowLevel("detector"), []
    saver.io.durability.level = Durability.JOURNAL
    saver.init_file(tmp_path / "a.h5")
    rows = saver.create_earray("/RawData", "Rows", np.float64, ())
    saver.io.append(rows.handle, np.zeros(1))

    def full(self: Journal) -> bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def sleep(seconds: float) -> None:
        free.append(not saver.io.holds_lock())

    monkeypatch.setattr(journal.Journal, "packed", full)
    monkeypatch.setattr(time, "sleep", sleep)
    with pytest.raises(FileIncompleteError):
        saver.flush()
    with pytest.raises(FileIncompleteError):
        saver.close_file()
    assert len(free) == 2 * len(local_file._PAUSES) and all(free)


@DURABLE
def test_much_that_waits_is_committed_before_memory_runs_out(durability: str, tmp_path: Path) -> None:
    io = create_backend("h5py")
    io.durability.level = durability
    io.open(tmp_path / "a.h5", "x")
    frames = make_array(io, "/", "Frames", shape=(100, 1 << 19), dtype="f4", fill_value=0.0)
    io.flush()
    for number in range(40):
        io.write(frames, (number,), np.full(1 << 19, number, "f4"))
        assert io._disk.waiting <= (32 << 20) + (3 << 20)
    assert io.read(frames, (39,))[0] == 39
    io.close()


HOLDER = "import h5py, sys; file = h5py.File(sys.argv[1], 'r+'); print('held', flush=True); sys.stdin.readline()"


@DURABLE
def test_it_is_locked_as_other_files_are(durability: str, tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with H5Backend("h5py") as h5:
        h5.durability = durability
        assert h5.durability is Durability(durability)
        h5.open_file(tmp_path / "a.h5", "x")
        h5.flush()
        with H5Backend("h5py") as other, pytest.raises(FileOpenError, match="held by another"):
            other.durability = durability
            other.open_file(tmp_path / "a.h5", "r+")
        with pytest.raises(OSError, match="lock"):
            h5py.File(tmp_path / "a.h5", "r+")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "a.h5")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
    with H5Backend("h5py") as h5, pytest.raises(FileOpenError, match="held by another"):
        h5.durability = durability
        h5.open_file(tmp_path / "a.h5", "r+")
    holder.communicate(b"go\n")


def test_what_can_not_be_had_is_refused(tmp_path: Path) -> None:
    with H5Backend("tables") as h5, pytest.raises(FileOpenError, match="choose another backend"):
        h5.durability = "power"
    with H5Backend("h5py") as h5:
        h5.durability = "power"
        with pytest.raises(FileOpenError, match="switch one off"):
            h5.open_file(tmp_path / "a.h5", "x", swmr_mode=True)
        with pytest.raises(ValueError, match="survive"):
            h5.durability = "survive"
