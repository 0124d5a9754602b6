"""Read a file that another program may be writing: the right way to open it, and its new rows as they come. No Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from math import prod
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.registry import available_backends, backend_capabilities, default_backend
from h5saver_widget.browsing import H5BrowserUtil
from h5saver_widget.errors import FileOpenError, H5SaverError, MissingLibraryError, NodeError
from h5saver_widget.format.superblock import Superblock, read_superblock
from h5saver_widget.nodes.typed import Array
from h5saver_widget.recovery.lock_owners import is_locked, programs_writing

__all__ = ["follow_rows", "open_for_reading"]

_BYTES_AT_ONCE = 16 << 20


def open_for_reading(path: Path | str, *, backend: str | None = None) -> H5BrowserUtil:
    """Open a file for reading, in the mode that its state asks for. The file is never changed.

    A file that streams (SWMR), or was left so by a program that was killed, is opened as such; one that another program
    has open (PyTables, h5py) without its lock, so that flushed data are seen; all others plainly.

    Parameters
    ----------
    path
        The file.
    backend
        Name of the backend; by default the configured one, or the first that can read a file while it is written.

    Returns
    -------
    H5BrowserUtil
        To be closed, or used in a ``with`` block. ``DataLoader(opened)`` loads data objects from it.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileOpenError
        If it can't be opened: with advice.

    Examples
    --------
    >>> import tempfile
    >>> from h5saver_widget import H5SaverLowLevel
    >>> path = Path(tempfile.mkdtemp()) / 'growing.h5'
    >>> with H5SaverLowLevel(backend='h5py') as h5saver:
    ...     _ = h5saver.init_file(path, swmr=True)
    ...     h5saver.add_log('started')
    ...     h5saver.flush()
    >>> with open_for_reading(path) as opened:
    ...     opened.log_lines()
    ['started']
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; check the path")
    block = read_superblock(path)
    opened = H5BrowserUtil(backend=backend or _live_reader())
    refused: FileOpenError | None = None
    for options in _ways(path, block):
        if options.get("swmr_mode") and not opened.capabilities.swmr:
            continue
        try:
            opened.open_file(path, "r", **options)
        except FileOpenError as error:
            refused = refused or error
        else:
            return opened
    if block is not None and (block.is_writing or block.size_needed > path.stat().st_size):
        holders = programs_writing(path)
        advice = f"{holders[0]} is writing it" if holders else f"run `h5saver repair {path.name}`, it works on a copy"
        raise FileOpenError(f"{refused}; the file was not closed properly: {advice}") from refused
    assert refused is not None
    raise refused


def _live_reader() -> str:
    """Return the default backend if it can read files while they are written, else the first that can."""
    names = [default_backend(), *available_backends()]
    for name in names:
        can = backend_capabilities(name)
        if can.swmr and not can.remote:
            return name
    return names[0]


def _ways(path: Path, block: Superblock | None) -> list[dict[str, Any]]:
    """Return the ways of opening a file that make sense for its state, the best one first."""
    plain: dict[str, Any] = {}
    unlocked = {"locking": False}
    if block is not None and block.is_streaming:
        # without a lock: a reader must never keep the writer from opening its file again for the next scan
        return [{"swmr_mode": True, "locking": False}, {"swmr_mode": True}, plain]
    return [unlocked, plain] if is_locked(path) else [plain, unlocked]


