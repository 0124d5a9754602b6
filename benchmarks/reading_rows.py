"""Rows of the table of bench_channels.py about reading, and what all of its rows are made with."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import h5saver_widget as ours
from h5saver_widget.backends.h5py_backend import H5pyBackend

TEMPORARY = tempfile.TemporaryDirectory(prefix="bench-channels-")
FOLDER = Path(TEMPORARY.name)


def new_path() -> Path:
    """Return a path where nothing is yet."""
    return Path(tempfile.mkdtemp(dir=FOLDER)) / "file.h5"


def report(what: str, figure: str, wanted: str) -> None:
    """Print a row of the second table."""
    print(f"| {what} | {figure} | {wanted} |", flush=True)


def alternately(first: Callable[[], float], second: Callable[[], float], rounds: int) -> tuple[float, float]:
    """Return the medians of two measurements that take turns."""
    found = [(first(), second()) for _ in range(rounds)]
    return statistics.median(a for a, _ in found), statistics.median(b for _, b in found)


@contextmanager
def counted(name: str) -> Iterator[list[int]]:
    """Count the calls of a primitive in the block."""
    real, count = getattr(H5pyBackend, name), [0]

    def counting(*args: Any, **options: Any) -> Any:
        count[0] += 1
        return real(*args, **options)

    setattr(H5pyBackend, name, counting)
    try:
        yield count
    finally:
        setattr(H5pyBackend, name, real)


def loading(rounds: int) -> None:
    """How often a file is asked for attributes when N objects of a group are loaded, or exported."""
    from h5saver_widget.exporters import export

    found: dict[str, list[int]] = {"load_all": [], "export": []}
    for count in (10, 40, 160):
        path = new_path()
        with ours.H5SaverLowLevel("detector") as h5:
            h5.init_file(path)
            saver, group = ours.DataSaverLoader(h5), h5.add_det_group("/RawData", "D")
            for i in range(count):
                saver.add_data(group, ours.DataRaw(f"d{i}", data=[np.arange(4.0)]))
        with counted("get_attributes") as calls, ours.DataLoader(path) as loader:
            loader.load_all("/")
        found["load_all"].append(calls[0])
        with counted("get_attributes") as calls, ours.H5SaverLowLevel() as h5:
            h5.open_file(path, "r")
            export(h5.get_node("/RawData"), path.with_suffix(".txt"))
        found["export"].append(calls[0])
    for name, calls_of in found.items():
        report(f"{name} of 10, 40, 160 objects: attribute reads", ", ".join(map(str, calls_of)), "as N")


def overview(rounds: int) -> None:
    """Time the overview of five million points: the smallest and the largest value of each pixel."""
    from h5saver_widget.browsing import FileView

    path, took = new_path(), []
    with h5py.File(path, "w") as h5:
        h5.create_dataset("x", data=np.random.default_rng(1).normal(size=5_000_000), chunks=(8192,))
    for _ in range(rounds + 1):
        with FileView(path) as view:
            reader = view.data("/x")
            began = time.process_time()
            *_, (_, curves) = reader.overview(0, {})
            took.append(time.process_time() - began)
    drawn = curves.curves[0].values.size
    report(f"overview of 5 million points ({drawn:,} drawn)", f"{statistics.median(took):.2f} s", "<= 0.3 s")
