"""Copy what can be read of a damaged file into a new one, and name what can't; runs in a child process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.terms import Compression, NodeKind
from h5saver_widget.format.codec import encode
from h5saver_widget.recovery.parts import Box, PartReader, fits_into, rows_in_words

if TYPE_CHECKING:
    from h5saver_widget.backends.base import Backend
    from h5saver_widget.backends.terms import Handle

__all__ = ["bring_up_to_date", "salvage"]

_LEVEL = 4
_WHOLE_FILE = 1 << 62


def salvage(
    source: str, target: str, nodes: dict[str, dict[str, Any]], avoid: dict[str, list[Any]], writer: str
) -> Iterator[dict[str, Any]]:
    """Make `target`, put everything into it that can be read, and yield what can't.

    Parameters
    ----------
    source, target
        Paths of the damaged file, and of the new one.
    nodes
        What the survey has found, parents before their children: nodes that are to be copied.
    avoid
        Parts of arrays that end the process.
    writer
        Backend that makes the new file.
    """
    made = create_backend(writer)
    made.open(Path(target), "x")
    readers: dict[str, Backend] = {}
    size = Path(source).stat().st_size
    for path, node in nodes.items():
        yield {"at": path}
        name = node.get("reader", writer)
        try:
            if name not in readers:
                readers[name] = create_backend(name)
                readers[name].open(Path(source), "r", locking=False)
            backend = readers[name]
            handle = backend.node(path)
            parent, _, last = path.rpartition("/")
            if path == "/":
                new = made.root()
            elif backend.kind(handle) is NodeKind.GROUP:
                new = made.create_group(made.node(parent or "/"), last)
            else:
                boxes = [tuple((start, stop) for start, stop in box) for box in avoid.get(path, ())]
                reader = PartReader(backend, handle, boxes)
                if not fits_into(reader.info, size):
                    raise OSError(f"it claims shape {reader.info.shape}, far more than the file can hold")
                new, lost = _copy_array(reader, backend.kind(handle), made, made.node(parent or "/"), last)
                if lost:
                    yield {"lost": path, "what": rows_in_words(lost, reader.info.shape), "boxes": lost}
            yield from _copy_attributes(backend, handle, made, new, path)
        except Exception as error:
            # damaged bytes reach every kind of error; each is reported with its place
            yield {"lost": path, "what": str(error)[:300] or type(error).__name__}
    for backend in readers.values():
        backend.close()
    made.close()


def _copy_attributes(
    backend: Backend, handle: Handle, made: Backend, new: Handle, path: str
) -> Iterator[dict[str, Any]]:
    """Copy attributes one by one: one that can't be copied does not take the others with it."""
    values = backend.get_attributes(handle)
    missing = sorted(set(backend.attribute_names(handle)) - set(values))
    for name, value in values.items():
        try:
            made.set_attributes(new, {name: value})
        except (ValueError, OSError, TypeError, RuntimeError):
            missing.append(name)
    if missing:
        yield {"lost": path, "what": f"attributes {', '.join(missing)}"[:300]}


def _copy_array(
    reader: PartReader, kind: NodeKind, made: Backend, parent: Handle, name: str
) -> tuple[Handle, list[Box]]:
    """Copy an array slab by slab; return its copy and the boxes that are lost, which hold the fill value."""
    info, lost = reader.info, []
    if kind is NodeKind.TEXT:
        new = made.create_text(parent, name)
        for slab in reader.slabs():
            for is_read, (box, rows) in reader.read(slab):
                if is_read and rows is None:
                    lost.append(box)
                for row in rows if is_read and rows is not None else ():
                    made.append(new, np.asarray(row, np.uint8))
        return new, lost
    fill = np.array(np.nan if info.dtype.kind in "fc" else 0).astype(info.dtype) if info.dtype.kind in "biufc" else None
    known = info.compression in made.capabilities.compression
    compression = Compression(str(info.compression), _LEVEL) if known and info.shape else None
    if kind is NodeKind.GROWING:
        new = made.create_growing(parent, name, row_shape=info.shape[1:], dtype=info.dtype, compression=compression)
    else:
        new = made.create_array(
            parent, name, shape=info.shape, dtype=info.dtype, fill_value=fill, compression=compression
        )
    for slab in reader.slabs():
        values = _slab(reader, slab, fill, lost)
        if kind is NodeKind.GROWING:
            made.append(new, values)
        else:
            made.write(new, tuple(slice(*ends) for ends in slab), values)
    return new, lost


def _slab(reader: PartReader, slab: Box, fill: Any, lost: list[Box]) -> Any:
    """Return the values of a slab, with the fill value where it can't be read."""
    values: Any = None
    for is_read, (box, found) in reader.read(slab):
        if not is_read:
            continue
        if found is None:
            lost.append(box)
        if box == slab and found is not None:
            return found
        if values is None:
            values = np.full(tuple(stop - start for start, stop in slab), fill, reader.info.dtype)
        if found is not None:
            corner = slab
            values[tuple(slice(a - c, b - c) for (a, b), (c, _) in zip(box, corner, strict=True))] = found
    return values


def bring_up_to_date(path: str, writer: str, nodes: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Write into a repaired copy what closing would have written: shapes of growing arrays, that nobody streams."""
    made = create_backend(writer)
    made.open(Path(path), "r+", locking=False)
    for where, node in nodes.items():
        yield {"at": where}
        if where == "/":
            handle = made.root()
            if "swmr_active" in made.get_attributes(handle, ["swmr_active"]):
                made.set_attributes(handle, {"swmr_active": np.bool_(False)})
        elif node["kind"] in ("GROWING", "TEXT"):
            handle = made.node(where)
            rows = made.info(handle).shape
            held = made.get_attributes(handle, ["shape", "size"])
            right = {name: encode(value) for name, value in (("shape", rows), ("size", rows[0])) if name in held}
            stale = {name: value for name, value in right.items() if held[name] != value}
            if stale:
                made.set_attributes(handle, stale)
                yield {"updated": where}
    made.close()
