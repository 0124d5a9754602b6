"""Numbers for people, in one place: the decimal separator of the locale is written, both separators are read."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

__all__ = ["NumberBox", "exact_text", "localized", "number_text", "read_number"]

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

    Raises
    ------
    ValueError
        If it is no number.

    Examples
    --------
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


class NumberBox(QtWidgets.QDoubleSpinBox):
    """A box for a number that reads both decimal separators; the wheel changes it only while it is edited.

    Examples
    --------
    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> box = NumberBox()
    >>> box.valueFromText('2,5'), box.valueFromText('2.5')
    (2.5, 2.5)
    """

    def __init__(self) -> None:
        super().__init__()
        self.setKeyboardTracking(False)
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)

    def _local(self, text: str) -> str:
        """Return a text with the separator that Qt reads: it would take 2.5 for 25 where the locale has commas."""
        number = text.removesuffix(self.suffix())
        return re.sub("[.,]", str(self.locale().decimalPoint()), number) + text[len(number) :]

    def valueFromText(self, text: str) -> float:
        """Return the value of the typed text."""
        return super().valueFromText(self._local(text))

    def validate(self, text: str, position: int) -> tuple[QtGui.QValidator.State, str, int]:
        """Tell whether a text is a number that can be taken, or can become one."""
        return super().validate(self._local(text), position)

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:
        """Scroll the view around the box, unless somebody edits it."""
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()
