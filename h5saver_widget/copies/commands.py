"""The commands ``h5saver copy`` and ``h5saver copies``."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path

from h5saver_widget.errors import H5SaverError
from h5saver_widget.progress import TerminalProgress

__all__ = ["CopiesCommand", "CopyCommand"]


class CopyCommand:
    """Copies files to a folder."""

    help = "copy files to a folder, read the copies back and compare them; exit code 1: failed"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare FILE, FOLDER and --rate."""
        parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
        parser.add_argument(
            "folder", metavar="FOLDER", help="a folder on a share or a disk, or hdf5://FOLDER on the HSDS server"
        )
        parser.add_argument("--rate", type=float, default=0.0, metavar="MB", help="at most so many MB in a second")

    def run(self, arguments: argparse.Namespace) -> int:
        """Copy each file, and print where its copy is."""
        from h5saver_widget.copies.courier import want_copy
        from h5saver_widget.copies.notes import folder_named, notes_folder
        from h5saver_widget.copies.sending import Pace, attempt

        failed = 0
        for path in arguments.files:
            told = TerminalProgress()
            pace = Pace(arguments.rate * 1e6, partial(_tell, told, path.name))
            try:
                if not path.is_file():
                    raise FileNotFoundError(f"{path} is not a file; check the path")
                note = want_copy(path.absolute(), folder_named(arguments.folder), None, notes_folder())
                done = attempt(note, notes_folder(), pace)
            except (H5SaverError, OSError) as error:
                print(f"h5saver: {error}", file=sys.stderr)
                failed = 1
                continue
            if done.is_safe:
                print(f"{path}: safe as {done.copy}, sha256 {done.sha256}")
            else:
                print(f"h5saver: {path}: {done.problem}", file=sys.stderr)
                failed = 1
        return failed


def _tell(told: TerminalProgress, name: str, done: int, total: int) -> None:
    told.report(done, total, name)


class CopiesCommand:
    """Lists copies, and completes them."""

    help = "list the copies of recordings, and how safe they are; exit code 1: some are not safe"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare FOLDER, --complete, --accept, --forget and --json."""
        parser.add_argument("folder", nargs="?", metavar="FOLDER", help="only those in this folder")
        parser.add_argument("--complete", action="store_true", help="make those now that are not safe yet")
        parser.add_argument("--accept", action="store_true", help="FOLDER is on another disk now, which is meant")
        parser.add_argument("--forget", action="store_true", help="forget copies of files that are not there any more")
        parser.add_argument("--json", action="store_true", help="print a line of JSON for each copy")

    def run(self, arguments: argparse.Namespace) -> int:
        """Print the state of each copy."""
        from h5saver_widget.copies.notes import CopyNote, folder_named, notes_folder, on_server
        from h5saver_widget.copies.places import forget_place, place_of
        from h5saver_widget.copies.sending import Pace, attempt

        notes, folder = notes_folder(), None if arguments.folder is None else folder_named(arguments.folder)
        if arguments.accept:
            if folder is None:
                print("h5saver: --accept needs FOLDER", file=sys.stderr)
                return 2
            try:
                forget_place(folder, notes)
                if not on_server(folder):  # a server is asked when there is something to copy
                    place_of(Path(folder), notes)
            except (H5SaverError, OSError) as error:
                print(f"h5saver: {error}", file=sys.stderr)
                return 1
        known = [note for note in CopyNote.read_all(notes) if folder is None or note.folder == folder]
        if arguments.forget:
            for note in known:
                if not note.is_safe and not note.path.exists():
                    note.remove(notes)
            known = [note for note in known if note.is_safe or note.path.exists()]
        if arguments.complete:
            known = [attempt(note, notes, Pace()) if note.state in ("local", "trouble") else note for note in known]
        for note in sorted(known, key=lambda note: (note.file, note.folder)):
            if arguments.json:
                print(json.dumps({**asdict(note), "state": note.state}))
            else:
                why = f": {note.problem}" if note.state == "trouble" else ""
                print(f"{note.state:8}{note.file} -> {note.copy or note.wanted}{why}")
        return int(any(note.state in ("local", "trouble") for note in known))
