"""Background subtraction and rescaling: values, errors, units."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest

from h5saver_widget.data import Axis, DataRaw
from h5saver_widget.errors import DataMismatchError


def data(*channels: list[float], dtype: str = "float64", **more: Any) -> DataRaw:
    return DataRaw("d", data=[np.array(values, dtype=dtype) for values in channels], **more)


OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv]


@pytest.mark.parametrize("operation", OPERATORS)
@pytest.mark.parametrize("other", [3, 2.5, np.float32(2), 1j, data([4.0, 5.0], [6.0, 7.0])])
def test_operators_are_numpy_s(operation: Any, other: Any) -> None:
    dwa = data([1.0, 2.0], [3.0, 4.0], labels=["a"], axes=[Axis("x", index=0)], units="V", timestamp=3.0, gain=2)
    result = operation(dwa, other)
    for channel in range(2):
        right = other[channel] if isinstance(other, DataRaw) else other
        np.testing.assert_array_equal(result[channel], operation(dwa[channel], right))
    assert (result.name, result.labels, result.axes, result.units) == (dwa.name, dwa.labels, dwa.axes, "V")
    assert (type(result), result.timestamp, result.gain, result.errors) == (DataRaw, 3.0, 2, None)
    assert dwa == data([1.0, 2.0], [3.0, 4.0], labels=["a"], axes=[Axis("x", index=0)], units="V")


def test_numbers_on_the_left() -> None:
    dwa = data([1.0, 2.0])
    for number in (2, np.float64(2), np.int16(2)):
        assert number + dwa == dwa + 2
        assert number * dwa == dwa * 2


@pytest.mark.parametrize(("dtype", "signed"), [("uint8", "int16"), ("uint16", "int32"), ("uint32", "int64")])
def test_differences_of_unsigned_frames_are_signed(dtype: str, signed: str) -> None:
    difference = data([3, 200], dtype=dtype) - data([5, 1], dtype=dtype)
    assert difference[0].dtype == signed
    assert list(difference[0]) == [-2, 199]
    assert list((data([3], dtype=dtype) - 5)[0]) == [-2]
    assert list((data([3], dtype=dtype) - -5)[0]) == [8]


def test_differences_of_booleans_and_signed_integers() -> None:
    assert list((data([True, False], dtype="bool") - data([False, True], dtype="bool"))[0]) == [1, -1]
    assert (data([3], dtype="int64") - data([5], dtype="int64"))[0].dtype == "int64"


def test_errors_follow() -> None:
    left, right = data([6.0], errors=[np.array([3.0])]), data([2.0], errors=[np.array([4.0])])
    for operation, expected in zip(
        OPERATORS, (5.0, 5.0, np.hypot(3 * 2, 4 * 6), np.hypot(3 / 2, 4 * 6 / 4)), strict=True
    ):
        np.testing.assert_allclose(operation(left, right).errors, [[expected]])
    np.testing.assert_array_equal((left * -2).errors, [[6.0]])
    np.testing.assert_array_equal((left / 2).errors, [[1.5]])
    np.testing.assert_array_equal((left - data([1.0])).errors, [[3.0]])
    np.testing.assert_array_equal((data([1.0]) + left).errors, [[3.0]])
    assert (left - 1).errors is not left.errors


def test_units() -> None:
    volts, bare, seconds = data([1.0], units="V"), data([1.0]), data([1.0], units="s")
    assert [(volts - bare).units, (bare - volts).units, (bare * volts).units] == ["V", "V", "V"]
    assert [(volts * seconds).units, (volts / seconds).units, (volts / volts).units] == ["V*s", "V/(s)", ""]
    assert (bare / seconds).units == "1/(s)"
    with pytest.raises(DataMismatchError, match="cannot combine units 'V' and 's' by '-'"):
        volts - seconds


def test_messages() -> None:
    with pytest.raises(
        DataMismatchError, match=r"cannot combine 1 channel\(s\) of shape \(2,\) with 2 of shape \(3,\)"
    ):
        data([1.0, 2.0]) - data([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    with pytest.raises(TypeError, match="unsupported operand"):
        data([1.0]) - "a"
    with pytest.raises(TypeError):
        np.zeros(1) + data([1.0])
