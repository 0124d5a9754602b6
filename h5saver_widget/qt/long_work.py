"""LongWork: one line that shows long work in a thread of its own, how far it is, and a button that stops it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.errors import WorkStoppedError
from h5saver_widget.progress import Progress
from h5saver_widget.qt.asker import BackgroundCall
from h5saver_widget.qt.editors import PlainLabel
from h5saver_widget.qt.icons import icon

__all__ = ["LongWork", "Work"]

Work = Callable[[Progress], Any]
"""A function that runs in a thread, touches no widget, and reports to the progress it is given."""

#: How often the line looks how far the work is, in ms.
LOOK_MS: Final = 100
#: How long a closing program waits for work that was asked to stop, in s.
END_SECONDS: Final = 5.0


class LongWork(QtWidgets.QWidget):
    """A line with title, progress and *Stop*; hidden while nothing is done.

    One piece of work at a time. How it ended comes by a signal, in the GUI thread.

    Examples
    --------
    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> line = LongWork()
    >>> _ = line.finished.connect(print)
    >>> line.start('Adding', lambda progress: sum(progress.over(range(1000))))
    True
    >>> line.wait(10.0)
    499500
    True
    """

    finished = QtCore.Signal(object)
    """The work is done; its result."""

    failed = QtCore.Signal(object)
    """The work ended with an error; the exception. The line shows it until it is dismissed."""

    stopped = QtCore.Signal()
    """The work was stopped because somebody asked for it."""

    ended = QtCore.Signal()
    """The work is over, in whatever way; comes after the signal that says which."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._thread: BackgroundCall | None = None
        self._progress = Progress()
        self._title = ""
        self.label = PlainLabel()
        # A long text must not widen the window.
        policy = QtWidgets.QSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.label.setSizePolicy(policy)
        self.label.setWordWrap(True)
        self.label.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        self.bar = QtWidgets.QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setMinimumWidth(60)
        self.button = QtWidgets.QPushButton("&Stop", autoDefault=False, clicked=self._button_pressed)
        layout = QtWidgets.QGridLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.setVerticalSpacing(2)
        layout.addWidget(self.label, 0, 0, 1, 2)
        layout.addWidget(self.bar, 1, 0)
        layout.addWidget(self.button, 1, 1, QtCore.Qt.AlignmentFlag.AlignRight)
        layout.setColumnStretch(0, 1)
        self._timer = QtCore.QTimer(self, interval=LOOK_MS, timeout=self._look)
        self.hide()
        application = QtCore.QCoreApplication.instance()
        if application is not None:
            # A plain function and a weak reference: a signal of the application must not keep the line alive.
            line = weakref.ref(self)
            application.aboutToQuit.connect(lambda: _end(line()))

    # ------------------------------------------------------------------ calls
    @property
    def busy(self) -> bool:
        """Whether work is going on, or its end has not been told yet."""
        return self._thread is not None

    def start(self, title: str, work: Work) -> bool:
        """Start work.

        Parameters
        ----------
        title
            The work, for people: ``'Exporting'``.
        work
            Called with a :class:`~h5saver_widget.progress.Progress` in a thread of its own.

        Returns
        -------
        bool
            False if something else is still being done: nothing was started then.
        """
        if self._thread is not None:
            return False
        self._title = title
        self._progress = Progress()
        self._thread = BackgroundCall(partial(work, self._progress), title)
        self.button.setText("&Stop")
        self.button.setIcon(icon("stop"))
        self.button.setToolTip("Stop this work at the next safe place")
        self.button.setEnabled(True)
        self.bar.show()
        self._show_step()
        self.show()
        self._timer.start()
        self._thread.start()
        return True

    def stop(self) -> None:
        """Ask the work to stop; ``stopped`` is emitted when it has."""
        if self._thread is not None:
            self._progress.stop()
            self.button.setEnabled(False)
            self.label.setText(f"{self._title}: stopping at the next safe place ...")

    def wait(self, seconds: float) -> bool:
        """Wait for the end, tell it, and return whether it is over. Blocks; for scripts and the end of a program."""
        if self._thread is not None:
            self._thread.join(seconds)
            self._look()
        return self._thread is None

    # ------------------------------------------------------------------- look
    def _look(self) -> None:
        thread = self._thread
        if thread is None:
            self._timer.stop()
            return
        if thread.is_alive():
            if not self._progress.stop_wanted:
                self._show_step()
            return
        self._timer.stop()
        self._thread = None
        error = thread.error
        if error is None:
            self.hide()
            self.finished.emit(thread.result)
        elif isinstance(error, WorkStoppedError) and self._progress.stop_wanted:
            self.hide()
            self.stopped.emit()
        else:
            self.bar.hide()
            self.label.setText(f"{self._title} did not work: {str(error) or type(error).__name__}")
            self.button.setText("&Dismiss")
            self.button.setIcon(QtGui.QIcon())
            self.button.setToolTip("Hide this message")
            self.button.setEnabled(True)
            self.failed.emit(error)
        self.ended.emit()

    def _show_step(self) -> None:
        assert self._thread is not None
        step = self._progress.step
        share = step.share
        self.bar.setRange(0, 0 if share is None else 1000)  # 0 to 0 is Qt's way to say: busy, nobody knows how long
        if share is not None:
            self.bar.setValue(round(share * 1000))
        self.label.setText(f"{self._title}: {step.text}" if step.text else self._title)

    def _button_pressed(self) -> None:
        if self._thread is not None:
            self.stop()
        else:
            self.hide()

    def changeEvent(self, event: QtCore.QEvent) -> None:
        """Follow the host's colours."""
        super().changeEvent(event)
        if event.type() == QtCore.QEvent.Type.PaletteChange and self.__dict__.get("_thread") is not None:
            self.button.setIcon(icon("stop"))


def _end(line: LongWork | None) -> None:
    """Stop the work of a program that ends, and give it time to leave things tidy."""
    if line is not None and line._thread is not None:
        line._progress.stop()
        line._thread.join(END_SECONDS)
