"""A setting that is kept out of the settings: a password that no file, no stored state and no XML can hold."""

from __future__ import annotations

from typing import Any

from pyqtgraph.parametertree import registerParameterType
from pyqtgraph.parametertree.parameterTypes import SimpleParameter, StrParameterItem
from pyqtgraph.Qt import QtWidgets

__all__ = ["SECRET_TYPE", "SecretParameter"]

SECRET_TYPE = "h5saver_secret"


class SecretItem(StrParameterItem):
    """The row that a host's own tree shows: dots instead of letters."""

    def makeWidget(self) -> QtWidgets.QWidget:
        """Return the editor."""
        line = super().makeWidget()
        line.setEchoMode(QtWidgets.QLineEdit.EchoMode.Password)
        return line


class SecretParameter(SimpleParameter):
    """A text whose ``value()`` is always empty: neither our code nor a host's can write it down with the settings.

    :meth:`secret` returns the text, which is kept in memory and forgotten with the program. Its type is that of a text,
    because other programs know no other.

    >>> password = SecretParameter(name='password')
    >>> password.setValue('hush')
    ''
    >>> password.value(), password.secret(), 'hush' in repr(password.saveState())
    ('', 'hush', False)
    """

    itemClass = SecretItem

    def __init__(self, **opts: Any) -> None:
        self._secret = str(opts.pop("value", None) or "")
        super().__init__(**{**opts, "type": "str", "value": "", "default": ""})

    def secret(self) -> str:
        """Return the text."""
        return self._secret

    def setValue(self, value: Any, blockSignal: Any = None) -> str:
        """Keep a secret; listeners are told that there is another one, not which."""
        if (secret := str(value or "")) != self._secret:
            self._secret = secret
            if not blockSignal:
                self.sigValueChanged.emit(self, "")
        return ""


registerParameterType(SECRET_TYPE, SecretParameter, override=True)
