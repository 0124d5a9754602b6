"""Another process with this package: which command starts one, and how a frozen program becomes one.

An interpreter is started afresh, never a copy of the program: the programs of laboratories have no guard against their
main module running twice. A frozen program (PyInstaller) has no interpreter: it is started again with a switch that
:func:`freeze_support` looks at before anything of the program runs.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

__all__ = ["ENVIRONMENT", "SWITCH", "freeze_support", "main", "start_command", "why_not"]

#: First argument of a frozen program that is to be such a process.
SWITCH: Final = "--h5saver-process"
#: What is added to the environment. Nothing is multiplied there: to start a thread for each core costs a tenth of the
#: start, and memory. A program of one file unpacks itself anew: its folder goes when the program is killed.
ENVIRONMENT: Final = {"OPENBLAS_NUM_THREADS": "1", "PYINSTALLER_RESET_ENVIRONMENT": "1"}

_PACKAGES: Final = Path(__file__).resolve().parents[2]
#: -P keeps modules out that lie in the current folder; the package is found wherever the program found it.
_START: Final = (
    "import os, sys; sys.path.extend(sys.argv[1].split(os.pathsep)); "
    "from h5saver_widget.backends.own_process import main; main(sys.argv[2:])"
)
_NAME: Final = re.compile(r"python(w|\d[\d.]*t?)?(\.exe)?", re.IGNORECASE)
_VERSION: Final = "import sys; print(sys.version_info[:2])"

#: Whether this frozen program looks at the switch; in a list, for it is told from outside.
_looks: list[bool] = []


def why_not() -> str:
    """Return why no other process can be started, ``''`` if one can."""
    if getattr(sys, "frozen", False):
        return "" if _looks else "this frozen program does not call h5saver_widget.freeze_support() as its first line"
    return "" if _interpreter() else f"no Python interpreter was found for {sys.executable or 'this program'}"


def start_command(role: str, *arguments: str) -> list[str]:
    """Return the command that starts a process.

    Its role is ``'file'`` (it has a file) or ``'child'`` (it runs one function); the arguments are those of its
    ``main``.
    """
    if getattr(sys, "frozen", False):
        return [sys.executable, SWITCH, role, *arguments]
    python = _interpreter() or sys.executable
    # behind its own: an interpreter that was found elsewhere may know other folders with packages
    installed = [folder for folder in sys.path if Path(folder).name in ("site-packages", "dist-packages")]
    folders = [str(_PACKAGES), *filter(os.path.isabs, installed)]
    return [python, "-P", "-c", _START, os.pathsep.join(folders), role, *arguments]


def main(arguments: list[str]) -> None:
    """Be the process that the arguments of :func:`start_command` ask for."""
    role, *rest = arguments
    if role == "file":
        create_backend = import_module("h5saver_widget.backends.registry").create_backend
        import_module("h5saver_widget.backends.isolated.worker").main(create_backend, *rest)
    else:
        import_module("h5saver_widget.backends.in_child").main(*rest)


def freeze_support() -> None:
    """Have the file of this frozen program written by a process of its own: to be called as its very first line.

    PyInstaller needs no such line, the hook of this package does it. Other tools (cx_Freeze, Nuitka) do. In a program
    that is not frozen it does nothing.
    """
    _looks[:] = [True]
    if getattr(sys, "frozen", False) and sys.argv[1:2] == [SWITCH]:
        main(sys.argv[2:])
        sys.exit()


@functools.cache
def _interpreter() -> str | None:
    """Return the interpreter of this program, None if there is none.

    `sys.executable` is started without a look if it is called python. Under another name it may be the program of a
    laboratory that has Python in it, and would be started a second time: then the interpreter is looked for where this
    Python is installed, and asked for its version.
    """
    executable = sys.executable
    if executable and (_NAME.fullmatch(Path(executable).name) or _NAME.fullmatch(Path(executable).resolve().name)):
        return executable
    return next(filter(_is_of_this_version, _installed()), None)


def _installed() -> Iterator[str]:
    names = ("python.exe",) if sys.platform == "win32" else (f"python3.{sys.version_info[1]}", "python3", "python")
    for prefix in dict.fromkeys((sys.prefix, sys.exec_prefix, sys.base_prefix)):
        for name in names:
            found = Path(prefix, name) if sys.platform == "win32" else Path(prefix, "bin", name)
            if found.is_file():
                yield str(found)


def _is_of_this_version(python: str) -> bool:
    try:
        said = subprocess.run([python, "-I", "-S", "-c", _VERSION], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return said.stdout.strip() == str(sys.version_info[:2])
