"""Files that grow while they are looked at: through the saver, and written by another program."""

from __future__ import annotations

import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from pyqtgraph.Qt import QtCore
from qt_helpers import save_frame

from h5saver_widget import DataRaw, DataToExport, DetectorTimeSaver, H5SaverLowLevel
from h5saver_widget.qt.browser import H5Browser
from h5saver_widget.qt.browser.follower import FOLLOW_MS

WRITER = """
import sys, numpy as np
from h5saver_widget import H5SaverLowLevel
with H5SaverLowLevel('scan', 'h5py') as saver:
    saver.init_file(sys.argv[1], swmr=True)
    rows = saver.create_earray('/RawData', 'Rows', np.float64, (2,))
    saver.enable_swmr()
    for count in iter(input, ''):
        rows.append(np.full((int(count), 2), 1.0))
        saver.flush()
        print('written', flush=True)
"""


@pytest.fixture
def show(qtbot):
    made: list[H5Browser] = []

    def make(h5file=None, **options) -> H5Browser:
        browser = H5Browser(h5file=h5file, **options)
        qtbot.addWidget(browser)
        made.append(browser)
        browser.show()
        assert browser.wait(30)
        return browser

    yield make
    for browser in made:
        browser.close()


def facts(browser: H5Browser) -> str:
    return browser.panel.facts.text()


def test_refresh_keeps_what_was_open_and_selected(qtbot, saver, show):
    saver.create_group("/RawData", "Run")
    browser = show(saver)
    browser.select("/RawData/Run")
    assert browser.wait(30)
    saver.create_group("/RawData", "Another")
    saver.remove_node("/RawData/Logger")
    qtbot.keyClick(browser, QtCore.Qt.Key.Key_F5)
    assert browser.wait(30)
    assert browser.model.names("/RawData") == ["Another", "Run"]
    assert browser.current_path() == "/RawData/Run"
    assert browser.tree.isExpanded(browser.model.index_of("/RawData"))


def test_follow_through_the_saver(qtbot, make, show, backend):
    shown = make("detector", backend)
    shown.check("do_save")
    save_frame(shown.saver, 1)
    shown.press("show_file")
    browser = shown.saver.analysis_prog
    browser.select("/RawData/Frames")
    assert browser.wait(30)
    assert facts(browser).startswith("1 × 4")
    qtbot.mouseClick(browser.follow, QtCore.Qt.MouseButton.LeftButton, pos=QtCore.QPoint(8, 8))
    assert browser.follow.isChecked()
    save_frame(shown.saver, 2)
    shown.saver.create_group("/RawData", "Fresh")
    qtbot.waitUntil(lambda: facts(browser).startswith("2 × 4"), timeout=30 * FOLLOW_MS)
    assert "Fresh" in browser.model.names("/RawData")
    qtbot.waitUntil(lambda: browser.panel.plots.summary.shape == (2, 4))
    shown.check("do_save")  # another file
    shown.check("do_save")
    qtbot.waitUntil(lambda: browser.model.names("/RawData") == ["Logger"], timeout=30 * FOLLOW_MS)
    assert browser.path_label.text() == str(shown.saver.file_path)


def test_a_stopped_recording_goes_on_being_shown(qtbot, make, show, backend):
    """The moment at which people look: same file, same node, same view; the next file only if *Follow* says so."""
    shown = make("detector", backend)
    shown.check("do_save")
    save_frame(shown.saver, 1)
    save_frame(shown.saver, 2)
    shown.press("show_file")
    browser = shown.saver.analysis_prog
    browser.select("/RawData/Frames")
    assert browser.wait(30)
    first, canvas, plots = shown.saver.file_path, browser.panel.plots.signal.canvas, browser.panel.plots
    canvas.plot.vb.setRange(xRange=(1, 2), yRange=(0, 1), padding=0)
    canvas.plot.vb.sigRangeChangedManually.emit([True, True])  # as the mouse does
    told = []
    plots.drawn.connect(lambda: told.append(plots.summary.shape))
    shown.check("do_save")
    qtbot.waitUntil(lambda: bool(told), timeout=30 * FOLLOW_MS)
    for again in (False, True):
        if again:
            shown.check("do_save")  # another file
            qtbot.waitUntil(lambda: "is being recorded now" in browser.said.text(), timeout=30 * FOLLOW_MS)
            qtbot.keyClick(browser, QtCore.Qt.Key.Key_F5)
        assert browser.wait(30)
        assert browser.current_path() == "/RawData/Frames" and facts(browser).startswith("2 × 4")
        assert browser.panel.message.isHidden() and browser.path_label.text() == str(first)
        # a picture has square pixels: more than the wanted range is seen where the plot is higher than wide
        assert canvas.plot.vb.targetRange() == [[1, 2], [0, 1]]
        np.testing.assert_allclose(canvas.plot.viewRange()[0], (1, 2))
    browser.follow.setChecked(True)
    qtbot.waitUntil(lambda: browser.path_label.text() == str(shown.saver.file_path), timeout=30 * FOLLOW_MS)
    assert shown.saver.file_path != first
    shown.check("do_save")
    qtbot.waitUntil(lambda: not shown.saver.isopen(), timeout=30 * FOLLOW_MS)
    assert browser.wait(30)
    assert browser.panel.message.isHidden() and browser.current_file().problem == ""


