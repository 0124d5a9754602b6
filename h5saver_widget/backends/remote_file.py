"""A file on a server as a whole: found, created, opened, brought up to date, closed; its tree is another matter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from h5json.objid import createObjId

from h5saver_widget.backends.base import primitive
from h5saver_widget.backends.h5pyd_client import Client, domain_of, test_connection
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
from h5saver_widget.backends.tree import TreeBackend
from h5saver_widget.errors import FileNotOpenError, FileOpenError, RemoteError, RemoteRefusedError

__all__ = ["RemoteFile"]


class RemoteFile(TreeBackend):
    """A backend that knows its server.

    Parameters
    ----------
    options
        Where the server is, as :class:`RemoteOptions` or as plain data; the environment's by default.
    """

    def __init__(self, options: RemoteOptions | Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.options = RemoteOptions.of(options)
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
    def raw_file(self) -> None:
        """None: h5pyd's own file object would lose rows, and is not used."""
        return

    @property
    def delivery(self) -> Delivery:
        """The state of accepted data on the server; never waits."""
        return Delivery() if self._journal is None else self._journal.delivery

    def _check_path(self, path: Path, mode: OpenMode) -> None:
        domain_of(path, new=mode == "x")

    def exists(self, path: Path) -> bool:
        """Tell whether there is a file or folder at a path of the server."""
        return remote_exists(path, self.options)

    def make_folder(self, folder: Path) -> None:
        """Make a folder on the server, and those above it."""
        remote_make_folder(folder, self.options)

    def move_aside(self, path: Path) -> Path:
        """Give a file of the server its first free backup name."""
        return move_aside_on_server(path, self.options)

    def use_server(self, options: RemoteOptions | Mapping[str, Any]) -> None:
        """Say on which server files are opened from now on."""
        self.options = RemoteOptions.of(options)

    @property
    def server(self) -> RemoteOptions:
        """The server that was said."""
        return self.options

    def list_folder(self, folder: Path) -> list[str]:
        """Return the names of files and folders in a folder of the server."""
        return remote_names(folder, self.options)

    def connection_in_words(self, folder: Path | None = None) -> str:
        """Try to reach the server, and return the result as a sentence."""
        return test_connection(self.options, "" if folder is None else folder.as_posix())

    def _open(self, path: Path, mode: OpenMode, swmr: bool, locking: bool | None) -> None:
        self._forget("/")
        client = Client(domain_of(path), self.options)
        try:
            status, answer = client.probe()
            if status in (401, 403) or status >= 500:
                raise FileOpenError(f"{path} could not be opened: {client.in_words(status, 'opening')}")
            found = status < 300
            if mode == "x":
                if found:
                    raise _exists(path)
                answer = self._create(client, path)
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

    def _create(self, client: Client, path: Path) -> Any:
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
            self._forget("/")
            if client is not None:
                client.close()

    @primitive
    def flush(self, timeout: float | None = None) -> None:
        """Make accepted data visible to readers.

        While the server is away they wait and are sent later, without an error.
        """
        if self._journal is not None:
            self._journal.flush()

    @primitive
    def checkpoint(self, timeout: float | None = None) -> None:
        """Send waiting changes, and have the server write them to its storage; RemoteError if it can't do that now."""
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
