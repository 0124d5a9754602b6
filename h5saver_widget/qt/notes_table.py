"""The table of notes, and the line for a comment."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.archiving.template import Template, find_template
from h5saver_widget.archiving.units import units_are_known
from h5saver_widget.errors import H5SaverError, TemplateError
from h5saver_widget.qt.alarm import set_alarm
from h5saver_widget.qt.editors import PlainLabel, plain_tip
from h5saver_widget.qt.fields_form import FieldsForm, unit_sentence
from h5saver_widget.recording.notes import Note, check_notes, notes_text, read_notes

__all__ = ["CommentLine", "NotesTable"]


class NotesTable(QtWidgets.QWidget):
    """Name, value and unit, one line each; the last, empty line takes a new one, a line without name is removed.

    With a template there is a form of its fields above, and the table holds the other notes.
    """

    sigChanged = QtCore.Signal()
    """Other notes were written; not emitted while they can't be used, the sentence below the table says why."""

    def __init__(self) -> None:
        super().__init__()
        self._value = ""
        self._filling = False
        self.table = QtWidgets.QTableWidget(0, 3)
        self.table.setHorizontalHeaderLabels(["Name", "Value", "Unit"])
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        self.table.horizontalHeader().setSectionResizeMode(QtWidgets.QHeaderView.ResizeMode.Stretch)
        self.table.horizontalHeader().setHighlightSections(False)
        trigger = QtWidgets.QAbstractItemView.EditTrigger
        # Not when the focus merely comes along: the tab key could then never leave the table.
        typed = trigger.AnyKeyPressed | trigger.EditKeyPressed
        self.table.setEditTriggers(trigger.DoubleClicked | trigger.SelectedClicked | typed)
        self.table.setTabKeyNavigation(False)
        self.table.setMinimumHeight(self.fontMetrics().height() * 7)
        self.table.setMaximumHeight(self.fontMetrics().height() * 7)
        self.table.cellChanged.connect(self._edited)
        self._again = QtCore.QTimer(self, singleShot=True, interval=200, timeout=self._say_units)
        self.form = FieldsForm()
        self.form.sigChanged.connect(self._written)
        self.problem = PlainLabel()
        self.problem.setWordWrap(True)
        set_alarm(self.problem, True)
        self.problem.hide()
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.form)
        layout.addWidget(self.table)
        layout.addWidget(self.problem)
        self.setFocusProxy(self.table)
        self.setValue("")

    def value(self) -> str:
        """Return the notes, as they are kept in the settings."""
        return self._value

    def setValue(self, value: object) -> None:
        """Show notes."""
        text = str(value or "")
        try:
            notes = read_notes(text)
        except H5SaverError as error:
            self._say(str(error))
            return
        self._value = text
        self._say("")
        self.form.show_values({note.name: note.value for note in notes})
        notes = tuple(note for note in notes if note.name not in self.form.names)
        if notes == self._shown() and self.table.rowCount():
            return
        self._filling = True
        self.table.setRowCount(0)
        for note in (*notes, Note("")):
            row = self.table.rowCount()
            self.table.insertRow(row)
            for column, part in enumerate((note.name, note.value, note.unit)):
                self.table.setItem(row, column, QtWidgets.QTableWidgetItem(part))
        self._filling = False

    def setToolTip(self, text: str) -> None:
        """Explain the table."""
        self.table.setToolTip(f"{text} A name in braces may be used in the name pattern: {{sample}}.")

    def choose_template(self, _: object, name: str) -> None:
        """Show the form of a template by its name, ``''`` for none."""
        found = None
        if name:
            with suppress(TemplateError):  # told where it was chosen
                found = find_template(name)
        self.set_template(found)

    def set_template(self, template: Template | None) -> None:
        """Show a form of the fields of a template; None for none."""
        self.form.set_template(template)
        rows = 4 if template is not None else 7
        self.table.setMinimumHeight(self.fontMetrics().height() * rows)
        self.table.setMaximumHeight(self.fontMetrics().height() * rows)
        self.setValue(self._value)

    def _written(self) -> None:
        """Take over the written lines, if they can be used."""
        notes = (*self.form.notes(), *self._shown())
        try:
            check_notes(notes)
        except H5SaverError as error:
            self._again.stop()
            self._say(str(error))
            return
        self._say_units()
        self._value = notes_text(notes)
        self.sigChanged.emit()

    def _say_units(self) -> None:
        """Say which unit is none; again as soon as that can be looked up."""
        notes = [*self.form.notes(), *self._shown()]
        self._say(unit_sentence(notes))
        if any(note.unit for note in notes) and not units_are_known():
            self._again.start()

    def _shown(self) -> tuple[Note, ...]:
        rows = [
            Note(*(item.text() if (item := self.table.item(row, column)) else "" for column in range(3)))
            for row in range(self.table.rowCount())
        ]
        return tuple(note for note in rows if note.name.strip())

    def _edited(self, row: int, _: int) -> None:
        if self._filling:
            return
        if row == self.table.rowCount() - 1 and self.table.item(row, 0) and self.table.item(row, 0).text().strip():
            self.table.insertRow(row + 1)
        self._written()

    def _say(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.setVisible(bool(text))

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        """Remove a line with the delete key."""
        row = self.table.currentRow()
        if event.key() == QtCore.Qt.Key.Key_Delete and 0 <= row < self.table.rowCount() - 1:
            self.table.removeRow(row)
            self._edited(-1, 0)
        else:
            super().keyPressEvent(event)


class CommentLine(QtWidgets.QWidget):
    """A line that is written into the log of the file with the return key.

    `write` does that; it raises an error with a sentence if it can't.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self._write = write
        self.line = QtWidgets.QLineEdit()
        self.line.setPlaceholderText("Comment for the log")
        self.line.setAccessibleName("Comment for the log")
        self.line.setToolTip("Written into the log of the open file, with the time, when you press return")
        self.line.setMinimumWidth(40)
        self.button = QtWidgets.QPushButton("Add")
        self.button.setToolTip("Write the comment into the log of the open file")
        self.button.setAutoDefault(False)
        self.answer = PlainLabel(" ")
        self.answer.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Preferred)
        layout = QtWidgets.QGridLayout(self)
        layout.setContentsMargins(2, 2, 4, 2)
        layout.setVerticalSpacing(0)
        layout.addWidget(self.line, 0, 0)
        layout.addWidget(self.button, 0, 1)
        layout.addWidget(self.answer, 1, 0, 1, 2)
        self.line.returnPressed.connect(self.write)
        self.button.clicked.connect(self.write)

    def write(self) -> None:
        """Write the text; if that is not possible, it stays, and the line below says why."""
        text = self.line.text().strip()
        if not text:
            return
        try:
            self._write(text)
        except (H5SaverError, OSError) as error:
            self._say(str(error), True)
        else:
            self.line.clear()
            self._say("written into the log", False)

    def _say(self, text: str, alarm: bool) -> None:
        self.answer.setText(text)
        self.answer.setToolTip(plain_tip(text))
        set_alarm(self.answer, alarm)
