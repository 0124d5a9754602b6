"""h5py's details of a node beyond shape and number type, and values of the types that numpy has no word for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import h5py
import numpy as np
import numpy.typing as npt
from h5py import h5a, h5r, h5s, h5t

from h5saver_widget.backends.h5py_attributes import as_key, as_text, attribute_names
from h5saver_widget.backends.h5py_sources import sources_of
from h5saver_widget.backends.terms import Details, Selection
from h5saver_widget.format.text import shown_text

__all__ = ["details_of", "dtype_of", "holds_of", "values_of"]

_CLASSES: Final[Mapping[int, str]] = {
    h5t.STRING: "text",
    h5t.BITFIELD: "bitfield",
    h5t.OPAQUE: "opaque",
    h5t.ENUM: "enumeration",
}
#: More names of an enumeration or attributes with references are not listed.
_MOST: Final = 200


def dtype_of(obj: Any) -> np.dtype[Any]:
    """Return the number type as which an array is read; floats that numpy has no type for as its longest one."""
    try:
        found: np.dtype[Any] = obj.dtype
        return found
    except (TypeError, ValueError):
        if obj.id.get_type().get_class() == h5t.FLOAT:
            return np.dtype(np.longdouble)
        raise


def holds_of(kind: Any, dtype: np.dtype[Any]) -> str:
    """Return the content of an array in words where its number type does not tell it, else ``''``.

    `kind` is its type in the file, a ``TypeID`` of h5py, and `dtype` the number type as which it is read.
    """
    number = kind.get_class()
    if dtype == np.bool_:
        return ""
    if number == h5t.ARRAY:
        return f"arrays of {dtype.base}"
    if number == h5t.REFERENCE:
        return "region references" if h5py.check_ref_dtype(dtype) is h5py.RegionReference else "references"
    if number == h5t.VLEN:
        base = h5py.check_vlen_dtype(dtype)
        return "text" if base is None else "lists of references" if h5py.check_ref_dtype(base) else f"lists of {base}"
    if number == h5t.ENUM:
        return f"enumeration of {dtype}"
    if number == h5t.BITFIELD:
        return f"bitfield of {8 * kind.get_size()} bits"
    if number == h5t.OPAQUE:
        tag = shown_text(kind.get_tag() or b"")
        return f"opaque: {tag}" if tag else "opaque"
    if number == h5t.FLOAT and dtype == np.longdouble:
        return f"float of {8 * kind.get_size()} bits"
    return _CLASSES.get(number, "")


def values_of(obj: Any, selection: Selection) -> Any:
    """Return an array or part of it: texts as they are meant, references as the paths that they lead to."""
    where = () if selection is ... else selection
    dtype = dtype_of(obj)
    if obj.shape is None:
        return np.zeros(0, dtype)
    if h5py.check_string_dtype(dtype) is not None:
        try:
            return obj.asstr("utf-8")[where]
        except UnicodeDecodeError:
            return _each(obj[where], lambda raw: shown_text(bytes(raw)))
    if dtype == np.longdouble:
        return _long_floats(obj, where)
    if dtype.subdtype is not None:  # arrays in every place: their dimensions are the last ones
        parts = where if isinstance(where, tuple) else (where,)
        outer = parts[: obj.ndim]
        left = obj.ndim - len(outer) + sum(isinstance(part, slice) for part in outer)
        return obj[outer][(*(slice(None) for _ in range(left)), *parts[obj.ndim :])]
    values = obj[where]
    reference = h5py.check_ref_dtype(dtype) or h5py.check_ref_dtype(h5py.check_vlen_dtype(dtype) or np.dtype("i1"))
    return _each(values, lambda ref: target_of(obj, ref)) if reference else values


def _each(values: Any, change: Any) -> Any:
    """Return values of Python objects, each changed."""
    if not isinstance(values, np.ndarray):
        return change(values)
    found = np.empty(values.shape, dtype=object)
    for at, value in np.ndenumerate(values):
        found[at] = change(value)
    return found


def _long_floats(obj: Any, where: Any) -> npt.NDArray[Any]:
    """Read floats of 128 bits: HDF5 converts them, which h5py does not ask it for."""
    values = np.empty(obj.shape, np.longdouble)
    obj.id.read(h5s.ALL, h5s.ALL, values, h5t.NATIVE_LDOUBLE)
    return values[where]  # type: ignore[no-any-return]


def target_of(obj: Any, reference: Any) -> str:
    """Return the path that a reference leads to, ``''`` for an empty one; lists of them side by side."""
    if isinstance(reference, np.ndarray):
        return ", ".join(target_of(obj, ref) for ref in reference.flat)
    if not reference:
        return ""
    try:
        name = h5r.get_name(reference, obj.id)
    except (ValueError, RuntimeError, TypeError):
        return "(not there any more)"
    path = "(without a name)" if name is None else as_text(name)
    return f"{path} (part of it)" if isinstance(reference, h5py.RegionReference) else path


def details_of(obj: Any) -> Details:
    """Return the details of a node; of a damaged one, as far as they can be read."""
    if isinstance(obj, h5py.Datatype):
        names = _names(obj.id)
        return Details(f"named type: {_type_text(obj.id)}", names, references=_references(obj))
    if not isinstance(obj, h5py.Dataset):
        return Details(references=_references(obj))
    kind = obj.id.get_type()
    sources = tuple(sources_of(obj))
    try:
        holds = holds_of(kind, dtype_of(obj))
    except (TypeError, ValueError):
        holds = f"a type of {kind.get_size()} bytes that numpy does not have"
    return Details(holds, _names(kind), sources, _scales(obj), _references(obj))


def _type_text(kind: Any) -> str:
    try:
        dtype = kind.py_create() if hasattr(kind, "py_create") else kind.dtype
    except (TypeError, ValueError):
        return f"{kind.get_size()} bytes"
    return holds_of(kind, dtype) or (f"table of {len(dtype.names)} columns" if dtype.names else str(dtype))


def _names(kind: Any) -> dict[int, str]:
    """Return the names of an enumeration by number."""
    if kind.get_class() != h5t.ENUM:
        return {}
    found = {}
    for number in range(min(kind.get_nmembers(), _MOST)):
        found[int(kind.get_member_value(number))] = shown_text(kind.get_member_name(number))
    return dict(sorted(found.items()))


def _scales(obj: Any) -> tuple[tuple[str, ...], ...]:
    """Return the dimension scales of every dimension, as paths."""
    if not obj.attrs.__contains__("DIMENSION_LIST"):
        return ()
    try:
        return tuple(tuple(as_text(scale.name) for scale in dim.values() if scale.name) for dim in obj.dims)
    except (OSError, RuntimeError, ValueError, TypeError, KeyError):
        return ()


def _references(obj: Any) -> dict[str, str]:
    """Return the attributes that hold references, with their targets."""
    found = {}
    for name in attribute_names(obj)[:_MOST]:
        try:
            attribute = h5a.open(obj.id, as_key(name))
            if not _has_references(attribute.get_type()):
                continue
            value = obj.attrs[name]
        except (OSError, RuntimeError, ValueError, TypeError, KeyError):
            continue
        items = value.flat if isinstance(value, np.ndarray) else [value]
        refs = [item[0] if isinstance(item, (np.void, tuple)) else item for item in items][:_MOST]
        found[name] = ", ".join(target_of(obj, ref) for ref in refs)
    return found


def _has_references(kind: Any) -> bool:
    number = kind.get_class()
    if number in (h5t.VLEN, h5t.ARRAY):
        return _has_references(kind.get_super())
    if number == h5t.COMPOUND:
        return bool(kind.get_nmembers()) and kind.get_member_class(0) == h5t.REFERENCE
    return bool(number == h5t.REFERENCE)
