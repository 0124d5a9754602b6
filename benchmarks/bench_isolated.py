"""The file in a process of its own, side by side with a hand-written loop, a plain file and PyMoDAQ; and the window.

    python benchmarks/bench_isolated.py [--quick]

Closing the file counts, starting the process does not (it starts with the program). *caller* is what the acquisition
waits for: the time inside of add_data. The last table but one saves noisy frames of 2 MB with gzip, 30 a second, in a
program with an event loop, and says how late a timer of 5 ms came. The last one stops the worker for six seconds while
a camera is saved by a thread: no event of the window may wait for it.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
from bench_saving import FRAME, HandWritten, Job, Saver, peer_modules, prepared_file, timed

import h5saver_widget as ours
from h5saver_widget.backends.terms import Compression

NOISY = [np.random.default_rng(i).poisson(2000, size=(1024, 1024)).astype(np.uint16) for i in range(4)]


class Isolated(Saver):
    """Our savers, with the file in another process; `caller` collects the seconds that each frame took there."""

    def __init__(self, backend: str, gzip: bool = False) -> None:
        super().__init__(ours, backend, gzip)
        self.h5 = ours.H5SaverLowLevel("detector", backend, isolated=True)
        self.h5.io.prepare()
        self.caller: list[float] = []

    def _open(self, path: Path) -> Any:
        self.h5.compression = Compression("gzip", 4 if self.gzip else 0)
        self.h5.init_file(path, new_file=not path.exists())
        self.caller = []
        return self.h5

    def _bundle(self, *arrays: np.ndarray[Any, Any]) -> Any:
        self._began()
        return super()._bundle(*arrays)

    def _channels(self) -> Any:
        self._began()
        return super()._channels()

    def _began(self) -> None:
        self.caller.append(time.perf_counter())

    @property
    def per_frame(self) -> float:
        """Median time from one frame to the next, seconds: the making of the frame counts too."""
        return statistics.median(np.diff(self.caller)) if len(self.caller) > 2 else float("nan")


class PlainFile:
    """Writes the bytes of frames, and nothing else."""

    def camera(self, path: Path, count: int) -> None:
        """Write one frame after the other."""
        with path.open("wb", buffering=0) as file:
            for _ in range(count):
                file.write(FRAME.data)


JOBS = (
    Job("log", 20_000),
    Job("scan", 2000),
    Job("snapshot", 100, groups=10),
    Job("snapshot", 100, groups=10_000),
    Job("camera", 100),
    Job("camera", 40, gzip=True),
)


def measure(job: Job, backend: str, peer: Any, rounds: int, folder: Path) -> None:
    """Print the rows of a job."""
    mine = Isolated(backend, job.gzip)
    others: dict[str, Any] = {"hand-written": HandWritten(backend, job.gzip)}
    if job.name == "camera" and not job.gzip:
        others["plain file"] = PlainFile()
    if peer is not None:
        others["PyMoDAQ"] = Saver(peer, backend, job.gzip)
    prepared = prepared_file(backend, job.groups, folder)
    everybody = {"": mine, **others}
    took: dict[str, list[float]] = {name: [] for name in everybody}
    sizes: dict[str, int] = {}
    callers = []
    # PyMoDAQ's time for one does not depend on how many there are
    fewer = max(3, job.count // (50 if job.groups > 1000 or job.name == "log" else 10))
    timed(mine, job, 20, prepared, folder)
    for number in range(rounds + 1):  # there and back: who comes after others that wrote for seconds pays for them
        for name, saver in list(everybody.items())[:: -1 if number % 2 else 1]:
            count = fewer if name == "PyMoDAQ" else job.count
            seconds, size = timed(saver, job, count, prepared, folder)
            took[name].append(seconds)
            sizes[name] = size * job.count // count
            if not name:
                callers.append(mine.per_frame)
    own = statistics.median(took.pop("")) * 1e3
    for name, times in took.items():
        ms = statistics.median(times) * 1e3
        size = f"{sizes[''] / sizes[name]:.2f}" if job.name == "camera" else ""
        print(
            f"| {job} | {backend} | {own:.3f} | {statistics.median(callers) * 1e3:.3f} | {ms:.3f} | {name} |"
            f" {ms / own:.2f} | {size} |",
            flush=True,
        )


def table(rounds: int, share: float, folder: Path, name: str | None = None) -> None:
    """Print the rows on time: all, or those of one job."""
    peer = peer_modules()
    print("| job | backend | isolated ms | caller ms | other ms | other | other / isolated | our file / theirs |")
    print("|---|---|---:|---:|---:|---|---:|---:|")
    for job in [job for job in JOBS if name in (None, job.name)]:
        less = job._replace(count=max(20, int(job.count * share)), groups=int(job.groups * share))
        for backend in ("h5py", "tables"):
            measure(less, backend, peer, rounds, folder)


def event_loop(seconds: float, folder: Path) -> None:
    """Print how late a timer comes while frames are saved with gzip and the file is looked at."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from pyqtgraph.Qt import QtCore, QtWidgets

    app = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    print("\n| backend | frames | dropped | hand-over ms (median) | timer late: median ms | 99 % ms | worst ms |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for backend in ("h5py", "tables"):
        bench = Isolated(backend, gzip=True)
        h5 = bench._open(folder / f"loop_{backend}.h5")
        h5.when_full = "drop"
        saver, group = ours.DataToExportTimedSaver(h5), h5.add_det_group("/RawData", "det")
        browser = ours.H5Browser(h5file=h5)
        browser.resize(900, 600)
        browser.show()
        saver.add_data(group, bench._bundle(NOISY[0]))
        late, handed = [], []
        due = [time.perf_counter() + 0.005]

        def tick(late: list[float] = late, due: list[float] = due) -> None:
            now = time.perf_counter()
            late.append(max(0.0, now - due[0]))
            due[0] = now + 0.005

        def save(saver: Any = saver, group: Any = group, bench: Any = bench, handed: list[float] = handed) -> None:
            dte = bench._bundle(NOISY[len(handed) % len(NOISY)])
            began = time.perf_counter()
            saver.add_data(group, dte)
            handed.append(time.perf_counter() - began)

        timers = []
        for interval, slot in ((5, tick), (33, save)):
            timer = QtCore.QTimer()
            timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
            timer.timeout.connect(slot)
            timer.start(interval)
            timers.append(timer)
        QtCore.QTimer.singleShot(int(seconds * 1000), app.quit)
        app.exec() if hasattr(app, "exec") else app.exec_()
        for timer in timers:
            timer.stop()
        browser.close()
        h5.flush()
        counted = h5.statistics()
        h5.close_file()
        print(
            f"| {backend} | {counted.frames_written} | {counted.frames_dropped} |"
            f" {statistics.median(handed) * 1e3:.2f} | {statistics.median(late) * 1e3:.2f} |"
            f" {np.percentile(late, 99) * 1e3:.2f} | {max(late) * 1e3:.2f} |",
            flush=True,
        )


def stopped(seconds: float, folder: Path) -> None:
    """Print how long the window is without an event while the worker stands still, as with a disk that hangs."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from pyqtgraph.Qt import QtCore, QtWidgets

    app = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
    print("\n| backend | frames before | accepted while it stood | lost | longest gap of the window, ms | memory, MB |")
    print("|---|---:|---:|---:|---:|---:|")
    for backend in ("h5py", "tables"):
        saver = ours.H5Saver("detector", backend)
        saver.settings["base_path"] = str(folder)
        saver.settings_tree.show()
        saver.new_file()
        module = ours.DetectorTimeSaver(SimpleNamespace(title="Camera"))
        module.h5saver = saver
        node = module.get_set_node()
        saved, end = [0], threading.Event()

        def record(module: Any = module, node: Any = node, saved: list[int] = saved, end: Any = end) -> None:
            while not end.wait(0.005):
                data = ours.DataRaw("image", data=[FRAME])
                module.add_data(node, ours.DataToExport("grab", data=[data]))
                saved[0] += 1

        gaps, last = [], [time.perf_counter()]

        def tick(gaps: list[float] = gaps, last: list[float] = last) -> None:
            now = time.perf_counter()
            gaps.append(now - last[0])
            last[0] = now

        thread = threading.Thread(target=record)
        timer = QtCore.QTimer()
        timer.timeout.connect(tick)
        timer.start(5)
        thread.start()
        _turn(app, 1.0)
        before, pid = saved[0], saver.io.pid
        gaps.clear()
        os.kill(pid, signal.SIGSTOP)
        _turn(app, seconds)
        during, memory = saved[0] - before, psutil.Process().memory_info().rss / 1e6
        longest = max(gaps) * 1e3
        os.kill(pid, signal.SIGCONT)
        end.set()
        thread.join()
        timer.stop()
        saver.close_file()
        lost = saver.statistics().frames_dropped
        print(f"| {backend} | {before} | {during} | {lost} | {longest:.0f} | {memory:.0f} |", flush=True)


def _turn(app: Any, seconds: float) -> None:
    """Handle events for a while."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        app.processEvents()
        time.sleep(0.001)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the counts, one round")
    parser.add_argument("--loop", action="store_true", help="the event loop alone")
    parser.add_argument("--job", choices=sorted({job.name for job in JOBS}), help="the rows of this one alone")
    parser.add_argument("--stopped", action="store_true", help="the worker that stands still alone (not on Windows)")
    quick, loop, job = (options := parser.parse_args()).quick, options.loop, options.job
    with tempfile.TemporaryDirectory() as name:
        if options.stopped:
            stopped(6.0, Path(name))
            return
        if not loop:
            table(1 if quick else 3, 0.1 if quick else 1.0, Path(name), job)
        if job is None:
            event_loop(3.0 if quick else 10.0, Path(name))
            stopped(2.0 if quick else 6.0, Path(name))


if __name__ == "__main__":
    main()
