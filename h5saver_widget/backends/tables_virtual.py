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

from h5saver_widget.backends.plain_nodes import FIXED, MOST_ATTRIBUTES, MadeAs, PlainNodes, Shown, room_of
from h5saver_widget.backends.tables_attributes import write_attributes
from h5saver_widget.backends.tables_errors import quiet
from h5saver_widget.backends.terms import Plain
from h5saver_widget.errors import NodeError

__all__ = ["add_plain", "can_make_views", "sources_of"]

_UNLIMITED: Final = 2**64 - 1
_VIRTUAL: Final = 3
_COMPACT: Final = 0
_TRACKED: Final = 1
_SAME: Final = b"."
_TRUNCATE: Final = 2
_V110: Final = 2
_LONGEST: Final = 4096
_NULLPAD: Final = 1
_UTF8: Final = 1
_RESULTS: Final = {
    "H5Sget_simple_extent_ndims": (c_int, c_int64),
    "H5Sget_simple_extent_dims": (c_int, c_int64, c_void_p, c_void_p),
    "H5Sselect_hyperslab": (c_int, c_int64, c_int, c_void_p, c_void_p, c_void_p, c_void_p),
    "H5Sclose": (c_int, c_int64),
    "H5Screate_simple": (c_int64, c_int, c_void_p, c_void_p),
    "H5Pset_fapl_core": (c_int, c_int64, c_size_t, c_int),
    "H5Pset_libver_bounds": (c_int, c_int64, c_int, c_int),
    "H5Pset_attr_phase_change": (c_int, c_int64, c_uint, c_uint),
    "H5Fcreate": (c_int64, c_char_p, c_uint, c_int64, c_int64),
    "H5Tencode": (c_int, c_int64, c_char_p, c_void_p),
    "H5Tdecode": (c_int64, c_char_p),
    "H5Ocopy": (c_int, c_int64, c_char_p, c_int64, c_char_p, c_int64, c_int64),
    "H5Oclose": (c_int, c_int64),
    "H5Pcreate": (c_int64, c_int64),
    "H5Pclose": (c_int, c_int64),
    "H5Pset_link_creation_order": (c_int, c_int64, c_uint),
    "H5Pget_layout": (c_int, c_int64),
    "H5Pset_layout": (c_int, c_int64, c_int),
    "H5Pget_external_count": (c_int, c_int64),
    "H5Pset_virtual": (c_int, c_int64, c_int64, c_char_p, c_char_p, c_int64),
    "H5Pget_virtual_count": (c_int, c_int64, c_void_p),
    "H5Pget_virtual_filename": (c_int64, c_int64, c_size_t, c_char_p, c_size_t),
    "H5Pget_virtual_dsetname": (c_int64, c_int64, c_size_t, c_char_p, c_size_t),
    "H5Screate": (c_int64, c_int),
    "H5Tcopy": (c_int64, c_int64),
    "H5Tset_size": (c_int, c_int64, c_size_t),
    "H5Tset_cset": (c_int, c_int64, c_int),
    "H5Tset_strpad": (c_int, c_int64, c_int),
    "H5Tis_variable_str": (c_int, c_int64),
    "H5Acreate2": (c_int64, c_int64, c_char_p, *[c_int64] * 4),
    "H5Aexists": (c_int, c_int64, c_char_p),
    "H5Adelete": (c_int, c_int64, c_char_p),
    "H5Awrite": (c_int, c_int64, c_int64, c_void_p),
    "H5Aclose": (c_int, c_int64),
    "H5Gcreate2": (c_int64, c_int64, c_char_p, *[c_int64] * 3),
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


class _Object:
    """An object that PyTables has not opened, to which it writes attributes."""

    def __init__(self, identity: int) -> None:
        self._v_objectid = identity


class _Nodes(PlainNodes[int]):
    """Makes them by the HDF5 inside PyTables."""

    def memory(self) -> int:
        hdf5 = _library()
        access = hdf5.H5Pcreate(_constant("H5P_CLS_FILE_ACCESS_ID_g"))
        hdf5.H5Pset_fapl_core(access, 1 << 16, 0)
        hdf5.H5Pset_libver_bounds(access, _V110, _V110)
        file = hdf5.H5Fcreate(b"nodes of h5saver_widget", _TRUNCATE, 0, access)
        hdf5.H5Pclose(access)
        return _made(file)

    def has(self, group: int, key: bytes) -> bool:
        return bool(_library().H5Lexists(group, key, 0) > 0)

    def shown(self, group: int, path: bytes) -> Shown:
        hdf5 = _library()
        array = _made(hdf5.H5Dopen2(group, path, 0))
        kind, space = hdf5.H5Dget_type(array), hdf5.H5Dget_space(array)
        try:
            rank = hdf5.H5Sget_simple_extent_ndims(space)
            shape, limits = (c_uint64 * rank)(), (c_uint64 * rank)()
            hdf5.H5Sget_simple_extent_dims(space, shape, limits)
            size = c_size_t()
            hdf5.H5Tencode(kind, None, ctypes.byref(size))
            encoded = ctypes.create_string_buffer(size.value)
            hdf5.H5Tencode(kind, encoded, ctypes.byref(size))
            if rank and limits[0] == _UNLIMITED:
                shape[0] = 1
            return Shown(encoded.raw, (shape, limits), (encoded.raw, tuple(shape), tuple(limits)))
        finally:
            hdf5.H5Sclose(space)
            hdf5.H5Tclose(kind)
            hdf5.H5Dclose(array)

    def make(self, group: int, key: bytes, node: Plain, shown: Shown | None) -> int:
        hdf5, is_group = _library(), node.kind == "group"
        plan = hdf5.H5Pcreate(_constant(f"H5P_CLS_{'GROUP' if is_group else 'DATASET'}_CREATE_ID_g"))
        hdf5.H5Pset_attr_phase_change(plan, MOST_ATTRIBUTES, 0)
        if node.kind in ("text", "number"):
            hdf5.H5Pset_layout(plan, _COMPACT)
        if node.stays_small:
            hdf5.H5Pset_link_creation_order(plan, _TRACKED)
        try:
            if is_group:
                return _made(hdf5.H5Gcreate2(group, key, 0, plan, 0))
            if shown is not None:
                return self._view(group, key, node.text.encode(), shown, plan)
            kind, space = _single_text()
            if node.kind == "text":
                room = room_of(node)
                kind = _fixed_text(room) if room else kind
                return _made(hdf5.H5Dcreate2(group, key, kind, space, 0, plan, 0))
            number = node.number
            value = c_int64(number) if isinstance(number, int) else c_double(number)
            kind = _constant("H5T_NATIVE_INT64_g" if isinstance(number, int) else "H5T_NATIVE_DOUBLE_g")
            made = _made(hdf5.H5Dcreate2(group, key, kind, space, 0, plan, 0))
            hdf5.H5Dwrite(made, kind, 0, 0, 0, ctypes.byref(value))
            return made
        finally:
            hdf5.H5Pclose(plan)

    @staticmethod
    def _view(group: int, key: bytes, source: bytes, shown: Shown, plan: int) -> int:
        hdf5, (shape, limits) = _library(), shown.space
        kind, rank = hdf5.H5Tdecode(shown.kind), len(shape)
        space = hdf5.H5Screate_simple(rank, shape, limits) if rank else hdf5.H5Screate(0)
        try:
            if rank and limits[0] == _UNLIMITED:  # everything, also what is still to come
                count = (c_uint64 * rank)(_UNLIMITED, *[1] * (rank - 1))
                hdf5.H5Sselect_hyperslab(space, 0, (c_uint64 * rank)(), None, count, shape)
            hdf5.H5Pset_virtual(plan, space, _SAME, source, space)
            return _made(hdf5.H5Dcreate2(group, key, kind, space, 0, plan, 0))
        finally:
            hdf5.H5Sclose(space)
            hdf5.H5Tclose(kind)

    def open_group(self, group: int, key: bytes) -> int:
        return _made(_library().H5Gopen2(group, key, 0))

    def set_attributes(self, made: int, path: str, node: Plain, *, fresh: bool) -> None:
        for name, value in node.attributes.items():
            if isinstance(value, str) and name not in FIXED:
                _write_text(made, name.encode(), value.encode(), fresh)
            else:
                write_attributes(_Object(made), path, {name: value})

    def write(self, made: int, text: str, room: int) -> None:
        value = c_char_p(text.encode())
        kind, at = (_fixed_text(room), value) if room else (_single_text()[0], ctypes.byref(value))
        _made(_library().H5Dwrite(made, kind, 0, 0, 0, at))

    def open_varying(self, group: int, key: bytes) -> int | None:
        hdf5 = _library()
        made = _made(hdf5.H5Dopen2(group, key, 0))
        kind = hdf5.H5Dget_type(made)
        varies = hdf5.H5Tis_variable_str(kind) > 0
        hdf5.H5Tclose(kind)
        if not varies:
            self.close(made)
        return made if varies else None

    def link(self, group: int, path: bytes, node: Plain) -> None:
        hdf5, target = _library(), node.text.encode()
        if node.kind == "soft":
            _made(hdf5.H5Lcreate_soft(target, group, path, 0, 0))
        else:
            _made(hdf5.H5Lcreate_hard(group, target, group, path, 0, 0))

    def copy(self, group: int, key: bytes, target: int, name: bytes) -> None:
        _made(_library().H5Ocopy(group, key, target, name, 0, 0))

    def unlink(self, group: int, key: bytes) -> None:
        _made(_library().H5Ldelete(group, key, 0))

    def close(self, made: int) -> None:
        _library().H5Oclose(made)


_NODES: Final = _Nodes()


def add_plain(file: tables.File, path: str, node: Plain, made_as: MadeAs) -> None:
    """Make a node without the attributes of PyTables, or add to it; see ``Backend.add_plain``.

    Raises
    ------
    NodeError
        If HDF5 refuses it.
    """
    try:
        _NODES.add(file.root._v_objectid, path.encode(), path, node, made_as)
    except _RefusedError as error:
        raise NodeError(f"{path} could not be made: HDF5 refuses it, or what it shows is gone") from error
    with quiet():  # PyTables knows no texts of variable length
        _list_anew(file, path.rpartition("/")[0] or "/")
        _list_anew_below(file, path, node)


def _list_anew(file: tables.File, path: str) -> None:
    """Have PyTables see new nodes in a group that it has listed already."""
    known = file._node_manager.registry.get(path)
    if known is not None and known._v_isopen:
        known._g_add_children_names()


def _list_anew_below(file: tables.File, path: str, node: Plain) -> None:
    if node.kind == "group":
        _list_anew(file, path)
        for name, member in node.members.items():
            _list_anew_below(file, f"{path}/{name}", member)


class _RefusedError(Exception):
    """HDF5 has refused a call."""


def _made(result: int) -> int:
    if result < 0:
        raise _RefusedError
    return result


@functools.cache
def _constant(name: str) -> int:
    """Return a constant of HDF5."""
    return int(c_int64.in_dll(_library(), name).value)


def _write_text(where: int, key: bytes, text: bytes, fresh: bool) -> None:
    """Set an attribute to a text of variable length, in UTF-8."""
    hdf5, (kind, space) = _library(), _single_text()
    if not fresh and hdf5.H5Aexists(where, key) > 0:
        hdf5.H5Adelete(where, key)
    made = _made(hdf5.H5Acreate2(where, key, kind, space, 0, 0))
    is_written = hdf5.H5Awrite(made, kind, ctypes.byref(c_char_p(text))) >= 0
    hdf5.H5Aclose(made)
    _made(0 if is_written else -1)


@functools.cache
def _single_text() -> tuple[int, int]:
    """Make the type of a text of variable length, and the space of a single value."""
    hdf5 = _library()
    kind, space = hdf5.H5Tcopy(_constant("H5T_C_S1_g")), hdf5.H5Screate(0)
    hdf5.H5Tset_size(kind, c_size_t(-1).value)
    hdf5.H5Tset_cset(kind, _UTF8)
    return kind, space


@functools.cache
def _fixed_text(length: int) -> int:
    """Make the type of a text of so many bytes."""
    hdf5 = _library()
    kind = int(hdf5.H5Tcopy(_constant("H5T_C_S1_g")))
    hdf5.H5Tset_size(kind, length)
    hdf5.H5Tset_strpad(kind, _NULLPAD)
    hdf5.H5Tset_cset(kind, _UTF8)
    return kind
