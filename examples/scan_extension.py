"""A scan of your own: stages move, a detector is read at every point, many scans go into one file.

    python examples/scan_extension.py [FOLDER]

What is yours are the stages (here simulated) and the detector: anything with a `title` and a `read`. With the
environment variable `EXAMPLE_SECONDS` it makes a line and a map, stops in the middle of the map, goes on, and ends.
"""

from __future__ import annotations

import os
import sys

import numpy as np
from pyqtgraph.Qt import QtCore, mkQApp

from h5saver_widget import DataLoader, DataRaw, DataToExport
from h5saver_widget.demo import MockActuator, ScanExtension


class PowerMeter:
    """A detector: its title names its group in the file."""

    title = "Power meter"

    def __init__(self, stage: MockActuator, mirror: MockActuator) -> None:
        """Look at a stage and a mirror."""
        self.stage, self.mirror = stage, mirror

    def read(self) -> DataToExport:
        """Return what is measured here and now."""
        power = np.exp(-((self.stage.position / 3) ** 2) - (self.mirror.position / 20) ** 2)
        return DataToExport(
            self.title, data=[DataRaw("power", data=[np.array([power])], units="mW", origin=self.title)]
        )


def main() -> None:
    """Show the extension."""
    app = mkQApp("Scan")
    stage = MockActuator("Stage", "mm", limits=(-10, 10), speed=200)
    mirror = MockActuator("Mirror", "mrad", limits=(-50, 50), speed=2000)
    extension = ScanExtension([stage, mirror], [PowerMeter(stage, mirror)])
    if len(sys.argv) > 1:
        extension.h5saver.settings["base_path"] = sys.argv[1]
    extension.resize(1100, 680)
    extension.show()
    if os.environ.get("EXAMPLE_SECONDS"):
        show(extension)
    app.exec()
    path = extension.h5saver.settings["current_h5_file"]
    if path:
        with DataLoader(path) as loader:
            for group in loader.h5saver.get_scan_groups():
                print(group.name, loader.load_data(f"{group.path}/Detector000/Data0D/CH00/Data00"))


def show(extension: ScanExtension) -> None:
    """Make a line, then a map that is stopped and goes on, then leave."""
    steps = iter([lambda: begin_map(extension), extension.resume, extension.close])
    extension.scan_done.connect(lambda scan: QtCore.QTimer.singleShot(0, next(steps)))
    extension.set_axis(0, -5.0, 5.0, 21)
    extension.start()


def begin_map(extension: ScanExtension) -> None:
    """Begin a map, and stop it after a while."""
    extension.set_axis(1, -20.0, 20.0, 9)
    extension.set_kind("Scan2D")
    extension.start()
    QtCore.QTimer.singleShot(200, extension.stop)


if __name__ == "__main__":
    main()
