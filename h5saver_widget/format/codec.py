"""Attribute values and log lines as they stand in a file: text that is written by value and read without running it.

The format is the one of PyMoDAQ 5.3.8 (docs/file-format.md, section 2): an attribute is the JSON text
``{"module": ..., "type": ..., "data": repr(value)}`` and a log line is the pickle of a string. The peer reads the
former with ``eval`` and the latter with ``pickle.loads``; here both are parsed as data, so that a hostile file is
never more than text.
"""

from __future__ import annotations

import datetime
import json
import math
from enum import Enum
from json.encoder import encode_basestring_ascii as _quote
from pathlib import PurePath
from typing import Any, Final

import numpy as np

from h5saver_widget.errors import CodecError
from h5saver_widget.format.literals import MAX_DEPTH, MAX_TEXT, NUMPY_SCALARS, checked_dtype, parse_literal
from h5saver_widget.format.log_lines import decode_log_line, encode_log_line
from h5saver_widget.format.text import text_of

__all__ = ["decode", "decode_log_line", "encode", "encode_log_line", "literal_text"]

_BUILTIN: Final = '{"module": "builtins", "type": "'
_STR: Final = _BUILTIN + 'str", "data": '
_INT: Final = _BUILTIN + 'int", "data": "'
_FLOAT: Final = _BUILTIN + 'float", "data": "'
_TUPLE: Final = _BUILTIN + 'tuple", "data": "'
_TRUE: Final = _BUILTIN + 'bool", "data": "True"}'
_FALSE: Final = _BUILTIN + 'bool", "data": "False"}'

_PLAIN_TYPES: Final = (type(None), bool, int, float, complex, str, bytes, tuple, list, dict)


def _float_text(value: float) -> str:
    """Write nan and inf as calls: the peer knows no names ``nan`` and ``inf``, but reads ``float('nan')``."""
    return repr(value) if math.isfinite(value) else f"float('{value!r}')"


def _complex_text(value: complex) -> str:
    """Write ``complex(re, im)`` where the sum of repr would be unreadable (nan) or lose the sign of a zero."""
    parts = (value.real, value.imag)
    if all(math.isfinite(x) and (x or math.copysign(1, x) > 0) for x in parts):
        return repr(value)
    return f"complex({_float_text(parts[0])}, {_float_text(parts[1])})"


def _fixed_offset(value: Any) -> datetime.tzinfo | None:
    """Return the time zone of a date or time as a plain offset, the only kind that can be written as text."""
    if value.tzinfo is None or type(value.tzinfo) is datetime.timezone:
        return value.tzinfo
    offset = value.utcoffset()
    return None if offset is None else datetime.timezone(offset)


def _date_text(value: Any) -> str:
    if isinstance(value, datetime.datetime):
        day = (value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond)
        return repr(datetime.datetime(*day, tzinfo=_fixed_offset(value), fold=value.fold))
    if isinstance(value, datetime.date):
        return repr(datetime.date(value.year, value.month, value.day))
    if isinstance(value, datetime.time):
        clock = (value.hour, value.minute, value.second, value.microsecond)
        return repr(datetime.time(*clock, tzinfo=_fixed_offset(value), fold=value.fold))
    return repr(datetime.timedelta(value.days, value.seconds, value.microseconds))


def _numpy_text(value: np.generic) -> str:
    """Write a numpy scalar as numpy 2 does, ``np.float64(0.25)``, with any version of numpy."""
    name = type(value).__name__
    if isinstance(value, np.bool_):
        return "np.True_" if value else "np.False_"
    if isinstance(value, np.datetime64):
        unit = np.datetime_data(value.dtype)[0]
        return f"np.datetime64('NaT', '{unit}')" if np.isnat(value) else f"np.datetime64('{value}', '{unit}')"
    if name not in NUMPY_SCALARS:
        raise CodecError(
            f"a numpy scalar of type {name} cannot be written as an attribute; expected a number, text or date:"
            " convert it to one"
        )
    number = value.item()
    if isinstance(number, complex):
        return f"np.{name}({_complex_text(number)})"
    if isinstance(number, float):
        return f"np.{name}({value!s})" if math.isfinite(number) else f"np.{name}('{number!r}')"
    return f"np.{name}({number!r})"


def _array_text(value: np.ndarray[Any, Any], depth: int) -> str:
    """Write an array that is an item of something; of numbers only, text is a list of str there."""
    _check_array(value, "biufc")
    if value.size == 0 and value.shape != (0,):
        return f"np.zeros({value.shape!r}, dtype='{value.dtype.name}')"
    return f"np.array({literal_text(value.tolist(), depth + 1)}, dtype='{value.dtype.name}')"


