"""Groups of streaming files (SWMR) whose members PyTables lists in the order in which they were made.

Such files need HDF5's newer groups. With more than eight members these are listed in the order of a hash, and channels
change their places in windows that list them as they come. A group that is compact, with room for its members from the
beginning, keeps the order. h5py has no calls for that; they are those of the C interface:
https://support.hdfgroup.org/documentation/hdf5/latest/group___g_c_p_l.html
"""

from __future__ import annotations

import ctypes
import functools
from ctypes import c_int, c_int64, c_uint
from typing import Any, Final

import h5py
from h5py import h5g, h5p, h5t

from h5saver_widget.backends.h5py_attributes import as_key

__all__ = ["create_ordered_group"]

#: Groups with more members are listed in any order; room for so many takes 2 kB.
_MEMBERS: Final = 64
_NAME_BYTES: Final = 12


@functools.cache
def _how() -> tuple[Any, Any]:
    """Return how such a group, and the link to it, is made; of a plain group where the calls can't be reached."""
    group, link = h5p.create(h5p.GROUP_CREATE), h5p.create(h5p.LINK_CREATE)
    link.set_char_encoding(h5t.CSET_UTF8)
    library = ctypes.PyDLL(h5p.__file__)  # its calls hold the interpreter lock, as those of h5py do
    try:
        for call, *numbers in (
            (library.H5Pset_link_phase_change, _MEMBERS, _MEMBERS - 2),
            (library.H5Pset_est_link_info, _MEMBERS, _NAME_BYTES),
        ):
            call.restype, call.argtypes = c_int, (c_int64, c_uint, c_uint)
            call(group.id, *numbers)
    except AttributeError:  # Windows looks for a name in the module alone
        pass
    return group, link


def create_ordered_group(group: h5py.Group, name: str) -> h5py.Group:
    """Make a group in a file for streaming."""
    how, link = _how()
    return h5py.Group(h5g.create(group.id, as_key(name), lcpl=link, gcpl=how))
