"""StatusStrip: is it saving, is anything lost, how long can it go on? A light with a word, and numbers.

The strip shows any :class:`~h5saver_widget.recording.status.RecorderStatus`: give it one by
:meth:`StatusStrip.show_status`, or something that has a method ``status()`` by :meth:`StatusStrip.watch`.
"""

from __future__ import annotations

import time
from typing import Final, Protocol

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.format.text import format_size
from h5saver_widget.qt.editors import ElidedEdit, PlainLabel, plain_label, plain_tip
from h5saver_widget.qt.state_signs import WARNING, paint_state
from h5saver_widget.qt.status import format_left
from h5saver_widget.recording.chronometer import format_clock
from h5saver_widget.recording.status import RecorderState, RecorderStatus
from h5saver_widget.saving.statistics import RATE_SECONDS, RateMeter, Statistics

__all__ = ["HasStatus", "StatusStrip"]

#: How often something that is watched is asked, in ms.
LOOK_MS: Final = 500
#: Time left is said in the colour of a warning below this, and not at all beyond that, in s.
SHORT_SECONDS: Final = 600.0
LONG_SECONDS: Final = 48 * 3600.0


class HasStatus(Protocol):
    """An object that a strip can watch."""

    def status(self) -> RecorderStatus:
        """Return how the recorder is, without waiting."""


class _Light(QtWidgets.QWidget):
    """A light whose form means the same as its colour."""

    def __init__(self) -> None:
        super().__init__()
        self.state = RecorderState.CLOSED
        side = round(self.fontMetrics().height() * 1.4)
        self.setFixedSize(side, side)

    def show_state(self, state: RecorderState) -> None:
        if state is not self.state:
            self.state = state
            self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        paint_state(painter, QtCore.QRectF(self.rect()), self.state)
        painter.end()


class _Number(QtWidgets.QLabel):
    """A number that takes the room there is and never pushes others aside."""

    def __init__(self, tip: str, right: bool = False) -> None:
        super().__init__()
        self.setToolTip(tip)
        side = QtCore.Qt.AlignmentFlag.AlignRight if right else QtCore.Qt.AlignmentFlag.AlignLeft
        self.setAlignment(side | QtCore.Qt.AlignmentFlag.AlignVCenter)

    def show_text(self, text: str, warn: bool = False) -> None:
        """Show a text, in bold and in the colour of a warning if it is one."""
        if text != self.text():
            self.setText(text)
        font = self.font()
        if font.bold() != warn:
            font.setBold(warn)
            self.setFont(font)
            palette = QtGui.QPalette()
            if warn:
                palette.setColor(QtGui.QPalette.ColorRole.WindowText, QtGui.QColor(WARNING))
            self.setPalette(palette)


