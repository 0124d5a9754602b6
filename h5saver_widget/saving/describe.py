"""How a data object is described in a file: the attributes of its arrays, and the number type they are stored in."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import numpy.typing as npt

from h5saver_widget.data.protocols import AxisLike, DataLike
from h5saver_widget.errors import CodecError, DataMismatchError, DynamicRangeError
from h5saver_widget.format import codec
from h5saver_widget.format.layout import DataType
from h5saver_widget.nodes.attributes import storable_text
from h5saver_widget.saving.value_types import CODED, VALUE_TYPE, WORDS

__all__ = [
    "AXIS_ATTRIBUTES",
    "AXIS_NODES",
    "KNOWN_ATTRIBUTES",
    "ROW_SHAPE",
    "altered",
    "axis_attributes",
    "checked_name",
    "data_attributes",
    "extras_of",
    "extras_on",
    "fit_dynamic",
    "own_name",
    "storable",
    "stored_name",
]

#: Attributes with a meaning of their own; all others of a data node are extra attributes of the data object.
KNOWN_ATTRIBUTES = frozenset(
    {"CLASS", "TITLE", "VERSION", "EXTDIM", "FLAVOR", "shape", "dtype", "subdtype", "backend", "data_type"}
    | {"data_dimension", "label", "source", "distribution", "origin", "units", "nav_indexes", "timestamp", "size"}
    | {"settings", "settings]", "type", "path", "axis_nodes", "row_shape", VALUE_TYPE, WORDS}
)

#: The same for axes.
AXIS_ATTRIBUTES = KNOWN_ATTRIBUTES | {"index", "spread_order", "offset", "scaling"}

#: Attribute with the names of the axis nodes of an array, where several data objects share a group.
AXIS_NODES = "axis_nodes"

#: Attribute with the shape of rows, or points, that have no values.
ROW_SHAPE = "row_shape"


#: In front of the names of extra attributes that the layout, or a library, needs for itself; the rest is quoted.
_KEPT_APART = "extra__"

_TAKEN = KNOWN_ATTRIBUTES | {"title", "PYTABLES_FORMAT_VERSION", "NX_class", "signal", "axes", "."}
_PLAIN_NAME = re.compile(r"(?!_[vfgc]_|extra__|FIELD_)[^/\0\ud800-\udfff]{1,200}(?<!__part\d{4})(?<!__part\d{5})")


def stored_name(name: str) -> str:
    """Return the name that an extra attribute is stored under: its own, if nobody else needs it.

    >>> stored_name('exposure'), stored_name('type'), stored_name('a/b'), own_name('extra__a%2Fb')
    ('exposure', 'extra__type', 'extra__a%2Fb', 'a/b')
    """
    if name not in _TAKEN and _PLAIN_NAME.fullmatch(name):
        return name
    return _KEPT_APART + quote(name, safe=" ", errors="surrogatepass")


def own_name(stored: str) -> str:
    """Return the original name of an extra attribute."""
    return unquote(stored[len(_KEPT_APART) :], errors="surrogatepass") if stored.startswith(_KEPT_APART) else stored


@functools.lru_cache(1024)
def checked_name(name: str) -> str:
    """Return the name of data or of their module; DataMismatchError if no file can hold it."""
    if storable_text(name) != name:
        raise DataMismatchError(
            f"the name {name!r} can't be kept: a name in a file has no NUL and no half of a character; "
            f"use {storable_text(name)!r}"
        )
    return name


def storable(value: Any) -> Any:
    """Return an extra attribute in a form that can be stored; an object without a text form becomes its ``repr``."""
    try:
        codec.encode(value)
    except (CodecError, RecursionError):
        try:
            return repr(value)
        except Exception:  # an attribute nobody asked about must not cost the frame it hangs on
            return object.__repr__(value)
    return value


def extras_of(dwa: DataLike) -> dict[str, Any]:
    """Return the extra attributes of a data object, by the names that they have there, as they can be stored."""
    return {str(name): storable(getattr(dwa, name, None)) for name in dwa.extra_attributes}


def extras_on(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the extra attributes among those of an array of data, by the names that they had."""
    return {own_name(name): value for name, value in attributes.items() if name not in KNOWN_ATTRIBUTES}


def altered(dwa: DataLike) -> list[str]:
    """Return the names of the extra attributes that come back as something else (a set as text, a member by name)."""
    return altered_among({str(name): getattr(dwa, name, None) for name in dwa.extra_attributes})


