"""Parts of arrays: points of a scan are recognised, and parts outside of an array are refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.terms import Selection
from h5saver_widget.errors import DataMismatchError

__all__ = ["check_selection", "fitting", "is_point"]


@contextmanager
def fitting(
    path: str, shape: tuple[int, ...] | None, selection: Selection, values: npt.NDArray[Any] | None = None
) -> Iterator[None]:
    """Turn the refusal of a part of an array, or of values for it, into DataMismatchError."""
    try:
        yield
    except (TypeError, ValueError, IndexError) as error:
        what = "can't read" if values is None else f"values of shape {values.shape} don't fit"
        raise DataMismatchError(f"{what} {selection} of {path}, shape {shape}: {error}") from error


def is_point(selection: Selection, shape: tuple[int, ...], values: npt.NDArray[Any]) -> bool:
    """Tell whether values fill the part that numbers from 0 on select, as every step of a scan does.

    >>> is_point((3, 1), (10, 5, 256), np.zeros(256)), is_point((3, 5), (10, 5, 256), np.zeros(256))
    (True, False)
    """
    if type(selection) is not tuple or not selection or values.shape != shape[len(selection) :]:
        return False
    for i, n in zip(selection, shape, strict=False):
        if type(i) is not int or not 0 <= i < n:
            return False
    return len(selection) <= len(shape)


def check_selection(selection: Selection, shape: tuple[int, ...]) -> None:
    """Raise IndexError for a number outside of an array, and for a step backwards.

    Without it PyTables takes another row; no library of HDF5 steps backwards.

    >>> check_selection((0, ..., -3), (5, 4, 3))
    >>> check_selection(-4, (3,))
    Traceback (most recent call last):
        ...
    IndexError: -4 is outside of an axis of 3
    """
    parts = selection if isinstance(selection, tuple) else (selection,)
    if any(part is ... for part in parts):
        at = next(i for i, part in enumerate(parts) if part is ...)
        parts = (*parts[:at], *(slice(None),) * (len(shape) - len(parts) + 1), *parts[at + 1 :])
    for part, size in zip(parts, shape, strict=False):
        if isinstance(part, (int, np.integer)) and not -size <= part < size:
            raise IndexError(f"{part} is outside of an axis of {size}")
        if isinstance(part, slice) and (part.step or 1) < 0:
            raise IndexError(f"{part} steps backwards: read forwards, and turn the values round")
