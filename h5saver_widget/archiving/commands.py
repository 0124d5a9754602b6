"""The commands ``h5saver template`` and ``h5saver validate``."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from h5saver_widget.errors import H5SaverError, TemplateError

__all__ = ["TemplateCommand", "Validate"]


class TemplateCommand:
    """Makes and checks templates of metadata."""

    help = "make a template of metadata, or check one; exit code 1: it has a mistake"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare new and check."""
        from h5saver_widget.archiving.ready_made import READY_MADE

        what = parser.add_subparsers(dest="what", required=True, metavar="new|check")
        new = what.add_parser("new", help="write a template to be changed")
        new.add_argument("file", type=Path, metavar="FILE")
        new.add_argument("--like", choices=READY_MADE, default="bare", help="of which kind (default: bare)")
        check = what.add_parser("check", help="look whether a template can be used")
        check.add_argument("file", type=Path, metavar="FILE")

    def run(self, arguments: argparse.Namespace) -> int:
        """Do it."""
        from h5saver_widget.archiving.ready_made import READY_MADE
        from h5saver_widget.archiving.template import find_template
        from h5saver_widget.archiving.units import unit_problem

        path: Path = arguments.file
        try:
            if arguments.what == "new":
                with path.open("x", encoding="utf-8") as file:
                    file.write(READY_MADE[arguments.like])
                print(f"{path}: choose it under Notes, as the template")
                return 0
            template = find_template(str(path.absolute()))
            for field in template.fields:
                if problem := unit_problem(field.unit):
                    raise TemplateError(f"{path.name}: {field.name}: {problem}")
        except (H5SaverError, OSError) as error:
            print(f"h5saver: {error}", file=sys.stderr)
            return 1
        print(f"{path}: {template.title}, {len(template.fields)} fields, can be used")
        for field in template.fields:
            about = [field.type, field.unit, "" if field.required == "no" else f"required: {field.required}"]
            print(f"  {field.name} ({', '.join(filter(None, about))}) -> {field.path or 'notes alone'}")
        return 0


class Validate:
    """Says which information an archive would miss in a file."""

    help = "say what an archive would miss in a file; exit code 0: valid, 1: not valid, 3: not readable"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare FILE and --pynx."""
        parser.add_argument("file", type=Path, metavar="FILE")
        parser.add_argument(
            "--pynx",
            metavar="PROGRAM",
            default=os.environ.get("H5SAVER_PYNX", ""),
            help="the program pynx of pynxtools, to check against all of NeXus, too (default: that on the PATH)",
        )

    def run(self, arguments: argparse.Namespace) -> int:
        """Print the missing information, in words."""
        from h5saver_widget.archiving.missing import missing_in
        from h5saver_widget.backends.registry import READS_ALL
        from h5saver_widget.browsing import FileView
        from h5saver_widget.browsing.opening import why_not

        try:
            with FileView(arguments.file, READS_ALL, isolated=True) as view:
                found = missing_in(view.h5)
        except (OSError, KeyError, ValueError) as error:
            print(f"h5saver: {arguments.file}: {why_not(arguments.file, error)}", file=sys.stderr)
            return 3
        for one in found:
            print(f"{'error ' if one.is_error else 'advice'}  {one}")
        said, is_valid = _strict(arguments.file, arguments.pynx or _pynx())
        print(*said, sep="\n")
        return 1 if any(one.is_error for one in found) or not is_valid else 0


def _pynx() -> str:
    """Return the program of pynxtools, ``''`` if there is none: beside that of Python, or on the PATH."""
    beside = str(Path(sys.executable).parent)
    return shutil.which("pynx", path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}") or ""


def _strict(path: Path, program: str) -> tuple[list[str], bool]:
    """Return the report of pynxtools on a file, and whether it takes it for valid."""
    if not program:
        return [
            "checked by the rules of this package alone: pip install 'h5saver_widget[nexus]' for the whole of NeXus"
        ], True
    try:
        done = subprocess.run([program, "validate", str(path)], capture_output=True, text=True)
    except OSError as error:
        return [f"{program} could not be started: {error}"], True
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return [f"pynxtools: {line}" for line in lines], any(" is valid according to " in line for line in lines)
