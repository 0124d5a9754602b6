"""The PyTables backend: the fastest for single rows (4 us), and what PyMoDAQ users know as ``tables``.

Two things of PyTables are kept away from the program around it. It *unpickles* attributes while merely walking a file:
here they are read by its raw reader, and whatever else inside PyTables asks for pickles during a call of ours gets a
refusal (``pickle_guard.py``). And it is not thread-safe, not even between files: one lock serves all files.
"""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tables
import tables.atom
import tables.attributeset
import tables.file

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
from h5saver_widget.backends.local import SYSTEM_TEXT, LocalBackend, LocalNode, check_selection, is_point
from h5saver_widget.backends.pickle_guard import GuardedLock, NoPickles
from h5saver_widget.backends.probe import refuse_if_deadly
from h5saver_widget.errors import (
    CodecError,
    DataMismatchError,
    FileNotOpenError,
    FileOpenError,
    NodeError,
    StreamingError,
)

__all__ = ["TablesBackend"]

#: HDF5 keeps attributes up to 64 kB in the object header; the type and the name need some of it.
_MAX_ATTRIBUTE = 64_000

#: What PyTables raises where a file holds what it does not expect.
_ODD = (KeyError, AttributeError, IndexError, pickle.UnpicklingError)


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


@contextmanager
def _quiet() -> Iterator[None]:
    """PyTables warns about names that are no Python identifiers and about types of other libraries: no news here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class _Writing:
    """What it takes to write into an array by the calls inside PyTables that do the work.

    The public ones check and convert first what was checked and converted here: 5 us a row instead of 2, and 10 us a
    point of a scan instead of 4.

    Attributes
    ----------
    dtype
        Number type on disk.
    is_plain
        Whether the inner calls store numbers as they are; all arrays made here do.
    """

    def __init__(self, array: Any, dtype: np.dtype[Any]) -> None:
        self.dtype = dtype
        self.is_plain = (
            isinstance(array, tables.Array)
            and array.atom.kind != "time"  # converted in place, in the caller's memory
            and array.atom.shape == ()
            and array.filters.least_significant_digit is None
        )
        self._blocks: dict[tuple[int, tuple[int, ...]], tuple[npt.NDArray[Any], ...]] = {}

    def append(self, array: tables.Array, rows: npt.NDArray[Any]) -> None:
        """Append rows."""
        if self.is_plain:
            array._g_check_open()
            array._append(rows)
        else:
            array.append(rows)

    def write_point(self, array: tables.Array, at: tuple[int, ...], values: npt.NDArray[Any]) -> None:
        """Do what ``array[at] = values`` does."""
        array._g_check_open()
        key = (len(at), values.shape)
        block = self._blocks.get(key)
        if block is None:  # start, step and number of elements along every axis; made anew they take half of the time
            rank = len(at) + values.ndim
            count = np.array((*(1,) * len(at), *values.shape), np.int64)
            block = self._blocks[key] = np.zeros(rank, np.int64), np.ones(rank, np.int64), count
        start, step, count = block
        start[: len(at)] = at
        array._g_write_slice(start, step, count, values)


class TablesBackend(LocalBackend):
    """A local HDF5 file through PyTables."""

    #: Whether files that could crash the library are tried in a child process first.
    probes = True
    name = "tables"
    capabilities = Capabilities(
        compression=("zlib", "gzip", *(n for n in ("blosc", "blosc2", "lzo", "bzip2") if tables.which_lib_version(n))),
        max_attribute_bytes=_MAX_ATTRIBUTE,
    )
    library_errors = (tables.HDF5ExtError, tables.NodeError, OSError, TypeError, ValueError, NotImplementedError, *_ODD)

    def __init__(self) -> None:
        super().__init__()
        self.lock = _LOCK
        self._file: tables.File | None = None

    # ------------------------------------------------------------------ file
    @property
    def is_open(self) -> bool:
        """Whether a file is open."""
        file = self._file
        return file is not None and bool(file.isopen)

    @property
    def raw_file(self) -> tables.File | None:
        """The ``tables.File``, None when closed."""
        return self._file if self.is_open else None

    def _open(self, path: Path, mode: OpenMode, swmr: bool, locking: bool | None) -> None:
        self._forget("/")
        if mode == "x":
            # PyTables can only create by overwriting: take the name first, so that what it overwrites is ours
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
            except FileExistsError as error:  # another program was faster
                raise FileExistsError(f"{path} exists; nothing is overwritten, choose another name") from error
            except OSError as error:
                raise FileOpenError(f"{path} could not be created: {error}") from error
        elif self.probes:
            refuse_if_deadly(path)
        known = set(tables.file._open_files.handlers)
        try:
            with _quiet():
                self._file = tables.open_file(str(path), "w" if mode == "x" else mode, MAX_GROUP_WIDTH=1 << 30)
        except self.library_errors as error:
            for half_open in set(tables.file._open_files.handlers) - known:
                half_open.close()  # or it would keep the file busy until the program ends
            if mode == "x":
                path.unlink(missing_ok=True)
            raise FileOpenError(f"{path} could not be opened with mode {mode!r} by PyTables: {error}") from error

    def _close(self) -> None:
        file, self._file = self._file, None
        self._forget("/")
        if file is not None:
            file.close()

    @primitive
    def flush(self) -> None:
        """Hand everything written so far to the operating system."""
        self._h5().flush()

    def _h5(self) -> tables.File:
        if self._file is None:
            raise FileNotOpenError("no file is open; open or create one first")
        return self._file

    # ------------------------------------------------------------------ tree
    def _root_object(self) -> tables.Group:
        return self._h5().root

    def _names(self, group: tables.Group) -> Iterable[str]:
        return list(group._v_children)

    def _has(self, group: tables.Group, name: str) -> bool:
        return name in group

    def _child(self, group: tables.Group, name: str) -> tuple[Any, NodeKind]:
        with _quiet():
            obj = group._f_get_child(name)
            return obj, _kind_of(obj)

    @contextmanager
    def _making(self, parent: Handle, name: str) -> Iterator[tuple[LocalNode, str]]:
        with _quiet(), super()._making(parent, name) as place:
            yield place

    @primitive
    def create_group(self, parent: Handle, name: str, attributes: Mapping[str, RawAttribute] | None = None) -> Handle:
        """Make a group."""
        with self._making(parent, name) as (group, path):
            return self._made(path, self._h5().create_group(group.obj, name), NodeKind.GROUP, attributes)

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
            kind, file = np.dtype(dtype), self._h5()
            atom = _atom(kind, fill_value)
            if shape == ():
                obj = file.create_array(group.obj, name, obj=np.array(atom.dflt, kind) if data is None else data)
            elif 0 in shape:
                # PyTables refuses fixed arrays without elements: one that could grow along the empty axis holds them
                grow = tuple(0 if i == shape.index(0) else max(n, 1) for i, n in enumerate(shape))
                obj = file.create_earray(group.obj, name, atom=atom, shape=grow)
                obj._v_attrs._g__setattr("CLASS", "CARRAY")
            else:
                obj = file.create_carray(
                    group.obj,
                    name,
                    atom=atom,
                    shape=shape,
                    chunkshape=fixed_chunks(shape, kind),
                    filters=self._filters(compression),
                )
                if data is not None:
                    obj[...] = data
            return self._made(path, obj, NodeKind.FIXED, attributes)

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
            obj = self._h5().create_earray(
                group.obj,
                name,
                atom=_atom(np.dtype(dtype)),
                shape=(0, *row_shape),
                chunkshape=growing_chunks(row_shape, np.dtype(dtype)),
                filters=self._filters(compression),
            )
            return self._made(path, obj, NodeKind.GROWING, attributes)

    @primitive
    def create_text(self, parent: Handle, name: str, attributes: Mapping[str, RawAttribute] | None = None) -> Handle:
        """Make a growing list of byte rows."""
        with self._making(parent, name) as (group, path):
            obj = self._h5().create_vlarray(group.obj, name, atom=tables.UInt8Atom())
            return self._made(path, obj, NodeKind.TEXT, attributes)

    def _filters(self, compression: Compression | None) -> tables.Filters:
        library = self._library(compression)
        if library is None or compression is None:
            return tables.Filters(complevel=0)
        return tables.Filters(complevel=min(compression.level, 9), complib=library, shuffle=True)

    def _remove(self, node: LocalNode) -> None:
        with _quiet():
            self._h5().remove_node(node.obj, recursive=True)

    def _copy(self, source: LocalNode, group: LocalNode, name: str) -> None:
        with _quiet():
            self._h5().copy_node(source.obj, group.obj, name, recursive=source.kind is NodeKind.GROUP)

    # ---------------------------------------------------------------- arrays
    @primitive
    def info(self, array: Handle) -> ArrayInfo:
        """Return shape, dtype and storage of an array."""
        node = self._array(array)
        shape, dtype = self._shape_and_dtype(node)
        if node.kind is NodeKind.TEXT:
            return ArrayInfo(shape, dtype, (None,))
        chunks, filters = node.obj.chunkshape, node.obj.filters
        library = filters.complib if filters.complevel else None
        max_shape = (None, *shape[1:]) if node.kind is NodeKind.GROWING else shape
        return ArrayInfo(shape, dtype, max_shape, None if chunks is None else tuple(int(n) for n in chunks), library)

    @staticmethod
    def _shape_and_dtype(node: LocalNode) -> tuple[tuple[int, ...], np.dtype[Any]]:
        obj = node.obj
        if node.kind is NodeKind.TEXT:
            return (int(obj.nrows),), np.dtype(np.uint8)
        dtype = obj.dtype if isinstance(obj, tables.Table) else obj.atom.dtype.base
        return tuple(int(n) for n in obj.shape), np.dtype(dtype)

    def _held(self, node: LocalNode) -> np.dtype[Any]:
        return self._writing(node).dtype

    def _writing(self, node: LocalNode) -> _Writing:
        if node.writing is None:
            node.writing = _Writing(node.obj, self._shape_and_dtype(node)[1])
        return node.writing  # type: ignore[no-any-return]

    def _append(self, node: LocalNode, rows: npt.NDArray[Any]) -> None:
        self._writing(node).append(node.obj, rows)

    def _append_bytes(self, node: LocalNode, row: npt.NDArray[np.uint8]) -> None:
        node.obj.append(row)

    @primitive
    def write(self, array: Handle, selection: Selection, values: npt.NDArray[Any]) -> None:
        """Overwrite part of an array."""
        node = self._writable(array)
        values, known = np.asarray(values), self._writing(node)
        self._may_write(node, values, known.dtype)
        if known.is_plain and values.size and is_point(selection, node.obj.shape, values):
            known.write_point(node.obj, selection, np.ascontiguousarray(values, known.dtype))
            return
        shape = self._shape_and_dtype(node)[0]
        try:
            check_selection(selection, shape)
            node.obj[selection] = values.astype(known.dtype, copy=False)
        except (TypeError, ValueError, IndexError) as error:
            raise DataMismatchError(
                f"values of shape {values.shape} don't fit {selection} of {node.path}, shape {shape}: {error}"
            ) from error

    @primitive
    def read(self, array: Handle, selection: Selection = ...) -> Any:
        """Read an array or part of it."""
        node = self._array(array)
        shape, _ = self._shape_and_dtype(node)
        try:
            check_selection(selection, shape)
            if node.kind is NodeKind.TEXT:
                return node.obj.read() if selection is ... else node.obj[selection]
            if selection is ...:
                return np.asarray(node.obj.read())
            return node.obj[selection] if node.obj.shape else node.obj.read()
        except (TypeError, ValueError, IndexError) as error:
            raise DataMismatchError(f"can't read {selection} of {node.path}, shape {shape}: {error}") from error
        except (tables.HDF5ExtError, OSError, pickle.UnpicklingError) as error:
            raise NodeError(f"{node.path} can't be read, it may be damaged: {error}") from error

    # ------------------------------------------------------------ attributes
    @primitive
    def attribute_names(self, node: Handle) -> list[str]:
        """Return the sorted names of the attributes of a node."""
        found = self._described(node)
        return [] if found is None else sorted(found.obj._v_attrs._v_attrnames)

    @primitive
    def get_attributes(self, node: Handle, names: list[str] | None = None) -> dict[str, RawAttribute]:
        """Return raw attributes; names that are missing or unreadable are left out."""
        found = self._described(node)
        if found is None:
            return {}
        values: dict[str, RawAttribute] = {}
        attrs = found.obj._v_attrs
        known = set(attrs._v_attrnames)
        with _quiet():
            for name in sorted(known) if names is None else names:
                if name not in known:
                    continue
                try:
                    value = attrs._g_getattr(found.obj, name)
                except self.library_errors:
                    continue
                if name in SYSTEM_TEXT and isinstance(value, bytes):
                    value = value.decode("utf-8", "replace")
                elif isinstance(value, np.ndarray) and value.dtype.kind == "O":
                    value = value.astype(np.str_) if all(isinstance(item, str) for item in value.flat) else None
                if value is not None:
                    values[name] = value
        return values

    def _set(self, node: LocalNode, attributes: Mapping[str, RawAttribute], fresh: bool = False) -> None:
        for name, value in attributes.items():
            if isinstance(value, np.ndarray):
                if value.dtype.kind == "U":
                    value = np.char.encode(value, "utf-8")
                if value.dtype.kind not in "biufcS":
                    raise CodecError(f"attribute {name!r} of {node.path}: an array of {value.dtype} can't be stored")
            elif not isinstance(value, (str, bytes, bool, int, float, complex, np.generic)):
                raise CodecError(f"attribute {name!r} of {node.path}: a {type(value).__name__} can't be stored raw")
            if name.startswith(("_v_", "_g_", "_f_", "_c_", "_i_")):
                raise CodecError(f"attribute {name!r} of {node.path}: PyTables keeps such names for itself; rename it")
            try:
                node.obj._v_attrs._g__setattr(name, value)
            except (tables.HDF5ExtError, AttributeError, TypeError, ValueError) as error:
                limit = f"PyTables stores at most {_MAX_ATTRIBUTE} bytes in one attribute"
                raise CodecError(f"attribute {name!r} of {node.path} can't be written; {limit}: {error}") from error

    @primitive
    def delete_attribute(self, node: Handle, name: str) -> None:
        """Remove an attribute."""
        found = self._changeable(node, "delete an attribute")
        if name not in found.obj._v_attrs._v_attrnames:
            raise NodeError(f"{found.path} has no attribute {name!r}")
        found.obj._v_attrs._g__delattr(name)

    # ------------------------------------------------------------------ SWMR
    @primitive
    def start_swmr(self) -> None:
        """Refuse: PyTables can't stream."""
        raise StreamingError("PyTables can't do SWMR; record with the h5py backend")

    @primitive
    def refresh(self, array: Handle) -> None:
        """Do nothing: PyTables reads no file that another process is writing."""
        self._array(array)


def _atom(dtype: np.dtype[Any], fill_value: Any = None) -> tables.Atom:
    """Return the PyTables element type of a dtype, with the value that unwritten elements have."""
    if dtype.kind not in "biufcS":  # PyTables would take text as ASCII, and warn
        raise TypeError(f"no array holds elements of {dtype}; convert them")
    if fill_value is None:
        return tables.Atom.from_dtype(dtype)
    return tables.Atom.from_dtype(dtype, dflt=np.asarray(fill_value).astype(dtype)[()])
