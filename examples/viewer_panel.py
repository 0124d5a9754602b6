"""A detector of your own in a viewer with its saver: grab, snap, continuous saving, background, regions of interest.

    python examples/viewer_panel.py [FOLDER]

What is yours is `read`: it returns what was measured once. With the environment variable `EXAMPLE_SECONDS` it records
for so long, and ends.
"""

from __future__ import annotations

import os
import sys

import numpy as np
from pyqtgraph.Qt import QtCore, mkQApp

from h5saver_widget import Axis, DataRaw, DataToExport
from h5saver_widget.demo import Source, ViewerPanel


class Oscilloscope(Source):
    """Whatever you measure: a title, what it looks like, and how to read it."""

    title = short = "Oscilloscope"
    icon = "chart"
    dim = "Data1D"
    rate, max_rate = 25.0, 200.0
    about = "Two channels of 500 points"

    def __init__(self) -> None:
        """Prepare the time axis, and noise."""
        self.time = Axis("time", units="us", offset=0.0, scaling=0.2, size=500)
        self.noise = np.random.default_rng()

    def read(self) -> DataToExport:
        """Return the next trace."""
        wave = np.sin(self.time.get_data() / 8 + self.noise.normal(0, 0.1))
        channels = [wave + self.noise.normal(0, 0.05, 500), wave**2]
        trace = DataRaw("trace", data=channels, labels=["A", "B"], units="V", axes=[self.time], origin=self.title)
        return DataToExport(self.title, data=[trace])


def main() -> None:
    """Show the viewer."""
    app = mkQApp("Viewer")
    viewer = ViewerPanel(Oscilloscope())
    if len(sys.argv) > 1:
        viewer.h5saver.settings["base_path"] = sys.argv[1]
    viewer.resize(1000, 640)
    viewer.show()
    if seconds := float(os.environ.get("EXAMPLE_SECONDS", 0)):
        viewer.panel.add_region()
        viewer.record()
        viewer.grab_frames()
        QtCore.QTimer.singleShot(round(1000 * seconds), viewer.close)  # it stops, saves what was taken, and closes
    app.exec()
    recording = viewer.recorder.recording
    print(f"{recording.frames} frames saved, {recording.lost} lost: {recording.path}")


if __name__ == "__main__":
    main()