def follow_rows(
    path: Path | str,
    where: str,
    *,
    start: int = 0,
    interval: float = 0.2,
    timeout: float | None = None,
    stop: Callable[[], bool] | None = None,
    backend: str | None = None,
) -> Iterator[npt.NDArray[Any]]:
    """Iterate over the new rows of a growing array while another program writes it.

    The file may be written by SWMR (a row is seen as soon as it was flushed) or not (it is then opened anew after each
    flush), with any library. The iteration ends when the writer has closed the file (or was killed) and all rows were
    handed out, when `stop` says so, or when nothing new has come for `timeout` seconds.

    Parameters
    ----------
    path
        The file; waited for if it is not there yet.
    where
        Absolute path of the array in the file; waited for as long as the file is being written.
    start
        Row to start with.
    interval
        Seconds between two looks.
    timeout
        Seconds without a new row after which the iteration ends; None waits as long as the file is being written.
    stop
        Asked at every look.
    backend
        Name of the backend that reads.

    Yields
    ------
    ndarray
        Rows that have come, shape ``(n,) + row_shape``, at least one, at most about 16 MB at once.

    Raises
    ------
    NodeError
        If the file was closed and holds no such array.
    MissingLibraryError
        If no installed backend can read a file that is being written.

    Examples
    --------
    >>> import tempfile
    >>> from h5saver_widget import H5SaverLowLevel
    >>> path = Path(tempfile.mkdtemp()) / 'growing.h5'
    >>> with H5SaverLowLevel() as h5saver:
    ...     _ = h5saver.init_file(path)
    ...     h5saver.create_earray('/RawData', 'Counts', 'int64', ()).append(np.arange(5))
    >>> [rows.tolist() for rows in follow_rows(path, '/RawData/Counts', start=2)]
    [[2, 3, 4]]
    """
    name = backend or _live_reader()
    if not backend_capabilities(name).swmr:
        raise MissingLibraryError(f"the backend {name!r} can't read a file that is being written; install h5py")
    with closing(_Follower(Path(path), where, name)) as follower:
        position, last_news, quiet_looks = start, monotonic(), 0
        while stop is None or not stop():
            being_written = follower.is_being_written()  # asked first: what was flushed before closing is then seen
            found = False
            for rows in follower.rows_from(position):
                position, found = position + len(rows), True
                yield rows
            if found:
                last_news, quiet_looks = monotonic(), 0
                continue
            # closed twice in a row: between two scans a saver closes its file, and opens it again at once
            quiet_looks = 0 if being_written else quiet_looks + 1
            if quiet_looks >= 2:
                if follower.trouble is not None:
                    raise follower.trouble
                return
            if timeout is not None and monotonic() - last_news > timeout:
                return
            sleep(interval)


class _Follower:
    """A file that is looked into again and again."""

    def __init__(self, path: Path, where: str, backend: str) -> None:
        self._path, self._where, self._backend = path, where, backend
        self._opened: H5BrowserUtil | None = None
        self._streams = False
        self._version: tuple[int, int] | None = None
        self._was_held = False
        #: Why the array could not be read at the last look, None if it could.
        self.trouble: H5SaverError | None = None

    def is_being_written(self) -> bool:
        """Tell whether more rows may come."""
        if not self._path.is_file():
            return True
        try:
            block = read_superblock(self._path)
        except OSError:  # Windows: the writer has locked its bytes
            return True
        if block is None or not (block.is_writing or is_locked(self._path)):
            return block is None  # just created: nothing is on disk yet
        held = bool(programs_writing(self._path))
        # a flag without a program: it was killed if it was seen before; else it runs where it can't be seen
        gone = self._was_held and not held
        self._was_held = self._was_held or held
        return not gone

    def rows_from(self, position: int) -> Iterator[npt.NDArray[Any]]:
        """Iterate over the rows that are there now, from a row on."""
        self.trouble = None
        try:
            array = self._array()
            count = 0 if array is None else len(array)
            if array is None or count <= position:
                return
            info = array.info
            step = max(1, _BYTES_AT_ONCE // max(1, prod(info.shape[1:]) * info.dtype.itemsize))
            blocks = ((at, min(at + step, count)) for at in range(position, count, step))
            for first, last in blocks:
                yield np.asarray(array[first:last])
        except (FileOpenError, FileNotFoundError, NodeError, ValueError) as error:
            # half of a change may be on disk, the next look sees the whole; at the end it is raised
            self.trouble = error if isinstance(error, H5SaverError) else NodeError(str(error))
            self.close()

    def _array(self) -> Array | None:
        """Return the array as it is now, None if nothing has changed since the last look."""
        if self._opened is not None and self._streams and self._is_streaming():
            array = self._node(self._opened)
            self._opened.io.refresh(array.handle)
            return array
        about = self._path.stat()
        version = (about.st_mtime_ns, about.st_size)
        if version == self._version and not self._streams:
            return None
        self.close()
        self._streams = self._is_streaming()
        self._opened = open_for_reading(self._path, backend=self._backend)
        self._version = version
        return self._node(self._opened)

    def _is_streaming(self) -> bool:
        block = read_superblock(self._path)
        return block is not None and block.is_streaming

    def _node(self, opened: H5BrowserUtil) -> Array:
        node = opened.get_node(self._where)
        if not isinstance(node, Array):
            raise NodeError(f"{self._where} in {self._path} is a {node.class_name}, not an array; give an array's path")
        return node

    def close(self) -> None:
        opened, self._opened, self._version = self._opened, None, None
        if opened is not None:
            opened.close_file()
