"""The contents of a plot: curves, images and points with their axes, as plain data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.data import DataWithAxes

__all__ = [
    "AxisValues",
    "Curve",
    "Curves",
    "DataSummary",
    "Dimension",
    "Part",
    "Picture",
    "Points",
    "Projection",
    "StoredAxis",
    "Window",
]

Values = npt.NDArray[Any]


class Projection(Enum):
    """The reduction of a point's signal to one number of a map; the value is the label for people."""

    MEAN = "mean"
    SUM = "sum"
    MAX = "max"
    MIN = "min"


class Part(Enum):
    """The drawn part of complex numbers; the value is the label for people."""

    MODULUS = "Modulus"
    PHASE = "Phase"
    REAL = "Real part"
    IMAGINARY = "Imaginary part"


@dataclass(frozen=True)
class AxisValues:
    """The values along a dimension, with label and units.

    ``values`` has shape (points,), float64; where there is no axis in the file, points are counted.
    """

    label: str
    units: str
    values: Values
    is_counted: bool = False


@dataclass(frozen=True)
class StoredAxis:
    """An axis as it is known before it is drawn; where there is none in the file, points are counted."""

    label: str
    units: str
    size: int
    values: Values | None = None

    @property
    def is_counted(self) -> bool:
        """Whether there is no axis in the file."""
        return self.values is None

    def at(self, index: int) -> float:
        """Return the value at a point."""
        return float(index if self.values is None else self.values[index])

    def cut(self, window: Window) -> AxisValues:
        """Return the values of a window; those that are counted are only made now, there may be very many."""
        inside = slice(window.start, window.stop, window.step)
        if self.values is not None:
            values = self.values[inside]
        else:
            values = np.arange(float(window.start), float(window.stop), float(window.step))
        if window.step > 1:  # the smallest and the largest value of so many points are drawn above each other
            values = np.repeat(values, 2)
        return AxisValues(self.label, self.units, values, self.is_counted)


@dataclass(frozen=True)
class Dimension:
    """A dimension of the data: its number of points, its role, its axes (several of a spread scan)."""

    index: int
    size: int
    is_navigation: bool
    axes: tuple[StoredAxis, ...]

    @classmethod
    def of(cls, data: DataWithAxes, index: int) -> Dimension:
        """Return the facts known about a dimension of some data."""
        size = data.shape[index]
        axes = []
        for axis in data.get_axis_from_index(index):
            values = None if axis is None else np.asarray(axis.get_data())
            if axis is None or values is None or values.dtype.kind not in "biuf":
                axes.append(StoredAxis(f"dimension {index}" if data.ndim > 1 else "point", "", size))
            else:
                axes.append(StoredAxis(axis.label or f"axis {index}", axis.units, size, values.astype(np.float64)))
        return cls(index, size, index in data.nav_indexes, tuple(axes))

    @property
    def name(self) -> str:
        """The label of its axis or axes."""
        return ", ".join(axis.label for axis in self.axes)


@dataclass(frozen=True)
class DataSummary:
    """A summary of a data object, before any of it is read.

    ``labels`` are those of the channels that can be drawn; up to ``left_out`` more are in the file. ``colours`` is the
    dimension that holds red, green, blue (and opacity) of an image, None if there is none; of an image whose numbers
    stand for colours, ``palette`` has these: shape (numbers, 3).
    """

    path: str
    name: str
    origin: str
    labels: tuple[str, ...]
    units: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    dimensions: tuple[Dimension, ...]
    is_spread: bool
    has_background: bool
    left_out: int = 0
    colours: int | None = None
    palette: npt.NDArray[np.uint8] | None = None

    @property
    def nbytes(self) -> int:
        """Size of one channel in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Window:
    """The part of a dimension that is shown: points `start` to `stop` of `total`.

    With a `step`, each so many points are drawn as two: the smallest and the largest of their values.
    """

    start: int
    stop: int
    total: int
    step: int = 1

    @property
    def is_part(self) -> bool:
        """Whether something lies outside."""
        return self.stop - self.start < self.total

    def point(self, drawn: int) -> int:
        """Return the point of the dimension that a drawn one stands for, the first of several."""
        return self.start + (drawn // 2 * self.step if self.step > 1 else drawn)

    def drawn(self, point: int) -> int:
        """Return where a point of the dimension is drawn, the nearest one if it lies outside."""
        inside = min(max(point, self.start), self.stop - 1) - self.start
        return inside // self.step * 2 if self.step > 1 else inside


@dataclass(frozen=True)
class Curve:
    """One channel over an axis, its errors if there are any; one of other data has an axis of its own.

    With a `step`, each so many points are drawn as two, see :class:`Window`.
    """

    label: str
    values: Values
    errors: Values | None = None
    axis: AxisValues | None = None
    step: int = 1


@dataclass(frozen=True)
class Curves:
    """Curves that share an axis; drawn as points where they are not in a row (a spread scan)."""

    axis: AxisValues
    curves: tuple[Curve, ...]
    label: str
    units: str
    window: Window
    as_points: bool = False

    def axis_of(self, curve: Curve) -> AxisValues:
        """Return the axis that a curve is drawn over."""
        return curve.axis or self.axis


@dataclass(frozen=True)
class Picture:
    """An image: values of shape (rows, columns), or (rows, columns, 3 or 4) in colours, over two axes."""

    values: Values
    rows: AxisValues
    columns: AxisValues
    label: str
    units: str
    row_window: Window
    column_window: Window


@dataclass(frozen=True)
class Points:
    """Values at points of a plane, of a scan that is spread over two axes; all of shape (points,)."""

    x: AxisValues
    y: AxisValues
    values: Values
    label: str
    units: str
