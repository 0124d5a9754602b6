"""Settings of the widget, SWMR, threads, several savers, with real clicks, on both backends."""

from __future__ import annotations

import math
import threading
from pathlib import Path

import numpy as np
import pytest
from pyqtgraph.parametertree import Parameter
from pyqtgraph.Qt import QtCore, QtWidgets
from qt_helpers import files_in, open_elsewhere, save_frame

from h5saver_widget.format.layout import SaveType
from h5saver_widget.qt.h5saver import H5Saver


# ------------------------------------------------------------------ backend
@pytest.mark.parametrize("closed_before", [True, False])
def test_another_backend_is_taken_from_the_next_file_on(shown, backend, qtbot, closed_before):
    other = {"h5py": "tables", "tables": "h5py"}[backend]
    saver = shown.saver
    shown.check("do_save")
    save_frame(saver)
    path = saver.file_path
    shown.choose(other, "backend", "backend_type")
    shown.check("backend", "isolated")
    assert saver.file_path == path and saver.backend == backend, "nothing ends a recording but who wants it to end"
    assert [said.message for said in shown.said if said.command == "message"] == [
        "'Backend type' applies from the next file on",
        "'Write in a separate process' applies from the next file on",
    ]
    save_frame(saver)
    if closed_before:
        shown.press("stop")
        qtbot.waitUntil(lambda: saver.backend == other)
        shown.check("do_save")
    else:
        shown.press("new_file")
    assert shown.last("closed").args["frames"] == 2
    assert "/RawData/Frames" in open_elsewhere(path)
    assert saver.isopen() and saver.file_path != path and (saver.backend, saver.isolated) == (other, False)


def test_swmr_options_appear_with_a_backend_that_can(make):
    shown = make("detector", "h5py")
    options = shown.tree.row_of("backend", "swmr_options")
    assert not options.isHidden()
    shown.check("backend", "swmr_options", "enable_swmr")
    assert shown.saver.settings["backend", "swmr_options", "enable_swmr"] is True
    shown.choose("tables", "backend", "backend_type")
    assert options.isHidden()
    assert shown.saver.settings["backend", "swmr_options", "enable_swmr"] is False
    shown.saver.settings["backend", "swmr_options", "enable_swmr"] = True
    assert shown.saver.settings["backend", "swmr_options", "enable_swmr"] is False
    shown.choose("h5py", "backend", "backend_type")
    assert not options.isHidden()
    assert shown.saver.settings["backend", "swmr_options", "enable_swmr"] is False


def test_an_swmr_file(make):
    shown = make("detector", "h5py")
    shown.check("backend", "swmr_options", "enable_swmr")
    shown.check("do_save")
    assert shown.saver.swmr_mode
    shown.saver.enable_swmr()
    assert shown.saver.is_swmr_active
    shown.check("do_save")
    assert "/RawData" in open_elsewhere(Path(shown.saver.settings["current_h5_file"]))


@pytest.mark.parametrize("file_is_swmr", [False, True])
@pytest.mark.parametrize("answer", ["Append", "Keep", "Open nothing"])
def test_an_swmr_mismatch_asks(make, tmp_path, qtbot, file_is_swmr, answer):
    shown, path = make("detector", "h5py"), tmp_path / "older.h5"
    saver = shown.saver
    saver.settings["backend", "swmr_options", "enable_swmr"] = file_is_swmr
    saver.init_file(addhoc_file_path=path)
    save_frame(saver)
    saver.close_file()
    saver.settings["backend", "swmr_options", "enable_swmr"] = not file_is_swmr
    asked = []

    def press() -> None:
        box = QtWidgets.QApplication.activeModalWidget()
        asked.append(box.text())
        button = next(button for button in box.buttons() if button.text().startswith(answer))
        qtbot.mouseClick(button, QtCore.Qt.MouseButton.LeftButton)

    QtCore.QTimer.singleShot(0, press)
    saver.init_file(addhoc_file_path=path)
    assert len(asked) == 1 and path.name in asked[0]
    enabled = saver.settings["backend", "swmr_options", "enable_swmr"]
    if answer == "Append":
        assert enabled == file_is_swmr == saver.swmr_mode
        assert saver.is_node_in_group("/RawData", "Frames")
        assert shown.commands("message")
    elif answer == "Keep":
        assert enabled == saver.swmr_mode == (not file_is_swmr)
        assert "/RawData/Frames" in open_elsewhere(tmp_path / "older_old1.h5")
        assert not saver.is_node_in_group("/RawData", "Frames")
    else:
        assert not saver.isopen() and "/RawData/Frames" in open_elsewhere(path)


def test_an_swmr_mismatch_in_a_worker_adapts_and_says_so(make, tmp_path, qtbot):
    shown, path = make("detector", "h5py"), tmp_path / "older.h5"
    saver = shown.saver
    saver.init_file(addhoc_file_path=path)
    saver.close_file()
    saver.settings["backend", "swmr_options", "enable_swmr"] = True
    worker = threading.Thread(target=saver.init_file, kwargs={"addhoc_file_path": path})
    worker.start()
    qtbot.waitUntil(lambda: "message" in shown.commands())
    worker.join()
    assert saver.isopen() and not saver.swmr_mode


