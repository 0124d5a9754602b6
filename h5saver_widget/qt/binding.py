"""Binding: a tree of parameters and the settings of a recorder, kept the same in both directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from pyqtgraph.parametertree import Parameter
from pyqtgraph.Qt import QtCore

from h5saver_widget.qt.secret import SecretParameter
from h5saver_widget.qt.setting_rows import BoolRow, ListRow
from h5saver_widget.recording.settings import SETTINGS
from h5saver_widget.recording.settings_store import SettingsStore

__all__ = ["Binding"]


class Binding:
    """Binds the parameters of a tree to the settings of the same paths, which may change in any thread.

    `in_own_thread` makes a call in the GUI thread, at once if that is the one that asks. `refused` is called with the
    title of a parameter and the error, when a value that was put into the tree can't be used.
    """

    def __init__(
        self,
        store: SettingsStore,
        tree: Parameter,
        in_own_thread: Callable[[Callable[[], None]], None],
        refused: Callable[[str, Exception], None],
    ) -> None:
        self._store, self._in_own_thread, self._refused = store, in_own_thread, refused
        self._params = {name: tree.child(*setting.path) for name, setting in SETTINGS.items()}
        self._names = {id(param): name for name, param in self._params.items()}
        self._changing: list[str] = []
        for name, param in self._params.items():
            self.show(name)
            param.sigValueChanged.connect(self.changed)
        store.listen(self._setting_changed)

    def changed(self, param: Parameter, value: Any = None) -> None:
        """Take over a value from the tree; one that can't be used is told, and the tree shows the old one again."""
        name = self._names.get(id(param))
        if name is None:
            return
        new = param.secret() if isinstance(param, SecretParameter) else param.value()
        self._changing.append(name)
        try:
            self._store.change(**{name: new})
        except Exception as error:  # the slot of a signal: an exception that leaves it ends the program
            self._refused(param.title(), error)
            self.show(name)
        finally:
            self._changing.remove(name)

    def _setting_changed(self, name: str, value: Any) -> None:
        self._in_own_thread(lambda: self.show(name))

    def show_all(self) -> None:
        """Show every setting as it is now, without waiting for the events of other threads."""
        for name in self._params:
            self.show(name)

    def show(self, name: str) -> None:
        """Show the value that a setting has now."""
        param, value = self._params[name], getattr(self._store.current, name)
        shown = param.secret() if isinstance(param, SecretParameter) else param.value()
        if shown == value or (shown != shown and value != value):
            return
        if name == "fill_value":
            value = np.nan if value != value else value  # that very object: PyMoDAQ looks for this one
            known = param.opts["limits"]
            if not any(value == one or (value != value and one != one) for one in known.values()):
                param.setLimits({**known, str(value): value})
        # Rows of our own look at the parameter and not at the signal. pyqtgraph's own rows, in a tree of the host,
        # write the value of the signal back if it is set again before the signal is through: for them it is set later.
        if name not in self._changing or all(isinstance(item, (BoolRow, ListRow)) for item in param.items):
            param.setValue(value)
        else:
            QtCore.QTimer.singleShot(0, lambda: param.setValue(getattr(self._store.current, name)))
