"""What a saver says, and the strip that shows it: commands sent by ``status_sig``, a light with a word, and numbers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

__all__ = ["StatusStrip", "ThreadCommand", "explain", "format_duration", "format_size"]

#: Rates are smoothed over so many seconds.
RATE_SECONDS: Final = 5.0


@dataclass(frozen=True)
class ThreadCommand:
    """One change of state of a saver.

    Attributes
    ----------
    command
        One of the names below.
    args
        What belongs to it, by name:

        =========  ==================================================  ===========================================
        command    args                                                when
        =========  ==================================================  ===========================================
        opened     ``path``, ``created``, ``moved_aside`` (or None)    a file was created or opened
        saving     ``path``                                            Do Save was switched on
        saved      ``frames``, ``bytes``, ``lost``                     data were saved; at most 10 times a second
        closed     ``path``, ``frames``, ``bytes``                     the file is complete and closed
        message    ``text``                                            something worth knowing happened
        error      ``message``, ``exception`` (or None)                something did not work
        =========  ==================================================  ===========================================

        ``frames``, ``bytes`` and ``lost`` (frames that could not be saved) count from the opening of the file.

    Examples
    --------
    >>> ThreadCommand('saved', {'frames': 1200, 'bytes': 2_400_000}).message
    '1,200 frames saved, 2.4 MB'
    """

    command: str
    args: Mapping[str, Any] = field(default_factory=dict)

    @property
    def message(self) -> str:
        """The command as a sentence for people."""
        args = self.args
        if self.command == "opened":
            verb = "New file" if args.get("created") else "Opened"
            aside = args.get("moved_aside")
            kept = f" (the older file of this name is kept as {Path(aside).name})" if aside else ""
            return f"{verb} {args.get('path')}{kept}"
        if self.command == "saving":
            return f"Saving into {args.get('path')}"
        if self.command in ("saved", "closed"):
            count = f"{args.get('frames', 0):,} frames saved, {format_size(args.get('bytes', 0))}"
            return count if self.command == "saved" else f"Closed {args.get('path')}: {count}"
        return str(args.get("text") or args.get("message") or self.command)


def explain(error: BaseException) -> str:
    """Return what an error says, in words: no numbers of the operating system, no empty text.

    Examples
    --------
    >>> explain(PermissionError(13, 'Permission denied', '/data'))
    'Permission denied: /data'
    """
    if isinstance(error, OSError) and error.strerror and error.filename:
        return f"{error.strerror}: {error.filename}"
    return str(error) or type(error).__name__


def format_size(count: float) -> str:
    """Return a number of bytes for people.

    Examples
    --------
    >>> format_size(999), format_size(1_440_000_000)
    ('999 B', '1.4 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.95 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def format_duration(seconds: float) -> str:
    """Return a duration as hours, minutes and seconds.

    Examples
    --------
    >>> format_duration(751)
    '00:12:31'
    """
    minutes, second = divmod(int(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02d}:{minute:02d}:{second:02d}"


class _Light(QtWidgets.QWidget):
    """A round light."""

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._colour = QtGui.QColor("grey")
        self._lit = False
        self.setFixedSize(16, 16)

    def set_colour(self, colour: str, lit: bool) -> None:
        """Show a colour: a full disc when lit, else a ring, so that it reads without colour too."""
        self._colour, self._lit = QtGui.QColor(colour), lit
        self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Draw the disc or the ring."""
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.setPen(QtGui.QPen(self._colour, 2))
        painter.setBrush(QtGui.QBrush(self._colour) if self._lit else QtCore.Qt.BrushStyle.NoBrush)
        painter.drawEllipse(QtCore.QRectF(self.rect()).adjusted(3, 3, -3, -3))
        painter.end()


class StatusStrip(QtWidgets.QWidget):
    """Is it saving, since when, how much, how fast, is anything lost? Fed by :meth:`show_command`.

    Examples
    --------
    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> strip = StatusStrip()
    >>> strip.show_command(ThreadCommand('error', {'message': 'the disk is full'}))
    >>> strip.word.text()
    'error'
    """

    #: state -> (colour, lit); each colour has at least 3:1 contrast on white and on dark grey
    _LIGHTS: Final = {
        "no file": ("#8a8a8a", False),
        "file open": ("#2e8b57", False),
        "saving": ("#e0352b", True),
        "closed": ("#8a8a8a", False),
        "error": ("#d97706", True),
    }

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.light = _Light()
        self.word = QtWidgets.QLabel()
        font = self.word.font()
        font.setBold(True)
        self.word.setFont(font)
        self.clock = QtWidgets.QLabel()
        self.clock.setToolTip("Time since the file was opened (hours:minutes:seconds)")
        self.frames = QtWidgets.QLabel()
        self.frames.setToolTip("Frames saved into this file")
        self.lost = QtWidgets.QLabel()
        self.lost.setToolTip("Frames that could not be saved into this file")
        self.rate = QtWidgets.QLabel()
        self.rate.setToolTip("Data saved per second, over the last 5 seconds, before compression")
        self.written = QtWidgets.QLabel()
        self.written.setToolTip("Data saved into this file, before compression")
        self.problem = QtWidgets.QLabel()
        self.problem.setWordWrap(True)
        self.problem.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        # A path has no space to break at; without this one long word would widen the whole saver.
        policy = QtWidgets.QSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.problem.setSizePolicy(policy)
        self.problem.hide()
        right = QtCore.Qt.AlignmentFlag.AlignRight
        layout = QtWidgets.QGridLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setVerticalSpacing(3)
        layout.setHorizontalSpacing(14)
        head = QtWidgets.QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(self.light)
        head.addWidget(self.word)
        head.addStretch()
        layout.addLayout(head, 1, 0, 1, 2)
        layout.addWidget(self.clock, 1, 2, right)
        layout.addWidget(self.frames, 2, 0)
        layout.addWidget(self.lost, 2, 1)
        layout.addWidget(self.rate, 2, 2, right)
        layout.addWidget(self.written, 3, 0, 1, 3)
        layout.addWidget(self.problem, 4, 0, 1, 3)
        layout.setColumnStretch(1, 1)
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(500)
        self._timer.timeout.connect(self._tick)
        self._history: deque[tuple[float, int]] = deque()
        self._started: float | None = None
        self._set_state("no file")

    @property
    def state(self) -> str:
        """The word beside the light."""
        return self.word.text()

    def show_command(self, command: ThreadCommand, lost: int = 0) -> None:
        """Take what a saver has just said.

        Parameters
        ----------
        command
            From ``status_sig``.
        lost
            How many frames could not be saved so far.
        """
        args = command.args
        if command.command == "opened":
            self._started = time.monotonic()
            self._history.clear()
            self._history.append((self._started, 0))
            self.problem.hide()
            self._timer.start()
            self._set_state("file open")
            self._show_counts(0, 0, lost)
            self._tick()
        elif command.command == "saving":
            self._set_state("saving")
        elif command.command in ("saved", "closed"):
            self._history.append((time.monotonic(), int(args["bytes"])))
            if command.command == "saved" and self.state == "file open":
                self._set_state("saving")
            self._show_counts(int(args["frames"]), int(args["bytes"]), lost)
            if command.command == "closed":
                self._tick()
                self._timer.stop()
                self.rate.clear()
                if self.state != "error":
                    self._set_state("closed")
        elif command.command == "error":
            self._set_state("error")
            self.problem.setText(str(args.get("message", "")))
            self.problem.show()
            self.lost.setText(f"{lost:,} lost")

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Draw a faint line above, in the colour of the text: it suits light and dark."""
        colour = self.palette().color(QtGui.QPalette.ColorRole.WindowText)
        colour.setAlpha(60)
        painter = QtGui.QPainter(self)
        painter.fillRect(8, 0, self.width() - 16, 1, colour)
        painter.end()

    def _set_state(self, state: str) -> None:
        self.word.setText(state)
        self.light.set_colour(*self._LIGHTS[state])

    def _show_counts(self, frames: int, size: int, lost: int) -> None:
        self.frames.setText(f"{frames:,} frames")
        self.lost.setText(f"{lost:,} lost")
        self.written.setText(f"{format_size(size)} saved")

    def _tick(self) -> None:
        now = time.monotonic()
        if self._started is not None:
            self.clock.setText(format_duration(now - self._started))
        self.rate.setText(f"{format_size(self._bytes_per_second(now))}/s")

    def _bytes_per_second(self, now: float) -> float:
        # The oldest point kept is the last one before the window: else a slow source would show no rate at all.
        while len(self._history) > 1 and self._history[1][0] <= now - RATE_SECONDS:
            self._history.popleft()
        if not self._history:
            return 0.0
        since, size = self._history[0]
        return (self._history[-1][1] - size) / max(now - since, 0.5) if now > since else 0.0
