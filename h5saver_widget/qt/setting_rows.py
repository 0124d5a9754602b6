"""The rows of the settings tree on screen: one small item class per kind of value, chosen from a table.

They stand in for pyqtgraph's own items in our view only. Editors are always visible (a row that can be changed looks
like it), there are no reset buttons, long texts are elided, and the wheel scrolls instead of changing values.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final

from pyqtgraph.parametertree import Parameter
from pyqtgraph.parametertree.parameterTypes import (
    BoolParameterItem,
    ListParameterItem,
    NumericParameterItem,
    StrParameterItem,
    WidgetParameterItem,
)
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.archiving.ready_made import READY_MADE
from h5saver_widget.qt.alarm import set_alarm
from h5saver_widget.qt.editors import CheckBox, ElidedCombo, ElidedEdit, FolderEdit, PlainLabel, plain_tip
from h5saver_widget.qt.icons import icon
from h5saver_widget.qt.notes_table import NotesTable
from h5saver_widget.qt.numbers import read_number

__all__ = [
    "BoolRow",
    "DoSaveRow",
    "FolderRow",
    "ListRow",
    "NotesRow",
    "NumberRow",
    "PatternRow",
    "ShownRow",
    "TemplateRow",
    "TextRow",
    "WideRow",
    "WideShownRow",
    "disconnect_row",
    "set_alarm",
]


def disconnect_row(row: Any) -> None:
    """Let a row listen to its parameters no more."""
    with suppress(RuntimeError):  # at the end of a program, the parameters may be gone before the window
        param = row.param
        param.sigValueChanged.disconnect(row.valueChanged)
        param.sigChildAdded.disconnect(row.childAdded)
        param.sigChildRemoved.disconnect(row.childRemoved)
        param.sigNameChanged.disconnect(row.nameChanged)
        param.sigLimitsChanged.disconnect(row.limitsChanged)
        param.sigDefaultChanged.disconnect(row.defaultChanged)
        param.sigOptionsChanged.disconnect(row.optsChanged)
        param.sigParentChanged.disconnect(row.parentChanged)


class _Row(WidgetParameterItem):
    """The common base of all rows; comes before a pyqtgraph item in the bases."""

    icons: dict[Any, str]
    #: Whether the editor is seen though the parameter is read-only.
    stays = False

    def __init__(self, param: Parameter, depth: int) -> None:
        self.icons = {}
        super().__init__(param, depth)
        self.layoutWidget.layout().setContentsMargins(2, 1, 4, 1)
        self.displayLabel.setTextFormat(QtCore.Qt.TextFormat.PlainText)
        height = max(self.widget.sizeHint().height(), self.widget.minimumHeight()) + 3
        self.setSizeHint(1, QtCore.QSize(100, height))
        self._show_tips()

    def _make_editor(self) -> QtWidgets.QWidget:
        """Return the editor; it has ``sigChanged``, ``value()`` and ``setValue()``."""
        return super().makeWidget()

    def makeWidget(self) -> QtWidgets.QWidget:
        editor = self._make_editor()
        # Read-only values are shown as plain text.
        self.hideWidget = self.param.readonly() and not self.stays
        editor.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        # An editor wider than its column would be cut off at the right.
        editor.setMinimumWidth(40)
        self._name(editor)
        for one in (editor, *editor.findChildren(QtWidgets.QLineEdit)):
            one.setContextMenuPolicy(QtCore.Qt.ContextMenuPolicy.NoContextMenu)  # the tree has one for all of the row
        return editor

    def _name(self, editor: QtWidgets.QWidget) -> None:
        """Have screen readers say which setting this is."""
        kinds = (QtWidgets.QLineEdit, QtWidgets.QAbstractItemView)
        for one in (editor, *(child for child in editor.findChildren(QtWidgets.QWidget) if isinstance(child, kinds))):
            if not isinstance(one, QtWidgets.QCheckBox):  # that has its title on it
                one.setAccessibleName(self.param.title().strip())

    def widgetEventFilter(self, obj: QtCore.QObject, event: QtCore.QEvent) -> bool:
        # pyqtgraph moves the focus itself, into folded rows too; Qt's own order is the one of the rows.
        # A notch over a box changes nothing, focused or not: it could end a recording. An open list scrolls itself.
        if event.type() == QtCore.QEvent.Type.Wheel:
            event.ignore()  # goes on to the tree, which scrolls
            return True
        return False

    def titleChanged(self) -> None:
        # pyqtgraph reserves 15 % more than the title needs: 20 pixels that a narrow tree does not have.
        self.setText(0, self.param.title())

    def selected(self, sel: bool) -> None:
        # The editor is there already; taking the focus on selection would trap the arrow keys.
        if self.hideWidget:
            self.hideEditor()

    def setFocus(self) -> None:
        self.widget.setFocus()

    def updateDefaultBtn(self) -> None:
        self.defaultBtn.hide()

    def valueChanged(self, param: Parameter, value: Any, force: bool = False) -> None:
        # A slot that came before may have set another value meanwhile (Do Save is switched off again when no file
        # could be made): showing the value of the signal would write it back.
        super().valueChanged(param, self.param.value(), force)

    def optsChanged(self, param: Parameter, opts: dict[str, Any]) -> None:
        super().optsChanged(param, opts)
        if "tip" in opts:
            self._show_tips()
        if "title" in opts:
            self._name(self.widget)

    def _show_tips(self) -> None:
        tip = self.param.opts.get("tip", "")
        self.setToolTip(0, tip)
        self.setToolTip(1, tip)
        self.widget.setToolTip(tip)
        self.displayLabel.setToolTip(tip)

    def update_icons(self) -> None:
        """Draw the icons in the colours of the palette."""
        for button, name in self.icons.items():
            button.setIcon(icon(name, on=button))


class WideRow(_Row):
    """A row over both columns."""

    def treeWidgetChanged(self) -> None:
        """Span both columns in the tree that the row has come to."""
        super().treeWidgetChanged()
        tree = self.treeWidget()
        if tree is not None:
            self.setText(0, "")
            self.setFirstColumnSpanned(True)
            tree.removeItemWidget(self, 1)
            tree.setItemWidget(self, 0, self.layoutWidget)
            self.setSizeHint(0, QtCore.QSize(60, self.sizeHint(1).height()))


class BoolRow(WideRow, BoolParameterItem):
    """A check box with its title beside it: a larger target than the box alone, and no column for the title."""

    def _make_editor(self) -> QtWidgets.QWidget:
        box = CheckBox(self.param.title())
        # No wider than its title: a click beside the title would do nothing.
        box.setSizePolicy(QtWidgets.QSizePolicy.Policy.Maximum, QtWidgets.QSizePolicy.Policy.Preferred)
        return box

    def titleChanged(self) -> None:
        """Show the title beside the box."""
        if isinstance(self.__dict__.get("widget"), QtWidgets.QCheckBox):
            self.widget.setText(self.param.title())


class DoSaveRow(BoolRow):
    """The switch that people look for: a large check box."""

    def _make_editor(self) -> QtWidgets.QWidget:
        box = super()._make_editor()
        font = box.font()
        font.setBold(True)
        font.setPointSizeF(font.pointSizeF() * 1.25)
        box.setFont(font)
        self._side = side = QtGui.QFontMetrics(font).height()
        box.setIconSize(QtCore.QSize(side, side))
        box.setMinimumHeight(side + 12)
        self.icons = {box: "record"}
        return box

    def update_icons(self) -> None:
        """Draw the record sign in red; colour and text both show the state."""
        self.widget.setIcon(icon("record", color="#e0352b"))
        # Set again on a change of colours: Qt keeps the text colour of the palette that a style sheet was made with.
        self.widget.setStyleSheet("")
        size = f"width: {self._side}px; height: {self._side}px"
        self.widget.setStyleSheet(f"QCheckBox {{spacing: 8px}} QCheckBox::indicator {{{size}}}")


class ListRow(_Row, ListParameterItem):
    """A choice."""

    def _make_editor(self) -> QtWidgets.QWidget:
        """Return a combo box of the host's height: pyqtgraph's own is cut at 20 pixels."""
        combo = ElidedCombo()
        combo.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        combo.sigChanged = combo.currentIndexChanged
        combo.value = self.value
        combo.setValue = self.setValue
        self.widget = combo
        self.limitsChanged(self.param, self.param.opts["limits"])
        self.setValue(self.param.value())
        return combo


#: Units that are counted.
_COUNTED: Final = ("frames", "steps")


def _interpreted(box: QtWidgets.QWidget) -> Any:
    """Return the number that was typed, with or without its unit, with a point or a comma; False if it is none."""
    unit = box.opts["suffix"]
    text = box.lineEdit().text().removeprefix(box.opts["prefix"]).strip().removesuffix(unit)
    try:
        found = read_number(text.removesuffix(unit[:-1]) if unit in _COUNTED else text)
    except ValueError:
        return False
    if box.opts["int"]:
        return int(found) if found.is_integer() else False
    return found


def _formatted(box: QtWidgets.QWidget, usual: Callable[[], str]) -> str:
    """Return a number with its unit: 1 step, 2 steps."""
    return usual()[:-1] if box.opts["suffix"] in _COUNTED and box.value() == 1 else usual()


class NumberRow(_Row, NumericParameterItem):
    """A number with its unit."""

    def _make_editor(self) -> QtWidgets.QWidget:
        box = super()._make_editor()
        box.interpret = partial(_interpreted, box)
        box.formatText = partial(_formatted, box, box.formatText)
        box.editingFinished.connect(box.updateText)  # 2,5 becomes 2.5 min also where it was 2.5 before
        box.setFixedHeight(QtWidgets.QLineEdit().sizeHint().height())  # its own hint cuts through the digits
        return box

    def showEditor(self) -> None:
        """Show the editor without selecting the number: that would take the focus."""
        WidgetParameterItem.showEditor(self)


class TextRow(_Row, StrParameterItem):
    """A text to be typed."""

    def _make_editor(self) -> QtWidgets.QWidget:
        line = ElidedEdit()
        line.setPlaceholderText(self.param.opts.get("placeholder", ""))
        line.sigChanged = line.editingFinished
        line.value = line.text
        line.setValue = line.setText
        return line


class PatternRow(TextRow):
    """A text with placeholders; while it is empty, it shows the meaning of that."""

    def _make_editor(self) -> QtWidgets.QWidget:
        line = super()._make_editor()
        line.setPlaceholderText("usual names")
        line.textEdited.connect(lambda text: self.param.setValue(text))  # the preview follows every key
        return line


class NotesRow(WideRow):
    """The table of notes, and the form of the template that the row beside it names."""

    def _make_editor(self) -> QtWidgets.QWidget:
        table = NotesTable()
        template = self.param.parent().child("template")
        template.sigValueChanged.connect(table.choose_template)
        table.choose_template(template, template.value())
        return table


class TemplateRow(TextRow):
    """The template: a ready-made one, or a file."""

    def _make_editor(self) -> QtWidgets.QWidget:
        box = QtWidgets.QComboBox(editable=True)
        box.addItems(["", *READY_MADE])
        box.lineEdit().setPlaceholderText("none, or a TOML file")
        box.setMinimumWidth(60)
        box.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.sigChanged = box.lineEdit().editingFinished
        box.activated.connect(lambda _: box.lineEdit().editingFinished.emit())
        box.value = box.currentText
        box.setValue = lambda value: box.setEditText(str(value or ""))
        return box


class ShownRow(_Row):
    """A text to be read and copied: the end of a path stays visible, the whole of it is in the tooltip."""

    stays = True

    def _make_editor(self) -> QtWidgets.QWidget:
        line = ElidedEdit(shown_only=True)
        line.setPlaceholderText(self.param.opts.get("placeholder", ""))
        line.sigChanged = None
        line.value = line.text
        line.setValue = lambda value: line.setText("" if value is None else str(value))
        return line

    def widgetValueChanged(self) -> None:
        """Do nothing: the row is read-only."""

    def valueChanged(self, param: Parameter, value: Any, force: bool = False) -> None:
        """Show the value, and the whole of it in the tooltip."""
        self.widget.setValue(self.param.value())
        self._show_tips()

    def optsChanged(self, param: Parameter, opts: dict[str, Any]) -> None:
        """Follow the options of the parameter."""
        super().optsChanged(param, opts)
        self.widget.setReadOnly(True)  # whatever the parameter allows: hosts may leave it writable for programs

    def _show_tips(self) -> None:
        super()._show_tips()
        tip = self.param.opts.get("tip", "")
        if text := self.widget.text():
            self.widget.setToolTip(plain_tip(f"{text}\n{tip}" if tip else text))


class WideShownRow(WideRow, ShownRow):
    """A long text to be read: its title takes no more than it needs."""

    def __init__(self, param: Parameter, depth: int) -> None:
        super().__init__(param, depth)
        self._title = PlainLabel(param.title())
        self._title.setToolTip(param.opts.get("tip", ""))
        self.layoutWidget.layout().insertWidget(0, self._title)
        self.layoutWidget.layout().setSpacing(8)


class FolderRow(_Row):
    """A folder to be typed or chosen."""

    # pyqtgraph's type for paths is read-only by default, since its own editor can't be typed into. Ours can.
    stays = True

    def _make_editor(self) -> QtWidgets.QWidget:
        editor = FolderEdit(self.param.title())
        self.icons = {editor.button: "folder"}
        return editor

    def optsChanged(self, param: Parameter, opts: dict[str, Any]) -> None:
        """Follow the options of the parameter."""
        super().optsChanged(param, opts)
        if "readonly" in opts:
            self.widget.setEnabled(param.opts["enabled"])

    def valueChanged(self, param: Parameter, value: Any, force: bool = False) -> None:
        """Show the value, and the whole of it in the tooltip."""
        super().valueChanged(param, value, force)
        self._show_tips()

    def _show_tips(self) -> None:
        super()._show_tips()
        self.widget.setToolTip(plain_tip(f"{self.widget.value()}\n{self.param.opts.get('tip', '')}"))
