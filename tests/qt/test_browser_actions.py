"""What can be done from the browser: save, export, follow links; nothing of it changes the file or leaves a process."""

from __future__ import annotations

import hashlib
import itertools
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest
from browser_window import LEFT, choose, click, go_to, tabs
from browsing_files import CUBE, CURVES, FRAME, POINTS, SPECTRA, write_file
from circles import write_circle
from pyqtgraph.Qt import QtCore, QtWidgets
from qt_helpers import save_frame

from h5saver_widget import H5SaverLowLevel
from h5saver_widget.browsing import H5BrowserUtil, opening
from h5saver_widget.qt.browser import H5Browser
from h5saver_widget.qt.browser.actions import save_file_as
from h5saver_widget.qt.browser.worker import Worker

sys.path.insert(0, str(Path(__file__).parents[1] / "browsing"))
sys.path.insert(0, str(Path(__file__).parents[1] / "faults"))
from foreign_file import write_foreign
from hostile import FLAG, MAKERS, SECRET, names_that_are_no_text, prepared

Key = QtCore.Qt.Key
CONTROL = QtCore.Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def written(tmp_path, backend) -> Path:
    return write_file(tmp_path / "file.h5", backend)


@pytest.fixture
def foreign(tmp_path) -> Path:
    return write_foreign(tmp_path / "foreign.h5")


@pytest.fixture
def answer(monkeypatch):
    """Answer the next question for a file name."""

    def give(path: Path) -> None:
        monkeypatch.setattr(QtWidgets.QFileDialog, "getSaveFileName", lambda *_, **__: (str(path), ""))

    return give


def finish(qtbot, browser: H5Browser, start) -> None:
    with qtbot.waitSignal(browser.work.ended, timeout=60_000):
        start()
    assert not browser.work.isVisible(), browser.work.label.text()


# ------------------------------------------------------------------------------------------------------- save file as
def test_save_file_as_with_the_keys(qtbot, show, written, backend, isolated, tmp_path, answer):
    browser = show(written, backend=backend, isolated=isolated)
    go_to(browser, SPECTRA)
    answer(tmp_path / "copy.h5")
    finish(qtbot, browser, lambda: qtbot.keyClick(browser, Key.Key_S, CONTROL))
    assert browser.said.text() == f"Saved as {tmp_path / 'copy.h5'}."
    assert (tmp_path / "copy.h5").read_bytes() == written.read_bytes()
    with qtbot.waitSignal(browser.work.failed, timeout=60_000):
        qtbot.keyClick(browser, Key.Key_S, CONTROL)
    assert "nothing is overwritten" in browser.work.label.text()


def test_save_file_as_while_it_is_recorded(qtbot, make, backend, tmp_path, answer):
    shown = make("detector", backend)
    shown.check("do_save")
    save_frame(shown.saver, 7)
    shown.press("show_file")
    browser = shown.saver.analysis_prog
    go_to(browser, "/")
    answer(tmp_path / "copy.h5")
    menu = browser.menu()
    finish(qtbot, browser, lambda: choose(menu, "Save file as… (Ctrl+S)"))
    save_frame(shown.saver, 8)
    with H5BrowserUtil(backend=backend) as copy:
        copy.open_file(tmp_path / "copy.h5")
        assert copy.get_node("/RawData/Frames").read().tolist() == [[7] * 4]
    browser.close()
    save_file_as(browser)
    assert "nothing to save" in browser.said.text()


