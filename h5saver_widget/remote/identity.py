"""Which recording a file is, told by the identity in it, never by name, clock or machine; and where its copy goes."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.copying import blocks_of
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.errors import DataMismatchError, FileOpenError
from h5saver_widget.format.layout import RECORDING_ID
from h5saver_widget.remote.transfer import kinds_alike, nodes_of
from h5saver_widget.saving.provenance import recording_id

__all__ = ["is_same_recording", "names_beside", "open_target", "same_server"]

_LONGEST_NAME = 255  # bytes, on disks and servers


def is_same_recording(source: Backend, target: Backend) -> bool:
    """Tell whether the open files are one recording, of which `target` may hold less; nothing is changed.

    Files without an identity are compared by their content: everything in `target` must be in `source`.
    """
    ours, theirs = recording_id(source), recording_id(target)
    return ours == theirs if ours and theirs else _is_part(target, source)


def _is_part(part: Backend, whole: Backend) -> bool:
    for path, node, kind in nodes_of(part):
        parent, _, name = path.rpartition("/")
        if path != "/" and not whole.has_child(whole.node(parent or "/"), name):
            return False
        there = whole.node(path)
        if not kinds_alike(kind, whole.kind(there)):
            return False
        if kind is NodeKind.TEXT:
            ours, theirs = list(part.read(node)), list(whole.read(there))[: part.info(node).shape[0]]
            if [row.tobytes() for row in ours] != [row.tobytes() for row in theirs]:
                return False
        elif kind in (NodeKind.FIXED, NodeKind.GROWING):
            info, other = part.info(node), whole.info(there)
            short = kind is NodeKind.GROWING and info.shape[0] <= other.shape[0]
            if info.shape[1:] != other.shape[1:] or not (short or info.shape == other.shape):
                return False
            for rows in [...] if info.shape == () else [rows for rows, _ in blocks_of(info)]:
                values = np.asarray(part.read(node, rows))
                # what is not copied yet of a fixed array is zero
                if (kind is NodeKind.GROWING or values.any()) and not _equal(values, whole.read(there, rows)):
                    return False
    return True


def _equal(one: object, other: object) -> bool:
    left, right = np.asarray(one), np.asarray(other)
    return left.dtype.kind == right.dtype.kind and np.array_equal(left, right, equal_nan=left.dtype.kind in "fc")


def names_beside(place: Path, word: str) -> Iterator[Path]:
    """Iterate over the name that is wanted and, should it belong to another recording, other ones."""
    yield place
    own = f"_{word[:8]}" if word else ""
    for number in itertools.count(1 if word else 2):
        ending = f"{own}_{number}{place.suffix}" if number > 1 else f"{own}{place.suffix}"
        room = _LONGEST_NAME - len(ending.encode())
        yield place.with_name(place.stem.encode()[:room].decode(errors="ignore") + ending)


def open_target(source: Backend, target: Backend, place: Path) -> Path:
    """Open the copy of the open file of `source` for writing, and return where it is.

    A missing file is made, with the folders above it. Another recording is not touched: the copy then has another name,
    which is the same the next time. No server lists a name with a backslash: it has ``_`` instead.
    """
    word = recording_id(source)
    if target.capabilities.remote:
        place = place.with_name(place.name.replace("\\", "_"))
    for name in itertools.islice(names_beside(place, word), 100):
        if not target.location.exists(name):
            target.location.make_folder(name.parent)
            try:
                target.open(name, "x")
            except FileExistsError:  # another one was faster: it is looked at
                pass
            else:
                if word:
                    target.set_attributes(target.root(), {RECORDING_ID: word})
                return name
        target.open(name, "r")
        try:
            same = is_same_recording(source, target)
        finally:
            target.close()
        if same:
            target.open(name, "r+")
            return name
    raise DataMismatchError(f"{place} and all names beside it belong to other recordings; copy to another folder")


def same_server(one: str, other: str) -> bool:
    """Tell whether two addresses are of one server, however they are spelled; it may ask for the addresses of names.

    >>> same_server('http://localhost:5101/', 'HTTP://127.0.0.1:5101')
    True
    """
    try:
        return one == other or bool(_places(one) & _places(other))
    except (ValueError, FileOpenError):
        return False


def _places(endpoint: str) -> set[tuple[str, int, str]]:
    """Return scheme, port and every name and number of the machines that an address means."""
    found = set()
    for address in RemoteOptions(endpoint).addresses:
        parts = urlsplit(address)
        port, hosts = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0), {(parts.hostname or "").lower()}
        with suppress(OSError):
            known = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
            hosts |= {str(entry[4][0]) for entry in known}
        found |= {(parts.scheme, port, host) for host in hosts}
    return found
