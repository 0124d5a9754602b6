"""H5Browser: a window that shows the tree of a file beside the attributes of one node. Reads only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.nodes import Array, Node, StringARRAY
from h5saver_widget.qt.browser.model import NodeModel
from h5saver_widget.qt.editors import ElidedEdit
from h5saver_widget.qt.icons import icon
from h5saver_widget.qt.status import explain
from h5saver_widget.saving.h5_backend import H5Backend

if TYPE_CHECKING:
    from h5saver_widget.qt.h5saver import H5Saver

__all__ = ["H5Browser", "shown_value"]

#: Longest attribute shown in the table, in characters; the settings of an instrument can be a megabyte.
MAX_TEXT: Final = 300
MAX_TIP: Final = 1500
#: How many lines of a log are shown, from its end.
MAX_LINES: Final = 200


def shown_value(value: Any, limit: int = MAX_TEXT) -> str:
    """Return an attribute's value as one short line.

    Examples
    --------
    >>> shown_value(np.float64(2.5)), shown_value(b'ab'), shown_value('x' * 1000, 20)
    ('2.5', 'ab', 'xxxxxxxxxxxxxxx… (1,000 characters)')
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, np.ndarray) and value.size > 20:
        return f"{' × '.join(map(str, value.shape))} values of {value.dtype}"
    text = " ".join(str(value).split())
    return text if len(text) <= limit else f"{text[: limit - 5]}… ({len(text):,} characters)"


