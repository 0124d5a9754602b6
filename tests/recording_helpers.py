"""Frames for the tests of recording: numbered, from modules of our own; and what such a test waits for."""

from __future__ import annotations

import threading
import types
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import numpy as np

from h5saver_widget import DataRaw, DataToExport, DetectorTimeSaver, H5SaverBase, H5SaverLowLevel
from h5saver_widget.recording.notes import Note


def frame(number: float, name: str = "grab", size: int = 1) -> DataToExport:
    return DataToExport(name, data=[DataRaw("signal", data=[np.full(size, float(number))])])


def detector(h5saver, title: str = "Camera") -> tuple[DetectorTimeSaver, object]:
    saver = DetectorTimeSaver(types.SimpleNamespace(title=title))
    saver.h5saver = h5saver
    return saver, saver.get_set_node()


def numbers_in(path: Path, group: str = "Detector000") -> list[float]:
    """Return the numbers of all frames of a module in a file; none if it has none."""
    with H5SaverLowLevel(backend="h5py") as h5:
        h5.open_file(path, "r")
        found = [
            node for node in h5.walk_nodes(f"/RawData/{group}") if node.name == "EnlData00" and "CH00" in node.path
        ]
        return found[0].read().reshape(len(found[0]), -1)[:, 0].tolist() if found else []


def recorded_with_notes(saver: H5SaverBase, told: dict[str, str]) -> Path:
    """Record three frames with these values in the notes, and return the file."""
    saver.notes = tuple(Note(note.name, told.get(note.name, note.value), note.unit) for note in saver.notes)
    saver.start()
    for i in range(3):
        saver.record("camera", np.full((2, 3), i))
    path = saver.file_path
    saver.stop()
    assert path is not None
    return path


def attributes_of(path: Path, node: str = "/RawData") -> dict:
    with H5SaverLowLevel(backend="h5py") as h5:
        h5.open_file(path, "r")
        return h5.get_node(node).attrs.to_dict()


def log_of(path: Path) -> list[str]:
    with H5SaverLowLevel(backend="h5py") as h5:
        h5.open_file(path, "r")
        return h5.get_node("/RawData/Logger").read()


def files_in(base: Path) -> list[Path]:
    return sorted(base.rglob("*.h5"))


def wait_until(done: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait for something; where there is a window, its events are handled meanwhile."""
    from pyqtgraph.Qt import QtWidgets

    end = monotonic() + seconds
    while not done():
        assert monotonic() < end, "it did not happen"
        application = QtWidgets.QApplication.instance()
        if application is not None:
            application.processEvents()
        threading.Event().wait(0.005)


def settle(saver) -> None:
    """Wait until everything that was begun in the background is done, and told."""
    wait_until(lambda: saver.background.worker.is_idle)
    if hasattr(saver, "status_sig"):
        told: list[bool] = []
        saver._call.emit(lambda: told.append(True))  # comes after the signals of the worker
        wait_until(lambda: bool(told))


def stop(saver) -> None:
    saver.stop()
    settle(saver)


def start(saver, **limits) -> None:
    for name, value in limits.items():
        saver.settings["recording", name] = value
    saver.start()
    assert saver.isopen()
    settle(saver)
    assert saver.isopen()
