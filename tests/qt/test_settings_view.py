"""The tree on screen: everything is there, explained, reachable, and nothing is cut off at 300 pixels."""

from __future__ import annotations

import re
import threading
from datetime import datetime, timedelta

import pytest
from pyqtgraph.parametertree import Parameter, ParameterTree
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets
from pyqtgraph.widgets.TreeWidget import InvisibleRootItem
from qt_events import turn_wheel

from h5saver_widget.qt.alarm import ALARM
from h5saver_widget.qt.browser.settings_panel import SettingsPanel
from h5saver_widget.qt.editors import ElidedEdit
from h5saver_widget.qt.parameters import saver_params
from h5saver_widget.qt.settings_view import SettingsTree
from h5saver_widget.recording.notes import Note

#: The paths of ../shared/contract/embedding.md, in order, with the entries that the documentation has besides.
PATHS = [
    "save_type save_2D save_raw_only do_save N_saved custom_name close_after_scan base_path base_name",
    "current_scan_name current_scan_path current_h5_file show_file new_file browse",
    "backend backend/backend_type backend/isolated backend/mirror backend/power_safe backend/hsds_options",
    "backend/hsds_options/local_first backend/hsds_options/endpoint backend/hsds_options/user",
    "backend/hsds_options/password backend/hsds_options/api_key backend/hsds_options/certificate",
    "backend/hsds_options/domain backend/hsds_options/test backend/hsds_options/connection",
    "backend/swmr_options backend/swmr_options/enable_swmr",
    "backend/swmr_options/flush_interval data_format data_format/fill_value data_format/dynamic",
    "data_format/convert_units data_format/nexus data_format/nexus_entry",
    "data_format/compression_options data_format/compression_options/h5comp_library",
    "data_format/compression_options/h5comp_level",
    "recording recording/pause recording/stop recording/marker recording/open_folder recording/presets",
    "recording/name_template recording/dated_folders",
    "recording/roll_over_size recording/roll_over_time recording/roll_over_frames",
    "recording/stop_after_time recording/stop_after_frames recording/reserve recording/sources recording/notes",
    "recording/template",
    "recording/alarm_command",
    "recording/try_alarm",
    "recording/seal",
    "recording/copy_to",
    "recording/copy_rate",
    "recording/free_at",
    "recording/save_before recording/keep_before recording/keep_before_memory recording/trigger",
]
HIDDEN = {"N_saved", "custom_name", "current_scan_path", "hsds_options", "save_before"}


def walk(param: Parameter):
    for child in param:
        yield child
        yield from walk(child)


def shows(tree: SettingsTree, param: Parameter) -> bool:
    if param.type() == "action":
        return tree.button_of(param.name()).isVisible()
    row = tree.row_of(*tree._settings.childPath(param))
    while row is not None and not row.isHidden():
        row = row.parent()
    return row is None


def test_paths_are_those_that_hosts_know(make):
    settings = make().saver.settings
    assert ["/".join(settings.childPath(param)) for param in walk(settings)] == " ".join(PATHS).split()


def test_every_entry_is_on_screen_with_a_tooltip_in_words(make):
    shown = make()
    settings = shown.saver.settings
    for param in walk(settings):
        if param.name() in ("backend", "data_format", "recording"):
            continue  # their children stand in sections of the view
        there = param.name() != "nexus" or hasattr(shown.saver, "nexus")
        hidden = HIDDEN & set(settings.childPath(param))
        assert shows(shown.tree, param) == (there and not hidden), param.name()
        tip = param.opts["tip"]
        assert len(tip) > 15 and tip.endswith("."), param.name()
        assert not re.search(r"earray|addhoc|update_h5|vlarray|\w_\w|QWidget", tip, re.IGNORECASE), tip


def test_sections_stand_in_the_order_of_use(make, qtbot):
    shown = make()
    tree = shown.tree
    titles = [tree.topLevelItem(i).text(0) for i in range(tree.topLevelItemCount())]
    assert titles == [
        "Saving",
        "Location",
        "Notes",
        "Data",
        "Limits",
        "Before the start",
        "Alarms",
        "When closed",
        "File format",
    ]
    fresh = SettingsTree(shown.saver.settings, shown.saver.next_file_finder)
    qtbot.addWidget(fresh)
    assert [head.isExpanded() for head in fresh.sections.values()] == [True, True] + [False] * 7


