"""One axis of a data object: values, label, units, and the dimension of the data it belongs to.

An axis given as an array keeps that array, bit for bit and with its dtype: the peer keeps only offset and scaling,
and the last digits differ after saving. Offset and scaling are found when somebody asks, so building an axis for
every frame costs nothing. An axis given as offset and scaling builds its array when somebody asks.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h5saver_widget.data.slicing import Slicer
from h5saver_widget.errors import AxisError

__all__ = ["Axis"]

# Units in the last place by which an equally spaced axis may miss offset + scaling * i: linspace and arange stay
# within 2, regeneration from a rounded scaling within 4.
_LINEAR_ULPS = 8
_EQUAL_ULPS = 16


class Axis:
    """A labelled axis: `size` values along dimension `index` of some data.

    Parameters
    ----------
    label
        Label: the quantity along the axis.
    units
        Units of the values.
    data
        The values, 1D, any numeric dtype; kept by reference. `offset`, `scaling` and `size` are ignored if given.
    index
        Dimension of the data that this axis describes, from 0.
    scaling, offset
        Step and first value of a linear axis, in `units`; 1 and 0 by default.
    size
        Number of values of a linear axis. Left out, the axis takes the length of the data it is given to.
    spread_order
        Rank among the axes that share one navigation dimension of spread data.

    Raises
    ------
    AxisError
        If `data` is not a 1D array, or if `index`, `size` or `spread_order` is not a non negative int.

    Examples
    --------
    >>> axis = Axis("wavelength", "nm", offset=400.0, scaling=0.5, size=4)
    >>> axis.get_data()
    array([400. , 400.5, 401. , 401.5])
    >>> axis[1:3]
    Axis('wavelength', 'nm', index=0, size=2, 400.5 to 401.0)
    >>> Axis("delay", "fs", np.array([0, 1, 10, 100])).is_axis_linear()
    False
    """

    def __init__(
        self,
        label: str = "",
        units: str = "",
        data: NDArray[Any] | None = None,
        index: int = 0,
        scaling: float | None = None,
        offset: float | None = None,
        size: int | None = None,
        spread_order: int = 0,
    ) -> None:
        self.label = label
        self.units = units
        self.index = index
        self.spread_order = _non_negative(spread_order, "spread_order", label)
        self._data: NDArray[Any] | None = None
        self._size: int | None = None
        self._line: tuple[float, float] | None = None  # offset and scaling
        self._line_known = False
        if data is not None:
            self.data = data
        else:
            self._line = (0.0 if offset is None else offset, 1.0 if scaling is None else scaling)
            self._line_known = True
            self._size = None if size is None else _non_negative(size, "size", label)

    @property
    def index(self) -> int:
        """Dimension of the data that this axis describes; a non negative int is accepted."""
        return self._index

    @index.setter
    def index(self, index: int) -> None:
        self._index = _non_negative(index, "index", self.label)

    @property
    def data(self) -> NDArray[Any]:
        """The values, shape (size,), built when first needed; a new array replaces values, offset and scaling."""
        if self._data is None:
            offset, scaling = self._linear() or (0.0, 1.0)
            self._data = offset + scaling * np.arange(self.size)
        return self._data

    @data.setter
    def data(self, data: NDArray[Any]) -> None:
        if not isinstance(data, np.ndarray) or data.ndim != 1:
            got = f"an array of shape {data.shape}" if isinstance(data, np.ndarray) else type(data).__name__
            raise AxisError(f"data of axis {self.label!r}: got {got}, expected a 1D numpy array")
        self._data, self._size, self._line_known = data, data.shape[0], False

    def get_data(self) -> NDArray[Any]:
        """Return the values, shape (size,): the very array that was given, or offset + scaling * i."""
        return self.data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the values, for numpy functions and plots."""
        return np.array(self.data, dtype=dtype, copy=copy)

    @property
    def size(self) -> int:
        """Number of values; 0 while it is not known."""
        return self._size or 0

    @property
    def is_sized(self) -> bool:
        """Whether the number of values is known."""
        return self._size is not None

    def sized(self, size: int) -> Axis:
        """Return a copy with `size` values of an axis whose size was left open."""
        return Axis(self.label, self.units, None, self.index, self.scaling, self.offset, size, self.spread_order)

    def __len__(self) -> int:
        return self.size

    @property
    def offset(self) -> float | None:
        """First value, in `units`, an int for an int axis; None if the values are not equally spaced."""
        line = self._linear()
        return None if line is None else line[0]

    @property
    def scaling(self) -> float | None:
        """Step, in `units`, an int for an int axis; None if the values are not equally spaced."""
        line = self._linear()
        return None if line is None else line[1]

    def is_axis_linear(self) -> bool:
        """Return whether the values are equally spaced, to within the rounding of their dtype."""
        return self._linear() is not None

    def _linear(self) -> tuple[float, float] | None:
        if not self._line_known:
            self._line, self._line_known = _find_line(self.data), True
        return self._line

    def min(self) -> Any:
        """Return the smallest value."""
        return self._filled("min").min()

    def max(self) -> Any:
        """Return the largest value."""
        return self._filled("max").max()

    def find_index(self, value: float) -> int:
        """Return the index of the value nearest to `value` (in `units`).

        Raises
        ------
        AxisError
            If the axis is empty.

        Examples
        --------
        >>> Axis(offset=1.0, scaling=0.5, size=10).find_index(2.1)
        2
        """
        values = self._filled("find_index")
        if values.dtype.kind in "biu":
            values = values.astype(np.float64)  # unsigned differences would wrap
        return int(np.argmin(np.abs(values - value)))

    def find_indexes(self, values: Iterable[float]) -> list[int]:
        """Return the indexes of the values nearest to each of `values` (in `units`)."""
        return [self.find_index(value) for value in values]

    def _filled(self, what: str) -> NDArray[Any]:
        if self.size == 0:
            raise AxisError(f"{what} of axis {self.label!r} needs at least one value, the axis has 0")
        return self.data

    @property
    def iaxis(self) -> Slicer[Axis]:
        """Slicing by index: ``axis.iaxis[2:5]`` is ``axis[2:5]``."""
        return Slicer(self.__getitem__)

    def __getitem__(self, key: Any) -> Axis:
        """Return the axis of the values at `key` (int, slice, Ellipsis, array of indexes); an int gives one value.

        Raises
        ------
        IndexError
            If an int is out of range.
        """
        return Axis(self.label, self.units, np.atleast_1d(self.data[key]), self.index, spread_order=self.spread_order)

    def copy(self) -> Axis:
        """Return an independent axis: the values are copied."""
        new = Axis(self.label, self.units, index=self.index, spread_order=self.spread_order)
        new._data = None if self._data is None else self._data.copy()
        new._size, new._line, new._line_known = self._size, self._line, self._line_known
        return new

    def __eq__(self, other: object) -> bool:
        """Return whether label, units, index, spread order and values (to within rounding) are the same."""
        if not isinstance(other, Axis):
            return NotImplemented
        return (
            self.label == other.label
            and self.units == other.units
            and self.index == other.index
            and self.spread_order == other.spread_order
            and self._size == other._size
            and self._same_values(other)
        )

    def _same_values(self, other: Axis) -> bool:
        if self._data is None and other._data is None and self._line == other._line:  # neither needs building
            return True
        mine, theirs = self.data, other.data
        if np.array_equal(mine, theirs):
            return True
        if mine.dtype.kind not in "biufc" or theirs.dtype.kind not in "biufc":
            return False
        if mine.dtype.kind in "biu" and theirs.dtype.kind in "biu":
            return False
        eps = max(np.finfo(a.dtype).eps for a in (mine, theirs) if a.dtype.kind in "fc")
        finite = np.abs(mine[np.isfinite(mine)])
        tolerance = _EQUAL_ULPS * float(eps) * float(finite.max(initial=0.0))
        return bool(np.allclose(mine, theirs, rtol=0.0, atol=tolerance, equal_nan=True))

    def __repr__(self) -> str:
        """Return one line: label, units, index, size, first and last value."""
        span = f", {self.data[0]} to {self.data[-1]}" if self.size else ""
        return f"Axis({self.label!r}, {self.units!r}, index={self.index}, size={self._size}{span})"


