"""The form of a template: a line for each field, red while it can't be used."""

from __future__ import annotations

from collections.abc import Mapping

from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget.archiving.template import Field, Template
from h5saver_widget.archiving.units import unit_problem
from h5saver_widget.qt.alarm import set_alarm
from h5saver_widget.qt.editors import PlainLabel, plain_tip
from h5saver_widget.recording.notes import Note

__all__ = ["FieldsForm"]


class FieldsForm(QtWidgets.QWidget):
    """The fields of a template; hidden while there is none."""

    sigChanged = QtCore.Signal()
    """A person has written something into a field."""

    def __init__(self) -> None:
        super().__init__()
        self._template: Template | None = None
        self._editors: dict[str, QtWidgets.QWidget] = {}
        self._labels: dict[str, QtWidgets.QLabel] = {}
        self._form = QtWidgets.QFormLayout(self)
        self._form.setContentsMargins(2, 2, 4, 2)
        self._form.setVerticalSpacing(3)
        self._form.setFieldGrowthPolicy(QtWidgets.QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self._form.setRowWrapPolicy(QtWidgets.QFormLayout.RowWrapPolicy.WrapLongRows)
        self.hide()

    @property
    def names(self) -> frozenset[str]:
        """Names of the fields."""
        return frozenset(self._editors)

    def set_template(self, template: Template | None) -> None:
        """Show the fields of another template; None for none."""
        if template == self._template:
            return
        self._template, self._editors, self._labels = template, {}, {}
        while self._form.rowCount():
            self._form.removeRow(0)
        for field in template.fields if template is not None else ():
            label, editor = PlainLabel(field.name), self._made(field)
            tip = field.help or field.name
            if field.empty_on_purpose:
                tip = f"{tip}. '-' says that there is none" if "'-'" not in tip else tip
            for widget in (label, editor):
                widget.setToolTip(plain_tip(tip))
            editor.setAccessibleName(field.name)
            label.setBuddy(editor)
            self._labels[field.name], self._editors[field.name] = label, editor
            self._form.addRow(label, self._with_unit(editor, field.unit))
        self.setVisible(bool(self._editors))
        self._colour()

    def _made(self, field: Field) -> QtWidgets.QWidget:
        if field.choices:
            box = QtWidgets.QComboBox()
            extra = ["-"] if field.empty_on_purpose else []
            box.addItems(["", *field.choices, *extra])
            box.activated.connect(self._edited)
            box.setMinimumWidth(60)
            return box
        line = QtWidgets.QLineEdit(placeholderText=field.help)
        line.textEdited.connect(self._edited)
        line.setMinimumWidth(60)
        return line

    def _with_unit(self, editor: QtWidgets.QWidget, unit: str) -> QtWidgets.QWidget | QtWidgets.QLayout:
        if not unit:
            return editor
        row = QtWidgets.QHBoxLayout()
        row.addWidget(editor, 1)
        row.addWidget(PlainLabel(unit))
        return row

    def show_values(self, values: Mapping[str, str]) -> None:
        """Write values into the fields; nothing is emitted."""
        for name, editor in self._editors.items():
            value = values.get(name, "")
            if self._text(editor) == value:
                continue
            if isinstance(editor, QtWidgets.QComboBox):
                if editor.findText(value) < 0:
                    editor.addItem(value)
                editor.setCurrentText(value)
            else:
                editor.setText(value)
        self._colour()

    def notes(self) -> list[Note]:
        """Return the written values, as notes."""
        fields = self._template.fields if self._template is not None else ()
        return [Note(field.name, self._text(self._editors[field.name]), field.unit) for field in fields]

    def problems(self) -> list[str]:
        """Return the mistakes, in sentences."""
        values = {note.name: note.value for note in self.notes()}
        return [] if self._template is None else self._template.problems(values)

    def _text(self, editor: QtWidgets.QWidget) -> str:
        return editor.currentText() if isinstance(editor, QtWidgets.QComboBox) else editor.text()

    def _edited(self, *_: object) -> None:
        self._colour()
        self.sigChanged.emit()

    def _colour(self) -> None:
        for field in self._template.fields if self._template is not None else ():
            is_wrong = bool(field.problem(self._text(self._editors[field.name])))
            set_alarm(self._labels[field.name], is_wrong)
            set_alarm(self._editors[field.name], is_wrong)


def unit_sentence(notes: list[Note]) -> str:
    """Return the fault of the units of notes; ``''`` if there is none."""
    return next((f"{note.name}: {problem}" for note in notes if (problem := unit_problem(note.unit, at_once=True))), "")
