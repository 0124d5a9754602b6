"""TreePane: the tree of the open files, and in its place the results of a filter over all of them."""

from __future__ import annotations

from functools import partial
from typing import Final

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.browsing.file_view import MOST_FOUND, Child
from h5saver_widget.qt.browser.files import OpenFile
from h5saver_widget.qt.browser.making import stack
from h5saver_widget.qt.browser.model import NodeModel
from h5saver_widget.qt.editors import PlainLabel

__all__ = ["TreePane"]

#: How long typing into the filter may pause before the search starts, in ms.
TYPING_MS: Final = 250
#: Found nodes are shown with everything above them open, up to so many.
_OPEN: Final = 500


class TreePane(QtWidgets.QWidget):
    """A filter, and a tree."""

    selected = QtCore.Signal()
    """Another node is selected: ask `current_file` and `current_path`."""

    others_changed = QtCore.Signal()
    """Other nodes are selected together with the current one: ask `others`."""

    menu_wanted = QtCore.Signal(object)
    """A menu is wanted for the selected node; where on the screen."""

    def __init__(self) -> None:
        super().__init__()
        self._found = self._searched = 0
        self.model, self.found_model = NodeModel(self), NodeModel(self)
        self.filter = QtWidgets.QLineEdit()
        self.filter.setPlaceholderText("Filter by name or title (Ctrl+F)")
        self.filter.setClearButtonEnabled(True)
        self.filter.setAccessibleName("filter")
        self.filter_state = PlainLabel()
        self.filter_state.hide()
        self.tree, self.found_tree = self._make_tree(self.model), self._make_tree(self.found_model)
        self._trees = QtWidgets.QStackedWidget()
        self._trees.addWidget(self.tree)
        self._trees.addWidget(self.found_tree)
        stack(self, self.filter, self.filter_state, self._trees, margins=(0, 0, 0, 0), spacing=4)
        self._typing = QtCore.QTimer(self, singleShot=True, interval=TYPING_MS, timeout=self.search)
        self.filter.textChanged.connect(lambda _: self._typing.start())
        self.filter.returnPressed.connect(self.search)
        self.setFocusProxy(self.tree)

    def _make_tree(self, model: NodeModel) -> QtWidgets.QTreeView:
        tree = QtWidgets.QTreeView(uniformRowHeights=True, indentation=16)
        tree.setModel(model)
        tree.setAccessibleName("Content of the files")
        tree.setTextElideMode(QtCore.Qt.TextElideMode.ElideMiddle)
        tree.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode.ExtendedSelection)
        tree.header().setStretchLastSection(True)
        tree.header().resizeSection(0, max(200, 24 * tree.fontMetrics().averageCharWidth()))
        tree.setContextMenuPolicy(QtCore.Qt.ContextMenuPolicy.CustomContextMenu)
        tree.customContextMenuRequested.connect(partial(self._ask_for_menu, tree))
        tree.selectionModel().currentChanged.connect(partial(self._current_changed, tree))
        tree.selectionModel().selectionChanged.connect(self._selection_changed)
        return tree

    # -------------------------------------------------------------- selection
    @property
    def is_searching(self) -> bool:
        """Whether the results of a filter are shown, or are about to be."""
        return self.current_tree is self.found_tree or self._typing.isActive()

    @property
    def waits(self) -> bool:
        """Whether a search is about to start, or lines are about to be read."""
        return self._typing.isActive() or self.current_model.waits

    @property
    def current_tree(self) -> QtWidgets.QTreeView:
        """The tree that is seen."""
        return self._trees.currentWidget()

    @property
    def current_model(self) -> NodeModel:
        """The model of the visible tree."""
        return self.found_model if self.current_tree is self.found_tree else self.model

    def current_file(self) -> OpenFile | None:
        """Return the file of the selected node."""
        index = self.current_tree.currentIndex()
        return self.current_model.file_of(index) if index.isValid() else None

    def current_path(self) -> str:
        """Return the path of the selected node in its file, ``''`` if none is selected."""
        index = self.current_tree.currentIndex()
        return self.current_model.path_of(index) if index.isValid() else ""

    def others(self) -> list[tuple[OpenFile, str]]:
        """Return the nodes that are selected beside the current one: files and paths."""
        index, model = self.current_tree.currentIndex().siblingAtColumn(0), self.current_model
        rows = (row for row in self.current_tree.selectionModel().selectedRows() if row != index)
        return [(model.file_of(row), model.path_of(row)) for row in rows]

    def current_kind(self) -> NodeKind:
        """Return the kind of the selected node."""
        index = self.current_tree.currentIndex()
        return self.current_model.kind_of(index) if index.isValid() else NodeKind.OTHER

    def select(self, path: str, file: OpenFile) -> None:
        """Select a node; the groups on the way to it are listed first."""
        self.clear_filter()
        self.model.load(path, file, self._select_index)

    def _select_index(self, index: QtCore.QModelIndex) -> None:
        if index.isValid():
            _select_alone(self.tree, index)
            self.tree.scrollTo(index)

    def _current_changed(self, tree: QtWidgets.QTreeView, index: QtCore.QModelIndex, _: object) -> None:
        if index.isValid() and tree is self.current_tree:
            self.selected.emit()

    def _selection_changed(self, *_: object) -> None:
        self.others_changed.emit()

    def _ask_for_menu(self, tree: QtWidgets.QTreeView, place: QtCore.QPoint) -> None:
        index = tree.indexAt(place)
        if index.isValid():
            where = tree.viewport().mapToGlobal(place)
            same = index.siblingAtColumn(0) == tree.currentIndex().siblingAtColumn(0)
            _select_alone(tree, index)
            self.menu_wanted.emit((where, same))

    # ------------------------------------------------------------------ files
    def add_file(self, file: OpenFile) -> None:
        """Add a file, and select it."""
        self.clear_filter()
        _select_alone(self.tree, self.model.add_file(file))

    def remove_file(self, file: OpenFile) -> None:
        """Take a file out."""
        self.clear_filter()
        self.model.remove_file(file)

    def clear(self) -> None:
        """Take all files out."""
        self.found_model.clear()
        self.model.clear()

    def show_content(self, file: OpenFile) -> None:
        """Open the line of a file, and the one group in it that holds everything."""

        def show(_: QtCore.QModelIndex) -> None:
            root = self.model.index_of("/", file)
            self.tree.expand(root)
            only = self.model.index(0, 0, root)
            if self.model.rowCount(root) == 1 and self.model.kind_of(only) is NodeKind.GROUP:
                self.tree.expand(only)

        # a path below the root: its children have to be listed for it, whether it is there or not
        self.model.load("/?", file, show)

    def expand_all(self, groups: dict[str, list[Child]], path: str, file: OpenFile) -> None:
        """Open a group and all groups below it, of which the content is given."""
        self.tree.setUpdatesEnabled(False)
        self.model.put(file, groups)
        self.tree.expandRecursively(self.model.index_of(path, file))
        self.tree.setUpdatesEnabled(True)

    def repaint_lines(self) -> None:
        """Paint the lines anew: their content may have changed."""
        self.current_tree.viewport().update()

    def update_icons(self) -> None:
        """Draw the icons in the colours of the palette."""
        self.model.update_icons()
        self.found_model.update_icons()
        self.repaint_lines()

    # ----------------------------------------------------------------- filter
    def search(self) -> None:
        """Search for the text of the filter in all files; results arrive bit by bit."""
        self._typing.stop()
        text = self.filter.text().strip()
        files = self.model.files
        if not text or not files:
            self._end_search()
            return
        self.found_model.clear()
        self._trees.setCurrentWidget(self.found_tree)
        self.filter_state.show()
        self._found, self._searched = 0, len(files)
        self._show_count()
        for file in files:
            self.found_model.add_file(file)
            file.worker.ask(
                partial(file.view.search, text),
                self._search_ended,
                self._search_ended,
                part=partial(self._found_some, file),
                key="search",
            )

    def _found_some(self, file: OpenFile, found: list[Child]) -> None:
        if file not in self.found_model.files:
            return
        self.found_model.add_found(file, found)
        self._found += len(found)
        if found and self._found <= _OPEN:
            self.found_tree.expandRecursively(self.found_model.index_of("/", file))
        self._show_count()

    def _search_ended(self, _: object = None) -> None:
        self._searched -= 1
        self._show_count()

    def _show_count(self) -> None:
        text = f"{self._found:,} found" if self._found or self._searched else "Nothing has this name or title"
        if self._found >= MOST_FOUND:
            text = f"The first {self._found:,} are shown: type more of the name"
        self.filter_state.setText(f"{text}, searching…" if self._searched else text)

    def clear_filter(self) -> None:
        """Show the whole tree."""
        if self.filter.text():
            self.filter.clear()
        self._end_search()

    def _end_search(self) -> None:
        """Show the whole tree again, with the node selected that was selected among the found."""
        self._typing.stop()
        if self.current_tree is not self.found_tree:
            return
        file, path = self.current_file(), self.current_path()
        for one in self.model.files:
            one.worker.cancel("search")
        self._trees.setCurrentWidget(self.tree)
        self.filter_state.hide()
        self.found_model.clear()
        if file is not None and path:
            self.model.load(path, file, self._select_index)

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        """Escape ends a search, the arrow down goes from the filter to the tree."""
        if event.key() == QtCore.Qt.Key.Key_Escape and (self.filter.text() or self.is_searching):
            self.clear_filter()
            self.tree.setFocus()
        elif event.key() == QtCore.Qt.Key.Key_Down and self.filter.hasFocus():
            self.current_tree.setFocus()
        else:
            super().keyPressEvent(event)


def _select_alone(tree: QtWidgets.QTreeView, index: QtCore.QModelIndex) -> None:
    """Select a node and no other, also while somebody holds the Ctrl key."""
    flag = QtCore.QItemSelectionModel.SelectionFlag
    tree.selectionModel().setCurrentIndex(index, flag.ClearAndSelect | flag.Rows)
