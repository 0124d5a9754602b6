"""A scan as laboratories make it, in one widget: stages move, a detector is read at every point, all of it is saved.

Lines and maps, one after the other into the same dataset file; a live plot; pause, stop, and go on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from pyqtgraph.Qt import QtCore, QtGui, QtWidgets, isQObjectAlive

from h5saver_widget.data import DataRaw, DataToExport
from h5saver_widget.demo.actuators import MockActuator, ScannedSample
from h5saver_widget.demo.live import Hint, LivePlot
from h5saver_widget.demo.scan_form import MAX_POINTS, ScanForm, scan_settings
from h5saver_widget.demo.scan_run import Detector, ScanPlan, ScanRun, ScanState
from h5saver_widget.demo.station import Station
from h5saver_widget.format.layout import SaveType
from h5saver_widget.qt.editors import PlainLabel
from h5saver_widget.qt.icons import icon
from h5saver_widget.recording.chronometer import format_clock

if TYPE_CHECKING:
    from h5saver_widget.qt.h5saver import H5Saver

__all__ = ["ScanExtension"]

REDRAW_MS = 100


class ScanExtension(Station):
    """Scans one or two actuators with the saver embedded: to be put into any window, or shown alone.

    Points are measured and saved in a thread of the scan; the window draws them.

    Parameters
    ----------
    actuators
        The two actuators; simulated stages by default.
    detectors
        The detectors read at every point, the first 0D value of the first one is plotted; a simulated sample by
        default.
    h5saver, saver_beside
        A saver of the host's (one for scans is made by default), and where its settings are; see :class:`Station`.

    Attributes
    ----------
    settings, modules_manager
        The attributes that the module savers read, with ``title``: this widget is the module that scans.

    Examples
    --------
    >>> import tempfile
    >>> from pyqtgraph.Qt import mkQApp
    >>> app = mkQApp()
    >>> extension = ScanExtension()
    >>> extension.h5saver.settings["base_path"] = tempfile.mkdtemp()
    >>> extension.set_axis(0, 0.0, 1.0, 5)
    >>> extension.start()
    True
    >>> extension.scan.wait()
    >>> extension.finish()
    >>> extension.scan.done, extension.scan.node_path
    (5, '/RawData/Scan000')
    """

    scan_done = QtCore.Signal(object)
    """A scan has ended, by itself or not; its :class:`ScanRun`."""

    _told = QtCore.Signal(object, object, object)  # from the thread of a scan: the scan, a point or None, what was seen

    def __init__(
        self,
        actuators: Sequence[MockActuator] | None = None,
        detectors: Sequence[Detector] | None = None,
        h5saver: H5Saver | None = None,
        saver_beside: bool = True,
        parent: QtWidgets.QWidget | None = None,
    ) -> None:
        super().__init__("Scan", SaveType.scan, h5saver, saver_beside, parent)
        self.actuators = list(actuators or (MockActuator("Stage X", "mm"), MockActuator("Stage Y", "mm")))
        self.detectors = list(detectors or (ScannedSample(self.actuators),))
        self.modules_manager = SimpleNamespace(detectors_all=self.detectors, actuators_all=self.actuators)
        self.settings = scan_settings(self.actuators)
        if h5saver is None:
            self.h5saver.settings["base_name"] = "Scan"
        self._scans: list[ScanRun] = []  # the last one
        self._seen: dict[str, DataToExport] = {}
        self._values = np.zeros(0)
        self._plot = LivePlot()
        self._listed: Path | None = None
        self._list = QtWidgets.QListWidget()
        self._shown = ""
        self._began, self._done_before = 0.0, 0
        self._told.connect(self._on_told)
        self.settings.sigTreeStateChanged.connect(lambda *_: self._show_progress())
        self.h5saver.before_closing(self._stop_and_wait)
        self.h5saver.let_pause(self._pause_scan)
        self._redraw_timer = QtCore.QTimer(self, interval=REDRAW_MS, timeout=self._redraw)
        self._build()
        self._show_state()
        self.end_by(partial(_end, self._scans))

    # ------------------------------------------------------------------------------------------------- doing
    @property
    def scan(self) -> ScanRun | None:
        """The scan that runs or was made last, or None."""
        return self._scans[-1] if self._scans else None

    @property
    def running(self) -> bool:
        """Whether a scan is being made, or paused."""
        return self.scan is not None and self.scan.state in (ScanState.RUNNING, ScanState.PAUSED)

    @property
    def can_resume(self) -> bool:
        """Whether a scan is paused, or ended before its last point."""
        unfinished = (ScanState.PAUSED, ScanState.STOPPED, ScanState.FAILED)
        return self.scan is not None and self.scan.state in unfinished and self.scan.done < self.scan.points

    def set_kind(self, kind: str) -> None:
        """Scan a line (``"Scan1D"``, the second actuator stays) or a map (``"Scan2D"``)."""
        self.settings["kind"] = kind

    def set_axis(self, number: int, start: float, stop: float, points: int) -> None:
        """Set where an axis of the scan starts and stops, in units of its actuator, and its number of points."""
        axis = self.settings.child(f"axis{number}")
        axis["start"], axis["stop"], axis["points"] = start, stop, points

    def plan(self) -> ScanPlan:
        """Return the positions that the settings ask for: of the first actuator, or of the second and the first."""
        numbers = (0,) if self.settings["kind"] == "Scan1D" else (1, 0)
        axes = [self.settings.child(f"axis{number}") for number in numbers]
        positions = [np.linspace(axis["start"], axis["stop"], axis["points"]) for axis in axes]
        return ScanPlan([self.actuators[number] for number in numbers], positions)

    def start(self) -> bool:
        """Begin a scan as the settings say, in the open file or else in a new one; return whether it has begun."""
        if self.running:
            return False
        plan = self.plan()
        if np.prod(plan.shape) > MAX_POINTS:
            self.show_error(f"A scan of {np.prod(plan.shape):,} points is more than {MAX_POINTS:,}; take fewer points")
            return False
        self.h5saver.settings["do_save"] = True
        if not self.h5saver.isopen():
            return False  # the saver has said why
        self.last_error = ""
        scan = ScanRun(plan, self.detectors, self.h5saver, self)
        scan.told = partial(self._tell, scan)
        self._scans[:] = [scan]
        self._values = np.full(plan.shape, np.nan)
        self._go()
        return True

    def pause(self) -> None:
        """Stay at the next point until :meth:`resume`; the saver says so, and its *Pause* does the same."""
        if self.running:
            self.h5saver.pause()

    def _pause_scan(self, on: bool) -> None:
        """Be told by the saver to pause the scan, or to go on."""
        if self.scan is not None and on:
            self.scan.pause()
        elif self.scan is not None:
            self.scan.resume()

    def resume(self) -> None:
        """Go on with a scan that was paused or stopped, in the file it is in."""
        scan = self.scan
        if scan is None or not self.can_resume:
            return
        if scan.state is ScanState.PAUSED:
            self.h5saver.resume()
            return
        if scan.path is not None and self.h5saver.file_path != scan.path:
            self.h5saver.open_file_dialog_result(scan.path)  # says itself what goes wrong
            self.h5saver.settings["do_save"] = True
        self._go()

    def stop(self) -> None:
        """End the scan after the present point; measured points are saved, and the scan can be resumed."""
        if self.scan is not None:
            self.scan.stop()

    def finish(self) -> None:
        """Stop the scan and close the file; may be called again."""
        self._stop_and_wait()
        self.h5saver.settings["do_save"] = False
        self.h5saver.close_file()

    def _go(self) -> None:
        assert self.scan is not None
        self._began, self._done_before = time.monotonic(), self.scan.done
        self._redraw_timer.start()
        self.scan.start()

    def _stop_and_wait(self) -> None:
        if self.scan is not None and self.running:
            self.scan.stop()
            self.scan.wait()

    # ------------------------------------------------------------------------------------------- events
    def _tell(self, scan: ScanRun, index: tuple[int, ...] | None, what: Any) -> None:
        """Pass on the messages of a scan from its thread."""
        if not isQObjectAlive(self):
            return  # this widget was deleted, the scan is about to be stopped
        with suppress(RuntimeError):  # ... even now
            self._told.emit(scan, index, what)

    def _on_told(self, scan: ScanRun, index: tuple[int, ...] | None, what: Any) -> None:
        if index is not None:
            if scan is self.scan:
                self._add_point(scan, index, what)
            return
        self._list_scan(scan)
        if what in (ScanState.DONE, ScanState.STOPPED, ScanState.FAILED):
            if scan is self.scan:  # else the next one has begun before this is told
                self._redraw_timer.stop()
                self._redraw()
            text = f"{scan.name or 'Scan'} {what.value}: {scan.done:,} of {scan.points:,} points"
            if what is ScanState.FAILED:
                self.show_error(f"{text}. {scan.problem}")
            else:
                self.show_message(text)
            self.scan_done.emit(scan)
        self._show_state()

    def _add_point(self, scan: ScanRun, index: tuple[int, ...], point: DataToExport) -> None:
        """Show the first 0D value of a point, with its name and units."""
        measured = next(dwa for dwa in point if dwa.dim.name == "Data0D")
        self._values[index] = float(measured.data[0].flat[0])
        name = scan.name
        shown = DataRaw(
            measured.name,
            data=[self._values],
            labels=list(measured.labels[:1]),
            units=measured.units,
            axes=scan.plan.axes(),
        )
        self._seen[name] = data = DataToExport(name, data=[shown])
        if self._shown != name:
            self._show_plot(name)
        self._plot.add(data)

    def _list_scan(self, scan: ScanRun) -> None:
        """Bring the line of a scan in the list up to date."""
        name = scan.name
        if not name:
            return
        if scan.path != self._listed:
            self._list.clear()
            self._seen.clear()
            self._shown = ""
            self._listed = scan.path
        shape = " × ".join(str(n) for n in scan.plan.shape)
        text = f"{name}  {shape}  {scan.state.value}"
        found = self._list.findItems(f"{name} ", QtCore.Qt.MatchFlag.MatchStartsWith)
        if not found:
            self.show_message(f"{name}: {shape} points, begun at {datetime.now():%H:%M:%S}")
        item = found[0] if found else QtWidgets.QListWidgetItem(self._list)
        item.setText(text)
        item.setData(QtCore.Qt.ItemDataRole.UserRole, name)
        if scan is self.scan:
            self._list.setCurrentItem(item)
            self.h5saver.settings["current_scan_name"] = name

    def _show_listed(self, item: QtWidgets.QListWidgetItem) -> None:
        """Show a scan that was made before."""
        name = item.data(QtCore.Qt.ItemDataRole.UserRole)
        if name in self._seen and not self.running:
            self._show_plot(name)
            self._redraw()

    # ------------------------------------------------------------------------------------------------ on screen
    def _redraw(self) -> None:
        self._plot.redraw()
        self._show_progress()

    def _show_progress(self) -> None:
        scan, plan = self.scan, self.plan()
        about = f"about {format_clock(plan.seconds, 0)}" if plan.seconds >= 1 else "less than a second"
        wanted = f"next scan: {np.prod(plan.shape):,} points, {about}"
        if scan is None:
            self._progress_label.setText(wanted.capitalize())
            return
        self._progress.setMaximum(scan.points)
        self._progress.setValue(scan.done)
        parts = [f"{scan.done:,} of {scan.points:,} points"]
        measured, took = scan.done - self._done_before, time.monotonic() - self._began
        if scan.state is ScanState.RUNNING and measured:
            parts.append(f"{format_clock(took / measured * (scan.points - scan.done), 0)} left")
        else:
            parts.append(scan.state.value)
        if not self.running and not plan.is_like(scan.plan):
            parts.append(wanted)
        self._progress_label.setText(" · ".join(parts))

    def _show_state(self) -> None:
        state = self.scan.state if self.scan is not None else ScanState.READY
        resume = self.can_resume
        self._start_action.setEnabled(not self.running)
        self._pause_action.setEnabled(self.running or resume)
        self._pause_action.setText("Resume" if resume else "Pause")
        self._pause_action.setIcon(icon("grab" if resume else "pause"))
        self._pause_action.setToolTip(
            "Go on with this scan where it is" if resume else "Stay at the next point, until you press Resume"
        )
        self._stop_action.setEnabled(self.running)
        self._form.setEnabled(state not in (ScanState.RUNNING, ScanState.PAUSED))
        self._show_progress()

    def _pause_or_resume(self) -> None:
        if self.can_resume:
            self.resume()
        else:
            self.pause()

    def _show_plot(self, name: str) -> None:
        """Show a scan that was seen."""
        self._shown = name
        self._plot.add(self._seen[name])
        self._stack.setCurrentWidget(self._plot)

    # ------------------------------------------------------------------------------------------------- building
    def _build(self) -> None:
        tip = "Begin a scan: every point is saved"
        self._start_action = self.add_action("grab", "Start", tip, lambda: self.start())
        self._pause_action = self.add_action("pause", "Pause", "", lambda: self._pause_or_resume(), other="Resume")
        tip = "End after this point; the scan is saved and can be resumed"
        self._stop_action = self.add_action("stop", "Stop", tip, lambda: self.stop())
        self._stack = QtWidgets.QStackedWidget()
        self._stack.addWidget(Hint(_HINT))
        self._stack.addWidget(self._plot)
        self._stack.setMinimumSize(160, 140)
        self._progress = QtWidgets.QProgressBar(textVisible=False)
        self._progress.setFixedHeight(10)
        self._progress_label = PlainLabel()
        self._progress_label.setWordWrap(True)  # it never pushes the form
        self._form = ScanForm(self.settings, self.actuators)
        self._list.setAccessibleName("Scans in this file")
        self._list.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Ignored)
        self._list.itemClicked.connect(self._show_listed)
        self._list.itemActivated.connect(self._show_listed)
        self._list_box = QtWidgets.QWidget()
        box = QtWidgets.QVBoxLayout(self._list_box)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(QtWidgets.QLabel("<b>Scans in this file</b>"))
        box.addWidget(self._list)
        self._column = QtWidgets.QBoxLayout(QtWidgets.QBoxLayout.Direction.TopToBottom)
        self._column.addWidget(self._form)
        self._column.addWidget(self._list_box, 1)
        plot = QtWidgets.QVBoxLayout()
        plot.addWidget(self._progress_label)
        plot.addWidget(self._stack, 1)
        plot.addWidget(self._progress)
        content = QtWidgets.QWidget()
        self._content = QtWidgets.QBoxLayout(QtWidgets.QBoxLayout.Direction.LeftToRight, content)
        self._content.setContentsMargins(6, 6, 6, 6)
        self._content.addLayout(self._column)
        self._content.addLayout(plot, 1)
        self.set_content(content)

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """Find a place for form and list, once the saver beside them has its own."""
        super().resizeEvent(event)
        QtCore.QTimer.singleShot(0, self._arrange)

    def _arrange(self) -> None:
        """Put the form over the plot where it would squeeze it, and the list beside the form if there is room."""
        directions, form = QtWidgets.QBoxLayout.Direction, self._form.sizeHint().width()
        width = self._content.parentWidget().width()
        is_wide = width > 2.6 * form
        self._content.setDirection(directions.LeftToRight if is_wide else directions.TopToBottom)
        self._column.setDirection(directions.TopToBottom if is_wide else directions.LeftToRight)
        self._list_box.setVisible(is_wide or width > 1.7 * form)


def _end(scans: list[ScanRun]) -> None:
    for scan in scans:
        scan.stop()
        scan.wait()


_HINT = """<p>Stages move over a sample; a microscope is read at every point.</p>
<p>Press <b>Start</b>: the scan is shown here while it is saved.<br>Scans go into one file, one after the other.</p>"""
