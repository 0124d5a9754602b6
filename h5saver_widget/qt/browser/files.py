"""A file that is open in the browser: its view, and the thread in which it is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pyqtgraph.Qt import QtCore

from h5saver_widget.browsing.file_view import FileView
from h5saver_widget.browsing.opening import Readers
from h5saver_widget.errors import FileNotOpenError
from h5saver_widget.qt.browser.worker import Worker
from h5saver_widget.saving.h5_backend import H5Backend

__all__ = ["FILTER", "OpenFile", "path_of"]

FILTER: Final = "HDF5 files (*.h5 *.hdf5 *.hdf *.nxs *.nx5 *.nc);;All files (*)"
"""What a dialog offers."""


class OpenFile(QtCore.QObject):
    """One file of the browser: a path, or the open file of a saver.

    ``view`` is read by the thread of ``worker``, and never called in the GUI thread, but for `path`. ``problem`` says
    why the file can't be read, ``''`` if it can.
    """

    def __init__(
        self, source: Path | str | H5Backend, backend: str | None = None, *, readers: Readers | None = None
    ) -> None:
        super().__init__()
        self.view = FileView(source, backend, readers=readers)
        self.name = self.view.path.name if self.view.path is not None else "closed file"
        self.worker = Worker(self.name)
        self.problem = ""
        self.note = ""

    @property
    def path(self) -> Path | None:
        """Path of the file, None if a saver has had none yet."""
        return self.view.path

    def was_closed_by_saver(self, error: Exception) -> bool:
        """Tell whether a call failed because the saver has closed the file meanwhile: the next one reads it here."""
        return isinstance(error, FileNotOpenError) and not self.view.is_own and self.path is not None

    def close(self) -> None:
        """Stop reading, and close the file if it was opened here; that of a saver stays open, nobody waits for it."""
        self.worker.stop(self.view.close, 2.0 if self.view.is_own else 0.0)


def path_of(h5file: Any) -> Path:
    """Return a path, or the path of a library's open file, which is flushed so that all of its data are seen."""
    if isinstance(h5file, (str, Path)):
        return Path(h5file)
    name = getattr(h5file, "filename", None)
    if not isinstance(name, (str, Path)):
        raise TypeError(f"a path or an open HDF5 file was expected, got {type(h5file).__name__}")
    flush: Callable[[], None] | None = getattr(h5file, "flush", None)
    if callable(flush):
        flush()
    return Path(name)
