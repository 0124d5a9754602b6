"""The frame around a panel with a saver: a tool bar, the saver beside the content, a line for messages."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.browsing.formatting import count_text
from h5saver_widget.format.layout import SaveType
from h5saver_widget.qt.editors import PlainLabel, plain_tip
from h5saver_widget.qt.h5saver import H5Saver
from h5saver_widget.qt.icons import icon
from h5saver_widget.qt.keeper import Keeper
from h5saver_widget.qt.leaving import Leaving
from h5saver_widget.qt.status import ThreadCommand
from h5saver_widget.recording.status import RecorderStatus

__all__ = ["Station", "add_action", "show_grab", "show_record", "tell_status"]

_RED = "#d32f2f"
SAVER_WIDTH = 320
NARROW = 620
"""Below this width, in pixels, the saver stands under the content and not beside it."""


def add_action(
    bar: QtWidgets.QToolBar,
    name: str,
    text: str,
    tip: str,
    do: Callable,
    *,
    keys: str = "",
    checkable: bool = False,
    other: str = "",
) -> QtGui.QAction:
    """Add a button to a tool bar: its icon, words and tooltip, and what is called when it is pressed.

    `keys` do the same, such as ``'Ctrl+R or F9'``; the tooltip names them. A `checkable` one stays pressed. Where it
    will have an `other` text, it is as wide as the longer one: the buttons beside it must not jump.
    """
    action = bar.addAction(icon(name), text)
    action.setShortcuts([QtGui.QKeySequence(key) for key in keys.split(" or ") if key])
    action.setToolTip(f"{tip} ({keys})" if keys else tip)
    action.setCheckable(checkable)
    action.triggered.connect(do)
    button = bar.widgetForAction(action)
    button.setFocusPolicy(QtCore.Qt.FocusPolicy.TabFocus)
    if other:
        width = button.sizeHint().width()
        action.setText(other)
        button.setMinimumWidth(max(width, button.sizeHint().width()))
        action.setText(text)
    return action


def show_grab(action: QtGui.QAction, on: bool, text: str = "Grab", other: str = "Stop") -> None:
    """Show on a button whether frames are taken, and its action."""
    action.setChecked(on)
    action.setText(other if on else text)
    action.setIcon(icon("stop" if on else "grab"))


def show_record(action: QtGui.QAction, status: RecorderStatus) -> None:
    """Show on a button whether a file is open to be recorded into, and its action."""
    action.setChecked(status.is_open)
    action.setText("Stop recording" if status.is_open else "Record")
    action.setIcon(icon("stop") if status.is_open else icon("record", _RED))


def tell_status(status: ThreadCommand, lost: int, tell: Callable[[str], None], fail: Callable[[str], None]) -> None:
    """Pass on the messages of a saver, without those that its strip shows; lost frames are said once, at the end."""
    if status.command == "error":
        fail(status.message)
    elif status.command not in ("saved", "saving"):
        tell(status.message)
    if status.command == "closed" and lost:
        fail(f"{count_text(lost, 'frame')} of this recording could not be saved")


class Station(QtWidgets.QWidget):
    """A widget that measures and saves by itself: content, saver and messages; sub-classes bring the content.

    Parameters
    ----------
    title
        Title: the name of its group in the file.
    save_type
        The purpose of its files.
    h5saver
        A saver of the host's; one is made by default.
    saver_beside
        Whether the saver's settings stand beside the content. A host that wants them elsewhere says False and puts
        ``station.h5saver.settings_tree`` where it likes.

    Attributes
    ----------
    h5saver
        The saver that its files are written with.
    last_error
        The last error that was shown, or an empty text.
    """

    message = QtCore.Signal(str)
    """Something worth a line in a log."""

    failed = QtCore.Signal(str)
    """What did not work, and why."""

    def __init__(
        self,
        title: str,
        save_type: SaveType | str,
        h5saver: H5Saver | None = None,
        saver_beside: bool = True,
        parent: QtWidgets.QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._keeper = Keeper(self)
        self.title = title
        self.last_error = ""
        self.h5saver = H5Saver(SaveType.of(save_type)) if h5saver is None else h5saver
        self._owns_saver = h5saver is None
        self.h5saver.status_sig.connect(self._on_status)
        self.h5saver.status_changed.connect(self.show_status)
        self.toolbar = QtWidgets.QToolBar(title)
        self.toolbar.setToolButtonStyle(QtCore.Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.toolbar.setIconSize(QtCore.QSize(18, 18))
        self._splitter = QtWidgets.QSplitter(childrenCollapsible=False)
        self._line = PlainLabel()
        self._line.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        # A long sentence takes what room there is and never pushes.
        self._line.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Preferred)
        self._line.setMargin(4)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.setSizeConstraint(QtWidgets.QLayout.SizeConstraint.SetNoConstraint)  # see minimumSizeHint
        layout.addWidget(self.toolbar)
        layout.addWidget(self._splitter, 1)
        layout.addWidget(self._line)
        self._beside = saver_beside
        self._leaving = Leaving(self, [self.h5saver])
        self._shrinking: list[QtWidgets.QToolButton] = []

    # ------------------------------------------------------------------------------------------ for sub-classes
    def set_content(self, widget: QtWidgets.QWidget) -> None:
        """Show the content, with the saver beside it if that was asked for; called once, after all actions."""
        self._splitter.addWidget(widget)
        self._splitter.setStretchFactor(0, 1)
        if not self._beside:
            return
        tree = self.h5saver.settings_tree
        tree.setMinimumWidth(280)
        self._splitter.addWidget(tree)
        self._splitter.setSizes([10 * SAVER_WIDTH, SAVER_WIDTH])
        spacer = QtWidgets.QWidget()
        spacer.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Preferred)
        self.toolbar.addWidget(spacer)
        show = self.add_action("settings", "Saver", "Show or hide the saver's settings", tree.setVisible, True)
        show.setChecked(True)

    def add_action(
        self, name: str, text: str, tip: str, do: Callable, checkable: bool = False, other: str = ""
    ) -> QtGui.QAction:
        """Add a button to the tool bar, see :func:`add_action`; one without another text shrinks in a narrow window."""
        action = add_action(self.toolbar, name, text, tip, do, checkable=checkable, other=other)
        if not other:
            self._shrinking.append(self.toolbar.widgetForAction(action))
        return action

    def end_by(self, end: Callable[[], None]) -> None:
        """Call `end` where a host deletes this widget without closing it, and then close a saver of its own."""
        self.destroyed.connect(partial(_let_go, end, self.h5saver if self._owns_saver else None))

    # ------------------------------------------------------------------------------------------------- for all
    def stop(self) -> None:
        """Measure no more; measured data are saved."""
        raise NotImplementedError

    def finish(self) -> None:
        """Stop measuring and saving, and close the file; may be called again."""
        raise NotImplementedError

    def show_message(self, text: str) -> None:
        """Show a line below the content, and tell the host."""
        self._show_line(text, bold=False)
        self.message.emit(text)

    def show_error(self, text: str) -> None:
        """Show an error below the content, and tell the host; never a dialog, data may be coming in."""
        self.last_error = text
        self._show_line(f"Error: {text}", bold=True)
        self.failed.emit(text)

    def _show_line(self, text: str, bold: bool) -> None:
        font = self._line.font()
        font.setBold(bold)
        self._line.setFont(font)
        self._line.setText(text)
        self._line.setToolTip(plain_tip(text))

    def show_status(self, status: RecorderStatus) -> None:
        """Show the state of the saver beside its own strip."""

    def _on_status(self, status: ThreadCommand) -> None:
        tell_status(status, self.h5saver.frames_lost, self.show_message, self.show_error)

    # ---------------------------------------------------------------------------------------------- Qt's calls
    def minimumSizeHint(self) -> QtCore.QSize:
        """Return the size of the narrow form: the wide one would never let it get there."""
        return QtCore.QSize(320, 420)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """Put the saver under the content where there is no room beside it."""
        super().resizeEvent(event)
        narrow = self.width() < NARROW
        wanted = QtCore.Qt.Orientation.Vertical if narrow else QtCore.Qt.Orientation.Horizontal
        if self._splitter.orientation() != wanted:
            styles = QtCore.Qt.ToolButtonStyle
            for button in self._shrinking:
                button.setToolButtonStyle(styles.ToolButtonIconOnly if narrow else styles.ToolButtonTextBesideIcon)
            self._splitter.setOrientation(wanted)
            self._splitter.setSizes([self.height() // 2] * 2 if narrow else [10 * SAVER_WIDTH, SAVER_WIDTH])

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        """Stop and close the file before the widget goes, if it is a window; it stays while a disk does not answer."""
        self.stop()
        if not self._leaving.may_close():
            event.ignore()
            return
        if not self._leaving.anyway:
            self.finish()
        super().closeEvent(event)


def _let_go(end: Callable[[], None], h5saver: H5Saver | None, *_: object) -> None:
    end()
    if h5saver is not None:
        with suppress(RuntimeError):  # at the end of a program, the saver may be gone before its panel
            h5saver.close_file()