def _check_array(value: np.ndarray[Any, Any], kinds: str = "biufcUS") -> None:
    if value.dtype.kind not in kinds or value.dtype.name in ("longdouble", "clongdouble", "float128", "complex256"):
        raise CodecError(
            f"an array of dtype {value.dtype} cannot be written as an attribute; expected booleans, numbers (up to"
            " 64 bit) or, not inside another value, fixed-length text: convert it, or save it as a data set"
        )
    if value.nbytes > MAX_TEXT:
        raise CodecError(f"an array of {value.nbytes} bytes is too large for an attribute: save it as a data set")


def literal_text(value: Any, depth: int = 0) -> str:
    """Return the Python text of a value; the peer evaluates it with the names ``np`` and ``datetime``.

    CodecError if the value, or one inside it, is of a type that :func:`encode` does not write.

    >>> literal_text((1, float('nan')))
    "(1, float('nan'))"
    """
    if depth > MAX_DEPTH:
        raise CodecError(f"a value is nested deeper than {MAX_DEPTH} levels (or contains itself): save it flatter")
    if isinstance(value, Enum):
        return repr(value.name)
    if isinstance(value, np.generic) and not isinstance(value, (np.str_, np.bytes_)):
        return _numpy_text(value)
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, str):
        return str.__repr__(value) if type(value) is str else repr(str.__str__(value))
    if isinstance(value, bytes):
        return repr(bytes(value))
    if isinstance(value, int):
        return int.__repr__(value)
    if isinstance(value, float):
        return _float_text(float(value))
    if isinstance(value, complex):
        return _complex_text(complex(value))
    if isinstance(value, (tuple, list)):
        items = [literal_text(item, depth + 1) for item in value]
        if isinstance(value, list):
            return "[" + ", ".join(items) + "]"
        return f"({items[0]},)" if len(items) == 1 else "(" + ", ".join(items) + ")"
    if isinstance(value, dict):
        return (
            "{"
            + ", ".join(f"{literal_text(k, depth + 1)}: {literal_text(v, depth + 1)}" for k, v in value.items())
            + "}"
        )
    if isinstance(value, PurePath):
        return repr(str(value))
    if isinstance(value, (datetime.date, datetime.time, datetime.timedelta)):
        return _date_text(value)
    if isinstance(value, np.ndarray):
        return _array_text(value, depth)
    raise CodecError(
        f"a value of type {type(value).__module__}.{type(value).__qualname__} cannot be written as an attribute;"
        " expected text, numbers, dates, None, small arrays, or tuples, lists and dicts of them: convert it first"
    )


def _named_type(value: Any) -> tuple[str, str]:
    """Return the module and type names under which a value is written."""
    if isinstance(value, (Enum, PurePath, str)):
        return "builtins", "str"
    if isinstance(value, np.bool_):
        return "numpy", "bool"
    if isinstance(value, np.generic) and not isinstance(value, np.bytes_):
        return "numpy", type(value).__name__
    for kind in _PLAIN_TYPES:
        if isinstance(value, kind):
            return "builtins", kind.__name__
    for date_kind in (datetime.datetime, datetime.date, datetime.time, datetime.timedelta):
        if isinstance(value, date_kind):
            return "datetime", date_kind.__name__
    return type(value).__module__, type(value).__name__


def _encode_array(value: np.ndarray[Any, Any]) -> str:
    """Write an array as a flat JSON list (complex numbers as pairs) with its dtype and shape in keys of their own."""
    _check_array(value)
    kind = value.dtype.kind
    flat = np.ascontiguousarray(value).ravel()
    if kind == "c":
        flat = np.column_stack((flat.real, flat.imag)).ravel()
    items = [item.decode("latin-1") for item in flat.tolist()] if kind == "S" else flat.tolist()
    name = value.dtype.name if kind in "biufc" else value.dtype.str
    wrapper = {"module": "numpy", "type": "ndarray", "data": json.dumps(items), "dtype": name, "shape": value.shape}
    return json.dumps(wrapper)


