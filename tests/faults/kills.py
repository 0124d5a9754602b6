"""Kill programs that record (`full_speed.py`), and count what is in the files they leave (`readers.py`)."""

from __future__ import annotations

import itertools
import json
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from h5saver_widget import repair_file
from h5saver_widget.recovery.lock_owners import programs_writing

HERE = Path(__file__).parent
PATIENCE = 60.0
#: A reader that says nothing for so long hangs, seconds.
SILENCE = 20.0
ALL_READERS = ("h5py", "tables", "pymodaq")

Target = Literal["program", "child"]


@dataclass
class Said:
    """What a program said before it ended: everything that it knew to be accepted.

    Attributes
    ----------
    lines
        Kind, number, time.
    """

    lines: list[tuple[str, int, float]]

    @classmethod
    def read(cls, path: Path) -> Said:
        """Read what a program said; a line that was not ended does not count."""
        whole = path.read_text().split("\n")[:-1] if path.exists() else []
        return cls([(kind, int(number), float(at)) for kind, number, at in (line.split() for line in whole)])

    def counts(self, before: int | None = None) -> dict[str, int]:
        """Return how many of everything were accepted, up to a line."""
        found = dict.fromkeys("clsp", 0)
        for kind, _, _ in self.lines[:before]:
            if kind in found:
                found[kind] += 1
        return found

    def flushed(self) -> dict[str, int]:
        """Return what is known to be flushed: all that was said before the frame, or point, of the last mark."""
        mark = max((number for kind, number, _ in self.lines if kind == "f"), default=0)
        frames = 0
        for line, (kind, _, _) in enumerate(self.lines):
            frames += kind in "cp"
            if frames == mark and mark:
                return self.counts(line + 1)
        return self.counts(0)

    @property
    def holder(self) -> int | None:
        """Number of the process that has the file, None before it has it."""
        return next((number for kind, number, _ in self.lines if kind == "i"), None)


@dataclass
class Kill:
    """A recording that was killed.

    Attributes
    ----------
    path
        Its file.
    said
        What was accepted.
    at
        When it was killed.
    found
        What each reader says of the file.
    was_repaired
        Whether it had to be repaired before it could be read.
    """

    path: Path
    said: Said
    at: float
    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    was_repaired: bool = False

    def unreadable(self) -> dict[str, str]:
        """Return by whom the file could not be opened and read, and why."""
        return {name: what["error"] for name, what in self.found.items() if "error" in what}

    def missing(self, wanted: dict[str, int]) -> list[str]:
        """Return what should be in the file and is not, in words."""
        return [
            f"{name}: {kind} {what[kind]} of {wanted[kind]}"
            for name, what in self.found.items()
            for kind in wanted
            if kind in what and what[kind] < wanted[kind]
        ]

    def oldest_missing(self, reader: str = "h5py") -> float:
        """Return how old the oldest thing was that is missing, in seconds before the kill; 0 if nothing is."""
        found, counts = self.found[reader], dict.fromkeys("clsp", 0)
        for kind, _, at in self.said.lines:
            if kind in counts:
                counts[kind] += 1
                if counts[kind] > found.get(kind, 0):
                    return max(self.at - at, 0.0)
        return 0.0


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a program: nothing of it goes into the home of whoever runs this."""
    package = str(HERE.parents[1])
    known = os.environ.get("PYTHONPATH", "")
    return {
        **os.environ,
        "HOME": str(folder),
        "PYTHONPATH": f"{package}{os.pathsep}{known}" if known else package,
        "QT_QPA_PLATFORM": "offscreen",
        "OPENBLAS_NUM_THREADS": "1",
    }


class Recordings:
    """Programs that record, one after the other, of the same copy of everything."""

    def __init__(self, whose: str, folder: Path) -> None:
        self._folder = folder
        command = [sys.executable, str(HERE / "full_speed.py"), whose]
        with (folder / f"{whose}.log").open("wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environment(folder)
            )
        assert self._hear() == "ready", (folder / f"{whose}.log").read_text()

    def _hear(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def _tell(self, job: dict[str, Any]) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._hear()

    def kill_one(self, name: str, target: Target, wait: float, **job: Any) -> Kill:
        """Have a program record, kill it or the process with its file after `wait` seconds, and wait for the end."""
        path, told = self._folder / f"{name}.h5", self._folder / f"{name}.txt"
        program = int(self._tell({"path": str(path), "said": str(told), **job}))
        until(lambda: Said.read(told).holder is not None, f"{name} did not begin: {told}.err")
        time.sleep(wait)  # the instant is what is tried here
        at = time.monotonic()
        holder = Said.read(told).holder
        assert holder is not None
        os.kill(holder if target == "child" else program, signal.SIGKILL)
        until(lambda: not path.exists() or not programs_writing(path), f"somebody still holds {path}")
        if target == "child":
            until(lambda: any(kind == "e" for kind, _, _ in Said.read(told).lines), f"{name} did not notice")
        self._tell({"reap": program})
        return Kill(path, Said.read(told), at)

    def close(self) -> None:
        """End the program that copies itself."""
        self._process.communicate()


@contextmanager
def recordings(whose: str, folder: Path) -> Iterator[Recordings]:
    """Yield what starts programs."""
    made = Recordings(whose, folder)
    try:
        yield made
    finally:
        made.close()


def until(condition: Any, what: str) -> None:
    """Wait for something that comes; an error after a long time."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def read_all(kills: Sequence[Kill], readers: Sequence[str], folder: Path) -> None:
    """Have all files read by each library, in a process for each; one that a file ends is started again."""
    for name in readers:
        left = [kill for kill in kills if kill.path.exists()]
        for kill in kills:
            kill.found[name] = {"error": "there is no file"}
        while left:
            said, how = _ask(name, left, folder)
            for kill, found in zip(left, said, strict=False):
                kill.found[name] = found
            if len(said) < len(left):
                left[len(said)].found[name] = {"error": how}
            left = left[len(said) + 1 :]


