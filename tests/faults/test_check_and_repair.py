"""``h5saver check`` and ``h5saver repair``: what state a file is in, and a good copy of a bad one."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from circles import write_circle
from recorded import CAMERA, FRAMES, frame, record

from h5saver_widget import (
    Compression,
    DataLoader,
    FileOpenError,
    H5Backend,
    H5SaverLowLevel,
    Recorder,
    WorkStoppedError,
    check_file,
    repair_file,
)
from h5saver_widget.backends import in_child
from h5saver_widget.backends.in_child import ChildEnd, run_in_child
from h5saver_widget.backends.own_process import start_command
from h5saver_widget.cli import main
from h5saver_widget.format.superblock import checksum, read_superblock
from h5saver_widget.progress import Progress, copy_in_pieces
from h5saver_widget.recovery import Condition, survey

SWMR = pytest.mark.parametrize("swmr", [False, True])


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def frames_in(path: Path, backend: str) -> np.ndarray:
    """Return the camera's frames as a loader sees them."""
    with DataLoader(path, backend=backend) as loader:
        nodes = [node.path for node in loader.walk_nodes(CAMERA) if node.name == "EnlData00"]
        return np.asarray(loader.get_node(nodes[0]).read())


KILLED = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from recorded import record
saver = record(Path(sys.argv[2]), sys.argv[3], swmr=sys.argv[4] == 'True', close=False)
if sys.argv[4] == 'True' and sys.argv[5] == 'True':
    saver.enable_swmr()
