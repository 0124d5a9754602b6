"""Copy everything of a file that can be read into a new one, object by object; runs in a child process.

The library's own copy (`H5Ocopy`) comes first: it keeps objects that Python has no words for, such as odd number types
and chunks of filters that are not installed. An object that it refuses is copied chunk by chunk, or row by row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from math import prod
from typing import Any, Final

import h5py
import numpy as np
from h5py import h5d, h5g, h5o, h5t

from h5saver_widget.backends.h5py_attributes import as_key, as_text
from h5saver_widget.backends.h5py_examine import has_addresses, has_odd_chunks, list_members, read_raw
from h5saver_widget.backends.h5py_filters import missing_filters
from h5saver_widget.backends.h5py_objects import (
    ERRORS,
    Copied,
    chunk_offsets,
    copy_attributes,
    copy_part,
    in_words,
    made_like,
    named,
)
from h5saver_widget.backends.h5py_unpacking import require_possible_lengths
from h5saver_widget.backends.shown_again import LOST_VIEW

__all__ = ["rescue"]

#: Larger arrays are copied piece by piece, so that something is heard of it.
_AT_ONCE: Final = 256 << 20
_PIECE: Final = 8 << 20
_MOST_FAILURES: Final = 2000
_MAX_DEPTH: Final = 200

Box = list[tuple[int, int]]


def rescue(
    source: h5py.File, target: str, size: int, skip: Mapping[str, str], care: Set[str], hollow: Set[str]
) -> Iterator[dict[str, Any]]:
    """Make a file `target` of everything in `source` that can be read.

    In a damaged file nothing is larger than the file, of `size` bytes, unless it is compressed. Objects to `skip` end
    or hang the library, with this effect; those to `care` for do so when they are copied at once, and are copied in
    pieces; `hollow` ones do so when they are read at all, and are made without their content.

    Yields
    ------
    dict
        ``at``: what is copied next; ``object``, ``state`` (whole, part, lost) and ``what`` or ``boxes`` with ``shape``.
    """
    with h5py.File(target, "w", libver=("earliest", "latest"), userblock_size=source.userblock_size) as made:
        work = _Rescue(source, made, size, skip, care, hollow)
        yield {"at": "/"}
        yield {"object": "/", **_attributes(source, made)}
        yield from work.group(source, made, "/", 0)
        yield {"at": "/"}
        yield from work.references()
        yield from work.views()


class _Rescue:
    def __init__(
        self, source: h5py.File, made: h5py.File, size: int, skip: Mapping[str, str], care: Set[str], hollow: Set[str]
    ) -> None:
        self._source, self._made, self._size, self._skip = source, made, size, skip
        self._care, self._hollow = care, hollow
        self._copied = Copied(made)
        self._copied.places[h5py.h5o.get_info(source.id).addr] = "/"

    def group(self, old: Any, new: Any, path: str, depth: int) -> Iterator[dict[str, Any]]:
        names: list[bytes] = []
        try:
            list_members(old, names)
        except ERRORS as error:
            yield {"object": path, "state": "part", "what": f"names in this group: {in_words(error)}"}
        for name in names:
            where = f"{path.rstrip('/')}/{as_text(name.decode('utf-8', 'surrogateescape'))}"
            yield {"at": where}
            if where in self._skip and where not in self._hollow:
                yield _lost(where, self._skip[where])
                continue
            try:
                if self._copied.link(old, new, name):
                    yield {"object": where, "state": "whole"}
                else:
                    yield from self._object(old, new, name, where, depth)
            except ERRORS as error:
                yield _lost(where, in_words(error))

    def _object(self, old: Any, new: Any, name: bytes, where: str, depth: int) -> Iterator[dict[str, Any]]:
        how = named(old.id.links.get_info(name).cset)
        found, known = self._copied.again(old, new, name, where)
        if known is None:
            yield _lost(where, "another name of something that is lost")
            return
        if known:
            yield {"object": where, "state": "whole"}
            return
        if isinstance(found, h5g.GroupID):
            made = self._copied.group(found, new, name, how)
            yield {"object": where, **_attributes(h5py.Group(found), made)}
            if depth >= _MAX_DEPTH or where in self._hollow:
                yield _lost(where, f"what is in this group: {self._skip.get(where, f'it is {depth} groups deep')}")
                return
            yield from self.group(h5py.Group(found), made, where, depth + 1)
            return
        if where not in self._care and self._is_copied_at_once(old, new, name, how, found):
            yield {"object": where, "state": "whole"}
        elif isinstance(found, h5t.TypeID):
            kind = found.copy()
            kind.commit(new.id, name, lcpl=how)
            yield {"object": where, **_attributes(h5py.Datatype(found), h5py.Datatype(kind))}
        else:
            yield from self._array(found, new, name, where, how)
        if not new.id.links.exists(name):
            address = next(key for key, place in self._copied.places.items() if place == where)
            self._copied.places[address] = None

    def _is_copied_at_once(self, old: Any, new: Any, name: bytes, how: Any, found: Any) -> bool:
        """Have the library copy an object; tell whether it is whole."""
        try:
            if isinstance(found, h5d.DatasetID) and not _is_small_and_whole(found):
                return False
            h5o.copy(old.id, name, new.id, name, None, how)
        except ERRORS:
            if new.id.links.exists(name):
                new.id.unlink(name)
            return False
        return True

    def _array(self, old: Any, new: Any, name: bytes, where: str, how: Any) -> Iterator[dict[str, Any]]:
        """Copy an array piece by piece."""
        layout, kind, shape = old.get_create_plist().get_layout(), old.get_type(), old.shape or ()
        if layout != h5d.CHUNKED and prod(shape) * kind.get_size() > self._size + _PIECE:
            raise OSError(f"it claims {prod(shape) * kind.get_size():,} bytes, more than the file has")
        made, is_odd = made_like(old, new, name, how), has_odd_chunks(old)
        lost: list[Box] = []
        value = ""
        try:
            if where in self._hollow:
                lost.append([(0, n) for n in shape])
            elif layout == h5d.CHUNKED and not has_addresses(kind) and not is_odd:
                yield from _copy_chunks(old, made, where, lost)
            else:
                yield from _copy_rows(old, made, where, lost)
        except ERRORS as error:
            if shape:
                new.id.unlink(name)
                yield _lost(where, in_words(error))
                return
            _fill(made, [])
            value = f"its value: {in_words(error)}"
        result = _attributes(h5py.Dataset(old), h5py.Dataset(made))
        if value:
            result |= {"state": "part", "what": value}
        elif lost:
            result |= {"state": "part", "boxes": lost, "shape": list(shape)}
        elif is_odd:
            what = "some rows: its list of chunks is damaged, and fill values are in their place"
            result |= {"state": "part", "what": what}
        yield {"object": where, **result}

    def references(self) -> Iterator[dict[str, Any]]:
        """Have the references in the new file point to the same objects as before: they are empty after a copy."""
        for place in filter(None, self._copied.places.values()):
            try:
                lost = self._copied.renew(self._source[place], self._made[place])
            except ERRORS as error:
                lost = [in_words(error)]
            if lost:
                yield {"object": place, "state": "part", "what": "; ".join(lost)}

    def views(self) -> Iterator[dict[str, Any]]:
        """Leave out arrays that show others of which none is there: HDF5 would show zeros, or end with an error."""
        hollow = set[str]()
        for place in filter(None, self._copied.places.values()):
            with suppress(*ERRORS):
                found = h5o.open(self._made.id, as_key(place))
                plan = found.get_create_plist() if isinstance(found, h5d.DatasetID) else None
                if plan is not None and plan.get_layout() == h5d.VIRTUAL:
                    count = plan.get_virtual_count()
                    shown = [plan.get_virtual_dsetname(i) for i in range(count) if plan.get_virtual_filename(i) == "."]
                    if len(shown) == count and not any(path in self._made for path in shown):
                        del self._made[place]
                        hollow.add(place.rpartition("/")[0])
                        yield _lost(place, LOST_VIEW)
        for entry in filter(lambda node: isinstance(node, h5py.Group), self._made.values()):
            links = {name: entry.get(name, getlink=True) for name in entry if hollow}
            for name, link in links.items():
                if isinstance(link, h5py.SoftLink) and link.path in hollow:  # validators would ask for its data
                    del entry[name]
                    if entry.attrs.get("default") == name:
                        del entry.attrs["default"]


def _lost(where: str, what: str) -> dict[str, Any]:
    return {"object": where, "state": "lost", "what": what}


def _attributes(old: Any, new: Any) -> dict[str, Any]:
    """Copy attributes one by one, and return the state that the object is in."""
    missing = copy_attributes(old, new)
    if missing:
        return {"state": "part", "what": f"attributes {', '.join(missing)}"[:300]}
    return {"state": "whole"}


def _is_small_and_whole(dataset: Any) -> bool:
    """Tell whether all chunks that are packed can be unpacked: the library copies them as they are."""
    if dataset.get_storage_size() > _AT_ONCE or has_odd_chunks(dataset):
        return False
    require_possible_lengths(dataset)
    if not dataset.get_create_plist().get_nfilters() or missing_filters(dataset):
        return True
    for offset in chunk_offsets(dataset):
        _unpack(dataset, offset)
    return True


def _copy_chunks(old: Any, made: Any, where: str, lost: list[Box]) -> Iterator[dict[str, Any]]:
    shape, step = old.shape, old.get_create_plist().get_chunk()
    is_packed = old.get_create_plist().get_nfilters() and not missing_filters(old)
    for number, offset in enumerate(chunk_offsets(old)):
        if number % 64 == 0:
            yield {"at": where}
        try:
            if is_packed:
                _unpack(old, offset)
            mask, content = old.read_direct_chunk(offset)
            made.write_direct_chunk(offset, content, mask)
        except ERRORS:
            lost.append([(at, min(at + n, end)) for at, n, end in zip(offset, step, shape, strict=True)])
            _fill(made, lost[-1])


def _copy_rows(old: Any, made: Any, where: str, lost: list[Box]) -> Iterator[dict[str, Any]]:
    shape = old.shape
    if not shape:
        copy_part(old, made) if shape is not None and old.get_space().get_simple_extent_npoints() else None
        return
    step = max(1, _PIECE // max(1, prod(shape[1:]) * old.get_type().get_size()))
    waiting = [(start, min(start + step, shape[0])) for start in range(0, shape[0], step)][::-1]
    failures = 0
    while waiting and 0 not in shape:
        start, stop = waiting.pop()
        yield {"at": where}
        try:
            copy_part(old, made, start, stop)
        except ERRORS:
            failures += 1
            if stop - start > 1 and failures < _MOST_FAILURES:
                middle = (start + stop) // 2
                waiting += [(middle, stop), (start, middle)]
            else:
                lost.append([(start, stop), *((0, n) for n in shape[1:])])
                _fill(made, lost[-1])


def _unpack(dataset: Any, offset: tuple[int, ...]) -> None:
    """Read a chunk through its filters; OSError if that can't be done."""
    step = dataset.get_create_plist().get_chunk()
    count = tuple(min(n, end - at) for at, n, end in zip(offset, step, dataset.shape, strict=True))
    if has_addresses(dataset.get_type()):
        _ = h5py.Dataset(dataset)[tuple(slice(at, at + n) for at, n in zip(offset, count, strict=True))]
        return
    space = dataset.get_space()
    space.select_hyperslab(offset, count)
    read_raw(dataset, space, count)


def _fill(made: Any, box: Box) -> None:
    """Have numbers that are lost be no numbers, where there is such a thing."""
    if made.get_type().get_class() == h5t.FLOAT:
        h5py.Dataset(made)[tuple(slice(*ends) for ends in box)] = np.nan
