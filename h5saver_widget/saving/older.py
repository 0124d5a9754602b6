"""Files of the years before 2022: their nodes in the terms of today's layout. Only read, never written.

In that layout (``Raw_datas/Scan000/Det000/Data2D/CH000/Data``) arrays are called ``Data``, the axes beside them
``X_axis`` and ``Y_axis``, those of the scan ``Scan_x_axis`` and ``Scan_y_axis`` (``..._unique`` without repetitions).
In 2018 what was plotted during a scan was stored beside its axes (``scan_2D/Scan_Data_000``, ``scan_2D/scan_x_axis``).
Attribute ``type`` says what an array is, ``data_dimension`` is ``'2D'``, ``scan_type`` ``'scan1D'`` or ``'scan2D'``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.data import Axis
from h5saver_widget.format.layout import DataType
from h5saver_widget.nodes.typed import EARRAY, GROUP, VLARRAY, Array, Node

__all__ = ["OLDER_NAME", "OLDER_RAW_GROUPS", "indexes_of", "int_of", "is_older_data", "older_attributes", "older_axes"]

#: Names of arrays of data, in any case of letters.
OLDER_NAME = "data"

#: Names of the group of all data, over the years.
OLDER_RAW_GROUPS = ("Raw_datas", "Raw_data", "raw_datas")

_DIM = re.compile(r"([0-9]|N)D$")
_AXIS = re.compile(r"(scan_)?([xyz])_axis(_unique)?$", re.IGNORECASE)


def int_of(value: Any) -> int | None:
    """Return a number that may be an int of any library or a text, None if it is none.

    >>> int_of(np.int32(2)), int_of('3'), int_of(None)
    (2, 3, None)
    """
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.flat[0]
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return int(value)
    return int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,6}", value.strip()) else None


def indexes_of(value: Any) -> tuple[int, ...]:
    """Return navigation dimensions, whether they are stored as a tuple, an array, a number or the text of a list.

    >>> indexes_of((0, 1)), indexes_of('[0, 1]'), indexes_of('(0,)'), indexes_of(np.array([0])), indexes_of(None)
    ((0, 1), (0, 1), (0,), (0,), ())
    """
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("(") and text.endswith(")"):
            text = f"[{text[1:-1].rstrip(', ')}]"
        try:
            value = json.loads(text) if len(text) < 200 else ()
        except (ValueError, RecursionError):
            return ()
    items = np.atleast_1d(value).tolist() if isinstance(value, (int, np.integer, np.ndarray)) else value
    if not isinstance(items, (tuple, list)):
        return ()
    return tuple(int(i) for i in items if isinstance(i, (int, np.integer)) and not isinstance(i, bool) and i >= 0)


def is_older_data(attributes: Mapping[str, Any]) -> bool:
    """Tell whether an array says in the older way that it holds data."""
    if str(attributes.get("data_type")) in DataType.names():
        return False
    kind = str(attributes.get("type", ""))
    return kind == "data" or kind.startswith("channel")


def older_attributes(node: Array, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of an array of data in today's terms."""
    told = [_dimensions(attributes.get(name)) for name in ("data_dimension", "data_type", "type")]
    parents = list(_groups_above(node))
    told += [_dimensions(group.name) for group in parents[:2]]
    known = [n for n in told if n is not None]
    ndim = len(node.shape)
    scan_type = str(attributes.get("scan_type") or "")
    scanned = _dimensions(scan_type)
    if scanned is not None:  # 'scan1D' was also the default, of arrays that are no scan at all
        points = scanned if not known else min(scanned, max(0, ndim - known[0]))
    elif _is_map(parents[0]):
        points, known = ndim, [0]
    elif scan_type or isinstance(node, EARRAY):
        points = ndim - known[0] if known else ndim
    else:
        points = 0
    points = max(0, min(points, ndim))
    dim = known[0] if known else ndim - points
    titles = [str(group.title) for group in parents[:4]]
    title = attributes.get("data_name") or next((t for t in titles if t), "") or attributes.get("TITLE") or node.name
    detector = next((g for g in parents if str(g.attrs.get("type", "")) == "detector"), None)
    return {
        **attributes,
        "TITLE": str(title),
        "label": str(attributes.get("label", "")),
        "origin": str(attributes.get("origin") or ("" if detector is None else detector.title or detector.name)),
        "data_type": DataType.data.name,
        "data_dimension": f"Data{dim}D" if dim < 3 else "DataND",
        "nav_indexes": tuple(range(points)),
        "distribution": "uniform",
    }


