"""Read the text of Python values (the output of ``repr``) without ever running it.

Files hold the ``repr`` of attribute values, and other programs read them with ``eval``. This reader is a tokenizer and
a recursive descent over a fixed list of constructors (numbers, text, containers, dates, numpy scalars and arrays).
It is not built on :mod:`ast`, whose parser can exhaust the C stack on hostile text.
"""

from __future__ import annotations

import ast
import datetime
import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from h5saver_widget.errors import CodecError

__all__ = ["MAX_DEPTH", "MAX_TEXT", "NUMPY_SCALARS", "checked_dtype", "parse_literal"]

MAX_TEXT: Final = 64 * 1024 * 1024
"""Longest text (characters) that is read or written as one value."""

MAX_DEPTH: Final = 100
"""Deepest nesting of containers; the parser of CPython, used by the peer, stops at 200 brackets."""

# Texts are taken run by run, and nothing is given back: a megabyte of settings takes 10 ms instead of 150.
_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<text>b?(?:'[^'\\\n]*+(?:\\[\s\S][^'\\\n]*+)*+'|"[^"\\\n]*+(?:\\[\s\S][^"\\\n]*+)*+"))
    | (?P<number>(?:0[xX][0-9a-fA-F]+|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?j?))
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
    | (?P<mark>[-+()\[\]{},:=])
    | (?P<end>\Z)
    )""",
    re.VERBOSE,
)

_WHOLE: Final = "int8 int16 int32 int64 uint8 uint16 uint32 uint64 longlong ulonglong"
NUMPY_SCALARS: Final[dict[str, type[np.generic]]] = {
    kind.__name__: kind
    for kind in (getattr(np, name) for name in f"{_WHOLE} float16 float32 float64 complex64 complex128".split())
}
"""The numpy number types that are read, by the name they are written with."""

_NAMES: Final[dict[str, object]] = {
    "None": None,
    "True": True,
    "False": False,
    "nan": float("nan"),
    "inf": float("inf"),
    "np.nan": float("nan"),
    "np.inf": float("inf"),
    "np.True_": np.True_,
    "np.False_": np.False_,
    "datetime.timezone.utc": datetime.UTC,
}

_DTYPE: Final = re.compile(r"[<>=|]?(?:(?:bool|u?int|float|complex)[0-9]{0,3}|[USbiufc][0-9]{0,7}|\?)\Z")


def _scalar(*kinds: type) -> Callable[[Any], Any]:
    """Return a function that lets only values of these kinds pass."""

    def check(value: Any) -> Any:
        if not isinstance(value, kinds):
            raise ValueError(f"{type(value).__name__} is not expected here")
        return value

    return check


_is_int = _scalar(int)
_is_number = _scalar(int, float, complex, np.number, np.bool_)
_is_number_or_text = _scalar(int, float, complex, str, np.number, np.bool_)
_is_text = _scalar(str)


def _number(kind: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda value=0, /: kind(_is_number_or_text(value))


def _complex(real: Any = 0, imag: Any = 0) -> complex:
    if isinstance(real, str):
        return complex(real)
    return complex(float(_is_number(real)), float(_is_number(imag))) if imag or not isinstance(real, complex) else real


def _date(*args: int) -> datetime.date:
    return datetime.date(*map(_is_int, args))


def _time(*args: int, tzinfo: datetime.tzinfo | None = None, fold: int = 0) -> datetime.time:
    return datetime.time(*map(_is_int, args)).replace(tzinfo=tzinfo, fold=fold)


def _datetime(*args: int, tzinfo: datetime.tzinfo | None = None, fold: int = 0) -> datetime.datetime:
    return datetime.datetime(*map(_is_int, args)).replace(tzinfo=tzinfo, fold=fold)


def _qt_time(*args: int) -> datetime.time:
    """Return the time of Qt's time: its last number is milliseconds."""
    if len(args) > 4:
        raise ValueError("hour, minute, second and millisecond are expected")
    hour, minute, second, milliseconds = ([*map(_is_int, args), 0, 0, 0, 0])[:4]
    return datetime.time(hour, minute, second, 1000 * milliseconds)


def _qt_datetime(*args: int) -> datetime.datetime:
    return datetime.datetime.combine(_date(*args[:3]), _qt_time(*args[3:]))


def _timedelta(*args: int, **parts: int) -> datetime.timedelta:
    return datetime.timedelta(*map(_is_int, args), **{name: _is_int(value) for name, value in parts.items()})


def _datetime64(*args: str) -> np.datetime64:
    return np.datetime64(*map(_is_text, args))


