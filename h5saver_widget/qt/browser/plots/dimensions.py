"""One line for each dimension of the data: whether one moves along it or sees all of it, and where one is."""

from __future__ import annotations

from typing import Final

from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget.browsing.drawings import Dimension, Window
from h5saver_widget.qt.browser.making import stack, unheard
from h5saver_widget.qt.browser.plots.ticks import position_text
from h5saver_widget.qt.editors import CheckBox, PlainLabel
from h5saver_widget.qt.flow_layout import FlowLayout
from h5saver_widget.qt.numbers import CountBox

__all__ = ["DimensionRows"]

#: Qt counts no further: of a dimension that is longer (files that lie have such), only so much is within reach.
_MOST: Final = 2**31 - 1


class _Row:
    """The widgets of a dimension."""

    def __init__(self, dimension: Dimension) -> None:
        self.dimension = dimension
        self.window: Window | None = None
        name = dimension.name if len(dimension.name) < 28 else f"{dimension.name[:27]}…"
        self.check = CheckBox(name)
        self.check.setToolTip(
            f"{dimension.name}: {dimension.size:,} points\n"
            "Checked: navigate along it, one point at a time. Unchecked: see all of it in the plot of the signal."
        )
        self.slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal)
        self.slider.setPageStep(max(1, min(dimension.size // 10, _MOST)))
        self.slider.setAccessibleName(f"position along {dimension.name}")
        self.box = CountBox()
        self.box.setAccessibleName(f"number of the point along {dimension.name}")
        self.name = PlainLabel(name)
        self.value = PlainLabel()
        #: Widgets of dimensions that one can move along.
        self.moving = (self.name, self.slider, self.box, self.value)
        self.widgets = (self.check, *self.moving)
        self.set_last(dimension.size - 1)

    def set_last(self, last: int) -> None:
        """Let one move from 0 to a point."""
        for widget in (self.slider, self.box):
            widget.setRange(0, min(last, _MOST))

    def text_at(self, index: int) -> str:
        """Return the values of the axes at a point."""
        if self.window is not None:
            return f"points {self.window.start:,} to {self.window.stop - 1:,} of {self.window.total:,} are shown"
        stored = (axis for axis in self.dimension.axes if not axis.is_counted)
        return ", ".join(position_text(axis.at(index), axis.units) for axis in stored)


def dimension_is_wide(dimension: Dimension) -> bool:
    """Tell whether there is anything to move along."""
    return dimension.size > 1


class DimensionRows(QtWidgets.QWidget):
    """The lines of all dimensions."""

    moved = QtCore.Signal(int, int)
    """A dimension, and the point along it that was chosen."""

    role_changed = QtCore.Signal(int, bool)
    """A dimension, and whether one navigates along it from now on."""

    def __init__(self) -> None:
        super().__init__()
        self._checks = FlowLayout(12, 2)
        heading = QtWidgets.QLabel("Navigate along:")
        heading.setMinimumHeight(CheckBox("").sizeHint().height())  # on one line with the boxes
        self._checks.addWidget(heading)
        self._lines = QtWidgets.QGridLayout()
        self._lines.setVerticalSpacing(1)
        self._lines.setHorizontalSpacing(8)
        self._lines.setColumnStretch(1, 1)
        layout = stack(self, margins=(6, 0, 4, 0), spacing=1)
        layout.addLayout(self._checks)
        layout.addLayout(self._lines)
        self.rows: list[_Row] = []

    def set_dimensions(self, dimensions: tuple[Dimension, ...]) -> None:
        """Make the lines."""
        rows, self.rows = self.rows, []
        for row in rows:
            for widget in row.widgets:
                for layout in (self._checks, self._lines):
                    layout.removeWidget(widget)
                widget.hide()
                widget.deleteLater()
        self.rows = [_Row(dimension) for dimension in dimensions]
        for line, row in enumerate(self.rows):
            self._checks.addWidget(row.check)
            row.check.setVisible(dimension_is_wide(row.dimension))
            for column, widget in enumerate(row.moving):
                self._lines.addWidget(widget, line, column)
            index = row.dimension.index
            row.check.toggled.connect(lambda on, index=index: self.role_changed.emit(index, on))
            row.slider.valueChanged.connect(lambda at, index=index: self._set(index, at))
            row.box.valueChanged.connect(lambda at, index=index: self._set(index, at))
        self.setVisible(sum(map(dimension_is_wide, dimensions)) > 1)

    def _set(self, index: int, at: int) -> None:
        self.set_position(index, at)
        self.moved.emit(index, at)

    def set_position(self, index: int, at: int) -> None:
        """Show a position."""
        row = self.rows[index]
        with unheard(row.slider, row.box):
            row.slider.setValue(at)
            row.box.setValue(at)
        row.value.setText(row.text_at(row.slider.value()))

    def set_role(self, index: int, navigation: bool, moves: bool) -> None:
        """Show whether one navigates along a dimension, and whether one can move along it."""
        row = self.rows[index]
        with unheard(row.check):
            row.check.setChecked(navigation)
        row.window = None
        row.set_last(row.dimension.size - 1)
        self._show(row, moves)

    def set_window(self, index: int, window: Window) -> None:
        """Show which part of a dimension is drawn; where it is all, there is nothing to move."""
        row = self.rows[index]
        row.window = window if window.is_part else None
        if row.window is not None:
            row.set_last(window.total - (window.stop - window.start))
            self.set_position(index, window.start)
            self.show()
        self._show(row, row.window is not None)

    @staticmethod
    def _show(row: _Row, moves: bool) -> None:
        for widget in row.moving:
            widget.setVisible(moves and dimension_is_wide(row.dimension))
