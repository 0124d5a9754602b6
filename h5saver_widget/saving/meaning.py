"""The meaning of a stream: units, labels in order, axes. A frame with another meaning is recognised.

A stream declares its meaning with its first frame. Every later frame is compared with it, so this has to cost next to
nothing while all is the same; of axes the bytes are compared, as the caller may have changed them in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.data.plain import PLAIN, holds, plain
from h5saver_widget.data.protocols import AxisLike, DataLike
from h5saver_widget.data.units import power_between, scaled
from h5saver_widget.errors import DataMismatchError
from h5saver_widget.saving.describe import fit_dynamic
from h5saver_widget.saving.value_types import CODED, type_of

__all__ = ["AxisMeaning", "Frame", "Meaning", "errors_change", "stored_shape"]

Values = npt.NDArray[Any]
_Array = np.ndarray


class Frame:
    """A data object whose arrays have come through the door: plain, and in the number type that was chosen.

    The data object is not changed. `dynamic` is the number type chosen as saving dynamic, None for each array's own.
    `converts`: numbers may be converted to the units of the frames before.

    DataMismatchError if an array can't be saved, or channels differ in shape; DynamicRangeError if values don't fit the
    saving dynamic.
    """

    __slots__ = ("converts", "data", "dtypes", "dwa", "errors", "given", "shape")

    def __init__(self, dwa: DataLike, dynamic: np.dtype[Any] | None = None, converts: bool = False) -> None:
        self.dwa, self.converts, errors = dwa, converts, dwa.errors
        self.given: tuple[list[Values], list[Values] | None] | None = None
        self.data: list[Values] = []
        #: Number types of the channels.
        self.dtypes: list[np.dtype[Any]] = []
        shape: tuple[int, ...] | None = None
        # one loop, and what `plain` lets pass as it is without the call: a channel in 0.3 us instead of 0.8
        for array in dwa.data:
            kind = array.dtype if type(array) is _Array else None
            if kind not in PLAIN or kind.metadata or not array.flags.c_contiguous:
                array = self._plain(array, CODED)
            if dynamic is not None:
                array = fit_dynamic(array, dynamic, str(dwa.name))
            self.data.append(array)
            self.dtypes.append(array.dtype if array.dtype in PLAIN else type_of(array))
            if shape is None:
                shape = array.shape
            elif array.shape != shape:
                raise self._odd(shape, array)
        assert shape is not None
        self.errors = None if errors is None else [self._plain(error) for error in errors]
        for array in self.errors or ():
            if array.shape != shape:
                raise self._odd(shape, array)
        self.shape = shape or (1,)
        if 0 in shape:
            self.data = [self._unempty(array) for array in self.data]
            self.errors = None if self.errors is None else [self._unempty(array) for array in self.errors]

    def _unempty(self, array: Values) -> Values:
        """Return the stand-in for an array without values: libraries refuse rows and points of no size."""
        points = array.shape[: len(self.dwa.nav_indexes)]
        return np.zeros(points + stored_shape(array.shape[len(points) :]), array.dtype)

    def _odd(self, shape: tuple[int, ...], array: Values) -> DataMismatchError:
        return DataMismatchError(
            f"{self.dwa.name}: got arrays of shape {shape} and {array.shape}; all channels and errors of a data "
            "object have one shape, put others in a data object of their own"
        )

    def _plain(self, array: Any, also: str = "") -> Values:
        return plain(array, str(self.dwa.name), also=also)

    def put_in_order(self, order: Sequence[int]) -> None:
        """Put the channels in another order than the one in which they were given."""
        self.given = data, errors = self.given or (self.data, self.errors)
        self.data = [data[i] for i in order]
        self.errors = None if errors is None else [errors[i] for i in order]
        self.dtypes = [type_of(array) for array in self.data]

    def convert(self, power: int) -> bool:
        """Multiply the numbers by a power of ten, if none of them loses a digit by it; return whether that is so."""
        data, errors = ([scaled(array, power) for array in arrays] for arrays in (self.data, self.errors or []))
        if any(array is None for array in (*data, *errors)):
            return False
        self.given = self.given or (self.data, self.errors)
        self.data = [array for array in data if array is not None]
        self.errors = None if self.errors is None else [array for array in errors if array is not None]
        return True

    def as_given(self) -> None:
        """Put the channels in the order in which they were given."""
        if self.given is not None:
            self.put_in_order(range(len(self.data)))


def stored_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of a row, or of a point, in the file: one without values holds one of no meaning.

    >>> stored_shape((4, 3)), stored_shape((0, 3))
    ((4, 3), (1, 3))
    """
    return tuple(max(1, length) for length in shape) if 0 in shape else shape


