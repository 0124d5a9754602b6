"""Live plots: what is seen of what changes, when somebody zooms, and whether numbers and grid are of one moment."""

from __future__ import annotations

import numpy as np
import pytest
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets
from qt_events import turn_wheel

from h5saver_widget import Axis, DataRaw, DataToExport
from h5saver_widget.demo.live import LivePlot
from h5saver_widget.qt.alarm import ALARM

X = np.linspace(400, 800, 101)


def frame(values: np.ndarray, x: np.ndarray = X, labels=("a",)) -> DataToExport:
    data = DataRaw("spectrum", data=[values] * len(labels), labels=list(labels), axes=[Axis("wavelength", "nm", x, 0)])
    return DataToExport("grab", data=[data])


@pytest.fixture
def plot(qtbot):
    plot = LivePlot()
    qtbot.addWidget(plot)
    plot.resize(400, 300)
    with qtbot.waitExposed(plot):
        plot.show()
    return plot


def draw(plot: LivePlot, *data) -> None:
    plot.add(frame(*data))
    assert plot.redraw()


def seen(plot: LivePlot) -> np.ndarray:
    return np.array(plot.canvases[0].plot.viewRange())


def test_numbers_and_grid_are_of_the_frame_that_is_drawn(plot):
    for size in (1.0, 1000.0, 0.001):
        draw(plot, np.linspace(0, size, 101))
        low, high = plot.canvases[0].plot.getAxis("left").range  # before anything is painted
        assert low <= 0 and size <= high < 1.2 * size


def test_a_zoom_stays_until_something_else_is_drawn_or_somebody_wants_all(plot, qtbot):
    draw(plot, np.linspace(0, 1, 101))
    QtWidgets.QApplication.processEvents()  # lays it out
    canvas = plot.canvases[0]
    at = QtCore.QPointF(canvas.mapFromScene(canvas.plot.vb.sceneBoundingRect().center()))
    turn_wheel(canvas.viewport(), 2, at)
    zoomed = seen(plot)
    assert zoomed[0][0] > 400
    draw(plot, np.linspace(0, 50, 101))
    np.testing.assert_allclose(seen(plot), zoomed)
    qtbot.keyClick(canvas, QtCore.Qt.Key.Key_Home)
    draw(plot, np.linspace(0, 50, 101))
    assert seen(plot)[0][0] < 400 and seen(plot)[1][1] > 50
    plot.canvases[0].plot.setXRange(500, 501)
    draw(plot, np.linspace(0, 50, 101), X + 1000)
    assert seen(plot)[0][0] < 1400 and seen(plot)[0][1] > 1800


def test_names_stand_beside_the_data(qtbot):
    plot = LivePlot()
    qtbot.addWidget(plot)
    plot.resize(400, 300)
    plot.show()
    plot.add(frame(np.sin(X), X, ("one", "two")))
    plot.redraw()
    legend = plot.canvases[0].plot.legend
    assert [label.text for _, label in legend.items] == ["one", "two"]
    qtbot.waitUntil(lambda: not legend.sceneBoundingRect().intersects(plot.canvases[0].plot.vb.sceneBoundingRect()))


def test_many_points_of_a_scan_are_a_line_and_no_thick_band(qtbot):
    plot = LivePlot()
    qtbot.addWidget(plot)
    for count, symbol in ((31, "o"), (1000, None)):
        x = np.linspace(0, 1, count)
        data = DataRaw("signal", data=[x], axes=[Axis("stage", "mm", x, 0)], nav_indexes=(0,))
        plot.add(DataToExport("scan", data=[data]))
        plot.redraw()
        assert plot.canvases[0].plot.listDataItems()[0].opts["symbol"] == symbol


@pytest.mark.parametrize("locale", ["de_DE", "fr_FR", "C"])
@pytest.mark.parametrize("typed", ["2.5", "2,5"])
def test_the_range_of_a_scan_is_typed_with_either_separator(qtbot, locale, typed):
    from h5saver_widget.demo.actuators import MockActuator
    from h5saver_widget.demo.scan_form import ScanForm, scan_settings

    before = QtCore.QLocale()
    QtCore.QLocale.setDefault(QtCore.QLocale(locale))
    try:
        actuators = [MockActuator("Stage X", "mm"), MockActuator("Stage Y", "mm")]
        settings = scan_settings(actuators)
        form = ScanForm(settings, actuators)
        qtbot.addWidget(form)
        form.show()
        box = form._boxes[0, "stop"]
        box.selectAll()
        qtbot.keyClicks(box, typed)
        qtbot.keyClick(box, QtCore.Qt.Key.Key_Return)
        assert settings["axis0", "stop"] == 2.5
        assert box.text() == ("2.50" if locale == "C" else "2,50")
        for text in ("2.5x", "1,5e-3", "1.234,5"):  # is no number of this box: red, and nothing changes
            box.selectAll()
            qtbot.keyClicks(box, text)
            assert box.lineEdit().palette().color(QtGui.QPalette.ColorRole.Text).name() == ALARM
            qtbot.keyClick(box, QtCore.Qt.Key.Key_Tab)
            assert settings["axis0", "stop"] == 2.5 and box.value() == 2.5
        points = form._boxes[0, "points"]
        for text, value in ((typed, 41), ("1e3", 1000)):  # 25 points were not meant
            points.selectAll()
            qtbot.keyClicks(points, text)
            qtbot.keyClick(points, QtCore.Qt.Key.Key_Return)
            assert settings["axis0", "points"] == value and points.text() == str(value)
    finally:
        QtCore.QLocale.setDefault(before)