def _non_negative(value: Any, what: str, label: str) -> int:
    """Return `value` as an int, or raise an error that names the fault."""
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if number < 0 or isinstance(value, bool):
        raise AxisError(f"{what} of axis {label!r}: got {value!r}, expected a non negative int")
    return number


def _find_line(values: NDArray[Any]) -> tuple[float, float] | None:
    """Return (offset, scaling) if the 1D `values` are equally spaced and not all the same, else None."""
    size = values.shape[0]
    if values.dtype.kind not in "iuf":
        return None
    if size < 2:
        if not size:
            return 0.0, 1.0
        return (values[0].item(), 1) if np.isfinite(values[0]) else None
    first, last = values[0].item(), values[-1].item()
    if values.dtype.kind in "iu":
        step, remainder = divmod(last - first, size - 1)
        if remainder or not step:
            return None
        # In arithmetic modulo 2**64, because int64 may overflow on the way; the values themselves fit their dtype.
        line = np.arange(size, dtype=np.uint64) * np.uint64(step % 2**64) + np.uint64(first % 2**64)
        return (first, step) if np.array_equal(values.astype(np.uint64), line) else None
    if not (np.isfinite(first) and np.isfinite(last)) or first == last:
        return None
    scaling = last / (size - 1) - first / (size - 1)  # last - first may overflow
    tolerance = _LINEAR_ULPS * float(np.finfo(values.dtype).eps) * max(abs(first), abs(last))
    with np.errstate(over="ignore", invalid="ignore"):  # values near the end of the number range: simply not linear
        off = np.abs(values.astype(np.float64) - (first + scaling * np.arange(size)))
    # Steps smaller than the rounding can't be distinguished from noise: such an axis is kept as values.
    return (first, scaling) if abs(scaling) > tolerance and bool((off <= tolerance).all()) else None
