"""The demo window: live plots on the left, the saver docked on the right, one toolbar, the log below."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.demo.guide import GuideWindow
from h5saver_widget.demo.log_panel import LogPanel
from h5saver_widget.demo.panel import DetectorPanel
from h5saver_widget.demo.qt_sources import LoopJitter, ScreenCamera
from h5saver_widget.demo.recorder import PanelRecorder, save_snapshot
from h5saver_widget.demo.scan_extension import ScanExtension
from h5saver_widget.demo.sources import SimulatedCamera, SimulatedSpectrometer, Source, SystemMonitor
from h5saver_widget.demo.station import RED, Station
from h5saver_widget.demo.viewer import ViewerPanel
from h5saver_widget.errors import H5SaverError, MissingLibraryError
from h5saver_widget.qt.h5saver import H5Saver
from h5saver_widget.qt.icons import icon
from h5saver_widget.qt.keeper import Keeper
from h5saver_widget.qt.status import ThreadCommand

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DEFAULT_FOLDER", "DemoWindow"]

DEFAULT_FOLDER = Path.home() / "h5saver-demo"
STATUS_MS = 250

_ABOUT = (
    "one detector with background, regions and a saver of its own",
    "stages move, a detector is read at every point, scans go into one file",
)
HINT = """<p style='font-size: large'><b>{title}</b></p><p>{about}.</p>
<p>Press <b>Grab</b> (F5) to see it live.<br>
Press <b>Record</b> (Ctrl+R) to save what is grabbed<br>to a file in {folder}</p>
<p>F1 opens a short guide.</p>"""


class DemoWindow(QtWidgets.QMainWindow):
    """Real data through the H5Saver widget.

    Parameters
    ----------
    out
        Base path of the files; ``~/h5saver-demo`` by default.
    backend
        ``"h5py"``, ``"tables"``, or None for the configured default.

    Attributes
    ----------
    h5saver
        The saver whose tree is docked.
    panels
        The detectors, in the order of the tabs.
    viewer, scan
        A viewer panel and a scan extension behind them, each with a saver of its own: the dock shows the saver of the
        visible tab.
    recorder
        Saves their frames and counts.
    log
        The log below.
    last_error
        The last error that was shown, or an empty text.
    """

    def __init__(self, out: Path | None = None, backend: str | None = None) -> None:
        """Build everything; nothing is grabbed or written yet."""
        super().__init__()
        self._keeper = Keeper(self)
        self.folder = Path(out) if out is not None else DEFAULT_FOLDER
        self.log = LogPanel()
        self.last_error = ""
        self.h5saver = H5Saver(save_type="detector", backend=backend)
        self.h5saver.status_sig.connect(self._on_status)
        self.h5saver.settings["base_path"] = str(self.folder)
        self.h5saver.settings["base_name"] = "Data"
        self.panels = [self._make_panel(source) for source in self._make_sources()]
        self.recorder = PanelRecorder(self.h5saver, self.panels)
        self.recorder.note.connect(self.show_message)
        source = SimulatedSpectrometer()
        source.title, source.short = "Viewer", "Viewer"
        self.viewer = ViewerPanel(source, saver_beside=False)
        self.scan = ScanExtension(saver_beside=False)
        self._stations: tuple[Station, ...] = (self.viewer, self.scan)
        for station in self._stations:
            station.h5saver.settings["base_path"] = str(self.folder)
            station.h5saver.settings["backend", "backend_type"] = self.h5saver.backend
            station.message.connect(self.log.write)
            station.failed.connect(self.show_error)
        self.guide: GuideWindow | None = None

        self.setWindowTitle("H5Saver demo")
        self.setWindowIcon(icon("h5saver"))
        self._build_tabs()
        self._build_docks()
        self._build_actions()
        self._build_status_bar()
        self.resize(1280, 800)
        self.resizeDocks([self._saver_dock], [340], QtCore.Qt.Orientation.Horizontal)
        self.resizeDocks([self._log_dock], [96], QtCore.Qt.Orientation.Vertical)

        self.h5saver.settings.child("do_save").sigValueChanged.connect(self._on_do_save)
        self._status_timer = QtCore.QTimer(self)
        self._status_timer.setInterval(STATUS_MS)
        self._status_timer.timeout.connect(self._show_state)
        self._status_timer.start()
        self._show_state()
        self.show_message("Ready. Press Grab (F5), then Record (Ctrl+R); F1 opens a short guide.")

    # ------------------------------------------------------------------------------------------- doing

    @property
    def shown(self) -> DetectorPanel | Station:
        """The widget on the visible tab."""
        return self._tabs.currentWidget()

    @property
    def panel(self) -> DetectorPanel:
        """The detector on the shown tab; on the other tabs, the one that was shown before."""
        if isinstance(self.shown, DetectorPanel):
            self._panel = self.shown
        return self._panel

    @property
    def recording(self) -> bool:
        """Whether frames are being saved."""
        return self.recorder.is_recording

    def show_panel(self, title: str) -> None:
        """Show the tab whose detector, viewer or scan has this title."""
        for index in range(self._tabs.count()):
            if self._tabs.widget(index).title == title:
                self._tabs.setCurrentIndex(index)

    def record(self, on: bool = True) -> None:
        """Check or uncheck *Do Save*: start a file, or close it."""
        if on and not any(panel.grabbing for panel in self.panels):
            self.panel.grab()
            self.show_message(f"Nothing was being grabbed: {self.panel.title} was started")
        self.h5saver.settings["do_save"] = on
        self._on_do_save()

    def grab_all(self, on: bool = True) -> None:
        """Start or stop all sources."""
        for panel in self.panels:
            panel.grab(on)

    def save_snapshot(self) -> Path | None:
        """Save the frame that is shown (a new one, if there is none yet) to a file of its own; return its path."""
        panel = self.panel
        data = panel.latest if panel.latest is not None else panel.snap()
        if data is None:
            return None  # the panel has said why
        saver = self.h5saver
        try:
            path = save_snapshot(panel, data, saver.base_folder(), saver.backend, saver.server_options())
        except (H5SaverError, OSError) as error:
            self.show_error(f"No snapshot was saved: {error}")
            return None
        self.show_message(f"Snapshot of {panel.title} saved: {path}")
        return path

    def finish(self) -> None:
        """Stop grabbing and recording, and close the file; may be called again."""
        self.grab_all(False)
        if self.recording:
            self.h5saver.settings["do_save"] = False
        self.h5saver.close_file()
        self.recorder.close()
        for station in self._stations:
            station.finish()

    def show_message(self, text: str) -> None:
        """Put a line into the log and the status bar."""
        self.log.write(text)
        self.statusBar().showMessage(text, 8000)

    def show_error(self, text: str) -> None:
        """Put an error into the log and the status bar; never a dialog, data may be coming in."""
        self.last_error = text
        self.log.write(text, error=True)
        self.statusBar().showMessage(f"Error: {text}")

    def show_guide(self) -> None:
        """Open the guide beside the window."""
        if self.guide is None:
            self.guide = GuideWindow(self)
        self.guide.show()
        self.guide.raise_()
        self.guide.activateWindow()

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        """Stop, save and close the file before the window goes."""
        self._status_timer.stop()
        self.finish()
        for panel in (*self.panels, self.viewer.panel):
            panel.source.close()
        super().closeEvent(event)

    # ------------------------------------------------------------------------------------ what happened

    def _on_status(self, status: ThreadCommand) -> None:
        if status.command == "error":
            self.show_error(status.message)
        elif status.command not in ("saved", "saving"):  # the strip below the settings shows these
            self.show_message(status.message)

    def _on_do_save(self) -> None:
        on = self.recording
        self._record_action.setChecked(on)
        self._record_action.setText("Stop recording" if on else "Record")
        self._record_action.setIcon(icon("stop") if on else icon("record", RED))
        if not on and self.recorder.recording.lost:
            self.show_error(f"{self.recorder.recording.lost:,} frames were lost in this recording")
        self._show_state()

    def _on_tab(self, *_: object) -> None:
        """Dock the saver of the shown tab; the tool bar is for sources, the other tabs have one of their own."""
        station = self.shown if isinstance(self.shown, Station) else None
        tree = (station or self).h5saver.settings_tree
        self._savers.setCurrentWidget(tree)
        self._saver_dock.setWindowTitle(f"H5Saver: {station.title}" if station else "H5Saver")
        for action in (self._grab_action, self._snap_action, self._snapshot_action):
            action.setEnabled(station is None)
        self._record_action.setEnabled(station is None or self.recording)
        self._on_grabbing()

    def _on_grabbing(self, *_: object) -> None:
        for index, panel in enumerate(self.panels):
            self._tabs.setTabIcon(index, icon("grab") if panel.grabbing else QtGui.QIcon())
        grabbing = self.panel.grabbing
        self._grab_action.setChecked(grabbing)
        self._grab_action.setText("Stop" if grabbing else "Grab")
        self._grab_action.setIcon(icon("pause" if grabbing else "grab"))
        everything = all(panel.grabbing for panel in self.panels)
        self._grab_all_action.setChecked(everything)
        self._grab_all_action.setText("Stop all" if everything else "Grab all")
        self._grab_all_action.setIcon(icon("pause" if everything else "grab"))
        self._show_state()

    def _on_log(self, *_: object) -> None:
        self._log_action.setChecked(self._log_dock.isVisible())

    def _show_state(self) -> None:
        running = [panel for panel in self.panels if panel.grabbing]
        rate = sum(panel.frames_per_second for panel in running)
        self._source_label.setText(f"grabbing {len(running)} of {len(self.panels)} sources, {rate:.1f} frames/s")
        recording = self.recorder.recording
        self._lost_label.setText(f"{recording.lost:,} lost")
        font = self._lost_label.font()
        font.setBold(recording.lost > 0)
        self._lost_label.setFont(font)
        title = "H5Saver demo"
        if self.recording and recording.path is not None:
            title = f"{recording.path.name} - recording - {title}"
        self.setWindowTitle(title)

    # ----------------------------------------------------------------------------------------- building

    def _make_sources(self) -> list[Source]:
        sources: list[Source] = []
        try:
            sources.append(SystemMonitor())
        except MissingLibraryError as error:
            self.show_error(str(error))
        return [*sources, LoopJitter(), ScreenCamera(self), SimulatedSpectrometer(), SimulatedCamera()]

    def _make_panel(self, source: Source) -> DetectorPanel:
        folder = str(self.folder).replace(str(Path.home()), "~", 1)
        panel = DetectorPanel(
            source, buttons=False, hint=HINT.format(title=source.title, about=source.about, folder=folder)
        )
        panel.failed.connect(self.show_error)
        panel.grabbing_changed.connect(self._on_grabbing)
        return panel

    def _build_tabs(self) -> None:
        self._tabs = QtWidgets.QTabWidget()
        self._tabs.setDocumentMode(True)
        self._tabs.setIconSize(QtCore.QSize(12, 12))
        for index, panel in enumerate(self.panels):
            self._tabs.addTab(panel, panel.source.short)
            self._tabs.setTabToolTip(index, f"{panel.title} (Ctrl+{index + 1}): {panel.source.about}")
        for station, about in zip(self._stations, _ABOUT, strict=True):
            index = self._tabs.addTab(station, station.title)
            self._tabs.setTabToolTip(index, f"{station.title} (Ctrl+{index + 1}): {about}")
        self._panel = self.panels[0]
        # A method: tabs change also while they are deleted, when Python's collector has emptied every lambda already.
        self._tabs.currentChanged.connect(self._on_tab)
        self.setCentralWidget(self._tabs)

    def _build_docks(self) -> None:
        docks = QtWidgets.QDockWidget
        self._saver_dock = docks("H5Saver")
        self._saver_dock.setObjectName("saver")
        self._savers = QtWidgets.QStackedWidget()
        for saver in (self.h5saver, *(station.h5saver for station in self._stations)):
            self._savers.addWidget(saver.settings_tree)
        self._saver_dock.setWidget(self._savers)
        self._saver_dock.setMinimumWidth(300)
        self._saver_dock.setFeatures(
            docks.DockWidgetFeature.DockWidgetMovable | docks.DockWidgetFeature.DockWidgetFloatable
        )
        self.addDockWidget(QtCore.Qt.DockWidgetArea.RightDockWidgetArea, self._saver_dock)
        self._log_dock = docks("Log")
        self._log_dock.setObjectName("log")
        self._log_dock.setWidget(self.log)
        self.addDockWidget(QtCore.Qt.DockWidgetArea.BottomDockWidgetArea, self._log_dock)
        # The saver keeps its full height; the log lies below the plots only.
        self.setCorner(QtCore.Qt.Corner.BottomRightCorner, QtCore.Qt.DockWidgetArea.RightDockWidgetArea)

    def _build_actions(self) -> None:
        bar = QtWidgets.QToolBar("Acquisition")
        bar.setObjectName("acquisition")
        bar.setMovable(False)
        bar.setToolButtonStyle(QtCore.Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        bar.setContextMenuPolicy(QtCore.Qt.ContextMenuPolicy.PreventContextMenu)
        self.addToolBar(bar)
        self._toolbar = bar

        def add(name: str, text: str, keys: str, tip: str, do: Callable, checkable: bool = False) -> QtGui.QAction:
            action = bar.addAction(icon(name), text)
            action.setShortcuts([QtGui.QKeySequence(key) for key in keys.split(" or ")])
            action.setToolTip(f"{tip} ({keys})")
            action.setCheckable(checkable)
            action.triggered.connect(do)
            button = bar.widgetForAction(action)
            button.setFocusPolicy(QtCore.Qt.FocusPolicy.TabFocus)
            return action

        self._grab_action = add(
            "grab", "Grab", "F5", "Take frames of the shown source continuously", lambda on: self.panel.grab(on), True
        )
        self._grab_all_action = add(
            "grab", "Grab all", "Shift+F5", "Take frames of all sources continuously", self.grab_all, True
        )
        self._snap_action = add("snap", "Snap", "F6", "Take one frame of the shown source", lambda: self.panel.snap())
        self._snapshot_action = add(
            "save",
            "Save snapshot",
            "Ctrl+S",
            "Save the frame on the screen to a file of its own",
            lambda: self.save_snapshot(),
        )
        bar.addSeparator()
        self._record_action = add(
            "record",
            "Record",
            "Ctrl+R or F9",
            "Save every frame that is grabbed to one file: the same as Do Save on the right",
            self.record,
            True,
        )
        spacer = QtWidgets.QWidget()
        spacer.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Preferred)
        bar.addWidget(spacer)
        self._log_action = add(
            "log", "Log", "Ctrl+L", "Show or hide the log", lambda on: self._log_dock.setVisible(on), True
        )
        self._log_dock.visibilityChanged.connect(self._on_log)
        add("help", "Guide", "F1", "Open a short guide", lambda: self.show_guide())

        for index in range(self._tabs.count()):
            key = QtGui.QKeySequence(f"Ctrl+{index + 1}")
            QtGui.QShortcut(key, self).activated.connect(lambda index=index: self._tabs.setCurrentIndex(index))
        QtGui.QShortcut(QtGui.QKeySequence("Ctrl+Q"), self).activated.connect(self.close)
        self._record_action.setIcon(icon("record", RED))
        for action, other in (
            (self._grab_action, "Stop"),
            (self._grab_all_action, "Stop all"),
            (self._record_action, "Stop recording"),
        ):
            self._keep_width(action, other)

    def _keep_width(self, action: QtGui.QAction, other: str) -> None:
        """Make a button as wide as the longer of its two texts: the buttons beside it must not jump."""
        button, text = self._toolbar.widgetForAction(action), action.text()
        width = button.sizeHint().width()
        action.setText(other)
        button.setMinimumWidth(max(width, button.sizeHint().width()))
        action.setText(text)

    def _build_status_bar(self) -> None:
        self._source_label, self._lost_label = QtWidgets.QLabel(), QtWidgets.QLabel()
        self._source_label.setToolTip("Sources that grab now, and how many frames they give together")
        self._lost_label.setToolTip("Frames that were taken while recording and could not be saved")
        for label in (self._source_label, self._lost_label):
            label.setMargin(4)
            self.statusBar().addPermanentWidget(label)
