"""Destinations: where files go, on the disk or on a server, and whether a server answers. No Qt.

Some of these functions are methods of :class:`~h5saver_widget.recording.saver.H5SaverBase`, which lists them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.registry import create_backend, server_backend
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.errors import MissingLibraryError, NamingError
from h5saver_widget.format.layout import SaveType
from h5saver_widget.format.name_template import NameTemplate
from h5saver_widget.format.naming import PathProvider

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = [
    "base_folder",
    "connection_test",
    "next_file_finder",
    "next_file_name",
    "path_provider",
    "recipe",
    "server_asker",
    "server_folder",
    "server_options",
    "test_connection",
]


def server_options(saver: H5SaverBase) -> RemoteOptions:
    """Return the server of the settings, completed by environment variables."""
    settings = saver.store.current
    return RemoteOptions(
        endpoint=settings.endpoint.strip(),
        username=settings.user.strip(),
        password=settings.password,
        api_key=settings.api_key,
        certificate=settings.certificate.strip(),
    )


def server_folder(saver: H5SaverBase) -> Path:
    """Return the folder on the server that all files go below; NamingError if none is chosen."""
    folder = saver.store.current.domain.strip() or saver.server_options().home
    if not folder.startswith("/"):
        raise NamingError(f"{folder!r} is no folder of a server: write something like /home/me, or name the user")
    return Path(folder)


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
    return _folder_below(saver, saver.store.current.base_path)


def _folder_below(saver: H5SaverBase, base_path: str) -> Path:
    if saver.capabilities.remote:
        return saver.server_folder()
    if not base_path.strip():
        raise NamingError("the base path is empty: choose a folder for the files")
    return Path(base_path.strip()).expanduser()


def path_provider(saver: H5SaverBase) -> PathProvider:
    """Return where the settings say that files go.

    Raises
    ------
    NamingError
        If the base path is empty, the name pattern is wrong, or no file may have the base name.
    """
    return _provider(saver, saver.store.current.base_path)


def _provider(saver: H5SaverBase, base_path: str) -> PathProvider:
    settings, pattern = saver.store.current, saver.store.current.name_template.strip()
    template = NameTemplate(pattern, {note.name: note.value for note in saver.notes}) if pattern else None
    where = saver.io.location.list_folder if saver.capabilities.remote else None
    kind, folder = SaveType.of(settings.save_type), _folder_below(saver, base_path)
    return PathProvider(folder, settings.base_name, kind, settings.dated_folders, template, where)


def recipe(saver: H5SaverBase) -> tuple[Any, ...]:
    """Return everything that a file made now is made from: two of one recipe are the same but for their names."""
    names = ("base_path", "base_name", "name_template", "dated_folders", "notes", "isolated", "save_type")
    return (*(getattr(saver.store.current, name) for name in names), saver.backend, saver.wants_swmr)


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
    provider = _provider(saver, saver.store.current.base_path if folder is None else folder)
    return provider.preview if saver.capabilities.remote else partial(_name_below, provider)


def _name_below(provider: PathProvider, now: datetime) -> str:
    there = next((f for f in (provider.base_path, *provider.base_path.absolute().parents) if f.exists()), None)
    if there is None:
        raise FileNotFoundError(f"there is no {provider.base_path.anchor}: choose another base path")
    if not there.is_dir():
        raise NotADirectoryError(f"{there} is a file, no folder: choose another base path")
    if not os.access(there, os.W_OK):
        raise PermissionError(f"no file can be made in {there}: choose another base path, or ask who owns it")
    return provider.preview(now)
