"""Bundles: searching, adding, copies."""

from __future__ import annotations

import copy
import time

import numpy as np
import pytest

from h5saver_widget.data import DataCalculated, DataRaw, DataSource, DataToExport
from h5saver_widget.errors import DataMismatchError


def bundle() -> DataToExport:
    """Return four data objects: two origins, one without, three dimensions."""
    return DataToExport(
        "grab",
        [
            DataRaw("image", data=[np.zeros((4, 3))], origin="cam"),
            DataRaw("temp", data=[np.zeros(1)], origin="lab"),
            DataCalculated("temp", data=[np.ones(1)], origin="cam"),
            DataRaw("scan/x", data=[np.zeros((4, 3))], nav_indexes=(0,)),
        ],
        timestamp=5.0,
        run=7,
    )


def test_it_is_a_named_timed_list() -> None:
    dte = bundle()
    assert (dte.name, dte.timestamp, len(dte), dte.run, dte.extra_attributes) == (  # type: ignore[attr-defined]
        "grab",
        5.0,
        4,
        7,
        ["run"],
    )
    assert [dwa.name for dwa in dte] == [dwa.name for dwa in dte.data] == ["image", "temp", "temp", "scan/x"]
    assert dte[0] is dte.data[0]
    assert dte[1:3].get_full_names() == ["lab/temp", "cam/temp"]
    with pytest.raises(IndexError):
        dte[4]


def test_defaults_and_no_leak() -> None:
    before = time.time()
    one, two = DataToExport("a"), DataToExport("b")
    one.append(DataRaw("x", data=1))
    one.add_extra_attribute(gain=1)
    assert (len(two), two.extra_attributes, one.gain) == (0, [], 1)  # type: ignore[attr-defined]
    assert before <= one.timestamp <= time.time()
    given = [DataRaw("x", data=1)]
    DataToExport("c", given).append(DataRaw("y", data=1))
    assert len(given) == 1


def test_searching() -> None:
    dte = bundle()
    assert dte.get_dim_presents() == ["Data0D", "Data2D", "DataND"]
    assert dte.get_names() == ["image", "temp", "temp", "scan/x"]
    assert dte.get_names("data0d") == ["temp", "temp"]
    assert dte.get_origins() == ["cam", "lab", "grab"]
    assert dte.get_origins("Data0D") == ["lab", "cam"]
    assert dte.get_full_names() == ["cam/image", "lab/temp", "cam/temp", "grab/scan/x"]
    assert dte.get_full_names("DataND") == ["grab/scan/x"]
    assert dte.get_data_from_dim("Data0D").get_full_names() == ["lab/temp", "cam/temp"]
    assert dte.get_data_from_source(DataSource.calculated).get_full_names() == ["cam/temp"]
    assert dte.get_data_from_origins(["cam", "grab"]).get_names() == ["image", "temp", "scan/x"]
    assert len(dte.get_data_from_origins("lab")) == 1
    assert dte.get_data_from_name("temp") is dte[1]
    assert dte.get_data_from_name("none") is None
    assert dte.get_data_from_name_origin("temp", "cam") is dte[2]
    assert dte.get_data_from_name_origin("temp") is dte[1]
    assert dte.get_data_from_name_origin("temp", "none") is None
    assert dte.get_data_from_full_name("grab/scan/x") is dte[3]
    assert dte.get_data_from_full_name("x") is None
    assert dte[3].origin == ""


def test_a_part_keeps_name_time_and_attributes() -> None:
    dte = bundle()
    part = dte.get_data_from_dim("Data2D")
    assert (part.name, part.timestamp, part.run) == ("grab", 5.0, 7)  # type: ignore[attr-defined]
    part.append(DataRaw("x", data=1))
    part.add_extra_attribute(more=1)
    assert (len(dte), dte.extra_attributes) == (4, ["run"])


def test_append() -> None:
    dte = DataToExport("a", DataRaw("x", data=1, origin="o"))
    dte.append(DataRaw("x", data=2, origin="o"))
    assert len(dte) == 2  # nothing is replaced
    dte.append([DataRaw("y", data=2)])
    dte.append(bundle())
    dte.append(dte)
    assert len(dte) == 14


@pytest.mark.parametrize(("wrong", "word"), [(3, "int"), ([3], "int"), ("ab", "str"), ([None], "NoneType")])
def test_messages(wrong: object, word: str) -> None:
    dte = bundle()
    for action in (lambda: DataToExport("grab", wrong), lambda: dte.append(wrong)):  # type: ignore[arg-type]
        with pytest.raises(DataMismatchError, match=f"'grab': expected DataWithAxes objects, got {word}"):
            action()
    assert len(dte) == 4
    with pytest.raises(DataMismatchError, match="extra attribute 'data'"):
        dte.add_extra_attribute(data=3)
    with pytest.raises(ValueError, match="is not a DataDim"):
        dte.get_data_from_dim("Data5D")


@pytest.mark.parametrize("duplicate", [DataToExport.deepcopy, copy.deepcopy])
def test_deep_copies_and_equality(duplicate: object) -> None:
    dte = bundle()
    new = duplicate(dte)  # type: ignore[operator]
    assert new == dte
    new[0][0][0, 0] = 5
    assert new != dte
    assert dte == bundle()
    assert dte != DataToExport("other", dte.data)
    assert dte != dte[1:]
    assert dte != 3


def test_repr_is_one_useful_line() -> None:
    assert repr(bundle()[1:3]) == "<DataToExport 'grab': 2 data [lab/temp Data0D, cam/temp Data0D]>"
