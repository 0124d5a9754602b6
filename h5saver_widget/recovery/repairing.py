"""Make a good copy of a file that can't be opened or read as it is; the original stays as it was, byte for byte."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import Any

from h5saver_widget.backends.in_child import ChildEnd, run_in_child
from h5saver_widget.backends.journal import finish_journal
from h5saver_widget.backends.shown_again import LOST_VIEW
from h5saver_widget.errors import FileOpenError, taken
from h5saver_widget.format.journal import journal_path, read_journal
from h5saver_widget.format.layout import RAW_GROUP
from h5saver_widget.format.naming import create_exclusive
from h5saver_widget.format.renaming import rename_exclusive
from h5saver_widget.format.superblock import read_superblock
from h5saver_widget.format.text import format_size
from h5saver_widget.progress import Progress, copy_in_pieces
from h5saver_widget.recovery.checking import examine
from h5saver_widget.recovery.lock_owners import programs_writing
from h5saver_widget.recovery.parts import rows_in_words
from h5saver_widget.recovery.read_attempts import ReadAttempt
from h5saver_widget.recovery.salvage import HOLLOW, bring_up_to_date, entry_anew, look_for_entry, rescue_file
from h5saver_widget.recovery.state import Condition, FileState, Problem, RepairReport

__all__ = ["repair_file", "repaired_copy"]

#: Larger files are not copied while somebody waits for one to open.
_WHILE_WAITING = 1 << 30

_MOST_STARTS = 20
_MARGIN = 1 << 20
#: Removes a folder when its standard input ends, as it does when its parent is killed; a child of that one may
#: still write there for a moment.
_TIDY = """
import os, shutil, sys, time
sys.stdin.read()
for _ in range(100):
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    if not os.path.exists(sys.argv[1]):
        break
    time.sleep(0.1)
"""


def repair_file(path: Path | str, out: Path | str | None = None, progress: Progress | None = None) -> RepairReport:
    """Make a repaired copy of a file, and return a report of the repair and of all that could not be saved.

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
        raise taken(out)
    told = progress or Progress()
    told.report(text="looking at everything in the file")
    before, attempt = examine(path)
    if before.condition is Condition.IN_USE:
        raise FileOpenError(
            f"{path} is being written by {', '.join(before.holders)}: a copy made now would be half a file; "
            "end that program (or have it close the file) first"
        )
    if before.condition is Condition.GOOD:
        return RepairReport(path, before, done=("nothing had to be repaired",))
    if before.condition is Condition.NEEDS_MORE:
        return RepairReport(path, before, done=("nothing is damaged, and nothing had to be repaired",))
    if attempt is None or attempt.is_closed:
        what = before.problems[0].what if before.problems else "it is no HDF5 file, or its beginning is lost"
        return RepairReport(path, before, done=(f"nothing could be saved: {what}",), lost=before.problems)
    folder = (path if out is None else Path(out)).absolute().parent
    try:
        _ask_for_room(path, folder)
        with _workplace(folder) as work:
            return _repair(path, before, attempt, out, work, told)
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


def _ask_for_room(path: Path, folder: Path) -> None:
    """Refuse a repair for which the disk has no room; holes in a file take none."""
    about = path.stat()
    needed = min(about.st_size, getattr(about, "st_blocks", about.st_size) * 512) + _MARGIN
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise FileOpenError(
            f"a copy of {path.name} needs {format_size(needed)}, and {folder} has {format_size(free)}: "
            "choose another place with `-o`"
        )


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """Yield a hidden folder for unfinished files; it is removed even if this program is killed."""
    work = folder / f".h5saver-repair-{os.getpid()}-{secrets.token_hex(4)}"
    separate: dict[str, Any] = {"creationflags": 0x200} if sys.platform == "win32" else {"start_new_session": True}
    command, nowhere = [sys.executable, "-I", "-S", "-c", _TIDY, str(work)], subprocess.DEVNULL
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=nowhere, stderr=nowhere, **separate):
        work.mkdir()
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _repair(
    path: Path, before: FileState, attempt: ReadAttempt, out: Path | str | None, work: Path, progress: Progress
) -> RepairReport:
    done, lost, objects = list(attempt.done), list(attempt.missing), dict[str, str]()
    if before.journal:
        done.insert(0, "the last flush, which was cut short, was finished from the journal beside the file")
    if attempt.faults:
        copy = work / f"rescued-{path.name}"
        problems = _rescued(path, attempt, copy, objects, progress)
        if not copy.exists():
            done.append(f"nothing could be saved: what can be read could not be copied ({problems[-1].what})")
            return RepairReport(path, before, done=tuple(done), lost=(*before.problems, *problems))
        done.append("everything that can be read was copied into a new file")
        shown, what = _entry_anew(copy) if RAW_GROUP in objects and _has_lost_entry(copy, problems) else ((), "")
        if shown:
            done.append(what)
            objects = {where: state for where, state in objects.items() if not f"{where}/".startswith(shown)}
        lost += [problem for problem in problems if not f"{problem.path}/".startswith(shown)]
    else:
        copy = work / path.name
        copy_in_pieces(path, copy, progress)
        if (journal := read_journal(path)) is not None:
            journal_path(copy).write_bytes(journal.packed())
            finish_journal(copy)
        if not attempt.is_its_own or attempt.block.is_writing:
            block = attempt.block.closed(attempt.block.size_needed) if attempt.is_its_own else attempt.block
            block.write(copy)
            os.truncate(copy, max(copy.stat().st_size, attempt.size))
    stale = {name: node for name, node in attempt.survey.nodes.items() if node.get("stale")}
    if stale and run_in_child(bring_up_to_date, str(copy), attempt.survey.reader, stale).ending is ChildEnd.DONE:
        done.append("what is written at closing was written: lengths of arrays, the end of streaming")
    finish_journal(copy)  # of that, if it was cut short
    progress.report(text="looking at the repaired file")
    target = _placed(copy, path, out)
    after, _ = examine(target)
    return RepairReport(path, before, target, after, tuple(done), tuple(lost), objects)


