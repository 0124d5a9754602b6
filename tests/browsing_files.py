"""The file that the tests of the browser look at: a scan of spectra, curves with errors and background, a log."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from h5saver_widget import Axis, BkgSaver, DataRaw, DataSaverLoader, H5SaverLowLevel
from h5saver_widget.saving.external import add_png


def png_of_one_pixel() -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    head, pixel = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0), zlib.compress(b"\0\xff\0\0")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixel) + chunk(b"IEND", b"")


PNG = png_of_one_pixel()
SETTINGS = (
    b'<All_settings type="group"><main type="group" title="Main"><gain type="float" title="Gain">2.5</gain>'
    b'<on type="led" title="Laser on">1</on></main><ROI_00 type="group" title="ROI"><x type="int">12</x></ROI_00>'
    b"</All_settings>"
)
SPECTRA = "/RawData/Scan000/Detector000/Data1D/CH00/Data00"
CURVES = "/RawData/Detector000/Data1D/CH00"
FRAME = "/RawData/Detector000/Data2D/CH00/Data00"
POINTS = "/RawData/Scan001/Detector000/Data0D/CH00"

X, Y, WAVELENGTH = np.linspace(-2, 2, 5), np.array([0.0, 1.0, 4.0, 9.0]), np.linspace(500, 600, 11)
CUBE = np.arange(5 * 4 * 11, dtype=np.float64).reshape(5, 4, 11)
TIME = np.linspace(0, 1, 8)


def group(saver: H5SaverLowLevel, where, dim: str, title: str):
    return saver.get_set_group(saver.get_set_group(where, dim), "CH00", title)


def write_file(path: Path, backend: str) -> Path:
    with H5SaverLowLevel("scan", backend) as saver:
        saver.init_file(path, metadata={"sample": "SiO₂", "long": "x" * 100_000, "gains": np.arange(100.0)})
        data = DataSaverLoader(saver)
        scan = saver.add_scan_group("/RawData", "DAQScan", SETTINGS, {"scan_settings": "<scan/>"})
        add_png(scan, PNG)
        axes = [Axis("x", "mm", X, 0), Axis("y", "µm", Y, 1), Axis("wavelength", "nm", WAVELENGTH, 2)]
        spectra = DataRaw("spectrum", data=[CUBE], labels=["counts"], units="V", nav_indexes=(0, 1), axes=axes)
        data.add_data(group(saver, saver.add_det_group(scan, "Spectro"), "Data1D", "spectrum"), spectra)
        spread = saver.add_det_group(saver.add_scan_group("/RawData", "Spread"), "Diode")
        where = [Axis(name, "mm", np.array([0.0, 2.0, 1.0]), 0, spread_order=i) for i, name in enumerate(("px", "py"))]
        points = DataRaw(
            "points", data=[np.array([1.0, 2.0, 3.0])], units="A", nav_indexes=(0,), distribution="spread", axes=where
        )
        data.add_data(group(saver, spread, "Data0D", "points"), points)
        detector = saver.add_det_group("/RawData", "Camera")
        curves = DataRaw(
            "decay",
            data=[np.exp(-TIME), 2 * np.exp(-TIME)],
            labels=["A", "B"],
            units="V",
            errors=[0 * TIME + 0.1, 0 * TIME + 0.2],
            axes=[Axis("time", "ms", TIME)],
        )
        channel = group(saver, detector, "Data1D", "decay")
        data.add_data(channel, curves)
        dark = DataRaw("decay", data=[0 * TIME + 0.5, 0 * TIME + 1], units="V")
        BkgSaver(saver).add_data(channel, dark, save_axes=False)
        axes = [Axis("height", "µm", Y, 0), Axis("width", "µm", X, 1)]
        frame = DataRaw("frame", data=[np.arange(20.0).reshape(4, 5)], units="counts", axes=axes)
        data.add_data(group(saver, detector, "Data2D", "frame"), frame)
        for number in range(3):
            saver.add_log(f"point {number} saved")
    return path
