"""Copies in other folders: safe only once they were read back and compared, and never onto another's file."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from recording_helpers import wait_until

from h5saver_widget import H5SaverBase, verify_file
from h5saver_widget.cli import main
from h5saver_widget.copies import sending
from h5saver_widget.copies.courier import Copies, want_copy
from h5saver_widget.copies.freeing import free
from h5saver_widget.copies.notes import CopyNote, notes_folder, only_one
from h5saver_widget.copies.places import MARK, forget_place, place_of
from h5saver_widget.copies.sending import Pace, attempt, hash_of, send
from h5saver_widget.errors import CopyError

MEGABYTE = 1 << 20


@pytest.fixture(autouse=True)
def notes(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "state"))
    return notes_folder()


@pytest.fixture
def share(tmp_path) -> Path:
    (tmp_path / "share").mkdir()
    return tmp_path / "share"


def plain(path: Path, size: int = 3 * MEGABYTE + 17, seed: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.random.default_rng(seed).bytes(size))
    return path


def visible(folder: Path) -> list[str]:
    """Return the names that a sync program sees."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))


def test_nothing_is_called_safe_before_it_was_looked_at(tmp_path, share, notes):
    copies = Copies(notes)
    for number in range(20):
        path = plain(tmp_path / f"{number}.bin", 1000)
        copies.want(path, [share])
        assert copies.status().waiting or (share / path.name).exists()
        assert copies.wait(60)


def test_a_recording_is_copied_when_it_is_closed(backend, tmp_path, share):
    saver = H5SaverBase("detector", backend)
    saver.settings["base_path"] = str(tmp_path / "data")
    other = tmp_path / "usb"
    other.mkdir()
    saver.settings["recording", "copy_to"] = f"{share}; {other}"
    saver.settings["recording", "seal"] = True
    saver.settings["recording", "roll_over_frames"] = 3
    saver.start()
    for number in range(5):
        saver.record("camera", np.full((16, 16), number))
    assert visible(other) == [] or len(visible(other)) == 2  # parts, with their seals
    saver.stop()
    saver.sealer.wait(60)
    wait_until(lambda: saver.status().copies.startswith("all safe"))
    first, second = sorted((tmp_path / "data").rglob("*.h5"))
    for folder in (share, other):
        below = folder / second.parent.relative_to(tmp_path / "data")
        assert visible(folder) == sorted(
            [first.name, f"{first.name}.seal.json", second.name, f"{second.name}.seal.json"]
        )
        for path in (first, second):
            wait_until(lambda: (below / path.name).read_bytes() == path.read_bytes())  # noqa: B023 - at once
    assert verify_file(below / second.name).changes == ()
    assert saver.status().missing == ()


def test_a_file_that_goes_on_is_copied_anew(tmp_path, share, notes):
    saver = H5SaverBase("detector")
    saver.settings["base_path"] = str(tmp_path / "data")
    saver.settings["data_format", "nexus_entry"] = "never"
    saver.settings["recording", "dated_folders"] = False
    saver.settings["recording", "copy_to"] = str(share)
    saver.start()
    saver.record("value", 1.0)
    path = saver.file_path
    saver.stop()
    wait_until(lambda: saver.status().copies == "all safe (1 copied)")
    saver.open_existing(path)
    assert [note.state for note in CopyNote.of_file(notes, str(path))] == ["local"]
    saver.record("value", 2.0)
    saver.close_file()
    wait_until(lambda: saver.status().copies == "all safe (2 copied)")
    assert visible(share) == [path.name] and (share / path.name).read_bytes() == path.read_bytes()

    # a copy that somebody has changed is another's file: it stays as it is
    with (share / path.name).open("ab") as changed:
        changed.write(b"a remark")
    saver.open_existing(path)
    saver.record("value", 3.0)
    saver.close_file()
    wait_until(lambda: saver.status().copies == "all safe (3 copied)")
    assert len(visible(share)) == 2 and (share / path.name).read_bytes().endswith(b"a remark")


def test_another_recording_of_the_same_name_is_never_written_over(tmp_path, share, notes):
    """Not even where the first one was freed, and the copy is the only one left."""
    path = tmp_path / "data" / "run.h5"
    path.parent.mkdir()
    contents = []
    for number in range(2):
        with h5py.File(path, "w") as file:
            file.attrs["recording_id"] = f"{number}" * 32
            file["numbers"] = np.arange(number)
        contents.append(path.read_bytes())
        assert attempt(want_copy(path, share, None, notes), notes, Pace()).is_safe
        assert free(str(path), 1, notes, Pace()) and not path.exists()
        path.unlink(missing_ok=True)
    assert visible(share) == ["run.h5", "run_11111111.h5"]
    assert [(share / name).read_bytes() for name in visible(share)] == contents
    place = plain(path, 100)
    assert attempt(want_copy(place, share, None, notes), notes, Pace()).copy == str(share / "run_2.h5")


