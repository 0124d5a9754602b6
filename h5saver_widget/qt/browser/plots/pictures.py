"""Pictures of the shown plots: to the clipboard, or as PNG or SVG into a file."""

from __future__ import annotations

from pathlib import Path

from pyqtgraph.Qt import QtCore, QtGui, QtSvg, QtWidgets

from h5saver_widget.errors import FileOpenError
from h5saver_widget.qt.browser.plots.canvas import Canvas
from h5saver_widget.qt.browser.plots.curves import CurveCanvas

__all__ = ["copy_picture", "picture_of", "save_picture"]

#: Pixels per point of the screen: pictures end up on paper.
_FINE = 2


def picture_of(area: QtWidgets.QWidget) -> QtGui.QPixmap:
    """Return a widget as a picture, twice as fine as the screen."""
    picture = QtGui.QPixmap(area.size() * _FINE)
    picture.setDevicePixelRatio(_FINE)
    picture.fill(area.palette().color(QtGui.QPalette.ColorRole.Base))
    area.render(picture)
    return picture


def copy_picture(area: QtWidgets.QWidget) -> None:
    """Copy a picture of a widget to the clipboard."""
    QtWidgets.QApplication.clipboard().setPixmap(picture_of(area))


def save_picture(area: QtWidgets.QWidget, path: Path) -> None:
    """Save a picture of a widget, as ``.png`` or ``.svg``; in an SVG, its plots become lines and text.

    FileOpenError if it can't be written, or has another ending.
    """
    if path.suffix.lower() == ".svg":
        written = _save_svg(area, path)
    elif path.suffix.lower() == ".png":
        written = picture_of(area).save(str(path), "PNG")
    else:
        raise FileOpenError(f"{path.name!r} is no picture that can be written: end the name in .png or .svg")
    if not written:
        raise FileOpenError(f"the picture {path} could not be written: choose another folder")


def _save_svg(area: QtWidgets.QWidget, path: Path) -> bool:
    file = QtCore.QFile(str(path))
    if not file.open(QtCore.QIODevice.OpenModeFlag.WriteOnly):
        return False
    generator = QtSvg.QSvgGenerator()
    generator.setOutputDevice(file)
    generator.setSize(area.size())
    generator.setViewBox(area.rect())
    generator.setTitle(path.stem)
    painter = QtGui.QPainter(generator)
    painter.fillRect(area.rect(), area.palette().color(QtGui.QPalette.ColorRole.Base))
    for canvas in area.findChildren(Canvas):
        if canvas.isVisible():
            at = canvas.mapTo(area, QtCore.QPoint(0, 0))
            canvas.render(painter, QtCore.QRectF(QtCore.QPointF(at), QtCore.QSizeF(canvas.size())), canvas.rect())
            if isinstance(canvas, CurveCanvas) and canvas.is_number:
                canvas.number.render(painter, at)
    painter.end()
    file.close()
    return True
