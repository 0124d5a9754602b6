"""The table of gaps in a file: a group of columns, all of one length, which every program opens. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from h5saver_widget.backends.terms import Handle
from h5saver_widget.format.layout import PER_ROW
from h5saver_widget.nodes.typed import GROUP
from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = ["COLUMNS", "GAPS", "GAPS_TYPE", "GapTable"]

#: Name and type of the group, below that of the raw data.
GAPS: Final = "Gaps"
GAPS_TYPE: Final = "gaps"

#: Name, number type and meaning of every column.
COLUMNS: Final[Mapping[str, tuple[str, str]]] = {
    "Source": ("S96", "where the frames come from"),
    "First": ("i8", "first number; -1 if it is not known"),
    "Last": ("i8", "last number; -1 if it is not known"),
    "Count": ("i8", "number of frames"),
    "Place": ("S12", "where they were lost, or what happened"),
    "Time": ("f8", "when it was noticed, s since 1970"),
}


class GapTable:
    """The table of one open file, made with its first row; a file that is continued keeps the rows that it has."""

    def __init__(self, saver: H5SaverLowLevel) -> None:
        self._saver = saver
        self._columns: list[Handle] = []
        self._first = self._rows = 0

    def _open(self) -> None:
        saver = self._saver
        raw = saver.get_group(saver.raw_group)
        if saver.io.has_child(raw.handle, GAPS):
            group = saver.get_group(saver.path_of(raw, GAPS))
            self._columns = [saver.get_node(group, name).handle for name in COLUMNS]
            self._first = min(saver.io.info(handle).shape[0] for handle in self._columns)
            for name, handle in zip(COLUMNS, self._columns, strict=True):
                saver.has_grown(f"{group.path}/{name}", handle)
        else:
            group = saver.create_group(raw, GAPS, "Missing frames", type=GAPS_TYPE)
            self._columns = [self._made(group, name, *about) for name, about in COLUMNS.items()]

    def _made(self, group: GROUP, name: str, dtype: str, title: str) -> Handle:
        made = self._saver.create_earray(group, name, dtype, (), title, attributes={"data_type": PER_ROW})
        return made.handle

    def write(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write all rows of this session, in the order of the columns; no fewer than the last time."""
        saver, known = self._saver, self._rows
        with saver.saving():
            if not self._columns:
                self._open()
            columns = zip(self._columns, COLUMNS.values(), zip(*rows, strict=True), strict=True)
            for handle, (dtype, _), values in columns:
                column = np.array([_fitting(value, dtype) for value in values], dtype)
                if known:
                    saver.io.write(handle, slice(self._first, self._first + known), column[:known])
                if len(column) > known:
                    saver.io.append(handle, column[known:])
            self._rows = len(rows)


def _fitting(value: Any, dtype: str) -> Any:
    """Return a text as bytes that fit into a column; a longer one is cut between two characters."""
    return (
        value.encode()[: np.dtype(dtype).itemsize].decode(errors="ignore").encode() if isinstance(value, str) else value
    )
