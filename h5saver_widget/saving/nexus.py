"""The attributes by which NeXus readers (silx, NeXpy, h5web) plot a file; they are on groups.

The layout of the files stays as it is; ``NX_class``, ``default``, ``signal``, ``auxiliary_signals`` and ``axes`` are
put on the groups when these are made, and when the first arrays of a data object are made. Later frames cost nothing.

NeXus wants axes in the group of the data. Signal axes are there; navigation axes (scan, time) stand in ``NavAxes`` and
are ``.`` here, which means *by index*: h5web refuses paths, and a copy of an axis would be one more axis for other
readers. Exported NeXus files (:mod:`h5saver_widget.exporters.nexus`) have them all.

Format: https://manual.nexusformat.org/classes/base_classes/NXdata.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from h5saver_widget.data.enums import DataDim
from h5saver_widget.errors import NodeError
from h5saver_widget.format import naming
from h5saver_widget.format.layout import DataType, GroupModuleType, GroupType

if TYPE_CHECKING:
    from h5saver_widget.backends.base import Backend
    from h5saver_widget.backends.terms import Handle, RawAttribute

__all__ = ["Plots", "class_of_group", "names_attribute", "root_attributes"]

#: Type of a group to its class; everything else is a collection.
_CLASSES = {
    GroupType.detector.name: "NXdetector",
    GroupType.actuator.name: "NXpositioner",
    GroupType.scan.name: "NXsubentry",
    GroupModuleType.DATALOGGER.value: "NXsubentry",
    GroupModuleType.OPTIMIZER.value: "NXsubentry",
}

#: Groups that are remembered.
_MOST = 1024
#: The order of siblings: beginning of a name to rank; scans before modules, images before numbers.
_RANKS = {"Timestamps": 0, "Actuator": 1, "Data0D": 1, "Data1D": 2, "Data2D": 3, "DataND": 4, "Detector": 2}
_RANKS |= {"Scan": 3, "Datalogger": 3, "Optimizer": 3}


def names_attribute(names: Sequence[str]) -> RawAttribute:
    """Return names as an attribute: a text, or an array of several as both libraries store it.

    >>> names_attribute(['Axis00']), names_attribute(['.', 'Axis00']).tolist()
    ('Axis00', [b'.', b'Axis00'])
    """
    return names[0] if len(names) == 1 else np.array([name.encode() for name in names])


def root_attributes(default: str) -> dict[str, str]:
    """Return the attributes of the root of a new file.

    >>> root_attributes('entry')
    {'NX_class': 'NXroot', 'default': 'entry'}
    """
    return {"NX_class": "NXroot", "default": default}


def class_of_group(path: str, kind: Any = "", *, has_entry: bool = False) -> dict[str, str]:
    """Return the attributes of a new group with that path, and that ``type`` attribute, if it has one.

    In a file that has an entry (:mod:`h5saver_widget.saving.entry`) with the instruments, the group of all data is no
    second one.

    >>> class_of_group('/RawData'), class_of_group('/RawData/Detector000', 'detector')
    ({'NX_class': 'NXentry'}, {'NX_class': 'NXdetector'})
    >>> class_of_group('/RawData/Detector000/Data1D')
    {'NX_class': 'NXcollection', 'default': 'CH00'}
    """
    name = path.rpartition("/")[2]
    if path.count("/") <= 1:
        return {} if has_entry else {"NX_class": "NXentry"}
    if _is_channel(path):
        return {"NX_class": "NXdata"}
    found = {"NX_class": "NXcollection" if has_entry else _CLASSES.get(str(kind), "NXcollection")}
    # the one default that is known beforehand
    return {**found, "default": "CH00"} if name in DataDim.__members__ else found


class _Group:
    """New nodes of one group: its signals, and an axis for every dimension that has one."""

    def __init__(self) -> None:
        self.signals: list[str] = []
        self.axes: dict[int, str] = {}
        self.ndim = self.navigation = 0

    def attributes(self) -> dict[str, RawAttribute]:
        """Return the attributes that make the group an NXdata."""
        found: dict[str, RawAttribute] = {
            "NX_class": "NXdata",
            "signal": self.signals[0],
            "axes": names_attribute([self.axes.get(dimension, ".") for dimension in range(self.ndim)]),
        }
        if len(self.signals) > 1:
            found["auxiliary_signals"] = names_attribute(self.signals[1:])
        inner = self.ndim - self.navigation
        if self.ndim > 2 and inner in (1, 2):
            found["interpretation"] = "spectrum" if inner == 1 else "image"
        return found


class Plots:
    """The NeXus description of an open file: collected while arrays are made, written at the end of a step.

    >>> plots = Plots()
    >>> plots.made('/RawData/Detector000/Data1D/CH00', 'Data00', 1, {'data_type': 'data', 'nav_indexes': ()})
    >>> plots.made('/RawData/Detector000/Data1D/CH00', 'Axis00', 1, {'data_type': 'axis', 'index': 0})
    >>> plots.take()
    {'/RawData/Detector000/Data1D/CH00': {'NX_class': 'NXdata', 'signal': 'Data00', 'axes': 'Axis00'}}
    """

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {}
        self._made: dict[str, str | None] = {}

    def group_made(self, path: str, default: str | None = None) -> None:
        """Take note of a new group, and of the ``default`` that it has; only groups made lately get another."""
        self._made.pop(path, None)
        if len(self._made) >= _MOST:
            del self._made[next(iter(self._made))]
        self._made[path] = default

    def made(self, group: str, name: str, ndim: int, attributes: Mapping[str, Any]) -> None:
        """Take note of an array in the group with that path; its attributes as they were before they are encoded."""
        role = attributes.get("data_type")
        if role == DataType.axis.name:
            self._groups.setdefault(group, _Group()).axes.setdefault(int(attributes.get("index", 0)), name)
        elif role in (DataType.data.name, DataType.data_enlargeable.name):
            found = self._groups.setdefault(group, _Group())
            if not found.signals:
                found.ndim, found.navigation = ndim, len(attributes.get("nav_indexes", ()))
            if ndim == found.ndim:
                found.signals.append(name)

    def take(self) -> dict[str, dict[str, RawAttribute]]:
        """Return the attributes of the groups that hold new data, and forget them.

        A group that had data before keeps its description: later data may have another shape.
        """
        groups, self._groups = self._groups, {}
        return {
            path: group.attributes()
            for path, group in groups.items()
            if group.signals and naming.number_of(group.signals[0], _prefix(group.signals[0])) == 0
        }

    def take_defaults(self, paths: Iterable[str]) -> dict[str, str]:
        """Return the ``default`` of the groups that have to lead to groups with data: one that is better than theirs.

        The first child with data is the default, unless one comes that says more (a detector after an actuator, an
        image after a number). Groups that were there when the file was opened are left as they are.
        """
        changed: dict[str, str] = {}
        for path in paths:
            while path.count("/") > 1:
                parent, _, name = path.rpartition("/")
                if parent not in self._made:
                    break
                known = self._made[parent]
                if known is None or (known != name and _rank(name) > _rank(known)):
                    changed[parent] = known = name
                self.group_made(parent, known)  # the one used last is forgotten last
                path = parent
        return changed

    def write(self, backend: Backend, handle_of: Callable[[str], Handle]) -> None:
        """Describe the groups that hold new data; their handles come by path. The entry itself stays an entry."""
        if not self._groups:
            return
        described: dict[str, dict[str, Any]] = {p: a for p, a in self.take().items() if p.count("/") > 1}
        for path, name in self.take_defaults([*described]).items():
            described.setdefault(path, {})["default"] = name
        for path, attributes in described.items():
            if path in self._made and _is_channel(path):
                attributes.pop("NX_class", None)  # it has it already
            with suppress(NodeError):  # deleted meanwhile
                backend.set_attributes(handle_of(path), attributes)


def _is_channel(path: str) -> bool:
    return naming.number_of(path.rpartition("/")[2], "CH") is not None


def _prefix(name: str) -> str:
    return name.rstrip("0123456789")


def _rank(name: str) -> int:
    return _RANKS.get(_prefix(name), 1)
