"""What PyTables has no calls for, done by the HDF5 inside it: virtual arrays, and single texts of variable length.

The functions are those of the C interface of HDF5 1.10 and newer:
https://support.hdfgroup.org/documentation/hdf5/latest/group___d_c_p_l.html
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ctypes import c_char_p, c_int, c_int64, c_size_t, c_uint64, c_void_p
from pathlib import Path
from typing import Any, Final

import tables
import tables.hdf5extension

from h5saver_widget.backends.tables_errors import quiet
from h5saver_widget.errors import DataMismatchError

__all__ = ["can_make_views", "create_plain", "sources_of", "write_text"]

_UNLIMITED: Final = 2**64 - 1
_VIRTUAL: Final = 3
_SAME: Final = b"."
_LONGEST: Final = 4096
_RESULTS: Final = {
    "H5Screate_simple": (c_int64, c_int, c_void_p, c_void_p),
    "H5Sselect_hyperslab": (c_int, c_int64, c_int, c_void_p, c_void_p, c_void_p, c_void_p),
    "H5Sclose": (c_int, c_int64),
    "H5Pcreate": (c_int64, c_int64),
    "H5Pclose": (c_int, c_int64),
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


def create_plain(group: tables.Group, name: str, source: tables.Leaf | None, text: str | None) -> tables.Node:
    """Make a node without the attributes of PyTables: a view of an array, a text of variable length, or a group.

    Raises
    ------
    DataMismatchError
        If HDF5 refuses it.
    """
    hdf5, parent, key = _library(), group._v_objectid, name.encode()
    if source is not None:
        made, close = _view(parent, key, source), hdf5.H5Dclose
    elif text is not None:
        made, close = _text(parent, key, text.encode()), hdf5.H5Dclose
    else:
        made, close = hdf5.H5Gcreate2(parent, key, 0, 0, 0), hdf5.H5Gclose
    if made < 0:
        raise DataMismatchError(f"{group._v_pathname}/{name} could not be made")
    close(made)
    with quiet():  # PyTables knows no texts of variable length
        group._g_add_children_names()
        return group._f_get_child(name)


def _view(parent: int, key: bytes, source: tables.Leaf) -> int:
    hdf5 = _library()
    shape = tuple(int(n) for n in source.shape)
    limits = (_UNLIMITED, *shape[1:]) if getattr(source, "extdim", -1) == 0 else shape
    with _everything_of(shape, limits) as everything:
        made_as = hdf5.H5Pcreate(c_int64.in_dll(hdf5, "H5P_CLS_DATASET_CREATE_ID_g").value)
        kind = hdf5.H5Dget_type(source._v_objectid)
        try:
            hdf5.H5Pset_virtual(made_as, everything, _SAME, source._v_pathname.encode(), everything)
            return int(hdf5.H5Dcreate2(parent, key, kind, everything, 0, made_as, 0))
        finally:
            hdf5.H5Tclose(kind)
            hdf5.H5Pclose(made_as)


def _text(parent: int, key: bytes, text: bytes) -> int:
    hdf5 = _library()
    with _single_text() as (kind, space):
        made = int(hdf5.H5Dcreate2(parent, key, kind, space, 0, 0, 0))
        if made >= 0:
            hdf5.H5Dwrite(made, kind, 0, 0, 0, ctypes.byref(c_char_p(text)))
        return made


def write_text(node: tables.Node, name: str, text: str) -> None:
    """Set an attribute to a text of variable length, in UTF-8; DataMismatchError if HDF5 refuses it."""
    hdf5, where, key = _library(), node._v_objectid, name.encode()
    if hdf5.H5Aexists(where, key) > 0:
        hdf5.H5Adelete(where, key)
    with _single_text() as (kind, space):
        made = hdf5.H5Acreate2(where, key, kind, space, 0, 0)
        is_written = made >= 0 and hdf5.H5Awrite(made, kind, ctypes.byref(c_char_p(text.encode()))) >= 0
        hdf5.H5Aclose(made)
    if not is_written:
        raise DataMismatchError(f"attribute {name!r} of {node._v_pathname} could not be written")


@contextmanager
def _single_text() -> Iterator[tuple[int, int]]:
    """Make the type of a text of variable length, and the space of a single value."""
    hdf5 = _library()
    kind, space = hdf5.H5Tcopy(c_int64.in_dll(hdf5, "H5T_C_S1_g").value), hdf5.H5Screate(0)
    try:
        hdf5.H5Tset_size(kind, c_size_t(-1).value)
        hdf5.H5Tset_cset(kind, 1)
        yield kind, space
    finally:
        hdf5.H5Tclose(kind)
        hdf5.H5Sclose(space)


@contextmanager
def _everything_of(shape: Sequence[int], limits: Sequence[int]) -> Iterator[int]:
    """Make a space in which everything is selected, also what is still to come."""
    hdf5, rank = _library(), len(shape)
    lengths = c_uint64 * rank
    space = hdf5.H5Screate_simple(rank, lengths(*shape), lengths(*limits))
    try:
        if limits[0] == _UNLIMITED:
            count, block = lengths(_UNLIMITED, *[1] * (rank - 1)), lengths(1, *shape[1:])
            hdf5.H5Sselect_hyperslab(space, 0, lengths(), None, count, block)
        yield space
    finally:
        hdf5.H5Sclose(space)