class StatusStrip(QtWidgets.QWidget):
    """How a recorder is: state, time, frames, losses, rate, size, time left; a click shows the details.

    Examples
    --------
    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> strip = StatusStrip()
    >>> strip.show_status(RecorderStatus(RecorderState.RECORDING, Statistics(frames_written=22530), seconds=751))
    >>> strip.state, strip.clock.text(), strip.frames.text()
    ('recording', '00:12:31', '22,530 frames')
    """

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._meter = RateMeter()
        self._watched: HasStatus | None = None
        self._fitted: tuple[float, ...] = ()
        self.light = _Light()
        self.word = QtWidgets.QLabel()
        self.clock = QtWidgets.QLabel(toolTip="Time in which frames have come (hours:minutes:seconds), without pauses")
        for label in (self.word, self.clock):
            label.setMinimumWidth(1)  # their letters become smaller before they would widen the saver
        self.frames = _Number("Frames that are in the file, over all files of this recording")
        self.lost = _Number("Frames that could not be saved")
        self.rate = _Number(f"Data saved per second, over {RATE_SECONDS:.0f} seconds, before compression", True)
        self.size = _Number("Size of the current file on the disk", True)
        self.left = _Number("How long the disk lasts at the present rate")
        self.problem = plain_label()  # a path has no space to break at: one long word would widen the whole saver
        self.problem.hide()
        #: The one sensible thing to do about a problem; a host connects it, the saver's own window does.
        self.offer = QtWidgets.QPushButton("Go on in a new file", autoDefault=False)
        self.offer.hide()
        self.more = QtWidgets.QToolButton()
        self.more.setCheckable(True)
        self.more.setAutoRaise(True)
        self.more.setArrowType(QtCore.Qt.ArrowType.RightArrow)
        self.more.setToolTip("Show or hide the details")
        self.more.setAccessibleName("Details")
        self.more.toggled.connect(self._show_details)
        self.details = QtWidgets.QWidget()
        self._rows: dict[str, QtWidgets.QLabel | ElidedEdit] = {}
        form = QtWidgets.QFormLayout(self.details)
        form.setContentsMargins(0, 4, 0, 0)
        form.setVerticalSpacing(2)
        form.setFieldGrowthPolicy(QtWidgets.QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for name, tip in _DETAILS.items():
            # A long name of a file must not widen the whole saver.
            value = ElidedEdit(shown_only=True) if name == "File" else PlainLabel()
            value.setMinimumWidth(1)
            value.setAlignment(QtCore.Qt.AlignmentFlag.AlignRight | QtCore.Qt.AlignmentFlag.AlignVCenter)
            label = QtWidgets.QLabel(name)
            for widget in (label, value):
                widget.setToolTip(tip)
            form.addRow(label, value)
            self._rows[name] = value
        self.details.hide()
        head = QtWidgets.QHBoxLayout()
        head.setSpacing(6)
        for widget in (self.light, self.word):
            head.addWidget(widget)
        head.addStretch()
        head.addWidget(self.clock)
        head.addWidget(self.more)
        layout = QtWidgets.QGridLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.setVerticalSpacing(3)
        layout.setHorizontalSpacing(14)
        layout.addLayout(head, 0, 0, 1, 2)
        layout.addWidget(self.frames, 1, 0)
        layout.addWidget(self.rate, 1, 1)
        layout.addWidget(self.lost, 2, 0)
        layout.addWidget(self.size, 2, 1)
        layout.addWidget(self.left, 3, 0, 1, 2)
        layout.addWidget(self.problem, 4, 0, 1, 2)
        layout.addWidget(self.offer, 5, 0, 1, 2)
        layout.addWidget(self.details, 6, 0, 1, 2)
        layout.setColumnStretch(0, 1)
        self._timer = QtCore.QTimer(self, interval=LOOK_MS, timeout=self.refresh)
        self.show_status(RecorderStatus())

    # ------------------------------------------------------------------ calls
    @property
    def state(self) -> str:
        """The word beside the light."""
        return self.word.text()

    def watch(self, source: HasStatus | None) -> None:
        """Show how something is, twice a second while somebody can look; None: nothing any more."""
        self._watched = source
        self.refresh()
        if source is None:
            self._timer.stop()
        elif self.isVisible():
            self._timer.start()

    def refresh(self) -> None:
        """Read the status now."""
        if self._watched is not None:
            self.show_status(self._watched.status())

    def show_status(self, status: RecorderStatus) -> None:
        """Show how a recorder is."""
        now, counts = time.monotonic(), status.statistics
        self._meter.add(now, counts.bytes_in)
        self.light.show_state(status.state)
        self.word.setText(status.state.value)
        if status.state is RecorderState.ARMED:
            self.clock.setText(f"{status.held_seconds:.1f} s held")
        else:
            self.clock.setText(format_clock(status.seconds, 0) if status.is_open or status.seconds else "")
        self._fit_head()
        self.frames.show_text(f"{counts.frames_written:,} frame{'' if counts.frames_written == 1 else 's'}")
        self.lost.show_text(f"{counts.frames_dropped:,} lost", counts.frames_dropped > 0)
        self.rate.show_text(f"{format_size(self._meter.rate(now))}/s" if status.is_open else "")
        self.size.show_text("" if counts.file_size is None else f"{format_size(counts.file_size)} file")
        self._show_left(counts, status.state is RecorderState.RECORDING)
        self._show_problem(status)
        self._show_rows(status)

    # ------------------------------------------------------------------- look
    def _fit_head(self) -> None:
        """Write word and time as large as there is room: they are read from the other end of the room."""
        texts = (len(self.word.text()), len(self.clock.text()), self.width(), self.font().pointSizeF())
        if texts == self._fitted:
            return
        self._fitted = texts
        room = self.width() - self.light.width() - self.more.sizeHint().width() - 16 - 4 * 6
        for factor in (1.5, 1.35, 1.2, 1.0, 0.85):
            font = QtGui.QFont(self.font())
            font.setPointSizeF(font.pointSizeF() * factor)
            self.clock.setFont(font)
            font.setBold(True)
            self.word.setFont(font)
            if self.word.sizeHint().width() + self.clock.sizeHint().width() <= room:
                break

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """Fit the letters."""
        super().resizeEvent(event)
        self._fit_head()

    def _show_left(self, counts: Statistics, grows: bool) -> None:
        """Show how long the disk lasts; where it lasts for days, only the free space."""
        if grows and counts.seconds_left is not None and counts.seconds_left < LONG_SECONDS:
            self.left.show_text(f"disk: {format_left(counts.seconds_left)} left", counts.seconds_left < SHORT_SECONDS)
        elif counts.free_bytes is not None:
            self.left.show_text(f"disk: {format_size(counts.free_bytes)} free")
        else:
            self.left.show_text("")

    def _show_problem(self, status: RecorderStatus) -> None:
        text = "\n".join(status.remarks)
        if text != self.problem.text():
            self.problem.setText(text)
            self.problem.setToolTip("" if not text else "What went wrong last, or does not come")
        self.problem.setVisible(bool(text))
        self.offer.setVisible(status.is_given_up)

    def _show_rows(self, status: RecorderStatus) -> None:
        counts = status.statistics
        ratio, flush = counts.compression_ratio, counts.last_flush
        # What was accepted lately is not on the disk yet: only a larger difference comes from compression.
        if counts.bytes_in - counts.bytes_on_disk < 3 * self._meter.rate(time.monotonic()):
            ratio = None
        ago = None if flush is None else max(time.time() - flush, 0.0)
        values = {
            "File": "–" if status.path is None else status.path.name,
            "Part": f"{status.part}",
            "Accepted": f"{counts.frames_received:,} frames, {format_size(counts.bytes_in)}",
            "Waiting": f"{counts.frames_waiting:,} frames, {format_size(counts.queue_bytes)}",
            "Skipped": f"{counts.frames_left_out:,} frames",
            "Compression": "–" if ratio is None else f"{ratio:.1f} times smaller" if ratio >= 1.1 else "none",
            "Waited": f"{counts.waited_seconds:.1f} s",
            "Last flush": "–" if ago is None else f"{ago:.0f} s ago",
            "Mirror": status.mirror or "–",
            "Copies": status.copies or "–",
            "Disk free": "–" if counts.free_bytes is None else format_size(counts.free_bytes),
        }
        for name, value in values.items():
            label = self._rows[name]
            if label.text() != value:
                label.setText(value)
        self._rows["File"].setToolTip("" if status.path is None else plain_tip(str(status.path)))

    def _show_details(self, show: bool) -> None:
        self.details.setVisible(show)
        self.more.setArrowType(QtCore.Qt.ArrowType.DownArrow if show else QtCore.Qt.ArrowType.RightArrow)
        self.updateGeometry()

    # ----------------------------------------------------------------- events
    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:
        """Show or hide the details."""
        if event.button() == QtCore.Qt.MouseButton.LeftButton:
            self.more.toggle()
        super().mouseReleaseEvent(event)

    def showEvent(self, event: QtGui.QShowEvent) -> None:
        """Look while somebody can."""
        super().showEvent(event)
        if self._watched is not None:
            self.refresh()
            self._timer.start()

    def hideEvent(self, event: QtGui.QHideEvent) -> None:
        """Look no more: nobody does."""
        super().hideEvent(event)
        self._timer.stop()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        """Draw a faint line above, in the colour of the text: it suits light and dark."""
        colour = self.palette().color(QtGui.QPalette.ColorRole.WindowText)
        colour.setAlpha(60)
        painter = QtGui.QPainter(self)
        painter.fillRect(8, 0, self.width() - 16, 1, colour)
        painter.end()


_DETAILS: Final = {
    "File": "Name of the file",
    "Part": "Number of the file: a recording may continue in a second one, a third one ...",
    "Accepted": "Frames that were taken for saving, and their size before compression",
    "Waiting": "Taken for saving, and not in the file yet",
    "Skipped": "Frames that came during a pause",
    "Compression": "Size of the data compared with the size of the file",
    "Waited": "How long the program has waited for the file in all",
    "Last flush": "When everything was last handed to the disk: what is older survives a crash",
    "Copies": "How many copies in other folders are not safe yet: read back, and compared",
    "Mirror": "How far the copy on a server is, if one is made",
    "Disk free": "Free space on the disk of the file",
}
