"""Lose frames at every place, set clocks, stop disks, and count what is found: called by ``full.py``, and by a test."""

from __future__ import annotations

import json
import os
import random
import shlex
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import numpy as np
import psutil

from h5saver_widget import DataLoader, DataMismatchError, H5SaverBase
from h5saver_widget.recording.gaps import AGAIN, LATE, RESTARTED, Gap

Row = dict[str, Any]

#: The kinds of faults of `count_mixed`.
KINDS = ("device", "driver", "told", "skipped", "away", "refused", "again", "late", "restarted", "step")


class Clocks:
    """Wall clock and steady clock that go as fast as is wanted; read together."""

    def __init__(self) -> None:
        self.now = (1_800_000_000.0, 1000.0)

    def __call__(self) -> tuple[float, float]:
        return self.now

    def go(self, seconds: float, step: float = 0.0, slew: float = 0.0) -> None:
        self.now = (self.now[0] + seconds * (1 + slew) + step, self.now[1] + seconds)


def made(folder: str, backend: str, isolated: bool, clocks: Clocks | None = None) -> H5SaverBase:
    """Return a recorder of its own folder."""
    saver = H5SaverBase("detector", backend)
    saver.settings["base_path"] = folder
    saver.settings["backend", "isolated"] = isolated
    if clocks is not None:
        saver.clocks = clocks
    return saver


def spread(gaps: tuple[Gap, ...]) -> list[tuple[int, str]]:
    """Return number and place of every frame in a table, and of every event."""
    return [(n, g.place) for g in gaps for n in range(g.first, max(g.last, g.first) + 1)]


class Injector:
    """Records numbered frames, does to them what is asked for, and knows what the table has to say."""

    def __init__(self, saver: H5SaverBase, clocks: Clocks, choice: random.Random) -> None:
        self.saver, self.clocks, self.choice = saver, clocks, choice
        self.number, self.expected, self.taken, self.steps = 0, [], [], []

    def frames(self, count: int) -> None:
        """Record frames in order."""
        for _ in range(count):
            self.frame(self.number)
            self.number += 1

    def frame(self, number: int) -> None:
        """Record one frame."""
        self.clocks.go(0.01)
        if self.saver.record("camera", np.full(8, number), number=number, time=self.clocks.now[0]):
            self.taken.append(number)

    def inject(self, kind: str) -> None:
        """Do one thing, and note what has to be found."""
        count, saver, first = self.choice.randint(1, 20), self.saver, self.number
        numbers = range(first, first + count)
        if kind in ("device", "driver", "told"):
            self.number += count
            if kind == "driver":
                saver.lost("camera", count)
            self.frames(1)
            if kind == "told":
                saver.lost("camera", numbers)
            self.expected += [(n, "device" if kind == "device" else "driver") for n in numbers]
        elif kind in ("skipped", "away"):  # with frames during the pause, and without
            saver.pause()
            if kind == "skipped":
                self.frames(count)
            else:
                self.number += count
            saver.resume()
            self.expected += [(n, "skipped") for n in numbers]
        elif kind == "refused":
            try:
                saver.record("camera", np.zeros(8, [("x", int)]), number=first)
            except DataMismatchError:
                self.expected.append((first, "refused"))
            self.number += 1
        elif kind == "again":
            self.frame(first - 1)
            self.expected.append((first - 1, AGAIN))
        elif kind == "late":
            self.frame(first + 1)
            self.frame(first)
            self.number += 2
            self.expected.append((first, LATE))
        elif kind == "restarted":
            self.number = 0
            self.frames(4)
            self.expected.append((0, RESTARTED))
        else:
            step = self.choice.choice([-3600.0, 3600.0, -0.3, 0.25])
            self.clocks.go(0.0, step)
            self.steps.append(step)
        self.frames(self.choice.randint(4, 30))


