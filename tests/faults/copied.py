"""Kill programs that record and copy, while a share goes away, is full or is another one: called by ``full.py``.

``copied.py PLACE`` is the program: it records numbered frames into files of a few frames each, which go to two folders
and are freed then, and says how many are flushed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from h5saver_widget import H5SaverBase, H5SaverLowLevel
from h5saver_widget.copies.freeing import free
from h5saver_widget.copies.notes import CopyNote
from h5saver_widget.copies.places import place_of
from h5saver_widget.copies.sending import Pace, attempt, hash_of
from h5saver_widget.errors import FileOpenError, H5SaverError

#: Where in the life of a program it is killed, in s after its first frame.
LONGEST = 1.5
FAULTS = ("none", "unplugged", "replaced", "full")
WHOM = ("program", "process with the file", "both")
#: Bytes of the small disk, where the system lets us make one.
SMALL = "2m"


def program(place: Path) -> None:
    """Record, copy and free until killed."""
    saver = H5SaverBase("detector")
    saver.settings["base_path"] = str(place / "data")
    saver.settings["recording", "roll_over_frames"] = 8
    saver.settings["recording", "copy_to"] = f"{place / 'share'};{place / 'usb'}"
    saver.settings["recording", "copy_rate"] = 2.0
    saver.settings["recording", "free_at"] = 2
    saver.start()
    print("worker", saver.io.pid, flush=True)
    numbers = np.random.default_rng(1)
    for number in range(100_000):
        frame = numbers.integers(0, 4096, (64, 64), dtype="u2")
        frame[0, 0], frame[0, 1] = number & 0xFFFF, number >> 16
        saver.record("camera", frame)
        if number % 4 == 3:
            saver.flush()
            print("flushed", number + 1, flush=True)
        time.sleep(0.01)


def frames_in(path: Path) -> set[int]:
    """Return the numbers of the frames in a file."""
    found: set[int] = set()
    with H5SaverLowLevel(backend="h5py") as h5:
        try:
            h5.open_file(path, "r")
        except FileOpenError:  # its process was killed in the middle of its first flush
            return found
        if "RawData" not in h5.root().children_name():  # killed before it was made
            return found
        for node in h5.walk_nodes("/RawData"):
            if node.name == "EnlData00":
                values = node.read()
                found |= set((values[:, 0, 0].astype(int) + (values[:, 0, 1].astype(int) << 16)).tolist())
        return found


def false_claims(place: Path, moved: dict[str, Path]) -> dict[str, int]:
    """Count copies that are called safe and are not, and files that were freed with fewer than two good copies."""
    row, good = Counter(), Counter()
    known = list(CopyNote.read_all(place / "state" / "h5saver_widget" / "copies"))
    for note in known:
        if not note.is_safe:
            continue
        where = moved.get(note.folder, Path(note.folder)) / Path(note.copy).relative_to(note.folder)
        is_good = where.exists() and hash_of(where) == note.sha256
        if is_good:
            with h5py.File(where, "r", locking=False):
                good[note.file] += 1
        row["false safe"] += not is_good
    for file in {note.file for note in known}:
        row["freed too early"] += not Path(file).exists() and good[file] < 2
    return dict(row)


def one(place: Path, choice: random.Random) -> dict[str, Any]:
    """Kill a program at a random instant, make a fault, and look what is left; then go on, and look again."""
    usb, share = place / "usb", place / "share"
    usb.mkdir()
    whom, fault = choice.choice(WHOM), choice.choice(FAULTS)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(usb)]
    is_small = fault == "full" and subprocess.run(mount, capture_output=True).returncode == 0
    for folder in (usb, share):
        folder.mkdir(exist_ok=True)
        place_of(folder, place / "state" / "h5saver_widget" / "copies")  # it was used before
    moved: dict[str, Path] = {}
    environment = {**os.environ, "XDG_STATE_HOME": str(place / "state")}
    command = [sys.executable, __file__, str(place)]
    row: dict[str, Any] = {
        "times": 1,
        f"killed: {whom}": 1,
        f"fault: {fault}": 1,
        "false safe": 0,
        "freed too early": 0,
    }
    try:
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
        ) as recorder:
            assert recorder.stdout is not None
            worker = int(recorder.stdout.readline().split()[1])
            kill_at, fault_at = (time.monotonic() + choice.uniform(0, LONGEST) for _ in range(2))
            for at, what in sorted(((kill_at, "kill"), (fault_at, "fault"))):
                time.sleep(max(0.0, at - time.monotonic()))
                if what == "fault" and fault in ("unplugged", "replaced"):
                    moved[str(usb)] = usb.rename(place / "away")
                    if fault == "replaced":
                        usb.mkdir()
                elif what == "fault" and is_small:
                    with suppress(OSError), (usb / "filled").open("wb") as file:
                        file.write(bytes(1 << 22))
                elif what == "kill":
                    for number in {"program": [recorder.pid], "both": [recorder.pid, worker]}.get(whom, [worker]):
                        with suppress(ProcessLookupError):
                            os.kill(number, signal.SIGKILL)
            if recorder.poll() is None:
                time.sleep(0.5)
                recorder.kill()
            flushed = max([0, *(int(line.split()[1]) for line in recorder.stdout if line.startswith("flushed"))])
        end = time.monotonic() + 30
        while _lives(worker) and time.monotonic() < end:  # it completes the file
            time.sleep(0.05)
        row.update(false_claims(place, moved))
        if moved:
            shutil.rmtree(usb, ignore_errors=True)
            moved.pop(str(usb)).rename(usb)
        (usb / "filled").unlink(missing_ok=True)
        row.update({name: row[name] + count for name, count in _gone_on(place).items()})
        found = set()
        for file in [*place.glob("data/**/*.h5"), *place.glob("share/**/*.h5"), *place.glob("usb/**/*.h5")]:
            if not file.name.startswith("."):
                found |= frames_in(file)
        row["frames"], row["frames lost"] = flushed, len(set(range(flushed)) - found)
    finally:
        if is_small:
            subprocess.run(["umount", str(usb)], check=True)
    return row


def _lives(process: int) -> bool:
    """Tell whether a process does something still."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return "(zombie)" not in Path(f"/proc/{process}/status").read_text()
    return False


def _gone_on(place: Path) -> dict[str, int]:
    """Complete the copies as the next program does, free, and count what is false then."""
    notes = place / "state" / "h5saver_widget" / "copies"
    for note in CopyNote.waiting(notes):
        if note.path.exists():
            attempt(note, notes, Pace())
    for file in {note.file for note in CopyNote.read_all(notes)}:
        with suppress(H5SaverError, OSError):
            free(file, 2, notes, Pace())
    return false_claims(place, {})


def count(times: int, seed: int) -> list[dict[str, Any]]:
    """Make the counts of docs/reliability.md."""
    choice, total = random.Random(seed), Counter()
    for _ in range(times):
        with tempfile.TemporaryDirectory(prefix="h5saver-copies-") as place:
            total.update(one(Path(place), choice))
    return [{"fault": "copies", "whose": "ours", "backend": "h5py", **total}]


if __name__ == "__main__":
    program(Path(sys.argv[1]))
