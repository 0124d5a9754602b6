"""Makes the pictures that the documentation shows: ``python docs/make_screenshots.py [THEME] [browser]``.

The window runs offscreen and records for some seconds into a folder that is thrown away; every picture shows what
really happened. Themes: light, dark, german (decimal commas), large (a font of 15 points), fine (a screen of 2x).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PICTURES = Path(__file__).parent / "pictures"
SECONDS = 8.0
#: Each is a process of its own: colours, a locale, a font and a screen, once set, leave their traces.
THEMES = ("light", "dark", "german", "large", "fine")
DARK = {
    "Window": "#2b2b2b",
    "WindowText": "#e6e6e6",
    "Base": "#1e1e1e",
    "AlternateBase": "#262626",
    "Text": "#e6e6e6",
    "Button": "#383838",
    "ButtonText": "#e6e6e6",
    "BrightText": "#ff6b6b",
    "Highlight": "#2a6db0",
    "HighlightedText": "#ffffff",
    "Link": "#6cb2f7",
    "ToolTipBase": "#383838",
    "ToolTipText": "#e6e6e6",
    "PlaceholderText": "#9a9a9a",
}
# (name of the file, theme, size of the window in pixels, title of the shown source or None for the first start)
SHOTS = (
    ("demo", "light", (1280, 800), "Camera (simulated)"),
    ("demo-system", "light", (1280, 800), "System monitor"),
    ("demo-jitter", "light", (1024, 700), "Event loop jitter"),
    ("demo-small", "light", (800, 600), "Spectrometer (simulated)"),
    ("demo-scan", "light", (1280, 800), "Scan"),
    ("demo-start", "light", (1024, 700), None),
    ("demo-dark", "dark", (1280, 800), "Spectrometer (simulated)"),
    ("demo-dark-small", "dark", (800, 600), "System monitor"),
    ("demo-dark-start", "dark", (1024, 700), None),
    ("demo-german", "german", (1008, 720), "Scan"),
    ("demo-large", "large", (1008, 720), "System monitor"),
    ("demo-fine", "fine", (1008, 720), "Spectrometer (simulated)"),
)
# (name of the file, theme, size): panels that are shown alone
PANELS = (
    ("viewer-panel", "light", (1100, 680)),
    ("scan-extension", "light", (1100, 680)),
    ("scan-extension-dark", "dark", (430, 820)),
)


def main() -> int:
    """Make all pictures: one process for each theme."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    if len(sys.argv) > 1:
        make(sys.argv[1], browser_only="browser" in sys.argv)
        return 0
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    codes = []
    for theme in THEMES:
        scale = {"QT_SCALE_FACTOR": "2"} if theme == "fine" else {}
        command = [sys.executable, __file__, theme]
        codes.append(subprocess.run(command, check=False, env={**os.environ, **scale}).returncode)
    return max(codes)


def make(theme: str, browser_only: bool = False) -> None:
    """Make the pictures of a theme."""
    from browser_pictures import make_pictures
    from pyqtgraph.Qt import QtCore, QtGui, mkQApp

    from h5saver_widget.demo.window import DemoWindow

    app = mkQApp()
    app.setStyle("Fusion")
    if theme == "dark":
        app.setPalette(dark_palette(QtGui))
    if theme == "german":
        QtCore.QLocale.setDefault(QtCore.QLocale("de_DE"))
    if theme == "large":
        font = app.font()
        font.setPointSize(15)
        app.setFont(font)
    with readable_folder() as folder:
        make_pictures(theme, PICTURES, folder)
    if browser_only:
        return
    for name, wanted, size, title in SHOTS:
        if wanted != theme:
            continue
        with readable_folder() as folder:
            window = DemoWindow(out=folder)
            window.resize(*size)
            window.show()
            if title is not None:
                window.show_panel(title)
                if title == "Scan":
                    window.scan.set_kind("Scan2D")
                    window.scan.start()
                window.grab_all()
                window.record()
            wait(SECONDS if title is not None else 0.3)
            path = PICTURES / f"{name}.png"
            window.grab().save(str(path))
            window.close()
            if window.last_error or window.recorder.recording.lost:
                raise SystemExit(f"{name}: {window.last_error or 'frames were lost'}")
            print(f"{path}: {window.recorder.recording.frames:,} frames recorded")
    for name, wanted, size in PANELS:
        if wanted == theme:
            picture_panel(name, size)
    if theme == "light":
        picture_chrono()
        picture_recorder()


