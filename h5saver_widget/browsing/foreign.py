"""Files of other programs: where links lead, what a NeXus group says of its arrays, which scales belong to an array.

Formats: https://manual.nexusformat.org/classes/base_classes/NXdata.html and the dimension scales of HDF5, as netCDF has
them, https://support.hdfgroup.org/documentation/hdf5/latest/_h5_d_s__u_g.html
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.data import Axis, DataWithAxes
from h5saver_widget.errors import H5SaverError, NodeError
from h5saver_widget.nodes.typed import GROUP, VLARRAY, Array
from h5saver_widget.saving.h5_backend import H5Backend
from h5saver_widget.saving.loading import DataLoader

__all__ = ["completed", "default_of", "names_in", "resolved", "signal_of"]

#: How often a link may lead to a link, and a default to a default.
_MOST_STEPS: Final = 20


def resolved(h5: H5Backend, path: str) -> str:
    """Return the path of what soft links on a path lead to.

    Raises
    ------
    NodeError
        If a link leads nowhere, round in circles, or into another file.
    """
    io, here, steps = h5.io, "", 0
    names = deque(path.split("/"))
    with io.lock:
        while names:
            name = names.popleft()
            if name in ("", "."):
                continue
            if name == "..":
                here = here.rpartition("/")[0]
                continue
            there = f"{here}/{name}"
            node = io.node(there)
            if io.kind(node) is not NodeKind.LINK:
                here = there
                continue
            file, target = io.link_target(node)
            steps += 1
            if file or not target or steps > _MOST_STEPS:
                raise NodeError(f"{there} leads to {f'{file}, ' if file else ''}{target or 'nowhere'}: not followed")
            if target.startswith("/"):
                here = ""
            names.extendleft(reversed(target.split("/")))
    return here or "/"


def names_in(value: Any) -> list[str]:
    """Return the names in an attribute: one, several, or several in one text.

    >>> names_in('x:y'), names_in(np.array([b'.', b'energy'])), names_in(3)
    (['x', 'y'], ['.', 'energy'], [])
    """
    if isinstance(value, np.ndarray):
        value = value.reshape(-1).tolist()
    if isinstance(value, (str, bytes)):
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        value = text.strip("[]").replace(",", ":").split(":")
    if not isinstance(value, (list, tuple)):
        return []
    texts = [part.decode("utf-8", "replace") if isinstance(part, bytes) else part for part in value]
    return [part.strip() for part in texts if isinstance(part, str)]


def signal_of(group: GROUP, attributes: Mapping[str, Any], names: list[str]) -> str:
    """Return the name of the array that a NeXus group wants to be plotted, ``''`` if it names none."""
    named = names_in(attributes.get("signal"))
    if named and named[0] in names:
        return named[0]
    if attributes.get("NX_class") == "NXdata":  # before 2014 the array itself said so
        for name in names[:100]:
            child = group.get_child(name)
            if isinstance(child, Array) and str(child.attrs.get("signal", "")) == "1":
                return name
    return ""


def default_of(h5: H5Backend, path: str, attributes: Mapping[str, Any]) -> str:
    """Return the group that the ``default`` of a group leads to, ``''`` if there is none."""
    here = path
    for _ in range(_MOST_STEPS):
        name = attributes.get("default")
        if not isinstance(name, str) or not name:
            break
        try:
            here = resolved(h5, f"{here}/{name}")
            node = h5.get_node(here)
        except H5SaverError:
            return ""
        if not isinstance(node, GROUP):
            return ""
        attributes = node.attrs.to_dict()
    return "" if here == path else here


def completed(h5: H5Backend, path: str, data: DataWithAxes, all_channels: bool) -> DataWithAxes:
    """Give data of another program what stands beside them: label, axes, errors, and further signals.

    Parameters
    ----------
    h5
        The open file.
    path
        The array, or a link to it, in the group that describes it.
    data
        What was loaded of the array alone; the same object is returned.
    all_channels
        Take the further signals of a NeXus group as channels.
    """
    group_path, _, name = path.rpartition("/")
    group = h5.get_node(resolved(h5, group_path or "/"))
    node = h5.get_node(resolved(h5, path))
    assert isinstance(group, GROUP) and isinstance(node, Array)
    described = node.attrs.to_dict()
    if "data_type" in described:
        return data
    beside = _Beside(h5, path.rpartition("/")[0], group.children_name())
    about = group.attrs.to_dict()
    more = names_in(about.get("auxiliary_signals")) if all_channels else []
    others = [(other, found) for other in more if (found := beside.array(other)) and found.shape == data.shape]
    loader = DataLoader(h5)  # type: ignore[arg-type]  # asks for nodes alone, which any open file has
    data.data = [*data.data, *(loader.load_data(found.path, lazy=True).data[0] for _, found in others)]
    if not any(data.labels) or not described.get("label"):
        first = described.get("long_name") or name
        data.labels = [str(first), *(str(found.attrs.get("long_name") or other) for other, found in others)]
    if data.errors is None and not others:
        errors = beside.array(f"{name}_errors") or (beside.array("errors") if about.get("signal") == name else None)
        if errors is not None and errors.shape == data.shape:
            data.errors = loader.load_data(errors.path, lazy=True).data
    if not data.axes:
        named = names_in(about.get("axes")) or names_in(described.get("axes"))
        if named:
            data.axes = _named_axes(beside, about, named, data.shape)
        elif "DIMENSION_LIST" in node.backend.attribute_names(node.handle):
            data.axes = _scales(beside, name, data.shape)
    return data


class _Beside:
    """The arrays in a group, those that links lead to included."""

    def __init__(self, h5: H5Backend, group: str, names: list[str]) -> None:
        self._h5, self._group = h5, group
        self.names = names

    def array(self, name: str) -> Array | None:
        """Return an array of numbers, None if there is none of that name."""
        if name not in self.names:
            return None
        try:
            node = self._h5.get_node(resolved(self._h5, f"{self._group}/{name}"))
        except H5SaverError:
            return None
        is_numbers = isinstance(node, Array) and not isinstance(node, VLARRAY) and node.dtype.kind in "biuf"
        return node if is_numbers else None  # type: ignore[return-value]


def _named_axes(beside: _Beside, about: Mapping[str, Any], names: list[str], shape: tuple[int, ...]) -> list[Axis]:
    """Return the axes that a NeXus group names; of histograms, which have one edge more, the middles."""
    found: dict[int, Axis] = {}
    for place, name in enumerate(names):
        said = np.asarray(about.get(f"{name}_indices", place)).reshape(-1)
        index = int(said[0]) if said.size == 1 and said.dtype.kind in "iu" else place
        node = beside.array(name)
        if node is None or not 0 <= index < len(shape) or index in found:
            continue
        if node.shape == (shape[index],):
            found[index] = _axis(node, name, index, node.read())
        elif node.shape == (shape[index] + 1,):
            edges = np.asarray(node.read(), np.float64)
            found[index] = _axis(node, name, index, (edges[1:] + edges[:-1]) / 2)
    return list(found.values())


def _scales(beside: _Beside, own: str, shape: tuple[int, ...]) -> list[Axis]:
    """Return the dimension scales that can only be meant: the one of that length, for the one dimension of that length.

    Which scale belongs to which dimension is told by references, which not every library can read.
    """
    found = []
    candidates = [name for name in beside.names[:200] if name != own]
    arrays = {name: node for name in candidates if (node := beside.array(name)) is not None and len(node.shape) == 1}
    scales = {name: node for name, node in arrays.items() if node.attrs.get("CLASS") == "DIMENSION_SCALE"}
    for index, size in enumerate(shape):
        fitting = [name for name, node in scales.items() if node.shape == (size,)]
        if len(fitting) == 1 and shape.count(size) == 1:
            node = scales[fitting[0]]
            found.append(_axis(node, fitting[0], index, node.read()))
    return found


def _axis(node: Array, name: str, index: int, values: Any) -> Axis:
    attributes = node.attrs
    label = attributes.get("long_name") or name
    return Axis(str(label), str(attributes.get("units", "")), data=values, index=index)
