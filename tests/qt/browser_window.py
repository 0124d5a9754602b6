"""What several tests of the browser window do: go to a node, click on it, read its tabs, choose from its menu."""

from __future__ import annotations

from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget.qt.browser import H5Browser

LEFT = QtCore.Qt.MouseButton.LeftButton


def go_to(browser: H5Browser, path: str) -> None:
    browser.select(path)
    assert browser.wait(30)
    assert browser.current_path() == path


def click(qtbot, browser: H5Browser, path: str, tree: QtWidgets.QTreeView | None = None, button=LEFT) -> None:
    tree = tree or browser.tree
    index = tree.model().index_of(path)
    assert index.isValid()
    tree.scrollTo(index)
    qtbot.mouseClick(tree.viewport(), button, pos=tree.visualRect(index).center())
    assert browser.wait(30)


def tabs(browser: H5Browser) -> list[str]:
    bar = browser.panel.tabs
    return [bar.tabText(number) for number in range(bar.count()) if bar.isTabVisible(number)]


def choose(menu: QtWidgets.QMenu, text: str) -> None:
    next(action for action in menu.actions() if action.text() == text).trigger()
