"""What a person is told of a node: facts, attributes, settings, pictures, log lines, what to plot; all plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from h5saver_widget.browsing.foreign import default_of, names_in, resolved, signal_of
from h5saver_widget.browsing.rows import Look, Row, link_text, row_of
from h5saver_widget.browsing.words import (
    count_text,
    dtype_text,
    explained,
    long_text,
    number_text,
    shape_text,
    shown_value,
    size_text,
)
from h5saver_widget.errors import H5SaverError, NodeError, SettingsXMLError
from h5saver_widget.format import naming
from h5saver_widget.format.layout import DataType
from h5saver_widget.format.settings_reading import xml_to_tree
from h5saver_widget.nodes.typed import GROUP, LINK, VLARRAY, Array, Node, StringARRAY
from h5saver_widget.saving.h5_backend import H5Backend
from h5saver_widget.saving.older import OLDER_NAME, is_older_data

__all__ = ["COMMENTS", "NodeReport", "Settings", "describe", "sort_attributes"]

#: Attribute that holds what people have remarked on a node.
COMMENTS: Final = "comments"

#: How many lines of a log, of a text array or of a table are shown.
MAX_LINES: Final = 2000
MAX_COLUMNS: Final = 100
#: Settings with more entries than this are shown as text: no person scrolls through them.
MAX_ENTRIES: Final = 20_000

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_MEASURED: Final = tuple(kind.value.lower() for kind in (DataType.data, DataType.data_enlargeable, DataType.live_scan))


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
    columns, table
        Of a table: the names of its columns, and its first rows as texts; `line_count` says how many rows there are.
    comments
        What people have remarked.
    data_path
        The array to plot: the node, the first channel of a group, what the group names as its default, or ``''``.
    all_channels
        Whether all channels of that data object belong together here.
    is_default
        Whether the array is that of another group, which this one names as its default.
    link, link_file
        Of a link: the path that it leads to, and the file if that is another one.
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
    columns: tuple[str, ...] = ()
    table: tuple[tuple[str, ...], ...] = ()
    comments: str = ""
    data_path: str = ""
    all_channels: bool = False
    is_default: bool = False
    link: str = ""
    link_file: str = ""


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
        return Settings(name, text=long_text(value), problem=explained(error))
    return Settings(name, tuple(tree))


def _count(entries: list[dict[str, Any]]) -> int:
    return len(entries) + sum(_count(entry.get("children", [])) for entry in entries)


def describe(h5: H5Backend, path: str) -> NodeReport:
    """Return everything that is shown of a node.

    Raises
    ------
    NodeError, OSError
        If the node itself can't be read.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with H5Backend('h5py') as h5:
    ...     _ = h5.open_file(pathlib.Path(tempfile.mkdtemp()) / 'any.h5', 'x')
    ...     _ = h5.create_carray('/', 'Counts', np.arange(3), 'counts')
    ...     report = describe(h5, '/Counts')
    >>> report.title, report.facts[0], report.data_path
    ('counts', ('Shape', '3'), '/Counts')
    """
    node = h5.get_node(path)
    row = row_of(node)
    if isinstance(node, LINK):
        return _link_report(h5, node, row.look, row.problem)
    values, damage = _attributes_of(node)
    plain, settings, pictures = sort_attributes(values)
    comments = plain.get(COMMENTS, "")
    names = node.children_name() if isinstance(node, GROUP) else []
    try:
        (lines, count), (columns, table) = _lines_of(node), _table_of(node)
    except (H5SaverError, OSError, ValueError, TypeError, RuntimeError) as error:
        # damaged, or of a type that the library does not know: everything else is shown
        (lines, count), (columns, table) = ((f"can't be read: {explained(error)}",), 1), ((), ())
    data_path, all_channels, is_default = _data_of(h5, node, values, names)
    return NodeReport(
        node.path,
        row.title,
        row.look,
        (*_facts(node, plain, row, len(names)), *damage),
        tuple(
            (shown_value(name), shown_value(value), long_text(value))
            for name, value in sorted(plain.items(), key=lambda item: item[0].lower())
        ),
        tuple(_settings_of(name, value) for name, value in settings.items()),
        tuple(pictures.items()),
        lines,
        count,
        columns,
        table,
        comments if isinstance(comments, str) else str(comments),
        data_path,
        all_channels,
        is_default,
    )


def _attributes_of(node: Node) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    """Return the attributes of a node, or the fact that they can't be read: what it holds may be sound all the same."""
    try:
        return node.attrs.to_dict(), ()
    except NodeError:
        return {}, (("Attributes", "its attributes can't be read, they may be damaged"),)


