"""H5SaverLowLevel: files laid out so that the loaders, the browser and PyMoDAQ find their way. No Qt.

This class lists the calls; their bodies are functions in a module per subject (groups, arrays and log, frames,
streaming, shared files). See docs/decisions/022-a-recorder-of-parts.md.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Literal, Self

import numpy as np

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.terms import Durability, Handle
from h5saver_widget.errors import FileNotOpenError
from h5saver_widget.format.layout import RAW_GROUP, SaveType
from h5saver_widget.nodes.typed import GROUP
from h5saver_widget.saving import content, documented, files, frames, groups, shared_files, streaming
from h5saver_widget.saving.clock import Clocks, WallClock, both_clocks
from h5saver_widget.saving.group_cache import GroupCache
from h5saver_widget.saving.h5_backend import H5Backend
from h5saver_widget.saving.session import Session, close_forgotten
from h5saver_widget.saving.shared_files import FileProxy
from h5saver_widget.saving.statistics import Statistics
from h5saver_widget.saving.steps import FrameStep, Step

__all__ = ["H5SaverLowLevel"]

#: A flush that takes longer, in s, is not repeated before as much time has passed.
_LONG_FLUSH = 0.2


class H5SaverLowLevel(H5Backend):
    """Creates files of the common layout, and groups, arrays and log lines in them.

    Parameters
    ----------
    save_type
        The purpose of the file; stored as ``type`` of ``/RawData``.
    backend
        Name of the backend; None for the configured default.
    isolated
        Open the file in a worker process, which writes and closes it even if this program crashes. Frames are written a
        little later; :meth:`flush` waits for them.

    Attributes
    ----------
    dynamic
        Number type in which measured data are stored; None keeps each array's own.
    fill_value
        The value of a scan's points before they are measured.
    flush_seconds
        How old unwritten data may get while frames come in.
    when_full
        The treatment of a frame of a continuous recording while the queue is full: ``'wait'`` until there is room, or
        ``'drop'`` it and count it.
    convert_units
        Whether data in other units than before are converted, where only a power of ten is between them (mV, V) and no
        digit is lost. Without it, they go on in another array.
    nexus
        Whether groups get the attributes by which NeXus readers (silx, NeXpy, h5web) plot the file.
    nexus_entry
        The NeXus entry of new files, for validators and archives: ``'always'`` (``/_i_entry``, which PyTables hides),
        ``'plain'`` (``/entry``; PyMoDAQ on PyTables can't look through such a file) or ``'never'``.
    frames_saved, bytes_saved
        Counts since the file was opened.
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

    init_file, create_new_file = files.init_file, files.create_new_file

    path_of, handle_of, get_node = groups.path_of, groups.handle_of, groups.get_node
    create_group, get_set_group = groups.create_group, groups.get_set_group
    remove_node, copy_node = groups.remove_node, groups.copy_node
    add_group, add_generic_group = groups.add_group, groups.add_generic_group
    add_incremental_group = groups.add_incremental_group
    add_det_group, add_act_group = groups.add_det_group, groups.add_act_group
    add_scan_group, add_ch_group, add_data_group = groups.add_scan_group, groups.add_ch_group, groups.add_data_group
    get_groups, find_group, get_last_group = groups.get_groups, groups.find_group, groups.get_last_group
    get_node_from_attribute_match = groups.get_node_from_attribute_match
    get_node_from_title = groups.get_node_from_title
    get_scan_groups, get_last_scan, get_scan_index = groups.get_scan_groups, groups.get_last_scan, groups.get_scan_index

    _array_made, add_string_array = content.array_made, content.add_string_array
    add_array, add_log, get_set_logger = content.add_array, content.add_log, content.get_set_logger
    add_CH_group, add_data = documented.add_CH_group, documented.add_data

    frame_saved, frame_lost = frames.frame_saved, frames.frame_lost
    leaves_out_frame, flush_if_due, statistics = frames.leaves_out_frame, frames.flush_if_due, frames.statistics
    frames_lost, frames_refused = property(frames.frames_lost), property(frames.frames_refused)
    final_counts, _close_now = files.final_counts, files.close_now

    enable_swmr, end_streaming = streaming.enable_swmr, streaming.end_streaming
    set_swmr_flush_interval, tick_flush = streaming.set_swmr_flush_interval, streaming.tick_flush
    is_swmr_capable = property(streaming.is_swmr_capable)
    is_swmr_active = property(streaming.is_swmr_active)
    #: The same under three names that hosts use.
    swmr_mode = is_swmr_compatible = _swmr_mode = property(streaming.swmr_mode)

    #: The library's own file object, or its proxy; None when closed. Assign one to work on that file.
    h5file = h5_file = property(shared_files.library_file, shared_files.work_on)

    def __init__(
        self, save_type: SaveType | str = SaveType.custom, backend: str | None = None, *, isolated: bool = False
    ) -> None:
        super().__init__(backend, isolated=isolated)
        self.save_type = SaveType.of(save_type)
        self.dynamic: np.dtype[Any] | None = None
        self.fill_value: float = np.nan
        self.nexus, self.convert_units = True, False
        self.nexus_entry: Literal["always", "plain", "never"] = "always"
        self.flush_seconds = 1.0
        self.when_full: Literal["wait", "drop"] = "wait"
        self.frames_saved = self.bytes_saved = self._frames_refused = 0
        #: Counts files: owners of handles compare it before using them.
        self.generation = 0
        #: Notices about the open file, so that each is given once.
        self.told: set[str] = set()
        #: Reads the wall clock and one that nobody sets; another one may be faster.
        self.clocks: Clocks = both_clocks
        #: The wall clock, watched while the file is open.
        self.clock = WallClock(self.clocks)
        #: Whether a scan has begun of which points are still to come.
        self.scan_runs = False
        #: The session of the open file; None when none of ours is open.
        self.session: Session | None = None
        self._counting_session: Session | None = None  # the same, also when the file is closed
        self._forgotten: list[Session] = []  # the same, for a finalizer that must not know the saver
        self._own: Backend | None = None  # its own backend, while it works on the file of another saver
        self._borrowers: weakref.WeakSet[H5SaverLowLevel] = weakref.WeakSet()  # those that work on the file of this one
        #: What was counted in the last file, and lost by then, if another backend has come since.
        self._kept: tuple[Statistics, int] | None = None
        self._depth, self._structure_changed = 0, False
        self._counting, self._last_reason, self._last_told = threading.Lock(), "", 0.0
        self._flushed_at, self._frames_flushed, self._size_before = 0.0, 0, 0
        self._swmr_interval, self._swmr_ticks = 1, 0
        self._flush_took = 0.0
        #: Whether module savers are to tell which module has saved a frame.
        self.wants_sources = False
        self._begun: Any = None  # an opening or closing that was begun in the background, by a saver that does that
        weakref.finalize(self, close_forgotten, self._forgotten)
        shared_files.known_savers.add(self)

    # ------------------------------------------------------------------ steps
    def saving(self) -> Step:
        """Make everything in the block one step for other threads; new nodes are on disk when it ends."""
        return Step(self)

    def saving_frame(self, name: str) -> FrameStep:
        """Save one frame in the block: one step for other threads, counted as lost if it raises; `name` its source."""
        return FrameStep(self, name)

    def _changing_structure(self) -> Step:
        return Step(self, True)

    def _arrive(self) -> None:
        """Wait for a file that is being opened in the background."""

    def _step_begins(self) -> None:
        """Get ready for a step; FileNotOpenError when no file is open."""
        self.require_open("save")

    def _step_ended(self) -> None:
        """Run the calls that waited for the end of a step; the file is not locked any more."""

    def flush(self) -> None:
        """Hand everything written so far to the operating system; does nothing when no file is open."""
        before, began = self.frames_saved, monotonic()
        self._complete_structure(0.0)
        super().flush()
        self._flushed(before)
        self._flush_took = monotonic() - began

    def flushes_too_often(self) -> bool:
        """Tell whether flushes would take more than half of the time with one now, as with thousands of arrays."""
        return self._flush_took > _LONG_FLUSH and monotonic() - self._flushed_at < self._flush_took

    def _flush_soon(self) -> None:
        """Flush, without waiting for it where another process does it."""
        before = self.frames_saved
        self._complete_structure(self.flush_seconds)
        self.io.flush_soon()
        self._flushed(before)

    @property
    def is_undescribed(self) -> bool:
        """Whether there are new arrays that readers of NeXus do not know of yet."""
        session = self.session
        return self._structure_changed or (session is not None and session.entry.waits)

    def _complete_structure(self, patience: float) -> None:
        """Describe new arrays to readers of NeXus; parameter as of :meth:`describe_plots`."""
        if self.is_undescribed or not patience:
            with self.io.lock:
                self._structure_changed = False
                if self.is_ready and self.io.writable:
                    self.describe_plots(patience)

    def _flushed(self, frames: int) -> None:
        """Count frames as written, unless they wait for a server."""
        self._flushed_at = monotonic()
        if not self.capabilities.remote or self.io.queue.activity().is_safe:
            self._frames_flushed = frames

    def scan_begun(self) -> None:
        """Be told by a module saver that a scan has begun: a new file has to wait for its end."""
        self.scan_runs = True

    def scan_ended(self) -> None:
        """Be told by a module saver that all points of a scan were saved."""
        self.scan_runs = False

    def source_saved(self, title: str) -> None:
        """Be told by a module saver that a frame of this module was saved."""

    def _notify(self, command: str, **args: Any) -> None:
        """Be told of a change of state, possibly in a worker thread; see the module's users for the commands."""

    # ---------------------------------------------------------------- session
    def require_session(self) -> Session:
        """Return the session of the open file; FileNotOpenError if none is open."""
        if self.session is None:
            raise FileNotOpenError("no file is open")
        return self.session

    def frame_format(self) -> tuple[np.dtype[Any] | None, bool]:
        """Return `dynamic` and `convert_units`, as every frame needs them."""
        return self.dynamic, self.convert_units

    @property
    def is_ready(self) -> bool:
        """Whether a file is open and takes frames. Never waits.

        A file that was only opened (to look whether it fits, or to be laid out next) has no session yet, one that is
        being closed has none any more.
        """
        return self.session is not None and self.io.is_open

    def isopen(self) -> bool:
        """Tell whether a file is open; never waits."""
        return self.is_ready

    def _begin_session(self, session: Session | None) -> None:
        self.session = session
        self._counting_session = session or self._counting_session
        self._forgotten[:] = [] if session is None else [session]
        for borrower in list(self._borrowers):
            if borrower.io is self.io and borrower.is_borrowing:
                borrower.session = session
                borrower.generation += 1

    @property
    def group_cache(self) -> GroupCache:
        """The cache of recently used groups; new nodes get their names from it without a look at the file."""
        return (self.session or self.require_session()).group_cache

    def has_grown(self, path: str, handle: Handle) -> None:
        """Remember a growing array: its ``shape`` attribute is brought up to date when the file is closed."""
        self.require_session().growing[path] = handle

    def describe_plots(self, patience: float = 0.0) -> None:
        """Write the NeXus attributes of new arrays; while the file streams this is impossible.

        The entry shows them at once, or `patience` seconds after it has shown others.
        """
        if self.session is not None and not self.io.swmr_active:
            self.session.plots.write(self.io, self._group_handle)
            self.session.entry.write_soon(patience)

    def _group_handle(self, path: str) -> Handle:
        known = self.group_cache.get(path)
        return self.io.node(path) if known is None else known.group.handle

    @property
    def raw_group(self) -> GROUP | str:
        """The group that all data go into; its path while no file is open."""
        session = self.session
        if session is None or not self.is_ready:
            return RAW_GROUP
        return self.get_group(session.raw_path) if session.raw is None else GROUP(self.io, session.raw)

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
        self,
        path: Path | str,
        mode: str = "r",
        *,
        swmr_mode: bool = False,
        locking: bool | None = None,
        allow: Path | str | Sequence[Path | str] = (),
    ) -> FileProxy:
        """Open a file as it is, no raw data group is made; one that is open is closed first. See `H5Backend`."""
        with self.io.lock:
            self._close_now()
            streams = swmr_mode and self.capabilities.swmr
            opened = super().open_file(path, mode, swmr_mode=streams, locking=locking, allow=allow)
            self.generation += 1
            swmr = (swmr_mode and self.io.writable) or streaming.read_swmr_compatible(self)
            self._begin_session(Session(self.io, RAW_GROUP, swmr))
            self.require_session().hold_raw()
            return opened

    def close_file(self) -> None:
        """Bring the file up to date and close it; does nothing when none is open.

        A file that belongs to another saver (see `h5file`) stays open there.

        Raises
        ------
        OSError, RuntimeError, ValueError, KeyError
            If it could not be closed properly; it counts as closed all the same.
        """
        self._close_now()

    def borrow(self, lender: H5SaverLowLevel) -> None:
        """Work on the file that another saver has open, until this one is closed."""
        self._own, self.io, self.session = self.io, lender.io, lender.session
        self.generation += 1
        lender._borrowers.add(self)

    @property
    def is_borrowing(self) -> bool:
        """Whether the open file is that of another saver."""
        return self._own is not None

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
            self._close_now()
            asked = self.io.durability.level
            self._kept = (frames.statistics(self), self._frames_refused)
            self.io = fresh
            if asked is Durability.POWER and fresh.capabilities.journal:
                fresh.durability.level = asked
            if self._server is not None:
                self.use_server(self._server)
