"""Files that others hold, folders that refuse or go away, names that are taken: a clear error, and on we go."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from recording_helpers import settle

from h5saver_widget import DataRaw, DataToExport, DataToExportTimedSaver, FileOpenError, H5Saver, H5SaverLowLevel
from h5saver_widget.errors import FileGoneError, SavingProcessError

#: How many files four processes make of the same names.
CREATIONS = int(os.environ.get("H5SAVER_CREATIONS", "200"))

HOLDER = """
import sys
if sys.argv[1] == 'h5py':
    import h5py
    file = h5py.File(sys.argv[2], 'a')
else:
    import tables
    file = tables.open_file(sys.argv[2], 'a')
print('held', flush=True)
sys.stdin.readline()
file.close()
"""


@pytest.fixture
def hold() -> Iterator[Callable[[str, Path], subprocess.Popen[str]]]:
    """Have another program open a file for writing, by the library of that name."""
    holders: list[subprocess.Popen[str]] = []

    def start(library: str, path: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLDER, library, str(path)]
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        holders.append(holder)
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        return holder

    yield start
    for holder in holders:
        holder.communicate("go\n")
        assert holder.returncode == 0


@pytest.fixture(params=["low level", "widget"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def saver(kind: str, backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[H5SaverLowLevel]:
    """Return a saver that has nothing open, with and without Qt."""
    if kind == "low level":
        made = H5SaverLowLevel("detector", backend)
    else:
        request.getfixturevalue("qtbot")
        made = H5Saver("detector", backend)
        made.settings["base_path"] = str(tmp_path / "base")
    yield made
    made.close_file()


def start_at(saver: H5SaverLowLevel, path: Path) -> None:
    """Open or make a file the way each kind of saver does it."""
    if isinstance(saver, H5Saver):
        saver.init_file(addhoc_file_path=path)
    else:
        saver.init_file(path)


def assert_usable(saver: H5SaverLowLevel, path: Path) -> None:
    """Record a frame into a new file."""
    assert not saver.isopen() or saver.close_file() is None
    start_at(saver, path)
    group = saver.add_det_group("/RawData", "camera")
    frame = DataToExport("frame", data=[DataRaw("image", data=[np.arange(6.0).reshape(2, 3)])])
    DataToExportTimedSaver(saver).add_data(group, frame)
    saver.close_file()
    with H5SaverLowLevel(backend=saver.backend) as reader:
        reader.init_file(path, mode="r")
        assert reader.get_node("/RawData/Detector000/Data2D/CH00/EnlData00").read().tolist() == [[[0, 1, 2], [3, 4, 5]]]


@pytest.mark.parametrize("library", ["h5py", "tables"])
def test_a_file_that_another_program_holds(
    saver: H5SaverLowLevel, library: str, hold: Callable[..., object], tmp_path: Path
) -> None:
    path = tmp_path / "held.h5"
    assert_usable(saver, path)
    before = path.read_bytes()
    hold(library, path)
    with pytest.raises(FileOpenError, match=r"held\.h5"):
        start_at(saver, path)
    assert not saver.isopen()
    assert_usable(saver, tmp_path / "other.h5")
    assert path.stat().st_size == len(before)


def places_that_refuse(tmp_path: Path) -> dict[str, Path]:
    """Return folders in which no file can be made, whoever asks: tests may run as root, whom permissions don't stop."""
    (tmp_path / "a file").write_text("not a folder")
    places = {"below a file": tmp_path / "a file" / "deeper", "a file": tmp_path / "a file"}
    if sys.platform == "linux":
        places["of the system"] = Path("/proc/h5saver")
    if os.name == "posix" and os.geteuid() != 0:
        (tmp_path / "read-only").mkdir(mode=0o555)
        places["read-only"] = tmp_path / "read-only"
    return places


def test_a_folder_in_which_nothing_can_be_made(saver: H5SaverLowLevel, tmp_path: Path) -> None:
    for what, folder in places_that_refuse(tmp_path).items():
        with pytest.raises((FileOpenError, ValueError), match=r"choose another|could not be created"):
            start_at(saver, folder / "a.h5")
        assert not saver.isopen(), what
    assert_usable(saver, tmp_path / "other.h5")


