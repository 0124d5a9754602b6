"""Recorder: records into a file from a script. No Qt, and no settings but those that are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from h5saver_widget.format.layout import SaveType, SaveTypeName
from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["Recorder"]


class Recorder(H5SaverBase):
    """Records frames into a file, in a ``with`` block or between :meth:`start` and :meth:`stop`.

    Parameters
    ----------
    path
        The file; one that is there is renamed to ``name_old1.h5`` first. None: named by date and time in the folder of
        the settings.
    backend
        Name of the backend; None for the configured default.
    save_type
        The purpose of the files.

    Raises
    ------
    FileOpenError, OSError
        By ``with`` and :meth:`start`, if the file can't be made.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np
    >>> path = pathlib.Path(tempfile.mkdtemp()) / 'run.h5'
    >>> time = np.linspace(0.0, 1e-3, 500)
    >>> with Recorder(path) as recorder:
    ...     recorder.record('scope', {'ch1': np.sin(time), 'ch2': np.cos(time)}, units='V', axes={'time': (time, 's')})
    True
    """

    def __init__(
        self,
        path: Path | str | None = None,
        backend: str | None = None,
        *,
        save_type: SaveType | SaveTypeName = "detector",
    ) -> None:
        super().__init__(save_type, backend)
        self._path = None if path is None else Path(path)

    def start(self, path: Path | str | None = None, wait: bool | float = True, **options: Any) -> None:
        """Start recording, into the file of the constructor if no other is named; see `H5SaverBase`."""
        if path is None and not self.isopen():
            path, self._path = self._path, None
        super().start(path, wait, **options)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()
