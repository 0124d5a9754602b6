"""ChronoTimer: a chronometer and countdown for the laboratory, as a widget or a window of its own.

The display reads a :class:`~h5saver_widget.recording.chronometer.Chronometer`; timers only decide when to look.
"""

from __future__ import annotations

import math
from typing import Final, Protocol

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.errors import ClockError, H5SaverError
from h5saver_widget.qt.icons import icon
from h5saver_widget.qt.keeper import Keeper
from h5saver_widget.recording.chronometer import Chronometer, Lap, format_clock, parse_clock

__all__ = ["ChronoTimer", "TakesLog"]

#: How often the digits are drawn, in ms: the last digit is a tenth of a second.
DRAW_MS: Final = 50
#: Longest time that a Qt timer waits, in ms; a longer countdown looks again when it is through.
_LONGEST_MS: Final = 24 * 3600 * 1000
_RIGHT: Final = QtCore.Qt.AlignmentFlag.AlignRight | QtCore.Qt.AlignmentFlag.AlignVCenter


class TakesLog(Protocol):
    """Where laps can be written: a saver, or anything with this method."""

    def add_log(self, msg: str) -> None:
        """Write a line."""


class _Digits(QtWidgets.QWidget):
    """A time, as large as there is room."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.alarm = False
        self.setMinimumSize(200, 56)
        policy = QtWidgets.QSizePolicy.Policy.Expanding
        self.setSizePolicy(policy, policy)

    def sizeHint(self) -> QtCore.QSize:
        """Return a size that reads well on a desk."""
        return QtCore.QSize(360, 110)

    def show_text(self, text: str, alarm: bool) -> None:
        """Draw a time, in the colour of an alarm if it is one."""
        if (text, alarm) != (self.text, self.alarm):
            self.text, self.alarm = text, alarm
            self.setAccessibleName(text)
            self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Draw every character in a cell of its own: digits of any font then stand still while they change."""
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        font = QtGui.QFont(self.font())
        font.setPixelSize(100)
        metrics = QtGui.QFontMetricsF(font)
        digit = max(metrics.horizontalAdvance(character) for character in "0123456789-")
        widths = [digit if character.isdigit() or character == "-" else digit * 0.5 for character in self.text]
        scale = min(self.width() / max(sum(widths), 1.0), self.height() / metrics.height(), 4.0)
        font.setPixelSize(max(1, math.floor(100 * scale)))
        painter.setFont(font)
        colour = QtGui.QColor("#d9534f") if self.alarm else self.palette().color(QtGui.QPalette.ColorRole.WindowText)
        painter.setPen(colour)
        left = (self.width() - sum(widths) * scale) / 2
        for character, width in zip(self.text, widths, strict=True):
            cell = QtCore.QRectF(left, 0, width * scale, self.height())
            painter.drawText(cell, QtCore.Qt.AlignmentFlag.AlignCenter, character)
            left += width * scale
        painter.end()


def _clock_text(seconds: float) -> str:
    """Return a time as it is typed: parts of a second only if there are any."""
    return format_clock(seconds, 0 if float(seconds).is_integer() else 3)


