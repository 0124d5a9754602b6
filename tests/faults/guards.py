"""Count what check and repair make of thousands of files: ``guards.py bits|damaged|killed FIRST COUNT`` prints JSON.

``bits`` flips one bit of a superblock in each file, of every field in turn; ``damaged`` damages files as `damage.py`
does, and compares the repaired file with what h5py can read of the damaged one, object by object. ``killed`` kills
repairs.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import damage
import forked
import h5py
import kills
import numpy as np
import objects

from h5saver_widget import Compression, H5SaverLowLevel, repair_file
from h5saver_widget.backends.shown_again import LOST_VIEW
from h5saver_widget.format.superblock import read_superblock
from h5saver_widget.recovery import Condition, RepairReport, checking, repairing, survey

#: Attributes of the root that are written with an entry.
_OF_ENTRY = ("/@NX_class", "/@default")

#: Backend, level of compression, SWMR: so many bits have their superblocks, with the root group's entry, together.
ORIGINALS = (
    ("h5py", 0, False), ("h5py", 4, False), ("tables", 0, False), ("tables", 4, False),
    ("h5py", 0, True), ("h5py", 4, True), ("h5py", 1, True),
)  # fmt: skip


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Return what h5py reads of a file."""
    return {found["path"]: found for found in forked.run_forked(objects.described, str(path)).messages}


def read_here(path: Path) -> dict[str, dict[str, Any]]:
    """Return what h5py reads of a file that harms nobody: one that `check` has found good."""
    return {found["path"]: found for found in objects.described(str(path))}


@contextmanager
def untidied(folder: Path) -> Iterator[Path]:
    """Yield a folder without a process that removes it: nobody is killed here, and its start takes longer than most."""
    work = Path(tempfile.mkdtemp(dir=folder))
    yield work
    shutil.rmtree(work)


def small(path: Path, backend: str, level: int, swmr: bool) -> None:
    """Write a file with some groups and arrays."""
    with H5SaverLowLevel("detector", backend) as saver:
        saver.compression = Compression("zlib", level)
        saver.init_file(path, swmr=swmr)
        group = saver.add_det_group("/RawData", "camera")
        for number in range(3):
            saver.create_earray(group, f"Rows{number}", "f8", (20,)).append(np.random.default_rng(1).random((50, 20)))
            saver.create_carray(group, f"Fixed{number}", np.arange(100.0))
        saver.add_log("a line")


def bits(folder: Path, first: int, count: int) -> Counter[str]:
    """Flip single bits."""
    known: list[tuple[bytes, int, dict[str, Any]]] = []
    for number, (backend, level, swmr) in enumerate(ORIGINALS):
        path = folder / f"original{number}.h5"
        small(path, backend, level, swmr)
        block = read_superblock(path)
        assert block is not None
        known.append((path.read_bytes(), 8 * (48, 100)[block.version < 2], read(path)))
    places = [(number, bit) for number, (_, size, _) in enumerate(known) for bit in range(size)]
    # neighbours in a sample are far from each other
    step = 1277
    found: Counter[str] = Counter()
    for turn in range(first, first + count):
        number, bit = places[turn * step % len(places)]
        content, _, truth = known[number]
        path = folder / "a.h5"
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(changed)
        as_it_is = objects.missing(truth, read(path)) == []
        report = repair_file(path)
        state = report.before
        what = f"bit {bit} of {ORIGINALS[number]}: {state.condition.name}"
        if state.condition in (Condition.GOOD, Condition.NOT_CLOSED) and not state.must_repair:
            found["reads as it is, and check says so" if as_it_is else f"WRONG, check sees nothing: {what}"] += 1
            continue
        if report.out is None:
            found[f"WRONG, nothing saved: {what}"] += 1
            continue
        left = objects.missing(truth, read_here(report.out))
        kind = "read as it was" if as_it_is else "could not be read"
        found[
            f"WRONG, {left[:2]} {report.lost[:2]}: {what}" if left or report.lost else f"{kind}, repaired: all of it"
        ] += 1
        assert path.read_bytes() == changed and report.out.stat().st_size < 2 * len(content)
        report.out.unlink()
    return found


