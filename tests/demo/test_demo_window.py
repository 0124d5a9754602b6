"""The demo window as its user sees it: real clicks and keys, real files, read back with h5py."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from pyqtgraph.Qt import QtCore, QtWidgets
from recording_helpers import settle

from h5saver_widget.demo.live import Hint
from h5saver_widget.demo.window import DemoWindow
from h5saver_widget.modules.detector import DetectorTimeSaver
from h5saver_widget.saving.loading import DataLoader
from h5saver_widget.saving.recording import Recording

TITLES = [
    "System monitor",
    "Event loop jitter",
    "Window camera",
    "Spectrometer (simulated)",
    "Camera (simulated)",
]


def rows(path: Path) -> dict[str, int]:
    """Return title of each detector to the length of its time axis."""
    with h5py.File(path, "r") as file:
        found = {}
        for name, group in file["RawData"].items():
            if name.startswith("Detector") and "NavAxes" in group:  # a slow source may have no frame yet
                title = group.attrs["TITLE"]
                found[title.decode() if isinstance(title, bytes) else str(title)] = len(group["NavAxes/Axis00"])
        return found


def data_sets(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of all growing data sets by path."""
    shapes = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, node: shapes.update({name: node.shape}) if "EnlData" in name else None)
    return shapes


def record_some(qtbot, window: DemoWindow, press, frames: int = 3) -> Path:
    """Grab everything, record until every source has some frames, stop; return the file."""
    for panel in window.panels:
        panel.set_rate(panel.source.max_rate)
    press(window._grab_all_action)
    press(window._record_action)
    assert window.recording
    before = {panel: panel.frames for panel in window.panels}
    qtbot.waitUntil(lambda: min(p.frames - before[p] for p in window.panels) >= frames, timeout=20_000)
    press(window._record_action)
    assert not window.recording
    settle(window.h5saver)
    return window.recorder.recording.path


def test_first_start_says_what_to_press(window, tmp_path) -> None:
    hint = window.panel.findChild(Hint)
    assert hint.isVisible()
    assert "Press <b>Grab</b>" in hint.text()
    assert "Press <b>Record</b>" in hint.text()
    assert str(tmp_path) in hint.text() or "~" in hint.text()
    assert Path(window.h5saver.settings["base_path"]) == tmp_path
    assert not list(tmp_path.iterdir())  # nothing is written before somebody wants it
    assert "Ready" in window.log.toPlainText()
    assert window.last_error == ""


def test_the_sources(window) -> None:
    assert [panel.title for panel in window.panels] == TITLES
    assert [window._tabs.tabText(number) for number in (5, 6)] == ["Viewer", "Scan"]


def test_record_puts_every_frame_of_every_source_into_one_file(qtbot, window, press, tmp_path) -> None:
    path = record_some(qtbot, window, press)
    assert not window.h5saver.isopen()
    assert [file.name for file in tmp_path.rglob("*.h5")] == [path.name]
    recording = window.recorder.recording
    assert recording.lost == 0
    assert set(rows(path)) == set(TITLES)
    assert sum(rows(path).values()) == recording.frames
    shapes = data_sets(path)
    assert {shape[1:] for shape in shapes.values()} == {(1,), (80,), (400, 640), (1024,), (512, 512)}
    assert path.parent == tmp_path / path.name[5:9] / path.name[5:13]  # BASE/2026/20261121/Data_20261121_...


def test_recorded_data_come_back_with_axes_and_units(qtbot, window, press) -> None:
    path = record_some(qtbot, window, press)
    loader = DataLoader(path)
    try:
        groups = {node.title: node.path for node in loader.walk_nodes("/RawData") if node.title in TITLES}
        spectrum = loader.load_data(f"{groups['Spectrometer (simulated)']}/Data1D/CH00/EnlData00")
        image = loader.load_data(f"{groups['Camera (simulated)']}/Data2D/CH00/EnlData00")
    finally:
        loader.close_file()
    count = rows(path)
    assert spectrum.data[0].shape == (count["Spectrometer (simulated)"], 1024)
    wavelength = next(axis for axis in spectrum.axes if axis.label == "wavelength")
    assert wavelength.units == "nm"
    np.testing.assert_allclose(wavelength.get_data(), 400 + 0.4 * np.arange(1024))
    assert image.data[0].shape == (count["Camera (simulated)"], 512, 512)
    assert image.data[0].dtype == np.uint16


def test_do_save_in_the_tree_and_the_record_button_are_one(qtbot, window, press) -> None:
    window.panel.grab()
    window.h5saver.settings["do_save"] = True
    qtbot.waitUntil(window._record_action.isChecked)
    assert window._record_action.text() == "Stop recording"
    assert window.h5saver.isopen()
    press(window._record_action)
    assert not window.h5saver.settings["do_save"]
    assert not window.h5saver.isopen()
    qtbot.waitUntil(lambda: window._record_action.text() == "Record")


