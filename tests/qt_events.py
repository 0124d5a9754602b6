"""Events of people, for the tests of windows."""

from __future__ import annotations

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets


def turn_wheel(widget: QtWidgets.QWidget, notches: int = -1, at: QtCore.QPointF | None = None) -> None:
    """Turn the wheel over the middle of a widget, or another place; towards oneself where `notches` is less than 0."""
    at = QtCore.QPointF(widget.rect().center()) if at is None else at
    event = QtGui.QWheelEvent(
        at,
        QtCore.QPointF(widget.mapToGlobal(at.toPoint())),
        QtCore.QPoint(),
        QtCore.QPoint(0, 120 * notches),
        QtCore.Qt.MouseButton.NoButton,
        QtCore.Qt.KeyboardModifier.NoModifier,
        QtCore.Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QtWidgets.QApplication.sendEvent(widget, event)