def checked_dtype(name: object, count: int, kinds: str = "biufcUS") -> np.dtype[Any]:
    """Return the dtype of this name if it is a simple one whose array of `count` items is small enough.

    Simple are booleans, integers, floats, complex numbers and fixed-length text; `kinds` are the letters of those that
    are allowed, as in ``dtype.kind``.

    ValueError if the dtype is of another kind or the array would be larger than ``MAX_TEXT`` bytes.

    >>> checked_dtype('float32', 3)
    dtype('float32')
    """
    if not isinstance(name, str) or not _DTYPE.match(name):
        raise ValueError(f"{name!r} is not the name of a simple dtype")
    try:
        dtype = np.dtype(name)
    except TypeError as error:
        raise ValueError(f"{name!r} is not the name of a simple dtype") from error
    if dtype.kind not in kinds:
        raise ValueError(f"an array of {name} is not read here")
    if dtype.itemsize == 0 or dtype.itemsize * max(count, 1) > MAX_TEXT:
        raise ValueError(f"an array of {count} items of {name} has no size or too large a size for an attribute")
    return dtype


def _count(value: Any) -> int:
    """Return how many items nested lists hold; text is refused, a few long items would fill the memory."""
    if isinstance(value, (list, tuple)):
        return sum(map(_count, value))
    _is_number(value)
    return 1


def _array(content: Any, dtype: object = None, shape: Any = None) -> np.ndarray[Any, Any]:
    if shape is not None:  # how numpy shows an array without items
        return _zeros(shape, dtype or "float64")
    count = _count(content)
    if dtype is not None:
        return np.array(content, dtype=checked_dtype(dtype, count, "biufc"))
    array = np.array(content)
    if array.dtype.kind not in "biufc":
        raise ValueError("the items of the array are not numbers of one type")
    return array


def _zeros(shape: Any, dtype: object = "float64") -> np.ndarray[Any, Any]:
    """Build an empty array of this shape; the only ones written this way have a length of 0 somewhere."""
    if not isinstance(shape, tuple) or 0 not in shape:
        raise ValueError("only arrays without items are written as zeros")
    return np.zeros(tuple(map(_is_int, shape)), dtype=checked_dtype(dtype, 0, "biufc"))


_QT_MODULES: Final = ("PyQt5", "PyQt6", "PySide2", "PySide6")

_CALLS: Final[dict[str, Callable[..., Any]]] = {
    "int": _number(int),
    "float": _number(float),
    "complex": _complex,
    "bool": _number(bool),
    "str": _is_text,
    "datetime.date": _date,
    "datetime.time": _time,
    "datetime.datetime": _datetime,
    "datetime.timedelta": _timedelta,
    # as PyMoDAQ wrote dates until its version 4
    **{f"{module}.QtCore.QDate": _date for module in _QT_MODULES},
    **{f"{module}.QtCore.QTime": _qt_time for module in _QT_MODULES},
    **{f"{module}.QtCore.QDateTime": _qt_datetime for module in _QT_MODULES},
    "datetime.timezone": lambda *args: datetime.timezone(*args),
    "array": _array,
    "np.array": _array,
    "np.zeros": _zeros,
    "np.str_": _is_text,
    "np.bytes_": _scalar(bytes),
    "np.bool_": lambda value: np.bool_(_is_number(value)),
    "np.bool": lambda value: np.bool_(_is_number(value)),
    "np.datetime64": _datetime64,
    **{f"np.{name}": _number(kind) for name, kind in NUMPY_SCALARS.items()},
}


