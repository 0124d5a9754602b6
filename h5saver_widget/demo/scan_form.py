"""The form of a scan: a line or a map, and for each actuator from, to and points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pyqtgraph.parametertree import Parameter
from pyqtgraph.Qt import QtCore, QtWidgets

from h5saver_widget.demo.actuators import MockActuator
from h5saver_widget.qt.editors import PlainLabel
from h5saver_widget.qt.numbers import CountBox, NumberBox

__all__ = ["MAX_POINTS", "ScanForm", "scan_settings"]

MAX_POINTS: Final = 100_000
_KINDS: Final = {"Scan1D": "Line", "Scan2D": "Map"}
_COLUMNS: Final = {
    "start": ("from", "First position"),
    "stop": ("to", "Last position"),
    "points": ("points", "Number of points, both ends included"),
}


def scan_settings(actuators: Sequence[MockActuator]) -> Parameter:
    """Return the settings of a scan of one or two actuators: ``kind``, and ``axis0``, ``axis1`` for each actuator."""
    axes = []
    for number, actuator in enumerate(actuators[:2]):
        low, high = actuator.limits
        children = [
            {"name": "start", "type": "float", "value": low, "suffix": actuator.units},
            {"name": "stop", "type": "float", "value": high, "suffix": actuator.units},
            {"name": "points", "type": "int", "value": 41, "limits": [2, MAX_POINTS]},
        ]
        axes.append({"name": f"axis{number}", "title": actuator.title, "type": "group", "children": children})
    kind = {"name": "kind", "title": "Scan", "type": "list", "limits": list(_KINDS)[: len(axes)], "value": "Scan1D"}
    return Parameter.create(name="settings", title="Scan", type="group", children=[kind, *axes])


class ScanForm(QtWidgets.QWidget):
    """The settings of a scan, made by :func:`scan_settings`, on three lines; it follows every change of them."""

    def __init__(self, settings: Parameter, actuators: Sequence[MockActuator]) -> None:
        super().__init__()
        self._settings = settings
        self._boxes: dict[tuple[int, str], Any] = {}
        self._kind = QtWidgets.QComboBox()
        for kind in settings.child("kind").opts["limits"]:
            self._kind.addItem(_KINDS[kind], kind)
        self._kind.setToolTip("A line moves the first stage, a map moves both")
        self._kind.setAccessibleName("Kind of scan")
        self._kind.currentIndexChanged.connect(self._kind_chosen)
        grid = QtWidgets.QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(4)
        grid.addWidget(self._kind, 0, 0)
        for column, (title, tip) in enumerate(_COLUMNS.values(), 1):
            label = QtWidgets.QLabel(title, toolTip=tip)
            grid.addWidget(label, 0, column)
        for number, actuator in enumerate(actuators[:2]):
            grid.addWidget(PlainLabel(f"{actuator.title} ({actuator.units})"), number + 1, 0)
            for column, word in enumerate(_COLUMNS, 1):
                self._boxes[number, word] = self._make_box(number, word, actuator)
                grid.addWidget(self._boxes[number, word], number + 1, column)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Minimum, QtWidgets.QSizePolicy.Policy.Fixed)
        settings.sigTreeStateChanged.connect(self._show)
        self._show()

    def _make_box(self, number: int, word: str, actuator: MockActuator) -> QtWidgets.QAbstractSpinBox:
        box: Any
        if word == "points":
            box = CountBox()
            box.setRange(2, MAX_POINTS)
        else:
            box = NumberBox()
            box.setDecimals(2)
            box.setRange(*actuator.limits)
        box.setButtonSymbols(QtWidgets.QAbstractSpinBox.ButtonSymbols.NoButtons)
        box.setMinimumWidth(box.fontMetrics().horizontalAdvance("-0000.00") + 12)
        box.setAccessibleName(f"{actuator.title} {word}")
        box.setToolTip(_COLUMNS[word][1])
        box.setAlignment(QtCore.Qt.AlignmentFlag.AlignRight)
        box.valueChanged.connect(self._settings.child(f"axis{number}", word).setValue)
        return box

    def _kind_chosen(self) -> None:
        self._settings["kind"] = self._kind.currentData()

    def _show(self, *_: object) -> None:
        """Bring the form up to date."""
        self._kind.setCurrentIndex(self._kind.findData(self._settings["kind"]))
        for (number, word), box in self._boxes.items():
            box.setValue(self._settings[f"axis{number}", word])
            box.setEnabled(number == 0 or self._settings["kind"] == "Scan2D")
