"""One detector that a user sees: a source, its live plot and its few controls, in a widget to put anywhere.

The panel is also the *module* from which the module savers read title, settings, user interface and viewers; it knows
nothing about files. Connect to `grabbed` to receive its frames.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from pyqtgraph.parametertree import Parameter
from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget.demo.live import Hint, LivePlot
from h5saver_widget.demo.sources import SourceError
from h5saver_widget.qt.editors import PlainLabel, plain_tip
from h5saver_widget.qt.flow_layout import FlowLayout
from h5saver_widget.qt.icons import icon
from h5saver_widget.qt.keeper import Keeper
from h5saver_widget.qt.numbers import NumberBox

if TYPE_CHECKING:
    from h5saver_widget.data import DataToExport
    from h5saver_widget.demo.sources import Source

__all__ = ["DetectorPanel"]

REDRAW_MS = 40
"""25 pictures a second are enough for eyes; frames may come faster."""


class DetectorPanel(QtWidgets.QWidget):
    """A source with live plot, grab, snap and background.

    A window with its own toolbar needs no `buttons` for grab and snap. The `hint` is a sentence, as rich text, in the
    place of the plot before the first frame. The module savers read title, settings, ui and viewers: a name, a
    pyqtgraph ``Parameter``, this widget, the plots. ``background`` and ``latest`` are the last background and frame, or
    None; ``frames`` were taken so far.

    >>> from pyqtgraph.Qt import mkQApp
    >>> from h5saver_widget.demo.sources import SimulatedCamera
    >>> app = mkQApp()
    >>> panel = DetectorPanel(SimulatedCamera(seed=1))
    >>> panel.snap()[0].name, panel.frames
    ('image', 1)
    """

    grabbed = QtCore.Signal(object)
    """A frame (``DataToExport``) was taken, by grab or by snap."""

    grabbing_changed = QtCore.Signal(bool)
    """Continuous grabbing was started or stopped."""

    background_taken = QtCore.Signal(object)
    """A background (``DataToExport``) was taken."""

    failed = QtCore.Signal(str)
    """The source could not give a frame; the sentence says why. Grabbing has stopped."""

    def __init__(
        self,
        source: Source,
        buttons: bool = True,
        hint: str = "Press <b>Grab</b> for live data, <b>Snap</b> for a single frame.",
        parent: QtWidgets.QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._keeper = Keeper(self)  # a thread may be the last to hold it
        self.source = source
        self.title = source.title
        self.ui = self
        self.plot = LivePlot(source.dim, source.histogram)
        self.viewers = [self.plot]
        self.background: DataToExport | None = None
        self.frames = 0
        self.latest: DataToExport | None = None
        self._times: deque[float] = deque(maxlen=2000)
        self._locked = False

        self.settings = Parameter.create(
            name="settings",
            title=self.title,
            type="group",
            children=[
                {"name": "source", "title": "Source", "type": "str", "value": source.about, "readonly": True},
                {
                    "name": "rate",
                    "title": "Rate",
                    "type": "float",
                    "value": source.rate,
                    "limits": [0.1, source.max_rate],
                    "suffix": "frames/s",
                },
                {"name": "subtract_background", "title": "Subtract background", "type": "bool", "value": False},
            ],
        )
        self.settings.child("rate").sigValueChanged.connect(self._on_rate)
        self.settings.child("subtract_background").sigValueChanged.connect(self._on_subtract)

        self._timer = QtCore.QTimer(self, timerType=QtCore.Qt.TimerType.PreciseTimer, timeout=self._take)
        self._redraw_timer = QtCore.QTimer(self, interval=REDRAW_MS, timeout=self.redraw)
        self._build(buttons, hint)
        self._on_rate()

    # ------------------------------------------------------------------------------------------ doing

    @property
    def grabbing(self) -> bool:
        """Whether frames are taken continuously."""
        return self._timer.isActive()

    @property
    def frames_per_second(self) -> float:
        """Rate of the frames of the last two seconds, in frames/s; 0 while nothing is grabbed."""
        now = time.perf_counter()
        while self._times and now - self._times[0] > 2.0:
            self._times.popleft()
        if not self.grabbing or len(self._times) < 2:
            return 0.0
        return (len(self._times) - 1) / (self._times[-1] - self._times[0])

    def grab(self, on: bool = True) -> None:
        """Take frames continuously, at the rate of the settings, or stop."""
        if on == self.grabbing:
            return
        if on:
            self.source.start()
            self._times.clear()
            self._timer.start()
        else:
            self._timer.stop()
        self._grab_button.setChecked(on)
        self.grabbing_changed.emit(on)
        self._show_state()

    def stop(self) -> None:
        """Take no more frames."""
        self.grab(False)

    def snap(self) -> DataToExport | None:
        """Take one frame; None if the source gave none (`failed` says why)."""
        return self._take()

    def take_background(self) -> DataToExport | None:
        """Keep one frame as background; it is subtracted on screen if wanted, and saved beside the data."""
        data = self._read()
        if data is None:
            return None
        # Only what was measured has a background; a strongest line has none.
        self.background = data.get_data_from_source("raw")
        self._subtract_box.setEnabled(True)
        self._on_subtract()
        self.background_taken.emit(self.background)
        return self.background

    def add_region(self) -> str:
        """Put a region of interest into the plot; its mean is part of every frame from now on. Return its name."""
        if self.latest is None:
            self.snap()
        name = self.plot.add_region()
        self._show_regions()
        return name

    def clear_regions(self) -> None:
        """Take all regions of interest away."""
        if self.plot.roi_manager is not None:
            self.plot.roi_manager.clear()
        self._show_regions()

    def lock_regions(self, locked: bool) -> None:
        """Let no region be added or removed: the channels of a frame must not change while a file is written."""
        self._locked = locked
        self._show_regions()

    def set_rate(self, frames_per_second: float) -> None:
        """Ask for so many frames a second; the limits are those of the source."""
        self.settings["rate"] = frames_per_second

    def redraw(self) -> None:
        """Bring plot and numbers up to date."""
        if self.plot.redraw():
            self._stack.setCurrentWidget(self.plot)
        self._show_state()

    # --------------------------------------------------------------------------------------- measuring

    def _read(self) -> DataToExport | None:
        try:
            return self.source.read()
        except (SourceError, OSError) as error:
            self.stop()
            self.failed.emit(f"{self.title} stopped: {error}")
            return None

    def _take(self) -> DataToExport | None:
        data = self._read()
        if data is not None:
            regions = self.plot.roi_manager
            measured = None if regions is None else regions.measure(data[0])
            if measured is not None:
                data.append(measured)
            self.frames += 1
            self._times.append(time.perf_counter())
            self.latest = data
            self.plot.add(data)
            self.grabbed.emit(data)
            if not self.grabbing:
                self.redraw()
        return data

    # -------------------------------------------------------------------------------------- the widget

    def _build(self, buttons: bool, hint: str) -> None:
        self._stack = QtWidgets.QStackedWidget()
        self._stack.addWidget(Hint(hint))
        self._stack.addWidget(self.plot)

        self._grab_button = QtWidgets.QPushButton(icon("grab"), "&Grab")
        self._grab_button.setCheckable(True)
        self._grab_button.setToolTip(f"Take frames continuously. {self.source.about}")
        self._grab_button.toggled.connect(self.grab)
        self._snap_button = QtWidgets.QPushButton(icon("snap"), "&Snap", toolTip="Take one frame", clicked=self.snap)
        for button in (self._grab_button, self._snap_button):
            button.setVisible(buttons)

        self._rate_box = NumberBox()
        self._rate_box.setDecimals(1)
        self._rate_box.setRange(0.1, self.source.max_rate)
        self._rate_box.setValue(self.source.rate)
        self._rate_box.setSuffix(" frames/s")
        self._rate_box.setToolTip(f"How often a frame is taken: 0.1 to {self.source.max_rate:g} frames/s")
        self._rate_box.valueChanged.connect(self.set_rate)
        rate_label = QtWidgets.QLabel("&Rate")
        rate_label.setBuddy(self._rate_box)

        self._background_button = QtWidgets.QPushButton("Take &background")
        self._background_button.setToolTip(
            "Take one frame as background: it is saved beside the data, which are saved as measured"
        )
        self._background_button.clicked.connect(self.take_background)
        self._subtract_box = QtWidgets.QCheckBox("S&ubtract")
        self._subtract_box.setToolTip("Show the data less the background; saved data stay as measured")
        self._subtract_box.setEnabled(False)
        self._subtract_box.toggled.connect(self._on_subtract_box)
        self._region_button = QtWidgets.QToolButton()
        self._region_button.setText("&Region")
        self._region_button.setIcon(icon("region"))
        self._region_button.setToolButtonStyle(QtCore.Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._region_button.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self._region_button.clicked.connect(self.add_region)
        self._clear_button = QtWidgets.QToolButton()
        self._clear_button.setText("Clear")
        self._clear_button.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)
        self._clear_button.clicked.connect(self.clear_regions)
        for widget in (self._background_button, self._subtract_box, self._region_button, self._clear_button):
            widget.setVisible(self.source.dim != "Data0D")

        self._state = PlainLabel()
        self._state.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        # Numbers change all the time: the label takes what room there is and never pushes.
        self._state.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Preferred)

        controls = FlowLayout()
        for widget in (
            self._grab_button,
            self._snap_button,
            rate_label,
            self._rate_box,
            self._background_button,
            self._subtract_box,
            self._region_button,
            self._clear_button,
        ):
            controls.addWidget(widget)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.addWidget(self._state)
        layout.addWidget(self._stack, 1)
        layout.addLayout(controls)
        self._show_state()
        self._show_regions()

    def _show_regions(self) -> None:
        regions = self.plot.roi_manager
        if regions is None:
            return
        self._clear_button.setVisible(len(regions) > 0)
        for button, tip in (
            (
                self._region_button,
                "Add a region of interest: drag it with the mouse, its mean is saved with every frame",
            ),
            (self._clear_button, "Take all regions away"),
        ):
            button.setEnabled(not self._locked)
            button.setToolTip("Regions can be moved while saving, but not added or removed" if self._locked else tip)

    def _show_state(self) -> None:
        parts = [f"{self.frames_per_second:.1f} frames/s" if self.grabbing else "stopped"]
        for dwa in self.latest or ():
            if dwa.source.name == "calculated" and dwa.dim.name == "Data0D":
                names = [dwa.name] if len(dwa) == 1 and dwa.name != "regions" else dwa.labels
                for name, channel in zip(names, dwa.data, strict=True):
                    value = float(channel.flat[0])
                    parts.append(f"{name} {value:,.{0 if value >= 1000 else 1}f} {dwa.units}")
        text = " · ".join(parts)
        if text != self._state.text():
            self._state.setText(text)
            self._state.setToolTip(plain_tip(text))

    def _on_rate(self) -> None:
        rate = self.settings["rate"]
        self._timer.setInterval(max(1, round(1000 / rate)))
        self._times.clear()
        self._rate_box.setValue(rate)

    def _on_subtract_box(self, on: bool) -> None:
        self.settings["subtract_background"] = on

    def _on_subtract(self) -> None:
        on = self.settings["subtract_background"]
        self._subtract_box.setChecked(on)
        self.plot.background = self.background if on else None
        self.plot.redraw(force=True)

    def showEvent(self, event: QtCore.QEvent) -> None:
        """Draw while there is somebody to look."""
        super().showEvent(event)
        self._redraw_timer.start()

    def hideEvent(self, event: QtCore.QEvent) -> None:
        """Draw no more: the other tabs need the time."""
        super().hideEvent(event)
        self._redraw_timer.stop()
