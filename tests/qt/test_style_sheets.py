"""Colours that a host gives by a style sheet (napari's, qdarkstyle's): icons have those of the text beside them."""

from __future__ import annotations

import pytest
from pyqtgraph.Qt import QtWidgets

from h5saver_widget import H5Saver


@pytest.mark.parametrize("when", ["before", "after"])
def test_icons_have_the_colour_of_the_text(qtbot, when):
    window = QtWidgets.QMainWindow()
    qtbot.addWidget(window)
    sheet = "QWidget { background-color: #262930; color: #f0f1f2 }"
    if when == "before":
        window.setStyleSheet(sheet)
    saver = H5Saver("detector")
    window.setCentralWidget(saver.settings_tree)
    window.resize(420, 700)
    window.show()
    if when == "after":
        window.setStyleSheet(sheet)
    qtbot.waitUntil(lambda: min(map(_lightness, _buttons(saver))) > 200)
    assert len(_buttons(saver)) > 5


def _buttons(saver):
    found = saver.settings_tree.findChildren((QtWidgets.QPushButton, QtWidgets.QToolButton))
    return [button for button in found if button.isVisible() and not button.icon().isNull()]


def _lightness(button):
    image = button.icon().pixmap(32, 32).toImage()
    pixels = [image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height())]
    return min(pixel.lightness() for pixel in pixels if pixel.alpha() > 250)
