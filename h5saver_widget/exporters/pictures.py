"""Pictures of data as SVG, for packages that people look through without a program for HDF5.

Numbers over one dimension are curves, over more an image of the last two. Written by hand: a library for plots would be
a dependency of everything.
"""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from html import escape
from itertools import groupby
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from h5saver_widget.browsing.drawings import AxisValues, Curves, Picture
from h5saver_widget.browsing.pieces import extremes
from h5saver_widget.browsing.plotting import DataReader
from h5saver_widget.exporters.source import Item

__all__ = ["picture_of"]

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 96, 40, 56
#: So many points of a curve are drawn, so many pixels of an image along each side, and so many curves.
_MOST_POINTS: Final = 1000
_MOST_PIXELS: Final = 400
_MOST_CURVES: Final = 8
#: Colours of curves, which people who can't tell red from green can tell, and of images, dark to bright.
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#999999")
_DARK_TO_BRIGHT: Final = np.array([(68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37)], float)
#: Seconds above this are a time since 1970.
_CLOCK: Final = 1e8

Values = npt.NDArray[Any]


def picture_of(item: Item) -> str:
    """Return a data object as SVG; ``''`` where there is nothing to be drawn.

    >>> import numpy as np
    >>> from h5saver_widget import DataRaw
    >>> drawn = picture_of(Item(DataRaw('spectrum', data=[np.arange(4.0)], units='V')))
    >>> drawn[:4], drawn.count('<polyline'), 'spectrum' in drawn
    ('<svg', 1, True)
    """
    reader = DataReader(item.data, item.path)
    shape = reader.summary.shape
    wide = [index for index, size in enumerate(shape) if size > 1] or [0]
    if item.columns or not shape or not all(shape) or item.data.dtype.kind not in "biufc":
        return ""
    if len(wide) == 1:
        return _with_frame(*_curves(reader.curves(wide[0], {})), title=item.data.name)
    drawn = reader.picture(wide[-2], wide[-1], {}, colours=reader.summary.colours is not None)
    return _with_frame(*_image(drawn), title=item.data.name, bar=_bar(drawn))


_Span = tuple[float, float]


