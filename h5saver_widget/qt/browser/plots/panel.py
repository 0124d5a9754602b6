"""PlotPanel: the data of one node. A map over navigation, the signal at one point of it, a slider a dimension."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.browsing.drawings import Curves, DataSummary, Part, Picture
from h5saver_widget.browsing.looking import FileView
from h5saver_widget.browsing.pieces import statistics_of
from h5saver_widget.browsing.plotting import FREE_BYTES, DataReader
from h5saver_widget.browsing.words import shape_text, size_text
from h5saver_widget.errors import H5SaverError
from h5saver_widget.qt.browser.plots.canvas import statistics_text
from h5saver_widget.qt.browser.plots.controls import MapBar, PlotBar
from h5saver_widget.qt.browser.plots.curves import CurveCanvas
from h5saver_widget.qt.browser.plots.dimensions import DimensionRows
from h5saver_widget.qt.browser.plots.menu import PlotMenu
from h5saver_widget.qt.browser.plots.numbers import Numbers, NumberTable
from h5saver_widget.qt.browser.plots.pictures import copy_picture, save_picture
from h5saver_widget.qt.browser.plots.spans import points_inside, span_wanted
from h5saver_widget.qt.browser.plots.view import PlotView
from h5saver_widget.qt.browser.worker import Worker
from h5saver_widget.qt.status import explain

__all__ = ["PlotPanel"]

_HINT: Final = "Ctrl+0 shows all of it, a right click a menu."


class _File(Protocol):
    """What is asked of an open file."""

    view: FileView
    worker: Worker


class PlotPanel(QtWidgets.QWidget):
    """Plots one data object, of which only what is shown is read, in the worker of its file."""

    drawn = QtCore.Signal()
    """Something new is shown."""

    failed = QtCore.Signal(str)
    """What became of copying or saving, in words."""

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
        #: The points of a curve that are wanted, where somebody has zoomed; all of them without.
        self._span: tuple[int, int] | None = None
        self._others: list[Curves] = []
        self._log_x = False
        self._asked: dict[str, bool] = {}
        self._mapped: dict[int, slice] = {}
        self._map_wanted = False
        self._build()

    def _build(self) -> None:
        self.bar = PlotBar()
        self.channel, self.background = self.bar.channel, self.bar.background
        self.log, self.region, self.part = self.bar.log, self.bar.region, self.bar.part
        self.numbers = NumberTable()
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
        layout.addWidget(self.numbers, 1)
        layout.addWidget(self.statistics)
        layout.addWidget(self.readout)
        layout.addStretch()  # what there is to say stays on top where nothing is drawn
        self.channel.activated.connect(lambda _: self.redraw())
        self.background.toggled.connect(self._background_toggled)
        self.log.toggled.connect(self._scales_changed)
        self.part.activated.connect(lambda _: self._again())
        self.bar.numbers.toggled.connect(lambda _: self._show_drawings())
        self.numbers.said.connect(self.failed)
        self.region.toggled.connect(lambda on: self._main().set_region(on))
        self.map_bar.how.activated.connect(lambda _: self._ask_map())
        self.map_bar.button.clicked.connect(self._map_button_pressed)
        self.bar.copy.clicked.connect(self._copy_pressed)
        self.bar.save.clicked.connect(self.save_pressed)
        self.dimensions.moved.connect(self._moved)
        self.dimensions.role_changed.connect(self._role_changed)
        self.map.picked.connect(self._map_picked)
        for view in (self.map, self.signal):
            view.hovered.connect(lambda text: self.readout.setText(text or _HINT))
            view.region_changed.connect(self._region_changed)
            view.zoomed.connect(lambda seen, view=view: self._zoomed(view, seen))
            view.menu_wanted.connect(lambda at, view=view: self._show_menu(view, at))
        self._region_timer = QtCore.QTimer(self)
        self._region_timer.setSingleShot(True)
        self._region_timer.setInterval(150)
        self._region_timer.timeout.connect(self._ask_map)
        hidden = (self.channel, self.part, self.background, self.dimensions, self.map_bar, self.map_bar.button)
        for widget in (*hidden, self.map, self.numbers):
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
        if not again:
            self._others = []
        reader = self._reader()
        file.worker.ask(
            lambda: reader().summary, lambda found: self._show_summary(found, again), self._show_problem, key="plot"
        )

    def _again(self) -> None:
        if self._file is not None:
            self.show_data(self._file, self._path, self._all, self._subtract, again=True)

    def show_others(self, others: list[Curves]) -> None:
        """Draw curves of other nodes with those of this one, as far as they are in the same units."""
        self._others = others
        self.redraw()

    def forget(self) -> None:
        """Show nothing, and wait for nothing."""
        if self._file is not None:
            for key in ("plot", "signal", "map", "statistics"):
                self._file.worker.cancel(key)
        self._asked.clear()
        self._file = None

    def _show_summary(self, summary: DataSummary, again: bool) -> None:
        before = self.summary
        self.summary = summary
        if not math.prod(summary.shape):
            shape = shape_text(summary.shape)
            self._show_problem(H5SaverError(f"there are no values in it yet, its shape is {shape}."))
            return
        kept = again and before is not None and len(before.shape) == len(summary.shape)
        navigation = self._navigation if kept else _navigation_of(summary)
        self._navigation = list(navigation)
        middle = len(self._navigation) > 1  # of a map, the middle says more than a corner
        start = {i: size // 2 if middle and i in self._navigation else 0 for i, size in enumerate(summary.shape)}
        if kept and before is not None:  # who is at the newest point stays at the newest while more are added
            start = {i: summary.shape[i] - 1 if at == before.shape[i] - 1 else at for i, at in self._at.items()}
        self._at = {i: min(start[i], size - 1) for i, size in enumerate(summary.shape)}
        self._starts = dict(self._starts) if kept else {}
        self._span = self._span if kept else None
        self._map_wanted = self._map_wanted and kept
        self._show_drawings()
        self.bar.show_channels(summary.labels, summary.left_out, self.channel.currentText() if kept else "")
        self.background.blockSignals(True)
        self.background.setChecked(self._subtract)
        self.background.blockSignals(False)
        self.background.setVisible(summary.has_background)
        self.part.setVisible(summary.dtype.kind == "c")
        if not kept or before is None or before.shape != summary.shape:
            self.dimensions.set_dimensions(summary.dimensions)
        if not kept:
            self.region.setChecked(False)
        self._roles_changed()

    def _background_toggled(self, on: bool) -> None:
        self._subtract = on
        self._again()

    # ----------------------------------------------------------------- roles
    @property
    def _signal_dims(self) -> list[int]:
        """The dimensions that the plot of the signal shows: the last two that are not navigated."""
        assert self.summary is not None
        away = {*self._navigation, self._colours}
        return self._wide([i for i in range(len(self.summary.shape)) if i not in away])[-2:]

    @property
    def _colours(self) -> int | None:
        """The dimension of the colours, if these are seen as such."""
        assert self.summary is not None
        found = self.summary.colours
        return None if found in self._navigation else found

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
        return [i for i in dimensions if shape[i] != 1]

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
            self.dimensions.set_role(i, i in self._navigation, i not in (*shown, self._colours) and bool(shown))
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
        self._show_numbers()

    def _channel(self) -> int | None:
        found = self.channel.currentData()
        return None if found is None else int(found)

    def _reader(self) -> Callable[[], DataReader]:
        file, path, everything, subtract = self._file, self._path, self._all, self._subtract
        part: Part = self.part.currentData()
        assert file is not None
        return lambda: file.view.data(path, everything, subtract, part)

    def _thing(self, *more: object) -> tuple[object, ...]:
        """Return what tells that which is drawn from other things, wherever one is in it."""
        assert self._file is not None
        which = (self._all, self._subtract, self.part.currentData(), self._channel(), len(self._others))
        return (str(self._file.view.path), self._path, *which, *more)

    def _ask_signal(self) -> None:
        """Ask for the signal; while it is read, only the last of further wishes is remembered."""
        if self._file is None:
            return
        if "signal" in self._asked:
            self._asked["signal"] = True
            return
        self._asked["signal"] = False
        reader, dims, channel, span = self._reader(), self._signal_dims, self._channel(), self._span
        at, starts, colours = dict(self._at), dict(self._starts), self._colours is not None
        thing = self._thing("signal", *dims)

        def read() -> Iterator[tuple[float, Any]]:
            if len(dims) == 1:
                yield from reader().overview(dims[0], at, channel, span)
            else:
                start = (starts.get(dims[0], 0), starts.get(dims[1], 0))
                yield 1.0, reader().picture(dims[0], dims[1], at, channel or 0, start, colours)

        self._file.worker.ask(
            read, self._signal_came, self._signal_failed, part=partial(self._show_signal, thing), key="signal"
        )

    def _show_signal(self, thing: Any, part: tuple[float, Curves | Picture]) -> None:
        done, drawing = part
        self._show_drawings()
        if isinstance(drawing, Curves):
            drawing = self._with_others(drawing)
        else:
            for index, window in zip(self._signal_dims, (drawing.row_window, drawing.column_window), strict=False):
                self._starts[index] = window.start
                self.dimensions.set_window(index, window)
        self.signal.draw(drawing, thing)
        if done < 1:
            self.readout.setText(f"Reading … {done:.0%}")
            if self._asked.get("signal"):  # something else is wanted by now
                assert self._file is not None
                self._file.worker.cancel("signal")
                self._signal_came()
        self.drawn.emit()

    def _signal_came(self, _: object = None) -> None:
        if self.readout.text().startswith("Reading"):
            self.readout.setText(_HINT)
        if self._asked.pop("signal", False):
            self._ask_signal()

    def _with_others(self, drawing: Curves) -> Curves:
        """Return curves with those of other nodes, which have to be in the same units."""
        alike = [curve for other in self._others if other.units == drawing.units for curve in other.curves]
        return replace(drawing, curves=(*drawing.curves, *alike)) if alike else drawing

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
            thing, span = self._thing("line", shown[0]), self._span
            self._file.worker.ask(
                lambda: reader().overview(shown[0], at, channel, span),
                lambda _: None,
                self._show_problem,
                part=partial(self._show_map, thing),
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
            part=partial(self._show_map, self._thing("map", how, *dims)),
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
                over = dict(zip(dims, slices, strict=True))
                return over if self._colours is None else {**over, self._colours: slice(None)}
        colours = () if self._colours is None else (self._colours,)
        return {i: slice(0, self.summary.shape[i]) for i in (*dims, *colours)}

    def _map_size(self, shown: list[int], over: dict[int, slice]) -> int:
        assert self.summary is not None
        size = self.summary.dtype.itemsize
        for i in shown:
            size *= self.summary.shape[i]
        for part in over.values():
            size *= part.stop - part.start
        return size

    def _show_map(self, thing: Any, part: tuple[float, Any]) -> None:
        done, drawing = part
        self.map_bar.state.setText("" if done >= 1 else f"{done:.0%}")
        if isinstance(drawing, Curves) and not self._signal_dims:
            self._show_drawings()
            drawing = self._with_others(drawing)
        self.map.draw(drawing, thing)
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
        self._show_numbers()
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
        self._show_numbers()

    def _region_changed(self) -> None:
        text = self._main().statistics()
        self.statistics.setText("…" if text is None else text)
        self.statistics.setVisible(text != "")
        if text is None:
            self._ask_statistics()
        if self._navigation and self.summary is not None and self._signal_dims and self._over() != self._mapped:
            self._region_timer.start()

    def _ask_statistics(self) -> None:
        """Ask for the statistics of points of which only the extremes are drawn."""
        canvas = self._main().canvas
        if self._file is None or self.summary is None or not isinstance(canvas, CurveCanvas):
            return
        reader, along = self._reader(), (self._signal_dims or self._map_dims)[0]
        parts = {
            **self._at,
            along: slice(*points_inside(self.summary.dimensions[along].axes[0], *canvas.region_range())),
        }
        chosen = range(len(self.summary.labels)) if self._channel() is None else [self._channel() or 0]
        labels, units = self.summary.labels, self.summary.units

        def read() -> str:
            found = ((i, statistics_of(reader().part(parts, i))) for i in chosen[:6])
            return "\n".join(statistics_text(labels[i], known, units) for i, known in found)

        self._file.worker.ask(read, self.statistics.setText, self._show_problem, key="statistics")

    # ----------------------------------------------------------- view, scales
    def _zoomed(self, view: PlotView, seen: tuple[float, float] | None) -> None:
        """Read the part of a long curve that is seen, finer."""
        canvas = view.canvas
        if self.summary is None or canvas is None or view is not self._main() or not isinstance(canvas.drawn, Curves):
            return
        along = (self._signal_dims or self._map_dims)[0]
        found = span_wanted(self.summary.dimensions[along].axes[0], canvas.drawn.window, seen)
        if found is not None:
            self._span = found if found != (0, self.summary.shape[along]) else None
            self.redraw()

    def fit(self) -> None:
        """Show all of it."""
        for view in (self.map, self.signal):
            if view.canvas is not None and not view.isHidden():
                view.canvas.reset_view()

    def set_log_x(self, on: bool) -> None:
        """Draw curves over the logarithms of their positions."""
        self._log_x = on
        self._scales_changed()

    def _scales_changed(self, *_: object) -> None:
        for view in (self.map, self.signal):
            view.set_log(self._log_x, self.log.isChecked())

    def _show_menu(self, view: PlotView, place: QtCore.QPoint) -> None:
        menu = PlotMenu(self, view)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(place)

    # --------------------------------------------------------------- numbers
    def _show_numbers(self) -> None:
        """Let the table show what is drawn."""
        summary = self.summary
        if self._file is None or summary is None or not (self._signal_dims or self._map_dims):
            return
        dims = self._signal_dims or self._map_dims
        channel = self._channel()
        labels = list(enumerate(summary.labels))
        shown = tuple(labels if channel is None and len(dims) == 1 else labels[channel or 0 :][:1])
        axes = [summary.dimensions[i].axes[0] for i in dims]
        columns, column_axis = (dims[1], axes[1]) if len(dims) == 2 else (None, None)
        thing = self._thing("numbers", *dims)
        self.numbers.show_numbers(
            self._file.worker,
            Numbers(
                self._reader(), thing, dims[0], columns, axes[0], column_axis, dict(self._at), shown, summary.units
            ),
        )

    def copy_numbers(self) -> None:
        """Copy all numbers of what is drawn."""
        self._show_numbers()
        self.numbers.copy(everything=True)

    def _copy_pressed(self) -> None:
        if self.numbers.isVisible():
            self.numbers.copy()
        else:
            self.copy_picture()

    # -------------------------------------------------------------- pictures
    def copy_picture(self) -> None:
        """Copy a picture of what is shown."""
        copy_picture(self.area)

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
        for widget in (self.area, self.bar, self.readout, self.numbers):
            widget.hide()

    def _show_drawings(self) -> None:
        self.problem.hide()
        as_numbers = self.bar.numbers.isChecked()
        self.bar.show()
        self.numbers.setVisible(as_numbers)
        for widget in (self.area, self.readout):
            widget.setVisible(not as_numbers)

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
    """Return the dimensions that are navigated at first: those before an image in colours are."""
    found = [d.index for d in summary.dimensions if d.is_navigation]
    return found or ([] if summary.colours is None else list(range(summary.colours - 2)))
