"""FilePolicy: folders and names of files, from the settings and the backend. No Qt, no file is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.errors import NamingError
from h5saver_widget.format.layout import SaveType
from h5saver_widget.format.name_template import NameTemplate
from h5saver_widget.format.naming import PathProvider
from h5saver_widget.recording.notes import read_notes
from h5saver_widget.recording.settings import Settings

__all__ = ["FilePolicy"]


class FilePolicy:
    """Decides from settings; keeps nothing.

    Examples
    --------
    >>> from h5saver_widget.backends.registry import create_backend
    >>> policy, backend = FilePolicy(), create_backend('h5py')
    >>> policy.base_folder(Settings(base_path='/data'), backend).as_posix()
    '/data'
    """

    def provider(self, settings: Settings, io: Backend) -> PathProvider:
        """Return the path provider.

        Raises
        ------
        NamingError
            If the base path is empty, the name pattern is wrong, or no file may have the base name.
        """
        base_path = self.base_folder(settings, io)
        pattern = settings.name_template.strip()
        template = None
        if pattern:
            notes = read_notes(settings.notes)
            template = NameTemplate(pattern, {note.name: note.value for note in notes})
        where = io.location.list_folder if io.capabilities.remote else None
        kind = SaveType.of(settings.save_type)
        return PathProvider(base_path, settings.base_name, kind, settings.dated_folders, template, where)

    def base_folder(self, settings: Settings, io: Backend) -> Path:
        """Return the folder that all files go below; NamingError if none is chosen."""
        if io.capabilities.remote:
            return self.server_folder(settings)
        base_path = settings.base_path.strip()
        if not base_path:
            raise NamingError("the base path is empty: choose a folder for the files")
        return Path(base_path).expanduser()

    def server_options(self, settings: Settings) -> RemoteOptions:
        """Return the server of the settings, completed by environment variables."""
        return RemoteOptions(
            endpoint=settings.endpoint.strip(),
            username=settings.user.strip(),
            password=settings.password,
            api_key=settings.api_key,
            certificate=settings.certificate.strip(),
        )

    def server_folder(self, settings: Settings) -> Path:
        """Return the folder on the server that all files go below; NamingError if none is chosen."""
        folder = settings.domain.strip() or self.server_options(settings).home
        if not folder.startswith("/"):
            raise NamingError(f"{folder!r} is no folder of a server: write something like /home/me, or name the user")
        return Path(folder)

    def recipe(self, settings: Settings, backend: str, swmr: bool) -> tuple[Any, ...]:
        """Return everything that a new file is made from: two files of one recipe are the same but for their names."""
        names = ("base_path", "base_name", "name_template", "dated_folders", "notes", "isolated", "save_type")
        return (*(getattr(settings, name) for name in names), backend, swmr)
