"""The page without an open file: advice, and recently opened files."""

from __future__ import annotations

from pathlib import Path

from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget.qt.editors import plain_tip
from h5saver_widget.qt.geometry import recent_paths
from h5saver_widget.qt.icons import icon

__all__ = ["StartPage"]


class StartPage(QtWidgets.QWidget):
    """A sentence, a button, recent files."""

    open_pressed = QtCore.Signal()
    """A file shall be chosen."""

    chosen = QtCore.Signal(object)
    """The path of a recent file."""

    def __init__(self) -> None:
        super().__init__()
        self.image = QtWidgets.QLabel(alignment=QtCore.Qt.AlignmentFlag.AlignCenter)
        self.title = QtWidgets.QLabel("No file is open")
        font = self.title.font()
        font.setBold(True)
        font.setPointSizeF(font.pointSizeF() * 1.3)
        self.title.setFont(font)
        self.text = QtWidgets.QLabel(
            "Drag an HDF5 file here, or press Open. Files are only read: looking never changes them, "
            "and a file that is being recorded can be watched.",
            wordWrap=True,
        )
        for label in (self.title, self.text):
            label.setAlignment(QtCore.Qt.AlignmentFlag.AlignCenter)
        self.button = QtWidgets.QPushButton("Open…", toolTip="Choose a file (Ctrl+O)", clicked=self.open_pressed)
        self.recent_title = QtWidgets.QLabel("Opened lately")
        self.recent = QtWidgets.QListWidget(textElideMode=QtCore.Qt.TextElideMode.ElideLeft)
        self.recent.itemActivated.connect(lambda item: self.chosen.emit(item.data(QtCore.Qt.ItemDataRole.UserRole)))
        self.recent.itemClicked.connect(lambda item: self.chosen.emit(item.data(QtCore.Qt.ItemDataRole.UserRole)))
        column = QtWidgets.QWidget()
        column.setMaximumWidth(520)
        inner = QtWidgets.QVBoxLayout(column)
        inner.setSpacing(10)
        inner.addStretch(2)
        inner.addWidget(self.image)
        inner.addWidget(self.title)
        inner.addWidget(self.text)
        inner.addWidget(self.button, 0, QtCore.Qt.AlignmentFlag.AlignCenter)
        inner.addSpacing(12)
        inner.addWidget(self.recent_title)
        inner.addWidget(self.recent, 3)
        inner.addStretch(1)
        layout = QtWidgets.QHBoxLayout(self)
        layout.addStretch()
        layout.addWidget(column, 10)
        layout.addStretch()
        self.update_icons()
        self.update_recent()

    def update_recent(self) -> None:
        """List the files that were opened last."""
        files = recent_paths("files")
        self.recent.clear()
        for path in files:
            item = QtWidgets.QListWidgetItem(icon("h5saver"), f"{path.name}   –   {path.parent}")
            item.setData(QtCore.Qt.ItemDataRole.UserRole, Path(path))
            item.setToolTip(plain_tip(str(path)))
            self.recent.addItem(item)
        self.recent.setVisible(bool(files))
        self.recent_title.setVisible(bool(files))
        height = self.recent.sizeHintForRow(0) * len(files) + 8 if files else 0
        self.recent.setMaximumHeight(height)

    def update_icons(self) -> None:
        """Draw the picture in the colours of the palette."""
        self.image.setPixmap(icon("browse").pixmap(48, 48))
        self.button.setIcon(icon("folder"))
