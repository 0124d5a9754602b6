"""What a person looks for in the first hours, with keys and clicks: folders, presets, markers, units, repair."""

from __future__ import annotations

import itertools
import socket

import h5py
import numpy as np
import pytest
from browser_window import go_to
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets
from recording_helpers import log_of, settle

from h5saver_widget import Recorder
from h5saver_widget.backends.registry import server_backend
from h5saver_widget.qt.alarm import ALARM
from h5saver_widget.qt.settings_menu import SettingsMenu

LEFT, RIGHT = QtCore.Qt.MouseButton.LeftButton, QtCore.Qt.MouseButton.RightButton
CONTROL, KEY = QtCore.Qt.KeyboardModifier.ControlModifier, QtCore.Qt.Key


@pytest.fixture
def one(make, own_settings):
    return make("detector", "h5py")


def menu_at(shown, *path) -> SettingsMenu:
    """Right-click on the row of a setting, and return the menu."""
    tree = shown.tree
    item = tree.row_of(*path)
    tree.scrollToItem(item)
    place = tree.visualItemRect(item).center()
    event = QtGui.QContextMenuEvent(QtGui.QContextMenuEvent.Reason.Mouse, place, tree.viewport().mapToGlobal(place))
    QtWidgets.QApplication.sendEvent(tree.viewport(), event)
    (menu,) = (menu for menu in tree.findChildren(SettingsMenu) if menu.isVisible())
    return menu


def trigger(menu: QtWidgets.QMenu, text: str) -> None:
    """Choose from a menu as the mouse does, and close it."""
    (action,) = (action for action in menu.actions() if action.text() == text)
    assert action.isEnabled(), text
    action.trigger()
    menu.close()


def test_a_base_path_that_can_not_be_used_is_red_while_it_is_typed(qtbot, one, tmp_path):
    (tmp_path / "file").write_text("in the way")
    line = one.editor("base_path").line
    before = one.saver.settings["base_path"]

    def is_red() -> bool:
        return line.palette().color(QtGui.QPalette.ColorRole.Text).name() == ALARM or ALARM in line.styleSheet()

    line.setFocus()
    line.selectAll()
    qtbot.keyClicks(line, str(tmp_path / "file" / "below"))
    qtbot.waitUntil(is_red)
    assert "is a file, no folder" in one.tree._reason.text() and one.saver.settings["base_path"] == before
    for _ in range(len("/file/below")):
        qtbot.keyClick(line, KEY.Key_Backspace)
    qtbot.waitUntil(lambda: not is_red() and not one.tree._reason.text())


def test_the_folders_that_were_used_last_are_offered(qtbot, one, tmp_path, base):
    folder = one.editor("base_path")
    folder.menu.aboutToShow.emit()
    assert [action.text() for action in folder.menu.actions()] == ["No folder was used yet"]
    for used in (base, tmp_path / "other"):
        one.type_into(folder.line, str(used))
    folder.menu.aboutToShow.emit()
    assert [action.text() for action in folder.menu.actions()] == [str(tmp_path / "other"), str(base)]
    folder.menu.actions()[1].trigger()
    assert one.saver.settings["base_path"] == str(base)


def test_one_setting_is_reset_and_presets_are_kept_taken_and_forgotten(qtbot, one, monkeypatch):
    settings = one.saver.settings
    one.type_into(one.editor("base_name"), "Laser")
    settings["recording", "roll_over_frames"] = 7
    monkeypatch.setattr(QtWidgets.QInputDialog, "getText", lambda *_: ("Fast runs", True))
    trigger(menu_at(one, "base_name"), "Save these settings as a preset…")
    trigger(menu_at(one, "base_name"), "Reset 'Base name'")
    assert settings["base_name"] == "Data" and settings["recording", "roll_over_frames"] == 7
    menu = menu_at(one, "base_name")
    (reset,) = (action for action in menu.actions() if action.text().startswith("Reset"))
    assert not reset.isEnabled()
    settings["recording", "roll_over_frames"] = 0
    trigger(menu, "Fast runs")
    assert settings["base_name"] == "Laser" and settings["recording", "roll_over_frames"] == 7
    menu = menu_at(one, "base_name")
    (forget,) = (action.menu() for action in menu.actions() if action.menu() is not None)
    trigger(forget, "Fast runs")
    menu.close()
    assert "Fast runs" not in [action.text() for action in menu_at(one, "base_name").actions()]


def test_a_right_click_into_a_line_resets_it_too(qtbot, one):
    line = one.editor("base_name")
    one.type_into(line, "Laser")
    at = line.rect().center()
    event = QtGui.QContextMenuEvent(QtGui.QContextMenuEvent.Reason.Mouse, at, line.mapToGlobal(at))
    QtWidgets.QApplication.sendEvent(line, event)
    menu = QtWidgets.QApplication.activePopupWidget()
    texts = [action.text().partition("\t")[0].replace("&", "") for action in menu.actions()]
    assert texts[0] == "Reset 'Base name'" and "Paste" in texts
    qtbot.keyClick(menu, QtCore.Qt.Key.Key_Down)
    qtbot.keyClick(menu, QtCore.Qt.Key.Key_Return)
    assert one.saver.settings["base_name"] == "Data" == line.text()


