"""Numbered groups of the common layout, made and found in an open file. No Qt.

The functions of this module are methods of :class:`~h5saver_widget.saving.low_level.H5SaverLowLevel`, which lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from h5saver_widget.backends.terms import Handle
from h5saver_widget.errors import NodeError, NodeExistsError
from h5saver_widget.format import naming
from h5saver_widget.format.layout import RAW_GROUP, GroupType, numbered_name
from h5saver_widget.nodes.typed import GROUP, Node
from h5saver_widget.saving.group_cache import cached_group
from h5saver_widget.saving.h5_backend import H5Backend, Where
from h5saver_widget.saving.handles import bring_up_to_date, known_as
from h5saver_widget.saving.nexus import class_of_group
from h5saver_widget.saving.notices import tell_once

if TYPE_CHECKING:
    from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = [
    "add_act_group",
    "add_ch_group",
    "add_data_group",
    "add_det_group",
    "add_generic_group",
    "add_group",
    "add_incremental_group",
    "add_scan_group",
    "copy_node",
    "create_group",
    "find_group",
    "get_groups",
    "get_last_group",
    "get_last_scan",
    "get_node",
    "get_node_from_attribute_match",
    "get_node_from_title",
    "get_scan_groups",
    "get_scan_index",
    "get_set_group",
    "handle_of",
    "path_of",
    "remove_node",
    "type_name",
]

#: Who makes more groups in one file than these may have meant an array that grows.
MANY_GROUPS = 10_000
_ADVICE = (
    "If each frame gets a group of its own, the file gets slow to open and large: save frames that follow each other "
    "with DetectorTimeSaver or DetectorEnlargeableSaver, into arrays that grow"
)


def path_of(file: H5SaverLowLevel, where: Where, name: str | None = None) -> str:
    """Return the absolute path of a place, or of a name in it.

    The group of a module in a file that was closed means that module's group in this one, made if it is not there.
    """
    if isinstance(where, GROUP) and where.known_as is not None:
        bring_up_to_date(file, where)
    return H5Backend.path_of(file, where, name)


def handle_of(file: H5SaverLowLevel, where: Where) -> Handle:
    """Return the backend's handle of a place; see :meth:`path_of`."""
    if isinstance(where, GROUP) and where.known_as is not None:
        bring_up_to_date(file, where)
    return H5Backend.handle_of(file, where)


def get_node(file: H5SaverLowLevel, where: Where, name: str | None = None) -> Node:
    """Return the node at a place, or of a name in it; see :meth:`path_of`."""
    bring_up_to_date(file, where)
    return H5Backend.get_node(file, where, name)


def create_group(
    file: H5SaverLowLevel,
    where: Where,
    name: str,
    title: str = "",
    *,
    unwrapped: Mapping[str, str] | None = None,
    **attributes: Any,
) -> GROUP:
    """Make a group; see :meth:`H5Backend.create_group`."""
    with file._changing_structure():
        parent, nexus, session = file.path_of(where), file.nexus, file.require_session()
        path = f"{parent.rstrip('/')}/{name}"
        kind = attributes.get("type", "")
        classed = class_of_group(path, kind, has_entry=session.entry.is_there) if nexus else {}
        group = H5Backend.create_group(
            file, where, name, title, unwrapped={**classed, **(unwrapped or {})}, **attributes
        )
        if nexus:
            session.plots.group_made(path, classed.get("default"))
            session.entry.group_made(path, title, str(kind))
        session.group_cache.made(parent, name, group)
        return group


def get_set_group(file: H5SaverLowLevel, where: Where, name: str, title: str = "", **attributes: Any) -> GROUP:
    """Return the group of that name, made if it is not there; `attributes` are stored as they are (plain text)."""
    with file.saving():
        return H5Backend.get_set_group(file, where, name, title, **attributes)


