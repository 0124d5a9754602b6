"""The file part of a backend: one file is opened, flushed and closed, by one thread at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from h5saver_widget.backends.checks import Checks
from h5saver_widget.backends.durable import DurabilityPolicy
from h5saver_widget.backends.frame_queue import FrameQueue
from h5saver_widget.backends.location import Location
from h5saver_widget.backends.ownership import refuse_copy, register_owned
from h5saver_widget.backends.primitive import changing
from h5saver_widget.backends.terms import OpenMode
from h5saver_widget.errors import FileOpenError, H5SaverError, RowsLostError

__all__ = ["BackendFile"]


class BackendFile(Checks):
    """The open file of a backend, its lock, and the parts that can be exchanged."""

    #: Whether the lock is held while something is read.
    locks_reading: ClassVar[bool] = True
    #: Whether small rows of a frame are collected; others get the rows of several frames at a time.
    collects_frames: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        #: Held during every call; take it around several calls to make them one.
        self.lock: threading.RLock | Any = threading.RLock()
        #: The disk or server with the files.
        self.location = Location()
        #: Frames on their way into the file.
        self.queue = FrameQueue()
        #: The faults that a file survives.
        self.durability = DurabilityPolicy(self.name, self.capabilities)
        #: The longest time that one call may take on a file that is opened to read, seconds; None: no limit. A worker
        #: process is ended after it: in some damaged files HDF5 comes to no end.
        self.reading_seconds: float | None = None
        #: Work that is done on a file that was written, right before it is closed, by the process that has it: the name
        #: ``module:function`` of a function of this package that takes a backend; ``''`` for none. It never keeps a
        #: file from being closed.
        self.before_closing = ""
        #: Called now and then by work that takes long, to show that it goes on.
        self.beat: Callable[[], None] = lambda: None
        self._allowed: tuple[Path, ...] = ()
        #: What the flush before closing found lost.
        self._unheard: RowsLostError | None = None
        #: False in a copy of the process (``os.fork``), where every call is refused.
        self.is_owned = True
        register_owned(self)

    def disown(self) -> None:
        """Let go of the file in a copy of the program, before anything of the copy runs."""
        self.is_owned = False
        self.lock = threading.RLock()

    def holds_lock(self) -> bool:
        """Tell whether this thread has the lock: it must not wait for anything that another thread does then."""
        lock: Any = self.lock
        return bool(lock._is_owned())  # as threading.Condition asks

    def switching(self) -> AbstractContextManager[Any]:
        """Close a file and open the next one in the block, as one step for other threads: their frames wait for it."""
        return self.lock

    # ------------------------------------------------------------------ file
    @property
    def raw_file(self) -> Any:
        """The library's own file object, None when closed or when there is none in this process."""
        return None

    def prepare(self) -> None:
        """Get ready for the first file, without waiting."""

    def look_after(self, held: Any) -> bool:
        """Have frames in shared memory written even if the program is killed in the middle of writing them.

        They are in the memory `held`, a `HeldMemory`; None: there are none any more. Return whether there is a process
        that can do it; :meth:`prepare` starts it.
        """
        return False

    @property
    def looks_after(self) -> bool:
        """Whether such a process runs. Never waits."""
        return False

    def is_raw_file(self, file: Any) -> bool:
        """Tell whether this is the library's own object of the open file."""
        return False

    def current_path(self) -> Path:
        """Return the present path of the open file; FileGoneError if it was renamed, and the system can't tell."""
        assert self._path is not None
        return self._path

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
            The longest wait for another process that opens the file, in s; None: no limit.

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
        with self._changing_file(timeout):
            path = self._checked_path(path, mode, swmr)
            self._path, self._mode, self._swmr = path, mode, False
            try:
                self._open(path, mode, swmr, locking)
            except BaseException:
                self._path = None
                raise

    def _changing_file(self, timeout: float | None) -> AbstractContextManager[Any]:
        """Open or close in the block, one thread at a time."""
        return self.lock

    def _checked_path(self, path: Path, mode: OpenMode, swmr: bool) -> Path:
        """Return the absolute path of a file that may be opened; an error says why another one may not."""
        if not self.is_owned:
            refuse_copy()
        if self.is_open:
            raise FileOpenError(f"{self._path} is still open; close it before opening {path}")
        if mode not in ("r", "r+", "x"):
            raise FileOpenError(f"mode {mode!r} is unknown; use 'r' to read, 'r+' to change, 'x' to create")
        if swmr and not self.capabilities.swmr:
            raise FileOpenError(f"{self.name} can't do SWMR; choose another backend or switch SWMR off")
        if swmr and mode != "r":
            self.durability.check_streaming(path)
        path = self.location.absolute(path)
        self.location.check(path, mode)
        return path

    def close(self, timeout: float | None = None) -> None:
        """Close the file; does nothing if none is open. The backend is closed afterwards even if this raises.

        Parameters
        ----------
        timeout
            The longest wait for another process that closes the file, in s; None: no limit.

        Raises
        ------
        NotAnsweringError
            The time is over: accepted rows are written, and the file closed, as soon as the disk answers.
        """
        if not self.is_owned:
            refuse_copy()
        with self._changing_file(timeout):
            if not self.is_open:
                return
            unheard, self._unheard = self._unheard, None
            try:
                self._finish()
                self._close()
            finally:
                self._forget("/")
                self._path, self._swmr = None, False
            if unheard is not None:
                raise unheard

    def settle(self) -> None:
        """Flush a file that is to be closed, while others may go on; closing names losses."""
        if self.is_owned and self.is_open and self.writable and self.queue.failure is None:
            try:
                self.flush()
            except RowsLostError as error:
                self._unheard = error
            except (H5SaverError, OSError):  # closing tries it again, and tells
                pass

    def _finish(self) -> None:
        """Do the work that comes before closing; a file that streams is opened and closed once more."""
        if not self.before_closing or not self.writable or self._swmr or self.queue.failure is not None:
            return
        module, _, name = self.before_closing.partition(":")
        if module.partition(".")[0] != str(__package__).partition(".")[0]:
            raise FileOpenError(f"{self.before_closing} is no work of this package")
        try:
            self.flush()
            getattr(import_module(module), name)(self)
        except Exception as error:
            # whatever it is, the file has to be closed; the error is told
            self.queue.note_problem(f"{self._path}: {error}")

    def abandon(self) -> None:
        """Have nothing more written into the open file: it stays as it was at its last flush."""

    @changing
    def flush(self, timeout: float | None = None) -> None:
        """Put everything written so far on storage.

        Raises
        ------
        NotAnsweringError
            The `timeout` (in s, None: no limit) is over; it is flushed as soon as the disk answers.
        """
        self._flush()

    def flush_soon(self) -> None:
        """Flush; where another process writes the file, without waiting for it."""
        self.flush()

    def checkpoint(self, timeout: float | None = None) -> None:
        """Flush, and return once a server keeps everything; an error says that it does not."""
        self.flush(timeout)
