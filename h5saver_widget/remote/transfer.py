"""Copy a file to a server and back, resuming where an earlier copy ended, and compare both by checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.copying import blocks_of, copy_values, is_numbers, made_like, walk
from h5saver_widget.backends.shown_again import without_entry
from h5saver_widget.backends.terms import ArrayInfo, Handle, NodeKind, RawAttribute
from h5saver_widget.errors import DataMismatchError
from h5saver_widget.format.layout import COMMIT_MARK
from h5saver_widget.progress import Progress

__all__ = ["Seen", "Transfer", "copy_all", "fingerprint", "kinds_alike", "nodes_of"]

#: Attributes that libraries write for themselves, and that no copy has in common with the original.
_LIBRARY = frozenset({"PYTABLES_FORMAT_VERSION", "VERSION", "FLAVOR", "swmr_active", COMMIT_MARK})
_VALUES = (NodeKind.FIXED, NodeKind.GROWING)

#: A fixed array above this is not looked through again and again while it is written.
_LARGE_FIXED = 64 << 20

Seen = dict[tuple[str, int], bytes]
"""What blocks of fixed arrays contain in the target: digests by path and first row."""


@dataclass
class Transfer:
    """The result of a copy."""

    #: Nodes that were looked at.
    nodes: int = 0
    #: Values that were copied; those that were there already do not count.
    copied_bytes: int = 0
    #: Skipped paths, with the reason: links, and types that the other library does not know.
    skipped: dict[str, str] = field(default_factory=dict)


def nodes_of(backend: Backend) -> Iterator[tuple[str, Handle, NodeKind]]:
    """Iterate over all nodes as they are copied: those that are not count as links, or as unsupported."""
    for path, node, kind in walk(backend):
        if kind in _VALUES and backend.inspection.details(node).sources:  # its values stand elsewhere, and stay there
            kind = NodeKind.LINK
        elif kind in _VALUES and not is_numbers(backend.info(node)):
            kind = NodeKind.OTHER
        yield path, node, kind


def kinds_alike(one: NodeKind, other: NodeKind) -> bool:
    """Tell whether a node of one kind can be a copy of one of the other."""
    return one is other or {one, other} <= set(_VALUES)


def _attributes(backend: Backend, node: Handle) -> dict[str, RawAttribute]:
    found = without_entry(backend.get_attributes(node))
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


def fingerprint(backend: Backend, progress: Progress | None = None) -> str:
    """Return a checksum (SHA-256) over all paths, attributes and values of the open file.

    Two files with the same content have the same, on any library or server: byte order, compression and chunks do not
    count, nor the notes that libraries make for themselves.
    """
    told, total = progress or Progress(), hashlib.sha256()
    nodes = sorted(nodes_of(backend), key=lambda entry: entry[0])
    size, done = float(sum(_size(backend, node) for _, node, kind in nodes if kind in _VALUES)), 0
    for path, node, kind in nodes:
        told.report(done, size, f"checksum of {backend.path}")
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
                for rows, read in blocks_of(info):
                    total.update(np.asarray(backend.read(node, rows)).astype(info.dtype.newbyteorder("<")).tobytes())
                    done += read
                    told.report(done, size)
    return total.hexdigest()


def copy_all(
    source: Backend,
    target: Backend,
    progress: Progress | None = None,
    *,
    seen: Seen | None = None,
    thorough: bool = False,
) -> Transfer:
    """Bring the open file of `target` to the content of that of `source`; equal content is not sent again.

    Growing arrays are continued after the rows that `target` has; a fixed array of the same shape is compared block by
    block; attributes are written where they differ. Nothing is deleted.

    `progress` gets the number of copied bytes, of all bytes, and the path; it may stop the copy between two blocks.
    `seen` is the state of earlier copies of a file that is still written: unchanged content is not read from `target`
    again, and fixed arrays above 64 MB are skipped until a copy without it. A `thorough` copy compares the rows that
    are there already, too.

    DataMismatchError if a node of the same path is of another kind or shape in `target`; WorkStoppedError if `progress`
    was stopped.
    """
    told = progress or Progress()
    nodes = list(nodes_of(source))
    total = float(sum(_size(source, node) for _, node, kind in nodes if kind in _VALUES))
    if seen is None:
        _must_fit(source, target, nodes)
    result, done = Transfer(), 0
    for path, node, kind in nodes:
        result.nodes += 1
        told.report(done, total, path)
        if kind in (NodeKind.LINK, NodeKind.OTHER):
            result.skipped[path] = f"a {kind.value} can't be copied"
            continue
        made, fresh = _counterpart(source, target, path, node)
        if kind is NodeKind.TEXT:
            result.copied_bytes += sum(copy_values(source, path, target, made, target.info(made).shape[0]))
        elif kind in _VALUES:
            values = _Values(source, node, target, made, path, fresh, seen, thorough)
            for size, written in values.copied(kind):
                done += size
                result.copied_bytes += written
                told.report(done, total, path)
    target.flush()
    told.report(total, total, "/")
    return result


def _size(backend: Backend, node: Handle) -> int:
    return _bytes_of(backend.info(node))


def _bytes_of(info: ArrayInfo) -> int:
    return prod(info.shape) * info.dtype.itemsize


def _must_fit(source: Backend, target: Backend, nodes: list[tuple[str, Handle, NodeKind]]) -> None:
    """Raise DataMismatchError if the target can't become alike; it is not changed before that is known."""
    for path, node, kind in nodes:
        parent, _, name = path.rpartition("/")
        if path == "/" or kind in (NodeKind.LINK, NodeKind.OTHER) or not _has(target, parent, name):
            continue
        made = target.node(path)
        found = target.kind(made)
        if not kinds_alike(found, kind):
            raise DataMismatchError(
                f"{path} is a {found.value} in {target.path} and a {kind.value} in {source.path}; copy to a new place"
            )
        if kind is NodeKind.GROUP:
            continue
        _require_shapes(path, kind, source, source.info(node).shape, target, target.info(made).shape)


