"""Data as they are drawn: curves, images and maps cut out of an array of any size, of which only that part is read."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from h5saver_widget.data import Axis, DataDistribution, DataWithAxes
from h5saver_widget.errors import H5SaverError
from h5saver_widget.nodes import GROUP, Array
from h5saver_widget.saving.h5_backend import H5Backend
from h5saver_widget.saving.loading import DataLoader

__all__ = [
    "AxisValues",
    "Curve",
    "Curves",
    "DataReader",
    "DataSummary",
    "Dimension",
    "Picture",
    "Points",
    "Projection",
    "StoredAxis",
    "Window",
]

Values = npt.NDArray[Any]

#: What is read for one drawing at most, in bytes; of larger arrays a window is shown that can be moved.
MOST_BYTES: Final = 16_000_000
#: Points of all curves of one drawing.
MOST_POINTS: Final = 250_000
#: A map over navigation is made without being asked for if no more than this has to be read, in bytes.
FREE_BYTES: Final = 64_000_000
_BLOCK_BYTES: Final = 8_000_000
_MOST_CHANNELS: Final = 64


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
    """What is known of a data object before any of it is read."""

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


class DataReader:
    """A data object that is read in parts.

    Parameters
    ----------
    data
        Loaded lazily: nothing is read but what is asked for.
    path
        The node it comes from.
    has_background
        Whether a background is stored beside it.
    """

    def __init__(self, data: DataWithAxes, path: str, has_background: bool = False) -> None:
        self._channels = list(data.data)[:_MOST_CHANNELS]
        self._errors = None if data.errors is None else list(data.errors)[:_MOST_CHANNELS]
        spread = data.distribution is DataDistribution.spread
        self.summary = DataSummary(
            path,
            data.name,
            data.origin,
            tuple(
                f"|{text}|" if data.dtype.kind == "c" else text
                for i, label in enumerate(data.labels[:_MOST_CHANNELS])
                for text in [label or f"channel {i}"]
            ),
            data.units,
            data.shape,
            data.dtype,
            tuple(_dimension(data, index) for index in range(data.ndim)),
            spread,
            self._errors is not None,
            has_background,
            len(data.data) - len(self._channels),
        )

    @classmethod
    def of(cls, h5: H5Backend, path: str, all_channels: bool = False, with_bkg: bool = False) -> DataReader:
        """Return the data object of an array node; NodeError or DataMismatchError if there is none.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> with H5Backend('h5py') as h5:
        ...     _ = h5.open_file(pathlib.Path(tempfile.mkdtemp()) / 'any.h5', 'x')
        ...     _ = h5.create_carray('/', 'Frame', np.arange(6).reshape(2, 3))
        ...     DataReader.of(h5, '/Frame').curves(1, {0: 1}).curves[0].values.tolist()
        [3, 4, 5]
        """
        loader = DataLoader(h5)  # type: ignore[arg-type]  # asks for nodes alone, which any open file has
        data = loader.load_data(path, with_bkg=with_bkg, load_all=all_channels, lazy=True)
        _add_nexus_axes(h5, path, data)
        group, _, name = path.rpartition("/")
        number = name[len(name.rstrip("0123456789")) :]
        background = bool(number) and h5.is_node_in_group(group or "/", f"Bkg{number}")
        return cls(data, path, background)

    # ------------------------------------------------------------- drawings
    def curves(
        self, along: int, fixed: Mapping[int, int], channel: int | None = None, start: int = 0, spread_axis: int = 0
    ) -> Curves:
        """Return curves along a dimension.

        Parameters
        ----------
        along
            The dimension.
        fixed
            Position in every other dimension; 0 where nothing is said.
        channel
            The channel, None for all.
        start
            Where the window begins, if not all points can be shown.
        spread_axis
            Which of the axes of a spread dimension is drawn along.
        """
        chosen = range(len(self._channels)) if channel is None else [channel]
        window = _window(self.summary.shape[along], max(1, MOST_POINTS // len(chosen)), start)
        key = self._key({**fixed, along: slice(window.start, window.stop)})
        dimension = self.summary.dimensions[along]
        curves = tuple(
            Curve(
                self.summary.labels[i],
                _drawable(self._channels[i][key]),
                None if self._errors is None else np.abs(_drawable(self._errors[i][key])),
            )
            for i in chosen
        )
        axis = dimension.axes[min(spread_axis, len(dimension.axes) - 1)].cut(window)
        as_points = self.summary.is_spread and dimension.is_navigation
        return Curves(axis, curves, self.summary.name, self.summary.units, window, as_points)

    def picture(
        self, rows: int, columns: int, fixed: Mapping[int, int], channel: int = 0, start: tuple[int, int] = (0, 0)
    ) -> Picture:
        """Return an image over two dimensions; see :meth:`curves`."""
        shape = self.summary.shape
        row_window, column_window = _windows(
            (shape[rows], shape[columns]), MOST_BYTES // self.summary.dtype.itemsize, start
        )
        along = {
            rows: slice(row_window.start, row_window.stop),
            columns: slice(column_window.start, column_window.stop),
        }
        values = _drawable(self._channels[channel][self._key({**fixed, **along})])
        if rows > columns:
            values = values.T
        return Picture(
            values,
            self.summary.dimensions[rows].axes[0].cut(row_window),
            self.summary.dimensions[columns].axes[0].cut(column_window),
            self.summary.labels[channel],
            self.summary.units,
            row_window,
            column_window,
        )

    def _key(self, parts: Mapping[int, int | slice]) -> tuple[int | slice, ...]:
        shape = self.summary.shape
        return tuple(
            part if isinstance(part := parts.get(i, 0), slice) else min(max(0, part), shape[i] - 1)
            for i in range(len(shape))
        )

    # ------------------------------------------------------------------ maps
    def map(
        self,
        shown: tuple[int, ...],
        over: Mapping[int, slice],
        fixed: Mapping[int, int],
        how: Projection = Projection.MEAN,
        channel: int = 0,
    ) -> Iterator[tuple[float, Curves | Picture | Points]]:
        """Make a map over one or two navigation dimensions, in small steps.

        Parameters
        ----------
        shown
            The dimensions of the map.
        over
            The dimensions that become one number, with the part of them that counts.
        fixed
            Position in every other dimension.
        how
            What becomes of the numbers of a point.
        channel
            The channel.

        Yields
        ------
        float, drawing
            Which part is done (1 at the end), and the map as far as it goes; NaN where nothing was read yet.
        """
        array = self._channels[channel]
        shape = tuple(self.summary.shape[i] for i in shown)
        if math.prod(shape) * 8 > MOST_BYTES:
            raise H5SaverError(f"A map of {' × '.join(map(str, shape))} points is too large to be shown.")
        total = np.full(shape, np.nan)
        count = np.zeros(shape)
        everything = {**{i: slice(0, self.summary.shape[i]) for i in shown}, **over}
        order = sorted(everything)
        regions = list(_blocks([range(self.summary.shape[i])[everything[i]] for i in order], self._block_values()))
        for number, region in enumerate(regions, 1):
            parts = dict(zip(order, region, strict=True))
            block = _drawable(array[self._key({**fixed, **parts})])
            away = tuple(order.index(i) for i in over)
            numbers, counted = _reduced(block, away, how)
            kept = [i for i in order if i in shown]
            numbers, counted = (_turned(a, kept, shown) for a in (numbers, counted))
            _merge(total, count, tuple(parts[i] for i in shown), numbers, counted, how)
            if number == len(regions) or number % 4 == 0:
                done = total / np.where(count == 0, np.nan, count) if how is Projection.MEAN else total
                yield number / len(regions), self._map_drawing(shown, done.copy(), how, channel, bool(over))

    def _block_values(self) -> int:
        return max(1, _BLOCK_BYTES // self.summary.dtype.itemsize)

    def _map_drawing(
        self, shown: tuple[int, ...], values: Values, how: Projection, channel: int, projected: bool
    ) -> Curves | Picture | Points:
        label = f"{how.value} of {self.summary.labels[channel]}" if projected else self.summary.labels[channel]
        dimensions = [self.summary.dimensions[i] for i in shown]
        whole = [Window(0, d.size, d.size) for d in dimensions]
        units = self.summary.units
        if len(shown) == 2:
            rows, columns = (d.axes[0].cut(w) for d, w in zip(dimensions, whole, strict=True))
            return Picture(values, rows, columns, label, units, whole[0], whole[1])
        axes = [axis.cut(whole[0]) for axis in dimensions[0].axes]
        if self.summary.is_spread and len(axes) > 1:
            return Points(axes[1], axes[0], values, label, units)
        return Curves(axes[0], (Curve(label, values),), label, units, whole[0], self.summary.is_spread)


# -------------------------------------------------------------------------------------------------------------- axes
def _dimension(data: DataWithAxes, index: int) -> Dimension:
    size = data.shape[index]
    axes = []
    for axis in data.get_axis_from_index(index):
        values = None if axis is None else np.asarray(axis.get_data())
        if axis is None or values is None or values.dtype.kind not in "biuf":
            axes.append(StoredAxis(f"point of dimension {index}" if data.ndim > 1 else "point", "", size))
        else:
            axes.append(StoredAxis(axis.label or f"axis {index}", axis.units, size, values.astype(np.float64)))
    return Dimension(index, size, index in data.nav_indexes, tuple(axes))


def _add_nexus_axes(h5: H5Backend, path: str, data: DataWithAxes) -> None:
    """Add the axes that a NeXus group (``signal``, ``axes``) names, to data that bring none along."""
    if data.axes:
        return
    group = h5.get_node(path).parent_node
    if not isinstance(group, GROUP):
        return
    names = group.attrs.get("axes")
    names = [names] if isinstance(names, str) else names.tolist() if isinstance(names, np.ndarray) else names
    if not isinstance(names, (list, tuple)):
        return
    found = []
    children = group.children_name()
    for index, name in enumerate(names[: data.ndim]):
        node = group.get_child(name) if isinstance(name, str) and name in children else None
        if isinstance(node, Array) and node.shape == (data.shape[index],) and node.dtype.kind in "biuf":
            label = node.attrs.get("long_name") or name
            found.append(Axis(str(label), str(node.attrs.get("units", "")), data=node.read(), index=index))
    data.axes = found


# ------------------------------------------------------------------------------------------------------------ windows
def _window(total: int, most: int, start: int) -> Window:
    """Return the window of at most so many points that begins at `start`.

    >>> _window(100, 30, 90), _window(10, 30, 5)
    (Window(start=70, stop=100, total=100), Window(start=0, stop=10, total=10))
    """
    size = min(total, most)
    first = min(max(0, start), total - size)
    return Window(first, first + size, total)


def _windows(shape: tuple[int, int], most: int, start: tuple[int, int]) -> tuple[Window, Window]:
    """Return the windows of an image of at most so many points, as square as its shape allows."""
    if shape[0] * shape[1] <= most:
        return _window(shape[0], shape[0], 0), _window(shape[1], shape[1], 0)
    side = max(1, math.isqrt(most))
    rows = min(shape[0], max(side, most // max(1, min(shape[1], side))) if shape[1] < side else side)
    columns = min(shape[1], max(1, most // rows))
    return _window(shape[0], rows, start[0]), _window(shape[1], columns, start[1])


def _blocks(ranges: list[range], most: int) -> Iterator[tuple[slice, ...]]:
    """Cut a region into blocks of at most so many points.

    >>> list(_blocks([range(3), range(4)], 8))
    [(slice(0, 2, None), slice(0, 4, None)), (slice(2, 3, None), slice(0, 4, None))]
    """
    sizes = [len(r) for r in ranges]
    steps = list(sizes)
    for i in range(len(sizes)):
        rest = math.prod(sizes[i + 1 :])
        steps[i] = max(1, min(sizes[i], most // max(1, rest)))
        if steps[i] > 1 or rest <= most:
            break
    pieces = [
        [slice(r.start + at, r.start + min(at + step, len(r))) for at in range(0, len(r), step)]
        for r, step in zip(ranges, (max(1, step) for step in steps), strict=True)
    ]
    yield from itertools.product(*pieces)


# -------------------------------------------------------------------------------------------------------------- values
def _drawable(values: Any) -> Values:
    """Return values as they can be drawn: booleans as 0 and 1, complex numbers by their magnitude."""
    array = np.asarray(values)
    if array.dtype.kind == "c":
        magnitude: Values = np.abs(array)
        return magnitude
    if array.dtype.kind == "b":
        return array.astype(np.uint8)
    return array.astype(np.float32) if array.dtype == np.float16 else array  # half precision is slow in Qt


_MERGED: Final[dict[Projection, Callable[[Values, Values], Values]]] = {
    Projection.MEAN: np.add,
    Projection.SUM: np.add,
    Projection.MAX: np.fmax,
    Projection.MIN: np.fmin,
}


def _reduced(block: Values, away: tuple[int, ...], how: Projection) -> tuple[Values, Values]:
    """Return the numbers of a block and how many were counted, leaving out what is not a number."""
    if block.dtype.kind != "f":  # whole numbers are all there
        counts = np.full((), math.prod(block.shape[i] for i in away), np.float64)
        if how in (Projection.MEAN, Projection.SUM):
            numbers = block.sum(axis=away, dtype=np.float64)
        else:
            numbers = (block.max(axis=away) if how is Projection.MAX else block.min(axis=away)).astype(np.float64)
        return numbers, np.broadcast_to(counts, numbers.shape)
    known = ~np.isnan(block)
    counted = known.sum(axis=away, dtype=np.float64)
    if how in (Projection.MEAN, Projection.SUM):
        return np.where(known, block, 0).sum(axis=away, dtype=np.float64), counted
    nothing = -np.inf if how is Projection.MAX else np.inf
    filled = np.where(known, block, nothing)
    return (filled.max(axis=away) if how is Projection.MAX else filled.min(axis=away)), counted


def _turned(values: Values, have: list[int], want: tuple[int, ...]) -> Values:
    return values.transpose([have.index(i) for i in want])


def _merge(
    total: Values, count: Values, where: tuple[slice, ...], numbers: Values, counted: Values, how: Projection
) -> None:
    before = total[where]
    fresh = np.where(counted > 0, numbers, np.nan)
    merged = np.where(np.isnan(before), fresh, np.where(np.isnan(fresh), before, _MERGED[how](before, fresh)))
    total[where] = merged
    count[where] += counted
