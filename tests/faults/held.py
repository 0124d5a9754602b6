"""Count what is missing where the seconds before end and a recording begins: called by ``full.py``, and by a test."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from h5saver_widget import H5SaverBase
from h5saver_widget.format.codec import decode
from h5saver_widget.recording import held as holding
from h5saver_widget.recording.held import Held
from h5saver_widget.recording.held_frames import said_about

#: So long is held, in s.
BEFORE = 0.3


class Source(threading.Thread):
    """Records numbered frames, and notes when each was given and whether it was taken."""

    def __init__(self, saver: H5SaverBase, name: str, shape: tuple[int, ...], interval: float) -> None:
        super().__init__(daemon=True)
        self.saver, self.title, self.interval = saver, name, interval
        self.values = np.zeros(shape, np.float32 if shape != (1,) else float)
        self.given: list[tuple[float, bool]] = []
        self.over = self.wants_to_fire = False

    def run(self) -> None:
        """Record until it is over."""
        due = time.monotonic()
        while not self.over:
            self.values.flat[0] = len(self.given)
            now = time.monotonic()
            fires, self.wants_to_fire = self.wants_to_fire, False
            data: Any = self.values if self.values.size > 1 else {"number": self.values, "level": 9.0 * fires}
            taken = self.saver.record(self.title, data, units="V")
            self.given.append((now, taken))
            due = max(due + self.interval, now)
            time.sleep(max(0.0, due - time.monotonic()))


def saver_in(folder: Path, backend: str, isolated: bool, before: float = BEFORE, memory: float = 64.0) -> H5SaverBase:
    """Return a saver that holds the last seconds."""
    saver = H5SaverBase("detector", backend)
    saver.settings["base_path"] = str(folder)
    saver.settings["backend", "isolated"] = isolated
    saver.settings["recording", "name_template"] = "{counter:5}"
    saver.settings["recording", "keep_before"] = before
    saver.settings["recording", "keep_before_memory"] = memory
    saver.settings["recording", "trigger"] = "value0/level above 5"
    return saver


def one_event(saver: H5SaverBase, sources: list[Source], choice: random.Random) -> None:
    """Fire somehow, record for a moment, and stop."""
    time.sleep(choice.uniform(0.0, 0.1))
    how = choice.randrange(3)
    if how == 0:
        saver.trigger("a call")
    elif how == 1:
        saver.start(before=BEFORE)
    else:
        sources[-1].wants_to_fire = True
        while not saver.isopen():
            time.sleep(0.001)
    time.sleep(choice.uniform(0.0, 0.1))
    saver.stop()


def trigger_time(path: Path) -> float:
    """Return when the recording in a file was begun, by the monotonic clock."""
    with h5py.File(path, "r") as file:
        text = str(decode(file["RawData"].attrs["trigger_time"]))
    ahead = min(time.monotonic() - time.time() for _ in range(20))
    return datetime.fromisoformat(text).timestamp() + ahead


def numbers_in(path: Path) -> dict[str, list[int]]:
    """Return the numbers of the frames of each source in a file, in their order."""
    found: dict[str, list[int]] = {}
    with h5py.File(path, "r") as file:
        for group in file["RawData"].values():
            title = group.attrs.get("TITLE", b"")
            title = title.decode() if isinstance(title, bytes) else str(title)
            if isinstance(group, h5py.Group) and title:
                (kind,) = (name for name in group if name.startswith("Data"))
                values = group[f"{kind}/CH00/EnlData00"]
                found[title] = [int(row) for row in values[(slice(None), *[0] * (values.ndim - 1))]]
    return found


def count_events(
    times: int, seed: int, backend: str, isolated: bool, size: int = 64, fps: float = 200.0, scalars: int = 4
) -> dict[str, Any]:
    """Fire again and again while frames come, and compare the files with what was given.

    Parameters
    ----------
    size, fps
        Pixels along each side of a picture of float32, and pictures per second.
    scalars
        Sources of single numbers, 100 times a second; 20 times, if there are more than ten.
    """
    choice = random.Random(seed)
    row = {"times": 0, "frames": 0, "missing": 0, "doubled": 0, "out of order": 0, "dropped": 0}
    with tempfile.TemporaryDirectory(prefix="h5saver-held-") as folder:
        saver = saver_in(Path(folder), backend, isolated, memory=max(256.0, 1.5 * BEFORE * fps * size * size * 4 / 1e6))
        sources = [Source(saver, "camera", (size, size), 1 / fps)]
        sources += [Source(saver, f"value{number}", (1,), 0.01 if scalars <= 10 else 0.05) for number in range(scalars)]
        sources.append(sources.pop(1))  # the one whose values are a trigger
        for source in sources:
            source.start()
        time.sleep(BEFORE)
        armed_at = 0.0
        for _ in range(times):
            one_event(saver, sources, choice)
            ended_at = time.monotonic()
            row["dropped"] += saver.statistics().frames_dropped
            (path,) = Path(folder).rglob("*.h5")
            found, fired_at = numbers_in(path), trigger_time(path)
            row["times"] += 1
            for source in sources:
                there, given = found.get(source.title, []), list(source.given)
                row["frames"] += len(there)
                row["doubled"] += len(there) - len(set(there))
                row["out of order"] += int(there != sorted(there))
                since = max(armed_at, fired_at - BEFORE)
                wanted = {
                    at
                    for at, (came, taken) in enumerate(given)
                    if (taken and came > armed_at) or since < came < fired_at
                }
                wanted |= set(range(min(there, default=0), max(there, default=-1) + 1))  # no gap in between
                row["missing"] += len(wanted - set(there))
            path.unlink()
            armed_at = ended_at
        for source in sources:
            source.over = True
        for source in sources:
            source.join()
        saver.close_file()
    return row


CHILD = """
import os, sys, threading
import numpy as np
from h5saver_widget import H5SaverBase
folder, backend, delay = sys.argv[1], sys.argv[2], float(sys.argv[3])
saver = H5SaverBase("detector", backend)
saver.settings["base_path"] = folder
saver.settings["recording", "keep_before"] = 30.0
for number in range(300):
    saver.record("camera", np.full((100, 128), float(number)), units="V")
    saver.record("value", float(number), units="V" if number < 150 else "mV")
