"""Given: makes a bundle for the savers of an array, a number, a dict of them or a data object. No Qt.

Data that can't be saved are refused here, before a frame is accepted, with a sentence that shows the line that can.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from time import time as now
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from h5saver_widget.data import Axis, DataRaw, DataToExport
from h5saver_widget.data.checks import add_extras
from h5saver_widget.data.plain import plain
from h5saver_widget.data.protocols import AxisLike, DataLike, DataToExportLike
from h5saver_widget.errors import AxisError, DataMismatchError
from h5saver_widget.saving.bundle import Bundle
from h5saver_widget.saving.value_types import CODED

__all__ = [
    "BUNDLES",
    "AxesGiven",
    "ErrorsGiven",
    "Given",
    "TimeGiven",
    "UnitsGiven",
    "as_bundle",
    "axes_of",
    "bundle_of",
    "copy_of",
    "is_data_object",
]

#: Classes that are known to be bundles: a protocol is checked once.
BUNDLES: set[type] = {Bundle, DataToExport}

#: A frame: an array, a number, a list of numbers, several of them by their labels, or a data object.
Given: TypeAlias = ArrayLike | Mapping[str, ArrayLike] | DataLike | DataToExportLike
#: Units of all channels, or of each by its label.
UnitsGiven: TypeAlias = str | Mapping[str, str]
#: Axes in the order of the dimensions, by label: values, ``(values, units)`` or ``(values, units, dimension)``.
AxesGiven: TypeAlias = Mapping[str, Any] | Iterable[AxisLike] | None
#: Error bars: like the frame.
ErrorsGiven: TypeAlias = ArrayLike | Mapping[str, ArrayLike] | None
#: Seconds since the epoch, or a time of day; None for now.
TimeGiven: TypeAlias = float | datetime | None


def as_bundle(data: Given, name: str = "") -> DataToExportLike:
    """Return a saver's input as a bundle: a bundle as it is, anything else under a name.

    That is a data object, or, with a name, an array, a number or a dict of them; the name is the title of the module,
    ``''`` for an array without one. Anything else is a DataMismatchError, whose sentence shows the line that works.
    """
    if type(data) in BUNDLES:
        return data  # type: ignore[return-value]
    objects = _data_objects(data)
    if objects is None and not name:
        raise DataMismatchError(
            f"got {type(data).__name__} where a data object is expected; give its name and unit with it: "
            "add_data(node, DataRaw('spectrum', data=[array], units='V'))"
        )
    if objects is None:
        return bundle_of(name, data)
    if isinstance(data, DataLike):
        return Bundle(name or str(data.origin or data.name), float(data.timestamp), objects)
    BUNDLES.add(type(data))
    return data  # type: ignore[return-value]


def bundle_of(
    source: str,
    data: Given,
    units: UnitsGiven = "",
    axes: AxesGiven = None,
    time: TimeGiven = None,
    errors: ErrorsGiven = None,
    extras: Mapping[str, Any] | None = None,
) -> DataToExportLike:
    """Return a frame as a bundle.

    Values of one shape and unit are the channels of one data object, named after the source (the title of its group in
    the file); else each value is a data object of its own, named by its label. The types of this module say how a frame
    and its meaning may be given. DataMismatchError or AxisError if something does not fit, or can't be saved.

    >>> bundle = bundle_of('scope', {'ch1': [0.1, 0.2], 'ch2': [0.3, 0.4]}, 'V', {'time': ([0.0, 0.5], 's')}, time=0.0)
    >>> bundle.data
    [<DataRaw 'scope' [V] Data1D: 2 channels (|2) float64>]
    >>> bundle.data[0].labels, bundle.data[0].axes[0].label
    (['ch1', 'ch2'], 'time')
    """
    if not isinstance(source, str) or not source:
        raise DataMismatchError(
            f"a frame needs the name of its source first, got {type(source).__name__}: record('camera', frame)"
        )
    at = _seconds(source, time)
    objects = _data_objects(data)
    if objects is not None:
        if units or axes or errors is not None or extras:
            raise DataMismatchError(
                f"{source}: a data object has units, axes, errors and attributes of its own; give them there, or give "
                f"its arrays: record({source!r}, array, units='V')"
            )
        return Bundle(source, float(data.timestamp) if time is None else at, objects)  # type: ignore[union-attr]
    labelled = isinstance(data, Mapping)
    values = {str(k): _array(f"{source}, {k}", v) for k, v in data.items()} if isinstance(data, Mapping) else {}
    values = values if labelled else {source: _array(source, data)}
    if not values:
        raise DataMismatchError(f"{source}: the dict is empty; give at least one array: {{'ch1': array}}")
    unit_of = {label: str(units.get(label, "") if isinstance(units, Mapping) else units) for label in values}
    bars = _errors(source, errors, values, labelled)
    kinds = {(array.shape, unit_of[label]) for label, array in values.items()}
    parts = {source: list(values)} if len(kinds) == 1 else {label: [label] for label in values}
    known = axes_of(axes, source)
    shapes = [array.shape for array in values.values()]
    for axis in known:
        if not any(_fits(axis, shape) for shape in shapes):
            raise _misfit(source, axis, shapes[0])
    found = []
    for name, labels in parts.items():
        dwa = DataRaw(
            name,
            data=[values[label] for label in labels],
            labels=labels if labelled else None,
            origin=source,
            units=unit_of[labels[0]],
            axes=[axis for axis in known if _fits(axis, values[labels[0]].shape)],
            errors=None if bars is None else [bars[label] for label in labels],
            timestamp=at,
        )
        add_extras(dwa, extras or {})
        found.append(dwa)
    return Bundle(source, at, found)


def copy_of(bundle: DataToExportLike) -> DataToExportLike:
    """Return a bundle whose arrays are its own: the caller may fill his with the next frame."""
    return Bundle(bundle.name, bundle.timestamp, [_copied(dwa) for dwa in bundle.data])


def _copied(dwa: Any) -> DataLike:
    found: DataLike = dwa.deepcopy()
    return found


def _data_objects(data: object) -> list[DataLike] | None:
    """Return the data objects that were given, ours or the peer's; None for anything else."""
    if isinstance(data, (np.ndarray, np.generic, Mapping, int, float, str, list, tuple)):
        return None
    if isinstance(data, DataLike):
        return [data]
    return list(data.data) if isinstance(data, DataToExportLike) else None


