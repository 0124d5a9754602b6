"""The backend interface: what the saver asks of an HDF5 library, and nothing more.

A backend holds at most one open file. Nodes are named by *handles*: opaque objects that only the backend which gave
them can read. Everything above (walking, numbering, get-or-create, attribute encoding) is written once on top of these
primitives, so that a library, a server or another process can take the place of a local file without a change above.

The rules every backend keeps, checked by ``tests/backend_contract.py``:

- every primitive may be called from any thread; one call is atomic;
- a primitive on a closed file raises :class:`~h5saver_widget.errors.FileNotOpenError`, a handle of a deleted node or of
  a file that was closed meanwhile raises :class:`~h5saver_widget.errors.NodeError`;
- a link is shown as a node of its own kind and never followed; it has neither attributes nor content;
- reading never writes, opening never creates (mode ``x`` alone does), nothing is ever overwritten;
- attributes are raw: text, bytes, numbers, booleans and arrays of them. What they mean is decided in
  :mod:`h5saver_widget.format.codec`; nothing found in a file is ever unpickled or evaluated.
"""

from __future__ import annotations

import functools
import logging
import math
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.inspecting import Inspecting
from h5saver_widget.backends.journal import finish_journal, read_journal
from h5saver_widget.backends.ownership import refuse_copy, register_owned
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.backends.row_layout import RowLayout
from h5saver_widget.backends.terms import (
    Activity,
    ArrayInfo,
    Capabilities,
    Compression,
    Details,
    Durability,
    Handle,
    NodeKind,
    OpenMode,
    Queue,
    RawAttribute,
    Selection,
)
from h5saver_widget.errors import DataMismatchError, FileNotOpenError, FileOpenError
from h5saver_widget.format.journal import strange_journals
from h5saver_widget.format.naming import move_aside, natural_key

__all__ = ["Backend", "primitive"]

logger = logging.getLogger(__name__)

#: Rows of a fill value are written in blocks of at most so many bytes.
FILL_BYTES = 1 << 24

_P = ParamSpec("_P")
_R = TypeVar("_R")
_B = TypeVar("_B", bound="Backend")


