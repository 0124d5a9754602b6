"""Values, shapes and sizes in words: short, and without characters that would disturb a line."""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np

from h5saver_widget.format.text import shown_text

__all__ = [
    "count_text",
    "dtype_text",
    "explained",
    "long_text",
    "number_text",
    "shape_text",
    "shown_value",
]

#: Longest attribute shown in a table, in characters; the settings of an instrument can be a megabyte.
MAX_TEXT: Final = 300
MAX_LONG: Final = 20_000

_NOT_TEXT: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


def shown_value(value: Any, limit: int = MAX_TEXT) -> str:
    """Return an attribute's value as one short line, without characters that would disturb the line.

    >>> shown_value(np.float64(2.5)), shown_value(b'ab'), shown_value('x' * 1000, 20)
    ('2.5', 'ab', 'xxxxxxxxxxxxxxx… (1,000 characters)')
    """
    if isinstance(value, np.ndarray) and value.size > 20:
        return f"{' × '.join(map(str, value.shape))} values of {value.dtype}"
    length = len(value) if isinstance(value, (str, bytes)) else 0
    if length > 2 * limit:
        value = value[: 2 * limit]
    if isinstance(value, bytes):
        value = shown_text(value, "replace")
    text = _NOT_TEXT.sub("\ufffd", " ".join(str(value).split()))
    whole = length if length > len(text) else len(text)
    return text if whole <= limit else f"{text[: limit - 5]}… ({whole:,} characters)"


def shape_text(shape: tuple[int, ...]) -> str:
    """Return a shape for people.

    >>> shape_text((100, 2048)), shape_text(())
    ('100 × 2,048', '1 value')
    """
    return " × ".join(f"{size:,}" for size in shape) or "1 value"


def count_text(count: int, noun: str, plural: str = "") -> str:
    """Return a number of things.

    >>> count_text(1, 'node'), count_text(2000, 'node'), count_text(0, 'row of bytes', 'rows of bytes')
    ('1 node', '2,000 nodes', '0 rows of bytes')
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def long_text(value: Any) -> str:
    """Return a value with its lines, as far as anybody would read it."""
    text = shown_text(value, "replace") if isinstance(value, bytes) else str(value)
    short = text if len(text) <= MAX_LONG else f"{text[:MAX_LONG]}… ({len(text):,} characters)"
    return _NOT_TEXT.sub("\ufffd", short)


def explained(error: Exception) -> str:
    """Return the message of an error, as one line."""
    return shown_value(str(error) or type(error).__name__, 1000)


def number_text(value: Any) -> Any:
    """Return a number with as many figures as tell it from others, anything else as it is."""
    return f"{value:.8g}" if isinstance(value, np.floating) else value


def dtype_text(dtype: np.dtype[Any]) -> str:
    """Return a number type for people.

    >>> dtype_text(np.dtype('f4')), dtype_text(np.dtype('S8')), dtype_text(np.dtype('V3'))
    ('float32', 'text', 'bytes')
    """
    if dtype.names:
        return f"table of {len(dtype.names)} columns"
    return "text" if dtype.kind in "SUO" else "bytes" if dtype.kind == "V" else str(dtype)
