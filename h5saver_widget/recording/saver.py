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
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Final

from h5saver_widget.backends.own_process import why_not
from h5saver_widget.backends.registry import default_backend
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.backends.terms import Durability
from h5saver_widget.errors import FileNotOpenError, H5SaverError
from h5saver_widget.format.layout import SaveType, SaveTypeName
from h5saver_widget.nodes.typed import GROUP, Node
from h5saver_widget.recording import destinations, format_settings, opening, simple, switching
from h5saver_widget.recording.background import Background
from h5saver_widget.recording.describing import Describing
from h5saver_widget.recording.file_policy import FilePolicy
from h5saver_widget.recording.intake import Intake
from h5saver_widget.recording.markers import marker_line
from h5saver_widget.recording.mirroring import Mirroring
from h5saver_widget.recording.notes import Note, check_notes, note_attributes, notes_text, read_notes
from h5saver_widget.recording.picking import SwmrAnswer
from h5saver_widget.recording.reactions import Reactions
from h5saver_widget.recording.settings import SETTINGS, Settings
from h5saver_widget.recording.settings_store import SettingsLike, SettingsStore
from h5saver_widget.recording.status import RecorderStatus
from h5saver_widget.recording.watcher import Watcher
from h5saver_widget.recording.worker import Task
from h5saver_widget.remote.mirror import MirrorStatus
from h5saver_widget.saving import frames, groups
from h5saver_widget.saving.groups import type_name
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.statistics import Statistics

__all__ = ["H5SaverBase", "log_error"]

logger = logging.getLogger(__name__)

#: How often a script's file is looked after, in s.
_LOOK_SECONDS: Final = 0.2

#: Settings that say how one saver is, not how its files are to be.
_OWN_SETTINGS: Final = frozenset(("do_save", "current_h5_file", "current_scan_name", "current_scan_path", "connection"))