saver.wait()
print(saver.io.pid, flush=True)
saver.trigger("the end")
if not delay:
    os.kill(os.getpid(), 9)
threading.Timer(delay, os.kill, (os.getpid(), 9)).start()
while True:
    number += 1
    saver.record("camera", np.full((100, 128), float(number)), units="V")
"""


def killed(folder: Path, backend: str, delay: float) -> dict[str, Any]:
    """Kill a program after so many seconds from its trigger, and say what is in the file then."""
    said = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder), backend, str(delay)], capture_output=True, text=True, timeout=60
    )
    worker = int(said.stdout)
    while _runs(worker):
        time.sleep(0.01)
    (path,) = folder.rglob("*.h5")
    with h5py.File(path, "r") as file:
        camera = file["RawData/Detector000/Data2D/CH00/EnlData00"][:, 0, 0].tolist()
        values = [file[f"RawData/Detector001/Data0D/CH{part:02d}/EnlData00"][:].ravel().tolist() for part in (0, 1)]
    expected = list(range(max(300, len(camera))))
    lost = [set(expected) - set(camera), set(range(300)) - {*values[0], *values[1]}]
    return {
        "missing": sum(map(len, lost)),
        "doubled": len(camera) - len(set(camera)),
        "out of order": int(camera != sorted(camera)),
        "frames": len(camera),
    }


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def count_kills(times: int, seed: int, backend: str) -> dict[str, Any]:
    """Kill programs right after the trigger, and while held frames are written."""
    choice, row = random.Random(seed), {"times": 0, "frames": 0, "missing": 0, "doubled": 0, "out of order": 0}
    for number in range(times):
        with tempfile.TemporaryDirectory(prefix="h5saver-held-") as folder:
            seen = killed(Path(folder), backend, 0.0 if number % 4 == 0 else choice.uniform(0.0, 0.3))
        row["times"] += 1
        for name, value in seen.items():
            row[name] += value
    return row


def count_hour(capacity: int = 64 << 20, rounds: int = 36_000) -> dict[str, Any]:
    """Hold frames of an hour in accelerated time; the memory is that of the operating system."""
    now = [0.0]
    real, holding.monotonic = holding.monotonic, lambda: now[0]  # type: ignore[assignment]
    try:
        held = Held(capacity, 10.0)
        image, value = np.zeros((capacity >> 14, 256), np.uint16), np.zeros(1)
        said = said_about("camera", "", None, {}, None, [image]), said_about("value", "", None, {}, None, [value])
        row: dict[str, Any] = {"frames": 0, "most": 0.0}
        resident = _resident()
        for _ in range(rounds):  # ten times a second: one picture, five values
            now[0] += 0.1
            held.put(0.0, said[0], [image])
            for _ in range(5):
                held.put(0.0, said[1], [value])
            row["frames"] += 6
            row["most"] = max(row["most"], held.used / capacity)
        row["grown"] = round((_resident() - resident) / capacity, 4)
        row["most"] = round(row["most"], 4)
        held.close()
        return row
    finally:
        holding.monotonic = real


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def count(times: int, seed: int) -> list[dict[str, Any]]:
    """Make the counts of docs/reliability.md."""
    rows = [{"fault": "an hour, accelerated", "whose": "memory", "backend": "", **count_hour()}]
    for backend in ("h5py", "tables"):
        for isolated in (True, False):
            about = {"whose": "process" if isolated else "program", "backend": backend}
            rows.append({"fault": "a trigger", **about, **count_events(times // 4, seed, backend, isolated)})
            large = count_events(times // 40, seed, backend, isolated, 724, 20.0, 50)
            rows.append({"fault": "a trigger, 2 MB and 50 values", **about, **large})
        kills = count_kills(times // 8, seed, backend)
        rows.append({"fault": "killed after a trigger", "whose": "process", "backend": backend, **kills})
    return rows
