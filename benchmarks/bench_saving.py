"""Saving, side by side in one run: this package, PyMoDAQ on the same backend, and a hand-written loop.

    python benchmarks/bench_saving.py [--quick] [--job scan]

Every row is timed in turns, after a round that does not count; medians are printed with their ratios; closing the file
counts. PyMoDAQ gets a home folder of its own and is left out if it is not installed.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import h5saver_widget as ours
from h5saver_widget.backends.terms import Compression

SPECTRUM = np.random.default_rng(1).normal(size=1024)
FRAME = np.random.default_rng(2).poisson(200, size=(1024, 1024)).astype(np.uint16)


def peer_modules() -> Any:
    """Import the peer with a home folder of its own; None if it is not installed."""
    os.environ["HOME"] = tempfile.mkdtemp(prefix="peer-home-")
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    try:
        import pymodaq_data.data as data
        from pymodaq_data.h5modules import data_saving, saving
    except ImportError:
        return None
    names = ("DataToExportTimedSaver", "DataToExportSaver", "DataToExportExtendedSaver")
    found = {name: getattr(data_saving, name) for name in names}
    found |= {name: getattr(data, name) for name in ("DataRaw", "DataToExport", "Axis")}
    return type("Peer", (), {**found, "H5SaverLowLevel": saving.H5SaverLowLevel})


class Saver:
    """A saver library (ours or the peer's) with one backend, doing the jobs of the table."""

    def __init__(self, library: Any, backend: str, gzip: bool = False) -> None:
        self.library, self.backend, self.gzip = library, backend, gzip

    def _open(self, path: Path) -> Any:
        saver = self.library.H5SaverLowLevel("detector", backend=self.backend)
        if self.library is ours:
            saver.compression = Compression("gzip", 4 if self.gzip else 0)
        saver.init_file(path, new_file=not path.exists())
        if self.gzip and self.library is not ours:
            saver.define_compression("gzip", 4)
        return saver

    def _bundle(self, *arrays: np.ndarray[Any, Any]) -> Any:
        raw = self.library.DataRaw
        return self.library.DataToExport(
            "grab", data=[raw(f"data{i}", data=[array], origin="det") for i, array in enumerate(arrays)]
        )

    def _channels(self) -> Any:
        values = [np.array([float(i)]) for i in range(4)]
        return self.library.DataToExport("grab", data=[self.library.DataRaw("t", data=values, origin="det")])

    def log(self, path: Path, count: int) -> None:
        """4 channels and time, point by point."""
        h5 = self._open(path)
        saver = self.library.DataToExportTimedSaver(h5)
        group = h5.add_det_group("/RawData", "det")
        for _ in range(count):
            saver.add_data(group, self._channels())
        h5.close_file()

    def snapshot(self, path: Path, count: int) -> float:
        """4 channels into a new group each time, in a file that has groups already; opening it doesn't count."""
        h5 = self._open(path)
        saver = self.library.DataToExportSaver(h5)
        start = time.perf_counter()
        for _ in range(count):
            saver.add_data(h5.add_det_group("/RawData", "det"), self._channels())
        h5.close_file()
        return time.perf_counter() - start

    def scan(self, path: Path, count: int) -> None:
        """Save a scalar and a spectrum at every point."""
        h5 = self._open(path)
        group = h5.add_det_group("/RawData", "det")
        saver = self.library.DataToExportExtendedSaver(h5, (count,))
        for i in range(count):
            saver.add_data(group, self._bundle(np.array([1.0]), SPECTRUM), indexes=(i,))
        h5.close_file()

    def camera(self, path: Path, count: int) -> None:
        """Frames of 1024 x 1024 uint16."""
        h5 = self._open(path)
        saver = self.library.DataToExportTimedSaver(h5)
        group = h5.add_det_group("/RawData", "det")
        for _ in range(count):
            saver.add_data(group, self._bundle(FRAME))
        h5.close_file()


class HandWritten:
    """What a careful person writes in an hour: the same arrays, no descriptions."""

    def __init__(self, backend: str, gzip: bool = False) -> None:
        self.backend, self.gzip = backend, gzip

    def _open(self, path: Path) -> Any:
        import h5py
        import tables

        return h5py.File(path, "a") if self.backend == "h5py" else tables.open_file(str(path), "a")

    def _grow(
        self, h5: Any, where: str, name: str, shape: tuple[int, ...], dtype: Any, rows: int
    ) -> Callable[..., None]:
        import tables

        if self.backend == "h5py":
            options = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if self.gzip else {}
            array = h5.create_dataset(
                f"{where}/{name}", (0, *shape), maxshape=(None, *shape), chunks=(rows, *shape), dtype=dtype, **options
            )

            def append(row: Any) -> None:
                count = array.shape[0]
                array.resize(count + 1, axis=0)
                array[count] = row

            return append
        filters = tables.Filters(4, "zlib", shuffle=True) if self.gzip else None
        atom = tables.Atom.from_dtype(np.dtype(dtype))
        earray = h5.create_earray(
            where, name, atom=atom, shape=(0, *shape), chunkshape=(rows, *shape), createparents=True, filters=filters
        )
        return lambda row: earray.append(np.asarray(row, dtype)[np.newaxis])

    def log(self, path: Path, count: int) -> None:
        """Grow five arrays."""
        h5 = self._open(path)
        arrays = [self._grow(h5, "/det", f"a{i}", (1,), "f8", 8192) for i in range(5)]
        for i in range(count):
            for append in arrays:
                append([float(i)])
        h5.close()

    def snapshot(self, path: Path, count: int) -> float:
        """Make 4 arrays with 14 attributes in a group with 2 levels."""
        h5 = self._open(path)
        start = time.perf_counter()
        for i in range(count):
            where = f"/RawData/Hand{i:03d}/Data0D/CH00"
            for j in range(4):
                if self.backend == "h5py":
                    attributes = h5.create_dataset(f"{where}/Data{j:02d}", data=np.array([float(j)])).attrs
                    for k in range(14):
                        attributes[f"attribute{k}"] = "some text that is stored"
                else:
                    node = h5.create_carray(where, f"Data{j:02d}", obj=np.array([float(j)]), createparents=True)
                    for k in range(14):
                        node.attrs[f"attribute{k}"] = "some text that is stored"
        h5.close()
        return time.perf_counter() - start

    def scan(self, path: Path, count: int) -> None:
        """Fill two arrays."""
        import tables

        h5 = self._open(path)
        if self.backend == "h5py":
            scalar, spectrum = h5.create_dataset("a", (count,), "f8"), h5.create_dataset("b", (count, 1024), "f8")
        else:
            scalar = h5.create_carray("/", "a", tables.Float64Atom(), (count,))
            spectrum = h5.create_carray("/", "b", tables.Float64Atom(), (count, 1024))
        for i in range(count):
            scalar[i] = 1.0
            spectrum[i] = SPECTRUM
        h5.close()

    def camera(self, path: Path, count: int) -> None:
        """Grow one array of frames."""
        h5 = self._open(path)
        append = self._grow(h5, "/det", "frames", FRAME.shape, "u2", 1)
        for _ in range(count):
            append(FRAME)
        h5.close()


class Job(NamedTuple):
    """A row of the table: what is done how often, and how many groups are in the file before."""

    name: str
    count: int
    gzip: bool = False
    groups: int = 0

    def __str__(self) -> str:
        note = ", gzip 4" if self.gzip else f" into a file with {self.groups} groups" if self.groups else ""
        return f"{self.name} ({self.count}{note})"


JOBS = (
    Job("log", 2000),
    *(Job("snapshot", 20, groups=groups) for groups in (10, 1000, 10_000)),
    Job("scan", 5000),
    Job("camera", 60),
    Job("camera", 20, gzip=True),
)


def timed(saver: Any, job: Job, count: int, prepared: Path | None, folder: Path) -> tuple[float, int]:
    """Return the seconds per item of a job, and the size of the file."""
    path = Path(tempfile.mkdtemp(dir=folder)) / "file.h5"
    if prepared is not None:
        shutil.copy(prepared, path)
    gc.collect()  # else who comes later looks for what the others have left: 20 ms with all that PyMoDAQ imports
    start = time.perf_counter()
    took = getattr(saver, job.name)(path, count) or time.perf_counter() - start
    size = path.stat().st_size
    path.unlink()
    return took / count, size


def prepared_file(backend: str, groups: int, folder: Path) -> Path | None:
    """Make a file with so many snapshots in it; None if that is none."""
    if not groups:
        return None
    path = folder / f"{backend}{groups}.h5"
    if not path.exists():
        Saver(ours, backend).snapshot(path, groups)
    return path


def measure(job: Job, backend: str, peer: Any, rounds: int, folder: Path) -> None:
    """Print a row."""
    savers: dict[str, Any] = {"ours": Saver(ours, backend, job.gzip), "hand": HandWritten(backend, job.gzip)}
    if peer is not None:
        savers["peer"] = Saver(peer, backend, job.gzip)
    prepared = prepared_file(backend, job.groups, folder)
    times: dict[str, list[float]] = {"ours": [], "hand": [], "peer": []}
    # The first round does not count: who comes first pays for imports and for memory touched first. There and back: who
    # comes after 3 s of disk writes by the peer pays for them, with camera frames five times its own time.
    for number in range(rounds + 1):
        for who, saver in list(savers.items())[:: -1 if number % 2 else 1]:
            # it needs minutes for all of them
            slow = who == "peer" and (job.name in ("log", "scan") or job.groups >= 1000)
            took = timed(saver, job, max(3, job.count // 10) if slow else job.count, prepared, folder)[0]
            if number:
                times[who].append(took)
    ms = {who: statistics.median(took) * 1e3 if took else float("nan") for who, took in times.items()}
    print(
        f"| {job} | {backend} | {ms['ours']:.3f} | {ms['hand']:.3f} |"
        f" {ms['peer']:.3f} | {ms['peer'] / ms['ours']:.1f} | {ms['ours'] / ms['hand']:.2f} |",
        flush=True,
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the counts, one round")
    parser.add_argument("--job", choices=sorted({job.name for job in JOBS}), help="this one alone")
    options = parser.parse_args()
    peer = peer_modules()
    print("| job | backend | ours ms | hand-written ms | PyMoDAQ ms | PyMoDAQ / ours | ours / hand-written |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for job in JOBS:
        if options.job not in (None, job.name):
            continue
        if options.quick:
            job = job._replace(count=max(5, job.count // 10), groups=job.groups // 10)
        for backend in ("h5py", "tables"):
            with tempfile.TemporaryDirectory() as folder:
                measure(job, backend, peer, 1 if options.quick else 3, Path(folder))


if __name__ == "__main__":
    main()
