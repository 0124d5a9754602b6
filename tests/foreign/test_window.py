"""Files of other programs in the window: one question per folder, a click on what is referred to, numbers as stored."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyqtgraph.Qt import QtWidgets
from recipes import write_elsewhere, write_kinds, write_netcdf

from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.qt.browser import H5Browser
from h5saver_widget.qt.browser.actions import NodeMenu


@pytest.fixture
def browser(qtbot):
    browser = H5Browser()
    qtbot.addWidget(browser)
    browser.resize(900, 600)
    yield browser
    browser.close()


def show(browser: H5Browser, file: Path, path: str) -> None:
    opened = browser.open_file(file)
    assert browser.wait(60)
    browser.select(path, opened)
    assert browser.wait(60) and browser.current_path() == path


def test_one_question_for_a_folder(browser, tmp_path):
    (tmp_path / "run").mkdir()
    master = write_elsewhere(tmp_path / "run")
    panel = browser.panel
    show(browser, master, "/frames")
    assert panel.elsewhere.text() == "Its values are stored in other files: data_0.h5, data_1.h5."
    assert not panel.allow_button.isHidden() and panel.report.data_path == ""
    panel.allow_button.click()
    assert browser.wait(60)
    assert panel.allow_button.isHidden() and panel.report.data_path == "/frames"
    show(browser, master.with_name("bridge.h5"), "/y")  # of the same folder: no question, and nothing from outside
    assert panel.allow_button.isHidden() and "outside of its folder" in panel.elsewhere.text()


def test_what_is_referred_to_is_a_click_away(browser, tmp_path):
    show(browser, write_kinds(tmp_path / "kinds.h5"), "/deep")
    attributes = browser.panel.attributes
    row = next(row for row in range(attributes.rowCount()) if attributes.item(row, 0).text() == "best")
    attributes.cellDoubleClicked.emit(row, 0)
    assert browser.wait(60) and browser.current_path() == "/valve"
    browser.select("/photo")
    assert browser.wait(60) and browser.panel.tabs.tabText(browser.panel.tabs.currentIndex()) == "Plot"
    assert browser.panel.plots.summary.colours == 2  # drawn as an image in colours


def test_numbers_as_they_are_stored(browser, tmp_path):
    show(browser, write_netcdf(tmp_path / "cf.nc"), "/depth")
    assert browser.panel.plots.summary.dtype.kind == "f" and "stored × 0.1" in browser.panel.facts.text()
    menu = NodeMenu(browser, browser.panel.report, browser.current_file(), NodeKind.FIXED)
    switch = next(action for action in menu.actions() if action.text().startswith("Numbers as they are stored"))
    assert isinstance(menu, QtWidgets.QMenu) and not switch.isChecked()
    switch.trigger()
    assert browser.wait(60) and browser.panel.plots.summary.dtype.kind == "i"
    menu.deleteLater()
