"""A file on a server as a whole: found, listed, made, opened, flushed, closed; its tree is another matter."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from h5json.objid import createObjId

from h5saver_widget.backends.base import primitive
from h5saver_widget.backends.h5pyd_client import Client, domain_of, test_connection
from h5saver_widget.backends.remote_journal import Journal
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.backends.remote_watch import Nodes, WriterMark
from h5saver_widget.backends.terms import Activity, OpenMode
from h5saver_widget.backends.tree import TreeBackend
from h5saver_widget.errors import FileNotOpenError, FileOpenError, RemoteError, RemoteRefusedError
from h5saver_widget.format.naming import natural_key

__all__ = ["RemoteFile"]

_NAMES_PER_REQUEST = 1000


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

    def activity(self) -> Activity:
        """Return how far the server is with what was accepted; never waits."""
        journal = self._journal
        return Activity() if journal is None else journal.activity()

    def _check_path(self, path: Path, mode: OpenMode) -> None:
        domain_of(path, new=mode == "x")

    def exists(self, path: Path) -> bool:
        """Tell whether there is a file or folder at a path; RemoteError or FileOpenError if the server doesn't say."""
        with self._at(path) as client:
            status, _ = client.probe()
            if status >= 300 and status not in (404, 410):
                raise FileOpenError(client.in_words(status, "looking at"))
            return status < 300

    def make_folder(self, folder: Path) -> None:
        """Make a folder on the server, and those above it; a FileOpenError says which one may not be made."""
        missing = []
        for place in (folder, *folder.parents):
            if place == place.parent or self.exists(place):
                break
            missing.append(place)
        for place in reversed(missing):
            with self._at(place, new=True) as client:
                status, _ = client.settle("PUT", "/", {"folder": 1})
                if status >= 300 and status != 409:
                    raise FileOpenError(client.in_words(status, "making the folder"))

    def move_aside(self, path: Path) -> Path:
        """Let the first free backup name point to a file's content, then take its own name away: nothing is copied."""
        for number in itertools.count(1):
            target = path.with_name(f"{path.stem}_old{number}{path.suffix}")
            with self._at(target) as client:
                status, _ = client.settle("PUT", "/", {"linked_domain": domain_of(path)})
                if status < 300:
                    break
                if status != 409:
                    raise RemoteRefusedError(client.in_words(status, "renaming to"), status)
        with self._at(path) as old:
            old.ask("DELETE", "/", keep_root=1)
        return target

    def use_server(self, options: RemoteOptions | Mapping[str, Any]) -> None:
        """Say on which server files are opened from now on; the open one goes on with another password or key."""
        self.options = RemoteOptions.of(options)
        if self._client is not None:
            self._client.use(self.options)

    @property
    def server(self) -> RemoteOptions:
        """The server that was said."""
        return self.options

    def list_folder(self, folder: Path) -> list[str]:
        """Return the names of files and folders in a folder, in natural order; none if there is no such folder."""
        found, place = list[str](), folder.as_posix().rstrip("/")
        with self._at(folder) as client:
            while True:
                more = {"Marker": f"{place}/{found[-1]}"} if found else {}
                patience, limit = client.options.connect_seconds, _NAMES_PER_REQUEST
                params = {"domain": f"{place}/", "Limit": limit, **more}
                answer = client.ask("GET", "/domains", missing=True, patience=patience, **params)
                names = [] if answer is None else [entry["name"].rpartition("/")[2] for entry in answer["domains"]]
                found += names
                if len(names) < limit:
                    return sorted(found, key=natural_key)

    def _at(self, path: Path, new: bool = False) -> Client:
        return Client(domain_of(path, new), self.options)

    def connection_in_words(self, folder: Path | None = None) -> str:
        """Try to reach the server, and say in a sentence what was found."""
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
        """Have readers find what was accepted. While the server is away it is kept and sent later, without an error."""
        if self._journal is not None:
            self._journal.flush()

    @primitive
    def checkpoint(self, timeout: float | None = None) -> None:
        """Send what waits and have the server write it to its storage; RemoteError if that is not possible now."""
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
