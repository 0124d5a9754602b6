"""The signs of a recorder's states: one form and one colour each, in the strip, on tabs, in task bar and tray."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from pyqtgraph.Qt import QtCore, QtGui

from h5saver_widget.recording.status import RecorderState

__all__ = ["WARNING", "paint_state", "state_icon"]

WARNING: Final = "#d97706"

#: Each has at least 3:1 contrast on white and on dark grey.
_COLOURS: Final = {
    RecorderState.CLOSED: "#8a8a8a",
    RecorderState.ARMED: "#8a63d2",
    RecorderState.OPENING: "#2e8b57",
    RecorderState.CLOSING: "#8a8a8a",
    RecorderState.NOT_ANSWERING: WARNING,
    RecorderState.OPEN: "#2e8b57",
    RecorderState.RECORDING: "#e0352b",
    RecorderState.PAUSED: "#3f83c8",
    RecorderState.ERROR: WARNING,
}


def paint_state(painter: QtGui.QPainter, rect: QtCore.QRectF, state: RecorderState) -> None:
    """Draw a ring, a clock, a disc, two bars, an hourglass or a triangle: the form means the same as the colour."""
    painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
    colour = QtGui.QColor(_COLOURS[state])
    painter.setPen(QtGui.QPen(colour, 2.5))
    area = rect.adjusted(3, 3, -3, -3)
    centre = area.center()
    if state in (RecorderState.OPENING, RecorderState.CLOSING):
        begin = 90 if state is RecorderState.OPENING else -90
        painter.drawArc(area, begin * 16, 240 * 16)
        return
    if state in (RecorderState.CLOSED, RecorderState.ARMED, RecorderState.OPEN):
        painter.drawEllipse(area)
        if state is RecorderState.ARMED:
            painter.drawPolyline([QtCore.QPointF(centre.x(), area.top() + area.height() / 5), centre])
            painter.drawPolyline([centre, QtCore.QPointF(area.left() + area.width() / 4, centre.y())])
        if state is RecorderState.OPEN:
            painter.setBrush(colour)
            painter.drawEllipse(centre, area.width() / 7, area.width() / 7)
        return
    painter.setBrush(colour)
    if state is RecorderState.RECORDING:
        painter.drawEllipse(area)
    elif state is RecorderState.PAUSED:
        width = area.width() / 4
        painter.drawRect(QtCore.QRectF(area.left() + 1, area.top(), width, area.height()))
        painter.drawRect(QtCore.QRectF(area.right() - 1 - width, area.top(), width, area.height()))
    elif state is RecorderState.NOT_ANSWERING:
        painter.drawPolygon(QtGui.QPolygonF([area.topLeft(), area.topRight(), centre]))
        painter.drawPolygon(QtGui.QPolygonF([area.bottomLeft(), area.bottomRight(), centre]))
    else:
        top = QtCore.QPointF(centre.x(), area.top())
        painter.drawPolygon(QtGui.QPolygonF([top, area.bottomRight(), area.bottomLeft()]))


@lru_cache(maxsize=16)
def state_icon(state: RecorderState) -> QtGui.QIcon:
    """Return the sign of a state as an icon."""
    picture = QtGui.QPixmap(32, 32)
    picture.fill(QtCore.Qt.GlobalColor.transparent)
    painter = QtGui.QPainter(picture)
    paint_state(painter, QtCore.QRectF(picture.rect()), state)
    painter.end()
    return QtGui.QIcon(picture)
