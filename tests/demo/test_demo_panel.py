"""The detector panel by itself: grab, snap, background, rate, plots in both palettes, failures."""

from __future__ import annotations

import numpy as np
import pytest
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.data import DataToExport
from h5saver_widget.demo.live import Hint
from h5saver_widget.demo.panel import DetectorPanel
from h5saver_widget.demo.qt_sources import LoopJitter, ScreenCamera, grey_frame
from h5saver_widget.demo.sources import SimulatedCamera, SimulatedSpectrometer, Source, SourceError, SystemMonitor
from h5saver_widget.qt.plot_style import ON_DARK, ON_LIGHT


class Broken(SimulatedCamera):
    title = "Broken"

    def read(self) -> DataToExport:
        raise SourceError("the shutter is stuck")


@pytest.fixture
def show(qtbot):
    def make(source: Source, **options) -> DetectorPanel:
        panel = DetectorPanel(source, **options)
        qtbot.addWidget(panel)
        panel.resize(600, 400)
        panel.show()
        qtbot.waitExposed(panel)
        return panel

    return make


def click(qtbot, button: QtWidgets.QAbstractButton) -> None:
    qtbot.mouseClick(button, QtCore.Qt.MouseButton.LeftButton)


def test_it_is_the_module_that_savers_expect(show) -> None:
    panel = show(SimulatedCamera())
    assert panel.title == "Camera (simulated)"
    assert panel.settings["rate"] == 20.0
    assert panel.ui is not None
    assert panel.viewers == [panel.plot]


def test_first_there_is_a_sentence_then_the_plot(qtbot, show) -> None:
    panel = show(SimulatedCamera(seed=1), hint="Press <b>Grab</b>")
    hint = panel.findChild(Hint)
    assert hint.isVisible()
    assert not panel.plot.isVisible()
    click(qtbot, panel._snap_button)
    assert panel.plot.isVisible()
    assert not hint.isVisible()
    assert panel.frames == 1


def test_grab_button_starts_and_stops(qtbot, show) -> None:
    panel = show(SimulatedSpectrometer(seed=1))
    got = []
    panel.grabbed.connect(got.append)
    with qtbot.waitSignal(panel.grabbing_changed) as started:
        click(qtbot, panel._grab_button)
    assert started.args == [True]
    qtbot.waitUntil(lambda: len(got) >= 5)
    assert panel.frames_per_second > 0
    click(qtbot, panel._grab_button)
    count = len(got)
    assert not panel.grabbing
    assert panel.frames_per_second == 0
    assert panel.frames == count
    assert all(isinstance(data, DataToExport) for data in got)


def test_rate_box_and_settings_are_one(show) -> None:
    panel = show(SimulatedCamera(seed=1))
    panel._rate_box.setValue(50.0)
    assert panel.settings["rate"] == 50.0
    assert panel._timer.interval() == 20
    panel.settings["rate"] = 100.0
    assert panel._rate_box.value() == 100.0
    panel.set_rate(1e6)  # more than the source can
    assert panel.settings["rate"] == SimulatedCamera.max_rate


def test_background_is_subtracted_on_screen_only(qtbot, show) -> None:
    panel = show(SimulatedSpectrometer(seed=1))
    assert not panel._subtract_box.isEnabled()
    with qtbot.waitSignal(panel.background_taken):
        click(qtbot, panel._background_button)
    assert [dwa.source.name for dwa in panel.background] == ["raw"]
    frame = panel.snap()
    curve = panel.plot.canvases[0].plot.listDataItems()[0]
    np.testing.assert_array_equal(curve.getData()[1], frame[0].data[0])
    click(qtbot, panel._subtract_box)
    np.testing.assert_array_equal(curve.getData()[1], frame[0].data[0] - panel.background[0].data[0])
    assert panel.latest[0] == frame[0]


