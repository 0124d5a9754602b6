"""The command line: ``h5saver COMMAND``. Nothing heavy is imported before a command that needs it runs.

A new command is a class with a sentence, its arguments and its `run`, and a line in :data:`COMMANDS`.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from h5saver_widget.archiving.commands import TemplateCommand, Validate
from h5saver_widget.copies.commands import CopiesCommand, CopyCommand
from h5saver_widget.errors import H5SaverError
from h5saver_widget.progress import TerminalProgress
from h5saver_widget.remote.commands import Pull, Push
from h5saver_widget.sealing.commands import SealCommand, Verify
from h5saver_widget.version import __version__

if TYPE_CHECKING:
    from h5saver_widget.browsing import FileView
    from h5saver_widget.recovery import FileState, RepairReport

__all__ = ["COMMANDS", "main"]


class Command(Protocol):
    """An entry of the table of commands."""

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
        parser.add_argument(
            "--backend", type=_backend, metavar="NAME", help="library that writes the file, such as tables"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the demo; Qt is imported only now."""
        from h5saver_widget.demo.run import run_demo

        return run_demo(arguments.seconds, arguments.offscreen, arguments.out, arguments.backend)


class Chrono:
    """Shows the chronometer."""

    help = "open a chronometer and countdown"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare --countdown."""
        parser.add_argument(
            "--countdown", type=_clock, metavar="TIME", help="count down from so long: seconds, 1:30 or 0:01:30"
        )

    def run(self, arguments: argparse.Namespace) -> int:
        """Show the window until it is closed; Qt is imported only now."""
        from pyqtgraph.Qt import mkQApp

        from h5saver_widget.qt.chrono_timer import ChronoTimer
        from h5saver_widget.qt.leaving import deleted_at_the_end

        app = mkQApp("Chrono / timer")
        timer = ChronoTimer(countdown=arguments.countdown)
        timer.show()
        with deleted_at_the_end(timer):
            return int(app.exec())


class Check:
    """Checks the state of a file."""

    help = "check the state of a file; exit code 0: good, 1: needs repair, 3: not readable, 4: needs more"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare FILE and --json."""
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("--json", action="store_true", help="print everything as JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        """Read the file in a worker process, and print its content."""
        from h5saver_widget.recovery import check_file

        return _answer(lambda: check_file(arguments.file), arguments.json)


class Repair:
    """Makes a good copy of a damaged file."""

    help = "make a repaired copy of a file; exit code 0: whole, 1: parts are lost, 3: nothing could be saved"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare FILE, -o and --json."""
        parser.add_argument("file", type=Path, metavar="FILE", help="the file, which is left as it is")
        parser.add_argument("-o", "--out", type=Path, metavar="OUT", help="path of the copy (FILE_repaired by default)")
        parser.add_argument("--json", action="store_true", help="print everything as JSON")

    def run(self, arguments: argparse.Namespace) -> int:
        """Repair a copy of the file, and print the result with all that could not be saved."""
        from h5saver_widget.recovery import repair_file

        return _answer(lambda: repair_file(arguments.file, arguments.out), arguments.json)


class ReadCommand:
    """Prints the content of a file; a subclass decides which lines."""

    help: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare FILE and NODE."""
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument("node", nargs="?", default="/", metavar="NODE", help="path in the file, / by default")

    def lines(self, view: FileView, arguments: argparse.Namespace) -> Iterator[str]:
        """Iterate over the lines that are printed."""
        raise NotImplementedError

    def run(self, arguments: argparse.Namespace) -> int:
        """Open the file for reading, and print."""

        def show(view: FileView) -> int:
            for line in self.lines(view, arguments):
                _print(line)
            return 0

        return _reading(arguments.file, show)


class Info(ReadCommand):
    """Describes a node."""

    help = "describe a file or a node of it, with its attributes; exit code 3: not readable"

    def lines(self, view: FileView, arguments: argparse.Namespace) -> Iterator[str]:
        """Iterate over facts and attributes."""
        from h5saver_widget.browsing.text import info_lines

        return info_lines(view, f"/{arguments.node.strip('/')}")


class TreeCommand(ReadCommand):
    """Lists the nodes."""

    help = "list the nodes of a file; exit code 3: not readable"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare FILE, NODE and --depth."""
        super().add_arguments(parser)
        parser.add_argument("--depth", type=int, metavar="N", help="go down so many levels")

    def lines(self, view: FileView, arguments: argparse.Namespace) -> Iterator[str]:
        """Iterate over the tree."""
        from h5saver_widget.browsing.text import tree_lines

        return tree_lines(view, f"/{arguments.node.strip('/')}", arguments.depth)


class Export:
    """Writes data of a file into another format."""

    help = "export a file or a node of it: text, numpy, netCDF, NeXus, tiff...; exit code 3: not readable"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare FILE, NODE, the format and where to."""
        parser.add_argument("file", nargs="?", type=Path, metavar="FILE")
        parser.add_argument("node", nargs="?", default="/", metavar="NODE", help="path in the file, / by default")
        parser.add_argument("-f", "--format", metavar="FORMAT", help="one of --list (default: OUT's extension)")
        parser.add_argument("-o", "--out", type=Path, metavar="OUT", help="file to write (by default named after FILE)")
        parser.add_argument("--overwrite", action="store_true", help="replace OUT if it exists, file or folder")
        parser.add_argument("--bom", action="store_true", help="csv: begin with the mark by which Excel knows UTF-8")
        parser.add_argument(
            "--allow", type=Path, metavar="DIR", help="read values stored in other files, if these are in this folder"
        )
        parser.add_argument("--list", action="store_true", help="list the formats")

    def run(self, arguments: argparse.Namespace) -> int:
        """Open the file for reading, and export."""
        from h5saver_widget.browsing.exporting import export_node
        from h5saver_widget.exporters.console import chosen_format, default_target, format_lines

        if arguments.list:
            _print(*format_lines())
            return 0
        if arguments.file is None or not (arguments.format or arguments.out):
            print("h5saver: export needs FILE, and -f FORMAT or -o OUT; see h5saver export --help", file=sys.stderr)
            return 2
        node = f"/{arguments.node.strip('/')}"

        def write(view: FileView) -> int:
            try:
                target = arguments.out or default_target(arguments.file, node, arguments.format)
                if view.note:
                    print(f"note: {view.note}", file=sys.stderr)
                how = chosen_format(target, arguments.format, arguments.bom)
                allow = [arguments.allow] if arguments.allow is not None else []
                options = {"overwrite": arguments.overwrite, "progress": TerminalProgress(), "allow": allow}
                done = export_node(view.h5, node, target, how, **options)
            except (H5SaverError, OSError) as error:
                print(f"h5saver: {error}", file=sys.stderr)
                return 1
            _print(*map(str, done.files))
            for note in done.notes:
                print(f"note: {note}", file=sys.stderr)
            return 0

        return _reading(arguments.file, write)


class Browse:
    """Shows files in a window."""

    help = "show the content of files in a window"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare FILE."""
        parser.add_argument("files", nargs="*", type=Path, metavar="FILE")

    def run(self, arguments: argparse.Namespace) -> int:
        """Show the window until it is closed; Qt is imported only now."""
        from pyqtgraph.Qt import mkQApp

        from h5saver_widget.qt.browser import H5Browser
        from h5saver_widget.qt.geometry import keep_geometry
        from h5saver_widget.qt.leaving import deleted_at_the_end

        app = mkQApp("H5Browser")
        browser = H5Browser()
        keep_geometry(browser, "browser")
        for path in arguments.files:
            browser.open_file(path)
        browser.show()
        with deleted_at_the_end(browser):
            return int(app.exec())


COMMANDS: dict[str, Command] = {
    "browse": Browse(),
    "check": Check(),
    "chrono": Chrono(),
    "copies": CopiesCommand(),
    "copy": CopyCommand(),
    "demo": Demo(),
    "export": Export(),
    "info": Info(),
    "pull": Pull(),
    "push": Push(),
    "repair": Repair(),
    "seal": SealCommand(),
    "template": TemplateCommand(),
    "tree": TreeCommand(),
    "validate": Validate(),
    "verify": Verify(),
}
"""Name of a command to what it does."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command of the command line, by default that of the process, and return the exit code of the program.

    >>> main([])  # doctest: +ELLIPSIS
    usage: h5saver [-h] [--version] COMMAND ...
    2
    """
    _print_anything()
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
        code = COMMANDS[arguments.command].run(arguments)
        _print()  # what is still in the buffer
        return code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # ... | head
        sys.stderr.close()
        return 141
    except _PrintingError as error:
        with suppress(OSError):
            print(f"h5saver: the answer could not be written: {error}", file=sys.stderr)
            sys.stdout.close()
        return 74


class _PrintingError(Exception):
    """The answer could not be written, which says nothing about a file."""


def _print_anything() -> None:
    """Have characters that the terminal, or its code page, does not know printed as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _print(*lines: str) -> None:
    """Print lines, now."""
    try:
        print(*lines, sep="\n", end="\n" if lines else "", flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _PrintingError(str(error)) from error


def _reading(file: Path, work: Callable[[FileView], int]) -> int:
    """Return the exit code of work on a file that is open for reading; 3, with the reason, if it can't be read."""
    from h5saver_widget.browsing import FileView
    from h5saver_widget.browsing.opening import why_not

    try:
        with FileView(file, isolated=True) as view:
            return work(view)
    except BrokenPipeError:  # ... | head
        raise
    except (OSError, KeyError, ValueError) as error:
        print(f"h5saver: {file}: {why_not(file, error)}", file=sys.stderr)
        return 3


def _answer(find: Callable[[], FileState | RepairReport], as_json: bool) -> int:
    """Print the result, as JSON or in words; a file that can't be found is a mistake in the command."""
    try:
        findings = find()
    except OSError as error:
        print(f"h5saver: {error}", file=sys.stderr)
        return 2
    _print(json.dumps(findings.as_json(), indent=2) if as_json else findings.in_words())
    return int(findings.exit_code)


def _backend(name: str) -> str:
    """Return the name of a backend; the registry is loaded only where one is given."""
    from h5saver_widget.backends.registry import check_backend

    try:
        return check_backend(name)
    except H5SaverError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return number


def _clock(text: str) -> float:
    from h5saver_widget.recording.chronometer import parse_clock

    try:
        return parse_clock(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
