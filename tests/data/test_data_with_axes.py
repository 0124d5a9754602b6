"""Data objects: what is accepted, what is refused and in which words, equality and copies."""

from __future__ import annotations

import copy
import pickle
import time
from enum import Enum

import numpy as np
import pytest

from h5saver_widget.data import (
    Axis,
    DataActuator,
    DataCalculated,
    DataDim,
    DataDistribution,
    DataFromRoi,
    DataRaw,
    DataSource,
    DataWithAxes,
)
from h5saver_widget.errors import AxisError, DataMismatchError, H5SaverError

FRAME = np.arange(6).reshape(2, 3)


def frame(**changes: object) -> DataWithAxes:
    """Return a 2D object with everything, changed by keyword."""
    arguments: dict[str, object] = {
        "name": "camera",
        "source": "raw",
        "data": [FRAME, FRAME * 0.5],
        "labels": ["left", "right"],
        "origin": "Det 00",
        "units": "counts",
        "axes": [Axis("y", "um", np.array([-1, 1]), 0), Axis("x", "um", np.array([10, 11, 12]), 1)],
        "errors": [np.ones((2, 3)), np.full((2, 3), 2.0)],
        "timestamp": 12.5,
        "exposure": 0.1,
    }
    return DataWithAxes(**{**arguments, **changes})  # type: ignore[arg-type]


def test_everything_is_held_as_given() -> None:
    dwa = frame()
    assert (dwa.name, dwa.origin, dwa.units, dwa.timestamp) == ("camera", "Det 00", "counts", 12.5)
    assert (dwa.source, dwa.distribution, dwa.dim) == (DataSource.raw, DataDistribution.uniform, DataDim.Data2D)
    assert (dwa.shape, dwa.ndim, dwa.size, dwa.length, len(dwa)) == ((2, 3), 2, 6, 2, 2)
    assert dwa.dtype == FRAME.dtype
    assert dwa[0] is dwa.data[0] is FRAME
    assert [array.dtype.kind for array in dwa] == ["i", "f"]
    assert len(dwa[0:2]) == 2
    assert dwa.get_full_name() == "Det 00/camera"
    with pytest.raises(IndexError):
        dwa[2]


def test_defaults_and_no_leak_between_objects() -> None:
    before = time.time()
    one, two = DataWithAxes("a", data=[FRAME]), DataWithAxes("b", data=[FRAME])
    assert one.source is DataSource.raw
    assert before <= one.timestamp <= time.time()
    assert (one.labels, one.axes, one.errors, one.nav_indexes, one.extra_attributes) == (["CH00"], [], None, (), [])
    one.axes.append(Axis(index=0, size=2))
    one.labels.append("x")
    one.data.append(FRAME)
    one.add_extra_attribute(gain=2)
    assert (two.labels, two.axes, len(two), two.extra_attributes) == (["CH00"], [], 1, [])
    assert not hasattr(two, "gain")


def test_the_lists_of_the_caller_are_not_changed() -> None:
    data, labels, axes = [FRAME, FRAME], ["a"], [Axis("open", index=0)]
    dwa = DataWithAxes("a", data=data, labels=labels, axes=axes)
    assert labels == ["a"]
    assert not axes[0].is_sized
    assert dwa.axes[0].size == 2
    dwa.data.pop()
    assert len(data) == 2


@pytest.mark.parametrize("given", [3, 3.5, np.float32(3), np.array(3), [3], [np.array(3.0)], [np.int16(3)], (3,)])
def test_numbers_become_one_point_arrays(given: object) -> None:
    dwa = DataRaw("a", data=given)  # type: ignore[arg-type]
    assert (dwa.shape, dwa.dim, len(dwa)) == ((1,), DataDim.Data0D, 1)


def test_a_single_array_is_one_channel() -> None:
    assert DataRaw("a", data=FRAME)[0] is FRAME


