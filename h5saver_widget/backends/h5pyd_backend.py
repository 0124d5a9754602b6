"""The h5pyd backend: a file on an HSDS server, recorded in batches that survive the server's death.

Structure, attributes and reads are one request each. Rows and slices are collected and sent twice a second by a thread
(:mod:`~h5saver_widget.backends.remote_journal`), so ``append`` does not wait for the network.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from h5json.objid import createObjId

from h5saver_widget.backends.capabilities import SERVER_CAPABILITIES
from h5saver_widget.backends.chunks import TARGET_BYTES, fast_chunks, fixed_chunks
from h5saver_widget.backends.handles import TreeNode
from h5saver_widget.backends.inspecting import Inspection
from h5saver_widget.backends.primitive import changing
from h5saver_widget.backends.remote_blocks import MAX_REQUEST, Block, as_block
from h5saver_widget.backends.remote_file import RemoteFile
from h5saver_widget.backends.remote_objects import (
    BYTE_ROWS,
    COUNT,
    HIDDEN,
    RemoteObject,
    attribute_json,
    attribute_value,
    bounded_chunks,
    fill_json,
    filters,
    type_json,
    within_one_request,
)
from h5saver_widget.backends.selections import Region, fitting, region_of
from h5saver_widget.backends.terms import ArrayInfo, Handle, NodeKind, NodeSpec, RawAttribute, Selection
from h5saver_widget.errors import CodecError, NodeError, RemoteRefusedError, StreamingError

__all__ = ["H5pydBackend"]

_READER_SECONDS = 1.0


class H5pydInspection(Inspection):
    """The answers of a server."""

    def _target_of(self, node: TreeNode) -> tuple[str, str]:
        link = node.obj.described if node.kind is NodeKind.LINK else {}
        return link.get("file") or link.get("h5domain", ""), link.get("h5path", "")


class H5pydBackend(RemoteFile):
    """A file on an HSDS server; its path is the domain, ``/home/me/scan.h5``."""

    name = "h5pyd"
    capabilities = SERVER_CAPABILITIES
    library_errors = (RemoteRefusedError, TypeError, ValueError)
    inspector = H5pydInspection

    # ------------------------------------------------------------------ tree
    def _fetch(self, object_id: str) -> RemoteObject:
        found = RemoteObject(object_id)
        params: dict[str, Any] = {"include_attrs": 1}
        if object_id.startswith("g-"):
            params["include_links"] = 1
        try:
            if self.queue.journal is None:
                found.described = self._server().ask("GET", found.address, **params)
            else:
                found.described = self.queue.journal.look(found.address, **params)
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
        return self._fetch(self._server().root_id)

    def _names(self, group: RemoteObject) -> Iterable[str]:
        return list(self._fresh(group).links)

    def _has(self, group: RemoteObject, name: str) -> bool:
        return name in self._fresh(group).links

    def _child(self, group: RemoteObject, name: str) -> tuple[Any, NodeKind]:
        link = group.links[name]
        if link["class"] != "H5L_TYPE_HARD":
            return RemoteObject("", link), NodeKind.LINK
        obj = self._fetch(link["id"])
        if self.queue.journal is not None and obj.kind in (NodeKind.GROWING, NodeKind.TEXT, NodeKind.FIXED):
            self._follow(obj, name)
        return obj, obj.kind

    def _follow(self, obj: RemoteObject, path: str) -> None:
        """Have the journal know an array."""
        grows, dims = obj.kind is not NodeKind.FIXED, obj.dims
        room = dims[0] if grows and dims else None
        rows = obj.rows = self._writing().rows_of(obj.object_id, obj.shape, grows, room)
        rows.path = rows.path or path

    def _identity(self, node: TreeNode) -> Any:
        return node.obj.object_id

    @changing
    def raw_node(self, node: Handle) -> None:
        """Return None: there is no object of h5pyd."""
        self._nodes.get(node)

    def _create(self, group: RemoteObject, name: str, spec: NodeSpec) -> RemoteObject:
        """Make an object with its attributes and its link in one request."""
        if spec.kind is NodeKind.GROUP:
            return self._new(group, name, "groups", {}, spec.attributes)
        if spec.kind is NodeKind.FIXED:
            return self._new(group, name, "datasets", self._fixed(spec), spec.attributes)
        if spec.kind is NodeKind.TEXT:
            body = _growing(BYTE_ROWS, (), {}, [1024])
        else:
            held, properties = spec.dtype.newbyteorder("<"), filters(self._library(spec.compression), spec.compression)
            chunks = bounded_chunks(fast_chunks(spec.shape, held), held)
            body = _growing(type_json(held), spec.shape, properties, list(chunks))
        return self._new(group, name, "datasets", body, _counted(spec.attributes))

    def _fixed(self, spec: NodeSpec) -> dict[str, Any]:
        held, shape = spec.dtype.newbyteorder("<"), spec.shape
        is_chunked = bool(shape) and 0 not in shape
        properties = filters(self._library(spec.compression) if is_chunked else None, spec.compression)
        if is_chunked:
            chunks = bounded_chunks(fixed_chunks(shape, held, spec.frame_axes, TARGET_BYTES), held)
            properties["layout"] = {"class": "H5D_CHUNKED", "dims": list(chunks)}
        if spec.fill_value is not None:
            properties["fillValue"] = fill_json(spec.fill_value, held)
        dims = list(shape) if shape else "H5S_SCALAR"
        return {"type": type_json(held), "shape": dims, "creationProperties": properties}

    def _new(
        self,
        group: RemoteObject,
        name: str,
        collection: str,
        body: dict[str, Any],
        attributes: Mapping[str, RawAttribute],
    ) -> RemoteObject:
        encoded = {key: attribute_json(key, value, name) for key, value in attributes.items()}
        small, large = within_one_request(encoded)
        object_id = createObjId(collection, root_id=self._server().root_id)
        link = {"id": group.object_id, "name": name}
        answer = self._change("POST", f"/{collection}", {**body, "id": object_id, "link": link, "attributes": small})
        made = RemoteObject(object_id, {**(answer if isinstance(answer, dict) else {}), "attributes": dict(small)})
        for some in large:
            self._change("PUT", f"{made.address}/attributes", {"attributes": some}, replace=1)
            made.attributes.update(some)
        group.links[name] = {"id": object_id, "class": "H5L_TYPE_HARD"}
        return made

    def _complete_new(self, node: TreeNode, spec: NodeSpec) -> None:
        if spec.kind is not NodeKind.GROUP:
            self._follow(node.obj, node.path)
        held = spec.dtype.newbyteorder("<")
        if spec.data is not None and spec.data.size:
            self._write_block(node.obj, as_block(region_of(..., spec.shape)[0], spec.data.astype(held, copy=False)))
        elif spec.kind is NodeKind.FIXED and spec.shape == () and spec.fill_value is not None:
            self._write_block(node.obj, as_block(region_of(..., ())[0], np.asarray(spec.fill_value).astype(held)))

    def _remove(self, node: TreeNode) -> None:
        parent, _, name = node.path.rpartition("/")
        group = self._nodes.group(self.node(parent or "/"))
        self._writing().deliver()  # what was appended goes before: the array may have a second link
        self._writing().deleted(node.path)
        if isinstance(node.obj, RemoteObject) and node.obj.rows is not None:
            node.obj.rows.deleted = True
        self._change("DELETE", f"{group.obj.address}/links", titles=name, separator="/")
        group.obj.links.pop(name, None)

    def _copy(self, source: TreeNode, group: TreeNode, name: str) -> None:
        obj, path = source.obj, f"{group.path.rstrip('/')}/{name}"
        attributes = self._get_attributes(source, None)
        if source.kind is NodeKind.GROUP:
            made = self._make(group, path, NodeSpec(NodeKind.GROUP, attributes=attributes))
            for child in self._names(obj):
                inner = self._nodes.get(self.node(f"{source.path.rstrip('/')}/{child}"))
                if inner.kind not in (NodeKind.LINK, NodeKind.OTHER):
                    self._copy(inner, made, child)
            return
        self._send(obj)
        kind, properties = obj.described["type"], obj.described.get("creationProperties", {})
        if source.kind is NodeKind.FIXED:
            body = {"type": kind, "shape": list(obj.shape) if obj.shape else "H5S_SCALAR"}
            copied = self._new(group.obj, name, "datasets", {**body, "creationProperties": properties}, attributes)
        else:
            body = _growing(kind, obj.shape[1:], properties, None)
            copied = self._new(group.obj, name, "datasets", body, _counted(attributes))
        self._follow(copied, path)
        with self._writing().together():
            for region, values in self._values(obj, region_of(..., obj.shape)[0]):
                self._write_block(copied, Block(region, values), obj.shape)

    def _info(self, node: TreeNode) -> ArrayInfo:
        found: ArrayInfo = self._fresh(node.obj).info()
        return found

    def _held(self, node: TreeNode) -> np.dtype[Any]:
        held: np.dtype[Any] = node.obj.dtype
        return held

    def _accept(self, obj: RemoteObject, block: Block, shape: tuple[int, ...]) -> None:
        assert obj.rows is not None
        self._writing().accept(obj.rows, block, shape)

    def _append(self, node: TreeNode, rows: npt.NDArray[Any]) -> None:
        is_text = node.kind is NodeKind.TEXT
        shape = (node.obj.shape[0] + (1 if is_text else len(rows)), *node.obj.shape[1:])
        region, _ = region_of(slice(node.obj.shape[0], None), shape)
        self._accept(node.obj, Block(region, [rows.copy()]) if is_text else as_block(region, rows), shape)

    def _write_block(self, obj: RemoteObject, block: Block, shape: tuple[int, ...] | None = None) -> None:
        if not block.region.start:  # a single value
            self._send(obj)  # what came before goes before
            self._change("PUT", f"{obj.address}/value", block.content())
        else:
            self._accept(obj, block, shape or obj.shape)

    def _send(self, obj: RemoteObject) -> None:
        """Send the waiting values of an array, so that the server can answer for it."""
        if self.queue.journal is not None and obj.rows is not None and not obj.rows.settled:
            self.queue.journal.deliver(obj.rows)

    def _write(self, node: TreeNode, selection: Selection, values: npt.NDArray[Any]) -> None:
        with fitting(node.path, node.obj.shape, selection, values):
            region, shape = region_of(selection, node.obj.shape)
            if values.size == 1:  # goes wherever a number goes
                values = values.reshape(())
            fitted = np.broadcast_to(values.astype(node.obj.dtype, copy=False), shape)
        if fitted.size:
            self._write_block(node.obj, as_block(region, fitted.reshape(region.counts)))

    def _read(self, node: TreeNode, selection: Selection) -> Any:
        obj = self._fresh(node.obj)
        with fitting(node.path, obj.shape, selection):
            region, shape = region_of(selection, obj.shape)
        self._send(obj)
        try:
            if obj.kind is NodeKind.TEXT:
                rows = [row for _, part in self._values(obj, region) for row in part]
                return rows if shape else rows[0]
            found = np.zeros(region.counts, object if obj.is_text else obj.dtype)
            for part, values in self._values(obj, region):
                found[part.within(region)] = values
            return found.reshape(shape)[()]
        except RemoteRefusedError as error:
            raise NodeError(f"{node.path} can't be read: {error}") from error

    def _values(self, obj: RemoteObject, region: Region) -> Iterator[tuple[Region, Any]]:
        """Iterate over parts of a region, as large as an answer may be, and their values."""
        for part in region.cut(obj.dtype.itemsize, MAX_REQUEST):
            if 0 not in part.counts:
                content = self._server().ask("GET", f"{obj.address}/value", **part.params)
                yield part, obj.decoded(content, part.counts)

    # ------------------------------------------------------------ attributes
    def _attribute_names(self, node: TreeNode) -> list[str]:
        return sorted(set(self._fresh(node.obj).attributes) - HIDDEN)

    def _get_attributes(self, node: TreeNode, names: list[str] | None) -> dict[str, RawAttribute]:
        known = self._fresh(node.obj).attributes
        wanted = sorted(known) if names is None else [name for name in names if name in known]
        values = {name: attribute_value(known[name]) for name in wanted if name not in HIDDEN}
        return {name: value for name, value in values.items() if value is not None}

    def _set_attributes(self, node: TreeNode, attributes: Mapping[str, RawAttribute], fresh: bool = False) -> None:
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

    def _delete_attribute(self, node: TreeNode, name: str) -> None:
        if name not in node.obj.attributes or name in HIDDEN:
            raise NodeError(f"{node.path} has no attribute {name!r}")
        self._change(
            "DELETE", f"{node.obj.address}/attributes", attr_names=name, separator="\n" if "/" in name else "/"
        )
        del node.obj.attributes[name]

    # ------------------------------------------------------------------ SWMR
    def _start_swmr(self) -> None:
        raise StreamingError("a remote file has no SWMR mode: others can read it during writing as it is")

    def _refresh(self, node: TreeNode) -> None:
        if self._mode == "r":
            self._renew(node.obj)


def _growing(
    kind: Any, row_shape: tuple[int, ...], properties: dict[str, Any], chunks: list[int] | None
) -> dict[str, Any]:
    """Return the description of an array that grows."""
    layout = {} if chunks is None else {"layout": {"class": "H5D_CHUNKED", "dims": chunks}}
    return {
        "type": kind,
        "shape": [0, *row_shape],
        "maxdims": [0, *row_shape],
        "creationProperties": {**properties, **layout},
    }


def _counted(attributes: Mapping[str, RawAttribute]) -> dict[str, RawAttribute]:
    """Return attributes with a count from the first moment: without one, readers take the whole array for complete."""
    return {**attributes, COUNT: np.int64(0)}
