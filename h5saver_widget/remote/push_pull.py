"""Push a local file to a server, pull one from it, complete a copy: all resume, and say whether both are alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.registry import READS_ALL, create_backend, server_backend
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.errors import DataMismatchError, MissingLibraryError
from h5saver_widget.progress import Progress
from h5saver_widget.remote.identity import open_target
from h5saver_widget.remote.transfer import Transfer, copy_all, fingerprint
from h5saver_widget.remote.unfinished import Unfinished
from h5saver_widget.saving.entry_of_copies import add_entry
from h5saver_widget.saving.provenance import recording_id

__all__ = ["Copied", "complete", "copied_and_compared", "local_reader", "pull", "push", "remote_backend"]


@dataclass(frozen=True)
class Copied:
    """A copy, and the checksum that both files have.

    Attributes
    ----------
    transfer
        Nodes, bytes, and the skipped nodes.
    checksum
        SHA-256 over paths, attributes and values; ``''`` if it was not asked for.
    target
        Where the copy is: under another name than was asked for if that belongs to another recording.
    """

    transfer: Transfer
    checksum: str
    target: Path


def remote_backend(options: RemoteOptions | Mapping[str, Any] | None = None, *, isolated: bool = False) -> Backend:
    """Return a backend for copies to and from a server; MissingLibraryError if the library for it is not installed.

    It waits for nothing longer than ``patience_seconds``: an interrupted copy continues later.
    """
    name = server_backend()
    if name is None:
        raise MissingLibraryError("files on a server need the library h5pyd: pip install 'h5saver_widget[remote]'")
    backend = create_backend(name, isolated=isolated)
    known = RemoteOptions.of(options)
    backend.location.use_server(replace(known, change_seconds=known.patience_seconds, keep=False))
    return backend


def push(
    path: Path,
    domain: Path,
    options: RemoteOptions | Mapping[str, Any] | None = None,
    *,
    check: bool = True,
    progress: Progress | None = None,
) -> Copied:
    """Copy a local file to a server; folders that are missing there are made.

    A copy that was interrupted is continued: rows that are there already are not sent again. If there is another
    recording of that name, it stays as it is, and the copy gets another name.

    Parameters
    ----------
    path
        The local file.
    domain
        Path on the server, ``/home/me/scan.h5``.
    options
        Where the server is; the environment's by default.
    check
        Read both afterwards and compare checksums.
    progress
        Told how many bytes of how many are done; it may stop the copy, which a later call continues.

    Raises
    ------
    DataMismatchError
        If the copy holds more than the file, or the checksums differ.
    FileNotFoundError, FileOpenError, RemoteError
        If a file can't be opened, or the server went away.
    """
    return _copied(create_backend(READS_ALL), path, remote_backend(options), domain, check, progress)


def pull(
    domain: Path,
    path: Path,
    options: RemoteOptions | Mapping[str, Any] | None = None,
    *,
    check: bool = True,
    progress: Progress | None = None,
) -> Copied:
    """Copy a file from a server to the local disk, with a NeXus entry made anew; parameters and errors as `push`."""
    return _copied(remote_backend(options), domain, create_backend(READS_ALL), path, check, progress)


def _copied(
    source: Backend, path: Path, target: Backend, place: Path, check: bool, progress: Progress | None
) -> Copied:
    source.open(path, "r")
    try:
        open_target(source, target, place)
        copied = copied_and_compared(source, target, progress, check=check)
        add_entry(target)
        return copied
    finally:
        target.close()
        source.close()


def copied_and_compared(
    source: Backend, target: Backend, progress: Progress | None = None, *, check: bool = True, thorough: bool = False
) -> Copied:
    """Copy between open files, and compare their checksums; DataMismatchError if they differ."""
    transfer, place = copy_all(source, target, progress, thorough=thorough), target.path
    assert place is not None
    if not check:
        return Copied(transfer, "", place)
    ours, theirs = fingerprint(source, progress), fingerprint(target, progress)
    if ours != theirs:
        raise DataMismatchError(
            f"{source.path} and {target.path} differ after copying (checksums {ours[:12]} and {theirs[:12]}): "
            "was one of them written meanwhile, or does the target hold more? Copy to a new place"
        )
    return Copied(transfer, ours, place)


def local_reader() -> Backend:
    """Return a reader for closed files: a crash while reading a damaged one ends only its worker."""
    return create_backend(READS_ALL, isolated=True)


def complete(note: Unfinished, source: Backend, target: Backend, progress: Progress | None = None) -> Copied:
    """Bring the copy on the server, which `target` opens, to the content of a closed local file, which `source` opens.

    Rows that are there already are compared only if the checksums differ. Errors as :func:`push`;
    DataMismatchError, too, if another recording has the place of the local one.
    """
    source.open(note.path, "r", locking=False)
    try:
        if note.recording and recording_id(source) not in ("", note.recording):
            raise DataMismatchError(f"{note.file} is another recording now; where is the one that was to be copied?")
        if target.path != note.remote_path:
            target.close()
            open_target(source, target, note.remote_path)
        try:
            return copied_and_compared(source, target, progress)
        except DataMismatchError:
            return copied_and_compared(source, target, progress, thorough=True)
    finally:
        source.close()
