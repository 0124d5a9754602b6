"""How the tables backend reads and writes attributes: raw, so that nothing is unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tables
import tables.hdf5extension

from h5saver_widget.backends.tables_errors import LIBRARY_ERRORS, quiet
from h5saver_widget.backends.terms import SYSTEM_TEXT, RawAttribute
from h5saver_widget.errors import CodecError
from h5saver_widget.format.text import shown_text

__all__ = ["MAX_ATTRIBUTE", "attribute_names", "delete_attribute", "read_attributes", "write_attributes"]

MAX_ATTRIBUTE = 64_000
"""HDF5 keeps attributes up to 64 kB in the object header; the type and the name need some of it."""


class _Attributes(tables.hdf5extension.AttributeSet):  # type: ignore[misc]
    """The calls that read and write attributes.

    PyTables' own layer reads all attributes of a node, and takes half of the time of writing one. Its cache of a node
    (``_v_attrs``) is thrown away after a change, and made again on request.
    """

    def __init__(self) -> None:
        #: Names that these calls add to and look at.
        self._v_unimplemented: list[str] = []
        self._v_node = "the node"


_ATTRIBUTES = _Attributes()


def attribute_names(obj: Any) -> list[str]:
    """Return the sorted names of a node's attributes."""
    return sorted(_ATTRIBUTES._g_list_attr(obj))


def read_attributes(obj: Any, names: list[str] | None) -> dict[str, RawAttribute]:
    """Return attributes of a node, None for all; those that are missing or unreadable are skipped."""
    values: dict[str, RawAttribute] = {}
    known = attribute_names(obj)
    with quiet():
        for name in known if names is None else names:
            if name not in known:
                continue
            try:
                value = _ATTRIBUTES._g_getattr(obj, name)
            except LIBRARY_ERRORS:
                continue
            if name in SYSTEM_TEXT and isinstance(value, bytes):
                value = shown_text(value)
            elif isinstance(value, np.ndarray) and value.dtype.kind == "O":
                value = value.astype(np.str_) if all(isinstance(item, str) for item in value.flat) else None
            if value is not None:
                values[name] = value
    return values


def write_attributes(obj: Any, path: str, attributes: Mapping[str, RawAttribute], fresh: bool = False) -> None:
    """Write attributes of a node; to know that it is a fresh one saves nothing here."""
    for name, value in attributes.items():
        if isinstance(value, np.ndarray):
            if value.dtype.kind == "U":
                value = np.char.encode(value, "utf-8")
            if value.dtype.kind not in "biufcS":
                raise CodecError(f"attribute {name!r} of {path}: an array of {value.dtype} can't be stored")
        elif not isinstance(value, (str, bytes, bool, int, float, complex, np.generic)):
            raise CodecError(f"attribute {name!r} of {path}: a {type(value).__name__} can't be stored raw")
        if name.startswith(("_v_", "_g_", "_f_", "_c_", "_i_")):
            raise CodecError(f"attribute {name!r} of {path}: PyTables keeps such names for itself; rename it")
        try:
            _ATTRIBUTES._g_setattr(obj, name, value if isinstance(value, np.ndarray) else np.array(value))
        except (tables.HDF5ExtError, AttributeError, TypeError, ValueError) as error:
            limit = f"PyTables stores at most {MAX_ATTRIBUTE} bytes in one attribute"
            raise CodecError(f"attribute {name!r} of {path} can't be written; {limit}: {error}") from error
    _forget(obj)


def delete_attribute(obj: Any, name: str) -> None:
    """Remove an attribute of a node."""
    _ATTRIBUTES._g_remove(obj, name)
    _forget(obj)


def _forget(obj: Any) -> None:
    """Have PyTables read the attributes of a node again when somebody asks it for them."""
    vars(obj).pop("_v_attrs", None)
