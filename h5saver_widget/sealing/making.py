"""Making a seal: of an open file, right before it is closed, or of any file later, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from math import prod
from pathlib import Path
from time import monotonic
from typing import Any, Final, TypeVar

from h5saver_widget.backends.base import Backend
from h5saver_widget.backends.in_child import ChildEnd, run_in_child
from h5saver_widget.backends.registry import READS_ALL, create_backend
from h5saver_widget.backends.terms import Durability
from h5saver_widget.errors import CodecError, FileOpenError, SealError
from h5saver_widget.progress import Progress
from h5saver_widget.recovery.lock_owners import require_closed, stamp_of
from h5saver_widget.saving.provenance import recording_id
from h5saver_widget.sealing.hashing import FILE_LINE, Content, block_rows, contents, hashed_blocks
from h5saver_widget.sealing.records import Entry, Seal, Seals, add_to_ledger, ledger_path, seal_path
from h5saver_widget.version import __version__

__all__ = [
    "AT_CLOSE",
    "Sealed",
    "SealedRows",
    "Step",
    "heard_in_child",
    "in_steps",
    "known_rows",
    "make_seal",
    "on_file",
    "seal_at_close",
    "seal_file",
]

#: Name of :func:`seal_at_close` for the process that has the file.
AT_CLOSE: Final = "h5saver_widget.sealing.making:seal_at_close"
#: Between two messages about progress, in s.
_SAID_EVERY: Final = 0.25

Step = tuple[int, int, str]
"""How far work is: bytes that are done, all of them, and the path that it is at."""

_R = TypeVar("_R")


@dataclass(frozen=True)
class SealedRows:
    """The earlier seals of one node, taken together."""

    #: Of the node, when it was sealed last.
    kind: str
    dtype: str
    shape: tuple[int, ...]
    #: Latest hash of each attribute.
    attributes: dict[str, str]
    #: The entries with its rows, in order.
    parts: tuple[Entry, ...]

    @property
    def rows(self) -> int:
        """How many rows are sealed."""
        return self.parts[-1].rows[1] if self.parts else 0


def known_rows(seals: Seals | None) -> dict[str, SealedRows]:
    """Return all seals of a file taken together, by path."""
    known: dict[str, SealedRows] = {}
    for seal in seals.seals if seals is not None else ():
        for path, entry in seal.nodes.items():
            before = known.get(path)
            attributes = {**(before.attributes if before else {}), **entry.attributes}
            parts = (*(before.parts if before else ()), *((entry,) if entry.kind == "array" else ()))
            known[path] = SealedRows(entry.kind, entry.dtype, entry.shape, attributes, parts)
    return known


@dataclass(frozen=True)
class Sealed:
    """The result of sealing a file.

    Attributes
    ----------
    root, number
        Root hash and number of the seal that holds now.
    is_new
        Whether it was made now; False if nothing is new since.
    left_out
        Reasons why parts could not be sealed, by path.
    notes
        Other sentences worth knowing.
    """

    root: str
    number: int
    is_new: bool
    left_out: dict[str, str]
    notes: tuple[str, ...] = ()


def _size_of(content: Content, first: int = 0) -> int:
    """Return about how many bytes the rows of a node have, from one on."""
    return max(0, content.rows - first) * content.itemsize * prod(content.shape[1:])


def make_seal(
    io: Backend, seals: Seals | None, now: datetime, previous: tuple[int, str] = (0, "")
) -> Generator[Step, None, Seal | None]:
    """Hash the new content of the open file; yield how far it is, and return the seal, None if nothing is new.

    `seals` are the earlier ones; where they are None, `previous` are number and root hash of the last of them. `now` is
    the time of this one, with a time zone. SealError if something can't be read.
    """
    known, found = known_rows(seals), list(contents(io))
    todo = [content for content in found if content.kind == "array"]
    total = sum(_size_of(content, known[content.path].rows if content.path in known else 0) for content in todo)
    nodes: dict[str, Entry] = {}
    left_out: dict[str, str] = {}
    done = 0
    for content in found:
        path = content.path
        if content.problem:
            raise SealError(f"{path} can't be read, so it can't be sealed: {content.problem}. Run `h5saver check`")
        left_out |= {f"{path}@{name}" if name else path: why for name, why in content.left_out.items()}
        before = known.get(path)
        old = before.attributes if before is not None else {}
        attributes = {name: one for name, one in content.attributes.items() if old.get(name) != one}
        entry = Entry(content.kind, attributes)
        if content.kind == "array":
            first = before.rows if before is not None else 0
            block, hashes = block_rows(content, content.rows - first), list[str]()
            for end, made, why in hashed_blocks(io, content, first, content.rows, block):
                if why:
                    raise SealError(f"{path} can't be read up to row {end:,}, so it can't be sealed: {why}")
                hashes += made
                yield done + _size_of(content, first) - _size_of(content, end), total, path
            done += _size_of(content, first)
            rows = first, max(first, content.rows)
            entry = Entry("array", attributes, content.dtype, content.shape, rows, block, tuple(hashes))
        if before is None or attributes or entry.hashes:
            nodes[path] = entry
    number, root = (seals.seals[-1].number, seals.seals[-1].root) if seals and seals.seals else previous
    when = now.isoformat(timespec="seconds")
    return Seal(number + 1, when, f"h5saver_widget {__version__}", root, nodes, left_out) if nodes else None


def _sealed(
    io: Backend, path: Path, is_unchanged: Callable[[], bool] = lambda: True
) -> Generator[Step, None, tuple[str, Sealed]]:
    """Seal the open file in sidecar and ledger; yield how far it is, return the line for the file, and the result."""
    identity, line = recording_id(io), str(io.get_attributes(io.root(), [FILE_LINE]).get(FILE_LINE, ""))
    seals = Seals.read(path)
    if seals is not None and seals.recording != identity:
        raise SealError(f"{seal_path(path).name} is the seal of another recording: move it to the file it belongs to")
    notes: list[str] = []
    if seals is None and line:
        notes.append(f"the earlier seals are not here ({seal_path(path).name}): everything is sealed anew")
    made = yield from make_seal(io, seals, datetime.now().astimezone(), _numbers_in(line))
    if not is_unchanged():
        raise SealError(f"{path} was changed by another program while it was sealed; try again")
    if made is not None:
        seals = Seals(identity, (*(seals.seals if seals is not None else ()), made))
        seals.write(path)
        try:
            add_to_ledger(ledger_path(path), path, identity, made)
        except OSError as error:
            notes.append(f"the ledger {ledger_path(path)} could not be written: {error}")
    if seals is None or not seals.seals:
        raise SealError(f"{path.name} holds nothing that can be sealed")
    last = seals.seals[-1]
    left_out = {} if made is None else dict(made.left_out)
    sealed = Sealed(last.root, last.number, made is not None, left_out, tuple(notes))
    return last.line if identity and line != last.line else "", sealed


def _numbers_in(line: str) -> tuple[int, str]:
    """Return number and root hash of a seal in the line that stands in the file."""
    words = line.split()
    is_line = len(words) == 7 and words[3].isdecimal() and words[4] == "sha256"
    return (int(words[3]), words[5]) if is_line else (0, "")


def seal_at_close(io: Backend) -> None:
    """Seal the file that is about to be closed: called by the process that has it."""

    def work() -> Iterator[Step]:
        line, _ = yield from _sealed(io, io.current_path())
        if line:
            io.set_attributes(io.root(), {FILE_LINE: line})

    for _ in work():
        io.beat()


def seal_file(path: Path | str, progress: Progress | None = None) -> Sealed:
    """Seal a file, or its new content since its last seal.

    Parameters
    ----------
    path
        A closed HDF5 file of any program. It is read in a process of its own: a damaged file does no harm. The root
        hash is written into files of this package only; others stay as they are.
    progress
        Told how far it is, in bytes; asked to stop, nothing is sealed.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileOpenError
        If it is being written, was not closed properly, or is no HDF5 file.
    SealError
        If something in it can't be read, or the seal can't be written.

    Examples
    --------
    >>> import tempfile
    >>> from h5saver_widget import H5SaverLowLevel
    >>> path = Path(tempfile.mkdtemp()) / 'afile.h5'
    >>> with H5SaverLowLevel() as h5saver:
    ...     _ = h5saver.init_file(path)
    >>> seal_file(path).number, seal_file(path).is_new
    (1, False)
    """
    path = Path(path).absolute()
    require_closed(path)
    said = heard_in_child(_seal_in_child, path, progress, f"sealing {path.name}")
    return Sealed(said["root"], said["number"], said["is_new"], said["left_out"], tuple(said["notes"]))


def heard_in_child(function: Any, path: Path, progress: Progress | None, doing: str) -> dict[str, Any]:
    """Run a function that yields its progress in a child process, and return its last message.

    Raises
    ------
    FileOpenError, SealError
        As it says itself; FileOpenError also if the file ends or hangs the library. Its place is in the message.
    """
    told, at = progress or Progress(), ["/"]
    told.report(0, None, doing)

    def heard(message: Any) -> None:
        if "at" in message:
            at[0] = message["at"]
            told.report(message["done"], max(message["total"], message["done"], 1), doing)

    answer = run_in_child(function, str(path), heard=heard)
    last = answer.messages[-1] if answer.messages else {}
    if answer.ending is ChildEnd.DONE and "at" not in last:
        if "refused" in last:
            raise FileOpenError(f"{path}: {last['refused']}")
        if "failed" in last:
            raise SealError(last["failed"])
        return dict(last)
    ends = {ChildEnd.DIED: "ends", ChildEnd.HUNG: "hangs"}.get(answer.ending)
    why = f"reading {at[0]} {ends} the HDF5 library" if ends else answer.words
    raise FileOpenError(f"{path} can't be read: {why}. Run `h5saver check`")


def in_steps(steps: Generator[Step, None, _R]) -> Generator[dict[str, Any], None, _R]:
    """Pass on the progress of work as messages, four times a second, and return its result; runs in the child."""
    said_at = 0.0
    while True:
        try:
            done, total, path = next(steps)
        except StopIteration as end:
            result: _R = end.value
            return result
        if (now := monotonic()) - said_at > _SAID_EVERY:
            said_at = now
            yield {"done": done, "total": total, "at": path}


def on_file(path: str, work: Callable[[Backend, Path], Iterator[Any]]) -> Iterator[dict[str, Any]]:
    """Open a file for reading and pass on the messages of work on it, or why it can't be opened; runs in the child."""
    io, place = create_backend(READS_ALL), Path(path)
    try:
        io.open(place, "r", locking=False)
    except OSError as error:
        yield {"refused": str(error)}
        return
    try:
        yield from work(io, place)
    finally:
        io.close()


def _seal_in_child(path: str) -> Iterator[dict[str, Any]]:
    """Seal a file; runs in the child. It is open for writing only for the moment that its line takes."""
    before = stamp_of(Path(path))

    def seal(io: Backend, place: Path) -> Iterator[dict[str, Any]]:
        try:
            line, sealed = yield from in_steps(_sealed(io, place, lambda: stamp_of(place) == before))
            if line:
                io.close()
                try:
                    _write_line(io, place, line)
                except OSError as error:
                    sealed = replace(sealed, notes=(*sealed.notes, f"the line of the seal is not in the file: {error}"))
            yield vars(sealed)
        except (SealError, CodecError, OSError) as error:
            yield {"failed": str(error)}

    yield from on_file(path, seal)


def _write_line(io: Backend, place: Path, line: str) -> None:
    """Write the line of a seal into a closed file, in a way that survives a kill at any instant."""
    if io.capabilities.journal:
        io.durability.level = Durability.JOURNAL
    io.open(place, "r+")
    io.set_attributes(io.root(), {FILE_LINE: line})
    io.close()
