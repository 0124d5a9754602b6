"""Tell in what state a file is: its first bytes, its lock, then everything in it, looked at in a child process."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

from h5saver_widget.backends.in_child import can_start
from h5saver_widget.backends.journal import finish_journal, journal_path, read_journal
from h5saver_widget.errors import FileOpenError, MissingLibraryError
from h5saver_widget.format.layout import DataType, GroupModuleType
from h5saver_widget.format.superblock import Superblock, read_superblock
from h5saver_widget.recovery.holders import programs_writing
from h5saver_widget.recovery.parts import rows_in_words
from h5saver_widget.recovery.state import Condition, FileState, ModuleContent, Problem
from h5saver_widget.recovery.survey import Survey, local_readers, survey_file

__all__ = ["check_file", "examine", "look_with_every_reader", "patched", "state_of_content"]

_MODULES = frozenset(kind.value for kind in GroupModuleType) - {GroupModuleType.SCAN.value, GroupModuleType.TIME.value}
_MEASURED = frozenset({DataType.data.name, DataType.data_enlargeable.name})
_WRITERS = {
    "h5saver_widget_version": "h5saver_widget",
    "pymodaq_version": "PyMoDAQ",
    "creator": "",
    "PYTABLES_FORMAT_VERSION": "PyTables, format",
}


def check_file(path: Path | str) -> FileState:
    """Return what state a file is in. Nothing is written to it; a file that crashes the HDF5 library does no harm.

    Parameters
    ----------
    path
        A file of any kind.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileOpenError
        If it can't even be read as bytes.
    MissingLibraryError
        In a frozen program, which has no interpreter that could look at the file in a process of its own.

    Examples
    --------
    >>> import tempfile
    >>> from h5saver_widget import H5SaverLowLevel
    >>> path = Path(tempfile.mkdtemp()) / 'afile.h5'
    >>> with H5SaverLowLevel() as h5saver:
    ...     _ = h5saver.init_file(path)
    >>> check_file(path).condition.value
    'closed properly'
    """
    return examine(Path(path))[0]


def examine(path: Path) -> tuple[FileState, Survey | None]:
    """Return the state of a file, and what was found in it (None if nobody could look)."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; check the path")
    if not can_start():
        raise MissingLibraryError(
            "a frozen program has no Python interpreter to look at a damaged file with: install h5saver_widget and run "
            f"`h5saver check {path.name}`"
        )
    try:
        size, block = path.stat().st_size, read_superblock(path)
    except OSError as error:
        raise FileOpenError(f"{path} can't be read: {error}") from error
    if read_journal(path) is not None and not programs_writing(path):
        with tempfile.TemporaryDirectory(prefix="h5saver-check-") as folder:
            state, survey = examine(_finished_copy(path, Path(folder)))
        if state.condition in (Condition.GOOD, Condition.NOT_CLOSED):
            state = replace(state, condition=Condition.NOT_CLOSED)
        return replace(state, path=path, size=size, must_repair=True, journal=True), survey
    state = FileState(path, size, Condition.GOOD)
    if block is None:
        return replace(state, condition=Condition.NOT_HDF5), None
    state = replace(
        state,
        file_format=f"HDF5, superblock {block.version}",
        holders=tuple(programs_writing(path)),
        missing_bytes=max(0, block.size_needed - size),
    )
    if not block.is_valid:
        problem = Problem("superblock", "its checksum is wrong")
        return replace(state, condition=Condition.UNREADABLE, must_repair=True, problems=(problem,)), None
    if state.holders and not block.is_streaming:
        # what is in its writer's memory is missing on disk: to look at it would show damage that is none
        return replace(state, condition=Condition.IN_USE), None
    if state.holders:
        survey = survey_file(path, swmr=True)
        return replace(state_of_content(state, survey), condition=Condition.IN_USE, must_repair=False), survey
    with _as_closed(path, block, state.missing_bytes) as shown:
        survey = look_with_every_reader(shown)
    # files of the older formats open as they are; the newer ones are refused while the flag stands
    refused_by_others = block.version >= 2 and block.is_writing
    if state.missing_bytes:
        state = replace(state, condition=Condition.TRUNCATED, must_repair=True)
    elif block.is_writing:
        state = replace(state, condition=Condition.NOT_CLOSED, must_repair=refused_by_others)
    return state_of_content(state, survey), survey


def _finished_copy(path: Path, folder: Path) -> Path:
    """Copy a file into a folder, finish what its journal holds there, and return the copy."""
    copy = folder / path.name
    for source, target in ((path, copy), (journal_path(path), journal_path(copy))):
        shutil.copyfile(source, target)
    finish_journal(copy)
    return copy