def test_a_click_on_a_heading_folds_it(make, qtbot):
    tree = make().tree
    head = tree.sections["Data"]
    tree.scrollToItem(head)
    centre = tree.visualItemRect(head).center()
    qtbot.mouseClick(tree.viewport(), QtCore.Qt.MouseButton.LeftButton, pos=centre)
    assert not head.isExpanded()


def test_hosts_hide_show_and_rename(make):
    shown = make()
    settings = shown.saver.settings
    settings.child("do_save").hide()
    settings.child("new_file").hide()
    settings.child("custom_name").show()
    assert shown.tree.row_of("do_save").isHidden()
    assert not shown.tree.button_of("new_file").isVisible()
    assert not shown.tree.row_of("custom_name").isHidden()
    settings.child("do_save").show()
    settings.child("do_save").setOpts(title="Record", enabled=False)
    box = shown.editor("do_save")
    assert box.isVisible() and box.text() == "Record" and not box.isEnabled()


def test_what_a_host_adds_is_shown_too(make, qtbot):
    settings = make().saver.settings
    settings.addChild({"name": "operator", "type": "str", "value": "Ada"})
    tree = SettingsTree(settings, lambda folder: str)
    qtbot.addWidget(tree)
    assert tree.row_of("operator").widget.text() == "Ada"


@pytest.mark.parametrize("point_size", [8, 12])
def test_nothing_is_cut_off_at_300_pixels(make, qtbot, point_size, tmp_path):
    font = QtWidgets.QApplication.font()
    larger = QtGui.QFont(font)
    larger.setPointSize(point_size)
    QtWidgets.QApplication.setFont(larger)
    try:
        shown = make()
        shown.saver.settings["base_path"] = str(tmp_path / "a long name of a folder" / "and another one in it")
        shown.check("do_save")
        shown.widget.resize(300, 900)
        assert shown.widget.width() == 300
        tree, metrics = shown.tree, QtGui.QFontMetrics(larger)
        tree.doItemsLayout()
        assert tree.horizontalScrollBar().maximum() == 0
        for widget in tree.viewport().findChildren(QtWidgets.QWidget):
            if widget.isVisible():
                right = widget.mapTo(tree.viewport(), QtCore.QPoint(widget.width(), 0)).x()
                assert right <= tree.viewport().width(), widget
                if isinstance(widget, (QtWidgets.QCheckBox, QtWidgets.QPushButton, QtWidgets.QSpinBox)):
                    assert widget.width() >= widget.minimumSizeHint().width()
                if isinstance(widget, (QtWidgets.QLineEdit, QtWidgets.QComboBox, QtWidgets.QCheckBox)):
                    assert widget.height() >= metrics.height(), widget
        for item in tree.parameter_items():
            if not item.isHidden() and item.text(0) and item.sizeHint(1).isValid():
                rect = tree.visualItemRect(item)
                needed = rect.left() + tree.fontMetrics().horizontalAdvance(item.text(0))
                assert needed <= tree.columnWidth(0), item.text(0)
    finally:
        QtWidgets.QApplication.setFont(font)


def test_a_long_path_is_elided_and_whole_in_the_tooltip(make, base):
    shown = make()
    shown.check("do_save")
    shown.widget.resize(300, 800)
    line = shown.editor("current_h5_file")
    assert isinstance(line, ElidedEdit) and line.is_elided() and line.isReadOnly()
    assert line.toolTip().startswith(str(shown.saver.file_path))
    assert line.text() == str(shown.saver.file_path), "the whole path can be copied"
    assert not line.grab().isNull()


