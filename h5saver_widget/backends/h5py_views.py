"""Views by h5py: arrays without values of their own that show another array of the same file, and grow with it.

They are virtual data sets of HDF5, of growing arrays with an unlimited selection:
https://support.hdfgroup.org/documentation/hdf5/latest/group___d_c_p_l.html (H5Pset_virtual)
"""

from __future__ import annotations

from typing import Any

import h5py
from h5py import h5d, h5p, h5s

from h5saver_widget.backends.h5py_attributes import as_key

__all__ = ["create_view"]


def create_view(group: h5py.Group, name: str, source: h5py.Dataset) -> h5py.Dataset:
    """Make a view of an array."""
    made, everything = h5p.create(h5p.DATASET_CREATE), _everything_of(source)
    made.set_virtual(everything, b".", as_key(source.name), everything)
    return h5py.Dataset(h5d.create(group.id, as_key(name), source.id.get_type(), everything, dcpl=made))


def _everything_of(array: h5py.Dataset) -> Any:
    """Return the space of an array with everything selected, also what is still to come."""
    limits = tuple(h5s.UNLIMITED if n is None else n for n in array.maxshape)
    space = h5s.create_simple(array.shape, limits)
    if limits and limits[0] == h5s.UNLIMITED:
        inner = array.shape[1:]
        space.select_hyperslab((0,) * len(limits), (h5s.UNLIMITED, *[1] * len(inner)), block=(1, *inner))
    return space
