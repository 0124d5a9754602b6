"""PlotPanel: the data of one node. A map over navigation, the signal at one point of it, a slider a dimension."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.browsing.drawings import Curves, DataSummary, Picture
from h5saver_widget.browsing.looking import FileView
from h5saver_widget.browsing.plotting import FREE_BYTES, DataReader
from h5saver_widget.browsing.words import shape_text, size_text
from h5saver_widget.qt.browser.plots.controls import MapBar, PlotBar
from h5saver_widget.qt.browser.plots.dimensions import DimensionRows
from h5saver_widget.qt.browser.plots.pictures import copy_picture, save_picture
from h5saver_widget.qt.browser.plots.view import PlotView
from h5saver_widget.qt.browser.worker import Worker
from h5saver_widget.qt.status import explain

__all__ = ["PlotPanel"]

_HINT: Final = "Point at a plot to read values; double click to see all of it."


class _File(Protocol):
    """What is asked of an open file."""

    view: FileView
    worker: Worker


class PlotPanel(QtWidgets.QWidget):
    """Plots one data object, of which only what is shown is read, in the worker of its file."""

    drawn = QtCore.Signal()
    """Something new is shown."""

    failed = QtCore.Signal(str)
    """A picture could not be saved; why, in words."""

    def __init__(self) -> None:
        super().__init__()
        self._file: _File | None = None
        self._path = ""
        self._all = False
        self._subtract = False
        self.summary: DataSummary | None = None
        self._navigation: list[int] = []
        self._at: dict[int, int] = {}
        self._starts: dict[int, int] = {}
        self._asked: dict[str, bool] = {}
        self._mapped: dict[int, slice] = {}
        self._map_wanted = False
        self._build()

    def _build(self) -> None:
        self.bar = PlotBar()
        self.channel, self.background = self.bar.channel, self.bar.background
        self.log, self.region = self.bar.log, self.bar.region
        self.dimensions = DimensionRows()
        self.map_bar = MapBar()
        self.map, self.signal = PlotView(), PlotView()
        self.area = QtWidgets.QSplitter(QtCore.Qt.Orientation.Vertical)
        self.area.addWidget(self.map)
        self.area.addWidget(self.signal)
        self.area.setChildrenCollapsible(False)
        self.area.setSizes([100, 130])
        self.readout = QtWidgets.QLabel(_HINT)
        self.statistics = QtWidgets.QLabel()
        self.problem = QtWidgets.QLabel()
        for label in (self.readout, self.statistics, self.problem):
            label.setTextFormat(QtCore.Qt.TextFormat.PlainText)
            label.setContentsMargins(6, 0, 6, 2)
            label.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setSizePolicy(QtWidgets.QSizePolicy.Policy.Ignored, QtWidgets.QSizePolicy.Policy.Minimum)
        for label in (self.statistics, self.problem):
            label.setWordWrap(True)
            label.hide()
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.setSpacing(3)
        layout.addWidget(self.bar)
        layout.addWidget(self.dimensions)
        layout.addWidget(self.map_bar)
        layout.addWidget(self.problem)
        layout.addWidget(self.area, 1)
        layout.addWidget(self.statistics)
        layout.addWidget(self.readout)
        layout.addStretch()  # what there is to say stays on top where nothing is drawn
        self.channel.activated.connect(lambda _: self.redraw())
        self.background.toggled.connect(self._background_toggled)
        self.log.toggled.connect(self.map.set_log)
        self.log.toggled.connect(self.signal.set_log)
        self.region.toggled.connect(lambda on: self._main().set_region(on))
        self.map_bar.how.activated.connect(lambda _: self._ask_map())
        self.map_bar.button.clicked.connect(self._map_button_pressed)
        self.bar.copy.clicked.connect(lambda: copy_picture(self.area))
        self.bar.save.clicked.connect(self.save_pressed)
        self.dimensions.moved.connect(self._moved)
        self.dimensions.role_changed.connect(self._role_changed)
        self.map.picked.connect(self._map_picked)
        for view in (self.map, self.signal):
            view.hovered.connect(lambda text: self.readout.setText(text or _HINT))
            view.region_changed.connect(self._region_changed)
        self._region_timer = QtCore.QTimer(self)
        self._region_timer.setSingleShot(True)
        self._region_timer.setInterval(150)
        self._region_timer.timeout.connect(self._ask_map)
        for widget in (self.channel, self.background, self.dimensions, self.map_bar, self.map_bar.button, self.map):
            widget.hide()  # until there are data that need it: a window is as wide as what is on it

    # ------------------------------------------------------------------ data
    def show_data(
        self, file: _File, path: str, all_channels: bool = False, with_bkg: bool = False, again: bool = False
    ) -> None:
        """Show the data of an array node.

        Parameters
        ----------
        file
            The file, and its worker.
        path
            The node.
        all_channels
            All channels of its data object.
        with_bkg
            Without the background.
        again
            The same node, seen anew: what was chosen stays so.
        """
        self.forget()
        self._file, self._path, self._all, self._subtract = file, path, all_channels, with_bkg

        def look() -> DataSummary:
            return file.view.data(path, all_channels, with_bkg).summary

        file.worker.ask(look, lambda summary: self._show_summary(summary, again), self._show_problem, key="plot")

    def forget(self) -> None:
        """Show nothing, and wait for nothing."""
        if self._file is not None:
            for key in ("plot", "signal", "map"):
                self._file.worker.cancel(key)
        self._asked.clear()
        self._file = None

    def _show_summary(self, summary: DataSummary, again: bool) -> None:
        before = self.summary
        self.summary = summary
        kept = again and before is not None and len(before.shape) == len(summary.shape)
        navigation = self._navigation if kept else _navigation_of(summary)
        self._navigation = list(navigation)
        middle = len(self._navigation) > 1  # of a map, the middle says more than a corner
        start = {i: size // 2 if middle and i in self._navigation else 0 for i, size in enumerate(summary.shape)}
        if kept and before is not None:  # who is at the newest point stays at the newest while more are added
            start = {i: summary.shape[i] - 1 if at == before.shape[i] - 1 else at for i, at in self._at.items()}
        self._at = {i: min(start[i], size - 1) for i, size in enumerate(summary.shape)}
        self._starts = dict(self._starts) if kept else {}
        self._map_wanted = self._map_wanted and kept
        self._show_drawings()
        self.bar.show_channels(summary.labels, summary.left_out, self.channel.currentText() if kept else "")
        self.background.blockSignals(True)
        self.background.setChecked(self._subtract)
        self.background.blockSignals(False)
        self.background.setVisible(summary.has_background)
        if not kept or before is None or before.shape != summary.shape:
            self.dimensions.set_dimensions(summary.dimensions)
        if not kept:
            self.region.setChecked(False)
        self._roles_changed()

    def _background_toggled(self, on: bool) -> None:
        if self._file is not None:
            self.show_data(self._file, self._path, self._all, on, again=True)

    # ----------------------------------------------------------------- roles
    @property
    def _signal_dims(self) -> list[int]:
        """The dimensions that the plot of the signal shows: the last two that are not navigated."""
        assert self.summary is not None
        return self._wide([i for i in range(len(self.summary.shape)) if i not in self._navigation])[-2:]

    @property
    def _map_dims(self) -> list[int]:
        """The dimensions that the map shows: the first two that are navigated."""
        return self._wide(sorted(self._navigation))[:2]

    def _wide(self, dimensions: list[int]) -> list[int]:
        """Return the dimensions with more than one point: there is nothing to be seen along the others."""
        assert self.summary is not None
        shape = self.summary.shape
        if all(size == 1 for size in shape):
            return dimensions[-1:]
        return [i for i in dimensions if shape[i] > 1]

    def _main(self) -> PlotView:
        """Return the view of which regions are taken."""
        return self.signal if self.summary is not None and self._signal_dims else self.map

    def _role_changed(self, index: int, navigation: bool) -> None:
        self._navigation = sorted({*self._navigation, index} if navigation else {*self._navigation} - {index})
        self._map_wanted = False
        self._roles_changed()

    def _roles_changed(self) -> None:
        assert self.summary is not None
        shown = self._signal_dims
        for dimension in self.summary.dimensions:
            i = dimension.index
            self.dimensions.set_role(i, i in self._navigation, i not in shown and bool(shown))
            self.dimensions.set_position(i, self._at[i])
        self.signal.setVisible(bool(shown))
        self.map.setVisible(bool(self._map_dims))
        self.map_bar.setVisible(bool(self._map_dims) and bool(shown))
        other = self.map if shown else self.signal
        other.set_region(False)
        self._main().set_region(self.region.isChecked())
        self.redraw()

    # --------------------------------------------------------------- drawing
    def redraw(self) -> None:
        """Read again what is shown."""
        if self.summary is None or self._file is None:
            return
        if self._signal_dims:
            self._ask_signal()
        self._ask_map()

    def _channel(self) -> int | None:
        found = self.channel.currentData()
        return None if found is None else int(found)

    def _reader(self) -> Callable[[], DataReader]:
        file, path, everything, subtract = self._file, self._path, self._all, self._subtract
        assert file is not None
        return lambda: file.view.data(path, everything, subtract)

    def _ask_signal(self) -> None:
        """Ask for the signal; while it is read, only the last of further wishes is remembered."""
        if self._file is None:
            return
        if "signal" in self._asked:
            self._asked["signal"] = True
            return
        self._asked["signal"] = False
        reader, dims, channel = self._reader(), self._signal_dims, self._channel()
        at, starts = dict(self._at), dict(self._starts)

        def read() -> Any:
            if len(dims) == 1:
                return reader().curves(dims[0], at, channel, starts.get(dims[0], 0))
            start = (starts.get(dims[0], 0), starts.get(dims[1], 0))
            return reader().picture(dims[0], dims[1], at, channel or 0, start)

        self._file.worker.ask(read, self._show_signal, self._signal_failed, key="signal")

    def _show_signal(self, drawing: Curves | Picture) -> None:
        again = self._asked.pop("signal", False)
        self._show_drawings()
        self.signal.draw(drawing)
        windows = [drawing.window] if isinstance(drawing, Curves) else [drawing.row_window, drawing.column_window]
        for index, window in zip(self._signal_dims, windows, strict=False):
            self._starts[index] = window.start
            self.dimensions.set_window(index, window)
        self.drawn.emit()
        if again:
            self._ask_signal()

    def _signal_failed(self, error: Exception) -> None:
        self._asked.pop("signal", None)
        self._show_problem(error)

    def _ask_map(self) -> None:
        """Ask for the map, unless that means to read very much: then a button offers it."""
        if self._file is None or self.summary is None or not self._map_dims:
            return
        reader, shown, channel = self._reader(), self._map_dims, self._channel()
        at = {i: self._at[i] for i in range(len(self.summary.shape)) if i not in shown}
        over = self._mapped = self._over()
        several = len(self.summary.dimensions[shown[0]].axes) > 1 and self.summary.is_spread
        if not over and len(shown) == 1 and not several:
            self._file.worker.ask(
                lambda: reader().curves(shown[0], at, channel, self._starts.get(shown[0], 0)),
                self._show_navigated,
                self._show_problem,
                key="map",
            )
            return
        size = self._map_size(shown, over)
        if size > FREE_BYTES and not self._map_wanted:
            self.map.hide()
            self.map_bar.offer(f"Make the map (reads {size_text(size)})")
            return
        how = self.map_bar.how.currentData()
        self.map_bar.show_making(can_stop=size > FREE_BYTES)
        self.map.show()
        dims = tuple(shown)
        self._file.worker.ask(
            lambda: reader().map(dims, over, at, how, channel or 0),
            lambda _: self.map_bar.button.hide(),
            self._show_problem,
            part=self._show_map,
            key="map",
        )

    def _over(self) -> dict[int, slice]:
        """Return the part of the signal that becomes a number of the map: the region, or all of it."""
        assert self.summary is not None
        dims = self._signal_dims
        canvas = self.signal.canvas
        if dims and canvas is not None and canvas.region is not None and canvas.drawn is not None:
            slices = canvas.region_slices()
            if len(slices) == len(dims) and all(part.stop > part.start for part in slices):
                return dict(zip(dims, slices, strict=True))
        return {i: slice(0, self.summary.shape[i]) for i in dims}

    def _map_size(self, shown: list[int], over: dict[int, slice]) -> int:
        assert self.summary is not None
        size = self.summary.dtype.itemsize
        for i in shown:
            size *= self.summary.shape[i]
        for part in over.values():
            size *= part.stop - part.start
        return size

    def _show_map(self, part: tuple[float, Any]) -> None:
        done, drawing = part
        self.map_bar.state.setText("" if done >= 1 else f"{done:.0%}")
        self._show_navigated(drawing)

    def _show_navigated(self, drawing: Any) -> None:
        self.map.draw(drawing)
        if isinstance(drawing, Curves) and not self._signal_dims:
            self.dimensions.set_window(self._map_dims[0], drawing.window)
        self._show_cross()
        self.drawn.emit()

    def _map_button_pressed(self) -> None:
        if self._file is None:
            return
        if self._map_wanted:
            self._file.worker.cancel("map")
            self.map_bar.state.setText("stopped")
            self.map_bar.button.hide()
            self._map_wanted = False
        else:
            self._map_wanted = True
            self._ask_map()

    # ------------------------------------------------------------ navigation
    def _show_cross(self) -> None:
        self.map.set_cross(tuple(self._at[i] for i in self._map_dims) if self._signal_dims else None)

    def _moved(self, index: int, at: int) -> None:
        if self.summary is None:
            return
        if index in self._signal_dims or (not self._signal_dims and index in self._map_dims):
            self._starts[index] = at
            self.redraw()
            return
        self._at[index] = at
        self._show_cross()
        self._ask_signal()
        if index not in self._map_dims:
            self._ask_map()

    def _map_picked(self, position: tuple[int, ...]) -> None:
        if not self._signal_dims:
            return
        for index, at in zip(self._map_dims, position, strict=False):
            self._at[index] = at
            self.dimensions.set_position(index, at)
        self._show_cross()
        self._ask_signal()

    def _region_changed(self) -> None:
        text = self._main().statistics()
        self.statistics.setText(text)
        self.statistics.setVisible(bool(text))
        if self._navigation and self.summary is not None and self._signal_dims and self._over() != self._mapped:
            self._region_timer.start()

    # -------------------------------------------------------------- pictures
    def save_picture(self, path: Path) -> None:
        """Save what is shown as PNG or SVG; FileOpenError if it can't be written."""
        save_picture(self.area, path)

    def save_pressed(self) -> None:
        """Ask for a name, and save what is shown."""
        name, _ = QtWidgets.QFileDialog.getSaveFileName(
            self, "Save the picture", f"{Path(self._path).name}.png", "Pictures (*.png *.svg)"
        )
        if name:
            path = Path(name)
            try:
                self.save_picture(path if path.suffix else path.with_suffix(".png"))
            except OSError as error:
                self.failed.emit(explain(error))

    # ------------------------------------------------------------------ look
    def _show_problem(self, error: Exception) -> None:
        self.problem.setText(f"This can't be plotted: {explain(error)}")
        self.problem.show()
        for widget in (self.area, self.bar, self.readout):
            widget.hide()

    def _show_drawings(self) -> None:
        self.problem.hide()
        for widget in (self.area, self.bar, self.readout):
            widget.show()

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:
        """Put map and signal beside each other where there is room."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        width, height = self.width(), self.height() - 150  # of the rows above and below the plots
        wide = width > 600 and width > 1.3 * height
        self.area.setOrientation(QtCore.Qt.Orientation.Horizontal if wide else QtCore.Qt.Orientation.Vertical)

    def changeEvent(self, event: QtCore.QEvent) -> None:
        """Follow the host's colours."""
        super().changeEvent(event)
        if event.type() == QtCore.QEvent.Type.PaletteChange and "bar" in self.__dict__:
            self.bar.update_icons()

    def title(self) -> str:
        """Return what is shown, in words."""
        if self.summary is None:
            return ""
        return f"{self.summary.name}  {shape_text(self.summary.shape)}"


def _navigation_of(summary: DataSummary) -> list[int]:
    """Return the dimensions that are navigated at first; of an image in colours, that of the colours."""
    found = [d.index for d in summary.dimensions if d.is_navigation]
    shape = summary.shape
    colours = len(shape) == 3 and shape[2] in (3, 4) and min(shape[:2]) > 4 and summary.dtype.itemsize == 1
    return [2] if colours and not found else found
