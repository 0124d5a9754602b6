"""Look at a file that can't be read as it is: with another end, or another beginning, of which the best is taken.

Nothing is copied for that: the file is shown to the library as if it had another superblock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from h5saver_widget.backends.registry import local_backends
from h5saver_widget.errors import FileOpenError
from h5saver_widget.format.journal import PAGE, read_journal
from h5saver_widget.format.superblock import Superblock, corrected, guess_superblock, read_superblock
from h5saver_widget.format.text import format_size
from h5saver_widget.recovery.parts import rows_in_words
from h5saver_widget.recovery.state import Problem
from h5saver_widget.recovery.survey import Survey, survey_file

__all__ = ["CLEARED", "MOST_MISSING", "ReadAttempt", "best_attempt", "present_superblock"]

CLEARED = "the mark of a program that was writing was cleared"
#: A file can have lost that much at its end, and as much as it has; more is a wrong number in its superblock.
MOST_MISSING = 1 << 30


@dataclass
class ReadAttempt:
    """One attempt to read a file: the content it found, and the corrections that it needed."""

    #: The content.
    survey: Survey
    #: Superblock and size that the file is looked at with.
    block: Superblock
    size: int
    #: Whether the file can be opened as it is.
    is_its_own: bool = True
    #: The corrections, for people.
    done: tuple[str, ...] = ()
    #: The objects in the part that is missing at the end.
    missing: list[Problem] = field(default_factory=list)

    @property
    def shown(self) -> dict[str, Any] | None:
        """Superblock and size as a child is told them; None for the file's own."""
        if self.is_its_own:
            return None
        return {"offset": self.block.offset, "raw": self.block.raw.hex(), "size": self.size}

    @property
    def is_closed(self) -> bool:
        """Whether not even the root group can be read."""
        return bool(self.survey.refused) or "closed" in self.survey.nodes.get("/", {"closed": True})

    @property
    def faults(self) -> int:
        """How many places can't be read."""
        bad = ("problem", "lost", "unread")
        return len(self.survey.skip) + sum(any(map(node.get, bad)) for node in self.survey.nodes.values())


def present_superblock(path: Path) -> tuple[Superblock | None, int]:
    """Return superblock and size of a file with the journal that belongs to it."""
    block, size, journal = read_superblock(path), path.stat().st_size, read_journal(path)
    if journal is None or block is None:
        return block, size
    at = block.offset % PAGE
    _, page = journal.pages.get(block.offset - at, (b"", b""))
    with suppress(ValueError, IndexError):
        block = Superblock.parse(block.offset, page[at:])
    return block, journal.size


def best_attempt(path: Path) -> ReadAttempt | None:
    """Return the attempt that finds most; None if there is no sign of an HDF5 file."""
    best: ReadAttempt | None = None
    for attempt in _attempts(path):
        if "driver should be used" in attempt.survey.refused:
            return attempt  # a part of what is spread over several files
        if best is None or (attempt.is_closed, attempt.faults) < (best.is_closed, best.faults):
            best = attempt
        if not (best.is_closed or best.faults):
            break
    return best


def _attempts(path: Path) -> Iterator[ReadAttempt]:
    """Look at a file in one way after the other, the likeliest first."""
    block, size = present_superblock(path)
    right = corrected(block) if block is not None and not block.is_valid else block
    done = () if right is block else ("a wrong bit in the superblock was put right",)
    with suppress(OverflowError):  # addresses that no file has
        yield from _with_ends(path, right, size, done) if right is not None else ()
    with suppress(FileOpenError):
        guess = guess_superblock(path)
        if right is None or right.version < 2:  # the others have a checksum
            what = "the superblock was lost; it was made anew from the root group behind it"
            yield ReadAttempt(_survey(path, guess, size), guess, size, False, (what,))


def _with_ends(path: Path, block: Superblock, size: int, done: tuple[str, ...]) -> Iterator[ReadAttempt]:
    """Read a file as it is, then with its actual end, then with zeros for the missing part."""
    missing = block.size_needed - size
    must_clear = block.version >= 2 and block.is_writing
    cleared = (CLEARED,) if block.is_writing else ()
    if missing <= 0:
        own = not done and not must_clear
        shown = block if own else block.closed(block.size_needed)
        survey = _look_with_every_reader(path) if own else _survey(path, shown, size)
        yield ReadAttempt(survey, shown, size, own, done + cleared)
        if missing == 0:
            return
    ended = block.closed(size)
    what = f"the file said that it ends {format_size(abs(missing))} {'behind' if missing > 0 else 'before'} its end"
    short = ReadAttempt(_survey(path, ended, size), ended, size, False, (*done, *cleared, what))
    yield short
    if 0 < missing <= size + MOST_MISSING:
        full = block.closed(block.size_needed)
        what = f"the missing {format_size(missing)} at the end were filled with zeros"
        attempt = ReadAttempt(
            _survey(path, full, block.size_needed), full, block.size_needed, False, (*done, *cleared, what)
        )
        attempt.missing = list(_only_in(attempt.survey, short.survey))
        yield attempt


def _only_in(full: Survey, short: Survey) -> Iterator[Problem]:
    """Iterate over the arrays of which something is zeros only: it can't be read where the file ends."""
    for name, node in full.nodes.items():
        if "shape" not in node or node.get("lost") or "problem" in node:
            continue
        other = short.nodes.get(name, {})
        if other.get("lost"):
            rows = rows_in_words(other["lost"], node["shape"])
            yield Problem(name, f"{rows} stood in the missing part of the file, and hold zeros now")


def _survey(path: Path, block: Superblock, size: int) -> Survey:
    return survey_file(path, shown={"offset": block.offset, "raw": block.raw.hex(), "size": size})


def _look_with_every_reader(path: Path) -> Survey:
    """Read a file; arrays that need a filter which another library brings along are read with that one."""
    survey = survey_file(path)
    for reader in local_backends():
        needing = [where for where, node in survey.nodes.items() if reader in node.get("needs", "")]
        if not needing or read_journal(path) is not None:
            continue
        other = survey_file(path, reader=reader, only=needing)
        for where in needing:
            node = other.nodes.get(where, {"problem": "not reached"})
            if "shape" in node and "problem" not in node and "lost" not in node:
                survey.nodes[where] = {**node, "reader": reader}
    return survey