def test_an_interrupted_copy_goes_on_where_it_was(tmp_path, share, notes):
    source = plain(tmp_path / "data" / "a.h5", 5 * MEGABYTE)
    note = want_copy(source, share, None, notes)
    written = []

    def stop_in_the_middle(done: int, total: int) -> None:
        written.append(done)
        if done == 3 * MEGABYTE:
            pace.ends.set()

    pace = Pace(0, stop_in_the_middle)
    assert "goes on later" in attempt(note, notes, pace).problem
    assert visible(share) == []
    (part,) = share.glob(".~*.tmp")
    assert part.stat().st_size == 3 * MEGABYTE
    written.clear()
    (note,) = CopyNote.waiting(notes)
    assert attempt(note, notes, Pace(0, lambda done, total: written.append(done))).is_safe
    assert written[0] == 3 * MEGABYTE
    assert visible(share) == ["a.h5"] and not list(share.glob(".~*"))


def test_what_is_read_back_counts(tmp_path, share, notes):
    source = plain(tmp_path / "data" / "a.h5")
    note = want_copy(source, share, None, notes)

    class Disk(Pace):
        """A disk that changes a byte between writing and reading."""

        def wait(self, size: int, done: int, total: int) -> None:
            for part in share.glob(".~*.tmp"):
                if done == total // 2 + MEGABYTE and part.stat().st_size == source.stat().st_size:
                    with part.open("r+b") as file:
                        file.seek(2 * MEGABYTE)
                        file.write(b"\xff\xff\xff\xff")

    failed = attempt(note, notes, Disk())
    assert failed.state == "trouble" and "something else than was written" in failed.problem
    assert visible(share) == [] and not list(share.glob(".~*"))
    assert attempt(failed, notes, Pace()).is_safe


def test_a_torn_part_of_an_earlier_attempt_is_no_copy(tmp_path, share, notes):
    source = plain(tmp_path / "data" / "a.h5")
    note = want_copy(source, share, None, notes)
    (share / f".~a-{note.token}.tmp").write_bytes(b"\0" * 2 * MEGABYTE)
    assert attempt(note, notes, Pace()).state == "trouble"
    assert attempt(note, notes, Pace()).is_safe
    assert (share / "a.h5").read_bytes() == source.read_bytes()


def test_a_folder_that_is_not_the_one_that_it_was_gets_nothing(tmp_path, share, notes):
    source = plain(tmp_path / "data" / "a.h5", 100)
    assert attempt(want_copy(source, share, None, notes), notes, Pace()).is_safe
    os.rename(share, tmp_path / "unplugged")
    note = want_copy(plain(tmp_path / "data" / "b.h5", 100), share, None, notes)
    assert "there is no folder" in attempt(note, notes, Pace()).problem
    share.mkdir()  # an empty mount point, or another disk
    assert "is not the folder that it was" in attempt(note, notes, Pace()).problem
    assert list(share.iterdir()) == []
    forget_place(str(share), notes)
    place_of(share, notes)
    assert attempt(note, notes, Pace()).is_safe and place_of(share, notes) != ""
    with pytest.raises(CopyError, match="only 0 of its copies"):
        free(str(source), 1, notes, Pace())
    assert source.exists()


def test_a_local_file_is_freed_once_enough_copies_are_good(tmp_path, notes):
    folders = [tmp_path / name for name in ("one", "two")]
    source = plain(tmp_path / "data" / "a.h5", 100)
    for folder in folders:
        folder.mkdir()
    made = [want_copy(source, folder, None, notes) for folder in folders]
    first = attempt(made[0], notes, Pace())
    assert not free(str(source), 1, notes, Pace())  # the other one is wanted, too
    attempt(made[1], notes, Pace())
    for damage in (lambda: Path(first.copy).write_bytes(b"x" * 100), lambda: Path(first.copy).unlink()):
        damage()
        with pytest.raises(CopyError, match="is kept: only 1"):
            free(str(source), 2, notes, Pace())
    (tmp_path / "one" / MARK).unlink()
    with pytest.raises(CopyError, match="is kept: only 1"):
        free(str(source), 2, notes, Pace())
    assert source.exists()
    assert free(str(source), 1, notes, Pace()) and not source.exists()
    assert {note.state for note in CopyNote.read_all(notes)} == {"freed"}


def test_two_names_of_one_folder_are_one_place(tmp_path, share, notes):
    source = plain(tmp_path / "data" / "a.h5", 100)
    (tmp_path / "alias").symlink_to(share)
    for folder in (share, tmp_path / "alias"):
        assert attempt(want_copy(source, folder, None, notes), notes, Pace()).is_safe
    assert not free(str(source), 2, notes, Pace())
    assert source.exists() and visible(share) == ["a.h5"]
    note = want_copy(source, source.parent, None, notes)
    assert "the folder of the file itself" in attempt(note, notes, Pace()).problem


