"""Nodes that PyTables has no calls for, made by the HDF5 inside it: virtual arrays, texts of variable length.

The functions are those of the C interface of HDF5 1.10 and newer:
https://support.hdfgroup.org/documentation/hdf5/latest/group___d_c_p_l.html
"""

from __future__ import annotations

import ctypes
import functools
from ctypes import c_char_p, c_double, c_int, c_int64, c_size_t, c_uint, c_uint64, c_void_p
from pathlib import Path
from typing import Any, Final

import tables
import tables.hdf5extension

from h5saver_widget.backends.tables_attributes import write_attributes
from h5saver_widget.backends.tables_errors import quiet
from h5saver_widget.backends.terms import Plain
from h5saver_widget.errors import NodeError

__all__ = ["add_plain", "can_make_views", "sources_of"]

_UNLIMITED: Final = 2**64 - 1
_VIRTUAL: Final = 3
_TRACKED: Final = 1
_SAME: Final = b"."
_LONGEST: Final = 4096
_RESULTS: Final = {
    "H5Sget_simple_extent_ndims": (c_int, c_int64),
    "H5Sget_simple_extent_dims": (c_int, c_int64, c_void_p, c_void_p),
    "H5Sselect_hyperslab": (c_int, c_int64, c_int, c_void_p, c_void_p, c_void_p, c_void_p),
    "H5Sclose": (c_int, c_int64),
    "H5Pcreate": (c_int64, c_int64),
    "H5Pclose": (c_int, c_int64),
    "H5Pset_link_creation_order": (c_int, c_int64, c_uint),
    "H5Pget_layout": (c_int, c_int64),
    "H5Pget_external_count": (c_int, c_int64),
    "H5Pset_virtual": (c_int, c_int64, c_int64, c_char_p, c_char_p, c_int64),
    "H5Pget_virtual_count": (c_int, c_int64, c_void_p),
    "H5Pget_virtual_filename": (c_int64, c_int64, c_size_t, c_char_p, c_size_t),
    "H5Pget_virtual_dsetname": (c_int64, c_int64, c_size_t, c_char_p, c_size_t),
    "H5Screate": (c_int64, c_int),
    "H5Tcopy": (c_int64, c_int64),
    "H5Tset_size": (c_int, c_int64, c_size_t),
    "H5Tset_cset": (c_int, c_int64, c_int),
    "H5Acreate2": (c_int64, c_int64, c_char_p, *[c_int64] * 4),
    "H5Aexists": (c_int, c_int64, c_char_p),
    "H5Adelete": (c_int, c_int64, c_char_p),
    "H5Awrite": (c_int, c_int64, c_int64, c_void_p),
    "H5Gcreate2": (c_int64, c_int64, c_char_p, *[c_int64] * 3),
    "H5Gclose": (c_int, c_int64),
    "H5Aclose": (c_int, c_int64),
    "H5Dwrite": (c_int, *[c_int64] * 5, c_void_p),
    "H5Tclose": (c_int, c_int64),
    "H5Lexists": (c_int, c_int64, c_char_p, c_int64),
    "H5Lcreate_soft": (c_int, c_char_p, c_int64, c_char_p, c_int64, c_int64),
    "H5Ldelete": (c_int, c_int64, c_char_p, c_int64),
    "H5Lcreate_hard": (c_int, c_int64, c_char_p, c_int64, c_char_p, c_int64, c_int64),
    "H5Gopen2": (c_int64, c_int64, c_char_p, c_int64),
    "H5Dopen2": (c_int64, c_int64, c_char_p, c_int64),
    "H5Dget_space": (c_int64, c_int64),
    "H5Dget_type": (c_int64, c_int64),
    "H5Dget_create_plist": (c_int64, c_int64),
    "H5Dcreate2": (c_int64, c_int64, c_char_p, *[c_int64] * 5),
    "H5Dclose": (c_int, c_int64),
}


