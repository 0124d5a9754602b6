"""Data as they are drawn: curves, images and maps cut out of an array of any size, of which only that part is read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import Final

import numpy as np
import numpy.typing as npt

from h5saver_widget.browsing.colours import as_bytes, colours_at, likely_colours, palette_of
from h5saver_widget.browsing.drawings import (
    Curve,
    Curves,
    DataSummary,
    Dimension,
    Part,
    Picture,
    Points,
    Projection,
    Values,
    Window,
)
from h5saver_widget.browsing.pieces import blocks, drawable, extremes, merge, reduced, window_of, windows_of
from h5saver_widget.data import DataDistribution, DataWithAxes
from h5saver_widget.errors import DataMismatchError, H5SaverError
from h5saver_widget.format.naming import number_of
from h5saver_widget.nodes.typed import GROUP, Array
from h5saver_widget.saving.assemble import data_from
from h5saver_widget.saving.h5_backend import H5Backend
from h5saver_widget.saving.links import resolved

__all__ = ["FREE_BYTES", "DataReader"]

#: The most that is read for one drawing, in bytes; of larger arrays a window is shown that can be moved.
MOST_BYTES: Final = 16_000_000
#: Points of all curves of one drawing; of more, the smallest and the largest of several are drawn.
MOST_POINTS: Final = 250_000
#: Pairs of them along a curve: more than a screen has pixels.
_MOST_PAIRS: Final = 4096
#: Points that are read at once along an array that lies across: each of them may cost a chunk.
_ACROSS: Final = 4096
_TOLD_AFTER: Final = 0.2
#: A map over navigation is made without being asked for if no more than this has to be read, in bytes.
FREE_BYTES: Final = 64_000_000
_BLOCK_BYTES: Final = 8_000_000
_MOST_CHANNELS: Final = 64
_PART_LABELS: Final = {Part.MODULUS: "|{}|", Part.PHASE: "arg {}", Part.REAL: "Re {}", Part.IMAGINARY: "Im {}"}


class DataReader:
    """A data object that is read in parts; loaded lazily, it reads the requested ones alone.

    So many further arrays of its group as are `left_out` may be channels of it. `colours` is the dimension of colours,
    where the file names one; by default, one that looks like it. `palette` has the colours that the numbers of an image
    stand for, see `DataSummary`.
    """

    def __init__(
        self,
        data: DataWithAxes,
        path: str,
        has_background: bool = False,
        left_out: int = 0,
        part: Part = Part.MODULUS,
        colours: int | None = None,
        palette: npt.NDArray[np.uint8] | None = None,
    ) -> None:
        self._part = part
        dimensions = tuple(Dimension.of(data, index) for index in range(data.ndim))
        is_phase = data.dtype.kind == "c" and part is Part.PHASE
        self._channels = list(data.data)[:_MOST_CHANNELS]
        self._errors = None if data.errors is None or is_phase else list(data.errors)[:_MOST_CHANNELS]
        spread = data.distribution is DataDistribution.spread
        self.summary = DataSummary(
            path,
            data.name,
            data.origin,
            tuple(
                _PART_LABELS[part].format(text) if data.dtype.kind == "c" else text
                for i, label in enumerate(data.labels[:_MOST_CHANNELS])
                for text in [label or f"channel {i}"]
            ),
            "rad" if is_phase else data.units,
            data.shape,
            data.dtype,
            dimensions,
            spread,
            has_background,
            len(data.data) - len(self._channels) + left_out,
            likely_colours(data, dimensions) if colours is None else colours,
            palette,
        )

    @classmethod
    def of(
        cls,
        h5: H5Backend,
        path: str,
        all_channels: bool = False,
        with_bkg: bool = False,
        part: Part = Part.MODULUS,
        raw: bool = False,
    ) -> DataReader:
        """Return the data object of an array node; NodeError or DataMismatchError if there is none.

        >>> import tempfile, pathlib
        >>> with H5Backend('h5py') as h5:
        ...     _ = h5.open_file(pathlib.Path(tempfile.mkdtemp()) / 'any.h5', 'x')
        ...     _ = h5.create_carray('/', 'Frame', np.arange(6).reshape(2, 3))
        ...     DataReader.of(h5, '/Frame').curves(1, {0: 1}).curves[0].values.tolist()
        [3, 4, 5]
        """
        where = resolved(h5.io, path)
        parent, _, name = path.rpartition("/")
        asked = f"{resolved(h5.io, parent or '/').rstrip('/')}/{name}"  # its group describes it, be it a link there
        with h5.io.lock:
            node = h5.get_node(where)
            data = data_from(
                h5.get_node(asked), with_bkg=with_bkg, load_all=all_channels, lazy=True, raw=raw, most=_MOST_CHANNELS
            )
            assert isinstance(node, Array)
            colours, palette = colours_at(data.shape, node.attrs.to_dict()), palette_of(node)
        group, _, name = where.rpartition("/")
        prefix = name.rstrip("0123456789")
        number = name[len(prefix) :]
        background = bool(number) and h5.is_node_in_group(group or "/", f"Bkg{number}")
        alike = 0
        if all_channels and len(data.data) >= _MOST_CHANNELS:
            beside = h5.get_node(group or "/")
            assert isinstance(beside, GROUP)
            alike = sum(1 for other in beside.children_name() if number_of(other, prefix) is not None)
        return cls(data, path, background, max(0, alike - len(data.data)), part, colours, palette)

    # ------------------------------------------------------------- drawings
    def curves(
        self,
        along: int,
        fixed: Mapping[int, int],
        channel: int | None = None,
        start: int = 0,
        stop: int | None = None,
    ) -> Curves:
        """Return curves along a dimension.

        `fixed` is the position in the other dimensions, 0 where nothing is said; a `channel` of None stands for all of
        them. Points from `start` to `stop` are drawn, by default as many as can be shown.
        """
        chosen, total = self._chosen(channel), self.summary.shape[along]
        window = window_of(total, max(1, MOST_POINTS // len(chosen)), start)
        window = window if stop is None else Window(start, stop, total)
        key = self._key({**fixed, along: slice(window.start, window.stop)})
        curves = tuple(
            Curve(
                self.summary.labels[i],
                drawable(self._channels[i][key], self._part),
                None if self._errors is None else np.abs(drawable(self._errors[i][key])),
            )
            for i in chosen
        )
        return self._over_axis(along, window, curves)

    def _chosen(self, channel: int | None) -> Sequence[int]:
        return range(len(self._channels)) if channel is None else [channel]

    def _over_axis(self, along: int, window: Window, curves: tuple[Curve, ...]) -> Curves:
        dimension = self.summary.dimensions[along]
        axis = dimension.axes[0].cut(window)
        as_points = self.summary.is_spread and dimension.is_navigation
        return Curves(axis, curves, self.summary.name, self.summary.units, window, as_points)

    def overview(
        self,
        along: int,
        fixed: Mapping[int, int],
        channel: int | None = None,
        span: tuple[int, int] | None = None,
    ) -> Iterator[tuple[float, Curves]]:
        """Return curves of a dimension of any length, in small steps; see :meth:`curves`.

        `span` is the first point and the one behind the last; None for all of them. Yields the part that is done (1 at
        the end), and the curves as far as they go. Where there are too many points to draw them all, ``window.step``
        points become two, the smallest and the largest; without errors then.
        """
        total, chosen = self.summary.shape[along], self._chosen(channel)
        first = min(max(0, span[0]), total) if span else 0
        last = min(max(first, span[1]), total) if span else total
        if (last - first) * len(chosen) <= MOST_POINTS:
            yield 1.0, self.curves(along, fixed, channel, first, stop=last)
            return
        step = -(-(last - first) // min(_MOST_PAIRS, MOST_POINTS // (2 * len(chosen))))
        window = Window(first, last, total, step)
        pairs = np.full((len(chosen), 2 * -(-(last - first) // step)), np.nan)
        most = self._block_values() // len(chosen) if len(self.summary.shape) == 1 else _ACROSS
        at_once = max(1, most // step) * step
        told = monotonic()
        for start in range(first, last, at_once):
            stop = min(start + at_once, last)
            key = self._key({**fixed, along: slice(start, stop)})
            into = slice(2 * ((start - first) // step), 2 * -(-(stop - first) // step))
            for row, i in enumerate(chosen):
                pairs[row, into] = extremes(drawable(self._channels[i][key], self._part), step)
            if stop == last or monotonic() - told > _TOLD_AFTER:
                told = monotonic()
                labels = (self.summary.labels[i] for i in chosen)
                curves = tuple(Curve(label, row.copy(), step=step) for label, row in zip(labels, pairs, strict=True))
                yield (stop - first) / (last - first), self._over_axis(along, window, curves)

    def only_curve(self, name: str) -> Curves:
        """Return data that are a curve, as a whole, to be drawn with others; the name becomes part of the labels.

        DataMismatchError if the data have more than one dimension.
        """
        wide = [i for i, size in enumerate(self.summary.shape) if size > 1] or [0]
        if len(wide) > 1:
            shape = " × ".join(map(str, self.summary.shape))
            raise DataMismatchError(f"{name} is no curve: it has {shape} values")
        *_, (_, found) = self.overview(wide[0], {})
        curves = tuple(replace(c, label=f"{c.label} ({name})", axis=found.axis_of(c)) for c in found.curves)
        return replace(found, curves=curves)

    def numbers(self, parts: Mapping[int, int | slice], channel: int = 0) -> Values:
        """Return the values of a part as they are stored, with the dimensions that have a slice.

        In a dimension of which nothing is said, it is position 0.
        """
        return np.asarray(self._channels[channel][self._key(parts)])

    def part(self, parts: Mapping[int, int | slice], channel: int = 0) -> Iterator[Values]:
        """Return the values of a part as they are drawn, in blocks of any shape; for statistics of all of them."""
        wide = {i: range(self.summary.shape[i])[part] for i, part in parts.items() if isinstance(part, slice)}
        for region in blocks(list(wide.values()), self._block_values()):
            key = {**parts, **dict(zip(wide, region, strict=True))}
            yield drawable(self._channels[channel][self._key(key)], self._part)

    def picture(
        self,
        rows: int,
        columns: int,
        fixed: Mapping[int, int],
        channel: int = 0,
        start: tuple[int, int] = (0, 0),
        colours: bool = False,
    ) -> Picture:
        """Return an image over two dimensions, in colours if there are some and they are wanted; see :meth:`curves`."""
        shape = self.summary.shape
        row_window, column_window = windows_of(
            (shape[rows], shape[columns]), MOST_BYTES // self.summary.dtype.itemsize, start
        )
        along = {
            rows: slice(row_window.start, row_window.stop),
            columns: slice(column_window.start, column_window.stop),
        }
        dimension = self.summary.colours if colours else None
        if dimension is not None:
            along[dimension] = slice(None)
        values = drawable(self._channels[channel][self._key({**fixed, **along})], self._part)
        if dimension is not None:
            values = np.moveaxis(values, sorted(along).index(dimension), -1)
            values = values if values.dtype.kind == "u" and values.itemsize <= 2 else as_bytes(values)
        if rows > columns:
            values = values.swapaxes(0, 1)
        if colours and (palette := self.summary.palette) is not None:
            values = palette[np.clip(values, 0, len(palette) - 1)]
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
        """Make a map over one or two navigation dimensions, those that are shown, in small steps.

        The dimensions `over` become one number, of the part of them that is given; `fixed` is the position in every
        other one. Yields the part that is done (1 at the end), and the map as far as it goes; NaN where nothing was
        read yet.
        """
        array = self._channels[channel]
        shape = tuple(self.summary.shape[i] for i in shown)
        if math.prod(shape) * 8 > MOST_BYTES:
            raise H5SaverError(f"A map of {' × '.join(map(str, shape))} points is too large to be shown.")
        total = np.full(shape, np.nan)
        count = np.zeros(shape)
        everything = {**{i: slice(0, self.summary.shape[i]) for i in shown}, **over}
        order = sorted(everything)
        regions = list(blocks([range(self.summary.shape[i])[everything[i]] for i in order], self._block_values()))
        for number, region in enumerate(regions, 1):
            parts = dict(zip(order, region, strict=True))
            block = drawable(array[self._key({**fixed, **parts})], self._part)
            away = tuple(order.index(i) for i in over)
            numbers, counted = reduced(block, away, how)
            kept = [i for i in order if i in shown]
            numbers, counted = (a.transpose([kept.index(i) for i in shown]) for a in (numbers, counted))
            merge(total, count, tuple(parts[i] for i in shown), numbers, counted, how)
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
        if len(shown) == 2:
            rows, columns = (d.axes[0].cut(w) for d, w in zip(dimensions, whole, strict=True))
            return Picture(values, rows, columns, label, self.summary.units, whole[0], whole[1])
        axes = [axis.cut(whole[0]) for axis in dimensions[0].axes]
        if self.summary.is_spread and len(axes) > 1:
            return Points(axes[0], axes[1], values, label, self.summary.units)
        return Curves(axes[0], (Curve(label, values),), label, self.summary.units, whole[0], self.summary.is_spread)
