"""csv and txt, which other programs read: a header of comments that says everything, then numbers.

Two forms, both described in docs/exporters.md:

- *table*: a row per point in C order; a column per axis, then per channel, error and background;
- *matrix*: a block of rows per channel, its columns being the last dimension; axis values stand in the header.

Header lines are ``# key: JSON``. Numbers are written with as many digits as it takes to read the same number back.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.errors import ExportError
from h5saver_widget.exporters.base import Exporter, Takes
from h5saver_widget.exporters.job import BLOCK_BYTES, Job, Part, block_parts
from h5saver_widget.exporters.source import Channel, Item, Source
from h5saver_widget.format.naming import free_name

__all__ = ["FORMAT_LINE", "CsvExporter", "TxtExporter"]

FORMAT_LINE = "# h5saver_widget text 1"
"""First line of the files."""

#: As text in lists, numbers take fifty times the room that they have in an array.
_TEXT_BLOCK = BLOCK_BYTES // 32

_PARTS = {"data": "", "error": " error", "background": " background"}


class CsvExporter(Exporter):
    """Writes a table: comment lines, a line of column names, a row per point in C order.

    With `bom`, it begins with the mark by which Excel knows UTF-8: without it, Excel shows ``Âµm`` for ``µm``.
    """

    name = "csv"
    extensions = (".csv",)
    help = "table for spreadsheets and pandas: a row per point, with axes, units and errors"
    takes = Takes.DATA
    kinds = "biufcmMUS"

    def __init__(self, bom: bool = False) -> None:
        self._encoding = "utf-8-sig" if bom else "utf-8"

    def write(self, source: Source, path: Path, job: Job) -> None:
        """Write the table of one data object."""
        item = source.items[0]
        names = io.StringIO()
        csv.writer(names, lineterminator="\n").writerow(map(_no_formula, _columns_of(item)))
        with path.open("x", encoding=self._encoding, newline="\n") as file:
            file.writelines(f"{_no_formulas(line)}\n" for line in _header_lines(item, "table", ","))
            file.write(names.getvalue())
            file.writelines(_table_rows(item, ",", job))


class TxtExporter(Exporter):
    """Writes numbers between tabs: columns if there is one dimension, else a matrix per channel."""

    name = "txt"
    extensions = (".txt", ".dat")
    help = "text for numpy.loadtxt and Origin: columns for curves, a matrix per channel for images and scans"
    takes = Takes.DATA
    kinds = "biufcmMUS"

    def write(self, source: Source, path: Path, job: Job) -> None:
        """Write one data object."""
        item = source.items[0]
        form = "table" if item.data.ndim <= 1 else "matrix"
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.writelines(f"{line}\n" for line in _header_lines(item, form, "\t"))
            if form == "table":
                file.write("# " + "\t".join(_columns_of(item)) + "\n")
                file.writelines(_table_rows(item, "\t", job))
            else:
                file.writelines(_matrix_rows(item, "\t", job))


def _texts(values: npt.NDArray[Any]) -> list[str]:
    """Return numbers as the shortest texts that give the same numbers back; booleans as 0 and 1.

    >>> _texts(np.array([0.1, np.nan])), _texts(np.array([0.1], np.float32)), _texts(np.array([True]))
    (['0.1', 'nan'], ['0.1'], ['1'])
    """
    flat = values.ravel()
    if flat.dtype.kind == "b":
        flat = flat.astype(np.uint8)
    # numpy's own scalars know how many digits their type has; Python's floats are the quicker way for float64
    return list(map(str, flat.tolist() if flat.dtype.kind in "iu" or flat.dtype == np.float64 else flat))


def _real_parts(values: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    return [values.real, values.imag] if values.dtype.kind == "c" else [values]


def _named(label: str, units: str, part: str = "") -> str:
    return f"{label}{part} [{units}]" if units else f"{label}{part}"


def _suffixes(channel: Channel) -> tuple[str, ...]:
    return (" real", " imag") if channel.array.dtype.kind == "c" else ("",)


def _columns_of(item: Item) -> list[str]:
    """Return the names of the columns of the table form: ``label [units]``, no two alike."""
    names = []
    for dimension in range(item.data.ndim):
        axes = item.axes_of(dimension)
        names += [_named(str(axis.label) or f"axis {dimension}", str(axis.units)) for axis in axes]
        if not axes and not _is_single(item):
            names.append("index" if item.data.ndim == 1 else f"index {dimension}")
    for channel in item.channels:
        label = channel.label or f"channel {channel.number}"
        units = item.data.units if channel.units is None else channel.units
        names += [_named(label, units, _PARTS.get(channel.role, "") + part) for part in _suffixes(channel)]
    taken: list[str] = []
    for name in names:
        # one line, and no "#": readers take what follows it for a comment
        taken.append(free_name(" ".join(name.replace("#", "no.").split()), taken, "{} ({})"))
    return taken


def _is_single(item: Item) -> bool:
    """Tell whether the data are one point without an axis: a number needs no index."""
    return item.data.shape in ((), (1,)) and not item.data.axes


def _header_lines(item: Item, form: str, separator: str) -> Iterator[str]:
    yield FORMAT_LINE
    about = item.about
    for axis in item.axes:
        if np.asarray(axis.get_data()).dtype.kind not in "biuf":
            raise ExportError(
                f"{item.data.name}: the axis {axis.label!r} holds {np.asarray(axis.get_data()).dtype}, and text takes "
                "real numbers only; export as npz or h5"
            )
    if form == "matrix":
        about["axes"] = [
            {**facts, "values": np.asarray(axis.get_data()).tolist()}
            for facts, axis in zip(about["axes"], item.axes, strict=True)
        ]
    for key, value in {"form": form, "separator": separator, **about}.items():
        yield f"# {key}: {json.dumps(value, ensure_ascii=False)}"


def _table_rows(item: Item, separator: str, job: Job) -> Iterator[str]:
    """Iterate over the rows of the table form, one text of several lines at a time."""
    data = item.data
    channels = item.channels
    size = sum(channel.array.dtype.itemsize for channel in channels)
    for part in block_parts(data.shape, size, _TEXT_BLOCK):
        columns = [] if _is_single(item) else list(_axis_columns(item, part))
        read = 0
        for channel in channels:
            values = np.asarray(channel.array[part])
            read += values.nbytes
            if channel.role == "text":
                columns.append(_cells(values, separator))
            else:
                columns += [_texts(real) for real in _real_parts(values)]
        yield "".join(f"{separator.join(row)}\n" for row in zip(*columns, strict=True))
        job.advance(read)


def _cells(values: npt.NDArray[Any], separator: str) -> list[str]:
    """Return texts as cells of a table: quoted where csv asks for it; elsewhere a cell is one line without tabs."""
    if separator != ",":
        return [" ".join(str(value).split()) for value in values.ravel()]
    cells = [str(value) for value in values.ravel()]
    return [f'"{c.replace(chr(34), chr(34) * 2)}"' if any(x in c for x in ',"\r\n') else c for c in cells]


def _axis_columns(item: Item, part: Part) -> Iterator[list[str]]:
    """Iterate over the columns that say where the points of a block are."""
    shape = [len(range(p.start, p.stop)) for p in part]
    for dimension, cut in enumerate(part):
        axes = [np.asarray(axis.get_data()) for axis in item.axes_of(dimension)]
        for values in axes or [np.arange(item.data.shape[dimension])]:
            once = _texts(values[cut])
            inner, outer = math.prod(shape[dimension + 1 :]), math.prod(shape[:dimension])
            yield [text for _ in range(outer) for text in once for _ in range(inner)]


def _matrix_rows(item: Item, separator: str, job: Job) -> Iterator[str]:
    """Iterate over the rows of the matrix form, one text of several lines at a time."""
    for channel in item.channels:
        for number, suffix in enumerate(_suffixes(channel)):
            yield "# " + " ".join(_named(channel.label, item.data.units, _PARTS[channel.role] + suffix).split()) + "\n"
            width = item.data.shape[-1]
            for values in _whole_rows(channel, job, counted=number == 0):
                numbers = _texts(_real_parts(values)[number])
                yield "".join(
                    f"{separator.join(numbers[i : i + width])}\n" for i in range(0, len(numbers), max(1, width))
                )


def _whole_rows(channel: Channel, job: Job, *, counted: bool) -> Iterable[npt.NDArray[Any]]:
    """Iterate over an array in blocks that end where a row of the matrix ends."""
    array = channel.array
    row = array.shape[-1] * array.dtype.itemsize
    for part in block_parts(array.shape[:-1], max(1, row), _TEXT_BLOCK):
        values = np.asarray(array[(*part, slice(0, array.shape[-1], 1))])
        yield values
        job.advance(values.nbytes if counted else 0)


def _no_formula(cell: str) -> str:
    """Return a text that a spreadsheet takes for a text, not for something to be worked out.

    >>> _no_formula('=1+1'), _no_formula('U [V]')
    ("'=1+1", 'U [V]')
    """
    return f"'{cell}" if cell[:1] in tuple("=+-@") else cell


def _no_formulas(line: str) -> str:
    """Return a line of JSON in which no comma begins a formula: a spreadsheet divides comments into cells, too."""
    return re.sub(r"(?<=,)[=+\-@]|(?<=, )[=+@]", lambda found: f"\\u{ord(found[0]):04x}", line)
