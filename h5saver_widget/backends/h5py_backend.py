"""The h5py backend: the default, because it was the safest in everything that was measured.

Rows are appended through h5py's low-level calls: 17 us a row against 71 us for ``resize`` and slice assignment.
Files are written within the bounds ``earliest``/``v110`` (``v110`` throughout for SWMR): with ``latest``, the HDF5 2.0
inside h5py 3.16 writes files that show up empty in readers that carry HDF5 1.14.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from h5py import h5a, h5l, h5s, h5t

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
from h5saver_widget.backends.local import LocalBackend, LocalNode
from h5saver_widget.errors import DataMismatchError, FileNotOpenError, FileOpenError, NodeError, StreamingError

__all__ = ["H5pyBackend"]

_BYTE_ROWS = h5py.vlen_dtype(np.uint8)
_TEXT = h5py.string_dtype("utf-8")
_TEXT_TYPE = h5t.py_create(_TEXT, logical=True)
_SCALAR = h5s.create(h5s.SCALAR)


def _kind_of(obj: Any) -> NodeKind:
    if isinstance(obj, h5py.Group):
        return NodeKind.GROUP
    if not isinstance(obj, h5py.Dataset):
        return NodeKind.OTHER
    if h5py.check_vlen_dtype(obj.dtype) is not None and obj.ndim == 1:
        return NodeKind.TEXT
    return NodeKind.GROWING if obj.maxshape and obj.maxshape[0] is None else NodeKind.FIXED


class H5pyBackend(LocalBackend):
    """A local HDF5 file through h5py."""

    name = "h5py"
    capabilities = Capabilities(swmr=True, compression=("zlib", "gzip", "lzf"))
    library_errors = (OSError, KeyError, RuntimeError, ValueError, TypeError)

    def __init__(self) -> None:
        super().__init__()
        self._file: h5py.File | None = None

    # ------------------------------------------------------------------ file
    @property
    def is_open(self) -> bool:
        """Whether a file is open."""
        return self._file is not None

    @property
    def raw_file(self) -> h5py.File | None:
        """The ``h5py.File``, None when closed."""
        return self._file

    def _open(self, path: Path, mode: OpenMode, swmr: bool, locking: bool | None) -> None:
        try:
            self._file = h5py.File(
                path,
                mode,
                libver=("v110" if swmr and mode != "r" else "earliest", "v110"),
                swmr=swmr and mode == "r",
                locking=locking,
            )
        except FileExistsError:
            raise
        except (OSError, ValueError, RuntimeError) as error:
            if getattr(error, "errno", None) == errno.EEXIST:
                raise FileExistsError(f"{path} exists; nothing is overwritten, choose another name") from error
            raise FileOpenError(f"{path} could not be opened with mode {mode!r} by h5py: {error}") from error

    def _close(self) -> None:
        file, self._file = self._file, None
        self._forget("/")
        if file is not None:
            file.close()

    @primitive
    def flush(self) -> None:
        """Hand everything written so far to the operating system."""
        self._h5().flush()

    def _h5(self) -> h5py.File:
        if self._file is None:
            raise FileNotOpenError("no file is open; open or create one first")
        return self._file

    # ------------------------------------------------------------------ tree
    def _root_object(self) -> h5py.Group:
        return self._h5()["/"]

    def _names(self, group: h5py.Group) -> Iterable[str]:
        return list(group)

    def _has(self, group: h5py.Group, name: str) -> bool:
        return bool(group.id.links.exists(name.encode()))

    def _child(self, group: h5py.Group, name: str) -> tuple[Any, NodeKind]:
        if group.id.links.get_info(name.encode()).type != h5l.TYPE_HARD:
            # a link may point out of the file, or round in circles: it is shown, and not followed
            return group, NodeKind.LINK
        obj = group[name]
        return obj, _kind_of(obj)

    @primitive
    def create_group(self, parent: Handle, name: str, attributes: Mapping[str, RawAttribute] | None = None) -> Handle:
        """Make a group."""
        with self._making(parent, name) as (group, path):
            return self._made(path, group.obj.create_group(name), NodeKind.GROUP, attributes)

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
            filters = self._filters(compression) if shape and 0 not in shape else {}
            chunks = fixed_chunks(shape, np.dtype(dtype)) if filters else None
            obj = group.obj.create_dataset(
                name, data=data, shape=shape, dtype=dtype, fillvalue=fill_value, chunks=chunks, **filters
            )
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
            obj = group.obj.create_dataset(
                name,
                shape=(0, *row_shape),
                maxshape=(None, *row_shape),
                dtype=dtype,
                chunks=growing_chunks(row_shape, np.dtype(dtype)),
                **self._filters(compression),
            )
            return self._made(path, obj, NodeKind.GROWING, attributes)

    @primitive
    def create_text(self, parent: Handle, name: str, attributes: Mapping[str, RawAttribute] | None = None) -> Handle:
        """Make a growing list of byte rows."""
        with self._making(parent, name) as (group, path):
            obj = group.obj.create_dataset(name, shape=(0,), maxshape=(None,), dtype=_BYTE_ROWS, chunks=(1024,))
            return self._made(path, obj, NodeKind.TEXT, attributes)

    def _filters(self, compression: Compression | None) -> dict[str, Any]:
        library = self._library(compression)
        if library is None or compression is None:
            return {}
        if library == "lzf":
            return {"compression": "lzf", "shuffle": True}
        return {"compression": "gzip", "compression_opts": min(compression.level, 9), "shuffle": True}

    def _remove(self, node: LocalNode) -> None:
        del self._h5()[node.path]

    @primitive
    def copy(self, node: Handle, parent: Handle, name: str) -> Handle:
        """Copy a node and everything below it into a group of this file."""
        source = self._get(node)
        with self._making(parent, name) as (group, path):
            self._h5().copy(source.obj, group.obj, name=name, expand_soft=False, expand_external=False)
            return self.node(path)

    # ---------------------------------------------------------------- arrays
    @primitive
    def info(self, array: Handle) -> ArrayInfo:
        """Return shape, dtype and storage of an array."""
        node = self._array(array)
        obj = node.obj
        dtype = np.dtype(np.uint8) if node.kind is NodeKind.TEXT else obj.dtype
        return ArrayInfo(tuple(obj.shape or ()), dtype, tuple(obj.maxshape or ()), obj.chunks, obj.compression)

    @primitive
    def append(self, array: Handle, rows: npt.NDArray[Any]) -> None:
        """Add rows at the end of a growing array."""
        node = self._array(array)
        if node.kind is NodeKind.TEXT:
            self._may_write(node, np.asarray(rows), np.dtype(np.uint8))
            node.obj.resize(node.rows + 1, axis=0)
            node.obj[node.rows] = rows
            node.rows += 1
            return
        values = self._rows_that_fit(node, rows, node.obj.dtype)
        dataset = node.obj.id
        count = node.rows + values.shape[0]
        dataset.set_extent((count, *node.row_shape))
        try:
            space = dataset.get_space()
            space.select_hyperslab((node.rows, *(0,) * len(node.row_shape)), values.shape)
            dataset.write(h5s.create_simple(values.shape), space, values)
        except BaseException:
            dataset.set_extent((node.rows, *node.row_shape))
            raise
        node.rows = count

    @primitive
    def write(self, array: Handle, selection: Selection, values: npt.NDArray[Any]) -> None:
        """Overwrite part of an array."""
        node = self._array(array)
        values = np.asarray(values)
        self._may_write(node, values, node.obj.dtype)
        try:
            node.obj[selection] = values
        except (TypeError, ValueError, IndexError) as error:
            raise DataMismatchError(
                f"values of shape {values.shape} don't fit {selection} of {node.path}, shape {node.obj.shape}: {error}"
            ) from error

    @primitive
    def read(self, array: Handle, selection: Selection = ...) -> Any:
        """Read an array or part of it."""
        node = self._array(array)
        try:
            if node.kind is NodeKind.TEXT:
                found = node.obj[selection]
                return list(found) if found.dtype == object else found
            if h5py.check_string_dtype(node.obj.dtype) is not None:
                return node.obj.asstr(errors="replace")[() if selection is ... else selection]
            return node.obj[selection]
        except (TypeError, ValueError, IndexError) as error:
            raise DataMismatchError(
                f"can't read {selection} of {node.path}, shape {node.obj.shape}: {error}"
            ) from error
        except OSError as error:
            raise NodeError(f"{node.path} can't be read, it may be damaged: {error}") from error

    # ------------------------------------------------------------ attributes
    @primitive
    def attribute_names(self, node: Handle) -> list[str]:
        """Return the sorted names of the attributes of a node."""
        found = self._get(node)
        return [] if found.kind is NodeKind.LINK else sorted(found.obj.attrs)

    @primitive
    def get_attributes(self, node: Handle, names: list[str] | None = None) -> dict[str, RawAttribute]:
        """Return raw attributes; names that are missing or unreadable are left out."""
        found = self._get(node)
        if found.kind is NodeKind.LINK:
            return {}
        values: dict[str, RawAttribute] = {}
        attrs = found.obj.attrs
        for name in sorted(attrs) if names is None else names:
            try:
                if name not in attrs:
                    continue
                value = attrs[name]
            except (OSError, TypeError, ValueError, KeyError, RuntimeError, UnicodeDecodeError):
                continue
            values[name] = "" if isinstance(value, h5py.Empty) else value
        return values

    def _set(self, node: LocalNode, attributes: Mapping[str, RawAttribute]) -> None:
        where = node.obj.id
        for name, value in attributes.items():
            if isinstance(value, str):
                # 36 us against 60 us through h5py's mapping. Variable length: a fixed one ends at 64 kB
                key = name.encode()
                if h5a.exists(where, key):
                    h5a.delete(where, key)
                h5a.create(where, key, _TEXT_TYPE, _SCALAR).write(np.array(value.encode(), dtype=_TEXT))
            else:
                node.obj.attrs[name] = value

    @primitive
    def delete_attribute(self, node: Handle, name: str) -> None:
        """Remove an attribute."""
        found = self._get(node)
        self._may_change(f"delete an attribute of {found.path}")
        if name not in found.obj.attrs:
            raise NodeError(f"{found.path} has no attribute {name!r}")
        del found.obj.attrs[name]

    # ------------------------------------------------------------------ SWMR
    @primitive
    def start_swmr(self) -> None:
        """Start streaming."""
        if self._swmr:
            return
        self._may_change("start streaming")
        file = self._h5()
        file.flush()
        try:
            file.swmr_mode = True
        except (ValueError, OSError, RuntimeError) as error:
            raise StreamingError(
                f"{self._path} was not made for SWMR; create the file with SWMR on: {error}"
            ) from error
        self._swmr = True

    @primitive
    def refresh(self, array: Handle) -> None:
        """See what another process has appended."""
        node = self._array(array)
        node.obj.refresh()
        if node.kind in (NodeKind.GROWING, NodeKind.TEXT):
            node.rows = int(node.obj.shape[0])
