"""The command line: ``h5saver COMMAND``. Nothing heavy is imported before a command that needs it runs.

A new command is a class with a sentence, its arguments and what it does, and a line in :data:`COMMANDS`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from h5saver_widget.version import __version__

__all__ = ["COMMANDS", "main"]


class Command(Protocol):
    """What the table of commands holds."""

    help: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the arguments of the command."""

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it, and return the exit code of the program."""


class Demo:
    """Records real data through the H5Saver widget."""

    help = "open a window that records real data; without a display, record some seconds and report"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare --seconds, --offscreen, --out and --backend."""
        parser.add_argument(
            "--seconds",
            type=_positive,
            metavar="N",
            help="record all sources for N seconds, then leave (without a display: DEMO_SECONDS, or 10)",
        )
        parser.add_argument("--offscreen", action="store_true", help="show no window")
        parser.add_argument(
            "--out", type=Path, metavar="DIR", help="folder below which files are written (default: ~/h5saver-demo)"
        )
        parser.add_argument("--backend", choices=("h5py", "tables"), help="library that writes the file")

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the demo; Qt is imported only now."""
        from h5saver_widget.demo.run import run_demo

        return run_demo(arguments.seconds, arguments.offscreen, arguments.out, arguments.backend)


COMMANDS: dict[str, Command] = {"demo": Demo()}
"""Name of a command to what it does."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command of the command line and return the exit code of the program.

    Parameters
    ----------
    argv
        The words after the name of the program; those of the process by default.

    Examples
    --------
    >>> main([])  # doctest: +ELLIPSIS
    usage: h5saver [-h] [--version] COMMAND ...
    2
    """
    parser = argparse.ArgumentParser(prog="h5saver", description="Save laboratory data to HDF5 files that stay whole.")
    parser.add_argument("--version", action="version", version=f"h5saver {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name, command in COMMANDS.items():
        command.add_arguments(commands.add_parser(name, help=command.help, description=f"{name}: {command.help}."))
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_usage()
        return 2
    try:
        return COMMANDS[arguments.command].run(arguments)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # ... | head
        sys.stderr.close()
        return 141


def _positive(text: str) -> float:
    """Read a number of seconds."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return number