def count_mixed(times: int, seed: int, backend: str, isolated: bool) -> Row:
    """Inject faults of all kinds into one recording, and compare table, file and closing line with what was done."""
    choice, clocks = random.Random(seed), Clocks()
    kinds = [KINDS[n % len(KINDS)] for n in range(times)]
    choice.shuffle(kinds)
    with tempfile.TemporaryDirectory(prefix="h5saver-timed-") as folder:
        saver = made(folder, backend, isolated, clocks)
        saver.start()
        inject = Injector(saver, clocks, choice)
        inject.frames(5)
        for kind in kinds:
            inject.inject(kind)
        path = saver.file_path
        saver.stop()
        found, wanted = sorted(spread(saver.gaps())), sorted(inject.expected)
        with DataLoader(path) as loader:
            data = loader.load_all("/RawData/Detector000")[0]
            about = loader.h5saver.get_node("/RawData").attrs.to_dict()
            columns = [np.asarray(loader.h5saver.get_node(f"/RawData/Gaps/{n}").read()) for n in ("First", "Count")]
        steps = [round(step, 3) for _, step in about.get("clock_steps", [])]
    is_right = found == wanted and steps == inject.steps[-100:]
    is_whole = data.frame_number.tolist() == inject.taken and len(columns[0]) == len(saver.gaps())
    return {
        "times": times,
        "found": times * is_right,
        "frames lost": len(wanted),
        "rightly placed": (Counter(found) & Counter(wanted)).total(),
        "false": (Counter(found) - Counter(wanted)).total() + len(set(steps) - set(inject.steps)),
        "files as they should be": int(is_whole and about["completeness"].startswith(f"{len(inject.taken):,} of ")),
    }


def count_full_queue(times: int, seed: int) -> Row:
    """Stop the process of the file until the queue is full, again and again."""
    choice, row = random.Random(seed), {"times": 0, "found": 0, "false": 0}
    frame = np.zeros(1 << 17)
    with tempfile.TemporaryDirectory(prefix="h5saver-timed-") as folder:
        saver = made(folder, "h5py", True)
        saver.start()
        saver.when_full = "drop"
        number, expected = 0, []
        for _ in range(times):
            for _ in range(3):
                number += saver.record("camera", frame, number=number)
            os.kill(saver.io.pid, signal.SIGSTOP)
            refused = 0
            while refused < choice.randint(1, 9):
                if not saver.record("camera", frame, number=number):
                    expected.append((number, "queue"))
                    refused += 1
                number += 1
            os.kill(saver.io.pid, signal.SIGCONT)
            while saver.io.queue.activity().waiting_bytes:
                sleep(0.002)
            row["times"] += 1
        saver.stop()
        found = spread(saver.gaps())
    row["found"] = times if sorted(found) == sorted(expected) else 0
    row["false"] = len(set(found) - set(expected))
    return row


def count_dead_process(times: int, seed: int) -> Row:
    """Kill the process of the file at any moment: what was taken and is not in the file was lost on the disk."""
    choice, row = random.Random(seed), {"times": 0, "found": 0, "false": 0}
    for _ in range(times):
        with tempfile.TemporaryDirectory(prefix="h5saver-timed-") as folder:
            saver = made(folder, choice.choice(["h5py", "tables"]), True)
            saver.start()
            path, taken = saver.file_path, []
            at = choice.randint(20, 400)
            for number in range(at):
                taken += [number] * saver.record("camera", np.full(8, number), number=number)
                if number == at // 3:
                    saver.flush()
            os.kill(saver.io.pid, signal.SIGKILL)
            saver.stop()
            with DataLoader(path) as loader:
                kept = set(loader.load_all("/RawData/Detector000")[0].frame_number.tolist())
            found, wanted = spread(saver.gaps()), [(n, "disk") for n in taken if n not in kept]
            row["times"] += 1
            row["found"] += set(found) == set(wanted)
            row["false"] += len(set(found) - set(wanted))
    return row


def count_full_disk(times: int, seed: int) -> Row:
    """Let the file grow no further, as on a full disk: what was taken and is not in the file was lost there."""
    choice, row = random.Random(seed), {"times": 0, "found": 0, "false": 0}
    for _ in range(times):
        with tempfile.TemporaryDirectory(prefix="h5saver-timed-") as folder:
            saver = made(folder, "h5py", True)
            saver.start()
            path, process, kept = saver.file_path, psutil.Process(saver.io.pid), set()
            for number in range(40):
                saver.record("camera", np.full(10_000, number), number=number)
                if number == 5:
                    saver.flush()
                    limit = path.stat().st_size + choice.randint(10_000, 2_000_000)
                    process.rlimit(psutil.RLIMIT_FSIZE, (limit, limit))
                sleep(0.01)
            saver.stop()
            process.kill()
            with DataLoader(path) as loader:
                kept = set(loader.load_all("/RawData/Detector000")[0].frame_number.tolist())
            found, wanted = spread(saver.gaps()), [(n, "disk") for n in range(40) if n not in kept]
            row["times"] += 1
            row["found"] += sorted(found) == wanted
            row["false"] += len(set(found) - set(wanted))
    return row


