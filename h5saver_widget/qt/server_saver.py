"""ServerSaver: a saver whose settings name a server: files go there, or to the disk with a mirror there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from h5saver_widget.backends.registry import create_backend, server_backend
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.errors import MissingLibraryError, NamingError
from h5saver_widget.qt.settings_saver import Reactions, SettingsSaver

__all__ = ["ServerSaver"]

_OPTIONS = ("backend", "hsds_options")


class ServerSaver(SettingsSaver):
    """A saver that finds its server in the settings.

    Parameters
    ----------
    save_type
        What the files are for; decides how they are named.
    backend
        Name of the backend; None for the configured default.
    """

    def reactions(self) -> Reactions:
        """Return what a changed setting does."""
        names = ("endpoint", "user", "password")
        mine: Reactions = {(*_OPTIONS, name): self._server_changed for name in names}
        return {**super().reactions(), **mine}

    def server_options(self) -> RemoteOptions:
        """Return the server that the settings name; what they leave open, the environment says."""
        options = self.settings.child(*_OPTIONS)
        secret = options.child("password").secret()
        return RemoteOptions(endpoint=options["endpoint"].strip(), username=options["user"].strip(), password=secret)

    def base_folder(self) -> Path:
        """Return the folder that all files go below; NamingError if none is chosen."""
        return self.server_folder() if self.capabilities.remote else super().base_folder()

    def server_folder(self) -> Path:
        """Return the folder on the server that all files go below; NamingError if none is chosen."""
        folder = self.settings[(*_OPTIONS, "domain")].strip() or self.server_options().home
        if not folder.startswith("/"):
            raise NamingError(f"{folder!r} is no folder of a server: write something like /home/me, or name the user")
        return Path(folder)

    def test_connection(self) -> str:
        """Try to reach the server, and say in a sentence what was found; takes some seconds if it does not answer.

        Raises
        ------
        MissingLibraryError
            If the library for it is not installed.
        """
        name = server_backend()
        if name is None:
            raise MissingLibraryError("files on a server need the library h5pyd: pip install 'h5saver_widget[remote]'")
        # not through the backend that records: that one has better things to do than to wait for a server
        asker = create_backend(name, isolated=True)
        asker.use_server(self.server_options())
        folder = self.settings[(*_OPTIONS, "domain")].strip()
        return asker.connection_in_words(Path(folder) if folder else None)

    def show_connection(self, words: str) -> None:
        """Show what came of a test; ``''`` hides it."""
        answer = self.settings.child(*_OPTIONS, "connection")
        answer.setValue(words)
        answer.setOpts(visible=bool(words))

    def set_backend(self, name: str) -> None:
        """Change the library that writes; an open file is closed properly first."""
        before = self.capabilities.remote
        super().set_backend(name)
        if "settings" in self.__dict__ and self.capabilities.remote != before:
            self.settings.child("base_path").setOpts(visible=before)
            self._show_server()
            self._server_changed(None)

    def _show_server(self) -> None:
        self.settings.child(*_OPTIONS).setOpts(visible=self.capabilities.remote)

    def _server_changed(self, _: Any) -> None:
        self.show_connection("")
        self.use_server(self.server_options())
