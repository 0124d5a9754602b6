"""The line above the trees: open a file or one of the last, where the shown one lies, follow it, read it again."""

from __future__ import annotations

from pathlib import Path

from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget.qt.browser.making import tool_button
from h5saver_widget.qt.editors import CheckBox, ElidedEdit, plain_tip
from h5saver_widget.qt.geometry import recent_paths
from h5saver_widget.qt.icons import icon

__all__ = ["TopBar"]


class TopBar(QtWidgets.QWidget):
    """Buttons, and the path of the file that is shown."""

    open_pressed = QtCore.Signal()
    """A file shall be chosen."""

    chosen = QtCore.Signal(object)
    """The path of a recent file."""

    refresh_pressed = QtCore.Signal()
    """The files shall be read again."""

    def __init__(self) -> None:
        super().__init__()
        self.open_button = tool_button("Open…", "folder", "Open a file (Ctrl+O)")
        self.open_button.setPopupMode(QtWidgets.QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self.recent_menu = QtWidgets.QMenu(self.open_button)
        self.recent_menu.aboutToShow.connect(self._list_recent)
        self.open_button.setMenu(self.recent_menu)
        self.open_button.clicked.connect(self.open_pressed)
        self.path_label = ElidedEdit(shown_only=True)
        self.path_label.setAccessibleName("File")
        self.path_label.setFocusPolicy(QtCore.Qt.FocusPolicy.ClickFocus)
        self.follow = CheckBox("Follow", "Read new data of the files once a second, and show them")
        self.refresh_button = tool_button("Refresh", "refresh", "Read the files again (F5)")
        self.refresh_button.clicked.connect(self.refresh_pressed)
        for button in (self.open_button, self.refresh_button):
            button.setToolButtonStyle(QtCore.Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.open_button, self.path_label, self.follow, self.refresh_button):
            layout.addWidget(widget, int(widget is self.path_label))

    def show_file(self, path: Path | None, is_any_open: bool) -> None:
        """Show the path of a file; without any, there is nothing to follow or to read again."""
        self.path_label.setText(str(path or ""))
        self.path_label.setToolTip(plain_tip(str(path or "")))
        self.follow.setEnabled(is_any_open)
        self.refresh_button.setEnabled(is_any_open)

    def _list_recent(self) -> None:
        self.recent_menu.clear()
        files = recent_paths("files")
        for path in files:
            action = self.recent_menu.addAction(f"{path.name}   {path.parent}".replace("&", "&&"))
            action.triggered.connect(lambda _=False, path=path: self.chosen.emit(path))
        if not files:
            self.recent_menu.addAction("No file was opened yet").setEnabled(False)

    def update_icons(self) -> None:
        """Draw the icons in the colours of the palette."""
        for button in (self.open_button, self.refresh_button):
            button.setIcon(icon(button.property("image")))