# ----------------------------------------------------------------------------------------------- nothing ever changes
def test_nothing_changes_the_file(qtbot, show, written, backend, isolated, tmp_path, answer, monkeypatch):
    before = hashlib.sha256(written.read_bytes()).hexdigest(), written.stat().st_mtime_ns
    browser = show(written, backend=backend, isolated=isolated)
    plots = browser.panel.plots
    for node in ("/", CURVES, FRAME, POINTS, "/RawData/Logger", "/RawData/Scan000", SPECTRA):
        go_to(browser, node)
        for box in (plots.log, plots.region):
            if box.isVisible():
                qtbot.mouseClick(box, LEFT, pos=QtCore.QPoint(8, box.height() // 2))
                assert browser.wait(30)
    for format in ("csv", "npz", "h5", "nexus", "netcdf"):
        menu = browser.menu()
        finish(qtbot, browser, lambda menu=menu, format=format: menu.export(tmp_path / f"a.{format}", format))
    answer(tmp_path / "b.svg")
    menu = browser.menu()
    menu.exports.aboutToShow.emit()
    choose(menu.exports, "png, svg   a picture of the plot")
    answer(tmp_path / "c.h5")
    finish(qtbot, browser, lambda: save_file_as(browser))
    choose(browser.menu(), "Copy the Python lines that load it")
    browser.plot(all_channels=True, with_bkg=True)
    browser.expand_all()
    qtbot.keyClicks(browser.filter, "data")
    assert browser.wait(30)
    browser.follow.setChecked(True)
    qtbot.keyClick(browser, Key.Key_F5)
    assert browser.wait(30)
    browser.close()
    made = {path.name for path in tmp_path.iterdir()} - {"settings"}
    assert made == {"file.h5", "a.csv", "a.npz", "a.h5", "a.nexus", "a.netcdf", "b.svg", "c.h5"}
    assert (hashlib.sha256(written.read_bytes()).hexdigest(), written.stat().st_mtime_ns) == before


# ----------------------------------------------------------------------------------------------------- foreign files
def test_links_are_followed_when_somebody_wants_it(qtbot, show, foreign, isolated):
    with h5py.File(foreign.with_name("other.h5"), "w") as other:
        other["x"] = np.arange(3.0)
    browser = show(foreign, isolated=isolated)
    click(qtbot, browser, "/soft")
    assert browser.panel.facts.text() == "link to /table" and tabs(browser) == []
    qtbot.mouseClick(browser.panel.link_button, LEFT)
    assert browser.wait(30)
    assert browser.current_path() == "/table" and browser.panel.link_button.isHidden()
    table = browser.panel.values
    assert tabs(browser)[0] == "Table" and table.isVisible()
    assert [table.horizontalHeaderItem(i).text() for i in range(4)] == ["time", "name", "place", "note"]
    assert table.item(1, 0).text() == "1.5"
    click(qtbot, browser, "/outside")
    choose(browser.menu(), "Open other.h5")
    assert browser.wait(30)
    assert browser.current_file().name == "other.h5" and browser.current_path() == "/x"
    assert browser.panel.plots.signal.canvas.drawn.curves[0].values.tolist() == [0, 1, 2]
    go_to(browser, "/broken")
    assert "Broken link" in browser.panel.facts.text() and browser.panel.link_button.isHidden()


def test_a_group_shows_its_default_plot(qtbot, show, written, backend):
    browser = show(written, backend=backend)
    click(qtbot, browser, "/RawData/Scan000")
    assert tabs(browser)[0] == "Plot" and browser.panel.plots.summary.shape == CUBE.shape
    choose(browser.menu(), "Copy the Python lines that load it")
    assert "load_all('/RawData/Scan000')" in QtWidgets.QApplication.clipboard().text()


def test_every_node_of_a_foreign_file_is_shown(show, foreign, isolated):
    """Values of all sizes after each other: each view fits what it shows, and the tree keeps its place."""
    browser = show(foreign, isolated=isolated)
    browser.resize(1024, 700)
    width = browser.trees.width()
    for name in browser.model.names("/"):
        go_to(browser, f"/{name}")
        assert not browser.panel.message.isVisible(), browser.panel.message.text()
        assert not browser.panel.plots.problem.isVisible(), browser.panel.plots.problem.text()
    assert browser.trees.width() == width and browser.minimumSizeHint().width() <= 1024
    for first, second, expected in (("complex", "huge", (2**63, 2**64)), ("constant", "infinite", (1, 3))):
        go_to(browser, f"/{first}")
        go_to(browser, f"/{second}")
        bottom, top = browser.panel.plots.signal.canvas.plot.viewRange()[1]
        assert bottom <= expected[0] and expected[1] <= top <= 2 * expected[1] + 1
    for name in ("row", "column"):  # along one point there is nothing to see
        go_to(browser, f"/{name}")
        assert browser.panel.plots.signal.canvas.drawn.curves[0].values.tolist() == list(range(50))
    go_to(browser, "/colours")
    assert browser.panel.plots.signal.canvas.drawn.values.shape == (50, 80, 3)
    go_to(browser, "/number")
    assert browser.panel.facts.text().startswith("42.5")


def test_a_long_attribute_is_shown_below(qtbot, show, written, backend):
    browser = show(written, backend=backend)
    click(qtbot, browser, "/RawData")
    browser.panel.show_tab("Attributes")
    table, long = browser.panel.attributes, browser.panel.long_value
    assert not long.isVisible()
    names = [table.item(row, 0).text() for row in range(table.rowCount())]
    qtbot.mouseClick(table.viewport(), LEFT, pos=table.visualItemRect(table.item(names.index("long"), 1)).center())
    assert long.isVisible() and long.toPlainText().startswith("x" * 10_000)
    qtbot.keyClick(table, Key.Key_Home, CONTROL)
    assert not long.isVisible()


# ------------------------------------------------------------------------------------- processes, damaged and hostile
def children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


@pytest.mark.own_workers
def test_no_process_is_left(qtbot, show, written, backend, tmp_path, answer):
    before = children()
    browser = show(written, backend=backend, isolated=True)
    [reader] = children() - before
    answer(tmp_path / "c.h5")
    finish(qtbot, browser, lambda: save_file_as(browser))
    assert children() - before == {reader}
    browser.close()
    qtbot.waitUntil(lambda: children() <= before, timeout=10_000)


@pytest.mark.own_workers
def test_a_process_is_ready_before_the_file_and_has_no_other(qtbot, show, written, tmp_path):
    before = children()
    browser = show(isolated=True)
    [ready] = children() - before
    file = browser.open_file(written)
    assert browser.wait(30) and children() - before == {ready}  # no other was started
    assert file.view.h5.io.pid == ready
    browser.refresh()
    assert browser.wait(30) and file.view.h5.io.pid == ready  # nor for the same file again
    second = browser.open_file(write_file(tmp_path / "second.h5", "h5py"))
    assert browser.wait(30)
    assert children() - before == {ready, second.view.h5.io.pid} and second.view.h5.io.pid != ready
    browser.close_file(file)
    browser.close_file(second)
    qtbot.waitUntil(lambda: len(children() - before) == 1)  # for the next one
    assert ready not in children()
    browser.close()
    qtbot.waitUntil(lambda: children() <= before, timeout=10_000)


def test_a_file_of_a_saver_needs_no_process(show, tmp_path):
    before = children()
    with H5SaverLowLevel("detector") as saver:
        saver.init_file(tmp_path / "file.h5")
        browser = H5Browser(h5file=saver)
        assert browser.wait(30) and not children() - before  # one of an earlier test may end meanwhile
        browser.close()


@pytest.mark.own_workers
def test_a_reader_that_dies_is_told_and_comes_back(qtbot, show, written, backend):
    before = children()
    browser = show(written, backend=backend, isolated=True)
    [reader] = children() - before
    process = psutil.Process(reader)
    process.kill()
    process.wait()
    click(qtbot, browser, "/RawData/Logger")
    message = browser.panel.message
    assert message.isVisible() and "process that read the file has ended" in message.text() and "F5" in message.text()
    assert message.geometry().top() < 100  # where one looks
    qtbot.keyClick(browser, Key.Key_F5)
    assert browser.wait(30)
    go_to(browser, CURVES)
    assert browser.panel.plots.summary.shape == (8,)


def test_a_file_that_is_read_for_ever_is_told_and_harms_nobody(show, tmp_path, written, backend, monkeypatch):
    monkeypatch.setattr(opening, "_READING_SECONDS", 0.2)
    browser = show(write_circle(tmp_path / "circle.h5"), backend=backend, isolated=True)
    browser.select("/Group")
    assert browser.wait(30)
    assert "HDF5 came to no end" in browser.panel.message.text()
    other = browser.open_file(written)
    assert browser.wait(30)
    browser.select(CURVES, other)
    assert browser.wait(30) and browser.panel.plots.summary.shape == (8,)


def shown_texts(browser: H5Browser) -> str:
    """Return everything that is read in the panel, and the lines of the tree."""
    panel, model = browser.panel, browser.model
    found = [label.text() for label in (panel.heading, panel.facts, panel.message, browser.said)]
    for table in (panel.attributes, panel.values):
        cells = ((row, column) for row in range(table.rowCount()) for column in range(table.columnCount()))
        found += [item.text() for row, column in cells if (item := table.item(row, column)) is not None]
    found += [panel.lines.toPlainText(), panel.long_value.toPlainText()]
    index = browser.tree.currentIndex()
    return "\n".join([*found, *(str(model.data(index.siblingAtColumn(column))) for column in (0, 1))])


@pytest.mark.parametrize(
    ("name", "backend"),
    list(zip([*MAKERS, "names_that_are_no_text"], itertools.cycle(["h5py", "tables"]), strict=False)),
)
def test_a_hostile_file_does_no_harm(show, name, tmp_path, written, backend, caplog):
    """Everything in it is opened and clicked at, in a worker process: a message or a plain value, and we go on."""
    outside = tmp_path / "outside"
    prepared(outside)
    path = tmp_path / f"{name}.h5"
    {**MAKERS, name: MAKERS.get(name, names_that_are_no_text)}[name](path, outside)
    content = path.read_bytes()
    browser = show(path, backend=backend, isolated=True)
    file = browser.current_file()
    assert file.view.h5.isolated or file.problem
    browser.select("/", file)
    browser.expand_all()
    assert browser.wait(60)
    known = [
        f"{group.rstrip('/')}/{child}"
        for group in browser.model.listed_groups(file)
        for child in browser.model.names(group)
    ]
    assert known or file.problem
    for node in known[:12]:
        browser.select(node, file)
        assert browser.wait(60), node
        text = shown_texts(browser)
        assert text.strip() and "TOP-SECRET" not in text and ", ".join(map(str, SECRET[:6])) not in text, node
        assert browser.panel.report is not None or browser.panel.message.text(), node
    assert path.read_bytes() == content and not (outside / FLAG).exists()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]  # all of it could be shown
    good = browser.open_file(written)
    browser.select(CURVES, good)
    assert browser.wait(60) and browser.panel.plots.summary.shape == (8,)


def test_a_damaged_file_gives_a_message(show, tmp_path, written):
    browser = show()
    damaged = bytearray(written.read_bytes())
    damaged[2000:2600] = bytes(600)
    (tmp_path / "damaged.h5").write_bytes(damaged)
    file = browser.open_file(tmp_path / "damaged.h5")
    assert browser.wait(60)
    assert file.problem or "damaged" in file.note or browser.model.names("/", file)


def test_what_can_not_be_shown_is_told_and_ends_nothing(qtbot, caplog):
    worker, told = Worker("test"), []

    def show(_: object) -> None:
        raise OverflowError("too much for Qt")

    worker.ask(lambda: 1, show, told.append)
    worker.ask(lambda: 2, told.append)
    qtbot.waitUntil(lambda: not worker.busy)
    worker.stop()
    assert [str(what) for what in told] == ["too much for Qt", "2"] and "could not be shown" in caplog.text


PROGRAM = """
import sys, psutil
from pyqtgraph.Qt import QtCore, mkQApp
app = mkQApp()
QtCore.QSettings.setPath(QtCore.QSettings.Format.IniFormat, QtCore.QSettings.Scope.UserScope, sys.argv[1])
from h5saver_widget.qt.browser import H5Browser
browser = H5Browser()
browser.show()
print(*(child.pid for child in psutil.Process().children()), flush=True)
if sys.argv[2] == "is killed":
    input()
"""


@pytest.mark.parametrize("end", ["ends", "is killed"])
def test_what_was_prepared_ends_with_the_program(qtbot, tmp_path, end):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), end]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        [ready] = map(int, program.stdout.readline().split())
        if end == "is killed":
            program.kill()
        program.wait(60)
    qtbot.waitUntil(lambda: not psutil.pid_exists(ready), timeout=30_000)