def test_a_base_path_that_is_no_folder(backend: str, tmp_path: Path, qtbot) -> None:
    saver = H5Saver("detector", backend)
    said = []
    saver.status_sig.connect(said.append)
    for what, folder in places_that_refuse(tmp_path).items():
        saver.settings["base_path"] = str(folder)
        saver.settings["do_save"] = True
        settle(saver)
        assert not saver.settings["do_save"] and not saver.isopen(), what
        assert [status for status in said if status.command == "error"], what
        said.clear()
    saver.settings["base_path"] = str(tmp_path / "good")
    saver.settings["do_save"] = True
    settle(saver)
    assert saver.settings["do_save"] and saver.isopen()
    saver.close_file()


@pytest.mark.parametrize("name", ["a/b", "a\\b", "what?", "a:b", "", "  ", "CON", "end.", "nul\0", "x" * 300])
def test_a_name_with_illegal_characters(name: str, backend: str, tmp_path: Path, qtbot, in_kept_process) -> None:
    saver = H5Saver("detector", backend)
    in_kept_process(saver)
    saver.settings["base_path"] = str(tmp_path / "base")
    said = []
    saver.status_sig.connect(said.append)
    saver.settings["base_name"] = name
    saver.settings["do_save"] = True
    settle(saver)
    if saver.settings["base_name"] == name:  # not put right by the widget
        assert not saver.isopen() and [status for status in said if status.command == "error"]
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and not path.name.startswith("Scan_")]
    saver.settings["base_name"] = "Good"
    saver.settings["do_save"] = False
    settle(saver)
    saver.settings["do_save"] = True
    settle(saver)
    assert saver.isopen() and saver.filename.startswith("Good_")
    saver.close_file()


def test_a_folder_that_goes_away_while_recording(saver: H5SaverLowLevel, tmp_path: Path) -> None:
    folder = tmp_path / "usb stick"
    start_at(saver, folder / "a.h5")
    saver.flush_seconds = 0.0
    group = saver.add_det_group("/RawData", "camera")
    frames = DataToExportTimedSaver(saver)
    frame = DataToExport("frame", data=[DataRaw("image", data=[np.zeros((2, 3))])])
    frames.add_data(group, frame)
    shutil.rmtree(folder)
    frames.add_data(group, frame)
    with suppress(FileGoneError, SavingProcessError):
        saver.flush()  # finds out
    for _ in range(3):
        with pytest.raises((FileGoneError, SavingProcessError), match="was removed while it was written"):
            frames.add_data(group, frame)
    counted = saver.statistics()  # the two that it took went with it; one that came just then waits for the end
    assert (saver.frames_saved, counted.frames_written, counted.frames_dropped + counted.frames_waiting) == (2, 0, 5)
    with suppress(FileGoneError, SavingProcessError):
        saver.close_file()
    counted = saver.statistics()
    assert (counted.frames_received, counted.frames_written, counted.frames_dropped) == (5, 0, 5)
    assert_usable(saver, tmp_path / "other.h5")


MAKER = """
import itertools, sys
from pathlib import Path
from h5saver_widget import H5SaverLowLevel
name, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
print('ready', flush=True)
sys.stdin.readline()
saver = H5SaverLowLevel('detector', sys.argv[4])
for number in range(count):
    candidates = (folder / f'Dataset_{n:04d}.h5' for n in itertools.count())
    saver.create_new_file(candidates, {'made_by': f'{name}-{number}'})
    saver.close_file()
"""


def test_no_file_is_overwritten_by_four_processes(backend: str, tmp_path: Path) -> None:
    """All of them try the same names from 0 on: as many files as creations, each with what its maker wrote."""
    each = CREATIONS // 4
    words = [str(tmp_path / "data"), str(each), backend]
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", MAKER, str(n), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for n in range(4)
    ]
    for maker in makers:
        assert maker.stdout is not None and maker.stdout.readline() == "ready\n"
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.write("go\n")
        maker.stdin.flush()
    for maker in makers:
        maker.communicate()
        assert maker.returncode == 0
    files = sorted((tmp_path / "data").iterdir())
    assert [path.name for path in files] == [f"Dataset_{n:04d}.h5" for n in range(4 * each)]
    makes = set()
    for path in files:
        with H5SaverLowLevel(backend=backend) as saver:
            saver.open_file(path)
            makes.add(saver.get_node("/RawData").attrs["made_by"])
    assert makes == {f"{name}-{number}" for name in range(4) for number in range(each)}
