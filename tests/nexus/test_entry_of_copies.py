"""The entry of copied, repaired and damaged files, and what an archive would miss in one."""

from __future__ import annotations

from contextlib import closing

import h5py
import numpy as np
import pytest
from kinds_of_file import (
    continuous,
    plain,
    scan,
    snapshot,
    text,
    written,
)
from nexusformat.nexus.validate import validate_application
from silx.io import nxdata

from h5saver_widget import (
    DataLoader,
    H5Backend,
    H5SaverLowLevel,
)
from h5saver_widget.archiving.missing import missing_in
from h5saver_widget.archiving.template import find_template
from h5saver_widget.backends.h5py_rescue import rescue
from h5saver_widget.backends.registry import create_backend
from h5saver_widget.backends.shown_again import PLACES
from h5saver_widget.backends.terms import Plain
from h5saver_widget.cli import main
from h5saver_widget.exporters import export
from h5saver_widget.recovery import Condition, check_file, repair_file
from h5saver_widget.remote.transfer import copy_all
from h5saver_widget.saving.entry_of_copies import add_entry


def test_what_an_archive_would_miss_is_told(tmp_path, capsys):
    good = written(tmp_path / "good.h5", "h5py", scan, entry="always")
    assert main(["validate", str(good), "--pynx", "true"]) == 1  # which does not call it valid
    assert main(["validate", str(good), "--pynx", "no-such-program"]) == 0
    said = capsys.readouterr().out
    assert "what was measured" in said and "error" not in said and "could not be started" in said
    bare = written(tmp_path / "bare.h5", "tables", snapshot, nexus=False)
    with h5py.File(good, "r+") as file:
        file["_i_entry"].attrs["default"] = "nothing"
        del file["_i_entry/start_time"]
        file["_i_entry/scan000_det_image"].attrs["signal"] = "gone"
        file["_i_entry/scan000_det_curve/CH00"].attrs["units"] = "three"
    with H5Backend("h5py") as h5:
        h5.open_file(good)
        found = [str(one) for one in missing_in(h5) if one.is_error or "unit" in one.what]
    assert [line.partition(":")[0] for line in found] == ["/_i_entry", "/_i_entry", "/_i_entry/scan000_det_image",
                                                         "/_i_entry/scan000_det_curve/CH00"]  # fmt: skip
    assert main(["validate", str(good)]) == 1 and main(["validate", str(bare)]) == 1
    assert "there is no NXentry" in capsys.readouterr().out
    (tmp_path / "no.h5").write_bytes(b"nothing")
    assert main(["validate", str(tmp_path / "no.h5")]) == 3


def test_a_view_of_an_array_that_another_program_has_deleted_is_named(backend, tmp_path):
    path = tmp_path / "a.h5"
    written(path, backend, snapshot, entry="always")
    with h5py.File(path, "r+") as file:
        gone = text(file["_i_entry/det_curve/CH00"].attrs["target"])
        del file[gone]
        assert not file["_i_entry/det_curve/CH00"][()].any()  # HDF5 shows zeros, and no error
    with H5Backend("h5py") as h5:
        h5.open_file(path)
        (found,) = [one for one in missing_in(h5) if one.is_error]
    assert (found.where, gone in found.what) == ("/_i_entry/det_curve/CH00", True)


@pytest.mark.parametrize("is_new", [True, False])
def test_what_a_person_told_may_be_of_any_length(backend, tmp_path, is_new):
    texts = {"none": "", "short": "µ", "long": "words " * 40_000}
    with H5SaverLowLevel(backend=backend) as saver:
        saver.init_file(tmp_path / "a.h5")
        if not is_new:
            snapshot(saver)
        saver.session.entry.describe(
            {
                "notes": Plain(
                    "group", {"NX_class": "NXnote"}, members={n: Plain("text", {}, t) for n, t in texts.items()}
                )
            }
        )
    with h5py.File(tmp_path / "a.h5") as file:
        assert {name: text(file[f"_i_entry/notes/{name}"][()]) for name in texts} == texts


def test_a_copy_by_values_has_an_entry_with_what_a_person_told(backend, tmp_path):
    told = find_template("optics").shown({"Sample": "Si µ", "Power": "3", "User": "Ada", "Wavelength": "red"})
    with H5SaverLowLevel(backend=backend) as saver:
        saver.init_file(tmp_path / "a.h5")
        scan(saver)
        saver.session.entry.describe(told)
    with closing(create_backend(backend)) as source, closing(create_backend(backend)) as target:
        source.open(tmp_path / "a.h5", "r")
        target.open(tmp_path / "b.h5", "x")
        copy_all(source, target)
        assert add_entry(target) and not add_entry(target)
    with h5py.File(tmp_path / "a.h5") as one, h5py.File(tmp_path / "b.h5") as other:
        assert {*one["_i_entry"]} - {*other["_i_entry"]} == {"end_time"}
        assert text(other["_i_entry/sample/name"][()]) == "Si µ" and text(other["_i_entry/user/name"][()]) == "Ada"
        assert other["_i_entry/instrument/source/power"].attrs["units"] == "mW"
        shown, copied = nxdata.get_default(one), nxdata.get_default(other)
        assert shown.group.name == copied.group.name and shown.axes_names == copied.axes_names
        np.testing.assert_array_equal(shown.signal, copied.signal)
    assert validate_application(tmp_path / "b.h5")[1] == 0


