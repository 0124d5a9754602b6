"""Verifying a seal: the changes of a file since it was sealed, by array and rows."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Any

from h5saver_widget.backends.base import Backend
from h5saver_widget.errors import CodecError, SealError
from h5saver_widget.progress import Progress
from h5saver_widget.recovery.lock_owners import require_closed
from h5saver_widget.saving.provenance import recording_id
from h5saver_widget.sealing.hashing import FILE_LINE, Content, contents, hashed_blocks
from h5saver_widget.sealing.making import SealedRows, Step, heard_in_child, in_steps, known_rows, make_seal, on_file
from h5saver_widget.sealing.records import Entry, Seals, check_ledger, ledger_path, seal_path

__all__ = ["Change", "Verdict", "VerifyCode", "verify_file"]

_MOST_CHANGES = 10_000


class VerifyCode(IntEnum):
    """Exit codes of ``h5saver verify``; 2 is a mistake in the command itself."""

    UNCHANGED = 0
    CHANGED = 1
    NOT_READABLE = 3
    NOT_SEALED = 4


@dataclass(frozen=True)
class Change:
    """Something that is not as it was sealed.

    Attributes
    ----------
    path
        Path of the node.
    what
        The change, in words.
    rows
        First changed row and the row after the last one, of an array; None for all else.
    attribute
        Name of the changed attribute, ``''`` for all else.
    """

    path: str
    what: str
    rows: tuple[int, int] | None = None
    attribute: str = ""

    def __str__(self) -> str:
        """Return path and change in a line."""
        return f"{self.path}: {self.what}"


@dataclass(frozen=True)
class Verdict:
    """The result of verifying a file.

    Attributes
    ----------
    path
        The file.
    seals
        How many seals it has.
    root, time
        Root hash and time of the last one.
    changes
        The changes since it was sealed.
    notes
        Unsealed content, and other sentences worth knowing.
    """

    path: Path
    seals: int = 0
    root: str = ""
    time: str = ""
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def code(self) -> VerifyCode:
        """The exit code of ``h5saver verify``."""
        if self.changes:
            return VerifyCode.CHANGED
        return VerifyCode.UNCHANGED if self.seals else VerifyCode.NOT_SEALED

    def in_words(self) -> str:
        """Return all of it as text for people."""
        if not self.seals and not self.changes:
            return f"{self.path.name} is not sealed: h5saver seal {self.path.name}"
        many = f", {self.seals} seals" if self.seals > 1 else ""
        head = f"{self.path.name} is unchanged since it was sealed: {self.time}{many}, sha256 {self.root}"
        if self.changes:
            head = f"{self.path.name} HAS CHANGED since it was sealed ({self.time or 'when is not known'})"
        changes, notes = (f"  changed: {one}" for one in self.changes), (f"  note: {one}" for one in self.notes)
        return "\n".join([head, *changes, *notes])


def verify_file(path: Path | str, progress: Progress | None = None) -> Verdict:
    """Say whether a file is as it was sealed, and name each change.

    Parameters
    ----------
    path
        The file; its sidecar ``NAME.seal.json`` is beside it. Both are only read, the file in a process of its own.
    progress
        Told how far it is, in bytes; may be asked to stop.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileOpenError
        If it can't be read, or is being written.

    Examples
    --------
    >>> import tempfile
    >>> from h5saver_widget import H5SaverLowLevel
    >>> from h5saver_widget.sealing.making import seal_file
    >>> path = Path(tempfile.mkdtemp()) / 'afile.h5'
    >>> with H5SaverLowLevel() as h5saver:
    ...     _ = h5saver.init_file(path)
    >>> verify_file(path).code.name, seal_file(path).number, verify_file(path).code.name
    ('NOT_SEALED', 1, 'UNCHANGED')
    """
    path = Path(path).absolute()
    require_closed(path)
    said = heard_in_child(_verify_in_child, path, progress, f"verifying {path.name}")
    changes = [
        Change(where, what, None if rows is None else (rows[0], rows[1]), name)
        for where, what, rows, name in said["changes"]
    ]
    notes = list(said["notes"])
    if said["seals"]:
        _look_into_ledger(path, said["root"], notes)
    return Verdict(path, said["seals"], said["root"], said["time"], tuple(changes), tuple(notes))


def _look_into_ledger(path: Path, root: str, notes: list[str]) -> None:
    """Look for the last seal of a file in the ledger."""
    ledger, is_known = ledger_path(path), False
    try:
        for number, line, wrong in check_ledger(ledger):
            is_known = is_known or line.get("root") == root
            if wrong:
                notes.append(f"line {number} of the ledger {ledger.name} {wrong}")
    except OSError:
        notes.append(f"there is no ledger {ledger}")
        return
    if not is_known:
        why = "the file came from another folder, or the seal was made anew"
        notes.append(f"the seal is not in the ledger {ledger.name}: {why}")


def _verify_in_child(path: str) -> Iterator[dict[str, Any]]:
    """Compare a file with its seals; runs in the child."""

    def compare(io: Backend, place: Path) -> Iterator[dict[str, Any]]:
        comparison = _Comparison(io, place)
        yield from in_steps(comparison.run())
        yield comparison.result()

    yield from on_file(path, compare)


@dataclass
class _Comparison:
    """A file and its seals, compared."""

    io: Backend
    path: Path
    changes: list[tuple[str, str, tuple[int, int] | None, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seals: Seals | None = None
    number: int = 0
    #: Groups that are gone; what was in them is not named again.
    gone: set[str] = field(default_factory=set)

    def result(self) -> dict[str, Any]:
        """Return the findings as plain data."""
        last = self.seals.seals[-1] if self.seals is not None and self.seals.seals else None
        root, when = (last.root, last.time) if last is not None else ("", "")
        return {"seals": self.number, "root": root, "time": when, "changes": self.changes, "notes": self.notes}

    def changed(self, path: str, what: str, rows: tuple[int, int] | None = None, attribute: str = "") -> None:
        """Note a change; rows that follow those of the change before are joined with them."""
        if rows is not None and self.changes:
            where, said, before, _ = self.changes[-1]
            if where == path and before is not None and before[1] == rows[0] and said.endswith(what):
                rows = before[0], rows[1]
                self.changes.pop()
        if len(self.changes) < _MOST_CHANGES:
            named = what if rows is None else f"{_rows_in_words(*rows)} {what}"
            self.changes.append((path, named, rows, attribute))

    def run(self) -> Generator[Step, None, None]:
        """Compare, and yield how far it is."""
        try:
            self.seals = Seals.read(self.path)
        except CodecError as error:
            self.changed("/", str(error))
            return
        line = ""
        with suppress(OSError, KeyError, RuntimeError):  # a damaged root is found below
            line = str(self.io.get_attributes(self.io.root(), [FILE_LINE]).get(FILE_LINE, ""))
        if self.seals is None or not self.seals.seals:
            yield from self._without_sidecar(line)
            return
        self.number = len(self.seals.seals)
        with suppress(OSError, KeyError, RuntimeError):
            if recording_id(self.io) != self.seals.recording:
                self.changed("/", "this is another recording than the one that was sealed", attribute="recording_id")
        if line and line not in [seal.line for seal in self.seals.seals]:
            what = f"the line in the file is of no seal in {seal_path(self.path).name}: {line}"
            self.changed("/", what, attribute=FILE_LINE)
        elif line != self.seals.seals[-1].line and self.seals.recording:
            self.notes.append("the line of the last seal is not in the file")
        yield from self._compare(known_rows(self.seals))

    def _without_sidecar(self, line: str) -> Iterator[Step]:
        """Compare a file with the one line in it, by sealing it once more."""
        if not line:
            return
        words, name = line.split(), seal_path(self.path).name
        if len(words) != 7 or words[3] != "1":
            self.notes.append(f"it was sealed more than once, and can't be verified without {name}, which is not here")
            return
        self.number, again = 1, None
        try:
            again = yield from make_seal(self.io, None, datetime.fromisoformat(words[6]))
        except (SealError, ValueError) as error:
            self.changed("/", str(error))
        self.seals = None if again is None else Seals("", (again,))
        if again is None or again.line != line:
            what = f"it has changed, or something was added; {name}, which would say what and where, is not here"
            self.changed("/", what)

    def _compare(self, known: dict[str, SealedRows]) -> Iterator[Step]:
        found = {content.path: content for content in contents(self.io)}
        sizes = {path: max(1, sum(len(part.hashes) for part in sealed.parts)) for path, sealed in known.items()}
        done, total = 0, sum(sizes.values())
        for path, sealed in sorted(known.items()):
            yield done, total, path
            content = found.get(path)
            if content is None:
                if path.rpartition("/")[0] not in self.gone:
                    self.changed(path, "is not in the file any more, or can't be reached")
                self.gone.add(path)
            elif content.problem:
                self.changed(path, f"can't be read: {content.problem}")
            else:
                for step in self._compare_node(sealed, content):
                    yield done + step, total, path
            done += sizes[path]
        new = [path for path in found if path not in known]
        if new:
            self.notes.append(f"not sealed: {len(new)} new nodes ({_some(new)})")

    def _compare_node(self, sealed: SealedRows, content: Content) -> Iterator[int]:
        path = content.path
        if content.kind != sealed.kind:
            self.changed(path, f"it is a {content.kind}, and was sealed as a {sealed.kind}")
            return
        for name, one in sorted(sealed.attributes.items()):
            if content.attributes.get(name) != one:
                how = "has changed" if name in content.attributes else "is not there any more, or can't be read"
                what = "the target of the link" if content.kind == "link" else f"attribute {name!r}"
                self.changed(path, f"{what} {how}", attribute=name)
        if new := sorted(set(content.attributes) - set(sealed.attributes)):
            self.notes.append(f"not sealed: {path} has new attributes: {_some(new)}")
        if content.kind != "array" or not sealed.parts:
            return
        if content.dtype != sealed.dtype:
            self.changed(path, f"its number type is {content.dtype}, and was {sealed.dtype}")
            return
        if content.shape[1:] != sealed.shape[1:] or len(content.shape) != len(sealed.shape):
            self.changed(path, f"its shape is {content.shape}, and was {sealed.shape}")
            return
        if content.rows < sealed.rows:
            self.changed(path, "missing", (content.rows, sealed.rows))
        elif content.rows > sealed.rows:
            self.notes.append(f"not sealed: {path}, {_rows_in_words(sealed.rows, content.rows)}")
        done = 0
        for part in sealed.parts:
            for step in self._compare_rows(part, content):
                yield done + step
            done += len(part.hashes)

    def _compare_rows(self, part: Entry, content: Content) -> Iterator[int]:
        first, stop = part.rows[0], min(part.rows[1], content.rows)
        if stop < part.rows[1]:  # of a block that is cut, nothing can be said
            stop = first + max(0, stop - first) // part.block * part.block
        at = 0
        try:
            for _, hashes, why in hashed_blocks(self.io, content, first, stop, part.block):
                for one in hashes:
                    start = first + at * part.block
                    if at >= len(part.hashes) or one != part.hashes[at]:
                        what = "changed" if one else f"can't be read: {why}"
                        self.changed(content.path, what, (start, min(start + part.block, part.rows[1])))
                    at += 1
                yield at
        except (OSError, KeyError, RuntimeError, ValueError) as error:  # the list of its chunks
            self.changed(content.path, f"can't be read: {error}", (first, part.rows[1]))


def _some(names: list[str]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def _rows_in_words(first: int, stop: int) -> str:
    return f"row {first:,}" if stop - first == 1 else f"rows {first:,} to {stop - 1:,}"