def test_the_check_box_of_the_tree_records(qtbot, window) -> None:
    boxes = [
        box
        for box in window.h5saver.settings_tree.findChildren(QtWidgets.QCheckBox)
        if box.isVisible() and "save" in (box.text() + box.toolTip() + box.accessibleName()).lower()
    ]
    window.panel.grab()
    box = boxes[0]
    qtbot.mouseClick(box, QtCore.Qt.MouseButton.LeftButton, pos=QtCore.QPoint(10, box.height() // 2))
    assert window.recording
    qtbot.waitUntil(window._record_action.isChecked)
    qtbot.waitUntil(lambda: window.recorder.recording.frames > 0)
    qtbot.mouseClick(box, QtCore.Qt.MouseButton.LeftButton, pos=QtCore.QPoint(10, box.height() // 2))
    assert not window.recording
    settle(window.h5saver)
    assert sum(rows(window.recorder.recording.path).values()) == window.recorder.recording.frames


def test_record_with_nothing_grabbing_starts_the_shown_source(qtbot, window, press) -> None:
    press(window._record_action)
    assert window.panel.grabbing
    assert "Nothing was being grabbed" in window.log.toPlainText()
    qtbot.waitUntil(lambda: window.recorder.recording.frames >= 2)


def test_new_file_while_recording_goes_on_in_the_new_one(qtbot, window, press) -> None:
    window.show_panel("Spectrometer (simulated)")
    press(window._record_action)
    qtbot.waitUntil(lambda: window.recorder.recording.frames >= 2)
    first = window.recorder.recording.path
    ended = []
    window.h5saver.status_sig.connect(lambda said: ended.append(said.args) if said.command == "closed" else None)
    window.h5saver.settings.child("new_file").activate()
    qtbot.waitUntil(lambda: window.recorder.recording.path not in (None, first))
    qtbot.waitUntil(lambda: window.recorder.recording.frames >= 2)
    press(window._record_action)
    settle(window.h5saver)
    second = window.recorder.recording
    assert sum(rows(first).values()) == ended[0]["frames"]
    assert sum(rows(second.path).values()) == second.frames


def test_a_frame_is_counted_in_the_file_that_it_went_into(qtbot, window, press, monkeypatch) -> None:
    window.show_panel("Spectrometer (simulated)")
    press(window._record_action)
    qtbot.waitUntil(lambda: window.recorder.recording.frames >= 2)
    first, filtered = window.recorder.recording, DetectorTimeSaver.filter_data

    renewed = []

    def new_file_first(saver, data):
        if window.h5saver.file_path == first.path:
            window.h5saver.new_file()
            renewed.append(True)
        return filtered(saver, data)

    monkeypatch.setattr(DetectorTimeSaver, "filter_data", new_file_first)
    qtbot.waitUntil(lambda: bool(renewed))  # the end of saving waits for this thread, which would wait for the end
    qtbot.waitUntil(window._record_action.isChecked)  # between the files it says that nothing is recorded
    press(window._record_action)
    qtbot.waitUntil(lambda: not window.h5saver.isopen())
    settle(window.h5saver)
    for counted in (first, window.recorder.recording):
        assert sum(rows(counted.path).values()) == counted.frames


def test_closing_the_window_while_recording_saves_and_closes_the_file(qtbot, window, press) -> None:
    window.show_panel("Camera (simulated)")
    press(window._grab_all_action)
    press(window._record_action)
    qtbot.waitUntil(lambda: window.recorder.recording.frames >= 10, timeout=20_000)
    window.close()
    assert not window.h5saver.isopen()
    assert not any(panel.grabbing for panel in window.panels)
    assert sum(rows(window.recorder.recording.path).values()) == window.recorder.recording.frames


def test_a_frame_that_cannot_be_saved_is_counted_and_shown(qtbot, window, press, monkeypatch) -> None:
    window.show_panel("Spectrometer (simulated)")
    press(window._record_action)
    qtbot.waitUntil(lambda: window.recorder.recording.frames >= 2)

    def full(*args, **kwargs) -> None:
        raise OSError(28, "No space left on device", "/data/a.h5")

    monkeypatch.setattr(Recording, "append_again", full)
    qtbot.waitUntil(lambda: window.recorder.recording.lost >= 3)
    assert window.log.toPlainText().count("No space left on device") == 1  # not once for each frame
    assert "No space left on device" in window.statusBar().currentMessage()
    press(window._record_action)
    settle(window.h5saver)
    recording = window.recorder.recording
    said = f"{recording.lost:,} frames of this recording could not be saved"
    qtbot.waitUntil(lambda: said in window.log.toPlainText())
    assert window.h5saver.strip.lost.text() == f"{recording.lost:,} lost"
    assert sum(rows(recording.path).values()) == recording.frames


def test_a_folder_that_cannot_be_made_is_an_error_in_the_log(qtbot, window, press, tmp_path) -> None:
    (tmp_path / "afile").write_text("in the way")
    window.h5saver.settings["base_path"] = str(tmp_path / "afile" / "below")
    press(window._record_action)
    qtbot.waitUntil(lambda: not window.recording)
    assert not window._record_action.isChecked()
    assert "Error:" in window.log.toPlainText()
    assert window.statusBar().currentMessage().startswith("Error:")


def test_save_snapshot(window, press, tmp_path, backend) -> None:
    window.show_panel("Camera (simulated)")
    press(window._snap_action)
    frame = window.panel.latest
    window.panel.take_background()
    press(window._snapshot_action)
    (path,) = tmp_path.rglob("Snapshot_*.h5")
    assert str(path) in window.log.toPlainText()
    loader = DataLoader(path)
    try:
        loaded = loader.load_data("/RawData/Detector000/Data2D/CH00/Data00")
        without = loader.load_data("/RawData/Detector000/Data2D/CH00/Data00", with_bkg=True)
    finally:
        loader.close_file()
    np.testing.assert_array_equal(loaded.data[0], frame[0].data[0])
    assert [(axis.label, axis.units) for axis in loaded.axes] == [("y", "px"), ("x", "px")]
    assert not np.array_equal(without.data[0], loaded.data[0])
    press(window._snapshot_action)  # in the same second: a file of its own
    assert len(list(tmp_path.rglob("Snapshot_*.h5"))) == 2


def test_a_snapshot_does_not_disturb_a_recording(qtbot, window, press, tmp_path) -> None:
    window.show_panel("Spectrometer (simulated)")
    press(window._record_action)
    qtbot.waitUntil(lambda: window.recorder.recording.frames >= 2)
    press(window._snapshot_action)
    count = window.recorder.recording.frames
    qtbot.waitUntil(lambda: window.recorder.recording.frames >= count + 2)
    press(window._record_action)
    settle(window.h5saver)
    assert sum(rows(window.recorder.recording.path).values()) == window.recorder.recording.frames
    assert len(list(tmp_path.rglob("*.h5"))) == 2


def test_background_is_saved_beside_the_data(qtbot, window, press) -> None:
    window.show_panel("Spectrometer (simulated)")
    window.panel.take_background()
    press(window._record_action)
    qtbot.waitUntil(lambda: window.recorder.recording.frames >= 2)
    window.panel.take_background()
    qtbot.waitUntil(lambda: "keeps its first background" in window.log.toPlainText())
    press(window._record_action)
    with h5py.File(window.recorder.recording.path, "r") as file:
        assert sorted(name for name in file["RawData/Detector000/Data1D/CH00"] if name.startswith("Bkg")) == ["Bkg00"]


def test_viewer_and_scan_have_savers_of_their_own(qtbot, window, press, tmp_path) -> None:
    window.show_panel("Viewer")
    assert window._savers.currentWidget() is window.viewer.h5saver.settings_tree
    assert window._saver_dock.windowTitle() == "H5Saver (Viewer): closed"
    assert not window._grab_action.isVisible() and not window._record_action.isVisible()
    window.viewer.record()
    window.viewer.grab_frames()
    window.show_panel("Scan")
    assert window._savers.currentWidget() is window.scan.h5saver.settings_tree
    window.scan.set_kind("Scan2D")
    window.scan.start()
    qtbot.waitUntil(lambda: window.viewer.recorder.recording.frames >= 3 and window.scan.scan.done >= 3)
    window.show_panel("Camera (simulated)")
    assert window._savers.currentWidget() is window.h5saver.settings_tree and window._grab_action.isVisible()
    press(window._record_action)
    qtbot.waitUntil(lambda: window.recorder.recording.frames >= 2)
    window.close()  # everything is saved and closed
    assert not any(owner.h5saver.isopen() for owner in (window, window.viewer, window.scan))
    assert sum(rows(window.recorder.recording.path).values()) == window.recorder.recording.frames
    recording = window.viewer.recorder.recording
    assert sum(rows(recording.path).values()) == recording.frames and recording.lost == 0
    with DataLoader(window.scan.scan.path) as loader:
        signal = loader.load_data("/RawData/Scan000/Detector000/Data0D/CH00/Data00").data[0]
        assert np.isfinite(signal).sum() == window.scan.scan.done
    assert "stopped" in window.log.toPlainText() or window.scan.scan.state.value == "stopped"
    assert {path.name.partition("_")[0] for path in tmp_path.rglob("*.h5")} == {"Data", "Dataset"}


@pytest.mark.parametrize("backend", ["h5py"], indirect=True)
def test_keys(qtbot, window, tmp_path) -> None:
    Key, Control = QtCore.Qt.Key, QtCore.Qt.KeyboardModifier.ControlModifier
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)

    def key(code, modifier=QtCore.Qt.KeyboardModifier.NoModifier) -> None:
        qtbot.keyClick(window, code, modifier)

    key(Key.Key_7, Control)
    assert window.shown is window.scan
    key(Key.Key_6, Control)
    assert window.shown is window.viewer
    key(Key.Key_5, Control)
    assert window.panel.title == TITLES[4]
    key(Key.Key_F6)
    assert window.panel.frames == 1
    key(Key.Key_F5)
    assert window.panel.grabbing
    key(Key.Key_F5, QtCore.Qt.KeyboardModifier.ShiftModifier)
    assert all(panel.grabbing for panel in window.panels)
    key(Key.Key_R, Control)
    assert window.recording
    key(Key.Key_S, Control)
    assert len(list(tmp_path.rglob("Snapshot_*.h5"))) == 1
    key(Key.Key_F9)
    assert not window.recording
    key(Key.Key_L, Control)
    assert not window._log_dock.isVisible()
    key(Key.Key_L, Control)
    assert window._log_dock.isVisible()
    key(Key.Key_F1)
    assert window.guide.isVisible()
    assert not window.guide.isModal()
    qtbot.keyClick(window.guide, Key.Key_Escape)
    assert not window.guide.isVisible()
    key(Key.Key_Q, Control)
    assert not window.isVisible()


@pytest.mark.parametrize("backend", ["h5py"], indirect=True)
def test_every_action_has_a_key_a_tooltip_and_an_icon(window) -> None:
    for action in window._toolbar.actions():
        if action.text():
            assert not action.shortcut().isEmpty(), action.text()
            assert action.shortcut().toString() in action.toolTip()
            assert not action.icon().isNull()


@pytest.mark.parametrize("backend", ["h5py"], indirect=True)
def test_grab_button_follows_the_shown_tab(window, press) -> None:
    press(window._grab_action)
    assert window._grab_action.text() == "Stop"
    assert not window._tabs.tabIcon(0).isNull()
    window.show_panel("Camera (simulated)")
    assert window._grab_action.text() == "Grab"
    assert not window._grab_action.isChecked()


@pytest.mark.parametrize("backend", ["h5py"], indirect=True)
def test_save_2d_off_leaves_images_out_and_counts_nothing_lost(qtbot, window, press) -> None:
    window.h5saver.settings["save_2D"] = False
    window.show_panel("Camera (simulated)")
    press(window._record_action)
    before = window.panel.frames
    qtbot.waitUntil(lambda: window.panel.frames >= before + 3)
    press(window._record_action)
    assert window.recorder.recording.frames == 0
    assert window.recorder.recording.lost == 0
    assert window.log.toPlainText().count("kept out of the file") == 1


@pytest.mark.parametrize("backend", ["h5py"], indirect=True)
def test_without_psutil_the_rest_works(qtbot, tmp_path, backend, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psutil", None)
    window = DemoWindow(out=tmp_path)
    qtbot.addWidget(window)
    assert [panel.title for panel in window.panels] == TITLES[1:]
    assert "pip install psutil" in window.log.toPlainText()


def test_names_are_no_html(qtbot, tmp_path) -> None:
    """Whatever is typed, or comes from a file, stands there as it was typed."""
    folder = tmp_path / "<i>data<"
    window = DemoWindow(out=folder)
    qtbot.addWidget(window)
    window.show()
    for station in (window.viewer, window.scan):
        station.h5saver.settings["base_name"] = "<b>mine<"
        station.h5saver.settings["recording", "name_template"] = "{nothing}<u>"
        station.show_error("<b>bold</b>")
        station.h5saver.tree.update_next_file()
        window.show_panel(station.title)
    window.h5saver.report("<b>No</b>", OSError("<i>no</i>"))
    window.show_panel(window.panels[-1].title)
    window.panels[-1].snap()
    window.finish()
    qtbot.wait(1)
    for widget in window.findChildren(QtWidgets.QWidget):
        assert not QtCore.Qt.mightBeRichText(widget.toolTip()), widget.toolTip()
        if isinstance(widget, QtWidgets.QLabel) and QtCore.Qt.mightBeRichText(widget.text()):
            is_ours = "<p" in widget.text() or widget.text() == "<b>Scans in this file</b>"
            assert is_ours or widget.textFormat() == QtCore.Qt.TextFormat.PlainText, widget.text()
