"""h5: part of a file, or all of it, as a separate file, with every attribute; also of one that is being written."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.copying import copy_values, made_like, walk
from h5saver_widget.backends.derived import update_shapes
from h5saver_widget.backends.registry import READS_ALL, available_backends, create_backend
from h5saver_widget.backends.shown_again import without_entry
from h5saver_widget.backends.terms import Handle, NodeKind, RawAttribute
from h5saver_widget.errors import DataMismatchError, ExportError, NodeError
from h5saver_widget.exporters.base import Exporter, Takes
from h5saver_widget.exporters.job import Job
from h5saver_widget.exporters.source import Source
from h5saver_widget.format import naming
from h5saver_widget.format.layout import DataType
from h5saver_widget.nodes.typed import GROUP, Array, Node, node_of
from h5saver_widget.saving.assemble import nav_group_of, sibling_of
from h5saver_widget.saving.entry_of_copies import add_entry

__all__ = ["H5Exporter"]

#: True only of the file that is being written.
_OF_A_WRITER = ("swmr_active", "swmr_compatible")


class H5Exporter(Exporter):
    """Copies nodes to where they were, below the same groups, so that everything that reads the file reads the part.

    The groups above the data come along with their attributes, and so do the navigation axes.
    """

    name = "h5"
    extensions = (".h5", ".hdf5")
    help = "part of the file, or all of it, as a separate HDF5 file with all attributes"
    takes = Takes.NODES

    def write(self, source: Source, path: Path, job: Job) -> None:
        """Copy the node that was asked for; ExportError for data in memory."""
        node = source.node
        if node is None:
            raise ExportError("data in memory have no nodes to copy; save them with a saver, or export as npz or nexus")
        if node.backend.capabilities.copies_objects:
            _copy_objects(node, path, job)
        elif node.backend.writable or node.backend.capabilities.remote:
            target = _backend_like(node.backend)
            target.open(path, "x")
            try:
                _Copy(node.backend, target, job).run(node)
            finally:
                target.close()
        else:  # a file that is only read is read with the library that copies every type
            with _opened_for_copies(node.backend) as reader:
                _copy_objects(node_of(reader, node.path), path, job)


@contextmanager
def _opened_for_copies(source: Backend) -> Iterator[Backend]:
    """Open the file of a backend once more, with the one that copies objects as they are."""
    reader = create_backend(READS_ALL, isolated=source.queue.is_isolated)
    assert source.path is not None
    reader.open(source.path, "r", locking=False)
    try:
        yield reader
    finally:
        reader.close()


def _copy_objects(node: Node, path: Path, job: Job) -> None:
    """Copy a node, the nodes below it and the ones it needs from above, each object as the library itself copies it."""
    sizes = _sizes(node, views=True)
    job.begin(sum(sizes.values()))
    copies = node.backend.object_copies(path)
    try:
        for where, size in sizes.items():
            at: int | None = 0
            while at is not None:  # looked up anew: a file that stops streaming is reopened, and old handles are void
                at = copies.copy(where, at)
                job.advance(0)
            job.advance(size)
    finally:
        for sentence in copies.close():
            job.note(sentence)


def _sizes(node: Node, views: bool) -> dict[str, int]:
    """Return all paths to copy for a node, parents first, with the bytes that each stores; with `views` or without."""
    io = node.backend
    with io.lock:
        tops = _tops(node)
        above = [str(up) for top in tops for up in reversed(PurePosixPath(top).parents)]
        below = {path: _stored_size(io, path) for top in tops for path, _, _ in walk(io, top, views=views)}
    return dict.fromkeys(above, 0) | below


def _tops(node: Node) -> list[str]:
    """Return a node and the nodes it needs from outside: navigation axes, scales, the arrays beside an array."""
    tops = [node.path]
    nav_group = None if node.path == "/" else nav_group_of(node)
    if nav_group is not None and not (nav_group.path + "/").startswith(node.path + "/"):
        tops.append(nav_group.path)
    if not isinstance(node, GROUP):
        tops += [beside.path for beside in _beside(node)]
        tops += [path for scales in node.backend.inspection.details(node.handle).scales for path in scales]
    return list(dict.fromkeys(tops))


def _stored_size(io: Backend, path: str) -> int:
    handle = io.node(path)
    if io.kind(handle) not in (NodeKind.FIXED, NodeKind.GROWING):
        return 0
    try:
        info = io.info(handle)
    except NodeError:
        return 0
    return int(np.prod(info.shape)) * info.dtype.itemsize


def _backend_like(source: Backend) -> Backend:
    """Return a backend for a local file: that of the source, which knows all its types, or the default."""
    local = source.name in available_backends() and not source.capabilities.remote
    return create_backend(source.name if local else None)


class _Copy:
    """One copy from one backend to another. The lock of the source is taken block by block: its writer continues."""

    def __init__(self, source: Backend, target: Backend, job: Job) -> None:
        self._source, self._target, self._job = source, target, job
        self._grown: list[Handle] = []

    def run(self, node: Node) -> None:
        """Copy a node, everything below it, and the nodes it needs from above."""
        sizes = _sizes(node, views=False)  # which would become arrays of their own
        self._job.begin(sum(sizes.values()))
        identities = dict[Hashable, str]()
        for path in sizes:
            if identities.setdefault(self._source.identity(self._source.node(path)), path) != path:
                self._job.note(f"{path} is a second link to the same node, and was skipped")
                continue
            try:
                self._copy(path)
            except (NodeError, DataMismatchError) as error:
                self._job.note(f"{path} was skipped: {error}")
        update_shapes(self._target, self._grown)
        if node.path == "/":
            add_entry(self._target)

    def _copy(self, path: str) -> None:
        node = self._source.node(path)
        attributes = self._attributes(node)
        if path == "/":
            self._target.set_attributes(self._target.root(), without_entry(attributes))
            return
        parent, _, name = path.rpartition("/")
        made = made_like(self._source, node, self._target, self._target.node(parent or "/"), name, attributes)
        if self._source.kind(node) in (NodeKind.TEXT, NodeKind.GROWING) and "shape" in attributes:
            self._grown.append(made)
        for size in copy_values(self._source, path, self._target, made):
            self._job.advance(size)

    def _attributes(self, handle: Handle) -> dict[str, RawAttribute]:
        raw = self._source.get_attributes(handle)
        lost = [name for name in self._source.attribute_names(handle) if name not in raw]
        if lost:
            self._job.note(f"{self._source.path_of(handle)}: attributes {', '.join(lost)} can't be read, skipped")
        # which library wrote the file, PyTables says itself
        return {name: value for name, value in raw.items() if name not in _OF_A_WRITER}


def _beside(node: Node) -> list[Node]:
    """Return the arrays that belong to an array and are beside it: axes, errors, background."""
    parent = node.parent_node
    assert isinstance(parent, GROUP)
    names = [name for name in parent.children_name() if naming.number_of(name, DataType.axis.value) is not None]
    found: list[Node] = [parent.get_child(name) for name in names if parent.get_child(name) != node]
    if isinstance(node, Array):
        found += [beside for kind in (DataType.error, DataType.bkg) if (beside := sibling_of(node, kind)) is not None]
    return found
