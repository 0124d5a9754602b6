"""The h5pyd backend: a file on an HSDS server, recorded in batches that survive the server's death.

Structure, attributes and reads are one request each. Rows and slices are collected and sent twice a second by a thread
(:mod:`~h5saver_widget.backends.remote_journal`), so ``append`` does not wait for the network.
"""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from h5json.objid import createObjId

from h5saver_widget.backends.base import (
    ArrayInfo,
    Capabilities,
    Compression,
    Handle,
    NodeKind,
    OpenMode,
    RawAttribute,
    Selection,
    primitive,
)
from h5saver_widget.backends.chunks import fixed_chunks, growing_chunks
from h5saver_widget.backends.h5pyd_client import MAX_JSON, Client, domain_of, test_connection
from h5saver_widget.backends.remote_journal import COUNT, Block, Journal, as_block, pieces
from h5saver_widget.backends.remote_objects import HIDDEN, WRITER, RemoteObject
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.backends.remote_places import move_aside_on_server, remote_exists, remote_make_folder, remote_names
from h5saver_widget.backends.remote_reading import Part, part_of, read_part
from h5saver_widget.backends.remote_tree import RemoteNode, RemoteTree
from h5saver_widget.backends.remote_types import BYTE_ROWS, attribute_json, attribute_value, fill_json, type_json
from h5saver_widget.errors import (
    CodecError,
    DataMismatchError,
    FileNotOpenError,
    FileOpenError,
    NodeError,
    RemoteError,
    RemoteRefusedError,
    StreamingError,
)

__all__ = ["H5pydBackend"]

_READER_SECONDS = 1.0
_WRITER_SECONDS = 30.0
_MAX_ATTRIBUTE = 150_000  # JSON takes six bytes for a character that is not ASCII
_MAX_CHUNK = 16 << 20
_PACKERS: dict[str, dict[str, Any]] = {
    "lz4": {"class": "H5Z_FILTER_LZ4", "id": 32004},
    "blosclz": {"class": "H5Z_FILTER_BLOSC", "id": 32001},
}


