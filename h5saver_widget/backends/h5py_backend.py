"""The h5py backend: the default, because it was the safest in everything that was measured.

Files are written within the bounds ``earliest``/``v110`` (``v110`` throughout for SWMR): with ``latest``, the HDF5 2.0
inside h5py 3.16 writes files that show up empty in readers that carry HDF5 1.14.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Hashable, Iterable, Mapping
from contextlib import suppress
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import numpy.typing as npt
from h5py import h5d, h5g, h5l, h5o, h5p, h5s, h5t

from h5saver_widget.backends.array_writer import ArrayWriter
from h5saver_widget.backends.capabilities import H5PY_CAPABILITIES
from h5saver_widget.backends.chunks import CACHED_CHUNKS, TEXT_ROWS, fixed_chunks, growing_chunks, is_large
from h5saver_widget.backends.h5py_attributes import (
    CommitMarks,
    as_key,
    as_text,
    attribute_names,
    read_attributes,
    write_attributes,
)
from h5saver_widget.backends.h5py_details import dtype_of, holds_of, values_of
from h5saver_widget.backends.h5py_examine import H5pyInspection
from h5saver_widget.backends.h5py_filters import compression_of, filter_options, learn_plugins, missing_filters
from h5saver_widget.backends.h5py_sources import opened_beside, require_allowed, shape_of
from h5saver_widget.backends.h5py_views import add_plain
from h5saver_widget.backends.h5py_writer import H5pyWriter
from h5saver_widget.backends.handles import TreeNode
from h5saver_widget.backends.journal import JournaledFile, read_journal
from h5saver_widget.backends.primitive import changing
from h5saver_widget.backends.queued import QueuedBackend
from h5saver_widget.backends.rows import PENDING_BYTES
from h5saver_widget.backends.terms import (
    ArrayInfo,
    Durability,
    NodeKind,
    NodeSpec,
    ObjectCopies,
    OpenMode,
    Plain,
    RawAttribute,
    Selection,
)
from h5saver_widget.errors import (
    DataMismatchError,
    FileIncompleteError,
    FileNotOpenError,
    FileOpenError,
    NodeError,
    StreamingError,
    raise_again,
)
from h5saver_widget.format.superblock import read_superblock

if TYPE_CHECKING:
    from h5saver_widget.backends.h5py_copying import Copier

__all__ = ["H5pyBackend"]

logger = logging.getLogger(__name__)

#: So many bytes may wait for a disk that refuses them; then the file is given up.
_MOST_WAITING = 4 * PENDING_BYTES
_BYTE_ROWS = h5py.vlen_dtype(np.uint8)
_PLAIN = h5p.create(h5p.DATASET_CREATE)
_PLAIN.set_obj_track_times(False)
_UTF8_NAME = h5p.create(h5p.LINK_CREATE)
_UTF8_NAME.set_char_encoding(h5t.CSET_UTF8)


def _kind_of(obj: Any) -> NodeKind:
    if isinstance(obj, h5py.Group):
        return NodeKind.GROUP
    if not isinstance(obj, h5py.Dataset):
        return NodeKind.OTHER
    if obj.external or obj.is_virtual:
        return NodeKind.FIXED  # its values stand elsewhere; how long a virtual one is now, only these would tell
    grows = bool(obj.maxshape) and obj.maxshape[0] is None
    if grows and obj.ndim == 1 and h5py.check_vlen_dtype(obj.dtype) == np.uint8:
        return NodeKind.TEXT
    return NodeKind.GROWING if grows else NodeKind.FIXED


def _values(node: TreeNode, selection: Selection) -> Any:
    """Return an array or part of it."""
    if node.kind is NodeKind.TEXT:
        found = node.obj[selection]
        return list(found) if found.dtype == object else found
    return values_of(node.obj, selection)


def _plain_array(group: h5py.Group, name: str, data: npt.NDArray[Any]) -> h5py.Dataset:
    """Make an array without filters from data, as ``create_dataset`` does, in a fifth of the time."""
    kind = h5t.py_create(data.dtype, logical=True)
    # a name that is said to be UTF-8 makes the group one of the newer kind, which PyTables lists in any order
    names = None if name.isascii() else _UTF8_NAME
    made = h5d.create(group.id, as_key(name), kind, h5s.create_simple(data.shape), _PLAIN, names)
    if data.size:
        made.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(data).reshape(data.shape))
    return h5py.Dataset(made)


class H5pyBackend(QueuedBackend):
    """A local HDF5 file through h5py."""

    name = "h5py"
    versions = MappingProxyType({"h5py_version": h5py.__version__, "HDF5_Version": h5py.version.hdf5_version})
    capabilities = H5PY_CAPABILITIES
    library_errors = (OSError, KeyError, RuntimeError, ValueError, TypeError)
    inspector = H5pyInspection

    def __init__(self) -> None:
        super().__init__()
        self._file: h5py.File | None = None
        #: The file object that a journaled file is written through, or that shows a damaged file as another.
        self._disk: JournaledFile | None = None
        #: The marks of the commits of a file that is journaled.
        self._marks: CommitMarks | None = None
        self._copier: Copier | None = None
        self._locking: bool | None = None

    # ------------------------------------------------------------------ file
    @property
    def is_open(self) -> bool:
        """Whether a file is open. A host may have closed the library's own object: its number is 0 then."""
        file = self._file
        return file is not None and file.id.id != 0

    def _file_object(self) -> h5py.File:
        learn_plugins()  # nobody looks for missing filters where h5py is used directly
        return self._h5()

    def _open_file(self, path: Path, mode: OpenMode, swmr: bool, locking: bool | None) -> None:
        self._locking = locking
        if mode == "r+":  # a chunk that can't be packed is missed much later, when the library writes it
            learn_plugins()
        try:
            if self._takes_journal(path, mode, swmr):
                self._open_journaled(path, mode, locking is not False)
                return
            self._file = h5py.File(
                path,
                mode,
                libver=("v110" if swmr and mode != "r" else "earliest", "v110"),
                swmr=swmr and mode == "r",
                locking=locking,
                rdcc_nslots=None if mode == "r" else CACHED_CHUNKS,
            )
        except (OSError, ValueError, RuntimeError) as error:
            if getattr(error, "errno", None) == errno.EEXIST:  # another program was faster
                raise FileExistsError(f"{path} exists; nothing is overwritten, choose another name") from error
            raise FileOpenError(f"{path} could not be opened with mode {mode!r} by h5py: {error}") from error

    def open_shown(self, path: Path, offset: int, beginning: bytes, size: int) -> None:
        """Open a file for reading as if it had another superblock and size, to look at a damaged one without a copy.

        Parameters
        ----------
        path
            The file, which is locked by nobody.
        offset, beginning
            Where the superblock stands, and its bytes.
        size
            Size of the file, in bytes; it may be more than there is: zeros.

        Raises
        ------
        FileOpenError
            If it can't be opened all the same.
        """
        self._begin()
        learn_plugins()
        disk = JournaledFile(path, "r", False)
        disk.show(offset, beginning, size)
        try:
            self._file = h5py.File(path, "r", driver="fileobj", fileobj=disk)
        except (OSError, ValueError, RuntimeError) as error:
            disk.close()
            raise FileOpenError(f"{path} could not be opened: {error}") from error
        self._disk = disk
        self._path, self._mode, self._swmr = path, "r", False

    def _takes_journal(self, path: Path, mode: OpenMode, swmr: bool) -> bool:
        if mode == "r":  # a journal that a killed program left is shown in its file, and both stay as they are
            return read_journal(path) is not None
        if self.durability.level is Durability.FLUSH or swmr:
            return False
        if os.access(os.path.dirname(os.path.realpath(path)), os.W_OK):
            return True
        if self.durability.level is Durability.POWER:
            raise PermissionError(
                "to survive a loss of power it needs a journal, and nothing can be made in its folder"
            )
        logger.warning("%s: no journal can be made in its folder: a kill in the middle of a flush may damage it", path)
        return False

    def _open_journaled(self, path: Path, mode: OpenMode, locking: bool) -> None:
        block = read_superblock(path) if mode == "r+" else None
        if block is not None and block.version >= 3 and block.is_writing:
            # with a file of ours the library does not look, and who streams holds no lock: two would write
            raise OSError("it is open for writing in another program, or was when that program was killed")
        disk = JournaledFile(path, mode, locking, self.durability.level is Durability.POWER)
        try:
            # 'w': to HDF5 the file that was just made is there already, and it is empty
            library_mode = "w" if mode == "x" else mode
            self._file = h5py.File(
                path,
                library_mode,
                driver="fileobj",
                fileobj=disk,
                libver=("earliest", "v110"),
                rdcc_nslots=CACHED_CHUNKS,
            )
        except BaseException:
            disk.close()
            raise
        self._disk, self._marks = disk, CommitMarks()

    def _close_file(self) -> None:
        if self._copier is not None:
            self._copier.abandon()
            self._copier = None
        file, self._file = self._file, None
        disk, self._disk = self._disk, None
        try:
            if file is not None:
                file.close()
                if disk is not None and self._mode != "r" and not disk.is_abandoned:
                    disk.commit()
        finally:
            if disk is not None:
                disk.close()

    @property
    def _keeps_journal(self) -> bool:
        return self._disk is not None

    def _flush_file(self) -> None:
        self._h5().flush()
        if self._disk is None or self._marks is None or self._mode == "r":
            return
        mark = b""
        if self._disk.is_changed:
            self._disk.identity, mark = self._marks.next(self._h5())
            self._h5().flush()
        self._disk.commit(mark)

    def _append_checked(self, ready: list[tuple[TreeNode, npt.NDArray[Any]]]) -> None:
        super()._append_checked(ready)
        self._bound_waiting()

    def _write(self, node: TreeNode, selection: Selection, values: npt.NDArray[Any]) -> None:
        super()._write(node, selection, values)
        self._bound_waiting()

    def _bound_waiting(self) -> None:
        if self._disk is None or self._disk.waiting <= PENDING_BYTES:
            return
        try:
            self.flush()
        except FileIncompleteError as error:  # the next flush tells, unless too much waits for it
            if self._disk.waiting > _MOST_WAITING:
                self._gone = FileIncompleteError(str(error), is_lost=True, is_final=True)
                raise_again(self._gone)

    def _let_go(self) -> None:
        if self._disk is None:
            super()._let_go()
        else:
            self._disk.abandon()

    def _disconnect(self) -> None:
        if self._disk is None:
            super()._disconnect()
        else:
            self._disk.abandon()

    def descriptor(self) -> int:
        """Return the operating system's number of the open file."""
        return int(self._h5().id.get_vfd_handle()) if self._disk is None else self._disk.fileno()

    def _size_wanted(self) -> int:
        return int(self._h5().id.get_filesize())

    def _h5(self) -> h5py.File:
        if self._file is None:
            raise FileNotOpenError("no file is open; open or create one first")
        return self._file

    # ------------------------------------------------------------------ tree
    def _root_object(self) -> h5py.Group:
        return self._h5()["/"]

    def _names(self, group: h5py.Group) -> Iterable[str]:
        return map(as_text, group)

    def _has(self, group: h5py.Group, name: str) -> bool:
        return bool(group.id.links.exists(as_key(name)))

    def _child(self, group: h5py.Group, name: str) -> tuple[Any, NodeKind]:
        if group.id.links.get_info(as_key(name)).type != h5l.TYPE_HARD:
            # a link may point out of the file, or round in circles: it is shown, and not followed
            with suppress(TypeError):  # a link of a kind that another program has defined
                return group.get(as_key(name), getlink=True), NodeKind.LINK
            return None, NodeKind.LINK
        obj = group[as_key(name)]
        return obj, _kind_of(obj)

    def _kind_of_child(self, group: h5py.Group, name: str) -> NodeKind | None:
        key = as_key(name)
        kind = h5g.get_objinfo(group.id, key, follow_link=False).type  # 5 us; its successor in h5o needs 20
        if kind == h5g.GROUP:
            return NodeKind.GROUP
        if kind != h5g.DATASET:
            return None
        dataset = h5d.open(group.id, key)
        if dataset.get_offset() is not None:  # in one piece, and here: half of the time is in what follows
            return NodeKind.FIXED
        stored = dataset.get_create_plist()
        if stored.get_layout() == h5d.VIRTUAL or stored.get_external_count():
            return NodeKind.FIXED
        largest = dataset.get_space().get_simple_extent_dims(True)
        if not largest or largest[0] != h5s.UNLIMITED:
            return NodeKind.FIXED
        # rows of variable length are recognised by their number type
        return None if dataset.get_type().get_class() == h5t.VLEN else NodeKind.GROWING

    def _identity(self, node: TreeNode) -> Hashable:
        about = h5o.get_info(node.obj.id)
        return about.fileno, about.addr

    @changing
    def object_copies(self, path: Path) -> ObjectCopies:
        """Make a file that nodes of the open one are copied into as they are."""
        from h5saver_widget.backends.h5py_copying import Copier  # most processes copy nothing

        self._copier = Copier(self._h5(), path)
        return _Copies(self)

    @changing
    def _copy_object(self, path: str, start: int) -> int | None:
        if self._copier is None:
            raise DataMismatchError("there is no file to copy into; begin a copy first")
        self._drain()
        return self._copier.copy(self._h5(), self.path_of(self.node(path)), start)

    def _end_copies(self) -> list[str]:
        with self.lock:
            copier, self._copier = self._copier, None
            return [] if copier is None else copier.close(self._h5())

    def _create(self, group: h5py.Group, name: str, spec: NodeSpec) -> Any:
        if spec.kind is NodeKind.GROUP:
            return group.create_group(name)
        if spec.kind is NodeKind.TEXT:
            return group.create_dataset(name, shape=(0,), maxshape=(None,), dtype=_BYTE_ROWS, chunks=(TEXT_ROWS,))
        shape, dtype, filters = spec.shape, spec.dtype, self._filters(spec)
        if spec.kind is NodeKind.GROWING:
            size: dict[str, Any] = {"shape": (0, *shape), "maxshape": (None, *shape)}
            chunks: tuple[int, ...] | None = growing_chunks(shape, dtype, packed=bool(filters))
        elif spec.data is not None and not filters:
            return _plain_array(group, name, spec.data)
        else:
            size = {"shape": shape}
            # in one piece HDF5 fills it all at once: 8 s before the first point of a scan of 2 GB
            chunks = fixed_chunks(shape, dtype, spec.frame_axes) if filters or is_large(shape, dtype) else None
        return group.create_dataset(name, **size, dtype=dtype, fillvalue=spec.fill_value, chunks=chunks, **filters)

    def _with_chunks(self, node: TreeNode, chunks: tuple[int, ...]) -> h5py.Dataset:
        old, plan = node.obj.id, node.obj.id.get_create_plist()
        plan.set_chunk(chunks)
        made = h5py.Dataset(h5d.create(self._h5().id, None, old.get_type(), old.get_space(), plan))
        write_attributes(made, node.path, read_attributes(node.obj, None), fresh=True)
        del self._h5()[node.path]
        self._h5()[node.path] = made
        return made

    def _fills_later(self, spec: NodeSpec) -> bool:
        return bool(self._filters(spec))

    def _filters(self, spec: NodeSpec) -> dict[str, Any]:
        if spec.kind is NodeKind.FIXED and not prod(spec.shape or (0,)):
            return {}
        library = self._library(spec.compression)
        return {} if library is None or spec.compression is None else filter_options(library, spec.compression.level)

    def _add_plain(self, group: h5py.Group, path: str, node: Plain) -> None:
        add_plain(group, path, node)

    def _remove(self, node: TreeNode) -> None:
        del self._h5()[node.path]

    def _copy(self, source: TreeNode, group: TreeNode, name: str) -> None:
        self._h5().copy(source.obj, group.obj, name=name, expand_soft=False, expand_external=False)

    # ---------------------------------------------------------------- arrays
    def _stored_info(self, node: TreeNode) -> ArrayInfo:
        obj = node.obj
        if node.kind is NodeKind.TEXT:
            return ArrayInfo(tuple(obj.shape), np.dtype(np.uint8), tuple(obj.maxshape), obj.chunks, compression_of(obj))
        dtype = dtype_of(obj)
        within = () if dtype.subdtype is None else dtype.subdtype[1]
        holds = "" if dtype.kind in "fc" and dtype != np.longdouble else holds_of(obj.id.get_type(), dtype)
        if obj.is_virtual and not self._allowed:
            shape = shape_of(obj)
            return ArrayInfo(shape or (0,), dtype, shape or (0,), holds=holds)
        if obj.shape is None:  # a null data space: an array of another program without anything in it
            return ArrayInfo((0,), dtype, (0,), holds=holds)
        chunks = obj.chunks and (*obj.chunks, *within)
        largest = (*obj.maxshape, *within)
        return ArrayInfo((*obj.shape, *within), dtype.base, largest, chunks, compression_of(obj), holds)

    def _make_writer(self, node: TreeNode) -> ArrayWriter:
        return H5pyWriter(node)

    def _append_bytes(self, node: TreeNode, row: npt.NDArray[np.uint8]) -> None:
        count = node.obj.shape[0]
        node.obj.resize(count + 1, axis=0)
        try:
            node.obj[count] = row
        except BaseException:
            node.obj.resize(count, axis=0)
            raise

    def _may_overwrite(self, node: TreeNode, values: npt.NDArray[Any]) -> None:
        """Refuse also an array whose values are in other files."""
        if not node.is_here and node.kind is not NodeKind.TEXT:  # asked once: it takes as long as writing a point
            if node.obj.is_virtual or node.obj.external:
                raise NodeError(
                    f"{node.path} is no array of this file: its values stand elsewhere, and are not written"
                )
            node.is_here = True
        super()._may_overwrite(node, values)

    def _write_part(self, node: TreeNode, selection: Selection, values: npt.NDArray[Any]) -> None:
        try:
            node.obj[selection] = values
        except (TypeError, ValueError, IndexError) as error:
            raise DataMismatchError(
                f"values of shape {values.shape} don't fit {selection} of {node.path}, shape {node.obj.shape}: {error}"
            ) from error

    def _read_part(self, node: TreeNode, selection: Selection) -> Any:
        if node.obj.is_virtual or node.obj.external:
            assert self._path is not None
            require_allowed(node.obj, self._path, self._allowed, self._locking)
            if node.obj.external:
                node.obj = opened_beside(node.obj)
        try:
            try:
                return _values(node, selection)
            except OSError:
                if not learn_plugins():
                    raise
                return _values(node, selection)  # now that its filter is known
        except (TypeError, ValueError, IndexError) as error:
            raise DataMismatchError(
                f"can't read {selection} of {node.path}, shape {node.obj.shape}: {error}"
            ) from error
        except OSError as error:
            if missing := missing_filters(node.obj.id):
                raise NodeError(
                    f"{node.path} is packed by a filter that is not installed here: it {'; '.join(missing)}. Its "
                    "values can be copied (h5saver export -o x.h5), but not read"
                ) from error
            raise NodeError(f"{node.path} can't be read, it may be damaged: {error}") from error

    # ------------------------------------------------------------ attributes
    def _attribute_names(self, node: TreeNode) -> list[str]:
        return attribute_names(node.obj)

    def _get_attributes(self, node: TreeNode, names: list[str] | None) -> dict[str, RawAttribute]:
        return read_attributes(node.obj, names)

    def _set_attributes(self, node: TreeNode, attributes: Mapping[str, RawAttribute], fresh: bool = False) -> None:
        write_attributes(node.obj, node.path, attributes, fresh)

    def _delete_attribute(self, node: TreeNode, name: str) -> None:
        if name not in node.obj.attrs:
            raise NodeError(f"{node.path} has no attribute {name!r}")
        del node.obj.attrs[name]

    # ------------------------------------------------------------------ SWMR
    def _start_swmr(self) -> None:
        file = self._h5()
        self.flush()
        try:
            file.swmr_mode = True
        except (ValueError, OSError, RuntimeError) as error:
            raise StreamingError(
                f"{self._path} was not made for SWMR; create the file with SWMR on: {error}"
            ) from error
        self.queue.file_size = self._stat().st_size  # the library has cut off what it had taken in advance

    def _refresh(self, node: TreeNode) -> None:
        node.obj.refresh()


class _Copies:
    """The copies of nodes in another file, see :class:`~h5saver_widget.backends.terms.ObjectCopies`."""

    def __init__(self, backend: H5pyBackend) -> None:
        self._backend = backend

    def copy(self, path: str, start: int = 0) -> int | None:
        """Copy the node at a path to the same path; return the `start` of the next call, None when it is complete."""
        return self._backend._copy_object(path, start)

    def close(self) -> list[str]:
        """Complete the file; return sentences on nodes that could not be copied."""
        return self._backend._end_copies()
