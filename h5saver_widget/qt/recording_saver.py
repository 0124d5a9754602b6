"""RecordingSaver: a saver that watches what it records: pauses, limits, the disk, sources, notes, the next file.

Whatever ends a file or begins the next one happens *between* frames: a frame asks for it, and when nobody is in the
middle of a frame any more it is done. No frame is cut, and none is lost.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any, Final

from h5saver_widget.backends.terms import Durability
from h5saver_widget.errors import FileNotOpenError, FileOpenError, H5SaverError, NodeError
from h5saver_widget.format.layout import SaveType
from h5saver_widget.nodes.typed import GROUP, Node
from h5saver_widget.qt.server_saver import ServerSaver
from h5saver_widget.qt.settings_saver import Reactions
from h5saver_widget.recording.chronometer import Chronometer
from h5saver_widget.recording.disk import DiskWatch, Reserve, measure_within
from h5saver_widget.recording.limits import Limit
from h5saver_widget.recording.notes import Note, check_notes, note_attributes, notes_text, read_notes
from h5saver_widget.recording.skeleton import skeleton
from h5saver_widget.recording.sources import Sources, source_names
from h5saver_widget.recording.status import RecorderState, RecorderStatus
from h5saver_widget.saving.groups import type_name
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.statistics import Statistics

__all__ = ["RecordingSaver"]

#: An error counts as the state of the recorder for so long if saving goes on, in s.
ERROR_SECONDS: Final = 5.0
#: After a next file could not be made, the next try comes after so long, in s.
RETRY_SECONDS: Final = 10.0


class RecordingSaver(ServerSaver):
    """A saver that pauses, stops and goes on in a new file by itself, as its settings say.

    Parameters
    ----------
    save_type
        What the files are for; decides how they are named.
    backend
        Name of the backend; None for the configured default.
    """

    def __init__(self, save_type: SaveType | str = SaveType.scan, backend: str | None = None) -> None:
        self._clock = Chronometer()
        self._sources = Sources()
        self._roll, self._stop, self._reserve = Limit(), Limit(), Reserve()
        self._before = self._next_before = Statistics()
        self._guard = threading.Lock()
        self._paused = self._in_scan = self._rolling = False
        self._left_out, self._part = 0, 1
        self._due = self._stopped_because = self._problem = ""
        self._problem_at = self._retry_at = self._part_began = 0.0
        self._wanted_size = self._flushing = 0
        super().__init__(save_type, backend)
        # A thread that watches a disk must not keep a forgotten saver alive, not even for a moment: see asker.py.
        handed = self._handed = SimpleNamespace(on_disk=0)
        self._watch = DiskWatch(lambda: handed.on_disk)
        weakref.finalize(self, self._watch.stop)
        self._limits_changed()
        self.settings.child("data_format", "nexus").setOpts(visible=hasattr(self, "nexus"))

    def reactions(self) -> Reactions:
        """Return what a changed setting does."""
        limits = ("roll_over_size", "roll_over_time", "roll_over_frames", "stop_after_time", "stop_after_frames")
        mine: Reactions = {("recording", name): self._limits_changed for name in (*limits, "reserve", "sources")}
        mine[("recording", "notes")] = self._notes_changed
        mine[("data_format", "nexus")] = self._nexus_changed
        mine[("backend", "isolated")] = self._isolated_changed
        return {**super().reactions(), **mine}

    # ------------------------------------------------------------------ calls
    @property
    def is_paused(self) -> bool:
        """Whether frames of continuous recordings are left out now."""
        return self._paused

    def pause(self) -> None:
        """Leave out what comes now, until :meth:`resume`. The points of a scan are saved all the same."""
        if self.isopen() and not self._paused:
            self._paused = True
            self._clock.pause()
            self.flush()
            self._notify("paused", path=self.file_path)

    def resume(self) -> None:
        """Go on after a pause."""
        if self._paused:
            self._paused = False
            if self.isopen():
                self._clock.start()
                self._notify("resumed", path=self.file_path)

    def stop(self) -> None:
        """Complete and close the file, and switch *Do Save* off; an error that was shown counts as seen."""
        self.settings["do_save"] = False
        self.close_file()
        self._problem = ""

    def clear_problem(self) -> None:
        """Count an error as seen."""
        self._problem = ""

    def isopen(self) -> bool:
        """Tell whether a file is open; also while a recording is between one file and the next. Never waits."""
        return self._rolling or super().isopen()

    def status(self) -> RecorderStatus:
        """Return how the recorder is; never waits for the file, may be called in any thread."""
        now, statistics = monotonic(), self.statistics()
        opened = self.isopen()
        state = RecorderState.RECORDING if statistics.frames_flushed else RecorderState.OPEN
        if self._paused:
            state = RecorderState.PAUSED
        if not opened:
            state = RecorderState.CLOSED
        if self._problem and (not opened or now - self._problem_at < ERROR_SECONDS):
            state = RecorderState.ERROR
        missing = self._sources.missing(now, now - self._clock.elapsed) if opened and not self._paused else ()
        mirror = self.mirror_status()
        if mirror is not None and mirror.problem:
            missing = (*missing, f"the mirror: {mirror.problem}. The file on the disk is not affected.")
        path = self.file_path or (Path(self.settings["current_h5_file"]) if self.settings["current_h5_file"] else None)
        return RecorderStatus(
            state,
            statistics,
            path,
            self._clock.elapsed,
            self._part,
            missing,
            self._problem,
            "" if mirror is None else mirror.text,
        )

    def statistics(self) -> Statistics:
        """Return what was counted since the recording began, over all of its files."""
        found, room = self._sum(super().statistics()), self._watch.latest
        found = replace(found, frames_left_out=found.frames_left_out + self._left_out)
        if room is None:
            return found
        size = found.file_size if found.file_size is not None else room.file_size
        rate, left = self._watch.bytes_per_second(), max(self._reserve.left(room), 0)
        return replace(
            found,
            file_size=size,
            free_bytes=room.free,
            seconds_left=left / rate if rate > 0 and self.isopen() else None,
            bytes_on_disk=found.bytes_on_disk or (size or 0 if self._part == 1 else 0),
        )

    def _sum(self, now: Statistics) -> Statistics:
        before = self._before
        frames = ("received", "written", "waiting", "dropped", "left_out")
        names = (*(f"frames_{name}" for name in frames), "bytes_in", "bytes_on_disk")
        counts: dict[str, Any] = {name: getattr(before, name) + getattr(now, name) for name in names}
        return replace(now, **counts, waited_seconds=before.waited_seconds + now.waited_seconds)

    # ------------------------------------------------------------------ notes
    @property
    def notes(self) -> tuple[Note, ...]:
        """The user's notes: saved with every file and every scan that is made from now on."""
        return read_notes(self.settings["recording", "notes"])

    @notes.setter
    def notes(self, notes: tuple[Note, ...]) -> None:
        check_notes(notes)
        self.settings["recording", "notes"] = notes_text(notes)

    def note_attributes(self) -> dict[str, Any]:
        """Return the attributes that the notes become; none if they can't be read, which is told when they change."""
        try:
            notes = self.notes
            check_notes(notes)
        except H5SaverError:
            return {}
        return note_attributes(notes)

    def add_comment(self, text: str) -> None:
        """Write a line with the time into the log of the file.

        Raises
        ------
        FileNotOpenError
            If no file is open.
        """
        self.require_open("write a comment")
        self.add_log(f"{datetime.now():%Y-%m-%d %H:%M:%S} {' '.join(text.split())}")

    def _notes_changed(self, _: Any) -> None:
        check_notes(self.notes)
        if self.io.writable and not self.is_swmr_active:
            raw = self.raw_group
            if isinstance(raw, GROUP):
                self.io.set_attributes(raw.handle, self.raw(self.note_attributes()))

    def add_generic_group(self, where: Where, title: str = "", *args: Any, **options: Any) -> GROUP:
        """Make the next numbered group of a kind, with the notes if it stands for a scan or a whole recording."""
        names = ("settings_as_xml", "metadata", "group_type")
        options.update(zip(names, args, strict=False))
        kind = type_name(options.get("group_type", "detector"))
        with self.io.lock:
            if kind == "scan":
                if self._due and self._in_scan:
                    self._roll_over(self._due)  # the scan before is complete, and nothing of the next one is there
                self._in_scan = True
            self.source_saved(title)
            raw = self.raw_group
            if isinstance(raw, GROUP) and self.path_of(where) == raw.path:
                options["metadata"] = {**self.note_attributes(), **(options.get("metadata") or {})}
            return super().add_generic_group(where, title, **options)

    # ----------------------------------------------------------- every frame
    def leaves_out_frame(self) -> bool:
        """Tell whether the frame of a continuous recording that comes now is left out, and count it."""
        if not self._paused:
            return super().leaves_out_frame()
        with self._guard:
            self._left_out += 1
        return True

    def source_saved(self, title: str) -> None:
        """Note that a frame of a module was saved."""
        if self._sources.required:
            with self._guard:
                self._sources.saved(title, monotonic())

    def frame_saved(self, size: int) -> None:
        """Count a frame of `size` bytes; what is to be done between this one and the next is done then."""
        super().frame_saved(size)
        if self.frames_saved == 1:
            self._flush_soon()  # that something is recorded is said once it is safe
        self.check_limits()

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Make everything in the block one step for other threads."""
        with super().saving():
            yield
        if self._due:
            self._settle()

    def require_open(self, what: str) -> None:
        """Raise FileNotOpenError when no file is open, with the reason if saving was stopped for one."""
        if not self.isopen() and self._stopped_because:
            raise FileNotOpenError(f"can't {what}: saving was stopped, {self._stopped_because}")
        super().require_open(what)

    def check_limits(self) -> None:
        """See whether saving is to stop or to go on in a new file, and do it if nobody is within a frame."""
        if self.isopen() and self.io.writable and not self._rolling:
            reason = self._full_disk() or self._stop_reason() or self._roll_reason()
            if reason:
                self._due = reason
                self._settle()

    def _full_disk(self) -> str:
        room = self._watch.latest
        if room is None or not self._reserve.problem(room, self.bytes_saved - room.accepted):
            return ""
        # What was accepted may be compressed, or be on the disk since: only a fresh look at a flushed file decides.
        self.flush()
        room = self._watch.look() or room
        return self._reserve.problem(room, self.bytes_saved - room.accepted)

    def flush(self) -> None:
        """Hand everything written so far to the operating system; does nothing when no file is open."""
        before = self.bytes_saved
        super().flush()
        self._handed.on_disk = self._flushing = before

    def _flush_soon(self) -> None:
        # The library keeps what was written for a while, and a flush may be done later: what was there at the flush
        # before this one is on the disk, and is seen by who measures what is free.
        self._handed.on_disk, self._flushing = self._flushing, self.bytes_saved
        super()._flush_soon()

    def _stop_reason(self) -> str:
        if self._stop == Limit():
            return ""
        frames = self._before.frames_received + self.frames_saved
        return self._stop.reached(seconds=self._clock.elapsed, frames=frames)

    def _roll_reason(self) -> str:
        if self._roll == Limit() or not self.frames_saved or monotonic() < self._retry_at:
            return ""
        size = 0
        if self._roll.size and self.bytes_saved >= self._wanted_size:
            # Looked at rarely: so many bytes as are missing have to come before it can be reached.
            size = self._file_size()
            self._wanted_size = self.bytes_saved + max(self._roll.size - size, 1)
        return self._roll.reached(size, monotonic() - self._part_began, self.frames_saved)

    def _file_size(self) -> int:
        found = super().statistics().file_size
        if found is None and self.file_path is not None:
            try:
                found = self.file_path.stat().st_size
            except OSError:  # the folder is gone: writing tells
                found = 0
        return found or 0

    def _settle(self) -> None:
        with self.io.lock:
            if not self._due or self._depth or self._rolling or not self.isopen():
                return
            full = self._full_disk()
            stop = full or self._stop_reason()
            if stop:
                self._due = ""
                self._end(stop, failed=bool(full))
            elif not self._in_scan:
                self._roll_over(self._due)

    def _end(self, reason: str, failed: bool) -> None:
        """Complete and close the file by itself, and say why."""
        path, self._problem = self.file_path, ""
        self.close_file()
        frames, trouble = self.statistics().frames_written, self._problem
        self.switch_off()
        if failed:
            self._stopped_because = reason
            state = trouble or f"{path} is complete and closed, {frames:,} frames are in it"
            self._notify("error", message=f"Saving was stopped: {reason}. {state}", exception=None)
        else:
            self.update_status(f"Saving has ended after {reason}, as the settings say: {frames:,} frames")

    def switch_off(self) -> None:
        """Switch *Do Save* off after the file was closed."""
        self.settings["do_save"] = False

    # --------------------------------------------------------------- next file
    def next_part(self, metadata: Mapping[str, Any]) -> Path:
        """Make the next file of a recording; the class that makes files does it."""
        raise NotImplementedError

    def check_room(self, folder: Path) -> None:
        """Refuse to begin a file where the disk is nearly full.

        Raises
        ------
        FileOpenError
            With how much is free and how much is kept free.
        """
        room = measure_within(folder / "file.h5") if self._reserve.size and not self.capabilities.remote else None
        if room is not None and (problem := self._reserve.problem(room)):
            raise FileOpenError(problem)

    def _roll_over(self, reason: str) -> None:
        """Go on in a new file that has the same groups; if none can be made, go on in this one."""
        path = self.file_path
        if path is None:
            return
        self._due = ""
        self._rolling = True
        try:
            self.path_provider()  # what can't be named is known before the file is closed
            added, groups = skeleton(self)
            self.add_log(f"{datetime.now():%Y-%m-%d %H:%M:%S} after {reason}, the recording goes on in the next file")
            self.flush()
            before = self._sum(super().statistics())
            if not before.bytes_on_disk:
                before = replace(before, bytes_on_disk=self._before.bytes_on_disk + self._file_size())
            self._next_before = before
            try:
                new = self.next_part({**added, "part": self._part + 1, "previous_file": path.name})
            except BaseException:
                super().init_file(path, swmr=self._wants_swmr)
                raise
            self._part += 1
            with self._changing_structure():
                for where, raw in groups:
                    parent, _, name = where.rpartition("/")
                    self.create_group(parent, name, unwrapped=raw)
        except (H5SaverError, OSError) as error:
            self._retry_at = monotonic() + RETRY_SECONDS
            self.report("The recording could not go on in a new file; it goes on in the same one", error)
        else:
            self.update_status(f"After {reason}, the recording goes on in {new.name}")
        finally:
            self._rolling = False

    def _alive(self, where: Where) -> Where:
        """Return a place, by its path if it is a node of an earlier file of this recording."""
        if self._part > 1 and isinstance(where, Node) and where.last_path:
            known = where.last_path
            try:
                return where if where.path == known else known
            except NodeError:
                return known
        return where

    def path_of(self, where: Where, name: str | None = None) -> str:
        """Return the absolute path of a place, also of one in an earlier file of this recording."""
        return super().path_of(self._alive(where), name)

    def get_node(self, where: Where, name: str | None = None) -> Node:
        """Return the node at a place; one of an earlier file of this recording means the same place in this one."""
        return super().get_node(self._alive(where), name)

    # -------------------------------------------------------------- life of a file
    def _notify(self, command: str, **args: Any) -> None:
        if command == "opened":
            self._in_scan, self._wanted_size, self._part_began = False, 0, monotonic()
            self._handed.on_disk = self._flushing = 0
            if self._rolling:
                self._before = self._next_before
            else:
                self._before, self._left_out, self._part, self._paused = Statistics(), 0, 1, False
                self._stopped_because = self._problem = self._due = ""
                self._sources.clear()
                self._clock.reset()
                self._clock.start()
            if self.io.writable and not self.capabilities.remote:
                self._watch.start(Path(args["path"]))
        elif command == "closed":
            self._watch.stop()
            if not self._rolling:
                self._clock.pause()
                self._paused = False
        elif command == "error":
            self._problem, self._problem_at = str(args.get("message", "")), monotonic()
        super()._notify(command, **args)

    # ------------------------------------------------------------- reactions
    def _limits_changed(self, *_: Any) -> None:
        values = self.settings.child("recording")
        self._roll = Limit(
            int(values["roll_over_size"] * 1e6), values["roll_over_time"] * 60, int(values["roll_over_frames"])
        )
        self._stop = Limit(0, values["stop_after_time"] * 60, int(values["stop_after_frames"]))
        self._reserve = Reserve(int(values["reserve"] * 1e6))
        self._wanted_size = 0
        self._sources.required = source_names(values["sources"])

    def _nexus_changed(self, value: bool) -> None:
        self.nexus = bool(value)

    def _isolated_changed(self, _: Any) -> None:
        if not self.isopen():
            self.apply_isolated()

    def apply_isolated(self) -> None:
        """Let the next file be written as the settings say, in a process of its own or here; an open file is closed."""
        wanted = bool(self.settings["backend", "isolated"])
        if self.isolated != wanted:
            self.close_file()
            self.isolated = wanted
        if self.capabilities.journal:
            usual = Durability.JOURNAL if self.isolated else Durability.FLUSH
            self.durability = Durability.POWER if self.settings["backend", "power_safe"] else usual
