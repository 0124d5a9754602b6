"""Names: counted by number, legal everywhere, and never taken twice."""

from __future__ import annotations

import errno
import os
import random
import string
import subprocess
import sys
from datetime import datetime
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import example, given, strategies as st

from h5saver_widget.errors import NamingError
from h5saver_widget.format.layout import SaveType
from h5saver_widget.format.naming import (
    PathProvider,
    capitalize_first,
    check_base_name,
    check_node_name,
    create_exclusive,
    natural_key,
    next_number,
    number_of,
    with_h5_suffix,
)
from h5saver_widget.format.renaming import move_aside

NOW = datetime(2026, 11, 21, 16, 58, 48)


def touch(path: Path) -> Path:
    path.open("x").close()
    return path


# --------------------------------------------------------------------------------------------------------- numbering


@pytest.mark.parametrize(
    ("names", "number"),
    [
        ([], 0),
        (["NavAxes", "Logger"], 0),
        (["Scan000"], 1),
        (["Scan999", "Scan1000"], 1001),
        (["Scan1000", "Scan999"], 1001),
        (["scan007", "SCAN3"], 8),
        (["Scan001_old", "MyScan005", "Scan", "Scan-4", "Scan 9", "Scan٣", "Scan²"], 0),
        (["Scan" + "9" * 5000], 0),
    ],
)
def test_next_number_counts_by_number(names: list[str], number: int) -> None:
    assert next_number(names, "scan") == number
    assert next_number(iter(names), "Scan") == number


def test_prefix_is_taken_literally() -> None:
    assert number_of("a.b3", "a.b") == 3
    assert number_of("axb3", "a.b") is None
    assert number_of("12", "1") == 2
    assert number_of("12", "") == 12


@given(st.text(max_size=8).filter(lambda t: t.lower() == t.casefold()), st.lists(st.integers(0, 10**9)))
def test_next_number_is_always_free(prefix: str, numbers: list[int]) -> None:
    names = [f"{prefix}{number:03d}" for number in numbers]
    assert next_number(names, prefix) == max(numbers, default=-1) + 1


@given(st.lists(st.integers(0, 10**6), unique=True))
def test_natural_order_is_that_of_the_numbers(numbers: list[int]) -> None:
    names = [f"Scan{n:03d}" for n in numbers]
    assert sorted(names, key=natural_key) == [f"Scan{n:03d}" for n in sorted(numbers)]


@given(st.lists(st.text(alphabet=string.printable + "é٣²")))
def test_any_names_can_be_sorted(names: list[str]) -> None:
    found = sorted(names, key=natural_key)
    random.Random(0).shuffle(names)
    assert sorted(names, key=natural_key) == found


@pytest.mark.parametrize(
    ("name", "result"), [("carr", "Carr"), ("myDATA", "MyDATA"), ("", ""), ("é", "É"), ("1a", "1a")]
)
def test_capitalize_first(name: str, result: str) -> None:
    assert capitalize_first(name) == result


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "/", "a\0", "\ud800", "_v_x", "_i_x", "_p_x", "a.", "a b...", None, 5]
)
def test_bad_node_names(name: str) -> None:
    with pytest.raises(NamingError):
        check_node_name(name)


@pytest.mark.parametrize("name", ["a b", "class", "été µ", "a.b", "1", "__x", "(", " ", "_"])
def test_good_node_names(name: str) -> None:
    assert check_node_name(name) == name


@given(st.text())
@example("..")
def test_any_accepted_node_name_makes_a_node(name: str) -> None:
    try:
        check_node_name(name)
    except NamingError:
        return
    assert "/" not in name and "\0" not in name and name.encode()


# ------------------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        "a/b",
        "a\\b",
        *(f"a{c}b" for c in '<>:"|?*\n\0'),
        "a.",
        "a ",
        "CON",
        "nul",
        "com1",
        "LPT9.x",
        "Aux ",
        "a" * 201,
        "é" * 101,
        "\ud800",
        None,
    ],
)
def test_bad_base_names(name: str) -> None:
    with pytest.raises(NamingError):
        check_base_name(name)
    with pytest.raises(NamingError):
        PathProvider(Path("x"), name)


