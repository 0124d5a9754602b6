"""The messages between a program and its worker: plain data in msgpack, never a pickle.

On top of msgpack's own types there are numpy arrays and scalars, number types, slices and ``...``; sequences arrive as
tuples. A process that reads a hostile file can send nothing but such values: no code, no objects.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from enum import IntEnum
from types import EllipsisType
from typing import Any

import msgpack
import numpy as np

from h5saver_widget import errors
from h5saver_widget.errors import CodecError, H5SaverError

__all__ = ["LENGTH", "ROWS", "Kind", "Notice", "error_from", "error_of", "pack", "unpack"]

LENGTH = struct.Struct("=Q")
"""In front of every answer: its length."""

ROWS = struct.Struct("=QQQ")
"""Of a record of rows: number of the array, number of rows, bytes."""


class Kind(IntEnum):
    """Kinds of records in the ring."""

    call = 1
    """msgpack of (number of the call, primitive, arguments): an answer is waited for."""
    post = 2
    """msgpack of (primitive, arguments): nothing is answered; an error is a notice."""
    rows = 3
    """u64 number of entries, a ROWS for each, then the values of all: rows to append."""
    values = 4
    """u64 length of the head, msgpack of (selection, ((array, dtype, shape), ...)), then the values: part of arrays."""
    frame = 5
    """The frame whose rows came last is complete."""
    spoilt = 7
    """The frame whose rows came last was given up half-way."""
    row = 8
    """u64 number of a layout that was declared, then the values: a row for each of its arrays."""
    part = 6
    """A piece of a call that is too long for the ring; the call itself follows."""


class Notice(IntEnum):
    """A message of the worker without a question: the answer to call number 0 is a tuple that begins with one."""

    room = 1
    """There is room in the ring again."""
    problem = 2
    """(arrays by number, message): something of these arrays can't be written; all others go on."""
    trouble = 3
    """(message): the disk refuses to take what was written, and it is tried again; empty once it has taken it."""
    failed = 4
    """(message): nothing more can be written into this file."""


class _Extension(IntEnum):
    array = 1
    scalar = 2
    complex = 3
    slice = 4
    ellipsis = 5
    dtype = 6
    integer = 7
    objects = 8


def pack(value: Any) -> bytes:
    """Return a value as bytes; CodecError if it holds something that is no plain data."""
    return msgpack.packb(value, default=_extend, strict_types=True, unicode_errors="surrogatepass")  # type: ignore[no-any-return]


def unpack(data: bytes | memoryview) -> Any:
    """Return the value that :func:`pack` made bytes of; sequences are tuples, arrays may be written to."""
    return msgpack.unpackb(
        data,
        ext_hook=_restore,
        use_list=False,
        strict_map_key=False,
        unicode_errors="surrogatepass",
        max_ext_len=2**32 - 1,
        max_bin_len=2**32 - 1,
    )


