"""Settings of modules, scans and regions of interest as a tree that is only looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.browsing.describing import StoredSettings
from h5saver_widget.qt.browser.making import stack
from h5saver_widget.qt.editors import plain_tip
from h5saver_widget.qt.plain_tree import PlainTree

__all__ = ["SettingsPanel"]

#: Types of settings whose units are shown.
_WITH_UNITS = ("bool", "int", "float", "str", "text", "list")


class SettingsPanel(QtWidgets.QWidget):
    """The settings of a node; of several trees, each has a heading.

    Its lines are plain text: pyqtgraph's own rows make editors, half a millisecond each, for values that nobody edits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.tree = PlainTree(showHeader=True)
        self.tree.setHeaderLabels(["Setting", "Value"])
        self.tree.setAlternatingRowColors(True)
        self.tree.header().setSectionResizeMode(0, QtWidgets.QHeaderView.ResizeMode.Interactive)
        self.tree.header().resizeSection(0, 240)
        self.tree.header().setStretchLastSection(True)
        self.text = QtWidgets.QPlainTextEdit(readOnly=True)
        stack(self, self.tree, self.text, margins=(0, 0, 0, 0)).setStretch(0, 2)

    def show_settings(self, settings: tuple[StoredSettings, ...]) -> None:
        """Show settings; text that is no XML of settings is shown as text."""
        self.tree.clear()
        self.tree.setUpdatesEnabled(False)
        for found in settings:
            if found.tree:
                _add(self.tree, {"title": found.name, "type": "group", "children": found.tree}, 0)
        self.tree.setUpdatesEnabled(True)
        self.tree.setVisible(bool(self.tree.topLevelItemCount()))
        texts = [f"{found.name}: {found.problem}\n\n{found.text}" for found in settings if found.problem]
        self.text.setPlainText("\n\n".join(texts))
        self.text.setVisible(bool(texts))


def _add(above: Any, entry: Mapping[str, Any], depth: int) -> None:
    """Add a line for a setting, and those below it; of the file's description, title, value and units are taken."""
    line = QtWidgets.QTreeWidgetItem(above, [str(entry["title"])])
    line.setFlags(QtCore.Qt.ItemFlag.ItemIsSelectable | QtCore.Qt.ItemFlag.ItemIsEnabled)  # not to be dragged
    kind, value = entry.get("type", "str"), entry.get("value")
    if kind == "group":
        font = line.font(0)
        font.setBold(depth == 0)
        line.setFont(0, font)
    else:
        if kind == "color" and value is not None:
            colour = QtGui.QColor(*value)
            swatch = QtGui.QPixmap(14, 14)
            swatch.fill(colour)
            line.setIcon(1, QtGui.QIcon(swatch))
            text = colour.name()
        elif isinstance(value, bool):
            text = "yes" if value else "no"
        else:
            text = "" if value is None else " ".join(str(value)[:2000].split())
            suffix = entry.get("suffix") if kind in _WITH_UNITS and "value" in entry else ""
            text = f"{text} {suffix}" if suffix and isinstance(suffix, str) else text
        line.setText(1, text)
        line.setToolTip(1, plain_tip(text))
    line.setExpanded(depth < 3)
    for child in entry.get("children", ()):
        _add(line, child, depth + 1)
