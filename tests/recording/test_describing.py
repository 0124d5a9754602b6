"""Templates: what blocks saving, what only warns, what is remembered, and where the values are in the file."""

from __future__ import annotations

import functools
import json
import threading
from types import SimpleNamespace

import h5py
import pytest

from h5saver_widget import H5SaverBase, ScanSaver
from h5saver_widget.archiving import units
from h5saver_widget.archiving.ready_made import READY_MADE
from h5saver_widget.archiving.template import Field, find_template, read_template
from h5saver_widget.archiving.units import unit_problem
from h5saver_widget.cli import main
from h5saver_widget.errors import DataMismatchError, TemplateError
from h5saver_widget.recording.describing import REMEMBERED
from h5saver_widget.recording.notes import Note

LAB = """
title = "Lab"
[[field]]
name = "Operator"
required = "warn"
path = "user/name"
[[field]]
name = "Sample"
required = "block"
empty_on_purpose = true
path = "sample/name"
[[field]]
name = "Bath temperature"
type = "number"
unit = "K"
ask_every_time = true
path = "sample/temperature"
[[field]]
name = "Atmosphere"
type = "choice"
choices = ["air", "argon"]
default = "air"
"""


@pytest.fixture
def saver(tmp_path, backend):
    (tmp_path / "lab.toml").write_text(LAB, "utf-8")
    made = H5SaverBase("detector", backend)
    made.settings["base_path"] = str(tmp_path / "data")
    made.settings["recording", "template"] = str(tmp_path / "lab.toml")
    yield made
    made.close_file()


def write(saver, **values):
    saver.notes = tuple(Note(n.name, values.get(n.name.replace(" ", "_"), n.value), n.unit) for n in saver.notes)


def test_an_empty_field_that_blocks_keeps_do_save_off_and_says_why(saver):
    assert [note.name for note in saver.notes] == ["Operator", "Sample", "Bath temperature", "Atmosphere"]
    with pytest.raises(TemplateError, match="Sample is empty"):
        saver.start()
    assert not saver.isopen() and "Sample is empty" in " ".join(saver.status().remarks)
    write(saver, Sample="Si", Bath_temperature="cold")
    with pytest.raises(TemplateError, match="got 'cold', expected a number in K"):
        saver.start()
    write(saver, Sample="-", Bath_temperature="")  # none, on purpose
    saver.start()
    assert saver.isopen() and "Operator is empty" in " ".join(saver.status().remarks)  # which only warns


def test_values_are_notes_and_stand_at_their_nexus_path(saver):
    write(saver, Operator="Ada", Sample="Si", Bath_temperature="4")
    saver.start()
    path = saver.file_path
    write(saver, Sample="Si, annealed")  # also while a file is open
    saver.stop()
    with h5py.File(path) as file:
        entry, about = file["_i_entry"], file["RawData"].attrs
        assert entry["user/name"][()] == b"Ada" and entry["sample/name"][()] == b"Si, annealed"
        assert entry["sample"].attrs["NX_class"] == "NXsample"
        temperature = entry["sample/temperature"]
        assert temperature[()] == 4.0 and temperature.dtype == float and temperature.attrs["units"] == "K"
        assert "4" in str(about["user_Bath_temperature"]) and "user_Atmosphere" in about


def test_another_application_definition_can_be_claimed(saver, tmp_path):
    (tmp_path / "own.toml").write_text(f'definition = "NXspectrum_of_ours"\n{LAB}', "utf-8")
    saver.settings["recording", "template"] = str(tmp_path / "own.toml")
    write(saver, Sample="Si")
    saver.start()
    path = saver.file_path
    saver.stop()
    with h5py.File(path) as file:
        definition = file["_i_entry/definition"]
        assert definition[()] == b"NXspectrum_of_ours" and "version" not in definition.attrs


def test_what_is_remembered_in_a_folder_comes_back_and_the_rest_is_asked_again(saver, tmp_path):
    write(saver, Operator="Ada", Sample="Si", Bath_temperature="4")
    saver.start()
    saver.stop()
    assert saver.describing.values() == {"Operator": "Ada", "Sample": "Si", "Bath temperature": "", "Atmosphere": "air"}
    assert json.loads((tmp_path / "data" / REMEMBERED).read_text()) == {
        "Operator": "Ada",
        "Sample": "Si",
        "Atmosphere": "air",
    }
    other = H5SaverBase("detector")
    other.settings["recording", "template"] = str(tmp_path / "lab.toml")
    assert other.describing.values()["Operator"] == ""
    other.settings["base_path"] = str(tmp_path / "data")
    assert other.describing.values()["Operator"] == "Ada" and other.describing.blocking() == []


