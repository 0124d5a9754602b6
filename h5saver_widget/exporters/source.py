"""The exported data: data objects with their channels, errors and background, left on disk until they are written."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.data import Axis, DataRaw, DataToExport, DataWithAxes
from h5saver_widget.data.lazy import LazyArray
from h5saver_widget.errors import DataMismatchError, ExportError, NodeError
from h5saver_widget.format import naming
from h5saver_widget.format.layout import RAW_GROUP, DataType
from h5saver_widget.nodes.typed import GROUP, VLARRAY, Array, ListedGroup, Node
from h5saver_widget.saving.assemble import MEASURED, data_from, data_in, sibling_of
from h5saver_widget.saving.columns import columns_of, complex_type
from h5saver_widget.saving.h5_backend import H5Backend
from h5saver_widget.saving.links import followed

__all__ = ["Channel", "Item", "Source", "nodes_of", "plain", "require_items", "source_of"]

_MAX_DEPTH = 200
#: The roles of arrays that belong to other arrays.
_BESIDE = tuple(kind.value for kind in DataType if kind not in MEASURED)
#: Filters that every HDF5 library has.
_EVERYWHERE = (None, "gzip", "lzf", "szip", "zlib")
#: A name of a file has 255 bytes at most; an ending, a number and the name while it is written need some of them.
_MOST_BYTES: Final = 180
_NOT_IN_NAMES = re.compile(r"[^\w.+-]+")


@dataclass(frozen=True)
class Channel:
    """One array of a data object.

    Attributes
    ----------
    role
        ``'data'``, ``'error'`` or ``'background'``; ``'text'`` for a column of a table that holds no numbers.
    number
        Of which channel, from 0.
    label
        Label of the channel.
    array
        The values, maybe still on disk: read it with ``Job.blocks``.
    units
        Its units where they are not those of the data object (a column of a table); None where they are.
    """

    role: str
    number: int
    label: str
    array: LazyArray | npt.NDArray[Any]
    units: str | None = None


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
    columns
        Of a table: all of its columns in their order, those with text included.
    """

    data: DataWithAxes
    path: str = ""
    backgrounds: dict[int, LazyArray | npt.NDArray[Any]] = field(default_factory=dict)
    columns: list[Channel] = field(default_factory=list)

    @property
    def channels(self) -> list[Channel]:
        """Data, then errors, then background of all channels; or the columns of a table."""
        if self.columns:
            return self.columns
        data, labels = self.data, self.data.labels
        found = [Channel("data", i, labels[i], array) for i, array in enumerate(data.data)]
        found += [Channel("error", i, labels[i], array) for i, array in enumerate(data.errors or ())]
        return found + [Channel("background", i, labels[i], array) for i, array in sorted(self.backgrounds.items())]

    @property
    def nbytes(self) -> int:
        """Size of all arrays."""
        return sum(int(channel.array.nbytes) for channel in self.channels)

    @property
    def axes(self) -> list[Axis]:
        """All axes, by dimension; those of spread points in their order."""
        return sorted(self.data.axes, key=lambda axis: (axis.index, axis.spread_order))

    def axes_of(self, dimension: int) -> list[Axis]:
        """Return the axes of a dimension: one, none, or those of spread points in their order."""
        return [axis for axis in self.axes if axis.index == dimension]

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
            "axes": [_axis_facts(axis) for axis in self.axes],
            "channels": [
                {"role": c.role, "channel": c.number, "label": c.label, "dtype": c.array.dtype.name}
                | ({} if c.units is None else {"units": c.units})
                for c in self.channels
            ],
            "extra": {name: plain(getattr(data, name)) for name in data.extra_attributes},
            **({"node": self.path} if self.path else {}),
        }

    @property
    def file_name(self) -> str:
        """A name for files and groups: of the node, or of the data."""
        inside = self.path.removeprefix(RAW_GROUP).strip("/") if self.path else str(self.data.name)
        name = _NOT_IN_NAMES.sub("_", inside).strip("_.") or "data"
        # the whole of a path would not fit; what it ends with tells it from its neighbours
        raw = name.encode()[-_MOST_BYTES:]
        return raw.decode("utf-8", "ignore").strip("_.")


