"""NodeReader: reads parts of an array of an open file; a worker of a cluster opens the same file anew."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.errors import FileNotOpenError, NodeError
from h5saver_widget.nodes.typed import Array
from h5saver_widget.saving.h5_backend import H5Backend

__all__ = ["NodeReader"]

Part = tuple[int | slice, ...]


class NodeReader:
    """Reads parts of an array as long as its file is open.

    Sent to another process (a worker of a dask cluster), it opens the file there, for reading only. A password is not
    sent: workers find it as every program does, in the environment or the keyring.
    """

    def __init__(self, node: Array) -> None:
        self._node = node
        self._path, self._file = node.path, node.backend.path

    def __call__(self, part: Part) -> Any:
        """Read a part; FileNotOpenError if the file has been closed."""
        try:
            return self._node[part]
        except FileNotOpenError as error:
            raise FileNotOpenError(
                f"{self._path} was loaded lazily, and {self._file} has been closed since: take slices while the file "
                "is open, or load without lazy=True"
            ) from error

    def __reduce__(self) -> Any:
        """Become a reader that opens the file itself."""
        backend = self._node.backend
        remote = backend.capabilities.remote
        server = backend.location.server
        if server is not None:
            server = server.without_secrets()
        file = self._file or Path()
        return ElsewhereReader, (backend.name, file.as_posix() if remote else str(file.absolute()), self._path, server)


@dataclass(frozen=True)
class ElsewhereReader:
    """Reads parts of an array of a file that it opens, by the name of a backend, when it is first asked."""

    backend: str
    file: str
    path: str
    #: Where the file is, if it is on a server that the environment does not name.
    server: RemoteOptions | None = None

    def __call__(self, part: Part) -> Any:
        """Read a part."""
        return _opened(self)[part]


@functools.lru_cache(maxsize=64)
def _opened(reader: ElsewhereReader) -> Array:
    node = _file(reader.backend, reader.file, reader.server).get_node(reader.path)
    if not isinstance(node, Array):
        raise NodeError(f"{reader.path} in {reader.file} is no array any more")
    return node


@functools.lru_cache(maxsize=8)
def _file(backend: str, file: str, server: RemoteOptions | None) -> H5Backend:
    h5 = H5Backend(backend)
    if server is not None:
        h5.use_server(server)
    h5.open_file(Path(PurePosixPath(file)) if h5.capabilities.remote else Path(file), "r")
    return h5
