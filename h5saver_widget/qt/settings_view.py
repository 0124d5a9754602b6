"""The settings of a saver on screen: four sections in the order of use, narrow, in the host's colours.

The parameters stay as programs know them; this view only decides which one stands where (:data:`SECTIONS`) and which
row shows it. A host that puts the same parameters into a tree of its own gets pyqtgraph's usual look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Final

from pyqtgraph.parametertree import Parameter, ParameterItem
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.qt import setting_rows as rows
from h5saver_widget.qt.asker import Answer, Asker
from h5saver_widget.qt.editors import ElidedEdit
from h5saver_widget.qt.keeper import Keeper
from h5saver_widget.qt.notes_table import CommentLine
from h5saver_widget.qt.plain_tree import PlainTree
from h5saver_widget.qt.server_rows import PasswordRow, SentenceRow

__all__ = ["SECTIONS", "Section", "SettingsTree"]

Path = tuple[str, ...]


@dataclass(frozen=True)
class Buttons:
    """Actions that share a line: paths of parameters and icons."""

    actions: tuple[tuple[Path, str], ...]


@dataclass(frozen=True)
class Section:
    """A heading and the rows below it.

    Attributes
    ----------
    title
        The heading.
    rows
        Paths of parameters, buttons, ``'next file'`` or ``'comment'``.
    expanded
        Whether it is open at first.
    """

    title: str
    rows: tuple[Path | Buttons | str, ...]
    expanded: bool = True


#: The name of the next file is looked for again after so many times as long as it took.
_LOOK_SHARE: Final = 50

NEXT_FILE: Final = "next file"
COMMENT: Final = "comment"

SECTIONS: Final = (
    Section(
        "Saving",
        (
            ("do_save",),
            Buttons(((("recording", "pause"), "pause"),)),
            Buttons(((("new_file",), "new-file"), (("browse",), "folder"))),
            ("N_saved",),
            ("current_h5_file",),
            Buttons(((("show_file",), "browse"),)),
        ),
    ),
    Section(
        "Where",
        (
            ("base_path",),
            ("base_name",),
            ("recording", "name_template"),
            ("custom_name",),
            NEXT_FILE,
            ("recording", "dated_folders"),
            ("current_scan_name",),
            ("current_scan_path",),
        ),
    ),
    Section("Notes", (("recording", "notes"), COMMENT), expanded=False),
    Section(
        "What",
        (
            ("save_type",),
            ("save_2D",),
            ("save_raw_only",),
            ("data_format", "dynamic"),
            ("data_format", "fill_value"),
            ("close_after_scan",),
        ),
        expanded=False,
    ),
    Section(
        "Limits",
        (
            ("recording", "roll_over_size"),
            ("recording", "roll_over_time"),
            ("recording", "roll_over_frames"),
            ("recording", "stop_after_time"),
            ("recording", "stop_after_frames"),
            ("recording", "reserve"),
            ("recording", "sources"),
        ),
        expanded=False,
    ),
    Section(
        "How",
        (
            ("backend", "backend_type"),
            ("backend", "isolated"),
            ("backend", "power_safe"),
            ("backend", "mirror"),
            ("backend", "hsds_options"),
            ("backend", "swmr_options"),
            ("data_format", "compression_options"),
            ("data_format", "nexus"),
        ),
        expanded=False,
    ),
)

#: Rows by parameter name, then by type; everything else takes pyqtgraph's own.
_ROW_BY_NAME: Final = {
    "do_save": rows.DoSaveRow,
    "current_h5_file": rows.WideShownRow,
    "current_scan_name": rows.ShownRow,
    "current_scan_path": rows.ShownRow,
    "N_saved": rows.ShownRow,
    "base_path": rows.FolderRow,
    "name_template": rows.PatternRow,
    "notes": rows.NotesRow,
    "password": PasswordRow,
    "connection": SentenceRow,
}
#: Actions that have a line of their own, with their icons.
_ACTIONS: Final = {"test": "refresh"}
_ROW_BY_TYPE: Final = {
    "bool": rows.BoolRow,
    "list": rows.ListRow,
    "int": rows.NumberRow,
    "float": rows.NumberRow,
    "str": rows.TextRow,
}


class SettingsTree(PlainTree):
    """The settings of one saver.

    Parameters
    ----------
    settings
        The settings of a saver.
    next_file
        Returns a function that finds the name of a file made at a given time. It reads folders and is called in a
        thread of its own: it must hold no QObject. Both raise NamingError with a sentence when there can't be a name.
    comment
        Writes a line into the log of the file; raises an error with a sentence if it can't.
    """

    def __init__(
        self,
        settings: Parameter,
        next_file: Callable[[], Callable[[datetime], str]],
        parent: QtWidgets.QWidget | None = None,
        comment: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(parent, showHeader=False)
        self._keeper = Keeper(self)  # of the rows as well: their editors have timers
        self._settings = settings
        self._next_file = next_file
        self._comment = comment
        self._items: list[ParameterItem | rows.ButtonsRow] = []
        self._looking_for = datetime.now()
        self._changed_meanwhile = False
        self._shown_at = self._cost = 0.0
        #: The time that stands in the name shown as *Next file*; None while there is none.
        self.shown_for: datetime | None = None
        self._asker = Asker("next file", self)
        self._asker.answered.connect(self._look_ended)
        self.setRootIsDecorated(True)
        self.setIndentation(14)
        self.setAlternatingRowColors(False)
        self.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.setMinimumWidth(220)
        # On the colour of the window, like a form: editors stand out, and dark check boxes are seen.
        self.viewport().setAutoFillBackground(False)
        self.header().setStretchLastSection(True)
        self.header().setSectionResizeMode(0, QtWidgets.QHeaderView.ResizeMode.ResizeToContents)
        self.header().setSectionResizeMode(1, QtWidgets.QHeaderView.ResizeMode.Stretch)
        self.sections = {section.title: self._add_section(section) for section in SECTIONS}
        self._add_what_is_left()
        self.itemClicked.connect(self._item_clicked)
        self._update_icons()
        names: list[tuple[str, ...]] = [(name,) for name in ("base_path", "base_name", "save_type", "current_h5_file")]
        names += [
            ("backend", "backend_type"),
            ("backend", "hsds_options", "user"),
            ("backend", "hsds_options", "domain"),
        ]
        for path in (*names, *(("recording", name) for name in ("name_template", "dated_folders", "notes"))):
            settings.child(*path).sigValueChanged.connect(self.update_next_file)
        self._clock = QtCore.QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(self._clock_ticked)
        self.update_next_file()

    # ---------------------------------------------------------------- layout
    def _add_section(self, section: Section) -> QtWidgets.QTreeWidgetItem:
        head = QtWidgets.QTreeWidgetItem([section.title])
        head.setFlags(QtCore.Qt.ItemFlag.ItemIsEnabled)
        font = head.font(0)
        font.setBold(True)
        head.setFont(0, font)
        head.setSizeHint(0, QtCore.QSize(60, QtGui.QFontMetrics(font).height() + 10))
        self.addTopLevelItem(head)
        head.setFirstColumnSpanned(True)
        for row in section.rows:
            if isinstance(row, Buttons):
                self._add_buttons([(self._settings.child(*path), image) for path, image in row.actions], head)
            elif row == COMMENT:
                self._add_comment(head)
            elif isinstance(row, str):
                self._add_next_file(head)
            else:
                self.addParameters(self._settings.child(*row), root=head, depth=1)
        head.setExpanded(section.expanded)
        return head

    def _add_buttons(self, actions: list[tuple[Parameter, str]], root: QtWidgets.QTreeWidgetItem) -> None:
        buttons = rows.ButtonsRow(actions)
        self._items.append(buttons)
        root.addChild(buttons)
        buttons.put()

    def addParameters(
        self,
        param: Parameter,
        root: QtWidgets.QTreeWidgetItem | None = None,
        depth: int = 0,
        showTop: bool = True,
    ) -> None:
        """Add a parameter and its children, each with the row that this view has for it."""
        if param.name() in _ACTIONS:
            self._add_buttons([(param, _ACTIONS[param.name()])], root or self.invisibleRootItem())
            return
        row_class = _ROW_BY_NAME.get(param.name()) or _ROW_BY_TYPE.get(param.type())
        item = param.makeTreeItem(depth) if row_class is None else row_class(param, depth)
        self._items.append(item)
        (root or self.invisibleRootItem()).addChild(item)
        item.treeWidgetChanged()
        if row_class is None:
            item.setToolTip(0, param.opts.get("tip", ""))
        for child in param:
            self.addParameters(child, item, depth + 1)

    def _add_wide(self, head: QtWidgets.QTreeWidgetItem, widget: QtWidgets.QWidget) -> QtWidgets.QTreeWidgetItem:
        item = QtWidgets.QTreeWidgetItem()
        item.setFlags(QtCore.Qt.ItemFlag.ItemIsEnabled)
        head.addChild(item)
        item.setFirstColumnSpanned(True)
        item.setSizeHint(0, QtCore.QSize(60, widget.sizeHint().height()))
        self.setItemWidget(item, 0, widget)
        return item

    def _add_next_file(self, head: QtWidgets.QTreeWidgetItem) -> None:
        self._next_line = ElidedEdit(shown_only=True)
        self._next_box = QtWidgets.QWidget()
        layout = QtWidgets.QHBoxLayout(self._next_box)
        layout.setContentsMargins(2, 1, 4, 1)
        layout.setSpacing(8)
        layout.addWidget(QtWidgets.QLabel("Next file"))
        layout.addWidget(self._next_line, 1)
        self._add_wide(head, self._next_box)
        self._reason = QtWidgets.QLabel()
        self._reason.setWordWrap(True)
        self._reason.setContentsMargins(2, 0, 4, 2)
        self._reason_item = self._add_wide(head, self._reason)
        self._reason_item.setHidden(True)

    def _add_comment(self, head: QtWidgets.QTreeWidgetItem) -> None:
        if self._comment is None:
            return
        self.comment_line = CommentLine(self._comment)
        self._add_wide(head, self.comment_line)

    def _add_what_is_left(self) -> None:
        """Add a host's own rows at the end: every row must be reachable, even one that this table does not know."""
        known = {path for section in SECTIONS for path in section.rows if isinstance(path, tuple)}
        actions = {
            path for section in SECTIONS for row in section.rows if isinstance(row, Buttons) for path, _ in row.actions
        }
        for child in self._settings:
            path = (child.name(),)
            if path not in known | actions and not any(other[0] == child.name() for other in known):
                self.addParameters(child, depth=0)

    def let_go(self) -> None:
        """Listen to the parameters no more: to be called when a host has deleted this tree and the saver lives on.

        Rows are no QObjects, so Qt does not do it: the next change of a parameter would reach a widget that is gone.
        """
        for item in self._items:
            rows.disconnect_row(item)

    # --------------------------------------------------------------- content
    def parameter_items(self) -> Iterator[ParameterItem]:
        """Iterate over the rows that show a parameter."""
        return (item for item in self.listAllItems() if isinstance(item, ParameterItem))

    def row_of(self, *path: str) -> ParameterItem:
        """Return the row of a parameter."""
        param = self._settings.child(*path)
        return next(item for item in self.parameter_items() if item.param is param)

    def button_of(self, name: str) -> QtWidgets.QPushButton:
        """Return the button of an action."""
        found = [
            item.buttons[name]
            for item in self.listAllItems()
            if isinstance(item, rows.ButtonsRow) and name in item.buttons
        ]
        return found[0]

    @property
    def next_file_text(self) -> str:
        """The text of the line 'Next file'."""
        return self._next_line.text()

    def update_next_file(self, *_: object) -> None:
        """Look for the name of the next file, and show it, or why there can't be one.

        A network share that hangs must not hang the window: a thread looks, one at a time; the last question counts.
        """
        if self._asker.busy:
            self._changed_meanwhile = True
        else:
            self._look()

    def _look(self) -> None:
        now = datetime.now()
        try:
            find = self._next_file()
        except (ValueError, OSError) as error:
            self._show_next_file(now, "", str(error))
            return
        self._looking_for, self._changed_meanwhile = now, False
        self._asker.ask(partial(find, now))

    def _look_ended(self, answer: Answer) -> None:
        self._cost = answer.seconds
        if self._changed_meanwhile:
            self._look()
        else:
            reason = "" if answer.error is None else str(answer.error)
            self._show_next_file(self._looking_for, answer.text, reason)

    def _show_next_file(self, now: datetime, text: str, reason: str) -> None:
        self._shown_at = monotonic()
        self.shown_for = now if text else None
        tip = reason or f"{text}\nName of the next new file, if it were made now."
        for line in (self._next_line, self.row_of("recording", "name_template").widget):
            rows.set_alarm(line, bool(reason))
        text = text or "not possible"
        if text != self._next_line.text():
            self._next_line.setText(text)
        self._next_line.setToolTip(tip)
        self._next_box.setToolTip(tip)
        if reason != self._reason.text():
            self._reason.setText(reason)
            rows.set_alarm(self._reason, bool(reason))
            height = self._reason.heightForWidth(max(self.viewport().width() - 2 * self.indentation() - 8, 100))
            self._reason_item.setSizeHint(0, QtCore.QSize(60, height + 4))
            self._reason_item.setHidden(not reason)

    def _clock_ticked(self) -> None:
        # The time goes on, and other programs make files too. Where files are numbered, looking reads a folder: one
        # that answers slowly is not asked all the time.
        if monotonic() - self._shown_at >= _LOOK_SHARE * self._cost:
            self.update_next_file()

    def _item_clicked(self, item: QtWidgets.QTreeWidgetItem, column: int) -> None:
        if item in self.sections.values():
            item.setExpanded(not item.isExpanded())

    # ------------------------------------------------------------------ look
    def _update_icons(self) -> None:
        for item in self.listAllItems():
            if hasattr(item, "update_icons"):
                item.update_icons()

    def showEvent(self, event: QtGui.QShowEvent) -> None:
        """Start the clock of the next file's name."""
        super().showEvent(event)
        self.update_next_file()
        self._clock.start()

    def hideEvent(self, event: QtGui.QHideEvent) -> None:
        """Stop the clock: nobody looks."""
        super().hideEvent(event)
        self._clock.stop()

    def changeEvent(self, event: QtCore.QEvent) -> None:
        """Follow the host's colours."""
        super().changeEvent(event)
        if event.type() == QtCore.QEvent.Type.PaletteChange and hasattr(self, "sections"):
            self._update_icons()

    def sizeHint(self) -> QtCore.QSize:
        """Return a size at which the open sections are seen."""
        return QtCore.QSize(320, 420)