class ChronoTimer(QtWidgets.QWidget):
    """Chronometer and countdown with start, pause, laps and reset.

    Keys: space starts and pauses (in a field, it is typed), and each button has the key that is underlined in it.

    Parameters
    ----------
    countdown
        Time to count down from, in s; None counts upwards.
    saver
        Where laps can be written as log lines: an ``H5Saver``, or anything with ``add_log(text)``. Without one, the
        check box for it is not shown.
    chronometer
        The clock; made here if None.
    parent
        Qt's parent; without one, this is a window.

    Examples
    --------
    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> timer = ChronoTimer(countdown=90)
    >>> timer.digits.text, timer.state
    ('00:01:30.0', 'ready')
    """

    started = QtCore.Signal()
    """The clock runs, from the beginning or after a pause."""

    paused = QtCore.Signal()
    """The clock stands."""

    was_reset = QtCore.Signal()
    """The clock is at its beginning again."""

    lapped = QtCore.Signal(object)
    """A :class:`~h5saver_widget.recording.chronometer.Lap` was taken."""

    finished = QtCore.Signal()
    """A countdown has reached zero; it goes on below zero until it is paused."""

    def __init__(
        self,
        countdown: float | None = None,
        saver: TakesLog | None = None,
        chronometer: Chronometer | None = None,
        parent: QtWidgets.QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._keeper = Keeper(self)
        self.chronometer = chronometer or Chronometer()
        if countdown is not None:
            self.chronometer.countdown = countdown
        self._saver = saver
        self._finished = False
        self.setWindowTitle("Chrono / timer")
        self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self._draw_timer = QtCore.QTimer(self, interval=DRAW_MS, timeout=self._draw)
        self._end_timer = QtCore.QTimer(self, singleShot=True, timeout=self._look_for_the_end)
        self._end_timer.setTimerType(QtCore.Qt.TimerType.PreciseTimer)
        self._build()
        self._update_icons()
        self._show_state()

    # ------------------------------------------------------------------ calls
    @property
    def state(self) -> str:
        """``'ready'``, ``'running'``, ``'paused'`` or ``'time is up'``."""
        if self.chronometer.started and self.chronometer.is_over:
            return "time is up"
        if self.chronometer.running:
            return "running"
        return "paused" if self.chronometer.started else "ready"

    @property
    def saver(self) -> TakesLog | None:
        """Where laps can be written; None for nowhere."""
        return self._saver

    @saver.setter
    def saver(self, saver: TakesLog | None) -> None:
        self._saver = saver
        self.log_box.setVisible(saver is not None)

    def start(self) -> None:
        """Start, or go on after a pause."""
        if not self.chronometer.running:
            self.chronometer.start()
            self._show_state()
            self._look_for_the_end()
            self.started.emit()

    def pause(self) -> None:
        """Stop the time."""
        if self.chronometer.running:
            self.chronometer.pause()
            self._show_state()
            self.paused.emit()

    def toggle(self) -> None:
        """Start or pause."""
        (self.pause if self.chronometer.running else self.start)()

    def reset(self) -> None:
        """Go back to the beginning; the laps are forgotten here, lines in a log stay."""
        self.chronometer.reset()
        self._finished = False
        self.table.setRowCount(0)
        self.message.hide()
        self._show_state()
        self.was_reset.emit()

    def lap(self) -> Lap | None:
        """Note the time and go on; None if the clock was not started."""
        if not self.chronometer.started:
            return None
        lap = self.chronometer.lap()
        self._show_lap(lap)
        self.message.hide()
        if self._saver is not None and self.log_box.isChecked():
            try:
                self._saver.add_log(str(lap))
            except (H5SaverError, OSError) as error:
                self._say(f"This lap is not in the log: {error}")
        self._show_state()
        self.lapped.emit(lap)
        return lap

    def set_countdown(self, seconds: float | None) -> None:
        """Count down from so many seconds, or upwards (None).

        Raises
        ------
        ClockError
            If it is not above zero.
        """
        self.chronometer.countdown = seconds
        self._finished = self.chronometer.started and self.chronometer.is_over
        self._show_state()
        self._look_for_the_end()

    # ------------------------------------------------------------------- look
    def _build(self) -> None:
        self.digits = _Digits()
        self.word = QtWidgets.QLabel(alignment=QtCore.Qt.AlignmentFlag.AlignHCenter)
        self.up = QtWidgets.QRadioButton("&Up", toolTip="Measure how long something takes")
        self.down = QtWidgets.QRadioButton("&Down from", toolTip="Count down to zero, and say when the time is up")
        from_seconds = self.chronometer.countdown
        self.time = QtWidgets.QLineEdit(_clock_text(60.0 if from_seconds is None else from_seconds))
        self.time.setToolTip("Seconds, minutes:seconds or hours:minutes:seconds: 90, 1:30, 0:01:30")
        self.time.setMinimumWidth(self.fontMetrics().horizontalAdvance("00:00:00") + 16)
        self.time.setMaximumWidth(self.fontMetrics().horizontalAdvance("00:00:00.0") + 24)
        (self.up if from_seconds is None else self.down).setChecked(True)
        self.down.toggled.connect(self._mode_chosen)
        self.time.editingFinished.connect(self._mode_chosen)
        mode = QtWidgets.QHBoxLayout()
        mode.addStretch()
        for widget in (self.up, self.down, self.time):
            mode.addWidget(widget)
        mode.addStretch()
        self.start_button = self._button("&Start", "Start, or go on after a pause (S or space)", self.toggle)
        self.lap_button = self._button("&Lap", "Note the time and go on (L)", self.lap)
        self.reset_button = self._button("&Reset", "Back to the beginning; laps are forgotten (R)", self.reset)
        buttons = QtWidgets.QHBoxLayout()
        for button in (self.start_button, self.lap_button, self.reset_button):
            buttons.addWidget(button, 1)  # of one width: none jumps when a text changes
        self.table = QtWidgets.QTableWidget(0, 3, showGrid=False, tabKeyNavigation=False)
        self.table.setHorizontalHeaderLabels(["Lap", "Time", "Total"])
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QtWidgets.QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(0, QtWidgets.QHeaderView.ResizeMode.ResizeToContents)
        for column in (1, 2):
            header.setSectionResizeMode(column, QtWidgets.QHeaderView.ResizeMode.Stretch)
        for column in range(3):
            self.table.horizontalHeaderItem(column).setTextAlignment(_RIGHT)
        self.log_box = QtWidgets.QCheckBox("&Write laps into the file's log")
        self.log_box.setToolTip("Each lap becomes a line in the log of the file that is being saved")
        self.log_box.setVisible(self._saver is not None)
        self.message = QtWidgets.QLabel(wordWrap=True)
        self.message.hide()
        layout = QtWidgets.QVBoxLayout(self)
        layout.addWidget(self.digits, 3)
        layout.addWidget(self.word)
        layout.addLayout(mode)
        layout.addLayout(buttons)
        layout.addWidget(self.table, 2)
        layout.addWidget(self.log_box)
        layout.addWidget(self.message)

    def _button(self, text: str, tip: str, slot) -> QtWidgets.QPushButton:
        button = QtWidgets.QPushButton(text, toolTip=tip, autoDefault=False, clicked=lambda: slot())
        # The plain letter too: fields that take text keep what is typed into them.
        key = QtGui.QShortcut(QtGui.QKeySequence(text[text.index("&") + 1]), self)
        key.setContext(QtCore.Qt.ShortcutContext.WidgetWithChildrenShortcut)
        key.activated.connect(button.click)
        return button

    def _update_icons(self) -> None:
        self.start_button.setIcon(icon("pause" if self.chronometer.running else "grab"))
        self.lap_button.setIcon(icon("lap"))
        self.reset_button.setIcon(icon("refresh"))
        self.setWindowIcon(icon("clock"))

    def _show_state(self) -> None:
        running = self.chronometer.running
        self.start_button.setText("&Pause" if running else "&Start")
        self.start_button.setIcon(icon("pause" if running else "grab"))
        self.lap_button.setEnabled(self.chronometer.started)
        self.reset_button.setEnabled(self.chronometer.started)
        self.up.setEnabled(not self.chronometer.started)
        self.down.setEnabled(not self.chronometer.started)
        self.time.setEnabled(not self.chronometer.started and self.down.isChecked())
        if running and self.isVisible():
            self._draw_timer.start()
        else:
            self._draw_timer.stop()
        if not running:
            self._end_timer.stop()
        self._draw()

    def _draw(self) -> None:
        shown = self.chronometer.shown
        self.digits.show_text(format_clock(shown), self.chronometer.is_over and self.chronometer.started)
        if self.word.text() != self.state:
            self.word.setText(self.state)

    def _look_for_the_end(self) -> None:
        """Say that a countdown is over, or look again when it must be; the timer may be early, the clock is not."""
        if not self.chronometer.running or self.chronometer.countdown is None or self._finished:
            return
        left = self.chronometer.shown
        if left > 0:
            self._end_timer.start(min(math.ceil(left * 1000), _LONGEST_MS))
            return
        self._finished = True
        self._draw()
        QtWidgets.QApplication.beep()
        self.finished.emit()

    def _mode_chosen(self, *_: object) -> None:
        if self.chronometer.started:
            return
        seconds = None
        if self.down.isChecked():
            try:
                seconds = parse_clock(self.time.text())
            except ClockError as error:
                self._say(str(error))
                self.time.setText(_clock_text(self.chronometer.countdown or 60.0))
                seconds = parse_clock(self.time.text())
            else:
                self.message.hide()
        self.set_countdown(seconds)

    def _show_lap(self, lap: Lap) -> None:
        row = self.table.rowCount()
        self.table.insertRow(row)
        for column, text in enumerate((str(lap.number), format_clock(lap.seconds), format_clock(lap.total))):
            item = QtWidgets.QTableWidgetItem(text)
            item.setTextAlignment(_RIGHT)
            self.table.setItem(row, column, item)
        self.table.scrollToBottom()

    def _say(self, text: str) -> None:
        self.message.setText(text)
        self.message.show()

    # ----------------------------------------------------------------- events
    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:
        """Let space start and pause wherever no button or field takes it."""
        if event.key() == QtCore.Qt.Key.Key_Space and not event.isAutoRepeat():
            self.toggle()
        else:
            super().keyPressEvent(event)

    def showEvent(self, event: QtGui.QShowEvent) -> None:
        """Draw while somebody can look."""
        super().showEvent(event)
        self._show_state()

    def hideEvent(self, event: QtGui.QHideEvent) -> None:
        """Draw no more; time goes on, and the end of a countdown is told."""
        super().hideEvent(event)
        self._draw_timer.stop()

    def changeEvent(self, event: QtCore.QEvent) -> None:
        """Follow the host's colours."""
        super().changeEvent(event)
        if event.type() == QtCore.QEvent.Type.PaletteChange and hasattr(self, "table"):
            self._update_icons()
            self.digits.update()

    def sizeHint(self) -> QtCore.QSize:
        """Return a size at which digits, buttons and some laps are seen."""
        return QtCore.QSize(380, 460)
