"""Copies on a server: safe only once they were read back and compared, and never onto another's file."""

from __future__ import annotations

import secrets
from pathlib import Path

import h5py
import numpy as np
import pytest
from hsds_server import HsdsServer
from recording_helpers import wait_until

from h5saver_widget import H5SaverBase
from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.cli import main
from h5saver_widget.copies.courier import want_copy
from h5saver_widget.copies.freeing import free
from h5saver_widget.copies.notes import CopyNote, notes_folder
from h5saver_widget.copies.places import MARK
from h5saver_widget.copies.sending import Pace, attempt
from h5saver_widget.format.layout import RECORDING_ID
from h5saver_widget.remote.push_pull import remote_backend
from h5saver_widget.remote.transfer import fingerprint


@pytest.fixture(autouse=True)
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "state"))
    return notes_folder()


@pytest.fixture
def server() -> Backend:
    return remote_backend()


def recording(path: Path, frames: int = 3) -> Path:
    """Add frames to a recording."""
    path.parent.mkdir(exist_ok=True)
    with h5py.File(path, "a") as file:
        file.attrs[RECORDING_ID] = file.attrs.get(RECORDING_ID, secrets.token_hex(16))
        if "frames" not in file:
            file.create_dataset("frames", (0, 16, 16), "u2", maxshape=(None, 16, 16), chunks=(1, 16, 16))
        array = file["frames"]
        array.resize(len(array) + frames, axis=0)
        array[-frames:] = np.arange(frames)[:, None, None]
    return path


def wanted(path: Path, folder: Path, notes: Path) -> CopyNote:
    return want_copy(path, f"hdf5:/{folder}", None, notes)


def names(server: Backend, folder: Path) -> list[str]:
    return [name for name in server.location.list_folder(folder) if name != MARK]


def is_equal(server: Backend, copy: Path, path: Path) -> bool:
    local = create_backend("h5py")
    local.open(path, "r")
    server.open(copy, "r")
    try:
        return fingerprint(local) == fingerprint(server)
    finally:
        local.close()
        server.close()


