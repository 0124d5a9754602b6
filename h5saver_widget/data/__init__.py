"""The data model: axes, data objects and bundles of them, with numpy alone.

The words are the peer's (PyMoDAQ), so that its users and its files feel at home; the classes are our own.
"""

from __future__ import annotations

from h5saver_widget.data.axis import Axis
from h5saver_widget.data.data_to_export import DataToExport
from h5saver_widget.data.data_with_axes import DataWithAxes
from h5saver_widget.data.enums import DataDim, DataDistribution, DataSource
from h5saver_widget.data.kinds import DataActuator, DataCalculated, DataFromRoi, DataRaw
from h5saver_widget.data.protocols import AxisLike, DataLike, DataToExportLike, NamedMember
from h5saver_widget.data.slicing import SlicingError

__all__ = [
    "Axis",
    "AxisLike",
    "DataActuator",
    "DataCalculated",
    "DataDim",
    "DataDistribution",
    "DataFromRoi",
    "DataLike",
    "DataRaw",
    "DataSource",
    "DataToExport",
    "DataToExportLike",
    "DataWithAxes",
    "NamedMember",
    "SlicingError",
]
