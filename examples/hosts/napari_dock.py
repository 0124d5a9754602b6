"""napari: the saver in a dock, and every new image of a layer goes into its file."""

from __future__ import annotations

import sys

import napari
import numpy as np
from qtpy.QtCore import QTimer

from h5saver_widget import H5Saver

if __name__ == "__main__":
    viewer = napari.Viewer(show=False)
    saver = H5Saver("detector")
    viewer.window.add_dock_widget(saver.settings_tree, name="Saving", area="right")
    layer = viewer.add_image(np.zeros((64, 64)), name="camera")
    layer.events.data.connect(lambda event: saver.record("camera", layer.data, units="counts"))
    saver.start(sys.argv[1])

    def grab() -> None:
        """Show the next frame."""
        layer.data = np.random.default_rng().poisson(100.0, (64, 64))

    timer = QTimer()
    timer.timeout.connect(grab)
    timer.start(20)
    QTimer.singleShot(1000, viewer.close)
    QTimer.singleShot(1500, napari.qt.get_qapp().quit)
    napari.run(force=True)
    timer.stop()
    saver.stop()
