"""A program that records as fast as it can until somebody kills it: ``full_speed.py WHOSE``, with WHOSE ours or peer.

Libraries are imported once; for each line of standard input (a job in JSON) a copy of the process is forked, which
records. A copy appends a line to the file ``said`` as soon as something was accepted, before it goes on:

    c N         frame N of the camera
    p N         point N % 10 of scan N // 10
    l N         log line N
    s N         scan N with its arrays
    f N         the first N frames and points of this list are known to be flushed
    i PID       number of the process that has the file
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from time import monotonic
from types import SimpleNamespace
from typing import Any

import numpy as np

POINTS = 10
SHAPE = (24, 16)
STEPS = 60
"""So many frames lie between two scans."""


def say(kind: str, number: int) -> None:
    """Tell what happened, so that it is known whatever comes next."""
    os.write(1, f"{kind} {number} {monotonic():.4f}\n".encode())


# ----------------------------------------------------------------------------------------------------- this package
def steps_of_ours(saver: Any, data: Any) -> Iterator[None]:
    """Record a frame at each step; now and then a log line, and a scan with all its points."""
    camera = data.DetectorTimeSaver(SimpleNamespace(title="Camera"))
    camera.h5saver = saver
    node = camera.get_set_node()
    detector, stage = SimpleNamespace(title="Spectrometer"), SimpleNamespace(title="Stage")
    manager = SimpleNamespace(detectors_all=[detector], actuators_all=[stage])
    for number in count():
        camera.add_data(node, bundle(data, number))
        say("c", number)
        flushed(saver)
        if number % 20 == 19:
            saver.add_log(f"line {number // 20}")
            say("l", number // 20)
        if number % STEPS == STEPS - 1:
            scan_number = number // STEPS
            scan = data.ScanSaver(SimpleNamespace(title="Scan", modules_manager=manager))
            scan.h5saver = saver
            scan.set_scan_shape((POINTS,))
            scan.get_set_node(new=True)
            scan.add_nav_axes([data.Axis("position", "mm", data=np.arange(POINTS) * 1.0, index=0)])
            say("s", scan_number)
            for point in range(POINTS):
                found = scan_number * POINTS + point
                spectrum = data.DataRaw("spectrum", data=[np.full(16, found, "f8")], origin="Spectrometer")
                scan.add_data(data.DataToExport("point", data=[spectrum]), indexes=(point,))
                say("p", found)
                flushed(saver)
        yield


def bundle(data: Any, number: int) -> Any:
    """Return a frame with its number in every place."""
    image = data.DataRaw("image", data=[np.full(SHAPE, number % 65536, "u2")], origin="Camera", units="")
    value = data.DataRaw("value", data=[np.array([float(number)])], origin="Camera", units="V")
    return data.DataToExport("frame", data=[image, value])


_last_flushed = 0


def flushed(saver: Any) -> None:
    """Say how much another process has flushed; here, `flush` says it itself."""
    global _last_flushed
    queue = saver.io.queue.counts()
    if queue is not None and queue.frames_written != _last_flushed:
        _last_flushed = queue.frames_written
        say("f", _last_flushed)


def record_here(job: dict[str, Any]) -> None:
    """Record with the file in this process."""
    import h5saver_widget

    saver = h5saver_widget.H5SaverLowLevel("detector", job["backend"], **job.get("options", {}))
    saver.compression = h5saver_widget.Compression("zlib", job.get("level", 0))
    flush = saver.io.flush

    def telling(timeout: float | None = None) -> None:
        frames = saver.frames_saved
        flush()
        say("f", frames)

    saver.io.flush = telling  # type: ignore[method-assign]
    saver.init_file(job["path"])
    say("i", os.getpid())
    for _ in steps_of_ours(saver, h5saver_widget):
        pass


def record_in_widget(job: dict[str, Any]) -> None:
    """Record as a program with a window does: the saver as it is, a frame at each turn of the event loop."""
    from pyqtgraph.Qt import QtCore, mkQApp

    import h5saver_widget

    app = mkQApp()
    saver = h5saver_widget.H5Saver("detector", job["backend"])
    saver.settings["base_path"] = str(Path(job["path"]).parent)
    for name, value in job.get("settings", {}).items():
        saver.settings[tuple(name.split("/"))] = value
    saver.init_file(addhoc_file_path=Path(job["path"]))
    say("i", saver.io.pid)
    steps = steps_of_ours(saver, h5saver_widget)

    def step() -> None:
        try:
            next(steps)
        except Exception as error:  # the process with the file was killed: nothing more can be recorded
            say("e", 0)
            print(error, file=sys.stderr)
            os._exit(1)

    timer = QtCore.QTimer()
    timer.timeout.connect(step)
    timer.start(0)
    app.exec()


# ---------------------------------------------------------------------------------------------------------- the peer
def record_as_peer(job: dict[str, Any]) -> None:
    """Record the same with PyMoDAQ's savers, in the way of its manual."""
    from pymodaq_data import data
    from pymodaq_data.h5modules.data_saving import DataToExportExtendedSaver, DataToExportTimedSaver
    from pymodaq_data.h5modules.saving import H5SaverLowLevel

    saver = H5SaverLowLevel("detector", backend=job["backend"])
    saver.init_file(Path(job["path"]), new_file=True)
    say("i", os.getpid())
    timed = DataToExportTimedSaver(saver)
    node = saver.add_det_group(saver.raw_group, title="Camera")
    for number in count():
        timed.add_data(node, bundle(data, number))
        say("c", number)
        if number % 20 == 19:
            saver.add_log(f"line {number // 20}")
            say("l", number // 20)
        if number % STEPS == STEPS - 1:
            scan_number = number // STEPS
            extended = DataToExportExtendedSaver(saver, extended_shape=(POINTS,))
            detector = saver.add_det_group(saver.add_scan_group("/RawData", title="Scan"), title="Spectrometer")
            say("s", scan_number)
            for point in range(POINTS):
                found = scan_number * POINTS + point
                spectrum = data.DataRaw("spectrum", data=[np.full(16, found, "f8")], origin="Spectrometer", units="")
                extended.add_data(detector, data.DataToExport("point", data=[spectrum]), indexes=(point,))
                say("p", found)


RECORDERS = {"here": record_here, "widget": record_in_widget, "peer": record_as_peer}


def import_everything(whose: str) -> None:
    """Load what all copies need, before they are copied."""
    if whose == "peer":
        import pymodaq_data.h5modules.data_saving
        import pymodaq_data.h5modules.saving  # noqa: F401
    else:
        import h5py  # noqa: F401
        import tables  # noqa: F401
        from pyqtgraph.Qt import QtWidgets  # noqa: F401

        import h5saver_widget

        h5saver_widget.H5Saver, h5saver_widget.ScanSaver, h5saver_widget.DetectorTimeSaver  # noqa: B018


def main() -> None:
    """Start a recording for each job, and answer with the number of its process."""
    import_everything(sys.argv[1])
    answers = os.fdopen(os.dup(1), "w")
    print("ready", file=answers, flush=True)
    children: list[int] = []
    for line in sys.stdin:
        job = json.loads(line)
        if "reap" in job:
            os.waitpid(job["reap"], 0)
            print("reaped", file=answers, flush=True)
            continue
        number = os.fork()
        if number == 0:
            os.setsid()
            said = os.open(job["said"], os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o666)
            errors = os.open(f"{job['said']}.err", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o666)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(said, 1)
            os.dup2(errors, 2)
            try:
                RECORDERS[job["mode"]](job)
            finally:
                import traceback

                traceback.print_exc()
                os._exit(1)
        children.append(number)
        print(number, file=answers, flush=True)


if __name__ == "__main__":
    main()
