"""Every state that a file goes through on the disk while it is recorded, and which of them can be read.

A recording is traced: what is written where, in which order, and when the program knew what was flushed. Then the file
is rebuilt as it was after each of these writes, and with the write only half done, and read.

``crash_points.py BACKEND LEVEL HOW PATH`` is the program that records; HOW is flush, journal, power or swmr.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kills

from h5saver_widget import Compression, H5SaverLowLevel, repair_file
from h5saver_widget.backends import journal, paged_file
from h5saver_widget.backends.journal import finish_journal

FRAMES = 130
"""So many frames, with two scans in between."""


# ------------------------------------------------------------------------------------------------------- recordings
def record(path: Path, backend: str, level: int, how: str, mark: Callable[[dict[str, int]], None]) -> None:
    """Record, flushing often; `mark` is told after each flush what had been accepted before it."""
    import full_speed

    import h5saver_widget

    saver = H5SaverLowLevel("detector", backend)
    saver.io.durability.level = how if how in ("journal", "power") else "flush"
    saver.compression = Compression("zlib", level)
    counts = dict.fromkeys("clsp", 0)
    flush = saver.io.flush

    def telling() -> None:
        before = dict(counts)
        flush()
        mark(before)

    def accepted(kind: str, _: int) -> None:
        if kind in counts:
            counts[kind] += 1

    saver.io.flush = telling  # type: ignore[method-assign]
    said, full_speed.say = full_speed.say, accepted
    saver.init_file(path, swmr=how == "swmr")
    if how == "swmr":
        camera = h5saver_widget.DetectorTimeSaver(SimpleNamespace(title="Camera"))
        camera.h5saver = saver
        node = camera.get_set_node()
        for number in range(FRAMES):
            camera.add_data(node, full_speed.bundle(h5saver_widget, number))
            accepted("c", number)
            saver.enable_swmr()
            if number % 7 == 0:
                saver.flush()
    else:
        steps = full_speed.steps_of_ours(saver, h5saver_widget)
        for number in range(FRAMES):
            next(steps)
            if number % 7 == 0:
                saver.flush()
    saver.close_file()
    full_speed.say = said


@dataclass
class Trace:
    """What reached the disk, in order.

    Attributes
    ----------
    steps
        ``("write", which, offset, bytes)``, ``("truncate", which, size)``, ``("sync", which)``, ``("remove", which)``,
        with which file or journal, and ``("mark", counts)``: so much is flushed.
    """

    steps: list[tuple[Any, ...]] = field(default_factory=list)


def traced_here(path: Path, level: int, how: str) -> Trace:
    """Record with the journal in this process, and return what it wrote."""
    trace = Trace()
    with _watched(path, trace):
        record(path, "h5py", level, how, lambda counts: trace.steps.append(("mark", counts)))
    return trace


@contextmanager
def _watched(path: Path, trace: Trace) -> Iterator[None]:
    """Have the journal's calls of the system noted."""
    names: dict[int, str] = {}
    which = {str(path): "file", str(journal.journal_path(path)): "journal"}

    def opened(where: Any, *more: Any) -> int:
        number = os.open(where, *more)
        names[number] = which.get(str(where), "")
        return number

    def note(name: str, *values: Any) -> None:
        if name:
            trace.steps.append(tuple(values))

    def wrote(number: int, data: Any, offset: int) -> int:
        note(names[number], "write", names[number], offset, bytes(data))
        return os.pwrite(number, data, offset)

    def truncated(number: int, size: int) -> None:
        note(names[number], "truncate", names[number], size)
        os.ftruncate(number, size)

    def synced(number: int) -> None:
        note(names[number], "sync", names[number])

    def removed(where: Any) -> None:
        note(which.get(str(where), ""), "remove", which.get(str(where), ""))
        os.unlink(where)

    watching = SimpleNamespace(**{name: getattr(os, name) for name in dir(os) if not name.startswith("__")})
    watching.open, watching.pwrite, watching.ftruncate, watching.fsync = opened, wrote, truncated, synced
    watching.unlink = removed
    before = journal.os
    journal.os = paged_file.os = watching  # type: ignore[assignment]
    try:
        yield
    finally:
        journal.os = paged_file.os = before


_CALL = re.compile(
    r'^\d+ +(pwrite64|write|lseek|ftruncate|fsync|fdatasync|unlink)\((?:"([^"]*)"|\d+<([^>]*)>)'
    r'(?:, (?:"((?:[^"])*)"|(-?\d+)))?'
    r"(?:, (\w+))?(?:, (\d+))?\) += (\d+)"
)