def older_axes(node: Array, points: int, navigation: bool = True) -> list[Axis]:
    """Return the axes of an array of data, of which the first dimensions, `points` in number, are those of a scan.

    `navigation` adds the axes of the scan.
    """
    shape = node.shape
    free = dict(enumerate(shape))
    axes: list[Axis] = []

    def place(axis: Array, letter: str, wanted: list[int]) -> None:
        values = np.asarray(axis.read())
        if values.ndim != 1:
            return
        attributes = axis.attrs
        named = int_of(attributes.get("nav_index"))
        order = [*([] if named is None else [named]), *wanted]
        index = next((i for i in order if free.get(i) == values.size), None)
        if index is None:  # every point of the scan has its own: take each position once
            values = _once(values)
            index = next((i for i in order if free.get(i) == values.size), None)
        if index is not None:
            del free[index]
            label = str(attributes.get("label") or f"{letter.lower()} axis")
            axes.append(Axis(label, str(attributes.get("units", "")), data=values, index=index))

    signal = list(range(len(shape) - 1, points - 1, -1))  # x is the last dimension
    groups = list(_groups_above(node))
    scan = list(range(points))  # x is the first one
    if not node.attrs.get("scan_type") and _is_map(groups[0]):
        scan.reverse()
    for letter, axis, _ in sorted(_named_axes(groups[0], scan=False), key=lambda item: item[0].lower()):
        place(axis, letter, [*_from(signal, letter), *(_from(scan, letter) if navigation else [])])
    if navigation and points:
        for group in groups:
            found = sorted(_named_axes(group, scan=True), key=lambda item: (item[0].lower(), not item[2]))
            for letter, axis, _ in found:
                place(axis, letter, _from(scan, letter))
            if found:
                break
    return axes


def _from(dimensions: list[int], letter: str) -> list[int]:
    """Return dimensions, the one that a letter usually means first."""
    at = "xyz".index(letter.lower())
    return [*dimensions[at : at + 1], *dimensions[:at], *dimensions[at + 1 :]]


def _named_axes(group: GROUP, scan: bool) -> Iterator[tuple[str, Array, bool]]:
    """Iterate over axis arrays in a group: letter, array, whether positions are not repeated."""
    for name in group.children_name():
        match = _AXIS.fullmatch(name)
        if match is None:
            continue
        axis = group.get_child(name)
        if not isinstance(axis, Array) or isinstance(axis, VLARRAY) or axis.dtype.kind not in "biuf":
            continue
        kind = str(axis.attrs.get("type", ""))
        is_scan = kind.startswith("navigation") or (kind != "axis" and match[1] is not None)
        if is_scan == scan:
            yield match[2], axis, match[3] is not None


def _is_map(group: GROUP) -> bool:
    """Tell whether a group holds what was shown while a scan of 2018 ran: one number per point, x along the last."""
    return any(_named_axes(group, scan=True)) and not any(_named_axes(group, scan=False))


def _once(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    first = np.unique(values, return_index=True)[1]
    kept: npt.NDArray[Any] = values[np.sort(first)]
    return kept


def _dimensions(text: Any) -> int | None:
    """Return the number in ``'2D'``, ``'Data2D'``, ``'scan2D'``; None if there is none."""
    match = _DIM.search(text) if isinstance(text, str) else None
    return None if match is None or match[1] == "N" else int(match[1])


def _groups_above(node: Node) -> Iterator[GROUP]:
    here = node.parent_node
    while isinstance(here, GROUP):
        yield here
        here = here.parent_node
