"""The full counts of docs/reliability.md: ``full.py [NAME ...] [--times N] [--results FILE]``; ``make faults`` runs all.

Each experiment adds what it counted to a file of JSON lines, so that a long one can be made in parts; in the end the
table is printed, as it stands in the document.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kills

#: Within so many seconds after it made its file a program is killed: flushes, scans and their groups lie in between.
LONGEST = 0.8
BATCH = 20

Row = dict[str, Any]


def count_kills(whose: str, times: int, ways: list[str]) -> list[Row]:
    """Kill programs, and count the files that open and those in which something is missing."""
    rows: dict[tuple[str, str], Row] = {}
    for start in range(0, times, BATCH):
        with tempfile.TemporaryDirectory(prefix="h5saver-faults-") as folder:
            size = min(BATCH, times - start)
            done = kills.kill_many(whose, Path(folder), size, LONGEST, ("h5py", "tables"), ways, seed=start + times)
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


def add(row: Row, name: str, count: int | bool) -> None:
    """Count."""
    row[name] = row.get(name, 0) + int(count)


EXPERIMENTS: dict[str, tuple[int, Callable[[int], list[Row]]]] = {
    "kills": (200, lambda times: count_kills("ours", times, list(kills.WAYS))),
    "peer-kills": (20, lambda times: count_kills("peer", times, ["program, file in it"])),
}
"""Name to how often, and what is done."""


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
    parser.add_argument("--results", type=Path, default=Path("faults.jsonl"))
    arguments = parser.parse_args()
    for name in arguments.names or EXPERIMENTS:
        times, experiment = EXPERIMENTS[name]
        rows = experiment(arguments.times or times)
        with arguments.results.open("a") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    rows = [json.loads(line) for line in arguments.results.read_text().splitlines()]
    for row in merged(rows):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
