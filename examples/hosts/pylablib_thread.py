"""pylablib: a thread of its kind acquires, and records what it takes; the window shows the saver."""

from __future__ import annotations

import sys

import numpy as np
from pylablib.core.thread import controller
from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget import H5Saver


class Camera(controller.QTaskThread):
    """Takes a frame every few milliseconds."""

    def setup_task(self, saver: H5Saver) -> None:
        """Begin to acquire."""
        self.saver = saver
        self.add_job("grab", self.grab, 0.005)

    def grab(self) -> None:
        """Take a frame, and record it while saving is on."""
        self.saver.record("camera", np.random.default_rng().poisson(100.0, (64, 64)), units="counts")


if __name__ == "__main__":
    app = QtWidgets.QApplication(sys.argv)
    gui = controller.get_gui_controller()
    saver = H5Saver("detector")
    saver.settings_tree.show()
    saver.start(sys.argv[1])
    camera = Camera("camera", kwargs={"saver": saver})
    camera.start()
    QtCore.QTimer.singleShot(1000, app.quit)
    app.exec()
    saver.stop()
    camera.stop()