def test_the_next_file_is_shown_or_why_there_is_none(make, qtbot):
    shown = make()
    qtbot.waitUntil(lambda: bool(re.fullmatch(r"Data_\d{8}_\d\d_\d\d_\d\d\.h5", shown.tree.next_line.text())))
    shown.type_into(shown.editor("base_name"), "Laser")
    qtbot.waitUntil(lambda: shown.tree.next_line.text().startswith("Laser_"))
    shown.type_into(shown.editor("base_name"), "a/b")
    qtbot.waitUntil(lambda: shown.tree.next_line.text() == "not possible")
    scans = make("scan")
    qtbot.waitUntil(lambda: scans.tree.next_line.text().endswith("_000.h5"))
    scans.press("new_file")
    qtbot.waitUntil(lambda: scans.tree.next_line.text().endswith("_001.h5"))


def test_a_name_pattern_is_previewed_while_it_is_typed_and_red_while_it_is_wrong(make, qtbot):
    shown = make()
    shown.saver.notes = (Note("Sample", "Si"),)
    line = shown.editor("recording", "name_template")
    line.setFocus()
    qtbot.keyClicks(line, "{sample}/{base} {count")
    qtbot.waitUntil(lambda: shown.tree.next_line.text() == "not possible")
    text = line.palette().color(QtGui.QPalette.ColorRole.Text)
    assert text == QtGui.QColor(ALARM) and "'{' without its partner" in shown.tree._reason.text()
    assert not shown.tree._reason_item.isHidden()
    shown.check("do_save")
    assert not shown.saver.isopen() and "'{' without its partner" in shown.last("error").message
    qtbot.keyClicks(line, "er}")
    qtbot.waitUntil(lambda: shown.tree.next_line.text() == "Si/Data 000.h5")
    assert line.palette().color(QtGui.QPalette.ColorRole.Text) != QtGui.QColor(ALARM)
    assert shown.tree._reason_item.isHidden()
    preview = shown.tree.next_line.text()
    shown.press("new_file")
    assert shown.saver.file_path.as_posix().endswith(f"/{preview}")
    qtbot.waitUntil(lambda: shown.tree.next_line.text() == "Si/Data 001.h5")


@pytest.mark.parametrize("button", ["new_file", "do_save"])
def test_a_file_gets_the_name_on_screen_also_when_the_next_second_begins(make, qtbot, button):
    shown = make()
    shown.tree._clock.stop()
    qtbot.waitUntil(lambda: shown.tree.shown_for is not None)
    shown.tree.update_next_file()
    qtbot.waitUntil(lambda: not shown.tree._asker.busy)
    preview, second = shown.tree.next_line.text(), shown.tree.shown_for.second
    qtbot.waitUntil(lambda: datetime.now().second != second)
    if button == "do_save":
        shown.check("do_save")
    else:
        shown.press("new_file")
    assert shown.saver.file_path.name == preview


def test_a_name_that_was_not_renewed_for_long_is_no_promise(make, qtbot):
    shown = make()
    shown.tree._clock.stop()
    qtbot.waitUntil(lambda: shown.tree.shown_for is not None)
    shown.tree.shown_for -= timedelta(seconds=5)
    before = datetime.now().replace(microsecond=0)
    assert before <= shown.saver.naming_time() <= datetime.now()


def test_a_folder_that_does_not_answer_does_not_hold_the_window_up(make, qtbot):
    gate = threading.Event()
    tree = SettingsTree(make().saver.settings, lambda folder: lambda now: str(gate.wait(20)))
    qtbot.addWidget(tree)
    for _ in range(5):
        tree.update_next_file()
    assert tree.next_line.text() == ""
    gate.set()
    qtbot.waitUntil(lambda: tree.next_line.text() == "True")


@pytest.mark.parametrize(
    ("typed", "value"), [("2.5", 2.5), ("2,5", 2.5), ("3", 3.0), ("0.25 min", 0.25), ("soon", 0.0)]
)
def test_numbers_are_typed_with_or_without_their_unit(make, typed, value):
    shown = make()
    box = shown.editor("recording", "roll_over_time")
    shown.type_into(box.lineEdit(), typed)
    assert shown.saver.settings["recording", "roll_over_time"] == value
    assert box.lineEdit().text().endswith(" min")


