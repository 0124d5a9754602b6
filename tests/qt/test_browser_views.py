"""What the view of a plot does: when it is fitted, what it says in words, what its menu, table and overlay offer."""

from __future__ import annotations

import numpy as np
import pytest
from pyqtgraph.Qt import QtCore
from qt_events import turn_wheel
from views_shared import CTRL, CURVES, LEFT, Key, X, covers, go, node, write


def zoom_in(canvas) -> None:
    """Turn the wheel over the middle of a plot."""
    at = QtCore.QPointF(canvas.mapFromScene(canvas.plot.vb.sceneBoundingRect().center()))
    for _ in range(3):
        turn_wheel(canvas.viewport(), 1, at)


# --------------------------------------------------------------------------------------------------------- the rule
def test_another_thing_is_fitted_and_the_same_thing_stays_as_somebody_has_zoomed_it(qtbot, show, curves_file):
    browser = show(curves_file)
    for number, values in enumerate(CURVES.values()):
        canvas = go(browser, node(number)).signal.canvas
        assert covers(canvas, values), f"{list(CURVES)[number]} is drawn outside of the view"
        zoom_in(canvas)
        zoomed = canvas.plot.viewRange()
        assert not canvas.is_fitted
        browser.refresh()  # what Follow does each second
        assert browser.wait(30)
        np.testing.assert_allclose(canvas.plot.viewRange(), zoomed)
    qtbot.keyClick(browser.tree, Key.Key_0, CTRL)
    assert covers(canvas, values)
    zoom_in(canvas)
    middle = canvas.mapFromScene(canvas.plot.vb.sceneBoundingRect().center())
    qtbot.mouseDClick(canvas.viewport(), LEFT, pos=middle)
    qtbot.mouseRelease(canvas.viewport(), LEFT, pos=middle)
    qtbot.waitUntil(lambda: covers(canvas, values))


