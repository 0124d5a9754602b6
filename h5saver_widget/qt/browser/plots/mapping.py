"""The map of a plot panel: over navigation, one number of the signal at each point, made bit by bit or when wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from pyqtgraph.Qt import QtCore

from h5saver_widget.browsing.drawings import Curves, DataSummary, Part
from h5saver_widget.browsing.file_view import FileView
from h5saver_widget.browsing.plotting import FREE_BYTES, DataReader
from h5saver_widget.format.text import format_size
from h5saver_widget.qt.browser.plots.place import Place
from h5saver_widget.qt.browser.plots.widgets import PlotWidgets
from h5saver_widget.qt.browser.worker import Worker

__all__ = ["MapPanel", "OpenedFile"]


class OpenedFile(Protocol):
    """The methods of an open file that the panel calls."""

    view: FileView
    worker: Worker


class MapPanel(PlotWidgets):
    """One data object, and the map of it."""

    drawn = QtCore.Signal()
    """Something new is shown."""

    def __init__(self) -> None:
        super().__init__()
        self._file: OpenedFile | None = None
        self._path = ""
        self._all = False
        self._subtract = False
        self.place = Place()
        self._others: list[Curves] = []
        self._markers: list[float] = []
        self._mapped: dict[int, slice] = {}
        self._map_wanted = False

    @property
    def summary(self) -> DataSummary | None:
        """The summary of the shown data."""
        return self.place.summary

    def _channel(self) -> int | None:
        found = self.channel.currentData()
        return None if found is None else int(found)

    def _reader(self) -> Callable[[], DataReader]:
        file, path, everything, subtract = self._file, self._path, self._all, self._subtract
        part: Part = self.part.currentData()
        assert file is not None
        return lambda: file.view.data(path, everything, subtract, part)

    def _thing(self, *more: object) -> tuple[object, ...]:
        """Return the identity of the drawn data, at any position in it."""
        assert self._file is not None
        which = (self._all, self._subtract, self.part.currentData(), self._channel(), len(self._others))
        return (str(self._file.view.path), self._path, *which, *more)

    # ------------------------------------------------------------------- map
    def _ask_map(self) -> None:
        """Ask for the map, unless that means to read very much: then a button offers it."""
        if self._file is None or self.summary is None or not self.place.map_dims:
            return
        reader, shown, channel = self._reader(), self.place.map_dims, self._channel()
        at = {i: self.place.at[i] for i in range(len(self.summary.shape)) if i not in shown}
        over = self._mapped = self._over()
        several = len(self.summary.dimensions[shown[0]].axes) > 1 and self.summary.is_spread
        if not over and len(shown) == 1 and not several:
            thing, span = self._thing("line", shown[0]), self.place.span
            self._file.worker.ask(
                lambda: reader().overview(shown[0], at, channel, span),
                lambda _: None,
                self.show_problem,
                part=partial(self._show_map, thing),
                key="map",
            )
            return
        size = self.place.map_size(shown, over)
        if size > FREE_BYTES and not self._map_wanted:
            self.map.hide()
            self.map_bar.offer(f"Make the map (reads {format_size(size)})")
            return
        how = self.map_bar.how.currentData()
        self.map_bar.show_making(can_stop=size > FREE_BYTES)
        self.map.show()
        dims = tuple(shown)
        self._file.worker.ask(
            lambda: reader().map(dims, over, at, how, channel or 0),
            lambda _: self.map_bar.button.hide(),
            self.show_problem,
            part=partial(self._show_map, self._thing("map", how, *dims)),
            key="map",
        )

    def _over(self) -> dict[int, slice]:
        """Return the part of the signal that becomes a number of the map: the region, or all of it."""
        assert self.summary is not None
        dims = self.place.signal_dims
        canvas = self.signal.canvas
        if dims and canvas is not None and canvas.region is not None and canvas.drawn is not None:
            slices = canvas.region_slices()
            if len(slices) == len(dims) and all(part.stop > part.start for part in slices):
                over = dict(zip(dims, slices, strict=True))
                return over if self.place.colours is None else {**over, self.place.colours: slice(None)}
        colours = () if self.place.colours is None else (self.place.colours,)
        return {i: slice(0, self.summary.shape[i]) for i in (*dims, *colours)}

    def _show_map(self, thing: Any, part: tuple[float, Any]) -> None:
        done, drawing = part
        self.map_bar.state.setText("" if done >= 1 else f"{done:.0%}")
        if isinstance(drawing, Curves) and not self.place.signal_dims:
            self.show_drawings()
            drawing = self._with_others(drawing)
        self.map.draw(drawing, thing)
        self.map.set_markers(self._markers)
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

    def _with_others(self, drawing: Curves) -> Curves:
        """Return curves with those of other nodes, which have to be in the same units."""
        alike = [curve for other in self._others if other.units == drawing.units for curve in other.curves]
        return replace(drawing, curves=(*drawing.curves, *alike)) if alike else drawing

    def _show_cross(self) -> None:
        self.map.set_cross(tuple(self.place.at[i] for i in self.place.map_dims) if self.place.signal_dims else None)
