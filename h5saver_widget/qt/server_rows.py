"""The rows that a server needs on screen: a password as dots, and the sentence that a test of the connection gave."""

from __future__ import annotations

from typing import Any

from pyqtgraph.parametertree import Parameter
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.qt.setting_rows import TextRow, WideRow

__all__ = ["PasswordRow", "SentenceRow"]


class PasswordRow(TextRow):
    """A secret: dots for letters."""

    def _make_editor(self) -> QtWidgets.QWidget:
        line = super()._make_editor()
        line.setEchoMode(QtWidgets.QLineEdit.EchoMode.Password)
        return line

    def valueChanged(self, param: Parameter, value: Any, force: bool = False) -> None:
        """Show as many dots as there are letters; the value of the parameter itself is always empty."""
        if self.widget.text() != self.param.secret():
            self.widget.setText(self.param.secret())


class _Sentence(QtWidgets.QLabel):
    """A label that says when its width has changed: its height depends on it."""

    sigResized = QtCore.Signal()
    sigChanged = None

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.sigResized.emit()


class SentenceRow(WideRow):
    """The answer of a server, in as many lines as it takes."""

    stays = True

    def _make_editor(self) -> QtWidgets.QWidget:
        label = _Sentence()
        label.setWordWrap(True)
        label.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        label.value, label.setValue = label.text, label.setText
        label.sigResized.connect(self._fit)
        self._later = QtCore.QTimer(label, singleShot=True, timeout=self._come_into_view)  # goes with the label
        return label

    def valueChanged(self, param: Parameter, value: Any, force: bool = False) -> None:
        """Show the sentence."""
        self.widget.setText(self.param.value())
        self._fit()
        if self.param.value() and self.treeWidget() is not None:  # once the row has found its place
            self._later.start()

    def widgetValueChanged(self) -> None:
        """Do nothing: the row is read-only."""

    def optsChanged(self, param: Parameter, opts: dict[str, Any]) -> None:
        """Follow the options of the parameter; a read-only row is not grey for that."""
        super().optsChanged(param, opts)
        self.widget.setEnabled(True)

    def _come_into_view(self) -> None:
        self._fit()
        if self.treeWidget() is not None:
            self.treeWidget().scrollToItem(self)

    def _fit(self) -> None:
        height = self.widget.heightForWidth(max(self.widget.width(), 100)) + 6
        if self.sizeHint(0).height() != height:
            self.setSizeHint(0, QtCore.QSize(60, height))
