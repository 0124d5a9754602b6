"""The command line: help, version, mistakes; nothing heavy is imported for them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from h5saver_widget import H5SaverLowLevel
from h5saver_widget.cli import COMMANDS, main
from h5saver_widget.version import __version__


def test_version(capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"h5saver {__version__}\n"


def test_help_names_every_command(capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    assert all(name in said for name in COMMANDS)


def test_without_a_command_it_says_how(capsys) -> None:
    assert main([]) == 2
    assert "usage: h5saver" in capsys.readouterr().out


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan", "inf"])
def test_seconds_must_be_a_time(seconds: str, capsys) -> None:
    with pytest.raises(SystemExit) as end:
        main(["demo", "--seconds", seconds])
    assert end.value.code == 2
    assert "is not a number of seconds above 0" in capsys.readouterr().err


def test_help_loads_neither_qt_nor_hdf5() -> None:
    code = (
        "import sys\n"
        "from h5saver_widget.cli import main\n"
        "try: main(['demo', '--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('PyQt5', 'pyqtgraph', 'h5py', 'tables', 'numpy') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "[]"


def test_module_and_script_are_the_same() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "h5saver_widget", "--version"], capture_output=True, text=True, check=True
    )
    assert said.stdout == f"h5saver {__version__}\n"


PAGES = pytest.mark.parametrize(
    "page", [{"PYTHONIOENCODING": "cp1252"}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}]
)


@PAGES
def test_any_character_can_be_printed_anywhere(page: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "Δλ.h5"
    with H5SaverLowLevel() as saver:
        saver.init_file(path, metadata={"author": "Ω λ \udc80"})
        saver.add_det_group("/RawData", "Spectro λ")
        saver.add_log("μ-metal: 5 Ω")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONIOENCODING"}
    code = (
        "import sys; from h5saver_widget.cli import main\n"
        "for words in (['tree'], ['info'], ['check'], ['check', '--json'], ['repair']):\n"
        "    assert main([*words, sys.argv[1]]) == 0, words\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        capture_output=True,
        env=environment | {"PYTHONCOERCECLOCALE": "0"} | page,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert rb"Spectro \u03bb" in done.stdout


def test_an_answer_that_can_not_be_written_says_nothing_about_a_file(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        return
    with H5SaverLowLevel() as saver:
        saver.init_file(tmp_path / "a.h5")
    code = "import sys; from h5saver_widget.cli import main; sys.exit(main([sys.argv[1], sys.argv[2]]))"
    for command in ("check", "tree"):
        with open("/dev/full", "w") as full:
            words = [sys.executable, "-c", code, command, str(tmp_path / "a.h5")]
            done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 74 and "could not be written" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["info", "check"])
def test_what_is_no_file_is_named_and_never_waited_for(command: str, tmp_path: Path) -> None:
    (folder := tmp_path / "folder.h5").mkdir()
    places = [folder, tmp_path / "dangling.h5"]
    places[1].symlink_to(tmp_path / "nowhere.h5")
    if hasattr(os, "mkfifo"):  # to open a pipe for reading waits until somebody writes into it
        os.mkfifo(tmp_path / "pipe.h5")
        places.append(tmp_path / "pipe.h5")
    program = [sys.executable, "-m", "h5saver_widget", command]
    for place in places:
        done = subprocess.run([*program, str(place)], capture_output=True, text=True, timeout=100)
        assert done.returncode == (2 if command == "check" else 3)
        assert place.name in done.stderr and "Traceback" not in done.stderr
