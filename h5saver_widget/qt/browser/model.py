"""The tree of a file as a Qt model: children are listed when a group is opened, nodes are read when they are seen."""

from __future__ import annotations

from itertools import count
from typing import Any, Final

from pyqtgraph.Qt import QtCore

from h5saver_widget.naming import natural_key
from h5saver_widget.nodes import GROUP, LINK, Array, Node, StringARRAY
from h5saver_widget.qt.status import explain
from h5saver_widget.saving.h5_backend import H5Backend

__all__ = ["NodeModel"]

_Role = QtCore.Qt.ItemDataRole
_KINDS: Final = {"GROUP": "group", "CARRAY": "array", "EARRAY": "growing", "VLARRAY": "bytes", "LINK": "link"}


class _Entry:
    """A line of the tree: a name at first, the node when it is looked at."""

    __slots__ = ("children", "content", "key", "kind", "name", "parent", "problem", "row", "seen", "title")

    def __init__(self, key: int, name: str, parent: _Entry | None = None, row: int = 0) -> None:
        self.key = key
        self.name = name
        self.parent = parent
        self.row = row
        self.children: list[_Entry] | None = None
        #: What kind of node it is, ``''`` until it was read.
        self.kind = ""
        self.title = ""
        self.content = ""
        self.problem = ""
        self.seen = False

    @property
    def path(self) -> str:
        """Absolute path of the node."""
        if self.parent is None:
            return "/"
        return f"{self.parent.path.rstrip('/')}/{self.name}"


