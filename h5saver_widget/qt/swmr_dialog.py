"""The one question a saver asks: an existing file is made for SWMR and the settings are not, or the other way round."""

from __future__ import annotations

from pathlib import Path

from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget.recording.picking import SwmrAnswer

__all__ = ["ask_swmr"]


def ask_swmr(parent: QtWidgets.QWidget | None, path: Path, file_is_swmr: bool) -> SwmrAnswer:
    """Ask how to open a file whose SWMR state differs from the settings.

    Parameters
    ----------
    parent
        Window that the question belongs to.
    path
        The existing file.
    file_is_swmr
        Whether the file was made for SWMR (the settings then say the opposite).
    """
    made, wanted, switched = ("with", "off", "on") if file_is_swmr else ("without", "on", "off")
    box = QtWidgets.QMessageBox(parent)
    box.setIcon(QtWidgets.QMessageBox.Icon.Question)
    box.setWindowTitle("SWMR settings differ")
    box.setTextFormat(QtCore.Qt.TextFormat.PlainText)
    box.setText(
        f"{path.name} was made {made} SWMR (single writer, multiple readers), but SWMR is {wanted} in the settings.\n\n"
        f"If you keep it, it is renamed to {path.stem}_old1{path.suffix} (or the next free number)."
    )
    roles = QtWidgets.QMessageBox.ButtonRole
    append = box.addButton(f"Append with SWMR {switched}", roles.AcceptRole)
    keep = box.addButton("Keep it and start a new file", roles.DestructiveRole)
    box.addButton("Open nothing", roles.RejectRole)
    box.setDefaultButton(append)
    box.exec()
    return {append: SwmrAnswer.ADAPT, keep: SwmrAnswer.NEW}.get(box.clickedButton(), SwmrAnswer.CANCEL)
