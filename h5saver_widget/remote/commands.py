"""The commands ``h5saver push`` and ``h5saver pull``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path, PurePosixPath

from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.errors import H5SaverError
from h5saver_widget.progress import TerminalProgress

__all__ = ["Pull", "Push"]


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--endpoint", default="", metavar="URL", help="the HSDS server (default: HS_ENDPOINT)")
    parser.add_argument(
        "--username", default="", metavar="NAME", help="user (default: HS_USERNAME); the password is HS_PASSWORD's"
    )
    parser.add_argument("--no-check", action="store_true", help="do not compare checksums afterwards")


def _run(arguments: argparse.Namespace, to_server: bool) -> int:
    from h5saver_widget.remote.push_pull import pull, push

    options = RemoteOptions(endpoint=arguments.endpoint, username=arguments.username)
    domain = Path(PurePosixPath(arguments.domain))
    try:
        if to_server:
            copied = push(arguments.file, domain, options, check=not arguments.no_check, progress=TerminalProgress())
        else:
            copied = pull(domain, arguments.file, options, check=not arguments.no_check, progress=TerminalProgress())
    except (H5SaverError, OSError) as error:
        print(f"h5saver: {error}", file=sys.stderr)
        return 1
    transfer = copied.transfer
    wanted = domain if to_server else arguments.file
    if copied.target != wanted:
        print(f"{wanted} is another recording and stays as it is: the copy is {copied.target}")
    print(f"{transfer.nodes} nodes, {transfer.copied_bytes} bytes copied", end="")
    print(f"; both have the checksum {copied.checksum[:16]}" if copied.checksum else "")
    for path, reason in transfer.skipped.items():
        print(f"skipped: {path}: {reason}")
    return 0


def _complete_all(options: RemoteOptions, formerly: str) -> int:
    """Send the unfinished parts of mirrors and recordings to this server; 1 if a part is still left."""
    from h5saver_widget.remote.push_pull import complete, local_reader, remote_backend

    source, target = local_reader(), remote_backend(options)
    from h5saver_widget.remote.unfinished import left_behind, notes_folder

    notes, rests, others = left_behind(options, notes_folder(), formerly)
    left = 0
    for note in notes:
        try:
            if not note.path.is_file():
                raise FileNotFoundError("there is no such file any more; it was moved or deleted")
            try:
                copied = complete(note, source, target, TerminalProgress())
            finally:
                target.close()
        except (H5SaverError, OSError) as error:
            left += 1
            print(f"h5saver: {note.file}: {error}", file=sys.stderr)
        else:
            note.remove(notes_folder())
            print(f"{note.file}: complete as {copied.target}, {copied.transfer.copied_bytes} bytes copied")
    left += sum(_send_rest(path, options) for path in rests)
    for endpoint in sorted(others):
        print(f"something is left for {endpoint}, too: name it by --endpoint; if that is the old address of this")
        print(f"server, by --formerly {endpoint}")
    return int(left > 0)


def _send_rest(path: Path, options: RemoteOptions) -> int:
    """Send the unsent rest of a file on a server that was closed."""
    from h5saver_widget.backends.remote_journal import send_rest

    try:
        print(f"{send_rest(path, options)}: complete; {path.name} was sent")
    except (H5SaverError, OSError) as error:
        print(f"h5saver: {path}: {error}", file=sys.stderr)
        return 1
    return 0


class Push:
    """Copies a file to a server."""

    help = "copy a file to an HSDS server; an interrupted copy is continued"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare FILE, DOMAIN, --unfinished and where the server is."""
        parser.add_argument(
            "file",
            type=Path,
            nargs="?",
            metavar="FILE",
            help="the local file, or the unsent rest of one on a server (.unsent)",
        )
        parser.add_argument("domain", nargs="?", metavar="DOMAIN", help="its path on the server, /home/me/scan.h5")
        parser.add_argument("--unfinished", action="store_true", help="send unfinished mirrors and recordings")
        parser.add_argument("--formerly", default="", metavar="URL", help="address that the server had before")
        _add_options(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        """Copy; 1 if that failed."""
        options = RemoteOptions(endpoint=arguments.endpoint, username=arguments.username)
        if arguments.unfinished:
            return _complete_all(options, arguments.formerly)
        if arguments.file is not None and arguments.file.suffix == ".unsent":
            return _send_rest(arguments.file, options)
        if not arguments.domain:
            print("h5saver: push needs FILE and DOMAIN, or --unfinished; see h5saver push --help", file=sys.stderr)
            return 2
        return _run(arguments, to_server=True)


class Pull:
    """Copies a file from a server."""

    help = "copy a file from an HSDS server; an interrupted copy is continued"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare DOMAIN, FILE and where the server is."""
        parser.add_argument("domain", metavar="DOMAIN", help="path on the server, /home/me/scan.h5")
        parser.add_argument("file", type=Path, metavar="FILE", help="the local file")
        _add_options(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        """Copy; 1 if that failed."""
        return _run(arguments, to_server=False)
