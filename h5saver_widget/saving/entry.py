"""The NeXus entry of a file: the recording as NeXus knows one, for archives, validators and readers of other programs.

The layout of the data stays as it is (:mod:`h5saver_widget.format.layout`). The entry shows them once more, by views
that hold no values: one NXdata per data object, with its time or scan axes. It is made with the first data, or soon
after the file if none come; it is completed once a second while arrays are made, and costs nothing per frame.

The nodes stand in ``/_i_nexus``, and ``/_i_entry`` links to them: PyMoDAQ reads a file with h5py only if each node has
an attribute ``CLASS``, and strict validators take it for a mistake unless it is reached by a link. PyTables hides both
by their names; ``default`` of the root leads other readers to the entry. All nodes of one step are in one group there,
so they are made by one call.

Format: NXsensor_scan, https://manual.nexusformat.org/classes/contributed_definitions/NXsensor_scan.html
"""

from __future__ import annotations

import json
import logging
import math
from collections import ChainMap
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from time import monotonic
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from h5saver_widget.backends.shown_again import PLACES, left_of_it
from h5saver_widget.backends.terms import Plain
from h5saver_widget.errors import H5SaverError
from h5saver_widget.format.layout import RAW_GROUP
from h5saver_widget.format.naming import free_name
from h5saver_widget.saving.entry_made import MOST_MODULES, MadeNodes, ShownChannel
from h5saver_widget.saving.entry_nodes import (
    ShownArray,
    group_node,
    how_telling,
    joined,
    step_nodes,
    storable,
    text_node,
    time_node,
    time_to_come,
    valid_name,
)
from h5saver_widget.saving.nexus import names_attribute
from h5saver_widget.version import __version__

if TYPE_CHECKING:
    from h5saver_widget.backends.base import Backend
    from h5saver_widget.backends.terms import RawAttribute

__all__ = ["TOLD", "Entry"]

logger = logging.getLogger(__name__)

_DEFINITION: Final = "NXsensor_scan"
_VERSION: Final = "v2024.02"
_HOME: Final = "https://pypi.org/project/h5saver-widget"

#: So many channels are shown, the first ones, each in about 1 kB; that others are left out is told.
_MOST: Final = 200
#: How long the entry waits for the first data, to be written with them.
_NO_DATA_SECONDS: Final = 0.1
_HIGHEST: Final = 100
#: Attribute of the group of all data that keeps what a person told, for copies by values.
TOLD: Final = "nexus_described"


