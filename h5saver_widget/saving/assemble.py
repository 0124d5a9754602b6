"""From nodes back to data objects: which axes, errors and background belong to an array.

The rules are those of the common layout: the axes of an array stand beside it, navigation axes in the first ``NavAxes``
group on the way up; errors and background have its number.

Everything is done with arrays that are still to be read, so that data left on disk and data in memory can't differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.data import Axis, DataCalculated, DataDim, DataDistribution, DataRaw, DataSource, DataWithAxes
from h5saver_widget.data.lazy import LazyArray
from h5saver_widget.errors import DataMismatchError, NodeError
from h5saver_widget.format import naming
from h5saver_widget.format.layout import NAV_GROUP, DataType, channel_name
from h5saver_widget.nodes.typed import GROUP, LINK, VLARRAY, Array, Node
from h5saver_widget.saving.conventions import text_in
from h5saver_widget.saving.describe import AXIS_ATTRIBUTES, AXIS_NODES, KNOWN_ATTRIBUTES, ROW_SHAPE, own_name
from h5saver_widget.saving.foreign import foreign_data, is_numbers
from h5saver_widget.saving.links import followed
from h5saver_widget.saving.node_reader import NodeReader
from h5saver_widget.saving.older import OLDER_NAME, indexes_of, int_of, is_older_data, older_attributes, older_axes
from h5saver_widget.saving.own_rows import OwnRows
from h5saver_widget.saving.value_types import ValueType

__all__ = [
    "MEASURED",
    "array_node",
    "axis_from",
    "channels_of",
    "data_from",
    "data_in",
    "family",
    "is_data",
    "nav_group_of",
    "sibling_of",
]

#: Roles of arrays that hold what was measured.
MEASURED = (DataType.data, DataType.data_enlargeable)

_DATA = (DataType.data.name, DataType.data_enlargeable.name)

_INT64_MAX = np.iinfo(np.int64).max


def array_node(node: Node) -> Array:
    """Return the node as an array of numbers; NodeError if it is none."""
    if not isinstance(node, Array) or isinstance(node, VLARRAY):
        raise NodeError(f"{node.path} is a {node.class_name}, not an array of numbers; give the path of a data node")
    return node


def _parent(node: Node) -> GROUP:
    parent = node.parent_node
    assert isinstance(parent, GROUP)
    return parent


def nav_group_of(node: Node) -> GROUP | None:
    """Return the group of navigation axes of a node: the first one on the way up, None if there is none."""
    here: Node | None = node if isinstance(node, GROUP) else node.parent_node
    while isinstance(here, GROUP):
        for name in here.children_name():
            if name.lower() == NAV_GROUP.lower():
                found = here.get_child(name)
                return found if isinstance(found, GROUP) else None
        here = here.parent_node
    return None


def axis_from(node: Node) -> Axis:
    """Return the axis stored in an array node."""
    attributes = node.attrs.to_dict()
    return Axis(
        str(attributes.get("label", attributes.get("TITLE", ""))),
        str(attributes.get("units", "")),
        data=_values(array_node(node))[...],
        index=_as_int(attributes.get("index")),
        spread_order=_as_int(attributes.get("spread_order")),
    )


def _as_int(value: Any) -> int:
    found = int_of(value)
    return found if found is not None and found >= 0 else 0


def _axes_in(group: GROUP, only: Any = None) -> list[Axis]:
    names = [name for name in group.children_name() if naming.number_of(name, DataType.axis.value) is not None]
    if isinstance(only, (tuple, list)):
        names = [name for name in names if name in only]
    return [axis_from(group.get_child(name)) for name in names]


def _fitting(axes: list[Axis], shape: tuple[int, ...], shared: tuple[int, ...]) -> list[Axis]:
    """Leave out axes that don't belong: of another array in the same group, or of a dimension that is not there."""
    kept: dict[tuple[int, int], Axis] = {}
    for axis in axes:
        key = (axis.index, axis.spread_order if axis.index in shared else 0)
        if axis.index < len(shape) and axis.size == shape[axis.index] and key not in kept:
            kept[key] = axis
    return list(kept.values())