@pytest.mark.parametrize(
    ("shape", "nav", "dim"),
    [
        ((1,), (), "Data0D"),
        ((0,), (), "Data1D"),
        ((4,), (), "Data1D"),
        ((1, 1), (), "Data2D"),
        ((4, 3, 2), (), "DataND"),
        ((4,), (0,), "DataND"),
        ((4, 3), (1,), "DataND"),
    ],
)
def test_dim_is_computed(shape: tuple[int, ...], nav: tuple[int, ...], dim: str) -> None:
    dwa = DataRaw("a", data=[np.zeros(shape)], nav_indexes=nav)
    assert dwa.dim.name == dim
    assert DataRaw("a", dim=dim, data=[np.zeros(shape)], nav_indexes=nav).dim is dwa.dim
    assert sorted(dwa.nav_indexes + dwa.sig_indexes) == list(range(len(shape)))


def test_dim_before_extension_is_accepted_with_navigation() -> None:
    assert DataRaw("scan", dim="Data1D", data=[np.zeros((5, 3))], nav_indexes=[0]).dim is DataDim.DataND


def test_a_spectrum_of_one_point_stays_1d() -> None:
    assert DataRaw("a", dim=DataDim.Data1D, data=[np.zeros(1)]).dim is DataDim.Data1D


def test_foreign_enum_members_are_taken_by_name() -> None:
    class Foreign(Enum):
        Data2D = 2
        spread = 1
        calculated = 7

    dwa = frame(dim=Foreign.Data2D, source=Foreign.calculated, distribution=Foreign.spread, axes=[], errors=None)
    assert (dwa.dim, dwa.source, dwa.distribution) == (
        DataDim.Data2D,
        DataSource.calculated,
        DataDistribution.spread,
    )
    dwa.source = Foreign.calculated  # type: ignore[assignment]
    assert dwa.source is DataSource.calculated


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"data": None}, DataMismatchError, "'camera': expected a list of numpy arrays, one per channel, got NoneType"),
        ({"data": []}, DataMismatchError, "expected a list of numpy arrays, one per channel, got an empty one"),
        ({"data": "abc"}, DataMismatchError, "one per channel, got str"),
        ({"data": [[1, 2]]}, DataMismatchError, "expected numpy arrays as channels, got list"),
        (
            {"data": [np.zeros(3), np.zeros((3, 2))]},
            DataMismatchError,
            r"channel 1 has shape \(3, 2\), channel 0 has shape \(3,\)",
        ),
        ({"labels": ["a", "b", "c"]}, DataMismatchError, r"has 2 channels but 3 labels: \['a', 'b', 'c'\]"),
        ({"labels": "ab"}, DataMismatchError, "expected a list of str, got the str 'ab'"),
        ({"dim": "Data1D"}, DataMismatchError, r"shape \(2, 3\) is Data2D, but dim is Data1D"),
        ({"dim": "DataND"}, DataMismatchError, "leave dim out or give nav_indexes"),
        ({"dim": "Data7D"}, ValueError, "'Data7D' is not a DataDim; expected one of: Data0D"),
        ({"source": "cooked"}, ValueError, "'cooked' is not a DataSource; expected one of: raw, calculated"),
        ({"distribution": 3}, ValueError, "3 is not a DataDistribution"),
        ({"nav_indexes": (2,)}, DataMismatchError, r"got \(2,\), expected different dimensions among 0 to 1"),
        ({"nav_indexes": (-1,)}, DataMismatchError, r"got \(-1,\), expected different"),
        ({"nav_indexes": (0, 0)}, DataMismatchError, r"got \(0, 0\), expected different"),
        ({"nav_indexes": 0}, DataMismatchError, "expected a tuple of ints, got 0"),
        ({"nav_indexes": ("x",)}, DataMismatchError, r"expected a tuple of ints, got \('x',\)"),
        (
            {"axes": [Axis("z", data=np.zeros(4), index=1)]},
            AxisError,
            r"'z' has 4 values, but dimension 1 of data 'camera' has 3 points \(shape \(2, 3\)\)",
        ),
        ({"axes": [Axis("z", index=2)]}, AxisError, r"'z' has index 2, but data 'camera' .* has 2 dimensions"),
        (
            {"axes": [Axis("z", index=0), Axis("w", index=0)]},
            AxisError,
            "axes 'z' and 'w' of data 'camera' both have index 0",
        ),
        ({"axes": [np.arange(3)]}, AxisError, "expected Axis objects, got ndarray"),
        (
            {"errors": [np.ones((2, 3))]},
            DataMismatchError,
            r"got 1 arrays of shape \(2, 3\), expected 2 of shape \(2, 3\)",
        ),
        (
            {"errors": [np.ones(2), np.ones(2)]},
            DataMismatchError,
            r"got 2 arrays of shape \(2,\), expected 2 of shape \(2, 3\)",
        ),
        ({"shape": 3}, DataMismatchError, "extra attribute 'shape': the name is used by DataWithAxes itself"),
        ({"_data": 3}, DataMismatchError, "extra attribute '_data'"),
        ({"extra_attributes": []}, DataMismatchError, "extra attribute 'extra_attributes'"),
    ],
)
def test_messages(changes: dict[str, object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message) as caught:
        frame(**changes)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, H5SaverError) or error is ValueError


