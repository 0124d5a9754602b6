"""The log below the window: events with their time."""

from __future__ import annotations

import time

from pyqtgraph.Qt import QtGui, QtWidgets

__all__ = ["LogPanel"]

KEEP_LINES = 2000


class LogPanel(QtWidgets.QPlainTextEdit):
    """Lines with their time; the last is always in sight unless somebody has scrolled up.

    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> log = LogPanel()
    >>> log.write("ready")
    >>> log.toPlainText().endswith("ready")
    True
    """

    def __init__(self) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setMaximumBlockCount(KEEP_LINES)
        self.setLineWrapMode(QtWidgets.QPlainTextEdit.LineWrapMode.WidgetWidth)
        self.setAccessibleName("Log")
        self.setTabChangesFocus(True)

    def write(self, text: str, error: bool = False) -> None:
        """Add a line; an error says so in words and is bold, not only coloured."""
        bold = QtGui.QTextCharFormat()
        bold.setFontWeight(QtGui.QFont.Weight.Bold if error else QtGui.QFont.Weight.Normal)
        self.setCurrentCharFormat(bold)
        self.appendPlainText(f"{time.strftime('%H:%M:%S')}  {'Error: ' if error else ''}{text}")
