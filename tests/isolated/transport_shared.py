"""Workers that stand still, cameras that save, and waiting for what others do."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np

from h5saver_widget import DataRaw, DataToExport, DetectorTimeSaver, H5SaverLowLevel
from h5saver_widget.backends.isolated.client import IsolatedBackend

F8 = np.dtype("f8")
VALUES = "/RawData/Detector000/Data1D/CH00/EnlData00"


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for something that another process or thread does."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def rows_in(path: Path, name: str = "A") -> list[float]:
    with h5py.File(path, "r", locking=False) as file:
        values = file[name][...]
    return values.reshape(len(values), -1)[:, 0].tolist()


def frame(number: float, size: int = 100) -> DataToExport:
    return DataToExport("grab", data=[DataRaw("values", data=[np.full(size, float(number))], units="V")])


def camera(saver: H5SaverLowLevel, title: str = "Camera") -> Callable[[DataToExport], None]:
    module = DetectorTimeSaver(SimpleNamespace(title=title))
    module.h5saver = saver
    node = module.get_set_node()
    return lambda data: module.add_data(node, data)


@contextlib.contextmanager
def stopped(io: IsolatedBackend) -> Iterator[None]:
    """Have the worker stand still, as with a disk or a share that does not answer."""
    pid = io.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
