"""Savers of bundles (``DataToExport``): every data object goes into a channel group below its dimensionality.

``Data1D/CH00/Data00``: group of the dimensionality, group of the data object, array of the channel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from h5saver_widget.data.protocols import AxisLike, DataToExportLike
from h5saver_widget.errors import StreamingError
from h5saver_widget.format.layout import DataType
from h5saver_widget.saving.arrays import BkgSaver, DataSaverLoader, ErrorSaverLoader
from h5saver_widget.saving.bundle import frame_bytes, origin_of
from h5saver_widget.saving.given import BUNDLES, as_bundle
from h5saver_widget.saving.group_cache import (
    channel_group,
)
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.management import DataManagement
from h5saver_widget.saving.notices import tell_step
from h5saver_widget.saving.recording import Recording
from h5saver_widget.saving.repeated import Repeated
from h5saver_widget.saving.stamps import Stamp

__all__ = [
    "DataToExportEnlargeableSaver",
    "DataToExportSaver",
    "DataToExportTimedSaver",
]


class DataToExportSaver(DataManagement):
    """Saves bundles as they are: one array per channel.

    Parameters
    ----------
    h5saver
        A saver with an open file, or the path of a file.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np
    >>> from h5saver_widget import DataRaw, DataToExport, H5SaverLowLevel
    >>> with H5SaverLowLevel() as h5saver:
    ...     _ = h5saver.init_file(pathlib.Path(tempfile.mkdtemp()) / 'bundle.h5')
    ...     group = h5saver.add_det_group('/RawData', 'Example dte')
    ...     dte = DataToExport('mybigdata', data=[DataRaw('temperature', data=[np.array([21.5])], units='°C')])
    ...     DataToExportSaver(h5saver).add_data(group, dte)
    ...     print(h5saver.get_node('/RawData/Detector000/Data0D/CH00/Data00'))
    /RawData/Detector000/Data0D/CH00/Data00 (CARRAY) 'temperature'
    """

    def add_data(
        self, where: Where, dte: DataToExportLike, settings_as_xml: str | bytes = "", **attributes: Any
    ) -> None:
        """Save a bundle into a group; saved again, its data get new channel groups.

        Parameters
        ----------
        where
            Group.
        dte
            The bundle.
        settings_as_xml
            Settings to be kept with every array, as XML.
        **attributes
            More attributes of every array.

        Raises
        ------
        DynamicRangeError
            If values don't fit the saving dynamic.
        """
        self._add(where, dte, DataSaverLoader(self.h5saver), settings_as_xml, attributes)

    def add_bkg(self, where: Where, dte: DataToExportLike) -> None:
        """Save backgrounds beside the data of the same names."""
        self._add(where, dte, BkgSaver(self.h5saver), "", {})

    def add_error(self, where: Where, dte: DataToExportLike) -> None:
        """Save error bars beside the data of the same names."""
        self._add(where, dte, ErrorSaverLoader(self.h5saver), "", {})

    def _add(
        self,
        where: Where,
        dte: DataToExportLike,
        saver: DataSaverLoader,
        settings: str | bytes,
        attributes: dict[str, Any],
    ) -> None:
        if settings:
            attributes = {**attributes, "settings": settings}
        kind, dte = saver.data_type, as_bundle(dte)
        h5saver = self.h5saver
        with h5saver.saving_frame(str(dte.name)) if kind is DataType.data else h5saver.saving():
            fitted = [(dwa, saver.fitted(dwa)) for dwa in dte.data]  # all of it before any of it is written
            # plain and growing arrays keep apart: the axes of one would be taken for the other's
            without = (kind, DataType.data_enlargeable) if kind is DataType.data else (kind,)
            for dwa, arrays in fitted:
                place = channel_group(h5saver, where, dwa, origin_of(dwa, dte), without=without)
                saver.write(place, dwa, arrays, kind is DataType.data, attributes)
            if kind is DataType.data:
                h5saver.frame_saved(frame_bytes(dte))

    def add_data_bundle(self, bundle: Any) -> None:
        """Save a host's bundle object: its ``dte`` at its ``node``."""
        self.add_data(bundle.node, bundle.dte)