saver.flush()
os._exit(9)
"""


def killed(path: Path, backend: str, swmr: bool = False, streaming: bool = True) -> Path:
    """Have a file written by a program that ends without closing it."""
    words = [str(Path(__file__).parent), str(path), backend, str(swmr), str(streaming)]
    assert subprocess.run([sys.executable, "-c", KILLED, *words]).returncode == 9
    return path


# ------------------------------------------------------------------------------------ check
def test_a_file_that_was_closed(backend: str, tmp_path: Path) -> None:
    record(tmp_path / "a.h5", backend)
    before = digest(tmp_path / "a.h5")
    state = check_file(tmp_path / "a.h5")
    assert state.condition is Condition.GOOD and not state.must_repair and state.exit_code == 0
    assert state.writer.startswith("h5saver_widget ") and state.created
    assert state.content == f"1 scan, 2 detectors, {FRAMES + 1} frames, 2 log lines"
    assert [(module.title, module.frames) for module in state.modules] == [("snapshot", 1), ("camera", FRAMES)]
    assert state.problems == () and digest(tmp_path / "a.h5") == before


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "not an HDF5 file"), (b"# a text\n" * 100, "not an HDF5 file"), (b"\x89HDF\r\n\x1a\n", "not an HDF5 file")],
)
def test_what_is_no_hdf5_file(content: bytes, said: str, tmp_path: Path, capsys) -> None:
    (tmp_path / "a.h5").write_bytes(content)
    assert main(["check", str(tmp_path / "a.h5")]) == 3
    assert said in capsys.readouterr().out
    assert main(["repair", str(tmp_path / "a.h5")]) == 3
    assert "nothing could be saved" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_a_path_that_is_no_file(tmp_path: Path, capsys) -> None:
    for command in ("check", "repair"):
        assert main([command, str(tmp_path / "nothing.h5")]) == 2
        assert "is not a file" in capsys.readouterr().err


def test_a_file_of_a_killed_program_opens_as_it_is(backend: str, tmp_path: Path) -> None:
    state = check_file(killed(tmp_path / "a.h5", backend))
    assert state.condition is Condition.NOT_CLOSED and not state.must_repair and state.frames == FRAMES + 1
    assert "nothing has to be done" in state.in_words()


def test_a_file_whose_streaming_program_was_killed(tmp_path: Path) -> None:
    path = killed(tmp_path / "a.h5", "h5py", swmr=True)
    state = check_file(path)
    assert state.condition is Condition.NOT_CLOSED and state.must_repair and state.frames == FRAMES + 1
    assert "h5saver repair a.h5" in state.in_words()


def test_a_file_that_is_being_written(backend: str, tmp_path: Path) -> None:
    saver = record(tmp_path / "a.h5", backend, close=False)
    saver.flush()
    state = check_file(tmp_path / "a.h5")
    assert state.condition is Condition.IN_USE and state.exit_code == 0
    assert any(f"process {os.getpid()}" in holder or "another" in holder for holder in state.holders)
    with pytest.raises(FileOpenError, match="is being written by"):
        repair_file(tmp_path / "a.h5")
    saver.close_file()
    assert check_file(tmp_path / "a.h5").condition is Condition.GOOD


def test_json_and_exit_codes(tmp_path: Path, capsys) -> None:
    record(tmp_path / "a.h5", "h5py")
    (tmp_path / "b.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:-2000])
    assert main(["check", "--json", str(tmp_path / "a.h5")]) == 0
    assert json.loads(capsys.readouterr().out)["condition"] == "GOOD"
    assert main(["check", "--json", str(tmp_path / "b.h5")]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["condition"] == "TRUNCATED" and said["missing_bytes"] == 2000
    assert main(["repair", "--json", "-o", str(tmp_path / "c.h5"), str(tmp_path / "b.h5")]) in (0, 1)
    assert json.loads(capsys.readouterr().out)["out"] == str(tmp_path / "c.h5")


# ------------------------------------------------------------------------- a child that dies or hangs
def _dies(*_: object):
    yield {"at": "/"}
    os.abort()


def _hangs(*_: object):
    import threading

    yield {"at": "/"}
    threading.Event().wait()


def test_the_child_of_a_function_of_others_is_not_started() -> None:
    assert run_in_child(_dies).ending is ChildEnd.DIED


@pytest.mark.parametrize(("ends", "word"), [(ChildEnd.DIED, "ends"), (ChildEnd.HUNG, "hangs")])
def test_a_node_that_ends_the_library_is_passed_over(ends: ChildEnd, word: str, tmp_path: Path, monkeypatch) -> None:
    """The child dies (or hangs) at one array each time it is looked at; the rest is seen all the same."""
    record(tmp_path / "a.h5", "h5py")
    real = survey.run_in_child

    def mined(function, path, reader, options, avoid):
        answer = real(function, path, reader, options, avoid)
        for at, message in enumerate(answer.messages):
            if message.get("at", "").endswith("EnlData00"):
                answer.messages, answer.ending = answer.messages[: at + 1], ends
                break
        return answer

    monkeypatch.setattr(survey, "run_in_child", mined)
    state = check_file(tmp_path / "a.h5")
    assert state.condition is Condition.DAMAGED and state.exit_code == 1
    assert [problem.what for problem in state.problems] == [f"reading it {word} the HDF5 library"]
    assert state.scans == 1 and state.log_lines == 2


# ------------------------------------------------------------------------------------ repair
def test_a_good_file_needs_no_repair(backend: str, tmp_path: Path) -> None:
    record(tmp_path / "a.h5", backend)
    report = repair_file(tmp_path / "a.h5")
    assert report.out is None and report.exit_code == 0 and report.done == ("nothing had to be repaired",)
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


@pytest.mark.parametrize(
    ("writer", "swmr", "streaming"),
    [("h5py", False, False), ("h5py", True, False), ("h5py", True, True), ("tables", False, False)],
)
def test_marks_of_a_killed_program_are_cleared(writer: str, swmr: bool, streaming: bool, tmp_path: Path) -> None:
    path = killed(tmp_path / "a.h5", writer, swmr, streaming)
    before = digest(path)
    report = repair_file(path)
    assert digest(path) == before
    assert report.out == tmp_path / "a_repaired.h5" and report.lost == () and report.exit_code == 0
    assert report.after is not None and report.after.condition is Condition.GOOD
    for backend in ("h5py", "tables"):
        np.testing.assert_array_equal(frames_in(report.out, backend), [frame(n) for n in range(FRAMES)])
        with H5Backend(backend) as h5:
            h5.open_file(report.out)
            growing = [node for node in h5.walk_nodes("/") if node.class_name == "EARRAY"]
            assert growing and all(node.attrs["shape"] == node.shape for node in growing)
            assert not h5.root().attrs.get("swmr_active", False)


@pytest.mark.parametrize(("part", "backend"), [(0.97, "h5py"), (0.3, "tables")])
def test_a_missing_end_is_filled_and_what_was_in_it_is_told(part: float, backend: str, tmp_path: Path) -> None:
    record(tmp_path / "whole.h5", backend)
    whole = (tmp_path / "whole.h5").read_bytes()
    path = tmp_path / "a.h5"
    path.write_bytes(whole[: int(len(whole) * part)])
    before = digest(path)
    assert check_file(path).condition in (Condition.TRUNCATED, Condition.UNREADABLE)
    report = repair_file(path)
    assert digest(path) == before
    if report.out is None:
        assert report.exit_code == 3 and report.lost
        return
    assert report.after is not None and report.after.condition is Condition.GOOD
    told = " ".join(map(str, report.lost))
    try:
        frames = frames_in(report.out, backend)
    except (IndexError, KeyError):
        assert "/RawData" in told
        return
    for number in range(FRAMES):
        if number >= len(frames) or not np.array_equal(frames[number], frame(number)):
            assert "EnlData00" in told, f"frame {number} is lost, and nothing was said: {told}"


def test_a_file_that_lost_its_last_tenth_has_the_others(backend: str, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with Recorder(path, backend=backend) as recorder:
        for number in range(50):
            recorder.record("camera", np.full((20, 20), number))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 9 // 10])
    report = repair_file(path)
    assert report.out is not None
    with h5py.File(report.out) as file:
        frames = file["RawData/Detector000/Data2D/CH00/EnlData00"][:]
        assert frames.shape == (50, 20, 20) and all((frames[i] == i).all() for i in range(40))
        assert list(file["_i_entry/instrument"]) == ["camera"]


def test_rows_of_damaged_chunks_are_counted_and_all_others_kept(backend: str, tmp_path: Path) -> None:
    """Frame 5 of 12, each a compressed chunk, is no longer what it was: it becomes nan, the others are there."""
    import h5py

    path, where = tmp_path / "a.h5", "/RawData/Detector000/Frames"
    with H5SaverLowLevel("detector", backend) as saver:
        saver.compression = Compression("zlib", 4)
        saver.init_file(path)
        group = saver.add_det_group("/RawData", "camera")
        frames = saver.create_earray(group, "Frames", "f8", (400, 350), attributes={"units": "V"})
        for number in range(12):
            frames.append(np.full((1, 400, 350), number, "f8"))
        saver.create_carray(group, "Other", np.arange(5))
    with h5py.File(path) as file:
        array = file[where]
        assert array.chunks == (1, 400, 350) and array.compression == "gzip"
        bad = array.id.get_chunk_info_by_coord((5, 0, 0))
    content = bytearray(path.read_bytes())
    content[bad.byte_offset : bad.byte_offset + bad.size] = bytes(bad.size)
    path.write_bytes(content)
    state = check_file(path)
    assert state.condition is Condition.DAMAGED
    assert [str(problem) for problem in state.problems] == [f"{where}: 1 of 12 rows (5) can't be read"]
    report = repair_file(path)
    assert report.out is not None and [str(problem) for problem in report.lost] == [f"{where}: 1 of 12 rows (5)"]
    with H5Backend(backend) as h5:
        h5.open_file(report.out)
        found = h5.get_node(where)
        assert found.attrs["units"] == "V" and found.class_name == "EARRAY"
        for number, row in enumerate(found.read()):
            assert np.isnan(row).all() if number == 5 else (row == number).all()
        assert h5.get_node("/RawData/Detector000/Other").read().tolist() == [0, 1, 2, 3, 4]
    assert check_file(report.out).condition is Condition.GOOD


@SWMR
def test_a_lost_superblock_is_made_anew(swmr: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    record(path, "h5py", swmr=swmr)
    whole = path.read_bytes()
    path.write_bytes(bytes(48 if swmr else 96) + whole[48 if swmr else 96 :])
    state = check_file(path)
    assert state.condition is Condition.DAMAGED and state.exit_code == 1 and state.frames == FRAMES + 1
    report = repair_file(path)
    assert report.out is not None and report.lost == ()
    assert frames_in(report.out, "h5py").shape == (FRAMES, 24, 16)


def test_the_copy_is_never_put_over_a_file(tmp_path: Path) -> None:
    path = killed(tmp_path / "a.h5", "h5py")
    (tmp_path / "a_repaired.h5").write_text("mine")
    report = repair_file(path)
    assert report.out == tmp_path / "a_repaired2.h5" and (tmp_path / "a_repaired.h5").read_text() == "mine"
    with pytest.raises(FileExistsError, match="nothing is overwritten"):
        repair_file(path, tmp_path / "a_repaired.h5")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.h5", "a_repaired.h5", "a_repaired2.h5"]


def test_a_copy_that_can_not_be_made(tmp_path: Path) -> None:
    path = killed(tmp_path / "a.h5", "h5py")
    with pytest.raises(FileOpenError, match="choose another place"):
        repair_file(path, tmp_path / "no such folder" / "b.h5")


# --------------------------------------------------------------------------------- superblock
@SWMR
def test_the_superblock_of_a_closed_file(swmr: bool, tmp_path: Path) -> None:
    """What we would write is, byte for byte, what HDF5 has written when it closed the file."""
    record(tmp_path / "a.h5", "h5py", swmr=swmr)
    block = read_superblock(tmp_path / "a.h5")
    assert block is not None and block.is_valid and block.version == (3 if swmr else 1)
    assert block.closed((tmp_path / "a.h5").stat().st_size).raw == block.raw


def test_checksums_of_known_texts() -> None:
    """From driver5() of lookup3.c."""
    assert checksum(b"") == 0xDEADBEEF
    assert checksum(b"Four score and seven years ago") == 0x17770551


# ----------------------------------------------------------------------------- told and stopped
class Stopping(Progress):
    """Notes what it is told, and wants the work to stop when a word is said."""

    def __init__(self, word: str = "") -> None:
        super().__init__()
        self.word, self.said = word, []

    def report(self, done: float = 0.0, total: float | None = None, text: str = "") -> None:
        self.said.append((done, total, text))
        if self.word and self.word in text:
            self.stop()
        super().report(done, total, text)


def without_its_end(path: Path) -> Path:
    """Make a file whose arrays can't all be read, so that everything is copied out of it."""
    record(path, "h5py", level=4)
    arrays: list[h5py.Dataset] = []
    with h5py.File(path) as file:
        file.visititems(lambda _, node: arrays.append(node) if isinstance(node, h5py.Dataset) and node.chunks else None)
        chunk = max((array.id.get_chunk_info(0) for array in arrays if array.id.get_num_chunks()), key=lambda c: c.size)
    with path.open("r+b") as file:
        file.seek(chunk.byte_offset)
        file.write(b"\xff" * chunk.size)
    return path


