"""Copying nodes of an open file into another one with HDF5's own copy of objects, for any types and filters.

``H5Ocopy`` sets references to nothing when it copies one object at a time, so they are made anew at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from math import prod
from pathlib import Path
from typing import Any, Final

import h5py
from h5py import h5g, h5o, h5t

from h5saver_widget.backends.h5py_attributes import as_key, as_text
from h5saver_widget.backends.h5py_examine import has_addresses
from h5saver_widget.backends.h5py_objects import (
    ERRORS,
    Copied,
    chunk_offsets,
    copy_attributes,
    copy_part,
    in_words,
    made_like,
    named,
)
from h5saver_widget.backends.h5py_sources import array_at, sources_of
from h5saver_widget.errors import DataMismatchError
from h5saver_widget.format import codec

__all__ = ["Copier"]

#: Arrays that take more than this in the file are copied piece by piece, each about so large.
_PIECE: Final = 16 << 20
#: True only of a file that is being written.
_OF_A_WRITER: Final = ("swmr_active", "swmr_compatible")


class Copier:
    """A new file, and the nodes copied into it so far; see :class:`~h5saver_widget.backends.terms.ObjectCopies`.

    `lock` is held while something is copied; `source` returns the file that is copied, with all accepted rows in it.
    FileExistsError if there is a file at `path`.
    """

    def __init__(self, lock: AbstractContextManager[Any], source: Callable[[], h5py.File], path: Path) -> None:
        self._lock, self._source = lock, source
        ordered = bool(source()["/"].id.get_create_plist().get_link_creation_order())
        self._copied = Copied(h5py.File(path, "x", libver=("earliest", "latest"), track_order=ordered))
        self._file = self._copied.made
        #: The chunks of an array that is copied piece by piece.
        self._chunks: list[tuple[int, ...]] = []
        self.notes: list[str] = []

    def copy(self, path: str, start: int = 0) -> int | None:
        """Copy the node at a path to the same path; return the `start` of the next call, None when it is complete."""
        with self._lock:
            if not self._file:
                raise DataMismatchError("the file that was copied is closed: begin the copy again")
            file = self._source()
            try:
                return self._copy(file, path, start)
            except ERRORS as error:
                self.notes.append(f"{path} could not be copied, and was skipped: {in_words(error)}")
                return None

    def _copy(self, file: Any, path: str, start: int) -> int | None:
        if path == "/":
            self._copied.places[h5o.get_info(file.id).addr] = "/"
            self._attributes(file["/"], self._file["/"], path)
            for mark in _OF_A_WRITER:
                self._file.attrs.pop(mark, None)
            return None
        if start:
            return self._copy_pieces(array_at(file, path).id, self._file[as_key(path)].id, start)
        above, _, last = path.rpartition("/")
        name = as_key(last)
        old, new = file[as_key(above or "/")], self._file[as_key(above or "/")]
        if self._copied.link(old, new, name):
            link = file.get(as_key(path), getlink=True)
            if isinstance(link, h5py.ExternalLink):
                self.notes.append(
                    f"{path} is a link to {as_text(link.path)} in {as_text(link.filename)}, and stays one"
                )
            return None
        found, known = self._copied.again(old, new, name, path)
        if known != "":
            return None
        if isinstance(found, h5g.GroupID):
            how = named(h5t.CSET_ASCII if path.isascii() else h5t.CSET_UTF8)
            # netCDF wants the order in which things were made to be kept
            self._attributes(h5py.Group(found), self._copied.group(found, new, name, how), path)
            return None
        if isinstance(found, h5t.TypeID):
            h5o.copy(old.id, name, new.id, name)
            return None
        return self._copy_array(array_at(file, path), old, new, name)

    def _copy_array(self, dataset: Any, old: Any, new: Any, name: bytes) -> int | None:
        path, kind = as_text(dataset.name), dataset.id.get_type()
        sources = list(dict.fromkeys(file for file, _ in sources_of(dataset) if file != "."))
        if sources:
            names = ", ".join(sources[:5]) + (", ..." if len(sources) > 5 else "")
            self.notes.append(f"{path}: its values stay in other files, which were not copied: {names}")
        shared = None if sources else self._shared_type(kind)
        is_large = dataset.id.get_storage_size() > 2 * _PIECE and not sources and not has_addresses(kind)
        if not is_large and shared is None:
            h5o.copy(old.id, name, new.id, name)
            return None
        made = made_like(dataset.id, new, name, None, shared)
        self._attributes(dataset, h5py.Dataset(made), path)
        if has_addresses(kind) or not dataset.shape:
            copy_part(dataset.id, made)
            return None
        return self._copy_pieces(dataset.id, made, 0)

    def _shared_type(self, kind: Any) -> Any:
        """Return the copy of a named type, None for any other type, or before that is copied.

        HDF5's own flag for that has it look through the new file, and HDF5 2.0 was seen to crash there.
        """
        place = self._copied.places.get(h5o.get_info(kind).addr) if kind.committed() else None
        return None if place is None else h5t.open(self._file.id, as_key(place))

    def _copy_pieces(self, old: Any, made: Any, start: int) -> int | None:
        if old.get_create_plist().get_layout() != h5py.h5d.CHUNKED:
            count, row = made.shape[0], max(1, prod(made.shape[1:]) * made.get_type().get_size())
            stop = min(count, start + max(1, _PIECE // row))
            copy_part(old, made, start, stop)
            return stop if stop < count else None
        if not start:
            self._chunks = list(chunk_offsets(old))
        done = 0
        while start < len(self._chunks) and done < _PIECE:
            mask, packed = old.read_direct_chunk(self._chunks[start])
            made.write_direct_chunk(self._chunks[start], packed, mask)
            start, done = start + 1, done + len(packed)
        return start if start < len(self._chunks) else None

    def _attributes(self, old: Any, new: Any, path: str) -> None:
        for name in copy_attributes(old, new):
            self.notes.append(f"{path}: its attribute {name} could not be copied")

    # -------------------------------------------------------------------- end
    def close(self) -> list[str]:
        """Make references anew, and close the file; return sentences about skipped nodes."""
        with self._lock:
            try:
                for path in filter(None, self._copied.places.values()) if self._file else ():
                    key = as_key(path)
                    if key in self._file:
                        lost = self._copied.renew(self._source()[key], self._file[key])
                        self.notes += [f"{path}: {what}" for what in lost]
                        self._bring_up_to_date(self._file[key])
            finally:
                self._file.close()
            return self.notes

    def _bring_up_to_date(self, made: Any) -> None:
        """Have an array say its shape, as it does in a file that was closed."""
        if isinstance(made, h5py.Dataset) and made.maxshape and made.maxshape[0] is None and "shape" in made.attrs:
            shape = {"shape": made.shape, "size": made.shape[0]}
            made.attrs.update({name: codec.encode(value) for name, value in shape.items() if name in made.attrs})

    def abandon(self) -> None:
        """Close the file as it is."""
        self._file.close()
