"""The open file, as it is now, under another name: on every backend, also while it is being written."""

from __future__ import annotations

import secrets
from pathlib import Path

from h5saver_widget.backends.base import Backend
from h5saver_widget.errors import FileOpenError, taken
from h5saver_widget.exporters.run import Exported, export
from h5saver_widget.format.renaming import rename_exclusive
from h5saver_widget.format.superblock import read_superblock
from h5saver_widget.progress import Progress, copy_in_pieces
from h5saver_widget.recovery.lock_owners import is_locked
from h5saver_widget.saving.h5_backend import H5Backend

__all__ = ["copy_file"]


def copy_file(h5: H5Backend, target: Path | str, progress: Progress | None = None) -> Exported:
    """Copy the open file, as it is now, to a path that is free; asked to stop, it leaves nothing behind.

    A file that nobody writes is copied byte by byte. One that is being written (here, by another program, or on a
    server) is copied node by node, while its writer works: copied bytes would be torn between two of its changes, and
    carry the mark of a file that was not closed. Skipped nodes are told in sentences.

    FileNotOpenError if no file is open; FileExistsError if there is a file of that name; WorkStoppedError if it was
    asked to stop.

    >>> import tempfile
    >>> from h5saver_widget import H5SaverLowLevel
    >>> folder = Path(tempfile.mkdtemp())
    >>> with H5SaverLowLevel() as h5saver:
    ...     _ = h5saver.init_file(folder / 'running.h5')
    ...     copy_file(h5saver, folder / 'copy.h5').path.name
    'copy.h5'
    """
    h5.require_open("copy the file")
    path = Path(target)
    source = h5.file_path
    if source is None or _is_changing(h5.io, source):
        return export(h5, path, "h5", progress=progress)
    if path.exists():
        raise taken(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    before = _stamp(source)
    try:
        copy_in_pieces(source, hidden, progress)
        if _stamp(source) != before:
            raise FileOpenError(f"{source} was changed by another program while it was copied; try again")
        rename_exclusive(hidden, path)
    finally:
        hidden.unlink(missing_ok=True)
    return Exported(path, [path], [])


def _is_changing(io: Backend, source: Path) -> bool:
    if io.writable or io.capabilities.remote:
        return True
    block = read_superblock(source)
    return block is None or block.is_writing or is_locked(source)


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size
