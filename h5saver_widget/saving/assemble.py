"""From nodes back to data objects: which axes, errors and background belong to an array.

The rules are those of the common layout: the axes of an array stand beside it, navigation axes in the first ``NavAxes``
group on the way up; errors and background have its number.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget import naming
from h5saver_widget.data import Axis, DataCalculated, DataDim, DataDistribution, DataRaw, DataSource, DataWithAxes
from h5saver_widget.errors import DataMismatchError, NodeError
from h5saver_widget.layout import NAV_GROUP, DataType, channel_name
from h5saver_widget.nodes import GROUP, Array, Node
from h5saver_widget.saving.describe import KNOWN_ATTRIBUTES

__all__ = ["array_node", "axis_from", "data_from", "nav_group_of"]


def array_node(node: Node) -> Array:
    """Return the node as an array; NodeError if it is none."""
    if not isinstance(node, Array):
        raise NodeError(f"{node.path} is a {node.class_name}, not an array; give the path of a data node")
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


def axis_from(node: Node, values: npt.NDArray[Any] | None = None) -> Axis:
    """Return the axis stored in an array node."""
    attributes = node.attrs.to_dict()
    return Axis(
        str(attributes.get("label", attributes.get("TITLE", ""))),
        str(attributes.get("units", "")),
        data=array_node(node).read() if values is None else values,
        index=_as_int(attributes.get("index")),
        spread_order=_as_int(attributes.get("spread_order")),
    )


def _as_int(value: Any) -> int:
    return int(value) if isinstance(value, (int, np.integer)) and value >= 0 else 0


def _axes_in(group: GROUP) -> list[Axis]:
    names = [name for name in group.children_name() if naming.number_of(name, DataType.axis.value) is not None]
    return [axis_from(group.get_child(name)) for name in names]


def _fitting(axes: list[Axis], shape: tuple[int, ...], shared: tuple[int, ...]) -> list[Axis]:
    """Leave out axes that don't belong: of another array in the same group, or of a dimension that is not there."""
    kept: dict[tuple[int, int], Axis] = {}
    for axis in axes:
        key = (axis.index, axis.spread_order if axis.index in shared else 0)
        if axis.index < len(shape) and axis.size == shape[axis.index] and key not in kept:
            kept[key] = axis
    return list(kept.values())


def _sibling(node: Array, data_type: DataType) -> Array | None:
    """Return the array of the same number with another role, None if there is none."""
    number = next((n for t in DataType if (n := naming.number_of(node.name, t.value)) is not None), None)
    if number is None:
        return None
    group, name = _parent(node), channel_name(data_type, number)
    if name not in group.children_name():
        return None
    return array_node(group.get_child(name))


def _channels(node: Array, attributes: dict[str, Any]) -> list[Array]:
    """Return all channels of the data object that a node belongs to: same role, same name, same rows."""
    prefix = next((t.value for t in DataType if naming.number_of(node.name, t.value) is not None), None)
    if prefix is None:
        return [node]
    group, found = _parent(node), []
    for name in group.children_name():
        if naming.number_of(name, prefix) is not None:
            other = array_node(group.get_child(name))
            if other.attrs.get("TITLE") == attributes.get("TITLE") and other.shape[1:] == node.shape[1:]:
                found.append(other)
    return found


