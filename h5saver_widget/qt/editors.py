"""Editors that never cut through a letter: lines, folders and lists that end in an ellipsis where room is short."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.qt.geometry import recent_paths, remember_path

__all__ = ["CheckBox", "ElidedCombo", "ElidedEdit", "FolderEdit", "PlainLabel", "plain_label", "plain_tip"]


def plain_tip(text: str) -> str:
    """Return a tooltip that Qt does not take for HTML, for any text of a file or a person.

    >>> plain_tip('<b>x</b>')
    '‹b›x‹/b›'
    """
    return text.replace("<", "‹").replace(">", "›")


class PlainLabel(QtWidgets.QLabel):
    """A label that takes no name of a file, of data or of a person for HTML."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        self.setText(text)


def plain_label(text: str = "") -> QtWidgets.QLabel:
    """Return a label of plain text, which breaks lines and never widens what it stands in."""
    label = PlainLabel(text)
    label.setWordWrap(True)
    label.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
    policy = QtWidgets.QSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Minimum)
    policy.setHeightForWidth(True)
    label.setSizePolicy(policy)
    return label


class ElidedEdit(QtWidgets.QLineEdit):
    """A line that shows the end of a long text behind an ellipsis, and all of it while it is edited."""

    def __init__(self, *, shown_only: bool = False) -> None:
        super().__init__()
        self.setMinimumWidth(40)
        if shown_only:
            self.setReadOnly(True)
            self.setFrame(False)
            palette = self.palette()
            palette.setColor(QtGui.QPalette.ColorRole.Base, QtGui.QColor(QtCore.Qt.GlobalColor.transparent))
            self.setPalette(palette)

    def is_elided(self) -> bool:
        """Tell whether the text is too long to be seen as a whole."""
        return self.fontMetrics().horizontalAdvance(self.text()) > self._text_rect().width()

    def _option(self) -> QtWidgets.QStyleOptionFrame:
        option = QtWidgets.QStyleOptionFrame()
        self.initStyleOption(option)
        return option

    def _text_rect(self) -> QtCore.QRect:
        rect = self.style().subElementRect(QtWidgets.QStyle.SubElement.SE_LineEditContents, self._option(), self)
        return rect.adjusted(2, 0, -2, 0)  # QLineEdit's own inner margin

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Draw the end of the text if it is too long and nobody edits it; else leave it to Qt."""
        if self.hasFocus() or not self.is_elided():
            super().paintEvent(event)
            return
        painter = QtGui.QPainter(self)
        if self.hasFrame():
            self.style().drawPrimitive(
                QtWidgets.QStyle.PrimitiveElement.PE_PanelLineEdit, self._option(), painter, self
            )
        rect = self._text_rect()
        text = self.fontMetrics().elidedText(self.text(), QtCore.Qt.TextElideMode.ElideLeft, rect.width())
        painter.setPen(self.palette().color(QtGui.QPalette.ColorRole.Text))
        painter.drawText(rect, QtCore.Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()


class FolderEdit(QtWidgets.QWidget):
    """A line for a folder, and a button that lets one choose it, or one of the last."""

    sigChanged = QtCore.Signal()
    """Another folder was typed or chosen."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self.line = ElidedEdit()
        self.button = QtWidgets.QToolButton()
        self.button.setToolTip("Choose a folder, or one of the last")
        self.button.setAccessibleName("Choose a folder")
        self.button.setPopupMode(QtWidgets.QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self.menu = QtWidgets.QMenu(self.button)
        self.menu.aboutToShow.connect(self._list_recent)
        self.button.setMenu(self.menu)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.line, 1)
        layout.addWidget(self.button)
        self.setFocusProxy(self.line)
        self.line.editingFinished.connect(self.sigChanged)
        self.button.clicked.connect(self.choose)
        self.sigChanged.connect(self._remember)

    def value(self) -> str:
        """Return the folder as a whole, also of one that was typed as a part."""
        text = self.line.text().strip()
        return str(Path(text).expanduser().absolute()) if text else ""

    def setValue(self, value: object) -> None:
        """Show a folder."""
        self.line.setText("" if value is None else str(value))

    def setToolTip(self, text: str) -> None:
        """Explain the line; the button has a tooltip of its own."""
        self.line.setToolTip(text)

    def choose(self) -> None:
        """Let the user choose a folder."""
        folder = QtWidgets.QFileDialog.getExistingDirectory(self, self._title, self.value())
        if folder:
            self._take(folder)

    def _take(self, folder: str) -> None:
        self.line.setText(folder)
        self.sigChanged.emit()

    def _remember(self) -> None:
        if folder := self.value():
            remember_path("folders", Path(folder))

    def _list_recent(self) -> None:
        self.menu.clear()
        for folder in recent_paths("folders"):
            self.menu.addAction(str(folder).replace("&", "&&")).triggered.connect(partial(self._take, str(folder)))
        if self.menu.isEmpty():
            self.menu.addAction("No folder was used yet").setEnabled(False)


class ElidedCombo(QtWidgets.QComboBox):
    """A combo box that ends a long text with an ellipsis, where Qt 5 cuts through a letter."""

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Draw the box as its style does, with a text that fits."""
        painter = QtWidgets.QStylePainter(self)
        option = QtWidgets.QStyleOptionComboBox()
        self.initStyleOption(option)
        field = QtWidgets.QStyle.SubControl.SC_ComboBoxEditField
        control = QtWidgets.QStyle.ComplexControl.CC_ComboBox
        width = self.style().subControlRect(control, option, field, self).width() - 4
        option.currentText = self.fontMetrics().elidedText(
            option.currentText, QtCore.Qt.TextElideMode.ElideRight, width
        )
        painter.drawComplexControl(control, option)
        painter.drawControl(QtWidgets.QStyle.ControlElement.CE_ComboBoxLabel, option)


class CheckBox(QtWidgets.QCheckBox):
    """A check box whose frame is seen: on dark palettes, Qt draws an empty one nearly in the colour around it."""

    def __init__(self, text: str, tip: str = "") -> None:
        super().__init__(text)
        self.setToolTip(tip)
        # what a row of a parameter tree asks of its editor
        self.sigChanged = self.toggled
        self.value = self.isChecked
        self.setValue = self.setChecked

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Draw a frame round the box, in the colour of the text."""
        super().paintEvent(event)
        option = QtWidgets.QStyleOptionButton()
        self.initStyleOption(option)
        box = self.style().subElementRect(QtWidgets.QStyle.SubElement.SE_CheckBoxIndicator, option, self)
        colour = self.palette().color(QtGui.QPalette.ColorRole.WindowText)
        colour.setAlpha(130 if self.isEnabled() else 60)
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.setPen(colour)
        painter.drawRoundedRect(QtCore.QRectF(box).adjusted(0.5, 0.5, -0.5, -0.5), 2, 2)
