"""The trees of some files as a Qt model: groups are listed when they are opened, lines are read when they are seen.

Nothing is read in the GUI thread: the worker of the file reads it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count, groupby
from typing import Any, Final

from pyqtgraph.Qt import QtCore

from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.browsing.file_view import Child
from h5saver_widget.browsing.rows import NodeIcon, TreeRow
from h5saver_widget.format.naming import natural_key
from h5saver_widget.qt.browser.entries import Entry, numbered
from h5saver_widget.qt.browser.files import OpenFile
from h5saver_widget.qt.icons import icon
from h5saver_widget.qt.status import explain

__all__ = ["NodeModel"]

_Role = QtCore.Qt.ItemDataRole
#: So many lines are asked for at once: what is seen, and a page more.
_PAGE: Final = 200


class NodeModel(QtCore.QAbstractItemModel):
    """The nodes of the files that are open: name; title and content."""

    COLUMNS: Final = ("Name", "Content")

    listed = QtCore.Signal(object, str)
    """A group of a file was listed: the file and the path of the group."""

    def __init__(self, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        # Indexes carry the key of an entry, never its address: Qt keeps indexes longer than the entries live.
        self._keys = count(1)
        self._entries: dict[int, Entry] = {}
        self._roots: list[Entry] = []
        self._wanted: list[Entry] = []
        self._then: dict[tuple[int, str], list[Callable[[], None]]] = {}
        self._timer = QtCore.QTimer(self, singleShot=True, interval=0, timeout=self._ask_rows)
        self._icons: dict[NodeIcon, Any] = {}

    # ----------------------------------------------------------------- files
    @property
    def files(self) -> list[OpenFile]:
        """The files, in order."""
        return [root.file for root in self._roots]

    def add_file(self, file: OpenFile) -> QtCore.QModelIndex:
        """Add a line for a file; its content comes when it is opened."""
        row = len(self._roots)
        self.beginInsertRows(QtCore.QModelIndex(), row, row)
        root = self._add(file, "/", NodeKind.GROUP, None, row)
        root.shown = TreeRow(NodeIcon.FILE)
        self._roots.append(root)
        self.endInsertRows()
        return self.index(row, 0)

    def remove_file(self, file: OpenFile) -> None:
        """Remove a file's lines."""
        row = self.files.index(file)
        self.beginRemoveRows(QtCore.QModelIndex(), row, row)
        self._drop(self._roots.pop(row))
        for number, root in enumerate(self._roots):
            root.row = number
        self.endRemoveRows()

    def clear(self) -> None:
        """Remove everything."""
        self.beginResetModel()
        self._entries.clear()
        self._roots.clear()
        self._wanted.clear()
        self._then.clear()
        self.endResetModel()

    def file_changed(self, file: OpenFile) -> None:
        """Update the facts about a file as a whole: its name, its problem."""
        index = self.index(self.files.index(file), 0)
        self.dataChanged.emit(index, index.siblingAtColumn(1))

    # ---------------------------------------------------------------- access
    def file_of(self, index: QtCore.QModelIndex) -> OpenFile:
        """Return the file of a line."""
        return self._entry(index).file

    def path_of(self, index: QtCore.QModelIndex) -> str:
        """Return the path of a line in its file."""
        return self._entry(index).path

    def kind_of(self, index: QtCore.QModelIndex) -> NodeKind:
        """Return the kind of a line."""
        return self._entry(index).kind

    def is_file(self, index: QtCore.QModelIndex) -> bool:
        """Tell whether a line stands for a file."""
        return self._entry(index).parent is None

    def index_of(self, path: str, file: OpenFile | None = None) -> QtCore.QModelIndex:
        """Return the line of a node that was listed, an invalid index if it was not; without a file, of the first."""
        entry = self._find(path, file)
        return QtCore.QModelIndex() if entry is None else self._index(entry)

    def _find(self, path: str, file: OpenFile | None = None) -> Entry | None:
        entry = next((root for root in self._roots if file is None or root.file is file), None)
        for name in filter(None, path.split("/")):
            entry = None if entry is None else entry.named.get(name)
        return entry

    @property
    def waits(self) -> bool:
        """Whether lines are about to be asked for."""
        return self._timer.isActive()

    def names(self, path: str, file: OpenFile | None = None) -> list[str]:
        """Return the names that are known in a group."""
        entry = self._find(path, file)
        return [child.name for child in (entry.children or ())] if entry is not None else []

    def listed_groups(self, file: OpenFile) -> list[str]:
        """Return the paths of the groups of a file that were listed, parents first."""
        root = next(root for root in self._roots if root.file is file)
        return sorted((e.path for e in root.below() if e.children is not None), key=lambda path: path.count("/"))

    def _add(self, file: OpenFile, name: str, kind: NodeKind, parent: Entry | None, row: int) -> Entry:
        entry = Entry(next(self._keys), file, name, kind, parent, row)
        self._entries[entry.key] = entry
        if parent is not None:
            parent.named[name] = entry
        return entry

    def _drop(self, entry: Entry) -> None:
        if entry.parent is not None:
            entry.parent.named.pop(entry.name, None)
        for gone in entry.below():
            del self._entries[gone.key]

    def _entry(self, index: QtCore.QModelIndex) -> Entry:
        return self._entries[index.internalId()]

    def _index(self, entry: Entry, column: int = 0) -> QtCore.QModelIndex:
        return self.createIndex(entry.row, column, entry.key)

    # ------------------------------------------------------------------ tree
    def index(self, row: int, column: int, parent: QtCore.QModelIndex = QtCore.QModelIndex()) -> QtCore.QModelIndex:  # noqa: B008
        """Return the index of a line."""
        lines = (self._entry(parent).children or []) if parent.isValid() else self._roots
        known = 0 <= row < len(lines) and 0 <= column < len(self.COLUMNS) and parent.column() <= 0
        return self.createIndex(row, column, lines[row].key) if known else QtCore.QModelIndex()

    def parent(self, index: QtCore.QModelIndex = QtCore.QModelIndex()) -> Any:  # noqa: B008
        """Return the line above in the tree."""
        entry = self._entries.get(index.internalId()) if index.isValid() else None
        above = None if entry is None else entry.parent
        return QtCore.QModelIndex() if above is None else self._index(above)

    def rowCount(self, parent: QtCore.QModelIndex = QtCore.QModelIndex()) -> int:  # noqa: B008
        """Return the number of lines that are known below one."""
        if not parent.isValid():
            return len(self._roots)
        return 0 if parent.column() else len(self._entry(parent).children or ())

    def columnCount(self, parent: QtCore.QModelIndex = QtCore.QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return len(self.COLUMNS)

    def hasChildren(self, parent: QtCore.QModelIndex = QtCore.QModelIndex()) -> bool:  # noqa: B008
        """Tell whether a line can be opened; a group that was not listed yet can."""
        if not parent.isValid():
            return bool(self._roots)
        entry = self._entry(parent)
        if (
            parent.column()
            or entry.kind is not NodeKind.GROUP
            or entry.problem
            or (not entry.parent and entry.file.problem)
        ):
            return False
        return entry.children is None or bool(entry.children)

    def canFetchMore(self, parent: QtCore.QModelIndex) -> bool:
        """Tell whether a group was not listed yet."""
        if not parent.isValid() or not self.hasChildren(parent):
            return False
        entry = self._entry(parent)
        return entry.children is None and not entry.listing

    def fetchMore(self, parent: QtCore.QModelIndex) -> None:
        """Ask for the content of a group."""
        if self.canFetchMore(parent):
            self._ask_children(self._entry(parent))

    def load(self, path: str, file: OpenFile, then: Callable[[QtCore.QModelIndex], None]) -> None:
        """List the groups on the way to a node, and call `then` with its line, an invalid one if there is none."""
        entry = self._find("/", file)
        for name in filter(None, path.split("/")):
            if entry is None or entry.kind is not NodeKind.GROUP:
                break
            if entry.children is None:
                self._ask_children(entry, lambda: self.load(path, file, then))
                return
            entry = entry.named.get(name)
        found = self._find(path, file)
        then(QtCore.QModelIndex() if found is None else self._index(found))

    def _ask_children(self, entry: Entry, then: Callable[[], None] | None = None) -> None:
        path, file, key = entry.path, entry.file, entry.key
        if then is not None:
            self._then.setdefault((key, path), []).append(then)
        if entry.listing:
            return
        entry.listing = True
        file.worker.ask(
            partial(file.view.children, path), partial(self._children_came, key), partial(self._children_failed, key)
        )

    def _children_came(self, key: int, children: list[Child]) -> None:
        entry = self._entries.get(key)
        if entry is not None:
            self._put_children(entry, children)
            self._listed(entry)

    def _children_failed(self, key: int, error: Exception) -> None:
        entry = self._entries.get(key)
        if entry is not None:
            entry.problem = explain(error)
            entry.children = entry.children or []
            self._changed(entry)
            self._listed(entry)

    def _listed(self, entry: Entry) -> None:
        entry.listing = False
        path = entry.path
        self.listed.emit(entry.file, path)
        for then in self._then.pop((entry.key, path), []):
            then()

    def put(self, file: OpenFile, groups: Mapping[str, Sequence[Child]]) -> None:
        """Show the present content of groups, parents first; lines that stay keep their facts."""
        for path, children in groups.items():
            entry = self._find(path, file)
            if entry is not None:
                entry.problem = ""
                self._put_children(entry, children)
                self.listed.emit(file, path)

    def _put_children(self, entry: Entry, children: Sequence[Child]) -> None:
        parent = self._index(entry)
        if entry.children is None:
            entry.children = []
        wanted = dict(children)
        stop = len(entry.children)
        while stop:
            start = stop
            while start and wanted.get(entry.children[start - 1].name) is not entry.children[start - 1].kind:
                start -= 1
            if start < stop:
                self.beginRemoveRows(parent, start, stop - 1)
                for gone in entry.children[start:stop]:
                    self._drop(gone)
                del entry.children[start:stop]
                numbered(entry.children, start)
                self.endRemoveRows()
            stop = max(0, start - 1)
        have = set(entry.named)
        row = 0
        while row < len(children):
            stop = row
            while stop < len(children) and children[stop][0] not in have:
                stop += 1
            if stop > row:
                self.beginInsertRows(parent, row, stop - 1)
                fresh = [self._add(entry.file, name, kind, entry, 0) for name, kind in children[row:stop]]
                entry.children[row:row] = fresh
                numbered(entry.children, row)
                self.endInsertRows()
            row = stop + 1

    def add_found(self, file: OpenFile, found: Sequence[Child]) -> None:
        """Add lines for nodes that were found, and for the groups above them; nothing else of these groups is shown.

        Each group is sorted and numbered once for all of them.
        """
        root = self._find("/", file)
        assert root is not None
        fresh: dict[Entry, dict[str, NodeKind]] = {}
        for path, kind in found:
            entry, names = root, [name for name in path.split("/") if name]
            for number, name in enumerate(names, 1):
                known = entry.named.get(name)
                if known is None:
                    here = kind if number == len(names) else NodeKind.GROUP
                    known = self._add(file, name, here, entry, 0)
                    fresh.setdefault(entry, {})[name] = here
                entry = known
        # lines that Qt doesn't know yet are shown with the line above them
        for entry, names_here in fresh.items():
            entry.children = entry.children or []
            self._show_found(entry, names_here)

    def _show_found(self, entry: Entry, names: Mapping[str, NodeKind]) -> None:
        """Insert lines that were made into a group, as few runs of them as possible."""
        assert entry.children is not None
        keys = {name: natural_key(name) for name in names}
        made = [entry.named[name] for name in sorted(names, key=keys.__getitem__)]
        end = len(entry.children)
        if not end or natural_key(entry.children[-1].name) < keys[made[0].name]:  # as they come from a file
            places = [end] * len(made)
        else:
            places = [bisect_left(entry.children, keys[c.name], key=lambda e: natural_key(e.name)) for c in made]
        for row, run in reversed([(row, list(run)) for row, run in groupby(range(len(made)), places.__getitem__)]):
            self.beginInsertRows(self._index(entry), row, row + len(run) - 1)
            entry.children[row:row] = [made[number] for number in run]
            numbered(entry.children, row)
            self.endInsertRows()

    # --------------------------------------------------------------- content
    def read_again(self, file: OpenFile) -> None:
        """Read the lines of a file again; the present ones stay until then. The view has to repaint itself."""
        for entry in self._entries.values():
            if entry.file is file and entry.parent is not None:
                entry.asked = False

    def _want(self, entry: Entry) -> None:
        if not entry.asked:
            entry.asked = True
            self._wanted.append(entry)
            self._timer.start()

    def _ask_rows(self) -> None:
        wanted, self._wanted = self._wanted, []
        for file in dict.fromkeys(entry.file for entry in wanted):
            keys = {e.path: e.key for e in wanted if e.file is file and e.key in self._entries}
            paths = list(keys)
            for start in range(0, len(paths), _PAGE):
                file.worker.ask(
                    partial(file.view.rows, paths[start : start + _PAGE]),
                    partial(self._rows_came, keys),
                    lambda _: None,
                )

    def _rows_came(self, keys: Mapping[str, int], rows: Mapping[str, TreeRow]) -> None:
        for path, row in rows.items():
            entry = self._entries.get(keys[path])
            if entry is not None and entry.shown != row:
                entry.shown = row
                self._changed(entry)

    def _changed(self, entry: Entry) -> None:
        self.dataChanged.emit(self._index(entry), self._index(entry, 1))

    def data(self, index: QtCore.QModelIndex, role: int = _Role.DisplayRole) -> Any:
        """Return the content of a cell."""
        entry = self._entries.get(index.internalId()) if index.isValid() else None
        if entry is None or role not in (_Role.DisplayRole, _Role.DecorationRole, _Role.ToolTipRole):
            return None
        if entry.parent is not None:
            self._want(entry)
        if role == _Role.DecorationRole:
            return self._icon(entry.icon) if index.column() == 0 else None
        if role == _Role.ToolTipRole:
            return entry.tip
        return entry.content if index.column() else entry.text

    def _icon(self, node_icon: NodeIcon) -> Any:
        if node_icon not in self._icons:
            self._icons[node_icon] = icon(node_icon.value)
        return self._icons[node_icon]

    def update_icons(self) -> None:
        """Draw the icons in the colours of the palette when the view is painted next."""
        self._icons.clear()

    def headerData(self, section: int, orientation: QtCore.Qt.Orientation, role: int = _Role.DisplayRole) -> Any:
        """Return the heading of a column."""
        if role == _Role.DisplayRole and orientation == QtCore.Qt.Orientation.Horizontal:
            return self.COLUMNS[section]
        return None