def test_couriers_try_again_and_catch_up(tmp_path, share, notes):
    copies = Copies()
    away = share.rename(tmp_path / "away")
    copies.want(plain(tmp_path / "data" / "a.h5", 1000), [share])
    wait_until(lambda: bool(copies.status().problems))
    assert copies.status().waiting == 1 and "there is no folder" in copies.status().problems[0]
    copies.stop()
    away.rename(share)
    later = Copies()  # another program, a week later
    later.free_at = 1
    later.begin([share])
    wait_until(lambda: later.status().safe == 1)
    assert later.wait(30) and visible(share) == ["a.h5"]
    wait_until(lambda: not (tmp_path / "data" / "a.h5").exists())


def test_a_rate_is_kept(monkeypatch):
    waited = []
    pace = Pace(1e6)
    monkeypatch.setattr(pace.ends, "wait", lambda seconds: waited.append(seconds))
    monkeypatch.setattr(sending, "monotonic", lambda: 100.0)
    for _ in range(3):
        pace.wait(500_000, 0, 1)
    assert waited == [0.5, 1.0, 1.5]


def test_one_program_copies_to_a_folder_at_a_time(tmp_path, share, notes):
    note = want_copy(plain(tmp_path / "data" / "a.h5", 10), share, None, notes)
    name = hashlib.sha256(os.fsencode(str(share))).hexdigest()[:16]
    with only_one(notes / f"{name}.lock") as is_one:
        assert is_one and "another program" in attempt(note, notes, Pace()).problem
    assert attempt(note, notes, Pace()).is_safe


def test_files_that_are_written_wait(saver, share, notes):
    note = want_copy(saver.file_path, share, None, notes)
    assert "being written, or was not closed properly" in attempt(note, notes, Pace()).problem
    assert visible(share) == []


def test_notes_that_make_no_sense_are_passed_over(tmp_path, notes):
    note = CopyNote("/a", "/b", "a")
    note.write(notes)
    for number, text in enumerate(("", "[]", '{"file": 1}', json.dumps({"file": "/x", "folder": 3, "name": "x"}))):
        (notes / "waiting" / f"{number}.json").write_text(text)
    assert list(CopyNote.read_all(notes)) == [note]
    replace(note, is_safe=True).write(notes)
    assert note.known(notes).is_safe


def test_the_commands(tmp_path, share, notes, capsys):
    source = plain(tmp_path / "data" / "a.h5", 1000)
    assert main(["copy", str(source), str(share), "--rate", "100"]) == 0
    assert f"safe as {share / 'a.h5'}, sha256 {hash_of(source)}" in capsys.readouterr().out
    assert main(["copies"]) == 0 and "safe    " in capsys.readouterr().out
    assert main(["copy", str(source), str(tmp_path / "nowhere")]) == 1
    assert main(["copy", str(tmp_path / "none.h5"), str(share)]) == 1
    capsys.readouterr()
    assert main(["copies", "--json"]) == 1
    assert {json.loads(line)["state"] for line in capsys.readouterr().out.splitlines()} == {"safe", "trouble"}
    (tmp_path / "nowhere").mkdir()
    assert main(["copies", "--complete"]) == 0
    assert main(["copies", "--accept"]) == 2
    assert main(["copies", str(tmp_path / "nowhere"), "--accept"]) == 0
    plain(source, 1001, seed=2)
    assert main(["copies", str(share)]) == 1 and main(["copies", str(share), "--complete"]) == 0
    assert visible(share) == ["a.h5", "a_2.h5"]  # without an identity nothing is replaced
    want_copy(tmp_path / "gone.h5", share, None, notes)
    assert main(["copies", str(share), "--forget"]) == 0


def test_a_program_that_is_killed_while_it_copies_leaves_nothing_false(tmp_path, share, notes):
    source = plain(tmp_path / "data" / "a.h5", 8 * MEGABYTE)
    code = (
        "import sys\nfrom pathlib import Path\nfrom h5saver_widget.copies.courier import want_copy\n"
        "from h5saver_widget.copies.notes import notes_folder\n"
        "from h5saver_widget.copies.sending import Pace, attempt\n"
        "note = want_copy(Path(sys.argv[1]), Path(sys.argv[2]), None, notes_folder())\n"
        "def told(done, total):\n    if done == 5 << 20: print(flush=True); sys.stdin.read()\n"
        "attempt(note, notes_folder(), Pace(0, told))"
    )
    command = [sys.executable, "-c", code, str(source), str(share)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        program.stdout.readline()
        program.kill()
    assert visible(share) == [] and [note.state for note in CopyNote.read_all(notes)] == ["local"]
    (note,) = CopyNote.waiting(notes)
    assert send(note, notes, Pace()).copy == str(share / "a.h5")
