"""The commands of ``status_sig``, and numbers as people read them: sizes, durations, time left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from h5saver_widget.format.text import format_size

__all__ = ["ThreadCommand", "explain", "format_left"]


@dataclass(frozen=True)
class ThreadCommand:
    """One change of state of a saver.

    Attributes
    ----------
    command
        One of the names below.
    args
        Values of the command, by name:

        =========  ==================================================  ===========================================
        command    args                                                when
        =========  ==================================================  ===========================================
        opened     ``path``, ``created``, ``moved_aside`` (or None)    a file was created or opened
        saving     ``path``                                            Do Save was switched on
        saved      ``frames``, ``bytes``, ``lost``                     data were saved; at most 10 times a second
        closed     ``path``, ``frames``, ``bytes``                     the file is complete and closed
        paused     ``path``                                            frames are skipped from now on
        resumed    ``path``                                            saving goes on after a pause
        message    ``text``                                            something worth knowing happened
        error      ``message``, ``exception`` (or None)                something did not work
        =========  ==================================================  ===========================================

        ``frames``, ``bytes`` and ``lost`` (frames that could not be saved) count from the opening of the file.

    Examples
    --------
    >>> ThreadCommand('saved', {'frames': 1200, 'bytes': 2_400_000}).message
    '1,200 frames saved, 2.4 MB'
    """

    command: str
    args: Mapping[str, Any] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """The command as a sentence for people."""
        args = self.args
        if self.command == "opened":
            verb = "New file" if args.get("created") else "Opened"
            aside = args.get("moved_aside")
            kept = f" (the older file of this name is kept as {Path(aside).name})" if aside else ""
            return f"{verb} {args.get('path')}{kept}"
        if self.command == "saving":
            return f"Saving into {args.get('path')}"
        if self.command in ("paused", "resumed"):
            return f"{self.command.capitalize()}: {args.get('path')}"
        if self.command in ("saved", "closed"):
            frames = args.get("frames", 0)
            count = f"{frames:,} frame{'' if frames == 1 else 's'} saved, {format_size(args.get('bytes', 0))}"
            return count if self.command == "saved" else f"Closed {args.get('path')}: {count}"
        return str(args.get("text") or args.get("message") or self.command)


def explain(error: BaseException) -> str:
    """Return the message of an error, in words: no numbers of the operating system, no empty text.

    Examples
    --------
    >>> explain(PermissionError(13, 'Permission denied', '/data'))
    'Permission denied: /data'
    """
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.strerror}: {error.filename}"
    return str(error) or type(error).__name__


def format_left(seconds: float) -> str:
    """Return how long something lasts, in the two units that matter.

    Examples
    --------
    >>> [format_left(seconds) for seconds in (42, 750, 11_400, 393_000, 4e7)]
    ['42 s', '12 min 30 s', '3 h 10 min', '4 d 13 h', 'over a year']
    """
    whole = int(seconds)
    if whole >= 365 * 86400:
        return "over a year"
    for size, unit, below, small in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {unit} {rest} {small}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"
