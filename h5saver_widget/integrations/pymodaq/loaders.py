"""The loaders of PyMoDAQ's windows: ours, which return PyMoDAQ's own data objects.

Viewers, signals and arithmetic of PyMoDAQ know PyMoDAQ's classes alone, so data objects are converted here, at the
border. The other way nothing has to be converted: our savers take any object that looks like data. No Qt.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from h5saver_widget.data import Axis, DataWithAxes
from h5saver_widget.nodes.typed import Array
from h5saver_widget.saving.arrays import AxisSaverLoader, DataSaverLoader
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.loading import DataLoader

__all__ = ["HostAxisSaverLoader", "HostDataLoader", "HostDataSaverLoader", "peer_axis", "peer_data"]


def peer_axis(axis: Axis) -> Any:
    """Return an axis as PyMoDAQ's ``Axis``."""
    from pymodaq_data.data import Axis as PeerAxis

    values = np.asarray(axis.get_data())
    return PeerAxis(axis.label, axis.units, data=values, index=axis.index, spread_order=axis.spread_order)


def peer_data(dwa: DataWithAxes, path: str = "") -> Any:
    """Return a data object of a path as PyMoDAQ's ``DataWithAxes``; its arrays are used as they are.

    Dimensions without an axis get one, as its viewers want it.
    """
    from pymodaq_data.data import DataWithAxes as PeerData

    found = PeerData(
        dwa.name,
        source=dwa.source.name,
        dim=dwa.dim.name,
        distribution=dwa.distribution.name,
        data=[np.asarray(array) for array in dwa.data],
        labels=list(dwa.labels),
        origin=dwa.origin,
        units=dwa.units,
        axes=[peer_axis(axis) for axis in dwa.axes],
        nav_indexes=tuple(dwa.nav_indexes),
        errors=None if dwa.errors is None else [np.asarray(error) for error in dwa.errors],
        path=path,
        **{name: getattr(dwa, name) for name in dwa.extra_attributes if name != "path"},
    )
    found.timestamp = dwa.timestamp
    found.create_missing_axes()
    return found


class HostDataLoader(DataLoader):
    """Loads from a file, or from the open file of a saver, into PyMoDAQ's data objects.

    Arguments are those of :class:`~h5saver_widget.saving.loading.DataLoader`.
    """

    def load_data(self, where: Where, with_bkg: bool = False, load_all: bool = False, **_: Any) -> Any:
        """Return the data stored in an array node, with navigation axes."""
        node = self.h5saver.get_node(where)
        if not isinstance(node, Array):
            return None  # windows ask for whatever was clicked
        return peer_data(super().load_data(node, with_bkg, load_all), node.path)

    def load_all(self, where: Where = "/", dte: Any = None, with_bkg: bool = False, **_: Any) -> Any:
        """Add every data object at or below a group to a bundle, and return it."""
        from pymodaq_data.data import DataToExport

        bundle = DataToExport("Loaded data") if dte is None else dte
        with self.h5saver.io.lock:
            for channels in self.data_objects_below(where):
                bundle.append(self.load_data(channels[0], with_bkg, load_all=True))
        return bundle

    def load_data_from_name_origin(
        self, name: str, origin: str = "", where: Where | None = None, with_bkg: bool = False, **_: Any
    ) -> Any:
        """Return the first data object of that name and origin at or below a group."""
        start = self.h5saver.raw_group if where is None else where
        return peer_data(super().load_data_from_name_origin(name, origin, start, with_bkg))


class HostAxisSaverLoader(AxisSaverLoader):
    """Saves axes, and loads them as PyMoDAQ's."""

    def load_axis(self, where: Where) -> Any:
        """Return the axis stored in an array node."""
        return peer_axis(super().load_axis(where))

    def get_axes(self, where: Where) -> Any:
        """Return all axes of a group (or of the group that holds a node)."""
        return [peer_axis(axis) for axis in super().get_axes(where)]


class HostDataSaverLoader(DataSaverLoader):
    """Saves data objects, and loads them as PyMoDAQ's."""

    def load_data(self, where: Where, with_bkg: bool = False, load_all: bool = False, **_: Any) -> Any:
        """Return the data stored in an array node, without navigation axes."""
        node = self.h5saver.get_node(where)
        return peer_data(super().load_data(node, with_bkg, load_all), node.path)

    def get_axes(self, where: Where) -> Any:
        """Return the axes that stand beside a node."""
        return [peer_axis(axis) for axis in super().get_axes(where)]