def _require_shapes(
    path: str, kind: NodeKind, source: Backend, here: tuple[int, ...], target: Backend, there: tuple[int, ...]
) -> None:
    """Raise DataMismatchError if an array can't be copied into that of the same path."""
    if here[1:] != there[1:] or (kind is NodeKind.FIXED and here != there):
        raise DataMismatchError(f"{path} has shape {here}, in {target.path} {there}; copy to a new place")
    if kind is not NodeKind.FIXED and there[0] > here[0]:
        raise DataMismatchError(f"{target.path} has more rows of {path} than {source.path}")


def _has(backend: Backend, parent: str, name: str) -> bool:
    """Tell whether there is a node, whose parent may be missing, too."""
    above, _, own = parent.rpartition("/")
    return (not parent or _has(backend, above, own)) and backend.has_child(backend.node(parent or "/"), name)


def _counterpart(source: Backend, target: Backend, path: str, node: Handle) -> tuple[Handle, bool]:
    """Return the node of the same path with the attributes of the original, and whether it was made just now."""
    attributes = _attributes(source, node)
    parent_path, _, name = path.rpartition("/")
    if path != "/" and not target.has_child(target.node(parent_path or "/"), name):
        return made_like(source, node, target, target.node(parent_path or "/"), name, attributes), True
    made = target.node(path)
    known = target.get_attributes(made)
    changed = {key: value for key, value in attributes.items() if key not in known or not _same(value, known[key])}
    if changed:
        target.set_attributes(made, changed)
    return made, False


@dataclass
class _Values:
    """The values of one array, on their way."""

    source: Backend
    node: Handle
    target: Backend
    made: Handle
    path: str
    fresh: bool
    seen: Seen | None
    thorough: bool

    def copied(self, kind: NodeKind) -> Iterator[tuple[int, int]]:
        """Copy values in blocks; iterate over bytes looked at and bytes written."""
        info, held = self.source.info(self.node), self.target.info(self.made)
        _require_shapes(self.path, kind, self.source, info.shape, self.target, held.shape)
        if prod(info.shape) == 0:
            return
        if kind is NodeKind.GROWING:
            yield from self._new_rows(info, held.shape[0])
        elif info.shape == ():
            yield self._block(..., info.dtype.itemsize)
        elif self.seen is None or _bytes_of(info) <= _LARGE_FIXED:
            for rows, size in blocks_of(info):
                yield self._block(rows, size)

    def _new_rows(self, info: ArrayInfo, there: int) -> Iterator[tuple[int, int]]:
        if self.thorough:
            for rows, size in blocks_of(replace(info, shape=(there, *info.shape[1:]))):
                yield self._block(rows, size)
        else:
            yield (there * max(1, _bytes_of(info) // info.shape[0]), 0)
        for size in copy_values(self.source, self.path, self.target, self.made, there):
            yield size, size

    def _block(self, rows: Any, size: int) -> tuple[int, int]:
        """Copy part of a fixed array if it is not there already."""
        values = np.asarray(self.source.read(self.node, rows))
        content = _digest(values)
        place = (self.path, 0 if rows is ... else rows.start)
        known = None if self.seen is None else self.seen.get(place)
        if known is None and not self.fresh:
            known = _digest(np.asarray(self.target.read(self.made, rows)))
        if known != content:
            self.target.write(self.made, rows, values)
        if self.seen is not None:
            self.seen[place] = content
        return size, 0 if known == content else size


def _digest(values: np.ndarray[Any, Any]) -> bytes:
    """Return a digest that does not depend on the byte order."""
    return hashlib.blake2b(values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()).digest()
