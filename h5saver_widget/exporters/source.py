"""What is exported: data objects with their channels, errors and background, left on disk until they are written."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.data import Axis, DataDistribution, DataToExport, DataWithAxes
from h5saver_widget.data.lazy import LazyArray
from h5saver_widget.errors import DataMismatchError, ExportError
from h5saver_widget.format import naming
from h5saver_widget.format.layout import RAW_GROUP, DataType
from h5saver_widget.nodes.typed import GROUP, VLARRAY, Array, Node
from h5saver_widget.saving.assemble import MEASURED, channels_of, data_from, family, sibling_of
from h5saver_widget.saving.h5_backend import H5Backend

__all__ = ["Channel", "Item", "Source", "plain", "require_items", "source_of"]

_MAX_DEPTH = 200
_NOT_IN_NAMES = re.compile(r"[^\w.+-]+")
#: The roles of arrays that belong to other arrays.
_BESIDE = tuple(kind.value for kind in DataType if kind not in MEASURED)


@dataclass(frozen=True)
class Channel:
    """One array of a data object.

    Attributes
    ----------
    role
        ``'data'``, ``'error'`` or ``'background'``.
    number
        Of which channel, from 0.
    label
        Label of the channel.
    array
        The values, maybe still on disk: read it with ``Job.blocks``.
    """

    role: str
    number: int
    label: str
    array: LazyArray | npt.NDArray[Any]


@dataclass
class Item:
    """A data object to export.

    Attributes
    ----------
    data
        The data object; its arrays may be on disk.
    path
        Path of the node that it comes from, ``''`` if it was given in memory.
    backgrounds
        Number of a channel to its background.
    """

    data: DataWithAxes
    path: str = ""
    backgrounds: dict[int, LazyArray | npt.NDArray[Any]] = field(default_factory=dict)

    @property
    def channels(self) -> list[Channel]:
        """Data, then errors, then background of all channels."""
        data, labels = self.data, self.data.labels
        found = [Channel("data", i, labels[i], array) for i, array in enumerate(data.data)]
        found += [Channel("error", i, labels[i], array) for i, array in enumerate(data.errors or ())]
        return found + [Channel("background", i, labels[i], array) for i, array in sorted(self.backgrounds.items())]

    @property
    def nbytes(self) -> int:
        """Size of all arrays."""
        return sum(int(channel.array.nbytes) for channel in self.channels)

    def axes_of(self, dimension: int) -> list[Axis]:
        """Return the axes of a dimension: one, none, or those of spread points in their order."""
        found = [axis for axis in self.data.axes if axis.index == dimension]
        return sorted(found, key=lambda axis: axis.spread_order)

    @property
    def about(self) -> dict[str, Any]:
        """Everything but the values of the arrays and axes, as plain data that JSON can hold."""
        data = self.data
        return {
            "name": str(data.name),
            "origin": str(data.origin),
            "units": str(data.units),
            "source": data.source.name,
            "dimension": data.dim.name,
            "distribution": data.distribution.name,
            "shape": list(data.shape),
            "navigation": list(data.nav_indexes),
            "timestamp": float(data.timestamp),
            "axes": [_axis_facts(axis) for axis in sorted(data.axes, key=lambda a: (a.index, a.spread_order))],
            "channels": [
                {"role": c.role, "channel": c.number, "label": c.label, "dtype": c.array.dtype.name}
                for c in self.channels
            ],
            "extra": {name: plain(getattr(data, name)) for name in data.extra_attributes},
            **({"node": self.path} if self.path else {}),
        }

    @property
    def file_name(self) -> str:
        """A name for files and groups: of the node, or of the data."""
        inside = self.path.removeprefix(RAW_GROUP).strip("/") if self.path else str(self.data.name)
        return _NOT_IN_NAMES.sub("_", inside).strip("_.") or "data"


def _axis_facts(axis: Axis) -> dict[str, Any]:
    facts = {"label": str(axis.label), "units": str(axis.units), "index": axis.index, "size": axis.size}
    return {**facts, "spread_order": axis.spread_order, "dtype": np.asarray(axis.get_data()).dtype.name}


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it; what it can't hold as text."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


@dataclass
class Source:
    """What an export is asked for.

    Attributes
    ----------
    items
        The data objects in it.
    node
        The node that was asked for, None for data in memory.
    skipped
        Sentences on what is no data that can be exported.
    """

    items: list[Item]
    node: Node | None = None
    skipped: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """Return a name for every item, no two alike."""
        found: list[str] = []
        for item in self.items:
            name, number = item.file_name, 2
            while name.lower() in (other.lower() for other in found):
                name, number = f"{item.file_name}_{number}", number + 1
            found.append(name)
        return found


def source_of(what: Node | H5Backend | DataWithAxes | DataToExport | Sequence[DataWithAxes]) -> Source:
    """Return what an export is asked for: a node, a whole open file, or data in memory.

    Raises
    ------
    ExportError
        If there are no data in it.
    """
    if isinstance(what, DataWithAxes):
        return Source([Item(what)])
    if isinstance(what, H5Backend):
        what.require_open("export")
        what = what.root()
    if isinstance(what, Node):
        with what.backend.lock:
            return _source_of_node(what)
    return Source([Item(dwa) for dwa in what])


def _source_of_node(node: Node) -> Source:
    source = Source([], node)
    if isinstance(node, GROUP):
        for group in _groups(node):
            for array in _first_arrays(group):
                _add(source, array, load_all=True)
    else:
        _add(source, node, load_all=False)
    return source


def _groups(top: GROUP) -> Iterator[GROUP]:
    """Iterate over a group and all groups below it; one that is reached a second time (a loop) is passed over."""
    waiting, seen = [(top, 0)], set[Hashable]()
    while waiting:
        group, depth = waiting.pop()
        identity = group.backend.identity(group.handle)
        if identity in seen or depth > _MAX_DEPTH:
            continue
        seen.add(identity)
        yield group
        below = [child for child in group.children().values() if isinstance(child, GROUP)]
        waiting.extend((child, depth + 1) for child in reversed(below))


def _first_arrays(group: GROUP) -> Iterator[Node]:
    """Iterate over the first channel of every data object in a group, and over the arrays of other programs."""
    seen: set[tuple[Any, ...]] = set()
    for name in group.children_name():
        if any(naming.number_of(name, prefix) is not None for prefix in _BESIDE):
            continue
        node = group.get_child(name)
        if not isinstance(node, Array) or isinstance(node, VLARRAY):
            continue
        key = family(node, node.attrs.to_dict())
        if key not in seen:
            seen.add(key)
            yield node


def _add(source: Source, node: Node, *, load_all: bool) -> None:
    if not isinstance(node, Array) or isinstance(node, VLARRAY):
        source.skipped.append(f"{node.path} is a {node.class_name}: it holds no numbers, and was left out")
        return
    if node.info.dtype.kind not in "biufc":
        source.skipped.append(f"{node.path} holds {node.info.dtype}, no numbers, and was left out")
        return
    try:
        data = data_from(node, load_all=load_all, lazy=True)
    except DataMismatchError as error:
        source.skipped.append(f"{node.path} was left out: {error}")
        return
    nodes = channels_of(node, node.attrs.to_dict()) if load_all else [node]
    item = Item(data, _parent_path(node.path) if load_all and len(nodes) == _measured_beside(node) else node.path)
    for number, channel in enumerate(nodes):
        background = sibling_of(channel, DataType.bkg)
        if background is not None and len(data.data) == len(nodes):
            values = data_from(background, lazy=True, navigation=False).data[0]
            if values.shape == data.shape:
                item.backgrounds[number] = values
            else:
                source.skipped.append(f"{background.path} has another shape than its data, and was left out")
    source.items.append(item)


def _measured_beside(node: Array) -> int:
    """Return how many arrays of measured values the group of a node holds."""
    group = node.parent_node
    assert isinstance(group, GROUP)
    return sum(not any(naming.number_of(n, p) is not None for p in _BESIDE) for n in group.children_name())


def _parent_path(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def spread_points(item: Item) -> bool:
    """Return whether the navigation points are a list (several axes of one dimension), not a grid."""
    return item.data.distribution is DataDistribution.spread


def require_items(source: Source, what: str) -> None:
    """Raise ExportError if there is nothing to export."""
    if not source.items:
        reasons = "; ".join(source.skipped[:3])
        raise ExportError(f"{what} holds no data that can be exported" + (f": {reasons}" if reasons else ""))
