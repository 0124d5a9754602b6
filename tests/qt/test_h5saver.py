"""Files and buttons of the widget, with real clicks, on both backends."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from pyqtgraph.parametertree import ParameterTree
from pyqtgraph.Qt import QtCore, QtWidgets
from qt_helpers import files_in, open_elsewhere, save_frame
from recording_helpers import settle

from h5saver_widget import Axis, DataLoader, DataRaw, DataToExport, ScanSaver


# ------------------------------------------------------------------ Do Save
def test_do_save_makes_a_dated_file_and_closes_it(shown, base):
    assert not base.exists()
    before = datetime.now()
    shown.check("do_save")
    path = Path(shown.saver.settings["current_h5_file"])
    assert path.is_file()
    assert re.fullmatch(r"Data_\d{8}_\d\d_\d\d_\d\d\.h5", path.name)
    assert path.parent == base / f"{before:%Y}" / f"{before:%Y%m%d}"
    assert shown.commands() == ["opened", "saving"]
    assert shown.last("opened").args == {"path": path, "created": True, "moved_aside": None}
    assert (shown.saver.h5_file_path, shown.saver.h5_file_name) == (path.parent, path.name)
    assert shown.saver.settings["current_scan_path"] == str(path.parent)
    save_frame(shown.saver)
    shown.check("do_save")
    assert not shown.saver.isopen()
    assert shown.last("closed").args == {"path": path, "frames": 1, "bytes": 16}
    assert "/RawData/Frames" in open_elsewhere(path)


def test_clicked_again_it_makes_a_new_file_even_in_the_same_second(shown, base):
    paths = []
    for _ in range(3):
        shown.check("do_save")
        paths.append(shown.saver.file_path)
        shown.check("do_save")
    assert len(set(paths)) == 3
    assert files_in(base) == sorted(paths)


def test_a_host_that_makes_the_file_itself_gets_the_one_of_do_save(shown, base):
    saver = shown.saver
    saver.settings.child("do_save").sigValueChanged.connect(
        lambda param, value: saver.init_file(update_h5=True) if value else saver.close()
    )
    shown.check("do_save")
    assert len(files_in(base)) == 1 and saver.isopen()
    shown.check("do_save")
    assert not saver.isopen()
    assert shown.commands("closed") == ["closed"]


def test_a_file_that_was_saved_into_is_not_taken_for_a_new_one(shown, base):
    shown.check("do_save")
    save_frame(shown.saver)
    assert shown.saver.init_file(update_h5=True) is True
    assert len(files_in(base)) == 2


@pytest.mark.parametrize("also_in_a_tree_of_the_host", [False, True])
def test_errors_are_said_and_do_save_goes_off(shown, base, qtbot, also_in_a_tree_of_the_host):
    if also_in_a_tree_of_the_host:
        tree = ParameterTree()
        qtbot.addWidget(tree)
        tree.addParameters(shown.saver.settings)
    base.parent.mkdir()
    base.write_text("a file where the folder should be")
    for broken in ({"base_path": str(base)}, {"base_path": ""}, {"base_name": "a/b"}):
        before = {name: shown.saver.settings[name] for name in broken}
        shown.said.clear()
        for name, value in broken.items():
            shown.saver.settings[name] = value
        shown.check("do_save")
        qtbot.waitUntil(lambda: not shown.saver.settings["do_save"])
        qtbot.waitUntil(lambda: not shown.editor("do_save").isChecked())
        assert shown.commands() == ["error"]
        assert shown.last("error").args["message"].startswith("Saving could not start: ")
        assert isinstance(shown.last("error").args["exception"], Exception)
        assert shown.saver.strip.state == "error"
        for name, value in before.items():
            shown.saver.settings[name] = value
    assert not shown.saver.isopen()


# ----------------------------------------------------------- files by name
def test_scans_are_numbered_and_go_on_in_the_last_dataset(make, backend, base):
    saver = make("scan", backend).saver
    day = f"{datetime.now():%Y%m%d}"
    assert saver.init_file() is True  # there is none yet
    assert saver.file_path.name == f"Dataset_{day}_000.h5"
    assert saver.current_scan_name == saver.settings["current_scan_name"] == "Scan000"
    saver.add_scan_group()
    saver.close_file()
    assert saver.init_file() is False
    assert saver.file_path.name == f"Dataset_{day}_000.h5"
    assert saver.current_scan_name == "Scan001"
    assert saver.init_file(update_h5=True) is True
    assert saver.file_path.name == f"Dataset_{day}_001.h5"
    assert len(files_in(base)) == 2


def test_exactly_this_path_is_made_then_added_to(shown, tmp_path):
    saver, path = shown.saver, tmp_path / "deep" / "exact.h5"
    assert saver.init_file(addhoc_file_path=str(path)) is False
    assert saver.current_scan_name == "Scan001"
    save_frame(saver)
    saver.close_file()
    saver.init_file(addhoc_file_path=path, custom_naming=True)
    save_frame(saver)
    assert len(saver.get_node("/RawData/Frames")) == 2
    assert saver.settings["current_h5_file"] == str(path)


def test_opening_the_open_file_again_keeps_it_open(shown, tmp_path):
    saver = shown.saver
    saver.init_file(addhoc_file_path=tmp_path / "a.h5")
    node = saver.raw_group
    saver.init_file(addhoc_file_path=tmp_path / "a.h5")
    assert node.children_name() == ["Logger"]
    assert shown.commands() == ["opened"]


def test_a_new_file_at_a_taken_path_renames_the_old_one_and_says_so(shown, tmp_path):
    saver, path = shown.saver, tmp_path / "exact.h5"
    for _ in range(2):
        assert saver.init_file(update_h5=True, addhoc_file_path=path) is True
        save_frame(saver)
        saver.close_file()
    assert saver.init_file(update_h5=True, custom_naming=False, addhoc_file_path=path) is True
    assert sorted(p.name for p in tmp_path.glob("*.h5")) == ["exact.h5", "exact_old1.h5", "exact_old2.h5"]
    assert shown.last("opened").args["moved_aside"] == tmp_path / "exact_old2.h5"
    assert "exact_old2.h5" in shown.last("opened").message
    assert "/RawData/Frames" in open_elsewhere(tmp_path / "exact_old1.h5")


def test_mode_r_only_looks(shown, tmp_path):
    saver, path = shown.saver, tmp_path / "exact.h5"
    saver.init_file(addhoc_file_path=path)
    saver.close_file()
    content = path.read_bytes()
    saver.init_file(addhoc_file_path=path, mode="r")
    assert saver.isopen() and not saver.io.writable
    saver.close_file()
    assert path.read_bytes() == content


def test_metadata_go_to_the_raw_data_group(shown):
    shown.saver.init_file(update_h5=True, metadata={"operator": "Ada"})
    assert shown.saver.raw_group.attrs["operator"] == "Ada"
    assert shown.saver.raw_group.attrs["type"] == "detector"


def test_a_name_of_ones_own_is_asked_for(shown, tmp_path, monkeypatch):
    path = tmp_path / "chosen.h5"
    monkeypatch.setattr(QtWidgets.QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), ""))
    shown.saver.init_file(update_h5=True, custom_naming=True)
    assert shown.saver.file_path == path
    monkeypatch.setattr(QtWidgets.QFileDialog, "getSaveFileName", lambda *a, **k: ("", ""))
    shown.saver.close_file()
    shown.saver.settings["custom_name"] = True
    shown.saver.init_file(update_h5=True)
    assert not shown.saver.isopen()
    assert shown.commands()[-1] == "message"


# ------------------------------------------------------------------ buttons
def test_new_file(shown, base, qtbot):
    shown.check("do_save")
    save_frame(shown.saver)
    with qtbot.waitSignal(shown.saver.new_file_sig):
        shown.press("new_file")
    assert len(files_in(base)) == 2
    assert shown.saver.isopen() and shown.saver.settings["do_save"]
    QtWidgets.QApplication.processEvents()
    assert shown.saver.settings["do_save"], "going on in a new file does not stop saving"


@pytest.mark.parametrize("presses", [1, 2])
def test_new_file_in_a_scan_waits_for_its_end_and_says_so(make, backend, base, qtbot, presses):
    shown = make("scan", backend)
    manager = SimpleNamespace(detectors_all=[SimpleNamespace(title="Det")], actuators_all=[])
    scan = ScanSaver(SimpleNamespace(title="Scan", modules_manager=manager))
    shown.check("do_save")
    scan.h5saver = shown.saver
    for number in range(2):
        scan.set_scan_shape((4,))
        scan.get_set_node(new=True)
        scan.initialize_time_array()
        scan.add_nav_axes([Axis("X", "mm", np.arange(4.0), 0)])
        for point in range(4):
            if number == 0 and point == 2:
                for _ in range(presses):
                    shown.press("new_file")
                assert sum("made when the scan ends" in str(status.args) for status in shown.said) == 1
            scan.add_data(
                DataToExport("p", data=[DataRaw("v", data=[np.full(1, float(point))], origin="Det")]), (point,)
            )
        if number == 0:
            qtbot.waitUntil(lambda: len(files_in(base)) == 2 and shown.saver.isopen())
    shown.check("do_save")
    qtbot.waitUntil(lambda: not shown.saver.isopen())
    found = []
    for path in files_in(base):
        with DataLoader(path) as loader:
            found.append([data.data[0].tolist() for data in loader.load_all("/") if data.name == "v"])
    whole, cut = [0.0, 1.0, 2.0, 3.0], np.nan
    wanted = [[whole], [whole]] if presses == 1 else [[[0.0, 1.0, cut, cut]], [[cut, cut, 2.0, 3.0], whole]]
    np.testing.assert_equal(found, wanted)


def test_new_file_made_by_the_host(shown, base):
    def make_it() -> None:
        shown.saver.close_file()
        shown.saver.init_file(update_h5=True)

    shown.saver.new_file_sig.connect(make_it)
    shown.press("new_file")
    assert len(files_in(base)) == 1


def test_new_file_that_cannot_be_made_is_an_error_status(shown):
    shown.saver.settings["base_name"] = "a:b"
    shown.press("new_file")
    assert shown.commands() == ["error"]


def test_browse_adds_to_an_existing_file(shown, tmp_path, monkeypatch, qtbot):
    path = tmp_path / "older.h5"
    shown.saver.init_file(addhoc_file_path=path)
    save_frame(shown.saver)
    shown.saver.close_file()
    monkeypatch.setattr(QtWidgets.QFileDialog, "getOpenFileName", lambda *a, **k: (str(path), ""))
    with qtbot.waitSignal(shown.saver.file_changed_sig) as changed:
        shown.press("browse")
    assert changed.args == [str(path)]
    shown.check("do_save")
    assert shown.saver.file_path == path, "the file that was picked is the one that is added to"
    save_frame(shown.saver)
    assert len(shown.saver.get_node("/RawData/Frames")) == 2
    shown.check("do_save")
    shown.check("do_save")
    assert shown.saver.file_path != path


def test_browse_to_something_else_is_an_error_status(shown, tmp_path, monkeypatch):
    path = tmp_path / "text.h5"
    path.write_text("not HDF5")
    monkeypatch.setattr(QtWidgets.QFileDialog, "getOpenFileName", lambda *a, **k: (str(path), ""))
    shown.press("browse")
    assert shown.commands()[-1] == "error"
    assert path.read_text() == "not HDF5"


def test_another_h5file_set_by_a_program_is_opened(shown, tmp_path, qtbot):
    first, second = tmp_path / "first.h5", tmp_path / "second.h5"
    for path in (first, second):
        shown.saver.init_file(addhoc_file_path=path)
    with qtbot.waitSignal(shown.saver.file_changed_sig):
        shown.saver.settings["current_h5_file"] = str(first)
    assert shown.saver.file_path == first


def test_show_file_content_reads_through_the_saver(shown):
    shown.check("do_save")
    save_frame(shown.saver)
    shown.press("show_file")
    browser = shown.saver.analysis_prog
    browser.select("/RawData/Frames")
    assert browser.wait() and browser.panel.facts.text().startswith("1 × 4   int32")
    save_frame(shown.saver)
    browser.refresh()
    assert browser.wait() and browser.panel.facts.text().startswith("2 × 4   int32")
    shown.check("do_save")
    settle(shown.saver)
    browser.refresh()  # what was recorded goes on being shown
    assert browser.wait() and browser.panel.facts.text().startswith("2 × 4   int32")
    shown.press("show_file")  # closed by now: opened for reading
    assert shown.saver.analysis_prog.wait()
    assert shown.saver.analysis_prog.model.index_of("/RawData/Frames").isValid()
    assert not shown.saver.isopen()


def test_what_others_would_miss_leads_to_the_form(shown, backend, qtbot):
    shown.saver.settings["recording", "template"] = "bare"
    shown.check("do_save")
    save_frame(shown.saver)
    shown.saver.flush()
    notes = shown.saver.tree.sections["Notes"]
    for is_live in (True, False):
        shown.press("show_file")
        browser = shown.saver.analysis_prog
        browser.select("/")
        assert browser.wait()
        browser.panel.show_tab("For others")
        said = browser.panel.for_others.text()
        assert ("no ORCID" if backend == "h5py" else "h5py alone") in said
        assert ("when the recording ended" in said) == (is_live and backend == "h5py")
        notes.setExpanded(False)
        assert browser.panel.form_button.isVisible()
        qtbot.mouseClick(browser.panel.form_button, QtCore.Qt.MouseButton.LeftButton)
        assert notes.isExpanded()
        if is_live:
            shown.check("do_save")
            settle(shown.saver)


def test_to_show_the_content_of_no_file_is_no_error(shown):
    shown.press("show_file")
    assert shown.commands() == ["message"] and "no file" in shown.said[0].message
    assert shown.saver.status().problem == ""
    assert shown.saver.analysis_prog is None
