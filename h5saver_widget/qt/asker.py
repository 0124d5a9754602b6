"""Asker: has a question answered by a thread of its own, as a folder on a share or a server may hang.

The thread knows no widget and no saver: the thread that drops the last reference deletes such an object, and only the
GUI thread may do that. With PySide6, a timer of one deleted elsewhere went off a moment later, and the program crashed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Final

from pyqtgraph.Qt import QtCore

__all__ = ["Answer", "Asker"]

#: How often it is asked whether there is an answer, in ms.
_POLL_MS: Final = 20


class Answer(threading.Thread):
    """The answer to a question, once the thread has ended.

    Attributes
    ----------
    text
        The answer.
    error
        Why nothing was found; None if something was.
    seconds
        How long it took.
    """

    def __init__(self, question: Callable[[], str], name: str) -> None:
        super().__init__(name=f"h5saver: {name}", daemon=True)
        self._question = question
        self.text = ""
        self.error: Exception | None = None
        self.seconds = 0.0

    def run(self) -> None:
        """Ask, and keep the answer."""
        began = monotonic()
        try:
            self.text = self._question()
        except Exception as error:  # travels to the GUI thread as data
            self.error = error
        self.seconds = monotonic() - began


class Asker(QtCore.QObject):
    """Asks one question at a time, without waiting for the answer.

    Examples
    --------
    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> asker = Asker('adding')
    >>> _ = asker.answered.connect(lambda answer: print(answer.text))
    >>> asker.ask(lambda: str(1 + 1))
    >>> while asker.busy:
    ...     app.processEvents()
    2
    """

    answered = QtCore.Signal(object)
    """There is an :class:`Answer`; emitted in the GUI thread."""

    def __init__(self, name: str, parent: QtCore.QObject | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._answer: Answer | None = None
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._look)

    @property
    def busy(self) -> bool:
        """Whether an answer is waited for."""
        return self._answer is not None

    def ask(self, question: Callable[[], str]) -> None:
        """Have something called by a thread. It must hold no QObject; an earlier question is not answered any more."""
        self._answer = Answer(question, self._name)
        self._answer.start()
        self._timer.start()

    def _look(self) -> None:
        answer = self._answer
        if answer is None or answer.is_alive():
            return
        self._timer.stop()
        self._answer = None
        self.answered.emit(answer)