def _link_report(h5: H5Backend, node: LINK, look: Look, problem: str) -> NodeReport:
    file, target = node.backend.link_target(node.handle)
    if problem or not target:
        return NodeReport(node.path, "", look, (("Content", problem or link_text(file, target)),))
    link = target
    if not file:
        try:
            link = resolved(h5, node.path)
        except NodeError:
            link = ""
    missing = "" if link else ", which is not there"
    return NodeReport(
        node.path, "", look, (("Content", f"{link_text(file, target)}{missing}"),), link=link, link_file=file
    )


def _facts(node: Node, plain: Mapping[str, Any], row: Row, count: int) -> list[tuple[str, str]]:
    if isinstance(node, GROUP):
        kind = str(plain.get("type") or plain.get("NX_class") or "")
        what = shown_value(f"group ({kind})" if kind else "group", 80)
        return [("Type", what), ("Holds", count_text(count, "node"))]
    if isinstance(node, VLARRAY):
        lines = ("line", "lines") if isinstance(node, StringARRAY) else ("row of bytes", "rows of bytes")
        return [("Lines", count_text(len(node), *lines))]
    assert isinstance(node, Array)
    info = node.info
    facts = [("Shape", shape_text(info.shape)), ("Type", row.kind or dtype_text(info.dtype))]
    if math.prod(info.shape) == 1 and row.content:
        facts.insert(0, ("Value", row.content))
    elif 0 in info.shape:
        facts.insert(0, ("Value", "no values yet"))
    if not info.dtype.hasobject:  # else the size is not known: values stand elsewhere in the file
        facts.append(("Size", size_text(math.prod(info.shape) * info.dtype.itemsize)))
    stored = []
    if info.chunks:
        stored.append(f"chunks of {shape_text(info.chunks)}")
    if info.compression:
        stored.append(str(info.compression))
    if any(n is None for n in info.max_shape):
        stored.append("can grow")
    return [*facts, ("Stored", ", ".join(stored))] if stored else facts


def _lines_of(node: Node) -> tuple[tuple[str, ...], int]:
    """Return text that an array holds, and how many lines, values or rows there are."""
    if isinstance(node, StringARRAY):
        count = len(node)
        return tuple(long_text(line) for line in node[max(0, count - MAX_LINES) : count]), count
    if isinstance(node, VLARRAY):
        count = len(node)
        rows = node[0 : min(count, 100)]
        return tuple(f"row {i}: {len(row):,} bytes" for i, row in enumerate(rows)), count
    if not isinstance(node, Array) or 0 in node.info.shape or node.info.dtype.kind in "biufc":
        return (), 0
    count = math.prod(node.info.shape)
    return (() if node.info.dtype.names else tuple(long_text(value) for value in _first_values(node))), count


def _table_of(node: Node) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the names of the columns of a table, and its first rows."""
    if not isinstance(node, Array) or isinstance(node, VLARRAY) or 0 in node.info.shape:
        return (), ()
    names = (node.info.dtype.names or ())[:MAX_COLUMNS]
    if not names:
        return (), ()
    rows = tuple(
        tuple(shown_value(number_text(cell)) for cell in tuple(row)[:MAX_COLUMNS]) for row in _first_values(node)
    )
    return tuple(shown_value(name, 60) for name in names), rows


def _first_values(node: Array) -> np.ndarray[Any, Any]:
    shape = node.info.shape
    rest = max(1, math.prod(shape[1:]))
    values = node[...] if not shape else node[0 : max(1, min(MAX_LINES // rest, shape[0]))]
    return np.asarray(values).reshape(-1)[:MAX_LINES]


def _data_of(h5: H5Backend, node: Node, values: Mapping[str, Any], names: list[str]) -> tuple[str, bool, bool]:
    """Return the array that is plotted for a node, whether with all channels, and whether it is a group's default."""
    if isinstance(node, Array) and not isinstance(node, VLARRAY):
        info = node.info
        return (node.path if info.dtype.kind in "biufc" and 0 not in info.shape else ""), False, False
    if not isinstance(node, GROUP):
        return "", False, False
    try:
        found = _data_in(node, values, names)
        if found[0]:
            return *found, False
        default = default_of(h5, node.path, values)
        group = h5.get_node(default) if default else None
        if isinstance(group, GROUP):
            found = _data_in(group, group.attrs.to_dict(), group.children_name())
    except (H5SaverError, OSError):
        return "", False, False
    return *found, bool(found[0])


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
    return "", False
