"""A window of your own with the saver docked in it. What saving takes is the twelve lines of `Window`."""

from __future__ import annotations

import numpy as np
from pyqtgraph.Qt import QtCore, QtWidgets, mkQApp

from h5saver_widget import Axis, DataRaw, DataToExport, DetectorTimeSaver, H5Saver
from h5saver_widget.qt.leaving import Leaving


class Window(QtWidgets.QMainWindow):
    """A program that measures something ten times a second, and saves it while *Do Save* is checked."""

    title = "Oscilloscope"  # names the group in the file

    def __init__(self) -> None:
        """Dock the saver, and start to measure."""
        super().__init__()
        self.h5saver = H5Saver("detector")
        dock = QtWidgets.QDockWidget("H5Saver")
        dock.setWidget(self.h5saver.settings_tree)
        self.addDockWidget(QtCore.Qt.DockWidgetArea.RightDockWidgetArea, dock)
        self.leaving = Leaving(self, [self.h5saver])
        self.saver = DetectorTimeSaver(self)
        self.saver.h5saver = self.h5saver
        self.timer = QtCore.QTimer(self)
        self.timer.timeout.connect(self.measure)
        self.timer.start(100)

    def measure(self) -> None:
        """Take one trace, and save it if that is wanted."""
        trace = np.random.default_rng().normal(size=500)
        time = Axis("time", units="us", scaling=0.2, offset=0.0, size=500)
        data = DataToExport(self.title, data=[DataRaw("trace", data=[trace], units="V", axes=[time])])
        if self.h5saver.settings["do_save"]:
            self.saver.add_data(self.saver.get_set_node(), data)

    def closeEvent(self, event: QtCore.QEvent) -> None:
        """Go when the file is complete; the window lives on while the disk does not answer."""
        event.setAccepted(self.leaving.may_close())


if __name__ == "__main__":
    app = mkQApp("Minimal")
    window = Window()
    window.resize(700, 500)
    window.show()
    app.exec()
