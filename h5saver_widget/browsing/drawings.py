"""What a plot is made of: curves, images and points with the axes that they are drawn over, as plain data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "AxisValues",
    "Curve",
    "Curves",
    "DataSummary",
    "Dimension",
    "Picture",
    "Points",
    "Projection",
    "StoredAxis",
    "Window",
]

Values = npt.NDArray[Any]


class Projection(Enum):
    """How the signal of a point becomes one number of a map; the value is what people read."""

    MEAN = "mean"
    SUM = "sum"
    MAX = "max"
    MIN = "min"


@dataclass(frozen=True)
class AxisValues:
    """The values along a dimension, with what they are.

    Attributes
    ----------
    label, units
        For the axis of a plot.
    values
        Shape (points,), float64.
    is_counted
        Whether there is no axis in the file and the points are only counted.
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
        inside = slice(window.start, window.stop)
        values = np.arange(float(window.start), float(window.stop)) if self.values is None else self.values[inside]
        return AxisValues(self.label, self.units, values, self.is_counted)


@dataclass(frozen=True)
class Dimension:
    """A dimension of the data: its number of points, its role, its axes (several of a spread scan)."""

    index: int
    size: int
    is_navigation: bool
    axes: tuple[StoredAxis, ...]

    @property
    def name(self) -> str:
        """What it is called: the label of its axis or axes."""
        return ", ".join(axis.label for axis in self.axes)


@dataclass(frozen=True)
class DataSummary:
    """What is known of a data object before any of it is read.

    ``labels`` are those of the channels that can be drawn; up to ``left_out`` more are in the file.
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
    has_errors: bool
    has_background: bool
    left_out: int = 0

    @property
    def nbytes(self) -> int:
        """Size of one channel in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Window:
    """The part of a dimension that is shown: points `start` to `stop` of `total`."""

    start: int
    stop: int
    total: int

    @property
    def is_part(self) -> bool:
        """Whether something lies outside."""
        return self.stop - self.start < self.total


@dataclass(frozen=True)
class Curve:
    """One channel over an axis, its errors if there are any."""

    label: str
    values: Values
    errors: Values | None = None


@dataclass(frozen=True)
class Curves:
    """Curves that share an axis; drawn as points where they are not in a row (a spread scan)."""

    axis: AxisValues
    curves: tuple[Curve, ...]
    label: str
    units: str
    window: Window
    as_points: bool = False


@dataclass(frozen=True)
class Picture:
    """An image: values of shape (rows, columns) over two axes."""

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
