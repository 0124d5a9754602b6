"""Properties of objects that h5py does not report: a missing filter, an odd but legal layout, no storage yet."""

from __future__ import annotations

import os
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from h5py import h5, h5a, h5d, h5o, h5s, h5t

from h5saver_widget.backends.h5py_attributes import as_text
from h5saver_widget.backends.h5py_details import details_of
from h5saver_widget.backends.h5py_filters import missing_filters
from h5saver_widget.backends.h5py_sources import sources_of
from h5saver_widget.backends.h5py_unpacking import require_possible_lengths
from h5saver_widget.backends.handles import TreeNode
from h5saver_widget.backends.inspecting import Inspection
from h5saver_widget.backends.local_file import LocalFile
from h5saver_widget.backends.terms import Details, Handle

__all__ = ["H5pyInspection", "has_addresses", "has_odd_chunks", "list_members", "read_raw"]

_PIECE: Final = 8 << 20
_MOST_COPIED: Final = 256 << 20


def missing_files(dataset: Any, folder: Path) -> list[str]:
    """Return the files that an array's numbers stand in, or a link points to, and that are not there."""
    if isinstance(dataset, h5py.ExternalLink):
        names = {as_text(dataset.filename)}
    else:
        names = {file for file, _ in sources_of(dataset)} if isinstance(dataset, h5py.Dataset) else set()
    return [
        f"needs the file {name}, which is not there"
        for name in sorted(names)
        if name != "." and "%" not in name and not any((place / name).exists() for place in (folder, Path()))
    ]


