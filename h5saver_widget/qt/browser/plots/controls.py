"""The bars above the plots: the channel, the display of values, pictures; and the reduction of the map."""

from __future__ import annotations

from pyqtgraph.Qt import QtWidgets

from h5saver_widget.browsing.drawings import Part, Projection
from h5saver_widget.qt.browser.making import tool_button
from h5saver_widget.qt.editors import CheckBox, ElidedCombo, PlainLabel
from h5saver_widget.qt.flow_layout import FlowLayout
from h5saver_widget.qt.icons import icon

__all__ = ["MapBar", "PlotBar"]

_CHANNEL_TIP = "Channel that is shown"


class PlotBar(QtWidgets.QWidget):
    """Channel, part of complex numbers, background, scale, region; numbers; copy and save a picture."""

    def __init__(self) -> None:
        super().__init__()
        self.channel = ElidedCombo()
        self.channel.setSizeAdjustPolicy(QtWidgets.QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.channel.setMinimumContentsLength(11)
        self.channel.setMaximumWidth(180)
        self.channel.setToolTip(_CHANNEL_TIP)
        self.channel.setAccessibleName("channel")
        self.part = QtWidgets.QComboBox()
        for part in Part:
            self.part.addItem(part.value, part)
        self.part.setToolTip("What is drawn of complex numbers")
        self.part.setAccessibleName("part of complex numbers")
        self.background = CheckBox("Subtract background", "Subtract the background that was saved with these data")
        self.log = CheckBox("Log", "Values on a logarithmic scale; other values than positive ones are omitted")
        self.region = CheckBox("Region", "Statistics of a part of the plot; the map is made of that part alone")
        self.numbers = CheckBox("Numbers", "The numbers in a table; Ctrl+C copies those that are selected")
        self.copy = tool_button("Copy", "copy", "Copy the picture, or the numbers that are selected")
        self.save = tool_button("Save…", "save", "Save the picture as PNG or SVG")
        for button in (self.copy, self.save):
            button.setAutoRaise(True)
        layout = FlowLayout(10, 2)
        for widget in (
            self.channel, self.part, self.background, self.log, self.region, self.numbers, self.copy, self.save
        ):  # fmt: skip
            layout.addWidget(widget)
        self.setLayout(layout)
        self.update_icons()

    def show_channels(self, labels: tuple[str, ...], left_out: int, chosen: str = "") -> None:
        """Offer channels, and all together if there are several; a channel that was chosen stays so.

        So many more channels there may be as were left out.
        """
        self.channel.clear()
        more = f"{left_out:,} more arrays are not drawn here: choose them in the tree" if left_out else ""
        self.channel.setToolTip(more or _CHANNEL_TIP)
        if len(labels) > 1:
            count = len(labels)
            self.channel.addItem(f"{count} of {count + left_out:,}" if left_out else "All channels", None)
        for number, label in enumerate(labels):
            self.channel.addItem(label, number)
        self.channel.setCurrentIndex(max(0, self.channel.findText(chosen)))
        self.channel.setVisible(len(labels) > 1)

    def update_icons(self) -> None:
        """Draw the icons in the colours of the palette."""
        for button in (self.copy, self.save):
            button.setIcon(icon(button.property("image")))


class MapBar(QtWidgets.QWidget):
    """The quantity of the map, and a button where making it takes long."""

    def __init__(self) -> None:
        super().__init__()
        self.how = QtWidgets.QComboBox()
        for how in Projection:
            self.how.addItem(f"{how.value} of the signal", how)
        self.how.setToolTip("What the map shows of the signal at every point")
        self.how.setAccessibleName("projection")
        self.button = QtWidgets.QPushButton()
        self.state = PlainLabel()
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 0)
        for widget in (QtWidgets.QLabel("Map:"), self.how, self.button, self.state):
            layout.addWidget(widget)
        layout.addStretch()

    def offer(self, text: str) -> None:
        """Offer to make the map, which takes long."""
        self.how.hide()
        self.state.hide()
        self.button.setText(text)
        self.button.show()
        self.show()

    def show_making(self, can_stop: bool) -> None:
        """Show that the map is being made."""
        self.button.setVisible(can_stop)
        self.button.setText("Stop")
        self.how.show()
        self.state.show()
