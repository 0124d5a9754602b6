"""Costs along channels and objects: a table in one run, with the figure that is wanted beside every figure.

    python benchmarks/bench_channels.py [--quick] [--only log]

The first table logs 1, 50, 200 and 1,000 scalar channels point by point with this package (file in the program, and in
a process of its own), PyMoDAQ, a hand-written loop of one array per channel, and one of one array for all. The second
one has a row for everything else that must not grow. Times are CPU times of the calling thread, or of the program,
where nothing else is said: what else the machine does counts little. Ratios are of turns within one run.
"""

from __future__ import annotations

import argparse
import collections
import os
import statistics
import time
from typing import Any

import h5py
import numpy as np
from bench_saving import FRAME, peer_modules
from reading_rows import alternately, loading, new_path, overview, report

import h5saver_widget as ours

CHANNELS = (1, 50, 200, 1000)
SMALL = np.random.default_rng(3).poisson(200, size=(64, 64)).astype(np.uint16)


def bundle(library: Any, count: int, frame: Any = None, value: float = 1.0) -> Any:
    """Return a bundle of so many scalar channels, each a data object with a name and units, and maybe of a frame."""
    data = [
        library.DataRaw(f"s{i}", data=[np.array([value + i])], labels=[f"s{i}"], units="V", origin="det")
        for i in range(count)
    ]
    if frame is not None:
        data.append(library.DataRaw("image", data=[frame], labels=["image"], origin="det"))
    return library.DataToExport("grab", data=data)


class Log:
    """A log of our own, or of the peer's, that is open."""

    def __init__(self, library: Any = ours, isolated: bool = False, swmr: bool = False, backend: str = "h5py") -> None:
        options = {"isolated": isolated} if library is ours else {}
        self.path = new_path()
        self.h5 = library.H5SaverLowLevel("detector", backend=backend, **options)
        self.h5.init_file(self.path, new_file=True, **({"swmr": swmr} if library is ours else {}))
        self._saver = library.DataToExportTimedSaver(self.h5)
        self._group = self.h5.add_det_group("/RawData", "det")

    def add(self, dte: Any) -> None:
        """Save a point."""
        self._saver.add_data(self._group, dte)

    def close(self) -> int:
        """Close the file, and return its size."""
        self.h5.close_file()
        return self.path.stat().st_size


