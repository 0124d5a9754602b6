"""Axes: values are kept bit for bit, offset and scaling are found, keys cut, messages name both sides."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from h5saver_widget.data import Axis
from h5saver_widget.errors import AxisError

REAL = hnp.integer_dtypes() | hnp.unsigned_integer_dtypes() | hnp.floating_dtypes(sizes=(32, 64), endianness="=")


@settings(deadline=None)  # a shared machine may pause at any time
@given(hnp.arrays(REAL, st.integers(0, 20)))
def test_an_array_is_kept_bit_for_bit(values: np.ndarray) -> None:
    axis = Axis("x", "nm", values)
    axis.is_axis_linear()
    assert axis.get_data() is values
    assert axis.data is values
    assert axis.size == len(axis) == len(values)
    assert axis == axis.copy() == Axis("x", "nm", values.copy())


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e3), st.integers(2, 2000))
def test_equally_spaced_floats_are_linear(offset: float, scaling: float, size: int) -> None:
    for values in (offset + scaling * np.arange(size), np.linspace(offset, offset + scaling * (size - 1), size)):
        axis = Axis(data=values)
        assert axis.is_axis_linear()
        assert axis.offset == values[0]
        assert axis.scaling == pytest.approx(scaling, rel=1e-6)
        # what is regenerated from offset and scaling is the same axis to within rounding
        assert Axis(offset=axis.offset, scaling=axis.scaling, size=size) == axis


@settings(deadline=None)
@given(st.sampled_from([np.int8, np.uint8, np.int16, np.int64, np.uint64]), st.integers(2, 9), st.data())
def test_equally_spaced_integers_are_linear_exactly(dtype: type, size: int, data: st.DataObject) -> None:
    info = np.iinfo(dtype)
    first, last = data.draw(st.integers(info.min, info.max)), data.draw(st.integers(info.min, info.max))
    step = abs(last - first) // (size - 1) * (1 if last > first else -1)  # towards zero: stays within the dtype
    values = np.array([first + i * step for i in range(size)], dtype=dtype)
    axis = Axis(data=values)
    assert axis.is_axis_linear() == (step != 0)
    if step:
        assert (axis.offset, axis.scaling) == (first, step)
        assert type(axis.scaling) is int


@pytest.mark.parametrize(
    "values",
    [
        [1.0, 2.0, 4.0],
        [0, 1, 3],
        [2.0, 2.0, 2.0],
        [1, 1],
        [0.0, np.nan, 2.0],
        [np.nan],
        [0.0, 1.0, np.inf],
        [1.7e9, 1.7e9 + 0.1, 1.7e9 + 0.201],
        [-1.7e308, 0.0, 1.7e308],
        [1j, 2j],
        [True, False],
        ["a", "b"],
    ],
)
def test_other_values_are_not_linear(values: list[object]) -> None:
    axis = Axis(data=np.array(values))
    assert not axis.is_axis_linear()
    assert axis.offset is None
    assert axis.scaling is None


def test_float32_is_linear_within_its_own_rounding() -> None:
    assert Axis(data=np.linspace(0, 1, 1000, dtype=np.float32)).is_axis_linear()
    assert Axis(data=np.array([-8e307, 0.0, 8e307])).is_axis_linear()


def test_descending_axis() -> None:
    axis = Axis(data=np.array([3, 2, 1], dtype=np.uint8))
    assert (axis.offset, axis.scaling, axis.min(), axis.max()) == (3, -1, 1, 3)


def test_linear_axis_builds_its_array_once() -> None:
    axis = Axis("x", "nm", offset=2.0, scaling=0.5, size=3, index=1)
    np.testing.assert_array_equal(axis.get_data(), [2.0, 2.5, 3.0])
    assert axis.get_data() is axis.data
    assert (axis.offset, axis.scaling, axis.size, axis.index) == (2.0, 0.5, 3, 1)
    assert Axis(offset=2, scaling=3, size=2).get_data().dtype.kind == "i"
    np.testing.assert_array_equal(Axis(size=3).get_data(), [0, 1, 2])
    np.testing.assert_array_equal(Axis(offset=5.0, size=2).get_data(), [5, 6])


def test_new_data_replace_everything() -> None:
    axis = Axis(offset=2.0, scaling=0.5, size=3)
    axis.data = np.array([1.0, 2.0, 4.0, 8.0])
    assert (axis.size, axis.offset, axis.scaling) == (4, None, None)
    axis.data = np.array([0.0, 2.0])
    assert axis.scaling == 2.0


def test_empty_and_single_point() -> None:
    empty = Axis("e", data=np.array([]))
    assert (empty.size, len(empty.get_data()), empty.is_axis_linear()) == (0, 0, True)
    assert empty.is_sized
    single = Axis("s", data=np.array([3]))
    assert (single.size, single.offset, single.scaling) == (1, 3, 1)
    assert single.get_data().dtype == np.array([3]).dtype
    for method in (empty.min, empty.max, lambda: empty.find_index(1)):
        with pytest.raises(AxisError, match="at least one value, the axis has 0"):
            method()


def test_an_axis_of_open_size() -> None:
    axis = Axis("x", "nm", scaling=2.0, offset=1.0, index=1, spread_order=2)
    assert (axis.size, axis.is_sized, len(axis.get_data())) == (0, False, 0)
    sized = axis.sized(3)
    np.testing.assert_array_equal(sized.get_data(), [1, 3, 5])
    assert (sized.label, sized.units, sized.index, sized.spread_order) == ("x", "nm", 1, 2)
    assert not axis.is_sized
    assert axis != axis.sized(0)
    assert "size=None" in repr(axis)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": np.zeros((2, 3))}, r"'x': got an array of shape \(2, 3\), expected a 1D numpy array"),
        ({"data": np.array(1.0)}, r"got an array of shape \(\), expected a 1D"),
        ({"data": [1, 2]}, "got list, expected a 1D numpy array"),
        ({"index": -1}, "index of axis 'x': got -1, expected a non negative int"),
        ({"index": 1.5}, "index of axis 'x': got 1.5, expected a non negative int"),
        ({"index": True}, "got True, expected"),
        ({"index": "0"}, "got '0', expected"),
        ({"spread_order": -2}, "spread_order of axis 'x': got -2"),
        ({"size": -3}, "size of axis 'x': got -3"),
    ],
)
def test_messages(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(AxisError, match=message) as caught:
        Axis("x", **arguments)  # type: ignore[arg-type]
    assert isinstance(caught.value, ValueError)


def test_index_setter_checks_and_takes_numpy_ints() -> None:
    axis = Axis(index=np.int64(2))
    assert type(axis.index) is int
    with pytest.raises(AxisError, match="got -1"):
        axis.index = -1
    assert axis.index == 2


@settings(deadline=None)
@given(st.integers(1, 12), st.data())
def test_slicing_is_numpy_slicing(size: int, data: st.DataObject) -> None:
    values = np.arange(size) ** 2 * 0.1
    axis = Axis("x", "nm", values, index=2, spread_order=1)
    key = data.draw(st.slices(size) | st.integers(-size, size - 1) | st.just(...))
    for cut in (axis[key], axis.iaxis[key]):
        np.testing.assert_array_equal(cut.get_data(), np.atleast_1d(values[key]))
        assert (cut.label, cut.units, cut.index, cut.spread_order) == ("x", "nm", 2, 1)


def test_slicing_out_of_range_and_iteration_end() -> None:
    axis = Axis(size=3)
    with pytest.raises(IndexError):
        axis[3]
    assert [part.get_data()[0] for part in axis] == [0, 1, 2]
    np.testing.assert_array_equal(np.asarray(axis), [0, 1, 2])
    assert np.asarray(axis, dtype=np.float32).dtype == np.float32


def test_find_index() -> None:
    axis = Axis(data=np.array([5, 3, 200], dtype=np.uint8))
    assert axis.find_index(4.2) == 0
    assert axis.find_indexes([-100, 3.2, 1000]) == [1, 1, 2]
    assert Axis(offset=1.0, scaling=-1.0, size=5).find_index(-1.2) == 2


def test_equality() -> None:
    def axis(**changes: object) -> Axis:
        arguments = {"label": "x", "units": "nm", "data": np.array([0.0, 0.1, 0.3]), "index": 1, "spread_order": 0}
        return Axis(**{**arguments, **changes})  # type: ignore[arg-type]

    assert axis() == axis()
    assert axis() != "x"
    for change in (
        {"label": "y"},
        {"units": "m"},
        {"index": 0},
        {"spread_order": 1},
        {"data": np.array([0.0, 0.1, 0.3001])},
        {"data": np.array([0.0, 0.1])},
        {"data": np.array(["0", "1", "2"])},
    ):
        assert axis() != axis(**change)
    assert axis(data=np.array([0.0, 0.1, 0.1 + 0.2])) == axis()  # 0.30000000000000004
    assert axis(data=np.array([0, 1, 2])) != axis(data=np.array([0, 1, 3]))
    assert axis(data=np.array([1.7e9, 1.7e9 + 1e-3])) != axis(data=np.array([1.7e9, 1.7e9 + 2e-3]))
    assert axis(data=np.array([0.0, np.nan])) == axis(data=np.array([0.0, np.nan]))
    assert axis(data=np.array([1, 2, 3])) == axis(data=np.array([1.0, 2.0, 3.0]))
    assert Axis(offset=0.0, scaling=0.1, size=4) == Axis(offset=0.0, scaling=0.1, size=4)


@pytest.mark.parametrize("duplicate", [Axis.copy, copy.deepcopy])
def test_copies_are_independent(duplicate: object) -> None:
    axis = Axis("x", data=np.array([1.0, 2.0, 4.0]))
    new = duplicate(axis)  # type: ignore[operator]
    new.get_data()[0] = 9
    new.label = "y"
    assert (axis.get_data()[0], axis.label) == (1.0, "x")


def test_repr_is_one_useful_line() -> None:
    assert repr(Axis("x", "nm", np.array([1.0, 2.0, 4.0]), 1)) == "Axis('x', 'nm', index=1, size=3, 1.0 to 4.0)"
    assert repr(Axis("x", data=np.array([]))) == "Axis('x', '', index=0, size=0)"
