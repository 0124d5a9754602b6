"""Kills of programs that record, each file then given to a validator of NeXus: ``make faults NAMES=archives``.

The strict validator is pynxtools, in an environment of its own; H5SAVER_PYNX names its program (``.../bin/pynx``).
``archives.py KIND BACKEND WHERE PATH`` is one such program.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
KINDS = ("snapshot", "continuous", "scan", "logger", "optimizer", "actuator", "blocks", "plain")
#: Who has the file, and who is killed.
WAYS = ("program, file in it", "program, file in another process", "process with the file")
LONGEST = 0.4


def record(kind: str, backend: str, where: str, path: str) -> None:
    """Record the same again and again, until somebody kills this program."""
    from h5saver_widget import H5SaverLowLevel

    sys.path.insert(0, str(HERE.parent / "nexus"))
    make = getattr(import_module("kinds_of_file"), kind)
    saver = H5SaverLowLevel("custom", backend=backend, isolated=where != WAYS[0])
    saver.durability = "journal" if saver.capabilities.journal else "flush"
    saver.init_file(Path(path))
    saver.flush()
    print(_process_with_file(path) if where == WAYS[2] else os.getpid(), flush=True)
    while True:
        make(saver)
        saver.flush()


def _process_with_file(path: str) -> int:
    """Return the child of this program that has a file open."""
    for child in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split():
        for link in Path(f"/proc/{child}/fd").iterdir():
            if os.path.realpath(link) == os.path.realpath(path):
                return int(child)
    raise RuntimeError(f"no process has {path}")


def count_archives(times: int, seed: int) -> list[dict[str, Any]]:
    """Kill so many programs of each kind, way and backend in turn, and count the files that are valid afterwards."""
    chance = random.Random(seed)
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(prefix="h5saver-archives-") as folder:
        jobs = [(kind, backend, way) for kind in KINDS for backend in ("h5py", "tables") for way in WAYS]
        chance.shuffle(jobs)
        for number in range(times):
            kind, backend, way = jobs[number % len(jobs)]
            path = Path(folder) / f"{number}.h5"
            wait = chance.uniform(0.0, LONGEST)
            about = {"fault": f"archives, {way}", "whose": "ours", "backend": backend}
            counts = {"times": 0, "valid": 0, "repaired": 0, "errors": {}}
            row = rows.setdefault((way, backend), about | counts)
            try:
                _kill(kind, backend, way, path, wait)
                path, was_repaired = _opened(path)
                row["repaired"] += was_repaired
                why = _mistake(path)
            except (OSError, subprocess.SubprocessError, ValueError) as error:
                why = f"{type(error).__name__}: {error}"
            row["times"] += 1
            row["valid"] += not why
            if why:
                row["errors"][f"{kind}: {why}"] = row["errors"].get(f"{kind}: {why}", 0) + 1
            path.unlink(missing_ok=True)
    return list(rows.values())


def _kill(kind: str, backend: str, way: str, path: Path, wait: float) -> None:
    command = [sys.executable, str(HERE / "archives.py"), kind, backend, way, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as program:
        assert program.stdout is not None
        whom = int(program.stdout.readline())
        time.sleep(wait)  # the instant is what is tried here
        os.kill(whom, signal.SIGKILL)
        if whom != program.pid:
            program.wait(60)  # it has an error


def _opened(path: Path) -> tuple[Path, bool]:
    """Open a file, which applies its journal; return it, or a repaired copy, and which of them it is."""
    from h5saver_widget import DataLoader, check_file, repair_file
    from h5saver_widget.recovery.lock_owners import programs_writing

    end = time.monotonic() + 60
    while programs_writing(path) and time.monotonic() < end:
        time.sleep(0.1)
    with suppress(OSError, KeyError), DataLoader(path) as loader:
        loader.load_all()
    out = repair_file(path).out if check_file(path).must_repair else None
    return (path, False) if out is None else (out, True)


def _mistake(path: Path) -> str:
    """Return what the validator has against a file; ``''`` if nothing."""
    pynx = os.environ.get("H5SAVER_PYNX", "pynx")
    said = subprocess.run([pynx, "validate", str(path)], capture_output=True, text=True)
    lines = [line for line in (said.stdout + said.stderr).splitlines() if "has no documentation" not in line]
    last = lines[-1] if lines else ""
    return "" if " is valid according to " in last else last[:300] or "it said nothing"


if __name__ == "__main__":
    record(*sys.argv[1:])
