"""Nodes for other programs by h5py: texts, groups, and views, arrays without values of their own that show another one.

Views are virtual data sets of HDF5, of growing arrays with an unlimited selection, so that they grow, too:
https://support.hdfgroup.org/documentation/hdf5/latest/group___d_c_p_l.html (H5Pset_virtual). All is made by low-level
calls: an entry has a hundred such objects, and each takes 15 us by them, 100 us by the others.
"""

from __future__ import annotations

import functools
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
from h5py import h5d, h5g, h5p, h5s, h5t

from h5saver_widget.backends.h5py_attributes import SCALAR, TEXT, TEXT_IN_MEMORY, TEXT_TYPE, as_key, write_attributes
from h5saver_widget.backends.terms import Plain
from h5saver_widget.errors import NodeError

__all__ = ["add_plain"]


def add_plain(group: h5py.Group, path: str, node: Plain) -> None:
    """Make a node in a group, or add to it; see ``Backend.add_plain``."""
    try:
        _add(group.id, path.rpartition("/")[2], path, node)
    except (KeyError, OSError, RuntimeError, ValueError) as error:
        raise NodeError(f"{path} could not be made: {error}") from error


def _add(parent: h5g.GroupID, name: str, path: str, node: Plain) -> None:
    key = as_key(name)
    is_there = key in parent
    if is_there and node.kind in ("text", "number"):
        parent.unlink(key)
    made: h5py.Group | h5py.Dataset
    if node.kind == "group":
        made_as = _small_group() if node.stays_small else None
        made = h5py.Group(h5g.open(parent, key) if is_there else h5g.create(parent, key, gcpl=made_as))
        for below, member in node.members.items():
            _add(made.id, below, f"{path}/{below}", Plain(*member))
    elif node.kind == "text":
        made = _value(parent, key, np.array(node.text.encode(), dtype=TEXT), TEXT_TYPE, TEXT_IN_MEMORY)
    elif node.kind == "number":
        number = np.array(node.number)
        made = _value(parent, key, number, h5t.py_create(number.dtype), None)
    elif is_there:
        return
    elif node.kind == "link":
        parent.links.create_hard(key, parent, as_key(node.text))
        return
    elif node.kind == "soft":
        parent.links.create_soft(key, as_key(node.text))
        return
    else:
        made = _view(parent, key, as_key(node.text))
    write_attributes(made, path, node.attributes, fresh=not (is_there and node.kind == "group"))


def _value(parent: h5g.GroupID, key: bytes, value: npt.NDArray[Any], kind: Any, in_memory: Any) -> h5py.Dataset:
    made = h5d.create(parent, key, kind, SCALAR)
    made.write(h5s.ALL, h5s.ALL, value, mtype=in_memory)
    return h5py.Dataset(made)


@functools.cache
def _small_group() -> Any:
    """Return how a group is made: its order is kept, so HDF5 lists up to 8 members in it, which takes 1 kB less."""
    made_as = h5p.create(h5p.GROUP_CREATE)
    made_as.set_link_creation_order(h5p.CRT_ORDER_TRACKED)
    return made_as


def _view(parent: h5g.GroupID, key: bytes, source: bytes) -> h5py.Dataset:
    shown, made = h5d.open(parent, source), h5p.create(h5p.DATASET_CREATE)
    everything = _everything_of(shown.get_space())
    made.set_virtual(everything, b".", source, everything)
    return h5py.Dataset(h5d.create(parent, key, shown.get_type(), everything, dcpl=made))


def _everything_of(space: Any) -> Any:
    """Return the space of an array with everything selected, also what is still to come."""
    shape, limits = space.get_simple_extent_dims(), space.get_simple_extent_dims(True)
    everything = h5s.create_simple(shape, limits)
    if limits and limits[0] == h5s.UNLIMITED:
        inner = shape[1:]
        everything.select_hyperslab((0,) * len(limits), (h5s.UNLIMITED, *[1] * len(inner)), block=(1, *inner))
    return everything
