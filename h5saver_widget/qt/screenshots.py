"""Pictures of panels, saved with the data that they show. A method of :class:`~h5saver_widget.qt.h5saver.H5Saver`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget.saving.external import add_png
from h5saver_widget.saving.h5_backend import Where

if TYPE_CHECKING:
    from h5saver_widget.qt.h5saver import H5Saver

__all__ = ["add_screenshot"]


def add_screenshot(saver: H5Saver, widget: QtWidgets.QWidget, node: Where, name: str = "pixmap2D") -> str:
    """Save a picture of a widget, as it looks now, with a node of the open file; browsers show it there.

    To be called in the thread of the windows, like everything that touches a widget. A streaming file (SWMR) is
    reopened for it: take pictures before or after a scan.

    Parameters
    ----------
    widget
        The panel; it need not be shown.
    node
        The node of the picture: a scan, a detector, ``'/RawData'``.
    name
        ``'pixmap2D'`` and ``'pixmap1D'`` for scans; any other name is put behind ``pixmap_``, and a number is added
        to a name that is taken. See :func:`h5saver_widget.saving.external.add_png`, also for what PyMoDAQ shows.

    Returns
    -------
    str
        The name of the attribute that holds the PNG bytes.

    Raises
    ------
    FileNotOpenError
        If no file is open.
    NodeError
        If there is no such node.
    """
    saver.require_open("save a screenshot")
    buffer = QtCore.QBuffer()
    buffer.open(QtCore.QIODevice.OpenModeFlag.WriteOnly)
    widget.grab().save(buffer, "PNG")
    path = saver.path_of(node)
    with saver.saving():
        saver.end_streaming()
        return add_png(saver.get_node(path), bytes(buffer.data()), name)
