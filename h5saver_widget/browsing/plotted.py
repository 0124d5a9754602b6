"""Which array is plotted for a node: itself, the first channel of a group, what NeXus says, a variable of netCDF.

Rules: https://manual.nexusformat.org/datarules.html#find-plottable-data
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, Final

from h5saver_widget.backends.shown_again import shown_again
from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.errors import H5SaverError
from h5saver_widget.format import naming
from h5saver_widget.format.layout import DataType
from h5saver_widget.nodes.typed import GROUP, VLARRAY, Array, Node
from h5saver_widget.saving.columns import complex_type
from h5saver_widget.saving.conventions import text_in
from h5saver_widget.saving.foreign import is_numbers, names_in, signal_of
from h5saver_widget.saving.h5_backend import H5Backend
from h5saver_widget.saving.links import resolved
from h5saver_widget.saving.older import OLDER_NAME, is_older_data

__all__ = ["plotted_for"]

#: How often a default may lead to a default.
_MOST_STEPS: Final = 20
#: So many nodes are looked at where a file names no default.
_MOST_NODES: Final = 300
_MOST_VARIABLES: Final = 100
#: PyTables' own, such as the indexes of a table.
_HIDDEN: Final = ("_i_", "_p_")
_MEASURED: Final = tuple(kind.value.lower() for kind in (DataType.data, DataType.data_enlargeable, DataType.live_scan))


def plotted_for(h5: H5Backend, node: Node, values: Mapping[str, Any], names: list[str]) -> tuple[str, bool, bool]:
    """Return the array that is plotted for a node, whether with all channels, and whether it is a group's default."""
    if isinstance(node, Array) and not isinstance(node, VLARRAY):
        info = node.info
        is_drawn = info.dtype.kind in "biufc" or complex_type(info.dtype) is not None
        return (node.path if is_drawn and 0 not in info.shape else ""), False, False
    if not isinstance(node, GROUP):
        return "", False, False
    try:
        found = _data_in(node, values, names)
        if found[0]:
            return *found, False
        default = _default_of(h5, node.path, values) or (_first_plotted(h5) if node.path == "/" else "")
        shown_node = h5.get_node(default) if default else None
        if isinstance(shown_node, GROUP):
            found = _data_in(shown_node, shown_node.attrs.to_dict(), shown_node.children_name())
        elif shown_node is not None:
            found = default, False
        shown = _shown_by(h5, found[0]) if found[0] else ""
    except (H5SaverError, OSError):  # what the default or its view leads to may be lost
        return "", False, False
    return (shown, found[1], True) if shown else ("", False, False)


def _shown_by(h5: H5Backend, path: str) -> str:
    """Return the array that a view in the entry of a recording shows, where all that belongs to it is."""
    if not path.startswith(tuple(f"{group}/" for group in shown_again(h5.io))):
        return path
    target = text_in(h5.io.get_attributes(h5.io.node(path), ["target"]).get("target"))
    return h5.get_node(target).path if target else path


def _data_in(group: GROUP, values: Mapping[str, Any], names: list[str]) -> tuple[str, bool]:
    """Return the array that is plotted for a group that holds some, and whether with all channels."""
    base = group.path.rstrip("/")
    measured = [name for name in names if name.lower().startswith(_MEASURED)]
    for prefix in _MEASURED:
        for name in measured:
            if naming.number_of(name, prefix) is not None:
                return f"{base}/{name}", True
    signal = signal_of(group, values, names)
    if signal:
        return f"{base}/{signal}", bool(names_in(values.get("auxiliary_signals")))
    for name in names:
        if name.lower() == OLDER_NAME and is_older_data(group.get_child(name).attrs.to_dict()):
            return f"{base}/{name}", False
    variable = _variable_in(group, names)
    return (f"{base}/{variable}" if variable else ""), False


def _variable_in(group: GROUP, names: list[str]) -> str:
    """Return the variable of netCDF with the most dimensions, ``''`` if there is none."""
    best, most = "", 0
    for name in names[:_MOST_VARIABLES]:
        node = group.get_child(name)
        if is_numbers(node) and any(node.backend.inspection.details(node.handle).scales):
            ndim = len(node.shape)  # type: ignore[attr-defined]
            best, most = (name, ndim) if ndim > most else (best, most)
    return best


def _default_of(h5: H5Backend, path: str, attributes: Mapping[str, Any]) -> str:
    """Return the group that is plotted for another: where its ``default`` leads; without one, the first NXdata."""
    here = path
    for _ in range(_MOST_STEPS):
        name = text_in(attributes.get("default"))
        if not name:
            break
        try:
            here = resolved(h5.io, f"{here}/{name}")
            node = h5.get_node(here)
        except H5SaverError:
            return ""
        if not isinstance(node, GROUP):
            return ""
        attributes = node.attrs.to_dict()
    if here == path or text_in(attributes.get("NX_class")) in ("NXentry", "NXroot"):
        here = _first_data(h5, here, attributes)
    return "" if here == path else here


def _first_data(h5: H5Backend, path: str, attributes: Mapping[str, Any]) -> str:
    """Return the first NXdata group with a signal in the entries of a file, or in one of them."""
    waiting, looked = [(path, 0)], 0
    while waiting:
        here, depth = waiting.pop(0)
        try:
            group = h5.get_node(here)
            kinds = h5.io.children_kinds(group.handle) if isinstance(group, GROUP) else {}
        except H5SaverError:
            continue
        for name, kind in kinds.items():
            looked += 1
            if looked > _MOST_NODES:
                return path
            if kind is not NodeKind.GROUP:
                continue
            below = f"{here.rstrip('/')}/{name}"
            child = h5.get_node(below)
            assert isinstance(child, GROUP)
            about = child.attrs.to_dict()
            kind_of_group = text_in(about.get("NX_class"))
            if kind_of_group == "NXdata" and signal_of(child, about, child.children_name()):
                return below
            if depth < 3 and kind_of_group.startswith("NX"):
                waiting.append((below, depth + 1))
    return path


def _first_plotted(h5: H5Backend) -> str:
    """Return the node shown of a file that names none: its first group of data, else its first array of numbers."""
    waiting, array, looked = ["/"], "", 0
    while waiting and looked < _MOST_NODES:
        here = waiting.pop(0)
        try:
            group = h5.get_node(here)
            kinds = h5.io.children_kinds(group.handle) if isinstance(group, GROUP) else {}
            if isinstance(group, GROUP) and _data_in(group, group.attrs.to_dict(), list(kinds))[0]:
                return here
            for name, kind in kinds.items():
                below = f"{here.rstrip('/')}/{name}"
                looked += 1
                if name.startswith(_HIDDEN):
                    continue
                if kind is NodeKind.GROUP:
                    waiting.append(below)
                elif not array and is_numbers(node := h5.get_node(below)) and prod(node.shape) > 1:  # type: ignore[attr-defined]
                    array = below
        except (H5SaverError, OSError):
            continue
    return array
