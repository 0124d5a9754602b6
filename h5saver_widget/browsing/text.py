"""A file as text for the command line: one node, or the tree below it."""

from __future__ import annotations

from collections.abc import Iterator

from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.browsing.describing import NodeReport
from h5saver_widget.browsing.file_view import FileView
from h5saver_widget.browsing.rows import NodeIcon, TreeRow
from h5saver_widget.errors import NodeError

__all__ = ["info_lines", "tree_lines"]


def info_lines(view: FileView, path: str = "/") -> Iterator[str]:
    """Iterate over the lines that describe a node: facts, attributes, settings, log."""
    report = view.describe(path)
    yield f"{view.path}: {report.path}" + (f"  {report.title}" if report.title else "")
    if view.note:
        yield view.note
    pairs = [*report.facts, *((name, short) for name, short, _ in report.attributes)]
    width = min(max((len(name) for name, _ in pairs), default=0), 32)
    for number, (name, text) in enumerate(pairs):
        if number == len(report.facts):
            yield ""
        yield f"  {name:<{width}}  {text}"
    yield from _more(report)


def _more(report: NodeReport) -> Iterator[str]:
    for settings in report.settings:
        yield f"\n  {settings.name}: " + (settings.problem or f"settings, {len(settings.tree)} groups")
    for name, png in report.pictures:
        yield f"\n  {name}: picture, {len(png):,} bytes"
    if report.lines:
        shown = f", the last {len(report.lines):,}" if report.line_count > len(report.lines) else ""
        yield f"\n  {report.line_count:,} lines{shown}:"
        yield from (f"    {line}" for line in report.lines)


def tree_lines(view: FileView, path: str = "/", depth: int | None = None) -> Iterator[str]:
    r"""Iterate over the lines of a tree, 2 before 10, down to so many levels.

    >>> import tempfile, pathlib
    >>> from h5saver_widget import H5SaverLowLevel
    >>> with H5SaverLowLevel('detector') as h5saver:
    ...     _ = h5saver.init_file(pathlib.Path(tempfile.mkdtemp()) / 'look.h5')
    ...     print(*tree_lines(FileView(h5saver), '/RawData'), sep='\n')
    /RawData  Data from PyMoDAQ modules
    └── Logger  (0 lines)
    """
    seen: set[object] = set()
    view.h5.get_node(path)  # NodeError for a node that is not there
    yield _line(path, view.rows([path])[path])
    yield from _below(view, path, "", depth, seen)


def _line(name: str, row: TreeRow) -> str:
    about = row.problem or "  ".join(filter(None, (row.content, row.kind)))
    parts = [name, row.title, f"({about})" if about else ""]
    return "  ".join(part for part in parts if part)


def _below(view: FileView, path: str, indent: str, depth: int | None, seen: set[object]) -> Iterator[str]:
    if depth is not None and depth <= 0:
        return
    h5 = view.h5
    try:
        identity = h5.io.identity(h5.io.node(path))
        if identity in seen or path.count("/") > 100:
            yield f"{indent}└── (already shown above)"
            return
        seen.add(identity)
        children = view.children(path)
    except NodeError:
        return
    base = path.rstrip("/")
    rows = view.rows([f"{base}/{name}" for name, _ in children])
    for number, (name, kind) in enumerate(children, 1):
        last = number == len(children)
        row = rows[f"{base}/{name}"]
        yield f"{indent}{'└' if last else '├'}── {_line(_printable(name), row)}"
        if kind is NodeKind.GROUP and row.icon is not NodeIcon.UNREADABLE:
            deeper = None if depth is None else depth - 1
            yield from _below(view, f"{base}/{name}", indent + ("    " if last else "│   "), deeper, seen)


def _printable(name: str) -> str:
    return "".join(c if c.isprintable() else "\ufffd" for c in name)
