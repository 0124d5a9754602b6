"""A demo window of its own for each test, on each backend that it can use."""

from __future__ import annotations

import pytest
from pyqtgraph.Qt import QtCore
from recording_helpers import settle

from h5saver_widget.demo.window import DemoWindow


@pytest.fixture(params=["h5py", "tables"])
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def window(qtbot, tmp_path, backend, in_kept_process):
    """Return a shown window that writes below tmp_path."""
    window = DemoWindow(out=tmp_path, backend=backend)
    in_kept_process(window.h5saver)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    yield window
    window.finish()


@pytest.fixture
def press(qtbot, window):
    """Return a function that clicks the toolbar's button of this action, with the mouse, and waits for the saver."""

    def click(action) -> None:
        button = window._toolbar.widgetForAction(action)
        qtbot.waitUntil(button.isVisible)
        qtbot.mouseClick(button, QtCore.Qt.MouseButton.LeftButton)
        settle(window.h5saver)

    return click
