"""The demo window: live plots on the left, the saver docked on the right, one toolbar, the log below."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.demo.guide import GuideWindow
from h5saver_widget.demo.log_panel import LogPanel
from h5saver_widget.demo.panel import DetectorPanel
from h5saver_widget.demo.qt_sources import LoopJitter, ScreenCamera
from h5saver_widget.demo.recorder import PanelRecorder
from h5saver_widget.demo.scan_extension import ScanExtension
from h5saver_widget.demo.sources import SimulatedCamera, SimulatedSpectrometer, Source, SystemMonitor
from h5saver_widget.demo.station import Station, add_action, show_grab, show_record, tell_status
from h5saver_widget.demo.viewer import ViewerPanel
from h5saver_widget.errors import MissingLibraryError
from h5saver_widget.qt.geometry import fit
from h5saver_widget.qt.h5saver import H5Saver
from h5saver_widget.qt.icons import icon
from h5saver_widget.qt.keeper import Keeper
from h5saver_widget.qt.leaving import Leaving
from h5saver_widget.qt.state_signs import state_icon
from h5saver_widget.qt.status import ThreadCommand
from h5saver_widget.recording.status import RecorderState

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DEFAULT_FOLDER", "DemoWindow"]

DEFAULT_FOLDER = Path.home() / "h5saver-demo"
STATUS_MS = 250

_ABOUT = (
    "one detector with background, regions and its own saver",
    "stages move, a detector is read at every point, scans go into one file",
)
HINT = """<p style='font-size: large'><b>{title}</b></p><p>{about}.</p>
<p>Press <b>Grab</b> (F5) to see it live.<br>
Press <b>Record</b> (Ctrl+R) to save what is grabbed<br>to a file in {folder}</p>
<p>F1 opens a short guide.</p>"""


class DemoWindow(QtWidgets.QMainWindow):
    """Real data through the H5Saver widget, into files below ``~/h5saver-demo`` by default.

    ``panels`` are the detectors, in the order of the tabs, ``recorder`` saves their frames; behind them a viewer panel
    and a scan extension, each with its own saver. The dock shows the saver of the visible tab. ``last_error`` is the
    last error that was shown, or an empty text.
    """

    def __init__(self, out: Path | None = None, backend: str | None = None) -> None:
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
        self.recorder.failed.connect(self.show_error)
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
        self._tray = QtWidgets.QSystemTrayIcon(self)
        self._tray.activated.connect(self._raise)
        fit(self, 1280, 800)
        self.resizeDocks([self._saver_dock], [340], QtCore.Qt.Orientation.Horizontal)
        self.resizeDocks([self._log_dock], [96], QtCore.Qt.Orientation.Vertical)

        for saver in (self.h5saver, *(station.h5saver for station in self._stations)):
            saver.status_changed.connect(self._show_states)
        self._status_timer = QtCore.QTimer(self, interval=STATUS_MS, timeout=self._show_sources)
        self._status_timer.start()
        self._leaving = Leaving(self, [self.h5saver, *(station.h5saver for station in self._stations)])
        self._on_tab()
        if self._tray.isSystemTrayAvailable():
            self._tray.show()
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
        """Whether frames that are taken are to be saved."""
        return self.recorder.is_recording

    @property
    def docked(self) -> H5Saver:
        """The saver that is docked: title, dock, task bar and tray say how it is."""
        return self.shown.h5saver if isinstance(self.shown, Station) else self.h5saver

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
        if on:
            self.h5saver.start(wait=False)
        else:
            self.h5saver.stop(wait=False)

    def grab_all(self, on: bool = True) -> None:
        """Start or stop all sources."""
        for panel in self.panels:
            panel.grab(on)

    def save_snapshot(self) -> Path | None:
        """Save the frame that is shown (a new one, if there is none yet) to a separate file; return its path."""
        return self.recorder.save_snapshot(self.panel)

    def finish(self) -> None:
        """Stop grabbing and recording, and close the file; may be called again."""
        self.grab_all(False)
        self.record(False)
        self.recorder.drain()
        self.h5saver.close_file()
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
        """Stop and close the files before the window goes; it stays while a disk does not answer."""
        self.grab_all(False)
        for station in self._stations:
            station.stop()
        if not self._leaving.may_close():
            event.ignore()
            return
        self._status_timer.stop()
        if not self._leaving.anyway:
            self.finish()
        for panel in (*self.panels, self.viewer.panel):
            panel.source.close()
        super().closeEvent(event)

    # ------------------------------------------------------------------------------------ events

    def _on_status(self, status: ThreadCommand) -> None:
        tell_status(status, self.h5saver.frames_lost, self.show_message, self.show_error)

    def _on_tab(self, *_: object) -> None:
        """Dock the saver of the shown tab; the tool bar is for sources, the other tabs have one of their own."""
        is_source = not isinstance(self.shown, Station)
        self._savers.setCurrentWidget(self.docked.settings_tree)
        for action in self._source_actions:
            action.setVisible(is_source)
        self._on_grabbing()

    def _on_grabbing(self, *_: object) -> None:
        show_grab(self._grab_action, self.panel.grabbing)
        everything = all(panel.grabbing for panel in self.panels)
        show_grab(self._grab_all_action, everything, "Grab all", "Stop all")
        self._show_sources()
        self._show_states()

    def _on_log(self, *_: object) -> None:
        self._log_action.setChecked(self._log_dock.isVisible())

    def _show_states(self, *_: object) -> None:
        """Show how the savers are: the docked one everywhere, of the others a sign on their tabs."""
        status, name = self.docked.status(), "H5Saver demo"
        self.setWindowTitle(f"{status.headline} - {name}")
        self._saver_dock.setWindowTitle(f"H5Saver{self._of_station()}: {status.state.value}")
        sign = state_icon(status.state)
        self.setWindowIcon(sign)
        self._tray.setIcon(sign)
        self._tray.setToolTip(f"{name}: {status.headline}")
        main = self.h5saver.status()
        show_record(self._record_action, main)
        for index in range(self._tabs.count()):
            self._tabs.setTabIcon(index, self._sign_of(self._tabs.widget(index), main.state))

    def _sign_of(self, page: DetectorPanel | Station, state: RecorderState) -> QtGui.QIcon:
        """Return the icon of a tab: the state of its saver, if that concerns it; else whether it grabs."""
        if isinstance(page, Station):
            state = page.h5saver.status().state
        elif not page.grabbing:
            state = RecorderState.CLOSED
        if state is not RecorderState.CLOSED:
            return state_icon(state)
        return icon("grab") if isinstance(page, DetectorPanel) and page.grabbing else QtGui.QIcon()

    def _of_station(self) -> str:
        return f" ({self.shown.title})" if isinstance(self.shown, Station) else ""

    def _show_sources(self) -> None:
        running = [panel for panel in self.panels if panel.grabbing]
        rate = sum(panel.frames_per_second for panel in running)
        self._source_label.setText(f"grabbing {len(running)} of {len(self.panels)} sources, {rate:.1f} frames/s")

    def _raise(self, *_: object) -> None:
        self.showNormal()
        self.raise_()
        self.activateWindow()

    # ----------------------------------------------------------------------------------------- building

    def _make_sources(self) -> list[Source]:
        sources: list[Source] = []
        try:
            sources.append(SystemMonitor())
        except MissingLibraryError as error:
            self.show_error(str(error))
        return [*sources, LoopJitter(), ScreenCamera(self), SimulatedSpectrometer(), SimulatedCamera()]

    def _make_panel(self, source: Source) -> DetectorPanel:
        folder = escape(str(self.folder).replace(str(Path.home()), "~", 1))
        panel = DetectorPanel(
            source, buttons=False, hint=HINT.format(title=source.title, about=source.about, folder=folder)
        )
        panel.failed.connect(self.show_error)
        panel.grabbing_changed.connect(self._on_grabbing)
        return panel

    def _build_tabs(self) -> None:
        self._tabs = QtWidgets.QTabWidget(documentMode=True, iconSize=QtCore.QSize(12, 12))
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
            # the whole window listens to the key: only one of them is seen
            saver.settings_tree.marker_key.setContext(QtCore.Qt.ShortcutContext.WindowShortcut)
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

        def add(name: str, text: str, keys: str, tip: str, do: Callable, other: str = "") -> QtGui.QAction:
            return add_action(bar, name, text, tip, do, keys=keys, checkable=bool(other), other=other)

        tip = "Take frames of the shown source continuously"
        self._grab_action = add("grab", "Grab", "F5", tip, lambda on: self.panel.grab(on), "Stop")
        tip = "Take frames of all sources continuously"
        self._grab_all_action = add("grab", "Grab all", "Shift+F5", tip, self.grab_all, "Stop all")
        self._snap_action = add("snap", "Snap", "F6", "Take one frame of the shown source", lambda: self.panel.snap())
        tip = "Save the frame on the screen to a separate file"
        self._snapshot_action = add("save", "Save snapshot", "Ctrl+S", tip, lambda: self.save_snapshot())
        bar.addSeparator()
        tip = "Save every frame that is grabbed to one file: the same as Do Save on the right"
        self._record_action = add("record", "Record", "Ctrl+R or F9", tip, self.record, "Stop recording")
        self._source_actions = bar.actions()
        spacer = QtWidgets.QWidget()
        spacer.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Preferred)
        bar.addWidget(spacer)
        tip = "Show or hide the log"
        self._log_action = add("log", "Log", "Ctrl+L", tip, lambda on: self._log_dock.setVisible(on), "Log")
        self._log_dock.visibilityChanged.connect(self._on_log)
        add("help", "Guide", "F1", "Open a short guide", lambda: self.show_guide())

        for index in range(self._tabs.count()):
            key = QtGui.QKeySequence(f"Ctrl+{index + 1}")
            QtGui.QShortcut(key, self).activated.connect(lambda index=index: self._tabs.setCurrentIndex(index))
        QtGui.QShortcut(QtGui.QKeySequence("Ctrl+Q"), self).activated.connect(self.close)

    def _build_status_bar(self) -> None:
        self._source_label = QtWidgets.QLabel(toolTip="Sources that grab now, and how many frames they give together")
        self._source_label.setContentsMargins(16, 4, 4, 4)  # a message that is cut ends before it
        self.statusBar().addPermanentWidget(self._source_label)