def altered_among(extras: Mapping[str, Any]) -> list[str]:
    """Return the names of those extra attributes that come back as something else."""
    found = []
    for name, value in extras.items():
        if type(value) not in _FAITHFUL and type(codec.decode(codec.encode(storable(value)))) is not type(value):
            found.append(str(name))
    return found


_FAITHFUL = (str, int, float, bool, complex, bytes, type(None))


def data_attributes(
    dwa: DataLike,
    channel: int,
    data_type: DataType,
    nav_indexes: tuple[int, ...],
    distribution: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the attributes of one channel of a data object.

    `nav_indexes` are the navigation dimensions of the array *in the file*. The distribution is ``'uniform'`` or
    ``'spread'``; None for the data's own.
    """
    checked_name(str(dwa.name))
    extras = {stored_name(name): value for name, value in extras_of(dwa).items()}
    return {
        **extras,
        "data_type": data_type.name,
        # a single value on an axis of its own, point after point: as scalars they would have no place for the axis
        "data_dimension": "Data1D" if nav_indexes and dwa.axes and dwa.dim.name == "Data0D" else dwa.dim.name,
        "label": str(dwa.labels[channel]),
        "source": dwa.source.name,
        "distribution": distribution or dwa.distribution.name,
        "origin": str(dwa.origin),
        "units": str(dwa.units),
        "nav_indexes": nav_indexes,
        "timestamp": float(dwa.timestamp),
        **(more or {}),
    }


def axis_attributes(axis: AxisLike, index: int, size: int | None = None) -> dict[str, Any]:
    """Return the attributes of an axis array, for dimension `index` of the array in the file."""
    linear = axis.scaling is not None and axis.offset is not None
    return {
        "data_type": DataType.axis.name,
        "data_dimension": "Data1D",
        "label": str(axis.label),
        "units": str(axis.units),
        "size": int(axis.size) if size is None else size,
        "index": int(index),
        "spread_order": int(axis.spread_order),
        "offset": axis.offset,
        "scaling": axis.scaling,
        "distribution": "uniform" if linear else "spread",
    }


def fit_dynamic(values: npt.NDArray[Any], dtype: np.dtype[Any] | None, name: str) -> npt.NDArray[Any]:
    """Return values in the number type chosen as saving dynamic; None keeps their own. The name is for the error.

    DynamicRangeError if a value would be changed: out of range, a fraction or nan in an integer type, an imaginary
    part. Only the digits that a float type does not have are dropped.

    >>> fit_dynamic(np.array([0.0, 4095.0]), np.dtype('uint16'), 'camera')
    array([   0, 4095], dtype=uint16)
    """
    if dtype is None or values.dtype == dtype or values.dtype.kind in CODED:
        return values
    if np.can_cast(values.dtype, dtype, "safe") or values.size == 0:
        return values.astype(dtype)
    advice = "choose another saving dynamic, or 'as acquired'"
    if values.dtype.kind == "c" and dtype.kind != "c":
        if np.any(values.imag):
            odd = values[values.imag != 0].flat[0]
            raise DynamicRangeError(f"{name}: the complex value {odd} doesn't fit {dtype}; {advice}")
        return fit_dynamic(values.real, dtype, name)
    if dtype.kind in "iu":
        whole = np.isfinite(values) & (values == np.trunc(values)) if values.dtype.kind == "f" else np.True_
        if not np.all(whole):
            odd = values[~whole].flat[0]
            raise DynamicRangeError(f"{name}: the value {odd} is no whole number and doesn't fit {dtype}; {advice}")
        limits = np.iinfo(dtype)
        low, high = values.min(), values.max()
        # compared as Python numbers: numpy would turn large integers into floats first
        if int(low) < limits.min or int(high) > limits.max:
            raise DynamicRangeError(
                f"{name}: values from {low} to {high} don't fit {dtype} ({limits.min} to {limits.max}); {advice}"
            )
        return values.astype(dtype)
    with np.errstate(over="ignore"):
        fitted = values.astype(dtype)
    if not np.array_equal(np.isfinite(fitted), np.isfinite(values)):
        largest = np.abs(values[np.isfinite(values)]).max()
        raise DynamicRangeError(
            f"{name}: the value {largest} doesn't fit {dtype} (up to {np.finfo(dtype).max}); {advice}"
        )
    return fitted
