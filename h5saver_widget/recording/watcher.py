"""Watcher: watches the file of a recording. It pauses, ends the file, or continues in the next one. No Qt.

A file ends and the next one begins *between* frames: a frame asks for it, and it happens when no thread is in the
middle of a frame. No frame is cut, and none is lost. A new file waits for the end of a scan; a scan that was given up
ends when the next one begins.

A watcher is made of parts, each with its own question: :class:`~h5saver_widget.recording.limits.Limits` (when
does a file end?), :class:`~h5saver_widget.recording.disk.FreeSpace` (is there room?),
:class:`~h5saver_widget.recording.sources.Sources` (does everything come?),
:class:`~h5saver_widget.recording.mirroring.Mirroring` (is it copied?),
:class:`~h5saver_widget.recording.counts.Counts` (how much was it?), :class:`~h5saver_widget.recording.flow.Flow` (does
anything come?), and a clock. The file itself, with its frames, belongs to the maker of the watcher.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Final

from h5saver_widget.backends.terms import Activity
from h5saver_widget.errors import FileGoneError, FileNotOpenError, H5SaverError
from h5saver_widget.format.text import format_size
from h5saver_widget.recording.chronometer import Chronometer
from h5saver_widget.recording.counts import Counts
from h5saver_widget.recording.disk import FreeSpace
from h5saver_widget.recording.flow import PATIENCE, SCAN_PATIENCE, Flow
from h5saver_widget.recording.limits import Limits
from h5saver_widget.recording.mirroring import Mirroring
from h5saver_widget.recording.settings import Settings
from h5saver_widget.recording.sources import Sources, source_names
from h5saver_widget.recording.status import RecorderState, RecorderStatus
from h5saver_widget.saving.statistics import Statistics

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["Watcher"]

#: An error counts as the state of the recorder for so long if saving continues, in s.
ERROR_SECONDS: Final = 5.0
#: A disk without progress for so long does not answer, in s.
ANSWER_SECONDS: Final = 2.0


class Watcher:
    """Decides, between two frames, whether a recording continues.

    Parameters
    ----------
    file
        The recorder, which has the file of the recording.

    Attributes
    ----------
    is_paused
        Whether frames of continuous recordings are skipped now.
    pauses
        How often a pause has begun or ended.
    is_rolling
        Whether one file was closed and the next is not open yet.
    due
        Why the file is to end as soon as no thread is in the middle of a frame; ``''`` for nothing.
    stopped_because
        Why saving was stopped; ``''`` if it was not.
    problem
        The last problem.
    ended
        Why the last recording has ended by itself, and which sources never came into it.
    frames_before
        How many frames of the recording came before its start: a limit counts from there.
    """

    def __init__(self, file: H5SaverBase) -> None:
        self._file = file
        self.clock, self.counts, self.flow = Chronometer(), Counts(), Flow()
        self.limits, self.space, self.sources, self.mirroring = Limits(), FreeSpace(), Sources(), Mirroring(file)
        self.is_paused = self.is_rolling = self._rolls = False
        self.pauses = 0
        self.frames_before = 0
        self._asked: Callable[[], Path] | None = None
        self._ended: Statistics | None = None
        #: Returns of how many seconds frames are held for a recording, in s; None if none are.
        self.held: Callable[[], float | None] = lambda: None
        self.due = self.stopped_because = self.problem = self.ended = ""
        self._limit = ""  # which one ends the file that is about to be closed, in a sentence
        self._problem_at, self._is_gone = 0.0, False

    def follow(self, settings: Settings) -> None:
        """Take limits, reserve and sources from settings."""
        self.limits.follow(settings)
        self.space.keep(int(settings.reserve * 1e6))
        self.sources.required = source_names(settings.sources)

    # ----------------------------------------------------------- life of a file
    def opened(self, path: Path) -> None:
        """Take note that a file was opened: another recording begins, or the next part of this one."""
        self.limits.file_opened()
        if self.is_rolling and self._asked is None:
            if self._ended is not None:
                self.counts.add(self._ended)
        else:
            self.counts.begin()
            self.flow.begin()
            self.is_paused = False
            self.stopped_because = self.problem = self.due = self.ended = ""
            self._asked, self.frames_before = None, 0
            self.sources.clear()
            self.clock.reset()
            self.clock.start()
        on_disk = self._file.io.writable and not self._file.io.capabilities.remote
        self.space.file_opened(path if on_disk else None)

    def closed(self) -> None:
        """Take note that the file was closed."""
        self._is_gone = False
        self.space.watch.stop()
        self.mirroring.file_closed()
        if not self.is_rolling:
            self.clock.pause()
            self.flow.end(monotonic(), self._frames_so_far())
            self.is_paused = False
            self.due, self._asked = "", None  # what was due ends with its file: the next one is new already
            self.ended = " ".join(filter(None, (self._limit, self.never_came())))
            self._limit = ""

    def never_came(self) -> str:
        """Return which needed sources have never come into a recording that is not just begun, in words."""
        is_one = self._frames_so_far() or self.clock.elapsed > PATIENCE
        return self.sources.never_came() if is_one else ""

    def failed(self, message: str, error: BaseException | None = None) -> None:
        """Take note of an error; a file that was removed while it was written takes nothing any more."""
        if isinstance(error, FileNotOpenError) and self.problem and not self._file.isopen():
            return  # why there is no file tells more
        self.problem, self._problem_at = message, monotonic()
        self._is_gone = self._is_gone or isinstance(error, FileGoneError)

    @property
    def is_given_up(self) -> bool:
        """Whether the open file takes nothing any more."""
        return self._file.isopen() and (self._is_gone or self._file.io.queue.failure is not None)

    def pause(self) -> bool:
        """Leave out frames of continuous recordings from now on; return whether that is new. Never waits."""
        if self.is_paused or not self._file.isopen():
            return False
        self.is_paused = True
        self.pauses += 1
        self.clock.pause()
        self.flow.end(monotonic(), self._frames_so_far())
        return True

    def resume(self) -> bool:
        """Go on after a pause; return whether a file is recorded into. Never waits."""
        was_paused, self.is_paused = self.is_paused, False
        if not was_paused or not self._file.isopen():
            return False
        self.pauses += 1
        self.clock.start()
        self.flow.resume(monotonic())
        return True

    def _frames_so_far(self) -> int:
        return self.counts.before.frames_received + self._file.frames_saved

    def scan_ended(self) -> None:
        """Take note that a scan has ended: nothing comes of it any more, and its pause ends with it."""
        self.flow.end(monotonic(), self._frames_so_far())
        self.resume()

    def scan_begins(self) -> None:
        """End a pause; go on in a new file if one is due: the scan before was given up, this one has nothing yet."""
        self.resume()
        if self.due and self._rolls:
            self._roll_over(self.due)

    def wait_for_scan(self, make: Callable[[], Path]) -> bool:
        """Have a new file made by `make` when the scan that runs has ended, and say so.

        Returns
        -------
        bool
            False if no scan runs, or one waits for it already: the file is to be made now.
        """
        if self._asked is not None or not self._file.scan_runs:
            return False
        self._asked, self._rolls = make, True
        self.due = self.due or "the end of the scan"
        self._file.update_status("The new file is made when the scan ends; to have it now, press New file again")
        return True

    # ----------------------------------------------------------- every frame
    def frame_saved(self) -> None:
        """See whether the frame that was just saved is the last one of its file."""
        self._look(self._file_size)

    def _look(self, file_size: Callable[[], int]) -> None:
        file = self._file
        if self.is_rolling:
            return
        stop = self.space.problem(file.bytes_saved)
        if not stop and self.limits.any:
            stop = self.limits.stop_reason(self.clock.elapsed, self._frames_so_far() - self.frames_before)
            if not stop and not self.due:
                self.due = self.limits.roll_reason(file.frames_saved, file.bytes_saved, file_size)
                self._rolls = True
                if self.due and file.scan_runs:
                    file.update_status(f"After {self.due}, the recording continues in a new file when the scan ends")
        if stop:
            self.due, self._rolls = stop, False

    def is_due(self) -> bool:
        """Tell whether :meth:`end_file_if_due` has something to do; takes no lock and looks at no disk."""
        if not self._file.io.writable:
            return False
        room = self.space.watch.latest
        self._look(lambda: 0 if room is None else room.file_size or 0)
        return bool(self.due) and not (self._rolls and self._file.scan_runs)

    def end_file_if_due(self) -> None:
        """End the file or continue in the next one, if that is due and no thread is in the middle of a frame."""
        file, full = self._file, ""
        if not self.due or (self._rolls and file.scan_runs):
            return
        if self.space.problem(file.bytes_saved):
            # Accepted data may be compressed, or be on the disk since: only measuring a flushed file decides.
            file.flush()
            full = self.space.problem_now(file.bytes_saved)
        with file.io.switching():
            if self.is_rolling or file.is_within_step() or not file.io.writable:
                return
            stop = full or self.limits.stop_reason(self.clock.elapsed, self._frames_so_far() - self.frames_before)
            if stop:
                self._end(stop, failed=bool(full))
            elif self._rolls:
                self._roll_over(self.due)
            else:  # there is room again
                self._rolls = self._asked is not None
                self.due = "the end of the scan" if self._rolls else ""

    def _file_size(self) -> int:
        found = self._file.file_statistics().file_size
        if found is None and (path := self._file.file_path) is not None:
            try:
                found = path.stat().st_size
            except OSError:  # the folder is gone: writing tells
                found = 0
        return found or 0

    def _end(self, reason: str, failed: bool) -> None:
        """Complete and close the file by itself, and say why."""
        file = self._file
        path, self.problem, self.due = file.file_path, "", ""
        self._limit = "" if failed else f"Saving has ended after {reason}, as set under Limits."
        file._close_now()
        frames, trouble = self.statistics().frames_written, self.problem
        file.switch_off()
        if failed:
            self.stopped_because = reason
            state = trouble or f"{path} is complete and closed, {frames:,} frames are in it"
            file._notify("error", message=f"Saving was stopped: {reason}. {state}", exception=None)
        else:
            file.update_status(f"{self.ended} {frames:,} frames are in the file")

    def _roll_over(self, reason: str) -> None:
        """Continue in a new file; if none can be made, continue in this one."""
        file = self._file
        self.due = ""
        self.is_rolling = True
        try:
            if self._asked is not None:
                self._asked()
                return
            new = file.next_part(self.counts.part + 1, reason)
        except (H5SaverError, OSError) as error:
            self.limits.try_later()
            file.report("The recording could not continue in a new file; it continues in the same one", error)
        else:
            self.counts.part += 1
            file.update_status(f"After {reason}, the recording continues in {new.name}")
        finally:
            self._ended = self._asked = None
            self.is_rolling = False

    def file_ends(self) -> None:
        """Keep the counts of the file that ends now, because the recording continues in another one."""
        now = self._file.file_statistics()
        self._ended = now if now.bytes_on_disk else replace(now, bytes_on_disk=self._file_size())

    # ----------------------------------------------------------------- status
    def statistics(self) -> Statistics:
        """Return the counts since the recording began, over all of its files; never waits."""
        found = self.counts.total(self._file.file_statistics())
        return self.space.added_to(found, self.counts.part == 1, self._file.isopen())

    def status(self, last_file: str) -> RecorderStatus:
        """Return how the recorder is; never waits, may be called in any thread.

        Parameters
        ----------
        last_file
            Path of the file that was open last, in the settings.
        """
        now, statistics, opened = monotonic(), self.statistics(), self._file.isopen()
        doing, seconds = self._file.pending()
        activity = self._file.io.queue.activity()
        # a process that closes may have long work to do, such as a seal: as long as it goes on, the disk answers
        late = activity.seconds if not doing or activity.doing == doing == "closing" else seconds
        waiting = late if late > ANSWER_SECONDS else 0.0
        missing = self.sources.missing(now, now - self.clock.elapsed) if opened and not self.is_paused else ()
        is_refused = bool(activity.problem) and not self.is_given_up
        if is_refused:
            whose = "the server refuses what is written, it is tried again: "
            is_refused = not self._file.io.capabilities.remote  # what a server refuses is kept here
            missing = (f"{'' if is_refused else whose}{activity.problem}", *missing)
        elif waiting:
            missing = (_not_answering(doing, waiting, statistics), *missing)
        patience = SCAN_PATIENCE if self._file.scan_runs else PATIENCE
        if opened and not self.is_paused:
            self.flow.look(now, self._frames_so_far(), patience)
        mirror = self.mirroring.status()
        if mirror is not None and mirror.problem:
            missing = (*missing, f"the mirror: {mirror.problem}. The file on the disk is not affected.")
        return RecorderStatus(
            self._state(doing, opened, waiting, is_refused, statistics, now),
            statistics,
            self._file.file_path or (Path(last_file) if last_file else None),
            self.flow.seconds(now),
            self.counts.part,
            missing,
            self.problem,
            _not_safe(activity) or ("" if mirror is None else mirror.text),
            waiting,
            opened,
            "" if opened else self.ended,
            self.is_given_up,
            "The new file is made when the scan ends" if self._rolls and self.due and self._file.scan_runs else "",
            held_seconds=self.held() or 0.0,
        )

    def _state(
        self, doing: str, opened: bool, waiting: float, is_refused: bool, statistics: Statistics, now: float
    ) -> RecorderState:
        """Return the one word for all of it; the only place where it is decided."""
        if doing:
            return RecorderState.OPENING if doing == "opening" else RecorderState.CLOSING
        if self.problem and (not opened or self.is_given_up or now - self._problem_at < ERROR_SECONDS):
            return RecorderState.ERROR
        if not opened:
            return RecorderState.CLOSED if self.held() is None else RecorderState.ARMED
        if is_refused:
            return RecorderState.ERROR
        if waiting:
            return RecorderState.NOT_ANSWERING
        if self.is_paused:
            return RecorderState.PAUSED
        return RecorderState.RECORDING if self.flow.is_on and statistics.frames_written else RecorderState.OPEN


def _not_safe(activity: Activity) -> str:
    """Return in words the data that the server of the recording does not have yet; ``''`` if it has everything."""
    waiting, on_disk = activity.unsafe_bytes + activity.spilled_bytes, activity.spilled_bytes
    where = f", {on_disk / 1e6:,.1f} MB of that on the local disk" if on_disk else ""
    return f"{waiting / 1e6:,.1f} MB are not on the server yet{where}" if waiting else ""


def _not_answering(doing: str, seconds: float, statistics: Statistics) -> str:
    what = f"{doing} takes long: " if doing else ""
    frames, size = statistics.frames_waiting, format_size(statistics.queue_bytes)
    wait = "1 frame waits, and is" if frames == 1 else f"{frames:,} frames wait ({size}), and are"
    queue = f"; {wait} written when it does" if frames else ""
    return f"{what}the disk has not answered for {seconds:.0f} s{queue}"
