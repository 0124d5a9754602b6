"""The widgets of the browser's window: a bar, the trees beside all about one node, messages and work."""

from __future__ import annotations

from typing import Any

from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget.qt.browser.follower import Follower
from h5saver_widget.qt.browser.making import stack
from h5saver_widget.qt.browser.node_panel import NodePanel
from h5saver_widget.qt.browser.overlay import Overlay
from h5saver_widget.qt.browser.start_page import StartPage
from h5saver_widget.qt.browser.top_bar import TopBar
from h5saver_widget.qt.browser.trees import TreePane
from h5saver_widget.qt.editors import plain_label
from h5saver_widget.qt.geometry import fit
from h5saver_widget.qt.icons import icon
from h5saver_widget.qt.long_work import LongWork

__all__ = ["BrowserWidgets"]


class BrowserWidgets(QtWidgets.QWidget):
    """The parts of the window; sub-classes connect them."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = TopBar()
        self.open_button, self.path_label = self.bar.open_button, self.bar.path_label
        self.follow, self.refresh_button = self.bar.follow, self.bar.refresh_button
        self.trees = TreePane()
        self.model, self.tree, self.filter = self.trees.model, self.trees.tree, self.trees.filter
        self.follower = Follower(self.trees)
        self.trees.selected.connect(self._node_selected)
        self.trees.menu_wanted.connect(self._show_menu)
        self.trees.others_changed.connect(self._others_changed)
        self.panel = NodePanel()
        self.overlay = Overlay(self.panel.plots)
        self.splitter = QtWidgets.QSplitter()
        self.splitter.addWidget(self.trees)
        self.splitter.addWidget(self.panel)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([380, 620])
        self.start = StartPage()
        self.pages = QtWidgets.QStackedWidget()
        self.pages.addWidget(self.start)
        self.pages.addWidget(self.splitter)
        self.said = plain_label()
        self.said.hide()
        self.work = LongWork()
        layout = stack(self, self.bar, self.pages, self.said, self.work, margins=(8, 8, 8, 6))
        layout.setStretchFactor(self.pages, 1)
        self.setAcceptDrops(True)
        self.setFocusProxy(self.trees)
        fit(self, 1024, 700)
        self._update_icons()

    def say(self, text: Any) -> None:
        """Show a sentence at the bottom."""
        self.said.setText(str(text))
        self.said.setVisible(bool(text))

    def _update_icons(self) -> None:
        self.setWindowIcon(icon("browse"))
        self.bar.update_icons()
        self.trees.update_icons()
        self.start.update_icons()

    def changeEvent(self, event: QtCore.QEvent) -> None:
        """Follow the host's colours."""
        super().changeEvent(event)
        if event.type() == QtCore.QEvent.Type.PaletteChange and "work" in self.__dict__:
            self._update_icons()