def _axis_facts(axis: Axis) -> dict[str, Any]:
    facts = {"label": str(axis.label), "units": str(axis.units), "index": axis.index, "size": axis.size}
    return {**facts, "spread_order": axis.spread_order, "dtype": np.asarray(axis.get_data()).dtype.name}


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it; other values as text."""
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
    """The content of an export.

    Attributes
    ----------
    items
        The data objects in it.
    node
        The node that was asked for, None for data in memory.
    skipped
        Sentences about nodes that hold no exportable data.
    """

    items: list[Item]
    node: Node | None = None
    skipped: list[str] = field(default_factory=list)

    def names(self) -> list[str]:
        """Return a name for every item, no two alike."""
        found: dict[str, str] = {}
        for item in self.items:
            name, number = item.file_name, 2
            while name.lower() in found:
                name, number = f"{item.file_name}_{number}", number + 1
            found[name.lower()] = name
        return list(found.values())


def source_of(what: Node | H5Backend | DataWithAxes | DataToExport | Sequence[DataWithAxes]) -> Source:
    """Return the source of an export: a node, a whole open file, or data in memory.

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


def nodes_of(what: Node | H5Backend | DataWithAxes | DataToExport | Sequence[DataWithAxes]) -> Source:
    """Return the node of an export, of any content; no node for data in memory."""
    if isinstance(what, H5Backend):
        what.require_open("export")
        what = what.root()
    return Source([], what if isinstance(what, Node) else None)


def _source_of_node(node: Node) -> Source:
    source = Source([], node)
    if isinstance(node, GROUP):
        for group in _groups(ListedGroup(node.backend, node.handle)):
            measured = _measured_in(group)
            for channels in data_in(group):
                before = len(source.items)
                _add(source, channels[0], channels)
                if len(source.items) > before and len(channels) == measured:
                    source.items[-1].path = group.path  # its group says what it is called
    else:
        _add(source, node)
    return source


def _measured_in(group: GROUP) -> int:
    """Return how many nodes a group holds that do not belong to others."""
    return sum(not any(naming.number_of(n, p) is not None for p in _BESIDE) for n in group.children_name())


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
        kinds = group.backend.children_kinds(group.handle)
        below = [group.get_child(name) for name, kind in kinds.items() if kind is NodeKind.GROUP]
        waiting.extend((child, depth + 1) for child in reversed(below) if isinstance(child, GROUP))


def _add(source: Source, node: Node, channels: Sequence[Array] | None = None) -> None:
    array = followed(node)
    if not isinstance(array, Array) or isinstance(array, VLARRAY):
        source.skipped.append(f"{node.path} is a {node.class_name}: it holds no numbers, and was skipped")
        return
    dtype = array.info.dtype
    if not (dtype.kind in "biufc" or dtype.names):
        held = array.info.holds or ("text" if dtype.kind in "SUO" else str(dtype))
        source.skipped.append(f"{node.path} holds {held}, no numbers, and was skipped")
        return
    try:
        info = array.info
        if (info.chunks is None or info.compression not in _EVERYWHERE) and 0 not in info.shape:
            # NodeError if nothing here unpacks it, or if it stands elsewhere and nobody has allowed to read that
            array[tuple(slice(0, 1) for _ in info.shape)]
        if dtype.names and complex_type(dtype) is None:
            source.items.append(_table(array))
            return
        data = data_from(node, load_all=channels is not None, channels=channels, lazy=True)
    except (DataMismatchError, NodeError) as error:
        source.skipped.append(f"{node.path} was skipped: {error}")
        return
    item = Item(data, node.path)
    for number, channel in enumerate(channels or [array]):
        background = sibling_of(channel, DataType.bkg) if isinstance(channel, Array) else None
        if background is not None and len(data.data) == len(channels or [array]):
            values = data_from(background, lazy=True, navigation=False).data[0]
            if values.shape == data.shape:
                item.backgrounds[number] = values
            else:
                source.skipped.append(f"{background.path} has another shape than its data, and was skipped")
    source.items.append(item)


def _table(node: Array) -> Item:
    """Return a table as a data object of its columns; one without numbers gets a column that counts its rows."""
    columns = columns_of(node)
    numbers = [column for column in columns if not column.is_text]
    arrays: list[Any] = [column.array for column in numbers] or [np.arange(columns[0].array.shape[0])]
    data = DataRaw(node.name, data=arrays, labels=[column.name for column in numbers] or ["row"])
    channels: list[Channel] = []
    for column in columns:
        role = "text" if column.is_text else "data"
        number = sum(channel.role == role for channel in channels)
        channels.append(Channel(role, number, column.name, column.array, column.units))
    return Item(data, node.path, columns=channels)


def require_items(source: Source, what: str) -> None:
    """Raise ExportError if there is nothing to export."""
    if not source.items:
        reasons = "; ".join(source.skipped[:3])
        raise ExportError(f"{what} holds no data that can be exported" + (f": {reasons}" if reasons else ""))
