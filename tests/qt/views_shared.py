"""Going to a node of a browser and looking at its plot; the curves that are looked at."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from pyqtgraph.Qt import QtCore

from h5saver_widget.qt.browser import H5Browser
from h5saver_widget.qt.browser.plots import PlotPanel

LEFT = QtCore.Qt.MouseButton.LeftButton
Key = QtCore.Qt.Key
CTRL = QtCore.Qt.KeyboardModifier.ControlModifier
X = np.linspace(0, 1, 21)
CURVES = {"sine": np.sin(6 * X), "const": X * 0 + 3, "large": 1e9 * X, "small": 1e-9 * X, "shifted": X + 50}


def node(number: int) -> str:
    return f"/RawData/Detector{number:03}/Data00"


def go(browser: H5Browser, path: str) -> PlotPanel:
    browser.select(path)
    assert browser.wait(30)
    return browser.panel.plots


def covers(canvas, values: np.ndarray) -> bool:
    low, high = canvas.plot.viewRange()[1]
    return low <= values.min() and values.max() <= high and high - low < 1.3 * max(np.ptp(values), 0.2 * values.max())


def write(path: Path, **arrays) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name] = values
    return path