class H5Browser(QtWidgets.QWidget):
    """What is in a file.

    Parameters
    ----------
    parent
        Window it belongs to.
    h5file
        Path of a file, opened for reading; or an open :class:`~h5saver_widget.saving.h5_backend.H5Backend`.
    backend
        Backend that opens a path.
    h5saver
        A saver whose open file is shown, through that saver: no second handle, also while it is written.

    Raises
    ------
    OSError
        If the file can't be opened.

    Examples
    --------
    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> browser = H5Browser()
    >>> browser.message.text()
    'No file is open.'
    """

    def __init__(
        self,
        parent: QtWidgets.QWidget | None = None,
        h5file: Path | str | H5Backend | None = None,
        backend: str | None = None,
        h5saver: H5Saver | None = None,
    ) -> None:
        super().__init__(parent)
        self._own: H5Backend | None = None
        self._h5: H5Backend
        if h5saver is not None:
            self._h5 = h5saver
        elif isinstance(h5file, H5Backend):
            self._h5 = h5file
        else:
            self._h5 = self._own = H5Backend(backend)
            if h5file is not None:
                self._own.open_file(h5file, "r")
        self.model = NodeModel(self._h5, self)
        self._build()
        if h5saver is not None:
            h5saver.status_sig.connect(self._saver_said)
        self.refresh()

    def _build(self) -> None:
        self.path_label = ElidedEdit(shown_only=True)
        self.path_label.setFocusPolicy(QtCore.Qt.FocusPolicy.ClickFocus)
        self.refresh_button = QtWidgets.QToolButton()
        self.refresh_button.setText("Refresh")
        self.refresh_button.setToolButtonStyle(QtCore.Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.refresh_button.setToolTip("Read the file again (F5)")
        self.refresh_button.setShortcut(QtGui.QKeySequence(QtCore.Qt.Key.Key_F5))
        self.refresh_button.clicked.connect(self.refresh)
        self.tree = QtWidgets.QTreeView()
        self.tree.setModel(self.model)
        self.setFocusProxy(self.tree)
        self.tree.setUniformRowHeights(True)
        self.tree.setIndentation(16)
        self.tree.setTextElideMode(QtCore.Qt.TextElideMode.ElideMiddle)
        header = self.tree.header()
        header.setStretchLastSection(True)
        header.resizeSection(0, 250)
        header.resizeSection(1, 80)
        self.tree.selectionModel().currentChanged.connect(self._show_node)
        self.node_label = QtWidgets.QLabel()
        self.node_label.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        self.node_label.setWordWrap(True)
        self.attributes = QtWidgets.QTableWidget(0, 2)
        self.attributes.setHorizontalHeaderLabels(["Attribute", "Value"])
        self.attributes.verticalHeader().hide()
        self.attributes.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        self.attributes.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        self.attributes.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        self.attributes.setShowGrid(False)
        self.attributes.setWordWrap(False)
        self.attributes.horizontalHeader().setStretchLastSection(True)
        self.attributes.horizontalHeader().setDefaultAlignment(QtCore.Qt.AlignmentFlag.AlignLeft)
        self.message = QtWidgets.QLabel()
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        self.lines = QtWidgets.QPlainTextEdit()
        self.lines.setReadOnly(True)
        right = QtWidgets.QWidget()
        beside = QtWidgets.QVBoxLayout(right)
        beside.setContentsMargins(6, 0, 0, 0)
        for widget in (self.node_label, self.message, self.attributes, self.lines):
            beside.addWidget(widget)
        self.splitter = QtWidgets.QSplitter()
        self.splitter.addWidget(self.tree)
        self.splitter.addWidget(right)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setSizes([500, 380])
        top = QtWidgets.QHBoxLayout()
        top.addWidget(self.path_label, 1)
        top.addWidget(self.refresh_button)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.addLayout(top)
        layout.addWidget(self.splitter, 1)
        self.resize(900, 540)
        self._update_icons()

    # --------------------------------------------------------------- content
    def refresh(self, *_: Any) -> None:
        """Read the file again; what was open and selected stays so."""
        current = self.tree.currentIndex()
        selected = self.model.path_of(current) if current.isValid() else "/"
        opened = [path for path in self._open_paths() if path != "/"]
        path = self._h5.file_path
        self.model.reload()
        self.path_label.setText(str(path or ""))
        self.path_label.setToolTip(str(path or ""))
        self.setWindowTitle(f"{path.name} - content" if path else "File content")
        if path is None:
            self._show_message(
                "The file was closed. Press Refresh when it is open again."
                if selected != "/" or opened
                else "No file is open."
            )
            return
        for name in ["/", *opened]:
            index = self.model.index_of(name)
            if index.isValid():
                self.tree.expand(index)
        index = self.model.index_of(selected)
        self.tree.setCurrentIndex(index if index.isValid() else self.model.index(0, 0))

    def select(self, path: str) -> None:
        """Show the node at a path."""
        self.tree.setCurrentIndex(self.model.index_of(path))

    def _open_paths(self) -> list[str]:
        """Return the paths of the groups that are open in the tree, parents first."""
        found, waiting = [], [self.model.index(0, 0)]
        while waiting:
            index = waiting.pop()
            if self.tree.isExpanded(index):
                found.append(self.model.path_of(index))
                waiting.extend(self.model.index(row, 0, index) for row in range(self.model.rowCount(index)))
        return found

    def _show_message(self, text: str) -> None:
        self.node_label.hide()
        self.attributes.hide()
        self.lines.hide()
        self.message.setText(text)
        self.message.show()

    def _show_node(self, index: QtCore.QModelIndex, _: object = None) -> None:
        if not index.isValid():
            return
        try:
            node = self.model.node_of(index)
            values = node.attrs.to_dict()
            text = _heading(node)
            lines = node[max(0, len(node) - MAX_LINES) :] if isinstance(node, StringARRAY) else []
        except Exception as error:  # a damaged node: say so in its place, the others can still be looked at
            self._show_message(f"{self.model.path_of(index)} can't be read: {explain(error)}")
            return
        self.message.hide()
        self.node_label.setText(text)
        self.node_label.show()
        self._show_attributes(values)
        self.lines.setPlainText("\n".join(lines))
        self.lines.setVisible(bool(lines))

    def _show_attributes(self, values: dict[str, Any]) -> None:
        self.attributes.setRowCount(len(values))
        for row, (name, value) in enumerate(sorted(values.items(), key=lambda item: item[0].lower())):
            for column, (text, tip) in enumerate(((name, name), (shown_value(value), shown_value(value, MAX_TIP)))):
                cell = QtWidgets.QTableWidgetItem(text)
                cell.setToolTip(tip)
                self.attributes.setItem(row, column, cell)
        self.attributes.resizeColumnToContents(0)
        self.attributes.setColumnWidth(0, min(self.attributes.columnWidth(0) + 8, 180))
        self.attributes.show()

    def _saver_said(self, status: Any) -> None:
        if status.command in ("opened", "closed"):
            self.refresh()

    def _update_icons(self) -> None:
        self.setWindowIcon(icon("browse"))
        self.refresh_button.setIcon(icon("refresh"))

    def changeEvent(self, event: QtCore.QEvent) -> None:
        """Follow the host's colours."""
        super().changeEvent(event)
        if event.type() == QtCore.QEvent.Type.PaletteChange and hasattr(self, "splitter"):
            self._update_icons()

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        """Close the file if it was opened here."""
        if self._own is not None:
            self._own.close_file()
        super().closeEvent(event)


def _heading(node: Node) -> str:
    """Return what stands above the attributes."""
    parts = [node.path]
    if title := node.title:
        parts.append(title)
    if isinstance(node, Array) and not isinstance(node, StringARRAY):
        shape = " × ".join(f"{size:,}" for size in node.shape) or "1 value"
        parts.append(f"{shape}, {node.dtype}")
    return "\n".join(parts)
