"""The columns of a table of any program: names, units, and values that are still to be read.

Tables: PyTables and pandas (https://www.pytables.org/usersguide/file_format.html), h5py, the HDF5 table specification.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from h5saver_widget.data.lazy import LazyArray
from h5saver_widget.format.log_lines import texts_in_pickle
from h5saver_widget.nodes.typed import Array
from h5saver_widget.saving.conventions import text_in
from h5saver_widget.saving.node_reader import NodeReader

__all__ = ["Column", "ReadComplex", "columns_of", "complex_type"]

#: A column that holds an array in every row becomes so many columns at most.
_MOST_PARTS: Final = 4096
_DEEPEST: Final = 8


@dataclass(frozen=True)
class Column:
    """A column of a table; its array has one value per row, shape (rows,), texts as ``object``."""

    name: str
    units: str
    array: LazyArray

    @property
    def is_text(self) -> bool:
        """Whether it holds something else than numbers."""
        return self.array.dtype.kind not in "biufc"


def complex_type(dtype: np.dtype[Any]) -> np.dtype[Any] | None:
    """Return the complex type that a table of real and imaginary parts stands for, as MATLAB stores them; else None.

    >>> complex_type(np.dtype([('real', 'f4'), ('imag', 'f4')]))
    dtype('complex64')
    """
    names = dtype.names or ()
    if [name.lower() for name in names] not in (["real", "imag"], ["r", "i"], ["re", "im"]):
        return None
    kinds = {dtype[name] for name in names}
    if len(kinds) != 1 or next(iter(kinds)).kind != "f" or next(iter(kinds)).itemsize not in (4, 8):
        return None
    return np.dtype(f"c{2 * next(iter(kinds)).itemsize}")


@dataclass(frozen=True)
class ReadComplex:
    """Reads real and imaginary parts as complex numbers."""

    read: Any
    dtype: np.dtype[Any]

    def __call__(self, part: Any) -> npt.NDArray[Any]:
        """Read a part."""
        values = np.asarray(self.read(part))
        real, imag = values.dtype.names or ("r", "i")
        found = np.empty(values.shape, self.dtype)
        found.real, found.imag = values[real], values[imag]
        return found


@dataclass(frozen=True)
class _ReadColumn:
    """Reads one column, or one number of each of its arrays; no inner function: workers could not be sent one."""

    read: Any
    path: tuple[int, ...]
    at: tuple[int, ...]
    is_text: bool
    dtype: np.dtype[Any]

    def _picked(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the column of rows that came as tuples, as those with texts do from another process."""
        cells = list(rows.flat)
        for number in self.path:
            cells = [cell[number] for cell in cells]
        if not self.is_text or self.at:
            return np.array(cells, dtype=None if self.is_text else self.dtype)
        found = np.empty(len(cells), dtype=object)
        for place, cell in enumerate(cells):
            found[place] = cell
        return found

    def __call__(self, part: Any) -> npt.NDArray[Any]:
        rows = np.asarray(self.read(part))
        values = rows
        for number in self.path if rows.dtype.names else ():
            values = values[(values.dtype.names or ())[number]]
        if not rows.dtype.names:
            values = self._picked(rows)
        if self.at:
            inner: Any = (..., *self.at)
            values = values[inner]
        if self.dtype.kind == "c" and values.dtype.names:
            return ReadComplex(lambda _: values, self.dtype)(part)
        if not self.is_text:
            return np.asarray(values)
        found = np.empty(np.shape(values), dtype=object)
        for place, value in np.ndenumerate(values):
            found[place] = text_in(value) if isinstance(value, (bytes, str)) else str(value)
        return found


def columns_of(node: Array) -> list[Column]:
    """Return the columns of a table, in their order; columns of arrays as one for each number in them."""
    info, about = node.info, node.attrs.to_dict()
    names = info.dtype.names or ()
    units = _units(names, about)
    rows = (math.prod(info.shape),)
    reader = NodeReader(node) if len(info.shape) == 1 else _flat(node)
    found = []
    for number, name in enumerate(names):
        for path, kind in _fields(info.dtype, (number,)):
            dtype = complex_type(kind.base) or kind.base
            is_text = dtype.kind not in "biufc"
            held = np.dtype(object) if is_text else dtype
            whole = ".".join([name, *_names_on(path[1:], info.dtype[number])])
            for part, at in _parts(whole, kind, about):
                read = _ReadColumn(reader, path, at, is_text, dtype)
                found.append(Column(part, units[number], LazyArray(read, rows, held, info.chunks)))
    return found


def _fields(dtype: np.dtype[Any], path: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], np.dtype[Any]]]:
    """Iterate over a column and the columns within it, as the numbers that lead to each, and its number type."""
    kind = dtype[path[-1]]
    if not kind.names or complex_type(kind) is not None or len(path) > _DEEPEST:
        yield path, kind
        return
    for number in range(len(kind.names)):
        yield from _fields(kind, (*path, number))


def _names_on(path: tuple[int, ...], dtype: np.dtype[Any]) -> Iterator[str]:
    for number in path:
        yield (dtype.names or ())[number]
        dtype = dtype[number]


def _flat(node: Array) -> Any:
    """Return a reader of rows of a table of no or several dimensions; it reads all of the table first."""
    values = np.asarray(node.read()).reshape(-1)
    return values.__getitem__


def _parts(name: str, kind: np.dtype[Any], about: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Iterate over the columns that a column of arrays becomes: name, and place in the array."""
    if not kind.shape or math.prod(kind.shape) > _MOST_PARTS:
        yield name, ()
        return
    labels = _labels_of_pandas(about.get(f"{name}_kind"))
    for number, at in enumerate(np.ndindex(kind.shape)):
        place = ",".join(map(str, at))
        yield (labels[number] if len(labels) == math.prod(kind.shape) else f"{name}[{place}]"), at


def _labels_of_pandas(value: Any) -> list[str]:
    """Return the names that pandas keeps of the columns of a block: a list that is pickled, and read as data here."""
    raw = value.encode("latin-1", "ignore") if isinstance(value, str) else value
    return texts_in_pickle(raw) if isinstance(raw, (bytes, np.bytes_)) else []


def _units(names: tuple[str, ...], about: Mapping[str, Any]) -> list[str]:
    """Return the units of every column: of a list, or of attributes named after the columns or their numbers."""
    listed = about.get("units", about.get("column_units"))
    if isinstance(listed, (np.ndarray, list, tuple)) and len(listed) == len(names):
        return [text_in(item) for item in np.asarray(listed).tolist()]
    one = text_in(listed)
    found = []
    for number, name in enumerate(names):
        keys = (f"{name}_units", f"{name}.units", f"units_{name}", f"FIELD_{number}_UNITS", f"FIELD_{number}_units")
        found.append(next((text for key in keys if (text := text_in(about.get(key)))), one))
    return found
