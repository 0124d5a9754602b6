"""Numbers for people, in one place: the decimal separator of the locale is written, both separators are read."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.qt.alarm import set_alarm

__all__ = ["CountBox", "NumberBox", "exact_text", "localized", "number_text", "read_number"]

_SPACES: Final = dict.fromkeys(map(ord, " \u00a0\u202f\u2009'’_"))
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def localized(text: str) -> str:
    """Return the text of one number with the decimal separator of the locale."""
    return text.replace(".", str(QtCore.QLocale().decimalPoint()))


def number_text(value: float | int, units: str = "") -> str:
    """Return a number for people: six figures, of a whole number all of them, with its units.

    >>> number_text(1234.5678, 'nm'), number_text(float('nan')), number_text(2**60)
    ('1234.57 nm', 'no value', '1152921504606846976')
    """
    if isinstance(value, int):
        text = str(value)
    else:
        text = "no value" if math.isnan(value) else localized(f"{value:.6g}")
    return f"{text} {units}" if units else text


def exact_text(value: Any) -> str:
    """Return a stored number with all of its figures, and no more, for a cell of a table.

    >>> import numpy as np
    >>> exact_text(np.float32(0.1)), exact_text(np.uint8(3))
    ('0.1', '3')
    """
    return localized(str(value))


def read_number(text: str) -> float:
    """Return the number that a person has written, with a point or a comma.

    A single point or comma separates the decimals. If there are several, those that come again, or come first, separate
    thousands.

    ValueError if it is no number.

    >>> read_number('2.5'), read_number('2,5'), read_number('1.234,5'), read_number('1,234,567'), read_number('−1e3')
    (2.5, 2.5, 1234.5, 1234567.0, -1000.0)
    """
    plain = text.translate(_SPACES).replace("\u2212", "-")
    last = max(plain.rfind("."), plain.rfind(","))
    if last >= 0:
        whole, decimals = plain[:last], plain[last + 1 :]
        if plain[last] in whole:  # it comes again
            whole, decimals = whole + decimals, ""
        plain = f"{re.sub('[.,]', '', whole)}.{decimals}"
    if not _NUMBER.fullmatch(plain):
        raise ValueError(f"{text!r} is no number: write digits, and a point or a comma before the decimals")
    return float(plain)


class _Reading:
    """Reads numbers in a box as people write them; comes before a box of Qt in the bases.

    Everything can be typed: a key that the box refused would leave another number than the one that was meant. A
    text that is no number of the box is red while it is typed, and gives way to the number before.
    """

    def __init__(self: Any) -> None:
        super().__init__()
        self.setKeyboardTracking(False)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self.lineEdit().textChanged.connect(self._show_alarm)

    def _read(self: Any, text: str) -> float | None:
        """Return the number that was typed, with or without its unit; None if the box can't keep it."""
        plain = text.strip().removesuffix(self.suffix().strip())
        try:
            found = read_number(plain)
        except ValueError:
            return None
        decimals = self.decimals() if isinstance(self, QtWidgets.QDoubleSpinBox) else 0
        is_kept = self.minimum() <= found <= self.maximum() and abs(round(found, decimals) - found) < 1e-12
        return found if is_kept else None

    def validate(self, text: str, position: int) -> tuple[QtGui.QValidator.State, str, int]:
        """Tell whether a text is a number that can be taken, or can become one."""
        states = QtGui.QValidator.State
        return states.Intermediate if self._read(text) is None else states.Acceptable, text, position

    def fixup(self, text: str) -> str:
        """Leave a text as it was typed: Qt would take 2.5 for 25 where points separate thousands."""
        return text

    def _show_alarm(self: Any, text: str) -> None:
        set_alarm(self.lineEdit(), self._read(text) is None)

    def wheelEvent(self: Any, event: QtGui.QWheelEvent) -> None:
        """Scroll the view around the box, unless somebody edits it."""
        if self.hasFocus():
            super().wheelEvent(event)  # type: ignore[misc]
        else:
            event.ignore()


class NumberBox(_Reading, QtWidgets.QDoubleSpinBox):
    """A box for a number that reads both decimal separators; the wheel changes it only while it is edited.

    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> box = NumberBox()
    >>> box.valueFromText('2,5'), box.valueFromText('2.5')
    (2.5, 2.5)
    """

    def valueFromText(self, text: str) -> float:
        """Return the value of the typed text."""
        found = self._read(text)
        return self.value() if found is None else found


class CountBox(_Reading, QtWidgets.QSpinBox):
    """The same for a whole number.

    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> box = CountBox()
    >>> box.valueFromText('25'), box.valueFromText('2.5')
    (25, 0)
    """

    def valueFromText(self, text: str) -> int:
        """Return the value of the typed text."""
        found = self._read(text)
        return self.value() if found is None else int(found)
