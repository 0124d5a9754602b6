"""The menu of the settings: one of them as it was at first, and presets, which are all of them under a name."""

from __future__ import annotations

from functools import partial

from pyqtgraph.parametertree import Parameter
from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget.qt.geometry import user_settings
from h5saver_widget.qt.icons import icon
from h5saver_widget.qt.remember import restore_settings, save_settings

__all__ = ["SettingsMenu", "preset_names"]


def _presets() -> QtCore.QSettings:
    found = user_settings()
    found.beginGroup("presets")
    return found


def preset_names() -> list[str]:
    """Return the names of the presets of this user."""
    return sorted(_presets().childKeys())


class SettingsMenu(QtWidgets.QMenu):
    """Resets the setting that was clicked, if one was; keeps and takes presets of all of them."""

    def __init__(self, parent: QtWidgets.QWidget, settings: Parameter, param: Parameter | None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.aboutToHide.connect(self.deleteLater)
        if param is not None and param.hasValue() and not param.readonly() and param.hasDefault():
            reset = self.addAction(icon("refresh"), f"Reset '{param.title()}'".replace("&", "&&"))
            reset.triggered.connect(lambda *_: param.setToDefault())
            reset.setEnabled(not param.valueIsDefault())
            self.addSeparator()
        for name in preset_names():
            self.addAction(name.replace("&", "&&")).triggered.connect(partial(self.take, name))
        self.addSeparator()
        self.addAction(icon("save"), "Save these settings as a preset…").triggered.connect(self._ask)
        remove = self.addMenu("Delete a preset")
        for name in preset_names():
            remove.addAction(name.replace("&", "&&")).triggered.connect(partial(self.delete, name))
        remove.setEnabled(not remove.isEmpty())

    def add_line(self, line: QtWidgets.QLineEdit) -> None:
        """Add the usual actions of a line, such as *Copy* and *Paste*."""
        self._usual = line.createStandardContextMenu()  # has the actions as long as this menu is there
        self.addSeparator()
        self.addActions(self._usual.actions())

    def _ask(self, *_: object) -> None:
        name, is_said = QtWidgets.QInputDialog.getText(self.parentWidget(), "Save a preset", "Name of the preset")
        if is_said and name.strip():
            self.keep(name)

    def keep(self, name: str) -> None:
        """Keep all settings under a name; a preset of this name is replaced."""
        save_settings(self._settings, _presets(), name.strip().replace("/", "-"))

    def take(self, name: str, *_: object) -> None:
        """Take the settings of a preset."""
        restore_settings(self._settings, _presets(), name)

    def delete(self, name: str, *_: object) -> None:
        """Forget a preset."""
        _presets().remove(name)
