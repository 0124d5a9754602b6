"""Alarms: events that somebody should know at once are handed to a command of the user's, and to listeners. No Qt.

A command runs in a thread of its own, with a time limit and without a shell, and gets the event as JSON. For one kind
of event it is run once in a minute at most; events in between are told by the next run.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import socket
import subprocess
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from h5saver_widget.errors import SettingError

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["ALARMS", "Alarm", "Alarms", "command_words"]

logger = logging.getLogger(__name__)

#: Kinds: a needed source is silent, frames are missing, an error, little room on the disk, the disk does not answer.
ALARMS: Final = ("silent", "gap", "error", "room", "stalled")
#: A command is run for one kind of alarm once in so long, in s, and is ended after so long.
EVERY_SECONDS: Final = 60.0
LIMIT_SECONDS: Final = 30.0
#: There is little room when the disk is full in so long, in s.
ROOM_SECONDS: Final = 600.0
#: It is looked for alarms so often, in s.
_LOOK_SECONDS: Final = 0.5
#: Sentences about the command itself, which are no alarm.
_FAILED: Final = "The alarm command"


@dataclass(frozen=True)
class Alarm:
    """An event that somebody should know at once.

    Attributes
    ----------
    kind
        One of :data:`ALARMS`; ``'test'`` for a try.
    text
        It in a sentence.
    source
        The source it is about; ``''`` for none.
    file
        Path of the file that is, or was last, written; ``''`` for none.
    time
        When, as ISO 8601 with the difference to UTC.
    host
        Name of the computer.
    times
        How often it has happened since the command was told the last time.

    Examples
    --------
    >>> Alarm('silent', 'Camera: nothing for 7 s', 'Camera').kind
    'silent'
    """

    kind: str
    text: str
    source: str = ""
    file: str = ""
    time: str = ""
    host: str = ""
    times: int = 1

    @property
    def json(self) -> str:
        """It as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)


def command_words(command: str) -> str | list[str]:
    """Return a command as a program is started with; on Windows it is split by the program itself.

    Raises
    ------
    SettingError
        If a quotation mark is missing.

    Examples
    --------
    >>> command_words('notify-send "A frame is missing"') if os.name != 'nt' else ['notify-send', 'A frame is missing']
    ['notify-send', 'A frame is missing']
    """
    if os.name == "nt":
        return command
    try:
        return shlex.split(command)
    except ValueError as error:
        raise SettingError(f"{_FAILED} can't be read: {error}; put words with blanks into quotation marks") from error


class Alarms:
    """The alarms of a recorder.

    Parameters
    ----------
    saver
        The recorder.

    Attributes
    ----------
    listeners
        Called with every :class:`Alarm`, in the thread that notices it; they must not wait.
    """

    def __init__(self, saver: H5SaverBase) -> None:
        self._saver = saver
        self.listeners: list[Callable[[Alarm], object]] = []
        self._lock = threading.Lock()
        self._now: set[tuple[str, str]] = set()
        self._looked_at = 0.0
        self._told_at: dict[str, float] = {}
        self._waiting: dict[str, Alarm] = {}
        self._failure = ("", "")

    # ------------------------------------------------------------------ noticing
    def look(self) -> None:
        """See whether something is wrong that was not before: to be called often. Never waits."""
        now = monotonic()
        if now - self._looked_at < _LOOK_SECONDS:
            return
        self._looked_at = now
        found = self._found(now)
        for kind, source in [key for key in found if key not in self._now]:
            self.happened(kind, found[kind, source], source)
        self._now = set(found)
        for kind in [*self._waiting]:
            self._tell(kind)

    def _found(self, now: float) -> dict[tuple[str, str], str]:
        saver = self._saver
        if not saver.isopen():
            return {}
        status = saver.status()
        found = {}
        if not saver.is_paused:
            for line in saver.watcher.sources.missing(now, now - saver.watcher.clock.elapsed):
                found["silent", line.partition(": ")[0]] = line
        if status.waiting_seconds:
            found["stalled", ""] = f"The disk has not answered for {status.waiting_seconds:.0f} s"
        left = status.statistics.seconds_left
        if left is not None and left < ROOM_SECONDS:
            found["room", ""] = f"The disk is full in {left / 60:.0f} min at this rate"
        return found

    def failed(self, message: str) -> None:
        """Take note of an error that people are told."""
        if not message.startswith(_FAILED):
            self.happened("error", message)

    def happened(self, kind: str, text: str, source: str = "") -> None:
        """Raise an alarm. Never waits."""
        saver = self._saver
        path, at = saver.store.current.current_h5_file, datetime.now().astimezone().isoformat(timespec="milliseconds")
        alarm = Alarm(kind, text, source, str(saver.file_path or path), at, socket.gethostname())
        for listener in [*self.listeners]:
            try:
                listener(alarm)
            except Exception:  # of a program's own code: it must not cost a frame
                logger.exception("What listens to alarms has failed")
        if saver.store.current.alarm_command:
            with self._lock:
                before = self._waiting.get(kind)
                self._waiting[kind] = alarm if before is None else replace(alarm, times=before.times + 1)
            self._tell(kind)

    # ------------------------------------------------------------------- telling
    def try_out(self) -> None:
        """Run the command with an alarm of the kind ``'test'``, and say how it went. Never waits."""
        if not self._saver.store.current.alarm_command:
            self._saver.update_status("There is no alarm command to be tried")
            return
        self._told_at.pop("test", None)
        self.happened("test", "This is a test: nothing has happened")

    def _tell(self, kind: str) -> None:
        """Run the command for the waiting alarm of a kind, unless it was run a short while ago."""
        with self._lock:
            now = monotonic()
            if kind not in self._waiting or now - self._told_at.get(kind, -EVERY_SECONDS) < EVERY_SECONDS:
                return
            alarm = self._waiting.pop(kind)
            self._told_at[kind] = now
        command = self._saver.store.current.alarm_command
        if command:
            threading.Thread(target=self._run, args=(command, alarm), name="h5saver: alarm", daemon=True).start()

    def _run(self, command: str, alarm: Alarm) -> None:
        problem = _problem_of(command, alarm.json)
        saver = self._saver
        if alarm.kind == "test" and not problem:
            saver.update_status(f"{_FAILED} works")
        if problem and (alarm.kind == "test" or self._failure != (command, problem)):
            saver._notify("error", message=f"{_FAILED} {problem}", exception=None)
        self._failure = (command, problem)


def _problem_of(command: str, event: str) -> str:
    """Run a command with an event as its input; return the problem in words, ``''`` for none."""
    hidden: dict[str, Any] = {"creationflags": 0x08000000} if os.name == "nt" else {"start_new_session": True}
    try:
        words = command_words(command)
        done = subprocess.run(
            words,
            input=f"{event}\n".encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=LIMIT_SECONDS,
            check=False,
            **hidden,
        )
    except subprocess.TimeoutExpired:
        return f"was ended because it took longer than {LIMIT_SECONDS:.0f} s"
    except (OSError, ValueError, IndexError) as error:
        return f"can't be run: {error.strerror if isinstance(error, OSError) and error.strerror else error}"
    said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    return f"has failed with exit code {done.returncode}{f': {said[:200]}' if said else ''}" if done.returncode else ""
