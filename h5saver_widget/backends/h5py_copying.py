"""Copying nodes of an open file into another one with HDF5's own copy of objects, for any types and filters.

``H5Ocopy`` sets references to nothing when it copies one object at a time, so they are made anew at the end.
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5o, h5p, h5r, h5s, h5t

from h5saver_widget.backends.h5py_attributes import as_key, as_text, attribute_names
from h5saver_widget.backends.h5py_sources import array_at, sources_of
from h5saver_widget.format import codec

__all__ = ["Copier"]

#: Arrays that take more than this in the file are copied piece by piece, each about so large.
_PIECE: Final = 16 << 20
#: In C ``H5O_COPY_MERGE_COMMITTED_DTYPE_FLAG``: a named type that is there already is used again.
_MERGE_TYPES: Final = 0x40
#: Dimension scales hold these; they are attached anew.
_OF_SCALES: Final = ("DIMENSION_LIST", "REFERENCE_LIST")
#: True only of a file that is being written.
_OF_A_WRITER: Final = ("swmr_active", "swmr_compatible")
_ERRORS: Final = (OSError, RuntimeError, ValueError, TypeError, KeyError)


class Copier:
    """A new file, and the nodes copied into it so far.

    Parameters
    ----------
    file
        The file that is copied, an ``h5py.File``.
    path
        Where the new file is made; FileExistsError if there is one.
    """

    def __init__(self, file: Any, path: Path) -> None:
        ordered = bool(file["/"].id.get_create_plist().get_link_creation_order())
        self._file = h5py.File(path, "x", libver=("earliest", "latest"), track_order=ordered)
        self._known: dict[Hashable, str] = {}
        self._pairs: list[tuple[Any, str]] = []
        self._scales: set[str] = set()
        self.notes: list[str] = []

    def copy(self, file: Any, path: str, start: int) -> int | None:
        """Copy the node at a path to the same path; of a group, itself and its attributes.

        Parameters
        ----------
        file
            The file that is copied, an ``h5py.File``.
        path
            Path of the node; the groups above it must have been copied.
        start
            0, or the result of the last call for this node.

        Returns
        -------
        int or None
            Where to go on, None if the node is complete.
        """
        try:
            return self._copy(file, path, start)
        except _ERRORS as error:
            self.notes.append(f"{path} could not be copied, and was skipped: {_short(error)}")
            return None

    def _copy(self, file: Any, path: str, start: int) -> int | None:
        key = as_key(path)
        if path == "/":
            self._copy_attributes(file["/"], self._file["/"])
            for name in _OF_A_WRITER:
                self._file.attrs.pop(name, None)
            self._pairs.append((file["/"], "/"))
            return None
        link = file.get(key, getlink=True)
        if not isinstance(link, h5py.HardLink):
            self._copy_link(link, path)
            return None
        about = h5o.get_info(file.id, key)
        if not start:
            identity = about.fileno, about.addr
            first = self._known.setdefault(identity, path)
            if first != path:
                self._file[key] = self._file[as_key(first)]
                return None
        if about.type == h5o.TYPE_GROUP:
            how, names = file[key].id.get_create_plist(), h5p.create(h5p.LINK_CREATE)
            names.set_char_encoding(h5t.CSET_ASCII if path.isascii() else h5t.CSET_UTF8)
            # netCDF wants the order in which things were made to be kept
            made = h5py.Group(h5g.create(self._file.id, key, lcpl=names, gcpl=how))
            self._copy_attributes(file[key], made)
            self._pairs.append((file[key], path))
            return None
        if about.type == h5o.TYPE_DATASET:
            return self._copy_array(file, path, start)
        self._copy_whole(file, path, merge=False)
        return None

    def _copy_link(self, link: Any, path: str) -> None:
        parent, _, name = path.rpartition("/")
        group = self._file[as_key(parent or "/")]  # held: its links know no more than its number
        if isinstance(link, h5py.SoftLink):
            group.id.links.create_soft(as_key(name), as_key(link.path))
        else:
            group.id.links.create_external(as_key(name), as_key(link.filename), as_key(link.path))
            self.notes.append(f"{path} is a link to {as_text(link.path)} in {as_text(link.filename)}, and stays one")

    # ---------------------------------------------------------------- arrays
    def _copy_array(self, file: Any, path: str, start: int) -> int | None:
        dataset = array_at(file, path)
        if start:
            return self._copy_pieces(dataset, self._file[as_key(path)], start)
        sources = list(dict.fromkeys(name for name, _ in sources_of(dataset) if name != "."))
        if sources:
            names = ", ".join(sources[:5]) + (", ..." if len(sources) > 5 else "")
            self.notes.append(f"{path}: its values stay in other files, which were not copied: {names}")
        self._pairs.append((dataset, path))
        kind = dataset.id.get_type()
        if dataset.id.get_storage_size() > 2 * _PIECE and not sources and not _points_elsewhere(kind):
            try:
                made = h5d.create(
                    self._file.id, as_key(path), kind.copy(), dataset.id.get_space(), dataset.id.get_create_plist()
                )
            except _ERRORS:  # it is packed by a filter that is not there: as a whole it can be copied all the same
                pass
            else:
                self._copy_attributes(dataset, h5py.Dataset(made))
                return self._copy_pieces(dataset, h5py.Dataset(made), 0)
        self._copy_whole(file, path, merge=bool(kind.committed()))
        return None

    def _copy_whole(self, file: Any, path: str, merge: bool) -> None:
        how = h5p.create(h5p.OBJECT_COPY)
        how.set_copy_object(_MERGE_TYPES if merge else 0)
        h5o.copy(file.id, as_key(path), self._file.id, as_key(path), how)

    def _copy_pieces(self, source: Any, target: Any, start: int) -> int | None:
        done = 0
        if source.chunks:
            count = source.id.get_num_chunks()
            while start < count and done < _PIECE:
                about = source.id.get_chunk_info(start)
                if all(at < size for at, size in zip(about.chunk_offset, target.shape, strict=True)):
                    mask, packed = source.id.read_direct_chunk(about.chunk_offset)
                    target.id.write_direct_chunk(about.chunk_offset, packed, mask)
                done += about.size
                start += 1
            return start if start < count else None
        kind = source.id.get_type()
        row = max(1, int(np.prod(target.shape[1:]))) * kind.get_size()
        rows = min(max(1, _PIECE // row), target.shape[0] - start)
        shape = (rows, *target.shape[1:])
        values = np.empty(shape, f"V{kind.get_size()}")
        part = source.id.get_space()
        part.select_hyperslab((start, *(0 for _ in shape[1:])), shape)
        memory = h5s.create_simple(shape)
        source.id.read(memory, part, values, kind)
        target.id.write(memory, part, values, kind)
        return start + rows if start + rows < target.shape[0] else None

    # ------------------------------------------------------------ attributes
    def _copy_attributes(self, source: Any, target: Any) -> None:
        for name in attribute_names(source):
            try:
                _copy_attribute(source, target, name)
            except _ERRORS as error:
                where = as_text(source.name)
                self.notes.append(f"{where}: its attribute {name} could not be copied: {_short(error)}")

    # ------------------------------------------------------------ references
    def close(self) -> list[str]:
        """Make references anew, and close the file; return sentences about skipped nodes."""
        try:
            for source, path in self._pairs:
                if as_key(path) in self._file:
                    self._renew(source, self._file[as_key(path)], path)
        finally:
            self._file.close()
        return self.notes

    def abandon(self) -> None:
        """Close the file as it is."""
        self._file.close()

    def _renew(self, source: Any, target: Any, path: str) -> None:
        for name in attribute_names(source):
            try:
                attribute = h5a.open(source.id, as_key(name))
                if name in _OF_SCALES or not _points_elsewhere(attribute.get_type(), references_only=True):
                    continue
                target.attrs.create(name, self._mapped(source, source.attrs[name]), dtype=attribute.dtype)
            except _ERRORS as error:
                self.notes.append(f"{path}: the target of its attribute {name} was lost: {_short(error)}")
        if not isinstance(source, h5py.Dataset):
            return
        if target.maxshape and target.maxshape[0] is None and "shape" in target.attrs:  # up to date in a closed file
            shape = {"shape": target.shape, "size": target.shape[0]}
            target.attrs.update({name: codec.encode(value) for name, value in shape.items() if name in target.attrs})
        if "DIMENSION_LIST" in source.attrs:
            self._attach_scales(source, target, path)
        kind = source.id.get_type()
        if kind.get_class() == h5t.REFERENCE and source.size:
            try:
                target[...] = self._mapped(source, source[...])
            except _ERRORS as error:
                self.notes.append(f"{path}: its target was lost: {_short(error)}")
        elif _points_elsewhere(kind, references_only=True):
            self.notes.append(f"{path}: the references in it were lost")

    def _mapped(self, source: Any, value: Any) -> Any:
        """Return references of one file as those of the other."""
        if isinstance(value, np.ndarray):
            found = np.empty(value.shape, dtype=value.dtype)
            for at, reference in np.ndenumerate(value):
                found[at] = self._mapped(source, reference)
            return found
        if not value:
            return value
        name = h5r.get_name(value, source.id)
        if name is None or name not in self._file:
            raise KeyError("it is not in this file" if name is None else f"{as_text(name)} was not copied")
        if isinstance(value, h5py.RegionReference):
            part = h5r.get_region(value, source.id)
            return h5r.create(self._file[name].id, b".", h5r.DATASET_REGION, part)
        return self._file[name].ref

    def _attach_scales(self, source: Any, target: Any, path: str) -> None:
        wanted = [[as_text(scale.name) for scale in dimension.values()] for dimension in source.dims]
        if "DIMENSION_LIST" in target.attrs:
            del target.attrs["DIMENSION_LIST"]
        for number, paths in enumerate(wanted):
            for name in paths:
                scale = self._file.get(as_key(name))
                if scale is None:
                    self.notes.append(f"{path}: its scale {name} was not copied")
                    continue
                if name not in self._scales:  # the list in it is that of the other file
                    self._scales.add(name)
                    if "REFERENCE_LIST" in scale.attrs:
                        del scale.attrs["REFERENCE_LIST"]
                target.dims[number].attach_scale(scale)


def _copy_attribute(source: Any, target: Any, name: str) -> None:
    key = as_key(name)
    attribute = h5a.open(source.id, key)
    kind, space = attribute.get_type().copy(), attribute.get_space()
    if name in _OF_SCALES or _points_elsewhere(kind, references_only=True):
        return
    if not _points_elsewhere(kind):  # as it stands, byte by byte
        made = h5a.create(target.id, key, kind, space)
        count = space.get_simple_extent_npoints() if space.get_simple_extent_type() != h5s.NULL else 0
        if count:
            values = np.empty(space.get_simple_extent_dims(), f"V{kind.get_size()}")
            attribute.read(values, kind)
            made.write(values, kind)
        return
    target.attrs.create(name, source.attrs[name], dtype=attribute.dtype)


def _points_elsewhere(kind: Any, *, references_only: bool = False) -> bool:
    """Tell whether values of a type are positions in the file: references, and types of variable length."""
    number = kind.get_class()
    if number == h5t.REFERENCE:
        return True
    if number == h5t.VLEN:
        return not references_only or _points_elsewhere(kind.get_super(), references_only=True)
    if number == h5t.ARRAY:
        return _points_elsewhere(kind.get_super(), references_only=references_only)
    if number == h5t.COMPOUND:
        members = (kind.get_member_type(i) for i in range(kind.get_nmembers()))
        return any(_points_elsewhere(member, references_only=references_only) for member in members)
    return bool(number == h5t.STRING and kind.is_variable_str() and not references_only)


def _short(error: Exception) -> str:
    return " ".join(str(error.args[0] if error.args else error).split())[:200]
