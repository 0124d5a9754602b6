"""Folders and files on a server, from outside: is it there, make it, give it another name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from h5saver_widget.backends.h5pyd_client import Client, domain_of
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.errors import FileOpenError, RemoteRefusedError
from h5saver_widget.format.naming import natural_key

__all__ = ["move_aside_on_server", "remote_exists", "remote_make_folder", "remote_names"]

_NAMES_PER_REQUEST = 1000


def remote_exists(path: Path, options: RemoteOptions) -> bool:
    """Tell whether there is a file or folder; RemoteError or FileOpenError if the server doesn't say."""
    client = Client(domain_of(path), options)
    try:
        status, _ = client.probe()
        if status in (404, 410):
            return False
        if status >= 300:
            raise FileOpenError(client.in_words(status, "looking at"))
        return True
    finally:
        client.close()


def remote_names(folder: Path, options: RemoteOptions) -> list[str]:
    """Return the names of files and folders in a folder, in natural order; none if there is no such folder."""
    found: list[str] = []
    client = Client(domain_of(folder), options)
    try:
        while True:
            more = {"Marker": f"{folder.as_posix().rstrip('/')}/{found[-1]}"} if found else {}
            answer = client.ask(
                "GET",
                "/domains",
                missing=True,
                patience=options.connect_seconds,
                domain=f"{folder.as_posix().rstrip('/')}/",
                Limit=_NAMES_PER_REQUEST,
                **more,
            )
            names = [] if answer is None else [entry["name"].rpartition("/")[2] for entry in answer["domains"]]
            found += names
            if len(names) < _NAMES_PER_REQUEST:
                return sorted(found, key=natural_key)
    finally:
        client.close()


def remote_make_folder(folder: Path, options: RemoteOptions) -> None:
    """Make a folder and those above it; a FileOpenError says which one may not be made."""
    missing = []
    for place in (folder, *folder.parents):
        if place == place.parent or remote_exists(place, options):
            break
        missing.append(place)
    for place in reversed(missing):
        client = Client(domain_of(place, new=True), options)
        try:
            status, _ = client.settle("PUT", "/", {"folder": 1})
            if status >= 300 and status != 409:
                raise FileOpenError(client.in_words(status, "making the folder"))
        finally:
            client.close()


def _backup_names(path: Path) -> Iterator[Path]:
    number = 1
    while True:
        yield path.with_name(f"{path.stem}_old{number}{path.suffix}")
        number += 1


def move_aside_on_server(path: Path, options: RemoteOptions) -> Path:
    """Let the first free backup name point to a file's content, then take its own name away: nothing is copied."""
    for target in _backup_names(path):
        client = Client(domain_of(target), options)
        try:
            status, _ = client.settle("PUT", "/", {"linked_domain": domain_of(path)})
            if status == 409:
                continue
            if status >= 300:
                raise RemoteRefusedError(client.in_words(status, "renaming to"), status)
        finally:
            client.close()
        old = Client(domain_of(path), options)
        try:
            old.ask("DELETE", "/", keep_root=1)
        finally:
            old.close()
        return target
    raise AssertionError("unreachable: the names do not end")
