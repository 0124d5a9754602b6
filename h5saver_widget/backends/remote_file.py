"""A file on a server as a whole: found, listed, made, opened, flushed, closed; its tree is another matter."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from h5json.objid import createObjId

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.frame_queue import FrameQueue
from h5saver_widget.backends.h5pyd_client import Client, domain_of, test_connection
from h5saver_widget.backends.location import Location
from h5saver_widget.backends.primitive import changing
from h5saver_widget.backends.remote_journal import SendQueue
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.backends.remote_watch import Nodes, WriterMark
from h5saver_widget.backends.terms import Activity, OpenMode
from h5saver_widget.errors import FileNotOpenError, FileOpenError, RemoteError, RemoteRefusedError, taken
from h5saver_widget.format.naming import natural_key
from h5saver_widget.format.renaming import backup_names

__all__ = ["RemoteFile", "ServerLocation"]

_NAMES_PER_REQUEST = 1000


class ServerQueue(FrameQueue):
    """Rows on their way to a server."""

    #: Their owner; None while no file is open for writing.
    journal: SendQueue | None = None

    def activity(self) -> Activity:
        """Return how much the server does not have safely yet, and why. Never waits."""
        return Activity() if self.journal is None else self.journal.activity()


class ServerLocation(Location):
    """Domains of a server."""

    server: RemoteOptions
    #: The connection of the open file.
    client: Client | None = None

    def __init__(self, options: RemoteOptions) -> None:
        self.server = options

    def absolute(self, path: Path) -> Path:
        return path

    def check(self, path: Path, mode: OpenMode) -> None:
        """Refuse a path that is no domain; the server tells whether it is there."""
        domain_of(path, new=mode == "x")

    def at(self, path: Path, new: bool = False) -> Client:
        """Return a connection to a domain, or to a folder."""
        return Client(domain_of(path, new), self.server)

    def exists(self, path: Path) -> bool:
        """Tell whether there is a file or folder at a path; RemoteError or FileOpenError if the server doesn't say."""
        with self.at(path) as client:
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
            with self.at(place, new=True) as client:
                status, _ = client.exchange("PUT", "/", {"folder": 1})
                if status >= 300 and status != 409:
                    raise FileOpenError(client.in_words(status, "making the folder"))

    def move_aside(self, path: Path) -> Path:
        """Let the first free backup name point to a file's content, then take its own name away: nothing is copied."""
        return next(target for target in backup_names(path) if self.rename(path, target))

    def rename(self, path: Path, target: Path) -> bool:
        """Let a free name point to a file's content, then take its own name away; False if the name is not free."""
        with self.at(target, new=True) as client:
            status, _ = client.exchange("PUT", "/", {"linked_domain": domain_of(path)})
            if status == 409:
                return False
            if status >= 300:
                raise RemoteRefusedError(client.in_words(status, "renaming to"), status)
        self.remove(path, keeps_nodes=True)
        return True

    def remove(self, path: Path, keeps_nodes: bool = False) -> None:
        with self.at(path) as client:
            params: dict[str, Any] = {"keep_root": 1} if keeps_nodes else {}
            client.ask("DELETE", "/", **params)

    def use_server(self, options: RemoteOptions | Mapping[str, Any]) -> None:
        """Choose the server for files opened from now on; the open one continues with another password or key."""
        self.server = RemoteOptions.of(options)
        if self.client is not None:
            self.client.use(self.server)

    def list_folder(self, folder: Path) -> list[str]:
        found, place = list[str](), folder.as_posix().rstrip("/")
        with self.at(folder) as client:
            while True:
                more = {"Marker": f"{place}/{found[-1]}"} if found else {}
                patience, limit = client.options.connect_seconds, _NAMES_PER_REQUEST
                params = {"domain": f"{place}/", "Limit": limit, **more}
                answer = client.ask("GET", "/domains", missing=True, patience=patience, **params)
                names = [] if answer is None else [entry["name"].rpartition("/")[2] for entry in answer["domains"]]
                found += names
                if len(names) < limit:
                    return sorted(found, key=natural_key)

    def connection_in_words(self, folder: Path | None = None) -> str:
        return test_connection(self.server, "" if folder is None else folder.as_posix())


class RemoteFile(Backend):
    """A backend that knows its server.

    h5pyd's own file object would lose rows, and is not used: there is no raw file. The server is the environment's by
    default.
    """

    location: ServerLocation
    queue: ServerQueue

    def __init__(self, options: RemoteOptions | Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.location, self.queue = ServerLocation(RemoteOptions.of(options)), ServerQueue()
        self._mark: WriterMark | None = None

    # ------------------------------------------------------------------ file
    @property
    def is_open(self) -> bool:
        return self.location.client is not None

    def _open(self, path: Path, mode: OpenMode, swmr: bool, locking: bool | None) -> None:
        client = self.location.at(path)
        try:
            status, answer = client.probe()
            if status in (401, 403) or status >= 500:
                raise FileOpenError(f"{path} could not be opened: {client.in_words(status, 'opening')}")
            found = status < 300
            if mode == "x":
                if found:
                    raise taken(path)
                answer = self._create_domain(client, path)
            elif not found or "root" not in answer:
                raise FileNotFoundError(
                    f"{path} is not a file on {client.options.endpoint}; check the path, or create it with mode 'x'"
                )
            self.location.client, client.root_id = client, answer["root"]
            if mode != "r":
                nodes = Nodes(client)
                nodes.remember()
                self._mark = WriterMark(client)
                self._mark.take(mode == "r+" and locking is False)
                self.queue.journal = SendQueue(client, self._mark, nodes)
        except BaseException as error:
            if self._mark is not None:
                self._mark.let_go()
            self.location.client = self._mark = None
            client.close()
            if isinstance(error, (RemoteError, RemoteRefusedError)):
                raise FileOpenError(f"{path} could not be opened: {error}") from error
            raise

    def _create_domain(self, client: Client, path: Path) -> Any:
        root = createObjId("groups")  # so that it is known as ours when the answer was lost
        status, answer = client.exchange("PUT", "/", {"root_id": root})
        if status in (400, 409):
            status, answer = client.exchange("GET", "/")
            if status >= 300 or answer.get("root") != root:  # another program was faster
                raise taken(path)
        if status in (404, 410):
            raise FileOpenError(
                f"{path} could not be created: there is no folder {path.parent.as_posix()}; make it first"
            )
        if status >= 300:
            raise FileOpenError(f"{path} could not be created: {client.in_words(status, 'creating')}")
        return answer

    def _close(self) -> None:
        client, journal, mark = self.location.client, self.queue.journal, self._mark
        try:
            if journal is not None:
                journal.close()
        finally:
            if mark is not None:
                mark.let_go()
            self.location.client = self.queue.journal = self._mark = None
            if client is not None:
                client.close()

    def _flush(self) -> None:
        """Have readers find all rows. While the server is away they are kept and sent later, without an error."""
        if self.queue.journal is not None:
            self.queue.journal.flush()

    @changing
    def checkpoint(self, timeout: float | None = None) -> None:
        """Send all rows and have the server write them to its storage; RemoteError if that is not possible now."""
        if self.queue.journal is not None:
            self.queue.journal.deliver()
            self.queue.journal.checkpoint()

    def _server(self) -> Client:
        if self.location.client is None:
            raise FileNotOpenError("no file is open; open or create one first")
        return self.location.client

    def _change(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        return self._writing().execute(method, path, body, **params)

    def _writing(self) -> SendQueue:
        if self.queue.journal is None:
            raise FileNotOpenError(f"{self._path} is open for reading only; open it with mode 'r+'")
        return self.queue.journal