class Stops(Pace):
    """Stops after so many pieces of work."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self._left = after

    def wait(self, size: int, done: int, total: int) -> None:
        self._left -= 1
        if self._left < 0:
            self.ends.set()
        super().wait(size, done, total)


def test_a_recording_is_copied_when_it_is_closed(tmp_path: Path, folder: Path, server: Backend, notes: Path) -> None:
    saver = H5SaverBase("detector")
    saver.settings["base_path"] = str(tmp_path / "data")
    saver.settings["recording", "copy_to"] = f"hdf5:/{folder}"
    saver.settings["recording", "free_at"] = 1
    saver.start()
    for number in range(5):
        saver.record("camera", np.full((16, 16), number))
    path = saver.file_path
    saver.stop()
    wait_until(lambda: saver.status().copies.startswith("all safe"))
    (note,) = CopyNote.read_all(notes)
    assert note.state == "safe" and path.name in note.copy
    assert names(server, Path(note.copy).parent) == [path.name] and is_equal(server, Path(note.copy), path)
    assert not free(note.file, 1, notes, Pace()) and path.exists()  # a server has no bytes of it
    assert saver.status().missing == ()


def test_an_interrupted_copy_has_no_name_and_goes_on(
    tmp_path: Path, folder: Path, server: Backend, notes: Path
) -> None:
    path, seen = recording(tmp_path / "a.h5"), []
    for pieces in (1, 4, 9):  # while it is sent, before and while it is read back
        note = attempt(wanted(path, folder, notes), notes, Stops(pieces))
        seen.append(note.state)
        assert "a.h5" not in names(server, folder) and "goes on later" in note.problem
    note = attempt(wanted(path, folder, notes), notes, Pace())
    assert note.state == "safe" and names(server, folder) == ["a.h5"] and is_equal(server, Path(note.copy), path)
    assert seen == ["trouble"] * 3


def test_what_the_server_gives_back_is_compared(tmp_path: Path, folder: Path, server: Backend, notes: Path) -> None:
    path = recording(tmp_path / "a.h5")
    note = attempt(wanted(path, folder, notes), notes, Stops(9))
    (hidden,) = names(server, folder)
    server.open(folder / hidden, "r+")
    server.write(server.node("/frames"), 0, np.full((16, 16), 9, "u2"))
    server.close()
    note = attempt(note, notes, Pace())
    assert note.state == "trouble" and "gave back something else" in note.problem and names(server, folder) == []
    assert attempt(note, notes, Pace()).state == "safe"


def test_another_recording_of_the_same_name_is_never_written_over(
    tmp_path: Path, folder: Path, server: Backend, notes: Path
) -> None:
    first, second = recording(tmp_path / "one" / "a.h5"), recording(tmp_path / "two" / "a.h5", 4)
    copies = [Path(attempt(wanted(path, folder, notes), notes, Pace()).copy) for path in (first, second)]
    assert copies[0].name == "a.h5" and copies[1].name.startswith("a_")
    assert is_equal(server, copies[0], first) and is_equal(server, copies[1], second)


def test_a_file_that_goes_on_is_copied_anew(tmp_path: Path, folder: Path, server: Backend, notes: Path) -> None:
    path = recording(tmp_path / "a.h5")
    assert attempt(wanted(path, folder, notes), notes, Pace()).state == "safe"
    recording(path, 2)
    (known,) = CopyNote.read_all(notes)
    assert known.state == "local"
    note = attempt(wanted(path, folder, notes), notes, Pace())
    assert note.state == "safe" and names(server, folder) == ["a.h5"] and is_equal(server, Path(note.copy), path)


def test_a_program_that_ended_between_both_names(tmp_path: Path, folder: Path, server: Backend, notes: Path) -> None:
    path = recording(tmp_path / "a.h5")
    note = attempt(wanted(path, folder, notes), notes, Pace())
    hidden = folder / f".~a-{note.token}.tmp"
    with server.location.at(hidden) as client:  # the copy has both names
        assert client.exchange("PUT", "/", {"linked_domain": note.copy})[0] < 300
    CopyNote(note.file, note.folder, note.name, note.token, note.place).write(notes)
    again = attempt(wanted(path, folder, notes), notes, Pace())
    assert (again.state, again.copy) == ("safe", note.copy)
    assert names(server, folder) == ["a.h5"] and is_equal(server, folder / "a.h5", path)


def test_another_folder_of_the_same_name_is_not_taken(
    tmp_path: Path, folder: Path, server: Backend, notes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = recording(tmp_path / "a.h5")
    assert main(["copy", str(path), f"hdf5:/{folder}"]) == 0
    assert f"safe as {folder}/a.h5" in capsys.readouterr().out
    server.location.remove(folder / MARK)
    (note,) = CopyNote.read_all(notes)
    assert "is not the folder that it was" in attempt(note, notes, Pace()).problem
    assert main(["copies", "--accept", "--complete", f"hdf5:/{folder}"]) == 0
    assert capsys.readouterr().out.startswith("safe")


def test_a_node_that_no_server_keeps(tmp_path: Path, folder: Path, server: Backend, notes: Path) -> None:
    path = recording(tmp_path / "a.h5")
    with h5py.File(path, "r+") as file:
        file["lists"] = np.array([np.arange(2.0), np.arange(3.0)], h5py.vlen_dtype("f8"))
    note = attempt(wanted(path, folder, notes), notes, Pace())
    assert "a server can't keep 1 nodes" in note.problem and "a.h5" not in names(server, folder)


def test_a_server_that_is_away(
    tmp_path: Path, folder: Path, hsds: HsdsServer, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = recording(tmp_path / "a.h5")
    monkeypatch.setenv("HS_ENDPOINT", "http://127.0.0.1:9")
    note = attempt(wanted(path, folder, notes), notes, Pace())
    assert note.state == "trouble" and "127.0.0.1:9" in note.problem
    monkeypatch.setenv("HS_ENDPOINT", hsds.endpoint)
    assert attempt(note, notes, Pace()).state == "safe"
