"""The widgets of a plot panel: bars, two plots, a table of numbers, a line of text; scales and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pyqtgraph.Qt import QtCore, QtGui, QtWidgets

from h5saver_widget.qt.browser.making import stack
from h5saver_widget.qt.browser.plots.controls import MapBar, PlotBar
from h5saver_widget.qt.browser.plots.dimensions import DimensionRows
from h5saver_widget.qt.browser.plots.numbers import NumberTable
from h5saver_widget.qt.browser.plots.pictures import copy_picture, save_picture
from h5saver_widget.qt.browser.plots.view import PlotView
from h5saver_widget.qt.editors import plain_label
from h5saver_widget.qt.status import explain

__all__ = ["HINT", "PlotWidgets"]

HINT: Final = "Ctrl+0 shows all. Right click: menu."
"""What stands below plots while nothing is under the mouse."""


class PlotWidgets(QtWidgets.QWidget):
    """The widgets of a panel; a subclass fills them."""

    failed = QtCore.Signal(str)
    """What became of copying or saving, in words."""

    def __init__(self) -> None:
        super().__init__()
        #: Proposed name of a saved picture.
        self.picture_name = "plot"
        self.log_x = False
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
        self.readout, self.statistics, self.problem = plain_label(HINT), plain_label(), plain_label()
        self.readout.setWordWrap(False)
        for label in (self.readout, self.statistics, self.problem):
            label.setContentsMargins(6, 0, 6, 2)
        above, below = (self.bar, self.dimensions, self.map_bar, self.problem), (self.statistics, self.readout)
        layout = stack(self, *above, self.area, self.numbers, *below, margins=(0, 4, 0, 0), spacing=3)
        for widget in (self.area, self.numbers):
            layout.setStretchFactor(widget, 1)
        layout.addStretch()  # what there is to say stays on top where nothing is drawn
        self.log.toggled.connect(self._scales_changed)
        self.bar.numbers.toggled.connect(lambda _: self.show_drawings())
        self.numbers.said.connect(self.failed)
        self.bar.copy.clicked.connect(self._copy_pressed)
        self.bar.save.clicked.connect(self.save_pressed)
        for view in (self.map, self.signal):
            view.hovered.connect(lambda text: self.readout.setText(text or HINT))
        hidden = (self.channel, self.part, self.background, self.dimensions, self.map_bar, self.map_bar.button)
        for widget in (*hidden, self.map, self.numbers, self.statistics, self.problem):
            widget.hide()  # until there are data that need it: a window is as wide as what is on it

    # ----------------------------------------------------------- view, scales
    def fit(self) -> None:
        """Show all of it."""
        for view in (self.map, self.signal):
            if view.canvas is not None and not view.isHidden():
                view.canvas.reset_view()

    def set_log(self, x: bool, y: bool) -> None:
        """Draw curves over the logarithms of their positions, and logarithms of the values."""
        self.log_x = x
        self.log.setChecked(y)
        self._scales_changed()

    def _scales_changed(self, *_: object) -> None:
        for view in (self.map, self.signal):
            view.set_log(self.log_x, self.log.isChecked())

    def _copy_pressed(self) -> None:
        if self.numbers.isVisible():
            self.numbers.copy()
        else:
            self.copy_picture()

    # -------------------------------------------------------------- pictures
    def copy_picture(self) -> None:
        """Copy a picture of the plots."""
        copy_picture(self.area)

    def save_picture(self, path: Path) -> None:
        """Save the plots as PNG or SVG; FileOpenError if it can't be written."""
        save_picture(self.area, path)

    def save_pressed(self) -> None:
        """Ask for a name, and save the plots."""
        name, _ = QtWidgets.QFileDialog.getSaveFileName(
            self, "Save the picture", f"{self.picture_name}.png", "Pictures (*.png *.svg)"
        )
        if name:
            path = Path(name)
            try:
                self.save_picture(path if path.suffix else path.with_suffix(".png"))
            except OSError as error:
                self.failed.emit(explain(error))

    # ------------------------------------------------------------------ look
    def show_problem(self, error: Exception) -> None:
        """Say why nothing can be drawn."""
        self.problem.setText(f"This can't be plotted: {explain(error)}")
        self.problem.show()
        for widget in (self.area, self.bar, self.readout, self.numbers):
            widget.hide()

    def show_drawings(self) -> None:
        """Show the plots, or the numbers."""
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
