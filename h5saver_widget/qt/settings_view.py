"""The settings of a saver on screen: four sections in the order of use, narrow, in the host's colours.

The parameters stay as programs know them; which one stands where is in :mod:`h5saver_widget.qt.sections`, and this view
decides which row shows it. A host that puts the same parameters into a tree of its own gets pyqtgraph's usual look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Final

from pyqtgraph.parametertree import Parameter, ParameterItem
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.qt import setting_rows as rows
from h5saver_widget.qt.asker import Asker, BackgroundCall
from h5saver_widget.qt.buttons_row import ButtonsRow
from h5saver_widget.qt.editors import ElidedEdit, PlainLabel, plain_tip
from h5saver_widget.qt.keeper import Keeper
from h5saver_widget.qt.notes_table import CommentLine
from h5saver_widget.qt.plain_tree import PlainTree
from h5saver_widget.qt.sections import COMMENT, SECTIONS, Buttons, Section
from h5saver_widget.qt.server_rows import PasswordRow, SentenceRow
from h5saver_widget.qt.settings_menu import SettingsMenu
from h5saver_widget.qt.status import explain

__all__ = ["SettingsTree"]

#: The name of the next file is looked for again after so many times as long as it took.
_LOOK_SHARE: Final = 50

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
    "template": rows.TemplateRow,
    "password": PasswordRow,
    "api_key": PasswordRow,
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

    `next_file` returns a function that finds the name of a file made at a time, in the given folder or, for None, in
    that of the settings. That looks into folders and is called in a thread of its own: it must hold no QObject.
    NamingError says why there can't be a name, OSError why not in this folder. `comment` writes a line into the log of
    the file; it raises an error with a sentence if it can't.
    """

    def __init__(
        self,
        settings: Parameter,
        next_file: Callable[[str | None], Callable[[datetime], str]],
        comment: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(showHeader=False)
        self._keeper = Keeper(self)  # of the rows as well: their editors have timers
        self._settings = settings
        self._next_file = next_file
        self._comment = comment
        self._items: list[ParameterItem | ButtonsRow] = []
        self._looking_for = datetime.now()
        self._typed: str | None = None
        self._changed_meanwhile = False
        self._shown_at = self._cost = 0.0
        #: The time that stands in the name shown as *Next file*; None while there is none.
        self.shown_for: datetime | None = None
        self._asker = Asker("next file", self)
        self._asker.answered.connect(self._look_ended)
        self.setRootIsDecorated(True)
        self.setIndentation(11)
        self.setAlternatingRowColors(False)
        self.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode.NoSelection)
        self.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        self.setAccessibleName("Settings of the saver")
        self.setMinimumWidth(220)
        # On the colour of the window, like a form: editors stand out, and dark check boxes are seen.
        self.viewport().setAutoFillBackground(False)
        self.header().setStretchLastSection(True)
        self.header().setSectionResizeMode(0, QtWidgets.QHeaderView.ResizeMode.ResizeToContents)
        self.header().setSectionResizeMode(1, QtWidgets.QHeaderView.ResizeMode.Stretch)
        self.sections = {section.title: self._add_section(section) for section in SECTIONS}
        self._add_what_is_left()
        self.itemClicked.connect(self._item_clicked)
        settings.child("recording", "presets").sigActivated.connect(self._presets_pressed)
        self._update_icons()
        self.row_of("base_path").widget.line.textEdited.connect(self._folder_typed)
        names: list[tuple[str, ...]] = [(name,) for name in ("base_path", "base_name", "save_type", "current_h5_file")]
        names += [
            ("backend", "backend_type"),
            ("backend", "hsds_options", "local_first"),
            ("backend", "hsds_options", "user"),
            ("backend", "hsds_options", "domain"),
        ]
        for path in (*names, *(("recording", name) for name in ("name_template", "dated_folders", "notes"))):
            settings.child(*path).sigValueChanged.connect(self.update_next_file)
        self._clock = QtCore.QTimer(self, interval=1000, timeout=self._clock_ticked)
        self.update_next_file()

    def show_section(self, title: str) -> None:
        """Open a section, and bring it to the top."""
        head = self.sections[title]
        head.setExpanded(True)
        self.scrollToItem(head, QtWidgets.QAbstractItemView.ScrollHint.PositionAtTop)

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
        buttons = ButtonsRow(actions)
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
        self.next_line = ElidedEdit(shown_only=True)
        self.next_line.setAccessibleName("Next file")
        self._next_box = QtWidgets.QWidget()
        layout = QtWidgets.QHBoxLayout(self._next_box)
        layout.setContentsMargins(2, 1, 4, 1)
        layout.setSpacing(8)
        layout.addWidget(QtWidgets.QLabel("Next file"))
        layout.addWidget(self.next_line, 1)
        self._add_wide(head, self._next_box)
        self._reason = PlainLabel()
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
            if isinstance(item, ButtonsRow):
                item.let_go()
            else:
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
            item.buttons[name] for item in self.listAllItems() if isinstance(item, ButtonsRow) and name in item.buttons
        ]
        return found[0]

    def update_next_file(self, *_: object) -> None:
        """Look for the name of the next file, and show it, or why there can't be one.

        A network share that hangs must not hang the window: a thread looks, one at a time; the last question counts.
        """
        if not self.row_of("base_path").widget.line.hasFocus():
            self._typed = None
        if self._asker.busy:
            self._changed_meanwhile = True
        else:
            self._look()

    def _folder_typed(self, text: str) -> None:
        """Show the problem of a folder while it is typed."""
        self._typed = text
        self.update_next_file()

    def _look(self) -> None:
        now = datetime.now()
        try:
            find = self._next_file(self._typed)
        except (ValueError, OSError) as error:
            self._show_next_file(now, "", error)
            return
        self._looking_for, self._changed_meanwhile = now, False
        self._asker.ask(partial(find, now))

    def _look_ended(self, answer: BackgroundCall) -> None:
        self._cost = answer.seconds
        if self._changed_meanwhile:
            self._look()
        else:
            self._show_next_file(self._looking_for, answer.result, answer.error)

    def _show_next_file(self, now: datetime, text: str, error: BaseException | None) -> None:
        self._shown_at = monotonic()
        self.shown_for = now if text else None
        reason = "" if error is None else explain(error)
        tip = plain_tip(reason or f"{text}\nName of the next new file, if it were made now.")
        is_folder = isinstance(error, OSError)
        for line, wrong in (
            (self.next_line, bool(reason)),
            (self.row_of("recording", "name_template").widget, bool(reason) and not is_folder),
            (self.row_of("base_path").widget.line, is_folder),
        ):
            rows.set_alarm(line, wrong)
        text = text or "not possible"
        if text != self.next_line.text():
            self.next_line.setText(text)
        for widget in (self.next_line, self._next_box):
            widget.setToolTip(plain_tip(tip))
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

    # ------------------------------------------------------------------ menu
    def menu_of(self, item: QtWidgets.QTreeWidgetItem | None) -> SettingsMenu:
        """Return the menu of a row: its setting as it is at first, and the presets."""
        return SettingsMenu(self, self._settings, item.param if isinstance(item, ParameterItem) else None)

    def contextMenuEvent(self, event: QtGui.QContextMenuEvent) -> None:
        """Offer to reset a setting, the presets, and the usual actions of a line."""
        menu = self.menu_of(self.itemAt(self.viewport().mapFromGlobal(event.globalPos())))
        line = QtWidgets.QApplication.widgetAt(event.globalPos())
        if isinstance(line, QtWidgets.QLineEdit):
            menu.add_line(line)
        menu.popup(event.globalPos())

    def _presets_pressed(self, *_: object) -> None:
        button = self.button_of("presets")
        self.menu_of(None).popup(button.mapToGlobal(QtCore.QPoint(0, button.height())))

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
        kinds = (QtCore.QEvent.Type.PaletteChange, QtCore.QEvent.Type.StyleChange)
        if event.type() in kinds and hasattr(self, "sections"):
            self._update_icons()

    def sizeHint(self) -> QtCore.QSize:
        """Return a size at which the open sections are seen."""
        return QtCore.QSize(320, 420)
