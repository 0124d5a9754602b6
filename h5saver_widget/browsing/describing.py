"""The report about a node: facts, attributes, settings, pictures, log lines, the array to plot; all plain data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np

from h5saver_widget.backends.terms import Details
from h5saver_widget.browsing.formatting import (
    count_text,
    dtype_text,
    explained,
    long_text,
    number_text,
    shape_text,
    shown_value,
)
from h5saver_widget.browsing.plotted import plotted_for
from h5saver_widget.browsing.rows import NodeIcon, TreeRow, link_text, row_of
from h5saver_widget.errors import H5SaverError, NodeError, SettingsXMLError, ValuesElsewhereError
from h5saver_widget.format.settings_reading import xml_to_tree
from h5saver_widget.format.text import format_size
from h5saver_widget.nodes.typed import GROUP, LINK, VLARRAY, Array, Node, StringARRAY
from h5saver_widget.saving.conventions import EPOCH, scaling_of, text_in
from h5saver_widget.saving.gap_table import COLUMNS, GAPS_TYPE
from h5saver_widget.saving.h5_backend import H5Backend
from h5saver_widget.saving.links import resolved

__all__ = ["COMMENTS", "NodeReport", "StoredSettings", "describe", "sort_attributes"]

#: Attribute with people's comments on a node.
COMMENTS: Final = "comments"

#: How many lines of a log, of a text array or of a table are shown.
MAX_LINES: Final = 2000
MAX_COLUMNS: Final = 100
#: Settings with more entries than this are shown as text: no person scrolls through them.
MAX_ENTRIES: Final = 20_000

_PNG: Final = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class StoredSettings:
    """Settings that are stored as XML.

    ``tree`` holds dicts for ``Parameter.create``. Where there can be no tree, ``text`` is shown, and ``problem`` says
    why.
    """

    name: str
    tree: tuple[Mapping[str, Any], ...] = ()
    text: str = ""
    problem: str = ""


@dataclass(frozen=True)
class NodeReport:
    """All that is shown of one node."""

    path: str
    title: str
    icon: NodeIcon
    #: Facts known without reading it: name and text.
    facts: tuple[tuple[str, str], ...] = ()
    #: Name, short text, long text.
    attributes: tuple[tuple[str, str, str], ...] = ()
    settings: tuple[StoredSettings, ...] = ()
    #: Name and PNG bytes.
    pictures: tuple[tuple[str, bytes], ...] = ()
    #: The last lines of a log or the first values of a text array, and how many there are, or rows of a table.
    lines: tuple[str, ...] = ()
    line_count: int = 0
    #: Of a table: the names of its columns, and its first rows as texts.
    columns: tuple[str, ...] = ()
    table: tuple[tuple[str, ...], ...] = ()
    comments: str = ""
    #: The array to plot: the node, the first channel of a group, the default of the group, or ``''``.
    data_path: str = ""
    #: Whether all channels of that data object belong together here.
    all_channels: bool = False
    #: Whether the array is that of another group, which this one names as its default.
    is_default: bool = False
    #: Of a link: the path that it leads to, and the file if that is another one.
    link: str = ""
    link_file: str = ""
    #: Attributes that refer to other nodes, and lines of an array that does (by their numbers): to the path of each.
    references: Mapping[str, str] = field(default_factory=dict)
    #: Files in which the values stand that can't be shown, because reading these files was not allowed.
    elsewhere: tuple[str, ...] = ()
    #: Whether the stored numbers need a conversion: a scale, fill values, or times since a date.
    is_scaled: bool = False
    #: Of a whole file: the information that an archive would miss, in sentences.
    for_others: tuple[str, ...] = ()


def sort_attributes(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], dict[str, bytes]]:
    """Return attributes in three parts: plain ones, settings as they are, pictures.

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


def _settings_of(name: str, value: str | bytes) -> StoredSettings:
    try:
        tree = xml_to_tree(value)
        if _count(tree) > MAX_ENTRIES:
            raise SettingsXMLError(f"the settings have more than {MAX_ENTRIES:,} entries: shown as text")
    except SettingsXMLError as error:
        return StoredSettings(name, text=long_text(value), problem=explained(error))
    return StoredSettings(name, tuple(tree))


