"""Frames that are like the one before go a short way; what is in the file is what the long way would have written."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from h5saver_widget import (
    Axis,
    DataRaw,
    DataToExport,
    DataToExportEnlargeableSaver,
    DataToExportExtendedSaver,
    H5SaverLowLevel,
)
from h5saver_widget.saving.repeated import FramePattern

WAYS = [("h5py", False), ("tables", False), ("h5py", True)]


@pytest.fixture(params=WAYS, ids=["h5py", "tables", "isolated"], scope="module")
def h5saver(request: pytest.FixtureRequest) -> Iterator[H5SaverLowLevel]:
    saver = H5SaverLowLevel("detector", request.param[0], isolated=request.param[1])
    yield saver
    saver.close_file()


def frame(number: int, change: str = "") -> tuple[DataToExport, list[Any]]:
    """Return a frame, and the value of its axis; `change`: what is other about it."""
    value: Any = number / 2
    scalars = [np.array([number + i / 10]) for i in range(3)]
    labels, units = ["a", "b", "c"], "V"
    line, position, extras = np.arange(4.0) + number, np.arange(4.0), {}
    if change == "units":
        units = "mV"
    elif change == "order":
        labels, scalars = ["c", "a", "b"], [scalars[2], scalars[0], scalars[1]]
    elif change == "dtype":
        line = line + 1j
    elif change == "integers":
        scalars = [np.array([number]) for _ in range(3)]
    elif change == "strided":
        line = np.repeat(line, 2)[::2]
    elif change == "swapped":
        line = line.astype(">f8")
    elif change == "shape":
        line, position = np.arange(5.0), np.arange(5.0)
    elif change == "axis":
        position = position + 1
    elif change == "extra":
        extras = {"gain": number}
    elif change == "whole":
        value = number
    data = [
        DataRaw("scalars", data=scalars, labels=labels, units=units, **extras),
        DataRaw("line", data=[line], axes=[Axis("x", "mm", data=position, index=0)]),
    ]
    if change == "errors":
        data[0].errors = [np.array([0.1])] * 3
    elif change == "missing":
        del data[0]
    elif change == "new":
        data.append(DataRaw("new", data=[np.array([1.0])]))
    elif change == "turned":
        data.reverse()
    return DataToExport("grab", data=data), [value]


CHANGES = [
    "units",
    "order",
    "dtype",
    "integers",
    "strided",
    "swapped",
    "shape",
    "axis",
    "extra",
    "whole",
    "errors",
    "missing",
    "new",
    "turned",
]


def content(path: Path) -> dict[str, Any]:
    """Return all arrays of a file, but for the log, and what tells segments apart."""
    found: dict[str, Any] = {}

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and "Logger" not in name:
            values = [row.tolist() for row in node] if node.dtype == object else node[()]
            found[name] = values, node.attrs.get("units"), node.attrs.get("label")
        else:
            found[name] = {key: node.attrs[key] for key in node.attrs if "row" in key}

    with h5py.File(path) as file:
        file["RawData"].visititems(visit)
    return found


def recorded(h5saver: H5SaverLowLevel, path: Path, changes: list[str], scan: bool = False) -> dict[str, Any]:
    """Save frames into a new file, one after the other or as the points of a scan, and return what is in it."""
    path.unlink(missing_ok=True)
    h5saver.init_file(path)
    growing = DataToExportEnlargeableSaver(h5saver, ["position"], ["mm"])
    points = DataToExportExtendedSaver(h5saver, (len(changes),))
    for number, change in enumerate(changes):
        dte, values = frame(number, change)
        if scan:
            points.add_data("/RawData", dte, indexes=(number,))
        else:
            growing.add_data("/RawData", dte, axis_values=values)
        if number == 7:
            h5saver.flush()
    assert h5saver.statistics().frames_received == len(changes)
    h5saver.flush()
    counted = h5saver.statistics()
    assert (counted.frames_written, counted.frames_dropped) == (len(changes), 0)
    h5saver.close_file()
    return content(path)


def changes_in_place(dwa: DataRaw) -> Iterator[None]:
    """Change one thing after the other in a data object that stays the same."""
    yield
    for name, value in (("name", "other"), ("origin", "det"), ("units", "mV"), ("labels", ["a", "b"])):
        setattr(dwa, name, value)
        yield
    dwa.labels[1] = "c"
    yield
    dwa.axes[0].get_data()[2] = 7.0
    yield
    dwa.axes[0].units = "um"
    yield
    dwa.data[0] = dwa.data[0].astype(np.float32)
    yield
    dwa.gain = 2.0  # not said to be saved
    dwa.extra_attributes.append("gain")
    yield
    dwa.gain = 3.0
    yield
    dwa.errors = [np.ones(4), np.ones(4)]
    yield
    dwa.errors, dwa.axes = None, []
    yield


def test_what_is_changed_in_place_is_seen(tmp_path: Path, h5saver: H5SaverLowLevel) -> None:
    def recorded_as(given: Any, path: Path) -> dict[str, Any]:
        h5saver.init_file(path)
        saver = DataToExportEnlargeableSaver(h5saver, ["number"], [""])
        dwa = DataRaw("line", data=[np.arange(4.0)] * 2, axes=[Axis("x", "mm", np.arange(4.0))])
        for change, _ in enumerate(changes_in_place(dwa)):
            for number in range(4):
                saver.add_data("/RawData", given(DataToExport("grab", data=[dwa])), axis_values=[change + number / 4])
        h5saver.close_file()
        return content(path)

    same = recorded_as(lambda dte: dte, tmp_path / "same.h5")
    np.testing.assert_equal(same, recorded_as(copy.deepcopy, tmp_path / "new.h5"))
    assert len(same) > 20


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.sampled_from(CHANGES), st.integers(1, 3)), min_size=1, max_size=4),
    st.booleans(),
)
@example([(3, change, 3) for change in ("units", "shape", "strided", "units")], True)
def test_the_short_way_writes_what_the_long_way_writes(
    tmp_path_factory: pytest.TempPathFactory, h5saver: H5SaverLowLevel, parts: list[tuple[int, str, int]], scan: bool
) -> None:
    folder = tmp_path_factory.mktemp("repeated")
    changes = [change for like, other, often in parts for change in [""] * like + [other] * often]
    short = recorded(h5saver, folder / "short.h5", changes, scan)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(FramePattern, "can_repeat", staticmethod(lambda *_: False))
        long = recorded(h5saver, folder / "long.h5", changes, scan)
    assert short.keys() == long.keys()
    for name, found in long.items():
        np.testing.assert_equal(short[name], found)


@pytest.mark.parametrize("scan", [False, True], ids=["recording", "scan"])
def test_most_frames_go_the_short_way(
    tmp_path: Path, h5saver: H5SaverLowLevel, monkeypatch: pytest.MonkeyPatch, scan: bool
) -> None:
    count, real = [0], FramePattern.values_of

    def values_of(self: FramePattern, *args: Any) -> list[Any] | None:
        found = real(self, *args)
        count[0] += found is not None
        return found

    monkeypatch.setattr(FramePattern, "values_of", values_of)
    changes = [""] * 20
    changes[10], changes[15] = "strided", "units"
    recorded(h5saver, tmp_path / "a.h5", changes, scan)
    assert count[0] >= 12


def test_the_caller_may_change_its_arrays_afterwards(tmp_path: Path, h5saver: H5SaverLowLevel) -> None:
    h5saver.init_file(tmp_path / "a.h5")
    saver = DataToExportEnlargeableSaver(h5saver, ["position"], ["mm"])
    dte, _ = frame(0)
    for number in range(6):
        for array in dte.data[0].data:
            array[:] = number
        saver.add_data("/RawData", dte, axis_values=[float(number)])
    h5saver.close_file()
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["RawData/Data0D/CH00/EnlData01"][:, 0].tolist() == [0, 1, 2, 3, 4, 5]