class NodeModel(QtCore.QAbstractItemModel):
    """The nodes of an open file: name, type, shape.

    Parameters
    ----------
    h5
        The open file. Nothing is written to it.
    """

    COLUMNS: Final = ("Name", "Type", "Content")

    def __init__(self, h5: H5Backend, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self._h5 = h5
        # Indexes carry the key of an entry, never its address: Qt keeps indexes longer than the entries live.
        self._keys = count(1)
        self._entries: dict[int, _Entry] = {}
        self._root = self._add("/")

    # ---------------------------------------------------------------- access
    def path_of(self, index: QtCore.QModelIndex) -> str:
        """Return the path of a node in the file."""
        return self._entry(index).path

    def node_of(self, index: QtCore.QModelIndex) -> Node:
        """Return the node of a line; NodeError or OSError if it can't be read."""
        return self._h5.get_node(self.path_of(index))

    def reload(self) -> None:
        """Forget everything; what is seen is read again."""
        self.beginResetModel()
        self._entries.clear()
        self._root = self._add("/")
        self.endResetModel()

    def index_of(self, path: str) -> QtCore.QModelIndex:
        """Return the line of a node, listing groups on the way; an invalid index if there is no such node."""
        index = self.index(0, 0)
        for name in filter(None, path.split("/")):
            self._list(index)
            children = self._entry(index).children or []
            found = next((child for child in children if child.name == name), None)
            if found is None:
                return QtCore.QModelIndex()
            index = self.index(found.row, 0, index)
        return index

    def _add(self, name: str, parent: _Entry | None = None, row: int = 0) -> _Entry:
        entry = _Entry(next(self._keys), name, parent, row)
        self._entries[entry.key] = entry
        return entry

    def _entry(self, index: QtCore.QModelIndex) -> _Entry:
        return self._entries[index.internalId()]

    # ------------------------------------------------------------------ tree
    def index(self, row: int, column: int, parent: QtCore.QModelIndex = QtCore.QModelIndex()) -> QtCore.QModelIndex:  # noqa: B008
        """Return the index of a line; the root of the file is the only line at the top."""
        if not parent.isValid():
            return self.createIndex(row, column, self._root.key) if row == 0 else QtCore.QModelIndex()
        children = self._entry(parent).children or []
        return self.createIndex(row, column, children[row].key) if 0 <= row < len(children) else QtCore.QModelIndex()

    def parent(self, index: QtCore.QModelIndex = QtCore.QModelIndex()) -> Any:  # noqa: B008
        """Return the line above in the tree."""
        above = self._entry(index).parent if index.isValid() else None
        return QtCore.QModelIndex() if above is None else self.createIndex(above.row, 0, above.key)

    def rowCount(self, parent: QtCore.QModelIndex = QtCore.QModelIndex()) -> int:  # noqa: B008
        """Return the number of children that are listed."""
        if not parent.isValid():
            return 1
        return 0 if parent.column() else len(self._entry(parent).children or ())

    def columnCount(self, parent: QtCore.QModelIndex = QtCore.QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return len(self.COLUMNS)

    def hasChildren(self, parent: QtCore.QModelIndex = QtCore.QModelIndex()) -> bool:  # noqa: B008
        """Tell whether a line can be opened; the node is read for it, its children are not."""
        if not parent.isValid():
            return True
        entry = self._entry(parent)
        if entry.children is not None:
            return bool(entry.children)
        self._read_kind(entry)
        return entry.kind == "group"

    def canFetchMore(self, parent: QtCore.QModelIndex) -> bool:
        """Tell whether a group was not listed yet."""
        return parent.isValid() and self._entry(parent).children is None and self.hasChildren(parent)

    def fetchMore(self, parent: QtCore.QModelIndex) -> None:
        """List a group."""
        if self.canFetchMore(parent):
            self._list(parent)

    def _list(self, parent: QtCore.QModelIndex) -> None:
        entry = self._entry(parent)
        if entry.children is not None:
            return
        names: list[str] = []
        try:
            node = self._h5.get_node(entry.path)
            if isinstance(node, GROUP):
                names = sorted(node.children_name(), key=natural_key)
        except Exception as error:  # whatever is wrong with this group, the rest of the file can be seen
            entry.problem = explain(error)
        if names:
            self.beginInsertRows(parent, 0, len(names) - 1)
        entry.children = [self._add(name, entry, row) for row, name in enumerate(names)]
        if names:
            self.endInsertRows()

    # --------------------------------------------------------------- content
    def _read_kind(self, entry: _Entry) -> Node | None:
        """Find out what a line is, and no more: Qt asks it of all 10,000 children of a group that is opened."""
        if entry.kind:
            return None
        try:
            node = self._h5.get_node(entry.path)
        except Exception as error:
            entry.kind, entry.problem = "unreadable", explain(error)
            return None
        entry.kind = "text" if isinstance(node, StringARRAY) else _KINDS.get(node.class_name, "other")
        return node

    def _read(self, entry: _Entry) -> None:
        """Read what a line shows: of the 30 lines that are seen, not of all."""
        if entry.seen:
            return
        entry.seen = True
        node = self._read_kind(entry)
        if entry.problem:
            return
        try:
            node = node or self._h5.get_node(entry.path)
            entry.title = node.title
            entry.content = _content(node)
        except Exception as error:
            entry.kind, entry.problem = "unreadable", explain(error)

    def data(self, index: QtCore.QModelIndex, role: int = _Role.DisplayRole) -> Any:
        """Return what a cell shows."""
        if not index.isValid():
            return None
        entry = self._entry(index)
        if role == _Role.DisplayRole:
            self._read(entry)
            if index.column() == 0:
                if entry.parent is None:
                    return self._h5.filename or "closed"
                return f"{entry.name}  ({entry.title})" if entry.kind == "group" and entry.title else entry.name
            return entry.kind if index.column() == 1 else entry.problem or entry.content
        if role == _Role.ToolTipRole:
            self._read(entry)
            return entry.problem or entry.path
        return None

    def headerData(self, section: int, orientation: QtCore.Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        """Return the heading of a column."""
        if role == _Role.DisplayRole and orientation == QtCore.Qt.Orientation.Horizontal:
            return self.COLUMNS[section]
        return None


def _content(node: Node) -> str:
    """Return shape and number type of an array, the number of lines of a text, nothing for a group."""
    if isinstance(node, StringARRAY):
        return f"{len(node):,} lines"
    if isinstance(node, Array):
        shape = " × ".join(f"{size:,}" for size in node.shape) or "1 value"
        return f"{shape}  {node.dtype}"
    return "not followed" if isinstance(node, LINK) else ""
