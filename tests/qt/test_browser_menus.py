"""What a plot offers: its menu, the table of numbers, curves drawn together; the filter, and the window's place."""

from __future__ import annotations

import h5py
import numpy as np
import pyqtgraph as pg
import pytest
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets
from views_shared import CTRL, CURVES, LEFT, Key, X, covers, go, node, write

from h5saver_widget import Axis, DataRaw, DataSaverLoader, H5SaverLowLevel
from h5saver_widget.qt.browser.plots.menu import PlotMenu, RangeRow


def entry(menu: QtWidgets.QMenu, text: str) -> QtGui.QAction:
    return next(action for action in menu.actions() if action.text().partition("\t")[0] == text)


# ------------------------------------------------------------------------------------------------- menu, table, overlay
def test_the_menu_of_a_curve(qtbot, show, curves_file):
    browser = show(curves_file)
    plots = go(browser, node(4))
    canvas = plots.signal.canvas
    menu = PlotMenu(plots, plots.signal.canvas, plots.set_log)
    row = entry(menu, "Range along x").menu().actions()[0].defaultWidget()
    assert isinstance(row, RangeRow)
    for line, text in zip(row.lines, ("0,25", "0.5"), strict=True):  # both separators are read
        line.selectAll()
        qtbot.keyClicks(line, text)
    qtbot.keyClick(row.lines[1], Key.Key_Return)
    assert canvas.plot.viewRange()[0] == [0.25, 0.5]
    row.lines[0].setText("much")
    qtbot.keyClick(row.lines[0], Key.Key_Return)
    assert "is no number" in row.lines[0].toolTip() and canvas.plot.viewRange()[0] == [0.25, 0.5]
    entry(menu, "Show all of it").trigger()
    assert covers(canvas, CURVES["shifted"])
    entry(menu, "Logarithmic x").trigger()
    entry(menu, "Logarithmic values").trigger()
    assert canvas.log == (True, True) and plots.log.isChecked()
    assert canvas.plot.viewRange()[0][0] == pytest.approx(np.log10(X[1]), abs=0.1)
    assert canvas.position_at(QtCore.QPointF(X[4], 0)) == (4,)
    menu.deleteLater()


def test_a_right_click_opens_the_menu_of_an_image(qtbot, show, tmp_path):
    browser = show(write(tmp_path / "a.h5", image=np.arange(60.0).reshape(6, 10), other=np.ones((6, 10))))
    plots = go(browser, "/image")
    canvas = plots.signal.canvas
    at = canvas.mapFromScene(canvas.plot.vb.sceneBoundingRect().center())
    qtbot.mouseClick(canvas.viewport(), QtCore.Qt.MouseButton.RightButton, pos=at)
    menu = next(menu for menu in plots.findChildren(PlotMenu))
    qtbot.waitUntil(menu.isVisible)
    levels = entry(menu, "Levels").menu()
    row = levels.actions()[0].defaultWidget()
    row.lines[0].setText("10")
    row.lines[1].setText("20,5")
    qtbot.keyClick(row.lines[1], Key.Key_Return)
    assert canvas.levels == (10, 20.5) and tuple(canvas.image.getLevels()) == (10, 20.5)
    browser.refresh()
    assert browser.wait(30)
    assert canvas.levels == (10, 20.5)
    menu = PlotMenu(plots, plots.signal.canvas, plots.set_log)
    entry(menu, "Levels").menu().actions()[1].trigger()
    assert canvas.levels == (0, 59)
    same = canvas.same_scale
    entry(menu, "Same scale on both axes").trigger()
    assert canvas.same_scale is not same
    assert bool(canvas.plot.vb.state["aspectLocked"]) is not same
    colours = entry(menu, "Colours").menu()
    colours.sigColorMapTriggered.emit(pg.colormap.get("inferno"))
    drawn = canvas.bar.gradient.getLookupTable(4)[:, :3]
    np.testing.assert_allclose(drawn, pg.colormap.get("inferno").getLookupTable(nPts=4)[:, :3], atol=12)
    menu.deleteLater()
    go(browser, "/other")
    assert canvas.same_scale is same