def _ask(reader: str, kills: Sequence[Kill], folder: Path) -> tuple[list[dict[str, Any]], str]:
    """Return what a reader says of files until it ends, and how it ended: a damaged file may crash or hang it."""
    command = [sys.executable, str(HERE / "readers.py"), reader]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=environment(folder), cwd=folder,
    ) as child:  # fmt: skip
        assert child.stdin is not None and child.stdout is not None
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(
            target=lambda: [lines.put(line) for line in itertools.chain(child.stdout, [""])], daemon=True
        ).start()
        said: list[dict[str, Any]] = []
        for kill in kills:
            child.stdin.write(f"{kill.path}\n")
            child.stdin.flush()
            try:
                line = lines.get(timeout=SILENCE if said else PATIENCE)
            except queue.Empty:
                child.kill()
                return said, "reading it hangs the library"
            if not line:
                return said, "reading it ends the library"
            said.append(json.loads(line))
        child.stdin.close()
    return said, ""


WAYS: dict[str, tuple[Target, str]] = {
    "program, widget as it is": ("program", "widget"),
    "process with the file": ("child", "widget"),
    "program, file in it": ("program", "here"),
}
"""What is killed, and how its program records."""


def kill_many(
    whose: str,
    folder: Path,
    times: int,
    longest: float,
    backends: Sequence[str],
    ways: Sequence[str] = tuple(WAYS),
    seed: int = 0,
) -> dict[tuple[str, str], list[Kill]]:
    """Kill so many recordings of each way and backend, within `longest` seconds after they made their file.

    All files are read then. One of ours that somebody can't read is repaired, and read again.
    """
    chance = random.Random(f"{whose} {seed}")
    kills: dict[tuple[str, str], list[Kill]] = {(way, backend): [] for way in ways for backend in backends}
    with recordings(whose, folder) as programs:
        for number in range(times):
            for way, backend in kills:
                target, mode = WAYS[way] if whose == "ours" else ("program", "peer")
                name = f"{whose}_{target}_{mode}_{backend}_{number}"
                wait = chance.uniform(0.0, longest)
                kills[way, backend].append(programs.kill_one(name, target, wait, mode=mode, backend=backend))
    everything = [kill for many in kills.values() for kill in many]
    read_all(everything, ALL_READERS, folder)
    for kill in everything if whose == "ours" else ():
        if kill.unreadable() and kill.path.exists():
            report = repair_file(kill.path)
            if report.out is not None:
                kill.path, kill.was_repaired = report.out, True
                read_all([kill], ALL_READERS, folder)
    return kills
