"""Frames as bytes: the meaning that a caller has given in front, the values behind, as they are. No Qt.

A held frame stands for itself: of those before it, none may be left. A meaning is made into bytes once for all
frames that are alike; values are copied once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from h5saver_widget.backends.isolated.messages import pack, unpack
from h5saver_widget.data import Axis, DataWithAxes
from h5saver_widget.data.protocols import DataLike
from h5saver_widget.errors import CodecError
from h5saver_widget.format.codec import decode, encode
from h5saver_widget.saving.describe import altered, altered_among

__all__ = ["Said", "array_bytes", "frame_arrays", "said_about", "said_of_objects", "understood"]


@dataclass(frozen=True, slots=True)
class Said:
    """The meaning of a frame, as its caller has given it."""

    source: str
    units: str = ""
    axes: Mapping[str, Any] = field(default_factory=dict)
    extras: Mapping[str, Any] = field(default_factory=dict)
    #: Labels of the arrays, if they were given by label.
    labels: tuple[str, ...] | None = None
    #: Number type and shape of each array.
    kinds: tuple[tuple[np.dtype[Any], tuple[int, ...]], ...] = ()
    #: Of data objects, the arguments that make them again; empty for arrays.
    objects: tuple[Mapping[str, Any], ...] = ()
    #: Data objects, by name, and their extra attributes that are text here and were something else.
    altered: tuple[tuple[str, str], ...] = ()

    def given(self, arrays: Sequence[NDArray[Any]]) -> Any:
        """Return the frame as it was given: an array, arrays by label, or data objects."""
        if self.objects:
            left = iter(arrays)
            return [_object(about, left) for about in self.objects]
        return arrays[0] if self.labels is None else dict(zip(self.labels, arrays, strict=True))


def said_about(
    source: str,
    units: str,
    axes: Mapping[str, Any] | None,
    extras: Mapping[str, Any],
    labels: tuple[str, ...] | None,
    arrays: Sequence[NDArray[Any]],
) -> bytes:
    """Return the meaning of arrays as bytes; parameters as of :class:`Said`."""
    known = [(label, given) for label, given in (axes or {}).items()]
    changed = [(source, name) for name in altered_among(extras)]
    return pack([source, units, known, _texts(extras), labels, _kinds(arrays), [], changed])


def said_of_objects(source: str, objects: Sequence[DataLike]) -> tuple[bytes, list[NDArray[Any]]]:
    """Return the meaning of data objects as bytes, and their arrays."""
    arrays: list[NDArray[Any]] = []
    about = []
    for dwa in objects:
        errors = [] if dwa.errors is None else [np.asarray(error) for error in dwa.errors]
        data = [np.asarray(array) for array in dwa.data]
        arrays += [*data, *errors]
        extras = {name: getattr(dwa, name) for name in dwa.extra_attributes}
        if "do_save" not in extras and getattr(dwa, "do_save", None) is not None:
            extras["do_save"] = dwa.do_save  # type: ignore[attr-defined]  # those of some hosts have it
        about.append(
            {
                "name": str(dwa.name),
                "source": dwa.source.name,
                "dim": dwa.dim.name,
                "distribution": dwa.distribution.name,
                "labels": [str(label) for label in dwa.labels],
                "origin": str(dwa.origin or ""),
                "units": str(dwa.units),
                "nav_indexes": [int(index) for index in dwa.nav_indexes],
                "timestamp": float(dwa.timestamp),
                "axes": [
                    [str(axis.label), str(axis.units), np.asarray(axis.get_data()), axis.index, axis.spread_order]
                    for axis in dwa.axes
                ],
                "extras": _texts(extras),
                "counts": [len(data), len(errors)],
            }
        )
    arrays = [np.ascontiguousarray(array) for array in arrays]
    changed = [(str(dwa.name), name) for dwa in objects for name in altered(dwa)]
    return pack([source, "", [], {}, None, _kinds(arrays), about, changed]), arrays


def _object(about: Mapping[str, Any], arrays: Any) -> DataWithAxes:
    said = dict(about)
    channels, bars = said.pop("counts")
    extras, axes = said.pop("extras"), said.pop("axes")
    return DataWithAxes(
        data=list(islice(arrays, channels)),
        errors=list(islice(arrays, bars)) if bars else None,
        axes=[Axis(label, units, values, index, spread_order=rank) for label, units, values, index, rank in axes],
        **said,
        **_values(extras),
    )


def _kinds(arrays: Sequence[NDArray[Any]]) -> list[Any]:
    return [[array.dtype.str, list(array.shape)] for array in arrays]


def _texts(extras: Mapping[str, Any]) -> dict[str, str]:
    """Return extra attributes as they stand in a file; values that are no plain data as text, as always."""
    found = {}
    for name, value in extras.items():
        try:
            found[str(name)] = encode(value)
        except CodecError:
            found[str(name)] = encode(str(value))
    return found


def _values(texts: Mapping[str, str]) -> dict[str, Any]:
    return {name: decode(text) for name, text in texts.items()}


@lru_cache(maxsize=256)
def understood(head: bytes) -> Said:
    """Return the meaning of a frame from its bytes."""
    source, units, axes, extras, labels, kinds, objects, changed = unpack(head)
    known = dict(axes)
    types = tuple((np.dtype(name), tuple(shape)) for name, shape in kinds)
    return Said(source, units, known, _values(extras), labels, types, objects, changed)


def array_bytes(array: NDArray[Any]) -> memoryview:
    """Return the values of an array that lies in a row."""
    return array.reshape(-1).view(np.uint8).data if array.nbytes else memoryview(b"")


def frame_arrays(said: Said, values: memoryview) -> list[NDArray[Any]]:
    """Return the arrays of a frame, which look at the bytes behind its meaning."""
    found, at = [], 0
    for dtype, shape in said.kinds:
        array: NDArray[Any] = np.ndarray(shape, dtype, values, at)
        found.append(array)
        at += array.nbytes
    return found
