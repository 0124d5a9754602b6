"""A saver on screen for each backend, its statuses, and the fingers to click it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from pyqtgraph.Qt import QtCore, QtWidgets
from qt_helpers import settle
from views_shared import CURVES, X

from h5saver_widget import Axis, DataRaw, DataSaverLoader, H5SaverLowLevel
from h5saver_widget.qt.h5saver import H5Saver
from h5saver_widget.qt.status import ThreadCommand

LEFT = QtCore.Qt.MouseButton.LeftButton


class Shown:
    """A saver, its tree, everything it has said, and clicks on it."""

    def __init__(self, saver: H5Saver, qtbot) -> None:
        self.saver = saver
        self.qtbot = qtbot
        self.said: list[ThreadCommand] = []
        saver.status_sig.connect(self.said.append)
        self.widget = saver.settings_tree
        qtbot.addWidget(self.widget)
        self.widget.resize(320, 800)
        with qtbot.waitExposed(self.widget):
            self.widget.show()
        self.tree = saver.tree
        for head in self.tree.sections.values():
            head.setExpanded(True)

    def commands(self, *names: str) -> list[str]:
        return [status.command for status in self.said if not names or status.command in names]

    def last(self, command: str) -> ThreadCommand:
        return [status for status in self.said if status.command == command][-1]

    def editor(self, *path: str) -> QtWidgets.QWidget:
        return self.tree.row_of(*path).widget

    def check(self, *path: str) -> None:
        """Click on a check box, and wait for what that begins."""
        self.qtbot.mouseClick(self.editor(*path), LEFT)
        settle(self.saver)

    def press(self, name: str) -> None:
        """Click on a button, and wait for what that begins."""
        self.qtbot.mouseClick(self.tree.button_of(name), LEFT)
        settle(self.saver)

    def choose(self, text: str, *path: str) -> None:
        """Choose an entry of a list with the arrow keys."""
        combo = self.editor(*path)
        steps = combo.findText(text) - combo.currentIndex()
        key = QtCore.Qt.Key.Key_Down if steps > 0 else QtCore.Qt.Key.Key_Up
        for _ in range(abs(steps)):
            self.qtbot.keyClick(combo, key)
        assert combo.currentText() == text
        settle(self.saver)

    def type_into(self, line: QtWidgets.QLineEdit, text: str) -> None:
        line.selectAll()
        self.qtbot.keyClicks(line, text)
        self.qtbot.keyClick(line, QtCore.Qt.Key.Key_Return)


@pytest.fixture(params=["h5py", "tables"])
def backend(request) -> str:
    return request.param


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Return a folder two levels below what exists."""
    return tmp_path / "laser lab" / "Data"


@pytest.fixture
def make(qtbot, base: Path, in_kept_process) -> Iterator[Callable[..., Shown]]:
    """Make savers that are closed at the end."""
    made: list[H5Saver] = []

    def make_one(save_type: str = "detector", backend: str = "h5py") -> Shown:
        saver = H5Saver(save_type, backend)
        in_kept_process(saver)
        saver.settings["base_path"] = str(base)
        made.append(saver)
        return Shown(saver, qtbot)

    yield make_one
    for saver in made:
        if saver.analysis_prog is not None:
            saver.analysis_prog.close()
        saver.close_file()


@pytest.fixture
def shown(make, backend: str) -> Shown:
    return make("detector", backend)


@pytest.fixture(autouse=True)
def no_dialogs(monkeypatch) -> None:
    """Refuse dialogs: nobody answers them, they would hang the tests. A test that expects one answers it."""

    def refuse(*args, **kwargs):
        raise AssertionError(f"a dialog was opened: {args}")

    monkeypatch.setattr(QtWidgets.QMessageBox, "question", refuse)
    for name in ("getOpenFileName", "getSaveFileName", "getExistingDirectory"):
        monkeypatch.setattr(QtWidgets.QFileDialog, name, refuse)


@pytest.fixture
def own_settings(tmp_path: Path) -> None:
    """Keep what this user has opened lately out of it."""
    QtCore.QSettings.setPath(
        QtCore.QSettings.Format.IniFormat, QtCore.QSettings.Scope.UserScope, str(tmp_path / "settings")
    )


@pytest.fixture
def show(qtbot, own_settings):
    """Make browsers that are closed at the end."""
    from h5saver_widget.qt.browser import H5Browser

    made: list[H5Browser] = []

    def make(h5file=None, isolated=False, **options) -> H5Browser:
        browser = H5Browser(h5file=h5file, isolated=isolated, **options)
        qtbot.addWidget(browser)
        made.append(browser)
        with qtbot.waitExposed(browser):
            browser.show()
        assert browser.wait(30)
        return browser

    yield make
    for browser in made:
        browser.close()


@pytest.fixture(scope="module")
def curves_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("views") / "curves.h5"
    with H5SaverLowLevel("detector", "h5py") as saver:
        saver.init_file(path)
        data = DataSaverLoader(saver)
        for name, values in CURVES.items():
            where = saver.add_det_group("/RawData", name)
            data.add_data(where, DataRaw(name, data=[values], units="V", axes=[Axis("x", "mm", X, 0)]))
        where = saver.add_det_group("/RawData", "in mA")
        data.add_data(where, DataRaw("current", data=[X], units="mA", axes=[Axis("x", "mm", X, 0)]))
        where = saver.add_det_group("/RawData", "scan")
        stack = np.outer(10.0 ** np.arange(5), np.ones(21)) * X
        axes = [Axis("step", "", np.arange(5.0), 0), Axis("x", "mm", X, 1)]
        data.add_data(where, DataRaw("scan", data=[stack], units="V", axes=axes, nav_indexes=(0,)))
    return path