def test_the_key_sets_a_marker_that_plots_along_time_show(qtbot, one, show):
    saver = one.saver
    one.check("do_save")
    for number in range(3):
        saver.record("meter", float(number), units="V")
        if number == 1:
            qtbot.keyClick(one.widget, KEY.Key_M, CONTROL)
    settle(saver)
    path = saver.file_path
    one.check("do_save")
    assert sum(line.endswith(" marker") for line in log_of(path)) == 1
    browser = show(path)
    go_to(browser, "/RawData/Detector000/Data0D/CH00/EnlData00")
    qtbot.waitUntil(lambda: len(browser.panel.plots._markers) == 1)


def test_an_error_of_the_system_has_words_and_no_number(one):
    one.check("do_save")
    one.saver.frame_lost("camera", OSError(28, "No space left on device", "/data/a.h5"))
    assert one.last("error").message == "A frame was not saved. camera: /data/a.h5: No space left on device"
    assert not any("Errno" in text for text in one.saver.status().remarks)


@pytest.mark.parametrize(
    ("path", "unit"), [(("recording", "stop_after_frames"), "frame"), (("recording", "roll_over_time"), "min")]
)
def test_one_of_a_unit_is_no_plural(qtbot, one, path, unit):
    box = one.editor(*path)
    for typed, value, text in (("1", 1, f"1 {unit}"), (f"1 {unit}", 1, f"1 {unit}"), ("3", 3, None), ("0", 0, None)):
        one.type_into(box.lineEdit(), typed)
        plural = f"{value} {unit}{'s' if unit == 'frame' else ''}"
        assert one.saver.settings[path] == value and box.text() == (text or plural)
    one.type_into(box.lineEdit(), "2 frames" if unit == "frame" else "2 min")
    assert one.saver.settings[path] == 2


def test_a_connection_that_fails_breaks_no_line(qtbot, one):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        one.saver.settings["backend", "backend_type"] = server_backend()
        assert not one.commands("error"), "nothing is wrong before a file is to be copied there"
        one.saver.settings["backend", "hsds_options", "endpoint"] = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        one.press("test")
        answer = one.tree.row_of("backend", "hsds_options", "connection")
        qtbot.waitUntil(
            lambda: "no answer from" in one.saver.settings["backend", "hsds_options", "connection"], timeout=60_000
        )
    one.tree.scrollToItem(answer)
    tree, label = one.tree, answer.widget
    QtWidgets.QApplication.processEvents()
    print(
        "LABEL",
        label,
        label.size(),
        label.heightForWidth(label.width()),
        label.fontMetrics().height(),
        label.text(),
        answer.sizeHint(0),
    )
    needed = label.fontMetrics().height() * 2
    qtbot.waitUntil(lambda: not one.widget.grab().isNull() and label.height() >= label.heightForWidth(label.width()))
    assert label.heightForWidth(label.width()) > needed
    shown = [tree.visualItemRect(item) for item in tree.listAllItems() if tree.visualItemRect(item).isValid()]
    shown.sort(key=lambda rect: rect.top())
    assert all(above.bottom() < below.top() for above, below in itertools.pairwise(shown))


def test_a_damaged_file_is_repaired_by_a_button_and_the_copy_is_shown(qtbot, show, tmp_path):
    path = tmp_path / "run.h5"
    with Recorder(path) as recorder:
        for number in range(50):
            recorder.record("camera", np.full((20, 20), number))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 9 // 10])
    browser = show(path)
    qtbot.waitUntil(browser.panel.repair_button.isVisible)
    with qtbot.waitSignal(browser.work.ended, timeout=60_000):
        qtbot.mouseClick(browser.panel.repair_button, LEFT)
    assert browser.wait(30) and "The repaired copy is" in browser.said.text()
    copy = browser.current_file().path
    assert copy != path and path.read_bytes() == whole[: len(whole) * 9 // 10]
    assert not browser.current_file().problem and h5py.is_hdf5(copy)


def test_a_link_to_nothing_says_so(qtbot, show, tmp_path):
    with h5py.File(tmp_path / "links.h5", "w") as file:
        file["there"], file["good"] = np.arange(3), h5py.SoftLink("/there")
        file["gone"] = h5py.SoftLink("/nowhere")
    browser = show(tmp_path / "links.h5")
    go_to(browser, "/gone")
    assert "Broken link to /nowhere" in browser.panel.facts.text()
    go_to(browser, "/good")
    assert "Broken" not in browser.panel.facts.text()