def _extend(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return list(value)
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return msgpack.ExtType(_Extension.objects, pack([value.shape, [_plain(v) for v in value.flat]]))
        return msgpack.ExtType(_Extension.array, pack([_spec(value.dtype), value.shape, value.tobytes()]))
    if isinstance(value, np.void) and value.dtype.hasobject:  # one row of a table
        return msgpack.ExtType(_Extension.objects, pack([(), [_plain(value)]]))
    if isinstance(value, np.generic) and not value.dtype.hasobject:
        return msgpack.ExtType(_Extension.scalar, pack([_spec(value.dtype), value.tobytes()]))
    if isinstance(value, complex):
        return msgpack.ExtType(_Extension.complex, pack([value.real, value.imag]))
    if isinstance(value, slice):
        return msgpack.ExtType(_Extension.slice, pack([_index(value.start), _index(value.stop), _index(value.step)]))
    if isinstance(value, EllipsisType):
        return msgpack.ExtType(_Extension.ellipsis, b"")
    if isinstance(value, np.dtype):
        return msgpack.ExtType(_Extension.dtype, pack(_spec(value)))
    if isinstance(value, int):
        return msgpack.ExtType(_Extension.integer, str(value).encode())
    for plain in (str, bytes, dict, float):
        if isinstance(value, plain):  # of a subclass
            return plain(value)  # type: ignore[arg-type]
    raise CodecError(f"{type(value).__name__} is no plain data; give text, bytes, numbers or arrays of them")


def _plain(value: Any) -> Any:
    """Return an element of an array of objects as plain data; a row of a table with text in it as a tuple."""
    if isinstance(value, np.void) and value.dtype.hasobject:
        value = value.item()
    if isinstance(value, tuple):
        return tuple(_plain(part) for part in value)
    known = (bool, int, float, complex, str, bytes, np.ndarray, np.generic)
    return value if value is None or isinstance(value, known) else str(value)


def _index(value: Any) -> int | None:
    return None if value is None else int(value)


def _spec(dtype: np.dtype[Any]) -> Any:
    """Return a number type as plain data: its code, or those of its fields with their places and shapes."""
    if dtype.names is None:
        return dtype.str
    fields = [(name, *dtype.fields[name][:2]) for name in dtype.names]  # type: ignore[index]
    return dtype.itemsize, [(name, _spec(kind.base), kind.shape, offset) for name, kind, offset in fields]


def _dtype(spec: Any) -> np.dtype[Any]:
    if isinstance(spec, str):
        return np.dtype(spec)
    itemsize, fields = spec
    names, kinds, shapes, offsets = zip(*fields, strict=True) if fields else ((), (), (), ())
    formats = [(_dtype(kind), shape) for kind, shape in zip(kinds, shapes, strict=True)]
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": itemsize})


def _plain_dtype(spec: Any) -> np.dtype[Any]:
    """Return the type of values that came as bytes: never one of objects, whose bytes would be addresses."""
    found = _dtype(spec)
    if found.hasobject:
        raise CodecError(f"{spec!r} is no number type of plain values")
    return found


def _restore(code: int, data: bytes) -> Any:
    match code:
        case _Extension.array:
            spec, shape, raw = unpack(data)
            return np.ndarray(shape, _plain_dtype(spec), buffer=bytearray(raw))
        case _Extension.scalar:
            spec, raw = unpack(data)
            return np.ndarray((), _plain_dtype(spec), buffer=raw)[()]
        case _Extension.complex:
            return complex(*unpack(data))
        case _Extension.slice:
            return slice(*unpack(data))
        case _Extension.ellipsis:
            return ...
        case _Extension.dtype:
            return _dtype(unpack(data))
        case _Extension.integer:
            return int(data)
        case _Extension.objects:
            shape, items = unpack(data)
            found = np.empty(len(items), dtype=object)
            for number, item in enumerate(items):
                found[number] = item
            return found.reshape(shape)
    raise CodecError(f"an unknown kind of value came from the other process: {code}")


_BUILTIN: Iterable[type[Exception]] = (
    FileExistsError,
    FileNotFoundError,
    IndexError,
    KeyError,
    MemoryError,
    OSError,
    PermissionError,
    RuntimeError,
    TypeError,
    ValueError,
)
_ERRORS: dict[str, type[Exception]] = {cls.__name__: cls for cls in _BUILTIN} | {
    name: getattr(errors, name) for name in errors.__all__
}


def error_of(error: BaseException) -> tuple[str, str]:
    """Return an error as plain data."""
    for cls in type(error).__mro__:
        if cls.__name__ in _ERRORS:
            return cls.__name__, str(error)
    return H5SaverError.__name__, f"{type(error).__name__}: {error}"


def error_from(name: str, message: str) -> Exception:
    """Return the error that :func:`error_of` made plain data of."""
    return _ERRORS.get(name, H5SaverError)(message)
