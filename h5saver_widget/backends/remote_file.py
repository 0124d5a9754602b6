"""A file on a server as a whole: found, created, opened, brought up to date, closed; its tree is another matter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from h5json.objid import createObjId

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.h5pyd_client import Client, domain_of, test_connection
from h5saver_widget.backends.location import Location
from h5saver_widget.backends.primitive import changing
from h5saver_widget.backends.remote_journal import Delivery, Journal
from h5saver_widget.backends.remote_nodes import Nodes
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.backends.remote_places import (
    move_aside_on_server,
    remote_exists,
    remote_make_folder,
    remote_names,
)
from h5saver_widget.backends.remote_writer import WriterMark
from h5saver_widget.backends.terms import OpenMode
from h5saver_widget.errors import FileNotOpenError, FileOpenError, RemoteError, RemoteRefusedError

__all__ = ["RemoteFile", "ServerLocation"]


class ServerLocation(Location):
    """Domains of a server.

    Parameters
    ----------
    options
        Where the server is.
    """

    server: RemoteOptions

    def __init__(self, options: RemoteOptions) -> None:
        self.server = options

    def absolute(self, path: Path) -> Path:
        """Return the path of a domain, which is absolute."""
        return path

    def check(self, path: Path, mode: OpenMode) -> None:
        """Refuse a path that is no domain; the server tells whether it is there."""
        domain_of(path, new=mode == "x")

    def exists(self, path: Path) -> bool:
        """Tell whether there is a file or folder at a path of the server."""
        return remote_exists(path, self.server)

    def make_folder(self, folder: Path) -> None:
        """Make a folder on the server, and those above it."""
        remote_make_folder(folder, self.server)

    def move_aside(self, path: Path) -> Path:
        """Give a file of the server its first free backup name."""
        return move_aside_on_server(path, self.server)

    def use_server(self, options: RemoteOptions | Mapping[str, Any]) -> None:
        """Choose the server for files opened from now on."""
        self.server = RemoteOptions.of(options)

    def list_folder(self, folder: Path) -> list[str]:
        """Return the names of files and folders in a folder of the server."""
        return remote_names(folder, self.server)

    def connection_in_words(self, folder: Path | None = None) -> str:
        """Try to reach the server, and describe the result in a sentence."""
        return test_connection(self.server, "" if folder is None else folder.as_posix())


class RemoteFile(Backend):
    """A backend that knows its server.

    h5pyd's own file object would lose rows, and is not used: there is no raw file.

    Parameters
    ----------
    options
        Where the server is, as :class:`RemoteOptions` or as plain data; the environment's by default.
    """

    location: ServerLocation

    def __init__(self, options: RemoteOptions | Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.location = ServerLocation(RemoteOptions.of(options))
        self._client: Client | None = None
        self._journal: Journal | None = None
        self._root_id = ""
        self._mark: WriterMark | None = None

    # ------------------------------------------------------------------ file
    @property
    def is_open(self) -> bool:
        """Whether a file is open."""
        return self._client is not None

    @property
    def delivery(self) -> Delivery:
        """How far the server is with what was accepted; never waits."""
        return Delivery() if self._journal is None else self._journal.delivery

    def _open(self, path: Path, mode: OpenMode, swmr: bool, locking: bool | None) -> None:
        client = Client(domain_of(path), self.location.server)
        try:
            status, answer = client.probe()
            if status in (401, 403) or status >= 500:
                raise FileOpenError(f"{path} could not be opened: {client.in_words(status, 'opening')}")
            found = status < 300
            if mode == "x":
                if found:
                    raise _exists(path)
                answer = self._create_domain(client, path)
            elif not found or "root" not in answer:
                raise FileNotFoundError(
                    f"{path} is not a file on {client.options.endpoint}; check the path, or create it with mode 'x'"
                )
            self._client, self._root_id = client, answer["root"]
            if mode != "r":
                nodes = Nodes(client, self._root_id)
                nodes.remember()
                self._mark = WriterMark(client, self._root_id)
                self._mark.take(mode == "r+" and locking is False)
                self._journal = Journal(client, self._root_id, self._mark, nodes)
        except BaseException as error:
            if self._mark is not None:
                self._mark.let_go()
            self._client = self._mark = None
            client.close()
            if isinstance(error, (RemoteError, RemoteRefusedError)):
                raise FileOpenError(f"{path} could not be opened with mode {mode!r}: {error}") from error
            raise

    def _create_domain(self, client: Client, path: Path) -> Any:
        root = createObjId("groups")  # so that it is known as ours when the answer was lost
        status, answer = client.settle("PUT", "/", {"root_id": root})
        if status in (400, 409):
            status, answer = client.settle("GET", "/")
            if status >= 300 or answer.get("root") != root:  # another program was faster
                raise _exists(path)
        if status in (404, 410):
            raise FileOpenError(
                f"{path} could not be created: there is no folder {path.parent.as_posix()}; make it first"
            )
        if status >= 300:
            raise FileOpenError(f"{path} could not be created: {client.in_words(status, 'creating')}")
        return answer

    def _close(self) -> None:
        client, journal, mark = self._client, self._journal, self._mark
        try:
            if journal is not None:
                journal.close()
        finally:
            if mark is not None:
                mark.let_go()
            self._client = self._journal = self._mark = None
            if client is not None:
                client.close()

    def _flush(self) -> None:
        """Have readers find all rows. While the server is away they are kept and sent later, without an error."""
        if self._journal is not None:
            self._journal.flush()

    @changing
    def checkpoint(self, timeout: float | None = None) -> None:
        """Send all rows and have the server write them to its storage; RemoteError if that is not possible now."""
        if self._journal is not None:
            self._journal.deliver()
            self._journal.checkpoint()

    def _server(self) -> Client:
        if self._client is None:
            raise FileNotOpenError("no file is open; open or create one first")
        return self._client

    def _change(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        return self._writing().execute(method, path, body, **params)

    def _writing(self) -> Journal:
        if self._journal is None:
            raise FileNotOpenError(f"{self._path} is open for reading only; open it with mode 'r+'")
        return self._journal


def _exists(path: Path) -> FileExistsError:
    return FileExistsError(f"{path} exists; nothing is overwritten, choose another name")