def primitive(method: Callable[Concatenate[_B, _P], _R]) -> Callable[Concatenate[_B, _P], _R]:
    """Make a method atomic, and refuse it with a clear error when no file is open."""

    @functools.wraps(method)
    def locked(self: _B, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        with self.lock:
            if not self.is_owned:
                refuse_copy()
            if not self.is_open:
                raise FileNotOpenError(f"{method.__name__}: no file is open; open or create one first")
            return method(self, *args, **kwargs)

    return locked


class Backend(Inspecting, ABC):
    """One HDF5 file through one library.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from h5saver_widget.backends.registry import create_backend
    >>> backend = create_backend('h5py')
    >>> backend.open(pathlib.Path(tempfile.mkdtemp()) / 'a.h5', 'x')
    >>> group = backend.create_group(backend.root(), 'Run')
    >>> array = backend.create_growing(group, 'Counts', row_shape=(), dtype=np.dtype('int64'))
    >>> backend.append(array, np.arange(3))
    >>> backend.read(array).tolist(), backend.path_of(array)
    ([0, 1, 2], '/Run/Counts')
    >>> backend.close()
    """

    name: ClassVar[str]
    capabilities: ClassVar[Capabilities]
    #: Versions of the libraries that write, by the name of the attribute that keeps them in a file.
    versions: ClassVar[Mapping[str, str]] = {}

    def __init__(self) -> None:
        #: Held during every primitive; take it around several to make them one.
        self.lock: threading.RLock | Any = threading.RLock()
        #: How long one call may take on a file that is opened to read, seconds; None: for ever. Where the file is in a
        #: process of its own, one that takes longer is ended: in some damaged files HDF5 comes to no end.
        self.reading_seconds: float | None = None
        self._path: Path | None = None
        self._allowed: tuple[Path, ...] = ()
        self._mode: OpenMode = "r"
        self._swmr = False
        self._durability = Durability.FLUSH
        #: Whether this process has opened the file; False in a copy of it (``os.fork``), where everything is refused.
        self.is_owned = True
        register_owned(self)

    def disown(self) -> None:
        """Let go of the file in a copy of the program, before anything of the copy runs."""
        self.is_owned = False
        self.lock = threading.RLock()

    def holds_lock(self) -> bool:
        """Tell whether this thread has the lock: who has it must wait for nothing that another thread does."""
        lock: Any = self.lock
        return bool(lock._is_owned())  # as threading.Condition asks

    # ------------------------------------------------------------------ file
    @property
    def path(self) -> Path | None:
        """Path of the open file, None when closed."""
        return self._path if self.is_open else None

    @property
    def writable(self) -> bool:
        """Whether the open file may be changed."""
        return self.is_open and self._mode != "r"

    @property
    def swmr_active(self) -> bool:
        """Whether the file streams: only appends and slice writes are possible until it is closed."""
        return self._swmr and self.is_open

    @property
    def durability(self) -> Durability:
        """What files opened from now on survive; a file that is made for streaming (SWMR) has ways of its own.

        Raises
        ------
        FileOpenError
            When set to what this backend can't do.
        """
        return self._durability

    @durability.setter
    def durability(self, durability: Durability | str) -> None:
        wanted = Durability(durability)
        if wanted is not Durability.FLUSH and not self.capabilities.journal:
            raise FileOpenError(f"{self.name} can't write by way of a journal; choose another backend, or 'flush'")
        self._durability = wanted

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether a file is open. Never waits for another thread."""

    @property
    @abstractmethod
    def raw_file(self) -> Any:
        """The library's own file object, None when closed or when there is none in this process."""

    def is_raw_file(self, file: Any) -> bool:
        """Tell whether this is the library's own object of the open file."""
        return False

    def open(
        self,
        path: Path,
        mode: OpenMode = "r",
        *,
        swmr: bool = False,
        locking: bool | None = None,
        timeout: float | None = None,
    ) -> None:
        """Open an existing file (``r``, ``r+``) or create a new one (``x``).

        Parameters
        ----------
        path
            Path of the file.
        mode
            ``r`` reads, ``r+`` reads and writes, ``x`` creates and fails if the path exists.
        swmr
            With ``x`` and ``r+``: use a file format in which streaming can be started. With ``r``: read a file that
            another process is writing.
        locking
            False opens without taking the library's file lock; None leaves the library's default.
        timeout
            How long to wait where another process opens the file, in s; None: for ever.

        Raises
        ------
        FileExistsError
            Mode ``x`` and the path exists.
        FileNotFoundError
            Mode ``r`` or ``r+`` and there is no such file.
        FileOpenError
            Another file is open here, or the library can't open this one.
        NotAnsweringError
            The time is over. No file is open then, and the next one is opened without waiting for this one.
        """
        with self.lock:
            self._may_open(path, mode, swmr)
            if not self.capabilities.remote:
                path = path.absolute()  # whoever changes the current folder means no other file
            self._check_path(path, mode)
            if not self.capabilities.remote:
                self._mind_journal(path, mode)
            self._open(path, mode, swmr, locking)
            self._path, self._mode, self._swmr = path, mode, False

    def _may_open(self, path: Path, mode: OpenMode, swmr: bool) -> None:
        """Refuse what can't be opened whatever is at the path."""
        if not self.is_owned:
            refuse_copy()
        if self.is_open:
            raise FileOpenError(f"{self._path} is still open; close it before opening {path}")
        if mode not in ("r", "r+", "x"):
            raise FileOpenError(f"mode {mode!r} is unknown; use 'r' to read, 'r+' to change, 'x' to create")
        if swmr and not self.capabilities.swmr:
            raise FileOpenError(f"{self.name} can't do SWMR; choose another backend or switch SWMR off")
        if swmr and mode != "r" and self._durability is Durability.POWER:
            raise FileOpenError(f"{path}: a file that streams (SWMR) can't survive a loss of power; switch one off")

    def _check_path(self, path: Path, mode: OpenMode) -> None:
        """Refuse a path that can't be opened; a file that is not on a local disk is looked for elsewhere."""
        if mode == "x" and path.exists():
            raise FileExistsError(f"{path} exists; nothing is overwritten, choose another name")
        if mode != "x" and not path.is_file():
            raise FileNotFoundError(f"{path} is not a file; check the path, or create it with mode 'x'")
        if mode != "x" and path.stat().st_size == 0:
            # HDF5 would make a file of it in mode r+
            raise FileOpenError(f"{path} could not be opened with mode {mode!r}: it is empty, not an HDF5 file")

    def _mind_journal(self, path: Path, mode: OpenMode) -> None:
        """Finish what a program left undone that was killed in the middle of a flush, where the file may be changed."""
        for left, why in strange_journals(path).items():
            logger.warning("%s %s", left, why)
        if mode == "r":
            if not self.capabilities.journal and read_journal(path) is not None:
                raise FileOpenError(
                    f"{path} was being flushed when its program was killed, and {self.name} can't read the journal "
                    f"beside it: read it with h5py, or run `h5saver repair {path.name}`, which works on a copy"
                )
        elif mode == "r+" and finish_journal(path):
            logger.warning("%s: the last flush, cut short when its program was killed, was finished", path)

    def exists(self, path: Path) -> bool:
        """Tell whether there is a file (or folder) at a path; for a remote file, on the server."""
        return path.exists()

    def make_folder(self, folder: Path) -> None:
        """Make a folder and those above it, where they are missing; OSError if that can't be done."""
        folder.mkdir(parents=True, exist_ok=True)

    def move_aside(self, path: Path) -> Path:
        """Rename a file to its first free backup name (``name_old1.h5``), never over another; return the new path."""
        return move_aside(path)

    def cannot_read(self, path: Path) -> str:
        """Return what in a file this library can't read and another one can, in words; ``''`` if nothing."""
        return ""

    # ------------------------------------------------------------------ server
    def use_server(self, options: RemoteOptions | Mapping[str, Any]) -> None:
        """Say on which server files are opened from now on, and by whom; DataMismatchError where they are on a disk."""
        raise DataMismatchError(f"{self.name} keeps files on a disk and asks no server; choose a backend that does")

    @property
    def server(self) -> RemoteOptions | None:
        """The server that was said; None if none was, or files are on a disk."""
        return None

    def connection_in_words(self, folder: Path | None = None) -> str:
        """Try to reach the server, and say in a sentence what was found; never raises."""
        return f"{self.name} keeps files on a disk: there is no server to connect to."

    def list_folder(self, folder: Path) -> list[str]:
        """Return the names of files and folders in a folder, in natural order; none if there is no such folder."""
        return sorted((entry.name for entry in folder.iterdir()), key=natural_key) if folder.is_dir() else []

    @abstractmethod
    def _open(self, path: Path, mode: OpenMode, swmr: bool, locking: bool | None) -> None:
        """Open the file; `path` was checked, nothing else is open."""

    def switching(self) -> AbstractContextManager[Any]:
        """Close a file and open the next one in the block, as one step for other threads: their frames wait for it."""
        return self.lock

    def close(self, timeout: float | None = None) -> None:
        """Close the file; does nothing if none is open. The backend is closed afterwards even if this raises.

        Parameters
        ----------
        timeout
            How long to wait where another process closes the file, in s; None: for ever.

        Raises
        ------
        NotAnsweringError
            The time is over: what was accepted is written, and the file closed, as soon as the disk answers.
        """
        if not self.is_owned:
            refuse_copy()
        with self.lock:
            if not self.is_open:
                return
            try:
                self._close()
            finally:
                self._path, self._swmr = None, False

    @abstractmethod
    def _close(self) -> None:
        """Close the library's file."""

    @abstractmethod
    def flush(self, timeout: float | None = None) -> None:
        """Hand everything written so far to the operating system.

        Raises
        ------
        NotAnsweringError
            The `timeout` (in s, None: for ever) is over; it is flushed as soon as the disk answers.
        """

    def checkpoint(self, timeout: float | None = None) -> None:
        """Flush, and return once what was written is kept where the file is; an error says that it is not."""
        self.flush(timeout)

    def abandon(self) -> None:
        """Have nothing more written into the open file: it stays as it was at its last flush."""

    def file_size(self) -> int | None:
        """Return the size of the open file, bytes; None where nobody can tell."""
        return None

    def flush_soon(self) -> None:
        """Flush, without waiting for it where another process does it."""
        self.flush()

    def keep_row(self, path: str, row: npt.NDArray[np.uint8] | None) -> None:
        """Where another process has the file, have it append a row of bytes to the text array at `path`, in the end.

        That is for rows which wait in this program until the file does not stream any more, should it end before. None:
        they were written, or are not wanted any more. Without another process nobody could, and nothing is done.
        """
        return

    # ---------------------------------------------------------------- queueing
    @property
    def is_isolated(self) -> bool:
        """Whether another process has the file: what is written is handed over, and done a little later."""
        return False

    @property
    def failure(self) -> Exception | None:
        """Why what was handed over before could not be written; None while all is well. Never waits."""
        return None

    def take_problems(self) -> list[str]:
        """Return what could not be written of single arrays and was not told yet, in sentences. Never waits."""
        return []

    def prepare(self) -> None:
        """Get ready for the first file, without waiting."""

    def queue(self) -> Queue | None:
        """Return what became of the frames since the file was opened; None where nobody counts. Never waits."""
        return None

    def activity(self) -> Activity:
        """Return what is being done, and how long it has not got on. Never waits, takes no lock."""
        return Activity()

    def has_room(self) -> bool:
        """Tell whether another frame can be taken without waiting."""
        return True

    def wait_for_room(self) -> None:
        """Wait until another frame can be taken; to be called without the lock."""

    def frame_done(self, size: int) -> None:
        """Mark that a frame of `size` bytes is complete, for those who count what was written."""

    def frame_refused(self) -> None:
        """Mark that the frame whose rows were appended last was given up half-way, and an error has told so."""

    # ------------------------------------------------------------------ tree
    @abstractmethod
    def root(self) -> Handle:
        """Return the root group."""

    @abstractmethod
    def node(self, path: str) -> Handle:
        """Return the node at an absolute path.

        Raises
        ------
        NodeError
            If there is none.
        """

    @abstractmethod
    def path_of(self, node: Handle) -> str:
        """Return the absolute path of a node."""

    @abstractmethod
    def children(self, group: Handle) -> list[str]:
        """Return the names of the nodes in a group, in natural order (2 before 10)."""

    @abstractmethod
    def has_child(self, group: Handle, name: str) -> bool:
        """Tell whether a group holds a node of that name, whatever it is; costs the same in a group of 10,000."""

    @abstractmethod
    def kind(self, node: Handle) -> NodeKind:
        """Return what the node is."""

    def children_kinds(self, group: Handle) -> dict[str, NodeKind]:
        """Return names and kinds of the nodes in a group, in natural order: one call for a whole group."""
        with self.lock:
            path = self.path_of(group).rstrip("/")
            return {name: self.kind(self.node(f"{path}/{name}")) for name in self.children(group)}

    def identity(self, node: Handle) -> Hashable:
        """Return what two paths to one object have in common; the path, where the library can't tell."""
        return self.path_of(node)

    def link_target(self, node: Handle) -> tuple[str, str]:
        """Return where a link points to: the file, ``''`` for the one it is in, and the path as it stands in the link.

        ``('', '')`` for what is no link, and where the library can't tell.
        """
        return "", ""

    def details(self, node: Handle) -> Details:
        """Return what is known of a node beyond shape and number type; nothing, where the library can't tell."""
        return Details()

    # ----------------------------------------------------------- other files
    def allow(self, folders: Sequence[Path]) -> None:
        """Allow to read the values of arrays from other files in these folders; only those of this call count.

        Without it, such an array shows shape, number type and sources, and reading it raises ValuesElsewhereError.
        """
        self._allowed = tuple(folders)

    def begin_copy(self, path: Path) -> None:
        """Make the file that nodes of the open one are copied into; FileExistsError if there is one.

        Only where ``capabilities.copies_objects``.
        """
        raise DataMismatchError(f"{self.name} can't copy nodes into another file as they are")

    def copy_out(self, node: Handle, start: int = 0) -> int | None:
        """Copy a node to its own path in that file; of a group, itself and its attributes.

        Returns
        -------
        int or None
            What `start` has to be in the next call for this node; None if all of it is copied.
        """
        raise DataMismatchError(f"{self.name} can't copy nodes into another file as they are")

    def end_copy(self) -> list[str]:
        """Complete that file; return sentences on what could not be copied. It is closed also if this raises."""
        raise DataMismatchError(f"{self.name} can't copy nodes into another file as they are")

    @abstractmethod
    def raw_node(self, node: Handle) -> Any:
        """Return the library's own object for a node, None when there is none in this process."""

    @abstractmethod
    def create_group(self, parent: Handle, name: str, attributes: Mapping[str, RawAttribute] | None = None) -> Handle:
        """Make a group.

        Raises
        ------
        NodeExistsError
            If there is a node of that name.
        NamingError
            If the name is empty or holds a slash.
        StreamingError
            While the file streams.
        """

    @abstractmethod
    def create_array(
        self,
        parent: Handle,
        name: str,
        *,
        data: npt.NDArray[Any] | None = None,
        shape: tuple[int, ...] = (),
        dtype: np.dtype[Any] | None = None,
        fill_value: Any = None,
        frame_axes: int | None = None,
        compression: Compression | None = None,
        attributes: Mapping[str, RawAttribute] | None = None,
    ) -> Handle:
        """Make an array of fixed shape, from `data` or from shape, dtype and fill value. Errors as create_group.

        Parameters
        ----------
        parent, name
            Where it is made.
        data, shape, dtype, fill_value
            What is in it.
        frame_axes
            So many of its last axes are written at a time; None if all of it is.
        compression, attributes
            How it is stored, and what is said of it.
        """

    @abstractmethod
    def create_growing(
        self,
        parent: Handle,
        name: str,
        *,
        row_shape: tuple[int, ...],
        dtype: np.dtype[Any],
        fill_value: Any = None,
        compression: Compression | None = None,
        attributes: Mapping[str, RawAttribute] | None = None,
    ) -> Handle:
        """Make an array of shape ``(0,) + row_shape`` that grows along its first axis. Errors as create_group."""

    @abstractmethod
    def create_text(self, parent: Handle, name: str, attributes: Mapping[str, RawAttribute] | None = None) -> Handle:
        """Make a growing list of byte rows of any length. Errors as create_group."""

    @abstractmethod
    def delete(self, node: Handle) -> None:
        """Remove a node and everything below it."""

    @abstractmethod
    def copy(self, node: Handle, parent: Handle, name: str) -> Handle:
        """Copy a node and everything below it, attributes included, into a group of this file.

        A group can't be copied into itself, nor can a link: NodeError.
        """

    # ---------------------------------------------------------------- arrays
    @abstractmethod
    def info(self, array: Handle) -> ArrayInfo:
        """Return shape, dtype and storage of an array. The dtype of byte rows is uint8."""

    @abstractmethod
    def append(self, array: Handle, rows: npt.NDArray[Any]) -> None:
        """Add rows at the end of a growing array: shape ``(n,) + row_shape``; for byte rows one uint8 row.

        DataMismatchError if shape or dtype don't fit (the array stays as it was); StreamingError for byte rows while
        the file streams, because HDF5 breaks rows of any length under SWMR.
        """

    def append_many(self, rows: Sequence[tuple[Handle, npt.NDArray[Any]]]) -> None:
        """Add rows to several growing arrays in one call, in the order given; errors as append.

        A frame has many channels: one call is one wait for the lock (or one message to another process). If the rows of
        one array are refused, no array grows; a backend that can't check beforehand may leave earlier ones grown.
        """
        with self.lock:
            for array, values in rows:
                self.append(array, values)

    def row_layout(self, arrays: Sequence[Handle]) -> RowLayout:
        """Get ready to add a row to each of several growing arrays, again and again; see :meth:`append_row`."""
        infos = [self.info(array) for array in arrays]
        return RowLayout(arrays, [(info.dtype, info.shape[1:]) for info in infos])

    def append_row(self, layout: RowLayout, values: Sequence[Any]) -> None:
        """Add a row to each array of a layout, as append_many does.

        `values` are buffers in the order of the arrays: C-contiguous, of their number types, one row each.
        """
        self.append_packed(layout, layout.joined(values))

    def append_packed(self, layout: RowLayout, row: bytes | memoryview) -> None:
        """Add a row to each array of a layout, given in one piece; nothing of it is kept that the caller may change."""
        self.append_many(list(layout.rows_of([row])))

    def extend(self, array: Handle, count: int, fill: Any) -> None:
        """Add `count` rows that hold `fill`, the value that the array was made with.

        Where the library can, they are not written: it knows what rows hold that nobody has written.
        """
        with self.lock:
            info = self.info(array)
            step = max(1, FILL_BYTES // max(1, math.prod(info.shape[1:]) * info.dtype.itemsize))
            for start in range(0, count, step):
                self.append(array, np.full((min(step, count - start), *info.shape[1:]), fill, info.dtype))

    @abstractmethod
    def write(self, array: Handle, selection: Selection, values: npt.NDArray[Any]) -> None:
        """Overwrite part of an array."""

    @abstractmethod
    def read(self, array: Handle, selection: Selection = ...) -> Any:
        """Read an array or part of it; byte rows come as a list of uint8 arrays."""

    # ------------------------------------------------------------ attributes
    @abstractmethod
    def attribute_names(self, node: Handle) -> list[str]:
        """Return the sorted names of the attributes of a node."""

    @abstractmethod
    def get_attributes(self, node: Handle, names: list[str] | None = None) -> dict[str, RawAttribute]:
        """Return raw attributes; names that are missing or hold something unreadable are left out."""

    @abstractmethod
    def set_attributes(self, node: Handle, attributes: Mapping[str, RawAttribute]) -> None:
        """Set attributes, replacing existing ones of the same names."""

    @abstractmethod
    def delete_attribute(self, node: Handle, name: str) -> None:
        """Remove an attribute; NodeError if it is not there."""

    # ------------------------------------------------------------------ SWMR
    @abstractmethod
    def start_swmr(self) -> None:
        """Start streaming; it ends when the file is closed."""

    @abstractmethod
    def refresh(self, array: Handle) -> None:
        """See what another process has appended since the file was opened for reading."""