def _rescued(
    path: Path, attempt: ReadAttempt, made: Path, objects: dict[str, str], progress: Progress
) -> list[Problem]:
    """Make a new file with every readable object, or none if even that ends the library; return the losses."""
    skip = dict(attempt.survey.skip)
    care = dict.fromkeys(skip, HOLLOW)
    total, seen = len(attempt.survey.nodes), dict[str, None]()

    def heard(message: dict[str, Any]) -> None:
        if "at" in message:
            seen[message["at"]] = None
            progress.report(len(seen), max(total, len(seen)), f"copying {message['at']}")

    for _ in range(_MOST_STARTS):
        answer = run_in_child(rescue_file, str(path), str(made), attempt.shown, skip, care, heard=heard)
        if answer.ending is ChildEnd.DONE:
            return _what_is_lost(answer.messages, objects)
        made.unlink(missing_ok=True)
        where = next((said["at"] for said in reversed(answer.messages) if "at" in said), None)
        if where is None or where == "/" or answer.ending is ChildEnd.FAILED:
            return [Problem("/", answer.words)]
        if care.get(where) == HOLLOW:
            del care[where]
            skip[where] = "copying it ended the HDF5 library"
        else:
            care[where] = care.get(where, 0) + 1
    return [Problem("/", f"copying ended the HDF5 library {_MOST_STARTS} times")]


def _has_lost_entry(copy: Path, problems: list[Problem]) -> bool:
    """Tell whether the NeXus entry or parts of it are lost, more than views of arrays that are lost themselves."""
    answer = run_in_child(look_for_entry, str(copy))
    if answer.ending is not ChildEnd.DONE or not answer.messages:
        return False
    said = answer.messages[-1]
    inside = tuple(f"{place}/" for place in said["named"])
    return len(said["there"]) < len(inside) or any(
        f"{one.path}/".startswith(inside) and one.what != LOST_VIEW for one in problems
    )


def _entry_anew(copy: Path) -> tuple[tuple[str, ...], str]:
    """Make the entry of a copy anew, and return its paths, and what was done; no paths if nothing was changed."""
    trial = copy.with_name(f"anew-{copy.name}")
    copy_in_pieces(copy, trial)
    answer = run_in_child(entry_anew, str(trial))
    if answer.ending is not ChildEnd.DONE or not answer.messages:
        return (), ""
    os.replace(trial, copy)
    said = answer.messages[-1]
    return tuple(f"{place}/" for place in said["places"]), said["done"]


def _what_is_lost(messages: list[dict[str, Any]], objects: dict[str, str]) -> list[Problem]:
    """Return the losses, and note the state of each object."""
    lost = []
    for said in messages:
        if "object" not in said:
            continue
        path, state = said["object"], said["state"]
        if objects.get(path) in (None, "whole"):
            objects[path] = state
        if "boxes" in said:
            lost.append(Problem(path, rows_in_words(said["boxes"], said["shape"])))
        if "what" in said:
            lost.append(Problem(path, said["what"]))
    return lost


def _placed(copy: Path, path: Path, out: Path | str | None) -> Path:
    """Move the copy to its place, whole and never over a file, and return the place."""
    first = path.with_name(f"{path.stem}_repaired{path.suffix}")
    more = (path.with_name(f"{path.stem}_repaired{number}{path.suffix}") for number in count(2))

    def take(free: Path) -> Path:
        rename_exclusive(copy, free)
        return free

    return create_exclusive(chain([first], more) if out is None else Path(out), take)
