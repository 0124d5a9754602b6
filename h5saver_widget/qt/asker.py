"""Asker: answers a question in a thread, because a folder on a share or a server may hang.

The thread knows no widget and no saver: the thread that drops the last reference deletes such an object, and only the
GUI thread may do that. With PySide6, a timer of one deleted elsewhere went off a moment later, and the program crashed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from pyqtgraph.Qt import QtCore

__all__ = ["Asker", "BackgroundCall"]

#: How often it is asked whether there is an answer, in ms.
_POLL_MS: Final = 20


class BackgroundCall(threading.Thread):
    """A call in a thread, with its result, or the error that it raised, and the seconds it took.

    It travels to the GUI thread as data: a thread knows no widget, so that a widget may go while the call runs.
    """

    def __init__(self, call: Callable[[], Any], name: str) -> None:
        super().__init__(name=f"h5saver: {name}", daemon=True)
        self._call = call
        self.result: Any = None
        self.error: BaseException | None = None
        self.seconds = 0.0

    def run(self) -> None:
        """Make the call, and keep its result."""
        began = monotonic()
        try:
            self.result = self._call()
        except BaseException as error:
            self.error = error
        self.seconds = monotonic() - began


class Asker(QtCore.QObject):
    """Asks one question at a time, without waiting for the answer.

    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> asker = Asker('adding')
    >>> _ = asker.answered.connect(lambda answer: print(answer.result))
    >>> asker.ask(lambda: str(1 + 1))
    >>> while asker.busy:
    ...     app.processEvents()
    2
    """

    answered = QtCore.Signal(object)
    """The finished :class:`BackgroundCall`; emitted in the GUI thread."""

    def __init__(self, name: str, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._answer: BackgroundCall | None = None
        self._timer = QtCore.QTimer(self, interval=_POLL_MS, timeout=self._look)

    @property
    def busy(self) -> bool:
        """Whether an answer is waited for."""
        return self._answer is not None

    def ask(self, question: Callable[[], str]) -> None:
        """Have something called by a thread. It must hold no QObject; an earlier question is not answered any more."""
        self._answer = BackgroundCall(question, self._name)
        self._answer.start()
        self._timer.start()

    def _look(self) -> None:
        answer = self._answer
        if answer is None or answer.is_alive():
            return
        self._timer.stop()
        self._answer = None
        self.answered.emit(answer)
