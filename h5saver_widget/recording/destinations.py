"""Destinations: where files go, on the disk or on a server, and whether a server answers. No Qt.

Some of these functions are methods of :class:`~h5saver_widget.recording.saver.H5SaverBase`, which lists them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.registry import create_backend, server_backend
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.errors import MissingLibraryError
from h5saver_widget.format.naming import PathProvider

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = [
    "base_folder",
    "connection_test",
    "next_file_finder",
    "next_file_name",
    "path_provider",
    "server_asker",
    "server_folder",
    "server_options",
    "test_connection",
]


def server_options(saver: H5SaverBase) -> RemoteOptions:
    """Return the server of the settings, completed by environment variables."""
    return saver.policy.server_options(saver.store.current)


def server_folder(saver: H5SaverBase) -> Path:
    """Return the folder on the server that all files go below; NamingError if none is chosen."""
    return saver.policy.server_folder(saver.store.current)


def test_connection(saver: H5SaverBase) -> str:
    """Try to reach the server, and return the result as a sentence; takes some seconds if it does not answer.

    Raises
    ------
    MissingLibraryError
        If the library for it is not installed.
    """
    return saver.connection_test()()


def connection_test(saver: H5SaverBase) -> Callable[[], str]:
    """Return :meth:`test_connection` as a function for a thread: it holds no saver."""
    folder = saver.store.current.domain.strip()
    return partial(_connection, saver.server_asker(), Path(folder) if folder else None)


def server_asker(saver: H5SaverBase) -> Callable[[], Backend]:
    """Return a function that makes a backend for requests to the server, for a thread to call: it holds no saver.

    The one that records has better things to do than to wait for a server. Called where the library for it is not
    installed, it raises MissingLibraryError.
    """
    return partial(_make_asker, saver.server_options())


def base_folder(saver: H5SaverBase) -> Path:
    """Return the folder that all files go below; NamingError if none is chosen."""
    return saver.policy.base_folder(saver.store.current, saver.io)


def path_provider(saver: H5SaverBase) -> PathProvider:
    """Return where the settings say that files go.

    Raises
    ------
    NamingError
        If the base path is empty, the name pattern is wrong, or no file may have the base name.
    """
    return saver.policy.provider(saver.store.current, saver.io)


def next_file_name(saver: H5SaverBase, now: datetime | None = None) -> str:
    """Return the name that a file gets that is made now. The folder is looked into: this may wait for a share.

    Parameters
    ----------
    now
        Another time than now.

    Raises
    ------
    NamingError
        As :meth:`path_provider`.
    """
    return saver.path_provider().preview(now or datetime.now())


def _make_asker(options: RemoteOptions) -> Backend:
    name = server_backend()
    if name is None:
        raise MissingLibraryError("files on a server need the library h5pyd: pip install 'h5saver_widget[remote]'")
    asker = create_backend(name, isolated=True)
    asker.location.use_server(options)
    return asker


def _connection(make_asker: Callable[[], Backend], folder: Path | None) -> str:
    return make_asker().location.connection_in_words(folder)


def next_file_finder(saver: H5SaverBase, folder: str | None = None) -> Callable[[datetime], str]:
    """Return a function that finds the name of a file made at a time; a thread may call it: it holds no saver.

    Parameters
    ----------
    folder
        A base path that is being typed; None for that of the settings. The function raises OSError if no file can be
        made in it.

    Raises
    ------
    NamingError
        If there can be no name.
    """
    settings = saver.store.current
    if saver.capabilities.remote:
        return saver.policy.provider(settings, saver.io).preview
    typed = settings if folder is None else replace(settings, base_path=folder)
    return partial(_name_below, saver.policy.provider(typed, saver.io))


def _name_below(provider: PathProvider, now: datetime) -> str:
    there = next((f for f in (provider.base_path, *provider.base_path.absolute().parents) if f.exists()), None)
    if there is None:
        raise FileNotFoundError(f"there is no {provider.base_path.anchor}: choose another base path")
    if not there.is_dir():
        raise NotADirectoryError(f"{there} is a file, no folder: choose another base path")
    if not os.access(there, os.W_OK):
        raise PermissionError(f"no file can be made in {there}: choose another base path, or ask who owns it")
    return provider.preview(now)
