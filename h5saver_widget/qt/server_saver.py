"""ServerSaver: a saver whose settings name a server: files go there, or to the disk with a mirror there."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.registry import create_backend, server_backend
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.errors import H5SaverError, MissingLibraryError, NamingError
from h5saver_widget.qt.settings_saver import Reactions, SettingsSaver
from h5saver_widget.remote.mirror import Mirror, MirrorStatus

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

    _mirror: Mirror | None = None

    def reactions(self) -> Reactions:
        """Return what a changed setting does."""
        names = ("endpoint", "user", "password", "domain")
        mine: Reactions = {(*_OPTIONS, name): self._server_changed for name in names}
        return {**super().reactions(), **mine, ("backend", "mirror"): self._mirror_changed}

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
        return self.connection_test()()

    def connection_test(self) -> Callable[[], str]:
        """Return what :meth:`test_connection` does, to be called by a thread: it holds no saver."""
        folder = self.settings[(*_OPTIONS, "domain")].strip()
        return partial(_connection, self.server_asker(), Path(folder) if folder else None)

    def server_asker(self) -> Callable[[], Backend]:
        """Return what makes a backend that asks the server of the settings, for a thread to call: it holds no saver.

        That which records has better things to do than to wait for a server. Called where the library for it is not
        installed, it raises MissingLibraryError.
        """
        return partial(_make_asker, self.server_options())

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
            self.settings.child("backend", "mirror").setOpts(visible=before)
            self._server_changed(None)

    def _server_changed(self, _: Any) -> None:
        self.settings.child(*_OPTIONS).setOpts(visible=self.capabilities.remote or self._wants_mirror)
        self.show_connection("")
        self.use_server(self.server_options())
        self._renew_mirror()

    # ---------------------------------------------------------------- mirror
    @property
    def _wants_mirror(self) -> bool:
        return bool(self.settings["backend", "mirror"]) and not self.capabilities.remote

    def mirror_status(self) -> MirrorStatus | None:
        """Return how the mirror on the server is; None without one. Never waits."""
        return None if self._mirror is None else self._mirror.status()

    def _mirror_changed(self, wanted: bool) -> None:
        if wanted and server_backend() is None:
            self.put_back(self.settings.child("backend", "mirror"), False)
            raise MissingLibraryError("a mirror needs the library h5pyd: pip install 'h5saver_widget[remote]'")
        self._server_changed(None)

    def _renew_mirror(self) -> None:
        """Have a mirror to the server that the settings name now, or none; it begins with the first file."""
        if self._mirror is not None:
            self._mirror.stop(wait=False)
            self._mirror = None
        if self._wants_mirror:
            self._follow()

    def _follow(self) -> None:
        """Have the open file, and what is unfinished, copied to the server; what is wrong never stops a recording."""
        try:
            if self._mirror is None:
                base = Path(str(self.settings["base_path"])).expanduser()
                self._mirror = Mirror(self.server_options(), self.server_folder(), base=base)
                weakref.finalize(self, self._mirror.stop, wait=False)
            if self.io.writable:
                self._mirror.follow(self.io)
        except (H5SaverError, OSError) as error:
            self.report("The mirror could not begin; the file on the disk is not affected", error)

    def _notify(self, command: str, **args: Any) -> None:
        super()._notify(command, **args)
        if command == "opened" and self._wants_mirror and self.io.writable:
            self._follow()
        elif command == "closed" and self._mirror is not None:
            self._mirror.let_go()


def _make_asker(options: RemoteOptions) -> Backend:
    name = server_backend()
    if name is None:
        raise MissingLibraryError("files on a server need the library h5pyd: pip install 'h5saver_widget[remote]'")
    asker = create_backend(name, isolated=True)
    asker.use_server(options)
    return asker


def _connection(make_asker: Callable[[], Backend], folder: Path | None) -> str:
    return make_asker().connection_in_words(folder)
