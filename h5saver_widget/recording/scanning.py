"""Scan: the points of a scan, recorded in one line each, in any order, from many sources. No Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

from h5saver_widget.data.protocols import DataToExportLike
from h5saver_widget.errors import AxisError
from h5saver_widget.modules.scan import ScanSaver
from h5saver_widget.saving.extended import checked_indexes
from h5saver_widget.saving.given import (
    AxesGiven,
    ErrorsGiven,
    Given,
    TimeGiven,
    UnitsGiven,
    axes_of,
    bundle_of,
    copy_of,
)
from h5saver_widget.saving.stamps import stamped_extras

if TYPE_CHECKING:
    from h5saver_widget.recording.saver import H5SaverBase

__all__ = ["Scan"]


class Scan:
    """A scan that is being recorded; made by ``recorder.scan(name, axes)`` and used in a ``with`` block.

    Its group is made when the first point is taken. A new file that is due while it runs waits for its end.

    Parameters
    ----------
    saver
        The saver.
    name
        Title of its group.
    axes
        The varied quantities, in the order of the indexes.

    Attributes
    ----------
    shape
        Number of points along every axis.
    """

    def __init__(self, saver: H5SaverBase, name: str, axes: Mapping[str, Any]) -> None:
        self._saver = saver
        self._axes = axes_of(axes, name)
        self.shape = tuple(axis.size for axis in self._axes)
        if not self.shape or [axis.index for axis in self._axes] != list(range(len(self.shape))):
            raise AxisError(
                f"the scan {name!r} needs the values of what is varied: scan({name!r}, {{'x': (positions, 'mm')}})"
            )
        self._sources: list[SimpleNamespace] = []
        manager = SimpleNamespace(detectors_all=self._sources, actuators_all=[])
        self._module = ScanSaver(SimpleNamespace(title=name, modules_manager=manager), counts=False)
        self._module.set_scan_shape(self.shape)
        self._has_group = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the scan: measured points stay, others get the fill value."""
        self._saver.intake.after_waiting(self._close)

    def _close(self) -> None:
        if self._has_group:
            self._has_group = False
            self._saver.scan_ended()

    def record(
        self,
        indexes: int | Sequence[int],
        source: str,
        data: Given,
        *,
        units: UnitsGiven = "",
        axes: AxesGiven = None,
        time: TimeGiven = None,
        errors: ErrorsGiven = None,
        number: int | None = None,
        clock: float | None = None,
        **extras: Any,
    ) -> bool:
        """Record the data of a source at a point; parameters, result and errors as of ``recorder.record``.

        Between two points, numbers of a device may be missing: there are no gaps in a scan.

        Parameters
        ----------
        indexes
            Position of the point, one number for each axis of the scan.

        Raises
        ------
        DataMismatchError
            If the point is not in the scan.
        """
        at = checked_indexes((indexes,) if isinstance(indexes, int) else indexes, self.shape)
        extras = stamped_extras(source, number, clock, self._saver.clocks, extras)
        bundle = bundle_of(source, data, units, axes, time, errors, extras)
        if any(dwa.origin not in ("", source) for dwa in bundle.data):  # of a data object of the caller
            bundle = copy_of(bundle)
            for dwa in bundle.data:
                dwa.origin = source  # type: ignore[misc]
        intake = self._saver.intake
        taken = intake.take(source, bundle, partial(self._write, at))
        return taken and bool(len(intake.stream(source).kept(bundle)))

    def _write(self, at: Sequence[int], bundle: DataToExportLike) -> bool:
        module = self._module
        if module.h5saver is not self._saver:
            module.h5saver = self._saver
        if not self._has_group:
            self._has_group = True
            module.get_set_node(new=True)
            module.add_nav_axes(self._axes)
            module.initialize_time_array()
        if all(known.title != bundle.name for known in self._sources):
            self._saver.end_streaming()  # its group and arrays have to be made
            self._sources.append(SimpleNamespace(title=bundle.name))
            module.update_after_h5changed()
        return module.add_data(bundle, at)