@contextmanager
def _as_closed(path: Path, block: Superblock, missing: int) -> Iterator[Path]:
    """Yield a path under which the file can be opened: its own, or that of a copy that looks closed and complete."""
    if not missing and not (block.version >= 2 and block.is_writing):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="h5saver-check-") as folder:
        copy = Path(folder) / path.name
        shutil.copyfile(path, copy)
        patched(copy, block)
        yield copy


def patched(copy: Path, block: Superblock, filler: bytes = b"\0") -> None:
    """Make a copy look closed and complete: no flags, and as long as it says to be."""
    size = max(copy.stat().st_size, block.size_needed)
    missing = size - copy.stat().st_size
    if filler == b"\0":
        with copy.open("r+b") as file:
            file.truncate(size)
    else:
        with copy.open("ab") as file:
            while missing > 0:
                missing -= file.write(filler * min(missing, 1 << 20))
    block.closed(size).write(copy)


def look_with_every_reader(path: Path) -> Survey:
    """Look at a file; what one library can't read another may, as with compression that only PyTables knows."""
    survey = survey_file(path)
    for reader in local_readers():
        damaged = [] if survey.refused else survey.damaged_arrays
        if not damaged:
            break
        if reader == survey.reader:
            continue
        other = survey_file(path, reader=reader, only=damaged)
        if other.refused:
            continue
        for name in damaged:
            node = other.nodes.get(name, {"problem": "not reached"})
            if "problem" not in node and "lost" not in node:
                survey.nodes[name] = {**node, "reader": reader}
    return survey


def state_of_content(state: FileState, survey: Survey) -> FileState:
    """Return the state with what was found in the file."""
    if survey.refused:
        refused = Problem("/", survey.refused)
        return replace(state, condition=Condition.UNREADABLE, must_repair=True, problems=(refused,))
    writer = _writer(survey.about)
    problems = tuple(_problems(survey, bool(writer)))
    if "closed" in survey.nodes.get("/", {"closed": True}):
        state = replace(state, condition=Condition.UNREADABLE, must_repair=True)
    elif problems:
        kept = state.condition is Condition.TRUNCATED
        state = replace(state, condition=state.condition if kept else Condition.DAMAGED, must_repair=True)
    return replace(
        state,
        writer=writer,
        created=" ".join(survey.about.get(name, "").partition(".")[0] for name in ("date", "time")).strip(),
        scans=sum(node.get("type") == GroupModuleType.SCAN.value for node in survey.nodes.values()),
        log_lines=sum(
            node["shape"][0] for node in survey.nodes.values() if node["kind"] == "TEXT" and node.get("shape")
        ),
        modules=tuple(_modules(survey.nodes)),
        nodes=len(survey.nodes),
        problems=problems,
    )


def _writer(about: dict[str, str]) -> str:
    for name, program in _WRITERS.items():
        if name in about:
            return f"{program} {about[name]}".strip()
    return ""


def _problems(survey: Survey, tell_attributes: bool) -> Iterator[Problem]:
    """Iterate over what is wrong; unread attributes count in files of writers that store plain values only."""
    for path, what in survey.skip.items():
        yield Problem(path, what)
    for path, node in survey.nodes.items():
        if "problem" in node:
            yield Problem(path, node["problem"])
        if node.get("lost"):
            boxes = [tuple((start, stop) for start, stop in box) for box in node["lost"]]
            yield Problem(path, f"{rows_in_words(boxes, tuple(node['shape']))} can't be read")
        if tell_attributes and node.get("unread"):
            yield Problem(path, f"attributes that can't be read: {', '.join(node['unread'])[:200]}")


def _modules(nodes: dict[str, dict[str, Any]]) -> Iterator[ModuleContent]:
    """Iterate over detectors and the like: the groups of such a type below the raw data group."""
    frames: dict[str, int] = {}
    modules = {
        path: node
        for path, node in nodes.items()
        if node["kind"] == "GROUP" and node.get("type") in _MODULES and path.count("/") > 1
    }
    for path, node in nodes.items():
        if node.get("data_type") in _MEASURED and "shape" in node:
            module = path
            while module and module not in modules:
                module = module.rpartition("/")[0]
            frames[module] = max(frames.get(module, 0), _frames(node))
    for path, node in modules.items():
        yield ModuleContent(path, node.get("TITLE", ""), node["type"], frames.get(path, 0))


def _frames(node: dict[str, Any]) -> int:
    """Return how many frames an array holds: its rows if it grows, the points of its scan, else one."""
    shape = node["shape"]
    if node.get("grows"):
        return int(shape[0])
    return prod(shape[axis] for axis in node.get("nav_indexes", ()) if 0 <= axis < len(shape))
