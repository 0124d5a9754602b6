"""The results of checking and repairing, as plain data and in words."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any

from h5saver_widget.format.text import format_size

__all__ = ["Condition", "ExitCode", "FileState", "ModuleContent", "Problem", "RepairReport"]

_SHOWN = 20


class Condition(Enum):
    """The state of a file; the value names it."""

    GOOD = "closed properly"
    NEEDS_MORE = "whole, but something that it needs is not here"
    IN_USE = "being written right now"
    NOT_CLOSED = "was being written when its program ended"
    TRUNCATED = "cut off: its end is missing"
    DAMAGED = "damaged"
    UNREADABLE = "can't be read"
    NOT_HDF5 = "not an HDF5 file"


class ExitCode(IntEnum):
    """Exit codes of the command line; 2 is a mistake in the command itself."""

    GOOD = 0
    NEEDS_REPAIR = 1
    NOT_READABLE = 3
    NEEDS_MORE = 4


@dataclass(frozen=True)
class Problem:
    """A place in a file that can't be read, or could not be saved.

    Attributes
    ----------
    path
        Path of the node.
    what
        The damage.
    """

    path: str
    what: str

    def __str__(self) -> str:
        """Return path and reason in a line."""
        return f"{self.path}: {self.what}"


@dataclass(frozen=True)
class ModuleContent:
    """A detector, actuator or the like in a file.

    Attributes
    ----------
    path, title, kind
        Path, title and type of the module.
    frames
        How many frames (of a scan: points) it holds.
    """

    path: str
    title: str
    kind: str
    frames: int


@dataclass(frozen=True)
class FileState:
    """The findings about a file.

    Attributes
    ----------
    path, size
        The file, and its size in bytes.
    condition
        The state it is in.
    must_repair
        Whether other programs can't open it as it is, or can't read all of it.
    file_format
        What kind of HDF5 file it is.
    missing_bytes
        How much is missing at the end.
    journal
        Whether its program was killed in the middle of a flush: the missing part is in the journal beside the file.
    writer, created
        The program that made it and when, as far as it says so.
    holders
        Programs that have it open for writing.
    scans, log_lines
        How many of them are in it.
    completeness
        How many of how many frames are in it, and where others were lost; ``''`` where nobody has counted.
    drifts
        How the clocks of devices go, a line for each.
    modules
        Its detectors and the like.
    nodes
        How many groups and arrays could be looked at.
    problems
        Places that can't be read.
    needs
        Filters and other files that are needed to read all of it, and are not here.
    notes
        Unusual, harmless findings.
    """

    path: Path
    size: int
    condition: Condition
    must_repair: bool = False
    file_format: str = ""
    missing_bytes: int = 0
    journal: bool = False
    writer: str = ""
    created: str = ""
    holders: tuple[str, ...] = ()
    scans: int = 0
    log_lines: int = 0
    completeness: str = ""
    drifts: tuple[str, ...] = ()
    modules: tuple[ModuleContent, ...] = ()
    nodes: int = 0
    problems: tuple[Problem, ...] = ()
    needs: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()

    @property
    def frames(self) -> int:
        """How many frames are in the file."""
        return sum(module.frames for module in self.modules)

    @property
    def exit_code(self) -> ExitCode:
        """The exit code of a program that checks files."""
        if self.condition in (Condition.UNREADABLE, Condition.NOT_HDF5):
            return ExitCode.NOT_READABLE
        if self.condition is Condition.NEEDS_MORE:
            return ExitCode.NEEDS_MORE
        return ExitCode.NEEDS_REPAIR if self.must_repair else ExitCode.GOOD

    @property
    def content(self) -> str:
        """The content of the file, in words."""
        counts: dict[str, int] = {}
        for module in self.modules:
            counts[module.kind] = counts.get(module.kind, 0) + 1
        parts = [_count(self.scans, "scan")] if self.scans else []
        parts += [_count(number, kind) for kind, number in sorted(counts.items())]
        if self.modules:
            parts.append(_count(self.frames, "frame"))
        if self.log_lines:
            parts.append(_count(self.log_lines, "log line"))
        return ", ".join(parts) or _count(self.nodes, "node")

    @property
    def advice(self) -> str:
        """Advice for people."""
        name = self.path.name
        if self.condition is Condition.IN_USE:
            return "let the program that writes it close it; to look inside now, use open_for_reading()"
        if self.condition is Condition.NOT_HDF5:
            return "is it the right file? If it was one, its beginning is lost; take a copy from a backup"
        if self.condition is Condition.NEEDS_MORE:
            return "nothing is damaged: what is needed is listed below; there is nothing to repair"
        if self.condition is Condition.UNREADABLE:
            return f"try `h5saver repair {name}`: it works on a copy; or take a copy of the file from a backup"
        if self.must_repair:
            return f"`h5saver repair {name}`: it works on a copy and lists what could not be saved"
        if self.condition is Condition.NOT_CLOSED:
            return "nothing has to be done: every program can open it; the last second before the end may be missing"
        return "nothing"

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        found = dataclasses.asdict(self)
        return {
            **found,
            "path": str(self.path),
            "condition": self.condition.name,
            "sentence": self.condition.value,
            "content": self.content,
            "frames": self.frames,
            "advice": self.advice,
        }

    def in_words(self) -> str:
        """Return the report for people, on some lines."""
        lines = [f"{self.path}: {self.condition.value}"]
        lines += [
            f"  {label:<12} {text}"
            for label, text in (
                ("format", ", ".join(filter(None, (self.file_format, format_size(self.size))))),
                ("missing", format_size(self.missing_bytes) if self.missing_bytes else ""),
                ("written by", ", ".join(filter(None, (self.writer, self.created)))),
                ("open in", ", ".join(self.holders)),
                ("content", self.content if self.nodes else ""),
                ("complete", self.completeness),
                *(("clock", drift) for drift in self.drifts),
                ("what to do", self.advice),
            )
            if text
        ]
        lines += _listed("can't be read", self.problems)
        return "\n".join([*lines, *_listed("needs", self.needs), *_listed("to be known", self.notes)])


@dataclass(frozen=True)
class RepairReport:
    """The report of a repair.

    Attributes
    ----------
    path
        The original, which is as it was.
    before
        Its state.
    out
        The repaired copy, None if none was made.
    after
        The state of the copy.
    done
        The steps of the repair.
    lost
        The objects that could not be saved.
    objects
        The state of each object that was copied by itself: ``whole``, ``part`` or ``lost``; empty where the file was
        copied as a whole.
    """

    path: Path
    before: FileState
    out: Path | None = None
    after: FileState | None = None
    done: tuple[str, ...] = ()
    lost: tuple[Problem, ...] = ()
    objects: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def exit_code(self) -> ExitCode:
        """0: the copy, or the file if it needed nothing, is good and whole; 1: parts are lost; 3: nothing was saved.

        4: the file is whole, and needs something that is not here.
        """
        if self.out is None or self.after is None:
            can_be = self.before.exit_code in (ExitCode.GOOD, ExitCode.NEEDS_MORE)
            return self.before.exit_code if can_be else ExitCode.NOT_READABLE
        return ExitCode.NEEDS_REPAIR if self.lost or self.after.problems else ExitCode.GOOD

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain data."""
        return {
            "path": str(self.path),
            "out": None if self.out is None else str(self.out),
            "before": self.before.as_json(),
            "after": None if self.after is None else self.after.as_json(),
            "done": list(self.done),
            "lost": [dataclasses.asdict(problem) for problem in self.lost],
            "objects": self.objects,
        }

    def in_words(self) -> str:
        """Return the report for people, on some lines."""
        lines = [f"{self.path}: {self.before.condition.value}"]
        lines += [f"  {step}" for step in self.done]
        if self.objects:
            states = list(self.objects.values())
            lines.append(
                "  objects: " + ", ".join(f"{states.count(name):,} {name}" for name in ("whole", "part", "lost"))
            )
        if self.out is not None and self.after is not None:
            lines.append(f"{self.out}: {self.after.condition.value}, {self.after.content}")
            if not self.lost:
                lines.append("  nothing that had reached the file was lost")
        return "\n".join([*lines, *_listed("could not be saved", self.lost)])


def _listed(title: str, problems: tuple[Problem, ...]) -> list[str]:
    if not problems:
        return []
    shown = [f"    {problem}" for problem in problems[:_SHOWN]]
    if len(problems) > _SHOWN:
        shown.append(f"    ... and {len(problems) - _SHOWN} more (all of them with --json)")
    return [f"  {title}:", *shown]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
