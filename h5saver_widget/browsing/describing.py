"""What a person is told of a node: a line in a tree, attributes, settings, pictures and log lines, all plain data."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import numpy as np

from h5saver_widget import codec, naming
from h5saver_widget.backends.base import ArrayInfo
from h5saver_widget.errors import H5SaverError, SettingsXMLError
from h5saver_widget.layout import DataType
from h5saver_widget.nodes import GROUP, LINK, VLARRAY, Array, Node, StringARRAY
from h5saver_widget.saving.older import OLDER_NAME, is_older_data
from h5saver_widget.settings_reading import xml_to_tree

__all__ = [
    "COMMENTS",
    "Look",
    "NodeReport",
    "Row",
    "Settings",
    "describe",
    "row_of",
    "shape_text",
    "shown_value",
    "size_text",
    "sort_attributes",
]

#: Attribute that holds what people have remarked on a node.
COMMENTS: Final = "comments"

#: Longest attribute shown in a table, in characters; the settings of an instrument can be a megabyte.
MAX_TEXT: Final = 300
MAX_LONG: Final = 20_000
#: How many lines of a log or of a text array are shown, from its end.
MAX_LINES: Final = 2000
#: Settings with more entries than this are shown as text: no person scrolls through them.
MAX_ENTRIES: Final = 20_000

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_MEASURED: Final = (DataType.data.value, DataType.data_enlargeable.value, DataType.live_scan.value)
_NOT_TEXT: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


class Look(Enum):
    """What a node looks like in a tree; the value names the icon."""

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


_GROUP_LOOKS: Final = {"scan": Look.SCAN, "detector": Look.DETECTOR, "actuator": Look.ACTUATOR}


@dataclass(frozen=True)
class Row:
    """One line of a tree.

    Attributes
    ----------
    look
        What it is.
    title
        What people call it.
    content
        Shape and number type, or the value of a single number.
    problem
        Why it can't be read, ``''`` if it can.
    """

    look: Look
    title: str = ""
    content: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Settings:
    """Settings that are stored as XML.

    Attributes
    ----------
    name
        Name of the attribute.
    tree
        Dicts for ``Parameter.create``; empty if the text is no XML.
    text
        The text, where it can't be shown as a tree, with the reason in `problem`.
    """

    name: str
    tree: tuple[Mapping[str, Any], ...] = ()
    text: str = ""
    problem: str = ""


@dataclass(frozen=True)
class NodeReport:
    """All that is shown of one node.

    Attributes
    ----------
    path, title, look
        Where and what it is.
    facts
        What is known without reading it: name and text.
    attributes
        Name, short text, long text.
    settings
        Settings of modules, scans and regions of interest.
    pictures
        Name and PNG bytes.
    lines, line_count
        The last lines of a log or the first values of a text array, and how many there are.
    comments
        What people have remarked.
    data_path
        The array to plot: the node itself, the first channel of a group, or ``''``.
    all_channels
        Whether all channels of that data object belong together here.
    """

    path: str
    title: str
    look: Look
    facts: tuple[tuple[str, str], ...] = ()
    attributes: tuple[tuple[str, str, str], ...] = ()
    settings: tuple[Settings, ...] = ()
    pictures: tuple[tuple[str, bytes], ...] = ()
    lines: tuple[str, ...] = ()
    line_count: int = 0
    comments: str = ""
    data_path: str = ""
    all_channels: bool = False


# --------------------------------------------------------------------------------------------------------------- texts
def shown_value(value: Any, limit: int = MAX_TEXT) -> str:
    """Return an attribute's value as one short line, without characters that would disturb the line.

    Examples
    --------
    >>> shown_value(np.float64(2.5)), shown_value(b'ab'), shown_value('x' * 1000, 20)
    ('2.5', 'ab', 'xxxxxxxxxxxxxxx… (1,000 characters)')
    """
    if isinstance(value, np.ndarray) and value.size > 20:
        return f"{' × '.join(map(str, value.shape))} values of {value.dtype}"
    length = len(value) if isinstance(value, (str, bytes)) else 0
    if length > 2 * limit:
        value = value[: 2 * limit]
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = _NOT_TEXT.sub("\ufffd", " ".join(str(value).split()))
    whole = length if length > len(text) else len(text)
    return text if whole <= limit else f"{text[: limit - 5]}… ({whole:,} characters)"


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape for people.

    >>> shape_text((100, 2048)), shape_text(())
    ('100 × 2,048', '1 value')
    """
    return " × ".join(f"{size:,}" for size in shape) or "1 value"


