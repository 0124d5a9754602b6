"""Without a window: record a scan from a script, then read it back.

python examples/script.py [FOLDER]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from h5saver_widget import Axis, DataLoader, DataRaw, DataToExport, H5SaverLowLevel, ScanSaver

folder = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp())
positions, wavelengths = np.linspace(0, 10, 21), np.linspace(400, 700, 256)


def spectrum(position: float) -> np.ndarray:
    """Return what a spectrometer could have measured there, in counts."""
    return 1000 * np.exp(-(((wavelengths - 500 - 10 * position) / 15) ** 2))


# A module is anything with a title; a scan has detectors and actuators.
spectrometer, stage = SimpleNamespace(title="Spectrometer"), SimpleNamespace(title="Stage")
modules = SimpleNamespace(detectors_all=[spectrometer], actuators_all=[stage])

with H5SaverLowLevel("scan") as h5saver:
    h5saver.init_file(folder / "scan.h5", metadata={"sample": "demo"})
    path = h5saver.file_path
    saver = ScanSaver(SimpleNamespace(title="Line scan", modules_manager=modules))
    saver.h5saver = h5saver
    saver.set_scan_shape((len(positions),))
    scan = saver.get_set_node(new=True)
    saver.initialize_time_array()
    saver.add_nav_axes([Axis("position", "mm", data=positions, index=0)])
    for point, position in enumerate(positions):
        data = DataRaw(
            "spectrum",
            data=[spectrum(position)],
            units="counts",
            origin="Spectrometer",
            axes=[Axis("wavelength", "nm", data=wavelengths)],
        )
        saver.add_data(DataToExport("point", data=[data]), indexes=(point,))
    h5saver.add_log("the scan is complete")

with DataLoader(path) as loader:
    for node in loader.walk_nodes("/RawData/Scan000"):
        print(node)
    loaded = loader.load_data("/RawData/Scan000/Detector000/Data1D/CH00/Data00")
    print(loaded)
    print("peak at 5 mm:", wavelengths[loaded.inav[10].data[0].argmax()], "nm")
