"""Files damaged at random places: checking, repairing, opening and loading them never ends the program.

6 files here, as many as ``H5SAVER_DAMAGED`` says otherwise (``make faults``: 1,000).
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from damage import damaged, originals

from h5saver_widget import check_file, repair_file
from h5saver_widget.recovery import Condition

COUNT = int(os.environ.get("H5SAVER_DAMAGED", "6"))
#: Number 1 hangs HDF5: it is given up after 30 s, five times.
FIRST = int(os.environ.get("H5SAVER_DAMAGED_FROM", "2"))
OPENER = Path(__file__).with_name("opener.py")
WINDOW = Path(__file__).with_name("window.py")
#: A process opens so many files, in so many seconds: one that hangs is known to be the next one.
BATCH, SECONDS = 10, 30


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return originals(tmp_path_factory.mktemp("undamaged"))


def opened_in_children(paths: list[Path], backend: str) -> Iterator[str]:
    """Open and load files in child processes; yield what became of the child with each: done, died or hung."""
    waiting = list(paths)
    while waiting:
        command = [sys.executable, str(OPENER), backend, *map(str, waiting[:BATCH])]
        try:
            child = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
            said, ending = child.stdout, "died" if child.returncode < 0 else "failed"
            words = child.stderr
        except subprocess.TimeoutExpired as error:
            said, ending, words = (error.stdout or b"").decode(), "hung", ""
        lines = [line for line in said.splitlines() if line.endswith("}")]
        for line in lines:
            assert json.loads(line)["seen"]
            yield "done"
        is_through = len(lines) == len(waiting[:BATCH])
        waiting = waiting[len(lines) :]
        if not is_through:
            assert ending != "failed", f"{waiting[0]}: {words[-3000:]}"
            yield ending
            waiting = waiting[1:]


def made(seed: int, undamaged: list[Path], folder: Path) -> tuple[Path, str]:
    """Damage a file; return its path, and how."""
    path = folder / f"{seed}.h5"
    return path, damaged(undamaged[seed % len(undamaged)], path, seed // len(undamaged) * 7 + seed)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def shown(found: Counter[str]) -> None:
    print("\n" + "\n".join(f"{number:6} {what}" for what, number in sorted(found.items())))


def test_no_damaged_file_ends_the_program(undamaged: list[Path], tmp_path: Path) -> None:
    found: Counter[str] = Counter()

    def survives(seed: int) -> Path:
        path, kind = made(seed, undamaged, tmp_path)
        before = digest(path)
        state = check_file(path)
        report = repair_file(path)
        assert digest(path) == before
        assert state.in_words() and report.in_words() and json.dumps(report.as_json())
        found[f"{kind}: {state.condition.name}"] += 1
        if state.condition is Condition.GOOD:
            found["good: nothing to do"] += 1
        elif report.out is None:
            found["nothing could be saved"] += 1
            assert report.exit_code == 3
        else:
            found["whole again" if report.exit_code == 0 else "saved in part"] += 1
            assert report.after is not None and report.after.condition is Condition.GOOD, report.in_words()
            report.out.unlink()
        return path

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        paths = list(pool.map(survives, range(FIRST, FIRST + COUNT)))
        backends = ("h5py", "tables")
        for backend, endings in zip(
            backends, pool.map(lambda b: list(opened_in_children(paths, b)), backends), strict=True
        ):
            assert len(endings) == COUNT
            found.update(f"{backend} child {ending}" for ending in endings)
    shown(found)


def test_the_window_shows_what_it_can_of_a_damaged_file(undamaged: list[Path], tmp_path: Path, backend: str) -> None:
    found: Counter[str] = Counter()
    paths = [made(seed, undamaged, tmp_path)[0] for seed in range(FIRST, FIRST + COUNT)]
    before = [digest(path) for path in paths]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    child = subprocess.run(
        [sys.executable, str(WINDOW), backend, *map(str, paths)], capture_output=True, env=environment
    )
    assert child.returncode == 0, child.stderr.decode()[-3000:]
    for line, path in zip(child.stdout.splitlines(), paths, strict=True):
        said = json.loads(line)
        assert said["file"] == str(path) and bool(said["said"]) == (said["ending"] != "shown")
        found[f"{backend} window: {said['ending']}"] += 1
    assert [digest(path) for path in paths] == before
    shown(found)