@pytest.mark.parametrize("name", ["Scan", "a.b", "console", "COM", "COM12", "été", "a b", "a" * 200, ".hidden"])
def test_good_base_names(name: str) -> None:
    assert check_base_name(name) == name


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("x.h5", "x.h5"),
        ("x.H5", "x.H5"),
        ("y.h5data", "y.h5data"),
        ("x.hdf5", "x.hdf5"),
        ("x.hdf", "x.hdf"),
        ("x.nxs", "x.nxs"),
        ("z.txt", "z.h5"),
        ("noext", "noext.h5"),
        ("folder.h5/noext", "folder.h5/noext.h5"),
        ("at 1.5", "at 1.5.h5"),
        ("Mr. Smith sample", "Mr. Smith sample.h5"),
        (".hidden", ".hidden.h5"),
        ("end.", "end..h5"),
    ],
)
def test_suffix(given: str, expected: str) -> None:
    assert with_h5_suffix(Path(given)) == Path(expected)


@pytest.mark.parametrize(
    ("base", "folder"),
    [
        ("data", "data/2026/20261121"),
        ("data/2026", "data/2026/20261121"),
        ("data/2026/20261121", "data/2026/20261121"),
        ("data/2026/20261120", "data/2026/20261121"),
        ("data/2026/proj", "data/2026/proj/2026/20261121"),
        ("data/20261121", "data/20261121/2026/20261121"),
        ("2026", "2026/20261121"),
    ],
)
def test_dated_folder(base: str, folder: str) -> None:
    assert PathProvider(Path(base)).folder(NOW) == Path(folder)
    assert PathProvider(Path(base), dated=False).folder(NOW) == Path(base)


def test_provider_takes_text_and_is_frozen() -> None:
    provider = PathProvider("data", save_type="Detector")  # type: ignore[arg-type]
    assert provider.base_path == Path("data") and provider.save_type is SaveType.detector
    with pytest.raises(AttributeError):
        provider.base_name = "x"  # type: ignore[misc]


def test_scans_are_numbered_within_the_day(tmp_path: Path) -> None:
    provider = PathProvider(tmp_path, save_type=SaveType.scan)
    folder = tmp_path / "2026" / "20261121"
    assert provider.preview(NOW) == "Dataset_20261121_000.h5"
    assert provider.last_dataset(NOW) is None
    assert not folder.exists()
    folder.mkdir(parents=True)
    for name in ("Dataset_20261121_007.h5", "Dataset_20261121_012.txt", "Dataset_20261120_050.h5", "Dataset_x.h5"):
        touch(folder / name)
    assert provider.preview(NOW) == "Dataset_20261121_008.h5"
    touch(folder / "Dataset_20261121_999.hdf5")
    touch(folder / "Dataset_20261121_1000.h5")
    assert [p.name for p in islice(provider.candidates(NOW), 2)] == [
        "Dataset_20261121_1001.h5",
        "Dataset_20261121_1002.h5",
    ]
    assert provider.last_dataset(NOW) == folder / "Dataset_20261121_1000.h5"


@pytest.mark.parametrize("save_type", [t for t in SaveType if t is not SaveType.scan])
def test_two_starts_in_one_second_get_two_files(tmp_path: Path, save_type: SaveType) -> None:
    provider = PathProvider(tmp_path, "Data", save_type)
    names = [create_exclusive(provider.candidates(NOW), touch).name for _ in range(3)]
    stem = "Data_20261121_16_58_48"
    assert names == [f"{stem}.h5", f"{stem}_001.h5", f"{stem}_002.h5"]
    assert provider.preview(NOW) == f"{stem}_003.h5"


