"""Axes along which data grow: one value each per point."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.terms import Handle, NodeKind, NodeSpec
from h5saver_widget.data import Axis
from h5saver_widget.data.plain import holds, plain
from h5saver_widget.data.protocols import AxisLike
from h5saver_widget.errors import DataMismatchError
from h5saver_widget.format.layout import DataType
from h5saver_widget.nodes.typed import EARRAY
from h5saver_widget.saving.arrays import AxisSaverLoader
from h5saver_widget.saving.content import storable_fill
from h5saver_widget.saving.group_cache import CachedGroup
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.stamps import Stamp, StampRows

__all__ = ["GrowingAxes", "Rows", "one_number"]

Rows = npt.NDArray[Any]


class GrowingAxes:
    """Axes along which data grow: found again in the group that holds them, or made.

    Label, units and number type of the given ones count, their values don't.
    """

    def __init__(self, saver: H5SaverLowLevel, place: CachedGroup, axes: Sequence[AxisLike]) -> None:
        self._saver, self._place = saver, place
        nodes = [place.group.get_child(name) for _, name in place.numbered(DataType.axis.value)]
        known = [(node.attrs.get("label"), node) for node in nodes if isinstance(node, EARRAY)]
        self._arrays: list[tuple[Handle, np.dtype[Any]]] = []
        counts = []
        for order, axis in enumerate(axes):
            found = next((item for item in known if item[0] == axis.label), None)
            if found is not None:
                known.remove(found)  # two axes may have one name
                node, info = found[1], found[1].info
                saver.has_grown(node.path, node.handle)
                self._arrays.append((node.handle, info.dtype))
                counts.append(info.shape[0])
            else:
                dtype = plain(axis.get_data(), f"axis {axis.label}").dtype
                empty = Axis(axis.label, axis.units, data=np.zeros(0, dtype), index=0, spread_order=order)
                made = AxisSaverLoader(saver).add_to(place, empty, 0, enlargeable=True)
                self._arrays.append((made.handle, dtype))
                counts.append(0)
        #: Numbers and clocks that devices gave the frames; None if they gave none.
        self.stamps, stamped = StampRows.found(saver, place)
        #: Points saved so far.
        self.rows = max(counts + stamped, default=0)
        for (handle, dtype), count in zip(self._arrays, counts, strict=True):
            self._fill(handle, dtype, self.rows - count)  # a program killed between two arrays leaves one row more
        if self.stamps is not None:
            self.stamps.fill([self.rows - count for count in stamped])

    def __len__(self) -> int:
        return len(self._arrays)

    @property
    def handles(self) -> list[Handle]:
        """The arrays of the axes."""
        return [handle for handle, _ in self._arrays]

    @property
    def dtypes(self) -> list[np.dtype[Any]]:
        """Number types of the axes."""
        return [dtype for _, dtype in self._arrays]

    def _fill(self, handle: Handle, dtype: np.dtype[Any], count: int) -> None:
        if count > 0:
            self._saver.io.extend(handle, count, storable_fill(np.nan, dtype))

    def fill(self, count: int) -> None:
        """Add points whose values are not known."""
        for handle, dtype in self._arrays:
            self._fill(handle, dtype, count)
        if self.stamps is not None:
            self.stamps.fill([count] * len(self.stamps.handles))
        self.rows += count

    def stamped(self, stamp: Stamp | None) -> list[tuple[Handle, Rows]]:
        """Return the values to append of a frame's stamp; the first one makes the arrays."""
        if self.stamps is None:
            if stamp is None:
                return []
            self.stamps = StampRows.made(self._saver, self._place, self.rows)
        return self.stamps.rows(stamp)

    def checked(self, values: Iterable[Rows], what: str) -> list[tuple[Handle, Rows]]:
        """Return the values to append, in the number types of the axes; nothing is written yet.

        An axis of integers to which a fraction comes becomes one of float64; DataMismatchError if it would have to hold
        fractions and integers beyond 2**53.
        """
        if not self._arrays:
            return []  # axes of blocks alone: these have their own
        found = []
        for number, row in enumerate(values):
            handle, dtype = self._arrays[number]
            if row.dtype != dtype:
                if not holds(dtype, row):
                    handle, dtype = self._widen(number, row, what)
                row = row.astype(dtype)
            found.append((handle, row))
        return found

    def _widen(self, number: int, row: Rows, what: str) -> tuple[Handle, np.dtype[Any]]:
        """Replace an axis by one of a number type that holds its present and its new values."""
        handle, dtype = self._arrays[number]
        held = plain(self._saver.io.read(handle), what)
        whole = held.dtype.kind == "f" and row.dtype.kind in "iu" and bool(np.all(held == np.trunc(held)))
        whole = whole and held.size > 0 and float(np.abs(held).max()) <= 2**53
        wide = row.dtype if whole else np.result_type(dtype, row.dtype)
        if not whole and not (holds(wide, held) and holds(wide, row)):
            raise DataMismatchError(
                f"axis of {what}: {row.flat[0]} can't be added: float64 does not hold whole numbers "
                "beyond 2**53; give all values of the axis as integers, or all with fractions"
            )
        saver = self._saver
        path = saver.io.path_of(handle)
        attributes = dict(saver.io.get_attributes(handle))
        saver.remove_node(path)
        attributes.update(saver.raw({"dtype": wide.name}))
        parent, _, name = path.rpartition("/")
        fill = storable_fill(np.nan, wide)
        # as it was described: what made it is not asked again
        spec = NodeSpec(NodeKind.GROWING, (), wide, fill_value=fill)
        made = saver.io.create(saver.handle_of(parent), name, spec)
        saver.io.set_attributes(made, {n: v for n, v in attributes.items() if n != "VERSION"})
        saver.io.append(made, held.astype(wide))
        saver.has_grown(path, made)
        self._arrays[number] = made, wide
        return self._arrays[number]


def one_number(value: Any, name: str) -> Rows:
    """Return an axis value as one row: a number, an array or axis of one value, or a position (a data object).

    Integers stay integers: counters and nanoseconds have more digits than float64.
    """
    if type(value) is float:
        return np.array([value])
    if not isinstance(value, (np.ndarray, np.generic)):
        value = getattr(value, "data", value)
    try:
        row = plain(np.asarray(() if value is None else value), name).reshape(-1)
        kind = row.dtype.kind
        if kind in "iu":
            row = row.astype(np.uint64 if row.dtype == np.uint64 else np.int64, copy=False)
        else:
            row = row.astype(np.float64, copy=False) if kind in "fb" else np.zeros(0)
    except (TypeError, ValueError):
        row = np.zeros(0)
    if row.size != 1:
        raise DataMismatchError(f"the value {value!r} of the axis {name!r} is not one number; give one number per axis")
    return row
