"""H5Backend: open any HDF5 file in a script, walk it, read it, write it, with any backend."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.registry import READS_ALL, create_backend
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.backends.terms import Capabilities, Compression, Durability, Handle, NodeKind, NodeSpec, OpenMode
from h5saver_widget.data.plain import plain
from h5saver_widget.errors import DataMismatchError, FileNotOpenError, FileOpenError, NodeError
from h5saver_widget.format import naming
from h5saver_widget.nodes.attributes import raw_attributes
from h5saver_widget.nodes.typed import CARRAY, EARRAY, GROUP, VLARRAY, Array, Node, StringARRAY, node_of
from h5saver_widget.saving.shared_files import FileProxy

__all__ = ["H5Backend", "Where"]

_MAX_DEPTH = 200  # a group may hold itself, and not every library can tell: no walk continues for ever

_A = TypeVar("_A", bound=Array)

Where = str | Node | Any
"""A place in a file: a path, a node, or the library's own object."""


class H5Backend:
    """An HDF5 file through one of the backends, as nodes.

    Parameters
    ----------
    backend
        ``'h5py'``, ``'tables'``, or ``'h5pyd'`` for files on an HSDS server; None for the configured default.
    isolated
        Open the file in a worker process, which writes and closes it even if this program crashes.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with H5Backend('h5py') as h5:
    ...     _ = h5.open_file(pathlib.Path(tempfile.mkdtemp()) / 'any.h5', 'a')
    ...     group = h5.create_group('/', 'Run', title='first run')
    ...     array = h5.create_carray(group, 'Counts', np.arange(3))
    ...     [str(node) for node in h5.walk_nodes('/')]
    ["/ (GROUP) ''", "/Run (GROUP) 'first run'", "/Run/Counts (CARRAY) ''"]
    """

    def __init__(self, backend: str | None = None, *, isolated: bool = False) -> None:
        #: The primitives of the backend, and its lock.
        self.io: Backend = create_backend(backend, isolated=isolated)
        self._server: RemoteOptions | None = None
        #: The backend for the next file, while another one reads a file that this one can't read.
        self._asked: Backend | None = None
        #: That this is so, and why, in a line for people; ``''`` if it isn't.
        self.reading_note = ""
        #: How arrays made from now on are compressed.
        self.compression = Compression()

    # ------------------------------------------------------------------ file
    @property
    def backend(self) -> str:
        """Name of the backend."""
        return self.io.name

    @property
    def capabilities(self) -> Capabilities:
        """The capabilities of the backend."""
        return self.io.capabilities

    @property
    def durability(self) -> Durability:
        """Durability of files opened from now on; may be set to a :class:`Durability`, or its name.

        ``'flush'``, ``'journal'`` (the process may be killed at any instant), ``'power'`` (the power may fail, too).
        FileOpenError when the backend can't do that.
        """
        return self.io.durability.level

    @durability.setter
    def durability(self, durability: Durability | str) -> None:
        self.io.durability.level = durability

    @property
    def isolated(self) -> bool:
        """Whether files are opened in a process of their own."""
        return self.io.queue.is_isolated

    def use_server(self, options: RemoteOptions | Mapping[str, Any]) -> None:
        """Say on which server files are opened from now on, and by whom; without this the environment says it.

        A backend that keeps files on the disk asks no server; the next one may.
        """
        self._server = RemoteOptions.of(options)
        if self.capabilities.remote:
            self.io.location.use_server(self._server)

    @property
    def h5file(self) -> Any:
        """The library's own file object (``h5py.File``, ``tables.File``), None when closed.

        As the host may read and write through it, rows are handed to the library at once from now on.
        """
        return self.io.raw_file

    h5_file = h5file  # the name that hosts use

    @property
    def file_path(self) -> Path | None:
        """Path of the open file, None when closed."""
        return self.io.path

    @property
    def filename(self) -> str:
        """Name of the open file without its folder, ``''`` when closed."""
        return "" if self.io.path is None else self.io.path.name

    def isopen(self) -> bool:
        """Tell whether a file is open; never waits."""
        return self.io.is_open

    def open_file(
        self,
        path: Path | str,
        mode: str = "r",
        *,
        swmr_mode: bool = False,
        locking: bool | None = None,
        allow: Path | str | Sequence[Path | str] = (),
    ) -> FileProxy:
        """Open a file.

        Parameters
        ----------
        path
            Path of the file.
        mode
            ``'r'`` reads, ``'r+'`` changes an existing file, ``'a'`` changes or creates, ``'x'`` creates (and so does
            ``'w'``: an existing file is never overwritten).
        swmr_mode
            When creating: in a format that others may read during writing. With ``'r'``: read such a file.
        locking
            False opens without the library's file lock.
        allow
            Folders in which other files may be read, that hold the values of arrays (virtual and external
            arrays). Without it, such an array shows shape, number type and sources; reading it raises
            ValuesElsewhereError.

        Returns
        -------
        FileProxy
            Stands for the open file; the library's own object is `h5file`.

        Raises
        ------
        FileExistsError, FileNotFoundError, FileOpenError
            With the path, and advice.
        """
        where = Path(path)
        add: OpenMode = "r+" if self.io.location.exists(where) else "x"
        modes: dict[str, OpenMode] = {"r": "r", "r+": "r+", "x": "x", "w": "x", "a": add}
        if mode not in modes:
            raise FileOpenError(f"mode {mode!r} is unknown; use 'r' to read, 'r+' or 'a' to change, 'x' to create")
        if self._asked is not None and not self.io.is_open:
            self.io, self._asked = self._asked, None
        self.reading_note = ""
        reads = modes[mode] == "r" and not swmr_mode and not self.io.is_open
        if reads and (what := self.io.inspection.cannot_read(where)):
            # who opens a file to read it asks for its content, not for a library
            self.reading_note = f"{self.io.name} can't read all of this file ({what}): it is read with {READS_ALL}."
            self._asked, self.io = self.io, create_backend(READS_ALL, isolated=self.isolated)
            self.io.reading_seconds = self._asked.reading_seconds
        # also where none are given: those of the file before do not count
        self.io.allow([Path(folder) for folder in ([allow] if isinstance(allow, (str, Path)) else allow)])
        self.io.open(where, modes[mode], swmr=swmr_mode, locking=locking)
        return FileProxy(self)

    def close_file(self) -> None:
        """Close the file; does nothing when none is open."""
        self.io.close()

    def close(self) -> None:
        """Close the file."""
        self.close_file()

    def flush(self) -> None:
        """Hand everything written so far to the operating system; does nothing when no file is open."""
        if self.io.is_open:
            self.io.flush()

    def __enter__(self) -> Self:
        """Return this object; the file is closed at the end of the block."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close the file; a copy of the program, in which the block ends as well, leaves it alone."""
        if self.io.is_owned:
            self.close_file()

    # ------------------------------------------------------------------ tree
    def root(self) -> GROUP:
        """Return the root group."""
        return GROUP(self.io, self.io.root())

    def handle_of(self, where: Where) -> Handle:
        """Return the backend's handle of a path, a node, or the library's own object."""
        if isinstance(where, Node) and where.backend is self.io:
            return where.handle
        return self.io.node(self.path_of(where))

    def path_of(self, where: Where, name: str | None = None) -> str:
        """Return the absolute path of a place, or of a name in it."""
        if isinstance(where, str):
            path = where
        elif isinstance(where, Node):
            path = where.path
        else:  # the library's own object: PyTables says _v_pathname, h5py name
            named = getattr(where, "_v_pathname", None) or getattr(where, "path", None) or getattr(where, "name", None)
            if isinstance(named, str):
                path = named
            else:
                raise NodeError(f"{where!r} is not a place in a file; give a path, a node or a library's node")
        path = "/" + path.strip("/")
        return path if name is None else f"{path.rstrip('/')}/{name}"

    def get_node(self, where: Where, name: str | None = None) -> Node:
        """Return the node at a place, or of a name in it; NodeError if there is none."""
        if name is None and isinstance(where, Node) and where.backend is self.io:
            return where
        return node_of(self.io, self.path_of(where, name))

    def get_group(self, where: Where) -> GROUP:
        """Return the group at a place; NodeError if it is something else."""
        node = self.get_node(where)
        if not isinstance(node, GROUP):
            raise NodeError(f"{node.path} is not a group; give the path of a group")
        return node

    def get_children(self, where: Where) -> dict[str, Node]:
        """Return the nodes in a group by name."""
        return self.get_group(where).children()

    def is_node_in_group(self, where: Where, name: str) -> bool:
        """Tell whether a group holds a node of that name, its first letter capital or not."""
        group = self.get_group(where).handle
        return any(self.io.has_child(group, known) for known in (name, naming.capitalize_first(name)))

    def walk_nodes(self, where: Where = "/", depth: int | None = None, only_groups: bool = False) -> Iterator[Node]:
        """Iterate over a node and everything below it, a group before its children.

        A group that is reached again by a second hard link (it may hold itself) is shown, but not entered again. The
        NeXus entry of a recording, which shows its data once more, is entered from its own path alone.

        Parameters
        ----------
        where
            Where to start.
        depth
            How many levels to go down, None for all.
        only_groups
            Leave arrays out.
        """
        stack = [(self.get_node(where), 0)]
        seen: set[Hashable] = set()
        while stack:
            node, level = stack.pop()
            if isinstance(node, GROUP) or not only_groups:
                yield node
            if isinstance(node, GROUP) and level < (_MAX_DEPTH if depth is None else depth):
                identity = self.io.identity(node.handle)
                if identity in seen:
                    continue
                seen.add(identity)
                stack.extend((child, level + 1) for child in reversed(node.children().values()))

    def walk_groups(self, where: Where = "/") -> Iterator[GROUP]:
        """Iterate over a group and all groups below it."""
        for node in self.walk_nodes(where, only_groups=True):
            assert isinstance(node, GROUP)
            yield node

    # -------------------------------------------------------------- creation
    def raw(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return attributes as this backend stores them."""
        return raw_attributes(values, self.io.capabilities.max_attribute_bytes)

    def create_group(
        self, where: Where, name: str, title: str = "", *, unwrapped: Mapping[str, str] | None = None, **attributes: Any
    ) -> GROUP:
        """Make a group; NodeExistsError if the name is taken. Texts in `unwrapped` become attributes as they are."""
        raw = {**self.raw({"CLASS": "GROUP", "TITLE": title, **attributes}), **(unwrapped or {})}
        return GROUP(self.io, self.io.create(self.handle_of(where), name, NodeSpec(NodeKind.GROUP, attributes=raw)))

    def get_set_group(self, where: Where, name: str, title: str = "", **attributes: Any) -> GROUP:
        """Return the group of that name, made if it is not there; `attributes` are stored as they are (plain text)."""
        with self.io.lock:
            parent = self.get_group(where)
            if self.io.has_child(parent.handle, name):
                return self.get_group(self.path_of(parent, name))
            return self.create_group(parent, name, title, unwrapped=attributes)

    def _changing_structure(self) -> AbstractContextManager[None]:
        """Make or remove nodes in the block."""
        return nullcontext()

    def _array_made(self, array: Array, ndim: int, attributes: Mapping[str, Any] | None) -> None:
        """Take note of a new array."""

    def _make(self, cls: type[_A], where: Where, name: str, title: str, spec: NodeSpec, subdtype: str = "") -> _A:
        """Make an array, with the attributes by which the peer, and PyTables, know its class."""
        shape = (0, *spec.shape) if spec.kind is not NodeKind.FIXED else spec.shape
        described: dict[str, Any] = {"CLASS": "VLARRAY" if issubclass(cls, VLARRAY) else cls.class_name, "TITLE": title}
        if spec.kind is NodeKind.GROWING:
            described["EXTDIM"] = np.int32(0)  # by this PyTables knows which axis grows
        dtype = np.dtype(np.uint8) if spec.kind is NodeKind.TEXT else spec.dtype
        described |= {"shape": shape, "dtype": dtype.name, "subdtype": subdtype}
        raw = self.raw({**described, "backend": self.backend, **spec.attributes})
        with self._changing_structure():
            made = cls(self.io, self.io.create(self.handle_of(where), name, replace(spec, attributes=raw)))
            self._array_made(made, len(shape), spec.attributes)
            return made

    def create_carray(
        self,
        where: Where,
        name: str,
        obj: Any = None,
        title: str = "",
        *,
        shape: tuple[int, ...] = (),
        dtype: Any = None,
        fill_value: Any = None,
        frame_axes: int | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> CARRAY:
        """Make an array of fixed shape, from values, or from shape, dtype and fill value.

        `frame_axes` says how many of the last axes are written at a time, if not all of the array is.
        """
        data = None if obj is None else plain(obj, name, also="S")
        if data is not None:
            shape, dtype = data.shape, data.dtype
        spec = NodeSpec(NodeKind.FIXED, shape, dtype, data, fill_value, frame_axes, self.compression, attributes or {})
        return self._make(CARRAY, where, name, title, spec)

    def create_earray(
        self,
        where: Where,
        name: str,
        dtype: Any = np.float64,
        shape: tuple[int, ...] = (1,),
        title: str = "",
        *,
        fill_value: Any = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> EARRAY:
        """Make an array of rows of `shape` that grows by rows; rows that are never written hold `fill_value`."""
        spec = NodeSpec(
            NodeKind.GROWING,
            shape,
            dtype,
            fill_value=fill_value,
            compression=self.compression,
            attributes=attributes or {},
        )
        return self._make(EARRAY, where, name, title, spec)

    def create_vlarray(
        self,
        where: Where,
        name: str,
        title: str = "",
        *,
        text: bool = False,
        dtype: Any = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> VLARRAY:
        """Make a growing list of byte rows, or of text lines: with `text`, or by the peer's word ``dtype='string'``.

        DataMismatchError for rows of anything else.
        """
        if isinstance(dtype, str) and dtype == "string":
            text = True
        elif dtype is not None and np.dtype(dtype) != np.uint8:
            raise DataMismatchError(f"rows of any length hold bytes (dtype uint8) or text ('string'), got {dtype!r}")
        spec = NodeSpec(NodeKind.TEXT, attributes=attributes or {})
        return self._make(StringARRAY if text else VLARRAY, where, name, title, spec, "string" if text else "")

    def remove_node(self, where: Where, name: str | None = None) -> None:
        """Delete a node and everything below it."""
        self.io.delete(self.get_node(where, name).handle)

    def copy_node(self, where: Where, parent: Where, name: str) -> Node:
        """Copy a node, with everything below it, into a group of this file."""
        return node_of(self.io, self.io.copy(self.handle_of(where), self.handle_of(parent), name))

    # ------------------------------------------------------------ attributes
    def get_attr(self, where: Where, name: str | None = None) -> Any:
        """Return an attribute of a node, or all of them as a dict."""
        attributes = self.get_node(where).attrs
        return attributes.to_dict() if name is None else attributes[name]

    def set_attr(self, where: Where, name: str, value: Any) -> None:
        """Write an attribute of a node."""
        self.get_node(where).attrs[name] = value

    def has_attr(self, where: Where, name: str) -> bool:
        """Tell whether a node has an attribute."""
        return name in self.get_node(where).attrs

    def require_open(self, what: str) -> None:
        """Raise FileNotOpenError when no file is open."""
        if not self.isopen():
            raise FileNotOpenError(f"can't {what}: no file is open. Switch Do Save on, or open a file first")
