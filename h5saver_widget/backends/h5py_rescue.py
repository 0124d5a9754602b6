"""Copy everything of a file that can be read into a new one, object by object; runs in a child process.

The library's own copy (`H5Ocopy`) comes first: it keeps objects that Python has no words for, such as odd number types
and chunks of filters that are not installed. An object that it refuses is copied chunk by chunk, or row by row.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any, Final

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5l, h5o, h5p, h5r, h5s, h5t, h5z

from h5saver_widget.backends.h5py_attributes import as_text
from h5saver_widget.backends.h5py_examine import has_addresses, missing_filters, read_raw

__all__ = ["rescue"]

_ERRORS: Final = (OSError, RuntimeError, ValueError, TypeError, KeyError, MemoryError, IndexError, AttributeError)
#: Larger arrays are copied piece by piece, so that something is heard of it.
_AT_ONCE: Final = 256 << 20
_PIECE: Final = 8 << 20
_MOST_FAILURES: Final = 2000
_MOST_CHUNKS: Final = 1 << 22
_MAX_DEPTH: Final = 200

Box = list[tuple[int, int]]


def rescue(
    source: h5py.File, target: str, size: int, skip: dict[str, str], by_hand: list[str]
) -> Iterator[dict[str, Any]]:
    """Make `target` of everything in `source` that can be read.

    Parameters
    ----------
    source
        The damaged file, open.
    target
        Path of the new one.
    size
        Of the damaged file, in bytes: nothing in it is larger, unless it is compressed.
    skip
        Objects that end or hang the library, each with the symptom.
    by_hand
        Those that do when they are copied at once.

    Yields
    ------
    dict
        ``at``: what is copied next; ``object``, ``state`` (whole, part, lost) and ``what`` or ``boxes`` with ``shape``.
    """
    with h5py.File(target, "w", libver=("earliest", "latest"), userblock_size=source.userblock_size) as made:
        work = _Rescue(source, made, size, skip, by_hand)
        yield {"at": "/"}
        yield {"object": "/", **work.attributes(source, made)}
        yield from work.group(source, made, "/", 0)
        yield {"at": "/"}
        yield from work.references()


class _Rescue:
    def __init__(self, source: h5py.File, made: h5py.File, size: int, skip: dict[str, str], by_hand: list[str]) -> None:
        self._source, self._made, self._size, self._skip, self._by_hand = source, made, size, skip, set(by_hand)
        root = h5o.get_info(source.id)
        #: Where the objects of the source are in the new file, by their addresses; None for those that are lost.
        self._places: dict[tuple[int, int], str | None] = {(root.fileno, root.addr): "/"}

    # ------------------------------------------------------------------- groups
    def group(self, old: Any, new: Any, path: str, depth: int) -> Iterator[dict[str, Any]]:
        names: list[bytes] = []
        try:
            old.id.links.iterate(lambda name: names.append(name))
        except _ERRORS as error:
            yield {"object": path, "state": "part", "what": f"names in this group: {_short(error)}"}
        for name in names:
            where = f"{path.rstrip('/')}/{as_text(name.decode('utf-8', 'surrogateescape'))}"
            yield {"at": where}
            if where in self._skip:
                yield _lost(where, self._skip[where])
                continue
            try:
                yield from self._link(old, new, name, where, depth)
            except _ERRORS as error:
                yield _lost(where, _short(error))

    def _link(self, old: Any, new: Any, name: bytes, where: str, depth: int) -> Iterator[dict[str, Any]]:
        links = old.id.links
        info = links.get_info(name)
        how = h5p.create(h5p.LINK_CREATE)
        how.set_char_encoding(info.cset)
        if info.type == h5l.TYPE_SOFT:
            new.id.links.create_soft(name, links.get_val(name), lcpl=how)
        elif info.type == h5l.TYPE_EXTERNAL:
            new.id.links.create_external(name, *links.get_val(name), lcpl=how)
        elif info.type != h5l.TYPE_HARD:
            yield _lost(where, "a link of a kind that another program has defined")
            return
        else:
            yield from self._object(old, new, name, where, how, depth)
            return
        yield {"object": where, "state": "whole"}

    def _object(self, old: Any, new: Any, name: bytes, where: str, how: Any, depth: int) -> Iterator[dict[str, Any]]:
        address, found = self._opened(old, name)
        if address in self._places:
            place = self._places[address]
            if place is None:
                yield _lost(where, "another name of something that is lost")
            else:
                new.id.links.create_hard(name, self._made.id, place.encode("utf-8", "surrogateescape"), lcpl=how)
                yield {"object": where, "state": "whole"}
            return
        self._places[address] = None
        if isinstance(found, h5g.GroupID):
            made = h5py.Group(h5g.create(new.id, name, lcpl=how, gcpl=found.get_create_plist()))
            self._places[address] = where
            yield {"object": where, **self.attributes(h5py.Group(found), made)}
            if depth >= _MAX_DEPTH:
                yield _lost(where, f"the content of this group: it is {depth} groups deep")
                return
            yield from self.group(h5py.Group(found), made, where, depth + 1)
            return
        if where not in self._by_hand and self._copied(old, new, name, how, found):
            yield {"object": where, "state": "whole"}
        elif isinstance(found, h5t.TypeID):
            kind = found.copy()
            kind.commit(new.id, name, lcpl=how)
            yield {"object": where, **self.attributes(h5py.Datatype(found), h5py.Datatype(kind))}
        else:
            yield from self._array(found, new, name, where, how)
        if new.id.links.exists(name):
            self._places[address] = where

    def _opened(self, old: Any, name: bytes) -> tuple[tuple[int, int], Any]:
        """Open an object, and return where it is in the file, too; of a damaged one that may not be known."""
        found = h5o.open(old.id, name)
        try:
            about = h5o.get_info(found)
        except _ERRORS:
            return (-1, len(self._places)), found
        return (about.fileno, about.addr), found

    def _copied(self, old: Any, new: Any, name: bytes, how: Any, found: Any) -> bool:
        """Have the library copy an object; tell whether it is whole."""
        try:
            if isinstance(found, h5d.DatasetID) and not self._is_small_and_whole(found):
                return False
            h5o.copy(old.id, name, new.id, name, lcpl=how)
        except _ERRORS:
            if new.id.links.exists(name):
                new.id.links.unlink(name)
            return False
        return True

    def _is_small_and_whole(self, dataset: Any) -> bool:
        """Tell whether all chunks that are packed can be unpacked: the library copies them as they are."""
        if dataset.get_storage_size() > _AT_ONCE:
            return False
        if not dataset.get_create_plist().get_nfilters() or missing_filters(dataset):
            return True
        for offset, _ in _chunks(dataset):
            _unpacked(dataset, offset)
        return True

    # ------------------------------------------------------------------- arrays
    def _array(self, old: Any, new: Any, name: bytes, where: str, how: Any) -> Iterator[dict[str, Any]]:
        """Copy an array piece by piece."""
        plist, kind, space = old.get_create_plist(), old.get_type(), old.get_space()
        shape = space.get_simple_extent_dims() or ()
        if plist.get_layout() != h5d.CHUNKED and prod(shape) * kind.get_size() > self._size + _PIECE:
            raise OSError(f"it claims {prod(shape) * kind.get_size():,} bytes, more than the file has")
        made = h5d.create(new.id, name, kind.copy(), space, _possible(plist), lcpl=how)
        lost: list[Box] = []
        try:
            if plist.get_layout() == h5d.CHUNKED and not has_addresses(kind):
                copying = self._copy_chunks(old, made, where, lost)
            else:
                copying = self._copy_rows(old, made, where, lost)
            yield from copying
        except _ERRORS as error:
            new.id.links.unlink(name)
            yield _lost(where, _short(error))
            return
        result = self.attributes(h5py.Dataset(old), h5py.Dataset(made))
        if lost:
            result["state"] = "part"
            result |= {"boxes": lost, "shape": list(shape)}
        yield {"object": where, **result}

    def _copy_chunks(self, old: Any, made: Any, where: str, lost: list[Box]) -> Iterator[dict[str, Any]]:
        shape, step = old.get_space().get_simple_extent_dims(), old.get_create_plist().get_chunk()
        is_packed = old.get_create_plist().get_nfilters() and not missing_filters(old)
        for number, (offset, is_there) in enumerate(_chunks(old)):
            if number % 64 == 0:
                yield {"at": where}
            try:
                if not is_there:
                    raise OSError("its place is not known")
                if is_packed:
                    _unpacked(old, offset)
                mask, content = old.read_direct_chunk(offset)
                made.write_direct_chunk(offset, content, mask)
            except _ERRORS:
                box = [(at, min(at + n, end)) for at, n, end in zip(offset, step, shape, strict=True)]
                lost.append(box)
                _fill(made, box)

    def _copy_rows(self, old: Any, made: Any, where: str, lost: list[Box]) -> Iterator[dict[str, Any]]:
        shape, kind = old.get_space().get_simple_extent_dims(), old.get_type()
        if shape is None or 0 in shape:
            return
        if not shape:
            _copy_part(old, made, h5s.ALL, ())
            return
        row = max(1, prod(shape[1:]) * kind.get_size())
        step = max(1, _PIECE // row)
        waiting = [(start, min(start + step, shape[0])) for start in range(0, shape[0], step)][::-1]
        failures = 0
        while waiting:
            start, stop = waiting.pop()
            yield {"at": where}
            space = old.get_space()
            space.select_hyperslab((start, *(0,) * (len(shape) - 1)), (stop - start, *shape[1:]))
            try:
                _copy_part(old, made, space, (stop - start, *shape[1:]))
            except _ERRORS:
                failures += 1
                if stop - start > 1 and failures < _MOST_FAILURES:
                    middle = (start + stop) // 2
                    waiting += [(middle, stop), (start, middle)]
                else:
                    lost.append([(start, stop), *((0, n) for n in shape[1:])])
                    _fill(made, lost[-1])

    # --------------------------------------------------------------- attributes
    def attributes(self, old: Any, new: Any) -> dict[str, Any]:
        """Copy attributes one by one, and return the state that the object is in."""
        names: list[bytes] = []
        missing: list[str] = []
        try:
            h5a.iterate(old.id, lambda name: names.append(name))
        except _ERRORS:
            missing.append("some whose names can't be read")
        for name in names:
            try:
                _copy_attribute(old, new, name)
            except _ERRORS:
                missing.append(name.decode("utf-8", "replace"))
                if h5a.exists(new.id, name):
                    h5a.delete(new.id, name)
        if missing:
            return {"state": "part", "what": f"attributes {', '.join(missing)}"[:300]}
        return {"state": "whole"}

    # --------------------------------------------------------------- references
    def references(self) -> Iterator[dict[str, Any]]:
        """Point the references in the new file to their old targets: they are empty after a copy."""
        for place in self._places.values():
            if place is None:
                continue
            try:
                old, new = self._source[place], self._made[place]
            except _ERRORS:
                continue
            bad = []
            for name in new.attrs if not isinstance(new, h5py.Datatype) else ():
                if h5a.open(new.id, name.encode("utf-8", "surrogateescape")).get_type().detect_class(h5t.REFERENCE):
                    try:
                        attribute = h5a.open(new.id, name.encode("utf-8", "surrogateescape"))
                        attribute.write(np.asarray(self._moved(old.attrs[name]), dtype=attribute.dtype))
                    except _ERRORS:
                        bad.append(f"attribute {name}")
            if isinstance(new, h5py.Dataset) and new.id.get_type().detect_class(h5t.REFERENCE):
                try:
                    if new.shape is not None:
                        new[...] = np.asarray(self._moved(old[()]), dtype=new.dtype)
                except _ERRORS:
                    bad.append("its values")
            if bad:
                yield {"object": place, "state": "part", "what": f"references: {', '.join(bad)}"}

    def _moved(self, value: Any) -> Any:
        """Return a value with its references pointing into the new file."""
        if isinstance(value, h5r.Reference):
            return self._moved_one(value)
        if isinstance(value, np.void) and value.dtype.names:
            return self._moved(np.array(value))[()]
        if not isinstance(value, np.ndarray) or not value.dtype.hasobject:
            return value
        made = value.copy()
        if value.dtype.names:
            for name in value.dtype.names:
                if value.dtype[name].hasobject:
                    made[name] = self._moved(value[name])
            return made
        for index in np.ndindex(value.shape):
            made[index] = self._moved(value[index])
        return made

    def _moved_one(self, value: Any) -> Any:
        empty = h5r.RegionReference() if isinstance(value, h5r.RegionReference) else h5r.Reference()
        if not value:
            return empty
        about = h5o.get_info(h5r.dereference(value, self._source.id))
        place = self._places.get((about.fileno, about.addr))
        if place is None:
            return empty
        name = place.encode("utf-8", "surrogateescape")
        if isinstance(value, h5r.RegionReference):
            region = h5r.get_region(value, self._source.id)
            return h5r.create(self._made.id, name, h5r.DATASET_REGION, region)
        return h5r.create(self._made.id, name, h5r.OBJECT)


def _lost(where: str, what: str) -> dict[str, Any]:
    return {"object": where, "state": "lost", "what": what}


def _chunks(dataset: Any) -> Iterator[tuple[tuple[int, ...], bool]]:
    """Iterate over the chunks that are stored: where each begins, and whether the file knows where it is."""
    found: list[tuple[int, ...]] = []
    try:
        dataset.chunk_iter(lambda chunk: found.append(tuple(chunk.chunk_offset)))
    except _ERRORS:  # the list of chunks is damaged: ask for each
        shape, step = dataset.get_space().get_simple_extent_dims(), dataset.get_create_plist().get_chunk()
        if prod(-(-n // s) for n, s in zip(shape, step, strict=True)) > _MOST_CHUNKS:
            raise
        for offset in product(*(range(0, n, s) for n, s in zip(shape, step, strict=True))):
            try:
                info = dataset.get_chunk_info_by_coord(offset)
            except _ERRORS:
                yield offset, False
                continue
            if info.byte_offset is not None:
                yield offset, True
        return
    yield from ((offset, True) for offset in found)


def _unpacked(dataset: Any, offset: tuple[int, ...]) -> None:
    """Read a chunk through its filters; OSError if that can't be done."""
    shape, step = dataset.get_space().get_simple_extent_dims(), dataset.get_create_plist().get_chunk()
    count = tuple(max(0, min(n, end - at)) for at, n, end in zip(offset, step, shape, strict=True))
    if 0 in count:
        return
    space = dataset.get_space()
    space.select_hyperslab(offset, count)
    if has_addresses(dataset.get_type()):
        _ = h5py.Dataset(dataset)[tuple(slice(at, at + n) for at, n in zip(offset, count, strict=True))]
    else:
        read_raw(dataset, space, count)