def test_old_notes_go_on_working_beside_a_template(saver):
    saver.notes = (*saver.notes, Note("Laser", "on"))
    write(saver, Sample="Si")
    saver.start()
    assert saver.raw_group.attrs["user_Laser"] == "on"


@pytest.mark.parametrize("name", READY_MADE)
def test_ready_made_templates_can_be_used(name):
    template = find_template(name)
    assert template.title.lower() == name and "Sample" in [field.name for field in template.fields]


@pytest.mark.parametrize(("text", "why"), [
    ("title = ", "is no TOML"),
    ("color = 1", "got color, expected title, definition and"),
    ("field = 3", "expected title"),
    ("[[field]]\nname = '?'", "use letters"),
    ("[[field]]\nname = 'A'\nsize = 3", "'size' is unknown; a field has name, type"),
    ("[[field]]\nname = 'A'\nhelp = 3", "help is 3; expected a text in quotes"),
    ("[[field]]\nname = 'A'\ntype = 'colour'", "expected one of text, number"),
    ("[[field]]\nname = 'A'\ntype = 'choice'", "has choices"),
    ("[[field]]\nname = 'A'\ntype = 'number'\nunit = 'per 3'", "'per 3' is no unit"),
    ("[[field]]\nname = 'A'\ntype = 'number'\ndefault = 'x'", "default can't be used"),
    ("[[field]]\nname = 'A'\npath = 'laser/power'", "what kind of group 'laser' is"),
    ("[[field]]\nname = 'A'\npath = '../x'", "path '../x' is none"),
    ("[[field]]\nname = 'A'\n[[field]]\nname = 'a'", "another field has the same name"),
])  # fmt: skip
def test_a_mistake_in_a_template_is_told_with_its_place(text, why):
    with pytest.raises(TemplateError, match=why.replace("[", r"\[").replace("?", r"\?")):
        read_template(text, "lab.toml")


def test_whether_pint_knows_a_unit_is_no_question_of_the_gui_thread(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(units, "_registry", functools.cache(lambda: asked.append(threading.current_thread())))
    units._load_soon.cache_clear()
    template = "[[field]]\nname = 'A'\ntype = 'number'\nunit = 'three'"
    assert read_template(template).fields[0].unit == "three" and not asked
    assert unit_problem("three", at_once=True) == "" and "is no unit" in unit_problem("per 3", at_once=True)
    while not asked:
        pass
    assert asked != [threading.main_thread()]
    monkeypatch.undo()
    (tmp_path / "lab.toml").write_text(template)
    assert main(["template", "check", str(tmp_path / "lab.toml")]) == 1  # there is nobody whom waiting would keep
    assert "'three' is no unit" in capsys.readouterr().err and unit_problem("three", at_once=True)


def test_values_are_checked_by_their_type():
    assert Field("Id", "orcid").problem("0000-0002-1825-0097") == ""
    assert "expected an ORCID" in Field("Id", "orcid").problem("1825")
    assert "expected a whole number" in Field("N", "integer").problem("1.5")
    assert "expected one of a, b" in Field("C", "choice", choices=("a", "b")).problem("c")


def test_the_state_of_registered_instruments_is_kept_with_each_scan(backend, tmp_path):
    laser = SimpleNamespace(title="Laser 1", settings={"power": 3.5})
    gone = type("Lamp", (), {"title": "Lamp", "settings": {}})()
    saver = H5SaverBase("scan", backend)
    saver.settings["base_path"] = str(tmp_path)
    for module in (laser, laser, gone):
        saver.register(module)
    with pytest.raises(DataMismatchError, match="without settings"):
        saver.register(SimpleNamespace(title="Pump"))
    del gone, module
    saver.start()
    found = []
    for power in (3.5, 4.0):
        laser.settings["power"] = power
        scan = ScanSaver(SimpleNamespace(title="Scan", modules_manager=None))
        scan.h5saver = saver
        found.append(scan.get_set_node(new=True).attrs.to_dict())
    saver.stop()
    assert [b"3.5" in about["Laser_1_settings"] for about in found] == [True, False]
    assert b"4.0" in found[1]["Laser_1_settings"] and not any("Lamp" in name for name in found[0])
