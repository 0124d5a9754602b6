"""ScanSaver: one group per scan, its axes, and the data of every module at every point."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import monotonic, time
from typing import Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.data import Axis
from h5saver_widget.data.protocols import AxisLike, DataToExportLike
from h5saver_widget.format.layout import NAV_GROUP, DataType, GroupModuleType
from h5saver_widget.modules.actuator import ActuatorExtendedSaver
from h5saver_widget.modules.detector import DetectorExtendedSaver
from h5saver_widget.modules.extension import ExtensionSaver
from h5saver_widget.modules.timestamps import TimeModuleSaver
from h5saver_widget.nodes.typed import GROUP
from h5saver_widget.saving.arrays import AxisSaverLoader
from h5saver_widget.saving.assemble import axis_from
from h5saver_widget.saving.extended import Point, checked_indexes
from h5saver_widget.saving.group_cache import cached_group, nav_axes_group
from h5saver_widget.saving.h5_backend import Where

__all__ = ["ScanSaver"]


class ScanSaver(ExtensionSaver):
    """Saves the points of a scan, in any order; a scan that is stopped early stays loadable.

    The order of calls: ``h5saver =``, ``set_scan_shape``, ``get_set_node(new=True)``, ``add_nav_axes``, then
    ``add_data`` per point.

    Parameters
    ----------
    module
        The scan module: title, settings and a ``modules_manager`` with ``detectors_all`` and ``actuators_all``.
    counts
        Whether the scan is over once something was saved at every point; else its owner tells when it is.
    """

    group_type = GroupModuleType.SCAN
    child_savers = (DetectorExtendedSaver, ActuatorExtendedSaver)

    def __init__(self, module: Any, counts: bool = True) -> None:
        self._counts = counts
        self._scan_shape: tuple[int, ...] = ()
        self._time = TimeModuleSaver()
        self._start: float | None = None
        self._saved: npt.NDArray[np.bool_] | None = None
        self._to_come = 0
        self._axes: list[AxisLike] = []
        self._timed, self._made_in = False, -1
        super().__init__(module)

    def set_scan_shape(self, scan_shape: Iterable[int]) -> None:
        """Set the number of points along every scan dimension; ``(n,)`` for a spread scan of n points."""
        shape = tuple(int(n) for n in scan_shape)
        if shape != self._scan_shape:
            self._scan_shape = shape
            self._members = []  # the savers of the sub-modules are made anew, with that shape
            self.update_after_h5changed()

    def update_after_h5changed(self) -> None:
        """Make a saver of the scan's shape for every sub-module."""
        super().update_after_h5changed()
        if self._time.h5saver is not self._h5saver:
            self._time.h5saver = self._h5saver

    def _child_arguments(self) -> tuple[Any, ...]:
        return (self._scan_shape,)

    def get_set_node(self, where: Where | None = None, name: str | None = None, new: bool = False) -> GROUP:
        """Return the last scan's group (of that title), or a new one."""
        node = super().get_set_node(where, name, new)
        if new:
            self._start = None
            self._time.forget()
            self._saved, self._to_come, self._axes, self._timed = None, 0, [], False
            self.saver.scan_begun()
        return node

    def _make_again(self) -> None:
        """Make the groups of the scan in the open file, if a host has begun another file meanwhile."""
        saver = self.saver
        if self._made_in == saver.generation or self._node is None:
            return
        names = cached_group(saver, self.current_node()).names
        if not saver.is_swmr_active:
            if self._axes and NAV_GROUP not in names:
                self._save_axes()
            if self._timed and self._time.title not in names:
                self._time.initialize(self.current_node(), self._scan_shape)
        self._made_in = saver.generation
        if self._to_come:
            saver.scan_begun()

    def _count(self, indexes: Sequence[int]) -> None:
        """Count a point; when all of them were saved, the scan is complete."""
        if not self._counts:
            self._to_come = 1
            return
        if self._saved is None or self._saved.shape != self._scan_shape:
            self._saved = np.zeros(self._scan_shape, bool)
            self._to_come = self._saved.size
        at = checked_indexes(indexes, self._scan_shape)
        if not self._saved[at]:
            self._saved[at] = True
            self._to_come -= 1
            if not self._to_come:
                self.saver.scan_ended()

    def initialize_time_array(self, scan_shape: Iterable[int] | None = None) -> None:
        """Make the array of the times at which the points are measured."""
        if scan_shape is not None:
            self.set_scan_shape(scan_shape)
        self._time.initialize(self.current_node(), self._scan_shape)
        self._start, self._timed = None, True

    def add_nav_axes(self, axes: Iterable[AxisLike]) -> None:
        """Save the axes of the scan at the level of the scan; once, however often a host says them (every average)."""
        self._axes = list(axes)
        self._save_axes()

    def _save_axes(self) -> None:
        saver = self.saver
        with saver.saving():
            place = nav_axes_group(saver, self.current_node())
            known = [axis_from(place.group.get_child(name)) for _, name in place.numbered(DataType.axis.value)]
            for axis in self._axes:
                if not any(_is_same(axis, other) for other in known):
                    AxisSaverLoader(saver).add_to(place, axis, axis.index)

    def add_data(self, dte: DataToExportLike, indexes: Sequence[int], distribution: Any = "uniform", **_: Any) -> bool:
        """Write the point at `indexes`, and return whether the settings let anything of it pass.

        Parameters
        ----------
        dte
            The data of all modules at this point; ``origin`` of every data object is the title of its module.
        indexes
            Position of the point, one number per scan dimension.
        distribution
            ``'uniform'`` or ``'spread'``.

        Raises
        ------
        DataMismatchError
            If data come from an unknown module, or the point is not in the scan.
        DynamicRangeError
            If values don't fit the number type on disk. In either case nothing of the point is written.
        """
        saver = self.saver
        with saver.saving_frame(self.title):
            self._make_again()
            now = monotonic()
            start = now if self._start is None else self._start
            elapsed = self._time.elapsed(now - start, time())
            parts = self._by_child(dte, by_name=False)
            generation = -1
            while generation != saver.generation:  # a new array ends streaming: what was looked up before is void
                generation = saver.generation
                prepared = self._prepared(parts, indexes, distribution)
                time_of_point = self._time.prepare(elapsed, indexes, distribution)
            has_data = self._commit(prepared, time_of_point)
            self._start = start
            self._count(indexes)
            if saver.is_swmr_active:
                saver.tick_flush()
            if saver.swmr_mode and not saver.is_swmr_active:
                saver.enable_swmr()  # every array of the scan exists now: others may read from here on
            return has_data

    def _write(self, writes: Sequence[Point]) -> None:  # type: ignore[override]
        """Write a point of all modules in one call."""
        for write in writes[1:]:
            writes[0].add(write)
        for write in writes[:1]:
            write()

    def add_data_bundle(self, bundle: Any) -> None:
        """Write the content of a host's bundle object."""
        self.add_data(bundle.dte, bundle.indexes, bundle.distribution)


def _is_same(axis: AxisLike, other: Axis) -> bool:
    """Tell whether an axis equals the one in the file: its label, its place, all of its values."""
    said = (str(axis.label), str(axis.units), int(axis.index), int(getattr(axis, "spread_order", 0)))
    return said == (other.label, other.units, other.index, other.spread_order) and np.array_equal(
        np.asarray(axis.get_data()), np.asarray(other.get_data())
    )