@pytest.mark.parametrize("focused", [False, True])
def test_the_wheel_scrolls_and_changes_nothing(make, focused):
    """Also over a box that was clicked: one notch over the backend would end the recording."""
    shown = make()
    shown.widget.activateWindow()
    for path in (("backend", "backend_type"), ("data_format", "dynamic"), ("recording", "roll_over_time")):
        box = shown.editor(*path)
        if focused:
            box.setFocus()
        else:
            box.clearFocus()
        before = shown.saver.settings[path]
        turn_wheel(box)
        assert shown.saver.settings[path] == before


def test_everything_is_reached_with_the_tab_key(make, qtbot):
    shown = make()
    shown.widget.activateWindow()
    shown.editor("do_save").setFocus()
    reached = set()
    for _ in range(80):
        focus = shown.widget.focusWidget()
        reached.add(focus)
        qtbot.keyClick(focus, QtCore.Qt.Key.Key_Tab)
    wanted = {shown.editor("do_save"), shown.editor("base_name"), shown.tree.button_of("new_file")}
    wanted |= {shown.editor("data_format", "dynamic"), shown.editor("save_2D")}
    assert wanted <= reached


def test_a_screen_reader_can_say_what_each_editor_is(make):
    shown = make()
    kinds = QtWidgets.QLineEdit, QtWidgets.QAbstractSpinBox, QtWidgets.QComboBox, QtWidgets.QAbstractButton
    inner = QtWidgets.QAbstractSpinBox, QtWidgets.QComboBox
    for widget in shown.tree.findChildren(QtWidgets.QWidget):
        if isinstance(widget, kinds) and widget.isVisible() and not isinstance(widget.parent(), inner):
            says = widget.accessibleName() or (isinstance(widget, QtWidgets.QAbstractButton) and widget.text())
            assert says, widget
    base_name = shown.editor("base_name")
    assert base_name.accessibleName() == "Base name"
    shown.saver.settings.child("base_name").setOpts(title="Name of the sample")
    assert base_name.accessibleName() == "Name of the sample"


def test_the_space_key_switches_do_save(make, qtbot):
    shown = make()
    qtbot.keyClick(shown.editor("do_save"), QtCore.Qt.Key.Key_Space)
    assert shown.saver.isopen()


def test_dark_colours_are_followed(make, qtbot):
    shown = make()
    before = QtWidgets.QApplication.palette()
    dark = QtGui.QPalette(QtGui.QColor("#333333"), QtGui.QColor("#2b2b2b"))
    try:
        QtWidgets.QApplication.setPalette(dark)
        QtWidgets.QApplication.processEvents()
        image = shown.tree.button_of("new_file").icon().pixmap(24, 24).toImage()
        lightness = [
            image.pixelColor(x, y).lightness()
            for x in range(24)
            for y in range(24)
            if image.pixelColor(x, y).alpha() > 200
        ]
        assert max(lightness) > 128
        assert shown.widget.grab().toImage().pixelColor(2, shown.widget.height() - 2).lightness() < 100
    finally:
        QtWidgets.QApplication.setPalette(before)


def test_in_a_tree_of_the_host_everything_stands_in_order(make, qtbot):
    shown = make()
    tree = ParameterTree()
    qtbot.addWidget(tree)
    tree.addParameters(shown.saver.settings)
    tree.show()
    top = tree.topLevelItem(0)
    assert [top.child(i).param.name() for i in range(top.childCount())] == [param["name"] for param in saver_params()]
    shown.check("do_save")
    item = next(
        item for item in tree.listAllItems() if getattr(item, "param", None) is shown.saver.settings.child("do_save")
    )
    assert item.widget.isChecked()
    item.widget.setChecked(False)
    assert not shown.saver.isopen() and not shown.editor("do_save").isChecked()


@pytest.mark.parametrize("in_browser", [False, True])
def test_the_line_above_all_others_is_kept_by_nobody(make, qtbot, in_browser):
    """With PySide6, a wrapper that outlives it is taken for what Qt puts at its address: the program ended later."""
    shown = SettingsPanel() if in_browser else make()
    tree = shown.tree
    assert tree.invisibleRootItem().childCount() == tree.topLevelItemCount()
    assert not [kept for kept in vars(tree).values() if isinstance(kept, InvisibleRootItem)]
