"""A mirror on a server: local recordings are copied there in the background, and wait for the network.

The local file is the one that counts. A thread reads it again and again through the backend that writes it (which needs
no lock and no SWMR) and sends new data; while the server is away it waits and tries again. When the file is closed, the
rest is copied from the closed file and both are compared by checksum. Copies that are unfinished when the program ends
are noted (:mod:`~h5saver_widget.remote.unfinished`), and the next mirror of this user, or ``h5saver push
--unfinished``, goes on.
"""

from __future__ import annotations

import atexit
import functools
import logging
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.errors import DataMismatchError, H5SaverError, RemoteError, WorkStoppedError
from h5saver_widget.progress import Progress
from h5saver_widget.recovery.lock_owners import programs_writing
from h5saver_widget.remote.identity import open_target
from h5saver_widget.remote.push_pull import complete, local_reader, remote_backend
from h5saver_widget.remote.transfer import Seen, copy_all
from h5saver_widget.remote.unfinished import Rests, Unfinished, left_behind, notes_folder
from h5saver_widget.saving.provenance import recording_id

__all__ = ["Mirror", "MirrorStatus"]

_LONGEST_WAIT = 30  # intervals between two tries
_END_SECONDS = 10.0
_SHARE = 0.1  # of the time is spent looking, at most: the file belongs to the one who writes it
_LOG = logging.getLogger("h5saver_widget.remote")


@dataclass(frozen=True)
class MirrorStatus:
    """How a mirror is.

    Attributes
    ----------
    sent_bytes
        Values that were sent since the mirror began.
    completed
        Files that are complete on the server, compared by checksum.
    waiting
        Closed files that are not complete there, of the disk and of the server.
    following
        Whether a file that is being written is followed.
    problem
        Why nothing can be sent now, ``''`` if all is well.
    notice
        A notice for people: that a copy has another name than its file.
    """

    sent_bytes: int = 0
    completed: int = 0
    waiting: int = 0
    following: bool = False
    problem: str = ""
    notice: str = ""

    @property
    def text(self) -> str:
        """The status in words."""
        if self.problem:
            return "behind, tries again"
        if self.waiting:
            return f"completing {self.waiting} file{'s' if self.waiting > 1 else ''}"
        words = "follows the file" if self.following else "complete" if self.completed else "ready"
        return f"{words}; {self.notice}" if self.notice else words


_mirrors: weakref.WeakSet[Mirror] = weakref.WeakSet()


@functools.cache
def _stop_at_exit() -> None:
    """Stop mirrors before the processes that they read from and write to: exit handlers run in reverse order."""

    def stop_all() -> None:
        for mirror in list(_mirrors):
            mirror.stop()

    atexit.register(stop_all)


class _Stop(Progress):
    """Lets a copy be left between two blocks."""

    def __init__(self, wanted: Callable[[], bool]) -> None:
        super().__init__()
        self._wanted = wanted

    def report(self, done: float = 0.0, total: float | None = None, text: str = "") -> None:
        """Leave the copy if that is wanted."""
        if self._wanted():
            self.stop()
        super().report(done, total, text)


@dataclass
class _Live:
    """A file that is being written, and its copy."""

    note: Unfinished
    source: Backend
    seen: Seen

    @property
    def is_open(self) -> bool:
        """Whether it is still this file that the backend writes."""
        return self.source.path == self.note.path


