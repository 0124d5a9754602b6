"""Numbered groups of the common layout, made and found in an open file. No Qt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from h5saver_widget.backends.terms import Handle
from h5saver_widget.errors import FileNotOpenError, NodeError, NodeExistsError
from h5saver_widget.format import naming
from h5saver_widget.format.layout import RAW_GROUP, GroupType, numbered_name
from h5saver_widget.nodes.typed import GROUP, Node
from h5saver_widget.saving.h5_backend import H5Backend, Where
from h5saver_widget.saving.handles import bring_up_to_date, known_as
from h5saver_widget.saving.nexus import class_of_group
from h5saver_widget.saving.places import Places, contents_of
from h5saver_widget.saving.session import Session

__all__ = ["H5Groups", "type_name"]


class H5Groups(H5Backend):
    """The groups of a file, and what every change of its structure has to do.

    Attributes
    ----------
    nexus
        Whether groups get the attributes by which NeXus readers (silx, NeXpy, h5web) plot the file.
    """

    #: Counts files: whoever keeps handles compares it before using them.
    generation: int

    def __init__(self, backend: str | None = None, *, isolated: bool = False) -> None:
        super().__init__(backend, isolated=isolated)
        self.generation = 0
        self.nexus = True
        self._sessions: list[Session] = []
        self._structure_changed = False
        self._depth = 0

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Make everything in the block one step for other threads; new nodes are on disk when it ends.

        A file killed while groups were made, between two flushes, was lost whole (2 of 80): so structure is flushed at
        once, at the end of the outermost block or of a call outside of any. That costs 0.15 ms.
        """
        with self.io.lock:
            self.require_open("save")
            self._depth += 1
            try:
                yield
                if self._depth == 1:
                    self._describe_plots()
            finally:
                self._depth -= 1
                if self._depth == 0 and self._structure_changed and self.io.is_open:
                    self._flush_soon()

    @contextmanager
    def _changing_structure(self) -> Iterator[None]:
        with self.saving():
            self._structure_changed = True
            yield

    def _describe_plots(self) -> None:
        """Tell NeXus readers what was made; nothing can be told while the file streams."""
        if self._sessions and not self.io.swmr_active:
            self._session.plots.write(self.io, self._group_handle)

    def _group_handle(self, path: str) -> Handle:
        known = self.places.get(path)
        return self.io.node(path) if known is None else known.group.handle

    def _note_array(self, where: Where, name: str, ndim: int, attributes: Mapping[str, Any] | None) -> None:
        """Keep what is known of a group true, and remember what NeXus readers have to be told of a new array."""
        self._note(where, name)
        if self.nexus and self._sessions and attributes:
            self._session.plots.made(self.path_of(where), name, ndim, attributes)

    def flush(self) -> None:
        """Hand everything written so far to the operating system; does nothing when no file is open."""
        super().flush()
        self._structure_changed = False

    def _flush_soon(self) -> None:
        """Flush, without waiting for it where another process does it."""
        self._structure_changed = False
        self.io.flush_soon()

    @property
    def _session(self) -> Session:
        if not self._sessions:
            raise FileNotOpenError("no file is open; call init_file() first")
        return self._sessions[0]

    @property
    def places(self) -> Places:
        """What is known of the groups used last; it makes nodes without asking the file what is there."""
        return self._session.places

    def _note(self, where: Where, name: str, group: GROUP | None = None) -> None:
        """Keep what is known of a group true."""
        if self._sessions:
            self.places.made(self.path_of(where), name, group)

    def has_grown(self, path: str, handle: Handle) -> None:
        """Remember a growing array: its ``shape`` attribute is brought up to date when the file is closed."""
        self._session.growing[path] = handle

    # ---------------------------------------------------------------- places
    def path_of(self, where: Where, name: str | None = None) -> str:
        """Return the absolute path of a place, or of a name in it.

        The group of a module in a file that was closed means that module's group in this one, made if it is not there.
        """
        if isinstance(where, GROUP):
            bring_up_to_date(self, where)
        return super().path_of(where, name)

    def handle_of(self, where: Where) -> Handle:
        """Return the backend's handle of a place; see :meth:`path_of`."""
        bring_up_to_date(self, where)
        return super().handle_of(where)

    def get_node(self, where: Where, name: str | None = None) -> Node:
        """Return the node at a place, or of a name in it; see :meth:`path_of`."""
        bring_up_to_date(self, where)
        return super().get_node(where, name)

    # ---------------------------------------------------------------- groups
    @property
    def raw_group(self) -> GROUP | str:
        """The group that all data go into; its path while no file is open."""
        if not self.isopen():
            return RAW_GROUP
        held = self._session.raw if self._sessions else None
        if held is not None:
            return GROUP(self.io, held)
        return self.get_group(self._session.raw_path if self._sessions else RAW_GROUP)

    def create_group(
        self, where: Where, name: str, title: str = "", *, unwrapped: Mapping[str, str] | None = None, **attributes: Any
    ) -> GROUP:
        """Make a group; see :meth:`H5Backend.create_group`."""
        with self._changing_structure():
            path = self.path_of(where, name)
            classed = class_of_group(path, attributes.get("type")) if self.nexus else {}
            group = super().create_group(where, name, title, unwrapped={**classed, **(unwrapped or {})}, **attributes)
            if classed and self._sessions:
                self._session.plots.group_made(path, classed.get("default"))
            self._note(where, name, group)
            return group

    def get_set_group(self, where: Where, name: str, title: str = "", **attributes: Any) -> GROUP:
        """Return the group of that name, made if it is not there; `attributes` are stored as they are (plain text)."""
        with self.saving():
            return super().get_set_group(where, name, title, **attributes)

    def remove_node(self, where: Where, name: str | None = None) -> None:
        """Delete a node and everything below it."""
        with self._changing_structure():
            super().remove_node(where, name)
            if self._sessions:
                self.places.clear()

    def copy_node(self, where: Where, parent: Where, name: str) -> Node:
        """Copy a node, with everything below it, into a group of this file."""
        with self._changing_structure():
            copied = super().copy_node(where, parent, name)
            self._note(parent, name)
            return copied

    def add_group(
        self, group_name: str, group_type: Any, where: Where, title: str = "", metadata: Mapping[str, Any] | None = None
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
        with self.io.lock:
            if self.is_node_in_group(where, name):
                return self.get_group(self.path_of(where, name))
            described = {"type": type_name(group_type), **(metadata or {}), "backend": self.backend}
            return self.create_group(where, name, title, **described)

    def add_generic_group(
        self,
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
            What it is called by people.
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
        with self.io.lock:
            path = self.path_of(where)
            while True:
                known = self.places.get(path)
                parent = contents_of(self, path) if known is None else known
                name = numbered_name(prefix, parent.next_number(prefix))
                try:
                    group = self.create_group(parent.group, name, title, **described)
                except (NodeError, NodeExistsError):
                    if known is None:
                        raise
                    self.places.clear()  # somebody made or deleted a group through the library itself
                    continue
                self._session.titles.get((path, kind), {})[title] = name
                return known_as(self, group, where, kind, title)

    def add_incremental_group(
        self, group_type: Any, where: Where, title: str = "", settings_as_xml: str | bytes = "", metadata: Any = None
    ) -> GROUP:
        """Do what :meth:`add_generic_group` does, in the order of arguments that hosts know."""
        return self.add_generic_group(where, title, settings_as_xml, metadata, group_type)

    def add_det_group(
        self, where: Where, title: str = "", settings_as_xml: str | bytes = "", metadata: Any = None
    ) -> GROUP:
        """Make the next detector group."""
        return self.add_generic_group(where, title, settings_as_xml, metadata, GroupType.detector)

    def add_act_group(
        self, where: Where, title: str = "", settings_as_xml: str | bytes = "", metadata: Any = None
    ) -> GROUP:
        """Make the next actuator group."""
        return self.add_generic_group(where, title, settings_as_xml, metadata, GroupType.actuator)

    def add_scan_group(
        self, where: Where = RAW_GROUP, title: str = "", settings_as_xml: str | bytes = "", metadata: Any = None
    ) -> GROUP:
        """Make the next scan group."""
        described = {"description": "", **(metadata or {})}
        return self.add_generic_group(where, title, settings_as_xml, described, GroupType.scan)

    def add_ch_group(
        self, where: Where, title: str = "", settings_as_xml: str | bytes = "", metadata: Any = None
    ) -> GROUP:
        """Make the next channel group."""
        return self.add_generic_group(where, title, settings_as_xml, metadata, GroupType.ch)

    def add_data_group(
        self, where: Where, data_dim: Any, title: str = "", settings_as_xml: str | bytes = "", metadata: Any = None
    ) -> GROUP:
        """Return the group of a dimensionality (``Data0D``, ``Data1D``...), made if it is not there."""
        name = data_dim if isinstance(data_dim, str) else data_dim.name
        described = {"settings": settings_as_xml, **(metadata or {})}
        return self.add_group(name, GroupType.data, where, title, described)

    def get_groups(self, where: Where, group_type: Any) -> list[GROUP]:
        """Return the groups of a kind in a group, 2 before 10."""
        kind = type_name(group_type)
        children = self.get_group(where).children().values()
        return [child for child in children if isinstance(child, GROUP) and child.attrs.get("type") == kind]

    def find_group(self, where: Where, group_type: Any, title: str) -> GROUP | None:
        """Return the last group of a kind and title in a group, None if there is none; looked up once per file."""
        kind = type_name(group_type)
        with self.io.lock:
            titles, key = self._session.titles, (self.path_of(where), kind)
            if key not in titles:
                titles[key] = {group.title: group.name for group in self.get_groups(where, kind)}
            name = titles[key].get(title)
            try:
                if name is None:
                    return None
                return known_as(self, self.get_group(self.path_of(where, name)), where, kind, title)
            except NodeError:  # deleted meanwhile
                del titles[key]
                return self.find_group(where, group_type, title)

    def get_last_group(self, where: Where, group_type: Any) -> GROUP | None:
        """Return the last group of a kind, None if there is none."""
        kind, group = type_name(group_type), self.get_group(where)
        for name in reversed(group.children_name()):
            child = group.get_child(name)
            if isinstance(child, GROUP) and child.attrs.get("type") == kind:
                return child
        return None

    def get_node_from_attribute_match(self, where: Where, attr_name: str, attr_value: Any) -> Node | None:
        """Return the first node at or below `where` with an attribute of that value."""
        for node in self.walk_nodes(where):
            if node.attrs.get(attr_name) == attr_value:
                return node
        return None

    def get_node_from_title(self, where: Where, title: str) -> Node | None:
        """Return the first node at or below `where` of that title."""
        return self.get_node_from_attribute_match(where, "TITLE", title)

    def get_scan_groups(self, where: Where = RAW_GROUP) -> list[GROUP]:
        """Return all scans, Scan2 before Scan10."""
        return self.get_groups(where, GroupType.scan)

    def get_last_scan(self) -> GROUP | None:
        """Return the last scan, None if there is none."""
        return self.get_last_group(self.raw_group, GroupType.scan)

    def get_scan_index(self) -> int:
        """Return the number of the last scan, 0 if there is none."""
        last = self.get_last_scan()
        return 0 if last is None else naming.number_of(last.name, "Scan") or 0


def type_name(kind: Any) -> str:
    """Return what is stored as ``type`` of a group: a name in small letters.

    >>> type_name(GroupType.detector), type_name('Scan')
    ('detector', 'scan')
    """
    return str(getattr(kind, "name", kind)).lower()
