"""Check the state of a file: its first bytes, its lock, then all of its content, read in a child process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

from h5saver_widget.backends.own_process import why_not
from h5saver_widget.errors import FileOpenError, MissingLibraryError
from h5saver_widget.format.journal import read_journal, strange_journals
from h5saver_widget.format.layout import DataType, GroupModuleType
from h5saver_widget.format.superblock import read_superblock, superblock_version
from h5saver_widget.recovery.lock_owners import programs_writing
from h5saver_widget.recovery.parts import rows_in_words
from h5saver_widget.recovery.read_attempts import CLEARED, MOST_MISSING, ReadAttempt, best_attempt, present_superblock
from h5saver_widget.recovery.state import Condition, FileState, ModuleContent, Problem
from h5saver_widget.recovery.survey import Survey, survey_file

__all__ = ["check_file", "examine"]

_BEGINNING = "the first bytes of the file are wrong, and can be corrected"

_MODULES = frozenset(kind.value for kind in GroupModuleType) - {GroupModuleType.SCAN.value, GroupModuleType.TIME.value}
_MEASURED = frozenset({DataType.data.name, DataType.data_enlargeable.name})
_WRITERS = {
    "h5saver_widget_version": "h5saver_widget",
    "pymodaq_version": "PyMoDAQ",
    "creator": "",
    "PYTABLES_FORMAT_VERSION": "PyTables, format",
}


def check_file(path: Path | str) -> FileState:
    """Return the state of a file. Nothing is written to it; a file that crashes the HDF5 library does no harm.

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
        In a frozen program, which has no interpreter that could look at the file in a worker process.

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


