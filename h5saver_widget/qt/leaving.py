"""The end of a window: when its files are closed, and while Python is whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Final

from pyqtgraph.Qt import QtCore, QtWidgets

if TYPE_CHECKING:
    from h5saver_widget.qt.h5saver import H5Saver

__all__ = ["Leaving", "deleted_at_the_end"]

#: So long nothing is asked, in s: most files are closed by then.
PATIENCE: Final = 3.0
LOOK_MS: Final = 100


class Leaving(QtCore.QObject):
    """Closes a window when the files of its savers are closed. The window goes on living while a disk does not answer.

    Parameters
    ----------
    window
        The window; its ``closeEvent`` asks :meth:`may_close`, and ignores the event if it may not.
    savers
        Its savers.

    Attributes
    ----------
    box
        The question that a person is asked meanwhile; None while there is nothing to wait for.
    anyway
        Whether it was decided not to wait for the files.

    Examples
    --------
    >>> from pyqtgraph.Qt import mkQApp
    >>> from h5saver_widget import H5Saver
    >>> app = mkQApp()
    >>> class Window(QtWidgets.QMainWindow):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.h5saver = H5Saver('detector')
    ...         self.leaving = Leaving(self, [self.h5saver])
    ...
    ...     def closeEvent(self, event):
    ...         event.setAccepted(self.leaving.may_close())
    >>> Window().close()
    True
    """

    def __init__(self, window: QtWidgets.QWidget, savers: Sequence[H5Saver]) -> None:
        super().__init__(window)
        self._window, self._savers = window, list(savers)
        self.box: QtWidgets.QMessageBox | None = None
        self.anyway = False
        self._timer = QtCore.QTimer(self, interval=LOOK_MS, timeout=self._look)

    def may_close(self) -> bool:
        """Tell whether the window may close now; if not, have the files closed, and then the window."""
        if self.anyway:
            return True
        if self.box is None:
            for saver in self._savers:
                saver.stop(wait=False)
            end, flag = monotonic() + PATIENCE, QtCore.QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents
            while (open_ones := self._open()) and monotonic() < end:
                QtCore.QCoreApplication.processEvents(flag, LOOK_MS)
            if open_ones:
                self._ask()
        return self.box is None

    def _open(self) -> list[H5Saver]:
        """Return the savers that are not done yet."""
        return [saver for saver in self._savers if saver.isopen() or not saver.background.worker.is_idle]

    def _ask(self) -> None:
        self.box = box = QtWidgets.QMessageBox(self._window)
        box.setIcon(QtWidgets.QMessageBox.Icon.Warning)
        box.setWindowTitle("Closing")
        box.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        roles = QtWidgets.QMessageBox.ButtonRole
        stay = box.addButton("Keep the window", roles.RejectRole)
        go = box.addButton("Close without waiting", roles.DestructiveRole)
        go.setToolTip("What waits to be written may be lost")
        box.setDefaultButton(stay)
        stay.clicked.connect(self._forget)
        go.clicked.connect(self._go)
        box.rejected.connect(self._forget)
        self._look()
        box.open()
        self._timer.start()

    def _look(self) -> None:
        """Close the window when everything is closed; else show the files that it waits for."""
        if self.box is None:
            return
        open_ones = self._open()
        if not open_ones:
            self._forget()
            self._window.close()
            return
        lines = []
        for status in (saver.status() for saver in open_ones):
            name = "The file" if status.path is None else status.path.name
            lines.append("\n".join((f"{name}: {status.state.value}", *status.missing)))
        self.box.setText("The window closes when its files are complete.\n\n" + "\n\n".join(lines))

    def _forget(self) -> None:
        box, self.box = self.box, None
        self._timer.stop()
        if box is not None:
            box.close()
            box.deleteLater()

    def _go(self) -> None:
        self.anyway = True
        self._forget()
        self._window.close()


@contextmanager
def deleted_at_the_end(window: QtWidgets.QWidget) -> Iterator[None]:
    """Close a window and delete it when the block ends.

    Left to the end of the process, Qt calls into deleted objects: one run of 25 crashed after its work was done.

    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> window = QtWidgets.QWidget()
    >>> with deleted_at_the_end(window):
    ...     window.show()
    """
    try:
        yield
    finally:
        window.close()
        window.deleteLater()
        QtCore.QCoreApplication.sendPostedEvents(None, QtCore.QEvent.Type.DeferredDelete)
