"""Extra attributes that change from frame to frame: one value for all becomes a value for each row.

Numbers go into an array of their own beside the data. Its fill value is the first value, so that earlier rows need no
write. Everything else (text, None, tuples...) is noted for the rows at which it differs from its first value.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.terms import Handle
from h5saver_widget.data.plain import holds
from h5saver_widget.data.protocols import DataLike
from h5saver_widget.errors import StreamingError
from h5saver_widget.format import codec, naming
from h5saver_widget.format.layout import PER_ROW
from h5saver_widget.nodes.typed import GROUP, VLARRAY, Array
from h5saver_widget.saving.describe import extras_of, storable
from h5saver_widget.saving.group_cache import CachedGroup
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.notices import tell_altered

__all__ = ["EXTRA", "MOVING", "NOTES", "ExtraRows", "extra_rows", "notes_in"]

#: Prefix of the arrays of numbers, of the list of everything else, and of the values of axes that move.
EXTRA, NOTES, MOVING = "Extra", "Notes", "Moving"

_NUMBER = (bool, int, float, complex, np.number, np.bool_)


class ExtraRows:
    """The extra attributes of a stream, known from its first data, or as their first values, as stored with data.

    The shape is that of a scan; None for arrays that grow by a row for each frame.
    """

    def __init__(
        self,
        saver: H5SaverLowLevel,
        place: CachedGroup,
        known: DataLike | Mapping[str, Any],
        shape: tuple[int, ...] | None = None,
    ) -> None:
        self._saver, self._place, self._shape = saver, place, shape
        if not isinstance(known, Mapping):
            tell_altered(saver, known)
            known = extras_of(known)
        self._known = dict(known)
        self._names = list(known)
        self._texts: dict[str, str] = {}
        self._numbers: dict[str, tuple[Handle, np.dtype[Any]]] = {}
        self._notes: Handle | None = None
        self._noted: set[tuple[str, int]] = set()
        for node in _beside(place.group, place.names):
            if isinstance(node, VLARRAY):
                self._notes = node.handle
                self._noted = {(name, row) for row, name, _ in notes_in(node)}
            else:
                self._numbers[str(node.attrs.get("name"))] = node.handle, node.dtype

    @property
    def has_rows(self) -> bool:
        """Whether any attribute is kept for each row."""
        return bool(self._numbers or self._noted)

    def is_same(self, dwa: DataLike) -> bool:
        """Tell whether all attributes have their first values, and none of them has an array."""
        given = dwa.extra_attributes
        if not given and not self._names:
            return True
        if self.has_rows:
            return False
        return list(dwa.extra_attributes) == self._names and all(
            self._is_at_first(name, getattr(dwa, name, None)) for name in self._names
        )

    def _is_at_first(self, name: str, value: Any) -> bool:
        known = self._known.get(name)
        if type(value) is type(known) and isinstance(value, (str, *_NUMBER)):
            return bool(value == known or (value != value and known != known))
        if name not in self._texts:
            self._texts[name] = codec.encode(known)
        return codec.encode(storable(value)) == self._texts[name]

    def checked(self, dwa: DataLike, row: int, rows: int = 1) -> list[tuple[Handle, Any]]:
        """Return the writes of a frame: arrays with the value (or a note), nothing if no attribute has changed.

        The frame has the row (of a scan, the point) of that number, and `rows` of them, if arrays grow.
        """
        if self.is_same(dwa):
            return []
        tell_altered(self._saver, dwa)
        found: list[tuple[Handle, Any]] = []
        given = extras_of(dwa)
        for name in [*self._known, *(name for name in given if name not in self._known)]:
            value, at_first = given.get(name), self._is_at_first(name, given.get(name))
            handle, dtype = self._numbers.get(name) or self._new_numbers(name, value, at_first, row) or (None, None)
            if handle is not None and dtype is not None:
                array = np.asarray(value) if isinstance(value, _NUMBER) else None
                fits = array is not None and array.dtype.kind != "O" and holds(dtype, array)
                held = array if fits and array is not None else np.asarray(self._known[name])
                found.append((handle, held.astype(dtype) if self._shape else np.full(rows, held.astype(dtype), dtype)))
                if fits or (at_first and (name, row) not in self._noted):
                    continue
            elif at_first and (name, row) not in self._noted:
                continue
            found += [(self._note_list(), self._note(name, row + i, value)) for i in range(rows)]
        return found

    def fill(self, count: int) -> list[tuple[Handle, Any]]:
        """Return the values to append for rows without a frame."""
        return [
            (handle, np.full(count, np.asarray(self._known[name]).astype(dtype)))
            for name, (handle, dtype) in self._numbers.items()
        ]

    def _new_numbers(self, name: str, value: Any, at_first: bool, row: int) -> tuple[Handle, np.dtype[Any]] | None:
        """Make the array of an attribute that was a number and is another one now."""
        known = self._known.get(name)
        if at_first or not isinstance(known, _NUMBER) or not isinstance(value, _NUMBER):
            return None
        first, now = np.asarray(known), np.asarray(value)
        kinds = {first.dtype.kind, now.dtype.kind}
        if "O" in kinds or kinds > {"b"}:
            return None
        dtype = np.result_type(first, now)
        if not holds(dtype, first) or not holds(dtype, now):
            return None
        saver, fill = self._saver, first.astype(dtype)[()]
        node_name = f"{EXTRA}{self._place.next_number(EXTRA):02d}"
        described = {"data_type": PER_ROW, "name": name}
        made: Array
        if self._shape is None:
            made = saver.create_earray(
                self._place.group, node_name, dtype, (), name, fill_value=fill, attributes=described
            )
            saver.io.extend(made.handle, row, fill)
        else:
            made = saver.create_carray(
                self._place.group,
                node_name,
                title=name,
                shape=self._shape,
                dtype=dtype,
                fill_value=fill,
                frame_axes=0,
                attributes=described,
            )
        self._numbers[name] = made.handle, dtype
        return self._numbers[name]

    def _note_list(self) -> Handle:
        if self._saver.is_swmr_active:
            raise StreamingError("text can't be added while the file streams (SWMR)")
        if self._notes is None:
            described = {"data_type": PER_ROW}
            name = f"{NOTES}00"
            made = self._saver.create_vlarray(self._place.group, name, text=True, attributes=described)
            self._notes = made.handle
        return self._notes

    def _note(self, name: str, row: int, value: Any) -> npt.NDArray[np.uint8]:
        self._noted.add((name, row))
        return codec.encode_log_line(json.dumps([row, name, codec.encode(value)]))


def _beside(group: GROUP, names: Iterable[str]) -> list[Array]:
    """Return the arrays of attributes in a group of which the names are known."""
    wanted = [n for n in names if any(naming.number_of(n, prefix) is not None for prefix in (EXTRA, NOTES))]
    found = [group.get_child(name) for name in wanted]
    return [node for node in found if isinstance(node, Array)]


def notes_in(node: VLARRAY) -> list[tuple[int, str, Any]]:
    """Return the notes of an array: row, name of the attribute, value. Malformed notes are skipped."""
    found = []
    for line in node.read():
        try:
            row, name, text = json.loads(line)
            found.append((int(row), str(name), codec.decode(text)))
        except (ValueError, TypeError, RecursionError):
            continue
    return found


def extra_rows(group: GROUP, names: Iterable[str], constants: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Return the attributes that have a value for each of so many rows (or points of a scan, in order).

    They are an array of numbers, or a list, for each; those that are the same in all rows are left out. `names` are the
    names in the group of the arrays, and `constants` the first values of the attributes.
    """
    found: dict[str, Any] = {}
    nodes = _beside(group, names)
    for node in nodes:
        if not isinstance(node, VLARRAY):
            name = str(node.attrs.get("name"))
            values = np.asarray(node.read()).reshape(-1)[:count]
            missing = np.full(count - len(values), constants.get(name), values.dtype) if len(values) < count else None
            found[name] = values if missing is None else np.concatenate([values, missing])
    for node in nodes:
        for row, name, value in notes_in(node) if isinstance(node, VLARRAY) else ():
            if isinstance(found.get(name), np.ndarray):
                found[name] = list(found[name])
            values_of = found.setdefault(name, [constants.get(name)] * count)
            if 0 <= row < count:
                values_of[row] = value
    return found
