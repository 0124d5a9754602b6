"""Content of other programs, copied into a file: another HDF5 file, and pictures.

Some detectors write files of their own; their content goes into the group ``External_data`` of the detector, so that
one file holds everything. Pictures are the PNG screenshots that belong to a dataset.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from h5saver_widget.backends.copying import as_text, copy_values, is_numbers
from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.errors import (
    CodecError,
    DataMismatchError,
    FileNotOpenError,
    FileOpenError,
    H5SaverError,
    NodeError,
)
from h5saver_widget.format import codec
from h5saver_widget.format.layout import GroupType
from h5saver_widget.nodes.typed import EARRAY, GROUP, LINK, VLARRAY, Array, Node
from h5saver_widget.saving.h5_backend import H5Backend, Where
from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = ["EXTERNAL_NAME", "add_external_h5", "add_png"]

#: Name of the group with the content of another file.
EXTERNAL_NAME = "External_data"

_PNG = b"\x89PNG\r\n\x1a\n"
_MAX_TOLD = 50

#: Attributes that a library writes for itself, or that say something of the file and not of its content.
_OF_THE_LIBRARY = frozenset(
    {"CLASS", "VERSION", "EXTDIM", "FLAVOR", "FILTERS", "PYTABLES_FORMAT_VERSION", "backend"}
    | {"swmr_active", "swmr_compatible", "DIMENSION_LIST", "REFERENCE_LIST", "TITLE"}
)


# ------------------------------------------------------------------------------------------------------------ pictures
def add_png(node: Node, png: bytes, name: str = "pixmap2D") -> str:
    r"""Store a PNG picture as an attribute of a node, where the browsers of this package and of PyMoDAQ show it.

    Both show the attributes whose name contains ``pixmap``. PyMoDAQ takes the ones called ``pixmap2D`` for the pictures
    of scans, and fails on one called exactly ``pixmap``, which is therefore never written.

    Parameters
    ----------
    node
        The node that the picture belongs to: a scan, a detector, ``/RawData``.
    png
        Content of a PNG file. Stored as the text of bytes, about 3.5 times as long. A backend that limits the length of
        attributes (PyTables: pictures of about 18 kB) stores longer ones in parts, which are put together when they are
        read here; PyMoDAQ's browser logs an error for these and shows no picture.
    name
        Name of the attribute; put behind ``pixmap_`` if it does not contain *pixmap*. A number is added if the name is
        taken, nothing is overwritten. *settings* in it becomes *setting*: browsers take the former for XML.

    Returns
    -------
    str
        The name of the attribute.

    Raises
    ------
    CodecError
        If it is not a PNG picture.
    StreamingError
        While the file streams (SWMR).

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with H5SaverLowLevel('scan') as h5saver:
    ...     _ = h5saver.init_file(pathlib.Path(tempfile.mkdtemp()) / 'pictures.h5')
    ...     scan = h5saver.add_scan_group('/RawData', 'DAQScan')
    ...     [add_png(scan, b'\x89PNG\r\n\x1a\n...', name) for name in ('pixmap2D', 'pixmap2D', 'camera')]
    ['pixmap2D', 'pixmap2D_01', 'pixmap_camera']
    """
    if not isinstance(png, bytes) or not png.startswith(_PNG):
        raise CodecError(f"a PNG picture was expected, got {png[:8]!r}...: convert the picture to PNG")
    name = name.replace("settings", "setting")  # browsers read what is called settings as XML
    wanted = name if "pixmap" in name and name != "pixmap" else f"pixmap_{name}" if name not in ("", "pixmap") else ""
    with node.backend.lock:
        attributes = node.attrs
        taken = set(attributes.attrs_name)
        number = 0 if wanted else 1
        free = wanted or "pixmap_01"
        while free in taken:
            number += 1
            free = f"{wanted or 'pixmap'}_{number:02d}"
        attributes[free] = png
    return free


# ------------------------------------------------------------------------------------------------------- another file
def add_external_h5(
    h5saver: H5SaverLowLevel, where: Where, source: Path | str | H5Backend | Any, backend: str | None = None
) -> GROUP:
    """Copy the content of another HDF5 file into the group ``External_data`` of a group.

    Groups, arrays of numbers and text, growing arrays, lists of bytes and plain attributes are copied, whichever
    library has written them. The source is only read. Links are not followed. Nodes that can't be copied (tables,
    links, references) are skipped and named in the log of the file. If there is an ``External_data`` already, the next
    content goes into ``External_data_01``.

    Parameters
    ----------
    h5saver
        The saver whose file takes the content.
    where
        Group, usually that of a detector.
    source
        Path of the file, an open :class:`H5Backend` or saver, or an open file of a library (it is flushed, and then
        opened once more by its path).
    backend
        Backend that reads a path; None for the default.

    Returns
    -------
    GROUP
        The new group, of type ``external_h5``.

    Raises
    ------
    FileNotOpenError, FileOpenError, FileNotFoundError
        If the source can't be read.
    DataMismatchError
        If the source is the file of the saver itself.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> with H5Backend('tables') as other:
    ...     _ = other.open_file(folder / 'camera.h5', 'x')
    ...     _ = other.create_carray('/', 'frame', np.zeros((4, 4)))
    >>> with H5SaverLowLevel('detector', 'h5py') as h5saver:
    ...     _ = h5saver.init_file(folder / 'all.h5')
    ...     detector = h5saver.add_det_group('/RawData', 'Camera')
    ...     print(add_external_h5(h5saver, detector, folder / 'camera.h5').children_name())
    ['frame']
    """
    with _opened(source, backend) as other, other.io.lock, h5saver.saving():
        path = other.file_path
        own = h5saver.file_path
        assert path is not None and own is not None
        if path.resolve() == own.resolve():
            raise DataMismatchError(f"{path} is the file that is being written: a file can't be copied into itself")
        parent_path = h5saver.path_of(where)
        h5saver.end_streaming()
        group = _new_group(h5saver, parent_path, path)
        left_out = _Copy(other, h5saver).fill(group)
        if left_out:
            told = "; ".join(left_out[:_MAX_TOLD])
            more = f"; and {len(left_out) - _MAX_TOLD} more" if len(left_out) > _MAX_TOLD else ""
            h5saver.add_log(f"{group.path}: not everything of {path} could be copied: {told}{more}")
    return group


@contextmanager
def _opened(source: Any, backend: str | None) -> Iterator[H5Backend]:
    """Give the source as an open backend, which is closed afterwards if it was opened here."""
    if isinstance(source, H5Backend):
        source.require_open("copy from it")
        source.flush() if source.io.writable else None
        yield source
        return
    path = source
    if not isinstance(source, (str, Path)):  # tables.File and h5py.File say filename, hosts' savers file_path
        path = getattr(source, "file_path", None) or getattr(source, "filename", None)
        if not isinstance(path, (str, Path)):
            raise FileOpenError(f"{source!r} is not a file; give a path, or an open HDF5 file")
        flush = getattr(source, "flush", None)
        if callable(flush):
            try:
                flush()
            except ValueError as error:
                raise FileNotOpenError(f"{path} was closed already; give its path: {error}") from error
    with H5Backend(backend) as other:
        other.open_file(path, "r")
        yield other


def _new_group(h5saver: H5SaverLowLevel, parent: str, source: Path) -> GROUP:
    number, name = 0, EXTERNAL_NAME
    taken = set(h5saver.get_group(parent).children_name())
    while name in taken:
        number += 1
        name = f"{EXTERNAL_NAME}_{number:02d}"
    about = {"external_file": str(source)}
    return h5saver.add_group(name, GroupType.external_h5, parent, source.name, about)


class _Copy:
    """Copies the content of one open file into another one, and keeps a list of the nodes that it skipped."""

    def __init__(self, source: H5Backend, target: H5SaverLowLevel) -> None:
        self._source, self._target = source, target
        self._left_out: list[str] = []

    def fill(self, group: GROUP) -> list[str]:
        """Copy everything into a group, and return the skipped nodes, each with the reason."""
        root = self._source.root()
        self._copy_attributes(root, group, keep=frozenset(group.attrs.attrs_name))
        seen: set[Hashable] = {self._source.io.identity(root.handle)}
        waiting: list[tuple[GROUP, GROUP]] = [(root, group)]
        while waiting:
            there, here = waiting.pop()
            for name, node in there.children().items():
                try:
                    if not isinstance(node, GROUP):
                        self._copy_leaf(node, here, name)
                        continue
                    identity = self._source.io.identity(node.handle)
                    if identity in seen:
                        raise NodeError("a group that was copied already under another name")
                    seen.add(identity)
                    made = self._target.create_group(here, name, _title(node))
                except H5SaverError as error:
                    self._left_out.append(f"{node.path}: {error}")
                    continue
                self._copy_attributes(node, made)
                waiting.append((node, made))
        return self._left_out

    def _copy_leaf(self, node: Node, here: GROUP, name: str) -> None:
        if isinstance(node, LINK) or not isinstance(node, Array):
            kind = self._source.io.kind(node.handle)
            raise NodeError("a link, which is not followed" if kind is NodeKind.LINK else "it can't be read here")
        title, io = _title(node), self._source.io
        made: Array
        if isinstance(node, VLARRAY):
            made = self._target.create_vlarray(here, name, title)
        elif not is_numbers(node.info):
            made = self._target.create_carray(here, name, as_text(node.read(), node.info), title)
        elif isinstance(node, EARRAY):
            made = self._target.create_earray(here, name, node.dtype, node.shape[1:], title)
        elif not node.shape or 0 in node.shape:
            made = self._target.create_carray(here, name, np.asarray(node.read(), node.dtype), title)
        else:
            made = self._target.create_carray(here, name, title=title, shape=node.shape, dtype=node.dtype)
        try:
            for _ in copy_values(io, node.path, self._target.io, made.handle):
                pass
        except H5SaverError:
            self._target.remove_node(made)  # half an array looks like a whole one
            raise
        self._copy_attributes(node, made)

    def _copy_attributes(self, node: Node, made: Node, keep: frozenset[str] = frozenset()) -> None:
        """Copy attributes as they stand; texts that are stored in parts, or have to be, are cut anew."""
        raw = self._source.io.get_attributes(node.handle)
        limit = self._target.capabilities.max_attribute_bytes
        for name in node.attrs.attrs_name:
            if name in _OF_THE_LIBRARY or name in keep:
                continue
            try:
                value = raw[name]
                in_parts = f"{name}__part0000" in raw
                too_long = limit is not None and isinstance(value, (str, bytes)) and len(value) * 4 > limit
                if in_parts or too_long:
                    values = self._target.raw({name: node.attrs[name]})
                else:
                    values = {name: value}
                self._target.io.set_attributes(made.handle, values)
            except KeyError:
                self._left_out.append(f"{node.path}, attribute {name!r}: it can't be read here")
            except H5SaverError as error:
                self._left_out.append(f"{node.path}, attribute {name!r}: {error}")


def _title(node: Node) -> str:
    return str(codec.decode(node.backend.get_attributes(node.handle, ["TITLE"]).get("TITLE", "")))
