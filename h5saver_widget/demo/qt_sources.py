"""Measurements with Qt: how late the event loop is, and the picture on the screen."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.data import Axis, DataCalculated, DataRaw
from h5saver_widget.demo.sources import Source, SourceError

if TYPE_CHECKING:
    from h5saver_widget.data import DataToExport

__all__ = ["LoopJitter", "ScreenCamera", "screen_can_be_seen"]


class LoopJitter(Source):
    """How late this program's event loop calls a timer: a histogram in ms of the last ticks, so many as are kept.

    A program that waits for its disk or compresses on its GUI thread is late: this shows the cost of recording.

    >>> LoopJitter.bins, LoopJitter.bin_width
    (80, 0.25)
    """

    title = "Event loop jitter"
    short = "Jitter"
    histogram = True
    icon = "spectrum"
    dim = "Data1D"
    rate, max_rate = 5.0, 20.0
    about = "How late this program is: a timer should tick every 5 ms, the histogram shows by how much it was late"
    tick = 5
    """Time between two ticks, in ms."""
    bins, bin_width = 80, 0.25
    """Number of bins and their width in ms: 0 to 20 ms; what is later is counted in the last bin."""

    def __init__(self, keep: int = 1000) -> None:
        """Start the timer; it runs all the time, so that a single frame has something to show as well."""
        centres = (np.arange(self.bins) + 0.5) * self.bin_width
        self._axis = Axis("late by", units="ms", data=centres)
        self._late: deque[float] = deque(maxlen=keep)
        self._expected = 0.0
        self._timer = QtCore.QTimer(timerType=QtCore.Qt.TimerType.PreciseTimer, singleShot=True, timeout=self._on_tick)
        self._aim()

    def close(self) -> None:
        """Tick no more."""
        self._timer.stop()

    def read(self) -> DataToExport:
        """Return the histogram of the last ticks, and how late the worst of them was."""
        late = np.array(self._late)
        edges = np.arange(self.bins + 1) * self.bin_width
        counts, _ = np.histogram(np.clip(late, 0.0, edges[-1] - self.bin_width / 2), edges)
        return self._bundle(
            DataRaw("jitter", data=[counts.astype(float)], labels=["ticks"], units="counts", axes=[self._axis]),
            DataCalculated("worst", data=[np.array([late.max(initial=0.0)])], labels=["late by"], units="ms"),
        )

    def _aim(self) -> None:
        # Single shots: a repeating timer leaves out the ticks that it missed, and would hide just what is looked for.
        self._expected = time.perf_counter() + self.tick / 1000
        self._timer.start(self.tick)

    def _on_tick(self) -> None:
        self._late.append(max(0.0, (time.perf_counter() - self._expected) * 1000))
        self._aim()


class ScreenCamera(Source):
    """The screen, or one window of this program, as a camera: 8-bit grey frames of one fixed size.

    The picture is scaled into the frame with its proportions kept, so that a window that changes its size does not
    change the shape of the saved frame. The window is shown where programs may not read the screen (no screen,
    Wayland), unless `whole_screen` says which.

    >>> ScreenCamera.width, ScreenCamera.height
    (640, 400)
    """

    icon = "camera"
    dim = "Data2D"
    rate, max_rate = 5.0, 30.0
    width, height = 640, 400
    """Size of a frame in pixels."""

    def __init__(self, window: QtWidgets.QWidget, whole_screen: bool | None = None) -> None:
        self._window = window
        self.whole_screen = screen_can_be_seen() if whole_screen is None else whole_screen
        what = "the screen" if self.whole_screen else "this window"
        self.title = "Screen camera" if self.whole_screen else "Window camera"
        self.short = "Screen" if self.whole_screen else "Window"
        self.about = f"Looks at {what}: grey frames of {self.width} × {self.height} px, 8 bits (0.3 MB a frame)"
        self._axes = [
            Axis("y", units="px", offset=0, scaling=1, size=self.height, index=0),
            Axis("x", units="px", offset=0, scaling=1, size=self.width, index=1),
        ]

    def read(self) -> DataToExport:
        """Take a picture.

        SourceError if the screen or window gives none.
        """
        if self.whole_screen:
            screen = self._window.screen() or QtGui.QGuiApplication.primaryScreen()
            return self._picture(screen.grabWindow(0))
        return self._picture(self._window.grab())

    def _picture(self, pixmap: QtGui.QPixmap) -> DataToExport:
        if pixmap.isNull():
            raise SourceError(f"{self.title}: there is nothing to see, the picture is empty")
        frame = grey_frame(pixmap.toImage(), self.width, self.height)
        return self._bundle(
            DataRaw("image", data=[frame], labels=["brightness"], units="counts", axes=list(self._axes)),
            DataCalculated("mean brightness", data=[np.array([frame.mean()])], labels=["brightness"], units="counts"),
        )


def grey_frame(image: QtGui.QImage, width: int, height: int) -> NDArray[np.uint8]:
    """Return a picture as grey values: uint8 of shape (height, width), 0 is black.

    It is scaled into a black frame with its proportions kept.
    """
    image = image.convertToFormat(QtGui.QImage.Format.Format_RGB32)
    # Half smooth, half fast: scaling smoothly in one step costs 20 ms for a large screen.
    size = image.size().scaled(width, height, QtCore.Qt.AspectRatioMode.KeepAspectRatio)
    aspect = QtCore.Qt.AspectRatioMode.IgnoreAspectRatio
    if image.width() > 4 * size.width():
        image = image.scaled(2 * size, aspect, QtCore.Qt.TransformationMode.FastTransformation)
    image = image.scaled(size, aspect, QtCore.Qt.TransformationMode.SmoothTransformation)
    image = image.convertToFormat(QtGui.QImage.Format.Format_Grayscale8)
    bits = image.constBits()
    if hasattr(bits, "setsize"):  # PyQt's pointers know no size
        bits.setsize(image.sizeInBytes())
    rows = np.frombuffer(bits, np.uint8).reshape(image.height(), image.bytesPerLine())[:, : image.width()]
    frame = np.zeros((height, width), np.uint8)
    top, left = (height - image.height()) // 2, (width - image.width()) // 2
    frame[top : top + image.height(), left : left + image.width()] = rows
    return frame


def screen_can_be_seen() -> bool:
    """Tell whether programs may take a picture of the screen here: not offscreen, and not on Wayland."""
    if QtGui.QGuiApplication.platformName() not in ("xcb", "windows", "cocoa"):
        return False
    screen = QtGui.QGuiApplication.primaryScreen()
    return screen is not None and not screen.grabWindow(0, 0, 0, 8, 8).isNull()