class DataToExportEnlargeableSaver(DataManagement):
    """Saves bundles one after the other into growing arrays, with the values of one or more axes for each.

    Parameters
    ----------
    h5saver
        A saver with an open file, or the path of a file.
    enl_axis_names, enl_axis_units
        Label and units of the axes along which the data grow.
    axis_name, axis_units
        The same for a single axis.
    """

    data_type = DataType.data_enlargeable

    def __init__(
        self,
        h5saver: H5SaverLowLevel | Path | str,
        enl_axis_names: Iterable[str] | None = None,
        enl_axis_units: Iterable[str] | None = None,
        axis_name: str = "nav axis",
        axis_units: str = "",
        **options: Any,
    ) -> None:
        super().__init__(h5saver, **options)
        self._names = [axis_name] if enl_axis_names is None else list(enl_axis_names)
        units = [axis_units] if enl_axis_names is None else list(enl_axis_units or ())
        self._units = [*units, *[""] * (len(self._names) - len(units))]
        self._recordings: dict[str, Recording] = {}
        self._last: tuple[Where, Recording] | None = None
        self._interrupted = False
        self._generation = -1

    def _recording(self, where: Where) -> Recording:
        saver = self.h5saver
        if self._generation != saver.generation:  # another file: what was looked up in the last one is void
            self._recordings, self._generation, self._last = {}, saver.generation, None
        if self._last is not None and self._last[0] is where and not self._last[1].broken:
            return self._last[1]
        path = saver.path_of(where)
        found = self._recordings.get(path)
        if found is None or found.broken:
            # rows of a group stand in step: all that append to it share one recording
            shared, key = saver.require_session().recordings, (type(self)._begin, path, *self._names)
            found = shared.get(key)
            if found is None or found.broken:
                found = shared[key] = self._begin(path)
            self._recordings[path] = found
        self._last = where, found
        return found

    def _begin(self, path: str) -> Recording:
        return Recording(self.h5saver, path, self._names, self._units)

    def prepare(self, where: Where, dte: DataToExportLike, values: Sequence[Any]) -> Callable[[], None]:
        """Check a bundle, and return a function that appends it; see :meth:`add_data` for errors.

        New arrays (of a new segment, say) end streaming (SWMR): readers have to open the file again.
        """
        return self._prepare(where, dte, self._on_axes(values))

    def _on_axes(self, values: Sequence[Any]) -> Sequence[Any]:
        """Return values as they are saved."""
        return values

    def _prepare(
        self, where: Where, dte: DataToExportLike, values: Sequence[Any], stamp: Stamp | None = None
    ) -> Callable[[], None]:
        try:
            return self._recording(where).prepare(dte, values, stamp)
        except StreamingError:
            self.h5saver.end_streaming()
            self._interrupted = True
            return self._recording(where).prepare(dte, values, stamp)

    def add_data(
        self,
        where: Where,
        dte: DataToExportLike,
        axis_values: Sequence[float | AxisLike] | None = None,
        axis_value: float | None = None,
        **_: Any,
    ) -> None:
        """Append a bundle.

        Data that appear later than others get rows of the fill value for the points before, and data that are missing
        in a bundle get one row of it: rows of one number belong to one point in all arrays of a group. Data that mean
        something else than before (units, axes, labels, number type, shape) go on in a segment; the log tells it.

        Parameters
        ----------
        where
            Group.
        dte
            The bundle.
        axis_values
            One value per axis.
        axis_value
            The value of a single axis.

        Raises
        ------
        DataMismatchError
            If the number of axis values is wrong, or an array can't be saved; nothing is written then.
        DynamicRangeError
            If values don't fit the saving dynamic; nothing is written then.
        """
        if self.h5saver.leaves_out_frame():
            return
        values = axis_values if axis_values is not None else [] if axis_value is None else [axis_value]
        self.append(where, as_bundle(dte), values)

    def append(self, where: Where, dte: DataToExportLike, values: Sequence[Any], stamp: Stamp | None = None) -> None:
        """Append a bundle that is not left out, with one value per axis; errors as :meth:`add_data`."""
        with self.h5saver.saving_frame(str(dte.name)):
            values = self._on_axes(values)
            size = self._recording(where).append_again(dte, values, stamp)
            if not size:
                self._prepare(where, dte, values, stamp)()
                size = frame_bytes(dte)
            self.h5saver.frame_saved(size)
            if self._interrupted:
                self._interrupted = False
                self.h5saver.enable_swmr()

    def repeat(self, where: Where) -> Repeated | None:
        """Return an object that appends more frames like the last one; None if each frame has to be checked."""
        return self._recording(where).repeat()


class DataToExportTimedSaver(DataToExportEnlargeableSaver):
    """Saves bundles one after the other into growing arrays, along an axis of time (seconds since the epoch).

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np
    >>> from h5saver_widget import DataRaw, DataToExport, H5SaverLowLevel
    >>> with H5SaverLowLevel() as h5saver:
    ...     _ = h5saver.init_file(pathlib.Path(tempfile.mkdtemp()) / 'log.h5')
    ...     saver = DataToExportTimedSaver(h5saver)
    ...     for value in (21.5, 21.6):
    ...         data = DataRaw('temperature', data=[np.array([value])])
    ...         saver.add_data('/RawData', DataToExport('grab', data=[data]))
    ...     h5saver.get_node('/RawData/Data0D/CH00/EnlData00').read().ravel().tolist()
    [21.5, 21.6]
    """

    def __init__(self, h5saver: H5SaverLowLevel | Path | str, **options: Any) -> None:
        super().__init__(h5saver, ("time",), ("s",), **options)

    def add_data(self, where: Where, dte: DataToExportLike, *_: Any, **__: Any) -> None:
        """Append a bundle at its own time of acquisition (``dte.timestamp``)."""
        if not self.h5saver.leaves_out_frame():
            dte = dte if type(dte) in BUNDLES else as_bundle(dte)  # the usual case without a call
            self.append(where, dte, [float(dte.timestamp)])

    def _on_axes(self, values: Sequence[Any]) -> Sequence[Any]:
        """Return times as they stand on the axis."""
        return list(map(self.on_axis, values))

    def on_axis(self, timestamp: float) -> float:
        """Return a time as it stands on the axis: steps of the wall clock are reported, and removed from it."""
        saver = self.h5saver
        step = saver.clock.look()
        if step:
            tell_step(saver, step)
        return saver.clock.on_axis(timestamp) if saver.clock.steps else timestamp