class _Reader:
    """One pass over one text; `value` reads a value and leaves the next token in `kind`, `token`."""

    __slots__ = ("kind", "position", "text", "token")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.kind = ""
        self.token = ""
        self.advance()

    def advance(self) -> None:
        match = _TOKEN.match(self.text, self.position)
        if match is None:
            raise ValueError(f"unexpected character at position {self.position}: {self.text[self.position :][:20]!r}")
        self.kind = match.lastgroup or ""
        self.token = match.group(self.kind)
        self.position = match.end()

    def take(self, mark: str) -> bool:
        if self.kind == "mark" and self.token == mark:
            self.advance()
            return True
        return False

    def expect(self, mark: str) -> None:
        if not self.take(mark):
            raise ValueError(f"{mark!r} expected before position {self.position}, got {self.token[:20]!r}")

    def value(self, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        kind, token = self.kind, self.token
        if kind == "text":
            self.advance()
            return ast.literal_eval(token)
        if kind == "number" or token in ("-", "+"):
            return self.number()
        if kind == "name":
            return self.named(depth)
        if self.take("("):
            items, comma = self.items(")", depth)
            return items[0] if len(items) == 1 and not comma else tuple(items)
        if self.take("["):
            return self.items("]", depth)[0]
        if self.take("{"):
            return self.mapping(depth)
        raise ValueError(f"a value is expected before position {self.position}, got {token[:20]!r}")

    def items(self, closing: str, depth: int) -> tuple[list[Any], bool]:
        found: list[Any] = []
        comma = False
        while not self.take(closing):
            if found and not comma:
                raise ValueError(f"',' or {closing!r} expected before position {self.position}")
            found.append(self.value(depth + 1))
            comma = self.take(",")
        return found, comma

    def mapping(self, depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        comma = True
        while not self.take("}"):
            if not comma:
                raise ValueError(f"',' or '}}' expected before position {self.position}")
            key = self.value(depth + 1)
            self.expect(":")
            found[key] = self.value(depth + 1)
            comma = self.take(",")
        return found

    def one_number(self) -> Any:
        sign = -1 if self.take("-") else 1
        if sign == 1:
            self.take("+")
        kind, token = self.kind, self.token
        self.advance()
        if kind == "name" and token in ("inf", "nan", "np.inf", "np.nan", "infj", "nanj"):
            number: Any = float(token.removeprefix("np.")[:3])
            return complex(0, sign * number) if token.endswith("j") else sign * number
        if kind != "number":
            raise ValueError(f"a number is expected before position {self.position}, got {token[:20]!r}")
        if token.endswith("j"):
            return complex(0.0, sign * float(token[:-1]))
        if token[:2] in ("0x", "0X"):
            return sign * int(token, 16)
        return sign * (int(token) if token.isdigit() else float(token))

    def number(self) -> Any:
        negative = self.token == "-"
        first = self.one_number()
        if self.kind == "mark" and self.token in "+-" and not isinstance(first, complex):
            second = self.one_number()
            if not isinstance(second, complex):
                raise ValueError("sums are only read as complex numbers")
            return complex(first or (-0.0 if negative else 0.0), second.imag)
        return first

    def named(self, depth: int) -> Any:
        name = self.token
        if name.startswith("numpy."):
            name = "np." + name[6:]
        if name in ("infj", "nanj", "inf", "nan"):
            return self.number()
        self.advance()
        if not self.take("("):
            if name in _NAMES:
                return _NAMES[name]
            raise ValueError(f"the name {name[:40]!r} is not one that is read")
        call = _CALLS.get(name)
        if call is None:
            raise ValueError(f"{name[:40]!r} is not a constructor that is read")
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        comma = True
        while not self.take(")"):
            if not comma:
                raise ValueError(f"',' or ')' expected before position {self.position}")
            key = self.keyword()
            if key is None:
                args.append(self.value(depth + 1))
            elif key == "dtype" and self.kind == "name":
                kwargs[key] = self.token
                self.advance()
            else:
                kwargs[key] = self.value(depth + 1)
            comma = self.take(",")
        return call(*args, **kwargs)

    def keyword(self) -> str | None:
        if self.kind != "name" or not self.text.startswith("=", self.position):
            return None
        key = self.token
        self.advance()
        self.advance()
        return key


def parse_literal(text: str) -> Any:
    """Return the value that a text describes, as ``repr`` would write it.

    It consists of numbers, text, bytes, None, True, False, ``nan``, ``inf``, tuples, lists, dicts, and calls of
    ``datetime.*``, ``np.<number type>``, ``np.array`` and ``float``, ``int``, ``str``, ``bool``, ``complex`` on such
    values. Nothing else than these constructors is ever called.

    CodecError if the text is anything else, longer than ``MAX_TEXT`` or nested deeper than ``MAX_DEPTH``.

    >>> parse_literal("(1, -2.5, 'x', np.float64(0.25), float('nan'))")
    (1, -2.5, 'x', np.float64(0.25), nan)
    >>> parse_literal("__import__('os').getcwd()")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    h5saver_widget.errors.CodecError: ...
    """
    if len(text) > MAX_TEXT:
        raise CodecError(f"{len(text)} characters; at most {MAX_TEXT} are read as a value: read it as plain text")
    try:
        reader = _Reader(text)
        value = reader.value(0)
        if reader.kind != "end":
            raise ValueError(f"the value ends before position {reader.position}")
    except (ValueError, TypeError, ArithmeticError, SyntaxError, RecursionError, MemoryError, Warning) as error:
        raise CodecError(
            f"{text[:60]!r} is not the text of a plain value ({error}); expected numbers, text, dates or containers of"
            " them: show it as text"
        ) from error
    return value
