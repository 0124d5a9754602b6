"""Copy a file to a server and back, resuming where an earlier copy ended, and compare both by checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from h5saver_widget.backends.base import ArrayInfo, Backend, Compression, Handle, NodeKind, RawAttribute
from h5saver_widget.errors import DataMismatchError

__all__ = ["Progress", "Transfer", "copy_all", "fingerprint"]

#: How much is read and written at once.
_BLOCK_BYTES = 16 << 20
#: Attributes that libraries write for themselves, and that no copy has in common with the original.
_LIBRARY = frozenset({"PYTABLES_FORMAT_VERSION", "VERSION", "FLAVOR", "swmr_active"})
_VALUES = (NodeKind.FIXED, NodeKind.GROWING)

Progress = Callable[[str, int, int], None]
"""Called with the path that is being copied, bytes done, bytes in all."""


@dataclass
class Transfer:
    """What a copy did.

    Attributes
    ----------
    nodes
        Nodes that were looked at.
    copied_bytes
        Values that were copied; those that were there already are left out.
    skipped
        Paths that can't be copied, with the reason: links, and what the other library does not know.
    """

    nodes: int = 0
    copied_bytes: int = 0
    skipped: dict[str, str] | None = None


def _walk(backend: Backend) -> Iterator[tuple[str, Handle, NodeKind]]:
    """Iterate over all nodes, a group before what is in it; what a second hard link reaches is not entered again."""
    stack, seen = ["/"], set()
    while stack:
        path = stack.pop()
        node = backend.node(path)
        kind = backend.kind(node)
        yield path, node, kind
        if kind is NodeKind.GROUP:
            identity = backend.identity(node)
            if identity not in seen:
                seen.add(identity)
                stack.extend(f"{path.rstrip('/')}/{name}" for name in reversed(backend.children(node)))


def _blocks(info: ArrayInfo, first: int = 0) -> Iterator[tuple[slice, int]]:
    """Iterate over slices of rows of about 16 MB, and their sizes in bytes."""
    row = max(1, prod(info.shape[1:]) * info.dtype.itemsize)
    step = max(1, _BLOCK_BYTES // row)
    for start in range(first, info.shape[0], step):
        stop = min(start + step, info.shape[0])
        yield slice(start, stop), (stop - start) * row


def _attributes(backend: Backend, node: Handle) -> dict[str, RawAttribute]:
    found = backend.get_attributes(node)
    return {name: _storable(value) for name, value in found.items() if name not in _LIBRARY}


def _storable(value: RawAttribute) -> RawAttribute:
    """Return an attribute as every library takes it: arrays of text as bytes."""
    if isinstance(value, np.ndarray) and value.dtype.kind == "U":
        return np.char.encode(value.astype(np.str_), "utf-8")
    return value


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and _encoded(one) == _encoded(other)


def _encoded(value: Any) -> bytes:
    """Return an attribute as bytes that do not depend on how a library holds it."""
    values = np.asarray(value)
    if isinstance(value, bytes):
        return b"b" + value
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    if values.dtype.kind in "UO":
        return json.dumps(values.tolist()).encode()
    kind = "?" if values.dtype.kind == "b" else values.dtype.newbyteorder("<").str
    return f"{kind}{values.shape}".encode() + values.astype(values.dtype.newbyteorder("<")).tobytes()


def fingerprint(backend: Backend) -> str:
    """Return a checksum (SHA-256) over all paths, attributes and values of the open file.

    Two files with the same content have the same, whatever library or server holds them: number types, compression and
    chunks do not count, booleans that one library stores as small integers do.
    """
    total = hashlib.sha256()
    for path, node, kind in sorted(_walk(backend), key=lambda entry: entry[0]):
        if kind in (NodeKind.LINK, NodeKind.OTHER):
            continue
        total.update(f"{path}\0{kind.value if kind is NodeKind.GROUP else 'array'}\0".encode())
        for name, value in sorted(_attributes(backend, node).items()):
            total.update(f"{name}\0".encode() + _encoded(value) + b"\0")
        if kind is NodeKind.TEXT:
            for row in backend.read(node):
                total.update(len(row).to_bytes(8, "little") + row.tobytes())
        elif kind in _VALUES:
            info = backend.info(node)
            total.update(f"{info.shape}{info.dtype.newbyteorder('<').str}\0".encode())
            if info.shape == ():
                total.update(np.asarray(backend.read(node)).astype(info.dtype.newbyteorder("<")).tobytes())
            else:
                for rows, _ in _blocks(info):
                    total.update(np.asarray(backend.read(node, rows)).astype(info.dtype.newbyteorder("<")).tobytes())
    return total.hexdigest()


def copy_all(source: Backend, target: Backend, progress: Progress | None = None) -> Transfer:
    """Bring the open file of `target` to the content of that of `source`; what is there already is not sent again.

    Growing arrays are continued after the rows that `target` has; a fixed array of the same shape is compared block by
    block; attributes are written where they differ. Nothing is deleted.

    Raises
    ------
    DataMismatchError
        If a node of the same path is of another kind or shape in `target`.
    """
    nodes = list(_walk(source))
    sizes = {path: _size(source, node) for path, node, kind in nodes if kind in _VALUES}
    total, done = sum(sizes.values()), 0
    result = Transfer(skipped={})
    assert result.skipped is not None
    for path, node, kind in nodes:
        result.nodes += 1
        if progress is not None:
            progress(path, done, total)
        if kind in (NodeKind.LINK, NodeKind.OTHER):
            result.skipped[path] = f"a {kind.value} can't be copied"
            continue
        attributes = _attributes(source, node)
        made = _counterpart(source, target, path, node, kind, attributes)
        if kind is NodeKind.TEXT:
            first = target.info(made).shape[0]
            for row in source.read(node, slice(first, None)):
                target.append(made, row)
                result.copied_bytes += row.nbytes
        elif kind in _VALUES:
            for size, written in _copy_values(source, node, target, made, kind):
                done += size
                result.copied_bytes += written
                if progress is not None:
                    progress(path, done, total)
    target.flush()
    if progress is not None:
        progress("/", total, total)
    return result


def _size(backend: Backend, node: Handle) -> int:
    info = backend.info(node)
    return prod(info.shape) * info.dtype.itemsize


def _counterpart(
    source: Backend,
    target: Backend,
    path: str,
    node: Handle,
    kind: NodeKind,
    attributes: Mapping[str, RawAttribute],
) -> Handle:
    """Return the node of the same path, made if it is not there, with the attributes of the original."""
    parent_path, _, name = path.rpartition("/")
    if path != "/" and not target.has_child(target.node(parent_path or "/"), name):
        return _make(source, target, target.node(parent_path or "/"), name, node, kind, attributes)
    made = target.node(path)
    found = target.kind(made)
    alike = found is kind or {found, kind} <= set(_VALUES)
    if not alike:
        raise DataMismatchError(
            f"{path} is a {found.value} in {target.path} and a {kind.value} in {source.path}; copy to a new place"
        )
    known = target.get_attributes(made)
    changed = {key: value for key, value in attributes.items() if key not in known or not _same(value, known[key])}
    if changed:
        target.set_attributes(made, changed)
    return made


def _make(
    source: Backend,
    target: Backend,
    parent: Handle,
    name: str,
    node: Handle,
    kind: NodeKind,
    attributes: Mapping[str, RawAttribute],
) -> Handle:
    if kind is NodeKind.GROUP:
        return target.create_group(parent, name, attributes)
    if kind is NodeKind.TEXT:
        return target.create_text(parent, name, attributes)
    info = source.info(node)
    if info.dtype.kind not in "biufc":
        raise DataMismatchError(f"{source.path_of(node)} holds {info.dtype}, which can't be copied to {target.path}")
    packed = Compression("gzip", 4) if info.compression else None
    if kind is NodeKind.GROWING:
        return target.create_growing(
            parent, name, row_shape=info.shape[1:], dtype=info.dtype, compression=packed, attributes=attributes
        )
    return target.create_array(
        parent, name, shape=info.shape, dtype=info.dtype, compression=packed, attributes=attributes
    )


def _copy_values(
    source: Backend, node: Handle, target: Backend, made: Handle, kind: NodeKind
) -> Iterator[tuple[int, int]]:
    """Copy values in blocks; iterate over bytes looked at and bytes written."""
    info, held = source.info(node), target.info(made)
    if info.shape[1:] != held.shape[1:] or (kind is NodeKind.FIXED and info.shape != held.shape):
        raise DataMismatchError(
            f"{source.path_of(node)} has shape {info.shape}, in {target.path} {held.shape}; copy to a new place"
        )
    if prod(info.shape) == 0:
        return
    if info.shape == ():
        target.write(made, ..., np.asarray(source.read(node)))
        yield info.dtype.itemsize, info.dtype.itemsize
        return
    if kind is NodeKind.GROWING:
        if held.shape[0] > info.shape[0]:
            raise DataMismatchError(f"{target.path} has more rows of {source.path_of(node)} than {source.path}")
        yield (held.shape[0] * _row_bytes(info), 0)
        for rows, size in _blocks(info, held.shape[0]):
            target.append(made, np.asarray(source.read(node, rows)))
            yield size, size
        return
    for rows, size in _blocks(info):
        values = np.asarray(source.read(node, rows))
        if np.asarray(target.read(made, rows)).tobytes() == values.tobytes():
            yield size, 0
            continue
        target.write(made, rows, values)
        yield size, size


def _row_bytes(info: ArrayInfo) -> int:
    return prod(info.shape[1:]) * info.dtype.itemsize