class HandWritten:
    """What a careful person writes: an array for each channel, with the same names and units, flushed once a second."""

    def __init__(self, count: int, one_array: bool = False) -> None:
        self.path = new_path()
        self.h5 = h5py.File(self.path, "w")
        width = (count,) if one_array else (1,)
        self._arrays = []
        for i in range(1 if one_array else count):
            array = self.h5.create_dataset(
                f"det/s{i}", (0, *width), maxshape=(None, *width), chunks=(8192 // width[0] or 1, *width), dtype="f8"
            )
            array.attrs["label"], array.attrs["units"] = f"s{i}", "V"
            self._arrays.append(array)
        times = self.h5.create_dataset("det/time", (0, 1), maxshape=(None, 1), chunks=(8192, 1), dtype="f8")
        times.attrs["label"], times.attrs["units"] = "time", "s"
        self._arrays.append(times)
        self._flushed_at = time.monotonic()

    def add(self, values: Any) -> None:
        """Save a point."""
        for array, value in zip(self._arrays, [*values, [time.time()]], strict=True):
            count = array.shape[0]
            array.resize(count + 1, axis=0)
            array[count] = value
        if time.monotonic() - self._flushed_at > 1.0:
            self.h5.flush()
            self._flushed_at = time.monotonic()

    def close(self) -> int:
        """Close the file, and return its size."""
        self.h5.close()
        return self.path.stat().st_size


def seconds_per_point(log: Any, points: list[Any], count: int) -> float:
    """Return the seconds of a point, the first one and closing left out of it."""
    log.add(points[0])
    began = time.thread_time()
    for i in range(count):
        log.add(points[i % len(points)])
    took = (time.thread_time() - began) / count
    log.close()
    return took


def channels_table(quick: bool) -> None:
    """Print what a point costs, by the number of channels."""
    peer = peer_modules()
    print("| channels | ours us | isolated, caller us | by hand us | one array us | PyMoDAQ us | ours us a channel |")
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for count in CHANNELS:
        times: dict[str, list[float]] = collections.defaultdict(list)
        points = max(200, (4000 if quick else 20000) // count)
        mine = [bundle(ours, count, value=float(i)) for i in range(4)]
        for _ in range(1 if quick else 3):
            times["ours"].append(seconds_per_point(Log(), mine, points))
            times["isolated"].append(seconds_per_point(Log(isolated=True), mine, points))
            values = [[[float(i)] for i in range(count)]]
            times["hand"].append(seconds_per_point(HandWritten(count), values, max(3, points // 10)))
            times["one"].append(seconds_per_point(HandWritten(count, True), [[np.zeros(count)]], points))
            if peer is not None and (count <= 50 or not quick):  # it needs minutes to make 1,000 arrays
                theirs = [bundle(peer, count)]
                times["peer"].append(seconds_per_point(Log(peer), theirs, max(1, points // 2000)))
        us = {name: statistics.median(found) * 1e6 for name, found in times.items()}
        print(
            f"| {count} | {us['ours']:.1f} | {us['isolated']:.1f} | {us['hand']:.1f} | {us['one']:.1f} |"
            f" {us.get('peer', float('nan')):.0f} | {us['ours'] / count:.3f} |",
            flush=True,
        )


# ------------------------------------------------------------------------------------------------------------- rows
def flush(rounds: int) -> None:
    """Time a flush after one point, by the number of channels; streaming (SWMR) too."""
    for swmr in (False, True):
        took = {}
        for count in CHANNELS:
            log, (dte, other) = Log(swmr=swmr), (bundle(ours, count, value=float(n)) for n in range(2))
            log.add(dte)
            if swmr:
                log.h5.enable_swmr()
            found = []
            for _ in range(rounds + 2):
                log.h5.flush()
                log.add(other)  # what never changes would not be written
                began = time.process_time()
                log.h5.flush()
                found.append(time.process_time() - began)
            took[count] = statistics.median(found)
            log.close()
        each = ", ".join(f"{count:,}: {1e3 * seconds:.1f} ms" for count, seconds in took.items())
        report(f"flush after one point{', SWMR' if swmr else ''}", each, "<= 100 ms for 1,000")


def size(rounds: int) -> None:
    """Size of a file over its data: a short log, and an hour at 10 Hz in accelerated time."""
    for count, points, wanted in ((1000, 100, "<= 8"), (50, 100, "<= 8"), (100, 36_000, "<= 1.3")):
        log, dtes = Log(), [bundle(ours, count, value=float(n)) for n in range(3)]
        for i in range(points):
            log.add(dtes[i % 3])
            if i % 10 == 9:
                log.h5.flush()
        share = log.close() / count / points / 8
        report(f"file over data, {count:,} channels x {points:,} points", f"{share:.2f}", wanted)
    log = Log()
    for _ in range(2):
        log.add(bundle(ours, 0, np.zeros(640)))
    report("a file of 10 kB of spectra", f"{log.close() / 1e3:.0f} kB", "<= 80 kB")


def camera(rounds: int) -> None:
    """Compare the frame rate of a small camera with 50 scalars with that without."""
    for isolated, per in ((False, 50), (True, 50), (True, 1)):

        def rate(scalars: int, isolated: bool = isolated, per: int = per) -> float:
            names = [f"s{i}" for i in range(per)]
            data = [
                ours.DataRaw(f"d{i}", data=[np.ones(1)] * per, labels=names, units="V", origin="det")
                for i in range(scalars // per)
            ]
            data.append(ours.DataRaw("image", data=[SMALL], origin="det"))
            return 1 / seconds_per_point(Log(isolated=isolated), [ours.DataToExport("grab", data=data)], 2000)

        alone, both = alternately(lambda: rate(0), lambda: rate(50), rounds)
        what = f"{'isolated' if isolated else 'in the program'}, {50 // per} data objects"
        ratio = f"{both:,.0f} of {alone:,.0f} fps = {both / alone:.2f}"
        report(f"camera 64 x 64 with 50 scalars, {what}", ratio, ">= 0.5")


def caller(rounds: int) -> None:
    """Time what a log and a scan cost the caller, and the process with the file."""
    import psutil

    def mine() -> float:
        log, dte = Log(isolated=True), four()
        log.add(dte)
        log.h5.flush()
        worker = psutil.Process(log.h5.io.pid)
        began, before = time.thread_time(), sum(worker.cpu_times()[:2])
        for _ in range(20_000):
            log.add(dte)
        took = time.thread_time() - began
        log.h5.flush()
        took = max(took, sum(worker.cpu_times()[:2]) - before)  # the two work side by side
        log.close()
        return 20_000 / took

    def by_hand() -> float:
        log = HandWritten(4)
        began = time.thread_time()
        for i in range(2000):
            log.add([[float(i)]] * 4)
        took = time.thread_time() - began
        log.close()
        return 2000 / took

    rate, other = alternately(mine, by_hand, rounds)
    report("log of 4 channels, isolated, by the slower of both processes", f"{rate:,.0f} /s", ">= 40,000")
    report("the same over a hand-written loop of h5py", f"{rate / other:.1f}", ">= 3")
    for isolated in (False, True):
        took = seconds_per_point(Log(isolated=isolated), [four()], 20_000)
        where = "isolated" if isolated else "in the program"
        report(f"add_data of 4 channels, {where}", f"{1e6 * took:.1f} us", "<= 20 us")
    path = new_path()
    h5 = ours.H5SaverLowLevel("scan", isolated=True)
    h5.init_file(path)
    saver, group = ours.DataToExportExtendedSaver(h5, (5000,)), h5.add_det_group("/RawData", "det")
    dte = bundle(ours, 1)
    saver.add_data(group, dte, indexes=(0,))
    began = time.thread_time()
    for i in range(1, 5000):
        saver.add_data(group, dte, indexes=(i,))
    took = (time.thread_time() - began) / 4999
    h5.close_file()
    report("scan step of a scalar, isolated", f"{1e6 * took:.1f} us", "<= 25 us")


def four() -> Any:
    """Return a bundle of a data object with four channels."""
    return ours.DataToExport("grab", data=[ours.DataRaw("t", data=[np.array([float(i)]) for i in range(4)])])


def frame(rounds: int) -> None:
    """Time the hand-over of a frame of 2 MB, while the worker keeps up."""
    log, dte = Log(isolated=True), bundle(ours, 0, FRAME)
    handed, copied, target = [], [], np.empty_like(FRAME)
    log.add(dte)
    for _ in range(100):
        began = time.thread_time()
        log.add(dte)
        handed.append(time.thread_time() - began)
        time.sleep(0.02)
        began = time.thread_time()  # after a pause, as the hand-over: the frame has left the processor's cache
        np.copyto(target, FRAME)
        copied.append(time.thread_time() - began)
        time.sleep(0.02)
    log.close()
    report(
        "hand-over of a 2 MB frame",
        f"{1e3 * statistics.median(handed):.3f} ms (a copy: {1e3 * statistics.median(copied):.3f})",
        "<= 0.2 ms",
    )


def late(rounds: int) -> None:
    """Measure a channel of frames of 0.5 MB that appears after 1,000 points."""
    for backend in ("h5py", "tables"):
        log = Log(backend=backend)
        for _ in range(1000):
            log.add(bundle(ours, 1))
        log.h5.flush()
        before = log.path.stat().st_size
        log.add(bundle(ours, 1, np.ones((512, 512), np.uint16)))
        log.h5.flush()
        grown = log.path.stat().st_size - before
        log.close()
        report(f"a frame of 0.5 MB after 1,000 points, {backend}: the file grows by", f"{grown / 1e6:.1f} MB", "~ 0.5")


def opening(rounds: int) -> None:
    """Compare appending into a file that was opened with open_file() over one that was made with init_file()."""

    def per_row(opened: bool) -> float:
        path, h5 = new_path(), ours.H5SaverLowLevel("detector")
        h5.init_file(path)
        if opened:
            h5.close_file()
            h5.open_file(path, "r+")
        array, row = h5.create_earray("/RawData", "x", np.float64, ()), np.zeros(1)
        began = time.process_time()
        for _ in range(20_000):
            h5.io.append(array.handle, row)
        took = time.process_time() - began
        h5.close_file()
        return took

    made, opened = alternately(lambda: per_row(False), lambda: per_row(True), rounds)
    report("appends after open_file() over after init_file()", f"{opened / made:.2f}", "~ 1")


def constant(rounds: int) -> None:
    """Measure what a channel that never changes takes of the file."""
    sizes = []
    for changes in (False, True):
        log, names = Log(), [f"c{i}" for i in range(20)]
        for i in range(20_000):
            value = float(i) if changes else 1.0
            data = [ours.DataRaw(name, data=[np.array([value])], origin="det") for name in names]
            log.add(ours.DataToExport("grab", data=data))
        sizes.append(log.close())
    report("20,000 points of 20 channels that never change, over of such that do", f"{sizes[0] / sizes[1]:.2f}", "~ 0")


def memory(rounds: int) -> None:
    """Memory of both processes in an accelerated hour of 1,000 channels at 10 Hz; a tenth of it if quick."""
    import psutil

    log, dtes = Log(isolated=True), [bundle(ours, 1000, value=float(n)) for n in range(3)]
    both = [psutil.Process(os.getpid()), psutil.Process(log.h5.io.pid)]
    seen = []
    points = 36_000 if rounds > 1 else 3600
    for i in range(points):
        log.add(dtes[i % 3])
        if i % 100 == 99:  # in an hour every ten points are flushed, which is most of the time
            log.h5.flush()
        if i % (points // 20) == points // 20 - 1:
            seen.append([process.memory_info().rss / 1e6 for process in both])
    log.close()
    text = ", ".join(f"{a:.0f} + {b:.0f}" for a, b in (seen[1], seen[len(seen) // 2], seen[-1]))
    most = " + ".join(f"{max(sizes):.0f}" for sizes in zip(*seen, strict=True))
    what = f"memory, MB, program + worker, at 1/10, 1/2 and the end of {points:,} points x 1,000 channels"
    report(what, f"{text} (at most {most})", "flat")


ROWS = {f.__name__: f for f in (flush, size, camera, caller, frame, late, loading, opening, constant, overview, memory)}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round, fewer points")
    parser.add_argument("--only", choices=["log", *ROWS], nargs="+", help="these alone")
    options = parser.parse_args()
    wanted = options.only or ["log", *ROWS]
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    if "log" in wanted:
        channels_table(options.quick)
    print("\n| what | figure | wanted |\n|---|---|---|")
    for name, row in ROWS.items():
        if name in wanted:
            row(1 if options.quick else 3)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