def log_error(what: str, error: BaseException) -> None:
    """Write an error into the program's log; where it came from only if nobody expected it."""
    if isinstance(error, (H5SaverError, OSError)):
        logger.warning("%s: %s", what, error)
    else:
        logger.error("%s", what, exc_info=error)


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
        self.policy = FilePolicy()
        self.watcher = Watcher(self, Mirroring(self._mirror_place, self._mirror_failed))
        self.h5_file_path: Path | None = None
        self.h5_file_name: str | None = None
        self.current_scan_name = ""
        self.current_scan_group: GROUP | None = None
        self.file_loaded = False
        self._told: tuple[int, str] = (0, "")
        self._scan_pauses: Callable[[], Callable[[bool], None] | None] = lambda: None
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
        self.intake = Intake(self)
        #: The fields of the template, and what is written in them.
        self.describing = Describing(self)
        self.background = Background(self._did_not_work, self._begun_changed, self.intake.gate, self.intake.let_in)
        #: Held while *Do Save* decides; the latest task.
        self.may_switch = threading.RLock()
        self.switched: Task | None = None
        self._sibling: H5SaverBase | None = None
        self.watcher.follow(self.store.current)
        self.reactions = Reactions(self)

    new_file, start_file_at, open_existing = opening.new_file, opening.start_file_at, opening.open_existing
    init_file = opening.init_file  # type: ignore[assignment]  # the call that hosts know
    load_file, next_part = opening.load_file, opening.next_part
    is_pristine, save_file, save_file_as = opening.is_pristine, opening.save_file, opening.save_file_as
    open_file_dialog_result = opening.open_file_dialog_result

    base_folder, path_provider = destinations.base_folder, destinations.path_provider
    next_file_name, next_file_finder = destinations.next_file_name, destinations.next_file_finder
    server_folder = destinations.server_folder
    server_options, server_asker = destinations.server_options, destinations.server_asker
    test_connection, connection_test = destinations.test_connection, destinations.connection_test

    dynamic = property(format_settings.dynamic, format_settings.set_dynamic)
    fill_value = property(format_settings.fill_value, format_settings.set_fill_value)
    compression = property(format_settings.compression, format_settings.set_compression)
    frame_format = format_settings.frame_format
    nexus, convert_units = format_settings.followed("nexus"), format_settings.followed("convert_units")
    nexus_entry = format_settings.followed("nexus_entry")

    record, sink, snapshot, scan = simple.record, simple.sink, simple.snapshot, simple.scan

    start, stop = switching.start, switching.stop
    do_save_changed, do_save_switched = switching.do_save_changed, switching.do_save_switched
    before_closing = switching.before_closing
    #: Whether a program that changes *Do Save* waits until the file is open, or closed.
    waits_for_switch = True
    pick, ask_later, open_looked_at = switching.pick, switching.ask_later, switching.open_looked_at

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

    def _mirror_place(self) -> tuple[RemoteOptions, Path, Path]:
        return self.server_options(), self.server_folder(), Path(self.store.current.base_path).expanduser()

    def _mirror_failed(self, error: BaseException) -> None:
        self.report("The mirror could not begin; the file on the disk is not affected", error)

    # ------------------------------------------------------------------ names
    def recipe(self) -> tuple[Any, ...]:
        """Return everything that a file made now would be made from."""
        return self.policy.recipe(self.store.current, self.backend, self.wants_swmr)

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

    def add_comment(self, text: str) -> None:
        """Write a line with the time into the log of the file.

        Raises
        ------
        FileNotOpenError
            If no file is open.
        """
        self._log_later(f"{datetime.now():%Y-%m-%d %H:%M:%S} {' '.join(text.splitlines())}", "write a comment")

    def add_marker(self) -> None:
        """Mark this moment: a line with the time, to the millisecond, in the log of the file; plots along time show it.

        Raises
        ------
        FileNotOpenError
            If no file is open.
        """
        now = datetime.now()
        self._log_later(marker_line(now), "set a marker")
        self.update_status(f"Marker set at {now:%H:%M:%S}")

    def _log_later(self, line: str, what: str) -> None:
        if not self.isopen():
            self.require_open(what)
        self.do("", partial(self.add_log, line), f"Can't {what}")

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
                options["metadata"] = {**self.note_attributes(), **(options.get("metadata") or {})}
            return groups.add_generic_group(self, where, title, **options)

    # ------------------------------------------------------------------ state
    @property
    def is_paused(self) -> bool:
        """Whether frames of continuous recordings are skipped now."""
        return self.watcher.is_paused

    def pause(self) -> None:
        """Leave out the frames from now on, until :meth:`resume`. Never waits.

        No point of a scan is left out: a pause is passed on to its program (:meth:`let_pause`), or refused.
        """
        scan = self._scan_pauses() if self.scan_runs else None
        if self.scan_runs and scan is None:
            self.update_status("A scan is being saved, of which no point is left out: pause it where it was started")
        elif self.watcher.pause():
            if scan is not None:
                scan(True)
            self.background.begin("", self.flush, "What was saved last could not be flushed")
            self._notify("paused", path=self.file_path)

    def resume(self) -> None:
        """Go on after a pause. Never waits."""
        if self.watcher.resume():
            scan = self._scan_pauses()
            if scan is not None:
                scan(False)
            self._notify("resumed", path=self.file_path)

    def let_pause(self, pause: Callable[[bool], None]) -> None:
        """Have a pause passed on to the program of a scan.

        Parameters
        ----------
        pause
            A bound method; its object is not kept alive by this. Called with True for a pause while a scan runs, with
            False to go on; it must not wait.
        """
        self._scan_pauses = weakref.WeakMethod(pause)

    def clear_problem(self) -> None:
        """Count an error as seen."""
        self.watcher.problem = ""

    def status(self) -> RecorderStatus:
        """Return how the recorder is; never waits for the file, may be called in any thread."""
        found = self.watcher.status(self.store.current.current_h5_file)
        reason = self.why_not_isolated()
        missing = tuple(filter(None, (reason, *self.describing.remarks())))
        return replace(found, missing=(*found.missing, *missing)) if missing else found

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

    @property
    def frames_lost(self) -> int:
        """How many frames of the recording could not be saved: the same number as in :meth:`statistics`."""
        return self.statistics().frames_dropped

    def file_statistics(self) -> Statistics:
        """Return the counts of the open file; never waits."""
        return frames.statistics(self)

    def switch_off(self) -> None:
        """Switch *Do Save* off after the file was closed."""
        self.store.change(do_save=False)

    def update_status(self, text: str) -> None:
        """Say something worth knowing."""
        logger.info(text)

    def report(self, what: str, error: BaseException) -> None:
        """Report a failure with its reason."""
        log_error(what, error)
        self._notify("error", message=f"{what}: {error}", exception=error)

    def show_settings(self, show: bool = True) -> None:
        """Show or hide the settings, where there is a window."""

    def show_current_file(self, path: Path, scan_name: str) -> None:
        """Write the current file and the next scan into the settings."""
        self.store.change(current_scan_name=scan_name, current_scan_path=str(path.parent), current_h5_file=str(path))

    # --------------------------------------------- overridden by a saver with a screen
    def patience(self, wait: bool | float) -> float | None:
        """Return how long a call of this thread waits for the disk, in s; None: until it is done."""
        return None if wait is True else float(wait)

    def is_stopping(self) -> None:
        """Be told that *Do Save* was switched off, and the file is about to be closed."""

    def has_switched(self) -> None:
        """Be told by a thread that has waited for it that a file was opened or closed."""

    def may_ask(self) -> bool:
        """Tell whether a person can be asked by this thread."""
        return True

    def choose_swmr(self, path: Path, file_is_swmr: bool) -> SwmrAnswer:
        """Decide about a file whose SWMR state differs from the settings."""
        return SwmrAnswer.ADAPT

    def choose_new_path(self) -> Path | None:
        """Return the path of a file to be made; None if nobody can be asked."""
        return None

    def choose_existing_path(self, folder: Path | str | None = None) -> Path | None:
        """Return the path of a file to be opened; None if nobody can be asked."""
        return None

    def user_changed_file(self, path: Path) -> None:
        """Be told that the user has picked another file."""

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

    def _did_not_work(self, doing: str, failed: str, error: Exception) -> None:
        told = (self.generation, f"{failed}: {error}")
        if doing or told != self._told:  # a repeated attempt is reported once per file
            self._told = told
            self.report(failed, error)
        if doing == "opening" and not self.is_ready:
            self.switch_off()  # a switch that says it saves, and does not, loses data

    def pending(self) -> tuple[str, float]:
        """Return the running background work (``'opening'``, ``'closing'``), and for how many seconds it has run."""
        task = self._begun
        return ("", 0.0) if task is None else (task.doing, self.background.worker.seconds)

    def wait(self, timeout: float | None = None) -> None:
        """Wait until everything that was begun in the background is done.

        Raises
        ------
        NotAnsweringError
            If it takes longer than `timeout` seconds. The work continues.
        """
        if not self.io.holds_lock():
            self.background.worker.wait(timeout)

    def isopen(self) -> bool:
        """Tell whether a file is open; never waits.

        True from the moment an opening was begun until it has failed, and while a recording is between one file and the
        next; False from the moment a closing was begun.
        """
        task = self._begun
        if task is not None and not self.background.worker.is_this_thread:
            return bool(task.doing == "opening")
        return self.watcher.is_rolling or self.is_ready

    def _arrive(self) -> None:
        """Wait for a file that is being opened, unless it is this thread that opens it or holds the file's lock."""
        task = self._begun
        if task is None or task.doing != "opening" or self.is_ready or self.background.worker.is_this_thread:
            return
        if self.io.holds_lock():
            raise FileNotOpenError("the file is still being opened; call this before taking its lock")
        task.wait()

    def require_open(self, what: str) -> None:
        """Raise FileNotOpenError when no file is open, with the reason if saving was stopped for one."""
        if self._begun is not None:
            self._arrive()
        if self.is_ready:
            return
        if self.watcher.stopped_because:
            raise FileNotOpenError(f"can't {what}: saving was stopped, {self.watcher.stopped_because}")
        super().require_open(what)

    @property
    def raw_group(self) -> GROUP | str:
        """The group that all data go into; its path while no file is open."""
        if self._begun is not None:
            self._arrive()
        return super().raw_group

    def root(self) -> GROUP:
        """Return the root group."""
        self.require_open("look into the file")
        return super().root()

    def get_node(self, where: Where, name: str | None = None) -> Node:
        """Return the node at a place, or of a name in it; waits for a file that is being opened."""
        if self._begun is not None:
            self._arrive()
        return super().get_node(where, name)

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

    def step_ended(self) -> None:
        """Do the work that is due between two frames; to be called without the file's lock."""
        self._step_ended()

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

    def scan_ended(self) -> None:
        """Be told that all points of a scan were saved: a new file that has waited for it is made after this frame."""
        super().scan_ended()
        was_paused = self.is_paused
        self.watcher.scan_ended()
        if was_paused:
            self._notify("resumed", path=self.file_path)
        if not self.is_within_step():
            self._step_ended()

    def leaves_out_frame(self) -> bool:
        """Tell whether the frame of a continuous recording that comes now is skipped, and count it."""
        if not self.watcher.is_paused:
            return self.when_full != "wait" and frames.leaves_out_frame(self)
        self.watcher.counts.leave_out()
        return True

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

    def _flush_now_and_then(self) -> None:
        try:
            self._flush_soon()
        except OSError as error:  # no error of this frame: what it has cost is counted, and the next ones tell
            self._did_not_work("", "What was saved last could not be flushed", error)

    def source_saved(self, title: str) -> None:
        """Note that a frame of a module was saved."""
        if self.wants_sources:
            self.watcher.sources.saved(title, monotonic())

    def flush(self, timeout: float | None = None) -> None:
        """Hand everything written so far to the operating system; does nothing when no file is open.

        Parameters
        ----------
        timeout
            How long to wait, in s; None waits until it is done.

        Raises
        ------
        NotAnsweringError
            If it takes longer. It continues in the background.
        """
        if timeout is not None:
            self.background.done_within(timeout, "", self.flush, "The file could not be flushed")
            return
        before = self.bytes_saved
        super().flush()
        self.watcher.space.flushed(before)

    def _flush_soon(self) -> None:
        self.watcher.space.flush_begun(self.bytes_saved)
        super()._flush_soon()

    def close_file(self, timeout: float | None = None) -> None:
        """Complete the file and close it; never raises: the status ``error`` reports a failure.

        Parameters
        ----------
        timeout
            How long to wait, in s; None waits until it is done.

        Raises
        ------
        NotAnsweringError
            If it takes longer than `timeout`. It continues in the background.
        """
        if timeout is not None:
            self.background.done_within(timeout, "closing", self.close_file, "The file could not be closed")
            return
        self.wait()
        self._close_now()

    def _close_now(self) -> None:
        with suppress(OSError, RuntimeError, ValueError, KeyError):  # told by _notify
            never = self.watcher.never_came()
            if never and self.io.writable and not self.watcher.is_rolling:
                self.add_log(f"{datetime.now():%Y-%m-%d %H:%M:%S} {never}")
        with suppress(OSError, RuntimeError, ValueError, KeyError):
            super()._close_now()

    def close(self) -> None:
        """Close the file."""
        self.close_file()

    def _notify(self, command: str, **args: Any) -> None:
        if command == "opened":
            self.watcher.opened(Path(args["path"]))
            if not self.watcher.is_rolling:
                self._begin_looking()
            if self.wants_mirror and self.io.writable:
                self.watcher.mirroring.follow(self.io)
        elif command == "closed":
            self.intake.by_hand = self.intake.by_hand and self.pending_task is not None
            self.watcher.closed()
            self.describing.ask_again()
        elif command == "error":
            self.watcher.failed(str(args.get("message", "")), args.get("exception"))

    def _begin_looking(self) -> None:
        """Have :meth:`look_after` called while a file is open; where there is a window, its timer does it."""
        threading.Thread(target=_look, args=(weakref.ref(self),), name="h5saver: look", daemon=True).start()

    def look_after(self) -> None:
        """Do the work that is due although no frame arrives: to be called often, never waits.

        The last frame must be flushed even if no frame follows; a recording ends after its time even if nothing
        arrives.
        """
        for problem in self.io.queue.take_problems():
            self._notify("error", message=problem, exception=None)
        if not self.io.writable or not self.background.worker.is_idle:
            return
        stale = self.frames_saved > self._frames_flushed and monotonic() - self._flushed_at > self.flush_seconds
        if stale or self._structure_changed:
            self.background.begin("", self.flush_if_due, "What was saved last could not be flushed")
        if self.watcher.is_due():
            self.background.begin("", self.watcher.end_file_if_due, "The recording could not go on")


def _look(saver_of: weakref.ref[H5SaverBase]) -> None:
    """Look after a file while it is open; a saver that is forgotten must not be kept by that."""
    pause = threading.Event()
    while not pause.wait(_LOOK_SECONDS):
        saver = saver_of()
        if saver is None or not saver.isopen():
            return
        saver.look_after()
        del saver
