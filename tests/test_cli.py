"""The command line: help, version, mistakes; nothing heavy is imported for them."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