def is_data_object(data: object) -> bool:
    """Tell whether a frame is a data object, or a bundle of them: it has units, axes and a time of its own."""
    return _data_objects(data) is not None


def _seconds(source: str, time: TimeGiven) -> float:
    if time is None:
        return now()
    if isinstance(time, datetime):
        return time.timestamp()
    try:
        return float(time)
    except (TypeError, ValueError):
        raise DataMismatchError(
            f"{source}: the time of a frame is a number, seconds since 1970, or a datetime; got {time!r}"
        ) from None


def _array(what: str, value: Any) -> NDArray[Any]:
    if value is None:
        raise DataMismatchError(f"{what}: got nothing where an array or a number is expected")
    try:
        array = plain(value if isinstance(value, np.ndarray) else np.asarray(value), what, also=CODED)
    except ValueError as error:
        if isinstance(error, DataMismatchError):
            raise
        raise DataMismatchError(
            f"{what}: lists of different lengths are no array; give each a name: {{'first': [...], 'second': [...]}}"
        ) from None
    return array if array.ndim else array.reshape(1)


def _errors(
    source: str, errors: ErrorsGiven, values: Mapping[str, NDArray[Any]], labelled: bool
) -> dict[str, NDArray[Any]] | None:
    if errors is None:
        return None
    if isinstance(errors, Mapping) != labelled or (isinstance(errors, Mapping) and set(errors) != set(values)):
        wanted = "a dict of error bars for " + ", ".join(values) if labelled else "one array of error bars"
        raise DataMismatchError(f"{source}: the errors don't belong to the data; give {wanted}")
    given = errors if isinstance(errors, Mapping) else {source: errors}
    return {label: _array(f"errors of {source}", given[label]) for label in values}


def axes_of(axes: AxesGiven, source: str) -> list[Axis]:
    """Return the axes of a source in one form; AxisError for anything else."""
    if axes is None:
        return []
    if not isinstance(axes, Mapping):
        return [_known_axis(axis, source) for axis in axes]
    found = []
    for index, (label, given) in enumerate(axes.items()):
        parts = given if isinstance(given, tuple) and len(given) > 1 and isinstance(given[1], str) else (given, "")
        values, units, dimension = (*parts, index)[:3]
        try:
            found.append(
                Axis(str(label), units, data=plain(np.asarray(values), f"axis {label}", also=CODED), index=dimension)
            )
        except (TypeError, ValueError) as error:
            raise AxisError(
                f"{source}: the axis {label!r} can't be used ({error}); give its values and their unit: "
                f"axes={{{str(label)!r}: (values, 's')}}"
            ) from error
    return found


def _known_axis(axis: Any, source: str) -> Axis:
    if isinstance(axis, Axis):
        return axis
    if not isinstance(axis, AxisLike):
        raise AxisError(
            f"{source}: got {type(axis).__name__} where axes are expected; give them by name: axes={{'time': (t, 's')}}"
        )
    return Axis(str(axis.label), str(axis.units), data=axis.get_data(), index=axis.index)


def _fits(axis: Axis, shape: tuple[int, ...]) -> bool:
    return axis.index < len(shape) and (not axis.is_sized or axis.size == shape[axis.index])


def _misfit(source: str, axis: Axis, shape: tuple[int, ...]) -> AxisError:
    label = str(axis.label)
    fitting = [index for index, length in enumerate(shape) if length == axis.size]
    there = f"dimension {axis.index} has {shape[axis.index]} points" if axis.index < len(shape) else "there is none"
    fix = (
        f"axes are in the order of the dimensions; for dimension {fitting[0]} write axes={{{label!r}: (values, 'unit', "
        f"{fitting[0]})}}"
        if fitting
        else "give as many values as the dimension has points"
    )
    return AxisError(
        f"{source}: the axis {label!r} has {axis.size} values for dimension {axis.index} of data of shape {shape}, but "
        f"{there}; {fix}"
    )
