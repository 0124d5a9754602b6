"""The PyTables backend: the fastest for single rows (4 us), known to PyMoDAQ's users as ``tables``.

Two things of PyTables are kept away from the program around it. It *unpickles* attributes while merely walking a file:
here they are read by its raw reader, and any other unpickling inside PyTables is refused during a call of ours
(``pickle_guard.py``). And it is not thread-safe, not even between files: one lock serves all files.
"""

from __future__ import annotations

import functools
import pickle
from collections.abc import Hashable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import tables
import tables.atom
import tables.attributeset
import tables.file
import tables.hdf5extension
import tables.utilsextension

from h5saver_widget.backends import tables_attributes
from h5saver_widget.backends.array_writer import ArrayWriter
from h5saver_widget.backends.chunks import CACHED_CHUNKS, TEXT_ROWS, fixed_chunks, growing_chunks
from h5saver_widget.backends.copying import walk
from h5saver_widget.backends.handles import TreeNode
from h5saver_widget.backends.inspecting import Inspection
from h5saver_widget.backends.local_file import not_opened
from h5saver_widget.backends.pickle_guard import GuardedLock, NoPickles
from h5saver_widget.backends.probe import refuse_if_deadly, unknown_to_tables
from h5saver_widget.backends.queued import QueuedBackend
from h5saver_widget.backends.registry import READS_ALL, create_backend
from h5saver_widget.backends.selections import check_selection, fitting
from h5saver_widget.backends.tables_attributes import MAX_ATTRIBUTE, read_attributes, write_attributes
from h5saver_widget.backends.tables_errors import LIBRARY_ERRORS, quiet, require_flushed
from h5saver_widget.backends.tables_virtual import add_plain, can_make_views, sources_of
from h5saver_widget.backends.tables_writer import TablesWriter, shape_and_dtype
from h5saver_widget.backends.terms import (
    ArrayInfo,
    Capabilities,
    Handle,
    NodeKind,
    NodeSpec,
    OpenMode,
    Plain,
    Selection,
)
from h5saver_widget.data.plain import plain
from h5saver_widget.errors import NodeError, taken
from h5saver_widget.format.empty_file import empty_file, make_empty

__all__ = ["TablesBackend", "look_through"]

#: So many nodes are looked at to find out whether a file ends the process.
_MOST_NODES = 5000

#: The one lock of all PyTables files; holding it also keeps pickles away.
_LOCK = GuardedLock(NoPickles.install(tables.attributeset, tables.atom))


def _kind_of(obj: Any) -> NodeKind:
    if isinstance(obj, tables.link.Link):
        return NodeKind.LINK
    if isinstance(obj, tables.Group):
        return NodeKind.GROUP
    if isinstance(obj, tables.VLArray):
        return NodeKind.TEXT if isinstance(obj.atom, tables.UInt8Atom) else NodeKind.OTHER
    if isinstance(obj, tables.EArray):
        return NodeKind.GROWING if obj.extdim == 0 else NodeKind.FIXED
    if isinstance(obj, (tables.Array, tables.Table)):
        return NodeKind.FIXED
    return NodeKind.OTHER


@functools.cache
def _empty_file() -> bytes:
    """Return the bytes of a new file of PyTables, made in memory.

    To let PyTables overwrite an empty file instead has a price: when a file that was truncated is closed, ext4 sends
    all of it to the disk, 60 ms for 120 MB.
    """
    in_memory = {"driver": "H5FD_CORE", "driver_core_backing_store": 0}
    with tables.open_file("new", "w", **in_memory) as file:
        about = read_attributes(file.root, None)
    with tables.open_file("new", "r+", driver_core_image=empty_file(), **in_memory) as file:
        write_attributes(file.root, "/", about)
        image: bytes = file.get_file_image()
    return image


#: Kinds of the classes that tell them (some arrays of others grow along another axis than the first, which is rare).
_KINDS = {
    tables.Array: NodeKind.FIXED,
    tables.CArray: NodeKind.FIXED,
    tables.EArray: NodeKind.GROWING,
    tables.Table: NodeKind.FIXED,
}


class TablesInspection(Inspection):
    """The answers of PyTables."""

    def _target_of(self, node: TreeNode) -> tuple[str, str]:
        if isinstance(node.obj, tables.link.ExternalLink):
            file, _, path = node.obj.target.partition(":/")
            return file, f"/{path}"
        return "", node.obj.target if isinstance(node.obj, tables.link.SoftLink) else ""

    def cannot_read(self, path: Path) -> str:
        return unknown_to_tables(path)


