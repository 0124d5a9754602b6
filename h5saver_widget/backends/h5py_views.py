"""Nodes for other programs by h5py, in low-level calls.

Views are virtual data sets of HDF5, of growing arrays with an unlimited selection, so that they grow, too:
https://support.hdfgroup.org/documentation/hdf5/latest/group___d_c_p_l.html (H5Pset_virtual).
"""

from __future__ import annotations

from typing import Any, Final

import h5py
import numpy as np
from h5py import h5a, h5d, h5f, h5g, h5o, h5p, h5s, h5t

from h5saver_widget.backends.h5py_attributes import (
    SCALAR,
    TEXT,
    TEXT_IN_MEMORY,
    TEXT_TYPE,
    as_key,
    fixed_text,
    write_attributes,
)
from h5saver_widget.backends.plain_nodes import FIXED, MOST_ATTRIBUTES, MadeAs, PlainNodes, Shown, room_of
from h5saver_widget.backends.terms import Plain
from h5saver_widget.errors import NodeError

__all__ = ["add_plain"]


class _Nodes(PlainNodes[h5g.GroupID]):
    """Makes them by h5py."""

    def memory(self) -> h5g.GroupID:
        access = h5p.create(h5p.FILE_ACCESS)
        access.set_fapl_core(1 << 16, backing_store=False)
        access.set_libver_bounds(h5f.LIBVER_V110, h5f.LIBVER_V110)
        return h5g.open(h5f.create(b"nodes of h5saver_widget", h5f.ACC_TRUNC, fapl=access), b"/")

    def has(self, group: h5g.GroupID, key: bytes) -> bool:
        return bool(group.links.exists(key))

    def shown(self, group: h5g.GroupID, path: bytes) -> Shown:
        array = h5d.open(group, path)
        space, kind = array.get_space(), array.get_type()
        shape, limits = space.get_simple_extent_dims(), space.get_simple_extent_dims(True)
        if limits and limits[0] == h5s.UNLIMITED:
            shape = (1, *shape[1:])
        return Shown(kind, (shape, limits), (kind.encode(), shape, limits))

    def make(self, group: h5g.GroupID, key: bytes, node: Plain, shown: Shown | None) -> Any:
        if node.kind == "group":
            return h5g.create(group, key, gcpl=_plan(h5p.GROUP_CREATE, node))
        plan = _plan(h5p.DATASET_CREATE, node)
        if shown is not None:
            source, everything = node.text.encode(), _everything_of(*shown.space)
            plan.set_virtual(everything, b".", source, everything)
            return h5d.create(group, key, shown.kind, everything, dcpl=plan)
        if node.kind == "text":
            room = room_of(node)
            return h5d.create(group, key, fixed_text(room) if room else TEXT_TYPE, SCALAR, dcpl=plan)
        number = np.array(node.number)
        made = h5d.create(group, key, h5t.py_create(number.dtype), SCALAR, dcpl=plan)
        made.write(h5s.ALL, h5s.ALL, number)
        return made

    def open_group(self, group: h5g.GroupID, key: bytes) -> h5g.GroupID:
        return h5g.open(group, key)

    def set_attributes(self, made: Any, path: str, node: Plain, *, fresh: bool) -> None:
        others = {}
        for name, value in node.attributes.items():
            if name in FIXED:
                _set_text(made, name.encode(), value.encode() or b"\0", fresh)
            else:
                others[name] = value
        if others:
            write_attributes(h5py.Group(made) if node.kind == "group" else h5py.Dataset(made), path, others, fresh)

    def write(self, made: Any, text: str, room: int) -> None:
        value = np.array(text.encode(), dtype=f"S{room}" if room else TEXT)
        made.write(h5s.ALL, h5s.ALL, value, mtype=fixed_text(room) if room else TEXT_IN_MEMORY)

    def open_varying(self, group: h5g.GroupID, key: bytes) -> h5d.DatasetID | None:
        made = h5d.open(group, key)
        kind = made.get_type()
        return made if isinstance(kind, h5t.TypeStringID) and kind.is_variable_str() else None

    def link(self, group: h5g.GroupID, path: bytes, node: Plain) -> None:
        if node.kind == "soft":
            group.links.create_soft(path, as_key(node.text))
        else:
            group.links.create_hard(path, group, as_key(node.text))

    def copy(self, group: h5g.GroupID, key: bytes, target: h5g.GroupID, name: bytes) -> None:
        h5o.copy(group, key, target, name)

    def unlink(self, group: h5g.GroupID, key: bytes) -> None:
        group.unlink(key)


_NODES: Final = _Nodes()


def add_plain(file: h5py.File, path: str, node: Plain, made_as: MadeAs) -> None:
    """Make a node, or add to it; see ``Backend.add_plain``."""
    try:
        _NODES.add(file.id, path.encode(), path, node, made_as)
    except (KeyError, OSError, RuntimeError, ValueError) as error:
        raise NodeError(f"{path} could not be made: {error}") from error


def _set_text(made: Any, key: bytes, text: bytes, fresh: bool) -> None:
    """Set an attribute to a text of fixed length."""
    if not fresh and h5a.exists(made, key):
        h5a.delete(made, key)
    kind = fixed_text(len(text))
    h5a.create(made, key, kind, SCALAR).write(np.array(text), mtype=kind)


def _plan(kind: Any, node: Plain) -> Any:
    """Return how a node is made: its attributes in itself; the members of a group of arrays, too."""
    plan = h5p.create(kind)
    plan.set_attr_phase_change(MOST_ATTRIBUTES, 0)
    if node.kind in ("text", "number"):
        plan.set_layout(h5d.COMPACT)
    if node.stays_small:
        plan.set_link_creation_order(h5p.CRT_ORDER_TRACKED)
    return plan


def _everything_of(shape: tuple[int, ...], limits: tuple[int, ...]) -> Any:
    """Return the space of an array with everything selected, also rows that are still to come."""
    everything = h5s.create_simple(shape, limits)
    if limits and limits[0] == h5s.UNLIMITED:
        inner = shape[1:]
        everything.select_hyperslab((0,) * len(limits), (h5s.UNLIMITED, *[1] * len(inner)), block=(1, *inner))
    return everything
