"""Nodes of a server that are killed, one or all, while a program records to it and another one reads.

What is counted: rows that were acknowledged (their checkpoint returned) or accepted and are not there in the end; rows
that are there twice or in the wrong place; and reads that showed a row before its values.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "hsds"))

from hsds_server import FAST, PASSWORD, USER, HsdsServer

from h5saver_widget.backends.h5pyd_backend import H5pydBackend
from h5saver_widget.errors import H5SaverError, RemoteError
from h5saver_widget.testing.making import make_growing

WIDTH = 64
#: Rows of a chunk: so few that chunks of one array lie on all nodes.
OPTIONS = {"username": USER, "password": PASSWORD, "flush_seconds": 0.02, "checkpoint_seconds": 0.05}


def values(first: int, count: int) -> np.ndarray:
    """Return rows of which every element says which row it is; none is zero."""
    return np.repeat(np.arange(first + 1, first + count + 1)[:, np.newaxis], WIDTH, axis=1).astype("f8")


class Reader(threading.Thread):
    """Looks at the arrays again and again, as a window beside the recording does."""

    def __init__(self, endpoint: str, path: Path) -> None:
        super().__init__(daemon=True)
        self.endpoint, self.path, self.ended = endpoint, path, threading.Event()
        self.reads = self.torn = self.refused = 0

    def run(self) -> None:
        """Read until it is enough."""
        while not self.ended.is_set():
            reader = H5pydBackend({**OPTIONS, "endpoint": self.endpoint, "patience_seconds": 0.2})
            try:
                reader.open(self.path, "r")
                while not self.ended.is_set():
                    for name in reader.children(reader.root()):
                        array = reader.node(f"/{name}")
                        reader.refresh(array)
                        shape = reader.info(array).shape[0]
                        found = reader.read(array, slice(max(0, shape - 50), shape))
                        self.reads += 1
                        self.torn += not np.array_equal(found, values(shape - len(found), len(found)))
            except H5SaverError:  # a node is away
                self.refused += 1
            finally:
                reader.close()


def record(server: HsdsServer, path: Path, kills: list[list[str]], chance: random.Random) -> dict[str, int]:
    """Record while nodes are killed and started again; return what was counted."""
    backend = H5pydBackend({**OPTIONS, "endpoint": server.endpoint, "patience_seconds": 60.0})
    backend.open(path, "x")
    arrays = [make_growing(backend, "/", f"Rows{number}", row_shape=(WIDTH,), dtype="f8") for number in range(3)]
    reader, done, ended = Reader(server.endpoint, path), [0], threading.Event()
    reader.start()
    safe = 0

    def write() -> None:
        while not ended.is_set():
            for array in arrays:
                backend.append(array, values(done[0], 5))
            done[0] += 5
            time.sleep(0.002)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    for nodes in kills:
        time.sleep(chance.uniform(0.0, 0.3))
        if chance.random() < 0.3:
            before = done[0]
            with suppress(RemoteError):  # a node was killed a moment ago
                backend.checkpoint()
                safe = before
        server.kill(*nodes)
        time.sleep(chance.uniform(0.0, 0.2))
        server.start()
    time.sleep(0.3)
    ended.set()
    writer.join()
    replays = backend.queue.activity().replays
    backend.close()
    reader.ended.set()
    reader.join()
    server.kill()  # what is left is what was on storage
    server.start()
    found = H5pydBackend({**OPTIONS, "endpoint": server.endpoint})
    found.open(path, "r")
    lost = wrong = 0
    for number in range(3):
        there = found.read(found.node(f"/Rows{number}"))
        expected = values(0, done[0])
        lost += max(0, len(expected) - len(there))
        both = min(len(expected), len(there))
        wrong += int((there[:both] != expected[:both]).any(axis=1).sum()) + max(0, len(there) - len(expected))
    found.close()
    counted = {
        "times": len(kills),
        "rows": 3 * done[0],
        "acknowledged": 3 * safe,
        "lost": lost,
        "doubled or wrong": wrong,
    }
    return {
        **counted,
        "reads": reader.reads,
        "torn reads": reader.torn,
        "reads refused": reader.refused,
        "replays": replays,
    }


def count(times: int, seed: int, data_nodes: int = 3) -> list[dict[str, Any]]:
    """Kill single nodes so often, and all of them a quarter as often; return rows of the table."""
    rows = []
    chance = random.Random(seed)
    for fault, often in (("one node of a server", times), ("all nodes of a server", max(1, times // 4))):
        row: dict[str, Any] = {"fault": fault, "whose": "ours", "backend": "h5pyd"}
        with tempfile.TemporaryDirectory(prefix="h5saver-servers-") as folder:
            server = HsdsServer(Path(folder), {**FAST, "s3_age_time": "0.3"}, data_nodes)
            try:
                server.start()
                server.make_folder(f"/home/{USER}")
                for start in range(0, often, 10):
                    one = [f"dn{n}" for n in range(data_nodes)] + ["sn"]
                    kills = [
                        [chance.choice(one)] if fault.startswith("one") else ["dn", "sn"]
                        for _ in range(min(10, often - start))
                    ]
                    for name, counted in record(server, Path(f"/home/{USER}/f{start}.h5"), kills, chance).items():
                        row[name] = row.get(name, 0) + counted
            finally:
                server.stop()
        rows.append(row)
    return rows
