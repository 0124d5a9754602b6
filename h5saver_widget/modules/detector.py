"""Savers of detectors: snapshots, continuous saving, along axes of their own, and as part of a scan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from h5saver_widget.data.protocols import AxisLike, DataLike, DataToExportLike
from h5saver_widget.modules.base import ModuleSaver
from h5saver_widget.nodes.typed import GROUP
from h5saver_widget.saving.bundle import Bundle
from h5saver_widget.saving.exports import (
    DataToExportEnlargeableSaver,
    DataToExportSaver,
    DataToExportTimedSaver,
)
from h5saver_widget.saving.external import add_external_h5
from h5saver_widget.saving.given import BUNDLES, Given, as_bundle
from h5saver_widget.saving.h5_backend import H5Backend, Where
from h5saver_widget.saving.low_level import H5SaverLowLevel
from h5saver_widget.saving.scan_exports import DataToExportExtendedSaver

__all__ = ["DetectorEnlargeableSaver", "DetectorExtendedSaver", "DetectorSaver", "DetectorTimeSaver"]

_LARGE = ("Data2D", "DataND")


class DetectorSaver(ModuleSaver):
    """Saves the data of a detector once: a snapshot.

    Examples
    --------
    >>> import tempfile, pathlib, types, numpy as np
    >>> from h5saver_widget import DataRaw, DataToExport, H5SaverLowLevel
    >>> detector = types.SimpleNamespace(title='Spectrometer')
    >>> with H5SaverLowLevel('detector') as h5saver:
    ...     _ = h5saver.init_file(pathlib.Path(tempfile.mkdtemp()) / 'snapshot.h5')
    ...     saver = DetectorSaver(detector)
    ...     saver.h5saver = h5saver
    ...     node = saver.get_set_node()
    ...     saver.add_data(node, DataToExport('grab', data=[DataRaw('spectrum', data=[np.arange(4.0)])]))
    ...     print(node)
    /RawData/Detector000 (GROUP) 'Spectrometer'
    """

    def __init__(self, module: Any) -> None:
        super().__init__(module)
        self._data_saver: Any = None

    def _make_data_saver(self, h5saver: H5SaverLowLevel) -> Any:
        return DataToExportSaver(h5saver)

    def update_after_h5changed(self) -> None:
        """Make a data saver for another saver; the data saver of the same one is kept."""
        if self._h5saver is None:
            self._data_saver = None
        elif self._data_saver is None or self._data_saver.h5saver is not self._h5saver:
            self._data_saver = self._make_data_saver(self._h5saver)

    @property
    def data_saver(self) -> Any:
        """The data saver; FileNotOpenError if no saver was given."""
        _ = self.saver  # which raises it
        return self._data_saver

    def add_data(self, where: Where, dte: Given, **options: Any) -> None:
        """Save a bundle into the module's group; see the data saver of this kind for options and errors.

        A single data object will do, and so will an array (a number, a dict of arrays by label): it gets the name of
        the module. A bundle of which the settings let nothing pass is not saved, and not counted.
        """
        bundle: DataToExportLike = dte if type(dte) in BUNDLES else as_bundle(dte, self.title)  # type: ignore[assignment]
        kept = self.filter_data(bundle)
        if kept is bundle or len(kept):
            self.data_saver.add_data(self.present(where), kept, **options)
            if self._h5saver is not None and self._h5saver.wants_sources:
                self._h5saver.source_saved(self.title)

    def prepare(self, where: Where, dte: DataToExportLike, *args: Any) -> Callable[[], None] | None:
        """Check a bundle and return a function that writes it, None if it saves nothing; arguments as `add_data`."""
        kept = self.filter_data(dte)
        if not len(kept):
            return None
        found: Callable[[], None] = self.data_saver.prepare(where, kept, *args)
        return found

    def add_data_bundle(self, bundle: Any) -> None:
        """Save the content of a host's bundle object."""
        self.add_data(bundle.node, bundle.dte)

    def filter_data(self, dte: DataToExportLike) -> DataToExportLike:
        """Return the data that the settings select.

        The attribute ``do_save`` of a data object decides; without it, *save 2D and above* and *save raw only* of the
        saver's settings do. Name and time stay those of the bundle.
        """
        settings = getattr(self._h5saver, "settings", None)
        large = settings is None or bool(settings["save_2D"])
        raw_only = settings is not None and bool(settings["save_raw_only"])
        data = dte.data
        kept = list(filter(partial(_passes, large=large, raw_only=raw_only), data))
        return dte if len(kept) == len(data) else Bundle(dte.name, dte.timestamp, kept)

    def add_bkg(self, where: Where, dte: DataToExportLike) -> None:
        """Save backgrounds beside the data of the same names."""
        DataToExportSaver(self.saver).add_bkg(self.present(where), self.filter_data(dte))

    def add_external_h5(self, where: Where, source: Path | str | H5Backend | Any) -> GROUP:
        """Copy the content of a file that the detector has written itself into the module's group.

        Parameters
        ----------
        where
            The module's group.
        source
            Path of an HDF5 file, or the open file; it is only read.

        Returns
        -------
        GROUP
            ``External_data``, of type ``external_h5``; skipped nodes are named in the log of the file.

        Raises
        ------
        FileOpenError, FileNotFoundError
            If the source can't be read.
        """
        return add_external_h5(self.saver, self.present(where), source)