def test_a_source_that_fails_stops_and_says_why(qtbot, show) -> None:
    panel = show(Broken())
    with qtbot.waitSignal(panel.failed) as failed:
        panel.grab()
    assert failed.args == ["Broken stopped: the shutter is stuck"]
    assert not panel.grabbing
    assert not panel._grab_button.isChecked()


def test_calculated_values_are_shown_with_units(show) -> None:
    panel = show(SimulatedCamera(seed=1))
    panel.snap()
    assert "brightest pixel" in panel._state.text()
    assert panel._state.text().endswith("counts")


@pytest.mark.parametrize("make", [SystemMonitor, LoopJitter, SimulatedSpectrometer, SimulatedCamera])
def test_plots_take_the_palette(show, make) -> None:
    panel = show(make())
    panel.snap()
    panel.snap()
    panel.redraw()
    for base, text, colours in (("#ffffff", "#000000", ON_LIGHT), ("#101010", "#eeeeee", ON_DARK)):
        palette = panel.palette()
        palette.setColor(QtGui.QPalette.ColorRole.Base, QtGui.QColor(base))
        palette.setColor(QtGui.QPalette.ColorRole.Text, QtGui.QColor(text))
        panel.setPalette(palette)
        assert panel.plot.canvases[0].backgroundBrush().color().name() == base
        axis = panel.plot.canvases[0].plot.getAxis("left")
        assert axis.textPen().color().name() == text
        curves = panel.plot.canvases[0].plot.listDataItems()
        assert [curve.opts["pen"].color().name() for curve in curves] == list(colours[: len(curves)])


def test_axes_have_units(show) -> None:
    for source, labels in (
        (SystemMonitor(), {"load (%)", "traffic (MB/s)", "time before now (s)", ""}),
        (LoopJitter(), {"jitter (counts)", "late by (ms)"}),
        (SimulatedSpectrometer(), {"spectrum (counts)", "wavelength (nm)"}),
        (SimulatedCamera(), {"y (px)", "x (px)"}),
    ):
        panel = show(source)
        panel.resize(800, 900)  # where there is no room, labels are shortened
        panel.snap()
        panel.snap()
        QtWidgets.QApplication.processEvents()
        found = {canvas.plot.getAxis(side).labelText for canvas in panel.plot.canvases for side in ("left", "bottom")}
        assert found == labels


def test_jitter_counts_every_tick(qtbot) -> None:
    source = LoopJitter(keep=10)
    qtbot.waitUntil(lambda: source.read()[0].data[0].sum() == 10)
    histogram, worst = source.read()
    assert histogram.axes[0].units == "ms"
    assert worst.units == "ms"
    source._late.append(500.0)  # later than the last bin: counted there, not left out
    assert source.read()[0].data[0].sum() == 10
    assert source.read()[0].data[0][-1] >= 1
    assert source.read()[1].data[0][0] == 500.0


def test_window_camera_keeps_its_shape_when_the_window_changes(qtbot) -> None:
    window = QtWidgets.QWidget()
    qtbot.addWidget(window)
    window.resize(300, 300)
    window.show()
    camera = ScreenCamera(window)
    assert not camera.whole_screen  # offscreen there is no screen to see
    assert camera.title == "Window camera"
    before = camera.read()[0]
    window.resize(900, 200)
    after = camera.read()[0]
    assert before.shape == after.shape == (400, 640)
    assert before.dtype == np.uint8


def test_grey_frame_keeps_proportions() -> None:
    image = QtGui.QImage(200, 100, QtGui.QImage.Format.Format_RGB32)
    image.fill(QtGui.QColor("white"))
    frame = grey_frame(image, 64, 64)
    assert frame.shape == (64, 64)
    assert (frame[16:48] == 255).all()
    assert (frame[:16] == 0).all()
    assert (frame[48:] == 0).all()


def test_an_empty_picture_is_a_source_error() -> None:
    with pytest.raises(SourceError, match="nothing to see"):
        ScreenCamera(QtWidgets.QWidget(), whole_screen=False)._picture(QtGui.QPixmap())
