"""The red of texts that need attention."""

from __future__ import annotations

from pyqtgraph.Qt import QtGui, QtWidgets

__all__ = ["ALARM", "set_alarm"]

#: A red with at least 3:1 contrast on white and on dark grey.
ALARM = "#e0352b"


def set_alarm(widget: QtWidgets.QWidget, alarm: bool) -> None:
    """Write the text of a widget in red, or in the colour of the host again."""
    palette = widget.palette()
    host = QtWidgets.QApplication.palette()
    for role in (QtGui.QPalette.ColorRole.Text, QtGui.QPalette.ColorRole.WindowText):
        palette.setColor(role, QtGui.QColor(ALARM) if alarm else host.color(role))
    widget.setPalette(palette)