class TablesBackend(QueuedBackend):
    """A local HDF5 file through PyTables."""

    #: Whether files that could crash the library are tried in a child process first.
    probes = True
    name = "tables"
    versions = MappingProxyType({"tables_version": tables.__version__, "HDF5_Version": tables.hdf5_version})
    capabilities = Capabilities(
        compression=("zlib", "gzip", *(n for n in ("blosc", "blosc2", "lzo", "bzip2") if tables.which_lib_version(n))),
        max_attribute_bytes=MAX_ATTRIBUTE,
        views=can_make_views(),
    )
    library_errors = LIBRARY_ERRORS
    inspector = TablesInspection
    attribute_calls = tables_attributes

    def __init__(self) -> None:
        super().__init__()
        self.lock = _LOCK

    # ------------------------------------------------------------------ file
    @property
    def is_open(self) -> bool:
        file = self._file
        return file is not None and bool(file.isopen)

    def _open_file(self, path: Path, mode: OpenMode, swmr: bool, locking: bool | None) -> None:
        if mode == "x":
            # PyTables itself can only create by overwriting
            try:
                make_empty(path, _empty_file())
            except FileExistsError as error:  # another program was faster
                raise taken(path) from error
            except OSError as error:
                raise not_opened(path, mode, error) from error
        elif self.probes:
            refuse_if_deadly(path, look_through)
        known = set(tables.file._open_files.handlers)
        try:
            with quiet():
                cached = {} if mode == "r" else {"CHUNK_CACHE_NELMTS": CACHED_CHUNKS}
                self._file = tables.open_file(
                    str(path), "r" if mode == "r" else "r+", MAX_GROUP_WIDTH=1 << 30, **cached
                )
        except self.library_errors as error:
            for half_open in set(tables.file._open_files.handlers) - known:
                half_open.close()  # or it would keep the file busy until the program ends
            if mode == "x":
                path.unlink(missing_ok=True)
            raise not_opened(path, mode, error) from error

    def prepare(self) -> None:
        """Import the probe that reads a file before PyTables does."""
        create_backend(READS_ALL)

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _flush_file(self) -> None:
        # the public one flushes the whole file once for every array that is in memory: what it does beyond that is for
        # rows that the host collects in its own tables
        file = self._h5()
        if self._rows.collects:
            file._flush_file(0)
        else:
            file.flush()
        require_flushed()

    def descriptor(self) -> int:
        return int(self._h5().fileno())

    def _size_wanted(self) -> int:
        return int(self._h5().get_filesize())

    # ------------------------------------------------------------------ tree
    def _root_object(self) -> tables.Group:
        return self._h5().root

    def _names(self, group: tables.Group) -> Iterable[str]:
        return list(group._v_children)

    def _has(self, group: tables.Group, name: str) -> bool:
        return name in group

    def _child(self, group: tables.Group, name: str) -> tuple[Any, NodeKind]:
        with quiet():
            obj = group._f_get_child(name)
            return obj, NodeKind.LINK if self._is_outside(obj) else _kind_of(obj)

    def _is_outside(self, obj: Any) -> bool:
        """Tell whether the numbers of an array may stand in other files: PyTables does not tell, and reads them."""
        waiting, seen = [obj], set()
        while waiting:
            obj = waiting.pop()
            if not isinstance(obj, tables.Leaf) or obj.chunkshape is not None or obj._v_pathname in seen:
                continue
            seen.add(obj._v_pathname)
            sources = sources_of(obj)
            if sources is None:
                return True
            waiting.extend(obj._v_file.get_node(path) for path in sources if path in obj._v_file)
        return False

    def _kind_of_child(self, group: tables.Group, name: str) -> NodeKind | None:
        if name in group._v_groups:
            return NodeKind.GROUP
        if name in group._v_links:
            return NodeKind.LINK
        if name not in group._v_leaves:
            return None
        if self._mode != "x" and tables.utilsextension.which_class(group._v_objectid, name) == "ARRAY":
            return None  # not chunked: its numbers may be stored in other files
        return _KINDS.get(group._g_get_child_leaf_class(name, warn=False))

    @contextmanager
    def _making(self, parent: Handle, name: str) -> Iterator[tuple[TreeNode, str]]:
        with quiet(), super()._making(parent, name) as place:
            yield place

    def _create(self, group: tables.Group, name: str, spec: NodeSpec) -> Any:
        file, shape, dtype = self._h5(), spec.shape, spec.dtype
        if spec.kind is NodeKind.GROUP:
            return file.create_group(group, name)
        if spec.kind is NodeKind.TEXT:
            return file.create_vlarray(group, name, atom=tables.UInt8Atom(), chunkshape=TEXT_ROWS)
        atom = _atom(dtype, spec.fill_value)
        if spec.kind is NodeKind.GROWING:
            chunks = growing_chunks(shape, dtype, packed=self._library(spec.compression) is not None)
            return file.create_earray(
                group, name, atom=atom, shape=(0, *shape), chunkshape=chunks, filters=self._filters(spec)
            )
        if shape == ():
            return file.create_array(group, name, obj=np.array(atom.dflt, dtype) if spec.data is None else spec.data)
        if 0 in shape:
            # PyTables refuses fixed arrays without elements: one that could grow along the empty axis holds them
            grow = tuple(0 if i == shape.index(0) else max(n, 1) for i, n in enumerate(shape))
            empty = file.create_earray(group, name, atom=atom, shape=grow)
            empty._v_attrs._g__setattr("CLASS", "CARRAY")
            return empty
        chunks = fixed_chunks(shape, dtype, spec.frame_axes)
        return file.create_carray(group, name, atom=atom, shape=shape, chunkshape=chunks, filters=self._filters(spec))

    def _with_chunks(self, node: TreeNode, chunks: tuple[int, ...]) -> tables.EArray:
        old, parent, name = node.obj, node.obj._v_parent, node.obj._v_name
        made = self._h5().create_earray(
            parent, f"{name}__new", atom=old.atom, shape=old.shape, chunkshape=chunks, filters=old.filters
        )
        attributes = read_attributes(old, None)
        write_attributes(made, node.path, attributes)
        with quiet():
            old._f_remove()
            made._f_rename(name)
        return made

    def _filters(self, spec: NodeSpec) -> tables.Filters:
        library = self._library(spec.compression)
        if library is None or spec.compression is None:
            return tables.Filters(complevel=0)
        return tables.Filters(complevel=min(spec.compression.level, 9), complib=library, shuffle=True)

    def _add_plain(self, path: str, node: Plain) -> None:
        add_plain(self._h5(), path, node, self._nodes.made_as)

    def _remove(self, node: TreeNode) -> None:
        with quiet():
            self._h5().remove_node(node.obj, recursive=True)

    def _copy(self, source: TreeNode, group: TreeNode, name: str) -> None:
        with quiet():
            self._h5().copy_node(source.obj, group.obj, name, recursive=source.kind is NodeKind.GROUP)

    # ---------------------------------------------------------------- arrays
    def _stored_info(self, node: TreeNode) -> ArrayInfo:
        shape, dtype = shape_and_dtype(node)
        if node.kind is NodeKind.TEXT:
            return ArrayInfo(shape, dtype, (None,))
        chunks, filters = node.obj.chunkshape, node.obj.filters
        library = filters.complib.partition(":")[0] if filters.complevel else None  # "blosc2:blosclz" for blosc2
        max_shape = (None, *shape[1:]) if node.kind is NodeKind.GROWING else shape
        return ArrayInfo(shape, dtype, max_shape, None if chunks is None else tuple(int(n) for n in chunks), library)

    def _identity(self, node: TreeNode) -> Hashable:
        return node.obj._get_obj_info().addr  # type: ignore[no-any-return]

    def _make_writer(self, node: TreeNode) -> ArrayWriter:
        return TablesWriter(node)

    def _append_bytes(self, node: TreeNode, row: npt.NDArray[np.uint8]) -> None:
        node.obj.append(row)

    def _write_part(self, node: TreeNode, selection: Selection, values: npt.NDArray[Any]) -> None:
        shape, dtype = shape_and_dtype(node)
        with fitting(node.path, shape, selection, values):
            check_selection(selection, shape)
            # of an array that repeats its memory PyTables writes what lies behind it
            node.obj[selection] = plain(values, node.path, also="S").astype(dtype, copy=False)

    def _read_part(self, node: TreeNode, selection: Selection) -> Any:
        shape, _ = shape_and_dtype(node)
        try:
            with fitting(node.path, shape, selection):
                check_selection(selection, shape)
                if node.kind is NodeKind.TEXT:
                    return node.obj.read() if selection is ... else node.obj[selection]
                if selection is ...:
                    return np.asarray(node.obj.read())
                if isinstance(selection, tuple) and len(selection) == 1:
                    selection = selection[0]  # a Table knows no tuples
                return node.obj[selection] if node.obj.shape else node.obj.read()
        except (tables.HDF5ExtError, OSError, pickle.UnpicklingError) as error:
            raise NodeError(f"{node.path} can't be read, it may be damaged: {error}") from error


def _atom(dtype: np.dtype[Any], fill_value: Any = None) -> tables.Atom:
    """Return the PyTables element type of a dtype, with the value that unwritten elements have."""
    if dtype.kind not in "biufcS":  # PyTables would take text as ASCII, and warn
        raise TypeError(f"no array holds elements of {dtype}; convert them")
    if fill_value is None:
        return tables.Atom.from_dtype(dtype)
    return tables.Atom.from_dtype(dtype, dflt=np.asarray(fill_value).astype(dtype)[()])


def look_through(path: str) -> Iterator[str]:
    """Look at every node and its attributes with PyTables; whether the process survives is the answer."""
    TablesBackend.probes = False
    backend = TablesBackend()
    backend.open(Path(path), "r")
    for where, node, _ in islice(walk(backend, views=True), _MOST_NODES):
        backend.get_attributes(node)
        yield where