def test_labels_are_completed() -> None:
    dwa = DataRaw("a", data=[FRAME] * 3, labels=["x"])
    assert dwa.labels == ["x", "CH01", "CH02"]
    dwa.labels = ["p", "q"]
    assert dwa.labels == ["p", "q", "CH02"]
    with pytest.raises(DataMismatchError, match="3 channels but 4 labels"):
        dwa.labels = ["1", "2", "3", "4"]


def test_setters_check_and_leave_the_object_whole() -> None:
    dwa = frame()
    with pytest.raises(AxisError, match=r"has 2 values, but dimension 0 .* has 4 points"):
        dwa.data = [np.zeros((4, 3))] * 2
    with pytest.raises(DataMismatchError, match="got 2 arrays"):
        dwa.data = [FRAME]
    with pytest.raises(AxisError, match="has 5 values"):
        dwa.axes = [Axis(size=5)]
    with pytest.raises(DataMismatchError, match="expected 2 of shape"):
        dwa.errors = [np.zeros(3)] * 2
    with pytest.raises(DataMismatchError, match="expected different"):
        dwa.nav_indexes = (4,)
    assert dwa == frame()
    dwa.errors = None
    dwa.axes = []
    dwa.data = [np.zeros(4)]
    assert (dwa.dim, dwa.labels, dwa.shape) == (DataDim.Data1D, ["left"], (4,))
    dwa.nav_indexes = [0]
    assert (dwa.dim, dwa.nav_indexes, dwa.sig_indexes) == (DataDim.DataND, (0,), ())


def test_extra_attributes() -> None:
    dwa = frame()
    dwa.add_extra_attribute(gain=3, exposure=0.2)
    assert dwa.extra_attributes == ["exposure", "gain"]
    assert (dwa.gain, dwa.exposure) == (3, 0.2)  # type: ignore[attr-defined]
    with pytest.raises(DataMismatchError, match="'units'"):
        dwa.add_extra_attribute(fine=1, units=2)
    assert not hasattr(dwa, "fine")


def test_axes_by_dimension() -> None:
    dwa = frame(axes=[Axis("x", index=1)])
    assert [axis.label for axis in dwa.get_axis_from_index(1) if axis] == ["x"]
    assert dwa.get_axis_from_index(0) == [None]
    (made,) = dwa.get_axis_from_index(0, create=True)
    assert (made.index, made.size, list(made.get_data())) == (0, 2, [0, 1])
    assert len(dwa.axes) == 1
    with pytest.raises(DataMismatchError, match=r"shape \(2, 3\) has no dimension 2"):
        dwa.get_axis_from_index(2)


def test_spread_axes_share_a_dimension() -> None:
    axes = [Axis("b", index=0, spread_order=1), Axis("a", index=0), Axis("x", index=1)]
    dwa = DataRaw("s", distribution="spread", data=[np.zeros((5, 3))], nav_indexes=(0,), axes=axes)
    assert [axis.label for axis in dwa.get_axis_from_index(0, create=True)] == ["a", "b"]
    assert [axis.label for axis in dwa.nav_axes] == [axis.label for axis in dwa.get_nav_axes()] == ["a", "b"]
    assert [axis.label for axis in dwa.get_signal_axes()] == ["x"]
    with pytest.raises(AxisError, match=r"'b' and 'a' .* both have index 0"):
        dwa.nav_indexes = ()
    with pytest.raises(AxisError, match=r"'x' and 'y' .* both have index 1"):
        dwa.axes = [Axis("x", index=1), Axis("y", index=1)]