def stored_rows(dataset: h5d.DatasetID, file: int) -> list[tuple[int, int]] | None:
    """Return which rows of an array have a place in the file, None for all; the others hold the fill value.

    `file` is the operating system's number of the file, to see holes in it; -1 if there is none. OSError if the list of
    chunks is damaged.
    """
    shape = dataset.get_space().get_simple_extent_dims()
    layout = dataset.get_create_plist().get_layout()
    if not shape or layout not in (h5d.CHUNKED, h5d.CONTIGUOUS):
        return None
    if layout == h5d.CHUNKED:
        step = dataset.get_create_plist().get_chunk()[0]
        if has_odd_chunks(dataset):
            raise OSError("the list of its chunks contradicts itself")
        first: set[int] = set()
        dataset.chunk_iter(lambda chunk: first.add(chunk.chunk_offset[0]))
        return _merged((start, min(start + step, shape[0])) for start in sorted(first) if start < shape[0])
    place = dataset.get_offset()
    if place is None:
        return [] if not dataset.get_create_plist().get_external_count() else None
    row = max(1, prod(shape[1:]) * dataset.get_type().get_size())
    if file < 0 or not hasattr(os, "SEEK_DATA"):
        return None
    found, at, end = [], place, place + row * shape[0]
    while at < end:
        try:
            at = os.lseek(file, at, os.SEEK_DATA)
            stop = os.lseek(file, at, os.SEEK_HOLE)
        except OSError:  # nothing but a hole from here on, or no such call
            break
        if at < end:
            found.append(((at - place) // row, min(-(-(stop - place) // row), shape[0])))
        at = stop
    # behind the end of the file there is nothing that could be a hole
    if end > os.fstat(file).st_size:
        return None
    return _merged(found)


def has_odd_chunks(dataset: Any) -> bool:
    """Tell whether the list of chunks contradicts itself: a reader finds other bytes than a copy along that list."""
    plist = dataset.get_create_plist()
    found: list[Any] = []
    if plist.get_layout() != h5d.CHUNKED:
        return False
    try:
        dataset.chunk_iter(found.append)
    except (OSError, RuntimeError):
        return False  # that it can't be read is said elsewhere
    whole = prod(plist.get_chunk()) * dataset.get_type().get_size()
    is_packed = bool(plist.get_nfilters())
    return len({chunk.chunk_offset for chunk in found}) < len(found) or any(
        not chunk.byte_offset or not (is_packed or chunk.size == whole) for chunk in found
    )


def _merged(ranges: Any) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, stop in ranges:
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(stop, merged[-1][1])
        else:
            merged.append((start, stop))
    return merged


def read_raw(dataset: Any, space: Any = h5s.ALL, shape: tuple[int, ...] | None = None) -> Any:
    """Read an array or an attribute of any type as its stored bytes; OSError if that can't be done."""
    kind = dataset.get_type()
    if shape is None:
        shape = dataset.get_space().get_simple_extent_dims() or ()
    values = np.empty(shape, f"V{kind.get_size()}")
    if isinstance(dataset, h5a.AttrID):
        dataset.read(values, mtype=kind)
    else:
        dataset.read(h5s.create_simple(shape) if shape else h5s.ALL, space, values, mtype=kind)
    return values


def has_addresses(kind: Any) -> bool:
    """Tell whether values of a type are addresses of something in the file: their bytes are of no use elsewhere."""
    if isinstance(kind, h5t.TypeCompoundID):
        return any(has_addresses(kind.get_member_type(number)) for number in range(kind.get_nmembers()))
    if isinstance(kind, h5t.TypeArrayID):
        return has_addresses(kind.get_super())
    is_text = isinstance(kind, h5t.TypeStringID) and kind.is_variable_str()
    return bool(is_text or kind.get_class() in (h5t.VLEN, h5t.REFERENCE))


def is_readable_raw(dataset: h5d.DatasetID) -> bool:
    """Tell whether all of an array can be read that h5py has no numbers for; its filters are installed."""
    try:
        kind, shape = dataset.get_type(), dataset.get_space().get_simple_extent_dims()
        if has_addresses(kind):
            if dataset.get_storage_size() > _MOST_COPIED:
                return False
            require_possible_lengths(dataset)
            with h5py.File.in_memory(libver=("earliest", "latest")) as copy:
                h5o.copy(dataset, b".", copy.id, b"copy")
            return True
        if not shape:
            read_raw(dataset)
            return True
        step = max(1, _PIECE // max(1, prod(shape[1:]) * kind.get_size()))
        for start in range(0, shape[0], step):
            count = (min(step, shape[0] - start), *shape[1:])
            space = dataset.get_space()
            space.select_hyperslab((start, *(0,) * (len(shape) - 1)), count)
            read_raw(dataset, space, count)
    except (OSError, RuntimeError, ValueError, TypeError, KeyError):
        return False
    return True


def unread_attributes(obj: Any, names: list[str]) -> list[str]:
    """Return which of the attributes that h5py has no values for are damaged; the others are only odd."""
    damaged = []
    for name in names:
        try:
            attribute = h5a.open(obj.id, name.encode("utf-8", "surrogateescape"))
            if attribute.get_storage_size() and attribute.get_space().get_simple_extent_npoints():
                _ = obj.attrs[name] if has_addresses(attribute.get_type()) else read_raw(attribute)
        except (OSError, RuntimeError, ValueError, KeyError):
            damaged.append(name)
        except TypeError:  # no such type in Python
            continue
    return damaged


def list_members(group: Any, names: list[bytes]) -> None:
    """Add the names in a group to a list, in the order in which they were made where the group knows that.

    An error in the middle leaves those in the list that were read before.
    """
    if group.id.get_create_plist().get_link_creation_order():
        with suppress(OSError, RuntimeError):  # a damaged list: there is a second one, by name
            group.id.links.iterate(lambda name: names.append(name), idx_type=h5.INDEX_CRT_ORDER)
            return
        names.clear()
    group.id.links.iterate(lambda name: names.append(name))


class H5pyInspection(Inspection):
    """The answers of h5py."""

    _backend: LocalFile

    def _target_of(self, node: TreeNode) -> tuple[str, str]:
        if isinstance(node.obj, h5py.ExternalLink):
            return as_text(node.obj.filename), as_text(node.obj.path)
        return "", as_text(node.obj.path) if isinstance(node.obj, h5py.SoftLink) else ""

    def members(self, group: Handle) -> list[str]:

        def as_made(found: TreeNode) -> list[bytes]:
            names: list[bytes] = []
            if found.obj.id.get_create_plist().get_link_creation_order():
                list_members(found.obj, names)
            return names

        places = {as_text(name): number for number, name in enumerate(self._backend.ask_about(group, as_made))}
        return sorted(self._backend.children(group), key=lambda name: places.get(name, 0))

    def details(self, node: Handle) -> Details:
        return self._backend.ask_about(node, lambda found: details_of(found.obj) if found.is_described else Details())

    def needs(self, node: Handle) -> list[str]:
        folder = Path() if self._backend.path is None else self._backend.path.parent

        def missing(found: TreeNode) -> list[str]:
            files = missing_files(found.obj, folder)
            return files + (missing_filters(found.obj.id) if isinstance(found.obj, h5py.Dataset) else [])

        return self._backend.ask_about(node, missing)

    def stored_rows(self, array: Handle) -> list[tuple[int, int]] | None:
        number = self._backend.descriptor()
        return self._backend.ask_about(array, lambda found: stored_rows(found.obj.id, number))

    def is_odd(self, array: Handle) -> bool:
        return self._backend.ask_about(
            array, lambda found: not has_odd_chunks(found.obj.id) and is_readable_raw(found.obj.id)
        )

    def damaged_attributes(self, node: Handle, names: list[str]) -> list[str]:
        return self._backend.ask_about(node, lambda found: unread_attributes(found.obj, names))
