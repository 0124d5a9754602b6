"""A saver on screen that knows a server, and a person who chooses in its dialog."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import numpy as np
from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget import DataRaw, DataToExport, DetectorTimeSaver, H5Saver
from h5saver_widget.qt.server_dialog import ServerFiles
from h5saver_widget.qt.status import ThreadCommand

SERVER = ("backend", "hsds_options")
TYPED = "typed by hand and kept nowhere"


class Window:
    """A saver on screen, and what it has said."""

    def __init__(self, qtbot) -> None:
        self.qtbot, self.saver = qtbot, H5Saver("detector")
        self.said: list[ThreadCommand] = []
        self.saver.status_sig.connect(self.said.append)
        self.widget = self.saver.settings_tree
        qtbot.addWidget(self.widget)
        self.widget.resize(300, 900)
        with qtbot.waitExposed(self.widget):
            self.widget.show()
        self.tree = self.saver.tree
        for head in self.tree.sections.values():
            head.setExpanded(True)

    def shows(self, *path: str) -> bool:
        return not self.tree.row_of(*path).isHidden()

    def press_test(self) -> str:
        """Press 'Test connection' and return the answer."""
        answer = self.saver.settings.child(*SERVER, "connection")
        self.qtbot.mouseClick(self.tree.button_of("test"), QtCore.Qt.MouseButton.LeftButton)
        self.qtbot.waitUntil(lambda: answer.value() not in ("", "Asking the server ..."), timeout=30_000)
        return str(answer.value())

    def save(self, frames: int) -> None:
        """Record frames of a module, as hosts do."""
        module = type("Module", (), {"title": "Camera", "settings": self.saver.settings, "ui": None})()
        saver = DetectorTimeSaver(module)
        saver.h5saver = self.saver
        node = saver.get_set_node()
        for number in range(frames):
            saver.add_data(node, DataToExport("grab", data=[DataRaw("s", data=[np.full(4, float(number))])]))


class Chooser(QtCore.QTimer):
    """Sits before the dialog with the files of a server: sees it wait, and does something when the answer is there."""

    def __init__(
        self, act: Callable[[ServerFiles], None], waiting: Callable[[ServerFiles], None] | None = None
    ) -> None:
        super().__init__()
        self.act, self.waiting = act, waiting
        self.waits = 0
        self.setInterval(20)
        self.timeout.connect(self.look)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def look(self) -> None:
        dialog = QtWidgets.QApplication.activeModalWidget()
        if not isinstance(dialog, ServerFiles):
            return
        if dialog.state.text() == "Asking the server …":
            self.waits += 1
            if self.waiting is not None:
                self.waiting(dialog)
        else:
            self.stop()
            self.act(dialog)