def test_equality() -> None:
    assert frame() == frame()
    assert frame() == frame(origin="x", timestamp=1.0, exposure=3)
    assert frame() == frame(axes=frame().axes[::-1])
    assert frame() == frame(data=[FRAME.astype(np.int8), FRAME * 0.5])
    assert frame() == DataRaw("camera", data=frame().data, **_rest())
    assert frame() != "camera"
    nan = np.array([np.nan, 1.0])
    assert DataRaw("n", data=[nan]) == DataRaw("n", data=[nan.copy()])
    assert DataRaw("n", data=[np.array(["a"])]) == DataRaw("n", data=[np.array(["a"])])
    for changes in (
        {"name": "other"},
        {"units": "V"},
        {"labels": ["a", "b"]},
        {"source": "calculated"},
        {"distribution": "spread"},
        {"data": [FRAME, FRAME]},
        {"data": [FRAME], "errors": None, "labels": ["left"]},
        {"axes": []},
        {"errors": None},
        {"errors": [np.ones((2, 3)), np.ones((2, 3))]},
        {"nav_indexes": (0,)},
    ):
        assert frame() != frame(**changes)


def _rest() -> dict[str, object]:
    dwa = frame()
    return {"labels": dwa.labels, "units": dwa.units, "axes": dwa.axes, "errors": dwa.errors}


@pytest.mark.parametrize("duplicate", [DataWithAxes.deepcopy, copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))])
def test_deep_copies_are_independent(duplicate: object) -> None:
    dwa = frame()
    new = duplicate(dwa)  # type: ignore[operator]
    assert new == dwa
    assert new is not dwa
    assert (new.timestamp, new.exposure, new.extra_attributes) == (12.5, 0.1, ["exposure"])
    new.data[0][0, 0] = 77
    new.axes[0].get_data()[0] = 77
    new.errors[0][0, 0] = 77
    new.labels[0] = "77"
    new.add_extra_attribute(more=1)
    untouched = frame(data=[np.arange(6).reshape(2, 3), FRAME * 0.5])
    assert dwa == untouched
    assert dwa.extra_attributes == ["exposure"]


def test_errors_as_dwa() -> None:
    dwa = frame(nav_indexes=(0,))
    errors = dwa.errors_as_dwa()
    assert (errors.name, errors.source, errors.dim) == ("camera_errors", DataSource.calculated, DataDim.DataND)
    assert (errors.labels, errors.units, errors.origin, errors.timestamp) == (
        ["left", "right"],
        "counts",
        "Det 00",
        12.5,
    )
    assert (errors.nav_indexes, errors.axes, errors.errors) == ((0,), dwa.axes, None)
    assert errors.extra_attributes == ["exposure"]
    np.testing.assert_array_equal(errors[1], np.full((2, 3), 2.0))
    with pytest.raises(DataMismatchError, match="'camera' have no errors"):
        frame(errors=None).errors_as_dwa()


@pytest.mark.parametrize(
    ("dwa", "expected"),
    [
        (frame(), "<DataWithAxes 'camera' [counts] Data2D: 2 channels (|2, 3) int64>"),
        (
            DataRaw("a", data=[np.zeros((4, 3), "f4")], nav_indexes=(0,)),
            "<DataRaw 'a' DataND: 1 channel (4|3) float32>",
        ),
    ],
)
def test_repr_is_one_useful_line(dwa: DataWithAxes, expected: str) -> None:
    assert repr(dwa) == expected


def test_kinds() -> None:
    assert DataRaw("a", data=1).source is DataSource.raw
    assert DataCalculated("a", data=1).source is DataSource.calculated
    assert isinstance(DataFromRoi("a", data=1), DataCalculated)
    assert DataFromRoi("a", data=1, source="calculated").source is DataSource.calculated
    with pytest.raises(DataMismatchError, match="'a': DataRaw means source raw, got calculated"):
        DataRaw("a", data=1, source="calculated")


def test_actuator() -> None:
    position = DataActuator("stage", data=[np.array([3.5])], units="mm", origin="Act", speed=2)
    assert (position.value(), position.units, position.origin, position.dim) == (3.5, "mm", "Act", DataDim.Data0D)
    assert position.extra_attributes == ["speed"]
    assert (DataActuator().name, DataActuator().value()) == ("actuator", 0.0)
    assert isinstance(DataActuator(data=3), DataRaw)
    assert (DataActuator(data=3) + 1).value() == 4
