"""The attributes of a node as a mapping: decoded when read, wrapped when written, cut into parts when too long."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from h5saver_widget.backends.terms import NodeKind
from h5saver_widget.errors import CodecError, NodeError
from h5saver_widget.format import codec

if TYPE_CHECKING:
    from h5saver_widget.backends.base import Backend
    from h5saver_widget.backends.terms import Handle, RawAttribute

__all__ = ["Attributes", "raw_attributes", "storable_text"]

#: Attributes that HDF5 libraries read as they are; all others are wrapped by the codec.
_PLAIN = frozenset({"CLASS", "TITLE", "VERSION", "PYTABLES_FORMAT_VERSION", "EXTDIM", "FLAVOR", "swmr_active"})
_ALIASES = {"title": "TITLE"}
_PART = re.compile(r"(.+)__part[0-9]{4,5}")
_PARTS = '{"module": "h5saver_widget", "type": "parts", "data": "'


def raw_attributes(values: Mapping[str, Any], max_bytes: int | None = None) -> dict[str, RawAttribute]:
    """Return attributes as they are stored; CodecError if a value can't be.

    Texts longer than the backend stores in one attribute, `max_bytes`, are cut into numbered parts (1 MB of settings),
    which reading puts together again.

    >>> raw_attributes({'TITLE': 'Spectrum', 'size': 5})
    {'TITLE': 'Spectrum', 'size': '{"module": "builtins", "type": "int", "data": "5"}'}
    """
    raw: dict[str, RawAttribute] = {}
    for name, value in values.items():
        name = _ALIASES.get(name, name)
        if not name or "\0" in name or "/" in name:
            raise CodecError(f"{name!r} can't name an attribute: use a name without '/' and without NUL")
        if name in _PLAIN:
            raw[name] = storable_text(value) if isinstance(value, str) else value
            continue
        # PyTables stores a plain text as bytes of fixed length, which PyMoDAQ with h5py does not take for units
        if name == "units" and max_bytes is None and isinstance(value, str) and _is_read_as_text(value):
            raw[name] = storable_text(value)
            continue
        text = codec.encode(value)
        if max_bytes is None or len(text) <= max_bytes:
            raw[name] = text
            continue
        parts = [text[i : i + max_bytes] for i in range(0, len(text), max_bytes)]
        raw[name] = f'{_PARTS}{len(parts)}"}}'
        raw.update({_part(name, number): part for number, part in enumerate(parts)})
    return raw


def _is_read_as_text(text: str) -> bool:
    """Tell whether PyMoDAQ, which reads JSON as a value, reads a plain text as this very text.

    Units are written plainly where that is so: NeXus readers and everybody else show the attribute as it stands.

    >>> _is_read_as_text('nm'), _is_read_as_text('1'), _is_read_as_text('')
    (True, False, False)
    """
    try:
        json.loads(text)
    except ValueError:
        return bool(text) and storable_text(text) == text
    except RecursionError:
        return False
    return False


@functools.lru_cache(1024)
def storable_text(text: str) -> str:
    """Return a text that HDF5 can hold: without NUL, which ends it, and without lone surrogates."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()


def _part(name: str, number: int) -> str:
    return f"{name}__part{number:04d}"


def _base_name(name: str) -> str | None:
    """Return the name of the attribute that this is a part of, None if it is whole."""
    match = _PART.fullmatch(name)
    return match[1] if match else None


class Attributes(MutableMapping[str, Any]):
    """The attributes of a node, decoded; setting one writes it to the file.

    Values are text, numbers, dates, None, small arrays, or tuples, lists and dicts of them; ``'title'`` is ``TITLE``.
    """

    def __init__(self, backend: Backend, handle: Handle) -> None:
        self._backend = backend
        self._handle = handle

    def __getitem__(self, name: str) -> Any:
        """Return a value; NodeError (a KeyError) if there is no such attribute, or it can't be read."""
        name = _ALIASES.get(name, name)
        raw = self._backend.get_attributes(self._handle, [name])
        if name not in raw:
            if name == "CLASS" and self._backend.kind(self._handle) is NodeKind.LINK:
                return "LINK"  # PyMoDAQ's browser asks each node for its class, and stops at one that has none
            path = self._backend.path_of(self._handle)
            if name in self:
                raise NodeError(f"the attribute {name!r} of {path} can't be read: it is damaged, or of an unknown type")
            raise NodeError(f"{path} has no attribute {name!r}; it has: {', '.join(self.attrs_name)}")
        return self._decode(name, raw[name])

    def _decode(self, name: str, raw: RawAttribute) -> Any:
        if not isinstance(raw, str) or not raw.startswith(_PARTS):
            return codec.decode(raw)
        count = raw[len(_PARTS) :].partition('"')[0]
        names = [_part(name, number) for number in range(int(count) if count.isdigit() and len(count) < 6 else 0)]
        parts = self._backend.get_attributes(self._handle, names)
        return codec.decode("".join(str(parts.get(part, "")) for part in names))

    def __setitem__(self, name: str, value: Any) -> None:
        """Write a value, replacing an existing one."""
        name = _ALIASES.get(name, name)
        raw = raw_attributes({name: value}, self._backend.capabilities.max_attribute_bytes)
        with self._backend.lock:
            stale = [part for part in self._part_names(name) if part not in raw]
            self._backend.set_attributes(self._handle, raw)
            for part in stale:
                self._backend.delete_attribute(self._handle, part)

    def __delitem__(self, name: str) -> None:
        """Remove an attribute."""
        name = _ALIASES.get(name, name)
        with self._backend.lock:
            for part in (name, *self._part_names(name)):
                self._backend.delete_attribute(self._handle, part)

    def _part_names(self, name: str) -> list[str]:
        return [n for n in self._backend.attribute_names(self._handle) if _base_name(n) == name]

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names."""
        return iter(self.attrs_name)

    def __len__(self) -> int:
        """Return the number of attributes."""
        return len(self.attrs_name)

    def __contains__(self, name: object) -> bool:
        """Tell whether there is an attribute of that name."""
        return isinstance(name, str) and _ALIASES.get(name, name) in self._backend.attribute_names(self._handle)

    @property
    def attrs_name(self) -> list[str]:
        """Names of the attributes, sorted."""
        names = self._backend.attribute_names(self._handle)
        known = set(names)
        return [name for name in names if _base_name(name) not in known]

    def to_dict(self) -> dict[str, Any]:
        """Return all attributes as a dict."""
        raw = self._backend.get_attributes(self._handle)
        return {name: self._decode(name, value) for name, value in raw.items() if _base_name(name) not in raw}

    def __repr__(self) -> str:
        """Return the attributes as a dict would show them."""
        return repr(self.to_dict())
