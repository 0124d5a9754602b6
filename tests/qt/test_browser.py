"""The browser window with real clicks and keys: tree, filter, node, comments, menu, files that can't be read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import tables
from browser_window import choose, click, go_to, tabs
from browsing_files import CURVES, FRAME, PNG, SPECTRA, write_file
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.errors import NodeError
from h5saver_widget.qt.browser import H5Browser
from h5saver_widget.qt.geometry import recent_paths
from h5saver_widget.saving.low_level import H5SaverLowLevel

LEFT = QtCore.Qt.MouseButton.LeftButton
Key = QtCore.Qt.Key


@pytest.fixture(scope="session")
def written(tmp_path_factory) -> Path:
    return write_file(tmp_path_factory.mktemp("window") / "file.h5", "h5py")


@pytest.fixture
def browser(show, written: Path, backend: str) -> H5Browser:
    return show(written, backend=backend)


def cells(browser: H5Browser) -> dict[str, str]:
    table = browser.panel.attributes
    return {table.item(row, 0).text(): table.item(row, 1).text() for row in range(table.rowCount())}


# ---------------------------------------------------------------------------------------------------------------- tree
def test_a_file_is_shown_and_its_only_group_opened(qtbot, browser, written):
    assert browser.windowTitle() == "file.h5 – content"
    assert browser.model.names("/RawData") == ["Detector000", "Logger", "Scan000", "Scan001"]
    assert browser.tree.isExpanded(browser.model.index_of("/RawData"))
    qtbot.waitUntil(lambda: browser.model.index_of("/RawData/Logger").siblingAtColumn(1).data() == "3 lines")
    assert browser.model.index_of("/RawData/Scan000").siblingAtColumn(1).data() == "DAQScan"
    assert not browser.model.index_of("/RawData/Nothing").isValid()
    assert recent_paths("files") == [written]


def test_the_model_keeps_qts_rules(browser, qtmodeltester):
    go_to(browser, SPECTRA)
    qtmodeltester.check(browser.model, force_py=True)


def test_walking_with_the_keys(qtbot, browser):
    browser.tree.setFocus()
    go_to(browser, "/RawData")
    for key in (Key.Key_Down, Key.Key_Right, Key.Key_Down):
        qtbot.keyClick(browser.tree, key)
        assert browser.wait(30)
    assert browser.current_path() == "/RawData/Detector000/Data1D"
    assert browser.panel.report.path == "/RawData/Detector000/Data1D"


def test_everything_below_is_opened(browser):
    go_to(browser, "/RawData/Scan000")
    browser.expand_all()
    assert browser.wait(30)
    assert browser.tree.isExpanded(browser.model.index_of("/RawData/Scan000/Detector000/Data1D/CH00"))


def test_the_filter_finds_in_the_whole_file(qtbot, browser):
    qtbot.keyClick(browser, Key.Key_F, QtCore.Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClicks(browser.filter, "bkg")
    assert browser.wait(30)
    found = browser.trees.found_model
    assert browser.trees.filter_state.text() == "2 found"
    assert found.names(CURVES) == ["Bkg00", "Bkg01"]
    click(qtbot, browser, f"{CURVES}/Bkg01", browser.trees.found_tree)
    assert browser.panel.report.path == f"{CURVES}/Bkg01"
    qtbot.keyClick(browser.filter, Key.Key_Escape)
    assert browser.wait(30)
    assert browser.trees.current_tree is browser.tree
    assert browser.current_path() == f"{CURVES}/Bkg01"
    qtbot.keyClicks(browser.filter, "no such thing")
    qtbot.keyClick(browser.filter, Key.Key_Return)
    assert browser.wait(30)
    assert browser.trees.filter_state.text() == "Nothing has this name or title"


def test_numbers_are_sorted_as_numbers(show, tmp_path):
    path = tmp_path / "many.h5"
    with h5py.File(path, "w") as file:
        for number in (2, 10, 1, 1000, 999):
            file.create_group(f"Scan{number}")
    assert show(path).model.names("/") == ["Scan1", "Scan2", "Scan10", "Scan999", "Scan1000"]


def test_ten_thousand_nodes(qtbot, show, tmp_path):
    path = tmp_path / "many.h5"
    with h5py.File(path, "w") as file:
        for number in range(10_000):
            file.create_group(f"all/n{number}")
    browser = show(path)
    assert browser.model.names("/all")[-1] == "n9999"
    first, last = (browser.model._find(f"/all/{name}") for name in ("n0", "n9999"))
    qtbot.waitUntil(lambda: first.shown is not None)
    assert last.shown is None  # only lines that are seen are read
    go_to(browser, "/all/n9999")


# ------------------------------------------------------------------------------------------------------------ one node
def test_attributes_are_decoded_and_short(qtbot, browser):
    click(qtbot, browser, "/RawData")
    found = cells(browser)
    assert found["sample"] == "SiO₂" and found["type"] == "scan"
    assert found["long"].endswith("… (100,000 characters)") and len(found["long"]) < 400
    assert found["gains"] == "100 values of float64"
    assert tabs(browser) == ["Plot", "Attributes", "Comments"]


def test_settings_are_a_tree_that_is_only_read(qtbot, browser):
    click(qtbot, browser, "/RawData/Scan000")
    assert tabs(browser) == ["Plot", "Attributes", "Settings", "Pictures", "Comments"]
    items = browser.panel.settings.tree.listAllItems()
    lines = [item.text(0) + " " + item.text(1) for item in items]
    assert {"Gain 2.5", "Laser on yes", "x 12"} <= set(lines)
    assert not any(item.flags() & QtCore.Qt.ItemFlag.ItemIsEditable for item in items)
    pictures = [label.pixmap() for label in browser.panel.pictures.findChildren(QtWidgets.QLabel)]
    # a label without a picture has None, or in Qt 6 an empty one
    assert [picture.width() for picture in pictures if picture is not None and not picture.isNull()] == [1]


def test_the_log_is_read(qtbot, browser):
    click(qtbot, browser, "/RawData/Logger")
    assert tabs(browser)[0] == "Log"
    assert browser.panel.lines.toPlainText().splitlines()[-1] == "point 2 saved"


def test_the_tab_that_was_chosen_stays(qtbot, browser):
    go_to(browser, f"{CURVES}/Data00")
    bar = browser.panel.tabs.tabBar()
    qtbot.mouseClick(bar, LEFT, pos=bar.tabRect(2).center())
    go_to(browser, FRAME)
    assert browser.panel.tabs.currentIndex() == 2
    go_to(browser, f"{CURVES}/Data00")
    assert browser.panel.tabs.tabText(browser.panel.tabs.currentIndex()) == "Attributes"


def test_an_unreadable_node_says_so_in_its_place(qtbot, saver, show, monkeypatch):
    saver.create_group("/RawData", "Run1")
    saver.create_group("/RawData", "Run2")
    read = type(saver).get_node

    def damaged(self, where, name=None):
        if str(where) == "/RawData/Run2":
            raise NodeError("the index of this group is damaged")
        return read(self, where, name)

    monkeypatch.setattr(type(saver), "get_node", damaged)
    browser = show(saver)
    row = browser.model.index_of("/RawData/Run2").siblingAtColumn(1)
    qtbot.waitUntil(lambda: "damaged" in row.data())
    go_to(browser, "/RawData/Run2")
    assert "damaged" in browser.panel.message.text() and not browser.panel.tabs.isVisible()
    go_to(browser, "/RawData/Run1")
    assert browser.panel.tabs.isVisible() and not browser.panel.message.isVisible()


def test_looking_changes_nothing(show, tmp_path, backend):
    path = write_file(tmp_path / "a.h5", backend)
    content = path.read_bytes()
    browser = show(path, backend=backend)
    browser.expand_all()
    for node in ("/", CURVES, SPECTRA, FRAME, "/RawData/Logger", "/RawData/Scan000"):
        go_to(browser, node)
    browser.refresh()
    assert browser.wait(30)
    browser.close()
    assert path.read_bytes() == content


# ------------------------------------------------------------------------------------------------------------ comments
def write_comment(qtbot, browser: H5Browser, text: str) -> None:
    browser.panel.show_tab("Comments")
    qtbot.keyClicks(browser.panel.comments, text)
    qtbot.mouseClick(browser.panel.comment_button, LEFT)
    assert browser.wait(30)


def test_a_comment_is_written_when_it_is_asked_for(qtbot, show, tmp_path, backend):
    path = write_file(tmp_path / "a.h5", backend)
    browser = show(path, backend=backend)
    go_to(browser, CURVES)
    write_comment(qtbot, browser, "the shutter was stuck")
    assert browser.panel.comment_state.text() == "Saved."
    assert cells(browser)["comments"] == "the shutter was stuck"
    assert browser.panel.plots.summary.shape == (8,)  # can still be read
    browser.close()
    with H5SaverLowLevel(backend=backend) as saver:
        saver.open_file(path, "r")
        assert saver.get_node(CURVES).attrs["comments"] == "the shutter was stuck"


def test_a_comment_through_the_saver(qtbot, show, saver):
    browser = show(saver)
    go_to(browser, "/RawData")
    write_comment(qtbot, browser, "good")
    assert saver.get_node("/RawData").attrs["comments"] == "good"


def test_where_nothing_can_be_written_no_comment_is_offered(qtbot, show, tmp_path):
    path = tmp_path / "a.h5"
    with H5SaverLowLevel() as saver:
        saver.init_file(path)
    with H5SaverLowLevel() as saver:
        saver.open_file(path, "r")
        browser = show(saver)
        go_to(browser, "/RawData")
        assert "Comments" not in tabs(browser)
        browser.close()


# ---------------------------------------------------------------------------------------------------------------- menu
def test_the_menu_opens_where_it_was_asked_for(qtbot, browser):
    index = browser.model.index_of("/RawData/Logger")
    place = browser.tree.visualRect(index).center()
    browser.tree.customContextMenuRequested.emit(place)
    qtbot.waitUntil(lambda: QtWidgets.QApplication.activePopupWidget() is not None)
    menu = QtWidgets.QApplication.activePopupWidget()
    texts = [action.text() for action in menu.actions() if action.text()]
    assert texts == ["Export", "Copy the path", "Copy the Python lines that load it", "Refresh", "Close this file"]
    choose(menu, "Copy the path")
    menu.close()
    assert QtWidgets.QApplication.clipboard().text() == "/RawData/Logger"


@pytest.mark.parametrize("path", [SPECTRA, CURVES, "/RawData/Scan000", "/RawData/Logger", "/"])
def test_the_copied_lines_run(show, written, path):
    browser = show(written)
    go_to(browser, path)
    choose(browser.menu(), "Copy the Python lines that load it")
    lines = QtWidgets.QApplication.clipboard().text()
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = {SPECTRA: "(5, 4|11)", CURVES: "2 channels", "/RawData/Logger": "point 2 saved"}
    assert expected.get(path, "DataToExport") in done.stdout


def test_export(qtbot, browser, tmp_path, monkeypatch):
    target = tmp_path / "curves.csv"
    monkeypatch.setattr(QtWidgets.QFileDialog, "getSaveFileName", lambda *args: (str(target), ""))
    go_to(browser, CURVES)
    menu = browser.menu()
    menu.exports.aboutToShow.emit()
    action = next(action for action in menu.exports.actions() if action.text().startswith("csv"))
    with qtbot.waitSignal(browser.work.ended, timeout=30_000):
        action.trigger()
    assert browser.said.text().startswith(f"Exported to {target}")
    assert target.read_text(encoding="utf-8")
    browser.work.hide()


# --------------------------------------------------------------------------------------------------------------- files
def test_without_a_file(qtbot, show, written, tmp_path, monkeypatch):
    browser = show()
    assert browser.start.isVisible() and not browser.refresh_button.isEnabled()
    monkeypatch.setattr(QtWidgets.QFileDialog, "getOpenFileNames", lambda *args: ([str(written)], ""))
    qtbot.mouseClick(browser.start.button, LEFT)
    assert browser.wait(30)
    assert browser.panel.isVisible() and browser.model.names("/") == ["RawData"]
    qtbot.keyClick(browser, Key.Key_W, QtCore.Qt.KeyboardModifier.ControlModifier)
    assert browser.start.isVisible()
    place = browser.start.recent.visualItemRect(browser.start.recent.item(0)).center()
    qtbot.mouseClick(browser.start.recent.viewport(), LEFT, pos=place)
    assert browser.wait(30)
    assert browser.model.names("/") == ["RawData"]


def test_files_are_dropped_in(show, written, tmp_path):
    browser = show(written)
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = 1.5
    data = QtCore.QMimeData()
    data.setUrls([QtCore.QUrl.fromLocalFile(str(other)), QtCore.QUrl("https://example.org/a.h5")])
    options = (QtCore.Qt.DropAction.CopyAction, data, LEFT, QtCore.Qt.KeyboardModifier.NoModifier)
    enter = QtGui.QDragEnterEvent(QtCore.QPoint(5, 5), *options)
    QtWidgets.QApplication.sendEvent(browser, enter)
    assert enter.isAccepted()
    QtWidgets.QApplication.sendEvent(browser, QtGui.QDropEvent(QtCore.QPointF(5, 5), *options))
    assert browser.wait(30)
    assert [file.name for file in browser.model.files] == ["file.h5", "other.h5"]
    assert browser.model.index_of("/x", browser.model.files[1]).siblingAtColumn(1).data() == "1.5"
    browser.close_file(browser.model.files[0])
    assert [file.name for file in browser.model.files] == ["other.h5"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "It is empty"), (b"no HDF5" * 500, "not an HDF5 file"), (None, "no such file"), ("cut", "cut off")],
)
def test_a_file_that_can_t_be_read_says_why(qtbot, show, tmp_path, written, backend, content, reason):
    path = tmp_path / "bad.h5"
    if content is not None:
        path.write_bytes(written.read_bytes()[:3000] if content == "cut" else content)
    browser = show(path, backend=backend)
    assert browser.panel.heading.text() == "bad.h5 can't be read"
    assert reason in browser.panel.message.text()
    assert not browser.panel.tabs.isVisible()
    path.write_bytes(written.read_bytes())
    qtbot.keyClick(browser, Key.Key_F5)
    assert browser.wait(30)
    assert browser.model.names("/") == ["RawData"] and browser.panel.tabs.isVisible()


@pytest.mark.parametrize("library", [h5py.File, tables.open_file])
def test_the_open_file_of_a_library(show, tmp_path, library):
    path = write_file(tmp_path / "a.h5", "tables" if library is tables.open_file else "h5py")
    with library(str(path), "r") as file:
        assert show(file).model.names("/") == ["RawData"]


def test_in_the_window_of_a_host(qtbot, written):
    window = QtWidgets.QMainWindow()
    qtbot.addWidget(window)
    browser = H5Browser(window, h5file_path=written)
    assert window.centralWidget() is browser
    assert browser.wait(30) and browser.model.names("/") == ["RawData"]
    browser.close()
    with pytest.raises(TypeError, match="a path or an open HDF5 file"):
        H5Browser(h5file=3)


def test_a_window_that_is_destroyed_closes_its_files(qtbot, written):
    parent = QtWidgets.QWidget()
    browser = H5Browser(parent, h5file=written)
    assert browser.wait(30)
    [file] = browser.model.files
    thread = file.worker._thread
    parent.deleteLater()
    qtbot.waitUntil(lambda: not thread.is_alive())
    assert file.view._h5 is None


def test_hostile_content_is_shown_as_text(show, tmp_path):
    path = tmp_path / "hostile.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("<b>bold\x1b[31m")
        group.attrs["settings"] = '<!DOCTYPE a [<!ENTITY b "cccc">]><a>&b;</a>'
        group.attrs["<img src=x>"] = "<h1>big</h1>" * 10_000
        group.attrs["pixmap2D"] = np.void(PNG[:16] + b"\xff\xff\xff\xff\xff\xff\xff\xff" + PNG[24:])
        group.attrs["wrapped"] = '{"module": "builtins", "type": "int", "data": "__import__(\'os\').system(\'false\')"}'
        file["table"] = np.zeros(3, dtype=[("a", "f8"), ("b", "S4")])
        file["text"] = ["one", "two"]
        file["nothing"] = h5py.Empty("f8")
        file["odd"] = np.array([np.nan, np.inf, -np.inf])
        file["away"] = h5py.ExternalLink("/etc/passwd", "/")
    browser = show(path)
    for name in browser.model.names("/"):
        go_to(browser, f"/{name}")
        assert browser.panel.report is not None and browser.panel.heading.textFormat() == QtCore.Qt.TextFormat.PlainText
    go_to(browser, "/text")
    assert browser.panel.lines.toPlainText() == "one\ntwo"
    go_to(browser, "/<b>bold\x1b[31m")
    assert "DTD" in browser.panel.settings.text.toPlainText()
    assert browser.model.kind_of(browser.model.index_of("/away")) is NodeKind.LINK