def test_a_repair_says_how_far_it_is(tmp_path: Path) -> None:
    progress = Stopping()
    report = repair_file(without_its_end(tmp_path / "a.h5"), progress=progress)
    assert report.out is not None and report.out.exists()
    texts = [text for _, _, text in progress.said]
    assert any(text.startswith("looking at everything") for text in texts) and any(
        text.startswith("copying /RawData/") for text in texts
    )


@pytest.mark.parametrize("word", ["looking at everything", "copying /RawData/", "looking at the repaired file"])
def test_a_repair_that_is_stopped_leaves_nothing_behind(tmp_path: Path, word: str) -> None:
    path = without_its_end(tmp_path / "a.h5")
    before = digest(path)
    with pytest.raises(WorkStoppedError):
        repair_file(path, progress=Stopping(word))
    assert os.listdir(tmp_path) == ["a.h5"] and digest(path) == before


def test_a_copy_that_is_stopped_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("h5saver_widget.progress._PIECE", 1000)
    (tmp_path / "a").write_bytes(bytes(range(250)) * 20)
    told = Stopping()
    copy_in_pieces(tmp_path / "a", tmp_path / "b", told)
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()
    assert [done for done, _, _ in told.said] == [0, 1000, 2000, 3000, 4000, 5000]
    with pytest.raises(WorkStoppedError):
        copy_in_pieces(tmp_path / "a", tmp_path / "c", Stopping("copying"))
    with pytest.raises(FileExistsError):
        copy_in_pieces(tmp_path / "a", tmp_path / "b")
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_a_file_that_is_read_for_ever_leaves_no_process_behind(tmp_path: Path) -> None:
    """Who started the child is gone, and while HDF5 goes in circles the child does not see it."""
    options = {"swmr": False, "only": [], "shown": None, "skip": [], "known": []}
    arguments = [str(write_circle(tmp_path / "circle.h5")), "h5py", options, {}]
    command = start_command("child", survey.__name__, "look_through", "0.2")
    ran = subprocess.run(command, input=json.dumps(arguments), capture_output=True, text=True, check=False)
    assert ran.returncode == -signal.SIGALRM, ran.stdout


def test_a_file_that_is_read_for_ever_is_checked_and_repaired(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(in_child, "SILENCE", 1.0)
    path = write_circle(tmp_path / "circle.h5")
    assert check_file(path).condition is Condition.DAMAGED
    report = repair_file(path)
    assert report.out is not None and report.after is not None and report.after.condition is Condition.GOOD
