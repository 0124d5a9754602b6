"""Jupyter with ``%gui qt5``: what to put into the cells; started as it is, a kernel runs them."""

from __future__ import annotations

import sys

#: ipykernel's Qt loop overlooks messages at times, with any window, and then waits for ever: a timer has it look again.
START = """
%gui qt5
from pyqtgraph.Qt import QtCore
look = QtCore.QTimer()
look.timeout.connect(get_ipython().kernel.app.qt_event_loop.quit)
look.start(100)
"""
CELLS = [
    START,
    "import numpy as np\nfrom h5saver_widget import H5Saver\nsaver = H5Saver('detector')\nsaver.settings_tree.show()",
    "saver.start({path!r})",
    "taken = [saver.record('camera', np.full((8, 8), number), units='counts') for number in range(100)]",
    "saver.stop()\nprint(sum(taken), saver.isopen())",
]

if __name__ == "__main__":
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        for cell in CELLS:
            done = client.execute_interactive(cell.format(path=sys.argv[1]), timeout=60)
            if done["content"]["status"] != "ok":
                raise SystemExit("\n".join(done["content"]["traceback"]))
    finally:
        client.stop_channels()
        manager.shutdown_kernel()
