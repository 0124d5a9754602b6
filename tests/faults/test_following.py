"""A file that is being written by another program: opened in the right mode, its rows seen as they come."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from recorded import record

from h5saver_widget import DataLoader, FileOpenError, H5SaverLowLevel, NodeError, follow_rows, open_for_reading

ROWS = 30
WHERE = "/RawData/Detector000/Counts"

#: Appends a row for every line that it is told, and says so once the row is flushed.
WRITER = """
import sys
from pathlib import Path
import numpy as np
from h5saver_widget import H5SaverLowLevel
backend, path, swmr = sys.argv[1], Path(sys.argv[2]), sys.argv[3] == 'True'
print('ready', flush=True)
sys.stdin.readline()
saver = H5SaverLowLevel('detector', backend)
saver.init_file(path, swmr=swmr)
group = saver.add_det_group('/RawData', 'counter')
array = saver.create_earray(group, 'Counts', 'int64', (3,))
if swmr:
    saver.enable_swmr()
saver.flush()
print('made', flush=True)
for number, line in enumerate(sys.stdin):
    if line == 'close\\n':
        break
    array.append(np.full((1, 3), number))
    saver.flush()
    print('row', flush=True)
saver.close_file()
print('closed', flush=True)
"""


class Writer:
    """Another program that records."""

    def __init__(self, backend: str, path: Path, swmr: bool) -> None:
        command = [sys.executable, "-c", WRITER, backend, str(path), str(swmr)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.hear("ready")

    def hear(self, word: str) -> None:
        assert self.process.stdout is not None and self.process.stdout.readline() == f"{word}\n"

    def tell(self, word: str, answer: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        self.hear(answer)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str, bool], Writer]]:
    """Start a program that records into ``live.h5``."""
    writers: list[Writer] = []

    def start_one(backend: str, swmr: bool) -> Writer:
        writers.append(Writer(backend, tmp_path / "live.h5", swmr))
        return writers[-1]

    yield start_one
    for writer in writers:
        if writer.process.returncode is None:
            writer.process.kill()
            writer.process.communicate()


each_writer = pytest.mark.parametrize(("writer", "swmr"), [("h5py", False), ("h5py", True), ("tables", False)])


@each_writer
def test_every_row_is_seen_while_it_is_written(
    writer: str, swmr: bool, start: Callable[[str, bool], Writer], tmp_path: Path
) -> None:
    """The next row is written only when the last one was seen: each is seen while the file is open in the writer."""
    live = start(writer, swmr)
    live.tell("go", "made")
    live.tell("row", "row")
    seen: list[int] = []
    for rows in follow_rows(tmp_path / "live.h5", WHERE, interval=0.01, timeout=60):
        assert rows.shape[1:] == (3,) and (rows == rows[:, :1]).all()
        seen += rows[:, 0].tolist()
        if len(seen) < ROWS:
            live.tell("row", "row")
        elif len(seen) == ROWS:
            live.tell("row", "row")  # the last one is written together with the end
            live.tell("close", "closed")
    assert seen == list(range(ROWS + 1))


@each_writer
def test_a_follower_that_starts_first_and_one_that_starts_late(
    writer: str, swmr: bool, start: Callable[[str, bool], Writer], tmp_path: Path
) -> None:
    live, path = start(writer, swmr), tmp_path / "live.h5"
    looks = 0

    def at_the_third_look() -> bool:
        nonlocal looks
        looks += 1
        if looks == 3:
            live.tell("go", "made")
            for _ in range(5):
                live.tell("row", "row")
            live.tell("close", "closed")
        return False

    first = [int(row) for rows in follow_rows(path, WHERE, interval=0.01, stop=at_the_third_look) for row in rows[:, 0]]
    late = [int(row) for rows in follow_rows(path, WHERE, interval=0.01, start=2) for row in rows[:, 0]]
    assert (first, late) == ([0, 1, 2, 3, 4], [2, 3, 4])


@each_writer
def test_following_ends_when_the_writer_is_killed(
    writer: str, swmr: bool, start: Callable[[str, bool], Writer], tmp_path: Path
) -> None:
    live = start(writer, swmr)
    live.tell("go", "made")
    live.tell("row", "row")
    seen = 0
    for rows in follow_rows(tmp_path / "live.h5", WHERE, interval=0.01, timeout=60):
        seen += len(rows)
        live.kill()
    assert seen == 1
    with open_for_reading(tmp_path / "live.h5") as opened:
        assert opened.get_node(WHERE).read().tolist() == [[0, 0, 0]]


def test_following_stops_when_told_and_after_a_quiet_time(start: Callable[[str, bool], Writer], tmp_path: Path) -> None:
    live, path = start("h5py", True), tmp_path / "live.h5"
    assert list(follow_rows(path, WHERE, interval=0.01, timeout=0.05)) == []
    live.tell("go", "made")
    live.tell("row", "row")
    assert sum(len(rows) for rows in follow_rows(path, WHERE, interval=0.01, timeout=0.05)) == 1
    found: list[np.ndarray] = []
    for rows in follow_rows(path, WHERE, interval=0.01, stop=lambda: bool(found)):
        found.append(rows)
    assert len(found) == 1
    live.tell("row", "row")  # the reader has kept nothing open that would be in the writer's way
    live.tell("close", "closed")


def test_an_array_that_is_not_there(backend: str, tmp_path: Path) -> None:
    record(tmp_path / "a.h5", backend)
    with pytest.raises(NodeError, match="there is no node"):
        list(follow_rows(tmp_path / "a.h5", "/RawData/Nothing", interval=0.01))
    with pytest.raises(NodeError, match="not an array"):
        list(follow_rows(tmp_path / "a.h5", "/RawData", interval=0.01))


@each_writer
def test_open_for_reading_picks_the_mode(
    writer: str, swmr: bool, start: Callable[[str, bool], Writer], tmp_path: Path
) -> None:
    """While another program writes, after it was killed, and when it has closed the file."""
    live, path = start(writer, swmr), tmp_path / "live.h5"
    live.tell("go", "made")
    live.tell("row", "row")
    with open_for_reading(path) as opened:
        assert opened.get_node(WHERE).read().tolist() == [[0, 0, 0]]
        live.tell("row", "row")
        assert DataLoader(opened).get_node(WHERE).shape[0] in (1, 2)
    live.kill()
    before = path.read_bytes()
    with open_for_reading(path) as opened:
        assert opened.get_node(WHERE).read()[:, 0].tolist() == [0, 1]
    assert path.read_bytes() == before


def test_open_for_reading_of_a_closed_file(backend: str, tmp_path: Path) -> None:
    record(tmp_path / "a.h5", backend)
    with open_for_reading(tmp_path / "a.h5", backend=backend) as opened:
        assert opened.log_lines() == ["started", "stopped"]


def test_what_open_for_reading_says(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="check the path"):
        open_for_reading(tmp_path / "nothing.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(FileOpenError, match="could not be opened"):
        open_for_reading(tmp_path / "text.h5")
    record(tmp_path / "a.h5", "h5py")
    (tmp_path / "a.h5").write_bytes((tmp_path / "a.h5").read_bytes()[:-100])
    with pytest.raises(FileOpenError, match=r"h5saver repair a\.h5"):
        open_for_reading(tmp_path / "a.h5")


def test_a_reader_does_not_keep_a_streaming_writer_from_its_next_scan(tmp_path: Path) -> None:
    saver = H5SaverLowLevel("scan", "h5py")
    saver.init_file(tmp_path / "a.h5", swmr=True)
    saver.enable_swmr()
    code = (
        "import sys; from h5saver_widget import open_for_reading\n"
        "with open_for_reading(sys.argv[1]) as opened: print('open', flush=True); sys.stdin.readline()\n"
    )
    reader = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "a.h5")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout is not None and reader.stdout.readline() == "open\n"
    saver.end_streaming()
    saver.add_scan_group()
    saver.close_file()
    reader.communicate("end\n")
    assert reader.returncode == 0