def traced(path: Path, backend: str, level: int, how: str) -> Trace:
    """Record in a program of its own, and return what it asked the system to write, by strace."""
    listing, said = path.with_suffix(".strace"), path.with_suffix(".txt")
    calls = "trace=pwrite64,write,lseek,ftruncate,fsync,fdatasync,unlink"
    command = ["strace", "-f", "-y", "-xx", "-s", "100000000", "-e", calls, "-o", str(listing)]
    with said.open("wb") as out:
        subprocess.run(
            [*command, sys.executable, __file__, backend, str(level), how, str(path)],
            check=True,
            stdout=out,
            env={**kills.environment(path.parent), "PYTHONDONTWRITEBYTECODE": "1"},
        )
    which = {str(path): "file", str(journal.journal_path(path)): "journal", str(said): "mark"}
    trace, places = Trace(), dict.fromkeys(("file", "journal"), 0)
    with listing.open() as lines:
        for line in lines:
            found = _CALL.match(line)
            if not found:
                continue
            call, removed, where, data, first, _, third, result = found.groups()
            name = which.get(_text(where if removed is None else removed), "")
            if not name:
                continue
            if name == "mark":
                told = _bytes(data) if call == "write" else b""
                trace.steps += [("mark", json.loads(text)) for text in told.split(b"\n") if text]
            elif call in ("pwrite64", "write"):  # PyTables goes to a place first, h5py names it
                whole = _bytes(data)
                assert len(whole) == int(result)
                trace.steps.append(("write", name, int(third) if call == "pwrite64" else places[name], whole))
                places[name] = places.get(name, 0) + (len(whole) if call == "write" else 0)
            elif call == "lseek":
                places[name] = int(result)
            elif call == "ftruncate":
                trace.steps.append(("truncate", name, int(first)))
            elif call == "unlink":
                trace.steps.append(("remove", name))
            else:
                trace.steps.append(("sync", name))
    listing.unlink()
    return trace


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _text(text: str) -> str:
    return _bytes(text).decode() if text.startswith("\\x") else text


# ------------------------------------------------------------------------------------------------------ crash points
@dataclass
class State:
    """The files at one instant.

    Attributes
    ----------
    number
        How many steps were done.
    how
        ``whole``, ``torn`` (part of the last write) or ``power`` (some of what was not synced is not on the disk).
    wanted
        What was flushed before.
    files
        Content of the file and of its journal; None where there is none.
    """

    number: int
    how: str
    wanted: dict[str, int]
    files: dict[str, bytes | None]


class Disk:
    """Files to which the steps of a trace are done."""

    def __init__(self) -> None:
        self.files: dict[str, bytearray | None] = {"file": None, "journal": None}

    def do(self, step: tuple[Any, ...]) -> None:
        """Do one step."""
        if step[0] == "write":
            _, which, offset, data = step
            content = self.files[which] = bytearray() if self.files[which] is None else self.files[which]
            assert content is not None
            content.extend(bytes(max(0, offset + len(data) - len(content))))
            content[offset : offset + len(data)] = data
        elif step[0] == "truncate":
            _, which, size = step
            content = self.files[which] = bytearray() if self.files[which] is None else self.files[which]
            assert content is not None
            del content[size:]
            content.extend(bytes(size - len(content)))
        elif step[0] == "remove":
            self.files[step[1]] = None

    def copy(self) -> Disk:
        """Return another one with the same content."""
        made = Disk()
        made.files = {name: None if content is None else bytearray(content) for name, content in self.files.items()}
        return made

    def content(self) -> dict[str, bytes | None]:
        """Return what is in the files."""
        return {name: None if content is None else bytes(content) for name, content in self.files.items()}