@functools.cache
def _library() -> Any:
    """Return the HDF5 library inside PyTables, None where its functions can't be reached."""
    # through PyTables' own module where the system looks into what that needs, else by the file beside it (Windows)
    for where in (Path(tables.hdf5extension.__file__), *Path(tables.__file__).parent.glob("*hdf5.dll")):
        try:
            library = ctypes.PyDLL(str(where))  # PyTables holds the interpreter lock in its calls, too
            for name, (result, *arguments) in _RESULTS.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
        except (OSError, AttributeError):
            continue
        return library
    return None


def can_make_views() -> bool:
    """Tell whether views can be made."""
    return _library() is not None


def sources_of(array: tables.Leaf) -> list[str] | None:
    """Return the paths of the arrays of this file that a virtual array shows; none for any other array.

    None: it may read other files, or can't be looked at.
    """
    hdf5 = _library()
    if hdf5 is None:
        return None
    stored = hdf5.H5Dget_create_plist(array._v_objectid)
    try:
        if hdf5.H5Pget_external_count(stored) != 0:
            return None
        if hdf5.H5Pget_layout(stored) != _VIRTUAL:
            return []
        count = c_size_t()
        hdf5.H5Pget_virtual_count(stored, ctypes.byref(count))
        found = []
        for number in range(count.value):
            file, path = ctypes.create_string_buffer(_LONGEST), ctypes.create_string_buffer(_LONGEST)
            hdf5.H5Pget_virtual_filename(stored, number, file, _LONGEST)
            hdf5.H5Pget_virtual_dsetname(stored, number, path, _LONGEST)
            if file.value != _SAME or b"%" in path.value:  # a pattern may name anything
                return None
            found.append(path.value.decode())
        return found
    finally:
        hdf5.H5Pclose(stored)


def add_plain(group: tables.Group, path: str, node: Plain) -> None:
    """Make a node without the attributes of PyTables in a group, or add to it; see ``Backend.add_plain``.

    Raises
    ------
    NodeError
        If HDF5 refuses it.
    """
    _add(group._v_objectid, path, node)
    with quiet():  # PyTables knows no texts of variable length
        _list_anew(group._v_file, path.rpartition("/")[0] or "/")
        _list_anew_below(group._v_file, path, node)


def _list_anew(file: tables.File, path: str) -> None:
    """Have PyTables see new nodes in a group that it has listed already."""
    known = file._node_manager.registry.get(path)
    if known is not None and known._v_isopen:
        known._g_add_children_names()


def _list_anew_below(file: tables.File, path: str, node: Plain) -> None:
    if node.kind == "group":
        _list_anew(file, path)
        for name, member in node.members.items():
            _list_anew_below(file, f"{path}/{name}", Plain(*member))


class _Object:
    """An object that PyTables has not opened, to which it writes attributes."""

    def __init__(self, identity: int) -> None:
        self._v_objectid = identity


def _add(parent: int, path: str, node: Plain) -> None:
    hdf5, key = _library(), path.rpartition("/")[2].encode()
    is_there = hdf5.H5Lexists(parent, key, 0) > 0
    if node.kind == "group":
        made_as = _small_group() if node.stays_small else 0
        made = hdf5.H5Gopen2(parent, key, 0) if is_there else hdf5.H5Gcreate2(parent, key, 0, made_as, 0)
        close = hdf5.H5Gclose
    elif node.kind in ("text", "number"):
        if is_there:
            hdf5.H5Ldelete(parent, key, 0)
        made, close = _value(parent, key, node), hdf5.H5Dclose
    elif is_there:
        return
    elif node.kind == "soft":
        _require(hdf5.H5Lcreate_soft(node.text.encode(), parent, key, 0, 0), path)
        return
    elif node.kind == "link":
        _require(hdf5.H5Lcreate_hard(parent, node.text.encode(), parent, key, 0, 0), path)
        return
    else:
        made, close = _view(parent, key, node.text.encode()), hdf5.H5Dclose
    _require(made, path)
    try:
        for name, value in node.attributes.items():
            if isinstance(value, str):
                _write_text(made, name.encode(), value.encode())
            else:
                write_attributes(_Object(made), path, {name: value})
        for name, member in node.members.items():
            _add(made, f"{path}/{name}", Plain(*member))
    finally:
        close(made)


