"""Data objects back from the text files that are exported here."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.data import Axis, DataCalculated, DataRaw, DataWithAxes
from h5saver_widget.errors import CodecError
from h5saver_widget.exporters.source import Channel, Item
from h5saver_widget.exporters.text_table import FORMAT_LINE

__all__ = ["read_text"]


def read_text(path: Path | str) -> Item:
    """Return the content of a txt or csv file of this package: a data object, and the backgrounds of its channels.

    CodecError if the file is not one of this package, or was changed so that it doesn't fit its header.

    >>> import tempfile
    >>> from h5saver_widget.exporters import export
    >>> trace = DataRaw('trace', data=[np.array([0.1, 0.2])], units='V')
    >>> item = read_text(export(trace, Path(tempfile.mkdtemp()) / 'trace.txt').path)
    >>> item.data == trace, item.backgrounds
    (True, {})
    """
    header, rows = _parsed(Path(path))
    try:
        return _item(header, rows)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise CodecError(f"{path} doesn't fit its own header ({error}); export it again") from error


def _parsed(path: Path) -> tuple[dict[str, Any], list[list[str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        if next(file, "").strip() != FORMAT_LINE:
            raise CodecError(f"{path} does not begin with {FORMAT_LINE!r}: read it with numpy.loadtxt or pandas")
        header: dict[str, Any] = {}
        for line in file:  # ends with the line of the column names, or of the first matrix
            key, _, value = line.removeprefix("# ").partition(": ")
            try:
                header[key] = json.loads(value)
            except ValueError:
                break
        separator = str(header.get("separator"))
        if separator == ",":
            rows = [row for row in csv.reader(file) if row and not row[0].startswith("#")]
        else:
            rows = [text.rstrip("\r\n").split(separator) for text in file if text.strip() and not text.startswith("#")]
    return header, rows


def _item(header: dict[str, Any], rows: list[list[str]]) -> Item:
    shape = tuple(int(n) for n in header["shape"])
    if header["form"] == "table":
        arrays, axes = _from_table(header, rows, shape)
    else:
        arrays, axes = _from_matrix(header, rows, shape)
    found: dict[str, dict[int, npt.NDArray[Any]]] = {"data": {}, "error": {}, "background": {}, "text": {}}
    for facts, array in zip(header["channels"], arrays, strict=True):
        found[facts["role"]][int(facts["channel"])] = array
    kind = DataRaw if header["source"] == "raw" else DataCalculated
    data: DataWithAxes = kind(
        header["name"],
        dim=None if header["navigation"] else header["dimension"],
        distribution=header["distribution"],
        data=list(found["data"].values()),
        labels=[facts["label"] for facts in header["channels"] if facts["role"] == "data"],
        origin=header["origin"],
        units=header["units"],
        axes=axes,
        nav_indexes=header["navigation"],
        errors=list(found["error"].values()) or None,
        timestamp=header["timestamp"],
        **header["extra"],
    )
    columns = []
    if any("units" in facts for facts in header["channels"]):  # it was a table
        for facts in header["channels"]:
            role, number = facts["role"], int(facts["channel"])
            columns.append(Channel(role, number, facts["label"], found[role][number], facts["units"]))
    return Item(data, backgrounds=dict(found["background"]), columns=columns)


def _numbers(column: list[str], dtype: str) -> npt.NDArray[Any]:
    kind = np.dtype(dtype)
    if kind.kind == "O":
        return np.array(column, dtype=object)
    if kind.kind == "b":
        return np.array([text == "1" for text in column], dtype=bool)
    if kind.kind in "iu":
        return np.array([int(text) for text in column], dtype=kind)
    return np.array(column, dtype=np.longdouble if kind.itemsize > 8 else np.float64).astype(kind)


def _values(columns: list[list[str]], dtype: str) -> npt.NDArray[Any]:
    """Take the next column, or the next two of a complex channel, off the front."""
    if np.dtype(dtype).kind != "c":
        return _numbers(columns.pop(0), dtype)
    part = np.empty(0, dtype).real.dtype.name
    whole = np.empty(len(columns[0]), dtype)
    whole.real, whole.imag = _numbers(columns.pop(0), part), _numbers(columns.pop(0), part)
    return whole


def _from_table(
    header: dict[str, Any], rows: list[list[str]], shape: tuple[int, ...]
) -> tuple[list[npt.NDArray[Any]], list[Axis]]:
    columns = [list(column) for column in zip(*rows, strict=True)]
    if not columns:  # no points at all
        columns = [[] for _ in range(3 * (len(header["axes"]) + 2 * len(header["channels"])))]
    axes = []
    for dimension in range(len(shape)):
        described = [facts for facts in header["axes"] if facts["index"] == dimension]
        for facts in described:
            along = columns.pop(0)
            grid = np.array(along, dtype=object).reshape(shape)
            at = tuple(slice(None) if i == dimension else slice(0, 1) for i in range(len(shape)))
            axes.append(_axis(facts, _numbers(grid[at].ravel().tolist(), facts["dtype"])))
        if not described and not (shape == (1,) and not header["axes"]):
            columns.pop(0)
    return [_values(columns, facts["dtype"]).reshape(shape) for facts in header["channels"]], axes


def _from_matrix(
    header: dict[str, Any], rows: list[list[str]], shape: tuple[int, ...]
) -> tuple[list[npt.NDArray[Any]], list[Axis]]:
    axes = [_axis(facts, np.array(facts["values"], dtype=facts["dtype"])) for facts in header["axes"]]
    parts = sum(2 if np.dtype(facts["dtype"]).kind == "c" else 1 for facts in header["channels"])
    height, rest = divmod(len(rows), parts)
    if rest:
        raise ValueError(f"{len(rows)} rows for {parts} matrices")
    blocks = [[text for row in rows[i : i + height] for text in row] for i in range(0, len(rows), height or 1)]
    blocks = blocks or [[] for _ in range(parts)]
    return [_values(blocks, facts["dtype"]).reshape(shape) for facts in header["channels"]], axes


def _axis(facts: dict[str, Any], values: npt.NDArray[Any]) -> Axis:
    return Axis(facts["label"], facts["units"], values, facts["index"], spread_order=facts["spread_order"])
