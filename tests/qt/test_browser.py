"""The plain view of a file: tree and attributes, on both backends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyqtgraph.Qt import QtCore

from h5saver_widget.errors import NodeError
from h5saver_widget.qt.browser import H5Browser
from h5saver_widget.qt.browser.view import shown_value
from h5saver_widget.saving.low_level import H5SaverLowLevel


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "content.h5"
    with H5SaverLowLevel("detector", "h5py") as saver:
        saver.init_file(path, metadata={"operator": "Ada", "settings": "x" * 100_000, "gains": np.arange(100.0)})
        for number in (1, 2, 10):
            saver.create_group("/RawData", f"Run{number}", title="a run")
        saver.create_carray("/RawData/Run2", "Counts", np.arange(12).reshape(3, 4), "counts")
        saver.add_log("laser on")
    return path


@pytest.fixture
def browser(qtbot, path: Path, backend: str):
    browser = H5Browser(h5file=path, backend=backend)
    qtbot.addWidget(browser)
    browser.show()
    yield browser
    browser.close()


def names(browser: H5Browser, path: str) -> list[str]:
    model = browser.model
    parent = model.index_of(path)
    if model.canFetchMore(parent):
        model.fetchMore(parent)
    return [model.path_of(model.index(row, 0, parent)).rpartition("/")[2] for row in range(model.rowCount(parent))]


def cells(browser: H5Browser) -> dict[str, str]:
    table = browser.attributes
    return {table.item(row, 0).text(): table.item(row, 1).text() for row in range(table.rowCount())}


def test_the_tree_in_natural_order(browser):
    assert names(browser, "/") == ["RawData"]
    assert names(browser, "/RawData") == ["Logger", "Run1", "Run2", "Run10"]
    index = browser.model.index_of("/RawData/Run2/Counts")
    row = [index.siblingAtColumn(column).data() for column in range(3)]
    assert row == ["Counts", "array", "3 × 4  int64"]
    assert browser.model.index_of("/RawData/Run2").data() == "Run2  (a run)"
    assert not browser.model.hasChildren(index)
    assert not browser.model.index_of("/RawData/Nothing").isValid()


def test_the_model_keeps_qts_rules(browser, qtmodeltester):
    qtmodeltester.check(browser.model, force_py=True)


def test_attributes_are_decoded_and_short(browser):
    browser.select("/RawData")
    found = cells(browser)
    assert found["operator"] == "Ada" and found["type"] == "detector"
    assert found["settings"].endswith("… (100,000 characters)") and len(found["settings"]) < 400
    assert found["gains"] == "100 values of float64"
    browser.select("/RawData/Run2/Counts")
    assert browser.node_label.text() == "/RawData/Run2/Counts\ncounts\n3 × 4, int64"


def test_the_log_is_read(browser):
    browser.select("/RawData/Logger")
    assert browser.lines.toPlainText() == "laser on"
    browser.select("/RawData")
    assert not browser.lines.isVisible()


def test_an_unreadable_node_says_so_in_its_place(browser, monkeypatch):
    read = type(browser._h5).get_node

    def damaged(self, where, name=None):
        if str(where) == "/RawData/Run2":
            raise NodeError("the index of this group is damaged")
        return read(self, where, name)

    monkeypatch.setattr(type(browser._h5), "get_node", damaged)
    browser.refresh()
    index = browser.model.index_of("/RawData/Run2")
    assert index.siblingAtColumn(1).data() == "unreadable"
    browser.select("/RawData/Run2")
    assert "damaged" in browser.message.text() and not browser.attributes.isVisible()
    browser.select("/RawData/Run1")
    assert browser.attributes.isVisible() and not browser.message.isVisible()


def test_refresh_keeps_what_was_open_and_selected(qtbot, tmp_path, backend):
    with H5SaverLowLevel("detector", backend) as saver:
        saver.init_file(tmp_path / "growing.h5")
        saver.create_group("/RawData", "Run")
        browser = H5Browser(h5file=saver)
        qtbot.addWidget(browser)
        browser.show()
        browser.tree.expand(browser.model.index_of("/RawData"))
        browser.select("/RawData/Run")
        saver.create_group("/RawData", "Another")
        browser.activateWindow()
        qtbot.waitUntil(browser.isActiveWindow)
        with qtbot.waitSignal(browser.refresh_button.clicked):
            qtbot.keyClick(browser, QtCore.Qt.Key.Key_F5)
        assert names(browser, "/RawData") == ["Another", "Logger", "Run"]
        assert browser.model.path_of(browser.tree.currentIndex()) == "/RawData/Run"
        assert browser.tree.isExpanded(browser.model.index_of("/RawData"))


def test_ten_thousand_children(qtbot, tmp_path):
    with H5SaverLowLevel("detector", "h5py") as saver:
        saver.init_file(tmp_path / "many.h5")
        for number in range(10_000):
            saver.create_group("/RawData", f"Run{number}")
        browser = H5Browser(h5file=saver)
        qtbot.addWidget(browser)
        browser.show()
        clock = QtCore.QElapsedTimer()
        clock.start()
        browser.tree.expand(browser.model.index_of("/RawData"))
        browser.select("/RawData/Run9999")
        assert clock.elapsed() < 3000  # measured: 0.7 s
        assert browser.model.rowCount(browser.model.index_of("/RawData")) == 10_001


def test_looking_changes_nothing(browser, path):
    content = path.read_bytes()
    browser.tree.expandAll()
    browser.refresh()
    browser.close()
    assert path.read_bytes() == content


def test_without_a_file(qtbot):
    browser = H5Browser()
    qtbot.addWidget(browser)
    assert browser.message.text() == "No file is open."
    with pytest.raises(OSError):
        H5Browser(h5file="/nowhere/at/all.h5")


@pytest.mark.parametrize(
    ("value", "text"), [(b"\xff", "\ufffd"), (None, "None"), ("a\n  b", "a b"), (np.arange(3), "[0 1 2]")]
)
def test_shown_values(value, text):
    assert shown_value(value) == text
