"""Makes the pictures of the browser: a file with a scan of spectra, curves with errors, an image and settings in it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

SETTINGS = """<All_settings type="group">
<main title="Main settings" type="group"><module title="Module" type="str">Spectrometer</module>
<averages title="Averages" type="int">10</averages><wait title="Wait time" type="float" suffix="ms">12.5</wait></main>
<detector title="Detector settings" type="group"><exposure title="Exposure" type="float" suffix="s">0.05</exposure>
<temperature title="Temperature" type="float" suffix="°C">-70.0</temperature>
<shutter title="Shutter open" type="led">1</shutter></detector>
<ROIs title="Regions of interest" type="group"><ROI_00 title="ROI_00" type="group">
<x title="From" type="float" suffix="nm">520.5</x><dx title="Width" type="float" suffix="nm">12.0</dx></ROI_00></ROIs>
</All_settings>"""
SCAN = "/RawData/Scan000/Detector000/Data1D/CH00/Data00"
CURVES = "/RawData/Detector000/Data1D/CH00"
IMAGE = "/RawData/Detector000/Data2D/CH00/Data00"
# (name of the picture, theme, size in pixels, node, tab)
SHOTS = (
    ("browser-scan", "light", (1024, 700), SCAN, "Plot"),
    ("browser-curves", "light", (1024, 700), CURVES, "Plot"),
    ("browser-image", "light", (1024, 700), IMAGE, "Plot"),
    ("browser-log", "light", (1024, 700), "/RawData/Logger", "Text"),
    ("browser-scan-dark", "dark", (1280, 800), SCAN, "Plot"),
    ("browser-settings-dark", "dark", (1024, 700), "/RawData/Scan000", "Settings"),
    ("browser-german", "german", (1008, 700), CURVES, "Plot"),
    ("browser-large", "large", (1008, 700), SCAN, "Plot"),
    ("browser-fine", "fine", (1008, 700), IMAGE, "Plot"),
)


def make_pictures(theme: str, pictures: Path, folder: Path) -> None:
    """Make the pictures of a theme, of files in a folder; the application, with its palette, is there already."""
    from pyqtgraph.Qt import QtCore

    from h5saver_widget.qt.browser import H5Browser

    with tempfile.TemporaryDirectory() as settings:
        formats, scopes = QtCore.QSettings.Format, QtCore.QSettings.Scope
        QtCore.QSettings.setPath(formats.IniFormat, scopes.UserScope, settings)
        path = write_file(folder / "Data_20261121_16_58_48.h5")
        for name, wanted, size, node, tab in SHOTS:
            if wanted == theme:
                browser = H5Browser(h5file=path)
                browser.select(node)
                browser.wait(30)
                browser.panel.show_tab(tab)
                _grab(browser, size, pictures / f"{name}.png")
        if theme == "light":
            _grab(H5Browser(), (1024, 700), pictures / "browser-start.png")
            cut = path.with_name("Data_cut.h5")
            cut.write_bytes(path.read_bytes()[:100_000])
            _grab(H5Browser(h5file=cut), (800, 500), pictures / "browser-damaged.png")


def _grab(browser, size: tuple[int, int], path: Path) -> None:
    browser.resize(*size)
    browser.show()
    browser.wait(30)
    browser.grab().save(str(path))
    browser.close()
    print(path)


def write_file(path: Path) -> Path:
    """Write the file that the pictures show."""
    import h5saver_widget as h5

    rng = np.random.default_rng(1)

    def group(where, dim: str, title: str):
        return h5saver.get_set_group(h5saver.get_set_group(where, dim), "CH00", title)

    with h5.H5SaverLowLevel("scan") as h5saver:
        h5saver.init_file(path, metadata={"author": "Ada", "sample": "MoS₂ flake 3, on SiO₂"})
        data = h5.DataSaverLoader(h5saver)
        scan = h5saver.add_scan_group("/RawData", "Raster over the flake", SETTINGS.encode())
        x, y, nm = np.linspace(-15, 15, 40), np.linspace(-10, 10, 30), np.linspace(600, 720, 512)
        far = np.hypot(x[:, None] - 3, 1.3 * y[None, :])
        peak = 655 + 12 * np.exp(-far / 6)[..., None]
        light = 900 * np.exp(-((far / 9) ** 4))[..., None]
        cube = light * np.exp(-(((nm - peak) / 9) ** 2)) + 30 + rng.normal(0, 6, (40, 30, 512))
        axes = [h5.Axis("x", "µm", x, 0), h5.Axis("y", "µm", y, 1), h5.Axis("wavelength", "nm", nm, 2)]
        spectra = h5.DataRaw("photoluminescence", data=[cube], units="counts", nav_indexes=(0, 1), axes=axes)
        data.add_data(group(h5saver.add_det_group(scan, "Spectrometer"), "Data1D", "photoluminescence"), spectra)
        camera = h5saver.add_det_group("/RawData", "Camera", SETTINGS.encode())
        t = np.linspace(0, 5, 50)
        decays = [np.exp(-t) + rng.normal(0, 0.02, 50), np.exp(-t / 2) / 2 + rng.normal(0, 0.02, 50)]
        curves = h5.DataRaw(
            "decay",
            data=decays,
            labels=["parallel", "perpendicular"],
            units="V",
            errors=[0 * t + 0.03, 0 * t + 0.02],
            axes=[h5.Axis("time", "ns", t)],
        )
        data.add_data(group(camera, "Data1D", "decay"), curves)
        rows, columns = np.mgrid[0:240, 0:320]
        spot = 3000 * np.exp(-((columns - 180) ** 2 + (rows - 100) ** 2) / 3000)
        frame = (spot + rng.poisson(50, spot.shape)).astype(np.uint16)
        axes = [h5.Axis("y", "µm", np.arange(240) * 6.5, 0), h5.Axis("x", "µm", np.arange(320) * 6.5, 1)]
        data.add_data(group(camera, "Data2D", "spot"), h5.DataRaw("spot", data=[frame], units="counts", axes=axes))
        for number in range(1, 12):
            h5saver.add_scan_group("/RawData", f"Power series {number}")
        for number in range(60):
            h5saver.add_log(f"row {number // 2}, point {number % 2 * 20}: saved")
    return path