def test_error_bars_are_those_of_their_array_in_a_copy(backend, tmp_path):
    """There, all arrays of a group are known before the entry is made."""
    path = written(tmp_path / "a.h5", backend, plain, entry="always")
    with closing(create_backend(backend)) as source, closing(create_backend(backend)) as target:
        source.open(path, "r")
        target.open(tmp_path / "b.h5", "x")
        copy_all(source, target)
        assert add_entry(target)
    for name in ("a.h5", "b.h5"):
        with h5py.File(tmp_path / name) as file:
            entry = file["_i_entry"]
            shown = {name: sorted(entry[name]) for name in entry if name.startswith("det")}
        assert shown == {"det": ["CH00", "CH00_errors", "CH01", "CH01_errors", "x"], "det_2": ["CH00", "y"]}


@pytest.mark.parametrize("lost", PLACES["always"])
def test_half_of_an_entry_is_in_nobodys_way(backend, tmp_path, lost):
    """As in a copy of a damaged file."""
    path = written(tmp_path / "a.h5", backend, scan, entry="always")
    with h5py.File(path, "r+") as file:
        del file[lost]
    with DataLoader(path, backend=backend) as loader:
        assert len(loader.load_all()) > 3
        assert not export(loader.get_node("/"), tmp_path / "b.h5").notes
    with H5Backend("h5py") as h5:
        h5.open_file(path)
        assert missing_in(h5)
    assert check_file(path).condition is Condition.GOOD
    written(path, backend, snapshot)
    with DataLoader(path, backend=backend) as loader:
        assert len(loader.load_all("/RawData/Detector000")) == 3


def test_an_entry_of_another_program_is_left_alone(backend, tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["default"] = "entry"
        file.create_group("entry/mine")
    written(tmp_path / "a.h5", backend, snapshot, entry="always")
    with h5py.File(tmp_path / "a.h5") as file:
        assert list(file["entry"]) == ["mine"]


@pytest.mark.parametrize(("make", "first"), [(continuous, "det_image"), (scan, "scan000_det_image")])
def test_a_repaired_file_has_no_views_of_lost_arrays(tmp_path, make, first):
    """They would show zeros, or end validators."""
    path = written(tmp_path / "a.h5", "h5py", make, entry="always")
    with h5py.File(path, "r+") as file:
        lost = file[f"_i_entry/{first}/CH00"].attrs["target"]
        del file[text(lost).rpartition("/CH")[0]]
        told = [*rescue(file, str(tmp_path / "b.h5"), path.stat().st_size, {}, set(), set())]
    assert {said["what"] for said in told if said.get("state") == "lost"} == {"the array that it shows is lost"}
    with h5py.File(tmp_path / "b.h5") as file:
        assert first not in file["_i_entry"] and file[f"_i_entry/{first.replace('image', 'curve')}/CH00"].shape == (
            4,
            3,
        )
    assert validate_application(tmp_path / "b.h5")[1] == 0


def test_a_repaired_file_has_no_entry_of_data_that_are_all_lost(backend, tmp_path):
    path = written(tmp_path / "a.h5", backend, continuous, entry="always")
    with h5py.File(path) as file:
        address = h5py.h5o.get_info(file["RawData"].id).addr
    with path.open("r+b") as raw:
        raw.seek(address)
        raw.write(bytes(16))
    report = repair_file(path)
    assert "the NeXus entry was left out: the data that it shows are lost" in report.done
    with h5py.File(report.out) as file:
        assert list(file) == []


@pytest.mark.parametrize("lost", [1, 2])
def test_a_repaired_file_has_an_entry_although_the_groups_of_the_old_one_are_lost(backend, tmp_path, lost):
    """Their names are not listed any more, as after a kill in the middle of a flush."""
    path = written(tmp_path / "a.h5", backend, continuous, entry="always")
    with h5py.File(path, "r+") as file:
        address = h5py.h5o.get_info(file["RawData/Logger"].id).addr
        for place in PLACES["always"][:lost]:
            del file[place]
    with path.open("r+b") as raw:
        raw.seek(address)
        raw.write(bytes(16))
    report = repair_file(path)
    assert "the NeXus entry, which shows the data once more, was made anew" in report.done
    with h5py.File(report.out) as file:
        assert nxdata.get_default(file).group.name == "/_i_entry/det_image"
    assert validate_application(report.out)[1] == 0


@pytest.mark.parametrize("entry", PLACES)
def test_a_repaired_file_has_an_entry_of_all_that_is_left(backend, tmp_path, entry):
    path = written(tmp_path / "a.h5", backend, continuous, entry=entry)
    with h5py.File(path) as file:
        lost = text(file[f"{PLACES[entry][0]}/det_image/CH00"].attrs["target"]).rpartition("/CH")[0]
        of_image = file[f"{PLACES[entry][0]}/det_image"].name
        ended = file[f"{PLACES[entry][0]}/end_time"][()]
        damaged = [h5py.h5o.get_info(file[place].id).addr for place in (lost, of_image)]
    with path.open("r+b") as raw:
        for address in damaged:
            raw.seek(address)
            raw.write(bytes(16))
    report = repair_file(path)
    assert {problem.path for problem in report.lost} == {lost} and set(report.objects.values()) == {"whole", "lost"}
    assert "the NeXus entry, which shows the data once more, was made anew" in report.done
    with h5py.File(report.out) as file:
        shown = file[PLACES[entry][0]]
        assert "det_image" not in shown and shown["det_curve/CH00"].shape == (4, 3)
        assert shown["end_time"][()] == ended
        assert text(file.attrs["default"]) == PLACES[entry][0].strip("/")
    assert validate_application(report.out)[1] == 0
