"""H5SaverLowLevel: files laid out so that the loaders, the browser and PyMoDAQ find their way. No Qt."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any, Self

import numpy as np

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.terms import Durability, OpenMode
from h5saver_widget.errors import FileOpenError
from h5saver_widget.format import codec, naming
from h5saver_widget.format.layout import RAW_GROUP, RAW_TITLE, ROOT_TITLE, SaveType
from h5saver_widget.saving.clock import WallClock
from h5saver_widget.saving.documented import DocumentedCalls
from h5saver_widget.saving.frames import H5Frames
from h5saver_widget.saving.nexus import root_attributes
from h5saver_widget.saving.provenance import provenance
from h5saver_widget.saving.session import Session, close_forgotten
from h5saver_widget.version import __version__

__all__ = ["H5SaverLowLevel"]


class H5SaverLowLevel(DocumentedCalls, H5Frames):
    """Creates files of the common layout, and groups, arrays and log lines in them.

    Parameters
    ----------
    save_type
        What the file is for; stored as ``type`` of ``/RawData``.
    backend
        Name of the backend; None for the configured default.
    isolated
        Have the file in a process of its own: whatever happens to this program, the file is written and closed. Frames
        are handed over and written a little later; :meth:`flush` waits for them.

    Attributes
    ----------
    dynamic
        Number type in which measured data are stored; None keeps each array's own.
    fill_value
        What the points of a scan hold before they are measured.
    flush_seconds
        How old unwritten data may get while frames come in.
    when_full
        What to do with a frame of a continuous recording while more is waiting to be written than memory was set aside
        for: ``'wait'`` until there is room, or ``'drop'`` it and count it.
    frames_saved, bytes_saved
        What was accepted since the file was opened.
    frames_lost
        How many frames could not be written since the file was opened.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with H5SaverLowLevel() as h5saver:
    ...     _ = h5saver.init_file(pathlib.Path(tempfile.mkdtemp()) / 'afile.h5')
    ...     [str(node) for node in h5saver.walk_nodes('/RawData')]
    ["/RawData (GROUP) 'Data from PyMoDAQ modules'", "/RawData/Logger (VLARRAY) ''"]
    """

    def __init__(
        self, save_type: SaveType | str = SaveType.custom, backend: str | None = None, *, isolated: bool = False
    ) -> None:
        super().__init__(backend, isolated=isolated)
        self.save_type = SaveType.of(save_type)
        self._swmr_interval = 1
        self._swmr_ticks = 0
        weakref.finalize(self, close_forgotten, self._sessions)

    # ------------------------------------------------------------------ file
    @classmethod
    def from_file(
        cls,
        path: Path | str,
        save_type: SaveType | str = SaveType.custom,
        new_file: bool = False,
        metadata: Mapping[str, Any] | None = None,
        swmr_mode: bool = False,
        mode: str = "a",
        backend: str | None = None,
    ) -> Self:
        """Return a saver with that file open; see :meth:`init_file`."""
        saver = cls(save_type, backend)
        saver.init_file(Path(path), new_file=new_file, metadata=metadata, mode=mode, swmr=swmr_mode)
        return saver

    def open_file(
        self, path: Path | str, mode: str = "r", *, swmr_mode: bool = False, locking: bool | None = None
    ) -> Any:
        """Open a file as it is: no raw data group is made. See :meth:`H5Backend.open_file` and :meth:`init_file`."""
        with self.io.lock:
            file = super().open_file(path, mode, swmr_mode=swmr_mode, locking=locking)
            self.generation += 1
            session = Session(self.io, RAW_GROUP, (swmr_mode and self.io.writable) or self._read_swmr_compatible())
            self._sessions[:] = [session]
            session.hold_raw()
            return file

    def init_file(
        self,
        file_name: Path | str,
        raw_group_name: str = "RawData",
        new_file: bool = False,
        metadata: Mapping[str, Any] | None = None,
        *,
        mode: str = "a",
        swmr: bool = False,
    ) -> bool:
        """Open a file for saving, made if it is not there. A file that is still open is closed first.

        Parameters
        ----------
        file_name
            Path; folders that are missing are made.
        raw_group_name
            Name of the group that all data go into.
        new_file
            Start a new file even if one exists: that one is renamed to ``name_old1.h5`` first, nothing is overwritten.
        metadata
            Attributes of the raw data group.
        mode
            ``'a'`` to save, ``'r'`` to look only.
        swmr
            Make the file so that others can read it while it is written; without effect on a backend that can't.

        Returns
        -------
        bool
            Whether a file was created.

        Raises
        ------
        FileOpenError
            If the file can't be opened or created.
        """
        path = naming.with_h5_suffix(Path(file_name))
        self.raw(metadata or {})  # what can't be stored is refused before a file is made
        with self.io.lock:
            self.close_file()
            moved = None
            if mode != "r":
                self._make_folder(path.parent)
                if new_file and self.io.exists(path):
                    moved = self.io.move_aside(path)
            swmr = swmr and mode != "r" and self.capabilities.swmr
            created = mode != "r" and not self.io.exists(path)
            access: OpenMode = "r" if mode == "r" else "x" if created else "r+"
            self.io.open(path, access, swmr=swmr)
            self._start(path, raw_group_name, metadata, created, swmr and created, moved)
            return created

    def create_new_file(
        self, candidates: Iterable[Path], metadata: Mapping[str, Any] | None = None, *, swmr: bool = False
    ) -> Path:
        """Create the first file of `candidates` whose name is free, and return its path.

        The name is taken by exclusive creation: of two programs that start in the same second, each gets its own file.

        Raises
        ------
        FileOpenError
            If the folder can't be made or written to.
        """

        def make(path: Path) -> Path:
            self._make_folder(path.parent)
            self.io.open(path, "x", swmr=swmr)
            return path

        swmr = swmr and self.capabilities.swmr
        with self.io.lock:
            self.close_file()
            path = naming.create_exclusive(candidates, make, self._make_folder)
            self._start(path, "RawData", metadata, True, swmr, None)
            return path

    def _make_folder(self, folder: Path) -> None:
        try:
            self.io.make_folder(folder)
        except OSError as error:
            other = "" if self.capabilities.remote else "; choose another base path"
            raise FileOpenError(f"the folder {folder} can't be made: {error}{other}") from error

    def _start(
        self,
        path: Path,
        raw_group_name: str,
        metadata: Mapping[str, Any] | None,
        created: bool,
        swmr: bool,
        moved: Path | None,
    ) -> None:
        """Begin a session on the file that the backend has just opened."""
        self.generation += 1
        self.told.clear()
        self.clock, self.scan_runs = WallClock(), False
        self.frames_saved = self.bytes_saved = self.frames_lost = self._swmr_ticks = self._frames_flushed = 0
        raw_path = f"/{raw_group_name.strip('/')}"
        try:
            self._sessions[:] = [Session(self.io, raw_path, swmr or (not created and self._read_swmr_compatible()))]
            if self.io.writable:
                self._lay_out(path, raw_path, metadata, created, swmr)
            self._session.hold_raw()
        except BaseException:  # the caller is told; a file that he thinks is not open must not stay open
            self._sessions.clear()
            self.io.close()
            raise
        self._last_flush = monotonic()
        self._size_before = path.stat().st_size if path.exists() else 0
        self._notify("opened", path=path, created=created, moved_aside=moved)

    def _lay_out(
        self, path: Path, raw_path: str, metadata: Mapping[str, Any] | None, created: bool, swmr: bool
    ) -> None:
        """Write what every file has: its description, the raw data group, the log."""
        with self._changing_structure():
            if created:
                now = datetime.now().astimezone()
                about: dict[str, Any] = {
                    "CLASS": "GROUP",
                    "TITLE": ROOT_TITLE,
                    "date": now.date().isoformat(),
                    "time": now.time().isoformat(),
                    "file": path.name,
                    "h5saver_widget_version": __version__,
                }
                if swmr:
                    about["swmr_compatible"] = True
                nexus = root_attributes(raw_path.strip("/")) if self.nexus else {}
                known = provenance(self.io, now)
                self.io.set_attributes(self.io.root(), {**self.raw(about), **known, **nexus})
            raw = self.get_set_group("/", raw_path.strip("/"), RAW_TITLE)
            if self.nexus and not created:
                self._session.plots.group_made(raw.path, raw.attrs.get("default"))
            values = {**({} if "type" in raw.attrs else {"type": self.save_type.name}), **(metadata or {})}
            if values:
                self.io.set_attributes(raw.handle, self.raw(values))
            self.get_set_logger(raw)

    def close_file(self) -> None:
        """Bring the file up to date and close it; does nothing when none is open.

        An error while closing is reported by the ``error`` notification; the file counts as closed in any case.
        """
        with self.io.lock:
            path = self.file_path
            if path is None:
                self._sessions.clear()  # the host may have closed the library's own object
                return
            frames, size = self.frames_saved, self.bytes_saved
            self.generation += 1
            try:
                try:
                    if self._sessions:
                        self._sessions[0].counts = self._final_counts()
                finally:
                    if self._sessions:
                        self._sessions[0].close()
                    else:
                        self.io.close()
            except (OSError, RuntimeError, ValueError, KeyError) as error:
                said = str(error) if str(path) in str(error) else f"{path} was not closed properly: {error}"
                self._notify("error", message=said, exception=error)
            finally:
                self._sessions.clear()
            self._notify("closed", path=path, frames=frames, bytes=size)

    def _final_counts(self) -> dict[str, Any]:
        """Return what is noted in the file about the frames that came while it was open."""
        if not self.frames_saved + self.frames_lost:
            return {}
        if self.io.failure is None:
            self.io.flush()
        counted = H5Frames.statistics(self)  # of this file: a recording may have had others before
        return self.raw(
            {
                "frames_received": counted.frames_received,
                "frames_written": counted.frames_written,
                "frames_dropped": counted.frames_dropped,
            }
        )

    def set_backend(self, name: str) -> None:
        """Change the library; an open file is closed properly first."""
        if name != self.backend:
            self._exchange(create_backend(name, isolated=self.isolated))

    @property
    def isolated(self) -> bool:
        """Whether files are opened in a process of their own; when it is changed, an open file is closed first."""
        return super().isolated

    @isolated.setter
    def isolated(self, isolated: bool) -> None:
        if isolated != super().isolated:
            self._exchange(create_backend(self.backend, isolated=isolated))

    def _exchange(self, fresh: Backend) -> None:
        with self.io.lock:
            self.close_file()
            asked = self._io.durability
            self._io = fresh
            if asked is Durability.POWER and fresh.capabilities.journal:
                fresh.durability = asked
            if self._server is not None:
                self.use_server(self._server)

    # ------------------------------------------------------------------ SWMR
    def _read_swmr_compatible(self) -> bool:
        # asked for by its name: where others are damaged, the file can be opened all the same
        found = self.io.get_attributes(self.io.root(), ["swmr_compatible"])
        return bool(codec.decode(found.get("swmr_compatible", False)))

    @property
    def swmr_mode(self) -> bool:
        """Whether the open file was made for SWMR."""
        return self.isopen() and bool(self._sessions) and self._session.swmr

    @property
    def _swmr_mode(self) -> bool:
        """The same under the private name that hosts read."""
        return self.swmr_mode

    @property
    def is_swmr_capable(self) -> bool:
        """Whether the backend can do SWMR."""
        return self.capabilities.swmr

    @property
    def is_swmr_compatible(self) -> bool:
        """Whether the open file was made for SWMR."""
        return self.swmr_mode

    @property
    def is_swmr_active(self) -> bool:
        """Whether the file streams: only appending is possible until it is closed."""
        return self.io.swmr_active

    def enable_swmr(self) -> None:
        """Start streaming: from now on other programs can read the file, and only appending is possible.

        Raises
        ------
        StreamingError
            If the file was not made for SWMR.
        """
        with self.io.lock:
            if not self.io.swmr_active:
                if self.swmr_mode:
                    self.io.set_attributes(self.io.root(), {"swmr_active": np.bool_(True)})
                self._describe_plots()  # while it streams nothing can be described
                self.io.start_swmr()

    def end_streaming(self) -> None:
        """Stop streaming so that groups can be made again: the file is closed and reopened, its readers must too."""
        with self.io.lock:
            if self.io.swmr_active:
                self._session.end_streaming()
                self.generation += 1

    def set_swmr_flush_interval(self, interval: int) -> None:
        """Set after how many steps readers see new data; 0: at the end only."""
        self._swmr_interval = max(0, int(interval))

    def tick_flush(self) -> None:
        """Count a step, and flush when the interval is over."""
        self._swmr_ticks += 1
        if self._swmr_interval and self._swmr_ticks % self._swmr_interval == 0:
            self.flush()
