"""Layouts and buttons as this window makes them, by one call each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pyqtgraph.Qt import QtCore, QtWidgets

__all__ = ["stack", "tool_button", "unheard"]


def stack(
    parent: QtWidgets.QWidget, *widgets: QtWidgets.QWidget, margins: tuple[int, int, int, int], spacing: int = -1
) -> QtWidgets.QVBoxLayout:
    """Put widgets below each other into another one, and return its layout; a spacing of -1 is that of the style."""
    layout = QtWidgets.QVBoxLayout(parent)
    layout.setContentsMargins(*margins)
    layout.setSpacing(spacing)
    for widget in widgets:
        layout.addWidget(widget)
    return layout


def tool_button(text: str, image: str, tip: str) -> QtWidgets.QToolButton:
    """Return a button with a text; its property ``image`` names the icon."""
    button = QtWidgets.QToolButton(text=text, toolTip=tip, accessibleName=tip)
    button.setProperty("image", image)
    return button


@contextmanager
def unheard(*objects: QtCore.QObject) -> Iterator[None]:
    """Change objects in the block without their signals."""
    for one in objects:
        one.blockSignals(True)
    try:
        yield
    finally:
        for one in objects:
            one.blockSignals(False)
