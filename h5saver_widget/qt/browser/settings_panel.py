"""Settings of modules, scans and regions of interest as a parameter tree that is only looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pyqtgraph.parametertree import Parameter, ParameterItem
from pyqtgraph.Qt import QtGui, QtWidgets

from h5saver_widget.browsing.describing import StoredSettings
from h5saver_widget.qt.browser.making import stack
from h5saver_widget.qt.editors import plain_tip
from h5saver_widget.qt.plain_tree import PlainTree

__all__ = ["SettingsPanel"]

_BUILTIN = ("bool", "int", "float", "str", "text", "list", "color", "group")


class _Line(ParameterItem):
    """A line of text: pyqtgraph's own rows make editors, half a millisecond each, for values that nobody edits."""

    def __init__(self, param: Parameter, depth: int = 0) -> None:
        super().__init__(param, depth)
        self._show()

    def _show(self) -> None:
        param = self.param
        if param.type() == "group":
            font = self.font(0)
            font.setBold(self.depth == 0)
            self.setFont(0, font)
            return
        value = param.value()
        if isinstance(value, bool):
            self.setText(1, "yes" if value else "no")
        elif param.type() == "color" and isinstance(value, QtGui.QColor):
            swatch = QtGui.QPixmap(14, 14)
            swatch.fill(value)
            self.setIcon(1, QtGui.QIcon(swatch))
            self.setText(1, value.name())
        else:
            text = "" if value is None else " ".join(str(value)[:2000].split())
            suffix = param.opts.get("suffix")
            self.setText(1, f"{text} {suffix}" if suffix and isinstance(suffix, str) else text)
        self.setToolTip(1, plain_tip(self.text(1)))


class _Tree(PlainTree):
    """A parameter tree of such lines."""

    def addParameters(
        self, param: Parameter, root: QtWidgets.QTreeWidgetItem | None = None, depth: int = 0, showTop: bool = True
    ) -> None:
        item = _Line(param, depth)
        (root or self.invisibleRootItem()).addChild(item)
        item.treeWidgetChanged()
        item.setExpanded(depth < 3)
        for child in param:
            self.addParameters(child, item, depth + 1)


class SettingsPanel(QtWidgets.QWidget):
    """The settings of a node; of several trees, each has a heading."""

    def __init__(self) -> None:
        super().__init__()
        self.tree = _Tree(showHeader=True)
        self.tree.setHeaderLabels(["Setting", "Value"])
        self.tree.setAlternatingRowColors(True)
        self.tree.header().setSectionResizeMode(0, QtWidgets.QHeaderView.ResizeMode.Interactive)
        self.tree.header().resizeSection(0, 240)
        self.tree.header().setStretchLastSection(True)
        self.text = QtWidgets.QPlainTextEdit(readOnly=True)
        self.parameters: list[Parameter] = []
        stack(self, self.tree, self.text, margins=(0, 0, 0, 0)).setStretch(0, 2)

    def show_settings(self, settings: tuple[StoredSettings, ...]) -> None:
        """Show settings; text that is no XML of settings is shown as text."""
        self.tree.clear()
        self.parameters = []
        texts = []
        self.tree.setUpdatesEnabled(False)
        for found in settings:
            if found.tree:
                param = Parameter.create(name=found.name, type="group", readonly=True)
                for entry in found.tree:
                    param.addChild(_parameter(entry), autoIncrementName=True)
                self.parameters.append(param)
                self.tree.addParameters(param)
            elif found.problem:
                texts.append(f"{found.name}: {found.problem}\n\n{found.text}")
        self.tree.setUpdatesEnabled(True)
        self.tree.setVisible(bool(self.parameters))
        self.text.setPlainText("\n\n".join(texts))
        self.text.setVisible(bool(texts))


def _parameter(entry: Mapping[str, Any]) -> Parameter:
    """Return a read-only parameter: of the file's description, only name, title, value and units are taken."""
    kind = entry.get("type", "str")
    options: dict[str, Any] = {"name": entry["name"] or "setting", "title": entry.get("title"), "readonly": True}
    if kind in _BUILTIN and "value" in entry:
        options["suffix"] = entry.get("suffix")
    value = entry.get("value")
    children = entry.get("children", [])
    try:
        param = Parameter.create(type=_kind(kind, value), value=value, **options, **_limits(kind, value))
    except Exception:  # whatever a file makes of a value, it can be read as text
        param = Parameter.create(type="str", value=str(value), **options)
    for child in children:
        param.addChild(_parameter(child), autoIncrementName=True)
    return param


def _kind(kind: str, value: Any) -> str:
    if kind == "group" or (value is None and kind != "list"):
        return "group" if kind == "group" else "str"
    return kind if kind in _BUILTIN else "str"


def _limits(kind: str, value: Any) -> dict[str, Any]:
    return {"limits": [value]} if kind == "list" else {}
