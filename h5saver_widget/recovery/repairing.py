"""Make a good copy of a file that can't be opened or read as it is; the original stays as it was, byte for byte."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from h5saver_widget.backends.in_child import Ending, run_in_child
from h5saver_widget.backends.journal import finish_journal, journal_path
from h5saver_widget.errors import FileOpenError
from h5saver_widget.format.naming import create_exclusive
from h5saver_widget.format.superblock import guess_superblock, read_superblock
from h5saver_widget.progress import Progress, copy_in_pieces
from h5saver_widget.recovery.checking import examine, look_with_every_reader, patched, state_of_content
from h5saver_widget.recovery.holders import programs_writing
from h5saver_widget.recovery.parts import Box, rows_in_words
from h5saver_widget.recovery.salvage import bring_up_to_date, salvage
from h5saver_widget.recovery.state import Condition, FileState, Problem, RepairReport, size_in_words
from h5saver_widget.recovery.survey import Survey, survey_file

__all__ = ["repair_file", "repaired_copy"]

#: Larger files are not copied while somebody waits for one to open.
_WHILE_WAITING = 1 << 30

_MOST_STARTS = 20
#: Not 0, and small as a length: with 0xff, rows of any length take 4 GB each.
_OTHER_FILLER = b"\1"
_COPIED = frozenset({"GROUP", "FIXED", "GROWING", "TEXT"})


def repair_file(path: Path | str, out: Path | str | None = None, progress: Progress | None = None) -> RepairReport:
    """Make a repaired copy of a file, and say what was done and what could not be saved.

    Flags that a killed program left are cleared, a missing end is filled, a lost superblock is made anew. If places
    still can't be read, everything that can be is copied into a new file.

    Parameters
    ----------
    path
        The file; it is never written to.
    out
        Path of the copy, which must be free; by default ``name_repaired.h5`` beside the file.
    progress
        Is told how far the work is; stopped by it, nothing is left behind.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileExistsError
        If `out` exists.
    FileOpenError
        If the file is being written by a running program, or the copy can't be made.

    Examples
    --------
    >>> import tempfile
    >>> from h5saver_widget import H5SaverLowLevel
    >>> path = Path(tempfile.mkdtemp()) / 'afile.h5'
    >>> with H5SaverLowLevel() as h5saver:
    ...     _ = h5saver.init_file(path)
    >>> repair_file(path).done
    ('nothing had to be repaired',)
    """
    path = Path(path)
    if out is not None and os.path.lexists(out):
        raise FileExistsError(f"{out} exists; nothing is overwritten, choose another name")
    before, _ = examine(path)
    if before.condition is Condition.IN_USE:
        raise FileOpenError(
            f"{path} is being written by {', '.join(before.holders)}: a copy made now would be half a file; "
            "end that program (or have it close the file) first"
        )
    if before.condition is Condition.GOOD:
        return RepairReport(path, before, done=("nothing had to be repaired",))
    folder = (path if out is None else Path(out)).absolute().parent
    try:
        with tempfile.TemporaryDirectory(prefix=".h5saver-repair-", dir=folder) as work:
            return _repair(path, before, out, Path(work), progress or Progress())
    except OSError as error:
        if isinstance(error, (FileExistsError, FileOpenError)):
            raise
        raise FileOpenError(
            f"the copy can't be made in {folder}: {error}; choose another place with `-o`, with room for it"
        ) from error


def repaired_copy(path: Path) -> RepairReport | None:
    """Repair a file that could not be opened because its writer was killed; None if there is another reason.

    Also None for a file that is still being written, or so large (1 GB) that nobody should wait for its copy.

    Raises
    ------
    FileOpenError
        If the copy can't be made.
    """
    try:
        size, block = path.stat().st_size, read_superblock(path)
    except OSError:
        return None
    left_open = block is not None and (block.is_writing or block.size_needed > size or not block.is_valid)
    if not left_open or size > _WHILE_WAITING or programs_writing(path):
        return None
    return repair_file(path)


def _repair(path: Path, before: FileState, out: Path | str | None, work: Path, progress: Progress) -> RepairReport:
    copy = work / path.name
    copy_in_pieces(path, copy, progress)
    done: list[str] = []
    if before.journal:
        shutil.copyfile(journal_path(path), journal_path(copy))
        finish_journal(copy)
        done.append("the last flush, which was cut short, was finished from the journal beside the file")
    lost: list[Problem] = []
    try:
        done += _make_openable(copy, before)
    except FileOpenError as error:
        return RepairReport(path, before, done=(f"nothing could be saved: {error}",), lost=before.problems)
    progress.report(text="looking at everything in the copy")
    survey = look_with_every_reader(copy)
    state = state_of_content(_fresh(before, copy), survey)
    if state.condition is Condition.UNREADABLE:
        done.append("nothing could be saved: not even the root group can be read")
        return RepairReport(path, before, done=tuple(done), lost=state.problems)
    progress.report(text="looking what is in the missing part")
    if before.missing_bytes:
        lost += _in_missing_part(path, copy, work)
    if state.problems:
        made, problems = _salvaged(copy, survey, work, progress)
        if made is None:
            done.append(f"nothing could be saved: what can be read could not be copied ({problems[-1].what})")
            return RepairReport(path, before, done=tuple(done), lost=(*state.problems, *problems))
        done.append("everything that can be read was copied into a new file")
        copy, lost = made, [*lost, *problems]
        survey = look_with_every_reader(copy)
    elif _up_to_date(copy, survey, work):
        done.append("what is written at closing was written: lengths of arrays, the end of streaming")
    progress.report(text="looking at the repaired file")
    target = _placed(copy, path, out)
    after, _ = examine(target)
    return RepairReport(path, before, target, after, tuple(done), tuple(lost))


def _fresh(before: FileState, copy: Path) -> FileState:
    return replace(
        before, path=copy, size=copy.stat().st_size, condition=Condition.GOOD, must_repair=False, missing_bytes=0
    )


def _make_openable(copy: Path, before: FileState) -> Iterator[str]:
    """Put the superblock of the copy right, and yield what was done; FileOpenError if there is no way."""
    block = read_superblock(copy)
    if block is None or not block.is_valid:
        guess_superblock(copy).write(copy)
        yield "the superblock was lost; it was made anew from the root group behind it"
        return
    patched(copy, block)
    if block.is_writing:
        yield "the mark of a program that was writing was cleared"
    if before.missing_bytes:
        yield f"the missing {size_in_words(before.missing_bytes)} at the end were filled with zeros"


def _in_missing_part(path: Path, copy: Path, work: Path) -> Iterator[Problem]:
    """Iterate over the arrays with rows in the missing part: those that change with what the part is filled with."""
    block = read_superblock(path)
    assert block is not None
    other = work / "other-filler.h5"
    shutil.copyfile(path, other)
    patched(other, block, _OTHER_FILLER)
    zeros, ones = survey_file(copy, digests=True), survey_file(other, digests=True)
    other.unlink()
    for name, node in zeros.nodes.items():
        sums, others = node.get("checksums"), ones.nodes.get(name, {}).get("checksums", {})
        if not sums:
            continue
        boxes = [_box(text) for text, value in sums.items() if others.get(text) != value]
        if boxes:
            rows = rows_in_words(boxes, tuple(node["shape"]))
            yield Problem(name, f"{rows} stood in the missing part of the file, and hold zeros now")


def _box(text: str) -> Box:
    """Return the box that its repr describes."""
    numbers = [int(number) for number in text.replace("(", " ").replace(")", " ").replace(",", " ").split()]
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def _salvaged(copy: Path, survey: Survey, work: Path, progress: Progress) -> tuple[Path | None, list[Problem]]:
    """Return a new file with everything that can be read, None if even that ends the library, and what is lost."""
    nodes = {path: node for path, node in survey.nodes.items() if node["kind"] in _COPIED}
    lost = [Problem(path, what) for path, what in survey.skip.items()]
    for path, node in survey.nodes.items():
        if path not in nodes:
            what = f"a second name of {node['same_as']}, kept there" if "same_as" in node else node.get("problem")
            lost.append(Problem(path, what or "a link: what it points to is not copied"))
        elif "closed" in node and node["kind"] == "GROUP":
            lost.append(Problem(path, f"what is in this group: {node['problem']}"))
    writer, avoid = survey.reader, {path: list(boxes) for path, boxes in survey.avoid.items()}

    places = {at: number for number, at in enumerate(nodes)}

    def heard(message: dict[str, Any]) -> None:
        if "at" in message:
            progress.report(places[message["at"]], len(places), f"copying {message['at']}")

    for number in range(_MOST_STARTS):
        made = work / f"salvaged{number}.h5"
        answer = run_in_child(salvage, str(copy), str(made), nodes, avoid, writer, heard=heard)
        if answer.ending is Ending.DONE:
            lost += [Problem(said["lost"], said["what"]) for said in answer.messages if "lost" in said]
            return made, lost
        made.unlink(missing_ok=True)
        where = next((said["at"] for said in reversed(answer.messages) if "at" in said), None)
        if where is None or answer.ending is Ending.FAILED:
            lost.append(Problem("/", answer.words))
            break
        nodes = {path: node for path, node in nodes.items() if path != where and not path.startswith(f"{where}/")}
        lost.append(Problem(where, "copying it ended the HDF5 library"))
    return None, lost


def _up_to_date(copy: Path, survey: Survey, work: Path) -> bool:
    """Write what closing would have written, if that can be done without harm, and tell whether anything was."""
    tried = work / f"closed-{copy.name}"
    shutil.copyfile(copy, tried)
    wanted: dict[str, dict[str, Any]] = {
        path: node for path, node in survey.nodes.items() if path == "/" or node["kind"] in ("GROWING", "TEXT")
    }
    answer = run_in_child(bring_up_to_date, str(tried), survey.reader, wanted)
    if answer.ending is Ending.DONE:
        os.replace(tried, copy)
    return answer.ending is Ending.DONE


def _placed(copy: Path, path: Path, out: Path | str | None) -> Path:
    """Move the copy to its place, never over a file, and return the place."""
    first = path.with_name(f"{path.stem}_repaired{path.suffix}")
    more = (path.with_name(f"{path.stem}_repaired{number}{path.suffix}") for number in count(2))

    def take(free: Path) -> Path:
        os.close(os.open(free, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        os.replace(copy, free)  # the name is ours now
        return free

    def names() -> Iterator[Path]:
        yield first
        yield from more

    return create_exclusive(names() if out is None else Path(out), take)