def picture_panel(name: str, size: tuple[int, int]) -> None:
    """Make the picture of a viewer with two regions, or of a map that is half done."""
    from pyqtgraph.Qt import QtWidgets

    from h5saver_widget.demo.scan_extension import ScanExtension
    from h5saver_widget.demo.sources import SimulatedSpectrometer
    from h5saver_widget.demo.viewer import ViewerPanel

    with readable_folder() as folder:
        panel = ViewerPanel(SimulatedSpectrometer()) if name.startswith("viewer") else ScanExtension()
        panel.h5saver.settings["base_path"] = str(folder)
        panel.resize(*size)
        panel.show()
        if isinstance(panel, ViewerPanel):
            for place in ((530.0, 560.0), (670.0, 710.0)):
                panel.panel.plot.roi_manager.place(panel.panel.add_region(), *place)
            panel.record()
            panel.grab_frames()
            wait(SECONDS / 2)
        else:
            panel.set_axis(0, -8.0, 8.0, 33)
            panel.start()
            while panel.running:
                wait(0.1)
            panel.set_axis(1, -8.0, 8.0, 33)
            panel.set_kind("Scan2D")
            panel.start()
            while panel.scan.done < 0.6 * panel.scan.points:
                wait(0.1)
        QtWidgets.QWidget.grab(panel).save(str(PICTURES / f"{name}.png"))
        panel.close()
        if panel.last_error:
            raise SystemExit(f"{name}: {panel.last_error}")


def picture_chrono() -> None:
    """Make the picture of the chronometer."""
    from h5saver_widget import ChronoTimer

    timer = ChronoTimer()
    timer.show()
    timer.start()
    for seconds in (1.3, 0.8, 1.1):
        wait(seconds)
        timer.lap()
    timer.grab().save(str(PICTURES / "chrono.png"))
    timer.close()


def picture_recorder() -> None:
    """Make the picture of the saver alone, while it records."""
    from types import SimpleNamespace

    import numpy as np

    from h5saver_widget import DataRaw, DataToExport, DetectorTimeSaver, H5Saver, Note

    with readable_folder() as folder:
        h5saver = H5Saver("detector")
        h5saver.settings["base_path"] = str(folder)
        h5saver.settings["recording", "name_template"] = "{sample}/{base}_{date}_{counter}"
        h5saver.notes = (Note("Sample", "Si wafer"), Note("Power", "3.5", "mW"))
        widget = h5saver.settings_tree
        widget.resize(320, 960)
        widget.show()
        h5saver.tree.sections["Notes"].setExpanded(True)
        h5saver.strip.more.setChecked(True)
        h5saver.start()
        module = DetectorTimeSaver(SimpleNamespace(title="Camera"))
        module.h5saver = h5saver
        node, noise = module.get_set_node(), np.random.default_rng(1)
        for _ in range(160):
            image = noise.integers(0, 4096, (512, 512), dtype=np.uint16)
            module.add_data(node, DataToExport("grab", data=[DataRaw("image", data=[image])]))
            wait(0.04)
        h5saver.show_status()
        widget.grab().save(str(PICTURES / "recorder.png"))
        h5saver.stop()
        widget.close()


@contextmanager
def readable_folder() -> Iterator[Path]:
    """Make a folder with a name that looks well in a picture, and remove it afterwards."""
    folder = Path(tempfile.gettempdir()) / "h5saver-demo"
    folder.mkdir()  # fails if there is one: it would not be ours to remove
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def dark_palette(gui):
    """Return a dark palette as hosts have them."""
    palette = gui.QPalette()
    for role, colour in DARK.items():
        palette.setColor(getattr(gui.QPalette.ColorRole, role), gui.QColor(colour))
    for role in ("WindowText", "Text", "ButtonText"):
        palette.setColor(gui.QPalette.ColorGroup.Disabled, getattr(gui.QPalette.ColorRole, role), gui.QColor("#808080"))
    return palette


def wait(seconds: float) -> None:
    """Let the window live for so long."""
    from pyqtgraph.Qt import QtCore

    loop = QtCore.QEventLoop()
    QtCore.QTimer.singleShot(round(seconds * 1000), loop.quit)
    loop.exec()


if __name__ == "__main__":
    sys.exit(main())