def states(trace: Trace, power: int = 0, every: int = 1, only: Container[int] | None = None) -> Iterator[State]:
    """Iterate over the states of the files: after each write, with parts of it, and `power` ones without some writes.

    A write of several pages is torn between pages, too: it is up to the system how many of them it takes.

    Of every so many steps, or of those in `only`. When the power fails, what was synced is on the disk; of what was
    written since, anything may be.
    """
    disk, lasting, since = Disk(), Disk(), []
    chance = random.Random(1)
    wanted = dict.fromkeys("clsp", 0)
    for number, step in enumerate(trace.steps):
        chosen = number % every == 0 if only is None else number in only
        if step[0] == "mark":
            wanted = step[1]
            continue
        if step[0] == "sync":
            done = [waiting for waiting in since if waiting[1] == step[1]]
            since = [waiting for waiting in since if waiting[1] != step[1]]
            for waiting in done:
                lasting.do(waiting)
            continue
        if step[0] == "write" and chosen:
            size = len(step[3])
            between = range(4096, size, 4096)
            for end in sorted({size // 2, *between[:: len(between) // 4 + 1]}):
                torn = disk.copy()
                torn.do((*step[:3], step[3][:end]))
                yield State(number, "torn", wanted, torn.content())
        disk.do(step)
        since.append(step)
        if chosen:
            yield State(number, "whole", wanted, disk.content())
        for _ in range(power if chosen else 0):
            broken = lasting.copy()
            for waiting in since:
                if chance.random() < 0.5:
                    if waiting[0] == "write" and chance.random() < 0.3:
                        waiting = (*waiting[:3], waiting[3][: chance.randrange(len(waiting[3]) + 1)])
                    broken.do(waiting)
            yield State(number, "power", wanted, broken.content())


@dataclass
class Outcome:
    """What became of the states.

    Attributes
    ----------
    states, directly, by_journal, repaired
        How many there were; how many h5py opens with all that was flushed, as they are, after the journal was
        finished, and after `h5saver repair`.
    lost
        Those of which something flushed can't be read any more, in words.
    """

    states: int = 0
    directly: int = 0
    by_journal: int = 0
    repaired: int = 0
    lost: list[str] = field(default_factory=list)


def try_all(
    trace: Trace,
    folder: Path,
    power: int = 0,
    every: int = 1,
    only: Container[int] | None = None,
    batch: int = 200,
    directly: bool = True,
) -> Outcome:
    """Write each state into a folder, and see how it can be read; not `directly` where there is a journal for it.

    To try those as they are takes long: the library hangs with some.
    """
    outcome = Outcome()
    some: list[State] = []
    for state in states(trace, power, every, only):
        some.append(state)
        if len(some) == batch:
            _try(some, folder, outcome, directly)
            some = []
    _try(some, folder, outcome, directly)
    return outcome


def _try(some: Sequence[State], folder: Path, outcome: Outcome, directly: bool) -> None:
    """Try some states."""
    outcome.states += len(some)
    paths = [folder / f"state{number}.h5" for number in range(len(some))]
    for state, path in zip(some, paths, strict=True):
        for where, content in zip((path, journal.journal_path(path)), state.files.values(), strict=True):
            if content is not None:
                where.write_bytes(content)
    everything = list(zip(some, paths, strict=True))
    kept = [] if directly else [entry for entry in everything if entry[1].exists() and journal.read_journal(entry[1])]
    left = _not_whole([entry for entry in everything if entry not in kept], folder)
    left += [(state, path, "not tried") for state, path in kept]
    outcome.directly += len(some) - len(left)
    finished = [(state, path) for state, path, _ in left if path.exists() and finish_journal(path)]
    still = _not_whole(finished, folder)
    outcome.by_journal += len(finished) - len(still)
    done = {path for _, path in finished} - {path for _, path, _ in still}
    for state, path, why in [entry for entry in left if entry[1] not in done]:
        copy = repair_file(path).out if path.exists() else None
        again = [(state, copy or path)]
        bad = _not_whole(again, folder)
        if bad:
            outcome.lost.append(f"{state.how} {state.number}, wanted {state.wanted}: {why}; repaired: {bad[0][2]}")
        else:
            outcome.repaired += 1
    for path in folder.glob("state*"):
        path.unlink()


def _not_whole(some: Sequence[tuple[State, Path]], folder: Path) -> list[tuple[State, Path, str]]:
    """Return the states of which not everything can be read that was flushed, and why."""
    asked = [kills.Kill(path, kills.Said([]), 0.0) for _, path in some]
    kills.read_all(asked, ["h5py"], folder)
    bad = []
    for (state, path), kill in zip(some, asked, strict=True):
        missing = kill.unreadable().get("h5py") or "; ".join(kill.missing(state.wanted))
        if missing and any(state.wanted.values()):
            bad.append((state, path, missing))
    return bad


if __name__ == "__main__":
    record(
        Path(sys.argv[4]),
        sys.argv[1],
        int(sys.argv[2]),
        sys.argv[3],
        lambda counts: print(json.dumps(counts), flush=True),
    )