def count_stalls(times: int, _seed: int) -> Row:
    """Stop the process of the file for some seconds: an alarm has to run the command of the user's within five."""
    row: Row = {"times": times, "found": 0, "slowest": 0.0}
    program = "import sys, time, pathlib; pathlib.Path(sys.argv[1]).write_text(f'{time.time()} {sys.stdin.read()}')"
    with tempfile.TemporaryDirectory(prefix="h5saver-timed-") as folder:
        saver = made(folder, "h5py", True)
        saver.start()
        for number in range(times):
            said = Path(folder) / f"said{number}"
            saver.alarms._told_at.clear()
            saver.settings["recording", "alarm_command"] = shlex.join([sys.executable, "-c", program, str(said)])
            for value in range(3):
                saver.record("camera", float(value))
            saver.flush()
            os.kill(saver.io.pid, signal.SIGSTOP)
            began = monotonic()
            saver.record("camera", 1.0)
            while monotonic() - began < 10 and not (said.exists() and said.read_text()):
                sleep(0.01)
            row["slowest"] = max(row["slowest"], round(monotonic() - began, 2))
            os.kill(saver.io.pid, signal.SIGCONT)
            text = said.read_text() if said.exists() else ""
            row["found"] += bool(text) and json.loads(text.partition(" ")[2])["kind"] == "stalled"
            saver.flush()
            while saver.status().waiting_seconds:
                sleep(0.01)
            threading.Event().wait(0.6)  # the alarm has to end before it can begin again
        saver.stop()
    return row


def count_quiet(hours: float, seed: int) -> Row:
    """Record for hours in accelerated time, with all that happens in a healthy recording, and count false alarms.

    Frames arrive late by milliseconds, the wall clock is slewed, the recording pauses, goes on in the next file, and is
    begun anew after the device was switched off and on.
    """
    chance, clocks, heard = random.Random(seed), Clocks(), []
    row: Row = {"times": 1, "frames": 0, "false": 0, "ppm off": 0.0}
    with tempfile.TemporaryDirectory(prefix="h5saver-timed-") as folder:
        saver = made(folder, "h5py", True, clocks)
        saver.alarms.listeners.append(heard.append)
        saver.settings["recording", "roll_over_frames"] = 20_000
        for part in range(4):
            saver.start()
            number, since = 0, clocks.now[1]
            for second in range(int(hours * 3600 / 4)):
                if second % 700 == 350:
                    saver.pause()
                is_away = saver.is_paused and part % 2  # the program gives no frames, the device counts on
                for _ in range(10):
                    true = clocks.now[1]
                    late = chance.expovariate(1000)
                    clocks.go(late, slew=300e-6)
                    device = (true - since) * (1 + 50e-6)
                    if not is_away:
                        row["frames"] += saver.record("camera", 1.0, number=number, clock=device, time=clocks.now[0])
                    number += 1
                    clocks.go(0.1 - late, slew=300e-6)
                if not is_away:
                    saver.record("meter", 1.0, number=second, time=clocks.now[0])
                if second % 700 == 355:
                    saver.resume()
            drift = saver.timing.drifts()["camera"]
            saver.stop()
            row["ppm off"] = max(row["ppm off"], round(abs(drift.ppm - 50), 3))
            row["false"] += sum(gap.place != "skipped" for gap in saver.gaps()) + len(saver.clock.steps)
    row["false"] += len(heard)
    return row


def count(times: int, seed: int) -> list[Row]:
    """Make the counts of docs/reliability.md."""
    rows = []
    for backend in ("h5py", "tables"):
        for isolated in (True, False):
            about = {"fault": "frames and clocks", "whose": "isolated" if isolated else "here", "backend": backend}
            rows.append(about | count_mixed(max(times * 21 // 100, 10), seed, backend, isolated))
    others: dict[str, tuple[int, Callable[[int, int], Row]]] = {
        "a full queue": (times // 16 + 1, count_full_queue),
        "a killed process": (times // 10 + 1, count_dead_process),
        "a full disk": (times // 50 + 1, count_full_disk),
        "a stalled disk": (times // 100 + 1, count_stalls),
        "eight quiet hours": (8 if times >= 100 else 1, count_quiet),
    }
    for fault, (how_often, counted) in others.items():
        rows.append({"fault": fault, "whose": "ours", "backend": "h5py"} | counted(how_often, seed))
    return rows


if __name__ == "__main__":
    for line in count(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0):
        print(json.dumps(line), flush=True)