class AxisMeaning:
    """A signal axis; of a navigation axis that a block of points brings along, the values are those of the block."""

    __slots__ = ("index", "label", "raw", "size", "units")

    def __init__(self, axis: AxisLike, index: int, values_count: bool = True) -> None:
        self.label, self.units, self.index = str(axis.label), str(axis.units), index
        self.raw: tuple[str, bytes] | None = _raw(axis) if values_count else None
        self.size = int(axis.size)

    def change(self, axis: AxisLike, values_count: bool = True) -> str:
        """Return the difference of an axis in words, ``''`` if there is none."""
        if axis.index != self.index or (axis.label != self.label and str(axis.label) != self.label):
            return f"axis {str(axis.label)!r} of dimension {axis.index} instead of {self.label!r} of {self.index}"
        if axis.units != self.units and str(axis.units) != self.units:
            return f"axis {self.label!r} in {str(axis.units)!r} instead of {self.units!r}"
        if self.raw is None:
            return ""
        if not values_count:
            return "" if axis.size == self.size else f"axis {self.label!r} of {axis.size} values instead of {self.size}"
        return "" if _raw(axis) == self.raw else f"other values of the axis {self.label!r}"


def _raw(axis: AxisLike) -> tuple[str, bytes]:
    values = plain(axis.get_data(), f"axis {axis.label}", also=CODED)
    return values.dtype.str, values.tobytes()


class Meaning:
    """The meaning of a stream: units, labels and source of the data, and their axes by dimension."""

    def __init__(self, units: str, labels: Sequence[str], source: str, axes: Iterable[AxisMeaning]) -> None:
        self.units, self.labels, self.source = units, list(labels), source
        self.axes = sorted(axes, key=lambda axis: axis.index)
        self._member: Any = None
        self._keeps_axes = False
        #: Whether the values of axes may differ from frame to frame: they are kept for each.
        self.moving = False
        #: Something that people are to be told once, ``''`` for nothing.
        self.notice = ""

    @classmethod
    def of(cls, dwa: DataLike, block: bool = False) -> Meaning:
        """Return the meaning of a data object; `block`: its first axis has values of its own in every frame."""
        axes = [AxisMeaning(axis, axis.index, not (block and axis.index == 0)) for axis in dwa.axes]
        return cls(str(dwa.units), [str(label) for label in dwa.labels], dwa.source.name, axes)

    def change(self, frame: Frame) -> str:
        """Return the difference of a frame in words, ``''`` if there is none.

        Channels in another order are put in order. A frame without axes has those of the frames before: many
        instruments send them with the first frame alone. Units are
        converted where the frame wants that.
        """
        dwa = frame.dwa
        axes = dwa.axes
        if frame.given is not None:
            frame.as_given()
        if dwa.source is self._member and dwa.labels == self.labels and dwa.units == self.units:
            return self.axes_change(axes) if axes or self.axes else ""
        power: int | None = 0
        if dwa.units != self.units and str(dwa.units) != self.units:
            power = power_between(str(dwa.units), self.units) if frame.converts else None
        if power is None:
            return f"units {str(dwa.units)!r} instead of {self.units!r}"
        if dwa.labels != self.labels and not self._put_in_order(frame):
            return f"labels {', '.join(map(str, dwa.labels))} instead of {', '.join(self.labels)}"
        if dwa.source is not self._member:
            if dwa.source.name != self.source:
                return f"{dwa.source.name} data instead of {self.source}"
            self._member = dwa.source
        said = self.axes_change(axes)
        if power and not said:
            if not frame.convert(power):
                return f"units {str(dwa.units)!r} instead of {self.units!r}, in which some numbers would lose digits"
            self.notice = f"{dwa.units} is converted to {self.units}"
        return said

    def has_moved(self, frame: Frame) -> bool:
        """Tell whether nothing but the values of axes is other about a frame."""
        was, self.moving = self.moving, True
        try:
            return bool(self.axes) and not self.change(frame)
        finally:
            self.moving = was

    def _put_in_order(self, frame: Frame) -> bool:
        given = [str(label) for label in frame.dwa.labels]
        if given == self.labels:
            return True
        if sorted(given) != sorted(self.labels) or len(set(given)) != len(given):
            return False
        frame.put_in_order([given.index(label) for label in self.labels])
        return True

    def axes_change(self, axes: Sequence[AxisLike]) -> str:
        """Return the difference of a frame's axes in words, ``''`` if there is none."""
        if not axes:
            if self.axes and not self._keeps_axes:
                self._keeps_axes, labels = True, ", ".join(repr(axis.label) for axis in self.axes)
                self.notice = f"data that come without axes have those of the data before: {labels}"
            return ""
        if len(axes) != len(self.axes):
            return f"{len(axes)} axes instead of {len(self.axes)}"
        for known, axis in zip(self.axes, sorted(axes, key=lambda a: (a.index, a.spread_order)), strict=True):
            said = known.change(axis, not self.moving)
            if said:
                return said
        return ""


def errors_change(held: Sequence[np.dtype[Any]], given: Sequence[Values]) -> str:
    """Return why errors don't go into arrays of these types, ``''`` if they do: rows without errors hold nan."""
    if bool(held) != bool(given):
        kinds = {dtype.kind for dtype in held} | {error.dtype.kind for error in given}
        return "" if kinds <= {"f", "c"} else f"{'' if given else 'no '}errors"  # integers have no nan
    if all(holds(dtype, error) for dtype, error in zip(held, given, strict=True)):
        return ""
    return f"errors of type {given[0].dtype} instead of {held[0]}"
