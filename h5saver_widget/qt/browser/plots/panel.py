"""PlotPanel: the data of one node. A map over navigation, the signal at one point of it, a slider a dimension."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pyqtgraph.Qt import QtCore

from h5saver_widget.browsing.drawings import Curves, DataSummary, Picture
from h5saver_widget.browsing.file_view import FileView
from h5saver_widget.browsing.formatting import shape_text
from h5saver_widget.browsing.pieces import statistics_of
from h5saver_widget.errors import H5SaverError
from h5saver_widget.format.layout import LOGGER_NAME, RAW_GROUP
from h5saver_widget.qt.browser.making import unheard
from h5saver_widget.qt.browser.plots.curves import CurveCanvas, range_text
from h5saver_widget.qt.browser.plots.mapping import MapPanel, OpenedFile
from h5saver_widget.qt.browser.plots.menu import PlotMenu
from h5saver_widget.qt.browser.plots.numbers import Numbers
from h5saver_widget.qt.browser.plots.spans import points_inside, span_wanted
from h5saver_widget.qt.browser.plots.values import statistics_text
from h5saver_widget.qt.browser.plots.view import PlotView
from h5saver_widget.qt.browser.plots.widgets import HINT
from h5saver_widget.recording.markers import marker_times

__all__ = ["PlotPanel"]


class PlotPanel(MapPanel):
    """Plots one data object; only its shown parts are read, by the worker of its file."""

    def __init__(self) -> None:
        super().__init__()
        self._asked: dict[str, bool] = {}
        self.channel.activated.connect(lambda _: self.redraw())
        self.background.toggled.connect(self._background_toggled)
        self.part.activated.connect(lambda _: self._again())
        self.region.toggled.connect(lambda on: self._main().set_region(on))
        self.map_bar.how.activated.connect(lambda _: self._ask_map())
        self.map_bar.button.clicked.connect(self._map_button_pressed)
        self.dimensions.moved.connect(self._moved)
        self.dimensions.role_changed.connect(self._role_changed)
        self.map.picked.connect(self._map_picked)
        for view in (self.map, self.signal):
            view.region_changed.connect(self._region_changed)
            view.zoomed.connect(lambda seen, view=view: self._zoomed(view, seen))
            view.menu_wanted.connect(lambda at, view=view: self._show_menu(view, at))
        self._region_timer = QtCore.QTimer(self, singleShot=True, interval=150, timeout=self._ask_map)

    # ------------------------------------------------------------------ data
    def show_data(
        self, file: OpenedFile, path: str, all_channels: bool = False, with_bkg: bool = False, again: bool = False
    ) -> None:
        """Show the data of an array node, or all channels of its data object; with or without the background.

        Where the same node is shown `again`, the user's choices stay.
        """
        self.forget()
        self._file, self._path, self._all, self._subtract = file, path, all_channels, with_bkg
        self.picture_name = Path(path).name
        if not again:
            self._others = []
        reader = self._reader()
        file.worker.ask(
            lambda: reader().summary, lambda found: self._show_summary(found, again), self.show_problem, key="plot"
        )

    def _again(self) -> None:
        if self._file is not None:
            self.show_data(self._file, self._path, self._all, self._subtract, again=True)

    def show_others(self, others: list[Curves]) -> None:
        """Draw curves of other nodes with those of this one, as far as they are in the same units."""
        self._others = others
        self.redraw()

    def _show_menu(self, view: PlotView, place: QtCore.QPoint) -> None:
        if view.canvas is None:
            return
        menu = PlotMenu(self, view.canvas, self.set_log)
        menu.add("Statistics of a region", self.region.toggle, checked=self.region.isChecked())
        menu.add("Numbers", self.bar.numbers.toggle, checked=self.bar.numbers.isChecked())
        menu.add("Copy the numbers", self.copy_numbers)
        menu.add("Copy the picture", self.copy_picture)
        menu.add("Save the picture…", self.save_pressed)
        menu.popup(place)

    def forget(self) -> None:
        """Show nothing, and wait for nothing."""
        if self._file is not None:
            for key in ("plot", "signal", "map", "statistics", "markers"):
                self._file.worker.cancel(key)
        self._asked.clear()
        self._file = None

    def _show_summary(self, summary: DataSummary, again: bool) -> None:
        before = self.summary
        kept = self.place.show(summary, again)
        if not math.prod(summary.shape):
            shape = shape_text(summary.shape)
            self.show_problem(H5SaverError(f"there are no values in it yet, its shape is {shape}."))
            return
        self._map_wanted = self._map_wanted and kept
        self.show_drawings()
        self.bar.show_channels(summary.labels, summary.left_out, self.channel.currentText() if kept else "")
        with unheard(self.background):
            self.background.setChecked(self._subtract)
        self.background.setVisible(summary.has_background)
        self.part.setVisible(summary.dtype.kind == "c")
        if not kept or before is None or before.shape != summary.shape:
            self.dimensions.set_dimensions(summary.dimensions)
        if not kept:
            self.region.setChecked(False)
        self._roles_changed()
        if self._file is not None:
            view = self._file.view
            self._file.worker.ask(partial(_marked, view), self._markers_came, lambda _: None, key="markers")

    def _markers_came(self, times: list[float]) -> None:
        self._markers = times
        for view in (self.map, self.signal):
            view.set_markers(times)

    def _background_toggled(self, on: bool) -> None:
        self._subtract = on
        self._again()

    # ----------------------------------------------------------------- roles
    def _main(self) -> PlotView:
        """Return the view of which regions are taken."""
        return self.signal if self.summary is not None and self.place.signal_dims else self.map

    def _role_changed(self, index: int, navigation: bool) -> None:
        self.place.set_role(index, navigation)
        self._roles_changed()

    def _roles_changed(self) -> None:
        assert self.summary is not None
        shown = self.place.signal_dims
        for dimension in self.summary.dimensions:
            i = dimension.index
            self.dimensions.set_role(
                i, i in self.place.navigation, i not in (*shown, self.place.colours) and bool(shown)
            )
            self.dimensions.set_position(i, self.place.at[i])
        self.signal.setVisible(bool(shown))
        self.map.setVisible(bool(self.place.map_dims))
        self.map_bar.setVisible(bool(self.place.map_dims) and bool(shown))
        other = self.map if shown else self.signal
        other.set_region(False)
        self._main().set_region(self.region.isChecked())
        self.redraw()

    # --------------------------------------------------------------- drawing
    def redraw(self) -> None:
        """Read the shown parts again."""
        if self.summary is None or self._file is None:
            return
        if self.place.signal_dims:
            self._ask_signal()
        self._ask_map()
        self.show_drawings()

    def _ask_signal(self) -> None:
        """Ask for the signal; while it is read, only the last of further wishes is remembered."""
        if self._file is None:
            return
        if "signal" in self._asked:
            self._asked["signal"] = True
            return
        self._asked["signal"] = False
        reader, dims, channel, span = self._reader(), self.place.signal_dims, self._channel(), self.place.span
        at, starts = dict(self.place.at), dict(self.place.starts)
        colours = self.place.colours is not None or (self.summary is not None and self.summary.palette is not None)
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
        self.show_drawings()
        if isinstance(drawing, Curves):
            drawing = self._with_others(drawing)
        else:
            for index, window in zip(self.place.signal_dims, (drawing.row_window, drawing.column_window), strict=False):
                self.place.starts[index] = window.start
                self.dimensions.set_window(index, window)
        if done == 1 or self.signal.canvas is None or self.signal.canvas.thing != thing:
            self.signal.draw(drawing, thing)  # of what is seen already, a part would be less
            self.signal.set_markers(self._markers)
        if done < 1:
            self.readout.setText(f"Reading … {done:.0%}")
            if self._asked.get("signal"):  # something else is wanted by now
                assert self._file is not None
                self._file.worker.cancel("signal")
                self._signal_came()
        self.drawn.emit()

    def _signal_came(self, _: object = None) -> None:
        if self.readout.text().startswith("Reading"):
            self.readout.setText(HINT)
        if self._asked.pop("signal", False):
            self._ask_signal()

    def _signal_failed(self, error: Exception) -> None:
        self._asked.pop("signal", None)
        self.show_problem(error)

    # ------------------------------------------------------------ navigation
    def _moved(self, index: int, at: int) -> None:
        if self.summary is None:
            return
        if index in self.place.signal_dims:  # of an image that is too large to be shown as a whole
            self.place.starts[index] = at
            self.redraw()
            return
        self.place.at[index] = at
        self._show_cross()
        self._ask_signal()
        self.show_drawings()
        if index not in self.place.map_dims:
            self._ask_map()

    def _map_picked(self, position: tuple[int, ...]) -> None:
        if not self.place.signal_dims:
            return
        for index, at in zip(self.place.map_dims, position, strict=False):
            self.place.at[index] = at
            self.dimensions.set_position(index, at)
        self._show_cross()
        self._ask_signal()
        self.show_drawings()

    def _region_changed(self) -> None:
        text = self._main().statistics()
        self.statistics.setText("…" if text is None else text)
        self.statistics.setVisible(text != "")
        if text is None:
            self._ask_statistics()
        if (
            self.place.navigation
            and self.summary is not None
            and self.place.signal_dims
            and self._over() != self._mapped
        ):
            self._region_timer.start()

    def _ask_statistics(self) -> None:
        """Ask for the statistics of points of which only the extremes are drawn."""
        canvas = self._main().canvas
        if self._file is None or self.summary is None or not isinstance(canvas, CurveCanvas):
            return
        reader, along = self._reader(), self.place.shown[0]
        parts: dict[int, int | slice] = {
            **self.place.at,
            along: slice(*points_inside(self.summary.dimensions[along].axes[0], *canvas.region_range())),
        }
        chosen = range(len(self.summary.labels)) if self._channel() is None else [self._channel() or 0]
        labels, units = self.summary.labels, self.summary.units
        where = range_text(canvas.region_range(), self.summary.dimensions[along].axes[0].units)

        def read() -> str:
            found = ((i, statistics_of(reader().part(parts, i))) for i in chosen[:6])
            return "\n".join(statistics_text(labels[i], known, units) + where for i, known in found)

        self._file.worker.ask(read, self.statistics.setText, self.show_problem, key="statistics")

    # ----------------------------------------------------------- view, scales
    def _zoomed(self, view: PlotView, seen: tuple[float, float] | None) -> None:
        """Read the part of a long curve that is seen, finer."""
        canvas = view.canvas
        if self.summary is None or canvas is None or view is not self._main() or not isinstance(canvas.drawn, Curves):
            return
        along = self.place.shown[0]
        found = span_wanted(self.summary.dimensions[along].axes[0], canvas.drawn.window, seen)
        if found is not None:
            self.place.span = found if found != (0, self.summary.shape[along]) else None
            self.redraw()

    # --------------------------------------------------------------- numbers
    def _numbers(self) -> Numbers:
        """Return the numbers of the drawing for the table."""
        summary, dims, channel = self.summary, self.place.shown, self._channel()
        assert summary is not None
        labels = list(enumerate(summary.labels))
        shown = tuple(labels if channel is None and len(dims) == 1 else labels[channel or 0 :][:1])
        axes = [summary.dimensions[i].axes[0] for i in dims]
        columns, column_axis = (dims[1], axes[1]) if len(dims) == 2 else (None, None)
        thing = self._thing("numbers", *dims)
        at = dict(self.place.at)
        return Numbers(self._reader(), thing, dims[0], columns, axes[0], column_axis, at, shown, summary.units)

    def show_drawings(self) -> None:
        """Show the plots, or the numbers."""
        super().show_drawings()
        if self._file is not None and self.summary is not None and self.place.shown and self.bar.numbers.isChecked():
            self.numbers.show_numbers(self._file.worker, self._numbers())

    def copy_numbers(self) -> None:
        """Copy all numbers of the drawing."""
        if self._file is not None and self.summary is not None and self.place.shown:
            self.numbers.copy_all(self._file.worker, self._numbers())


def _marked(view: FileView) -> list[float]:
    """Return when moments were marked, as the log of the file says; none where it has no log."""
    try:
        return marker_times(view.describe(f"{RAW_GROUP}/{LOGGER_NAME}").lines)
    except H5SaverError:
        return []