def _encode_any(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return _encode_array(value)
    module, name = _named_type(value)
    return json.dumps({"module": module, "type": name, "data": literal_text(value)})


def encode(value: Any) -> str:
    """Return the text under which a value is stored as an attribute.

    Values are str, bytes, int, float, complex, bool, None, dates and times, numpy scalars and arrays (small: they
    become text), enum members (their name), paths, or tuples, lists, dicts of these. The JSON text is read by PyMoDAQ
    as the same value, or, for None, dict, complex, timedelta, arrays and numpy scalars other than float64 and bool, as
    a dict describing it.

    CodecError if the value is of another type, too large or too deeply nested.

    >>> encode((5, 1))
    '{"module": "builtins", "type": "tuple", "data": "(5, 1)"}'
    >>> decode(encode(None)) is None
    True
    """
    kind = type(value)
    try:
        # a new node has 14 attributes: these types take 0.3 to 0.6 us so, and 3 to 5 us as all others do
        if kind is str:
            text = f"{_STR}{_quote(repr(value))}}}"
        elif kind is bool:
            text = _TRUE if value else _FALSE
        elif kind is int:
            text = f'{_INT}{value!r}"}}'
        elif kind is float and math.isfinite(value):
            text = f'{_FLOAT}{value!r}"}}'
        elif kind is tuple and set(map(type, value)) <= {int}:
            text = f'{_TUPLE}{value!r}"}}'
        else:
            text = _encode_any(value)
    except CodecError:
        raise
    except ValueError as error:  # an integer with more digits than Python is willing to write
        raise CodecError(f"{error}: save the number as text") from error
    if len(text) > MAX_TEXT:
        raise CodecError(f"an attribute of {len(text)} characters; at most {MAX_TEXT} are read back: save a data set")
    return text


def _wrapper(text: str) -> dict[str, Any] | None:
    """Return the parsed wrapper if the text is one, None if it is any other text."""
    if not text.startswith("{") or '"data"' not in text or len(text) > MAX_TEXT:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError, MemoryError):
        return None
    if not isinstance(found, dict) or not {"module", "type", "data"} <= found.keys() <= _KEYS:
        return None
    return found if all(isinstance(found[key], str) for key in ("module", "type", "data")) else None


_KEYS: Final = frozenset({"module", "type", "data", "dtype", "shape"})


def _unwrap_array(found: dict[str, Any]) -> np.ndarray[Any, Any]:
    try:
        items, shape = json.loads(found["data"]), found["shape"]
        if not isinstance(items, list) or not isinstance(shape, list):
            raise ValueError("data and shape of an array are JSON lists")
        dtype = checked_dtype(found["dtype"], len(items))
        if dtype.kind == "S":
            items = [item.encode("latin-1") for item in items]
        if dtype.kind == "c":
            half = np.array(items, dtype=f"f{dtype.itemsize // 2}")
            return np.ascontiguousarray(half).view(dtype).reshape(shape)
        return np.array(items, dtype=dtype).reshape(shape)
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError, RecursionError, MemoryError) as error:
        raise CodecError(f"an array attribute cannot be read ({error}): show it as text") from error


def _unwrap(found: dict[str, Any]) -> Any:
    name, text = found["type"], found["data"]
    if name == "ndarray" and "shape" in found:
        return _unwrap_array(found)
    value = parse_literal(text)
    # numpy 1 wrote the bare number
    if found["module"] == "numpy" and type(value) in (int, float, complex, bool) and name in (*NUMPY_SCALARS, "bool_"):
        try:
            return NUMPY_SCALARS.get(name, np.bool_)(value)
        except (ValueError, TypeError, OverflowError) as error:
            raise CodecError(f"{text[:60]!r} is not a number of type {name}: show it as text") from error
    return value


def _native(raw: Any) -> Any:
    """Return a raw attribute as a str where it is text, as a Python value where it is a number."""
    if isinstance(raw, str):
        return str(raw)
    if isinstance(raw, bytes):
        text = text_of(raw)
        return bytes(raw) if text is None else text
    if isinstance(raw, np.ndarray) and raw.ndim == 0:
        return _native(raw[()])
    if isinstance(raw, np.ndarray) and raw.dtype.kind == "S":  # text, unless one of it is none
        texts = [text_of(item) for item in raw.flat]
        return raw if None in texts else np.array(texts, dtype=np.str_).reshape(raw.shape)
    if isinstance(raw, (np.bool_, np.number)) and type(raw).__name__ in (*NUMPY_SCALARS, "bool", "bool_"):
        return raw.item()
    if getattr(raw, "shape", ()) is None and hasattr(raw, "dtype"):  # an empty data space: how '' is stored
        return "" if np.dtype(raw.dtype).kind in "SUO" else None
    return raw


def decode(raw: object) -> Any:
    """Return the value of an attribute; accepts any content of a file, and never runs it.

    The stored value is str, bytes, a numpy or native scalar, an array, an empty data space. It becomes the wrapped
    value, or the wrapped text itself if that is not the text of a plain value; plain text stays unchanged (``'123'``
    and ``'true'`` stay text); native numbers become Python numbers.

    >>> decode('{"module": "numpy", "type": "float64", "data": "np.float64(0.25)"}'), decode('123')
    (np.float64(0.25), '123')
    >>> decode('{"module": "builtins", "type": "str", "data": "exit()"}')
    'exit()'
    """
    native = _native(raw)
    found = _wrapper(native) if isinstance(native, str) else None
    if found is None:
        return native
    try:
        return _unwrap(found)
    except CodecError:
        return found["data"]
