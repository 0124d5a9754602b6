"""Plus, minus, times and divided by, for channels, their errors and their units.

Just enough for background subtraction and rescaling. Two things that numpy alone would get wrong for a laboratory:
the difference of unsigned frames is signed (a dark pixel below background is -2, not 65534), and error bars follow
(independent errors, first order; JCGM 100:2008, eq. 10).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from numbers import Number
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from h5saver_widget.errors import DataMismatchError

__all__ = ["Arithmetic", "Operation", "combined_arrays", "combined_errors", "combined_units"]

Operation = Literal["+", "-", "*", "/"]


def _difference(left: Any, right: Any) -> Any:
    common = np.result_type(left, right)
    if common.kind in "bu":
        return np.subtract(left, right, dtype=np.result_type(common, np.int8))
    return np.subtract(left, right)


_OPERATIONS: dict[Operation, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": _difference,
    "*": operator.mul,
    "/": operator.truediv,
}


def combined_arrays(operation: Operation, left: Sequence[Any], right: Sequence[Any]) -> list[NDArray[Any]]:
    """Return ``left operation right`` channel by channel; unsigned differences become signed.

    >>> combined_arrays("-", [np.array([3, 4], dtype=np.uint8)], [np.array([5, 1], dtype=np.uint8)])
    [array([-2,  3], dtype=int16)]
    """
    return [_OPERATIONS[operation](a, b) for a, b in zip(left, right, strict=True)]


def combined_errors(
    operation: Operation,
    left: Sequence[Any],
    right: Sequence[Any],
    left_errors: Sequence[Any] | None,
    right_errors: Sequence[Any] | None,
) -> list[NDArray[Any]] | None:
    """Return the error bars of ``left operation right``, or None if neither side has any.

    Sum and difference: hypot(ea, eb); product: hypot(ea * b, eb * a); quotient: hypot(ea / b, eb * a / b**2).
    """
    if left_errors is None and right_errors is None:
        return None
    zeros = [0.0] * len(left)
    combined = []
    for a, b, ea, eb in zip(left, right, left_errors or zeros, right_errors or zeros, strict=True):
        if operation in "+-":
            error = np.hypot(ea, eb)
        elif operation == "*":
            error = np.hypot(ea * np.abs(b), eb * np.abs(a))
        else:
            error = np.hypot(ea / np.abs(b), eb * np.abs(a) / np.abs(b) ** 2.0)
        combined.append(np.broadcast_to(error, np.shape(a)).copy() if np.shape(error) != np.shape(a) else error)
    return combined


def combined_units(operation: Operation, left: str, right: str, name: str) -> str:
    """Return the units of a result.

    DataMismatchError if data with different units are added or subtracted (missing units fit everything).

    >>> combined_units("/", "V", "s", "speed"), combined_units("/", "V", "V", "ratio")
    ('V/(s)', '')
    """
    if operation in "+-":
        if left and right and left != right:
            raise DataMismatchError(f"{name!r}: cannot combine units {left!r} and {right!r} by {operation!r}")
        return left or right
    if not right:
        return left
    if operation == "*":
        return f"{left}*{right}" if left else right
    return "" if left == right else f"{left or '1'}/({right})"


class Arithmetic:
    """The four operators of a data object, with a number or with another one of the same shape.

    The result is a twin of the left operand (name, labels, axes, time) with new channels, errors and units.

    >>> from h5saver_widget.data import DataRaw
    >>> frame = DataRaw("camera", data=[np.array([3, 4], dtype=np.uint16)])
    >>> dark = DataRaw("dark", data=[np.array([5, 1], dtype=np.uint16)])
    >>> (frame - dark)[0]
    array([-2,  3], dtype=int32)
    """

    # Lets ``np.float64(2) * dwa`` reach __rmul__; numpy would take the object for a sequence of arrays.
    __array_ufunc__ = None

    name: str
    units: str
    _data: list[NDArray[Any]]
    errors: Any

    def _twin(self) -> Self:
        """Return a copy that shares arrays and axes, but no list."""
        raise NotImplementedError

    def _combine(self, operation: Operation, other: object) -> Self:
        right: list[Any]
        right_errors: list[NDArray[Any]] | None = None
        right_units = ""
        if isinstance(other, Arithmetic):
            right, right_errors, right_units = other._data, other.errors, other.units
            mine, theirs = (len(self._data), self._data[0].shape), (len(right), right[0].shape)
            if mine != theirs:
                raise DataMismatchError(
                    f"{self.name!r} {operation} {other.name!r}: cannot combine {mine[0]} channel(s) of shape {mine[1]} "
                    f"with {theirs[0]} of shape {theirs[1]}"
                )
        elif isinstance(other, (Number, np.number)):
            right = [other] * len(self._data)
        else:
            return NotImplemented  # type: ignore[no-any-return]
        new = self._twin()
        new.units = combined_units(operation, self.units, right_units, self.name)
        errors = combined_errors(operation, self._data, right, self.errors, right_errors)
        new._data = combined_arrays(operation, self._data, right)
        new.errors = errors
        return new

    def __add__(self, other: object) -> Self:
        """Return the sum with a number or with data of the same shape."""
        return self._combine("+", other)

    def __sub__(self, other: object) -> Self:
        """Return the difference with a number or data (a background); signed, also for unsigned frames."""
        return self._combine("-", other)

    def __mul__(self, other: object) -> Self:
        """Return the product with a number or with data of the same shape."""
        return self._combine("*", other)

    def __truediv__(self, other: object) -> Self:
        """Return the quotient by a number or by data of the same shape."""
        return self._combine("/", other)

    __radd__ = __add__
    __rmul__ = __mul__
