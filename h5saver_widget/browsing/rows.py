"""One line of a tree: icon, title, shape or value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import numpy as np

from h5saver_widget.backends.terms import ArrayInfo
from h5saver_widget.browsing.formatting import count_text, dtype_text, explained, number_text, shape_text, shown_value
from h5saver_widget.errors import NodeError, ValuesElsewhereError
from h5saver_widget.format import codec, naming
from h5saver_widget.format.layout import DataType
from h5saver_widget.nodes.typed import GROUP, LINK, VLARRAY, Array, Node, StringARRAY
from h5saver_widget.saving.h5_backend import H5Backend

__all__ = ["NodeIcon", "TreeRow", "link_text", "row_of", "rows_of"]


class NodeIcon(Enum):
    """The icon of a node in a tree; the value is the icon's name."""

    FILE = "h5saver"
    GROUP = "node-group"
    SCAN = "node-scan"
    DETECTOR = "node-detector"
    ACTUATOR = "node-actuator"
    VALUE = "node-value"
    CURVE = "node-curve"
    IMAGE = "node-image"
    STACK = "node-stack"
    AXIS = "node-axis"
    TEXT = "node-text"
    BYTES = "node-bytes"
    LINK = "node-link"
    UNREADABLE = "warning"


_GROUP_ICONS: Final = {"scan": NodeIcon.SCAN, "detector": NodeIcon.DETECTOR, "actuator": NodeIcon.ACTUATOR}


@dataclass(frozen=True)
class TreeRow:
    """One line of a tree.

    ``content`` is a shape, or the value of a single number; ``kind`` a number type; ``problem`` says why the node can't
    be read, ``''`` if it can.
    """

    icon: NodeIcon
    title: str = ""
    content: str = ""
    problem: str = ""
    kind: str = ""


def row_of(node: Node) -> TreeRow:
    """Return the line of a node in a tree; an unreadable node has the reason as its problem."""
    try:
        if isinstance(node, LINK):
            return (
                TreeRow(NodeIcon.LINK, content=link_text(*node.backend.inspection.link_target(node.handle)))
                if _is_link(node)
                else _unknown(node)
            )
        attributes = _decoded(node, ["TITLE", "type", "data_type", "units", "long_name"])
        title = shown_value(attributes.get("TITLE") or attributes.get("long_name") or "", 200)
        if isinstance(node, GROUP):
            kind = str(attributes.get("type", "")).lower()
            numbered = naming.number_of(node.name, kind) is not None  # the group of all data has a type as well
            return TreeRow(_GROUP_ICONS.get(kind, NodeIcon.GROUP) if numbered else NodeIcon.GROUP, title)
        if isinstance(node, StringARRAY):
            return TreeRow(NodeIcon.TEXT, title, count_text(len(node), "line"))
        if isinstance(node, VLARRAY):
            return TreeRow(NodeIcon.BYTES, title, count_text(len(node), "row") + " of bytes")
        assert isinstance(node, Array)
        info = node.info
        icon = _array_icon(info, str(attributes.get("data_type", "")))
        if math.prod(info.shape) == 1 and info.dtype.kind in "biufcSUO" and info.dtype.itemsize <= 4096:
            kind = (info.holds or dtype_text(info.dtype)).removeprefix("text")  # a text speaks for itself
            with suppress(ValuesElsewhereError):
                return TreeRow(icon, title, _value_text(node, attributes), kind=kind)
        return TreeRow(icon, title, shape_text(info.shape), kind=info.holds or dtype_text(info.dtype))
    except Exception as error:  # whatever is wrong with this node, the rest of the file can be seen
        return TreeRow(NodeIcon.UNREADABLE, problem=explained(error))


def rows_of(h5: H5Backend, paths: Sequence[str]) -> dict[str, TreeRow]:
    """Return the lines of some nodes in a tree."""
    found = {}
    for path in paths:
        try:
            found[path] = row_of(h5.get_node(path))
        except (NodeError, OSError) as error:
            found[path] = TreeRow(NodeIcon.UNREADABLE, problem=str(error))
    return found


def link_text(file: str, path: str) -> str:
    """Return where a link leads to, for people.

    >>> link_text('', '/entry/data'), link_text('raw.h5', '/data'), link_text('', '')
    ('link to /entry/data', 'link to /data in raw.h5', 'its values stand elsewhere')
    """
    if not path:
        return "its values stand elsewhere"
    return shown_value(f"link to {path} in {file}" if file else f"link to {path}")


def _value_text(node: Array, attributes: Mapping[str, Any]) -> str:
    """Return the one value of an array, with its units."""
    value = np.asarray(node.read()).reshape(-1)[0]
    return f"{shown_value(number_text(value), 80)} {_units(attributes)}".strip()


def _unknown(node: Node) -> TreeRow:
    """Return the line of a node that is no group, array or link: a named type, or a kind without a name."""
    holds = node.backend.inspection.details(node.handle).holds
    if holds:
        return TreeRow(NodeIcon.BYTES, content=holds)
    return TreeRow(
        NodeIcon.UNREADABLE, content="can't be read", problem=f"{node.path} is of a kind that can't be read, or damaged"
    )


def _is_link(node: Node) -> bool:
    return node.backend.kind(node.handle).name == "LINK"


def _decoded(node: Node, names: list[str]) -> dict[str, Any]:
    """Return some attributes in one call."""
    return {name: codec.decode(raw) for name, raw in node.backend.get_attributes(node.handle, names).items()}


def _units(attributes: Mapping[str, Any]) -> str:
    units = attributes.get("units", "")
    return shown_value(units, 40) if isinstance(units, (str, bytes)) else ""


def _array_icon(info: ArrayInfo, data_type: str) -> NodeIcon:
    if data_type == DataType.axis.name:
        return NodeIcon.AXIS
    if info.dtype.kind not in "biufc":
        return NodeIcon.TEXT if info.dtype.kind in "SUO" else NodeIcon.BYTES
    wide = sum(size > 1 for size in info.shape)
    return (NodeIcon.VALUE, NodeIcon.CURVE, NodeIcon.IMAGE)[wide] if wide < 3 else NodeIcon.STACK