def _curves(drawn: Curves) -> tuple[list[str], tuple[str, _Span], tuple[str, _Span]]:
    """Return the elements of curves, and the label and the span of both axes."""
    axis, count = _since(drawn.axis), len(drawn.axis.values)
    step = max(1, -(-count // _MOST_POINTS))
    x = np.repeat(axis.values[::step], 2) if step > 1 else axis.values
    shown = [np.asarray(curve.values, float) for curve in drawn.curves[:_MOST_CURVES]]
    shown = [extremes(values, step) if step > 1 else values for values in shown]
    across, up = _span(x), _span(np.concatenate(shown))
    in_row, elements = bool((np.diff(x) >= 0).all() or (np.diff(x) <= 0).all()), list[str]()
    for number, (values, colour) in enumerate(zip(shown, _COLOURS, strict=False)):
        for part in _unbroken(x, values):
            at = [(f"{_x(a, across):.1f}", f"{_y(b, up):.1f}") for a, b in part]
            if len(at) == 1 or not in_row:
                elements += [f'<circle cx="{a}" cy="{b}" r="3" fill="{colour}"/>' for a, b in at]
            else:
                line = " ".join(f"{a},{b}" for a, b in at)
                elements.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        if len(shown) > 1:
            label = drawn.curves[number].label
            elements.append(_text(_WIDTH - _RIGHT + 8, _TOP + 12 + 16 * number, label[:12], fill=colour))
    return elements, (_named(axis.label, axis.units), across), (_named("", drawn.units), up)


def _image(drawn: Picture) -> tuple[list[str], tuple[str, _Span], tuple[str, _Span]]:
    """Return the same of an image."""
    rows, columns = _since(drawn.rows), _since(drawn.columns)
    down, right = (max(1, size // _MOST_PIXELS) for size in drawn.values.shape[:2])
    values = drawn.values[::down, ::right]
    pixels = values[..., :3].astype(np.uint8) if values.ndim == 3 else _coloured(values)
    across, up = _edges(columns.values), _edges(rows.values)
    turned = pixels[::-1] if up[1] > up[0] else pixels  # the first row is at the bottom
    turned = turned if across[1] > across[0] else turned[:, ::-1]
    data = base64.b64encode(_png(np.ascontiguousarray(turned))).decode()
    place = f'x="{_LEFT}" y="{_TOP}" width="{_WIDTH - _LEFT - _RIGHT}" height="{_HEIGHT - _TOP - _BOTTOM}"'
    style = 'preserveAspectRatio="none" style="image-rendering:pixelated"'
    image = f'<image {place} {style} xlink:href="data:image/png;base64,{data}"/>'
    ends = (_named(columns.label, columns.units), _sorted(across)), (_named(rows.label, rows.units), _sorted(up))
    return [image], *ends


def _bar(drawn: Picture) -> list[str]:
    """Return the scale of colours beside an image of numbers."""
    if drawn.values.ndim == 3:
        return []
    low, high = _span(drawn.values, margin=0.0)
    data = base64.b64encode(_png(_coloured(np.linspace(1, 0, 64).reshape(64, 1)))).decode()
    left, height = _WIDTH - _RIGHT + 14, _HEIGHT - _TOP - _BOTTOM
    place = f'x="{left}" y="{_TOP}" width="14" height="{height}" preserveAspectRatio="none"'
    ends: dict[float, float] = {_TOP + 8: high, _TOP + height: low}
    if np.isin(drawn.values, (low, high), invert=True).all():  # all values are one, in the middle
        ends = {_TOP + height / 2: (low + high) / 2}
    told = [_text(left + 18, y, f"{value:.4g}") for y, value in ends.items()]
    return [f'<image {place} xlink:href="data:image/png;base64,{data}"/>', *told, _text(left, _TOP - 8, drawn.units)]


def _with_frame(
    elements: list[str], across: tuple[str, _Span], up: tuple[str, _Span], title: str, bar: list[str] | None = None
) -> str:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    lines = [
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        _text((_LEFT + right) / 2, 22, title, anchor="middle", size=14),
        *elements,
        f'<rect x="{_LEFT}" y="{_TOP}" width="{right - _LEFT}" height="{bottom - _TOP}" fill="none" stroke="#444444"/>',
    ]
    for value in _ticks(*across[1]):
        x = _x(value, across[1])
        lines.append(f'<path d="M{x:.1f} {bottom}v5" stroke="#444444"/>')
        lines.append(_text(x, bottom + 18, f"{value:.6g}", anchor="middle"))
    for value in _ticks(*up[1]):
        y = _y(value, up[1])
        lines.append(f'<path d="M{_LEFT} {y:.1f}h-5" stroke="#444444"/>')
        lines.append(_text(_LEFT - 8, y + 4, f"{value:.6g}", anchor="end"))
    lines.append(_text((_LEFT + right) / 2, _HEIGHT - 14, across[0], anchor="middle"))
    lines.append(f'<g transform="rotate(-90 16 {(_TOP + bottom) / 2})">')
    lines += [_text(16, (_TOP + bottom) / 2, up[0], anchor="middle"), "</g>", *(bar or []), "</svg>"]
    return "\n".join(lines)


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 12, fill: str = "#222222") -> str:
    shown = escape("".join(character if character.isprintable() else " " for character in text))
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}">{shown}</text>'


def _named(label: str, units: str) -> str:
    return f"{label} ({units})" if label and units else label or units


def _since(axis: AxisValues) -> AxisValues:
    """Return an axis, of a clock as the seconds since its first value."""
    known = axis.values[np.isfinite(axis.values)]
    if axis.units != "s" or not known.size or known.min() < _CLOCK:
        return axis
    begun = datetime.fromtimestamp(float(known[0]), UTC).isoformat(" ", "seconds").removesuffix("+00:00")
    return AxisValues(f"{axis.label} since {begun} UTC", axis.units, axis.values - known[0])


def _span(values: Values, margin: float = 0.04) -> _Span:
    known = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    wide = (high - low) * margin if high > low else abs(low) * 0.1 or 1.0
    return low - wide, high + wide


def _edges(values: Values) -> _Span:
    """Return where the first and the last pixel end, for pixels in the middle of which the values are."""
    first, last = map(float, values[[0, -1]])
    if not math.isfinite(first + last):
        first, last = 0.0, len(values) - 1.0
    half = (last - first) / (len(values) - 1) / 2 if len(values) > 1 and last != first else 0.5
    return first - half, last + half


def _sorted(span: _Span) -> _Span:
    return min(span), max(span)


def _x(value: float, span: _Span) -> float:
    return _LEFT + (value - span[0]) / (span[1] - span[0]) * (_WIDTH - _LEFT - _RIGHT)


def _y(value: float, span: _Span) -> float:
    return _HEIGHT - _BOTTOM - (value - span[0]) / (span[1] - span[0]) * (_HEIGHT - _TOP - _BOTTOM)


def _ticks(low: float, high: float) -> list[float]:
    """Return round values in a span.

    >>> _ticks(0.0, 1.0), _ticks(-3.0, 12.0)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [-2.0, 0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0])
    """
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((1.0, 2.0, 5.0, 10.0), key=lambda nice: abs(nice * power - rough)) * power
    count = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return [round(number * step, 12 - math.floor(math.log10(step))) for number in count]


def _unbroken(x: Values, values: Values) -> Iterator[list[tuple[float, float]]]:
    """Iterate over the parts of a curve between values that are missing."""
    points = zip(x.tolist(), values.tolist(), strict=True)
    for is_known, part in groupby(points, lambda point: all(map(math.isfinite, point))):
        if is_known:
            yield list(part)


def _coloured(values: Values) -> Values:
    """Return numbers as colours, shape (rows, columns, 3); those that are missing are white."""
    numbers = np.asarray(values, float)
    low, high = _span(numbers, margin=0.0)
    known = np.isfinite(numbers)
    share = np.where(known, (numbers - low) / (high - low), 0.0) * (len(_DARK_TO_BRIGHT) - 1)
    steps = np.arange(len(_DARK_TO_BRIGHT))
    mixed = np.stack([np.interp(share, steps, _DARK_TO_BRIGHT[:, colour]) for colour in range(3)], axis=-1)
    return np.where(known[..., None], mixed, 255.0).astype(np.uint8)


def _png(pixels: Values) -> bytes:
    """Return an image of shape (rows, columns, 3), bytes, as PNG."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes())),
        (b"IEND", b""),
    )
    chunks = (struct.pack(">I", len(b)) + a + b + struct.pack(">I", zlib.crc32(a + b)) for a, b in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