def _count(entries: list[dict[str, Any]]) -> int:
    return len(entries) + sum(_count(entry.get("children", [])) for entry in entries)


def describe(h5: H5Backend, path: str) -> NodeReport:
    """Return everything that is shown of a node.

    NodeError or OSError if the node itself can't be read.

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
        return _link_report(h5, node, row.icon, row.problem)
    details = _details_of(node)
    values, damage = _attributes_of(node)
    plain, settings, pictures = sort_attributes(values)
    comments = plain.get(COMMENTS, "")
    names = node.children_name() if isinstance(node, GROUP) else []
    elsewhere: tuple[str, ...] = ()
    try:
        (lines, count), (columns, table) = _lines_of(node, details, values), _table_of(node)
        if isinstance(node, GROUP) and values.get("type") == GAPS_TYPE:
            count, columns, table = _gaps_of(node)
        if details.sources and isinstance(node, Array) and 0 not in node.shape:
            node[tuple(slice(0, 1) for _ in node.shape)]
    except ValuesElsewhereError:
        (lines, count), (columns, table) = ((), 0), ((), ())
        elsewhere = tuple(dict.fromkeys(file for file, _ in details.sources))
    except (H5SaverError, OSError, ValueError, TypeError, RuntimeError) as error:
        # damaged, or of a type that the library does not know: everything else is shown
        (lines, count), (columns, table) = ((f"can't be read: {explained(error)}",), 1), ((), ())
    data_path, all_channels, is_default = plotted_for(h5, node, values, names)
    told = ((shown_value(name), shown_value(value), long_text(value)) for name, value in plain.items())
    referring = [(name, f"→ {paths}", f"→ {paths}") for name, paths in details.references.items()]
    references = {name: paths.partition(", ")[0] for name, paths in details.references.items()}
    if "references" in details.holds:
        references |= {str(i): line.partition(", ")[0].partition(" (")[0] for i, line in enumerate(lines)}
    return NodeReport(
        node.path,
        row.title,
        row.icon,
        (*_facts(node, plain, row, len(names)), *_more_facts(node, details, plain), *damage),
        tuple(sorted([*referring, *told], key=lambda item: item[0].lower())),
        tuple(_settings_of(name, value) for name, value in settings.items()),
        tuple(pictures.items()),
        lines,
        count,
        columns,
        table,
        comments if isinstance(comments, str) else str(comments),
        "" if elsewhere else data_path,
        all_channels,
        is_default,
        references=references,
        elsewhere=elsewhere,
        is_scaled=_is_scaled(h5, data_path),
    )


def _is_scaled(h5: H5Backend, path: str) -> bool:
    """Tell whether numbers that are plotted have a scale, or count from a date."""
    if not path:
        return False
    try:
        node = h5.get_node(resolved(h5.io, path))
        about = node.attrs.to_dict()
    except NodeError:
        return False
    return isinstance(node, Array) and "data_type" not in about and scaling_of(node.dtype, about)[0] is not None


def _more_facts(node: Node, details: Details, plain: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Iterate over the conversion of the numbers, and the places where they are stored."""
    if details.names:
        names = [f"{number} = {name}" for number, name in list(details.names.items())[:MAX_COLUMNS]]
        yield "Names", shown_value(", ".join(names))
    if details.sources:
        files = list(dict.fromkeys("this file" if file == "." else file for file, _ in details.sources))
        yield "Values", shown_value(f"in {', '.join(files[:5])}" + (f" and {len(files) - 5} more" * (len(files) > 5)))
    if isinstance(node, Array) and not isinstance(node, VLARRAY) and "data_type" not in plain:
        scaling, units = scaling_of(node.dtype, plain)
        if scaling is not None and units == EPOCH:
            yield "Counts", text_in(plain.get("units"))
        elif scaling is not None and (scaling.factor, scaling.offset) != (1.0, 0.0):
            yield "Scale", f"stored × {scaling.factor:.8g} + {scaling.offset:.8g} {units}".strip()


