"""The one question a saver asks: an existing file is made for SWMR and the settings are not, or the other way round."""

from __future__ import annotations

from pathlib import Path

from pyqtgraph.Qt import QtWidgets

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
    button = QtWidgets.QMessageBox.StandardButton
    made, wanted, switched = ("with", "off", "on") if file_is_swmr else ("without", "on", "off")
    text = (
        f"{path.name} was made {made} SWMR (single writer, multiple readers), but SWMR is {wanted} in the settings.\n\n"
        f"Yes: switch SWMR {switched} and add to this file.\n"
        f"No: make a new file. The existing one is kept as {path.stem}_old1{path.suffix} (or the next free number).\n"
        "Cancel: open nothing."
    )
    answer = QtWidgets.QMessageBox.question(
        parent, "SWMR settings differ", text, button.Yes | button.No | button.Cancel, button.Yes
    )
    return {button.Yes: SwmrAnswer.ADAPT, button.No: SwmrAnswer.NEW}.get(answer, SwmrAnswer.CANCEL)
