"""Attributes and names of the h5py backend: read, and written by h5py's low-level calls where they are faster."""

from __future__ import annotations

import functools
import re
import secrets
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from h5py import h5a, h5s, h5t

from h5saver_widget.backends.terms import SYSTEM_TEXT, RawAttribute
from h5saver_widget.errors import CodecError
from h5saver_widget.format.layout import COMMIT_MARK, RECORDING_ID
from h5saver_widget.format.text import shown_text

__all__ = [
    "SCALAR",
    "TEXT",
    "TEXT_IN_MEMORY",
    "TEXT_TYPE",
    "CommitMarks",
    "as_key",
    "as_text",
    "attribute_names",
    "delete_attribute",
    "fixed_text",
    "read_attributes",
    "write_attributes",
]

#: Text of variable length: for numpy, in files, and in memory; and the space of a single value.
TEXT = h5py.string_dtype("utf-8")
TEXT_TYPE = h5t.py_create(TEXT, logical=True)
TEXT_IN_MEMORY = h5t.py_create(TEXT)
SCALAR = h5s.create(h5s.SCALAR)


@functools.lru_cache(4096)
def as_key(name: str) -> bytes:
    """Return a name as HDF5 holds it."""
    return name.encode("utf-8", "surrogateescape")


def as_text(name: str | bytes) -> str:
    """Return a name as text: names of other encodings, which h5py shows as bytes, with surrogates."""
    return name if isinstance(name, str) else name.decode("utf-8", "surrogateescape")


def attribute_names(obj: Any) -> list[str]:
    """Return the sorted names of an object's attributes."""
    return sorted(map(as_text, obj.attrs))


def read_attributes(obj: Any, names: list[str] | None) -> dict[str, RawAttribute]:
    """Return attributes of an object, None for all; those that are missing or unreadable are skipped."""
    values: dict[str, RawAttribute] = {}
    attrs = obj.attrs
    for name in attribute_names(obj) if names is None else names:
        try:
            if name not in attrs:
                continue
            value = attrs[name]
        except (OSError, TypeError, ValueError, KeyError, RuntimeError, UnicodeDecodeError):
            continue
        raw = _raw_value(obj, name, value)
        if raw is not None:
            values[name] = raw
    return values


def write_attributes(obj: Any, path: str, attributes: Mapping[str, RawAttribute], fresh: bool = False) -> None:
    """Write attributes of an object; one that was just made (`fresh`) has none of these names."""
    for name, value in attributes.items():
        try:
            if isinstance(value, str):  # nearly all are; of variable length, a fixed one ends at 64 kB
                stored: _Stored | None = (TEXT_TYPE, np.array(value.encode(), dtype=TEXT), TEXT_IN_MEMORY)
            else:
                stored = _stored_number(value)
            if stored is not None:
                key = as_key(name)
                if not fresh and h5a.exists(obj.id, key):
                    h5a.delete(obj.id, key)
                kind, data, memory = stored
                h5a.create(obj.id, key, kind, SCALAR).write(data, mtype=memory)
            elif isinstance(value, bytes):
                # of fixed length, or h5py would read it back as text
                obj.attrs.create(name, np.array(value, dtype=f"S{max(1, len(value))}"))
            elif isinstance(value, (int, complex, np.generic, np.ndarray)):
                obj.attrs[name] = value
            else:
                raise CodecError(f"attribute {name!r} of {path}: a {type(value).__name__} can't be stored raw")
        except (OSError, TypeError, ValueError, RuntimeError) as error:
            if isinstance(error, CodecError):
                raise
            raise CodecError(f"attribute {name!r} of {path} could not be written by h5py: {error}") from error


def delete_attribute(obj: Any, name: str) -> None:
    """Remove an attribute of an object."""
    del obj.attrs[name]


#: Type, data and type in memory of an attribute as h5py's low-level calls take it: with these at hand an attribute
#: takes 10 us, through h5py's mapping 60.
_Stored = tuple[Any, npt.NDArray[Any], Any]


def _stored_number(value: Any) -> _Stored | None:
    """Return how a number is stored, None where only h5py's mapping works."""
    if isinstance(value, (bool, np.bool_)):
        # as PyTables stores it: h5py's own booleans are an enum, which PyTables can't read
        return h5t.NATIVE_B8, np.array(value, dtype=np.uint8), h5t.NATIVE_B8
    if isinstance(value, (int, float, complex, np.number)):
        number = np.array(value)
        if number.dtype.kind in "iufc":  # a whole number of more than 64 bits is none of these
            kind = _number_type(number.dtype)
            return kind, number, kind
    return None


class CommitMarks:
    """Writes a mark at the root of a file for each commit, by which a journal knows the state that it was made for."""

    def __init__(self) -> None:
        self._session, self._number = secrets.token_hex(8), 0
        self._identity = b""

    def next(self, root: Any) -> tuple[bytes, bytes]:
        """Write the next mark; return the identity of the recording, which it gets if it has none, and the mark."""
        if not self._identity:
            known = read_attributes(root, [RECORDING_ID]).get(RECORDING_ID)
            if not (isinstance(known, str) and re.fullmatch("[0-9a-f]{32}", known)):
                known = secrets.token_hex(16)
                write_attributes(root, "/", {RECORDING_ID: known}, False)
            self._identity = bytes.fromhex(known)
        self._number += 1
        mark = f"{self._session}{self._number:016x}".encode()
        kind = fixed_text(32)
        key = as_key(COMMIT_MARK)
        if self._number > 1:
            attribute = h5a.open(root.id, key)
        else:
            if h5a.exists(root.id, key):
                h5a.delete(root.id, key)
            attribute = h5a.create(root.id, key, kind, SCALAR)
        attribute.write(np.array(mark), mtype=kind)
        return self._identity, mark


@functools.lru_cache(500)
def fixed_text(length: int) -> Any:
    """Return the type of a text of so many bytes."""
    kind = h5t.C_S1.copy()
    kind.set_size(length)
    kind.set_strpad(h5t.STR_NULLPAD)
    kind.set_cset(h5t.CSET_UTF8)
    return kind


@functools.cache
def _number_type(dtype: np.dtype[Any]) -> Any:
    return h5t.py_create(dtype)


def _raw_value(obj: Any, name: str, value: Any) -> RawAttribute | None:
    """Return an attribute as h5py read it if it is plain data, None for references and the like."""
    if isinstance(value, h5py.Empty):
        return ""
    if isinstance(value, (np.uint8, np.ndarray)) and value.dtype == np.uint8:
        stored = h5a.open(obj.id, as_key(name)).get_type()
        return value.astype(bool) if stored.get_class() == h5t.BITFIELD else value
    if isinstance(value, np.bytes_):
        # text of fixed length, as PyTables writes it: h5py tells it from bytes by the character set alone
        is_text = name in SYSTEM_TEXT or h5a.open(obj.id, as_key(name)).get_type().get_cset() == h5t.CSET_UTF8
        return shown_text(value) if is_text else value
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        if not all(isinstance(item, (str, bytes)) for item in value.flat):
            return None
        return np.array([_meant(item) for item in value.flat], dtype=np.str_).reshape(value.shape)
    if isinstance(value, str):
        return _meant(value)
    return value if isinstance(value, (str, bytes, np.generic, np.ndarray)) else None


def _meant(text: str | bytes) -> str:
    """Return a text of any length as it is meant: h5py keeps bytes that are no UTF-8 as surrogates."""
    if isinstance(text, str):
        if text.isascii():
            return text
        text = text.encode("utf-8", "surrogateescape")
    return shown_text(text)