def test_follow_a_file_that_another_program_writes(qtbot, show, tmp_path):
    path = tmp_path / "stream.h5"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def write(count: int) -> None:
        writer.stdin.write(f"{count}\n")
        writer.stdin.flush()
        assert writer.stdout.readline() == "written\n"

    write(3)
    browser = show(path)
    browser.select("/RawData/Rows")
    assert browser.wait(30)
    assert facts(browser).startswith("3 × 2") and "SWMR" in browser.said.text()
    browser.follow.setChecked(True)
    write(4)
    qtbot.waitUntil(lambda: facts(browser).startswith("7 × 2"), timeout=30 * FOLLOW_MS)
    writer.communicate("\n", timeout=60)
    assert writer.returncode == 0
    qtbot.waitUntil(lambda: not browser.said.text(), timeout=30 * FOLLOW_MS)  # nobody writes it any more


def test_a_look_that_takes_longer_than_a_second_is_waited_for(qtbot, show, tmp_path, monkeypatch):
    from h5saver_widget import H5SaverLowLevel

    path = tmp_path / "a.h5"
    with H5SaverLowLevel(backend="h5py") as saver:
        saver.init_file(path)
    browser = show(path, backend="h5py")
    with H5SaverLowLevel(backend="h5py") as saver:
        saver.init_file(path)
        saver.create_group("/RawData", "More")
    view, begun, go_on = browser.current_file().view, threading.Event(), threading.Event()
    real = view.look_again

    def slow(*words, **options):
        found = real(*words, **options)
        begun.set()
        assert go_on.wait(60)
        return found

    monkeypatch.setattr(view, "look_again", slow)
    browser.follower.look()
    assert begun.wait(60)
    browser.follower.look()
    browser.follower.look()
    go_on.set()
    assert browser.wait(30)
    assert browser.model.names("/RawData") == ["Logger", "More"]


def test_a_file_is_free_when_its_window_is_closed(show, tmp_path, backend):
    from h5saver_widget import H5SaverLowLevel

    path = tmp_path / "a.h5"
    with H5SaverLowLevel(backend=backend) as saver:
        saver.init_file(path)
        saver.create_carray("/RawData", "Frame", np.zeros((3, 4)))
    browser = show(path, backend=backend)
    browser.select("/RawData/Frame")
    browser.close()
    with H5SaverLowLevel(backend=backend) as saver:
        saver.init_file(path)
        saver.create_group("/RawData", "More")


def test_who_watches_the_newest_frame_goes_on_watching_it(show, tmp_path):
    with H5SaverLowLevel("detector") as saver:
        saver.init_file(tmp_path / "frames.h5")
        grow = DetectorTimeSaver(SimpleNamespace(title="Camera", settings=None, ui=None))
        grow.h5saver = saver

        def add(count: int) -> None:
            for _ in range(count):
                frame = DataRaw("F", data=[np.ones((4, 6))])
                grow.add_data(grow.get_set_node(), DataToExport("grab", data=[frame]))

        add(3)
        browser = show(saver)
        browser.select("/RawData/Detector000/Data2D/CH00/EnlData00")
        assert browser.wait(30)
        for chosen, shown, count in ((2, 6, 7), (1, 1, 11)):
            browser.panel.plots.dimensions.rows[0].box.setValue(chosen)
            add(4)
            browser.refresh()
            assert browser.wait(30)
            assert browser.panel.plots.summary.shape == (count, 4, 6)
            assert browser.panel.plots.dimensions.rows[0].box.value() == shown
