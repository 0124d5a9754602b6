"""Objects of one HDF5 file made again in another, part by part: links, groups, attributes, arrays, references.

``H5Ocopy`` keeps an object as it is, but sets references to nothing, and refuses all of an object for one part of it.
Values that are not read through Python are copied byte by byte, of any type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import product
from math import prod
from typing import Any, Final

import h5py
import numpy as np
from h5py import h5, h5a, h5d, h5g, h5l, h5o, h5p, h5r, h5s, h5t, h5z

from h5saver_widget.backends.h5py_examine import has_addresses, read_raw
from h5saver_widget.backends.h5py_unpacking import require_possible_lengths

__all__ = ["ERRORS", "Copied", "chunk_offsets", "copy_attributes", "copy_part", "in_words", "made_like", "named"]

#: What damaged bytes have h5py raise, and types that Python has no words for.
ERRORS: Final = (OSError, RuntimeError, ValueError, TypeError, KeyError, MemoryError, IndexError, AttributeError)
#: Dimension scales and their arrays refer to each other in these.
_OF_SCALES: Final = (b"DIMENSION_LIST", b"REFERENCE_LIST")
_MOST_CHUNKS: Final = 1 << 22


def in_words(error: BaseException) -> str:
    """Return the message of an error, in one line."""
    return " ".join(str(error.args[0] if error.args else type(error).__name__).split())[:300]


def named(encoding: int) -> Any:
    """Return how a link is made whose name is of this encoding."""
    how = h5p.create(h5p.LINK_CREATE)
    how.set_char_encoding(encoding)
    return how


class Copied:
    """The objects that were copied from a file into another one, `made`, and their places there."""

    def __init__(self, made: h5py.File) -> None:
        self.made = made
        #: Path in the other file by address in the first; None for lost objects.
        self.places: dict[int, str | None] = {}
        self._missing: list[str] = []

    def link(self, old: h5py.Group, new: h5py.Group, name: bytes) -> bool:
        """Copy a link to a path, or into another file; tell whether it is one. TypeError for other kinds of links."""
        links, info = old.id.links, old.id.links.get_info(name)
        if info.type == h5l.TYPE_SOFT:
            new.id.links.create_soft(name, links.get_val(name), lcpl=named(info.cset))
        elif info.type == h5l.TYPE_EXTERNAL:
            new.id.links.create_external(name, *links.get_val(name), lcpl=named(info.cset))
        elif info.type != h5l.TYPE_HARD:
            raise TypeError("a link of a kind that another program has defined")
        return bool(info.type != h5l.TYPE_HARD)

    def again(self, old: h5py.Group, new: h5py.Group, name: bytes, path: str) -> tuple[Any, str | None]:
        """Open an object; one that was copied under another path gets this name, too.

        Return it, and the path under which it is known: ``''`` if it is not, None if it was lost.
        """
        found = h5o.open(old.id, name)
        address = -1 - len(self.places)  # of a damaged one that may not be known
        with suppress(*ERRORS):
            address = h5o.get_info(found).addr
        if address not in self.places:
            self.places[address] = path
            return found, ""
        known = self.places[address]
        if known is not None:
            how = named(old.id.links.get_info(name).cset)
            new.id.links.create_hard(name, self.made.id, known.encode("utf-8", "surrogateescape"), lcpl=how)
        return found, known

    def group(self, found: Any, new: h5py.Group, name: bytes, how: Any) -> h5py.Group:
        """Make a group that keeps the order of its members as another one does."""
        kept = h5p.create(h5p.GROUP_CREATE)
        with suppress(*ERRORS):  # a damaged list of members: they may be whole
            # no more than this: HDF5 keeps the addresses of a list there, and gives them to the new group
            plist = found.get_create_plist()
            kept.set_link_creation_order(plist.get_link_creation_order())
            kept.set_attr_creation_order(plist.get_attr_creation_order())
        return h5py.Group(h5g.create(new.id, name, lcpl=how, gcpl=kept))

    # --------------------------------------------------------------- references
    def renew(self, old: Any, new: Any) -> list[str]:
        """Have the references of a copied object refer to the same as before; return what of it could not be done."""
        lost = []
        for name in _attribute_names(old):
            attribute = h5a.open(old.id, name)
            if attribute.get_type().detect_class(h5t.REFERENCE):
                why = self._failed(lambda: self._renew_attribute(old, new, name, attribute))  # noqa: B023
                if why and name != b"REFERENCE_LIST":
                    lost.append(f"the target of its attribute {name.decode('utf-8', 'replace')} was lost: {why}")
        refers = isinstance(new, h5py.Dataset) and new.size and new.id.get_type().detect_class(h5t.REFERENCE)
        if refers and (why := self._failed(lambda: self._renew_values(old, new))):
            lost.append(f"its target was lost: {why}")
        return lost

    def _failed(self, work: Callable[[], None]) -> str:
        """Return why not all references could be renewed, ``''`` if they could."""
        self._missing = []
        try:
            work()
        except ERRORS as error:
            return in_words(error)
        return ", ".join(f"{name} was not copied" for name in dict.fromkeys(self._missing))

    def _renew_values(self, old: h5py.Dataset, new: h5py.Dataset) -> None:
        new[...] = np.asarray(self._moved(old, old[()]), dtype=new.dtype)

    def _renew_attribute(self, old: Any, new: Any, name: bytes, attribute: Any) -> None:
        value, space = self._moved(old, old.attrs[name.decode("utf-8", "surrogateescape")]), attribute.get_space()
        if name in _OF_SCALES:
            value = _without_nothing(value)
            space = h5s.create_simple(value.shape)
        if h5a.exists(new.id, name):
            h5a.delete(new.id, name)
        if name not in _OF_SCALES or value.size:
            made = h5a.create(new.id, name, attribute.get_type().copy(), space)
            made.write(np.asarray(value, dtype=made.dtype).reshape(made.shape))

    def _moved(self, old: Any, value: Any) -> Any:
        """Return a value with its references leading into the new file."""
        if isinstance(value, h5r.Reference):
            return self._moved_one(old, value)
        if isinstance(value, np.void) and value.dtype.names:
            return self._moved(old, np.array(value))[()]
        if not isinstance(value, np.ndarray) or not value.dtype.hasobject:
            return value
        made = value.copy()
        if value.dtype.names:
            for name in value.dtype.names:
                if value.dtype[name].hasobject:
                    made[name] = self._moved(old, value[name])
            return made
        for index in np.ndindex(value.shape):
            made[index] = self._moved(old, value[index])
        return made

    def _moved_one(self, old: Any, value: Any) -> Any:
        is_region = isinstance(value, h5r.RegionReference)
        empty = h5r.RegionReference() if is_region else h5r.Reference()
        if not value:
            return empty
        place = self.places.get(h5o.get_info(h5r.dereference(value, old.id)).addr)
        if place is None:
            self._missing.append((h5r.get_name(value, old.id) or b"something").decode("utf-8", "replace"))
            return empty
        name = place.encode("utf-8", "surrogateescape")
        if is_region:
            return h5r.create(self.made.id, name, h5r.DATASET_REGION, h5r.get_region(value, old.id))
        return h5r.create(self.made.id, name, h5r.OBJECT)


def _without_nothing(value: Any) -> Any:
    """Return the lists of dimension scales without references that lead to nothing: readers fail on these."""
    if value.dtype.names:
        names = [name for name in value.dtype.names if value.dtype[name].hasobject]
        return value[[all(bool(row[name]) for name in names) for row in value]]
    for index in np.ndindex(value.shape):
        part = value[index]
        value[index] = part[[bool(item) for item in part]]
    return value if any(len(part) for part in value.flat) else value[:0]


# ------------------------------------------------------------------------------------------------------- attributes
def _attribute_names(obj: Any) -> list[bytes]:
    """Return the names of attributes, in the order in which they were made where the object knows that."""
    names: list[bytes] = []
    with suppress(*ERRORS):
        h5a.iterate(obj.id, lambda name: names.append(name), index_type=h5.INDEX_CRT_ORDER)
        return names
    names.clear()
    h5a.iterate(obj.id, lambda name: names.append(name))
    return names


def copy_attributes(old: Any, new: Any) -> list[str]:
    """Copy the attributes of an object; return the names of those that could not be copied.

    Those that refer to objects are left for :meth:`Copied.renew`.
    """
    missing: list[str] = []
    try:
        names = _attribute_names(old)
    except ERRORS:
        return ["some whose names can't be read"]
    for name in names:
        try:
            _copy_attribute(old, new, name)
        except ERRORS:
            missing.append(name.decode("utf-8", "replace"))
            if h5a.exists(new.id, name):
                h5a.delete(new.id, name)
    return missing


def _copy_attribute(old: Any, new: Any, name: bytes) -> None:
    found = h5a.open(old.id, name)
    kind, space = found.get_type(), found.get_space()
    if kind.detect_class(h5t.REFERENCE):
        return
    made = h5a.create(new.id, name, kind.copy(), space)
    if space.get_simple_extent_type() == h5s.NULL or not space.get_simple_extent_npoints():
        return
    if has_addresses(kind):
        value: Any = np.asarray(old.attrs[name.decode("utf-8", "surrogateescape")], dtype=made.dtype)
        for index in np.ndindex(value.shape):
            if isinstance(value[index], str):  # one that is no UTF-8 is written as the bytes that it is
                value[index] = value[index].encode("utf-8", "surrogateescape")
        made.write(value.reshape(found.shape))
    else:
        made.write(read_raw(found), mtype=kind)


# ----------------------------------------------------------------------------------------------------------- arrays
def made_like(old: Any, new: h5py.Group, name: bytes, how: Any, kind: Any = None) -> Any:
    """Make an array like another one, without values; `kind` is its number type in the new file, if that has a name."""
    plist = _possible(old.get_create_plist())
    return h5d.create(new.id, name, kind or old.get_type().copy(), old.get_space(), plist, lcpl=how)


def _possible(plist: Any) -> Any:
    """Return how an array is stored; filters that are not installed may be left out: the chunks are packed already."""
    made = plist.copy()
    filters = [plist.get_filter(number)[:3] for number in range(plist.get_nfilters())]
    if all(h5z.filter_avail(number) for number, _, _ in filters):
        return made
    for number, _, _ in filters:
        made.remove_filter(number)
    for number, flags, values in filters:
        made.set_filter(number, flags | h5z.FLAG_OPTIONAL, values)
    return made


def chunk_offsets(dataset: Any) -> Iterator[tuple[int, ...]]:
    """Iterate over the places of the stored chunks, and of those which a damaged list may have held."""
    found: list[tuple[int, ...]] = []
    shape, step = dataset.get_space().get_simple_extent_dims(), dataset.get_create_plist().get_chunk()
    try:
        dataset.chunk_iter(lambda chunk: found.append(tuple(chunk.chunk_offset)))
    except ERRORS:  # the list of chunks is damaged: ask for each
        if prod(-(-n // s) for n, s in zip(shape, step, strict=True)) > _MOST_CHUNKS:
            raise
        for offset in product(*(range(0, n, s) for n, s in zip(shape, step, strict=True))):
            try:
                if dataset.get_chunk_info_by_coord(offset).byte_offset is None:
                    continue
            except ERRORS:  # it walks the list from its beginning; a chunk behind the damage can still be read
                pass
            yield offset
        return
    # while a file is written, chunks may come that its shape does not reach yet
    yield from (offset for offset in found if all(at < n for at, n in zip(offset, shape, strict=True)))


def copy_part(old: Any, made: Any, start: int = 0, stop: int | None = None) -> None:
    """Copy rows of an array, or its only value; references to objects are left for :meth:`Copied.renew`."""
    kind, space = old.get_type(), old.get_space()
    shape = space.get_simple_extent_dims()
    rows = h5s.ALL
    if shape:
        shape = ((shape[0] if stop is None else stop) - start, *shape[1:])
        space.select_hyperslab((start, *(0,) * (len(shape) - 1)), shape)
        rows = h5s.create_simple(shape)
    else:
        space = h5s.ALL
    if not has_addresses(kind):
        made.write(rows, space, read_raw(old, space, shape), mtype=kind)
        return
    require_possible_lengths(old, slice(start, stop))
    values = np.empty(shape, old.dtype)
    old.read(rows, space, values)
    if not kind.detect_class(h5t.REFERENCE):
        made.write(rows, space, values)
