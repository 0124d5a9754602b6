"""The h5pyd backend: a file on an HSDS server, recorded in batches that survive the server's death.

Structure, attributes and reads are one request each. Rows and slices are collected and sent twice a second by a thread
(:mod:`~h5saver_widget.backends.remote_journal`), so ``append`` does not wait for the network.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from h5json.objid import createObjId

from h5saver_widget.backends.base import primitive
from h5saver_widget.backends.chunks import TARGET_BYTES, fast_chunks, fixed_chunks
from h5saver_widget.backends.remote_blocks import Block, as_block
from h5saver_widget.backends.remote_file import RemoteFile
from h5saver_widget.backends.remote_layout import bounded_chunks, filters, within_one_request
from h5saver_widget.backends.remote_objects import HIDDEN, RemoteObject
from h5saver_widget.backends.remote_reading import Part, part_of, read_part
from h5saver_widget.backends.remote_rows import COUNT
from h5saver_widget.backends.remote_types import BYTE_ROWS, attribute_json, attribute_value, fill_json, type_json
from h5saver_widget.backends.terms import (
    ArrayInfo,
    Capabilities,
    Compression,
    Handle,
    NodeKind,
    RawAttribute,
    Selection,
)
from h5saver_widget.backends.tree import TreeNode
from h5saver_widget.errors import (
    CodecError,
    DataMismatchError,
    NodeError,
    RemoteRefusedError,
    StreamingError,
)

__all__ = ["H5pydBackend"]

_READER_SECONDS = 1.0
_MAX_ATTRIBUTE = 150_000  # JSON takes six bytes for a character that is not ASCII


class H5pydBackend(RemoteFile):
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

    # ------------------------------------------------------------------ tree
    def _fetch(self, object_id: str) -> RemoteObject:
        found = RemoteObject(object_id)
        params: dict[str, Any] = {"include_attrs": 1}
        if object_id.startswith("g-"):
            params["include_links"] = 1
        try:
            if self._journal is None:
                found.described = self._server().ask("GET", found.address, **params)
            else:
                found.described = self._journal.look(found.address, **params)
        except RemoteRefusedError as error:
            if error.status not in (404, 410):
                raise
            raise NodeError(f"{object_id} is gone: it was deleted by another program") from error
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
        grows, dims = obj.kind is not NodeKind.FIXED, obj.dims
        room = dims[0] if grows and dims else None
        rows = obj.rows = self._writing().rows_of(obj.object_id, obj.shape, grows, room)
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
        group: TreeNode,
        path: str,
        collection: str,
        body: dict[str, Any],
        attributes: Mapping[str, RawAttribute] | None,
    ) -> RemoteObject:
        """Make an object with its attributes and its link in one request."""
        name = path.rpartition("/")[2]
        encoded = {key: attribute_json(key, value, path) for key, value in (attributes or {}).items()}
        small, large = within_one_request(encoded)
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
        frame_axes: int | None = None,
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
            properties = filters(self._library(compression) if shape and 0 not in shape else None, compression)
            if shape and 0 not in shape:
                properties["layout"] = {
                    "class": "H5D_CHUNKED",
                    "dims": list(bounded_chunks(fixed_chunks(shape, held, frame_axes, TARGET_BYTES), held)),
                }
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
        fill_value: Any = None,
        compression: Compression | None = None,
        attributes: Mapping[str, RawAttribute] | None = None,
    ) -> Handle:
        """Make an array that grows along its first axis."""
        with self._making(parent, name) as (group, path):
            held = np.dtype(dtype).newbyteorder("<")
            chunks = bounded_chunks(fast_chunks(row_shape, held), held)
            body = {"type": type_json(held), "shape": [0, *row_shape], "maxdims": [0, *row_shape]}
            body["creationProperties"] = {
                **filters(self._library(compression), compression),
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

    def _grown(self, group: TreeNode, path: str, body: Any, attributes: Any, kind: NodeKind) -> Handle:
        # with a count from the first moment: without one, readers take the whole array for complete
        obj = self._new(group, path, "datasets", body, {**(attributes or {}), COUNT: np.int64(0)})
        self._follow(obj, path)
        return Handle(self._remember(path, obj, kind))

    def _remove(self, node: TreeNode) -> None:
        parent, _, name = node.path.rpartition("/")
        group = self._group(self.node(parent or "/"))
        self._writing().deliver()  # what was appended goes before: the array may have a second link
        self._writing().deleted(node.path)
        if isinstance(node.obj, RemoteObject) and node.obj.rows is not None:
            node.obj.rows.deleted = True
        self._change("DELETE", f"{group.obj.address}/links", titles=name, separator="/")
        group.obj.links.pop(name, None)

    def _copy(self, source: TreeNode, group: TreeNode, name: str) -> None:
        obj, path = source.obj, f"{group.path.rstrip('/')}/{name}"
        attributes = {key: value for key, value in self._attributes(obj).items() if value is not None}
        if source.kind is NodeKind.GROUP:
            made = self._remember(path, self._new(group, path, "groups", {}, attributes), NodeKind.GROUP)
            for child in self._names(obj):
                inner = self._get(self.node(f"{source.path.rstrip('/')}/{child}"))
                if inner.kind not in (NodeKind.LINK, NodeKind.OTHER):
                    self._copy(inner, made, child)
            return
        self._send(obj)
        described = obj.described
        body = {"type": described["type"], "creationProperties": described.get("creationProperties", {})}
        if source.kind is NodeKind.FIXED:
            body["shape"] = list(obj.shape) if obj.shape else "H5S_SCALAR"
            copied = self._new(group, path, "datasets", body, attributes)
            self._follow(copied, path)
        else:
            body |= {"shape": [0, *obj.shape[1:]], "maxdims": [0, *obj.shape[1:]]}
            copied = self._get(self._grown(group, path, body, attributes, source.kind)).obj
        with self._writing().together():
            for block in read_part(self._server(), obj, part_of(..., obj.shape), blocks=True):
                if block.start:
                    self._accept(copied, block, obj.shape)
                else:
                    self._change("PUT", f"{copied.address}/value", block.content())

    # ---------------------------------------------------------------- arrays
    @primitive
    def info(self, array: Handle) -> ArrayInfo:
        """Return shape, dtype and storage of an array."""
        node = self._array(array)
        found: ArrayInfo = self._fresh(node.obj).info()
        return found

    def _held(self, node: TreeNode) -> np.dtype[Any]:
        held: np.dtype[Any] = node.obj.dtype
        return held

    def _accept(self, obj: RemoteObject, block: Block, shape: tuple[int, ...]) -> None:
        assert obj.rows is not None
        self._writing().accept(obj.rows, block, shape)

    def _append(self, node: TreeNode, rows: npt.NDArray[Any]) -> None:
        shape = node.obj.shape
        start = (shape[0], *(0,) * (len(shape) - 1))
        self._accept(node.obj, as_block(start, rows), (shape[0] + len(rows), *shape[1:]))

    def _append_bytes(self, node: TreeNode, row: npt.NDArray[np.uint8]) -> None:
        (count,) = node.obj.shape
        self._accept(node.obj, Block((count,), [row.copy()]), (count + 1,))

    def _write_block(self, obj: RemoteObject, block: Block) -> None:
        if not block.start:  # a single value
            self._send(obj)  # what came before goes before
            self._change("PUT", f"{obj.address}/value", block.content())
        else:
            self._accept(obj, block, obj.shape)

    def _send(self, obj: RemoteObject) -> None:
        """Send the waiting values of an array, so that the server can answer for it."""
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
            if values.size == 1:  # goes wherever a number goes
                values = values.reshape(())
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
        """Return raw attributes; names that are missing or unreadable are skipped."""
        found = self._described(node)
        if found is None:
            return {}
        known = self._fresh(found.obj).attributes
        wanted = sorted(known) if names is None else [name for name in names if name in known]
        values = {name: attribute_value(known[name]) for name in wanted if name not in HIDDEN}
        return {name: value for name, value in values.items() if value is not None}

    def _set(self, node: TreeNode, attributes: Mapping[str, RawAttribute], fresh: bool = False) -> None:
        encoded = {name: attribute_json(name, value, node.path) for name, value in attributes.items()}
        first, rest = within_one_request(encoded)
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
        """See the rows that another program has appended."""
        node = self._array(array)
        if self._mode == "r":
            self._renew(node.obj)
