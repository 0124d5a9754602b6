"""The one reader of other programs' arrays: axes, units, errors, scale, names, further signals.

Window, loader, exporters and xarray take it from here. Formats: NeXus of all its generations
(https://manual.nexusformat.org/datarules.html#find-plottable-data), the dimension scales of HDF5 as netCDF has them
(https://support.hdfgroup.org/documentation/hdf5/latest/_h5_d_s__u_g.html), CF (``conventions``), tables (``columns``).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from h5saver_widget.data import Axis, DataRaw, DataWithAxes
from h5saver_widget.data.lazy import LazyArray
from h5saver_widget.errors import DataMismatchError, H5SaverError
from h5saver_widget.nodes.typed import GROUP, VLARRAY, Array, Node, node_of
from h5saver_widget.saving.columns import ReadComplex, columns_of, complex_type
from h5saver_widget.saving.conventions import number_in, scaling_of, text_in
from h5saver_widget.saving.describe import KNOWN_ATTRIBUTES
from h5saver_widget.saving.links import followed
from h5saver_widget.saving.node_reader import NodeReader

__all__ = ["foreign_data", "is_numbers", "names_in", "scaled", "signal_of"]

#: NeXus' names of signals that are no image or spectrum of a stack, with their number of dimensions.
_SIGNAL_DIMENSIONS: Final = {"spectrum": 1, "image": 2, "rgb-image": 3, "rgba-image": 3}
_MOST_NAMES: Final = 1000


def names_in(value: Any) -> list[str]:
    """Return the names in an attribute: one, several, or several in one text.

    >>> names_in('x:y'), names_in(np.array([b'.', b'energy'])), names_in(3)
    (['x', 'y'], ['.', 'energy'], [])
    """
    if isinstance(value, np.ndarray):
        value = value.reshape(-1).tolist()
    if isinstance(value, (list, tuple)) and len(value) == 1:
        value = value[0]
    if isinstance(value, (str, bytes)):
        value = text_in(value).strip("[]").replace(",", ":").split(":")
    if not isinstance(value, (list, tuple)):
        return []
    return [text_in(part).strip() for part in value if isinstance(part, (str, bytes))]


def is_numbers(node: Node | None) -> bool:
    """Tell whether a node is an array of real numbers."""
    return isinstance(node, Array) and not isinstance(node, VLARRAY) and node.dtype.kind in "biuf"


def scaled(node: Array, about: Mapping[str, Any], raw: bool = False) -> tuple[LazyArray, str]:
    """Return the numbers of an array as they are meant, still to be read, and their units."""
    info, units = node.info, text_in(about.get("units"))
    as_complex = complex_type(info.dtype)
    if as_complex is not None:
        return LazyArray(ReadComplex(NodeReader(node), as_complex), info.shape, as_complex, info.chunks), units
    array = LazyArray(NodeReader(node), info.shape, node.dtype, info.chunks)
    if not raw:
        scaling, units = scaling_of(node.dtype, about)
        if scaling is not None:
            array = LazyArray(scaling.over(NodeReader(node)), info.shape, scaling.dtype, info.chunks)
    return array, units


def signal_of(group: GROUP, attributes: Mapping[str, Any], names: list[str]) -> str:
    """Return the name of the array that a NeXus group wants to be plotted, ``''`` if it names none."""
    named = names_in(attributes.get("signal"))
    if named and named[0] in names:
        return named[0]
    if text_in(attributes.get("NX_class")) != "NXdata":
        return ""
    # before 2014 the array itself said so; a group of one array needs not say it
    arrays = [(name, node) for name in names[:_MOST_NAMES] if (node := _numbers(group, name)) is not None]
    for name, node in arrays:
        if number_in(node.attrs.get("signal")) == 1:
            return name
    if "data" in names and any(name == "data" for name, _ in arrays):
        return "data"
    data = [name for name, node in arrays if "axis" not in node.attrs and not name.endswith(("_errors", "errors"))]
    return data[0] if len(data) == 1 else ""


def _numbers(group: GROUP, name: str) -> Array | None:
    """Return an array of real numbers in a group, or one that a link in it leads to; None if there is none."""
    try:
        node = followed(group.get_child(name))
    except H5SaverError:
        return None
    return node if is_numbers(node) else None  # type: ignore[return-value]


class _Beside:
    """The nodes in the group that describes an array, those that links lead to included."""

    def __init__(self, group: GROUP) -> None:
        self._group = group
        self.about = group.attrs.to_dict()

    @property
    def names(self) -> list[str]:
        """The names in the group; read only where any of them may be an axis."""
        return self._group.children_name()

    def array(self, name: str) -> Array | None:
        """Return an array of real numbers, None if there is none of that name."""
        return _numbers(self._group, name) if self._group.backend.has_child(self._group.handle, name) else None

    def number(self, name: str) -> float | None:
        """Return the one number that an array holds."""
        node = self.array(name)
        return None if node is None or node.shape not in ((), (1,)) else float(np.asarray(node.read()).reshape(-1)[0])


def foreign_data(asked: Node, *, load_all: bool = False, lazy: bool = False, raw: bool = False) -> DataWithAxes:
    """Return the data object of an array that another program wrote, or of a link to it in the group that describes it.

    `load_all` takes the further signals of a NeXus group as channels; `lazy` leaves the numbers on disk; `raw` takes
    them as they are stored in the file: without scale, offset, fill values and dates.

    NodeError if a link leads nowhere; DataMismatchError if the array holds no numbers.
    """
    node = followed(asked)
    assert isinstance(node, Array)
    name, about = asked.name, node.attrs.to_dict()
    title = text_in(about.get("TITLE")) or name
    if node.info.dtype.names and complex_type(node.info.dtype) is None:
        return _of_table(node, title, about, lazy)
    group = asked.parent_node
    assert isinstance(group, GROUP)
    beside = _Beside(group)
    if not raw:
        about = {**about, **_factors_beside(beside, name)}
    array, units = scaled(node, about, raw)
    shape = array.shape
    named = names_in(beside.about.get("auxiliary_signals")) if load_all and shape else []
    others = [(other, found) for other in named if (found := beside.array(other)) is not None and found.shape == shape]
    arrays = [array, *(scaled(found, found.attrs.to_dict(), raw)[0] for _, found in others)]
    label = text_in(about.get("label")) or text_in(about.get("long_name")) or name
    labels = [label, *(text_in(found.attrs.get("long_name")) or other for other, found in others)]
    errors = None if others else _errors(beside, name, about, shape, raw)
    interpretation = text_in(about.get("interpretation")) or text_in(beside.about.get("interpretation"))
    signal = _SIGNAL_DIMENSIONS.get(interpretation, len(shape))
    data = DataRaw(
        title,
        data=[_read(item, lazy) for item in arrays],
        labels=labels,
        units=units,
        origin=text_in(about.get("origin")),
        axes=[] if not shape or about.get("CLASS") == "DIMENSION_SCALE" else _axes(beside, node, name, about, raw),
        nav_indexes=tuple(range(max(0, len(shape) - signal))),
        errors=None if errors is None else [_read(errors, lazy)],
        timestamp=about["timestamp"] if isinstance(about.get("timestamp"), (int, float)) else None,
    )
    names = node.backend.inspection.details(node.handle).names
    _add_extra(data, {**about, **({"enumeration": {str(n): text for n, text in names.items()}} if names else {})})
    return data


def _read(array: LazyArray, lazy: bool) -> Any:
    if not array.shape:
        array = array.reshape((1,))
    return array if lazy and array.size and array.dtype.kind in "biufc" else array[...]


def _add_extra(data: DataWithAxes, about: Mapping[str, Any]) -> None:
    for name, value in about.items():
        if name not in KNOWN_ATTRIBUTES:
            with suppress(DataMismatchError):  # a name from a file may be one that the object needs itself
                data.add_extra_attribute(**{name: value})


def _of_table(node: Array, title: str, about: Mapping[str, Any], lazy: bool) -> DataWithAxes:
    columns = [column for column in columns_of(node) if not column.is_text]
    if not columns:
        raise DataMismatchError(f"{node.path} is a table without a column of numbers; read it with node.read()")
    units = {column.units for column in columns}
    data = DataRaw(
        title,
        data=[_read(column.array, lazy) for column in columns],
        labels=[column.name for column in columns],
        units=units.pop() if len(units) == 1 else "",
    )
    _add_extra(data, about)
    return data


def _factors_beside(beside: _Beside, name: str) -> dict[str, float]:
    """Return scale and offset that NeXus keeps in arrays beside a signal."""
    found = {
        "scale_factor": beside.number(f"{name}_scaling_factor"),
        "add_offset": beside.number(f"{name}_offset"),
    }
    return {key: value for key, value in found.items() if value is not None}


def _errors(
    beside: _Beside, name: str, about: Mapping[str, Any], shape: tuple[int, ...], raw: bool
) -> LazyArray | None:
    """Return the errors of a signal: named by it, called after it, or the only ones in its group."""
    named = [text_in(about.get("uncertainties")), f"{name}_errors", f"{name}_error"]
    if text_in(beside.about.get("signal")) == name or number_in(about.get("signal")) == 1:
        named += ["errors"]
    for other in named:
        node = beside.array(other) if other else None
        if node is not None and node.shape == shape:
            return scaled(node, node.attrs.to_dict(), raw)[0]
    return None


# ---------------------------------------------------------------------------------------------------------------- axes
def _axes(beside: _Beside, node: Array, name: str, about: Mapping[str, Any], raw: bool) -> list[Axis]:
    """Return the axes of an array, by the newest rule that its file follows."""
    shape = node.shape
    named = names_in(beside.about.get("axes")) or names_in(about.get("axes"))
    if named and name not in named:
        return _named_axes(beside, named, shape, raw)
    scales = node.backend.inspection.details(node.handle).scales
    if any(scales):
        return _scale_axes(node, scales, shape, raw)
    is_signal = "signal" in about or name == text_in(beside.about.get("signal")) or name == "data"
    return _numbered_axes(beside, name, shape, raw) if is_signal and "axis" not in about else []


def _named_axes(beside: _Beside, names: list[str], shape: tuple[int, ...], raw: bool) -> list[Axis]:
    """Return the axes that a NeXus group or an array names, one after the other or with their dimensions."""
    found: dict[int, Axis] = {}
    for place, name in enumerate(names):
        said = np.asarray(beside.about.get(f"{name}_indices", place)).reshape(-1)
        index = number_in(said) if said.size == 1 else place
        if index is not None:
            _place(found, beside.array(name), name, int(index), shape, raw)
    for key, value in beside.about.items():  # further coordinates, for dimensions that have no axis yet
        index = number_in(value) if key.endswith("_indices") else None
        if index is not None:
            name = key.removesuffix("_indices")
            _place(found, beside.array(name), name, int(index), shape, raw)
    return list(found.values())


def _numbered_axes(beside: _Beside, own: str, shape: tuple[int, ...], raw: bool) -> list[Axis]:
    """Return the axes that say themselves which dimension they belong to, 1 for the first; primary ones first."""
    numbered = []
    for name in beside.names[:_MOST_NAMES]:
        node = beside.array(name) if name != own else None
        about = {} if node is None else node.attrs.to_dict()
        number = number_in(about.get("axis"))
        if node is not None and number is not None and number == int(number):
            rank = number_in(about.get("primary"))
            numbered.append((int(number) - 1, np.inf if rank is None else rank, name, node))
    fitting = [0, 0]  # how many fit, counted from the slowest dimension, and from the fastest as some programs do
    for index, _, _, node in numbered:
        for way, size in enumerate((shape, shape[::-1])):
            fitting[way] += node.shape == size[index : index + 1]
    found: dict[int, Axis] = {}
    for index, _, name, node in sorted(numbered, key=lambda item: item[:2]):
        _place(found, node, name, len(shape) - 1 - index if fitting[1] > fitting[0] else index, shape, raw)
    return list(found.values())


def _scale_axes(node: Array, scales: tuple[tuple[str, ...], ...], shape: tuple[int, ...], raw: bool) -> list[Axis]:
    """Return the first dimension scale of every dimension that has values."""
    found: dict[int, Axis] = {}
    for index, paths in enumerate(scales[: len(shape)]):
        for path in paths:
            with suppress(H5SaverError):
                scale = node_of(node.backend, path)
                if not is_numbers(scale) or text_in(scale.attrs.get("NAME")).startswith("This is a netCDF dimension"):
                    continue  # a dimension without values is stored as one of zeros
                _place(found, scale, scale.name, index, shape, raw)  # type: ignore[arg-type]
    return list(found.values())


def _place(
    found: dict[int, Axis], node: Array | None, name: str, index: int, shape: tuple[int, ...], raw: bool
) -> None:
    """Take an array as the axis of a dimension if it fits and there is none; of edges, the middles."""
    if node is None or not 0 <= index < len(shape) or index in found:
        return
    if node.shape not in ((shape[index],), (shape[index] + 1,)) or not shape[index]:
        return
    about = node.attrs.to_dict()
    array, units = scaled(node, about, raw)
    values: npt.NDArray[Any] = array[...]
    if len(values) > shape[index]:
        edges = values.astype(np.float64)
        values = (edges[1:] + edges[:-1]) / 2
    label = text_in(about.get("long_name")) or text_in(about.get("label")) or name
    found[index] = Axis(label, units, data=values, index=index)
