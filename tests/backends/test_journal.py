"""The journal: what is on the disk when a process ends or the power fails is the last commit, or the one before."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from h5saver_widget import FileIncompleteError, FileOpenError, H5Backend, H5SaverLowLevel, check_file, repair_file
from h5saver_widget.backends import journal, paged_file
from h5saver_widget.backends.journal import Journal, JournaledFile, finish_journal, journal_path, read_journal
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.terms import Durability
from h5saver_widget.format import journal as journal_format
from h5saver_widget.format.renaming import move_aside
from h5saver_widget.recovery import Condition
from h5saver_widget.testing.making import make_array, make_growing

DURABLE = pytest.mark.parametrize("durability", ["journal", "power"])

writes = st.tuples(st.just("write"), st.integers(0, 20000), st.binary(min_size=1, max_size=9000))
cuts = st.tuples(st.just("truncate"), st.integers(0, 25000), st.just(b""))
commits = st.tuples(st.just("commit"), st.just(0), st.just(b""))


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.one_of(writes, cuts, commits), max_size=25))
def test_it_reads_like_a_file_and_shows_commits_only(
    steps: list[tuple[str, int, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("journal") / "a"
    file, model, committed = JournaledFile(path, "x"), bytearray(), b""
    for what, at, data in steps:
        if what == "write":
            file.seek(at)
            file.write(data)
            model.extend(bytes(max(0, at - len(model))))
            model[at : at + len(data)] = data
        elif what == "truncate" and at <= len(model):
            file.truncate(at)
            del model[at:]
        elif what == "commit":
            file.commit()
            committed = bytes(model)
            assert path.read_bytes() == committed
        assert path.read_bytes()[: len(committed)] == committed
        found = bytearray(len(model) + 10)
        file.seek(0)
        assert file.readinto(found) == len(model) == file.seek(0, os.SEEK_END)
        assert found[: len(model)] == model
    file.close()
    assert not journal_path(path).exists()


def left_behind(path: Path, rows: int = 9) -> bytes:
    """Make a file whose program was killed when its journal was complete, and the file half changed; return that."""
    before, put = [b"", b""], journal._put

    def cut_short(descriptor: int, pages: Mapping[int, bytes]) -> None:
        put(descriptor, dict(list(pages.items())[:1]))
        before[:] = path.read_bytes(), journal_path(path).read_bytes()
        put(descriptor, pages)

    h5 = H5Backend("h5py")
    h5.durability = "journal"
    h5.open_file(path, "x")
    h5.create_earray("/", "Rows", "f8", ()).append(np.arange(5.0))
    h5.flush()
    h5.get_node("/Rows").append(np.arange(5.0, rows))
    h5.create_group("/", "New")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(journal, "_put", cut_short)
        h5.flush()
    h5.close()
    path.write_bytes(before[0])
    journal_path(path).write_bytes(before[1])
    return before[1]


def rows_in(path: Path, backend: str = "h5py") -> list[float]:
    with H5Backend(backend) as h5:
        h5.open_file(path, "r")
        return h5.get_node("/Rows").read().tolist()


def test_a_file_that_is_only_read_is_shown_with_its_journal(tmp_path: Path, isolated: bool) -> None:
    left_behind(tmp_path / "a.h5")
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with H5Backend("h5py", isolated=isolated) as h5:
        h5.open_file(tmp_path / "a.h5", "r")
        assert h5.get_node("/Rows").read().tolist() == list(range(9)) and h5.get_node("/New")
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == files


def test_pytables_does_not_read_it_without(tmp_path: Path) -> None:
    left_behind(tmp_path / "a.h5")
    with H5Backend("tables") as h5, pytest.raises(FileOpenError, match="h5saver repair"):
        h5.open_file(tmp_path / "a.h5", "r")


def test_who_adds_to_a_file_finishes_its_journal(backend: str, tmp_path: Path) -> None:
    left_behind(tmp_path / "a.h5")
    with H5Backend(backend) as h5:
        h5.open_file(tmp_path / "a.h5", "r+")
        h5.get_node("/Rows").append(np.arange(9.0, 10.0))
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]
    with H5Backend("h5py") as h5:
        h5.open_file(tmp_path / "a.h5", "r")
        assert h5.get_node("/Rows").read().tolist() == list(range(10))


def test_check_and_repair_know_it(tmp_path: Path) -> None:
    left_behind(tmp_path / "a.h5")
    files = {path: path.read_bytes() for path in tmp_path.iterdir()}
    state = check_file(tmp_path / "a.h5")
    assert state.condition is Condition.NOT_CLOSED and state.must_repair and state.journal
    report = repair_file(tmp_path / "a.h5")
    assert any("journal" in line for line in report.done) and report.exit_code == 0 and report.out is not None
    with H5Backend("tables") as h5:
        h5.open_file(report.out, "r")
        assert h5.get_node("/Rows").read().tolist() == list(range(9))
    assert {path: path.read_bytes() for path in files} == files


def test_what_only_has_a_journals_name_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = left_behind(tmp_path / "a.h5")
    (tmp_path / "b").mkdir()
    other = left_behind(tmp_path / "b" / "a.h5", 8)
    path, where = tmp_path / "a.h5", journal_path(tmp_path / "a.h5")
    half = path.read_bytes()
    repaired = repair_file(path).out
    assert repaired is not None
    for name, content in (
        ("torn", whole[:40]),
        ("torn", whole[:-1]),
        ("a flipped bit", whole[:500] + b"x" + whole[501:]),
        ("another killed file's", other),
        ("another program's", b"dear diary"),
    ):
        where.write_bytes(content)
        assert read_journal(path) is None and not finish_journal(path), name
        assert path.read_bytes() == half and where.read_bytes() == content, name

    def a_folder() -> None:
        where.mkdir()

    def a_giant() -> None:
        with where.open("wb") as file:
            file.write(whole[:60])
            file.truncate(20 << 30)

    for make in (a_folder, a_giant, lambda: where.write_bytes(whole), lambda: os.mkfifo(where)):
        shutil.copyfile(repaired, path)
        if where.is_dir():
            where.rmdir()
        else:
            where.unlink()
        make()
        there = where.stat().st_size
        assert rows_in(path) == list(range(9))
        caplog.clear()
        with H5Backend("h5py") as h5:
            h5.durability = "journal"
            h5.open_file(path, "r+")
            h5.get_node("/Rows").append(np.arange(9.0, 10.0))
            h5.flush()
            h5.get_node("/Rows").append(np.arange(10.0, 11.0))
        assert "a.h5.journal was not completed, or is not of a.h5 as it is now: it is left alone" in caplog.text
        assert rows_in(path, "tables") == list(range(11))
        assert where.stat().st_size == there and not journal_path(path).with_name("a.h5.journal2").exists()
        state = check_file(path)
        assert state.condition is Condition.GOOD and not state.must_repair
        assert any(note.path == "a.h5.journal" for note in state.notes)


@pytest.mark.parametrize("isolated_", [False, True])
def test_a_file_that_is_moved_aside_takes_its_journal_along(isolated_: bool, tmp_path: Path) -> None:
    left_behind(tmp_path / "a.h5")
    with H5SaverLowLevel(backend="h5py", isolated=isolated_) as saver:
        saver.init_file(tmp_path / "a.h5", new_file=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "a_old1.h5", "a_old1.h5.journal"]
    assert rows_in(tmp_path / "a_old1.h5") == list(range(9))


@pytest.mark.parametrize("how", ["symbolic link", "hard link", "link moved aside"])
def test_a_file_of_several_names_has_one_journal(how: str, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    path, named = tmp_path / "disk" / "a.h5", tmp_path / "b.h5"
    left_behind(path)
    if how == "hard link":
        named = tmp_path / "disk" / "b.h5"
        named.hardlink_to(path)
    else:
        named.symlink_to(path)
    if how == "link moved aside":
        named = move_aside(named)
    assert check_file(named).journal and rows_in(named) == list(range(9))
    with H5Backend("h5py") as h5:
        h5.durability = "journal"
        h5.open_file(named, "r+")
        h5.get_node("/Rows").append(np.arange(9.0, 10.0))
    assert rows_in(path) == list(range(10)) and not list(tmp_path.rglob("*.journal*"))


def test_killed_files_that_are_moved_aside_keep_their_journals(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    for rows in (7, 8, 9):
        left_behind(path, rows)
        move_aside(path)
    assert [rows_in(tmp_path / f"a_old{number}.h5")[-1] for number in (1, 2, 3)] == [6, 7, 8]
    assert len(list(tmp_path.iterdir())) == 6


def test_a_journal_that_another_program_has_just_finished_is_not_put_in_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lock = tmp_path / "a.h5", journal._lock
    left_behind(path)

    def other_first(descriptor: int, where: Path, shared: bool) -> None:
        monkeypatch.setattr(journal, "_lock", lock)
        with H5Backend("h5py") as h5:
            h5.open_file(path, "r+")
            h5.get_node("/Rows").append(np.arange(9.0, 700.0))
        lock(descriptor, where, shared)

    monkeypatch.setattr(journal, "_lock", other_first)
    finish_journal(path)
    assert rows_in(path) == list(range(700))


@pytest.mark.parametrize("why", ["another version", "can't be read"])
def test_a_file_whose_journal_can_not_be_understood_is_not_changed(
    why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path, where = tmp_path / "a.h5", journal_path(tmp_path / "a.h5")
    whole = left_behind(path)
    if why == "another version":
        where.write_bytes(b"H5SJRNL3" + whole[8:])
    else:
        monkeypatch.setattr(journal_format, "_content", refuse(PermissionError(errno.EACCES, "Permission denied")))
        monkeypatch.setattr(journal_format, "_PAUSES", (0,))
    before = path.read_bytes(), where.read_bytes()
    with H5Backend("h5py") as h5, pytest.raises(FileOpenError, match=f"a.h5.journal beside it, which .*{why}"):
        h5.open_file(path, "r+")
    with suppress(FileOpenError), H5Backend("h5py") as h5:
        h5.open_file(path, "r")
    assert "a.h5.journal" in caplog.text and why in caplog.text
    assert any(why in note.what for note in check_file(path).notes)
    assert (path.read_bytes(), where.read_bytes()) == before


def refuse(error: OSError) -> Any:
    def call(*_: Any) -> Any:
        raise error

    return call


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
        patched.setattr(journal_format, "_PAUSES", ())
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
    monkeypatch.setattr(journal_format, "_PAUSES", (0, 0, 0))
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
