"""Stamps: number and clock that a device gives a frame, and when it arrived; four values for each row of a recording.

They stand beside the axes along which data grow, in arrays with a value for each row, so that they are one for all
data objects and segments of a source. Loaders that don't know them pass over them.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from h5saver_widget.backends.terms import Handle
from h5saver_widget.errors import DataMismatchError
from h5saver_widget.format.layout import PER_ROW
from h5saver_widget.nodes.typed import EARRAY
from h5saver_widget.saving.group_cache import CachedGroup
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.per_row import EXTRA

__all__ = ["UNSTAMPED", "Stamp", "StampRows", "stamp_of", "stamped_extras"]

_MOST: Final = np.iinfo(np.int64).max

#: Value in rows of frames that have none, by the name of the array.
UNSTAMPED: Final[Mapping[str, Any]] = {
    "frame_number": np.int64(-1),
    "device_clock": np.float64(np.nan),
    "wall_time": np.float64(np.nan),
    "monotonic_time": np.float64(np.nan),
}
_whole, _fraction = struct.Struct("=q").pack, struct.Struct("=d").pack


class Stamp:
    """Number and clock of a frame, and when it came.

    Attributes
    ----------
    number
        The device's counter; -1 if none was given.
    clock
        The device's clock, in s; nan if none was given.
    wall, monotonic
        When it came, in s since 1970, and on a clock that nobody sets.
    lost
        Called with the number and the place where the frame was lost, if it was; None where nobody counts.

    Examples
    --------
    >>> stamp = Stamp(7, 0.25, 1700000000.0, 12.5)
    >>> [float(value) for value in stamp.values]
    [7.0, 0.25, 1700000000.0, 12.5]
    """

    __slots__ = ("clock", "lost", "monotonic", "number", "wall")

    def __init__(
        self, number: int, clock: float, wall: float, monotonic: float, lost: Callable[[int, str], None] | None = None
    ) -> None:
        self.number, self.clock, self.wall, self.monotonic = number, clock, wall, monotonic
        self.lost = lost

    @property
    def values(self) -> tuple[Any, ...]:
        """The four values, in the number types of the arrays."""
        return np.int64(self.number), np.float64(self.clock), np.float64(self.wall), np.float64(self.monotonic)

    def packed(self) -> tuple[bytes, ...]:
        """Return the four values as the bytes of a row of each array."""
        return _whole(self.number), _fraction(self.clock), _fraction(self.wall), _fraction(self.monotonic)


_NOTHING: Final = Stamp(-1, math.nan, math.nan, math.nan)


def stamp_of(source: str, number: Any, clock: Any, now: tuple[float, float]) -> Stamp:
    """Return the stamp of a frame.

    Parameters
    ----------
    source
        Where the frame comes from, for messages.
    number
        The device's counter, a whole number from 0; None for none.
    clock
        The device's clock, in s; None for none.
    now
        Wall clock and steady clock when it came, in s.

    Raises
    ------
    DataMismatchError
        If number or clock can't be one.
    """
    if type(number) is int and type(clock) is float and 0 <= number <= _MOST and clock - clock == 0.0:
        return Stamp(number, clock, now[0], now[1])  # the usual case: 0.4 us less
    if number is None:
        number = -1
    elif isinstance(number, (bool, np.bool_)) or not isinstance(number, (int, np.integer)):
        raise DataMismatchError(
            f"{source}: the number of a frame is the device's counter, a whole number from 0; got {number!r}"
        )
    elif not 0 <= number <= _MOST:
        raise DataMismatchError(f"{source}: the number of a frame is from 0 to 2**63 - 1; got {number!r}")
    if clock is None:
        clock = math.nan
    elif isinstance(clock, (bool, np.bool_)) or not isinstance(clock, (int, float, np.integer, np.floating)):
        raise DataMismatchError(
            f"{source}: the clock of a frame is the device's time in seconds, a number; got {clock!r}"
        )
    elif not math.isfinite(clock):
        raise DataMismatchError(f"{source}: the clock of a frame is a finite number of seconds; got {clock!r}")
    return Stamp(int(number), float(clock), *now)


def stamped_extras(
    source: str, number: Any, clock: Any, now: Callable[[], tuple[float, float]], extras: Mapping[str, Any]
) -> dict[str, Any]:
    """Return extra attributes, with the stamp among them: of data that don't grow, in a scan or a snapshot.

    Parameters and errors as of :func:`stamp_of`; `now` reads both clocks. Without number and clock nothing is added.
    """
    if number is None and clock is None:
        return dict(extras)
    stamp = stamp_of(source, number, clock, now())
    found = dict(zip(UNSTAMPED, (stamp.number, stamp.clock, stamp.wall, stamp.monotonic), strict=True))
    return {**{name: value for name, value in found.items() if value != UNSTAMPED[name] and value == value}, **extras}


class StampRows:
    """The four arrays of stamps beside the axes of a recording.

    Parameters
    ----------
    saver
        The saver.
    arrays
        The arrays, in the order of :data:`UNSTAMPED`.

    Attributes
    ----------
    handles
        The arrays.
    """

    def __init__(self, saver: H5SaverLowLevel, arrays: list[Handle]) -> None:
        self._saver, self.handles = saver, arrays

    @classmethod
    def found(cls, saver: H5SaverLowLevel, place: CachedGroup) -> tuple[StampRows | None, list[int]]:
        """Return the arrays that a group holds, with the rows of each; None if it has none."""
        known = {}
        for _, name in place.numbered(EXTRA):
            node = place.group.get_child(name)
            if isinstance(node, EARRAY):
                known[node.attrs.get("name")] = node
        if not all(name in known for name in UNSTAMPED):
            return None, []
        nodes = [known[name] for name in UNSTAMPED]
        for node in nodes:
            saver.has_grown(node.path, node.handle)
        return cls(saver, [node.handle for node in nodes]), [node.info.shape[0] for node in nodes]

    @classmethod
    def made(cls, saver: H5SaverLowLevel, place: CachedGroup, rows: int) -> StampRows:
        """Make the arrays, with so many rows of frames that had none."""
        arrays = []
        for name, nothing in UNSTAMPED.items():
            node = saver.create_earray(
                place.group,
                f"{EXTRA}{place.next_number(EXTRA):02d}",
                nothing.dtype,
                (),
                name,
                fill_value=nothing,
                attributes={"data_type": PER_ROW, "name": name},
            )
            arrays.append(node.handle)
        found = cls(saver, arrays)
        found.fill([rows] * len(arrays))
        return found

    def fill(self, counts: list[int]) -> None:
        """Add rows without a stamp, so many for each array."""
        for handle, nothing, count in zip(self.handles, UNSTAMPED.values(), counts, strict=True):
            if count > 0:
                self._saver.io.extend(handle, count, nothing)

    def rows(self, stamp: Stamp | None) -> list[tuple[Handle, Any]]:
        """Return the row of a frame for each array."""
        values = (stamp or _NOTHING).values
        return [(handle, value.reshape(1)) for handle, value in zip(self.handles, values, strict=True)]

    @staticmethod
    def packed(stamp: Stamp | None) -> tuple[bytes, ...]:
        """Return the row of a frame for each array, as bytes."""
        return (stamp or _NOTHING).packed()