def test_a_single_path_that_is_taken_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.h5"
    assert create_exclusive(path, touch) == path
    with pytest.raises(FileExistsError):
        create_exclusive(path, touch)
    with pytest.raises(NamingError, match="no path"):
        create_exclusive([], touch)


def test_other_errors_are_not_hidden(tmp_path: Path) -> None:
    def make(path: Path) -> None:
        raise OSError(errno.ENOSPC, "disk full")

    with pytest.raises(OSError, match="disk full"):
        create_exclusive(PathProvider(tmp_path).candidates(NOW), make)


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "base").touch()
    for provider in (PathProvider(tmp_path / "base"), PathProvider(tmp_path / "base", dated=False)):
        with pytest.raises(NamingError, match="choose another folder"):
            create_exclusive(provider.candidates(NOW), touch)


def test_the_number_of_tries_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("h5saver_widget.format.naming._MAX_TRIES", 20)

    def make(path: Path) -> None:
        raise FileExistsError(path)

    with pytest.raises(FileExistsError):
        create_exclusive(PathProvider(tmp_path).candidates(NOW), make)


CHILD = """
import sys
from datetime import datetime
from pathlib import Path
from h5saver_widget.format.naming import PathProvider, create_exclusive
def touch(path):
    path.open("x").close()
    return path
provider = PathProvider(Path(sys.argv[1]), "Data", sys.argv[2])
now = datetime(2026, 11, 21, 16, 58, 48)
sys.stdin.readline()
for _ in range(50):
    print(create_exclusive(provider.candidates(now), touch))
"""


@pytest.mark.parametrize("save_type", ["scan", "detector"])
def test_four_programs_never_share_a_file(tmp_path: Path, save_type: str) -> None:
    command = [sys.executable, "-c", CHILD, str(tmp_path), save_type]
    root = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root}
    children = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(4)
    ]
    for child in children:
        assert child.stdin
        child.stdin.write("go\n")
        child.stdin.flush()
    answers = [child.communicate(timeout=120) for child in children]
    assert [child.returncode for child in children] == [0] * 4, answers
    made = [line for out, _ in answers for line in out.splitlines()]
    assert len(made) == len(set(made)) == 200
    assert len(list((tmp_path / "2026" / "20261121").iterdir())) == 200


# ------------------------------------------------------------------------------------------------------------ backups


def test_backups_never_overwrite(tmp_path: Path) -> None:
    path = tmp_path / "my.scan.h5"
    for number in (1, 2, 3):
        path.write_text(str(number))
        assert move_aside(path) == tmp_path / f"my.scan_old{number}.h5"
        assert not path.exists()
    assert [(tmp_path / f"my.scan_old{n}.h5").read_text() for n in (1, 2, 3)] == ["1", "2", "3"]
    with pytest.raises(FileNotFoundError):
        move_aside(path)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_faster_program_keeps_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.h5"
    path.write_text("mine")
    (tmp_path / "a_old1.h5").write_text("other")
    monkeypatch.setattr(os.path, "lexists", lambda _: False)  # the other file appeared after the check
    assert move_aside(path).name == "a_old2.h5"
    assert (tmp_path / "a_old1.h5").read_text() == "other"


@pytest.mark.skipif(os.name == "nt", reason="os.rename is exclusive there")
def test_backup_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_link(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", no_link)
    test_backups_never_overwrite(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="os.rename is exclusive there")
def test_a_failed_backup_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, "refused")

    path = tmp_path / "a.h5"
    path.write_text("mine")
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError):
        move_aside(path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


@pytest.mark.skipif(os.name == "nt", reason="needs a privilege there")
def test_a_symbolic_link_is_moved_itself(tmp_path: Path) -> None:
    (tmp_path / "target.h5").write_text("data")
    (tmp_path / "link.h5").symlink_to("target.h5")
    moved = move_aside(tmp_path / "link.h5")
    assert moved.is_symlink() and moved.read_text() == "data" and (tmp_path / "target.h5").exists()
