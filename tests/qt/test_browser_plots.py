"""Plots of the browser with real clicks and keys: curves, images, scans; what they show is what is in the file."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import h5py
import numpy as np
import pyqtgraph as pg
import pytest
from browsing_files import CUBE, CURVES, FRAME, POINTS, SPECTRA, TIME, WAVELENGTH, write_file
from hypothesis import given, settings, strategies as st
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget import Axis, DataRaw, DataSaverLoader, H5SaverLowLevel
from h5saver_widget.browsing.drawings import Curves, Picture, Points
from h5saver_widget.browsing.plotting import FREE_BYTES
from h5saver_widget.qt.browser import H5Browser
from h5saver_widget.qt.browser.plots import PlotPanel
from h5saver_widget.qt.browser.plots.images import Grid
from h5saver_widget.qt.browser.plots.ticks import Ticks
from h5saver_widget.qt.plot_style import LocalTicks

LEFT = QtCore.Qt.MouseButton.LeftButton
Key = QtCore.Qt.Key


@pytest.fixture(scope="session")
def written(tmp_path_factory) -> Path:
    return write_file(tmp_path_factory.mktemp("plots") / "file.h5", "h5py")


@pytest.fixture
def browser(qtbot, written: Path, backend: str):
    browser = H5Browser(h5file=written, backend=backend, isolated=False)
    qtbot.addWidget(browser)
    with qtbot.waitExposed(browser):
        browser.show()
    yield browser
    browser.close()


def show(browser: H5Browser, path: str) -> PlotPanel:
    assert browser.wait(30)
    browser.select(path)
    assert browser.wait(30)
    return browser.panel.plots


def label(canvas, side: str) -> str:
    return canvas.plot.getAxis(side).labelText


def click(qtbot, browser: H5Browser, button: QtWidgets.QAbstractButton) -> None:
    qtbot.mouseClick(button, LEFT, pos=QtCore.QPoint(8, button.height() // 2))
    assert browser.wait(30)


def test_curves_with_errors(browser):
    plots = show(browser, CURVES)
    canvas = plots.signal.canvas
    assert isinstance(canvas.drawn, Curves)
    lines = canvas.plot.listDataItems()
    np.testing.assert_allclose(lines[1].getData()[1], 2 * np.exp(-TIME))
    bars = [item for item in canvas.plot.items if isinstance(item, pg.ErrorBarItem)]
    np.testing.assert_allclose(bars[1].opts["height"], 0.4)
    assert (label(canvas, "bottom"), label(canvas, "left")) == ("time (ms)", "decay (V)")
    assert [text.text for _, text in canvas.plot.legend.items] == ["A", "B"]
    assert plots.map.isHidden() and plots.dimensions.isHidden()


def test_one_channel_and_without_background(qtbot, browser):
    plots = show(browser, CURVES)
    qtbot.keyClick(plots.channel, Key.Key_Down)
    qtbot.keyClick(plots.channel, Key.Key_Down)
    assert plots.channel.currentText() == "B"
    plots.redraw()
    assert browser.wait(30)
    assert [curve.label for curve in plots.signal.canvas.drawn.curves] == ["B"]
    click(qtbot, browser, plots.background)
    np.testing.assert_allclose(plots.signal.canvas.drawn.curves[0].values, 2 * np.exp(-TIME) - 1)
    assert plots.channel.currentText() == "B"


def test_what_is_not_drawn_of_many_channels_is_said(qtbot, browser, tmp_path, backend):
    with H5SaverLowLevel("detector", backend) as saver:
        saver.init_file(tmp_path / "many.h5")
        DataSaverLoader(saver).add_data("/RawData", DataRaw("many", data=[np.full(3, n) for n in range(70)]))
    assert browser.wait(30)
    browser.open_file(tmp_path / "many.h5")
    assert browser.wait(30)
    browser.select("/RawData/Data00")
    browser.plot(all_channels=True)
    assert browser.wait(30)
    plots = browser.panel.plots
    assert plots.channel.currentText() == "64 of 70" and plots.channel.toolTip().startswith("6 more arrays")
    assert len(plots.signal.canvas.drawn.curves) == 64


def test_the_menu_plots_all_channels(browser):
    plots = show(browser, f"{CURVES}/Data00")
    assert len(plots.signal.canvas.drawn.curves) == 1
    browser.plot(all_channels=True, with_bkg=True)
    assert browser.wait(30)
    assert len(plots.signal.canvas.drawn.curves) == 2 and plots.background.isChecked()


def test_an_image_over_axes_that_are_not_uniform(browser):
    plots = show(browser, FRAME)
    canvas = plots.signal.canvas
    assert isinstance(canvas.drawn, Picture)
    # rows at 0, 1, 4, 9: each covers what is nearer to it than to any other
    rect = canvas.image.mapRectToParent(canvas.image.boundingRect())
    assert (rect.top(), rect.bottom()) == (-0.5, 11.5)
    for place, row in ((-0.4, 0), (0.4, 0), (0.6, 1), (2.4, 1), (2.6, 2), (6.4, 2), (6.6, 3), (11.4, 3)):
        assert canvas.position_at(QtCore.QPointF(0.0, place)) == (row, 2)
        drawn = canvas.image.image[int((place + 0.5) / 12 * canvas.image.image.shape[0]), 2]
        assert drawn == 5 * row + 2
    assert canvas.text_at(QtCore.QPointF(1.0, 9.0)) == "width 1 µm,  height 9 µm:  18 counts"
    assert label(canvas, "left") == "height (µm)" and "counts" in canvas.bar.axis.labelText


@pytest.mark.parametrize(
    "values", [[3.0, 1.0, 2.0], [1.0], [0.0, 0.0], [np.nan, 1.0], [5.0, 4.0, 1.0], [1.0, 1.0, 2.0]]
)
def test_every_point_of_an_axis_has_its_place(values):
    grid = Grid(np.array(values))
    middles = (grid.edges[1:] + grid.edges[:-1]) / 2
    assert sorted(grid.order) == list(range(len(values))) and np.all(np.diff(grid.edges) >= 0)
    for place, width, index in zip(middles, np.diff(grid.edges), grid.order, strict=True):
        if width:
            assert grid.at(place) == index
    assert grid.is_true == (len(values) == 1 or (np.isfinite(values).all() and np.ptp(values) > 0))


def test_a_scan_of_spectra_is_navigated(qtbot, browser):
    plots = show(browser, SPECTRA)
    assert isinstance(plots.map.canvas.drawn, Picture) and isinstance(plots.signal.canvas.drawn, Curves)
    np.testing.assert_allclose(plots.map.canvas.drawn.values, CUBE.mean(axis=2))
    assert label(plots.signal.canvas, "bottom") == "wavelength (nm)"
    slider = plots.dimensions.rows[0].slider
    slider.setFocus()
    qtbot.keyClick(slider, Key.Key_Home)
    qtbot.keyClick(slider, Key.Key_Right)
    assert browser.wait(30)
    at = slider.value(), plots.dimensions.rows[1].slider.value()
    assert at == (1, 2)
    assert plots.signal.canvas.drawn.curves[0].values.tolist() == CUBE[at].tolist()
    assert plots.dimensions.rows[0].value.text() == "-1 mm"
    canvas = plots.map.canvas
    place = canvas.mapFromScene(canvas.plot.vb.mapViewToScene(QtCore.QPointF(9.0, 2.0)))
    qtbot.mouseClick(canvas.viewport(), LEFT, pos=place)
    assert browser.wait(30)
    assert plots.signal.canvas.drawn.curves[0].values.tolist() == CUBE[4, 3].tolist()
    assert [line.value() for line in canvas.cross] == [2.0, 9.0]


def test_the_region_makes_the_map(qtbot, browser):
    plots = show(browser, SPECTRA)
    click(qtbot, browser, plots.region)
    region = plots.signal.canvas.region
    region.setRegion((WAVELENGTH[2] - 1, WAVELENGTH[4] + 1))
    qtbot.waitUntil(lambda: np.allclose(plots.map.canvas.drawn.values, CUBE[:, :, 2:5].mean(axis=2)))
    plots.map_bar.how.setCurrentIndex(2)
    plots.map_bar.how.activated.emit(2)
    assert browser.wait(30)
    np.testing.assert_allclose(plots.map.canvas.drawn.values, CUBE[:, :, 2:5].max(axis=2))
    part = CUBE[2, 2, 2:5]
    assert f"mean {part.mean():.6g} V" in plots.statistics.text() and "3 points" in plots.statistics.text()
    click(qtbot, browser, plots.region)
    qtbot.waitUntil(lambda: np.allclose(plots.map.canvas.drawn.values, CUBE.max(axis=2)))
    assert plots.statistics.isHidden()


def test_navigation_axes_are_picked(qtbot, browser):
    plots = show(browser, SPECTRA)
    click(qtbot, browser, plots.dimensions.rows[1].check)  # y becomes part of the signal
    assert isinstance(plots.signal.canvas.drawn, Picture) and isinstance(plots.map.canvas.drawn, Curves)
    np.testing.assert_allclose(plots.signal.canvas.drawn.values, CUBE[plots.dimensions.rows[0].slider.value()])
    np.testing.assert_allclose(plots.map.canvas.drawn.curves[0].values, CUBE.mean(axis=(1, 2)))
    for number in (0, 1, 2):
        row = plots.dimensions.rows[number]
        if not row.check.isChecked():
            click(qtbot, browser, row.check)
    assert plots.signal.isHidden() and isinstance(plots.map.canvas.drawn, Picture)


def test_statistics_of_a_part_of_an_image(qtbot, browser):
    plots = show(browser, FRAME)
    click(qtbot, browser, plots.region)
    plots.signal.canvas.region.setPos((-2.1, -0.1))
    plots.signal.canvas.region.setSize((2.2, 1.2))
    assert plots.statistics.text().startswith("CH00: mean 3.5 counts")
    assert plots.statistics.text().endswith("6 points")


def test_points_of_a_spread_scan(browser):
    plots = show(browser, POINTS)
    canvas = plots.map.canvas
    assert isinstance(canvas.drawn, Points) and len(canvas.points.points()) == 3
    assert (label(canvas, "bottom"), label(canvas, "left")) == ("px (mm)", "py (mm)")


def test_a_logarithmic_scale(qtbot, browser):
    plots = show(browser, CURVES)
    click(qtbot, browser, plots.log)
    assert plots.signal.canvas.plot.getAxis("left").logMode
    show(browser, FRAME)
    image = plots.signal.canvas.image.image
    assert np.isnan(image[0, 0]) and np.nanmax(image) == pytest.approx(np.log10(19))


def test_what_is_under_the_mouse_is_said(browser):
    canvas = show(browser, CURVES).signal.canvas
    text = canvas.text_at(QtCore.QPointF(0.0, 0.0))
    assert text == "time 0 ms:  A 1 V ± 0.1,  B 2 V ± 0.2"
    canvas._mouse_moved((canvas.plot.vb.mapViewToScene(QtCore.QPointF(0.0, 1.5)),))
    assert browser.panel.plots.readout.text() == text


def test_pictures_are_copied_and_saved(qtbot, browser, tmp_path, monkeypatch):
    plots = show(browser, SPECTRA)
    qtbot.mouseClick(plots.bar.copy, LEFT)
    assert QtWidgets.QApplication.clipboard().pixmap().width() == 2 * plots.area.width()
    for name, begins in (("a.png", b"\x89PNG"), ("b.svg", b"<?xml"), ("c", b"\x89PNG")):
        monkeypatch.setattr(QtWidgets.QFileDialog, "getSaveFileName", lambda *_, name=name: (str(tmp_path / name), ""))
        qtbot.mouseClick(plots.bar.save, LEFT)
        assert (tmp_path / (name if "." in name else f"{name}.png")).read_bytes().startswith(begins)
    assert b"wavelength" in (tmp_path / "b.svg").read_bytes()
    monkeypatch.setattr(QtWidgets.QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "no" / "a.png"), ""))
    qtbot.mouseClick(plots.bar.save, LEFT)
    assert "could not be written" in browser.said.text()


def test_plots_follow_the_palette(browser):
    plots = show(browser, CURVES)
    palette = QtGui.QPalette(browser.palette())
    palette.setColor(QtGui.QPalette.ColorRole.Base, QtGui.QColor("#101010"))
    palette.setColor(QtGui.QPalette.ColorRole.Text, QtGui.QColor("#eeeeee"))
    browser.setPalette(palette)
    canvas = plots.signal.canvas
    assert canvas.backgroundBrush().color().name() == "#101010"
    assert canvas.plot.getAxis("left").textPen().color().name() == "#eeeeee"
    assert canvas.plot.listDataItems()[0].opts["pen"].color().name() == "#56b4e9"


def test_a_large_scan_is_read_in_parts_and_its_map_on_demand(qtbot, tmp_path):
    path = tmp_path / "large.h5"
    with h5py.File(path, "w") as file:
        frames = file.create_dataset("frames", (600, 300, 400), "uint8", chunks=(1, 300, 400))
        frames[7] = 5
    assert FREE_BYTES < 600 * 300 * 400
    browser = H5Browser(h5file=path)
    qtbot.addWidget(browser)
    browser.show()
    plots = show(browser, "/frames")
    click(qtbot, browser, plots.dimensions.rows[0].check)
    assert plots.map.isHidden() and plots.map_bar.button.text() == "Make the map (reads 72.0 MB)"
    click(qtbot, browser, plots.map_bar.button)
    assert plots.map.canvas.drawn.curves[0].values.tolist() == [5 if i == 7 else 0 for i in range(600)]
    browser.close()


def test_what_can_t_be_plotted_says_why(qtbot, browser, monkeypatch):
    from h5saver_widget.browsing.plotting import DataReader

    def fail(*args, **options):
        raise OSError("the chunk is damaged")

    monkeypatch.setattr(DataReader, "curves", fail)
    plots = show(browser, CURVES)
    qtbot.waitUntil(plots.problem.isVisible)
    assert "the chunk is damaged" in plots.problem.text()
    monkeypatch.undo()
    show(browser, FRAME)
    assert plots.problem.isHidden() and plots.area.isVisible()


def test_long_numbers_and_times_along_an_axis_can_be_read(qtbot, tmp_path):
    """Counted from where they begin: with six figures, all of them would be the same."""
    began = datetime(2026, 11, 21, 16, 57, 3).timestamp()
    with H5SaverLowLevel("detector") as saver:
        saver.init_file(tmp_path / "long.h5")
        axes = [
            Axis("time", "s", began + np.arange(5) / 4, index=0),
            Axis("frequency", "MHz", 63281 + np.arange(8) / 10, index=1),
        ]
        data = DataRaw("Lines", data=[np.arange(40.0).reshape(5, 8)], axes=axes, nav_indexes=(0,))
        DataSaverLoader(saver).add_data(saver.add_det_group("/RawData", "Receiver"), data)
        browser = H5Browser(h5file=saver)
        qtbot.addWidget(browser)
        browser.resize(1600, 900)  # nothing is shortened
        browser.show()
        plots = show(browser, "/RawData/Detector000/Data00")
        bottom = plots.signal.canvas.plot.getAxis("bottom")
        assert bottom.labelText == "frequency − 63281 (MHz)"
        assert bottom.tickStrings([63281.1, 63281.2], 1.0, 0.1) == ["0.1", "0.2"]
        time = plots.map.canvas.plot.getAxis("bottom")
        assert time.labelText == "s since 16:57:03"
        assert time.tickStrings([began + 0.5, began + 1], 1.0, 0.5) == ["0.5", "1.0"]
        low, high = plots.map.canvas.plot.viewRange()[0]
        assert began - 0.2 < low < began and began + 1 < high < began + 1.2, (
            "one second, and not five per cent of it all"
        )
        plots.dimensions.rows[0].box.setValue(2)
        assert browser.wait(30)
        assert plots.dimensions.rows[0].value.text() == "2026-11-21 16:57:03.50"
        assert "frequency 63281" in plots.signal.canvas.text_at(QtCore.QPointF(63281.0, 17.0))
        browser.close()


@pytest.mark.parametrize("kind", [LocalTicks, Ticks])
@settings(max_examples=60, deadline=None)
@given(
    start=st.floats(-1e6, 1e6), span=st.floats(1e-3, 1e6), size=st.integers(60, 900), offset=st.sampled_from([0, 1e9])
)
def test_numbers_along_an_axis_stand_apart(qapp, kind, start, span, size, offset):
    axis = kind("bottom")
    axis.offset = offset
    step, places = axis.tickValues(start, start + span, size)[0]
    texts = axis.tickStrings(places, axis.autoSIPrefixScale * axis.scale, step)
    widest = max((QtGui.QFontMetricsF(axis.font()).horizontalAdvance(text) for text in texts), default=0)
    assert len(places) < 2 or widest < (places[1] - places[0]) * size / span


def test_a_recording_of_hours_has_the_time_of_the_day(qtbot, tmp_path):
    began = datetime(2026, 11, 29, 22, 50).timestamp()
    with H5SaverLowLevel("detector") as saver:
        saver.init_file(tmp_path / "night.h5")
        data = DataSaverLoader(saver)
        for name, seconds in (("hours", 7200.0), ("moments", 1.0)):
            axis = Axis("time", "s", began + np.linspace(0, seconds, 50), index=0)
            where = saver.add_det_group("/RawData", name)
            data.add_data(where, DataRaw(name, data=[np.arange(50.0)], axes=[axis]))
        browser = H5Browser(h5file=saver)
        qtbot.addWidget(browser)
        browser.resize(1200, 700)
        browser.show()
        axis = show(browser, "/RawData/Detector000/Data00").signal.canvas.plot.getAxis("bottom")
        assert axis.labelText == "2026-11-29 to 2026-11-30"
        levels = axis.tickValues(began, began + 7200, 700)
        written = [text for step, values in levels for text in axis.tickStrings(values, 1.0, step)]
        assert {"23:00", "Mon 30", "00:30"} <= set(written)
        axis = show(browser, "/RawData/Detector001/Data00").signal.canvas.plot.getAxis("bottom")
        assert axis.labelText == "s since 22:50:00"
        assert axis.tickStrings([began + 0.5], 1.0, 0.5) == ["0.5"]