def sibling_of(node: Array, data_type: DataType) -> Array | None:
    """Return the array of the same number with another role, None if there is none."""
    number = next((n for t in MEASURED if (n := naming.number_of(node.name, t.value)) is not None), None)
    if number is None:
        return None
    group, name = _parent(node), channel_name(data_type, number)
    if not group.backend.has_child(group.handle, name):
        return None
    found = group.get_child(name)
    return found if isinstance(found, Array) and not isinstance(found, VLARRAY) else None


def _values(node: Array, noted: Any = None, lazy: bool = False, row: Any = None) -> LazyArray:
    """Return an array, read already unless `lazy`.

    An empty one has the shape that was noted, because PyTables stores one empty dimension at most. One whose rows of
    the shape `row` have no values holds a value without meaning in each.
    """
    kind = ValueType.on(node)
    if isinstance(row, tuple) and 0 in row and all(isinstance(n, int) and n >= 0 for n in row):
        points = node.info.shape[: -len(row)]
        return LazyArray.of(np.zeros((*points, *row), node.dtype if kind is None else kind.dtype))
    if lazy and kind is None:
        info, dtype = node.info, node.dtype
        if dtype.kind in "biufc" and 0 not in info.shape:
            return LazyArray(NodeReader(node), info.shape, dtype, info.chunks)
    values = np.asarray(node.read())
    if values.size == 0 and isinstance(noted, tuple) and len(noted) == values.ndim and 0 in noted:
        values = values.reshape(noted)
    if kind is not None:
        values = kind.values(values)
    return LazyArray.of(values)


def _errors_of(nodes: list[Array], lazy: bool, row: Any) -> list[LazyArray] | None:
    """Return the errors of all channels, None if one has none that fit."""
    found = []
    for node in nodes:
        error = sibling_of(node, DataType.error)
        if error is None:
            return None
        found.append(_values(error, error.attrs.get("shape"), lazy, row))
    return found


def _comparable(value: Any) -> Any:
    """Return an attribute as a key; a file may have any type there."""
    return value if isinstance(value, (str, int, float, type(None))) else repr(value)