# ----------------------------------------------------------------- settings
def test_settings_reach_the_saver(shown):
    saver = shown.saver
    assert saver.dynamic is None and not saver.compression.is_on and math.isnan(saver.fill_value)
    shown.choose("uint16", "data_format", "dynamic")
    assert saver.dynamic == np.uint16
    shown.choose("as acquired", "data_format", "dynamic")
    assert saver.dynamic is None
    shown.choose("0", "data_format", "fill_value")
    assert saver.fill_value == 0.0
    saver.fill_value = -1.0
    assert saver.settings["data_format", "fill_value"] == saver.fill_value == -1.0
    level = shown.editor("data_format", "compression_options", "h5comp_level")
    shown.type_into(level.lineEdit(), "4")
    assert (saver.compression.library, saver.compression.level) == ("zlib", 4)
    assert saver.compression.is_on
    shown.type_into(shown.editor("base_name"), "Laser")
    shown.check("do_save")
    assert saver.file_path.name.startswith("Laser_")
    array = saver.create_earray("/RawData", "Frames", np.int32, (4,))
    assert saver.io.info(array.handle).compression in ("gzip", "zlib")


def test_a_typed_base_path_is_made_with_the_first_file_only(shown, tmp_path):
    shown.type_into(shown.editor("base_path").line, str(tmp_path / "new" / "lab"))
    assert shown.saver.settings["base_path"] == str(tmp_path / "new" / "lab")
    assert not (tmp_path / "new").exists()
    shown.press("new_file")
    assert len(files_in(tmp_path / "new" / "lab")) == 1


def test_a_chosen_base_path(shown, tmp_path, monkeypatch, qtbot):
    monkeypatch.setattr(QtWidgets.QFileDialog, "getExistingDirectory", lambda *a: str(tmp_path))
    qtbot.mouseClick(shown.editor("base_path").button, QtCore.Qt.MouseButton.LeftButton)
    assert shown.saver.settings["base_path"] == str(tmp_path)


def test_a_host_reads_and_rebuilds_the_settings(shown):
    settings = shown.saver.settings
    assert settings.child(("save_2D")).value() is True  # noqa: UP034 - as hosts write it
    assert settings.name() == H5Saver.settings_name == "h5saver_settings"
    again = Parameter.create(name="again", type="group")
    again.restoreState(settings.saveState())
    assert [child.name() for child in again] == [child.name() for child in settings]
    assert again["backend", "swmr_options", "flush_interval"] == 1


def test_params_for_a_save_type_are_a_copy():
    class TheirSaveType:
        name = "actuator"

    params = H5Saver.get_params_for_save_type(TheirSaveType())
    assert params[0]["value"] == "actuator"
    assert H5Saver.params[0]["value"] == "scan"
    assert H5Saver.get_params_for_save_type(SaveType.detector)[0]["value"] == "detector"


# ------------------------------------------------------------------ threads
def test_saved_is_told_at_most_ten_times_a_second_from_a_worker(shown, qtbot):
    shown.check("do_save")
    count = 3000

    def save() -> None:
        for number in range(count):
            save_frame(shown.saver, number)

    worker = threading.Thread(target=save)
    clock = QtCore.QElapsedTimer()
    clock.start()
    worker.start()
    qtbot.waitUntil(lambda: "saved" in shown.commands() and shown.last("saved").args["frames"] == count, timeout=30000)
    worker.join()
    assert len(shown.commands("saved")) <= clock.elapsed() / 100 + 1
    qtbot.waitUntil(lambda: shown.saver.strip.frames.text() == "3,000 frames")
    shown.check("do_save")
    assert shown.last("closed").args["frames"] == count


def test_savers_live_side_by_side(make, base):
    first, second = make("detector", "h5py"), make("detector", "tables")
    first.check("do_save")
    second.check("do_save")
    assert first.saver.file_path != second.saver.file_path
    first.saver.settings["base_name"] = "Other"
    assert second.saver.settings["base_name"] == "Data"
    first.check("do_save")
    assert second.saver.isopen() and len(files_in(base)) == 2


def test_save_file_copies_and_overwrites_nothing(shown, tmp_path):
    shown.check("do_save")
    save_frame(shown.saver)
    copy = shown.saver.save_file(tmp_path / "copy.h5")
    assert "/RawData/Frames" in open_elsewhere(copy)
    with pytest.raises(FileExistsError):
        shown.saver.save_file(copy)


def test_load_file(shown, tmp_path):
    shown.saver.init_file(addhoc_file_path=tmp_path / "a.h5")
    shown.saver.close_file()
    shown.saver.load_file(file_path=tmp_path / "a.h5")
    assert shown.saver.file_loaded and shown.saver.isopen()


def test_without_a_window(tmp_path, qapp):
    saver = H5Saver("detector")
    saver.settings["base_path"] = str(tmp_path)
    saver.settings["do_save"] = True
    assert saver.isopen()
    saver.settings["do_save"] = False
    assert not saver.isopen()
