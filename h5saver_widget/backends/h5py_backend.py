"""The h5py backend: the default, because it was the safest in everything that was measured."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from contextlib import suppress
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import h5py
import numpy as np
import numpy.typing as npt
from h5py import h5d, h5g, h5l, h5o, h5p, h5s, h5t

from h5saver_widget.backends import h5py_attributes
from h5saver_widget.backends.array_writer import ArrayWriter
from h5saver_widget.backends.capabilities import H5PY_CAPABILITIES
from h5saver_widget.backends.chunks import TEXT_ROWS, fixed_chunks, growing_chunks, is_large
from h5saver_widget.backends.h5py_attributes import as_key, as_text, read_attributes, write_attributes
from h5saver_widget.backends.h5py_details import dtype_of, holds_of, values_of
from h5saver_widget.backends.h5py_examine import H5pyInspection
from h5saver_widget.backends.h5py_file import H5pyFile
from h5saver_widget.backends.h5py_filters import compression_of, filter_options, learn_plugins, missing_filters
from h5saver_widget.backends.h5py_groups import create_ordered_group
from h5saver_widget.backends.h5py_sources import opened_beside, require_allowed, shape_of
from h5saver_widget.backends.h5py_unpacking import require_possible_lengths, unpacked
from h5saver_widget.backends.h5py_views import add_plain
from h5saver_widget.backends.h5py_writer import H5pyWriter
from h5saver_widget.backends.handles import TreeNode
from h5saver_widget.backends.primitive import changing, require_open
from h5saver_widget.backends.selections import fitting
from h5saver_widget.backends.terms import ArrayInfo, Handle, NodeKind, NodeSpec, ObjectCopies, Plain, Selection
from h5saver_widget.errors import NodeError

__all__ = ["H5pyBackend"]

_BYTE_ROWS = h5py.vlen_dtype(np.uint8)
_PLAIN = h5p.create(h5p.DATASET_CREATE)
_PLAIN.set_obj_track_times(False)
# In files for streaming (SWMR), HDF5 moves more than eight attributes into a heap with an index of their own: 2 kB.
_PLAIN.set_attr_phase_change(64, 62)
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
    found = unpacked(node.obj, selection)
    return values_of(node.obj, selection) if found is None else found


def _plain_array(group: h5py.Group, name: str, data: npt.NDArray[Any]) -> h5py.Dataset:
    """Make an array without filters from data, as ``create_dataset`` does, in a fifth of the time."""
    kind = h5t.py_create(data.dtype, logical=True)
    # a name that is said to be UTF-8 makes the group one of the newer kind, which PyTables lists in any order
    names = None if name.isascii() else _UTF8_NAME
    made = h5d.create(group.id, as_key(name), kind, h5s.create_simple(data.shape), _PLAIN, names)
    if data.size:
        made.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(data).reshape(data.shape))
    return h5py.Dataset(made)


class H5pyBackend(H5pyFile):
    """A local HDF5 file through h5py."""

    name = "h5py"
    versions = MappingProxyType({"h5py_version": h5py.__version__, "HDF5_Version": h5py.version.hdf5_version})
    capabilities = H5PY_CAPABILITIES
    inspector = H5pyInspection
    attribute_calls = h5py_attributes

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
        from h5saver_widget.backends.h5py_copying import Copier  # most processes copy nothing

        self._copier = Copier(self.lock, self._drained_file, path)
        return self._copier

    def _drained_file(self) -> h5py.File:
        """Return the library's file, with all rows in it that were accepted."""
        require_open(self, "copy")
        self._drain()
        return self._h5()

    def _create(self, group: h5py.Group, name: str, spec: NodeSpec) -> Any:
        if spec.kind is NodeKind.GROUP:
            return create_ordered_group(group, name) if self._may_stream else group.create_group(name)
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
        options = {"fillvalue": spec.fill_value, "chunks": chunks, "dcpl": _PLAIN.copy(), **filters}
        return group.create_dataset(name, **size, dtype=dtype, **options)

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

    def _add_plain(self, path: str, node: Plain) -> None:
        add_plain(self._h5(), path, node, self._nodes.made_as)

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

    def _overwritable(self, array: Handle, values: npt.NDArray[Any]) -> tuple[TreeNode, npt.NDArray[Any]]:
        """Refuse also an array whose values are in other files."""
        known = cast(TreeNode, array)
        if type(known) is not TreeNode or not known.is_here:  # asked once: it takes as long as writing a point
            node = self._nodes.array(array)
            if node.kind is not NodeKind.TEXT and (node.obj.is_virtual or node.obj.external):
                raise NodeError(
                    f"{node.path} is no array of this file: its values stand elsewhere, and are not written"
                )
            node.is_here = True
        return super()._overwritable(array, values)

    def _write_part(self, node: TreeNode, selection: Selection, values: npt.NDArray[Any]) -> None:
        with fitting(node.path, node.obj.shape, selection, values):
            node.obj[selection] = values

    def _read_part(self, node: TreeNode, selection: Selection) -> Any:
        if node.obj.is_virtual or node.obj.external:
            assert self._path is not None
            require_allowed(node.obj, self._path, self._allowed, self._locking)
            if node.obj.external:
                node.obj = opened_beside(node.obj)
        try:
            require_possible_lengths(node.obj.id, selection)
            with fitting(node.path, node.obj.shape, selection):
                try:
                    return _values(node, selection)
                except OSError:
                    if not learn_plugins():
                        raise
                    return _values(node, selection)  # now that its filter is known
        except OSError as error:
            if missing := missing_filters(node.obj.id):
                raise NodeError(
                    f"{node.path} is packed by a filter that is not installed here: it {'; '.join(missing)}. Its "
                    "values can be copied (h5saver export -o x.h5), but not read"
                ) from error
            raise NodeError(f"{node.path} can't be read, it may be damaged: {error}") from error

    def _refresh(self, node: TreeNode) -> None:
        node.obj.refresh()
