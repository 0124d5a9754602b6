"""NodePanel: everything about the node that is selected, on tabs; only those are there that have something to show."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Final

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.browsing.describing import NodeReport
from h5saver_widget.browsing.formatting import count_text
from h5saver_widget.browsing.rows import NodeIcon
from h5saver_widget.qt.browser.making import stack
from h5saver_widget.qt.browser.plots import PlotPanel
from h5saver_widget.qt.browser.settings_panel import SettingsPanel
from h5saver_widget.qt.editors import PlainLabel, plain_label, plain_tip

__all__ = ["NodePanel"]

_RIGHT: Final = QtCore.Qt.AlignmentFlag.AlignRight | QtCore.Qt.AlignmentFlag.AlignVCenter
_TABS: Final = ("Plot", "Text", "Attributes", "Settings", "Pictures", "Comments", "For others")
#: Pictures with more pixels are not unpacked: a few bytes can become gigabytes.
_MOST_PIXELS: Final = 50_000_000


class NodePanel(QtWidgets.QWidget):
    """The report about one node."""

    link_pressed = QtCore.Signal()
    """The user wants to go where the link that is shown leads to."""

    path_pressed = QtCore.Signal(str)
    """The user wants to go to a node that the one shown refers to."""

    allow_pressed = QtCore.Signal()
    """The user allows to read the files beside this one in which values stand."""

    repair_pressed = QtCore.Signal()
    """The user wants a repaired copy of the file."""

    comment_saved = QtCore.Signal(str, str)
    """The user wants a comment to be written: path of the node, text."""

    def __init__(self) -> None:
        super().__init__()
        self.report: NodeReport | None = None
        self._liked = ""
        self.heading, self.facts, self.message, self.elsewhere = (plain_label() for _ in range(4))
        for label in (self.heading, self.facts, self.message, self.elsewhere):
            label.setContentsMargins(6, 2, 6, 0)
        font = self.heading.font()
        font.setBold(True)
        self.heading.setFont(font)
        self.message.setAlignment(QtCore.Qt.AlignmentFlag.AlignTop)
        self.message.hide()
        self.link_button = QtWidgets.QPushButton(clicked=self.link_pressed)
        self.link_button.hide()
        self.allow_button = QtWidgets.QPushButton("Read the files in this folder")
        self.allow_button.setToolTip("Holds for all files of this folder, as long as this window is open")
        self.allow_button.clicked.connect(self.allow_pressed)
        self.repair_button = QtWidgets.QPushButton("Repair…")
        self.repair_button.setToolTip("Save what can be saved into a copy; the file itself is not touched")
        self.repair_button.clicked.connect(self.repair_pressed)
        self.plots = PlotPanel()
        self.lines = QtWidgets.QPlainTextEdit(readOnly=True)
        self.line_count = QtWidgets.QLabel()
        self.values = self._table(0)
        self.values.horizontalHeader().setResizeContentsPrecision(50)  # rows that are looked at
        self.values.horizontalHeader().setMaximumSectionSize(400)
        self.attributes = self._table(2)
        self.attributes.setHorizontalHeaderLabels(["Attribute", "Value"])
        self.attributes.horizontalHeader().setStretchLastSection(True)
        self.attributes.cellDoubleClicked.connect(lambda row, _: self._go_to(self.attributes.item(row, 0).text()))
        self.lines.viewport().installEventFilter(self)
        self.attributes.currentCellChanged.connect(lambda row, *_: self._show_long(row))
        self.long_value = QtWidgets.QPlainTextEdit(readOnly=True, maximumHeight=self.fontMetrics().height() * 9)
        self.settings = SettingsPanel()
        self.pictures = QtWidgets.QScrollArea(widgetResizable=True)
        self.comments = QtWidgets.QPlainTextEdit()
        self.comments.setPlaceholderText("Remarks on this node, for the next reader of the file")
        self.comment_button = QtWidgets.QPushButton("Save the comment into the file")
        self.comment_state = PlainLabel()
        self.comment_state.setWordWrap(True)
        self.comment_button.clicked.connect(self._comment_pressed)
        self.comments.textChanged.connect(self._comment_edited)
        self._may_comment = ""
        self.for_others = plain_label()
        self.for_others.setAlignment(QtCore.Qt.AlignmentFlag.AlignTop)
        self.form_button = QtWidgets.QPushButton("Fill in the form…")
        self.form_button.setToolTip("Go to the notes of the saver. What is written there goes into the next file")
        self.form_button.hide()
        others = QtWidgets.QWidget()
        page = stack(others, self.for_others, self.form_button, margins=(2, 4, 2, 2))
        page.setAlignment(self.form_button, QtCore.Qt.AlignmentFlag.AlignLeft)
        page.addStretch()
        self.tabs = QtWidgets.QTabWidget(documentMode=True)
        pages = (
            self.plots,
            _stacked(self.line_count, self.lines, self.values),
            _stacked(self.attributes, self.long_value),
            self.settings,
            self.pictures,
            _stacked(self.comments, self.comment_state, self.comment_button),
            others,
        )
        for name, page in zip(_TABS, pages, strict=True):
            self.tabs.addTab(page, name)
        self.tabs.tabBarClicked.connect(self._tab_clicked)
        buttons = (self.link_button, self.allow_button, self.repair_button)
        rows = (self.heading, self.facts, buttons[0], self.elsewhere, *buttons[1:], self.message, self.tabs)
        layout = stack(self, *rows, margins=(0, 0, 0, 0), spacing=4)
        for button in buttons:
            layout.setAlignment(button, QtCore.Qt.AlignmentFlag.AlignLeft)
        for widget in (self.message, self.tabs):
            layout.setStretchFactor(widget, 1)
        layout.addStretch()  # of a link there is little to say, and it stands on top
        self.show_message("")

    def _table(self, columns: int) -> QtWidgets.QTableWidget:
        table = QtWidgets.QTableWidget(0, columns, showGrid=False, wordWrap=False, tabKeyNavigation=False)
        table.setAlternatingRowColors(True)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        table.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        table.horizontalHeader().setDefaultAlignment(QtCore.Qt.AlignmentFlag.AlignLeft)
        return table

    # --------------------------------------------------------------- content
    def show_message(self, text: str, heading: str = "", can_repair: bool = False) -> None:
        """Show a sentence in the place of a node, and whether a repaired copy may help."""
        self.repair_button.setVisible(can_repair)
        self.report = None
        self.plots.forget()
        self.heading.setText(heading)
        self.heading.setVisible(bool(heading))
        self.facts.hide()
        self.elsewhere.hide()
        self.allow_button.hide()
        self.link_button.hide()
        self.tabs.hide()
        self.message.setText(text)
        self.message.show()

    def _go_to(self, name: str) -> None:
        """Go to the target of an attribute, or of a line."""
        path = self.report.references.get(name, "") if self.report is not None else ""
        if path.startswith("/"):
            self.path_pressed.emit(path)

    def eventFilter(self, watched: QtCore.QObject, event: QtCore.QEvent) -> bool:
        """Go to the target of a line when it is double-clicked."""
        if event.type() == QtCore.QEvent.Type.MouseButtonDblClick and watched is self.lines.viewport():
            self._go_to(str(self.lines.cursorForPosition(event.pos()).blockNumber()))
        return super().eventFilter(watched, event)

    def _show_elsewhere(self, files: Sequence[str], asked: bool) -> None:
        some = ", ".join(files[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
        outside = " They lie outside of its folder, or are not there: nothing is read from them." if asked else ""
        self.elsewhere.setText(f"Its values are stored in other files: {some}.{outside}")
        self.elsewhere.setVisible(bool(files))
        self.allow_button.setVisible(bool(files) and not asked)

    def show_report(
        self, report: NodeReport, may_comment: str, name: str = "/", again: bool = False, was_allowed: bool = False
    ) -> None:
        """Show a node; the root has the name of the file.

        `may_comment` says why it can't be given a comment, ``''`` if it can. Where the same node is seen `again`, a
        comment that is being written stays. `was_allowed`: reading the files in its folder was.
        """
        self.report = report
        self.message.hide()
        self.repair_button.hide()
        self.link_button.setText(f"Open {report.link_file}" if report.link_file else f"Go to {report.link}")
        self.link_button.setVisible(bool(report.link))
        self._show_elsewhere(report.elsewhere, was_allowed)
        path = report.path if report.path != "/" else name
        self.heading.setText(f"{report.title}  {path}" if report.title else path)
        self.heading.show()
        verbs = {"Stored": "stored in ", "Changed": "changed "}
        self.facts.setText("   ".join(verbs.get(name, "") + text for name, text in report.facts))
        self.facts.show()
        self._show_attributes(report.attributes)
        self._show_lines(report)
        self.settings.show_settings(report.settings)
        self._show_pictures(report.pictures)
        self.for_others.setText("\n\n".join(report.for_others))
        self._may_comment = may_comment
        said = self.comment_state.text()
        if not (again and self.comments.document().isModified()):
            self.comments.setPlainText(report.comments)
            self.comments.document().setModified(False)
        self.comments.setReadOnly(bool(may_comment))
        self._comment_edited()
        if again and not may_comment:
            self.comment_state.setText(said)
        self._choose_tab(report)
        self.tabs.setVisible(report.icon is not NodeIcon.LINK)

    def _choose_tab(self, report: NodeReport) -> None:
        """Show the tabs that have something, and of these the one that the user has chosen last, or the first."""
        there = {
            "Plot": bool(report.data_path),
            "Text": bool(report.lines or report.columns) or "Lines" in dict(report.facts),
            "Attributes": report.icon is not NodeIcon.LINK,
            "Settings": bool(report.settings),
            "Pictures": bool(report.pictures),
            "Comments": bool(report.comments) or not self._may_comment,
            "For others": bool(report.for_others),
        }
        for number, name in enumerate(_TABS):
            self.tabs.setTabVisible(number, there[name])
        is_log = report.icon is NodeIcon.TEXT and "Lines" in dict(report.facts)
        self.tabs.setTabText(1, "Log" if is_log else "Table" if report.columns else "Values")
        order = ("Plot", "Text", "Settings", "Pictures")
        first = next((name for name in order if there[name]), "Attributes")
        wanted = self._liked if self._liked and there[self._liked] else first
        self.tabs.setCurrentIndex(_TABS.index(wanted))

    def show_tab(self, name: str) -> None:
        """Show a tab by its name: Plot, Text, Attributes, Settings, Pictures, Comments or For others."""
        self.tabs.setCurrentIndex(_TABS.index(name))

    def _tab_clicked(self, number: int) -> None:
        self._liked = _TABS[number] if number >= 0 else ""

    def _show_attributes(self, values: Sequence[tuple[str, str, str]]) -> None:
        self.attributes.setRowCount(len(values))
        for row, (name, short, long) in enumerate(values):
            for column, text in enumerate((name, short)):
                cell = QtWidgets.QTableWidgetItem(text)
                cell.setToolTip(plain_tip(name if not column else long[:3000]))
                self.attributes.setItem(row, column, cell)
        self.attributes.resizeColumnToContents(0)
        self.attributes.setColumnWidth(0, min(self.attributes.columnWidth(0) + 12, 220))
        self._show_long(self.attributes.currentRow())

    def _show_long(self, row: int) -> None:
        """Show all of the attribute that is selected, if its line does not."""
        values = self.report.attributes if self.report is not None else ()
        _, short, long = values[row] if 0 <= row < len(values) else ("", "", "")
        self.long_value.setPlainText(long)
        self.long_value.setVisible(long != short)

    def _show_lines(self, report: NodeReport) -> None:
        shown, count = len(report.table or report.lines), report.line_count
        noun = "row" if report.columns else "line"
        self.line_count.setText(count_text(count, noun) if shown >= count else f"{shown:,} of {count:,} are shown")
        self.lines.setPlainText("\n".join(report.lines))
        self.lines.moveCursor(QtGui.QTextCursor.MoveOperation.End)
        self.lines.setVisible(not report.columns)
        self.values.setVisible(bool(report.columns))
        self.values.setRowCount(0)
        self.values.setColumnCount(len(report.columns))
        self.values.setHorizontalHeaderLabels(list(report.columns))
        self.values.setRowCount(len(report.table))
        for number, row in enumerate(report.table):
            for column, text in enumerate(row):
                cell = QtWidgets.QTableWidgetItem(text)
                if text.lstrip("-")[:1].isdigit():
                    cell.setTextAlignment(_RIGHT)
                    self.values.horizontalHeaderItem(column).setTextAlignment(_RIGHT)
                self.values.setItem(number, column, cell)
        self.values.resizeColumnsToContents()

    def _show_pictures(self, pictures: Sequence[tuple[str, bytes]]) -> None:
        page = QtWidgets.QWidget()
        layout = QtWidgets.QVBoxLayout(page)
        for name, png in pictures:
            caption = PlainLabel(name)
            picture = QtWidgets.QLabel()
            loaded = QtGui.QPixmap()
            if _pixels(png) <= _MOST_PIXELS and loaded.loadFromData(png):
                picture.setPixmap(loaded)
            else:
                picture.setText(f"This picture of {len(png):,} bytes can't be shown: it is damaged, or too large.")
            layout.addWidget(caption)
            layout.addWidget(picture)
        layout.addStretch()
        self.pictures.setWidget(page)

    # -------------------------------------------------------------- comments
    def _comment_edited(self) -> None:
        modified = self.comments.document().isModified()
        self.comment_button.setEnabled(modified and not self._may_comment)
        self.comment_state.setText(self._may_comment or ("Not saved yet." if modified else ""))

    def _comment_pressed(self) -> None:
        if self.report is not None:
            self.comment_button.setEnabled(False)
            self.comment_state.setText("Saving…")
            self.comment_saved.emit(self.report.path, self.comments.toPlainText())

    def comment_done(self, problem: str = "") -> None:
        """Say that the comment was written, or why it was not; then it stays in the editor."""
        if not problem:
            self.comments.document().setModified(False)
        self._comment_edited()
        self.comment_state.setText(problem or "Saved.")


def _stacked(*widgets: QtWidgets.QWidget) -> QtWidgets.QWidget:
    page = QtWidgets.QWidget()
    stack(page, *widgets, margins=(2, 4, 2, 2))
    return page


def _pixels(png: bytes) -> int:
    """Return how many pixels a PNG says to have, too many if it doesn't say."""
    if len(png) < 24 or png[12:16] != b"IHDR":
        return _MOST_PIXELS + 1
    width, height = struct.unpack(">II", png[16:24])
    return int(width) * int(height)
