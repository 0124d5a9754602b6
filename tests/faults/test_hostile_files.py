"""Files made to do harm, opened in every way on every backend: nothing runs, nothing outside is read or written."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hostile import FLAG, MAKERS, SECRET, Maker, names_that_are_no_text, prepared

from h5saver_widget import FileNotOpenError, H5Backend, NodeError, check_file
from h5saver_widget.nodes.typed import LINK

OPENER = Path(__file__).with_name("opener.py")
SECONDS = 120


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    prepared(folder)
    return folder


def made(folder: Path, outside: Path) -> list[Path]:
    folder.mkdir()
    for name, make in MAKERS.items():
        make(folder / f"{name}.h5", outside)
    return [folder / f"{name}.h5" for name in MAKERS]


def digests(*folders: Path) -> dict[Path, str]:
    files = sorted(path for folder in folders for path in folder.rglob("*") if path.is_file())
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_nothing_runs_and_nothing_outside_is_touched(backend: str, tmp_path: Path, outside: Path) -> None:
    files = made(tmp_path / "files", outside)
    before = digests(tmp_path)
    child = subprocess.run(
        [sys.executable, str(OPENER), backend, *map(str, files)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        cwd=tmp_path / "files",
    )
    said = [json.loads(line) for line in child.stdout.splitlines()]
    assert [Path(entry["file"]).stem for entry in said] == list(MAKERS), child.stderr[-2000:]
    assert child.returncode == 0, child.stderr[-2000:]
    assert not (outside / FLAG).exists()
    as_numbers = ", ".join(map(str, SECRET[:6]))
    for entry in said:
        everything = " ".join(entry["seen"])
        assert "TOP-SECRET" not in everything and as_numbers not in everything, entry["file"]
    assert digests(tmp_path) == before


def test_these_files_are_live(tmp_path: Path, outside: Path) -> None:
    """The traps do work where somebody walks into them."""
    h5py = pytest.importorskip("h5py")
    files = {path.stem: path for path in made(tmp_path / "files", outside)}
    for name, where in (
        ("external_storage", "Data00"),
        ("virtual_data_sets", "Data00"),
        ("external_links", "Data00"),
        ("external_storage_in_a_newer_format", "EnlData00"),
    ):
        with h5py.File(files[name]) as file:
            assert file[f"RawData/Detector000/Data1D/CH00/{where}"][:].tobytes() == SECRET
    with h5py.File(files["code_in_attributes"]) as file:
        eval(json.loads(file.attrs["str_os"])["data"])  # noqa: S307 - it is the trap
    assert (outside / FLAG).exists()


@pytest.mark.parametrize(
    "name", ["external_storage", "external_storage_in_a_newer_format", "virtual_data_sets", "external_links"]
)
def test_what_lies_in_other_files_is_shown_not_read(backend: str, name: str, tmp_path: Path, outside: Path) -> None:
    MAKERS[name](tmp_path / "a.h5", outside)
    with H5Backend(backend) as h5:
        h5.open_file(tmp_path / "a.h5", "r+")
        for number, mode in enumerate(("r+", "r")):
            if number:
                h5.close_file()
                h5.open_file(tmp_path / "a.h5", mode)
            node = h5.get_node("/RawData/Detector000/Data1D/CH00/Data00")
            assert isinstance(node, LINK) or h5.io.inspection.details(node.handle).sources
            with pytest.raises(NodeError, match=r"link|elsewhere|another file"):
                h5.io.read(node.handle)
            with pytest.raises((NodeError, FileNotOpenError)):
                h5.io.write(node.handle, slice(0, 1), np.zeros(1, np.uint8))


def test_numbers_of_the_file_itself_are_no_links(backend: str, tmp_path: Path) -> None:
    with H5Backend(backend) as h5:
        h5.open_file(tmp_path / "a.h5", "x")
        h5.create_carray("/", "Number", np.array(2.5))
        h5.close_file()
        h5.open_file(tmp_path / "a.h5", "r+")
        h5.create_carray("/", "Another", np.array(3.5))
        assert h5.get_node("/Number").read() == 2.5
        assert h5.get_node("/Another").read() == 3.5


def test_a_walk_through_fanned_hard_links_ends(backend: str, tmp_path: Path, outside: Path) -> None:
    MAKERS["hard_link_loops"](tmp_path / "a.h5", outside)
    with H5Backend(backend) as h5:
        h5.open_file(tmp_path / "a.h5")
        assert sum(1 for _ in h5.walk_nodes("/")) < 1000


def test_what_ends_a_library_is_found_by_check(tmp_path: Path, outside: Path) -> None:
    names_that_are_no_text(tmp_path / "a.h5", outside)
    assert check_file(tmp_path / "a.h5").nodes > 4
    with H5Backend("h5py") as h5:
        h5.open_file(tmp_path / "a.h5")
        assert sum(1 for _ in h5.walk_nodes("/")) == 8


@pytest.mark.parametrize("name", list(MAKERS))
def test_check_answers_on_each(name: str, tmp_path: Path, outside: Path) -> None:
    make: Maker = MAKERS[name]
    make(tmp_path / "a.h5", outside)
    before = digests(tmp_path)
    state = check_file(tmp_path / "a.h5")
    assert state.in_words() and json.dumps(state.as_json())
    assert digests(tmp_path) == before