def remove_node(file: H5SaverLowLevel, where: Where, name: str | None = None) -> None:
    """Delete a node and everything below it."""
    with file._changing_structure():
        path = file.path_of(where, name)
        H5Backend.remove_node(file, where, name)
        file.group_cache.clear()
        file.require_session().entry.removed(path)


def copy_node(file: H5SaverLowLevel, where: Where, parent: Where, name: str) -> Node:
    """Copy a node, with everything below it, into a group of this file."""
    with file._changing_structure():
        copied = H5Backend.copy_node(file, where, parent, name)
        file.group_cache.made(file.path_of(parent), name)
        return copied


def add_group(
    file: H5SaverLowLevel,
    group_name: str,
    group_type: Any,
    where: Where,
    title: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> GROUP:
    """Return the group of that name (its first letter made capital), made if it is not there.

    Parameters
    ----------
    group_type
        A :class:`GroupType`, an object with a name, or a string; stored as ``type`` in small letters.
    metadata
        Attributes.
    """
    name = naming.capitalize_first(group_name)
    with file.io.lock:
        if file.is_node_in_group(where, name):
            return file.get_group(file.path_of(where, name))
        described = {"type": type_name(group_type), **(metadata or {}), "backend": file.backend}
        return file.create_group(where, name, title, **described)


def add_generic_group(
    file: H5SaverLowLevel,
    where: Where,
    title: str = "",
    settings_as_xml: str | bytes = "",
    metadata: Mapping[str, Any] | None = None,
    group_type: Any = GroupType.detector,
) -> GROUP:
    """Make the next numbered group of a kind: ``Detector000``, ``Detector001``...; ``Scan1000`` after ``Scan999``.

    Parameters
    ----------
    where
        Group to make it in.
    title
        Title of the group.
    settings_as_xml
        Settings, as XML.
    metadata
        More attributes.
    group_type
        An enum member, an object with a name, or a string.
    """
    kind = type_name(group_type)
    prefix = kind.capitalize()
    # channels are no modules: their type stays empty in files of this layout
    described = {"type": "" if kind == "ch" else kind, "settings": settings_as_xml, **(metadata or {})}
    with file.io.lock:
        path = file.path_of(where)
        while True:
            known = file.group_cache.get(path)
            parent = cached_group(file, path) if known is None else known
            name = numbered_name(prefix, parent.next_number(prefix))
            try:
                group = file.create_group(parent.group, name, title, **described)
            except (NodeError, NodeExistsError):
                if known is None:
                    raise
                file.group_cache.clear()  # somebody made or deleted a group through the library itself
                continue
            session = file.require_session()
            session.titles.get((path, kind), {})[title] = name
            session.groups_made += 1
            if session.groups_made == MANY_GROUPS:
                tell_once(file, f"{MANY_GROUPS:,} groups were made in this file. {_ADVICE}")
            return known_as(file, group, where, kind, title)


def add_incremental_group(
    file: H5SaverLowLevel,
    group_type: Any,
    where: Where,
    title: str = "",
    settings_as_xml: str | bytes = "",
    metadata: Any = None,
) -> GROUP:
    """Call :meth:`add_generic_group` with the order of arguments that hosts know."""
    return file.add_generic_group(where, title, settings_as_xml, metadata, group_type)


def add_det_group(
    file: H5SaverLowLevel, where: Where, title: str = "", settings_as_xml: str | bytes = "", metadata: Any = None
) -> GROUP:
    """Make the next detector group."""
    return file.add_generic_group(where, title, settings_as_xml, metadata, GroupType.detector)


def add_act_group(
    file: H5SaverLowLevel, where: Where, title: str = "", settings_as_xml: str | bytes = "", metadata: Any = None
) -> GROUP:
    """Make the next actuator group."""
    return file.add_generic_group(where, title, settings_as_xml, metadata, GroupType.actuator)


def add_scan_group(
    file: H5SaverLowLevel,
    where: Where = RAW_GROUP,
    title: str = "",
    settings_as_xml: str | bytes = "",
    metadata: Any = None,
) -> GROUP:
    """Make the next scan group."""
    described = {"description": "", **(metadata or {})}
    return file.add_generic_group(where, title, settings_as_xml, described, GroupType.scan)


def add_ch_group(
    file: H5SaverLowLevel, where: Where, title: str = "", settings_as_xml: str | bytes = "", metadata: Any = None
) -> GROUP:
    """Make the next channel group."""
    return file.add_generic_group(where, title, settings_as_xml, metadata, GroupType.ch)


def add_data_group(
    file: H5SaverLowLevel,
    where: Where,
    data_dim: Any,
    title: str = "",
    settings_as_xml: str | bytes = "",
    metadata: Any = None,
) -> GROUP:
    """Return the group of a dimensionality (``Data0D``, ``Data1D``...), made if it is not there."""
    name = data_dim if isinstance(data_dim, str) else data_dim.name
    described = {"settings": settings_as_xml, **(metadata or {})}
    return file.add_group(name, GroupType.data, where, title, described)


def get_groups(file: H5SaverLowLevel, where: Where, group_type: Any) -> list[GROUP]:
    """Return the groups of a kind in a group, 2 before 10."""
    kind = type_name(group_type)
    children = file.get_group(where).children().values()
    return [child for child in children if isinstance(child, GROUP) and child.attrs.get("type") == kind]


def find_group(file: H5SaverLowLevel, where: Where, group_type: Any, title: str) -> GROUP | None:
    """Return the last group of a kind and title in a group, None if there is none; looked up once per file."""
    kind = type_name(group_type)
    with file.io.lock:
        titles, key = file.require_session().titles, (file.path_of(where), kind)
        if key not in titles:
            titles[key] = {group.title: group.name for group in file.get_groups(where, kind)}
        name = titles[key].get(title)
        try:
            if name is None:
                return None
            return known_as(file, file.get_group(file.path_of(where, name)), where, kind, title)
        except NodeError:  # deleted meanwhile
            del titles[key]
            return file.find_group(where, group_type, title)


def get_last_group(file: H5SaverLowLevel, where: Where, group_type: Any) -> GROUP | None:
    """Return the last group of a kind, None if there is none."""
    kind, group = type_name(group_type), file.get_group(where)
    for name in reversed(group.children_name()):
        child = group.get_child(name)
        if isinstance(child, GROUP) and child.attrs.get("type") == kind:
            return child
    return None


def get_node_from_attribute_match(file: H5SaverLowLevel, where: Where, attr_name: str, attr_value: Any) -> Node | None:
    """Return the first node at or below `where` with an attribute of that value."""
    for node in file.walk_nodes(where):
        if node.attrs.get(attr_name) == attr_value:
            return node
    return None


def get_node_from_title(file: H5SaverLowLevel, where: Where, title: str) -> Node | None:
    """Return the first node at or below `where` of that title."""
    return file.get_node_from_attribute_match(where, "TITLE", title)


def get_scan_groups(file: H5SaverLowLevel, where: Where = RAW_GROUP) -> list[GROUP]:
    """Return all scans, Scan2 before Scan10."""
    return file.get_groups(where, GroupType.scan)


def get_last_scan(file: H5SaverLowLevel) -> GROUP | None:
    """Return the last scan, None if there is none."""
    return file.get_last_group(file.raw_group, GroupType.scan)


def get_scan_index(file: H5SaverLowLevel) -> int:
    """Return the number of the last scan, 0 if there is none."""
    last = file.get_last_scan()
    return 0 if last is None else naming.number_of(last.name, "Scan") or 0


def type_name(kind: Any) -> str:
    """Return the stored ``type`` of a group: a name in small letters.

    >>> type_name(GroupType.detector), type_name('Scan')
    ('detector', 'scan')
    """
    return str(getattr(kind, "name", kind)).lower()
