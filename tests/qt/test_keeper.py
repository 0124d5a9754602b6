"""What nobody holds any more is taken apart in the GUI thread, also when another thread finds it."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from pyqtgraph.Qt import QtCore, QtWidgets
from qt_helpers import save_frame
from recording_helpers import settle, stop, wait_until

from h5saver_widget.demo import DemoWindow, ScanExtension, SimulatedCamera, ViewerPanel
from h5saver_widget.qt.browser import H5Browser
from h5saver_widget.qt.chrono_timer import ChronoTimer
from h5saver_widget.qt.h5saver import H5Saver
from h5saver_widget.qt.keeper import Keeper
from h5saver_widget.qt.status_strip import StatusStrip


@pytest.fixture(autouse=True)
def nothing_else_is_collected() -> Iterator[None]:
    """Let the other thread find what a test here leaves; to look through what is there before takes a second."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def collect_elsewhere() -> None:
    """Delete in another thread what nobody holds, as happens to a thread that needs memory."""
    thread = threading.Thread(target=gc.collect)
    thread.start()
    thread.join()


class Ends(QtCore.QObject):
    """Notes in which thread something is deleted."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[int] = []

    @QtCore.Slot()
    def note(self) -> None:
        self.threads.append(threading.get_ident())


class Pair(QtCore.QObject):
    """Refers to itself, as everything does that has rows and slots."""

    def __init__(self, ends: Ends) -> None:
        super().__init__()
        self._keeper = Keeper(self)
        self.me = self
        self.destroyed.connect(ends.note, QtCore.Qt.ConnectionType.DirectConnection)


def test_another_thread_leaves_it_to_the_thread_of_the_windows(qtbot):
    ends = Ends()
    Pair(ends)
    collect_elsewhere()
    qtbot.waitUntil(lambda: bool(ends.threads))
    assert ends.threads == [threading.get_ident()]


def saver(folder: Path) -> H5Saver:
    made = H5Saver("detector", "h5py")
    made.settings["base_path"] = str(folder)
    made.settings_tree.show()
    for head in made.tree.sections.values():
        head.setExpanded(True)
    made.settings["do_save"] = True
    save_frame(made)
    stop(made)
    return made


def saver_of_a_deleted_view(folder: Path) -> H5Saver:
    made = saver(folder)
    made.settings_tree.deleteLater()
    return made


def viewer(folder: Path) -> ViewerPanel:
    made = ViewerPanel(SimulatedCamera(seed=1))
    made.h5saver.settings["base_path"] = str(folder)
    made.show()
    made.grab_frames()
    return made


def demo(folder: Path) -> DemoWindow:
    made = DemoWindow(out=folder)
    made.show()
    made.grab_all()
    made.record()
    settle(made.h5saver)
    return made


def browser(folder: Path) -> H5Browser:
    known = saver(folder)
    made = H5Browser(h5file=known.settings["current_h5_file"], isolated=False)
    made.show()
    assert made.wait(30)
    for path in ("/RawData/Frames", "/RawData"):
        made.select(path)
        assert made.wait(30)
    menu = made.menu()
    assert menu is not None
    menu.popup(QtCore.QPoint())
    menu.close()
    return made


def scan(folder: Path) -> ScanExtension:
    made = ScanExtension()
    made.h5saver.settings["base_path"] = str(folder)
    made.set_axis(0, 0.0, 0.1, 3)
    made.show()
    assert made.start()
    wait_until(lambda: not made.running)
    made.finish()
    return made


def strip(folder: Path) -> StatusStrip:
    made = StatusStrip()
    made.watch(saver(folder))
    made.show()
    return made


def chronometer(folder: Path) -> ChronoTimer:
    made = ChronoTimer()
    made.show()
    return made


# A plot that is painted just while another thread collects it no longer finds its view, which pyqtgraph knows by a weak
# reference alone: it says so, and goes on.
@pytest.mark.filterwarnings("ignore:(?s)Ignored exception.+_maskAt")
@pytest.mark.parametrize("make", [saver, saver_of_a_deleted_view, viewer, scan, demo, browser, strip, chronometer])
def test_forgotten_while_it_is_busy(qtbot, qtlog, own_settings, tmp_path, make):
    made = weakref.ref(make(tmp_path))
    records = make is demo  # nobody closes its file: the saver does, and warns
    warned = pytest.warns(ResourceWarning, match="was still open when its saver was forgotten")
    with warned if records else nullcontext():
        QtWidgets.QApplication.processEvents()
        QtWidgets.QApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)
        collect_elsewhere()
        QtWidgets.QApplication.processEvents()
        wait_until(lambda: collect_elsewhere() or made() is None)  # a thread may still save a frame of it
    assert "thread" not in "".join(record.message for record in qtlog.records)
