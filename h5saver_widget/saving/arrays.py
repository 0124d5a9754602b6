"""Savers and loaders of one axis, one data object, its background, its errors: the array is in the file at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from h5saver_widget.data import Axis, DataWithAxes
from h5saver_widget.data.plain import plain
from h5saver_widget.data.protocols import AxisLike, DataLike
from h5saver_widget.format.layout import DataType, channel_name
from h5saver_widget.nodes.typed import CARRAY, EARRAY, GROUP, Node
from h5saver_widget.saving.assemble import axis_from, data_from
from h5saver_widget.saving.content import storable_fill
from h5saver_widget.saving.describe import AXIS_NODES, axis_attributes, data_attributes, fit_dynamic
from h5saver_widget.saving.group_cache import CachedGroup, cached_group
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.management import DataManagement
from h5saver_widget.saving.notices import tell_altered, tell_once
from h5saver_widget.saving.value_types import CODED, coded

__all__ = ["AxisSaverLoader", "BkgSaver", "DataSaverLoader", "ErrorSaverLoader"]


class AxisSaverLoader(DataManagement):
    """Saves and loads axes.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from h5saver_widget import H5SaverLowLevel
    >>> with H5SaverLowLevel() as h5saver:
    ...     _ = h5saver.init_file(pathlib.Path(tempfile.mkdtemp()) / 'axis.h5')
    ...     axis = Axis('myaxis', units='seconds', data=np.array([3, 7, 11, 15]), index=0)
    ...     axis_saver = AxisSaverLoader(h5saver)
    ...     print(axis_saver.add_axis('/RawData', axis))
    ...     axis_saver.load_axis('/RawData/Axis00') == axis
    /RawData/Axis00 (CARRAY) 'myaxis'
    True
    """

    data_type = DataType.axis

    def add_axis(self, where: Where, axis: AxisLike, enlargeable: bool = False) -> CARRAY | EARRAY:
        """Save an axis as the next ``Axis00``, ``Axis01``... of a group.

        Parameters
        ----------
        where
            Group.
        axis
            The axis.
        enlargeable
            Make an array that grows; it starts empty.
        """
        with self.h5saver.saving():
            return self.add_to(cached_group(self.h5saver, where), axis, axis.index, enlargeable)

    def add_to(self, place: CachedGroup, axis: AxisLike, index: int, enlargeable: bool = False) -> CARRAY | EARRAY:
        """Save an axis into a group whose content is known, for that dimension of the array in the file."""
        name = channel_name(self.data_type, place.next_number(self.data_type.value))
        values, told = coded(np.atleast_1d(plain(axis.get_data(), f"axis {axis.label}", also=CODED)))
        described = {**axis_attributes(axis, index, 0 if enlargeable else values.size), **told}
        make, title = self.h5saver, str(axis.label)
        if enlargeable:
            fill = storable_fill(np.nan, values.dtype)  # of points whose value is not known
            return make.create_earray(place.group, name, values.dtype, (), title, fill_value=fill, attributes=described)
        return make.create_carray(place.group, name, values, title, attributes=described)

    def load_axis(self, where: Where) -> Axis:
        """Return the axis stored in an array node."""
        return axis_from(self.h5saver.get_node(where))

    def get_axes(self, where: Where) -> list[Axis]:
        """Return all axes of a group (or of the group that holds a node)."""
        node = self.h5saver.get_node(where)
        group = node if not isinstance(node, CARRAY) else node.parent_node
        assert group is not None
        return [axis_from(axis) for axis in self.nodes_of_type(group)]


class DataSaverLoader(DataManagement):
    """Saves and loads a data object: its channels, axes and errors, into a group.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from h5saver_widget import DataRaw, H5SaverLowLevel
    >>> with H5SaverLowLevel() as h5saver:
    ...     _ = h5saver.init_file(pathlib.Path(tempfile.mkdtemp()) / 'data.h5')
    ...     group = h5saver.add_det_group('/RawData', 'Example')
    ...     data = DataRaw('spectrum', data=[np.arange(4.0)], units='V')
    ...     datasaver = DataSaverLoader(h5saver)
    ...     datasaver.add_data(group, data)
    ...     datasaver.load_data('/RawData/Detector000/Data00') == data
    True
    """

    data_type = DataType.data

    def add_data(self, where: Where, data: DataLike, save_axes: bool = True, **attributes: Any) -> None:
        """Save every channel as the next ``Data00``, ``Data01``... of a group, with the axes and errors.

        Parameters
        ----------
        where
            Group.
        data
            The data object.
        save_axes
            Whether to save the axes too.
        **attributes
            More attributes of the array nodes.

        Raises
        ------
        DataMismatchError
            If an array is none of numbers.
        DynamicRangeError
            If values don't fit the saving dynamic; nothing is written then.
        """
        arrays = self.fitted(data)
        with self.h5saver.saving():
            self.write(cached_group(self.h5saver, where), data, arrays, save_axes, attributes)

    def fitted(self, data: DataLike) -> list[Any]:
        """Return the channels, plain and in the number type of the file; errors as :meth:`add_data`."""
        dynamic = None if self.data_type is DataType.error else self.h5saver.dynamic
        what = f"{data.name} ({self.data_type.name})"
        tell_altered(self.h5saver, data)
        if any(np.ma.is_masked(array) and array.dtype.kind in "iub" for array in data.data):
            tell_once(self.h5saver, f"{what}: masked integers are saved as float64, masked values as nan")
        return [fit_dynamic(plain(array, what, also=CODED), dynamic, what) for array in data.data]

    def write(
        self, place: CachedGroup, data: DataLike, arrays: Sequence[Any], save_axes: bool, attributes: dict[str, Any]
    ) -> None:
        """Write channels that :meth:`fitted` returned, with their axes, errors and attributes."""
        axis_saver = AxisSaverLoader(self.h5saver)
        if save_axes:
            next_axis = place.next_number(DataType.axis.value)
            if next_axis or (not data.axes and data.shape != (1,)):
                # other data share the group: the numbers of the axes don't tell their owner
                names = tuple(channel_name(DataType.axis, next_axis + i) for i in range(len(data.axes)))
                attributes = {**attributes, AXIS_NODES: names}
        first = self._first_number(place, data)
        self._write(place.group, data, arrays, attributes, first)
        if save_axes:
            for axis in data.axes:
                axis_saver.add_to(place, axis, axis.index)
        if data.errors is not None and self.data_type is DataType.data:
            ErrorSaverLoader(self.h5saver).add_to(place, data, first)

    def _first_number(self, place: CachedGroup, data: DataLike) -> int:
        """Return the number of the first channel; a background or an error bar has the number of its array."""
        if self.data_type is not DataType.data:
            name = str(data.name)
            for measured in (DataType.data, DataType.data_enlargeable):
                for number, node_name in place.numbered(measured.value):
                    if channel_name(self.data_type, number) not in place.names:
                        title = place.group.get_child(node_name).attrs.get("TITLE")
                        if title in (name, name.removesuffix("_errors")):
                            return number
        return place.next_number(self.data_type.value)

    def _write(
        self, group: GROUP, data: DataLike, arrays: Sequence[Any], attributes: dict[str, Any], first: int
    ) -> None:
        for channel, array in enumerate(arrays):
            array, told = coded(array)
            more = {**attributes, **told}
            described = data_attributes(data, channel, self.data_type, tuple(data.nav_indexes), more=more)
            name = channel_name(self.data_type, first + channel)
            self.h5saver.create_carray(group, name, np.atleast_1d(array), self._title(data), attributes=described)

    def _title(self, data: DataLike) -> str:
        return str(data.name)

    def load_data(
        self, where: Where, with_bkg: bool = False, load_all: bool = False, *, lazy: bool = False
    ) -> DataWithAxes:
        """Return the data stored in an array node, without navigation axes (see :class:`DataLoader` for these).

        Parameters
        ----------
        where
            Path or node of the array.
        with_bkg
            Subtract the background that was saved under the same number.
        load_all
            Take all channels of the data object, not this array alone.
        lazy
            Leave channels and errors on disk until they are sliced, as :meth:`DataLoader.load_data` does.
        """
        with self.h5saver.io.lock:
            node = self.h5saver.get_node(where)
            return data_from(node, with_bkg=with_bkg, load_all=load_all, navigation=False, lazy=lazy)

    def get_axes(self, where: Where) -> list[Axis]:
        """Return the axes that stand beside a node."""
        return AxisSaverLoader(self.h5saver).get_axes(where)


class BkgSaver(DataSaverLoader):
    """Saves and loads a background: ``Bkg00`` belongs to ``Data00`` of the same group."""

    data_type = DataType.bkg


class ErrorSaverLoader(DataSaverLoader):
    """Saves and loads error bars: ``ErrorBar00`` belongs to ``Data00`` of the same group."""

    data_type = DataType.error

    def add_errors(self, where: Where, data: DataLike, first: int | None = None) -> None:
        """Save the error bars of a data object, whose first channel has the number `first`."""
        if data.errors is None:
            return
        with self.h5saver.saving():
            place = cached_group(self.h5saver, where)
            self.add_to(place, data, self._first_number(place, data) if first is None else first)

    def add_to(self, place: CachedGroup, data: DataLike, first: int) -> None:
        """Save the error bars of a data object into a group whose content is known."""
        errors = [plain(error, f"{data.name}, errors") for error in data.errors or ()]
        self._write(place.group, data, errors, {"source": "calculated"}, first)

    def _title(self, data: DataLike) -> str:
        return str(data.name) if str(data.name).endswith("_errors") else f"{data.name}_errors"

    def load_errors(self, where: Where, load_all: bool = False) -> DataWithAxes:
        """Return error bars as a data object."""
        node: Node = self.h5saver.get_node(where)
        return data_from(node, load_all=load_all, navigation=False)
