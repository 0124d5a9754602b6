"""The cache of recently used groups: names and numbers of new nodes are known without listing the file.

A frame that is saved into a new group makes some ten nodes. Listing the group before each of them would cost more with
every node in it, and a round trip to the worker for an isolated file. So a group is listed once, and
:class:`~h5saver_widget.saving.low_level.H5SaverLowLevel` adds every node that it makes.

A host may also change the file through the library's own object. Then making a node that exists already is an error of
the library; the cache is cleared, and the group is listed again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from h5saver_widget.data.enums import DataDim
from h5saver_widget.data.protocols import DataLike
from h5saver_widget.errors import NodeError, NodeExistsError
from h5saver_widget.format import naming
from h5saver_widget.format.layout import BESIDE, END_ROW, FIRST_ROW, NAV_GROUP, SEGMENT_NUMBER, SEGMENT_OF, DataType
from h5saver_widget.nodes.typed import GROUP
from h5saver_widget.saving.describe import checked_name

if TYPE_CHECKING:
    from h5saver_widget.saving.h5_backend import Where
    from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = [
    "CachedGroup",
    "GroupCache",
    "cached_group",
    "channel_group",
    "find_channel",
    "nav_axes_group",
    "open_group",
    "segment_group",
    "segments_of",
]

#: Groups that are remembered; each holds a handle, so not those of ten thousand scans.
_MOST = 256

Candidates = dict[tuple[DataType, ...], list[str]]


class CachedGroup:
    """A group and the names of the nodes in it."""

    __slots__ = ("_next", "channels", "group", "names")

    def __init__(self, group: GROUP, names: Iterable[str] = ()) -> None:
        self.group = group
        self.names = set(names)
        #: Of a group of channel groups, by title, those that may still take arrays. None: not looked up yet.
        self.channels: dict[str, _Titled] | None = None
        self._next: dict[str, int] = {}

    def add(self, name: str) -> None:
        """Remember a node that was made."""
        self.names.add(name)
        for prefix, number in self._next.items():
            found = naming.number_of(name, prefix)
            if found is not None:
                self._next[prefix] = max(number, found + 1)

    def next_number(self, prefix: str) -> int:
        """Return the number that the next node of this prefix gets; costs the same in a group of 10,000."""
        if prefix not in self._next:
            self._next[prefix] = naming.next_number(self.names, prefix)
        return self._next[prefix]

    def numbered(self, prefix: str) -> list[tuple[int, str]]:
        """Return number and name of the nodes of this prefix, sorted."""
        found = ((naming.number_of(name, prefix), name) for name in self.names)
        return sorted((number, name) for number, name in found if number is not None)

    def has_any(self, data_types: Iterable[DataType]) -> bool:
        """Tell whether there is an array of one of these roles."""
        return any(naming.number_of(name, kind.value) is not None for kind in data_types for name in self.names)


@dataclass
class _Titled:
    """The channel groups of one title: names with the origin of each, and which may be without arrays of some roles."""

    origins: dict[str, str] = field(default_factory=dict)
    candidates: Candidates = field(default_factory=dict)

    def add(self, name: str, origin: str) -> None:
        self.origins[name] = origin
        for names in self.candidates.values():
            names.append(name)


class GroupCache:
    """The groups used last in one open file, by path."""

    def __init__(self) -> None:
        self._known: dict[str, CachedGroup] = {}

    def get(self, path: str) -> CachedGroup | None:
        """Return the cached group of a path, None if it is not cached."""
        found = self._known.pop(path, None)
        if found is not None:
            self._known[path] = found  # the one used last is forgotten last
        return found

    def keep(self, path: str, contents: CachedGroup) -> CachedGroup:
        """Add a group to the cache."""
        if len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        self._known[path] = contents
        return contents

    def made(self, parent: str, name: str, group: GROUP | None = None) -> None:
        """Take note of a node that was made; a new group is empty."""
        known = self._known.get(parent)
        if known is not None:
            known.add(name)
            known.channels = None
        if group is not None:
            self.keep(f"{parent.rstrip('/')}/{name}", CachedGroup(group))

    def clear(self) -> None:
        """Forget everything: nodes were removed, or the file was opened again."""
        self._known.clear()


def cached_group(saver: H5SaverLowLevel, where: Where) -> CachedGroup:
    """Return a group and the names in it. A node of a file that was closed and opened again still names its path."""
    path, cache = saver.path_of(where), saver.group_cache
    found = cache.get(path)
    if found is not None:
        try:
            saver.io.kind(found.group.handle)
            return found
        except NodeError:  # deleted behind our back
            cache.clear()
    group = saver.get_group(path)
    return cache.keep(path, CachedGroup(group, group.children_name()))


def open_group(saver: H5SaverLowLevel, where: Where, name: str, title: str = "", **unwrapped: str) -> CachedGroup:
    """Return the group of that name in a group, made if it is not there; attributes are stored as they are."""
    path, cache = saver.path_of(where), saver.group_cache
    child = f"{path.rstrip('/')}/{name}"
    found, parent = cache.get(child), cache.get(path)
    if found is not None:
        return found
    try:
        if parent is None:
            group = saver.get_group(path)
            held = saver.io.has_child(group.handle, name)
        else:
            group, held = parent.group, name in parent.names
        if held:
            return cached_group(saver, child)
        return _create(saver, group, name, title, unwrapped)
    except (NodeError, NodeExistsError):
        if parent is None:
            raise
    saver.group_cache.clear()  # what was known is not so: ask the file
    return open_group(saver, path, name, title, **unwrapped)


def nav_axes_group(saver: H5SaverLowLevel, where: Where) -> CachedGroup:
    """Return the group of navigation axes in a group, made if it is not there."""
    return open_group(saver, where, NAV_GROUP)


def _create(
    saver: H5SaverLowLevel,
    parent: GROUP,
    name: str,
    title: str,
    unwrapped: dict[str, str],
    attributes: Mapping[str, Any] | None = None,
) -> CachedGroup:
    group = saver.create_group(parent, name, title, unwrapped=unwrapped, **(attributes or {}))
    return saver.group_cache.get(group.path) or CachedGroup(group)


def channel_group(
    saver: H5SaverLowLevel,
    where: Where,
    dwa: DataLike,
    origin: str,
    *,
    without: Iterable[DataType] = (),
    skip: int = 0,
) -> CachedGroup:
    """Return the channel group of a data object: one of its name and origin, or a new ``CH00``, ``CH01``...

    The group of its dimensionality stands in `where`, or is made there. Groups that hold arrays of a role in `without`
    are passed over, and so are `skip` groups that would do: the second data of one name in a bundle have the second
    group.
    """
    wanted = str(dwa.name), origin, tuple(without), skip
    try:
        return _channel(saver, open_group(saver, where, dwa.dim.name), *wanted)
    except (NodeError, NodeExistsError):
        saver.group_cache.clear()  # what was known is not so: ask the file
        return _channel(saver, open_group(saver, where, dwa.dim.name), *wanted)


def _channel(
    saver: H5SaverLowLevel, dims: CachedGroup, title: str, origin: str, without: tuple[DataType, ...], skip: int
) -> CachedGroup:
    channels = dims.channels if dims.channels is not None else _channels_in(dims)
    titled = channels.setdefault(title, _Titled())
    candidates = titled.candidates.setdefault(without, [*titled.origins])
    for name in [*candidates]:
        if titled.origins[name] in (origin, ""):
            found = cached_group(saver, f"{dims.group.path}/{name}")
            if found.has_any(without):
                candidates.remove(name)  # it will always hold them: not looked at again
            elif skip == 0:
                dims.channels = channels
                return found
            else:
                skip -= 1
    name = f"CH{dims.next_number('CH'):02d}"
    made = _create(saver, dims.group, name, checked_name(title), {"origin": checked_name(origin)})
    titled.add(name, origin)
    dims.channels = channels  # forgotten when a node is made, which may be anybody's
    return made


def _channels_in(dims: CachedGroup) -> dict[str, _Titled]:
    """Return the channel groups of each title; of data that go on in segments, only the last one takes arrays."""
    found: list[tuple[Any, str, str, str]] = []
    for name in dims.names:
        group = dims.group.get_child(name) if naming.number_of(name, "CH") is not None else None
        attributes = group.attrs.to_dict() if isinstance(group, GROUP) else {END_ROW: 0}
        if END_ROW not in attributes and SEGMENT_NUMBER not in attributes:
            # in the place of the segment that was the first: which of two data of one name it is goes by the order
            first = str(attributes.get(SEGMENT_OF, name)).rpartition("/")[2]
            title, origin = str(attributes.get("TITLE", "")), str(attributes.get("origin", ""))
            found.append((naming.natural_key(first), name, title, origin))
    channels: dict[str, _Titled] = {}
    for _, name, title, origin in sorted(found):
        channels.setdefault(title, _Titled()).add(name, origin)
    return channels


def find_channel(
    saver: H5SaverLowLevel, where: Where, dim: str, title: str, origin: str, skip: int
) -> CachedGroup | None:
    """Return the channel group of data of a name and origin, None if there is none; `skip` as in `channel_group`."""
    here = cached_group(saver, where)
    if dim not in here.names:
        return None
    dims = cached_group(saver, saver.path_of(here.group, dim))
    titled = (dims.channels or _channels_in(dims)).get(title, _Titled())
    names = [name for name, known in titled.origins.items() if known in (origin, "")]
    return cached_group(saver, saver.path_of(dims.group, names[skip])) if skip < len(names) else None


def segments_of(saver: H5SaverLowLevel, where: Where, first: CachedGroup) -> list[CachedGroup]:
    """Return the groups of all segments of data in a scan, in their order."""
    here = cached_group(saver, where)
    path = here.group.path
    beside = first.group.path == path
    mine = BESIDE if beside else first.group.path.removeprefix(f"{path.rstrip('/')}/")
    dims = [path] if beside else [saver.path_of(path, name) for name in here.names if name in DataDim.__members__]
    found: dict[int, CachedGroup] = {0: first}
    for contents in (cached_group(saver, dim) for dim in dims):
        for _, name in contents.numbered("CH"):
            attributes = contents.group.get_child(name).attrs
            if SEGMENT_NUMBER in attributes and attributes.get(SEGMENT_OF) == mine:
                found[attributes[SEGMENT_NUMBER]] = cached_group(saver, saver.path_of(contents.group, name))
    return [found[number] for number in sorted(found)]


def segment_group(
    saver: H5SaverLowLevel,
    where: Where,
    dwa: DataLike,
    origin: str,
    before: CachedGroup,
    *,
    first_row: int = 0,
    end_row: int = 0,
    number: int | None = None,
    beside: bool = False,
) -> CachedGroup:
    """Make the channel group of the next segment of data, and close the one before.

    The group of their dimensionality stands in `where`, or is made there. The segment begins with `first_row`, and
    `end_row` comes after the last row of the segment before. It has a number in a scan: there, all segments take points
    as long as the scan lasts. `beside`: the first segment stands right in the group `where`, and this one beside it.
    """
    path = saver.path_of(where)
    first = before.group.attrs.get(SEGMENT_OF) or before.group.path.removeprefix(f"{path.rstrip('/')}/")
    dims, first = (cached_group(saver, path), BESIDE) if beside else (open_group(saver, path, dwa.dim.name), first)
    name = f"CH{dims.next_number('CH'):02d}"
    marks = {SEGMENT_OF: first, **({FIRST_ROW: first_row} if number is None else {SEGMENT_NUMBER: number})}
    made = _create(saver, dims.group, name, str(dwa.name), {"origin": origin}, marks)
    if number is None and before.group.path != path:
        saver.io.set_attributes(before.group.handle, saver.raw({END_ROW: end_row}))
    for known in (dims, saver.group_cache.get(before.group.path.rpartition("/")[0])):
        if known is not None:
            known.channels = None
    return made
