"""Looking into files, side by side in one run: this package's browser and PyMoDAQ's, on the same files.

    python benchmarks/bench_browser.py [--quick]

Every measurement is a process of its own, with a window on Qt's offscreen platform: imports and the program's start are
not counted, the start of the process that reads the file is. CPU seconds are those of both processes: they tell more
than the clock on a machine that has other work. Memory is told twice: the most that each process ever had, with the
libraries that they share counted in both; and what they have together at the end, where a page that n processes share
counts as 1/n in each (PSS). Median of some rounds, in turns. PyMoDAQ gets a home folder of its own and is left out if
it is not installed; it always expands the whole tree. What it plots it reads as a whole, so the data set of 4 GB is
left to this package.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

JOBS = {
    "open": "open and show {nodes:,} nodes",
    "expand": "the same with everything expanded",
    "flat": "{flat:,} arrays in one group: open, select it (plots), expand",
    "huge": "open a file of 4 GB, plot a frame of it",
}
LARGE_NODE = "/RawData/Frames"
FLAT_GROUP = "/RawData/Detector000"


# ---------------------------------------------------------------------------------------------------------- the files
def write_nodes(path: Path, count: int) -> int:
    """Save snapshots until there are about so many nodes; return how many there are."""
    import numpy as np

    import h5saver_widget as ours

    axis = ours.Axis("wavelength", "nm", np.arange(16.0))
    data = ours.DataRaw("spectrum", data=[np.arange(16.0)] * 2, axes=[axis], units="V")
    with ours.H5SaverLowLevel("detector", "h5py") as h5saver:
        h5saver.init_file(path)
        saver = ours.DataSaverLoader(h5saver)
        for _ in range(count // 4):
            saver.add_data(h5saver.add_det_group("/RawData", "Spectrometer"), data)
        return sum(1 for _ in h5saver.walk_nodes("/"))


def write_flat(path: Path, count: int) -> None:
    """Make so many arrays in one group."""
    import numpy as np

    import h5saver_widget as ours

    with ours.H5SaverLowLevel("detector", "h5py") as h5saver:
        h5saver.init_file(path)
        group = h5saver.add_det_group("/RawData", "many")
        for number in range(count):
            h5saver.create_carray(group, f"Data{number:05d}", np.arange(16.0))


def write_huge(path: Path) -> None:
    """Make 2,048 frames of 2 MB, of which a few are written: HDF5 gives space only to those."""
    import h5py

    with h5py.File(path, "x") as file:
        frames = file.create_dataset(LARGE_NODE, (2048, 1024, 1024), "uint16", chunks=(1, 1024, 1024))
        frames[0] = 1


# ------------------------------------------------------------------------------------------------------ one measurement
def measure_ours(job: str, path: str) -> dict[str, Any]:
    """Open a file in this package's browser."""
    from pyqtgraph.Qt import QtCore, mkQApp

    from h5saver_widget.qt.browser import H5Browser

    mkQApp()
    settings = QtCore.QSettings
    settings.setPath(settings.Format.IniFormat, settings.Scope.UserScope, tempfile.mkdtemp())
    start, cpu = time.perf_counter(), _cpu()
    browser = H5Browser(h5file=path)
    browser.show()
    browser.wait(60)
    if job == "expand":
        browser.select("/")
        browser.expand_all()
        browser.wait(60)
    if job == "flat":
        browser.select(FLAT_GROUP)
        browser.wait(60)
        browser.expand_all()
        browser.wait(60)
    if job == "huge":
        browser.select(LARGE_NODE)
        browser.wait(60)
    seconds = time.perf_counter() - start
    shown = len(browser.model._entries)
    memory = _memory()
    browser.close()
    return {"seconds": seconds, "cpu": _cpu() - cpu, "nodes": shown, **memory}


def measure_peer(job: str, path: str) -> dict[str, Any]:
    """Open a file in PyMoDAQ's browser."""
    from qtpy import QtWidgets

    app = QtWidgets.QApplication([])
    from pymodaq_gui.h5modules.browsing import H5Browser

    window = QtWidgets.QMainWindow()
    start, cpu = time.perf_counter(), _cpu()
    browser = H5Browser(window, h5file_path=path, backend="h5py")
    window.show()
    app.processEvents()
    seconds = time.perf_counter() - start
    cpu = _cpu() - cpu
    tree = browser.view.h5file_tree.tree
    shown = sum(1 for _ in _items(tree.invisibleRootItem()))
    return {"seconds": seconds, "cpu": cpu, "nodes": shown, **_memory()}


def _items(item: Any) -> Any:
    for number in range(item.childCount()):
        yield item.child(number)
        yield from _items(item.child(number))


def _memory() -> dict[str, float]:
    """Return the most memory that this process and those below it ever had, and what they have together now, in MB."""
    import psutil

    me = psutil.Process()
    readers = me.children()
    return {
        "whole": _peak(me.pid),
        "child": sum(_peak(reader.pid) for reader in readers),
        "together": sum(process.memory_full_info().pss for process in (me, *readers)) / 1e6,
    }


def _peak(pid: int) -> float:
    """Return the most memory that a process ever had, in MB; Linux.

    ``getrusage`` is of no use for a child: its peak begins with that of the program that started it.
    """
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024 / 1e6


def _cpu() -> float:
    """Return the seconds of computing of this process and of those that it started and that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def run_child(who: str, job: str, path: Path, home: str) -> dict[str, Any] | None:
    """Measure in a process of its own; None if PyMoDAQ is not there."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": home, "QT_LOGGING_RULES": "*=false"}
    command = [sys.executable, __file__, "--child", who, job, str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        if "No module named 'pymodaq" in done.stderr:
            return None
        raise SystemExit(f"{who} {job}: {done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Make the files, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer nodes, one round")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        who, job, path = options.child
        print(json.dumps((measure_ours if who == "ours" else measure_peer)(job, path)))
        return
    rounds = 1 if options.quick else 3
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as home:
        files = {job: Path(folder) / f"{'nodes' if job in ('open', 'expand') else job}.h5" for job in JOBS}
        flat = 1000 if options.quick else 10_000
        count = write_nodes(files["open"], flat)
        write_flat(files["flat"], flat)
        write_huge(files["huge"])
        columns = "s | CPU s | peak MB | together MB"
        print(f"| job | ours {columns} | PyMoDAQ {columns} |\n|---{'|---:' * 8}|")
        for job, title in JOBS.items():
            sides = ("ours",) if job == "huge" else ("ours", "peer")
            found: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
            for _ in range(rounds):
                for side in sides:
                    one = run_child(side, job, files[job], home)
                    if one is not None:
                        found[side].append(one)
            cells = [_cells(found.get(side, [])) for side in ("ours", "peer")]
            print(f"| {title.format(nodes=count, flat=flat)} | {' | '.join(cells)} |")


def _cells(found: list[dict[str, Any]]) -> str:
    if not found:
        return "- | - | - | -"
    keys = ("seconds", "cpu", "whole", "child", "together")
    seconds, cpu, whole, child, together = (statistics.median(one[key] for one in found) for key in keys)
    peak = f"{whole:.0f} + {child:.0f}" if child else f"{whole:.0f}"
    return f"{seconds:.2f} | {cpu:.2f} | {peak} | {together:.0f}"


if __name__ == "__main__":
    main()
