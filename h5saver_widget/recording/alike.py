"""Alike: the meaning of the last frame of a source. Frames like it need no check. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from h5saver_widget.saving.given import AxesGiven

if TYPE_CHECKING:
    from h5saver_widget.recording.settings import Settings
    from h5saver_widget.saving.repeated import Repeated

__all__ = ["Alike", "Meant"]


@dataclass(frozen=True, slots=True)
class Meant:
    """What a caller has said about a frame, as it was at that moment: units, labels, axes, extra attributes."""

    units: str
    #: Labels of the arrays if they were given by label.
    labels: tuple[str, ...] | None
    #: Of each axis its label, unit and dimension, number type, and values as bytes.
    axes: tuple[tuple[str, tuple[Any, ...], np.dtype[Any], bytes], ...]
    #: The extra attributes with their types: 1 and True are equal, and mean something else.
    extras: Mapping[str, tuple[type, Any]]

    @classmethod
    def of(cls, data: Any, units: Any, axes: AxesGiven, extras: Mapping[str, Any]) -> Meant | None:
        """Return the meaning of a frame, None where frames have to be checked one by one."""
        given = {} if axes is None else axes
        if not isinstance(given, Mapping):
            return None
        labels = tuple(data) if type(data) is dict else None
        if any(type(word) is not str for word in (units, *given, *(labels or ()))):
            return None
        known = [_parts(label, values) for label, values in given.items()]
        if any(type(values) is not np.ndarray for _, _, values in known):
            return None
        axes_said = tuple((label, rest, values.dtype, values.tobytes()) for label, rest, values in known)
        return cls(units, labels, axes_said, _typed(extras))


@dataclass(frozen=True, slots=True, eq=False)
class Alike:
    """A frame in a file; a thread compares and appends with the same one, whatever others do meanwhile."""

    meant: Meant
    #: Appends frames like it.
    repeat: Repeated
    #: The opening of the file.
    generation: int
    #: The settings that it was saved with.
    settings: Settings

    def rows(self, data: Any, units: Any, axes: AxesGiven, extras: dict[str, Any]) -> list[Any] | None:
        """Return the rows of a frame with the same meaning; None if the frame has to be checked."""
        meant, repeat = self.meant, self.repeat
        if units != meant.units:
            return None
        if (extras or meant.extras) and _typed(extras) != meant.extras:
            return None
        if (axes or meant.axes) and not self._has_axes(axes):
            return None
        if meant.labels is None:
            row = _row(data, repeat.dtypes[0], repeat.shape)
            return None if row is None or len(repeat.dtypes) != 1 else [row]
        if type(data) is not dict or tuple(data) != meant.labels:
            return None
        rows = [_row(value, dtype, repeat.shape) for value, dtype in zip(data.values(), repeat.dtypes, strict=True)]
        return None if any(row is None for row in rows) else rows

    def rows_of(self, arrays: Sequence[NDArray[Any]]) -> list[Any] | None:
        """Return arrays as rows; None if they are of other types or shapes."""
        repeat = self.repeat
        if len(arrays) != len(repeat.dtypes):
            return None
        rows = [_row(array, dtype, repeat.shape) for array, dtype in zip(arrays, repeat.dtypes, strict=True)]
        return None if any(row is None for row in rows) else rows

    def _has_axes(self, axes: AxesGiven) -> bool:
        known = self.meant.axes
        if not isinstance(axes, Mapping) or len(axes) != len(known):
            return False
        for (label, given), (name, rest, dtype, raw) in zip(axes.items(), known, strict=True):
            _, more, values = _parts(label, given)
            if label != name or more != rest or type(values) is not np.ndarray or values.dtype != dtype:
                return False
            if values.tobytes() != raw:  # the caller may have changed them in place
                return False
        return True


def _typed(extras: Mapping[str, Any]) -> dict[str, tuple[type, Any]]:
    return {name: (type(value), value) for name, value in extras.items()}


def _parts(label: Any, given: Any) -> tuple[Any, Any, Any]:
    """Return the label of an axis, its unit and dimension as they were given, and its values."""
    if type(given) is tuple and len(given) > 1 and type(given[1]) is str:
        return label, given[1:], given[0]
    return label, (), given


def _row(value: Any, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Any:
    """Return a value as a row of an array, None if it is not just that."""
    kind = type(value)
    if kind is np.ndarray:
        fits = value.dtype == dtype and value.shape == shape and value.flags.c_contiguous
        return value[np.newaxis] if fits else None
    if shape != (1,):
        return None
    if kind is float and dtype.char == "d":
        return np.array(((value,),))
    if kind is int and dtype.char == "l" and -(1 << 63) <= value < 1 << 63:
        return np.array(((value,),))
    return np.array(((value,),)) if isinstance(value, np.generic) and value.dtype == dtype else None