def damaged(folder: Path, first: int, count: int) -> Counter[str]:
    """Damage files, and compare object by object."""
    originals = damage.originals(folder)
    found: Counter[str] = Counter()
    for seed in range(first, first + count):
        path = folder / "a.h5"
        damage.damaged(originals[seed % len(originals)], path, seed // len(originals) * 7 + seed)
        before = read(path)
        found["objects that h5py reads"] += len(before)
        report = repair_file(path)
        if report.before.condition in (Condition.GOOD, Condition.NEEDS_MORE):
            found["good, or only something else is missing"] += 1
        elif report.out is None:
            found["nothing could be saved"] += 1
            if len(before) > 1:
                found[f"WRONG, {seed}: h5py reads {len(before)} objects: {report.done}"] += 1
        else:
            wrong = objects.missing(before, read_here(report.out))
            left = [what for what in wrong if not is_of_lost_view(what, before, report)]
            found[f"repaired, {'everything' if not left else 'not everything'} that h5py reads is in it"] += 1
            if left:
                found[f"WRONG, {seed}: {left[:3]} of {len(left)}"] += 1
            if report.after is None or report.after.problems:
                found[f"WRONG, {seed}: the copy is {report.after and report.after.condition.name}"] += 1
            report.out.unlink()
    return found


def is_of_lost_view(what: str, before: dict[str, dict[str, Any]], report: RepairReport) -> bool:
    """Tell whether a difference follows from a view that a copy leaves out or has made anew, and tells."""
    if any("made anew" in done for done in report.done) and (what.startswith("/_i_") or what in _OF_ENTRY):
        return True
    views = tuple(problem.path for problem in report.lost if LOST_VIEW in str(problem))
    if not views:
        return False
    path = re.split(r": | is not there|@", what)[0]
    about = before[path]
    is_of_view = path.startswith(views) or about.get("value") in views  # a second name of it
    groups = {view.rpartition("/")[0] for view in views}
    is_link_to_view = any(repr(group.encode()) == about.get("value") for group in groups)
    return is_of_view or is_link_to_view or what == "/_i_entry@default"


def killed(folder: Path, first: int, count: int) -> Counter[str]:
    """Kill repairs at random instants: the original stays as it was, and of the copies only whole ones are there."""
    chance = random.Random(first)
    path = folder / "a.h5"
    with h5py.File(path, "w") as file:
        for number in range(60):
            values = np.random.default_rng(number).random(9000)
            file.create_dataset(f"g{number}/x", data=values, chunks=(500,), compression=1)
        place = file["g30/x"].id.get_chunk_info(2)
    content = bytearray(path.read_bytes())
    content[place.byte_offset : place.byte_offset + 40] = b"\xff" * 40
    path.write_bytes(content)
    started = time.monotonic()
    whole = repair_file(path, folder / "whole.h5")
    took, truth = time.monotonic() - started, read(folder / "whole.h5")
    (folder / "whole.h5").unlink()
    found: Counter[str] = Counter({f"repairs of {len(whole.objects)} objects": count})
    for number in range(count):
        child = os.fork()
        if child == 0:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            repair_file(path)
            os._exit(0)
        time.sleep(chance.uniform(0, took))  # the instant is what is tried here
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        kills.until(lambda: not list(folder.glob(".*")), f"{number}: {list(folder.iterdir())} stay")
        copies = list(folder.glob("*_repaired*"))
        assert path.read_bytes() == content
        for copy in copies:
            assert objects.missing(truth, read(copy)) == [], number
            copy.unlink()
        found["nothing is there but the original" if not copies else "the whole copy is there"] += 1
    return found


if __name__ == "__main__":
    survey.run_in_child = repairing.run_in_child = forked.run_forked  # type: ignore[assignment]
    if sys.argv[1] != "killed":  # nobody has the file, and nobody is killed: half of the time goes there
        checking.programs_writing = repairing.programs_writing = lambda path: []  # type: ignore[assignment]
        repairing._workplace = untidied
    with tempfile.TemporaryDirectory(
        prefix="h5saver-guards-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None
    ) as name:
        work = {"bits": bits, "damaged": damaged, "killed": killed}[sys.argv[1]]
        print(json.dumps(work(Path(name), int(sys.argv[2]), int(sys.argv[3])), indent=1))