def test_the_slider_of_a_scan_fits_each_point_until_somebody_zooms(qtbot, show, curves_file):
    browser = show(curves_file)
    plots = go(browser, node(6))
    canvas, slider = plots.signal.canvas, plots.dimensions.rows[0].slider
    for at in range(5):
        slider.setValue(at)
        assert browser.wait(30)
        assert covers(canvas, 10.0**at * X)
    zoom_in(canvas)
    zoomed = canvas.plot.viewRange()
    slider.setValue(2)
    assert browser.wait(30)
    np.testing.assert_allclose(canvas.plot.viewRange(), zoomed)
    qtbot.mouseClick(plots.log, LEFT, pos=QtCore.QPoint(8, plots.log.height() // 2))  # another scale is another thing
    assert canvas.plot.viewRange()[1][1] == pytest.approx(2, abs=0.2)


def test_a_zoom_into_an_image_stays(qtbot, show, tmp_path):
    browser = show(write(tmp_path / "a.h5", one=np.arange(60).reshape(6, 10), two=np.arange(60.0).reshape(6, 10) * 9))
    canvas = go(browser, "/one").signal.canvas
    zoom_in(canvas)
    zoomed = canvas.plot.viewRange()
    browser.refresh()
    assert browser.wait(30)
    np.testing.assert_allclose(canvas.plot.viewRange(), zoomed, atol=0.2)  # as long on the screen along both axes
    go(browser, "/two")
    assert canvas.plot.viewRange()[0][1] > 9
    assert canvas.levels == (0.0, 531.0)


# ----------------------------------------------------------------------------------------------------- long curves
def test_all_of_millions_of_points_are_seen_and_a_zoom_reads_them_finer(qtbot, show, tmp_path):
    values = np.sin(np.linspace(0, 50, 2_000_000))
    values[1_234_567] = 40.0  # one point, seen from far away
    browser = show(write(tmp_path / "long.h5", line=values), isolated=True)
    plots = go(browser, "/line")
    canvas = plots.signal.canvas
    assert not canvas.drawn.window.is_part and canvas.drawn.window.step > 1
    assert canvas.drawn.curves[0].values.max() == 40.0 and covers(canvas, values)
    qtbot.mouseClick(plots.region, LEFT, pos=QtCore.QPoint(8, plots.region.height() // 2))
    canvas.region.setRegion((1_000_000, 1_500_000))
    assert browser.wait(30)
    part = values[1_000_000:1_500_001]
    assert f"mean {part.mean():.6g}" in plots.statistics.text() and "500,001 points" in plots.statistics.text()
    canvas.plot.vb.setXRange(1_234_500, 1_234_600, padding=0)
    qtbot.waitUntil(lambda: canvas.drawn.window.step == 1)
    window = canvas.drawn.window
    assert window.start < 1_234_500 < 1_234_600 < window.stop
    np.testing.assert_array_equal(canvas.drawn.curves[0].values, values[window.start : window.stop])
    np.testing.assert_allclose(canvas.plot.viewRange()[0], (1_234_500, 1_234_600))
    assert canvas.text_at(QtCore.QPointF(1_234_567, 0)) == "point 1.23457e+06:  line 40"
    qtbot.keyClick(browser, Key.Key_0, CTRL)
    qtbot.waitUntil(lambda: not canvas.drawn.window.is_part)
    assert canvas.plot.viewRange()[0][1] > 1_999_999


# ------------------------------------------------------------------------------------------------------------ words
@pytest.mark.parametrize(
    "values, said",
    [
        ([np.nan] * 3, "None of the 3 values is a finite number."),
        ([np.inf], "The value is no finite number."),
        ([2.5] * 3, "All values are 2.5."),
        ([2.5, 2.5, np.nan], "All finite values are 2.5."),
        ([1.0, np.inf, 2.0], "1 infinite value is not drawn."),
        ([1.0, 2.0, 3.0], ""),
        ([[np.nan] * 3] * 2, "None of the 6 values is a finite number."),
        ([[7.0] * 3] * 2, "All values are 7."),
        ([[1.0, np.inf, 2.0]] * 2, "2 infinite values are not drawn."),
    ],
)
def test_what_a_plot_can_t_show_is_said(show, tmp_path, values, said):
    browser = show(write(tmp_path / "a.h5", values=np.array(values)))
    canvas = go(browser, "/values").signal.canvas
    assert canvas.note == said
    assert np.isfinite(canvas.plot.viewRange()).all()


def test_a_logarithmic_scale_says_what_it_leaves_out(show, tmp_path):
    browser = show(write(tmp_path / "a.h5", curve=np.arange(-2.0, 8.0), image=np.arange(-2, 8).reshape(2, 5)))
    plots = go(browser, "/curve")
    plots.log.setChecked(True)
    for name in ("/curve", "/image"):
        note = go(browser, name).signal.canvas.note
        assert note == "3 of 10 values are not drawn: a logarithmic scale begins above 0."


def test_nothing_above_0_on_a_logarithmic_scale(show, tmp_path):
    browser = show(write(tmp_path / "a.h5", below=-np.arange(1.0, 6), one=np.array([-3.0, 2.0, -1.0, np.nan])))
    plots = go(browser, "/below")
    plots.log.setChecked(True)
    canvas = plots.signal.canvas
    assert canvas.note == "5 of 5 values are not drawn: a logarithmic scale begins above 0."
    browser.grab()  # numpy warned of nothing but gaps
    canvas = go(browser, "/one").signal.canvas
    alone = [item for item in canvas.plot.listDataItems() if item.opts["symbol"] == "o"]
    assert [np.flatnonzero(np.isfinite(item.getOriginalDataset()[1])).tolist() for item in alone] == [[1]]


def test_a_single_value_is_a_number_and_a_point_between_gaps_is_seen(show, tmp_path):
    gaps = np.ones(100)
    gaps[[10, 12]] = np.nan
    browser = show(write(tmp_path / "a.h5", single=np.array([2.5]), gaps=gaps, nothing=np.zeros(0)))
    canvas = go(browser, "/single").signal.canvas
    assert canvas.is_number and "2.5" in canvas.number.text()
    go(browser, "/gaps")
    alone = [item for item in canvas.plot.listDataItems() if item.opts["symbol"] == "o"]
    assert not canvas.is_number and [item.getData()[0].tolist() for item in alone] == [[11]]
    browser.select("/nothing")
    assert browser.wait(30)
    assert browser.panel.facts.text().startswith("no values yet")


def test_whole_numbers_too_large_for_floats_are_drawn_as_differences(show, tmp_path):
    values = 2**60 + np.array([0, 1, 5, 2])
    browser = show(write(tmp_path / "a.h5", curve=values, image=np.tile(values, (3, 1))))
    canvas = go(browser, "/curve").signal.canvas
    assert canvas.plot.listDataItems()[0].getData()[1].tolist() == [0, 1, 5, 2]
    assert canvas.plot.getAxis("left").labelText == f"curve − {2**60}"
    assert canvas.text_at(QtCore.QPointF(2, 0)) == f"point 2:  curve {2**60 + 5}"
    canvas = go(browser, "/image").signal.canvas
    assert canvas.image.image[0].tolist() == [0, 1, 5, 2] and canvas.levels == (0, 5)


def test_complex_numbers_have_four_parts(qtbot, show, tmp_path):
    values = np.array([1 + 1j, 2j, -3.0])
    browser = show(write(tmp_path / "a.h5", wave=values, plain=values.real))
    plots = go(browser, "/plain")
    assert plots.part.isHidden()
    plots = go(browser, "/wave")
    assert plots.part.isVisible()
    for part, name in ((np.abs, "|wave|"), (np.angle, "arg wave (rad)"), (np.real, "Re wave"), (np.imag, "Im wave")):
        np.testing.assert_allclose(plots.signal.canvas.drawn.curves[0].values, part(values))
        assert plots.signal.canvas.plot.getAxis("left").labelText == name
        qtbot.keyClick(plots.part, Key.Key_Down)
        plots.part.activated.emit(plots.part.currentIndex())
        assert browser.wait(30)


@pytest.mark.parametrize("last, shape", [(3, (8, 9)), (4, (2, 8, 9))])
def test_images_in_colours(qtbot, show, tmp_path, last, shape):
    values = np.random.default_rng(1).integers(0, 255, (*shape, last)).astype(np.uint8)
    browser = show(write(tmp_path / "a.h5", photo=values))
    plots = go(browser, "/photo")
    canvas = plots.signal.canvas
    shown = values if len(shape) == 2 else values[plots.dimensions.rows[0].slider.value()]
    np.testing.assert_array_equal(canvas.image.image, shown)
    assert canvas.text_at(QtCore.QPointF(2, 1)).endswith(
        f"red {shown[1, 2, 0]}, green {shown[1, 2, 1]}, blue {shown[1, 2, 2]}"
        + (f", opacity {shown[1, 2, 3]}" if last == 4 else "")
    )
    check = plots.dimensions.rows[-1].check  # one colour after the other
    qtbot.mouseClick(check, LEFT, pos=QtCore.QPoint(8, check.height() // 2))
    assert browser.wait(30)
    assert canvas.drawn.values.ndim == 2
