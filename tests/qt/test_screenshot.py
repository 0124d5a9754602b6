"""Pictures of panels, saved with what they show."""

from __future__ import annotations

import pytest
from pyqtgraph.Qt import QtGui, QtWidgets

from h5saver_widget import FileNotOpenError, H5BrowserUtil, NodeError
from h5saver_widget.qt.h5saver import H5Saver


def panel(qtbot, text="µ panel"):
    widget = QtWidgets.QLabel(text)
    widget.setStyleSheet("background: rgb(10, 120, 30); color: white")
    widget.resize(120, 80)
    qtbot.addWidget(widget)
    return widget


def picture_of(png: bytes) -> QtGui.QImage:
    image = QtGui.QImage.fromData(png, "PNG")
    assert not image.isNull()
    return image


def test_a_screenshot_is_found_by_the_browser(shown, qtbot):
    saver = shown.saver
    path = saver.new_file()
    scan = saver.add_scan_group("/RawData", "DAQScan")
    widget = panel(qtbot)

    assert saver.add_screenshot(widget, scan) == "pixmap2D"
    assert saver.add_screenshot(shown.widget, scan.path, "settings") == "pixmap_setting"
    assert saver.add_screenshot(widget, "/RawData", "pixmap1D") == "pixmap1D"
    saver.close_file()

    with H5BrowserUtil(backend=saver.backend) as browser:
        browser.open_file(path)
        mine, settings = browser.get_h5_attributes("/RawData/Scan000").pixmaps
        assert len(browser.get_h5_attributes("/RawData").pixmaps) == 1
    image = picture_of(mine)
    scale = widget.devicePixelRatioF()
    assert (image.width(), image.height()) == (120 * scale, 80 * scale)
    assert image.pixelColor(2, 2).getRgb()[:3] == (10, 120, 30)
    assert picture_of(settings).height() == shown.widget.height() * scale


def test_a_screenshot_while_streaming_goes_in_after_the_stream(make, qtbot):
    saver: H5Saver = make("scan", "h5py").saver
    saver.settings["backend", "swmr_options", "enable_swmr"] = True
    saver.new_file()
    saver.enable_swmr()

    name = saver.add_screenshot(panel(qtbot), "/RawData")

    assert picture_of(saver.get_node("/RawData").attrs[name]).width() == 120
    assert not saver.is_swmr_active


def test_a_screenshot_needs_a_file_and_a_node(shown, qtbot):
    with pytest.raises(FileNotOpenError, match="screenshot"):
        shown.saver.add_screenshot(panel(qtbot), "/RawData")
    shown.saver.new_file()
    with pytest.raises(NodeError, match="Scan007"):
        shown.saver.add_screenshot(panel(qtbot), "/RawData/Scan007")
