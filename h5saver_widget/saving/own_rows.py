"""The rows of a recording's arrays that belong to one data object, and the values beside them.

Rows of a segment stand in step with the axes that all segments share, so a segment that comes late begins with rows
that are not its own. In a scan an array tells for each point which segment it is in.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.data import Axis
from h5saver_widget.data.lazy import LazyArray
from h5saver_widget.errors import NodeError
from h5saver_widget.format import naming
from h5saver_widget.format.layout import (
    BESIDE,
    END_ROW,
    FIRST_ROW,
    SEGMENT_ARRAY,
    SEGMENT_NUMBER,
    SEGMENT_OF,
    DataType,
)
from h5saver_widget.nodes.typed import GROUP, Array
from h5saver_widget.saving.describe import extras_on
from h5saver_widget.saving.per_row import MOVING, extra_rows
from h5saver_widget.saving.stamps import UNSTAMPED

__all__ = ["OwnRows", "first_of", "numbers_in"]


def first_of(group: GROUP, told: Any) -> GROUP | None:
    """Return the group of the first segment, from the attributes of a segment's group; None if it does not exist."""
    parent = group.parent_node
    base = parent if told == BESIDE or parent is None else parent.parent_node
    found = base
    if told != BESIDE and isinstance(base, GROUP):
        with suppress(NodeError):
            found = base.get_child(str(told))
    return found if isinstance(found, GROUP) else None


def numbers_in(group: GROUP) -> npt.NDArray[Any] | None:
    """Return for every point of a scan the number of its segment, None if there is one segment only."""
    node = group.get_child(SEGMENT_ARRAY) if SEGMENT_ARRAY in group.children_name() else None
    return np.asarray(node.read()) if isinstance(node, Array) else None


class OwnRows:
    """Selects the rows of one data object in the arrays beside its data.

    Channels, errors and axes come as they are in the file; these and `per_row` (attributes with a value for every row,
    and the values of axes that move) are the attributes of this object. `described` are the attributes of the array.
    The axes along which arrays grow stand in `nav_group`, which may have stamps of the frames; None if they don't grow.
    """

    def __init__(
        self,
        group: GROUP,
        nav_indexes: tuple[int, ...],
        described: Mapping[str, Any],
        arrays: list[LazyArray],
        errors: list[LazyArray] | None,
        axes: list[Axis],
        nav_group: GROUP | None = None,
    ) -> None:
        self.arrays, self.errors, self.axes = arrays, errors, axes
        self._nav_group = nav_group
        names = group.children_name()
        if described.get("data_type") == DataType.data_enlargeable.name:
            rows = self._growing_rows(group)
            shape: tuple[int, ...] = (int(rows[-1]) + 1 if len(rows) else 0,)
        else:
            shape = arrays[0].shape[: len(nav_indexes)]
            rows = self._points(group, names, shape)
        self.per_row = self._attributes(group, names, described, rows, shape)
        if len(rows) != len(arrays[0]) or any(a.index == 0 and a.size != len(rows) for a in axes):
            self._cut(rows)

    def _growing_rows(self, group: GROUP) -> npt.NDArray[Any]:
        """Return the rows that all arrays have: a program killed between two of them leaves one row more in some."""
        counts = [len(array) for array in (*self.arrays, *(self.errors or []))]
        counts += [axis.size for axis in self.axes if axis.index == 0]
        told = group.backend.get_attributes(group.handle, [FIRST_ROW, END_ROW])
        if not told:
            return np.arange(min(counts))
        first, end = group.attrs.get(FIRST_ROW, 0), group.attrs.get(END_ROW)
        stop = min([*counts, end]) if isinstance(end, int) else min(counts)
        return np.arange(first if isinstance(first, int) and 0 <= first <= stop else 0, stop)

    def _points(self, group: GROUP, names: list[str], shape: tuple[int, ...]) -> npt.NDArray[Any]:
        """Return the points along the first dimension of a scan that hold one of this segment."""
        everything = np.arange(shape[0])
        number, holder = 0, group if SEGMENT_ARRAY in names else None
        if holder is None:
            told = group.attrs.get(SEGMENT_OF) if naming.number_of(group.name, "CH") is not None else None
            if told is None:
                return everything
            number, holder = group.attrs.get(SEGMENT_NUMBER, 0), first_of(group, told)
        if holder is None:
            return everything
        numbers = numbers_in(holder)
        if numbers is None or numbers.shape != shape:
            return everything
        mine = (numbers == number).reshape(len(numbers), -1).any(axis=1)
        return np.flatnonzero(mine)

    def _attributes(
        self,
        group: GROUP,
        names: list[str],
        described: Mapping[str, Any],
        rows: npt.NDArray[Any],
        shape: tuple[int, ...],
    ) -> dict[str, Any]:
        points = int(np.prod(shape))
        wanted = (np.arange(points).reshape(shape)[rows] if len(shape) > 1 else rows).reshape(-1)
        found: dict[str, Any] = {}
        for name, values in extra_rows(group, names, extras_on(described), points).items():
            found[name] = values[wanted] if isinstance(values, np.ndarray) else [values[i] for i in wanted]
        if self._nav_group is not None and len(shape) == 1:
            stamps = extra_rows(self._nav_group, self._nav_group.children_name(), UNSTAMPED, points)
            found |= {name: stamps[name][wanted] for name in UNSTAMPED if name in stamps}
        moving = [group.get_child(name) for name in names if naming.number_of(name, MOVING) is not None]
        if moving:
            found["moving_axes"] = [
                {
                    "label": node.attrs.get("label"),
                    "units": node.attrs.get("units"),
                    "index": node.attrs.get("index"),
                    "values": np.asarray(node.read())[rows],
                }
                for node in moving
                if isinstance(node, Array)
            ]
        return found

    def _cut(self, rows: npt.NDArray[Any]) -> None:
        self.arrays = [array.take(rows) for array in self.arrays]
        self.errors = None if self.errors is None else [error.take(rows) for error in self.errors]
        last = rows[-1] if len(rows) else -1
        self.axes = [
            Axis(a.label, a.units, data=a.get_data()[rows], index=0, spread_order=a.spread_order)
            if a.index == 0 and a.size > last
            else a
            for a in self.axes
        ]