def examine(path: Path) -> tuple[FileState, ReadAttempt | None]:
    """Return the state of a file, and its content (None if it could not be read)."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; check the path")
    if why_not():
        raise MissingLibraryError(
            "a frozen program has no Python interpreter to look at a damaged file with: install h5saver_widget and run "
            f"`h5saver check {path.name}`"
        )
    try:
        block, size = present_superblock(path)
        has_journal = read_journal(path) is not None
    except OSError as error:
        raise FileOpenError(f"{path} can't be read: {error}") from error
    state = FileState(path, path.stat().st_size, Condition.GOOD, holders=tuple(programs_writing(path)))
    if block is not None:
        state = replace(
            state, file_format=f"HDF5, superblock {block.version}", missing_bytes=max(0, block.size_needed - size)
        )
    if state.holders and block is not None:
        state = replace(state, condition=Condition.IN_USE, missing_bytes=0)
        # what is in its writer's memory is missing on disk: to look at it would show damage that is none
        return (_with_content(state, survey_file(path, swmr=True)) if block.is_streaming else state), None
    attempt = best_attempt(path)
    if attempt is None and (first := _first_part(path)) is not None:
        part = Problem("/", f"it is a part of {first.name}, which is in several files; check that one")
        return replace(state, condition=Condition.NEEDS_MORE, needs=(part,)), None
    if attempt is None and (version := superblock_version(path) or 0) > 3:
        what = f"superblock version {version} is not known here: a newer HDF5 has written it, or it is damaged"
        return replace(state, condition=Condition.UNREADABLE, problems=(Problem("superblock", what),)), None
    if attempt is None:
        return replace(state, condition=Condition.NOT_HDF5, missing_bytes=0), None
    if needs := _other_files(attempt.survey):
        return replace(state, condition=Condition.NEEDS_MORE, missing_bytes=0, needs=needs), attempt
    notes = [Problem(where.name, f"called like a journal; it {why}") for where, why in strange_journals(path).items()]
    state = replace(state, journal=has_journal, notes=tuple(notes), must_repair=has_journal or not attempt.is_its_own)
    if has_journal or attempt.block.is_writing or (block is not None and block.is_valid and block.is_writing):
        state = replace(state, condition=Condition.NOT_CLOSED)
    if attempt.size > size or (attempt.faults and 0 < state.missing_bytes <= size + MOST_MISSING):
        state = replace(state, condition=Condition.TRUNCATED)
        return _with_content(state, attempt.survey), attempt
    state = replace(state, missing_bytes=0)  # if there are any, they are a wrong number
    if attempt.done and not all(what == CLEARED for what in attempt.done):
        state = replace(state, condition=Condition.DAMAGED, problems=(Problem("superblock", _BEGINNING),))
    return _with_content(state, attempt.survey), attempt


def _first_part(path: Path) -> Path | None:
    """Return the first of several files (family and split drivers of HDF5) that one without a superblock belongs to."""
    numbered = re.sub(r"\d+(?=\D*\Z)", lambda found: "0" * len(found[0]), path.stem)
    for stem in (numbered, re.sub(r"-r\Z", "-m", path.stem)):
        first = path.with_name(f"{stem}{path.suffix}")
        if first != path and first.is_file():
            block = read_superblock(first)
            if block is not None and block.has_driver:
                return first
    return None


def _other_files(survey: Survey) -> tuple[Problem, ...]:
    """Return the other files that a partial file needs."""
    found = re.search(r"(\w+) driver should be used", survey.refused)
    if found is None:
        return ()
    what = f"the data are in several files ({found[1]} driver of HDF5), of which this is one: all of them are needed"
    return (Problem("/", what),)


def _with_content(state: FileState, survey: Survey) -> FileState:
    """Return the state with the content of the file."""
    if survey.refused:
        refused = Problem("/", survey.refused)
        return replace(state, condition=Condition.UNREADABLE, must_repair=True, problems=(refused,))
    writer = _writer(survey.about)
    problems = tuple(_problems(survey))
    needs = tuple(Problem(path, node["needs"]) for path, node in survey.nodes.items() if "needs" in node)
    odd = tuple(Problem(path, node["odd"]) for path, node in survey.nodes.items() if "odd" in node)
    in_use, kept = state.condition is Condition.IN_USE, (Condition.TRUNCATED, Condition.IN_USE)
    if "closed" in survey.nodes.get("/", {"closed": True}):
        state = replace(state, condition=Condition.UNREADABLE, must_repair=True)
    elif problems:
        condition = state.condition if state.condition in kept else Condition.DAMAGED
        state = replace(state, condition=condition, must_repair=not in_use)
    elif needs and state.condition is Condition.GOOD:
        state = replace(state, condition=Condition.NEEDS_MORE)
    if state.condition is Condition.NOT_CLOSED and not state.must_repair and not writer:
        state = replace(state, condition=Condition.GOOD)  # a flag that has no meaning in files of others
    return replace(
        state,
        writer=writer,
        created=" ".join(survey.about.get(name, "").partition(".")[0] for name in ("date", "time")).strip(),
        scans=sum(node.get("type") == GroupModuleType.SCAN.value for node in survey.nodes.values()),
        log_lines=sum(
            node["shape"][0] for node in survey.nodes.values() if node["kind"] == "TEXT" and node.get("shape")
        ),
        completeness=next(filter(None, (node.get("completeness") for node in survey.nodes.values())), ""),
        drifts=tuple(
            f"{node.get('TITLE', '')}: {node['clock_drift']}"
            for node in survey.nodes.values()
            if node.get("clock_drift")
        ),
        modules=tuple(_modules(survey.nodes)),
        nodes=len(survey.nodes),
        problems=state.problems + problems,
        needs=needs,
        notes=state.notes + odd,
    )


def _writer(about: dict[str, str]) -> str:
    for name, program in _WRITERS.items():
        if name in about:
            return f"{program} {about[name]}".strip()
    return ""


def _problems(survey: Survey) -> Iterator[Problem]:
    """Iterate over the damages."""
    for path, what in survey.skip.items():
        yield Problem(path, what)
    for path, node in survey.nodes.items():
        if "problem" in node:
            yield Problem(path, node["problem"])
        if node.get("lost"):
            yield Problem(path, f"{rows_in_words(node['lost'], node['shape'])} can't be read")
        if node.get("unread"):
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