def test_the_numbers_of_an_array_are_shown_and_copied(qtbot, show, curves_file, tmp_path):
    browser = show(curves_file)
    plots = go(browser, node(0))
    qtbot.mouseClick(plots.bar.numbers, LEFT, pos=QtCore.QPoint(8, plots.bar.numbers.height() // 2))
    assert browser.wait(30)
    model = plots.numbers.model()
    headings = [model.headerData(i, QtCore.Qt.Orientation.Horizontal) for i in range(2)]
    assert headings == ["x (mm)", "CH00 (V)"] and plots.area.isHidden()
    model.index(3, 1).data()
    assert browser.wait(30)
    assert [model.index(3, i).data() for i in range(2)] == [str(X[3]), str(CURVES["sine"][3])]
    plots.numbers.selectRow(2)
    qtbot.keyClick(plots.numbers, Key.Key_C, CTRL)
    assert browser.wait(30)
    clipboard = QtWidgets.QApplication.clipboard()
    assert clipboard.text() == f"{X[2]}\t{CURVES['sine'][2]}"
    plots.copy_numbers()
    assert browser.wait(30)
    lines = clipboard.text().splitlines()
    assert lines[0] == "x (mm)\tCH00 (V)" and len(lines) == 22
    assert browser.said.text() == "Copied 42 numbers."
    large = write(tmp_path / "large.h5", image=np.arange(3_000_000, dtype="i4").reshape(3, 1000, 1000))
    browser.open_file(large)
    browser.trees.select("/image", browser.model.files[1])
    assert browser.wait(30)
    plots.dimensions.rows[0].check.setChecked(True)
    plots.dimensions.rows[0].box.setValue(2)
    assert browser.wait(30)
    model.index(999, 998).data()
    assert browser.wait(30)
    assert model.index(999, 998).data() == "2999998"


def test_curves_that_are_selected_together_are_drawn_together(qtbot, show, curves_file):
    browser = show(curves_file)
    plots = go(browser, node(0))
    for path in (node(1), node(4), node(5), node(6)):
        browser.model.load(path, browser.model.files[0], lambda _: None)
    assert browser.wait(30)

    def click(path: str, modifier=CTRL) -> None:
        index = browser.model.index_of(path)
        browser.tree.scrollTo(index)
        at = browser.tree.visualRect(index).center()
        qtbot.mouseClick(browser.tree.viewport(), LEFT, modifier, at)
        assert browser.wait(30)

    browser.tree.expandAll()
    click(node(4))
    canvas = plots.signal.canvas
    labels = [curve.label for curve in canvas.drawn.curves]
    assert labels == ["CH00", f"CH00 ({node(0)})"]
    both = np.concatenate([CURVES["shifted"], CURVES["sine"]])
    assert covers(canvas, both)
    assert len(canvas.text_at(QtCore.QPointF(0.5, 0)).split("CH00")) == 3
    click(node(5))
    assert "/RawData/Detector000/Data00 is in V, not in mA" in browser.said.text()
    assert len(canvas.drawn.curves) == 1
    click(node(0), QtCore.Qt.KeyboardModifier.NoModifier)
    assert [curve.label for curve in plots.signal.canvas.drawn.curves] == ["CH00"]
    click(node(6))  # a scan of curves
    click(node(1))
    assert "is no curve: it has 5 × 21 values" in browser.said.text()
    assert len(plots.signal.canvas.drawn.curves) == 2


def test_many_curves_are_named_below_the_plot_as_far_as_there_is_room(show, tmp_path):
    with H5SaverLowLevel("detector", "h5py") as saver:
        saver.init_file(tmp_path / "many.h5")
        data = DataRaw("many", labels=[f"gauge {i}" for i in range(40)], data=[X + i for i in range(40)])
        DataSaverLoader(saver).add_data(saver.add_det_group("/RawData", "Many"), data)
    browser = show(tmp_path / "many.h5")
    canvas = go(browser, "/RawData/Detector000").signal.canvas
    names = [label.text for _, label in canvas.legend.items]
    assert len(names) < 40 and names[-1] == f"… {40 - len(names) + 1} more"
    legend = canvas.legend.mapRectToScene(canvas.legend.boundingRect())
    assert not legend.intersects(canvas.plot.vb.sceneBoundingRect())
    colours = {line.opts["pen"].color().name() for line in canvas.plot.listDataItems()}
    assert len(colours) > 20


def test_many_recorded_points_are_a_line_and_times_have_round_numbers(show, tmp_path):
    began = 1_795_296_422.0
    with H5SaverLowLevel("detector", "h5py") as saver:
        saver.init_file(tmp_path / "log.h5")
        axes = [Axis("time", "s", began + np.arange(1000) / 4, 0)]
        data = DataRaw("level", data=[np.sin(np.arange(1000) / 50)], axes=axes, nav_indexes=(0,), distribution="spread")
        DataSaverLoader(saver).add_data(saver.add_det_group("/RawData", "Log"), data)
    browser = show(tmp_path / "log.h5")
    canvas = go(browser, "/RawData/Detector000").map.canvas
    lines = canvas.plot.listDataItems()
    assert [line.opts["symbol"] for line in lines] == [None] and len(lines[0].getData()[0]) > 500
    bottom = canvas.plot.getAxis("bottom")
    _, values = bottom.tickValues(*canvas.plot.viewRange()[0], 500)[0]
    texts = bottom.tickStrings(values, 1.0, 50)
    assert texts and all(float(text) % 50 == 0 for text in texts)


# ----------------------------------------------------------------------------------------------------------- locale
def test_numbers_are_written_as_the_locale_has_it(qtbot, show, curves_file):
    before = QtCore.QLocale()
    QtCore.QLocale.setDefault(QtCore.QLocale("de_DE"))
    try:
        browser = show(curves_file)
        canvas = go(browser, node(4)).signal.canvas
        assert canvas.plot.getAxis("left").tickStrings([50.5], 1.0, 0.5) == ["50,5"]
        assert canvas.text_at(QtCore.QPointF(0.25, 0)) == "x 0,25 mm:  CH00 50,25 V"
        browser.panel.plots.copy_numbers()
        assert browser.wait(30)
        assert QtWidgets.QApplication.clipboard().text().splitlines()[2] == "0,05\t50,05"
    finally:
        QtCore.QLocale.setDefault(before)


# ---------------------------------------------------------------------------------------------------- filter, geometry
def test_the_filter_costs_as_much_as_is_found(show, tmp_path, monkeypatch):
    from h5saver_widget.qt.browser import model

    counted = []
    real = model.natural_key
    monkeypatch.setattr(model, "natural_key", lambda name: counted.append(name) or real(name))
    costs = []
    for count, said in ((300, "300 found"), (2100, "The first 2,000 are shown: type more of the name")):
        with h5py.File(tmp_path / f"{count}.h5", "w") as file:
            for number in range(count):
                file.create_group(f"run/Scan{number}")
        browser = show(tmp_path / f"{count}.h5")
        counted.clear()
        browser.filter.setText("scan")
        browser.trees.search()
        assert browser.wait(60)
        costs.append(len(counted) / min(count, 2000))
        assert browser.trees.found_model.names("/run")[:3] == ["Scan0", "Scan1", "Scan2"]
        assert browser.trees.filter_state.text() == said
    assert all(cost < 3 for cost in costs), "names are looked at again and again"


def test_found_nodes_are_sorted_wherever_they_come_from(show, tmp_path):
    browser = show(write(tmp_path / "a.h5", one=np.ones(2)))
    file, found = browser.model.files[0], browser.trees.found_model
    kind = browser.model.kind_of(browser.model.index_of("/one"))
    found.add_file(file)
    found.add_found(file, [("/b/x10", kind), ("/b/x2", kind), ("/d", kind)])
    found.add_found(file, [("/b/x3", kind), ("/a", kind), ("/c/deep", kind), ("/b/x30", kind)])
    assert found.names("/") == ["a", "b", "c", "d"] and found.names("/b") == ["x2", "x3", "x10", "x30"]
    assert [found.index_of(f"/b/{name}").row() for name in found.names("/b")] == [0, 1, 2, 3]


def test_a_window_opens_where_it_was_and_never_larger_than_the_screen(qtbot, own_settings):
    from h5saver_widget.qt.geometry import keep_geometry

    sizes = []
    for _ in range(2):
        window = QtWidgets.QWidget()
        qtbot.addWidget(window)
        window.resize(5000, 4000)
        keep_geometry(window, "test")
        room = window.screen().availableGeometry()
        assert window.width() < room.width() and window.height() < room.height()
        window.show()
        sizes.append(window.size())
        window.resize(321, 234)
        window.close()
    assert sizes[1] == QtCore.QSize(321, 234)


def test_the_demo_fits_onto_a_small_screen(qtbot, tmp_path):
    from h5saver_widget.demo.window import DemoWindow

    window = DemoWindow(out=tmp_path)
    qtbot.addWidget(window)
    room, hint = window.screen().availableGeometry(), window.minimumSizeHint()
    assert window.width() < room.width() and window.height() < room.height()
    assert hint.width() <= 1024 and hint.height() <= 720
    window.finish()
