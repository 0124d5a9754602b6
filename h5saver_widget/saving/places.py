"""What is in the groups used last: names and numbers of new nodes are known without asking the file.

A frame that is saved into a new group makes some ten nodes. To list the group before each of them costs more with every
node that is there, and a wait for the other side where the file lives in another process. So what was listed once is
kept up to date by everything that :class:`~h5saver_widget.saving.low_level.H5SaverLowLevel` makes.

A host may also change the file through the library's own object, or delete nodes behind our back. Who makes a node
where it thinks that there is none then gets an error from the library: it forgets everything and looks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from h5saver_widget.data.protocols import DataLike
from h5saver_widget.errors import NodeError, NodeExistsError
from h5saver_widget.format import naming
from h5saver_widget.format.layout import NAV_GROUP, DataType
from h5saver_widget.nodes.typed import GROUP

if TYPE_CHECKING:
    from h5saver_widget.saving.h5_backend import Where
    from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = ["Contents", "Places", "channel_group", "contents_of", "nav_axes_group", "open_group"]

#: Groups that are remembered; each holds a handle, so not those of ten thousand scans.
_MOST = 256

Candidates = dict[tuple[DataType, ...], list[str]]


class Contents:
    """A group and the names of the nodes in it.

    Attributes
    ----------
    group
        The group.
    names
        Names of the nodes in it.
    channels
        For a group of channel groups: by title, the channel groups that may still take arrays. None: not looked up yet.
    """

    __slots__ = ("_next", "channels", "group", "names")

    def __init__(self, group: GROUP, names: Iterable[str] = ()) -> None:
        self.group = group
        self.names = set(names)
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


class Places:
    """The groups used last in one open file, by path."""

    def __init__(self) -> None:
        self._known: dict[str, Contents] = {}

    def get(self, path: str) -> Contents | None:
        """Return what is known of a group, None if nothing is."""
        found = self._known.pop(path, None)
        if found is not None:
            self._known[path] = found  # the one used last is forgotten last
        return found

    def keep(self, path: str, contents: Contents) -> Contents:
        """Remember what is in a group."""
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
            self.keep(f"{parent.rstrip('/')}/{name}", Contents(group))

    def clear(self) -> None:
        """Forget everything: nodes were removed, or the file was opened again."""
        self._known.clear()


def contents_of(saver: H5SaverLowLevel, where: Where) -> Contents:
    """Return a group and what is in it. A node that was kept while its file was reopened still names its place."""
    path = saver.path_of(where)
    found = saver.places.get(path)
    if found is not None:
        try:
            saver.io.kind(found.group.handle)
            return found
        except NodeError:  # deleted behind our back
            saver.places.clear()
    group = saver.get_group(path)
    return saver.places.keep(path, Contents(group, group.children_name()))


def open_group(saver: H5SaverLowLevel, where: Where, name: str, title: str = "", **unwrapped: str) -> Contents:
    """Return the group of that name in a group, made if it is not there; attributes are stored as they are."""
    path = saver.path_of(where)
    child = saver.path_of(path, name)
    found, parent = saver.places.get(child), saver.places.get(path)
    if found is not None:
        return found
    try:
        if parent is None:
            group = saver.get_group(path)
            held = saver.io.has_child(group.handle, name)
        else:
            group, held = parent.group, name in parent.names
        if held:
            return contents_of(saver, child)
        return _create(saver, group, name, title, unwrapped)
    except (NodeError, NodeExistsError):
        if parent is None:
            raise
    saver.places.clear()  # what was known is not so: ask the file
    return open_group(saver, path, name, title, **unwrapped)


def nav_axes_group(saver: H5SaverLowLevel, where: Where) -> Contents:
    """Return the group of navigation axes in a group, made if it is not there."""
    return open_group(saver, where, NAV_GROUP)


def _create(saver: H5SaverLowLevel, parent: GROUP, name: str, title: str, unwrapped: dict[str, str]) -> Contents:
    group = saver.create_group(parent, name, title, unwrapped=unwrapped)
    return saver.places.get(group.path) or Contents(group)


def channel_group(
    saver: H5SaverLowLevel,
    where: Where,
    dwa: DataLike,
    origin: str,
    *,
    without: Iterable[DataType] = (),
    skip: int = 0,
) -> Contents:
    """Return the channel group of a data object: one of its name and origin, or a new ``CH00``, ``CH01``...

    Parameters
    ----------
    saver, where
        The saver, and the group in which the group of the dimensionality stands, or is made.
    dwa, origin
        The data object, and the module that it comes from.
    without
        Pass over groups that hold arrays of one of these roles.
    skip
        Pass over that many groups that would do: the second data of one name in a bundle have the second group.
    """
    wanted = tuple(without)
    try:
        return _channel(saver, open_group(saver, where, dwa.dim.name), str(dwa.name), origin, wanted, skip)
    except (NodeError, NodeExistsError):
        saver.places.clear()  # what was known is not so: ask the file
        return _channel(saver, open_group(saver, where, dwa.dim.name), str(dwa.name), origin, wanted, skip)


def _channel(
    saver: H5SaverLowLevel, dims: Contents, title: str, origin: str, without: tuple[DataType, ...], skip: int
) -> Contents:
    channels = dims.channels if dims.channels is not None else _channels_in(dims)
    titled = channels.setdefault(title, _Titled())
    candidates = titled.candidates.setdefault(without, [*titled.origins])
    for name in [*candidates]:
        if titled.origins[name] in (origin, ""):
            found = contents_of(saver, saver.path_of(dims.group, name))
            if found.has_any(without):
                candidates.remove(name)  # it will always hold them: not looked at again
            elif skip == 0:
                dims.channels = channels
                return found
            else:
                skip -= 1
    name = f"CH{dims.next_number('CH'):02d}"
    made = _create(saver, dims.group, name, title, {"origin": origin})
    titled.add(name, origin)
    dims.channels = channels  # forgotten when a node is made, which may be anybody's
    return made


def _channels_in(dims: Contents) -> dict[str, _Titled]:
    channels: dict[str, _Titled] = {}
    for name in sorted(dims.names, key=naming.natural_key):
        group = dims.group.get_child(name) if naming.number_of(name, "CH") is not None else None
        if isinstance(group, GROUP):
            attributes = group.attrs.to_dict()
            title, origin = str(attributes.get("TITLE", "")), str(attributes.get("origin", ""))
            channels.setdefault(title, _Titled()).add(name, origin)
    return channels
