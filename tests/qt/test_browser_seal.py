"""The browser says whether a file is as it was sealed."""

from __future__ import annotations

import h5py
import numpy as np
from pyqtgraph.Qt import QtWidgets

from h5saver_widget import H5Browser, seal_file


def test_a_seal_is_verified_in_the_browser(qtbot, tmp_path):
    path = tmp_path / "sealed.h5"
    with h5py.File(path, "w") as file:
        file["numbers"] = np.arange(10)
    seal_file(path)
    browser = H5Browser()
    qtbot.addWidget(browser)
    browser.open_file(path)
    assert browser.wait(30)
    browser.verify()
    assert browser.work.wait(60) and "is unchanged since it was sealed" in browser.said.text()
    with h5py.File(path, "r+", locking=False) as changed:
        changed["numbers"][3] = 7
    browser.verify()
    assert browser.work.wait(60)
    (box,) = browser.findChildren(QtWidgets.QMessageBox)
    assert "has changed since it was sealed" in box.text() and "/numbers: rows 0 to 9 changed" in box.informativeText()
    box.close()
