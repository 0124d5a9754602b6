"""Small recordings of every kind, to be damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from h5saver_widget import (
    Compression,
    DataRaw,
    DataToExport,
    DataToExportSaver,
    DataToExportTimedSaver,
    H5SaverLowLevel,
)

FRAMES = 40


def frame(number: int) -> np.ndarray:
    """Return the values of a frame, which tell its number."""
    return np.full((24, 16), number, "f8")


def record(path: Path, backend: str, level: int = 0, swmr: bool = False, close: bool = True) -> H5SaverLowLevel:
    """Write a file with a snapshot, a recording of 40 frames, a scan, settings and a log."""
    saver = H5SaverLowLevel("detector", backend)
    saver.compression = Compression("zlib", level)
    saver.init_file(path, swmr=swmr)
    saver.add_log("started")
    settings = "<settings><gain type='int'>3</gain></settings>"
    snapshot = saver.add_det_group("/RawData", "snapshot", settings_as_xml=settings)
    spectrum = DataRaw("spectrum", data=[np.arange(200.0)], units="V")
    DataToExportSaver(saver).add_data(snapshot, DataToExport("one", data=[spectrum]))
    saver.create_carray(saver.add_scan_group(), "Positions", np.linspace(0, 1, 50))
    camera, frames = saver.add_det_group("/RawData", "camera"), DataToExportTimedSaver(saver)
    for number in range(FRAMES):
        frames.add_data(camera, DataToExport("frame", data=[DataRaw("image", data=[frame(number)], units="counts")]))
    saver.add_log("stopped")
    if close:
        saver.close_file()
    return saver


CAMERA = "/RawData/Detector001"
