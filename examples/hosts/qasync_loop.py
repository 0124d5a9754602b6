"""qasync: a coroutine acquires in the event loop of Qt; nothing there waits for the disk."""

from __future__ import annotations

import asyncio
import sys

import numpy as np
import qasync
from pyqtgraph.Qt import QtWidgets

from h5saver_widget import H5Saver


async def acquire(saver: H5Saver) -> None:
    """Record a hundred spectra."""
    saver.start(sys.argv[1], wait=False)  # frames are taken from now on
    for _ in range(100):
        saver.record("spectrometer", np.random.default_rng().normal(size=512), units="counts")
        await asyncio.sleep(0.005)
    saver.stop(wait=False)


if __name__ == "__main__":
    app = QtWidgets.QApplication(sys.argv)
    saver = H5Saver("detector")
    saver.settings_tree.show()
    with qasync.QEventLoop(app) as loop:
        loop.run_until_complete(acquire(saver))
    saver.wait()