def _passes(dwa: DataLike, large: bool, raw_only: bool) -> bool:
    wanted = getattr(dwa, "do_save", None)
    if wanted is not None:
        return bool(wanted)
    return (large or dwa.dim.name not in _LARGE) and not (raw_only and dwa.source.name == "calculated")


class DetectorTimeSaver(DetectorSaver):
    """Saves the data of a detector, frame after frame, along an axis of time."""

    def _make_data_saver(self, h5saver: H5SaverLowLevel) -> Any:
        return DataToExportTimedSaver(h5saver)


class DetectorEnlargeableSaver(DetectorSaver):
    """Saves the data of a detector, frame after frame, along axes of any meaning.

    Parameters
    ----------
    module
        The detector.
    enl_axis_names, enl_axis_units
        Label and units of the axes.
    """

    def __init__(
        self, module: Any, enl_axis_names: Iterable[str] = ("nav axis",), enl_axis_units: Iterable[str] = ("",)
    ) -> None:
        super().__init__(module)
        self._names, self._units = list(enl_axis_names), list(enl_axis_units)

    def _make_data_saver(self, h5saver: H5SaverLowLevel) -> Any:
        return DataToExportEnlargeableSaver(h5saver, self._names, self._units)

    def add_data(self, where: Where, dte: Given, axis_values: Sequence[float | AxisLike] = (), **options: Any) -> None:
        """Append a bundle, with one value per axis."""
        super().add_data(where, dte, axis_values=axis_values, **options)

    def add_data_bundle(self, bundle: Any) -> None:
        """Append the content of a host's bundle object."""
        self.add_data(bundle.node, bundle.dte, bundle.axis_values)


class DetectorExtendedSaver(DetectorSaver):
    """Saves the data of a detector at the points of a scan.

    Parameters
    ----------
    module
        The detector.
    extended_shape
        Number of points along every scan dimension.
    """

    def __init__(self, module: Any, extended_shape: Iterable[int]) -> None:
        super().__init__(module)
        self._extended_shape = tuple(extended_shape)

    def _make_data_saver(self, h5saver: H5SaverLowLevel) -> Any:
        return DataToExportExtendedSaver(h5saver, self._extended_shape)

    def add_nav_axes(self, where: Where, axes: Iterable[AxisLike]) -> None:
        """Save the axes of the scan into a group."""
        self.data_saver.add_nav_axes(where, axes)

    def add_data(
        self,
        where: Where,
        dte: Given,
        indexes: Sequence[int] = (),
        distribution: Any = "uniform",
        **options: Any,
    ) -> None:
        """Write the point at `indexes`."""
        super().add_data(where, dte, indexes=indexes, distribution=distribution, **options)

    def add_data_bundle(self, bundle: Any) -> None:
        """Write the content of a host's bundle object."""
        self.add_data(bundle.node, bundle.dte, bundle.indexes, bundle.distribution)
