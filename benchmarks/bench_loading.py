"""Loading, side by side in one run: this package and PyMoDAQ's loader, on the same files.

    python benchmarks/bench_loading.py [--quick]

Every row is timed in turns, medians are printed with their ratios. The files are written here and read by both. PyMoDAQ
gets a home folder of its own and is left out if it is not installed. It has no lazy loading: in the row of the 4 GB
scan it loads all of a scan of 256 frames (512 MB), and the time is scaled to 4 GB.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import h5saver_widget as ours
from h5saver_widget.format.layout import DataType
from h5saver_widget.saving.describe import data_attributes

POINTS = 2048
NODE = "/RawData/Detector007/Data00"
SCAN = "/RawData/Data00"
FRAME = np.random.default_rng(2).poisson(200, size=(1024, 1024)).astype(np.uint16)
SPECTRUM = np.random.default_rng(1).normal(size=1024)

Job = Callable[[], object]


def peer_loader() -> Any:
    """Import the peer with a home folder of its own; None if it is not installed."""
    os.environ["HOME"] = tempfile.mkdtemp(prefix="peer-home-")
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    try:
        from pymodaq_data.h5modules import data_saving, saving
    except ImportError:
        return None

    def load(path: Path, backend: str) -> Any:
        h5saver = saving.H5SaverLowLevel(backend=backend)
        h5saver.open_file(path, "r")
        return data_saving.DataLoader(h5saver)

    return load


def our_loader(path: Path, backend: str) -> Any:
    return ours.DataLoader(path, backend=backend)


# ---------------------------------------------------------------------------------------------------------- the files
def snapshots(path: Path, backend: str, count: int) -> int:
    """Save `count` nodes: groups with a spectrum of 2 channels, an axis and errors each; return how many they are."""
    data = ours.DataRaw(
        "spectrum",
        data=[SPECTRUM, SPECTRUM],
        axes=[ours.Axis("wavelength", "nm", np.arange(1024.0))],
        units="V",
        errors=[SPECTRUM, SPECTRUM],
    )
    with ours.H5SaverLowLevel("detector", backend) as h5saver:
        h5saver.init_file(path)
        saver = ours.DataSaverLoader(h5saver)
        for _ in range(count // 6):
            saver.add_data(h5saver.add_det_group("/RawData", "det"), data)
        return sum(1 for _ in h5saver.walk_nodes("/"))


def scan(path: Path, backend: str, points: int) -> None:
    """Make a scan of frames of which a few are measured; HDF5 gives space only to what is written."""
    with ours.H5SaverLowLevel("scan", backend) as h5saver:
        h5saver.init_file(path)
        axis = ours.Axis("position", "mm", np.arange(points) * 0.5)
        ours.DataToExportExtendedSaver(h5saver, (points,)).add_nav_axes("/RawData", [axis])
        like = ours.DataRaw("camera", data=[np.zeros((1, 1, 1), np.uint16)], nav_indexes=(0,), units="counts")
        about = data_attributes(like, 0, DataType.data, (0,))
        node = h5saver.create_carray(
            "/RawData", "Data00", title="camera", shape=(points, *FRAME.shape), dtype="uint16", attributes=about
        )
        for i in np.linspace(0, points - 1, 5).astype(int):
            node[int(i)] = FRAME


# ------------------------------------------------------------------------------------------------------------ the jobs
def timed(job: Job) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def walk(loader: Any) -> int:
    """Walk over all nodes and read what role each has, as a browser does."""
    found = 0
    for node in loader.walk_nodes("/"):
        found += "data_type" in node.attrs.attrs_name
    return found


def print_row(name: str, backend: str, ours_ms: list[float], peer_ms: list[float], note: str = "") -> None:
    mine = statistics.median(ours_ms) * 1e3
    other = statistics.median(peer_ms) * 1e3 if peer_ms else float("nan")
    print(f"| {name} | {backend} | {mine:.3f} | {other:.3f}{note} | {other / mine:.1f} |", flush=True)


def turns(rounds: int, mine: Job, other: Job | None) -> tuple[list[float], list[float]]:
    """Time both in turns; the first turn, in which things are imported and cached, doesn't count."""
    times: tuple[list[float], list[float]] = ([], [])
    for i in range(rounds + 1):
        for took, job in zip(times, (mine, other), strict=True):
            if job is not None:
                seconds = timed(job)
                if i:
                    took.append(seconds)
    return times


def node_rows(path: Path, backend: str, peer: Any, rounds: int, count: int) -> None:
    """Print the rows of a file with many nodes."""
    nodes = snapshots(path, backend, count)
    mine = our_loader(path, backend)
    theirs = peer(path, backend) if peer else None
    for label, load_all in (("1 channel", False), ("2 channels", True)):
        row = turns(
            10 * rounds,
            partial(mine.load_data, NODE, load_all=load_all),
            partial(theirs.load_data, NODE, load_all=load_all) if theirs else None,
        )
        print_row(f"load one node, {label} of 1024, axis, errors", backend, *row)
    print_row("1 channel, lazy", backend, *turns(10 * rounds, partial(mine.load_data, NODE, lazy=True), None))
    row = turns(rounds, partial(walk, mine), partial(walk, theirs) if theirs else None)
    print_row(f"walk of {nodes} nodes, with their roles", backend, *row)
    mine.close_file()
    if theirs:
        theirs.close_file()


def scan_rows(folder: Path, backend: str, peer: Any, rounds: int, whole: int) -> None:
    """Print the rows of a scan of 4 GB."""
    big, small = folder / f"big_{backend}.h5", folder / f"small_{backend}.h5"
    scan(big, backend, POINTS)
    scan(small, backend, whole)
    mine = our_loader(big, backend)
    theirs = peer(small, backend) if peer else None
    at = itertools.count()

    def one_frame() -> Any:
        return mine.load_data(SCAN, lazy=True).inav[(next(at) * 511) % POINTS].data[0]

    def all_frames() -> Any:
        return theirs.load_data(SCAN).inav[whole // 2].data[0]

    frames, everything = turns(rounds, one_frame, all_frames if theirs else None)
    scaled = [seconds * POINTS / whole for seconds in everything]
    note = f" ({whole} frames x {POINTS // whole})" if scaled else ""
    print_row("load lazily, slice one frame of a 4 GB scan", backend, frames, scaled, note)
    loaded = mine.load_data(SCAN, lazy=True)
    frames, _ = turns(10 * rounds, lambda: loaded.inav[(next(at) * 511) % POINTS], None)
    print_row("slice one more frame", backend, frames, [])
    mine.close_file()
    if theirs:
        theirs.close_file()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the nodes, fewer rounds")
    quick = parser.parse_args().quick
    peer = peer_loader()
    rounds, count, whole = (3, 1000, 64) if quick else (5, 10_000, 256)
    print("| job | backend | ours ms | PyMoDAQ ms | PyMoDAQ / ours |")
    print("|---|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as name:
        for backend in ("h5py", "tables"):
            node_rows(Path(name) / f"nodes_{backend}.h5", backend, peer, rounds, count)
            scan_rows(Path(name), backend, peer, rounds, whole)


if __name__ == "__main__":
    main()
