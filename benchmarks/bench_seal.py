"""Sealing and verifying: megabytes per second, and what *Seal when closed* costs a camera.

    python benchmarks/bench_seal.py [--quick]

Speeds are those of one run of a process of its own, without its start; beside them stand those of SHA-256 over the
bytes of the file (one thread), and of `h5py` reading the values. The camera records with gzip as fast as frames are
taken, in turn with and without the seal, up to *Stop*; closing is told by itself.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from h5saver_widget import H5SaverBase
from h5saver_widget.sealing.making import seal_file
from h5saver_widget.sealing.verifying import _verify_in_child

SHAPE = (1024, 1024)


def frames(count: int) -> np.ndarray:
    """Return noisy camera frames."""
    return np.random.default_rng(1).poisson(200, size=(count, *SHAPE)).astype(np.uint16)


def timed(work) -> float:
    """Return how long something takes, in s."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def speeds(folder: Path, count: int, packed: dict) -> dict[str, float]:
    """Return megabytes of values per second, the median of three turns."""
    path = folder / f"values{len(packed)}.h5"
    some = frames(8)
    with h5py.File(path, "w") as file:
        data = file.create_dataset("frames", (count, *SHAPE), "u2", chunks=(1, *SHAPE), **packed)
        for number in range(count):
            data[number] = some[number % 8]
    size = count * some[0].nbytes / 1e6
    seal_file(path)

    def read() -> None:
        with h5py.File(path) as file:
            for number in range(0, count, 8):
                file["frames"][number : number + 8]

    works = {
        "verify": lambda: list(_verify_in_child(str(path))),
        "sha256 of the file": lambda: hashlib.file_digest(path.open("rb"), "sha256"),
        "h5py reads": read,
    }
    turns: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(3):
        for name, work in works.items():
            turns[name].append(size / timed(work))
    path.unlink()
    return {name: statistics.median(found) for name, found in turns.items()}


def camera(folder: Path, count: int, seal: bool) -> tuple[float, float]:
    """Return frames per second until *Stop*, and how long closing takes, in s."""
    saver = H5SaverBase("detector", "h5py")
    saver.settings["base_path"] = str(folder)
    saver.settings["data_format", "compression_options", "h5comp_level"] = 4
    saver.settings["recording", "seal"] = seal
    some = frames(16)
    saver.start()
    saver.record("camera", some[0])
    saver.flush()

    def record() -> None:
        for number in range(count):
            saver.record("camera", some[number % 16])
        saver.flush()

    return count / timed(record), timed(saver.stop)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    count = 100 if parser.parse_args().quick else 500
    with tempfile.TemporaryDirectory(prefix="h5saver-bench-") as place:
        folder = Path(place)
        for name, packed in (("as they are", {}), ("gzip 4", {"compression": "gzip", "compression_opts": 4})):
            found = speeds(folder, count, packed)
            print(f"{name:12}", "   ".join(f"{what} {speed:6.0f} MB/s" for what, speed in found.items()))
        turns: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
        for _ in range(5):
            for seal in (False, True):
                turns[seal].append(camera(folder, count, seal))
        rates = {seal: statistics.median(rate for rate, _ in found) for seal, found in turns.items()}
        closing = {seal: statistics.median(seconds for _, seconds in found) for seal, found in turns.items()}
        share = rates[True] / rates[False]
        print(f"camera, gzip 4: {rates[False]:.0f} frames/s, sealed {rates[True]:.0f}: {share:.3f} of it")
        megabytes = count * 2 * 1024 * 1024 / 1e6
        print(f"closing {megabytes:.0f} MB: {closing[False]:.2f} s, with the seal {closing[True]:.2f} s")


if __name__ == "__main__":
    main()
