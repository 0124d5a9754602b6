"""Push a local file to a server, pull one from it; both resume, and both say whether the copies are alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.errors import DataMismatchError
from h5saver_widget.remote.transfer import Progress, Transfer, copy_all, fingerprint

__all__ = ["Copied", "pull", "push", "remote_backend"]


@dataclass(frozen=True)
class Copied:
    """What was copied, and the checksum that both files have.

    Attributes
    ----------
    transfer
        Nodes, bytes, and what was left out.
    checksum
        SHA-256 over paths, attributes and values; ``''`` if it was not asked for.
    """

    transfer: Transfer
    checksum: str


def remote_backend(options: RemoteOptions | Mapping[str, Any] | None = None) -> Backend:
    """Return a backend for files on a server."""
    from h5saver_widget.backends.h5pyd_backend import H5pydBackend

    return H5pydBackend(options)


def push(
    path: Path,
    domain: Path,
    options: RemoteOptions | Mapping[str, Any] | None = None,
    *,
    check: bool = True,
    progress: Progress | None = None,
) -> Copied:
    """Copy a local file to a server; folders that are missing there are made.

    A copy that was interrupted is continued: rows that are there already are not sent again.

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
        Called with the path that is copied, bytes done, bytes in all.

    Raises
    ------
    DataMismatchError
        If there is a different file, or the checksums differ.
    FileNotFoundError, FileOpenError, RemoteError
        If a file can't be opened, or the server went away.
    """
    source, target = create_backend("h5py"), remote_backend(options)
    source.open(path, "r")
    try:
        if not target.exists(domain):
            target.make_folder(domain.parent)
            target.open(domain, "x")
        else:
            target.open(domain, "r+")
        return _copy(source, target, check, progress)
    finally:
        target.close()
        source.close()


def pull(
    domain: Path,
    path: Path,
    options: RemoteOptions | Mapping[str, Any] | None = None,
    *,
    check: bool = True,
    progress: Progress | None = None,
) -> Copied:
    """Copy a file from a server to the local disk; parameters and errors as :func:`push`."""
    source, target = remote_backend(options), create_backend("h5py")
    source.open(domain, "r")
    try:
        target.open(path, "r+" if path.exists() else "x")
        return _copy(source, target, check, progress)
    finally:
        target.close()
        source.close()


def _copy(source: Backend, target: Backend, check: bool, progress: Progress | None) -> Copied:
    transfer = copy_all(source, target, progress)
    if not check:
        return Copied(transfer, "")
    ours, theirs = fingerprint(source), fingerprint(target)
    if ours != theirs:
        raise DataMismatchError(
            f"{source.path} and {target.path} differ after copying (checksums {ours[:12]} and {theirs[:12]}): "
            "was one of them written meanwhile, or does the target hold more? Copy to a new place"
        )
    return Copied(transfer, ours)
