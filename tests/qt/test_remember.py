"""Settings that last from one start of a program to the next; signals survive."""

from __future__ import annotations

import json
import math

import pytest
from pyqtgraph.Qt import QtCore
from recording_helpers import stop

from h5saver_widget.qt.remember import restore_settings, save_settings


@pytest.fixture
def store(tmp_path) -> QtCore.QSettings:
    return QtCore.QSettings(str(tmp_path / "lab.ini"), QtCore.QSettings.Format.IniFormat)


def again(store: QtCore.QSettings) -> QtCore.QSettings:
    return QtCore.QSettings(store.fileName(), QtCore.QSettings.Format.IniFormat)


def test_every_kind_of_value_comes_back(make, backend, store, tmp_path):
    first = make("detector", "h5py").saver.settings
    first["base_path"] = str(tmp_path / "Messdaten ä")
    first["base_name"], first["save_2D"] = "Laser", False
    first["backend", "backend_type"] = backend
    first["data_format", "fill_value"] = 0.0
    first["data_format", "dynamic"] = "uint16"
    first["data_format", "compression_options", "h5comp_level"] = 4
    first["recording", "roll_over_time"] = 2.5
    first["recording", "notes"] = '[["Sample", "Si ä", ""]]'
    save_settings(first, store)
    second = make("detector", "h5py").saver
    seen = []
    second.settings.child("base_name").sigValueChanged.connect(lambda param, value: seen.append(value))
    base_name = second.settings.child("base_name")
    assert restore_settings(second.settings, again(store)) == ()
    assert second.settings.child("base_name") is base_name and seen == ["Laser"]
    for path in (("base_path",), ("save_2D",), ("data_format", "dynamic"), ("recording", "roll_over_time")):
        assert second.settings[path] == first[path]
    assert second.backend == backend and second.compression.level == 4
    assert second.notes[0].value == "Si ä" and second.fill_value == 0.0
    first["data_format", "fill_value"] = math.nan
    save_settings(first, store)
    restore_settings(second.settings, again(store))
    assert math.isnan(second.fill_value)


def test_what_belongs_to_a_moment_is_not_kept(make, store):
    shown = make()
    shown.check("do_save")
    shown.saver.settings.addChild({"name": "hsds", "type": "group", "children": [{"name": "password", "type": "str"}]})
    shown.saver.settings["hsds", "password"] = "hush"
    save_settings(shown.saver.settings, store)
    kept = json.loads(store.value("h5saver"))
    assert not {"do_save", "current_h5_file", "save_type"} & set(kept)
    with open(store.fileName()) as file:
        assert "hush" not in file.read()
    stop(shown.saver)
    restore_settings(shown.saver.settings, again(store))
    assert not shown.saver.settings["do_save"] and not shown.saver.isopen()


@pytest.mark.parametrize("text", ["", "no json", "[1]", '{"base_name": 3, "gone": 1, "save_2D": "yes"}', "{" * 9999])
def test_what_does_not_fit_changes_nothing(make, store, text):
    saver = make().saver
    before = str(saver.settings.saveState("user"))
    store.setValue("h5saver", text)
    left = restore_settings(saver.settings, store)
    assert bool(left) == bool(text) and str(saver.settings.saveState("user")) == before


def test_values_out_of_range_and_unknown_choices_are_left(make, store):
    saver = make().saver
    wrong = {
        "data_format/compression_options/h5comp_level": 11,
        "data_format/dynamic": "int3",
        "backend/backend_type": "x",
    }
    store.setValue("h5saver", json.dumps(wrong))
    assert set(restore_settings(saver.settings, store)) == set(wrong)
    assert saver.settings["data_format", "compression_options", "h5comp_level"] == 0