class H5pydBackend(RemoteTree):
    """A file on an HSDS server; its path is the domain, ``/home/me/scan.h5``.

    Parameters
    ----------
    options
        Where the server is, as :class:`RemoteOptions` or as plain data; the environment's by default.
    """

    name = "h5pyd"
    capabilities = Capabilities(
        remote=True, compression=("zlib", "gzip", "lz4", "blosclz"), max_attribute_bytes=_MAX_ATTRIBUTE
    )
    library_errors = (RemoteRefusedError, TypeError, ValueError)

    def __init__(self, options: RemoteOptions | Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self.options = RemoteOptions.of(options)
        self._client: Client | None = None
        self._journal: Journal | None = None
        self._root_id = ""
        self._writer = ""
        self._alive_at = 0.0

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
    def waiting_bytes(self) -> int:
        """How much was accepted and is not on the server yet."""
        return 0 if self._journal is None else self._journal.waiting_bytes

    def _check_path(self, path: Path, mode: OpenMode) -> None:
        domain_of(path)

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

    def list_folder(self, folder: Path) -> list[str]:
        """Return the names of files and folders in a folder of the server."""
        return remote_names(folder, self.options)

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
                    raise FileExistsError(f"{path} exists; nothing is overwritten, choose another name")
                answer = self._create(client, path)
            elif not found or "root" not in answer:
                raise FileNotFoundError(
                    f"{path} is not a file on {client.options.endpoint}; check the path, or create it with mode 'x'"
                )
            self._client, self._root_id, self._writer = client, answer["root"], ""
            if mode != "r":
                self._take(mode == "r+" and locking is False)
                self._journal = Journal(client, self._root_id, self._keep_alive)
        except BaseException as error:
            self._client = None
            client.close()
            if isinstance(error, RemoteError):
                raise FileOpenError(f"{path} could not be opened with mode {mode!r}: {error}") from error
            raise

    def _create(self, client: Client, path: Path) -> Any:
        status, answer = client.send("PUT", "/", {})
        if status == 409:  # another program was faster
            raise FileExistsError(f"{path} exists; nothing is overwritten, choose another name")
        if status in (404, 410):
            raise FileOpenError(
                f"{path} could not be created: there is no folder {path.parent.as_posix()}; make it first"
            )
        if status >= 300:
            raise FileOpenError(f"{path} could not be created: {client.in_words(status, 'creating')}")
        return answer

    def _take(self, by_force: bool) -> None:
        """Mark the file as being written by this backend; FileOpenError if another one does."""
        client = self._server()
        where = f"/groups/{self._root_id}/attributes"
        known = client.ask("GET", f"{where}/{WRITER}", missing=True)
        if known is not None and not by_force and _is_alive(str(known["value"])):
            raise FileOpenError(
                f"{client.domain} is being written by {known['value']}; only one program can write a file: "
                "wait until it has closed it (or half a minute, if it is gone)"
            )
        self._writer = f"{socket.gethostname()} process {os.getpid()} {uuid.uuid4().hex[:12]}"
        try:
            # without `replace` the server refuses the second of two
            again: dict[str, Any] = {} if known is None else {"replace": 1}
            client.ask("PUT", where, self._mark(), **again)
            if not self._is_ours():
                raise RemoteRefusedError("another was faster", 409)
        except RemoteRefusedError as error:
            raise FileOpenError(f"{client.domain} was opened by another writer at the same moment: {error}") from error
        self._alive_at = time.monotonic()

    def _mark(self) -> dict[str, Any]:
        text = f"{self._writer} at {time.time():.0f}"
        return {"attributes": {WRITER: attribute_json(WRITER, text, "/")}}

    def _is_ours(self) -> bool:
        found = self._server().ask("GET", f"/groups/{self._root_id}/attributes/{WRITER}", missing=True)
        return found is not None and str(found["value"]).startswith(self._writer)

    def _keep_alive(self) -> None:
        if not self._writer or time.monotonic() - self._alive_at < _WRITER_SECONDS / 3:
            return
        if not self._is_ours():
            raise RemoteRefusedError(f"another program writes {self._server().domain} now; close it here", 409)
        self._server().ask("PUT", f"/groups/{self._root_id}/attributes", self._mark(), replace=1)
        self._alive_at = time.monotonic()

    def _close(self) -> None:
        client, journal, writer = self._client, self._journal, self._writer
        try:
            if journal is not None and client is not None:
                journal.deliver_all()
                if writer and self._is_ours():
                    client.ask("DELETE", f"/groups/{self._root_id}/attributes/{WRITER}", missing=True)
                self._writer = ""
                journal.close()
        finally:
            if journal is not None:
                journal.end()
            self._client = self._journal = None
            self._forget("/")
            if client is not None:
                client.close()

    @primitive
    def flush(self) -> None:
        """Send what waits. While the server is away it is kept here and sent later, without an error."""
        if self._journal is not None:
            self._journal.flush()

    @primitive
    def checkpoint(self) -> None:
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

    # ------------------------------------------------------------------ tree
    def _fetch(self, object_id: str) -> RemoteObject:
        found = RemoteObject(object_id)
        params = {"include_attrs": 1, **({"include_links": 1} if object_id.startswith("g-") else {})}
        answer = self._server().ask("GET", found.address, missing=True, **params)
        if answer is None:
            raise NodeError(f"{object_id} is gone: it was deleted by another program")
        found.described = answer
        return found

    def _fresh(self, obj: RemoteObject) -> RemoteObject:
        """Return an object as it is now: a reader asks again after a second."""
        if self._mode == "r" and time.monotonic() - obj.at > _READER_SECONDS:
            self._renew(obj)
        return obj

    def _renew(self, obj: RemoteObject) -> None:
        obj.described, obj.at = self._fetch(obj.object_id).described, time.monotonic()

    def _root_object(self) -> RemoteObject:
        return self._fetch(self._root_id)

    def _names(self, group: RemoteObject) -> Iterable[str]:
        return list(self._fresh(group).links)

    def _has(self, group: RemoteObject, name: str) -> bool:
        return name in self._fresh(group).links

    def _child(self, group: RemoteObject, name: str) -> tuple[Any, NodeKind]:
        link = group.links[name]
        if link["class"] != "H5L_TYPE_HARD":
            return RemoteObject("", link), NodeKind.LINK
        obj = self._fetch(link["id"])
        if self._journal is not None and obj.kind in (NodeKind.GROWING, NodeKind.TEXT, NodeKind.FIXED):
            self._follow(obj, name)
        return obj, obj.kind

    @primitive
    def link_target(self, node: Handle) -> tuple[str, str]:
        """Return where a link points to: domain and path."""
        found = self._get(node)
        link = found.obj.described if found.kind is NodeKind.LINK else {}
        return link.get("file") or link.get("h5domain", ""), link.get("h5path", "")

    def _follow(self, obj: RemoteObject, path: str) -> None:
        """Have the journal know an array."""
        rows = obj.rows = self._writing().rows_of(obj.object_id, obj.shape, obj.kind is not NodeKind.FIXED)
        rows.path = rows.path or path

    def identity(self, node: Handle) -> Any:
        """Return the server's name of an object; the path of a link."""
        found = self._described(node)
        return self.path_of(node) if found is None else found.obj.object_id

    @primitive
    def raw_node(self, node: Handle) -> None:
        """Return None: there is no object of h5pyd."""
        self._get(node)

    def _new(
        self,
        group: RemoteNode,
        path: str,
        collection: str,
        body: dict[str, Any],
        attributes: Mapping[str, RawAttribute] | None,
    ) -> RemoteObject:
        """Make an object with its attributes and its link in one request."""
        name = path.rpartition("/")[2]
        encoded = {key: attribute_json(key, value, path) for key, value in (attributes or {}).items()}
        small, large = _within_one_request(encoded)
        object_id = createObjId(collection, root_id=self._root_id)
        link = {"id": group.obj.object_id, "name": name}
        answer = self._change("POST", f"/{collection}", {**body, "id": object_id, "link": link, "attributes": small})
        made = RemoteObject(object_id, {**(answer if isinstance(answer, dict) else {}), "attributes": dict(small)})
        for some in large:
            self._change("PUT", f"{made.address}/attributes", {"attributes": some}, replace=1)
            made.attributes.update(some)
        group.obj.links[name] = {"id": object_id, "class": "H5L_TYPE_HARD"}
        return made

    @primitive
    def create_group(self, parent: Handle, name: str, attributes: Mapping[str, RawAttribute] | None = None) -> Handle:
        """Make a group."""
        with self._making(parent, name) as (group, path):
            return Handle(self._remember(path, self._new(group, path, "groups", {}, attributes), NodeKind.GROUP))

    @primitive
    def create_array(
        self,
        parent: Handle,
        name: str,
        *,
        data: npt.NDArray[Any] | None = None,
        shape: tuple[int, ...] = (),
        dtype: np.dtype[Any] | None = None,
        fill_value: Any = None,
        compression: Compression | None = None,
        attributes: Mapping[str, RawAttribute] | None = None,
    ) -> Handle:
        """Make an array of fixed shape."""
        with self._making(parent, name) as (group, path):
            if data is not None:
                data = np.asarray(data)
                shape, dtype = data.shape, data.dtype
            held = np.dtype(dtype).newbyteorder("<")
            body: dict[str, Any] = {"type": type_json(held), "shape": list(shape) if shape else "H5S_SCALAR"}
            properties = self._properties(compression if shape and 0 not in shape else None)
            if shape and 0 not in shape:
                properties["layout"] = {"class": "H5D_CHUNKED", "dims": list(_bounded(fixed_chunks(shape, held), held))}
            if fill_value is not None:
                properties["fillValue"] = fill_json(fill_value, held)
            obj = self._new(group, path, "datasets", {**body, "creationProperties": properties}, attributes)
            self._follow(obj, path)
            handle = Handle(self._remember(path, obj, NodeKind.FIXED))
            if data is not None and data.size:
                self._write_block(obj, as_block((0,) * data.ndim, data.astype(held, copy=False)))
            elif shape == () and fill_value is not None:
                self._write_block(obj, as_block((), np.asarray(fill_value).astype(held)))
            return handle

    @primitive
    def create_growing(
        self,
        parent: Handle,
        name: str,
        *,
        row_shape: tuple[int, ...],
        dtype: np.dtype[Any],
        compression: Compression | None = None,
        attributes: Mapping[str, RawAttribute] | None = None,
    ) -> Handle:
        """Make an array that grows along its first axis."""
        with self._making(parent, name) as (group, path):
            held = np.dtype(dtype).newbyteorder("<")
            chunks = _bounded(growing_chunks(row_shape, held), held)
            body = {"type": type_json(held), "shape": [0, *row_shape], "maxdims": [0, *row_shape]}
            body["creationProperties"] = {
                **self._properties(compression),
                "layout": {"class": "H5D_CHUNKED", "dims": list(chunks)},
            }
            return self._grown(group, path, body, attributes, NodeKind.GROWING)

    @primitive
    def create_text(self, parent: Handle, name: str, attributes: Mapping[str, RawAttribute] | None = None) -> Handle:
        """Make a growing list of byte rows."""
        with self._making(parent, name) as (group, path):
            layout = {"class": "H5D_CHUNKED", "dims": [1024]}
            body = {"type": BYTE_ROWS, "shape": [0], "maxdims": [0], "creationProperties": {"layout": layout}}
            return self._grown(group, path, body, attributes, NodeKind.TEXT)

    def _grown(self, group: RemoteNode, path: str, body: Any, attributes: Any, kind: NodeKind) -> Handle:
        obj = self._new(group, path, "datasets", body, attributes)
        self._follow(obj, path)
        return Handle(self._remember(path, obj, kind))

    def _properties(self, compression: Compression | None) -> dict[str, Any]:
        library = self._library(compression)
        if library is None or compression is None:
            return {}
        shuffle = {"class": "H5Z_FILTER_SHUFFLE", "id": 2, "name": "shuffle"}
        if library == "zlib":
            packed = {"class": "H5Z_FILTER_DEFLATE", "id": 1, "level": min(compression.level, 9), "name": "gzip"}
        else:
            packed = {**_PACKERS[library], "name": library}
        return {"filters": [shuffle, packed]}

    def _remove(self, node: RemoteNode) -> None:
        parent, _, name = node.path.rpartition("/")
        group = self._group(self.node(parent or "/"))
        self._writing().deliver()  # what was appended goes before: the array may have a second link
        self._writing().deleted(node.path)
        if isinstance(node.obj, RemoteObject) and node.obj.rows is not None:
            node.obj.rows.deleted = True
        self._change("DELETE", f"{group.obj.address}/links", titles=name, separator="/")
        group.obj.links.pop(name, None)

    def _copy(self, source: RemoteNode, group: RemoteNode, name: str) -> None:
        obj, path = source.obj, f"{group.path.rstrip('/')}/{name}"
        attributes = {key: value for key, value in self._attributes(obj).items() if value is not None}
        if source.kind is NodeKind.GROUP:
            made = RemoteNode(path, self._new(group, path, "groups", {}, attributes), NodeKind.GROUP)
            for child in self._names(obj):
                inner = self._get(self.node(f"{source.path.rstrip('/')}/{child}"))
                if inner.kind not in (NodeKind.LINK, NodeKind.OTHER):
                    self._copy(inner, made, child)
            return
        self._send(obj)
        described = obj.described
        body = {"type": described["type"], "creationProperties": described.get("creationProperties", {})}
        body["shape"] = list(obj.shape) if obj.shape else "H5S_SCALAR"
        if source.kind is not NodeKind.FIXED:
            body["maxdims"] = [0, *obj.shape[1:]]
            attributes[COUNT] = np.int64(obj.shape[0])
        copied = self._new(group, path, "datasets", body, attributes)
        for block in read_part(self._server(), obj, part_of(..., obj.shape), blocks=True):
            self._write_now(copied, block)

    # ---------------------------------------------------------------- arrays
    @primitive
    def info(self, array: Handle) -> ArrayInfo:
        """Return shape, dtype and storage of an array."""
        node = self._array(array)
        found: ArrayInfo = self._fresh(node.obj).info()
        return found

    def _held(self, node: RemoteNode) -> np.dtype[Any]:
        held: np.dtype[Any] = node.obj.dtype
        return held

    def _accept(self, obj: RemoteObject, block: Block, shape: tuple[int, ...]) -> None:
        assert obj.rows is not None
        self._writing().accept(obj.rows, block, shape)

    def _append(self, node: RemoteNode, rows: npt.NDArray[Any]) -> None:
        shape = node.obj.shape
        start = (shape[0], *(0,) * (len(shape) - 1))
        self._accept(node.obj, as_block(start, rows), (shape[0] + len(rows), *shape[1:]))

    def _append_bytes(self, node: RemoteNode, row: npt.NDArray[np.uint8]) -> None:
        (count,) = node.obj.shape
        self._accept(node.obj, Block((count,), [row.copy()]), (count + 1,))

    def _write_block(self, obj: RemoteObject, block: Block) -> None:
        if not block.start or block.nbytes > self.options.flush_bytes:
            self._send(obj)  # what came before goes before
            self._write_now(obj, block)
        else:
            self._accept(obj, block, obj.shape)

    def _write_now(self, obj: RemoteObject, block: Block) -> None:
        for part in pieces(block):
            self._change("PUT", f"{obj.address}/value", part.content(), **part.params)

    def _send(self, obj: RemoteObject) -> None:
        """Send what waits for an array, so that the server can answer for it."""
        if self._journal is not None and obj.rows is not None and not obj.rows.settled:
            self._journal.deliver(obj.rows)

    @primitive
    def write(self, array: Handle, selection: Selection, values: npt.NDArray[Any]) -> None:
        """Overwrite part of an array."""
        node = self._writable(array)
        values = np.asarray(values)
        self._may_write(node, values, node.obj.dtype)
        try:
            part = part_of(selection, node.obj.shape)
            fitted = np.broadcast_to(values.astype(node.obj.dtype, copy=False), part.shape)
        except (TypeError, ValueError, IndexError) as error:
            raise DataMismatchError(
                f"values of shape {values.shape} don't fit {selection} of {node.path}, shape {node.obj.shape}: {error}"
            ) from error
        if fitted.size:
            self._write_block(node.obj, as_block(part.start, fitted.reshape(part.counts), part.steps))

    @primitive
    def read(self, array: Handle, selection: Selection = ...) -> Any:
        """Read an array or part of it."""
        node = self._array(array)
        obj = self._fresh(node.obj)
        try:
            part: Part = part_of(selection, obj.shape)
        except (TypeError, ValueError, IndexError) as error:
            raise DataMismatchError(f"can't read {selection} of {node.path}, shape {obj.shape}: {error}") from error
        self._send(obj)
        try:
            return read_part(self._server(), obj, part)
        except RemoteRefusedError as error:
            raise NodeError(f"{node.path} can't be read: {error}") from error

    # ------------------------------------------------------------ attributes
    def _attributes(self, obj: RemoteObject) -> dict[str, RawAttribute | None]:
        known = self._fresh(obj).attributes
        return {name: attribute_value(known[name]) for name in sorted(known) if name not in HIDDEN}

    @primitive
    def attribute_names(self, node: Handle) -> list[str]:
        """Return the sorted names of the attributes of a node."""
        found = self._described(node)
        return [] if found is None else sorted(set(self._fresh(found.obj).attributes) - HIDDEN)

    @primitive
    def get_attributes(self, node: Handle, names: list[str] | None = None) -> dict[str, RawAttribute]:
        """Return raw attributes; names that are missing or unreadable are left out."""
        found = self._described(node)
        if found is None:
            return {}
        known = self._fresh(found.obj).attributes
        wanted = sorted(known) if names is None else [name for name in names if name in known]
        values = {name: attribute_value(known[name]) for name in wanted if name not in HIDDEN}
        return {name: value for name, value in values.items() if value is not None}

    def _set(self, node: RemoteNode, attributes: Mapping[str, RawAttribute], fresh: bool = False) -> None:
        encoded = {name: attribute_json(name, value, node.path) for name, value in attributes.items()}
        first, rest = _within_one_request(encoded)
        for some in [first, *rest]:
            if not some:
                continue
            try:
                self._change("PUT", f"{node.obj.address}/attributes", {"attributes": some}, replace=1)
            except RemoteRefusedError as error:
                raise CodecError(f"attributes {sorted(some)} of {node.path} can't be written: {error}") from error
            node.obj.attributes.update(some)

    @primitive
    def delete_attribute(self, node: Handle, name: str) -> None:
        """Remove an attribute."""
        found = self._changeable(node, "delete an attribute")
        if name not in found.obj.attributes or name in HIDDEN:
            raise NodeError(f"{found.path} has no attribute {name!r}")
        self._change(
            "DELETE", f"{found.obj.address}/attributes", attr_names=name, separator="\n" if "/" in name else "/"
        )
        del found.obj.attributes[name]

    # ------------------------------------------------------------------ SWMR
    @primitive
    def start_swmr(self) -> None:
        """Refuse: a server needs none, its files can be read while they are written."""
        raise StreamingError("a remote file has no SWMR mode: others can read it during writing as it is")

    @primitive
    def refresh(self, array: Handle) -> None:
        """See what another program has appended."""
        node = self._array(array)
        if self._mode == "r":
            self._renew(node.obj)


def _is_alive(mark: str) -> bool:
    """Tell whether the writer of a mark is still there, as far as this machine can tell."""
    who, _, at = mark.rpartition(" at ")
    host, _, rest = who.partition(" process ")
    pid = rest.partition(" ")[0]
    if host == socket.gethostname() and pid.isdigit() and int(pid) != os.getpid() and not Path(f"/proc/{pid}").exists():
        return not Path("/proc/self").exists()
    return at.isdigit() and abs(time.time() - int(at)) < _WRITER_SECONDS


def _bounded(chunks: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[int, ...]:
    """Halve chunks that a server's cache can't hold."""
    found = list(chunks)
    for axis in range(len(found)):
        while int(np.prod(found)) * dtype.itemsize > _MAX_CHUNK and found[axis] > 1:
            found[axis] = (found[axis] + 1) // 2
    return tuple(found)


def _within_one_request(encoded: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Spread attributes over requests: HSDS refuses more than 1 MiB of them in one."""
    parts: list[dict[str, Any]] = [{}]
    size = 0
    for name, value in encoded.items():
        length = len(json.dumps(value)) + len(name) + 20
        if parts[-1] and size + length > MAX_JSON:
            parts.append({})
            size = 0
        parts[-1][name] = value
        size += length
    return parts[0], parts[1:]