class Entry:
    """Collects the new nodes of an open file, and shows them in the entry.

    Parameters
    ----------
    io
        The backend that has the file open.

    Examples
    --------
    >>> import tempfile, pathlib, numpy as np
    >>> from h5saver_widget import DataRaw, DataToExport, DataToExportTimedSaver, H5SaverLowLevel
    >>> with H5SaverLowLevel(backend='h5py') as h5saver:
    ...     _ = h5saver.init_file(pathlib.Path(tempfile.mkdtemp()) / 'log.h5')
    ...     group = h5saver.add_det_group('/RawData', 'Bath')
    ...     data = DataRaw('temperature', data=[np.array([21.5])], labels=['T'], units='K')
    ...     DataToExportTimedSaver(h5saver).add_data(group, DataToExport('Bath', data=[data]))
    ...     h5saver.get_group('/_i_entry').attrs['default']
    'temperature'
    """

    def __init__(self, io: Backend) -> None:
        self._io = io
        self._entry, self._shown = PLACES["always"]
        self._made = MadeNodes()
        self._views: dict[str, str] = {}
        self._places: dict[str, str] = {}
        self._steps = 0
        #: What it begins with, until that is written; when it began.
        self._first: dict[str, Plain] = {}
        self._begun_at = 0.0
        self._count = 0
        self._is_full = False
        self._best = -1
        self._written_at = -math.inf
        #: Whether the file has an entry, or will have one as soon as it is written.
        self.is_there = False

    # ------------------------------------------------------------------- what is made
    def begin(self, place: tuple[str, str], start: datetime, identity: str, user: str) -> None:
        """Begin the entry of a new file; it is written with the first data.

        Parameters
        ----------
        place
            One of :data:`~h5saver_widget.backends.shown_again.PLACES`.
        start
            When the recording begins, with a time zone.
        identity
            Identity of the recording.
        user
            Name of the person.
        """
        self._first = {
            "definition": text_node(_DEFINITION, version=_VERSION),
            "start_time": time_node(start),
            "end_time": time_to_come(),
            "identifier_experiment": text_node(identity, varies=True),
            "process": group_node(
                "NXprocess", program=text_node("h5saver_widget", version=__version__, program_url=_HOME)
            ),
            "user": group_node("NXuser", name=text_node(user)),
            "instrument": group_node("NXinstrument"),
        }
        self._entry, self._shown = place
        self._begun_at, self.is_there = monotonic(), True

    def resume(self) -> None:
        """Go on in the entry of a file that is opened again; a file without one gets none."""
        io = self._io
        place = left_of_it(io)
        if len(place) == 2:
            self._entry, self._shown = place
            self.is_there, self._steps = True, len(io.children(io.node(self._shown)))
            self._places = dict.fromkeys(io.children(io.node(self._entry)), "")
            self._count = len(self._places)
            if "instrument" in self._places:
                self._place_of("instrument")  # asked now: nothing is looked up while frames are saved
            # what is there stays the default: what it shows is not known any more
            self._best = _HIGHEST if io.get_attributes(io.node(self._entry), ["default"]) else -1

    def end(self, end: datetime) -> None:
        """Note when the recording ended, and show what is not shown yet."""
        if not self.is_there:
            return
        self.write()
        _, links = step_nodes(f"{self._shown}/0", {"end_time": time_node(end)})
        place = self._place_of("end_time") if "end_time" in self._places else links["end_time"].text
        ended = time_node(end)
        ended = ended._replace(attributes={**ended.attributes, "target": place})
        try:
            self._io.add_plain({place: ended, self._entry: Plain("group", members=links)})
        except (H5SaverError, OSError) as error:
            self._warn("end_time", error)

    def describe(self, members: Mapping[str, Plain], definition: str = "") -> None:
        """Add the facts that a person has told: the sample, the user, settings that no module knows.

        Parameters
        ----------
        members
            Nodes by name; groups that are there are added to.
        definition
            The application definition that is claimed instead of NXsensor_scan.
        """
        claimed = {"definition": text_node(definition)} if definition and definition != _DEFINITION else {}
        if self.is_there and (members or claimed):
            new = {**{name: storable(node) for name, node in members.items()}, **claimed}
            if self._first:
                self._first = joined(self._first, new)
            else:
                self._add(new)
            told = json.dumps([definition, {name: node.packed() for name, node in members.items()}])
            with suppress(H5SaverError):  # too long for an attribute
                self._io.set_attributes(self._io.node(RAW_GROUP), {TOLD: told})

    def describe_again(self, told: RawAttribute | None) -> None:
        """Add the facts told in the original of a copy, as its attribute has them; others are passed over."""
        with suppress(ValueError, TypeError, AttributeError):
            definition, members = json.loads(str(told))
            self.describe({str(name): Plain.unpacked(*node) for name, node in members.items()}, str(definition))

    def group_made(self, path: str, title: str, kind: str) -> None:
        """Take note of a new group: its title, and its type if it is the group of a module."""
        if self.is_there and self._made.note_group(path, title, kind):
            told = "%s names the first %d modules alone, without %s and later ones"
            logger.warning(told, self._entry, MOST_MODULES, title)

    def made(self, group: str, name: str, ndim: int, about: Mapping[str, Any]) -> None:
        """Take note of a new array: its group, its name, how many dimensions it has, and its attributes."""
        if self.is_there and group.startswith(RAW_GROUP):
            self._made.note_array(group, name, ndim, about)

    def removed(self, path: str) -> None:
        """Show a node and its content no more: a view of an array that is gone shows zeros."""
        below = f"{path}/"
        self._made.forget(below)
        if self.is_there and not self._first and below.startswith(f"{RAW_GROUP}/"):
            self._hide(below)

    def _hide(self, below: str) -> None:
        io, entry = self._io, self._io.node(self._entry)
        left: dict[str, int] = {}
        for name in list(self._places):
            place = self._place_of(name)
            if target := self._target_of(place):
                if target.startswith(below):
                    io.delete(io.node(f"{self._entry}/{name}"))
                    io.delete(io.node(place))
                    del self._places[name]
                    self._views = {of: at for of, at in self._views.items() if not at.startswith(f"{place}/")}
                else:
                    left[name] = how_telling(target)
        told = io.get_attributes(entry, ["default"])
        if told and told["default"] not in left:
            self._best = max(left.values(), default=-1)
            if left:
                io.set_attributes(entry, {"default": max(left, key=lambda name: left[name])})
            else:
                io.delete_attribute(entry, "default")

    def _place_of(self, name: str) -> str:
        """Return where a member of the entry stands; of one that was there before, its link tells."""
        if not self._places[name]:
            node = self._io.node(f"{self._entry}/{name}")
            self._places[name] = self._io.inspection.link_target(node)[1]
        return self._places[name]

    def _target_of(self, path: str) -> str:
        """Return the array that is the signal of an NXdata of the entry, ``''`` of any other node."""
        io = self._io
        signal = io.get_attributes(io.node(path), ["signal"]).get("signal")
        if not isinstance(signal, str):
            return ""
        return str(io.get_attributes(io.node(f"{path}/{signal}"), ["target"]).get("target", ""))

    def _has_room_for(self, path: str) -> bool:
        if self._count >= _MOST and not self._is_full:
            self._is_full = True
            told = "the data are saved, but %s shows the first %d channels alone, without those of %s and later ones"
            logger.warning(told, self._entry, _MOST, path)
        return not self._is_full

    # ---------------------------------------------------------------- writing
    @property
    def waits(self) -> bool:
        """Whether there are new data that are not shown yet, or none have come so far.

        A module is shown with its first data.
        """
        return bool(self._made.channels) or (bool(self._first) and monotonic() - self._begun_at > _NO_DATA_SECONDS)

    def write_soon(self, patience: float) -> None:
        """Show new data, unless others were shown less than `patience` seconds ago: all of a second cost as one.

        Without data, the entry is written a moment after the file was made, or at once if there is no patience.
        """
        is_wanted = self.waits or (self._first and not patience)
        if is_wanted and monotonic() - self._written_at > patience:
            self.write()

    def write(self, more: Mapping[str, Plain] = MappingProxyType({})) -> None:
        """Show the nodes that were made since the last call, and `more`."""
        self._written_at = monotonic()
        modules = self._made.take_modules()
        new: dict[str, Plain] = dict(more)
        about: dict[str, str] = {}
        for path, channel in self._made.take_channels():
            if self._has_room_for(path):
                name = self._name_for(path, channel.signals[0], new)
                new[name] = self._nxdata(path, name, channel)
                if how_telling(path) > self._best:
                    self._best, about = how_telling(path), {"default": name}
        if new or modules or self._first:
            self._add(new, about, modules)

    def _add(
        self,
        members: Mapping[str, Plain],
        about: Mapping[str, str] = MappingProxyType({}),
        modules: Mapping[str, Plain] = MappingProxyType({}),
    ) -> None:
        """Write members of the entry, attributes of it, and modules; where that fails, as much of it as can be."""
        is_first = bool(self._first)
        is_step = is_first or bool(modules) or not members.keys() <= self._places.keys()
        try:
            self._write(members, about, modules)
        except (H5SaverError, OSError) as error:  # deleted meanwhile, of a kind that can't be shown, or no room left
            self._warn(", ".join([*members, *modules]), error)
            if is_first:
                with suppress(H5SaverError, OSError):
                    self._write({}, {}, {})
            if is_first or len(members) + len(modules) > 1:
                for name, node in members.items():
                    with suppress(H5SaverError, OSError):
                        self._write({name: node}, about if about.get("default") == name else {}, {})
                for name, node in modules.items():
                    with suppress(H5SaverError, OSError):
                        self._write({}, {}, {name: node})
        self._steps += is_step

    def _warn(self, what: str, error: Exception) -> None:
        logger.warning("the data are saved, but %s does not show all of %s: %s", self._entry, what, error)

    def _write(self, members: Mapping[str, Plain], about: Mapping[str, str], modules: Mapping[str, Plain]) -> None:
        if self._first:
            self._write_first(members, about, modules)
            return
        step = f"{self._shown}/{self._steps}"
        made, links = step_nodes(step, {name: node for name, node in members.items() if name not in self._places})
        there = {self._place_of(name): node for name, node in members.items() if name not in links}
        if modules:
            group, names = step_nodes(f"{step}/instrument", modules)
            made = made._replace(members={**made.members, "instrument": group})
            there[self._place_of("instrument")] = Plain("group", members=names)
        if links:
            there[self._entry] = Plain("group", about, members=links)
        self._io.add_plain({step: made, **there} if made.members else there)
        self._places |= {name: link.text for name, link in links.items()}

    def _write_first(
        self, members: Mapping[str, Plain], about: Mapping[str, str], modules: Mapping[str, Plain]
    ) -> None:
        begun = {**joined(self._first, {"instrument": group_node("NXinstrument", **modules)}), **members}
        made, links = step_nodes(f"{self._shown}/0", begun)
        del links["end_time"]  # the node is there, but it is no time yet
        shown = {"NX_class": "NXcollection", "TITLE": f"What {self._entry} links to"}
        named = {"NX_class": "NXentry", "TITLE": "Data for archives", **about}
        self._io.add_plain(
            {
                self._shown: Plain("group", shown, members={"0": made}),
                self._entry: Plain("group", named, members=links),
            }
        )
        self._places, self._first = {name: link.text for name, link in links.items()}, {}

    def _nxdata(self, path: str, place: str, channel: ShownChannel) -> Plain:
        """Return the NXdata of a data object: its axes, its signals, their errors."""
        first = channel.signals[0]
        shown: dict[str, ShownArray] = {}
        dimensions = ["."] * first.ndim
        about: dict[str, Any] = {"NX_class": "NXdata"}
        for array in channel.axes:
            index = int(array.about.get("index", 0))
            if index < len(dimensions):
                name = free_name(array.label("axis"), shown)
                shown[name] = array
                about[f"{name}_indices"] = index
                dimensions[index] = name if dimensions[index] == "." else dimensions[index]
        signals: list[str] = []
        for array in channel.signals:
            if array.ndim == first.ndim and self._has_room_for(path):
                self._count += 1
                name = free_name(array.label("data"), shown)
                signals.append(name)
                shown[name] = array
                if error := channel.errors.get(array.number):
                    shown[f"{name}_errors"] = error
        about |= {"signal": signals[0], "axes": names_attribute(dimensions)}
        if signals[1:]:
            about["auxiliary_signals"] = names_attribute(signals[1:])
        members = {}
        for name, array in shown.items():
            # a scan has one axis and many channels: they share a view
            here = f"{self._shown}/{self._steps}/{place}/{name}"
            known = self._views.setdefault(array.path, here)
            members[name] = array.shown_as(name) if known == here else Plain("link", text=known)
        return Plain("group", about, members=members)

    def _name_for(self, path: str, signal: ShownArray, new: dict[str, Any]) -> str:
        """Return a free name for the NXdata: scan, module and data."""
        scan = next((part for part in path.split("/") if part.startswith(("Scan", "Datalogger", "Optimizer"))), "")
        parts = [scan, str(signal.about.get("origin", "")), self._made.titles.get(path, "")]
        told = [part for number, part in enumerate(parts) if part and part not in parts[:number]]
        return free_name(valid_name("_".join(told) or "data").lower(), ChainMap(new, self._places))
