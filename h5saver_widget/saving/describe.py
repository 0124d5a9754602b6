"""How a data object is described in a file: the attributes of its arrays, and the number type they are stored in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.data.protocols import AxisLike, DataLike
from h5saver_widget.errors import CodecError, DynamicRangeError
from h5saver_widget.format import codec
from h5saver_widget.format.layout import DataType

__all__ = ["AXIS_ATTRIBUTES", "AXIS_NODES", "KNOWN_ATTRIBUTES", "axis_attributes", "data_attributes", "fit_dynamic"]

#: Attributes with a meaning of their own; all others of a data node are extra attributes of the data object.
KNOWN_ATTRIBUTES = frozenset(
    {"CLASS", "TITLE", "VERSION", "EXTDIM", "FLAVOR", "shape", "dtype", "subdtype", "backend", "data_type"}
    | {"data_dimension", "label", "source", "distribution", "origin", "units", "nav_indexes", "timestamp", "size"}
    | {"settings", "settings]", "type", "path", "axis_nodes"}
)

#: The same for axes.
AXIS_ATTRIBUTES = KNOWN_ATTRIBUTES | {"index", "spread_order", "offset", "scaling"}

#: Attribute with the names of the axis nodes of an array, where several data objects share a group.
AXIS_NODES = "axis_nodes"


def _storable(value: Any) -> Any:
    """Return an extra attribute as it can be stored: what has no text form is kept as what repr says of it."""
    try:
        codec.encode(value)
    except (CodecError, RecursionError):
        try:
            return repr(value)
        except Exception:  # an attribute nobody asked about must not cost the frame it hangs on
            return object.__repr__(value)
    return value


def _attribute_name(name: str) -> str:
    """Return the name that an extra attribute is stored under: no slash, and ``title`` would rename the node."""
    name = name.replace("/", "_").replace("\0", "_") or "_"
    return "title_" if name == "title" else name


def data_attributes(
    dwa: DataLike,
    channel: int,
    data_type: DataType,
    nav_indexes: tuple[int, ...],
    distribution: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the attributes of one channel of a data object.

    Parameters
    ----------
    dwa
        The data object.
    channel
        Which of its arrays.
    data_type
        Role of the array in the file.
    nav_indexes
        Navigation dimensions of the array *in the file*.
    distribution
        ``'uniform'`` or ``'spread'``; None for the data's own.
    more
        Further attributes.
    """
    extras = {
        _attribute_name(name): _storable(getattr(dwa, name, None))
        for name in dwa.extra_attributes
        if name not in KNOWN_ATTRIBUTES
    }
    return {
        **extras,
        "data_type": data_type.name,
        "data_dimension": dwa.dim.name,
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


def fit_dynamic(values: npt.NDArray[Any], dtype: np.dtype[Any] | None, what: str) -> npt.NDArray[Any]:
    """Return values in the number type chosen as saving dynamic.

    Parameters
    ----------
    values
        What was measured.
    dtype
        Number type on disk; None keeps the values' own.
    what
        Name of the data, for the error.

    Raises
    ------
    DynamicRangeError
        If a value would be changed: out of range, a fraction or nan in an integer type, an imaginary part. Only the
        digits that a float type does not have are dropped.

    Examples
    --------
    >>> fit_dynamic(np.array([0.0, 4095.0]), np.dtype('uint16'), 'camera')
    array([   0, 4095], dtype=uint16)
    """
    if dtype is None or values.dtype == dtype:
        return values
    if np.can_cast(values.dtype, dtype, "safe") or values.size == 0:
        return values.astype(dtype)
    advice = "choose another saving dynamic, or 'as acquired'"
    if values.dtype.kind == "c" and dtype.kind != "c":
        if np.any(values.imag):
            odd = values[values.imag != 0].flat[0]
            raise DynamicRangeError(f"{what}: the complex value {odd} doesn't fit {dtype}; {advice}")
        return fit_dynamic(values.real, dtype, what)
    if dtype.kind in "iu":
        whole = np.isfinite(values) & (values == np.trunc(values)) if values.dtype.kind == "f" else np.True_
        if not np.all(whole):
            odd = values[~whole].flat[0]
            raise DynamicRangeError(f"{what}: the value {odd} is no whole number and doesn't fit {dtype}; {advice}")
        limits = np.iinfo(dtype)
        low, high = values.min(), values.max()
        # compared as Python numbers: numpy would turn large integers into floats first
        if int(low) < limits.min or int(high) > limits.max:
            raise DynamicRangeError(
                f"{what}: values from {low} to {high} don't fit {dtype} ({limits.min} to {limits.max}); {advice}"
            )
        return values.astype(dtype)
    with np.errstate(over="ignore"):
        fitted = values.astype(dtype)
    if not np.array_equal(np.isfinite(fitted), np.isfinite(values)):
        largest = np.abs(values[np.isfinite(values)]).max()
        raise DynamicRangeError(
            f"{what}: the value {largest} doesn't fit {dtype} (up to {np.finfo(dtype).max}); {advice}"
        )
    return fitted
