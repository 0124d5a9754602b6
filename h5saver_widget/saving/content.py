"""Groups, arrays and log lines of the common layout, made in an open file. No Qt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from h5saver_widget import codec, naming
from h5saver_widget.backends.terms import Handle
from h5saver_widget.errors import FileNotOpenError, NodeError, NodeExistsError
from h5saver_widget.layout import LOGGER_NAME, RAW_GROUP, DataType, GroupType, numbered_name
from h5saver_widget.nodes import CARRAY, EARRAY, GROUP, VLARRAY, Node, StringARRAY
from h5saver_widget.saving.h5_backend import H5Backend, Where
from h5saver_widget.saving.nexus import class_of_group
from h5saver_widget.saving.places import Places, contents_of
from h5saver_widget.saving.session import Session

__all__ = ["H5Content", "storable_fill", "type_name"]


class H5Content(H5Backend):
    """What goes into a file: numbered groups, arrays with their description, the log.

    Attributes
    ----------
    fill_value
        What the points of a scan hold before they are measured.
    nexus
        Whether groups get the attributes by which NeXus readers (silx, NeXpy, h5web) plot the file.
    """

    def __init__(self, backend: str | None = None, *, isolated: bool = False) -> None:
        super().__init__(backend, isolated=isolated)
        self.fill_value: float = np.nan
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
                return group

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
                return None if name is None else self.get_group(self.path_of(where, name))
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

    # ---------------------------------------------------------------- arrays
    def create_carray(self, where: Where, name: str, obj: Any = None, title: str = "", **options: Any) -> CARRAY:
        """Make an array of fixed shape; see :meth:`H5Backend.create_carray`."""
        with self._changing_structure():
            array = super().create_carray(where, name, obj, title, **options)
            ndim = len(options.get("shape", ())) if obj is None else np.ndim(obj)
            self._note_array(where, name, ndim, options.get("attributes"))
            return array

    def create_earray(
        self,
        where: Where,
        name: str,
        dtype: Any = np.float64,
        shape: tuple[int, ...] = (1,),
        *args: Any,
        **options: Any,
    ) -> EARRAY:
        """Make an array that grows by rows; see :meth:`H5Backend.create_earray`."""
        with self._changing_structure():
            array = super().create_earray(where, name, dtype, shape, *args, **options)
            self._note_array(where, name, 1 + len(shape), options.get("attributes"))
            if self._sessions:
                self.has_grown(array.path, array.handle)
            return array

    def create_vlarray(self, where: Where, name: str, *args: Any, **options: Any) -> VLARRAY:
        """Make a growing list of byte rows, or of text lines; see :meth:`H5Backend.create_vlarray`."""
        with self._changing_structure():
            array = super().create_vlarray(where, name, *args, **options)
            self._note(where, name)
            if self._sessions:
                self.has_grown(array.path, array.handle)
            return array

    def add_array(
        self,
        where: Where,
        name: str,
        data_type: Any,
        title: str = "",
        array_to_save: Any = None,
        data_shape: tuple[int, ...] | None = None,
        array_type: Any = None,
        fill_value: Any = None,
        scan_shape: tuple[int, ...] = (),
        add_scan_dim: bool = False,
        enlargeable: bool = False,
        data_dimension: Any = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> CARRAY | EARRAY:
        """Make an array of the common layout.

        Parameters
        ----------
        where, name
            Group and name; its first letter is made capital.
        data_type
            Role of the array, a :class:`DataType`.
        array_to_save
            Values. Of a scan array only shape and number type are taken, of a growing array the number type.
        data_shape, array_type
            Shape and number type, where there are no values. Default float64. A growing array without a shape has rows
            of one value each: an axis that grows is made so.
        scan_shape, add_scan_dim
            Make an array of ``scan_shape + data_shape``, to be filled point by point; ``(1,)`` counts as no data shape.
        enlargeable
            Make an array that grows by rows of the data's shape.
        data_dimension
            Name or member of the dimensionality, stored as an attribute.
        metadata
            More attributes.

        Returns
        -------
        CARRAY or EARRAY
        """
        values = None if array_to_save is None else np.atleast_1d(np.asarray(array_to_save))
        shape = tuple(data_shape) if data_shape is not None else (1,) if values is None else values.shape
        dtype = np.dtype(array_type if array_type is not None else np.float64 if values is None else values.dtype)
        described = {"data_type": DataType.of(data_type).name, **(metadata or {})}
        if data_dimension is not None:
            described["data_dimension"] = getattr(data_dimension, "name", data_dimension)
        name = naming.capitalize_first(name)
        if enlargeable:
            row_shape = () if data_shape is None else shape
            return self.create_earray(where, name, dtype, row_shape, title, attributes=described)
        if scan_shape or add_scan_dim:
            shape = (*scan_shape, *(() if shape == (1,) and scan_shape else shape))
            fill = storable_fill(self.fill_value if fill_value is None else fill_value, dtype)
            return self.create_carray(
                where, name, title=title, shape=shape, dtype=dtype, fill_value=fill, attributes=described
            )
        if values is None:
            values = np.zeros(shape, dtype)
        return self.create_carray(where, name, values.astype(dtype, copy=False), title, attributes=described)

    # ------------------------------------------------------------------- log
    def get_set_logger(self, where: Where | None = None) -> StringARRAY:
        """Return the log of the file, made if it is not there."""
        with self.io.lock:
            parent = self.get_group(self.raw_group if where is None else where)
            if self.io.has_child(parent.handle, LOGGER_NAME):
                node = parent.get_child(LOGGER_NAME)
            else:
                node = self.add_string_array(parent, LOGGER_NAME, metadata={"type": "log"})
        if not isinstance(node, StringARRAY):
            raise NodeError(f"{node.path} is not a log; rename it, and reopen the file")
        return node

    def add_string_array(
        self, where: Where, name: str, title: str = "", metadata: Mapping[str, Any] | None = None
    ) -> StringARRAY:
        """Make a growing list of text lines."""
        described = {"data_type": DataType.strings.name, **(metadata or {})}
        array = self.create_vlarray(where, name, title, text=True, attributes=described)
        assert isinstance(array, StringARRAY)
        return array

    def add_log(self, msg: str) -> None:
        """Add a line to the log of the file. While the file streams (SWMR) it waits, and is written at the end."""
        with self.io.lock:
            session = self._session
            if self.io.swmr_active:
                session.late_lines.append(str(msg))
                self.io.keep_row(session.logger_path, codec.encode_log_line(str(msg)))
                return
            if session.logger is None:
                logger = self.get_set_logger()
                self.has_grown(logger.path, logger.handle)
                session.logger = logger.handle
            self.io.append(session.logger, codec.encode_log_line(str(msg)))
            self.flush_if_due()

    def flush_if_due(self) -> None:
        """Flush if unwritten data get too old; a saver of files knows how old they may get."""


def type_name(kind: Any) -> str:
    """Return what is stored as ``type`` of a group: a name in small letters.

    >>> type_name(GroupType.detector), type_name('Scan')
    ('detector', 'scan')
    """
    return str(getattr(kind, "name", kind)).lower()


def storable_fill(fill_value: Any, dtype: np.dtype[Any]) -> Any:
    """Return the fill value as the number type can hold it: integers and booleans have no nan, theirs is 0."""
    if dtype.kind in "iub" and not np.isfinite(fill_value):
        return dtype.type(0)
    return dtype.type(fill_value)
