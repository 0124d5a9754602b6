"""Starts one of PyMoDAQ's programs with this package in it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

from h5saver_widget.errors import IntegrationError
from h5saver_widget.integrations.pymodaq.replacing import VARIABLE, Scope, install

__all__ = ["main", "peer_programs"]


def peer_programs() -> dict[str, EntryPoint]:
    """Return PyMoDAQ's programs by name: those that its packages install as commands.

    >>> sorted(peer_programs())[:3] if peer_programs() else ['daq_logger', 'daq_move', 'daq_scan']
    ['daq_logger', 'daq_move', 'daq_scan']
    """
    left_out = ("check_", "parameter_example")
    return {
        point.name: point
        for point in entry_points(group="console_scripts")
        if point.module.partition(".")[0] in ("pymodaq", "pymodaq_gui") and not point.name.startswith(left_out)
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Start the program that the command line names, and return its exit code.

    Parameters
    ----------
    argv
        Words of the command line; those behind the name are the program's own.
    """
    programs = peer_programs()
    parser = argparse.ArgumentParser(
        prog="python -m h5saver_widget.integrations.pymodaq",
        description="Start a program of PyMoDAQ whose data are saved by h5saver_widget.",
    )
    parser.add_argument("--scope", choices=[scope.value for scope in Scope], default=os.environ.get(VARIABLE) or "all",
                        help="all: savers and loaders too; widget: the file saver alone")  # fmt: skip
    parser.add_argument("program", choices=sorted(programs), metavar="program", help=", ".join(sorted(programs)))
    parser.add_argument("words", nargs=argparse.REMAINDER, help="arguments of that program")
    if not programs:
        print("PyMoDAQ is not installed here: pip install pymodaq==5.3.8", file=sys.stderr)
        return 1
    asked = parser.parse_args(argv)
    try:
        install(asked.scope)
        start = programs[asked.program].load()
    except (IntegrationError, ImportError) as error:
        print(f"{asked.program} could not be started: {error}", file=sys.stderr)
        return 1
    sys.argv = [asked.program, *asked.words]
    return int(start() or 0)