def _count_text(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def size_text(count: float) -> str:
    """Return a number of bytes for people.

    >>> size_text(999), size_text(4_294_967_296)
    ('999 B', '4.3 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.95 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _long_text(value: Any) -> str:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    short = text if len(text) <= MAX_LONG else f"{text[:MAX_LONG]}… ({len(text):,} characters)"
    return _NOT_TEXT.sub("\ufffd", short)


def _explained(error: Exception) -> str:
    return shown_value(str(error) or type(error).__name__, 1000)


# ----------------------------------------------------------------------------------------------------------- one line
def row_of(node: Node) -> Row:
    """Return what a tree shows of a node; what can't be read says why."""
    try:
        if isinstance(node, LINK):
            return Row(Look.LINK, content="link, not followed") if _is_link(node) else _unknown(node)
        attributes = _decoded(node, ["TITLE", "type", "data_type", "units", "long_name"])
        title = shown_value(attributes.get("TITLE") or attributes.get("long_name") or "", 200)
        if isinstance(node, GROUP):
            kind = str(attributes.get("type", "")).lower()
            numbered = naming.number_of(node.name, kind) is not None  # the group of all data has a type as well
            return Row(_GROUP_LOOKS.get(kind, Look.GROUP) if numbered else Look.GROUP, title)
        if isinstance(node, StringARRAY):
            return Row(Look.TEXT, title, _count_text(len(node), "line"))
        if isinstance(node, VLARRAY):
            return Row(Look.BYTES, title, _count_text(len(node), "row") + " of bytes")
        assert isinstance(node, Array)
        info = node.info
        look = _array_look(info, str(attributes.get("data_type", "")))
        if math.prod(info.shape) == 1 and info.dtype.kind in "biufcSUO" and info.dtype.itemsize <= 4096:
            value = np.asarray(node.read()).reshape(-1)[0]
            return Row(look, title, f"{shown_value(_number(value), 80)} {_units(attributes)}".strip())
        return Row(look, title, f"{shape_text(info.shape)}  {_dtype_text(info.dtype)}")
    except Exception as error:  # whatever is wrong with this node, the rest of the file can be seen
        return Row(Look.UNREADABLE, problem=_explained(error))


def _unknown(node: Node) -> Row:
    return Row(
        Look.UNREADABLE, content="can't be read", problem=f"{node.path} is of a kind that can't be read, or damaged"
    )


def _is_link(node: Node) -> bool:
    return node.backend.kind(node.handle).name == "LINK"


def _decoded(node: Node, names: list[str]) -> dict[str, Any]:
    """Return some attributes in one call."""
    return {name: codec.decode(raw) for name, raw in node.backend.get_attributes(node.handle, names).items()}


def _units(attributes: Mapping[str, Any]) -> str:
    units = attributes.get("units", "")
    return shown_value(units, 40) if isinstance(units, (str, bytes)) else ""


def _number(value: Any) -> Any:
    return f"{value:.8g}" if isinstance(value, np.floating) else value


def _dtype_text(dtype: np.dtype[Any]) -> str:
    if dtype.names:
        return f"table of {len(dtype.names)} columns"
    return "text" if dtype.kind in "SUO" else str(dtype)


def _array_look(info: ArrayInfo, data_type: str) -> Look:
    if data_type == DataType.axis.name:
        return Look.AXIS
    if info.dtype.kind not in "biufc":
        return Look.TEXT if info.dtype.kind in "SUO" else Look.BYTES
    wide = sum(size > 1 for size in info.shape)
    return (Look.VALUE, Look.CURVE, Look.IMAGE)[wide] if wide < 3 else Look.STACK


# ----------------------------------------------------------------------------------------------------------- one node
def sort_attributes(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, bytes]]:
    """Return attributes in three parts: plain ones, settings as they are, pictures.

    Examples
    --------
    >>> sort_attributes({'settings': '<a/>', 'author': 'Ada', 'pixmap2D': b'...', 'gain_settings': ''})
    ({'author': 'Ada'}, {'settings': '<a/>'}, {'pixmap2D': b'...'})
    """
    plain: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    pictures: dict[str, bytes] = {}
    for name, value in values.items():
        if name == "settings" or name.endswith("_settings"):
            if isinstance(value, (str, bytes)) and value:
                settings[name] = value
        elif isinstance(value, bytes) and ("pixmap" in name or value.startswith(_PNG)):
            pictures[name] = value
        elif isinstance(value, bytes) and value.lstrip().startswith(b"<") and value.rstrip().endswith(b">"):
            settings[name] = value  # daqscan, scan_info, scanner...: XML without a name that says so
        else:
            plain[name] = value
    return plain, settings, pictures


def _settings_of(name: str, value: str | bytes) -> Settings:
    try:
        tree = xml_to_tree(value)
        if _count(tree) > MAX_ENTRIES:
            raise SettingsXMLError(f"the settings have more than {MAX_ENTRIES:,} entries: shown as text")
    except SettingsXMLError as error:
        return Settings(name, text=_long_text(value), problem=_explained(error))
    return Settings(name, tuple(tree))