def _attributes_of(node: Node) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    """Return the attributes of a node, or the fact that they can't be read: its values may be sound all the same."""
    try:
        return node.attrs.to_dict(), ()
    except NodeError:
        return {}, (("Attributes", "its attributes can't be read, they may be damaged"),)


def _details_of(node: Node) -> Details:
    """Return a library's details of a node; nothing of one whose attributes are damaged."""
    try:
        return node.backend.inspection.details(node.handle)
    except NodeError:
        return Details()


def _link_report(h5: H5Backend, node: LINK, icon: NodeIcon, problem: str) -> NodeReport:
    details = _details_of(node)
    if details.holds:
        return NodeReport(node.path, "", icon, (("Content", details.holds), *_more_facts(node, details, {})))
    file, target = node.backend.inspection.link_target(node.handle)
    if problem or not target:
        return NodeReport(node.path, "", icon, (("Content", problem or link_text(file, target)),))
    link = target
    if not file:
        try:
            link = resolved(h5.io, node.path)
        except NodeError:
            link = ""
    text = link_text(file, target)
    said = text if link else f"Broken {text}: there is nothing"
    return NodeReport(node.path, "", icon, (("Content", said),), link=link, link_file=file)


def _facts(node: Node, plain: Mapping[str, Any], row: TreeRow, count: int) -> list[tuple[str, str]]:
    if isinstance(node, GROUP):
        kind = text_in(plain.get("type")) or text_in(plain.get("NX_class"))
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
        facts.append(("Size", format_size(math.prod(info.shape) * info.dtype.itemsize)))
    stored = []
    if info.chunks:
        stored.append(f"chunks of {shape_text(info.chunks)}")
    if info.compression:
        stored.append(str(info.compression))
    if any(n is None for n in info.max_shape):
        stored.append("can grow")
    return [*facts, ("Stored", ", ".join(stored))] if stored else facts


def _lines_of(node: Node, details: Details, values: Mapping[str, Any]) -> tuple[tuple[str, ...], int]:
    """Return text that an array holds, and how many lines, values or rows there are."""
    if isinstance(node, StringARRAY):
        count = len(node)
        return tuple(long_text(line) for line in node[max(0, count - MAX_LINES) : count]), count
    if isinstance(node, VLARRAY):
        count = len(node)
        rows = node[0 : min(count, 100)]
        return tuple(f"row {i}: {len(row):,} bytes" for i, row in enumerate(rows)), count
    if not isinstance(node, Array) or 0 in node.info.shape:
        return (), 0
    if text_in(values.get("MATLAB_class")) == "char" and node.info.dtype.kind == "u":  # its columns stand in rows here
        letters = np.asarray(_first_rows(node)).reshape(-1, node.shape[-1]).T
        return tuple("".join(map(chr, row)).rstrip("\0") for row in letters.tolist()), len(letters)
    if details.names and node.info.dtype.kind in "iu":
        named = (details.names.get(int(value), str(value)) for value in _first_values(node))
        return tuple(named), math.prod(node.info.shape)
    if node.info.dtype.kind in "biufc":
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


def _gaps_of(group: GROUP) -> tuple[int, tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return how many gaps a table of them has, its columns, and its first rows with times of day."""
    arrays = {name: node for name in COLUMNS if isinstance(node := group.children().get(name), Array)}
    if len(arrays) < len(COLUMNS):
        return 0, (), ()
    values = [_first_values(node).tolist() for node in arrays.values()]
    values[-1] = [f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M:%S}" for at in values[-1]]
    rows = tuple(tuple(shown_value(number_text(cell)) for cell in row) for row in zip(*values, strict=False))
    return min(node.info.shape[0] for node in arrays.values()), tuple(arrays), rows


def _first_values(node: Array) -> np.ndarray[Any, Any]:
    return np.asarray(_first_rows(node)).reshape(-1)[:MAX_LINES]


def _first_rows(node: Array) -> Any:
    shape = node.info.shape
    rest = max(1, math.prod(shape[1:]))
    return node[...] if not shape else node[0 : max(1, min(MAX_LINES // rest, shape[0]))]
