"""Couriers: make the copies that are noted, in the background, a thread for each folder; problems are tried again."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Final

from h5saver_widget.backends.remote_options import RemoteOptions
from h5saver_widget.copies.freeing import free
from h5saver_widget.copies.notes import CopyNote, notes_folder, on_server, only_one
from h5saver_widget.copies.places import place_of
from h5saver_widget.copies.sending import Pace, attempt
from h5saver_widget.errors import CopyError, H5SaverError
from h5saver_widget.format.text import format_size

__all__ = ["Copies", "CopiesStatus", "want_copy"]

#: After a problem it is tried again after so long, in s; twice as long each time.
_FIRST_PAUSE: Final = 2.0
_LONGEST_PAUSE: Final = 60.0
#: A disk without progress for so long does not answer, in s.
_SILENCE: Final = 20.0


@dataclass(frozen=True)
class CopiesStatus:
    """How the copies are.

    Attributes
    ----------
    waiting
        Files that are not safe yet, of each folder.
    safe
        Copies that have become safe since the program began.
    doing
        How far the file is that is being copied, in words; ``''`` if none is.
    problems
        Folders with trouble, and why.
    """

    waiting: int = 0
    safe: int = 0
    doing: str = ""
    problems: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it in a few words; ``''`` if there is nothing to tell."""
        if self.waiting:
            return f"{self.waiting} not safe yet" + (f", {self.doing}" if self.doing else "")
        return f"all safe ({self.safe} copied)" if self.safe else ""


def want_copy(file: Path, folder: Path | str, base: Path | None, notes: Path) -> CopyNote:
    """Note that a file is to be in a folder, with the folders that it is in below `base`; it may be open still."""
    below = file.parent.relative_to(base) if base is not None and file.is_relative_to(base) else Path()
    note = CopyNote(str(file), str(folder), (below / file.name).as_posix())
    known = note.known(notes)
    note = note if known is None else replace(known, is_safe=False, problem="")
    note.write(notes)
    return note


