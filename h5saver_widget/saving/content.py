"""Arrays and log lines of the common layout, made in an open file. No Qt.

The functions of this module are methods of :class:`~h5saver_widget.saving.low_level.H5SaverLowLevel`, which lists them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from h5saver_widget.backends.handles import parent_and_name
from h5saver_widget.backends.terms import Handle
from h5saver_widget.errors import NodeError, StreamingError
from h5saver_widget.format import codec, naming
from h5saver_widget.format.layout import LOGGER_NAME, DataType
from h5saver_widget.nodes.typed import CARRAY, EARRAY, VLARRAY, Array, StringARRAY
from h5saver_widget.saving.h5_backend import Where
from h5saver_widget.saving.value_types import WORDS, ValueType

if TYPE_CHECKING:
    from h5saver_widget.saving.low_level import H5SaverLowLevel

__all__ = [
    "add_array",
    "add_log",
    "add_string_array",
    "array_made",
    "get_set_logger",
    "storable_fill",
    "store_words",
]


def add_array(
    file: H5SaverLowLevel,
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
        return file.create_earray(where, name, dtype, row_shape, title, attributes=described)
    if scan_shape or add_scan_dim:
        shape = (*scan_shape, *(() if shape == (1,) and scan_shape else shape))
        fill = storable_fill(file.fill_value if fill_value is None else fill_value, dtype)
        return file.create_carray(
            where, name, title=title, shape=shape, dtype=dtype, fill_value=fill, attributes=described
        )
    if values is None:
        values = np.zeros(shape, dtype)
    return file.create_carray(where, name, values.astype(dtype, copy=False), title, attributes=described)


# ------------------------------------------------------------------- log
def get_set_logger(file: H5SaverLowLevel, where: Where | None = None) -> StringARRAY:
    """Return the log of the file, made if it is not there."""
    with file.io.lock:
        parent = file.get_group(file.raw_group if where is None else where)
        if file.io.has_child(parent.handle, LOGGER_NAME):
            node = parent.get_child(LOGGER_NAME)
        else:
            node = file.add_string_array(parent, LOGGER_NAME, metadata={"type": "log"})
    if not isinstance(node, StringARRAY):
        raise NodeError(f"{node.path} is not a log; rename it, and reopen the file")
    return node


def add_string_array(
    file: H5SaverLowLevel, where: Where, name: str, title: str = "", metadata: Mapping[str, Any] | None = None
) -> StringARRAY:
    """Make a growing list of text lines."""
    described = {"data_type": DataType.strings.name, **(metadata or {})}
    array = file.create_vlarray(where, name, title, text=True, attributes=described)
    assert isinstance(array, StringARRAY)
    return array


def add_log(file: H5SaverLowLevel, msg: str) -> None:
    """Add a line to the log of the file. While the file streams (SWMR) it waits, and is written at the end."""
    with file.io.lock:
        session = file.require_session()
        if file.io.swmr_active:
            session.late_lines.append(str(msg))
            file.io.queue.keep_row(session.logger_path, codec.encode_log_line(str(msg)))
            return
        if session.logger is None:
            logger = file.get_set_logger()
            file.has_grown(logger.path, logger.handle)
            session.logger = logger.handle
        file.io.append(session.logger, codec.encode_log_line(str(msg)))
        file.flush_if_due()


def array_made(file: H5SaverLowLevel, array: Array, ndim: int, attributes: Mapping[str, Any] | None) -> None:
    """Update the cache of a group, and remember the needs of a new array: NeXus attributes, its shape at the end."""
    path, session = array.path, file.require_session()
    parent, name = parent_and_name(path)
    session.group_cache.made(parent, name)
    if isinstance(array, (EARRAY, VLARRAY)):
        file.has_grown(path, array.handle)
    if attributes and file.nexus and not isinstance(array, VLARRAY):
        session.plots.made(parent, name, ndim, attributes)
        session.entry.made(parent, name, ndim, attributes)


def store_words(file: H5SaverLowLevel, handle: Handle, kind: ValueType, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the numbers that stand for values; words that are new stand in the file before any number does.

    StreamingError if there are new words while the file streams (SWMR); DataMismatchError if there are too many
    different words.
    """
    if kind.news(values):
        if file.is_swmr_active:
            raise StreamingError("words that are new can't be added while the file streams (SWMR)")
        kind.learn(values)
        file.io.set_attributes(handle, file.raw({WORDS: kind.attributes[WORDS]}))
    return kind.numbers(values)


def storable_fill(fill_value: Any, dtype: np.dtype[Any]) -> Any:
    """Return the fill value as the number type can hold it: integers and booleans have no nan, theirs is 0."""
    if dtype.kind in "iub" and not np.isfinite(fill_value):
        return dtype.type(0)
    return dtype.type(fill_value)
