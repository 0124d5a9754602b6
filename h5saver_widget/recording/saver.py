"""H5SaverBase: everything needed for recording into files as settings say, without a window. No Qt.

It is a file (:class:`~h5saver_widget.saving.low_level.H5SaverLowLevel`) that has settings, a
:class:`~h5saver_widget.recording.watcher.Watcher`, a policy for names, and a worker for tasks that may wait for a disk.
The calls with PyMoDAQ's names (``init_file`` with ``update_h5``) forward to three plain ones: :meth:`new_file`,
:meth:`open_existing` and :meth:`start_file_at`. The choice of a file is made in
:mod:`h5saver_widget.recording.opening`.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Any, Final

from h5saver_widget.backends.own_process import why_not
from h5saver_widget.backends.registry import default_backend
from h5saver_widget.backends.terms import Durability
from h5saver_widget.copies.courier import Copies
from h5saver_widget.format.layout import SaveType, SaveTypeName
from h5saver_widget.nodes.typed import GROUP
from h5saver_widget.recording import (
    arriving,
    before,
    copied_files,
    destinations,
    file_events,
    format_settings,
    looking,
    markers,
    opening,
    pausing,
    sealed_files,
    simple,
    switching,
    unattended,
)
from h5saver_widget.recording.alarms import Alarms
from h5saver_widget.recording.background import Background
from h5saver_widget.recording.before import KeptBefore
from h5saver_widget.recording.describing import Describing
from h5saver_widget.recording.instruments import Instruments
from h5saver_widget.recording.intake import Intake
from h5saver_widget.recording.notes import Note, check_notes, note_attributes, notes_text, read_notes
from h5saver_widget.recording.reactions import Reactions
from h5saver_widget.recording.settings import SETTINGS, Settings
from h5saver_widget.recording.settings_store import SettingsLike, SettingsStore
from h5saver_widget.recording.status import RecorderStatus
from h5saver_widget.recording.timing import Timing
from h5saver_widget.recording.watcher import Watcher
from h5saver_widget.recording.worker import FileWorker, Task
from h5saver_widget.remote.mirror import MirrorStatus
from h5saver_widget.saving import frames, groups
from h5saver_widget.saving.groups import type_name
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.statistics import Statistics

__all__ = ["H5SaverBase"]

logger = logging.getLogger(__name__)

#: Settings that say how one saver is, not how its files are to be.
_OWN_SETTINGS: Final = frozenset(
    ("do_save", "current_h5_file", "current_scan_name", "current_scan_path", "connection", "keep_before", "trigger")
)


class H5SaverBase(H5SaverLowLevel):
    """A recorder without a window: its files follow its settings.

    Parameters
    ----------
    save_type
        The purpose of the files; decides how they are named.
    backend
        Name of the backend; None for the configured default.

    Attributes
    ----------
    store
        The settings; :class:`~h5saver_widget.recording.settings_store.SettingsStore`.
    settings
        The same as programs read and write them: ``saver.settings['base_name'] = 'Laser'``.
    watcher
        Watches the file.
    h5_file_path, h5_file_name
        Folder and name of the current file, None before there is one.
    current_scan_name
        Name of the scan that comes next.

    Examples
    --------
    >>> import tempfile
    >>> saver = H5SaverBase('detector')
    >>> saver.settings['base_path'] = tempfile.mkdtemp()
    >>> saver.settings['recording', 'stop_after_frames'] = 100
    >>> saver.start()
    >>> saver.file_path.name.startswith('Data_'), saver.status().state.value
    (True, 'open')
    >>> saver.stop()
    """

    def __init__(self, save_type: SaveType | SaveTypeName = SaveType.scan, backend: str | None = None) -> None:
        kind = SaveType.of(save_type)
        self.store = SettingsStore(Settings(save_type=kind.name, backend_type=backend or default_backend()))
        self.settings: SettingsLike = self.store
        self._in_step, self._step_thread = self.store.current, 0
        super().__init__(kind, self.store.current.library, isolated=True)
        self.watcher = Watcher(self)
        self.h5_file_path: Path | None = None
        self.h5_file_name: str | None = None
        self.current_scan_name = ""
        self.current_scan_group: GROUP | None = None
        self.file_loaded = False
        self._told: tuple[int, str] = (0, "")
        #: Returns the call that pauses the program of a scan; None if there is none.
        self.pauses_scan: Callable[[], Callable[[bool], None] | None] = lambda: None
        self.drains: list[weakref.WeakMethod[Callable[[], None]]] = []
        # The settings that the current file was made from, while it is pristine; see is_pristine().
        self.made_from: tuple[Any, ...] | None = None
        self.chosen: Path | None = None
        #: The file that a host has made by itself, and what from: *Do Save* goes on in it.
        self.made_by_host: tuple[int, tuple[Any, ...]] | None = None
        #: The time that the next new file is named by, because it was promised on screen.
        self.promised: datetime | None = None
        #: The path that the next new file is to have, because a program has asked for it.
        self.asked_path: Path | None = None
        #: Holds the last seconds while nothing is recorded; None if the settings don't want it.
        self.kept_before: KeptBefore | None = None
        #: So many frames of the open file were held before it was opened.
        self.frames_held = 0
        self.intake = Intake(self)
        #: Numbers and clocks of the frames, and what is missing of them.
        self.timing = Timing(self)
        #: What somebody should know at once.
        self.alarms: Alarms = Alarms(self)
        #: The modules whose state is kept with every scan.
        self.instruments = Instruments()
        #: The fields of the template, and what is written in them.
        self.describing = Describing(self)
        self.background = Background(self._did_not_work, self._begun_changed, self.intake.gate, self.intake.let_in)
        #: Held while *Do Save* decides; the latest task.
        self.may_switch = threading.RLock()
        self.switched: Task | None = None
        self._sibling: H5SaverBase | None = None
        #: Seals the parts of a recording that goes on.
        self.sealer = FileWorker()
        #: Copies the files into other folders.
        self.copies = Copies()
        self.watcher.follow(self.store.current)
        self.reactions = Reactions(self)

    new_file, start_file_at, open_existing = opening.new_file, opening.start_file_at, opening.open_existing
    init_file = opening.init_file  # type: ignore[assignment]  # the call that hosts know
    load_file, next_part = opening.load_file, opening.next_part
    is_pristine, save_file, save_file_as = opening.is_pristine, opening.save_file, opening.save_file_as
    open_file_dialog_result = opening.open_file_dialog_result

    base_folder, path_provider = destinations.base_folder, destinations.path_provider
    next_file_name, next_file_finder = destinations.next_file_name, destinations.next_file_finder
    recipe, server_folder = destinations.recipe, destinations.server_folder
    server_options, server_asker = destinations.server_options, destinations.server_asker
    test_connection, connection_test = destinations.test_connection, destinations.connection_test

    dynamic = property(format_settings.dynamic, format_settings.set_dynamic)
    fill_value = property(format_settings.fill_value, format_settings.set_fill_value)
    compression = property(format_settings.compression, format_settings.set_compression)
    frame_format = format_settings.frame_format
    nexus, convert_units = format_settings.followed("nexus"), format_settings.followed("convert_units")
    nexus_entry = format_settings.followed("nexus_entry")

    is_paused = property(pausing.is_paused)
    pause, resume, let_pause = pausing.pause, pausing.resume, pausing.let_pause
    scan_ended, leaves_out_frame = pausing.scan_ended, pausing.leaves_out_frame

    isopen, pending, wait, _arrive = arriving.isopen, arriving.pending, arriving.wait, arriving.arrive
    require_open, raw_group = arriving.require_open, property(arriving.raw_group)
    root, get_node = arriving.root, arriving.get_node

    flush, _flush_soon, _flush_now_and_then = looking.flush, looking.flush_soon, looking.flush_now_and_then
    close_file, _close_now = looking.close_file, looking.close_now
    _begin_looking, look_after = looking.begin_looking, looking.look_after

    add_comment, add_marker = markers.add_comment, markers.add_marker

    record, sink, sink_before = simple.record, simple.sink, simple.sink_before
    snapshot, scan = simple.snapshot, simple.scan
    lost, gaps = simple.lost, simple.gaps

    start, stop, trigger = switching.start, switching.stop, before.trigger
    do_save_changed, do_save_switched = switching.do_save_changed, switching.do_save_switched
    before_closing = switching.before_closing
    #: Whether a program that changes *Do Save* waits until the file is open, or closed.
    waits_for_switch = True
    pick, ask_later, open_looked_at = switching.pick, switching.ask_later, switching.open_looked_at

    patience, may_ask, is_stopping = unattended.patience, unattended.may_ask, unattended.is_stopping
    has_switched, user_changed_file = unattended.has_switched, unattended.user_changed_file
    choose_swmr, choose_new_path = unattended.choose_swmr, unattended.choose_new_path
    choose_existing_path = unattended.choose_existing_path

    _notify, _did_not_work, report = file_events.notify, file_events.did_not_work, file_events.report

    def final_counts(self) -> dict[str, Any]:
        """Return the counts that are noted in the file when it is closed."""
        return self.timing.final_counts()

    # --------------------------------------------------------------- settings
    @property
    def wants_swmr(self) -> bool:
        """Whether new files are to be made for SWMR."""
        return self.is_swmr_capable and self.store.current.enable_swmr

    def apply_settings(self) -> None:
        """Have the next file written by the library, and where, the settings say; an open file may be closed for it."""
        if self.backend != self.store.current.library:
            self.set_backend(self.store.current.library)
        self.apply_isolated()

    def apply_isolated(self) -> None:
        """Have the next file written as the settings say, in a separate process or here; an open file is closed."""
        now = self.store.current
        if self.isolated != now.isolated:
            self._close_now()
            self.isolated = now.isolated
        if self.capabilities.journal:
            usual = Durability.JOURNAL if self.isolated else Durability.FLUSH
            self.durability = Durability.POWER if now.power_safe else usual
        sealed_files.follow(self)

    def set_backend(self, name: str) -> None:
        """Change the library that writes; an open file is closed properly first."""
        super().set_backend(name)
        self.reactions.backend_is_another()

    @property
    def wants_mirror(self) -> bool:
        """Whether files are to be copied to a server while they are written."""
        return self.store.current.is_copied and not self.capabilities.remote

    def mirror_status(self) -> MirrorStatus | None:
        """Return how the mirror on the server is; None without one. Never waits."""
        return self.watcher.mirroring.status()

    # ------------------------------------------------------------------ names
    def naming_time(self) -> datetime:
        """Return the time that stands in the name of a file made now."""
        return datetime.now()

    # ------------------------------------------------------------------ notes
    @property
    def notes(self) -> tuple[Note, ...]:
        """The user's notes: saved with every file and every scan that is made from now on."""
        return read_notes(self.store.current.notes)

    @notes.setter
    def notes(self, notes: tuple[Note, ...]) -> None:
        check_notes(notes)
        self.store.change(notes=notes_text(notes))

    def note_attributes(self) -> dict[str, Any]:
        """Return the attributes that the notes become."""
        return note_attributes(self.notes)

    def register(self, module: Any) -> None:
        """Keep the settings of an instrument with every scan; see :meth:`.Instruments.register`."""
        self.instruments.register(module)

    def add_generic_group(self, where: Where, title: str = "", *args: Any, **options: Any) -> GROUP:
        """Make the next numbered group of a kind, with the notes if it stands for a scan or a whole recording."""
        options.update(zip(("settings_as_xml", "metadata", "group_type"), args, strict=False))
        kind = type_name(options.get("group_type", "detector"))
        self.require_open("make a group")
        with self.io.lock:
            if kind == "scan":
                self.watcher.scan_begins()
                self.scan_begun()
            self.source_saved(title)
            raw = self.raw_group
            if isinstance(raw, GROUP) and self.path_of(where) == raw.path:
                state = self.instruments.state() if kind == "scan" else {}
                options["metadata"] = {**self.note_attributes(), **state, **(options.get("metadata") or {})}
            return groups.add_generic_group(self, where, title, **options)

    # ------------------------------------------------------------------ state
    def clear_problem(self) -> None:
        """Count an error as seen."""
        self.watcher.problem = ""

    def status(self) -> RecorderStatus:
        """Return how the recorder is; never waits for the file, may be called in any thread."""
        found = self.watcher.status(self.store.current.current_h5_file)
        reason, copies = self.why_not_isolated(), self.copies.status()
        missing = tuple(
            filter(None, (reason, *self.describing.remarks(), *map(copied_files.in_words, copies.problems)))
        )
        return replace(found, missing=(*found.missing, *missing), copies=copies.text)

    def start_ahead(self) -> None:
        """Begin to start the process for the file, so that the next file opens at once."""
        if not self.isopen() and self.background.worker.is_idle:
            self.background.begin("", self.io.prepare, "The process for the file could not be started")

    def why_not_isolated(self) -> str:
        """Return why files are written by this process although the settings say *isolated*; ``''`` if they are not."""
        reason = why_not() if self.store.current.isolated and not self.isolated else ""
        return f"a process for the file: {reason}; a crash of this program may harm the open file" if reason else ""

    def statistics(self) -> Statistics:
        """Return the counts since the recording began, over all of its files; never waits."""
        return self.watcher.statistics()

    def file_statistics(self) -> Statistics:
        """Return the counts of the open file; never waits."""
        return frames.statistics(self)

    def switch_off(self) -> None:
        """Switch *Do Save* off after the file was closed."""
        self.store.change(do_save=False)

    def update_status(self, text: str) -> None:
        """Say something worth knowing."""
        logger.info(text)

    def show_settings(self, show: bool = True) -> None:
        """Show or hide the settings, where there is a window."""

    def show_current_file(self, path: Path, scan_name: str) -> None:
        """Write the current file and the next scan into the settings."""
        self.store.change(current_scan_name=scan_name, current_scan_path=str(path.parent), current_h5_file=str(path))

    # ---------------------------------------------------------- in the background
    def do(self, doing: str, work: Callable[[], object], failed: str) -> None:
        """Run work that may wait for a disk: at once here; a saver with a window queues it.

        Parameters
        ----------
        doing
            ``'opening'``, ``'closing'``, or ``''`` for work that doesn't change the state.
        work
            The work.
        failed
            The sentence for people if it fails.
        """
        try:
            work()
        except Exception as error:  # people asked for it, so they see any error
            self._did_not_work(doing, failed, error)

    def _begun_changed(self, task: Task | None) -> None:
        self._begun = task
        self._notify("pending")

    # ----------------------------------------------------------------- frames
    def is_within_step(self) -> bool:
        """Tell whether a thread is in the middle of a frame; to be asked with the file's lock."""
        return self._depth > 0

    def _step_begins(self) -> None:
        self._in_step, self._step_thread = self.store.current, threading.get_ident()
        if self.session is None:
            self.require_open("save")

    @property
    def pending_task(self) -> Task | None:
        """The opening or closing that was begun and is not done yet; None for none."""
        return self._begun  # type: ignore[no-any-return]

    def sibling(self) -> H5SaverBase:
        """Return a saver with the same settings, for a file beside that of this one."""
        if self._sibling is None:
            self._sibling = H5SaverBase(self.save_type, self.backend)
        now, other = self.store.current, self._sibling
        names = [name for name in SETTINGS if name not in _OWN_SETTINGS]
        other.store.change(**{name: getattr(now, name) for name in names})
        return other

    def _step_ended(self) -> None:
        if self.watcher.due:
            self.watcher.end_file_if_due()

    def frame_saved(self, size: int) -> None:
        """Count a frame of `size` bytes, then do the work that is due between two frames."""
        self.io.queue.frame_done(size)
        self.frames_saved += 1
        self.bytes_saved += size
        if self.frames_saved == 1 or monotonic() - self._flushed_at > self.flush_seconds:
            self._flush_now_and_then()  # that something is recorded is said once it is safe
        watcher = self.watcher
        if watcher.limits.any or self.bytes_saved > watcher.space.enough_for:
            watcher.frame_saved()

    def source_saved(self, title: str) -> None:
        """Note that a frame of a module was saved."""
        if self.wants_sources:
            self.watcher.sources.saved(title, monotonic())