class Mirror:
    """Copies local recordings to a server.

    Parameters
    ----------
    options
        Where the server is.
    folder
        Folder on the server for the files.
    base
        Local folder: a file below it has the same path below `folder`, any other file only its name.
    interval
        How often a file is looked at, in s; more rarely if looking takes long.
    notes
        Folder for the notes of unfinished copies.

    Examples
    --------
    Without a widget, around any recording::

        with H5SaverLowLevel('detector') as h5saver, Mirror(RemoteOptions(), Path('/home/me')) as mirror:
            h5saver.init_file('scan.h5')
            mirror.follow(h5saver.io)
            ...                            # record
            h5saver.close_file()
            mirror.wait(60)
    """

    def __init__(
        self,
        options: RemoteOptions,
        folder: Path,
        *,
        base: Path | None = None,
        interval: float = 1.0,
        notes: Path | None = None,
    ) -> None:
        self._options, self._folder, self._base = options, folder, base
        self._notes = notes or notes_folder()
        self._interval = interval
        self._guard = threading.Lock()
        self._live: _Live | None = None
        self._waiting: list[Unfinished] = []
        self._target: Backend | None = None
        self._wake, self._ended = threading.Event(), threading.Event()
        self._busy = True
        self._cost = 0.0
        self._reader: Backend | None = None
        self._sent = self._completed = 0
        self._problem = ""
        self._given_up: set[Unfinished] = set()
        self._rests = Rests(options)
        self._notice = ""
        known = options.completed(secret=False)
        self._server = known.endpoint, known.username
        self._found_notes = False  # the thread looks for them: names of servers may have to be looked up
        self._thread = threading.Thread(target=_run, args=(weakref.ref(self), self._ended), daemon=True)
        self._thread.name = "h5saver: mirror"
        self._thread.start()
        _mirrors.add(self)
        _stop_at_exit()

    # ----------------------------------------------------------------- calls
    def follow(self, source: Backend) -> None:
        """Copy the file that a backend has just opened for writing, until it closes it."""
        path = source.path
        if path is None:
            return
        note = Unfinished(str(path.absolute()), self.domain_of(path).as_posix(), *self._server)
        note.write(self._notes)
        with self._guard:
            if self._live is not None:
                self._waiting.append(self._live.note)
            self._waiting = [other for other in self._waiting if other.file != note.file]
            self._live = _Live(note, source, {})
        self._wake.set()

    def let_go(self) -> None:
        """Be told that the file was closed: its rest is copied at once, instead of at the next look."""
        self._wake.set()

    def domain_of(self, path: Path) -> Path:
        """Return the path on the server of a local file."""
        if self._base is not None and path.is_relative_to(self._base):
            return self._folder / path.relative_to(self._base)
        return self._folder / path.name

    def status(self) -> MirrorStatus:
        """Return how the mirror is; never waits."""
        with self._guard:
            live = self._live is not None
            waiting = len(self._waiting) + len(self._rests.waiting)
            return MirrorStatus(self._sent, self._completed, waiting, live, self._problem, self._notice)

    def wait(self, seconds: float) -> bool:
        """Wait until every closed file is complete on the server; False if that took too long."""
        end = monotonic() + seconds
        while monotonic() < end:
            with self._guard:
                live = self._live
                done = not self._waiting and not self._busy and (live is None or live.is_open)
            if done:
                return True
            self._ended.wait(0.02)
        return False

    def stop(self, wait: bool = True) -> None:
        """Stop between two blocks; an unfinished copy stays noted. Without `wait`, return at once."""
        self._ended.set()
        self._wake.set()
        if wait and threading.current_thread() is not self._thread:
            self._thread.join(_END_SECONDS)

    def __enter__(self) -> Mirror:
        """Return this object; the mirror stops at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    # ---------------------------------------------------------------- thread
    def _look(self) -> bool:
        """Send new data, or complete a closed file; return whether more can be done at once."""
        if not self._found_notes:
            self._find_notes()
        with self._guard:
            if self._live is not None and not self._live.is_open:
                self._waiting.append(self._live.note)
                self._live = None
            live = self._live
            closed = [note for note in self._waiting if note not in self._given_up]
            self._busy = live is not None or bool(closed)
        try:
            if live is not None:
                self._copy_live(live)
                return not live.is_open
            note = next((note for note in closed if not (note.path.is_file() and programs_writing(note.path))), None)
            if note is None:
                self._close_target()
                self._rests.send()
            else:
                self._complete(note)
            return note is not None and len(closed) > 1
        finally:
            self._busy = False

    def _find_notes(self) -> None:
        """Take over the unfinished copies of other programs, under whichever name they know the server."""
        found, _, _ = left_behind(self._options, self._notes)
        with self._guard:
            mine = {note.file for note in self._waiting} | {self._live.note.file if self._live else ""}
            self._waiting += [note for note in found if note.path.is_file() and note.file not in mine]
        self._found_notes = True

    def _placed(self, note: Unfinished, place: Path, recording: str) -> Unfinished:
        """Note where a copy is, and of which recording, and tell people if that is not the name they expect."""
        if place != note.remote_path:
            self._notice = f"{note.remote_path} on the server is another recording: this one is {place}"
            _LOG.warning(self._notice)
        found = replace(note, domain=place.as_posix(), recording=recording)
        if found != note:
            note.remove(self._notes)
            found.write(self._notes)
        return found

    def _copy_live(self, live: _Live) -> None:
        """Send the new data of the file that is being written."""
        try:
            if self._target is None or self._target.path != live.note.remote_path:
                live.seen.clear()  # what the server has forgotten meanwhile is compared again
            target = self._opened_target()
            if target.path != live.note.remote_path:
                target.close()
                place = open_target(live.source, target, live.note.remote_path)
                live.note = self._placed(live.note, place, recording_id(live.source))
            began = monotonic()
            stop = _Stop(lambda: self._ended.is_set() or not live.is_open)
            found = copy_all(live.source, target, stop, seen=live.seen)
            self._cost = monotonic() - began
            if found.copied_bytes:
                target.checkpoint()
            self._sent += found.copied_bytes
        except WorkStoppedError:
            pass  # the file was closed, or the mirror stopped
        except Exception as error:  # whatever came of it: what nobody waited for may have failed before, and says why
            reason = self._target.queue.failure if self._target is not None else None
            if reason is not None or not isinstance(error, RemoteError):
                self._abandon()
            if live.is_open and reason is not None:
                raise RemoteError(f"the copy was interrupted: {str(reason).partition(';')[0]}") from error
            if live.is_open:
                raise
            # it was closed in the middle of the look: the rest comes from the closed file

    def _opened_target(self) -> Backend:
        """Return the backend of the server."""
        if self._target is None:
            self._target = remote_backend(self._options, isolated=True)
        return self._target

    def _complete(self, note: Unfinished) -> None:
        """Complete a closed file on the server, and note it no more."""
        if self._reader is None:
            self._reader = local_reader()
        try:
            copied = complete(note, self._reader, self._opened_target(), _Stop(self._ended.is_set))
            self._close_target()
            if copied.target != note.remote_path:
                self._placed(note, copied.target, note.recording).remove(self._notes)
        except FileNotFoundError:
            if note.path.is_file():
                raise
            _LOG.warning("%s is gone: it can't be completed on the server", note.file)
        except DataMismatchError:
            self._given_up.add(note)  # another look would find the same
            self._abandon()
            raise
        except (H5SaverError, OSError):
            self._abandon()
            raise
        note.remove(self._notes)
        with self._guard:
            self._waiting.remove(note)
            self._completed += 1

    def _close_target(self) -> None:
        if self._target is not None:
            self._target.close()

    def _abandon(self) -> None:
        with suppress(H5SaverError, OSError):  # the error that led here says more
            self._close_target()

    def _tell(self, error: BaseException | None) -> None:
        """Log when the server is lost and when it is back, not every try."""
        problem = "" if error is None else str(error)
        if bool(problem) != bool(self._problem):
            _LOG.warning("the mirror %s", f"is behind: {problem}" if problem else "continues")
        self._problem = problem


def _run(mirror: weakref.ref[Mirror], ended: threading.Event) -> None:
    """Look again and again, as long as the result is wanted."""
    failures = 0
    while (me := mirror()) is not None and not ended.is_set():
        again = False
        try:
            again = me._look()
            me._tell(None)
            failures = 0
        except WorkStoppedError:
            again = True
        except Exception as error:  # any error is reported, and the copy tried again, while the recording continues
            failures += 1
            me._tell(error)
        tired = me._interval * 2**failures if failures else me._cost * (1 / _SHARE - 1)
        pause = 0.0 if again else min(max(me._interval, tired), _LONGEST_WAIT * me._interval)
        wake = me._wake
        del me
        wake.wait(pause)
        wake.clear()
    if (me := mirror()) is not None:
        me._abandon()
