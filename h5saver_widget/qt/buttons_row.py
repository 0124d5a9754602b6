"""ButtonsRow: actions that share a line of the settings tree."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from pyqtgraph.parametertree import Parameter
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.qt.icons import icon

__all__ = ["ButtonsRow"]

#: The icon of a button's function when its title changes.
_ICONS: Final = {"Resume": "grab"}


class _Line(QtWidgets.QWidget):
    """Tells when it has become wider or narrower."""

    def __init__(self, resized: Callable[[], None]) -> None:
        super().__init__()
        self._resized = resized

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        super().resizeEvent(event)
        self._resized()


class ButtonsRow(QtWidgets.QTreeWidgetItem):
    """Actions side by side, each with its icon, which is named beside it."""

    def __init__(self, actions: list[tuple[Parameter, str]]) -> None:
        super().__init__()
        self.setFlags(QtCore.Qt.ItemFlag.ItemIsEnabled)
        self.buttons: dict[str, QtWidgets.QPushButton] = {}
        self._actions = actions
        self._widget = _Line(self.update_icons)
        layout = QtWidgets.QHBoxLayout(self._widget)
        layout.setContentsMargins(2, 2, 4, 2)
        layout.setSpacing(6)
        for action, _ in actions:
            button = QtWidgets.QPushButton(action.title())
            button.setToolTip(action.opts.get("tip", ""))
            button.clicked.connect(action.activate)
            button.setAutoDefault(False)
            button.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)  # on macOS too: what is being typed is then taken
            layout.addWidget(button)
            self.buttons[action.name()] = button
            button.setEnabled(bool(action.opts.get("enabled", True)))
            action.sigOptionsChanged.connect(self._options_changed)
        layout.addStretch()
        self.setSizeHint(0, QtCore.QSize(100, self._widget.sizeHint().height()))

    def put(self) -> None:
        """Show the buttons; to be called once the row is in its tree."""
        self.setFirstColumnSpanned(True)
        self.treeWidget().setItemWidget(self, 0, self._widget)
        for action, _ in self._actions:
            self._options_changed(action, action.opts)

    def let_go(self) -> None:
        """Listen to the actions no more."""
        for action, _ in self._actions:
            with suppress(RuntimeError):
                action.sigOptionsChanged.disconnect(self._options_changed)

    def update_icons(self) -> None:
        """Draw the icons in the colours of the palette, where there is room for them beside the words."""
        for action, name in self._actions:
            button = self.buttons[action.name()]
            button.setIcon(icon(_ICONS.get(action.title(), name), on=button))
        if self._widget.minimumSizeHint().width() > self._widget.width():
            for button in self.buttons.values():
                button.setIcon(QtGui.QIcon())

    def _options_changed(self, action: Parameter, opts: dict[str, Any]) -> None:
        button = self.buttons[action.name()]
        if "enabled" in opts:
            button.setEnabled(bool(opts["enabled"]))
        if "title" in opts:
            button.setText(action.title())
            self.update_icons()
        if "tip" in opts:
            button.setToolTip(opts["tip"])
        if "visible" in opts:
            button.setVisible(bool(opts["visible"]))
            self.setHidden(not any(action.opts.get("visible", True) for action, _ in self._actions))