def _copy_part(old: Any, made: Any, space: Any, shape: tuple[int, ...]) -> None:
    kind = old.get_type()
    if not has_addresses(kind):
        values = read_raw(old, space, shape)
        made.write(h5s.create_simple(shape) if shape else h5s.ALL, space, values, mtype=kind)
        return
    values = np.empty(shape, old.dtype)
    rows = h5s.create_simple(shape) if shape else h5s.ALL
    old.read(rows, space, values)
    if not kind.detect_class(h5t.REFERENCE):  # those are made anew in the end
        made.write(rows, space, values)


def _fill(made: Any, box: Box) -> None:
    """Have numbers that are lost be no numbers, where there is such a thing."""
    if made.get_type().get_class() == h5t.FLOAT:
        h5py.Dataset(made)[tuple(slice(*ends) for ends in box)] = np.nan


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


def _copy_attribute(old: Any, new: Any, name: bytes) -> None:
    found = h5a.open(old.id, name)
    kind, space = found.get_type(), found.get_space()
    made = h5a.create(new.id, name, kind.copy(), space)
    if space.get_simple_extent_type() == h5s.NULL or not space.get_simple_extent_npoints():
        return
    if has_addresses(kind):
        value = old.attrs[name.decode("utf-8", "surrogateescape")]
        if not kind.detect_class(h5t.REFERENCE):
            made.write(np.asarray(value, dtype=made.dtype).reshape(found.shape))
    else:
        made.write(read_raw(found), mtype=kind)


def _short(error: BaseException) -> str:
    return (str(error) or type(error).__name__)[:300]
