"""Text out of bytes (UTF-8, and Latin-1 as older programs wrote it; never lossy), and sizes as text for people."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["format_size", "shown_text", "text_of"]

#: Bytes that no text of one byte a character has: control characters but tab and the ends of lines; the mark of UTF-16.
_NO_TEXT: Final = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f-\x9f\xff]")


def text_of(raw: bytes) -> str | None:
    r"""Return bytes as text, None for other content: pictures, packed numbers.

    >>> text_of('µm'.encode()), text_of(b'\xb5m'), text_of(b'\x89PNG\r\n\x1a\n')
    ('µm', 'µm', None)
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None if _NO_TEXT.search(raw) else raw.decode("latin-1")


def shown_text(raw: bytes, errors: str = "backslashreplace") -> str:
    r"""Return any bytes as text; `errors` decides about bytes that are no text.

    >>> shown_text(b'\xb0C'), shown_text(b'\xff\x00')
    ('°C', '\\xff\x00')
    """
    text = text_of(raw)
    return raw.decode("utf-8", errors) if text is None else text


def format_size(count: float) -> str:
    """Return a number of bytes for people.

    >>> format_size(999), format_size(1_440_000_000)
    ('999 B', '1.4 GB')
    """
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.95 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
