"""The places where files are kept: a folder of a disk, or of a server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.backends.terms import OpenMode
from h5saver_widget.errors import DataMismatchError, FileOpenError, taken
from h5saver_widget.format.naming import natural_key
from h5saver_widget.format.renaming import move_aside, rename_exclusive

__all__ = ["Location"]


class Location:
    """Files of a disk; another place overrides the methods."""

    #: The server that was chosen; None if none was, or files are on a disk.
    server: RemoteOptions | None = None

    def absolute(self, path: Path) -> Path:
        """Return a path that a change of the current folder does not change."""
        return path.absolute()

    def check(self, path: Path, mode: OpenMode) -> None:
        """Refuse a path that can't be opened in this mode.

        FileExistsError, FileNotFoundError or FileOpenError, with the path, and the mode or name to use instead.
        """
        if mode == "x" and path.exists():
            raise taken(path)
        if path.exists() and not path.is_file():
            kind = "a folder" if path.is_dir() else "a pipe or a device"
            raise FileOpenError(f"{path} could not be opened: it is {kind}, not a file; check the path")
        if mode != "x" and not path.is_file():
            raise FileNotFoundError(f"{path} is not a file; check the path, or create it with mode 'x'")
        if mode != "x" and path.stat().st_size == 0:
            # HDF5 would make a file of it in mode r+
            raise FileOpenError(f"{path} could not be opened: it is empty, not an HDF5 file")

    def exists(self, path: Path) -> bool:
        """Tell whether there is a file or folder at a path."""
        return path.exists()

    def make_folder(self, folder: Path) -> None:
        """Make a folder and those above it, where they are missing; OSError if that can't be done."""
        folder.mkdir(parents=True, exist_ok=True)

    def move_aside(self, path: Path) -> Path:
        """Rename a file to its first free backup name (``name_old1.h5``), never over another; return the new path."""
        return move_aside(path)

    def rename(self, path: Path, target: Path) -> bool:
        """Rename a file, never over another one; return whether the name was free."""
        try:
            rename_exclusive(path, target)
        except FileExistsError:
            return False
        return True

    def remove(self, path: Path, keeps_nodes: bool = False) -> None:
        """Delete a file; where one of its nodes has another name, `keeps_nodes` deletes its name alone."""
        path.unlink()

    def list_folder(self, folder: Path) -> list[str]:
        """Return the names of files and folders in a folder, in natural order; none if there is no such folder."""
        return sorted((entry.name for entry in folder.iterdir()), key=natural_key) if folder.is_dir() else []

    def use_server(self, options: RemoteOptions | Mapping[str, Any]) -> None:
        """Choose the server and the user for files opened from now on; DataMismatchError for files on a disk."""
        raise DataMismatchError("files of this backend are on a disk; choose a backend whose files are on a server")

    def connection_in_words(self, folder: Path | None = None) -> str:
        """Try to reach the server, and describe the result in a sentence; never raises."""
        return "Files of this backend are on a disk: there is no server to connect to."
