"""A program that knows nothing of being frozen: a window, a saver, frames from a thread, and a kill if asked."""

import os
import sys
import threading

from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget import H5Saver, check_file, set_default_backend

print("the program begins", flush=True)
path, backend, ending = sys.argv[1:4]
set_default_backend(backend)
app = QtWidgets.QApplication(sys.argv)
window = QtWidgets.QMainWindow()
saver = H5Saver("detector")
window.setCentralWidget(saver.settings_tree)
window.show()
saver.start(path)
print("isolated", saver.isolated, saver.io.pid not in (None, os.getpid()), saver.status().missing, flush=True)


def acquire() -> None:
    """Record a thousand frames, say how many were taken, and end as was asked."""
    taken = sum(saver.record("camera", float(number), units="counts") for number in range(1000))
    print("taken", taken, flush=True)
    if ending == "killed":
        os.kill(os.getpid(), 9)
    saver.stop()
    print("good", check_file(path).condition.name, flush=True)
    QtCore.QMetaObject.invokeMethod(app, "quit", QtCore.Qt.ConnectionType.QueuedConnection)


threading.Thread(target=acquire).start()
app.exec()
