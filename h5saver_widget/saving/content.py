"""Arrays and log lines of the common layout, made in an open file. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from h5saver_widget.errors import NodeError
from h5saver_widget.format import codec, naming
from h5saver_widget.format.layout import LOGGER_NAME, DataType
from h5saver_widget.nodes.typed import CARRAY, EARRAY, VLARRAY, StringARRAY
from h5saver_widget.saving.clock import WallClock
from h5saver_widget.saving.groups import H5Groups
from h5saver_widget.saving.h5_backend import Where

__all__ = ["H5Content", "storable_fill"]


class H5Content(H5Groups):
    """What goes into a file: groups, arrays with their description, the log.

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
        #: What was told of the file that is open, so that it is told once.
        self.told: set[str] = set()
        #: The wall clock, watched while the file is open.
        self.clock = WallClock()

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


def storable_fill(fill_value: Any, dtype: np.dtype[Any]) -> Any:
    """Return the fill value as the number type can hold it: integers and booleans have no nan, theirs is 0."""
    if dtype.kind in "iub" and not np.isfinite(fill_value):
        return dtype.type(0)
    return dtype.type(fill_value)
