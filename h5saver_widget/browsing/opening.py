"""Open a file for reading in any state: written by another program, locked, of another library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from h5saver_widget.backends.registry import available_backends, backend_capabilities, default_backend
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.errors import (
    FileOpenError,
    MissingLibraryError,
    NodeError,
    ReadingStuckError,
    SavingProcessError,
    UnknownBackendError,
)
from h5saver_widget.format.superblock import read_superblock
from h5saver_widget.saving.h5_backend import H5Backend
from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = ["Opened", "Readers", "how_it_ended", "open_to_look", "why_not"]

#: A file of HDF5 with nothing in it is smaller.
_EMPTY_BYTES = 16_384
#: How long one question to a file may take, where it is read in a worker process.
_READING_SECONDS = 30.0

_STUCK = "HDF5 came to no end while it read the file, so the process that read it was ended."
_CRASHED = "The process that read the file has ended: the library crashed, or the process was ended."

_STREAMS = "Read while it is written (SWMR). If its writer has ended, `h5saver repair FILE` makes a clean copy."
_HOLLOW = "Nothing is found in this file although it is not empty: it may be damaged."


class Opened(NamedTuple):
    """A file that is open for reading, and a notice about the way it was opened, ``''`` if nothing is unusual."""

    h5: H5Backend
    note: str


class Readers:
    """Backends for reading; one may be made ahead of time: starting its process takes longer than opening most files.

    A process has one file in its life, so that nothing that a damaged one did to the library harms another. Files are
    tried with `backend` first, None for the default; a `server` of None is the one that the environment names.
    """

    def __init__(
        self,
        backend: str | None = None,
        *,
        isolated: bool = False,
        server: RemoteOptions | Mapping[str, Any] | None = None,
    ) -> None:
        self._backend = backend
        self._isolated = isolated
        self._server = server
        self._ready: list[H5Backend] = []  # one at most; windows prepare it, their threads take it

    def _new(self, backend: str) -> H5Backend:
        reader = H5SaverLowLevel(backend=backend, isolated=self._isolated)
        if not reader.capabilities.remote:  # there, how long to wait is an option, and a slow answer is no damage
            reader.io.reading_seconds = _READING_SECONDS
        if self._server is not None:
            reader.use_server(self._server)
        return reader

    def prepare(self) -> None:
        """Start a process for the next file, if none is ready, without waiting for it."""
        if self._isolated and not self._ready:
            # what is wrong is said when a file is opened
            with suppress(MissingLibraryError, UnknownBackendError, SavingProcessError):
                reader = self._new(self._backend or default_backend())
                reader.io.prepare()
                self._ready.append(reader)

    def take(self, backend: str) -> H5Backend:
        """Return a reader with a backend: the prepared one, if it has that backend."""
        with suppress(IndexError):
            ready = self._ready.pop()
            if ready.backend == backend:
                return ready
            self._ready.append(ready)
        return self._new(backend)

    def close(self) -> None:
        """End a prepared reader that was not used."""
        self._ready.clear()


def open_to_look(
    path: Path,
    backend: str | None = None,
    *,
    isolated: bool = False,
    readers: Readers | None = None,
    reader: H5Backend | None = None,
) -> Opened:
    """Open a file for reading.

    Tried in this order: as it is; as a reader of a streaming file (SWMR), if it is one; without the lock of another
    program; and then the same with the other libraries. A `backend` of None is the default.

    An `isolated` file is read in a worker process: one that crashes the library harms nobody, and this program may open
    the same file to write. A `reader` had this file open before: it opens the file again if its backend is the one that
    is tried.

    FileNotFoundError or FileOpenError if nothing opens it; the error is that of the first attempt.

    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / 'look.h5'
    >>> with H5SaverLowLevel() as h5saver:
    ...     _ = h5saver.init_file(path)
    >>> opened = open_to_look(path)
    >>> opened.h5.filename, opened.note
    ('look.h5', '')
    >>> opened.h5.close_file()
    """
    wanted = backend or default_backend()
    readers = readers or Readers(isolated=isolated)
    first: Exception | None = None
    for name in _to_be_tried(wanted):
        ways: list[tuple[dict[str, bool], str]] = [({}, "")]
        try:
            if backend_capabilities(name).swmr and _is_streaming(path):
                ways.append(({"swmr_mode": True}, _STREAMS))
        except MissingLibraryError as error:
            first = first or error
            continue
        ways.append(({"locking": False}, "Another program has this file open: data appear after its next flush."))
        tried = reader if reader is not None and reader.backend == name else readers.take(name)
        for options, note in ways:
            try:
                tried.open_file(path, "r", swmr_mode=options.get("swmr_mode", False), locking=options.get("locking"))
            except (FileNotFoundError, ReadingStuckError):  # other libraries have the same HDF5 inside
                raise
            except (FileOpenError, OSError, RuntimeError, ValueError, KeyError) as error:
                tried.close_file()
                first = first or error
                continue
            hollow = _is_hollow(tried, path)
            if hollow and first is not None:  # a library that is blind to damage is no help
                tried.close_file()
                continue
            if not options and tried.isolated:
                _let_others_write(tried, path)
            note = f"{note} {_HOLLOW}".strip() if hollow else note
            if tried.reading_note:
                return Opened(tried, f"{note} {tried.reading_note}".strip())
            return Opened(tried, note if name == wanted else f"{note} Read with {name}.".strip())
    assert first is not None
    raise first


def _to_be_tried(wanted: str) -> Iterator[str]:
    """Iterate over backends; a path on a server is none on the local disk, nor the other way round."""
    yield wanted
    yield from (name for name in available_backends() if name != wanted and _is_remote(name) == _is_remote(wanted))


def _is_streaming(path: Path) -> bool:
    """Tell whether a program streams into a file: a reader of such a file waits half a minute at a damaged block."""
    try:
        block = read_superblock(path)
    except OSError:
        return False  # said when it is opened
    return block is not None and block.is_streaming


def _is_hollow(reader: H5Backend, path: Path) -> bool:
    """Tell whether a file is too large for the nothing in it: PyTables lists a damaged group as an empty one."""
    if reader.capabilities.remote or path.stat().st_size < _EMPTY_BYTES:
        return False
    try:
        return not reader.io.children(reader.io.root())
    except (NodeError, OSError, RuntimeError):
        return False  # said when it is listed


def _is_remote(backend: str) -> bool:
    try:
        return backend_capabilities(backend).remote
    except MissingLibraryError:
        return False


def _let_others_write(reader: H5Backend, path: Path) -> None:
    """Open a file again without its lock.

    That it could be opened with the lock has shown that nobody is writing it; to keep the lock would refuse the file to
    a program that wants to add to it. Only for a file in a worker process: HDF5 refuses to open a file twice in one
    process, once with its lock and once without.
    """
    reader.close_file()
    try:
        reader.open_file(path, "r", locking=False)
    except (FileOpenError, OSError, RuntimeError, ValueError):
        reader.open_file(path, "r")


def how_it_ended(error: SavingProcessError) -> str:
    """Return how the process that read a file ended, for people; the next attempt has another one."""
    return _STUCK if isinstance(error, ReadingStuckError) else _CRASHED


def why_not(path: Path, error: Exception) -> str:
    """Return why a file can't be opened, for people; the words of the library come last.

    >>> why_not(Path('a.h5'), FileOpenError('... file signature not found')).splitlines()[0]
    'It is not an HDF5 file, or its beginning is lost.'
    """
    said = str(error) or type(error).__name__
    if isinstance(error, FileNotFoundError):
        return "There is no such file: it was moved, renamed or deleted."
    if isinstance(error, PermissionError) or "Permission denied" in said:
        return "You are not allowed to read it."
    if isinstance(error, SavingProcessError):
        suspicion = "The file is damaged, or was made to do harm; nothing else is affected."
        return f"{how_it_ended(error)} {suspicion}\n\n{_ADVICE}"
    for sign, reason in _REASONS.items():
        if sign in said:
            advice = f"\n\n{_ADVICE}" if sign in _DAMAGED else ""
            return f"{reason}{advice}\n\n{said}"
    return said


_REASONS = {
    "truncated file": "It is shorter than it says it is: it was cut off, or it is still being copied.",
    "signature not found": "It is not an HDF5 file, or its beginning is lost.",
    "it is empty": "It is empty: nothing was ever written into it.",
    "already open for write": "It was not closed by the program that wrote it, or is being written now.",
    "unable to lock": "Another program is writing it and has locked it.",
    "Unable to ": "It can't be made sense of: it may be damaged.",
}

_DAMAGED = ("truncated file", "already open for write", "Unable to ")
_ADVICE = "`h5saver check FILE` tells more, `h5saver repair FILE` copies all readable data into a new file."
