"""The full counts of docs/reliability.md: ``full.py [NAME ...] [--times N] [--results FILE]``.

Each experiment adds what it counted to a file of JSON lines, so that a long one can be made in parts; in the end the
table is printed, as it stands in the document.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import archives
import copied
import crash_points
import held
import kills
import peer_opens
import seals
import servers
import timed

#: Within so many seconds after it made its file a program is killed: flushes, scans and their groups lie in between.
LONGEST = 0.8
BATCH = 20

#: Where thousands of small files are written and deleted again: in memory, if there is such a place.
SHORT_LIVED = next((place for place in ("/dev/shm",) if Path(place).is_dir()), None)

Row = dict[str, Any]


def count_kills(whose: str, times: int, ways: list[str], seed: int) -> list[Row]:
    """Kill programs, and count the files that open and those in which something is missing."""
    rows: dict[tuple[str, str], Row] = {}
    for start in range(0, times, BATCH):
        with tempfile.TemporaryDirectory(prefix="h5saver-faults-") as folder:
            size = min(BATCH, times - start)
            done = kills.kill_many(
                whose, Path(folder), size, LONGEST, ("h5py", "tables"), ways, seed=1000 * seed + start
            )
        for (way, backend), many in done.items():
            row = rows.setdefault((way, backend), {"fault": way, "whose": whose, "backend": backend, "times": 0})
            add(row, "times", len(many))
            for kill in many:
                opened = not kill.unreadable()
                wanted = kill.said.flushed() if "file" in way and whose == "ours" else kill.said.counts()
                add(row, "opened", opened and not kill.was_repaired)
                add(row, "opened after repair", opened and kill.was_repaired)
                add(row, "whole", opened and not kill.missing(wanted))
                add(row, "accepted", sum(kill.said.counts().values()))
                if opened:
                    row["oldest missing"] = max(row.get("oldest missing", 0.0), round(kill.oldest_missing(), 3))
                for reader, why in kill.unreadable().items():
                    row.setdefault("errors", {}).setdefault(f"{reader}: {why[:120]}", 0)
                    row["errors"][f"{reader}: {why[:120]}"] += 1
    return list(rows.values())


#: Backend, level of compression, how it is written, how many losses of power are tried at each write.
CRASHES = (
    ("h5py", 0, "power", 1),
    ("h5py", 4, "power", 1),
    ("h5py", 0, "journal", 0),
    ("h5py", 4, "journal", 0),
    ("h5py", 0, "swmr", 0),
    ("h5py", 0, "flush", 0),
    ("h5py", 4, "flush", 0),
    ("tables", 0, "flush", 0),
    ("tables", 4, "flush", 0),
)


def count_crashes(times: int, ways: Sequence[tuple[str, int, str, int]] = CRASHES) -> list[Row]:
    """Try the states of files after each write, or after every so many."""
    rows = []
    for backend, level, how, power in ways:
        with tempfile.TemporaryDirectory(prefix="h5saver-faults-", dir=SHORT_LIVED) as name:
            folder = Path(name)
            trace = crash_points.traced(folder / "a.h5", backend, level, how)
            done = crash_points.try_all(trace, folder, power, times)
        fault = f"each write, {how}, compression {level}"
        rows.append({"fault": fault, "whose": "ours", "backend": backend, "times": done.states})
        rows[-1] |= {"as it is": done.directly, "by its journal": done.by_journal, "repaired": done.repaired}
        rows[-1] |= {"lost": len(done.lost), "errors": dict(Counter(why.partition(": ")[2][:150] for why in done.lost))}
    return rows


def add(row: Row, name: str, count: int | bool) -> None:
    """Count."""
    row[name] = row.get(name, 0) + int(count)


def crashes_of(*ways: str) -> Callable[[int, int], list[Row]]:
    """Return the experiment on these ways of writing."""
    return lambda every, seed: count_crashes(every, [way for way in CRASHES if way[2] in ways])


def count_damaged(times: int, seed: int, which: str = "no_damaged_file") -> list[Row]:
    """Damage so many files, from number `seed` on, and count what became of each: what a test does, more often."""
    test = Path(__file__).with_name("test_damaged_files.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-s", "-q", "-p", "no:cacheprovider", "-k", which, str(test)],
        env={**os.environ, "H5SAVER_DAMAGED": str(times), "H5SAVER_DAMAGED_FROM": str(seed)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise RuntimeError(f"{test.name} failed:\n{done.stdout[-3000:]}")
    counts = re.findall(r"^ *(\d+) (.+)$", done.stdout.partition(" passed")[0], re.MULTILINE)
    row = {"fault": f"damaged, {which}", "whose": "ours", "backend": "both", "times": times}
    return [row | {"found": {what: int(count) for count, what in counts if "passed" not in what}}]


def count_guards(what: str) -> Callable[[int, int], list[Row]]:
    """Return the experiment of `guards.py` on so many files."""

    def count(times: int, seed: int) -> list[Row]:
        program = str(Path(__file__).with_name("guards.py"))
        done = subprocess.run([sys.executable, program, what, str(seed), str(times)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"guards.py failed:\n{done.stderr[-3000:]}")
        row = {"fault": f"guards, {what}", "whose": "ours", "backend": "both", "times": times}
        return [row | {"found": json.loads(done.stdout)}]

    return count


def count_code_run_by_the_peer(_times: int, _seed: int) -> list[Row]:
    """Have the peer open files that carry code, and count those whose code it runs."""
    with tempfile.TemporaryDirectory(prefix="h5saver-faults-") as folder:
        ran = peer_opens.opened(Path(folder), kills.environment(Path(folder)))
    row = {"fault": "code in a file", "whose": "peer", "times": len(peer_opens.NAMES)}
    return [row | {"backend": library, "ran": len(names)} for library, names in ran.items()]


EXPERIMENTS: dict[str, tuple[int, Callable[[int, int], list[Row]]]] = {
    "archives": (200, archives.count_archives),
    "kills": (200, lambda times, seed: count_kills("ours", times, list(kills.WAYS), seed)),
    "peer-kills": (20, lambda times, seed: count_kills("peer", times, ["program, file in it"], seed)),
    "copies": (200, copied.count),
    "crash-points": (1, crashes_of("power", "journal")),
    "crash-points-others": (1, crashes_of("swmr", "flush")),
    "damaged": (1000, count_damaged),
    "damaged-window": (1000, lambda times, seed: count_damaged(times, seed, "window")),
    "superblock-bits": (4096, count_guards("bits")),
    "damaged-objects": (1000, count_guards("damaged")),
    "repair-kills": (200, count_guards("killed")),
    "peer-hostile": (1, count_code_run_by_the_peer),
    "seals": (1000, seals.count),
    "before": (1000, held.count),
    "servers": (200, servers.count),
    "timing": (1000, timed.count),
}
"""Name to how often (of crash points: at every so many), and what is done."""


def merged(rows: list[Row]) -> list[Row]:
    """Return rows of the same fault as one: counts are added, ages and examples kept."""
    found: dict[tuple[str, ...], Row] = {}
    for row in rows:
        known = found.setdefault((row["fault"], row["whose"], row["backend"]), {})
        for name, value in row.items():
            if isinstance(value, dict):
                for what, count in value.items():
                    known.setdefault(name, {})[what] = known.get(name, {}).get(what, 0) + count
            elif name == "oldest missing":
                known[name] = max(known.get(name, 0.0), value)
            else:
                known[name] = known.get(name, 0) + value if isinstance(value, int) else value
    return list(found.values())


def main() -> None:
    """Make the experiments that the command line names, or all, and print what was counted so far."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of: {', '.join(EXPERIMENTS)}")
    parser.add_argument("--times", type=int, help="how often, instead of the number in the document")
    parser.add_argument("--seed", type=int, default=0, help="other instants")
    parser.add_argument("--results", type=Path, default=Path("faults.jsonl"))
    arguments = parser.parse_args()
    for name in arguments.names or EXPERIMENTS:
        times, experiment = EXPERIMENTS[name]
        rows = experiment(arguments.times or times, arguments.seed)
        with arguments.results.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    rows = [json.loads(line) for line in arguments.results.read_text().splitlines()]
    for row in merged(rows):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