def family(node: Array, attributes: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the arrays of a group that are the channels of one data object."""
    prefix = next((t.value for t in DataType if naming.number_of(node.name, t.value) is not None), node.name)
    grows = prefix == DataType.data_enlargeable.value
    axes, timestamp = attributes.get(AXIS_NODES), _comparable(attributes.get("timestamp"))
    return (
        prefix,
        *(_comparable(attributes.get(name)) for name in ("TITLE", "origin")),
        timestamp if timestamp == timestamp else None,  # nan is not equal to itself
        tuple(map(_comparable, axes)) if isinstance(axes, (tuple, list)) else None,
        node.shape[1:] if grows else node.shape,
    )


def is_data(node: Node) -> bool:
    """Tell whether an array says itself that it is data: one of this layout or an older one, a variable of netCDF."""
    if any(naming.number_of(node.name, kind.value) is not None for kind in MEASURED):
        return isinstance(node, Array)
    about = node.attrs.to_dict() if isinstance(node, Array) else {}
    if is_older_data(about):
        return node.name.lower() == OLDER_NAME
    if "data_type" in about:
        return False
    return isinstance(node, Array) and any(node.backend.inspection.details(node.handle).scales)


def data_in(group: GROUP) -> Iterator[list[Array]]:
    """Iterate over the data objects right below a group, each with all of its channels; every node is looked at once.

    Arrays of other programs count as well, if they hold numbers or a table; so do the links in groups of NeXus.
    """
    found: dict[Any, list[Array]] = {}
    is_nexus = text_in(group.attrs.get("NX_class")) == "NXdata"
    for name in group.children_name():
        if any(naming.number_of(name, kind.value) is not None for kind in DataType if kind not in MEASURED):
            continue
        node = group.get_child(name)
        if isinstance(node, LINK) and is_nexus:
            with suppress(NodeError):
                if is_numbers(followed(node)):
                    found[name] = [node]  # type: ignore[list-item]  # what loads it goes on to the array
        if isinstance(node, Array) and not isinstance(node, VLARRAY):
            found.setdefault(family(node, node.attrs.to_dict()), []).append(node)
    yield from found.values()


def channels_of(node: Array, attributes: dict[str, Any], most: int | None = None) -> list[Array]:
    """Return all channels of the data object that a node belongs to, or the first so many."""
    wanted = family(node, attributes)
    group, found = _parent(node), []
    for name in group.children_name():
        if naming.number_of(name, wanted[0]) is not None:
            other = group.get_child(name)
            if isinstance(other, Array) and family(other, other.attrs.to_dict()) == wanted:
                found.append(other)
        if most is not None and len(found) >= most:
            break
    return found or [node]


def _without_background(values: LazyArray, background: LazyArray, nodes: tuple[Node, Node]) -> LazyArray:
    """Subtract when read; small integers (a camera's) could otherwise wrap round below zero."""
    try:
        fits = np.broadcast_shapes(values.shape, background.shape) == values.shape
    except ValueError:
        fits = False
    if not fits:
        raise DataMismatchError(
            f"{nodes[1].path} of shape {background.shape} is no background of {nodes[0].path} of shape {values.shape}; "
            "load without background"
        )
    kind = np.result_type(values.dtype, background.dtype)
    if kind.kind in "iub":
        small = kind != np.uint64 or max(_largest(values), _largest(background)) <= _INT64_MAX
        kind = np.dtype(np.int64) if small else np.dtype(np.float64)
    first = values.ndim - background.ndim
    stretched = [b != v for b, v in zip(background.shape, values.shape[first:], strict=True)]

    def read(part: tuple[int | slice, ...]) -> npt.NDArray[Any]:
        beside = tuple(
            (slice(0, 1) if isinstance(p, slice) else 0) if wide else p
            for p, wide in zip(part[first:], stretched, strict=True)
        )
        difference: npt.NDArray[Any] = np.subtract(values[part], background[beside], dtype=kind)
        return difference

    return LazyArray(read, values.shape, kind, values.chunks)


def _largest(array: LazyArray) -> int:
    """Return the largest value, or 0; read in blocks, because only the values tell which type holds 64 bit counts."""
    rows = array.reshape(array.shape or (1,))
    step = max(1, (8 << 20) * len(rows) // max(1, rows.nbytes))
    return max((int(rows[i : i + step].max(initial=0)) for i in range(0, len(rows), step)), default=0)


def data_from(
    node: Node,
    *,
    with_bkg: bool = False,
    load_all: bool = False,
    navigation: bool = True,
    lazy: bool = False,
    raw: bool = False,
    most: int | None = None,
    channels: Sequence[Array] | None = None,
    cut: bool = True,
) -> DataWithAxes:
    """Return the data object that a node with measured values, background or errors belongs to.

    - `with_bkg`: subtract the background stored under the same number.
    - `load_all`: take all channels of the data object, not this array alone; of these, the first `most`.
    - `navigation`: add the navigation axes.
    - `lazy`: leave channels and errors on disk. They are of type `LazyArray`, with the shape and number type they would
      have in memory. Text is read all the same; of unsigned 64 bit counts with a background, the largest is looked for.
    - `raw`: of arrays of other programs, take the numbers as stored: without scale, offset, fill values and dates.
    - `channels`: the channels, where they are known; else they are looked for in the group.
    - `cut`: of a segment, take its own rows alone.

    NodeError if the node is no array; DataMismatchError if arrays, axes and errors in the file don't fit together.
    """
    first = array_node(followed(node))
    described = first.attrs.to_dict()
    older = is_older_data(described)
    if not older and "data_type" not in described and (first.info.dtype.names or first.dtype.kind in "biufc"):
        return foreign_data(node, load_all=load_all, lazy=lazy, raw=raw)
    if older:
        described = older_attributes(first, described)
    nodes = list(channels or (channels_of(first, described, most) if load_all else [first]))
    row = described.get(ROW_SHAPE)
    arrays = [_values(item, described.get("shape"), lazy, row) for item in nodes]
    errors = _errors_of(nodes, lazy, row)
    is_axis = described.get("data_type") == DataType.axis.name

    nav_indexes = tuple(i for i in indexes_of(described.get("nav_indexes")) if i < arrays[0].ndim)
    spread = str(described.get("distribution", "uniform")) == DataDistribution.spread.name
    axes = [] if is_axis else _axes_in(_parent(first), described.get(AXIS_NODES))
    grows = described.get("data_type") == DataType.data_enlargeable.name
    has_own = grows and any(axis.index == 0 for axis in axes)  # blocks of points bring their axis along
    nav_group = nav_group_of(first) if navigation and nav_indexes and not has_own else None
    if nav_group is not None:
        nav_axes = _axes_in(nav_group)
        axes += nav_axes
        # PyMoDAQ says of the times of a scan of any points that they are on a grid
        spread = spread or any(axis.spread_order and axis.index in nav_indexes for axis in nav_axes)
    if older:
        axes = older_axes(first, len(nav_indexes), navigation)
    per_row: dict[str, Any] = {}
    if cut and nav_indexes and not older and described.get("data_type") in _DATA:
        mine = OwnRows(_parent(first), nav_indexes, described, arrays, errors, axes, nav_group if grows else None)
        arrays, errors, axes, per_row = mine.arrays, mine.errors, mine.axes, mine.per_row

    if with_bkg:
        for i, item in enumerate(nodes):
            background = sibling_of(item, DataType.bkg)
            if background is not None:
                arrays[i] = _without_background(arrays[i], _values(background, lazy=lazy), (item, background))
    shape = _shape_of(arrays[0].shape, described.get("data_dimension"), nav_indexes)
    if errors is not None and errors[0].shape != arrays[0].shape:
        errors = None

    source = DataSource.calculated if described.get("source") == "calculated" else DataSource.raw
    loaded = (DataRaw if source is DataSource.raw else DataCalculated)(
        str(described.get("TITLE", first.name)),
        dim=_known_dim(described.get("data_dimension"), shape, nav_indexes),
        distribution=DataDistribution.spread if spread else DataDistribution.uniform,
        data=[_finished(array, shape, lazy) for array in arrays],
        labels=[str(item.attrs.get("label", "")) for item in nodes],
        origin=str(described.get("origin", "")),
        units=str(described.get("units", "")),
        axes=_fitting(axes, shape, nav_indexes if spread else ()),
        nav_indexes=nav_indexes,
        errors=None if errors is None else [_finished(error, shape, lazy) for error in errors],
        timestamp=described["timestamp"] if isinstance(described.get("timestamp"), (int, float)) else None,
    )
    known = AXIS_ATTRIBUTES if is_axis else KNOWN_ATTRIBUTES
    for name, value in {**described, **per_row}.items():
        if name not in known or name in per_row:
            with suppress(DataMismatchError):  # a name from a file may be one that the object needs itself
                loaded.add_extra_attribute(**{name if name in per_row else own_name(name): value})
    return loaded


def _finished(array: LazyArray, shape: tuple[int, ...], lazy: bool) -> Any:
    reshaped = array.reshape(shape)
    return reshaped if lazy else reshaped[...]


def _shape_of(shape: tuple[int, ...], dim: Any, nav_indexes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the original shape of stored values; the value of one point is stored in several ways."""
    points = len(nav_indexes)
    if points and dim == DataDim.Data0D.name and len(shape) == points + 1 and shape[-1] == 1:
        return shape[:-1]  # growing arrays keep an axis of length 1
    if points and dim == DataDim.Data1D.name and len(shape) == points:
        return (*shape, 1)  # scans leave the axis of a spectrum of one value out
    return shape or (1,)


def _known_dim(name: Any, shape: tuple[int, ...], nav_indexes: tuple[int, ...]) -> DataDim | None:
    """Return the dimensionality where the shape does not tell it: a spectrum of one value; else None."""
    return DataDim.Data1D if name == DataDim.Data1D.name and shape == (1,) and not nav_indexes else None
