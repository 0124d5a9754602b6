"""The nodes of a recording that its NeXus entry does not show yet: modules, and data with their axes and error bars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from h5saver_widget.backends.terms import Plain
from h5saver_widget.format.layout import NAV_GROUP, DataType, GroupType
from h5saver_widget.saving.describe import AXIS_NODES
from h5saver_widget.saving.entry_nodes import ShownArray, module_node, valid_name

__all__ = ["MOST_MODULES", "MadeNodes", "ShownChannel"]

#: So many modules are shown, the first ones, each in about 1 kB.
MOST_MODULES: Final = 200
#: What an array is, as its attribute ``data_type`` says.
_AXIS: Final = DataType.axis.name
_SIGNALS: Final = (DataType.data.name, DataType.data_enlargeable.name)
_ERROR: Final = DataType.error.name
_INSTRUMENTS: Final = {GroupType.detector.name: "NXdetector", GroupType.actuator.name: "NXpositioner"}


@dataclass
class ShownChannel:
    """A data object: its arrays, its axes with those of its time or scan, and error bars by number of their array."""

    #: The names of its axes, where others have axes in the same group.
    named: Sequence[str] | None = None
    signals: list[ShownArray] = field(default_factory=list)
    axes: Sequence[ShownArray] = ()
    errors: Mapping[str, ShownArray] = field(default_factory=dict)


class MadeNodes:
    """Takes note of groups and arrays as they are made, until they are shown."""

    def __init__(self) -> None:
        #: Titles of groups, by path.
        self.titles: dict[str, str] = {}
        #: Data that are not shown yet, by path of their group.
        self.channels: dict[str, list[ShownChannel]] = {}
        self._modules: dict[str, tuple[str, str, str]] = {}
        self._names: set[str] = set()
        self._axes: dict[str, list[ShownArray]] = {}
        self._errors: dict[str, dict[str, ShownArray]] = {}
        self._owned: set[str] = set()

    def note_group(self, path: str, title: str, kind: str) -> bool:
        """Take note of a group; return whether it is the first module for which there is no room."""
        self.titles[path] = title
        name = valid_name(title or path.rpartition("/")[2])
        if kind not in _INSTRUMENTS or name in self._names:
            return False
        self._names.add(name)
        if len(self._names) <= MOST_MODULES:
            self._modules[path] = name, title or name, _INSTRUMENTS[kind]
        return len(self._names) == MOST_MODULES + 1

    def note_array(self, group: str, name: str, ndim: int, about: Mapping[str, Any]) -> None:
        """Take note of an array: its group, its name, how many dimensions it has, and its attributes."""
        role, array = about.get("data_type"), ShownArray(f"{group}/{name}", ndim, about)
        named = about.get(AXIS_NODES)  # where several data share a group, all but the first say which axes are theirs
        if named:
            self._owned.update(f"{group}/{axis}" for axis in named)
        if role == _AXIS:
            self._axes.setdefault(group, []).append(array)
        elif role in _SIGNALS:
            channels = self.channels.setdefault(group, [])
            if not channels or channels[-1].named != named:
                channels.append(ShownChannel(named))
            channels[-1].signals.append(array)
        elif role == _ERROR:
            self._errors.setdefault(group, {})[array.number] = array

    def forget(self, below: str) -> None:
        """Forget a node and what is in it; its path ends with a slash."""
        self._owned = {axis for axis in self._owned if not axis.startswith(below)}
        for known in (self._modules, self.channels, self._axes, self._errors):
            for place in [place for place in known if f"{place}/".startswith(below)]:
                known.pop(place)

    def take_modules(self) -> dict[str, Plain]:
        """Return the modules that are not shown yet, by name."""
        modules, self._modules = self._modules, {}
        return {name: module_node(path, title, nx_class) for path, (name, title, nx_class) in modules.items()}

    def take_channels(self) -> Iterator[tuple[str, ShownChannel]]:
        """Iterate over the data that are not shown yet, with the path of their group."""
        channels, self.channels = self.channels, {}
        for path, found in channels.items():
            for channel in found:
                channel.axes, channel.errors = self._axes_of(path, channel), self._errors.get(path, {})
                yield path, channel
        for path in channels:
            self._errors.pop(path, None)
            self._owned.difference_update([axis.path for axis in self._axes.pop(path, [])])

    def _axes_of(self, path: str, channel: ShownChannel) -> list[ShownArray]:
        """Return the axes of a data object: its own, then those of the time or scan that it belongs to."""
        here = self._axes.get(path, [])
        if channel.named is None:
            own = [axis for axis in here if axis.path not in self._owned]
        else:
            own = [axis for axis in here if axis.path.rpartition("/")[2] in channel.named]
        if not channel.signals[0].about.get("nav_indexes"):
            return own
        above = path
        while above.count("/") > 1 and f"{above}/{NAV_GROUP}" not in self._axes:
            above = above.rpartition("/")[0]
        taken = {array.about.get("index") for array in own}
        navigation = self._axes.get(f"{above}/{NAV_GROUP}", [])
        return [*own, *(array for array in navigation if array.about.get("index") not in taken)]