def _count(entries: list[dict[str, Any]]) -> int:
    return len(entries) + sum(_count(entry.get("children", [])) for entry in entries)


def describe(node: Node) -> NodeReport:
    """Return everything that is shown of a node.

    Raises
    ------
    NodeError, OSError
        If the node itself can't be read.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from h5saver_widget import H5Backend
    >>> with H5Backend('h5py') as h5:
    ...     _ = h5.open_file(pathlib.Path(tempfile.mkdtemp()) / 'any.h5', 'x')
    ...     report = describe(h5.create_carray('/', 'Counts', np.arange(3), 'counts'))
    >>> report.title, report.facts[0], report.data_path
    ('counts', ('Shape', '3'), '/Counts')
    """
    row = row_of(node)
    if isinstance(node, LINK):
        return NodeReport(node.path, "", row.look, (("Content", row.problem or row.content),))
    values = node.attrs.to_dict()
    plain, settings, pictures = sort_attributes(values)
    comments = plain.get(COMMENTS, "")
    lines, count = _lines_of(node)
    data_path, all_channels = _data_of(node, values)
    return NodeReport(
        node.path,
        row.title,
        row.look,
        tuple(_facts(node, plain)),
        tuple(
            (shown_value(name), shown_value(value), _long_text(value))
            for name, value in sorted(plain.items(), key=lambda item: item[0].lower())
        ),
        tuple(_settings_of(name, value) for name, value in settings.items()),
        tuple(pictures.items()),
        lines,
        count,
        comments if isinstance(comments, str) else str(comments),
        data_path,
        all_channels,
    )


def _facts(node: Node, plain: Mapping[str, Any]) -> list[tuple[str, str]]:
    if isinstance(node, GROUP):
        names = node.children_name()
        kind = str(plain.get("type", "") or "")
        return [("Type", f"group of {kind}" if kind else "group"), ("Holds", _count_text(len(names), "node"))]
    if isinstance(node, VLARRAY):
        return [
            ("Type", "text lines" if isinstance(node, StringARRAY) else "rows of bytes"),
            ("Lines", f"{len(node):,}"),
        ]
    assert isinstance(node, Array)
    info = node.info
    size = math.prod(info.shape) * info.dtype.itemsize
    facts = [("Shape", shape_text(info.shape)), ("Type", _dtype_text(info.dtype)), ("Size", size_text(size))]
    stored = []
    if info.chunks:
        stored.append(f"chunks of {shape_text(info.chunks)}")
    if info.compression:
        stored.append(str(info.compression))
    if any(n is None for n in info.max_shape):
        stored.append("can grow")
    return [*facts, ("Stored", ", ".join(stored))] if stored else facts


def _lines_of(node: Node) -> tuple[tuple[str, ...], int]:
    """Return text that an array holds, and how many lines or values there are."""
    if isinstance(node, StringARRAY):
        count = len(node)
        return tuple(_long_text(line) for line in node[max(0, count - MAX_LINES) : count]), count
    if isinstance(node, VLARRAY):
        count = len(node)
        rows = node[0 : min(count, 100)]
        return tuple(f"row {i}: {len(row):,} bytes" for i, row in enumerate(rows)), count
    if not isinstance(node, Array):
        return (), 0
    info = node.info
    if info.dtype.kind in "biufc" or 0 in info.shape:
        return (), 0
    count = math.prod(info.shape)
    rest = max(1, math.prod(info.shape[1:]))
    values = node[...] if not info.shape else node[0 : max(1, min(MAX_LINES // rest, info.shape[0]))]
    heads = [", ".join(info.dtype.names)] if info.dtype.names else []
    flat = np.asarray(values).reshape(-1)[:MAX_LINES]
    return (*heads, *(_long_text(value) for value in flat)), count


def _data_of(node: Node, values: Mapping[str, Any]) -> tuple[str, bool]:
    """Return the array that is plotted for a node, and whether with all channels."""
    if isinstance(node, Array) and not isinstance(node, VLARRAY):
        info = node.info
        return (node.path, False) if info.dtype.kind in "biufc" and 0 not in info.shape else ("", False)
    if not isinstance(node, GROUP):
        return "", False
    names = node.children_name()
    for prefix in _MEASURED:
        for name in names:
            if naming.number_of(name, prefix) is not None:
                return f"{node.path.rstrip('/')}/{name}", True
    try:
        signal = values.get("signal")
        if isinstance(signal, str) and signal in names:  # NXdata
            return _data_of(node.get_child(signal), {})
        for name in names:
            if name.lower() == OLDER_NAME and is_older_data(node.get_child(name).attrs.to_dict()):
                return f"{node.path.rstrip('/')}/{name}", False
    except (H5SaverError, OSError):
        return "", False
    return "", False