def _without_background(values: npt.NDArray[Any], background: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Subtract; unsigned values (a camera's) could otherwise wrap round below zero."""
    kind = np.result_type(values, background)
    if kind.kind in "ub":
        kind = np.dtype(np.int64) if kind.itemsize < 8 else np.dtype(np.float64)
    difference: npt.NDArray[Any] = np.subtract(values, background, dtype=kind)
    return difference


def data_from(node: Node, *, with_bkg: bool = False, load_all: bool = False, navigation: bool = True) -> DataWithAxes:
    """Return the data object that an array node belongs to.

    Parameters
    ----------
    node
        Array of measured values, of background or of errors.
    with_bkg
        Subtract the background stored under the same number.
    load_all
        Take all channels of the data object, not this array alone.
    navigation
        Add the navigation axes.

    Raises
    ------
    NodeError
        If the node is no array.
    """
    first = array_node(node)
    described = first.attrs.to_dict()
    nodes = _channels(first, described) if load_all else [first]
    arrays = [np.asarray(item.read()) for item in nodes]
    errors = [_sibling(item, DataType.error) for item in nodes]
    error_arrays = None if None in errors else [np.asarray(item.read()) for item in errors if item is not None]

    nav_indexes = tuple(i for i in described.get("nav_indexes", ()) if isinstance(i, int) and i < arrays[0].ndim)
    spread = str(described.get("distribution", "uniform")) == DataDistribution.spread.name
    axes = [] if str(described.get("data_type")) == DataType.axis.name else _axes_in(_parent(first))
    nav_group = nav_group_of(first) if navigation and nav_indexes else None
    if nav_group is not None:
        axes += _axes_in(nav_group)
    if described.get("data_type") == DataType.data_enlargeable.name:
        arrays, error_arrays, axes = _cut_to_common_rows(arrays, error_arrays, axes)

    if with_bkg:
        backgrounds = [_sibling(item, DataType.bkg) for item in nodes]
        arrays = [
            a if b is None else _without_background(a, np.asarray(b.read()))
            for a, b in zip(arrays, backgrounds, strict=True)
        ]
    scalar = described.get("data_dimension") == DataDim.Data0D.name
    if nav_indexes and scalar and arrays[0].ndim == len(nav_indexes) + 1 and arrays[0].shape[-1] == 1:
        arrays = [array[..., 0] for array in arrays]
        error_arrays = None if error_arrays is None else [array[..., 0] for array in error_arrays]

    source = DataSource.calculated if described.get("source") == "calculated" else DataSource.raw
    extras = {k: v for k, v in described.items() if k not in KNOWN_ATTRIBUTES and k.isidentifier()}
    loaded = (DataRaw if source is DataSource.raw else DataCalculated)(
        str(described.get("TITLE", first.name)),
        dim=None if nav_indexes else _known_dim(described.get("data_dimension")),
        distribution=DataDistribution.spread if spread else DataDistribution.uniform,
        data=[np.atleast_1d(array) for array in arrays],
        labels=[str(item.attrs.get("label", "")) for item in nodes],
        origin=str(described.get("origin", "")),
        units=str(described.get("units", "")),
        axes=_fitting(axes, np.atleast_1d(arrays[0]).shape, nav_indexes if spread else ()),
        nav_indexes=nav_indexes,
        errors=error_arrays,
        timestamp=described["timestamp"] if isinstance(described.get("timestamp"), (int, float)) else None,
    )
    for name, value in extras.items():
        with suppress(DataMismatchError):  # a name from a file may be one that the object needs itself
            loaded.add_extra_attribute(**{name: value})
    return loaded


def _known_dim(name: Any) -> DataDim | None:
    return DataDim[name] if name in DataDim.__members__ else None


def _cut_to_common_rows(
    arrays: list[npt.NDArray[Any]], errors: list[npt.NDArray[Any]] | None, axes: list[Axis]
) -> tuple[list[npt.NDArray[Any]], list[npt.NDArray[Any]] | None, list[Axis]]:
    """Cut growing arrays to the rows that all have: a program killed between two arrays leaves one row more in some."""
    rows = {len(array) for array in arrays} | {len(array) for array in errors or []}
    rows |= {axis.size for axis in axes if axis.index == 0}
    if len(rows) <= 1:
        return arrays, errors, axes
    count = min(rows)
    cut_axes = [
        Axis(a.label, a.units, data=a.get_data()[:count], index=0, spread_order=a.spread_order) if a.index == 0 else a
        for a in axes
    ]
    return [a[:count] for a in arrays], None if errors is None else [e[:count] for e in errors], cut_axes