@functools.cache
def _small_group() -> int:
    """Return how a group is made: its order is kept, so HDF5 lists up to 8 members in it, which takes 1 kB less."""
    hdf5 = _library()
    made_as = int(hdf5.H5Pcreate(c_int64.in_dll(hdf5, "H5P_CLS_GROUP_CREATE_ID_g").value))
    hdf5.H5Pset_link_creation_order(made_as, _TRACKED)
    return made_as


def _require(result: int, path: str) -> None:
    if result < 0:
        raise NodeError(f"{path} could not be made: HDF5 refuses it, or what it shows is gone")


def _view(parent: int, key: bytes, source: bytes) -> int:
    hdf5 = _library()
    shown = hdf5.H5Dopen2(parent, source, 0)
    if shown < 0:
        return -1
    kind, space = hdf5.H5Dget_type(shown), hdf5.H5Dget_space(shown)
    made_as = hdf5.H5Pcreate(c_int64.in_dll(hdf5, "H5P_CLS_DATASET_CREATE_ID_g").value)
    try:
        _select_everything(space)
        hdf5.H5Pset_virtual(made_as, space, _SAME, source, space)
        return int(hdf5.H5Dcreate2(parent, key, kind, space, 0, made_as, 0))
    finally:
        hdf5.H5Pclose(made_as)
        hdf5.H5Sclose(space)
        hdf5.H5Tclose(kind)
        hdf5.H5Dclose(shown)


def _select_everything(space: int) -> None:
    """Select everything in the space of an array, also what is still to come."""
    hdf5 = _library()
    rank = hdf5.H5Sget_simple_extent_ndims(space)
    lengths = c_uint64 * rank
    shape, limits = lengths(), lengths()
    hdf5.H5Sget_simple_extent_dims(space, shape, limits)
    if rank and limits[0] == _UNLIMITED:
        count, block = lengths(_UNLIMITED, *[1] * (rank - 1)), lengths(1, *shape[1:])
        hdf5.H5Sselect_hyperslab(space, 0, lengths(), None, count, block)


def _value(parent: int, key: bytes, node: Plain) -> int:
    hdf5, (kind, space) = _library(), _single_text()
    value: Any = c_char_p(node.text.encode())
    if node.kind == "number":
        number = node.number
        value = c_int64(number) if isinstance(number, int) else c_double(number)
        name = "H5T_NATIVE_INT64_g" if isinstance(number, int) else "H5T_NATIVE_DOUBLE_g"
        kind = c_int64.in_dll(hdf5, name).value
    made = int(hdf5.H5Dcreate2(parent, key, kind, space, 0, 0, 0))
    if made >= 0:
        hdf5.H5Dwrite(made, kind, 0, 0, 0, ctypes.byref(value))
    return made


def _write_text(where: int, key: bytes, text: bytes) -> None:
    """Set an attribute to a text of variable length, in UTF-8."""
    hdf5, (kind, space) = _library(), _single_text()
    if hdf5.H5Aexists(where, key) > 0:
        hdf5.H5Adelete(where, key)
    made = hdf5.H5Acreate2(where, key, kind, space, 0, 0)
    is_written = made >= 0 and hdf5.H5Awrite(made, kind, ctypes.byref(c_char_p(text))) >= 0
    hdf5.H5Aclose(made)
    if not is_written:
        raise NodeError(f"attribute {key.decode()!r} could not be written")


@functools.cache
def _single_text() -> tuple[int, int]:
    """Make the type of a text of variable length, and the space of a single value."""
    hdf5 = _library()
    kind, space = hdf5.H5Tcopy(c_int64.in_dll(hdf5, "H5T_C_S1_g").value), hdf5.H5Screate(0)
    hdf5.H5Tset_size(kind, c_size_t(-1).value)
    hdf5.H5Tset_cset(kind, 1)
    return kind, space
