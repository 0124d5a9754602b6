"""The commands ``h5saver seal`` and ``h5saver verify``."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from h5saver_widget.errors import H5SaverError
from h5saver_widget.progress import TerminalProgress

__all__ = ["SealCommand", "Verify"]


class SealCommand:
    """Seals files."""

    help = "seal files: write down checksums of everything in them; exit code 1: not sealed, 3: not readable"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare FILE."""
        parser.add_argument("files", type=Path, nargs="+", metavar="FILE")

    def run(self, arguments: argparse.Namespace) -> int:
        """Seal each file, and print its root hash."""
        from h5saver_widget.sealing.making import seal_file
        from h5saver_widget.sealing.records import seal_path

        worst = 0
        for path in arguments.files:
            try:
                sealed = seal_file(path, TerminalProgress())
            except (H5SaverError, OSError) as error:
                print(f"h5saver: {error}", file=sys.stderr)
                worst = max(worst, 3 if isinstance(error, OSError) else 1)
                continue
            new = f"sealed, number {sealed.number}" if sealed.is_new else f"nothing is new since seal {sealed.number}"
            print(f"{path}: {new}, sha256 {sealed.root} ({seal_path(path).name})")
            for where, why in sealed.left_out.items():
                print(f"  not sealed: {where}: {why}")
            for note in sealed.notes:
                print(f"  note: {note}")
        return worst


class Verify:
    """Says whether files are as they were sealed."""

    help = (
        "say whether files are as they were sealed, and what is not; "
        "exit code 0: unchanged, 1: changed, 3: not readable, 4: not sealed"
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare FILE and --json."""
        parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
        parser.add_argument("--json", action="store_true", help="print everything as JSON, a line for each file")

    def run(self, arguments: argparse.Namespace) -> int:
        """Verify each file; the exit code is the first that is set of: changed, not readable, not sealed."""
        from h5saver_widget.sealing.verifying import VerifyCode, verify_file

        codes = set()
        for path in arguments.files:
            try:
                verdict = verify_file(path, TerminalProgress())
            except (H5SaverError, OSError) as error:
                print(f"h5saver: {error}", file=sys.stderr)
                codes.add(VerifyCode.NOT_READABLE)
                continue
            codes.add(verdict.code)
            if arguments.json:
                print(json.dumps({**asdict(verdict), "path": str(path), "code": int(verdict.code)}))
            else:
                print(verdict.in_words())
        order = (VerifyCode.CHANGED, VerifyCode.NOT_READABLE, VerifyCode.NOT_SEALED)
        return int(next((code for code in order if code in codes), VerifyCode.UNCHANGED))