class Copies:
    """The couriers of a program.

    Parameters
    ----------
    notes
        The folder of the notes; that of the user by default.

    Examples
    --------
    >>> import tempfile
    >>> here = Path(tempfile.mkdtemp())
    >>> (here / 'usb').mkdir()
    >>> _ = (here / 'a.txt').write_bytes(b'some data')
    >>> copies = Copies(here / 'notes')
    >>> copies.want(here / 'a.txt', [here / 'usb'])
    >>> copies.wait(30), copies.status().text, (here / 'usb' / 'a.txt').read_bytes()
    (True, 'all safe (1 copied)', b'some data')
    """

    def __init__(self, notes: Path | None = None) -> None:
        self._notes = notes or notes_folder()
        #: Bytes in a second to each folder; 0: no limit.
        self.rate = 0.0
        #: Local files are deleted once so many copies are safe; 0: never.
        self.free_at = 0
        #: The server of folders on a server; None: that of the environment.
        self.server: RemoteOptions | None = None
        #: Returns a file that is not deleted, because it may be opened again.
        self.keeps: Callable[[], Path | None] = lambda: None
        self._couriers: dict[str, _Courier] = {}
        weakref.finalize(self, _end_all, self._couriers).atexit = False

    def want(self, file: Path, folders: Sequence[Path | str], base: Path | None = None) -> None:
        """Note that a file is to be in some folders, and begin."""
        for folder in folders:
            want_copy(file, folder, base, self._notes)
        self.begin(folders)

    def begin(self, folders: Sequence[Path | str]) -> None:
        """Begin to make the copies that are noted for some folders, or go on with them now. Never waits."""
        for folder in map(str, folders):
            courier = self._couriers.setdefault(folder, _Courier(folder, self._notes))
            courier.rate, courier.free_at, courier.keeps = self.rate, self.free_at, self.keeps
            courier.server = self.server
            courier.begin()

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is left to be done now; return whether that is so."""
        end = monotonic() + seconds
        for courier in self._couriers.values():
            courier.wait(max(0.0, end - monotonic()))
        return not any(courier.left for courier in self._couriers.values())

    def stop(self) -> None:
        """Stop at the next piece; unfinished copies go on the next time."""
        _end_all(self._couriers)

    def status(self) -> CopiesStatus:
        """Return how the copies are; never waits."""
        couriers = list(self._couriers.values())
        doing = next((courier.doing for courier in couriers if courier.doing), "")
        problems = tuple(filter(None, (courier.trouble() for courier in couriers)))
        return CopiesStatus(sum(one.waiting for one in couriers), sum(one.safe for one in couriers), doing, problems)


def _end_all(couriers: dict[str, _Courier]) -> None:
    for courier in couriers.values():
        courier.end()


class _Courier:
    """Makes the copies for one folder."""

    def __init__(self, folder: str, notes: Path) -> None:
        self._folder, self._notes = folder, notes
        self.rate, self.free_at = 0.0, 0
        self.server: RemoteOptions | None = None
        self.keeps: Callable[[], Path | None] = lambda: None
        self.left = self.safe = 0
        self.doing = self.problem = ""
        self._moved_at = 0.0
        self._pace = Pace()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_asked = self._ends = False

    def begin(self) -> None:
        """Have everything that is noted copied, from now on."""
        with self._changed:
            self._is_asked, self._ends = True, False
            self._pace.rate = self.rate * 1e6
            self._changed.notify_all()
            if self._thread is None:
                self._pace = Pace(self.rate * 1e6, self._moved)
                self._thread = threading.Thread(target=self._run, name="h5saver: copies", daemon=True)
                self._thread.start()

    def end(self) -> None:
        """Stop at the next piece."""
        with self._changed:
            self._ends = True
            self._pace.ends.set()
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Wait until nothing is left, or the rest has to be tried again later."""
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None or bool(self.problem), seconds)

    @property
    def waiting(self) -> int:
        """Files that are not safe yet; at least one until the notes were looked through."""
        return max(self.left, int(self._is_asked))

    def trouble(self) -> str:
        """Return why copies are not safe, ``''`` if all is well; never waits."""
        silent = monotonic() - self._moved_at
        if self.doing and silent > _SILENCE:
            return f"{self._folder} has not answered for {silent:.0f} s"
        return self.problem

    def _moved(self, done: int, total: int) -> None:
        self._moved_at = monotonic()
        self.doing = f"{100 * done / max(1, total):.0f} % of {format_size(total / 2)}"

    def _run(self) -> None:
        pause = _FIRST_PAUSE
        while True:
            with self._changed:
                if self._ends or not (self._is_asked or self.left or self.problem):
                    self._thread = None
                    self._changed.notify_all()
                    return
                self.left = max(self.left, 1)
                frees, self._is_asked = self._is_asked, False
            problem = self._copy_all(frees)
            with self._changed:
                self.problem = problem
                self._changed.notify_all()
                if problem:
                    self._changed.wait_for(lambda: self._is_asked or self._ends, pause)
                pause = min(2 * pause, _LONGEST_PAUSE) if problem else _FIRST_PAUSE

    def _copy_all(self, frees: bool) -> str:
        """Copy everything that is noted for the folder; return why something could not be, ``''`` if all could."""
        problem = ""
        try:
            if not on_server(self._folder):
                place_of(Path(self._folder), self._notes)  # a wrong folder is told before there is anything to copy
        except CopyError as error:
            self.left = len(self._todo())
            return str(error)
        except OSError as error:
            return f"{self._folder} can't be used for copies: {error.strerror or error}"
        try:
            for number, note in enumerate(todo := self._todo()):
                self.left = len(todo) - number
                self.doing, self._moved_at = "begun", monotonic()
                done = attempt(note, self._notes, self._pace, self.server)
                self.safe += done.is_safe
                problem = done.problem or problem
                if self._ends:
                    return problem
            self.left = len(self._todo())
            return (self._free_all() if frees and self.free_at else "") or problem
        except OSError as error:
            return f"the notes of copies in {self._notes} can't be used: {error}"
        finally:
            self.doing = ""

    def _todo(self) -> list[CopyNote]:
        """Return the copies that can be made: those of files that are there."""
        return [note for note in CopyNote.waiting(self._notes, self._folder) if note.path.exists()]

    def _free_all(self) -> str:
        """Delete local files of which enough copies are safe; return why one that should be is kept."""
        with only_one(self._notes / "free.lock") as is_one:
            for note in list(CopyNote.read_all(self._notes)) if is_one else ():
                if (
                    note.state == "safe"
                    and note.folder == self._folder
                    and self.keeps() != note.path
                    and note.path.exists()
                ):
                    try:
                        free(note.file, self.free_at, self._notes, self._pace)
                    except (H5SaverError, OSError) as error:
                        return str(error)
        return ""
